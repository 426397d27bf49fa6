package cuda

// This file implements memory: buffers, which are allocated and freed in order
// with the launches.

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// memory counts what a device has handed out.
type memory struct {
	mu   sync.Mutex
	size map[uintptr]int // of each block, by address
	held int             // sum of size
}

// preparePool makes the driver's pool keep what is freed, so that allocations
// cost little after the first.
func (d *Device) preparePool() error {
	drv := d.driver
	for _, e := range []*entry{&drv.allocAsync, &drv.freeAsync, &drv.devicePool, &drv.poolSet, &drv.poolTrim} {
		if e.addr == 0 {
			return nil
		}
	}
	if has, err := drv.attribute(d.primary.device, attributePools); err != nil || has == 0 {
		return err
	}
	var pool uintptr
	if err := d.do(&drv.devicePool, uintptr(unsafe.Pointer(&pool)), uintptr(d.primary.device)); err != nil {
		return err
	}
	keep := uint64(math.MaxUint64)
	if err := d.do(&drv.poolSet, pool, poolReleaseThreshold, uintptr(unsafe.Pointer(&keep))); err != nil {
		return err
	}
	d.pool = pool
	return nil
}

// An OutOfMemoryError says how much memory was asked for and where the rest is.
// Sizes are in bytes.
type OutOfMemoryError struct {
	Device  string
	Asked   int
	Held    int // by the buffers of this device
	Buffers int
	Free    int // on the GPU, as far as the driver tells
	Total   int
}

func (e *OutOfMemoryError) Error() string {
	return fmt.Sprintf("%s: out of memory: %s asked for, %s held in %d buffers, %s free of %s on the GPU",
		e.Device, bytesText(e.Asked), bytesText(e.Held), e.Buffers, bytesText(e.Free), bytesText(e.Total))
}

// A buffer is memory of the GPU.
type buffer struct {
	dev   *Device
	addr  uintptr
	size  int
	refs  atomic.Int32 // recorded graphs that use it, and one until Free
	freed atomic.Bool
}

// Alloc implements launch.Device. Where there is no memory left, what was
// freed is given back to the driver first. The error is an *OutOfMemoryError if
// that does not help.
func (d *Device) Alloc(n int) (launch.Buffer, error) {
	if n < 0 || int64(n) > 1<<46 {
		return nil, fmt.Errorf("%s: cannot allocate %d bytes", d.name, n)
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	b, err := d.alloc(n)
	if err != nil {
		return nil, err
	}
	if r := d.recording(); r != nil {
		r.born[b] = true
	}
	return b, nil
}

// alloc returns n bytes; d.live is held.
func (d *Device) alloc(n int) (*buffer, error) {
	const least = 16 // so that every buffer has an address
	addr, err := d.allocate(max(n, least))
	if isCode(err, codeOutOfMemory) {
		if err := d.trim(); err != nil {
			return nil, err
		}
		addr, err = d.allocate(max(n, least))
	}
	if isCode(err, codeOutOfMemory) {
		return nil, d.outOfMemory(n)
	}
	if err != nil {
		return nil, err
	}
	m := &d.memory
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size == nil {
		m.size = map[uintptr]int{}
	}
	m.size[addr] = n
	m.held += n
	b := &buffer{dev: d, addr: addr, size: n}
	b.refs.Store(1)
	return b, nil
}

func isCode(err error, code int) bool {
	e, ok := errors.AsType[*DriverError](err)
	return ok && e.Code == code
}

func (d *Device) allocate(n int) (addr uintptr, err error) {
	if d.pool != 0 {
		err = d.do(&d.driver.allocAsync, uintptr(unsafe.Pointer(&addr)), uintptr(n), d.stream)
	} else {
		err = d.do(&d.driver.alloc, uintptr(unsafe.Pointer(&addr)), uintptr(n))
	}
	return addr, err
}

// trim gives the memory that the driver keeps for reuse back.
func (d *Device) trim() error {
	if d.pool == 0 {
		return nil
	}
	if err := d.wait(); err != nil { // until then freed memory is in use
		return err
	}
	return d.do(&d.driver.poolTrim, d.pool, 0)
}

// Trim gives the memory that the driver keeps for reuse back to the GPU. It
// waits for the device's work.
func (d *Device) Trim() error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.trim()
}

func (d *Device) outOfMemory(asked int) error {
	e := &OutOfMemoryError{Device: d.name, Asked: asked}
	d.memory.mu.Lock()
	e.Held, e.Buffers = d.memory.held, len(d.memory.size)
	d.memory.mu.Unlock()
	var free, total uintptr
	if err := d.do(&d.driver.memInfo, uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&total))); err != nil {
		return errors.Join(e, err)
	}
	e.Free, e.Total = int(free), int(total)
	return e
}

// Held returns how many bytes the device's buffers have.
func (d *Device) Held() int {
	d.memory.mu.Lock()
	defer d.memory.mu.Unlock()
	return d.memory.held
}

// forget takes a block off the books. It reports whether it was there.
func (m *memory) forget(addr uintptr) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := m.size[addr]
	if ok {
		delete(m.size, addr)
		m.held -= n
	}
	return ok
}

// release frees a block when the work before has been done with it. The
// memory of closed and lost devices is gone already.
func (d *Device) release(addr uintptr) error {
	if !d.memory.forget(addr) {
		return nil
	}
	d.order()
	if d.pool != 0 {
		return d.do(&d.driver.freeAsync, addr, d.stream)
	}
	return d.do(&d.driver.free, addr) // waits for the device's work
}

// freeAll frees all blocks, and gives the memory back to the GPU.
func (d *Device) freeAll() error {
	d.memory.mu.Lock()
	var blocks []uintptr
	for addr := range d.memory.size {
		blocks = append(blocks, addr)
	}
	d.memory.mu.Unlock()
	var errs []error
	for _, addr := range blocks {
		errs = append(errs, d.release(addr))
	}
	if d.pool != 0 && d.stream != 0 {
		errs = append(errs, d.trim())
	}
	return errors.Join(errs...)
}

func (b *buffer) Size() int    { return b.size }
func (b *buffer) Host() []byte { return nil }

// Free implements launch.Buffer. The memory is given back when all work that
// was asked for before has been done, and when no recorded graph uses it.
func (b *buffer) Free() {
	if !b.freed.Swap(true) {
		b.unref()
	}
}

func (b *buffer) ref() { b.refs.Add(1) }

func (b *buffer) unref() {
	if b.refs.Add(-1) > 0 {
		return
	}
	if b.dev.enter() != nil {
		return
	}
	defer b.dev.leave()
	b.dev.release(b.addr) // an error that matters is that of every later call
}

// part checks that bytes offset to offset+n are the buffer's.
func (b *buffer) part(verb string, offset, n int) error {
	if b.freed.Load() {
		return fmt.Errorf("%s: %s: %w", b.dev.name, verb, errFreed)
	}
	if offset < 0 || n < 0 || n > b.size-offset {
		return fmt.Errorf("%s: %s of %d bytes at %d in a buffer of %d", b.dev.name, verb, n, offset, b.size)
	}
	return nil
}

// Upload implements launch.Buffer. It returns when p may be changed again,
// which is before the GPU has the bytes.
func (b *buffer) Upload(offset int, p []byte) error {
	if err := b.part("upload", offset, len(p)); err != nil || len(p) == 0 {
		return err
	}
	d := b.dev
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if r := d.recording(); r != nil {
		return r.upload(b, offset, p)
	}
	return d.up.upload(d, b.addr+uintptr(offset), p)
}

// Download implements launch.Buffer. It waits for all work that was asked for
// before; the error is a *LostError if a kernel failed.
func (b *buffer) Download(offset int, p []byte) error {
	if err := b.part("download", offset, len(p)); err != nil || len(p) == 0 {
		return err
	}
	d := b.dev
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if d.recording() != nil {
		return d.unrecordable("reading values")
	}
	return d.down.download(d, b.addr+uintptr(offset), p)
}
