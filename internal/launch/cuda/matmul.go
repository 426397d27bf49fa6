package cuda

// This file implements matrix products by cuBLASLt, where that is installed.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/cublaslt"
)

const (
	workspaceSize = 32 << 20 // bytes that a product may use meanwhile
	mostProducts  = 64       // calls of the library for one batch that does not lie evenly
)

// products is the library and what it needs, loaded when a product is wanted.
type products struct {
	mu        sync.Mutex
	tried     bool
	err       error // why there is none
	handle    *cublaslt.Handle
	workspace *buffer
}

// openProducts loads the library once, which takes a while.
func (d *Device) openProducts() error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	s := &d.products
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tried {
		s.tried = true
		s.err = s.open(d)
	}
	return s.err
}

// open loads the library; d.live is held.
func (s *products) open(d *Device) error {
	library, _, err := cublaslt.Open(d.driver.version, dl.SitePackages())
	if err != nil {
		return err
	}
	if s.workspace, err = d.alloc(workspaceSize); err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := d.do(&d.driver.setCurrent, d.primary.ctx); err != nil {
		return err
	}
	s.handle, err = library.NewHandle()
	return err
}

// close frees what the library has; d.live is held.
func (s *products) close(d *Device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tried, s.err = true, errClosed
	if s.handle == nil {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return errors.Join(d.do(&d.driver.setCurrent, d.primary.ctx), s.handle.Close())
}

// Multiplies implements launch.Multiplier.
func (d *Device) Multiplies(m launch.MatMul) bool {
	if m.Products() == 0 || m.M == 0 || m.N == 0 || m.K == 0 || d.openProducts() != nil {
		return false
	}
	m = m.Simplify()
	_, outer := inner(&m)
	return outer <= mostProducts && cublaslt.Takes(libraryProduct(&m, [3]uintptr{}))
}

// inner returns how many axes of a simplified batch the library does not take,
// which is all but the last one, and how many products of batches that is.
func inner(m *launch.MatMul) (axes, outer int) {
	axes, outer = max(len(m.Batch)-1, 0), 1
	for _, n := range m.Batch[:axes] {
		outer *= n
	}
	return axes, outer
}

// libraryProduct returns the product along the last axis of a simplified batch.
func libraryProduct(m *launch.MatMul, addrs [3]uintptr) cublaslt.Product {
	p := cublaslt.Product{DType: m.DType, TF32: m.AllowTF32, Batch: 1, M: m.M, N: m.N, K: m.K}
	last := len(m.Batch) - 1
	if last >= 0 {
		p.Batch = m.Batch[last]
	}
	for i, o := range []struct {
		from *launch.Matrix
		to   *cublaslt.Matrix
	}{{&m.A, &p.A}, {&m.B, &p.B}, {&m.Out, &p.Out}} {
		*o.to = cublaslt.Matrix{Addr: addrs[i], Row: o.from.Row, Col: o.from.Col}
		if last >= 0 {
			o.to.Batch = o.from.Batch[last]
		}
	}
	return p
}

// MatMul implements launch.Multiplier.
func (d *Device) MatMul(ctx context.Context, m launch.MatMul) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := d.openProducts(); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	if err := m.Check(); err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	m = m.Simplify()
	axes, outer := inner(&m)
	size := m.DType.Size()
	call := func(stream uintptr, bases []uintptr) error {
		at := make([]int, axes) // position along the outer axes
		for range outer {
			var addrs [3]uintptr
			for i, x := range []*launch.Matrix{&m.A, &m.B, &m.Out} {
				offset := x.Offset
				for k, n := range at {
					offset += n * x.Batch[k] * size
				}
				addrs[i] = bases[i] + uintptr(offset)
			}
			if err := d.products.handle.MatMul(stream, bases[3], workspaceSize, libraryProduct(&m, addrs)); err != nil {
				return err
			}
			for k := axes - 1; k >= 0; k-- {
				if at[k]++; at[k] < m.Batch[k] {
					break
				}
				at[k] = 0
			}
		}
		return nil
	}
	return d.Enqueue("matmul", []launch.Buffer{m.A.Buffer, m.B.Buffer, m.Out.Buffer, d.products.workspace}, call)
}
