package cuda

// This file implements copies between the host and the GPU, by way of pinned
// memory that the GPU reads and writes itself.

import (
	"errors"
	"sync"
	"unsafe"
)

const (
	segments    = 8
	segmentSize = 2 << 20 // bytes
)

// staging is pinned memory for copies in one direction: a ring of segments.
type staging struct {
	mu      sync.Mutex
	base    uintptr
	segment [segments]struct {
		event   uintptr
		pending bool // event says when the GPU is done with the segment
	}
	ready bool // all of that is there
	now   int  // segment in use
	used  int  // bytes of it
}

const eventNoTiming = 2

// prepare allocates the memory on first use. After an error the next call goes
// on where it ended. s.mu is held.
func (s *staging) prepare(d *Device) error {
	if s.ready {
		return nil
	}
	if s.base == 0 {
		var base uintptr
		if err := d.do(&d.driver.allocHost, uintptr(unsafe.Pointer(&base)), segments*segmentSize); err != nil {
			return err
		}
		s.base = base
	}
	for i := range s.segment {
		if e := &s.segment[i].event; *e == 0 {
			var event uintptr
			if err := d.do(&d.driver.eventCreate, uintptr(unsafe.Pointer(&event)), eventNoTiming); err != nil {
				return err
			}
			*e = event
		}
	}
	s.ready = true
	return nil
}

// bytes returns n bytes at offset at of a segment.
func (s *staging) bytes(segment, at, n int) []byte {
	addr := s.base + uintptr(segment*segmentSize+at)
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), n)
}

// upload copies p to addr on the GPU. Small ones share a segment.
func (s *staging) upload(d *Device, addr uintptr, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.order()
	if err := s.prepare(d); err != nil {
		return err
	}
	for len(p) > 0 {
		if s.used == segmentSize {
			if err := s.next(d); err != nil {
				return err
			}
		}
		n := min(len(p), segmentSize-s.used)
		from := s.bytes(s.now, s.used, n)
		copy(from, p)
		if err := d.do(&d.driver.toDevice, addr, uintptr(unsafe.Pointer(&from[0])), uintptr(n), d.stream); err != nil {
			return err
		}
		const alignment = 64
		s.used = min((s.used+n+alignment-1)&^(alignment-1), segmentSize)
		addr += uintptr(n)
		p = p[n:]
	}
	return nil
}

// next goes on to the segment that has not been used for longest.
func (s *staging) next(d *Device) error {
	full := &s.segment[s.now]
	if err := d.do(&d.driver.eventRecord, full.event, d.stream); err != nil {
		return err
	}
	full.pending = true
	s.now, s.used = (s.now+1)%segments, 0
	free := &s.segment[s.now]
	if !free.pending {
		return nil
	}
	if err := d.do(&d.driver.eventSync, free.event); err != nil {
		return err
	}
	free.pending = false
	return nil
}

// download copies from addr on the GPU to p. The GPU fills segments while the
// host empties others.
func (s *staging) download(d *Device, addr uintptr, p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.order()
	if err := s.prepare(d); err != nil {
		return err
	}
	d.launching.Lock()
	launched := d.flight.launched
	d.launching.Unlock()
	asked, got := 0, 0
	for i := 0; got < len(p); {
		for asked < len(p) && asked-got < segments*segmentSize {
			n := min(len(p)-asked, segmentSize)
			at := asked / segmentSize % segments
			to := s.bytes(at, 0, n)
			if err := d.do(&d.driver.toHost, uintptr(unsafe.Pointer(&to[0])), addr+uintptr(asked), uintptr(n), d.stream); err != nil {
				return err
			}
			if err := d.do(&d.driver.eventRecord, s.segment[at].event, d.stream); err != nil {
				return err
			}
			asked += n
		}
		n := min(len(p)-got, segmentSize)
		if err := d.do(&d.driver.eventSync, s.segment[i].event); err != nil {
			return err
		}
		copy(p[got:], s.bytes(i, 0, n))
		got += n
		i = (i + 1) % segments
	}
	d.landed(launched)
	return nil
}

// close gives the memory back; nothing uses it any more.
func (s *staging) close(d *Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for i := range s.segment {
		if e := s.segment[i].event; e != 0 {
			errs = append(errs, d.do(&d.driver.eventDestroy, e))
		}
	}
	if s.base != 0 {
		errs = append(errs, d.do(&d.driver.freeHost, s.base))
	}
	return errors.Join(errs...)
}
