package source

// This file implements diagnostics: what is wrong, where, and what to do.

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// A Code names a kind of error, such as "UndeclaredName". Codes are documented
// in docs/errors.md.
type Code string

// A Severity says how bad a diagnostic is.
type Severity uint8

const (
	Error   Severity = iota // the kernel cannot run
	Warning                 // the kernel runs, but probably not as meant on some device
)

// A Note points at a second place that matters to a diagnostic.
type Note struct {
	Span Span
	Msg  string
}

// A Diag is one finding about a text.
type Diag struct {
	Span     Span
	Code     Code
	Severity Severity
	Msg      string // lower case, no full stop: what was found
	Hint     string // what to do, may be empty
	Notes    []Note
}

// A List is an ordered list of findings about the texts of one Set. A List
// with at least one Error is an error value.
type List struct {
	Set   *Set
	Diags []Diag
}

// Add appends a finding.
func (l *List) Add(d Diag) { l.Diags = append(l.Diags, d) }

// Errorf appends an error.
func (l *List) Errorf(span Span, code Code, format string, args ...any) *Diag {
	l.Diags = append(l.Diags, Diag{Span: span, Code: code, Msg: fmt.Sprintf(format, args...)})
	return &l.Diags[len(l.Diags)-1]
}

// Errors returns the number of findings that are errors.
func (l *List) Errors() int {
	n := 0
	for _, d := range l.Diags {
		if d.Severity == Error {
			n++
		}
	}
	return n
}

// Err returns l if it holds an error, else nil.
func (l *List) Err() error {
	if l == nil || l.Errors() == 0 {
		return nil
	}
	return l
}

// Sort orders the findings by place and keeps the first error of each line,
// so that one mistake is reported once.
func (l *List) Sort() {
	sort.SliceStable(l.Diags, func(i, j int) bool { return l.Diags[i].Span.Pos < l.Diags[j].Span.Pos })
	type line struct {
		file string
		n    int
		sev  Severity
	}
	seen := map[line]bool{}
	kept := l.Diags[:0]
	for _, d := range l.Diags {
		p := l.Set.Position(d.Span.Pos)
		k := line{p.File, p.Line, d.Severity}
		if p.Line > 0 && seen[k] {
			continue
		}
		seen[k] = true
		kept = append(kept, d)
	}
	l.Diags = kept
}

// Error returns the findings in full, each with its line and caret.
func (l *List) Error() string {
	var b strings.Builder
	for i, d := range l.Diags {
		if i > 0 {
			b.WriteByte('\n')
		}
		l.Set.format(&b, d)
	}
	return strings.TrimRight(b.String(), "\n")
}

// Format returns one finding with its line and caret.
func (s *Set) Format(d Diag) string {
	var b strings.Builder
	s.format(&b, d)
	return strings.TrimRight(b.String(), "\n")
}

func (s *Set) format(b *strings.Builder, d Diag) {
	p := s.Position(d.Span.Pos)
	if p.Line > 0 {
		fmt.Fprintf(b, "%s: ", p)
	}
	if d.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(d.Msg)
	if d.Code != "" {
		fmt.Fprintf(b, " [%s]", d.Code)
	}
	b.WriteByte('\n')
	s.snippet(b, d.Span)
	for _, n := range d.Notes {
		if np := s.Position(n.Span.Pos); np.Line > 0 {
			fmt.Fprintf(b, "  %s: %s\n", np, n.Msg)
			s.snippet(b, n.Span)
		} else {
			fmt.Fprintf(b, "  note: %s\n", n.Msg)
		}
	}
	if d.Hint != "" {
		fmt.Fprintf(b, "  hint: %s\n", d.Hint)
	}
}

// snippet writes the line of a span and a caret line under it. The caret line
// repeats the tabs of the text so that it lines up in any terminal.
func (s *Set) snippet(b *strings.Builder, span Span) {
	f := s.File(span.Pos)
	if f == nil {
		return
	}
	p := s.Position(span.Pos)
	text := f.Line(p.Line)
	col := p.Column - 1
	width := int(span.End - span.Pos)
	if width < 1 {
		width = 1
	}
	if col+width > len(text) {
		width = max(len(text)-col, 1)
	}
	const room = 160 // longer lines are cut around the caret
	start := 0
	if len(text) > room {
		start = max(0, min(col-room/2, len(text)-room))
		text = text[start:min(start+room, len(text))]
		width = min(width, max(1, len(text)-(col-start)))
	}
	num := fmt.Sprintf("%4d | ", p.Line)
	fmt.Fprintf(b, "%s%s\n", num, printable(text))
	b.WriteString(strings.Repeat(" ", len(num)-2) + "| ")
	for i := 0; i < col-start && i < len(text); i++ {
		switch {
		case text[i] == '\t':
			b.WriteByte('\t')
		case text[i]&0xC0 != 0x80: // one column for each character, not byte
			b.WriteByte(' ')
		}
	}
	b.WriteByte('^')
	if end := min(col-start+width, len(text)); end > col-start+1 {
		width = utf8.RuneCountInString(text[max(col-start, 0):end])
	}
	if width > 1 {
		b.WriteString(strings.Repeat("~", width-1))
	}
	b.WriteByte('\n')
}

// printable replaces control characters, which could upset a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
