package interp

// This file implements checked mode: the same steps, each with a look at what
// it is about to do. Threadgroups run one after another, so findings are the
// same on every run.
//
// Memory that checking takes, besides the kernel's own: a bit for each byte of
// thread and threadgroup memory and of buffers that nothing has written yet;
// 96 bytes for each element of threadgroup memory and of output buffers that
// the kernel touches; a few bits for each register and lane, and 8 bytes for
// those of integer registers that overflowed.

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// defaultMax bounds the findings of a launch whose Report does not.
const defaultMax = 100

// maxLanes bounds the threads that a finding lists.
const maxLanes = 8

// A laneSet is a set of lanes.
type laneSet []uint64

func (s laneSet) has(lane int) bool { return s[lane>>6]>>(lane&63)&1 != 0 }
func (s laneSet) add(lane int)      { s[lane>>6] |= 1 << (lane & 63) }
func (s laneSet) drop(lane int)     { s[lane>>6] &^= 1 << (lane & 63) }

// list returns the lanes of s that are in m too.
func (s laneSet) list(m *mask) []int32 {
	var lanes []int32
	for w, b := range s {
		if b &= m.bits[w]; b == 0 {
			continue
		}
		for l := range 64 {
			if b>>l&1 != 0 {
				lanes = append(lanes, int32(w*64+l))
			}
		}
	}
	return lanes
}

// A checker is the state of one checked launch.
type checker struct {
	f      *frame
	p      *program
	max    int
	full   bool // max findings were made
	group  int  // linear index of the current threadgroup, from 1
	found  []launch.Finding
	index  map[findingKey]int
	values []valueState // of each register
	result exactResult  // of the instruction under way

	returned laneSet
	shadows  []*shadow // of each region; nil: nothing to check
	barrier  uint32    // threadgroup barriers so far
	simd     [maxThreads/simdWidth + 1]uint32
	serial   uint32 // memory instructions so far
}

// A findingKey is what findings are told apart by.
type findingKey struct {
	kind launch.FindingKind
	span source.Span
	stmt ir.Stmt // if there is no span
}

// runChecked runs the groups of a launch one after another.
func (p *program) runChecked(r *launched, threads int) error {
	f := p.getFrame(threads)
	defer p.putFrame(f)
	f.bind(r, 1)
	k := &checker{f: f, p: p, max: defaultMax, index: map[findingKey]int{}, values: make([]valueState, len(p.fn.Regs))}
	if r.Report != nil && r.Report.Max > 0 {
		k.max = r.Report.Max
	}
	words := f.cap / 64
	k.returned = make(laneSet, words)
	for i := range k.values {
		k.values[i].undefined = make(laneSet, words)
		k.values[i].wrong = make(laneSet, words)
		k.values[i].wrapped = make(laneSet, words)
	}
	k.makeShadows(r)
	f.check = k
	for g := 0; g < r.total && !r.stop.Load(); g++ {
		f.begin(g, g+1)
		k.beginGroup(g)
		p.body.run(f)
	}
	if r.Report != nil {
		r.Report.Findings = append(r.Report.Findings, k.found...)
		return nil
	}
	list := &source.List{Set: p.fn.Set}
	for _, fd := range k.found {
		list.Add(fd.Diag)
	}
	return list.Err()
}

func (k *checker) beginGroup(g int) {
	k.group = g + 1
	k.barrier++
	clear(k.returned)
	for r := range k.values {
		v := &k.values[r]
		clear(v.wrong)
		if k.p.fn.Regs[r].Kind == ir.VarReg {
			copy(v.undefined, k.f.full.bits)
			v.source = nil
		} else {
			clear(v.undefined)
		}
	}
	for _, s := range k.shadows {
		if s != nil && s.local {
			clear(s.written)
		}
	}
}

// checkInstr puts the checks around an instruction's step.
func (c *compiler) checkInstr(in *ir.Instr, st step) step {
	var a *access
	if in.Op.UsesAddr() {
		a = c.access(in.Addr)
	}
	slots := c.slotOf
	return func(f *frame) {
		k := f.check
		if k.full {
			return
		}
		k.operands(in)
		switch {
		case in.Op == ir.Barrier:
			k.atBarrier(in)
		case in.Op.IsSimd():
			k.atSimd()
		case in.Op == ir.Load, in.Op == ir.Store, in.Op.IsAtomic():
			k.memory(in, a, slots)
		case in.Op == ir.Div || in.Op == ir.Rem:
			k.division(in, slots)
		}
		exact := k.exact(in, slots)
		if st != nil {
			st(f)
		}
		k.overflow(in, slots, exact)
	}
}

// checkCond puts the check of a condition before a step.
func (c *compiler) checkCond(r ir.Reg, span source.Span, st step) step {
	return func(f *frame) {
		if !f.check.full {
			f.check.use(r, span, nil)
		}
		st(f)
	}
}

// checkReturn is stepReturn in checked mode.
func checkReturn(f *frame) {
	for w, b := range f.cur.bits {
		f.check.returned[w] |= b
	}
	f.cur = &f.none
}

// report adds a finding, or counts it where its like was found before. The
// message is completed with the lanes, unless it names threads itself.
func (k *checker) report(d source.Diag, stmt ir.Stmt, buffer string, lanes []int32, msg func() string) {
	if k.full || len(lanes) == 0 {
		return
	}
	key := findingKey{kind: d.Code, span: d.Span}
	if !d.Span.Valid() {
		key.stmt = stmt
	}
	i, again := k.index[key]
	count := len(lanes)
	if again {
		k.found[i].Count += count
		if d.Severity == source.Warning || k.found[i].Diag.Severity != source.Warning {
			return
		}
		count = k.found[i].Count // a fault takes the place of a warning
	}
	d.Msg = msg()
	fd := launch.Finding{Diag: d, Buffer: buffer, Group: k.f.groups[0].id, Count: count}
	for _, l := range lanes[:min(len(lanes), maxLanes)] {
		fd.Lanes = append(fd.Lanes, int(l))
	}
	if again {
		k.found[i] = fd
		return
	}
	k.index[key] = len(k.found)
	k.found = append(k.found, fd)
	if len(k.found) >= k.max {
		k.full = true
		k.f.stop.Store(true)
	}
}

// where names lanes of the current group: "lanes 0-23 of threadgroup 3".
func (k *checker) where(lanes []int32) string {
	return laneRanges(lanes) + " of " + k.groupName(k.group-1)
}

func (k *checker) groupName(g int) string {
	n := k.f.l.groups
	if n[1] == 1 && n[2] == 1 {
		return fmt.Sprintf("threadgroup %d", g)
	}
	if n[2] == 1 {
		return fmt.Sprintf("threadgroup (%d, %d)", g%n[0], g/n[0])
	}
	return fmt.Sprintf("threadgroup (%d, %d, %d)", g%n[0], g/n[0]%n[1], g/n[0]/n[1])
}

func laneRanges(lanes []int32) string {
	if len(lanes) == 1 {
		return fmt.Sprintf("lane %d", lanes[0])
	}
	var b strings.Builder
	b.WriteString("lanes ")
	parts := 0
	for i := 0; i < len(lanes); {
		j := i
		for j+1 < len(lanes) && lanes[j+1] == lanes[j]+1 {
			j++
		}
		if parts == 4 {
			fmt.Fprintf(&b, " and %d more", len(lanes)-i)
			break
		}
		if parts++; parts > 1 {
			b.WriteString(", ")
		}
		if j == i {
			fmt.Fprintf(&b, "%d", lanes[i])
		} else {
			fmt.Fprintf(&b, "%d-%d", lanes[i], lanes[j])
		}
		i = j + 1
	}
	return b.String()
}

// regionName returns the parameter's or allocation's name, and the size of
// its elements.
func (k *checker) regionName(id int, in *ir.Instr) (name string, elem int64) {
	fn := k.p.fn
	if id <= len(fn.Params) {
		p := &fn.Params[id-1]
		return p.Name, int64(p.Elem.Size() * max(p.Lanes, 1))
	}
	a := &fn.Allocs[id-1-len(fn.Params)]
	if elem = int64(a.Elem.Size()); elem == 0 {
		elem = int64(in.Type.Size())
	}
	if a.Name == "" {
		return a.Space.String() + " memory", elem
	}
	return a.Name, elem
}

// makeShadows decides for each region what is to be watched.
func (k *checker) makeShadows(r *launched) {
	fn := k.p.fn
	k.shadows = make([]*shadow, len(k.f.regions))
	buffers := map[unsafe.Pointer]*shadow{}
	for i := range fn.Params {
		a := &r.Args[i]
		host := a.Buffer.Host()
		if len(host) == 0 {
			continue
		}
		s := buffers[unsafe.Pointer(&host[0])]
		if s == nil {
			s = &shadow{size: int64(len(host))}
			buffers[unsafe.Pointer(&host[0])] = s
		}
		k.shadows[1+i] = s
		if a.Undefined && s.written == nil {
			// Everything but what this argument covers was written.
			s.written = make([]uint64, (len(host)+63)/64)
			s.mark(0, int64(a.Lo))
			s.mark(int64(a.Hi), int64(len(host)-a.Hi))
		}
		if p := &fn.Params[i]; p.Output || p.Atomic {
			s.watchRaces(int64(p.Elem.Size()))
		}
	}
	for i := range fn.Allocs {
		a := &fn.Allocs[i]
		s := &shadow{local: true, size: int64(a.Size)}
		switch a.Space {
		case ir.Constant:
			continue
		case ir.Thread:
			s.perLane = int64(a.Size)
			s.size *= int64(k.f.cap)
		case ir.Threadgroup:
			s.watchRaces(int64(max(a.Elem.Size(), 1)))
		}
		s.written = make([]uint64, (s.size+63)/64)
		k.shadows[1+len(fn.Params)+i] = s
	}
}
