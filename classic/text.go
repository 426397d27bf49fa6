// This file implements generated kernel text that remembers which parts of it
// the user wrote, so that errors show these and not the text around them.

package classic

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A part is a string of the user's within generated text.
type part struct {
	label string // such as "vjp"
	at    int    // offset in the generated text
	text  string
}

func (p part) end() int { return p.at + len(p.text) }

// A text is kernel text in the making.
type text struct {
	b      strings.Builder
	parts  []part
	indent int
}

// line writes a line of generated text. Every § stands for the next of the
// user's parts, whose at is set here.
func (t *text) line(s string, parts ...part) {
	t.b.WriteString(strings.Repeat("    ", t.indent))
	for i, piece := range strings.Split(s, "§") {
		if i > 0 {
			t.part(parts[i-1])
		}
		t.b.WriteString(piece)
	}
	t.b.WriteByte('\n')
}

func (t *text) part(p part) {
	p.at = t.b.Len()
	t.b.WriteString(p.text)
	t.parts = append(t.parts, p)
	if strings.Contains(p.text, "//") { // the comment must not swallow what follows
		t.b.WriteByte('\n')
	}
}

// statements writes statements of the user's, if there are any.
func (t *text) statements(p part) {
	if strings.TrimSpace(p.text) != "" {
		t.line("§", p)
	}
}

func (t *text) open(s string, parts ...part) {
	if s != "" {
		s += " "
	}
	t.line(s+"{", parts...)
	t.indent++
}

func (t *text) close() {
	t.indent--
	t.line("}")
}

func (t *text) String() string { return t.b.String() }

// compileError makes an error of findings about generated text, called name:
// those about the user's parts show these, and so do those that the text
// around a part led to.
func compileError(name, file string, parts []part, list *source.List, context string) *zmlx.CompileError {
	e := &zmlx.CompileError{Kernel: name, Context: context, Caller: caller()}
	set := &source.Set{}
	files := make([]*source.File, len(parts))
	for i, p := range parts {
		files[i] = set.Add(name+" ("+p.label+")", p.text)
	}
	rest := map[*source.File]*source.File{}
	move := func(s source.Span) source.Span {
		f := list.Set.File(s.Pos)
		if f == nil {
			return source.Span{}
		}
		from, to := int(s.Pos-f.Base()), int(s.End-f.Base())
		if f.Name == file {
			if i, a, b := locate(parts, from, to); i >= 0 {
				return source.Span{Pos: files[i].Pos(a), End: files[i].Pos(b)}
			}
		}
		if rest[f] == nil {
			shown := f.Name
			if f.Name == file {
				shown = name + " (generated)"
			}
			rest[f] = set.Add(shown, f.Text)
		}
		return source.Span{Pos: rest[f].Pos(from), End: rest[f].Pos(to)}
	}
	for _, d := range list.Diags {
		d.Span = move(d.Span)
		notes := make([]source.Note, len(d.Notes))
		for i, n := range d.Notes {
			notes[i] = source.Note{Span: move(n.Span), Msg: n.Msg}
		}
		d.Notes = notes
		p := set.Position(d.Span.Pos)
		e.Diagnostics = append(e.Diagnostics, zmlx.Diagnostic{
			Code: string(d.Code), File: p.File, Line: p.Line, Column: p.Column, Warning: d.Severity == source.Warning,
			Message: d.Msg, Hint: d.Hint, Text: set.Format(d),
		})
	}
	return e
}

// locate returns the part that a span of generated text is about, and the span
// within it: the part it starts in, else the first one it covers some of, else
// the end of the part before it on its line.
func locate(parts []part, from, to int) (i, a, b int) {
	for i, p := range parts {
		if p.at <= from && from < p.end() {
			return i, from - p.at, min(max(to, from), p.end()) - p.at
		}
	}
	for i, p := range parts {
		if from < p.end() && p.at < to {
			return i, 0, min(to, p.end()) - p.at
		}
	}
	for i := len(parts) - 1; i >= 0; i-- {
		if n := len(parts[i].text); parts[i].end() <= from && from <= parts[i].end()+2 {
			return i, n, n
		}
	}
	return -1, 0, 0
}

// A fault is what is wrong with a user's string, before it becomes a part of
// any text.
type fault struct {
	at, end int
	code    source.Code
	msg     string
	hint    string
}

// checkExpr finds what would make an expression run into the text around it: it
// is empty, has brackets without their partners, or statements.
func checkExpr(s string, statements bool) *fault {
	type bracket struct {
		c  byte
		at int
	}
	var stack []bracket
	empty := true
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case strings.HasPrefix(s[i:], "//"):
			n := strings.IndexByte(s[i:], '\n')
			if n < 0 {
				n = len(s) - i
			}
			i += n - 1
			continue
		case strings.HasPrefix(s[i:], "/*"):
			n := strings.Index(s[i+2:], "*/")
			if n < 0 {
				return &fault{i, i + 2, "BadComment", "this comment does not end", "end it with */"}
			}
			i += n + 3
			continue
		case c == '(' || c == '[' || c == '{':
			stack = append(stack, bracket{c, i})
		case c == ')' || c == ']' || c == '}':
			want := map[byte]byte{')': '(', ']': '[', '}': '{'}[c]
			if len(stack) == 0 {
				return &fault{i, i + 1, "MissingBracket", fmt.Sprintf("'%c' closes no bracket", c), fmt.Sprintf("remove it, or put a '%c' before", want)}
			}
			if top := stack[len(stack)-1]; top.c != want {
				return &fault{i, i + 1, "MissingBracket", fmt.Sprintf("'%c' meets '%c'", c, top.c), "close the brackets in the reverse order of opening them"}
			}
			stack = stack[:len(stack)-1]
		case c == ';' && len(stack) == 0 && !statements:
			return &fault{i, i + 1, "BadSyntax", "an expression has no statements", "write them as the prelude"}
		}
		if c > ' ' {
			empty = false
		}
	}
	switch {
	case len(stack) > 0:
		top := stack[len(stack)-1]
		return &fault{top.at, top.at + 1, "MissingBracket", fmt.Sprintf("'%c' is not closed", top.c), ""}
	case empty && !statements:
		return &fault{0, 0, "BadSyntax", "the expression is empty", ""}
	}
	return nil
}

// checkParts returns the first fault among the user's strings as an error.
func checkParts(name string, statements bool, parts ...part) error {
	for _, p := range parts {
		if f := checkExpr(p.text, statements); f != nil {
			list := &source.List{Set: &source.Set{}}
			file := list.Set.Add("", p.text)
			d := list.Errorf(source.Span{Pos: file.Pos(f.at), End: file.Pos(f.end)}, f.code, "%s", f.msg)
			d.Hint = f.hint
			p.at = 0
			if p.text == "" { // locate has no place in an empty text
				p.text, file.Text = " ", " "
			}
			return compileError(name, "", []part{p}, list, "")
		}
	}
	return nil
}
