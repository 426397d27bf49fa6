package zmlxtest

// This file implements the cases of what MLX puts before every kernel: limits,
// locations of elements of strided arrays, small functions.

import (
	"math"

	"github.com/zmlx-go/zmlx"
)

// transposed hands over the first input with its axes swapped.
func transposed(in []*zmlx.Array) []*zmlx.Array {
	in[0] = in[0].Transpose()
	return in
}

func preludeCases() []Case {
	x := floats(180, 24, -5, 5) // of shape (2, 3, 4)
	// What a (4, 3, 2) view with reversed axes of x has at element i.
	turned := table(24, func(i int) float32 { return x[i%2*12+i/2%3*4+i/6] })
	k := ints[int32](181, 24, 1, 100)
	loc := func(name, body string, view func([]*zmlx.Array) []*zmlx.Array, want []float32) Case {
		return each(name, body, in(dims(x, 2, 3, 4)), want).asBound().strided(view)
	}
	limits := func(name string, d zmlx.DType, outputs ...any) Case {
		return each("limits_"+name, "out0[i] = Limits<T>::max; out1[i] = Limits<T>::min; out2[i] = Limits<T>::finite_max; out3[i] = Limits<T>::finite_min;", nil, outputs...).template("T", d)
	}
	last3 := "uint3 e = uint3(i % 2, i / 2 % 3, i / 6); "
	return []Case{
		limits("float", zmlx.Float32, []float32{inf}, []float32{-inf}, []float32{math.MaxFloat32}, []float32{-math.MaxFloat32}),
		limits("half", zmlx.Float16, f16s([]float32{inf}), f16s([]float32{-inf}), f16s([]float32{65504}), f16s([]float32{-65504})),
		limits("bfloat", zmlx.BFloat16, bf16s([]float32{inf}), bf16s([]float32{-inf}), []bf16{0x7f7f}, []bf16{0xff7f}),
		limits("int", zmlx.Int32, []int32{math.MaxInt32}, []int32{math.MinInt32}, []int32{math.MaxInt32}, []int32{math.MinInt32}),
		limits("uchar", zmlx.Uint8, []uint8{255}, []uint8{0}, []uint8{255}, []uint8{0}),
		limits("long", zmlx.Int64, []int64{math.MaxInt64}, []int64{math.MinInt64}, []int64{math.MaxInt64}, []int64{math.MinInt64}),
		loc("elem_to_loc_dense", "out[i] = a[elem_to_loc(i, a_shape, a_strides, a_ndim)];", nil, x),
		loc("elem_to_loc_transposed", "auto at = elem_to_loc(i, a_shape, a_strides, a_ndim); out[i] = a[at];", transposed, turned),
		loc("elem_to_loc_broadcast", "out[i] = a[elem_to_loc(i, a_shape, a_strides, a_ndim)];", func(in []*zmlx.Array) []*zmlx.Array {
			in[0] = in[0].Slice(zmlx.RangeAll(), zmlx.Range{Start: 1, Stop: 2, Step: 1}).Broadcast(2, 5, 4)
			return in
		}, table(40, func(i int) float32 { return x[i/20*12+4+i%4] })),
		loc("elem_to_loc_negative_strides", "uint n = threads_per_grid.x; out[n - 1 - i] = a[elem_to_loc(n - 1 - i, a_shape, a_strides, a_ndim)];", func(in []*zmlx.Array) []*zmlx.Array {
			in[0] = in[0].Slice(zmlx.RangeAll(), zmlx.RangeReverse(), zmlx.Range{Start: zmlx.End, Stop: zmlx.Begin, Step: -2})
			return in
		}, table(12, func(i int) float32 { return x[i/6*12+(2-i/2%3)*4+3-i%2*2] })),
		loc("elem_to_loc_of_three_indexes", last3+"out[i] = a[elem_to_loc(e, a_shape, a_strides, a_ndim)];", transposed, turned),
		loc("elem_to_loc_small_type", "uint at = elem_to_loc<uint>(i, a_shape, a_strides, a_ndim); out[i] = a[at];", transposed, turned),
		loc("elem_to_loc_1_2_3", last3+"out[i] = a[elem_to_loc_3(e, a_strides)] + a[elem_to_loc_2(uint2(1, 2), a_strides + 1)] + a[elem_to_loc_1(3, a_strides[0])];", transposed,
			mapped(turned, func(v float32) float32 { return v + x[1*12+2*4] + x[3] })),
		loc("elem_to_loc_2_nd", last3+"vec<int64_t, 2> at = elem_to_loc_2_nd(e, a_shape, a_strides, a_strides, a_ndim); out[i] = a[at.x] + a[at.y];", transposed,
			mapped(turned, func(v float32) float32 { return 2 * v })),
		loc("elem_to_loc_3_nd", last3+"auto at = elem_to_loc_3_nd<int>(e, a_shape, a_strides, a_strides, a_strides, a_ndim); out[i] = a[at.x] + a[at.y] - a[at.z];", transposed, turned),
		loc("looped_elem_to_loc", "LoopedElemToLoc<3, int64_t, false> at(a_ndim); float last = 0; for (uint j = 0; j <= i; ++j) { last = a[at.location()]; at.next(a_shape, a_strides); } out[i] = last;", transposed, turned),
		loc("looped_elem_to_loc_general", "LoopedElemToLoc<1, int64_t, true> at(a_ndim); at.next(int(i), a_shape, a_strides); out[i] = a[at.location()];", transposed, turned),
		each("ceildiv", "out0[i] = ceildiv(a[i], 7); out1[i] = ceildiv(uint(a[i]), 32u);", in(k),
			mapped(k, func(k int32) int32 { return int32(math.Ceil(float64(k) / 7)) }), mapped(k, func(k int32) uint32 { return uint32(math.Ceil(float64(k) / 32)) })),
		each("log1p", "out0[i] = log1p(a[i]); out1[i] = log1p(a[i] * 1e-6f);", in(mapped(x, func(x float32) float32 { return max(x, -x) })),
			mapped(x, func(x float32) float32 { return float32(math.Log1p(math.Abs(float64(x)))) }),
			mapped(x, func(x float32) float32 { return float32(math.Log1p(float64(max(x, -x) * 1e-6))) })).ulp(5),
		each("bfloat_bits", "out0[i] = bfloat16_to_uint16(bfloat(a[i])); out1[i] = uint16_to_bfloat16(bfloat16_to_uint16(bfloat(a[i])) ^ 0x8000);", in(x),
			mapped(bf16s(x), func(v bf16) uint16 { return uint16(v) }), mapped(bf16s(x), func(v bf16) bf16 { return v ^ 0x8000 })),
		each("conditional_type", "typename ConditionalType<(sizeof(T) > 2), float, half>::type v = a[i]; out0[i] = v; out1[i] = sizeof(v);", in(x),
			mapped(f16s(x), func(v f16) float32 { return v.Float32() }), table(24, func(int) int32 { return 2 })).template("T", zmlx.Float16),
		each("names_of_mlx_types", "float16_t h = a[i]; bfloat16_t b16 = bfloat16_t(a[i]); complex64_t c = complex64_t(h, float(b16)); out[i] = c;", in(x),
			mapped(x, func(x float32) complex64 { return complex(r16(x), rb16(x)) })),
		each("complex_log1p", "out[i] = log1p(a[i]);", in([]complex64{0.1 + 0.2i, 1 + 1i, -0.5 + 0.3i, 3 - 2i}),
			mapped([]complex64{0.1 + 0.2i, 1 + 1i, -0.5 + 0.3i, 3 - 2i}, func(z complex64) complex64 {
				re, im := 1+float64(real(z)), float64(imag(z))
				return complex(float32(math.Log(math.Hypot(re, im))), float32(math.Atan2(im, re)))
			})).within(4e-6, 1e-6),
		each("packed_pixels", "uint p = a[i]; float4 v = unpack_unorm4x8_to_float(p); out0[i] = v.y; out1[i] = pack_float_to_unorm4x8(v); out2[i] = unpack_snorm2x16_to_float(p).x;", in(patterns[uint32](182, 24)),
			mapped(patterns[uint32](182, 24), func(p uint32) float32 { return float32(p>>8&255) / 255 }), patterns[uint32](182, 24),
			mapped(patterns[uint32](182, 24), func(p uint32) float32 { return max(float32(int16(p))/32767, -1) })),
	}
}
