package opt_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
)

// optimise parses the statements of a kernel, runs one pass (all of them for
// "") and returns the statements that are left.
func optimise(t *testing.T, pass, body string) string {
	t.Helper()
	const head = "kernel k {\n  param @x device u32\n  alloc @a thread 64 align 4 u32\n  alloc @b thread 64 align 4 u32\n"
	f, err := ir.Parse("t", head+body+"\n}")
	if err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(f); err != nil {
		t.Fatal(err)
	}
	for _, p := range opt.Passes() {
		if p.Name == pass || pass == "" {
			p.Run(f)
		}
		if err := ir.Verify(f); err != nil {
			t.Fatalf("after %s: %v\n%s", p.Name, err, ir.Print(f))
		}
	}
	var lines []string
	for line := range strings.Lines(ir.Print(f)) {
		line = strings.TrimSpace(line)
		if w, _, _ := strings.Cut(line, " "); w != "kernel" && w != "param" && w != "var" && w != "alloc" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[:len(lines)-1], "\n")
}

func TestPasses(t *testing.T) {
	for _, tc := range []struct{ name, pass, before, after string }{
		{"sink", "sink",
			"var %v.0 u32\n%1 = add u32 %v.0, 1u32\n%v.0 = mov u32 %1",
			"%v.0 = add u32 %v.0, 1u32"},
		{"sink past others", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\nstore u32 [@x], 2u32\n%v.0 = mov u32 %1",
			"%v.0 = add u32 1u32, 1u32\nstore u32 [@x], 2u32"},
		{"sink not past a use", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\nstore u32 [@x], %v.0\n%v.0 = mov u32 %1", ""},
		{"sink not past an assignment", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\n%v.0 = mov u32 4u32\n%v.0 = mov u32 %1", ""},
		{"sink not past flow", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\nif true {\nstore u32 [@x], %v.0\n}\n%v.0 = mov u32 %1", ""},
		{"sink not into a branch", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\nif true {\n%v.0 = mov u32 %1\n}", ""},
		{"sink not a value used twice", "sink",
			"var %v.0 u32\n%1 = add u32 1u32, 1u32\n%v.0 = mov u32 %1\nstore u32 [@x], %1", ""},
		{"sink not simd", "sink",
			"var %v.0 u32\n%1 = simd_sum.32 u32 %v.0\n%v.0 = mov u32 %1", ""},
		{"sink one of several", "sink",
			"var %v.0 u32\n%1, %2 = load u32 [@x]\n%v.0 = mov u32 %2",
			"%1, %v.0 = load u32 [@x]"},
		{"sink not where devices could trip", "sink",
			"var %v.0 u32\n%1, %2 = load u32 [@x + %v.0*4]\n%v.0 = mov u32 %1", ""},

		{"copies of constants", "copies",
			"%1 = mov u32 3u32\n%2 = mov u32 %1\nif true {\nstore u32 [@x], %2\n}",
			"%1 = mov u32 3u32\n%2 = mov u32 3u32\nif true {\nstore u32 [@x], 3u32\n}"},
		{"copies of variables", "copies",
			"var %v.0 u32\n%1 = mov u32 %v.0\n%v.0 = add u32 %1, 2u32",
			"%1 = mov u32 %v.0\n%v.0 = add u32 %v.0, 2u32"},
		{"copies not past an assignment", "copies",
			"var %v.0 u32\n%1 = mov u32 %v.0\n%v.0 = add u32 %v.0, 2u32\nstore u32 [@x + %1*4], %1", ""},
		{"copies not into blocks", "copies",
			"var %v.0 u32\n%1 = mov u32 %v.0\nif true {\nstore u32 [@x + %1*4], %1\n}", ""},
		{"copies as conditions", "copies",
			"var %v.0 bool\n%1 = mov bool %v.0\nif %1 {\n}",
			"%1 = mov bool %v.0\nif %v.0 {\n}"},
		{"copies as addresses", "copies",
			"var %v.0 u32\n%1 = mov u32 %v.0\n%2 = ptradd ptr.device [@x + %1*4]\nstore u32 [%2], %1",
			"%1 = mov u32 %v.0\n%2 = ptradd ptr.device [@x + %v.0*4]\nstore u32 [%2], %v.0"},

		{"dead chain", "deadcode",
			"var %v.0 u32\n%1 = load u32 [@x]\n%2 = add u32 %1, 1u32\nif true {\n%3 = add u32 %2, %2\n%v.0 = mov u32 %3\n}", " "},
		{"dead atomic result", "deadcode",
			"%1 = atomic_add u32 [@x], 2u32",
			"atomic_add u32 [@x], 2u32"},
		{"live effects", "deadcode",
			"barrier threadgroup\nstore u32 [@x], 1u32\n%1, %2 = atomic_cas u32 [@x], 1u32, 2u32\nloop L0 body {\n}", ""},
		{"dead variables", "deadcode",
			"var %v.0 u32\nvar %w.1 u32\nloop L0 while true body {\n%v.0 = mov u32 %w.1\n%w.1 = mov u32 1u32\n}",
			"loop L0 while true body {\n}"},
		{"dead loads of several", "deadcode",
			"%1, %2 = load u32 [@x]\nstore u32 [@x], %2", ""},
		{"empty scope", "deadcode", "scope S0 {\n%1 = load u32 [@x]\n}", " "},

		{"compact", "compact",
			"var %v.5 u32\n%7 = load u32 [@b]\n%v.5 = mov u32 %7",
			"%2 = load u32 [@b]\n%v.1 = mov u32 %2"},
		{"all", "",
			"var %v.1 u32\n%2 = mov u32 %v.1\n%3 = add u32 %2, 1u32\n%v.1 = mov u32 %3\nstore u32 [@x], %v.1",
			"%v.1 = add u32 %v.1, 1u32\nstore u32 [@x], %v.1"},
	} {
		got := optimise(t, tc.pass, tc.before)
		want := tc.after
		switch want {
		case "":
			want = optimise(t, "none", tc.before)
		case " ":
			want = ""
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", tc.name, d)
		}
	}
}

func TestCompactAllocs(t *testing.T) {
	f, err := ir.Parse("t", "kernel k {\n param @x device u32\n alloc @a thread 64 align 4 u32\n alloc @b thread 8 align 4 u32\n store u32 [@b], 1u32\n}")
	if err != nil {
		t.Fatal(err)
	}
	opt.Run(f)
	if err := ir.Verify(f); err != nil {
		t.Fatal(err)
	}
	if len(f.Allocs) != 1 || f.Allocs[0].Name != "b" || len(f.Params) != 1 {
		t.Errorf("left %v and %v", f.Allocs, f.Params)
	}
}

// random builds a kernel of integer code whose loops end.
func random(seed uint64) *ir.Func {
	r := rand.New(rand.NewPCG(seed, 3))
	b := ir.NewBuilder("random")
	out := b.Param(ir.Param{Name: "out", Elem: ir.U32, Lanes: 1, Space: ir.Device, Output: true})
	vars := []ir.Reg{b.ConstU32(3), b.ConstU32(0xffff)}
	for i := range 4 {
		vars = append(vars, b.Var(ir.U32, fmt.Sprint("v", i)))
	}
	n := 0
	var block func(vals []ir.Reg, depth int)
	block = func(vals []ir.Reg, depth int) {
		pick := func() ir.Reg { return vals[r.IntN(len(vals))] }
		for range 2 + r.IntN(10) {
			switch k := r.IntN(12); {
			case k < 3:
				vals = append(vals, b.Binary([]ir.Op{ir.Add, ir.Mul, ir.Xor, ir.Sub}[r.IntN(4)], pick(), pick()))
			case k < 5:
				b.Set(vars[2+r.IntN(4)], pick())
			case k < 7:
				vals = append(vals, b.Copy(pick()))
			case k < 8:
				b.Store(ir.U32, ir.At(out, int64(4*n)), pick())
				n++
			case k < 9:
				a := ir.AtIndex(out, b.Binary(ir.And, pick(), b.ConstU32(7)), 4, 0)
				vals = append(vals, b.LoadN(ir.U32, 2, a)...)
			case k < 11 && depth < 4:
				b.If(b.Compare(ir.Lt, pick(), pick()), func() { block(vals, depth+1) }, func() { block(vals, depth+1) })
			case depth < 3:
				i := b.Var(ir.U32, "i")
				b.Set(i, b.ConstU32(0))
				b.Loop(func(*ir.Loop) ir.Reg { return b.Compare(ir.Lt, i, b.ConstU32(3)) },
					func(*ir.Loop) { block(append(vals[:len(vals):len(vals)], i), depth+1) },
					func(*ir.Loop) { b.Set(i, b.Binary(ir.Add, i, b.ConstU32(1))) })
			}
		}
	}
	block(vars, 0)
	for _, v := range vars[2:] {
		b.Store(ir.U32, ir.At(out, int64(4*n)), v)
		n++
	}
	return b.Finish()
}

// A machine runs the operations of random for one thread.
type machine struct {
	regs []uint32
	mem  map[int64]uint32
}

func run(f *ir.Func) map[int64]uint32 {
	m := machine{regs: make([]uint32, len(f.Regs)), mem: map[int64]uint32{}}
	for i, r := range f.Regs {
		if r.Kind == ir.ConstReg {
			m.regs[i] = uint32(r.Bits)
		}
	}
	m.block(&f.Body)
	return m.mem
}

func (m *machine) block(blk *ir.Block) {
	for _, s := range blk.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			m.instr(s)
		case *ir.If:
			if m.regs[s.Cond] != 0 {
				m.block(&s.Then)
			} else {
				m.block(&s.Else)
			}
		case *ir.Loop:
			for {
				if m.block(&s.Head); m.regs[s.Cond] == 0 {
					break
				}
				m.block(&s.Body)
				m.block(&s.Step)
			}
		}
	}
}

func (m *machine) instr(in *ir.Instr) {
	arg := func(i int) uint32 { return m.regs[in.Args[i]] }
	at := in.Addr.Off
	if in.Op == ir.Load || in.Op == ir.Store {
		if in.Addr.Index != ir.NoReg {
			at += int64(m.regs[in.Addr.Index]) * in.Addr.Scale
		}
	}
	var v uint32
	switch in.Op {
	case ir.Load:
		for i, d := range in.Dst {
			m.regs[d] = m.mem[at+int64(4*i)]
		}
		return
	case ir.Store:
		m.mem[at] = arg(0)
		return
	case ir.Mov:
		v = arg(0)
	case ir.Add:
		v = arg(0) + arg(1)
	case ir.Sub:
		v = arg(0) - arg(1)
	case ir.Mul:
		v = arg(0) * arg(1)
	case ir.Xor:
		v = arg(0) ^ arg(1)
	case ir.And:
		v = arg(0) & arg(1)
	case ir.Lt:
		if arg(0) < arg(1) {
			v = 1
		}
	default:
		panic("operation " + in.Op.String() + " in a random kernel")
	}
	m.regs[in.Dst[0]] = v
}

// TestSameResults compares random kernels before and after each pass.
func TestSameResults(t *testing.T) {
	before, after := 0, 0
	for seed := range uint64(1500) {
		f := random(seed)
		if err := ir.Verify(f); err != nil {
			t.Fatal(err)
		}
		before += ir.Measure(f).Instrs
		first := ir.Print(f)
		want := run(f)
		for _, p := range opt.Passes() {
			p.Run(f)
			if err := ir.Verify(f); err != nil {
				t.Fatalf("seed %d after %s: %v\n%s", seed, p.Name, err, ir.Print(f))
			}
			if d := cmp.Diff(want, run(f)); d != "" {
				t.Fatalf("seed %d after %s: %s\n%s\n%s", seed, p.Name, d, first, ir.Print(f))
			}
		}
		after += ir.Measure(f).Instrs
	}
	if after*10 > before*9 {
		t.Errorf("%d instructions became %d; the passes find nothing", before, after)
	}
	t.Logf("%d instructions became %d", before, after)
}

func BenchmarkRun(b *testing.B) {
	seed := uint64(0)
	for s := range uint64(1000) {
		if n := ir.Measure(random(s)).Instrs; n > 950 && n < 1100 {
			seed = s
			break
		}
	}
	fs := make([]*ir.Func, b.N)
	for i := range fs {
		fs[i] = random(seed)
	}
	b.ResetTimer()
	for _, f := range fs {
		opt.Run(f)
		if err := ir.Verify(f); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(ir.Measure(random(seed)).Instrs), "instrs")
}
