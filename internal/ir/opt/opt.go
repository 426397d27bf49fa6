// Package opt makes a Func smaller without changing what it does.
//
// A pass changes the Func in place. Each takes a Func that ir.Verify accepts
// and leaves one. Results stay the same bit for bit; a load whose value nothing
// uses is dropped, and with it what a checked run would have said of it.
//
// This file implements the list of passes.
package opt

import "github.com/zmlx-go/zmlx/internal/ir"

// A Pass is one rewriting of a Func.
type Pass struct {
	Name string
	Run  func(f *ir.Func)
}

// Passes returns the passes in the order in which Run applies them.
func Passes() []Pass {
	return []Pass{
		{"copies", Copies},
		{"sink", Sink},
		{"deadcode", DeadCode},
		{"compact", Compact},
	}
}

// Run applies all passes and analyses the result.
func Run(f *ir.Func) {
	for _, p := range Passes() {
		p.Run(f)
	}
	ir.Analyze(f)
}

// eachUse calls visit for every place in blk that reads a register.
func eachUse(blk *ir.Block, visit func(r *ir.Reg)) {
	for _, s := range blk.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			instrUses(s, visit)
		case *ir.If:
			visit(&s.Cond)
			eachUse(&s.Then, visit)
			eachUse(&s.Else, visit)
		case *ir.Loop:
			eachUse(&s.Head, visit)
			if s.Cond != ir.NoReg {
				visit(&s.Cond)
			}
			eachUse(&s.Body, visit)
			eachUse(&s.Step, visit)
		case *ir.Scope:
			eachUse(&s.Body, visit)
		}
	}
}

func instrUses(in *ir.Instr, visit func(r *ir.Reg)) {
	for i := range in.Args {
		visit(&in.Args[i])
	}
	if in.Op.UsesAddr() {
		visit(&in.Addr.Base)
		if in.Addr.Index != ir.NoReg {
			visit(&in.Addr.Index)
		}
	}
}

// useCounts returns how many places read each register.
func useCounts(f *ir.Func) []int32 {
	n := make([]int32, len(f.Regs))
	eachUse(&f.Body, func(r *ir.Reg) { n[*r]++ })
	return n
}

// eachBlock calls visit for blk and every block in it, inner blocks first.
func eachBlock(blk *ir.Block, visit func(*ir.Block)) {
	for _, s := range blk.Stmts {
		switch s := s.(type) {
		case *ir.If:
			eachBlock(&s.Then, visit)
			eachBlock(&s.Else, visit)
		case *ir.Loop:
			eachBlock(&s.Head, visit)
			eachBlock(&s.Body, visit)
			eachBlock(&s.Step, visit)
		case *ir.Scope:
			eachBlock(&s.Body, visit)
		}
	}
	visit(blk)
}

// mentions reports whether in reads or assigns r.
func mentions(in *ir.Instr, r ir.Reg) bool {
	found := assigns(in, r)
	instrUses(in, func(u *ir.Reg) { found = found || *u == r })
	return found
}

func assigns(in *ir.Instr, r ir.Reg) bool {
	for _, d := range in.Dst {
		if d == r {
			return true
		}
	}
	return false
}
