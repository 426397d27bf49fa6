package cudasim

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

var firstSeed = flag.Uint64("flowfrom", 0, "the first seed of TestRandomFlow")

// A generator writes random control flow with functions of simdgroups
// anywhere in it. Each thread keeps a hash of all that it has seen.
type generator struct {
	*ir.Builder
	*rand.Rand
	vars    []ir.Reg // U32
	hash    ir.Reg
	out     ir.Reg
	gid     ir.Reg
	group   ir.Reg // the same in a threadgroup
	loops   []*ir.Loop
	scopes  []*ir.Scope
	left    int
	inHead  bool
	uniform bool // all threads that have not returned are here
}

func (g *generator) pick() ir.Reg { return g.vars[g.IntN(len(g.vars))] }

// cond is true in some lanes, or in all or none of a threadgroup.
func (g *generator) cond() (c ir.Reg, uniform bool) {
	if g.IntN(4) == 0 {
		return g.Compare(ir.Eq, g.Binary(ir.And, g.group, g.ConstU32(3)), g.ConstU32(uint32(g.IntN(4)))), true
	}
	mask := []uint32{1, 3, 7, 31}[g.IntN(4)]
	return g.Compare([]ir.Op{ir.Lt, ir.Ne, ir.Ge}[g.IntN(3)], g.Binary(ir.And, g.pick(), g.ConstU32(mask)), g.ConstU32(uint32(g.IntN(int(mask)+1)))), false
}

// see mixes a value into the hash.
func (g *generator) see(v ir.Reg) {
	h := g.Binary(ir.Xor, g.Binary(ir.Mul, g.hash, g.ConstU32(0x01000193)), v)
	g.Set(g.hash, g.Binary(ir.Xor, h, g.Binary(ir.Shr, h, g.ConstU32(13))))
}

func (g *generator) function() {
	width := int64(32)
	if g.IntN(4) == 0 {
		width = 4
	}
	x := g.pick()
	switch g.IntN(7) {
	case 0:
		m := g.Temp(ir.U64)
		g.Emit(ir.Instr{Op: ir.SimdActive, Type: ir.U64, Dst: []ir.Reg{m}, Imm: width})
		g.see(g.Convert(ir.U32, m))
		return
	case 1:
		f := g.Convert(ir.F32, g.Binary(ir.And, x, g.ConstU32(0xffff)))
		op := []ir.Op{ir.SimdSum, ir.SimdMax, ir.SimdPrefixSum, ir.SimdPrefixExSum, ir.SimdPrefixProduct}[g.IntN(5)]
		g.see(g.Bitcast(ir.U32, g.Simd(op, width, g.Binary(ir.Div, f, g.ConstF32(4095)))))
		return
	case 2:
		op := []ir.Op{ir.SimdShuffle, ir.SimdShuffleUp, ir.SimdShuffleDown, ir.SimdShuffleXor, ir.SimdRotateUp, ir.SimdRotateDown, ir.SimdBroadcast}[g.IntN(7)]
		g.Set(g.pick(), g.Simd(op, width, x, g.ConstU32(uint32(g.IntN(int(width)+2)))))
		return
	case 3:
		g.Set(g.pick(), g.Simd(ir.SimdFillUp+ir.Op(g.IntN(2)), width, x, g.pick(), g.ConstU32(uint32(g.IntN(int(width)+2))), g.ConstU32(uint32(g.IntN(int(width)+2)))))
		return
	}
	op := []ir.Op{ir.SimdSum, ir.SimdProduct, ir.SimdMin, ir.SimdMax, ir.SimdAnd, ir.SimdOr, ir.SimdXor, ir.SimdPrefixSum, ir.SimdPrefixExSum, ir.SimdPrefixExProduct, ir.SimdBroadcastFirst}[g.IntN(11)]
	g.see(g.Simd(op, width, x))
}

func (g *generator) statement(depth int) {
	if g.left--; g.left < 0 || g.Dead() {
		return
	}
	n := g.IntN(20)
	switch {
	case n < 5:
		g.function()
	case n < 8 || depth == 0 && n < 17:
		v := g.pick()
		g.Set(v, g.Binary([]ir.Op{ir.Add, ir.Xor, ir.Mul}[g.IntN(3)], v, g.Binary(ir.Add, g.pick(), g.ConstU32(uint32(g.IntN(50))))))
	case n < 9:
		g.Store(ir.U32, ir.AtIndex(g.out, g.gid, 4, 0), g.hash)
	case n < 13:
		c, uniform := g.cond()
		before := g.uniform
		g.uniform = before && uniform
		g.If(c, func() { g.statements(depth - 1) }, func() {
			if g.IntN(2) == 0 {
				g.statements(depth - 1)
			}
		})
		g.uniform = before
	case n < 15 && len(g.loops) < 3:
		turns := g.Var(ir.U32, "turns")
		g.Set(turns, g.ConstU32(0))
		bound := g.Copy(g.Binary(ir.And, g.pick(), g.ConstU32(3)))
		g.Loop(func(l *ir.Loop) ir.Reg {
			g.inHead = true
			g.statement(0)
			g.inHead = false
			return g.Compare(ir.Lt, turns, bound)
		}, func(l *ir.Loop) {
			g.loops = append(g.loops, l)
			g.statements(depth - 1)
			g.loops = g.loops[:len(g.loops)-1]
		}, func(l *ir.Loop) {
			g.inHead = true
			g.statement(0)
			g.inHead = false
			g.Set(turns, g.Binary(ir.Add, turns, g.ConstU32(1)))
		})
	case n < 17:
		g.Scope("scope", func(s *ir.Scope) {
			g.scopes = append(g.scopes, s)
			g.statements(depth - 1)
			g.scopes = g.scopes[:len(g.scopes)-1]
		})
	case g.inHead:
		g.function()
	case n == 17 && g.uniform && len(g.loops) == 0 && len(g.scopes) == 0:
		g.Barrier(g.IntN(2) == 0)
	default:
		leave := func() {
			if g.IntN(3) == 0 {
				g.function()
			}
			switch k := g.IntN(7); {
			case k < 2 && len(g.loops) > 0:
				g.Break(g.loops[g.IntN(len(g.loops))])
			case k < 4 && len(g.loops) > 0:
				g.Continue(g.loops[g.IntN(len(g.loops))])
			case k < 6 && len(g.scopes) > 0:
				g.Leave(g.scopes[g.IntN(len(g.scopes))])
			case k == 6:
				g.Store(ir.U32, ir.AtIndex(g.out, g.gid, 4, 0), g.hash)
				g.Return()
			}
		}
		c, _ := g.cond()
		g.If(c, leave, nil)
	}
}

func (g *generator) statements(depth int) {
	for range 1 + g.IntN(4) {
		g.statement(depth)
	}
}

func generate(seed uint64) *ir.Func {
	g := &generator{Builder: ir.NewBuilder("flow"), Rand: rand.New(rand.NewPCG(seed, 7)), left: 50, uniform: true}
	in := g.Param(ir.Param{Name: "in", Elem: ir.U32, Lanes: 1, Space: ir.Device})
	g.out = g.Param(ir.Param{Name: "out", Elem: ir.U32, Lanes: 1, Space: ir.Device, Output: true})
	x, y, z := g.Special(ir.ThreadPositionInGrid), g.Special(ir.ThreadPositionInGrid+1), g.Special(ir.ThreadPositionInGrid+2)
	wide, high := g.Special(ir.ThreadsPerGrid), g.Special(ir.ThreadsPerGrid+1)
	g.gid = g.Binary(ir.Add, g.Binary(ir.Mul, g.Binary(ir.Add, g.Binary(ir.Mul, z, high), y), wide), x)
	g.group = g.Special(ir.ThreadgroupPositionInGrid)
	g.hash = g.Var(ir.U32, "hash")
	g.Set(g.hash, g.ConstU32(0x811c9dc5))
	for range 3 {
		v := g.Var(ir.U32, "v")
		g.Set(v, g.Binary(ir.Add, g.Load(ir.U32, ir.AtIndex(in, g.gid, 4, 0)), g.ConstU32(uint32(g.IntN(100)))))
		g.vars = append(g.vars, v)
	}
	for range 6 {
		g.statements(4)
	}
	if !g.Dead() {
		for _, v := range g.vars {
			g.see(v)
		}
		g.Store(ir.U32, ir.AtIndex(g.out, g.gid, 4, 0), g.hash)
	}
	return g.Finish()
}

// Whatever lanes do, functions of simdgroups see those that are active.
func TestRandomFlow(t *testing.T) {
	dev, err := Open(interp.New())
	if errors.Is(err, ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	programs := uint64(60)
	if testing.Short() {
		programs = 8
	}
	ran := 0
	for seed := range programs {
		seed += *firstSeed
		fn := generate(seed)
		if err := ir.Verify(fn); err != nil {
			t.Fatalf("seed %d: the generator wrote a wrong program: %v", seed, err)
		}
		p, err := dev.Compile(context.Background(), fn, launch.Options{})
		if errors.Is(err, cudac.ErrUnsupported) {
			continue
		}
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		ran++
		q, err := interp.New().Compile(context.Background(), fn, launch.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(seed, 8))
		for _, shape := range [][2][3]int{{{150, 1, 1}, {64, 1, 1}}, {{45, 3, 2}, {10, 2, 2}}, {{200, 1, 1}, {199, 1, 1}}} {
			n := shape[0][0] * shape[0][1] * shape[0][2]
			in := make([]byte, 4*n)
			for i := range in {
				in[i] = byte(rng.Uint32())
			}
			got, want := run(t, dev, p, in, shape, seed), run(t, dev, q, in, shape, seed)
			if !bytes.Equal(got, want) {
				for i := range n {
					if !bytes.Equal(got[4*i:4*i+4], want[4*i:4*i+4]) {
						t.Fatalf("seed %d: grid %v, threadgroup %v: thread %d has %x, not %x\n%s\n%s", seed, shape[0], shape[1], i, got[4*i:4*i+4], want[4*i:4*i+4], ir.Print(fn), p.(*program).text)
					}
				}
			}
		}
	}
	t.Logf("%d of %d programs ran, the others have barriers that not all threads reach", ran, programs)
}

func run(t *testing.T, dev launch.Device, p launch.Program, in []byte, shape [2][3]int, seed uint64) []byte {
	t.Helper()
	var args []launch.Arg
	for i := range 2 {
		b, err := dev.Alloc(len(in))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Free()
		if i == 0 {
			err = b.Upload(0, in)
		}
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, launch.Arg{Buffer: b, Hi: len(in)})
	}
	if err := p.Run(context.Background(), launch.Launch{Args: args, Grid: shape[0], Group: shape[1]}); err != nil {
		t.Fatalf("seed %d: grid %v, threadgroup %v: %v", seed, shape[0], shape[1], err)
	}
	out := make([]byte, len(in))
	if err := args[1].Buffer.Download(0, out); err != nil {
		t.Fatal(err)
	}
	return out
}
