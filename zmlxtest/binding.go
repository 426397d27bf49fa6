package zmlxtest

// This file implements the cases of how arrays become a kernel's arguments.

import "github.com/zmlx-go/zmlx"

func bindingCases() []Case {
	x := floats(190, 24, -5, 5)
	k := ints[int32](191, 24, -50, 50)
	turned := table(24, func(i int) float32 { return x[i%4*6+i/4] }) // x as (4, 6), transposed
	view := func(c Case, f func(a *zmlx.Array) *zmlx.Array) Case {
		return c.strided(func(in []*zmlx.Array) []*zmlx.Array {
			in[0] = f(in[0])
			return in
		})
	}
	transpose := func(a *zmlx.Array) *zmlx.Array { return a.Transpose() }
	return []Case{
		each("scalar_inputs", "out[i] = a[i] * b + c; if (d) out[i] += e;", in(x, scalar[float32](2), scalar[int32](3), scalar(true), scalar[uint8](200)),
			mapped(x, func(x float32) float32 { return float32(x*2) + 3 + 200 })),
		each("scalar_inputs_of_every_type", "out0[i] = a + b + c; out1[i] = d + e; out2[i] = f; out3[i] = g + h;", in(scalar[int8](-3), scalar[uint16](60000), scalar[int64](1<<40), scalar(f16s([]float32{1.5})[0]), scalar(bf16s([]float32{2.5})[0]), scalar[complex64](1+2i), scalar[uint32](1<<31), scalar[uint64](1<<33)),
			[]int64{1<<40 + 60000 - 3}, []float32{4}, []complex64{1 + 2i}, []uint64{1<<33 + 1<<31}),
		each("small_inputs", "float s = 0; for (uint j = 0; j < 7; ++j) s += a[j] * b[j % 3]; auto p = a + 2; out[i] = s + p[1] + c[0];", in([]float32{1, 2, 3, 4, 5, 6, 7}, []float32{1, 10, 100}, []int32{9}),
			table(4, func(int) float32 { return 1 + 20 + 300 + 4 + 50 + 600 + 7 + 4 + 9 })),
		each("eight_elements", "const device float* p = a; out[i] = p[7 - i] + b[i % 7];", in(x[:8], x[:7]), table(8, func(i int) float32 { return x[7-i] + x[i%7] })),
		each("shapes", "out[i] = a_shape[0] * 1000 + a_shape[1] * 100 + a_shape[2] + b_shape[0] * 10000;", in(dims(x, 4, 2, 3), dims(k, 24)),
			table(24, func(int) int32 { return 4203 + 240000 })),
		each("ndim_and_strides", "out0[i] = a_ndim; out1[i] = a_strides[0]; out2[i] = a_strides[1] + b_ndim;", in(dims(x, 4, 2, 3), dims(k, 24)),
			table(24, func(int) int32 { return 3 }), table(24, func(int) int64 { return 6 }), table(24, func(int) int32 { return 4 })),
		each("shape_loops", "int n = 1; for (int d = 0; d < a_ndim; ++d) n *= a_shape[d]; uint rest = i; int s = 0; for (int d = a_ndim - 1; d >= 0; --d) { s += int(rest % a_shape[d]) * int(a_strides[d]); rest /= a_shape[d]; } out[i] = n * 100 + s;", in(dims(x, 2, 3, 4)),
			table(24, func(i int) int32 { return int32(2400 + i) })),
		view(each("strided_input_is_copied", "out0[i] = a[i]; out1[i] = a_strides[0] * 100 + a_strides[1] * 10 + a_shape[0];", in(dims(x, 4, 6)), turned, table(24, func(int) int32 { return 416 })), transpose),
		view(each("strided_input_as_bound", "out0[i] = a[i]; out1[i] = a_strides[0] * 100 + a_strides[1] * 10 + a_shape[0];", in(dims(x, 4, 6)), x, table(24, func(int) int32 { return 166 })).asBound(), transpose),
		view(each("slice_starts_in_the_middle", "out[i] = a[i] + a_shape[0];", in(dims(x, 4, 6)), table(12, func(i int) float32 { return x[6+i] + 2 })).asBound(), func(a *zmlx.Array) *zmlx.Array {
			return a.Slice(zmlx.Range{Start: 1, Stop: 3, Step: 1})
		}),
		view(each("broadcast_has_stride_zero", "out0[i] = a[i % 4 * a_strides[1]]; out1[i] = a_strides[0];", in(x[:4]), table(20, func(i int) float32 { return x[i%4] }), table(20, func(int) int64 { return 0 })).asBound(), func(a *zmlx.Array) *zmlx.Array {
			return a.Broadcast(5, 4)
		}),
		view(each("broadcast_is_copied", "out[i] = a[i];", in(x[:4]), table(20, func(i int) float32 { return x[i%4] })), func(a *zmlx.Array) *zmlx.Array { return a.Broadcast(5, 4) }),
		view(each("negative_strides", "out[i] = a[int(i) * a_strides[0]];", in(x), table(24, func(i int) float32 { return x[23-i] })).asBound(), func(a *zmlx.Array) *zmlx.Array { return a.Slice(zmlx.RangeReverse()) }),
		view(each("negative_strides_are_copied", "out[i] = a[i];", in(x), table(24, func(i int) float32 { return x[23-i] })), func(a *zmlx.Array) *zmlx.Array { return a.Slice(zmlx.RangeReverse()) }),
		each("outputs_of_several_dtypes", "out0[i] = a[i]; out1[i] = a[i] > 0; out2[i] = a[i] * 10; out3[i] = bfloat(a[i]); if (i < 3) out4[i] = a_shape[i % 1];", in(x),
			f16s(x), mapped(x, func(x float32) bool { return x > 0 }), mapped(x, func(x float32) int8 { return int8(x * 10) }), bf16s(x), []int64{24, 24, 24}),
		each("initial_value", "if (i % 3 == 0) { out0[i] = a[i]; out1[i] = 1; out2[i] = half(2); out3[i] = false; }", in(x),
			table(24, func(i int) float32 { return pick(i%3 == 0, x[i], 2.5) }), table(24, func(i int) int32 { return pick[int32](i%3 == 0, 1, 2) }),
			f16s(table(24, func(i int) float32 { return pick[float32](i%3 == 0, 2, 2.5) })), table(24, func(i int) bool { return i%3 != 0 })).initial(2.5),
		each("initial_value_of_negative_infinity", "if (i == 0) out[0] = a[0];", in(x), table(24, func(i int) float32 { return pick(i == 0, x[0], -inf) })).initial(float64(-inf)),
		each("outputs_can_be_read_back", "out[i] = a[i]; out[i] *= 2; out[i] += out[i]; float v = out[i]; out[i] = v - 1;", in(x), mapped(x, func(x float32) float32 { return 4*x - 1 })),
		each("no_inputs", "out0[i] = i * 0.5f; out1[i] = i % 2;", nil, table(9, func(i int) float32 { return float32(i) / 2 }), table(9, func(i int) bool { return i%2 == 1 })),
		each("unused_inputs", "out[i] = b[i]; // a_shape is mentioned, and a is not read", in(k, x, scalar[int32](1)), x),
		each("empty_input", "out[i] = b[i] + a_shape[0] + (a_shape[0] > 0 ? a[0] : 5.0f);", in(dims([]float32{}, 0, 3), x), mapped(x, func(x float32) float32 { return x + 5 })),
		kernel("empty_output", "out[thread_position_in_grid.x] = 1;", nil, dims([]float32{}, 4, 0)),
		each("output_of_no_axes", "if (i == 0) { float s = 0; for (int j = 0; j < a_shape[0]; ++j) s += a[j]; out[0] = s; }", in([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9}), dims([]float32{45}, []int{}...)).grid(9, 1, 1),
		each("names_within_names", "out[i] = a[i] + data_shape[0];", in(x, k), mapped(x, func(x float32) float32 { return x + 24 })).named("a", "data"),
	}
}

// named gives a case's inputs other names.
func (c Case) named(inputs ...string) Case {
	c.Kernel.InputNames = inputs
	return c
}
