// This file implements sums over axes that are not the last: without moving
// the elements first, in two stages of a fixed order.

package zmlx

import (
	"context"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// columnPrograms keeps the kernels of column sums by what decides them, until
// they are too many or the cache of kernels is cleared.
var columnPrograms struct {
	mu     sync.Mutex
	stages map[columnKey][]*opProgram
	epoch  int64
}

type columnKey struct {
	dev                  *Device
	dtype                DType
	outer, rows, columns int
}

// columnSum sums axes first to first+count-1, of which none is the last. The
// array is not empty.
func (a *Array) columnSum(first, count int) *Array {
	a = a.Contiguous()
	if err := a.Err(); err != nil {
		return failed(err)
	}
	shp := a.Shape()
	product := func(dims []int) int {
		n := 1
		for _, d := range dims {
			n *= d
		}
		return n
	}
	key := columnKey{a.dev, a.DType(), product(shp[:first]), product(shp[first : first+count]), product(shp[first+count:])}
	stages, err := columnStages(context.Background(), key)
	if err != nil {
		return failed(&DeviceError{Device: a.dev.Name(), Op: "sum", Err: err, Caller: caller()})
	}
	dev := a.dev
	s := spec{DType: stages[len(stages)-1].kernel.OutputDTypes[0], Dims: slices.Concat(shp[:first], shp[first+count:])}
	out := newOp("sum", dev, []*Array{a}, []spec{s}, func(ctx context.Context, in []graph.View) ([]graph.View, error) {
		v := in[0]
		for i, p := range stages {
			result := spec{DType: p.kernel.OutputDTypes[0], Dims: p.kernel.OutputShapes[0]}
			if i == len(stages)-1 {
				result.Dims = s.Dims
			}
			next, err := dev.graph.NewView(result)
			if err != nil {
				return nil, err
			}
			operands := make([]operand, len(p.kernel.Args))
			for k, arg := range p.kernel.Args {
				operands[k] = operand{view: v}
				if arg.From != codegen.FromInput {
					operands[k] = operand{data: scalarBytes(arg.DType, arg.Value)}
				}
			}
			if err := p.runOn(ctx, dev, "sum", operands, []graph.View{v}, []graph.View{next}); err != nil {
				return nil, err
			}
			v = next
		}
		return []graph.View{v}, nil
	})[0]
	return recorded1(linear{"sum",
		func(t *Array) *Array { return t.columnSum(first, count) },
		func(in, ct *Array) *Array {
			dims := in.Shape()
			for i := range count {
				dims[first+i] = 1
			}
			return ct.Reshape(dims...).Broadcast(in.Shape()...)
		},
		func(b *Array, n int) *Array { return b.columnSum(first+1, count) },
	}, out, a)
}

// columnStages returns the one or two kernels of a sum.
func columnStages(ctx context.Context, key columnKey) ([]*opProgram, error) {
	c := &columnPrograms
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := programs.epoch.Load(); c.stages == nil || c.epoch != e || len(c.stages) >= maxVariants {
		c.stages, c.epoch = map[columnKey][]*opProgram{}, e
	}
	if p, ok := c.stages[key]; ok {
		return p, nil
	}
	kernels, err := codegen.ColumnSum{
		Name: "column", DType: key.dtype, Outer: key.outer, Rows: key.rows, Columns: key.columns, Target: codegen.Native,
	}.Kernels()
	if err != nil {
		return nil, err
	}
	var stages []*opProgram
	for _, k := range kernels {
		p, err := newProgram(ctx, key.dev, k)
		if err != nil {
			return nil, err
		}
		stages = append(stages, p)
	}
	c.stages[key] = stages
	return stages, nil
}

// runOn launches the kernel on any operands; in are the views among these.
func (p *opProgram) runOn(ctx context.Context, dev *Device, name string, operands []operand, in, out []graph.View) error {
	args, meta, err := p.variant.bind(nil, dev, operands, out, true)
	if err != nil {
		return err
	}
	err = p.variant.launch(ctx, dev, "", name, launch.Launch{Args: args, Grid: p.kernel.Grid, Group: p.kernel.Threadgroup}, in, out, meta)
	return err
}
