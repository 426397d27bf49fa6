package lower

// This file implements atomic functions.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// UnsupportedAtomic is the code of the error for an atomic type that devices
// lack.
const UnsupportedAtomic = "UnsupportedAtomic"

var fetchOps = map[string]ir.Op{
	"atomic_exchange": ir.AtomicXchg, "atomic_fetch_add": ir.AtomicAdd, "atomic_fetch_sub": ir.AtomicSub,
	"atomic_fetch_min": ir.AtomicMin, "atomic_fetch_max": ir.AtomicMax, "atomic_fetch_and": ir.AtomicAnd,
	"atomic_fetch_or": ir.AtomicOr, "atomic_fetch_xor": ir.AtomicXor,
}

func registerAtomics() {
	for name := range fetchOps {
		builtins[name] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg { return l.one(l.fetch(e, false)) }}
	}
	builtins["atomic_load"] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
		t := l.atomicType(e)
		return l.one(l.b.AtomicLoad(t, l.pointer(e.Args[0])))
	}}
	builtins["atomic_store"] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
		t := l.atomicType(e)
		v := l.copies(l.expr(e.Args[1]))
		l.b.AtomicStore(t, l.pointer(e.Args[0]), v[0])
		return nil
	}}
	builtins["atomic_compare_exchange"] = builtin{effects: true, whole: lowerExchange}
}

// atomicType returns the type of the atomic that the first argument points to.
func (l *lowerer) atomicType(e *check.Builtin) ir.Type {
	pt := e.Args[0].Type()
	if pt.Kind != check.Pointer {
		l.bug("%s of %s", e.Name, pt)
	}
	t := l.scalar(pt.Elem)
	switch t {
	case ir.I32, ir.U32, ir.F32, ir.I64, ir.U64:
		return t
	}
	panic(stop{
		span: e.Span, code: UnsupportedAtomic, msg: fmt.Sprintf("there are no atomic operations on %s", pt.Elem),
		hint: "atomics are int, uint, float, long and ulong",
	})
}

// fetch lowers an operation that returns the value before; drop says that
// nothing uses it.
func (l *lowerer) fetch(e *check.Builtin, drop bool) ir.Reg {
	t, op := l.atomicType(e), fetchOps[e.Name]
	v := l.copies(l.expr(e.Args[1]))[0]
	a := l.pointer(e.Args[0])
	if drop {
		if v, ok := l.b.ConstValue(a.Index); ok {
			a = ir.At(a.Base, a.Off+int64(v)*a.Scale)
		}
		l.b.Emit(ir.Instr{Op: op, Type: t, Args: l.one(v), Addr: a})
		return ir.NoReg
	}
	return l.b.Atomic(op, t, a, v)
}

// dropAtomic lowers e without a result if it is an atomic operation.
func (l *lowerer) dropAtomic(e *check.Builtin) bool {
	if _, ok := fetchOps[e.Name]; !ok {
		return false
	}
	l.fetch(e, true)
	return true
}

// lowerExchange stores the value before into the expected one where they
// differ.
func lowerExchange(l *lowerer, e *check.Builtin) []ir.Reg {
	t := l.atomicType(e)
	desired := l.copies(l.expr(e.Args[2]))[0]
	a := l.pointer(e.Args[0])
	p := l.pinned(l.lvalue(e.Args[1]))
	expected := l.copies(l.load(&p))[0]
	old, ok := l.b.AtomicCAS(t, a, expected, desired)
	if p.kind == inRegs {
		l.store(&p, l.one(l.b.Select(ok, expected, old)))
	} else {
		l.b.If(ok, func() {}, func() { l.store(&p, l.one(old)) })
	}
	return l.one(ok)
}
