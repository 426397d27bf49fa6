package cuda

// This file implements what becomes of errors: those of one call, and those
// that a kernel leaves behind, which are the end of the device.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// A LostError says that a kernel has brought the device down. The device's
// memory is lost with it, and this process cannot use the GPU any more: the
// driver gives it no working context again. Other processes can, and so can
// this one other devices.
type LostError struct {
	Device  string
	Kernels []string // that were under way: one of them did it, the oldest first; empty if there were none
	Cause   error    // a *DriverError
}

func (e *LostError) Error() string {
	text := fmt.Sprintf("%s is lost", e.Device)
	switch len(e.Kernels) {
	case 0:
	case 1:
		text += " since kernel " + e.Kernels[0]
	default:
		text += " since one of the kernels " + strings.Join(e.Kernels, ", ") + " (set ZMLX_CUDA_SYNC=1 to see which)"
	}
	return fmt.Sprintf("%s: %v; this process cannot use the GPU any more: start it anew, or go on with another device", text, e.Cause)
}

// Unwrap makes the error one of launch.ErrLost.
func (e *LostError) Unwrap() []error { return []error{launch.ErrLost, e.Cause} }

// A flight remembers the launches that nobody has waited for yet. It is
// guarded by Device.launching.
type flight struct {
	names    [64]string // of the latest launches, by number
	launched uint64     // how many there were
	done     uint64     // how many of them are known to have ended
}

func (f *flight) add(name string) {
	f.names[f.launched%uint64(len(f.names))] = name
	f.launched++
}

// landed notes that the first n launches have ended.
func (f *flight) landed(n uint64) { f.done = max(f.done, n) }

// kernels returns the names of the launches under way, each once.
func (f *flight) kernels() []string {
	from := f.done
	if n := uint64(len(f.names)); f.launched > n {
		from = max(from, f.launched-n)
	}
	var names []string
	for i := from; i < f.launched; i++ {
		if name := f.names[i%uint64(len(f.names))]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most:most], fmt.Sprintf("%d others", len(names)-most))
	}
	return names
}

// fail returns the error of a call. If that is the end of the context it is a
// *LostError, as are those of all later calls.
func (d *Device) fail(e *entry, status int32) error {
	d.launching.Lock()
	defer d.launching.Unlock()
	return d.failHeld(e, status)
}

// failHeld is fail for callers that hold d.launching.
func (d *Device) failHeld(e *entry, status int32) error {
	err := d.driver.failure(e, status)
	if !sticky(int(status)) {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	return d.lose(err)
}

// lose notes that the device is at its end. d.launching is held.
func (d *Device) lose(cause error) error {
	lost := d.primary.lose(&LostError{Device: d.name, Kernels: d.flight.kernels(), Cause: cause})
	d.lost.Store(true)
	return lost
}

// wait waits until all that was asked for has been done.
func (d *Device) wait() error {
	d.order()
	d.launching.Lock()
	launched := d.flight.launched
	d.launching.Unlock()
	if err := d.do(&d.driver.streamSync, d.stream); err != nil {
		return err
	}
	d.landed(launched)
	return nil
}

func (d *Device) landed(n uint64) {
	d.launching.Lock()
	d.flight.landed(n)
	d.launching.Unlock()
}

// Sync waits until all that was asked for has been done. The error is a
// *LostError if a kernel failed.
func (d *Device) Sync() error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if d.recording() != nil {
		return d.unrecordable("waiting")
	}
	return d.wait()
}
