package zmlxtest

// This file implements the cases of simdgroup matrices. Elements are whole
// numbers so small that no order of adding them rounds.

// element8 returns where element e (0 or 1) of a lane's two lies in an 8x8
// matrix.
func element8(lane, e int) (row, col int) {
	q := lane / 4
	return q&4 + lane/2%4, q&2*2 + lane%2*2 + e
}

// product8 returns row, col of the product of two 8x8 blocks given by their
// elements.
func product8(row, col int, a, b func(r, c int) float32) float32 {
	s := float32(0)
	for k := range 8 {
		s += a(row, k) * b(k, col)
	}
	return s
}

func matrixCases() []Case {
	x := table(64, func(i int) float32 { return float32((i*7+3)%13 - 6) })
	y := table(64, func(i int) float32 { return float32((i*11+5)%17 - 8) })
	big := table(16*24, func(i int) float32 { return float32((i*5 + 1) % 97) })
	at := func(v []float32, stride, row, col int) func(r, c int) float32 {
		return func(r, c int) float32 { return v[(row+r)*stride+col+c] }
	}
	square := func(f func(r, c int) float32) shaped {
		return dims(table(64, func(i int) float32 { return f(i/8, i%8) }), 8, 8)
	}
	xa, ya := at(x, 8, 0, 0), at(y, 8, 0, 0)
	mat := func(name, body string, inputs []any, outputs ...any) Case {
		return kernel(name, body, inputs, outputs...).grid(32, 1, 1).group(32, 1, 1)
	}
	xx, yy := dims(x, 8, 8), dims(y, 8, 8)
	return []Case{
		mat("matrix_load_store", "simdgroup_float8x8 m; simdgroup_load(m, a, 8); simdgroup_store(m, out, 8);", in(xx), xx),
		mat("matrix_default_stride", "simdgroup_matrix<float, 8, 8> m; simdgroup_load(m, a); simdgroup_store(m, out);", in(xx), xx),
		mat("matrix_stride_and_offset", "simdgroup_float8x8 m; simdgroup_load(m, a + 8 * 24 + 16, 24); simdgroup_store(m, out, 8);", in(dims(big, 16, 24)), square(at(big, 24, 8, 16))),
		mat("matrix_origin", "simdgroup_float8x8 m; simdgroup_load(m, a, 24, ulong2(16, 8)); simdgroup_store(m, out, 8, ulong2(0, 0));", in(dims(big, 16, 24)), square(at(big, 24, 8, 16))),
		mat("matrix_store_to_blocks", "simdgroup_float8x8 m; for (uint c = 0; c < 2; ++c) { simdgroup_load(m, a, 8); simdgroup_store(m, out, 16, ulong2(8 * c, 0)); }", in(xx),
			dims(table(128, func(i int) float32 { return x[i/16*8+i%8] }), 8, 16)),
		mat("matrix_transpose_on_load", "simdgroup_float8x8 m; simdgroup_load(m, a, 8, ulong2(0, 0), true); simdgroup_store(m, out, 8);", in(xx), square(func(r, c int) float32 { return xa(c, r) })),
		mat("matrix_transpose_on_store", "simdgroup_float8x8 m; simdgroup_load(m, a, 8); simdgroup_store(m, out, 8, ulong2(0, 0), true);", in(xx), square(func(r, c int) float32 { return xa(c, r) })),
		mat("matrix_multiply", "simdgroup_float8x8 p, q, r; simdgroup_load(p, a, 8); simdgroup_load(q, b, 8); simdgroup_multiply(r, p, q); simdgroup_store(r, out, 8);", in(xx, yy),
			square(func(r, c int) float32 { return product8(r, c, xa, ya) })),
		mat("matrix_multiply_accumulate", "simdgroup_float8x8 p, q, r; simdgroup_load(p, a, 8); simdgroup_load(q, b, 8); simdgroup_load(r, c, 8); simdgroup_multiply_accumulate(r, p, q, r); simdgroup_store(r, out, 8);", in(xx, yy, dims(big[:64], 8, 8)),
			square(func(r, c int) float32 { return product8(r, c, xa, ya) + big[r*8+c] })),
		mat("matrix_filled", "simdgroup_float8x8 r = make_filled_simdgroup_matrix<float, 8, 8>(2.5f); simdgroup_float8x8 z(0); simdgroup_float8x8 p; simdgroup_load(p, a, 8); simdgroup_multiply_accumulate(z, p, r, z); simdgroup_store(z, out, 8);", in(xx),
			square(func(r, c int) float32 { return product8(r, c, xa, func(int, int) float32 { return 2.5 }) })),
		mat("matrix_thread_elements_read", "simdgroup_float8x8 m; simdgroup_load(m, a, 8); uint l = thread_index_in_simdgroup; out[2 * l] = m.thread_elements()[0]; out[2 * l + 1] = m.thread_elements()[1];", in(xx),
			table(64, func(i int) float32 { return xa(element8(i/2, i%2)) })),
		mat("matrix_thread_elements_by_pointer", "simdgroup_float8x8 m; simdgroup_load(m, a, 8); thread float2* e = &m.thread_elements(); (*e)[0] += 1; e->y *= 2; simdgroup_store(m, out, 8);", in(xx),
			square(func(r, c int) float32 { return pick(c%2 == 0, xa(r, c)+1, xa(r, c)*2) })),
		mat("matrix_thread_elements_write", "simdgroup_float8x8 m; uint l = thread_index_in_simdgroup; m.thread_elements()[0] = 2 * l; m.thread_elements()[1] = 2 * l + 1; simdgroup_store(m, out, 8);", nil,
			square(func() func(r, c int) float32 {
				var m [8][8]float32
				for l := range 32 {
					for e := range 2 {
						r, c := element8(l, e)
						m[r][c] = float32(2*l + e)
					}
				}
				return func(r, c int) float32 { return m[r][c] }
			}())),
		mat("matrix_thread_elements_by_formula", `
ushort l = thread_index_in_simdgroup;
ushort q = l / 4;
ushort row = (q & 4) + (l / 2) % 4, col = (q & 2) * 2 + (l % 2) * 2;
simdgroup_float8x8 p, z = make_filled_simdgroup_matrix<float, 8, 8>(0.0f), r, one;
thread auto& e = p.thread_elements();
e[0] = a[row * 8 + col];
e[1] = a[row * 8 + col + 1];
simdgroup_load(one, b, 8);
simdgroup_multiply_accumulate(r, p, one, z);
out[row * 8 + col] = r.thread_elements()[0];
out[row * 8 + col + 1] = r.thread_elements()[1];`, in(xx, yy), square(func(r, c int) float32 { return product8(r, c, xa, ya) })),
		mat("matrix_thread_elements_as_vector", "simdgroup_float8x8 m; simdgroup_load(m, a, 8); float2 e = reinterpret_cast<thread float2&>(m.thread_elements()); reinterpret_cast<thread float2&>(m.thread_elements()) = e * 2; simdgroup_store(m, out, 8);", in(xx),
			square(func(r, c int) float32 { return 2 * xa(r, c) })),
		mat("matrix_of_half", "simdgroup_half8x8 p, q, r; simdgroup_load(p, a, 8); simdgroup_load(q, b, 8); simdgroup_multiply(r, p, q); simdgroup_store(r, out, 8);", in(dims(f16s(x), 8, 8), dims(f16s(y), 8, 8)),
			dims(f16s(table(64, func(i int) float32 { return product8(i/8, i%8, xa, ya) })), 8, 8)),
		mat("matrix_of_half_to_float", "simdgroup_half8x8 p, q; simdgroup_float8x8 r(0); simdgroup_load(p, a, 8); simdgroup_load(q, b, 8); for (int k = 0; k < 3; ++k) simdgroup_multiply_accumulate(r, p, q, r); simdgroup_store(r, out, 8);", in(dims(f16s(x), 8, 8), dims(f16s(y), 8, 8)),
			square(func(r, c int) float32 { return 3 * product8(r, c, xa, ya) })),
		mat("matrix_of_bfloat", "simdgroup_bfloat8x8 p, q; simdgroup_float8x8 r(0); simdgroup_load(p, a, 8); simdgroup_load(q, b, 8); simdgroup_multiply_accumulate(r, p, q, r); simdgroup_store(r, out, 8);", in(dims(bf16s(x), 8, 8), dims(bf16s(y), 8, 8)),
			square(func(r, c int) float32 { return product8(r, c, xa, ya) })),
		mat("matrix_in_threadgroup_memory", `
threadgroup float s[8 * 10];
uint l = thread_index_in_simdgroup;
for (uint j = l; j < 64; j += 32) s[j / 8 * 10 + j % 8] = a[j] * 2;
threadgroup_barrier(mem_flags::mem_threadgroup);
simdgroup_float8x8 m;
simdgroup_load(m, s, 10);
threadgroup_barrier(mem_flags::mem_threadgroup);
simdgroup_store(m, s, 8);
threadgroup_barrier(mem_flags::mem_threadgroup);
for (uint j = l; j < 64; j += 32) out[j] = s[j];`, in(xx), square(func(r, c int) float32 { return 2 * xa(r, c) })),
		kernel("matrix_of_each_simdgroup", `
uint g = simdgroup_index_in_threadgroup;
simdgroup_float8x8 p, q, acc = make_filled_simdgroup_matrix<float, 8, 8>(0);
for (uint k = 0; k < 24; k += 8) {
  simdgroup_load(p, a + (g / 2) * 8 * 24 + k, 24);
  simdgroup_load(q, b + k * 16 + (g % 2) * 8, 16);
  simdgroup_multiply_accumulate(acc, p, q, acc);
}
device float* to = out + (g / 2) * 8 * 16 + (g % 2) * 8;
simdgroup_store(acc, to, 16);`+"\n// thread_index_in_simdgroup", in(dims(big, 16, 24), dims(big, 24, 16)),
			dims(table(256, func(i int) float32 {
				s := float32(0)
				for k := range 24 {
					s += big[i/16*24+k] * big[k*16+i%16]
				}
				return s
			}), 16, 16)).grid(128, 1, 1).group(128, 1, 1),
		mat("matrix_array", "simdgroup_float8x8 m[2]; for (int j = 0; j < 2; ++j) simdgroup_load(m[j], j == 0 ? a : b, 8); simdgroup_multiply(m[0], m[0], m[1]); simdgroup_store(m[0], out, 8);", in(xx, yy),
			square(func(r, c int) float32 { return product8(r, c, xa, ya) })),
	}
}
