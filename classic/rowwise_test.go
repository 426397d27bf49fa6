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

var (
	sumOf = classic.Reduction{Init: "0", Update: "acc + x", Combine: "a + b"}
	maxOf = classic.Reduction{Init: "-INFINITY", Update: "metal::max(acc, x)", Combine: "metal::max(a, b)"}
)

func TestReduce(t *testing.T) {
	for name, c := range map[string]struct {
		r    classic.Reduction
		want func(row []float64) float64
	}{
		"mean": {classic.Reduction{Init: "0", Update: "acc + x", Combine: "a + b", Final: "s / D"}, func(row []float64) float64 {
			s := 0.0
			for _, v := range row {
				s += v
			}
			return s / float64(len(row))
		}},
		"max": {maxOf, slices.Max[[]float64]},
		"rms, one thread for each row": {classic.Reduction{Init: "T(0)", Update: "acc + v * v", Final: "metal::sqrt(acc / T(D))"}, func(row []float64) float64 {
			s := 0.0
			for _, v := range row {
				s += v * v
			}
			return math.Sqrt(s / float64(len(row)))
		}},
		"alternating": {classic.Reduction{Init: "0", Update: "acc + (j % 2 == 0 ? x : -x)", Combine: "a + b"}, func(row []float64) float64 {
			s := 0.0
			for j, v := range row {
				s += v * float64(1-2*(j%2))
			}
			return s
		}},
	} {
		for _, group := range []int{0, 1, 48, 256, 1024} {
			o := classic.Must(classic.Reduce("f", c.r, classic.Options{Threadgroup: group}))
			for d, tol := range floats {
				for _, n := range lengths {
					if group != 0 && d != zmlx.Float32 {
						continue
					}
					x := array(d, wave(3*n, 0.2), 3, n)
					xs := values(t, x)
					var want []float64
					for r := range 3 {
						want = append(want, c.want(xs[r*n:(r+1)*n]))
					}
					y := o.Call(x)
					if y.DType() != d || y.NDim() != 1 {
						t.Errorf("%v%v", y.DType(), y.Shape())
					}
					near(t, fmt.Sprint(name, group, d, n), y, want, 8*tol)
				}
			}
			clean(t, o, array(zmlx.BFloat16, wave(99, 0), 3, 33))
		}
	}
}

func TestReduceTypes(t *testing.T) {
	o := classic.Must(classic.Reduce("sum", sumOf, classic.Options{}))
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]int32{1 << 24, 1, 1, -7, -1, 0}, 2, 3)), []int32{1<<24 + 2, -8})
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]int64{1 << 40, 1}, 1, 2)), []int64{1<<40 + 1})
	mean := classic.Must(classic.Reduce("mean", classic.Reduction{Init: "0", Update: "acc + x", Combine: "a + b", Final: "s / D"}, classic.Options{}))
	zmlxtest.Same(t, mean.Call(zmlx.FromSlice([]int32{-9, -3}, 1, 2)), []int32{-6})

	// Results that the input's dtype does not hold.
	wide := classic.Must(classic.Reduce("sum", sumOf, classic.Options{Output: zmlx.Int32}))
	zmlxtest.Same(t, wide.Call(zmlx.Full[uint8](255, 2, 100)), []int32{25500, 25500})
	single := classic.Must(classic.Reduce("sum", sumOf, classic.Options{Output: zmlx.Float32}))
	zmlxtest.Same(t, single.Call(zmlx.Full[float32](1000, 1, 100).As(zmlx.Float16)), []float32{100000})
	zmlxtest.Same(t, single.Call(zmlx.FromSlice([]bool{true, true, false})), []float32{2})
	half := classic.Must(classic.Reduce("sum", sumOf, classic.Options{Compute: zmlx.Float16}))
	if v := values(t, half.Call(zmlx.Full[float32](1, 1, 4096))); v[0] != 4096 {
		t.Errorf("a tree of halves adds up to %v", v)
	}

	// Rows without elements, and no rows; strided rows; any rank.
	zmlxtest.Same(t, o.Call(zmlx.Zeros(zmlx.Float32, 2, 0)), []float32{0, 0})
	if e := o.Call(zmlx.Zeros(zmlx.Float32, 0, 5)); !slices.Equal(e.Shape(), []int{0}) || zmlx.Eval(context.Background(), e) != nil {
		t.Errorf("no rows: %v, %v", e.Shape(), e.Err())
	}
	m := zmlx.Arange(0, 6, 1, zmlx.Float32).Reshape(2, 3)
	zmlxtest.Same(t, o.Call(m.Transpose()), []float32{3, 5, 7})
	zmlxtest.Same(t, o.Call(zmlx.FromSlice([]float32{1, 2, 3})), []float32{6})
	zmlxtest.Same(t, o.Call(zmlx.Ones(zmlx.Float32, 2, 2, 3)), []float32{3, 3, 3, 3})
	if err := o.Call(zmlx.Scalar[float32](1)).Err(); err == nil || !strings.Contains(err.Error(), "sum: shape []: a 0-dim array has no rows (rowwise_test.go:") {
		t.Errorf("%v", err)
	}
}

func TestMapReduce(t *testing.T) {
	softmax := classic.Must(classic.MapReduce("softmax", classic.Rowwise{
		Pass1: maxOf,
		Pass2: classic.Reduction{Init: "0", Update: "acc2 + metal::exp(x - s1)", Combine: "a + b"},
		Write: "metal::exp(x - s1) / s2",
	}, classic.Options{}))
	layer := classic.Must(classic.MapReduce("layernorm", classic.Rowwise{
		Inputs: []string{"x", "w", "shift", "res"},
		Pass1:  classic.Reduction{Init: "0", Update: "acc1 + x", Combine: "a + b"},
		Pass2:  classic.Reduction{Init: "0", Update: "acc2 + (x - s1 / D) * (x - s1 / D)", Combine: "a + b"},
		Write:  "(x - s1 / D) * metal::rsqrt(s2 / D + eps) * T(w[j]) + T(shift[row]) + T(res[base + j])",
	}, classic.Options{Params: map[string]float64{"eps": 1e-3}}))
	for d, tol := range floats {
		for _, n := range lengths {
			const rows = 3
			x, w, shift := array(d, wave(rows*n, 0.2), rows, n), array(d, wave(n, 1), n), array(d, wave(rows, 2), rows, 1)
			xs, ws, bs := values(t, x), values(t, w), values(t, shift)
			soft, norm := make([]float64, rows*n), make([]float64, rows*n)
			for r := range rows {
				row := xs[r*n : (r+1)*n]
				top, sum, mean, sq := slices.Max(row), 0.0, 0.0, 0.0
				for _, v := range row {
					sum += math.Exp(v - top)
					mean += v / float64(n)
				}
				for _, v := range row {
					sq += (v - mean) * (v - mean) / float64(n)
				}
				for j, v := range row {
					soft[r*n+j] = math.Exp(v-top) / sum
					norm[r*n+j] = (v-mean)/math.Sqrt(sq+1e-3)*ws[j] + bs[r] + v
				}
			}
			near(t, fmt.Sprint("softmax", d, n), softmax.Call(x), soft, 4*tol)
			near(t, fmt.Sprint("layernorm", d, n), layer.Call(x, w, shift, x), norm, max(16*tol, 1e-8))
		}
	}
	clean(t, softmax, array(zmlx.Float16, wave(99, 0), 3, 33))
	clean(t, layer, zmlx.Ones(zmlx.Float32, 2, 257), zmlx.Ones(zmlx.Float32, 257), zmlx.Ones(zmlx.Float32, 2), zmlx.Ones(zmlx.Float32, 2, 257))

	// One pass, another threadgroup, an input that is a number.
	unit := classic.Must(classic.MapReduce("unit", classic.Rowwise{Inputs: []string{"x", "c"}, Pass1: sumOf, Write: "x / s1 * T(c[0])"}, classic.Options{Threadgroup: 96}))
	zmlxtest.Same(t, unit.Call(zmlx.FromSlice([]float32{1, 3, 2, 2}, 2, 2), zmlx.Scalar[float32](4)), []float32{1, 3, 2, 2})
	clean(t, unit, zmlx.Ones(zmlx.Float32, 3, 300), zmlx.Scalar[float32](4))
	if e := unit.Call(zmlx.Zeros(zmlx.Float32, 2, 0), zmlx.Scalar[float32](1)); !slices.Equal(e.Shape(), []int{2, 0}) || zmlx.Eval(context.Background(), e) != nil {
		t.Errorf("empty rows: %v, %v", e.Shape(), e.Err())
	}

	// An input that could be read out of bounds.
	err := layer.Call(zmlx.Ones(zmlx.Float32, 2, 8), zmlx.Ones(zmlx.Float32, 7), zmlx.Ones(zmlx.Float32, 2), zmlx.Ones(zmlx.Float32, 2, 8)).Err()
	if err == nil || !strings.Contains(err.Error(), "layernorm: shapes [2 8], [7]: input w has neither") {
		t.Errorf("%v", err)
	}
}

// The text of row kernels is right for any launch.
func TestSourcesAtAnyLaunch(t *testing.T) {
	x := array(zmlx.Float32, wave(5*67, 0), 5, 67)
	kernels := map[string]string{
		"unary":    classic.ElementwiseUnarySource("x * x", "inp", "out"),
		"serial":   classic.RowwiseReductionSource(classic.Reduction{Init: "0", Update: "acc + x"}, "inp", "out"),
		"parallel": classic.RowwiseParallelReductionSource(maxOf, "inp", "out"),
		"map":      classic.RowwiseMapReduceSource(maxOf, classic.Reduction{}, "x - s1", "inp", "out"),
	}
	for name, body := range kernels {
		k := zmlx.MustCompile(zmlx.Kernel{Name: "k", InputNames: []string{"inp"}, OutputNames: []string{"out"}, Source: body})
		shape := []int{5, 67}
		if name == "serial" || name == "parallel" {
			shape = []int{5}
		}
		var first []float32
		for _, grid := range []int{1, 3, 64, 480, 1000, 2048} {
			for _, group := range []int{1, 33, 64, 1024} {
				l := zmlx.Launch{
					Grid: [3]int{grid, 1, 1}, Threadgroup: [3]int{group, 1, 1}, OutputShapes: [][]int{shape},
					Template: []zmlx.TemplateArg{{Name: "T", Value: zmlx.Float32}, {Name: "O", Value: zmlx.Float32}},
				}
				r, err := k.Check(context.Background(), l, x)
				if err != nil || len(r.Findings) > 0 {
					t.Fatalf("%s, grid %d, group %d: %v %v", name, grid, group, err, r)
				}
				got, err := zmlx.Values[float32](r.Outputs[0])
				if err != nil {
					t.Fatal(err)
				}
				if first == nil {
					first = got
				}
				if !slices.Equal(got, first) {
					t.Errorf("%s: grid %d with groups of %d gives %v", name, grid, group, got)
				}
			}
		}
	}
}
