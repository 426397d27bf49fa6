package interp

// This file implements the checks of memory accesses: bounds, alignment, and
// memory that was not written.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A shadow is what checked mode knows of the memory of a buffer or an
// allocation.
type shadow struct {
	size    int64
	local   bool     // of thread or threadgroup memory: starts anew with each group
	perLane int64    // bytes from one lane's part to the next; 0: all share it
	written []uint64 // a bit a byte; nil: all of it
	granule int64    // bytes that one cell stands for
	pages   [][]cell // nil: races are not looked for
}

// mark notes that n bytes were written.
func (s *shadow) mark(pos, n int64) {
	if s.written == nil {
		return
	}
	for ; n > 0 && pos&63 != 0; n, pos = n-1, pos+1 {
		s.written[pos>>6] |= 1 << (pos & 63)
	}
	for ; n >= 64; n, pos = n-64, pos+64 {
		s.written[pos>>6] = ^uint64(0)
	}
	for ; n > 0; n, pos = n-1, pos+1 {
		s.written[pos>>6] |= 1 << (pos & 63)
	}
}

func (s *shadow) unmark(pos, n int64) {
	for i := pos; i < pos+n; i++ {
		s.written[i>>6] &^= 1 << (i & 63)
	}
}

// wrote reports whether n bytes were all written.
func (s *shadow) wrote(pos, n int64) bool {
	if s.written == nil {
		return true
	}
	for i := pos; i < pos+n; i++ {
		if s.written[i>>6]>>(i&63)&1 == 0 {
			return false
		}
	}
	return true
}

// A fault is a class of wrong access, in some lanes of one instruction.
type fault struct {
	lanes []int32
	id    int   // region and offset in the first of them
	off   int64 // from the region's offset 0
}

func (ft *fault) add(lane int32, id int, off int64) {
	if ft.lanes == nil {
		ft.id, ft.off = id, off
	}
	ft.lanes = append(ft.lanes, lane)
}

// memory checks the accesses of one instruction in all active lanes.
func (k *checker) memory(in *ir.Instr, a *access, slots []slot) {
	k.serial++
	read, write := accessKind(in)
	size := int64(in.Type.Size())
	count := int64(1)
	if in.Op == ir.Load {
		count = int64(len(in.Dst))
	} else if in.Op == ir.Store {
		count = int64(len(in.Args))
	}
	whole := size * count
	align := size
	if count&(count-1) == 0 {
		align = whole // vectors of two, four and so on; three lie as scalars do
	}
	var outside, null, misaligned, unwritten fault
	for _, lane := range k.f.lanes(k.f.cur) {
		l := int(lane)
		r, id, off := a.at(k.f, l)
		if r == nil {
			null.add(lane, 0, off)
			continue
		}
		if uint64(off-r.lo) >= r.valid(whole) {
			bad := off
			for bad < off+whole && uint64(bad-r.lo) < r.valid(size) {
				bad += size
			}
			outside.add(lane, id, bad-r.org)
			continue
		}
		if off&(align-1) != 0 {
			misaligned.add(lane, id, off-r.org)
		}
		s := k.shadows[id]
		if s == nil {
			continue
		}
		pos := off + int64(l)*s.perLane
		if read && !s.wrote(pos, whole) {
			if s.perLane != 0 && in.Op == ir.Load {
				k.loadUndefined(in, s, pos, l, id, off)
			} else {
				bad := off
				for s.wrote(bad, size) {
					bad += size
				}
				unwritten.add(lane, id, bad-r.org)
				s.mark(pos, whole) // once is enough
			}
		}
		if s.pages != nil {
			k.races(in, a, slots, s, id, l, pos, whole, write)
		}
		if write {
			s.mark(pos, whole)
			if s.perLane != 0 && in.Op == ir.Store {
				for e, v := range in.Args {
					if k.values[v].undefined.has(l) {
						s.unmark(pos+int64(e)*size, size)
					}
				}
			}
		}
	}
	verb := "read of"
	if write {
		verb = "write to"
		if read {
			verb = "atomic on"
		}
	}
	k.fault(in, &null, launch.OutOfBounds, "make it point to a buffer or an array first", func(string, int64, int64) string {
		return fmt.Sprintf("%s memory through a pointer that points to none", verb)
	})
	k.fault(in, &outside, launch.OutOfBounds, "", func(name string, elem, length int64) string {
		return fmt.Sprintf("out-of-bounds %s %s: index %d, length %d", verb, name, floorDiv(outside.off, elem), length)
	})
	k.fault(in, &misaligned, launch.Misaligned, "read the elements one by one, or make the index a multiple of the vector's length", func(name string, elem, _ int64) string {
		return fmt.Sprintf("misaligned %s %s: %d bytes at byte %d, which is no multiple of %d", verb, name, whole, misaligned.off, align)
	})
	k.fault(in, &unwritten, launch.Uninitialized, "", func(name string, elem, _ int64) string {
		return fmt.Sprintf("read of uninitialized %s: index %d was never written", name, floorDiv(unwritten.off, elem))
	})
}

// accessKind says whether a memory instruction reads and writes.
func accessKind(in *ir.Instr) (read, write bool) {
	switch in.Op {
	case ir.Load, ir.AtomicLoad:
		return true, false
	case ir.Store, ir.AtomicStore:
		return false, true
	case ir.AtomicXchg:
		return len(in.Dst) > 0, true
	}
	return true, true
}

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y < 0 {
		q--
	}
	return q
}

// fault reports one class of wrong access. msg gets the name of what was
// accessed, the size of its elements and how many there are.
func (k *checker) fault(in *ir.Instr, ft *fault, kind launch.FindingKind, hint string, msg func(name string, elem, length int64) string) {
	if ft.lanes == nil {
		return
	}
	name, elem, length := "", int64(1), int64(0)
	if ft.id != 0 {
		name, elem = k.regionName(ft.id, in)
		r := &k.f.regions[ft.id]
		length = floorDiv(r.hi-r.org, elem)
	}
	k.report(source.Diag{Span: in.Span, Code: kind, Hint: hint}, in, name, ft.lanes, func() string {
		return msg(name, elem, length) + " (" + k.where(ft.lanes) + ")"
	})
}

// loadUndefined notes that a lane loads thread memory that was not written.
// Copying that, as part of a struct, is no bug; using it is.
func (k *checker) loadUndefined(in *ir.Instr, s *shadow, pos int64, lane, id int, off int64) {
	size := int64(in.Type.Size())
	for e, d := range in.Dst {
		at := int64(e) * size
		if s.wrote(pos+at, size) {
			continue
		}
		name, elem := k.regionName(id, in)
		v := &k.values[d]
		v.undefined.add(lane)
		if v.source == nil || v.source.in != in {
			v.source = &origin{in: in, buffer: name, index: floorDiv(off+at, elem)}
		}
	}
}
