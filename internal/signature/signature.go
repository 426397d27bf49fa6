// Package signature works out the parameters that MLX generates for a kernel
// body, in MLX's order, and the Metal text around it.
//
// This file implements the description of a kernel and its signature.
package signature

import "github.com/zmlx-go/zmlx/internal/dtype"

// A Kernel is what mx.fast.metal_kernel is given.
type Kernel struct {
	Name                string
	InputNames          []string
	OutputNames         []string
	Source              string
	Header              string
	EnsureRowContiguous bool
	AtomicOutputs       bool
}

// An Input describes an array that a kernel is called with.
type Input struct {
	DType dtype.DType
	Shape []int
}

// Size returns the number of elements.
func (in Input) Size() int {
	n := 1
	for _, d := range in.Shape {
		n *= d
	}
	return n
}

// A TemplateKind is the kind of a template argument.
type TemplateKind uint8

const (
	TypeArg TemplateKind = iota // typename NAME
	IntArg                      // int NAME
	BoolArg                     // bool NAME
)

// A TemplateArg is one template argument of a call.
type TemplateArg struct {
	Name  string
	Kind  TemplateKind
	DType dtype.DType // TypeArg
	Int   int32       // IntArg
	Bool  bool        // BoolArg
}

// A ParamKind is the role of a parameter.
type ParamKind uint8

const (
	InputBuffer  ParamKind = iota // const device T* or const constant T*
	InputScalar                   // const constant T&: a 0-dim input
	InputShape                    // const constant int*
	InputStrides                  // const constant int64_t*
	InputNDim                     // const constant int&
	OutputBuffer                  // device T* or device atomic<T>*
)

// A Param is one buffer parameter.
type Param struct {
	Name     string
	Kind     ParamKind
	DType    dtype.DType // element type: int32 for shape and ndim, int64 for strides
	Constant bool        // in constant address space, else device
	Atomic   bool        // outputs only
	Of       int         // index of the input or output it belongs to
}

// An Attribute is a thread attribute that the body mentions.
type Attribute struct {
	Name   string
	Vector bool // uint3, else uint
}

// A Signature is what MLX generates around a body.
type Signature struct {
	FuncName   string // such as custom_kernel_saxpy_float_float_float
	Params     []Param
	Attributes []Attribute
	Template   []TemplateArg
}
