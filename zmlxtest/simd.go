package zmlxtest

// This file implements the cases of the functions of simdgroups and quads:
// with a last simdgroup that is not full, and in divergent flow, where only the
// active lanes count.

import (
	"fmt"
	"math/bits"
	"slices"
)

// The launch of these cases: 100 threads in groups of 40, so that simdgroups
// have 32, 8, 32, 8 and 20 lanes.
const (
	simdThreads = 100
	simdGroup   = 40
)

// lanes returns the threads of thread i's team of width lanes, and i's lane.
func lanes(i, width int) (first, n, lane int) {
	group := i / simdGroup * simdGroup
	size := min(simdGroup, simdThreads-group)
	first = group + (i-group)/width*width
	return first, min(width, group+size-first), i - first
}

// byTeam returns, for every thread, f of the values of its team and its lane.
func byTeam[A, R any](x []A, width int, f func(v []A, lane int) R) []R {
	return table(simdThreads, func(i int) R {
		first, n, lane := lanes(i, width)
		return f(x[first:first+n], lane)
	})
}

// byActive is byTeam among the lanes that take the same way as the thread.
func byActive[A, R any](x []A, way []bool, width int, f func(v []A, lane int) R) []R {
	return table(simdThreads, func(i int) R {
		first, n, _ := lanes(i, width)
		var v []A
		at := 0
		for j := first; j < first+n; j++ {
			if j == i {
				at = len(v)
			}
			if way[j] == way[i] {
				v = append(v, x[j])
			}
		}
		return f(v, at)
	})
}

func fold[A any](v []A, f func(x, y A) A) A {
	r := v[0]
	for _, e := range v[1:] {
		r = f(r, e)
	}
	return r
}

func add[T integer | float32](x, y T) T { return x + y }
func times[T integer | float32](x, y T) T {
	return x * y
}

// teamCases are the cases that simdgroups and quads have in common.
func teamCases(prefix string, width int) []Case {
	// Whole numbers and powers of two, so that no order of adding or
	// multiplying rounds.
	x := table(simdThreads, func(i int) float32 { return float32((i*29+3)%41) - 20 })
	p := table(simdThreads, func(i int) float32 { return []float32{1, 2, 0.5, -1, 1, -2, -0.5, 1}[(i*5+i/8)%8] })
	k := table(simdThreads, func(i int) int32 { return int32((i*31+5)%201) - 100 })
	u := patterns[uint32](120, simdThreads)
	odd := table(simdThreads, func(i int) bool { return (i*7/3)%2 == 1 })
	sum := func(v []float32, _ int) float32 { return fold(v, add[float32]) }
	const lane = "uint first = 0, lane = %[1]s, n = 0; { uint t = thread_index_in_threadgroup; first = t / %[2]d * %[2]d; n = min(%[2]du, threads_per_threadgroup.x - first); }\n"
	index := map[int]string{32: "thread_index_in_simdgroup", 4: "thread_index_in_quadgroup"}[width]
	at := fmt.Sprintf(lane, index, width)
	team := func(name, body string, inputs []any, outputs ...any) Case {
		return each(prefix+name, replacePrefix(body, prefix), inputs, outputs...).group(simdGroup, 1, 1)
	}
	return []Case{
		team("sum", "out0[i] = @sum(a[i]); out1[i] = @sum(b[i]); out2[i] = @sum(c[i]);", in(x, k, u), byTeam(x, width, sum),
			byTeam(k, width, func(v []int32, _ int) int32 { return fold(v, add[int32]) }),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return fold(v, add[uint32]) })),
		team("sum_of_half_and_bfloat", "out0[i] = @sum(a[i]); out1[i] = @sum(b[i]);", in(f16s(x), bf16s(mapped(x, func(x float32) float32 { return float32(int(x) % 4) }))),
			f16s(byTeam(x, width, sum)),
			bf16s(byTeam(mapped(x, func(x float32) float32 { return float32(int(x) % 4) }), width, sum))),
		team("product", "out[i] = @product(a[i]);", in(p), byTeam(p, width, func(v []float32, _ int) float32 { return fold(v, times[float32]) })),
		team("min_max", "out0[i] = @min(a[i]); out1[i] = @max(a[i]); out2[i] = @min(b[i]); out3[i] = @max(c[i]); out4[i] = @max(b[i]); out5[i] = @min(c[i]);", in(x, k, u),
			byTeam(x, width, func(v []float32, _ int) float32 { return slices.Min(v) }),
			byTeam(x, width, func(v []float32, _ int) float32 { return slices.Max(v) }),
			byTeam(k, width, func(v []int32, _ int) int32 { return slices.Min(v) }),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return slices.Max(v) }),
			byTeam(k, width, func(v []int32, _ int) int32 { return slices.Max(v) }),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return slices.Min(v) })),
		team("and_or_xor", "out0[i] = @and(a[i]); out1[i] = @or(a[i]); out2[i] = @xor(a[i]);", in(u),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return fold(v, func(x, y uint32) uint32 { return x & y }) }),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return fold(v, func(x, y uint32) uint32 { return x | y }) }),
			byTeam(u, width, func(v []uint32, _ int) uint32 { return fold(v, func(x, y uint32) uint32 { return x ^ y }) })),
		team("prefix_sums", "out0[i] = @prefix_inclusive_sum(a[i]); out1[i] = @prefix_exclusive_sum(a[i]); out2[i] = @prefix_exclusive_sum(b[i]);", in(x, k),
			byTeam(x, width, func(v []float32, l int) float32 { return fold(v[:l+1], add[float32]) }),
			byTeam(x, width, func(v []float32, l int) float32 { return fold(append([]float32{0}, v[:l]...), add[float32]) }),
			byTeam(k, width, func(v []int32, l int) int32 { return fold(append([]int32{0}, v[:l]...), add[int32]) })),
		team("prefix_products", "out0[i] = @prefix_inclusive_product(a[i]); out1[i] = @prefix_exclusive_product(a[i]);", in(p),
			byTeam(p, width, func(v []float32, l int) float32 { return fold(v[:l+1], times[float32]) }),
			byTeam(p, width, func(v []float32, l int) float32 { return fold(append([]float32{1}, v[:l]...), times[float32]) })),
		team("broadcast", "out0[i] = @broadcast(a[i], 3); out1[i] = @broadcast_first(a[i]); out2[i] = @broadcast(b[i], 1u);", in(x, k),
			byTeam(x, width, func(v []float32, _ int) float32 { return v[3] }),
			byTeam(x, width, func(v []float32, _ int) float32 { return v[0] }),
			byTeam(k, width, func(v []int32, _ int) int32 { return v[1] })),
		team("shuffle", at+"out[i] = @shuffle(a[i], ushort((lane * 3 + 1) % n));", in(x),
			byTeam(x, width, func(v []float32, l int) float32 { return v[(l*3+1)%len(v)] })),
		team("shuffle_up", at+"float v = @shuffle_up(a[i], 2); out[i] = lane >= 2 ? v : 1000;", in(x),
			byTeam(x, width, func(v []float32, l int) float32 { return pick(l >= 2, v[max(l-2, 0)], 1000) })),
		team("shuffle_down", at+"float v = @shuffle_down(a[i], 3); out[i] = lane + 3 < n ? v : 1000;", in(x),
			byTeam(x, width, func(v []float32, l int) float32 { return pick(l+3 < len(v), v[min(l+3, len(v)-1)], 1000) })),
		team("shuffle_xor", "out0[i] = @shuffle_xor(a[i], 1); out1[i] = @shuffle_xor(b[i], 3);", in(x, k),
			byTeam(x, width, func(v []float32, l int) float32 { return v[l^1] }),
			byTeam(k, width, func(v []int32, l int) int32 { return v[l^3] })),
		team("vote", "out0[i] = @all(a[i] < 20); out1[i] = @any(a[i] > 18); out2[i] = ulong(@ballot(a[i] > 0)); out3[i] = @is_first(); out4[i] = ulong(@active_threads_mask());", in(x),
			byTeam(x, width, func(v []float32, _ int) bool { return slices.Max(v) < 20 }),
			byTeam(x, width, func(v []float32, _ int) bool { return slices.Max(v) > 18 }),
			byTeam(x, width, func(v []float32, _ int) uint64 {
				m := uint64(0)
				for j, e := range v {
					m += pick[uint64](e > 0, 1, 0) << j
				}
				return m
			}),
			byTeam(x, width, func(_ []float32, l int) bool { return l == 0 }),
			byTeam(x, width, func(v []float32, _ int) uint64 { return 1<<len(v) - 1 })),
		team("sum_in_branches", "if (b[i]) out[i] = @sum(a[i]); else out[i] = -@sum(a[i] * 2);", in(x, odd),
			zipped(byActive(x, odd, width, sum), odd, func(s float32, o bool) float32 { return pick(o, s, -2*s) })),
		team("prefix_in_branches", "out[i] = 7; if (b[i]) out[i] = @prefix_exclusive_sum(a[i]) + 100 * @max(a[i]);", in(x, odd),
			zipped(byActive(x, odd, width, func(v []float32, l int) float32 {
				return fold(append([]float32{0}, v[:l]...), add[float32]) + 100*slices.Max(v)
			}), odd, func(s float32, o bool) float32 { return pick(o, s, 7) })),
		team("vote_in_branches", "ulong m = 0; bool f = false; int v = 0; if (b[i]) { m = ulong(@active_threads_mask()); f = @is_first(); v = @broadcast_first(a[i]); } out0[i] = popcount(m); out1[i] = f; out2[i] = v;", in(k, odd),
			zipped(byActive(k, odd, width, func(v []int32, _ int) int32 { return int32(len(v)) }), odd, func(n int32, o bool) int32 { return pick(o, n, 0) }),
			zipped(byActive(k, odd, width, func(_ []int32, l int) bool { return l == 0 }), odd, func(f, o bool) bool { return f && o }),
			zipped(byActive(k, odd, width, func(v []int32, _ int) int32 { return v[0] }), odd, func(n int32, o bool) int32 { return pick(o, n, 0) })),
		team("of_vectors", "float2 v = float2(a[i], 1); float2 s = @sum(v); float2 w = @shuffle_xor(v, 1); out[i] = s.x + s.y * 1000 + w.x;", in(x),
			byTeam(x, width, func(v []float32, l int) float32 {
				return fold(v, add[float32]) + float32(1000*len(v)) + v[l^1]
			})),
	}
}

// replacePrefix puts a prefix such as simd_ for each @ of a body.
func replacePrefix(body, prefix string) string {
	var out []byte
	for i := range len(body) {
		if body[i] == '@' {
			out = append(out, prefix...)
		} else {
			out = append(out, body[i])
		}
	}
	return string(out)
}

func simdCases() []Case {
	x := table(simdThreads, func(i int) float32 { return float32((i*29+3)%41) - 20 })
	w := floats(121, 64, -1, 1)
	n64 := patterns[uint64](122, simdThreads)
	steps := table(64, func(i int) int32 { return int32(i*13+5)%37 - 9 })
	distances := []uint32{0, 1, 13, 31, 32, 33, 7, 65535}
	// What a move by a distance that all lanes share gives, where from is the lane asked.
	shared := func(from func(lane, k int) int) []uint32 {
		takesPart := func(i int) bool { return i%5 != 3 || i < 128 }
		return table(256, func(i int) uint32 {
			at := from(i%32, int(distances[i/32]))
			if at < 0 || at >= 32 || !takesPart(i) || !takesPart(i/32*32+at) {
				at = i % 32
			}
			return uint32(i/32*32+at) * 7
		})
	}
	return append(teamCases("simd_", 32),
		each("simd_rotate", "out0[i] = simd_shuffle_rotate_down(a[i], 5); out1[i] = simd_shuffle_rotate_up(a[i], 3);", in(w),
			table(64, func(i int) float32 { return w[i/32*32+(i+5)%32] }), table(64, func(i int) float32 { return w[i/32*32+(i+29)%32] })).group(64, 1, 1),
		each("simd_fill", "out0[i] = simd_shuffle_and_fill_up(a[i], b[i], 5); out1[i] = simd_shuffle_and_fill_down(a[i], b[i], 5);", in(w, mapped(w, func(x float32) float32 { return x + 100 })),
			table(64, func(i int) float32 { return pick(i%32 >= 5, w[max(i-5, 0)], w[i/32*32+(i+27)%32]+100) }),
			table(64, func(i int) float32 { return pick(i%32 < 27, w[min(i+5, 63)], w[i/32*32+(i+5)%32]+100) })).group(64, 1, 1),
		each("simd_fill_modulo", "out0[i] = simd_shuffle_and_fill_up(a[i], b[i], 3, 8); out1[i] = simd_shuffle_and_fill_down(a[i], b[i], 3, 8);", in(w, mapped(w, func(x float32) float32 { return x + 100 })),
			table(64, func(i int) float32 { return pick(i%8 >= 3, w[max(i-3, 0)], w[i/8*8+(i+5)%8]+100) }),
			table(64, func(i int) float32 { return pick(i%8 < 5, w[min(i+3, 63)], w[i/8*8+(i+3)%8]+100) })).group(64, 1, 1),
		each("simd_shuffles_of_every_type", `
out0[i] = simd_shuffle_xor(a[i], 1); out1[i] = simd_shuffle_xor(half(b[i]), 1); out2[i] = simd_shuffle_xor(b[i] > 0, 1); out3[i] = simd_shuffle_xor(uchar(a[i]), 1);
out4[i] = simd_shuffle_xor(bfloat(b[i]), 1); out5[i] = simd_shuffle_xor(complex64_t(b[i], 1), 1); out6[i] = simd_shuffle_xor(short(b[i]), 1);`, in(n64, x),
			table(100, func(i int) uint64 { return n64[i^1] }), f16s(table(100, func(i int) float32 { return x[i^1] })),
			table(100, func(i int) bool { return x[i^1] > 0 }), table(100, func(i int) uint8 { return uint8(n64[i^1] % 256) }),
			bf16s(table(100, func(i int) float32 { return x[i^1] })), table(100, func(i int) complex64 { return complex(x[i^1], 1) }),
			table(100, func(i int) int16 { return int16(x[i^1]) })).group(simdGroup, 1, 1),
		each("simd_butterfly", "float v = a[i]; for (ushort d = 16; d > 0; d /= 2) v += simd_shuffle_xor(v, d); out[i] = v;", in(mapped(x[:64], func(x float32) float32 { return x })),
			table(64, func(i int) float32 { return fold(x[i/32*32:i/32*32+32], add[float32]) })).group(32, 1, 1),
		each("simd_reduction_down", "float v = a[i]; for (uint d = 16; d > 0; d >>= 1) v += simd_shuffle_down(v, d); if (thread_index_in_simdgroup == 0) out[i / 32] = v;", in(x[:64]),
			[]float32{fold(x[:32], add[float32]), fold(x[32:64], add[float32])}).grid(64, 1, 1).group(64, 1, 1),
		each("simd_rows_of_a_2d_group", "uint2 p = thread_position_in_grid.xy; out[p.y * 32 + p.x] = simd_sum(a[p.y * 32 + p.x]) + simdgroup_index_in_threadgroup;", in(x[:96]),
			table(96, func(i int) float32 { return fold(x[i/32*32:i/32*32+32], add[float32]) + float32(i/32) })).grid(32, 3, 1).group(32, 3, 1),
		each("simd_in_loop_with_leaving_lanes", "int s = 0; for (int j = 0; j < int(i % 5); ++j) s += simd_sum(1); out[i] = s;", nil,
			table(64, func(i int) int32 {
				s := int32(0)
				for j := range i % 5 {
					for l := i / 32 * 32; l < i/32*32+32; l++ {
						s += pick[int32](l%5 > j, 1, 0)
					}
				}
				return s
			})).group(32, 1, 1),
		each("simd_after_some_returned", "out[i] = -1; if (i % 3 == 0) return; out[i] = simd_sum(int(i));", nil,
			table(64, func(i int) int32 {
				s := int32(0)
				for l := i / 32 * 32; l < i/32*32+32; l++ {
					s += pick(l%3 == 0, 0, int32(l))
				}
				return pick(i%3 == 0, -1, s)
			})).group(32, 1, 1),
		each("simd_ballot_compacts", "bool keep = a[i] > 0; ulong m = ulong(simd_ballot(keep)); uint before = popcount(m & ((1ul << thread_index_in_simdgroup) - 1)); out[i] = keep ? int(before) : -1;", in(x[:64]),
			table(64, func(i int) int32 {
				m := uint32(0)
				for l := i / 32 * 32; l < i; l++ {
					m |= pick[uint32](x[l] > 0, 1, 0) << (l % 32)
				}
				return pick(x[i] > 0, int32(bits.OnesCount32(m)), -1)
			})).group(32, 1, 1),
		// Distances that all lanes share, in and out of range; some lanes take no part.
		each("simd_shuffles_by_a_shared_distance", `
uint k = a[i / 32]; uint v = i * 7; out0[i] = v; out1[i] = v; out2[i] = v; out3[i] = v; out4[i] = v; out5[i] = v;
if (i % 5 != 3 || i < 128) {
  out0[i] = simd_shuffle_up(v, ushort(k)); out1[i] = simd_shuffle_down(v, ushort(k)); out2[i] = simd_shuffle_xor(v, ushort(k));
  out3[i] = simd_shuffle(v, ushort(k)); out4[i] = simd_shuffle_rotate_up(v, ushort(k)); out5[i] = simd_shuffle_rotate_down(v, ushort(k));
}`, in(distances),
			shared(func(lane, k int) int { return lane - k }), shared(func(lane, k int) int { return lane + k }), shared(func(lane, k int) int { return lane ^ k }),
			shared(func(_, k int) int { return k }), shared(func(lane, k int) int { return (lane - k) & 31 }), shared(func(lane, k int) int { return (lane + k) & 31 })).group(64, 1, 1),
		each("simd_shuffles_by_constants", `
int v = a[i]; out0[i] = simd_shuffle_up(v, 3) + simd_shuffle_down(v, 9) * 100; out1[i] = simd_shuffle_xor(v, 21) + simd_broadcast(v, 17) * 100;
int s = v; for (ushort d = 1; d < 32; d *= 2) { int b = simd_shuffle_up(s, d); if (thread_index_in_simdgroup >= d) { s += b; } } out2[i] = s;`, in(steps),
			table(64, func(i int) int32 {
				return steps[pick(i%32 >= 3, max(i-3, 0), i)] + 100*steps[pick(i%32 < 23, min(i+9, 63), i)]
			}),
			table(64, func(i int) int32 { return steps[i/32*32+(i%32^21)] + 100*steps[i/32*32+17] }),
			table(64, func(i int) int32 { return fold(steps[i/32*32:i+1], add[int32]) })).group(64, 1, 1),
		each("simd_prefix_sums_of_integers", "uint u = uint(a[i]) * 0x9e3779b9u; out0[i] = simd_prefix_inclusive_sum(a[i]); out1[i] = simd_prefix_inclusive_sum(u); out2[i] = simd_prefix_exclusive_sum(u);", in(steps),
			table(64, func(i int) int32 { return fold(steps[i/32*32:i+1], add[int32]) }),
			table(64, func(i int) uint32 { return uint32(fold(steps[i/32*32:i+1], add[int32])) * 0x9e3779b9 }),
			table(64, func(i int) uint32 {
				s := int32(0)
				for _, v := range steps[i/32*32 : i] {
					s += v
				}
				return uint32(s) * 0x9e3779b9
			})).group(64, 1, 1),
		// What a simdgroup shares, but not the threadgroup.
		each("simd_branches_and_loops_of_whole_simdgroups", `
uint g = i / 32, t = i % 32; int n = a[g], s = 0;
for (int j = 0; j < n; ++j) { if (j == 4) { break; } if (j == 1) { continue; } s += j + int(t); }
if (g % 2 == 1) { s += 1000; if (n > 3) { out[i] = -s; return; } } else { s -= b[n]; }
out[i] = s + simd_max(n);`, in([]int32{3, 2, 0, 7, 5, 1, 4, 6}, table(8, func(i int) int32 { return int32(10 * i) })),
			table(256, func(i int) int32 {
				n := []int32{3, 2, 0, 7, 5, 1, 4, 6}[i/32]
				s := int32(0)
				for j := int32(0); j < n && j < 4; j++ {
					s += pick(j == 1, 0, j+int32(i%32))
				}
				if i/32%2 == 1 {
					return pick(n > 3, -(s + 1000), s+1000+n)
				}
				return s - 10*n + n
			})).group(128, 1, 1),
		each("simd_positions_in_rows_of_simdgroups", `
uint row = i / 96, column = i % 96; size_t r = size_t(i) / 32; uint q = i >> 6, m = i & 63;
out0[i] = int(row * 1000 + column); out1[i] = a[r] + a[q] * 100; out2[i] = int(m) + a[i / 192] * 100;`, in(table(12, func(i int) int32 { return int32(i*5 + 1) })),
			table(384, func(i int) int32 { return int32(i/96*1000 + i%96) }),
			table(384, func(i int) int32 { return int32(i/32*5+1) + int32(i/64*5+1)*100 }),
			table(384, func(i int) int32 { return int32(i%64) + int32(i/192*5+1)*100 })).group(96, 1, 1),
		each("simd_vote_types", "simd_vote v = simd_ballot(a[i] > 0); ulong m = (simd_vote::vote_t)v; simd_vote::vote_t w = static_cast<simd_vote::vote_t>(simd_ballot(true)); out[i] = popcount(m) + (v.any() ? 100 : 0) + (v.all() ? 1000 : 0) + popcount(w) * 10000;", in(x[:64]),
			table(64, func(i int) int32 {
				n := int32(0)
				for _, v := range x[i/32*32 : i/32*32+32] {
					n += pick[int32](v > 0, 1, 0)
				}
				return n + pick[int32](n > 0, 100, 0) + pick[int32](n == 32, 1000, 0) + 320000
			})).group(32, 1, 1),
		each("simd_max_with_nan_and_infinity", "out0[i] = simd_max(a[i]); out1[i] = simd_min(a[i]);", in([]float32{1, -inf, 3, nan, inf, 2, nan, 0}),
			table(8, func(int) float32 { return inf }), table(8, func(int) float32 { return -inf })).group(8, 1, 1),
	)
}

func quadCases() []Case {
	x := table(64, func(i int) float32 { return float32((i*29+3)%41) - 20 })
	return append(teamCases("quad_", 4),
		each("quad_rotate", "out0[i] = quad_shuffle_rotate_down(a[i], 1); out1[i] = quad_shuffle_rotate_up(a[i], 1);", in(x),
			table(64, func(i int) float32 { return x[i/4*4+(i+1)%4] }), table(64, func(i int) float32 { return x[i/4*4+(i+3)%4] })).group(32, 1, 1),
		each("quad_fill", "out0[i] = quad_shuffle_and_fill_up(a[i], a[i] + 100, 1); out1[i] = quad_shuffle_and_fill_down(a[i], a[i] + 100, 1);", in(x),
			table(64, func(i int) float32 { return pick(i%4 >= 1, x[max(i-1, 0)], x[i/4*4+3]+100) }),
			table(64, func(i int) float32 { return pick(i%4 < 3, x[min(i+1, 63)], x[i/4*4]+100) })).group(32, 1, 1),
	)
}
