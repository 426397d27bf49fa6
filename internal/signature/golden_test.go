package signature

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A golden is one case of testdata/golden: a kernel and the text that MLX
// 0.32.4 printed for it.
type golden struct {
	Name     string   `json:"name"`
	Inputs   [][3]any `json:"inputs"`   // name, dtype, shape
	Outputs  [][2]any `json:"outputs"`  // name, dtype
	Template [][2]any `json:"template"` // name, value
	Atomic   bool     `json:"atomic"`
	Header   string   `json:"header"`
	Body     string   `json:"body"`

	kernel   Kernel
	inputs   []Input
	outputs  []dtype.DType
	template []TemplateArg
}

func mustDType(t *testing.T, name any) dtype.DType {
	t.Helper()
	d, err := dtype.Parse(name.(string))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// resolve fills the fields that Build takes.
func (g *golden) resolve(t *testing.T) {
	t.Helper()
	g.kernel = Kernel{Name: g.Name, Source: g.Body, Header: g.Header, AtomicOutputs: g.Atomic}
	for _, in := range g.Inputs {
		g.kernel.InputNames = append(g.kernel.InputNames, in[0].(string))
		shape := []int{}
		for _, d := range in[2].([]any) {
			shape = append(shape, int(d.(float64)))
		}
		g.inputs = append(g.inputs, Input{mustDType(t, in[1]), shape})
	}
	for _, out := range g.Outputs {
		g.kernel.OutputNames = append(g.kernel.OutputNames, out[0].(string))
		g.outputs = append(g.outputs, mustDType(t, out[1]))
	}
	for _, arg := range g.Template {
		a := TemplateArg{Name: arg[0].(string)}
		switch v := arg[1].(type) {
		case string:
			a.Kind, a.DType = TypeArg, mustDType(t, v)
		case bool:
			a.Kind, a.Bool = BoolArg, v
		case float64:
			a.Kind, a.Int = IntArg, int32(v)
		}
		g.template = append(g.template, a)
	}
}

func readGolden(t *testing.T, file string) (*golden, *txtar.Archive) {
	t.Helper()
	ar, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g := &golden{}
	for _, f := range ar.Files {
		switch f.Name {
		case "kernel.json":
			if err := json.Unmarshal(f.Data, g); err != nil {
				t.Fatal(err)
			}
		case "header":
			g.Header = string(f.Data)
		case "body":
			g.Body = string(f.Data)
		}
	}
	g.resolve(t)
	return g, ar
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	return files
}

func TestGolden(t *testing.T) {
	for _, file := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			g, ar := readGolden(t, file)
			s, err := Build(g.kernel, g.inputs, g.outputs, g.template)
			if err != nil {
				t.Fatal(err)
			}
			want := ""
			for _, f := range ar.Files {
				if f.Name == "msl" {
					want = string(f.Data)
				}
			}
			if diff := cmp.Diff(want, s.MSL(g.kernel)); diff != "" {
				t.Errorf("generated text (-MLX +ours):\n%s", diff)
			}
		})
	}
}

// mlxTexts returns what the installed MLX prints for cases.
func mlxTexts(t *testing.T, cases []*golden) []string {
	t.Helper()
	python := os.Getenv("ZMLX_PYTHON")
	if python == "" {
		t.Skip("ZMLX_PYTHON is not set: the installed MLX is not asked for its generated text")
	}
	if err := exec.Command(python, "-c", "import mlx.core").Run(); err != nil {
		t.Skipf("%s has no mlx package: %v", python, err)
	}
	for _, c := range cases { // JSON null is no list
		if c.Inputs == nil {
			c.Inputs = [][3]any{}
		}
		if c.Template == nil {
			c.Template = [][2]any{}
		}
	}
	in, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/generated.py")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.Bytes())
	}
	var texts []string
	if err := json.Unmarshal(out, &texts); err != nil {
		t.Fatal(err)
	}
	return texts
}

// closesEarly reports whether MLX generates broken text for a signature, as
// Signature.MSL documents.
func closesEarly(s *Signature) bool {
	outputs, shapes := 0, 0
	for _, p := range s.Params {
		switch p.Kind {
		case OutputBuffer:
			outputs++
		case InputShape, InputStrides, InputNDim:
			shapes++
		}
	}
	return len(s.Attributes) == 0 && outputs > 1 && shapes > 0
}

// TestAgainstMLX compares the golden cases and random ones with what the
// installed MLX prints.
func TestAgainstMLX(t *testing.T) {
	var cases []*golden
	for _, file := range goldenFiles(t) {
		g, _ := readGolden(t, file)
		cases = append(cases, g)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		g := randomCase(rng)
		g.resolve(t)
		cases = append(cases, g)
	}
	compared := 0
	for i, want := range mlxTexts(t, cases) {
		g := cases[i]
		s, err := Build(g.kernel, g.inputs, g.outputs, g.template)
		if err != nil {
			t.Fatalf("%+v: %v", g, err)
		}
		if closesEarly(s) {
			continue
		}
		compared++
		if diff := cmp.Diff(want, s.Verbose(g.kernel)); diff != "" {
			t.Errorf("case %d (-MLX +ours):\n%s", i, diff)
		}
	}
	if compared < 150 {
		t.Errorf("only %d texts could be compared", compared)
	}
}

// randomCase returns a kernel with up to five inputs of random shapes, up to
// three outputs, and a body that mentions random parameters.
func randomCase(rng *rand.Rand) *golden {
	dtypes := []string{"bool", "uint8", "int16", "uint32", "int64", "float16", "bfloat16", "float32", "complex64"}
	pick := func() string { return dtypes[rng.IntN(len(dtypes))] }
	g := &golden{Name: fmt.Sprintf("random_%d", rng.IntN(1000)), Atomic: rng.IntN(4) == 0, Header: "// a header\n"}
	for i := range rng.IntN(6) {
		shape := []any{}
		for range rng.IntN(4) {
			shape = append(shape, float64(rng.IntN(5)))
		}
		name := fmt.Sprintf("in%d", i)
		g.Inputs = append(g.Inputs, [3]any{name, pick(), shape})
		for _, suffix := range []string{"_shape", "_strides", "_ndim"} {
			if rng.IntN(4) == 0 {
				g.Body += "// " + name + suffix + "\n"
			}
		}
	}
	for i := range 1 + rng.IntN(3) {
		g.Outputs = append(g.Outputs, [2]any{fmt.Sprintf("out%d", i), pick()})
	}
	for i, n := 0, rng.IntN(4); i < n; i++ {
		values := []any{pick(), float64(rng.IntN(200) - 100), rng.IntN(2) == 0}
		g.Template = append(g.Template, [2]any{fmt.Sprintf("T%d", i), values[rng.IntN(3)]})
	}
	for _, a := range attributes {
		if rng.IntN(6) == 0 {
			g.Body += a.Name + ";\n"
		}
	}
	return g
}
