package cuda

// This file implements the primary contexts of GPUs, which all devices of this
// process on one GPU share.

import (
	"sync"
	"unsafe"
)

// A primary is a GPU's primary context while devices use it.
type primary struct {
	driver *driver
	device int32 // the driver's handle
	ctx    uintptr
	users  int

	tried bool       // a trial kernel ran
	lost  *LostError // the context is at its end
}

// primaries holds the contexts in use.
var primaries struct {
	sync.Mutex
	of map[primaryKey]*primary
}

type primaryKey struct {
	driver *driver
	device int32
}

// retain returns the primary context of a GPU.
func (d *driver) retain(device int32) (*primary, error) {
	primaries.Lock()
	defer primaries.Unlock()
	key := primaryKey{d, device}
	if p := primaries.of[key]; p != nil {
		if p.lost != nil {
			return nil, p.lost
		}
		p.users++
		return p, nil
	}
	p := &primary{driver: d, device: device, users: 1}
	if err := d.do(&d.primaryRetain, uintptr(unsafe.Pointer(&p.ctx)), uintptr(device)); err != nil {
		return nil, err
	}
	if primaries.of == nil {
		primaries.of = map[primaryKey]*primary{}
	}
	primaries.of[key] = p
	return p, nil
}

// release gives the context back. One that is lost stays on the books: after a
// fault the driver serves this process no more on that GPU, with whatever
// context, also if it is reset.
func (p *primary) release() error {
	primaries.Lock()
	defer primaries.Unlock()
	if p.users--; p.users > 0 {
		return nil
	}
	err := p.driver.do(&p.driver.primaryRelease, uintptr(p.device))
	if p.lost != nil { // the error is that of the kernel, again
		return nil
	}
	delete(primaries.of, primaryKey{p.driver, p.device})
	return err
}

// lose notes that the context is at its end, and why; it returns why it first
// was.
func (p *primary) lose(e *LostError) *LostError {
	primaries.Lock()
	defer primaries.Unlock()
	if p.lost == nil {
		p.lost = e
	}
	return p.lost
}

func (p *primary) lostError() *LostError {
	primaries.Lock()
	defer primaries.Unlock()
	return p.lost
}
