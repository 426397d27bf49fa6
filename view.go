// This file implements the views of an Array: new shapes over the same memory.

package zmlx

import (
	"errors"
	"math"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Range selects the positions Start, Start+Step, … before Stop on an axis, by
// NumPy's rules for start:stop:step: negative positions count from the end, and
// positions beyond an end mean that end. Step 0 means 1. Note that the zero
// Range is 0:0, which is empty; see [RangeAll].
type Range struct{ Start, Stop, Step int }

// Begin and End, as the Start or Stop of a Range, are beyond the first and the
// last position: Range{End, Begin, -2} is NumPy's ::-2.
const (
	Begin = math.MinInt
	End   = math.MaxInt
)

// RangeAll returns the whole axis, NumPy's ":".
func RangeAll() Range { return Range{0, End, 1} }

// RangeFrom returns the positions from i on, NumPy's "i:".
func RangeFrom(i int) Range { return Range{i, End, 1} }

// RangeTo returns the positions before i, NumPy's ":i".
func RangeTo(i int) Range { return Range{0, i, 1} }

// RangeReverse returns the whole axis backwards, NumPy's "::-1".
func RangeReverse() Range { return Range{End, Begin, -1} }

// viewed returns the array with another view of its value, or err as a
// *ShapeError.
func (a *Array) viewed(op string, v shape.View, err error) *Array {
	if err != nil {
		return badShape(op, err, a)
	}
	return &Array{value: a.value, view: v, dev: a.dev}
}

// Reshape returns the same elements in row-major order with another shape. One
// length may be -1: whatever is left. It is a view wherever strides can describe
// it; else, as of a transposed array, the elements are copied.
func (a *Array) Reshape(shp ...int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	dims, err := shape.Infer(shp, a.Size())
	if err != nil {
		return badShape("reshape", err, a)
	}
	if v, ok := a.view.Reshape(dims); ok {
		return a.reshaped("reshape", a.viewed("reshape", v, nil))
	}
	return a.Contiguous().Reshape(dims...)
}

// Flatten returns the elements in row-major order as one axis.
func (a *Array) Flatten() *Array { return a.Reshape(-1) }

// Transpose returns a view whose axis i is axis axes[i] of the array; without
// axes, all in reverse order.
func (a *Array) Transpose(axes ...int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	v, err := a.view.Transpose(axes)
	return a.transposed(a.viewed("transpose", v, err), axes)
}

// Slice returns the view of ranges[i] of axis i. Axes beyond the ranges are
// whole.
func (a *Array) Slice(ranges ...Range) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	rs := make([]shape.Range, len(ranges))
	for i, r := range ranges {
		rs[i] = shape.Range(r)
	}
	v, err := a.view.Slice(rs)
	return a.sliced(a.viewed("slice", v, err), ranges)
}

// At returns the view of one position on each of the first len(index) axes,
// without these axes: of a matrix, At(i) is a row and At(i, j) an element.
// Negative positions count from the end.
func (a *Array) At(index ...int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	v, err := a.view.At(index)
	if err == nil && a.rec != nil {
		return a.tracedAt(index)
	}
	return a.viewed("at", v, err)
}

// Broadcast returns a view repeated to a shape by NumPy's rules: axes are
// matched from the last one on, those of length 1 and missing ones are repeated.
func (a *Array) Broadcast(shp ...int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	v, err := a.view.Broadcast(shp)
	return a.broadcasted(a.viewed("broadcast", v, err))
}

// ExpandDims returns a view with one more axis, of length 1, at position axis
// of the result; negative ones count from its end.
func (a *Array) ExpandDims(axis int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	v, err := a.view.ExpandDims(axis)
	return a.reshaped("expand_dims", a.viewed("expand_dims", v, err))
}

// Squeeze returns a view without the given axes, which must have length 1;
// without arguments, without all axes of length 1.
func (a *Array) Squeeze(axes ...int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	v, err := a.view.Squeeze(axes)
	return a.reshaped("squeeze", a.viewed("squeeze", v, err))
}

// Contiguous returns an array with the same elements that is row-contiguous:
// the array itself if it is, else a copy.
func (a *Array) Contiguous() *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	if a.view.Contiguous() {
		return a
	}
	out := a.wrap("contiguous")(graph.CopyValue("contiguous", a.input(), a.DType()))
	return a.copied("contiguous", out, (*Array).Contiguous)
}

// To returns the array on another device: itself if it is there, else a copy.
func (a *Array) To(dev *Device) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	if dev == a.dev {
		return a
	}
	if !dev.made() {
		return failed(&DeviceError{Device: dev.Name(), Op: "to", Err: errNilDevice, Caller: caller()})
	}
	if err := dev.holds("to", a.DType()); err != nil {
		return failed(err)
	}
	out := dev.wrap("to", a)(graph.MoveValue(a.gathered().input(), dev.graph))
	return a.copied("to", out, func(t *Array) *Array { return t.To(dev) })
}

// wrap returns a function that makes an Array of the Value that operation op on
// the array came to, or of its error.
func (a *Array) wrap(op string) func(*graph.Value, error) *Array { return a.dev.wrap(op, a) }

func (d *Device) wrap(op string, inputs ...*Array) func(*graph.Value, error) *Array {
	return func(v *graph.Value, err error) *Array {
		if err == nil {
			return newArray(d, v)
		}
		if _, freed := errors.AsType[*graph.FreedError](err); freed {
			return failed(public(err))
		}
		return badShape(op, err, inputs...) // the only other error of a new node
	}
}
