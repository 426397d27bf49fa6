package cuda

// This file implements recording: the launches that a function asks for are
// noted instead of made, and become a graph of the driver, which replays them
// with one call.
//
// Only the goroutine that records is recorded. What others ask for meanwhile
// goes to the device as usual.

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// recordings are those under way, by goroutine.
type recordings struct {
	active atomic.Int64
	mu     sync.Mutex
	of     map[uint64]*recording
}

// A recording notes work. Only its goroutine uses it.
type recording struct {
	dev      *Device
	work     []work
	uploads  []upload
	data     []byte           // of the uploads
	born     map[*buffer]bool // allocated meanwhile
	buffers  map[*buffer]int  // used by work: how often written
	programs map[*program]bool
	pinned   uintptr // data where the GPU reads it
}

// work is something that is asked of a stream. The caller's thread has the
// context.
type work struct {
	name string
	ask  func(stream uintptr) (*entry, int32)
	call func(stream uintptr) error // instead of ask
}

// An upload is work that may turn out to be needed once only.
type upload struct {
	at     int // in recording.work
	to     *buffer
	offset int
	from   int // in recording.data
	n      int
}

// recording returns the calling goroutine's recording, nil if it has none.
func (d *Device) recording() *recording {
	if d.recordings.active.Load() == 0 {
		return nil
	}
	id := goroutineID()
	d.recordings.mu.Lock()
	defer d.recordings.mu.Unlock()
	return d.recordings.of[id]
}

// Recording reports whether the calling goroutine records.
func (d *Device) Recording() bool { return d.recording() != nil }

// goroutineID returns the number of the calling goroutine, which the runtime
// gives away only in the first line of its stack: "goroutine 12 [running]:".
func goroutineID() uint64 {
	var line [64]byte
	text := bytes.TrimPrefix(line[:runtime.Stack(line[:], false)], []byte("goroutine "))
	text, _, _ = bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(text), 10, 64)
	return id
}

// unrecordable returns the error of what cannot be replayed.
func (d *Device) unrecordable(what string) error {
	return fmt.Errorf("%s: %s while launches are recorded, which have not run: do it after Graph.Launch", d.name, what)
}

// A Graph is recorded work, which Launch asks for as often as one likes. It
// keeps the memory and the kernels that it uses; what the memory holds when it
// is launched is up to its user.
type Graph struct {
	dev      *Device
	name     string
	size     int
	exec     uintptr
	args     [2]uintptr // of cuGraphLaunch
	pinned   uintptr
	buffers  []*buffer
	programs []*program
	last     uint64 // number of its latest launch; guarded by dev.launching
	closed   atomic.Bool
}

// Record implements launch.Recorder; the recording is a *Graph.
func (d *Device) Record(f func() error) (launch.Recording, error) {
	g, err := d.record(f)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// record calls f and returns the work that it asks for as a graph. Launches,
// uploads, copies and fills are recorded and do not happen yet; allocations do.
// Reading values is an error.
func (d *Device) record(f func() error) (*Graph, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	d.leave()
	r := &recording{dev: d, born: map[*buffer]bool{}, buffers: map[*buffer]int{}, programs: map[*program]bool{}}
	var g *Graph
	defer func() {
		if g == nil { // an error, or f panics
			r.drop()
		}
	}()
	err := r.during(f)
	if err == nil {
		g, err = r.finish()
	}
	return g, err
}

// during calls f while the recording is the goroutine's.
func (r *recording) during(f func() error) error {
	all, id := &r.dev.recordings, goroutineID()
	all.mu.Lock()
	if all.of[id] != nil {
		all.mu.Unlock()
		return fmt.Errorf("%s: a recording within a recording", r.dev.name)
	}
	if all.of == nil {
		all.of = map[uint64]*recording{}
	}
	all.of[id] = r
	all.active.Add(1)
	all.mu.Unlock()
	defer func() {
		all.mu.Lock()
		delete(all.of, id)
		all.active.Add(-1)
		all.mu.Unlock()
	}()
	return f()
}

// use keeps a buffer for the graph.
func (r *recording) use(b *buffer, written bool) {
	n, ok := r.buffers[b]
	if !ok {
		b.ref()
	}
	if written {
		n++
	}
	r.buffers[b] = n
}

// launch notes a launch.
func (r *recording) launch(p *program, l *launch.Launch, groups [3]uint32, total uint64, threads int, k *loaded) error {
	for i := range l.Args {
		r.use(l.Args[i].Buffer.(*buffer), p.writes == nil || p.writes[i])
	}
	if !r.programs[p] {
		p.users.Add(1) // Run has one already
		r.programs[p] = true
	}
	f := newFrame(len(p.params))
	f.set(l, groups, total, threads, k)
	d := r.dev
	r.work = append(r.work, work{name: p.name, ask: func(stream uintptr) (*entry, int32) {
		return f.launch(d, stream)
	}})
	return nil
}

// upload notes an upload of what is in p now.
func (r *recording) upload(b *buffer, offset int, p []byte) error {
	r.use(b, true)
	from := len(r.data)
	r.data = append(r.data, p...)
	r.data = append(r.data, make([]byte, -len(r.data)&63)...)
	r.uploads = append(r.uploads, upload{at: len(r.work), to: b, offset: offset, from: from, n: len(p)})
	d := r.dev
	r.add("upload", &d.driver.toDevice, func(stream uintptr) []uintptr {
		return []uintptr{b.addr + uintptr(offset), r.pinned + uintptr(from), uintptr(len(p)), stream}
	})
	return nil
}

// add notes a call of the driver.
func (r *recording) add(name string, e *entry, args func(stream uintptr) []uintptr) {
	r.work = append(r.work, work{name: name, ask: func(stream uintptr) (*entry, int32) {
		return e, int32(dl.Call(e.addr, args(stream)...))
	}})
}

// constants takes the uploads that replays need not repeat out of the work,
// and makes them: those into memory that is new and that nothing else writes.
func (r *recording) constants() error {
	kept := r.uploads[:0]
	for _, u := range r.uploads {
		if !r.born[u.to] || r.buffers[u.to] > 1 {
			kept = append(kept, u)
			continue
		}
		if err := r.dev.up.upload(r.dev, u.to.addr+uintptr(u.offset), r.data[u.from:u.from+u.n]); err != nil {
			return err
		}
		r.work[u.at] = work{}
	}
	r.uploads = kept
	r.work = slices.DeleteFunc(r.work, func(w work) bool { return w.ask == nil && w.call == nil })
	return nil
}

const captureRelaxed = 2

// finish makes a graph of the work.
func (r *recording) finish() (*Graph, error) {
	d := r.dev
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	if err := r.constants(); err != nil {
		return nil, err
	}
	g := &Graph{dev: d, size: len(r.work), name: r.name()}
	if len(r.uploads) > 0 {
		if err := d.do(&d.driver.allocHost, uintptr(unsafe.Pointer(&r.pinned)), uintptr(len(r.data))); err != nil {
			return nil, err
		}
		at := r.pinned
		copy(unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), len(r.data)), r.data)
	}
	if g.size > 0 {
		exec, err := r.capture()
		if err != nil {
			if r.pinned != 0 {
				err = errors.Join(err, d.do(&d.driver.freeHost, r.pinned))
			}
			return nil, err
		}
		g.exec = exec
		g.args = [2]uintptr{exec, d.stream}
	}
	g.pinned = r.pinned
	g.buffers = slices.Collect(maps.Keys(r.buffers))
	g.programs = slices.Collect(maps.Keys(r.programs))
	return g, nil
}

// name returns what errors call the graph.
func (r *recording) name() string {
	var names []string
	for _, w := range r.work {
		if !slices.Contains(names, w.name) {
			names = append(names, w.name)
		}
	}
	const most = 8
	if len(names) > most {
		names = append(names[:most], "…")
	}
	return fmt.Sprintf("graph of %d (%s)", len(r.work), strings.Join(names, ", "))
}

// capture lets the driver take the work down from a stream of its own.
func (r *recording) capture() (exec uintptr, err error) {
	d := r.dev
	var stream, graph uintptr
	if err := d.do(&d.driver.streamCreate, uintptr(unsafe.Pointer(&stream)), streamNonBlocking); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.do(&d.driver.streamDestroy, stream)) }()
	if err := d.do(&d.driver.captureBegin, stream, captureRelaxed); err != nil {
		return 0, err
	}
	asked := r.askAll(stream)
	ended := d.do(&d.driver.captureEnd, stream, uintptr(unsafe.Pointer(&graph)))
	if graph != 0 {
		defer func() { err = errors.Join(err, d.do(&d.driver.graphDestroy, graph)) }()
	}
	if asked != nil {
		return 0, asked
	}
	if ended != nil {
		return 0, ended
	}
	if err := d.do(&d.driver.graphInstantiate, uintptr(unsafe.Pointer(&exec)), graph, 0); err != nil {
		return 0, err
	}
	return exec, nil
}

func (r *recording) askAll(stream uintptr) error {
	d := r.dev
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := d.do(&d.driver.setCurrent, d.primary.ctx); err != nil {
		return err
	}
	for _, w := range r.work {
		if w.call != nil {
			if err := w.call(stream); err != nil {
				return fmt.Errorf("%s: recording %s: %w", d.name, w.name, err)
			}
			continue
		}
		if e, status := w.ask(stream); status != 0 {
			return fmt.Errorf("recording %s: %w", w.name, d.fail(e, status))
		}
	}
	return nil
}

// drop lets go of what the recording keeps.
func (r *recording) drop() {
	for b := range r.buffers {
		b.unref()
	}
	for p := range r.programs {
		p.leave()
	}
}

// Len returns how many launches, copies and fills the graph has.
func (g *Graph) Len() int { return g.size }

// Launch asks for all the recorded work, in order, and returns before it has
// been done.
func (g *Graph) Launch() error {
	d := g.dev
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if d.recording() != nil {
		return d.unrecordable("launching a graph")
	}
	d.order()
	d.launching.Lock()
	defer d.launching.Unlock()
	if g.closed.Load() { // Close looks for launches, with d.launching held, after it has set that
		return fmt.Errorf("%s: %s: the graph was closed", d.name, g.name)
	}
	if g.exec == 0 {
		return nil
	}
	err := d.enqueue(g.name, func() (*entry, int32) {
		e := &d.driver.graphLaunch
		return e, int32(dl.Call(e.addr, g.args[:]...))
	})
	g.last = d.flight.launched
	return err
}

// Close waits for the graph's launches and lets go of what it keeps.
func (g *Graph) Close() error {
	if g.closed.Swap(true) {
		return nil
	}
	err := g.destroy()
	for _, b := range g.buffers {
		b.unref()
	}
	for _, p := range g.programs {
		err = errors.Join(err, p.leave())
	}
	return err
}

func (g *Graph) destroy() error {
	d := g.dev
	if d.enter() != nil { // it is gone with the device
		return nil
	}
	defer d.leave()
	d.launching.Lock()
	busy := g.last > d.flight.done
	d.launching.Unlock()
	var errs []error
	if busy {
		errs = append(errs, d.wait())
	}
	if g.exec != 0 {
		errs = append(errs, d.do(&d.driver.graphExecDestroy, g.exec))
	}
	if g.pinned != 0 {
		errs = append(errs, d.do(&d.driver.freeHost, g.pinned))
	}
	return errors.Join(errs...)
}
