package backend

// This file implements the operations: what each is as a C expression.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/ir"
)

var infix = map[ir.Op]string{
	ir.Add: "+", ir.Sub: "-", ir.Mul: "*", ir.And: "&", ir.Or: "|", ir.Xor: "^",
	ir.Eq: "==", ir.Ne: "!=", ir.Lt: "<", ir.Le: "<=", ir.Gt: ">", ir.Ge: ">=",
}

// Names collects the functions that expressions call, each defined by the
// language's own text. Their names are zm_ and what they do: an operation
// ("zm_exp" of floats, "zm_exp_d" of doubles, "zm_div_i32" of integers), or a
// conversion ("zm_f32_to_i8", saturating; "zm_round_half", to a float that half
// can hold; "zm_bits_f32" and "zm_f32_bits" between a float and its bits).
type Names map[string]bool

// Call returns a call of a function and notes it.
func (n Names) Call(name string, args ...string) string {
	n[name] = true
	return name + "(" + strings.Join(args, ", ") + ")"
}

// Rounded returns a float expression rounded to t.
func (n Names) Rounded(t ir.Type, x string) string {
	switch t {
	case ir.F16:
		return n.Call("zm_round_half", x)
	case ir.BF16:
		return n.Call("zm_round_bfloat", x)
	}
	return x
}

// Value returns the value of an instruction that computes one result from its
// operands alone: everything but memory, atomics, Special, Barrier, pointer
// arithmetic by Addr, and simdgroup functions. args are the operands as C
// expressions without side effects.
func (n Names) Value(s *ir.Instr, args []string) string {
	t := s.Type
	switch s.Op {
	case ir.Mov:
		return args[0]
	case ir.Convert:
		return n.convert(s.From, t, args[0])
	case ir.Bitcast:
		return n.bitcast(s.From, t, args[0])
	case ir.Select:
		return fmt.Sprintf("(%s ? %s : %s)", args[0], args[1], args[2])
	case ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge:
		return fmt.Sprintf("(%s %s %s)", args[0], infix[s.Op], args[1])
	case ir.PtrSub:
		return fmt.Sprintf("((int64_t)(%s - %s) / %d)", args[0], args[1], s.Imm)
	case ir.PtrBits:
		return fmt.Sprintf("((uint64_t)%s)", args[0])
	}
	if t.IsFloat() {
		return n.float(s, args)
	}
	return n.integer(s, args)
}

func (n Names) float(s *ir.Instr, args []string) string {
	t := s.Type
	switch s.Op {
	case ir.Add, ir.Sub, ir.Mul:
		return n.Rounded(t, fmt.Sprintf("(%s %s %s)", args[0], infix[s.Op], args[1]))
	case ir.Div:
		return n.Rounded(t, fmt.Sprintf("(%s / %s)", args[0], args[1]))
	case ir.Neg:
		return "(-" + args[0] + ")"
	case ir.Rem:
		return n.named(t, "zm_fmod", args)
	case ir.FMA:
		if t == ir.F16 || t == ir.BF16 { // one rounding, to the narrow type
			return n.Call("zm_fma_"+t.String(), args...)
		}
	case ir.IsNan:
		return fmt.Sprintf("(%s != %s)", args[0], args[0])
	case ir.IsNormal, ir.NextAfter:
		if t == ir.F16 || t == ir.BF16 { // by the narrow type's exponents
			return n.Call("zm_"+s.Op.String()+"_"+t.String(), args...)
		}
		fallthrough
	case ir.IsInf, ir.IsFinite, ir.SignBit, ir.Ilogb, ir.Min, ir.Max, ir.Abs, ir.CopySign:
		if t == ir.F64 {
			return n.Call("zm_"+s.Op.String()+"_d", args...)
		}
		return n.Call("zm_"+s.Op.String(), args...)
	}
	return n.named(t, "zm_"+s.Op.String(), args)
}

// named calls a function that has a form for floats and one for doubles.
func (n Names) named(t ir.Type, name string, args []string) string {
	if t == ir.F64 {
		return n.Call(name+"_d", args...)
	}
	return n.Rounded(t, n.Call(name, args...))
}

func (n Names) integer(s *ir.Instr, args []string) string {
	t := s.Type
	r, u := RegisterType(t), unsigned(t)
	switch s.Op {
	case ir.Add, ir.Sub, ir.Mul:
		if r == u {
			return fmt.Sprintf("(%s %s %s)", args[0], infix[s.Op], args[1])
		}
		return fmt.Sprintf("(%s)((%s)%s %s (%s)%s)", r, u, args[0], infix[s.Op], u, args[1])
	case ir.And, ir.Or, ir.Xor:
		return fmt.Sprintf("(%s %s %s)", args[0], infix[s.Op], args[1])
	case ir.Not:
		if t == ir.Bool {
			return "(" + args[0] + " == 0)"
		}
		return "(~" + args[0] + ")"
	case ir.Neg:
		return fmt.Sprintf("(%s)(0 - (%s)%s)", r, u, args[0])
	case ir.Shl:
		return fmt.Sprintf("(%s)((%s)%s << (%s & %d))", r, u, args[0], args[1], width(t)-1)
	case ir.Shr:
		return fmt.Sprintf("(%s >> (%s & %d))", args[0], args[1], width(t)-1)
	case ir.Min:
		return fmt.Sprintf("(%s < %s ? %s : %s)", args[0], args[1], args[0], args[1])
	case ir.Max:
		return fmt.Sprintf("(%s > %s ? %s : %s)", args[0], args[1], args[0], args[1])
	}
	return n.Call("zm_"+s.Op.String()+"_"+t.String(), args...)
}

// convert converts by C's rules; a float out of an integer's range saturates.
func (n Names) convert(from, to ir.Type, x string) string {
	switch {
	case from == to:
		return x
	case to == ir.Bool:
		return "(" + x + " != 0)"
	case from.IsFloat() && to.IsFloat():
		switch {
		case from == ir.F64 && (to == ir.F16 || to == ir.BF16): // one rounding
			return n.Call("zm_f64_to_"+to.String(), x)
		case to == ir.F64:
			return "(double)" + x
		case from == ir.F64:
			return "(float)" + x
		}
		return n.Rounded(to, x)
	case from.IsFloat():
		if from == ir.F64 {
			return n.Call("zm_f64_to_"+to.String(), x)
		}
		return n.Call("zm_f32_to_"+to.String(), x)
	case to == ir.F64:
		return "(double)" + x
	case to == ir.F32:
		return "(float)" + x
	case to == ir.BF16 && width(from) == 64, to == ir.BF16 && from >= ir.I32, to == ir.F16 && width(from) == 64: // one rounding
		return n.Call("zm_"+from.String()+"_to_"+to.String(), x)
	case to.IsFloat():
		return n.Rounded(to, "(float)"+x)
	}
	if RegisterSize(to) == 4 && to.Size() < 4 {
		return fmt.Sprintf("(%s)(%s)%s", RegisterType(to), MemoryType(to), x)
	}
	return fmt.Sprintf("(%s)%s", RegisterType(to), x)
}

// bitcast takes the bits of a value as another type of the same size.
func (n Names) bitcast(from, to ir.Type, x string) string {
	if from == to {
		return x
	}
	bits := x
	switch from {
	case ir.F16:
		bits = n.Call("zm_float_to_half", x)
	case ir.BF16:
		bits = n.Call("zm_float_to_bfloat", x)
	case ir.F32:
		bits = n.Call("zm_f32_bits", x)
	case ir.F64:
		bits = n.Call("zm_f64_bits", x)
	}
	switch to {
	case ir.F16:
		return n.Call("zm_half_to_float", "(uint16_t)"+bits)
	case ir.BF16:
		return n.Call("zm_bfloat_to_float", "(uint16_t)"+bits)
	case ir.F32:
		return n.Call("zm_bits_f32", "(uint32_t)"+bits)
	case ir.F64:
		return n.Call("zm_bits_f64", "(uint64_t)"+bits)
	}
	return fmt.Sprintf("(%s)(%s)%s", RegisterType(to), MemoryType(to), bits)
}

// FromMemory returns an element as it lies in memory as a register's value.
func (n Names) FromMemory(t ir.Type, x string) string {
	switch t {
	case ir.F16:
		return n.Call("zm_half_to_float", x)
	case ir.BF16:
		return n.Call("zm_bfloat_to_float", x)
	case ir.Bool:
		return "(" + x + " != 0)"
	}
	return x
}

// ToMemory returns a register's value as it lies in memory.
func (n Names) ToMemory(t ir.Type, x string) string {
	switch t {
	case ir.F16:
		return n.Call("zm_float_to_half", x)
	case ir.BF16:
		return n.Call("zm_float_to_bfloat", x)
	}
	if m := MemoryType(t); m != RegisterType(t) {
		return "(" + m + ")" + x
	}
	return x
}
