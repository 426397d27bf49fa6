package interp

// This file implements elementwise instructions: it brings the active lanes
// of the operands together, runs a loop over them, and takes the results to
// their lanes. The loops know nothing of masks.

import (
	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

type number interface {
	int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64
}

// wasteful is how many times more lanes than active ones a cheap loop may
// run over to save packing them together.
const wasteful = 6

// span returns the lanes a loop may run over in place: the active ones, or,
// where the result is a temp, some more.
func (m *mask) span(temp bool) (lo, hi int, ok bool) {
	return m.lo, m.hi, m.dense || temp && m.hi-m.lo < wasteful*m.n
}

func stepUnary[R, A any](c *compiler, in *ir.Instr, loop func(d []R, a []A)) step {
	if loop == nil {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	a, d := c.slot(in.Args[0]), c.dst(in)
	temp := c.temp(in.Dst[0]) && !costly(in.Op)
	return func(f *frame) {
		m := f.cur
		if lo, hi, ok := m.span(temp); ok {
			loop(view[R](f, d)[lo:hi], view[A](f, a)[lo:hi])
			return
		}
		r := result[R](f, m, 0, d)
		loop(r, operand[A](f, m, 1, a))
		deliver(f, m, d, r)
	}
}

func stepBinary[R, A, B any](c *compiler, in *ir.Instr, loop func(d []R, a []A, b []B)) step {
	if loop == nil {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	a, b, d := c.slot(in.Args[0]), c.slot(in.Args[1]), c.dst(in)
	temp := c.temp(in.Dst[0]) && !costly(in.Op)
	return func(f *frame) {
		m := f.cur
		if lo, hi, ok := m.span(temp); ok {
			loop(view[R](f, d)[lo:hi], view[A](f, a)[lo:hi], view[B](f, b)[lo:hi])
			return
		}
		r := result[R](f, m, 0, d)
		loop(r, operand[A](f, m, 1, a), operand[B](f, m, 2, b))
		deliver(f, m, d, r)
	}
}

func stepTernary[R, A, B any](c *compiler, in *ir.Instr, loop func(d []R, a []A, b, e []B)) step {
	if loop == nil {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	a, b, e, d := c.slot(in.Args[0]), c.slot(in.Args[1]), c.slot(in.Args[2]), c.dst(in)
	temp := c.temp(in.Dst[0]) && !costly(in.Op)
	return func(f *frame) {
		m := f.cur
		if lo, hi, ok := m.span(temp); ok {
			loop(view[R](f, d)[lo:hi], view[A](f, a)[lo:hi], view[B](f, b)[lo:hi], view[B](f, e)[lo:hi])
			return
		}
		r := result[R](f, m, 0, d)
		loop(r, operand[A](f, m, 1, a), operand[B](f, m, 2, b), operand[B](f, m, 3, e))
		deliver(f, m, d, r)
	}
}

// costly reports whether an operation takes much longer than moving a value.
func costly(op ir.Op) bool {
	return op >= ir.Sqrt && op <= ir.Ldexp || op == ir.FMA || op == ir.Rem || op == ir.Div
}

// instr compiles one instruction.
func (c *compiler) instr(in *ir.Instr) step {
	switch op := in.Op; {
	case op == ir.Mov:
		return c.mov(in)
	case op == ir.Convert:
		return c.convert(in)
	case op == ir.Bitcast:
		return c.bitcast(in)
	case op == ir.Select:
		return c.sel(in)
	case op >= ir.Eq && op <= ir.Ge:
		return c.compare(in)
	case op == ir.FMA:
		return c.fma(in)
	case op >= ir.Add && op <= ir.ReverseBits:
		return c.arith(in)
	case op >= ir.Sqrt && op <= ir.Ldexp:
		return c.math(in)
	case op == ir.Load:
		return c.load(in)
	case op == ir.Store:
		return c.store(in)
	case op == ir.PtrAdd:
		return c.ptrAdd(in)
	case op == ir.PtrSub:
		return c.ptrSub(in)
	case op == ir.PtrBits:
		return c.ptrBits(in)
	case op >= ir.AtomicLoad && op <= ir.AtomicXor:
		return c.atomic(in)
	case op == ir.Special:
		if in.Imm < 0 || in.Imm >= int64(ir.NumSpecials) {
			return c.fail("there is no thread attribute %d", in.Imm)
		}
		return stepSpecial(c.dst(in), ir.SpecialKind(in.Imm))
	case op == ir.Barrier:
		return nil // all lanes are here
	case op >= ir.SimdSum && op <= ir.MatMul:
		return c.simd(in)
	}
	return c.fail("unknown operation %d", in.Op)
}

func copyLanes[T any](d, a []T) { copy(d, a) }

func (c *compiler) mov(in *ir.Instr) step {
	switch laneSize(in.Type) {
	case 1:
		return stepUnary(c, in, copyLanes[uint8])
	case 4:
		return stepUnary(c, in, copyLanes[uint32])
	}
	return stepUnary(c, in, copyLanes[uint64])
}

func selectLanes[T any](d []T, k []uint8, a, b []T) {
	k, a, b = k[:len(d)], a[:len(d)], b[:len(d)]
	for i := range d {
		v := b[i]
		if k[i] != 0 {
			v = a[i]
		}
		d[i] = v
	}
}

func (c *compiler) sel(in *ir.Instr) step {
	switch laneSize(in.Type) {
	case 1:
		return stepTernary(c, in, selectLanes[uint8])
	case 4:
		return stepTernary(c, in, selectLanes[uint32])
	}
	return stepTernary(c, in, selectLanes[uint64])
}

func (c *compiler) compare(in *ir.Instr) step {
	switch in.Type {
	case ir.Bool:
		return stepBinary(c, in, comparison[uint8](in.Op))
	case ir.I8, ir.I16, ir.I32:
		return stepBinary(c, in, comparison[int32](in.Op))
	case ir.U8, ir.U16, ir.U32:
		return stepBinary(c, in, comparison[uint32](in.Op))
	case ir.I64:
		return stepBinary(c, in, comparison[int64](in.Op))
	case ir.F16, ir.BF16, ir.F32:
		return stepBinary(c, in, comparison[float32](in.Op))
	case ir.F64:
		return stepBinary(c, in, comparison[float64](in.Op))
	}
	return stepBinary(c, in, comparison[uint64](in.Op)) // U64, Ptr
}

func truth(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

func comparison[T number](op ir.Op) func(d []uint8, a, b []T) {
	switch op {
	case ir.Eq:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] == b[i])
			}
		}
	case ir.Ne:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] != b[i])
			}
		}
	case ir.Lt:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] < b[i])
			}
		}
	case ir.Le:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] <= b[i])
			}
		}
	case ir.Gt:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] > b[i])
			}
		}
	case ir.Ge:
		return func(d []uint8, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = truth(a[i] >= b[i])
			}
		}
	}
	return nil
}

// rounded adds the rounding to type t to a loop that computes in float32.
func rounded1[A any](t ir.Type, loop func(d []float32, a []A)) func(d []float32, a []A) {
	round := rounding(t)
	if loop == nil || round == nil {
		return loop
	}
	return func(d []float32, a []A) {
		loop(d, a)
		round(d, d)
	}
}

func rounded2[A, B any](t ir.Type, loop func(d []float32, a []A, b []B)) func(d []float32, a []A, b []B) {
	round := rounding(t)
	if loop == nil || round == nil {
		return loop
	}
	return func(d []float32, a []A, b []B) {
		loop(d, a, b)
		round(d, d)
	}
}

func rounding(t ir.Type) func(d, s []float32) int {
	switch t {
	case ir.F16:
		return half.Round16s
	case ir.BF16:
		return half.RoundBF16s
	}
	return nil
}
