package zmlxtest

// This file implements the cases of threadgroup memory and barriers.

import (
	"math"
	"slices"
)

func threadgroupCases() []Case {
	x := table(96, func(i int) float32 { return float32((i*37 + 11) % 101) })
	k := table(96, func(i int) int32 { return int32((i*53 + 7) % 97) })
	y := floats(110, 128, 0, 1)
	sum := func(v []float32) (s float32) {
		for _, f := range v {
			s += f
		}
		return s
	}
	const barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);\n"
	const local = "uint t = thread_position_in_threadgroup.x;\n"
	return []Case{
		each("tg_reverses_groups", local+"threadgroup float s[32]; s[t] = a[i];\n"+barrier+"out[i] = s[31 - t];", in(x),
			table(96, func(i int) float32 { return x[i/32*32+31-i%32] })).group(32, 1, 1),
		each("tg_tree_reduction", local+`
threadgroup float s[32];
s[t] = a[i];
`+barrier+`for (uint n = 16; n > 0; n /= 2) {
  if (t < n) s[t] += s[t + n];
  `+barrier+`}
if (t == 0) out[threadgroup_position_in_grid.x] = s[0];`, in(x),
			[]float32{sum(x[:32]), sum(x[32:64]), sum(x[64:])}).grid(96, 1, 1).group(32, 1, 1),
		each("tg_simdgroups_that_return", local+`
threadgroup float s[128];
uint g = t / 32;
float base = a[g];
for (uint j = 0; j < g; ++j) { base += 0.5f; }
s[t] = base + float(t);
`+barrier+`if (g == 2) { out[i] = -1; return; }
float v = base;
for (uint j = 0; j <= g; ++j) { v += s[j * 32 + t % 32]; }
out[i] = v;`, in(x[:4]),
			table(128, func(i int) float32 {
				g := i / 32
				own := func(g int) float32 { return x[g] + float32(g)/2 }
				v := own(g)
				for j := range g + 1 {
					v += own(j) + float32(j*32+i%32)
				}
				return pick(g == 2, -1, v)
			})).group(128, 1, 1),
		each("tg_partial_group", local+`
threadgroup float s[64];
uint n = threads_per_threadgroup.x;
s[t] = a[i];
`+barrier+`float sum = 0;
for (uint j = 0; j < n; ++j) sum += s[j];
out[i] = sum;`, in(x),
			table(96, func(i int) float32 { return pick(i < 64, sum(x[:64]), sum(x[64:])) })).group(64, 1, 1),
		each("tg_scan_with_barriers_in_loop", local+`
threadgroup int s[2][48];
int from = 0;
s[0][t] = a[i];
`+barrier+`for (uint d = 1; d < 48; d *= 2) {
  s[1 - from][t] = s[from][t] + (t >= d ? s[from][t - d] : 0);
  from = 1 - from;
  `+barrier+`}
out[i] = s[from][t];`, in(k),
			table(96, func(i int) int32 {
				s := int32(0)
				for j := i / 48 * 48; j <= i; j++ {
					s += k[j]
				}
				return s
			})).group(48, 1, 1),
		kernel("tg_transposes_tiles", `
threadgroup float tile[8][9];
uint2 p = thread_position_in_grid.xy, t = thread_position_in_threadgroup.xy, g = threadgroup_position_in_grid.xy;
tile[t.y][t.x] = a[p.y * 16 + p.x];
threadgroup_barrier(mem_flags::mem_threadgroup);
out[(g.x * 8 + t.y) * 8 + g.y * 8 + t.x] = tile[t.x][t.y];`, in(dims(y, 8, 16)),
			dims(table(128, func(i int) float32 { return y[i%8*16+i/8] }), 16, 8)).grid(16, 8, 1).group(8, 8, 1),
		kernel("tg_matrix_product", `
threadgroup float sa[4][4], sb[4][4];
uint2 p = thread_position_in_grid.xy, t = thread_position_in_threadgroup.xy;
float acc = 0;
for (uint k0 = 0; k0 < 12; k0 += 4) {
  sa[t.y][t.x] = a[p.y * 12 + k0 + t.x];
  sb[t.y][t.x] = b[(k0 + t.y) * 8 + p.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
  for (uint k = 0; k < 4; ++k) acc += sa[t.y][k] * sb[k][t.x];
  threadgroup_barrier(mem_flags::mem_threadgroup);
}
out[p.y * 8 + p.x] = acc;`, in(dims(x, 8, 12), dims(x, 12, 8)),
			dims(table(64, func(i int) float32 {
				s := float32(0)
				for j := range 12 {
					s += x[i/8*12+j] * x[j*8+i%8]
				}
				return s
			}), 8, 8)).grid(8, 8, 1).group(4, 4, 1),
		each("tg_scalar", local+"threadgroup float best; if (t == 5) best = a[i];\n"+barrier+"out[i] = a[i] - best;", in(x),
			table(96, func(i int) float32 { return x[i] - x[i/16*16+5] })).group(16, 1, 1),
		each("tg_of_several_types", local+`
threadgroup half h[16]; threadgroup uchar c[16]; threadgroup bool f[16]; threadgroup float4 v[16]; threadgroup long n[16];
h[t] = a[i]; c[t] = t; f[t] = a[i] > 50; v[t] = float4(a[i], 1, 2, 3); n[t] = long(t) << 33;
`+barrier+`uint o = 15 - t;
out[i] = h[o] + c[o] + f[o] + v[o].x + v[o].w + (n[o] >> 33);`, in(x),
			table(96, func(i int) float32 {
				o := i/16*16 + 15 - i%16
				return 2*x[o] + 2*float32(15-i%16) + pick[float32](x[o] > 50, 1, 0) + 3
			})).group(16, 1, 1),
		each("tg_in_uniform_branches", local+`
threadgroup float s[32];
if (threadgroup_position_in_grid.x % 2 == 0) {
  s[t] = a[i];
  `+barrier+`  out[i] = s[t ^ 1];
} else {
  out[i] = -a[i];
}`, in(x), table(96, func(i int) float32 { return pick(i/32%2 == 0, x[i^1], -x[i]) })).group(32, 1, 1),
		each("tg_barrier_in_function", local+"threadgroup float s[32]; out[i] = swapped(s, a[i], t);", in(x),
			table(96, func(i int) float32 { return x[i^3] })).group(32, 1, 1).header(`
float swapped(threadgroup float* s, float v, uint t) {
  s[t] = v;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  return s[t ^ 3];
}
`),
		each("tg_bitonic_sort", local+`
threadgroup int s[32];
s[t] = a[i];
`+barrier+`for (uint n = 2; n <= 32; n *= 2) {
  for (uint d = n / 2; d > 0; d /= 2) {
    uint o = t ^ d;
    if (o > t) {
      bool up = (t & n) == 0;
      int p = s[t], q = s[o];
      if ((p > q) == up) { s[t] = q; s[o] = p; }
    }
    `+barrier+`  }
}
out[i] = s[t];`, in(k),
			slices.Concat(slices.Sorted(slices.Values(k[:32])), slices.Sorted(slices.Values(k[32:64])), slices.Sorted(slices.Values(k[64:])))).group(32, 1, 1),
		each("tg_barrier_orders_device_memory", local+"out[i] = a[i]; threadgroup_barrier(mem_flags::mem_device); float v = out[i ^ 1]; threadgroup_barrier(mem_flags::mem_device); out[i] = v;", in(x),
			table(96, func(i int) float32 { return x[i^1] })).group(32, 1, 1),
		each("tg_barrier_mem_none_waits", local+"threadgroup float s[32]; s[t] = a[i]; threadgroup_barrier(mem_flags::mem_none); out[i] = s[31 - t];", in(x),
			table(96, func(i int) float32 { return x[i/32*32+31-i%32] })).group(32, 1, 1).
			remark("a barrier with mem_none promises nothing about memory, although every device orders it"),
		each("tg_barrier_of_both_flags", local+"threadgroup float s[32]; s[t] = a[i]; threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device); out[i] = s[t ^ 2];", in(x),
			table(96, func(i int) float32 { return x[i^2] })).group(32, 1, 1),
		each("tg_simdgroup_barrier", local+"threadgroup float s[32]; s[t] = a[i]; simdgroup_barrier(mem_flags::mem_threadgroup); out[i] = s[31 - t];", in(x),
			table(96, func(i int) float32 { return x[i/32*32+31-i%32] })).group(32, 1, 1),
		each("tg_reduction_across_simdgroups", `
threadgroup float partial[32];
uint lane = thread_index_in_simdgroup, sg = simdgroup_index_in_threadgroup;
float s = simd_sum(a[i]);
if (lane == 0) partial[sg] = s;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (sg == 0) {
  float p = lane < simdgroups_per_threadgroup ? partial[lane] : 0;
  p = simd_sum(p);
  if (lane == 0) partial[0] = p;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
out[i] = partial[0];`, in(x), table(96, func(int) float32 { return sum(x) })).group(96, 1, 1),
		each("tg_softmax_of_rows", local+`
threadgroup float s[32];
float v = a[i];
s[t] = v;
`+barrier+`float m = -INFINITY;
for (uint j = 0; j < 32; ++j) m = max(m, s[j]);
`+barrier+`float e = exp((v - m) / 16);
s[t] = e;
`+barrier+`float z = 0;
for (uint j = 0; j < 32; ++j) z += s[j];
out[i] = e / z;`, in(dims(x, 3, 32)),
			dims(table(96, func(i int) float32 {
				row := x[i/32*32 : i/32*32+32]
				z := 0.0
				for _, v := range row {
					z += math.Exp(float64(v-slices.Max(row)) / 16)
				}
				return float32(math.Exp(float64(x[i]-slices.Max(row))/16) / z)
			}), 3, 32)).grid(96, 1, 1).group(32, 1, 1).within(3e-6, 0),
		each("tg_full_size", local+"threadgroup float s[8192]; for (uint j = 0; j < 64; ++j) s[j * 128 + t] = j + a[i % 96];\n"+barrier+"out[i] = s[(63 - i % 64) * 128 + 127 - t];", in(x),
			table(128, func(i int) float32 { return float32(63-i%64) + x[(127-i)%96] })).group(128, 1, 1),
		each("tg_counts_after_others_return", local+"threadgroup int s[96]; out[i] = -1; int c = 0; for (int j = 0; j < 10; ++j) { if (t >= 32 && j == 3) return; c++; } s[t] = a[i];\n"+barrier+"out[i] = c + s[31 - t];", in(k),
			table(96, func(i int) int32 { return pick(i < 32, 10+k[max(31-i, 0)], -1) })).group(96, 1, 1).
			remark("a barrier waits for no thread that has returned, on every device, although Metal does not promise it"),
		each("tg_variable_of_last_turn", local+"threadgroup float s[32]; float last; float sum = 0; for (int j = 0; j < 4; ++j) { if (j > 0) sum += last; last = a[i] + j; s[t] = sum;\n"+barrier+"} out[i] = sum + s[31 - t];", in(x),
			table(96, func(i int) float32 { return 3*x[i] + 3 + 3*x[i/32*32+31-i%32] + 3 })).group(32, 1, 1),
		each("tg_1024_threads", "uint t = thread_index_in_threadgroup; threadgroup uint s[1024]; s[t] = t * 3;\n"+barrier+"out[t] = s[1023 - t];", nil,
			table(1024, func(i int) uint32 { return uint32(1023-i) * 3 })).grid(16, 8, 8).group(16, 8, 8),
	}
}
