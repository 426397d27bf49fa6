package parse

// This file implements the scanner, which cuts a text into tokens.

import (
	"strings"

	"github.com/zmlx-go/zmlx/internal/source"
)

// Codes of scanning.
const (
	BadCharacter source.Code = "BadCharacter"
	BadComment   source.Code = "BadComment"
	BadLiteral   source.Code = "BadLiteral"
)

// A scanner reads tokens from one text.
type scanner struct {
	s         string
	i         int
	base      source.Pos
	errs      *source.List
	directive bool  // within a directive: the end of the line is a token
	flags     uint8 // for the next token
	badChars  int
}

func (sc *scanner) init(f *source.File, errs *source.List) {
	*sc = scanner{s: f.Text, base: f.Base(), errs: errs, flags: fLine}
	if strings.HasPrefix(sc.s, "\ufeff") {
		sc.i = 3
	}
}

func (sc *scanner) span(from, to int) source.Span {
	return source.Span{Pos: sc.base + source.Pos(from), End: sc.base + source.Pos(to)}
}

// Classes of bytes.
const (
	isLetter uint8 = 1 << iota // _ included
	isDigit
	isBlank // not newline
)

var byteClass = func() (t [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		t[c], t[c-32] = isLetter, isLetter
	}
	t['_'], t['$'] = isLetter, isLetter
	for c := '0'; c <= '9'; c++ {
		t[c] = isDigit
	}
	t[' '], t['\t'], t['\r'], t['\f'], t['\v'] = isBlank, isBlank, isBlank, isBlank, isBlank
	return t
}()

// splice returns the length of the line continuation at i, or 0.
func (sc *scanner) splice(i int) int {
	if i >= len(sc.s) || sc.s[i] != '\\' {
		return 0
	}
	j := i + 1
	for j < len(sc.s) && byteClass[sc.s[j]] == isBlank {
		j++
	}
	if j < len(sc.s) && sc.s[j] == '\n' {
		return j + 1 - i
	}
	if j == len(sc.s) {
		return j - i
	}
	return 0
}

// skip passes white space and comments. It stops at a newline in a directive.
func (sc *scanner) skip() {
	for sc.i < len(sc.s) {
		switch c := sc.s[sc.i]; {
		case byteClass[c] == isBlank:
			sc.i++
			sc.flags |= fSpace
		case c == '\n':
			if sc.directive {
				return
			}
			sc.i++
			sc.flags |= fSpace | fLine
		case c == '\\':
			n := sc.splice(sc.i)
			if n == 0 {
				return
			}
			sc.i += n
			sc.flags |= fSpace
		case c == '/' && sc.i+1 < len(sc.s) && sc.s[sc.i+1] == '/':
			sc.i = sc.lineEnd(sc.i)
			sc.flags |= fSpace
		case c == '/' && sc.i+1 < len(sc.s) && sc.s[sc.i+1] == '*':
			end := strings.Index(sc.s[sc.i+2:], "*/")
			if end < 0 {
				sc.errs.Errorf(sc.span(sc.i, sc.i+2), BadComment, "this comment has no end").Hint = "close it with */"
				sc.i = len(sc.s)
				return
			}
			if !sc.directive && strings.IndexByte(sc.s[sc.i:sc.i+2+end], '\n') >= 0 {
				sc.flags |= fLine
			}
			sc.i += end + 4
			sc.flags |= fSpace
		default:
			return
		}
	}
}

// lineEnd returns the offset of the newline that ends the logical line at i.
func (sc *scanner) lineEnd(i int) int {
	for {
		n := strings.IndexByte(sc.s[i:], '\n')
		if n < 0 {
			return len(sc.s)
		}
		end := i + n
		j := end
		for j > i && byteClass[sc.s[j-1]] == isBlank {
			j--
		}
		if j == i || sc.s[j-1] != '\\' {
			return end
		}
		i = end + 1
	}
}

// next returns the next token.
func (sc *scanner) next() token {
	sc.skip()
	t := token{flags: sc.flags}
	if sc.i >= len(sc.s) {
		t.span = sc.span(len(sc.s), len(sc.s))
		if sc.directive {
			t.kind = tEOL
		}
		return t
	}
	start := sc.i
	c := sc.s[start]
	sc.flags = 0
	switch {
	case byteClass[c] == isLetter:
		t.text = sc.word(start)
		if k, ok := keywords[t.text]; ok {
			t.kind = k
		} else {
			t.kind = tIdent
		}
	case byteClass[c] == isDigit, c == '.' && start+1 < len(sc.s) && byteClass[sc.s[start+1]] == isDigit:
		t.kind = tNumber
		t.text = sc.number(start)
	case c == '"':
		t.kind = sc.quoted(start, '"', tString)
		t.text = sc.s[start:sc.i]
	case c == '\'':
		t.kind = sc.quoted(start, '\'', tChar)
		t.text = sc.s[start:sc.i]
	case c == '\n':
		t.kind = tEOL // the newline itself stays
		t.span = sc.span(start, start)
		return t
	default:
		k, n := punct(sc.s[start:])
		t.kind = k
		if k == tOther {
			sc.badChar()
		} else {
			sc.i = start + n
		}
		t.text = sc.s[start:sc.i]
		if k == tGt {
			sc.flags = fGlued
		}
	}
	t.span = sc.span(start, sc.i)
	if t.kind != tGt && t.kind != tGe {
		t.flags &^= fGlued
	} else if t.flags&fSpace != 0 {
		t.flags &^= fGlued
	}
	return t
}

// word scans an identifier.
func (sc *scanner) word(start int) string {
	i := start + 1
	for i < len(sc.s) && byteClass[sc.s[i]]&(isLetter|isDigit) != 0 {
		i++
	}
	sc.i = i
	if n := sc.splice(i); n > 0 && i+n < len(sc.s) && byteClass[sc.s[i+n]]&(isLetter|isDigit) != 0 {
		head := sc.s[start:i]
		return head + sc.word(i+n)
	}
	return sc.s[start:i]
}

// number scans a preprocessing number; its value is looked at later.
func (sc *scanner) number(start int) string {
	s := sc.s
	i := start + 1
	hex := s[start] == '0' && i < len(s) && s[i]|0x20 == 'x'
	for ; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '.' || byteClass[c]&(isLetter|isDigit) != 0:
		case c == '\'' && i+1 < len(s) && byteClass[s[i+1]]&(isLetter|isDigit) != 0:
		case (c == '+' || c == '-') && (!hex && s[i-1]|0x20 == 'e' || hex && s[i-1]|0x20 == 'p'):
		default:
			sc.i = i
			return s[start:i]
		}
	}
	sc.i = i
	return s[start:i]
}

// quoted scans a string or character literal, quotes included, and returns k,
// or tOther after an error.
func (sc *scanner) quoted(start int, quote byte, k kind) kind {
	i := start + 1
	for i < len(sc.s) && sc.s[i] != quote && sc.s[i] != '\n' {
		if sc.s[i] == '\\' && i+1 < len(sc.s) {
			i++
		}
		i++
	}
	i = min(i, len(sc.s))
	if i < len(sc.s) && sc.s[i] == quote {
		sc.i = i + 1
		return k
	}
	sc.i = i
	sc.errs.Errorf(sc.span(start, start+1), BadLiteral, "this %c has no partner on its line", quote).
		Hint = "apostrophes and quotes in comments are fine; in code they must come in pairs"
	return tOther
}

// badChar reports a character that no token starts with, and passes the run
// of them.
func (sc *scanner) badChar() {
	start := sc.i
	c := sc.s[start]
	sc.i++
	if c >= 0x80 {
		for sc.i < len(sc.s) && sc.s[sc.i] >= 0x80 {
			sc.i++
		}
	}
	if sc.badChars++; sc.badChars > 10 {
		return
	}
	text := sc.s[start:sc.i]
	d := sc.errs.Errorf(sc.span(start, sc.i), BadCharacter, "character %q cannot stand in code", clipRunes(text))
	switch {
	case strings.ContainsAny(text, "−–—"):
		d.Hint = "write - (the ASCII minus)"
	case strings.ContainsAny(text, "“”‘’"):
		d.Hint = "write straight quotes"
	case c >= 0x80:
		d.Hint = "code is ASCII; other characters are allowed in comments only"
	case c == '\\':
		d.Hint = "a backslash continues a line only as its last character"
	case c == '@' || c == '`' || c == '$':
		d.Hint = "remove it"
	}
}

func clipRunes(s string) string {
	n := 0
	for i := range s {
		if n++; n > 8 {
			return s[:i] + "…"
		}
	}
	return s
}

// punct returns the longest operator that s starts with.
func punct(s string) (kind, int) {
	var c1, c2 byte
	if len(s) > 1 {
		c1 = s[1]
	}
	if len(s) > 2 {
		c2 = s[2]
	}
	// eq picks among c, c= and cc.
	eq := func(one, assign, twice kind) (kind, int) {
		switch {
		case c1 == '=' && assign != 0:
			return assign, 2
		case c1 == s[0] && twice != 0:
			return twice, 2
		}
		return one, 1
	}
	switch s[0] {
	case '(':
		return tLParen, 1
	case ')':
		return tRParen, 1
	case '[':
		return tLBrack, 1
	case ']':
		return tRBrack, 1
	case '{':
		return tLBrace, 1
	case '}':
		return tRBrace, 1
	case ';':
		return tSemi, 1
	case ',':
		return tComma, 1
	case '?':
		return tQuestion, 1
	case '~':
		return tTilde, 1
	case ':':
		return eq(tColon, 0, tColon2)
	case '#':
		return eq(tHash, 0, tHash2)
	case '!':
		return eq(tNot, tNe, 0)
	case '*':
		return eq(tStar, tMulEq, 0)
	case '/':
		return eq(tSlash, tDivEq, 0)
	case '%':
		return eq(tPercent, tModEq, 0)
	case '^':
		return eq(tCaret, tXorEq, 0)
	case '=':
		return eq(tAssign, tEq, 0)
	case '+':
		return eq(tPlus, tAddEq, tInc)
	case '&':
		return eq(tAmp, tAndEq, tAnd)
	case '|':
		return eq(tPipe, tOrEq, tOr)
	case '>':
		return eq(tGt, tGe, 0)
	case '<':
		if c1 == '<' {
			if c2 == '=' {
				return tShlEq, 3
			}
			return tShl, 2
		}
		return eq(tLt, tLe, 0)
	case '-':
		if c1 == '>' {
			if c2 == '*' {
				return tArrowStar, 3
			}
			return tArrow, 2
		}
		return eq(tMinus, tSubEq, tDec)
	case '.':
		if c1 == '.' && c2 == '.' {
			return tEllipsis, 3
		}
		if c1 == '*' {
			return tDotStar, 2
		}
		return tDot, 1
	}
	return tOther, 1
}
