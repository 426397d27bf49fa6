// Package backend holds what the printers of C-family languages share: which
// values are uniform and where control flow diverges, how registers and memory
// are typed, and what each operation is in C.
//
// This file implements the analysis of uniformity.
package backend

import "github.com/zmlx-go/zmlx/internal/ir"

// Facts are what analysis knows of a kernel.
type Facts struct {
	f *ir.Func

	Varying []bool // by register: may differ between the threads that are analysed together

	Divergent map[ir.Stmt]bool // If, Loop, Scope: threads part there; Exit: only some of those that run its target take it
	Barrier   map[ir.Stmt]bool // is, or holds, a threadgroup barrier
	Exits     map[ir.Stmt]bool // is, or holds, a divergent exit to something outside
	Live      map[ir.Stmt]bool // Loop, Scope: divergent exits end there or pass it
	Iter      map[ir.Stmt]bool // Loop: divergent continues occur
	Returns   bool             // a divergent return occurs

	parted  map[ir.Stmt]bool // as Exits, but for returns
	line    bool             // of a simdgroup in line
	index   []bool           // line: by register, that its value in lane l is a multiple of 32, plus l
	changed bool
}

// Analyze finds the facts of a kernel that ir.Verify accepts, for the threads of
// a threadgroup.
func Analyze(f *ir.Func) *Facts { return analyze(f, false) }

// AnalyzeLine finds the facts for the threads of a simdgroup of 32 that lie in
// line along x, the first at a multiple of 32.
func AnalyzeLine(f *ir.Func) *Facts { return analyze(f, true) }

func analyze(f *ir.Func, line bool) *Facts {
	a := &Facts{
		f: f, line: line, Varying: make([]bool, len(f.Regs)), index: make([]bool, len(f.Regs)),
		Divergent: map[ir.Stmt]bool{}, Barrier: map[ir.Stmt]bool{}, Exits: map[ir.Stmt]bool{},
		Live: map[ir.Stmt]bool{}, Iter: map[ir.Stmt]bool{}, parted: map[ir.Stmt]bool{},
	}
	a.findBarriers(&f.Body)
	if line {
		a.findIndexes()
	}
	for i, r := range f.Regs {
		if r.Kind == ir.AllocReg && f.Allocs[r.Index].Space == ir.Thread {
			a.Varying[i] = true
		}
	}
	for a.changed = true; a.changed; {
		a.changed = false
		a.block(&f.Body, nil, false)
	}
	return a
}

func (a *Facts) findBarriers(b *ir.Block) bool {
	found := false
	for _, s := range b.Stmts {
		has := false
		switch s := s.(type) {
		case *ir.Instr:
			has = s.Op == ir.Barrier && s.Imm == 0
		case *ir.If:
			t := a.findBarriers(&s.Then)
			has = a.findBarriers(&s.Else) || t
		case *ir.Loop:
			h := a.findBarriers(&s.Head)
			d := a.findBarriers(&s.Body)
			has = a.findBarriers(&s.Step) || h || d
		case *ir.Scope:
			has = a.findBarriers(&s.Body)
		}
		if has {
			a.Barrier[s] = true
		}
		found = found || has
	}
	return found
}

// mark records that a register varies.
func (a *Facts) mark(r ir.Reg) {
	if r != ir.NoReg && !a.Varying[r] {
		a.Varying[r] = true
		a.changed = true
	}
}

func (a *Facts) note(m map[ir.Stmt]bool, s ir.Stmt) {
	if !m[s] {
		m[s] = true
		a.changed = true
	}
}

// block analyses statements; around are the enclosing statements, div says that
// not all threads that will meet again get here together. Threads that have
// returned meet no other again: what they would hold does not matter. It
// returns whether threads part in the block that meet again after it.
func (a *Facts) block(b *ir.Block, around []ir.Stmt, div bool) bool {
	parted := false
	for _, s := range b.Stmts {
		out := false
		switch s := s.(type) {
		case *ir.Instr:
			a.instr(s, div)
		case *ir.If:
			inner := div
			if a.Varying[s.Cond] {
				a.note(a.Divergent, s)
				inner = true
			}
			in := append(around, s)
			then := a.block(&s.Then, in, inner)
			els := a.block(&s.Else, in, inner)
			out = then || els
		case *ir.Loop:
			if s.Cond != ir.NoReg && a.Varying[s.Cond] {
				a.note(a.Divergent, s)
				a.note(a.Live, s)
			}
			in, inner := append(around, s), div || a.Divergent[s]
			a.block(&s.Head, in, inner)
			a.block(&s.Body, in, inner)
			a.block(&s.Step, in, inner)
			out = a.parted[s]
		case *ir.Scope:
			a.block(&s.Body, append(around, s), div || a.Divergent[s])
			out = a.parted[s]
		case *ir.Exit:
			if a.some(s, around) {
				a.note(a.Divergent, s)
				a.exit(s, around)
				out = s.Kind != ir.Return
			}
		}
		if out {
			a.note(a.parted, s)
			parted, div = true, true
		}
	}
	return parted
}

// some reports whether only some of the threads that run s's target, and have
// not returned, take s.
func (a *Facts) some(s *ir.Exit, around []ir.Stmt) bool {
	for i := len(around) - 1; i >= 0; i-- {
		if a.Divergent[around[i]] {
			return true
		}
		if around[i] == s.Target {
			return false
		}
	}
	return false
}

// exit notes what a divergent exit does to the statements it leaves.
func (a *Facts) exit(s *ir.Exit, around []ir.Stmt) {
	a.note(a.Exits, s)
	for i := len(around) - 1; i >= 0; i-- {
		t := around[i]
		if t == s.Target {
			if s.Kind == ir.Continue {
				a.note(a.Iter, t)
			} else {
				a.note(a.Live, t)
			}
			a.note(a.Divergent, t)
			return
		}
		a.note(a.Exits, t)
		if _, isIf := t.(*ir.If); isIf {
			continue
		}
		a.note(a.Live, t)
		if s.Kind != ir.Return {
			a.note(a.parted, t)
			a.note(a.Divergent, t)
		}
	}
	if !a.Returns {
		a.Returns = true
		a.changed = true
	}
}

// instr marks what an instruction makes vary.
func (a *Facts) instr(s *ir.Instr, div bool) {
	vary := false
	for _, r := range s.Args {
		vary = vary || a.Varying[r]
	}
	if s.Op.UsesAddr() {
		vary = vary || a.Varying[s.Addr.Base] || s.Addr.Index != ir.NoReg && a.Varying[s.Addr.Index]
	}
	switch {
	case s.Op == ir.Special:
		vary = !groupUniform(ir.SpecialKind(s.Imm)) && !(a.line && LineUniform(ir.SpecialKind(s.Imm)))
	case s.Op == ir.Load:
		vary = vary || !a.line && !a.readOnly(s.Addr.Base)
	case s.Op.IsAtomic():
		vary = true
	case s.Op.IsSimd():
		vary = !a.line || !a.joins(s, div)
	case vary && a.quotient(s):
		vary = false
	}
	for _, d := range s.Dst {
		if vary || div && a.f.Regs[d].Kind == ir.VarReg {
			a.mark(d)
		}
	}
}

// readOnly reports whether nothing writes what a pointer points to while the
// kernel runs, so that all lanes read the same whenever they do.
func (a *Facts) readOnly(base ir.Reg) bool {
	r := a.f.Regs[base]
	switch r.Kind {
	case ir.ParamReg:
		return !a.f.Params[r.Index].Output
	case ir.AllocReg:
		return a.f.Allocs[r.Index].Space == ir.Constant
	}
	return r.Space == ir.Constant
}

// groupUniform reports whether a thread attribute is the same for all threads
// of a threadgroup.
func groupUniform(k ir.SpecialKind) bool {
	switch k {
	case ir.ThreadPositionInGrid, ir.ThreadPositionInGrid + 1, ir.ThreadPositionInGrid + 2,
		ir.ThreadPositionInThreadgroup, ir.ThreadPositionInThreadgroup + 1, ir.ThreadPositionInThreadgroup + 2,
		ir.ThreadIndexInThreadgroup, ir.ThreadIndexInSimdgroup, ir.SimdgroupIndexInThreadgroup,
		ir.ThreadIndexInQuadgroup, ir.QuadgroupIndexInThreadgroup:
		return false
	}
	return true
}

// LineUniform reports whether a thread attribute is the same for the threads of
// a simdgroup that lie in line along x.
func LineUniform(k ir.SpecialKind) bool {
	switch k {
	case ir.ThreadPositionInGrid + 1, ir.ThreadPositionInGrid + 2,
		ir.ThreadPositionInThreadgroup + 1, ir.ThreadPositionInThreadgroup + 2, ir.SimdgroupIndexInThreadgroup:
		return true
	}
	return false
}

// joins reports whether a function of a simdgroup gives all its lanes the same.
// A lane that takes no part gives its own value to those that ask it.
func (a *Facts) joins(s *ir.Instr, div bool) bool {
	if s.Imm != 32 {
		return false
	}
	switch s.Op {
	case ir.SimdSum, ir.SimdProduct, ir.SimdMin, ir.SimdMax, ir.SimdAnd, ir.SimdOr, ir.SimdXor,
		ir.SimdBroadcastFirst, ir.SimdBallot, ir.SimdAll, ir.SimdAny, ir.SimdActive:
		return true
	case ir.SimdShuffle, ir.SimdBroadcast:
		from := a.f.Regs[s.Args[1]]
		return !div && !a.Returns && from.Kind == ir.ConstReg && from.Bits < 32
	}
	return false
}

// findIndexes finds the temporaries that are a multiple of 32, plus the lane.
func (a *Facts) findIndexes() {
	for found := true; found; {
		found = false
		a.f.Body.Instrs(func(s *ir.Instr) bool {
			if len(s.Dst) != 1 || a.f.Regs[s.Dst[0]].Kind != ir.TempReg || a.index[s.Dst[0]] {
				return true
			}
			ok := false
			switch s.Op {
			case ir.Special:
				switch ir.SpecialKind(s.Imm) {
				case ir.ThreadPositionInGrid, ir.ThreadPositionInThreadgroup, ir.ThreadIndexInThreadgroup, ir.ThreadIndexInSimdgroup:
					ok = true
				}
			case ir.Convert:
				ok = s.From == ir.U32 && s.Type == ir.U64 && a.index[s.Args[0]]
			case ir.Rem, ir.And:
				_, ok = a.Part(s)
				ok = ok && a.index[s.Args[0]]
			}
			if ok {
				a.index[s.Dst[0]], found = true, true
			}
			return true
		})
	}
}

// Part reports whether an instruction divides an unsigned number by a multiple
// of 32, and whether its result is the quotient, or else the remainder.
func (a *Facts) Part(s *ir.Instr) (quotient, ok bool) {
	if len(s.Args) != 2 || s.Type != ir.U32 && s.Type != ir.U64 {
		return false, false
	}
	r := a.f.Regs[s.Args[1]]
	if r.Kind != ir.ConstReg || r.Bits > 1<<31 {
		return false, false
	}
	switch c := r.Bits; s.Op {
	case ir.Div:
		return true, c >= 32 && c%32 == 0
	case ir.Shr:
		return true, c >= 5 && c < 32
	case ir.Rem:
		return false, c >= 32 && c%32 == 0
	case ir.And:
		return false, c >= 31 && c&(c+1) == 0
	}
	return false, false
}

// quotient reports whether an instruction divides a multiple of 32, plus the
// lane, by one.
func (a *Facts) quotient(s *ir.Instr) bool {
	if !a.line {
		return false
	}
	quotient, ok := a.Part(s)
	return ok && quotient && a.index[s.Args[0]]
}

// UniformBarriers reports whether all threads that have not returned reach
// each barrier together.
func (a *Facts) UniformBarriers() bool { return a.together(&a.f.Body, false) }

func (a *Facts) together(b *ir.Block, div bool) bool {
	for _, s := range b.Stmts {
		if !a.Barrier[s] {
			continue
		}
		ok := !div
		switch s := s.(type) {
		case *ir.If:
			d := a.Divergent[s]
			ok = ok && a.together(&s.Then, d) && a.together(&s.Else, d)
		case *ir.Loop:
			d := a.Divergent[s]
			ok = ok && a.together(&s.Head, d) && a.together(&s.Body, d) && a.together(&s.Step, d)
		case *ir.Scope:
			ok = ok && a.together(&s.Body, a.Divergent[s])
		}
		if !ok {
			return false
		}
	}
	return true
}
