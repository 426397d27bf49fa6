package zmlx

import (
	"context"
	"errors"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func TestFree(t *testing.T) {
	dev := newRemote(t, true)
	a := Arange(0, 4, 1, Int32).To(dev)
	view, pending := a.Reshape(2, 2), a.As(Float32)
	a.Free()
	where := line(-1)
	a.Free()
	var fe *FreedError
	for i, err := range []error{
		a.Err(), view.Err(), a.Reshape(4).Err(), a.As(Int8).Err(), Concatenate(0, a, a).Err(), view.Transpose().Eval(context.Background()),
		OnesLike(view).Err(), a.To(Default()).Err(),
	} {
		if !errors.As(err, &fe) || err.Error() != "array was freed at "+where[1:len(where)-1] {
			t.Errorf("use %d of a freed array: %v, want one that says %s", i, err, where)
		}
	}
	wantValues(t, pending, []int{4}, float32(0), 1, 2, 3)
	if got := dev.MemoryStats(); got.Live != 256 { // pending's
		t.Errorf("%+v", got)
	}
	pending.Free()
	if got := dev.MemoryStats(); got.Live != 0 || got.Cached != 512 || got.Peak != 512 {
		t.Errorf("%+v", got)
	}
	dev.TrimMemory()
	if got := dev.MemoryStats(); got.Cached != 0 {
		t.Errorf("%+v", got)
	}
}

func TestScope(t *testing.T) {
	dev := newRemote(t, true)
	x := Arange(0, 1000, 1, Float32).To(dev)
	if err := x.Eval(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := dev.MemoryStats().Live
	var temporary, result, lazy, other *Array
	where := line(1)
	err := dev.Scope(func(keep func(*Array)) {
		temporary = x.As(Float64)
		if err := temporary.Eval(context.Background()); err != nil {
			t.Error(err)
		}
		result = temporary.As(Int32)
		keep(result.Slice(RangeTo(2))) // keeps all of result, which is not computed yet
		lazy = x.As(Int8)
		done := make(chan bool)
		go func() {
			other = x.As(Int16)
			done <- true
		}()
		<-done
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*Array{temporary, lazy} {
		if err := a.Err(); err == nil || err.Error() != "array was freed at "+where[1:len(where)-1] {
			t.Errorf("temporary after its scope: %v", err)
		}
	}
	wantValues(t, result.Slice(RangeTo(3)), []int{3}, int32(0), 1, 2)
	wantValues(t, other.Slice(RangeTo(3)), []int{3}, int16(0), 1, 2)
	wantValues(t, x.Slice(RangeTo(2)), []int{2}, float32(0), 1)
	if got, want := dev.MemoryStats().Live, before+4096+2048; got != want {
		t.Errorf("%d bytes are live, want %d", got, want)
	}
	bad := dev.Scope(func(keep func(*Array)) {
		keep(x.Reshape(3))
	})
	var se *ShapeError
	if !errors.As(bad, &se) {
		t.Errorf("keeping an array with an error: %v", bad)
	}
}

// Temporaries of a loop, 2.3 GiB of them, that nobody frees. Package graph's
// tests do the same with 32 GiB that are only counted.
func TestLoopKeepsMemoryBounded(t *testing.T) {
	dev, err := newDevice(interp.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	x := Scalar(uint8(1)).To(dev).Broadcast(8 << 20)
	for range 300 {
		if err := OnesLike(x).Eval(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := dev.MemoryStats(); got.Peak > 160<<20 || got.Collections == 0 {
		t.Errorf("%+v", got)
	}
}
