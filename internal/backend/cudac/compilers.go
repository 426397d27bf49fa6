package cudac

// This file implements what texts do about mistakes of NVIDIA's compilers, all
// of which begin with what the compiler knows of a value. A zero that it
// cannot know hides that.
//
// Code for sm_90 of CUDA 12.9 and 13.0 lacks the negation in max(max(-a, b), c)
// and min(min(-a, b), c) of ints. -a may come from a*-1, ~a+1, ~(a-1), a/-1 or
// (d-d)-a, also by way of memory, and max and min from comparisons.
//
// Code for sm_80 to sm_90 of CUDA 12.9 to 13.5 is wrong where a bool as 0 or 1 is
// the bits of a float that is converted, to a float of another type, to an
// integer or to a whole number: the numbers 0 and 1 are converted instead.
//
// Those of CUDA 12.9 to 13.5 take max(-0.0, 0.0) for the first of the two where
// both are constants, while GPUs know that 0 is greater.

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// zero is 0, which compilers cannot know.
const zero = "L.pad"

// veil hides what compilers know of bits.
func veil(bits string) string { return "(" + bits + " ^ " + zero + ")" }

// misread reports whether compilers may read bits as numbers of type t.
func misread(t ir.Type) bool { return t == ir.F16 || t == ir.F32 }

// negation returns what an instruction is plainly the negation of, of 4 bytes.
func (e *emitter) negation(in *ir.Instr) (r ir.Reg, ok bool) {
	if in.Type != ir.I32 && in.Type != ir.U32 {
		return ir.NoReg, false
	}
	is := func(arg int, value uint32) bool {
		info := e.f.Regs[in.Args[arg]]
		return info.Kind == ir.ConstReg && uint32(info.Bits) == value
	}
	const minusOne = 1<<32 - 1
	switch {
	case in.Op == ir.Neg,
		in.Op == ir.Mul && is(1, minusOne),
		in.Op == ir.Div && in.Type == ir.I32 && is(1, minusOne):
		return in.Args[0], true
	case in.Op == ir.Sub && is(0, 0), in.Op == ir.Mul && is(0, minusOne):
		return in.Args[1], true
	}
	return ir.NoReg, false
}

// negate writes a negation that compilers do not take for one.
func (e *emitter) negate(t ir.Type, r ir.Reg) string {
	return fmt.Sprintf("(%s)(%s - (uint32_t)%s)", backend.RegisterType(t), zero, e.value(r))
}

// settled reports whether an integer is none that compilers may find to be the
// negation of another. Extremes of others hide them.
func (e *emitter) settled(r ir.Reg) bool { return !e.unsettled[r] }

// findUnsettled finds the registers that may hold such integers, and where they are
// stored.
func (e *emitter) findUnsettled() {
	e.unsettled, e.unsettledIn = map[ir.Reg]bool{}, map[origin]bool{}
	for changed := true; changed; {
		changed = false
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				if e.f.Regs[d].Type.IsInt() && !e.unsettled[d] && !e.settles(in) {
					e.unsettled[d] = true
					changed = true
				}
			}
			if o := e.storedTo(in); o.kind != nothing && in.Type.IsInt() && !e.unsettledIn[o] && !e.allSettled(in.Args) {
				e.unsettledIn[o] = true
				changed = true
			}
			return true
		})
	}
}

// isExtreme reports whether compilers may find that an instruction chooses the
// greater or the lesser of two numbers.
func (e *emitter) isExtreme(in *ir.Instr) bool {
	if in.Op != ir.Select {
		return false
	}
	c := e.definitions()[in.Args[0]]
	if c == nil || c.Op != ir.Lt && c.Op != ir.Le && c.Op != ir.Gt && c.Op != ir.Ge {
		return false
	}
	x, y := in.Args[1], in.Args[2]
	return x == c.Args[0] && y == c.Args[1] || x == c.Args[1] && y == c.Args[0]
}

func (e *emitter) allSettled(args []ir.Reg) bool {
	return !slices.ContainsFunc(args, func(r ir.Reg) bool { return !e.settled(r) })
}

// settles reports whether what an instruction gives is settled.
func (e *emitter) settles(in *ir.Instr) bool {
	if _, ok := e.negation(in); ok {
		return true
	}
	switch in.Op {
	case ir.Neg, ir.Add, ir.Sub, ir.Mul, ir.Div, ir.FMA:
		return false
	case ir.Convert, ir.Bitcast:
		return !in.From.IsInt() || e.settled(in.Args[0])
	case ir.Select:
		return e.allSettled(in.Args[1:])
	case ir.Mov, ir.Not, ir.And, ir.Or, ir.Xor, ir.Shl, ir.Shr: // ~(a-1) is -a, and (~a+1)<<1 is -(a<<1)
		return e.allSettled(in.Args)
	case ir.Load:
		switch o := e.origins[in.Addr.Base]; {
		case len(e.unsettledIn) == 0:
			return true
		case o.kind == anything:
			return false
		default:
			return !e.unsettledIn[o] && !e.unsettledIn[origin{kind: anything}]
		}
	}
	return true
}

// findZeros finds the variables that may be zeros that compilers know of.
func (e *emitter) findZeros() {
	e.zeros = map[ir.Reg]bool{}
	for changed := true; changed; {
		changed = false
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				if r := e.f.Regs[d]; r.Kind == ir.VarReg && r.Type.IsFloat() && !e.zeros[d] && e.givesZero(in) {
					e.zeros[d] = true
					changed = true
				}
			}
			return true
		})
	}
}

// isZero reports whether a float may be such a zero.
func (e *emitter) isZero(r ir.Reg) bool {
	switch info := e.f.Regs[r]; info.Kind {
	case ir.ConstReg:
		return info.Bits == 0 || info.Bits == 1<<(8*info.Type.Size()-1)
	case ir.VarReg:
		return e.zeros[r]
	case ir.TempReg:
		in := e.definitions()[r]
		return in != nil && e.givesZero(in)
	}
	return false
}

// givesZero reports whether what an instruction gives may be such a zero.
func (e *emitter) givesZero(in *ir.Instr) bool {
	switch in.Op {
	case ir.Mov, ir.Neg, ir.Abs, ir.CopySign, ir.Floor, ir.Ceil, ir.Rint, ir.Round, ir.Trunc:
		return e.isZero(in.Args[0])
	case ir.Convert:
		return in.From.IsFloat() && e.isZero(in.Args[0])
	case ir.Select:
		return e.isZero(in.Args[1]) || e.isZero(in.Args[2])
	case ir.Min, ir.Max:
		return e.isZero(in.Args[0]) || e.isZero(in.Args[1])
	}
	return false
}

// hideZero hides a float's value.
func (e *emitter) hideZero(t ir.Type, x string) string {
	if t == ir.F64 {
		return e.names.Call("zm_bits_f64", e.names.Call("zm_f64_bits", x)+" ^ "+zero)
	}
	return e.names.Call("zm_bits_f32", e.names.Call("zm_f32_bits", x)+" ^ "+zero)
}
