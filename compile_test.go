// This file implements tests of devices whose compilers take their time, or
// refuse kernels.

package zmlx

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

// A slowDevice waits, or fails, before it compiles kernels.
type slowDevice struct {
	launch.Device
	name    string
	started chan bool
	finish  chan error
}

func (d slowDevice) Name() string { return d.name }

func (d slowDevice) Compile(ctx context.Context, f *ir.Func, opt launch.Options) (launch.Program, error) {
	d.started <- true
	if err := <-d.finish; err != nil {
		return nil, err
	}
	return d.Device.Compile(ctx, f, opt)
}

func openSlow(t *testing.T, name string) (slowDevice, *Device) {
	t.Helper()
	raw := slowDevice{interp.New(), name, make(chan bool, 9), make(chan error, 9)}
	launch.Register(name, func(int) (launch.Device, error) { return raw, nil })
	d, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return raw, d
}

// A context that ends while an op is being compiled is not kept waiting, and
// what was compiled serves the next call.
func TestContextEndsDuringCompile(t *testing.T) {
	raw, dev := openSlow(t, "slow")
	x := FromSlice([]float32{1, 2, 3}).To(dev)
	y := MustDefine("slow(x) = 2*x + 1").Call(x)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-raw.started
		cancel()
	}()
	if err := y.Eval(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that of the context", err)
	}
	raw.finish <- nil
	if got, err := Values[float32](y); err != nil || got[2] != 7 {
		t.Errorf("%v, error %v after the compiler was done; want 3 5 7", got, err)
	}
	if len(raw.started) > 0 {
		t.Error("the op was compiled again")
	}
}

// It is not kept waiting either if it is another call that the op is being
// compiled for.
func TestContextEndsDuringCompileOfAnother(t *testing.T) {
	raw, dev := openSlow(t, "slower")
	x := FromSlice([]float32{1, 2, 3}).To(dev)
	op := MustDefine("slower(x) = 2*x + 1")
	patient, other := op.Call(x), op.Call(x)
	done := make(chan error)
	go func() { done <- patient.Eval(context.Background()) }()
	<-raw.started
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := other.Eval(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
	raw.finish <- nil
	if err := errors.Join(<-done, other.Eval(t.Context())); err != nil {
		t.Error(err)
	}
	if len(raw.started) > 0 {
		t.Error("the op was compiled again")
	}
}

func TestCompilerRefuses(t *testing.T) {
	raw, dev := openSlow(t, "refusing")
	x := FromSlice([]float32{1, 2, 3}).To(dev)
	refusal := errors.New("refusing: cannot compile kernel k: no")
	calls := map[string]func() *Array{
		"kernel": func() *Array {
			k := MustCompile(Kernel{Name: "k", InputNames: []string{"x"}, OutputNames: []string{"out"}, Source: "out[0] = x[0];"})
			return k.Call(Launch{}, x)[0]
		},
		"op":          func() *Array { return MustDefine("refused(x) = 3*x + 1").Call(x) },
		"sum of rows": func() *Array { return x.Reshape(3, 1).Sum(0) },
	}
	for name, call := range calls {
		raw.finish <- refusal
		err := call().Eval(t.Context())
		e, ok := errors.AsType[*DeviceError](err)
		if !ok || e.Device != "refusing" || !errors.Is(err, refusal) || strings.Contains(err.Error(), "internal") {
			t.Errorf("%s: error %v; want a *DeviceError", name, err)
			continue
		}
		if n := strings.Count(err.Error(), "kernel k"); n != 1 {
			t.Errorf("%s: the error names the kernel %d times: %v", name, n, err)
		}
	}
}
