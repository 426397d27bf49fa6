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

// A Waiter is a Device whose Programs' Run may return before the kernel ran.
// Run copies what it needs of its Launch, so that the caller may reuse
// Launch.Args; the Buffers it names are not freed before work that was given
// earlier is done. Run's ctx matters until it returns. A launch with a Report
// is waited for.
//
// Work can fail after Run has returned. Its Launch.Watch is told then, before
// any Wait or Download returns that was called after Run. A device that cannot
// tell which of several launches failed tells nobody: its next Wait or
// Download returns the error, and the callers above name the kernels that are
// in question.
type Waiter interface {
	// Wait returns when all work given so far is done. Its error is the first
	// one since the last Wait that nobody was told of, or wraps ErrLost.
	Wait() error
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

// A Flusher is a Device that collects work before it sends it on. Without
// Flush, work may lie there until something waits for it.
type Flusher interface{ Flush() error }

// A Copier is a Device that copies between Buffers without the host.
type Copier interface {
	// Copy copies n bytes, which do not overlap, in order with other work on
	// both Buffers' devices. dst is a Buffer of this device; src may be one of
	// another device of the same kind. errors.ErrUnsupported says that there
	// is no way between the two; the caller then goes through the host.
	Copy(dst Buffer, dstOffset int, src Buffer, srcOffset, n int) error
}

// A Recorder is a Device that can prepare a list of launches to be run again
// and again with one call, as CUDA's graphs are.
type Recorder interface {
	// Record prepares steps, which are not run. Their Buffers stay where they
	// are until the Recording is closed, and their Args are not changed.
	Record(steps []Step) (Recording, error)
}

// A Step is one launch of a Recording. Program was compiled by the Recorder.
type Step struct {
	Program Program
	Launch  Launch
}

// A Recording is a list of launches that is ready to run. It is used by one
// goroutine at a time.
type Recording interface {
	// Run runs the launches in order. Like Program.Run it may return before
	// they are done; watch is told if they fail.
	Run(watch Watcher) error
	Close() error
}
