// Package half has the two 16-bit floating-point formats as storage types:
// Float16, IEEE 754 binary16, and BFloat16, the upper half of a float32.
//
// The types hold bits and nothing else. Go's operators on them are those of
// uint16, so convert with Float32, compute, and convert back; == compares bits
// and so takes -0 and 0 as different and a NaN as equal to itself.
//
// Every conversion to a 16-bit format rounds once, to nearest with ties to
// even, overflows to infinity, keeps the sign of zero, and rounds into
// subnormals rather than flushing them. A NaN stays a NaN: it becomes quiet and
// keeps its sign and the upper bits of its payload.
//
// This file implements the two types: their constants, tests and text.
package half

import "strconv"

// A Float16 is an IEEE 754 binary16 number: 1 sign bit, 5 exponent bits, 10
// fraction bits. The value of the type is its bit pattern.
type Float16 uint16

// A BFloat16 is a bfloat16 number: 1 sign bit, 8 exponent bits, 7 fraction
// bits. The value of the type is its bit pattern.
type BFloat16 uint16

// Limits of the formats. Max is the largest finite value, SmallestNormal the
// least positive value of full precision, SmallestNonzero the least positive
// value, Epsilon the distance from 1 to the next value above.
const (
	MaxFloat16             = 65504
	SmallestNormalFloat16  = 0x1p-14
	SmallestNonzeroFloat16 = 0x1p-24
	EpsilonFloat16         = 0x1p-10

	MaxBFloat16             = 0x1.fep127
	SmallestNormalBFloat16  = 0x1p-126
	SmallestNonzeroBFloat16 = 0x1p-133
	EpsilonBFloat16         = 0x1p-7
)

// Fields of the formats.
const (
	signBit = 0x8000
	absMask = 0x7fff

	inf16   = 0x7c00
	quiet16 = 0x0200

	infBF16   = 0x7f80
	quietBF16 = 0x0040

	inf32   = 0x7f800000
	quiet32 = 0x00400000
	abs32   = 0x7fffffff
	sign32  = 0x80000000
)

// IsNaN reports whether h is a NaN.
func (h Float16) IsNaN() bool { return h&absMask > inf16 }

// IsNaN reports whether b is a NaN.
func (b BFloat16) IsNaN() bool { return b&absMask > infBF16 }

// IsInf reports whether h is an infinity: positive if sign > 0, negative if
// sign < 0, either if sign is 0.
func (h Float16) IsInf(sign int) bool {
	return sign >= 0 && h == inf16 || sign <= 0 && h == signBit|inf16
}

// IsInf reports whether b is an infinity: positive if sign > 0, negative if
// sign < 0, either if sign is 0.
func (b BFloat16) IsInf(sign int) bool {
	return sign >= 0 && b == infBF16 || sign <= 0 && b == signBit|infBF16
}

// String returns the shortest decimal that converts back to h, such as "0.1".
func (h Float16) String() string {
	return shortest(h.Float64(), func(v float64) bool { return Float16FromFloat64(v) == h })
}

// String returns the shortest decimal that converts back to b, such as "0.1".
func (b BFloat16) String() string {
	return shortest(b.Float64(), func(v float64) bool { return BFloat16FromFloat64(v) == b })
}

// shortest formats v with as few digits as same accepts. Five digits tell all
// values of either format apart, so the loop ends in a return for finite v.
func shortest(v float64, same func(float64) bool) string {
	for digits := range 5 {
		text := strconv.FormatFloat(v, 'e', digits, 64)
		near, err := strconv.ParseFloat(text, 64)
		if err == nil && same(near) {
			return strconv.FormatFloat(near, 'g', -1, 64)
		}
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
