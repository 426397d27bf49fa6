package cc

// This file implements matrix products: which of the ways through the C code
// a product takes, and how it is cut into pieces.
//
// Which bits come out depends on the lengths, the strides and the dtype alone:
// the way is chosen by these, and along a way every element's sum is taken in
// an order that neither the cutting nor the number of workers changes.

import (
	"context"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
)

const (
	skinnyRows   = 8         // a product of at most so many rows reads B once, where it lies
	skinnyMin    = 64        // if it is at least so long in memory
	skinnyCopy   = 4 << 20   // and A takes at most so many bytes
	wholeBytes   = 1 << 19   // operands that small are packed and multiplied by one worker
	chunkLength  = 4096      // of m, n and k: bounds the memory for packed operands
	aloneWork    = 1 << 20   // multiplications that one worker does sooner than two
	aloneBytes   = 256 << 10 // the same for products that only read
	batchAxes    = 8         // that the C code takes
	tileRows     = 24        // panels of A that stay in the second cache
	tileCols     = 16        // panels of B
	tilesForEach = 4         // tiles a worker should have, so that all end together
)

// A gemmCall is a product as the C code sees it: struct zmlx_gemm.
type gemmCall struct {
	a, b, c             uintptr
	m, n, k             int64
	aRow, aCol          int64
	bRow, bCol          int64
	cRow, cCol          int64
	tileM, tileN        int64
	packedA, packedB    uintptr
	sums                uintptr
	add, last           int64
	axes                int64
	dims                [batchAxes]int64
	aStep, bStep, cStep [batchAxes]int64
}

// Multiplies implements [launch.Multiplier].
func (d *device) Multiplies(m launch.MatMul) bool {
	switch m.DType {
	case dtype.Float16, dtype.BFloat16, dtype.Float32, dtype.Float64:
		return true
	}
	return false
}

// MatMul implements [launch.Multiplier].
func (d *device) MatMul(ctx context.Context, m launch.MatMul) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.Multiplies(m) {
		return fmt.Errorf("cc: matrix product of %s: only floats of 16, 32 and 64 bits", m.DType)
	}
	if err := m.Check(); err != nil {
		return fmt.Errorf("cc: %w", err)
	}
	if m.M == 0 || m.N == 0 || m.Products() == 0 {
		return nil
	}
	g, err := d.gemm.get(ctx, d, m.DType)
	if err != nil {
		return err
	}
	m = m.Simplify()
	if m.N < m.M && m.N <= skinnyRows || m.Out.Col != 1 && m.Out.Row == 1 && m.M > skinnyRows {
		m.Swap()
	}
	hosts := [3][]byte{}
	c := &gemmCall{
		m: int64(m.M), n: int64(m.N), k: int64(m.K), last: 1,
		aRow: int64(m.A.Row), aCol: int64(m.A.Col),
		bRow: int64(m.B.Row), bCol: int64(m.B.Col),
		cRow: int64(m.Out.Row), cCol: int64(m.Out.Col),
	}
	for i, o := range []struct {
		x  *launch.Matrix
		at *uintptr
	}{{&m.A, &c.a}, {&m.B, &c.b}, {&m.Out, &c.c}} {
		host := o.x.Buffer.Host()
		if len(host) == 0 {
			if m.K == 0 && i < 2 {
				continue
			}
			return fmt.Errorf("cc: an operand of a matrix product was freed, or lies where the host cannot address it")
		}
		hosts[i] = host
		*o.at = uintptr(unsafe.Pointer(&host[0])) + uintptr(o.x.Offset)
	}
	err = g.batches(ctx, c, &m)
	runtime.KeepAlive(&hosts)
	return err
}

// batches splits off batch axes beyond those that the C code takes.
func (g *gemm) batches(ctx context.Context, c *gemmCall, m *launch.MatMul) error {
	if len(m.Batch) > batchAxes {
		inner := *m
		inner.Batch = m.Batch[1:]
		for _, x := range []*launch.Matrix{&inner.A, &inner.B, &inner.Out} {
			x.Batch = x.Batch[1:]
		}
		size := m.DType.Size()
		for i := range m.Batch[0] {
			one := *c
			one.a += uintptr(i * m.A.Batch[0] * size)
			one.b += uintptr(i * m.B.Batch[0] * size)
			one.c += uintptr(i * m.Out.Batch[0] * size)
			if err := g.batches(ctx, &one, &inner); err != nil {
				return err
			}
		}
		return nil
	}
	c.axes = int64(len(m.Batch))
	for i, n := range m.Batch {
		c.dims[i] = int64(n)
		c.aStep[i], c.bStep[i], c.cStep[i] = int64(m.A.Batch[i]), int64(m.B.Batch[i]), int64(m.Out.Batch[i])
	}
	products := int64(m.Products())
	switch {
	case g.isSkinny(c):
		return g.skinny(ctx, c, products)
	case c.k == 0, g.packedBytes(c) <= wholeBytes && (products > 1 || c.m*c.n*c.k <= aloneWork):
		return g.whole(ctx, c, products)
	}
	for t := range products {
		one := *c
		one.axes = 0
		rest := t
		for i := c.axes - 1; i >= 0; i-- {
			at := rest % c.dims[i]
			rest /= c.dims[i]
			one.a += uintptr(at * c.aStep[i] * g.elem)
			one.b += uintptr(at * c.bStep[i] * g.elem)
			one.c += uintptr(at * c.cStep[i] * g.elem)
		}
		if err := g.tiled(ctx, &one); err != nil {
			return err
		}
	}
	return nil
}

// isSkinny reports whether a product has few rows and a B that lies well.
func (g *gemm) isSkinny(c *gemmCall) bool {
	if c.m > skinnyRows || c.k == 0 {
		return false
	}
	if (g.elem != g.real || c.aCol != 1) && c.m*c.k*g.real > skinnyCopy {
		return false
	}
	return c.bCol == 1 && c.n >= skinnyMin || c.bRow == 1 && c.k >= skinnyMin
}

// skinny computes products of few rows.
func (g *gemm) skinny(ctx context.Context, c *gemmCall, products int64) error {
	w := workers()
	most := int64(1024)
	if c.bCol == 1 && c.bRow != 1 {
		most = max(most, 64<<10/(c.m*g.real)/skinnyMin*skinnyMin)
	}
	pieces := max(ceil(c.n, most), min(ceil(tilesForEach*w, products), ceil(c.n, skinnyMin)))
	c.tileN = roundUp(ceil(c.n, pieces), skinnyMin)
	pieces = ceil(c.n, c.tileN)
	scratch := (roundUp(c.m*c.k, skinnyMin) + c.m*c.tileN) * g.real
	work := &stage{fn: g.fn.skinny, total: products * pieces, scratch: scratch, grain: 1}
	if bytes := products * c.n * c.k * g.elem; bytes <= aloneBytes {
		work.grain = work.total
	} else {
		work.grain = max(1, work.total/(bytes/aloneBytes+1))
	}
	return run(ctx, c, work)
}

// whole computes a batch of small products, each by one worker.
func (g *gemm) whole(ctx context.Context, c *gemmCall, products int64) error {
	c.tileM = roundUp(min(c.m, tileRows*g.rows), g.rows)
	c.tileN = roundUp(min(c.n, tileCols*g.cols), g.cols)
	scratch := g.packedBytes(c) + g.tileScratch(c)
	return run(ctx, c, &stage{fn: g.fn.whole, total: products, scratch: scratch, grain: max(1, aloneWork/max(c.m*c.n*c.k, 256))})
}

// packedBytes returns the bytes that both operands take when packed.
func (g *gemm) packedBytes(c *gemmCall) int64 {
	return (roundUp(c.m, g.rows) + roundUp(c.n, g.cols)) * c.k * g.real
}

// tiled computes one product with all workers, part by part if it is large.
func (g *gemm) tiled(ctx context.Context, whole *gemmCall) error {
	chunkM, chunkN := min(whole.m, chunkLength/g.rows*g.rows), min(whole.n, chunkLength/g.cols*g.cols)
	chunkK := min(whole.k, chunkLength/g.depth*g.depth)
	c := &gemmCall{}
	*c = *whole
	if chunkK < whole.k && (g.elem != g.real || whole.cCol != 1) {
		sums := getMemory(roundUp(chunkM, g.rows) * roundUp(chunkN, g.cols) * g.real)
		defer putMemory(sums)
		c.sums = address(sums)
	}
	for j := int64(0); j < whole.n; j += chunkN {
		for i := int64(0); i < whole.m; i += chunkM {
			for p := int64(0); p < whole.k; p += chunkK {
				c.m, c.n, c.k = min(chunkM, whole.m-i), min(chunkN, whole.n-j), min(chunkK, whole.k-p)
				c.a = whole.a + uintptr((i*whole.aRow+p*whole.aCol)*g.elem)
				c.b = whole.b + uintptr((p*whole.bRow+j*whole.bCol)*g.elem)
				c.c = whole.c + uintptr((i*whole.cRow+j*whole.cCol)*g.elem)
				c.add, c.last = 0, 0
				if p > 0 {
					c.add = 1
				}
				if p+c.k == whole.k {
					c.last = 1
				}
				if err := g.chunk(ctx, c); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// chunk packs operands that several tiles share, and multiplies tiles.
func (g *gemm) chunk(ctx context.Context, c *gemmCall) error {
	c.tileM, c.tileN = g.tile(c.m, c.n)
	high, wide := ceil(c.m, c.tileM), ceil(c.n, c.tileN)
	c.packedA, c.packedB = 0, 0
	panels := int64(0)
	if wide > 1 {
		panels += ceil(c.m, g.rows)
		packed := getMemory(roundUp(c.m, g.rows) * c.k * g.real)
		defer putMemory(packed)
		c.packedA = address(packed)
	}
	if high > 1 {
		panels += ceil(c.n, g.cols)
		packed := getMemory(roundUp(c.n, g.cols) * c.k * g.real)
		defer putMemory(packed)
		c.packedB = address(packed)
	}
	tiles := &stage{fn: g.fn.tiles, total: high * wide, grain: 1, scratch: g.tileScratch(c)}
	if panels == 0 {
		return run(ctx, c, tiles)
	}
	return run(ctx, c, &stage{fn: g.fn.pack, total: panels, grain: max(1, panels/(8*workers()))}, tiles)
}

// tileScratch returns the bytes that a worker needs for a tile.
func (g *gemm) tileScratch(c *gemmCall) int64 {
	n := g.depth * g.cols
	if c.packedA == 0 {
		n += c.tileM * g.depth
	}
	if c.sums == 0 && (g.elem != g.real || c.cCol != 1) {
		n += c.tileM * c.tileN
	}
	return n * g.real
}

// tile returns the size of tiles, such that every worker has several.
func (g *gemm) tile(m, n int64) (tileM, tileN int64) {
	high, wide := ceil(m, tileRows*g.rows), ceil(n, tileCols*g.cols)
	for {
		tileM = roundUp(ceil(m, high), g.rows)
		tileN = roundUp(ceil(n, wide), g.cols)
		switch w := workers(); {
		case w == 1 || ceil(m, tileM)*ceil(n, tileN) >= tilesForEach*w:
			return tileM, tileN
		case tileN > 4*g.cols:
			wide++
		case tileM > 4*g.rows:
			high++
		default:
			return tileM, tileN
		}
	}
}

func ceil(n, unit int64) int64 { return (n + unit - 1) / unit }

func roundUp(n, unit int64) int64 { return ceil(n, unit) * unit }
