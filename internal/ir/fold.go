package ir

// This file implements constant folding: operations on constants whose result
// is the same, bit for bit, on every device.

import (
	"math"
	"math/bits"
)

// Fold computes an operation of type t (and from, for Convert and Bitcast) on
// constants, given and returned as in RegInfo.Bits. It reports false where it
// does not know the result, and where devices might differ or a checked run
// has something to report: functions that are not exact, NaN, subnormal
// numbers, division by zero.
func Fold(op Op, t, from Type, args []uint64) (uint64, bool) {
	if op >= NumOps || !ops[op].types.Has(t) || t == Ptr {
		return 0, false
	}
	switch {
	case op == Mov && len(args) == 1:
		return args[0], true
	case op == Convert && len(args) == 1:
		return foldConvert(t, from, args[0])
	case op == Bitcast && len(args) == 1:
		if t == Bool || from == Bool || t.Size() != from.Size() {
			return 0, false
		}
		return Canonical(t, args[0]), true
	case t.IsFloat():
		return foldFloat(op, t, args)
	case len(args) == 1:
		return foldInt1(op, t, args[0])
	case len(args) == 2:
		return foldInt2(op, t, args[0], args[1])
	}
	return 0, false
}

func foldInt1(op Op, t Type, x uint64) (uint64, bool) {
	width := 8 * t.Size()
	low := x // without the extension by sign
	if width < 64 {
		low &= 1<<width - 1
	}
	switch op {
	case Neg:
		return Canonical(t, -x), true
	case Abs:
		if t.IsSigned() && int64(x) < 0 {
			x = -x
		}
		return Canonical(t, x), true
	case Not:
		if t == Bool {
			return x ^ 1, true
		}
		return Canonical(t, ^x), true
	case Clz:
		return uint64(bits.LeadingZeros64(low) - (64 - width)), true
	case Ctz:
		return uint64(min(bits.TrailingZeros64(low), width)), true
	case Popcount:
		return uint64(bits.OnesCount64(low)), true
	case ReverseBits:
		return Canonical(t, bits.Reverse64(low)>>(64-width)), true
	}
	return 0, false
}

func foldInt2(op Op, t Type, x, y uint64) (uint64, bool) {
	width := uint64(8 * t.Size())
	less := x < y
	if t.IsSigned() {
		less = int64(x) < int64(y)
	}
	switch op {
	case Eq:
		return boolBits(x == y), true
	case Ne:
		return boolBits(x != y), true
	case Lt:
		return boolBits(less), true
	case Le:
		return boolBits(less || x == y), true
	case Gt:
		return boolBits(!less && x != y), true
	case Ge:
		return boolBits(!less), true
	case And:
		return x & y, true
	case Or:
		return x | y, true
	case Xor:
		return x ^ y, true
	case Add:
		return Canonical(t, x+y), true
	case Sub:
		return Canonical(t, x-y), true
	case Mul:
		return Canonical(t, x*y), true
	case Min:
		if less {
			return x, true
		}
		return y, true
	case Max:
		if less {
			return y, true
		}
		return x, true
	case Div, Rem:
		return foldDiv(op, t, x, y)
	case Shl:
		return Canonical(t, x<<(y&(width-1))), true
	case Shr:
		if t.IsSigned() {
			return uint64(int64(x) >> (y & (width - 1))), true
		}
		return x >> (y & (width - 1)), true
	}
	return 0, false
}

// foldDiv leaves division by zero, and the one signed overflow, to be reported
// when the kernel runs.
func foldDiv(op Op, t Type, x, y uint64) (uint64, bool) {
	switch {
	case y == 0:
		return 0, false
	case !t.IsSigned() && op == Div:
		return x / y, true
	case !t.IsSigned():
		return x % y, true
	case int64(y) == -1:
		return 0, false
	case op == Div:
		return Canonical(t, uint64(int64(x)/int64(y))), true
	}
	return Canonical(t, uint64(int64(x)%int64(y))), true
}

// plain reports whether v, of float type t, is no NaN and not subnormal.
func plain(t Type, v float64) bool {
	lowest := 0x1p-126 // of BF16 and F32
	switch t {
	case F16:
		lowest = 0x1p-14
	case F64:
		lowest = 0x1p-1022
	}
	return v == 0 || math.Abs(v) >= lowest
}

func foldFloat(op Op, t Type, args []uint64) (uint64, bool) {
	var v [2]float64
	if len(args) == 0 || len(args) > 2 {
		return 0, false
	}
	for i, a := range args {
		v[i] = FloatValue(t, a)
		if !plain(t, v[i]) {
			return 0, false
		}
	}
	x, y := v[0], v[1]
	if len(args) == 2 {
		switch op {
		case Eq:
			return boolBits(x == y), true
		case Ne:
			return boolBits(x != y), true
		case Lt:
			return boolBits(x < y), true
		case Le:
			return boolBits(x <= y), true
		case Gt:
			return boolBits(x > y), true
		case Ge:
			return boolBits(x >= y), true
		case Add:
			return roundPlain(t, x+y, float32(x)+float32(y))
		case Sub:
			return roundPlain(t, x-y, float32(x)-float32(y))
		case Mul:
			return roundPlain(t, x*y, float32(x)*float32(y))
		case Div:
			if y == 0 {
				return 0, false
			}
			return roundPlain(t, x/y, float32(x)/float32(y))
		case Min, Max: // -0 is less than 0
			less := x < y || x == y && math.Signbit(x)
			if less == (op == Min) {
				return args[0], true
			}
			return args[1], true
		}
		return 0, false
	}
	switch op {
	case Neg:
		return args[0] ^ 1<<(8*t.Size()-1), true
	case Abs:
		return args[0] &^ (1 << (8*t.Size() - 1)), true
	case Sqrt:
		if x < 0 {
			return 0, false
		}
		return roundPlain(t, math.Sqrt(x), float32(math.Sqrt(x)))
	case Floor:
		return FloatBits(t, math.Floor(x)), true
	case Ceil:
		return FloatBits(t, math.Ceil(x)), true
	case Rint:
		return FloatBits(t, math.RoundToEven(x)), true
	case Trunc:
		return FloatBits(t, math.Trunc(x)), true
	case IsNan:
		return 0, true
	case IsInf:
		return boolBits(math.IsInf(x, 0)), true
	case IsFinite:
		return boolBits(!math.IsInf(x, 0)), true
	case SignBit:
		return boolBits(math.Signbit(x)), true
	}
	return 0, false
}

// roundPlain rounds a result, wide for F64 and narrow for the other types.
// The 16-bit types come out as if rounded once: a float32 has more than twice
// their bits and two more.
func roundPlain(t Type, wide float64, narrow float32) (uint64, bool) {
	v := float64(narrow)
	if t == F64 {
		v = wide
	}
	bits := FloatBits(t, v)
	if !plain(t, FloatValue(t, bits)) {
		return 0, false
	}
	return bits, true
}

func foldConvert(t, from Type, x uint64) (uint64, bool) {
	if from == t {
		return x, true
	}
	if from.IsFloat() {
		v := FloatValue(from, x)
		switch {
		case t == Bool:
			return boolBits(v != 0), plain(from, v)
		case t.IsInt():
			return saturate(t, v), true
		}
		if !plain(from, v) {
			return 0, false
		}
		bits := FloatBits(t, v)
		return bits, plain(t, FloatValue(t, bits))
	}
	if !from.IsInt() && from != Bool {
		return 0, false
	}
	switch {
	case t == Bool:
		return boolBits(x != 0), true
	case t.IsInt():
		return Canonical(t, x), true
	case from.IsSigned():
		v := int64(x)
		if t == F32 {
			return uint64(math.Float32bits(float32(v))), true
		}
		f := float64(v)
		return FloatBits(t, f), t == F64 || v > -1<<53 && v < 1<<53
	}
	if t == F32 {
		return uint64(math.Float32bits(float32(x))), true
	}
	return FloatBits(t, float64(x)), t == F64 || x < 1<<53
}

// saturate converts a float to an integer type: towards zero, to the nearest
// value of the type, NaN to zero.
func saturate(t Type, v float64) uint64 {
	width := 8 * t.Size()
	if t.IsSigned() {
		limit := math.Ldexp(1, width-1)
		switch {
		case v != v:
			return 0
		case v >= limit:
			return 1<<(width-1) - 1
		case v <= -limit:
			return -(uint64(1) << (width - 1))
		}
		return uint64(int64(v))
	}
	limit := math.Ldexp(1, width)
	switch {
	case v >= limit:
		return 1<<width - 1 // all bits where width is 64
	case v > 0:
		return uint64(v)
	}
	return 0
}

// identity simplifies a binary operation with one constant operand that
// leaves the other operand, or a constant, as the result.
func (b *Builder) identity(op Op, t Type, x, y Reg) (Reg, bool) {
	if !t.IsInt() && t != Bool {
		return NoReg, false
	}
	c, ok := b.ConstValue(y)
	if !ok {
		c, ok = b.ConstValue(x)
		if !ok {
			return NoReg, false
		}
		switch op {
		case Add, Mul, And, Or, Xor:
			x, y = y, x
		default:
			return NoReg, false
		}
	}
	ones := Canonical(t, math.MaxUint64)
	switch op {
	case Add, Sub, Or, Xor, Shl, Shr, Rotl:
		if c == 0 {
			return b.Copy(x), true
		}
		if op == Or && c == ones {
			return y, true
		}
	case Mul:
		if c == 1 {
			return b.Copy(x), true
		}
		if c == 0 {
			return y, true
		}
	case Div:
		if c == 1 {
			return b.Copy(x), true
		}
	case And:
		if c == ones {
			return b.Copy(x), true
		}
		if c == 0 {
			return y, true
		}
	}
	return NoReg, false
}
