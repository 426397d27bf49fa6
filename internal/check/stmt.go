package check

// This file implements statements and local declarations.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// block checks statements in a scope of their own around s's.
func (c *checker) block(b *parse.Block, s *scope) *Block {
	out := &Block{}
	if b == nil {
		return out
	}
	inner := newScope(s)
	for _, st := range b.Stmts {
		out.Stmts = c.stmt(st, inner, out.Stmts)
	}
	return out
}

// sub checks a statement that is the whole body of another.
func (c *checker) sub(st parse.Stmt, s *scope) Stmt {
	if b, ok := st.(*parse.Block); ok {
		return c.block(b, s)
	}
	out := c.stmt(st, newScope(s), nil)
	if len(out) == 1 {
		if _, decl := out[0].(*DeclStmt); !decl {
			return out[0]
		}
	}
	return &Block{Stmts: out}
}

// stmt checks one statement and appends what comes of it to out.
func (c *checker) stmt(st parse.Stmt, s *scope, out []Stmt) []Stmt {
	c.tick(st.Range())
	switch st := st.(type) {
	case *parse.Block:
		return append(out, c.block(st, s))
	case *parse.DeclStmt:
		for _, d := range st.Decls {
			out = c.localDecl(d, s, out)
		}
	case *parse.StaticAssert:
		c.staticAssert(st, s)
	case *parse.ExprStmt:
		if e := c.expr(st.X, s); !invalid(e) {
			return append(out, &ExprStmt{e})
		}
		c.drop(st.Span)
	case *parse.If:
		return c.ifStmt(st, s, out)
	case *parse.For:
		return append(out, c.forStmt(st, s))
	case *parse.While:
		f := &For{Span: st.Span, Cond: c.condition(c.value(st.Cond, s))}
		f.Body = c.loopBody(st.Body, s)
		return append(out, f)
	case *parse.Do:
		d := &Do{Span: st.Span, Body: c.loopBody(st.Body, s)}
		d.Cond = c.condition(c.value(st.Cond, s))
		return append(out, d)
	case *parse.Switch:
		return append(out, c.switchStmt(st, s))
	case *parse.Jump:
		word := "break"
		ok := c.fn.loops+c.fn.breaks > 0
		if st.Continue {
			word, ok = "continue", c.fn.loops > 0
		}
		if !ok {
			c.errs.Errorf(st.Span, MisplacedJump, "%s outside a loop", word)
			break
		}
		return append(out, &Jump{st.Continue, st.Span})
	case *parse.Return:
		return c.returnStmt(st, s, out)
	}
	return out
}

func (c *checker) loopBody(st parse.Stmt, s *scope) Stmt {
	c.fn.loops++
	body := c.sub(st, s)
	c.fn.loops--
	return body
}

func (c *checker) ifStmt(st *parse.If, s *scope, out []Stmt) []Stmt {
	scoped := s
	var pre []Stmt
	if st.Init != nil || st.Var != nil {
		scoped = newScope(s)
	}
	if st.Init != nil {
		pre = c.stmt(st.Init, scoped, pre)
	}
	condX := st.Cond
	if st.Var != nil {
		pre = c.localDecl(st.Var, scoped, pre)
		condX = &parse.Ident{At: parse.At{Span: st.Var.NameSpan}, Name: st.Var.Name}
	}
	cond := c.condition(c.value(condX, scoped))
	if st.Constexpr {
		k := c.constEval(cond)
		if k == nil {
			if !invalid(cond) {
				c.errs.Errorf(cond.Range(), NotConstant, "the condition of if constexpr has to be known at compile time")
			}
			return out
		}
		switch {
		case k.isTrue():
			pre = append(pre, c.sub(st.Then, scoped))
		case st.Else != nil:
			pre = append(pre, c.sub(st.Else, scoped))
		}
		return append(out, pre...)
	}
	r := &If{Cond: cond, Span: st.Span, Then: c.sub(st.Then, scoped)}
	if st.Else != nil {
		r.Else = c.sub(st.Else, scoped)
	}
	if pre != nil {
		return append(out, &Block{Stmts: append(pre, r)})
	}
	return append(out, r)
}

func (c *checker) forStmt(st *parse.For, s *scope) Stmt {
	inner := newScope(s)
	f := &For{Span: st.Span}
	if st.Init != nil {
		f.Init = c.stmt(st.Init, inner, nil)
	}
	if st.Cond != nil {
		f.Cond = c.condition(c.value(st.Cond, inner))
	}
	if st.Post != nil {
		if e := c.expr(st.Post, inner); !invalid(e) {
			f.Post = e
		}
	}
	f.Body = c.loopBody(st.Body, inner)
	return f
}

func (c *checker) switchStmt(st *parse.Switch, s *scope) Stmt {
	x := c.promote(c.value(st.X, s))
	if !invalid(x) && !x.Type().IsInt() {
		c.errs.Errorf(st.X.Range(), MismatchedTypes, "switch needs an integer, not %s", x.Type())
		x = bad(st.X.Range())
	}
	sw := &Switch{X: x, Span: st.Span}
	inner := newScope(s)
	seen := map[uint64]source.Span{}
	hasDefault := false
	c.fn.breaks++
	for i, k := range st.Cases {
		out := &Case{}
		switch {
		case k.X == nil && hasDefault:
			c.errs.Errorf(k.Span, DuplicateCase, "a second default")
		case k.X == nil:
			hasDefault = true
		default:
			if v := c.constInt(k.X, s); v != nil && !invalid(x) {
				out.Value = convertConst(v, x.Type())
				if first, dup := seen[out.Value.I]; dup {
					d := c.errs.Errorf(k.X.Range(), DuplicateCase, "case %s occurs twice", out.Value.text())
					d.Notes = append(d.Notes, source.Note{Span: first, Msg: "first here"})
				}
				seen[out.Value.I] = k.X.Range()
			}
		}
		for _, b := range k.Stmts {
			out.Stmts = c.stmt(b, inner, out.Stmts)
		}
		if i+1 < len(st.Cases) {
			c.passedDecl(k.Stmts)
		}
		inner = newScope(s)
		sw.Cases = append(sw.Cases, out)
	}
	c.fn.breaks--
	return sw
}

// passedDecl reports a variable that a jump to a later case would pass.
func (c *checker) passedDecl(stmts []parse.Stmt) {
	for _, st := range stmts {
		if d, ok := st.(*parse.DeclStmt); ok {
			for _, d := range d.Decls {
				if v, ok := d.(*parse.VarDecl); ok && v.Style != parse.NoInit {
					c.errs.Errorf(v.NameSpan, InvalidInit, "the jump to a later case passes the initialisation of %s", v.Name).Hint = "put the statements of this case into braces"
					return
				}
			}
		}
	}
}

func (c *checker) returnStmt(st *parse.Return, s *scope, out []Stmt) []Stmt {
	f := c.fn
	f.nret++
	if st.X == nil {
		if f.ret != nil && f.ret.Kind != Void && f.ret.Kind != Invalid {
			c.errs.Errorf(st.Span, InvalidReturn, "%s has to return %s", f.fn.Name, f.ret)
		}
		if f.ret == nil {
			f.ret = TVoid
		}
		return append(out, &Return{Span: st.Span})
	}
	if f.kernel {
		c.errs.Errorf(st.X.Range(), InvalidReturn, "a kernel's body returns no value").Hint = "write to an output, as in out[i] = …;"
		return out
	}
	var e Expr
	switch {
	case f.ret == nil: // deduced
		e = c.expr(st.X, s)
		if !f.fn.RetRef {
			e = c.decayed(c.known(e))
		}
		f.ret, f.infer = e.Type(), true
	case f.infer && !f.fn.RetRef:
		e = c.decayed(c.value(st.X, s))
		if !invalid(e) && f.ret.Kind != Invalid && !Identical(e.Type(), f.ret) {
			c.errs.Errorf(st.X.Range(), InvalidReturn, "this returns %s, and the first return gives %s", e.Type(), f.ret).Hint = "convert one of them, or state the type: -> " + f.ret.String()
			return out
		}
	case f.fn.RetRef:
		e = c.expr(st.X, s)
		if p := c.lvalue(e); !invalid(e) && (!p.ok || !Identical(e.Type(), f.ret)) {
			if c.rank(e.Type(), f.ret) >= rankNone {
				c.refuse(e, f.ret, "return this by reference")
				return out
			}
			if !p.ok {
				f.fn.RetRef = false // a value serves as well
				e = c.convert(c.known(e), f.ret, "return this value")
			}
		} else if !invalid(e) && !c.results[f.fn].readOnly {
			c.markAssigned(e)
		}
	case f.ret.Kind == Void:
		e = c.expr(st.X, s)
		if invalid(e) {
			c.drop(st.Span)
			return out
		}
		if e.Type().Kind == Void {
			return append(out, &ExprStmt{e}, &Return{Span: st.Span})
		}
		c.errs.Errorf(st.X.Range(), InvalidReturn, "%s returns nothing, and this is %s", f.fn.Name, e.Type())
		return out
	default:
		if l, ok := st.X.(*parse.InitList); ok {
			e = c.listInit(f.ret, l.Elems, s, l.Span)
		} else {
			e = c.convert(c.value(st.X, s), f.ret, "return this value")
		}
	}
	if invalid(e) {
		c.drop(st.Span)
		return out
	}
	if e.Type().Kind == Void {
		return append(out, &ExprStmt{e}, &Return{Span: st.Span})
	}
	return append(out, &Return{X: e, Span: st.Span})
}

func (c *checker) staticAssert(st *parse.StaticAssert, s *scope) {
	e := c.condition(c.value(st.X, s))
	if invalid(e) {
		return
	}
	k := c.constEval(e)
	switch {
	case k == nil:
		c.errs.Errorf(st.X.Range(), NotConstant, "the condition of static_assert has to be known at compile time")
	case !k.isTrue() && st.Msg != "":
		c.errs.Errorf(st.Span, StaticAssertFailed, "static_assert failed: %s", st.Msg)
	case !k.isTrue():
		c.errs.Errorf(st.Span, StaticAssertFailed, "static_assert failed")
	}
}

// localDecl checks a declaration in a block.
func (c *checker) localDecl(d parse.Decl, s *scope, out []Stmt) []Stmt {
	switch d := d.(type) {
	case *parse.VarDecl:
		return c.localVar(d, s, out)
	case *parse.StructDecl:
		c.collectStruct(d, s)
		for _, v := range d.Vars {
			delete(s.names, v.Name)
			out = c.localVar(v, s, out)
		}
	case *parse.AliasDecl:
		c.collectAlias(d, s)
		if o, ok := s.names[d.Name].(*typeName); ok {
			c.typeOfObject(o, s, d.Span)
		}
	case *parse.EnumDecl:
		c.enum(d, s)
	case *parse.StaticAssert:
		c.staticAssert(d, s)
	case *parse.FuncDecl:
		if d.Body != nil {
			c.errs.Errorf(d.NameSpan, UnsupportedFeature, "a function cannot be defined inside another").Hint = "move it to the header, or make it a lambda"
		}
	}
	return out
}

func (c *checker) localVar(d *parse.VarDecl, s *scope, out []Stmt) []Stmt {
	q := c.typ(d.Type, s)
	if q.ref {
		return c.localRef(d, q, s, out)
	}
	v := &Var{Name: d.Name, Kind: LocalVar, Span: d.NameSpan, Space: Thread, ReadOnly: q.readOnly || d.Constexpr || q.space == Constant}
	init := c.declInit(d, &q, s)
	if q.auto && q.Type == nil {
		q.Type = TInvalid
	}
	v.Type = q.Type
	switch q.Kind {
	case Void:
		c.errs.Errorf(d.NameSpan, InvalidInit, "a variable cannot be void")
		v.Type = TInvalid
	case Atomic:
		if q.space != Threadgroup {
			c.errs.Errorf(d.NameSpan, MisplacedStorage, "an atomic variable has to be threadgroup")
		}
	}
	if c.redeclared(s, d.Name, d.NameSpan) {
		return out
	}
	s.set(d.Name, v)
	space := q.space
	if q.Kind == Pointer && !q.autoPtr {
		space = NoSpace
		if pt, ok := d.Type.(*parse.PointerType); ok {
			space = spaceOf(pt.Space)
			c.pointerDefault(v, d, init)
		}
	}
	if space == Threadgroup {
		return c.threadgroupVar(d, v, init, out)
	}
	if invalid2(v, init) {
		c.drop(d.Span)
		return out
	}
	if d.Static && !v.ReadOnly {
		c.errs.Errorf(d.NameSpan, MisplacedStorage, "static variables have to be constant").Hint = "a thread has no memory that outlives it: drop static"
	}
	if space == Device {
		c.errs.Errorf(d.NameSpan, MisplacedStorage, "a variable in a function lives in thread or threadgroup memory, not in %s memory", space)
	}
	v.Addressed = c.holdsArray(v.Type)
	if v.ReadOnly && init != nil {
		if k := c.constEval(init); k != nil && v.Type.IsScalar() {
			c.values[v] = k
		} else if d.Constexpr && v.Type.IsScalar() {
			c.errs.Errorf(init.Range(), NotConstant, "the value of constexpr %s is not known at compile time", d.Name).Hint = "make it const"
		} else if v.Type.Kind == Array {
			data := c.table(v.Type, d.NameSpan)
			if c.putValue(data, init) {
				v.Kind, v.Data = GlobalVar, data
				return out
			}
		}
	}
	return append(out, &DeclStmt{v, init, d.Span})
}

func invalid2(v *Var, init Expr) bool {
	return v.Type == nil || v.Type.Kind == Invalid || init != nil && invalid(init)
}

// pointerDefault settles the address space of a pointer declared without one:
// Metal wants it written, and takes thread where it is not.
func (c *checker) pointerDefault(v *Var, d *parse.VarDecl, init Expr) {
	if v.Type.Space != NoSpace {
		return
	}
	space := Thread
	cv, _ := init.(*Convert)
	if cv != nil && cv.X.Type().Kind == Pointer {
		space = cv.X.Type().Space
		if space != Thread && space != NoSpace {
			c.errs.Errorf(d.NameSpan, AddressSpace, "the pointer %s needs an address space", d.Name).Hint = fmt.Sprintf("write %s %s* %s", space, v.Type.Elem, d.Name)
		}
	}
	v.Type = PointerTo(v.Type.Elem, space, v.Type.Const)
	if cv != nil {
		cv.T = v.Type
	}
}

func (c *checker) threadgroupVar(d *parse.VarDecl, v *Var, init Expr, out []Stmt) []Stmt {
	v.Kind, v.Space, v.Addressed = ThreadgroupVar, Threadgroup, true
	if !c.fn.kernel {
		c.errs.Errorf(d.NameSpan, MisplacedStorage, "threadgroup memory can be declared in the kernel's body only").Hint = "declare it in the body and pass a threadgroup pointer to the function"
	}
	if d.Style != parse.NoInit {
		c.errs.Errorf(d.NameSpan, InvalidInit, "threadgroup memory cannot be initialised where it is declared").Hint = "let one thread assign it, then call threadgroup_barrier(mem_flags::mem_threadgroup)"
	}
	if v.Type.Kind == Invalid {
		return out
	}
	return append(out, &DeclStmt{V: v, Span: d.Span})
}

// localRef declares a reference.
func (c *checker) localRef(d *parse.VarDecl, q qualType, s *scope, out []Stmt) []Stmt {
	x := d.Init
	if x == nil && len(d.Args) == 1 {
		x = d.Args[0]
	}
	if x == nil {
		c.errs.Errorf(d.NameSpan, InvalidInit, "the reference %s has to be initialised", d.Name)
		return out
	}
	e := c.expr(x, s)
	p := c.lvalue(e)
	if q.auto {
		q.Type = e.Type()
	}
	v := &Var{Name: d.Name, Type: q.Type, Kind: RefVar, Span: d.NameSpan, ReadOnly: q.readOnly || p.readOnly, Space: p.space}
	if c.redeclared(s, d.Name, d.NameSpan) {
		return out
	}
	s.set(d.Name, v)
	if invalid(e) || q.Kind == Invalid {
		v.Type = TInvalid
		c.drop(d.Span)
		return out
	}
	switch {
	case !p.ok || !Identical(e.Type(), q.Type):
		if !q.readOnly && !isRValueRef(d.Type) {
			c.errs.Errorf(e.Range(), MismatchedTypes, "the reference %s needs something of type %s that can be assigned to", d.Name, q.Type)
			return out
		}
		v.Kind, v.Space = LocalVar, Thread
		v.Addressed = c.holdsArray(v.Type)
		e = c.convert(c.known(e), q.Type, "bind this reference")
		if invalid(e) {
			return out
		}
		return append(out, &DeclStmt{v, e, d.Span})
	case p.readOnly && !q.readOnly && !q.auto:
		c.errs.Errorf(e.Range(), AssignToConst, "%s is const, and the reference %s is not", c.describe(e, p), d.Name)
	case q.space != NoSpace && p.space != NoSpace && q.space != p.space:
		c.errs.Errorf(e.Range(), AddressSpace, "this is in %s memory, and the reference %s is to %s memory", p.space, d.Name, q.space)
	}
	if inVector(e) && !q.readOnly {
		c.errs.Errorf(e.Range(), NotAssignable, "Metal has no references to an element of a vector").Hint = "copy it to a variable"
		return out
	}
	if !v.ReadOnly {
		c.markAssigned(e)
	}
	c.refs[v] = e
	c.refAddress(e)
	return append(out, &DeclStmt{v, e, d.Span})
}

// refAddress makes the variable behind a reference live in memory where the
// reference picks a part of it that only the running kernel knows.
func (c *checker) refAddress(e Expr) {
	switch e := e.(type) {
	case *FieldSel:
		c.refAddress(e.X)
	case *Swizzle:
		c.refAddress(e.X)
	case *Index, *Cond:
		c.address(e)
	}
}

func isRValueRef(te parse.TypeExpr) bool {
	r, ok := te.(*parse.RefType)
	return ok && r.RValue
}
