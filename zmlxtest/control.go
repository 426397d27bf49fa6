package zmlxtest

// This file implements the cases of control flow, with lanes that go different
// ways.

func controlCases() []Case {
	k := ints[int32](50, 40, -6, 12)
	n := ints[uint32](51, 40, 0, 20)
	x := floats(52, 40, -2, 2)
	collatz := func(v uint32) (steps int32) {
		for ; v > 1; steps++ {
			if v%2 == 0 {
				v /= 2
			} else {
				v = 3*v + 1
			}
		}
		return steps
	}
	// 64 threads compare their neighbouring numbers with bounds, in every pair of
	// a start and a bound; some numbers wrap around. The cc device looks at these
	// more closely in kernels with barriers.
	starts, ends := pairs([]uint32{0, 5, 1<<31 - 20, 1 << 31, 1<<32 - 33, 1<<32 - 32, 1<<32 - 31, 1<<32 - 20, 1<<32 - 1},
		[]uint32{0, 1, 7, 31, 32, 33, 60, 200, 1<<31 - 7, 1 << 31, 1<<32 - 25, 1<<32 - 1})
	from, to := pairs([]int32{-1 << 31, -1<<31 + 5, -40, -1, 0, 20, 1<<31 - 64}, []int32{-1 << 31, -1<<31 + 1, -1<<31 + 33, -30, 0, 7, 50, 1<<31 - 40, 1<<31 - 1})
	return []Case{
		each("neighbours_below_bounds", `
threadgroup_barrier(mem_flags::mem_none);
for (uint u = 0; u < a_shape[0]; ++u) {
    uint j = i + a[u];
    uint n = 0;
    if (j < b[u]) { out[u * 64 + i] += 1; }
    if (b[u] > j) { out[u * 64 + i] += 2; } else { out[u * 64 + i] += 4; }
    if (j >= b[u]) { out[u * 64 + i] += 8; }
    if (b[u] <= j) { out[u * 64 + i] += 16; }
    if (j <= b[u]) { out[u * 64 + i] += 32; }
    if (b[u] < j) { out[u * 64 + i] += 64; }
    for (uint k = i + a[u]; k < min(b[u], 200u); k += 64) { ++n; }
    out[u * 64 + i] += n * 128;
}`, in(starts, ends), table(len(starts)*64, func(i int) uint32 {
			j, n := starts[i/64]+uint32(i%64), ends[i/64]
			r := pick[uint32](j < n, 3, 28) + pick[uint32](j <= n, 32, 64)
			for ; j < min(n, 200); j += 64 {
				r += 128
			}
			return r
		})).grid(64, 1, 1).group(64, 1, 1).initial(0),
		each("signed_neighbours_below_bounds", `
threadgroup_barrier(mem_flags::mem_none);
for (uint u = 0; u < a_shape[0]; ++u) {
    int j = int(i) + a[u];
    if (j < b[u]) { out[u * 64 + i] += 1; }
    if (b[u] > j) { out[u * 64 + i] += 2; }
    if (j >= b[u]) { out[u * 64 + i] += 4; }
    if (b[u] <= j) { out[u * 64 + i] += 8; }
}`, in(from, to), table(len(from)*64, func(i int) uint32 {
			return pick[uint32](from[i/64]+int32(i%64) < to[i/64], 3, 12)
		})).grid(64, 1, 1).group(64, 1, 1).initial(0),
		each("if_else_chain", "if (a[i] < 0) out[i] = -1; else if (a[i] == 0) { out[i] = 0; } else if (a[i] < 5) out[i] = 1; else out[i] = 2;", in(k),
			mapped(k, func(k int32) int32 {
				switch {
				case k < 0:
					return -1
				case k == 0:
					return 0
				case k < 5:
					return 1
				}
				return 2
			})),
		each("for_sum", "int s = 0; for (uint j = 1; j <= a[i]; ++j) s += j * j; out[i] = s;", in(n),
			mapped(n, func(n uint32) int32 { return int32(n * (n + 1) * (2*n + 1) / 6) })),
		each("for_forms", "int s = 0; int j = 0; for (; j < 5;) { s += j; j += 2; } for (int p = 0, q = 10; p < q; p++, q--) s += q - p; for (uint u = a[i]; u-- > 0;) s += u; for (;;) { if (++s % 7 == 0) break; } out[i] = s;", in(n),
			mapped(n, func(n uint32) int32 {
				s := 0 + 2 + 4 + (10 + 8 + 6 + 4 + 2) + int32(n)*(int32(n)-1)/2
				return (s/7 + 1) * 7
			})),
		each("for_condition_assigns", "uint step, turns = 0, x = 1, seen = 0; for (uint j = 0; (step = 1, j < 4); j += step) { step = a[i] % 3 + 1; turns++; } for (uint j = 0; (seen = (x + 1) * 2, j < 1); ++j) x = a[i]; bool late = false; for (uint j = 0; j < 3; ++j) if (a[i] > j * 5) late = j > 1; out[i] = (turns * 1000 + seen) * (late ? -1 : 1);", in(n),
			mapped(n, func(n uint32) int32 {
				turns := 4 / (int32(n)%3 + 1)
				if n%3 == 2 {
					turns = 2
				}
				return (turns*1000 + (int32(n)+1)*2) * pick[int32](n > 10, -1, 1)
			})),
		each("while_collatz", "uint v = a[i] + 1; int steps = 0; while (v > 1) { v = v % 2 == 0 ? v / 2 : 3 * v + 1; ++steps; } out[i] = steps;", in(n),
			mapped(n, func(n uint32) int32 { return collatz(n + 1) })),
		each("do_while_digits", "uint v = a[i] * 37; int digits = 0; do { v /= 10; digits++; } while (v != 0); out[i] = digits;", in(n),
			mapped(n, func(n uint32) int32 {
				return pick[int32](n*37 < 10, 1, pick[int32](n*37 < 100, 2, 3))
			})),
		each("break_and_continue", "int s = 0; for (int j = 0; j < 20; ++j) { if (j % 3 == 0) continue; if (j > a[i]) break; s += j; } out[i] = s;", in(k),
			mapped(k, func(k int32) int32 {
				s := int32(0)
				for j := int32(1); j <= k; j++ {
					s += j * pick[int32](j%3 == 0, 0, 1)
				}
				return s
			})),
		each("continue_in_while", "int s = 0; int j = 0; while (j < 10) { ++j; if ((j + a[i]) % 2 == 0) continue; s += j; } int m = 0; do { if (++m == 3) continue; s += 100; } while (m < 4); out[i] = s;", in(n),
			mapped(n, func(n uint32) int32 { return 300 + pick[int32](n%2 == 0, 1+3+5+7+9, 2+4+6+8+10) })),
		each("break_leaves_inner_loop", "int s = 0; for (int r = 0; r < 4; ++r) { for (int c = 0; c < 10; ++c) { if (c > r + (int)a[i] % 3) break; s++; } s += 100; } out[i] = s;", in(n),
			mapped(n, func(n uint32) int32 {
				s := int32(400)
				for r := range int32(4) {
					s += min(10, r+int32(n%3)+1)
				}
				return s
			})),
		each("early_return", "out[i] = 1; if (a[i] < 0) return; out[i] = 2; for (int j = 0; j < 5; ++j) { if (j == a[i]) { out[i] = 10 + j; return; } } out[i] = 3;", in(k),
			mapped(k, func(k int32) int32 { return pick(k < 0, 1, pick(k < 5, 10+k, 3)) })),
		each("return_from_function", "out[i] = first_power(a[i]) + sign_of(b[i]);", in(n, k),
			zipped(n, k, func(n uint32, k int32) int32 {
				p := int32(1)
				for p < int32(n) {
					p *= 2
				}
				return p + pick[int32](k < 0, -100, pick[int32](k > 0, 100, 0))
			})).header(`
int first_power(int n) { for (int p = 1;; p *= 2) { if (p >= n) return p; } }
int sign_of(int k) { if (k < 0) return -100; if (k > 0) { return 100; } else { return 0; } }
`),
		each("switch_cases", "int r; switch (a[i]) { case -1: r = 10; break; case 0: case 1: r = 20; break; case 2: { int t = 5; r = t * 6; break; } default: r = 99; } out[i] = r;", in(k),
			mapped(k, func(k int32) int32 {
				switch k {
				case -1:
					return 10
				case 0, 1:
					return 20
				case 2:
					return 30
				}
				return 99
			})),
		each("switch_falls_through", "int r = 0; switch (a[i] & 3) { case 3: r += 1000; case 2: r += 100; case 1: r += 10; break; case 0: r = 7; } out[i] = r;", in(k),
			mapped(k, func(k int32) int32 { return []int32{7, 10, 110, 1110}[(k+8)%4] })),
		each("switch_in_loop", "int s = 0; for (int j = 0; j < 12; ++j) { switch ((j + a[i]) % 4) { case 0: continue; case 1: s += 1; break; case 3: s += 10; break; } s += 100; } out[i] = s;", in(n),
			mapped(n, func(n uint32) int32 { return 3 + 30 + 900 })),
		each("switch_default_in_middle", "int r = 1; switch (a[i]) { case 1: r = 2; break; default: r *= 5; case 3: r += 3; } out[i] = r;", in(k),
			mapped(k, func(k int32) int32 { return pick[int32](k == 1, 2, pick[int32](k == 3, 4, 8)) })),
		each("ternary_chain", "out[i] = a[i] < -1 ? 1.5f : a[i] < 0 ? 2.5f : a[i] < 1 ? 3.5f : 4.5f;", in(x),
			mapped(x, func(x float32) float32 {
				return pick[float32](x < -1, 1.5, pick[float32](x < 0, 2.5, pick[float32](x < 1, 3.5, 4.5)))
			})),
		each("short_circuit", "int c = 0; bool p = a[i] > 0 && ++c > 0; bool q = a[i] > 3 || (c += 10) > 0; bool r = (a[i] < 0 || c++ > 100) && (c += 100); out[i] = c * 8 + p * 4 + q * 2 + r;", in(k),
			mapped(k, func(k int32) int32 {
				c := pick[int32](k > 0, 1, 0) + pick[int32](k > 3, 0, 10)
				r := int32(0)
				if k < 0 {
					c, r = c+100, 1
				} else {
					c++
				}
				return c*8 + pick[int32](k > 0, 4, 0) + 2 + r
			})),
		each("short_circuit_guards_memory", "out[i] = (i > 0 && a[i - 1] < a[i]) + ((i + 1 < 40 && a[i + 1] < a[i]) ? 2 : 0);", in(k),
			table(40, func(i int) int32 {
				return pick[int32](i > 0 && k[max(i-1, 0)] < k[i], 1, 0) + pick[int32](i < 39 && k[min(i+1, 39)] < k[i], 2, 0)
			})),
		each("ternary_evaluates_one_side", "int c = 0; int v = a[i] > 0 ? (c += 1, 5) : (c += 10, 6); out[i] = c * 10 + v;", in(k),
			mapped(k, func(k int32) int32 { return pick[int32](k > 0, 15, 106) })),
		each("lanes_diverge_and_join", "int s = 0; if (i % 2) { for (uint j = 0; j < i; ++j) s += 2; } else { uint j = i; while (j > 0) { s += 3; j--; if (s > 50) break; } } s += i; out[i] = s;", nil,
			table(70, func(i int) int32 {
				return pick(i%2 == 1, int32(2*i), min(int32(3*i), 51)) + int32(i)
			})),
		each("nested_returns", "for (int r = 0; r < 3; ++r) { for (int c = 0; c < 3; ++c) { if (r * 3 + c == a[i]) { out[i] = r * 10 + c; return; } } } out[i] = -1;", in(k),
			mapped(k, func(k int32) int32 { return pick(k >= 0 && k < 9, k/3*10+k%3, -1) })),
		each("side_effects_in_conditions", "int v = a[i]; int c = 0; while (v-- > 0 && c < 5) c++; if (int t = v + 3) c += t; out[i] = c;", in(k),
			mapped(k, func(k int32) int32 {
				var c, v int32
				switch {
				case k <= 0:
					c, v = 0, k-1
				case k <= 5:
					c, v = k, pick[int32](k == 5, -1, -1)
				default:
					c, v = 5, k-6
				}
				return c + v + 3
			})),
		each("ternary_of_variables", "int p = 1, q = 2; (a[i] > 0 ? p : q) = 10; (a[i] > 3 ? p : q) += 5; out[i] = p * 100 + q;", in(k),
			mapped(k, func(k int32) int32 {
				return pick[int32](k > 3, 1500, pick[int32](k > 0, 1000, 100)) + pick[int32](k > 3, 2, pick[int32](k > 0, 7, 15))
			})),
		each("side_effects_happen_once", "int v[3] = {0, 0, 0}; int j = 0; v[j++] += a[i]; v[j++] -= 3; v[j]++; int x, y, z; x = y = z = j; x += y -= 2; out[i] = v[0] * 100 + v[1] * 10 + v[2] + x * 1000 + z;", in(k),
			mapped(k, func(k int32) int32 { return k*100 - 30 + 1 + 2000 + 2 })),
		each("continue_in_do_while_false", "int s = 0; for (int j = 0; j < 3; ++j) { do { if (j == int(a[i] % 3)) continue; s += 10; } while (0); s++; } out[i] = s;", in(n),
			mapped(n, func(uint32) int32 { return 23 })),
		each("local_array_where_index_fits", "int h[8]; for (uint j = 0; j < 8; ++j) h[j] = j * j + i; uint k = a[i] * 100000000u; if (a[i] < 8) k = a[i]; int s = -1; if (k < 8) s = h[k] * 100 + h[7 - k]; out[i] = s;", in(n),
			table(40, func(i int) int32 {
				k, j := int32(n[i]), int32(i)
				return pick(k < 8, (k*k+j)*100+(7-k)*(7-k)+j, -1)
			})),
		each("local_array_in_loop", "int h[5] = {0, 0, 0, 0, 0}; for (uint j = 0; j <= i; ++j) h[a[j] % 5]++; out[i] = h[0] * 10000 + h[1] * 1000 + h[2] * 100 + h[3] * 10 + h[4];", in(n[:9]),
			table(9, func(i int) int32 {
				s := int32(0)
				for _, v := range n[:i+1] {
					s += []int32{10000, 1000, 100, 10, 1}[v%5]
				}
				return s
			})),
	}
}
