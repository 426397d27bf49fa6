// Package remote is a device for tests: it wraps another one such that nothing
// of it can be had for free. The host cannot address its memory, everything it
// is given is queued and done later by another goroutine, errors come when the
// caller has long gone on, fresh and freed memory holds garbage, and copies
// can be counted. What is right on it is right on a GPU as far as the layers
// above the device go.
//
// This file implements the device and its queue.
package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// garbage fills memory that nobody has written: NaN in every float, and an
// index far out of bounds.
const garbage = 0xff

// A Device runs kernels on another one, later.
type Device struct {
	inner launch.Device
	name  string

	// Most is the number of bytes that may be allocated; 0 means any.
	Most int64

	used       atomic.Int64
	uploads    atomic.Int64
	downloads  atomic.Int64
	recordings atomic.Int64
	replays    atomic.Int64

	mu     sync.Mutex
	wake   sync.Cond
	queue  []func()
	closed bool
	first  error // of work that nobody watches
	lost   error
	broken map[string]error      // by kernel
	taking map[uint64]*recording // by goroutine
}

// New returns a device called name that runs kernels on inner, whose memory
// the host can address.
func New(name string, inner launch.Device) *Device {
	d := &Device{inner: inner, name: name}
	d.wake.L = &d.mu
	go d.work()
	return d
}

// Open opens devices called "remote:0", "remote:1" and so on that run kernels
// on what inner returns, of 8 GiB each: for launch.Register.
func Open(inner func() (launch.Device, error)) func(n int) (launch.Device, error) {
	return func(n int) (launch.Device, error) {
		in, err := inner()
		if err != nil {
			return nil, err
		}
		d := New(fmt.Sprintf("remote:%d", n), in)
		d.Most = 8 << 30
		return d, nil
	}
}

// Counts says what a Device was asked to do.
type Counts struct {
	Bytes               int64 // allocated now
	Uploads, Downloads  int64
	Recordings, Replays int64
}

// Counts returns what the device was asked to do so far.
func (d *Device) Counts() Counts {
	return Counts{d.used.Load(), d.uploads.Load(), d.downloads.Load(), d.recordings.Load(), d.replays.Load()}
}

// Lose makes everything fail that the device is given from now on, and what is
// queued.
func (d *Device) Lose(reason error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = fmt.Errorf("%s: %w: %w", d.name, launch.ErrLost, reason)
}

// Break makes every launch of a kernel fail with err, after Run has returned.
// nil repairs it.
func (d *Device) Break(kernel string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken == nil {
		d.broken = map[string]error{}
	}
	d.broken[kernel] = err
}

// work does what is queued, in order, until the device is closed.
func (d *Device) work() {
	for {
		d.mu.Lock()
		for len(d.queue) == 0 && !d.closed {
			d.wake.Wait()
		}
		todo := d.queue
		d.queue = nil
		done := d.closed && len(todo) == 0
		d.mu.Unlock()
		if done {
			return
		}
		for _, f := range todo {
			f()
		}
	}
}

// give queues f.
func (d *Device) give(f func()) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.lost != nil:
		return d.lost
	case d.closed:
		return errors.New(d.name + " is closed")
	}
	d.queue = append(d.queue, f)
	d.wake.Signal()
	return nil
}

// lostError returns why the device can no longer be used, or nil.
func (d *Device) lostError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.lost
}

// note keeps the first error that nobody watches.
func (d *Device) note(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.first == nil {
		d.first = err
	}
}

// Name implements launch.Device.
func (d *Device) Name() string { return d.name }

// Describe implements launch.Device.
func (d *Device) Describe() string {
	return "memory out of the host's reach, over " + d.inner.Describe()
}

// Limits implements launch.Device.
func (d *Device) Limits() launch.Limits { return d.inner.Limits() }

// Close implements launch.Device. What is queued is still done.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.wake.Signal()
	return nil
}

// Alloc implements launch.Device.
func (d *Device) Alloc(n int) (launch.Buffer, error) {
	if err := d.lostError(); err != nil {
		return nil, err
	}
	if used := d.used.Add(int64(n)); d.Most > 0 && used > d.Most {
		d.used.Add(int64(-n))
		return nil, fmt.Errorf("%s is full: it has %d bytes and %d are in use", d.name, d.Most, used-int64(n))
	}
	raw, err := d.inner.Alloc(n)
	if err != nil {
		return nil, err
	}
	b := &buffer{dev: d, raw: raw}
	b.spoil()
	return b, nil
}

// Compile implements launch.Device.
func (d *Device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := d.inner.Compile(ctx, fn, opt)
	if err != nil {
		return nil, err
	}
	return &program{dev: d, name: fn.Name, inner: p}, nil
}

// Sync implements launch.Syncer.
func (d *Device) Sync() error {
	done := make(chan struct{})
	if err := d.give(func() { close(done) }); err != nil {
		return err
	}
	<-done
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lost != nil {
		return d.lost
	}
	err := d.first
	d.first = nil
	return err
}

// Time implements launch.Timer.
func (d *Device) Time(f func() error) (time.Duration, error) {
	var start time.Time
	if err := d.give(func() { start = time.Now() }); err != nil {
		return 0, err
	}
	err := f()
	done := make(chan time.Duration, 1)
	if lost := d.give(func() { done <- time.Since(start) }); lost != nil {
		return 0, lost
	}
	return <-done, err
}

// Copy implements launch.Copier. Other devices of this package are waited for.
func (d *Device) Copy(dst launch.Buffer, dstOffset int, src launch.Buffer, srcOffset, n int) error {
	to, ok := dst.(*buffer)
	from, also := src.(*buffer)
	if !ok || !also || to.dev != d {
		return errors.ErrUnsupported
	}
	if err := to.in(dstOffset, n); err != nil {
		return err
	}
	if err := from.in(srcOffset, n); err != nil {
		return err
	}
	move := func() { copy(to.raw.Host()[dstOffset:dstOffset+n], from.raw.Host()[srcOffset:]) }
	if from.dev == d {
		return d.giveOrRecord(move)
	}
	if err := from.dev.Sync(); err != nil {
		return err
	}
	if err := d.give(move); err != nil {
		return err
	}
	return d.Sync() // the other device may write there next
}
