package zmlxtest

// This file implements the cases of pointers and references.

import "math"

func pointerCases() []Case {
	x := floats(60, 48, -5, 5)
	k := ints[int32](61, 48, 0, 7)
	sum := func(v []float32) float32 {
		s := float32(0)
		for _, f := range v {
			s += f
		}
		return s
	}
	rows := table(12, func(i int) float32 { return sum(x[4*i : 4*i+4]) })
	return []Case{
		each("pointer_arithmetic", "auto p = a + i; device float* q = out + (47 - i); *q = *p * 2; ", in(x),
			table(48, func(i int) float32 { return 2 * x[47-i] })),
		each("parameters_advance", "a += i * 4; out += i; out[0] = a[0] + a[1] + a[2] + a[3];", in(x), rows),
		each("pointer_walks", "const device float* p = a + 4 * i; float s = 0; for (int j = 0; j < 4; ++j) s += *p++; --p; out0[i] = s; out1[i] = *p; out2[i] = p[-3]; out3[i] = *(p - 1);", in(x), rows,
			table(12, func(i int) float32 { return x[4*i+3] }), table(12, func(i int) float32 { return x[4*i] }), table(12, func(i int) float32 { return x[4*i+2] })),
		each("pointer_difference_and_order", "auto p = a + i; auto end = a + 48; out0[i] = int(end - p); out1[i] = p < end - 8; out2[i] = p == a + 3; int s = 0; for (auto q = p; q != end; q += 1) s++; out3[i] = s;", in(x),
			table(48, func(i int) int32 { return int32(48 - i) }), table(48, func(i int) bool { return i < 40 }), table(48, func(i int) bool { return i == 3 }), table(48, func(i int) int32 { return int32(48 - i) })),
		each("cast_to_vectors", "float4 v = ((const device float4*)a)[i]; *(device float4*)(out + 4 * i) = v.wzyx;", in(x),
			table(48, func(i int) float32 { return x[i/4*4+3-i%4] })).grid(12, 1, 1),
		each("reinterpret_cast", "auto u = reinterpret_cast<const device uint*>(a); out[i] = u[i] >> 23 & 255;", in(x),
			mapped(x, func(x float32) int32 { return int32(math.Ilogb(float64(x))) + 127 })),
		each("cast_to_bytes", "auto b8 = (const device uchar*)a; out[i] = b8[i];", in(k),
			table(192, func(i int) uint8 { return pick(i%4 == 0, uint8(k[i/4]), 0) })),
		each("address_of_local", "float v = a[i]; thread float* p = &v; *p += 1; p[0] *= 2; out[i] = v;", in(x),
			mapped(x, func(x float32) float32 { return 2 * float32(x+1) })),
		each("address_of_element", "device float* p = &out[i]; *p = a[i]; const device float* q = &a[47 - i]; *p -= *q;", in(x),
			table(48, func(i int) float32 { return x[i] - x[47-i] })),
		each("pointer_into_local_array", "float w[6] = {1, 2, 3, 4, 5, 6}; thread float* p = w + 2; p[1] = a[i]; p += b[i] % 3; *p += 10; out[i] = w[2] + 2 * w[3] + 3 * w[4];", in(x, k),
			zipped(x, k, func(x float32, k int32) float32 {
				w := []float32{3, x, 5}
				w[k%3] += 10
				return float32(w[0]+2*w[1]) + 3*w[2]
			})),
		each("pointers_to_each_space", `
threadgroup float shared[64];
float local[4] = {1, 2, 3, 4};
uint t = thread_position_in_threadgroup.x;
shared[t] = a[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
out[i] = first(a + i) + first(shared + (t ^ 1)) + first(TABLE + 1) + first(local + b[i] % 4) + first(c);`, in(x, k, []float32{0.25, 9}),
			table(48, func(i int) float32 {
				return x[i] + x[i^1] + 20 + float32(k[i]%4+1) + 0.25
			})).group(16, 1, 1).header(`
constant float TABLE[2] = {10, 20};
float first(const device float* p) { return p[0]; }
float first(const threadgroup float* p) { return p[0]; }
float first(const constant float* p) { return p[0]; }
float first(const thread float* p) { return p[0]; }
`).within(0, 1e-5),
		each("reference_parameters", "float v = a[i]; int n = 0; twice(v, n); twice(v, n); store(out[i], v + n);", in(x),
			mapped(x, func(x float32) float32 { return 4*x + 2 })).header(`
void twice(thread float& v, thread int& n) { v *= 2; n++; }
void store(device float& to, float v) { to = v; }
`),
		each("pointer_parameters", "float v[3] = {a[i], 1, 2}; fill(v, 3); out0[i] = v[0]; out1[i] = v[1] + v[2]; add(&out0[i], 5);", in(x),
			mapped(x, func(x float32) float32 { return float32(x*3) + 5 }), mapped(x, func(float32) float32 { return 9 })).header(`
void fill(thread float* v, int n) { for (int j = 0; j < n; ++j) v[j] *= n; }
void add(device float* p, float v) { *p += v; }
`),
		each("const_reference_parameter", "out[i] = dot3(a + 3 * i, b) + scaled(a[i], c[0]);", in(x, []float32{1, 2, 3}, []float32{2}),
			table(16, func(i int) float32 {
				return float32(float32(x[3*i]*1)+float32(x[3*i+1]*2)) + float32(x[3*i+2]*3) + float32(x[i]*2)
			})).header(`
float dot3(const device float* p, const constant float* q) { return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]; }
float scaled(const device float& v, const constant float& s) { return v * s; }
`),
		each("pointer_chosen_at_run_time", "auto p = b[i] % 2 ? a + i : a + (47 - i); if (b[i] > 4) p = a; out[i] = p[0];", in(x, k),
			table(48, func(i int) float32 { return x[pick(k[i] > 4, 0, pick(k[i]%2 == 1, i, 47-i))] })),
		each("rows_of_a_matrix", "for (uint r = 0; r < 4; ++r) { const device float* row = a + r * 12; device float* to = out + r * 12; to[i] = row[11 - i]; }", in(dims(x, 4, 12)),
			dims(table(48, func(i int) float32 { return x[i/12*12+11-i%12] }), 4, 12)).grid(12, 1, 1),
		each("returned_pointer", "*at(out, i) = *at2(a, 47 - i);", in(x), table(48, func(i int) float32 { return x[47-i] })).header(`
device float* at(device float* p, uint i) { return p + i; }
const device float* at2(const device float* p, uint i) { return &p[i]; }
`),
		each("threadgroup_pointer_cast", `
threadgroup uint raw[32];
threadgroup float* f = (threadgroup float*)raw;
uint t = thread_position_in_threadgroup.x;
f[t] = a[i];
threadgroup_barrier(mem_flags::mem_threadgroup);
out[i] = as_type<float>(raw[31 - t]);`, in(x[:32]), table(32, func(i int) float32 { return x[31-i] })).group(32, 1, 1),
		each("pointer_to_vector_component_access", "device float2* p = (device float2*)out; auto q = (const device float2*)a; p[i].x = q[i].y; (p + i)->y = q[i].x;", in(x),
			table(48, func(i int) float32 { return x[i^1] })).grid(24, 1, 1),
		each("void_pointers", "device void* to = out; const device void* from = a; ((device float*)to)[i] = ((const device float*)from)[47 - i] + first_of(from);", in(x),
			table(48, func(i int) float32 { return x[47-i] + x[0] })).header("float first_of(const device void* p) { return *(const device float*)p; }\n"),
		each("array_of_pointers", "const device float* rows[3] = {a, a + 16, a + 32}; thread float* none = nullptr; float v = 3; thread float* p = &v; thread float* thread* pp = &p; **pp += none == nullptr; out[i] = rows[i % 3][i / 3] * v;", in(x),
			table(48, func(i int) float32 { return 4 * x[i%3*16+i/3] })),
		each("pointer_to_array", "threadgroup float s[4][12]; s[i / 12][i % 12] = a[i]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = of_row(s, 3 - i / 12, i % 12);", in(x),
			table(48, func(i int) float32 { return x[(3-i/12)*12+i%12] })).group(48, 1, 1).
			header("float of_row(threadgroup float (*rows)[12], uint r, uint c) { return rows[r][c]; }\n"),
		each("pointer_in_a_struct", "threadgroup float s[16]; uint t = thread_position_in_threadgroup.x; s[t] = a[i]; threadgroup_barrier(mem_flags::mem_threadgroup); Part p = {s + t / 4 * 4, 4}; out[i] = p.sum();", in(x),
			table(48, func(i int) float32 { return sum(x[i/4*4 : i/4*4+4]) })).group(16, 1, 1).
			header("struct Part { threadgroup float* p; uint n; float sum() const { float s = 0; for (uint j = 0; j < n; ++j) s += p[j]; return s; } };\n"),
		each("array_parameter", "float m[2][3] = {{1, 2, 3}, {4, 5, 6}}; out[i] = total(m[1]) + a[i];", in(x),
			mapped(x, func(x float32) float32 { return 15 + x })).header("float total(thread float v[3]) { return v[0] + v[1] + v[2]; }\n"),
	}
}
