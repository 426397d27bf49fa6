package cuda

// This file implements timing by the GPU's own clock.

import (
	"errors"
	"fmt"
	"math"
	"time"
	"unsafe"
)

// event returns a new event that tells the time.
func (d *Device) event() (event uintptr, err error) {
	err = d.do(&d.driver.eventCreate, uintptr(unsafe.Pointer(&event)), 0)
	return event, err
}

// elapsed returns the time between two events that have happened.
func (d *Device) elapsed(from, to uintptr) (time.Duration, error) {
	var ms float32
	if err := d.do(&d.driver.eventElapsed, uintptr(unsafe.Pointer(&ms)), from, to); err != nil {
		return 0, err
	}
	return time.Duration(math.Round(float64(ms) * 1e6)), nil
}

// Time calls f and returns how long the GPU took for the work that was asked
// for meanwhile, by any goroutine. It waits for that work.
func (d *Device) Time(f func() error) (time.Duration, error) {
	if d.recording() != nil {
		return 0, d.unrecordable("timing")
	}
	var events [2]uintptr
	record := func(i int) error {
		if err := d.enter(); err != nil {
			return err
		}
		defer d.leave()
		var err error
		if events[i], err = d.event(); err != nil {
			return err
		}
		d.order()
		return d.do(&d.driver.eventRecord, events[i], d.stream)
	}
	if err := record(0); err != nil {
		return 0, err
	}
	failed := f()
	if failed == nil {
		failed = record(1)
	}
	if err := d.enter(); err != nil {
		return 0, errors.Join(failed, err)
	}
	defer d.leave()
	var took time.Duration
	if failed == nil {
		if failed = d.wait(); failed == nil {
			took, failed = d.elapsed(events[0], events[1])
		}
	}
	for _, e := range events {
		if e != 0 && !d.lost.Load() {
			failed = errors.Join(failed, d.do(&d.driver.eventDestroy, e))
		}
	}
	return took, failed
}

// A LaunchTime is how long the GPU took for one launch.
type LaunchTime struct {
	Kernel string
	Time   time.Duration
}

// A profile takes the time of every launch that the driver takes.
type profile struct {
	kernels []string
	events  []uintptr // two for each
}

// launch is submit between events. d.launching is held.
func (s *profile) launch(d *Device, p *program, f *frame) error {
	var events [2]uintptr
	var err error
	for i := range events {
		if err == nil {
			err = d.doHeld(&d.driver.eventCreate, uintptr(unsafe.Pointer(&events[i])), 0)
		}
	}
	if err == nil {
		err = d.doHeld(&d.driver.eventRecord, events[0], d.stream)
	}
	if err == nil {
		err = p.submit(f)
	}
	if err == nil {
		err = d.doHeld(&d.driver.eventRecord, events[1], d.stream)
	}
	if err != nil {
		for _, e := range events {
			if e != 0 && !d.lost.Load() {
				err = errors.Join(err, d.doHeld(&d.driver.eventDestroy, e))
			}
		}
		return err
	}
	s.kernels = append(s.kernels, p.name)
	s.events = append(s.events, events[:]...)
	return nil
}

// Profile calls f and returns how long the GPU took for each launch of a kernel
// that was asked for meanwhile, by any goroutine, in order. It waits for them.
// Launches of graphs are not in it.
func (d *Device) Profile(f func() error) ([]LaunchTime, error) {
	if d.recording() != nil {
		return nil, d.unrecordable("timing")
	}
	s := &profile{}
	d.order()
	d.launching.Lock()
	busy := d.profile != nil
	if !busy {
		d.profile = s
	}
	d.launching.Unlock()
	if busy {
		return nil, fmt.Errorf("%s: launches are being timed already", d.name)
	}
	failed := func() error {
		defer func() { // also if f panics
			d.order()
			d.launching.Lock()
			d.profile = nil
			d.launching.Unlock()
		}()
		return f()
	}()
	if err := d.enter(); err != nil {
		return nil, errors.Join(failed, err)
	}
	defer d.leave()
	if err := d.wait(); err != nil {
		return nil, errors.Join(failed, err)
	}
	var times []LaunchTime
	for i, kernel := range s.kernels {
		if failed == nil {
			var took time.Duration
			took, failed = d.elapsed(s.events[2*i], s.events[2*i+1])
			times = append(times, LaunchTime{kernel, took})
		}
	}
	for _, e := range s.events {
		failed = errors.Join(failed, d.do(&d.driver.eventDestroy, e))
	}
	return times, failed
}
