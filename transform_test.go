package zmlx_test

// This file implements tests of transforms: derivatives through every operation
// on arrays, nested ones, and what is refused.

import (
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

type arrays = []*zmlx.Array

// one makes a Func of a function with one result.
func one(f func(x arrays) *zmlx.Array) zmlx.Func {
	return func(args ...*zmlx.Array) []*zmlx.Array { return arrays{f(args)} }
}

func TestGrad(t *testing.T) {
	x := zmlx.FromSlice([]float32{1, -2, 3})
	f := func(x *zmlx.Array) *zmlx.Array { return x.Square().Sum() }
	g := zmlx.Grad(f)(x)
	wantValues[float32](t, g, 2, -4, 6)
	if g.DType() != zmlx.Float32 || !slices.Equal(g.Shape(), []int{3}) {
		t.Errorf("gradient is %v%v", g.DType(), g.Shape())
	}
	// A constant result, and one that is the argument itself.
	wantValues[float32](t, zmlx.Grad(func(*zmlx.Array) *zmlx.Array { return zmlx.Scalar[float32](1) })(x), 0, 0, 0)
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x })(zmlx.Scalar[float32](4)), 1)
	// Captured arrays are constants.
	wantValues[float32](t, zmlx.Grad(func(y *zmlx.Array) *zmlx.Array { return y.Mul(x).Sum() })(x), 1, -2, 3)
	for _, d := range []zmlx.DType{zmlx.Float16, zmlx.BFloat16, zmlx.Float64} {
		if g := zmlx.Grad(f)(x.As(d)); g.DType() != d {
			t.Errorf("gradient of %v is %v", d, g.DType())
		} else {
			wantValues[float32](t, g.As(zmlx.Float32), 2, -4, 6)
		}
	}
}

func TestGradsToThirdOrder(t *testing.T) {
	x := zmlx.FromSlice([]float64{-1.5, 0.3, 2})
	f := func(x *zmlx.Array) *zmlx.Array { return x.Tanh().Mul(x.Square()).Sum() }
	sum := func(g func(*zmlx.Array) *zmlx.Array) func(*zmlx.Array) *zmlx.Array {
		return func(x *zmlx.Array) *zmlx.Array { return g(x).Sum() }
	}
	g1 := zmlx.Grad(f)
	g2 := zmlx.Grad(sum(g1))
	g3 := zmlx.Grad(sum(g2))
	for _, g := range []func(*zmlx.Array) *zmlx.Array{f, g1, g2} {
		zmlxtest.CheckGrad(t, one(func(a arrays) *zmlx.Array { return g(a[0]) }), x)
	}
	// The third derivative of x⁴ is 24x; in float32.
	p := zmlx.Grad(sum(zmlx.Grad(sum(zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.PowScalar(4).Sum() })))))
	wantValues[float32](t, p(zmlx.FromSlice([]float32{1, -2, 0.5})), 24, -48, 12)
	if err := g3(x).Err(); err != nil {
		t.Error(err)
	}
	// An inner derivative of what the outer one follows.
	h := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array {
		inner := zmlx.Grad(func(y *zmlx.Array) *zmlx.Array { return y.Mul(x).Mul(y).Sum() })(zmlx.Scalar[float32](3)) // 2yx = 6x
		return inner.Mul(x).Sum()                                                                                     // 6x²
	})
	wantValues[float32](t, h(zmlx.Scalar[float32](2)), 24)
}

func TestHessianVectorProduct(t *testing.T) {
	// f = x0²·x1 + x1³ has the Hessian [[2·x1, 2·x0], [2·x0, 6·x1]].
	f := func(x *zmlx.Array) *zmlx.Array {
		a, b := x.At(0), x.At(1)
		return a.Square().Mul(b).Add(b.PowScalar(3))
	}
	x, v := zmlx.FromSlice([]float64{2, 3}), zmlx.FromSlice([]float64{1, -1})
	grad := one(func(a arrays) *zmlx.Array { return zmlx.Grad(f)(a[0]) })
	_, hv := zmlx.JVP(grad, arrays{x}, arrays{v})
	zmlxtest.AllClose(t, hv[0], []float64{6 - 4, 4 - 18}, 1e-14, 0) // devices differ in pow
	_, reverse := zmlx.VJP(grad, arrays{x}, arrays{v})
	zmlxtest.AllClose(t, reverse[0], []float64{6 - 4, 4 - 18}, 1e-14, 0)
	h := zmlx.Jacobian(zmlx.Grad(f))(x)
	zmlxtest.AllClose(t, h, []float64{6, 4, 4, 18}, 1e-14, 0)
	if !slices.Equal(h.Shape(), []int{2, 2}) {
		t.Errorf("shape is %v", h.Shape())
	}
}

func TestValueAndGrad(t *testing.T) {
	x, y := zmlx.FromSlice([]float32{1, 2}), zmlx.FromSlice([]float32{3, 5})
	n := zmlx.FromSlice([]int32{2, 4})
	f := func(a ...*zmlx.Array) []*zmlx.Array {
		p := a[0].Mul(a[1]).Mul(a[2])
		return arrays{p.Sum(), p, a[2]}
	}
	values, grads := zmlx.ValueAndGrad(f, -1, 0, 1)(x, y, n)
	if len(values) != 3 || len(grads) != 3 {
		t.Fatalf("%d values, %d gradients", len(values), len(grads))
	}
	wantValues[float32](t, values[0], 46)
	wantValues[float32](t, values[1], 6, 40)
	wantValues[int32](t, values[2], 2, 4)
	wantValues[int32](t, grads[0], 0, 0) // of integers
	wantValues[float32](t, grads[1], 6, 20)
	wantValues[float32](t, grads[2], 2, 8)

	for _, c := range []struct {
		name, want string
		f          zmlx.Func
		argnums    []int
	}{
		{"not a scalar", "the function's result is float32[2]; it has to be a float of one element", one(func(a arrays) *zmlx.Array { return a[0] }), nil},
		{"no float", "the function's result is int32", one(func(a arrays) *zmlx.Array { return a[2].Sum() }), nil},
		{"no argument", "there is no argument 3 of 3", f, []int{3}},
		{"no argument from the end", "there is no argument -4 of 3", f, []int{-4}},
		{"twice", "argument 2 is chosen twice", f, []int{2, 0, -1}},
		{"nothing", "the function returns nothing", func(...*zmlx.Array) []*zmlx.Array { return nil }, nil},
		{"failed", "inner lengths 2 and 3 differ", one(func(a arrays) *zmlx.Array { return a[0].MatMul(zmlx.Ones(zmlx.Float32, 3, 1)) }), nil},
	} {
		values, grads := zmlx.ValueAndGrad(c.f, c.argnums...)(x, y, n)
		if len(grads) != max(1, len(c.argnums)) {
			t.Errorf("%s: %d gradients", c.name, len(grads))
		}
		for _, g := range grads {
			if err := g.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "transform_test.go:") {
				t.Errorf("%s: error is %v, want %q and the line", c.name, err, c.want)
			}
		}
		if len(values) == 0 {
			t.Errorf("%s: no values", c.name)
		}
	}
}

func TestVJPAndJVP(t *testing.T) {
	x, y := zmlx.FromSlice([]float32{1, 2}), zmlx.FromSlice([]float32{3, 5})
	f := func(a ...*zmlx.Array) []*zmlx.Array { return arrays{a[0].Mul(a[1]), a[0].Square(), a[1].Gt(a[0])} }
	outs, grads := zmlx.VJP(f, arrays{x, y}, arrays{y, nil, nil})
	wantValues[float32](t, outs[0], 3, 10)
	wantValues[bool](t, outs[2], true, true)
	wantValues[float32](t, grads[0], 9, 25)
	wantValues[float32](t, grads[1], 3, 10)
	_, grads = zmlx.VJP(f, arrays{x, y}, arrays{nil, nil, nil})
	wantValues[float32](t, grads[0], 0, 0)
	outs, tangents := zmlx.JVP(f, arrays{x, y}, arrays{nil, x})
	wantValues[float32](t, outs[1], 1, 4)
	wantValues[float32](t, tangents[0], 1, 4)
	wantValues[float32](t, tangents[1], 0, 0)
	wantValues[bool](t, tangents[2], false, false)

	wantError := func(name, want string, got arrays) {
		t.Helper()
		for _, a := range got {
			if err := a.Err(); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %v, want %q", name, err, want)
			}
			if _, ok := errors.AsType[*zmlx.TransformError](a.Err()); !ok {
				t.Errorf("%s: error is %T", name, a.Err())
			}
		}
	}
	_, grads = zmlx.VJP(f, arrays{x, y}, arrays{y})
	wantError("count", "1 cotangents for 3 arrays", grads)
	_, grads = zmlx.VJP(f, arrays{x, y}, arrays{zmlx.Ones(zmlx.Float32, 3), nil, nil})
	wantError("shape", "cotangent 0 has shape [3], and its array [2]", grads)
	_, tangents = zmlx.JVP(f, arrays{x, y}, arrays{x})
	wantError("count", "1 tangents for 2 arrays", tangents)
	_, tangents = zmlx.JVP(f, arrays{x, y}, arrays{x, zmlx.Scalar[float32](1)})
	wantError("shape", "tangent 1 has shape [], and its array [2]", tangents)
}

func TestJacobian(t *testing.T) {
	x := zmlx.FromSlice([]float64{0.5, -1, 2, 0.25}, 2, 2)
	f := func(x *zmlx.Array) *zmlx.Array { return x.MatMul(x).Softmax() }
	j := zmlx.Jacobian(f)(x)
	if !slices.Equal(j.Shape(), []int{2, 2, 2, 2}) {
		t.Fatalf("shape is %v", j.Shape())
	}
	const h = 1e-6
	got, _ := zmlx.Values[float64](j.Reshape(4, 4))
	v, _ := zmlx.Values[float64](x)
	for k := range v {
		at := func(d float64) []float64 {
			w := slices.Clone(v)
			w[k] += d
			y, err := zmlx.Values[float64](f(zmlx.FromSlice(w, 2, 2)))
			if err != nil {
				t.Fatal(err)
			}
			return y
		}
		up, down := at(h), at(-h)
		for i := range up {
			if want := (up[i] - down[i]) / (2 * h); math.Abs(got[i*4+k]-want) > 1e-8 {
				t.Errorf("[%d, %d] is %v, differences say %v", i, k, got[i*4+k], want)
			}
		}
	}
	if j := zmlx.Jacobian(func(x *zmlx.Array) *zmlx.Array { return x.Slice(zmlx.RangeTo(0)) })(x); !slices.Equal(j.Shape(), []int{0, 2, 2, 2}) {
		t.Errorf("shape is %v, error %v", j.Shape(), j.Err())
	}
}

// Every operation on arrays, with its derivatives in both directions checked
// against differences.
func TestDerivativesOfOperations(t *testing.T) {
	f64 := zmlx.Float64
	n := func(seed uint64, shp ...int) *zmlx.Array { return normal(seed, f64, shp...) }
	pos := func(seed uint64, shp ...int) *zmlx.Array {
		return zmlx.RandomUniform(zmlx.NewKey(seed), 0.2, 0.8, f64, shp...)
	}
	r := func(a, b, c int) zmlx.Range { return zmlx.Range{Start: a, Stop: b, Step: c} }
	index := zmlx.FromSlice([]int32{2, 0, -1, 2, 1, -3}, 2, 3)
	mask := zmlx.FromSlice([]bool{true, false, true})
	for _, c := range []struct {
		name string
		f    func(a arrays) *zmlx.Array
		args arrays
	}{
		{"add", func(a arrays) *zmlx.Array { return a[0].Add(a[1]) }, arrays{n(1, 2, 3), n(2, 3)}},
		{"sub", func(a arrays) *zmlx.Array { return a[0].Sub(a[1]) }, arrays{n(1, 3), n(2, 2, 3)}},
		{"mul outer", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]) }, arrays{n(1, 2, 1), n(2, 1, 3)}},
		{"mul scalar", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]) }, arrays{n(1), n(2, 2, 3)}},
		{"mul of more axes", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]) }, arrays{n(1, 2, 1, 3), n(2, 4, 1)}},
		{"div", func(a arrays) *zmlx.Array { return a[0].Div(a[1]) }, arrays{n(1, 2, 3), pos(2, 2, 1)}},
		{"div by the larger", func(a arrays) *zmlx.Array { return a[0].Div(a[1]) }, arrays{n(1, 1), pos(2, 2, 3)}},
		{"div by integers", func(a arrays) *zmlx.Array { return a[0].Div(a[1]).Add(a[0].Pow(a[1])) }, arrays{n(1, 2, 3), zmlx.FromSlice([]uint32{2, 3, 5, 1, 7, 4}, 2, 3)}},
		{"rem", func(a arrays) *zmlx.Array { return a[0].Rem(a[1]) }, arrays{n(1, 2, 3), pos(2, 3)}},
		{"pow", func(a arrays) *zmlx.Array { return a[0].Pow(a[1]) }, arrays{pos(1, 2, 3), n(2, 3)}},
		{"minimum", func(a arrays) *zmlx.Array { return a[0].Minimum(a[1]) }, arrays{n(1, 2, 3), n(2, 3)}},
		{"maximum", func(a arrays) *zmlx.Array { return a[0].Maximum(a[1]) }, arrays{n(1, 2, 3), n(2, 2, 1)}},
		{"scalars", func(a arrays) *zmlx.Array {
			return a[0].AddScalar(2).MulScalar(-3).PowScalar(2).ScalarDiv(1)
		}, arrays{pos(1, 5)}},
		{"unary", func(a arrays) *zmlx.Array {
			x := a[0]
			return x.Neg().Abs().Add(x.Square()).Add(x.Sqrt()).Add(x.Rsqrt()).Add(x.Exp()).Add(x.Expm1()).Add(x.Log()).Add(x.Log1p()).
				Add(x.Sin()).Add(x.Cos()).Add(x.Tanh()).Add(x.Erf()).Add(x.Sigmoid())
		}, arrays{pos(1, 7)}},
		{"no derivative", func(a arrays) *zmlx.Array { return a[0].Sign().Add(a[0].Floor()).Add(a[0].Ceil()).Add(a[0].Round()) }, arrays{n(1, 5)}},
		{"square twice used", func(a arrays) *zmlx.Array { return a[0].Mul(a[0]).Add(a[0]) }, arrays{n(1, 5)}},
		{"softmax", func(a arrays) *zmlx.Array { return a[0].Softmax() }, arrays{n(1, 2, 5)}},
		{"where", func(a arrays) *zmlx.Array { return zmlx.Where(mask, a[0], a[1]) }, arrays{n(1, 2, 3), n(2, 1)}},
		{"where of compared", func(a arrays) *zmlx.Array { return zmlx.Where(a[0].Gt(a[1]), a[0], a[1].Exp()) }, arrays{n(1, 2, 3), n(2, 3)}},
		{"matmul", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 3, 4), n(2, 4, 2)}},
		{"matmul of vectors", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 4), n(2, 4)}},
		{"vector by matrix", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 4), n(2, 4, 2)}},
		{"matrix by vector", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 3, 4), n(2, 4)}},
		{"batches by matrix", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 2, 3, 4), n(2, 4, 2)}},
		{"batches by batches", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 2, 1, 3, 4), n(2, 3, 4, 2)}},
		{"vector by batches", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, arrays{n(1, 4), n(2, 3, 4, 2)}},
		{"matmul with itself", func(a arrays) *zmlx.Array { return a[0].MatMul(a[0].Transpose()) }, arrays{n(1, 3, 4)}},
		{"reshape", func(a arrays) *zmlx.Array { return a[0].Reshape(4, -1).Mul(a[0].Flatten().Reshape(4, 3)) }, arrays{n(1, 2, 6)}},
		{"reshape of transposed", func(a arrays) *zmlx.Array { return a[0].Transpose().Reshape(12).Square() }, arrays{n(1, 2, 6)}},
		{"transpose", func(a arrays) *zmlx.Array { return a[0].Transpose(2, 0, 1).Mul(a[1]) }, arrays{n(1, 2, 3, 4), n(2, 4, 2, 3)}},
		{"transpose with negative axes", func(a arrays) *zmlx.Array { return a[0].Transpose(-1, 0, -2).Square() }, arrays{n(1, 2, 3, 4)}},
		{"slice", func(a arrays) *zmlx.Array { return a[0].Slice(r(1, 3, 1), r(0, zmlx.End, 2)).Square() }, arrays{n(1, 4, 5)}},
		{"slice backwards", func(a arrays) *zmlx.Array { return a[0].Slice(zmlx.RangeReverse(), r(-2, 0, -2)).Square() }, arrays{n(1, 3, 6)}},
		{"empty slice", func(a arrays) *zmlx.Array { return a[0].Slice(r(2, 2, 1)) }, arrays{n(1, 4)}},
		{"overlapping slices", func(a arrays) *zmlx.Array { return a[0].Slice(r(0, 4, 1)).Mul(a[0].Slice(r(1, 5, 1))) }, arrays{n(1, 5)}},
		{"at", func(a arrays) *zmlx.Array { return a[0].At(-1).Mul(a[0].At(0)).Add(a[0].At(1, -1)) }, arrays{n(1, 3, 4)}},
		{"squeeze and expand", func(a arrays) *zmlx.Array { return a[0].Squeeze(1).ExpandDims(0).ExpandDims(-1).Squeeze().Square() }, arrays{n(1, 3, 1, 2)}},
		{"broadcast", func(a arrays) *zmlx.Array { return a[0].Broadcast(4, 2, 3).Mul(a[1]) }, arrays{n(1, 2, 1), n(2, 4, 2, 3)}},
		{"broadcast of a scalar", func(a arrays) *zmlx.Array { return a[0].Broadcast(2, 3).Square() }, arrays{n(1)}},
		{"concatenate", func(a arrays) *zmlx.Array { return zmlx.Concatenate(1, a[0], a[1], a[0]).Square() }, arrays{n(1, 2, 3), n(2, 2, 1)}},
		{"concatenate from the end", func(a arrays) *zmlx.Array { return zmlx.Concatenate(-1, a[0], a[1]).Square() }, arrays{n(1, 2, 3), n(2, 2, 1)}},
		{"stack", func(a arrays) *zmlx.Array { return zmlx.Stack(1, a[0], a[1]).Square() }, arrays{n(1, 2, 3), n(2, 2, 3)}},
		{"stack at the end", func(a arrays) *zmlx.Array { return zmlx.Stack(-1, a[0], a[1]).Square() }, arrays{n(1, 2, 3), n(2, 2, 3)}},
		{"take", func(a arrays) *zmlx.Array { return a[0].Take(index).Square() }, arrays{n(1, 3, 4)}},
		{"take of a vector", func(a arrays) *zmlx.Array { return a[0].Take(index).Square() }, arrays{n(1, 3)}},
		{"sum", func(a arrays) *zmlx.Array {
			return a[0].Sum(0, 2).Square().Sum().Add(a[0].Sum()).Add(a[0].Sum(-1).Square().Sum())
		}, arrays{n(1, 2, 3, 4)}},
		{"mean", func(a arrays) *zmlx.Array { return a[0].Mean(1).Square().Add(a[0].Mean()) }, arrays{n(1, 2, 3, 4)}},
		{"var", func(a arrays) *zmlx.Array { return a[0].Var(0).Add(a[0].Var(-1, 0).Sum()).Add(a[0].Var()) }, arrays{n(1, 3, 4)}},
		{"prod", func(a arrays) *zmlx.Array { return a[0].Prod(0).Square().Add(a[0].Prod()) }, arrays{n(1, 3, 4)}},
		{"max", func(a arrays) *zmlx.Array { return a[0].Max(0).Square().Add(a[0].Max()) }, arrays{n(1, 3, 4)}},
		{"min", func(a arrays) *zmlx.Array { return a[0].Min(1).Square().Add(a[0].Min()) }, arrays{n(1, 3, 4)}},
		{"logsumexp", func(a arrays) *zmlx.Array { return a[0].LogSumExp(0).Square().Add(a[0].LogSumExp()) }, arrays{n(1, 3, 4)}},
		{"sum of a scalar", func(a arrays) *zmlx.Array { return a[0].Sum().Add(a[0].Mean()).Square() }, arrays{n(1)}},
		{"argmax", func(a arrays) *zmlx.Array { return a[0].Mul(a[0].ArgMax(1).ExpandDims(1)) }, arrays{n(1, 3, 4)}},
		{"any", func(a arrays) *zmlx.Array { return a[0].Mul(a[0].Gt(a[1]).Any(0)) }, arrays{n(1, 3, 4), n(2, 4)}},
		{"contiguous", func(a arrays) *zmlx.Array { return a[0].Transpose().Contiguous().Square() }, arrays{n(1, 3, 4)}},
		{"to the same device", func(a arrays) *zmlx.Array { return a[0].To(a[0].Device()).Square() }, arrays{n(1, 3, 4)}},
		{"integer argument", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]) }, arrays{n(1, 3), zmlx.FromSlice([]int32{1, 2, 3})}},
		{"empty", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).Sum(0) }, arrays{n(1, 0, 3), n(2, 3)}},
	} {
		t.Run(c.name, func(t *testing.T) { zmlxtest.CheckGrad(t, one(c.f), c.args...) })
	}
}

func TestDerivativesOfCasts(t *testing.T) {
	x := zmlx.FromSlice([]float32{1, 2, 3})
	f := func(x *zmlx.Array) *zmlx.Array {
		return x.As(zmlx.Float16).Square().As(zmlx.Float32).Mul(x).As(zmlx.Float64).Sum()
	}
	g := zmlx.Grad(f)(x)
	if g.DType() != zmlx.Float32 {
		t.Errorf("gradient is %v", g.DType())
	}
	wantValues[float32](t, g, 3, 12, 27)
	through := func(x *zmlx.Array) *zmlx.Array { return x.As(zmlx.Int32).As(zmlx.Float32).Mul(x).Sum() }
	wantValues[float32](t, zmlx.Grad(through)(x), 1, 2, 3)
	// Inputs of several dtypes get gradients of their own.
	h := x.As(zmlx.Float16)
	_, grads := zmlx.ValueAndGrad(one(func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).Sum() }), 0, 1)(x, h)
	if grads[0].DType() != zmlx.Float32 || grads[1].DType() != zmlx.Float16 {
		t.Errorf("gradients are %v and %v", grads[0].DType(), grads[1].DType())
	}
	wantValues[float32](t, grads[1].As(zmlx.Float32), 1, 2, 3)
}

func TestStopGradient(t *testing.T) {
	x := zmlx.FromSlice([]float32{2, 3})
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Mul(x.StopGradient()).Sum() })(x), 2, 3)
	_, ts := zmlx.JVP(one(func(a arrays) *zmlx.Array { return a[0].StopGradient() }), arrays{x}, arrays{x})
	wantValues[float32](t, ts[0], 0, 0)
}

func TestTakeOutside(t *testing.T) {
	x := zmlx.FromSlice([]float32{1, 2, 3})
	i := zmlx.FromSlice([]int64{3, -4, 1, 1 << 40})
	wantValues[float32](t, x.Take(i), 0, 0, 2, 0)
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Take(i).Sum() })(x), 0, 1, 0)
	wantValues[float32](t, x.Take(zmlx.Scalar[uint8](2)), 3)
	wantValues[complex64](t, zmlx.FromSlice([]complex64{1, 2i}).Take(zmlx.FromSlice([]int8{-1, 5})), 2i, 0)
	wantValues[bool](t, zmlx.FromSlice([]bool{true, false}).Take(zmlx.FromSlice([]int8{-1, 0})), false, true)
	wantValues[float32](t, zmlx.Zeros(zmlx.Float32, 0).Take(i), 0, 0, 0, 0)
	for want, a := range map[string]*zmlx.Array{
		"a scalar has no positions":     zmlx.Scalar[float32](1).Take(i),
		"have to be integers, not bool": x.Take(zmlx.FromSlice([]bool{true})),
	} {
		if err := a.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q", err, want)
		}
	}
}

// A function can be transformed by many goroutines at once.
func TestTransformsConcurrently(t *testing.T) {
	norm := zmlx.MustDefine("n(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w")
	x, w := normal(1, zmlx.Float32, 4, 33), normal(2, zmlx.Float32, 33)
	f := func(x *zmlx.Array) *zmlx.Array { return norm.Call(x.Tanh(), w).MatMul(w).Square().Sum() }
	want := zmlx.Grad(f)(x)
	outer := func(y *zmlx.Array) *zmlx.Array { // transforms in parallel, of one that runs
		var wg sync.WaitGroup
		parts := make(arrays, 4)
		for i := range parts {
			wg.Go(func() { parts[i] = zmlx.Grad(f)(y.MulScalar(float64(i + 1))).Sum() })
		}
		wg.Wait()
		return zmlx.Stack(0, parts...).Sum()
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			zmlxtest.Same(t, zmlx.Grad(f)(x), want)
			if err := zmlx.Grad(outer)(x).Err(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// Gradients of what was taken more than once are added up in float32.
func TestTakeGradientOfManyRounds(t *testing.T) {
	x := zmlx.Ones(zmlx.BFloat16, 2)
	index := zmlx.Zeros(zmlx.Int32, 1000)
	g := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Take(index).Sum() })(x)
	if g.DType() != zmlx.BFloat16 {
		t.Errorf("the gradient is %v", g.DType())
	}
	wantValues[float32](t, g.As(zmlx.Float32), 1000, 0)
}
