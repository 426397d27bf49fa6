package opt

// This file implements Copies and Sink, which remove moves.

import "github.com/zmlx-go/zmlx/internal/ir"

// reach bounds how many statements Copies and Sink look at for one move.
const reach = 64

// Copies replaces temporaries that are copies: %t = mov %y, by the register
// copied, where that has the same value at each use. The moves are left to
// DeadCode.
func Copies(f *ir.Func) {
	// A copy of what never changes can be replaced everywhere.
	same := make([]ir.Reg, len(f.Regs))
	for r := range same {
		same[r] = ir.Reg(r)
	}
	found := false
	f.Body.Instrs(func(in *ir.Instr) bool {
		if in.Op == ir.Mov && f.Regs[in.Dst[0]].Kind == ir.TempReg && f.Regs[in.Args[0]].Kind != ir.VarReg {
			same[in.Dst[0]] = same[in.Args[0]] // definitions come first, so this is final
			found = true
		}
		return true
	})
	if found {
		eachUse(&f.Body, func(r *ir.Reg) { *r = same[*r] })
	}

	// A copy of a variable, until the variable is assigned.
	var uses []int32
	eachBlock(&f.Body, func(blk *ir.Block) {
		for i, s := range blk.Stmts {
			in, ok := s.(*ir.Instr)
			if !ok || in.Op != ir.Mov || f.Regs[in.Dst[0]].Kind != ir.TempReg || f.Regs[in.Args[0]].Kind != ir.VarReg {
				continue
			}
			if uses == nil {
				uses = useCounts(f)
			}
			t, x := in.Dst[0], in.Args[0]
			if n := uses[t]; n > 0 && usesBefore(blk.Stmts[i+1:], t, x) == n {
				replace(blk.Stmts[i+1:], t, x, n)
				uses[t] = 0
				uses[x] += n
			}
		}
	})
}

// usesBefore counts the uses of t in the instructions up to, and including,
// the first that assigns x, or up to the next structured statement.
func usesBefore(stmts []ir.Stmt, t, x ir.Reg) (n int32) {
	for _, s := range stmts[:min(len(stmts), reach)] {
		in, ok := s.(*ir.Instr)
		if !ok {
			if s, ok := s.(*ir.If); ok && s.Cond == t {
				n++
			}
			return n
		}
		if (in.Op.IsSimd() || len(in.Dst) > 1) && assigns(in, x) {
			return n
		}
		instrUses(in, func(r *ir.Reg) {
			if *r == t {
				n++
			}
		})
		if assigns(in, x) {
			return n
		}
	}
	return n
}

// replace puts x in place of the next n uses of t.
func replace(stmts []ir.Stmt, t, x ir.Reg, n int32) {
	visit := func(r *ir.Reg) {
		if *r == t {
			*r = x
			n--
		}
	}
	for _, s := range stmts {
		switch s := s.(type) {
		case *ir.Instr:
			instrUses(s, visit)
		case *ir.If:
			visit(&s.Cond)
		}
		if n == 0 {
			return
		}
	}
}

// Sink lets an instruction assign a variable itself where its result is only
// moved there: %t = add %a, %b; %x = mov %t becomes %x = add %a, %b.
//
// It makes no simd operation and no instruction of several results assign a
// register that it reads: devices would have to take care.
func Sink(f *ir.Func) {
	uses := useCounts(f)
	def := make([]int32, len(f.Regs)) // index in its block of the instruction that assigns a temporary
	eachBlock(&f.Body, func(blk *ir.Block) {
		removed := false
		straight := 0 // since here there were only instructions
		for j, s := range blk.Stmts {
			in, ok := s.(*ir.Instr)
			if !ok {
				straight = j + 1
				continue
			}
			if in.Op == ir.Mov && sinks(f, blk.Stmts, def, uses, max(straight, j-reach), j) {
				blk.Stmts[j] = nil
				removed = true
				continue
			}
			for _, d := range in.Dst {
				def[d] = int32(j)
			}
		}
		if removed {
			blk.Stmts = dropNil(blk.Stmts)
		}
	})
}

// sinks tries to remove the move at index to; the instructions from on may be
// changed.
func sinks(f *ir.Func, stmts []ir.Stmt, def, uses []int32, from, to int) bool {
	move := stmts[to].(*ir.Instr)
	x, t := move.Dst[0], move.Args[0]
	if f.Regs[x].Kind != ir.VarReg || f.Regs[t].Kind != ir.TempReg || uses[t] != 1 {
		return false
	}
	i := int(def[t])
	if i < from || i >= to {
		return false
	}
	in, ok := stmts[i].(*ir.Instr)
	if !ok || in.Op.IsSimd() || !assigns(in, t) || assigns(in, x) || len(in.Dst) > 1 && mentions(in, x) {
		return false
	}
	for _, s := range stmts[i+1 : to] {
		if other, ok := s.(*ir.Instr); ok && mentions(other, x) {
			return false
		}
	}
	for k, d := range in.Dst {
		if d == t {
			in.Dst[k] = x
		}
	}
	uses[t] = 0
	return true
}

func dropNil(stmts []ir.Stmt) []ir.Stmt {
	kept := stmts[:0]
	for _, s := range stmts {
		if s != nil {
			kept = append(kept, s)
		}
	}
	clear(stmts[len(kept):])
	return kept
}
