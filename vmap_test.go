package zmlx_test

// This file implements tests of Vmap: against the function called for each
// position by itself, and together with derivatives.

import (
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// byPosition is Vmap by calling f for each position.
func byPosition(f zmlx.Func, axes ...int) zmlx.Func {
	return func(args ...*zmlx.Array) []*zmlx.Array {
		var parts [][]*zmlx.Array
		size := 0
		for i, a := range args {
			if len(axes) == 0 || axes[i] == 0 {
				size = a.Dim(0)
			}
		}
		for p := range size {
			at := slices.Clone(args)
			for i, a := range args {
				if len(axes) == 0 || axes[i] == 0 {
					at[i] = a.At(p)
				}
			}
			for k, r := range f(at...) {
				if p == 0 {
					parts = append(parts, nil)
				}
				parts[k] = append(parts[k], r)
			}
		}
		out := make(arrays, len(parts))
		for k := range parts {
			out[k] = zmlx.Stack(0, parts[k]...)
		}
		return out
	}
}

func TestVmap(t *testing.T) {
	n := func(seed uint64, shp ...int) *zmlx.Array { return normal(seed, zmlx.Float64, shp...) }
	norm := zmlx.MustDefine("n(x, w) = x * rsqrt(mean(x * x) + 1.0) * w")
	byRow := zmlx.MustDefine("b(x, m[1]) = x - m * sum(x)")
	const free = zmlx.NotMapped
	r := func(a, b, c int) zmlx.Range { return zmlx.Range{Start: a, Stop: b, Step: c} }
	reverse := zmlx.MustCompile(zmlx.Kernel{Name: "reverse_copy", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[i] = x[threads_per_grid.x - 1 - i];"})
	custom := zmlx.Custom{
		Forward: func(a ...*zmlx.Array) []*zmlx.Array { return arrays{a[0].Mul(a[1])} },
		VJP: func(primals, ct, _ []*zmlx.Array) []*zmlx.Array {
			return arrays{ct[0].MulScalar(10), ct[0].MulScalar(20).Sum().Broadcast(primals[1].Shape()...)}
		},
	}
	for _, c := range []struct {
		name string
		f    func(a arrays) *zmlx.Array
		axes []int
		args arrays
		once bool // no derivative in both directions
	}{
		{"arithmetic", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).AddScalar(1).Tanh() }, nil, arrays{n(1, 4, 3), n(2, 4, 3)}, false},
		{"of different ranks", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).Sub(a[2]) }, nil, arrays{n(1, 4), n(2, 4, 3), n(3, 4, 2, 1)}, false},
		{"not mapped", func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).Add(a[1]) }, []int{0, free}, arrays{n(1, 4, 3), n(2, 2, 3)}, false},
		{"the same for all", func(a arrays) *zmlx.Array { return a[1].Square() }, []int{0, free}, arrays{n(1, 4), n(2, 3)}, false},
		{"the argument", func(a arrays) *zmlx.Array { return a[0] }, nil, arrays{n(1, 4, 2)}, false},
		{"row op", func(a arrays) *zmlx.Array { return norm.Call(a[0], a[1]) }, []int{0, free}, arrays{n(1, 4, 2, 3), n(2, 3)}, false},
		{"row op of vectors", func(a arrays) *zmlx.Array { return norm.Call(a[0], a[1]) }, nil, arrays{n(1, 4, 3), n(2, 4, 3)}, false},
		{"row inputs", func(a arrays) *zmlx.Array { return byRow.Call(a[0], a[1]) }, nil, arrays{n(1, 4, 2, 3), n(2, 4, 2)}, false},
		{"row inputs not mapped", func(a arrays) *zmlx.Array { return byRow.Call(a[0], a[1]) }, []int{0, free}, arrays{n(1, 4, 2, 3), n(2, 2)}, false},
		{"reductions", func(a arrays) *zmlx.Array { return a[0].Sum(0).Add(a[0].Max()).Mul(a[0].Var(0, 1)) }, nil, arrays{n(1, 4, 2, 3)}, false},
		{"reduction of a scalar", func(a arrays) *zmlx.Array { return a[0].Sum().Square() }, nil, arrays{n(1, 4)}, false},
		{"matmul", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, nil, arrays{n(1, 4, 2, 3), n(2, 4, 3, 2)}, false},
		{"matmul with one matrix", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, []int{0, free}, arrays{n(1, 4, 3), n(2, 3, 2)}, false},
		{"dot products", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, nil, arrays{n(1, 4, 3), n(2, 4, 3)}, false},
		{"matmul with batches", func(a arrays) *zmlx.Array { return a[0].MatMul(a[1]) }, []int{free, 0}, arrays{n(1, 5, 2, 3), n(2, 4, 3, 2)}, false},
		{"views", func(a arrays) *zmlx.Array {
			return a[0].Transpose().Reshape(2, 3).Slice(zmlx.RangeReverse(), r(0, zmlx.End, 2)).ExpandDims(1).Squeeze(1).At(-1)
		}, nil, arrays{n(1, 4, 3, 2)}, false},
		{"broadcast", func(a arrays) *zmlx.Array { return a[0].Broadcast(2, 2, 3).Mul(a[1]) }, nil, arrays{n(1, 4, 3), n(2, 4, 2, 1)}, false},
		{"concatenate", func(a arrays) *zmlx.Array { return zmlx.Concatenate(0, a[0], a[1], a[0]) }, []int{0, free}, arrays{n(1, 4, 2, 3), n(2, 1, 3)}, false},
		{"stack", func(a arrays) *zmlx.Array { return zmlx.Stack(-1, a[0], a[1]) }, nil, arrays{n(1, 4, 2), n(2, 4, 2)}, false},
		{"where", func(a arrays) *zmlx.Array { return zmlx.Where(a[0].Gt(a[1]), a[0], a[1]) }, []int{0, free}, arrays{n(1, 4, 2), n(2, 2)}, false},
		{"cast", func(a arrays) *zmlx.Array { return a[0].As(zmlx.Float32).As(zmlx.Float64).Contiguous() }, nil, arrays{n(1, 4, 2)}, true},
		{"take", func(a arrays) *zmlx.Array { return a[0].Take(a[1]) }, nil, arrays{n(1, 4, 3), zmlx.FromSlice([]int32{0, 1, 2, 2, -1, 0, 1, 1}, 4, 2)}, false},
		{"take by lists", func(a arrays) *zmlx.Array { return a[0].Take(a[1]) }, []int{free, 0}, arrays{n(1, 3, 2), zmlx.FromSlice([]int32{0, 1, 2, 2}, 2, 2)}, false},
		{"take from many", func(a arrays) *zmlx.Array { return a[0].Take(a[1]) }, []int{0, free}, arrays{n(1, 4, 3), zmlx.FromSlice([]int32{0, -1})}, false},
		{"kernel", func(a arrays) *zmlx.Array {
			return reverse.Call(zmlx.Launch{OutputDTypes: []zmlx.DType{zmlx.Float64}}, a[0].MulScalar(2))[0]
		}, nil, arrays{n(1, 4, 3)}, true},
		{"custom", func(a arrays) *zmlx.Array { return custom.Call(a...)[0] }, []int{0, free}, arrays{n(1, 4, 3), n(2, 3)}, true},
		{"gradient", func(a arrays) *zmlx.Array {
			return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Mul(a[1]).Tanh().Sum() })(a[0])
		}, []int{0, free}, arrays{n(1, 4, 3), n(2, 3)}, false},
		{"gradient of a slice", func(a arrays) *zmlx.Array {
			return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Slice(r(0, 2, 1)).Square().Sum() })(a[0])
		}, nil, arrays{n(1, 4, 3)}, false},
		{"gradient of take", func(a arrays) *zmlx.Array {
			return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Take(zmlx.FromSlice([]int32{0, 0, 2})).Square().Sum() })(a[0])
		}, nil, arrays{n(1, 4, 3)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := one(c.f)
			got, want := zmlx.Vmap(f, c.axes...), byPosition(f, c.axes...)
			zmlxtest.AllClose(t, got(c.args...)[0], want(c.args...)[0], 1e-12, 1e-12)

			// The gradient of the map is that of the calls.
			total := func(g zmlx.Func) zmlx.Func {
				return one(func(a arrays) *zmlx.Array { return g(a...)[0].Square().Sum() })
			}
			if c.name == "kernel" {
				return
			}
			argnums := []int{}
			for i := range c.args {
				argnums = append(argnums, i)
			}
			_, g := zmlx.ValueAndGrad(total(got), argnums...)(c.args...)
			_, w := zmlx.ValueAndGrad(total(want), argnums...)(c.args...)
			for i := range g {
				zmlxtest.AllClose(t, g[i], w[i], 1e-9, 1e-9)
			}
			if !c.once {
				zmlxtest.CheckGrad(t, got, c.args...)
			}
		})
	}
}

func TestVmapNested(t *testing.T) {
	x, y := normal(1, zmlx.Float64, 3, 4), normal(2, zmlx.Float64, 5, 4)
	dot := one(func(a arrays) *zmlx.Array { return a[0].Mul(a[1]).Sum() })
	// All pairs of rows.
	pairs := zmlx.Vmap(zmlx.Vmap(dot, zmlx.NotMapped, 0), 0, zmlx.NotMapped)
	zmlxtest.AllClose(t, pairs(x, y)[0], x.MatMul(y.Transpose()), 1e-12, 1e-12)
	zmlxtest.CheckGrad(t, pairs, x, y)

	// The gradient for each of a batch.
	grad := one(func(a arrays) *zmlx.Array {
		return zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Square().Sum() })(a[0])
	})
	zmlxtest.Same(t, zmlx.Vmap(grad)(x)[0], x.MulScalar(2))
	zmlxtest.Same(t, zmlx.Vmap(zmlx.Vmap(grad))(x)[0], x.MulScalar(2))

	// A captured array that an outer transform follows.
	captured := func(w *zmlx.Array) *zmlx.Array {
		return zmlx.Vmap(one(func(a arrays) *zmlx.Array { return a[0].Mul(w).Tanh() }))(x)[0].Sum()
	}
	zmlxtest.CheckGrad(t, one(func(a arrays) *zmlx.Array { return captured(a[0]) }), normal(3, zmlx.Float64, 4))
	outer := zmlx.Vmap(one(func(w arrays) *zmlx.Array {
		return zmlx.Vmap(one(func(a arrays) *zmlx.Array { return a[0].MatMul(w[0]) }))(x)[0]
	}))
	zmlxtest.AllClose(t, outer(y)[0], y.MatMul(x.Transpose()), 1e-12, 1e-12)

	// The Jacobian by rows, from Vmap of VJP.
	f := one(func(a arrays) *zmlx.Array { return a[0].Softmax() })
	v := x.At(0)
	byRows := zmlx.Vmap(one(func(ct arrays) *zmlx.Array {
		_, g := zmlx.VJP(f, arrays{v}, ct)
		return g[0]
	}))
	eye := zmlx.FromSlice([]float64{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, 4, 4)
	want := zmlx.Jacobian(func(x *zmlx.Array) *zmlx.Array { return x.Softmax() })(v)
	zmlxtest.AllClose(t, byRows(eye)[0], want, 1e-12, 1e-12)
}

func TestVmapErrors(t *testing.T) {
	x := zmlx.Ones(zmlx.Float32, 3, 2)
	id := one(func(a arrays) *zmlx.Array { return a[0] })
	for _, c := range []struct {
		want string
		got  arrays
	}{
		{"2 axes for 1 arguments", zmlx.Vmap(id, 0, 0)(x)},
		{"only the first axis can be mapped", zmlx.Vmap(id, 1)(x)},
		{"argument 0 has no axis to map over", zmlx.Vmap(id)(zmlx.Scalar[float32](1))},
		{"argument 1 has 2 positions, and others 3", zmlx.Vmap(id)(x, zmlx.Ones(zmlx.Float32, 2))},
		{"no argument is mapped", zmlx.Vmap(id, zmlx.NotMapped)(x)},
		{"the mapped axis is empty", zmlx.Vmap(id)(zmlx.Ones(zmlx.Float32, 0, 2))},
		{"inner lengths 2 and 3 differ", zmlx.Vmap(one(func(a arrays) *zmlx.Array { return a[0].MatMul(zmlx.Ones(zmlx.Float32, 3)) }))(x)},
	} {
		if len(c.got) == 0 {
			t.Errorf("%s: nothing", c.want)
		}
		for _, a := range c.got {
			if err := a.Err(); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "vmap_test.go:") {
				t.Errorf("error is %v, want %q and the line", err, c.want)
			}
		}
	}
}
