package codegen_test

// This file implements the tests of elementwise kernels.

import (
	"math"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

var schedules = []codegen.Schedule{
	{Group: 32},
	{Group: 64, Vector: 4},
	{Group: 7, Vector: 2, PerThread: 3},
	{Group: 256, PerThread: 4, Wide: true},
	{Group: 128, Vector: 8, Wide: true},
	{Group: 128, Vector: 8, PerThread: 2},
}

// hard are points at which naive formulas fail.
var hard = []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, -2, 3.75, -3.75, 10, -10, 88, -88, 100, -100, 1e4, -1e4, 1e-3, -1e-3, 1e-8, -1e-8,
	1e-30, 1e30, -1e30, math.Inf(1), math.Inf(-1), math.NaN(), 0.25, 0.75, 0.999, -0.999, 1.5, 2.5, -2.5, 4.5}

func TestFunctions(t *testing.T) {
	for op := formula.Neg; op < formula.Select; op++ {
		if op == formula.Not || op == formula.BitNot || op == formula.Recip || op == formula.Cast {
			continue
		}
		t.Run(op.String(), func(t *testing.T) {
			values := hard
			for i := range 300 {
				values = append(values, float64(i-150)*0.037)
			}
			for _, d := range []dtype.DType{dtype.Float32, dtype.Float64} {
				for _, target := range []codegen.Target{codegen.Portable, codegen.Native} {
					b := define("f")
					x := b.in("x")
					f := &b.out("", b.Of(op, x)).f
					in := dense(d, values, len(values))
					c := callOf([]array{in})
					c.Target = target
					k, err := codegen.Generate(f, c, codegen.Schedule{Group: 64, Vector: 2})
					if err != nil {
						t.Fatal(err)
					}
					got := run(t, k, []array{in}, nil, true)[0]
					want := oracle(f, []array{in}, in.shape)[0]
					for i, w := range want {
						g := got[i]
						unit := 0x1p-23
						if d == dtype.Float64 {
							unit = 0x1p-52
						} else {
							w = float64(float32(w))
						}
						// Cancellation in 1 + erf and 1 + tanh is of their definitions; large
						// arguments lose what the constants lack.
						slack := 4 * unit * math.Abs(w)
						switch {
						case op == formula.Gelu || op == formula.GeluTanh:
							slack += 4 * unit * math.Abs(in.values[i])
						case op == formula.Sin || op == formula.Cos || op == formula.Tan:
							slack += unit
						}
						if g != w && !(math.IsNaN(g) && math.IsNaN(w)) && !(math.Abs(g-w) <= slack+1.2e-38) {
							t.Errorf("%s(%v) of %s for target %d is %v, want %v\n%s", op, in.values[i], d, target, g, w, k.Header)
						}
					}
				}
			}
		})
	}
}

func TestBinary(t *testing.T) {
	var a, c []float64
	for _, x := range hard {
		for _, y := range hard {
			a, c = append(a, x), append(c, y)
		}
	}
	for op := formula.Add; op <= formula.Or; op++ {
		if op >= formula.BitAnd && op <= formula.Shr {
			continue
		}
		b := define("f")
		f := &b.out("", b.Of(op, b.in("a"), b.in("b"))).f
		in := []array{dense(dtype.Float64, a, len(a)), dense(dtype.Float64, c, len(c))}
		agree(t, f, in, in[0].shape, codegen.Schedule{Group: 64}, codegen.Portable)
		for _, d := range []dtype.DType{dtype.Float16, dtype.Int32, dtype.Uint8} {
			if (op == formula.Rem || op == formula.Div) && d != dtype.Float16 || op == formula.Pow && d != dtype.Float16 {
				continue
			}
			x, y := random(d, 1, 200), random(d, 2, 200)
			if op == formula.Sub && d == dtype.Uint8 || op == formula.Pow {
				continue
			}
			for _, s := range schedules {
				agree(t, f, []array{x, y}, x.shape, s, codegen.Native)
			}
		}
	}
}

// TestIntegers compares integer operations with Go's.
func TestIntegers(t *testing.T) {
	b := define("f")
	x, y := b.in("x"), b.in("y")
	for _, op := range []formula.Op{formula.Add, formula.Sub, formula.Mul, formula.Rem, formula.BitAnd, formula.BitOr, formula.BitXor, formula.Shl, formula.Shr, formula.Min, formula.Max, formula.Pow, formula.Div} {
		b.out("", b.Of(op, x, y))
	}
	b.out("", b.Of(formula.Neg, x)).out("", b.Of(formula.BitNot, x)).out("", b.Of(formula.Abs, x)).out("", b.Of(formula.Sign, x)).out("", b.Of(formula.Square, x))
	xs, ys := []float64{-128, 127, -7, 7, 100, 0, -1, 3}, []float64{3, 3, 3, 2, 4, 1, 7, 5}
	in := []array{dense(dtype.Int8, xs, 8), dense(dtype.Int8, ys, 8)}
	k, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{Group: 8})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, k, in, nil, true)
	for i := range xs {
		x, y := int8(xs[i]), int8(ys[i])
		power := int8(1)
		for range y {
			power *= x
		}
		abs, sign := max(x, -x), int8(0)
		switch {
		case x > 0:
			sign = 1
		case x < 0:
			sign = -1
		}
		for o, want := range []int8{x + y, x - y, x * y, x % y, x & y, x | y, x ^ y, x << y, x >> y, min(x, y), max(x, y), power, x / y, -x, ^x, abs, sign, x * x} {
			if got[o][i] != float64(want) {
				t.Errorf("output %d of %d, %d is %v, want %d\n%s", o, x, y, got[o][i], want, k.Source)
			}
		}
	}
}

// TestBroadcast puts inputs of every layout together.
func TestBroadcast(t *testing.T) {
	full := []int{3, 4, 5}
	for _, row := range []bool{false, true} {
		b := define("f")
		var sum *formula.Node
		var in []array
		for i, shape := range [][]int{{3, 4, 5}, {5}, {3, 4, 1}, {}, {1, 1}, {3, 1, 5}, {4, 1}, {1, 1, 5}} {
			n := b.in("x")
			b.f.Inputs[i].Name = string(rune('a' + i))
			if n = b.Mul(b.Const(float64(i+1)), n); sum != nil {
				n = b.Add(sum, n)
			}
			sum = n
			in = append(in, random(dtype.Float32, uint64(i), shape...))
		}
		n := b.in("t")
		in = append(in, random(dtype.Float16, 20, full...).flipped())
		sum = b.Add(sum, n)
		g := b.rowIn("g")
		in = append(in, random(dtype.Float32, 21, 3, 4, 1))
		sum = b.Mul(sum, g)
		m := b.rowIn("m")
		in = append(in, random(dtype.Float32, 22, 3, 1, 1))
		sum = b.Mul(sum, m)
		b.out("y", sum)
		if row {
			b.out("total", b.Sum(sum)).out("g2", b.Of(formula.Square, g)).out("wide", b.Add(b.Sum(sum), n))
		}
		layouts := map[codegen.Layout]bool{}
		for _, s := range append(schedules, rowSchedules...) {
			if !row {
				s.InRegisters, s.RowsPerGroup = false, 0
			}
			if row && s.Vector > 1 && s.PerThread > 1 && !s.InRegisters {
				s.PerThread = 0
			}
			k, err := codegen.Generate(&b.f, callOf(in), s)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range k.Args {
				layouts[a.Layout] = true
			}
			agree(t, &b.f, in, full, s, codegen.Portable)
		}
		if len(layouts) != 5 {
			t.Errorf("only the layouts %v", layouts)
		}
	}
}

// TestAlongRows has kernels that go along rows, some of a length that they know.
func TestAlongRows(t *testing.T) {
	for _, d := range []int{64, 96, 128} {
		for _, rows := range []int{1, 2, 5, 9} {
			b := define("f")
			sum := b.in("x")
			for _, name := range []string{"half", "back", "turned", "w", "g"} {
				sum = b.Sub(b.Mul(b.Const(3), sum), b.in(name))
			}
			b.out("", b.Of(formula.Silu, sum)).out("", sum)
			in := []array{
				random(dtype.Float32, 1, rows, d), random(dtype.Float32, 2, rows, d).apart(2*d + 1), random(dtype.Float16, 3, rows, d).reversed(),
				random(dtype.Float32, 4, rows, d).flipped(), random(dtype.Float32, 5, d), random(dtype.Float32, 6, rows, 1),
			}
			for _, s := range []codegen.Schedule{
				{Group: 32, PerThread: 12, Rows: true}, {Group: 32, PerThread: 12, Rows: true, Exact: true},
				{Group: 32, PerThread: d / 32, Rows: true, Exact: true, Wide: true}, {Group: 64, PerThread: d, Rows: true, Exact: true},
				{Group: 32, PerThread: 1, Rows: true, Exact: true}, {Group: 32, PerThread: 2, Rows: true, Exact: true, Wide: true},
			} {
				k, err := codegen.Generate(&b.f, callOf(in), s)
				if err != nil {
					t.Fatal(err)
				}
				if want := s.Exact && d%s.Group == 0 && (s.Group*s.PerThread%d == 0 || d%(s.Group*s.PerThread) == 0); k.Schedule.Exact != want && rows > 1 {
					t.Errorf("rows of %d, %+v: exact is %v", d, s, k.Schedule.Exact)
				}
				agree(t, &b.f, in, in[0].shape, s, codegen.Portable)
			}
		}
	}
}

// TestRowInputMayLackItsAxis gives a row input without the axis of length 1.
func TestRowInputMayLackItsAxis(t *testing.T) {
	b := define("f")
	x, g := b.in("x"), b.rowIn("g")
	b.out("", b.Mul(b.Of(formula.Softmax, x), g))
	for _, shape := range [][]int{{4, 3}, {4, 3, 1}, {4, 1, 1}, {1}, {}} {
		in := []array{random(dtype.Float32, 1, 4, 3, 6), random(dtype.Float32, 2, shape...)}
		k, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{Group: 32})
		if err != nil {
			t.Fatal(err)
		}
		whole := in[1]
		if len(shape) == 2 {
			whole.shape = append(append([]int{}, shape...), 1)
		}
		want := oracle(&b.f, []array{in[0], whole}, in[0].shape)[0]
		if diff := near(run(t, k, in, nil, true)[0], want, 6, 1e-6); diff != "" {
			t.Errorf("%v: %s\n%s", shape, diff, k.Source)
		}
	}
	_, err := codegen.Generate(&b.f, callOf([]array{random(dtype.Float32, 1, 4, 3, 6), random(dtype.Float32, 2, 3)}), codegen.Schedule{})
	if err == nil {
		t.Error("a row input of shape (3) passes for one of (4, 3)")
	}
}

func TestEmpty(t *testing.T) {
	for _, shape := range [][]int{{0}, {0, 5}, {5, 0}, {2, 0, 3}} {
		for _, f := range []*formula.Formula{softmax(), rmsnorm()} {
			var in []array
			for range f.Inputs {
				in = append(in, random(dtype.Float32, 1, shape...))
			}
			agree(t, f, in, shape, codegen.Schedule{Group: 64}, codegen.Portable)
		}
	}
	b := define("f")
	x := b.in("x")
	for _, op := range []formula.Op{formula.Sum, formula.Prod, formula.Mean, formula.Var, formula.LogSumExp} {
		b.out("", b.Of(op, x))
	}
	b.out("", b.Of(formula.Any, b.Of(formula.Gt, x, b.Const(0)))).out("", b.Of(formula.All, b.Of(formula.Gt, x, b.Const(0))))
	in := []array{random(dtype.Float32, 1, 2, 0)}
	for _, s := range []codegen.Schedule{{Group: 1}, {Group: 32}, {Group: 96}, {Group: 100}, {Group: 32, InRegisters: true}} {
		agree(t, &b.f, in, []int{2, 0}, s, codegen.Portable)
	}
	for _, op := range []formula.Op{formula.MaxOf, formula.MinOf, formula.ArgMax, formula.ArgMin} {
		b := define("f")
		b.out("", b.Of(op, b.in("x")))
		if _, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{}); err == nil {
			t.Errorf("%s of empty rows gives no error", op)
		}
	}
}

// TestExtremes looks at NaN, infinities and ties.
func TestExtremes(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	rows := [][]float64{{-inf, -inf, -inf, -inf, -inf}, {1, nan, 3, nan, 2}, {2, 7, 7, -1, -1}, {-inf, 1, inf, 0, 0}, {nan, nan, nan, nan, nan}, {-inf, -inf, 1, -inf, -inf}}
	plain := append([][]float64{}, rows...)
	plain[3] = []float64{-inf, 1, 0, 0, 0}
	var values, noInf []float64
	for range 20 { // also over several simdgroups
		for _, r := range rows {
			values = append(values, r...)
		}
		for _, r := range plain {
			noInf = append(noInf, r...)
		}
	}
	f := statistics()
	b := define("softmax")
	sm := &b.out("", b.Of(formula.Softmax, b.in("x"))).f
	for _, d := range []dtype.DType{dtype.Float32, dtype.Float16, dtype.Float64} {
		for _, shape := range [][]int{{120, 5}, {1, 600}, {6, 100}} {
			for _, s := range []codegen.Schedule{{Group: 1}, {Group: 32}, {Group: 64}, {Group: 70}, {Group: 1024}, {Group: 3},
				{Group: 1, Online: true}, {Group: 32, Online: true, RowsPerGroup: 4}, {Group: 64, Online: true}, {Group: 256, Vector: 4, Online: true}} {
				in := []array{dense(d, values, shape...)}
				agree(t, f, in, shape, s, codegen.Portable)
				agree(t, sm, []array{dense(d, noInf, shape...)}, shape, s, codegen.Portable)
			}
		}
	}
}

// TestSoftmaxOfInfinity: a row with +inf has no softmax, and says so throughout.
func TestSoftmaxOfInfinity(t *testing.T) {
	in := []array{dense(dtype.Float32, []float64{1, math.Inf(1), 2, math.Inf(-1)}, 4)}
	for _, s := range []codegen.Schedule{{Group: 32}, {Group: 32, Online: true}, {Group: 1, Online: true}} {
		k, err := codegen.Generate(softmax(), callOf(in), s)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range run(t, k, in, nil, true)[0] {
			if !math.IsNaN(v) {
				t.Errorf("element %d is %v\n%s", i, v, k.Source)
			}
		}
	}
}

// TestCast rounds as storing does.
func TestCast(t *testing.T) {
	b := define("f")
	x := b.in("x")
	third := b.Mul(b.Float(1.0/3), x)
	types := []dtype.DType{dtype.Float16, dtype.BFloat16, dtype.Float32, dtype.Int8, dtype.Bool, dtype.Uint32, dtype.Float64}
	for _, d := range types {
		b.out("", b.Cast(third, d))
	}
	values := []float64{0, 1, 2.5, 100, 7, 300}
	for _, d := range []dtype.DType{dtype.Float32, dtype.Float64} {
		in := []array{dense(d, values, len(values))}
		f := b.f
		if d == dtype.Float32 {
			f.Outputs = f.Outputs[:len(types)-1]
		}
		k, err := codegen.Generate(&f, callOf(in), codegen.Schedule{Group: 32})
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, k, in, nil, true)
		for o := range f.Outputs {
			if k.OutputDTypes[o] != types[o] {
				t.Errorf("output %d is %s", o, k.OutputDTypes[o])
			}
			for i, v := range values {
				v *= 1.0 / 3
				if d == dtype.Float32 {
					v = float64(float32(values[i]) * float32(1.0/3))
				}
				if want := decode(types[o], encode(nil, types[o], v)); got[o][i] != want {
					t.Errorf("%v as %s is %v, want %v\n%s", v, types[o], got[o][i], want, k.Source)
				}
			}
		}
	}
}

// TestWhole has kernels that know that their vectors are whole, some of which
// know the length of rows, too.
func TestWhole(t *testing.T) {
	const rows = 16
	for _, d := range []int{64, 96, 100} {
		b := define("f")
		sum := b.in("x")
		for _, name := range []string{"half", "turned", "w", "g"} {
			sum = b.Sub(b.Mul(b.Const(3), sum), b.in(name))
		}
		b.out("", b.Of(formula.Silu, sum)).out("", sum)
		in := []array{
			random(dtype.Float16, 1, rows, d), random(dtype.Float16, 2, rows, d).apart(2 * d), random(dtype.Float16, 3, rows, d).flipped(),
			random(dtype.Float16, 4, d), random(dtype.Float16, 5, rows, 1),
		}
		for _, s := range []codegen.Schedule{
			{Group: 32, Vector: 8, Whole: true}, {Group: 32, Vector: 8, PerThread: 2, Whole: true, Exact: true},
			{Group: 64, Vector: 4, PerThread: 2, Whole: true, Exact: true, Wide: true}, {Group: 32, Vector: 1, Whole: true, Exact: true},
		} {
			k, err := codegen.Generate(&b.f, callOf(in), s)
			if err != nil {
				t.Fatal(err)
			}
			if want := s.Vector > 1 && rows*d%(s.Group*s.Vector*max(s.PerThread, 1)) == 0; k.Schedule.Whole != want || k.Schedule.Exact != (want && s.Exact) || slices.Contains(k.InputNames, "n") == want {
				t.Errorf("rows of %d, %+v: %+v of %v", d, s, k.Schedule, k.InputNames)
			}
			agree(t, &b.f, in, in[0].shape, s, codegen.Portable)
		}
	}
	x := codegen.Input{DType: dtype.Float16, Shape: []int{4096, 1024}, Strides: []int{2048, 1}}
	b := define("swiglu")
	b.out("", b.Mul(b.Of(formula.Silu, b.in("a")), b.in("b")))
	for _, l := range []codegen.Limits{{}, {CPU: true}} {
		if s := codegen.DefaultSchedule(&b.f, codegen.Call{Inputs: []codegen.Input{x, x}}, l); s.Whole == l.CPU {
			t.Errorf("%+v: %+v", l, s)
		}
	}
}
