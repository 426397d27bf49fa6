package zmlxtest_test

// This file implements tests of the checks of derivatives, by applying them to
// operations whose derivatives are right and to some that are not.

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

var functions = strings.Fields(`abs sign square sqrt rsqrt recip exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan
	sinh cosh tanh asinh acosh atanh erf erfinv sigmoid softplus silu gelu gelu_tanh floor ceil round trunc relu saturate
	sinpi cospi tanpi fract exp10`)

var reductions = strings.Fields("sum mean prod max min var logsumexp softmax")

// checkOp checks definitions beside other tests: compilers take their time.
func checkOp(t *testing.T, definitions ...string) {
	t.Parallel()
	for _, d := range definitions {
		zmlxtest.CheckOp(t, zmlx.MustDefine(d))
	}
}

func TestCheckOpElementwise(t *testing.T) {
	for _, f := range functions {
		t.Run(f, func(t *testing.T) { checkOp(t, "f(x) = "+f+"(x)") })
	}
	for _, e := range []string{
		"a + b", "a - b", "a * b", "a / b", "a % b", "min(a, b)", "max(a, b)", "pow(a, b)", "atan2(a, b)", "copysign(a, b)",
		"logaddexp(a, b)", "a > b ? a : b", "fdim(a, b)", "step(a, b) * a",
	} {
		t.Run(e, func(t *testing.T) { checkOp(t, "f(a, b) = "+e) })
	}
	for _, e := range []string{"clamp(a, b, c)", "mix(a, b, c)", "fma(a, b, c)", "smoothstep(b, c, a)", "median3(a, b, c)", "a > b ? b : c"} {
		t.Run(e, func(t *testing.T) { checkOp(t, "f(a, b, c) = "+e) })
	}
}

func TestCheckOpReductions(t *testing.T) {
	for _, f := range reductions {
		t.Run(f, func(t *testing.T) {
			checkOp(t, "f(x) = "+f+"(x)", "f(x, w) = "+f+"(x * w) * w")
		})
	}
}

// compositions are definitions as models have them, some in forms that break
// where they are computed as they are written.
var compositions = []string{
	"mish(x) = x * tanh(softplus(x))",
	"mish2(x) = x * tanh(log(1 + exp(x)))",
	"swish(x; beta=1.3) = x / (1 + exp(-beta * x))",
	"naive_softplus(x) = log(1 + exp(x))",
	"naive_sigmoid(x) = 1 / (1 + exp(-x))",
	"magnitude(x) = sqrt(x * x)",
	"swiglu(x, y) = silu(x) * y",
	"geglu(x, y) = gelu(x) * y",
	"elu(x; a=0.7) = x > 0 ? x : a * expm1(x)",
	"selu(x) = 1.0507 * (x > 0 ? x : 1.67326 * expm1(x))",
	"leaky(x; a=0.01) = x > 0 ? x : a * x",
	"hardswish(x) = x * clamp(x / 6 + 0.5, 0, 1)",
	"huber(x, y; d=1.0) { e = abs(x - y); return e < d ? 0.5 * e * e : d * (e - 0.5 * d) }",
	"bce(x, y) = softplus(x) - x * y",
	"rmsnorm(x, w; eps=1e-5) = x * rsqrt(mean(x * x) + eps) * w",
	"layernorm(x, w, b; eps=1e-5) = (x - mean(x)) * rsqrt(var(x) + eps) * w + b",
	"log_softmax(x) = log(softmax(x))",
	"naive_log_softmax(x) = x - log(sum(exp(x)))",
	"stable_softmax(x) { e = exp(x - max(x)); return e / sum(e) }",
	"stable_lse(x) = max(x) + log(sum(exp(x - max(x))))",
	"kl(x, y) = sum(softmax(x) * (log(softmax(x)) - log(softmax(y))))",
	"cosine(x, y) = sum(x * y) * rsqrt(sum(x * x) * sum(y * y) + 1e-6)",
	"cross_entropy(x, y) = logsumexp(x) - sum(x * stop(y > 0.5 ? 1.0 : 0.0))",
	"entropy(x) { p = softmax(x); return -sum(p * log(p + 1e-9)) }",
	"by_row(x, s[1]) = x * s + sum(x) * s",
	"residual(x, r, w; eps=1e-4) -> normed, h { h = x + r; return h * rsqrt(mean(h * h) + eps) * w, h }",
	"position(x) = x * index() / size()",
}

func TestCheckOpCompositions(t *testing.T) {
	for _, d := range compositions {
		name, _, _ := strings.Cut(d, "(")
		t.Run(name, func(t *testing.T) { checkOp(t, d) })
	}
}

// Derivatives of derivatives are ops, and checked in the same way.
func TestCheckOpSecondDerivatives(t *testing.T) {
	for _, d := range []string{
		"f(x) = tanh(x)", "f(x) = gelu(x)", "f(x) = silu(x)", "f(x) = softplus(x)", "f(x, y) = x / (1 + y * y)",
		"f(x) = logsumexp(x)", "f(x) = softmax(x)", "f(x) = var(x)", "f(x, w; eps=1e-2) = x * rsqrt(mean(x * x) + eps) * w",
	} {
		t.Run(d, func(t *testing.T) {
			t.Parallel()
			zmlxtest.CheckOp(t, zmlx.MustDefine(d).VJP())
		})
	}
}

// failures notes failures instead of failing.
type failures struct {
	testing.TB
	messages []string
}

func (r *failures) Helper() {}
func (r *failures) Errorf(format string, args ...any) {
	r.messages = append(r.messages, strings.TrimSpace(format))
}
func (r *failures) Error(args ...any) { r.messages = append(r.messages, args[0].(error).Error()) }

func hand(t *testing.T, op, vjp, jvp string) *zmlx.Op {
	t.Helper()
	o := zmlx.MustDefine(op)
	var err error
	if vjp != "" {
		if o, err = o.WithVJP(zmlx.MustDefine(vjp)); err != nil {
			t.Fatal(err)
		}
	}
	if jvp != "" {
		if o, err = o.WithJVP(zmlx.MustDefine(jvp)); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestChecksFindWrongDerivatives(t *testing.T) {
	for _, c := range []struct {
		name, op, vjp, jvp string
		wrong              bool
	}{
		{"right by hand", "f(x) = x * x", "g(x, d) = 2 * x * d", "h(x, t) = 2 * x * t", false},
		{"factor", "f(x) = x * x", "g(x, d) = 2.001 * x * d", "h(x, t) = 2.001 * x * t", true},
		{"only at 0", "f(x) = x * x", "g(x, d) = x == 0 ? d : 2 * x * d", "", true},
		{"only large", "f(x) = tanh(x)", "g(x, d) = abs(x) > 700 ? d : (1 - square(tanh(x))) * d", "", true},
		{"NaN", "f(x) = softplus(x)", "g(x, d) { e = exp(x); return d * (e / (1 + stop(e))) }", "", true},
		{"forward alone", "f(x) = x * x", "", "h(x, t) = 2.5 * x * t", true},
		{"one of two", "f(x, y) = x * y", "g(x, y, d) -> a, b { _ = x; return d * y, d }", "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &failures{TB: t}
			op := hand(t, c.op, c.vjp, c.jvp)
			if zmlxtest.CheckOp(r, op) == c.wrong || c.wrong != (len(r.messages) > 0) {
				t.Errorf("CheckOp: wrong is %v, messages are %q", c.wrong, r.messages)
			}
		})
	}
	r := &failures{TB: t}
	f := func(args ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{args[0].Mul(args[0].StopGradient())}
	}
	if zmlxtest.CheckGrad(r, f, zmlx.FromSlice([]float32{1, 2})) || len(r.messages) != 1 || !strings.Contains(r.messages[0], "differences say") {
		t.Errorf("messages are %q", r.messages)
	}
	if err := (zmlxtest.GradOptions{}).Check(func(args ...*zmlx.Array) []*zmlx.Array { return []*zmlx.Array{args[0].Log()} }, zmlx.FromSlice([]float32{-1})); err == nil || !strings.Contains(err.Error(), "finite") {
		t.Errorf("error is %v", err)
	}
}

// In float32 differences say less, but enough for kernels.
func TestCheckGradFloat32(t *testing.T) {
	k := zmlx.MustCompile(zmlx.Kernel{Name: "cube", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[i] = x[i] * x[i] * x[i];"})
	l := zmlx.Launch{}
	right := k.WithVJP(func(_ zmlx.Launch, in, _, ct []*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{in[0].Square().MulScalar(3).Mul(ct[0])}
	})
	wrong := k.WithVJP(func(_ zmlx.Launch, in, _, ct []*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{in[0].Square().MulScalar(2.9).Mul(ct[0])}
	})
	o := zmlxtest.GradOptions{DType: zmlx.Float32, ReverseOnly: true}
	x := zmlx.RandomNormal(zmlx.NewKey(1), zmlx.Float32, 3, 5)
	call := func(k *zmlx.MetalKernel) zmlx.Func {
		return func(args ...*zmlx.Array) []*zmlx.Array { return k.Call(l, args...) }
	}
	zmlxtest.CheckGradWith(t, o, call(right), x)
	if o.Check(call(wrong), x) == nil {
		t.Error("a wrong derivative was not found")
	}
}
