package zmlx_test

// This file implements tests of definitions as ops: calls, parameters, shapes,
// dtypes, messages, and hand-written derivatives.

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestDefineErrors(t *testing.T) {
	for _, c := range []struct {
		text, want string
		line, col  int
	}{
		{"f(x) = sigmod(x)", "did you mean sigmoid", 1, 8},
		{"f(x) = x + y", "y", 1, 12},
		{"f(x) {\n\ty = x * 2\n\treturn y +\n}", "", 4, 1},
		{"f(x = x", "", 1, 5},
		{"", "", 1, 1},
	} {
		op, err := zmlx.Define(c.text)
		e, ok := errors.AsType[*zmlx.CompileError](err)
		if op != nil || !ok {
			t.Errorf("%q: op is %v, error is %T", c.text, op, err)
			continue
		}
		d := e.Diagnostics[0]
		if d.Line != c.line || d.Column != c.col || !strings.Contains(e.Error(), c.want) || !strings.Contains(e.Error(), "^") && c.text != "" {
			t.Errorf("%q: at %d:%d, want %d:%d and %q:\n%v", c.text, d.Line, d.Column, c.line, c.col, c.want, e)
		}
		if !strings.Contains(e.Error(), "op_test.go:") {
			t.Errorf("%q: no line of the call:\n%v", c.text, e)
		}
	}
	defer func() {
		if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "zmlx: ") {
			t.Errorf("MustDefine panics with %v", r)
		}
	}()
	zmlx.MustDefine("f(x) = ")
}

func TestOpParameters(t *testing.T) {
	op := zmlx.MustDefine("scaled_parameters(x; a=2.0, b) = a * x + b")
	x := zmlx.FromSlice([]float32{1, 2})
	wantValues[float32](t, op.Call(x), 2, 4)
	stats := func() zmlx.KernelStats {
		m := zmlx.FindKernel("scaled_parameters")
		if m == nil {
			t.Fatal("the kernel is not in the list")
		}
		return m.Stats()
	}
	before := stats()
	wantValues[float32](t, op.With(map[string]float64{"b": 1}).Call(x), 3, 5)
	wantValues[float32](t, op.With(map[string]float64{"b": 1}).With(map[string]float64{"a": -1}).Call(x), 0, -1)
	wantValues[float32](t, op.Call(x), 2, 4) // unchanged
	after := stats()
	if after.Compiles != before.Compiles || after.Runs != before.Runs+3 {
		t.Errorf("compiled %d times, then %d; ran %d times, then %d", before.Compiles, after.Compiles, before.Runs, after.Runs)
	}
	if p := op.With(map[string]float64{"b": 1}).Params(); p["a"] != 2 || p["b"] != 1 || len(p) != 2 {
		t.Errorf("parameters are %v", p)
	}

	// Derivatives follow.
	a5 := op.With(map[string]float64{"a": 5})
	wantValues[float32](t, zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return a5.Call(x).Sum() })(x), 5, 5)
	wantValues[float32](t, a5.VJP().Call(x, x), 5, 10)
	wantValues[float32](t, a5.JVP().Call(x, x), 5, 10)
	wantValues[float32](t, op.VJP().With(map[string]float64{"a": 3}).Call(x, x), 3, 6)

	bad := op.With(map[string]float64{"c": 1})
	for _, a := range []*zmlx.Array{bad.Call(x), bad.VJP().Call(x, x), bad.With(map[string]float64{"a": 1}).Call(x)} {
		if err := a.Err(); err == nil || !strings.Contains(err.Error(), "no parameter c; the parameters are: a, b") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestOpShapes(t *testing.T) {
	add := zmlx.MustDefine("plus(x, y) = x + y")
	x := zmlx.Arange(0, 12, 1, zmlx.Float32).Reshape(3, 4)
	row := zmlx.MustDefine("center(x) -> out, m { m = mean(x); return x - m, m }")
	for _, c := range []struct {
		got  *zmlx.Array
		want []int
	}{
		{add.Call(x, zmlx.Ones(zmlx.Float32, 4)), []int{3, 4}},
		{add.Call(zmlx.Ones(zmlx.Float32, 2, 1, 1), x), []int{2, 3, 4}},
		{add.Call(zmlx.Scalar[float32](1), zmlx.Scalar[float32](2)), []int{}},
		{add.Call(zmlx.Ones(zmlx.Float32, 0, 1), zmlx.Ones(zmlx.Float32, 3)), []int{0, 3}},
		{row.Call(x), []int{3, 4}},
		{row.Results(x)[1], []int{3}},
		{row.Results(x.Reshape(2, 3, 2))[1], []int{2, 3}},
		{row.Results(x.Flatten())[1], []int{}},
		{row.Results(zmlx.Ones(zmlx.Float32, 0, 4))[1], []int{0}},
		{row.Results(zmlx.Ones(zmlx.Float32, 4, 0))[1], []int{4}},
	} {
		if err := zmlx.Eval(t.Context(), c.got); err != nil || !slices.Equal(c.got.Shape(), c.want) {
			t.Errorf("shape is %v, want %v; error %v", c.got.Shape(), c.want, err)
		}
	}
	// Strided inputs.
	xt := x.Transpose()
	wantValues[float32](t, add.Call(xt, xt.Slice(zmlx.RangeReverse())), 3, 11, 19, 3, 11, 19, 3, 11, 19, 3, 11, 19)
	wantValues[float32](t, row.Results(xt)[1], 4, 5, 6, 7)
	wantValues[float32](t, row.Results(x.Slice(zmlx.RangeAll(), zmlx.Range{Start: 3, Stop: zmlx.Begin, Step: -2}))[0], 1, -1, 1, -1, 1, -1)
	wantValues[float32](t, add.Call(zmlx.Scalar[float32](1).Broadcast(2, 2), zmlx.FromSlice([]float32{1, 2})), 2, 3, 2, 3)

	for _, c := range []struct {
		got  *zmlx.Array
		want []string
	}{
		{add.Call(x, zmlx.Ones(zmlx.Float32, 3)), []string{"plus", "[3 4]", "[3]", "op_test.go:"}},
		{row.Call(zmlx.Scalar[float32](1)), []string{"center", "last axis", "op_test.go:"}},
		{zmlx.MustDefine("top(x) = max(x)").Call(zmlx.Ones(zmlx.Float32, 2, 0)), []string{"top", "row is empty", "op_test.go:"}},
	} {
		e, ok := errors.AsType[*zmlx.ShapeError](c.got.Err())
		if !ok {
			t.Errorf("error is %T: %v", c.got.Err(), c.got.Err())
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(e.Error(), w) {
				t.Errorf("error lacks %q: %v", w, e)
			}
		}
	}
	for _, a := range add.Results(x) {
		if err := a.Err(); err == nil || !strings.Contains(err.Error(), "plus: takes 2 inputs, not 1 (op_test.go:") {
			t.Errorf("error is %v", err)
		}
	}
	if err := add.Call(x, zmlx.FromSlice([]complex64{1, 2, 3, 4})).Err(); err == nil || !strings.Contains(err.Error(), "complex") {
		t.Errorf("error is %v", err)
	}
	failed := x.Reshape(5)
	if err := add.Call(x, failed).Err(); err != failed.Err() {
		t.Errorf("error is %v", err)
	}
}

func TestOpRowInputs(t *testing.T) {
	op := zmlx.MustDefine("shifted(x, m[1]) = sum(x - m) + 0 * x")
	x := zmlx.Arange(0, 6, 1, zmlx.Float32).Reshape(2, 3)
	m := zmlx.FromSlice([]float32{1, 2})
	for _, a := range []*zmlx.Array{m, m.Reshape(2, 1), m.Reshape(1, 2).Transpose(), m.Broadcast(2, 2).Slice(zmlx.RangeTo(1)).Flatten()} {
		wantValues[float32](t, op.Call(x, a), 0, 0, 0, 6, 6, 6)
		zmlxtest.CheckGrad(t, op.Results, x, a)
	}
	wantValues[float32](t, op.Call(x, zmlx.Scalar[float32](1)), 0, 0, 0, 9, 9, 9)
	if err := op.Call(x, zmlx.Ones(zmlx.Float32, 2, 3)).Err(); err == nil || !strings.Contains(err.Error(), "one value for each row") {
		t.Errorf("error is %v", err)
	}
	// A single row, whose value has no axis.
	wantValues[float32](t, op.Call(x.At(1), zmlx.Scalar[float32](2)), 6, 6, 6)
}

// An input with one value for each row keeps its rows among arrays of more
// axes: under Vmap, and in derivatives.
func TestOpRowInputsKeepTheirRows(t *testing.T) {
	op := zmlx.MustDefine("centre(x, m[1]) = (x - m) * m")
	m := zmlx.FromSlice([]float32{1, 10})
	x := zmlx.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8}).Reshape(2, 2, 2)
	mapped := zmlx.Vmap(op.Results, 0, zmlx.NotMapped)(x, m)[0]
	wantValues[float32](t, mapped, 0, 1, -70, -60, 4, 5, -30, -20)

	// One row in each of two batches: (2, 1) are the rows, not one row's value.
	y := x.Reshape(2, 1, 4)
	ct := zmlx.OnesLike(y)
	outs, grads := zmlx.VJP(op.Results, []*zmlx.Array{y, m.Reshape(2, 1)}, []*zmlx.Array{ct})
	wantValues[float32](t, outs[0], 0, 1, 2, 3, -50, -40, -30, -20)
	wantValues[float32](t, grads[1], 10-8, 26-80)

	alone := zmlx.MustDefine("twice(m[1]) = m * 2")
	_, grads = zmlx.VJP(alone.Results, []*zmlx.Array{m}, []*zmlx.Array{m})
	wantValues[float32](t, grads[0], 2, 20)
}

func TestOpDTypes(t *testing.T) {
	double := zmlx.MustDefine("twice(x) = x + x")
	half := zmlx.MustDefine("halved(x) = x / 2.0")
	for _, d := range []zmlx.DType{zmlx.Bool, zmlx.Uint8, zmlx.Uint16, zmlx.Uint32, zmlx.Uint64, zmlx.Int8, zmlx.Int16, zmlx.Int32, zmlx.Int64,
		zmlx.Float16, zmlx.BFloat16, zmlx.Float32, zmlx.Float64} {
		x := zmlx.FromSlice([]int32{0, 1}).As(d)
		sum, quotient := double.Call(x), half.Call(x)
		wantValues[float64](t, sum.As(zmlx.Float64), 0, 2)
		wantValues[float64](t, quotient.As(zmlx.Float64), 0, 0.5)
		wantSum, wantQuotient := d, d
		if d == zmlx.Bool {
			wantSum = zmlx.Int32
		}
		if !d.IsFloat() {
			wantQuotient = zmlx.Float32
		}
		if sum.DType() != wantSum || quotient.DType() != wantQuotient {
			t.Errorf("%v: x + x is %v, x / 2.0 is %v", d, sum.DType(), quotient.DType())
		}
	}
	wantValues[bool](t, zmlx.FromSlice([]int8{-1, 0, 3}).Gt(zmlx.FromSlice([]uint8{0, 0, 5})), false, false, false)
	wantValues[uint32](t, zmlx.FromSlice([]float32{1, 5, 2, 9, 0, 0}, 2, 3).ArgMax(-1), 1, 0)
}

func TestOpUniform(t *testing.T) {
	op := zmlx.MustDefine("dropout(x; key, p=0.5) = uniform(key) < p ? 0 : x / (1 - p)")
	x := zmlx.Ones(zmlx.Float32, 100, 33)
	k1 := op.With(map[string]float64{"key": 1})
	if eq, err := zmlx.Equal(k1.Call(x), k1.Call(x)); !eq || err != nil {
		t.Errorf("one key gave two results: %v", err)
	}
	if eq, err := zmlx.Equal(k1.Call(x), op.With(map[string]float64{"key": 1 << 33}).Call(x)); eq || err != nil {
		t.Errorf("two keys gave one result: %v", err)
	}
	mean, err := zmlx.Item[float32](k1.Call(x).Mean())
	if err != nil || mean < 0.9 || mean > 1.1 {
		t.Errorf("mean is %v, error %v", mean, err)
	}
	// The gradient has the same mask.
	g := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return k1.Call(x).Sum() })(x)
	zmlxtest.Same(t, g, k1.Call(x))
}

func TestOpHandWritten(t *testing.T) {
	relu := zmlx.MustDefine("r(x; k=1.0) = max(x, 0) * k")
	x := zmlx.FromSlice([]float32{-1, 0, 2})
	// A straight-through gradient that is no derivative, so that its use shows.
	straight, err := relu.WithVJP(zmlx.MustDefine("g(x, d; k=1.0) { _ = x; return d * k }"))
	if err != nil {
		t.Fatal(err)
	}
	grad := func(op *zmlx.Op) *zmlx.Array {
		return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return op.Call(x).Sum() })(x)
	}
	wantValues[float32](t, grad(relu), 0, 0, 1)
	wantValues[float32](t, grad(straight), 1, 1, 1)
	wantValues[float32](t, grad(straight.With(map[string]float64{"k": 3})), 3, 3, 3)
	wantValues[float32](t, straight.With(map[string]float64{"k": 2}).VJP().Call(x, x), -2, 0, 4)
	_, ts := zmlx.JVP(relu.Results, arrays{x}, arrays{x})
	wantValues[float32](t, ts[0], 0, 0, 2)
	both, err := straight.WithJVP(zmlx.MustDefine("j(x, t) { _ = x; return 7 * t }"))
	if err != nil {
		t.Fatal(err)
	}
	_, ts = zmlx.JVP(both.Results, arrays{x}, arrays{x})
	wantValues[float32](t, ts[0], -7, 0, 14)
	wantValues[float32](t, grad(both), 1, 1, 1)

	// Of a row op, with broadcast inputs; second derivatives are those of the
	// hand-written definition.
	norm := zmlx.MustDefine("n(x, w) = x * w / sum(x * w)")
	hand, err := norm.WithVJP(zmlx.MustDefine("n_vjp(x, w, d) -> dx, dw { u = x * w; s = sum(u); e = (d - sum(d * u) / s) / s; return e * w, e * x }"))
	if err != nil {
		t.Fatal(err)
	}
	px, pw := zmlx.RandomUniform(zmlx.NewKey(1), 1, 2, zmlx.Float64, 3, 5), zmlx.RandomUniform(zmlx.NewKey(2), 1, 2, zmlx.Float64, 5)
	zmlxtest.CheckGrad(t, hand.Results, px, pw)
	zmlxtest.CheckGrad(t, one(func(a arrays) *zmlx.Array {
		return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return hand.Call(x, pw).Square().Sum() })(a[0])
	}), px)

	for name, make := range map[string]func() (*zmlx.Op, error){
		"VJP takes 2 inputs":  func() (*zmlx.Op, error) { return relu.WithVJP(zmlx.MustDefine("g(x) = x")) },
		"g takes 3 and has 1": func() (*zmlx.Op, error) { return norm.WithVJP(zmlx.MustDefine("g(x, w, d) = x * w * d")) },
		"JVP takes 2 inputs":  func() (*zmlx.Op, error) { return relu.WithJVP(zmlx.MustDefine("g(x, y, z) = x * y * z")) },
		"the VJP is nil":      func() (*zmlx.Op, error) { return relu.WithVJP(nil) },
		"the JVP is nil":      func() (*zmlx.Op, error) { return relu.WithJVP(nil) },
	} {
		if op, err := make(); op != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("op is %v, error %v, want %q", op, err, name)
		}
	}
}

// A derivative is a definition: it prints as one, and what it prints is it.
func TestDerivedOpsPrint(t *testing.T) {
	x, w, d := normal(1, zmlx.Float32, 3, 7), normal(2, zmlx.Float32, 7), normal(3, zmlx.Float32, 3, 7)
	op := zmlx.MustDefine("rms(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w")
	for _, derived := range []*zmlx.Op{op.VJP(), op.JVP(), op.VJP().VJP()} {
		again, err := zmlx.Define(derived.String())
		if err != nil {
			t.Errorf("%v\n%v", derived, err)
			continue
		}
		args := arrays{x, w, d, w, x, d, x}[:len(derived.Inputs())]
		if len(derived.Inputs()) == 4 {
			args = arrays{x, w, d, w}
		}
		for i, a := range derived.Results(args...) {
			zmlxtest.AllClose(t, again.Results(args...)[i], a, 1e-6, 1e-6)
		}
	}
}

// The text of an op depends on what it says alone, and shows its steps.
func TestOpSource(t *testing.T) {
	const text = "rms(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w"
	specs := []zmlx.InputSpec{{DType: zmlx.Float16, Shape: []int{8, 1024}}, {DType: zmlx.Float16, Shape: []int{1024}}}
	for _, target := range []string{"msl", "ir"} {
		for name, of := range map[string]func(*zmlx.Op) *zmlx.Op{
			"itself": func(o *zmlx.Op) *zmlx.Op { return o },
			"JVP":    func(o *zmlx.Op) *zmlx.Op { return o.JVP() },
			"VJP":    func(o *zmlx.Op) *zmlx.Op { return o.VJP() },
		} {
			source := func(eps float64, rows int) string {
				op := of(zmlx.MustDefine(text).With(map[string]float64{"eps": eps}))
				ins := make([]zmlx.InputSpec, len(op.Inputs()))
				for i := range ins {
					ins[i] = specs[i%2]
					if i%2 == 0 {
						ins[i].Shape = []int{rows, 1024}
					}
				}
				s, err := op.Source(target, ins...)
				if err != nil {
					t.Fatalf("%s of %s: %v", target, name, err)
				}
				return s
			}
			first := source(1e-6, 8)
			if !strings.Contains(first, "rsqrt") || strings.Contains(first, "1e-06") {
				t.Errorf("%s of %s:\n%s", target, name, first)
			}
			for range 5 {
				if source(1e-6, 8) != first {
					t.Fatalf("%s of %s is not the same each time", target, name)
				}
			}
			if source(0.5, 3) != first {
				t.Errorf("%s of %s depends on sizes or parameters", target, name)
			}
		}
	}
	op := zmlx.MustDefine(text)
	for want, got := range map[string]error{
		"no target ptx":            second(op.Source("ptx", specs...)),
		"takes 2 inputs, not 1":    second(op.Source("msl", specs[0])),
		"shapes do not broadcast":  second(op.Source("msl", specs[0], zmlx.InputSpec{DType: zmlx.Float32, Shape: []int{5}})),
		"the result is empty":      second(op.Source("msl", zmlx.InputSpec{DType: zmlx.Float32, Shape: []int{0, 5}}, zmlx.InputSpec{DType: zmlx.Float32, Shape: []int{5}})),
		"definitions do not":       second(op.Source("msl", zmlx.InputSpec{DType: zmlx.Complex64, Shape: []int{5}}, specs[1])),
		"no parameter q; the para": second(op.With(map[string]float64{"q": 1}).Source("msl", specs...)),
	} {
		if got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("error is %v, want %q", got, want)
		}
	}
}

func second(_ string, err error) error { return err }
