package cudac

// This file implements short branches in loops that are unrolled: with no jump
// in them, the turns of such a loop become one run of instructions, whose loads
// and functions the GPU overlaps.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
)

const (
	flatTurns  = 64 // loops of more turns are not unrolled
	flatInstrs = 32 // branches of more instructions stay branches
)

// A counter is the variable of a loop with a constant number of turns: in the
// loop's body, it is less than limit and not negative.
type counter struct {
	reg   ir.Reg
	limit int64
}

// counterOf returns the counter of a loop, if it has one.
func (e *emitter) counterOf(s *ir.Loop) (counter, bool) {
	if s.Cond == ir.NoReg {
		return counter{}, false
	}
	def := e.definitions()[s.Cond]
	if def == nil || def.Op != ir.Lt || def.Type != ir.U32 {
		return counter{}, false
	}
	r, bound := def.Args[0], e.f.Regs[def.Args[1]]
	if e.f.Regs[r].Kind != ir.VarReg || bound.Kind != ir.ConstReg || bound.Bits == 0 || bound.Bits > flatTurns {
		return counter{}, false
	}
	constant := func(in *ir.Instr) bool {
		for _, d := range in.Dst {
			if d == r {
				return false
			}
		}
		return true
	}
	return counter{r, int64(bound.Bits)}, s.Head.Instrs(constant) && s.Body.Instrs(constant)
}

// inArray reports whether an access of a private array is in bounds wherever it
// is in the loops around.
func (e *emitter) inArray(in *ir.Instr) bool {
	_, a := e.element(in, 0)
	if a == nil {
		return false
	}
	n := max(len(in.Dst), len(in.Args))
	first, last := in.Addr.Off, in.Addr.Off
	if in.Addr.Index != ir.NoReg {
		limit := int64(0)
		for _, c := range e.counters {
			if c.reg == in.Addr.Index {
				limit = c.limit
			}
		}
		if limit == 0 || in.Addr.Scale < 0 {
			return false
		}
		last += (limit - 1) * in.Addr.Scale
	}
	size := int64(in.Type.Size())
	return first >= 0 && last+int64(n)*size <= size*int64(a.count)
}

// flat reports whether a branch can be written without a jump.
func (e *emitter) flat(s *ir.If) bool {
	if !e.Varying[s.Cond] || len(s.Else.Stmts) > 0 || len(s.Then.Stmts) > flatInstrs {
		return false
	}
	for _, st := range s.Then.Stmts {
		in, ok := st.(*ir.Instr)
		if !ok {
			return false
		}
		switch {
		case in.Op == ir.Load:
			for _, d := range in.Dst {
				ok = ok && e.f.Regs[d].Kind == ir.TempReg
			}
			if !ok || !e.inArray(in) && (in.Type == ir.Ptr || !e.readOnly(in.Addr.Base)) {
				return false
			}
		case in.Op == ir.Store:
			if _, a := e.element(in, 0); a != nil && !e.inArray(in) {
				return false
			}
		case in.Op == ir.PtrAdd:
			if e.f.Regs[in.Dst[0]].Kind != ir.TempReg {
				return false
			}
		case !in.Op.IsPure() || in.Op.IsSimd() || in.Op.IsAtomic():
			return false
		}
	}
	return true
}

// flatten writes a branch as instructions that keep what was where the
// condition is false.
func (e *emitter) flatten(s *ir.If) {
	c := e.fresh("c")
	e.line("const bool %s = %s;", c, e.value(s.Cond))
	for _, st := range s.Then.Stmts {
		in := st.(*ir.Instr)
		var a *array
		if in.Op == ir.Load || in.Op == ir.Store {
			_, a = e.element(in, 0)
		}
		switch {
		case in.Op == ir.Load && a == nil:
			e.nowhere = true
			e.loadFrom(in, fmt.Sprintf("(%s ? %s : zm_nowhere)", c, e.address(in.Addr)))
		case in.Op == ir.Store && a == nil:
			e.open("if (%s)", c)
			e.store(in)
			e.close()
		case in.Op == ir.Store:
			e.storeElements(in, a, func(x, v string) string { return fmt.Sprintf("%s ? %s : %s", c, v, x) })
		case in.Op != ir.Load && e.f.Regs[in.Dst[0]].Kind == ir.VarReg:
			e.set(in.Dst[0], fmt.Sprintf("%s ? %s : %s", c, e.pure(in), e.value(in.Dst[0])))
		default:
			e.instr(in)
		}
	}
}
