package bench

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, path string, p []byte) {
	t.Helper()
	if err := os.WriteFile(path, p, 0o666); err != nil {
		t.Fatal(err)
	}
}

// oursAndTheirs are two reports on work that is partly the same.
func oursAndTheirs() (ours, theirs *Report) {
	ours = &Report{
		Version: 1, Machine: "a processor, 2 cores", Device: "cc", CPP: "cc 1", CopyGBps: 20, Time: time.Unix(0, 0).UTC(),
		Results: []Result{
			{Op: "mish", Shape: []int{1024}, DType: "float32", Impl: "zmlx", Bytes: 8192, Seconds: 1e-6, Q1: 0.9e-6, Q3: 1.1e-6, GBps: 8.192, CopyPercent: 41, HostSeconds: 5e-7, Samples: []float64{1e-6, 1.1e-6}},
			{Op: "mish", Shape: []int{1024}, DType: "float32", Impl: "cpp", Bytes: 8192, Seconds: 2e-6},
			{Op: "sum", Shape: []int{4, 8}, DType: "float16", Impl: "zmlx", Bytes: 72, Seconds: 4e-6},
			{Op: "rope", Shape: []int{1, 2, 4}, DType: "float16", Impl: "zmlx", Error: "it is <wrong>"},
			{Op: "memcpy", Shape: []int{64}, DType: "float32", Impl: "go", Bytes: 512, Seconds: 1e-7},
		},
		Host: []HostCost{{Name: "definition mish, 8 elements", Seconds: 9e-7}},
	}
	theirs = &Report{Version: 1, Device: "numpy", Results: []Result{
		{Op: "mish", Shape: []int{1024}, DType: "float32", Impl: "numpy", Seconds: 8e-6},
		{Op: "sum", Shape: []int{4, 8}, DType: "float16", Impl: "numpy", Seconds: 2e-6},
		{Op: "sum", Shape: []int{4, 8}, DType: "float16", Impl: "jax", Seconds: 9e-6},
		{Op: "sum", Shape: []int{4, 8}, DType: "float32", Impl: "jax", Seconds: 1e-9},
		{Op: "mish", Shape: []int{1024}, DType: "float32", Impl: "jax", Error: "no such op"},
		{Op: "memcpy", Shape: []int{64}, DType: "float32", Impl: "numpy", Seconds: 1e-9},
	}}
	return ours, theirs
}

func TestCompare(t *testing.T) {
	ours, theirs := oursAndTheirs()
	c := ours.Compare(theirs)
	if len(c.Rows) != 2 {
		t.Fatalf("%d rows: %+v", len(c.Rows), c.Rows)
	}
	if r := c.Rows[0]; r.Best != "numpy" || r.Ratio != 8 {
		t.Errorf("mish: the best is %s with %g; want numpy with 8", r.Best, r.Ratio)
	}
	if r := c.Rows[1]; r.Best != "numpy" || r.Ratio != 0.5 {
		t.Errorf("sum: the best is %s with %g; want numpy with 0.5", r.Best, r.Ratio)
	}
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-12 {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	near("mean against the best", c.Mean(), 2) // of 8 and 1/2
	near("mean against C++", c.MeanOf("cpp"), 2)
	if own := ours.Compare(); len(own.Rows) != 1 || own.Rows[0].Best != "cpp" || own.Mean() != 2 {
		t.Errorf("without others C++ is compared: %+v", own)
	}
	near("mean against numpy", c.MeanOf("numpy"), 2) // of 8 and 1/2
	near("mean against jax", c.MeanOf("jax"), 2.25)
	if l := c.Lost(); len(l) != 1 || l[0].Ours.Op != "sum" {
		t.Errorf("lost %+v", l)
	}
	if !math.IsNaN(c.MeanOf("nobody")) {
		t.Error("a mean of nothing is a number")
	}
	var b bytes.Buffer
	if err := c.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"8 µs", "numpy   8.00", "numpy   0.50", "against the best other: 2.00 of 2, slower on 1", "against jax: 2.25"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := (&Report{}).Compare(theirs).WriteTable(&b); err != nil || !strings.Contains(b.String(), "no work that others did") {
		t.Errorf("nothing to compare gives %v, %q", err, b.String())
	}
}

func TestTables(t *testing.T) {
	ours, theirs := oursAndTheirs()
	for name, c := range map[string]struct {
		write func(b *bytes.Buffer) error
		want  []string
	}{
		"table": {func(b *bytes.Buffer) error { return ours.WriteTable(b) }, []string{
			"copy bandwidth 20.0 GB/s", "1 µs  10.0%  8.19         41      0.5", "failed", "rope/1x2x4/float16 by zmlx failed: it is <wrong>",
			"definition mish, 8 elements: 900 ns", "speed against C++ (cc 1): 2.00 in the geometric mean of 1, worst 2.00 (mish/1024/float32)",
		}},
		"go": {func(b *bytes.Buffer) error { return ours.WriteGo(b) }, []string{
			"BenchmarkMish/shape=1024/dtype=float32/by=zmlx 1 1000.0 ns/op 8192.00 MB/s\n",
			"BenchmarkMish/shape=1024/dtype=float32/by=zmlx 1 1100.0 ns/op",
			"BenchmarkSum/shape=4x8/dtype=float16/by=zmlx 1 4000.0 ns/op", "BenchmarkCall/definition_mish_8_elements 1 900.0 ns/op",
		}},
		"html": {func(b *bytes.Buffer) error { return ours.WriteHTML(b, theirs) }, []string{
			"<svg", "mish/1024/float32", "41 %", "numpy", "it is &lt;wrong&gt;", "0.50", "</html>",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := c.write(&b); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(b.String(), want) {
					t.Errorf("no %q in\n%s", want, b.String())
				}
			}
		})
	}
}

func TestFastest(t *testing.T) {
	r := &Report{CopyGBps: 1, Results: []Result{
		{Op: "mish", Impl: "zmlx", Seconds: 4, Least: 2, GBps: 1, CopyPercent: 100},
		{Op: "memcpy", Impl: "go", Seconds: 4, Least: 1, GBps: 1, CopyPercent: 100},
		{Op: "sum", Impl: "zmlx", Error: "failed"},
	}}
	f := r.Fastest()
	if x := f.Results[0]; x.Seconds != 2 || x.GBps != 2 || x.CopyPercent != 50 || f.CopyGBps != 4 {
		t.Errorf("the fastest are %+v of %g GB/s", x, f.CopyGBps)
	}
	if r.Results[0].Seconds != 4 {
		t.Error("the report itself was changed")
	}
}

func TestLinearPlot(t *testing.T) {
	r := &Report{}
	for k := range 4 {
		n := 1024 << k
		r.Results = append(r.Results, Result{Op: "mish", Shape: []int{n}, DType: "float32", Impl: "zmlx", Seconds: float64(n) * 1e-9 * float64(4-k)})
	}
	var b bytes.Buffer
	if err := r.WriteLinear(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[1], "2^10 ") || strings.Count(lines[1], "#") != 41 || strings.Count(lines[4], "#") != 1 {
		t.Errorf("plot is\n%s", b.String())
	}
	b.Reset()
	if err := (&Report{}).WriteLinear(&b); err != nil || b.Len() != 0 {
		t.Errorf("a plot of nothing: %v, %q", err, b.String())
	}
}

func TestSeconds(t *testing.T) {
	for s, want := range map[float64]string{1.5: "1.5 s", 0.00251: "2.51 ms", 3.5e-6: "3.5 µs", 8e-8: "80 ns"} {
		if got := seconds(s); got != want {
			t.Errorf("%g: %q, want %q", s, got, want)
		}
	}
}
