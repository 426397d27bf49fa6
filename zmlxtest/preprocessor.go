package zmlxtest

// This file implements the cases of the preprocessor.

func preprocessorCases() []Case {
	x := floats(100, 32, -5, 5)
	k := ints[int32](101, 32, 0, 9)
	return []Case{
		each("macro_object", "#define N 4\n#define TWICE_N (N * 2)\nout[i] = a[i] * TWICE_N + N;", in(k), mapped(k, func(k int32) int32 { return 8*k + 4 })),
		each("macro_function", "#define SQUARE(v) ((v) * (v))\n#define PICK(c, p, q) ((c) ? (p) : (q))\nout[i] = SQUARE(a[i] + 1) + PICK(a[i] > 4, SQUARE(2), 1);", in(k),
			mapped(k, func(k int32) int32 { return (k+1)*(k+1) + pick[int32](k > 4, 4, 1) })),
		each("macro_substitutes_text", "#define MUL(p, q) p * q\nout[i] = MUL(a[i] + 1, 2 + 3);", in(k), mapped(k, func(k int32) int32 { return k + 2 + 3 })),
		each("macro_assigns_arguments", "#define SWAP(T, p, q) { T t_ = p; p = q; q = t_; }\n#define INC(v, by) v += (by)\nfloat p = a[i], q = 2; SWAP(float, p, q) INC(p, q); out[i] = p - q * 3;", in(x),
			mapped(x, func(x float32) float32 { return (2 + x) - float32(x*3) })),
		each("macro_do_while", "#define STEP(acc, v) do { float t_ = (v); acc += t_; acc *= 2; } while (0)\nfloat s = 1; if (a[i] > 0) STEP(s, a[i]); else STEP(s, -a[i]); out[i] = s;", in(x),
			mapped(x, func(x float32) float32 { return 2 * (1 + max(x, -x)) })),
		each("macro_lines_continue", "#define LONG(v)  \\\n  float t = v;   \\\n  t = t * 2 + 1; \\\n  out[i] = t;\nLONG(a[i])", in(x), mapped(x, func(x float32) float32 { return float32(x*2) + 1 })),
		each("macro_declares", "#define LOAD(n) float v##n = a[(i + n) % 32]\nLOAD(0); LOAD(1); LOAD(2);\nout[i] = v0 + v1 * 2 + v2;", in(k),
			table(32, func(i int) float32 { return float32(k[i] + 2*k[(i+1)%32] + k[(i+2)%32]) })),
		each("macro_calls_macro", "#define ADD(p, q) (p + q)\n#define ADD3(p, q, r) ADD(ADD(p, q), r)\n#define FORWARD(f, x) f(x, 1, 2)\nout[i] = FORWARD(ADD3, a[i]);", in(k), mapped(k, func(k int32) int32 { return k + 3 })),
		each("macro_argument_with_commas", "#define BOTH(...) first_of(__VA_ARGS__)\nout[i] = BOTH(a[i], 5) + BOTH((a[i], 3), 4);", in(k), mapped(k, func(k int32) int32 { return k + 3 })).
			header("int first_of(int p, int) { return p; }\n"),
		each("conditionals", "#define MODE 2\n#if MODE == 1\nout[i] = 1;\n#elif MODE == 2 && defined(MODE)\nout[i] = a[i] + 2;\n#else\nout[i] = 3;\n#endif", in(k), mapped(k, func(k int32) int32 { return k + 2 })),
		each("conditionals_nested", "#define A 1\n#if A\n#if !defined(B)\nint v = 10;\n#else\nint v = 20;\n#endif\n#else\n#error never here\n#endif\n#if (A + 1) * 4 > 7 && UNKNOWN == 0\nv += a[i];\n#endif\nout[i] = v;", in(k), mapped(k, func(k int32) int32 { return k + 10 })),
		each("ifdef_undef", "#define F 1\n#ifdef F\nint v = 1;\n#endif\n#undef F\n#ifndef F\nv += 10;\n#endif\n#ifdef F\nv += 100;\n#endif\n#define F 5\nout[i] = v + F * a[i];", in(k), mapped(k, func(k int32) int32 { return 11 + 5*k })),
		each("macros_of_header", "out[i] = UPPER(a[i]) + LIMIT;", in(k), mapped(k, func(k int32) int32 { return k + 1000 + 7 })).
			header("#include <metal_stdlib>\n#include <metal_simdgroup>\nusing namespace metal;\n#pragma once\n#define LIMIT 7\n#define UPPER(v) ((v) + 1000)\n"),
		each("macro_of_types", "#define REAL float\n#define GLOBAL const device\nGLOBAL REAL* p = a + i; REAL v = p[0]; out[i] = v;", in(x), x),
		each("pragma_unroll", "float s = 0;\n#pragma unroll\nfor (int j = 0; j < 4; ++j) { s += j; }\n#pragma clang loop unroll(full)\nfor (int j = 0; j < 2; ++j) s += a[i];\nout[i] = s;", in(k), mapped(k, func(k int32) float32 { return float32(6 + 2*k) })),
		each("comments", "// out[i] = 1;\n/* out[i] = 2; // */ out[i] = a[i] /* here */ + 1; // \\\nout[i] = 5;\n", in(k), mapped(k, func(k int32) int32 { return k + 1 })),
		each("language_macros", "#if defined(__METAL_VERSION__) && __METAL_VERSION__ >= 230\nout0[i] = 1;\n#else\nout0[i] = 2;\n#endif\n#ifdef __METAL__\nout1[i] = 1;\n#else\nout1[i] = 2;\n#endif", in(k), mapped(k, func(int32) int32 { return 1 }), mapped(k, func(int32) int32 { return 1 })),
		each("macro_repeats_statements", "#define R2(s) s s\n#define R4(s) R2(s) R2(s)\nint v = a[i]; R4(v += 1; v *= 2;) out[i] = v;", in(k), mapped(k, func(k int32) int32 { return 16*k + 30 })),
		each("macro_stringless_paste_and_empty", "#define EMPTY\n#define JOIN(p, q) p##q\nint JOIN(va, lue) = EMPTY a[i] EMPTY; out[i] = value EMPTY;", in(k), k),
	}
}
