package graph

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

func TestClass(t *testing.T) {
	for _, c := range []struct{ n, want int }{
		{0, 256}, {256, 256}, {257, 320}, {320, 320}, {321, 384}, {512, 512}, {513, 640},
		{8 << 20, 8 << 20}, {8<<20 + 1, 10 << 20}, {1<<63 - 1, 1<<63 - 1},
	} {
		if got := class(c.n); got != c.want {
			t.Errorf("class(%d) = %d, want %d", c.n, got, c.want)
		}
	}
	for n := 1; n < 1<<20; n += 1 + n/7 {
		if c := class(n); c < n || n > 256 && c > n+n/4 || class(c) != c {
			t.Errorf("class(%d) = %d", n, c)
		}
	}
}

// Temporaries that nobody frees: 32 GiB in all, and the Go runtime sees none
// of it, as the buffers' sizes are only counted.
func TestTemporariesAreCollected(t *testing.T) {
	raw := &countingDevice{}
	dev, err := NewDevice(raw, StagedMover{})
	if err != nil {
		t.Fatal(err)
	}
	const n, size = 4000, 8 << 20
	for range n {
		v, err := dev.NewView(Spec{dtype.Uint8, []int{size}})
		if err != nil {
			t.Fatal(err)
		}
		Leaf(dev, v)
	}
	got := dev.Memory()
	// A collection comes with the first buffer beyond 64 MiB, when twice what
	// survived is less.
	if limit := 160 << 20; got.Peak > limit {
		t.Errorf("peak of %d MiB, want %d at most: %+v", got.Peak>>20, limit>>20, got)
	}
	if got.Allocs+got.Reuses != n || got.Collections == 0 {
		t.Errorf("counts %+v", got)
	}
	if raw.peak.Load() > 256<<20 {
		t.Errorf("the device had %d MiB allocated", raw.peak.Load()>>20)
	}
}

// A block that was freed by hand is handed out again as the same Buffer, which
// still goes back by itself when nobody has it any more.
func TestFreedMemoryIsCollected(t *testing.T) {
	raw := &countingDevice{}
	dev, err := NewDevice(raw, StagedMover{})
	if err != nil {
		t.Fatal(err)
	}
	before := raw.used.Load()
	leaf := func() *Value {
		v, err := dev.NewView(Spec{dtype.Uint8, []int{4096}})
		if err != nil {
			t.Fatal(err)
		}
		return Leaf(dev, v)
	}
	for round := range 10 {
		for range 100 {
			leaf().Free("here")
		}
		if got := dev.Memory(); got.Live != 0 || got.Cached != 4096 || got.Allocs != 1 {
			t.Fatalf("round %d, after what was freed: %+v", round, got)
		}
		leaf() // and nothing more
		if got := dev.Memory(); got.Live != 4096 {
			t.Fatalf("round %d, with one array: %+v", round, got)
		}
		dev.pool.collect(0)
		if got := dev.Memory(); got.Live != 0 || got.Cached != 4096 {
			t.Fatalf("round %d, after a collection: %+v", round, got)
		}
	}
	leaf().Free("here")
	dev.Trim()
	dev.pool.collect(0)
	if got := dev.Memory(); got.Live != 0 || got.Cached != 0 || raw.used.Load() != before {
		t.Errorf("after Trim: %+v, %d bytes more on the device", got, raw.used.Load()-before)
	}
}

// A countingDevice counts memory that it does not have.
type countingDevice struct {
	testDevice
	peak atomic.Int64
}

type countedBuffer struct {
	testBuffer
	n int
	d *countingDevice
}

func (d *countingDevice) Alloc(n int) (launch.Buffer, error) {
	used := d.used.Add(int64(n))
	d.peak.Store(max(d.peak.Load(), used))
	return &countedBuffer{n: n, d: d}, nil
}

func (b *countedBuffer) Size() int    { return b.n }
func (b *countedBuffer) Free()        { b.d.used.Add(int64(-b.n)) }
func (b *countedBuffer) Host() []byte { return nil }

// What is held makes collections rarer, not more frequent.
func TestHeldMemoryRaisesTheThreshold(t *testing.T) {
	dev, err := NewDevice(&countingDevice{}, StagedMover{})
	if err != nil {
		t.Fatal(err)
	}
	var held []View
	for range 64 {
		v, err := dev.NewView(Spec{dtype.Uint8, []int{16 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, v)
	}
	// 1 GiB in steps of 16 MiB from 64 MiB on: one collection a doubling.
	if got := dev.Memory(); got.Collections > 6 || got.Live != 1<<30 {
		t.Errorf("%+v", got)
	}
	clear(held)
}

// When the device is full, what nobody uses is found and given back first.
func TestFullDevice(t *testing.T) {
	raw := &testDevice{most: 1 << 20, remote: true}
	dev := open(t, raw)
	spec := Spec{dtype.Uint8, []int{300 << 10}}
	for range 20 {
		if _, err := dev.NewView(spec); err != nil {
			t.Fatal(err)
		}
	}
	// Kept blocks of another size must not be in the way.
	var held []View
	for range 3 {
		v, err := dev.NewView(Spec{dtype.Uint8, []int{250 << 10}})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, v)
	}
	_, err := dev.NewView(spec)
	var full *MemoryError
	if !errors.As(err, &full) || full.Bytes != 300<<10 || full.Device != "test" || !strings.Contains(err.Error(), "memory is full") {
		t.Errorf("error %v", err)
	}
	for _, v := range held {
		v.Buffer.release()
	}
	if _, err := dev.NewView(spec); err != nil {
		t.Error(err)
	}
}

// The Go runtime ends the program when the host has no memory left; so the pool
// refuses what cannot be there.
func TestHostMemoryIsBounded(t *testing.T) {
	dev := open(t, &testDevice{})
	if _, err := dev.NewView(Spec{dtype.Uint8, []int{1 << 60}}); err == nil || !strings.Contains(err.Error(), "the limit is") {
		t.Errorf("2⁶⁰ bytes: %v", err)
	}
	if _, err := dev.NewView(Spec{dtype.Float64, []int{1 << 61}}); err == nil {
		t.Error("2⁶⁴ bytes: no error")
	}
}

func TestClose(t *testing.T) {
	raw := &testDevice{}
	dev := open(t, raw)
	v, err := dev.NewView(Spec{dtype.Uint8, []int{1000}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := dev.NewView(Spec{dtype.Uint8, []int{1000}})
	if err != nil {
		t.Fatal(err)
	}
	w.Buffer.release()
	if err := dev.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := raw.used.Load(), int64(class(1000)); got != want {
		t.Errorf("%d bytes allocated after Close, want %d, which are in use", got, want)
	}
	if _, err := dev.NewView(Spec{dtype.Uint8, nil}); !errors.Is(err, errClosed) {
		t.Errorf("allocation on a closed device: %v", err)
	}
	v.Buffer.release()
	if got := raw.used.Load(); got != 0 {
		t.Errorf("%d bytes allocated", got)
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
}

// Intermediate arrays of a long chain go while later ones are computed.
func TestIntermediatesAreCollected(t *testing.T) {
	dev := open(t, &testDevice{remote: true})
	spec := Spec{dtype.Uint8, []int{1 << 20}}
	v, err := FillValue(dev, spec, []byte{1})
	for range 400 {
		if err != nil {
			t.Fatal(err)
		}
		in := Input{v, shape.New(spec.Dims)}
		v, err = one(New("touch", dev, []Input{in}, []Spec{spec}, func(context.Context, []View) ([]View, error) {
			out, err := dev.NewView(spec)
			return []View{out}, err
		}))
	}
	if err := Evaluate(context.Background(), v); err != nil {
		t.Fatal(err)
	}
	if got := dev.Memory(); got.Peak > 160<<20 {
		t.Errorf("peak of %d MiB for a chain of 1 MiB arrays", got.Peak>>20)
	}
}
