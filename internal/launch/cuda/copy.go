package cuda

// This file implements work other than kernels: copies, fills, and calls of
// other libraries.

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// own returns b as a buffer of a GPU.
func own(b launch.Buffer) (*buffer, error) {
	c, ok := b.(*buffer)
	if !ok {
		return nil, fmt.Errorf("a buffer that is not memory of a cuda device")
	}
	return c, nil
}

// Copy implements launch.Copier. d is the device of either buffer. It returns
// before the bytes are copied.
func (d *Device) Copy(dst launch.Buffer, to int, src launch.Buffer, from, n int) error {
	t, err := own(dst)
	if err != nil {
		return fmt.Errorf("%s: copy to %w", d.name, err)
	}
	f, err := own(src)
	if err != nil {
		return fmt.Errorf("%s: copy from %w: %w", d.name, err, errors.ErrUnsupported)
	}
	if err := errors.Join(t.part("copy", to, n), f.part("copy", from, n)); err != nil || n == 0 {
		return err
	}
	a, b := t.addr+uintptr(to), f.addr+uintptr(from)
	if t.dev != f.dev {
		return between(t.dev, a, f.dev, b, n)
	}
	d = t.dev
	return d.perform("copy", &d.driver.within, func(r *recording) {
		r.use(t, true)
		r.use(f, false)
	}, a, b, uintptr(n))
}

// perform calls a function of the driver whose last argument is the stream, or
// notes it if the goroutine records.
func (d *Device) perform(name string, e *entry, use func(*recording), args ...uintptr) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if r := d.recording(); r != nil {
		use(r)
		r.add(name, e, func(stream uintptr) []uintptr { return append(args[:len(args):len(args)], stream) })
		return nil
	}
	args = append(args, d.stream)
	d.order()
	d.launching.Lock()
	defer d.launching.Unlock()
	return d.enqueue(name, func() (*entry, int32) { return e, int32(dl.Call(e.addr, args...)) })
}

// between copies from one device to another. The copy is work of the one that
// it goes to; the other's later work waits for it.
func between(to *Device, a uintptr, from *Device, b uintptr, n int) (err error) {
	if to.recording() != nil || from.recording() != nil {
		return to.unrecordable("copying from another device")
	}
	// In one order, so that copies there and back do not wait for each other.
	first, second := from, to
	if uintptr(unsafe.Pointer(first)) > uintptr(unsafe.Pointer(second)) {
		first, second = second, first
	}
	if err := first.enter(); err != nil {
		return err
	}
	defer first.leave()
	if err := second.enter(); err != nil {
		return err
	}
	defer second.leave()
	to.order()
	before, err := from.mark()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.do(&from.driver.eventDestroy, before)) }()
	if err := to.do(&to.driver.streamWait, to.stream, before, 0); err != nil {
		return err
	}
	if to.primary == from.primary {
		err = to.do(&to.driver.within, a, b, uintptr(n), to.stream)
	} else {
		err = to.do(&to.driver.betweenDevices, a, to.primary.ctx, b, from.primary.ctx, uintptr(n), to.stream)
	}
	if err != nil {
		if errors.Is(err, launch.ErrLost) {
			return err
		}
		return fmt.Errorf("copy from %s to %s: %w: %w", from.name, to.name, errors.ErrUnsupported, err)
	}
	after, err := to.mark()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.do(&to.driver.eventDestroy, after)) }()
	return from.do(&from.driver.streamWait, from.stream, after, 0)
}

// mark returns an event for all that was asked of the device so far. Events
// that are destroyed early still do their work.
func (d *Device) mark() (event uintptr, err error) {
	if err := d.do(&d.driver.eventCreate, uintptr(unsafe.Pointer(&event)), eventNoTiming); err != nil {
		return 0, err
	}
	d.order()
	if err := d.do(&d.driver.eventRecord, event, d.stream); err != nil {
		return 0, errors.Join(err, d.do(&d.driver.eventDestroy, event))
	}
	return event, nil
}

// Fill sets n bytes of a buffer, from offset on, to repetitions of a pattern of
// 1 or 4 bytes; offset and n are multiples of its length. It returns before
// they are set.
func (d *Device) Fill(b launch.Buffer, offset, n int, pattern []byte) error {
	t, err := own(b)
	if err != nil {
		return fmt.Errorf("%s: fill of %w", d.name, err)
	}
	if err := t.part("fill", offset, n); err != nil {
		return err
	}
	size := len(pattern)
	if size != 1 && size != 4 || offset%size != 0 || n%size != 0 {
		return fmt.Errorf("%s: fill of %d bytes at %d with a pattern of %d; it must be 1 or 4 and divide both", d.name, n, offset, size)
	}
	if n == 0 {
		return nil
	}
	d = t.dev
	e, value := &d.driver.set8, uintptr(pattern[0])
	if size == 4 {
		e, value = &d.driver.set32, uintptr(*(*uint32)(unsafe.Pointer(unsafe.SliceData(append([]byte(nil), pattern...)))))
	}
	return d.perform("fill", e, func(r *recording) { r.use(t, true) }, t.addr+uintptr(offset), value, uintptr(n/size))
}

// Enqueue lets another library, such as one for matrix products, work on
// buffers in order with the launches: call asks for it on a stream, given the
// buffers' addresses, on a thread that has the device's context, and does not
// wait. While launches are recorded it is called later, at the end of the
// recording. name is what errors call the work.
func (d *Device) Enqueue(name string, buffers []launch.Buffer, call func(stream uintptr, addrs []uintptr) error) error {
	addrs := make([]uintptr, len(buffers))
	for i, b := range buffers {
		own, err := d.checkArg(&launch.Arg{Buffer: b})
		if err != nil {
			return fmt.Errorf("%s: %s: argument %d: %w", d.name, name, i, err)
		}
		addrs[i] = own.addr
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if r := d.recording(); r != nil {
		for _, b := range buffers {
			r.use(b.(*buffer), true)
		}
		r.work = append(r.work, work{name: name, call: func(stream uintptr) error { return call(stream, addrs) }})
		return nil
	}
	d.order()
	d.launching.Lock()
	defer d.launching.Unlock()
	var err error
	asked := d.enqueue(name, func() (*entry, int32) {
		err = call(d.stream, addrs)
		return &d.driver.launch, 0
	})
	runtime.KeepAlive(buffers)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", d.name, name, err)
	}
	return asked
}
