package zmlx_test

// This file implements tests of hand-written derivatives: of custom functions
// and of kernels.

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestCustom(t *testing.T) {
	x, y := zmlx.FromSlice([]float32{1, 2}), zmlx.FromSlice([]float32{3, 5})
	captured := y
	var sawZero bool
	c := zmlx.Custom{
		Name:    "twisted",
		Forward: func(a ...*zmlx.Array) []*zmlx.Array { return arrays{a[0].Mul(a[1]).Mul(captured), a[0].Neg()} },
		VJP: func(primals, ct, outputs []*zmlx.Array) []*zmlx.Array {
			zero, _ := zmlx.Equal(ct[1], zmlx.ZerosLike(primals[0]))
			sawZero = zero && len(outputs) == 2
			return arrays{ct[0].MulScalar(100), nil}
		},
		JVP: func(primals, tangents []*zmlx.Array) []*zmlx.Array {
			return arrays{tangents[0].MulScalar(1000), nil}
		},
	}
	outs := c.Call(x, y)
	wantValues[float32](t, outs[0], 9, 50)
	_, grads := zmlx.ValueAndGrad(one(func(a arrays) *zmlx.Array { return c.Call(a[0], a[1])[0].Sum() }), 0, 1)(x, y)
	wantValues[float32](t, grads[0], 100, 100)
	wantValues[float32](t, grads[1], 0, 0)
	if !sawZero {
		t.Error("the cotangent of the result that is not used is not zeros")
	}
	_, ts := zmlx.JVP(c.Call, arrays{x, y}, arrays{x, nil})
	wantValues[float32](t, ts[0], 1000, 2000)
	wantValues[float32](t, ts[1], 0, 0)
	// What Forward captures is constant, whether or not its arguments are followed.
	g := zmlx.Grad(func(w *zmlx.Array) *zmlx.Array {
		captured = w
		return c.Call(x, y)[0].Sum()
	})(y)
	wantValues[float32](t, g, 0, 0)
	captured = y

	// What is not given is derived; second derivatives follow the given one.
	half := zmlx.Custom{Forward: func(a ...*zmlx.Array) []*zmlx.Array { return arrays{a[0].PowScalar(3)} },
		VJP: func(p, ct, _ []*zmlx.Array) []*zmlx.Array { return arrays{p[0].Square().Mul(ct[0])} }} // a third of what it is
	_, ts = zmlx.JVP(half.Call, arrays{x}, arrays{x})
	wantValues[float32](t, ts[0], 3, 24)
	sum := func(x *zmlx.Array) *zmlx.Array { return half.Call(x)[0].Sum() }
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return zmlx.Grad(sum)(x).Sum() })(x), 2, 4)
	plain := zmlx.Custom{Forward: half.Forward}
	zmlxtest.CheckGrad(t, plain.Call, x)

	for _, e := range []struct {
		want string
		vjp  func(p []*zmlx.Array) []*zmlx.Array
	}{
		{"its VJP returned 0 arrays for 1 primals", func([]*zmlx.Array) []*zmlx.Array { return nil }},
		{"its VJP returned shape [] for number 0 of the primals, which has [2]", func([]*zmlx.Array) []*zmlx.Array { return arrays{zmlx.Scalar[float32](1)} }},
		{"its VJP returned float64 for number 0 of the primals, which is float32", func(p []*zmlx.Array) []*zmlx.Array { return arrays{p[0].As(zmlx.Float64)} }},
		{"reshape", func(p []*zmlx.Array) []*zmlx.Array { return arrays{p[0].Reshape(7)} }},
	} {
		c := zmlx.Custom{Name: "faulty", Forward: half.Forward, VJP: func(p, _, _ []*zmlx.Array) []*zmlx.Array { return e.vjp(p) }}
		err := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return c.Call(x)[0].Sum() })(x).Err()
		if err == nil || !strings.Contains(err.Error(), e.want) || e.want != "reshape" && !strings.Contains(err.Error(), "faulty") {
			t.Errorf("error is %v, want %q", err, e.want)
		}
	}
	bad := zmlx.Custom{Name: "faulty", Forward: half.Forward, JVP: func(_, _ []*zmlx.Array) []*zmlx.Array { return nil }}
	_, ts = zmlx.JVP(bad.Call, arrays{x}, arrays{x})
	if err := ts[0].Err(); err == nil || !strings.Contains(err.Error(), "faulty: its JVP returned 0 arrays for 1 outputs") {
		t.Errorf("error is %v", err)
	}
}

func TestKernelGradients(t *testing.T) {
	cube := zmlx.MustCompile(zmlx.Kernel{Name: "cube_it", InputNames: []string{"x", "y"}, OutputNames: []string{"p", "q"},
		Source: "uint i = thread_position_in_grid.x; p[i] = x[i] * x[i] * x[i]; q[i] = x[i] * y[i];"})
	x, y := zmlx.FromSlice([]float32{1, 2}), zmlx.FromSlice([]float32{3, 5})
	l := zmlx.Launch{}
	f := func(k *zmlx.MetalKernel) func(x *zmlx.Array) *zmlx.Array {
		return func(x *zmlx.Array) *zmlx.Array { return k.Call(l, x.MulScalar(1), y)[0].Sum() }
	}
	err := zmlx.Grad(f(cube))(x).Err()
	if err == nil || !strings.Contains(err.Error(), "kernel cube_it: it has no derivative: give it one with WithVJP") {
		t.Errorf("error is %v", err)
	}
	_, ts := zmlx.JVP(one(func(a arrays) *zmlx.Array { return f(cube)(a[0]) }), arrays{x}, arrays{x})
	if err := ts[0].Err(); err == nil || !strings.Contains(err.Error(), "kernel cube_it: it has no forward derivative") {
		t.Errorf("error is %v", err)
	}
	// A kernel that no derivative passes needs none.
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return f(cube)(x.StopGradient()).Add(x.Sum()) })(x), 1, 1)

	withVJP := cube.WithVJP(func(_ zmlx.Launch, in, out, ct []*zmlx.Array) []*zmlx.Array {
		return arrays{in[0].Square().MulScalar(3).Mul(ct[0]).Add(in[1].Mul(ct[1])), in[0].Mul(ct[1])}
	})
	wantValues[float32](t, zmlx.Grad(f(withVJP))(x), 3, 12)
	zmlxtest.CheckGradWith(t, zmlxtest.GradOptions{DType: zmlx.Float32, ReverseOnly: true},
		func(a ...*zmlx.Array) []*zmlx.Array { return withVJP.Call(l, a...) }, x, y)
	if err := zmlx.Grad(f(cube))(x).Err(); err == nil {
		t.Error("WithVJP changed the kernel")
	}
	short := cube.WithVJP(func(_ zmlx.Launch, in, _, _ []*zmlx.Array) []*zmlx.Array { return in[:1] })
	if err := zmlx.Grad(f(short))(x).Err(); err == nil || !strings.Contains(err.Error(), "kernel cube_it: its VJP returned 1 arrays for 2 inputs") {
		t.Errorf("error is %v", err)
	}
	// Under Vmap it runs once for each position.
	zmlxtest.Same(t, zmlx.Vmap(func(a ...*zmlx.Array) []*zmlx.Array { return cube.Call(l, a...) }, 0, zmlx.NotMapped)(zmlx.Stack(0, x, y), y)[1],
		zmlx.Stack(0, x.Mul(y), y.Mul(y)))
}
