package backend

// This file implements how values are held: the C types of registers and of
// memory, and constants.
//
// A register of Bool holds 0 or 1 and one of a narrow integer a value of its
// range, both in 32 bits. A register of F16 or BF16 is a float that the type
// can hold, rounded after every operation; since float has more than twice the
// digits, that gives the same bits as arithmetic of the narrow type.

import (
	"fmt"
	"math"
	"strconv"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// RegisterType is the C type of a register of type t.
func RegisterType(t ir.Type) string {
	switch t {
	case ir.Bool, ir.I8, ir.I16, ir.I32:
		return "int32_t"
	case ir.U8, ir.U16, ir.U32:
		return "uint32_t"
	case ir.I64:
		return "int64_t"
	case ir.U64:
		return "uint64_t"
	case ir.F64:
		return "double"
	case ir.Ptr:
		return "char *"
	}
	return "float"
}

// RegisterSize is the size of a RegisterType in bytes.
func RegisterSize(t ir.Type) int {
	switch t {
	case ir.I64, ir.U64, ir.F64, ir.Ptr:
		return 8
	}
	return 4
}

// MemoryType is the C type of a value of type t in memory: halves and bfloats
// are their bits.
func MemoryType(t ir.Type) string {
	switch t {
	case ir.Bool, ir.U8:
		return "uint8_t"
	case ir.I8:
		return "int8_t"
	case ir.I16:
		return "int16_t"
	case ir.U16, ir.F16, ir.BF16:
		return "uint16_t"
	}
	return RegisterType(t)
}

// Literal returns the value of a ConstReg as C. NaN and infinity are ZM_NANF,
// ZM_INFF, ZM_NAN and ZM_INF.
func Literal(r ir.RegInfo) string {
	switch r.Type {
	case ir.F16, ir.BF16, ir.F32, ir.F64:
		v := ir.FloatValue(r.Type, r.Bits)
		suffix, upper, size := "f", "F", 32
		if r.Type == ir.F64 {
			suffix, upper, size = "", "", 64
		}
		switch {
		case math.IsNaN(v):
			return "ZM_NAN" + upper
		case math.IsInf(v, 1):
			return "ZM_INF" + upper
		case math.IsInf(v, -1):
			return "(-ZM_INF" + upper + ")"
		}
		return "(" + strconv.FormatFloat(v, 'x', -1, size) + suffix + ")"
	case ir.I64:
		return fmt.Sprintf("((int64_t)%dull)", r.Bits)
	case ir.U64:
		return fmt.Sprintf("%dull", r.Bits)
	case ir.U8, ir.U16, ir.U32:
		return fmt.Sprintf("%du", uint32(r.Bits))
	case ir.Ptr:
		return "((char *)0)"
	case ir.Bool, ir.I8, ir.I16, ir.I32:
		if v := int32(r.Bits); v >= 0 {
			return strconv.Itoa(int(v))
		}
		return fmt.Sprintf("((int32_t)%du)", uint32(r.Bits))
	}
	return "0"
}

// unsigned is the unsigned C type as wide as a register of integer type t:
// arithmetic wraps in it.
func unsigned(t ir.Type) string {
	if RegisterSize(t) == 8 {
		return "uint64_t"
	}
	return "uint32_t"
}

// width is the number of bits of an integer type of arithmetic.
func width(t ir.Type) int { return 8 * RegisterSize(t) }
