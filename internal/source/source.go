// Package source holds kernel texts, positions in them, and diagnostics that
// show the line they speak of.
//
// This file implements texts and positions.
package source

import (
	"fmt"
	"sort"
)

// A Pos is a place in one of the files of a Set: the file's base plus a byte
// offset. NoPos, the zero value, is no place at all.
type Pos int32

// NoPos is the position of things that no text spells out.
const NoPos Pos = 0

// A Span is a half-open range of text, Pos to End.
type Span struct{ Pos, End Pos }

// Valid reports whether the span lies in some text.
func (s Span) Valid() bool { return s.Pos != NoPos }

// To returns the span from the start of s to the end of t.
func (s Span) To(t Span) Span {
	if !t.Valid() {
		return s
	}
	if !s.Valid() {
		return t
	}
	return Span{s.Pos, t.End}
}

// A File is one text: a kernel's body, its header, or a text of ours.
type File struct {
	Name string // as shown in diagnostics, such as "saxpy" or "saxpy (header)"
	Text string

	base  Pos
	lines []int32 // offset of each line's first byte; built on first use by Set.Add
}

// Pos returns the position of a byte offset in f.
func (f *File) Pos(offset int) Pos { return f.base + Pos(offset) }

// Base returns the position of the first byte of f.
func (f *File) Base() Pos { return f.base }

// A Set maps positions back to the files they lie in. A Set is not changed
// any more once a compilation's texts were added, and may then be shared.
type Set struct {
	files []*File
}

// Add adds a text and returns its file. Positions of f run from f.Base() to
// f.Base()+len(text), the latter being the end of the text.
func (s *Set) Add(name, text string) *File {
	base := Pos(1)
	if n := len(s.files); n > 0 {
		last := s.files[n-1]
		base = last.base + Pos(len(last.Text)) + 1
	}
	f := &File{Name: name, Text: text, base: base}
	f.lines = append(f.lines, 0)
	for i := 0; i < len(text); i++ {
		if text[i] == '\n' {
			f.lines = append(f.lines, int32(i+1))
		}
	}
	s.files = append(s.files, f)
	return f
}

// Files returns the files in the order they were added.
func (s *Set) Files() []*File { return s.files }

// File returns the file that holds p, or nil.
func (s *Set) File(p Pos) *File {
	if s == nil || p == NoPos {
		return nil
	}
	i := sort.Search(len(s.files), func(i int) bool { return s.files[i].base > p }) - 1
	if i < 0 || int(p-s.files[i].base) > len(s.files[i].Text) {
		return nil
	}
	return s.files[i]
}

// A Position is a Pos made readable. Line and Column count from 1; Column
// counts bytes.
type Position struct {
	File   string
	Line   int
	Column int
}

// String returns "file:line:column".
func (p Position) String() string {
	if p.Line == 0 {
		return "-"
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Position returns the readable form of p.
func (s *Set) Position(p Pos) Position {
	f := s.File(p)
	if f == nil {
		return Position{}
	}
	off := int32(p - f.base)
	line := sort.Search(len(f.lines), func(i int) bool { return f.lines[i] > off }) - 1
	return Position{f.Name, line + 1, int(off-f.lines[line]) + 1}
}

// Line returns the text of the given line, counted from 1, without its end.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.lines) {
		return ""
	}
	start := int(f.lines[n-1])
	end := len(f.Text)
	if n < len(f.lines) {
		end = int(f.lines[n]) - 1
	}
	if end > start && f.Text[end-1] == '\r' {
		end--
	}
	return f.Text[start:end]
}
