package interp

// This file implements arithmetic on integers and floats.

import (
	"math"
	"math/bits"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

type integer interface {
	int32 | int64 | uint32 | uint64
}

type float interface{ float32 | float64 }

func (c *compiler) arith(in *ir.Instr) step {
	unaryOp := in.Op == ir.Neg || in.Op == ir.Abs || in.Op == ir.Not || in.Op >= ir.Clz
	if in.Type == ir.Bool {
		if unaryOp {
			return stepUnary(c, in, boolUnary(in.Op))
		}
		return stepBinary(c, in, boolBinary(in.Op))
	}
	if unaryOp {
		switch in.Type {
		case ir.I32:
			return stepUnary(c, in, intUnary[int32](in.Op))
		case ir.U32:
			return stepUnary(c, in, intUnary[uint32](in.Op))
		case ir.I64:
			return stepUnary(c, in, intUnary[int64](in.Op))
		case ir.U64:
			return stepUnary(c, in, intUnary[uint64](in.Op))
		case ir.F16, ir.BF16, ir.F32:
			return stepUnary(c, in, floatUnary[float32](in.Op))
		case ir.F64:
			return stepUnary(c, in, floatUnary[float64](in.Op))
		}
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	switch in.Type {
	case ir.I32:
		return stepBinary(c, in, intBinary[int32](in.Op))
	case ir.U32:
		return stepBinary(c, in, intBinary[uint32](in.Op))
	case ir.I64:
		return stepBinary(c, in, intBinary[int64](in.Op))
	case ir.U64:
		return stepBinary(c, in, intBinary[uint64](in.Op))
	case ir.F16, ir.BF16, ir.F32:
		return stepBinary(c, in, rounded2(in.Type, floatBinary[float32](in.Op)))
	case ir.F64:
		return stepBinary(c, in, floatBinary[float64](in.Op))
	}
	return c.fail("%s of %s is not defined", in.Op, in.Type)
}

func boolUnary(op ir.Op) func(d, a []uint8) {
	if op != ir.Not {
		return nil
	}
	return func(d, a []uint8) {
		for i := range d {
			d[i] = a[i] ^ 1
		}
	}
}

func boolBinary(op ir.Op) func(d, a, b []uint8) {
	switch op {
	case ir.And:
		return func(d, a, b []uint8) {
			for i := range d {
				d[i] = a[i] & b[i]
			}
		}
	case ir.Or:
		return func(d, a, b []uint8) {
			for i := range d {
				d[i] = a[i] | b[i]
			}
		}
	case ir.Xor:
		return func(d, a, b []uint8) {
			for i := range d {
				d[i] = a[i] ^ b[i]
			}
		}
	}
	return nil
}

func add[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] + b[i]
	}
}

func sub[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] - b[i]
	}
}

func mul[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] * b[i]
	}
}

func intBinary[T integer](op ir.Op) func(d, a, b []T) {
	width := T(bitWidth[T]())
	switch op {
	case ir.Add:
		return add[T]
	case ir.Sub:
		return sub[T]
	case ir.Mul:
		return mul[T]
	case ir.Div:
		return func(d, a, b []T) {
			for i := range d {
				if y := b[i]; y != 0 {
					d[i] = a[i] / y // min / -1 wraps, by Go's rules too
				} else {
					d[i] = 0
				}
			}
		}
	case ir.Rem:
		return func(d, a, b []T) {
			for i := range d {
				if y := b[i]; y != 0 {
					d[i] = a[i] % y
				} else {
					d[i] = 0
				}
			}
		}
	case ir.Min:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = min(a[i], b[i])
			}
		}
	case ir.Max:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = max(a[i], b[i])
			}
		}
	case ir.MulHi:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = mulHi(a[i], b[i])
			}
		}
	case ir.And:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] & b[i]
			}
		}
	case ir.Or:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] | b[i]
			}
		}
	case ir.Xor:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] ^ b[i]
			}
		}
	case ir.Shl:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] << uint(b[i]&(width-1))
			}
		}
	case ir.Shr:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] >> uint(b[i]&(width-1))
			}
		}
	case ir.Rotl:
		return func(d, a, b []T) {
			for i := range d {
				if k := int(b[i] & (width - 1)); width == 32 {
					d[i] = T(bits.RotateLeft32(uint32(a[i]), k))
				} else {
					d[i] = T(bits.RotateLeft64(uint64(a[i]), k))
				}
			}
		}
	}
	return nil
}

func bitWidth[T integer]() int {
	switch any(T(0)).(type) {
	case int32, uint32:
		return 32
	}
	return 64
}

// mulHi returns the high half of the double-width product.
func mulHi[T integer](a, b T) T {
	switch any(a).(type) {
	case int32:
		return T(int64(a) * int64(b) >> 32)
	case uint32:
		return T(uint64(a) * uint64(b) >> 32)
	}
	hi, _ := bits.Mul64(uint64(a), uint64(b))
	if _, signed := any(a).(int64); signed {
		if a < 0 {
			hi -= uint64(b)
		}
		if b < 0 {
			hi -= uint64(a)
		}
	}
	return T(hi)
}

func intUnary[T integer](op ir.Op) func(d, a []T) {
	width := bitWidth[T]()
	var one func(T) T
	switch op {
	case ir.Neg:
		return func(d, a []T) {
			for i := range d {
				d[i] = -a[i]
			}
		}
	case ir.Abs:
		return func(d, a []T) {
			for i := range d {
				v := a[i]
				if v < 0 {
					v = -v
				}
				d[i] = v
			}
		}
	case ir.Not:
		return func(d, a []T) {
			for i := range d {
				d[i] = ^a[i]
			}
		}
	case ir.Clz:
		one = func(v T) T {
			if width == 32 {
				return T(bits.LeadingZeros32(uint32(v)))
			}
			return T(bits.LeadingZeros64(uint64(v)))
		}
	case ir.Ctz:
		one = func(v T) T {
			if width == 32 {
				return T(bits.TrailingZeros32(uint32(v)))
			}
			return T(bits.TrailingZeros64(uint64(v)))
		}
	case ir.Popcount:
		one = func(v T) T {
			if width == 32 {
				return T(bits.OnesCount32(uint32(v)))
			}
			return T(bits.OnesCount64(uint64(v)))
		}
	case ir.ReverseBits:
		one = func(v T) T {
			if width == 32 {
				return T(bits.Reverse32(uint32(v)))
			}
			return T(bits.Reverse64(uint64(v)))
		}
	default:
		return nil
	}
	return each(one)
}

// each makes a loop of a function of one value.
func each[R, A any](one func(A) R) func(d []R, a []A) {
	return func(d []R, a []A) {
		a = a[:len(d)]
		for i := range d {
			d[i] = one(a[i])
		}
	}
}

func floatUnary[T float](op ir.Op) func(d, a []T) {
	switch op {
	case ir.Neg:
		return func(d, a []T) {
			a = a[:len(d)]
			for i := range d {
				d[i] = -a[i]
			}
		}
	case ir.Abs:
		return func(d, a []T) {
			for i := range d {
				d[i] = T(math.Abs(float64(a[i])))
			}
		}
	}
	return nil
}

func floatBinary[T float](op ir.Op) func(d, a, b []T) {
	switch op {
	case ir.Add:
		return add[T]
	case ir.Sub:
		return sub[T]
	case ir.Mul:
		return mul[T]
	case ir.Div:
		return func(d, a, b []T) {
			a, b = a[:len(d)], b[:len(d)]
			for i := range d {
				d[i] = a[i] / b[i]
			}
		}
	case ir.Rem:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = T(math.Mod(float64(a[i]), float64(b[i])))
			}
		}
	case ir.Min:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = fmin(a[i], b[i])
			}
		}
	case ir.Max:
		return func(d, a, b []T) {
			for i := range d {
				d[i] = fmax(a[i], b[i])
			}
		}
	}
	return nil
}

// fmin returns the smaller of two values, or the one that is not NaN; -0 is
// smaller than +0.
func fmin[T float](a, b T) T {
	if a != a {
		return b
	}
	if b != b {
		return a
	}
	return min(a, b)
}

func fmax[T float](a, b T) T {
	if a != a {
		return b
	}
	if b != b {
		return a
	}
	return max(a, b)
}

func (c *compiler) fma(in *ir.Instr) step {
	switch in.Type {
	case ir.F32:
		return stepTernary(c, in, fmaLoop(func(a, b, c float32) float32 { return float32(fmaOdd(a, b, c)) }))
	case ir.F16:
		return stepTernary(c, in, fmaLoop(func(a, b, c float32) float32 { return half.Float16FromFloat64(fmaOdd(a, b, c)).Float32() }))
	case ir.BF16:
		return stepTernary(c, in, fmaLoop(func(a, b, c float32) float32 { return half.BFloat16FromFloat64(fmaOdd(a, b, c)).Float32() }))
	case ir.F64:
		return stepTernary(c, in, fmaLoop(math.FMA))
	}
	return c.fail("%s of %s is not defined", in.Op, in.Type)
}

func fmaLoop[T any](one func(a, b, c T) T) func(d, a, b, c []T) {
	return func(d, a, b, c []T) {
		for i := range d {
			d[i] = one(a[i], b[i], c[i])
		}
	}
}

// fmaOdd returns a*b+c rounded to odd: rounding that once more to float32 or
// less gives the correctly rounded result.
func fmaOdd(a, b, c float32) float64 {
	p := float64(a) * float64(b) // exact
	z := float64(c)
	s := p + z
	if math.IsInf(s, 0) || s != s {
		return s
	}
	t := s - p // the error of s, by Knuth's two-sum
	e := (p - (s - t)) + (z - t)
	if u := math.Float64bits(s); e != 0 && u&1 == 0 {
		if (e > 0) == (s > 0) {
			u++
		} else {
			u--
		}
		return math.Float64frombits(u)
	}
	return s
}
