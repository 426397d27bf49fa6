package c99

// This file implements control flow within a simdgroup: branches that all
// lanes take together, and masks.

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

const (
	maxFlat   = 24  // instructions of a branch that is computed in all lanes
	maxCopies = 8   // of one text, for lanes that are all active and for others
	maxCopied = 400 // instructions of a text that is written more than once
)

// block writes statements under the current mask. After a statement that some
// lanes may have left for good, the mask is what is left of it.
func (e *emitter) block(b *ir.Block) {
	for i, s := range b.Stmts {
		e.stmt(s)
		if !e.Exits[s] || i == len(b.Stmts)-1 {
			continue
		}
		e.flush()
		rest := &ir.Block{Stmts: b.Stmts[i+1:]}
		left := e.innermost()
		if e.mask != "" && e.mask != left {
			both := e.name("m")
			e.line("const uint32_t %s = %s & %s;", both, e.mask, left)
			left = both
		}
		e.both(left, rest)
		return
	}
	e.flush()
}

// both writes a block for the lanes of a mask, and once more for all lanes if
// that is worth while.
func (e *emitter) both(mask string, b *ir.Block) {
	outer := e.mask
	if e.mask == "" && e.line_ && e.copy(b) {
		e.open("if (%s == ~0u)", mask)
		e.block(b)
		e.close()
		e.open("else if (%s)", mask)
		e.mask = mask
		e.block(b)
		e.close()
		e.copies /= 2
	} else {
		e.open("if (%s)", mask)
		e.mask = mask
		e.block(b)
		e.close()
	}
	e.mask = outer
}

// copy reports whether a block may be written twice, and counts it.
func (e *emitter) copy(b *ir.Block) bool {
	n := 0
	b.Instrs(func(*ir.Instr) bool { n++; return true })
	if e.copies*2 > maxCopies || n*e.copies > maxCopied {
		return false
	}
	e.copies *= 2
	return true
}

// innermost returns the mask of the innermost statement that divergent exits
// leave.
func (e *emitter) innermost() string {
	for i := len(e.frames) - 1; i >= 0; i-- {
		fr := e.frames[i]
		if fr.iter != "" {
			return fr.iter
		}
		if fr.live != "" {
			return fr.live
		}
	}
	return "alive"
}

func (e *emitter) stmt(s ir.Stmt) {
	switch s := s.(type) {
	case *ir.Instr:
		e.instr(s)
	case *ir.If:
		e.ifStmt(s)
	case *ir.Loop:
		e.loop(s)
	case *ir.Scope:
		e.scope(s)
	case *ir.Exit:
		e.exit(s)
	}
}

// flat reports whether a branch is so cheap that all lanes may compute it.
func (e *emitter) flat(b *ir.Block) bool {
	if len(b.Stmts) > maxFlat {
		return false
	}
	for _, s := range b.Stmts {
		in, ok := s.(*ir.Instr)
		if !ok || len(in.Dst) != 1 || slow(in) || in.Op.UsesAddr() && in.Op != ir.PtrAdd || in.Op == ir.Barrier || in.Op.IsSimd() {
			return false
		}
		if _, linear := e.affine[in.Dst[0]]; linear || e.cross[in.Dst[0]] || !e.Varying[in.Dst[0]] {
			return false
		}
		if in.Type == ir.F16 || in.Type == ir.BF16 || in.Type == ir.F64 {
			return false
		}
	}
	return true
}

// hasWide reports whether a flat branch has a function that takes all lanes at
// once, so that the branch is several loops.
func hasWide(b *ir.Block) bool {
	return slices.ContainsFunc(b.Stmts, func(s ir.Stmt) bool { return wide[s.(*ir.Instr).Op] != "" })
}

func (e *emitter) ifStmt(s *ir.If) {
	if !e.Varying[s.Cond] {
		e.flush()
		e.open("if (%s)", e.scalar(s.Cond))
		e.block(&s.Then)
		e.close()
		if len(s.Else.Stmts) > 0 {
			e.open("else")
			e.block(&s.Else)
			e.close()
		}
		return
	}
	if e.cond == "" && e.flat(&s.Then) && e.flat(&s.Else) {
		c := e.name("c")
		split := hasWide(&s.Then) || hasWide(&s.Else)
		if value := e.lane(s.Cond); split {
			e.add("%s[l] = %s;", c, value)
			seg := e.seg
			e.seg = nil
			e.line("ALIGNED int32_t %s[32];", c)
			e.seg = seg
			c += "[l]"
		} else {
			e.add("const int32_t %s = %s;", c, value)
		}
		for _, in := range s.Then.Stmts {
			e.cond = c
			e.stmt(in)
		}
		for _, in := range s.Else.Stmts {
			e.cond = "!" + c
			e.stmt(in)
		}
		e.cond = ""
		if e.seg == nil && !split { // a line was too much for one loop: c is gone with it
			panic("internal error: a flat branch was split")
		}
		return
	}
	if fm := e.forms[s.Cond]; e.mask == "" && fm.kind == expression && fm.whole != "" && !fm.same && len(s.Then.Stmts) > 0 && e.line_ && e.copy(&s.Then) {
		e.wholeIf(s, fm)
		e.copies /= 2
		return
	}
	m := e.condition(s.Cond)
	if e.mask != "" {
		both := e.name("m")
		e.line("const uint32_t %s = %s & %s;", both, m, e.mask)
		m = both
	}
	other := ""
	if len(s.Else.Stmts) > 0 {
		other = e.name("m")
		if e.mask == "" {
			e.line("const uint32_t %s = ~%s;", other, m)
		} else {
			e.line("const uint32_t %s = %s & ~%s;", other, e.mask, m)
		}
	}
	if len(s.Then.Stmts) > 0 {
		e.both(m, &s.Then)
	}
	if other != "" {
		e.both(other, &s.Else)
	}
}

// wholeIf writes a branch that all lanes are likely to take.
func (e *emitter) wholeIf(s *ir.If, fm form) {
	e.flush()
	e.open("if (%s)", fm.whole)
	undo := e.bounded(fm.of, nil)
	e.block(&s.Then)
	undo()
	e.close()
	e.open("else")
	m := e.bits(s.Cond)
	other := e.name("m")
	e.line("const uint32_t %s = ~%s;", other, m)
	e.open("if (%s)", m)
	e.mask = m
	e.block(&s.Then)
	e.close()
	if len(s.Else.Stmts) > 0 {
		e.open("if (%s)", other)
		e.mask = other
		e.block(&s.Else)
		e.close()
	}
	e.mask = ""
	e.close()
}

// condition returns a scalar with the bits of the lanes in which a varying
// register is true. Where a comparison of linear values may hold in all lanes,
// that is tried first.
func (e *emitter) condition(r ir.Reg) string {
	fm := e.forms[r]
	if fm.kind == expression && fm.whole != "" {
		e.flush()
		name := e.name("m")
		if fm.same {
			e.line("const uint32_t %s = -(uint32_t)%s;", name, fm.whole)
			return name
		}
		e.line("uint32_t %s = ~0u;", name)
		e.open("if (!%s)", fm.whole)
		e.line("%s = %s;", name, e.bits(r))
		e.close()
		return name
	}
	return e.ballot(e.lane(r))
}

// bits returns a scalar with the bits of the lanes in which a register is true
// whose form says when it is in all.
func (e *emitter) bits(r ir.Reg) string {
	text := e.forms[r].bits
	if text == "" {
		return e.ballot(e.lane(r))
	}
	name := e.name("m")
	e.line("const uint32_t %s = %s;", name, text)
	return name
}

func (e *emitter) loop(s *ir.Loop) {
	e.flush()
	e.forget(s)
	outer := e.mask
	fr := frame{stmt: s, end: e.name("end"), next: e.name("next")}
	divergent := s.Cond != ir.NoReg && e.Varying[s.Cond]
	onlyCond := divergent && !e.breaks(s)
	e.open("")
	if onlyCond && outer == "" && e.line_ && !e.Iter[s] && e.linearCond(s) && e.copy(&ir.Block{Stmts: []ir.Stmt{s}}) {
		e.together(s)
		e.copies /= 2
		e.close()
		return
	}
	if e.Live[s] {
		fr.live = e.name("live")
		e.line("uint32_t %s = %s;", fr.live, orAll(outer))
		e.mask = fr.live
	}
	e.frames = append(e.frames, fr)
	e.open("for (;;)")
	e.head(s)
	e.leave(s, fr)
	before := e.mask
	if e.Iter[s] {
		fr.iter = e.name("iter")
		e.frames[len(e.frames)-1].iter = fr.iter
		e.line("uint32_t %s = %s;", fr.iter, orAll(e.mask)) // the mask, once a lane has continued
	}
	e.open("")
	e.block(&s.Body)
	e.close()
	e.mask = before
	e.frames[len(e.frames)-1].iter = ""
	e.line("%s:;", fr.next)
	e.step(s, fr)
	e.close()
	e.frames = e.frames[:len(e.frames)-1]
	e.mask = outer
	e.line("%s:;", fr.end)
	e.close()
}

func orAll(mask string) string {
	if mask == "" {
		return "~0u"
	}
	return mask
}

// head writes a loop's head. Where lanes leave in it, what comes after lies in
// blocks of its own, and the condition has to be known outside of them.
func (e *emitter) head(s *ir.Loop) {
	exits := slices.ContainsFunc(s.Head.Stmts, func(t ir.Stmt) bool { return e.Exits[t] })
	if r := s.Cond; exits && r != ir.NoReg && e.Varying[r] && (!e.pinned(r) || e.fixed[r]) { // fixed: in another copy
		e.line("ALIGNED int32_t v%d[32];", r)
		e.line("for (int l = 0; l < 32; ++l) v%d[l] = 0;", r)
		e.forms[r] = form{kind: inArray, text: fmt.Sprintf("v%d", r)}
		e.fixed[r] = true
	}
	e.block(&s.Head)
}

// leave writes the test that ends a loop.
func (e *emitter) leave(s *ir.Loop, fr frame) {
	if s.Cond != ir.NoReg {
		if e.Varying[s.Cond] {
			e.line("%s &= %s;", fr.live, e.condition(s.Cond))
		} else {
			e.line("if (!%s) break;", e.scalar(s.Cond))
		}
	}
	if fr.live != "" {
		e.line("if (!%s) break;", fr.live)
	}
}

// step writes what ends an iteration. Lanes may have left since the test.
func (e *emitter) step(s *ir.Loop, fr frame) {
	if len(s.Step.Stmts) == 0 {
		return
	}
	if fr.live != "" && (e.Exits[s] || e.breaks(s)) {
		e.line("if (!%s) break;", fr.live)
	}
	e.open("")
	e.block(&s.Step)
	e.close()
}

// breaks reports whether lanes leave a loop on their own other than by its
// condition.
func (e *emitter) breaks(s *ir.Loop) bool {
	found := false
	walk(&ir.Block{Stmts: []ir.Stmt{s}}, func(t ir.Stmt) {
		if x, ok := t.(*ir.Exit); ok && e.Divergent[x] && (x.Target == s && x.Kind == ir.Break || e.Exits[s]) {
			found = true
		}
	})
	return found
}

// linearCond reports whether a loop's condition compares a linear register
// with a uniform one, so that it can be seen to hold in all lanes.
func (e *emitter) linearCond(s *ir.Loop) bool {
	for _, t := range s.Head.Stmts {
		in, ok := t.(*ir.Instr)
		if !ok || len(in.Dst) != 1 || in.Dst[0] != s.Cond {
			continue
		}
		if in.Op < ir.Lt || in.Op > ir.Ge {
			return false
		}
		for i, r := range in.Args {
			if _, linear := e.affine[r]; linear && !e.Varying[in.Args[1-i]] {
				return true
			}
			if fm, ok := e.forms[r]; ok && fm.kind == linear && !e.Varying[in.Args[1-i]] {
				return true
			}
		}
	}
	return false
}

// together writes a loop twice: as long as its condition holds in all lanes,
// and from then on with a mask.
func (e *emitter) together(s *ir.Loop) {
	outer := e.mask
	live := e.name("live")
	e.line("uint32_t %s = 0;", live)
	write := func(masked bool) {
		fr := frame{stmt: s, end: e.name("end"), next: e.name("next")}
		if masked {
			fr.live, e.mask = live, live
		}
		e.frames = append(e.frames, fr)
		e.open("for (;;)")
		if masked { // the head ran before the first loop was left
			e.open("")
			e.block(&s.Body)
			e.close()
			e.line("%s:;", fr.next)
			e.open("")
			e.block(&s.Step)
			e.close()
		}
		e.block(&s.Head)
		if masked {
			e.line("%s &= %s;", live, e.condition(s.Cond))
			e.line("if (!%s) break;", live)
		} else {
			undo := func() {}
			fm := e.forms[s.Cond]
			if fm.kind == expression && fm.whole != "" {
				e.flush()
				e.open("if (!%s)", fm.whole)
				e.line("%s = %s;", live, e.bits(s.Cond))
				e.line("break;")
				e.close()
				undo = e.bounded(fm.of, &s.Head)
			} else {
				e.line("%s = %s;", live, e.condition(s.Cond))
				e.line("if (%s != ~0u) break;", live)
				e.line("%s = 0;", live)
			}
			e.open("")
			e.block(&s.Body)
			e.close()
			e.line("%s:;", fr.next)
			e.open("")
			e.block(&s.Step)
			e.close()
			undo()
		}
		e.close()
		e.line("%s:;", fr.end)
		e.frames = e.frames[:len(e.frames)-1]
		e.mask = outer
	}
	write(false)
	e.open("if (%s)", live)
	write(true)
	e.close()
}

// forget drops what was seen of variables that a loop assigns: text in it comes
// before the assignment but runs after it too.
func (e *emitter) forget(s *ir.Loop) {
	walk(&ir.Block{Stmts: []ir.Stmt{s}}, func(t ir.Stmt) {
		in, ok := t.(*ir.Instr)
		if !ok {
			return
		}
		for _, d := range in.Dst {
			if known, ok := e.affine[d]; ok && e.f.Regs[d].Kind == ir.VarReg {
				fm := e.forms[d]
				fm.fits = known.fits
				e.forms[d] = fm
			}
		}
	})
}

// bounded notes what is known where a comparison of a linear register was seen
// to hold in all lanes: that none of the register's values wraps around. since
// is what may have been run after the comparison. It returns how to take that back.
func (e *emitter) bounded(r ir.Reg, since *ir.Block) (undo func()) {
	if r == ir.NoReg || e.forms[r].fits {
		return func() {}
	}
	if since == nil && e.f.Regs[r].Kind == ir.VarReg { // it may have another value by now
		return func() {}
	}
	if since == nil {
		since = &ir.Block{}
	}
	for _, t := range since.Stmts {
		if in, ok := t.(*ir.Instr); ok && e.f.Regs[r].Kind == ir.VarReg && slices.Contains(in.Dst, r) {
			return func() {}
		}
	}
	fm := e.forms[r]
	fm.fits = true
	e.forms[r] = fm
	return func() {
		fm.fits = false
		e.forms[r] = fm
	}
}

func (e *emitter) scope(s *ir.Scope) {
	e.flush()
	outer := e.mask
	fr := frame{stmt: s, end: e.name("end")}
	e.open("")
	if e.Live[s] {
		fr.live = e.name("live")
		e.line("uint32_t %s = %s;", fr.live, orAll(outer)) // the mask, once a lane has left
	}
	e.frames = append(e.frames, fr)
	e.block(&s.Body)
	e.frames = e.frames[:len(e.frames)-1]
	e.mask = outer
	e.line("%s:;", fr.end)
	e.close()
}

// exit leaves a statement: with a jump if all lanes do, else by taking the
// active lanes out of the masks of all statements that are left.
func (e *emitter) exit(s *ir.Exit) {
	e.flush()
	if !e.Divergent[s] {
		e.jump(s)
		return
	}
	now := orAll(e.mask)
	if e.mask != "" { // it may be one of those that change
		now = e.name("m")
		e.line("const uint32_t %s = %s;", now, e.mask)
	}
	for i := len(e.frames) - 1; i >= 0; i-- {
		fr := e.frames[i]
		if fr.iter != "" {
			e.line("%s &= ~%s;", fr.iter, now)
		}
		if fr.stmt == s.Target && s.Kind == ir.Continue {
			return
		}
		if fr.live != "" {
			e.line("%s &= ~%s;", fr.live, now)
		}
		if fr.stmt == s.Target {
			return
		}
	}
	if s.Kind == ir.Return {
		e.line("alive &= ~%s;", now)
	}
}

// jump leaves a statement with all lanes.
func (e *emitter) jump(s *ir.Exit) {
	if s.Kind == ir.Return {
		switch {
		case !e.barriers:
			e.line("goto %s;", e.done)
		case e.group.Divergent[s]: // other simdgroups go on
			e.line("alive = 0;")
			e.line("goto %s;", e.done)
		case e.done == "": // between regions
			e.line("goto group_end;")
		default:
			e.outside("group_end")
		}
		return
	}
	for _, fr := range e.frames {
		if fr.stmt != s.Target {
			continue
		}
		label := fr.end
		if s.Kind == ir.Continue {
			label = fr.next
		}
		if fr.group && e.done != "" {
			e.outside(label)
		} else {
			e.line("goto %s;", label)
		}
	}
}

// outside goes to a label around the region, once all simdgroups got here.
func (e *emitter) outside(label string) {
	i := slices.Index(e.variant.exits, label)
	if i < 0 {
		i = len(e.variant.exits)
		e.variant.exits = append(e.variant.exits, label)
	}
	e.line("go = %d;", i+1)
	e.line("goto %s;", e.done)
}

// alike reports whether no operand of an instruction depends on the lane.
func (e *emitter) alike(in *ir.Instr) bool {
	for _, r := range in.Args {
		if e.Varying[r] && e.forms[r].k != 0 {
			return false
		}
	}
	return true
}

// compare writes a comparison of linear values, whose result is an expression.
func (e *emitter) compare(in *ir.Instr) bool {
	if len(in.Args) != 2 || !e.Varying[in.Dst[0]] || e.pinned(in.Dst[0]) {
		return false
	}
	all, ok := e.compared(in)
	if !ok {
		return false
	}
	// The operands may change before the result is used.
	value, scalar, of := make([]string, 2), make([]string, 2), ir.NoReg
	for i, r := range in.Args {
		if e.Varying[r] {
			of = r
		}
		t := backend.RegisterType(e.f.Regs[r].Type)
		text := e.first(r)
		if e.f.Regs[r].Kind == ir.VarReg {
			name := e.name("x")
			e.line("const %s %s = %s;", t, name, text)
			text = name
		}
		scalar[i] = text
		fm := e.forms[r]
		if e.Varying[r] {
			value[i] = linearLane(in.Type, form{kind: linear, text: text, k: fm.k})
		} else {
			value[i] = text
		}
	}
	name := e.name("all")
	e.line("const int %s = %s;", name, all)
	e.forms[in.Dst[0]] = form{kind: expression, text: e.names.Value(in, value), whole: name, same: e.alike(in), of: of, bits: e.below(in, scalar)}
	return true
}

// below returns the bits of the lanes in which a comparison holds, if it is one
// of neighbouring numbers with a bound; x are the operands in lane 0. That is for
// trees in threadgroup memory: where tails are rare compilers make worse code of
// all the rest when they see how a mask is made.
func (e *emitter) below(in *ir.Instr, x []string) string {
	if !e.barriers {
		return ""
	}
	op, varying, bound := in.Op, 0, 1
	if !e.Varying[in.Args[0]] {
		op, varying, bound = map[ir.Op]ir.Op{ir.Gt: ir.Lt, ir.Le: ir.Ge}[op], 1, 0
	}
	if e.Varying[in.Args[bound]] || e.forms[in.Args[varying]].k != 1 || in.Type != ir.U32 && in.Type != ir.I32 {
		return ""
	}
	sign := ""
	if in.Type == ir.I32 { // in the order of numbers without sign
		sign = " ^ INT32_MIN"
	}
	text := fmt.Sprintf("zm_below((uint32_t)((%s)%s), (uint32_t)((%s)%s))", x[varying], sign, x[bound], sign)
	switch op {
	case ir.Lt:
		return text
	case ir.Ge:
		return "~" + text
	}
	return ""
}
