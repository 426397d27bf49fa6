package codegen_test

// This file implements the tests of constants, bools and names in the text.

import (
	"math"
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

func TestConstants(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct {
		d     dtype.DType
		float bool
		in    []float64
		want  []float64 // nil: in
	}{
		{dtype.Int8, false, []float64{-128, -1, 127}, nil},
		{dtype.Uint8, false, []float64{-1, 255}, []float64{255, 255}},
		{dtype.Int32, false, []float64{math.MinInt32, math.MaxInt32}, nil},
		{dtype.Uint32, false, []float64{-1, 1 << 31}, []float64{math.MaxUint32, 1 << 31}},
		{dtype.Int64, false, []float64{-1 << 52, 1 << 52}, nil},
		{dtype.Uint64, false, []float64{-1, 1 << 40}, []float64{math.MaxUint64, 1 << 40}},
		{dtype.Float32, true, []float64{0.1, -0.1, 1e-30, 1e30, 1e300, -1e300, inf, -inf, 16777217, 2, 1e-45, math.NaN()},
			[]float64{float64(float32(0.1)), float64(float32(-0.1)), float64(float32(1e-30)), float64(float32(1e30)), inf, -inf, inf, -inf, 16777216, 2, math.SmallestNonzeroFloat32, math.NaN()}},
		{dtype.Float64, true, []float64{0.1, -0.1, 1e300, -1e300, inf, -inf, 16777217, -0.5, 5e-324, math.NaN()}, nil},
	} {
		b := define("constants")
		x := b.in("x")
		for _, v := range c.in {
			n := b.Const(v)
			if c.float {
				n = b.Float(v)
			}
			b.out("", b.Select(b.Of(formula.IsNan, x), x, n))
			b.out("", b.Select(b.Of(formula.Lt, x, b.Const(100)), n, x))
		}
		in := []array{dense(c.d, []float64{3}, 1)}
		k, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{})
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == nil {
			want = c.in
		}
		for i, out := range run(t, k, in, nil, true) {
			if w := want[i/2]; out[0] != w && !(math.IsNaN(w) && math.IsNaN(out[0])) {
				t.Errorf("%v as %s is %v, want %v\n%s", c.in[i/2], c.d, out[0], w, k.Source)
			}
		}
	}
}

func TestBools(t *testing.T) {
	b := define("bools")
	x, y, n := b.in("x"), b.in("y"), b.in("n")
	for _, op := range []formula.Op{formula.And, formula.Or, formula.BitAnd, formula.BitOr, formula.BitXor, formula.Min, formula.Max, formula.Eq, formula.Lt, formula.Add, formula.Shl} {
		b.out("", b.Of(op, x, y))
	}
	b.out("", b.Of(formula.Not, n)).out("", b.Of(formula.And, n, x)).out("", b.Select(n, x, y)).out("", b.Of(formula.IsNan, n)).out("", b.Of(formula.Neg, x)).
		out("", b.Of(formula.Sign, n)).out("", b.Of(formula.Float, x)).out("", b.Of(formula.Pow, n, b.Const(2)))
	xs, ys, ns := []float64{0, 0, 1, 1}, []float64{0, 1, 0, 1}, []float64{0, 2, 0, 3}
	in := []array{dense(dtype.Bool, xs, 4), dense(dtype.Bool, ys, 4), dense(dtype.Uint16, ns, 4)}
	k, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{})
	if err != nil {
		t.Fatal(err)
	}
	for o, want := range [][]float64{
		{0, 0, 0, 1}, {0, 1, 1, 1}, {0, 0, 0, 1}, {0, 1, 1, 1}, {0, 1, 1, 0}, {0, 0, 0, 1}, {0, 1, 1, 1}, {1, 0, 0, 1}, {0, 1, 0, 0}, {0, 1, 1, 2}, {0, 0, 1, 2},
		{1, 0, 1, 0}, {0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 0}, {0, 0, -1, -1}, {0, 1, 0, 1}, {0, 0, 1, 1}, {0, 4, 0, 9},
	} {
		got := run(t, k, in, nil, true)[o]
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("output %d of %v, %v, %v is %v, want %v\n%s", o, xs[i], ys[i], ns[i], got[i], want[i], k.Source)
			}
		}
	}
}

func TestKernelNames(t *testing.T) {
	for name, want := range map[string]string{"softmax": "softmax", "a b/c": "a_b_c", "größe": "gr__e", "": "elementwise"} {
		b := define(name)
		b.out("", b.Neg(b.in("x")))
		k, err := codegen.Generate(&b.f, callOf([]array{random(dtype.Float32, 1, 4)}), codegen.Schedule{})
		if err != nil || k.Name != want {
			t.Errorf("the kernel of %q is called %q (%v), want %q", name, k.Name, err, want)
		}
	}
	for l, want := range map[codegen.Layout]string{codegen.Scalar: "scalar", codegen.Strided: "strided", 9: "layout?"} {
		if l.String() != want {
			t.Errorf("layout %d is %q", l, l)
		}
	}
}
