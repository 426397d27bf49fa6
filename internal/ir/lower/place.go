package lower

// This file implements places: where lvalues are, in registers or in memory.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A placeKind is the form of a place.
type placeKind uint8

const (
	inRegs   placeKind = iota // regs, one for each scalar
	inMemory                  // addr
	element                   // element index of the vector regs
	choice                    // one of alts: number which
)

// A place is where an lvalue of type t is.
type place struct {
	t     *check.Type
	kind  placeKind
	regs  []ir.Reg
	addr  ir.Addr
	comps []int       // inMemory: these elements of the vector at addr, of type whole
	whole *check.Type // with comps
	index ir.Reg      // element
	which ir.Reg      // choice; I32
	alts  []place
	home  []ir.Reg // inRegs: if not nil, a pointer to memory that holds the same
}

// each maps a part of a choice.
func (p *place) each(t *check.Type, f func(*place) place) place {
	q := place{t: t, kind: choice, which: p.which, alts: make([]place, len(p.alts))}
	for i := range p.alts {
		q.alts[i] = f(&p.alts[i])
	}
	return q
}

// field returns the place of field i of a struct.
func (l *lowerer) field(p *place, i int) place {
	s := p.t.Struct
	if s == nil || i < 0 || i >= len(s.Fields) {
		l.bug("%s has no field %d", p.t, i)
	}
	t := s.Fields[i].Type
	switch p.kind {
	case inMemory:
		a := p.addr
		a.Off += l.fieldOffset(s, i)
		return place{t: t, kind: inMemory, addr: a}
	case choice:
		return p.each(t, func(q *place) place { return l.field(q, i) })
	}
	from := 0
	for _, f := range s.Fields[:i] {
		from += l.count(f.Type)
	}
	n := l.count(t)
	return place{t: t, regs: p.regs[from : from+n : from+n]}
}

// swizzle returns the place of elements of a vector.
func (l *lowerer) swizzle(p *place, comps []int, t *check.Type) place {
	for _, k := range comps {
		if k < 0 || k >= p.t.Comps() {
			l.bug("%s has no element %d", p.t, k)
		}
	}
	switch p.kind {
	case inMemory:
		whole, at := p.t, comps
		if p.comps != nil {
			whole, at = p.whole, make([]int, len(comps))
			for i, k := range comps {
				at[i] = p.comps[k]
			}
		}
		if len(at) > 1 {
			return place{t: t, kind: inMemory, addr: p.addr, comps: at, whole: whole}
		}
		a := p.addr
		a.Off += int64(at[0]) * int64(p.t.Elem.Size())
		return place{t: t, kind: inMemory, addr: a}
	case choice:
		return p.each(t, func(q *place) place { return l.swizzle(q, comps, t) })
	case element:
		return *p
	}
	regs := l.regs(len(comps))
	for i, k := range comps {
		regs[i] = p.regs[k]
	}
	return place{t: t, regs: regs}
}

// elementAt returns the place of an element of an array or vector.
func (l *lowerer) elementAt(p *place, index ir.Reg, t *check.Type) place {
	if p.kind == choice {
		return p.each(t, func(q *place) place { return l.elementAt(q, index, t) })
	}
	if p.kind == inMemory && p.comps == nil {
		return place{t: t, kind: inMemory, addr: l.indexed(p.addr, index, l.size(t), false)}
	}
	n := p.t.Comps()
	if v, ok := l.b.ConstValue(index); ok {
		if v >= uint64(n) {
			v = uint64(n) - 1 // undefined in the source; any element will do
		}
		return l.swizzle(p, []int{int(v)}, t)
	}
	regs := p.regs
	if p.kind == inMemory { // a swizzle of memory: choose among its elements' places
		q := place{t: t, kind: choice, which: l.b.Convert(ir.I32, index)}
		for k := range n {
			q.alts = append(q.alts, l.swizzle(p, []int{k}, t))
		}
		return q
	}
	return place{t: t, kind: element, regs: regs, index: index}
}

// indexed adds index*size to an address.
func (l *lowerer) indexed(a ir.Addr, index ir.Reg, size int64, sub bool) ir.Addr {
	if sub {
		size = -size
	}
	if v, ok := l.b.ConstValue(index); ok {
		a.Off += int64(v) * size
		return a
	}
	if a.Index != ir.NoReg {
		a = ir.Addr{Base: l.b.PtrAdd(ir.Addr{Base: a.Base, Index: a.Index, Scale: a.Scale}), Off: a.Off}
	}
	a.Index, a.Scale = index, size
	return a
}

// load returns the value at p: the registers themselves if it is in registers.
func (l *lowerer) load(p *place) []ir.Reg {
	switch p.kind {
	case inMemory:
		if p.comps == nil {
			return l.loadFrom(p.addr, p.t)
		}
		all := l.loadFrom(p.addr, p.whole)
		v := l.regs(len(p.comps))
		for i, k := range p.comps {
			v[i] = all[k]
		}
		return v
	case element:
		r := p.regs[0]
		t := l.b.TypeOf(p.index)
		for k := 1; k < len(p.regs); k++ {
			r = l.b.Select(l.b.Compare(ir.Eq, p.index, l.b.ConstInt(t, int64(k))), p.regs[k], r)
		}
		return l.one(r)
	case choice:
		parts := l.partsOf(p.t)
		v := l.regs(len(parts))
		for i, q := range parts {
			v[i] = l.variable(q, ir.NoReg, "")
		}
		l.choose(p, func(q *place) { l.setAll(v, l.load(q)) })
		return v
	}
	return p.regs
}

// choose runs f for the place that a choice has chosen.
func (l *lowerer) choose(p *place, f func(*place)) {
	var from func(i int)
	from = func(i int) {
		if i == len(p.alts)-1 {
			f(&p.alts[i])
			return
		}
		l.b.If(l.b.Compare(ir.Eq, p.which, l.b.ConstI32(int32(i))),
			func() { f(&p.alts[i]) }, func() { from(i + 1) })
	}
	if len(p.alts) > 0 {
		from(0)
	}
}

// store assigns val to p.
func (l *lowerer) store(p *place, val []ir.Reg) {
	switch p.kind {
	case inMemory:
		if p.comps == nil {
			l.storeTo(p.addr, p.t, val)
			return
		}
		e := l.scalar(p.whole.Elem)
		for i, k := range p.comps {
			a := p.addr
			a.Off += int64(k * e.Size())
			l.b.Store(e, a, val[i])
		}
	case element:
		t := l.b.TypeOf(p.index)
		for k, r := range p.regs {
			l.set(r, l.b.Select(l.b.Compare(ir.Eq, p.index, l.b.ConstInt(t, int64(k))), val[0], r))
		}
	case choice:
		kept := l.copies(val)
		l.choose(p, func(q *place) { l.store(q, kept) })
	default:
		l.setAll(p.regs, val)
	}
}

func (l *lowerer) set(dst, src ir.Reg) {
	if !l.b.IsVar(dst) {
		if l.b.Dead() {
			return
		}
		l.bug("an assignment to a value that does not change")
	}
	l.b.Set(dst, l.like(src, dst))
}

// like returns r, if it is a pointer as one into the space of other. Only
// constant memory is ever taken for another space, or the other way round.
func (l *lowerer) like(r, other ir.Reg) ir.Reg {
	to := l.b.SpaceOf(other)
	if l.b.TypeOf(r) != ir.Ptr || l.b.SpaceOf(r) == to {
		return r
	}
	if _, null := l.b.ConstValue(r); null {
		return l.b.Null(to)
	}
	d := l.b.PtrTemp(to)
	l.b.Emit(ir.Instr{Op: ir.PtrAdd, Type: ir.Ptr, Dst: l.one(d), Addr: ir.At(r, 0)})
	return d
}

// setAll assigns src to dst, all at once: no assignment changes what a later
// one reads.
func (l *lowerer) setAll(dst, src []ir.Reg) {
	if len(dst) != len(src) {
		l.bug("a value of %d scalars is assigned to a place of %d", len(src), len(dst))
	}
	for i, d := range dst {
		for _, s := range src[i+1:] {
			if s == d {
				src = l.copies(src)
				break
			}
		}
	}
	for i, d := range dst {
		l.set(d, src[i])
	}
}

// copies returns registers that keep the present values of v.
func (l *lowerer) copies(v []ir.Reg) []ir.Reg {
	for i, r := range v {
		if l.b.IsVar(r) {
			c := l.regs(len(v))
			copy(c, v[:i])
			for j := i; j < len(v); j++ {
				c[j] = l.b.Copy(v[j])
			}
			return c
		}
	}
	return v
}

// address returns the address of p; it has to be in memory.
func (l *lowerer) address(p *place) ir.Addr {
	switch {
	case p.kind == inMemory && p.comps == nil:
		return p.addr
	case p.kind == inRegs && p.home != nil:
		return ir.At(p.home[0], 0)
	case p.kind == choice:
		ptr := ir.NoReg
		l.choose(p, func(q *place) {
			r := l.b.PtrAdd(l.address(q))
			if ptr == ir.NoReg {
				ptr = l.b.PtrVar(l.b.SpaceOf(r), "")
			}
			l.set(ptr, r)
		})
		if ptr != ir.NoReg {
			return ir.At(ptr, 0)
		}
	}
	l.bug("the address of a value in registers is needed")
	return ir.Addr{}
}

// pinned returns a place for p that later assignments to indexes and pointers
// do not move.
func (l *lowerer) pinned(p place) place {
	switch p.kind {
	case inMemory:
		if p.addr.Index != ir.NoReg {
			off := p.addr.Off
			p.addr.Off = 0
			p.addr = ir.At(l.b.PtrAdd(p.addr), off)
		} else {
			p.addr.Base = l.b.Copy(p.addr.Base)
		}
	case element:
		p.index = l.b.Copy(p.index)
	case choice:
		p.which = l.b.Copy(p.which)
		alts := make([]place, len(p.alts))
		for i := range alts {
			alts[i] = l.pinned(p.alts[i])
		}
		p.alts = alts
	}
	return p
}

// exported returns a place for p that can be used outside the current block:
// it names no temporaries.
func (l *lowerer) exported(p place) place {
	keep := func(r ir.Reg) ir.Reg {
		if l.b.Func().Regs[r].Kind != ir.TempReg {
			return r
		}
		v := l.variable(part{t: l.b.TypeOf(r), space: l.b.SpaceOf(r)}, r, "")
		l.set(v, r)
		return v
	}
	p = l.pinned(p)
	switch p.kind {
	case inMemory:
		p.addr.Base = keep(p.addr.Base)
		return p
	case choice:
		p.which = keep(p.which)
		for i := range p.alts {
			p.alts[i] = l.exported(p.alts[i])
		}
		return p
	case element:
		p.index = keep(p.index)
	}
	regs := l.regs(len(p.regs))
	for i, r := range p.regs {
		regs[i] = keep(r)
	}
	p.regs = regs
	return p
}
