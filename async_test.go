package zmlx

// This file implements tests on a device as GPUs are: the host cannot address
// its memory, and what it is given is done later. With ZMLX_DEVICE=remote all
// tests of this package run on it.

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	remotes "github.com/zmlx-go/zmlx/internal/launch/remote"
)

func init() {
	launch.Register("remote", remotes.Open(func() (launch.Device, error) { return interp.New(), nil }))
}

// farDevice returns a new device out of the host's reach, and what is below it.
func farDevice(t testing.TB, name string) (*Device, *remotes.Device) {
	t.Helper()
	raw := remotes.New(name, interp.New())
	d, err := newDevice(raw, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d, raw
}

var bumpKernel = MustCompile(Kernel{Name: "bump", InputNames: []string{"x"}, OutputNames: []string{"out"},
	Source: "uint i = thread_position_in_grid.x; out[i] = x[i] + 1;"})

func bump(a *Array) *Array { return bumpKernel.Call(Launch{}, a)[0] }

func TestFailuresAreFoundLater(t *testing.T) {
	d, raw := farDevice(t, "far")
	ctx := t.Context()
	x := FromSlice([]float32{1, 2, 3}).To(d)
	before := x.Square()
	if err := before.Eval(ctx); err != nil {
		t.Fatal(err)
	}
	wantValues(t, before, []int{3}, float32(1), 4, 9)
	raw.Break("bump", errors.New("illegal address"))
	bad := bump(x)
	after := bad.Square()
	strided := after.Slice(RangeReverse()).Contiguous()
	beside := x.Square().AddScalar(1)
	if err := Eval(ctx, bad, after, strided, beside); err != nil && !strings.Contains(err.Error(), "illegal address") { // it may be found by then
		t.Fatalf("launching fails with %v", err)
	}
	if err := d.Sync(ctx); err != nil {
		t.Errorf("the device fails with %v", err)
	}
	for name, a := range map[string]*Array{"bad": bad, "after": after, "strided": strided} {
		if _, err := Values[float32](a); err == nil || !strings.Contains(err.Error(), "bump: ") || !strings.Contains(err.Error(), "illegal address") {
			t.Errorf("%s: error %v", name, err)
		}
		if err := bump(a).Err(); err == nil {
			t.Errorf("%s can be used again", name)
		}
	}
	wantValues(t, beside, []int{3}, float32(2), 5, 10)
	wantValues(t, before, []int{3}, float32(1), 4, 9)
	raw.Break("bump", nil)
	wantValues(t, bump(x), []int{3}, float32(2), 3, 4)
}

// An error reaches arrays on other devices, too, before anything runs there.
func TestFailuresCrossDevices(t *testing.T) {
	d, raw := farDevice(t, "far")
	e, _ := farDevice(t, "farther")
	raw.Break("bump", errors.New("illegal address"))
	x := FromSlice([]float32{1, 2, 3}).To(d)
	for _, to := range []*Device{e, Default()} {
		moved := bump(x).To(to).Square()
		if _, err := Values[float32](moved); err == nil || !strings.Contains(err.Error(), "bump") {
			t.Errorf("on %s: error %v", to.Name(), err)
		}
	}
	wantValues(t, x.To(e).Square(), []int{3}, float32(1), 4, 9)
}

func TestLostDevice(t *testing.T) {
	d, raw := farDevice(t, "far")
	e, _ := farDevice(t, "farther")
	x, y := FromSlice([]float32{1, 2}).To(d), FromSlice([]float32{3, 4}).To(e)
	if err := Eval(t.Context(), x, y, x.Square()); err != nil {
		t.Fatal(err)
	}
	raw.Lose(errors.New("fell off the bus"))
	lost := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, launch.ErrLost) || !strings.Contains(err.Error(), "fell off the bus") {
			t.Errorf("%s: error %v", what, err)
		}
	}
	_, err := Values[float32](x.Square())
	lost("values", err)
	lost("an old array", x.Err())
	lost("a new one", bump(x).Err())
	lost("moving", x.To(e).Err())
	lost("sync", d.Sync(t.Context()))
	wantValues(t, y.Square(), []int{2}, float32(9), 16)
}

func TestFullDeviceSaysSizes(t *testing.T) {
	d, raw := farDevice(t, "far")
	raw.Most = 4 << 20
	x := Ones(Float32, 256<<10).To(d) // 1 MiB
	for range 50 {                    // temporaries that nobody frees
		if err := x.Square().Eval(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	err := Ones(Float32, 1<<20).To(d).Eval(t.Context())
	var de *DeviceError
	if !errors.As(err, &de) || de.Device != "far" || !strings.Contains(err.Error(), "4194304 bytes on far") || !strings.Contains(err.Error(), "arrays hold") {
		t.Errorf("error %v", err)
	}
	if sum, err := Item[float32](x.Sum(-1)); err != nil || sum != 256<<10 {
		t.Errorf("after that: %g, %v", sum, err)
	}
}

// Shapes, strides and parameters are brought to a device once, and nothing else
// goes through the host.
func TestNothingGoesThroughTheHost(t *testing.T) {
	d, raw := farDevice(t, "far")
	ctx := t.Context()
	x := RandomNormal(NewKey(1), Float32, 6, 8).To(d)
	h, index := x.As(Float16), FromSlice([]int32{1, 1, 3}).To(d)
	norm := MustDefine("rms(x, w; eps=1e-5) = x * rsqrt(mean(x * x) + eps) * w")
	step := func() []*Array {
		return []*Array{
			norm.Call(x, x.At(0)), x.Transpose().Contiguous(), Concatenate(1, x, x.Slice(RangeReverse())), x.MulScalar(3).As(Int8),
			x.Slice(Range{1, 5, 2}).As(BFloat16), ZerosLike(h), x.Broadcast(3, 6, 8).Contiguous(), h.As(Float32), x.Sum(0), bump(x.Transpose()),
			x.MatMul(x.Transpose()), x.Take(index),
		}
	}
	if err := Eval(ctx, step()...); err != nil {
		t.Fatal(err)
	}
	before := raw.Counts()
	if err := Eval(ctx, step()...); err != nil {
		t.Fatal(err)
	}
	if after := raw.Counts(); after.Uploads != before.Uploads || after.Downloads != before.Downloads {
		t.Errorf("uploads and downloads %+v, and then %+v", before, after)
	}
	host := x.To(Default())
	for i, a := range step() {
		x := host
		want := []*Array{
			norm.Call(x, x.At(0)), x.Transpose().Contiguous(), Concatenate(1, x, x.Slice(RangeReverse())), x.MulScalar(3).As(Int8),
			x.Slice(Range{1, 5, 2}).As(BFloat16), ZerosLike(x.As(Float16)), x.Broadcast(3, 6, 8).Contiguous(), x.As(Float16).As(Float32), x.Sum(0), bump(x.Transpose()),
			x.MatMul(x.Transpose()), x.Take(FromSlice([]int32{1, 1, 3})),
		}[i]
		if ok, err := AllClose(a, want, 1e-6, 1e-6); !ok || err != nil {
			t.Errorf("result %d: %v, %v, want %v", i, err, a, want)
		}
	}
}

func TestManyGoroutinesOnAFarDevice(t *testing.T) {
	d, raw := farDevice(t, "far")
	raw.Break("bump", errors.New("illegal address"))
	x := Arange(0, 64, 1, Float32).To(d)
	if err := x.Eval(t.Context()); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for k := range 30 {
				y := x.AddScalar(float64(g)).MulScalar(2).Contiguous()
				bad := bump(y).Square()
				z := y.Transpose().Add(x)
				if k%3 == 0 {
					bad.Eval(t.Context())
				}
				v, err := Values[float32](z)
				if err != nil || v[5] != float32(2*(5+g)+5) {
					t.Errorf("goroutine %d: %v, %v", g, v, err)
				}
				if _, err := Values[float32](bad); err == nil {
					t.Errorf("goroutine %d: no error", g)
				}
				y.Free()
				if k%10 == 0 {
					if err := d.Sync(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestTiming(t *testing.T) {
	d, _ := farDevice(t, "far")
	SetTiming(true)
	defer SetTiming(false)
	x := RandomNormal(NewKey(1), Float32, 100, 100).To(d)
	if err := x.Softmax().Eval(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := d.Stats(); s.DeviceTime <= 0 || s.Launches == 0 || s.Memory.Live == 0 {
		t.Errorf("%+v", s)
	}
}

func TestSyncStopsWaiting(t *testing.T) {
	d, _ := farDevice(t, "far")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Sync(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := Default().Sync(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEmptyRowsOnAFarDevice reduces rows of no elements, and differentiates it.
func TestEmptyRowsOnAFarDevice(t *testing.T) {
	d, _ := farDevice(t, "far")
	x := Zeros(Float32, 3, 0).To(d)
	wantValues(t, MustDefine("f(x) = sum(x)").Call(x), []int{3}, float32(0), 0, 0)
	grad := Grad(func(x *Array) *Array { return x.Square().Sum() })
	wantValues[float32](t, grad(x), []int{3, 0})
	wantValues[float32](t, MustDefine("f(x) = softmax(x)").Call(x), []int{3, 0})
}
