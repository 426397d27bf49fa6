package zmlxtest

// This file implements the cases of float64 arrays, which Metal does not
// have.

import (
	"math"

	"github.com/zmlx-go/zmlx"
)

func doubleCases() []Case {
	x := mapped(floats(220, 32, -5, 5), func(x float32) float64 { return float64(x) / 3 })
	y := mapped(floats(221, 32, 0.5, 5), func(x float32) float64 { return float64(x) / 7 })
	f := floats(222, 32, -5, 5)
	cases := []Case{
		each("double_operators", "out0[i] = a[i] * b[i] + 1; out1[i] = a[i] / b[i]; out2[i] = a[i] < b[i]; out3[i] = -a[i];", in(x, y),
			zipped(x, y, func(x, y float64) float64 { return float64(x*y) + 1 }), zipped(x, y, func(x, y float64) float64 { return x / y }),
			zipped(x, y, func(x, y float64) bool { return x < y }), mapped(x, func(x float64) float64 { return -x })),
		each("double_conversions", "out0[i] = a[i]; out1[i] = float(a[i]); out2[i] = b[i] * a[i]; out3[i] = half(float(a[i]));", in(x, f),
			mapped(x, func(x float64) int32 { return int32(x) }), mapped(x, func(x float64) float32 { return float32(x) }),
			zipped(f, x, func(f float32, x float64) float64 { return float64(f) * x }), mapped(x, func(x float64) f16 { return f16s([]float32{float32(x)})[0] })),
		each("double_template", "T v = a[i]; T s = 0; for (int j = 0; j < 4; ++j) s += v; out[i] = s * T(0.1f);", in(x),
			mapped(x, func(x float64) float64 { return (x + x + x + x) * float64(float32(0.1)) })).template("T", zmlx.Float64),
		each("double_functions", "out0[i] = sqrt(b[i]); out1[i] = exp(a[i]); out2[i] = fma(a[i], b[i], a[i]); out3[i] = max(a[i], b[i]); out4[i] = floor(a[i]);", in(x, y),
			mapped(y, math.Sqrt), mapped(x, math.Exp), zipped(x, y, func(x, y float64) float64 { return math.FMA(x, y, x) }),
			zipped(x, y, func(x, y float64) float64 { return max(x, y) }), mapped(x, math.Floor)).ulp(4),
		each("double_reductions", "threadgroup T s[32]; s[i] = a[i]; threadgroup_barrier(mem_flags::mem_threadgroup); T m = simd_max(s[31 - i]); out[i] = m + s[i];", in(x),
			mapped(x, func(v float64) float64 { return v + fold(x, func(x, y float64) float64 { return max(x, y) }) })).template("T", zmlx.Float64).group(32, 1, 1),
	}
	for i := range cases {
		cases[i].NeedsFloat64 = true
		cases[i].Remark = "Metal has no float64, of which the lint warns"
	}
	return cases
}
