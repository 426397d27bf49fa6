// This file implements what becomes of work that a device does later. Nodes
// run as soon as the device was given their launches; whether these come out
// right is known only once something waits. Until then each Value holds the
// fate of its launch, and that one the fates of what it reads: an error marks
// what depends on the launch at fault, and nothing else.
//
// A device does all it is given in order, so that memory which goes back to
// the pool while launches are under way can be handed out at once.

package graph

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// mostPending is how many Nodes may run on a device before something waits for
// them: their fates take memory.
const mostPending = 8192

// A fate is what becomes of a Node's launches. It is the context that the Node
// runs in, too, which is how a launch finds it.
type fate struct {
	context.Context
	name  string
	rec   *Recording // which notes the launches; nil: none
	after [2]*fate   // of inputs, while those are open
	more  []*fate    // of further inputs

	known atomic.Bool // err or done is set
	mu    sync.Mutex
	err   error
	done  bool // err is final
}

type fateKey struct{}

// Value implements context.Context.
func (f *fate) Value(key any) any {
	if _, ok := key.(fateKey); ok {
		return f
	}
	return f.Context.Value(key)
}

// Fail implements launch.Watcher.
func (f *fate) Fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil && !f.done {
		f.err = fmt.Errorf("%s: %w", f.name, err)
		f.known.Store(true)
	}
}

// comesAfter notes that the launches read what those of another fate write. f
// may be nil.
func (f *fate) comesAfter(before *fate) {
	switch {
	case f == nil || before == nil:
	case f.after[0] == nil:
		f.after[0] = before
	case f.after[1] == nil:
		f.after[1] = before
	default:
		f.more = append(f.more, before)
	}
}

// state returns the error so far, and whether it is final.
func (f *fate) state() (error, bool) {
	if !f.known.Load() {
		return nil, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err, f.done
}

// end makes the fate final. Those it comes after are final.
func (f *fate) end(cause error) {
	inherited := func(before *fate) {
		if before != nil && cause == nil {
			cause, _ = before.state()
		}
	}
	f.mu.Lock()
	own := f.err
	f.mu.Unlock()
	if own == nil && cause != nil {
		cause = fmt.Errorf("%s: %w", f.name, cause)
	} else if own == nil {
		inherited(f.after[0])
		inherited(f.after[1])
		for _, before := range f.more {
			inherited(before)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = cause
	}
	f.done = true
	f.known.Store(true)
	f.after, f.more = [2]*fate{}, nil
}

// asyncState is what a Device knows of the work it was given. It does nothing
// on devices that wait.
type asyncState struct {
	syncer  launch.Syncer // nil: Program.Run waits
	syncing sync.Mutex
	lost    atomic.Pointer[error]

	mu      sync.Mutex
	pending []*fate // in the order of their launches
}

// fateOf returns the fate of the Node that runs in ctx, nil if it has none.
func fateOf(ctx context.Context) *fate {
	f, ok := ctx.(*fate)
	if !ok {
		f, _ = ctx.Value(fateKey{}).(*fate)
	}
	return f
}

// Watcher returns who is to be told if a launch made in ctx, the context that a
// RunFunc was given, fails after its Run has returned; nil if nobody.
func Watcher(ctx context.Context) launch.Watcher {
	if f := fateOf(ctx); f != nil {
		return f
	}
	return nil
}

// begin returns the context for running a Node.
func (d *Device) begin(ctx context.Context, n *Node) (context.Context, *fate) {
	r, recording := ctx.(*Recording)
	if d.async.syncer == nil && !recording {
		return ctx, nil
	}
	f := &fate{Context: ctx, name: n.name, rec: r}
	return f, f
}

// launched notes that the device has all launches of f.
func (d *Device) launched(f *fate) {
	a := &d.async
	if f == nil || a.syncer == nil {
		return
	}
	a.mu.Lock()
	a.pending = append(a.pending, f)
	full := len(a.pending) >= mostPending
	a.mu.Unlock()
	if full {
		d.Sync()
	}
}

// Sync waits for all that the device was given. The error says that the device
// is lost, or that something failed that belongs to no Value; errors of Values
// are theirs.
func (d *Device) Sync() error {
	a := &d.async
	if a.syncer == nil {
		return nil
	}
	if err := d.lostError(); err != nil {
		return err
	}
	n := d.given()
	err := a.syncer.Sync()
	d.reached(n, err)
	return err
}

// given returns how many fates are open, for reached.
func (d *Device) given() int {
	a := &d.async
	if a.syncer == nil {
		return 0
	}
	a.syncing.Lock() // until reached: others would take them from under us
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.pending)
}

// reached makes the first n fates final: the device was waited for, with err.
func (d *Device) reached(n int, err error) {
	a := &d.async
	if a.syncer == nil {
		return
	}
	defer a.syncing.Unlock()
	a.mu.Lock()
	ended := a.pending[:n:n]
	if n < len(a.pending) {
		a.pending = append([]*fate(nil), a.pending[n:]...)
	} else {
		a.pending = nil
	}
	a.mu.Unlock()
	d.noteLost(err)
	for _, f := range ended {
		f.end(err)
	}
}

// noteLost keeps an error after which the device cannot be used.
func (d *Device) noteLost(err error) {
	if err != nil && errors.Is(err, launch.ErrLost) {
		d.async.lost.CompareAndSwap(nil, &err)
	}
}

// lostError returns why the device can no longer be used, or nil.
func (d *Device) lostError() error {
	if err := d.async.lost.Load(); err != nil {
		return *err
	}
	return nil
}

// OnHost reports whether the host can address the device's memory.
func (d *Device) OnHost() bool { return d.host }

// Time calls f and returns how long the device took for what f gave it: by its
// own clock if it has one. It waits.
func (d *Device) Time(f func() error) (time.Duration, error) {
	if timer, ok := d.Device.(launch.Timer); ok {
		return timer.Time(f)
	}
	if err := d.Sync(); err != nil {
		return 0, err
	}
	start := time.Now()
	err := f()
	if lost := d.Sync(); err == nil {
		err = lost
	}
	return time.Since(start), err
}

// Wait returns when the Value, which has been computed as far as the host goes,
// is there, with the error that it carries then.
func (v *Value) Wait() error {
	v.mu.Lock()
	f, err := v.fate, v.errLocked()
	v.mu.Unlock()
	if f == nil || err != nil {
		return err
	}
	failure, done := f.state()
	if !done {
		err := v.dev.Sync()
		if failure, done = f.state(); !done && err != nil {
			failure = err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fate = nil
	if failure != nil && v.err == nil {
		v.err = failure
	}
	return v.errLocked()
}

// download is Buffer.Download, noting how far the device has come.
func (d *Device) download(b launch.Buffer, offset int, p []byte) error {
	n := d.given()
	err := b.Download(offset, p)
	d.reached(n, err)
	return err
}
