package lower_test

// This file implements tests of kernels whose threads work together, and of
// the kernel's parameters.

import (
	"testing"
)

func TestThreads(t *testing.T) {
	n := 64
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i + 1)
	}
	for _, c := range []struct {
		name  string
		body  string
		group int
		want  func(i int) float32
	}{
		{"attributes", `uint i = thread_position_in_grid.x; out[i] = threadgroup_position_in_grid.x * 1000 + thread_position_in_threadgroup.x * 10 + thread_index_in_simdgroup + threads_per_threadgroup.x;`, 32,
			func(i int) float32 { return float32(i/32*1000 + i%32*10 + i%32 + 32) }},
		{"assigned attribute", `uint3 p = thread_position_in_grid; thread_position_in_grid.x *= 2; out[p.x] = thread_position_in_grid.x + thread_position_in_grid.y + grid_size.x;`, 32,
			func(i int) float32 { return float32(2*i + 64) }},
		{"return", `uint i = thread_position_in_grid.x; if (i >= 40) { return; } out[i] = a[i] * 2;`, 32,
			func(i int) float32 {
				if i >= 40 {
					return 0
				}
				return x[i] * 2
			}},
		{"threadgroup memory", `
			threadgroup float s[2][32]; uint l = thread_position_in_threadgroup.x, i = thread_position_in_grid.x; s[1][l] = a[i]; s[0][31 - l] = a[i]; threadgroup float* p = s[1];
			threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = p[(l + 1) % 32] * 100 + s[0][l];`, 32,
			func(i int) float32 { return x[i/32*32+(i+1)%32]*100 + x[i/32*32+31-i%32] }},
		{"simdgroup", `
			uint i = thread_position_in_grid.x; float v = a[i]; float s = simd_sum(v); s += simd_max(v) * 2 + simd_shuffle_down(v, 1) + simd_broadcast(v, 3) + simd_prefix_inclusive_sum(v); short m = simd_min(short(i)); out[i] = s + m + (simd_is_first() ? 0.5f : 0);`, 32,
			func(i int) float32 {
				b := i / 32 * 32
				v, sum, prefix := x[i], float32(0), float32(0)
				for k := b; k < b+32; k++ {
					sum += x[k]
					if k <= i {
						prefix += x[k]
					}
				}
				down := v
				if i%32 != 31 {
					down = x[i+1]
				}
				r := sum + x[b+31]*2 + down + x[b+3] + prefix + float32(b)
				if i == b {
					r += 0.5
				}
				return r
			}},
		{"shuffles of vectors and structs", `
			struct P { float v; uchar k; bool odd; }; uint i = thread_position_in_grid.x; P p = {a[i], uchar(i), i % 2 == 1}; P q = simd_shuffle_xor(p, 1); float2 w = simd_shuffle_xor(float2(a[i], i), ushort(2)); float4 f = quad_sum(float4(1, 2, 3, a[i]));
			out[i] = q.v + q.k * 100 + q.odd * 0.5f + w.y + f.w + simd_ballot(i % 2 == 0).any();`, 32,
			func(i int) float32 {
				r := x[i^1] + float32((i^1)*100) + float32(i^2) + 1
				if i%2 == 0 {
					r += 0.5
				}
				for k := i / 4 * 4; k < i/4*4+4; k++ {
					r += x[k]
				}
				return r
			}},
		{"divergent loops", `uint i = thread_position_in_grid.x; float s = 0; for (uint k = 0; k < i; ++k) { if (k % 3 == 0) { continue; } if (k > 20) { break; } s += a[k]; } out[i] = s;`, 32,
			func(i int) float32 {
				s := float32(0)
				for k := 0; k < i; k++ {
					if k%3 == 0 {
						continue
					}
					if k > 20 {
						break
					}
					s += x[k]
				}
				return s
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := make([]float32, n)
			k := kernel{body: c.body, inputs: []any{x}, outputs: []any{got}, grid: n, group: c.group}
			k.run(t)
			for i := range got {
				if w := c.want(i); got[i] != w {
					t.Fatalf("out[%d] = %v, want %v", i, got[i], w)
				}
			}
		})
	}
}

func TestAtomics(t *testing.T) {
	counts := make([]uint32, 4)
	k := kernel{atomic: true, grid: 64, outputs: []any{counts, make([]float32, 1), make([]int32, 4)}, body: `
		uint i = thread_position_in_grid.x;
		threadgroup atomic_uint hits; threadgroup atomic<int> bins[3];
		if (i == 0) { atomic_store_explicit(&hits, 0u, memory_order_relaxed); }
		threadgroup_barrier(mem_flags::mem_threadgroup);
		atomic_fetch_add_explicit(&hits, 2u, memory_order_relaxed);
		atomic_fetch_add_explicit(&out[i % 2], 1u, memory_order_relaxed);
		atomic_fetch_add_explicit(out1, 0.5f, memory_order_relaxed);
		atomic_fetch_max_explicit(&out2[0], int(i), memory_order_relaxed);
		atomic_fetch_or_explicit(out2 + 1, 1 << (i % 8), memory_order_relaxed);
		uint seen = 0;
		while (!atomic_compare_exchange_weak_explicit(&out[2], &seen, seen + 3, memory_order_relaxed, memory_order_relaxed)) {}
		threadgroup_barrier(mem_flags::mem_threadgroup);
		if (i == 63) { uint h = atomic_load_explicit(&hits, memory_order_relaxed); uint old = atomic_exchange_explicit(&out[3], h, memory_order_relaxed); atomic_store_explicit(&out2[2], int(old + 7), memory_order_relaxed); }`}
	k.run(t)
	if want := [4]uint32{32, 32, 192, 128}; [4]uint32(counts) != want {
		t.Errorf("out = %v, want %v", counts, want)
	}
	if got := k.outputs[1].([]float32)[0]; got != 32 {
		t.Errorf("out1 = %v, want 32", got)
	}
	if got := k.outputs[2].([]int32); got[0] != 63 || got[1] != 255 || got[2] != 7 {
		t.Errorf("out2 = %v, want [63 255 7 0]", got)
	}
}

func TestMatrices(t *testing.T) {
	a, b := make([]float32, 100), make([]float32, 64)
	for i := range a {
		a[i] = float32(i%7 - 2)
	}
	for i := range b {
		b[i] = float32(i%5 - 1)
	}
	out, at, moved, fill := make([]float32, 64), make([]float32, 64), make([]float32, 64), make([]float32, 64)
	k := kernel{inputs: []any{a, b}, outputs: []any{out, at, moved, fill}, grid: 32, body: `
		simdgroup_float8x8 x, y, acc[2]; simdgroup_matrix<float, 8, 8> id(1.0f);
		simdgroup_load(x, a, 10); simdgroup_load(y, b, 8, ulong2(0, 0), false);
		acc[1] = make_filled_simdgroup_matrix<float, 8, 8>(2.0f);
		for (int i = 1; i < 2; ++i) { simdgroup_multiply_accumulate(acc[i], x, y, acc[i]); }
		acc[1].thread_elements() += 1; acc[1].thread_elements()[1] += 1;
		simdgroup_store(acc[1], out, 8);
		simdgroup_load(x, a, 10, ulong2(2, 1), true); simdgroup_store(x, out1, 8);
		simdgroup_multiply(y, x, id); simdgroup_store(y, out2, 8, 0, true);
		uint lane = thread_index_in_simdgroup; uint q = lane / 4; uint row = (q & 4) + (lane / 2) % 4, col = (q & 2) * 2 + (lane % 2) * 2;
		simdgroup_float8x8 z; z.thread_elements()[0] = row * 8 + col; z.thread_elements()[1] = row * 8 + col + 1; simdgroup_store(z, out3, 8);`}
	k.run(t)
	for r := range 8 {
		for c := range 8 {
			want := float32(3)
			if c%2 == 1 {
				want = 4
			}
			for i := range 8 {
				want += a[r*10+i] * b[i*8+c]
			}
			if out[r*8+c] != want {
				t.Fatalf("product at (%d, %d) is %v, want %v", r, c, out[r*8+c], want)
			}
			if w := a[(c+1)*10+r+2]; at[r*8+c] != w {
				t.Fatalf("transposed at (%d, %d) is %v, want %v", r, c, at[r*8+c], w)
			}
			if w := at[c*8+r]; moved[r*8+c] != w {
				t.Fatalf("stored transposed at (%d, %d) is %v, want %v", r, c, moved[r*8+c], w)
			}
			if w := float32(r*8 + c); fill[r*8+c] != w {
				t.Fatalf("elements at (%d, %d) is %v, want %v", r, c, fill[r*8+c], w)
			}
		}
	}
}

func TestParameters(t *testing.T) {
	out := make([]complex64, 3)
	k := kernel{body: `complex64_t c = a[0]; out[0] = c * b; out[1] = complex64_t(a_shape[0], a_ndim); out[2] = complex64_t(float(c.real), d ? float(e[1]) : 0.f); a_strides;
		const thread float& s = b.real; out[2].imag += s;`,
		inputs: []any{[]complex64{1 + 2i}, complex64(3 - 1i), []int8{1}, true, []uint64{1, 2, 3}}, outputs: []any{out}}
	k.run(t)
	if want := [3]complex64{(1 + 2i) * (3 - 1i), 1 + 1i, 1 + 5i}; [3]complex64(out) != want {
		t.Errorf("out = %v, want %v", out, want)
	}
}
