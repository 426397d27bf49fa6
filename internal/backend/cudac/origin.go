package cudac

// This file implements what is known of pointers: where they point into, and
// how their addresses are aligned.

import (
	"math/bits"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// An origin is what a pointer points into: a parameter or an allocation.
type origin struct {
	kind  originKind
	index int
}

type originKind uint8

const (
	nothing originKind = iota // no value yet
	param
	alloc
	anything
)

// findOrigins finds the origins of all pointers, and which parameters the
// kernel writes to.
func (e *emitter) findOrigins() {
	e.origins = make([]origin, len(e.f.Regs))
	for i, r := range e.f.Regs {
		switch {
		case r.Kind == ir.ParamReg:
			e.origins[i] = origin{param, r.Index}
		case r.Kind == ir.AllocReg:
			e.origins[i] = origin{alloc, r.Index}
		}
	}
	for changed := true; changed; {
		changed = false
		join := func(d ir.Reg, from origin) {
			if from.kind == nothing || from == e.origins[d] || e.origins[d].kind == anything {
				return
			}
			if e.origins[d].kind != nothing {
				from = origin{kind: anything}
			}
			e.origins[d] = from
			changed = true
		}
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				if e.f.Regs[d].Type != ir.Ptr {
					continue
				}
				switch in.Op {
				case ir.PtrAdd:
					join(d, e.origins[in.Addr.Base])
				case ir.Load:
					join(d, origin{kind: anything})
				default:
					for _, a := range in.Args {
						if e.f.Regs[a].Type == ir.Ptr {
							join(d, e.origins[a])
						}
					}
				}
			}
			return true
		})
	}
	e.written, e.ints = map[int]bool{}, map[origin]bool{}
	e.f.Body.Instrs(func(in *ir.Instr) bool {
		if in.Op != ir.Store && !in.Op.IsAtomic() {
			return true
		}
		o := e.origins[in.Addr.Base]
		if in.Type.IsInt() || in.Type == ir.Bool {
			e.ints[o] = true
		}
		switch {
		case o.kind == param:
			e.written[o.index] = true
		case o.kind != alloc:
			e.wild = true
		}
		return true
	})
}

// holdsInts reports whether the kernel may have stored integers or bools where a
// pointer points to, other than such that compilers cannot know anything about.
func (e *emitter) holdsInts(r ir.Reg) bool {
	switch o := e.origins[r]; {
	case o.kind == anything:
		return len(e.ints) > 0
	case o.kind == alloc && e.wordAllocs[o.index]:
		return false
	default:
		return e.ints[o] || e.ints[origin{kind: anything}]
	}
}

// readOnly reports whether no one writes to what a pointer points to while the
// kernel runs: outputs of a launch share no memory with its inputs.
func (e *emitter) readOnly(r ir.Reg) bool {
	o := e.origins[r]
	return o.kind == param && !e.wild && !e.written[o.index] && !e.f.Params[o.index].Output
}

// space is the address space that a pointer is known to point into.
func (e *emitter) space(r ir.Reg) ir.Space {
	if o := e.origins[r]; o.kind == alloc {
		return e.f.Allocs[o.index].Space
	}
	return e.f.Regs[r].Space
}

// Parameters are as if aligned to blockAlign, and allocations are.
const (
	blockAlign = 16
	maxSteps   = 32 // bounds how far definitions are followed
)

// definitions maps temporaries to the instructions that assign them.
func (e *emitter) definitions() map[ir.Reg]*ir.Instr {
	if e.defs == nil {
		e.defs = map[ir.Reg]*ir.Instr{}
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				if e.f.Regs[d].Kind == ir.TempReg {
					e.defs[d] = in
				}
			}
			return true
		})
	}
	return e.defs
}

// aligned returns a power of two, at most 16, that divides an address if it
// divides those of all parameters. sure says that the address has to do with
// no parameter.
func (e *emitter) aligned(a ir.Addr, steps int) (align int64, sure bool) {
	align = divisor(uint64(a.Off))
	if a.Index != ir.NoReg {
		align = min(align, divisor(uint64(a.Scale))*e.factor(a.Index, steps))
	}
	align = min(align, blockAlign)
	switch info := e.f.Regs[a.Base]; {
	case info.Kind == ir.AllocReg:
		return align, true
	case info.Kind == ir.ParamReg:
		return align, false
	case info.Kind == ir.TempReg && steps > 0:
		if def := e.definitions()[a.Base]; def != nil && def.Op == ir.PtrAdd {
			under, sure := e.aligned(def.Addr, steps-1)
			return min(align, under), sure
		}
	}
	return 1, false
}

// factor returns a power of two, at most 16, that divides an index.
func (e *emitter) factor(r ir.Reg, steps int) int64 {
	info := e.f.Regs[r]
	switch info.Kind {
	case ir.ConstReg:
		return divisor(info.Bits)
	case ir.VarReg:
		return e.variables()[r]
	}
	def := e.definitions()[r]
	if info.Kind != ir.TempReg || def == nil || steps == 0 {
		return 1
	}
	return e.divides(def, steps)
}

// variables maps variables of integers to a power of two that divides all their
// values. Each is taken for 16 until an assignment says otherwise.
func (e *emitter) variables() map[ir.Reg]int64 {
	if e.factors != nil {
		return e.factors
	}
	e.factors = map[ir.Reg]int64{}
	for i, r := range e.f.Regs {
		if r.Kind == ir.VarReg {
			e.factors[ir.Reg(i)] = blockAlign
		}
	}
	for changed := true; changed; {
		changed = false
		e.f.Body.Instrs(func(in *ir.Instr) bool {
			for _, d := range in.Dst {
				old, ok := e.factors[d]
				if !ok || old == 1 {
					continue
				}
				now := int64(1)
				if e.f.Regs[d].Type.IsInt() && len(in.Dst) == 1 {
					now = e.divides(in, maxSteps)
				}
				if now < old {
					e.factors[d], changed = now, true
				}
			}
			return true
		})
	}
	return e.factors
}

// divides returns a power of two, at most 16, that divides what an instruction
// computes.
func (e *emitter) divides(def *ir.Instr, steps int) int64 {
	of := func(i int) int64 { return e.factor(def.Args[i], steps-1) }
	switch def.Op {
	case ir.Mov:
		return of(0)
	case ir.Select:
		return min(of(1), of(2))
	case ir.Convert: // between integers the low bits stay
		if def.From.IsInt() {
			return of(0)
		}
	case ir.Add, ir.Sub:
		return min(of(0), of(1))
	case ir.Mul:
		return min(of(0)*of(1), blockAlign)
	case ir.Shl:
		if n := e.f.Regs[def.Args[1]]; n.Kind == ir.ConstReg && n.Bits < 5 {
			return min(of(0)<<n.Bits, blockAlign)
		}
	}
	return 1
}

// divisor is the greatest power of two, at most 16, that divides v.
func divisor(v uint64) int64 {
	return 1 << min(bits.TrailingZeros64(v), bits.TrailingZeros64(blockAlign))
}
