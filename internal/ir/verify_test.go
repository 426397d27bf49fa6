package ir

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// broken builds a Func around one instruction or statement.
func broken(stmts ...Stmt) *Func {
	return &Func{
		Name:   "k",
		Params: []Param{{Name: "x", Elem: F32, Lanes: 1, Space: Device}, {Name: "c", Elem: F32, Lanes: 1, Space: Constant}},
		Allocs: []Alloc{{Name: "a", Space: Thread, Size: 16, Align: 4}},
		Regs: []RegInfo{
			0:  {Type: Ptr, Kind: ParamReg, Space: Device},
			1:  {Type: Ptr, Kind: ParamReg, Space: Constant, Index: 1},
			2:  {Type: F32, Name: "v"},
			3:  {Type: F32, Kind: TempReg},
			4:  {Type: U32, Kind: ConstReg, Bits: 7},
			5:  {Type: Bool, Name: "b"},
			6:  {Type: U8, Name: "n"},
			7:  {Type: Ptr, Kind: AllocReg, Space: Thread},
			8:  {Type: Ptr, Kind: VarReg, Space: Device, Name: "p"},
			9:  {Type: Bool, Kind: TempReg},
			10: {Type: U32, Name: "u"},
			11: {Type: F32, Kind: TempReg},
		},
		Body: Block{stmts},
	}
}

func TestVerifyInstr(t *testing.T) {
	at := func(base Reg) Addr { return Addr{Base: base, Index: NoReg} }
	for _, tc := range []struct {
		in   Instr
		want string // empty: valid
	}{
		{Instr{Op: Add, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 2}}, ""},
		{Instr{Op: BadOp}, "unknown operation 0"},
		{Instr{Op: 250}, "unknown operation 250"},
		{Instr{Op: Add, Type: U8, Dst: []Reg{6}, Args: []Reg{6, 6}}, "add is not defined for type u8"},
		{Instr{Op: Add, Type: 200, Dst: []Reg{6}, Args: []Reg{6, 6}}, "not defined for type type?"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{3}, Args: []Reg{2}}, "ir: kernel k: %3 = add f32 %v.2: add has 2 operands, found 1"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{3, 2}, Args: []Reg{2, 2}}, "add has 1 results, found 2"},
		{Instr{Op: Add, Type: F32, Args: []Reg{2, 2}}, "add has 1 results, found 0"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 4}}, "operand 2, 7u32, has type u32; add takes f32 here"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{10}, Args: []Reg{2, 2}}, "result 1, %u.10, has type u32; add gives f32 here"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 3}}, "%3 is used before it is assigned"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{99}, Args: []Reg{2, 2}}, "register 99 does not exist"},
		{Instr{Op: Add, Type: F32, Dst: []Reg{3}, Args: []Reg{2, -5}}, "register -5 does not exist"},
		{Instr{Op: Mov, Type: U32, Dst: []Reg{4}, Args: []Reg{10}}, "7u32 is assigned, but is no variable"},
		{Instr{Op: Mov, Type: Ptr, Dst: []Reg{0}, Args: []Reg{8}}, "@x is assigned, but is no variable"},
		{Instr{Op: Mov, Type: Ptr, Dst: []Reg{8}, Args: []Reg{0}}, ""},
		{Instr{Op: Mov, Type: Ptr, Dst: []Reg{8}, Args: []Reg{1}}, "pointers into constant and device memory are mixed"},
		{Instr{Op: PtrAdd, Type: Ptr, Dst: []Reg{8}, Addr: at(1)}, ""},
		{Instr{Op: PtrAdd, Type: Ptr, Dst: []Reg{8}, Addr: at(7)}, "pointers into thread and device memory are mixed"},
		{Instr{Op: Eq, Type: Ptr, Dst: []Reg{5}, Args: []Reg{0, 7}}, "pointers into device and thread memory are mixed"},
		{Instr{Op: Lt, Type: F32, Dst: []Reg{9}, Args: []Reg{2, 2}}, ""},
		{Instr{Op: Lt, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 2}}, "lt gives bool here"},
		{Instr{Op: Select, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 2, 2}}, "operand 1, %v.2, has type f32; select takes bool here"},
		{Instr{Op: Convert, Type: F32, From: U8, Dst: []Reg{3}, Args: []Reg{6}}, ""},
		{Instr{Op: Convert, Type: F32, From: U32, Dst: []Reg{3}, Args: []Reg{6}}, "convert takes u32 here"},
		{Instr{Op: Convert, Type: F32, Dst: []Reg{3}, Args: []Reg{6}}, "convert from void to f32 is not defined"},
		{Instr{Op: Convert, Type: U32, From: Ptr, Dst: []Reg{10}, Args: []Reg{0}}, "convert from ptr to u32 is not defined"},
		{Instr{Op: Bitcast, Type: F32, From: U8, Dst: []Reg{3}, Args: []Reg{6}}, "changes the size"},
		{Instr{Op: Bitcast, Type: Bool, From: U8, Dst: []Reg{5}, Args: []Reg{6}}, "bitcast does not take bool"},
		{Instr{Op: Ldexp, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 10}}, "ldexp takes i32 here"},
		{Instr{Op: Load, Type: F32, Dst: []Reg{3, 11}, Addr: at(1)}, ""},
		{Instr{Op: Load, Type: F32, Dst: []Reg{2, 2}, Addr: at(1)}, "%v.2 is assigned twice"},
		{Instr{Op: Load, Type: F32, Addr: at(1)}, "load has 1 to 16 results, found 0"},
		{Instr{Op: Load, Type: F32, Dst: make([]Reg, 17), Addr: at(1)}, "found 17"},
		{Instr{Op: Load, Type: Ptr, Dst: []Reg{8}, Addr: at(7)}, ""},
		{Instr{Op: Load, Type: Ptr, Dst: []Reg{8}, Addr: at(0)}, "a pointer is kept in device memory"},
		{Instr{Op: Load, Type: F32, Dst: []Reg{3}, Addr: at(2)}, "the base of the address, %v.2, has type f32"},
		{Instr{Op: Load, Type: F32, Dst: []Reg{3}, Addr: at(-1)}, "register -1 does not exist"},
		{Instr{Op: Load, Type: F32, Dst: []Reg{3}, Addr: Addr{Base: 0, Index: 6}}, "the index of the address, %n.6, has type u8"},
		{Instr{Op: Load, Type: F32, Dst: []Reg{3}, Addr: Addr{Base: 0, Index: 77}}, "register 77 does not exist"},
		{Instr{Op: Store, Type: F32, Args: []Reg{2}, Addr: at(0)}, ""},
		{Instr{Op: Store, Type: F32, Args: []Reg{2}, Addr: at(1)}, "store on constant memory"},
		{Instr{Op: AtomicAdd, Type: F32, Args: []Reg{2}, Addr: at(0)}, ""},
		{Instr{Op: AtomicAdd, Type: F32, Args: []Reg{2}, Addr: at(7)}, "atomic_add on thread memory"},
		{Instr{Op: AtomicLoad, Type: F32, Dst: []Reg{3}, Addr: at(1)}, "atomic_load on constant memory"},
		{Instr{Op: AtomicAnd, Type: F32, Args: []Reg{2}, Addr: at(0)}, "atomic_and is not defined for type f32"},
		{Instr{Op: AtomicCAS, Type: F32, Dst: []Reg{3, 9}, Args: []Reg{2, 2}, Addr: at(0)}, ""},
		{Instr{Op: AtomicCAS, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 2}, Addr: at(0)}, "atomic_cas has 2 results, found 1"},
		{Instr{Op: Special, Type: U32, Dst: []Reg{10}, Imm: 33}, ""},
		{Instr{Op: Special, Type: U32, Dst: []Reg{10}, Imm: 34}, "%u.10 = special 34: there is no thread attribute 34"},
		{Instr{Op: Barrier, Imm: 2}, "barrier of kind 2"},
		{Instr{Op: SimdSum, Type: F32, Dst: []Reg{3}, Args: []Reg{2}, Imm: 16}, "simd_sum over 16 lanes"},
		{Instr{Op: SimdSum, Type: F32, Dst: []Reg{3}, Args: []Reg{2}, Imm: 4}, ""},
		{Instr{Op: SimdShuffle, Type: F32, Dst: []Reg{3}, Args: []Reg{2, 2}, Imm: 32}, "simd_shuffle takes u32 here"},
		{Instr{Op: PtrSub, Type: Ptr, Dst: []Reg{3}, Args: []Reg{0, 8}, Imm: 4}, "ptrsub gives i64 here"},
		{Instr{Op: MatMul, Type: F32, Dst: []Reg{3, 11}, Args: []Reg{2, 2, 2, 2, 2, 2}}, ""},
	} {
		expect(t, broken(&tc.in), tc.want)
	}
	for op := BadOp + 1; op < NumOps; op++ {
		if ops[op].name == "" || opByName[ops[op].name] != op {
			t.Errorf("operation %d has no name of its own", op)
		}
	}
}

func expect(t *testing.T, f *Func, want string) {
	t.Helper()
	err := Verify(f)
	switch {
	case want == "" && err != nil:
		t.Errorf("%v, want no error", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestVerifyStmts(t *testing.T) {
	def := func() Stmt { return &Instr{Op: Neg, Type: F32, Dst: []Reg{3}, Args: []Reg{2}} }
	use := func() Stmt { return &Instr{Op: Neg, Type: F32, Dst: []Reg{2}, Args: []Reg{3}} }
	cond := func() Stmt { return &Instr{Op: IsNan, Type: F32, Dst: []Reg{9}, Args: []Reg{2}} }
	block := func(s ...Stmt) Block { return Block{s} }

	expect(t, broken(def(), use()), "")
	expect(t, broken(def(), def()), "the temporary %3 is assigned a second time")
	expect(t, broken(def(), &If{Cond: 5, Then: block(use()), Else: block(use())}), "")
	expect(t, broken(&If{Cond: 5, Then: block(def())}, use()), "%3 is used outside the block that assigns it")
	expect(t, broken(&If{Cond: 5, Then: block(def()), Else: block(use())}), "used outside the block")
	expect(t, broken(&If{Cond: 5, Then: block(def()), Else: block(def())}), "assigned a second time")
	expect(t, broken(&If{Cond: 2}), "the condition %v.2 has type f32")
	expect(t, broken(&If{Cond: NoReg}), "register -1 does not exist")
	expect(t, broken(nil), "statement 0 of a block is missing")
	expect(t, broken((*Instr)(nil)), "statement 0 of a block is missing")
	expect(t, broken(def(), (*Loop)(nil)), "statement 1 of a block is missing")
	expect(t, broken((*Exit)(nil)), "statement 0 of a block is missing")

	expect(t, broken(&Loop{Head: block(cond()), Cond: 9}), "")
	expect(t, broken(&Loop{Head: block(cond()), Cond: 9, Body: block(&If{Cond: 9})}), "used outside the block")
	expect(t, broken(&Loop{Cond: 9}), "used before it is assigned")
	expect(t, broken(&Loop{Cond: NoReg, Body: block(def(), use()), Step: block(use())}), "used outside")

	l := &Loop{Cond: NoReg}
	l.Body = block(&If{Cond: 5, Then: block(&Exit{Kind: Break, Target: l}), Else: block(&Exit{Kind: Continue, Target: l})})
	expect(t, broken(l), "")
	expect(t, broken(l, l), "occurs in two places")
	expect(t, broken(&Exit{Kind: Break, Target: l}), "the target of the break does not enclose it")
	expect(t, broken(&Exit{Kind: Leave, Target: l}), "the target of a leave is no scope")
	expect(t, broken(&Exit{Kind: Break}), "the target of a break is no loop")
	expect(t, broken(&Exit{Kind: Return, Target: l}), "a return has a target")
	expect(t, broken(&Exit{Kind: 9}), "unknown kind 9 of exit")
	expect(t, broken(&Exit{Kind: Return}, def()), "return: a statement follows in the same block")
	step := &Loop{Cond: NoReg}
	step.Step = block(&Exit{Kind: Continue, Target: step})
	expect(t, broken(step), "a continue stands in the head or step")
	head := &Loop{Cond: NoReg}
	head.Head = block(&Exit{Kind: Break, Target: head})
	expect(t, broken(head), "")
	s := &Scope{Name: "f"}
	s.Body = block(&Exit{Kind: Leave, Target: s})
	expect(t, broken(s), "")
	self := &If{Cond: 5}
	self.Then = block(self)
	expect(t, broken(self), "occurs in two places")
	deep := def()
	for range 2000 {
		deep = &If{Cond: 5, Then: block(deep)}
	}
	expect(t, broken(deep), "nest more than 1000 deep")
	if Verify(nil) == nil {
		t.Error("nil passes")
	}
}

func TestVerifyDeclarations(t *testing.T) {
	for _, tc := range []struct {
		change func(f *Func)
		want   string
	}{
		{func(f *Func) { f.Params[0].Space = Thread }, `parameter 0 ("x") lies in thread memory`},
		{func(f *Func) { f.Params[0].Elem = Ptr }, "elements of type ptr"},
		{func(f *Func) { f.Params[0].Lanes = 3 }, "3 scalars"},
		{func(f *Func) { f.Params[1].Output = true }, "written but lies in constant memory"},
		{func(f *Func) { f.Allocs[0].Space = Device }, "lies in device memory"},
		{func(f *Func) { f.Allocs[0].Size = -1 }, "has -1 bytes"},
		{func(f *Func) { f.Allocs[0].Align = 12 }, "not a power of two"},
		{func(f *Func) { f.Allocs[0].Elem = 77 }, "elements of type type?"},
		{func(f *Func) { f.Allocs[0].Init = []byte{1} }, "only constant tables do"},
		{func(f *Func) { f.Allocs[0].Space = Constant }, "16 bytes but contents of 0"},
		{func(f *Func) { f.Regs[2].Type = Void }, "register 2 has type void"},
		{func(f *Func) { f.Regs[2].Type = 99 }, "register 2 has type type?"},
		{func(f *Func) { f.Regs[2].Space = Device }, "register 2 of type f32 has address space device"},
		{func(f *Func) { f.Regs[8].Space = NoSpace }, "has address space none"},
		{func(f *Func) { f.Regs[8].Space = 9 }, "has address space space?"},
		{func(f *Func) { f.Regs[4].Bits = 1 << 40 }, "no value of type u32"},
		{func(f *Func) { f.Regs[8].Kind, f.Regs[8].Bits = ConstReg, 3 }, "other than null"},
		{func(f *Func) { f.Regs[0].Index = 2 }, "parameter 2 of 2"},
		{func(f *Func) { f.Regs[0].Index = 1 }, "its parameter lies in constant memory"},
		{func(f *Func) { f.Regs[7].Index = -1 }, "allocation -1 of 1"},
		{func(f *Func) { f.Regs[7].Space = Device }, "its allocation lies in thread memory"},
		{func(f *Func) { f.Regs[2].Kind = 17 }, "unknown kind 17"},
	} {
		f := broken()
		expect(t, f, "")
		tc.change(f)
		expect(t, f, tc.want)
	}
}

// TestVerifyNeverPanics breaks random Funcs in random places.
func TestVerifyNeverPanics(t *testing.T) {
	rejected := 0
	for seed := range uint64(2000) {
		f := randomFunc(seed, 60)
		r := rand.New(rand.NewPCG(seed, 2))
		var ins []*Instr
		f.Body.Instrs(func(in *Instr) bool { ins = append(ins, in); return true })
		if len(ins) == 0 {
			continue
		}
		reg := func() Reg { return Reg(r.IntN(len(f.Regs)+4) - 2) }
		for range 1 + r.IntN(3) {
			in := ins[r.IntN(len(ins))]
			switch r.IntN(9) {
			case 0:
				in.Op = Op(r.IntN(256))
			case 1:
				in.Type = Type(r.IntN(20))
			case 2:
				in.From = Type(r.IntN(20))
			case 3:
				in.Dst = append(in.Dst[:len(in.Dst):len(in.Dst)], reg())
			case 4:
				in.Args = append([]Reg{reg()}, in.Args...)
			case 5:
				in.Addr = Addr{Base: reg(), Index: reg()}
			case 6:
				in.Dst = nil
			case 7:
				f.Regs = f.Regs[:1+r.IntN(len(f.Regs))]
			case 8:
				in.Args = nil
			}
		}
		Print(f)
		if Verify(f) != nil {
			rejected++
		}
	}
	if rejected < 1000 {
		t.Errorf("only %d of 2,000 broken functions are rejected", rejected)
	}
}

func BenchmarkVerify(b *testing.B) {
	var f *Func
	for seed := range uint64(100) {
		if f = randomFunc(seed, 1100); Measure(f).Instrs > 900 {
			break
		}
	}
	for b.Loop() {
		if err := Verify(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(Measure(f).Instrs), "instrs")
}
