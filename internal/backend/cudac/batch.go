package cudac

// This file implements loops that read ahead of themselves. Where the turns of
// a loop are a straight run of instructions, several are written one after the
// other, and the loads of all of them come first: a thread then waits for
// memory once in so many turns. Nothing writes to what is read, and the turns
// that may not come read zeros.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
)

const (
	batchBytes  = 16  // that a thread reads at a time from a parameter
	batchTurns  = 8   // at most
	batchInstrs = 200 // at most, of all turns
)

// A batch is a loop to write so.
type batch struct {
	turns   int
	counter ir.Reg      // the variable that Step changes
	ahead   []*ir.Instr // of Body: the loads, with what they depend on
	loads   map[*ir.Instr]bool
}

// straight returns the instructions of a block of nothing but plain ones.
func straight(b *ir.Block) ([]*ir.Instr, bool) {
	var list []*ir.Instr
	for _, s := range b.Stmts {
		in, ok := s.(*ir.Instr)
		if !ok || !plain(in) {
			return nil, false
		}
		list = append(list, in)
	}
	return list, true
}

// plain reports whether an instruction computes, or reads or writes memory.
func plain(in *ir.Instr) bool {
	return in.Op != ir.Barrier && !in.Op.IsSimd() && !in.Op.IsAtomic()
}

// batched reports whether a loop is one to write as a batch.
func (e *emitter) batched(s *ir.Loop) (batch, bool) {
	if _, constant := e.counterOf(s); constant || s.Cond == ir.NoReg {
		return batch{}, false
	}
	head, ok1 := straight(&s.Head)
	step, ok2 := straight(&s.Step)
	if !ok1 || !ok2 {
		return batch{}, false
	}
	for _, st := range s.Body.Stmts { // branches are flattened
		in, isInstr := st.(*ir.Instr)
		branch, isIf := st.(*ir.If)
		if isInstr && !plain(in) || isIf && !e.flat(branch) || !isInstr && !isIf {
			return batch{}, false
		}
	}
	b := batch{counter: ir.NoReg, loads: map[*ir.Instr]bool{}}
	for i, in := range append(head[:len(head):len(head)], step...) {
		if !cheap(in) {
			return batch{}, false
		}
		for _, d := range in.Dst {
			if e.f.Regs[d].Kind == ir.TempReg {
				continue
			}
			if i < len(head) || b.counter != ir.NoReg && b.counter != d || e.f.Regs[d].Type == ir.Ptr {
				return batch{}, false
			}
			b.counter = d
		}
	}
	if b.counter == ir.NoReg {
		return batch{}, false
	}
	changing := map[ir.Reg]bool{} // variables that the loop assigns, but for the counter
	instrs := 0
	s.Body.Instrs(func(in *ir.Instr) bool {
		instrs++
		for _, d := range in.Dst {
			if e.f.Regs[d].Kind == ir.VarReg {
				changing[d] = true
			}
		}
		return true
	})
	if changing[b.counter] {
		return batch{}, false
	}
	for _, in := range append(head[:len(head):len(head)], step...) {
		reads(in, func(r ir.Reg) { ok1 = ok1 && !changing[r] })
	}
	if !ok1 {
		return batch{}, false
	}
	bytes := e.aheadOf(&b, &s.Body, changing)
	if bytes == 0 {
		return batch{}, false
	}
	b.turns = min(batchTurns, max(2, batchBytes/bytes))
	for b.turns > 1 && (b.turns*(len(head)+instrs+len(step)) > batchInstrs || b.turns > 2 && b.turns*len(b.loads) > 2*batchTurns) {
		b.turns /= 2
	}
	return b, b.turns > 1
}

// aheadOf fills in what of a body can be done ahead, and returns the bytes of
// the largest load, 0 if there is none.
func (e *emitter) aheadOf(b *batch, body *ir.Block, changing map[ir.Reg]bool) (bytes int) {
	var list []*ir.Instr
	def := map[ir.Reg]*ir.Instr{}
	own := map[ir.Reg]bool{} // temporaries that are there only in the turn itself
	for _, st := range body.Stmts {
		in, ok := st.(*ir.Instr)
		if !ok {
			continue // a branch: its temporaries are not seen outside
		}
		early := true
		reads(in, func(r ir.Reg) { early = early && !own[r] && !changing[r] })
		for _, d := range in.Dst {
			early = early && e.f.Regs[d].Kind == ir.TempReg
		}
		load := in.Op == ir.Load && in.Type != ir.Ptr && e.readOnly(in.Addr.Base)
		if !early || !load && !cheap(in) {
			for _, d := range in.Dst {
				own[d] = true
			}
			continue
		}
		list = append(list, in)
		for _, d := range in.Dst {
			def[d] = in
		}
	}
	needed := map[*ir.Instr]bool{}
	var need func(in *ir.Instr)
	need = func(in *ir.Instr) {
		needed[in] = true
		reads(in, func(r ir.Reg) {
			if d := def[r]; d != nil && !needed[d] {
				need(d)
			}
		})
	}
	for _, in := range list {
		if in.Op == ir.Load {
			need(in)
			b.loads[in] = true
			bytes = max(bytes, len(in.Dst)*in.Type.Size())
		}
	}
	for _, in := range list {
		if needed[in] {
			b.ahead = append(b.ahead, in)
		}
	}
	return bytes
}

// batchLoop writes a loop as a batch.
func (e *emitter) batchLoop(s *ir.Loop, b batch) {
	e.open("for (;;)")
	e.block(&s.Head)
	e.line("if (!%s) break;", e.value(s.Cond))
	cursor := e.fresh("i")
	e.line("%s %s = v%d;", e.typeOf(b.counter), cursor, b.counter)
	conds := make([]string, b.turns)
	results := make([]map[ir.Reg]string, b.turns)
	bits := make([]map[ir.Reg]string, b.turns)
	for k := range b.turns {
		e.suffix, e.alias = fmt.Sprintf("_%d", k), map[ir.Reg]string{b.counter: cursor}
		if k > 0 {
			e.stmts(&s.Step)
			e.stmts(&s.Head)
			conds[k] = e.fresh("c")
			cond := e.value(s.Cond)
			if k > 1 {
				cond = fmt.Sprintf("%s && %s", conds[k-1], cond)
			}
			e.line("const bool %s = %s;", conds[k], cond)
		}
		results[k], bits[k] = map[ir.Reg]string{}, map[ir.Reg]string{}
		for _, in := range b.ahead {
			if !b.loads[in] {
				e.instr(in)
				continue
			}
			q := e.address(in.Addr)
			if k > 0 {
				e.nowhere = true
				q = fmt.Sprintf("(%s ? %s : zm_nowhere)", conds[k], q)
			}
			e.loadFrom(in, q)
			for _, d := range in.Dst {
				results[k][d], bits[k][d] = e.alias[d], e.halves[d]
			}
		}
	}
	e.suffix = ""
	for k := range b.turns {
		if k > 0 {
			e.line("if (!%s) break;", conds[k])
		}
		e.alias = results[k]
		for r, h := range bits[k] {
			e.halves[r] = h
		}
		e.open("")
		for _, st := range s.Body.Stmts {
			switch st := st.(type) {
			case *ir.If:
				e.flatten(st)
			case *ir.Instr:
				if !b.loads[st] {
					e.instr(st)
				}
			}
		}
		e.stmts(&s.Step)
		e.close()
	}
	e.alias = nil
	e.close()
}
