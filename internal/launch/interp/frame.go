package interp

// This file implements frames: the lanes of all registers, the memory that
// belongs to threads and threadgroups, and which thread each lane is. A frame
// serves one goroutine.

import (
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// A slot is storage for one value a lane. Values of 32 bits and fewer take
// four bytes: I8 to I32 as int32, U8 to U32 as uint32, F16 to F32 as float32.
// Bool is a byte, everything else takes eight.
type slot int32

const noSlot slot = -1

const numScratch = 8

type frame struct {
	p   *program
	cap int // lanes there is storage for, a multiple of 64
	n   int // lanes of the current batch

	arena   []uint64
	mem     []unsafe.Pointer // of each slot
	vars    []uint64         // the part of arena that holds VarRegs
	scratch [numScratch]unsafe.Pointer
	iota    []int32
	regions []region
	spans   []span

	cur   *mask
	full  mask
	none  mask
	masks []mask

	stop *atomic.Bool
	l    *launched

	groups    []groupInfo
	groupOf   []int32 // index in groups of each lane
	thread    []int32 // linear index in its group of each lane
	layoutGen int     // changes when sizes or places of groups in the frame change
	batchGen  int     // changes with every batch
	specials  [ir.NumSpecials][]uint32
	specGen   [ir.NumSpecials]int

	check *checker // nil in fast mode
}

// groupInfo describes one threadgroup of the batch.
type groupInfo struct {
	id, size [3]int
	lane     int // its first lane
	threads  int
}

// view returns the lanes of a slot.
func view[T any](f *frame, s slot) []T { return unsafe.Slice((*T)(f.mem[s]), f.cap) }

// scratch returns temporary lanes.
func scratch[T any](f *frame, i int) []T { return unsafe.Slice((*T)(f.scratch[i]), f.cap) }

// operand returns the active lanes of a slot, packed together.
func operand[T any](f *frame, m *mask, i int, s slot) []T {
	v := view[T](f, s)
	if m.dense {
		return v[m.lo:m.hi]
	}
	list := f.lanes(m)
	p := scratch[T](f, i)[:len(list)]
	for j, l := range list {
		p[j] = v[l]
	}
	return p
}

// result returns where to put the active lanes of a slot, packed together;
// deliver then takes them to their places.
func result[T any](f *frame, m *mask, i int, s slot) []T {
	if m.dense {
		return view[T](f, s)[m.lo:m.hi]
	}
	return scratch[T](f, i)[:m.n]
}

func deliver[T any](f *frame, m *mask, s slot, p []T) {
	if m.dense {
		return
	}
	v := view[T](f, s)
	for j, l := range f.lanes(m) {
		v[l] = p[j]
	}
}

// newFrame makes a frame for at least n lanes.
func newFrame(p *program, n int) *frame {
	lanes := (n + 63) &^ 63
	f := &frame{p: p, cap: lanes}
	words := 0
	offset := make([]int, len(p.slots))
	for i, s := range p.slots {
		offset[i] = words
		words += s.size * lanes / 8
	}
	f.arena = make([]uint64, words+numScratch*lanes)
	f.mem = make([]unsafe.Pointer, len(p.slots))
	for i := range p.slots {
		f.mem[i] = unsafe.Pointer(&f.arena[offset[i]])
	}
	if p.varEnd > 0 {
		end := words
		if p.varEnd < len(p.slots) {
			end = offset[p.varEnd]
		}
		f.vars = f.arena[:end]
	}
	for i := range f.scratch {
		f.scratch[i] = unsafe.Pointer(&f.arena[words+i*lanes])
	}
	for _, k := range p.consts {
		f.fillConst(k)
	}

	f.iota = make([]int32, lanes)
	for i := range f.iota {
		f.iota[i] = int32(i)
	}
	w := lanes / 64
	storage := make([]uint64, (p.numMasks+2)*w)
	f.masks = make([]mask, p.numMasks)
	for i := range f.masks {
		f.masks[i].bits = storage[i*w : (i+1)*w : (i+1)*w]
	}
	f.full.bits = storage[p.numMasks*w : (p.numMasks+1)*w]
	f.none.bits = storage[(p.numMasks+1)*w:]
	f.none.dense = true
	f.groupOf = make([]int32, lanes)
	f.thread = make([]int32, lanes)
	return f
}

// fillConst puts a constant in all lanes of its slot.
func (f *frame) fillConst(k constant) {
	switch f.p.slots[k.slot].size {
	case 1:
		fill(view[uint8](f, k.slot), uint8(k.bits))
	case 4:
		fill(view[uint32](f, k.slot), uint32(k.bits))
	default:
		fill(view[uint64](f, k.slot), k.bits)
	}
}

func fill[T any](d []T, v T) {
	for i := range d {
		d[i] = v
	}
}

// begin readies f for a batch: the groups from first to last-1 of the launch.
func (f *frame) begin(first, last int) {
	l := f.l
	same := len(f.groups) == last-first
	f.groups = f.groups[:0]
	lane := 0
	id := [3]int{first % l.groups[0], first / l.groups[0] % l.groups[1], first / l.groups[0] / l.groups[1]}
	for g := first; g < last; g++ {
		info := groupInfo{id: id, lane: lane, threads: 1}
		for d := range 3 {
			info.size[d] = min(l.Group[d], l.Grid[d]-id[d]*l.Group[d])
			info.threads *= info.size[d]
		}
		if n := len(f.groups); same && f.groups[: n+1 : cap(f.groups)][n].size != info.size {
			same = false
		}
		f.groups = append(f.groups, info)
		lane += info.threads
		if id[0]++; id[0] == l.groups[0] {
			id[0] = 0
			if id[1]++; id[1] == l.groups[1] {
				id[1] = 0
				id[2]++
			}
		}
	}
	f.batchGen++
	if !same {
		f.layoutGen++
		f.n = lane
		for g := range f.groups {
			info := &f.groups[g]
			for t := range info.threads {
				f.groupOf[info.lane+t] = int32(g)
				f.thread[info.lane+t] = int32(t)
			}
		}
		f.full.fill(lane)
	}
	clear(f.vars)
	for i := range f.regions {
		if r := &f.regions[i]; r.own != nil {
			clear(r.own)
		}
	}
	f.cur = &f.full
}

// special returns the value of a thread attribute in every lane.
func (f *frame) special(k ir.SpecialKind) []uint32 {
	gen := f.layoutGen
	if k < ir.ThreadPositionInThreadgroup || k >= ir.ThreadgroupPositionInGrid && k < ir.ThreadsPerGrid {
		gen = f.batchGen
	}
	v := f.specials[k]
	if v == nil {
		v = make([]uint32, f.cap)
		f.specials[k] = v
		f.specGen[k] = -1
	}
	if f.specGen[k] == gen {
		return v
	}
	f.specGen[k] = gen
	for g := range f.groups {
		info := &f.groups[g]
		f.fillSpecial(k, info, v[info.lane:info.lane+info.threads])
	}
	return v
}

func (f *frame) fillSpecial(k ir.SpecialKind, info *groupInfo, v []uint32) {
	l := f.l
	axis := int(k) % 3
	nominal := l.Group[0] * l.Group[1] * l.Group[2]
	var all int // value of attributes that all threads of the group share
	switch k {
	case ir.ThreadPositionInGrid, ir.ThreadPositionInGrid + 1, ir.ThreadPositionInGrid + 2:
		positions(v, info.size, axis, info.id[axis]*l.Group[axis])
		return
	case ir.ThreadPositionInThreadgroup, ir.ThreadPositionInThreadgroup + 1, ir.ThreadPositionInThreadgroup + 2:
		positions(v, info.size, axis, 0)
		return
	case ir.ThreadIndexInThreadgroup:
		for i := range v {
			v[i] = uint32(i)
		}
		return
	case ir.ThreadIndexInSimdgroup:
		for i := range v {
			v[i] = uint32(i) % simdWidth
		}
		return
	case ir.SimdgroupIndexInThreadgroup:
		for i := range v {
			v[i] = uint32(i) / simdWidth
		}
		return
	case ir.ThreadIndexInQuadgroup:
		for i := range v {
			v[i] = uint32(i) % 4
		}
		return
	case ir.QuadgroupIndexInThreadgroup:
		for i := range v {
			v[i] = uint32(i) / 4
		}
		return
	case ir.ThreadgroupPositionInGrid, ir.ThreadgroupPositionInGrid + 1, ir.ThreadgroupPositionInGrid + 2:
		all = info.id[axis]
	case ir.ThreadsPerGrid, ir.ThreadsPerGrid + 1, ir.ThreadsPerGrid + 2:
		all = l.Grid[axis]
	case ir.ThreadsPerThreadgroup, ir.ThreadsPerThreadgroup + 1, ir.ThreadsPerThreadgroup + 2:
		all = info.size[axis]
	case ir.DispatchThreadsPerThreadgroup, ir.DispatchThreadsPerThreadgroup + 1, ir.DispatchThreadsPerThreadgroup + 2:
		all = l.Group[axis]
	case ir.ThreadgroupsPerGrid, ir.ThreadgroupsPerGrid + 1, ir.ThreadgroupsPerGrid + 2:
		all = l.groups[axis]
	case ir.SimdgroupsPerThreadgroup:
		all = (info.threads + simdWidth - 1) / simdWidth
	case ir.DispatchSimdgroupsPerThreadgroup:
		all = (nominal + simdWidth - 1) / simdWidth
	case ir.ThreadsPerSimdgroup:
		all = simdWidth
	case ir.QuadgroupsPerThreadgroup:
		all = (info.threads + 3) / 4
	case ir.DispatchQuadgroupsPerThreadgroup:
		all = (nominal + 3) / 4
	}
	fill(v, uint32(all))
}

// positions fills v, the threads of a group of the given size, with their
// coordinate along one axis.
func positions(v []uint32, size [3]int, axis, start int) {
	i := 0
	var at [3]int
	for at[2] = 0; at[2] < size[2]; at[2]++ {
		for at[1] = 0; at[1] < size[1]; at[1]++ {
			row := v[i : i+size[0]]
			if axis == 0 {
				for x := range row {
					row[x] = uint32(start + x)
				}
			} else {
				fill(row, uint32(start+at[axis]))
			}
			i += size[0]
		}
	}
}

func stepSpecial(d slot, k ir.SpecialKind) step {
	return func(f *frame) {
		v, dst, m := f.special(k), view[uint32](f, d), f.cur
		if m.dense {
			copy(dst[m.lo:m.hi], v[m.lo:m.hi])
			return
		}
		for _, l := range f.lanes(m) {
			dst[l] = v[l]
		}
	}
}
