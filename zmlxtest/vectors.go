package zmlxtest

// This file implements the cases of vectors: making them, their components and
// operators.

import (
	"math"

	"github.com/zmlx-go/zmlx/half"
)

// load4 declares the float4 v and w of the thread's elements of a and b.
const load4 = "float4 v = ((const device float4*)a)[i]; float4 w = ((const device float4*)b)[i]; device float4* o = (device float4*)out;\n"

// by4 returns f of four components at a time.
func by4[A, R any](x []A, f func(v []A) []R) []R {
	var out []R
	for i := 0; i < len(x); i += 4 {
		out = append(out, f(x[i:i+4])...)
	}
	return out
}

// both4 returns f of four components of x and of y at a time.
func both4[R any](x, y []float32, f func(v, w []float32) []R) []R {
	var out []R
	for i := 0; i < len(x); i += 4 {
		out = append(out, f(x[i:i+4], y[i:i+4])...)
	}
	return out
}

func vectorCases() []Case {
	x, y := floats(70, 32, -4, 4), floats(71, 32, 0.5, 4)
	n, m := patterns[uint32](72, 32), ints[uint32](73, 32, 1, 9)
	h := f16s(x)
	type f = []float32
	vec := func(name, body string, want func(v, w f) f) Case {
		return each(name, load4+body, in(x, y), both4(x, y, want)).grid(8, 1, 1)
	}
	return []Case{
		vec("vector_operators", "o[i] = (v + w) * w - v / w;", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 { return float32((v+w)*w) - v/w })
		}),
		vec("vector_with_scalar", "o[i] = 2 * v + 1.0f; o[i] -= 0.5f; o[i] /= 2;", func(v, w f) f {
			return mapped(v, func(v float32) float32 { return (float32(2*v) + 1 - 0.5) / 2 })
		}),
		vec("vector_unary", "float4 t = -v; t++; o[i] = t;", func(v, w f) f {
			return mapped(v, func(v float32) float32 { return 1 - v })
		}),
		vec("constructors", "float2 p = float2(v.x, v.y); float4 t = float4(p, 3, w.x); float4 s = float4(1.5f); float4 u = float4(w.xyz, 1); float3 q = float3(v.x, p); o[i] = t + s * u + float4(0, q);", func(v, w f) f {
			return f{v[0] + float32(1.5*w[0]) + 0, v[1] + float32(1.5*w[1]) + v[0], 3 + float32(1.5*w[2]) + v[0], w[0] + 1.5 + v[1]}
		}),
		vec("brace_constructors", "float4 t = {v.x, 1, 2, w.y}; float4 s{v}; o[i] = t + s;", func(v, w f) f {
			return f{v[0] + v[0], 1 + v[1], 2 + v[2], w[1] + v[3]}
		}),
		vec("swizzle_read", "o[i] = float4(v.wz, v.xx) + v.yyyy + w.zxyw;", func(v, w f) f {
			return f{v[3] + v[1] + w[2], v[2] + v[1] + w[0], v[0] + v[1] + w[1], v[0] + v[1] + w[3]}
		}),
		vec("swizzle_write", "float4 t = 0; t.xz = v.yw; t.w = 7; t.yx += w.xy; o[i] = t;", func(v, w f) f {
			return f{v[1] + w[1], w[0], v[3], 7}
		}),
		vec("colour_names", "float4 t = v; t.rgb = w.bgr; t.a = v.r; o[i] = t.bgra;", func(v, w f) f {
			return f{w[0], w[1], w[2], v[0]}
		}),
		each("component_by_index", load4+"float4 t; for (int j = 0; j < 4; ++j) t[j] = v[3 - j] * j; t[i % 4] = w[0]; o[i] = t;", in(x, y), x).grid(8, 1, 1).wantBy(x, y, func(i int, v, w f) f {
			t := f{0, v[2], 2 * v[1], 3 * v[0]}
			t[0] = v[3] * 0
			t[i%4] = w[0]
			return t
		}),
		vec("vector_ternary_and_assignment_chain", "float4 t, u; t = u = v.x > 0 ? v : w; o[i] = t + u;", func(v, w f) f {
			return mapped(pick(v[0] > 0, v, w), func(v float32) float32 { return 2 * v })
		}),
		each("int_vectors", "uint4 v = ((const device uint4*)a)[i], w = ((const device uint4*)b)[i]; ((device uint4*)out)[i] = (v % w) + (v >> 3u) * (w & 1) ^ ~v;", in(n, m),
			zipped(n, m, func(v, w uint32) uint32 { return (v%w + v/8*(w%2)) ^ (math.MaxUint32 - v) })).grid(8, 1, 1),
		each("half_vectors", "half4 v = ((const device half4*)a)[i]; half4 t = v * v + 0.5h; ((device half4*)out)[i] = t;", in(h),
			mapped(h, func(h f16) f16 { return half.Float16FromFloat32(r16(h.Float32()*h.Float32()) + 0.5) })).grid(8, 1, 1),
		each("bfloat_vectors", "bfloat4 v = ((const device bfloat4*)a)[i]; ((device bfloat4*)out)[i] = v + v;", in(bf16s(x)),
			mapped(bf16s(x), func(v bf16) bf16 { return half.BFloat16FromFloat32(2 * v.Float32()) })).grid(8, 1, 1),
		each("small_int_vectors", "uchar4 v = ((const device uchar4*)a)[i]; int4 t = int4(v) * 2 - 300; ((device int4*)out0)[i] = t; ((device uchar4*)out1)[i] = v + v;", in(edgesUchar),
			mapped(edgesUchar, func(v uint8) int32 { return int32(v)*2 - 300 }),
			mapped(edgesUchar, func(v uint8) uint8 { return uint8(2 * int(v) % 256) })).grid(2, 1, 1),
		vec("vector_conversions", "int4 t = int4(v * 3); half4 s = half4(v); float4 u = float4(t) + float4(s); uint4 b4 = uint4(v > 0.0f); o[i] = u + float4(b4);", func(v, w f) f {
			return mapped(v, func(v float32) float32 {
				return float32(math.Trunc(float64(v*3))) + r16(v) + pick[float32](v > 0, 1, 0)
			})
		}),
		vec("vector_comparisons", "bool4 p = v > w; bool4 q = v < 0.0f; bool4 r = !p && q || (v == v.xxxx); o[i] = float4(p) + 2 * float4(q) + 4 * float4(r);", func(v, w f) f {
			return table(4, func(j int) float32 {
				p, q, e := v[j] > w[j], v[j] < 0, v[j] == v[0]
				return pick[float32](p, 1, 0) + pick[float32](q, 2, 0) + pick[float32](!p && q || e, 4, 0)
			})
		}),
		vec("any_all", "float4 t = 0; t.x = any(v > 3.0f); t.y = all(v < 3.0f); t.z = any(v != v); t.w = all(bool4(true)); o[i] = t;", func(v, w f) f {
			big, small := false, true
			for _, e := range v {
				big, small = big || e > 3, small && e < 3
			}
			return f{pick[float32](big, 1, 0), pick[float32](small, 1, 0), 0, 1}
		}),
		vec("select_by_element", "float4 t = select(v, w, v < 0.0f); t.x = select(t.x, 9.0f, w.x > 2.0f); o[i] = t;", func(v, w f) f {
			t := zipped(v, w, func(v, w float32) float32 { return pick(v < 0, w, v) })
			t[0] = pick(w[0] > 2, 9, t[0])
			return t
		}),
		each("three_components_take_four", "threadgroup float3 s[2]; threadgroup float* p = (threadgroup float*)s; if (i == 0) { s[0] = float3(1, 2, 3); s[1] = float3(4, 5, 6); } threadgroup_barrier(mem_flags::mem_threadgroup); out0[i] = p[4 + i % 3]; out1[i] = sizeof(s);", nil,
			table(6, func(i int) float32 { return float32(4 + i%3) }), table(6, func(int) int32 { return 32 })).group(6, 1, 1),
		each("packed_takes_three", "packed_float3 v = ((const device packed_float3*)a)[i]; float3 t = v; ((device packed_float3*)out)[9 - i] = packed_float3(t * 2);", in(x[:30]),
			table(30, func(i int) float32 { return 2 * x[(9-i/3)*3+i%3] })).grid(10, 1, 1),
		each("vec_template_type", "vec<float, 4> v = ((const device vec<float, 4>*)a)[i]; vec<int, 2> t = vec<int, 2>(v.xy); out[i] = t.x + t.y;", in(x),
			table(8, func(i int) int32 { return int32(x[4*i]) + int32(x[4*i+1]) })),
		each("two_and_three_components", "float2 p = float2(a[i], 2); float3 q = float3(p, 1); int2 g = int2(3, -4); uint3 u = uint3(1, 2, 3); out[i] = p.x * q.y + q.z + g.x * g.y + u.z;", in(x),
			mapped(x, func(x float32) float32 { return 2*x + 1 - 12 + 3 })),
		each("array_of_vectors", "float4 acc[2] = {float4(0), float4(1)}; for (int j = 0; j < 4; ++j) acc[j % 2] += ((const device float4*)a)[j]; out[i] = acc[i / 4][i % 4];", in(x[:16]),
			table(8, func(i int) float32 { return float32(float32(i/4)+x[4*(i/4)+i%4]) + x[4*(i/4)+8+i%4] })),
		each("vector_function_parameters", "float4 v = ((const device float4*)a)[i]; bump(v); ((device float4*)out)[i] = flip(v);", in(x),
			by4(x, func(v f) f { return f{v[3], v[2], v[1], v[0] + 1} })).grid(8, 1, 1).header(`
float4 flip(float4 v) { return v.wzyx; }
void bump(thread float4& v) { v.x += 1; }
`),
	}
}

// wantBy replaces what a case wants by f of the thread's number and four
// components of x and y.
func (c Case) wantBy(x, y []float32, f func(i int, v, w []float32) []float32) Case {
	i := -1
	want := both4(x, y, func(v, w []float32) []float32 {
		i++
		return f(i, v, w)
	})
	c.Want = func() []any { return []any{want} }
	return c
}

func vectorFunctionCases() []Case {
	x, y := floats(75, 32, -4, 4), floats(76, 32, 0.5, 4)
	type f = []float32
	vec := func(name, body string, want func(v, w f) f) Case {
		return each(name, load4+body, in(x, y), both4(x, y, want)).grid(8, 1, 1)
	}
	dot := func(v, w f) (s float64) {
		for j := range v {
			s += float64(v[j]) * float64(w[j])
		}
		return s
	}
	splat := func(v float64) f { return f{float32(v), float32(v), float32(v), float32(v)} }
	return []Case{
		vec("dot", "o[i] = dot(v, w);", func(v, w f) f { return splat(dot(v, w)) }).within(1e-6, 5e-6),
		vec("dot_of_two_and_three", "o[i] = float4(dot(v.xy, w.xy), dot(v.xyz, w.xyz), dot(v.zw, v.zw), 0);", func(v, w f) f {
			return f{float32(dot(v[:2], w[:2])), float32(dot(v[:3], w[:3])), float32(dot(v[2:], v[2:])), 0}
		}).within(1e-6, 5e-6),
		vec("length_and_distance", "o[i] = float4(length(v), length_squared(v), distance(v, w), distance_squared(v, w));", func(v, w f) f {
			d := zipped(v, w, func(v, w float32) float32 { return v - w })
			return f{float32(math.Sqrt(dot(v, v))), float32(dot(v, v)), float32(math.Sqrt(dot(d, d))), float32(dot(d, d))}
		}).within(2e-6, 0),
		vec("normalize", "o[i] = normalize(v);", func(v, w f) f {
			return mapped(v, func(e float32) float32 { return float32(float64(e) / math.Sqrt(dot(v, v))) })
		}).within(2e-6, 0),
		vec("cross", "o[i] = float4(cross(v.xyz, w.xyz), 1);", func(v, w f) f {
			part := func(a, b int) float32 {
				return float32(float64(v[a])*float64(w[b]) - float64(v[b])*float64(w[a]))
			}
			return f{part(1, 2), part(2, 0), part(0, 1), 1}
		}).within(1e-6, 5e-6),
		vec("elementwise_math", "o[i] = sqrt(abs(v)) + floor(w) + trunc(v);", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 {
				return float32(math.Sqrt(math.Abs(float64(v)))) + float32(math.Floor(float64(w))) + float32(math.Trunc(float64(v)))
			})
		}),
		vec("elementwise_exp", "o[i] = exp(v) * metal::precise::log(w);", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 { return float32(math.Exp(float64(v)) * math.Log(float64(w))) })
		}).within(2e-6, 1e-7),
		vec("min_max_clamp_splat", "o[i] = min(v, w) + max(v, 1.0f) + clamp(w, 1.0f, 2.0f) + clamp(v, -w, w);", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 {
				return min(v, w) + max(v, 1) + min(max(w, 1), 2) + min(max(v, -w), w)
			})
		}),
		vec("fma_splat", "o[i] = fma(2.0f, v, w);", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 { return float32(2*float64(v) + float64(w)) })
		}),
		vec("mix_and_step", "o[i] = mix(v, w, 0.25f) + step(0.0f, v) + smoothstep(0.0f, 4.0f, w);", func(v, w f) f {
			return zipped(v, w, func(v, w float32) float32 {
				t := float64(w) / 4
				return float32(float64(v) + (float64(w)-float64(v))*0.25 + pick(v < 0, 0.0, 1) + t*t*(3-2*t))
			})
		}).within(2e-6, 2e-6),
		vec("reflect", "o[i] = float4(reflect(v.xyz, normalize(w.xyz)), 0);", func(v, w f) f {
			l := math.Sqrt(dot(w[:3], w[:3]))
			d := dot(v[:3], w[:3]) / l
			return append(table(3, func(j int) float32 { return float32(float64(v[j]) - 2*d*float64(w[j])/l) }), 0)
		}).within(2e-6, 1e-5),
		vec("faceforward", "o[i] = float4(faceforward(v.xyz, w.xyz, v.xyz), 0);", func(v, w f) f {
			s := pick[float32](dot(v[:3], w[:3]) < 0, 1, -1)
			return f{s * v[0], s * v[1], s * v[2], 0}
		}),
	}
}
