package interp

// This file implements atomics. Threadgroups run in parallel, so those on
// buffers are atomic for real; memory of a threadgroup needs no more than
// lane order.

import (
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// word is memory that atomics work on, and the lanes that hold its values.
type word interface{ uint32 | uint64 }

func (c *compiler) atomic(in *ir.Instr) step {
	switch in.Type {
	case ir.I32, ir.U32, ir.F32:
		return stepAtomic[uint32](c, in, cas32)
	case ir.I64, ir.U64:
		return stepAtomic[uint64](c, in, cas64)
	}
	return c.fail("%s of %s is not defined", in.Op, in.Type)
}

func cas32(p unsafe.Pointer, old, new uint32) bool {
	return atomic.CompareAndSwapUint32((*uint32)(p), old, new)
}

func cas64(p unsafe.Pointer, old, new uint64) bool {
	return atomic.CompareAndSwapUint64((*uint64)(p), old, new)
}

func stepAtomic[W word](c *compiler, in *ir.Instr, cas func(p unsafe.Pointer, old, new W) bool) step {
	a := c.access(in.Addr)
	size := int64(unsafe.Sizeof(W(0)))
	args, dst := c.args(in), c.dsts(in)
	if in.Op == ir.AtomicCAS {
		return func(f *frame) {
			want, to := view[W](f, args[0]), view[W](f, args[1])
			for _, lane := range f.lanes(f.cur) {
				l := int(lane)
				var old W
				ok := false
				if p := a.word(f, l, size); p != nil {
					for {
						old = load(p, W(0))
						if old != want[l] {
							break
						}
						if ok = cas(p, old, to[l]); ok {
							break
						}
					}
				}
				if len(dst) > 0 {
					view[W](f, dst[0])[l] = old
				}
				if len(dst) > 1 {
					view[uint8](f, dst[1])[l] = truth(ok)
				}
			}
		}
	}
	update := updates[W](in.Op, in.Type)
	if update == nil {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	return func(f *frame) {
		for _, lane := range f.lanes(f.cur) {
			l := int(lane)
			var old, v W
			if len(args) > 0 {
				v = view[W](f, args[0])[l]
			}
			if p := a.word(f, l, size); p != nil {
				if in.Op == ir.AtomicLoad {
					old = load(p, W(0))
				} else {
					for old = load(p, W(0)); !cas(p, old, update(old, v)); old = load(p, W(0)) {
					}
				}
			}
			if len(dst) > 0 {
				view[W](f, dst[0])[l] = old
			}
		}
	}
}

// word returns the address of a lane's atomic, nil if it is not aligned or
// out of bounds.
func (a *access) word(f *frame, lane int, size int64) unsafe.Pointer {
	r, _, off := a.at(f, lane)
	p := r.pointer(f, lane, off, size)
	if uintptr(p)&uintptr(size-1) != 0 {
		return nil
	}
	return p
}

func load[W word](p unsafe.Pointer, _ W) W {
	if unsafe.Sizeof(W(0)) == 4 {
		return W(atomic.LoadUint32((*uint32)(p)))
	}
	return W(atomic.LoadUint64((*uint64)(p)))
}

// updates returns the function from the value before and the operand, both as
// bits, to the value after.
func updates[W word](op ir.Op, t ir.Type) func(old, v W) W {
	switch op {
	case ir.AtomicLoad:
		return func(old, _ W) W { return old }
	case ir.AtomicStore, ir.AtomicXchg:
		return func(_, v W) W { return v }
	}
	switch t {
	case ir.F32:
		var one func(a, b float32) float32
		switch op {
		case ir.AtomicAdd:
			one = func(a, b float32) float32 { return a + b }
		case ir.AtomicSub:
			one = func(a, b float32) float32 { return a - b }
		case ir.AtomicMin:
			one = fmin[float32]
		case ir.AtomicMax:
			one = fmax[float32]
		default:
			return nil
		}
		return func(old, v W) W {
			return W(math.Float32bits(one(math.Float32frombits(uint32(old)), math.Float32frombits(uint32(v)))))
		}
	case ir.I32:
		return updatesInt[W, int32](op)
	case ir.U32:
		return updatesInt[W, uint32](op)
	case ir.I64:
		return updatesInt[W, int64](op)
	}
	return updatesInt[W, uint64](op)
}

func updatesInt[W word, T integer](op ir.Op) func(old, v W) W {
	switch op {
	case ir.AtomicAdd:
		return func(old, v W) W { return old + v }
	case ir.AtomicSub:
		return func(old, v W) W { return old - v }
	case ir.AtomicMin:
		return func(old, v W) W { return W(min(T(old), T(v))) }
	case ir.AtomicMax:
		return func(old, v W) W { return W(max(T(old), T(v))) }
	case ir.AtomicAnd:
		return func(old, v W) W { return old & v }
	case ir.AtomicOr:
		return func(old, v W) W { return old | v }
	case ir.AtomicXor:
		return func(old, v W) W { return old ^ v }
	}
	return nil
}
