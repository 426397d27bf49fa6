package signature

// This file implements the Metal text that MLX generates around a body.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// MSL returns the generated text as MLX prints it with verbose=True: the
// header, the function and, if there are template arguments, its explicit
// instantiation. MLX's own preamble is not part of it.
//
// The text is MLX's to the byte, with two exceptions where MLX's would not
// compile: MLX closes the parameter list early if a kernel has several
// outputs, no attributes and a shape, strides or ndim parameter; and a header
// that ends in a comment or directive without a line end would swallow the
// line after it.
func (s *Signature) MSL(k Kernel) string {
	var b strings.Builder
	b.WriteString(k.Header)
	if swallowsNextLine(k.Header) {
		b.WriteByte('\n')
	}
	if len(s.Template) > 0 {
		params := make([]string, len(s.Template))
		for i, t := range s.Template {
			params[i] = t.keyword() + " " + t.Name
		}
		fmt.Fprintf(&b, "template <%s>\n", strings.Join(params, ", "))
	}
	fmt.Fprintf(&b, "[[kernel]] void %s(\n", s.FuncName)
	params := make([]string, 0, len(s.Params)+len(s.Attributes))
	for i, p := range s.Params {
		params = append(params, fmt.Sprintf("  %s [[buffer(%d)]]", p, i))
	}
	for _, a := range s.Attributes {
		params = append(params, fmt.Sprintf("  %s %s [[%s]]", a.Type(), a.Name, a.Name))
	}
	b.WriteString(strings.Join(params, ",\n"))
	fmt.Fprintf(&b, ") {\n%s\n}\n", k.Source)
	if len(s.Template) > 0 {
		instance := s.FuncName + s.templateValues()
		fmt.Fprintf(&b, "\ntemplate [[host_name(\"%s\")]] [[kernel]] decltype(%s) %s;\n", s.FuncName, instance, instance)
	}
	return b.String()
}

// Metal is MSL for a text that is to be compiled as Metal, which has no float64:
// a parameter or template argument of that dtype is an error.
func (s *Signature) Metal(k Kernel) (string, error) {
	double := func(name string) (string, error) {
		return "", fmt.Errorf("kernel %s: %s is float64, which Metal does not have, so there is no Metal text; use float32", k.Name, name)
	}
	for _, p := range s.Params {
		if p.DType == dtype.Float64 {
			return double(p.Name)
		}
	}
	for _, t := range s.Template {
		if t.Kind == TypeArg && t.DType == dtype.Float64 {
			return double("template argument " + t.Name)
		}
	}
	return s.MSL(k), nil
}

// Verbose returns what MLX prints for a call with verbose=True.
func (s *Signature) Verbose(k Kernel) string {
	return fmt.Sprintf("Generated source code for `%s`:\n```\n%s\n```\n", k.Name, s.MSL(k))
}

// swallowsNextLine reports whether text pasted after header would become part
// of a comment or a directive.
func swallowsNextLine(header string) bool {
	last := header[strings.LastIndexByte(header, '\n')+1:]
	return strings.Contains(last, "//") || strings.HasPrefix(strings.TrimSpace(last), "#")
}

func (t TemplateArg) keyword() string {
	switch t.Kind {
	case TypeArg:
		return "typename"
	case BoolArg:
		return "bool"
	default:
		return "int"
	}
}

// Type returns the type of the attribute's parameter, "uint3" or "uint".
func (a Attribute) Type() string {
	if a.Vector {
		return "uint3"
	}
	return "uint"
}

// String returns the parameter's declaration, such as "const device float* x".
func (p Param) String() string {
	switch p.Kind {
	case InputScalar:
		return fmt.Sprintf("const constant %s& %s", p.DType.Metal(), p.Name)
	case InputShape:
		return "const constant int* " + p.Name
	case InputStrides:
		return "const constant int64_t* " + p.Name
	case InputNDim:
		return "const constant int& " + p.Name
	case OutputBuffer:
		if p.Atomic {
			return fmt.Sprintf("device atomic<%s>* %s", p.DType.Metal(), p.Name)
		}
		return fmt.Sprintf("device %s* %s", p.DType.Metal(), p.Name)
	}
	space := "device"
	if p.Constant {
		space = "constant"
	}
	return fmt.Sprintf("const %s %s* %s", space, p.DType.Metal(), p.Name)
}
