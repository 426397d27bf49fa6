package interp

// This file implements launches: binding arguments, checking the limits, and
// running batches of threadgroups on several goroutines.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A batch is as many groups as make a loop over their lanes worth its
// overhead, and as few as keep their registers in the cache.
const (
	batchLanes = 512
	batchBytes = 256 << 10
)

// launched is one launch under way.
type launched struct {
	launch.Launch
	groups [3]int // threadgroups along each axis
	total  int    // threadgroups
	stop   atomic.Bool
}

// A framePool keeps the frames of a program between launches.
type framePool struct {
	mu     sync.Mutex
	frames []*frame
}

func (p *program) getFrame(lanes int) *frame {
	if f := p.pool.take(lanes); f != nil {
		return f
	}
	return newFrame(p, lanes)
}

// take returns a frame of at least so many lanes, or nil.
func (pool *framePool) take(lanes int) *frame {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	for i := len(pool.frames) - 1; i >= 0; i-- {
		if f := pool.frames[i]; f.cap >= lanes {
			pool.frames = append(pool.frames[:i], pool.frames[i+1:]...)
			return f
		}
	}
	pool.frames = nil // all too small
	return nil
}

func (p *program) putFrame(f *frame) {
	f.l, f.stop, f.check = nil, nil, nil
	for i := range f.regions {
		if f.regions[i].own == nil {
			f.regions[i] = region{} // lets go of the buffers
		}
	}
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	if len(p.pool.frames) < 2*runtime.GOMAXPROCS(0) {
		p.pool.frames = append(p.pool.frames, f)
	}
}

func (p *program) Close() error {
	p.pool.mu.Lock()
	defer p.pool.mu.Unlock()
	p.pool.frames = nil
	return nil
}

// Run launches the kernel and waits for it. A cancelled ctx stops it at the
// next turn of a loop or the next threadgroup.
func (p *program) Run(ctx context.Context, l launch.Launch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &launched{Launch: l}
	threads, err := p.validate(r)
	if err != nil {
		return fmt.Errorf("interp: %w", err)
	}
	cancel := context.AfterFunc(ctx, func() { r.stop.Store(true) })
	defer cancel()
	if p.checked {
		if err := p.runChecked(r, threads); err != nil {
			return err
		}
	} else {
		p.runFast(r, threads)
	}
	runtime.KeepAlive(l.Args)
	return ctx.Err()
}

func (p *program) validate(r *launched) (threads int, err error) {
	if err := launch.CheckHostArgs(p.params, r.Args); err != nil {
		return 0, err
	}
	if r.groups, r.total, threads, err = limits.CountGroups(&r.Launch); err != nil {
		return 0, err
	}
	if need := threads * p.threads; need > maxThreadTotal {
		return 0, fmt.Errorf("%d threads with %d bytes of thread memory each need %d bytes, at most %d are there; launch smaller threadgroups", threads, p.threads, need, maxThreadTotal)
	}
	return threads, nil
}

// runFast runs all groups, several at a time.
func (p *program) runFast(r *launched, threads int) {
	workers := runtime.GOMAXPROCS(0)
	perLane := p.threads
	for _, s := range p.slots {
		perLane += s.size
	}
	lanes := min(max(batchBytes/max(perLane, 1), 64), batchLanes)
	batch := min(max(lanes/threads, 1), max(r.total/(4*workers), 1))
	batches := (r.total-1)/batch + 1
	workers = min(workers, batches)

	var next atomic.Int64
	work := func() {
		f := p.getFrame(threads * batch)
		defer p.putFrame(f)
		f.bind(r, batch)
		for !r.stop.Load() {
			b := int(next.Add(1)) - 1
			if b >= batches {
				return
			}
			f.begin(b*batch, min((b+1)*batch, r.total))
			p.body.run(f)
		}
	}
	if workers == 1 {
		work()
		return
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(work)
	}
	wg.Wait()
}

// bind readies f for a launch that runs so many groups at a time.
func (f *frame) bind(r *launched, batch int) {
	f.l = r
	f.stop = &r.stop
	f.groups = f.groups[:0]
	p := f.p
	if f.regions == nil {
		f.regions = make([]region, 1+len(p.fn.Params)+len(p.fn.Allocs))
	}
	for i := range r.Args {
		a := &r.Args[i]
		reg := region{org: int64(a.Offset), lo: int64(a.Lo), hi: int64(a.Hi)}
		if host := a.Buffer.Host(); len(host) > 0 {
			reg.base = unsafe.Pointer(&host[0])
		} else {
			reg.hi = reg.lo
		}
		f.regions[1+i] = reg
	}
	for i := range p.fn.Allocs {
		a := &p.fn.Allocs[i]
		reg := &f.regions[1+len(p.fn.Params)+i]
		reg.hi = int64(a.Size)
		if a.Space == ir.Constant {
			if a.Size > 0 {
				init := p.tables[i]
				reg.base = unsafe.Pointer(&init[0])
			}
			continue
		}
		instances := batch
		if reg.lanes = a.Space == ir.Thread; reg.lanes {
			instances = f.cap
		}
		reg.stride = int64(a.Size+15) &^ 15
		if need := int(reg.stride) * instances; len(reg.own) < need {
			reg.own = launch.AlignedBytes(need)
			reg.base = unsafe.Pointer(&reg.own[0])
		}
	}
}
