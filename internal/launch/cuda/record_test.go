package cuda

// This file implements tests of recorded graphs.

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
)

func TestRecord(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a, b := mustAlloc(t, d, 40), mustAlloc(t, d, 40)
	increment, copying := kernel(t, d, "increment", "a"), kernel(t, d, "copy", "a", "b")
	copying.writes = []bool{false, true}
	mustUpload(t, a, counting(10)...)
	launched := f.get(t, "launches", 0)
	g, err := d.record(func() error {
		if !d.Recording() {
			t.Error("not recording")
		}
		return errors.Join(
			increment.Run(t.Context(), over(10, 4, a)),
			copying.Run(t.Context(), over(10, 4, a, b)),
			increment.Run(t.Context(), over(10, 4, b)),
		)
	})
	if err != nil {
		t.Fatal(err)
	}
	if d.Recording() || g.Len() != 3 {
		t.Errorf("recording: %v, length %d", d.Recording(), g.Len())
	}
	if got := values(t, a, 10); !slices.Equal(got, counting(10)) {
		t.Error("recording ran something")
	}
	for range 3 {
		if err := g.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.get(t, "launches", 0) - launched; n != 3 {
		t.Errorf("%d launches of kernels for a graph of 3", n)
	}
	if n := f.get(t, "graphLaunches", 0); n != 3 {
		t.Errorf("%d launches of the graph, want 3", n)
	}
	va, vb := values(t, a, 10), values(t, b, 10)
	for i, v := range counting(10) {
		if va[i] != v+3 || vb[i] != v+4 {
			t.Fatalf("element %d: %d and %d, want %d and %d", i, va[i], vb[i], v+3, v+4)
		}
	}
	// What the graph needs stays until it is closed.
	b.Free()
	if err := errors.Join(increment.Close(), copying.Close()); err != nil {
		t.Error(err)
	}
	held, modules := d.Held(), f.get(t, "modules", 0)
	if err := g.Launch(); err != nil {
		t.Fatal(err)
	}
	if got := values(t, a, 1); got[0] != counting(1)[0]+4 {
		t.Errorf("replayed to %d", got[0])
	}
	if err := errors.Join(g.Close(), g.Close()); err != nil {
		t.Error(err)
	}
	if d.Held() != held-40 || f.get(t, "modules", 0) != modules-2 {
		t.Errorf("%d bytes and %d modules after the graph was closed; %d and %d before", d.Held(), f.get(t, "modules", 0), held, modules)
	}
	if err := g.Launch(); err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("a closed graph was launched: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

// TestRecordMemory records allocations, uploads, copies, fills and others'
// work.
func TestRecordMemory(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	out := mustAlloc(t, d, 40)
	increment, copying := kernel(t, d, "increment", "a"), kernel(t, d, "copy", "a", "b")
	copying.writes = []bool{false, true}
	var constant, changed launch.Buffer
	source := counting(10)
	g, err := d.record(func() error {
		var err error
		if constant, err = d.Alloc(40); err != nil {
			return err
		}
		if changed, err = d.Alloc(40); err != nil {
			return err
		}
		p := bytesOf(source)
		err = errors.Join(constant.Upload(0, p), changed.Upload(0, p))
		clear(p)
		return errors.Join(err,
			increment.Run(t.Context(), over(10, 10, changed)),
			copying.Run(t.Context(), over(5, 5, constant, out)),
			d.Copy(out, 20, changed, 20, 12),
			d.Fill(out, 32, 4, []byte{9, 0, 0, 0}),
			d.Enqueue("library", []launch.Buffer{out}, func(stream uintptr, addrs []uintptr) error {
				if s := int32(dl.Call(f.set8.addr, addrs[0]+36, 1, 4, stream)); s != 0 {
					return errors.New("not set")
				}
				return nil
			}))
	})
	if err != nil {
		t.Fatal(err)
	}
	// The upload to what a kernel changes is repeated, the other one is not.
	if g.Len() != 6 {
		t.Errorf("%d pieces of work, want 6", g.Len())
	}
	want := slices.Clone(source)
	for i := 5; i < 8; i++ {
		want[i]++
	}
	want[8], want[9] = 9, 0x01010101
	for range 3 {
		if err := d.Fill(out, 0, 40, []byte{0xee}); err != nil {
			t.Fatal(err)
		}
		if err := g.Launch(); err != nil {
			t.Fatal(err)
		}
		if got := values(t, out, 10); !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	constant.Free()
	changed.Free()
	out.Free()
	if err := errors.Join(g.Launch(), d.Sync(), g.Close()); err != nil {
		t.Error(err)
	}
	if d.Held() != 0 {
		t.Errorf("%d bytes held", d.Held())
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

func TestUnrecordable(t *testing.T) {
	f := newFake(t)
	d, other := f.open(t, 0), f.open(t, 1)
	a, b := mustAlloc(t, d, 40), mustAlloc(t, other, 40)
	empty, err := d.record(func() error { return nil })
	if err != nil || empty.Launch() != nil || empty.Close() != nil {
		t.Errorf("recording nothing: %v", err)
	}
	for name, do := range map[string]func() error{
		"download":  func() error { return a.Download(0, make([]byte, 4)) },
		"sync":      d.Sync,
		"copy":      func() error { return d.Copy(b, 0, a, 0, 4) },
		"graph":     empty.Launch,
		"time":      func() error { _, err := d.Time(func() error { return nil }); return err },
		"profile":   func() error { _, err := d.Profile(func() error { return nil }); return err },
		"recording": func() error { _, err := d.record(func() error { return nil }); return err },
		"work": func() error {
			return d.Enqueue("library", nil, func(uintptr, []uintptr) error { return errors.New("no") })
		},
		"refused": func() error { return kernel(t, d, "refuse", "a").Run(t.Context(), over(4, 4, a)) },
	} {
		g, err := d.record(func() error {
			if err := kernel(t, d, "increment", "a").Run(t.Context(), over(10, 10, a)); err != nil {
				t.Error(err)
			}
			return do()
		})
		if err == nil || g != nil {
			t.Errorf("%s was recorded", name)
		}
	}
	func() {
		defer func() { recover() }()
		d.record(func() error { panic("in a recording") })
	}()
	if d.Recording() {
		t.Error("recording after a panic")
	}
	mustUpload(t, a, 5)
	if got := values(t, a, 1); got[0] != 5 {
		t.Errorf("the device gives %v after recordings that failed", got)
	}
	a.Free()
	b.Free()
	if err := errors.Join(d.Close(), other.Close()); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

// TestRecordAlone makes sure that other goroutines' work is not recorded.
func TestRecordAlone(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	p := kernel(t, d, "increment", "a")
	mustUpload(t, a, 1)
	g, err := d.record(func() error {
		if err := p.Run(t.Context(), over(1, 1, a)); err != nil {
			return err
		}
		done := make(chan error)
		go func() {
			err := p.Run(t.Context(), over(1, 1, a))
			if err == nil {
				err = d.Sync()
			}
			done <- err
		}()
		return <-done
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := values(t, a, 1); g.Len() != 1 || got[0] != 2 {
		t.Errorf("%d launches recorded and %v computed, want 1 and 2", g.Len(), got)
	}
}

// TestGraphClosedMeanwhile closes a graph while another goroutine is about to
// launch it.
func TestGraphClosedMeanwhile(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	p := kernel(t, d, "increment", "a")
	g, err := d.record(func() error { return p.Run(t.Context(), over(10, 10, a)) })
	if err != nil {
		t.Fatal(err)
	}
	d.queue.row.Store(1)
	d.launching.Lock()
	launched, closed := make(chan error), make(chan error)
	go func() { launched <- g.Launch() }()
	until(t, "the launch waits for its turn", func() bool { return d.queue.row.Load() == 0 })
	go func() { closed <- g.Close() }()
	until(t, "the graph is being closed", g.closed.Load)
	d.launching.Unlock()
	if err := <-launched; err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("launched while it was closed: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if n := f.get(t, "graphLaunches", 0); n != 0 {
		t.Errorf("the driver was asked to launch a graph that is gone")
	}
}

// TestRecordPanics has the function panic whose launches are recorded.
func TestRecordPanics(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	p := kernel(t, d, "increment", "a")
	modules := f.get(t, "modules", 0)
	func() {
		defer func() {
			if recover() != "oh" {
				t.Error("it did not panic")
			}
		}()
		d.record(func() error {
			mustRun(t, p, over(10, 10, a))
			panic("oh")
		})
	}()
	if d.Recording() {
		t.Error("still recording")
	}
	held := d.Held()
	a.Free()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if d.Held() != held-40 || f.get(t, "modules", 0) != modules-1 {
		t.Error("the recording keeps what it used")
	}
}
