package ir

// This file implements a generator of random valid Funcs for the tests.

import "math/rand/v2"

type generator struct {
	*rand.Rand
	b      *Builder
	vals   map[regClass][]Reg // registers usable here
	loops  []*Loop
	scopes []*Scope
	left   int // statements to go
}

type regClass struct {
	t Type
	s Space
}

// randomFunc returns a Func of about n statements that uses every operation.
func randomFunc(seed uint64, n int) *Func {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1)), b: NewBuilder("random"), vals: map[regClass][]Reg{}, left: n}
	for _, p := range []Param{
		{Name: "x", Elem: F32, Lanes: 1, Space: Device},
		{Name: "x", Elem: F16, Lanes: 1, Space: Constant},
		{Name: "z", Elem: F32, Lanes: 2, Space: Device, Output: true, Atomic: true},
	} {
		g.add(g.b.Param(p))
	}
	for _, a := range []Alloc{
		{Name: "tile", Space: Threadgroup, Size: 4096, Align: 16, Elem: F32},
		{Name: "odd name", Space: Thread, Size: 64, Align: 8},
		{Name: "table", Space: Constant, Size: 3, Align: 1, Elem: U8, Init: []byte{1, 2, 255}},
	} {
		g.add(g.b.Alloc(a))
	}
	for t := Bool; t < Ptr; t++ {
		g.add(g.b.Var(t, "v"))
		g.add(g.b.Const(t, g.Uint64()))
		g.add(g.b.Const(t, uint64(g.IntN(3))))
	}
	for s := Device; s <= Thread; s++ {
		g.add(g.b.PtrVar(s, "p"))
	}
	for g.left > 0 && !g.b.Dead() {
		g.block()
	}
	return g.b.Finish()
}

func (g *generator) add(r Reg) {
	k := regClass{g.b.TypeOf(r), g.b.SpaceOf(r)}
	g.vals[k] = append(g.vals[k], r)
}

func (g *generator) pick(t Type, s Space) Reg {
	if t != Ptr {
		s = NoSpace
	}
	l := g.vals[regClass{t, s}]
	return l[g.IntN(len(l))]
}

// cond picks a condition that the Builder cannot decide.
func (g *generator) cond() Reg {
	for {
		r := g.pick(Bool, 0)
		if _, ok := g.b.ConstValue(r); !ok {
			return r
		}
	}
}

// scoped forgets the registers that build adds.
func (g *generator) scoped(build func()) {
	saved := map[regClass][]Reg{}
	for k, l := range g.vals {
		saved[k] = l[:len(l):len(l)]
	}
	build()
	g.vals = saved
}

func (g *generator) block() {
	for n := 1 + g.IntN(12); n > 0 && g.left > 0 && !g.b.Dead(); n-- {
		g.left--
		switch k := g.IntN(24); {
		case k == 0:
			g.b.If(g.cond(), func() { g.scoped(g.block) }, func() { g.scoped(g.block) })
		case k == 1 && len(g.loops) < 4:
			head := func(l *Loop) (c Reg) {
				g.scoped(func() { g.block(); c = g.cond() })
				if g.IntN(3) == 0 {
					c = NoReg
				}
				return c
			}
			step := func(l *Loop) { g.scoped(g.block) }
			g.b.Loop(head, func(l *Loop) {
				g.loops = append(g.loops, l)
				g.scoped(g.block)
				g.b.If(g.cond(), func() { g.b.Break(l) }, nil)
				g.loops = g.loops[:len(g.loops)-1]
			}, step)
		case k == 2 && len(g.scopes) < 4:
			g.b.Scope("f", func(s *Scope) {
				g.scopes = append(g.scopes, s)
				g.scoped(g.block)
				g.scopes = g.scopes[:len(g.scopes)-1]
			})
		case k == 3 && len(g.loops) > 0:
			l := g.loops[g.IntN(len(g.loops))]
			g.b.If(g.cond(), func() { g.b.Break(l) }, func() { g.b.Continue(l) })
		case k == 4 && len(g.scopes) > 0:
			g.b.If(g.cond(), func() { g.b.Leave(g.scopes[g.IntN(len(g.scopes))]) }, nil)
		case k == 5:
			g.b.If(g.cond(), g.b.Return, nil)
		default:
			g.instr(1 + Op(g.IntN(int(NumOps)-1)))
		}
	}
}

// instr emits a random instruction of op, by its signature.
func (g *generator) instr(op Op) {
	b := g.b
	var t Type
	for !ops[op].types.Has(t) {
		t = Type(g.IntN(int(NumTypes)))
	}
	space := Device + Space(g.IntN(4))
	from := Type(0)
	sig := signatures[op]
	if op == Convert || op == Bitcast {
		if t == Ptr || op == Bitcast && t == Bool {
			t = F32
		}
		for from = Ptr; from == Ptr || op == Bitcast && (from.Size() != t.Size() || from == Bool); {
			from = Bool + Type(g.IntN(int(NumTypes)-1))
		}
	}
	in := Instr{Op: op, Type: t, From: from}
	count := func(list string) int {
		if n := len(list); n == 0 || list[n-1] != '*' {
			return n
		}
		return 1 + g.IntN(4)
	}
	for i := range count(sig.args) {
		in.Args = append(in.Args, g.pick(letterType(sig.args, i, t, from), space))
	}
	if sig.addr {
		memory := space
		switch {
		case op == PtrAdd:
		case t == Ptr:
			memory = Thread
		case op.IsAtomic():
			memory = Device
		case sig.writes && memory == Constant:
			memory = Threadgroup
		}
		in.Addr = Addr{Base: g.pick(Ptr, memory), Index: NoReg, Off: int64(g.IntN(5)) - 2}
		if g.IntN(2) == 0 {
			in.Addr.Index, in.Addr.Scale = g.pick([]Type{I32, U32, I64, U64}[g.IntN(4)], 0), int64(g.IntN(9))-2
		}
	}
	switch sig.imm {
	case immSpecial:
		in.Imm = g.Int64N(int64(NumSpecials))
	case immBarrier:
		in.Imm = g.Int64N(2)
	case immWidth:
		in.Imm = []int64{4, 32}[g.IntN(2)]
	case immSize:
		in.Imm = 1 + g.Int64N(8)
	}
	n := count(sig.dst)
	if sig.optional && g.IntN(2) == 0 {
		n = 0
	}
	for i := range n {
		d := RegInfo{Type: letterType(sig.dst, i, t, from), Kind: TempReg}
		if d.Type == Ptr {
			d.Space = space
		}
		if n == 1 && g.IntN(4) == 0 {
			d.Kind = VarReg
		}
		if g.IntN(8) == 0 {
			d.Name = "naïve name"
		}
		in.Dst = append(in.Dst, b.newReg(d))
	}
	old := b.SetFast(g.IntN(8) == 0)
	b.Emit(in)
	b.SetFast(old)
	for _, d := range in.Dst {
		g.add(d)
	}
}
