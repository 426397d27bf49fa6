// This file implements comparing arrays, for tests and checks.

package zmlx

import (
	"bytes"
	"math"
	"slices"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// Equal computes a and b and reports whether they have the same dtype, shape
// and elements. NaN equals nothing, and 0 equals -0. They may be on different
// devices.
func Equal(a, b *Array) (bool, error) {
	if err := firstError(a, b); err != nil {
		return false, err
	}
	p, err := a.Bytes()
	if err != nil {
		return false, err
	}
	q, err := b.Bytes()
	if err != nil {
		return false, err
	}
	if a.DType() != b.DType() || !slices.Equal(a.view.Dims, b.view.Dims) {
		return false, nil
	}
	if !a.DType().IsFloat() && a.DType() != Complex64 {
		return bytes.Equal(p, q), nil
	}
	return slices.Equal(widen(p, a.DType()), widen(q, b.DType())), nil
}

// AllClose computes a and b and reports whether they have the same shape and
// |a-b| <= atol + rtol*|b| everywhere. Infinities are close to themselves only,
// NaN is close to nothing. The dtypes and devices may differ; both are compared
// in float64, complex numbers by their parts.
func AllClose(a, b *Array, rtol, atol float64) (bool, error) {
	if err := firstError(a, b); err != nil {
		return false, err
	}
	p, err := a.Bytes()
	if err != nil {
		return false, err
	}
	q, err := b.Bytes()
	if err != nil {
		return false, err
	}
	if !slices.Equal(a.view.Dims, b.view.Dims) {
		return false, nil
	}
	x, y := widen(p, a.DType()), widen(q, b.DType())
	if len(x) != len(y) { // one is complex
		x, y = withImaginary(x, len(y)), withImaginary(y, len(x))
	}
	for i := range x {
		if x[i] == y[i] {
			continue
		}
		// An infinite y would allow every x.
		if math.IsInf(y[i], 0) || !(math.Abs(x[i]-y[i]) <= atol+rtol*math.Abs(y[i])) {
			return false, nil
		}
	}
	return true, nil
}

// widen returns dense elements of dtype d as float64; complex ones as two.
func widen(p []byte, d DType) []float64 {
	if d == Complex64 {
		d = Float32
	}
	out := make([]float64, len(p)/d.Size())
	v := shape.New([]int{len(out)})
	graph.Convert(bytesOf(out), Float64, v, p, d, v)
	return out
}

// withImaginary returns x with zeros put in for imaginary parts if it has half
// of n elements.
func withImaginary(x []float64, n int) []float64 {
	if len(x)*2 != n {
		return x
	}
	out := make([]float64, n)
	for i, v := range x {
		out[2*i] = v
	}
	return out
}
