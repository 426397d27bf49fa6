package cuda

// This file implements the queue of launches. The driver's call for a launch
// takes longer than all else of it; in a row of launches a goroutine of its own
// makes these calls, while the caller goes on to the next one.
//
// A launch is put into the queue only while that goroutine, the submitter, is
// at work. It comes when a row begins and goes soon after the last launch.
// Whoever asks the driver for anything else that has its place in the order
// calls Device.order first, so that the stream gets all in the order of the
// calls.

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
)

const (
	queueSize       = 1024 // launches; about as many as the driver takes before it waits
	queueParams     = 16   // most of a kernel whose launches are put into the queue
	queueProcessors = 4    // of which one can be spared
	rowBegins       = 4    // launches with nothing else in between
	submitAtOnce    = 32   // launches, before others may have d.launching

	restAfter = 256 // launches without a submitter after one was too slow

	linger     = 50 * time.Microsecond
	stall      = 20 * time.Microsecond
	yieldAfter = 2 * time.Millisecond // less than what makes the scheduler take the thread away
)

// queue is a ring of launches. What the submitter writes and what callers write
// lies in cache lines of their own.
type queue struct {
	off    bool
	least  int           // processors, for each submitter in the process
	linger time.Duration // how long the submitter looks for work
	stall  time.Duration // without progress of it, after which others do its work
	slots  []slot

	running atomic.Bool  // the submitter is at work
	leave   atomic.Bool  // it need not look for more work
	rest    atomic.Int64 // launches to be made without one

	_       cacheLine
	mu      sync.Mutex   // held by who puts a launch in
	started bool         // there is a submitter
	row     atomic.Int64 // launches since something else was asked for

	_    cacheLine
	put  atomic.Uint64 // launches that were put in; changed with mu held
	_    cacheLine
	done atomic.Uint64 // launches that the driver was asked for; changed with Device.launching held
	_    cacheLine
}

type cacheLine [64]byte

// submitters counts those of all devices.
var submitters atomic.Int64

// A slot holds a launch.
type slot struct {
	frame   *frame
	program *program
	watch   launch.Watcher
	_       [32]byte // up to a cache line
}

// push puts a launch into the queue. It reports whether it did; if not the
// caller is to make the launch. Only launches that have somebody to be told of
// errors can be put there.
func (d *Device) push(p *program, l *launch.Launch, groups [3]uint32, total uint64, threads int, k *loaded) bool {
	q := &d.queue
	if q.off || l.Watch == nil || len(l.Args) > queueParams {
		return false
	}
	row := q.row.Add(1)
	if !q.running.Load() && row < rowBegins {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.running.Load() {
		q.start(d)
		return false
	}
	at := q.put.Load()
	if at >= queueSize {
		d.submitted(at - queueSize + 1) // the slot is free then
	}
	s := &q.slots[at%queueSize]
	s.frame.set(l, groups, total, threads, k)
	s.program, s.watch = p, l.Watch
	if !p.queued.Load() {
		p.queued.Store(true)
	}
	q.put.Store(at + 1)
	return true
}

// start starts the submitter, if there is none. q.mu is held.
func (q *queue) start(d *Device) {
	if q.started || q.rest.Load() > 0 && q.rest.Add(-1) > 0 {
		return
	}
	if n := int(submitters.Add(1)); runtime.GOMAXPROCS(0) < n*q.least {
		submitters.Add(-1)
		q.rest.Store(restAfter)
		return
	}
	if q.slots == nil {
		q.slots = make([]slot, queueSize)
		for i := range q.slots {
			q.slots[i].frame = newFrame(queueParams)
		}
	}
	q.started = true
	q.leave.Store(false)
	go d.submitter()
}

// submitter makes the launches of the queue until there are no more for a
// while.
func (d *Device) submitter() {
	q := &d.queue
	defer submitters.Add(-1)
	if d.enter() != nil {
		return // for good
	}
	defer d.leave()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var status int32 // of setting the thread's context
	take := func() { status = int32(dl.Call(d.driver.setCurrent.addr, d.current[:]...)) }
	take()
	q.running.Store(true)
	idle := time.Now()
	for turn := idle; ; {
		now := time.Now()
		if now.Sub(turn) > yieldAfter {
			runtime.UnlockOSThread()
			runtime.Gosched()
			runtime.LockOSThread()
			take()
			turn = time.Now()
		}
		done := q.done.Load()
		if put := q.put.Load(); done < put {
			d.launching.Lock()
			d.submitQueued(min(put, done+submitAtOnce), status)
			d.launching.Unlock()
			idle = time.Now()
			continue
		}
		if now.Sub(idle) < q.linger && !q.leave.Load() {
			continue
		}
		q.mu.Lock()
		if q.put.Load() == q.done.Load() {
			q.started = false
			q.running.Store(false)
			q.mu.Unlock()
			return
		}
		q.mu.Unlock()
	}
}

// submitQueued makes the launches of the queue up to a number. The thread has
// the context, if setting it had status 0. d.launching is held.
func (d *Device) submitQueued(upTo uint64, status int32) {
	q := &d.queue
	for at := q.done.Load(); at < upTo; at++ {
		s := &q.slots[at%queueSize]
		p := s.program
		var err error
		switch {
		case d.lost.Load():
			err = d.primary.lostError()
		case status != 0:
			err = d.outcome(p.name, &d.driver.setCurrent, status)
		case d.profile != nil:
			err = d.profile.launch(d, p, s.frame)
		default:
			e, status := s.frame.launch(d, d.stream)
			if status == 0 {
				d.flight.add(p.name)
			}
			err = d.outcome(p.name, e, status)
		}
		if err != nil {
			s.watch.Fail(err)
		}
		s.program, s.watch = nil, nil
		q.done.Store(at + 1)
	}
}

// order returns when the driver was asked for all launches that were made
// before, so that what the caller asks for next comes after them.
func (d *Device) order() {
	q := &d.queue
	if row := q.row.Load(); row != 0 {
		q.row.Store(0)
		if row < rowBegins {
			q.leave.Store(true) // the queue does not pay for so few
		}
	}
	d.submitted(q.put.Load())
}

// submitted returns when the driver was asked for the first n launches of the
// queue.
func (d *Device) submitted(n uint64) {
	q := &d.queue
	done := q.done.Load()
	if done >= n {
		return
	}
	last := time.Now()
	for waited := time.Duration(0); q.running.Load() && waited < q.stall; {
		before := done
		if done = q.done.Load(); done >= n {
			return
		}
		now := time.Now()
		waited += min(now.Sub(last), time.Microsecond) // more is a pause of all goroutines
		if last = now; done != before {
			waited = 0
		}
	}
	// The GPU has enough to do, or the host's processors have.
	q.leave.Store(true)
	q.rest.Store(restAfter)
	d.launching.Lock()
	defer d.launching.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	d.submitQueued(n, int32(dl.Call(d.driver.setCurrent.addr, d.current[:]...)))
}
