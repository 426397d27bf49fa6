package main

// This file implements the test that commands end although a device does not.

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

// A stuck device starts kernels and never comes back, whatever its context.
type stuck struct {
	launch.Device
	started chan bool
}

type stuckProgram struct {
	launch.Program
	started chan bool
}

func (d stuck) Name() string { return "stuck" }

func (d stuck) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := d.Device.Compile(ctx, fn, opt)
	return stuckProgram{p, d.started}, err
}

func (p stuckProgram) Run(context.Context, launch.Launch) error {
	p.started <- true
	select {}
}

const twice = `{"name": "twice", "input_names": ["x"], "output_names": ["out"], "source": "out[thread_position_in_grid.x] = x[thread_position_in_grid.x] * 2;",
"inputs": {"x": {"dtype": "float32", "data": [1, 2]}}}`

func TestStuckDevice(t *testing.T) {
	started := make(chan bool, 9)
	launch.Register("stuck", func(int) (launch.Device, error) { return stuck{interp.New(), started}, nil })
	path := filepath.Join(t.TempDir(), "twice.json")
	if err := os.WriteFile(path, []byte(twice), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"interrupt", []string{"run", path, "--device", "stuck"}, exitInterrupted, "zmlx: interrupted\n"},
		{"timeout", []string{"run", path, "--device", "stuck", "--timeout", "10ms"}, exitBad, "zmlx: stopped after 10ms (--timeout)\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.code == exitInterrupted {
				go func() {
					<-started
					cancel()
				}()
			}
			var out, errs strings.Builder
			code := execute(environment{ctx, &out, &errs}, c.args)
			if code != c.code || errs.String() != c.says || out.Len() > 0 {
				t.Errorf("exit code %d, prints %q and %q", code, out.String(), errs.String())
			}
		})
	}
}

// TestLongTimeout has a timeout that leaves no room for patience. If that is
// too much, the process ends.
func TestLongTimeout(t *testing.T) {
	ctx, cancel := within(t.Context(), math.MaxInt64)
	defer cancel()
	time.Sleep(20 * time.Millisecond)
	if err := ctx.Err(); err != nil {
		t.Error(err)
	}
}
