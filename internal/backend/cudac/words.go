package cudac

// This file implements what compilers cannot know: integers that are parts of
// words from memory. They need no protection from knowing too much.

import "github.com/zmlx-go/zmlx/internal/ir"

// findWords finds the variables and the thread allocations that hold nothing
// but such words. All are taken for that until an assignment says otherwise.
func (e *emitter) findWords() {
	e.wordVars, e.wordAllocs = map[ir.Reg]bool{}, map[int]bool{}
	for i, r := range e.f.Regs {
		if r.Kind == ir.VarReg && r.Type.IsInt() {
			e.wordVars[ir.Reg(i)] = true
		}
	}
	for i, a := range e.f.Allocs {
		e.wordAllocs[i] = a.Space == ir.Thread && !e.wild
	}
	for changed := true; changed; {
		changed = false
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				if e.wordVars[d] && !e.unknowable(in) {
					delete(e.wordVars, d)
					changed = true
				}
			}
			if o := e.storedTo(in); o.kind == alloc && e.wordAllocs[o.index] {
				words := in.Op == ir.Store && in.Type == ir.U32
				for _, r := range in.Args {
					words = words && e.word(r)
				}
				if !words {
					delete(e.wordAllocs, o.index)
					changed = true
				}
			}
			return true
		})
	}
}

// storedTo returns what an instruction stores to.
func (e *emitter) storedTo(in *ir.Instr) origin {
	if in.Op == ir.Store || in.Op.IsAtomic() {
		return e.origins[in.Addr.Base]
	}
	return origin{}
}

// word reports whether compilers cannot know anything about an integer.
func (e *emitter) word(r ir.Reg) bool {
	if e.f.Regs[r].Kind == ir.VarReg {
		return e.wordVars[r]
	}
	in := e.definitions()[r]
	return in != nil && e.unknowable(in)
}

// unknowable reports whether an instruction gives such an integer.
func (e *emitter) unknowable(in *ir.Instr) bool {
	switch in.Op {
	case ir.Mov:
		return e.word(in.Args[0])
	case ir.Shr: // the upper half: of a shift by more, compilers know that few bits are left
		by := e.f.Regs[in.Args[1]]
		return in.Type == ir.U32 && by.Kind == ir.ConstReg && by.Bits == 16 && e.word(in.Args[0])
	case ir.Select:
		return e.word(in.Args[1]) && e.word(in.Args[2])
	case ir.Convert:
		return in.From.IsInt() && e.word(in.Args[0])
	case ir.Xor:
		return e.word(in.Args[0]) || e.word(in.Args[1])
	case ir.Load:
		o := e.origins[in.Addr.Base]
		return in.Type == ir.U32 && (e.readOnly(in.Addr.Base) || o.kind == alloc && e.wordAllocs[o.index])
	}
	return false
}
