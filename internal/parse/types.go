package parse

// This file implements types: names, specifiers, template arguments and
// declarators.

import (
	"slices"

	"github.com/zmlx-go/zmlx/internal/source"
)

// typeAt reports whether the token here starts a type.
func (p *parser) typeAt() bool {
	switch p.k {
	case kVoid, kBool, kChar, kShort, kInt, kLong, kFloat, kDouble, kSigned, kUnsigned, kAuto, kDecltype, kTypename,
		kConst, kVolatile, kDevice, kConstant, kThreadgroup, kThread, kImageblock, kStruct, kClass, kUnion, kEnum:
		return true
	case tIdent:
		if p.peek(1) != tColon2 {
			return p.names.lookup(p.tok().text).class.isType()
		}
		_, c := p.scope()
		return c.isType()
	case tColon2:
		_, c := p.scope()
		return c.isType()
	}
	return false
}

// scope looks through the namespaces of a qualified name. It returns the
// distance to the first name that is no namespace, and that name's class.
func (p *parser) scope() (int, class) {
	n := 0
	if p.k == tColon2 {
		n = 1
	}
	qualified := n > 0
	for p.peek(n) == tIdent {
		name := p.toks[p.i+n].text
		var c class
		if qualified {
			c = p.names.global(name).class
		} else {
			c = p.names.lookup(name).class
		}
		votes := name == "simd_vote" || name == "quad_vote" // types whose member vote_t is built in too
		if p.peek(n+1) != tColon2 || c.isType() && !votes {
			return n, c
		}
		n += 2
		if p.peek(n) == kTemplate {
			n++
		}
		qualified = true
	}
	return n, unknown
}

// path passes the namespaces of a qualified name.
func (p *parser) path() []string {
	var out []string
	n, _ := p.scope()
	for ; n > 0; n-- {
		if p.k == tIdent {
			out = append(out, p.tok().text)
		}
		p.next()
	}
	return out
}

// A specs is what comes before a declarator.
type specs struct {
	start     source.Span
	typ       TypeExpr // nil if none was written
	named     *NamedType
	def       Decl // struct or enum defined here
	static    bool
	constexpr bool
	typedef   bool
	kernel    bool
	extern    bool
}

// spaceOf returns the address space of a keyword.
func spaceOf(k kind) Space {
	switch k {
	case kDevice:
		return Device
	case kConstant:
		return Constant
	case kThreadgroup:
		return Threadgroup
	case kThread:
		return Thread
	case kImageblock:
		return ThreadgroupImageblock
	}
	return NoSpace
}

// specifiers parses a sequence of declaration specifiers. Where only a type
// may stand, storage words are errors.
func (p *parser) specifiers(typeOnly bool) (s specs) {
	s.start = p.tok().span
	var isConst, isVolatile, isAuto bool
	var space Space
	var words struct{ signed, unsigned, short, long, base int }
	base := kInt
	anyWord := false
	typeStart := s.start
	var named *NamedType
	for !p.bad {
		t := p.tok()
		switch p.k {
		case kConst:
			isConst = true
			p.next()
		case kVolatile:
			isVolatile = true
			p.next()
		case kDevice, kConstant, kThreadgroup, kThread, kImageblock:
			sp := spaceOf(p.k)
			if space != NoSpace && space != sp {
				p.report(t.span, BadDeclaration, "two address spaces, '%s' and '%s', for one type", space, sp)
			}
			space = sp
			p.next()
		case kConstexpr, kStatic, kInline, kExtern, kTypedef, kExplicit, kMutable, kRegister, kKernel:
			if typeOnly {
				p.fail(t.span, BadSyntax, "'%s' cannot stand in a type", spelling[p.k])
				return
			}
			switch p.k {
			case kConstexpr:
				s.constexpr = true
			case kStatic:
				s.static = true
			case kTypedef:
				s.typedef = true
			case kKernel:
				s.kernel = true
			case kExtern:
				s.extern = true
				if p.peek(1) == tString {
					p.unsupported(t.span, `extern "C"`, "leave it out")
					return
				}
			}
			p.next()
		case kRestrict:
			p.next()
		case kFriend:
			p.unsupported(t.span, "friend", "declare the function outside the struct; all members are public")
		case kVirtual:
			p.unsupported(t.span, "virtual", "call the function of the wanted type directly")
		case kThreadLocal:
			p.unsupported(t.span, "thread_local", "variables in a function are each thread's own")
		case kAttribute, kAlignas:
			p.attributes(&s)
		case tLBrack:
			if p.peek(1) != tLBrack {
				goto done
			}
			p.attributes(&s)
		case kAuto:
			if named != nil || anyWord {
				goto done
			}
			isAuto, anyWord, typeStart = true, true, t.span
			p.next()
		case kSigned, kUnsigned, kShort, kLong, kChar, kInt, kVoid, kBool, kFloat, kDouble:
			if named != nil || isAuto {
				goto done
			}
			if !anyWord {
				typeStart = t.span
			}
			anyWord = true
			switch p.k {
			case kSigned:
				words.signed++
			case kUnsigned:
				words.unsigned++
			case kShort:
				words.short++
			case kLong:
				words.long++
			default:
				if words.base++; words.base > 1 {
					p.fail(t.span, BadDeclaration, "two types, '%s' and '%s', in one declaration", spelling[base], spelling[p.k])
					return
				}
				base = p.k
			}
			p.next()
		case kStruct, kClass, kUnion, kEnum:
			if named != nil || anyWord {
				goto done
			}
			if p.definition() {
				if typeOnly {
					p.fail(t.span, BadDeclaration, "a type cannot be defined here")
					return
				}
				s.def = p.typeDef(&s)
				named = &NamedType{At: At{p.last}, Name: defName(s.def)}
				break
			}
			p.next()
			p.attributes(nil)
			if p.k != tIdent {
				p.expected("the name of a type")
				return
			}
			named = p.typeName(true)
		case kTypename:
			if named != nil || anyWord {
				goto done
			}
			p.next()
			named = p.typeName(true)
		case kDecltype:
			if named != nil || anyWord {
				goto done
			}
			p.next()
			open := p.tok().span
			p.expect(tLParen)
			x := p.unbounded(p.expr)
			p.closing(tRParen, open)
			named = &NamedType{At: p.from(t.span), Name: "decltype", X: x}
		case tIdent, tColon2:
			if named != nil || anyWord {
				goto done
			}
			if p.k == tIdent && t.text == p.structName && p.peek(1) == tLParen && !typeOnly {
				goto done // a constructor
			}
			if !p.typeAt() {
				goto done
			}
			named = p.typeName(false)
		default:
			goto done
		}
	}
done:
	if p.bad {
		return
	}
	if anyWord {
		name := spelling[base]
		switch {
		case isAuto:
			name = "auto"
		case words.signed+words.unsigned+words.short+words.long == 0:
		case base != kInt && base != kChar || words.short > 1 || words.long > 2 || words.short > 0 && words.long > 0 ||
			words.signed > 0 && words.unsigned > 0 || base == kChar && words.short+words.long > 0:
			p.fail(join(typeStart, p.last), BadDeclaration, "these words make no type together")
			return
		default:
			switch {
			case words.short > 0:
				name = "short"
			case words.long > 0:
				name = "long"
			}
			if words.unsigned > 0 {
				name = "u" + name
			}
		}
		named = &NamedType{At: At{join(typeStart, p.last)}, Name: name}
	}
	if named != nil {
		named.Const = named.Const || isConst
		named.Volatile = named.Volatile || isVolatile
		named.Space = space
		named.Span = join(s.start, p.last)
		s.named, s.typ = named, named
	} else if isConst || space != NoSpace {
		s.start = join(s.start, p.last)
	}
	return
}

// String returns the keyword of an address space.
func (s Space) String() string {
	return [...]string{"", "device", "constant", "threadgroup", "thread", "threadgroup_imageblock"}[s]
}

// attributes passes [[…]], __attribute__((…)) and alignas(…). In s it notes
// [[kernel]].
func (p *parser) attributes(s *specs) {
	for !p.bad {
		start := p.tok().span
		switch {
		case p.k == tLBrack && p.peek(1) == tLBrack:
			p.next()
			p.next()
			depth := 0
			for !(p.k == tRBrack && depth == 0) && p.k != tEOF {
				switch p.k {
				case tLParen, tLBrack, tLBrace:
					depth++
				case tRParen, tRBrack, tRBrace:
					depth--
				case kKernel:
					if s != nil {
						s.kernel = true
					}
				}
				p.next()
			}
			p.closing(tRBrack, start)
			p.closing(tRBrack, start)
		case p.k == kAttribute, p.k == kAlignas:
			p.next()
			open := p.tok().span
			if !p.expect(tLParen) {
				return
			}
			for depth := 1; depth > 0 && p.k != tEOF; {
				switch p.k {
				case tLParen:
					depth++
				case tRParen:
					depth--
				}
				if depth > 0 {
					p.next()
				}
			}
			p.closing(tRParen, open)
		default:
			return
		}
	}
}

// typeName parses a qualified type name with its template arguments. Where
// sure is set, the word typename or struct came before.
func (p *parser) typeName(sure bool) *NamedType {
	start := p.tok().span
	if sure && p.k == tIdent && p.peek(1) == tColon2 && !p.typeAt() {
		// typename T::type with T unknown: all but the last are namespaces
		var path []string
		for p.k == tIdent && p.peek(1) == tColon2 {
			path = append(path, p.tok().text)
			p.next()
			p.next()
		}
		if p.k != tIdent {
			p.expected("the name of a type")
			return nil
		}
		t := &NamedType{Path: path, Name: p.tok().text}
		p.next()
		if p.k == tLt {
			t.Args, t.HasArgs = p.templateArgs(), true
		}
		t.At = p.from(start)
		return t
	}
	path := p.path()
	if p.k != tIdent {
		p.expected("the name of a type")
		return nil
	}
	e := p.names.lookup(p.tok().text)
	if path != nil {
		e = p.names.global(p.tok().text)
	}
	t := &NamedType{Path: path, Name: p.tok().text}
	p.next()
	if p.k == tLt && (e.class == typeTemplate || sure && e.class != typeName) {
		t.Args, t.HasArgs = p.templateArgs(), true
	}
	t.At = p.from(start)
	for p.k == tColon2 && e.class != scopeType {
		n := 1
		if p.peek(n) == kTemplate {
			n++
		}
		if p.peek(n) != tIdent {
			break
		}
		name := p.toks[p.i+n].text
		c := e.nested[name]
		switch after := p.peek(n + 1); {
		case sure || c.isType():
		case after == tIdent: // Type::name variable
		case after == tLt && n == 2:
		default:
			return t
		}
		for range n + 1 {
			p.next()
		}
		in := &NamedType{Name: name, Of: t}
		if p.k == tLt && (c == typeTemplate || n == 2) {
			in.Args, in.HasArgs = p.templateArgs(), true
		}
		in.At = p.from(start)
		t, e = in, entry{}
	}
	return t
}

// unbounded runs f where > is an operator again.
func (p *parser) unbounded(f func() Expr) Expr {
	saved := p.noGT
	p.noGT = false
	x := f()
	p.noGT = saved
	return x
}

// templateArgs parses <…>.
func (p *parser) templateArgs() []Node {
	open := p.tok().span
	p.next()
	args := []Node{}
	if !p.enter() {
		return args
	}
	defer p.leave()
	saved := p.noGT
	p.noGT = true
	for p.k != tGt && !p.bad {
		args = append(args, p.templateArg())
		p.ellipsis("write the parameters out")
		if !p.accept(tComma) {
			break
		}
	}
	p.noGT = saved
	if p.k == tGe && !p.bad { // Type<…>= with no space between
		p.fail(p.tok().span, BadSyntax, "'>=' ends a list of template arguments").Hint = "put a space before ="
	}
	p.closing(tGt, open)
	return args
}

// ellipsis refuses an expansion of a parameter pack. Where a pack was declared
// the refusal has been made.
func (p *parser) ellipsis(hint string) {
	if p.k != tEllipsis || p.bad {
		return
	}
	if !p.packs {
		p.unsupported(p.tok().span, "parameter packs", hint)
	}
	p.next()
}

func (p *parser) templateArg() Node {
	var t TypeExpr
	if p.tryType(func() bool { return p.k == tComma || p.k == tGt || p.k == tEllipsis }, &t) {
		return t
	}
	return p.ternary()
}

// tryType parses a type if one is here and ends where end reports true.
func (p *parser) tryType(end func() bool, t *TypeExpr) bool {
	if p.bad || !p.typeAt() {
		return false
	}
	at := p.i
	if p.failed[at] {
		return false
	}
	if p.attempt(func() bool {
		*t = p.typeID()
		return *t != nil && end()
	}) {
		return true
	}
	if p.failed == nil {
		p.failed = map[int]bool{}
	}
	p.failed[at] = true
	return false
}

// typeID parses a type without a name.
func (p *parser) typeID() TypeExpr {
	s := p.specifiers(true)
	if p.bad {
		return nil
	}
	if s.typ == nil {
		p.expectedType()
		return nil
	}
	d := p.declarator(s.typ, abstract)
	return d.typ
}

// expectedType fails because no type is here.
func (p *parser) expectedType() {
	n, _ := p.scope()
	t := &p.toks[min(p.i+n, len(p.toks)-1)]
	if t.kind != tIdent {
		p.expected("a type")
		return
	}
	d := p.fail(t.span, UnknownType, "unknown type '%s'", t.text)
	if p.try == 0 {
		d.Hint = p.nearType(t.text)
	}
}

var foreignTypes = map[string]string{
	"float16": "half", "float32": "float", "bfloat16": "bfloat16_t", "int32": "int", "int64": "int64_t", "uint32": "uint",
	"uint64": "uint64_t", "uint8": "uint8_t", "int8": "int8_t", "u32": "uint", "i32": "int", "f32": "float", "f16": "half",
	"var": "auto", "let": "auto", "string": "", "byte": "uchar", "__nv_bfloat16": "bfloat16_t", "__half": "half",
	"__shared__": "threadgroup", "__local": "threadgroup", "shared": "threadgroup", "__global": "device",
	"__constant__": "constant", "__device__": "inline", "__global__": "kernel", "complex": "complex64_t", "int16": "short", "uint16": "ushort",
}

func (p *parser) nearType(name string) string {
	if to := foreignTypes[name]; to != "" {
		return "did you mean " + to + "?"
	}
	var list []string
	for n, e := range p.names.globals {
		if e.class.isType() {
			list = append(list, n)
		}
	}
	for n, e := range p.names.locals {
		if e.class.isType() {
			list = append(list, n)
		}
	}
	for n := range builtinTypes {
		list = append(list, n)
	}
	for k := kVoid; k <= kAuto; k++ {
		list = append(list, spelling[k])
	}
	slices.Sort(list)
	if near := nearest(name, list); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// How a declarator is named.
type naming uint8

const (
	named    naming = iota // must have a name
	optional               // may have one
	abstract               // must have none
)

// A declarator is a name with its complete type.
type declarator struct {
	typ  TypeExpr
	name string
	at   source.Span // of the name
	args []Node      // name<args>: of a specialisation
}

// hole stands for the type of a declarator in parentheses until it is known.
type hole struct{ At }

func (*hole) typeExpr() {}

// declarator parses pointers, references, a name and array bounds.
func (p *parser) declarator(base TypeExpr, how naming) (d declarator) {
	d.typ = base
	if p.bad || !p.enter() {
		return
	}
	defer p.leave()
	start := base.Range()
	for n := 0; !p.bad; n++ {
		if n > 32 {
			p.fail(p.tok().span, TooDeep, "this type has more than 32 levels of pointers")
			return
		}
		switch p.k {
		case tStar:
			p.next()
			ptr := &PointerType{Elem: d.typ}
			for quals := true; quals && !p.bad; {
				switch p.k {
				case kConst:
					ptr.Const = true
					p.next()
				case kVolatile, kRestrict:
					p.next()
				case kDevice, kConstant, kThreadgroup, kThread:
					ptr.Space = spaceOf(p.k)
					p.next()
				default:
					quals = false
				}
			}
			ptr.At = p.from(start)
			d.typ = ptr
			continue
		case tAmp, tAnd:
			rv := p.k == tAnd
			p.next()
			d.typ = &RefType{At: p.from(start), Elem: d.typ, RValue: rv}
			continue
		}
		break
	}
	if p.k == tLParen && (p.peek(1) == tStar || p.peek(1) == tAmp || p.peek(1) == tAnd || spaceOf(p.peek(1)) != NoSpace && p.peek(2) == tStar) {
		open := p.tok().span
		p.next()
		h := &hole{At: At{start}}
		in := p.declarator(h, how)
		p.closing(tRParen, open)
		if p.k == tLParen {
			p.unsupported(p.tok().span, "function pointers", "call the function directly, or pass a lambda to a template")
			return
		}
		t := p.bounds(d.typ, start)
		d = in
		d.typ = fill(in.typ, h, t)
		return
	}
	switch {
	case how == abstract:
	case p.k == tIdent:
		d.name, d.at = p.tok().text, p.tok().span
		if p.peek(1) == tColon2 && how == named {
			p.unsupported(d.at, "definitions of members outside their struct", "write the definition inside the struct")
			return
		}
		p.next()
	case p.k == kOperator && how == named:
		at := p.tok().span
		p.next()
		p.operatorName(at, &d)
		return
	case how == named:
		t := p.tok()
		if n, ok := base.(*NamedType); ok && n.Name == "auto" && p.k == tLBrack {
			p.unsupported(t.span, "structured bindings", "declare each variable on its own")
			return
		}
		f := p.fail(t.span, BadDeclaration, "found %s, expected a name", t)
		if p.i < 2 {
			return
		}
		if k := p.toks[p.i-1].kind; k > firstKeyword && (k < kVoid || k > kAuto) && p.toks[p.i-2].word() {
			f.Hint = "'" + spelling[k] + "' is a word of the language and cannot be a name"
		}
		return
	}
	if p.k == tLBrack {
		d.typ = p.bounds(d.typ, start)
	}
	return
}

// bounds parses [n][m]….
func (p *parser) bounds(elem TypeExpr, start source.Span) TypeExpr {
	var lens []Expr
	for p.k == tLBrack && p.peek(1) != tLBrack && !p.bad {
		open := p.tok().span
		p.next()
		var n Expr
		if p.k != tRBrack {
			n = p.unbounded(p.ternary)
		}
		p.closing(tRBrack, open)
		if lens = append(lens, n); len(lens) > 32 {
			p.fail(open, TooDeep, "this array has more than 32 dimensions")
		}
	}
	for i := len(lens) - 1; i >= 0; i-- {
		elem = &ArrayType{At: p.from(start), Elem: elem, Len: lens[i]}
	}
	return elem
}

// fill replaces h in t by to.
func fill(t TypeExpr, h *hole, to TypeExpr) TypeExpr {
	switch t := t.(type) {
	case *hole:
		if t == h {
			return to
		}
	case *PointerType:
		t.Elem = fill(t.Elem, h, to)
	case *RefType:
		t.Elem = fill(t.Elem, h, to)
	case *ArrayType:
		t.Elem = fill(t.Elem, h, to)
	}
	return t
}

// operatorName parses what follows the word operator at start.
func (p *parser) operatorName(start source.Span, d *declarator) {
	k := p.k
	switch {
	case k == tLParen && p.peek(1) == tRParen, k == tLBrack && p.peek(1) == tRBrack:
		d.name = "operator" + spelling[k] + spelling[k+1]
		p.next()
	case k == tGt && p.peek(1) == tGt && p.toks[p.i+1].flags&fGlued != 0:
		d.name = "operator>>"
		p.next()
	case k == tGt && p.peek(1) == tGe && p.toks[p.i+1].flags&fGlued != 0:
		d.name = "operator>>="
		p.next()
	case k >= tNot && k <= tOrEq, k == tTilde, k == tComma, k == tArrow:
		d.name = "operator" + spelling[k]
	default:
		p.expected("an operator that can be declared")
		return
	}
	p.next()
	d.at = join(start, p.last)
}
