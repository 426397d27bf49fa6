package interp

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// A generator writes random structured programs. Every loop counts its turns,
// so every program ends.
type generator struct {
	*kernel
	rng    *rand.Rand
	i32    []ir.Reg // variables
	u32    []ir.Reg
	f32    []ir.Reg
	f16    []ir.Reg
	i64    []ir.Reg
	flags  []ir.Reg
	ptrs   []ir.Reg
	in     ir.Reg
	other  ir.Reg // like in, with other values
	out    ir.Reg
	array  ir.Reg // 8 words of thread memory
	table  ir.Reg // 8 words of constant memory
	mine   ir.Reg // address of this thread's part of out: outWords words
	loops  []*ir.Loop
	scopes []*ir.Scope
	budget int
	inHead bool
}

const outWords = 8

func (g *generator) pick(list []ir.Reg) ir.Reg { return list[g.rng.IntN(len(list))] }

// value returns a register of type t.
func (g *generator) value(t ir.Type) ir.Reg {
	switch t {
	case ir.I32:
		if g.rng.IntN(4) == 0 {
			return g.ConstI32(int32(g.rng.IntN(20) - 10))
		}
		return g.pick(g.i32)
	case ir.U32:
		if g.rng.IntN(4) == 0 {
			return g.ConstU32(uint32(g.rng.IntN(40)))
		}
		return g.pick(g.u32)
	case ir.F32:
		return g.pick(g.f32)
	case ir.F16:
		return g.pick(g.f16)
	case ir.I64:
		return g.pick(g.i64)
	}
	if g.rng.IntN(2) == 0 {
		return g.Compare(ir.Eq+ir.Op(g.rng.IntN(6)), g.value(ir.I32), g.value(ir.I32))
	}
	return g.pick(g.flags)
}

func (g *generator) list(t ir.Type) []ir.Reg {
	return map[ir.Type][]ir.Reg{ir.I32: g.i32, ir.U32: g.u32, ir.F32: g.f32, ir.F16: g.f16, ir.I64: g.i64, ir.Bool: g.flags}[t]
}

// address returns an address in memory that this thread may read, or write.
// One in ten is out of bounds.
func (g *generator) address(write bool) ir.Addr {
	index := g.value(ir.I32)
	if g.rng.IntN(10) > 0 {
		index = g.Binary(ir.And, index, g.ConstI32(7))
	}
	if g.rng.IntN(3) == 0 {
		index = g.Convert([]ir.Type{ir.U32, ir.I64, ir.U64}[g.rng.IntN(3)], index)
	}
	off := int64(0)
	switch {
	case write && g.rng.IntN(3) == 0:
		// Only within this thread's words: others may not be touched.
		if g.TypeOf(index) == ir.I32 {
			index = g.Binary(ir.And, index, g.ConstI32(outWords-1))
			return ir.AtIndex(g.mine, index, 4, 0)
		}
		return ir.At(g.mine, 4*int64(g.rng.IntN(outWords)))
	case write:
		return ir.AtIndex(g.array, index, 4, off)
	}
	switch g.rng.IntN(4) {
	case 0:
		return ir.AtIndex(g.pick(g.ptrs), index, 4, 4*int64(g.rng.IntN(3)-1))
	case 1:
		return ir.AtIndex(g.table, index, 4, 0)
	case 2:
		return ir.AtIndex(g.in, index, 4, off)
	}
	return ir.AtIndex(g.array, index, 4, off)
}

func (g *generator) assign() {
	types := []ir.Type{ir.I32, ir.I32, ir.U32, ir.F32, ir.F16, ir.I64, ir.Bool}
	t := types[g.rng.IntN(len(types))]
	var v ir.Reg
	switch g.rng.IntN(8) {
	case 0:
		v = g.Select(g.value(ir.Bool), g.value(t), g.value(t))
	case 1:
		from := types[g.rng.IntN(len(types))]
		v = g.Convert(t, g.value(from))
	case 2, 3:
		if t == ir.Bool {
			v = g.value(t)
			break
		}
		v = g.Load(t, g.address(false))
	default:
		switch {
		case t == ir.Bool:
			v = g.Binary([]ir.Op{ir.And, ir.Or, ir.Xor}[g.rng.IntN(3)], g.value(t), g.value(t))
		case t.IsFloat():
			v = g.Binary([]ir.Op{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Min, ir.Max}[g.rng.IntN(6)], g.value(t), g.value(t))
		default:
			v = g.Binary([]ir.Op{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Rem, ir.Min, ir.And, ir.Shl, ir.Shr}[g.rng.IntN(9)], g.value(t), g.value(t))
		}
	}
	g.Set(g.pick(g.list(t)), v)
}

func (g *generator) statement(depth int) {
	if g.budget--; g.budget < 0 || g.Dead() {
		return
	}
	switch n := g.rng.IntN(20); {
	case n < 8:
		g.assign()
	case n < 10:
		t := []ir.Type{ir.I32, ir.F32, ir.F16, ir.U8}[g.rng.IntN(4)]
		v := ir.NoReg
		if t == ir.U8 {
			v = g.Convert(ir.U8, g.value(ir.U32))
		} else {
			v = g.value(t)
		}
		g.Store(t, g.address(true), v)
	case n < 11:
		p := g.pick(g.ptrs[1:])
		switch g.rng.IntN(3) {
		case 0:
			g.Set(p, g.PtrAdd(ir.AtIndex(g.pick(g.ptrs), g.Binary(ir.And, g.value(ir.I32), g.ConstI32(3)), 4, -4)))
		case 1:
			g.Set(p, g.Select(g.value(ir.Bool), g.pick(g.ptrs), g.other))
		default:
			g.Set(p, g.in)
		}
	case depth == 0:
		g.assign()
	case n < 15:
		g.If(g.value(ir.Bool), func() { g.statements(depth - 1) }, func() { g.statements(depth - 1) })
	case n < 17 && len(g.loops) < 3:
		turns := g.variable("turns", g.ConstI32(0))
		limit := g.Binary(ir.And, g.value(ir.I32), g.ConstI32(7))
		bound := g.variable("bound", limit)
		g.Loop(func(l *ir.Loop) ir.Reg {
			g.loops = append(g.loops, l)
			g.inHead = true
			g.statements(0)
			g.inHead = false
			return g.Compare(ir.Lt, turns, bound)
		}, func(l *ir.Loop) {
			g.statements(depth - 1)
		}, func(l *ir.Loop) {
			g.inHead = true
			g.statements(0)
			g.inHead = false
			g.Set(turns, g.Binary(ir.Add, turns, g.ConstI32(1)))
		})
		g.loops = g.loops[:len(g.loops)-1]
	case n < 18:
		g.Scope("scope", func(s *ir.Scope) {
			g.scopes = append(g.scopes, s)
			g.statements(depth - 1)
			g.scopes = g.scopes[:len(g.scopes)-1]
		})
	case g.inHead:
		g.assign()
	default:
		leave := func() {
			switch k := g.rng.IntN(7); {
			case k < 2 && len(g.loops) > 0:
				g.Break(g.loops[g.rng.IntN(len(g.loops))])
			case k < 4 && len(g.loops) > 0:
				g.Continue(g.loops[g.rng.IntN(len(g.loops))])
			case k < 6 && len(g.scopes) > 0:
				g.Leave(g.scopes[g.rng.IntN(len(g.scopes))])
			case k == 6:
				g.Return()
			}
		}
		g.If(g.value(ir.Bool), leave, nil)
	}
}

func (g *generator) statements(depth int) {
	for range 1 + g.rng.IntN(4) {
		g.statement(depth)
	}
}

func generate(seed uint64) *ir.Func {
	g := &generator{kernel: newKernel("random"), rng: rand.New(rand.NewPCG(seed, 1)), budget: 60}
	g.in = g.kernel.in("in", ir.I32)
	g.other = g.kernel.in("other", ir.I32)
	g.out = g.kernel.out("out", ir.I32)
	g.array = g.Alloc(ir.Alloc{Name: "array", Space: ir.Thread, Size: 32, Align: 4, Elem: ir.I32})
	g.table = g.Alloc(ir.Alloc{Name: "table", Space: ir.Constant, Size: 32, Align: 4, Elem: ir.I32, Init: pack(ir.I32, samples(ir.I32, 8))})
	g.mine = g.PtrAdd(ir.AtIndex(g.out, g.gid, 4*outWords, 0))
	g.ptrs = append(g.ptrs, g.PtrAdd(ir.AtIndex(g.in, g.gid, 4, 0)))
	for range 2 {
		p := g.PtrVar(ir.Device, "p")
		g.Set(p, g.in)
		g.ptrs = append(g.ptrs, p)
		x := g.Load(ir.I32, ir.AtIndex(g.in, g.gid, 4, 4*int64(g.rng.IntN(5))))
		g.i32 = append(g.i32, g.variable("i", x))
		g.u32 = append(g.u32, g.variable("u", g.Binary(ir.Add, g.gid, g.ConstU32(3))))
		g.f32 = append(g.f32, g.variable("f", g.Convert(ir.F32, x)))
		g.f16 = append(g.f16, g.variable("h", g.Convert(ir.F16, g.gid)))
		g.i64 = append(g.i64, g.variable("l", g.Convert(ir.I64, x)))
		g.flags = append(g.flags, g.variable("b", g.Compare(ir.Lt, x, g.ConstI32(3))))
	}
	for range 8 {
		g.statements(4)
		if g.Dead() {
			break
		}
	}
	// What is in the variables has to show.
	for i, v := range []ir.Reg{g.i32[0], g.u32[0], g.Bitcast(ir.I32, g.f32[0]), g.Convert(ir.I32, g.i64[1]), g.Convert(ir.I32, g.flags[0]), g.Convert(ir.I32, g.f16[1])} {
		t := g.TypeOf(v)
		g.Store(t, ir.At(g.mine, 4*int64(i)), v)
	}
	return g.Finish()
}

// TestRandomPrograms compares lockstep runs, in several group sizes, with one
// thread after another.
func TestRandomPrograms(t *testing.T) {
	programs := uint64(1500)
	if testing.Short() {
		programs = 100
	}
	for seed := range programs {
		fn := generate(seed)
		if err := ir.Verify(fn); err != nil {
			t.Fatalf("seed %d: the generator wrote a wrong program: %v", seed, err)
		}
		const n = 150
		rng := rand.New(rand.NewPCG(seed, 2))
		in, other := make([]int32, n), make([]int32, n-7)
		for i := range in {
			in[i] = int32(rng.IntN(24) - 8)
		}
		for i := range other {
			other[i] = int32(rng.IntN(24) - 8)
		}
		want := make([]int32, n*outWords)
		for i := range n {
			s := newScalarRun(fn, [][]byte{asBytes(in), asBytes(other), asBytes(want)}, func(ir.SpecialKind) uint32 { return uint32(i) })
			s.block(&fn.Body)
		}
		for _, group := range []int{1, 13, 64, 150} {
			got := make([]int32, n*outWords)
			run(t, fn, n, group, on(in), on(other), on(got))
			if bytes.Equal(asBytes(got), asBytes(want)) {
				continue
			}
			for i := range got {
				// NaN bits may differ.
				if got[i] != want[i] && !(isNaN(ir.F32, uint64(uint32(got[i]))) && isNaN(ir.F32, uint64(uint32(want[i])))) &&
					!(isNaN(ir.F16, uint64(uint16(got[i]))) && isNaN(ir.F16, uint64(uint16(want[i])))) {
					t.Fatalf("seed %d, group %d: thread %d word %d is %#x, want %#x", seed, group, i/outWords, i%outWords, got[i], want[i])
				}
			}
		}
	}
}
