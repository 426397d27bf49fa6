package zmlxtest_test

// This file implements tests of the checked mode on two races of a kind that
// published kernels have, in kernels of our own: a buffer of one reduction is
// used again by the next while slower simdgroups still read it. Run in
// lockstep the kernels give what they should, so that only checks show it.

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// lossSource is a divergence of two rows of logits. A maximum is reduced over
// the simdgroups, then, in the same memory, a sum; %s are the barriers, and the
// one that is missing where the memory changes hands.
const lossSource = `
constexpr int N = 128;
threadgroup float shared[32];
uint row = threadgroup_position_in_grid.x;
uint t = thread_position_in_threadgroup.x;
uint sg = simdgroup_index_in_threadgroup;
uint lane = thread_index_in_simdgroup;
auto p = a + row * D;
auto q = b + row * D;

float m = -INFINITY;
for (int j = t; j < D; j += N) m = max(m, p[j]);
m = simd_max(m);
if (lane == 0) shared[sg] = m;
threadgroup_barrier(%[1]s);
m = simd_max(lane < N / 32 ? shared[lane] : -INFINITY);
%[2]s
float z = 0, s = 0;
for (int j = t; j < D; j += N) {
  float e = exp(p[j] - m);
  z += e;
  s += e * (p[j] - q[j]);
}
z = simd_sum(z);
s = simd_sum(s);
if (lane == 0) {
  shared[sg] = z;
  shared[16 + sg] = s;
}
threadgroup_barrier(%[1]s);
if (t == 0) {
  float zs = 0, ss = 0;
  for (int j = 0; j < N / 32; ++j) {
    zs += shared[j];
    ss += shared[16 + j];
  }
  out[row] = ss / zs;
}
`

// normSource normalises a group to mean 0 and variance 1; both are reduced
// through the same memory, whose first element holds each result.
const normSource = `
threadgroup float shared_sums[8];
uint t = thread_position_in_threadgroup.x;
uint sg = simdgroup_index_in_threadgroup;
uint lane = thread_index_in_simdgroup;
auto x = a + threadgroup_position_in_grid.x * D;
float total = 0;
for (int j = t; j < D; j += 128) total += x[j];
total = simd_sum(total);
if (lane == 0) shared_sums[sg] = total;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (t == 0) {
  float all = 0;
  for (int j = 0; j < 4; ++j) all += shared_sums[j];
  shared_sums[0] = all / D;
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float mean = shared_sums[0];
%s
float square = 0;
for (int j = t; j < D; j += 128) square += (x[j] - mean) * (x[j] - mean);
square = simd_sum(square);
if (lane == 0) shared_sums[sg] = square;
threadgroup_barrier(mem_flags::mem_threadgroup);
if (t == 0) {
  float all = 0;
  for (int j = 0; j < 4; ++j) all += shared_sums[j];
  shared_sums[0] = rsqrt(all / D + 1e-5f);
}
threadgroup_barrier(mem_flags::mem_threadgroup);
float scale = shared_sums[0];
for (int j = t; j < D; j += 128) out[threadgroup_position_in_grid.x * D + j] = (x[j] - mean) * scale;
`

const (
	fence   = "mem_flags::mem_threadgroup"
	barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"
	wildD   = 300
)

// lineOf returns the number of the line that holds text, the nth such line.
func lineOf(t *testing.T, source, text string, nth int) int {
	t.Helper()
	for i, line := range strings.Split(source, "\n") {
		if strings.Contains(line, text) {
			if nth--; nth == 0 {
				return i + 1
			}
		}
	}
	t.Fatalf("the source has no line with %q", text)
	return 0
}

func wave(n int, step float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(3 * math.Sin(step*float64(i*i%977)))
	}
	return v
}

func check(t *testing.T, k zmlx.Kernel, l zmlx.Launch, inputs ...*zmlx.Array) *zmlx.CheckReport {
	t.Helper()
	m, err := zmlx.Compile(k)
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Check(t.Context(), l, inputs...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantRace looks for a race on a buffer between a write and a read, at the
// lines of both.
func wantRace(t *testing.T, r *zmlx.CheckReport, buffer string, write, read int) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Code == "Race" && f.Buffer == buffer && f.Line == write &&
			strings.Contains(f.Text, fmt.Sprintf("%s:%d:", r.Kernel, read)) && len(f.Lanes) >= 2 && !f.Warning {
			return
		}
	}
	t.Errorf("no race on %s between the write in line %d and the read in line %d:\n%v", buffer, write, read, r)
}

func TestReductionBufferReused(t *testing.T) {
	const rows = 3
	p, q := wave(rows*wildD, 0.7), wave(rows*wildD, 1.3)
	want := make([]float32, rows)
	for row := range want {
		z, s := 0.0, 0.0
		for j := row * wildD; j < (row+1)*wildD; j++ {
			e := math.Exp(float64(p[j]))
			z += e
			s += e * (float64(p[j]) - float64(q[j]))
		}
		want[row] = float32(s / z)
	}
	l := zmlx.Launch{
		Template: []zmlx.TemplateArg{{Name: "D", Value: wildD}}, Grid: [3]int{rows * 128, 1, 1}, Threadgroup: [3]int{128, 1, 1},
		OutputShapes: [][]int{{rows}}, OutputDTypes: []zmlx.DType{zmlx.Float32},
	}
	run := func(source string) *zmlx.CheckReport {
		k := zmlx.Kernel{Name: "loss", InputNames: []string{"a", "b"}, OutputNames: []string{"out"}, Source: source}
		r := check(t, k, l, zmlx.FromSlice(p, rows, wildD), zmlx.FromSlice(q, rows, wildD))
		zmlxtest.AllClose(t, r.Outputs[0], want, 1e-5, 1e-5)
		return r
	}
	good := fmt.Sprintf(lossSource, fence, barrier)
	if r := run(good); !r.OK() {
		t.Errorf("the right kernel: %v", r)
	}
	for _, flags := range []string{fence, "mem_flags::mem_none"} {
		bad := fmt.Sprintf(lossSource, flags, "")
		r := run(bad)
		wantRace(t, r, "shared", lineOf(t, bad, "shared[sg] = z", 1), lineOf(t, bad, "shared[lane]", 1))
		if len(r.Findings) != 1 {
			t.Errorf("%d findings, want the race only:\n%v", len(r.Findings), r)
		}
	}
	// The flags alone: every device orders memory at each barrier, but Metal
	// does not promise it.
	none := fmt.Sprintf(lossSource, "mem_flags::mem_none", barrier)
	r := run(none)
	if len(r.Findings) > 0 {
		t.Errorf("mem_none alone: %v", r)
	}
	if line := lineOf(t, none, "mem_none", 1); len(r.Warnings) == 0 || r.Warnings[0].Code != "LintBarrierFlags" || r.Warnings[0].Line != line {
		t.Errorf("no LintBarrierFlags for line %d:\n%v", line, r)
	}
}

func TestResultOverwrittenByNextReduction(t *testing.T) {
	const groups = 2
	x := wave(groups*wildD, 0.9)
	want := make([]float32, len(x))
	for g := range groups {
		v := x[g*wildD : (g+1)*wildD]
		mean, square := 0.0, 0.0
		for _, f := range v {
			mean += float64(f) / wildD
		}
		for _, f := range v {
			square += (float64(f) - mean) * (float64(f) - mean) / wildD
		}
		for j, f := range v {
			want[g*wildD+j] = float32((float64(f) - mean) / math.Sqrt(square+1e-5))
		}
	}
	l := zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "D", Value: wildD}}, Grid: [3]int{groups * 128, 1, 1}, Threadgroup: [3]int{128, 1, 1}}
	run := func(source string) *zmlx.CheckReport {
		k := zmlx.Kernel{Name: "groupnorm", InputNames: []string{"a"}, OutputNames: []string{"out"}, Source: source}
		r := check(t, k, l, zmlx.FromSlice(x, groups, wildD))
		zmlxtest.AllClose(t, r.Outputs[0], want, 1e-5, 2e-5)
		return r
	}
	if r := run(fmt.Sprintf(normSource, barrier)); !r.OK() {
		t.Errorf("the right kernel: %v", r)
	}
	bad := fmt.Sprintf(normSource, "")
	r := run(bad)
	wantRace(t, r, "shared_sums", lineOf(t, bad, "shared_sums[sg] = square", 1), lineOf(t, bad, "mean = shared_sums[0]", 1))
	if len(r.Findings) != 1 {
		t.Errorf("%d findings, want the race only:\n%v", len(r.Findings), r)
	}
}

// One simdgroup needs no barrier between its own simd functions.
func TestReductionOfOneSimdgroupIsNoRace(t *testing.T) {
	source := strings.ReplaceAll(fmt.Sprintf(normSource, ""), "128", "32")
	source = strings.ReplaceAll(source, "j < 4", "j < 1")
	k := zmlx.Kernel{Name: "groupnorm", InputNames: []string{"a"}, OutputNames: []string{"out"}, Source: source}
	l := zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "D", Value: wildD}}, Grid: [3]int{32, 1, 1}, Threadgroup: [3]int{32, 1, 1}}
	if r := check(t, k, l, zmlx.FromSlice(wave(wildD, 0.9))); !r.OK() {
		t.Error(r)
	}
}
