// This file implements rounding in place: float32 values brought to the
// precision and range of a 16-bit format, as arithmetic in that format does.

package half

import "math"

// Round16 returns the value of Float16FromFloat32(f) as a float32.
func Round16(f float32) float32 {
	u := math.Float32bits(f)
	if u&abs32-normal16 < limit16-normal16 {
		return math.Float32frombits((u + 0xfff + u>>13&1) &^ 0x1fff)
	}
	return round16Edge(u)
}

// round16Edge is Round16 for what is not normal in a Float16.
//
//go:noinline
func round16Edge(u uint32) float32 {
	sign := u & sign32
	switch a := u & abs32; {
	case a > inf32:
		return math.Float32frombits(u&^0x1fff | quiet32)
	case a >= limit16:
		return math.Float32frombits(sign | inf32)
	default:
		f := math.Float32frombits(a) + subnormal
		return math.Float32frombits(sign | math.Float32bits(f-subnormal))
	}
}

// RoundBF16 returns the value of BFloat16FromFloat32(f) as a float32.
func RoundBF16(f float32) float32 {
	u := math.Float32bits(f)
	if u&abs32 > inf32 {
		return math.Float32frombits(u&^0xffff | quiet32)
	}
	return math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
}
