package c99

// This file implements asking for memory before it is needed. The processor
// foresees how a walk through memory goes on, but not by much, and not where the
// next walk starts, such as along the next row.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// prefetch asks for what comes a while after the memory at q, on this walk or
// on the next one: walks start as far from each other, and are as long, as the
// last two were.
func (e *emitter) prefetch(in *ir.Instr, w way, q string) {
	r := e.f.Regs[in.Addr.Base]
	bytes := lanes * in.Type.Size()
	if r.Kind != ir.ParamReg || w.k != int64(in.Type.Size()) || len(in.Dst) != 1 || !e.line_ || e.mask != "" || e.cond != "" {
		return
	}
	if in.Addr.Index == ir.NoReg || !e.placed()[in.Addr.Index] { // every threadgroup reads the same
		return
	}
	if e.barriers {
		e.prefetchGroup(r.Index, q, bytes)
		return
	}
	loop := e.innermostLoop()
	if loop == nil || !e.longLoop(loop) {
		e.prefetchRow(q, bytes)
		return
	}
	if last := e.rereads()[r.Index]; last != nil {
		e.prefetchAgain(in, last, q, bytes)
		return
	}
	if e.walks == nil {
		e.walks = map[int]*ir.Instr{}
	}
	if first, ok := e.walks[r.Index]; ok && first != in { // others find it in the caches
		return
	}
	e.walks[r.Index] = in
	e.line("if (%s != walk%d.next) walk%d = zm_new_walk(walk%d, %s);", q, r.Index, r.Index, r.Index, q)
	e.line("walk%d.next = %s + %d;", r.Index, q, bytes)
	e.ask(fmt.Sprintf("zm_ahead(walk%d, %s)", r.Index, q), bytes)
}

// prefetchAgain is for rows that several loops read. The first load asks ahead
// in short rows, as the others find all in the caches. Where rows are longer the
// first waits for memory and the last, which stores, does not: it asks for the
// next row meanwhile.
func (e *emitter) prefetchAgain(in, last *ir.Instr, q string, bytes int) {
	i := e.f.Regs[in.Addr.Base].Index
	if e.walks == nil {
		e.walks = map[int]*ir.Instr{}
	}
	switch first, ok := e.walks[i]; {
	case !ok || first == in:
		e.walks[i] = in
		e.line("if (row%d.number != gi * 32 + s) row%d = zm_new_row(row%d, gi * 32 + s, %s);", i, i, i, q)
		e.line("row%d.end = %s + %d;", i, q, bytes)
		e.ask(fmt.Sprintf("(uintptr_t)%s + row%d.ahead", q, i), bytes)
	case in == last:
		e.ask(fmt.Sprintf("(uintptr_t)%s + row%d.later", q, i), bytes)
	}
}

// nearRow is the number of bytes of a row of which the near caches keep several,
// for processors with 48 KiB or so.
const nearRow = 8 << 10

// rereads finds the parameters that more than one long loop reads by where in
// the grid threads are, and the last such load of each. Rows that are known to be
// near are asked for as walks.
func (e *emitter) rereads() map[int]*ir.Instr {
	if e.reread != nil {
		return e.reread
	}
	e.reread = map[int]*ir.Instr{}
	loops := map[int]*ir.Loop{}
	var find func(b *ir.Block, loop *ir.Loop)
	find = func(b *ir.Block, loop *ir.Loop) {
		for _, s := range b.Stmts {
			switch s := s.(type) {
			case *ir.Instr:
				if loop == nil || s.Op != ir.Load || len(s.Dst) != 1 || s.Addr.Index == ir.NoReg || !e.placed()[s.Addr.Index] {
					continue
				}
				r := e.f.Regs[s.Addr.Base]
				if r.Kind != ir.ParamReg {
					continue
				}
				if e.bound(loop) <= uint64(nearRow/(lanes*s.Type.Size())) {
					continue
				}
				if first := loops[r.Index]; first == nil {
					loops[r.Index] = loop
				} else if first != loop {
					e.reread[r.Index] = s
				}
			case *ir.If:
				find(&s.Then, loop)
				find(&s.Else, loop)
			case *ir.Scope:
				find(&s.Body, loop)
			case *ir.Loop:
				inner := s
				if !e.longLoop(s) {
					inner = nil
				}
				find(&s.Head, inner)
				find(&s.Body, inner)
				find(&s.Step, inner)
			}
		}
	}
	find(&e.f.Body, nil)
	return e.reread
}

// ask asks for the memory at an address, which may be anywhere: processors
// ignore what they cannot ask for.
func (e *emitter) ask(address string, bytes int) {
	ahead := e.name("q")
	e.line("const uintptr_t %s = %s;", ahead, address)
	for at := 0; at < bytes; at += 64 {
		e.line("__builtin_prefetch((const char *)(%s + %d));", ahead, at)
	}
}

// A groupLoad is a load of prefetchGroup's, and the variable with its distance.
type groupLoad struct {
	region int
	load   string
}

// prefetchGroup asks for what the same load of a later threadgroup reads, where
// a row is shared by simdgroups that run one after the other: what each of them
// reads lies in parts. Regions after the first that reads a parameter are taken
// to read the same again. They ask, too: the first leaves out what memory is too
// busy for.
func (e *emitter) prefetchGroup(param int, q string, bytes int) {
	if e.asked == nil {
		e.asked = map[int]groupLoad{}
	}
	if first, ok := e.asked[param]; ok && first.region != e.regions {
		e.ask(fmt.Sprintf("(uintptr_t)%s + %s.ahead", q, first.load), bytes)
		return
	}
	load := e.name("load")
	e.asked[param] = groupLoad{e.regions, load}
	e.groupLoads = append(e.groupLoads, load)
	e.line("if (%s.group != gi) %s = zm_next_group(%s, gi, %s);", load, load, load, q)
	e.ask(fmt.Sprintf("(uintptr_t)%s + %s.ahead", q, load), bytes)
}

// prefetchRow asks for what the same load of a later simdgroup reads, where a
// short row is all that a simdgroup has. What it reads after it has joined its
// lanes is read again.
func (e *emitter) prefetchRow(q string, bytes int) {
	if len(e.frames) > 0 || e.joined || !e.joins {
		return
	}
	start := e.name("start")
	e.starts = append(e.starts, start)
	e.ask(fmt.Sprintf("zm_rows_ahead(&%s, %s)", start, q), bytes)
}

// placed returns the registers whose value depends on where in the grid a
// thread is.
func (e *emitter) placed() map[ir.Reg]bool {
	if e.inGrid != nil {
		return e.inGrid
	}
	e.inGrid = map[ir.Reg]bool{}
	for changed := true; changed; {
		changed = false
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			k := ir.SpecialKind(in.Imm)
			found := in.Op == ir.Special && (k >= ir.ThreadPositionInGrid && k < ir.ThreadPositionInGrid+3 || k >= ir.ThreadgroupPositionInGrid && k < ir.ThreadgroupPositionInGrid+3)
			operands(in, func(r ir.Reg) { found = found || e.inGrid[r] })
			for _, d := range in.Dst {
				if found && !e.inGrid[d] {
					e.inGrid[d], changed = true, true
				}
			}
			return true
		})
	}
	return e.inGrid
}

// innermostLoop returns the loop that is the innermost statement around, if one is.
func (e *emitter) innermostLoop() *ir.Loop {
	if len(e.frames) == 0 {
		return nil
	}
	s, _ := e.frames[len(e.frames)-1].stmt.(*ir.Loop)
	return s
}

// longLoop reports whether a loop may take more than a few turns.
func (e *emitter) longLoop(s *ir.Loop) bool { return e.bound(s) >= 8 }

// bound returns the constant that a loop's condition compares with, the
// greatest number where there is none.
func (e *emitter) bound(s *ir.Loop) uint64 {
	for _, t := range s.Head.Stmts {
		if in, ok := t.(*ir.Instr); ok && len(in.Dst) == 1 && in.Dst[0] == s.Cond && in.Op == ir.Lt {
			if r := e.f.Regs[in.Args[1]]; r.Kind == ir.ConstReg {
				return r.Bits
			}
		}
	}
	return math.MaxUint64
}
