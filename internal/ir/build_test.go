package ir

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// body builds a kernel and returns the lines of its body.
func body(t *testing.T, build func(b *Builder, c, x, out Reg)) string {
	t.Helper()
	b := NewBuilder("k")
	out := b.Param(Param{Name: "out", Elem: U32, Lanes: 1, Space: Device, Output: true})
	c, x := b.Var(Bool, "c"), b.Var(U32, "x")
	build(b, c, x, out)
	f := b.Finish()
	if err := Verify(f); err != nil {
		t.Errorf("%v\n%s", err, Print(f))
	}
	_, text, _ := strings.Cut(Print(f), "var %x.2 u32\n")
	return strings.TrimSuffix(text, "}\n")
}

func TestBuilderFlow(t *testing.T) {
	store := func(b *Builder, out, v Reg) { b.Store(U32, At(out, 0), v) }
	for name, tc := range map[string]struct {
		build func(b *Builder, c, x, out Reg)
		want  string
	}{
		"constant if": {func(b *Builder, c, x, out Reg) {
			b.If(b.ConstBool(true), func() { store(b, out, x) }, func() { t.Error("dead branch is built") })
			b.If(b.ConstBool(false), func() { t.Error("dead branch is built") }, nil)
		}, `
  store u32 [@out], %x.2`},
		"after return": {func(b *Builder, c, x, out Reg) {
			store(b, out, x)
			b.If(b.ConstBool(true), b.Return, nil)
			store(b, out, b.Binary(Mul, x, x))
			b.If(c, func() { t.Error("dead statement is built") }, nil)
		}, `
  store u32 [@out], %x.2`},
		"both branches leave": {func(b *Builder, c, x, out Reg) {
			b.Scope("f", func(s *Scope) {
				b.If(c, func() { b.Set(x, b.ConstU32(1)); b.Leave(s) }, func() { b.Set(x, b.ConstU32(2)); b.Leave(s) })
				store(b, out, x)
			})
			store(b, out, x)
		}, `
  if %c.1 {
    %x.2 = mov u32 1u32
  } else {
    %x.2 = mov u32 2u32
  }
  store u32 [@out], %x.2`},
		"early leave": {func(b *Builder, c, x, out Reg) {
			b.Scope("f", func(s *Scope) {
				b.If(c, func() { b.Leave(s) }, nil)
				store(b, out, x)
				b.Leave(s)
			})
			store(b, out, x)
		}, `
  scope S0 "f" {
    if %c.1 {
      leave S0
    }
    store u32 [@out], %x.2
  }
  store u32 [@out], %x.2`},
		"for": {func(b *Builder, c, x, out Reg) {
			b.Loop(func(*Loop) Reg { return b.Compare(Lt, x, b.ConstU32(9)) },
				func(l *Loop) { b.If(c, func() { b.Continue(l) }, nil); store(b, out, x); b.Continue(l) },
				func(*Loop) { b.Set(x, b.Binary(Add, x, b.ConstU32(1))) })
		}, `
  loop L0 head {
    %4 = lt u32 %x.2, 9u32
  } while %4 body {
    if %c.1 {
      continue L0
    }
    store u32 [@out], %x.2
  } step {
    %6 = add u32 %x.2, 1u32
    %x.2 = mov u32 %6
  }`},
		"do while, once": {func(b *Builder, c, x, out Reg) {
			b.Loop(nil, func(l *Loop) { store(b, out, x); b.Break(l) }, func(*Loop) { t.Error("dead step is built") })
			store(b, out, x)
		}, `
  loop L0 body {
    store u32 [@out], %x.2
    break L0
  }
  store u32 [@out], %x.2`},
		"while false": {func(b *Builder, c, x, out Reg) {
			b.Loop(func(*Loop) Reg { store(b, out, x); return b.ConstBool(false) }, func(*Loop) { t.Error("dead body is built") }, nil)
			b.Loop(func(l *Loop) Reg { b.If(c, func() { b.Break(l) }, nil); return b.ConstBool(false) }, nil, nil)
		}, `
  store u32 [@out], %x.2
  loop L0 head {
    if %c.1 {
      break L0
    }
  } body {
    break L0
  }`},
		"endless": {func(b *Builder, c, x, out Reg) {
			b.Loop(func(*Loop) Reg { return b.ConstBool(true) }, func(*Loop) { store(b, out, x) }, nil)
			store(b, out, x)
		}, `
  loop L0 body {
    store u32 [@out], %x.2
  }`},
		"identities": {func(b *Builder, c, x, out Reg) {
			y := b.Load(U32, AtIndex(out, b.ConstU32(3), 4, 8))
			zero, one := b.ConstU32(0), b.ConstU32(1)
			for _, r := range []Reg{b.Binary(Add, y, zero), b.Binary(Mul, one, y), b.Binary(Shl, y, zero), b.Convert(U32, y), b.Select(b.ConstBool(false), x, y), b.Binary(And, y, b.ConstU32(math.MaxUint32)), b.PtrAdd(At(y, 0))} {
				if r != y {
					t.Errorf("got register %d, want %d", r, y)
				}
			}
			if r := b.Binary(Mul, y, zero); r != zero {
				t.Errorf("got register %d, want 0", r)
			}
			store(b, out, b.Binary(Add, x, zero))
			b.Set(x, x)
		}, `
  %4 = load u32 [@out + 20]
  %9 = mov u32 %x.2
  store u32 [@out], %9`},
	} {
		t.Run(name, func(t *testing.T) {
			got := body(t, tc.build)
			want := strings.TrimPrefix(tc.want, "\n") + "\n"
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// f and i give the bits of constants.
func f(t Type, v float64) uint64 { return FloatBits(t, v) }
func i(v int64) uint64           { return uint64(v) }

func TestFold(t *testing.T) {
	const no = math.MaxUint64 - 99 // not folded
	for _, tc := range []struct {
		op   Op
		t    Type
		from Type
		args []uint64
		want uint64
	}{
		{Add, I32, 0, []uint64{i(math.MaxInt32), 1}, i(math.MinInt32)},
		{Add, U32, 0, []uint64{math.MaxUint32, 1}, 0},
		{Sub, U32, 0, []uint64{0, 1}, math.MaxUint32},
		{Mul, I64, 0, []uint64{i(-3), 5}, i(-15)},
		{Neg, I32, 0, []uint64{i(math.MinInt32)}, i(math.MinInt32)},
		{Abs, I32, 0, []uint64{i(-7)}, 7},
		{Abs, U32, 0, []uint64{0xffffffff}, 0xffffffff},
		{Not, U32, 0, []uint64{1}, 0xfffffffe},
		{Not, Bool, 0, []uint64{1}, 0},
		{Not, I32, 0, []uint64{0}, i(-1)},
		{Div, I32, 0, []uint64{i(-7), 2}, i(-3)},
		{Rem, I32, 0, []uint64{i(-7), 2}, i(-1)},
		{Div, I32, 0, []uint64{7, 0}, no},
		{Rem, U32, 0, []uint64{7, 0}, no},
		{Div, I32, 0, []uint64{i(math.MinInt32), i(-1)}, no},
		{Div, U32, 0, []uint64{0xffffffff, 2}, 0x7fffffff},
		{Shl, I32, 0, []uint64{1, 31}, i(math.MinInt32)},
		{Shl, U32, 0, []uint64{1, 33}, 2},
		{Shr, I32, 0, []uint64{i(-8), 1}, i(-4)},
		{Shr, U32, 0, []uint64{0x80000000, 31}, 1},
		{Shr, I64, 0, []uint64{i(-8), i(-1)}, i(-1)},
		{Clz, I32, 0, []uint64{i(-1)}, 0},
		{Clz, U32, 0, []uint64{0}, 32},
		{Clz, U64, 0, []uint64{1}, 63},
		{Ctz, I32, 0, []uint64{0}, 32},
		{Ctz, U64, 0, []uint64{0}, 64},
		{Popcount, I32, 0, []uint64{i(-1)}, 32},
		{ReverseBits, I32, 0, []uint64{1}, i(math.MinInt32)},
		{Lt, I32, 0, []uint64{i(-1), 0}, 1},
		{Lt, U32, 0, []uint64{0xffffffff, 0}, 0},
		{Ge, I8, 0, []uint64{i(-1), i(-1)}, 1},
		{Max, I32, 0, []uint64{i(-1), 3}, 3},
		{Min, U64, 0, []uint64{math.MaxUint64, 3}, 3},
		{And, Bool, 0, []uint64{1, 0}, 0},
		{MulHi, U32, 0, []uint64{1, 1}, no},

		{Add, F32, 0, []uint64{f(F32, 0.1), f(F32, 0.2)}, uint64(math.Float32bits(float32(0.1) + float32(0.2)))},
		{Add, F16, 0, []uint64{f(F16, 2048), f(F16, 1)}, f(F16, 2048)}, // a tie goes to even
		{Add, F16, 0, []uint64{f(F16, 2048), f(F16, 3)}, f(F16, 2052)},
		{Mul, BF16, 0, []uint64{f(BF16, 1.0078125), f(BF16, 1.0078125)}, f(BF16, 1.015625)},
		{Mul, F16, 0, []uint64{f(F16, 300), f(F16, 300)}, 0x7c00},
		{Mul, F32, 0, []uint64{f(F32, 1e-30), f(F32, 1e-30)}, 0},
		{Mul, F32, 0, []uint64{f(F32, 1e-30), f(F32, 1e-10)}, no}, // subnormal
		{Sub, F32, 0, []uint64{f(F32, math.Inf(1)), f(F32, math.Inf(1))}, no},
		{Div, F32, 0, []uint64{f(F32, 1), f(F32, 3)}, uint64(math.Float32bits(float32(1) / 3))},
		{Div, F64, 0, []uint64{f(F64, 1), f(F64, 3)}, f(F64, 1.0/3)},
		{Div, F32, 0, []uint64{f(F32, 1), 0}, no},
		{Neg, F16, 0, []uint64{0x3c00}, 0xbc00},
		{Neg, F64, 0, []uint64{0}, 1 << 63},
		{Abs, F32, 0, []uint64{f(F32, -2)}, f(F32, 2)},
		{Neg, F32, 0, []uint64{0x7fc00000}, no},
		{Lt, F32, 0, []uint64{f(F32, -1), f(F32, 1)}, 1},
		{Eq, F16, 0, []uint64{0x8000, 0}, 1},
		{Max, F32, 0, []uint64{0x80000000, 0}, 0},
		{Max, F32, 0, []uint64{0, 0x80000000}, 0},
		{Min, F32, 0, []uint64{0x80000000, 0}, 0x80000000},
		{Min, F64, 0, []uint64{0, 1 << 63}, 1 << 63},
		{Max, F32, 0, []uint64{f(F32, 2), f(F32, 3)}, f(F32, 3)},
		{Min, F32, 0, []uint64{f(F32, 2), f(F32, 3)}, f(F32, 2)},
		{Rint, F32, 0, []uint64{f(F32, 2.5)}, f(F32, 2)},
		{Sqrt, F32, 0, []uint64{f(F32, 2)}, uint64(math.Float32bits(float32(math.Sqrt2)))},
		{Sqrt, F32, 0, []uint64{f(F32, -2)}, no},
		{Sin, F32, 0, []uint64{0}, no},
		{IsInf, F32, 0, []uint64{0xff800000}, 1},

		{Convert, I32, F32, []uint64{f(F32, -1.9)}, i(-1)},
		{Convert, I32, F32, []uint64{f(F32, 3e9)}, i(math.MaxInt32)},
		{Convert, U32, F32, []uint64{f(F32, -3)}, 0},
		{Convert, U64, F32, []uint64{f(F32, math.Inf(1))}, math.MaxUint64},
		{Convert, I64, F64, []uint64{f(F64, -1e300)}, i(math.MinInt64)},
		{Convert, I8, F32, []uint64{f(F32, 300)}, 127},
		{Convert, I8, F32, []uint64{f(F32, -300)}, i(-128)},
		{Convert, I32, F32, []uint64{0x7fc00000}, 0},
		{Convert, U32, F32, []uint64{0x7fc00000}, 0},
		{Convert, Bool, F32, []uint64{f(F32, 0.5)}, 1},
		{Convert, Bool, F32, []uint64{0x80000000}, 0},
		{Convert, Bool, I8, []uint64{i(-128)}, 1},
		{Convert, F32, Bool, []uint64{1}, f(F32, 1)},
		{Convert, U8, I32, []uint64{i(-1)}, 255},
		{Convert, I8, U32, []uint64{200}, i(-56)},
		{Convert, U64, I32, []uint64{i(-1)}, math.MaxUint64},
		{Convert, F32, U64, []uint64{1<<24 + 1 | 1<<60}, uint64(math.Float32bits(float32(uint64(1<<24 + 1 | 1<<60))))},
		{Convert, F32, I64, []uint64{i(-1 << 62)}, f(F32, -0x1p62)},
		{Convert, F16, I32, []uint64{100000}, 0x7c00},
		{Convert, F16, F64, []uint64{f(F64, 1+0x1p-11+0x1p-40)}, 0x3c01}, // through F32 it would be a tie
		{Convert, BF16, U64, []uint64{1 << 60}, no},
		{Convert, F16, F32, []uint64{f(F32, 1e-7)}, no}, // subnormal
		{Bitcast, U32, F32, []uint64{f(F32, 1)}, 0x3f800000},
		{Bitcast, I16, BF16, []uint64{0xbf80}, i(int64(int16(-0x4080)))},
		{Bitcast, F32, U16, []uint64{1}, no},
	} {
		got, ok := Fold(tc.op, tc.t, tc.from, tc.args)
		switch {
		case !ok && tc.want != no:
			t.Errorf("%s %s %#x is not folded", tc.op, tc.t, tc.args)
		case ok && got != tc.want:
			t.Errorf("%s %s %#x = %#x, want %#x", tc.op, tc.t, tc.args, got, tc.want)
		}
	}
}

// TestFoldAnything folds every operation on every type and looks only at the
// form of what comes out.
func TestFoldAnything(t *testing.T) {
	vals := []uint64{0, 1, 2, 31, 0x7fff, 0x8000, 0x3c00, 0x7c00, 0x7fffffff, 0x80000000, 0x7f800000, 0x3f800000, 1 << 63, math.MaxUint64}
	for op := range Op(255) {
		for typ := Void; typ < NumTypes+3; typ++ {
			for _, x := range vals {
				for _, y := range vals {
					args := []uint64{Canonical(typ, x), Canonical(typ, y), 0}
					for n := range 4 {
						got, ok := Fold(op, typ, F32, args[:n])
						if r := resultType(op, typ, 0); ok && op != Convert && op != Bitcast && got != Canonical(r, got) {
							t.Fatalf("%s %s %#x = %#x", op, typ, args[:n], got)
						}
					}
				}
			}
		}
	}
}

func TestConstants(t *testing.T) {
	b := NewBuilder("k")
	if b.ConstU32(7) != b.ConstInt(U32, 7) || b.ConstU32(7) == b.ConstI32(7) || b.ConstF32(0) == b.ConstFloat(F32, math.Copysign(0, -1)) {
		t.Error("constants are not told apart by type and bits")
	}
	if v, ok := b.ConstValue(b.ConstInt(I8, 200)); !ok || int64(v) != -56 {
		t.Errorf("got %d %v", int64(v), ok)
	}
	if _, ok := b.ConstValue(b.Var(I32, "x")); ok {
		t.Error("a variable is constant")
	}
	if b.TypeOf(NoReg) != Void || b.TypeOf(1000) != Void {
		t.Error("a register out of range has a type")
	}
}

func TestAnalyze(t *testing.T) {
	b := NewBuilder("k")
	b.Alloc(Alloc{Name: "t", Space: Threadgroup, Size: 100, Align: 4})
	b.Alloc(Alloc{Name: "a", Space: Thread, Size: 8, Align: 4})
	x := b.Var(F32, "x")
	b.If(b.Unary(IsNan, x), func() { b.Barrier(false); b.Set(x, b.Simd(SimdSum, 32, x)); b.Return() }, nil)
	b.Return()
	f := b.Finish()
	if !f.UsesBarrier || !f.UsesSimd {
		t.Error("barrier or simd not found")
	}
	got := Measure(f)
	want := Stats{Instrs: 4, Blocks: 1, Depth: 1, Vars: 1, Temps: 2, ThreadgroupBytes: 100, ThreadBytes: 8}
	if got != want {
		t.Errorf("got %+v, want %+v\n%s", got, want, Print(f))
	}
}
