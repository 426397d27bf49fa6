// This file implements cases: an op at one shape and dtype, the arrays it works
// on, and the check of its result.

package bench

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
)

// A Case is an op at one shape and dtype.
type Case struct {
	Op    string
	Shape []int // of the first input
	DType zmlx.DType
	maker func(c Case) *work
}

// Name returns the op, shape and dtype, such as "softmax/16384x1024/float16".
func (c Case) Name() string {
	return fmt.Sprintf("%s/%s/%s", c.Op, shapeName(c.Shape), c.DType)
}

func shapeName(shape []int) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = fmt.Sprint(d)
	}
	return strings.Join(parts, "x")
}

// size returns the number of elements of the first input, and the length of
// its rows.
func (c Case) size() (n, row int) {
	n = 1
	for _, d := range c.Shape {
		n *= d
		row = d
	}
	return n, row
}

// bytes bounds what the arrays of the case take.
func (c Case) bytes() int64 {
	n, _ := c.size()
	return 4 * int64(n) * int64(c.DType.Size())
}

// A work is a case on its arrays.
type work struct {
	c      Case
	inputs []*zmlx.Array
	moved  int64                                    // bytes: each input read once, each output written once
	call   func(inputs []*zmlx.Array) []*zmlx.Array // makes the results anew, not computed
	check  func(w *work, out []*zmlx.Array) error
	cpp    string // the C++ function, if there is one
}

func (w *work) free() {
	for _, a := range w.inputs {
		a.Free()
	}
}

// prepare makes the arrays of a case, runs it once and checks the result.
func (m *machine) prepare(ctx context.Context, c Case) (*work, error) {
	w := c.maker(c)
	w.c = c
	if err := zmlx.Eval(ctx, w.inputs...); err != nil {
		w.free()
		return nil, err
	}
	out := w.call(w.inputs)
	err := zmlx.Eval(ctx, out...)
	if err == nil {
		if w.moved == 0 {
			for _, a := range append(out, w.inputs...) {
				w.moved += nbytes(a)
			}
		}
		err = w.check(w, out)
	}
	freeAll(out)
	if err != nil {
		w.free()
		return nil, err
	}
	return w, nil
}

func nbytes(a *zmlx.Array) int64 { return int64(a.Size()) * int64(a.DType().Size()) }

func freeAll(arrays []*zmlx.Array) {
	for _, a := range arrays {
		a.Free()
	}
}

// read returns n elements of an array from the first-th on, row-major.
func read(a *zmlx.Array, first, n int) ([]float64, error) {
	part := a.Flatten().Slice(zmlx.Range{Start: first, Stop: first + n, Step: 1})
	data, err := part.Bytes()
	if err != nil {
		return nil, err
	}
	return floats(data, a.DType()), nil
}

// readRow returns row r along the last axis.
func readRow(a *zmlx.Array, r int) ([]float64, error) {
	d := a.Dim(-1)
	return read(a, r*d, d)
}

// floats returns little-endian elements of dtype d as float64.
func floats(p []byte, d zmlx.DType) []float64 {
	size := d.Size()
	out := make([]float64, len(p)/size)
	for i := range out {
		var u uint64
		for k := range size {
			u |= uint64(p[i*size+k]) << (8 * k)
		}
		switch d {
		case zmlx.Float32:
			out[i] = float64(math.Float32frombits(uint32(u)))
		case zmlx.Float16:
			out[i] = half.Float16(u).Float64()
		case zmlx.BFloat16:
			out[i] = half.BFloat16(u).Float64()
		case zmlx.Float64:
			out[i] = math.Float64frombits(u)
		case zmlx.Int32:
			out[i] = float64(int32(u))
		default:
			out[i] = float64(u)
		}
	}
	return out
}

// tolerance is how far an element of dtype d may be from the formula's,
// relative to the greatest of its row.
func tolerance(d zmlx.DType) float64 {
	switch d {
	case zmlx.Float16:
		return 1.5e-3
	case zmlx.BFloat16:
		return 1e-2
	case zmlx.Float32:
		return 1e-5
	}
	return 0
}

// compare returns an error unless got is as want, within a tolerance relative
// to the greatest element.
func compare(what string, got, want []float64, tolerance float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%s has %d elements where the formula has %d", what, len(got), len(want))
	}
	scale := 0.0
	for _, v := range want {
		if a := math.Abs(v); !math.IsInf(a, 0) {
			scale = max(scale, a)
		}
	}
	for i, v := range want {
		if got[i] == v {
			continue
		}
		if !(math.Abs(got[i]-v) <= tolerance*scale) {
			return fmt.Errorf("%s is wrong: element %d is %g, and the formula gives %g", what, i, got[i], v)
		}
	}
	return nil
}

// sample returns a few of n positions: the first, the last and some between.
func sample(n int) []int {
	var out []int
	for _, i := range []int{0, 1, n / 3, n/2 + 1, n - 2, n - 1} {
		if i >= 0 && i < n && (len(out) == 0 || i > out[len(out)-1]) {
			out = append(out, i)
		}
	}
	return out
}
