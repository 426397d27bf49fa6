// This file implements ops of whole kernel bodies with a hand-written backward
// body.

package classic

import (
	"slices"

	"github.com/zmlx-go/zmlx"
)

// An NAry is a pair of kernel bodies. Bodies have the template arguments T and
// O, the types of the arithmetic and of the first output, and the inputs and
// outputs as buffers, as in [zmlx.Kernel].
type NAry struct {
	Name            string
	Inputs, Outputs []string
	Forward         string

	// Backward computes an output dNAME for each input, of its shape and dtype,
	// from the inputs and the cotangents: cotan of a single output, cotan_NAME of
	// several. All of dNAME must be written. Where it is empty, the op has no
	// derivative.
	Backward string

	// Launch and BackwardLaunch give the launches for a call's inputs. Nil is one
	// thread for each element, and outputs of the first input's shape; inputs
	// have equal shapes then. What Launch leaves open is set the same way.
	Launch, BackwardLaunch func(inputs []*zmlx.Array) zmlx.Launch
}

// NAryFromSource returns the op of kernel bodies. Of opts the Header, Compute,
// Output, Threadgroup and Params count.
func NAryFromSource(n NAry, opts Options) (*Op, error) {
	n.Inputs, n.Outputs = slices.Clone(n.Inputs), slices.Clone(n.Outputs)
	o := &Op{name: n.Name, inputs: n.Inputs, outputs: len(n.Outputs), opts: opts, run: n.run}
	switch {
	case len(n.Inputs) == 0 || len(n.Outputs) == 0:
		return nil, o.misuse("an op of kernel bodies has inputs and outputs")
	case opts.Prelude != "" || opts.VJPPrelude != "":
		return nil, o.misuse("a prelude is of elementwise ops; put it into the bodies")
	}
	if err := o.checkThreadgroup(); err != nil {
		return nil, err
	}
	var err error
	if o.forward, err = o.newKernel("", whole("forward", n.Forward), n.Inputs, n.Outputs, n.Launch != nil); err != nil {
		return nil, err
	}
	if n.Backward == "" {
		return o, nil
	}
	inputs := slices.Clone(n.Inputs)
	for _, out := range n.Outputs {
		if len(n.Outputs) == 1 {
			inputs = append(inputs, "cotan")
		} else {
			inputs = append(inputs, "cotan_"+out)
		}
	}
	grads := make([]string, len(n.Inputs))
	for i, in := range n.Inputs {
		grads[i] = "d" + in
	}
	if o.reverse, err = o.newKernel("_vjp", whole("backward", n.Backward), inputs, grads, n.Launch != nil || n.BackwardLaunch != nil); err != nil {
		return nil, err
	}
	o.vjp = n.pull
	return o, nil
}

// whole returns the text that is all the user's.
func whole(label, body string) *text {
	t := &text{}
	t.line("§", part{label, 0, body})
	return t
}

func (n NAry) run(o *Op, in []*zmlx.Array) []*zmlx.Array {
	l, err := n.launch(o, n.Launch, in)
	if err != nil {
		return fail(err, o.outputs)
	}
	return o.call(o.forward, l, l.Template[0].Value.(zmlx.DType), in)
}

// launch completes the launch for inputs.
func (n NAry) launch(o *Op, given func([]*zmlx.Array) zmlx.Launch, in []*zmlx.Array) (zmlx.Launch, error) {
	var l zmlx.Launch
	if given != nil {
		l = given(in)
	} else {
		shapes := make([][]int, len(in))
		for i, a := range in {
			shapes[i] = a.Shape()
			if !slices.Equal(shapes[i], shapes[0]) {
				return l, &zmlx.ShapeError{Op: o.name, Shapes: shapes[:i+1], Caller: caller(),
					Reason: "inputs of different shapes need a Launch, or have to be broadcast"}
			}
		}
	}
	if l.OutputShapes == nil {
		l.OutputShapes = slices.Repeat([][]int{in[0].Shape()}, o.outputs)
	}
	if l.OutputDTypes == nil {
		l.OutputDTypes = slices.Repeat([]zmlx.DType{o.output(in)}, o.outputs)
	}
	if l.Threadgroup == [3]int{} && o.opts.Threadgroup > 0 {
		l.Threadgroup = [3]int{o.opts.Threadgroup, 1, 1}
	}
	l.Template = append(types(o.compute(promoted(in)), l.OutputDTypes[0]), l.Template...)
	return l, nil
}

func (n NAry) pull(o *Op, in, ct []*zmlx.Array) []*zmlx.Array {
	var l zmlx.Launch
	if n.BackwardLaunch != nil {
		l = n.BackwardLaunch(in)
	} else {
		l.Grid = [3]int{max(ct[0].Size(), 1), 1, 1}
	}
	if l.Threadgroup == [3]int{} && o.opts.Threadgroup > 0 {
		l.Threadgroup = [3]int{o.opts.Threadgroup, 1, 1}
	}
	l.OutputShapes, l.OutputDTypes = nil, nil
	for _, a := range in {
		l.OutputShapes = append(l.OutputShapes, a.Shape())
		l.OutputDTypes = append(l.OutputDTypes, a.DType())
	}
	l.Template = append(types(o.compute(promoted(in)), ct[0].DType()), l.Template...)
	if ct[0].Size() == 0 && n.BackwardLaunch == nil {
		return make([]*zmlx.Array, len(in))
	}
	grads := o.call(o.reverse, l, l.Template[0].Value.(zmlx.DType), slices.Concat(in, ct))
	for i, a := range in {
		if !a.DType().IsFloat() {
			grads[i] = nil
		}
	}
	return grads
}
