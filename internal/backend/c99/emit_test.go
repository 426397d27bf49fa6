package c99

// This file implements the tests of the emitter as such: what it sees of a
// kernel, and what it refuses.

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	sig "github.com/zmlx-go/zmlx/internal/signature"
)

// kernel compiles a body with the inputs a, floats, and k, uints, and the
// output out, floats.
func kernel(t *testing.T, body string) *ir.Func {
	t.Helper()
	r, err := compile.Kernel(sig.Kernel{
		Name: "test", InputNames: []string{"a", "k"}, OutputNames: []string{"out"}, EnsureRowContiguous: true,
		Source: "uint i = thread_position_in_grid.x;\nuint t = thread_position_in_threadgroup.x;\n" + body,
	}, []sig.Input{{DType: dtype.Float32, Shape: []int{4096}}, {DType: dtype.Uint32, Shape: []int{4096}}}, []dtype.DType{dtype.Float32}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.Func
}

// whole returns the text for simdgroups whose threads are all active and lie in
// line.
func whole(t *testing.T, body string) string {
	t.Helper()
	u, err := Emit(kernel(t, body))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(u.Text, "void "+u.Entry+"(")
	_, text, ok := strings.Cut(text, "if (straight && count == 32")
	text, _, found := strings.Cut(text, "lx[32]")
	if !ok || !found {
		t.Fatalf("no text for whole simdgroups in:\n%s", u.Text)
	}
	return text
}

// gathers reports whether lanes compute addresses of their own.
func gathers(text string) bool {
	inLanes := false
	for line := range strings.Lines(text) {
		switch line = strings.TrimSpace(line); {
		case line == "LANES {":
			inLanes = true
		case line == "}":
			inLanes = false
		case inLanes && strings.Contains(line, " *q_"):
			return true
		}
	}
	return false
}

func TestSideBySide(t *testing.T) {
	bodies := map[string]string{
		"elementwise":        "out[i] = a[i] * 2;",
		"offset":             "out[i + 3] = a[i + 5];",
		"int index":          "int j = i; out[j] = a[j];",
		"ulong index":        "ulong j = i; out[j] = a[j + 1];",
		"pointer":            "auto p = a + i; for (int j = 0; j < 4; ++j, p += 32) out[i] = p[0];",
		"loop over a row":    "uint row = threadgroup_position_in_grid.x; float s = 0; for (uint j = t; j < 100; j += 32) s += a[row * 100 + j]; out[i] = s;",
		"row by int":         "int row = threadgroup_position_in_grid.x; float s = 0; for (int j = t; j < 100; j += 32) s += a[(long)row * 100 + j]; out[i] = s;",
		"rows of simdgroups": "ulong row = i / 96, c = i % 96; out[row * 100 + c] = a[k[row] * 100ul + c];",
		"row of the grid":    "uint2 p = thread_position_in_grid.xy; out[p.y * 64ul + p.x] = a[(p.y + 1) * 64ul + p.x];",
		"in a branch":        "uint j = i + k[0]; if (j < k[1]) { auto p = a + j; out[i] = p[1]; }",
		"array by pointer":   "float v[40]; for (int u = 0; u < int(k[0]); ++u) { thread float* p = v + u; *p = a[i]; } out[i] = v[k[1]];",
		"part of a tile":     "out[(t / 64) * 64 + t % 64] = a[t & 127];",
	}
	for name, body := range bodies {
		text, _, _ := strings.Cut(whole(t, body), "else {") // what is written for some lanes
		if gathers(text) {
			t.Errorf("%s: lanes compute addresses of their own in\n%s", name, text)
		}
	}
	if text := whole(t, "out[i] = a[k[i]];"); !gathers(text) {
		t.Errorf("no address depends on the lane in\n%s", text)
	}
}

// What a simdgroup shares is computed once for all its lanes, and branches on it
// are branches.
func TestSharedBySimdgroup(t *testing.T) {
	for name, body := range map[string]string{
		"row":       "float x = a[i / 32]; if (x > 0) { x = exp(x); } else { x = log(-x); } out[i] = x;",
		"reduction": "float s = simd_sum(a[i]); while (s > 1) { s /= 2; } out[i] = s;",
		"ballot":    "uint n = 0; for (uint m = uint(ulong(simd_ballot(a[i] > 0))); m != 0; m &= m - 1) { n += k[ctz(m)]; } out[i] = n;",
		"lane":      "float x = simd_broadcast(a[i], 7); int n = 0; while (x > n) { ++n; } out[i] = n;",
	} {
		if text := whole(t, body); strings.Contains(text, "live_") || strings.Contains(text, "? ~0u") || strings.Contains(text, "~m_") {
			t.Errorf("%s: lanes part in\n%s", name, text)
		}
	}
	if text := whole(t, "float x = simd_broadcast(a[i], k[i]); int n = 0; while (x > n) { ++n; } out[i] = n;"); !strings.Contains(text, "live_") {
		t.Errorf("lanes do not part in\n%s", text)
	}
}

// Values that wrap around are not widened as if they did not.
func TestWrappedValuesWiden(t *testing.T) {
	for _, body := range []string{
		"ulong j = i * 1664525u; out[i] = j;",
		"int j = int(i * 1664525u + 7); out[i] = long(j) + 1;",
	} {
		if text := whole(t, body); !strings.Contains(text, "int64_t)(") {
			t.Errorf("no lane widens a value of its own in\n%s", text)
		}
	}
}

func TestRefusals(t *testing.T) {
	refused := map[string]string{
		"barrier of some threads": "if (a[i] > 0) { threadgroup_barrier(mem_flags::mem_threadgroup); } out[i] = 1;",
		"working memory":          "float big[100000]; for (uint j = 0; j < 100000; ++j) big[j] = a[j % 4096]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = big[k[i]];",
	}
	var first, last strings.Builder // a loop between them, so that all values are kept
	for j := range 13000 {
		fmt.Fprintf(&first, "float x%d = a[k[i] + %d];\n", j, j%100)
		fmt.Fprintf(&last, "out[i] += x%d;\n", j)
	}
	refused["stack"] = first.String() + "out[i] = 0; for (uint j = 0; j < k[i]; ++j) out[i] += 1;\n" + last.String()
	for name, body := range refused {
		if _, err := Emit(kernel(t, body)); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%s: error %v, want ErrUnsupported", name, err)
		}
	}
}

func TestScratch(t *testing.T) {
	for _, c := range []struct {
		body      string
		least, at int
	}{
		{"out[i] = a[i];", 0, 0},
		{"threadgroup float s[37]; s[t % 37] = a[i]; out[i] = s[0];", 148, 192},
		{"float x = a[k[i]]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = x;", 4096, 16 << 10},
	} {
		u, err := Emit(kernel(t, c.body))
		if err != nil {
			t.Fatal(err)
		}
		if u.Scratch < c.least || u.Scratch > c.at {
			t.Errorf("%d bytes of working memory, want %d to %d, for %s", u.Scratch, c.least, c.at, c.body)
		}
	}
}

// Memory is asked for before it is needed: on along a row, at the next row by
// the first and the last loop that read a row, or where simdgroups share a row at the next threadgroup's.
func TestAsksAhead(t *testing.T) {
	row := "uint row = threadgroup_position_in_grid.x; float s = 0; for (uint j = t; j < k[0]; j += %s) s += a[row * k[0] + j]; "
	again := "for (uint j = t; j < k[0]; j += %s) out[row * k[0] + j] = a[row * k[0] + j] * s;"
	for _, c := range []struct {
		name, body, by string
		times, asks    int
	}{
		{"along rows", fmt.Sprintf(row+"out[i] = s;", "32"), "zm_new_walk(", 1, 2},
		{"along rows, then again", fmt.Sprintf(row+again, "32", "32"), "zm_new_row(", 1, 4},
		{"three times", fmt.Sprintf(row+row[strings.Index(row, "for"):]+again, "32", "32", "32"), "zm_new_row(", 1, 4},
		{"short rows", "out[i] = simd_sum(a[i]);", "zm_rows_ahead(", 1, 2},
		{"rows of a threadgroup", "threadgroup float sums[256]; " + fmt.Sprintf(row, "256") + "sums[t] = s; threadgroup_barrier(mem_flags::mem_threadgroup); s = sums[0]; " + fmt.Sprintf(again, "256"), "zm_next_group(", 1, 4},
		{"two loads of a threadgroup", "threadgroup float sums[256]; sums[t] = a[i] + a[i + 4096]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = sums[255 - t] + a[i];", "zm_next_group(", 2, 6},
		{"the same for all", "threadgroup float sums[256]; sums[t] = a[t]; threadgroup_barrier(mem_flags::mem_threadgroup); out[i] = sums[255 - t];", "__builtin_prefetch", 0, 0},
	} {
		u, err := Emit(kernel(t, c.body))
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(u.Text, "void "+u.Entry+"(")
		if n := strings.Count(text, c.by); n != c.times {
			t.Errorf("%s: %s is called %d times, want %d, in\n%s", c.name, c.by, n, c.times, text)
		}
		if n := strings.Count(text, "__builtin_prefetch"); n != c.asks {
			t.Errorf("%s: %d lines of the caches are asked for, want %d, in\n%s", c.name, n, c.asks, text)
		}
	}
}

// What a name contains does not get into the text.
func TestNamesStayOut(t *testing.T) {
	f := kernel(t, "float x = a[i]; out[i] = x;")
	const bad = "x*/ #include <injected>"
	f.Name = bad
	for i := range f.Params {
		f.Params[i].Name = bad
	}
	for i := range f.Regs {
		f.Regs[i].Name = bad
	}
	u, err := Emit(f)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(u.Text, "injected") {
		t.Error("the text contains a name of the kernel's")
	}
}

// Functions that take all lanes at once do so under conditions and for narrow
// types, too.
func TestWhole(t *testing.T) {
	for name, body := range map[string]string{
		"alone":     "out[i] = exp(a[i]);",
		"branch":    "float v = a[i]; if (v < 0) { v = exp(v) - 1; } out[i] = v;",
		"choice":    "float v = a[i]; out[i] = v < 0 ? exp(v) : exp(-v);",
		"condition": "float v = a[i], w = 1; if (v < 2) { w = v + 1; w = exp(w) * v; } else { w = exp(v); w += exp(w); } out[i] = w;",
		"half":      "half v = half(a[i]); out[i] = exp(v);",
		"bfloat":    "bfloat16_t v = bfloat16_t(a[i]); out[i] = metal::exp(v);",
		"loop":      "float v = a[i]; for (uint j = 0; j < k[i]; ++j) { v = exp(v); } out[i] = v;",
	} {
		if text := whole(t, body); !strings.Contains(text, "zm_exp32(") || strings.Contains(text, "zm_exp(") {
			t.Errorf("%s: exp of one lane at a time in:\n%s", name, text)
		}
	}
}
