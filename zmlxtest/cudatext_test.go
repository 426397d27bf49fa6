package zmlxtest_test

// This file implements the test that what kernels are as CUDA C is something
// that NVIDIA's compiler takes: those of the suite, and those that definitions
// and their derivatives become.

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// A collector is the interpreter, but keeps the CUDA C of what it compiles.
type collector struct {
	launch.Device
	mu    sync.Mutex
	units map[string]cudac.Unit // by text
	names map[string]string     // of kernels, by text
	errs  []error
}

func (c *collector) Name() string { return "collect" }

func (c *collector) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	unit, err := cudac.Emit(fn)
	c.mu.Lock()
	switch {
	case err == nil:
		c.units[unit.Text], c.names[unit.Text] = unit, fn.Name
	case !errors.Is(err, cudac.ErrUnsupported):
		c.errs = append(c.errs, err)
	}
	c.mu.Unlock()
	return c.Device.Compile(ctx, fn, opt)
}

func TestCUDATexts(t *testing.T) {
	lib, where, err := nvrtc.Open(0)
	if err != nil {
		t.Skipf("no NVRTC to compile with: %v (looked at %v)", err, where)
	}
	c := &collector{Device: interp.New(), units: map[string]cudac.Unit{}, names: map[string]string{}}
	launch.Register("collect", func(int) (launch.Device, error) { return c, nil })
	d, err := zmlx.Open("collect")
	if err != nil {
		t.Fatal(err)
	}
	if !testing.Short() { // the suite's kernels have every feature, and take most of a minute
		t.Run("suite", func(t *testing.T) { zmlxtest.Conformance(t, d) })
	}
	t.Run("definitions", func(t *testing.T) { runDefinitions(t, d) })
	for _, err := range c.errs {
		t.Error(err)
	}
	compileTexts(t, lib, c)
}

// runDefinitions computes definitions and their derivatives on d, in each float
// dtype at short and at long rows: those that one simdgroup takes, a threadgroup
// at once, and a threadgroup in turns.
func runDefinitions(t *testing.T, d *zmlx.Device) {
	texts := slices.Clone(compositions)
	for _, f := range functions {
		texts = append(texts, "f(x) = "+f+"(x)")
	}
	for _, f := range reductions {
		texts = append(texts, "f(x) = "+f+"(x)", "f(x, w) = "+f+"(x * w) * w")
	}
	texts = append(texts, "best(x) -> value, place { return max(x), argmax(x) }")
	dtypes := []zmlx.DType{zmlx.Float32, zmlx.Float16, zmlx.BFloat16}
	lengths := []int{8, 100, 4096, 40000}
	if testing.Short() {
		texts, dtypes, lengths = compositions[:4], dtypes[:2], lengths[1:3]
	}
	for i, text := range texts {
		op, err := zmlx.Define(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for j, dt := range dtypes {
			for k, n := range lengths {
				if (i+j+k)%3 != 0 {
					continue // every definition at some of them
				}
				derivatives(t, d, op, text, dt, n)
			}
		}
	}
}

func derivatives(t *testing.T, d *zmlx.Device, op *zmlx.Op, text string, dt zmlx.DType, n int) {
	t.Helper()
	var args, tangents []*zmlx.Array
	for _, name := range op.Inputs() {
		shape := []int{3, n}
		if strings.Contains(text, name+"[1]") {
			shape = []int{3, 1}
		}
		args = append(args, zmlx.Full[float32](0.5, shape...).As(dt).To(d))
		tangents = append(tangents, zmlx.Full[float32](1, shape...).As(dt).To(d))
	}
	outs, more := zmlx.JVP(op.Results, args, tangents)
	outs = append(outs, more...)
	var cts []*zmlx.Array
	for _, y := range op.Results(args...) {
		cts = append(cts, zmlx.OnesLike(y))
	}
	_, grads := zmlx.VJP(op.Results, args, cts)
	for _, a := range append(outs, grads...) {
		if err := a.Eval(t.Context()); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// compileTexts compiles what was collected for two kinds of GPU.
func compileTexts(t *testing.T, lib *nvrtc.Library, c *collector) {
	t.Helper()
	work := make(chan cudac.Unit)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for unit := range work {
				for _, arch := range []string{"sm_80", "sm_90"} {
					options := nvrtc.Options(unit.Contract)
					if arch == "sm_90" {
						options = append(options, "--define-macro=ZMLX_EARLY=1")
					}
					if _, log, err := lib.Compile(unit.Text, arch, options...); err != nil {
						t.Errorf("kernel %s for %s: %v\n%s", c.names[unit.Text], arch, err, unit.Text)
						break
					} else if log != "" {
						t.Errorf("kernel %s for %s: %s", c.names[unit.Text], arch, log)
						break
					}
				}
			}
		})
	}
	for _, unit := range c.units {
		work <- unit
	}
	close(work)
	wg.Wait()
	t.Logf("%d texts compiled by NVRTC %s", len(c.units), lib.Version())
}
