package parse

// This file implements primary expressions: literals, names, constructions
// and lambdas.

// primary parses an operand.
func (p *parser) primary() Expr {
	t := p.tok()
	switch p.k {
	case tNumber:
		x, msg, hint := parseNumber(t)
		p.next()
		if msg != "" {
			p.report(t.span, BadLiteral, "%s", msg).Hint = hint
			return &IntLit{At: At{t.span}, Decimal: true}
		}
		return x
	case tChar:
		x := parseChar(t)
		if x == nil {
			p.fail(t.span, BadLiteral, "malformed character %s", t).Hint = "a character literal holds one ASCII character or escape"
			return badExpr
		}
		p.next()
		return x
	case tString:
		s := p.text()
		return &StringLit{p.from(t.span), s}
	case kTrue, kFalse:
		p.next()
		return &BoolLit{At{t.span}, t.kind == kTrue}
	case kNullptr:
		p.next()
		return &NullLit{At{t.span}}
	case kThis:
		p.next()
		return &This{At{t.span}}
	case tLBrack:
		return p.lambda()
	case tLBrace:
		p.fail(t.span, BadSyntax, "found '{', expected an expression").Hint = "a list in braces can only initialise a variable, or follow a type"
		return badExpr
	case kStaticCast, kReinterpretCast, kConstCast:
		p.next()
		return p.castTo(t, spelling[t.kind])
	case kDynamicCast, kTypeid:
		p.unsupported(t.span, spelling[t.kind], "")
		return badExpr
	case tIdent, tColon2:
		return p.name()
	case kThrow, kCoAwait:
		p.unsupported(t.span, spelling[t.kind], "")
		return badExpr
	case kOperator:
		p.unsupported(t.span, "calls of operators by name", "write the operator")
		return badExpr
	case kAsm:
		p.unsupported(t.span, "asm", "")
		return badExpr
	}
	if p.typeAt() {
		return p.construct()
	}
	if t.kind == tEOF {
		p.expected("an expression")
		return badExpr
	}
	d := p.expected("an expression")
	if t.kind == kElse || t.kind == tRBrace {
		d.Hint = ""
	}
	return badExpr
}

// castTo parses <T>(x) after static_cast and the like.
func (p *parser) castTo(t *token, kind string) Expr {
	open := p.tok().span
	if p.k != tLt {
		p.expected("'<' and a type after " + kind)
		return badExpr
	}
	p.next()
	saved := p.noGT
	p.noGT = true
	typ := p.typeID()
	p.noGT = saved
	p.closing(tGt, open)
	open = p.tok().span
	if !p.expect(tLParen) {
		return badExpr
	}
	x := p.unbounded(p.expr)
	p.closing(tRParen, open)
	if p.bad {
		return badExpr
	}
	return &Cast{p.from(t.span), kind, typ, x}
}

// name parses a name and what makes it more than one: its qualifiers,
// template arguments, or the arguments of a construction.
func (p *parser) name() Expr {
	t := p.tok()
	start := t.span
	var path []string
	c := unknown
	if p.k == tIdent && p.peek(1) != tColon2 {
		c = p.names.lookup(t.text).class
	} else {
		_, c = p.scope()
		if c == scopeType {
			path = p.path()
			if p.peek(1) == tColon2 && p.peek(2) == tIdent {
				path = append(path, p.tok().text)
				p.next()
				p.next()
				c = value
			}
		} else if !c.isType() {
			path = p.path()
		}
	}
	if c.isType() {
		return p.construct()
	}
	t = p.tok()
	if p.k != tIdent {
		p.expected("a name after '::'")
		return badExpr
	}
	p.next()
	if c == bitCast && p.k == tLt {
		x := p.castTo(t, "as_type")
		if k, ok := x.(*Cast); ok {
			k.Span = join(start, k.Span)
		}
		return x
	}
	id := &Ident{Path: path, Name: t.text}
	if p.k == tLt && c != value {
		if c == funcTemplate {
			id.Args, id.HasArgs = p.templateArgs(), true
		} else if p.argsAhead() {
			id.Args, id.HasArgs = p.templateArgs(), true
		}
	}
	id.At = p.from(start)
	if p.k == tColon2 && id.HasArgs && !p.bad {
		d := p.fail(t.span, UnknownType, "unknown type '%s'", t.text)
		if p.try == 0 {
			d.Hint = p.nearType(t.text)
		}
	}
	return id
}

// argsAhead reports whether < starts template arguments after a name that is
// not known as a template: then a type follows, which cannot be compared.
func (p *parser) argsAhead() bool {
	switch p.peek(1) {
	case tIdent, tColon2, kVoid, kBool, kChar, kShort, kInt, kLong, kFloat, kDouble, kSigned, kUnsigned, kConst,
		kDevice, kConstant, kThreadgroup, kThread, kTypename, kDecltype:
	default:
		return false
	}
	found := false
	p.attempt(func() bool {
		p.next()
		p.noGT = true
		var t TypeExpr
		found = p.tryType(func() bool { return p.k == tComma || p.k == tGt }, &t)
		return false
	})
	return found
}

// construct parses T(args), T{args} or T::member.
func (p *parser) construct() Expr {
	start := p.tok().span
	s := p.specifiers(true)
	if p.bad {
		return badExpr
	}
	typ := s.typ
	if typ == nil {
		p.expectedType()
		return badExpr
	}
	open := p.tok().span
	switch p.k {
	case tLParen, tLBrace:
		end := p.k + 1
		brace := p.k == tLBrace
		p.next()
		if !p.enter() {
			return badExpr
		}
		args := p.args(end)
		p.closing(end, open)
		p.leave()
		return &Construct{p.from(start), typ, args, brace}
	case tColon2:
		p.next()
		template := p.accept(kTemplate)
		m := &TypeMember{Type: typ}
		if p.k != tIdent {
			p.expected("the name of a member after '::'")
			return badExpr
		}
		m.Name = p.tok().text
		p.next()
		if p.k == tLt && (template || p.names.methods[m.Name]) {
			m.Args, m.HasArgs = p.templateArgs(), true
		}
		m.At = p.from(start)
		return m
	}
	d := p.fail(join(start, p.last), BadSyntax, "%s is a type, found %s after it, expected '('", clip(PrintType(typ)), p.tok())
	if p.toks[p.i].kind == tIdent {
		d.Hint = "a declaration cannot stand here"
	}
	return badExpr
}

// lambda parses [captures](params) -> T { … }.
func (p *parser) lambda() Expr {
	start := p.tok().span
	if !p.enter() {
		return badExpr
	}
	defer p.leave()
	p.next()
	l := &Lambda{}
	for p.k != tRBrack && !p.bad {
		t := p.tok()
		switch {
		case p.k == tAmp && p.peek(1) == tIdent:
			p.next()
			l.Names = append(l.Names, "&"+p.tok().text)
			p.next()
		case p.k == tAmp:
			l.ByRef = true
			p.next()
		case p.k == tAssign:
			l.ByCopy = true
			p.next()
		case p.k == tIdent:
			l.Names = append(l.Names, t.text)
			p.next()
		case p.k == kThis:
			l.Names = append(l.Names, "this")
			p.next()
		default:
			p.expected("an expression, or the captures of a lambda")
			return badExpr
		}
		if p.k == tAssign {
			p.unsupported(t.span, "captures with initialisers", "declare the variable before the lambda")
			return badExpr
		}
		if !p.accept(tComma) {
			break
		}
	}
	p.closing(tRBrack, start)
	scope := p.names.open()
	if p.k == tLParen {
		l.Params = p.params()
	}
	p.accept(kMutable)
	if p.k == kNoexcept {
		p.next()
	}
	p.attributes(nil)
	if p.accept(tArrow) {
		l.Ret = p.typeID()
	}
	if p.k == tLBrace && !p.bad {
		l.Body = p.block()
	} else {
		p.expected("the body of a lambda")
	}
	p.names.close(scope)
	l.At = p.from(start)
	return l
}
