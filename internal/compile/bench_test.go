package compile

// This file implements the benchmark of compiling: a body of 100 lines, as
// long as a fused attention or normalisation kernel is.

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

const benchHeader = `
#include <metal_stdlib>
using namespace metal;

template <typename T>
inline float silu(T v) { return float(v) / (1.0f + metal::exp(-float(v))); }

struct Running { float top; float sum; };

inline Running merge(Running a, Running b) {
    Running r;
    r.top = max(a.top, b.top);
    r.sum = a.sum * exp(a.top - r.top) + b.sum * exp(b.top - r.top);
    return r;
}
`

// benchSource is a gated row normalisation with a streaming softmax and a
// quantised store: 100 lines.
const benchSource = `uint row = threadgroup_position_in_grid.x;
uint lid = thread_position_in_threadgroup.x;
uint lane = thread_index_in_simdgroup;
uint simd = simdgroup_index_in_threadgroup;
uint threads = threads_per_threadgroup.x;
uint simds = (threads + 31) / 32;
const int columns = x_shape[1];
const int blocks = (columns + BLOCK - 1) / BLOCK;
device T* result = out + row * columns;
auto xs = x + row * columns;
auto gs = gate + row * columns;

threadgroup float squares[32];
threadgroup float tops[32];
threadgroup float sums[32];

// First pass: the root of the mean of squares.
float square = 0.0f;
for (int i = int(lid); i < columns; i += int(threads)) {
    float v = float(xs[i]);
    square = fma(v, v, square);
}
square = simd_sum(square);
if (lane == 0) {
    squares[simd] = square;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
if (simd == 0) {
    float v = lane < simds ? squares[lane] : 0.0f;
    v = simd_sum(v);
    if (lane == 0) {
        squares[0] = v;
    }
}
threadgroup_barrier(mem_flags::mem_threadgroup);
const float scale = rsqrt(squares[0] / float(columns) + eps);

// Second pass: the softmax's maximum and sum, streamed.
Running state;
state.top = -INFINITY;
state.sum = 0.0f;
for (int b = 0; b < blocks; ++b) {
    int i = b * BLOCK + int(lid);
    if (i >= columns || int(lid) >= BLOCK) {
        continue;
    }
    float v = float(xs[i]) * scale * float(w[i]);
    if (GATED) {
        v *= silu(gs[i]);
    }
    Running next;
    next.top = v;
    next.sum = 1.0f;
    if (state.sum == 0.0f) {
        state = next;
    } else {
        state = merge(state, next);
    }
}
float top = simd_max(state.top);
float part = state.sum == 0.0f ? 0.0f : state.sum * exp(state.top - top);
part = simd_sum(part);
if (lane == 0) {
    tops[simd] = top;
    sums[simd] = part;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float rowTop = -INFINITY;
for (uint s = 0; s < simds; ++s) {
    rowTop = max(rowTop, tops[s]);
}
float rowSum = 0.0f;
for (uint s = 0; s < simds; ++s) {
    rowSum += sums[s] == 0.0f ? 0.0f : sums[s] * exp(tops[s] - rowTop);
}

// Third pass: write, and count what is large.
uint large = 0;
for (int i = int(lid) * 4; i < columns; i += int(threads) * 4) {
    float4 v = float4(0.0f);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        int at = min(i + k, columns - 1);
        v[k] = float(xs[at]) * scale * float(w[at]);
        if (GATED) {
            v[k] *= silu(gs[at]);
        }
    }
    v = exp(v - rowTop) / rowSum;
    for (int k = 0; k < 4 && i + k < columns; ++k) {
        result[i + k] = T(v[k]);
        if (v[k] > 0.5f) {
            large++;
        }
    }
}
large = simd_sum(large);
if (lane == 0 && large > 0) {
    counts[row * simds + simd] = int(large);
}
`

func compileBench() (*Result, error) {
	k := signature.Kernel{
		Name: "gated", InputNames: []string{"x", "gate", "w", "eps"}, OutputNames: []string{"out", "counts"},
		Source: benchSource, Header: benchHeader, EnsureRowContiguous: true,
	}
	in := []signature.Input{
		{DType: dtype.Float16, Shape: []int{64, 4096}}, {DType: dtype.Float16, Shape: []int{64, 4096}},
		{DType: dtype.Float16, Shape: []int{4096}}, {DType: dtype.Float32},
	}
	return Kernel(k, in, []dtype.DType{dtype.Float16, dtype.Int32}, []signature.TemplateArg{
		{Name: "T", DType: dtype.Float16},
		{Name: "BLOCK", Kind: signature.IntArg, Int: 256},
		{Name: "GATED", Kind: signature.BoolArg, Bool: true},
	})
}

func TestBenchKernel(t *testing.T) {
	if n := strings.Count(benchSource, "\n"); n < 100 {
		t.Errorf("the body has %d lines", n)
	}
	r, err := compileBench()
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Warnings) > 0 {
		t.Errorf("%s", r.Set.Format(r.Warnings[0]))
	}
}

// BenchmarkCompile goes from text to verified ir.
func BenchmarkCompile(b *testing.B) {
	b.SetBytes(int64(len(benchHeader) + len(benchSource)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compileBench(); err != nil {
			b.Fatal(err)
		}
	}
}
