package zmlx

// This file implements tests that need an NVIDIA GPU: what is left of arrays
// and devices when a GPU is lost or full.

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda"
)

func openGPU(t *testing.T) *Device {
	t.Helper()
	d, err := Open("cuda")
	if err != nil {
		t.Skip(err)
	}
	return d
}

// TestGPULost loses the GPU in a process of its own.
func TestGPULost(t *testing.T) {
	d := openGPU(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGPUFault$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), "ZMLX_TEST_FAULT=1", "ZMLX_DEVICE=")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestGPUFault") {
		t.Errorf("the process with the fault ended with error %v\n%s", err, out)
	}
	wantValues(t, FromSlice([]float32{1, 2}).To(d).Square(), []int{2}, float32(1), 4)
}

func TestGPUFault(t *testing.T) {
	if os.Getenv("ZMLX_TEST_FAULT") == "" {
		t.Skip("runs in a process of TestGPULost alone")
	}
	d := openGPU(t)
	SetDefault(d)
	ctx := t.Context()
	wild := MustCompile(Kernel{Name: "wild", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[(size_t(1) << 44) + i] = x[i];"})
	x := FromSlice([]float32{1, 2, 3, 4})
	fine := x.Square()
	if err := Eval(ctx, fine); err != nil {
		t.Fatal(err)
	}
	wantValues(t, fine, []int{4}, float32(1), 4, 9, 16)
	bad := wild.Call(Launch{}, x)[0]
	after := bad.AddScalar(1)
	for name, a := range map[string]*Array{"bad": bad, "after": after, "later": x.MulScalar(2)} {
		_, err := Values[float32](a)
		if !errors.Is(err, launch.ErrLost) || !strings.Contains(err.Error(), "wild") || !strings.Contains(err.Error(), "start it anew") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if err := d.Sync(ctx); !errors.Is(err, launch.ErrLost) {
		t.Errorf("Sync: %v", err)
	}
	// The other devices go on.
	for _, name := range []string{"cc", "interp"} {
		other, err := Open(name)
		if errors.Is(err, ErrNoDevice) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		SetDefault(other)
		wantValues(t, FromSlice([]float32{1, 2, 3}).Square().AddScalar(1), []int{3}, float32(2), 5, 10)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closing the lost GPU: %v", err)
	}
	if _, err := Open("cuda"); !errors.Is(err, launch.ErrLost) || errors.Is(err, ErrNoDevice) {
		t.Errorf("opening the lost GPU: %v", err)
	}
	SetDefault(nil)
	if d := Default(); d == nil || strings.HasPrefix(d.Name(), "cuda") {
		t.Errorf("the default device is %s", d.Name())
	}
}

// TestGPUFull fills the GPU's memory with arrays, frees some, and goes on.
func TestGPUFull(t *testing.T) {
	d := openGPU(t)
	if testing.Short() {
		t.Skip("takes all of the GPU's memory")
	}
	ctx := t.Context()
	ones := Ones(Float32, 1).To(d)
	const block = 4 << 30
	var all []*Array
	var err error
	for len(all) < 1000 {
		a := ones.Broadcast(block / 4).AddScalar(float64(len(all))) // of its own
		if err = a.Eval(ctx); err != nil {
			break
		}
		all = append(all, a)
	}
	full, ok := errors.AsType[*cuda.OutOfMemoryError](err)
	if !ok || full.Asked < block || full.Held < len(all)*block || !strings.Contains(err.Error(), "4 GiB asked for") {
		t.Fatalf("after %d arrays of 4 GiB: error %v", len(all), err)
	}
	t.Logf("after %d arrays: %v", len(all), err)
	if len(all) < 2 {
		t.Skip("other processes have the GPU's memory")
	}
	wantValues(t, all[1].Slice(Range{Start: block/4 - 2, Stop: block / 4}), []int{2}, float32(2), 2)
	for _, a := range all {
		a.Free()
	}
	wantValues(t, ones.Broadcast(block/4).AddScalar(5).Slice(Range{Start: 0, Stop: 2}), []int{2}, float32(6), 6)
	d.TrimMemory()
}

// TestGPUStops cancels calls before and while the GPU works on them: nothing
// hangs, and the device goes on.
func TestGPUStops(t *testing.T) {
	d := openGPU(t)
	k := MustCompile(Kernel{Name: "longWay", InputNames: []string{"x"}, OutputNames: []string{"out"}, Source: `
	uint i = thread_position_in_grid.x;
	uint v = uint(x[i]);
	for (uint n = 0; n < 20000000; n++) v = v * 1664525u + 1013904223u;
	out[i] = float(v & 0xff);`})
	x := Ones(Float32, 64).To(d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Call(Launch{Device: d}, x)[0].Eval(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Eval of a call that was cancelled before: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	y := x
	for range 10 {
		y = k.Call(Launch{Device: d}, y)[0]
	}
	if err := y.Eval(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Sync with a deadline: %v", err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			got, err := Values[float32](x.AddScalar(1))
			if err != nil || got[0] != 2 || got[63] != 2 {
				t.Errorf("after it: %v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if v, err := Values[float32](y); err != nil || v[0] != v[63] {
		t.Errorf("the long way ends with %v, error %v", v, err)
	}
}
