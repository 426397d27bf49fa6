// This file implements taking elements by index, and adding them back.

package zmlx

import (
	"fmt"
	"slices"
)

var takeKernel = MustCompile(Kernel{
	Name:        "take",
	InputNames:  []string{"x", "index", "n"},
	OutputNames: []string{"out"},
	Source: `
		uint j = thread_position_in_grid.x;
		size_t i = thread_position_in_grid.y;
		size_t width = threads_per_grid.x;
		long at = long(index[i]);
		if (at < 0) {
			at += n;
		}
		out[i * width + j] = at >= 0 && at < n ? x[size_t(at) * width + j] : T(0);
	`,
})

// One thread adds up one column, so that the sums have one order.
var takeBackKernel = MustCompile(Kernel{
	Name:        "take_back",
	InputNames:  []string{"ct", "index", "n", "count"},
	OutputNames: []string{"out"},
	Source: `
		uint j = thread_position_in_grid.x;
		size_t width = threads_per_grid.x;
		for (uint i = 0; i < count; ++i) {
			long at = long(index[i]);
			if (at < 0) {
				at += n;
			}
			if (at >= 0 && at < n) {
				out[size_t(at) * width + j] += ct[size_t(i) * width + j];
			}
		}
	`,
})

// Take returns the positions of axis 0 that index names, an integer array:
// the result's shape is index's followed by the array's without axis 0.
// Negative positions count from the end. A position outside gives zeros; the
// checked mode of kernels does not see it.
func (a *Array) Take(index *Array) *Array {
	const op = "take"
	if err := firstError(a, index); err != nil {
		return failed(err)
	}
	if err := sameDevice(op, a.dev, index); err != nil {
		return failed(err)
	}
	if a.NDim() == 0 {
		return badShape(op, fmt.Errorf("a scalar has no positions"), a)
	}
	if !index.DType().IsInteger() {
		return badDType(op, fmt.Sprintf("positions have to be integers, not %v", index.DType()), index.DType())
	}
	width := 1
	for _, d := range a.Shape()[1:] {
		width *= d
	}
	shp := append(index.Shape(), a.Shape()[1:]...)
	var out *Array
	if width*index.Size() == 0 {
		out = zerosOn(a.dev, a.DType(), shp)
	} else {
		out = takeKernel.Call(Launch{
			Template:     []TemplateArg{{"T", a.DType()}},
			Grid:         [3]int{width, index.Size(), 1},
			Threadgroup:  [3]int{min(width, 256), 1, 1},
			OutputShapes: [][]int{shp}, OutputDTypes: []DType{a.DType()}, Device: a.dev,
		}, a.untraced().flatAtLeast1(), index.untraced().flatAtLeast1(), scalarOn(a.dev, int64(a.Dim(0))))[0]
	}
	return recorded1(takePrim{}, out, a, index)
}

// flatAtLeast1 returns the elements as one axis, so that the kernel indexes
// them whatever their number of axes.
func (a *Array) flatAtLeast1() *Array { return a.Contiguous().Reshape(-1) }

type takePrim struct{}

func (takePrim) name() string { return "take" }

func (takePrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	sum := ct[0]
	if d := in[0].DType(); d == Float16 || d == BFloat16 { // only the sum is rounded, as in all derivatives
		sum = sum.As(Float32)
	}
	return []*Array{takeBack(sum, in[1], in[0].Shape()), nil}, nil
}

func (takePrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	if tan[0] == nil {
		return []*Array{nil}, nil
	}
	return []*Array{tan[0].Take(in[1])}, nil
}

func (takePrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	if !mapped[0] { // many lists of positions of one array
		return []*Array{in[0].Take(in[1])}, nil
	}
	return mapByRows(func(args ...*Array) []*Array { return []*Array{args[0].Take(args[1])} }, in, mapped, size)
}

// takeBack adds the rows of ct to zeros of shape shp at the positions index.
func takeBack(ct, index *Array, shp []int) *Array {
	if err := firstError(ct, index); err != nil {
		return failed(err)
	}
	width := 1
	for _, d := range shp[1:] {
		width *= d
	}
	var out *Array
	if width*index.Size() == 0 || shp[0] == 0 {
		out = zerosOn(ct.dev, ct.DType(), shp)
	} else {
		zero := 0.0
		out = takeBackKernel.Call(Launch{
			Grid:         [3]int{width, 1, 1},
			OutputShapes: [][]int{shp}, OutputDTypes: []DType{ct.DType()}, InitValue: &zero, Device: ct.dev,
		}, ct.untraced().flatAtLeast1(), index.untraced().flatAtLeast1(), scalarOn(ct.dev, int64(shp[0])), scalarOn(ct.dev, uint32(index.Size())))[0]
	}
	return recorded1(takeBackPrim{slices.Clone(shp)}, out, ct, index)
}

type takeBackPrim struct{ shape []int }

func (takeBackPrim) name() string { return "take back" }

func (takeBackPrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	return []*Array{ct[0].Take(in[1]), nil}, nil
}

func (p takeBackPrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	if tan[0] == nil {
		return []*Array{nil}, nil
	}
	return []*Array{takeBack(tan[0], in[1], p.shape)}, nil
}

func (p takeBackPrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	return mapByRows(func(args ...*Array) []*Array { return []*Array{takeBack(args[0], args[1], p.shape)} }, in, mapped, size)
}
