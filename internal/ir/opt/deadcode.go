package opt

// This file implements DeadCode.

import "github.com/zmlx-go/zmlx/internal/ir"

// DeadCode removes instructions without effect whose results nothing reads,
// results of atomics that nothing reads, and the If and Scope statements that
// this leaves empty.
func DeadCode(f *ir.Func) {
	d := deadCode{f: f, uses: useCounts(f)}
	for again := true; again; {
		d.varFreed = false
		d.block(&f.Body)
		again = d.varFreed
	}
}

type deadCode struct {
	f        *ir.Func
	uses     []int32
	varFreed bool // a variable lost its last use, perhaps after its assignments were seen
}

func (d *deadCode) unuse(r *ir.Reg) {
	d.uses[*r]--
	if d.uses[*r] == 0 && d.f.Regs[*r].Kind == ir.VarReg {
		d.varFreed = true
	}
}

func (d *deadCode) unused(in *ir.Instr) bool {
	for _, r := range in.Dst {
		if d.uses[r] > 0 {
			return false
		}
	}
	return true
}

// block goes through the statements from the last to the first, so that uses
// are gone before the instructions that compute what they used are met.
func (d *deadCode) block(blk *ir.Block) {
	removed := false
	for i := len(blk.Stmts) - 1; i >= 0; i-- {
		drop := false
		switch s := blk.Stmts[i].(type) {
		case *ir.Instr:
			switch {
			case !d.unused(s):
			case s.Op.IsPure():
				drop = true
				instrUses(s, d.unuse)
			case s.Op.IsAtomic() && s.Op != ir.AtomicCAS:
				s.Dst = nil
			}
		case *ir.If:
			d.block(&s.Else)
			d.block(&s.Then)
			if len(s.Then.Stmts)+len(s.Else.Stmts) == 0 {
				drop = true
				d.unuse(&s.Cond)
			}
		case *ir.Loop:
			d.block(&s.Step)
			d.block(&s.Body)
			d.block(&s.Head)
		case *ir.Scope:
			d.block(&s.Body)
			drop = len(s.Body.Stmts) == 0
		}
		if drop {
			blk.Stmts[i] = nil
			removed = true
		}
	}
	if removed {
		blk.Stmts = dropNil(blk.Stmts)
	}
}
