// Package zmlx authors, differentiates, checks and runs custom compute kernels:
// definitions of one line and bodies in the Metal Shading Language, over lazy
// arrays, on whatever device there is.
//
// # Arrays
//
// An [Array] is an immutable value: a shape, a dtype, a device, and elements
// that are computed when they leave, through [Values], [Item], [Eval] or
// printing. Reshape, Transpose, Slice, Broadcast and the like are views: they
// share memory and cost nothing.
//
// # Kernels
//
// [Define] makes an [Op] of a line of mathematics, whose derivatives are worked
// out. [Compile] makes a [MetalKernel] of a body as MLX's mx.fast.metal_kernel
// takes it. Both are compiled for a device when they are first called there.
// [Grad], [VJP], [JVP], [Jacobian] and [Vmap] transform functions of arrays.
//
// # Devices
//
// [Devices] lists them: "cuda:0" and so on are NVIDIA GPUs, "cc" is native code
// by the system's C compiler, "interp" an interpreter that is always there and
// says what a kernel means. [Default] is the first that works, unless
// [SetDefault] or the environment variable ZMLX_DEVICE names another. GPUs work
// while the host goes on: [Device.Sync] waits, [Device.Stats] counts, and
// [Device.Record] repeats a function's launches without the host's work for
// them. A kernel's error is met where its values are.
//
// # Errors
//
// An operation that fails returns an Array that carries the error, with the
// file and line of the faulty call. Operations on such an Array pass it on, and
// it surfaces wherever values leave, or by [Array.Err]. So chains need one check
// at their end. Only a broken contract of the Go kind, such as a nil *Array,
// panics.
//
// Arrays and devices may be used by many goroutines at once.
//
// This file implements dtypes and the Go types that go with them.
package zmlx

import (
	"reflect"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A DType is the element type of an Array. Its String is the name that NumPy
// and MLX use, such as "float32".
type DType = dtype.DType

// The element types. Metal alone has no Float64. Complex64 is a pair of
// float32.
const (
	Bool      = dtype.Bool
	Uint8     = dtype.Uint8
	Uint16    = dtype.Uint16
	Uint32    = dtype.Uint32
	Uint64    = dtype.Uint64
	Int8      = dtype.Int8
	Int16     = dtype.Int16
	Int32     = dtype.Int32
	Int64     = dtype.Int64
	Float16   = dtype.Float16
	BFloat16  = dtype.BFloat16
	Float32   = dtype.Float32
	Float64   = dtype.Float64
	Complex64 = dtype.Complex64
)

// Element is the Go types that array elements can have: bool and the sized
// numbers, half.Float16 and half.BFloat16, and named types of these. A named
// uint16 other than half's two is Uint16.
type Element interface {
	~bool | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64 | ~complex64
}

var dtypeOfKind = map[reflect.Kind]DType{
	reflect.Bool:      Bool,
	reflect.Uint8:     Uint8,
	reflect.Uint16:    Uint16,
	reflect.Uint32:    Uint32,
	reflect.Uint64:    Uint64,
	reflect.Int8:      Int8,
	reflect.Int16:     Int16,
	reflect.Int32:     Int32,
	reflect.Int64:     Int64,
	reflect.Float32:   Float32,
	reflect.Float64:   Float64,
	reflect.Complex64: Complex64,
}

// DTypeOf returns the DType of arrays whose elements are of type T.
func DTypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case half.Float16:
		return Float16
	case half.BFloat16:
		return BFloat16
	}
	return dtypeOfKind[reflect.TypeFor[T]().Kind()]
}
