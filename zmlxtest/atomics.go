package zmlxtest

// This file implements the cases of atomics.

import "slices"

func atomicCases() []Case {
	const n = 300
	k := ints[int32](130, n, -1000, 1000)
	u := patterns[uint32](131, n)
	bins := ints[uint32](132, n, 0, 7)
	x := table(n, func(i int) float32 { return float32((i*29+3)%41) / 4 })
	count := func(v []uint32, from, to int) []uint32 {
		h := make([]uint32, 8)
		for _, b := range v[from:to] {
			h[b]++
		}
		return h
	}
	sum := fold(x, add[float32])
	atomicCase := func(name, body string, inputs []any, outputs ...any) Case {
		return each(name, body, inputs, outputs...).atomic().grid(n, 1, 1).group(64, 1, 1)
	}
	return []Case{
		atomicCase("atomic_float_add", "atomic_fetch_add_explicit(&out[0], a[i], memory_order_relaxed);", in(x), []float32{sum}).initial(0),
		atomicCase("atomic_float_add_to_bins", "atomic_fetch_add_explicit(out + b[i], a[i], memory_order_relaxed);", in(x, bins),
			table(8, func(k int) float32 {
				s := float32(0)
				for i, v := range x {
					s += pick(int(bins[i]) == k, v, 0)
				}
				return s
			})).initial(0),
		atomicCase("atomic_uint_histogram", "atomic_fetch_add_explicit(&out[a[i]], 1u, memory_order_relaxed);", in(bins), count(bins, 0, n)).initial(0),
		atomicCase("atomic_int_add_sub", "atomic_fetch_add_explicit(&out0[0], a[i], memory_order_relaxed); atomic_fetch_sub_explicit(&out1[0], a[i], memory_order_relaxed);", in(k),
			[]int32{100 + fold(k, add[int32])}, []int32{100 - fold(k, add[int32])}).initial(100),
		atomicCase("atomic_int_min_max", "atomic_fetch_min_explicit(&out0[0], a[i], memory_order_relaxed); atomic_fetch_max_explicit(&out1[0], a[i], memory_order_relaxed);", in(k),
			[]int32{slices.Min(k)}, []int32{slices.Max(k)}).initial(0),
		atomicCase("atomic_uint_min_max", "atomic_fetch_min_explicit(&out0[0], a[i], memory_order_relaxed); atomic_fetch_max_explicit(&out1[0], a[i], memory_order_relaxed);", in(u),
			[]uint32{min(slices.Min(u), 1<<31)}, []uint32{max(slices.Max(u), 1<<31)}).initial(1 << 31),
		atomicCase("atomic_and_or_xor", "atomic_fetch_and_explicit(&out0[0], a[i] | 0xf000f000, memory_order_relaxed); atomic_fetch_or_explicit(&out1[0], a[i] & 0x0ff0, memory_order_relaxed); atomic_fetch_xor_explicit(&out2[0], a[i], memory_order_relaxed);", in(u),
			[]uint32{0}, []uint32{fold(mapped(u, func(u uint32) uint32 { return u & 0x0ff0 }), func(x, y uint32) uint32 { return x | y })},
			[]uint32{fold(u, func(x, y uint32) uint32 { return x ^ y })}).initial(0),
		atomicCase("atomic_and_clears", "atomic_fetch_and_explicit(&out[0], ~(1u << (i % 31)), memory_order_relaxed);", nil, []uint32{1 << 31}).initial(4294967040),
		atomicCase("atomic_tickets", "uint t = atomic_fetch_add_explicit(&out0[0], 1u, memory_order_relaxed); atomic_fetch_add_explicit(&out1[t], 1u, memory_order_relaxed);", nil,
			[]uint32{n}, table(n, func(int) uint32 { return 1 })).initial(0),
		atomicCase("atomic_store_load", "atomic_store_explicit(&out0[i], a[i], memory_order_relaxed); int v = atomic_load_explicit(&out0[i], memory_order_relaxed); atomic_store_explicit(&out1[i], v * 2, memory_order_relaxed);", in(k),
			k, mapped(k, func(k int32) int32 { return 2 * k })),
		atomicCase("atomic_exchange", "uint before = atomic_exchange_explicit(&out0[0], i + 1, memory_order_relaxed); atomic_fetch_add_explicit(&out1[0], before, memory_order_relaxed); threadgroup_barrier(mem_flags::mem_device); if (i == 0) { uint last = atomic_load_explicit(&out0[0], memory_order_relaxed); atomic_fetch_add_explicit(&out1[0], last, memory_order_relaxed); atomic_store_explicit(&out0[0], 5, memory_order_relaxed); }", nil,
			[]uint32{5}, []uint32{64 * 65 / 2}).initial(0).grid(64, 1, 1),
		atomicCase("atomic_compare_exchange_loop", `
int expected = atomic_load_explicit(&out[0], memory_order_relaxed);
while (!atomic_compare_exchange_weak_explicit(&out[0], &expected, expected * 3 % 1009 + 1, memory_order_relaxed, memory_order_relaxed)) {}
`, nil, []int32{func() int32 {
			v := int32(7)
			for range n {
				v = v*3%1009 + 1
			}
			return v
		}()}).initial(7),
		atomicCase("atomic_float_max_by_exchange", `
float old = atomic_load_explicit(&out[0], memory_order_relaxed);
while (old < a[i] && !atomic_compare_exchange_weak_explicit(&out[0], &old, a[i], memory_order_relaxed, memory_order_relaxed));
`, in(x), []float32{slices.Max(x)}).initial(-1),
		atomicCase("atomic_compare_exchange_fails", "int expected = 99; bool done = atomic_compare_exchange_weak_explicit(&out0[0], &expected, 5, memory_order_relaxed, memory_order_relaxed); atomic_store_explicit(&out1[i], expected * 2 + done, memory_order_relaxed);", nil,
			[]int32{3}, table(n, func(int) int32 { return 6 })).initial(3),
		each("atomic_casts", "atomic_fetch_add_explicit((device atomic_uint*)out0 + a[i], 1u, memory_order_relaxed); device atomic_float* p = (device atomic_float*)&out1[a[i]]; atomic_fetch_add_explicit(p, 0.5f, memory_order_relaxed); atomic_fetch_max_explicit((device atomic<int>*)(out2), int(i), memory_order_relaxed);", in(bins),
			count(bins, 0, n), mapped(count(bins, 0, n), func(c uint32) float32 { return float32(c) / 2 }), []int32{n - 1}).initial(0).grid(n, 1, 1).group(64, 1, 1),
		each("atomic_threadgroup_histogram", `
threadgroup atomic_uint h[8];
uint t = thread_position_in_threadgroup.x;
if (t < 8) atomic_store_explicit(&h[t], 0u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
atomic_fetch_add_explicit(&h[a[i]], 1u, memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
if (t < 8) out[threadgroup_position_in_grid.x * 8 + t] = atomic_load_explicit(&h[t], memory_order_relaxed);`, in(bins),
			slices.Concat(count(bins, 0, 100), count(bins, 100, 200), count(bins, 200, 300))).grid(n, 1, 1).group(100, 1, 1),
		each("atomic_threadgroup_cast", `
threadgroup uint best[1];
uint t = thread_position_in_threadgroup.x;
if (t == 0) best[0] = 0;
threadgroup_barrier(mem_flags::mem_threadgroup);
atomic_fetch_max_explicit((threadgroup atomic_uint*)&best[0], a[i], memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
out[i] = best[0];`, in(u), table(n, func(i int) uint32 { return slices.Max(u[i/100*100 : i/100*100+100]) })).group(100, 1, 1),
		each("atomic_threadgroup_int", `
threadgroup atomic_int low, high;
uint t = thread_position_in_threadgroup.x;
if (t == 0) { atomic_store_explicit(&low, INT_MAX, memory_order_relaxed); atomic_store_explicit(&high, INT_MIN, memory_order_relaxed); }
threadgroup_barrier(mem_flags::mem_threadgroup);
atomic_fetch_min_explicit(&low, a[i], memory_order_relaxed);
atomic_fetch_max_explicit(&high, a[i], memory_order_relaxed);
threadgroup_barrier(mem_flags::mem_threadgroup);
out[i] = atomic_load_explicit(&high, memory_order_relaxed) - atomic_load_explicit(&low, memory_order_relaxed);`, in(k),
			table(n, func(i int) int32 {
				v := k[i/100*100 : i/100*100+100]
				return slices.Max(v) - slices.Min(v)
			})).group(100, 1, 1),
		atomicCase("atomic_in_functions", "bump(out, b[i], a[i]);", in(x, bins), table(8, func(k int) float32 {
			s := float32(0)
			for i, v := range x {
				s += pick(int(bins[i]) == k && v > 2, v, 0)
			}
			return s
		})).initial(0).header(`
void bump(device atomic<float>* to, uint at, float v) {
  if (v > 2) { atomic_fetch_add_explicit(&to[at], v, memory_order_relaxed); }
}
`),
	}
}
