package signature

import (
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

func simple() Kernel {
	return Kernel{Name: "k", InputNames: []string{"x", "y"}, OutputNames: []string{"out"}, Source: "out[0] = x[0];"}
}

var floats = []Input{{dtype.Float32, []int{16}}, {dtype.Float32, []int{16}}}

func TestBuildErrors(t *testing.T) {
	out := []dtype.DType{dtype.Float32}
	for _, c := range []struct {
		name     string
		edit     func(k *Kernel)
		inputs   []Input
		outputs  []dtype.DType
		template []TemplateArg
		want     string
	}{
		{"few inputs", nil, floats[:1], out, nil, "expected inputs to have size 2 (x, y) but got size 1"},
		{"many outputs", nil, floats, []dtype.DType{1, 1}, nil, "expected output_dtypes to have size 1 (out) but got size 2"},
		{"no outputs", func(k *Kernel) { k.OutputNames = nil }, floats, nil, nil, "must specify at least one output"},
		{"no name", func(k *Kernel) { k.Name = "" }, floats, out, nil, "must have a name"},
		{"bad kernel name", func(k *Kernel) { k.Name = "my kernel" }, floats, out, nil, `" " cannot be in a name`},
		{"duplicate input", func(k *Kernel) { k.InputNames[1] = "x" }, floats, out, nil, `input_names[1]: the name "x" is already taken by input_names[0]`},
		{"input and output", func(k *Kernel) { k.OutputNames[0] = "y" }, floats, out, nil, `output_names[0]: the name "y" is already taken by input_names[1]`},
		{"keyword", func(k *Kernel) { k.InputNames[0] = "device" }, floats, out, nil, `"device" is a keyword`},
		{"digit", func(k *Kernel) { k.InputNames[0] = "1x" }, floats, out, nil, "starts with a digit"},
		{"empty", func(k *Kernel) { k.InputNames[0] = "" }, floats, out, nil, "the name is empty"},
		{"punctuation", func(k *Kernel) { k.OutputNames[0] = "a-b" }, floats, out, nil, `"a-b" is not a name`},
		{"template duplicate", nil, floats, out, []TemplateArg{{Name: "T", Kind: IntArg}, {Name: "T", Kind: IntArg}}, `template[1]: the name "T" is already taken by template[0]`},
		{"template is input", nil, floats, out, []TemplateArg{{Name: "x", Kind: IntArg}}, `template[0]: the name "x" is already taken by input_names[0]`},
		{"template kind", nil, floats, out, []TemplateArg{{Name: "T", Kind: 7}}, "must be a dtype, int or bool"},
		{"template dtype", nil, floats, out, []TemplateArg{{Name: "T"}}, "template argument T has no dtype"},
		{"float64 input", nil, []Input{floats[0], {dtype.Float64, []int{8}}}, out, nil, ""},
		{"no dtype", nil, floats, []dtype.DType{dtype.Invalid}, nil, "output out has no dtype"},
		{"negative size", nil, []Input{floats[0], {dtype.Float32, []int{2, -8}}}, out, nil, "negative size -8"},
		{"generated name", func(k *Kernel) { k.InputNames[1] = "x_shape" }, floats, out, nil, ""},
		{"generated name taken", func(k *Kernel) { k.InputNames[1] = "x_shape"; k.Source = "x_shape" }, floats, out, nil,
			`parameter "x_shape" would be both generated for input x (the body mentions it) and an input`},
		{"attribute name", func(k *Kernel) { k.InputNames[1] = "grid_size"; k.Source = "grid_size" }, floats, out, nil, `"grid_size" is an input and also a thread attribute`},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := simple()
			if c.edit != nil {
				c.edit(&k)
			}
			_, err := Build(k, c.inputs, c.outputs, c.template)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("unexpected error: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestHeaderWithoutLineEnd(t *testing.T) {
	k := simple()
	for header, want := range map[string]string{
		"int f();":            "int f();[[kernel]]", // as MLX has it
		"int f(); // twice":   "int f(); // twice\n[[kernel]]",
		"int f();\n#endif":    "int f();\n#endif\n[[kernel]]",
		"int f();\n":          "int f();\n[[kernel]]",
		"int f(); // twice\n": "int f(); // twice\n[[kernel]]",
	} {
		k.Header = header
		s, err := Build(k, floats, []dtype.DType{dtype.Float32}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.MSL(k); !strings.HasPrefix(got, want) {
			t.Errorf("header %q: got %q, want prefix %q", header, got, want)
		}
	}
}

func TestClampGroup(t *testing.T) {
	for _, c := range []struct {
		grid, group, want [3]int
		err               string
	}{
		{[3]int{100, 1, 1}, [3]int{256, 1, 1}, [3]int{100, 1, 1}, ""},
		{[3]int{100, 7, 3}, [3]int{32, 8, 4}, [3]int{32, 7, 3}, ""},
		{[3]int{1000, 1, 1}, [3]int{1024, 1, 1}, [3]int{1000, 1, 1}, ""},
		{[3]int{4, 1, 1}, [3]int{2048, 1, 1}, [3]int{}, "threadgroup (2048, 1, 1) has 2048 threads, but the most is 1024"},
		{[3]int{64, 64, 64}, [3]int{32, 32, 2}, [3]int{}, "has 2048 threads"},
		{[3]int{0, 1, 1}, [3]int{1, 1, 1}, [3]int{}, "x is 0"},
		{[3]int{1, -1, 1}, [3]int{1, 1, 1}, [3]int{}, "y is -1"},
		{[3]int{1, 1, 1}, [3]int{1, 1, 0}, [3]int{}, "threadgroup (1, 1, 0): z is 0"},
		{[3]int{1, 1 << 32, 1}, [3]int{1, 1, 1}, [3]int{}, "at most 4294967295 threads"},
		{[3]int{1, 1<<32 - 1, 1}, [3]int{1, 1, 1}, [3]int{1, 1, 1}, ""},
		{[3]int{1, 1, 1}, [3]int{math.MaxInt, math.MaxInt, 2}, [3]int{}, "more threads than can be counted"},
	} {
		got, err := ClampGroup(c.grid, c.group)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("ClampGroup(%v, %v) = %v, %v; want %v", c.grid, c.group, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("ClampGroup(%v, %v): error %v, want one with %q", c.grid, c.group, err, c.err)
		}
	}
}
