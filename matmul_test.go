package zmlx_test

// This file implements tests of the matrix product.

import (
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
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

// Sums of many small numbers do not stop growing in float16.
func TestMatMulAccumulates(t *testing.T) {
	a := zmlx.Ones(zmlx.Float16, 1, 4096)
	wantValues[float32](t, a.MatMul(a.Transpose()).As(zmlx.Float32), 4096)
}
