package codegen

// This file implements the types of operations: which dtype two operands meet
// in, and in which type a dtype is computed.
//
// Promotion is NumPy's where kernels have the types for it. Integers of one
// signedness meet in the wider one, mixed ones in a signed one that holds both,
// uint64 and a signed one in float32, as in MLX. An integer or bool meets a
// float in that float's dtype; float16 and bfloat16 meet in float32. Functions
// of real numbers make integers float32. Arithmetic makes bools int32. Integers
// divide towards zero, but numbers and bools among themselves as numbers.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A strength says how much an operand's dtype counts.
type strength uint8

const (
	weak   strength = iota // constants and parameters: take on the other's dtype
	soft                   // index and size: uint32, or with a signed dtype int32 at least; as a float they are weak
	strong                 // arrays and what is computed from them
)

// promote returns the dtype in which a and b meet.
func promote(a, b operand) (dtype.DType, strength) {
	if a.strength == weak && b.strength != weak {
		a, b = b, a
	}
	s := max(a.strength, b.strength)
	if b.strength == weak && a.strength != weak {
		switch {
		case !b.dtype.IsFloat() && a.dtype != dtype.Bool, a.dtype.IsFloat():
			return a.dtype, s
		case a.strength == soft:
			return dtype.Float32, weak
		}
		return b.dtype, s
	}
	if !a.dtype.IsFloat() && b.dtype.IsFloat() {
		a, b = b, a
	}
	if a.dtype.IsFloat() && !b.dtype.IsFloat() {
		return a.dtype, a.strength
	}
	if a.strength != b.strength { // lengths fit int32
		if b.strength == soft {
			a, b = b, a
		}
		if b.dtype.Kind() == dtype.KindInt {
			return max(b.dtype, dtype.Int32), s
		}
	}
	return join(a.dtype, b.dtype), s
}

// join returns the dtype in which two dtypes of arrays meet.
func join(a, b dtype.DType) dtype.DType {
	switch {
	case a == b:
		return a
	case a == dtype.Bool:
		return b
	case b == dtype.Bool:
		return a
	case a.IsFloat() && b.IsFloat():
		if a == dtype.Float64 || b == dtype.Float64 {
			return dtype.Float64
		}
		return dtype.Float32
	case a.IsFloat():
		return a
	case b.IsFloat():
		return b
	case a.Kind() == b.Kind():
		return max(a, b) // in order of size
	}
	u, i := a, b
	if a.Kind() == dtype.KindInt {
		u, i = b, a
	}
	switch {
	case i.Size() > u.Size():
		return i
	case u == dtype.Uint64:
		return dtype.Float32
	}
	return map[dtype.DType]dtype.DType{dtype.Uint8: dtype.Int16, dtype.Uint16: dtype.Int32, dtype.Uint32: dtype.Int64}[u]
}

// typeName is the type that a dtype has in the text.
func typeName(d dtype.DType) string {
	return [...]string{
		dtype.Bool: "bool", dtype.Uint8: "uchar", dtype.Uint16: "ushort", dtype.Uint32: "uint", dtype.Uint64: "ulong",
		dtype.Int8: "char", dtype.Int16: "short", dtype.Int32: "int", dtype.Int64: "long",
		dtype.Float16: "half", dtype.BFloat16: "bfloat", dtype.Float32: "float", dtype.Float64: "double",
	}[d]
}

// fits reports whether a whole number is one of dtype d; of unsigned dtypes,
// negative ones count back from the end.
func fits(v float64, d dtype.DType) error {
	bits := 8 * d.Size()
	if d.Kind() == dtype.KindInt {
		bits--
	}
	if v >= math.Ldexp(1, bits) || v < -math.Ldexp(1, bits) {
		return fmt.Errorf("%.0f does not fit %s; write %.0f.0 to compute in floats", v, d, v)
	}
	return nil
}
