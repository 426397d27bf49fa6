// Package codegen writes the kernel of a definition: from a graph of
// operations and the dtypes, shapes and strides of a call to readable text in
// the kernel language, which every device then takes as any other kernel.
//
// The text depends on classes alone: dtypes, how each input is laid out, and
// the schedule. Sizes and parameters are arguments, so other sizes, another
// eps or another seed compile nothing; only an Exact schedule puts the length
// of rows into the text, and a Whole one needs a multiple of some number of elements.
// Equal definitions give equal bytes.
//
// This file implements the contract: what goes in, what comes out.
package codegen

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// An Input describes an array that a definition is called with.
type Input struct {
	DType dtype.DType
	Shape []int

	// Strides are counted in elements; nil means row-contiguous.
	Strides []int

	// Misaligned says that the first element may lie elsewhere than at a
	// multiple of 16 bytes, so that vector loads are out of the question.
	Misaligned bool
}

// A Target says whose compiler reads the text.
type Target uint8

const (
	// Portable text is taken by Metal itself as well as by our devices.
	Portable Target = iota

	// Native text uses functions of our devices, such as zmlx::erf, that Metal
	// lacks.
	Native
)

// A Call is one call of a definition, without the data.
type Call struct {
	Inputs []Input

	// Outputs overrides the dtypes of results; dtype.Invalid, or a nil slice,
	// leaves them to promotion.
	Outputs []dtype.DType

	Target Target

	// GPU says that exp2 is cheaper than exp where the kernel will run.
	GPU bool
}

// A Layout is how the text finds an input's elements.
type Layout uint8

const (
	Scalar   Layout = iota // one element, passed as 0-dim
	Dense                  // as the result, row-contiguous
	LastAxis               // one value for each place along the last axis
	PerRow                 // one value for each row
	Strided                // anything else: located with shape and strides
)

var layoutNames = [...]string{"scalar", "dense", "last axis", "per row", "strided"}

func (l Layout) String() string {
	if int(l) < len(layoutNames) {
		return layoutNames[l]
	}
	return "layout?"
}

// A Source says where an argument of a kernel comes from.
type Source uint8

const (
	FromInput   Source = iota // input Index of the call
	FromParam                 // parameter Index: a 0-dim float of dtype DType
	FromKeyLow                // the low 32 bits of KeyBits of parameter Index
	FromKeyHigh               // its high 32 bits
	FromSize                  // a size: Value
)

// An Arg is an input of the kernel.
type Arg struct {
	From   Source
	Index  int
	Layout Layout // FromInput
	DType  dtype.DType

	// For FromInput: the input is reshaped to Reshape, which only adds or drops
	// axes of length 1, and then broadcast to Shape, both without a copy. For
	// all others Shape is empty, a 0-dim array.
	Reshape []int
	Shape   []int

	Value uint64 // FromSize
}

// A Kernel is a kernel with all that a launch of it needs.
type Kernel struct {
	signature.Kernel
	Args         []Arg // one for each of InputNames
	OutputShapes [][]int
	OutputDTypes []dtype.DType
	Grid         [3]int // threads
	Threadgroup  [3]int
	Empty        bool     // all outputs are empty: nothing is to be launched
	Schedule     Schedule // as it was used: cut to what the call allows
}

// Inputs returns the kernel's inputs as its signature needs them.
func (k *Kernel) Inputs() []signature.Input {
	in := make([]signature.Input, len(k.Args))
	for i, a := range k.Args {
		in[i] = signature.Input{DType: a.DType, Shape: a.Shape}
	}
	return in
}

// Types returns the dtypes and shapes of f's results, without any text.
func Types(f *formula.Formula, c Call) ([]dtype.DType, [][]int, error) {
	p, err := newPlan(f, c)
	if err != nil {
		return nil, nil, err
	}
	return p.outTypes, p.outShapes, nil
}

// Generate writes the kernel of f for a call. Elementwise definitions
// broadcast all axes by NumPy's rules. Of definitions that look along rows the
// last axis is the row, of length D, and the leading axes broadcast; results
// that do not vary along the row lack it.
//
// Of empty rows, sum, prod, any, all and logsumexp give 0, 1, false, true and
// -inf, mean and var NaN; max, min, argmax and argmin are an error.
func Generate(f *formula.Formula, c Call, s Schedule) (*Kernel, error) {
	p, err := newPlan(f, c)
	if err != nil {
		return nil, err
	}
	if err := s.valid(f.Name); err != nil {
		return nil, err
	}
	if p.row {
		return p.rowKernel(s)
	}
	return p.elementwiseKernel(s)
}

// kernel puts the finished text together.
func (p *plan) kernel(e *emitter, s Schedule, threads, group int) (*Kernel, error) {
	if int64(threads) >= 1<<32 {
		return nil, fmt.Errorf("%s: %d threads are more than a grid has; use fewer threads for each row or more elements for each thread", p.f.Name, threads)
	}
	k := &Kernel{
		OutputShapes: p.outShapes, OutputDTypes: p.outTypes,
		Grid: [3]int{max(threads, 1), 1, 1}, Threadgroup: [3]int{group, 1, 1},
		Empty: !slices.ContainsFunc(p.outShapes, func(s []int) bool { return size(s) > 0 }), Schedule: s,
	}
	k.Name = kernelName(p.f.Name, p.row)
	k.Source, k.Header = e.text(), e.helpers.text()
	k.EnsureRowContiguous = true
	for i, in := range p.inputs {
		if !e.loaded[i] {
			continue
		}
		k.InputNames = append(k.InputNames, e.names.inputs[i])
		k.Args = append(k.Args, Arg{From: FromInput, Index: i, Layout: in.layout, DType: in.dtype, Reshape: in.dims, Shape: in.view})
		if in.layout == Strided {
			k.EnsureRowContiguous = false
		}
	}
	scalar := func(name string, a Arg) {
		k.InputNames = append(k.InputNames, name)
		k.Args = append(k.Args, a)
	}
	for i := range p.f.Params {
		if e.params[i] {
			scalar(e.names.params[i], Arg{From: FromParam, Index: i, DType: p.real})
		}
		if e.keys[i] {
			scalar(e.names.keys[i]+"_low", Arg{From: FromKeyLow, Index: i, DType: dtype.Uint32})
			scalar(e.names.keys[i]+"_high", Arg{From: FromKeyHigh, Index: i, DType: dtype.Uint32})
		}
	}
	for _, z := range [...]struct {
		name  string
		value int
	}{{"n", p.n}, {"D", p.d}} {
		if e.sizes[z.name] {
			d := dtype.Uint32
			if s.Wide {
				d = dtype.Uint64
			}
			scalar(z.name, Arg{From: FromSize, DType: d, Value: uint64(z.value)})
		}
	}
	k.OutputNames = e.names.outputs
	if err := signature.Validate(k.Kernel); err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	return k, nil
}
