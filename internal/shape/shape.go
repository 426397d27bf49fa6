// Package shape describes how an array's elements lie in memory: its
// dimensions, its strides and where it starts.
//
// This file implements sizes that cannot overflow, and the View.
package shape

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Size returns the number of elements of an array with dimensions dims: 1 for
// none. It fails if a dimension is negative or if the product of the
// dimensions, zeros left out, does not fit an int.
func Size(dims []int) (int, error) {
	n, zero := uint(1), false
	for _, d := range dims {
		if d < 0 {
			return 0, fmt.Errorf("negative dimension %d in shape %s", d, Format(dims))
		}
		if d == 0 {
			zero = true
			continue
		}
		hi, lo := bits.Mul(n, uint(d))
		if hi != 0 || lo > math.MaxInt {
			return 0, fmt.Errorf("shape %s has more elements than an int can count", Format(dims))
		}
		n = lo
	}
	if zero {
		return 0, nil
	}
	return int(n), nil
}

// Bytes returns the number of bytes of an array with dimensions dims and
// elements of size bytes. It fails where Size fails, and if the bytes do not
// fit an int.
func Bytes(dims []int, size int) (int, error) {
	n, err := Size(dims)
	if err != nil {
		return 0, err
	}
	hi, lo := bits.Mul(uint(n), uint(size))
	if hi != 0 || lo > math.MaxInt {
		return 0, fmt.Errorf("shape %s with %d-byte elements has more bytes than an int can count", Format(dims), size)
	}
	return int(lo), nil
}

// Format writes dims as "[2 3]".
func Format(dims []int) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range dims {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// A View says where the elements of an array lie in a buffer: element
// (i0, i1, …) at Offset + i0*Strides[0] + i1*Strides[1] + …, counted in
// elements. A View is never changed once made; its methods return new ones.
type View struct {
	Dims    []int
	Strides []int
	Offset  int
}

// New returns the row-major View of dims, which Size must accept.
func New(dims []int) View {
	return View{Dims: slices.Clone(dims), Strides: Strides(dims)}
}

// Strides returns the row-major strides of dims, as MLX and NumPy have them:
// an axis of length 0 counts as one of length 1.
func Strides(dims []int) []int {
	s := make([]int, len(dims))
	n := 1
	for i := len(dims) - 1; i >= 0; i-- {
		s[i] = n
		n *= max(dims[i], 1)
	}
	return s
}

// Size returns the number of elements.
func (v View) Size() int {
	n := 1
	for _, d := range v.Dims {
		if d == 0 {
			return 0
		}
		n *= d
	}
	return n
}

// Contiguous reports whether the elements lie one behind the other in
// row-major order, from Offset on. Strides of axes of length 1 do not matter,
// nor do any of an empty array.
func (v View) Contiguous() bool {
	n := 1
	for i := len(v.Dims) - 1; i >= 0; i-- {
		switch d := v.Dims[i]; {
		case d == 0:
			return true
		case d == 1:
		case v.Strides[i] != n:
			return v.Size() == 0
		default:
			n *= d
		}
	}
	return true
}

// Span returns the half-open range of elements of the buffer that v touches;
// it is empty if v is.
func (v View) Span() (lo, hi int) {
	if v.Size() == 0 {
		return v.Offset, v.Offset
	}
	lo, hi = v.Offset, v.Offset
	for i, d := range v.Dims {
		if s := v.Strides[i]; s < 0 {
			lo += (d - 1) * s
		} else {
			hi += (d - 1) * s
		}
	}
	return lo, hi + 1
}
