package zmlxtest

// This file implements the cases of the functions on floats. Expected values
// are computed in float64 and rounded; the tolerances are those that Metal
// allows its precise functions, and results below the normal range may be zero.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/half"
)

// smallest is the least normal float32: devices may flush what is below.
const smallest = 0x1p-126

var (
	negZero  = float32(math.Copysign(0, -1))
	everyday = append(floats(150, 40, -8, 8), 0, negZero, 1, -1, 0.5, -0.5, 2, 1e-6, -1e-6, inf, -inf, nan)
	positive = append(floats(151, 40, 1e-3, 50), 0, negZero, 1, 2, 4, 1e-30, 1e30, 1e10, 0.5, 10, 100, inf, -1, nan)
	unit     = append(floats(152, 40, -1, 1), 0, negZero, 1, -1, 0.5, -0.5, 1e-5, 1.5, -2, nan)
	halves   = append(floats(153, 30, -20, 20), 0, negZero, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 0.49999997, 8388607.5, 1e10, -1e10, inf, -inf, nan)
)

// unary is the case of f, called in each of the ways that Metal has.
func unary(name string, x []float32, ulp int, f func(x float64) float64) Case {
	want := mapped(x, func(x float32) float32 { return float32(f(float64(x))) })
	return each("math_"+name, fmt.Sprintf("out0[i] = %[1]s(a[i]); out1[i] = metal::%[1]s(a[i]); out2[i] = metal::precise::%[1]s(a[i]);", name), in(x), want, want, want).
		ulp(ulp).within(0, smallest)
}

// unaryHalf is the case of f on half and bfloat.
func unaryHalf(name string, x []float32, f func(x float64) float64) Case {
	h, b := f16s(x), bf16s(x)
	return each("math_half_"+name, fmt.Sprintf("out0[i] = %[1]s(a[i]); out1[i] = bfloat(%[1]s(b[i]));", name), in(h, b),
		mapped(h, func(x f16) f16 { return half.Float16FromFloat64(f(x.Float64())) }),
		mapped(b, func(x bf16) bf16 { return half.BFloat16FromFloat64(f(x.Float64())) })).ulp(2)
}

func binary2(name string, x, y []float32, ulp int, f func(x, y float64) float64) Case {
	p, q := pairs(x, y)
	return each("math_"+name, fmt.Sprintf("out[i] = %s(a[i], b[i]);", name), in(p, q),
		zipped(p, q, func(x, y float32) float32 { return float32(f(float64(x), float64(y))) })).ulp(ulp).within(0, smallest)
}

func mathCases() []Case {
	some := append(floats(154, 8, -5, 5), 0, 1, -1, 2, inf, -inf, nan)
	numbers := append(floats(155, 8, -5, 5), 1, -1, 0.5, 2, -3)
	f := everyday
	// The quiet rule of Metal's min and max: a NaN loses against a number.
	quiet := func(g func(x, y float64) float64) func(x, y float64) float64 {
		return func(x, y float64) float64 {
			switch {
			case x != x:
				return y
			case y != y:
				return x
			}
			return g(x, y)
		}
	}
	edges := []float32{nan, math.Float32frombits(0xff800001), inf, -inf, 0, float32(math.Copysign(0, -1)), 1, -1, math.SmallestNonzeroFloat32, -math.SmallestNonzeroFloat32, math.MaxFloat32, -math.MaxFloat32}
	edgesX, edgesY := pairs(edges, edges)
	greater := func(x, y float32) float32 { return float32(quiet(math.Max)(float64(x), float64(y))) }
	lesser := func(x, y float32) float32 { return float32(quiet(math.Min)(float64(x), float64(y))) }
	pi := func(g func(float64) float64) func(float64) float64 {
		return func(x float64) float64 { return g(math.Pi * math.Mod(x, 2)) }
	}
	cases := []Case{
		unary("exp", f, 4, math.Exp), unary("exp2", f, 4, math.Exp2),
		unary("exp10", f, 4, func(x float64) float64 { return math.Pow(10, x) }),
		unary("log", positive, 4, math.Log), unary("log2", positive, 4, math.Log2), unary("log10", positive, 4, math.Log10),
		unary("sqrt", positive, 0, math.Sqrt), unary("rsqrt", positive, 2, func(x float64) float64 { return 1 / math.Sqrt(x) }),
		unary("sin", f, 4, math.Sin), unary("cos", f, 4, math.Cos), unary("tan", f, 6, math.Tan),
		unary("asin", unit, 5, math.Asin), unary("acos", unit, 5, math.Acos), unary("atan", f, 5, math.Atan),
		unary("sinh", f, 4, math.Sinh), unary("cosh", f, 4, math.Cosh), unary("tanh", f, 5, math.Tanh),
		unary("asinh", f, 4, math.Asinh), unary("acosh", positive, 4, math.Acosh), unary("atanh", unit, 5, math.Atanh),
		unary("floor", halves, 0, math.Floor), unary("ceil", halves, 0, math.Ceil), unary("trunc", halves, 0, math.Trunc),
		unary("rint", halves, 0, math.RoundToEven), unary("round", halves, 0, math.Round),
		unary("fabs", f, 0, math.Abs), unary("abs", f, 0, math.Abs),
		unary("fract", floats(156, 40, -8, 8), 0, func(x float64) float64 { return min(x-math.Floor(x), 0x1.fffffep-1) }),
		unary("saturate", f, 0, func(x float64) float64 { return pick(x != x, 0, min(max(x, 0), 1)) }),
		unary("sign", f, 0, func(x float64) float64 {
			return pick(x > 0, 1, pick(x < 0, -1, pick(x != x, 0, x)))
		}),
		unary("sinpi", floats(157, 40, -3, 3), 4, pi(math.Sin)), unary("cospi", floats(157, 40, -3, 3), 4, pi(math.Cos)),
		unary("tanpi", floats(158, 40, -0.4, 0.4), 6, pi(math.Tan)),
		unaryHalf("exp", floats(159, 40, -5, 5), math.Exp), unaryHalf("log", floats(160, 40, 0.01, 50), math.Log),
		unaryHalf("tanh", floats(161, 40, -4, 4), math.Tanh), unaryHalf("sqrt", floats(162, 40, 0, 50), math.Sqrt),
		unaryHalf("sin", floats(163, 40, -4, 4), math.Sin), unaryHalf("rsqrt", floats(164, 40, 0.1, 50), func(x float64) float64 { return 1 / math.Sqrt(x) }),
		unaryHalf("floor", floats(165, 40, -50, 50), math.Floor),
		binary2("pow", append(floats(166, 8, 0.1, 5), 0, 1, 2, -2, inf, nan), []float32{0, 1, 2, -1, 0.5, 3, -3.5, inf, -inf, nan}, 16, math.Pow),
		binary2("powr", floats(167, 10, 0.1, 5), floats(168, 10, -3, 3), 16, math.Pow),
		binary2("atan2", append(numbers, 0, negZero, inf, -inf, nan), append(numbers, 0, negZero, inf, -inf, nan), 6, math.Atan2),
		binary2("fmod", append(numbers, 7.5, -7.5, 1e6), []float32{1, 2, -3, 0.75, inf}, 0, math.Mod),
		binary2("fmin", some, some, 0, quiet(math.Min)), binary2("fmax", some, some, 0, quiet(math.Max)),
		binary2("min", some, some, 0, quiet(math.Min)), binary2("max", some, some, 0, quiet(math.Max)),
		binary2("copysign", append(numbers, 0, inf), append(numbers, 0, negZero, -inf), 0, math.Copysign),
		binary2("fdim", numbers, numbers, 0, func(x, y float64) float64 { return max(x-y, 0) }),
		binary2("step", numbers, numbers, 0, func(x, y float64) float64 { return pick(y < x, 0.0, 1) }),
		binary2("nextafter", []float32{1, -1, 2, 100, 0.3}, []float32{5, -5, 0, inf}, 0, func(x, y float64) float64 {
			return float64(math.Nextafter32(float32(x), float32(y)))
		}),
	}
	x, y, z := floats(169, 60, -5, 5), floats(170, 60, -5, 5), floats(171, 60, -5, 5)
	return append(cases,
		// What zmlx has and Metal lacks.
		each("math_erf_and_expm1", "out0[i] = zmlx::erf(a[i]); out1[i] = zmlx::expm1(a[i]); out2[i] = zmlx::expm1(a[i] * 1e-6f); out3[i] = zmlx::log1p(abs(a[i]));", in(x),
			mapped(x, func(x float32) float32 { return float32(math.Erf(float64(x))) }), mapped(x, func(x float32) float32 { return float32(math.Expm1(float64(x))) }),
			mapped(x, func(x float32) float32 { return float32(math.Expm1(float64(x * 1e-6))) }), mapped(x, func(x float32) float32 { return float32(math.Log1p(math.Abs(float64(x)))) })).ulp(5),
		each("math_erfinv_and_lgamma", "out0[i] = zmlx::erfinv(a[i] / 5.1f); out1[i] = zmlx::lgamma(abs(a[i]) + 0.1f);", in(x),
			mapped(x, func(x float32) float32 { return float32(math.Erfinv(float64(x / 5.1))) }),
			mapped(x, func(x float32) float32 {
				l, _ := math.Lgamma(float64(max(x, -x) + 0.1))
				return float32(l)
			})).within(4e-6, 1e-6),
		each("math_fma", "out0[i] = fma(a[i], b[i], c[i]); out1[i] = fma(a[i], 2, 1);", in(x, y, z),
			table(60, func(i int) float32 {
				return float32(math.FMA(float64(x[i]), float64(y[i]), float64(z[i])))
			}),
			mapped(x, func(x float32) float32 { return float32(2*float64(x) + 1) })).ulp(1),
		each("math_half_fma_rounds_once", "out[i] = fma(a[i], b[i], c[i]);", in(f16s(x), f16s(y), f16s(z)),
			table(60, func(i int) f16 {
				return half.Float16FromFloat64(f16s(x)[i].Float64()*f16s(y)[i].Float64() + f16s(z)[i].Float64())
			})),
		each("extremes_in_loops", "float m = a[i], n = a[i], p = a[i], q = a[i]; for (uint j = 0; j < c[0]; ++j) { m = max(m, b[i]); n = max(b[i], n); p = min(p, b[i]); q = min(b[i], q); } out0[i] = m; out1[i] = n; out2[i] = p; out3[i] = q;", in(edgesX, edgesY, []uint32{1}),
			zipped(edgesX, edgesY, greater), zipped(edgesX, edgesY, greater), zipped(edgesX, edgesY, lesser), zipped(edgesX, edgesY, lesser)),
		each("math_mix_clamp", "out0[i] = mix(a[i], b[i], 0.25f); out1[i] = clamp(a[i], -1.0f, 2.0f); out2[i] = clamp(a[i], min(b[i], c[i]), max(b[i], c[i])); out3[i] = smoothstep(-2.0f, 2.0f, a[i]);", in(x, y, z),
			zipped(x, y, func(x, y float32) float32 { return float32(float64(x) + (float64(y)-float64(x))*0.25) }),
			mapped(x, func(x float32) float32 { return min(max(x, -1), 2) }),
			table(60, func(i int) float32 { return min(max(x[i], min(y[i], z[i])), max(y[i], z[i])) }),
			mapped(x, func(x float32) float32 {
				t := min(max((float64(x)+2)/4, 0), 1)
				return float32(t * t * (3 - 2*t))
			})).within(2e-6, 1e-6),
		each("math_min3_max3_median3", "out0[i] = min3(a[i], b[i], c[i]); out1[i] = max3(a[i], b[i], c[i]); out2[i] = median3(a[i], b[i], c[i]); out3[i] = fmax3(a[i], b[i], 0.0f);", in(x, y, z),
			table(60, func(i int) float32 { return min(x[i], y[i], z[i]) }), table(60, func(i int) float32 { return max(x[i], y[i], z[i]) }),
			table(60, func(i int) float32 { return max(min(x[i], y[i]), min(max(x[i], y[i]), z[i])) }),
			table(60, func(i int) float32 { return max(x[i], y[i], 0) })),
		each("math_tests", "out0[i] = isnan(a[i]); out1[i] = isinf(a[i]); out2[i] = isfinite(a[i]); out3[i] = isnormal(a[i]); out4[i] = signbit(a[i]); out5[i] = isunordered(a[i], 1.0f); out6[i] = isordered(a[i], a[i]);", in(f),
			mapped(f, func(x float32) bool { return x != x }), mapped(f, func(x float32) bool { return math.IsInf(float64(x), 0) }),
			mapped(f, func(x float32) bool { return x-x == 0 }), mapped(f, func(x float32) bool { return x-x == 0 && x != 0 }),
			mapped(f, func(x float32) bool { return math.Signbit(float64(x)) }), mapped(f, func(x float32) bool { return x != x }), mapped(f, func(x float32) bool { return x == x })),
		each("math_half_tests", "out0[i] = isnan(a[i]); out1[i] = isinf(b[i]); out2[i] = isfinite(b[i]); out3[i] = a[i] == INFINITY;", in(f16s(f), bf16s(f)),
			mapped(f, func(x float32) bool { return x != x }), mapped(f, func(x float32) bool { return math.IsInf(float64(x), 0) }),
			mapped(f, func(x float32) bool { return x-x == 0 }), mapped(f, func(x float32) bool { return x == inf })),
		each("math_frexp_modf_ldexp", "int e; float m = frexp(a[i], e); out0[i] = m; out1[i] = e; float w; float fr = modf(a[i], w); out2[i] = fr; out3[i] = w; out4[i] = ldexp(a[i], 5); out5[i] = ilogb(a[i]); out6[i] = ldexp(m, e);", in(x),
			mapped(x, func(x float32) float32 { m, _ := math.Frexp(float64(x)); return float32(m) }),
			mapped(x, func(x float32) int32 { _, e := math.Frexp(float64(x)); return int32(e) }),
			mapped(x, func(x float32) float32 { _, f := math.Modf(float64(x)); return float32(f) }),
			mapped(x, func(x float32) float32 { w, _ := math.Modf(float64(x)); return float32(w) }),
			mapped(x, func(x float32) float32 { return 32 * x }),
			mapped(x, func(x float32) int32 { return int32(math.Ilogb(float64(x))) }), x),
		each("math_sincos", "float c; float s = sincos(a[i], c); out0[i] = s; out1[i] = c;", in(x),
			mapped(x, func(x float32) float32 { return float32(math.Sin(float64(x))) }), mapped(x, func(x float32) float32 { return float32(math.Cos(float64(x))) })).ulp(4),
		each("math_select", "out0[i] = select(a[i], b[i], a[i] > 0); out1[i] = select(1, 2, c[i] < 0);", in(x, y, z),
			zipped(x, y, func(x, y float32) float32 { return pick(x > 0, y, x) }), mapped(z, func(z float32) int32 { return pick[int32](z < 0, 2, 1) })),
		each("math_fast", "out0[i] = fast::exp(a[i]); out1[i] = metal::fast::tanh(a[i]); out2[i] = fast::log(b[i] * b[i] + 1); out3[i] = fast::sqrt(fast::abs(a[i])); out4[i] = fast::max(a[i], b[i]);", in(x, y),
			mapped(x, func(x float32) float32 { return float32(math.Exp(float64(x))) }), mapped(x, func(x float32) float32 { return float32(math.Tanh(float64(x))) }),
			mapped(y, func(y float32) float32 { return float32(math.Log(float64(float32(y*y) + 1))) }), mapped(x, func(x float32) float32 { return float32(math.Sqrt(math.Abs(float64(x)))) }),
			zipped(x, y, func(x, y float32) float32 { return max(x, y) })).within(1e-5, 1e-6),
		each("math_of_converted_integers", "out0[i] = sqrt(float(a[i])); out1[i] = exp2(a[i] - 4.0f); out2[i] = pow(float(a[i]), 2);", in([]int32{0, 1, 2, 3, 4, 9, 16, 25}),
			mapped([]int32{0, 1, 2, 3, 4, 9, 16, 25}, func(k int32) float32 { return float32(math.Sqrt(float64(k))) }),
			mapped([]int32{0, 1, 2, 3, 4, 9, 16, 25}, func(k int32) float32 { return float32(math.Exp2(float64(k - 4))) }),
			mapped([]int32{0, 1, 2, 3, 4, 9, 16, 25}, func(k int32) float32 { return float32(k * k) })).ulp(4),
		each("math_identities", "float v = a[i]; out0[i] = v * tanh(log(1 + exp(v))); out1[i] = 1 / (1 + exp(-v)); out2[i] = 0.5f * v * (1 + tanh(0.7978845608f * (v + 0.044715f * v * v * v)));", in(x),
			mapped(x, func(x float32) float32 { return x * float32(math.Tanh(math.Log1p(math.Exp(float64(x))))) }),
			mapped(x, func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }),
			mapped(x, func(x float32) float32 {
				v := float64(x)
				return float32(0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v))))
			})).within(1e-5, 1e-6),
	)
}
