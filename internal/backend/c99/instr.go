package c99

// This file implements instructions.

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// slow reports whether an instruction gets a loop of its own, since compilers
// do not vectorise it and would not vectorise what shares its loop.
func slow(in *ir.Instr) bool {
	switch in.Op {
	case ir.Div, ir.Rem:
		return in.Type.IsInt() || in.Op == ir.Rem
	case ir.Lgamma, ir.NextAfter, ir.Ilogb, ir.Ldexp:
		return true
	case ir.Clz, ir.Ctz, ir.ReverseBits, ir.MulHi:
		return in.Type == ir.I64 || in.Type == ir.U64
	}
	return in.Type == ir.F64 && in.Op >= ir.Exp && in.Op <= ir.Lgamma || in.Type == ir.F64 && in.Op >= ir.Pow && in.Op <= ir.Ldexp
}

// wide are the functions that take all lanes at once, and gathering those that
// join all lanes of a value to a variable's.
var (
	wide      = map[ir.Op]string{ir.Exp: "zm_exp32", ir.Exp2: "zm_exp2_32", ir.Erf: "zm_erf32"}
	gathering = map[ir.Op]string{ir.Max: "zm_max32", ir.Min: "zm_min32"}
)

// instr writes one instruction.
func (e *emitter) instr(in *ir.Instr) {
	switch {
	case in.Op == ir.Barrier: // of a simdgroup: what lanes stored can be read by others
		e.flush()
	case in.Op == ir.Load:
		e.load(in)
	case in.Op == ir.Store:
		e.store(in)
	case in.Op.IsAtomic():
		e.atomic(in)
	case in.Op.IsSimd():
		e.simd(in)
	case !e.Varying[in.Dst[0]]:
		e.setUniform(in.Dst[0], e.uniform(in))
	default:
		e.varying(in)
	}
}

// uniform returns the value of an instruction that is the same for all threads.
func (e *emitter) uniform(in *ir.Instr) string {
	switch in.Op {
	case ir.Special:
		return e.specialUniform(ir.SpecialKind(in.Imm))
	case ir.PtrAdd:
		return e.address(in.Addr, e.scalar)
	}
	args := make([]string, len(in.Args))
	for i, r := range in.Args {
		args[i] = e.first(r) // all lanes may have the same quotient of values that differ
	}
	return e.value(in, args)
}

func (e *emitter) varying(in *ir.Instr) {
	d := in.Dst[0]
	_, isLinear := e.affine[d]
	if isLinear || e.cond == "" && !e.pinned(d) {
		if fm, ok := e.linearForm(in); ok {
			e.setLinear(d, fm)
			return
		}
		if isLinear {
			panic(fmt.Sprintf("internal error: register %d is not linear here", d))
		}
	}
	if in.Op >= ir.Lt && in.Op <= ir.Ge && e.cond == "" && e.compare(in) {
		return
	}
	switch in.Op {
	case ir.Special:
		text := e.specialLane(ir.SpecialKind(in.Imm))
		if e.pinned(d) {
			e.set(d, text)
		} else {
			e.forms[d] = form{kind: expression, text: text}
		}
		return
	case ir.PtrAdd:
		e.set(d, e.address(in.Addr, e.lane))
		return
	}
	if f := wide[in.Op]; f != "" && in.Type != ir.F64 {
		v, w := e.array(in.Args[0]), e.name("w")
		e.line("ALIGNED float %s[32];", w)
		e.line("%s;", e.names.Call(f, w, v))
		if in.Type == ir.F32 {
			e.fill(d, w)
		} else {
			e.set(d, e.names.Rounded(in.Type, w+"[l]"))
		}
		return
	}
	if f := gathering[in.Op]; f != "" && in.Type == ir.F32 && e.cond == "" && e.mask == "" && e.pinned(d) && slices.Contains(in.Args, d) {
		other := in.Args[0]
		if other == d {
			other = in.Args[1]
		}
		v := e.array(other)
		e.flush()
		e.line("%s;", e.names.Call(f, e.forms[d].text, v))
		return
	}
	alone := slow(in) && !e.shifts(in)
	if alone {
		e.flush()
	}
	if in.Op == ir.Convert && in.Type == ir.F16 && in.From == ir.F32 && e.storedOnly[d] { // storing rounds
		e.set(d, e.lane(in.Args[0]))
		return
	}
	args := make([]string, len(in.Args))
	for i, r := range in.Args {
		args[i] = e.lane(r)
	}
	value := e.value(in, args)
	if x := e.negated(in); x != "" {
		value = x
	}
	e.set(d, value)
	if alone {
		e.flush()
	}
}

// negated returns the value of -|x|, which is x with its sign bit, "" of others.
func (e *emitter) negated(in *ir.Instr) string {
	if in.Type != ir.F32 {
		return ""
	}
	if in.Op == ir.Abs {
		if e.absolute == nil {
			e.absolute = map[ir.Reg]ir.Reg{}
		}
		e.absolute[in.Dst[0]] = in.Args[0]
	}
	if in.Op != ir.Neg {
		return ""
	}
	x, ok := e.absolute[in.Args[0]]
	for _, r := range []ir.Reg{in.Args[0], x} { // both are of the loop at hand
		if fm, known := e.forms[r]; !ok || !known || fm.kind != inLoop || e.pinned(r) {
			return ""
		}
	}
	return fmt.Sprintf("zm_of_bits(zm_bits(%s) | 0x80000000u)", e.forms[x].text)
}

// value returns the value of an instruction without memory.
func (e *emitter) value(in *ir.Instr, args []string) string {
	if e.shifts(in) {
		n := e.f.Regs[in.Args[1]].Bits
		if in.Op == ir.Div {
			return fmt.Sprintf("(%s >> %d)", args[0], bits.TrailingZeros64(n))
		}
		return fmt.Sprintf("(%s & %d)", args[0], n-1)
	}
	return e.names.Value(in, args)
}

// shifts reports whether an instruction divides by a power of two such that a
// shift does.
func (e *emitter) shifts(in *ir.Instr) bool {
	if in.Op != ir.Div && in.Op != ir.Rem || in.Type != ir.U32 && in.Type != ir.U64 {
		return false
	}
	r := e.f.Regs[in.Args[1]]
	return r.Kind == ir.ConstReg && r.Bits != 0 && r.Bits&(r.Bits-1) == 0
}

// address returns the address of a memory instruction, its registers being
// what value makes of them.
func (e *emitter) address(a ir.Addr, value func(ir.Reg) string) string {
	x := value(a.Base)
	if a.Index != ir.NoReg {
		x += fmt.Sprintf(" + (int64_t)%s * %d", value(a.Index), a.Scale)
	}
	if a.Off != 0 {
		x += fmt.Sprintf(" + %d", a.Off)
	}
	return "(" + x + ")"
}

// specialUniform returns a thread attribute that all threads of a threadgroup
// share.
func (e *emitter) specialUniform(k ir.SpecialKind) string {
	axis := func(first ir.SpecialKind) string { return string("xyz"[k-first]) }
	within := func(first ir.SpecialKind) bool { return k >= first && k < first+3 }
	const threads = "(L->group[0] * L->group[1] * L->group[2])"
	switch {
	case within(ir.ThreadgroupPositionInGrid):
		return "g" + axis(ir.ThreadgroupPositionInGrid)
	case within(ir.ThreadsPerGrid):
		return fmt.Sprintf("L->grid[%d]", k-ir.ThreadsPerGrid)
	case within(ir.ThreadsPerThreadgroup):
		return "t" + axis(ir.ThreadsPerThreadgroup)
	case within(ir.DispatchThreadsPerThreadgroup):
		return fmt.Sprintf("L->group[%d]", k-ir.DispatchThreadsPerThreadgroup)
	case within(ir.ThreadgroupsPerGrid):
		return fmt.Sprintf("L->groups[%d]", k-ir.ThreadgroupsPerGrid)
	case k == ir.SimdgroupsPerThreadgroup:
		return "chunks"
	case k == ir.DispatchSimdgroupsPerThreadgroup:
		return "((" + threads + " + 31) / 32)"
	case k == ir.ThreadsPerSimdgroup:
		return "32"
	case k == ir.QuadgroupsPerThreadgroup:
		return "((n + 3) / 4)"
	case k == ir.DispatchQuadgroupsPerThreadgroup:
		return "((" + threads + " + 3) / 4)"
	case backend.LineUniform(k):
		return e.specialBase(k)
	}
	return "0" // GridOrigin
}

// specialBase returns a linear thread attribute in lane 0.
func (e *emitter) specialBase(k ir.SpecialKind) string {
	switch k {
	case ir.ThreadIndexInThreadgroup:
		return "(s * 32)"
	case ir.ThreadIndexInSimdgroup:
		return "0"
	case ir.SimdgroupIndexInThreadgroup:
		return "s"
	}
	if k >= ir.ThreadPositionInThreadgroup {
		return "l" + string("xyz"[k-ir.ThreadPositionInThreadgroup])
	}
	c := "xyz"[k-ir.ThreadPositionInGrid]
	return fmt.Sprintf("(o%c + l%c)", c, c)
}

// specialLane returns a thread attribute in lane l.
func (e *emitter) specialLane(k ir.SpecialKind) string {
	switch k {
	case ir.ThreadIndexInQuadgroup:
		return "((uint32_t)l % 4)"
	case ir.QuadgroupIndexInThreadgroup:
		return "(s * 8 + (uint32_t)l / 4)"
	case ir.ThreadIndexInThreadgroup, ir.ThreadIndexInSimdgroup, ir.SimdgroupIndexInThreadgroup:
		step, _ := specialStride(k, true)
		return linearLane(ir.U32, form{text: e.specialBase(k), k: step})
	}
	at := func(c byte) string {
		if !e.line_ {
			return fmt.Sprintf("l%c[l]", c)
		}
		if c == 'x' {
			return "(lx + (uint32_t)l)"
		}
		return fmt.Sprintf("l%c", c)
	}
	if k >= ir.ThreadPositionInThreadgroup {
		return at("xyz"[k-ir.ThreadPositionInThreadgroup])
	}
	c := "xyz"[k-ir.ThreadPositionInGrid]
	return fmt.Sprintf("(o%c + %s)", c, at(c))
}

// findStoredOnly finds the registers that nothing uses but stores.
func findStoredOnly(f *ir.Func) map[ir.Reg]bool {
	only := map[ir.Reg]bool{}
	walk(&f.Body, func(s ir.Stmt) {
		in, ok := s.(*ir.Instr)
		store := ok && in.Op == ir.Store && f.Regs[in.Addr.Base].Space != ir.Thread
		operands(s, func(r ir.Reg) {
			if was, seen := only[r]; !seen || was {
				only[r] = store
			}
		})
	})
	return only
}

// registerType is the C type of a register.
func (e *emitter) registerType(r ir.Reg) string { return backend.RegisterType(e.f.Regs[r].Type) }
