package parse

// This file implements expressions: operators, calls and casts.

import "github.com/zmlx-go/zmlx/internal/source"

// precedence orders the infix operators; 0 is no infix operator.
var precedence = [numKinds]int{
	tStar: 10, tSlash: 10, tPercent: 10, tPlus: 9, tMinus: 9, tShl: 8, tShr: 8, tLt: 7, tGt: 7, tLe: 7, tGe: 7,
	tEq: 6, tNe: 6, tAmp: 5, tCaret: 4, tPipe: 3, tAnd: 2, tOr: 1,
}

// expr parses an expression with commas.
func (p *parser) expr() Expr {
	x := p.ternary()
	for n := 0; p.k == tComma && !p.bad; n++ {
		op := p.tok().span
		p.next()
		y := p.ternary()
		x = p.infix(",", op, x, y, n)
	}
	return x
}

// infix makes a binary node, the nth of a chain.
func (p *parser) infix(op string, at source.Span, x, y Expr, n int) Expr {
	if n > maxChain {
		p.fail(at, TooDeep, "this chain has more than %d operators", maxChain)
	}
	if p.bad {
		return x
	}
	return &Binary{At: At{join(x.Range(), y.Range())}, Op: op, OpSpan: at, X: x, Y: y}
}

// bad stands for an expression that has an error.
var badExpr = &NullLit{}

// ternary parses an expression without commas: assignments and conditionals.
func (p *parser) ternary() Expr {
	if p.bad || !p.enter() {
		return badExpr
	}
	defer p.leave()
	switch p.k {
	case kThrow:
		p.unsupported(p.tok().span, "exceptions", "write a status to an output instead")
		return badExpr
	case kCoAwait:
		p.unsupported(p.tok().span, "coroutines", "")
		return badExpr
	}
	x := p.binary(1)
	if p.bad {
		return x
	}
	switch {
	case p.k == tQuestion:
		p.next()
		a := p.unbounded(p.expr)
		if p.k != tColon {
			p.expected("':' of the conditional")
			return x
		}
		p.next()
		b := p.ternary()
		if p.bad {
			return x
		}
		return &Cond{At{join(x.Range(), b.Range())}, x, a, b}
	case p.k >= tAssign && p.k <= tOrEq:
		op, at := p.k, p.tok().span
		p.next()
		return p.assign(spelling[op], at, x)
	case p.k == tGt && p.peek(1) == tGe && p.toks[p.i+1].flags&fGlued != 0 && !p.noGT:
		at := join(p.tok().span, p.toks[p.i+1].span)
		p.next()
		p.next()
		return p.assign(">>=", at, x)
	}
	return x
}

func (p *parser) assign(op string, at source.Span, x Expr) Expr {
	y := p.initValue()
	if p.bad {
		return x
	}
	return &Assign{At: At{join(x.Range(), y.Range())}, Op: op, OpSpan: at, X: x, Y: y}
}

// initValue parses an expression without commas, or a list in braces.
func (p *parser) initValue() Expr {
	if p.k == tLBrace {
		return p.initList()
	}
	return p.ternary()
}

// binary parses infix operators of at least the given precedence.
func (p *parser) binary(least int) Expr {
	x := p.unary()
	for n := 0; !p.bad; n++ {
		op, at, toks := p.k, p.tok().span, 1
		prec := precedence[op]
		if prec == 0 {
			return x
		}
		if op == tGt {
			if p.noGT {
				return x
			}
			if next := p.peek(1); (next == tGt || next == tGe) && p.toks[p.i+1].flags&fGlued != 0 {
				if next == tGe {
					return x // >>=
				}
				op, toks, prec = tShr, 2, precedence[tShr]
				at = join(at, p.toks[p.i+1].span)
			}
		}
		if prec < least {
			return x
		}
		for range toks {
			p.next()
		}
		y := p.binary(prec + 1)
		x = p.infix(spelling[op], at, x, y, n)
	}
	return x
}

// unary parses prefix operators and casts.
func (p *parser) unary() Expr {
	if p.bad {
		return badExpr
	}
	t := p.tok()
	switch p.k {
	case tPlus, tMinus, tNot, tTilde, tStar, tAmp, tInc, tDec:
		if !p.enter() {
			return badExpr
		}
		defer p.leave()
		p.next()
		x := p.unary()
		if p.bad {
			return badExpr
		}
		return &Unary{p.from(t.span), spelling[t.kind], x}
	case kSizeof, kAlignof:
		return p.sizeof()
	case kNew, kDelete:
		p.unsupported(t.span, spelling[t.kind], "kernels cannot allocate; declare an array of fixed size")
		return badExpr
	case tLParen:
		var typ TypeExpr
		p.next()
		isCast := p.tryType(func() bool { return p.k == tRParen }, &typ)
		if isCast {
			p.next()
			return p.cast(t.span, typ)
		}
		x := p.paren(t.span)
		return p.postfix(x)
	}
	return p.postfix(p.primary())
}

// paren parses an expression after its opening parenthesis.
func (p *parser) paren(open source.Span) Expr {
	x := p.unbounded(p.expr)
	p.closing(tRParen, open)
	if p.bad {
		return badExpr
	}
	return &Paren{p.from(open), x}
}

// cast parses what comes after (T).
func (p *parser) cast(open source.Span, typ TypeExpr) Expr {
	if !p.enter() {
		return badExpr
	}
	defer p.leave()
	if p.k == tLBrace { // (T){…}
		at := p.tok().span
		p.next()
		args := p.args(tRBrace)
		p.closing(tRBrace, at)
		return p.postfix(&Construct{p.from(open), typ, args, true})
	}
	x := p.unary()
	if p.bad {
		return badExpr
	}
	return &Cast{p.from(open), "", typ, x}
}

func (p *parser) sizeof() Expr {
	t := p.tok()
	if !p.enter() {
		return badExpr
	}
	defer p.leave()
	p.next()
	s := &Sizeof{Align: t.kind == kAlignof}
	open := p.tok().span
	if p.k == tLParen {
		p.next()
		if p.tryType(func() bool { return p.k == tRParen }, &s.Type) {
			p.next()
		} else {
			s.X = p.postfix(p.paren(open))
		}
	} else if p.k == tEllipsis {
		p.unsupported(p.tok().span, "parameter packs", "")
	} else {
		s.X = p.unary()
	}
	s.At = p.from(t.span)
	return s
}

// postfix parses calls, indexing, members, ++ and --.
func (p *parser) postfix(x Expr) Expr {
	for n := 0; !p.bad; n++ {
		if n > maxChain {
			p.fail(p.tok().span, TooDeep, "this chain has more than %d operators", maxChain)
		}
		t := p.tok()
		start := x.Range()
		switch p.k {
		case tLParen:
			p.next()
			c := &Call{Fn: x, Args: p.args(tRParen)}
			p.closing(tRParen, t.span)
			c.At = p.from(start)
			x = c
		case tLBrack:
			if p.peek(1) == tLBrack {
				return x // an attribute
			}
			p.next()
			var i Expr
			if p.k == tRBrack {
				p.expected("an index")
			} else {
				i = p.unbounded(p.expr)
			}
			p.closing(tRBrack, t.span)
			x = &Index{p.from(start), x, i}
		case tDot, tArrow:
			x = p.member(x)
		case tInc, tDec:
			p.next()
			x = &Postfix{p.from(start), spelling[t.kind], x}
		case tDotStar, tArrowStar:
			p.unsupported(t.span, "pointers to members", "")
		default:
			return x
		}
	}
	return badExpr
}

func (p *parser) member(x Expr) Expr {
	m := &Member{X: x, Arrow: p.k == tArrow}
	start := x.Range()
	p.next()
	template := p.accept(kTemplate)
	t := p.tok()
	switch {
	case p.k == tIdent:
		m.Name, m.NameSpan = t.text, t.span
		p.next()
	case p.k == kOperator:
		p.next()
		if p.typeAt() { // a conversion by name
			to := p.typeID()
			if p.bad {
				return badExpr
			}
			m.Name, m.NameSpan = "operator "+PrintType(to), join(t.span, p.last)
			break
		}
		var d declarator
		p.operatorName(t.span, &d)
		m.Name, m.NameSpan = d.name, d.at
	case p.k == tTilde:
		p.unsupported(t.span, "destructors", "")
		return badExpr
	default:
		p.expected("the name of a member")
		return badExpr
	}
	if p.k == tLt && (template || p.names.methods[m.Name]) {
		if template {
			m.Args, m.HasArgs = p.templateArgs(), true
		} else if p.attempt(func() bool {
			m.Args = p.templateArgs()
			return p.k == tLParen
		}) {
			m.HasArgs = true
		} else {
			m.Args = nil
		}
	}
	m.At = p.from(start)
	return m
}

// args parses expressions up to a closing bracket, which stays.
func (p *parser) args(end kind) []Expr {
	saved := p.noGT
	p.noGT = false
	if end == tRBrace {
		p.lists++
	}
	args := []Expr{}
	for p.k != end && !p.bad {
		if p.k == tDot && p.peek(1) == tIdent && end == tRBrace {
			p.unsupported(p.tok().span, "designated initialisers", "list the values in the order of the fields")
			break
		}
		args = append(args, p.initValue())
		p.ellipsis("write the arguments out")
		if !p.accept(tComma) {
			break
		}
		if p.k == end && end == tRParen {
			p.expected("an argument after ','")
		}
	}
	p.noGT = saved
	if end == tRBrace && p.k == tRBrace {
		p.lists--
	}
	return args
}

func (p *parser) initList() Expr {
	open := p.tok().span
	if !p.enter() {
		return badExpr
	}
	defer p.leave()
	p.next()
	l := &InitList{Elems: p.args(tRBrace)}
	p.closing(tRBrace, open)
	l.At = p.from(open)
	return l
}
