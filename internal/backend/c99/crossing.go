package c99

// This file implements the search for the registers that live across barriers.

import (
	"maps"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// crossings finds the registers that more than one region uses, or one region
// again in a later turn of a loop.
func (e *emitter) crossings() {
	e.cross = map[ir.Reg]bool{}
	if !e.barriers {
		return
	}
	where := map[ir.Reg]int{}
	region := 0
	touch := func(r ir.Reg) {
		if at, ok := where[r]; ok && at != region {
			e.cross[r] = true
		}
		where[r] = region
	}
	inside := func(s ir.Stmt) {
		operands(s, touch)
		if in, ok := s.(*ir.Instr); ok {
			for _, r := range in.Dst {
				touch(r)
			}
		}
	}
	var block func(b *ir.Block, again bool)
	block = func(b *ir.Block, again bool) {
		start := 0
		carry := func(end int) {
			if again {
				c := carried{e: e, leaves: map[ir.Stmt][]assigned{}}
				c.block(&ir.Block{Stmts: b.Stmts[start:end]}, assigned{})
			}
			start = end + 1
		}
		for i, s := range b.Stmts {
			if !e.Barrier[s] {
				walk(&ir.Block{Stmts: []ir.Stmt{s}}, inside)
				continue
			}
			carry(i)
			region++
			switch s := s.(type) {
			case *ir.If:
				touch(s.Cond)
				block(&s.Then, again)
				region++
				block(&s.Else, again)
			case *ir.Loop:
				block(&s.Head, true)
				if s.Cond != ir.NoReg {
					touch(s.Cond)
				}
				region++
				block(&s.Body, true)
				region++
				block(&s.Step, true)
			case *ir.Scope:
				block(&s.Body, again)
			}
			region++
		}
		carry(len(b.Stmts))
	}
	block(&e.f.Body, false)
}

// carried looks in a region that runs again for variables that it may read
// before it assigns them: those hold what its last run left.
type carried struct {
	e      *emitter
	leaves map[ir.Stmt][]assigned // by scope: what is assigned where it is left
}

// assigned are the variables that have been given a value.
type assigned map[ir.Reg]bool

// common keeps what is in all of several sets.
func common(sets []assigned) assigned {
	all := maps.Clone(sets[0])
	for _, s := range sets[1:] {
		maps.DeleteFunc(all, func(r ir.Reg, _ bool) bool { return !s[r] })
	}
	return all
}

// block goes through statements. It returns what is assigned after them; not
// ok: their end is not reached.
func (c *carried) block(b *ir.Block, set assigned) (after assigned, ok bool) {
	read := func(r ir.Reg) {
		if c.e.f.Regs[r].Kind == ir.VarReg && !set[r] {
			c.e.cross[r] = true
		}
	}
	for _, s := range b.Stmts {
		if loop, isLoop := s.(*ir.Loop); isLoop {
			turn, _ := c.block(&loop.Head, maps.Clone(set))
			if loop.Cond != ir.NoReg && !turn[loop.Cond] {
				read(loop.Cond)
			}
			c.block(&loop.Body, maps.Clone(turn))
			c.block(&loop.Step, maps.Clone(turn)) // a continue may have left the body anywhere
			continue
		}
		operands(s, read)
		var ends []assigned
		switch s := s.(type) {
		case *ir.Instr:
			for _, d := range s.Dst {
				set[d] = true
			}
			continue
		case *ir.If:
			for _, branch := range []*ir.Block{&s.Then, &s.Else} {
				if end, ok := c.block(branch, maps.Clone(set)); ok {
					ends = append(ends, end)
				}
			}
		case *ir.Scope:
			if end, ok := c.block(&s.Body, maps.Clone(set)); ok {
				ends = append(ends, end)
			}
			ends = append(ends, c.leaves[s]...)
		case *ir.Exit:
			if s.Kind == ir.Leave {
				c.leaves[s.Target] = append(c.leaves[s.Target], maps.Clone(set))
			}
		}
		if len(ends) == 0 {
			return set, false
		}
		set = common(ends)
	}
	return set, true
}
