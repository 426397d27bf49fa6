// This file implements making arrays from Go values and from nothing, and from
// other arrays put together.

package zmlx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// FromSlice returns an array of a copy of data, row-major, on the default
// device. Without a shape it has one axis; one length of the shape may be -1.
func FromSlice[T Element](data []T, shp ...int) *Array {
	if shp == nil {
		shp = []int{len(data)}
	}
	return fromBytes("from_slice", DTypeOf[T](), bytesOf(data), len(data), shp)
}

// Scalar returns a 0-dim array of v on the default device.
func Scalar[T Element](v T) *Array {
	return fromBytes("scalar", DTypeOf[T](), bytesOf([]T{v}), 1, []int{})
}

// FromBytes returns an array of a copy of data on the default device: the
// elements row-major, each in little-endian order, as in files. Elements of a
// Bool array that are not 0 become 1.
func FromBytes(d DType, data []byte, shp ...int) *Array {
	if !d.Valid() {
		return badDType("from_bytes", "not a dtype", d)
	}
	if len(data)%d.Size() != 0 {
		return badDType("from_bytes", fmt.Sprintf("%d bytes are no whole number of %s", len(data), d), d)
	}
	if d == Bool {
		data = slices.Clone(data)
		for i, b := range data {
			if b != 0 {
				data[i] = 1
			}
		}
	}
	return fromBytes("from_bytes", d, data, len(data)/d.Size(), shp)
}

// smallConstant is how many bytes an array may have that is brought to a device
// once for all arrays that hold the same: sizes and scales that come again with
// every call of a kernel.
const smallConstant = 64

func fromBytes(op string, d DType, data []byte, n int, shp []int) *Array {
	dims, err := shape.Infer(shp, n)
	if err != nil {
		return badShape(op, err)
	}
	dev, err := creating(op, d, dims)
	if err != nil {
		return failed(err)
	}
	return bytesOn(dev, op, d, data, dims)
}

// bytesOn returns an array of a copy of data on dev, which can hold it.
func bytesOn(dev *Device, op string, d DType, data []byte, dims []int) *Array {
	value, err := func() (*graph.Value, error) {
		s := spec{DType: d, Dims: dims}
		if len(data) <= smallConstant && !dev.graph.OnHost() {
			return dev.graph.ConstantValue(s, data)
		}
		v, err := dev.graph.NewView(s)
		if err != nil {
			return nil, err
		}
		return graph.Leaf(dev.graph, v), graph.Write(v, data)
	}()
	if err != nil {
		return failed(&DeviceError{Device: dev.Name(), Op: op, Err: err, Caller: caller()})
	}
	return newArray(dev, value)
}

// creating returns the device for a new array, or why there can be none.
func creating(op string, d DType, dims []int) (*Device, error) {
	dev, err := defaultDevice()
	if err != nil {
		return nil, &DeviceError{Op: op, Err: err, Caller: caller()}
	}
	if err := dev.holds(op, d); err != nil {
		return nil, err
	}
	if _, err := (spec{DType: d, Dims: dims}).Bytes(); err != nil {
		return nil, shapeError(op, err)
	}
	return dev, nil
}

// bytesOf returns the memory of data.
func bytesOf[T any](data []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(zero)))
}

// Zeros returns an array of zeros on the default device.
func Zeros(d DType, shp ...int) *Array { return constant("zeros", d, 0, shp) }

// Ones returns an array of ones on the default device.
func Ones(d DType, shp ...int) *Array { return constant("ones", d, 1, shp) }

// ZerosLike returns zeros of a's shape and dtype on a's device.
func ZerosLike(a *Array) *Array { return constantLike("zeros_like", a, 0) }

// OnesLike returns ones of a's shape and dtype on a's device.
func OnesLike(a *Array) *Array { return constantLike("ones_like", a, 1) }

// Full returns an array that holds v everywhere, on the default device.
func Full[T Element](v T, shp ...int) *Array {
	return full("full", DTypeOf[T](), bytesOf([]T{v}), shp)
}

func constant(op string, d DType, v byte, shp []int) *Array {
	if !d.Valid() {
		return badDType(op, "not a dtype", d)
	}
	return full(op, d, elementOf(d, v), shp)
}

func constantLike(op string, a *Array, v byte) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	return a.wrap(op)(graph.FillValue(a.dev.graph, spec{DType: a.DType(), Dims: a.view.Dims}, elementOf(a.DType(), v)))
}

// elementOf returns the bytes of the small number v in dtype d.
func elementOf(d DType, v byte) []byte {
	element := make([]byte, d.Size())
	graph.Convert(element, d, shape.New(nil), []byte{v}, Uint8, shape.New(nil))
	return element
}

func full(op string, d DType, element []byte, shp []int) *Array {
	dev, err := creating(op, d, shp)
	if err != nil {
		return failed(err)
	}
	return dev.wrap(op)(graph.FillValue(dev.graph, spec{DType: d, Dims: append([]int{}, shp...)}, element))
}

// Arange returns start, start+step, … up to but without stop: an array of one
// axis on the default device. Each element is start + i*step in float64, then
// converted to d as [Array.As] does.
func Arange(start, stop, step float64, d DType) *Array {
	n := math.Ceil((stop - start) / step)
	switch {
	case step == 0 || math.IsNaN(n) || math.IsInf(start, 0) || math.IsInf(step, 0):
		return badShape("arange", fmt.Errorf("no range from %g to %g in steps of %g", start, stop, step))
	case n >= math.MaxInt/2:
		return badShape("arange", fmt.Errorf("range from %g to %g in steps of %g is too long", start, stop, step))
	}
	return sequence("arange", d, int(max(n, 0)), func(i int) float64 { return start + float64(i)*step })
}

// Linspace returns n numbers from start to stop, both included, at even
// distances: an array of one axis on the default device, computed in float64
// and converted to d.
func Linspace(start, stop float64, n int, d DType) *Array {
	if n < 0 {
		return badShape("linspace", fmt.Errorf("negative number of elements %d", n))
	}
	step := (stop - start) / float64(max(n-1, 1))
	return sequence("linspace", d, n, func(i int) float64 {
		if i == n-1 && n > 1 {
			return stop
		}
		return start + float64(i)*step
	})
}

// sequence returns at(0), at(1), … in dtype d.
func sequence(op string, d DType, n int, at func(int) float64) *Array {
	return generate(op, d, []int{n}, func(block []float64, first int) {
		for i := range block {
			block[i] = at(first + i)
		}
	})
}

// generate returns an array whose elements in row-major order are those that
// next makes, block by block from element first on, converted from T to d.
func generate[T Element](op string, d DType, shp []int, next func(block []T, first int)) *Array {
	dev, err := creating(op, d, shp)
	if err != nil {
		return failed(err)
	}
	s := spec{DType: d, Dims: append([]int{}, shp...)}
	return dev.wrap(op)(graph.HostValue(op, dev.graph, s, func(ctx context.Context, p []byte) error {
		const most = 1024
		var block [most]T
		size := d.Size()
		for first, n := 0, len(p)/size; first < n; first += most {
			if err := ctx.Err(); err != nil {
				return err
			}
			part := block[:min(most, n-first)]
			next(part, first)
			view := shape.New([]int{len(part)})
			graph.Convert(p[first*size:(first+len(part))*size], d, view, bytesOf(part), DTypeOf[T](), view)
		}
		return nil
	}))
}

// Concatenate returns arrays put one behind the other along axis. They have one
// dtype, are on one device, and have equal shapes but for that axis, which
// counts from the end if it is negative.
func Concatenate(axis int, arrays ...*Array) *Array {
	const op = "concatenate"
	if err := firstError(arrays...); err != nil {
		return failed(err)
	}
	if len(arrays) == 0 {
		return badShape(op, errors.New("no arrays"))
	}
	first := arrays[0]
	if err := sameDevice(op, first.dev, arrays[1:]...); err != nil {
		return failed(err)
	}
	k, err := shape.Axis(axis, first.NDim())
	if err != nil {
		return badShape(op, err, first)
	}
	dims := first.Shape()
	dims[k] = 0
	inputs := make([]graph.Input, len(arrays))
	for i, a := range arrays {
		if a.DType() != first.DType() {
			return badDType(op, fmt.Sprintf("array 0 is %s and array %d is %s; convert one with As", first.DType(), i, a.DType()), first.DType(), a.DType())
		}
		same := a.NDim() == first.NDim()
		for j := 0; same && j < len(dims); j++ {
			same = j == k || a.view.Dims[j] == dims[j]
		}
		if !same {
			return badShape(op, fmt.Errorf("arrays 0 and %d differ in more than axis %d", i, k), arrays...)
		}
		if dims[k] > math.MaxInt-a.view.Dims[k] {
			return badShape(op, errors.New("result is too large"), arrays...)
		}
		dims[k] += a.view.Dims[k]
		inputs[i] = a.input()
	}
	s := spec{DType: first.DType(), Dims: dims}
	out := first.dev.wrap(op, arrays...)(graph.JoinValue(first.dev.graph, inputs, s, k))
	return recorded(join{k}, arrays, []*Array{out})[0]
}

// Stack returns arrays of one shape put together along a new axis, number axis
// of the result.
func Stack(axis int, arrays ...*Array) *Array {
	const op = "stack"
	if err := firstError(arrays...); err != nil {
		return failed(err)
	}
	if len(arrays) == 0 {
		return badShape(op, errors.New("no arrays"))
	}
	expanded := make([]*Array, len(arrays))
	for i, a := range arrays {
		if !slices.Equal(a.view.Dims, arrays[0].view.Dims) {
			return badShape(op, fmt.Errorf("arrays 0 and %d differ in shape", i), arrays...)
		}
		expanded[i] = a.ExpandDims(axis)
	}
	return Concatenate(axis, expanded...)
}
