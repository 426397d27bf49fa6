package cudac

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

var types = []ir.Type{ir.Bool, ir.I8, ir.U8, ir.I16, ir.U16, ir.I32, ir.U32, ir.I64, ir.U64, ir.F16, ir.BF16, ir.F32, ir.F64}

// named returns the functions that expressions of all operations call.
func named() backend.Names {
	n := backend.Names{}
	args := []string{"a", "b", "c"}
	for _, t := range types {
		for op := ir.Mov; op <= ir.Ldexp; op++ {
			numbers := t.IsFloat() || t >= ir.I32
			switch {
			case op == ir.Convert || op == ir.Bitcast:
				for _, from := range types {
					if op == ir.Convert || from.Size() == t.Size() && from != ir.Bool && t != ir.Bool {
						n.Value(&ir.Instr{Op: op, Type: t, From: from}, args)
					}
				}
			case op >= ir.Sqrt && !t.IsFloat(), op == ir.FMA && !t.IsFloat(), op >= ir.Add && op <= ir.ReverseBits && !numbers,
				t.IsFloat() && op >= ir.MulHi && op <= ir.ReverseBits && op != ir.FMA, op == ir.Mov:
			default:
				n.Value(&ir.Instr{Op: op, Type: t}, args)
			}
		}
		if t >= ir.F16 || t == ir.Bool {
			n.FromMemory(t, "a")
			n.ToMemory(t, "a")
		}
	}
	for op := ir.SimdSum; op < ir.MatMul; op++ {
		n["zm_"+op.String()] = true
	}
	return n
}

// Whatever an expression calls is in the prelude.
func TestPreludeHasAllFunctions(t *testing.T) {
	n := named()
	if len(n) < 150 {
		t.Errorf("only %d functions are called: %v", len(n), slices.Sorted(maps.Keys(n)))
	}
	for name := range n {
		if _, ok := preludeIndex[name]; !ok {
			t.Errorf("there is no text for %s", name)
		}
	}
}

// A function's text comes after those that it calls.
func TestPreludeOrder(t *testing.T) {
	for i, p := range preludeParts {
		for _, m := range p.mentions {
			if j, ok := preludeIndex[m]; ok && j > i {
				t.Errorf("%s is used above its definition:\n%s", m, p.text)
			}
		}
	}
}

func TestPreludeCompiles(t *testing.T) {
	lib, _, err := nvrtc.Open(0)
	if err != nil {
		t.Skipf("no NVRTC to compile with: %v", err)
	}
	text, missing := prelude(named(), "ZM_NANF ZM_NAN zm_load zm_store zm_matmul zm_atomic_min_f32 zm_atomic_max_f32")
	if missing != "" {
		t.Fatal(missing)
	}
	for _, arch := range []string{"compute_80", "compute_90"} {
		if _, _, err := lib.Compile(text, arch, nvrtc.Options(false)...); err != nil {
			t.Error(err)
		}
	}
}

// kernel builds a kernel that stores what body returns for each thread.
func kernel(body func(b *ir.Builder, in, at ir.Reg) ir.Reg) *ir.Func {
	b := ir.NewBuilder("k")
	in := b.Param(ir.Param{Name: "in", Elem: ir.F32, Lanes: 1, Space: ir.Device})
	out := b.Param(ir.Param{Name: "out", Elem: ir.F32, Lanes: 1, Space: ir.Device, Output: true})
	at := b.Special(ir.ThreadPositionInGrid)
	if v := body(b, in, at); v != ir.NoReg {
		b.Store(ir.F32, ir.AtIndex(out, at, 4, 0), v)
	}
	return b.Finish()
}

func emit(t *testing.T, f *ir.Func) string {
	t.Helper()
	if err := ir.Verify(f); err != nil {
		t.Fatal(err)
	}
	u, err := Emit(f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Emit(f)
	if err != nil || again != u {
		t.Errorf("a kernel is emitted in two ways: %v\n%s\n%s", err, u.Text, again.Text)
	}
	return u.Text
}

// Masks are kept only where something needs them.
func TestMasks(t *testing.T) {
	branch := func(simd bool) *ir.Func {
		return kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			x := b.Var(ir.F32, "x")
			b.Set(x, b.Load(ir.F32, ir.AtIndex(in, at, 4, 0)))
			b.If(b.Compare(ir.Lt, x, b.ConstF32(0)), func() {
				y := b.Unary(ir.Exp, x)
				if simd {
					y = b.Simd(ir.SimdSum, 32, y)
				}
				b.Set(x, y)
			}, nil)
			return x
		})
	}
	if text := emit(t, branch(false)); strings.Contains(text, "ballot") {
		t.Errorf("a mask that nothing needs:\n%s", text)
	}
	if text := emit(t, branch(true)); !strings.Contains(text, "= __ballot_sync(m0, ") {
		t.Errorf("no mask where lanes part:\n%s", text)
	}
}

func TestDivergentBarrierIsRefused(t *testing.T) {
	f := kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
		b.If(b.Compare(ir.Lt, at, b.ConstU32(3)), func() { b.Barrier(false) }, nil)
		return b.ConstF32(1)
	})
	if _, err := Emit(f); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a barrier that some threads do not reach: %v", err)
	}
}

// What is only read goes through the read-only path, what the kernel writes
// does not.
func TestReadOnly(t *testing.T) {
	load := func(b *ir.Builder, p, at ir.Reg) ir.Reg { return b.Load(ir.F32, ir.AtIndex(p, at, 4, 0)) }
	if text := emit(t, kernel(load)); !strings.Contains(text, "zm_get<true>((const float *)(p0") {
		t.Errorf("an input is not read as one:\n%s", text)
	}
	written := kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
		b.Store(ir.F32, ir.AtIndex(in, at, 4, 4), b.ConstF32(1))
		return load(b, in, at)
	})
	if text := emit(t, written); strings.Contains(text, "zm_get<true>") {
		t.Errorf("what is written is read as if it were not:\n%s", text)
	}
}

// Halves made of bits are protected from compilers that know some of the bits.
func TestBitsOfHalves(t *testing.T) {
	for _, tc := range []struct {
		name string
		bits func(b *ir.Builder, word ir.Reg) ir.Reg // of type U32
		safe bool
	}{
		{"the lower half of a word", func(b *ir.Builder, w ir.Reg) ir.Reg { return w }, true},
		{"the upper half", func(b *ir.Builder, w ir.Reg) ir.Reg { return b.Binary(ir.Shr, w, b.ConstU32(16)) }, true},
		{"one bit", func(b *ir.Builder, w ir.Reg) ir.Reg { return b.Binary(ir.Shr, w, b.ConstU32(31)) }, false},
		{"some bits", func(b *ir.Builder, w ir.Reg) ir.Reg { return b.Binary(ir.And, w, b.ConstU32(1)) }, false},
	} {
		text := emit(t, kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			w := tc.bits(b, b.Load(ir.U32, ir.AtIndex(in, at, 4, 0)))
			return b.Convert(ir.F32, b.Bitcast(ir.F16, b.Convert(ir.U16, w)))
		}))
		if safe := !strings.Contains(text, "^ L.pad)"); safe != tc.safe {
			t.Errorf("%s: taken for unknowable: %v\n%s", tc.name, safe, text)
		}
	}
}

// The bits of floats that may come from a bool are hidden, those of words from
// memory need not be.
func TestBitsOfFloats(t *testing.T) {
	bits := func(b *ir.Builder, at ir.Reg) ir.Reg {
		return b.Convert(ir.U32, b.Compare(ir.Lt, at, b.ConstU32(7)))
	}
	for name, c := range map[string]struct {
		body func(b *ir.Builder, in, at ir.Reg) ir.Reg
		want int
	}{
		"a bool": {func(b *ir.Builder, in, at ir.Reg) ir.Reg { return b.Bitcast(ir.F32, bits(b, at)) }, 1},
		"a word": {func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			return b.Bitcast(ir.F32, b.Load(ir.U32, ir.AtIndex(in, at, 4, 0)))
		}, 0},
		"a bool in a thread's memory": {func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			p := b.Alloc(ir.Alloc{Name: "p", Space: ir.Thread, Size: 4, Align: 4})
			b.Store(ir.U32, ir.At(p, 0), bits(b, at))
			return b.Load(ir.F32, ir.At(p, 0))
		}, 1},
		"bools in a thread's memory": {func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			p := b.Alloc(ir.Alloc{Name: "p", Space: ir.Thread, Size: 4, Align: 4})
			b.Store(ir.Bool, ir.At(p, 0), b.Compare(ir.Lt, at, b.ConstU32(7)))
			for i := range int64(3) {
				b.Store(ir.Bool, ir.At(p, i+1), b.ConstBool(false))
			}
			return b.Load(ir.F32, ir.At(p, 0))
		}, 1},
		"a bool in a vector": {func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			b.Store(ir.U32, ir.At(in, 4), bits(b, at))
			v := b.LoadN(ir.F32, 2, ir.At(in, 0))
			return b.Binary(ir.Add, v[0], v[1])
		}, 2},
		"memory of floats": {func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			b.Store(ir.F32, ir.At(in, 4), b.ConstF32(1))
			return b.Load(ir.F32, ir.At(in, 0))
		}, 0},
	} {
		if text := emit(t, kernel(c.body)); strings.Count(text, "^ "+zero) != c.want {
			t.Errorf("%s as the bits of floats is hidden %d times, want %d:\n%s", name, strings.Count(text, "^ "+zero), c.want, text)
		}
	}
}

// Negations are hidden, and what may turn out to be one where it is compared.
func TestNegations(t *testing.T) {
	type body = func(b *ir.Builder, x, y ir.Reg) ir.Reg
	most := func(f body) body {
		return func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Max, f(b, x, y), y) }
	}
	negative := func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Unary(ir.Neg, x) }
	difference := func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Sub, b.Binary(ir.Sub, y, y), x) }
	for name, c := range map[string]struct {
		body body
		want int
	}{
		"-x": {negative, 1},
		"-x of uint": {func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			return b.Convert(ir.I32, b.Unary(ir.Neg, b.Convert(ir.U32, x)))
		}, 1},
		"0-x":             {func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Sub, b.ConstI32(0), x) }, 1},
		"x*-1":            {func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Mul, x, b.ConstI32(-1)) }, 1},
		"-1*x":            {func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Mul, b.ConstI32(-1), x) }, 1},
		"x/-1":            {func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Div, x, b.ConstI32(-1)) }, 1},
		"x*3":             {func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Mul, x, b.ConstI32(3)) }, 0},
		"(y-y)-x":         {difference, 0},
		"max(x, y)":       {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg { return x }), 0},
		"max(-x, y)":      {most(negative), 1},
		"max((y-y)-x, y)": {most(difference), 2},
		"max(~(x-y), y)":  {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Unary(ir.Not, b.Binary(ir.Sub, x, y)) }), 2},
		"max((x-y)^3, y)": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			return b.Binary(ir.Xor, b.Binary(ir.Sub, x, y), b.ConstI32(3))
		}), 2},
		"max(x>>y, y)": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg { return b.Binary(ir.Shr, x, y) }), 0},
		"the greater": {func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			d := difference(b, x, y)
			return b.Select(b.Compare(ir.Gt, d, y), d, y)
		}, 1},
		"another choice": {func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			d := difference(b, x, y)
			return b.Select(b.Compare(ir.Gt, d, x), d, y)
		}, 0},
		"max of bits": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			return b.Bitcast(ir.I32, b.Bitcast(ir.U32, difference(b, x, y)))
		}), 2},
		"max of memory": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			p := b.Alloc(ir.Alloc{Name: "p", Space: ir.Thread, Size: 4, Align: 4})
			b.Store(ir.I32, ir.At(p, 0), difference(b, x, y))
			return b.Load(ir.I32, ir.At(p, 0))
		}), 2},
		"max of what is settled in memory": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			p := b.Alloc(ir.Alloc{Name: "p", Space: ir.Thread, Size: 4, Align: 4})
			b.Store(ir.I32, ir.At(p, 0), x)
			return b.Load(ir.I32, ir.At(p, 0))
		}), 0},
		"max of many": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			for range 100 { // it is looked at once, not 2 to the 100th times
				x = b.Binary(ir.Xor, x, b.Binary(ir.Shr, x, y))
			}
			return x
		}), 0},
		"max of a variable": {most(func(b *ir.Builder, x, y ir.Reg) ir.Reg {
			v := b.Var(ir.I32, "v")
			b.Set(v, x)
			b.If(b.Compare(ir.Lt, x, y), func() { b.Set(v, difference(b, x, y)) }, nil)
			return v
		}), 2},
	} {
		text := emit(t, kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			x, y := b.Load(ir.I32, ir.AtIndex(in, at, 4, 0)), b.Load(ir.I32, ir.AtIndex(in, at, 4, 4))
			return b.Convert(ir.F32, c.body(b, x, y))
		}))
		if n := strings.Count(text, zero); n != c.want {
			t.Errorf("%s hides something %d times, want %d:\n%s", name, n, c.want, text)
		}
	}
}

// Extremes of two zeros that compilers may know are left to the GPU.
func TestZeros(t *testing.T) {
	for name, c := range map[string]struct {
		body func(b *ir.Builder, x, v ir.Reg) ir.Reg // v is a variable that is -0 or 1
		want int
	}{
		"max(x, 0)": {func(b *ir.Builder, x, v ir.Reg) ir.Reg { return b.Binary(ir.Max, x, b.ConstF32(0)) }, 0},
		"max(v, x)": {func(b *ir.Builder, x, v ir.Reg) ir.Reg { return b.Binary(ir.Max, v, x) }, 0},
		"max(v, 0)": {func(b *ir.Builder, x, v ir.Reg) ir.Reg { return b.Binary(ir.Max, v, b.ConstF32(0)) }, 1},
		"min(0, v)": {func(b *ir.Builder, x, v ir.Reg) ir.Reg { return b.Binary(ir.Min, b.ConstF32(0), v) }, 1},
		"max(max(x, 0), v)": {func(b *ir.Builder, x, v ir.Reg) ir.Reg {
			return b.Binary(ir.Max, b.Binary(ir.Max, x, b.ConstF32(0)), v)
		}, 1},
	} {
		text := emit(t, kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			x, v := b.Load(ir.F32, ir.AtIndex(in, at, 4, 0)), b.Var(ir.F32, "v")
			b.Set(v, b.ConstF32(1))
			b.If(b.Compare(ir.Lt, x, b.ConstF32(1)), func() { b.Set(v, b.Const(ir.F32, 1<<31)) }, nil)
			return c.body(b, x, v)
		}))
		if n := strings.Count(text, zero); n != c.want {
			t.Errorf("%s hides something %d times, want %d:\n%s", name, n, c.want, text)
		}
	}
}

// Vectors of known alignment need no test, others do.
func TestAlignment(t *testing.T) {
	quad := func(scale, off int64) *ir.Func {
		return kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg {
			v := b.LoadN(ir.F32, 4, ir.AtIndex(in, at, scale, off))
			return b.Binary(ir.Add, b.Binary(ir.Add, v[0], v[1]), b.Binary(ir.Add, v[2], v[3]))
		})
	}
	if text := emit(t, quad(16, 32)); !strings.Contains(text, "zm_load<4, 4, true, ZMLX_ALIGNED != 0>") {
		t.Errorf("a vector at multiples of its size:\n%s", text)
	}
	if text := emit(t, kernel(func(b *ir.Builder, in, at ir.Reg) ir.Reg { return b.Load(ir.F32, ir.AtIndex(in, at, 4, 0)) })); strings.Contains(text, "ZMLX_ALIGNED") {
		t.Errorf("a text that depends on alignment without a vector:\n%s", text)
	}
	if text := emit(t, quad(16, 4)); !strings.Contains(text, "zm_load<4, 4, true, false>") {
		t.Errorf("a vector between multiples of its size:\n%s", text)
	}
}
