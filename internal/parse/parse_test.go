package parse

import (
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

func parseBody(header, body string, cfg Config) (*Tree, *source.List) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	var h *source.File
	if header != "" {
		h = set.Add("t (header)", header)
	}
	return Kernel(set, h, set.Add("t", body), cfg, errs), errs
}

var attrs = []string{
	"dispatch_threads_per_threadgroup", "grid_origin", "grid_size", "thread_position_in_grid",
	"thread_position_in_threadgroup", "threadgroup_position_in_grid", "threadgroups_per_grid", "threads_per_grid",
	"threads_per_threadgroup", "dispatch_quadgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup",
	"quadgroup_index_in_threadgroup", "quadgroups_per_threadgroup", "simdgroup_index_in_threadgroup",
	"simdgroups_per_threadgroup", "thread_execution_width", "thread_index_in_quadgroup",
	"thread_index_in_simdgroup", "thread_index_in_threadgroup", "threads_per_simdgroup",
}

func TestSmoke(t *testing.T) {
	tr, errs := parseBody(`#include <metal_stdlib>
#define SQ(x) ((x)*(x))
using namespace metal;
template <typename T, int N> inline T foo(const device T* p, thread float (&a)[4]) { T s = 0; for (int i = 0; i < N; ++i) s += p[i]; return s; }
struct S { float a; int b[3]; S(float x) : a(x) {} float get() const thread { return a; } operator float() const { return a; } static constexpr constant int K = 3; };
constant float table[3] = {1.0f, 2, .5h};
`, `
uint i = thread_position_in_grid.x, j = 3;
threadgroup float sh[32][4];
auto p = (const device float4*)(x + i);
if (i >= N) return;
vec<float, 4> v(1.0f); T y = T(3), z = (T)x[i];
float q = foo<T, 4>(x, a) + SQ(1 + i) + metal::fast::exp(-q) + as_type<float>(3u) + numeric_limits<float>::max();
if (a < b && c > d) { } else if (a < b) ; else { y++; }
atomic_fetch_add_explicit((device atomic_float*)&out[i], 1.f, memory_order_relaxed);
switch (i) { case 0: case 1: y = 1; break; default: y = x >> 2; }
S s{1.0f}; float m = max<float>(1, 2);
auto f = [&](int k) -> int { return k >> 1; };
threadgroup_barrier(mem_flags::mem_threadgroup | mem_flags::mem_device);
for (uint k = 0, l = 1; k < 4; k++, l <<= 1) out[k] = k;
typedef decltype(out[0] + out[0]) OutT;
x >>= 2; vec<vec<int,2>,3> nn; do { y--; } while (y > 0);
`, Config{Types: []string{"T"}, Values: append(attrs, "N", "x", "out")})
	t.Log(Print(tr))
	if err := errs.Err(); err != nil {
		t.Error(err)
	}
}
