// Package cudasim is a device for tests: it runs emitted CUDA C on the CPU, to
// see what it computes where there is no GPU. The text is compiled as C++ with
// a header in place of CUDA; the threads of a block are coroutines, which wait
// for each other at barriers and at functions of warps. Lanes that a mask names
// must come with the same mask, or have ended: a kernel whose masks are wrong,
// or whose threads wait forever, is an error here, not chance.
//
// This file implements the device.
package cudasim

import (
	"context"
	"fmt"
	"os"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

type device struct {
	launch.Device // whose memory it has
	sim           *simulator
}

// Open returns the device, which has the memory of inner, where the host can
// address it. The error is ErrAbsent if there is no g++ or c++. Compiled kernels
// stay loaded as long as the process runs.
func Open(inner launch.Device) (launch.Device, error) {
	folder, err := os.MkdirTemp("", "cudasim")
	if err != nil {
		return nil, err
	}
	sim, err := newSimulator(folder)
	if err != nil {
		os.Remove(folder)
		return nil, err
	}
	return &device{inner, sim}, nil
}

func (d *device) Name() string { return "cudasim" }

func (d *device) Describe() string { return "CUDA C on the CPU, for tests" }

// Compile returns cudac.ErrUnsupported for kernels that are beyond CUDA C.
func (d *device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	if opt.Check {
		return nil, fmt.Errorf("cudasim: there is no checked mode")
	}
	unit, err := cudac.Emit(fn)
	if err != nil {
		return nil, err
	}
	k, err := d.sim.compile(unit.Text, len(fn.Params))
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w\n%s", fn.Name, err, unit.Text)
	}
	return &program{k, unit.Text}, nil
}

// Close removes the device's files.
func (d *device) Close() error { return os.RemoveAll(d.sim.folder) }

type program struct {
	kernel *kernel
	text   string
}

func (p *program) Close() error { return nil }

func (p *program) Run(ctx context.Context, l launch.Launch) error {
	args := make([]unsafe.Pointer, len(l.Args))
	for i, a := range l.Args {
		if host := a.Buffer.Host(); a.Offset < len(host) {
			args[i] = unsafe.Pointer(&host[a.Offset])
		}
	}
	if err := p.kernel.launch(args, l.Grid, l.Group); err != nil {
		return fmt.Errorf("%w\n%s", err, p.text)
	}
	return nil
}
