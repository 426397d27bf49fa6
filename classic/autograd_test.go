package classic_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// slope is the central difference of f at x.
func slope(f func(x float64) float64, x float64) float64 {
	const h = 1e-5
	return (f(x+h) - f(x-h)) / (2 * h)
}

func silu(x float64) float64 { return x / (1 + math.Exp(-x)) }

// checkUnary compares the op with f, and its derivatives, forward and reverse,
// with differences of f.
func checkUnary(t *testing.T, o *classic.Op, f func(x float64) float64) {
	t.Helper()
	for d, tol := range floats {
		for _, n := range lengths {
			x, g := array(d, wave(n, 0.4)), array(d, wave(n, 1))
			xs, gs := values(t, x), values(t, g)
			want, grad := make([]float64, n), make([]float64, n)
			for i, v := range xs {
				want[i], grad[i] = f(v), gs[i]*slope(f, v)
			}
			what := fmt.Sprint(o.Name(), d, n)
			run := func(args ...*zmlx.Array) []*zmlx.Array { return o.Results(args...) }
			outs, grads := zmlx.VJP(run, []*zmlx.Array{x}, []*zmlx.Array{g})
			near(t, what, outs[0], want, 2*tol)
			near(t, what+" reverse", grads[0], grad, max(2*tol, 1e-9))
			_, tangents := zmlx.JVP(run, []*zmlx.Array{x}, []*zmlx.Array{g})
			near(t, what+" forward", tangents[0], grad, max(2*tol, 1e-9))
			if grads[0].DType() != d || tangents[0].DType() != d {
				t.Errorf("%s: derivatives are %v and %v", what, grads[0].DType(), tangents[0].DType())
			}
		}
	}
}

func TestUnaryFromExpr(t *testing.T) {
	hand := classic.Must(classic.UnaryFromExpr("silu", "x * s", "g * (s + y * (T(1) - s))", classic.Options{Prelude: "T s = kk_sigmoid(x);"}))
	checkUnary(t, hand, silu)
	clean(t, hand, array(zmlx.BFloat16, wave(65, 0)))
	clean(t, hand, zmlx.Scalar[float32](1))

	prelude := classic.Must(classic.UnaryFromExpr("silu", "kk_silu(x)", "g * (s + y - y * s)", classic.Options{VJPPrelude: "T s = kk_sigmoid(x);"}))
	checkUnary(t, prelude, silu)

	derived := classic.Must(classic.UnaryFromExpr("silu", "x * kk_sigmoid(x * T(1))", "", classic.Options{}))
	checkUnary(t, derived, silu)
	// Derived ones have all orders.
	second := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array {
		return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return derived.Call(x).Sum() })(x).Sum()
	})
	near(t, "second derivative", second(array(zmlx.Float64, []float64{0.5})), []float64{slope(func(x float64) float64 { return slope(silu, x) }, 0.5)}, 1e-4)

	// Of a hand-written one the second derivative is an error, not a zero.
	second = zmlx.Grad(func(x *zmlx.Array) *zmlx.Array {
		return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return hand.Call(x).Sum() })(x).Sum()
	})
	if err := second(zmlx.Ones(zmlx.Float32, 3)).Err(); err == nil || !strings.Contains(err.Error(), "kernel silu_vjp: it has no derivative") {
		t.Errorf("second derivative: %v", err)
	}
	// And so is the first of an op without any.
	none := classic.Must(classic.Unary("none", "x * x", classic.Options{}))
	grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return none.Call(x).Sum() })
	if err := grad(zmlx.Ones(zmlx.Float32, 3)).Err(); err == nil || !strings.Contains(err.Error(), "kernel none: it has no derivative") {
		t.Errorf("no derivative: %v", err)
	}
}

// Near saturation 1 - y*y of a rounded y has no digits left.
func TestValueIsNotRounded(t *testing.T) {
	o := classic.Must(classic.UnaryFromExpr("tanh", "metal::tanh(x)", "g * (T(1) - y * y)", classic.Options{}))
	for _, d := range []zmlx.DType{zmlx.Float16, zmlx.BFloat16} {
		g := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return o.Call(x).Sum() })(array(d, []float64{4}))
		want := 1 - math.Tanh(4)*math.Tanh(4)
		if v := values(t, g)[0]; math.Abs(v-want) > 0.01*want {
			t.Errorf("%v: the slope of tanh at 4 is %v, want %v", d, v, want)
		}
	}
}

func TestBinaryFromExpr(t *testing.T) {
	f := func(a, b float64) float64 { return silu(a) * b * 1.5 }
	params := map[string]float64{"scale": 1.5}
	ops := map[string]*classic.Op{
		"hand": classic.Must(classic.BinaryFromExpr("silu_mul", "kk_silu(a) * b * scale",
			"g * b * scale * (s + a * s * (1 - s))", "g * scale * a * s", classic.Options{VJPPrelude: "T s = kk_sigmoid(a);", Params: params})),
		"derived":       classic.Must(classic.BinaryFromExpr("silu_mul", "kk_silu(a) * b * scale", "", "", classic.Options{Params: params})),
		"n-ary":         classic.Must(classic.NAryFromExpr("silu_mul", []string{"p", "q"}, "kk_silu(p) * q * scale", []string{"g * q * scale * (s + p * s * (1 - s))", "g * scale * p * s"}, classic.Options{VJPPrelude: "T s = kk_sigmoid(p);", Params: params})),
		"derived n-ary": classic.Must(classic.NAryFromExpr("silu_mul", []string{"p", "q"}, "kk_silu(p) * q * scale", nil, classic.Options{Params: params})),
	}
	for name, o := range ops {
		for d, tol := range floats {
			for _, n := range lengths {
				const rows = 3
				a, b, g := array(d, wave(rows*n, 0.4), rows, n), array(d, wave(n, 1), n), array(d, wave(rows*n, 2), rows, n)
				as, bs, gs := values(t, a), values(t, b), values(t, g)
				want, da, db := make([]float64, rows*n), make([]float64, rows*n), make([]float64, n)
				tan := make([]float64, rows*n)
				for i := range want {
					x, y := as[i], bs[i%n]
					want[i] = f(x, y)
					da[i] = gs[i] * slope(func(x float64) float64 { return f(x, y) }, x)
					db[i%n] += gs[i] * silu(x) * 1.5
					tan[i] = da[i] + bs[i%n]*silu(x)*1.5
				}
				what := fmt.Sprint(name, d, n)
				run := func(args ...*zmlx.Array) []*zmlx.Array { return o.Results(args...) }
				outs, grads := zmlx.VJP(run, []*zmlx.Array{a, b}, []*zmlx.Array{g})
				near(t, what, outs[0], want, 4*tol)
				near(t, what+" by a", grads[0], da, max(4*tol, 1e-9))
				near(t, what+" by b", grads[1], db, max(4*tol, 1e-9))
				_, tangents := zmlx.JVP(run, []*zmlx.Array{a, b}, []*zmlx.Array{g, b})
				near(t, what+" forward", tangents[0], tan, max(6*tol, 1e-9))
			}
		}
	}
	clean(t, ops["hand"], zmlx.Ones(zmlx.Float16, 33), zmlx.Ones(zmlx.Float16, 33))
	clean(t, ops["n-ary"], zmlx.Ones(zmlx.Float32, 33), zmlx.Ones(zmlx.Float32, 33))

	// What is no float has no gradient, and does not upset those that have.
	masked := classic.Must(classic.NAryFromExpr("masked", []string{"keep", "p"}, "keep ? p * p : T(0)", []string{"0", "keep ? 2 * p * g : T(0)"}, classic.Options{}))
	keep, p := zmlx.FromSlice([]bool{true, false, true}), zmlx.FromSlice([]float32{1, 2, 3})
	_, grads := zmlx.ValueAndGrad(func(args ...*zmlx.Array) []*zmlx.Array { return []*zmlx.Array{masked.Call(args...).Sum()} }, 0, 1)(keep, p)
	zmlxtest.Same(t, grads[1], []float32{2, 0, 6})
	zmlxtest.Same(t, grads[0], []bool{false, false, false})
}

func TestNAryFromSource(t *testing.T) {
	const forward = `
		uint i = thread_position_in_grid.x;
		T u = T(x[i]), v = T(w[i]);
		prod[i] = O(u * v);
		total[i] = O(u + v);
	`
	const backward = `
		uint i = thread_position_in_grid.x;
		T gp = T(cotan_prod[i]), gt = T(cotan_total[i]);
		dx[i] = O(gp * T(w[i]) + gt);
		dw[i] = O(gp * T(x[i]) + gt);
	`
	o := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "both", Inputs: []string{"x", "w"}, Outputs: []string{"prod", "total"}, Forward: forward, Backward: backward,
	}, classic.Options{}))
	for d, tol := range floats {
		for _, n := range lengths {
			x, w, gp, gt := array(d, wave(n, 0)), array(d, wave(n, 1)), array(d, wave(n, 2)), array(d, wave(n, 3))
			outs, grads := zmlx.VJP(func(a ...*zmlx.Array) []*zmlx.Array { return o.Results(a...) }, []*zmlx.Array{x, w}, []*zmlx.Array{gp, gt})
			what := fmt.Sprint(d, n)
			xs, ws, ps, ts := values(t, x), values(t, w), values(t, gp), values(t, gt)
			for i := range xs {
				xs[i], ws[i], ps[i], ts[i] = xs[i]*ws[i], xs[i]+ws[i], ps[i]*ws[i]+ts[i], ps[i]*xs[i]+ts[i]
			}
			near(t, what, outs[0], xs, tol)
			near(t, what, outs[1], ws, tol)
			near(t, what, grads[0], ps, tol)
			near(t, what, grads[1], ts, tol)
		}
	}
	clean(t, o, zmlx.Ones(zmlx.BFloat16, 33), zmlx.Ones(zmlx.BFloat16, 33))
	if err := o.Call(zmlx.Ones(zmlx.Float32, 3), zmlx.Ones(zmlx.Float32, 4)).Err(); err == nil || !strings.Contains(err.Error(), "both: shapes [3], [4]: inputs of different shapes need a Launch") {
		t.Errorf("%v", err)
	}

	// Shapes of one's own: a row sum and its gradient.
	rows := func(in []*zmlx.Array) zmlx.Launch {
		return zmlx.Launch{Grid: [3]int{in[0].Dim(0), 1, 1}, OutputShapes: [][]int{{in[0].Dim(0)}}}
	}
	sum := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "row_sum", Inputs: []string{"x"}, Outputs: []string{"out"}, Launch: rows, BackwardLaunch: rows,
		Forward:  "uint r = thread_position_in_grid.x; T s = 0; for (int j = 0; j < x_shape[1]; ++j) { s += T(x[r * x_shape[1] + j]); } out[r] = O(s);",
		Backward: "uint r = thread_position_in_grid.x; for (int j = 0; j < x_shape[1]; ++j) { dx[r * x_shape[1] + j] = cotan[r]; }",
	}, classic.Options{}))
	x := zmlx.Arange(0, 12, 1, zmlx.Float32).Reshape(3, 4)
	zmlxtest.Same(t, sum.Call(x), []float32{6, 22, 38})
	g := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return sum.Call(x).Mul(zmlx.FromSlice([]float32{1, 2, 3})).Sum() })(x)
	zmlxtest.Same(t, g, []float32{1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3})
	if _, tangents := zmlx.JVP(func(a ...*zmlx.Array) []*zmlx.Array { return sum.Results(a...) }, []*zmlx.Array{x}, []*zmlx.Array{x}); tangents[0].Err() == nil {
		t.Error("a kernel body has a forward derivative")
	}
}
