package cc

// This file implements running the C code of matrix products: loading it,
// memory for it, and workers.

import (
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/backend/c99"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A gemm is the code for one dtype.
type gemm struct {
	elem, real        int64 // bytes of an element, and of what is multiplied and summed
	rows, cols, depth int64 // of a kernel's panels
	fn                struct{ pack, tiles, whole, skinny uintptr }
}

// gemms is the code for each dtype, once it is loaded.
type gemms struct {
	mu     sync.Mutex
	types  map[dtype.DType]*gemm
	vector int // bytes; 0: as many as the processor has
}

// get returns the code for a dtype, which is compiled on first use.
func (s *gemms) get(ctx context.Context, d *device, dt dtype.DType) (*gemm, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.types[dt]; g != nil {
		return g, nil
	}
	g, err := loadGEMM(ctx, d, dt, s.vector)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("cc: matrix product: %w", err)
	}
	if s.types == nil {
		s.types = map[dtype.DType]*gemm{}
	}
	s.types[dt] = g
	return g, nil
}

func loadGEMM(ctx context.Context, d *device, dt dtype.DType, vector int) (*gemm, error) {
	text, err := c99.GEMM(dt, vector)
	if err != nil {
		return nil, err
	}
	lib, err := d.load(ctx, "matmul_"+dt.String(), Unit{Text: text, Entry: "zmlx_gemm_sizes"})
	if err != nil {
		return nil, err
	}
	g := &gemm{elem: int64(dt.Size())}
	for _, f := range []struct {
		name string
		at   *uintptr
	}{{"zmlx_gemm_pack", &g.fn.pack}, {"zmlx_gemm_tiles", &g.fn.tiles}, {"zmlx_gemm_whole", &g.fn.whole}, {"zmlx_gemm_skinny", &g.fn.skinny}} {
		if *f.at, err = lib.Sym(f.name); err != nil {
			return nil, err
		}
	}
	var sizes [4]int64
	dl.Call(lib.entry, uintptr(unsafe.Pointer(&sizes)))
	g.rows, g.cols, g.depth, g.real = sizes[0], sizes[1], sizes[2], sizes[3]
	return g, nil // the library stays loaded
}

// A stage is work that several workers can share.
type stage struct {
	fn      uintptr // called as fn(c, from, to, scratch)
	total   int64   // pieces, independent of each other
	grain   int64   // pieces that are worth a call
	scratch int64   // bytes of memory that each worker needs
	next    atomic.Int64
	done    atomic.Int64
}

func workers() int64 { return int64(runtime.GOMAXPROCS(0)) }

// run does every piece of the stages once, and all of one stage before any of
// the next. It stops with ctx's error between calls if ctx ends.
func run(ctx context.Context, c *gemmCall, stages ...*stage) error {
	var scratch, most int64
	for _, s := range stages {
		scratch = max(scratch, s.scratch)
		most = max(most, ceil(s.total, s.grain))
	}
	work := func() {
		memory := getMemory(scratch)
		for i, s := range stages {
			s.work(ctx, c, address(memory))
			if i+1 < len(stages) {
				s.wait(ctx)
			}
		}
		putMemory(memory)
	}
	var helpers sync.WaitGroup
	w := workers()
	for range min(w, most) - 1 {
		if active.Add(1) >= w {
			active.Add(-1)
			break
		}
		helpers.Go(func() {
			work()
			active.Add(-1)
		})
	}
	work()
	helpers.Wait()
	runtime.KeepAlive(c)
	return ctx.Err()
}

// work does pieces until none is left.
func (s *stage) work(ctx context.Context, c *gemmCall, scratch uintptr) {
	for ctx.Err() == nil {
		from := s.next.Add(s.grain) - s.grain
		if from >= s.total {
			return
		}
		to := min(from+s.grain, s.total)
		dl.Call(s.fn, uintptr(unsafe.Pointer(c)), uintptr(from), uintptr(to), scratch)
		s.done.Add(to - from)
	}
}

// wait returns when all pieces are done. Others have at most a call each to go,
// so that asking again is sooner than being woken.
func (s *stage) wait(ctx context.Context) {
	for n := 0; s.done.Load() < s.total && ctx.Err() == nil; n++ {
		if n < 1000 {
			runtime.Gosched()
		} else {
			time.Sleep(20 * time.Microsecond)
		}
	}
}

// memories keeps memory for packed operands and sums, by the logarithm of its
// size.
var memories [64]sync.Pool // of *[]byte

// getMemory returns n bytes or more, with anything in them.
func getMemory(n int64) *[]byte {
	if n == 0 {
		return nil
	}
	class := bits.Len64(uint64(max(n, 4096) - 1))
	if m, ok := memories[class].Get().(*[]byte); ok {
		return m
	}
	m := launch.AlignedBytes(1 << class)
	adviseHuge(m)
	return &m
}

// putMemory gives memory back.
func putMemory(m *[]byte) {
	if m != nil {
		memories[bits.Len64(uint64(len(*m)-1))].Put(m)
	}
}

func address(m *[]byte) uintptr {
	if m == nil {
		return 0
	}
	return uintptr(unsafe.Pointer(&(*m)[0]))
}
