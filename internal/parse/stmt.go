package parse

// This file implements statements.

import (
	"slices"

	"github.com/zmlx-go/zmlx/internal/source"
)

// stmt parses one statement and appends it to out; nothing is appended when
// it has an error, which is then recovered from.
func (p *parser) stmt(out []Stmt) []Stmt {
	lists := p.lists
	p.lists = 0
	s := p.statement()
	bad := p.bad
	p.recover()
	p.lists = lists
	if bad {
		if s == nil {
			return out
		}
		if _, ok := s.(*DeclStmt); !ok {
			return out
		}
	}
	if s == nil {
		return out
	}
	return append(out, s)
}

// block parses { … } in a scope of its own.
func (p *parser) block() *Block {
	b := &Block{}
	start := p.tok().span
	if !p.expect(tLBrace) || !p.enter() {
		return b
	}
	scope := p.names.open()
	saved := p.noGT
	p.noGT = false
	for p.more() && p.k != tRBrace {
		b.Stmts = p.stmt(b.Stmts)
	}
	p.noGT = saved
	p.names.close(scope)
	p.closing(tRBrace, start)
	b.At = p.from(start)
	p.leave()
	return b
}

// nested parses the statement under an if or loop.
func (p *parser) nested() Stmt {
	if p.k == tLBrace {
		return p.block()
	}
	scope := p.names.open()
	s := p.statement()
	p.names.close(scope)
	if p.bad {
		return &EmptyStmt{At{p.last}}
	}
	if s == nil {
		return &EmptyStmt{At{p.last}}
	}
	if d, ok := s.(*DeclStmt); ok {
		// C++ wants no braces here, but then the names are of no use
		return &Block{At: d.At, Stmts: []Stmt{d}}
	}
	return s
}

func (p *parser) statement() Stmt {
	if p.bad || !p.enter() {
		return nil
	}
	defer p.leave()
	t := p.tok()
	start := t.span
	switch p.k {
	case tLBrace:
		return p.block()
	case tSemi:
		p.next()
		return &EmptyStmt{At{start}}
	case kIf:
		return p.ifStmt()
	case kFor:
		return p.forStmt()
	case kWhile:
		p.next()
		s := &While{Cond: p.condition("while")}
		s.Body = p.nested()
		s.At = p.from(start)
		return s
	case kDo:
		p.next()
		s := &Do{Body: p.nested()}
		if p.k != kWhile {
			p.expected("'while' after the body of do")
			return nil
		}
		p.next()
		s.Cond = p.condition("while")
		s.At = p.from(start)
		p.semicolon("do … while (…)")
		return s
	case kSwitch:
		return p.switchStmt()
	case kCase, kDefault:
		p.fail(start, BadSyntax, "%s outside of switch, or inside a block of it", t)
		return nil
	case kElse:
		d := p.fail(start, BadSyntax, "else without if")
		d.Hint = "an if that has several statements needs braces"
		return nil
	case kBreak, kContinue:
		p.next()
		s := &Jump{At{start}, t.kind == kContinue}
		p.semicolon("'" + spelling[t.kind] + "'")
		return s
	case kReturn:
		p.next()
		s := &Return{}
		if p.k != tSemi {
			s.X = p.initOrExpr()
		}
		s.At = p.from(start)
		p.semicolon("return")
		return s
	case kGoto:
		p.unsupported(start, "goto", "use a loop with break, or a flag")
		return nil
	case kTry, kCatch:
		p.unsupported(start, "exceptions", "write a status to an output instead")
		return nil
	case kAsm:
		p.unsupported(start, "asm", "")
		return nil
	case tLBrack:
		if p.peek(1) == tLBrack {
			p.attributes(nil)
			return p.statement()
		}
	case kNamespace:
		p.fail(start, BadDeclaration, "a namespace can stand only outside functions")
		return nil
	case tIdent:
		if p.peek(1) == tColon {
			p.unsupported(start, "labels", "goto is not in the kernel language; use a loop with break")
			return nil
		}
	}
	if p.declAt() {
		d := &DeclStmt{}
		d.Decls = p.decl(nil, inBlock)
		d.At = p.from(start)
		if len(d.Decls) == 0 {
			if p.bad {
				return nil
			}
			return &EmptyStmt{d.At} // a using-directive
		}
		if len(d.Decls) == 1 {
			if s, ok := d.Decls[0].(*StaticAssert); ok {
				return s
			}
		}
		return d
	}
	x := p.expr()
	s := &ExprStmt{p.from(start), x}
	p.semicolon("the expression")
	return s
}

// initOrExpr parses an expression or a list in braces.
func (p *parser) initOrExpr() Expr {
	if p.k == tLBrace {
		return p.initList()
	}
	return p.expr()
}

// declAt tells a declaration from an expression statement.
func (p *parser) declAt() bool {
	switch p.k {
	case kConst, kVolatile, kConstexpr, kStatic, kInline, kExtern, kTypedef, kUsing, kTemplate, kStruct, kClass, kUnion,
		kEnum, kDevice, kConstant, kThreadgroup, kThread, kImageblock, kStaticAssert, kAuto, kRegister, kAlignas,
		kAttribute, kKernel, kMutable, kFriend, kVirtual, kThreadLocal, kVoid:
		return true
	case tIdent:
		c := p.names.lookup(p.tok().text).class
		switch k := p.peek(1); {
		case k == tIdent || k >= kVoid && k <= kAuto:
			return c != scopeType && c != value // a type known or not: two names in a row are a declaration
		case k == tColon2:
			if n, c := p.scope(); c == unknown && p.peek(n) == tIdent && p.peek(n+1) == tIdent {
				return true
			}
		case k == tLt:
			if c == unknown {
				return p.unknownTemplate()
			}
		default:
			if !c.isType() {
				return false
			}
		}
	case kBool, kChar, kShort, kInt, kLong, kFloat, kDouble, kSigned, kUnsigned:
		if p.peek(1) == tIdent {
			return true
		}
	}
	if !p.typeAt() {
		return false
	}
	isDecl := false
	p.attempt(func() bool {
		s := p.specifiers(true)
		if p.bad {
			isDecl = true // let the declaration report it
			return false
		}
		switch p.k {
		case tColon2, tLBrace, tDot:
		case tLParen:
			isDecl = (p.peek(1) == tStar || p.peek(1) == tAmp) && p.peek(2) == tIdent && p.peek(3) == tRParen && (p.peek(4) == tLBrack || p.peek(4) == tLParen)
		default:
			isDecl = s.typ != nil
		}
		return false
	})
	return isDecl
}

// unknownTemplate reports whether name<…> name is here, with a name that is
// not known as a type. That a < b && c > d compares twice is told by what binds
// looser than <.
func (p *parser) unknownTemplate() bool {
	found := false
	p.attempt(func() bool {
		p.next()
		args := p.templateArgs()
		found = p.k == tIdent && !p.bad && !slices.ContainsFunc(args, looserThanLess)
		return false
	})
	return found
}

// looserThanLess reports whether the outermost operator of n binds looser than
// the comparison <.
func looserThanLess(n Node) bool {
	switch n := n.(type) {
	case *Binary:
		switch n.Op {
		case "==", "!=", "&", "^", "|", "&&", "||":
			return true
		}
	case *Cond, *Assign:
		return true
	}
	return false
}

// condition parses (x) after a keyword.
func (p *parser) condition(word string) Expr {
	open := p.tok().span
	if p.k != tLParen {
		p.expected("'(' after " + word)
		return badExpr
	}
	at := p.i
	p.next()
	if p.k != tRParen && p.declAt() {
		p.unsupported(p.tok().span, "a declaration in the condition of "+word, "declare the variable before")
		p.recoverAfter(at)
		return badExpr
	}
	x := p.expr()
	p.closing(tRParen, open)
	p.recoverAfter(at)
	return x
}

// ifStmt parses if, and a chain of else if without nesting.
func (p *parser) ifStmt() Stmt {
	var first *If
	var last *If
	depth := 0
	var starts []source.Span
	var scopes []int
	for {
		start := p.tok().span
		p.next()
		s := &If{Constexpr: p.accept(kConstexpr)}
		scopes = append(scopes, p.names.open())
		starts = append(starts, start)
		at := p.i
		p.ifHead(s)
		p.recoverAfter(at)
		if !p.bad {
			s.Then = p.nested()
		}
		if first == nil {
			first = s
		} else {
			last.Else = s
		}
		last = s
		s.At = p.from(start)
		if p.bad || p.k != kElse {
			break
		}
		p.next()
		if p.k != kIf {
			s.Else = p.nested()
			break
		}
		if depth++; depth > maxChain {
			p.fail(start, TooDeep, "more than %d else-ifs in a chain", maxChain)
			break
		}
	}
	for i := len(scopes) - 1; i >= 0; i-- {
		p.names.close(scopes[i])
	}
	var s Stmt = first
	for _, start := range starts {
		f := s.(*If)
		f.At = p.from(start)
		s = f.Else
	}
	return first
}

// ifHead parses (cond), (T x = …) or (init; cond).
func (p *parser) ifHead(s *If) {
	open := p.tok().span
	if p.k != tLParen {
		p.expected("'(' after if")
		return
	}
	p.next()
	if p.declAt() {
		d := &DeclStmt{}
		start := p.tok().span
		sp := p.specifiers(false)
		if sp.typ == nil && !p.bad {
			p.expectedType()
		}
		if p.bad {
			return
		}
		dec := p.declarator(sp.typ, named)
		if p.bad {
			return
		}
		v := p.variable(&sp, &dec, inBlock)
		d.Decls, d.At = []Decl{v}, p.from(start)
		if p.k == tSemi {
			p.next()
			s.Init = d
			s.Cond = p.expr()
		} else {
			s.Var = v
		}
	} else if p.k == tSemi {
		p.next()
		s.Cond = p.expr()
	} else {
		start := p.tok().span
		x := p.expr()
		if p.k == tSemi {
			s.Init = &ExprStmt{p.from(start), x}
			p.next()
			x = p.expr()
		}
		s.Cond = x
	}
	p.closing(tRParen, open)
}

func (p *parser) forStmt() Stmt {
	start := p.tok().span
	p.next()
	s := &For{}
	open := p.tok().span
	if p.k != tLParen {
		p.expected("'(' after for")
		return nil
	}
	first := p.i
	p.next()
	scope := p.names.open()
	defer p.names.close(scope)
	switch {
	case p.k == tSemi:
		p.next()
	case p.declAt():
		if p.rangeFor() {
			p.unsupported(p.tok().span, "range-based for", "write for (int i = 0; i < n; ++i)")
			break
		}
		d := &DeclStmt{}
		at := p.tok().span
		d.Decls = p.decl(nil, inBlock)
		d.At = p.from(at)
		s.Init = d
	default:
		at := p.tok().span
		x := p.expr()
		s.Init = &ExprStmt{p.from(at), x}
		p.forSemicolon()
	}
	if p.k != tSemi && !p.bad {
		s.Cond = p.expr()
	}
	p.forSemicolon()
	if p.k != tRParen && !p.bad {
		s.Post = p.expr()
	}
	p.closing(tRParen, open)
	p.recoverAfter(first)
	if p.bad {
		return nil
	}
	s.Body = p.nested()
	s.At = p.from(start)
	return s
}

func (p *parser) forSemicolon() {
	if !p.accept(tSemi) && !p.bad {
		t := p.tok()
		p.fail(t.span, MissingSemicolon, "found %s, expected ';' between the parts of for", t)
	}
}

// rangeFor reports whether a for has the form (T x : range).
func (p *parser) rangeFor() bool {
	found := false
	p.attempt(func() bool {
		s := p.specifiers(false)
		if p.bad || s.typ == nil {
			return false
		}
		p.declarator(s.typ, optional)
		found = !p.bad && p.k == tColon
		return false
	})
	return found
}

func (p *parser) switchStmt() Stmt {
	start := p.tok().span
	p.next()
	s := &Switch{X: p.condition("switch")}
	open := p.tok().span
	if !p.expect(tLBrace) {
		return nil
	}
	scope := p.names.open()
	defer p.names.close(scope)
	for p.more() && p.k != tRBrace {
		t := p.tok()
		switch p.k {
		case kCase, kDefault:
			c := &Case{}
			p.next()
			if t.kind == kCase {
				c.X = p.ternary()
				if p.k == tEllipsis {
					p.unsupported(p.tok().span, "ranges of cases", "write the cases out, or use if")
				}
			}
			p.expect(tColon)
			c.At = p.from(t.span)
			if p.bad {
				p.recover()
				continue
			}
			s.Cases = append(s.Cases, c)
			for p.more() && p.k != tRBrace && p.k != kCase && p.k != kDefault {
				c.Stmts = p.stmt(c.Stmts)
			}
			c.At = p.from(t.span)
		default:
			p.fail(t.span, BadSyntax, "found %s before the first case of a switch", t)
			p.recover()
		}
	}
	p.closing(tRBrace, open)
	s.At = p.from(start)
	return s
}
