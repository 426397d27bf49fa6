// This file implements opening NVIDIA GPUs.

package zmlx

import (
	"context"
	"errors"
	"fmt"

	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func openCUDA(n int) (launch.Device, error) {
	d, err := cuda.Open(context.Background(), n, cuda.Config{Emit: emitCUDA})
	if errors.Is(err, cuda.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	if err != nil {
		return nil, err
	}
	return &cudaDevice{d, interp.New()}, nil
}

func emitCUDA(f *ir.Func) (cuda.Unit, error) {
	u, err := cudac.Emit(f)
	return cuda.Unit{Text: u.Text, Entry: u.Entry, Contract: u.Contract}, err
}

// cudaDevice is a GPU, with the interpreter for what cannot be compiled: the
// few kernels that the emitter refuses, and checked runs.
type cudaDevice struct {
	*cuda.Device
	interp launch.Device
}

func (d *cudaDevice) Compile(ctx context.Context, f *ir.Func, opt launch.Options) (launch.Program, error) {
	if opt.Check {
		return compileOnHost(ctx, d.interp, f, opt)
	}
	p, err := d.Device.Compile(ctx, f, opt)
	if errors.Is(err, cudac.ErrUnsupported) {
		return compileOnHost(ctx, d.interp, f, opt)
	}
	return p, err
}

// A hostProgram runs a kernel on a device of the host for one whose memory the
// host cannot address.
type hostProgram struct {
	launch.Program
	host launch.Device
	fn   *ir.Func
}

func compileOnHost(ctx context.Context, host launch.Device, f *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := host.Compile(ctx, f, opt)
	if err != nil {
		return nil, err
	}
	return &hostProgram{p, host, f}, nil
}

// Run brings what the kernel may use to the host, runs it there, and brings
// back what it may have written. It waits.
func (p *hostProgram) Run(ctx context.Context, l launch.Launch) error {
	if len(l.Args) != len(p.fn.Params) {
		return fmt.Errorf("kernel %s: launched with %d arguments, takes %d", p.fn.Name, len(l.Args), len(p.fn.Params))
	}
	// Arguments that lie in one buffer do so on the host too.
	type part struct {
		lo, hi  int
		copy    launch.Buffer
		written bool
	}
	parts := map[launch.Buffer]*part{}
	for i, a := range l.Args {
		x := parts[a.Buffer]
		if x == nil {
			x = &part{lo: a.Lo, hi: a.Hi}
			parts[a.Buffer] = x
		}
		x.lo, x.hi = min(x.lo, a.Lo, a.Offset), max(x.hi, a.Hi)
		x.written = x.written || p.fn.Params[i].Output
	}
	for b, x := range parts {
		var err error
		if x.copy, err = p.host.Alloc(x.hi - x.lo); err != nil {
			return err
		}
		defer x.copy.Free()
		if err := b.Download(x.lo, x.copy.Host()); err != nil {
			return err
		}
	}
	args := make([]launch.Arg, len(l.Args))
	for i, a := range l.Args {
		x := parts[a.Buffer]
		a.Buffer, a.Offset, a.Lo, a.Hi = x.copy, a.Offset-x.lo, a.Lo-x.lo, a.Hi-x.lo
		args[i] = a
	}
	l.Args = args
	if err := p.Program.Run(ctx, l); err != nil {
		return err
	}
	for b, x := range parts {
		if x.written {
			if err := b.Upload(x.lo, x.copy.Host()); err != nil {
				return err
			}
		}
	}
	return nil
}
