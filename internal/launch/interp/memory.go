package interp

// This file implements memory: regions, addresses, loads and stores. However
// wrong an address, nothing outside its region is read or written.

import (
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// A Ptr value is a region's number in the high 16 bits and, below, the offset
// in bytes from what the region's pointer points to, plus a bias that leaves
// room for negative offsets. Region 0 is no memory at all.
const (
	ptrShift = 48
	ptrMask  = 1<<ptrShift - 1
	ptrBias  = 1 << (ptrShift - 1)
	ptrReach = 1 << (ptrShift - 2) // offsets are kept within plus or minus this
)

// A region is the memory of one parameter or one allocation.
type region struct {
	base   unsafe.Pointer
	org    int64 // offset from base of offset 0
	lo, hi int64 // accesses lie in [lo, hi) from base, of one instance
	stride int64 // bytes from one instance to the next; 0: all lanes share one
	lanes  bool  // there is an instance a lane, else a threadgroup
	own    []byte
}

// valid returns the number of offsets at which an access of size bytes fits.
func (r *region) valid(size int64) uint64 {
	if n := r.hi - r.lo - size + 1; n > 0 {
		return uint64(n)
	}
	return 0
}

// An access is how a memory instruction gets at its addresses.
type access struct {
	region int  // number of the region, if it is always the same; else 0
	base   slot // Ptr lanes; noSlot if the base is the region's own pointer
	index  slot
	itype  ir.Type
	scale  int64
	off    int64
}

// A span is a run of packed lanes whose addresses are in one region.
type span struct {
	r      *region // nil: none
	lo, hi int
	affine bool // offset of packed lane j is off + (j-lo)*stride, else f.offsets()[j]
	off    int64
	stride int64
}

// Scratch lanes 5 to 7 belong to memory instructions.
func (f *frame) offsets() []int64 { return scratch[int64](f, 7) }

// resolve computes the addresses of the active lanes, from base.
func (a *access) resolve(f *frame, m *mask) []span {
	f.spans = f.spans[:0]
	if a.base == noSlot {
		r := &f.regions[a.region]
		s := span{r: r, hi: m.n}
		add := a.off + r.org
		if a.index == noSlot {
			s.affine, s.off = true, add
		} else {
			s.off, s.stride, s.affine = a.line(f, m, add)
			if !s.affine {
				a.deltas(f, m, f.offsets()[:m.n], add)
			}
		}
		f.spans = append(f.spans, s)
		return f.spans
	}
	o := f.offsets()[:m.n]
	base := operand[uint64](f, m, 5, a.base)
	a.deltas(f, m, o, a.off)
	if a.region != 0 {
		r := &f.regions[a.region]
		for j, p := range base[:len(o)] {
			o[j] += int64(p&ptrMask) - ptrBias + r.org
		}
		f.spans = append(f.spans, span{r: r, hi: m.n})
		return f.spans
	}
	for j := 0; j < len(base); {
		id := base[j] >> ptrShift
		s := span{lo: j}
		org := int64(0)
		if id > 0 && int(id) < len(f.regions) {
			s.r = &f.regions[id]
			org = s.r.org
		}
		for ; j < len(base) && base[j]>>ptrShift == id; j++ {
			o[j] += int64(base[j]&ptrMask) - ptrBias + org
		}
		s.hi = j
		f.spans = append(f.spans, s)
	}
	return f.spans
}

// line tells whether the index makes an arithmetic series.
func (a *access) line(f *frame, m *mask, add int64) (off, stride int64, ok bool) {
	var first, step int64
	switch a.itype {
	case ir.I32:
		first, step, ok = series(operand[int32](f, m, 6, a.index))
	case ir.U32:
		first, step, ok = series(operand[uint32](f, m, 6, a.index))
	default:
		first, step, ok = series(operand[int64](f, m, 6, a.index))
	}
	return first*a.scale + add, step * a.scale, ok
}

func series[T int32 | uint32 | int64](v []T) (first, step int64, ok bool) {
	n := len(v)
	if n == 1 {
		return int64(v[0]), 0, true
	}
	step = int64(v[1]) - int64(v[0])
	first = int64(v[0])
	if int64(v[n-1]) != first+step*int64(n-1) {
		return 0, 0, false
	}
	d := T(step)
	x := v[1]
	for _, y := range v[2:] {
		if x += d; x != y {
			return 0, 0, false
		}
	}
	return first, step, true
}

// deltas sets o to index*scale + add for each active lane.
func (a *access) deltas(f *frame, m *mask, o []int64, add int64) {
	switch {
	case a.index == noSlot:
		fill(o, add)
	case a.itype == ir.I32:
		scaleIndex(o, operand[int32](f, m, 6, a.index), a.scale, add)
	case a.itype == ir.U32:
		scaleIndex(o, operand[uint32](f, m, 6, a.index), a.scale, add)
	default:
		scaleIndex(o, operand[int64](f, m, 6, a.index), a.scale, add)
	}
}

func scaleIndex[T int32 | uint32 | int64](o []int64, v []T, scale, add int64) {
	v = v[:len(o)]
	for j := range o {
		o[j] = int64(v[j])*scale + add
	}
}

// at returns the region and the offset from its base of one lane's address.
func (a *access) at(f *frame, lane int) (r *region, id int, off int64) {
	id, off = a.region, a.off
	switch {
	case a.index == noSlot:
	case a.itype == ir.I32:
		off += int64(view[int32](f, a.index)[lane]) * a.scale
	case a.itype == ir.U32:
		off += int64(view[uint32](f, a.index)[lane]) * a.scale
	default:
		off += view[int64](f, a.index)[lane] * a.scale
	}
	if a.base != noSlot {
		p := view[uint64](f, a.base)[lane]
		id = int(p >> ptrShift)
		off += int64(p&ptrMask) - ptrBias
	}
	if id <= 0 || id >= len(f.regions) {
		return nil, 0, off
	}
	r = &f.regions[id]
	return r, id, off + r.org
}

// pointer returns the address of size bytes, or nil where they are not all in
// the region.
func (r *region) pointer(f *frame, lane int, off, size int64) unsafe.Pointer {
	if r == nil || uint64(off-r.lo) >= r.valid(size) {
		return nil
	}
	return unsafe.Add(r.base, off+r.instance(f, lane))
}

// instance returns where the memory of a lane's instance starts.
func (r *region) instance(f *frame, lane int) int64 {
	switch {
	case r.stride == 0:
		return 0
	case r.lanes:
		return int64(lane) * r.stride
	}
	return int64(f.groupOf[lane]) * r.stride
}

// A memoryKind moves values of one type between packed lanes and memory.
type memoryKind[R any] struct {
	size int64

	// gather and scatter go to o[j]+add from base where that is valid.
	gather  func(d []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64)
	scatter func(v []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64)

	// series and put are for memory known to be in bounds.
	series func(d []R, p unsafe.Pointer, stride int64)
	put    func(v []R, p unsafe.Pointer, stride int64)
}

// plain is for types that lie in memory as M and in lanes as R.
func plain[M, R number]() *memoryKind[R] {
	size := int64(unsafe.Sizeof(M(0)))
	same := size == int64(unsafe.Sizeof(R(0)))
	return &memoryKind[R]{
		size: size,
		gather: func(d []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64) {
			o = o[:len(d)]
			for j := range d {
				if off := o[j] + add; uint64(off-lo) < valid {
					d[j] = R(*(*M)(unsafe.Add(base, off)))
				} else {
					d[j] = 0
				}
			}
		},
		scatter: func(v []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64) {
			o = o[:len(v)]
			for j := range v {
				if off := o[j] + add; uint64(off-lo) < valid {
					*(*M)(unsafe.Add(base, off)) = M(v[j])
				}
			}
		},
		series: func(d []R, p unsafe.Pointer, stride int64) {
			switch {
			case stride == 0:
				fill(d, R(*(*M)(p)))
			case same && stride == size:
				copy(d, unsafe.Slice((*R)(p), len(d)))
			default:
				off := int64(0)
				for j := range d {
					d[j] = R(*(*M)(unsafe.Add(p, off)))
					off += stride
				}
			}
		},
		put: func(v []R, p unsafe.Pointer, stride int64) {
			if same && stride == size {
				copy(unsafe.Slice((*R)(p), len(v)), v)
				return
			}
			off := int64(0)
			for j := range v {
				*(*M)(unsafe.Add(p, off)) = M(v[j])
				off += stride
			}
		},
	}
}

// coded is for types whose lanes are computed from what is in memory.
func coded[M uint8 | uint16, R any](dec func(M) R, enc func(R) M) *memoryKind[R] {
	return &memoryKind[R]{
		size: int64(unsafe.Sizeof(M(0))),
		gather: func(d []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64) {
			for j := range d {
				var v M
				if off := o[j] + add; uint64(off-lo) < valid {
					v = *(*M)(unsafe.Add(base, off))
				}
				d[j] = dec(v)
			}
		},
		scatter: func(v []R, base unsafe.Pointer, o []int64, add, lo int64, valid uint64) {
			for j := range v {
				if off := o[j] + add; uint64(off-lo) < valid {
					*(*M)(unsafe.Add(base, off)) = enc(v[j])
				}
			}
		},
		series: func(d []R, p unsafe.Pointer, stride int64) {
			if stride == 0 {
				fill(d, dec(*(*M)(p)))
				return
			}
			off := int64(0)
			for j := range d {
				d[j] = dec(*(*M)(unsafe.Add(p, off)))
				off += stride
			}
		},
		put: func(v []R, p unsafe.Pointer, stride int64) {
			off := int64(0)
			for j := range v {
				*(*M)(unsafe.Add(p, off)) = enc(v[j])
				off += stride
			}
		},
	}
}

var (
	memBool = coded(func(b uint8) uint8 {
		if b != 0 {
			return 1
		}
		return 0
	}, func(b uint8) uint8 { return b })
	memF16  = coded(decodeF16, encodeF16)
	memBF16 = coded(decodeBF16, encodeBF16)
	memI8   = plain[int8, int32]()
	memU8   = plain[uint8, uint32]()
	memI16  = plain[int16, int32]()
	memU16  = plain[uint16, uint32]()
	mem32   = plain[uint32, uint32]()
	mem64   = plain[uint64, uint64]()
)

func (c *compiler) load(in *ir.Instr) step {
	switch in.Type {
	case ir.Bool:
		return stepLoad(c, in, memBool)
	case ir.I8:
		return stepLoad(c, in, memI8)
	case ir.U8:
		return stepLoad(c, in, memU8)
	case ir.I16:
		return stepLoad(c, in, memI16)
	case ir.U16:
		return stepLoad(c, in, memU16)
	case ir.F16:
		return stepLoad(c, in, memF16)
	case ir.BF16:
		return stepLoad(c, in, memBF16)
	case ir.I32, ir.U32, ir.F32:
		return stepLoad(c, in, mem32)
	}
	return stepLoad(c, in, mem64)
}

func (c *compiler) store(in *ir.Instr) step {
	switch in.Type {
	case ir.Bool:
		return stepStore(c, in, memBool)
	case ir.I8:
		return stepStore(c, in, memI8)
	case ir.U8:
		return stepStore(c, in, memU8)
	case ir.I16:
		return stepStore(c, in, memI16)
	case ir.U16:
		return stepStore(c, in, memU16)
	case ir.F16:
		return stepStore(c, in, memF16)
	case ir.BF16:
		return stepStore(c, in, memBF16)
	case ir.I32, ir.U32, ir.F32:
		return stepStore(c, in, mem32)
	}
	return stepStore(c, in, mem64)
}

func stepLoad[R any](c *compiler, in *ir.Instr, k *memoryKind[R]) step {
	a := c.access(in.Addr)
	dst := c.dsts(in)
	return func(f *frame) {
		m := f.cur
		spans := a.resolve(f, m)
		for e, s := range dst {
			d := result[R](f, m, 0, s)
			for i := range spans {
				loadSpan(f, m, &spans[i], d, k, int64(e)*k.size)
			}
			deliver(f, m, s, d)
		}
	}
}

func stepStore[R any](c *compiler, in *ir.Instr, k *memoryKind[R]) step {
	a := c.access(in.Addr)
	src := c.args(in)
	return func(f *frame) {
		m := f.cur
		spans := a.resolve(f, m)
		for e, s := range src {
			v := operand[R](f, m, 0, s)
			for i := range spans {
				storeSpan(f, m, &spans[i], v, k, int64(e)*k.size)
			}
		}
	}
}

// inBounds reports whether every address of an affine span fits its region,
// and returns the first one's, where lanes have instances of their own too.
func (s *span) inBounds(m *mask, add, size int64) (p unsafe.Pointer, stride int64, ok bool) {
	r := s.r
	if s.stride > ptrReach>>12 || s.stride < -ptrReach>>12 {
		return nil, 0, false // so that the next line cannot wrap
	}
	off := s.off + add
	last := off + s.stride*int64(s.hi-s.lo-1)
	valid := r.valid(size)
	if uint64(off-r.lo) >= valid || uint64(last-r.lo) >= valid {
		return nil, 0, false
	}
	stride = s.stride
	if r.stride != 0 {
		if !r.lanes || !m.dense {
			return nil, 0, false
		}
		off += int64(m.lo+s.lo) * r.stride
		stride += r.stride
	}
	return unsafe.Add(r.base, off), stride, true
}

// scattered returns offsets from the region's base, with instances added in,
// and the range in which they are valid.
func (s *span) scattered(f *frame, m *mask, add, size int64) (o []int64, plus, lo int64, valid uint64) {
	r := s.r
	o = f.offsets()[s.lo:s.hi]
	if s.affine {
		for j := range o {
			o[j] = s.off + int64(j)*s.stride
		}
		s.affine = false
	}
	if r.stride == 0 {
		return o, add, r.lo, r.valid(size)
	}
	lanes := f.lanes(m)[s.lo:s.hi]
	own := scratch[int64](f, 6)[s.lo:s.hi]
	n := r.valid(size)
	for j := range own {
		own[j] = -1
		if off := o[j] + add; uint64(off-r.lo) < n {
			own[j] = off + r.instance(f, int(lanes[j]))
		}
	}
	return own, 0, 0, 1 << 62
}

func loadSpan[R any](f *frame, m *mask, s *span, d []R, k *memoryKind[R], add int64) {
	d = d[s.lo:s.hi]
	if s.r == nil {
		clear(d)
		return
	}
	if s.affine {
		if p, stride, ok := s.inBounds(m, add, k.size); ok {
			k.series(d, p, stride)
			return
		}
	}
	o, plus, lo, valid := s.scattered(f, m, add, k.size)
	k.gather(d, s.r.base, o, plus, lo, valid)
}

func storeSpan[R any](f *frame, m *mask, s *span, v []R, k *memoryKind[R], add int64) {
	v = v[s.lo:s.hi]
	if s.r == nil {
		return
	}
	if s.affine {
		if p, stride, ok := s.inBounds(m, add, k.size); ok {
			k.put(v, p, stride)
			return
		}
	}
	o, plus, lo, valid := s.scattered(f, m, add, k.size)
	k.scatter(v, s.r.base, o, plus, lo, valid)
}

func (c *compiler) ptrAdd(in *ir.Instr) step {
	a := c.access(in.Addr)
	dst := c.dst(in)
	base := c.slot(in.Addr.Base)
	return func(f *frame) {
		m := f.cur
		o := f.offsets()[:m.n]
		a.deltas(f, m, o, a.off)
		b := operand[uint64](f, m, 5, base)
		d := result[uint64](f, m, 0, dst)
		for j := range d {
			p := b[j]
			off := int64(p&ptrMask) - ptrBias + min(max(o[j], -ptrReach), ptrReach)
			d[j] = p&^ptrMask | uint64(min(max(off, -ptrReach), ptrReach)+ptrBias)
		}
		deliver(f, m, dst, d)
	}
}

func (c *compiler) ptrSub(in *ir.Instr) step {
	return stepBinary(c, in, func(d []int64, a, b []uint64) {
		for j := range d {
			d[j] = (int64(a[j]&ptrMask) - int64(b[j]&ptrMask)) / in.Imm
		}
	})
}

// ptrBits makes addresses that are aligned as the memory is: regions start at
// multiples of 2^40.
func (c *compiler) ptrBits(in *ir.Instr) step {
	a := c.access(ir.Addr{Base: in.Args[0], Index: ir.NoReg})
	dst := c.dst(in)
	return func(f *frame) {
		d := view[uint64](f, dst)
		for _, l := range f.lanes(f.cur) {
			_, id, off := a.at(f, int(l))
			d[l] = uint64(id)<<40 + uint64(off)
		}
	}
}
