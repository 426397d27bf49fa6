package classic_test

import (
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// Faults are shown in the user's own strings.
func TestErrors(t *testing.T) {
	none := classic.Options{}
	for _, c := range []struct {
		make func() (*classic.Op, error)
		want string // a line of the error
	}{
		{func() (*classic.Op, error) { return classic.Unary("f", "x * tanh(softplux(x))", none) }, "f (expr):1:10: no function softplux [UndeclaredFunction]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "x * (x + 1", none) }, "f (expr):1:5: '(' is not closed [MissingBracket]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "(x]", none) }, "f (expr):1:3: ']' meets '(' [MissingBracket]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "x * 2) + (3", none) }, "f (expr):1:6: ')' closes no bracket [MissingBracket]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "x /* x", none) }, "f (expr):1:3: this comment does not end [BadComment]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "x +", none) }, "f (expr):1:4: found ')', expected an expression [BadSyntax]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "T t = x; t", none) }, "f (expr):1:8: an expression has no statements [BadSyntax]"},
		{func() (*classic.Op, error) { return classic.Unary("f", " // x", none) }, "f (expr):1:1: the expression is empty [BadSyntax]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "", none) }, "f (expr):1:1: the expression is empty [BadSyntax]"},
		{func() (*classic.Op, error) { return classic.Unary("f", "float2(x)", none) }, "f (expr):1:1: float2 cannot be converted to float [InvalidCast]"},
		{func() (*classic.Op, error) {
			return classic.Unary("f", "g(x)", classic.Options{Header: "float g(float x) { return y; }"})
		}, "f (header):1:27: no variable y in this kernel [UndeclaredName]"},
		{func() (*classic.Op, error) {
			return classic.Unary("f", "t", classic.Options{Prelude: "T t = x; // t\nT u = tt;"})
		}, "f (prelude):2:7: no variable tt in this kernel; did you mean t? [UndeclaredName]"},
		{func() (*classic.Op, error) { return classic.Binary("f", "a + // and\n  b * cc", none) }, "f (expr):2:7: no variable cc in this kernel [UndeclaredName]"},
		{func() (*classic.Op, error) { return classic.UnaryFromExpr("f", "x * x", "2 * x * gg", none) }, "f (vjp):1:9: no variable gg in this kernel; did you mean g? [UndeclaredName]"},
		{func() (*classic.Op, error) { return classic.BinaryFromExpr("f", "a * b", "g * b", "g * c", none) }, "f (vjp of b):1:5: no variable c in this kernel [UndeclaredName]"},
		{func() (*classic.Op, error) { return classic.BinaryFromExpr("f", "a * b", "g * b", "", none) }, "f: the derivative by b is missing"},
		{func() (*classic.Op, error) {
			return classic.NAryFromExpr("f", []string{"p"}, "p", []string{"g", "g"}, none)
		}, "f: 2 derivatives for 1 inputs"},
		{func() (*classic.Op, error) {
			return classic.UnaryFromExpr("f", "kk_silu(x) *\n T(1) * softplux(x)", "", none)
		}, "f (expr):2:9: definitions have no function 'softplux' [UndeclaredFunction]"},
		{func() (*classic.Op, error) { return classic.UnaryFromExpr("f", "kk_silux(x)", "", none) }, "f (expr):1:1: definitions have no function 'kk_silux' [UndeclaredFunction]"},
		{func() (*classic.Op, error) {
			return classic.UnaryFromExpr("f", "x", "", classic.Options{Header: "int i;"})
		}, "f: derivatives can only be derived from an expression alone"},
		{func() (*classic.Op, error) {
			return classic.Reduce("f", classic.Reduction{Init: "0", Update: "acc + xx", Combine: "a + b"}, none)
		}, "f (update):1:7: no variable xx in this kernel; did you mean x? [UndeclaredName]"},
		{func() (*classic.Op, error) {
			return classic.Reduce("f", classic.Reduction{Init: "0", Update: "acc + x", Combine: "a + x"}, none)
		}, "f (combine):1:5: no variable x in this kernel [UndeclaredName]"},
		{func() (*classic.Op, error) { return classic.Reduce("f", classic.Reduction{Update: "acc + x"}, none) }, "f (init):1:1: the expression is empty [BadSyntax]"},
		{func() (*classic.Op, error) { return classic.Reduce("f", sumOf, classic.Options{Prelude: "T t;"}) }, "f: a prelude is of elementwise ops"},
		{func() (*classic.Op, error) {
			return classic.MapReduce("f", classic.Rowwise{Pass1: sumOf, Write: "x / s2"}, none)
		}, "f (write):1:5: no variable s2 in this kernel; did you mean s1? [UndeclaredName]"},
		{func() (*classic.Op, error) {
			return classic.MapReduce("f", classic.Rowwise{Pass1: sumOf, Pass2: classic.Reduction{Init: "0", Update: "acc2 + s3", Combine: "a + b"}, Write: "x"}, none)
		}, "f (pass2 update):1:8: no variable s3 in this kernel; did you mean s1? [UndeclaredName]"},
		{func() (*classic.Op, error) {
			return classic.MapReduce("f", classic.Rowwise{Pass1: classic.Reduction{Init: "0", Update: "x", Combine: "a", Final: "s"}, Write: "x"}, none)
		}, "f: its passes have no Final"},
		{func() (*classic.Op, error) { return classic.Map("f", []string{"p", "elem"}, "p", none) }, "f: the name elem has a meaning in generated text"},
		{func() (*classic.Op, error) { return classic.Map("f", []string{"p", "p"}, "p", none) }, "f: the name p is given twice"},
		{func() (*classic.Op, error) { return classic.Map("f", nil, "1", none) }, "f: an elementwise op has at least one input"},
		{func() (*classic.Op, error) { return classic.Map("f", []string{"p q"}, "p", none) }, `"p q_in" is not a name`},
		{func() (*classic.Op, error) { return classic.Unary("f g", "x", none) }, `kernel name "f g"`},
		{func() (*classic.Op, error) { return classic.Unary("f", "x", classic.Options{Threadgroup: 1025}) }, "f: a threadgroup has 1 to 1024 threads, not 1025"},
		{func() (*classic.Op, error) {
			return classic.NAryFromSource(classic.NAry{Name: "f", Inputs: []string{"x"}, Outputs: []string{"y"}, Forward: "uint i = 0;\ny[i] = O(xs[i]);"}, none)
		}, "f (forward):2:10: no variable xs in this kernel; did you mean x? [UndeclaredName]"},
		{func() (*classic.Op, error) {
			return classic.NAryFromSource(classic.NAry{Name: "f", Forward: "out[0] = 1;"}, none)
		}, "f: an op of kernel bodies has inputs and outputs"},
	} {
		o, err := c.make()
		if err == nil {
			t.Errorf("no error, want %q", c.want)
			continue
		}
		if o != nil {
			t.Errorf("%v: an op comes with the error", err)
		}
		found := false
		for line := range strings.Lines(err.Error()) {
			found = found || strings.HasPrefix(line, c.want) || strings.Contains(line, c.want) && !strings.Contains(c.want, ":1:")
		}
		if !found {
			t.Errorf("got\n%v\nwant %q", err, c.want)
		}
	}
}

// An error of a call names the line of the call, too.
func TestErrorOfCall(t *testing.T) {
	o := classic.Must(classic.Unary("f", "x >> 1", classic.Options{}))
	err := o.Call(zmlx.Ones(zmlx.Float32, 3)).Err()
	want := `
f (expr):1:1: operator >> does not take float and int [InvalidOperand]
   1 | x >> 1
     | ^~~~~~
  T is float32, O is float32`
	if err == nil || !strings.HasPrefix(err.Error(), "f does not compile (errors_test.go:") || !strings.HasSuffix(err.Error(), ")"+want) {
		t.Errorf("got %v", err)
	}
	if e, ok := errors.AsType[*zmlx.CompileError](err); !ok || e.Diagnostics[0].File != "f (expr)" || e.Diagnostics[0].Column != 1 {
		t.Errorf("the error is %#v", err)
	}
	for _, f := range []func(o *classic.Op) *zmlx.Array{
		func(o *classic.Op) *zmlx.Array { return o.Call(zmlx.Ones(zmlx.Float32, 3), zmlx.Ones(zmlx.Float32, 4)) },
		func(o *classic.Op) *zmlx.Array { return o.Call(zmlx.Ones(zmlx.Float32, 3)) },
	} {
		for _, o := range []*classic.Op{
			classic.Must(classic.Binary("f", "a * b", classic.Options{})),
			classic.Must(classic.BinaryFromExpr("f", "a * b", "g * b", "g * a", classic.Options{})),
			classic.Must(classic.BinaryFromExpr("f", "a * b", "", "", classic.Options{})),
		} {
			if err := f(o).Err(); err == nil || !strings.Contains(err.Error(), "(errors_test.go:") {
				t.Errorf("got %v", err)
			}
		}
	}
	bad := zmlx.Ones(zmlx.Float32, 3).Reshape(2)
	if err := o.Call(bad).Err(); !errors.Is(err, bad.Err()) {
		t.Errorf("an input's error became %v", err)
	}
}

func TestMust(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "classic: f does not compile") {
			t.Errorf("recovered %v", r)
		}
	}()
	classic.Must(classic.Unary("f", "y", classic.Options{}))
}

var update = flag.Bool("update", false, "rewrite testdata")

// The text is what it was: equal strings give equal text.
func TestSources(t *testing.T) {
	norm := classic.Reduction{Init: "0", Update: "acc + x * x", Combine: "a + b", Final: "metal::sqrt(s / D)"}
	square := classic.Reduction{Init: "0", Update: "acc2 + (x - s1) * (x - s1)", Combine: "a + b"}
	inputs := map[string][]string{"binary": {"lhs", "rhs"}, "map": {"p_in", "q_in", "r_in"}}
	for name, body := range map[string]string{
		"unary":     classic.ElementwiseUnarySource("x * x // squared", "inp", "out"),
		"binary":    classic.ElementwiseBinarySource("a * b", "lhs", "rhs", "out"),
		"map":       classic.ElementwiseMapSource("p * q + r", []string{"p", "q", "r"}, "out"),
		"reduction": classic.RowwiseReductionSource(norm, "inp", "out"),
		"parallel":  classic.RowwiseParallelReductionSource(norm, "inp", "out"),
		"mapreduce": classic.RowwiseMapReduceSource(classic.Reduction{Init: "0", Update: "acc1 + x / D", Combine: "a + b"}, square, "(x - s1) * metal::rsqrt(s2 / D)", "inp", "out"),
	} {
		if inputs[name] == nil {
			inputs[name] = []string{"inp"}
		}
		file := filepath.Join("testdata", name+".metal")
		if *update {
			if err := os.WriteFile(file, []byte(body), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || body != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s %v", name, body, want, err)
		}
		// Every text compiles for every dtype.
		k := zmlx.MustCompile(zmlx.Kernel{Name: "k", InputNames: inputs[name], OutputNames: []string{"out"}, Source: body})
		for d := range floats {
			args := make([]*zmlx.Array, len(inputs[name]))
			for i := range args {
				args[i] = array(d, []float64{3, 1, 1, 3, 4, 2}, 2, 3)
			}
			l := zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "T", Value: zmlx.Float64}, {Name: "O", Value: d}}, Grid: [3]int{6, 1, 1}}
			want := map[string][]float64{
				"unary": {9, 1, 1, 9, 16, 4}, "binary": {9, 1, 1, 9, 16, 4}, "map": {12, 2, 2, 12, 20, 6},
				"reduction": {math.Sqrt(11. / 3), math.Sqrt(29. / 3)}, "parallel": {math.Sqrt(11. / 3), math.Sqrt(29. / 3)},
				"mapreduce": {math.Sqrt2, -math.Sqrt2 / 2, -math.Sqrt2 / 2, 0, math.Sqrt(1.5), -math.Sqrt(1.5)},
			}[name]
			if len(want) == 2 {
				l.OutputShapes = [][]int{{2}}
			}
			near(t, name, k.Call(l, args...)[0], want, max(floats[d], 1e-7))
		}
	}
}

// A checked run finds what strings do out of bounds.
func TestCheckFinds(t *testing.T) {
	o := classic.Must(classic.MapReduce("late", classic.Rowwise{Inputs: []string{"x", "w"}, Pass1: sumOf, Write: "x / s1 * w[j + 1]"}, classic.Options{}))
	reports, err := o.Check(t.Context(), zmlx.Ones(zmlx.Float32, 2, 40), zmlx.Ones(zmlx.Float32, 40))
	if err != nil || len(reports) != 1 || len(reports[0].Findings) != 1 || reports[0].Findings[0].Code != "OutOfBounds" || reports[0].Findings[0].Buffer != "w" {
		t.Errorf("%v %v", err, reports)
	}
	if _, err := o.Check(t.Context(), zmlx.Ones(zmlx.Float32, 2, 40)); err == nil {
		t.Error("a call with too few inputs was checked")
	}
	zmlxtest.Same(t, o.Kernel().Call(zmlx.Launch{
		Template: []zmlx.TemplateArg{{Name: "T", Value: zmlx.Float32}, {Name: "O", Value: zmlx.Float32}}, Threadgroup: [3]int{2, 1, 1},
	}, zmlx.Ones(zmlx.Float32, 2, 2), zmlx.Ones(zmlx.Float32, 8))[0], []float32{0.5, 0.5, 0.5, 0.5})
}
