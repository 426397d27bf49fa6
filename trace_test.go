package zmlx

// This file implements tests of the record that transforms follow: it must not
// outlive them.

import (
	"runtime"
	"testing"
)

func TestResultsForgetTheRecord(t *testing.T) {
	x := FromSlice([]float32{1, 2, 3})
	f := func(args ...*Array) []*Array { return []*Array{args[0].Square().Sum(), args[0].Exp(), args[0]} }
	check := func(name string, lists ...[]*Array) {
		t.Helper()
		for _, list := range lists {
			for i, a := range list {
				if a.Err() != nil || a.rec != nil {
					t.Errorf("%s: result %d has a record, or the error %v", name, i, a.Err())
				}
			}
		}
	}
	values, grads := ValueAndGrad(f)(x)
	check("ValueAndGrad", values, grads)
	outs, cts := VJP(f, []*Array{x}, []*Array{Scalar[float32](1), nil, x})
	check("VJP", outs, cts)
	outs, ts := JVP(f, []*Array{x}, []*Array{x})
	check("JVP", outs, ts)
	check("Vmap", Vmap(f)(x))
	check("Jacobian", []*Array{Jacobian(func(x *Array) *Array { return x.Exp() })(x)})
	check("Grad of Grad", []*Array{Grad(func(x *Array) *Array {
		g := Grad(func(y *Array) *Array { return y.Square().Mul(x).Sum() })(x)
		if g.rec == nil {
			t.Error("the result of the inner transform is not followed by the outer one")
		}
		return g.Sum()
	})(x)})
	if x.rec != nil {
		t.Error("the argument has a record")
	}
	// Not even where the transform fails.
	outs, _ = VJP(f, []*Array{x}, nil)
	check("failing VJP", outs)
	values, _ = ValueAndGrad(func(args ...*Array) []*Array { return []*Array{args[0].Exp()} })(x)
	check("failing ValueAndGrad", values)
}

// What a step of training computes can be collected after it.
func TestTrainingForgets(t *testing.T) {
	w := FromSlice([]float32{1, 2, 3})
	loss := func(w *Array) *Array { return w.Tanh().Square().Sum() }
	collected := make(chan bool, 1)
	for step := range 3 {
		g := Grad(func(w *Array) *Array {
			l := loss(w)
			if step == 0 {
				runtime.AddCleanup(l, func(struct{}) { collected <- true }, struct{}{})
			}
			return l
		})(w)
		w = w.Sub(g.MulScalar(0.1))
		if _, err := Values[float32](w); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		runtime.GC()
		select {
		case <-collected:
			return
		default:
			runtime.Gosched()
		}
	}
	t.Error("the first step's loss is still there")
}
