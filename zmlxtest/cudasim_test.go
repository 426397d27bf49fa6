package zmlxtest_test

// This file implements the test that runs the suite as emitted CUDA C, on the
// CPU.

import (
	"context"
	"errors"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cudasim"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// simulated leaves to the interpreter what CUDA C cannot express.
type simulated struct{ launch.Device }

func (d simulated) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := d.Device.Compile(ctx, fn, opt)
	if errors.Is(err, cudac.ErrUnsupported) {
		return interp.New().Compile(ctx, fn, opt)
	}
	return p, err
}

func TestConformanceOfSimulatedCUDA(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of kernels go through the C++ compiler, which takes a minute")
	}
	raw, err := cudasim.Open(interp.New())
	if errors.Is(err, cudasim.ErrAbsent) {
		t.Skipf("CUDA C cannot be simulated: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	launch.Register("cudasim", func(int) (launch.Device, error) { return simulated{raw}, nil })
	d, err := zmlx.Open("cudasim")
	if err != nil {
		t.Fatal(err)
	}
	zmlxtest.Conformance(t, d)
}
