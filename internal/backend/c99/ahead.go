package c99

// This file implements asking for memory before it is needed. The processor
// foresees how a walk through memory goes on, but not by much, and not where the
// next walk starts, such as along the next row.

import (
	"fmt"

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
	if !e.longLoop() {
		e.prefetchRow(q, bytes)
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

// ask asks for the memory at an address, which may be anywhere: processors
// ignore what they cannot ask for.
func (e *emitter) ask(address string, bytes int) {
	ahead := e.name("q")
	e.line("const uintptr_t %s = %s;", ahead, address)
	for at := 0; at < bytes; at += 64 {
		e.line("__builtin_prefetch((const char *)(%s + %d));", ahead, at)
	}
}

// prefetchGroup asks for what the same load of a later threadgroup reads, where
// a row is shared by simdgroups that run one after the other: what each of them
// reads lies in parts. Regions after the first that reads a parameter are taken
// to read the same again.
func (e *emitter) prefetchGroup(param int, q string, bytes int) {
	if e.asked == nil {
		e.asked = map[int]int{}
	}
	if first, ok := e.asked[param]; ok && first != e.regions {
		return
	}
	e.asked[param] = e.regions
	load := e.name("load")
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

// longLoop reports whether the innermost loop may take more than a few turns.
func (e *emitter) longLoop() bool {
	if len(e.frames) == 0 {
		return false
	}
	s, ok := e.frames[len(e.frames)-1].stmt.(*ir.Loop)
	if !ok {
		return false
	}
	for _, t := range s.Head.Stmts {
		if in, ok := t.(*ir.Instr); ok && len(in.Dst) == 1 && in.Dst[0] == s.Cond && in.Op == ir.Lt {
			if r := e.f.Regs[in.Args[1]]; r.Kind == ir.ConstReg && r.Bits < 8 {
				return false
			}
		}
	}
	return true
}
