package interp

// This file implements the functions of math. Each is computed in float64 and
// rounded once, whatever its type.

import (
	"math"

	"github.com/zmlx-go/zmlx/internal/ir"
)

var unaryMath = map[ir.Op]func(float64) float64{
	ir.Sqrt:   math.Sqrt,
	ir.Rsqrt:  func(x float64) float64 { return 1 / math.Sqrt(x) },
	ir.Exp:    exp,
	ir.Exp2:   math.Exp2,
	ir.Exp10:  exp10,
	ir.Log:    log,
	ir.Log2:   log2,
	ir.Log10:  log10,
	ir.Sin:    math.Sin,
	ir.Cos:    math.Cos,
	ir.Tan:    math.Tan,
	ir.Asin:   asin,
	ir.Acos:   acos,
	ir.Atan:   math.Atan,
	ir.Sinh:   sinh,
	ir.Cosh:   cosh,
	ir.Tanh:   math.Tanh,
	ir.Asinh:  math.Asinh,
	ir.Acosh:  math.Acosh,
	ir.Atanh:  math.Atanh,
	ir.SinPi:  sinPi,
	ir.CosPi:  cosPi,
	ir.TanPi:  func(x float64) float64 { return sinPi(x) / cosPi(x) },
	ir.Floor:  math.Floor,
	ir.Ceil:   math.Ceil,
	ir.Rint:   math.RoundToEven,
	ir.Round:  math.Round,
	ir.Trunc:  math.Trunc,
	ir.Erf:    math.Erf,
	ir.Erfinv: math.Erfinv,
	ir.Log1p:  math.Log1p,
	ir.Expm1:  math.Expm1,
	ir.Lgamma: func(x float64) float64 { v, _ := math.Lgamma(x); return v },
}

var binaryMath = map[ir.Op]func(x, y float64) float64{
	ir.Pow:      pow,
	ir.Atan2:    math.Atan2,
	ir.CopySign: math.Copysign,
}

// exp10 is exact where 10^x is.
func exp10(x float64) float64 {
	if x == math.Trunc(x) && math.Abs(x) <= 308 {
		return math.Pow10(int(x))
	}
	return math.Pow(10, x)
}

// sinPi returns sin(πx), exactly where x is a multiple of 1/2.
func sinPi(x float64) float64 {
	r := math.Mod(x, 2) // exact
	switch a := math.Abs(r); {
	case math.IsNaN(r):
		return r
	case a == 0 || a == 1:
		return math.Copysign(0, x)
	case a <= 0.25:
		return math.Sin(math.Pi * r)
	case a < 0.75:
		return math.Copysign(math.Cos(math.Pi*(0.5-a)), r)
	case a <= 1.25:
		return math.Copysign(1, r) * math.Sin(math.Pi*(1-a))
	case a < 1.75:
		return -math.Copysign(math.Cos(math.Pi*(1.5-a)), r)
	default:
		return math.Copysign(1, r) * math.Sin(math.Pi*(a-2))
	}
}

// cosPi returns cos(πx), exactly where x is a multiple of 1/2.
func cosPi(x float64) float64 {
	r := math.Abs(math.Mod(x, 2))
	if r > 1 {
		r = 2 - r
	}
	if r <= 0.25 {
		return math.Cos(math.Pi * r)
	}
	if r < 0.75 {
		return math.Sin(math.Pi * (0.5 - r))
	}
	return -math.Cos(math.Pi * (1 - r))
}

// of64 makes a loop over lanes of T from a function on float64.
func of64[T float](one func(float64) float64) func(d, a []T) {
	return func(d, a []T) {
		a = a[:len(d)]
		for i := range d {
			d[i] = T(one(float64(a[i])))
		}
	}
}

func of64x2[T float](one func(x, y float64) float64) func(d, a, b []T) {
	return func(d, a, b []T) {
		a, b = a[:len(d)], b[:len(d)]
		for i := range d {
			d[i] = T(one(float64(a[i]), float64(b[i])))
		}
	}
}

func (c *compiler) math(in *ir.Instr) step {
	if !in.Type.IsFloat() {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	wide := in.Type == ir.F64
	if one, ok := unaryMath[in.Op]; ok {
		if wide {
			return stepUnary(c, in, of64[float64](one))
		}
		return stepUnary(c, in, rounded1(in.Type, of64[float32](one)))
	}
	if one, ok := binaryMath[in.Op]; ok {
		if wide {
			return stepBinary(c, in, of64x2[float64](one))
		}
		return stepBinary(c, in, rounded2(in.Type, of64x2[float32](one)))
	}
	switch in.Op {
	case ir.Ldexp:
		if wide {
			return stepBinary(c, in, ldexpLoop[float64])
		}
		return stepBinary(c, in, rounded2(in.Type, ldexpLoop[float32]))
	case ir.NextAfter:
		switch in.Type {
		case ir.F64:
			return stepBinary(c, in, of64x2[float64](math.Nextafter))
		case ir.F32:
			return stepBinary(c, in, func(d, a, b []float32) {
				for i := range d {
					d[i] = math.Nextafter32(a[i], b[i])
				}
			})
		}
		enc, dec := encodeF16, decodeF16
		if in.Type == ir.BF16 {
			enc, dec = encodeBF16, decodeBF16
		}
		return stepBinary(c, in, func(d, a, b []float32) {
			for i := range d {
				d[i] = nextAfter16(a[i], b[i], enc, dec)
			}
		})
	case ir.Ilogb:
		if wide {
			return stepUnary(c, in, ilogbLoop[float64])
		}
		return stepUnary(c, in, ilogbLoop[float32])
	}
	if wide {
		return stepUnary(c, in, classify[float64](in.Op, in.Type))
	}
	return stepUnary(c, in, classify[float32](in.Op, in.Type))
}

func ldexpLoop[T float](d, a []T, e []int32) {
	for i := range d {
		d[i] = T(math.Ldexp(float64(a[i]), int(e[i])))
	}
}

// ilogbLoop gives the smallest int of 0 and the largest of NaN and infinity.
func ilogbLoop[T float](d []int32, a []T) {
	for i := range d {
		d[i] = int32(math.Ilogb(float64(a[i])))
	}
}

// nextAfter16 steps through the values of a two-byte format, whose bits are
// in order of magnitude.
func nextAfter16(x, y float32, enc func(float32) uint16, dec func(uint16) float32) float32 {
	switch {
	case x != x || y != y:
		return x + y
	case x == y:
		return y
	case x == 0:
		return float32(math.Copysign(float64(dec(1)), float64(y)))
	case (y > x) == (x > 0):
		return dec(enc(x) + 1)
	}
	return dec(enc(x) - 1)
}

// smallestNormal returns the least positive normal value of a type.
func smallestNormal(t ir.Type) float64 {
	switch t {
	case ir.F16:
		return 0x1p-14
	case ir.F64:
		return 0x1p-1022
	}
	return 0x1p-126
}

func classify[T float](op ir.Op, t ir.Type) func(d []uint8, a []T) {
	least := smallestNormal(t)
	var one func(v float64) bool
	switch op {
	case ir.IsNan:
		one = func(v float64) bool { return v != v }
	case ir.IsInf:
		one = func(v float64) bool { return math.IsInf(v, 0) }
	case ir.IsFinite:
		one = func(v float64) bool { return v-v == 0 }
	case ir.IsNormal:
		one = func(v float64) bool { return v-v == 0 && math.Abs(v) >= least }
	case ir.SignBit:
		one = math.Signbit
	default:
		return nil
	}
	return func(d []uint8, a []T) {
		for i := range d {
			d[i] = truth(one(float64(a[i])))
		}
	}
}
