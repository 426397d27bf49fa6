package cudac

// This file implements control flow, and where it is needed the mask of the
// lanes that are active.
//
// A mask is a value that all lanes in it agree on, kept by ballots: at a
// branch, those that go one way; at each turn of a loop, those that go on.
// Where lanes leave a statement for somewhere beyond its end, all that entered
// it meet at the end, those that leave with the number of their exit in the
// variable leaving, vote on who goes on, and the others jump further. Lanes
// that return end for good: votes do not wait for them.

import "github.com/zmlx-go/zmlx/internal/ir"

// A level is a place at the end of something that lanes can jump to.
type level struct {
	stmt  ir.Stmt
	kind  ir.ExitKind // Break and Leave: end of the loop or scope (or, as Leave, of an If); Continue: end of the loop's body
	label string
	meet  bool // lanes that leave for levels further out stop here to vote
	used  bool // someone jumps to the label
	via   int  // number of the exit to here, if lanes bring it along; else 0
}

// A target is where an exit goes.
type target struct {
	stmt ir.Stmt
	kind ir.ExitKind
}

// findSimd notes which statements hold functions that need a mask, and after
// which such functions may still run, and numbers the exits.
func (e *emitter) findSimd() {
	e.simds, e.after, e.exits = map[ir.Stmt]bool{}, map[ir.Stmt]bool{}, map[target]int{}
	e.anySimd = e.holdsSimd(&e.f.Body)
	if e.anySimd {
		e.markAfter(&e.f.Body, false)
	}
}

func (e *emitter) holdsSimd(b *ir.Block) bool {
	found := false
	for _, s := range b.Stmts {
		has := false
		switch s := s.(type) {
		case *ir.Instr:
			has = s.Op.IsSimd() || s.Op == ir.Barrier && s.Imm != 0
		case *ir.If:
			then := e.holdsSimd(&s.Then)
			has = e.holdsSimd(&s.Else) || then
		case *ir.Loop:
			head := e.holdsSimd(&s.Head)
			body := e.holdsSimd(&s.Body)
			has = e.holdsSimd(&s.Step) || head || body
		case *ir.Scope:
			has = e.holdsSimd(&s.Body)
		case *ir.Exit:
			if s.Kind != ir.Return && e.exits[target{s.Target, s.Kind}] == 0 {
				e.exits[target{s.Target, s.Kind}] = len(e.exits) + 1
			}
		}
		if has {
			e.simds[s] = true
		}
		found = found || has
	}
	return found
}

// markAfter goes through a block backwards; later says that masks are needed
// after it.
func (e *emitter) markAfter(b *ir.Block, later bool) {
	for i := len(b.Stmts) - 1; i >= 0; i-- {
		s := b.Stmts[i]
		e.after[s] = later
		switch s := s.(type) {
		case *ir.If:
			e.markAfter(&s.Then, later)
			e.markAfter(&s.Else, later)
		case *ir.Loop:
			again := later || e.simds[s]
			e.markAfter(&s.Head, again)
			e.markAfter(&s.Body, again)
			e.markAfter(&s.Step, again)
		case *ir.Scope:
			e.markAfter(&s.Body, later)
		}
		later = later || e.simds[s]
	}
}

func (e *emitter) block(b *ir.Block) {
	mask := e.mask
	e.stmts(b)
	e.mask = mask
}

// enter says that the text is in s from here on, until leave is called.
func (e *emitter) enter(s ir.Stmt) (leave func()) {
	before := e.keeping
	e.keeping = before && e.simds[s]
	return func() { e.keeping = before }
}

func (e *emitter) stmts(b *ir.Block) {
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			if !e.ahead[s] {
				e.instr(s)
			}
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
}

// narrow declares the mask of those of the current one that fulfil cond.
func (e *emitter) narrow(cond string) {
	m := e.fresh("m")
	e.line("const uint32_t %s = __ballot_sync(%s, %s);", m, e.mask, cond)
	e.mask = m
}

func (e *emitter) push(s ir.Stmt, kind ir.ExitKind, meet bool) {
	e.levels = append(e.levels, level{stmt: s, kind: kind, label: e.fresh("end"), meet: meet})
}

// pop writes the end of the innermost level, where mask is that of the lanes
// that entered it.
func (e *emitter) pop(mask string) {
	l := e.levels[len(e.levels)-1]
	e.levels = e.levels[:len(e.levels)-1]
	e.mask = mask
	if l.used {
		e.line("%s:;", l.label)
	}
	if l.via != 0 {
		e.line("if (leaving == %d) leaving = 0;", l.via)
	}
	if !l.meet {
		if l.via != 0 && e.leavesFurther(l) {
			e.line("if (leaving != 0) goto %s;", e.outer())
		}
		return
	}
	if !e.leavesFurther(l) {
		e.narrow("true")
		return
	}
	e.narrow("leaving == 0")
	e.line("if (leaving != 0) goto %s;", e.outer())
}

// leavesFurther reports whether lanes get to the end of a level that jump on
// from there.
func (e *emitter) leavesFurther(l level) bool {
	var found func(b *ir.Block) bool
	found = func(b *ir.Block) bool {
		for _, s := range b.Stmts {
			switch s := s.(type) {
			case *ir.If:
				if found(&s.Then) || found(&s.Else) {
					return true
				}
			case *ir.Loop:
				if found(&s.Head) || found(&s.Body) || found(&s.Step) {
					return true
				}
			case *ir.Scope:
				if found(&s.Body) {
					return true
				}
			case *ir.Exit:
				if e.Divergent[s] && s.Kind != ir.Return {
					for _, out := range e.levels {
						if out.stmt == s.Target && out.kind == s.Kind {
							return true
						}
					}
				}
			}
		}
		return false
	}
	switch s := l.stmt.(type) {
	case *ir.If:
		return found(&s.Then) || found(&s.Else)
	case *ir.Scope:
		return found(&s.Body)
	case *ir.Loop:
		return found(&s.Body) || l.kind != ir.Continue && (found(&s.Head) || found(&s.Step))
	}
	return false
}

// outer returns the label of the next level out that lanes that leave stop at:
// one where they meet, or the one they all leave for.
func (e *emitter) outer() string {
	for i := len(e.levels) - 1; i >= 0; i-- {
		if l := &e.levels[i]; l.meet || l.via != 0 {
			l.used = true
			return l.label
		}
	}
	return ""
}

// exit writes a jump.
func (e *emitter) exit(s *ir.Exit) {
	if s.Kind == ir.Return {
		e.line("return;")
		return
	}
	stop, goal := -1, -1
	for i := len(e.levels) - 1; goal < 0; i-- {
		l := &e.levels[i]
		if l.stmt == s.Target && l.kind == s.Kind {
			goal = i
		}
		if stop < 0 && (goal >= 0 || l.meet && e.Divergent[s]) {
			stop = i
		}
	}
	if stop != goal {
		n := e.exits[target{s.Target, s.Kind}]
		e.levels[goal].via = n
		e.line("leaving = %d;", n)
	}
	e.levels[stop].used = true
	e.line("goto %s;", e.levels[stop].label)
}

// meets reports whether lanes that leave s for somewhere further out than its
// end have to be told from those that stay.
func (e *emitter) meets(s ir.Stmt) bool {
	return e.keeping && e.after[s] && e.Exits[s]
}

func (e *emitter) ifStmt(s *ir.If) {
	cond := e.value(s.Cond)
	if x := loneExit(s); x != nil && e.Divergent[s] && e.meets(s) {
		e.narrow(cond + " == 0")
		e.open("if (%s)", cond)
		e.exit(x)
		e.close()
		return
	}
	if len(e.counters) > 0 && e.flat(s) {
		e.flatten(s)
		return
	}
	if e.Varying[s.Cond] {
		e.readAhead(&s.Then, cond)
		e.readAhead(&s.Else, "!"+cond)
	}
	mask := e.mask
	then, els := mask, mask
	if e.Divergent[s] && e.simds[s] {
		then = e.fresh("m")
		e.line("const uint32_t %s = __ballot_sync(%s, %s);", then, mask, cond)
		if len(s.Else.Stmts) > 0 {
			els = e.fresh("m")
			e.line("const uint32_t %s = %s & ~%s;", els, mask, then)
		}
	}
	e.push(s, ir.Leave, e.meets(s))
	leave := e.enter(s)
	e.open("if (%s)", cond)
	e.mask = then
	e.block(&s.Then)
	if len(s.Else.Stmts) > 0 {
		e.indent--
		e.open("} else")
		e.mask = els
		e.block(&s.Else)
	}
	e.close()
	leave()
	e.pop(mask)
}

// loneExit returns what s does if that is only to leave under a condition.
func loneExit(s *ir.If) *ir.Exit {
	if len(s.Then.Stmts) != 1 || len(s.Else.Stmts) != 0 {
		return nil
	}
	x, _ := s.Then.Stmts[0].(*ir.Exit)
	return x
}

func (e *emitter) scope(s *ir.Scope) {
	mask := e.mask
	e.push(s, ir.Leave, e.meets(s))
	leave := e.enter(s)
	e.open("")
	e.block(&s.Body)
	e.close()
	leave()
	e.pop(mask)
}

func (e *emitter) loop(s *ir.Loop) {
	if b, ok := e.batched(s); ok {
		e.batchLoop(s, b)
		return
	}
	entry := e.mask
	tracked := e.simds[s]
	e.push(s, ir.Break, e.meets(s))
	leave := e.enter(s)
	turn := entry
	if tracked {
		turn = e.fresh("m")
		e.line("uint32_t %s = %s;", turn, entry)
	}
	if e.counted(s) {
		e.line("#pragma unroll")
	}
	e.open("for (;;)")
	e.mask = turn
	e.stmts(&s.Head)
	if s.Cond != ir.NoReg {
		cond := e.value(s.Cond)
		if tracked && e.Varying[s.Cond] {
			e.narrow(cond)
		}
		e.line("if (!%s) break;", cond)
	}
	body := e.mask
	joins := continues(s)
	counters := len(e.counters)
	if c, ok := e.counterOf(s); ok {
		e.counters = append(e.counters, c) // in the body, not in Step
	}
	meet := tracked && joins && e.bodyExits(s)
	if joins {
		e.push(s, ir.Continue, meet)
	}
	if joins || !tracked {
		e.open("")
		e.block(&s.Body)
		e.close()
		if joins {
			e.pop(body)
		}
	} else {
		e.stmts(&s.Body) // the mask at its end goes on to Step
	}
	e.counters = e.counters[:counters]
	if len(s.Step.Stmts) > 0 && !endsInExit(&s.Body, joins) {
		e.stmts(&s.Step)
	}
	if tracked && e.mask != turn {
		e.line("%s = %s;", turn, e.mask)
	}
	e.close()
	leave()
	e.pop(entry)
}

// most turns of a loop that is unrolled.
const unrolled = 64

// counted reports whether a loop's few turns are known from its text, if it
// begins at a constant. Unrolled, its arrays can be registers.
func (e *emitter) counted(s *ir.Loop) bool {
	if s.Cond == ir.NoReg || len(s.Head.Stmts) != 1 {
		return false
	}
	test, ok := s.Head.Stmts[0].(*ir.Instr)
	if !ok || test.Op != ir.Lt || test.Dst[0] != s.Cond || e.f.Regs[test.Args[1]].Kind != ir.ConstReg {
		return false
	}
	step := uint64(0)
	s.Step.Instrs(func(in *ir.Instr) bool {
		if in.Op == ir.Add && e.f.Regs[in.Args[1]].Kind == ir.ConstReg {
			step = e.f.Regs[in.Args[1]].Bits
		}
		return true
	})
	bound := e.f.Regs[test.Args[1]].Bits
	return step > 0 && bound/step <= unrolled
}

// endsInExit reports whether nothing runs after a block.
func endsInExit(b *ir.Block, joins bool) bool {
	if joins || len(b.Stmts) == 0 {
		return false
	}
	_, ok := b.Stmts[len(b.Stmts)-1].(*ir.Exit)
	return ok
}

// bodyExits reports whether some lanes leave the middle of a loop's body.
func (e *emitter) bodyExits(s *ir.Loop) bool {
	for _, in := range s.Body.Stmts {
		if e.Exits[in] {
			return true
		}
	}
	return false
}

// continues reports whether a Continue of s occurs.
func continues(s *ir.Loop) bool {
	found := false
	var walk func(b *ir.Block)
	walk = func(b *ir.Block) {
		for _, in := range b.Stmts {
			switch in := in.(type) {
			case *ir.If:
				walk(&in.Then)
				walk(&in.Else)
			case *ir.Loop:
				walk(&in.Head)
				walk(&in.Body)
				walk(&in.Step)
			case *ir.Scope:
				walk(&in.Body)
			case *ir.Exit:
				found = found || in.Kind == ir.Continue && in.Target == ir.Stmt(s)
			}
		}
	}
	walk(&s.Body)
	return found
}
