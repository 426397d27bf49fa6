package c99

// This file implements regions: code between barriers, which runs for one
// simdgroup after the other.

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A variant is how a simdgroup is being written: a region is written once for
// whole simdgroups whose threads lie in line along x, and once for any.
type variant struct {
	line_    bool              // whole, and in line
	mask     string            // uint32_t variable: the active lanes; "": all 32
	forms    map[ir.Reg]form   // of varying registers
	affine   map[ir.Reg]stride // variables and crossing registers that are linear
	fixed    map[ir.Reg]bool   // temporaries with arrays of their own
	seg      *segment
	done     string            // label at the end of the simdgroup
	exits    []string          // labels around regions that the region goes to
	copies   int               // how many times the text at hand is written
	joined   bool              // a function of simdgroups was written
	absolute map[ir.Reg]ir.Reg // of what a register is the absolute value
	cond     string            // lane condition of a flattened branch
}

// A form is how the value of a varying register is at hand.
type form struct {
	kind formKind
	text string // base of linear; expression of inline_; name of the array
	k    int64  // linear: value of lane l is text + k*l
	fits bool   // linear, 32 bits: no lane's value wraps around; see stride
	even bool   // linear: the value in lane 0 is a multiple of 32

	whole string // expression: a scalar that is true only if it is true in all lanes; may be ""
	of    ir.Reg // expression with whole: the linear register that is compared
	same  bool   // expression: it is true in all lanes if whole is, else in none
	bits  string // expression with whole: a scalar with the bits of the lanes in which it is true; may be ""
}

type formKind uint8

const (
	inArray formKind = iota // v[l]
	inLoop                  // a local of the segment being written
	linear
	expression // of l, with no variables that change
)

// layout is where a register that crosses regions is kept.
type layout struct {
	array int // offset in the working memory of T [chunk][32]
	base  int // of T [chunk], the base of linear values
}

// uniformOnly reports whether a block does the same for all threads and writes
// no memory, so that it need run only once.
func (e *emitter) uniformOnly(b *ir.Block) bool {
	ok := true
	walk(b, func(s ir.Stmt) {
		switch s := s.(type) {
		case *ir.Instr:
			if s.Op == ir.Store || s.Op.IsAtomic() || s.Op.IsSimd() || s.Op == ir.Barrier {
				ok = false
			}
			for _, d := range s.Dst {
				ok = ok && !e.Varying[d]
			}
		case *ir.Exit:
			ok = ok && !e.Divergent[s]
		}
		ok = ok && !e.Divergent[s] && !e.Live[s] && !e.Iter[s]
	})
	return ok
}

// region writes a block without barriers for all simdgroups.
func (e *emitter) region(b *ir.Block) {
	if len(b.Stmts) == 0 {
		return
	}
	e.regions++
	if e.barriers && e.uniformOnly(b) {
		e.variant = variant{}
		e.block(b)
		return
	}
	var assigned []ir.Reg // uniform variables: each simdgroup starts from their values before
	if e.barriers {
		walk(b, func(s ir.Stmt) {
			if in, ok := s.(*ir.Instr); ok {
				for _, d := range in.Dst {
					if !e.Varying[d] && e.f.Regs[d].Kind == ir.VarReg && !slices.Contains(assigned, d) {
						assigned = append(assigned, d)
					}
				}
			}
		})
	}
	e.open("")
	for _, r := range assigned {
		t := backend.RegisterType(e.f.Regs[r].Type)
		e.line("const %s s%d = u%d; %s e%d = u%d;", t, r, r, t, r, r)
	}
	if e.barriers {
		e.line("int go = 0;")
	}
	masked := e.barriers && e.Returns
	if masked {
		e.line("uint32_t left = 0;")
	}
	var exits []string
	// lx, ly and lz are where the simdgroup starts, if it lies in line.
	e.open("for (uint32_t s = 0, lx = 0, ly = 0, lz = 0; s < chunks; ++s, lx = lx + 32 < tx ? lx + 32 : 0, ly = lx ? ly : ly + 1 < ty ? ly + 1 : 0, lz += !lx && !ly)")
	e.line("const uint32_t count = n - s * 32 < 32 ? n - s * 32 : 32;")
	if masked {
		e.line("if (!alive_[s]) continue;")
	}
	for _, r := range assigned {
		e.line("u%d = s%d;", r, r)
	}
	write := func(line, full bool) {
		e.variant = variant{line_: line, forms: map[ir.Reg]form{}, fixed: map[ir.Reg]bool{}, done: e.name("done"), exits: exits, copies: 1}
		e.simdgroup(b, full)
		exits = e.variant.exits
		e.variant = variant{}
	}
	if masked {
		e.open("if (straight && count == 32 && alive_[s] == ~0u)")
		write(true, true)
		e.close()
		e.open("else if (straight && count == 32)")
		write(true, false)
		e.close()
	} else {
		e.open("if (straight && count == 32)")
		write(true, true)
		e.close()
	}
	e.open("else")
	write(false, false)
	e.close()
	keep := ""
	if masked { // a simdgroup whose threads all returned did not get to the end
		e.line("left |= alive_[s];")
		keep = "if (alive_[s]) "
	}
	for _, r := range assigned {
		e.line("%se%d = u%d;", keep, r, r)
	}
	e.close()
	for _, r := range assigned {
		e.line("u%d = e%d;", r, r)
	}
	for i, label := range exits {
		e.line("if (go == %d) goto %s;", i+1, label)
	}
	if masked {
		e.line("if (!left) goto group_end;")
	}
	e.close()
}

// simdgroup writes a region for simdgroup s. full: all lanes are active.
func (e *emitter) simdgroup(b *ir.Block, full bool) {
	if !e.line_ {
		e.line("ALIGNED uint32_t lx[32], ly[32], lz[32];")
		e.line("for (int l = 0; l < 32; ++l) { const uint32_t t = s * 32 + l; lx[l] = t %% tx; ly[l] = t / tx %% ty; lz[l] = t / tx / ty; }")
	}
	if e.line_ {
		e.Facts = e.inLine
		defer func() { e.Facts = e.group }()
	}
	switch {
	case e.barriers && e.group.Returns:
		e.line("uint32_t alive = alive_[s];")
	case e.line_:
		e.line("uint32_t alive = ~0u;")
	default:
		e.line("uint32_t alive = count == 32 ? ~0u : (1u << count) - 1;")
	}
	e.line("(void)alive;")
	if !full {
		e.mask = "alive"
	}
	e.affine = e.strides(e.line_)
	touched := e.declare(b)
	e.block(b)
	e.flush()
	e.line("%s:;", e.done)
	e.keep(touched)
	if e.barriers && e.group.Returns {
		e.line("alive_[s] = alive;")
	}
}

// declare makes the registers of a region known that are not its own
// temporaries, and returns those that cross regions and are assigned in it.
func (e *emitter) declare(b *ir.Block) []ir.Reg {
	var touched []ir.Reg
	seen := map[ir.Reg]bool{}
	assigned := map[ir.Reg]bool{}
	walk(b, func(s ir.Stmt) {
		if in, ok := s.(*ir.Instr); ok {
			for _, d := range in.Dst {
				assigned[d] = true
			}
		}
	})
	visit := func(r ir.Reg) {
		if seen[r] || !e.group.Varying[r] {
			return
		}
		seen[r] = true
		info := e.f.Regs[r]
		if info.Kind != ir.VarReg && info.Kind != ir.TempReg {
			return
		}
		t := backend.RegisterType(info.Type)
		known, isLinear := e.affine[r]
		switch {
		case !e.Varying[r] && e.cross[r]:
			e.line("%s u%d = ((%s *)((char *)scratch + %d))[s];", t, r, t, e.layout(r).base)
			if assigned[r] {
				touched = append(touched, r)
			}
		case !e.Varying[r]:
			e.line("%s u%d = 0;", t, r)
		case e.cross[r]:
			at := e.layout(r)
			if isLinear {
				e.line("%s a%d = ((%s *)((char *)scratch + %d))[s];", t, r, t, at.base)
				e.forms[r] = form{kind: linear, text: fmt.Sprintf("a%d", r), k: known.k, fits: known.fits, even: known.even}
			} else {
				e.line("%s *const v%d = (%s *)((char *)scratch + %d) + s * 32;", t, r, t, at.array)
				e.forms[r] = form{kind: inArray, text: fmt.Sprintf("v%d", r)}
			}
			if assigned[r] && isLinear {
				touched = append(touched, r)
			}
		case info.Kind == ir.TempReg:
		case isLinear:
			e.line("%s a%d = 0;", t, r)
			e.forms[r] = form{kind: linear, text: fmt.Sprintf("a%d", r), k: known.k, fits: known.fits, even: known.even}
		default:
			e.line("ALIGNED %s v%d[32];", t, r)
			e.line("for (int l = 0; l < 32; ++l) v%d[l] = 0;", r)
			e.forms[r] = form{kind: inArray, text: fmt.Sprintf("v%d", r)}
		}
	}
	arrays := map[int]bool{}
	walk(b, func(s ir.Stmt) {
		operands(s, visit)
		in, ok := s.(*ir.Instr)
		if !ok {
			return
		}
		for _, d := range in.Dst {
			visit(d)
		}
		if e.privateArray(in) != nil {
			if i := e.f.Regs[in.Addr.Base].Index; !arrays[i] {
				arrays[i] = true
				e.declareArray(i)
			}
		}
	})
	return touched
}

func (e *emitter) layout(r ir.Reg) *layout {
	at := e.layouts[r]
	if at == nil {
		size := backend.RegisterSize(e.f.Regs[r].Type)
		at = &layout{array: e.room(size * lanes * maxChunks), base: e.room(size * maxChunks)}
		e.layouts[r] = at
	}
	return at
}

// keep stores what later regions need of a simdgroup's linear and uniform
// registers.
func (e *emitter) keep(touched []ir.Reg) {
	for _, r := range touched {
		t, name := backend.RegisterType(e.f.Regs[r].Type), "a"
		if !e.Varying[r] {
			name = "u"
		}
		e.line("((%s *)((char *)scratch + %d))[s] = %s%d;", t, e.layout(r).base, name, r)
	}
}
