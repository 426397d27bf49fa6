package deriv

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/internal/formula"
)

// f1 makes a formula of x (and w, and a row input r) from a function.
func f1(build func(g *formula.Graph, x, w, r *formula.Node) *formula.Node) *formula.Formula {
	g := formula.NewGraph()
	out := build(g, g.Input(0, false), g.Input(1, false), g.Input(2, true))
	return &formula.Formula{
		Name: "f", Graph: g, Inputs: []formula.In{{Name: "x"}, {Name: "w"}, {Name: "r", Row: true}},
		Outputs: []formula.Output{{Node: out}},
	}
}

type build = func(g *formula.Graph, x, w, r *formula.Node) *formula.Node

func un(op formula.Op) build {
	return func(g *formula.Graph, x, w, r *formula.Node) *formula.Node { return g.Of(op, x) }
}

func bin(op formula.Op) build {
	return func(g *formula.Graph, x, w, r *formula.Node) *formula.Node { return g.Of(op, x, w) }
}

var formulas = map[string]build{
	"add": bin(formula.Add), "sub": bin(formula.Sub), "mul": bin(formula.Mul), "div": bin(formula.Div), "rem": bin(formula.Rem),
	"min": bin(formula.Min), "max": bin(formula.Max), "pow": bin(formula.Pow), "atan2": bin(formula.Atan2), "logaddexp": bin(formula.LogAddExp),
	"copysign": bin(formula.CopySign),
	"neg":      un(formula.Neg), "abs": un(formula.Abs), "square": un(formula.Square), "sqrt": un(formula.Sqrt), "rsqrt": un(formula.Rsqrt),
	"exp": un(formula.Exp), "exp2": un(formula.Exp2), "expm1": un(formula.Expm1), "log": un(formula.Log), "log2": un(formula.Log2),
	"log10": un(formula.Log10), "log1p": un(formula.Log1p), "sin": un(formula.Sin), "cos": un(formula.Cos), "tan": un(formula.Tan),
	"asin": un(formula.Asin), "acos": un(formula.Acos), "atan": un(formula.Atan), "sinh": un(formula.Sinh), "cosh": un(formula.Cosh),
	"tanh": un(formula.Tanh), "asinh": un(formula.Asinh), "atanh": un(formula.Atanh),
	"acosh": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Of(formula.Acosh, g.Add(x, g.Float(1.5)))
	},
	"erf": un(formula.Erf), "erfinv": un(formula.Erfinv), "sigmoid": un(formula.Sigmoid), "softplus": un(formula.Softplus),
	"silu": un(formula.Silu), "gelu": un(formula.Gelu), "gelu_tanh": un(formula.GeluTanh),
	"sum": un(formula.Sum), "mean": un(formula.Mean), "var": un(formula.Var), "prod": un(formula.Prod), "maxof": un(formula.MaxOf),
	"minof": un(formula.MinOf), "logsumexp": un(formula.LogSumExp), "softmax": un(formula.Softmax),
	"select": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Select(g.Of(formula.Gt, x, g.Float(0.5)), g.Mul(x, w), g.Of(formula.Log, x))
	},
	"mish": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Mul(x, g.Of(formula.Tanh, g.Of(formula.Log, g.Add(g.Const(1), g.Of(formula.Exp, x)))))
	},
	"rmsnorm": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Mul(g.Mul(x, g.Of(formula.Rsqrt, g.Add(g.Of(formula.Mean, g.Mul(x, x)), g.Float(1e-3)))), w)
	},
	"layernorm": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		d := g.Sub(x, g.Of(formula.Mean, x))
		return g.Add(g.Mul(g.Mul(d, g.Of(formula.Rsqrt, g.Add(g.Of(formula.Var, x), g.Float(1e-3)))), w), r)
	},
	"logsoftmax": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		m := g.Of(formula.MaxOf, x)
		return g.Sub(g.Sub(x, m), g.Of(formula.Log, g.Sum(g.Of(formula.Exp, g.Sub(x, m)))))
	},
	"crossentropy": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		hit := g.Of(formula.Eq, g.Of(formula.Index), g.Const(2))
		return g.Sub(g.Of(formula.LogSumExp, x), g.Sum(g.Select(hit, g.Mul(x, w), g.Float(0))))
	},
	"rowinput": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Mul(g.Of(formula.Tanh, g.Mul(x, r)), g.Sum(g.Mul(w, r)))
	},
	"centred": func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
		return g.Of(formula.Sqrt, g.Add(g.Of(formula.Mean, g.Of(formula.Square, g.Sub(x, g.Of(formula.Mean, g.Mul(x, w))))), r))
	},
}

const size = 5

func sample(rng *rand.Rand) [][]float64 {
	row := func(n int) []float64 {
		v := make([]float64, n)
		for i := range v {
			v[i] = 0.1 + 0.8*rng.Float64()
		}
		return v
	}
	return [][]float64{row(size), row(size), row(1)}
}

func wide(v []float64, n int) []float64 {
	for len(v) < n {
		v = append(v, v[0])
	}
	return v
}

// TestDerivatives compares both directions, to second order, with central
// differences, and with each other.
func TestDerivatives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for name, b := range formulas {
		t.Run(name, func(t *testing.T) {
			f := f1(b)
			checkJVP(t, f, sample(rng), rng)
			checkTranspose(t, f, sample(rng), rng)
			d := VJP(f, []bool{true, false, false})
			if d.Outputs[0].Node.Op == formula.Const {
				return
			}
			in := sample(rng)
			for len(in) < len(d.Inputs) {
				n := size
				if d.Inputs[len(in)].Row {
					n = 1
				}
				in = append(in, sample(rng)[0][:n])
			}
			checkJVP(t, d, in, rng)
			checkTranspose(t, d, in, rng)
		})
	}
}

// checkJVP compares tangents with central differences along the direction.
func checkJVP(t *testing.T, f *formula.Formula, in [][]float64, rng *rand.Rand) {
	t.Helper()
	j := JVP(f, nil)
	dir := make([][]float64, len(in))
	for i, v := range in {
		dir[i] = make([]float64, len(v))
		for k := range v {
			dir[i][k] = rng.NormFloat64()
		}
	}
	const h = 1e-6
	move := func(s float64) [][]float64 {
		out := make([][]float64, len(in))
		for i, v := range in {
			out[i] = make([]float64, len(v))
			for k := range v {
				out[i][k] = v[k] + s*h*dir[i][k]
			}
		}
		return out
	}
	up, down := f.EvalRow(move(1), nil, size), f.EvalRow(move(-1), nil, size)
	got := j.EvalRow(append(append([][]float64{}, in...), dir...), nil, size)
	for o := range got {
		n := max(len(got[o]), len(up[o]))
		g, u, d := wide(got[o], n), wide(up[o], n), wide(down[o], n)
		for k := range n {
			want := (u[k] - d[k]) / (2 * h)
			if !(math.Abs(g[k]-want) <= 2e-6*(1+math.Abs(want))) {
				t.Errorf("%s output %d[%d]: tangent %v, difference quotient %v", f.Name, o, k, g[k], want)
			}
		}
	}
}

// checkTranspose checks that <cotangent, J tangent> = <J' cotangent, tangent>.
func checkTranspose(t *testing.T, f *formula.Formula, in [][]float64, rng *rand.Rand) {
	t.Helper()
	j, v := JVP(f, nil), VJP(f, nil)
	random := func(n int) []float64 {
		r := make([]float64, n)
		for i := range r {
			r[i] = rng.NormFloat64()
		}
		return r
	}
	var tan, cot [][]float64
	for _, x := range in {
		tan = append(tan, random(len(x)))
	}
	for _, o := range f.Outputs {
		n := 1
		if o.Node.Varies {
			n = size
		}
		cot = append(cot, random(n))
	}
	forward := j.EvalRow(append(append([][]float64{}, in...), tan...), nil, size)
	back := v.EvalRow(append(append([][]float64{}, in...), cot...), nil, size)
	var a, b, scale float64
	for o, c := range cot {
		for k, y := range wide(forward[o], len(c)) {
			a += y * c[k]
			scale += math.Abs(y * c[k])
		}
	}
	for i, x := range tan {
		for k, y := range wide(back[i], len(x)) {
			b += y * x[k]
		}
	}
	if !(math.Abs(a-b) <= 1e-9*(1+scale)) {
		t.Errorf("%s: forward %v, reverse %v", f.Name, a, b)
	}
}

// TestHardPoints checks that derivatives of forms that overflow when written
// naively are finite and right.
func TestHardPoints(t *testing.T) {
	points := []float64{-1e4, -100, -1, -1e-310, math.Copysign(0, -1), 0, 1e-310, 1, 100, 1e4}
	sg := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	for _, c := range []struct {
		name string
		f    build
		want func(x float64) float64
	}{
		{"log(1+exp x)", func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
			return g.Of(formula.Log, g.Add(g.Const(1), g.Of(formula.Exp, x)))
		}, sg},
		{"1/(1+exp(-x))", func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
			return g.Div(g.Const(1), g.Add(g.Const(1), g.Of(formula.Exp, g.Neg(x))))
		}, func(x float64) float64 { return sg(x) * sg(-x) }},
		{"sqrt(x*x)", func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
			return g.Of(formula.Sqrt, g.Mul(x, x))
		}, func(x float64) float64 {
			if x == 0 {
				return 0
			}
			return math.Copysign(1, x)
		}},
		{"mish", formulas["mish"], func(x float64) float64 {
			sp := math.Max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
			th := math.Tanh(sp)
			return th + x*(1-th*th)*sg(x)
		}},
		{"x/(1+exp(-x))", func(g *formula.Graph, x, w, r *formula.Node) *formula.Node {
			return g.Div(x, g.Add(g.Const(1), g.Of(formula.Exp, g.Neg(x))))
		}, func(x float64) float64 { return sg(x) * (1 + x*sg(-x)) }},
	} {
		d := VJP(f1(c.f), []bool{true, false, false})
		for _, x := range points {
			row := []float64{x, x, x, x, x}
			got := d.EvalRow([][]float64{row, row, {1}, {1, 1, 1, 1, 1}}, nil, size)[0][0]
			if want := c.want(x); !(math.Abs(got-want) <= 1e-14*math.Abs(want)+1e-300) {
				t.Errorf("derivative of %s at %g is %g, want %g", c.name, x, got, want)
			}
		}
	}
}

// TestKinks checks the documented subgradients.
func TestKinks(t *testing.T) {
	grad := func(b build, x, w []float64) []float64 {
		f := f1(b)
		d := VJP(f, []bool{true, false, false})
		ct := []float64{1}
		if f.Outputs[0].Node.Varies {
			ct = []float64{1, 1, 1, 1, 1}
		}
		return wide(d.EvalRow([][]float64{x, w, {1}, ct}, nil, size)[0], size)
	}
	zero := make([]float64, size)
	if g := grad(formulas["abs"], zero, zero)[0]; g != 0 {
		t.Errorf("abs'(0) = %v", g)
	}
	if g := grad(formulas["max"], zero, zero)[0]; g != 0.5 {
		t.Errorf("max(x, w) at a tie: %v", g)
	}
	for _, order := range []build{
		func(g *formula.Graph, x, w, r *formula.Node) *formula.Node { return g.Of(formula.Max, x, g.Const(0)) },
		func(g *formula.Graph, x, w, r *formula.Node) *formula.Node { return g.Of(formula.Max, g.Const(0), x) },
		func(g *formula.Graph, x, w, r *formula.Node) *formula.Node { return g.Of(formula.Min, x, g.Const(0)) },
	} {
		if g := grad(order, zero, zero)[0]; g != 0 {
			t.Errorf("max or min of x and 0, where they tie: %v", g)
		}
	}
	if g := grad(formulas["maxof"], []float64{3, 1, 3, 0, 3}, zero); math.Abs(g[0]-1./3) > 1e-15 || g[1] != 0 || g[4] != g[0] {
		t.Errorf("max of a row with three ties: %v", g)
	}
	if g := grad(formulas["prod"], []float64{2, 0, 3, 4, 1}, zero); g[0] != 0 || g[1] != 24 {
		t.Errorf("prod with a zero: %v", g)
	}
	if g := grad(formulas["select"], []float64{0, 1, 1, 1, 1}, zero)[1]; g != 0 {
		t.Errorf("select takes the derivative of the wrong branch: %v", g)
	}
}
