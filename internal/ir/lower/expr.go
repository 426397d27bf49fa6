package lower

// This file implements expressions: a value is a list of registers, one for
// each scalar. A list may name variables: it is the value until one of them
// is assigned to.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// expr evaluates e.
func (l *lowerer) expr(e check.Expr) []ir.Reg {
	old := l.b.SetSpan(e.Range())
	v := l.exprAt(e)
	l.b.SetSpan(old)
	return v
}

func (l *lowerer) exprAt(e check.Expr) []ir.Reg {
	switch e := e.(type) {
	case *check.Const:
		return l.one(l.constant(e))
	case *check.VarRef, *check.FieldSel, *check.Swizzle, *check.Index, *check.Deref:
		if e.Type().Kind == check.Closure {
			return nil
		}
		p := l.lvalueAt(e)
		return l.load(&p)
	case *check.AddrOf:
		p := l.lvalue(e.X)
		return l.one(l.b.PtrAdd(l.address(&p)))
	case *check.Unary:
		x := l.expr(e.X)
		v := l.regs(len(x))
		for i, r := range x {
			v[i] = l.unary(e.Op, r)
		}
		return v
	case *check.Binary:
		x, y := l.pair(e.X, e.Y)
		return l.binaryAll(e.Op, x, y)
	case *check.Logical:
		return l.logical(e)
	case *check.PtrAdd:
		a := l.pointer(e.P)
		i := l.index(e.I, &a)
		return l.one(l.b.PtrAdd(l.indexed(a, i, l.size(e.T.Elem), e.Sub)))
	case *check.PtrDiff:
		x, y := l.pair(e.P, e.Q)
		return l.one(l.b.PtrSub(x[0], l.like(y[0], x[0]), max(l.size(e.P.Type().Elem), 1)))
	case *check.Cond:
		return l.cond(e)
	case *check.Comma:
		l.drop(e.X)
		return l.expr(e.Y)
	case *check.Assign:
		return l.assigned(l.assign(e))
	case *check.AssignOp:
		return l.assigned(l.assignOp(e))
	case *check.IncDec:
		p, old, val := l.incDec(e)
		if e.Post {
			return old
		}
		return l.assigned(p, val)
	case *check.Convert:
		return l.convertExpr(e)
	case *check.Bitcast:
		return l.bitcast(l.expr(e.X), e.X.Type(), e.T)
	case *check.Construct:
		return l.construct(e)
	case *check.Call:
		v, p := l.call(e)
		if e.Fn.RetRef {
			return l.load(&p)
		}
		return v
	case *check.LambdaExpr:
		return nil
	case *check.Builtin:
		return l.builtin(e)
	}
	l.bug("no way to evaluate %T", e)
	return nil
}

// drop evaluates e for its effects.
func (l *lowerer) drop(e check.Expr) {
	old := l.b.SetSpan(e.Range())
	defer l.b.SetSpan(old)
	switch e := e.(type) {
	case *check.Assign:
		l.assign(e)
	case *check.AssignOp:
		l.assignOp(e)
	case *check.IncDec:
		l.incDec(e)
	case *check.Comma:
		l.drop(e.X)
		l.drop(e.Y)
	case *check.Convert:
		if e.T.Kind == check.Void {
			l.drop(e.X)
			return
		}
		l.exprAt(e)
	case *check.Call:
		l.call(e)
	case *check.Cond:
		c := l.expr(e.C)[0]
		l.b.If(c, func() { l.drop(e.X) }, func() { l.drop(e.Y) })
	case *check.Builtin:
		if !l.dropAtomic(e) {
			l.builtin(e)
		}
	default:
		if hasEffects(e) || readsMemory(e) {
			l.exprAt(e)
		}
	}
}

func (l *lowerer) constant(e *check.Const) ir.Reg {
	switch {
	case e.T.Kind == check.Pointer || e.T.Kind == check.Null:
		return l.b.Null(spaceOf(e.T))
	case e.T.IsFloat():
		return l.b.ConstFloat(l.scalar(e.T), e.F)
	}
	return l.b.Const(l.scalar(e.T), e.I)
}

// pair evaluates two operands; the effects of the second do not change the
// value of the first.
func (l *lowerer) pair(x, y check.Expr) (vx, vy []ir.Reg) {
	vx = l.expr(x)
	if hasEffects(y) {
		vx = l.copies(vx)
	}
	return vx, l.expr(y)
}

// undefined returns registers for a value of type t that no code computes.
func (l *lowerer) undefined(t *check.Type) []ir.Reg {
	parts := l.partsOf(t)
	v := l.regs(len(parts))
	for i, p := range parts {
		v[i] = l.variable(p, ir.NoReg, "")
	}
	return v
}

// hasEffects reports whether evaluating e may assign to something.
func hasEffects(e check.Expr) bool {
	switch e := e.(type) {
	case *check.Assign, *check.AssignOp, *check.IncDec, *check.Call:
		return true
	case *check.FieldSel:
		return hasEffects(e.X)
	case *check.Swizzle:
		return hasEffects(e.X)
	case *check.Index:
		return hasEffects(e.X) || hasEffects(e.I)
	case *check.Deref:
		return hasEffects(e.X)
	case *check.AddrOf:
		return hasEffects(e.X)
	case *check.Unary:
		return hasEffects(e.X)
	case *check.Binary:
		return hasEffects(e.X) || hasEffects(e.Y)
	case *check.Logical:
		return hasEffects(e.X) || hasEffects(e.Y)
	case *check.PtrAdd:
		return hasEffects(e.P) || hasEffects(e.I)
	case *check.PtrDiff:
		return hasEffects(e.P) || hasEffects(e.Q)
	case *check.Cond:
		return hasEffects(e.C) || hasEffects(e.X) || hasEffects(e.Y)
	case *check.Comma:
		return hasEffects(e.X) || hasEffects(e.Y)
	case *check.Convert:
		return hasEffects(e.X)
	case *check.Bitcast:
		return hasEffects(e.X)
	case *check.Construct:
		return anyEffects(e.Args)
	case *check.Builtin:
		return builtins[e.Name].effects || anyEffects(e.Args)
	}
	return false
}

func anyEffects(es []check.Expr) bool {
	for _, e := range es {
		if e != nil && hasEffects(e) {
			return true
		}
	}
	return false
}

// readsMemory reports whether e, which has no effects, may read memory at an
// address that the kernel computes: a statement that does so and drops the
// value is kept, for checked mode to see.
func readsMemory(e check.Expr) bool {
	switch e := e.(type) {
	case *check.Index:
		return e.X.Type().Kind == check.Pointer || readsMemory(e.X)
	case *check.Deref:
		return true
	case *check.FieldSel:
		return readsMemory(e.X)
	case *check.Swizzle:
		return readsMemory(e.X)
	}
	return false
}

// cheap reports whether evaluating e unasked costs little and does no harm:
// no effects, no memory, no division of integers. budget is how many
// operations it may take.
func (l *lowerer) cheap(e check.Expr, budget *int) bool {
	if *budget--; *budget < 0 {
		return false
	}
	switch e := e.(type) {
	case *check.Const:
		return true
	case *check.VarRef:
		switch e.V.Kind {
		case check.GlobalVar, check.ThreadgroupVar:
			return false
		}
		p := l.varPlace(e.V)
		return p.kind == inRegs
	case *check.FieldSel:
		return l.cheap(e.X, budget)
	case *check.Swizzle:
		return l.cheap(e.X, budget)
	case *check.Unary:
		return l.cheap(e.X, budget)
	case *check.Binary:
		if e.Op == check.OpRem || e.Op == check.OpDiv {
			return false
		}
		return l.cheap(e.X, budget) && l.cheap(e.Y, budget)
	case *check.Logical:
		return l.cheap(e.X, budget) && l.cheap(e.Y, budget)
	case *check.Cond:
		return l.cheap(e.C, budget) && l.cheap(e.X, budget) && l.cheap(e.Y, budget)
	case *check.Convert:
		return e.X.Type().Kind != check.Array && e.T.Kind != check.Void && l.cheap(e.X, budget)
	case *check.Bitcast:
		return l.cheap(e.X, budget)
	case *check.Construct:
		for _, a := range e.Args {
			if a != nil && !l.cheap(a, budget) {
				return false
			}
		}
		return e.T.Kind == check.Vector || e.T.Kind == check.StructKind && !holdsArray(e.T)
	case *check.Builtin:
		if !builtins[e.Name].cheap {
			return false
		}
		for _, a := range e.Args {
			if !l.cheap(a, budget) {
				return false
			}
		}
		return true
	}
	return false
}

const cheapBudget = 12

func (l *lowerer) logical(e *check.Logical) []ir.Reg {
	x := l.expr(e.X)[0]
	if v, ok := l.b.ConstValue(x); ok {
		if (v != 0) == e.And {
			return l.expr(e.Y)
		}
		return l.one(x)
	}
	budget := cheapBudget
	if l.cheap(e.Y, &budget) {
		y := l.expr(e.Y)[0]
		if e.And {
			return l.one(l.b.Binary(ir.And, x, y))
		}
		return l.one(l.b.Binary(ir.Or, x, y))
	}
	r := l.b.Var(ir.Bool, "")
	l.b.Set(r, x)
	right := func() { l.b.Set(r, l.expr(e.Y)[0]) }
	if e.And {
		l.b.If(r, right, nil)
	} else {
		l.b.If(r, func() {}, right)
	}
	return l.one(r)
}

func (l *lowerer) cond(e *check.Cond) []ir.Reg {
	c := l.expr(e.C)[0]
	if v, ok := l.b.ConstValue(c); ok {
		if v != 0 {
			return l.expr(e.X)
		}
		return l.expr(e.Y)
	}
	if e.T.Kind == check.Void {
		l.b.If(c, func() { l.drop(e.X) }, func() { l.drop(e.Y) })
		return nil
	}
	budget := cheapBudget
	if l.cheap(e.X, &budget) && l.cheap(e.Y, &budget) {
		x, y := l.expr(e.X), l.expr(e.Y)
		v := l.regs(len(x))
		for i := range x {
			v[i] = l.b.Select(c, x[i], l.like(y[i], x[i]))
		}
		return v
	}
	v := l.regs(l.count(e.T))
	parts := l.partsOf(e.T)
	for i := range v {
		v[i] = ir.NoReg
	}
	assign := func(x []ir.Reg) {
		for i, r := range x {
			if v[i] == ir.NoReg {
				v[i] = l.variable(parts[i], r, "")
			}
			l.set(v[i], r)
		}
	}
	l.b.If(c, func() { assign(l.expr(e.X)) }, func() { assign(l.expr(e.Y)) })
	if len(v) > 0 && v[0] == ir.NoReg {
		return l.undefined(e.T)
	}
	return v
}

func (l *lowerer) construct(e *check.Construct) []ir.Reg {
	switch e.T.Kind {
	case check.Vector, check.StructKind, check.Array:
		v := l.regs(l.count(e.T))[:0]
		if len(l.partsOf(e.T)) == 0 {
			return nil
		}
		for i, a := range e.Args {
			switch {
			case a == nil && e.T.Kind == check.StructKind:
				v = append(v, l.zero(e.T.Struct.Fields[i].Type)...)
			case a == nil:
				v = append(v, l.zero(e.T.Elem)...)
			case anyEffects(e.Args[i+1:]):
				v = append(v, l.copies(l.expr(a))...)
			default:
				v = append(v, l.expr(a)...)
			}
		}
		parts := l.partsOf(e.T)
		for i := len(v); i < len(parts); i++ {
			v = append(v, l.zeroPart(parts[i]))
		}
		if len(v) != len(parts) {
			l.bug("%s is made of %d scalars", e.T, len(v))
		}
		return v
	case check.Matrix:
		if len(e.Args) == 0 {
			return l.zero(e.T)
		}
		return l.diagonal(l.expr(e.Args[0])[0])
	}
	if len(e.Args) == 1 {
		return l.expr(e.Args[0])
	}
	return l.zero(e.T)
}

// ---- Assignment

// assigned returns the value of an assignment of val to p.
func (l *lowerer) assigned(p place, val []ir.Reg) []ir.Reg {
	switch {
	case p.kind == inRegs:
		return p.regs
	case val == nil:
		return l.load(&p)
	}
	return val
}

// assign returns the place that was assigned to, and the value.
func (l *lowerer) assign(e *check.Assign) (p place, val []ir.Reg) {
	if holdsArray(e.T) {
		return l.assignLarge(e)
	}
	val = l.expr(e.Y)
	if hasEffects(e.X) {
		val = l.copies(val)
	}
	old := l.b.SetSpan(e.X.Range()) // a finding about the store points at what is stored to
	defer l.b.SetSpan(old)
	p = l.lvalue(e.X)
	l.store(&p, val)
	return p, val
}

// assignLarge assigns a struct that holds arrays.
func (l *lowerer) assignLarge(e *check.Assign) (p place, val []ir.Reg) {
	if isLvalue(e.Y) && l.count(e.T) > maxUnrolled {
		src, dst := l.pinned(l.lvalue(e.Y)), l.lvalue(e.X)
		if src.kind == inMemory && dst.kind == inMemory {
			l.copyTo(dst.addr, src.addr, e.T)
			return dst, nil
		}
		l.bug("an array in registers")
	}
	val = l.expr(e.Y)
	p = l.lvalue(e.X)
	l.store(&p, val)
	return p, val
}

func (l *lowerer) assignOp(e *check.AssignOp) (p place, val []ir.Reg) {
	if e.OpType.Kind == check.Pointer {
		p = l.lvalue(e.X)
		a := ir.At(l.load(&p)[0], 0)
		if hasEffects(e.Y) {
			p = l.pinned(p)
		}
		i := l.index(e.Y, &a)
		val = l.one(l.b.PtrAdd(l.indexed(a, i, l.size(e.OpType.Elem), e.Op == check.OpSub)))
		l.store(&p, val)
		return p, val
	}
	y := l.expr(e.Y)
	if hasEffects(e.X) {
		y = l.copies(y)
	}
	whole := l.b.SetSpan(e.X.Range())
	p = l.lvalue(e.X)
	x := l.load(&p)
	l.b.SetSpan(whole)
	if len(x) > 1 {
		x = l.copies(x)
	}
	xt := e.X.Type()
	v := l.binaryAll(e.Op, l.convertAll(x, l.scalar(e.OpType.Scalar()), len(x)), y)
	v = l.convertAll(v, l.scalar(xt.Scalar()), len(v))
	l.b.SetSpan(e.X.Range())
	l.store(&p, v)
	l.b.SetSpan(whole)
	return p, v
}

// incDec returns the place, the value after, and for the postfix form the
// value before.
func (l *lowerer) incDec(e *check.IncDec) (p place, old, val []ir.Reg) {
	p = l.lvalue(e.X)
	x := l.load(&p)
	if e.Post {
		x = l.copies(x)
	}
	v := l.regs(len(x))
	t := e.X.Type()
	for i, r := range x {
		if t.Kind == check.Pointer {
			step := l.size(t.Elem)
			if e.Dec {
				step = -step
			}
			v[i] = l.b.PtrAdd(ir.At(r, step))
			continue
		}
		op := ir.Add
		if e.Dec {
			op = ir.Sub
		}
		w := l.wide(r)
		wt := l.b.TypeOf(w)
		one := l.b.ConstInt(wt, 1)
		if wt.IsFloat() {
			one = l.b.ConstFloat(wt, 1)
		}
		v[i] = l.b.Convert(l.b.TypeOf(r), l.b.Binary(op, w, one))
	}
	l.store(&p, v)
	return p, x, v
}
