package classic_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// lengths straddle the simdgroup and the threadgroup.
var lengths = []int{1, 2, 7, 8, 31, 32, 33, 63, 65, 255, 257, 1025}

// wave returns n numbers between -2 and 2, without a pattern of period 2^k.
func wave(n int, phase float64) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = 2 * math.Sin(phase+1.7*float64(i))
	}
	return v
}

func array(d zmlx.DType, v []float64, shp ...int) *zmlx.Array {
	return zmlx.FromSlice(v, shp...).As(d)
}

// values returns the elements as float64.
func values(t testing.TB, a *zmlx.Array) []float64 {
	t.Helper()
	v, err := zmlx.Values[float64](a.As(zmlx.Float64))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var floats = map[zmlx.DType]float64{zmlx.Float64: 1e-12, zmlx.Float32: 2e-6, zmlx.Float16: 2e-3, zmlx.BFloat16: 1e-2}

// near compares got with formula values that were computed in float64 from
// inputs as rounded to the dtype.
func near(t testing.TB, what string, got *zmlx.Array, want []float64, tol float64) {
	t.Helper()
	v := values(t, got)
	if len(v) != len(want) {
		t.Errorf("%s: %d elements, want %d", what, len(v), len(want))
		return
	}
	for i := range v {
		if d := math.Abs(v[i] - want[i]); !(d <= tol*(1+math.Abs(want[i]))) {
			t.Errorf("%s: element %d of %d is %v, want %v", what, i, len(v), v[i], want[i])
			return
		}
	}
}

// clean fails the test if checked runs find anything.
func clean(t testing.TB, o *classic.Op, inputs ...*zmlx.Array) {
	t.Helper()
	reports, err := o.Check(context.Background(), inputs...)
	if err != nil {
		t.Fatal(err)
	}
	if len(reports) == 0 {
		t.Errorf("%s: no checked run", o.Name())
	}
	for _, r := range reports {
		if len(r.Findings) > 0 || slices.ContainsFunc(r.Warnings, func(w zmlx.Diagnostic) bool { return w.Code != "LintFloat64" }) {
			t.Errorf("%s: %v", o.Name(), r)
		}
	}
}

func TestUnary(t *testing.T) {
	o := classic.Must(classic.Unary("leaky_tanh", "x > T(0) ? x * slope : metal::tanh(x)", classic.Options{Params: map[string]float64{"slope": 0.5}}))
	for d, tol := range floats {
		for _, n := range lengths {
			x := array(d, wave(n, 0.3))
			want := values(t, x)
			for i, v := range want {
				if want[i] = math.Tanh(v); v > 0 {
					want[i] = 0.25 * v
				}
			}
			y := o.With(map[string]float64{"slope": 0.25}).Call(x)
			if y.DType() != d {
				t.Errorf("%v became %v", d, y.DType())
			}
			near(t, fmt.Sprint(d, n), y, want, tol)
		}
	}
	clean(t, o, array(zmlx.Float16, wave(65, 0)))
	clean(t, o, zmlx.Scalar[float32](1))

	ints := classic.Must(classic.Unary("shifted", "x >> 1", classic.Options{}))
	zmlxtest.Same(t, ints.Call(zmlx.FromSlice([]int32{-3, 1 << 24, 1<<24 + 3})), []int32{-2, 1 << 23, 1<<23 + 1})
	zmlxtest.Same(t, ints.Call(zmlx.FromSlice([]uint8{255, 4})), []uint8{127, 2})

	// Any rank and layout; a value that float32 holds and the output does not.
	twice := classic.Must(classic.Unary("twice", "x + x", classic.Options{Threadgroup: 48, Output: zmlx.Float32}))
	m := zmlx.Arange(0, 12, 1, zmlx.Float16).Reshape(3, 4).Transpose()
	zmlxtest.Same(t, twice.Call(m), []float32{0, 8, 16, 2, 10, 18, 4, 12, 20, 6, 14, 22})
	zmlxtest.Same(t, twice.Call(array(zmlx.Float16, []float64{60000})), []float32{120000})
	if s := twice.Call(zmlx.Scalar[float32](3)); s.NDim() != 0 {
		t.Errorf("a 0-dim input gives shape %v", s.Shape())
	}
	if e := twice.Call(zmlx.Zeros(zmlx.Float32, 3, 0)); !slices.Equal(e.Shape(), []int{3, 0}) || zmlx.Eval(context.Background(), e) != nil {
		t.Errorf("an empty input: %v %v", e.Shape(), e.Err())
	}
}

func TestBinaryAndMap(t *testing.T) {
	bin := classic.Must(classic.Binary("hypotenuse", "metal::sqrt(x * x + b * b)", classic.Options{}))
	lerp := classic.Must(classic.Map("lerp", []string{"lo", "hi", "w"}, "r + (hi - lo) * w", classic.Options{Prelude: "T r = lo; // the lower one"}))
	for d, tol := range floats {
		for _, n := range lengths {
			x, y := array(d, wave(3*n, 0.1), 3, n), array(d, wave(n, 2))
			xs, ys := values(t, x), values(t, y)
			want, between := make([]float64, 3*n), make([]float64, 3*n)
			for i := range want {
				want[i] = math.Hypot(xs[i], ys[i%n])
				between[i] = xs[i] + (ys[i%n]-xs[i])*0.25
			}
			near(t, fmt.Sprint(d, n), bin.Call(x, y), want, 2*tol)
			near(t, fmt.Sprint(d, n), lerp.Call(x, y, array(d, []float64{0.25}).Reshape()), between, 2*tol)
		}
	}
	clean(t, bin, zmlx.Ones(zmlx.BFloat16, 33), zmlx.Ones(zmlx.BFloat16, 33))
	clean(t, lerp, zmlx.Ones(zmlx.Float32, 4, 65), zmlx.Ones(zmlx.Float32, 65), zmlx.Scalar[float32](1))
	if d := bin.Call(zmlx.Ones(zmlx.Float16, 2), zmlx.Ones(zmlx.BFloat16, 2)).DType(); d != zmlx.Float32 {
		t.Errorf("float16 with bfloat16 is %v", d)
	}
	ints := classic.Must(classic.Binary("rem", "a - b * (a / b)", classic.Options{}))
	zmlxtest.Same(t, ints.Call(zmlx.FromSlice([]int32{7, -7, 1<<30 + 1}), zmlx.FromSlice([]int32{2, 2, 1 << 29})), []int32{1, -1, 1})
}

func TestHeader(t *testing.T) {
	formulas := map[string]func(x float64) float64{
		"kk_sigmoid":   func(x float64) float64 { return 1 / (1 + math.Exp(-x)) },
		"kk_silu":      func(x float64) float64 { return x / (1 + math.Exp(-x)) },
		"kk_relu":      func(x float64) float64 { return max(x, 0) },
		"kk_softplus":  func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) },
		"kk_gelu_tanh": func(x float64) float64 { return x * (0.5 + 0.5*math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) },
	}
	points := []float64{-1000, -88.5, -20, -11, -3, -0.5, -1e-4, 0, 1e-4, 0.5, 3, 11, 20, 88.5, 1000}
	for name, f := range formulas {
		for d, tol := range floats {
			for _, compute := range []zmlx.DType{0, d} {
				// Also in a header of one's own, and with the shared one twice.
				opts := classic.Options{Compute: compute, Header: classic.Header() + classic.Header() + "template <typename U> U twice(U x) { return x + x; }"}
				o := classic.Must(classic.Unary("f", name+"(x) + twice(T(0))", opts))
				x := array(d, points)
				want := values(t, x)
				for i, v := range want {
					want[i] = f(v)
				}
				near(t, fmt.Sprint(name, " in ", d), o.Call(x), want, 2*tol)
			}
		}
	}
	// Tails keep their digits in the type's own exponents.
	zmlxtest.AllClose(t, classic.Must(classic.Unary("f", "kk_softplus(x)", classic.Options{})).Call(zmlx.FromSlice([]float32{-40})), []float32{float32(math.Exp(-40))}, 1e-6, 0)
	k := zmlx.MustCompile(zmlx.Kernel{Name: "h", InputNames: []string{"x"}, OutputNames: []string{"out"}, Header: classic.Header(),
		Source: "uint i = thread_position_in_grid.x; out[i] = kk_silu(x[i]);"})
	for _, d := range []zmlx.DType{zmlx.Float16, zmlx.BFloat16, zmlx.Float32} {
		near(t, d.String(), k.Call(zmlx.Launch{}, array(d, []float64{-1, 0, 2}))[0], []float64{-0.268941, 0, 1.761594}, 1e-2)
	}
}

func TestRegistry(t *testing.T) {
	zmlx.ClearKernels()
	o := classic.Must(classic.Unary("plus_one", "x + 1", classic.Options{}))
	other := classic.Must(classic.Unary("plus_one", "x + 1 + 0", classic.Options{}))
	if got := classic.Kernels(); !slices.Equal(got, []string{"plus_one", "plus_one"}) {
		t.Errorf("the kernels are %v", got)
	}
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]float32{1})), []float32{2})
	zmlxtest.Same(t, other.Call(zmlx.FromSlice([]float32{1})), []float32{2})
	if n := classic.CacheSize(); n != 2 {
		t.Errorf("%d programs are cached", n)
	}
	if k := classic.Find("plus_one"); k == nil || k.Name() != "plus_one" {
		t.Errorf("found %v", k)
	}
	classic.Clear()
	if classic.CacheSize() != 0 || len(classic.Kernels()) != 0 || classic.Find("plus_one") != nil {
		t.Error("the registry is not empty")
	}
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]float32{5})), []float32{6})
	if got := classic.Kernels(); !slices.Equal(got, []string{"plus_one"}) {
		t.Errorf("the kernels are %v", got)
	}
}

// Another value of a parameter, or another size, compiles nothing.
func TestParamsAreArguments(t *testing.T) {
	zmlx.ClearKernels()
	o := classic.Must(classic.Reduce("scaled", classic.Reduction{Init: "0", Update: "acc + x * c", Combine: "a + b"}, classic.Options{Params: map[string]float64{"c": 1}}))
	for i, n := range []int{8, 33, 1025} {
		got := o.With(map[string]float64{"c": float64(i)}).Call(zmlx.Ones(zmlx.Float32, 2, n))
		zmlxtest.Same(t, got, []float32{float32(i * n), float32(i * n)})
	}
	if n := o.Kernel().Stats().Compiles; n != 1 {
		t.Errorf("compiled %d times", n)
	}
	err := o.With(map[string]float64{"d": 1}).Call(zmlx.Ones(zmlx.Float32, 2)).Err()
	if err == nil || !strings.HasPrefix(err.Error(), "scaled: no parameter d; the parameters are: c (classic_test.go:") {
		t.Errorf("%v", err)
	}
}
