// This file implements casts, and values leaving arrays.

package zmlx

import (
	"context"
	"fmt"

	"github.com/zmlx-go/zmlx/internal/graph"
)

// As returns the array converted to dtype d, itself if it has that already.
//
//	to bool                  whether it is not zero; NaN is true
//	integer to integer       the low bits
//	integer to float         nearest, ties to even; to bfloat16 through float32
//	float to integer         towards zero; NaN is 0, what does not fit the nearest that does
//	float to float           nearest, ties to even
//	complex64 to others      the real part, and then as from float32
//	others to complex64      as to float32, with imaginary part 0
func (a *Array) As(d DType) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	if d == a.DType() {
		return a
	}
	if err := a.dev.holds("as", d); err != nil {
		return failed(err)
	}
	return a.converted(a.wrap("as")(graph.CopyValue("as", a.input(), d)), d)
}

// Values computes a and returns its elements in row-major order. T must be the
// Go type of a's dtype; convert with [Array.As] if it is not.
func Values[T Element](a *Array) ([]T, error) {
	if err := a.Err(); err != nil {
		return nil, err
	}
	if want := DTypeOf[T](); want != a.DType() {
		return nil, &DTypeError{
			Op: "values", DTypes: []DType{a.DType(), want}, Caller: caller(),
			Reason: fmt.Sprintf("array is %s, not %s; convert it with As", a.DType(), want),
		}
	}
	if err := a.Eval(context.Background()); err != nil { // before there is memory for a result
		return nil, err
	}
	out := make([]T, a.Size())
	if err := a.read(context.Background(), bytesOf(out)); err != nil {
		return nil, err
	}
	return out, nil
}

// Item computes a and returns its only element. T must be the Go type of a's
// dtype, and a must have one element, in any number of axes.
func Item[T Element](a *Array) (T, error) {
	var zero T
	if err := a.Err(); err != nil {
		return zero, err
	}
	if a.Size() != 1 {
		return zero, shapeError("item", fmt.Errorf("array has %d elements, not 1", a.Size()), a)
	}
	v, err := Values[T](a)
	if err != nil {
		return zero, err
	}
	return v[0], nil
}

// Bytes computes the array and returns its elements, row-major, each in
// little-endian order: what [FromBytes] takes.
func (a *Array) Bytes() ([]byte, error) {
	if err := a.Eval(context.Background()); err != nil { // before there is memory for a result
		return nil, err
	}
	p := make([]byte, a.nbytes())
	if err := a.read(context.Background(), p); err != nil {
		return nil, err
	}
	return p, nil
}
