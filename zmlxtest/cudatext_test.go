package zmlxtest_test

// This file implements the test that what the suite's kernels are as CUDA C is
// something that NVIDIA's compiler takes.

import (
	"context"
	"errors"
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
	t.Run("suite", func(t *testing.T) { zmlxtest.Conformance(t, d) })
	for _, err := range c.errs {
		t.Error(err)
	}
	compileTexts(t, lib, c)
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
					if _, log, err := lib.Compile(unit.Text, arch, nvrtc.Options(unit.Contract)...); err != nil {
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
