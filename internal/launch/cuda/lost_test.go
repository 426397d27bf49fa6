package cuda

// This file implements tests of kernels that bring the device down.

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch"
)

func TestLost(t *testing.T) {
	f := newFake(t)
	d, other := f.open(t, 0), f.open(t, 1)
	handle := f.open(t, 0)
	a, b := mustAlloc(t, d, 40), mustAlloc(t, other, 40)
	fine, bad := kernel(t, d, "increment", "a"), kernel(t, d, "fault", "a")
	mustUpload(t, a, counting(10)...)
	mustRun(t, fine, over(10, 10, a))
	values(t, a, 1) // fine has ended
	mustRun(t, bad, over(10, 10, a))
	mustRun(t, kernel(t, d, "copy", "a", "b"), over(10, 10, a, a))
	err := a.Download(0, make([]byte, 4))
	e, ok := errors.AsType[*LostError](err)
	if !ok {
		t.Fatalf("error %v, want a *LostError", err)
	}
	if e.Device != "cuda:0" || !slices.Equal(e.Kernels, []string{"fault", "copy"}) {
		t.Errorf("%+v", e)
	}
	if !errors.Is(err, launch.ErrLost) {
		t.Error("the error is not launch.ErrLost")
	}
	const text = "cuda:0 is lost since one of the kernels fault, copy (set ZMLX_CUDA_SYNC=1 to see which): cuEventSynchronize: an illegal memory access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS); this process cannot use the GPU any more: start it anew, or go on with another device"
	if err.Error() != text {
		t.Errorf("error %q, want %q", err, text)
	}
	// Every call says so, of every handle.
	_, allocErr := d.Alloc(4)
	_, compileErr := tryKernel(t, d, "groups", "a")
	_, recordErr := d.record(func() error { return nil })
	_, timeErr := d.Time(func() error { return nil })
	_, handleErr := handle.Alloc(4)
	_, openErr := f.tryOpen(t, 0)
	for i, err := range []error{
		fine.Run(t.Context(), over(10, 10, a)), a.Upload(0, []byte{1}), a.Download(0, []byte{1}), d.Sync(),
		d.Copy(a, 0, a, 4, 4), d.Copy(b, 0, a, 4, 4), d.Trim(), allocErr, compileErr, recordErr, timeErr, handleErr, openErr,
	} {
		if got, ok := errors.AsType[*LostError](err); !ok || got != e {
			t.Errorf("call %d after the loss: %v", i, err)
		}
	}
	// The other device goes on.
	mustUpload(t, b, 1, 2, 3)
	mustRun(t, kernel(t, other, "increment", "a"), over(3, 3, b))
	if got := values(t, b, 3); !slices.Equal(got, []uint32{2, 3, 4}) {
		t.Errorf("the other device gives %v", got)
	}
	// Closed by all, it stays lost.
	a.Free()
	if err := errors.Join(fine.Close(), d.Close(), handle.Close()); err != nil {
		t.Error(err)
	}
	if n := f.get(t, "users", 0); n != 0 {
		t.Errorf("the lost context has %d users left", n)
	}
	if _, err := f.tryOpen(t, 0); !errors.Is(err, e) {
		t.Errorf("opened again: %v", err)
	}
}

func TestTimeout(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	mustRun(t, kernel(t, d, "hang", "a"), over(10, 10, a))
	if err := d.Sync(); err == nil || !strings.Contains(err.Error(), "lost since kernel hang: ") || !strings.Contains(err.Error(), "timed out") {
		t.Errorf("error %v", err)
	}
}

// TestLostEarlier lets the call after the fault find it.
func TestLostEarlier(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	bad, fine := kernel(t, d, "fault", "a"), kernel(t, d, "increment", "a")
	mustRun(t, bad, over(10, 10, a))
	f.wait(t, d)
	err := fine.Run(t.Context(), over(10, 10, a))
	if e, ok := errors.AsType[*LostError](err); !ok || !slices.Equal(e.Kernels, []string{"fault"}) {
		t.Errorf("a launch after the fault: %v", err)
	}
}

// wait lets the GPU end its work without telling the device.
func (f *fake) wait(t *testing.T, d *Device) {
	t.Helper()
	if err := f.do(&f.setCurrent, d.primary.ctx); err != nil {
		t.Fatal(err)
	}
	f.do(&f.streamSync, d.stream)
}

func TestSyncMode(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	d.sync = true
	a := mustAlloc(t, d, 40)
	for range 3 {
		mustRun(t, kernel(t, d, "increment", "a"), over(10, 10, a))
	}
	err := kernel(t, d, "fault", "a").Run(t.Context(), over(10, 10, a))
	if e, ok := errors.AsType[*LostError](err); !ok || !slices.Equal(e.Kernels, []string{"fault"}) {
		t.Errorf("error %v", err)
	}
}

func TestFlight(t *testing.T) {
	var fl flight
	for i := range 100 {
		fl.add("kernel" + string(rune('a'+i%20)))
	}
	if got := fl.kernels(); len(got) != 9 || got[0] != "kernelq" || got[8] != "12 others" {
		t.Errorf("under way: %v", got)
	}
	fl.landed(98)
	if got := fl.kernels(); !slices.Equal(got, []string{"kernels", "kernelt"}) {
		t.Errorf("under way: %v", got)
	}
	fl.landed(50)
	fl.landed(100)
	if got := fl.kernels(); len(got) != 0 {
		t.Errorf("under way: %v", got)
	}
}

func TestLostGraph(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	fine, bad := kernel(t, d, "increment", "a"), kernel(t, d, "fault", "a")
	g, err := d.record(func() error {
		for _, p := range []launch.Program{fine, bad, fine} {
			if err := p.Run(t.Context(), over(10, 10, a)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := d.Sync(); err == nil || !strings.Contains(err.Error(), "lost since kernel graph of 3 (increment, fault): ") {
		t.Errorf("error %v", err)
	}
	if err := g.Launch(); err == nil {
		t.Error("a graph was launched on a lost device")
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}
