package parse

// This file implements declarations: functions, variables, aliases, templates
// and namespaces.

import "github.com/zmlx-go/zmlx/internal/source"

// A place is where a declaration stands.
type place uint8

const (
	atFile place = iota
	inStruct
	inBlock
)

// decl parses one declaration and appends it to out. It may declare several
// things, or nothing.
func (p *parser) decl(out []Decl, at place) []Decl {
	switch p.k {
	case tSemi:
		p.next()
		return out
	case kStaticAssert:
		if d := p.staticAssert(); !p.bad {
			out = append(out, d)
		}
		return out
	case kUsing:
		return p.using(out)
	case kNamespace:
		return p.namespace(out, at)
	case kTemplate:
		return p.template(out, at)
	case kInline:
		if p.peek(1) == kNamespace {
			p.next()
			return p.namespace(out, at)
		}
	case kAsm:
		p.unsupported(p.tok().span, "asm", "")
		return out
	}
	return p.simple(out, at, nil)
}

// staticAssert parses static_assert(x, "text");
func (p *parser) staticAssert() *StaticAssert {
	s := &StaticAssert{}
	start := p.tok().span
	p.next()
	open := p.tok().span
	p.expect(tLParen)
	s.X = p.ternary()
	if p.accept(tComma) {
		if p.k != tString {
			p.expected("a message in quotes")
		}
		s.Msg = p.text()
	}
	p.closing(tRParen, open)
	s.At = p.from(start)
	p.semicolon("static_assert")
	return s
}

// text parses adjacent string literals.
func (p *parser) text() string {
	out := ""
	for p.k == tString && !p.bad {
		s, ok := unquote(p.tok().text)
		if !ok {
			p.fail(p.tok().span, BadLiteral, "malformed string %s", p.tok())
			return out
		}
		if len(out)+len(s) > maxWord {
			p.fail(p.tok().span, TooLarge, "this string is longer than %d bytes", maxWord)
			return out
		}
		out += s
		p.next()
	}
	return out
}

// using parses using-directives, which leave nothing, and aliases.
func (p *parser) using(out []Decl) []Decl {
	start := p.tok().span
	p.next()
	if p.accept(kNamespace) {
		p.path()
		if !p.accept(tIdent) {
			p.expected("the name of a namespace")
			return out
		}
		p.semicolon("using namespace")
		return out
	}
	if p.k == tIdent && (p.peek(1) == tAssign || p.peek(1) == tLBrack) {
		a := &AliasDecl{Template: p.takeHead(), Name: p.tok().text}
		p.next()
		p.attributes(nil)
		p.expect(tAssign)
		a.Type = p.typeID()
		if p.bad {
			return out
		}
		a.At = p.from(start)
		p.names.declareDecl(a)
		p.semicolon("using " + a.Name)
		return append(out, a)
	}
	// using A::b: names are found by their last part anyway
	p.accept(kTypename)
	if p.k == tIdent && p.peek(1) != tColon2 {
		p.next()
		p.expected("'='")
		return out
	}
	if p.typeAt() {
		p.typeName(true)
	} else {
		p.path()
		if !p.accept(tIdent) {
			p.expected("a name")
			return out
		}
	}
	p.semicolon("using")
	return out
}

// namespace parses namespace a::b { … }.
func (p *parser) namespace(out []Decl, at place) []Decl {
	start := p.tok().span
	p.next()
	if at != atFile {
		p.fail(start, BadDeclaration, "a namespace can stand only outside functions and structs")
		return out
	}
	if p.k == tIdent && p.peek(1) == tAssign {
		p.unsupported(start, "namespace aliases", "write the namespace out")
		return out
	}
	var path []string
	for p.k == tIdent {
		path = append(path, p.tok().text)
		p.next()
		if !p.accept(tColon2) {
			break
		}
		p.accept(kInline)
	}
	open := p.tok().span
	if !p.expect(tLBrace) || !p.enter() {
		return out
	}
	defer p.leave()
	n := &NamespaceDecl{}
	for p.more() && p.k != tRBrace {
		n.Decls = p.decl(n.Decls, atFile)
		p.recover()
	}
	p.closing(tRBrace, open)
	n.At = p.from(start)
	if len(path) == 0 {
		return append(out, n)
	}
	n.Name = path[len(path)-1]
	for i := len(path) - 2; i >= 0; i-- {
		n = &NamespaceDecl{At: n.At, Name: path[i], Decls: []Decl{n}}
	}
	return append(out, n)
}

// template parses template <…> and what it heads.
func (p *parser) template(out []Decl, at place) []Decl {
	start := p.tok().span
	if p.peek(1) != tLt {
		// an explicit instantiation asks for code that is made on demand here
		for p.k != tSemi && p.k != tLBrace && p.k != tRBrace && p.k != tEOF {
			p.next()
		}
		p.semicolon("explicit instantiation")
		return out
	}
	if at == inBlock {
		p.fail(start, BadDeclaration, "a template cannot stand in a function").Hint = "move it to the header"
		return out
	}
	scope := p.names.open()
	p.next()
	head := p.templateHead(start)
	n := len(out)
	if p.k == kTemplate && !p.bad {
		p.unsupported(p.tok().span, "template templates", "")
	}
	if !p.bad {
		p.head = head
		if p.k == kUsing {
			out = p.using(out)
		} else {
			out = p.simple(out, at, head)
		}
		p.head = nil
	}
	p.names.close(scope)
	for _, d := range out[n:] {
		p.names.declareDecl(d)
	}
	return out
}

// takeHead returns the template head that the declaration being parsed has.
func (p *parser) takeHead() *TemplateHead {
	h := p.head
	p.head = nil
	return h
}

func (p *parser) templateHead(start source.Span) *TemplateHead {
	open := p.tok().span
	p.expect(tLt)
	h := &TemplateHead{}
	saved := p.noGT
	p.noGT = true
	for p.k != tGt && !p.bad {
		h.Params = append(h.Params, p.templateParam())
		if !p.accept(tComma) {
			break
		}
	}
	p.noGT = saved
	p.closing(tGt, open)
	h.At = p.from(start)
	return h
}

// pack passes the dots of a parameter pack, which is refused once.
func (p *parser) pack() bool {
	if p.k != tEllipsis || p.bad {
		return false
	}
	if !p.packs {
		p.report(p.tok().span, UnsupportedFeature, "parameter packs are not in the kernel language").Hint = "overload the template for each number of parameters"
	}
	p.packs = true
	p.next()
	return true
}

func (p *parser) templateParam() *TemplateParam {
	t := &TemplateParam{}
	start := p.tok().span
	switch {
	case p.k == kTemplate:
		p.unsupported(start, "template template parameters", "pass a type instead")
		return t
	case p.k == kClass || p.k == kTypename && (p.peek(1) != tIdent || p.peek(2) != tColon2 && p.peek(2) != tLt):
		p.next()
		t.Pack = p.pack()
		if p.k == tIdent {
			t.Name = p.tok().text
			p.next()
		}
		p.names.declare(t.Name, entry{class: typeName})
		if p.accept(tAssign) {
			t.Default = p.typeID()
		}
	default:
		s := p.specifiers(true)
		if p.bad {
			return t
		}
		if s.typ == nil {
			p.expectedType()
			return t
		}
		t.Pack = p.pack()
		d := p.declarator(s.typ, optional)
		t.Type, t.Name = d.typ, d.name
		p.names.declareValue(t.Name)
		if p.accept(tAssign) {
			t.Default = p.ternary()
		}
	}
	t.At = p.from(start)
	return t
}

// simple parses a declaration that is made of specifiers and declarators.
func (p *parser) simple(out []Decl, at place, head *TemplateHead) []Decl {
	s := p.specifiers(false)
	if p.bad {
		return out
	}
	if s.def != nil {
		if st, ok := s.def.(*StructDecl); ok && s.typedef && st.Name == "" && p.k == tIdent {
			// typedef struct {…} Name;
			st.Name, st.NameSpan = p.tok().text, p.tok().span
			p.next()
			p.names.declareDecl(st)
			p.semicolon("the struct")
			return append(out, st)
		}
		out = append(out, s.def)
		if p.k == tSemi {
			p.next()
			return out
		}
		if p.k != tIdent && p.k != tStar && p.k != tAmp {
			p.semicolon("the " + kindOf(s.def))
			return out
		}
	} else if s.typ == nil {
		return p.untyped(out, at, head, &s)
	}
	first := true
	for !p.bad {
		p.attributes(&s)
		d := p.declarator(s.typ, named)
		if p.bad {
			return out
		}
		if _, ok := builtinTypes[d.name]; ok && p.k == tIdent {
			p.fail(d.at, BadDeclaration, "two types, %s and '%s', in one declaration", clip(PrintType(s.typ)), d.name)
			return out
		}
		if p.k == tLt && head != nil { // explicit specialisation
			d.args = p.templateArgs()
		}
		if p.k == tLParen && p.isFunction(at, &d) {
			if !first {
				p.unsupported(d.at, "several functions in one declaration", "declare each on its own")
				return out
			}
			f := &FuncDecl{Template: head, Name: d.name, NameSpan: d.at, SpecArgs: d.args, Ret: d.typ,
				Static: s.static, Constexpr: s.constexpr, Kernel: s.kernel}
			p.head = nil
			if at == inBlock {
				hint := "move it to the header, or write {} for an empty initialiser"
				if s.kernel {
					hint = "give the kernel's body alone: its signature is generated from the names of inputs and outputs"
				}
				p.fail(d.at, BadDeclaration, "function '%s' is declared inside a function", d.name).Hint = hint
				return out
			}
			if at == atFile || head == nil {
				p.names.declareDecl(f)
			}
			p.function(f, s.start)
			if p.bad && f.Body == nil {
				return out
			}
			return append(out, f)
		}
		first = false
		if s.typedef {
			a := &AliasDecl{At: p.from(s.start), Name: d.name, Type: d.typ}
			p.names.declareDecl(a)
			out = append(out, a)
		} else {
			v := p.variable(&s, &d, at)
			v.Template = head
			if p.bad {
				return out
			}
			if st, ok := s.def.(*StructDecl); ok {
				st.Vars = append(st.Vars, v)
			} else {
				out = append(out, v)
			}
		}
		if !p.accept(tComma) {
			break
		}
		s.typ = copyBase(s.typ)
	}
	if at == inStruct && p.k == tColon && !p.bad {
		p.unsupported(p.tok().span, "bit-fields", "use shifts and masks")
		return out
	}
	p.semicolon("the declaration")
	return out
}

// copyBase gives each declarator of a declaration a type node of its own.
func copyBase(t TypeExpr) TypeExpr {
	if n, ok := t.(*NamedType); ok {
		c := *n
		return &c
	}
	return t
}

func kindOf(d Decl) string {
	switch d := d.(type) {
	case *EnumDecl:
		return "enum"
	case *StructDecl:
		if d.Union {
			return "union"
		}
	}
	return "struct"
}

// untyped parses what may be declared without a type, or reports it.
func (p *parser) untyped(out []Decl, at place, head *TemplateHead, s *specs) []Decl {
	t := p.tok()
	switch {
	case at == inStruct && p.k == tIdent && t.text == p.structName && p.peek(1) == tLParen:
		f := &FuncDecl{Template: head, Name: t.text, NameSpan: t.span, IsCtor: true, Constexpr: s.constexpr}
		p.head = nil
		p.next()
		p.function(f, s.start)
		return append(out, f)
	case at == inStruct && p.k == kOperator:
		f := &FuncDecl{Template: head, Constexpr: s.constexpr}
		p.head = nil
		p.next()
		in := p.specifiers(true)
		if p.bad {
			return out
		}
		if in.typ == nil {
			p.expectedType()
			return out
		}
		f.Conv = p.declarator(in.typ, abstract).typ
		if p.bad {
			return out
		}
		f.Name = "operator " + PrintType(f.Conv)
		f.NameSpan = join(t.span, p.last)
		p.function(f, s.start)
		return append(out, f)
	case p.k == tTilde && at == inStruct:
		p.unsupported(t.span, "destructors", "values need no cleaning up in a kernel")
		return out
	case p.k == tIdent && (p.peek(1) == tIdent || p.peek(1) == tStar || p.peek(1) == tAmp || p.peek(1) == tLt || at != atFile):
		p.expectedType()
		return out
	case p.k == tIdent && at == atFile:
		if p.peek(1) == tLParen {
			p.fail(t.span, BadDeclaration, "'%s' has no type, and no call can stand outside a function", t.text).Hint = "a function needs its return type before its name; a macro must be defined with #define"
			return out
		}
		if p.peek(1) == tColon2 {
			p.fail(t.span, UnknownType, "unknown type or namespace '%s'", t.text)
			return out
		}
	case at == atFile && (t.kind > kStaticAssert || t.kind == kIf):
		p.fail(t.span, BadSyntax, "found %s outside any function, expected a declaration", t).Hint = "statements belong in the kernel's body, declarations in its header"
		return out
	}
	p.expected("a declaration")
	return out
}

// isFunction tells a function's parameters from an initialiser.
func (p *parser) isFunction(at place, d *declarator) bool {
	if len(d.name) > 8 && d.name[:8] == "operator" && p.names.lookup(d.name).class == unknown && d.at.End-d.at.Pos > 8 {
		if c := d.name[8]; byteClass[c]&(isLetter|isDigit) == 0 {
			return true
		}
	}
	if p.peek(1) == tRParen {
		return true
	}
	if at == inStruct {
		return true
	}
	// a parameter list starts with a type that no parenthesis or brace follows
	isType := false
	p.attempt(func() bool {
		p.next()
		if !p.typeAt() && !(p.k == tLBrack && p.peek(1) == tLBrack) && p.k != kRestrict {
			return false
		}
		s := p.specifiers(true)
		isType = !p.bad && s.typ != nil && p.k != tLBrace && p.k != tColon2 && p.k != tDot &&
			(p.k != tLParen || p.peek(1) == tStar || p.peek(1) == tAmp)
		return false
	})
	if isType && at == inBlock {
		// T x(a) with a type in place of a: only a function has a name or comma there
		return true
	}
	return isType
}

// variable parses the initialiser of a variable or field.
func (p *parser) variable(s *specs, d *declarator, at place) *VarDecl {
	v := &VarDecl{Type: d.typ, Name: d.name, NameSpan: d.at, Static: s.static, Constexpr: s.constexpr}
	p.attributes(nil)
	p.names.declareValue(d.name)
	p.initializer(v)
	v.At = p.from(s.start)
	return v
}

func (p *parser) initializer(v *VarDecl) {
	switch p.k {
	case tAssign:
		p.next()
		v.Style, v.Init = EqualInit, p.initValue()
	case tLParen:
		open := p.tok().span
		p.next()
		v.Style, v.Args = ParenInit, p.args(tRParen)
		p.closing(tRParen, open)
	case tLBrace:
		open := p.tok().span
		p.next()
		v.Style, v.Args = BraceInit, p.args(tRBrace)
		p.closing(tRBrace, open)
	}
}

// function parses parameters, qualifiers and body.
func (p *parser) function(f *FuncDecl, start source.Span) {
	scope := p.names.open()
	f.Params = p.params()
	for quals := true; quals && !p.bad; {
		t := p.tok()
		switch p.k {
		case kConst:
			f.Const = true
			p.next()
		case kVolatile:
			p.next()
		case kNoexcept:
			p.next()
			if p.k == tLParen {
				open := p.tok().span
				p.next()
				p.ternary()
				p.closing(tRParen, open)
			}
		case kDevice, kConstant, kThreadgroup, kThread:
			f.Space = spaceOf(p.k)
			p.next()
		case kAttribute, tLBrack:
			if p.k == tLBrack && p.peek(1) != tLBrack {
				p.expected("the function's body")
				break
			}
			p.attributes(nil)
		case tArrow:
			p.next()
			f.Ret = p.typeID()
		case tAmp, tAnd:
			p.unsupported(t.span, "reference qualifiers of methods", "leave it out")
		default:
			quals = false
		}
	}
	if p.k == tColon && f.IsCtor {
		p.next()
		for !p.bad {
			f.Inits = append(f.Inits, p.ctorInit())
			if !p.accept(tComma) {
				break
			}
		}
	}
	switch p.k {
	case tLBrace:
		f.Body = p.block()
	case kTry:
		p.unsupported(p.tok().span, "try", "")
	case tAssign:
		p.next()
		switch {
		case p.accept(kDefault):
			f.Default = true
		case p.accept(kDelete):
			f.Deleted = true
		case p.k == tNumber:
			p.unsupported(p.tok().span, "virtual", "call the function of the wanted type directly")
		default:
			p.expected("'default' or 'delete'")
		}
		p.semicolon("the function")
	case tSemi:
		p.next()
	default:
		d := p.expected("the function's body or ';'")
		if p.toks[p.i].kind == tIdent && d.Hint == "" {
			d.Hint = "open the body with {"
		}
	}
	p.names.close(scope)
	f.At = p.from(start)
}

func (p *parser) ctorInit() *CtorInit {
	c := &CtorInit{}
	t := p.tok()
	if p.k != tIdent {
		p.expected("the name of a member")
		return c
	}
	c.Name = t.text
	p.next()
	open := p.tok().span
	switch {
	case p.accept(tLParen):
		c.Args = p.args(tRParen)
		p.closing(tRParen, open)
	case p.accept(tLBrace):
		c.Args = p.args(tRBrace)
		p.closing(tRBrace, open)
	case p.k == tLt:
		p.unsupported(open, "initialisers of base structs with template arguments", "declare an alias of the base")
	default:
		p.expected("'('")
	}
	c.At = p.from(t.span)
	return c
}

// params parses (…), declaring the parameters in the open scope.
func (p *parser) params() []*Param {
	open := p.tok().span
	if !p.expect(tLParen) {
		return nil
	}
	saved := p.noGT
	p.noGT = false
	defer func() { p.noGT = saved }()
	var out []*Param
	if p.k == kVoid && p.peek(1) == tRParen {
		p.next()
	}
	for p.k != tRParen && !p.bad {
		start := p.tok().span
		if p.k == tEllipsis {
			p.unsupported(start, "variadic functions", "overload the function, or pass an array")
			break
		}
		s := p.specifiers(true)
		if p.bad {
			break
		}
		if s.typ == nil {
			p.expectedType()
			break
		}
		p.ellipsis("overload the function, or pass an array")
		p.attributes(nil)
		d := p.declarator(s.typ, optional)
		p.attributes(nil)
		x := &Param{Type: d.typ, Name: d.name}
		if d.name != "" {
			p.names.declareValue(d.name)
		}
		if p.accept(tAssign) {
			x.Default = p.initValue()
		}
		x.At = p.from(start)
		out = append(out, x)
		if !p.accept(tComma) {
			break
		}
	}
	p.closing(tRParen, open)
	return out
}
