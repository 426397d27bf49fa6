// This file implements the pool of a device's memory. The Go runtime cannot
// see memory of other devices, so that unreachable arrays would pile up without
// any collection; the pool therefore counts the bytes and starts collections
// itself, by the rule of GOGC=100: when twice as much is live as survived the
// last one.

package graph

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// collectFloor is the number of live bytes below which the pool never starts a
// collection, and the number of bytes it always may keep for reuse.
const collectFloor = 64 << 20

// MemoryStats counts a device's memory. Sizes are in bytes, rounded up to the
// pool's size classes.
type MemoryStats struct {
	Live        int // held by arrays, or by arrays that wait for a collection
	Peak        int // largest Live so far
	Cached      int // kept for reuse
	Allocs      int // allocations that the device made
	Reuses      int // allocations that were served from Cached
	Collections int // garbage collections that the pool started
}

// A MemoryError says that a device had no memory for an array.
type MemoryError struct {
	Device string
	Bytes  int
	Err    error
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("no memory for %d bytes on %s: %v", e.Bytes, e.Device, e.Err)
}

func (e *MemoryError) Unwrap() error { return e.Err }

// A Buffer is memory from a pool. When no array refers to it any more it goes
// back there, after the next collection.
type Buffer struct {
	block   *block
	size    int
	rec     *Recording // that writes it in every run; nil: nothing does
	lender  *Buffer    // whose memory this is; nil: its own
	cleanup runtime.Cleanup
}

// Raw returns the device's own buffer. It may be longer than Size. The Buffer
// must be kept alive while it is in use.
func (b *Buffer) Raw() launch.Buffer { return b.block.raw }

// device returns the Device the memory is of.
func (b *Buffer) device() *Device { return b.block.pool.device }

// Size returns the size in bytes.
func (b *Buffer) Size() int { return b.size }

// Host returns the Size bytes where the host can address them, else nil.
func (b *Buffer) Host() []byte {
	if h := b.block.raw.Host(); h != nil {
		return h[:b.size:b.size]
	}
	return nil
}

// release gives the memory back at once. Nothing may use the Buffer after.
func (b *Buffer) release() {
	if b.lender != nil {
		return
	}
	b.block.spare = b // from then on the block keeps it, and the cleanup does not come
	b.block.pool.put(b.block)
}

// A block is what a pool hands out and keeps. It outlives its Buffer.
type block struct {
	pool  *pool
	raw   launch.Buffer
	size  int     // the class
	spare *Buffer // while it is kept: what it was last handed out as, if that is still of use
}

// release gives the block back.
func (bl *block) release() { bl.pool.put(bl) }

// free gives the memory of a block that is not in use back to the device.
func (bl *block) free() {
	if b := bl.spare; b != nil {
		b.cleanup.Stop()
		bl.spare = nil
	}
	bl.raw.Free()
}

type pool struct {
	// immutable state
	device *Device
	limit  int // refuse to have more live bytes than this

	collecting sync.Mutex // held by the goroutine that collects

	mu       sync.Mutex
	free     map[int][]*block // by class
	survived int              // live bytes after the last collection
	closed   bool
	n        MemoryStats
}

func (p *pool) init(d *Device, host bool) {
	p.device = d
	p.free = map[int][]*block{}
	p.limit = int(^uint(0) >> 1)
	if host {
		// The Go runtime ends the program when the host's memory does.
		p.limit = hostMemory()
	}
}

// class returns n rounded up to one of four steps for each power of two, so
// that less than a quarter of the memory is lost and blocks can be reused.
func class(n int) int {
	const least = 256
	if n <= least {
		return least
	}
	step := 1 << (bits.Len(uint(n-1)) - 3)
	if n > int(^uint(0)>>1)-step {
		return n
	}
	return (n + step - 1) &^ (step - 1)
}

// buffer returns n bytes.
func (p *pool) buffer(n int) (*Buffer, error) {
	bl, err := p.get(class(n))
	if err != nil {
		return nil, &MemoryError{Device: p.device.Name(), Bytes: n, Err: err}
	}
	if b := bl.spare; b != nil {
		bl.spare = nil
		b.size, b.rec = n, nil
		return b, nil
	}
	b := &Buffer{block: bl, size: n}
	b.cleanup = runtime.AddCleanup(b, (*block).release, bl)
	return b, nil
}

var errClosed = errors.New("device is closed")

func (p *pool) get(size int) (*block, error) {
	bl, err := p.tryGet(size)
	if err == errDue {
		p.collect(size)
		bl, err = p.tryGet(size)
		if err == errDue { // all of it is in use: so be it
			bl, err = p.take(size)
		}
	}
	if err == nil || errors.Is(err, errClosed) {
		return bl, err
	}
	// The device has no more: look for arrays that nobody uses, let go of all
	// that is kept, and try once more.
	p.collect(0)
	p.trim()
	p.device.Sync() // what was freed may be in use until then
	if bl, err = p.take(size); err != nil {
		err = fmt.Errorf("%w (arrays hold %d bytes there)", err, p.stats().Live)
	}
	return bl, err
}

// errDue says that so much is live that a collection should come first.
var errDue = errors.New("a collection is due")

// due reports whether so much is live that a collection should come before
// size more bytes.
func (p *pool) due(size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dueLocked(size)
}

func (p *pool) dueLocked(size int) bool {
	live := p.n.Live + size
	return live > collectFloor && live/2 > p.survived
}

// tryGet is take, or errDue.
func (p *pool) tryGet(size int) (*block, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dueLocked(size) {
		return nil, errDue
	}
	return p.takeLocked(size)
}

func (p *pool) take(size int) (*block, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked(size)
}

// takeLocked returns a block that is kept, or a new one. p.mu is held.
func (p *pool) takeLocked(size int) (*block, error) {
	if p.closed {
		return nil, errClosed
	}
	if size > p.limit || p.n.Live > p.limit-size {
		return nil, fmt.Errorf("%d bytes are in use and the limit is %d", p.n.Live, p.limit)
	}
	var bl *block
	if kept := p.free[size]; len(kept) > 0 {
		bl = kept[len(kept)-1]
		kept[len(kept)-1] = nil
		p.free[size] = kept[:len(kept)-1]
		p.n.Cached -= size
		p.n.Reuses++
	} else {
		raw, err := p.device.Device.Alloc(size)
		if err != nil {
			return nil, err
		}
		bl = &block{pool: p, raw: raw, size: size}
		p.n.Allocs++
	}
	p.n.Live += size
	p.n.Peak = max(p.n.Peak, p.n.Live)
	return bl, nil
}

// put takes a block back.
func (p *pool) put(bl *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n.Live -= bl.size
	keep := max(collectFloor, p.n.Live)
	if !p.closed && p.n.Cached+bl.size > keep {
		// Sizes that are asked for now are worth more than those of before.
		p.drop(func(size int) bool { return size != bl.size })
	}
	if p.closed || p.n.Cached+bl.size > keep {
		bl.free()
		return
	}
	p.free[bl.size] = append(p.free[bl.size], bl)
	p.n.Cached += bl.size
}

// drop frees the kept blocks of the classes for which which is true. p.mu is
// held.
func (p *pool) drop(which func(size int) bool) {
	for size, kept := range p.free {
		if which(size) {
			for _, bl := range kept {
				bl.free()
			}
			p.n.Cached -= size * len(kept)
			delete(p.free, size)
		}
	}
}

func (p *pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(func(int) bool { return true })
}

func (p *pool) close() {
	p.trim()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

func (p *pool) stats() MemoryStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// collect runs the garbage collector and waits until the Buffers it found are
// back. Goroutines that come while one collects wait for it, and collect only
// if there is need still.
func (p *pool) collect(size int) {
	p.collecting.Lock()
	defer p.collecting.Unlock()
	if size > 0 && !p.due(size) {
		return
	}
	runtime.GC()
	waitForCleanups()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.survived = p.n.Live
	p.n.Collections++
}

// waitForCleanups returns when the cleanups that the last collection queued
// have run; after a second at most, as others' cleanups may be slow.
func waitForCleanups() {
	s := []metrics.Sample{
		{Name: "/gc/cleanups/queued:cleanups"},
		{Name: "/gc/cleanups/executed:cleanups"},
	}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 || s[1].Value.Kind() != metrics.KindUint64 {
		time.Sleep(time.Millisecond)
		return
	}
	queued := s[0].Value.Uint64()
	for end := time.Now().Add(time.Second); s[1].Value.Uint64() < queued && time.Now().Before(end); metrics.Read(s) {
		runtime.Gosched()
	}
}
