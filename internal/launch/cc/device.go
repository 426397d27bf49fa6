// Package cc is the device for native speed on the CPU: kernels become C text,
// which the system's C compiler makes a library of, which is loaded without
// cgo. Libraries are kept in a disk cache.
//
// Memory is the host's. Threadgroups run on GOMAXPROCS goroutines, in no
// particular order; a launch that is quickly done stays on the caller's.
//
// A fault in compiled code ends the process, so kernels are run here only as
// they are; the interpreter is what finds their bugs.
//
// This file implements the device and its buffers.
package cc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

var limits = launch.Limits{ThreadsPerThreadgroup: 1024, ThreadgroupMemory: 32 << 10, SimdWidth: 32, Float64: true}

// A Config says how to open the device.
type Config struct {
	Emit    func(*ir.Func) (Unit, error) // translates a kernel to C
	Cache   *diskcache.Cache             // nil: the user's
	Timeout time.Duration                // of one compilation; 0: two minutes
}

type device struct {
	Config
	cache    *diskcache.Cache
	compiler *Compiler
	timeout  time.Duration
	gemm     gemms // matrix products
}

// Open finds a compiler and makes sure that what it compiles can be loaded and
// runs. The error is ErrAbsent if there is none.
func Open(ctx context.Context, cfg Config) (launch.Device, error) {
	d, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func open(ctx context.Context, cfg Config) (*device, error) {
	if !dl.Supported {
		return nil, fmt.Errorf("%w is of use: %w", ErrAbsent, dl.ErrUnsupported)
	}
	d := &device{Config: cfg, cache: cfg.Cache, timeout: cmp.Or(cfg.Timeout, defaultTimeout)}
	if d.cache == nil {
		d.cache = diskcache.Default()
	}
	var err error
	if d.compiler, _, err = Find(ctx, d.cache); err != nil {
		return nil, err
	}
	if err := d.selfTest(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// trial is a kernel that tells whether compiler and loader work.
const trial = `#include <math.h>
#include <stddef.h>
#include <stdint.h>
typedef struct { uint32_t grid[3], group[3], groups[3], stream; } zmlx_launch;
void zmlx_run(void *const *params, const zmlx_launch *launch, uint64_t first, uint64_t last, void *scratch) {
	(void)scratch;
	for (uint64_t g = first; g < last; g++) ((uint32_t *)params[0])[g] = launch->grid[0] + (uint32_t)g + 40;
}
`

func (d *device) selfTest(ctx context.Context) error {
	p, err := d.program(ctx, "trial", Unit{Text: trial, Entry: "zmlx_run"}, []string{"out"})
	if err != nil {
		return err
	}
	b, err := d.Alloc(8)
	if err != nil {
		return err
	}
	l := launch.Launch{Args: []launch.Arg{{Buffer: b, Hi: 8}}, Grid: [3]int{2, 1, 1}, Group: [3]int{1, 1, 1}}
	if err := errors.Join(p.Run(ctx, l), p.Close()); err != nil {
		return err
	}
	if got := *(*[2]uint32)(unsafe.Pointer(&b.Host()[0])); got != [2]uint32{42, 43} {
		return fmt.Errorf("a trial kernel compiled by %s gave %v where 42 and 43 are right", d.compiler.Command[0], got)
	}
	return nil
}

func (d *device) Name() string { return "cc" }

func (d *device) Describe() string {
	s := fmt.Sprintf("%s, %s, %d goroutines", d.compiler.Version, d.compiler.Target, runtime.GOMAXPROCS(0))
	if err := d.cache.Reason(); err != nil {
		s += fmt.Sprintf(", no cache: %v", err)
	}
	return s
}

func (d *device) Limits() launch.Limits {
	return limits
}

func (d *device) Close() error { return nil }

func (d *device) Alloc(n int) (launch.Buffer, error) {
	b, err := launch.NewHostBuffer("cc", n)
	if err != nil {
		return nil, err
	}
	adviseHuge(b.Host())
	return b, nil
}

func (d *device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opt.Check {
		return nil, fmt.Errorf("cc: kernel %s: checked mode is the interpreter's: use device interp", fn.Name)
	}
	if err := ir.Verify(fn); err != nil {
		return nil, err
	}
	if err := d.Limits().CheckMemory(fn); err != nil {
		return nil, err
	}
	u, err := d.Emit(fn)
	if err != nil {
		return nil, fmt.Errorf("cc: %w", err)
	}
	names := make([]string, len(fn.Params))
	for i := range fn.Params {
		names[i] = fn.Params[i].Name
	}
	p, err := d.program(ctx, fn.Name, u, names)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("cc: %w", err)
	}
	return p, nil
}
