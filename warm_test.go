package zmlx

// This file implements the benchmark of a warm start: a fresh process whose
// kernels are in the disk cache.

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// A warmStart is what one process measured, in ms.
type warmStart struct{ open, first, second float64 }

const warmChild = "ZMLX_TEST_WARM_CHILD"

// TestWarmChild is the process that BenchmarkWarmStart measures: it opens the
// device, and calls two ops once each.
func TestWarmChild(t *testing.T) {
	if os.Getenv(warmChild) == "" {
		t.Skip("it is a process of BenchmarkWarmStart")
	}
	start := time.Now()
	lap := func() float64 {
		ms := float64(time.Since(start).Microseconds()) / 1000
		start = time.Now()
		return ms
	}
	d, err := Open("cc")
	if err != nil {
		t.Fatal(err)
	}
	w := warmStart{open: lap()}
	x := on(t, d, 64, 1024)
	start = time.Now()
	if err := MustDefine("mish(x) = x * tanh(softplus(x))").Call(x).Eval(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.first = lap()
	if err := MustDefine("layernorm(x; eps=1e-5) = (x - mean(x)) * rsqrt(var(x) + eps)").Call(x).Eval(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.second = lap()
	fmt.Printf("warm %g %g %g\n", w.open, w.first, w.second)
}

// BenchmarkWarmStart reports medians over fresh processes: of opening the
// device, and of the first calls of two ops, from their definitions to results.
func BenchmarkWarmStart(b *testing.B) {
	if _, err := openCC(0); err != nil {
		b.Skipf("no cc device: %v", err)
	}
	cache := b.TempDir()
	child := func() (w warmStart) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWarmChild$", "-test.v")
		cmd.Env = append(os.Environ(), warmChild+"=1", "ZMLX_CACHE="+cache)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		_, line, _ := strings.Cut(string(out), "warm ")
		if _, err := fmt.Sscan(line, &w.open, &w.first, &w.second); err != nil {
			b.Fatalf("%v\n%s", err, out)
		}
		return w
	}
	child() // compiles
	var open, first, second []float64
	for b.Loop() {
		w := child()
		open, first, second = append(open, w.open), append(first, w.first), append(second, w.second)
	}
	for _, m := range []struct {
		name string
		ms   []float64
	}{{"ms-open", open}, {"ms-first-op", first}, {"ms-second-op", second}} {
		slices.Sort(m.ms)
		b.ReportMetric(m.ms[len(m.ms)/2], m.name)
	}
}
