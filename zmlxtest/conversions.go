package zmlxtest

// This file implements the cases of conversions between numbers, written and
// implied.

import (
	"math"

	"github.com/zmlx-go/zmlx/half"
)

func saturate(x float64, lo, hi float64) float64 {
	if x != x {
		return 0
	}
	return min(max(math.Trunc(x), lo), hi)
}

func conversionCases() []Case {
	f := append(floats(10, 40, -300, 300), 0.5, -0.5, 0.99, -0.99, 254.9, 255.5, 1.5, 2.5)
	wide := []float32{3e9, -3e9, 5e9, -1, 1e20, -1e20, inf, -inf, nan, 0, 2147483520, 2147483648, 4294967040, 4294967296, -2147483648, 12.75}
	big := []int64{0, 1, -1, 1 << 24, 1<<24 + 1, 1<<24 + 3, -(1<<24 + 1), 1 << 40, 1<<53 + 1, math.MaxInt64, math.MinInt64, 123456789012345}
	h := []float32{0, 1, -1, 0.1, 2049, 2051, 65504, 65519, 65520, 1e6, -1e6, 6e-8, 3e-8, 2.9e-8, 1e-5, inf, -inf, nan, 3.14159, -2.71828}
	i32 := patterns[int32](11, 40)
	fractions := table(64, func(i int) float32 { return -float32(i) / 64 })
	infinities := table(64, func(int) float32 { return inf })
	return []Case{
		kernel("wrapped_uint_as_int_to_long", "uint i = thread_position_in_grid.x; int j = int(i * 1664525u + 2130000000u); out[i] = long(j) / 7;", nil,
			table(96, func(i int) int64 { return int64(int32(uint32(i)*1664525+2130000000)) / 7 })).grid(96, 1, 1),
		each("float_to_int_truncates", "out0[i] = a[i]; out1[i] = int(a[i]); out2[i] = static_cast<int>(a[i]); out3[i] = (long)a[i];", in(f),
			mapped(f, func(x float32) int32 { return int32(math.Trunc(float64(x))) }),
			mapped(f, func(x float32) int32 { return int32(math.Trunc(float64(x))) }),
			mapped(f, func(x float32) int32 { return int32(math.Trunc(float64(x))) }),
			mapped(f, func(x float32) int64 { return int64(math.Trunc(float64(x))) })),
		each("float_to_int_and_back_has_no_minus_zero", `
float x = a[i];
out0[i] = 1 / float(int(x)); out1[i] = 1 / float(char(x)); out2[i] = 1 / float(short(x)); out3[i] = 1 / float(long(x)); out4[i] = 1 / half(char(x)); out5[i] = rsqrt(float(int(x)));`,
			in(fractions), infinities, infinities, infinities, infinities, f16s(infinities), infinities),
		each("float_to_int_saturates", "out0[i] = int(a[i]); out1[i] = uint(a[i]);", in(wide),
			mapped(wide, func(x float32) int32 { return int32(saturate(float64(x), math.MinInt32, math.MaxInt32)) }),
			mapped(wide, func(x float32) uint32 { return uint32(saturate(float64(x), 0, math.MaxUint32)) })),
		each("int_to_float_rounds_to_even", "out0[i] = a[i]; out1[i] = float(int(a[i]));", in(big),
			mapped(big, func(x int64) float32 { return float32(x) }),
			mapped(big, func(x int64) float32 { return float32(int32(x)) })),
		each("uint_to_float", "out0[i] = a[i]; out1[i] = float(ulong(a[i]) * a[i]);", in(edgesUint),
			mapped(edgesUint, func(x uint32) float32 { return float32(float64(x)) }),
			mapped(edgesUint, func(x uint32) float32 { return float32(uint64(x) * uint64(x)) })),
		each("float_to_half_rounds_to_even", "out0[i] = a[i]; out1[i] = half(a[i]); out2[i] = half(a[i]) == a[i];", in(h),
			mapped(h, half.Float16FromFloat32), mapped(h, half.Float16FromFloat32),
			mapped(h, func(x float32) bool { return half.Round16(x) == x })),
		each("float_to_bfloat_rounds_to_even", "out0[i] = bfloat(a[i]); out1[i] = float(bfloat16_t(a[i]));", in(h),
			mapped(h, half.BFloat16FromFloat32), mapped(h, half.RoundBF16)),
		each("half_and_bfloat_to_float_are_exact", "out0[i] = a[i]; out1[i] = b[i];", in(f16s(h), bf16s(h)),
			mapped(f16s(h), func(x f16) float32 { return x.Float32() }),
			mapped(bf16s(h), func(x bf16) float32 { return x.Float32() })),
		each("half_and_bfloat_convert_through_float", "out0[i] = half(float(b[i])); out1[i] = bfloat(float(a[i]));", in(f16s(h), bf16s(h)),
			mapped(bf16s(h), func(x bf16) f16 { return half.Float16FromFloat32(x.Float32()) }),
			mapped(f16s(h), func(x f16) bf16 { return half.BFloat16FromFloat32(x.Float32()) })),
		each("integers_narrow_by_low_bits", "out0[i] = char(a[i]); out1[i] = (uchar)a[i]; out2[i] = short(a[i]); out3[i] = a[i]; out4[i] = uint(a[i]);", in(i32),
			mapped(i32, func(x int32) int8 { return int8(uint32(x) % 256) }),
			mapped(i32, func(x int32) uint8 { return uint8(uint32(x) % 256) }),
			mapped(i32, func(x int32) int16 { return int16(uint32(x) % 65536) }),
			mapped(i32, func(x int32) uint16 { return uint16(uint32(x) % 65536) }),
			mapped(i32, func(x int32) uint32 { return uint32(int64(x) & math.MaxUint32) })),
		each("integers_widen_by_sign", "out0[i] = a[i]; out1[i] = uint(a[i]); out2[i] = long(uchar(a[i])); out3[i] = ulong(a[i]);", in(edgesChar),
			mapped(edgesChar, func(x int8) int32 { return int32(x) }),
			mapped(edgesChar, func(x int8) uint32 { return uint32(int64(x) + 1<<32) }),
			mapped(edgesChar, func(x int8) int64 { return (int64(x) + 256) % 256 }),
			mapped(edgesChar, func(x int8) uint64 { return uint64(int64(x)) })),
		each("anything_to_bool", "out0[i] = a[i]; out1[i] = bool(b[i]); bool c = a[i] * 4; out2[i] = c;", in([]float32{0, 0.25, -1, nan, float32(math.Copysign(0, -1)), 1e-30}, []int32{0, 256, -1, 1, 0, 65536}),
			[]bool{false, true, true, true, false, true}, []bool{false, true, true, true, false, true}, []bool{false, true, true, true, false, true}),
		each("bool_to_numbers", "out0[i] = a[i]; out1[i] = a[i] ? 2.5h : 0.5h; out2[i] = float(a[i]) + a[i]; out3[i] = uint64_t(a[i]) << 40;", in([]bool{true, false, true}),
			[]int8{1, 0, 1}, f16s([]float32{2.5, 0.5, 2.5}), []float32{2, 0, 2}, []uint64{1 << 40, 0, 1 << 40}),
		each("float_to_small_integers", "out0[i] = uint8_t(clamp(a[i], 0.0f, 255.0f)); out1[i] = int8_t(clamp(a[i], -128.0f, 127.0f)); out2[i] = ushort(abs(a[i]));", in(f),
			mapped(f, func(x float32) uint8 { return uint8(min(max(x, 0), 255)) }),
			mapped(f, func(x float32) int8 { return int8(min(max(x, -128), 127)) }),
			mapped(f, func(x float32) uint16 { return uint16(math.Abs(float64(x))) })),
		each("conversions_in_calls", "out0[i] = fma(a[i], 1, 100); out1[i] = ldexp(a[i], 1); out2[i] = sqrt(float(uint(abs(a[i]))));", in(f),
			mapped(f, func(x float32) float32 { return x + 100 }),
			mapped(f, func(x float32) float32 { return x * 2 }),
			mapped(f, func(x float32) float32 {
				return float32(math.Sqrt(math.Floor(math.Abs(float64(x)))))
			})),
		each("ternary_takes_the_common_type", "out0[i] = (a[i] > 0 ? 1 : 2.5f) / 2; out1[i] = (a[i] > 0 ? 1 : 3u) - 2 > 0;", in(f),
			mapped(f, func(x float32) float32 { return pick[float32](x > 0, 0.5, 1.25) }),
			mapped(f, func(x float32) bool { return true })),
	}
}
