// This file implements Array: what is known of it without computing it, and
// how operations on arrays become nodes.

package zmlx

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// An Array is an immutable n-dimensional array on a device, computed or not,
// or the error that came of making it. Make one with [FromSlice], [Zeros] and
// the like; the zero Array carries an error.
type Array struct {
	value *graph.Value // nil if err is not
	view  shape.View   // where the elements lie in value, which is dense
	dev   *Device
	err   error
	rec   *record // how it was made, if a transform follows it
}

var errZeroArray = errors.New("array was never made: it is the zero zmlx.Array")

// newArray returns the whole of v as an Array.
func newArray(dev *Device, v *graph.Value) *Array {
	return &Array{value: v, view: shape.View{Dims: v.Dims(), Strides: shape.Strides(v.Dims())}, dev: dev}
}

// Shape returns the lengths of the axes, nil if the array carries an error.
func (a *Array) Shape() []int {
	notNil(a != nil, "*Array")
	return slices.Clone(a.view.Dims)
}

// NDim returns the number of axes.
func (a *Array) NDim() int {
	notNil(a != nil, "*Array")
	return len(a.view.Dims)
}

// Dim returns the length of an axis; negative axes count from the end. It is
// -1 if there is no such axis.
func (a *Array) Dim(axis int) int {
	i, err := shape.Axis(axis, a.NDim())
	if err != nil {
		return -1
	}
	return a.view.Dims[i]
}

// Size returns the number of elements, 0 if the array carries an error.
func (a *Array) Size() int {
	notNil(a != nil, "*Array")
	if a.value == nil {
		return 0
	}
	return a.view.Size()
}

// nbytes returns the bytes of all elements, dense.
func (a *Array) nbytes() int { return a.Size() * a.DType().Size() }

// DType returns the element type; of an array that carries an error it is the
// zero DType, "invalid".
func (a *Array) DType() DType {
	notNil(a != nil, "*Array")
	if a.value == nil {
		return 0
	}
	return a.value.DType()
}

// Device returns the device the array lives on, nil if it carries an error.
func (a *Array) Device() *Device {
	notNil(a != nil, "*Array")
	return a.dev
}

// Strides returns how many elements lie between neighbours along each axis.
// Arrays that operations return are dense and row-major; views may not be.
func (a *Array) Strides() []int {
	notNil(a != nil, "*Array")
	return slices.Clone(a.view.Strides)
}

// RowContiguous reports whether the elements lie one behind the other in
// row-major order. An operation's result does; a view may not.
func (a *Array) RowContiguous() bool {
	notNil(a != nil, "*Array")
	return a.view.Contiguous()
}

// Err returns the error the array carries: from the call that made it, from
// computing it if that was tried, or since it was freed. It computes nothing.
func (a *Array) Err() error {
	notNil(a != nil, "*Array")
	switch {
	case a.err != nil:
		return a.err
	case a.value == nil:
		return errZeroArray
	}
	return public(a.value.Err())
}

// Eval computes the array, if that was not done before, and returns the error
// it carries then. A device that works on its own, as GPUs do, has been given
// the work when Eval returns, and may not be done with it: [Device.Sync] waits,
// and so do Values, Bytes and the like, which find errors of such work. ctx's end stops it between kernels, and within one on
// devices that can; the array stays as it was and can be computed later.
func (a *Array) Eval(ctx context.Context) error { return Eval(ctx, a) }

// Eval computes arrays and what they depend on, each node once. It returns the
// error of the first array that carries one, or ctx's.
func Eval(ctx context.Context, arrays ...*Array) error {
	if ctx == nil {
		return errNilContext
	}
	var few [8]*graph.Value
	values := few[:0]
	var first error
	for _, a := range arrays {
		if err := a.Err(); err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		values = append(values, a.value)
	}
	if err := graph.Evaluate(ctx, values...); err != nil && first == nil {
		first = public(err)
	}
	return first
}

// Rows iterates over the first axis: index and the array without that axis. An
// array that carries an error yields itself once; a 0-dim one has no rows.
func (a *Array) Rows() iter.Seq2[int, *Array] {
	return func(yield func(int, *Array) bool) {
		if a.Err() != nil {
			yield(0, a)
			return
		}
		for i := range max(a.Dim(0), 0) {
			if !yield(i, a.At(i)) {
				return
			}
		}
	}
}

// A spec is the dtype and shape of an operation's result.
type spec = graph.Spec

// newOp returns the results of a new node: name is for messages, specs are the
// results' dtypes and shapes, and run computes them on dev from the memory of
// inputs, each as strided as the input is. If an input carries an error, all
// results carry it. See graph.RunFunc for what run must keep to.
func newOp(name string, dev *Device, inputs []*Array, specs []spec, run graph.RunFunc) []*Array {
	out := make([]*Array, len(specs))
	values, err := newValues(name, dev, inputs, specs, run)
	for i := range out {
		if err != nil {
			out[i] = failed(err)
		} else {
			out[i] = newArray(dev, values[i])
		}
	}
	return out
}

func newValues(name string, dev *Device, inputs []*Array, specs []spec, run graph.RunFunc) ([]*graph.Value, error) {
	if err := firstError(inputs...); err != nil {
		return nil, err
	}
	if err := sameDevice(name, dev, inputs...); err != nil {
		return nil, err
	}
	for _, s := range specs {
		if err := dev.holds(name, s.DType); err != nil {
			return nil, err
		}
		if _, err := s.Bytes(); err != nil {
			return nil, shapeError(name, err, inputs...)
		}
	}
	ins := make([]graph.Input, len(inputs))
	for i, a := range inputs {
		ins[i] = a.input()
	}
	values, err := graph.New(name, dev.graph, ins, specs, run)
	return values, public(err)
}

// input returns the array as a node's input.
func (a *Array) input() graph.Input { return graph.Input{Value: a.value, View: a.view} }

// firstError returns the error of the first array that carries one.
func firstError(arrays ...*Array) error {
	for _, a := range arrays {
		if err := a.Err(); err != nil {
			return err
		}
	}
	return nil
}

// sameDevice checks that all arrays are on dev.
func sameDevice(op string, dev *Device, arrays ...*Array) error {
	for _, a := range arrays {
		if a.dev != dev {
			return &DeviceError{
				Device: dev.Name(), Op: op, Caller: caller(),
				Err: fmt.Errorf("array is on %s, not on %s; move it with To", a.dev.Name(), dev.Name()),
			}
		}
	}
	return nil
}

// hold computes the array and returns its memory, with a function that lets go
// of it. Where the host can address the memory, it has been waited for.
func (a *Array) hold(ctx context.Context) (graph.View, func(), error) {
	if err := a.Eval(ctx); err != nil {
		return graph.View{}, nil, err
	}
	if a.dev.graph.OnHost() {
		if err := a.value.Wait(); err != nil {
			return graph.View{}, nil, public(err)
		}
	}
	v, release, err := a.value.Hold()
	if err != nil {
		return graph.View{}, nil, public(err)
	}
	v.View = a.view
	return v, release, nil
}

// read computes the array and sets p to its elements in row-major order.
func (a *Array) read(ctx context.Context, p []byte) error {
	a = a.gathered()
	v, release, err := a.hold(ctx)
	if err != nil {
		return err
	}
	defer release()
	err = graph.Read(p, v)
	if failure := a.value.Wait(); failure != nil { // it says which kernel
		err = failure
	}
	return public(err)
}

// gathered returns the array, or a dense copy made on the device if the host
// would have to bring over as much and gather the elements itself.
func (a *Array) gathered() *Array {
	if a.Err() != nil || a.dev.graph.OnHost() || a.view.Contiguous() {
		return a
	}
	if lo, hi := a.view.Span(); hi-lo < a.Size() {
		return a
	}
	return a.untraced().Contiguous()
}
