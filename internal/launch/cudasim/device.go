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
	"strings"
	"sync"
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
	return &program{sim: d.sim, name: fn.Name, params: len(fn.Params), text: unit.Text}, nil
}

// Close removes the device's files.
func (d *device) Close() error { return os.RemoveAll(d.sim.folder) }

// A program is compiled in variants, when a launch needs them, as for a GPU: for
// launches of whole simdgroups along x, and for addresses that are multiples of
// 16.
type program struct {
	sim    *simulator
	name   string
	params int
	text   string

	mu       sync.Mutex
	variants map[string]*kernel // by the macros that they are compiled with
}

func (p *program) Close() error { return nil }

// variant returns the kernel as it is compiled with macros.
func (p *program) variant(macros string) (*kernel, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if k := p.variants[macros]; k != nil {
		return k, nil
	}
	k, err := p.sim.compile(macros+p.text, p.params)
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w\n%s", p.name, err, p.text)
	}
	if p.variants == nil {
		p.variants = map[string]*kernel{}
	}
	p.variants[macros] = k
	return k, nil
}

func (p *program) Run(ctx context.Context, l launch.Launch) error {
	args := make([]unsafe.Pointer, len(l.Args))
	var addresses uintptr
	for i, a := range l.Args {
		if host := a.Buffer.Host(); a.Offset < len(host) {
			args[i] = unsafe.Pointer(&host[a.Offset])
			addresses |= uintptr(args[i])
		}
	}
	macros := ""
	if l.Group[0]%32 == 0 && l.Grid[0]%32 == 0 && l.Group[1]*l.Group[2]*l.Grid[1]*l.Grid[2] == 1 {
		macros += "#define ZMLX_WHOLE 1\n"
	}
	if addresses%16 == 0 && strings.Contains(p.text, "ZMLX_ALIGNED != 0") {
		macros += "#define ZMLX_ALIGNED 1\n"
	}
	k, err := p.variant(macros)
	if err != nil {
		return err
	}
	if err := k.launch(args, l.Grid, l.Group); err != nil {
		return fmt.Errorf("%w\n%s%s", err, macros, p.text)
	}
	return nil
}
