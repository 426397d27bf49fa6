package opt

// This file implements Unroll, for devices that want short loops and small
// arrays of a thread as straight code over registers.

import (
	"maps"
	"slices"

	"github.com/zmlx-go/zmlx/internal/ir"
)

const (
	maxTurns    = 64  // of a loop that is unrolled
	maxUnrolled = 256 // instructions that an unrolled loop becomes
	maxGrown    = 512 // by all loops of a kernel
)

// Unroll returns a copy of f in which loops whose turns are known and few are
// written out, branches on constants are taken, and thread arrays that are then
// only used at known places are variables. f stays as it is.
func Unroll(f *ir.Func) *ir.Func {
	out := unroll(f, true)
	DeadCode(out)
	if scalars(out) {
		out = unroll(out, false)
	}
	Copies(out)
	DeadCode(out)
	Compact(out)
	ir.Analyze(out)
	return out
}

func unroll(f *ir.Func, loops bool) *ir.Func {
	out := *f
	out.Regs = slices.Clone(f.Regs)
	out.Allocs = slices.Clone(f.Allocs)
	out.Body = ir.Block{}
	u := &unroller{
		f: &out, loops: loops, consts: map[constant]ir.Reg{}, targets: map[ir.Stmt]exits{},
		known: map[ir.Reg]ir.Reg{}, renamed: map[ir.Reg]ir.Reg{}, places: map[ir.Reg]ir.Addr{},
	}
	for i, r := range out.Regs {
		if r.Kind == ir.ConstReg {
			u.consts[constant{r.Type, r.Space, r.Bits}] = ir.Reg(i)
		}
	}
	u.block(&out.Body, &f.Body)
	return &out
}

type constant struct {
	t     ir.Type
	space ir.Space
	bits  uint64
}

// exits are where an exit of a copied statement goes. For a loop that is
// written out these are scopes.
type exits struct{ end, next ir.Stmt }

type unroller struct {
	f       *ir.Func // the copy; its Regs grow
	loops   bool
	depth   int // of loops being written out around
	grown   int // instructions that writing loops out has made
	consts  map[constant]ir.Reg
	targets map[ir.Stmt]exits
	known   map[ir.Reg]ir.Reg  // variables whose value a constant or temporary is now
	renamed map[ir.Reg]ir.Reg  // temporaries: what stands for them
	places  map[ir.Reg]ir.Addr // temporaries that point into a thread array
}

func (u *unroller) constant(t ir.Type, space ir.Space, bits uint64) ir.Reg {
	k := constant{t, space, bits}
	r, ok := u.consts[k]
	if !ok {
		r = ir.Reg(len(u.f.Regs))
		u.f.Regs = append(u.f.Regs, ir.RegInfo{Type: t, Kind: ir.ConstReg, Space: space, Bits: bits})
		u.consts[k] = r
	}
	return r
}

// value returns what stands for a register now.
func (u *unroller) value(r ir.Reg) ir.Reg {
	if r == ir.NoReg {
		return r
	}
	if to, ok := u.renamed[r]; ok {
		return to
	}
	if to, ok := u.known[r]; ok {
		return to
	}
	return r
}

func (u *unroller) isConst(r ir.Reg) bool { return u.f.Regs[r].Kind == ir.ConstReg }

// block copies the statements of a block to the end of another. It reports
// whether the end is reached.
func (u *unroller) block(to, from *ir.Block) bool {
	for _, s := range from.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			u.instr(to, s)
		case *ir.If:
			if !u.ifStmt(to, s) {
				return false
			}
		case *ir.Loop:
			u.loop(to, s)
		case *ir.Scope:
			c := &ir.Scope{Name: s.Name, Span: s.Span}
			u.targets[s] = exits{end: c}
			u.block(&c.Body, &s.Body)
			u.forget(&s.Body)
			to.Stmts = append(to.Stmts, c)
		case *ir.Exit:
			u.exit(to, s)
			return false
		}
	}
	return true
}

func (u *unroller) exit(to *ir.Block, s *ir.Exit) {
	c := *s
	if s.Kind != ir.Return {
		t := u.targets[s.Target]
		c.Target = t.end
		if s.Kind == ir.Continue {
			c.Target = t.next
		}
		if _, ok := c.Target.(*ir.Scope); ok {
			c.Kind = ir.Leave
		}
	}
	to.Stmts = append(to.Stmts, &c)
}

func (u *unroller) instr(to *ir.Block, in *ir.Instr) {
	c := *in
	c.Args, c.Dst = slices.Clone(in.Args), slices.Clone(in.Dst)
	constants := len(c.Args) > 0
	for i, r := range c.Args {
		c.Args[i] = u.value(r)
		constants = constants && u.isConst(c.Args[i])
	}
	if in.Op.UsesAddr() {
		c.Addr.Base, c.Addr.Index = u.value(in.Addr.Base), u.value(in.Addr.Index)
		u.address(&c.Addr)
	}
	var value ir.Reg = ir.NoReg // of the result
	if constants && len(c.Dst) == 1 && !c.Op.UsesAddr() {
		bits := make([]uint64, len(c.Args))
		for i, r := range c.Args {
			bits[i] = u.f.Regs[r].Bits
		}
		if d := u.f.Regs[c.Dst[0]]; d.Type != ir.Ptr {
			if folded, ok := ir.Fold(c.Op, c.Type, c.From, bits); ok {
				value = u.constant(d.Type, ir.NoSpace, folded)
			}
		}
	}
	switch {
	case value != ir.NoReg:
	case c.Op == ir.Mov && u.f.Regs[c.Args[0]].Kind != ir.VarReg:
		value = c.Args[0]
	default:
		if same := u.same(&c); same != ir.NoReg {
			c.Op, c.Args = ir.Mov, []ir.Reg{same}
			if u.f.Regs[same].Kind != ir.VarReg {
				value = same
			}
		}
	}
	for i, d := range in.Dst {
		if u.f.Regs[d].Kind == ir.VarReg {
			u.assign(d)
			if value != ir.NoReg {
				u.known[d] = value
				c.Op, c.Type, c.Args = ir.Mov, u.f.Regs[d].Type, []ir.Reg{value}
			}
			continue
		}
		if value != ir.NoReg {
			u.renamed[d] = value
			return
		}
		if u.depth > 0 { // each turn has its own
			c.Dst[i] = ir.Reg(len(u.f.Regs))
			u.f.Regs = append(u.f.Regs, u.f.Regs[d])
			u.renamed[d] = c.Dst[i]
		}
		if c.Op == ir.PtrAdd && u.f.Regs[d].Space == ir.Thread {
			u.place(to, c.Dst[i], &c)
		}
	}
	if u.depth > 0 {
		u.grown++
	}
	to.Stmts = append(to.Stmts, &c)
}

// same returns the operand that an instruction's result is.
func (u *unroller) same(in *ir.Instr) ir.Reg {
	is := func(i int, bits uint64) bool { return u.isConst(in.Args[i]) && u.f.Regs[in.Args[i]].Bits == bits }
	switch {
	case in.Op == ir.Select && u.isConst(in.Args[0]):
		if u.f.Regs[in.Args[0]].Bits != 0 {
			return in.Args[1]
		}
		return in.Args[2]
	case !in.Type.IsInt():
	case in.Op == ir.Add && is(0, 0), in.Op == ir.Mul && is(0, 1):
		return in.Args[1]
	case (in.Op == ir.Add || in.Op == ir.Sub || in.Op == ir.Shl || in.Op == ir.Shr) && is(1, 0), (in.Op == ir.Mul || in.Op == ir.Div) && is(1, 1):
		return in.Args[0]
	}
	return ir.NoReg
}

// place notes where in a thread array a pointer points to. An index that is a
// variable may change before the pointer is used.
func (u *unroller) place(to *ir.Block, pointer ir.Reg, in *ir.Instr) {
	if u.f.Regs[in.Addr.Base].Kind != ir.AllocReg {
		return
	}
	if i := in.Addr.Index; i != ir.NoReg && u.f.Regs[i].Kind == ir.VarReg {
		t := u.f.Regs[i].Type
		in.Addr.Index = ir.Reg(len(u.f.Regs))
		u.f.Regs = append(u.f.Regs, ir.RegInfo{Type: t, Kind: ir.TempReg})
		to.Stmts = append(to.Stmts, &ir.Instr{Op: ir.Mov, Type: t, Dst: []ir.Reg{in.Addr.Index}, Args: []ir.Reg{i}, Span: in.Span})
	}
	u.places[pointer] = in.Addr
}

// address takes a constant index into the offset, and the place that a pointer
// into a thread array points to into the address.
func (u *unroller) address(a *ir.Addr) {
	if a.Index != ir.NoReg && u.isConst(a.Index) {
		r := u.f.Regs[a.Index]
		a.Off += int64(r.Bits) * a.Scale
		a.Index, a.Scale = ir.NoReg, 0
	}
	if p, ok := u.places[a.Base]; ok && (a.Index == ir.NoReg || p.Index == ir.NoReg) {
		a.Base = p.Base
		a.Off += p.Off
		if p.Index != ir.NoReg {
			a.Index, a.Scale = p.Index, p.Scale
		}
	}
}

// assign notes that a variable has another value from now on.
func (u *unroller) assign(r ir.Reg) { delete(u.known, r) }

// forget drops what is known of the variables that a block assigns.
func (u *unroller) forget(b *ir.Block) {
	b.Instrs(func(in *ir.Instr) bool {
		for _, d := range in.Dst {
			if u.f.Regs[d].Kind == ir.VarReg {
				u.assign(d)
			}
		}
		return true
	})
}

func (u *unroller) ifStmt(to *ir.Block, s *ir.If) bool {
	cond := u.value(s.Cond)
	if u.isConst(cond) {
		taken := &s.Else
		if u.f.Regs[cond].Bits != 0 {
			taken = &s.Then
		}
		return u.block(to, taken)
	}
	c := &ir.If{Cond: cond, Span: s.Span}
	before := maps.Clone(u.known)
	u.block(&c.Then, &s.Then)
	u.known = maps.Clone(before)
	u.block(&c.Else, &s.Else)
	u.known = before
	u.forget(&s.Then)
	u.forget(&s.Else)
	to.Stmts = append(to.Stmts, c)
	return true
}

// loop copies a loop, or writes it out.
func (u *unroller) loop(to *ir.Block, s *ir.Loop) {
	if n, ok := u.turns(s); ok && u.loops && u.worth(s, n) {
		u.writeOut(to, s, n)
		return
	}
	u.forget(&s.Head)
	u.forget(&s.Body)
	u.forget(&s.Step)
	c := &ir.Loop{Span: s.Span}
	u.targets[s] = exits{end: c, next: c}
	before := maps.Clone(u.known)
	u.block(&c.Head, &s.Head)
	c.Cond = s.Cond // a variable that the head gives a constant keeps it
	if to, ok := u.renamed[s.Cond]; ok {
		c.Cond = to
	}
	maps.DeleteFunc(u.known, func(r, v ir.Reg) bool { // the head's own temporaries end with it
		was, ok := before[r]
		return u.f.Regs[v].Kind == ir.TempReg && !(ok && was == v)
	})
	u.block(&c.Body, &s.Body)
	u.known = maps.Clone(before)
	u.block(&c.Step, &s.Step)
	u.known = before
	to.Stmts = append(to.Stmts, c)
}

// turns returns how often a loop runs if nothing leaves it before its condition
// does, where that can be computed.
func (u *unroller) turns(s *ir.Loop) (n int, ok bool) {
	if s.Cond == ir.NoReg {
		return 0, false
	}
	values := map[ir.Reg]uint64{}
	for r, v := range u.known {
		if u.isConst(v) {
			values[r] = u.f.Regs[v].Bits
		}
	}
	var inBody []ir.Reg // what the body assigns
	for _, b := range []*ir.Block{&s.Head, &s.Body, &s.Step} {
		b.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				delete(u.renamed, d) // what it was in an earlier copy
			}
			if b == &s.Body {
				inBody = append(inBody, in.Dst...)
			}
			return true
		})
	}
	for ; n <= maxTurns; n++ {
		if !u.compute(&s.Head, values) {
			return 0, false
		}
		again, ok := values[s.Cond]
		for _, d := range inBody {
			delete(values, d)
		}
		switch {
		case !ok:
			return 0, false
		case again == 0:
			return n, true
		case !u.compute(&s.Step, values):
			return 0, false
		}
	}
	return 0, false
}

// compute runs instructions as far as their operands are known. It reports
// whether there is nothing but instructions.
func (u *unroller) compute(b *ir.Block, values map[ir.Reg]uint64) bool {
	for _, s := range b.Stmts {
		in, ok := s.(*ir.Instr)
		if !ok {
			return false
		}
		bits, known := make([]uint64, len(in.Args)), len(in.Args) > 0 && len(in.Dst) == 1
		for i, r := range in.Args {
			if to, ok := u.renamed[r]; ok && u.isConst(to) {
				r = to
			}
			v, ok := values[r]
			if u.isConst(r) {
				v, ok = u.f.Regs[r].Bits, true
			}
			bits[i] = v
			known = known && ok
		}
		for _, d := range in.Dst {
			delete(values, d)
		}
		if known && !in.Op.UsesAddr() {
			if v, ok := ir.Fold(in.Op, in.Type, in.From, bits); ok {
				values[in.Dst[0]] = v
			}
		}
	}
	return true
}

// worth reports whether a loop is to be written out.
func (u *unroller) worth(s *ir.Loop, n int) bool {
	size, arrays, exits, barriers := 0, false, false, false
	for _, b := range []*ir.Block{&s.Head, &s.Body, &s.Step} {
		b.Instrs(func(in *ir.Instr) bool {
			size++
			arrays = arrays || in.Op.IsSimd() || in.Op.UsesAddr() && u.f.Regs[u.value(in.Addr.Base)].Space == ir.Thread
			barriers = barriers || in.Op == ir.Barrier
			return true
		})
		exits = exits || hasExit(b)
	}
	switch {
	case n <= 1:
		return true
	case exits || barriers || u.grown+n*size > maxGrown:
		return false
	}
	return n*size <= maxUnrolled && arrays || n*size <= maxUnrolled/4
}

// hasExit reports whether something in a block leaves a statement.
func hasExit(b *ir.Block) bool {
	found := false
	eachBlock(b, func(b *ir.Block) {
		if n := len(b.Stmts); n > 0 {
			if _, ok := b.Stmts[n-1].(*ir.Exit); ok {
				found = true
			}
		}
	})
	return found
}

// writeOut copies a loop as many times as it runs: once at most where something
// leaves it otherwise.
func (u *unroller) writeOut(to *ir.Block, s *ir.Loop, n int) {
	if n > 1 {
		u.depth++
		defer func() { u.depth-- }()
	}
	out, exit := to, hasExit(&s.Body)
	var end *ir.Scope
	if exit {
		end = &ir.Scope{Span: s.Span}
		to.Stmts = append(to.Stmts, end)
		out = &end.Body
	}
	for range n {
		u.block(out, &s.Head)
		if exit {
			next := &ir.Scope{Span: s.Span}
			u.targets[s] = exits{end: end, next: next}
			u.block(&next.Body, &s.Body)
			out.Stmts = append(out.Stmts, next)
			u.forget(&s.Body)
		} else {
			u.block(out, &s.Body)
		}
		u.block(out, &s.Step)
	}
	u.depth++ // a second copy of the head's temporaries, where a turn has run
	u.block(out, &s.Head)
	u.depth--
	if exit {
		u.forget(&s.Head)
		u.forget(&s.Body)
		u.forget(&s.Step)
	}
}
