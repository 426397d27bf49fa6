// Package errortest checks diagnostics against the expectations that a test's
// sources spell out in comments.
//
// This file implements the two forms of expectation:
//
//	x = y /* ERROR "undeclared" */;      at the token before the comment
//	x = y;  /* ERRORLINE "undeclared" */ anywhere on the line
//
// WARNING and WARNINGLINE expect warnings. The string is a regular expression
// in Go's quotes (either kind). It is matched against the message followed by
// the code, as in "undeclared name 'y' [UndeclaredName]", and the hint.
package errortest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

// A want is one expectation.
type want struct {
	file     *source.File
	at       source.Pos // of the last byte of the token before the comment
	line     int
	anywhere bool // on the line
	severity source.Severity
	text     string
	re       *regexp.Regexp
	met      bool
}

// Check compares findings with the comments of all files in set: each comment
// must be met by a finding of its own, and each finding asked for.
func Check(t testing.TB, set *source.Set, diags []source.Diag) {
	t.Helper()
	for _, problem := range compare(set, diags) {
		t.Error(problem)
	}
}

func compare(set *source.Set, diags []source.Diag) (problems []string) {
	var wants []*want
	for _, f := range set.Files() {
		list, err := collect(set, f)
		if err != nil {
			problems = append(problems, err.Error())
		}
		wants = append(wants, list...)
	}
	for _, d := range diags {
		w := match(set, wants, d)
		if w == nil {
			problems = append(problems, "unexpected finding:\n"+set.Format(d))
			continue
		}
		w.met = true
	}
	for _, w := range wants {
		if !w.met {
			problems = append(problems, fmt.Sprintf("%s: no finding matches %s", set.Position(w.at), w.text))
		}
	}
	return problems
}

// match returns the first open expectation that d meets.
func match(set *source.Set, wants []*want, d source.Diag) *want {
	p := set.Position(d.Span.Pos)
	for _, w := range wants {
		if w.met || w.severity != d.Severity || set.File(d.Span.Pos) != w.file {
			continue
		}
		if w.anywhere {
			if p.Line != w.line {
				continue
			}
		} else if touches := d.Span.Pos <= w.at && w.at < d.Span.End || d.Span.Pos == w.at || d.Span.Pos == w.at+1; !touches {
			continue
		}
		if w.re.MatchString(fmt.Sprintf("%s [%s] %s", d.Msg, d.Code, d.Hint)) {
			return w
		}
	}
	return nil
}

var comment = regexp.MustCompile("/\\*\\s*(ERROR|WARNING)(LINE)?\\s+(\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`)\\s*\\*/")

func collect(set *source.Set, f *source.File) ([]*want, error) {
	var wants []*want
	for _, m := range comment.FindAllStringSubmatchIndex(f.Text, -1) {
		text, err := strconv.Unquote(f.Text[m[6]:m[7]])
		if err != nil {
			return wants, fmt.Errorf("%s: %v", set.Position(f.Pos(m[0])), err)
		}
		re, err := regexp.Compile(text)
		if err != nil {
			return wants, fmt.Errorf("%s: %v", set.Position(f.Pos(m[0])), err)
		}
		w := &want{file: f, anywhere: m[4] >= 0, text: f.Text[m[6]:m[7]], re: re}
		if f.Text[m[2]:m[3]] == "WARNING" {
			w.severity = source.Warning
		}
		w.line = set.Position(f.Pos(m[0])).Line
		w.at = f.Pos(before(f.Text, m[0]))
		wants = append(wants, w)
	}
	return wants, nil
}

// before returns the offset of the last byte of the token before i, passing
// white space and comments.
func before(text string, i int) int {
	for {
		text = strings.TrimRight(text[:i], " \t\r\n")
		i = len(text)
		if !strings.HasSuffix(text, "*/") {
			return max(i-1, 0)
		}
		start := strings.LastIndex(text, "/*")
		if start < 0 {
			return i - 1
		}
		i = start
	}
}
