// This file implements the conversions of slices. Like copy, each converts as
// many elements as the shorter slice has and returns that number. The loops of
// Float16 repeat the fast paths of the single conversions, which are too large
// for the compiler to inline.

package half

import "math"

// ToFloat16s stores src, rounded, in dst and returns the number of elements
// converted, the lesser of len(dst) and len(src).
func ToFloat16s(dst []Float16, src []float32) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, f := range src {
		u := math.Float32bits(f)
		if u&abs32-normal16 < limit16-normal16 {
			dst[i] = Float16(u>>16&signBit | (u&abs32-rebias16+0xfff+u>>13&1)>>13)
		} else {
			dst[i] = float16Edge(u)
		}
	}
	return n
}

// FromFloat16s stores the values of src in dst and returns the number of
// elements converted, the lesser of len(dst) and len(src).
func FromFloat16s(dst []float32, src []Float16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, h := range src {
		a := uint32(h & absMask)
		if a-0x0400 < inf16-0x0400 {
			dst[i] = math.Float32frombits(uint32(h&signBit)<<16 | (a<<13 + rebias16))
		} else {
			dst[i] = h.edge()
		}
	}
	return n
}

// ToBFloat16s stores src, rounded, in dst and returns the number of elements
// converted, the lesser of len(dst) and len(src).
func ToBFloat16s(dst []BFloat16, src []float32) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, f := range src {
		dst[i] = BFloat16FromFloat32(f)
	}
	return n
}

// FromBFloat16s stores the values of src in dst and returns the number of
// elements converted, the lesser of len(dst) and len(src).
func FromBFloat16s(dst []float32, src []BFloat16) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, b := range src {
		dst[i] = b.Float32()
	}
	return n
}

// Round16s stores Round16 of the elements of src in dst, which may be src
// itself, and returns the lesser of len(dst) and len(src).
func Round16s(dst, src []float32) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, f := range src {
		u := math.Float32bits(f)
		if u&abs32-normal16 < limit16-normal16 {
			dst[i] = math.Float32frombits((u + 0xfff + u>>13&1) &^ 0x1fff)
		} else {
			dst[i] = round16Edge(u)
		}
	}
	return n
}

// RoundBF16s stores RoundBF16 of the elements of src in dst, which may be src
// itself, and returns the lesser of len(dst) and len(src).
func RoundBF16s(dst, src []float32) int {
	n := min(len(dst), len(src))
	dst, src = dst[:n], src[:n]
	for i, f := range src {
		dst[i] = RoundBF16(f)
	}
	return n
}
