package lower

// This file implements memory: allocations, loads and stores of whole values,
// and initialisation in place.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/source"
)

// Values of more scalars than this are moved between places in memory, and
// zeroed, by loops.
const maxUnrolled = 32

func (l *lowerer) alloc(name string, t *check.Type, space ir.Space, span source.Span) ir.Reg {
	return l.b.Alloc(ir.Alloc{
		Name: name, Space: space, Size: int(max(l.size(t), 1)), Align: int(l.align(t)), Elem: l.elemHint(t), Span: span,
	})
}

// table allocates a constant with its contents.
func (l *lowerer) table(v *check.Var) ir.Reg {
	data := v.Data
	if size := int(max(l.size(v.Type), 1)); len(data) != size {
		data = make([]byte, size)
		copy(data, v.Data)
	}
	return l.b.Alloc(ir.Alloc{
		Name: v.Name, Space: ir.Constant, Size: len(data), Align: int(l.align(v.Type)), Elem: l.elemHint(v.Type), Init: data, Span: v.Span,
	})
}

// loadFrom reads a value of type t.
func (l *lowerer) loadFrom(a ir.Addr, t *check.Type) []ir.Reg {
	switch t.Kind {
	case check.Vector:
		if t.Packed {
			break
		}
		return l.b.LoadN(l.scalar(t.Elem), t.Len, a)
	case check.Matrix:
		return l.b.LoadN(l.scalar(t.Elem), 2, a)
	}
	parts := l.partsOf(t)
	v := l.regs(len(parts))
	for i, p := range parts {
		at := a
		at.Off += p.off
		if p.t == ir.Ptr {
			v[i] = l.b.LoadPtr(p.space, at)
		} else {
			v[i] = l.b.Load(p.t, at)
		}
	}
	return v
}

// storeTo writes a value of type t.
func (l *lowerer) storeTo(a ir.Addr, t *check.Type, val []ir.Reg) {
	if t.Kind == check.Vector && !t.Packed || t.Kind == check.Matrix {
		l.b.Store(l.scalar(t.Elem), a, val...)
		return
	}
	parts := l.partsOf(t)
	if len(parts) != len(val) {
		l.bug("a value of %d scalars is stored as %s", len(val), t)
	}
	for i, p := range parts {
		at := a
		at.Off += p.off
		l.b.Store(p.t, at, val[i])
	}
}

// zero returns the zero value of type t.
func (l *lowerer) zero(t *check.Type) []ir.Reg {
	parts := l.partsOf(t)
	v := l.regs(len(parts))
	for i, p := range parts {
		v[i] = l.zeroPart(p)
	}
	return v
}

func (l *lowerer) zeroPart(p part) ir.Reg {
	if p.t == ir.Ptr {
		return l.b.Null(p.space)
	}
	return l.b.Const(p.t, 0)
}

// overElements runs f for the place of each element of n from a on, in a loop.
func (l *lowerer) overElements(n int, f func(i ir.Reg)) {
	i := l.b.Var(ir.U32, "")
	l.b.Set(i, l.b.ConstU32(0))
	l.b.Loop(
		func(*ir.Loop) ir.Reg { return l.b.Compare(ir.Lt, i, l.b.ConstU32(uint32(n))) },
		func(*ir.Loop) { f(i) },
		func(*ir.Loop) { l.b.Set(i, l.b.Binary(ir.Add, i, l.b.ConstU32(1))) },
	)
}

// zeroTo fills memory with the zero value of t.
func (l *lowerer) zeroTo(a ir.Addr, t *check.Type) {
	if l.count(t) <= maxUnrolled {
		l.storeTo(a, t, l.zero(t))
		return
	}
	switch t.Kind {
	case check.Array:
		l.zeroElems(a, t.Elem, t.Len)
	case check.StructKind:
		for i, f := range t.Struct.Fields {
			at := a
			at.Off += l.fieldOffset(t.Struct, i)
			l.zeroTo(at, f.Type)
		}
	}
}

func (l *lowerer) zeroElems(a ir.Addr, t *check.Type, n int) {
	if n*l.count(t) <= maxUnrolled {
		for i := range n {
			at := a
			at.Off += int64(i) * l.size(t)
			l.zeroTo(at, t)
		}
		return
	}
	l.overElements(n, func(i ir.Reg) { l.zeroTo(l.indexed(a, i, l.size(t), false), t) })
}

// initTo makes e the value of the memory at a, which e does not read.
func (l *lowerer) initTo(a ir.Addr, e check.Expr) {
	t := e.Type()
	k, ok := e.(*check.Construct)
	if !ok || t.Kind != check.Array && t.Kind != check.StructKind {
		if isLvalue(e) && l.count(t) > maxUnrolled {
			src := l.lvalue(e)
			if src.kind == inMemory {
				l.copyTo(a, src.addr, t)
				return
			}
			l.storeTo(a, t, l.load(&src))
			return
		}
		l.storeTo(a, t, l.expr(e))
		return
	}
	if t.Kind == check.StructKind {
		for i, f := range t.Struct.Fields {
			at := a
			at.Off += l.fieldOffset(t.Struct, i)
			if i < len(k.Args) && k.Args[i] != nil {
				l.initTo(at, k.Args[i])
			} else {
				l.zeroTo(at, f.Type)
			}
		}
		return
	}
	size := l.size(t.Elem)
	for i, x := range k.Args {
		at := a
		at.Off += int64(i) * size
		if x != nil {
			l.initTo(at, x)
		} else {
			l.zeroTo(at, t.Elem)
		}
		l.room(e.Range())
	}
	if n := t.Len - len(k.Args); n > 0 {
		a.Off += int64(len(k.Args)) * size
		l.zeroElems(a, t.Elem, n)
	}
}

// copyTo copies a value from one place in memory to another.
func (l *lowerer) copyTo(dst, src ir.Addr, t *check.Type) {
	if l.count(t) <= maxUnrolled {
		l.storeTo(dst, t, l.loadFrom(src, t))
		return
	}
	switch t.Kind {
	case check.Array:
		size := l.size(t.Elem)
		l.overElements(t.Len, func(i ir.Reg) {
			l.copyTo(l.indexed(dst, i, size, false), l.indexed(src, i, size, false), t.Elem)
		})
	case check.StructKind:
		for i, f := range t.Struct.Fields {
			d, s := dst, src
			d.Off += l.fieldOffset(t.Struct, i)
			s.Off += l.fieldOffset(t.Struct, i)
			l.copyTo(d, s, f.Type)
		}
	}
}
