package errortest

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

func TestCompare(t *testing.T) {
	set := &source.Set{}
	f := set.Add("t", "a = b /* ERROR \"no b\" */;\nc = d; /* ERRORLINE \"no [cd]\" */\ne /* WARNING `odd` */ = 1;\n")
	at := func(s string, n int) source.Span {
		i := strings.Index(f.Text, s)
		return source.Span{Pos: f.Pos(i), End: f.Pos(i + n)}
	}
	good := []source.Diag{
		{Span: at("b", 1), Msg: "no b here"},
		{Span: at("c =", 1), Msg: "no c"},
		{Span: at("e /", 1), Msg: "odd", Severity: source.Warning},
	}
	if p := compare(set, good); len(p) != 0 {
		t.Errorf("good findings: %q", p)
	}
	if p := compare(set, good[1:]); len(p) != 1 || !strings.Contains(p[0], "t:1:5: no finding") {
		t.Errorf("a missing finding: %q", p)
	}
	if p := compare(set, append([]source.Diag{{Span: at("a =", 1), Msg: "no b"}}, good...)); len(p) != 1 {
		t.Errorf("a finding at another token: %q", p)
	}
	if p := compare(set, append(good[:3:3], good[0])); len(p) != 1 {
		t.Errorf("the same finding twice: %q", p)
	}
	bad := append([]source.Diag(nil), good...)
	bad[2].Severity = source.Error
	if p := compare(set, bad); len(p) != 2 {
		t.Errorf("an error for a warning: %q", p)
	}
}

func TestBadExpectations(t *testing.T) {
	set := &source.Set{}
	set.Add("t", "b /* ERROR \"never met\" */ /* WARNINGLINE \"nor this\" */;\na /* ERROR \"[\" */;\n")
	problems := compare(set, nil)
	if len(problems) != 3 || !strings.Contains(problems[0], "missing closing ]") {
		t.Errorf("a faulty pattern and two open expectations: %q", problems)
	}
}

// An expectation after others is about the token before them all.
func TestSeveralAtOneToken(t *testing.T) {
	set := &source.Set{}
	f := set.Add("t", "x /* ERROR \"one\" */ /* ERROR \"two\" */ = 1;\n")
	span := source.Span{Pos: f.Pos(0), End: f.Pos(1)}
	if p := compare(set, []source.Diag{{Span: span, Msg: "two"}, {Span: span, Msg: "one"}}); len(p) != 0 {
		t.Errorf("both were met: %q", p)
	}
}
