package parse

import (
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

var fuzzConfig = Config{Types: []string{"T"}, Values: append([]string{"x", "out", "N"}, attributes...)}

func seed(f *testing.F) {
	f.Add("", benchBody)
	for _, text := range errorTests {
		f.Add("", text)
		f.Add(text, "x = 1;")
	}
	f.Add("#define F(x, ...) x ## __VA_ARGS__ #x\n", "F(F(1), 2) F(a, b)(c)\n#if N\n#else\n#endif")
	f.Add("template <typename T, int N> T f(T x) { return x; } struct S { S(int); operator int(); };", "f<f<int, 3>, 4 >> 2>(S{1});")
	f.Add("namespace a { struct S { struct In { }; }; } enum class E { A };", "a::S::In x; E::A; auto l = [&](int a) -> S { };")
}

// No text makes the parser panic, hang or report without end; findings lie in
// the text.
func FuzzParse(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, header, body string) {
		tr, errs := parseText(header, body, fuzzConfig)
		if len(errs.Diags) > 10*maxErrors+len(body)+len(header) {
			t.Errorf("%d findings", len(errs.Diags))
		}
		end := source.Pos(len(header) + len(body) + 3)
		for _, d := range errs.Diags {
			if !d.Span.Valid() || d.Span.End < d.Span.Pos || d.Span.End > end {
				t.Errorf("finding %q has span %v of %d", d.Msg, d.Span, end)
			}
			errs.Set.Format(d)
		}
		if tr.Body == nil {
			t.Error("no body")
		}
		Print(tr)
	})
}

// A tree's text parses to a tree with the same text.
func FuzzRoundTrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, header, body string) {
		tr, errs := parseText(header, body, fuzzConfig)
		if len(errs.Diags) > 0 {
			return
		}
		roundTrip(t, tr, fuzzConfig)
	})
}

func roundTrip(t *testing.T, tr *Tree, cfg Config) {
	t.Helper()
	header, body := PrintDecls(tr.Decls), PrintStmts(tr.Body.Stmts)
	again, errs := parseText(header, body, cfg)
	if errs.Errors() > 0 {
		t.Errorf("printed text does not parse:\n%s\nheader:\n%s\nbody:\n%s", errs.Error(), header, body)
		return
	}
	if h := PrintDecls(again.Decls); h != header {
		t.Errorf("header printed again differs:\n%s\n--- first:\n%s", h, header)
	}
	if b := PrintStmts(again.Body.Stmts); b != body {
		t.Errorf("body printed again differs:\n%s\n--- first:\n%s", b, body)
	}
}

// benchBody is a kernel of 100 lines.
var benchBody = func() string {
	text := `
// softmax over rows, one simdgroup for each
constexpr int M = 4;
constexpr int BLOCK = M * 32;
#define LOG2E 1.44269504f
#define SQUARE(x) ((x) * (x))
threadgroup float partial[32];
uint row = threadgroup_position_in_grid.y;
uint lane = thread_index_in_simdgroup;
uint group = simdgroup_index_in_threadgroup;
if (row >= N) return;
const device T* in = x + row * x_shape[1];
float values[M];
float top = -INFINITY;
`
	for range 5 {
		text += `
for (int i = lane * M; i < x_shape[1]; i += BLOCK) {
    for (int j = 0; j < M; ++j) {
        int k = i + j; // index in the row
        values[j] = (k < x_shape[1]) ? static_cast<float>(in[k]) : -INFINITY;
        top = metal::max(top, values[j]);
    }
    if (values[0] > 0.0f && (i & 3) == 0 || values[1] < 1e-5f) {
        partial[lane] = metal::fast::exp(values[0] * LOG2E) + SQUARE(values[1] - 2.0f);
    }
}
top = simd_max(top);
threadgroup_barrier(mem_flags::mem_threadgroup);
float4 v = *(const device float4*)(in + 4 * lane);
out[row * 4 + (lane >> 2)] = (T)(v.x + v.y * (float)group - v.zw.x);
`
	}
	return text
}()

func BenchmarkKernel(b *testing.B) {
	cfg := Config{Types: []string{"T"}, Values: append([]string{"x", "x_shape", "out", "N"}, attributes...)}
	if _, errs := parseText("", benchBody, cfg); errs.Errors() > 0 {
		b.Fatal(errs.Error())
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(benchBody)))
	for b.Loop() {
		parseText("", benchBody, cfg)
	}
}
