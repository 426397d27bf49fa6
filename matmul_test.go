package zmlx_test

// This file implements tests of the matrix product.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestMatMul(t *testing.T) {
	n := func(seed uint64, shp ...int) *zmlx.Array {
		return zmlx.RandomInt(zmlx.NewKey(seed), -4, 5, zmlx.Int32, shp...)
	}
	for _, c := range []struct {
		a, b, want []int
	}{
		{[]int{2, 3}, []int{3, 4}, []int{2, 4}},
		{[]int{3}, []int{3, 4}, []int{4}},
		{[]int{2, 3}, []int{3}, []int{2}},
		{[]int{5}, []int{5}, []int{}},
		{[]int{33, 65}, []int{65, 31}, []int{33, 31}},
		{[]int{2, 1, 3, 4}, []int{5, 4, 2}, []int{2, 5, 3, 2}},
		{[]int{4}, []int{2, 4, 3}, []int{2, 3}},
		{[]int{2, 3, 4}, []int{4}, []int{2, 3}},
		{[]int{0, 3}, []int{3, 2}, []int{0, 2}},
		{[]int{2, 0}, []int{0, 3}, []int{2, 3}},
		{[]int{1, 1}, []int{1, 1}, []int{1, 1}},
	} {
		a, b := n(1, c.a...), n(2, c.b...)
		// Products of integers are exact in every dtype that holds them.
		want := a.MatMul(b)
		if !slices.Equal(want.Shape(), c.want) {
			t.Errorf("%v times %v has shape %v, want %v: %v", c.a, c.b, want.Shape(), c.want, want.Err())
			continue
		}
		av, _ := zmlx.Values[int32](a)
		bv, _ := zmlx.Values[int32](b)
		if len(c.a) == 2 && len(c.b) == 2 {
			sums := make([]int32, c.a[0]*c.b[1])
			for i := range c.a[0] {
				for j := range c.b[1] {
					for k := range c.a[1] {
						sums[i*c.b[1]+j] += av[i*c.a[1]+k] * bv[k*c.b[1]+j]
					}
				}
			}
			zmlxtest.Same(t, want, sums)
		}
		for _, d := range []zmlx.DType{zmlx.Float16, zmlx.BFloat16, zmlx.Float32, zmlx.Float64, zmlx.Int64} {
			got := a.As(d).MatMul(b.As(d))
			if got.DType() != d {
				t.Errorf("%v gives %v", d, got.DType())
			}
			zmlxtest.Same(t, got, want.As(d))
		}
	}
	a, b := n(1, 3, 4), n(2, 3, 2)
	zmlxtest.Same(t, a.Transpose().MatMul(b), a.Transpose().Contiguous().MatMul(b))
	zmlxtest.Same(t, b.Slice(zmlx.RangeReverse()).Transpose().MatMul(a), b.Slice(zmlx.RangeReverse()).Contiguous().Transpose().Contiguous().MatMul(a))

	f := func(d zmlx.DType, shp ...int) *zmlx.Array { return zmlx.Ones(d, shp...) }
	for want, got := range map[string]*zmlx.Array{
		"shapes [2 3], [4 2]: inner lengths 3 and 4 differ": f(zmlx.Float32, 2, 3).MatMul(f(zmlx.Float32, 4, 2)),
		"float32 times float16; convert one with As":        f(zmlx.Float32, 2, 3).MatMul(f(zmlx.Float16, 3, 2)),
		"a scalar is no matrix; use Mul":                    f(zmlx.Float32).MatMul(f(zmlx.Float32, 2, 2)),
		"leading axes":                                      f(zmlx.Float32, 2, 2, 3).MatMul(f(zmlx.Float32, 3, 3, 2)),
	} {
		if err := got.Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "matmul_test.go:") {
			t.Errorf("error is %v, want %q and the line", err, want)
		}
	}
}

// TestMatMulEveryDevice compares products with sums in float64: of dense
// arrays, of views of all kinds, and of batches.
func TestMatMulEveryDevice(t *testing.T) {
	zmlxtest.OnEveryDevice(t, testMatMulOn)
	for _, name := range []string{"remote", "multiplier"} {
		t.Run(name, func(t *testing.T) {
			d, err := zmlx.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			testMatMulOn(t, d)
		})
	}
}

func testMatMulOn(t *testing.T, d *zmlx.Device) {
	seed := uint64(0)
	random := func(dt zmlx.DType, shp ...int) *zmlx.Array {
		seed++
		return zmlx.RandomUniform(zmlx.NewKey(seed), -1, 1, zmlx.Float32, shp...).As(dt).To(d)
	}
	for _, dt := range []zmlx.DType{zmlx.Float32, zmlx.Float16, zmlx.BFloat16, zmlx.Float64} {
		if _, lacks := errors.AsType[*zmlx.DTypeError](zmlx.Ones(dt, 1).To(d).Err()); lacks {
			continue
		}
		every := func(a *zmlx.Array) *zmlx.Array {
			return a.Slice(zmlx.Range{Start: 1, Stop: zmlx.End, Step: 2}, zmlx.Range{Start: zmlx.End, Stop: zmlx.Begin, Step: -3})
		}
		for name, pair := range map[string][2]*zmlx.Array{
			"dense":      {random(dt, 33, 70), random(dt, 70, 40)},
			"small":      {random(dt, 3, 4), random(dt, 4, 5)},
			"transposed": {random(dt, 70, 33).Transpose(), random(dt, 40, 70).Transpose()},
			"slices":     {every(random(dt, 40, 100)), every(random(dt, 68, 60))},
			"row":        {random(dt, 100), random(dt, 100, 90)},
			"column":     {random(dt, 90, 100), random(dt, 100)},
			"batch":      {random(dt, 3, 2, 20, 30), random(dt, 2, 30, 17)},
			"broadcast":  {random(dt, 1, 25, 30).Broadcast(4, 25, 30), random(dt, 30, 17)},
			"heads":      {random(dt, 2, 21, 3, 16).Transpose(0, 2, 1, 3), random(dt, 2, 22, 3, 16).Transpose(0, 2, 3, 1)},
			"one term":   {random(dt, 30, 1), random(dt, 1, 30)},
		} {
			got := pair[0].MatMul(pair[1])
			if got.DType() != dt || got.Device() != d {
				t.Errorf("%s: %v on %v: %v", name, got.DType(), got.Device(), got.Err())
				continue
			}
			compareProduct(t, name, pair[0], pair[1], got)
		}
	}
}

// compareProduct compares a product with sums in float64.
func compareProduct(t *testing.T, name string, a, b, got *zmlx.Array) {
	t.Helper()
	if a.NDim() == 1 {
		a = a.ExpandDims(0)
	}
	if b.NDim() == 1 {
		b = b.ExpandDims(1)
	}
	m, k, n := a.Dim(-2), a.Dim(-1), b.Dim(-1)
	batch := got.Size() / (m * n)
	lead := []int{}
	if batch > 1 {
		lead = got.Shape()[:got.NDim()-2]
	}
	on, err := zmlx.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	all := func(x *zmlx.Array, shp ...int) []float64 {
		if shp != nil {
			x = x.Broadcast(shp...)
		}
		v, err := zmlx.Values[float64](x.To(on).As(zmlx.Float64))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return v
	}
	av, bv := all(a, append(slices.Clone(lead), m, k)...), all(b, append(slices.Clone(lead), k, n)...)
	eps := map[zmlx.DType]float64{zmlx.Float16: 0x1p-10, zmlx.BFloat16: 0x1p-7, zmlx.Float32: 0x1p-23, zmlx.Float64: 0x1p-52}
	sumEps := min(eps[got.DType()], eps[zmlx.Float32])
	for i, v := range all(got) {
		at, row, col := i/(m*n), i/n%m, i%n
		var want, sizes float64
		for j := range k {
			p := av[(at*m+row)*k+j] * bv[(at*k+j)*n+col]
			want += p
			sizes += math.Abs(p)
		}
		if limit := eps[got.DType()]*math.Abs(want) + 2*sumEps*math.Sqrt(float64(k+4))*sizes; !(math.Abs(v-want) <= limit) {
			t.Fatalf("%s %v: element %d of %v is %v, want %v within %.3g", name, got.DType(), i, got.Shape(), v, want, limit)
		}
	}
}

// A multiplier is the interpreter with a product of its own, slow and plain,
// which notes what it was asked.
type multiplier struct {
	launch.Device
	asked []launch.MatMul
}

func (d *multiplier) Name() string { return "multiplier" }

// Multiplies takes neither rows of which every other is left out, nor axes
// backwards.
func (d *multiplier) Multiplies(m launch.MatMul) bool {
	return m.DType == dtype.Float32 && m.A.Row < 10*m.K && m.B.Row > 0 && m.B.Col > 0
}

func (d *multiplier) MatMul(_ context.Context, m launch.MatMul) error {
	if err := m.Check(); err != nil {
		return err
	}
	d.asked = append(d.asked, m)
	s := m.Simplify()
	if s.Products() != 1 && len(s.Batch) == 0 {
		return fmt.Errorf("%d products in no batch", s.Products())
	}
	at := func(x *launch.Matrix, batch, i, j int) *float32 {
		offset := i*x.Row + j*x.Col
		for axis := len(s.Batch) - 1; axis >= 0; axis-- {
			offset += batch % s.Batch[axis] * x.Batch[axis]
			batch /= s.Batch[axis]
		}
		return (*float32)(unsafe.Pointer(&x.Buffer.Host()[x.Offset+4*offset]))
	}
	for b := range s.Products() {
		for i := range s.M {
			for j := range s.N {
				sum := float32(0)
				for k := range s.K {
					sum += *at(&s.A, b, i, k) * *at(&s.B, b, k, j)
				}
				*at(&s.Out, b, i, j) = sum
			}
		}
	}
	return nil
}

var theMultiplier = &multiplier{Device: interp.New()}

func init() {
	launch.Register("multiplier", func(int) (launch.Device, error) { return theMultiplier, nil })
}

// TestMatMulCopiesNothing looks at what a device is asked to multiply: views
// reach it as they lie, in gradients as well.
func TestMatMulCopiesNothing(t *testing.T) {
	d, err := zmlx.Open("multiplier")
	if err != nil {
		t.Fatal(err)
	}
	ones := func(shp ...int) *zmlx.Array { return zmlx.RandomNormal(zmlx.NewKey(9), zmlx.Float32, shp...).To(d) }
	type strides struct {
		m, n, k        int
		a, b           [2]int
		aBatch, bBatch []int
	}
	check := func(name string, run func() []*zmlx.Array, want ...strides) {
		t.Helper()
		theMultiplier.asked = nil
		for _, a := range run() {
			if err := a.Eval(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var got []strides
		for _, m := range theMultiplier.asked {
			got = append(got, strides{m.M, m.N, m.K, [2]int{m.A.Row, m.A.Col}, [2]int{m.B.Row, m.B.Col}, m.A.Batch, m.B.Batch})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(strides{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	x, y := ones(6, 5), ones(7, 5)
	check("transposed", func() []*zmlx.Array { return []*zmlx.Array{x.MatMul(y.Transpose())} },
		strides{m: 6, n: 7, k: 5, a: [2]int{5, 1}, b: [2]int{1, 5}})
	check("slices", func() []*zmlx.Array {
		return []*zmlx.Array{x.Slice(zmlx.Range{Start: 0, Stop: zmlx.End, Step: 2}).MatMul(y.Slice(zmlx.RangeReverse()).Transpose())}
	}, strides{m: 3, n: 7, k: 5, a: [2]int{10, 1}, b: [2]int{7, 1}})
	check("one column", func() []*zmlx.Array {
		return []*zmlx.Array{ones(10, 6).Transpose().Slice(zmlx.RangeAll(), zmlx.RangeTo(1)).MatMul(ones(1, 4))}
	}, strides{m: 6, n: 4, k: 1, a: [2]int{1, 6}, b: [2]int{4, 1}})
	check("heads", func() []*zmlx.Array {
		q := ones(2, 8, 3, 4)
		return []*zmlx.Array{q.Transpose(0, 2, 1, 3).MatMul(ones(3, 4, 5))}
	}, strides{m: 8, n: 5, k: 4, a: [2]int{12, 1}, b: [2]int{5, 1}, aBatch: []int{96, 4}, bBatch: []int{0, 20}})
	check("gradients", func() []*zmlx.Array {
		f := func(in ...*zmlx.Array) []*zmlx.Array { return []*zmlx.Array{in[0].MatMul(in[1].Transpose())} }
		_, grads := zmlx.VJP(f, []*zmlx.Array{x, y}, []*zmlx.Array{ones(6, 7)})
		return grads
	},
		strides{m: 6, n: 5, k: 7, a: [2]int{7, 1}, b: [2]int{5, 1}},
		strides{m: 5, n: 7, k: 6, a: [2]int{1, 5}, b: [2]int{7, 1}})
}

// Sums of many small numbers do not stop growing in float16.
func TestMatMulAccumulates(t *testing.T) {
	a := zmlx.Ones(zmlx.Float16, 1, 4096)
	wantValues[float32](t, a.MatMul(a.Transpose()).As(zmlx.Float32), 4096)
}
