package cudac

// This file implements reading ahead of branches. A load under a condition that
// some lanes fulfil makes its successors wait for it: the GPU has few
// predicates, so that an unrolled loop of them gets along one load at a time.
// Where nothing writes to what is read, the load is made for all lanes instead,
// the others of which read zeros kept for that.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// aheadLoads bounds the loads ahead of one branch: their results take up
// registers.
const aheadLoads = 8

// readAhead writes the loads of a block that is run under a condition, with
// what they depend on, and notes that they are written.
func (e *emitter) readAhead(b *ir.Block, cond string) {
	var list []*ir.Instr
	def := map[ir.Reg]*ir.Instr{}
	later := map[ir.Reg]bool{} // assigned in the block, after it is entered
	loads := 0
	for _, s := range b.Stmts {
		in, ok := s.(*ir.Instr)
		if !ok || in.Op == ir.Barrier {
			break
		}
		early := true
		reads(in, func(r ir.Reg) { early = early && !later[r] })
		for _, d := range in.Dst {
			early = early && e.f.Regs[d].Kind == ir.TempReg
		}
		load := in.Op == ir.Load && in.Type != ir.Ptr && e.readOnly(in.Addr.Base) && loads < aheadLoads
		if early && load {
			loads++
		}
		if !early || !load && !cheap(in) {
			for _, d := range in.Dst {
				later[d] = true
			}
			continue
		}
		list = append(list, in)
		for _, d := range in.Dst {
			def[d] = in
		}
	}
	var need func(in *ir.Instr)
	need = func(in *ir.Instr) {
		if e.ahead[in] {
			return
		}
		e.ahead[in] = true
		reads(in, func(r ir.Reg) {
			if d := def[r]; d != nil {
				need(d)
			}
		})
	}
	for _, in := range list {
		if in.Op == ir.Load {
			need(in)
		}
	}
	for _, in := range list {
		switch {
		case !e.ahead[in]:
		case in.Op == ir.Load:
			e.nowhere = true
			e.loadFrom(in, fmt.Sprintf("(%s ? %s : zm_nowhere)", cond, e.address(in.Addr)))
		default:
			e.instr(in)
		}
	}
}

// reads calls visit for the registers that an instruction takes values from.
func reads(in *ir.Instr, visit func(r ir.Reg)) {
	for _, r := range in.Args {
		visit(r)
	}
	if in.Op.UsesAddr() {
		visit(in.Addr.Base)
		if in.Addr.Index != ir.NoReg {
			visit(in.Addr.Index)
		}
	}
}

// cheap reports whether an instruction is arithmetic as addresses need it.
func cheap(in *ir.Instr) bool {
	switch in.Op {
	case ir.Mov, ir.Convert, ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Rem, ir.Min, ir.Max, ir.And, ir.Or, ir.Xor, ir.Not, ir.Shl, ir.Shr,
		ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge, ir.Select, ir.PtrAdd, ir.Special:
		return !in.Type.IsFloat() && !(in.Op == ir.Convert && in.From.IsFloat())
	}
	return false
}
