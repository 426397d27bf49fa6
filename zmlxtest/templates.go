package zmlxtest

// This file implements the cases of templates and overloads.

import "github.com/zmlx-go/zmlx"

func templateCases() []Case {
	x := floats(80, 32, -5, 5)
	k := ints[int32](81, 32, -9, 9)
	h := f16s(x)
	return []Case{
		each("template_int_argument", "float s = 0; for (int j = 0; j < N; ++j) s += a[i] + j; out[i] = s + N / 2;", in(k),
			mapped(k, func(k int32) float32 { return float32(5*k + 10 + 2) })).template("N", 5),
		each("template_bool_argument", "if (NEG) out0[i] = -a[i]; else out0[i] = a[i]; out1[i] = POS ? 1 : 2; out2[i] = NEG + 10 * POS;", in(k),
			mapped(k, func(k int32) int32 { return -k }), mapped(k, func(int32) int32 { return 2 }), mapped(k, func(int32) int32 { return 1 })).template("NEG", true, "POS", false),
		each("template_type_argument", "T v = a[i]; out0[i] = v * T(2); out1[i] = sizeof(T);", in(x),
			mapped(h, func(h f16) f16 { return f16s([]float32{h.Float32() * 2})[0] }), mapped(x, func(float32) int32 { return 2 })).template("T", zmlx.Float16),
		each("template_sizes_arrays", "float w[N + 1]; for (int j = 0; j <= N; ++j) w[j] = a[(i + j) % 32]; float s = 0; for (int j = N; j >= 0; --j) s += w[j]; out[i] = s;", in(k),
			table(32, func(i int) float32 {
				s := int32(0)
				for j := range 4 {
					s += k[(i+j)%32]
				}
				return float32(s)
			})).template("N", 3),
		each("template_negative_int", "out[i] = a[i] * N;", in(k), mapped(k, func(k int32) int32 { return -3 * k })).template("N", -3).
			remark("MLX before 0.32.2 cannot compile negative template arguments, of which the lint warns"),
		each("function_template_deduces", "out0[i] = twice(a[i]); out1[i] = twice(b[i]); out2[i] = pair_max(a[i], 1.0f);", in(x, k),
			mapped(x, func(x float32) float32 { return 2 * x }), mapped(k, func(k int32) int32 { return 2 * k }), mapped(x, func(x float32) float32 { return max(x, 1) })).header(`
template <typename T> T twice(T v) { return v + v; }
template <typename T> inline T pair_max(const T p, const T q) { return p > q ? p : q; }
`),
		each("function_template_explicit", "out0[i] = convert<int>(a[i]); out1[i] = convert<half>(a[i]); out2[i] = scaled<3>(b[i]); out3[i] = both<float, 2>(b[i]);", in(x, k),
			mapped(x, func(x float32) int32 { return int32(x) }), h, mapped(k, func(k int32) int32 { return 3 * k }), mapped(k, func(k int32) float32 { return float32(k) / 2 })).header(`
template <typename To, typename From> To convert(From v) { return static_cast<To>(v); }
template <int N> int scaled(int v) { return v * N; }
template <typename T, int D> T both(int v) { return T(v) / D; }
`),
		each("template_argument_passed_on", "out[i] = sum_of<T, N>(a + i * N);", in(x[:30]),
			table(10, func(i int) float32 { return x[3*i] + x[3*i+1] + x[3*i+2] })).template("T", zmlx.Float32, "N", 3).header(`
template <typename T, int N> T sum_of(const device T* p) {
  T s = 0;
  for (int j = 0; j < N; ++j) { s += p[j]; }
  return s;
}
`),
		each("template_over_address_space", "threadgroup float s[32]; s[i] = a[i]; threadgroup_barrier(mem_flags::mem_threadgroup); float l[2] = {1, 2}; out[i] = total(a + i, 1) + total(s + i, 1) + total(l, 2);", in(x),
			mapped(x, func(x float32) float32 { return float32(x+x) + 3 })).header(`
template <typename P> float total(P p, int n) { float s = 0; for (int j = 0; j < n; ++j) s += p[j]; return s; }
`),
		each("template_default_argument", "out[i] = raised(a[i]) + raised<3>(a[i]);", in(k),
			mapped(k, func(k int32) int32 { return k*k + k*k*k })).header(`
template <int N = 2, typename T> T raised(T v) { T r = 1; for (int j = 0; j < N; ++j) r *= v; return r; }
`),
		each("template_specialisation", "out[i] = name_of<float>() + 10 * name_of<half>() + 100 * name_of<int>();", in(k),
			mapped(k, func(int32) int32 { return 132 })).header(`
template <typename T> int name_of() { return 1; }
template <> int name_of<float>() { return 2; }
template <> int name_of<half>() { return 3; }
`),
		each("overloads", "out0[i] = kind(a[i]) * 1000 + kind(b[i]) * 100 + kind(c[i]) * 10 + kind(float2(1)); out1[i] = kind(b[i], 1) + kind(1u);", in(x, k, h),
			mapped(x, func(float32) int32 { return 1234 }), mapped(x, func(float32) int32 { return 65 })).header(`
int kind(float) { return 1; }
int kind(int) { return 2; }
int kind(half) { return 3; }
int kind(float2) { return 4; }
int kind(uint) { return 5; }
int kind(int, int) { return 60; }
`),
		each("overload_beats_template", "out[i] = which(a[i]) * 10 + which(b[i]);", in(x, k), mapped(x, func(float32) int32 { return 12 })).header(`
template <typename T> int which(T) { return 2; }
int which(float) { return 1; }
`),
		each("if_constexpr", "out0[i] = describe<T>(a[i]); if constexpr (N > 4) { out1[i] = 1; } else if constexpr (N == 4) { out1[i] = 2; } else { out1[i] = 3; }", in(h),
			mapped(h, func(h f16) float32 { return h.Float32() * 16 }), mapped(h, func(f16) int32 { return 2 })).template("T", zmlx.Float16, "N", 4).header(`
template <typename T> float describe(T v) {
  if constexpr (sizeof(T) == 4) { return v; } else { return float(v) * 8 * sizeof(T); }
}
`),
		each("if_constexpr_drops_what_cannot_compile", "out[i] = component(a[i]) + component(float2(a[i], 5));", in(x), mapped(x, func(x float32) float32 { return x + 5 })).header(`
template <typename T> float component(T v) {
  if constexpr (is_same_v<T, float>) { return v; } else { return v.y; }
}
`),
		each("static_assert", "static_assert(N % 4 == 0, \"N has to be a multiple of 4\"); static_assert(sizeof(float4) == 16); out[i] = a[i] * N;", in(k),
			mapped(k, func(k int32) int32 { return 8 * k })).template("N", 8),
		each("template_constant_expressions", "constexpr int M = N * 2 + 1; constexpr bool odd = M & 1; threadgroup int t[M]; t[i] = a[i]; float v[odd ? M : 1]; v[M - 1] = t[i]; out[i] = v[M - 1] + sizeof(v);", in(k[:9]),
			mapped(k[:9], func(k int32) int32 { return k + 36 })).template("N", 4).group(9, 1, 1),
		each("nested_templates", "out[i] = outer<T, 2>(a[i]);", in(x), mapped(x, func(x float32) float32 { return float32(x*4) + 2 })).template("T", zmlx.Float32).header(`
template <typename T> struct Holder { T v; T get() const { return v + v; } };
template <typename T, int N> T outer(T v) { Holder<T> h; h.v = v + v; return h.get() + N; }
`),
		each("recursion_by_templates", "out[i] = factorial<5>() + a[i];", in(k), mapped(k, func(k int32) int32 { return 120 + k })).header(`
template <int N> constexpr int factorial() {
  if constexpr (N <= 1) { return 1; } else { return N * factorial<N - 1>(); }
}
`),
		each("template_dtype_of_every_kind", "out[i] = sizeof(A) * 1000 + sizeof(B) * 100 + sizeof(C) * 10 + sizeof(D);", in(k), mapped(k, func(int32) int32 { return 8124 })).
			template("A", zmlx.Int64, "B", zmlx.Bool, "C", zmlx.BFloat16, "D", zmlx.Uint32),
		each("alias_templates", "Pair<float> p = Pair<float>(a[i], 2); out[i] = p.x * p.y;", in(x), mapped(x, func(x float32) float32 { return 2 * x })).
			header("template <typename T> using Pair = vec<T, 2>;\n"),
	}
}
