// This file implements the conversions of single values.

package half

import "math"

// Float32 bounds of the values whose Float16 is a normal number.
const (
	normal16  = 0x38800000 // 2^-14
	limit16   = 0x477ff000 // 65520, half way from the largest value to 2^16
	rebias16  = 0x38000000 // (127 - 15) << 23
	subnormal = 0.5        // its ulp as a float32 is 2^-24, that of subnormals
)

// Float16FromFloat32 returns f rounded to a Float16.
func Float16FromFloat32(f float32) Float16 {
	u := math.Float32bits(f)
	if u&abs32-normal16 < limit16-normal16 {
		// The carry of the rounding may pass into the exponent, which is right.
		return Float16(u>>16&signBit | (u&abs32-rebias16+0xfff+u>>13&1)>>13)
	}
	return float16Edge(u)
}

// float16Edge converts what is not normal in a Float16: NaN, infinity and
// overflow, subnormals and zero. Inlined it would only make its callers larger.
//
//go:noinline
func float16Edge(u uint32) Float16 {
	sign := Float16(u >> 16 & signBit)
	switch a := u & abs32; {
	case a > inf32:
		return sign | inf16 | quiet16 | Float16(a>>13&0x3ff)
	case a >= limit16:
		return sign | inf16
	default:
		// The addition rounds at 2^-24 and leaves the fraction at the bottom.
		sum := math.Float32frombits(a) + subnormal
		return sign | Float16(math.Float32bits(sum)&0xffff)
	}
}

// Float32 returns the value of h, exactly. The bits of a NaN are kept.
func (h Float16) Float32() float32 {
	a := uint32(h & absMask)
	if a-0x0400 < inf16-0x0400 {
		return math.Float32frombits(uint32(h&signBit)<<16 | (a<<13 + rebias16))
	}
	return h.edge()
}

// edge is Float32 for what is not normal: zero, subnormals, infinity and NaN.
//
//go:noinline
func (h Float16) edge() float32 {
	sign, a := uint32(h&signBit)<<16, uint32(h&absMask)
	if a >= inf16 {
		return math.Float32frombits(sign | inf32 | a<<13)
	}
	// Exact: both operands are multiples of 2^-24. No float32 subnormal arises,
	// which many processors are slow at.
	f := math.Float32frombits(normal16|a<<13) - SmallestNormalFloat16
	return math.Float32frombits(sign | math.Float32bits(f))
}

// BFloat16FromFloat32 returns f rounded to a BFloat16.
func BFloat16FromFloat32(f float32) BFloat16 {
	u := math.Float32bits(f)
	if u&abs32 > inf32 {
		return BFloat16(u>>16 | quietBF16)
	}
	return BFloat16((u + 0x7fff + u>>16&1) >> 16)
}

// Float32 returns the value of b, exactly. The bits of a NaN are kept.
func (b BFloat16) Float32() float32 { return math.Float32frombits(uint32(b) << 16) }

// Float64 returns the value of h, exactly.
func (h Float16) Float64() float64 { return float64(h.Float32()) }

// Float64 returns the value of b, exactly.
func (b BFloat16) Float64() float64 { return float64(b.Float32()) }

// Float16FromFloat64 returns f rounded to a Float16. It rounds once, where
// Float16FromFloat32(float32(f)) would round twice.
func Float16FromFloat64(f float64) Float16 { return Float16FromFloat32(roundToOdd(f)) }

// BFloat16FromFloat64 returns f rounded to a BFloat16. It rounds once, where
// BFloat16FromFloat32(float32(f)) would round twice.
func BFloat16FromFloat64(f float64) BFloat16 { return BFloat16FromFloat32(roundToOdd(f)) }

// roundToOdd returns f if a float32 can hold it, and else that neighbour among
// the float32s whose last bit is 1. Such a value is on the same side of every
// tie of a format at least two bits narrower as f is, so that rounding it to
// that format gives what rounding f would.
func roundToOdd(f float64) float32 {
	if f != f {
		// Not left to the processor: the upper payload bits stay everywhere.
		u := math.Float64bits(f)
		return math.Float32frombits(uint32(u>>32)&sign32 | inf32 | quiet32 | uint32(u>>29)&0x3fffff)
	}
	g := float32(f)
	u := math.Float32bits(g)
	switch back := float64(g); {
	case back == f || u&1 == 1:
	case math.Abs(back) > math.Abs(f): // also when g overflowed to infinity
		u--
	default:
		u++
	}
	return math.Float32frombits(u)
}
