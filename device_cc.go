// This file implements opening the device for native speed on the CPU.

package zmlx

import (
	"context"
	"errors"
	"fmt"

	"github.com/zmlx-go/zmlx/internal/backend/c99"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func openCC(n int) (launch.Device, error) {
	if n != 0 {
		return nil, fmt.Errorf("%w: there is one CPU, number 0", ErrNoDevice)
	}
	d, err := cc.Open(context.Background(), cc.Config{Emit: emitC})
	if errors.Is(err, cc.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	if err != nil {
		return nil, err
	}
	return ccDevice{d, interp.New()}, nil
}

func emitC(f *ir.Func) (cc.Unit, error) {
	u, err := c99.Emit(f)
	unit := cc.Unit{Text: u.Text, Entry: u.Entry, Scratch: u.Scratch}
	switch { // a text of 5,000 lines takes gcc 24 s with -O3, 4 s with -O1
	case u.Lines > 3500:
		unit.Flags = []string{"-O1"}
	case u.Lines > 2500:
		unit.Flags = []string{"-O2"}
	}
	return unit, err
}

// ccDevice is the cc device, with the interpreter for what cannot be compiled:
// the few kernels that the emitter refuses, and checked runs.
type ccDevice struct {
	launch.Device
	interp launch.Device
}

func (d ccDevice) Compile(ctx context.Context, f *ir.Func, opt launch.Options) (launch.Program, error) {
	if opt.Check {
		return d.interp.Compile(ctx, f, opt)
	}
	p, err := d.Device.Compile(ctx, f, opt)
	if errors.Is(err, c99.ErrUnsupported) {
		return d.interp.Compile(ctx, f, opt)
	}
	return p, err
}
