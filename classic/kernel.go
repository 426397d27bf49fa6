// This file implements the kernels behind ops: generated text, compiled once
// for its errors when the op is made, and launched.

package classic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A kernel is generated text with the user's parts of it.
type kernel struct {
	spec     zmlx.Kernel
	metal    *zmlx.MetalKernel
	parts    []part
	checking *checking // if calls are checked runs
}

// checking collects the reports of an op's checked runs.
type checking struct {
	ctx     context.Context
	reports []*zmlx.CheckReport
	err     error
}

// newKernel returns a kernel of an op with inputs, to which the op's parameters
// are added, and outputs. It fails if the text is at fault for every dtype,
// unless that cannot be said before a call.
func (o *Op) newKernel(suffix string, t *text, inputs, outputs []string, later bool) (*kernel, error) {
	params := slices.Sorted(maps.Keys(o.opts.Params))
	k := &kernel{parts: t.parts, spec: zmlx.Kernel{
		Name: o.name + suffix, InputNames: slices.Concat(inputs, params), OutputNames: outputs, Source: t.String(), Header: o.opts.Header,
	}}
	if k.spec.Header == "" {
		for _, p := range t.parts {
			if strings.Contains(p.text, "kk_") {
				k.spec.Header = header
			}
		}
	} else if !strings.HasSuffix(k.spec.Header, "\n") {
		k.spec.Header += "\n"
	}
	var err error
	if k.metal, err = zmlx.Compile(k.spec); err != nil {
		return nil, err
	}
	if later {
		return k, nil
	}
	// A text may be for integers only, such as x >> 1.
	first := o.probe(k, len(inputs), zmlx.Float32)
	if first != nil && o.probe(k, len(inputs), zmlx.Int32) != nil && o.probe(k, len(inputs), zmlx.Uint32) != nil {
		return nil, first
	}
	return k, nil
}

// probe compiles the kernel for inputs of one dtype.
func (o *Op) probe(k *kernel, inputs int, d zmlx.DType) error {
	in := make([]signature.Input, len(k.spec.InputNames))
	for i := range in {
		if in[i] = (signature.Input{DType: d, Shape: []int{8, 8}}); i >= inputs {
			in[i] = signature.Input{DType: paramType(o.compute(d))}
		}
	}
	out := d
	if o.opts.Output.Valid() {
		out = o.opts.Output
	}
	outs := slices.Repeat([]zmlx.DType{out}, len(k.spec.OutputNames))
	return o.diagnose(k, in, outs, types(o.compute(d), out))
}

// diagnose compiles the kernel for its errors.
func (o *Op) diagnose(k *kernel, in []signature.Input, outs []zmlx.DType, template []zmlx.TemplateArg) error {
	sig := signature.Kernel{
		Name: k.spec.Name, InputNames: k.spec.InputNames, OutputNames: k.spec.OutputNames,
		Source: k.spec.Source, Header: k.spec.Header, EnsureRowContiguous: true,
	}
	args := make([]signature.TemplateArg, len(template))
	context := make([]string, len(template))
	for i, t := range template {
		args[i] = signature.TemplateArg{Name: t.Name}
		switch v := t.Value.(type) {
		case zmlx.DType:
			args[i].Kind, args[i].DType = signature.TypeArg, v
		case int:
			args[i].Kind, args[i].Int = signature.IntArg, int32(v)
		case bool:
			args[i].Kind, args[i].Bool = signature.BoolArg, v
		}
		context[i] = fmt.Sprintf("%s is %v", t.Name, t.Value)
	}
	_, err := compile.Kernel(sig, in, outs, args)
	if list, ok := errors.AsType[*source.List](err); ok {
		return compileError(o.name, k.spec.Name, k.parts, list, strings.Join(context, ", "))
	}
	return err
}

// types returns the template arguments that generated text has.
func types(compute, output zmlx.DType) []zmlx.TemplateArg {
	return []zmlx.TemplateArg{{Name: "T", Value: compute}, {Name: "O", Value: output}}
}

// paramType returns the dtype of parameters where T is compute.
func paramType(compute zmlx.DType) zmlx.DType {
	if compute == zmlx.Float64 {
		return zmlx.Float64
	}
	return zmlx.Float32
}

// call launches the kernel on inputs and the op's parameters.
func (o *Op) call(k *kernel, l zmlx.Launch, compute zmlx.DType, inputs []*zmlx.Array) []*zmlx.Array {
	args := slices.Clone(inputs)
	for _, name := range slices.Sorted(maps.Keys(o.opts.Params)) {
		v := o.opts.Params[name]
		p := zmlx.Scalar(float32(v))
		if paramType(compute) == zmlx.Float64 {
			p = zmlx.Scalar(v)
		}
		if d := inputs[0].Device(); p.Device() != d {
			p = p.To(d)
		}
		args = append(args, p)
	}
	if ck := k.checking; ck != nil {
		if ck.err != nil {
			return fail(ck.err, len(k.spec.OutputNames))
		}
		r, err := k.metal.Check(ck.ctx, l, args...)
		if err != nil {
			ck.err = o.own(k, l, args, err)
			return fail(ck.err, len(k.spec.OutputNames))
		}
		ck.reports = append(ck.reports, r)
		return r.Outputs
	}
	outs := k.metal.Call(l, args...)
	if err := outs[0].Err(); err != nil {
		return fail(o.own(k, l, args, err), len(outs))
	}
	return outs
}

// own returns an error of the kernel's text as one of the op's strings.
func (o *Op) own(k *kernel, l zmlx.Launch, args []*zmlx.Array, err error) error {
	if _, ok := errors.AsType[*zmlx.CompileError](err); !ok {
		return err
	}
	in := make([]signature.Input, len(args))
	for i, a := range args {
		in[i] = signature.Input{DType: a.DType(), Shape: a.Shape()}
	}
	if own := o.diagnose(k, in, l.OutputDTypes, l.Template); own != nil {
		return own
	}
	return err
}

// reserved are the names that generated text uses.
var reserved = map[string]bool{}

func init() {
	for name := range strings.FieldsSeq("T O D TG elem elem_count k row rows base j tid acc acc1 acc2 v s s1 s2 half_group lanes scratch g y tangent out") {
		reserved[name] = true
	}
}

// checkOptions finds what is wrong with an op before any text is generated.
func (o *Op) checkOptions() error {
	if err := o.checkThreadgroup(); err != nil {
		return err
	}
	names := slices.Concat(o.inputs, slices.Sorted(maps.Keys(o.opts.Params)))
	for i, name := range names {
		if reserved[name] {
			return o.misuse("the name %s has a meaning in generated text; choose another one", name)
		}
		if k := slices.Index(names, name); k < i {
			return o.misuse("the name %s is given twice", name)
		}
	}
	return nil
}

func (o *Op) checkThreadgroup() error {
	o.opts.Params = maps.Clone(o.opts.Params)
	if n := o.opts.Threadgroup; n < 0 || n > signature.MaxThreads {
		return o.misuse("a threadgroup has 1 to %d threads, not %d", signature.MaxThreads, n)
	}
	return nil
}
