package lower

// This file implements simdgroup matrices: 8x8, two adjacent elements a lane.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func registerMatrices() {
	builtins["simdgroup_load"] = builtin{effects: true, whole: lowerMatrixLoad}
	builtins["simdgroup_store"] = builtin{effects: true, whole: lowerMatrixStore}
	builtins["simdgroup_multiply"] = builtin{effects: true, whole: lowerMatrixMultiply}
	builtins["simdgroup_multiply_accumulate"] = builtin{effects: true, whole: lowerMatrixMultiply}
	builtins["simdgroup_matrix_fill"] = builtin{whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
		v := l.copies(l.expr(e.Args[0]))[0]
		return []ir.Reg{v, v}
	}}
	builtins["thread_elements"] = builtin{whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
		p := l.lvalueAt(e)
		return l.load(&p)
	}}
}

// position returns the row and the first column of this lane's elements, as
// U64, worked out once at the kernel's start.
func (l *lowerer) position() (row, col ir.Reg) {
	if l.lane[0] == ir.NoReg {
		u32 := func(op ir.Op, x ir.Reg, n uint32) ir.Reg {
			r := l.b.Temp(ir.U32)
			l.atEntry(ir.Instr{Op: op, Type: ir.U32, Dst: l.one(r), Args: []ir.Reg{x, l.b.ConstU32(n)}})
			return r
		}
		sum := func(x, y ir.Reg) ir.Reg {
			s, r := l.b.Temp(ir.U32), l.b.Temp(ir.U64)
			l.atEntry(ir.Instr{Op: ir.Add, Type: ir.U32, Dst: l.one(s), Args: []ir.Reg{x, y}})
			l.atEntry(ir.Instr{Op: ir.Convert, Type: ir.U64, From: ir.U32, Dst: l.one(r), Args: []ir.Reg{s}})
			return r
		}
		lane := l.b.Temp(ir.U32)
		l.atEntry(ir.Instr{Op: ir.Special, Type: ir.U32, Dst: l.one(lane), Imm: int64(ir.ThreadIndexInSimdgroup)})
		q := u32(ir.Shr, lane, 2)
		l.lane[0] = sum(u32(ir.And, q, 4), u32(ir.And, u32(ir.Shr, lane, 1), 3))
		l.lane[1] = sum(u32(ir.Shl, u32(ir.And, q, 2), 1), u32(ir.Shl, u32(ir.And, lane, 1), 1))
	}
	return l.lane[0], l.lane[1]
}

// elements returns the addresses of this lane's two elements of a matrix in
// memory. e's arguments are the matrix, a pointer, the elements in a row, the
// origin (column, row) and whether the matrix lies there transposed.
func (l *lowerer) elements(e *check.Builtin) (first, second ir.Addr, t ir.Type) {
	elem := e.Args[0].Type().Elem
	t = l.scalar(elem)
	size := int64(elem.Size())
	stride := l.copies(l.expr(e.Args[2]))[0]
	origin := l.copies(l.expr(e.Args[3]))
	transposed := l.expr(e.Args[4])[0]
	at := l.pointer(e.Args[1])

	row, col := l.position()
	// Down and across count in memory. Transposed, the element at (row, col)
	// of the matrix lies at (col, row), and the next column one row further.
	down, across := l.b.Select(transposed, col, row), l.b.Select(transposed, row, col)
	step := l.b.Select(transposed, stride, l.b.Const(ir.U64, 1))
	down = l.b.Binary(ir.Add, down, origin[1])
	across = l.b.Binary(ir.Add, across, origin[0])
	i := l.b.Binary(ir.Add, l.b.Binary(ir.Mul, down, stride), across)
	base := at
	if at.Index != ir.NoReg {
		base = ir.At(l.b.PtrAdd(at), 0)
	}
	first = l.indexed(base, i, size, false)
	if v, ok := l.b.ConstValue(step); ok {
		second = first
		second.Off += int64(v) * size
		return first, second, t
	}
	return first, l.indexed(base, l.b.Binary(ir.Add, i, step), size, false), t
}

func lowerMatrixLoad(l *lowerer, e *check.Builtin) []ir.Reg {
	p := l.pinned(l.lvalue(e.Args[0]))
	first, second, t := l.elements(e)
	l.store(&p, []ir.Reg{l.b.Load(t, first), l.b.Load(t, second)})
	return nil
}

func lowerMatrixStore(l *lowerer, e *check.Builtin) []ir.Reg {
	v := l.copies(l.expr(e.Args[0]))
	first, second, t := l.elements(e)
	l.b.Store(t, first, v[0])
	l.b.Store(t, second, v[1])
	return nil
}

// lowerMatrixMultiply computes D = A*B, or A*B + C. Where the element types
// differ it is done in float.
func lowerMatrixMultiply(l *lowerer, e *check.Builtin) []ir.Reg {
	dt := e.Args[0].Type()
	t := l.scalar(dt.Elem)
	var m [3][]ir.Reg
	m[2] = l.zero(dt)
	for i, a := range e.Args[1:] {
		m[i] = l.copies(l.expr(a))
	}
	for _, x := range m {
		if l.b.TypeOf(x[0]) != t {
			t = ir.F32
		}
	}
	for i := range m {
		m[i] = l.convertAll(m[i], t, 2)
	}
	d0, d1 := l.b.MatMul(t, m[0][0], m[0][1], m[1][0], m[1][1], m[2][0], m[2][1])
	p := l.lvalue(e.Args[0])
	l.store(&p, l.convertAll([]ir.Reg{d0, d1}, l.scalar(dt.Elem), 2))
	return nil
}

// diagonal returns a matrix with v on its diagonal.
func (l *lowerer) diagonal(v ir.Reg) []ir.Reg {
	row, col := l.position()
	zero := l.b.Const(l.b.TypeOf(v), 0)
	next := l.b.Binary(ir.Add, col, l.b.Const(ir.U64, 1))
	return []ir.Reg{
		l.b.Select(l.b.Compare(ir.Eq, row, col), v, zero),
		l.b.Select(l.b.Compare(ir.Eq, row, next), v, zero),
	}
}
