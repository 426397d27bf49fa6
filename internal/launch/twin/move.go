package twin

// This file implements kernels whose functions give neighbours of what they
// should: the same ir with a few instructions after each function.

import (
	"context"
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// Steps says how many floats lie at most between two devices' results of a
// function of float32: the column "interpreter" of docs/numerics.md. Functions
// that are not listed are rounded once and the same everywhere.
var Steps = map[ir.Op]int{
	ir.Exp: 1, ir.Exp2: 1, ir.Exp10: 1, ir.Expm1: 1,
	ir.Log: 1, ir.Log2: 1, ir.Log10: 0, ir.Log1p: 1,
	ir.Sin: 2, ir.Cos: 2, ir.Tan: 1, ir.SinPi: 2, ir.CosPi: 2, ir.TanPi: 1,
	ir.Asin: 1, ir.Acos: 1, ir.Atan: 2, ir.Atan2: 1,
	ir.Sinh: 2, ir.Cosh: 1, ir.Tanh: 1, ir.Asinh: 0, ir.Acosh: 0, ir.Atanh: 0,
	ir.Erf: 1, ir.Erfinv: 2, ir.Lgamma: 0, ir.Pow: 1,
}

// doubleSteps is the same for float64: two libraries of C and Go. That of Go
// computes powers by squaring, and each time the error doubles: it is about as
// many units as the exponent is large.
const (
	doubleSteps    = 64
	doublePowSteps = 1 << 20
)

func isFunction(in *ir.Instr) bool {
	_, ok := Steps[in.Op]
	return ok
}

// steps returns by how much a function's result is moved: by one at least,
// since where the documented distance is 0 it was only never met.
func steps(in *ir.Instr) int {
	switch {
	case in.Type == ir.F64 && in.Op == ir.Pow:
		return doublePowSteps
	case in.Type == ir.F64:
		return doubleSteps
	}
	return max(Steps[in.Op], 1)
}

// hasFunctions reports whether a kernel has functions that devices compute on
// their own.
func hasFunctions(fn *ir.Func) bool {
	return !fn.Body.Instrs(func(in *ir.Instr) bool { return !isFunction(in) })
}

// plain reports whether the results of a kernel's functions are what it stores:
// nothing computes with them.
func plain(fn *ir.Func) bool {
	result := make([]bool, len(fn.Regs))
	for changed := true; changed; {
		changed = false
		fn.Body.Instrs(func(in *ir.Instr) bool {
			passed := in.Op == ir.Mov || in.Op == ir.Convert && in.Type.IsFloat() || in.Op == ir.Select
			from := isFunction(in)
			for _, a := range in.Args {
				from = from || passed && result[a]
			}
			for _, d := range in.Dst {
				if from && !result[d] {
					result[d], changed = true, true
				}
			}
			return true
		})
	}
	return fn.Body.Instrs(func(in *ir.Instr) bool {
		switch in.Op {
		case ir.Mov, ir.Convert, ir.Store:
			return true
		case ir.Select:
			return !result[in.Args[0]]
		}
		for _, a := range in.Args {
			if result[a] {
				return false
			}
		}
		return true
	})
}

// Ways to move: all results up, all down, and each by a hash of its bits. There
// are few elements that it takes many ways to reach.
const (
	up       = 0
	down     = 1
	fewWays  = 8
	mostWays = 64
)

// move returns the reference's program with functions moved in a way, compiled
// once.
func (p *program) move(way int) (launch.Program, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.moved); n <= way; n++ {
		fn, err := ir.Parse(p.fn.Name, ir.Print(p.fn))
		if err != nil {
			return nil, fmt.Errorf("twin: the text of kernel %s: %w", p.fn.Name, err)
		}
		m := mover{fn: fn, way: n}
		m.block(&fn.Body)
		ir.Analyze(fn)
		made, err := p.dev.Reference.Compile(context.Background(), fn, launch.Options{})
		if err != nil {
			return nil, fmt.Errorf("twin: kernel %s with moved functions: %w", p.fn.Name, err)
		}
		p.moved = append(p.moved, made)
	}
	return p.moved[way], nil
}

type mover struct {
	fn  *ir.Func
	way int
	out []ir.Stmt
}

func (m *mover) block(b *ir.Block) {
	var out []ir.Stmt
	for _, s := range b.Stmts {
		out = append(out, s)
		switch s := s.(type) {
		case *ir.Instr:
			if isFunction(s) {
				m.out = nil
				m.after(s)
				out = append(out, m.out...)
			}
		case *ir.If:
			m.block(&s.Then)
			m.block(&s.Else)
		case *ir.Loop:
			m.block(&s.Head)
			m.block(&s.Body)
			m.block(&s.Step)
		case *ir.Scope:
			m.block(&s.Body)
		}
	}
	b.Stmts = out
}

func (m *mover) reg(t ir.Type, kind ir.RegKind, bits uint64) ir.Reg {
	m.fn.Regs = append(m.fn.Regs, ir.RegInfo{Type: t, Kind: kind, Bits: bits})
	return ir.Reg(len(m.fn.Regs) - 1)
}

// do appends an instruction and returns its result, of type result.
func (m *mover) do(op ir.Op, t, from, result ir.Type, args ...ir.Reg) ir.Reg {
	d := m.reg(result, ir.TempReg, 0)
	m.out = append(m.out, &ir.Instr{Op: op, Type: t, From: from, Dst: []ir.Reg{d}, Args: args, Addr: ir.Addr{Base: ir.NoReg, Index: ir.NoReg}})
	return d
}

// after moves the result of a function, unless it is 0, infinite or NaN.
func (m *mover) after(in *ir.Instr) {
	t := in.Type
	dst := in.Dst[0]
	y := m.reg(t, ir.TempReg, 0)
	in.Dst[0] = y
	word, bits := ir.U32, ir.U32
	switch t {
	case ir.F16, ir.BF16:
		bits = ir.U16
	case ir.F64:
		word, bits = ir.U64, ir.U64
	}
	u := m.do(ir.Bitcast, bits, t, bits, y)
	if bits != word {
		u = m.do(ir.Convert, word, bits, word, u)
	}
	n := uint64(steps(in))
	if bits == ir.U16 {
		n = 1
	}
	width := uint64(8 * word.Size())
	switch by := m.reg(word, ir.ConstReg, n); m.way {
	case up:
		u = m.do(ir.Add, word, 0, word, u, by)
	case down:
		u = m.do(ir.Sub, word, 0, word, u, by)
	default:
		factor := uint64(0x9e3779b97f4a7c15) + uint64(m.way)*0x2545f4914f6cdd1e
		if word == ir.U32 {
			factor = factor>>32 | 1
		}
		h := m.do(ir.Mul, word, 0, word, u, m.reg(word, ir.ConstReg, factor))
		h = m.do(ir.Shr, word, 0, word, h, m.reg(word, ir.ConstReg, width/2))
		h = m.do(ir.Rem, word, 0, word, h, m.reg(word, ir.ConstReg, 2*n+1))
		u = m.do(ir.Sub, word, 0, word, m.do(ir.Add, word, 0, word, u, h), by)
	}
	if bits != word {
		u = m.do(ir.Convert, bits, word, bits, u)
	}
	z := m.do(ir.Bitcast, t, bits, t, u)
	ok := m.do(ir.IsFinite, t, 0, ir.Bool, y)
	ok = m.do(ir.And, ir.Bool, 0, ir.Bool, ok, m.do(ir.Ne, t, 0, ir.Bool, y, m.reg(t, ir.ConstReg, 0)))
	ok = m.do(ir.And, ir.Bool, 0, ir.Bool, ok, m.do(ir.Eq, t, 0, ir.Bool, z, z))
	m.out = append(m.out, &ir.Instr{Op: ir.Select, Type: t, Dst: []ir.Reg{dst}, Args: []ir.Reg{ok, z, y}, Addr: ir.Addr{Base: ir.NoReg, Index: ir.NoReg}})
}
