package zmlxtest

// This file implements the cases of declarations.

func declarationCases() []Case {
	x := floats(40, 32, -5, 5)
	k := ints[int32](41, 32, 0, 3)
	return []Case{
		each("several_declarators", "float p = a[i], q = p * 2, r; r = q + p; out[i] = r;", in(x),
			mapped(x, func(x float32) float32 { return 2*x + x })),
		each("const_and_constexpr", "const float s = 2.0f; constexpr int n = 3; constexpr float t = n * 0.5f; float v[n]; for (int j = 0; j < n; ++j) v[j] = a[i] * s; out[i] = v[0] + v[n - 1] + t;", in(x),
			mapped(x, func(x float32) float32 { return 4*x + 1.5 })),
		each("auto_deduces", "auto v = a[i]; auto w = v * 2; auto n = b[i]; auto m = n / 2; auto u = 1u; out0[i] = w; out1[i] = m; out2[i] = u - 2 > 0;", in(x, k),
			mapped(x, func(x float32) float32 { return 2 * x }),
			mapped(k, func(k int32) int32 { return k / 2 }),
			mapped(k, func(int32) bool { return true })),
		each("array_brace_init", "float w[4] = {1.0f, 2.0f, 4.0f, 8.0f}; float z[4] = {0.5f}; int e[] = {3, 1, 4}; out0[i] = a[i] * w[b[i]]; out1[i] = z[b[i]]; out2[i] = e[b[i] % 3] + sizeof(e) / sizeof(e[0]);", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 { return x * float32(int(1)<<k) }),
			mapped(k, func(k int32) float32 { return pick[float32](k == 0, 0.5, 0) }),
			mapped(k, func(k int32) int32 { return []int32{6, 4, 7}[k%3] })),
		each("array_empty_braces_zero", "float z[8] = {}; int n[3]{}; z[b[i]] = a[i]; float s = 0; for (int j = 0; j < 8; j++) s += z[j]; out[i] = s + n[0] + n[2];", in(x, k), x),
		each("array_two_dimensions", `
int t[3][4];
for (int r = 0; r < 3; ++r) for (int c = 0; c < 4; ++c) t[r][c] = r * 10 + c + a[i];
int u[2][2] = {{1, 2}, {3, 4}};
out[i] = t[2][a[i]] + t[a[i] % 3][1] + u[1][0];`, in(k),
			mapped(k, func(k int32) int32 { return 20 + k + k + (k%3*10 + 1 + k) + 3 })),
		each("shadowing", "float v = a[i]; { float v = 10; { int v = 3; out1[i] = v; } v += 1; out2[i] = v; } for (int v = 0; v < 2; ++v) {} out0[i] = v;", in(x),
			x, mapped(x, func(float32) int32 { return 3 }), mapped(x, func(float32) float32 { return 11 })),
		each("aliases", "using F = float; typedef int I; using V = vec<F, 2>; typedef float Row[3]; F v = a[i]; I n = b[i]; V p = V(v, n); Row r; r[2] = p.x; out[i] = r[2] * p.y;", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 { return x * float32(k) })),
		each("file_constants", "out[i] = TABLE[b[i]] * SCALE + a[i] * N;", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 { return []float32{1, 10, 100, 1000}[k]*0.5 + float32(x*3) })).
			header("constant float TABLE[4] = {1, 10, 100, 1000};\nconstant constexpr float SCALE = 0.5f;\nconstexpr constant int N = 3;\n"),
		each("table_in_function", "constexpr int primes[4] = {2, 3, 5, 7}; const int squares[4] = {0, 1, 4, 9}; out[i] = primes[a[i]] * 100 + squares[a[i]];", in(k),
			mapped(k, func(k int32) int32 { return []int32{2, 3, 5, 7}[k]*100 + k*k })),
		each("initialised_in_turn", "int p = a[i], q = p + 1, r = p * q; int s(r); int t{s}; int u = {t}; out[i] = u;", in(k),
			mapped(k, func(k int32) int32 { return k * (k + 1) })),
		each("sizeof_expressions", "float4 v[3]; out[i] = sizeof(v) + sizeof(float3) + sizeof(packed_float3) + sizeof(v[0].x) + sizeof(uint16_t) + sizeof(half2) + sizeof(a[0]);", in(k),
			mapped(k, func(int32) int32 { return 48 + 16 + 12 + 4 + 2 + 4 + 4 })),
		each("decltype", "decltype(a[0]) v = a[i]; typedef decltype(b[0] * 2.0f) F; F w = b[i]; out[i] = v + w / 2;", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 { return x + float32(k)/2 })),
		each("references", "float v = a[i]; thread float& r = v; r *= 2; thread const float& q = r; v += 1; out[i] = q;", in(x),
			mapped(x, func(x float32) float32 { return 2*x + 1 })),
		each("enumerations", "enum { Low = 1, Mid, High = 10, Top }; out[i] = a[i] == 0 ? Low : a[i] == 1 ? Mid : a[i] == 2 ? High : Top;", in(k),
			mapped(k, func(k int32) int32 { return []int32{1, 2, 10, 11}[k] })),
		each("scoped_enumerations", "Mode m = a[i] % 2 ? Mode::B : Mode::C; Kind kind = Y; out[i] = uint(m) + (m == Mode::C ? 100 : 0) + kind * 1000;", in(k),
			mapped(k, func(k int32) int32 { return pick[int32](k%2 == 1, 5, 106) + 3000 })).header("enum class Mode : uint { A, B = 5, C };\nenum Kind { X, Y = 3 };\n"),
		each("flat_initialisers", "int t[2][3] = {1, 2, 3, 4, 5, 6}; struct E { int k; float2 v; }; E e[2] = {1, {2, 3}, {4, float2(5, 6)}}; e[0] = {7, {a[i], 8}}; out[i] = t[1][b[i] % 3] * 100 + e[0].k + e[0].v.x + e[1].v.y;", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 { return (float32(4+k%3)*100 + 7 + x) + 6 })).within(1e-6, 1e-4),
		each("tables_of_structs", "out[i] = TABLE[a[i] % 3].x * 100 + TABLE[a[i] % 3].y * 10 + V[a[i] % 2].y + M[a[i] % 2][1] * 1000;", in(k),
			mapped(k, func(k int32) float32 {
				return []float32{1, 3, 5}[k%3]*100 + []float32{2, 4, 6}[k%3]*10 + []float32{2, 4}[k%2] + []float32{2, 4}[k%2]*1000
			})).header(`
struct P { float x; int y; };
constant P TABLE[3] = {{1, 2}, {3, 4}, {5, 6}};
constant float2 V[2] = {float2(1, 2), {3, 4}};
constant int M[2][2] = {{1, 2}, {3, 4}};
`),
		each("namespaces", "out[i] = mine::twice(a[i]) + mine::inner::one;", in(x),
			mapped(x, func(x float32) float32 { return 2*x + 1 })).
			header("namespace mine { inline float twice(float x) { return x + x; }\nnamespace inner { constant float one = 1.0f; } }\n"),
	}
}
