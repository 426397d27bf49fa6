package codegen

// This file implements sums over an axis that is not the last: what the
// gradient of a broadcast input is.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A ColumnSum is the sum of an array of shape (Outer, Rows, Columns) over its
// middle axis, in two kernels: partial sums of every Chunks-th row, then their
// sum. The order is fixed, so the same schedule gives the same bits. Outer is 1
// for sums over all leading axes, Columns 1 for sums over everything.
type ColumnSum struct {
	Name                 string
	DType                dtype.DType // of the array
	Out                  dtype.DType // of the sum; Invalid: DType, int32 of bools
	Outer, Rows, Columns int
	Target               Target

	// Chunks is the number of partial sums of each column; 0: a good one.
	Chunks int
	Group  int // threads of a threadgroup; 0: 256
	Wide   bool
}

// chunkThreads is the number of threads that keeps a device busy.
const chunkThreads = 1 << 16

// Kernels returns the two kernels. The first has the array as its input 0 and
// gives partial sums of shape (Outer, Chunks, Columns); the second has those as
// its input 0 and gives the sum, of shape (Outer, Columns). With a single chunk
// there is only the second, of the array itself. Floats are added in float32,
// float64 in float64, integers in their own type.
func (c ColumnSum) Kernels() ([]*Kernel, error) {
	if c.Outer < 0 || c.Rows < 0 || c.Columns < 0 || !c.DType.Valid() || c.DType == dtype.Complex64 {
		return nil, fmt.Errorf("%s: no sum over the rows of %s%s", c.Name, c.DType, format([]int{c.Outer, c.Rows, c.Columns}))
	}
	if c.Group < 0 || c.Group > 1024 || c.Chunks < 0 {
		return nil, fmt.Errorf("%s: %d chunks and threadgroups of %d threads; chunks are positive, and a threadgroup has at most 1024 threads", c.Name, c.Chunks, c.Group)
	}
	if c.Group == 0 {
		c.Group = 256
	}
	columns := max(c.Outer*c.Columns, 1)
	if c.Chunks == 0 {
		for c.Chunks = 1; c.Chunks*columns < chunkThreads && c.Chunks*c.Chunks*16 < c.Rows; c.Chunks *= 2 {
		}
	}
	c.Wide = c.Wide || int64(c.Outer*c.Rows*c.Columns) >= 1<<31
	sum := arithmetic(c.DType)
	if sum.IsFloat() && sum != dtype.Float64 {
		sum = dtype.Float32
	}
	if c.Out == dtype.Invalid {
		c.Out = arithmetic(c.DType)
	}
	if c.Chunks == 1 {
		return []*Kernel{c.kernel("_sum", c.DType, sum, c.Out, c.Rows, 1)}, nil
	}
	return []*Kernel{
		c.kernel("_partial", c.DType, sum, sum, c.Rows, c.Chunks),
		c.kernel("_sum", sum, sum, c.Out, c.Chunks, 1),
	}, nil
}

// kernel sums every chunks-th of rows. Where there are many partial sums of few
// columns a simdgroup works on each.
func (c ColumnSum) kernel(suffix string, in, sum, out dtype.DType, rows, chunks int) *Kernel {
	lanes := 1
	if chunks == 1 && rows >= 64 && c.Columns < 64 {
		lanes = 32
	}
	if c.Target == Portable && sum.IsInteger() && sum.Size() == 8 {
		lanes = 1 // Metal has no simd_sum of these
	}
	k := &Kernel{Schedule: Schedule{Group: c.Group, Wide: c.Wide, RowsPerGroup: 1, Vector: 1, PerThread: 1}}
	k.Name = kernelName(c.Name, false) + suffix
	k.EnsureRowContiguous = true
	e := &emitter{wide: c.Wide}
	index := e.index()
	step := "step"
	// Thread i sums what lies step apart: neighbours read neighbours.
	first := "i"
	if lanes == 1 {
		e.line("%s i = thread_position_in_grid.x;", index)
	} else {
		e.line("%s i = thread_position_in_grid.x / %du;", index, lanes)
		first = "i + thread_index_in_simdgroup * step"
		step = fmt.Sprintf("step * %du", lanes)
	}
	e.line("%s outer = i / step;", index)
	e.line("%s end = (outer + 1) * count;", index)
	e.line("%s total = 0;", typeName(sum))
	e.open("for (%s j = outer * (count - step) + %s; j < end; j += %s)", index, first, step)
	e.line("total += %s;", outText("x[j]", in, sum))
	e.close()
	if lanes > 1 {
		e.line("total = simd_sum(total);")
		e.open("if (thread_index_in_simdgroup == 0)")
	}
	e.line("out[i] = %s;", outText("total", sum, out))
	if lanes > 1 {
		e.close()
	}
	k.Source = e.text()
	size := dtype.Uint32
	if c.Wide {
		size = dtype.Uint64
	}
	k.InputNames, k.OutputNames = []string{"x", "count", "step"}, []string{"out"}
	shape := []int{c.Outer, rows, c.Columns}
	k.Args = []Arg{
		{From: FromInput, Layout: Dense, DType: in, Reshape: shape, Shape: shape},
		{From: FromSize, DType: size, Value: uint64(rows * c.Columns)},
		{From: FromSize, DType: size, Value: uint64(chunks * c.Columns)},
	}
	threads := c.Outer * chunks * c.Columns * lanes
	k.OutputShapes, k.OutputDTypes = [][]int{{c.Outer, c.Columns}}, []dtype.DType{out}
	if chunks > 1 {
		k.OutputShapes[0] = []int{c.Outer, chunks, c.Columns}
	}
	k.Empty = threads == 0
	k.Grid, k.Threadgroup = [3]int{max(threads, 1), 1, 1}, [3]int{max(c.Group/lanes, 1) * lanes, 1, 1}
	return k
}
