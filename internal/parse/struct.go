package parse

// This file implements structs and enums.

// definition reports whether the struct or enum here is defined or declared,
// and not just named.
func (p *parser) definition() bool {
	n := 1
	if p.k == kEnum && (p.peek(n) == kClass || p.peek(n) == kStruct) {
		return true
	}
	if p.peek(n) == tLBrack || p.peek(n) == kAttribute || p.peek(n) == kAlignas {
		return true
	}
	if p.peek(n) == tIdent {
		n++
	}
	if p.peek(n) == tLt {
		return p.head != nil
	}
	return p.peek(n) == tLBrace || p.peek(n) == tColon || p.peek(n) == tSemi && n == 2
}

func defName(d Decl) string {
	switch d := d.(type) {
	case *StructDecl:
		return d.Name
	case *EnumDecl:
		return d.Name
	}
	return ""
}

// typeDef parses a struct, class, union or enum.
func (p *parser) typeDef(s *specs) Decl {
	if p.k == kEnum {
		return p.enum()
	}
	start := p.tok().span
	d := &StructDecl{Template: p.takeHead(), Union: p.k == kUnion}
	p.next()
	p.attributes(nil)
	d.NameSpan = start
	if p.k == tIdent {
		d.Name, d.NameSpan = p.tok().text, p.tok().span
		p.next()
	}
	if p.k == tLt {
		d.SpecArgs = p.templateArgs()
	}
	if p.k == tIdent && p.tok().text == "final" {
		p.next()
	}
	if p.k == tSemi {
		d.Declared = true
		d.At = p.from(start)
		p.names.declareDecl(d)
		return d
	}
	if p.accept(tColon) {
		p.bases(d)
	}
	open := p.tok().span
	if !p.expect(tLBrace) || !p.enter() {
		return d
	}
	defer p.leave()
	scope := p.names.open()
	if d.Name != "" {
		// the name alone is the type inside its own definition
		e := p.names.structEntry(d)
		p.names.declare(d.Name, e)
	}
	outer := p.structName
	p.structName = d.Name
	for p.more() && p.k != tRBrace {
		switch {
		case p.k >= kPublic && p.k <= kProtected && p.peek(1) == tColon:
			p.next()
			p.next()
			continue
		}
		d.Members = p.decl(d.Members, inStruct)
		p.recover()
	}
	p.structName = outer
	p.names.close(scope)
	p.closing(tRBrace, open)
	d.At = p.from(start)
	if d.Name != "" {
		p.names.declareDecl(d)
	}
	return d
}

func (p *parser) bases(d *StructDecl) {
	for !p.bad {
		for p.k >= kPublic && p.k <= kProtected {
			p.next()
		}
		if p.k == kVirtual {
			p.unsupported(p.tok().span, "virtual", "")
			return
		}
		p.accept(kTypename)
		if !p.typeAt() {
			p.expectedType()
			return
		}
		d.Bases = append(d.Bases, p.typeName(true))
		if !p.accept(tComma) {
			return
		}
	}
}

// enum parses enum Name : base { a = 1, b };
func (p *parser) enum() Decl {
	start := p.tok().span
	d := &EnumDecl{}
	p.next()
	if p.k == kClass || p.k == kStruct {
		d.Scoped = true
		p.next()
	}
	p.attributes(nil)
	if p.k == tIdent {
		d.Name = p.tok().text
		p.next()
	}
	if p.accept(tColon) {
		d.Base = p.typeID()
	}
	if p.k == tSemi {
		p.unsupported(start, "enums without enumerators", "define the enum where it is declared")
		return d
	}
	open := p.tok().span
	p.expect(tLBrace)
	for p.k == tIdent && !p.bad {
		t := p.tok()
		it := &EnumItem{Name: t.text}
		p.next()
		p.attributes(nil)
		if p.accept(tAssign) {
			it.X = p.unbounded(p.ternary)
		}
		it.At = p.from(t.span)
		if !d.Scoped {
			p.names.declareValue(it.Name)
		}
		d.Items = append(d.Items, it)
		if !p.accept(tComma) {
			break
		}
	}
	p.closing(tRBrace, open)
	d.At = p.from(start)
	if d.Name != "" {
		p.names.declareDecl(d)
	}
	return d
}
