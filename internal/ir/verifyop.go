package ir

// This file implements the verifier's checks of one instruction.

import "strings"

func (v *verifier) instr(in *Instr) bool {
	v.current = in
	if in.Op == BadOp || in.Op >= NumOps {
		return v.fail("unknown operation %d", in.Op)
	}
	if !ops[in.Op].types.Has(in.Type) || in.Type >= NumTypes {
		return v.fail("%s is not defined for type %s", in.Op, in.Type)
	}
	sig := &signatures[in.Op]
	if strings.HasPrefix(sig.args, "F") && !v.conversion(in) {
		return false
	}
	if !v.count(in, "operands", sig.args, len(in.Args)) {
		return false
	}
	if !(sig.optional && len(in.Dst) == 0) && !v.count(in, "results", sig.dst, len(in.Dst)) {
		return false
	}
	for i, r := range in.Args {
		if !v.use(r) {
			return false
		}
		if got, want := v.f.Regs[r].Type, letterType(sig.args, i, in.Type, in.From); got != want {
			return v.fail("operand %d, %s, has type %s; %s takes %s here", i+1, regText(v.f, r), got, in.Op, want)
		}
	}
	if sig.addr && !v.addr(in, sig.writes) {
		return false
	}
	for i, r := range in.Dst {
		if !v.assign(r) {
			return false
		}
		if got, want := v.f.Regs[r].Type, letterType(sig.dst, i, in.Type, in.From); got != want {
			return v.fail("result %d, %s, has type %s; %s gives %s here", i+1, regText(v.f, r), got, in.Op, want)
		}
		for _, other := range in.Dst[:i] {
			if other == r {
				return v.fail("%s is assigned twice", regText(v.f, r))
			}
		}
	}
	if in.Type == Ptr && !v.spaces(in) {
		return false
	}
	return v.imm(in, sig.imm)
}

// conversion checks the two types of a Convert or Bitcast.
func (v *verifier) conversion(in *Instr) bool {
	switch {
	case !tAny.Has(in.From) || in.From >= NumTypes || in.From == Ptr || in.Type == Ptr:
		return v.fail("%s from %s to %s is not defined", in.Op, in.From, in.Type)
	case in.Op == Bitcast && (in.From == Bool || in.Type == Bool):
		return v.fail("bitcast does not take bool")
	case in.Op == Bitcast && in.From.Size() != in.Type.Size():
		return v.fail("bitcast from %s to %s changes the size", in.From, in.Type)
	}
	return true
}

func (v *verifier) count(in *Instr, what, list string, got int) bool {
	if strings.HasSuffix(list, "*") {
		if got < 1 || got > maxVector {
			return v.fail("%s has 1 to %d %s, found %d", in.Op, maxVector, what, got)
		}
		return true
	}
	if got != len(list) {
		return v.fail("%s has %d %s, found %d", in.Op, len(list), what, got)
	}
	return true
}

// use checks that r has a value here.
func (v *verifier) use(r Reg) bool {
	if r < 0 || int(r) >= len(v.f.Regs) {
		return v.fail("register %d does not exist; there are %d", r, len(v.f.Regs))
	}
	if v.f.Regs[r].Kind != TempReg {
		return true
	}
	switch v.temps[r] {
	case unassigned:
		return v.fail("%s is used before it is assigned", regText(v.f, r))
	case ended:
		return v.fail("%s is used outside the block that assigns it", regText(v.f, r))
	}
	return true
}

// assign checks that r may be assigned here, and notes it.
func (v *verifier) assign(r Reg) bool {
	if r < 0 || int(r) >= len(v.f.Regs) {
		return v.fail("register %d does not exist; there are %d", r, len(v.f.Regs))
	}
	switch v.f.Regs[r].Kind {
	case VarReg:
		return true
	case TempReg:
		if v.temps[r] != unassigned {
			return v.fail("the temporary %s is assigned a second time", regText(v.f, r))
		}
		v.temps[r] = visible
		v.live = append(v.live, r)
		return true
	}
	return v.fail("%s is assigned, but is no variable", regText(v.f, r))
}

func (v *verifier) addr(in *Instr, writes bool) bool {
	a := in.Addr
	if !v.use(a.Base) {
		return false
	}
	base := v.f.Regs[a.Base]
	if base.Type != Ptr {
		return v.fail("the base of the address, %s, has type %s", regText(v.f, a.Base), base.Type)
	}
	switch {
	case writes && base.Space == Constant:
		return v.fail("%s on constant memory", in.Op)
	case in.Op.IsAtomic() && base.Space == Thread:
		return v.fail("%s on thread memory", in.Op)
	case in.Type == Ptr && in.Op != PtrAdd && base.Space != Thread:
		return v.fail("a pointer is kept in %s memory; only thread memory holds pointers", base.Space)
	}
	if a.Index == NoReg {
		return true
	}
	if !v.use(a.Index) {
		return false
	}
	if t := v.f.Regs[a.Index].Type; !tWideInts.Has(t) {
		return v.fail("the index of the address, %s, has type %s; it has to be a 32-bit or 64-bit integer", regText(v.f, a.Index), t)
	}
	return true
}

// spaces checks that an instruction on pointers does not change their space.
// PtrAdd may, from constant memory or to it: MLX passes small inputs in
// constant memory, and kernels read them through device pointers.
func (v *verifier) spaces(in *Instr) bool {
	if in.Op == Load || in.Op == Store {
		return true
	}
	space := NoSpace
	if in.Op == PtrAdd {
		space = v.f.Regs[in.Addr.Base].Space
		if space == Constant || v.f.Regs[in.Dst[0]].Space == Constant {
			return true
		}
	}
	for _, list := range [...][]Reg{in.Args, in.Dst} {
		for _, r := range list {
			info := &v.f.Regs[r]
			if info.Type != Ptr {
				continue
			}
			if space != NoSpace && info.Space != space {
				return v.fail("pointers into %s and %s memory are mixed", space, info.Space)
			}
			space = info.Space
		}
	}
	return true
}

func (v *verifier) imm(in *Instr, rule immRule) bool {
	switch {
	case rule == immSpecial && (in.Imm < 0 || in.Imm >= int64(NumSpecials)):
		return v.fail("there is no thread attribute %d", in.Imm)
	case rule == immBarrier && in.Imm != 0 && in.Imm != 1:
		return v.fail("barrier of kind %d; 0 (threadgroup) and 1 (simdgroup) are possible", in.Imm)
	case rule == immWidth && in.Imm != 32 && in.Imm != 4:
		return v.fail("%s over %d lanes; 32 and 4 are possible", in.Op, in.Imm)
	case rule == immSize && in.Imm <= 0:
		return v.fail("ptrsub by an element size of %d", in.Imm)
	}
	return true
}
