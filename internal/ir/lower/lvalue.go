package lower

// This file implements lvalues: finding the place that an expression names.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// isLvalue reports whether e names a place.
func isLvalue(e check.Expr) bool {
	switch e := e.(type) {
	case *check.VarRef, *check.Deref, *check.Assign, *check.AssignOp:
		return true
	case *check.IncDec:
		return !e.Post
	case *check.FieldSel:
		return isLvalue(e.X)
	case *check.Swizzle:
		return isLvalue(e.X)
	case *check.Index:
		return e.X.Type().Kind == check.Pointer || isLvalue(e.X)
	case *check.Cond:
		return e.T.Kind != check.Void && isLvalue(e.X) && isLvalue(e.Y)
	case *check.Comma:
		return isLvalue(e.Y)
	case *check.Call:
		return e.Fn.RetRef
	case *check.Builtin:
		return e.Name == "thread_elements"
	}
	return false
}

// lvalue returns the place that e names. A value that is no lvalue gets a
// place of its own.
func (l *lowerer) lvalue(e check.Expr) place {
	old := l.b.SetSpan(e.Range())
	p := l.lvalueAt(e)
	l.b.SetSpan(old)
	return p
}

func (l *lowerer) lvalueAt(e check.Expr) place {
	switch e := e.(type) {
	case *check.VarRef:
		p := l.varPlace(e.V)
		if e.V.Kind == check.AttrVar {
			for i := range p.regs {
				l.needAttribute(e.V, p, i)
			}
		}
		return *p
	case *check.FieldSel:
		x := l.lvalue(e.X)
		return l.field(&x, e.Field)
	case *check.Swizzle:
		if r, ok := e.X.(*check.VarRef); ok && r.V.Kind == check.AttrVar {
			p := l.varPlace(r.V)
			for _, k := range e.Comps {
				if p.kind == inRegs && k < len(p.regs) {
					l.needAttribute(r.V, p, k)
				}
			}
			return l.swizzle(p, e.Comps, e.T)
		}
		x := l.lvalue(e.X)
		return l.swizzle(&x, e.Comps, e.T)
	case *check.Index:
		if e.X.Type().Kind == check.Pointer {
			a := l.pointer(e.X)
			return place{t: e.T, kind: inMemory, addr: l.indexed(a, l.index(e.I, &a), l.size(e.T), false)}
		}
		x := l.lvalue(e.X)
		return l.elementAt(&x, l.index(e.I, &x.addr), e.T)
	case *check.Deref:
		return place{t: e.T, kind: inMemory, addr: l.pointer(e.X)}
	case *check.Assign:
		p, _ := l.assign(e)
		return p
	case *check.AssignOp:
		p, _ := l.assignOp(e)
		return p
	case *check.IncDec:
		if !e.Post {
			p, _, _ := l.incDec(e)
			return p
		}
	case *check.Cond:
		if isLvalue(e) {
			return l.condPlace(e)
		}
	case *check.Comma:
		l.drop(e.X)
		return l.lvalue(e.Y)
	case *check.Call:
		if e.Fn.RetRef {
			_, p := l.call(e)
			return p
		}
	case *check.Builtin:
		if e.Name == "thread_elements" {
			p := l.lvalue(e.Args[0])
			return l.matrixElements(&p, e.T)
		}
	}
	return l.temporary(e)
}

// temporary evaluates e into a place of its own.
func (l *lowerer) temporary(e check.Expr) place {
	t := e.Type()
	if holdsArray(t) {
		a := ir.At(l.alloc("", t, ir.Thread, e.Range()), 0)
		l.initTo(a, e)
		return place{t: t, kind: inMemory, addr: a}
	}
	return place{t: t, regs: l.expr(e)}
}

// matrixElements returns a matrix's place as a vector of two.
func (l *lowerer) matrixElements(p *place, t *check.Type) place {
	if p.kind == choice {
		return p.each(t, func(q *place) place { return l.matrixElements(q, t) })
	}
	q := *p
	q.t = t
	return q
}

// index evaluates an index. Extending it to 64 bits is the address's job. The
// address that it will be added to stays what it is.
func (l *lowerer) index(e check.Expr, a *ir.Addr) ir.Reg {
	for {
		c, ok := e.(*check.Convert)
		if !ok || c.T.Kind != check.Long && c.T.Kind != check.ULong {
			break
		}
		if k := c.X.Type().Kind; k < check.Int || k > check.ULong {
			break
		}
		e = c.X
	}
	if hasEffects(e) && a.Base != ir.NoReg {
		a.Base = l.b.Copy(a.Base)
		if a.Index != ir.NoReg {
			a.Index = l.b.Copy(a.Index)
		}
	}
	r := l.expr(e)[0]
	switch l.b.TypeOf(r) {
	case ir.I32, ir.U32, ir.I64, ir.U64:
		return r
	}
	return l.b.Convert(ir.I32, r)
}

// pointer returns the address that a pointer-valued expression stands for.
func (l *lowerer) pointer(e check.Expr) ir.Addr {
	old := l.b.SetSpan(e.Range())
	defer l.b.SetSpan(old)
	switch e := e.(type) {
	case *check.PtrAdd:
		a := l.pointer(e.P)
		i := l.index(e.I, &a)
		return l.indexed(a, i, l.size(e.T.Elem), e.Sub)
	case *check.AddrOf:
		p := l.lvalue(e.X)
		return l.address(&p)
	case *check.Convert:
		switch e.X.Type().Kind {
		case check.Pointer:
			return l.pointer(e.X)
		case check.Array:
			p := l.lvalue(e.X)
			return l.address(&p)
		}
	}
	return ir.At(l.expr(e)[0], 0)
}

// varPlace returns the place of a variable.
func (l *lowerer) varPlace(v *check.Var) *place {
	if p := l.vars[v]; p != nil {
		return p
	}
	var p *place
	switch v.Kind {
	case check.AttrVar:
		p = l.attribute(v)
	case check.ScalarVar:
		p = l.scalarParam(v)
	case check.BufferVar:
		p = l.bufferParam(v)
	case check.GlobalVar:
		p = &place{t: v.Type, kind: inMemory, addr: ir.At(l.table(v), 0)}
	case check.ThreadgroupVar:
		p = &place{t: v.Type, kind: inMemory, addr: ir.At(l.alloc(v.Name, v.Type, ir.Threadgroup, v.Span), 0)}
	case check.LocalVar:
		p = l.newVar(v, nil)
	default:
		l.bug("the reference %s is used before it is bound", v.Name)
	}
	l.vars[v] = p
	return p
}

// inThreadMemory reports whether a local variable needs an allocation.
func inThreadMemory(v *check.Var) bool { return v.Addressed || holdsArray(v.Type) }

// newVar makes room for a local variable; val, if not nil, is the value that
// it will start with, and says which spaces its pointers point into.
func (l *lowerer) newVar(v *check.Var, val []ir.Reg) *place {
	if inThreadMemory(v) {
		return &place{t: v.Type, kind: inMemory, addr: ir.At(l.alloc(v.Name, v.Type, ir.Thread, v.Span), 0)}
	}
	parts := l.partsOf(v.Type)
	regs := l.regs(len(parts))
	for i, p := range parts {
		r := ir.NoReg
		if val != nil {
			r = val[i]
		}
		regs[i] = l.variable(p, r, l.partName(v, i, len(parts)))
	}
	return &place{t: v.Type, regs: regs}
}

// variable makes a register for a part of a value. val, if it is a pointer,
// is the first one that the register will hold: a type may leave open which
// space that points into.
func (l *lowerer) variable(p part, val ir.Reg, name string) ir.Reg {
	if p.t != ir.Ptr {
		return l.b.Var(p.t, name)
	}
	if val != ir.NoReg {
		if _, null := l.b.ConstValue(val); !null && p.space != ir.Constant && l.b.SpaceOf(val) != ir.Constant {
			p.space = l.b.SpaceOf(val)
		}
	}
	return l.b.PtrVar(p.space, name)
}

// partName names a register of a variable: v, or v_x, v_real and so on.
func (l *lowerer) partName(v *check.Var, i, n int) string {
	switch {
	case n == 1 || v.Name == "":
		return v.Name
	case v.Type.Kind == check.Vector:
		return v.Name + "_" + "xyzw"[i:i+1]
	case v.Type.Kind == check.StructKind && len(v.Type.Struct.Fields) == n:
		return v.Name + "_" + v.Type.Struct.Fields[i].Name
	}
	return v.Name
}

// start gives a local variable its first value.
func (l *lowerer) start(v *check.Var, val []ir.Reg) *place {
	fixed := !v.Assigned && !inThreadMemory(v) && !l.sharing
	if v.Type.Kind == check.StructKind && !v.ReadOnly {
		fixed = false // a constructor assigns to the fields of its object
	}
	if fixed {
		return &place{t: v.Type, regs: l.copies(val)}
	}
	p := l.newVar(v, val)
	l.store(p, val)
	return p
}

// bind makes a reference another name for what e names.
func (l *lowerer) bind(v *check.Var, e check.Expr) *place {
	if !isLvalue(e) {
		return l.bindValue(v, e)
	}
	p := l.pinned(l.lvalue(e))
	return &p
}

// bindValue gives a reference a value of its own to name.
func (l *lowerer) bindValue(v *check.Var, e check.Expr) *place {
	p := l.temporary(e)
	if p.kind != inRegs {
		return &p
	}
	if v.Addressed {
		a := ir.At(l.alloc(v.Name, v.Type, ir.Thread, e.Range()), 0)
		l.storeTo(a, v.Type, p.regs)
		return &place{t: v.Type, kind: inMemory, addr: a}
	}
	if v.ReadOnly {
		p.regs = l.copies(p.regs)
		return &p
	}
	q := &place{t: v.Type, regs: l.regs(len(p.regs))}
	for i, part := range l.partsOf(v.Type) {
		q.regs[i] = l.variable(part, p.regs[i], l.partName(v, i, len(p.regs)))
	}
	l.store(q, p.regs)
	return q
}

// condPlace returns the place that c ? x : y names.
func (l *lowerer) condPlace(e *check.Cond) place {
	c := l.expr(e.C)[0]
	if v, ok := l.b.ConstValue(c); ok {
		if v != 0 {
			return l.lvalue(e.X)
		}
		return l.lvalue(e.Y)
	}
	if l.b.Dead() {
		return place{t: e.T, regs: l.undefined(e.T)}
	}
	p := place{t: e.T, kind: choice, which: l.b.Var(ir.I32, ""), alts: make([]place, 2)}
	l.b.If(c, func() {
		p.alts[0] = l.exported(l.lvalue(e.X))
		l.b.Set(p.which, l.b.ConstI32(0))
	}, func() {
		p.alts[1] = l.exported(l.lvalue(e.Y))
		l.b.Set(p.which, l.b.ConstI32(1))
	})
	return p
}
