// This file implements the transforms: derivatives of functions of arrays.

package zmlx

import (
	"fmt"
	"slices"
)

// A Func is a function of arrays. Errors travel in the arrays.
type Func = func(args ...*Array) []*Array

// Grad returns the gradient of a function with one argument and a result of
// one element: an array of the argument's shape and dtype. It can be applied
// again.
//
//	df := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return x.Square().Sum() })
func Grad(f func(x *Array) *Array) func(x *Array) *Array {
	var one Func
	if f != nil {
		one = func(args ...*Array) []*Array { return []*Array{f(args[0])} }
	}
	g := ValueAndGrad(one)
	return func(x *Array) *Array {
		_, grads := g(x)
		return grads[0]
	}
}

// ValueAndGrad returns a function that computes f's results and the gradients
// of the first of them, which must have one element, by the arguments whose
// numbers are given, in that order; without numbers by argument 0. Further
// results are passed through. An argument that has no part in the result, or
// is no float, has gradient zero.
func ValueAndGrad(f Func, argnums ...int) func(args ...*Array) (values, grads []*Array) {
	if len(argnums) == 0 {
		argnums = []int{0}
	}
	return func(args ...*Array) ([]*Array, []*Array) {
		fail := func(err error) ([]*Array, []*Array) { return []*Array{failed(err)}, failures(err, len(argnums)) }
		if f == nil {
			return fail(&TransformError{Op: "grad", Reason: errNilFunc, Caller: caller()})
		}
		chosen := make([]*Array, len(argnums))
		places := make([]int, len(argnums))
		for i, n := range argnums {
			if n < 0 {
				n += len(args)
			}
			if n < 0 || n >= len(args) {
				return fail(&TransformError{Op: "grad", Reason: fmt.Sprintf("there is no argument %d of %d", argnums[i], len(args)), Caller: caller()})
			}
			if slices.Contains(places[:i], n) {
				return fail(&TransformError{Op: "grad", Reason: fmt.Sprintf("argument %d is chosen twice", n), Caller: caller()})
			}
			places[i] = n
			chosen[i] = args[n]
		}
		s := &session{open: true}
		leaves := s.follow(chosen)
		actual := slices.Clone(args)
		for i, n := range places {
			actual[n] = leaves[i]
		}
		values := slices.Clone(f(actual...))
		if len(values) == 0 {
			s.release()
			return fail(&TransformError{Op: "grad", Reason: "the function returns nothing", Caller: caller()})
		}
		if err := values[0].Err(); err != nil {
			s.release(values)
			return values, failures(err, len(argnums))
		}
		if values[0].Size() != 1 || !values[0].DType().IsFloat() {
			err := &TransformError{Op: "grad", Caller: caller(),
				Reason: fmt.Sprintf("the function's result is %v%v; it has to be a float of one element: sum it, or use VJP", values[0].DType(), values[0].Shape())}
			s.release(values)
			return values, failures(err, len(argnums))
		}
		grads, err := pull(values[:1], []*Array{OnesLike(values[0])}, leaves)
		if err != nil {
			s.release(values)
			return values, failures(err, len(argnums))
		}
		zeroFill(grads, leaves)
		s.release(values, grads)
		return values, grads
	}
}

// VJP returns f's results for primals, and the cotangents of primals for the
// given cotangents of the results: the product of the transposed Jacobian with
// them. A nil cotangent stands for zero.
func VJP(f Func, primals, cotangents []*Array) (outs, grads []*Array) {
	if f == nil {
		err := &TransformError{Op: "vjp", Reason: errNilFunc, Caller: caller()}
		return []*Array{failed(err)}, failures(err, len(primals))
	}
	s := &session{open: true}
	leaves := s.follow(primals)
	outs = slices.Clone(f(leaves...))
	err := matching("vjp", "cotangent", outs, cotangents)
	if err == nil {
		grads, err = pull(outs, cotangents, leaves)
	}
	if err != nil {
		s.release(outs)
		return outs, failures(err, len(primals))
	}
	zeroFill(grads, leaves)
	s.release(outs, grads)
	return outs, grads
}

// JVP returns f's results for primals, and their tangents for the given
// tangents of primals: the product of the Jacobian with them. A nil tangent
// stands for zero.
func JVP(f Func, primals, tangents []*Array) (outs, outTangents []*Array) {
	err := matching("jvp", "tangent", primals, tangents)
	if err == nil && f == nil {
		err = &TransformError{Op: "jvp", Reason: errNilFunc, Caller: caller()}
	}
	if err != nil {
		return []*Array{failed(err)}, []*Array{failed(err)}
	}
	s := &session{open: true}
	leaves := s.follow(primals)
	outs = slices.Clone(f(leaves...))
	outTangents, err = push(outs, leaves, tangents)
	if err != nil {
		s.release(outs)
		return outs, failures(err, len(outs))
	}
	zeroFill(outTangents, outs)
	s.release(outs, outTangents)
	return outs, outTangents
}

// Jacobian returns the matrix of derivatives of f: an array whose shape is
// that of f's result followed by that of its argument. It costs one reverse
// pass for each element of the result, so it is for small cases.
func Jacobian(f func(x *Array) *Array) func(x *Array) *Array {
	return func(x *Array) *Array {
		if f == nil {
			return failed(&TransformError{Op: "jacobian", Reason: errNilFunc, Caller: caller()})
		}
		s := &session{open: true}
		leaves := s.follow([]*Array{x})
		y := f(leaves[0])
		if err := y.Err(); err != nil {
			s.release()
			return failed(err)
		}
		rows := make([]*Array, y.Size())
		for i := range rows {
			unit := make([]float32, y.Size())
			unit[i] = 1
			ct := fromSliceOn(y.dev, unit).As(y.DType()).Reshape(y.Shape()...)
			g, err := pull([]*Array{y}, []*Array{ct}, leaves)
			if err != nil {
				s.release()
				return failed(err)
			}
			zeroFill(g, leaves)
			rows[i] = g[0]
		}
		shp := append(y.Shape(), x.Shape()...)
		var out *Array
		if len(rows) == 0 {
			out = zerosOn(x.dev, x.DType(), shp)
		} else {
			out = Stack(0, rows...).Reshape(shp...)
		}
		res := []*Array{out}
		s.release(res)
		return res[0]
	}
}

// A TransformError says that a function cannot be transformed.
type TransformError struct {
	Op     string // such as "grad"
	Reason string
	Caller string // file:line of the call
}

func (e *TransformError) Error() string { return e.Op + ": " + e.Reason + at(e.Caller) }

func failures(err error, n int) []*Array {
	out := make([]*Array, n)
	for i := range out {
		out[i] = failed(err)
	}
	return out
}

// zeroFill replaces nil by zeros like those of like.
func zeroFill(arrays, like []*Array) {
	for i, a := range arrays {
		if a == nil {
			arrays[i] = ZerosLike(like[i])
		}
	}
}

// matching checks that derivatives go with the arrays they belong to.
func matching(op, what string, arrays, derivs []*Array) error {
	if len(arrays) != len(derivs) {
		return &TransformError{Op: op, Reason: fmt.Sprintf("%d %ss for %d arrays", len(derivs), what, len(arrays)), Caller: caller()}
	}
	for i, d := range derivs {
		if d == nil || arrays[i].Err() != nil {
			continue
		}
		if err := d.Err(); err != nil {
			return err
		}
		if !slices.Equal(d.Shape(), arrays[i].Shape()) {
			return &TransformError{Op: op, Reason: fmt.Sprintf("%s %d has shape %v, and its array %v", what, i, d.Shape(), arrays[i].Shape()), Caller: caller()}
		}
	}
	return nil
}
