package zmlxtest_test

// This file implements the test that runs the suite as emitted CUDA C, on the
// CPU.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"unsafe"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/backend/cudac/cudasim"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// A simulated device runs what CUDA C cannot express in the interpreter.
type simulated struct {
	launch.Device
	sim *cudasim.Simulator
}

func (d *simulated) Name() string { return "cudasim" }

func (d *simulated) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := d.Device.Compile(ctx, fn, opt)
	if err != nil || opt.Check {
		return p, err
	}
	unit, err := cudac.Emit(fn)
	if errors.Is(err, cudac.ErrUnsupported) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	k, err := d.sim.Compile(unit.Text, len(fn.Params))
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, unit.Text)
	}
	return &simulatedProgram{k, fn, unit.Text}, nil
}

type simulatedProgram struct {
	kernel *cudasim.Kernel
	fn     *ir.Func
	text   string
}

func (p *simulatedProgram) Close() error { return nil }

func (p *simulatedProgram) Run(ctx context.Context, l launch.Launch) error {
	args := make([]unsafe.Pointer, len(l.Args))
	for i, a := range l.Args {
		if host := a.Buffer.Host(); a.Offset < len(host) {
			args[i] = unsafe.Pointer(&host[a.Offset])
		}
	}
	if err := p.kernel.Run(args, l.Grid, l.Group); err != nil {
		return fmt.Errorf("%w\n%s", err, p.text)
	}
	return nil
}

var registerSimulated sync.Once

// openSimulated returns the simulated device.
func openSimulated(t testing.TB) *zmlx.Device {
	t.Helper()
	folder, err := os.MkdirTemp("", "cudasim") // kernels stay loaded when the test is over
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	sim, err := cudasim.New(folder)
	if errors.Is(err, cudasim.ErrAbsent) {
		t.Skipf("CUDA C cannot be simulated: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	registerSimulated.Do(func() {
		launch.Register("cudasim", func(int) (launch.Device, error) { return &simulated{interp.New(), sim}, nil })
	})
	d, err := zmlx.Open("cudasim")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestConformanceOfSimulatedCUDA(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of kernels go through the C++ compiler, which takes a minute")
	}
	zmlxtest.Conformance(t, openSimulated(t))
}
