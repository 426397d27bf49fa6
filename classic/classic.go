// Package classic is the helper layer of ZMLX for Python, for those who come
// from it: ops from strings in the kernel language, with the same names for the
// same things. It is thin: an op is a kernel of package zmlx whose text is
// written around the strings, or, where its gradient is to be derived, a
// definition. docs/classic.md has a table of what became of what.
//
// This file implements ops: their options, their calls, their checks.
package classic

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// Options are what all ops have. The zero value is right for most.
type Options struct {
	// Header is put before the kernel; ops without one have [Header].
	Header string

	// Prelude is statements that are run for each element before the
	// expression, with the same names in sight. It is of elementwise ops.
	Prelude string

	// VJPPrelude is statements that are run before the hand-written derivatives,
	// after the prelude. It sees g, the cotangent, and y, the value, too.
	VJPPrelude string

	// Compute is the type T of the arithmetic. If it is not set, T is float for
	// float16, bfloat16 and float32, and else the inputs' type, for reductions
	// at least 32 bits wide.
	Compute zmlx.DType

	// Output is the dtype of the result. If it is not set, it is that of the
	// inputs, by NumPy's promotion if they differ. Results are converted to it
	// explicitly.
	Output zmlx.DType

	// Threadgroup is the number of threads of a threadgroup, at most 1024. If it
	// is not set, row ops take 32 to 256, by the length of the rows.
	Threadgroup int

	// Params are numbers that strings use by name. They are arguments of the
	// kernel, so that other values, set by [Op.With], compile nothing.
	Params map[string]float64
}

// An Op is an operation made from strings. It may be used by many goroutines
// at once.
type Op struct {
	name    string
	inputs  []string
	outputs int
	opts    Options
	err     error // of With

	def     *zmlx.Op // a definition; then there is no kernel
	forward *kernel
	reverse *kernel // hand-written derivatives, or nil
	tangent *kernel

	// run calls the forward kernel on inputs of any shapes and dtypes.
	run func(o *Op, in []*zmlx.Array) []*zmlx.Array
	// vjp and jvp call the others; nil if there are none.
	vjp func(o *Op, in, cotangents []*zmlx.Array) []*zmlx.Array
	jvp func(o *Op, in, tangents []*zmlx.Array) []*zmlx.Array
}

// Must returns the op, and panics if there is an error. It is for
// package-level variables:
//
//	var mish = classic.Must(classic.Unary("mish", "x * tanh(kk_softplus(x))", classic.Options{}))
func Must(o *Op, err error) *Op {
	if err != nil {
		panic("classic: " + err.Error())
	}
	return o
}

// Name returns the op's name.
func (o *Op) Name() string { return o.name }

// Source returns the text of the op: its kernel's body, or its definition.
func (o *Op) Source() string {
	if o.def != nil {
		return o.def.String()
	}
	return o.forward.spec.Source
}

// Kernel returns the op's kernel, or nil if the op is a definition.
func (o *Op) Kernel() *zmlx.MetalKernel {
	if o.forward == nil {
		return nil
	}
	return o.forward.metal
}

// Definition returns the op's definition, or nil if the op is a kernel.
func (o *Op) Definition() *zmlx.Op { return o.def }

// With returns the op with other values of its parameters; nothing is compiled
// for them. A name that is no parameter gives an op whose calls fail.
func (o *Op) With(params map[string]float64) *Op {
	c := *o
	c.opts.Params = maps.Clone(o.opts.Params)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if _, ok := c.opts.Params[name]; !ok {
			known := strings.Join(slices.Sorted(maps.Keys(o.opts.Params)), ", ")
			if known == "" {
				known = "none"
			}
			c.err = o.misuse("no parameter %s; the parameters are: %s", name, known)
			return &c
		}
		c.opts.Params[name] = params[name]
	}
	return &c
}

// Call returns the op's result, the first of several, not computed yet.
func (o *Op) Call(inputs ...*zmlx.Array) *zmlx.Array { return o.Results(inputs...)[0] }

// Results returns all results of the op, not computed yet.
func (o *Op) Results(inputs ...*zmlx.Array) []*zmlx.Array {
	if err := o.check(inputs); err != nil {
		return fail(err, o.outputs)
	}
	if o.def != nil {
		return o.defined(inputs)
	}
	if o.vjp == nil {
		return o.run(o, inputs)
	}
	c := zmlx.Custom{
		Name:    o.name,
		Forward: func(args ...*zmlx.Array) []*zmlx.Array { return o.run(o, args) },
		VJP: func(primals, cotangents, _ []*zmlx.Array) []*zmlx.Array {
			return o.vjp(o, primals, cotangents)
		},
	}
	c.JVP = func(primals, tangents []*zmlx.Array) []*zmlx.Array {
		if o.jvp == nil {
			return fail(&zmlx.TransformError{Op: o.name, Reason: "it has no forward derivative, only a VJP"}, o.outputs)
		}
		return o.jvp(o, primals, tangents)
	}
	return c.Call(inputs...)
}

// Check runs the op's kernels on the interpreter with every check on: the
// forward one and, with cotangents of one, those of hand-written derivatives.
// The findings show lines of the generated text, in which the op's strings stand
// as they are. A definition has no kernels of its own and gives no reports.
func (o *Op) Check(ctx context.Context, inputs ...*zmlx.Array) ([]*zmlx.CheckReport, error) {
	if err := o.check(inputs); err != nil || o.def != nil {
		return nil, err
	}
	ck := &checking{ctx: ctx}
	c := *o
	for _, k := range []**kernel{&c.forward, &c.reverse, &c.tangent} {
		if *k != nil {
			checked := **k
			checked.checking = ck
			*k = &checked
		}
	}
	outs := c.run(&c, inputs)
	if ck.err == nil && c.vjp != nil {
		ones := make([]*zmlx.Array, len(outs))
		for i, out := range outs {
			if ones[i] = zmlx.OnesLike(out); out.Err() != nil {
				return nil, out.Err()
			}
		}
		c.vjp(&c, inputs, ones)
		if c.jvp != nil {
			tangents := make([]*zmlx.Array, len(inputs))
			for i, in := range inputs {
				tangents[i] = zmlx.OnesLike(in)
			}
			c.jvp(&c, inputs, tangents)
		}
	}
	if ck.err == nil && len(ck.reports) == 0 {
		return nil, outs[0].Err()
	}
	return ck.reports, ck.err
}

// check finds what is wrong with a call before any kernel is asked.
func (o *Op) check(inputs []*zmlx.Array) error {
	if o.err != nil {
		return o.err
	}
	if len(inputs) != len(o.inputs) {
		return o.misuse("takes %d inputs (%s), not %d", len(o.inputs), strings.Join(o.inputs, ", "), len(inputs))
	}
	for _, a := range inputs {
		if err := a.Err(); err != nil {
			return err
		}
	}
	return nil
}

// defined calls the definition, whose result gets the dtype that the kernel of
// such an op would give it.
func (o *Op) defined(inputs []*zmlx.Array) []*zmlx.Array {
	outs := o.def.With(o.opts.Params).Results(inputs...)
	want := o.output(inputs)
	for i, out := range outs {
		if out.Err() == nil && out.DType() != want {
			outs[i] = out.As(want)
		}
	}
	return outs
}

func (o *Op) misuse(format string, args ...any) error {
	return &zmlx.KernelError{Kernel: o.name, Reason: fmt.Sprintf(format, args...), Caller: caller()}
}

func fail(err error, n int) []*zmlx.Array {
	out := make([]*zmlx.Array, n)
	for i := range out {
		out[i] = zmlx.Failed(err)
	}
	return out
}

// promoted returns the dtype that arrays of several dtypes have together.
func promoted(arrays []*zmlx.Array) zmlx.DType {
	d := arrays[0].DType()
	for _, a := range arrays[1:] {
		if a.DType() != d {
			d = zmlx.Where(zmlx.Zeros(zmlx.Bool, 0), zmlx.Zeros(d, 0), zmlx.Zeros(a.DType(), 0)).DType()
		}
	}
	return d
}

// output returns the dtype of the result.
func (o *Op) output(inputs []*zmlx.Array) zmlx.DType {
	if o.opts.Output.Valid() {
		return o.opts.Output
	}
	return promoted(inputs)
}

// compute returns the type T for inputs of dtype d.
func (o *Op) compute(d zmlx.DType) zmlx.DType {
	switch {
	case o.opts.Compute.Valid():
		return o.opts.Compute
	case d == zmlx.Float16 || d == zmlx.BFloat16:
		return zmlx.Float32
	}
	return d
}

// together broadcasts arrays to the shape they have together.
func (o *Op) together(arrays []*zmlx.Array) ([]*zmlx.Array, []int, error) {
	shapes := make([][]int, len(arrays))
	for i, a := range arrays {
		shapes[i] = a.Shape()
	}
	dims, err := shape.Join(shapes...)
	if err != nil {
		return nil, nil, &zmlx.ShapeError{Op: o.name, Shapes: shapes, Reason: err.Error(), Caller: caller()}
	}
	if dims == nil {
		dims = []int{}
	}
	out := make([]*zmlx.Array, len(arrays))
	for i, a := range arrays {
		if out[i] = a; !slices.Equal(shapes[i], dims) {
			out[i] = a.Broadcast(dims...)
		}
	}
	return out, dims, nil
}

// caller returns the file:line of the call into this package that is being
// served.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		name, own := strings.CutPrefix(f.Function, "github.com/zmlx-go/zmlx")
		own = own && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/classic."))
		if f.File != "" && (!own || strings.HasSuffix(f.File, "_test.go")) {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
		if !more {
			return ""
		}
	}
}
