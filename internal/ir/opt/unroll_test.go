package opt_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
)

// short builds a kernel of short loops, left early at times, around a thread
// array.
func short(seed uint64) *ir.Func {
	r := rand.New(rand.NewPCG(seed, 7))
	b := ir.NewBuilder("short")
	out := b.Param(ir.Param{Name: "out", Elem: ir.U32, Lanes: 1, Space: ir.Device, Output: true})
	a := b.Alloc(ir.Alloc{Name: "a", Space: ir.Thread, Size: 32, Align: 4, Elem: ir.U32})
	known := r.IntN(2) == 0 // the array is only used at places known
	vars := []ir.Reg{b.ConstU32(1), b.ConstU32(5)}
	for range 3 {
		v := b.Var(ir.U32, "v")
		b.Set(v, b.Load(ir.U32, ir.At(out, int64(4*len(vars)))))
		vars = append(vars, v)
	}
	for i := range int64(8) {
		b.Store(ir.U32, ir.At(a, 4*i), vars[r.IntN(len(vars))])
	}
	flag := b.Var(ir.Bool, "flag")
	b.Set(flag, b.ConstBool(false))
	var block func(vals []ir.Reg, counter ir.Reg, depth int, loop *ir.Loop)
	block = func(vals []ir.Reg, counter ir.Reg, depth int, loop *ir.Loop) {
		pick := func() ir.Reg { return vals[r.IntN(len(vals))] }
		place := func() ir.Addr {
			p := ir.At(a, int64(4*r.IntN(8)))
			if index := pick(); !known {
				p = ir.AtIndex(a, b.Binary(ir.And, index, b.ConstU32(7)), 4, 0)
			} else if counter != ir.NoReg && r.IntN(3) > 0 {
				p = ir.AtIndex(a, counter, 4, 0)
			}
			if r.IntN(2) == 0 {
				p = ir.At(b.PtrAdd(p), 0)
			}
			return p
		}
		for range 2 + r.IntN(6) {
			switch k := r.IntN(13); {
			case k < 1:
				b.Set(flag, b.Compare(ir.Lt, pick(), pick()))
				b.If(flag, func() { b.Set(vars[2+r.IntN(3)], pick()) }, func() {})
			case k < 3:
				vals = append(vals, b.Binary([]ir.Op{ir.Add, ir.Mul, ir.Xor, ir.Sub}[r.IntN(4)], pick(), pick()))
			case k < 5:
				b.Set(vars[2+r.IntN(3)], pick())
			case k < 7:
				b.Store(ir.U32, place(), pick())
			case k < 9:
				vals = append(vals, b.Load(ir.U32, place()))
			case k < 10 && depth < 4:
				b.If(b.Compare(ir.Lt, pick(), pick()), func() { block(vals, counter, depth+1, loop) }, func() { block(vals, counter, depth+1, loop) })
			case k < 11 && loop != nil:
				b.If(b.Compare(ir.Lt, pick(), pick()), func() {
					if r.IntN(2) == 0 {
						b.Continue(loop)
					} else {
						b.Break(loop)
					}
				}, func() {})
			case depth < 3:
				i, turns, step := b.Var(ir.U32, "i"), uint32(r.IntN(8)), uint32(1+r.IntN(2))
				b.Set(i, b.ConstU32(0))
				b.Loop(func(*ir.Loop) ir.Reg {
					if r.IntN(3) == 0 {
						b.Set(vars[2+r.IntN(3)], b.Binary(ir.Mul, b.Load(ir.U32, ir.At(a, int64(4*r.IntN(8)))), b.Binary(ir.Add, pick(), b.ConstU32(2))))
					}
					return b.Compare(ir.Lt, b.Binary(ir.Mul, i, b.ConstU32(3)), b.ConstU32(3*turns))
				},
					func(l *ir.Loop) {
						if r.IntN(3) > 0 {
							l = nil
						}
						block(append(vals[:len(vals):len(vals)], i), i, depth+1, l)
					},
					func(*ir.Loop) { b.Set(i, b.Binary(ir.Add, i, b.ConstU32(step))) })
			}
		}
	}
	block(vars, ir.NoReg, 0, nil)
	for i, v := range vars[2:] {
		b.Store(ir.U32, ir.At(out, int64(4*i)), v)
	}
	for i := range int64(8) {
		b.Store(ir.U32, ir.At(out, 100+4*i), b.Load(ir.U32, ir.At(a, 4*i)))
	}
	return b.Finish()
}

// A walker runs kernels of short for one thread.
type walker struct {
	f       *ir.Func
	machine machine
	thread  map[int64]uint32
	places  map[ir.Reg]int64 // of pointers into the thread array
}

func walk(f *ir.Func) map[int64]uint32 {
	w := &walker{f: f, thread: map[int64]uint32{}, places: map[ir.Reg]int64{}}
	w.machine = machine{regs: make([]uint32, len(f.Regs)), mem: map[int64]uint32{0: 3, 4: 2, 8: 9, 12: 0, 16: 4}}
	for i, r := range f.Regs {
		if r.Kind == ir.ConstReg {
			w.machine.regs[i] = uint32(r.Bits)
		}
	}
	w.block(&f.Body)
	return w.machine.mem
}

// block returns the exit that it ends with, if any.
func (w *walker) block(b *ir.Block) *ir.Exit {
	for _, s := range b.Stmts {
		var exit *ir.Exit
		switch s := s.(type) {
		case *ir.Instr:
			w.instr(s)
		case *ir.If:
			taken := &s.Else
			if w.machine.regs[s.Cond] != 0 {
				taken = &s.Then
			}
			exit = w.block(taken)
		case *ir.Scope:
			if exit = w.block(&s.Body); exit != nil && exit.Target == s {
				exit = nil
			}
		case *ir.Loop:
			for {
				w.block(&s.Head)
				if w.machine.regs[s.Cond] == 0 {
					break
				}
				exit = w.block(&s.Body)
				if exit != nil && (exit.Target != s || exit.Kind == ir.Break) {
					break
				}
				exit = nil
				w.block(&s.Step)
			}
			if exit != nil && exit.Target == s {
				exit = nil
			}
		case *ir.Exit:
			exit = s
		}
		if exit != nil {
			return exit
		}
	}
	return nil
}

func (w *walker) instr(in *ir.Instr) {
	if !in.Op.UsesAddr() || w.f.Regs[in.Addr.Base].Space != ir.Thread {
		w.machine.instr(in)
		return
	}
	at := in.Addr.Off + w.places[in.Addr.Base]
	if in.Addr.Index != ir.NoReg {
		at += int64(w.machine.regs[in.Addr.Index]) * in.Addr.Scale
	}
	switch in.Op {
	case ir.PtrAdd:
		w.places[in.Dst[0]] = at
	case ir.Load:
		w.machine.regs[in.Dst[0]] = w.thread[at]
	case ir.Store:
		w.thread[at] = w.machine.regs[in.Args[0]]
	}
}

func TestUnroll(t *testing.T) {
	loops, left, arrays := 0, 0, 0
	for seed := range uint64(3000) {
		f := short(seed)
		opt.Run(f)
		if err := ir.Verify(f); err != nil {
			t.Fatal(err)
		}
		first, want := ir.Print(f), walk(f)
		g := opt.Unroll(f)
		if err := ir.Verify(g); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, ir.Print(g))
		}
		if now := ir.Print(f); now != first {
			t.Fatalf("seed %d changed:\n%s\n%s", seed, first, now)
		}
		second := ir.Print(g)
		if d := cmp.Diff(want, walk(g)); d != "" {
			t.Fatalf("seed %d: %s\n%s\n%s", seed, d, first, second)
		}
		loops += strings.Count(first, "loop ")
		left += strings.Count(second, "loop ")
		if len(g.Allocs) == 0 {
			arrays++
		}
	}
	if left*2 > loops || arrays < 500 {
		t.Errorf("of %d loops %d are left, and %d arrays became variables", loops, left, arrays)
	}
	t.Logf("of %d loops %d are left, and %d arrays became variables", loops, left, arrays)
}
