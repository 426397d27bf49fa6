package signature

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/source"
)

// lint returns each warning as "code line:column text", the text being what
// the warning's span covers.
func lint(t *testing.T, k Kernel, c LintCall, inputs []Input, template []TemplateArg) []string {
	t.Helper()
	s, err := Build(k, inputs, c.Outputs, template)
	if err != nil {
		t.Fatal(err)
	}
	set := &source.Set{}
	c.Kernel, c.Signature = k, s
	c.Header, c.Body = set.Add("header", k.Header), set.Add("body", k.Source)
	got := []string{}
	for _, d := range Lint(c) {
		if d.Severity != source.Warning || d.Msg == "" || d.Hint == "" {
			t.Errorf("incomplete warning %+v", d)
		}
		where := ""
		if d.Span.Valid() {
			p, f := set.Position(d.Span.Pos), set.File(d.Span.Pos)
			where = fmt.Sprintf(" %s:%d:%d %s", p.File, p.Line, p.Column, f.Text[d.Span.Pos-f.Base():d.Span.End-f.Base()])
		}
		got = append(got, string(d.Code)+where)
	}
	return got
}

// Each case is a text with the trap and the warnings it must give; texts
// without a trap must give none.
func TestLint(t *testing.T) {
	small, large := Input{dtype.Float32, []int{4}}, Input{dtype.Float32, []int{64}}
	many := strings.Fields("a b c d e f g h")
	for _, c := range []struct {
		name     string
		body     string
		header   string
		inputs   []Input
		outputs  []dtype.DType
		atomic   bool
		template []TemplateArg
		grid     [3]int
		group    [3]int
		init     float64
		want     []string
	}{
		{name: "device pointer to a small input", body: "const device float* p = a + 1;\nout0[0] = p[0];", inputs: []Input{small},
			want: []string{"LintConstantSpace body:1:25 a"}},
		{name: "device pointer to a large input", body: "const device float* p = a + 1;\nout0[0] = p[0];", inputs: []Input{large}},
		{name: "auto pointer to a small input", body: "auto p = a + 1;\nout0[0] = p[0];", inputs: []Input{small}},
		{name: "device pointer to an output", body: "device float* p = out0; out0[0] = a[0];", inputs: []Input{small}},
		{name: "cast of a small input", body: "float4 v = ((const device float4*)a)[0];", inputs: []Input{small},
			want: []string{"LintConstantSpace body:1:35 a"}},
		{name: "reinterpret_cast of a small input", body: "auto v = reinterpret_cast<const device float4*>(a)[0];", inputs: []Input{small},
			want: []string{"LintConstantSpace body:1:49 a"}},
		{name: "helper with a device pointer", header: "float first(const device float* p) { return p[0]; }\n", body: "out0[0] = first(a);", inputs: []Input{small},
			want: []string{"LintConstantSpace body:1:17 a"}},
		{name: "helper called with an element", header: "float first(const device float* p, float v) { return p[0]; }\n", body: "out0[0] = first(b, a[0]);", inputs: []Input{small, large}},
		{name: "helper over any pointer", header: "template <typename P> float first(P p) { return p[0]; }\n", body: "out0[0] = first(a);", inputs: []Input{small}},
		{name: "in a comment", body: "// const device float* p = a;\nout0[0] = a[0];", inputs: []Input{small}},

		{name: "local named as an attribute", body: "uint n = 4;\nuint grid_size = n;\nout0[0] = grid_size;", want: []string{"LintAttributeName body:2:6 grid_size"}},
		{name: "pointer named as an attribute", body: "uint n = 4;\nthread uint* grid_origin = &n;", want: []string{"LintAttributeName body:2:14 grid_origin"}},
		{name: "attribute used", body: "uint i = 2 * threads_per_grid.x; out0[0] = i * thread_index_in_threadgroup; if (i > 1) return; out0[1] = grid_size.x"},
		{name: "attribute after a product", body: "uint i = 2; uint j = i * thread_index_in_simdgroup;"},
		{name: "longer name", body: "uint my_grid_size = 4;"},

		{name: "attribute in the header", header: "uint lane() { return thread_index_in_simdgroup; }\n", want: []string{"LintAttributeInHeader header:1:22 thread_index_in_simdgroup"}},
		{name: "attribute as a header parameter", header: "uint twice(uint thread_index_in_simdgroup) { return 2 * thread_index_in_simdgroup; }\n"},

		{name: "negative template", body: "out0[0] = N;", template: []TemplateArg{{Name: "N", Kind: IntArg, Int: -1}}, want: []string{"LintNegativeTemplate body:1:11 N"}},
		{name: "positive template", body: "out0[0] = N;", template: []TemplateArg{{Name: "N", Kind: IntArg, Int: 1}}},
		{name: "template in #if", body: "#if (D % 4) == 0\nout0[0] = 1;\n#endif", template: []TemplateArg{{Name: "D", Kind: IntArg, Int: 8}},
			want: []string{"LintTemplateInPreprocessor body:1:6 D"}},
		{name: "macro of the same name", body: "#define D 4\n#if D\nout0[0] = 1;\n#endif", template: []TemplateArg{{Name: "D", Kind: IntArg, Int: 8}}},
		{name: "template after #if", body: "#if 1\nout0[0] = D;\n#endif", template: []TemplateArg{{Name: "D", Kind: IntArg, Int: 8}}},

		{name: "many buffers", body: "// " + strings.Join(many, "_shape ") + "_shape " + strings.Join(many, "_strides ") + "_strides " + strings.Join(many, "_ndim ") + "_ndim",
			inputs: []Input{large, large, large, large, large, large, large, large}, want: []string{"LintBufferSlots"}},

		{name: "parameter list", body: "out0[0] = a_ndim;", inputs: []Input{large}, outputs: []dtype.DType{dtype.Int32, dtype.Int32}, want: []string{"LintParameterList body:1:11 a_ndim"}},
		{name: "parameter list with an attribute", body: "out0[thread_position_in_grid.x] = a_ndim;", inputs: []Input{large}, outputs: []dtype.DType{dtype.Int32, dtype.Int32}},

		{name: "large group", body: "out0[0] = 1;", grid: [3]int{4096, 1, 1}, group: [3]int{64, 32, 1}, want: []string{"LintThreadgroupSize"}},
		{name: "partial group with a barrier", body: "threadgroup_barrier(mem_flags::mem_threadgroup);", grid: [3]int{100, 1, 1}, group: [3]int{32, 1, 1},
			want: []string{"LintPartialGroup body:1:1 threadgroup_barrier"}},
		{name: "partial group that knows its size", body: "uint n = threads_per_threadgroup.x; threadgroup_barrier(mem_flags::mem_threadgroup);", grid: [3]int{100, 1, 1}, group: [3]int{32, 1, 1}},
		{name: "whole groups with a barrier", body: "threadgroup_barrier(mem_flags::mem_threadgroup);", grid: [3]int{96, 1, 1}, group: [3]int{32, 1, 1}},
		{name: "one cut group", body: "threadgroup_barrier(mem_flags::mem_threadgroup);", grid: [3]int{20, 1, 1}, group: [3]int{32, 1, 1}},
		{name: "partial group without a barrier", body: "out0[0] = 1;", grid: [3]int{100, 1, 1}, group: [3]int{32, 1, 1}},

		{name: "half atomics", body: "out0[0];", outputs: []dtype.DType{dtype.Float16}, atomic: true, want: []string{"LintAtomicType body:1:1 out0"}},
		{name: "float atomics", body: "out0[0];", outputs: []dtype.DType{dtype.Float32, dtype.Uint32, dtype.Int32}, atomic: true},
		{name: "float64", body: "out0[0] = 1;", outputs: []dtype.DType{dtype.Float64}, want: []string{"LintFloat64"}},
		{name: "init value", body: "out0[0] = 1;", outputs: []dtype.DType{dtype.Int64}, init: 1<<24 + 1, want: []string{"LintInitValue"}},
		{name: "small init value", body: "out0[0] = 1;", outputs: []dtype.DType{dtype.Int64}, init: 1 << 24},
		{name: "mem_none", body: "threadgroup float s[32];\ns[0] = 1;\nthreadgroup_barrier(mem_flags::mem_none);", want: []string{"LintBarrierFlags body:3:1 threadgroup_barrier(mem_flags::mem_none)"}},
		{name: "mem_none without memory", body: "threadgroup_barrier(mem_flags::mem_none);"},

		{name: "not ASCII", body: "float α = 1;\nout0[0] = α;", want: []string{"LintNonASCII body:1:7 \xce"}},
		{name: "not ASCII in comments", header: "/* 2 × 3 */\n", body: "out0[0] = 1; // α — β"},
		{name: "header end", header: "int f(); // twice", body: "out0[0] = 1;", want: []string{"LintHeaderEnd header:1:1 int f(); // twice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := Kernel{Name: "k", Source: c.body, Header: c.header, AtomicOutputs: c.atomic, InputNames: many[:len(c.inputs)]}
			call := LintCall{Grid: [3]int{1, 1, 1}, Group: [3]int{1, 1, 1}, Outputs: c.outputs}
			if c.outputs == nil {
				call.Outputs = []dtype.DType{dtype.Float32}
			}
			for i := range call.Outputs {
				k.OutputNames = append(k.OutputNames, fmt.Sprintf("out%d", i))
			}
			if c.grid != [3]int{} {
				call.Grid, call.Group = c.grid, c.group
			}
			if c.init != 0 {
				call.InitValue = &c.init
			}
			want := c.want
			if want == nil {
				want = []string{}
			}
			if diff := cmp.Diff(want, lint(t, k, call, c.inputs, c.template)); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

// A lint without files has no positions and does not fail.
func TestLintWithoutFiles(t *testing.T) {
	k := simple()
	k.Source = "uint grid_size = 1; /* never closed"
	s, err := Build(k, floats, []dtype.DType{dtype.Float32}, nil)
	if err != nil {
		t.Fatal(err)
	}
	diags := Lint(LintCall{Kernel: k, Signature: s, Outputs: []dtype.DType{dtype.Float32}})
	if len(diags) != 1 || diags[0].Code != LintAttributeName || diags[0].Span.Valid() {
		t.Errorf("got %+v", diags)
	}
}

// Every code must be explained, and every explained code must exist.
func TestLintDocumented(t *testing.T) {
	code, err := os.ReadFile("lint.go")
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern string, text []byte) string {
		var b strings.Builder
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
			fmt.Fprintf(&b, "%s\n", m[1])
		}
		return b.String()
	}
	if diff := cmp.Diff(names(`(?m)^\t(Lint\w+)\s+source\.Code = `, code), names("(?m)^\\| `(Lint\\w+)`", docs)); diff != "" {
		t.Errorf("codes (-lint.go +lint.md), in this order:\n%s", diff)
	}
}

func FuzzLint(f *testing.F) {
	f.Add("const device float* p = x; // c\n", "int f() { return grid_size; }")
	f.Add("\"'/*", "'\\")
	f.Fuzz(func(t *testing.T, body, header string) {
		k := simple()
		k.Source, k.Header = body, header
		s, err := Build(k, []Input{{dtype.Float32, []int{2}}, {dtype.Float32, nil}}, []dtype.DType{dtype.Float32}, []TemplateArg{{Name: "N", Kind: IntArg, Int: -1}})
		if err != nil {
			return
		}
		if len(blank(body)) != len(body) {
			t.Fatalf("blanking changed the length of %q", body)
		}
		set := &source.Set{}
		call := LintCall{Kernel: k, Signature: s, Outputs: []dtype.DType{dtype.Float32}, Grid: [3]int{5, 1, 1}, Group: [3]int{2, 1, 1}}
		call.Header, call.Body = set.Add("header", header), set.Add("body", body)
		for _, d := range Lint(call) {
			_ = set.Format(d)
		}
	})
}
