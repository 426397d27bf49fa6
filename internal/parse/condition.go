package parse

// This file implements the integer expressions of #if and #elif.

import (
	"github.com/zmlx-go/zmlx/internal/source"
)

// condition reads the rest of an #if or #elif line and evaluates it.
func (p *pre) condition(at source.Span) bool {
	var toks []token
	for t := p.sc.next(); t.kind != tEOL && t.kind != tEOF; t = p.sc.next() {
		t.flags &^= fLine
		switch {
		case t.kind == tIdent && t.text == "defined":
			paren := false
			if t = p.sc.next(); t.kind == tLParen {
				paren = true
				t = p.sc.next()
			}
			if !t.word() {
				p.errs.Errorf(t.span, BadDirective, "defined needs a name, found %s", &t)
				return false
			}
			v := p.defined(&t)
			if paren {
				if end := p.sc.next(); end.kind != tRParen {
					p.errs.Errorf(end.span, BadDirective, "found %s, expected ')'", &end)
					return false
				}
			}
			toks = append(toks, boolToken(v, t.span))
		case t.kind == tIdent && (t.text == "__has_include" || t.text == "__has_feature" || t.text == "__has_builtin" ||
			t.text == "__has_attribute" || t.text == "__has_extension"):
			depth := 0
			for n := p.sc.next(); n.kind != tEOL; n = p.sc.next() {
				if n.kind == tLParen {
					depth++
				} else if n.kind == tRParen {
					if depth--; depth <= 0 {
						break
					}
				}
			}
			toks = append(toks, boolToken(false, t.span))
		default:
			toks = append(toks, t)
		}
		if !p.spend(1, t.span) {
			return false
		}
	}
	if len(toks) == 0 {
		p.errs.Errorf(at, BadDirective, "this directive needs a condition")
		return false
	}
	end := toks[len(toks)-1].span
	toks = p.expandList(toks)
	if p.stopped {
		return false
	}
	e := evaluator{p: p, toks: append(toks, token{kind: tEOL, span: source.Span{Pos: end.End, End: end.End}})}
	v := e.ternary(true)
	if t := e.cur(); !e.bad && t.kind != tEOL {
		e.fail(t.span, "found %s after the condition, expected an operator", t)
	}
	return !e.bad && v != 0
}

func boolToken(v bool, at source.Span) token {
	text := "0"
	if v {
		text = "1"
	}
	return token{kind: tNumber, text: text, span: at, flags: fSpace}
}

// An evaluator computes one condition. Values are 64-bit integers.
type evaluator struct {
	p     *pre
	toks  []token
	i     int
	depth int
	bad   bool
}

func (e *evaluator) cur() *token { return &e.toks[e.i] }

func (e *evaluator) fail(at source.Span, format string, args ...any) {
	if !e.bad && e.cur().kind != tOther {
		e.p.errs.Errorf(at, BadDirective, format, args...)
	}
	e.bad = true
	e.i = len(e.toks) - 1
}

func (e *evaluator) ternary(live bool) int64 {
	c := e.binary(1, live)
	if e.cur().kind != tQuestion {
		return c
	}
	if !e.enter() {
		return 0
	}
	defer e.leave()
	e.i++
	x := e.ternary(live && c != 0)
	if t := e.cur(); t.kind != tColon {
		e.fail(t.span, "found %s, expected ':'", t)
		return 0
	}
	e.i++
	y := e.ternary(live && c == 0)
	if c != 0 {
		return x
	}
	return y
}

func (e *evaluator) enter() bool {
	if e.depth++; e.depth > maxMacroDepth {
		e.fail(e.cur().span, "this condition nests more than %d deep", maxMacroDepth)
		e.depth--
		return false
	}
	return true
}

func (e *evaluator) leave() { e.depth-- }

// binary evaluates operators of at least the given precedence. Where live is
// false the value does not matter and errors of arithmetic are none.
func (e *evaluator) binary(least int, live bool) int64 {
	x := e.unary(live)
	for !e.bad {
		t := e.cur()
		op, n := t.kind, 1
		if op == tGt && e.i+1 < len(e.toks) && e.toks[e.i+1].kind == tGt && e.toks[e.i+1].flags&fGlued != 0 {
			op, n = tShr, 2
		}
		prec := precedence[op]
		if prec == 0 || prec < least {
			return x
		}
		e.i += n
		y := e.binary(prec+1, live && !(op == tAnd && x == 0) && !(op == tOr && x != 0))
		x = e.apply(t, op, x, y, live && !(op == tAnd && x == 0) && !(op == tOr && x != 0))
	}
	return 0
}

func (e *evaluator) apply(t *token, op kind, x, y int64, live bool) int64 {
	switch op {
	case tStar:
		return x * y
	case tSlash, tPercent:
		if y == 0 {
			if live {
				e.fail(t.span, "division by zero in a condition")
			}
			return 0
		}
		if op == tSlash {
			return x / y
		}
		return x % y
	case tPlus:
		return x + y
	case tMinus:
		return x - y
	case tShl:
		return x << (uint64(y) & 63)
	case tShr:
		return x >> (uint64(y) & 63)
	case tAmp:
		return x & y
	case tPipe:
		return x | y
	case tCaret:
		return x ^ y
	case tLt:
		return truth(x < y)
	case tGt:
		return truth(x > y)
	case tLe:
		return truth(x <= y)
	case tGe:
		return truth(x >= y)
	case tEq:
		return truth(x == y)
	case tNe:
		return truth(x != y)
	case tAnd:
		return truth(x != 0 && y != 0)
	case tOr:
		return truth(x != 0 || y != 0)
	}
	return 0
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (e *evaluator) unary(live bool) int64 {
	if !e.enter() {
		return 0
	}
	defer e.leave()
	t := e.cur()
	if t.kind != tEOL {
		e.i++
	}
	switch {
	case t.kind == tNumber:
		x, msg, _ := parseNumber(t)
		lit, ok := x.(*IntLit)
		if !ok {
			if msg == "" {
				msg = "floating number " + clip(t.text) + " in a condition of the preprocessor"
			}
			e.fail(t.span, "%s", msg)
			return 0
		}
		return int64(lit.Value)
	case t.kind == tChar:
		if lit, ok := parseChar(t).(*IntLit); ok {
			return int64(lit.Value)
		}
		e.fail(t.span, "malformed character %s", t)
	case t.kind == tLParen:
		x := e.ternary(live)
		if c := e.cur(); c.kind != tRParen {
			e.fail(c.span, "found %s, expected ')'", c)
			return 0
		}
		e.i++
		return x
	case t.kind == tNot:
		return truth(e.unary(live) == 0)
	case t.kind == tTilde:
		return ^e.unary(live)
	case t.kind == tMinus:
		return -e.unary(live)
	case t.kind == tPlus:
		return e.unary(live)
	case t.kind == kTrue:
		return 1
	case t.word():
		e.p.warnTemplate(t, "is 0 here")
		if e.cur().kind == tLParen { // F(...) of an undefined F
			e.fail(t.span, "'%s' is not a macro", t.text)
		}
		return 0
	default:
		e.fail(t.span, "found %s in a condition, expected a number or a name", t)
	}
	return 0
}
