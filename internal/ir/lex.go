package ir

// This file implements the tokens of the text form.

import (
	"fmt"
	"strconv"
	"strings"
)

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokNewline
	tokWord   // names, registers, symbols, types, numbers
	tokString // quoted
	tokPunct  // one of { } [ ] , = + - * /
)

type token struct {
	kind tokenKind
	text string // of a tokString: its value
	line int
}

func (t token) String() string {
	switch t.kind {
	case tokEOF:
		return "the end of the text"
	case tokNewline:
		return "the end of the line"
	}
	return strconv.Quote(t.text)
}

func isWordByte(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c == '.' || c == ':'
}

// lex splits a text into tokens, the last of which is tokEOF.
func lex(text string) ([]token, error) {
	toks := make([]token, 0, len(text)/4+1)
	line := 1
	for i := 0; i < len(text); {
		c := text[i]
		start := i
		switch {
		case c == '\n':
			toks = append(toks, token{tokNewline, "\n", line})
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case strings.HasPrefix(text[i:], "//"):
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case c == '"':
			quoted, err := strconv.QuotedPrefix(text[i:])
			if err != nil {
				return nil, &lexError{line, "string without an end"}
			}
			value, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, &lexError{line, "malformed string"}
			}
			toks = append(toks, token{tokString, value, line})
			i += len(quoted)
		case isWordByte(c) || c == '%' || c == '@' || c == '-' && i+1 < len(text) && isWordByte(text[i+1]):
			number := c == '-' || c >= '0' && c <= '9'
			for i++; i < len(text); i++ {
				if c := text[i]; isWordByte(c) {
					continue
				} else if number && (c == '+' || c == '-') && text[i-1] == 'e' {
					continue
				}
				break
			}
			toks = append(toks, token{tokWord, text[start:i], line})
		case strings.IndexByte("{}[],=+-*/", c) >= 0:
			toks = append(toks, token{tokPunct, text[i : i+1], line})
			i++
		default:
			return nil, &lexError{line, "unexpected character " + strconv.QuoteRune([]rune(text[i:min(len(text), i+4)])[0])}
		}
	}
	return append(toks, token{tokEOF, "", line}), nil
}

type lexError struct {
	line int
	msg  string
}

func (e *lexError) Error() string { return fmt.Sprintf("%d: %s", e.line, e.msg) }
