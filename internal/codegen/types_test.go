package codegen_test

// This file implements the tests of dtypes, shapes and errors.

import (
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

func result(t *testing.T, make func(b *builder) *formula.Node, types ...dtype.DType) dtype.DType {
	t.Helper()
	b := define("f")
	b.out("", make(b))
	var c codegen.Call
	for range b.f.Inputs {
		c.Inputs = append(c.Inputs, codegen.Input{DType: types[len(c.Inputs)], Shape: []int{4}})
	}
	out, _, err := codegen.Types(&b.f, c)
	if err != nil {
		t.Fatal(err)
	}
	k, err := codegen.Generate(&b.f, c, codegen.Schedule{})
	if err != nil {
		t.Fatal(err)
	}
	compiled(t, k)
	return out[0]
}

// TestPromotion has NumPy's table, but for what meets in float32 here: NumPy
// has float64 for uint64 with a signed dtype and for wide integers with
// floats, and knows no bfloat16.
func TestPromotion(t *testing.T) {
	all := []dtype.DType{dtype.Bool, dtype.Uint8, dtype.Uint16, dtype.Uint32, dtype.Uint64, dtype.Int8, dtype.Int16, dtype.Int32, dtype.Int64, dtype.Float16, dtype.BFloat16, dtype.Float32, dtype.Float64}
	short := map[string]dtype.DType{"b": dtype.Int32, "u1": dtype.Uint8, "u2": dtype.Uint16, "u4": dtype.Uint32, "u8": dtype.Uint64,
		"i1": dtype.Int8, "i2": dtype.Int16, "i4": dtype.Int32, "i8": dtype.Int64, "h": dtype.Float16, "bf": dtype.BFloat16, "f": dtype.Float32, "d": dtype.Float64}
	table := []string{
		"b u1 u2 u4 u8 i1 i2 i4 i8 h bf f d",
		"u1 u1 u2 u4 u8 i2 i2 i4 i8 h bf f d",
		"u2 u2 u2 u4 u8 i4 i4 i4 i8 h bf f d",
		"u4 u4 u4 u4 u8 i8 i8 i8 i8 h bf f d",
		"u8 u8 u8 u8 u8 f f f f h bf f d",
		"i1 i2 i4 i8 f i1 i2 i4 i8 h bf f d",
		"i2 i2 i4 i8 f i2 i2 i4 i8 h bf f d",
		"i4 i4 i4 i8 f i4 i4 i4 i8 h bf f d",
		"i8 i8 i8 i8 f i8 i8 i8 i8 h bf f d",
		"h h h h h h h h h h f f d",
		"bf bf bf bf bf bf bf bf bf f bf f d",
		"f f f f f f f f f f f f d",
		"d d d d d d d d d d d d d",
	}
	for i, a := range all {
		for j, name := range strings.Fields(table[i]) {
			got := result(t, func(b *builder) *formula.Node { return b.Add(b.in("x"), b.in("y")) }, a, all[j])
			if got != short[name] {
				t.Errorf("%s + %s is %s, want %s", a, all[j], got, short[name])
			}
		}
	}
}

func TestResultTypes(t *testing.T) {
	h, f, i32, u8, boolean := dtype.Float16, dtype.Float32, dtype.Int32, dtype.Uint8, dtype.Bool
	unary := func(op formula.Op) func(b *builder) *formula.Node {
		return func(b *builder) *formula.Node { return b.Of(op, b.in("x")) }
	}
	for _, c := range []struct {
		name string
		make func(b *builder) *formula.Node
		in   dtype.DType
		want dtype.DType
	}{
		{"constants do not widen", func(b *builder) *formula.Node { return b.Add(b.Mul(b.Float(2.5), b.in("x")), b.Const(1)) }, h, h},
		{"parameters do not widen", func(b *builder) *formula.Node { return b.Mul(b.in("x"), b.param("p", 1)) }, h, h},
		{"whole constants leave integers", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.Const(7)) }, u8, u8},
		{"float constants do not", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.Float(7)) }, u8, f},
		{"parameters are floats", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.param("p", 1)) }, i32, f},
		{"integer division", func(b *builder) *formula.Node { return b.Div(b.in("x"), b.Const(2)) }, i32, i32},
		{"division of bools", func(b *builder) *formula.Node { return b.Div(b.in("x"), b.Const(2)) }, boolean, f},
		{"division of tests by numbers", func(b *builder) *formula.Node {
			x := b.in("x")
			return b.Mul(x, b.Div(b.Of(formula.Gt, x, b.Const(0)), b.Const(2)))
		}, h, h},
		{"division of counts", func(b *builder) *formula.Node {
			return b.Div(b.Of(formula.Sum, b.Of(formula.Gt, b.in("x"), b.Const(0))), b.Of(formula.Size))
		}, f, i32},
		{"negative powers of integers", func(b *builder) *formula.Node { return b.Of(formula.Pow, b.in("x"), b.Const(-2)) }, i32, f},
		{"division of halves", func(b *builder) *formula.Node { return b.Div(b.in("x"), b.Const(2)) }, h, h},
		{"exp of integers", unary(formula.Exp), i32, f},
		{"exp of halves", unary(formula.Exp), h, h},
		{"floor of integers", unary(formula.Floor), i32, i32},
		{"comparison", func(b *builder) *formula.Node { return b.Of(formula.Lt, b.in("x"), b.Const(0)) }, h, boolean},
		{"bools add up", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.in("y")) }, boolean, i32},
		{"bools have a greatest", unary(formula.MaxOf), boolean, boolean},
		{"sum of bools", unary(formula.Sum), boolean, i32},
		{"sum of bytes", unary(formula.Sum), u8, dtype.Uint32},
		{"sum of halves", unary(formula.Sum), h, h},
		{"mean of integers", unary(formula.Mean), i32, f},
		{"argmax", unary(formula.ArgMax), h, dtype.Uint32},
		{"isnan of integers", unary(formula.IsNan), i32, boolean},
		{"not of integers", unary(formula.Not), i32, boolean},
		{"index", func(b *builder) *formula.Node { b.in("x"); return b.Of(formula.Index) }, h, dtype.Uint32},
		{"index is weak as a float", func(b *builder) *formula.Node { return b.Mul(b.in("x"), b.Of(formula.Exp, b.Of(formula.Index))) }, h, h},
		{"index meets integers", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.Of(formula.Index)) }, i32, i32},
		{"index does not wrap", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.Of(formula.Index)) }, dtype.Int8, i32},
		{"index meets unsigned integers", func(b *builder) *formula.Node { return b.Add(b.in("x"), b.Of(formula.Index)) }, u8, dtype.Uint32},
		{"a count meets floats", func(b *builder) *formula.Node {
			x := b.in("x")
			return b.Div(x, b.Of(formula.Sum, b.Of(formula.Eq, x, b.Of(formula.MaxOf, x))))
		}, h, h},
		{"select", func(b *builder) *formula.Node { x := b.in("x"); return b.Select(x, x, b.Const(0)) }, u8, u8},
		{"uniform is weak", func(b *builder) *formula.Node { return b.Mul(b.in("x"), b.Of(formula.Uniform, b.Const(3))) }, h, h},
		{"powers of integers", func(b *builder) *formula.Node { return b.Of(formula.Pow, b.in("x"), b.Const(3)) }, i32, i32},
		{"double", func(b *builder) *formula.Node { return b.Mul(b.Float(0.1), b.in("x")) }, dtype.Float64, dtype.Float64},
	} {
		if got := result(t, c.make, c.in, c.in); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	x := codegen.Input{DType: dtype.Float32, Shape: []int{2, 3}}
	add := define("add")
	add.out("", add.Add(add.in("a"), add.in("b")))
	sum := define("total")
	sum.out("", sum.Sum(sum.in("x")))
	big := define("big")
	big.out("", big.Add(big.in("x"), big.Const(300)))
	bits := define("bits")
	bits.out("", bits.Of(formula.BitAnd, bits.in("x"), bits.in("y")))
	key := define("noise")
	key.out("", key.Of(formula.Uniform, key.in("x")))
	for _, c := range []struct {
		f    *builder
		call codegen.Call
		s    codegen.Schedule
		want []string
	}{
		{add, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{}, []string{"add takes 2 inputs, not 1"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, {DType: dtype.Float16, Shape: []int{4}}}}, codegen.Schedule{}, []string{"add", "a float32(2, 3)", "b float16(4)", "do not broadcast"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, {DType: dtype.Complex64, Shape: []int{3}}}}, codegen.Schedule{}, []string{"b is complex64"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, {DType: dtype.Float32, Shape: []int{-3}}}}, codegen.Schedule{}, []string{"(-3)"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, {DType: dtype.Float32, Shape: []int{3}, Strides: []int{1, 1}}}}, codegen.Schedule{}, []string{"1 axes and 2 strides"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, x}, Outputs: []dtype.DType{dtype.Complex64}}, codegen.Schedule{}, []string{"cannot be complex64"}},
		{add, codegen.Call{Inputs: []codegen.Input{x, x}, Outputs: make([]dtype.DType, 2)}, codegen.Schedule{}, []string{"1 results"}},
		{sum, codegen.Call{Inputs: []codegen.Input{{DType: dtype.Float32, Shape: []int{}}}}, codegen.Schedule{}, []string{"total", "last axis", "at least one axis"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{Group: 2000}, []string{"1024"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{Group: 64, RowsPerGroup: 2}, []string{"1 or 32"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{Group: 32, RowsPerGroup: 64}, []string{"2048 threads"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{Vector: 3}, []string{"1, 2, 4 or 8"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{Group: -1}, []string{"negative"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{InRegisters: true, PerThread: 100}, []string{"at most 64"}},
		{sum, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{InRegisters: true, PerThread: 2}, []string{"rows of 3 do not fit"}},
		{big, codegen.Call{Inputs: []codegen.Input{{DType: dtype.Uint8, Shape: []int{2}}}}, codegen.Schedule{}, []string{"300 does not fit uint8", "300.0"}},
		{bits, codegen.Call{Inputs: []codegen.Input{x, x}}, codegen.Schedule{}, []string{"&", "integers"}},
		{key, codegen.Call{Inputs: []codegen.Input{x}}, codegen.Schedule{}, []string{"uniform", "key"}},
		{sum, codegen.Call{Inputs: []codegen.Input{{DType: dtype.Float32, Shape: []int{1 << 30, 4}}}}, codegen.Schedule{Group: 1024}, []string{"threads"}},
	} {
		_, err := codegen.Generate(&c.f.f, c.call, c.s)
		if err == nil {
			t.Errorf("no error that says %q", c.want)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("error lacks %q: %v", w, err)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	b := define("f")
	x, y := b.in("x"), b.in("y")
	b.out("a", b.Add(x, y)).out("s", b.Sum(x)).out("g", b.Sum(b.Mul(x, y)))
	_, shapes, err := codegen.Types(&b.f, codegen.Call{Inputs: []codegen.Input{{DType: dtype.Float32, Shape: []int{4, 1, 3}}, {DType: dtype.Float32, Shape: []int{2, 1}}}})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]int{{4, 2, 3}, {4, 2}, {4, 2}}
	if !slices.EqualFunc(shapes, want, slices.Equal) {
		t.Errorf("shapes %v, want %v", shapes, want)
	}
}

// TestRowInputsAlone: where no input has elements, each row is one element.
func TestRowInputsAlone(t *testing.T) {
	b := define("f")
	g, h := b.rowIn("g"), b.rowIn("h")
	b.out("", b.Mul(g, h))
	for _, shapes := range [][2][]int{{{5}, {5}}, {{5, 1}, {5}}, {{5, 1}, {5, 1}}, {{}, {5}}, {{2, 5}, {5}}, {{}, {}}} {
		in := []array{random(dtype.Float32, 1, shapes[0]...), random(dtype.Float32, 2, shapes[1]...)}
		k, err := codegen.Generate(&b.f, callOf(in), codegen.Schedule{})
		if err != nil {
			t.Fatal(err)
		}
		got := run(t, k, in, nil, true)[0]
		for i, v := range got {
			want := float32(in[0].values[i%len(in[0].values)]) * float32(in[1].values[i%len(in[1].values)])
			if shape := k.OutputShapes[0]; v != float64(want) || len(shape) > 0 && shape[len(shape)-1] != 5 {
				t.Errorf("%v: element %d of %v is %v, want %v\n%s", shapes, i, shape, v, want, k.Source)
			}
		}
	}
}

// TestHugeShapes are refused, not wrapped around.
func TestHugeShapes(t *testing.T) {
	b := define("f")
	b.out("", b.Add(b.in("x"), b.Add(b.in("y"), b.in("z"))))
	_, _, err := codegen.Types(&b.f, codegen.Call{Inputs: []codegen.Input{
		{DType: dtype.Int8, Shape: []int{1 << 30, 1, 1}}, {DType: dtype.Int8, Shape: []int{1 << 30, 1}}, {DType: dtype.Int8, Shape: []int{1 << 30}}}})
	if err == nil || !strings.Contains(err.Error(), "more elements than can be counted") {
		t.Errorf("error %v", err)
	}
}

// TestOverrides asks for other dtypes of results.
func TestOverrides(t *testing.T) {
	b := define("f")
	x := b.in("x")
	b.out("", x).out("", x).out("", x).out("", b.Of(formula.ArgMax, x)).out("", b.Of(formula.Gt, x, b.Const(1)))
	in := []array{dense(dtype.Float32, []float64{0, 1.5, 2.75, -3}, 4)}
	c := callOf(in)
	c.Outputs = []dtype.DType{dtype.Int32, dtype.Bool, dtype.BFloat16, dtype.Float32, dtype.Invalid}
	k, err := codegen.Generate(&b.f, c, codegen.Schedule{Group: 32})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, k, in, nil, true)
	for i, want := range [][]float64{{0, 1, 2, -3}, {0, 1, 1, 1}, {0, 1.5, 2.75, -3}, {2}, {0, 1, 1, 0}} {
		if !slices.Equal(got[i], want) {
			t.Errorf("output %d is %v, want %v\n%s", i, got[i], want, k.Source)
		}
	}
	if k.OutputDTypes[4] != dtype.Bool {
		t.Errorf("the last output is %s", k.OutputDTypes[4])
	}
}

// TestMisaligned keeps vector loads away from data that may lie anywhere.
func TestMisaligned(t *testing.T) {
	in := []array{random(dtype.Float32, 1, 4, 256)}
	for _, misaligned := range []bool{false, true} {
		c := callOf(in)
		c.Inputs[0].Misaligned = misaligned
		k, err := codegen.Generate(softmax(), c, codegen.Schedule{Group: 32, Vector: 4})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(k.Source, "const device float4*") == misaligned {
			t.Errorf("misaligned %v:\n%s", misaligned, k.Source)
		}
		run(t, k, in, nil, true)
	}
}

// TestUniform compares with the random arrays of the package: a definition
// draws the same numbers.
func TestUniform(t *testing.T) {
	const seed = 0x123456789abcd
	for _, d := range []dtype.DType{dtype.Float32, dtype.Float64} {
		for _, constant := range []bool{false, true} {
			for _, row := range []bool{false, true} {
				b := define("noise")
				x, key := b.in("x"), b.param("key", seed)
				if constant {
					key = b.Const(seed)
				}
				u := b.Of(formula.Uniform, key)
				if row {
					u = b.Add(u, b.Mul(b.Sum(x), b.Const(0)))
				}
				b.out("", b.Add(b.Mul(x, b.Const(0)), u))
				in := []array{random(d, 1, 6, 50)}
				want, err := zmlx.Values[float64](zmlx.RandomUniform(zmlx.NewKey(seed), 0, 1, d, 300).As(zmlx.Float64))
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range []codegen.Schedule{{Group: 32}, {Group: 64, Vector: 2, Wide: true}} {
					k, err := codegen.Generate(&b.f, callOf(in), s)
					if err != nil {
						t.Fatal(err)
					}
					if got := run(t, k, in, params(&b.f), true)[0]; !slices.Equal(got, want) {
						t.Errorf("%s: %v, want %v\n%s%s", d, got[:4], want[:4], k.Header, k.Source)
					}
				}
			}
		}
	}
}

// TestDefaultSchedule runs what the default schedules make of many shapes.
func TestDefaultSchedule(t *testing.T) {
	for _, l := range []codegen.Limits{{}, {CPU: true}, {Threads: 256}, {Threads: 32}} {
		for _, d := range []int{1, 2, 4, 5, 33, 100, 256, 1000, 4096, 5000, 40000} {
			for _, in := range []dtype.DType{dtype.Float32, dtype.Float16} {
				rows := max(1, min(300, 4000/d))
				x := random(in, 1, rows, d)
				for _, f := range []*formula.Formula{softmax(), statistics()} {
					if f.Name == "statistics" && in == dtype.Float16 {
						continue
					}
					s := codegen.DefaultSchedule(f, callOf([]array{x}), l)
					if l.Threads > 0 && s.Group*s.RowsPerGroup > l.Threads {
						t.Errorf("%+v has more than %d threads", s, l.Threads)
					}
					agree(t, f, []array{x}, x.shape, s, codegen.Portable)
				}
				b := define("f")
				f := &b.out("", b.Of(formula.Silu, b.in("x"))).f
				agree(t, f, []array{x}, x.shape, codegen.DefaultSchedule(f, callOf([]array{x}), l), codegen.Portable)
			}
		}
	}
	huge := codegen.Call{Inputs: []codegen.Input{{DType: dtype.Float32, Shape: []int{1 << 29, 8}}}}
	k, err := codegen.Generate(softmax(), huge, codegen.DefaultSchedule(softmax(), huge, codegen.Limits{}))
	if err != nil || !k.Schedule.Wide {
		t.Errorf("the default for 2^29 rows: %v", err)
	}
}

// TestTextDependsOnClasses compares the text of calls of other sizes.
func TestTextDependsOnClasses(t *testing.T) {
	text := func(f *formula.Formula, s codegen.Schedule, n int) string {
		in := []array{random(dtype.Float32, 1, n, 256), random(dtype.Float32, 2, n, 256), random(dtype.Float32, 3, 256)}
		k, err := codegen.Generate(f, callOf(in), s)
		if err != nil {
			t.Fatal(err)
		}
		return k.Header + k.Source
	}
	s := codegen.Schedule{Group: 64, Vector: 4, PerThread: 4, InRegisters: true}
	first := text(rmsnorm(), s, 2)
	for range 20 {
		if again := text(rmsnorm(), s, 5); again != first {
			t.Fatalf("other text:\n%s\nthan\n%s", again, first)
		}
	}
	if strings.Contains(first, "1e-06") || strings.Contains(first, "256.0") {
		t.Errorf("a parameter or a size is in the text:\n%s", first)
	}
	// A node that nothing needs changes nothing.
	other := define("rmsnorm_residual")
	other.Of(formula.Exp, other.Of(formula.Size))
	f := rmsnorm()
	if text(f, s, 3) != first {
		t.Error("other text of an equal definition")
	}
}

// TestNames has names that the kernel language, MLX or the text itself use.
func TestNames(t *testing.T) {
	for _, name := range []string{"i", "j", "k", "n", "D", "row", "lane", "base", "x_r", "x_v", "t1", "t2", "exp", "float", "kernel", "half", "max", "grid_size", "thread_position_in_grid",
		"x_shape", "sigmoid", "nan_max", "out", "metal", "at", "step", "part", "simd_sum", "uint", "x_j", "t1_parts", "INFINITY", "3x", "", "ä", "Limits", "using", "ceildiv", "M_PI_F", "x_row", "sqrt_", "assert", "tanh"} {
		b := define("f " + name)
		x, y, p := b.in("x"), b.in(name), b.param(name, 1)
		if name == "" {
			b.f.Inputs[0].Name = ""
		}
		v := b.Add(b.Mul(b.Of(formula.Softmax, x), b.Of(formula.Sigmoid, y)), b.Mul(p, b.Of(formula.Uniform, p)))
		b.out(name, v).out(name, b.Of(formula.MaxOf, b.Of(formula.Tanh, v))).out("x", v)
		in := []array{random(dtype.Float32, 1, 4, 64), random(dtype.Float32, 2, 4, 64)}
		for _, s := range []codegen.Schedule{{Group: 64, Vector: 4, PerThread: 4, InRegisters: true}, {Group: 32}} {
			k, err := codegen.Generate(&b.f, callOf(in), s)
			if err != nil {
				t.Fatal(err)
			}
			run(t, k, in, []float64{3}, true)
		}
	}
}
