package classic_test

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestAccessors(t *testing.T) {
	k := classic.Must(classic.Unary("k", "x * x", classic.Options{}))
	if k.Kernel() == nil || k.Definition() != nil || k.Source() != classic.ElementwiseUnarySource("x * x", "inp", "out") || k.Name() != "k" {
		t.Errorf("%v %v %s", k.Kernel(), k.Definition(), k.Source())
	}
	d := classic.Must(classic.UnaryFromExpr("d", "kk_relu(x) * c", "", classic.Options{Params: map[string]float64{"c": 3}, Output: zmlx.Float16}))
	if d.Kernel() != nil || d.Definition() == nil || d.Source() != d.Definition().String() {
		t.Errorf("%v %v %s", d.Kernel(), d.Definition(), d.Source())
	}
	y := d.With(map[string]float64{"c": 2}).Call(zmlx.FromSlice([]float32{-1, 4}))
	if y.DType() != zmlx.Float16 {
		t.Errorf("a definition's result is %v", y.DType())
	}
	zmlxtest.Same(t, y.As(zmlx.Float32), []float32{0, 8})
	if reports, err := d.Check(t.Context(), zmlx.Ones(zmlx.Float32, 2)); reports != nil || err != nil {
		t.Errorf("a definition was checked: %v %v", reports, err)
	}
	if err := d.With(map[string]float64{"e": 2}).Call(zmlx.Ones(zmlx.Float32, 2)).Err(); err == nil || !strings.Contains(err.Error(), "d: no parameter e; the parameters are: c") {
		t.Errorf("%v", err)
	}
	if err := k.With(map[string]float64{"e": 2}).Call(zmlx.Ones(zmlx.Float32, 2)).Err(); err == nil || !strings.Contains(err.Error(), "k: no parameter e; the parameters are: none") {
		t.Errorf("%v", err)
	}
}

// Bodies may have template arguments and parameters of their own.
func TestNAryOptions(t *testing.T) {
	o := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "every", Inputs: []string{"x"}, Outputs: []string{"out"},
		Forward: "uint i = thread_position_in_grid.x; if (LAST || i < 2) { out[i] = O(helper(T(x[i * STEP])) * c); }",
		Launch: func(in []*zmlx.Array) zmlx.Launch {
			return zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "STEP", Value: 2}, {Name: "LAST", Value: true}}, OutputShapes: [][]int{{in[0].Size() / 2}}}
		},
	}, classic.Options{Header: "template <typename U> U helper(U x) { return x + 1; }", Params: map[string]float64{"c": 10}, Threadgroup: 4, Output: zmlx.Float32}))
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]int32{1, 2, 3, 4, 5, 6})), []float32{20, 40, 60})
	zmlxtest.Same(t, o.With(map[string]float64{"c": 0.5}).Call(array(zmlx.Float64, []float64{1, 2, 3, 4})), []float32{1, 2})
	clean(t, o, zmlx.Ones(zmlx.Float32, 66))

	// What is only known at a call is reported there.
	bad := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "bad", Inputs: []string{"x"}, Outputs: []string{"out"}, Forward: "out[0] = O(x[0]) + LATER;",
		Launch: func([]*zmlx.Array) zmlx.Launch {
			return zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "N", Value: 2}, {Name: "B", Value: false}}}
		},
	}, classic.Options{}))
	x := zmlx.Ones(zmlx.Float32, 8)
	err := bad.Call(x).Err()
	if err == nil || !strings.Contains(err.Error(), "bad (forward):1:20: no variable LATER") || !strings.Contains(err.Error(), "T is float32, O is float32, N is 2, B is false") {
		t.Errorf("%v", err)
	}
	if _, err := bad.Check(t.Context(), x); err == nil || !strings.Contains(err.Error(), "bad (forward):1:20: no variable LATER") {
		t.Errorf("%v", err)
	}

	// A backward body that does not suit the dtype.
	back := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "back", Inputs: []string{"x"}, Outputs: []string{"out"},
		Forward:  "uint i = thread_position_in_grid.x; out[i] = x[i];",
		Backward: "uint i = thread_position_in_grid.x; dx[i] = T(cotan[i]);",
	}, classic.Options{}))
	grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return back.Call(x).Sum() })
	zmlxtest.Same(t, grad(zmlx.Ones(zmlx.Float32, 2)), []float32{1, 1})
	if err := grad(zmlx.Ones(zmlx.BFloat16, 2)).Err(); err == nil || !strings.Contains(err.Error(), "back (backward):1:") {
		t.Errorf("%v", err)
	}
	zmlxtest.Same(t, grad(zmlx.Zeros(zmlx.Float32, 1, 1).Reshape(1)), []float32{1})
}

// Integers have no gradient, empty arrays empty ones.
func TestGradientsOfNothing(t *testing.T) {
	o := classic.Must(classic.UnaryFromExpr("square", "x * x", "2 * x * g", classic.Options{}))
	outs, grads := zmlx.VJP(func(a ...*zmlx.Array) []*zmlx.Array { return o.Results(a...) },
		[]*zmlx.Array{zmlx.FromSlice([]int32{3})}, []*zmlx.Array{zmlx.FromSlice([]int32{1})})
	zmlxtest.Same(t, outs[0], []int32{9})
	zmlxtest.Same(t, grads[0], []int32{0})
	grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return o.Call(x).Sum() })
	zmlxtest.Same(t, grad(zmlx.Zeros(zmlx.Float32, 0)), []float32{})
	zmlxtest.Same(t, grad(zmlx.Scalar[float32](3)), []float32{6})
}
