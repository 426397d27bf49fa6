package interp

// This file implements the search for data races, and the checks of barriers.
//
// Two accesses of the same byte by different threads race if one of them
// writes, they are not both atomic, and nothing orders them: a threadgroup
// barrier for threads of one group, a simdgroup barrier or any simd function
// for threads of one simdgroup, nothing at all for threads of different
// groups. Counting a simd function as a barrier of the simdgroup is more than
// Metal promises; kernels that rely on it work everywhere so far.
//
// Of each element are kept the last write and two reads. That finds a race
// where there is one, though not each pair of accesses in it.

import (
	"bytes"
	"fmt"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A record is one access of a cell's bytes.
type record struct {
	in      *ir.Instr // nil: none
	group   int32     // from 1
	thread  int32
	barrier uint32 // how many barriers, and simd functions of the simdgroup, were before
	simd    uint32
	serial  uint32
	bytes   uint8 // of the cell, a bit each
	write   bool
}

// A cell is the history of one element.
type cell struct {
	write record
	read  [2]record
}

const pageCells = 512

func (s *shadow) watchRaces(elem int64) {
	if s.pages == nil {
		s.granule = elem
		s.pages = make([][]cell, (s.size/elem+pageCells)/pageCells)
	}
}

func (s *shadow) cell(i int64) *cell {
	page := &s.pages[i/pageCells]
	if *page == nil {
		*page = make([]cell, pageCells)
	}
	return &(*page)[i%pageCells]
}

// races compares one lane's access with those before and notes it.
func (k *checker) races(in *ir.Instr, a *access, slots []slot, s *shadow, id, lane int, pos, size int64, write bool) {
	for at := pos; at < pos+size; {
		i := at / s.granule
		start := i * s.granule
		end := min(start+s.granule, pos+size)
		now := record{
			in: in, group: int32(k.group), thread: int32(lane), barrier: k.barrier, simd: k.simd[lane/simdWidth], serial: k.serial,
			bytes: uint8((1<<(end-start) - 1) &^ (1<<(at-start) - 1)), write: write,
		}
		c := s.cell(i)
		if k.conflict(s, &c.write, &now) {
			k.race(in, a, slots, id, &c.write, &now, pos, size)
		}
		if !write {
			k.noteRead(c, &now)
		} else {
			for r := range c.read {
				if k.conflict(s, &c.read[r], &now) {
					k.race(in, a, slots, id, &c.read[r], &now, pos, size)
					break
				}
			}
			if w := &c.write; w.group == now.group && w.thread == now.thread && w.barrier == now.barrier && w.simd == now.simd && w.in != nil && !w.in.Op.IsAtomic() {
				now.bytes |= w.bytes
			}
			c.write = now
		}
		at = end
	}
}

// conflict reports whether an earlier access races with one now.
func (k *checker) conflict(s *shadow, old, now *record) bool {
	switch {
	case old.in == nil || old.bytes&now.bytes == 0, old.in.Op.IsAtomic() && now.in.Op.IsAtomic():
		return false
	case old.group != now.group:
		return !s.local
	case old.thread == now.thread || old.barrier != now.barrier:
		return false
	case old.thread/simdWidth == now.thread/simdWidth:
		return old.simd == now.simd
	}
	return true
}

// noteRead keeps, of all reads since the last barrier, two that a racing
// write can hardly be ordered with both.
func (k *checker) noteRead(c *cell, now *record) {
	stale := func(r *record) bool {
		return r.in == nil || r.group == now.group && (r.thread == now.thread || r.barrier != now.barrier || r.thread/simdWidth == now.thread/simdWidth && r.simd != now.simd)
	}
	for i := range c.read {
		if stale(&c.read[i]) {
			c.read[i] = *now
			return
		}
	}
	team := func(r *record) int32 { return r.group<<8 | r.thread/simdWidth }
	if team(&c.read[0]) == team(&c.read[1]) && team(now) != team(&c.read[0]) {
		c.read[1] = *now
	}
}

func (k *checker) race(in *ir.Instr, a *access, slots []slot, id int, old, now *record, pos, size int64) {
	name, elem := k.regionName(id, in)
	index := floorDiv(pos-k.f.regions[id].org, elem)
	same := old.write && now.write && k.sameValue(in, a, slots, old, int(now.thread), pos, size)
	d := source.Diag{Span: in.Span, Code: launch.Race, Hint: "put a threadgroup_barrier between the two"}
	if old.group != now.group {
		d.Hint = "let threadgroups write different elements, or use atomics"
	}
	if old.group == now.group && old.write && now.write && old.in == in {
		d.Hint = "let one thread write it, let threads write different elements, or use atomics"
	}
	if same {
		d.Severity = source.Warning
		d.Hint = "let one thread write it"
	}
	d.Notes = []source.Note{{Span: old.in.Span, Msg: fmt.Sprintf("the %s by thread %d of %s", deed(old), old.thread, k.groupName(int(old.group)-1))}}
	lanes := []int32{now.thread}
	if old.group == now.group {
		lanes = []int32{old.thread, now.thread}
	}
	k.report(d, in, name, lanes, func() string {
		text := fmt.Sprintf("data race on %s[%d]: %s by thread %d of %s, ", name, index, deed(now), now.thread, k.groupName(k.group-1))
		if old.group == now.group {
			text += fmt.Sprintf("%s by thread %d, no barrier between", deed(old), old.thread)
		} else {
			text += fmt.Sprintf("%s by thread %d of %s", deed(old), old.thread, k.groupName(int(old.group)-1))
		}
		if same {
			text += "; both write the same value"
		}
		return text
	})
}

func deed(r *record) string {
	what := "read"
	if r.write {
		what = "write"
	}
	if r.in.Op.IsAtomic() {
		return "atomic " + what
	}
	return what
}

// sameValue reports whether a store writes what an earlier one left there.
func (k *checker) sameValue(in *ir.Instr, a *access, slots []slot, old *record, lane int, pos, size int64) bool {
	if in.Op != ir.Store {
		return false
	}
	mine := k.stored(in, slots, lane)
	if old.serial == k.serial { // the same store, in another lane
		r, _, off := a.at(k.f, int(old.thread))
		return r != nil && off == pos && bytes.Equal(mine, k.stored(in, slots, int(old.thread)))
	}
	r, _, off := a.at(k.f, lane)
	p := r.pointer(k.f, lane, off, size)
	return p != nil && bytes.Equal(mine, unsafe.Slice((*byte)(p), size))
}

// stored returns the bytes that a store writes in one lane.
func (k *checker) stored(in *ir.Instr, slots []slot, lane int) []byte {
	var b []byte
	for _, r := range in.Args {
		var v uint64
		switch s := slots[r]; {
		case in.Type == ir.F16 || in.Type == ir.BF16:
			v = uint64(bits16(in.Type)(view[uint32](k.f, s)[lane]))
		case laneSize(in.Type) == 1:
			v = uint64(view[uint8](k.f, s)[lane])
		case laneSize(in.Type) == 4:
			v = uint64(view[uint32](k.f, s)[lane])
		default:
			v = view[uint64](k.f, s)[lane]
		}
		for range in.Type.Size() {
			b = append(b, byte(v))
			v >>= 8
		}
	}
	return b
}

// atSimd notes that the simdgroups with active lanes are in step.
func (k *checker) atSimd() {
	k.f.teams(simdWidth, func(t team) { k.simd[t.first/simdWidth]++ })
}

// atBarrier checks that all threads are there.
func (k *checker) atBarrier(in *ir.Instr) {
	if in.Imm == 0 {
		k.missing(in, 0, k.f.n, "threadgroup")
		k.barrier++
		return
	}
	k.f.teams(simdWidth, func(t team) { k.missing(in, t.first, t.end, "simdgroup") })
	k.atSimd()
}

// missing reports the threads from lo to hi-1 that are not at a barrier.
func (k *checker) missing(in *ir.Instr, lo, hi int, what string) {
	var away, gone []int32
	for l := lo; l < hi; l++ {
		switch {
		case k.f.cur.has(l):
		case k.returned.has(l):
			gone = append(gone, int32(l))
		default:
			away = append(away, int32(l))
		}
	}
	if len(away)+len(gone) == 0 {
		return
	}
	d := source.Diag{Span: in.Span, Code: launch.DivergentBarrier, Hint: "move the barrier to where all threads of the " + what + " pass"}
	k.report(d, in, "", append(append([]int32(nil), away...), gone...), func() string {
		text := what + " barrier that not all threads reach: "
		if len(away) > 0 {
			text += laneRanges(away) + " took another path"
		}
		if len(gone) > 0 {
			if len(away) > 0 {
				text += ", "
			}
			text += laneRanges(gone) + " returned before"
		}
		return text + " (" + k.groupName(k.group-1) + ")"
	})
}
