package cc

// This file implements programs: running a launch's threadgroups on one or
// several goroutines.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A chunk is a run of threadgroups that a worker takes at a time: so many that
// the calls are cheap beside the work, so few that workers end together and
// that a cancelled launch stops soon.
const (
	shortChunk = 100 * time.Microsecond // below it chunks grow
	longChunk  = time.Millisecond       // above it they shrink
	streamFrom = 16 << 20               // bytes of a buffer that would only push others out of the caches
	streamEach = 2 << 10                // bytes of it for each threadgroup: a processor waits before it goes past the caches
	aloneFor   = 30 * time.Microsecond  // a launch that takes less is not worth a second worker
)

// A program is a loaded kernel.
type program struct {
	lib     library
	name    string
	params  []string
	scratch int
	pace    atomic.Uint64 // bits of the nanoseconds that a threadgroup's thread took last, a float64; 0: not known
	users   atomic.Int64  // runs under way, and one until Close
	closed  atomic.Bool
	calls   sync.Pool // of *call
	memory  sync.Pool // of *[]byte, scratch memory
}

func (d *device) program(ctx context.Context, name string, u Unit, params []string) (*program, error) {
	if u.Scratch < 0 {
		return nil, fmt.Errorf("kernel %s wants %d bytes of scratch memory", name, u.Scratch)
	}
	lib, err := d.load(ctx, name, u)
	if err != nil {
		return nil, err
	}
	p := &program{lib: lib, name: name, params: params, scratch: u.Scratch}
	p.users.Store(1)
	return p, nil
}

var errClosed = errors.New("cc: the program was closed")

// enter keeps the library loaded until leave.
func (p *program) enter() bool {
	for {
		n := p.users.Load()
		if n == 0 || p.closed.Load() {
			return false
		}
		if p.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *program) leave() error {
	if p.users.Add(-1) == 0 {
		return p.lib.Close()
	}
	return nil
}

// Close unloads the kernel when the last run of it has ended.
func (p *program) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.leave()
}

// A call is one launch as the kernel sees it.
type call struct {
	params []uintptr
	hosts  [][]byte   // what params point into, so that it stays even if a buffer is freed meanwhile
	launch [10]uint32 // grid, group, groups and stream, as zmlx_launch
	none   [launch.HostAlignment]byte

	program *program
	total   int64 // threadgroups
	threads int   // of a threadgroup
	first   int64 // threadgroups of a worker's first chunk
	next    atomic.Int64
	helpers sync.WaitGroup
}

// Run launches the kernel and waits for it. A cancelled ctx stops it between
// chunks of threadgroups.
func (p *program) Run(ctx context.Context, l launch.Launch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.enter() {
		return errClosed
	}
	defer p.leave()
	if err := launch.CheckHostArgs(p.params, l.Args); err != nil {
		return fmt.Errorf("cc: kernel %s: %w", p.name, err)
	}
	groups, total, threads, err := limits.CountGroups(&l)
	if err != nil {
		return fmt.Errorf("cc: kernel %s: %w", p.name, err)
	}
	c, _ := p.calls.Get().(*call)
	if c == nil {
		c = &call{program: p, params: make([]uintptr, max(len(p.params), 1)), hosts: make([][]byte, len(p.params))}
	}
	for d := range 3 {
		c.launch[d], c.launch[3+d], c.launch[6+d] = uint32(l.Grid[d]), uint32(l.Group[d]), uint32(groups[d])
	}
	c.launch[9] = 0
	for i := range l.Args {
		a := &l.Args[i]
		if i < 32 && a.Hi-a.Lo >= streamFrom && (a.Hi-a.Lo)/total >= streamEach {
			c.launch[9] |= 1 << i
		}
		base := uintptr(unsafe.Pointer(&c.none))
		host := a.Buffer.Host()
		if len(host) > 0 {
			base = uintptr(unsafe.Pointer(&host[0])) + uintptr(a.Offset)
		}
		c.hosts[i] = host
		c.params[i] = base
	}
	c.total, c.threads = int64(total), threads
	c.run(ctx)
	runtime.KeepAlive(l.Args)
	clear(c.hosts)
	p.calls.Put(c)
	return ctx.Err()
}

// run does the launch's work, alone or with helpers.
func (c *call) run(ctx context.Context) {
	c.next.Store(0)
	c.first = 1
	if c.total == 1 {
		c.work(ctx, 1, false)
		return
	}
	workers := int64(runtime.GOMAXPROCS(0))
	expected := c.expected(c.total)
	if expected == 0 || expected > aloneFor {
		if expected > 0 {
			c.first = c.total * int64(shortChunk) / int64(expected)
		}
		c.first = min(max(c.first, 1), max(c.total/(4*workers), 1))
		c.help(ctx, workers)
		c.work(ctx, workers, false)
	} else {
		c.first = max(c.total/8, 1)
		c.work(ctx, workers, true)
	}
	c.helpers.Wait()
}

// expected returns how long groups should take one worker, going by the latest
// chunk that was timed; 0: not known.
func (c *call) expected(groups int64) time.Duration {
	pace := math.Float64frombits(c.program.pace.Load())
	return time.Duration(min(pace*float64(c.threads)*float64(groups), math.MaxInt64/2))
}

// active counts the workers of all launches. There is no use for more than
// processors.
var active atomic.Int64

// help starts helpers for what is left.
func (c *call) help(ctx context.Context, workers int64) {
	for range min(workers, c.total-c.next.Load()) - 1 {
		if active.Add(1) >= workers {
			active.Add(-1)
			return
		}
		c.helpers.Go(func() {
			c.work(ctx, workers, false)
			active.Add(-1)
		})
	}
}

// work takes chunks until none is left. alone: there are no helpers yet; they
// are called if after the first chunk there seems to be work for them.
func (c *call) work(ctx context.Context, workers int64, alone bool) {
	p := c.program
	memory := p.getMemory()
	defer p.memory.Put(memory)
	var scratch uintptr
	if len(*memory) > 0 {
		scratch = uintptr(unsafe.Pointer(&(*memory)[0]))
	}
	for n := c.first; ctx.Err() == nil; {
		from := c.next.Add(n) - n
		if from >= c.total {
			break
		}
		to := min(from+n, c.total)
		var start time.Time
		if c.total > 1 {
			start = time.Now()
		}
		dl.Call(p.lib.entry, uintptr(unsafe.Pointer(&c.params[0])), uintptr(unsafe.Pointer(&c.launch)), uintptr(from), uintptr(to), scratch)
		if c.total == 1 {
			break
		}
		took := time.Since(start)
		p.pace.Store(math.Float64bits(max(float64(took), 1) / (float64(to-from) * float64(c.threads))))
		left := c.total - to
		if alone {
			if alone = c.expected(left) <= aloneFor; alone {
				n = max(left, 1)
				continue
			}
			c.help(ctx, workers)
		}
		switch {
		case took < shortChunk:
			n *= 2
		case took > longChunk:
			n /= 2
		}
		n = max(min(n, left/(2*workers)), 1)
	}
	runtime.KeepAlive(memory)
}

func (p *program) getMemory() *[]byte {
	if m, ok := p.memory.Get().(*[]byte); ok {
		return m
	}
	m := launch.AlignedBytes(p.scratch)
	return &m
}
