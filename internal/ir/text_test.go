package ir

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/source"
)

func roundTrip(t *testing.T, f *Func) {
	t.Helper()
	if err := Verify(f); err != nil {
		t.Fatalf("%v\n%s", err, Print(f))
	}
	text := Print(f)
	g, err := Parse("text", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := Verify(g); err != nil {
		t.Fatalf("parsed: %v\n%s", err, text)
	}
	if d := cmp.Diff(text, Print(g)); d != "" {
		t.Fatalf("text changed (-first +second):\n%s", d)
	}
	if f.UsesBarrier != g.UsesBarrier || f.UsesSimd != g.UsesSimd || Measure(f).Instrs != Measure(g).Instrs {
		t.Fatalf("parsed %+v, printed %+v", Measure(g), Measure(f))
	}
}

func TestRandomRoundTrip(t *testing.T) {
	seen := map[Op]bool{}
	for seed := range uint64(400) {
		f := randomFunc(seed, 200)
		roundTrip(t, f)
		f.Body.Instrs(func(in *Instr) bool { seen[in.Op] = true; return true })
	}
	for op := BadOp + 1; op < NumOps; op++ {
		if !seen[op] {
			t.Errorf("no random function uses %s", op)
		}
	}
}

// saxpy is y = a*x + y with the pieces that a lowering produces.
func saxpy(set *source.Set) *Func {
	b := NewBuilder("saxpy")
	b.Func().Set = set
	a := b.Param(Param{Name: "a", Elem: F32, Lanes: 1, Space: Constant})
	x := b.Param(Param{Name: "x", Elem: F32, Lanes: 1, Space: Device})
	y := b.Param(Param{Name: "y", Elem: F32, Lanes: 1, Space: Device, Output: true})
	if set != nil {
		b.SetSpan(source.Span{Pos: 1, End: 2})
	}
	i := b.Var(U32, "i")
	b.Set(i, b.Special(ThreadPositionInGrid))
	b.If(b.Compare(Lt, i, b.ConstU32(100)), func() {
		v := b.Binary(Mul, b.Load(F32, At(a, 0)), b.Load(F32, AtIndex(x, i, 4, 0)))
		b.Store(F32, AtIndex(y, i, 4, 0), b.Binary(Add, v, b.Load(F32, AtIndex(y, i, 4, 0))))
	}, nil)
	return b.Finish()
}

const saxpyText = `kernel saxpy {
  param @a constant f32
  param @x device f32
  param @y device f32 output
  var %i.3 u32
  %4 = special thread_position_in_grid.x
  %i.3 = mov u32 %4
  %6 = lt u32 %i.3, 100u32
  if %6 {
    %7 = load f32 [@a]
    %8 = load f32 [@x + %i.3*4]
    %9 = mul f32 %7, %8
    %10 = load f32 [@y + %i.3*4]
    %11 = add f32 %9, %10
    store f32 [@y + %i.3*4], %11
  }
}
`

func TestPrint(t *testing.T) {
	f := saxpy(nil)
	roundTrip(t, f)
	if d := cmp.Diff(saxpyText, Print(f)); d != "" {
		t.Error(d)
	}
	set := &source.Set{}
	set.Add("k", "abc\n")
	if got := PrintPositions(saxpy(set)); !strings.Contains(got, "@x + %i.3*4] // 1:1\n") {
		t.Errorf("no positions in\n%s", got)
	}
}

func TestStructuredText(t *testing.T) {
	const text = `kernel "odd name" contract {
  param @x device f32x2 output atomic
  param @_x.1 "x.x" constant bf16
  alloc @t threadgroup 64 align 16 void
  alloc @c constant 2 align 2 u16 = "ff01"
  var %p.1 ptr.threadgroup
  var %2 i32
  %p.1 = ptradd ptr.threadgroup [@t + %2*-4 - 9223372036854775808]
  loop L0 head {
    %3 = load u16 [@c + 1]
    %4 = convert bool from u16 %3
  } while %4 body {
    scope S1 "inner \"f\"" {
      if %4_ {
        leave S1
      } else {
        continue L0
      }
    }
    loop L2 body {
      break L0
    }
  } step {
    barrier simdgroup
    %5, %6 = atomic_cas u32 [@x], 1u32, 4294967295u32
    atomic_add f32 [@x + 4], -0f32
    %7 = simd_shuffle_up.32.fast f16 0x7e01:f16, 1u32
    %8 = bitcast u16 from bf16 -inf:bf16
    %9 = ptrsub ptr @x, null:device / 8
    %10 = simd_active.4 u64
    %11 = fma f64 0.1f64, 1e-300f64, 0x7ff8000000000001:f64
  }
  return
}
`
	fixed := strings.Replace(strings.Replace(text, "%4_", "true", 1), "@_x.1", "@x_x.1", 1)
	f, err := Parse("t", fixed)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, f)
	if d := cmp.Diff(fixed, Print(f)); d != "" {
		t.Error(d)
	}
	if _, err := Parse("t", text); err == nil || !strings.Contains(err.Error(), `t:14: malformed register "%4_"`) {
		t.Errorf("got %v", err)
	}
}

func TestConstText(t *testing.T) {
	for typ := Bool; typ < Ptr; typ++ {
		for _, bits := range []uint64{0, 1, 2, 3, 0x7c00, 0x7c01, 0xfc00, 0x7f80, 0x7f81, 0xff80, 0x8000, 0x3f80,
			0x7f800000, 0x7fc00001, 0xff800000, 0x80000000, 0x3dcccccd, 0x00000001, 0x7f7fffff,
			math.Float64bits(0.1), math.Float64bits(math.NaN()), math.Float64bits(math.Inf(-1)), 1 << 63, math.MaxUint64} {
			bits = Canonical(typ, bits)
			text := constText(typ, NoSpace, bits)
			k, ok := parseConst(text)
			if !ok || k != (constKey{typ, NoSpace, bits}) {
				t.Errorf("%s %#x prints as %s, which reads as %+v %v", typ, bits, text, k, ok)
			}
		}
	}
	for bits := range uint64(1 << 16) {
		for _, typ := range []Type{F16, BF16} {
			if k, ok := parseConst(constText(typ, NoSpace, bits)); !ok || k.bits != bits {
				t.Fatalf("%s %#x prints as %s", typ, bits, constText(typ, NoSpace, bits))
			}
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct{ body, want string }{
		{"}", `t:3: unexpected "}" after the kernel`},
		{"%1 = add f32 %0, %0", `t:2: %0 is used before it is assigned`},
		{"%1 = addd f32 1f32, 1f32", `t:2: unknown operation "addd"`},
		{"%1 = add f33 1f32, 1f32", `unknown type "f33"`},
		{"%1 = add f32 300u8, 1f32", `malformed operand "300u8"`},
		{"%1 = add.slow f32 1f32, 1f32", `unknown suffix`},
		{"%1 = simd_sum f32 1f32", `simd_sum needs a width`},
		{"%1 = mov u32 1u32\n%1 = mov u32 1u32", `t:3: %1 is assigned a second time`},
		{"%1 = mov u32 1u32\n%x.1 = mov u32 1u32", `t:3: register 1 is written %1 and %x.1`},
		{"%1, %2 = add u32 1u32, 1u32", `add has no result 2`},
		{"%99999999 = mov u32 1u32", `too large`},
		{"break L0", `no enclosing loop or scope is called L0`},
		{"store u32 [@x], 1u32", `@x is not declared`},
		{"if true { ] }", `expected a statement, found "]"`},
		{"mov u32 1u32 2u32", `unexpected "2u32"`},
		{"alloc @x thread 4 align 4 f32 = \"0\"", `contents: `},
		{"alloc @x thread 4 align 4 f32\nparam @x device f32", `@x is declared twice`},
		{"special nothing", `unknown thread attribute "nothing"`},
		{"scope S \"", `string without an end`},
		{"é", `unexpected character 'é'`},
		{strings.Repeat("if true {\n", 2000), `nest more than 1000 deep`},
		{"if true {", `found the end of the text`},
	} {
		_, err := Parse("t", "kernel k {\n"+tc.body+"\n}")
		if tc.want == `found the end of the text` {
			_, err = Parse("t", "kernel k {\n"+tc.body)
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%.40q: got %v, want %s", tc.body, err, tc.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(saxpyText)
	for seed := range uint64(3) {
		f.Add(Print(randomFunc(seed, 40)))
	}
	f.Add("kernel k {\n loop L0 while true body {\n break L0 } step { }\n}")
	f.Fuzz(func(t *testing.T, text string) {
		fn, err := Parse("fuzz", text)
		if err != nil {
			return
		}
		Print(fn)
		if Verify(fn) == nil {
			roundTrip(t, fn)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add(uint64(1), 10)
	f.Fuzz(func(t *testing.T, seed uint64, n int) {
		roundTrip(t, randomFunc(seed, min(n, 500)))
	})
}
