// This file implements what devices may offer beyond a Device: launches that
// return before the work is done, times, copies on the device, and launches
// that are prepared once and run many times. A device offers it by
// implementing the interface; one that runs kernels on the host needs none.
//
// All work that a device is given, launches, uploads, downloads, copies and
// the freeing of memory, is done in the order in which it was given, as if by
// one stream. Memory that was freed can therefore be handed out again at once:
// what uses it next comes after what used it before.

package launch

import (
	"errors"
	"time"
)

// ErrLost is wrapped by every error of a device that cannot be used any more:
// a kernel faulted, or the hardware went away. What its memory held is gone.
var ErrLost = errors.New("device is lost")

// A Syncer is a Device whose Programs' Run may return before the kernel ran.
// Run copies what it needs of its Launch, so that the caller may reuse
// Launch.Args; the Buffers it names are not freed before work that was given
// earlier is done. Run's ctx matters until it returns. A launch with a Report
// is waited for.
//
// Work can fail after Run has returned. Its Launch.Watch is told then, before
// any Sync or Download returns that was called after Run. A device that cannot
// tell which of several launches failed tells nobody: its next Sync or
// Download returns the error.
type Syncer interface {
	// Sync returns when all work given so far is done. Its error is the first
	// one since the last Sync that nobody was told of, or wraps ErrLost.
	Sync() error
}

// A Watcher is told that a launch has failed after its Run returned. Fail may
// be called by any goroutine and does not call the device.
type Watcher interface{ Fail(err error) }

// A Timer is a Device that can tell how long its work takes.
type Timer interface {
	// Time calls f, waits for the work that f gave the device and returns the
	// time between the beginning and the end of that work, by the device's
	// clock. Work of other goroutines that comes in between counts.
	Time(f func() error) (time.Duration, error)
}

// A Copier is a Device that copies between Buffers without the host.
type Copier interface {
	// Copy copies n bytes, which do not overlap, in order with other work on
	// both Buffers' devices. dst is a Buffer of this device; src may be one of
	// another device of the same kind. errors.ErrUnsupported says that there
	// is no way between the two; the caller then goes through the host.
	Copy(dst Buffer, dstOffset int, src Buffer, srcOffset, n int) error
}

// A Recorder is a Device that can prepare launches to be run again and again
// with one call, as CUDA's graphs are.
type Recorder interface {
	// Record calls f and prepares the launches that f gives the device on the
	// calling goroutine; they are not run. Their Buffers stay where they are
	// until the Recording is closed.
	Record(f func() error) (Recording, error)
}

// A Recording is a list of launches that is ready to run. It is used by one
// goroutine at a time.
type Recording interface {
	// Launch runs the launches in order. Like a Program's Run it may return
	// before they are done.
	Launch() error
	Close() error
}
