package check_test

import (
	"testing"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// run checks a kernel and returns the program and the findings.
func run(tb testing.TB, k signature.Kernel, inputs []signature.Input, outputs []dtype.DType, tmpl ...signature.TemplateArg) (*check.Program, *source.List) {
	tb.Helper()
	if k.Name == "" {
		k.Name = "test"
	}
	sig, err := signature.Build(k, inputs, outputs, tmpl)
	if err != nil {
		tb.Fatal(err)
	}
	set := &source.Set{}
	errs := &source.List{Set: set}
	var header *source.File
	if k.Header != "" {
		header = set.Add(k.Name+" (header)", k.Header)
	}
	body := set.Add(k.Name, k.Source)
	cfg := parse.Config{Prelude: check.Prelude()}
	for _, p := range sig.Params {
		cfg.Values = append(cfg.Values, p.Name)
	}
	for _, a := range sig.Attributes {
		cfg.Values = append(cfg.Values, a.Name)
	}
	for _, a := range sig.Template {
		if a.Kind == signature.TypeArg {
			cfg.Types = append(cfg.Types, a.Name)
		} else {
			cfg.Values = append(cfg.Values, a.Name)
		}
	}
	tree := parse.Kernel(set, header, body, cfg, errs)
	if errs.Errors() > 0 {
		return nil, errs
	}
	return check.Kernel(set, tree, k.Name, sig, errs), errs
}

var unary = signature.Kernel{InputNames: []string{"x"}, OutputNames: []string{"out"}}

func body(src string) signature.Kernel {
	k := unary
	k.Source = src
	return k
}

func f32(shape ...int) signature.Input { return signature.Input{DType: dtype.Float32, Shape: shape} }

// accepted are bodies that have to pass without any finding.
var accepted = map[string]string{
	"scalar":    `uint i = thread_position_in_grid.x; float v = x[i]; out[i] = v * tanh(log(1 + exp(v)));`,
	"metal":     `uint i = thread_position_in_grid.x; out[i] = metal::precise::exp(x[i]) + metal::fast::log(x[i]);`,
	"pointers":  `auto p = x + 4; device const float* q = p; p += 1; q++; out[0] = *q + p[2] + *(x + 1); out += 2; out[0] = 1;`,
	"vectors":   `float4 v = *(const device float4*)(x); v.xy = v.zw; v.x += 1; float3 w = v.xyz * 2; out[0] = dot(w, v.rgb) + float4(1, w).w + v[2];`,
	"arrays":    `float a[4] = {1, 2}; for (int i = 0; i < 4; ++i) { a[i] += x[i]; } out[0] = a[3];`,
	"shared":    `threadgroup float s[2][32]; uint l = thread_position_in_threadgroup.x; s[0][l] = x[l]; threadgroup_barrier(mem_flags::mem_threadgroup); out[l] = s[0][31 - l];`,
	"simd":      `float v = simd_sum(x[thread_index_in_simdgroup]); v += simd_shuffle_down(v, 16); v = simd_shuffle_xor(v, ushort(1)); if (thread_index_in_simdgroup == 0) { out[0] = v; }`,
	"ternary":   `int n = x_shape[0]; out[0] = n > 3 ? x[0] : 0; out[1] = n % 2 == 0 && n > 1 ? INFINITY : -1e-5f;`,
	"switch":    `switch (int(x[0])) { case 0: out[0] = 1; break; case 1: case 2: out[0] = 2; default: out[0] = 3; }`,
	"struct":    `struct P { float a; int b; float sum() { return a + b; } }; P p = {1, 2}; p.a += 1; out[0] = p.sum();`,
	"lambda":    `float k = 2; auto f = [&](float v) { return v * k; }; out[0] = f(x[0]); auto g = [](auto a, auto b) -> float { return a + b; }; out[1] = g(1, 2.f);`,
	"reference": `thread float& r = *(thread float*)nullptr; float a = 1; thread float& b = a; b = 2; device float& o = out[1]; o = a;`,
	"casts":     `uint u = as_type<uint>(x[0]); out[0] = as_type<float>(u ^ 1u); out[1] = static_cast<float>((uchar)u) + int(u); out[2] = (half)1.5h;`,
	"constexpr": `constexpr int N = 4 * 2; const uint M = N / 2; float a[M]; if constexpr (N > 4) { a[0] = 1; } else { undeclared(); } static_assert(sizeof(a) == 16, "size"); out[0] = a[0];`,
	"complex":   `complex64_t c = complex64_t(1, 2); c = c * c + 1.0f; out[0] = c.real; out[1] = float(c) + c.imag;`,
	"limits":    `out[0] = Limits<float>::max; out[1] = metal::numeric_limits<half>::max(); int n = ceildiv(7, 2); out[n] = 1;`,
	"loc":       `auto e = thread_position_in_grid.x; auto loc = elem_to_loc(e, x_shape, x_strides, x_ndim); out[e] = x[loc];`,
	"matrix":    `simdgroup_matrix<float, 8, 8> m = make_filled_simdgroup_matrix<float, 8, 8>(0.f); simdgroup_float8x8 a; simdgroup_load(a, x, 8); simdgroup_multiply_accumulate(m, a, a, m); m.thread_elements()[0] += 1; simdgroup_store(m, out, 8, ulong2(0, 0), true);`,
	"comma":     `int i = 0, j = 5; for (; i < j; i++, j--) { out[i] = x[j]; } while (i --> 0) { if (i == 2) continue; break; } do { ++i; } while (i < 3);`,
	"local T":   `float T = 1; float pi = 3, dot = 2, sign = 1; out[0] = T + pi + dot * sign; out[1] = metal::dot(float2(1), float2(2));`,
	"hidden":    `float max = 1; out[0] = metal::max(max, 2.0f); uint index = 3; out[index] = 0;`,
	"tgatomic":  `threadgroup atomic_uint n; threadgroup uint raw[2]; atomic_store_explicit(&n, 0u, memory_order_relaxed); atomic_fetch_add_explicit((threadgroup atomic_uint*)&raw[1], 1u, memory_order_relaxed); out[0] = atomic_load_explicit(&n, memory_order_relaxed);`,
	"splat":     `float4 v = fma(x[0], float4(1), float4(2)); v = max(v, 0.0f); v *= 2; out[0] = (v + 1).x; bool4 m = v > 1; if (any(m)) { out[1] = select(v, float4(0), m).y; }`,
}

func TestAccepts(t *testing.T) {
	for name, src := range accepted {
		t.Run(name, func(t *testing.T) {
			prog, errs := run(t, body(src), []signature.Input{f32(64)}, []dtype.DType{dtype.Float32})
			if len(errs.Diags) > 0 {
				t.Fatalf("findings:\n%v", errs)
			}
			if prog == nil || len(prog.Body.Stmts) == 0 {
				t.Fatal("no program")
			}
		})
	}
}

func TestHeader(t *testing.T) {
	k := body(`
		uint i = thread_position_in_grid.x;
		out[i] = twice(x[i]) + twice<float>(2) + table[i % 3] + Op<float>()(x[i]) + sum_of<4>(x);
		add_to(out, i, 3.0f);
		float m = -INFINITY; uint at = 0;
		update(m, at, x[i], i);
		out[0] = m + at;
	`)
	k.Header = `
		#include <metal_stdlib>
		using namespace metal;
		#define SCALE 2
		constant float table[3] = {1.0f, 2.0f, 3.0f * SCALE};
		template <typename T> inline T twice(T v) { return v * T(SCALE); }
		template <typename T> struct Op { T operator()(T v) const { return v + 1; } };
		template <int N> float sum_of(const device float* p) { float s = 0; for (int i = 0; i < N; i++) s += p[i]; return s; }
		METAL_FUNC void add_to(device float* p, uint i, float v) { p[i] += v; }
		static inline void update(thread float& m, thread uint& at, float v, uint i) { if (v > m) { m = v; at = i; } }
	`
	prog, errs := run(t, k, []signature.Input{f32(64)}, []dtype.DType{dtype.Float32})
	if len(errs.Diags) > 0 || prog == nil {
		t.Fatalf("findings:\n%v", errs)
	}
}
