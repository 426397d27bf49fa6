package cuda

// This file implements tests of the queue of launches.

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// A witness is told of failed launches.
type witness struct {
	mu   sync.Mutex
	errs []error
}

func (w *witness) Fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

func (w *witness) told() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.errs)
}

// watched is over for a launch that may be put into the queue.
func watched(w launch.Watcher, n, group int, buffers ...launch.Buffer) launch.Launch {
	l := over(n, group, buffers...)
	l.Watch = w
	return l
}

// until waits for a condition.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !f(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("waited for long until " + what)
		}
	}
}

func untilEmpty(t testing.TB, d *Device) {
	t.Helper()
	until(t, "the queue is empty", func() bool { return d.queue.done.Load() == d.queue.put.Load() })
}

// beginRow launches a kernel on b until launches are put into the queue, which
// the submitter then looks after for as long as the device is open. It returns
// how many launches that took.
func beginRow(t testing.TB, d *Device, p *program, b launch.Buffer) int {
	t.Helper()
	d.queue.least, d.queue.linger, d.queue.stall = 1, time.Hour, time.Hour
	n := 0
	until(t, "the submitter is at work", func() bool {
		mustRun(t, p, watched(&witness{}, b.Size()/4, 10, b))
		n++
		return d.queue.put.Load() > 0
	})
	return n
}

// TestQueue keeps the driver busy with one launch while others are made.
func TestQueue(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	a := mustAlloc(t, d, 40)
	mustUpload(t, a, make([]uint32, 10)...)
	n := beginRow(t, d, p, a)
	untilEmpty(t, d)
	f.set(t, "held", 0, 1)
	const more = queueSize
	for range more { // the driver does not answer
		mustRun(t, p, watched(&witness{}, 10, 10, a))
	}
	until(t, "the driver has a launch", func() bool { return f.get(t, "holding", 0) == 1 })
	if got := f.get(t, "launches", 0); got > n+1 { // and the trial
		t.Errorf("the driver was asked for %d launches", got)
	}
	full := make(chan error)
	go func() { full <- p.Run(t.Context(), watched(&witness{}, 10, 10, a)) }()
	synced := make(chan error)
	go func() { synced <- d.Sync() }()
	select {
	case err := <-full:
		t.Errorf("launched into a full queue, error %v", err)
	case err := <-synced:
		t.Errorf("waited for launches that the driver does not have, error %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	f.set(t, "held", 0, 0)
	if err := errors.Join(<-full, <-synced); err != nil {
		t.Error(err)
	}
	for i, v := range values(t, a, 10) {
		if v != uint32(n+more+1) {
			t.Fatalf("element %d is %d after %d launches", i, v, n+more+1)
		}
	}
	d.Close()
	until(t, "the submitter is gone", func() bool { return !d.queue.running.Load() })
}

// TestQueueOrder mixes launches with all that has its place in their order.
func TestQueueOrder(t *testing.T) {
	f := newFake(t)
	d, e := f.open(t, 0), f.open(t, 1)
	p, c := kernel(t, d, "increment", "a"), kernel(t, d, "copy", "a", "b")
	a, b, far := mustAlloc(t, d, 40), mustAlloc(t, d, 40), mustAlloc(t, e, 40)
	beginRow(t, d, p, a)
	w := &witness{}
	row := func() {
		for range 10 {
			mustRun(t, p, watched(w, 10, 10, a))
		}
	}
	queued := d.queue.put.Load()
	g, err := d.record(func() error { return p.Run(t.Context(), watched(w, 10, 10, a)) })
	if err != nil {
		t.Fatal(err)
	}
	one := func(name string, want uint32, got launch.Buffer, f func() error) {
		t.Helper()
		mustUpload(t, a, make([]uint32, 10)...)
		row()
		if err := f(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		row()
		if v := values(t, got, 10); v[9] != want {
			t.Errorf("%s: %v, want %d", name, v, want)
		}
	}
	one("nothing", 20, a, func() error { return nil })
	one("upload", 11, a, func() error { return a.Upload(0, bytesOf(slices.Repeat([]uint32{1}, 10))) })
	one("fill", 10, a, func() error { return d.Fill(a, 0, 40, []byte{0}) })
	one("copy", 10, b, func() error { return d.Copy(b, 0, a, 0, 40) })
	one("copy to another device", 10, far, func() error { return e.Copy(far, 0, a, 0, 40) })
	one("copy from another device", 20, a, func() error { return d.Copy(a, 0, far, 0, 40) })
	one("kernel that is not watched", 10, b, func() error { return c.Run(t.Context(), over(10, 10, a, b)) })
	one("kernel", 10, b, func() error { return c.Run(t.Context(), watched(w, 10, 10, a, b)) })
	one("graph", 21, a, g.Launch)
	one("library", 20, a, func() error {
		return d.Enqueue("library", []launch.Buffer{a}, func(stream uintptr, addrs []uintptr) error {
			if d.queue.put.Load() != d.queue.done.Load() {
				t.Errorf("called with launches in the queue")
			}
			return nil
		})
	})
	one("free", 20, a, func() error {
		temp := mustAlloc(t, d, 40)
		mustRun(t, c, watched(w, 10, 10, a, temp))
		mustRun(t, c, watched(w, 10, 10, temp, b))
		temp.Free()
		if got := values(t, b, 1); got[0] != 10 {
			t.Errorf("a copy through memory that was freed after has %v", got)
		}
		return nil
	})
	one("close of a kernel", 10, b, func() error {
		own := kernel(t, d, "copy", "a", "b")
		mustRun(t, own, watched(w, 10, 10, a, b))
		return own.Close()
	})
	one("recording", 20, a, func() error {
		g, err := d.record(func() error { return p.Run(t.Context(), watched(w, 10, 10, a)) })
		if err != nil {
			return err
		}
		return g.Close()
	})
	one("time", 20, a, func() error {
		took, err := d.Time(func() error { mustRun(t, c, watched(w, 10, 10, a, b)); return nil })
		if took != 1000000 { // the fake's clock counts kernels
			t.Errorf("one kernel took %v", took)
		}
		return err
	})
	one("profile", 22, a, func() error {
		times, err := d.Profile(func() error {
			mustRun(t, p, watched(w, 10, 10, a))
			mustRun(t, p, watched(w, 10, 10, a))
			return nil
		})
		if len(times) != 2 || times[0].Kernel != "increment" || times[1].Time != 1000000 {
			t.Errorf("profile %v", times)
		}
		return err
	})
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if n := d.queue.put.Load() - queued; n < 250 {
		t.Errorf("%d launches went through the queue", n)
	}
	if errs := w.told(); len(errs) > 0 {
		t.Errorf("told of %v", errs)
	}
}

// TestQueueErrors has launches fail that were put into the queue.
func TestQueueErrors(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p, refused, bad := kernel(t, d, "increment", "a"), kernel(t, d, "refuse", "a"), kernel(t, d, "fault", "a")
	a := mustAlloc(t, d, 40)
	mustUpload(t, a, make([]uint32, 10)...)
	n := beginRow(t, d, p, a)
	fine, own := &witness{}, &witness{}
	mustRun(t, p, watched(fine, 10, 10, a))
	mustRun(t, refused, watched(own, 10, 10, a))
	mustRun(t, p, watched(fine, 10, 10, a))
	if err := d.Sync(); err != nil {
		t.Errorf("Sync: %v", err)
	}
	if errs := own.told(); len(errs) != 1 || !strings.Contains(errs[0].Error(), "cuda:0: kernel refuse: cuLaunchKernel: an error of the fake driver") {
		t.Errorf("the refused launch's watcher was told %v", errs)
	}
	if got := values(t, a, 1); got[0] != uint32(n+2) {
		t.Errorf("%d launches came out right, want %d", got[0], n+2)
	}
	if errs := fine.told(); len(errs) > 0 {
		t.Errorf("others were told %v", errs)
	}
	// Launches that come after the loss of the device are told of it.
	mustRun(t, bad, watched(fine, 10, 10, a))
	untilEmpty(t, d)
	f.set(t, "held", 0, 1)
	for range 3 {
		mustRun(t, p, watched(own, 10, 10, a))
	}
	until(t, "the driver has a launch", func() bool { return f.get(t, "holding", 0) == 1 })
	f.set(t, "drain", 0, 1)
	f.set(t, "held", 0, 0)
	until(t, "all are told", func() bool { return len(own.told()) == 4 })
	for _, err := range own.told()[1:] {
		if !errors.Is(err, launch.ErrLost) || !strings.Contains(err.Error(), "fault") {
			t.Errorf("after the fault: %v", err)
		}
	}
	if err := d.Sync(); !errors.Is(err, launch.ErrLost) {
		t.Errorf("Sync: %v", err)
	}
}

// TestQueueWhen says when launches are put into the queue.
func TestQueueWhen(t *testing.T) {
	f := newFake(t)
	few, off, on := f.open(t, 0), f.open(t, 0), f.open(t, 0)
	few.queue.least = runtime.GOMAXPROCS(0) + 1
	off.queue.off = true
	on.queue.least = 1
	for _, d := range []*Device{few, off} {
		p, a := kernel(t, d, "increment", "a"), mustAlloc(t, d, 40)
		for range 100 {
			mustRun(t, p, watched(&witness{}, 10, 10, a))
		}
		if d.queue.started || d.queue.put.Load() > 0 {
			t.Error("launches were put into the queue")
		}
	}
	p, a := kernel(t, on, "increment", "a"), mustAlloc(t, on, 40)
	for range 100 { // of two launches each
		mustRun(t, p, watched(&witness{}, 10, 10, a))
		mustRun(t, p, watched(&witness{}, 10, 10, a))
		values(t, a, 1)
	}
	if on.queue.started {
		t.Error("a row of two launches")
	}
	beginRow(t, on, p, a)
	for on.queue.running.Load() { // two launches and no more
		mustRun(t, p, watched(&witness{}, 10, 10, a))
		mustRun(t, p, watched(&witness{}, 10, 10, a))
		values(t, a, 1)
		runtime.Gosched()
	}
}

// TestQueueSlow has a submitter that does nothing for as long as it takes.
func TestQueueSlow(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	a := mustAlloc(t, d, 40)
	mustUpload(t, a, make([]uint32, 10)...)
	n := beginRow(t, d, p, a)
	untilEmpty(t, d)
	d.queue.leave.Store(true)
	until(t, "the submitter is gone", func() bool { return !d.queue.running.Load() })
	d.queue.stall = 0
	d.queue.running.Store(true)
	const more = queueSize + 100
	for range more {
		mustRun(t, p, watched(&witness{}, 10, 10, a))
	}
	if got := values(t, a, 1); got[0] != uint32(n+more) {
		t.Errorf("%d launches were made, want %d", got[0], n+more)
	}
	if d.queue.rest.Load() == 0 {
		t.Error("the next row is to have a submitter")
	}
	d.queue.running.Store(false)
}

// TestQueueGoroutines has several goroutines launch at once.
func TestQueueGoroutines(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	first := mustAlloc(t, d, 40)
	beginRow(t, d, p, first)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for round := range 10 {
				n := 10 + i
				start := counting(n)
				b, err := d.Alloc(4 * n)
				if err != nil {
					t.Error(err)
					return
				}
				w := &witness{}
				if err := b.Upload(0, bytesOf(start)); err != nil {
					t.Error(err)
				}
				for range 50 {
					if err := p.Run(t.Context(), watched(w, n, 10, b)); err != nil {
						t.Error(err)
					}
				}
				got := make([]byte, 4*n)
				if err := b.Download(0, got); err != nil {
					t.Error(err)
				}
				b.Free()
				for j := range start {
					start[j] += 50
				}
				if !bytes.Equal(got, bytesOf(start)) || len(w.told()) > 0 {
					t.Errorf("goroutine %d, round %d: wrong values; told %v", i, round, w.told())
				}
			}
		})
	}
	wg.Wait()
}

// hold begins a row of launches on b, and makes the driver wait in the first of
// n more.
func (f *fake) hold(t *testing.T, d *Device, p *program, b launch.Buffer, w *witness, n int) (before int) {
	t.Helper()
	before = beginRow(t, d, p, b)
	untilEmpty(t, d)
	f.set(t, "held", 0, 1)
	for range n {
		mustRun(t, p, watched(w, b.Size()/4, 10, b))
	}
	until(t, "the driver has a launch", func() bool { return f.get(t, "holding", 0) == 1 })
	return before
}

// TestQueueClose closes a device whose queue is full, while others launch.
func TestQueueClose(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	a := mustAlloc(t, d, 40)
	w := &witness{}
	f.hold(t, d, p, a, w, queueSize)
	launched := f.get(t, "launches", 0)
	closed, more := make(chan error), make(chan int)
	go func() { closed <- d.Close() }()
	go func() {
		n := 0
		for ; p.Run(t.Context(), watched(w, 10, 10, a)) == nil; n++ {
		}
		more <- n
	}()
	f.set(t, "held", 0, 0)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if got, want := f.get(t, "launches", 0)-launched, queueSize+<-more; got != want {
		t.Errorf("the driver was asked for %d launches, want %d", got, want)
	}
	if errs := w.told(); len(errs) > 0 {
		t.Errorf("told of %v", errs)
	}
	if d.queue.put.Load() != d.queue.done.Load() {
		t.Error("there are launches in the queue of a closed device")
	}
}

// TestQueueCloseLost closes a device that is lost with launches in its queue.
func TestQueueCloseLost(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p, bad := kernel(t, d, "increment", "a"), kernel(t, d, "fault", "a")
	a := mustAlloc(t, d, 40)
	mustRun(t, bad, over(10, 10, a))
	w := &witness{}
	f.hold(t, d, p, a, w, 100)
	f.set(t, "drain", 0, 1) // now it is lost, and nobody knows
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	f.set(t, "held", 0, 0)
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
	errs := w.told()
	if len(errs) != 100 {
		t.Errorf("%d launches were told of, want 100", len(errs))
	}
	for _, err := range errs {
		if !errors.Is(err, launch.ErrLost) {
			t.Fatalf("told of %v", err)
		}
	}
}

// TestQueueMemory asks for memory that is free only after the launches of the
// queue.
func TestQueueMemory(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p, c := kernel(t, d, "increment", "a"), kernel(t, d, "copy", "a", "b")
	const size = 1 << 20
	a, temp := mustAlloc(t, d, 40), mustAlloc(t, d, size)
	mustUpload(t, a, make([]uint32, 10)...)
	w := &witness{}
	n := f.hold(t, d, p, a, w, 10) + 10
	f.set(t, "limit", 0, uint64(f.get(t, "used", 0)))
	mustRun(t, c, watched(w, 10, 10, a, temp))
	got := make(chan launch.Buffer)
	go func() {
		temp.Free()
		b, err := d.Alloc(size)
		if err != nil {
			t.Error(err)
		}
		got <- b
	}()
	select {
	case <-got:
		t.Error("memory that is in use was given away")
	case <-time.After(10 * time.Millisecond):
	}
	f.set(t, "held", 0, 0)
	b := <-got
	mustRun(t, c, watched(w, 10, 10, a, b))
	if v := values(t, b, 10); v[9] != uint32(n) {
		t.Errorf("%d launches were made, want %d", v[9], n)
	}
	if _, err := d.Alloc(size); err == nil {
		t.Error("more memory than there is")
	}
	if errs := w.told(); len(errs) > 0 {
		t.Errorf("told of %v", errs)
	}
}
