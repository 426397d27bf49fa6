package signature

// This file implements the choice of parameters: which buffers, in which
// order, in which address space, and which thread attributes.

import (
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// ConstantLimit is the number of elements below which MLX binds an input in
// constant address space.
const ConstantLimit = 8

// attributes lists what MLX looks for in a body, in the order in which it
// adds parameters.
var attributes = [...]Attribute{
	{"dispatch_quadgroups_per_threadgroup", false},
	{"dispatch_simdgroups_per_threadgroup", false},
	{"dispatch_threads_per_threadgroup", true},
	{"grid_origin", true},
	{"grid_size", true},
	{"quadgroup_index_in_threadgroup", false},
	{"quadgroups_per_threadgroup", false},
	{"simdgroup_index_in_threadgroup", false},
	{"simdgroups_per_threadgroup", false},
	{"thread_execution_width", false},
	{"thread_index_in_quadgroup", false},
	{"thread_index_in_simdgroup", false},
	{"thread_index_in_threadgroup", false},
	{"thread_position_in_grid", true},
	{"thread_position_in_threadgroup", true},
	{"threadgroup_position_in_grid", true},
	{"threadgroups_per_grid", true},
	{"threads_per_grid", true},
	{"threads_per_simdgroup", false},
	{"threads_per_threadgroup", true},
}

// AllAttributes returns every attribute that a body can have as a parameter.
func AllAttributes() []Attribute { return attributes[:] }

// Build returns the signature that MLX generates for k when it is called with
// inputs, output dtypes and template arguments like these. It fails where the
// counts do not agree, a name cannot be a name, or a dtype cannot be in a
// kernel.
func Build(k Kernel, inputs []Input, outputs []dtype.DType, template []TemplateArg) (*Signature, error) {
	if err := Validate(k); err != nil {
		return nil, err
	}
	if err := Arity(k.Name, "inputs", k.InputNames, len(inputs)); err != nil {
		return nil, err
	}
	if err := Arity(k.Name, "output_dtypes", k.OutputNames, len(outputs)); err != nil {
		return nil, err
	}
	if err := validateTemplate(k, template); err != nil {
		return nil, err
	}
	if err := validateDTypes(k, inputs, outputs, template); err != nil {
		return nil, err
	}
	s := &Signature{Template: template}
	for i, in := range inputs {
		s.addInput(i, k.InputNames[i], in, k.Source)
	}
	for i, d := range outputs {
		s.Params = append(s.Params, Param{
			Name: k.OutputNames[i], Kind: OutputBuffer, DType: d, Atomic: k.AtomicOutputs, Of: i,
		})
	}
	for _, a := range attributes {
		if strings.Contains(k.Source, a.Name) {
			s.Attributes = append(s.Attributes, a)
		}
	}
	s.FuncName = funcName(k.Name, s)
	return s, validateParams(k, s)
}

// addInput adds an input's buffer and, where the body mentions them, its
// shape, strides and number of dimensions.
func (s *Signature) addInput(i int, name string, in Input, body string) {
	p := Param{Name: name, Kind: InputBuffer, DType: in.DType, Of: i}
	if len(in.Shape) == 0 {
		p.Kind, p.Constant = InputScalar, true
		s.Params = append(s.Params, p)
		return
	}
	p.Constant = in.Size() < ConstantLimit
	s.Params = append(s.Params, p)
	for _, extra := range [...]struct {
		suffix string
		kind   ParamKind
		dtype  dtype.DType
	}{
		{"_shape", InputShape, dtype.Int32},
		{"_strides", InputStrides, dtype.Int64},
		{"_ndim", InputNDim, dtype.Int32},
	} {
		if strings.Contains(body, name+extra.suffix) {
			s.Params = append(s.Params, Param{
				Name: name + extra.suffix, Kind: extra.kind, DType: extra.dtype, Constant: true, Of: i,
			})
		}
	}
}

// funcName returns the name of the generated function: the kernel's name, the
// template values, and the types of inputs and outputs with "s" after a
// scalar's and "c" after that of an input in constant space.
func funcName(kernel string, s *Signature) string {
	var b strings.Builder
	b.WriteString("custom_kernel_" + kernel)
	if len(s.Template) > 0 {
		b.WriteString("_" + strings.NewReplacer("<", "_", ">", "", ", ", "_", "-", "_").Replace(s.templateValues()))
	}
	for _, p := range s.Params {
		switch {
		case p.Kind == InputScalar:
			b.WriteString("_" + p.DType.Metal() + "s")
		case p.Kind == InputBuffer && p.Constant:
			b.WriteString("_" + p.DType.Metal() + "c")
		case p.Kind == InputBuffer || p.Kind == OutputBuffer:
			b.WriteString("_" + p.DType.Metal())
		}
	}
	return b.String()
}

// templateValues returns the template arguments as they are written in an
// explicit instantiation, such as "<float, 4, 1>".
func (s *Signature) templateValues() string {
	values := make([]string, len(s.Template))
	for i, t := range s.Template {
		values[i] = t.Value()
	}
	return "<" + strings.Join(values, ", ") + ">"
}

// Value returns the argument as Metal text: a type's name, a number, or 0 or 1
// for a bool.
func (t TemplateArg) Value() string {
	switch t.Kind {
	case TypeArg:
		return t.DType.Metal()
	case BoolArg:
		if t.Bool {
			return "1"
		}
		return "0"
	default:
		return strconv.FormatInt(int64(t.Int), 10)
	}
}
