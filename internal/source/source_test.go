package source

import (
	"strings"
	"testing"
)

func TestPositions(t *testing.T) {
	var set Set
	a := set.Add("a", "x\nyy\r\n\nz")
	b := set.Add("b", "")
	c := set.Add("c", "hello")
	for _, tt := range []struct {
		pos  Pos
		want string
	}{
		{NoPos, "-"}, {a.Pos(0), "a:1:1"}, {a.Pos(1), "a:1:2"}, {a.Pos(2), "a:2:1"}, {a.Pos(4), "a:2:3"},
		{a.Pos(6), "a:3:1"}, {a.Pos(7), "a:4:1"}, {a.Pos(8), "a:4:2"}, {b.Pos(0), "b:1:1"},
		{c.Pos(4), "c:1:5"}, {c.Pos(5), "c:1:6"}, {c.Pos(6), "-"}, {-3, "-"},
	} {
		if got := set.Position(tt.pos).String(); got != tt.want {
			t.Errorf("position %d is %s, want %s", tt.pos, got, tt.want)
		}
	}
	for n, want := range map[int]string{0: "", 1: "x", 2: "yy", 3: "", 4: "z", 5: ""} {
		if got := a.Line(n); got != want {
			t.Errorf("line %d is %q, want %q", n, got, want)
		}
	}
	if (*Set)(nil).File(1) != nil {
		t.Error("a nil set has a file")
	}
}

func TestSpanTo(t *testing.T) {
	a, b, none := Span{3, 5}, Span{8, 9}, Span{}
	for _, tt := range []struct{ x, y, want Span }{{a, b, Span{3, 9}}, {a, none, a}, {none, b, b}, {none, none, none}} {
		if got := tt.x.To(tt.y); got != tt.want {
			t.Errorf("%v to %v is %v, want %v", tt.x, tt.y, got, tt.want)
		}
	}
}

func TestFormat(t *testing.T) {
	var set Set
	f := set.Add("k", "float é = 1;\n\tint y = x + 2;\n\x1b[2J\n"+strings.Repeat("a", 300)+"b"+strings.Repeat("c", 300))
	span := func(s string) Span {
		i := strings.Index(f.Text, s)
		return Span{f.Pos(i), f.Pos(i + len(s))}
	}
	at := func(s string) Diag { return Diag{Span: span(s), Msg: "wrong"} }
	long := at("b")
	long.Span.Pos++ // the c after
	long.Span.End += 200
	for _, tt := range []struct {
		name string
		d    Diag
		want string
	}{
		{"full", Diag{Span: span("x"), Code: "UndeclaredName", Msg: "undeclared name 'x'", Hint: "did you mean y?",
			Notes: []Note{{span("y"), "declared here"}, {Span{}, "seen nowhere"}}},
			"k:2:10: undeclared name 'x' [UndeclaredName]\n   2 | \tint y = x + 2;\n     | \t        ^\n" +
				"  k:2:6: declared here\n   2 | \tint y = x + 2;\n     | \t    ^\n  note: seen nowhere\n  hint: did you mean y?"},
		{"warning", Diag{Span: span("int y"), Severity: Warning, Msg: "odd"},
			"k:2:2: warning: odd\n   2 | \tint y = x + 2;\n     | \t^~~~~"},
		{"after a wide character", at("= 1;"), "k:1:10: wrong\n   1 | float é = 1;\n     |         ^~~~"},
		{"control characters", at("[2J"), "k:3:2: wrong\n   3 | ?[2J\n     |  ^~~"},
		{"over the end of the line", Diag{Span: Span{span("2;").Pos, span("2;").Pos + 400}, Msg: "wrong"},
			"k:2:14: wrong\n   2 | \tint y = x + 2;\n     | \t            ^~"},
		{"no place", Diag{Msg: "no outputs", Code: "NoOutputs"}, "no outputs [NoOutputs]"},
	} {
		if got := set.Format(tt.d); got != tt.want {
			t.Errorf("%s:\n%s\nwant:\n%s", tt.name, got, tt.want)
		}
	}
	for _, line := range strings.Split(set.Format(long), "\n")[1:] {
		if len(line) > 7+160 {
			t.Errorf("a long line is not cut: %d bytes", len(line))
		}
	}
}

func TestList(t *testing.T) {
	set := &Set{}
	f := set.Add("k", "one two\nthree\n")
	at := func(i int) Span { return Span{f.Pos(i), f.Pos(i + 1)} }
	l := &List{Set: set}
	if l.Err() != nil || (*List)(nil).Err() != nil {
		t.Error("an empty list is an error")
	}
	l.Add(Diag{Span: at(9), Msg: "third"})
	l.Errorf(at(4), "B", "second on its line")
	l.Errorf(at(0), "A", "first %d", 1)
	l.Errorf(at(5), "W", "a warning").Severity = Warning
	if l.Errors() != 3 || l.Err() == nil {
		t.Errorf("%d errors, want 3", l.Errors())
	}
	l.Sort()
	var got []string
	for _, d := range l.Diags {
		got = append(got, d.Msg)
	}
	if s := strings.Join(got, ", "); s != "first 1, a warning, third" {
		t.Errorf("after sorting: %s", s)
	}
	if s := l.Error(); strings.Count(s, "k:") != 3 || strings.HasSuffix(s, "\n") {
		t.Errorf("the whole text is %q", s)
	}
}
