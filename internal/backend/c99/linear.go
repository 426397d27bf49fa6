package c99

// This file implements linear registers: those whose value in lane l is
// base + k*l with k known. Temporaries are found to be linear as they are
// written; variables, and what crosses regions, by an analysis beforehand, since
// all their assignments have to agree.

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

const maxStride = 1 << 24 // of k, so that nothing overflows

// A stride is what is known of a register before text is written.
type stride struct {
	known bool // else nothing is assigned to it yet
	bad   bool // not linear
	k     int64
	fits  bool // 32 bits, and no lane's value wraps around; if signed, other than by overflow, which kernels must not rely on
	even  bool // the value in lane 0 is a multiple of 32
}

// strides returns what is known of every variable and crossing register that
// is linear.
func (e *emitter) strides(line bool) map[ir.Reg]stride {
	a := &strideAnalysis{e: e, line: line, of: make([]stride, len(e.f.Regs)), occurrences: map[ir.Reg][]occurrence{}}
	a.find(&e.f.Body, nil)
	for i, r := range e.f.Regs {
		reg := ir.Reg(i)
		if r.Kind == ir.VarReg && e.Varying[i] && (!r.Type.IsInt() && r.Type != ir.Ptr || r.Type.Size() < 4 || !a.together(reg)) {
			a.of[i].bad = true
		}
	}
	a.settle()
	for i := range a.of { // made of nothing but variables that were never given a value
		a.of[i].bad = a.of[i].bad || !a.of[i].known
	}
	a.settle()
	found := map[ir.Reg]stride{}
	for i, s := range a.of {
		if reg := ir.Reg(i); e.Varying[i] && s.known && !s.bad && (e.cross[reg] || e.f.Regs[i].Kind == ir.VarReg) {
			found[reg] = s
		}
	}
	return found
}

// settle goes through all instructions until nothing more is found.
func (a *strideAnalysis) settle() {
	for a.changed = true; a.changed; {
		a.changed = false
		a.e.f.Body.Instrs(func(in *ir.Instr) bool { a.instr(in); return true })
	}
}

// An occurrence is where an instruction or condition uses a variable.
type occurrence struct {
	at    int // in the order of the text
	write bool
	path  []*place // blocks around it, outermost first
}

// A place is a block of a statement, and where it and the statement lie.
type place struct {
	stmt       ir.Stmt
	block      *ir.Block
	from, to   int // of the block
	start, end int // of the statement
}

type strideAnalysis struct {
	e           *emitter
	line        bool
	of          []stride
	occurrences map[ir.Reg][]occurrence
	clock       int
	changed     bool
}

// find notes where variables occur.
func (a *strideAnalysis) find(b *ir.Block, path []*place) {
	note := func(r ir.Reg, write bool) {
		if a.e.Varying[r] && a.e.f.Regs[r].Kind == ir.VarReg {
			a.occurrences[r] = append(a.occurrences[r], occurrence{at: a.clock, write: write, path: slices.Clone(path)})
		}
	}
	inside := func(s ir.Stmt, blocks ...*ir.Block) []*place {
		var places []*place
		start := a.clock
		for i, b := range blocks {
			if l, ok := s.(*ir.Loop); ok && i == 1 && l.Cond != ir.NoReg {
				note(l.Cond, false)
			}
			p := &place{stmt: s, block: b, from: a.clock}
			places = append(places, p)
			a.find(b, append(path, p))
			a.clock++
			p.to = a.clock
		}
		for _, p := range places {
			p.start, p.end = start, a.clock
		}
		return places
	}
	for _, s := range b.Stmts {
		a.clock++
		switch s := s.(type) {
		case *ir.Instr:
			operands(s, func(r ir.Reg) { note(r, false) })
			a.clock++
			for _, r := range s.Dst {
				note(r, true)
			}
		case *ir.If:
			note(s.Cond, false)
			inside(s, &s.Then, &s.Else)
		case *ir.Loop:
			inside(s, &s.Head, &s.Body, &s.Step)
		case *ir.Scope:
			inside(s, &s.Body)
		}
	}
}

// together reports whether each assignment of a variable may be made in all
// lanes though only some are active, because no other reads the variable
// before it is assigned again.
func (a *strideAnalysis) together(r ir.Reg) bool {
	all := a.occurrences[r]
	for _, w := range all {
		if !w.write {
			continue
		}
		for i, p := range w.path {
			if !a.e.Divergent[p.stmt] {
				continue
			}
			from, to := p.from, p.to
			loop, isLoop := p.stmt.(*ir.Loop)
			if isLoop && !(a.e.Iter[p.stmt] && p.block == &loop.Body) {
				if a.readsWithin(all, p.start, p.end) && a.setBefore(all, w.path[:i], p.start) {
					continue
				}
				if p.block != &loop.Body {
					return false
				}
			}
			if !a.readsWithin(all, from, to) || !setFirst(all, i, from, to) {
				return false
			}
		}
	}
	return true
}

// readsWithin reports whether all reads lie in a part of the text.
func (a *strideAnalysis) readsWithin(all []occurrence, from, to int) bool {
	for _, o := range all {
		if !o.write && (o.at < from || o.at >= to) {
			return false
		}
	}
	return true
}

// setBefore reports whether the variable is assigned before a statement, in the
// block that holds it.
func (a *strideAnalysis) setBefore(all []occurrence, path []*place, start int) bool {
	for _, o := range all {
		if o.write && o.at <= start && len(o.path) == len(path) && (len(path) == 0 || o.path[len(path)-1].block == path[len(path)-1].block) {
			return true
		}
	}
	return false
}

// setFirst reports whether the first thing that happens to the variable in a
// block at some depth is an assignment in that block itself.
func setFirst(all []occurrence, depth, from, to int) bool {
	for _, o := range all {
		if o.at >= from && o.at < to {
			return o.write && len(o.path) == depth+1
		}
	}
	return false
}

func (a *strideAnalysis) get(r ir.Reg) stride {
	info := a.e.f.Regs[r]
	switch {
	case info.Kind == ir.AllocReg && a.e.Varying[r]:
		return stride{known: true, k: int64(a.e.f.Allocs[info.Index].Size)}
	case !a.e.Varying[r]:
		return stride{known: true, fits: true}
	}
	return a.of[r]
}

func (a *strideAnalysis) instr(in *ir.Instr) {
	for i, d := range in.Dst {
		if !a.e.Varying[d] || a.of[d].bad {
			continue
		}
		s := stride{bad: true}
		if i == 0 && len(in.Dst) == 1 {
			s = strideOf(in, a.e.Facts, a.e.f, a.line, a.get)
		}
		old := a.of[d]
		switch {
		case s.bad, old.known && s.known && s.k != old.k:
			s = stride{bad: true}
		case !s.known:
			continue
		default:
			temp := a.e.f.Regs[d].Kind == ir.TempReg
			s.fits = s.fits && (temp || a.e.f.Regs[d].Type == ir.I32) && (old.fits || !old.known)
			s.even = s.even && temp && (old.even || !old.known)
		}
		if s == old {
			continue
		}
		a.of[d] = s
		a.changed = true
	}
}

// strideOf returns what is known of an instruction's result, given what is of
// its operands.
func strideOf(in *ir.Instr, facts *backend.Facts, f *ir.Func, line bool, get func(ir.Reg) stride) stride {
	bad := stride{bad: true}
	if !in.Type.IsInt() && in.Type != ir.Ptr || in.Type.Size() < 4 {
		return bad
	}
	args := make([]stride, len(in.Args))
	for i, r := range in.Args {
		args[i] = get(r)
		if args[i].bad {
			return bad
		}
	}
	constant := func(i int) (int64, bool) {
		r := f.Regs[in.Args[i]]
		return int64(r.Bits), r.Kind == ir.ConstReg && int64(r.Bits) > -maxStride && int64(r.Bits) < maxStride
	}
	known := true
	for _, s := range args {
		known = known && s.known
	}
	if !known {
		return stride{}
	}
	s := stride{known: true, fits: in.Type == ir.I32}
	for _, a := range args {
		s.fits = s.fits && a.fits
	}
	switch in.Op {
	case ir.Special:
		k, ok := specialStride(ir.SpecialKind(in.Imm), line)
		if !ok {
			return bad
		}
		return stride{known: true, k: k, fits: true, even: k == 1}
	case ir.Mov:
		return args[0]
	case ir.Add:
		s.k = args[0].k + args[1].k
	case ir.Sub:
		s.k = args[0].k - args[1].k
	case ir.Neg:
		s.k = -args[0].k
	case ir.Mul:
		c, ok := constant(1)
		if s.k = args[0].k * c; !ok {
			if c, ok = constant(0); !ok {
				return bad
			}
			s.k = args[1].k * c
		}
	case ir.Shl:
		c, ok := constant(1)
		if !ok || c < 0 || c > 20 {
			return bad
		}
		s.k = args[0].k << c
	case ir.Div, ir.Rem, ir.Shr, ir.And:
		// Of a multiple of 32 and the lane, by multiples of 32: the
		// quotient is the same for all lanes, the remainder ends with the lane.
		quotient, ok := facts.Part(in)
		if !ok || !args[0].even || args[0].k != 1 {
			return bad
		}
		if quotient {
			return stride{known: true, fits: true}
		}
		return stride{known: true, fits: true, k: 1, even: true}
	case ir.Convert:
		if !in.From.IsInt() || in.From.Size() < 4 {
			return bad
		}
		s.k = args[0].k
		if in.Type.Size() > in.From.Size() && !args[0].fits && s.k != 0 {
			return bad
		}
		return stride{
			known: true, k: s.k, bad: s.k >= maxStride || s.k <= -maxStride, even: args[0].even && args[0].fits,
			fits: in.Type == ir.I32 && (args[0].fits || s.k == 0),
		}
	case ir.PtrAdd:
		base := get(in.Addr.Base)
		if base.bad {
			return bad
		}
		s = base
		s.fits = false
		if in.Addr.Index != ir.NoReg {
			i := get(in.Addr.Index)
			if i.bad || i.known && !i.fits && i.k != 0 && f.Regs[in.Addr.Index].Type == ir.U32 {
				return bad
			}
			s.known = s.known && i.known
			s.k += i.k * in.Addr.Scale
		}
	default:
		return bad
	}
	if s.k >= maxStride || s.k <= -maxStride {
		return bad
	}
	return s
}

// specialStride returns k of a thread attribute.
func specialStride(kind ir.SpecialKind, line bool) (int64, bool) {
	switch kind {
	case ir.ThreadIndexInThreadgroup, ir.ThreadIndexInSimdgroup:
		return 1, true
	case ir.SimdgroupIndexInThreadgroup:
		return 0, true
	case ir.ThreadPositionInGrid, ir.ThreadPositionInThreadgroup:
		return 1, line
	case ir.ThreadPositionInGrid + 1, ir.ThreadPositionInGrid + 2, ir.ThreadPositionInThreadgroup + 1, ir.ThreadPositionInThreadgroup + 2:
		return 0, line
	}
	return 0, false
}

// linearForm returns the form of a result that is linear. Its text is the value
// of lane 0.
func (e *emitter) linearForm(in *ir.Instr) (form, bool) {
	if len(in.Dst) != 1 {
		return form{}, false
	}
	s := strideOf(in, e.Facts, e.f, e.line_, func(r ir.Reg) stride {
		if !e.Varying[r] {
			return stride{known: true, fits: true}
		}
		if info := e.f.Regs[r]; info.Kind == ir.AllocReg {
			return stride{known: true, k: int64(e.f.Allocs[info.Index].Size)}
		}
		fm, ok := e.forms[r]
		return stride{known: true, bad: !ok || fm.kind != linear, k: fm.k, fits: fm.fits, even: fm.even}
	})
	if s.bad {
		return form{}, false
	}
	fm := form{kind: linear, k: s.k, fits: s.fits, even: s.even}
	switch in.Op {
	case ir.Special:
		fm.text = e.specialBase(ir.SpecialKind(in.Imm))
	case ir.PtrAdd:
		fm.text = e.address(in.Addr, e.first)
	default:
		args := make([]string, len(in.Args))
		for i, r := range in.Args {
			args[i] = e.first(r)
		}
		fm.text = e.value(in, args)
	}
	return fm, true
}

// first returns the value of a register in lane 0, where that is a scalar.
func (e *emitter) first(r ir.Reg) string {
	if info := e.f.Regs[r]; info.Kind == ir.AllocReg {
		return e.allocation(info.Index, "s * 32")
	}
	if !e.Varying[r] {
		return e.scalar(r)
	}
	return e.forms[r].text
}

// linearLane returns the value in lane l.
func linearLane(t ir.Type, fm form) string {
	if fm.k == 0 {
		return fm.text
	}
	switch t {
	case ir.I32:
		return fmt.Sprintf("(int32_t)((uint32_t)%s + (uint32_t)l * %du)", fm.text, uint32(fm.k))
	case ir.U32:
		return fmt.Sprintf("(%s + (uint32_t)l * %du)", fm.text, uint32(fm.k))
	}
	return fmt.Sprintf("(%s + (int64_t)l * %d)", fm.text, fm.k)
}

// compared returns a condition that implies that a comparison of a linear
// register with a uniform one holds in all lanes.
func (e *emitter) compared(in *ir.Instr) (string, bool) {
	left, right := in.Args[0], in.Args[1]
	op := in.Op
	if !e.Varying[left] {
		left, right = right, left
		switch op {
		case ir.Lt:
			op = ir.Gt
		case ir.Le:
			op = ir.Ge
		case ir.Gt:
			op = ir.Lt
		case ir.Ge:
			op = ir.Le
		}
	}
	fm, ok := e.forms[left]
	if !ok || fm.kind != linear || fm.k < 0 || e.Varying[right] || !in.Type.IsInt() || in.Type.Size() < 4 {
		return "", false
	}
	most := map[ir.Type]string{ir.I32: "INT32_MAX", ir.U32: "UINT32_MAX", ir.I64: "INT64_MAX", ir.U64: "UINT64_MAX"}[in.Type]
	last := int64(lanes-1) * fm.k
	n := e.scalar(right)
	var c string
	switch op {
	case ir.Lt, ir.Le:
		c = fmt.Sprintf("%s + %d %s %s", fm.text, last, map[ir.Op]string{ir.Lt: "<", ir.Le: "<="}[op], n)
	case ir.Gt, ir.Ge:
		c = fmt.Sprintf("%s %s %s", fm.text, map[ir.Op]string{ir.Gt: ">", ir.Ge: ">="}[op], n)
	default:
		return "", false
	}
	if last > 0 {
		c = fmt.Sprintf("%s <= %s - %d && %s", fm.text, most, last, c)
	}
	return "(" + c + ")", true
}

// setLinear gives a register its linear form.
func (e *emitter) setLinear(r ir.Reg, fm form) {
	info := e.f.Regs[r]
	t := backend.RegisterType(info.Type)
	if _, declared := e.affine[r]; declared {
		if e.seg != nil && e.seg.reads[r] {
			e.flush()
		}
		e.line("a%d = %s;", r, fm.text)
		old := e.forms[r]
		if info.Kind == ir.VarReg {
			old.fits, old.even = e.affine[r].fits, false
		}
		e.forms[r] = old
		return
	}
	name := e.name("a")
	e.line("const %s %s = %s;", t, name, fm.text)
	fm.text = name
	e.forms[r] = fm
}
