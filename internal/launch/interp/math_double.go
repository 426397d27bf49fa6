package interp

// This file implements functions for which package math loses digits somewhere:
// the logarithm and powers of subnormal numbers and exp near its overflow (on
// amd64), log2 and log10 near 1, sinh and cosh where exp overflows and they do
// not, asin and acos near 1.

import "math"

const smallestNormal64 = 0x1p-1022

func log(x float64) float64 {
	if x > 0 && x < smallestNormal64 {
		return math.Log(x*0x1p54) - 54*math.Ln2
	}
	return math.Log(x)
}

func pow(x, y float64) float64 {
	if a := math.Abs(x); a > 0 && a < smallestNormal64 {
		return math.Pow(x*0x1p54, y) * math.Pow(0x1p54, -y)
	}
	return math.Pow(x, y)
}

// nearOne reports whether the exponent and the logarithm of the fraction, which
// package math adds, could cancel.
func nearOne(x float64) bool { return x > 0.5 && x < 2 }

func log2(x float64) float64 {
	if nearOne(x) {
		return math.Log(x) * math.Log2E
	}
	return math.Log2(x)
}

func log10(x float64) float64 {
	if nearOne(x) {
		return math.Log(x) * math.Log10E
	}
	return log2(x) * (math.Ln2 / math.Ln10)
}

// largeExp is where exp is near its overflow.
const largeExp = 709

func exp(x float64) float64 {
	if x > largeExp {
		return 2 * halfExp(x)
	}
	return math.Exp(x)
}

func sinh(x float64) float64 {
	if a := math.Abs(x); a > largeExp {
		return math.Copysign(halfExp(a), x)
	}
	return math.Sinh(x)
}

func cosh(x float64) float64 {
	if a := math.Abs(x); a > largeExp {
		return halfExp(a)
	}
	return math.Cosh(x)
}

// halfExp returns exp(x) / 2.
func halfExp(x float64) float64 {
	e := math.Exp(x / 2)
	return e / 2 * e
}

func asin(x float64) float64 { return math.Atan2(x, math.Sqrt((1-x)*(1+x))) }

func acos(x float64) float64 { return 2 * math.Atan2(math.Sqrt(1-x), math.Sqrt(1+x)) }
