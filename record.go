// This file implements recordings: functions of arrays whose launches are noted
// once and then repeated, without the cost of making arrays and nodes.

package zmlx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Recording is a function of arrays as a list of launches, which Run repeats:
// on a GPU with one call of the driver. It is for loops over many small
// kernels, such as the decoding of one token after the other. Make one with
// [Device.Record].
//
// A Recording has memory of its own for its inputs, for its outputs and for
// all in between, and keeps it until Close. The arrays that Outputs returns are
// the only ones whose elements change: every Run writes them anew. What is made
// from them, and not computed before the next Run, sees the new elements.
type Recording struct {
	dev    *Device
	graph  *graph.Recording
	inputs []spec // of those given to Record
	outs   []*Array

	mu sync.Mutex
}

// Record calls f with copies of inputs, computes the arrays that f returns, and
// notes the launches that this takes on the device: those that depend on the
// inputs. What does not depend on them, such as weights that f refers to, is
// computed once, when Record is called. f is not called again; its arrays
// cannot be read within it, by Values and the like, since what depends on the
// elements would not be repeated.
//
// All inputs and outputs are on the device; inputs may have any shapes and
// dtypes. Run gives the inputs new elements. What the outputs hold at first is
// made of the inputs given here.
//
// The error is a *DeviceError if an input or output is on another device, that
// of a faulty operation in f, or says what in f cannot be repeated.
func (d *Device) Record(ctx context.Context, f Func, inputs ...*Array) (*Recording, error) {
	if !d.made() {
		return nil, &DeviceError{Device: d.Name(), Op: "record", Err: errNilDevice, Caller: caller()}
	}
	if ctx == nil {
		return nil, errNilContext
	}
	if f == nil {
		return nil, errors.New("record: " + errNilFunc)
	}
	if err := firstError(inputs...); err != nil {
		return nil, err
	}
	if err := sameDevice("record", d, inputs...); err != nil {
		return nil, err
	}
	r := &Recording{dev: d}
	for _, a := range inputs {
		r.inputs = append(r.inputs, spec{DType: a.DType(), Dims: a.view.Dims})
	}
	g, values, err := d.graph.NewRecording(ctx, graphInputs(inputs))
	if err != nil {
		return nil, public(err)
	}
	r.graph = g
	args := make([]*Array, len(values))
	for i, v := range values {
		args[i] = newArray(d, v)
	}
	ended := false
	defer func() {
		if !ended { // f panicked
			g.Close()
		}
	}()
	r.outs = f(args...)
	err = firstError(r.outs...)
	if err == nil {
		err = sameDevice("record", d, r.outs...)
	}
	if err == nil {
		outs := make([]*graph.Value, len(r.outs))
		for i, a := range r.outs {
			outs[i] = a.value
		}
		err = g.Finish(outs...)
	}
	ended = true
	if err != nil {
		g.Close()
		return nil, public(err)
	}
	return r, nil
}

func graphInputs(arrays []*Array) []graph.Input {
	ins := make([]graph.Input, len(arrays))
	for i, a := range arrays {
		if a != nil {
			ins[i] = a.input()
		}
	}
	return ins
}

// Run computes the outputs again, from new inputs of the same shapes and dtypes
// as Record was given; nil in the place of one, or no inputs at all, leaves
// what is there. On a device that works on its own it returns when the device
// has been given the work. Run must not be called while something reads the
// outputs. Inputs of other shapes are a *ShapeError, of other dtypes a
// *DTypeError, and a Recording that was closed is an error; nothing is run then.
func (r *Recording) Run(ctx context.Context, inputs ...*Array) error {
	notNil(r != nil && r.graph != nil, "*Recording")
	if ctx == nil {
		return errNilContext
	}
	if len(inputs) > 0 {
		if err := r.check(inputs); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.graph.Run(ctx, graphInputs(inputs)); err != nil {
		return public(err)
	}
	n, _ := r.graph.Steps()
	r.dev.launches.Add(int64(n))
	return nil
}

func (r *Recording) check(inputs []*Array) error {
	const op = "run a recording"
	if len(inputs) != len(r.inputs) {
		return &ShapeError{Op: op, Reason: fmt.Sprintf("it takes %d inputs, not %d", len(r.inputs), len(inputs)), Caller: caller()}
	}
	for i, a := range inputs {
		if a == nil {
			continue
		}
		if err := a.Err(); err != nil {
			return err
		}
		if err := sameDevice(op, r.dev, a); err != nil {
			return err
		}
		old := r.inputs[i]
		if a.DType() != old.DType {
			return &DTypeError{Op: op, DTypes: []DType{a.DType(), old.DType}, Reason: fmt.Sprintf("input %d is %s, and %s was recorded", i, a.DType(), old.DType), Caller: caller()}
		}
		if !slices.Equal(a.view.Dims, old.Dims) {
			return shapeError(op, fmt.Errorf("input %d was recorded with shape %s", i, shape.Format(old.Dims)), a)
		}
	}
	return nil
}

// Outputs returns the function's results, which hold what the latest Run made
// of the latest inputs.
func (r *Recording) Outputs() []*Array {
	notNil(r != nil, "*Recording")
	return slices.Clone(r.outs)
}

// Launches returns how many kernels, copies and fills a Run does.
func (r *Recording) Launches() int {
	notNil(r != nil && r.graph != nil, "*Recording")
	n, _ := r.graph.Steps()
	return n
}

// Close lets go of the launches and of the memory of all arrays but the
// outputs, which keep what they hold. Run fails from now on.
func (r *Recording) Close() error {
	notNil(r != nil && r.graph != nil, "*Recording")
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.graph.Close()
}
