// This file implements the ops that are definitions, with their formulas in
// float64.

package bench

import (
	"fmt"
	"math"
	"slices"

	"github.com/zmlx-go/zmlx"
)

// normal makes input data: numbers of the standard normal distribution.
var normal = zmlx.MustDefine(`normal(z; a=1, b=2) = z + sqrt(-2 * log(1 - uniform(a))) * cos(2 * pi * uniform(b))`)

// data returns an array of normal numbers; another seed gives others.
func data(seed int, d zmlx.DType, shape ...int) *zmlx.Array {
	op := normal.With(map[string]float64{"a": float64(2*seed + 1), "b": float64(2*seed + 2)})
	a := op.Call(zmlx.Zeros(d, shape...))
	if a.DType() != d {
		a = a.As(d)
	}
	return a
}

// A role says what an input of a definition is.
type role int

const (
	full   role = iota // as the first one
	weight             // one value for each column
	square             // as full, and no element below 0
)

// A rowFormula computes the rows of the results from the rows of the inputs; it
// is given the length of rows, too, as they may be parts of one.
type rowFormula func(in [][]float64) [][]float64

// definition returns a maker of cases of a definition whose inputs have roles.
func definition(text string, roles []role, want rowFormula) func(Case) *work {
	op := zmlx.MustDefine(text)
	return func(c Case) *work {
		_, d := c.size()
		w := &work{cpp: cppName(c)}
		for i, r := range roles {
			shape := c.Shape
			if r == weight {
				shape = []int{d}
			}
			a := data(i, c.DType, shape...)
			if r == square {
				a = a.Square()
			}
			w.inputs = append(w.inputs, a)
		}
		w.call = func(in []*zmlx.Array) []*zmlx.Array { return op.Results(in...) }
		w.check = func(w *work, out []*zmlx.Array) error { return checkRows(w.inputs, roles, out, want) }
		return w
	}
}

// elementwise is definition for a function of one element.
func elementwise(text string, f func(float64) float64) func(Case) *work {
	return definition(text, []role{full}, func(in [][]float64) [][]float64 {
		out := make([]float64, len(in[0]))
		for i, x := range in[0] {
			out[i] = f(x)
		}
		return [][]float64{out}
	})
}

// checkRows compares a sample of the rows of results with a formula. Arrays of
// one axis are cut into rows.
func checkRows(inputs []*zmlx.Array, roles []role, out []*zmlx.Array, want rowFormula) error {
	n, d := inputs[0].Size(), inputs[0].Dim(-1)
	if inputs[0].NDim() == 1 && n%256 == 0 {
		d = 256
	}
	for _, r := range sample(n / d) {
		rows := make([][]float64, len(inputs))
		for i, a := range inputs {
			var err error
			at := r * d
			if roles[i] == weight {
				at = 0
			}
			if rows[i], err = read(a, at, d); err != nil {
				return err
			}
		}
		for k, w := range want(rows) {
			at := r * len(w)
			got, err := read(out[k], at, len(w))
			if err != nil {
				return err
			}
			if err := compare(fmt.Sprintf("result %d, row %d,", k, r), got, w, tolerance(out[k].DType())); err != nil {
				return err
			}
		}
	}
	return nil
}

func mean(x []float64, f func(float64) float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += f(v)
	}
	return sum / float64(len(x))
}

func identity(x float64) float64 { return x }
func squared(x float64) float64  { return x * x }
func sigmoid(x float64) float64  { return 1 / (1 + math.Exp(-x)) }
func silu(x float64) float64     { return x * sigmoid(x) }
func mishOf(x float64) float64   { return x * math.Tanh(math.Log1p(math.Exp(x))) }
func geluOf(x float64) float64   { return x * math.Erfc(-x/math.Sqrt2) / 2 }
func geluTanhOf(x float64) float64 {
	return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x)))
}

func softmaxOf(x []float64) []float64 {
	most := slices.Max(x)
	out := make([]float64, len(x))
	sum := 0.0
	for i, v := range x {
		out[i] = math.Exp(v - most)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

const rmsEps, layerEps = 1e-6, 1e-5

func rmsNormOf(x, w []float64) []float64 {
	s := 1 / math.Sqrt(mean(x, squared)+rmsEps)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v * s * w[i]
	}
	return out
}

func layerNormOf(x, w, b []float64) []float64 {
	mu := mean(x, identity)
	s := 1 / math.Sqrt(mean(x, func(v float64) float64 { return squared(v - mu) })+layerEps)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = (v-mu)*s*w[i] + b[i]
	}
	return out
}

// adamW gives the arguments of one step of AdamW.
const (
	adamRate, adamBeta1, adamBeta2 = 1e-3, 0.9, 0.999
	adamEps, adamDecay, adamStep   = 1e-8, 0.01, 10
)

func adamWOf(in [][]float64) [][]float64 {
	out := [][]float64{nil, nil, nil}
	c1, c2 := 1-math.Pow(adamBeta1, adamStep), 1-math.Pow(adamBeta2, adamStep)
	for i, p := range in[0] {
		g := in[1][i]
		m := adamBeta1*in[2][i] + (1-adamBeta1)*g
		v := adamBeta2*in[3][i] + (1-adamBeta2)*g*g
		out[0] = append(out[0], p*(1-adamRate*adamDecay)-adamRate*(m/c1)/(math.Sqrt(v/c2)+adamEps))
		out[1], out[2] = append(out[1], m), append(out[2], v)
	}
	return out
}

// swiGLU is silu(a) * b, where a row of the input is a followed by b.
func swiGLU() func(Case) *work {
	op := zmlx.MustDefine(`swiglu(a, b) = silu(a) * b`)
	return func(c Case) *work {
		_, d2 := c.size()
		d := d2 / 2
		z := data(0, c.DType, c.Shape...)
		w := &work{inputs: []*zmlx.Array{z}, cpp: cppName(c)}
		all := zmlx.RangeAll()
		w.call = func(in []*zmlx.Array) []*zmlx.Array {
			return op.Results(in[0].Slice(all, zmlx.RangeTo(d)), in[0].Slice(all, zmlx.RangeFrom(d)))
		}
		w.check = func(w *work, out []*zmlx.Array) error {
			return checkRows(w.inputs, []role{full}, out, func(in [][]float64) [][]float64 {
				row := make([]float64, d)
				for i := range row {
					row[i] = silu(in[0][i]) * in[0][d+i]
				}
				return [][]float64{row}
			})
		}
		return w
	}
}

const dropProbability = 0.5

// dropout has no formula for single elements: those that are kept have one
// value, and about as many must be kept as asked.
func dropout() func(Case) *work {
	op := zmlx.MustDefine(`dropout(x; p=0.5, key=7) = uniform(key) < p ? 0 : x * (1 / (1 - p))`)
	op = op.With(map[string]float64{"p": dropProbability})
	return func(c Case) *work {
		x := data(0, c.DType, c.Shape...)
		w := &work{inputs: []*zmlx.Array{x}}
		w.call = func(in []*zmlx.Array) []*zmlx.Array { return op.Results(in...) }
		w.check = func(w *work, out []*zmlx.Array) error {
			_, d := c.size()
			seen, kept := 0.0, 0.0
			for _, r := range sample(x.Size() / d) {
				in, err := readRow(x, r)
				if err != nil {
					return err
				}
				got, err := readRow(out[0], r)
				if err != nil {
					return err
				}
				for i, v := range got {
					seen++
					if v == 0 {
						continue
					}
					kept++
					want := in[i] / (1 - dropProbability)
					if err := compare("a kept element", []float64{v}, []float64{want}, tolerance(c.DType)); err != nil {
						return err
					}
				}
			}
			deviation := math.Sqrt(seen * dropProbability * (1 - dropProbability))
			if math.Abs(kept-seen*(1-dropProbability)) > 6*deviation {
				return fmt.Errorf("%g of %g elements are kept, which is not a chance of %g", kept, seen, 1-dropProbability)
			}
			return nil
		}
		return w
	}
}

func argMaxOf(in [][]float64) [][]float64 {
	best := 0
	for i, v := range in[0] {
		if v > in[0][best] {
			best = i
		}
	}
	return [][]float64{{float64(best)}}
}

// makers has the ops by name.
var makers = map[string]func(Case) *work{
	"copy":      elementwise(`copy(x) = x`, identity),
	"mish":      elementwise(`mish(x) = x * tanh(log(1 + exp(x)))`, mishOf),
	"gelu":      elementwise(`gelu(x) = gelu(x)`, geluOf),
	"gelu_tanh": elementwise(`gelu_tanh(x) = gelu_tanh(x)`, geluTanhOf),
	"softmax": definition(`softmax(x) = exp(x - max(x)) / sum(exp(x - max(x)))`, []role{full}, func(in [][]float64) [][]float64 {
		return [][]float64{softmaxOf(in[0])}
	}),
	"rmsnorm": definition(`rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w`, []role{full, weight}, func(in [][]float64) [][]float64 {
		return [][]float64{rmsNormOf(in[0], in[1])}
	}),
	"layernorm": definition(`layernorm(x, w, b; eps=1e-5) {
		d = x - mean(x)
		return d * rsqrt(mean(d*d) + eps) * w + b
	}`, []role{full, weight, weight}, func(in [][]float64) [][]float64 {
		return [][]float64{layerNormOf(in[0], in[1], in[2])}
	}),
	"rmsnorm_residual": definition(`rmsnorm_residual(x, r, w; eps=1e-6) -> normed, h {
		h = x + r
		return h * rsqrt(mean(h*h) + eps) * w, h
	}`, []role{full, full, weight}, func(in [][]float64) [][]float64 {
		h := make([]float64, len(in[0]))
		for i := range h {
			h[i] = in[0][i] + in[1][i]
		}
		return [][]float64{rmsNormOf(h, in[2]), h}
	}),
	"sum":    definition(`sum(x) = sum(x)`, []role{full}, func(in [][]float64) [][]float64 { return [][]float64{{float64(len(in[0])) * mean(in[0], identity)}} }),
	"argmax": definition(`argmax(x) = argmax(x)`, []role{full}, argMaxOf),
	"adamw": definition(fmt.Sprintf(`adamw(p, g, m, v; lr=%g, b1=%g, b2=%g, eps=%g, wd=%g, c1=%g, c2=%g) -> p1, m1, v1 {
		m1 = b1 * m + (1 - b1) * g
		v1 = b2 * v + (1 - b2) * g * g
		return p * (1 - lr * wd) - lr * (m1 / c1) / (sqrt(v1 / c2) + eps), m1, v1
	}`, adamRate, adamBeta1, adamBeta2, adamEps, adamDecay, 1-math.Pow(adamBeta1, adamStep), 1-math.Pow(adamBeta2, adamStep)),
		[]role{full, full, full, square}, adamWOf),
	"swiglu":           swiGLU(),
	"dropout":          dropout(),
	"rmsnorm_tree":     rmsNormTree,
	"rmsnorm_backward": rmsNormBackward,
	"rope":             rope,
	"cumsum":           cumSum,
	"top5":             top5,
	"gather_add":       gatherAdd,
	"cross_entropy":    crossEntropy,
	"top2_gating":      top2Gating,
}
