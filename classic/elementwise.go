// This file implements elementwise ops: their text, and their calls.

package classic

import (
	"math"

	"github.com/zmlx-go/zmlx"
)

// ElementwiseUnarySource returns the body of a kernel that computes an
// expression of x, an element of input inp, for each element of output out. T
// and O, the types of the arithmetic and of out, are template arguments. The
// text is right for any grid and threadgroup and any shape but that of a 0-dim
// input.
func ElementwiseUnarySource(expr, inp, out string) string {
	t := &text{}
	loop(t, []load{{"x", inp}})
	t.line(out+"[elem] = O(§);", part{"expr", 0, expr})
	t.close()
	return t.String()
}

// ElementwiseBinarySource is like [ElementwiseUnarySource] for two inputs of
// equal shapes, with elements a and b. x is another name of a.
func ElementwiseBinarySource(expr, lhs, rhs, out string) string {
	t := &text{}
	loop(t, []load{{"a", lhs}, {"b", rhs}})
	t.line("T x = a;")
	t.line(out+"[elem] = O(§);", part{"expr", 0, expr})
	t.close()
	return t.String()
}

// ElementwiseMapSource is like [ElementwiseUnarySource] for any number of
// inputs of equal shapes. The expression uses their elements by the given
// names; the kernel's inputs are named NAME_in.
func ElementwiseMapSource(expr string, inputs []string, out string) string {
	t := &text{}
	loop(t, named(inputs))
	t.line(out+"[elem] = O(§);", part{"expr", 0, expr})
	t.close()
	return t.String()
}

// A load is an element of an input and its name in expressions.
type load struct{ name, buffer string }

// named returns the loads of inputs by their names.
func named(inputs []string) []load {
	loads := make([]load, len(inputs))
	for i, name := range inputs {
		loads[i] = load{name, name + "_in"}
	}
	return loads
}

// loop opens the loop over elements and loads those of the inputs. Threads
// beyond the end do nothing, and few threads do all elements.
func loop(t *text, loads []load) {
	first := loads[0].buffer
	t.line("size_t elem_count = 1;")
	t.open("for (int k = 0; k < " + first + "_ndim; ++k)")
	t.line("elem_count *= " + first + "_shape[k];")
	t.close()
	t.open("for (size_t elem = thread_position_in_grid.x; elem < elem_count; elem += threads_per_grid.x)")
	for _, l := range loads {
		t.line("T " + l.name + " = T(" + l.buffer + "[elem]);")
	}
}

// Unary returns the op of an expression of x. It is not differentiable; see
// [UnaryFromExpr]. All elementwise ops take inputs of any shapes, which
// broadcast by NumPy's rules.
func Unary(name, expr string, o Options) (*Op, error) {
	return elementwise(name, []string{"x"}, []load{{"x", "inp"}}, expr, nil, o)
}

// Binary returns the op of an expression of a and b.
func Binary(name, expr string, o Options) (*Op, error) {
	return elementwise(name, []string{"a", "b"}, []load{{"a", "lhs"}, {"b", "rhs"}}, expr, nil, o)
}

// Map returns the op of an expression of the elements of any number of inputs.
func Map(name string, inputs []string, expr string, o Options) (*Op, error) {
	return elementwise(name, inputs, named(inputs), expr, nil, o)
}

// elementwise returns the op of an expression and, if there are some, of
// hand-written derivatives, one for each input.
func elementwise(name string, inputs []string, loads []load, expr string, vjps []string, opts Options) (*Op, error) {
	o := &Op{name: name, inputs: inputs, outputs: 1, opts: opts, run: runElementwise}
	if len(inputs) == 0 {
		return nil, o.misuse("an elementwise op has at least one input")
	}
	if err := o.checkOptions(); err != nil {
		return nil, err
	}
	prelude, value := part{"prelude", 0, opts.Prelude}, part{"expr", 0, expr}
	parts := []part{value}
	for i, v := range vjps {
		parts = append(parts, part{vjpLabel(inputs, i), 0, v})
	}
	if err := checkParts(name, false, parts...); err != nil {
		return nil, err
	}
	if err := checkParts(name, true, prelude, part{"vjp prelude", 0, opts.VJPPrelude}); err != nil {
		return nil, err
	}

	t := &text{}
	loop(t, loads)
	alias(t, loads)
	t.statements(prelude)
	t.line("out[elem] = O(§);", value)
	t.close()
	var err error
	if o.forward, err = o.newKernel("", t, buffers(loads), []string{"out"}, false); err != nil {
		return nil, err
	}
	if len(vjps) == 0 {
		return o, nil
	}
	return o.withVJP(loads, prelude, value, parts[1:])
}

// alias gives the first of two operands its other name.
func alias(t *text, loads []load) {
	if len(loads) == 2 && loads[0] == (load{"a", "lhs"}) {
		t.line("T x = a;")
	}
}

func buffers(loads []load) []string {
	names := make([]string, len(loads))
	for i, l := range loads {
		names[i] = l.buffer
	}
	return names
}

func runElementwise(o *Op, in []*zmlx.Array) []*zmlx.Array {
	in, dims, err := o.together(in)
	if err != nil {
		return fail(err, 1)
	}
	return o.each(o.forward, in, dims, promoted(in), o.output(in), 1)
}

// each launches an elementwise kernel on arrays of one shape: outputs of them
// have dtype out.
func (o *Op) each(k *kernel, in []*zmlx.Array, dims []int, d, out zmlx.DType, outputs int) []*zmlx.Array {
	compute := o.compute(d)
	flat := dims
	if len(dims) == 0 { // a 0-dim input is a number and no pointer
		flat = []int{1}
		in = reshaped(in, flat)
	}
	l := zmlx.Launch{Template: types(compute, out), Device: in[0].Device()}
	n := 1
	for _, s := range flat {
		n *= s
	}
	if n > 0 {
		l.Grid = [3]int{min(n, math.MaxInt32), 1, 1}
	}
	if o.opts.Threadgroup > 0 {
		l.Threadgroup = [3]int{o.opts.Threadgroup, 1, 1}
	}
	for range outputs {
		l.OutputShapes = append(l.OutputShapes, flat)
		l.OutputDTypes = append(l.OutputDTypes, out)
	}
	outs := o.call(k, l, compute, in)
	if len(dims) == 0 {
		outs = reshaped(outs, dims)
	}
	return outs
}

func reshaped(arrays []*zmlx.Array, dims []int) []*zmlx.Array {
	out := make([]*zmlx.Array, len(arrays))
	for i, a := range arrays {
		out[i] = a.Reshape(dims...)
	}
	return out
}
