// This file implements the device's memory, programs and recordings.

package remote

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/zmlx-go/zmlx/internal/launch"
)

type buffer struct {
	dev *Device
	raw launch.Buffer
}

func (b *buffer) Size() int    { return b.raw.Size() }
func (b *buffer) Host() []byte { return nil }

// spoil fills the memory with garbage.
func (b *buffer) spoil() {
	p := b.raw.Host()
	for i := range p {
		p[i] = garbage
	}
}

// Free implements launch.Buffer, in order with what is queued.
func (b *buffer) Free() {
	free := func() {
		b.dev.used.Add(-int64(b.raw.Size()))
		b.spoil()
		b.raw.Free()
	}
	if b.dev.give(free) != nil {
		b.dev.used.Add(-int64(b.raw.Size())) // what is queued may still use it
	}
}

func (b *buffer) in(offset, n int) error {
	if offset < 0 || n < 0 || n > b.Size()-offset {
		return fmt.Errorf("%s: %d bytes at %d of a buffer of %d", b.dev.name, n, offset, b.Size())
	}
	return nil
}

// Upload implements launch.Buffer. p is the caller's again when it returns.
func (b *buffer) Upload(offset int, p []byte) error {
	if err := b.in(offset, len(p)); err != nil {
		return err
	}
	b.dev.uploads.Add(1)
	p = slices.Clone(p)
	return b.dev.giveOrRecord(func() { copy(b.raw.Host()[offset:], p) })
}

// Download implements launch.Buffer.
func (b *buffer) Download(offset int, p []byte) error {
	if err := b.in(offset, len(p)); err != nil {
		return err
	}
	if b.dev.recording() != nil {
		return fmt.Errorf("%s: a download cannot be recorded", b.dev.name)
	}
	b.dev.downloads.Add(1)
	if err := b.dev.give(func() { copy(p, b.raw.Host()[offset:]) }); err != nil {
		return err
	}
	return b.dev.Sync()
}

type program struct {
	dev   *Device
	name  string
	inner launch.Program
}

func (p *program) Close() error { return p.dev.give(func() { p.inner.Close() }) }

// Run implements launch.Program.
func (p *program) Run(ctx context.Context, l launch.Launch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l, watch, err := p.dev.translate(l)
	if err != nil {
		return err
	}
	if l.Report != nil {
		done := make(chan error, 1)
		if err := p.dev.give(func() { done <- p.inner.Run(ctx, l) }); err != nil {
			return err
		}
		return <-done
	}
	return p.dev.giveOrRecord(func() { p.dev.run(p.name, p.inner, l, watch) })
}

// translate returns the launch as the inner device sees it, and who watches it.
func (d *Device) translate(l launch.Launch) (launch.Launch, launch.Watcher, error) {
	args := make([]launch.Arg, len(l.Args))
	for i, a := range l.Args {
		b, ok := a.Buffer.(*buffer)
		if !ok || b.dev != d {
			return l, nil, fmt.Errorf("%s: argument %d is not memory of this device", d.name, i)
		}
		args[i] = a
		args[i].Buffer = b.raw
	}
	watch := l.Watch
	l.Args, l.Watch = args, nil
	return l, watch, nil
}

// run runs a kernel when its turn has come.
func (d *Device) run(name string, p launch.Program, l launch.Launch, watch launch.Watcher) {
	d.mu.Lock()
	err := d.lost
	if err == nil {
		err = d.broken[name]
	}
	d.mu.Unlock()
	if err == nil {
		err = p.Run(context.Background(), l)
	}
	switch {
	case err == nil:
	case watch != nil:
		watch.Fail(err)
	default:
		d.note(err)
	}
}

// Record implements launch.Recorder.
func (d *Device) Record(f func() error) (launch.Recording, error) {
	r := &recording{dev: d}
	id := goroutineID()
	d.mu.Lock()
	if d.taking == nil {
		d.taking = map[uint64]*recording{}
	}
	d.taking[id] = r
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.taking, id)
	}()
	if err := f(); err != nil {
		return nil, err
	}
	d.recordings.Add(1)
	return r, nil
}

// recording returns the recording of the calling goroutine, or nil.
func (d *Device) recording() *recording {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.taking) == 0 {
		return nil
	}
	return d.taking[goroutineID()]
}

// giveOrRecord queues f, unless the calling goroutine records.
func (d *Device) giveOrRecord(f func()) error {
	if r := d.recording(); r != nil {
		r.steps = append(r.steps, f)
		return nil
	}
	return d.give(f)
}

// goroutineID returns the number in "goroutine 12 [running]:".
func goroutineID() uint64 {
	var line [64]byte
	var id uint64
	fmt.Sscanf(string(line[:runtime.Stack(line[:], false)]), "goroutine %d ", &id)
	return id
}

type recording struct {
	dev   *Device
	steps []func()
}

// Launch implements launch.Recording.
func (r *recording) Launch() error {
	r.dev.replays.Add(1)
	return r.dev.give(func() {
		for _, step := range r.steps {
			step()
		}
	})
}

func (r *recording) Close() error { return nil }
