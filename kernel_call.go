// This file implements one call of a kernel: its defaults, its arguments and
// its run.

package zmlx

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A call is a Launch with everything settled.
type call struct {
	dev      *Device
	inputs   []*Array
	outputs  []spec
	few      [1]spec       // what outputs usually are
	out      [1]graph.View // likewise, when they are computed
	template []signature.TemplateArg
	grid     [3]int
	group    [3]int // cut to grid
	asked    [3]int // group as given
	init     *float64
	nothing  bool // no thread has anything to do: the default grid of an empty output
}

const defaultGroup = 256

// prepare settles a call: its defaults, device, shapes, grid.
func (m *MetalKernel) prepare(l Launch, inputs []*Array) (*call, error) {
	notNil(m != nil, "*MetalKernel")
	if err := signature.Arity(m.spec.Name, "inputs", m.spec.InputNames, len(inputs)); err != nil {
		return nil, m.misuse("%s", trimName(err, m.spec.Name))
	}
	if err := firstError(inputs...); err != nil {
		return nil, err
	}
	if l.Device != nil && !l.Device.made() {
		return nil, &DeviceError{Device: l.Device.Name(), Op: m.spec.Name, Err: errNilDevice, Caller: caller()}
	}
	c := &call{dev: l.Device, inputs: inputs, init: l.InitValue}
	if c.dev == nil && len(inputs) > 0 {
		c.dev = inputs[0].dev
	}
	if c.dev == nil {
		var err error
		if c.dev, err = defaultDevice(); err != nil {
			return nil, &DeviceError{Op: m.spec.Name, Err: err, Caller: caller()}
		}
	}
	if m.sig.EnsureRowContiguous && slices.ContainsFunc(inputs, func(a *Array) bool { return !a.RowContiguous() }) {
		c.inputs = make([]*Array, len(inputs))
		for i, a := range inputs {
			c.inputs[i] = a.Contiguous()
		}
	}
	var err error
	if c.template, err = m.templateArgs(l.Template); err != nil {
		return nil, err
	}
	if err := m.outputs(c, l); err != nil {
		return nil, err
	}
	return c, m.geometry(c, l)
}

// trimName drops the kernel's name from the start of a message, where it would
// stand twice.
func trimName(err error, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), name+": "), name+" ")
}

func (m *MetalKernel) outputs(c *call, l Launch) error {
	names := m.spec.OutputNames
	if (l.OutputShapes == nil || l.OutputDTypes == nil) && len(c.inputs) == 0 {
		return m.misuse("a kernel without inputs needs OutputShapes and OutputDTypes")
	}
	if l.OutputShapes != nil {
		if err := signature.Arity(m.spec.Name, "output_shapes", names, len(l.OutputShapes)); err != nil {
			return m.misuse("%s", trimName(err, m.spec.Name))
		}
	}
	if l.OutputDTypes != nil {
		if err := signature.Arity(m.spec.Name, "output_dtypes", names, len(l.OutputDTypes)); err != nil {
			return m.misuse("%s", trimName(err, m.spec.Name))
		}
	}
	if c.outputs = c.few[:]; len(names) > len(c.few) {
		c.outputs = make([]spec, len(names))
	}
	c.outputs = c.outputs[:len(names)]
	for i := range names {
		if l.OutputShapes != nil {
			c.outputs[i].Dims = slices.Clone(l.OutputShapes[i])
		} else {
			c.outputs[i].Dims = c.inputs[0].view.Dims
		}
		if c.outputs[i].Dims == nil {
			c.outputs[i].Dims = []int{}
		}
		if l.OutputDTypes != nil {
			c.outputs[i].DType = l.OutputDTypes[i]
		} else {
			c.outputs[i].DType = c.inputs[0].DType()
		}
		if _, err := c.outputs[i].Bytes(); err != nil {
			return m.misuse("output %s of shape %s: %v", names[i], shape.Format(c.outputs[i].Dims), err)
		}
		if err := c.dev.holds(m.spec.Name, c.outputs[i].DType); err != nil {
			return err
		}
	}
	return nil
}

func (m *MetalKernel) geometry(c *call, l Launch) error {
	c.grid, c.asked = l.Grid, l.Threadgroup
	if c.grid == [3]int{} {
		n, err := shape.Size(c.outputs[0].Dims)
		if err != nil {
			return m.misuse("%v", err)
		}
		if n == 0 {
			c.nothing = true
			c.grid, c.group = [3]int{1, 1, 1}, [3]int{1, 1, 1}
			return nil
		}
		c.grid = [3]int{n, 1, 1}
	}
	if c.asked == [3]int{} {
		c.asked = [3]int{1, 1, 1}
		for c.asked[0]*2 <= min(c.grid[0], defaultGroup) {
			c.asked[0] *= 2
		}
	}
	var err error
	if c.group, err = signature.ClampGroup(c.grid, c.asked); err != nil {
		return m.misuse("%v", err)
	}
	return nil
}

// describe lists the inputs and outputs for messages.
func (c *call) describe(m *MetalKernel) string {
	var b strings.Builder
	list := func(label string, names []string, what func(i int) string) {
		b.WriteString(label)
		for i, n := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, " %s %s", n, what(i))
		}
	}
	if len(c.inputs) > 0 {
		list("inputs:", m.spec.InputNames, func(i int) string {
			return c.inputs[i].DType().String() + shape.Format(c.inputs[i].Shape())
		})
		b.WriteString("; ")
	}
	list("outputs:", m.spec.OutputNames, func(i int) string {
		return c.outputs[i].DType.String() + shape.Format(c.outputs[i].Dims)
	})
	for i, t := range c.template {
		if i == 0 {
			b.WriteString("; template:")
		} else {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s=", t.Name)
		switch t.Kind {
		case signature.TypeArg:
			b.WriteString(t.DType.String())
		case signature.IntArg:
			fmt.Fprint(&b, t.Int)
		case signature.BoolArg:
			fmt.Fprint(&b, t.Bool)
		}
	}
	return b.String()
}

// print shows the generated text and the launch, as MLX's verbose does.
func (c *call) print(v *variant) {
	fmt.Fprint(os.Stdout, v.verbose)
	fmt.Fprintf(os.Stdout, "grid (%d, %d, %d), threadgroup (%d, %d, %d), device %s\n",
		c.grid[0], c.grid[1], c.grid[2], c.group[0], c.group[1], c.group[2], c.dev.Name())
}

// runner returns the function that runs the call. report, if not nil, gets the
// findings of a checked run.
func (c *call) runner(m *MetalKernel, v *variant, report *launch.Report) graph.RunFunc {
	return func(ctx context.Context, in []graph.View) ([]graph.View, error) {
		dev := c.dev.graph
		out := c.out[:]
		if len(c.outputs) != len(out) {
			out = make([]graph.View, len(c.outputs))
		}
		for i, o := range c.outputs {
			var err error
			if out[i], err = dev.NewView(o); err != nil {
				return nil, err
			}
			if c.init != nil {
				if err := dev.Fill(ctx, out[i], element(o.DType, *c.init)); err != nil {
					return nil, err
				}
			}
		}
		if c.nothing {
			return out, nil
		}
		var few [4]operand
		operands := few[:0]
		for _, view := range in {
			operands = append(operands, operand{view: view})
		}
		pooled := argPool.Get().(*[]launch.Arg)
		args, meta, err := v.bind((*pooled)[:0], c.dev, operands, out, c.init == nil)
		if err != nil {
			return nil, err
		}
		l := launch.Launch{Args: args, Grid: c.grid, Group: c.group, Report: report}
		err = v.launch(ctx, c.dev, "kernel ", m.spec.Name, l, in, out, meta)
		clear(args)
		*pooled = args
		argPool.Put(pooled)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// element returns init_value as an element of dtype d.
func element(d DType, v float64) []byte {
	var src [8]byte
	f := float32(v) // MLX passes it as a float
	binary.LittleEndian.PutUint64(src[:], math.Float64bits(float64(f)))
	dst := make([]byte, d.Size())
	one := shape.New([]int{1})
	graph.Convert(dst, d, one, src[:], Float64, one)
	return dst
}
