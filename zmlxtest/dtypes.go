package zmlxtest

// This file implements the cases of every dtype going in and coming out, and
// of complex numbers.

import (
	"fmt"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
)

// copied passes values through a kernel: by a local of the named type, through
// the pointer, and by a template argument.
func copied[T any](d zmlx.DType, metal string, v []T) []Case {
	reversed := table(len(v), func(i int) T { return v[len(v)-1-i] })
	return []Case{
		each("copy_"+d.String(), fmt.Sprintf("%s v = a[i]; out[i] = v;", metal), in(v), v),
		each("reverse_template_"+d.String(), "T v = a[a_shape[0] - 1 - i]; out[i] = v;", in(v), reversed).template("T", d),
	}
}

func integerCases[T integer](d zmlx.DType, metal string, seed int) []Case {
	v := patterns[T](seed, 24)
	w := patterns[T](seed+1, 24)
	bits := 8 * d.Size()
	sum := each("sum_"+d.String(), "out0[i] = a[i] + b[i]; out1[i] = a[i] < b[i]; out2[i] = a[i] >> 3; out3[i] = -a[i]; out4[i] = sizeof(a[i]);", in(mapped(v, func(x T) T { return x / 2 }), mapped(w, func(x T) T { return x / 2 })),
		zipped(v, w, func(x, y T) T { return x/2 + y/2 }),
		zipped(v, w, func(x, y T) bool { return x/2 < y/2 }),
		mapped(v, func(x T) T { return x / 2 >> 3 }),
		mapped(v, func(x T) T { return 0 - x/2 }),
		mapped(v, func(x T) uint32 { return uint32(bits / 8) }))
	return append(copied(d, metal, v), sum)
}

func dtypeCases() []Case {
	f := append(floats(20, 20, -1000, 1000), inf, -inf, 0, 1)
	var all []Case
	all = append(all, integerCases[int8](zmlx.Int8, "int8_t", 21)...)
	all = append(all, integerCases[uint8](zmlx.Uint8, "uint8_t", 22)...)
	all = append(all, integerCases[int16](zmlx.Int16, "int16_t", 23)...)
	all = append(all, integerCases[uint16](zmlx.Uint16, "ushort", 24)...)
	all = append(all, integerCases[int32](zmlx.Int32, "int32_t", 25)...)
	all = append(all, integerCases[uint32](zmlx.Uint32, "uint", 26)...)
	all = append(all, integerCases[int64](zmlx.Int64, "int64_t", 27)...)
	all = append(all, integerCases[uint64](zmlx.Uint64, "uint64_t", 28)...)
	all = append(all, copied(zmlx.Bool, "bool", mapped(patterns[uint8](29, 24), func(x uint8) bool { return x > 127 }))...)
	all = append(all, copied(zmlx.Float16, "float16_t", f16s(f))...)
	all = append(all, copied(zmlx.BFloat16, "bfloat16_t", bf16s(f))...)
	all = append(all, copied(zmlx.Float32, "float", f)...)
	all = append(all, copied(zmlx.Complex64, "complex64_t", mapped(f, func(x float32) complex64 { return complex(x, 1-x) }))...)
	return append(all,
		each("type_names", `
char v0 = a[i]; uchar v1 = a[i]; short v2 = a[i]; ushort v3 = a[i]; unsigned char v4 = a[i]; unsigned short v5 = a[i];
unsigned v6 = a[i]; unsigned int v7 = a[i]; long v8 = a[i]; ulong v9 = a[i]; size_t v10 = a[i]; ptrdiff_t v11 = a[i]; signed char v12 = a[i];
out0[i] = v0 + v1 + v2 + v3 + v4 + v5 + v12;
out1[i] = v6 + v7 + v8 + v9 + v10 + v11;
out2[i] = sizeof(v0) + 10 * sizeof(v3) + 100 * sizeof(v7) + 1000 * sizeof(v10) + 10000 * sizeof(half) + 100000 * sizeof(bool);`,
			in([]int32{0, 1, 7, 100}),
			[]int32{0, 7, 49, 700}, []int32{0, 6, 42, 600}, []uint32{128421, 128421, 128421, 128421}),
		each("numeric_limits", `
out0[i] = numeric_limits<float>::max(); out1[i] = metal::numeric_limits<int>::min(); out2[i] = numeric_limits<uchar>::max();
out3[i] = numeric_limits<half>::lowest(); out4[i] = -numeric_limits<float>::infinity();`, nil,
			[]float32{0x1.fffffep127}, []int32{-2147483648}, []int32{255}, []float32{-65504}, []float32{-inf}),
		each("constants_of_the_language", "out0[i] = INFINITY; out1[i] = NAN; out2[i] = FLT_MAX; out3[i] = MAXFLOAT; out4[i] = M_PI_F; out5[i] = INT_MAX; out6[i] = UINT_MAX; out7[i] = FLT_EPSILON;", nil,
			[]float32{inf}, []float32{nan}, []float32{0x1.fffffep127}, []float32{0x1.fffffep127}, []float32{3.14159265358979323846}, []int32{2147483647}, []uint32{4294967295}, []float32{0x1p-23}),
		each("mixed_dtypes", "out0[i] = a[i] + b[i] * c[i]; out1[i] = d[i] + a[i]; out2[i] = bfloat(d[i] * e[i]);",
			in([]int8{-3, 4, 5}, []uint16{9, 8, 7}, []int64{2, -2, 10}, f16s([]float32{0.5, 1.5, 2.5}), bf16s([]float32{2, 3, 4})),
			[]int64{15, -12, 75}, []float32{-2.5, 5.5, 7.5}, bf16s([]float32{1, 4.5, 10})),
	)
}

func complexCases() []Case {
	re, im := floats(30, 32, -3, 3), floats(31, 32, -3, 3)
	x := zipped(re, im, func(r, i float32) complex64 { return complex(r, i) })
	y := zipped(im, re, func(r, i float32) complex64 { return complex(r+5, i) })
	product := func(x, y complex64) complex64 {
		return complex(float32(real(x)*real(y))-float32(imag(x)*imag(y)), float32(real(x)*imag(y))+float32(imag(x)*real(y))) // conversions: Go may join a product and a sum
	}
	return []Case{
		each("complex_add_subtract", "out0[i] = a[i] + b[i]; out1[i] = a[i] - b[i]; out2[i] = -a[i];", in(x, y),
			zipped(x, y, func(x, y complex64) complex64 { return complex(real(x)+real(y), imag(x)+imag(y)) }),
			zipped(x, y, func(x, y complex64) complex64 { return complex(real(x)-real(y), imag(x)-imag(y)) }),
			mapped(x, func(x complex64) complex64 { return complex(-real(x), -imag(x)) })),
		each("complex_multiply", "out[i] = a[i] * b[i];", in(x, y), zipped(x, y, product)),
		each("complex_divide", "out[i] = a[i] / b[i];", in(x, y),
			zipped(x, y, func(x, y complex64) complex64 { return complex64(complex128(x) / complex128(y)) })).within(2e-6, 1e-6),
		each("complex_parts", "complex64_t v = a[i]; float t = v.real; v.real = v.imag; v.imag = t; out0[i] = v; out1[i] = a[i].real; out2[i] = complex64_t(a[i].imag, 2);", in(x),
			mapped(x, func(x complex64) complex64 { return complex(imag(x), real(x)) }), re,
			mapped(x, func(x complex64) complex64 { return complex(imag(x), 2) })),
		each("complex_with_scalars", "out0[i] = a[i] * 2.0f; out1[i] = a[i] + 1.0f; complex64_t v = 3.0f; out2[i] = v; out3[i] = 2.0f * a[i];", in(x),
			mapped(x, func(x complex64) complex64 { return complex(2*real(x), 2*imag(x)) }),
			mapped(x, func(x complex64) complex64 { return complex(real(x)+1, imag(x)) }),
			mapped(x, func(x complex64) complex64 { return 3 }),
			mapped(x, func(x complex64) complex64 { return complex(2*real(x), 2*imag(x)) })),
		each("complex_compare", "out0[i] = a[i] == b[i]; out1[i] = a[i] != a[i]; out2[i] = a[i] < b[i]; out3[i] = a[i] >= b[i];",
			in([]complex64{1, 1 + 2i, 1 + 3i, 2, -1}, []complex64{1, 1 + 3i, 1 + 2i, 1, 1}),
			[]bool{true, false, false, false, false}, []bool{false, false, false, false, false}, []bool{false, true, false, false, true}, []bool{true, false, true, true, false}),
		each("complex_accumulates", "complex64_t s = complex64_t(0.0f, 0.0f); for (int k = 0; k < 4; ++k) s += a[4 * i + k]; out[i] = s;", in(x),
			table(8, func(i int) complex64 {
				var s complex64
				for k := range 4 {
					s += x[4*i+k]
				}
				return s
			})),
		each("complex_from_half", "complex64_t v = complex64_t(a[i], -a[i]); out[i] = v;", in(f16s(re)),
			mapped(re, func(x float32) complex64 { return complex(half.Round16(x), -half.Round16(x)) })),
	}
}
