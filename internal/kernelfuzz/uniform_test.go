package kernelfuzz

// This file implements a device that tests what backends take for the same in
// all lanes of a simdgroup, and short loops that are written out: the
// interpreter runs such kernels, and looks at the values.

import (
	"context"
	"errors"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func init() {
	devices = append(devices, kindOfDevice{"uniform", func() (launch.Device, error) { return watcher{interp.New()}, nil }, 3, nil})
}

var errApart = errors.New("lanes of a simdgroup differ in what is taken for the same")

// A watcher runs kernels with short loops written out, and looks at registers
// that do not vary in simdgroups in line: where they are assigned, and variables
// where they are used.
type watcher struct{ launch.Device }

func (w watcher) Name() string { return "uniform" }

func (w watcher) Compile(ctx context.Context, f *ir.Func, o launch.Options) (launch.Program, error) {
	f = opt.Unroll(f)
	v := &watching{f: f, facts: backend.AnalyzeLine(f), apart: ir.Reg(len(f.Regs))}
	f.Params = append(slices.Clone(f.Params), ir.Param{Name: "apart", Elem: ir.U32, Lanes: 1, Space: ir.Device, Output: true})
	f.Regs = append(f.Regs, ir.RegInfo{Type: ir.Ptr, Kind: ir.ParamReg, Space: ir.Device, Index: len(f.Params) - 1},
		ir.RegInfo{Type: ir.U32, Kind: ir.ConstReg, Bits: 1})
	v.block(&f.Body)
	ir.Analyze(f)
	if err := ir.Verify(f); err != nil {
		return nil, err
	}
	p, err := w.Device.Compile(ctx, f, o)
	if err != nil {
		return nil, err
	}
	return watched{p, w.Device}, nil
}

type watched struct {
	launch.Program
	dev launch.Device
}

func (p watched) Run(ctx context.Context, l launch.Launch) error {
	b, err := p.dev.Alloc(4)
	if err != nil {
		return err
	}
	defer b.Free()
	clear(b.Host())
	l.Args = append(slices.Clone(l.Args), launch.Arg{Buffer: b, Hi: 4})
	if err := p.Program.Run(ctx, l); err != nil {
		return err
	}
	if b.Host()[0] != 0 && l.Group[0]%32 == 0 && l.Grid[0]%32 == 0 {
		return errApart
	}
	return nil
}

// watching puts tests into a kernel.
type watching struct {
	f     *ir.Func
	facts *backend.Facts
	apart ir.Reg // the parameter; the next register is 1
}

func (w *watching) block(b *ir.Block) {
	var out []ir.Stmt
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			for _, r := range s.Args {
				out = w.used(out, r)
			}
			if s.Op.UsesAddr() {
				out = w.used(w.used(out, s.Addr.Base), s.Addr.Index)
			}
			out = append(out, s)
			for _, r := range s.Dst {
				out = w.test(out, r)
			}
			continue
		case *ir.If:
			out = w.used(out, s.Cond)
			w.block(&s.Then)
			w.block(&s.Else)
		case *ir.Loop:
			w.block(&s.Head)
			s.Head.Stmts = w.used(s.Head.Stmts, s.Cond)
			w.block(&s.Body)
			w.block(&s.Step)
		case *ir.Scope:
			w.block(&s.Body)
		}
		out = append(out, s)
	}
	b.Stmts = out
}

func (w *watching) used(to []ir.Stmt, r ir.Reg) []ir.Stmt {
	if r == ir.NoReg || w.f.Regs[r].Kind != ir.VarReg {
		return to
	}
	return w.test(to, r)
}

// test appends a test that a register is the same in all lanes.
func (w *watching) test(to []ir.Stmt, r ir.Reg) []ir.Stmt {
	t := w.f.Regs[r].Type
	if w.facts.Varying[r] || t == ir.Ptr {
		return to
	}
	add := func(op ir.Op, result ir.Type, args ...ir.Reg) ir.Reg {
		d := ir.Reg(len(w.f.Regs))
		w.f.Regs = append(w.f.Regs, ir.RegInfo{Type: result, Kind: ir.TempReg})
		in := &ir.Instr{Op: op, Type: w.f.Regs[args[0]].Type, Dst: []ir.Reg{d}, Args: args}
		if op == ir.SimdBroadcastFirst {
			in.Imm = 32
		}
		to = append(to, in)
		return d
	}
	differs := add(ir.Ne, ir.Bool, r, add(ir.SimdBroadcastFirst, t, r))
	if t.IsFloat() {
		differs = add(ir.And, ir.Bool, differs, add(ir.Not, ir.Bool, add(ir.IsNan, ir.Bool, r)))
	}
	store := &ir.Instr{Op: ir.AtomicStore, Type: ir.U32, Args: []ir.Reg{w.apart + 1}, Addr: ir.Addr{Base: w.apart, Index: ir.NoReg}}
	return append(to, &ir.If{Cond: differs, Then: ir.Block{Stmts: []ir.Stmt{store}}})
}
