package signature

// This file implements the checks of names and counts, which MLX leaves to
// the Metal compiler or does not make at all.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// keywords are the words that cannot name a parameter in Metal, which is
// C++14 with more keywords.
var keywords = map[string]bool{}

func init() {
	for word := range strings.FieldsSeq(`
		alignas alignof and and_eq asm auto bitand bitor bool break case catch char char16_t char32_t class compl
		const constexpr const_cast continue decltype default delete do double dynamic_cast else enum explicit export
		extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq nullptr
		operator or or_eq private protected public register reinterpret_cast return short signed sizeof static
		static_assert static_cast struct switch template this thread_local throw true try typedef typeid typename
		union unsigned using virtual void volatile wchar_t while xor xor_eq
		bfloat constant device fragment half kernel object_data patch_control_point ray_data thread threadgroup
		threadgroup_imageblock vertex`) {
		keywords[word] = true
	}
}

// Validate checks what is known of a kernel before any call: that it has
// outputs, and that its names are good ones and all different.
func Validate(k Kernel) error {
	if k.Name == "" {
		return errors.New("a kernel must have a name")
	}
	for i := range len(k.Name) {
		if !identByte(k.Name[i]) {
			return fmt.Errorf("kernel name %q: %q cannot be in a name; use letters, digits and underscores", k.Name, k.Name[i:i+1])
		}
	}
	if len(k.OutputNames) == 0 {
		return fmt.Errorf("%s: output_names is empty: must specify at least one output", k.Name)
	}
	seen := map[string]string{}
	for _, list := range [...]struct {
		name  string
		names []string
	}{{"input_names", k.InputNames}, {"output_names", k.OutputNames}} {
		for i, name := range list.names {
			where := fmt.Sprintf("%s[%d]", list.name, i)
			if err := validateName(k.Name, where, name, seen); err != nil {
				return err
			}
		}
	}
	return nil
}

func validateName(kernel, where, name string, seen map[string]string) error {
	if err := checkIdent(name); err != nil {
		return fmt.Errorf("%s: %s: %w", kernel, where, err)
	}
	if before, ok := seen[name]; ok {
		return fmt.Errorf("%s: %s: the name %q is already taken by %s", kernel, where, name, before)
	}
	seen[name] = where
	return nil
}

func checkIdent(name string) error {
	switch {
	case name == "":
		return errors.New("the name is empty")
	case keywords[name]:
		return fmt.Errorf("%q is a keyword of the kernel language and cannot be a name", name)
	case name[0] >= '0' && name[0] <= '9':
		return fmt.Errorf("%q starts with a digit; a name starts with a letter or underscore", name)
	}
	for i := range len(name) {
		if !identByte(name[i]) {
			return fmt.Errorf("%q is not a name; use letters, digits and underscores", name)
		}
	}
	return nil
}

func identByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Arity checks that one of a call's lists has as many elements as it has
// names. List is the list's name in MLX, such as "output_shapes".
func Arity(kernel, list string, names []string, got int) error {
	if got == len(names) {
		return nil
	}
	return fmt.Errorf("%s: expected %s to have size %d (%s) but got size %d",
		kernel, list, len(names), strings.Join(names, ", "), got)
}

func validateTemplate(k Kernel, template []TemplateArg) error {
	seen := map[string]string{}
	for i, name := range k.InputNames {
		seen[name] = fmt.Sprintf("input_names[%d]", i)
	}
	for i, name := range k.OutputNames {
		seen[name] = fmt.Sprintf("output_names[%d]", i)
	}
	for i, t := range template {
		where := fmt.Sprintf("template[%d]", i)
		if err := validateName(k.Name, where, t.Name, seen); err != nil {
			return err
		}
		if t.Kind > BoolArg {
			return fmt.Errorf("%s: %s: invalid template argument %q: must be a dtype, int or bool", k.Name, where, t.Name)
		}
	}
	return nil
}

// validateDTypes refuses what no kernel can be given. Metal has no float64, but
// our devices have: the lint warns of it.
func validateDTypes(k Kernel, inputs []Input, outputs []dtype.DType, template []TemplateArg) error {
	bad := func(what, name string, d dtype.DType) error {
		if !d.Valid() {
			return fmt.Errorf("%s: %s %s has no dtype", k.Name, what, name)
		}
		return nil
	}
	for i, in := range inputs {
		if err := bad("input", k.InputNames[i], in.DType); err != nil {
			return err
		}
		for _, n := range in.Shape {
			if n < 0 {
				return fmt.Errorf("%s: input %s has the negative size %d in its shape %v", k.Name, k.InputNames[i], n, in.Shape)
			}
		}
	}
	for i, d := range outputs {
		if err := bad("output", k.OutputNames[i], d); err != nil {
			return err
		}
	}
	for _, t := range template {
		if t.Kind == TypeArg {
			if err := bad("template argument", t.Name, t.DType); err != nil {
				return err
			}
		}
	}
	return nil
}

// validateParams refuses names that collide with parameters that the body's
// text brings in.
func validateParams(k Kernel, s *Signature) error {
	role := map[string]string{}
	for _, t := range s.Template {
		role[t.Name] = "a template parameter"
	}
	for _, p := range s.Params {
		what := "an input"
		switch p.Kind {
		case OutputBuffer:
			what = "an output"
		case InputShape, InputStrides, InputNDim:
			what = fmt.Sprintf("generated for input %s (the body mentions it)", k.InputNames[p.Of])
		}
		if before, ok := role[p.Name]; ok {
			return fmt.Errorf("%s: parameter %q would be both %s and %s; rename one", k.Name, p.Name, before, what)
		}
		role[p.Name] = what
	}
	for _, a := range s.Attributes {
		if before, ok := role[a.Name]; ok {
			return fmt.Errorf("%s: %q is %s and also a thread attribute that the body mentions; rename it", k.Name, a.Name, before)
		}
	}
	return nil
}
