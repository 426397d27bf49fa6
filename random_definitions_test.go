package zmlx_test

// This file implements tests of random definitions, against a float64
// evaluation that is written down next to the text and knows nothing of how
// definitions are read, rewritten or compiled; and of the derivatives of random
// functions of arrays.

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// A term is a part of a definition and its value along one row, given those of
// the inputs a, w, m and the parameter k.
type term struct {
	text string
	row  func(in [3][]float64, k float64) []float64
}

// of makes a term of others, element by element. In format %[1]s stands for the
// text of the first.
func of(format string, f func(v []float64) float64, args ...term) term {
	texts := make([]any, len(args))
	for i, a := range args {
		texts[i] = a.text
	}
	return term{fmt.Sprintf(format, texts...), func(in [3][]float64, k float64) []float64 {
		rows := make([][]float64, len(args))
		for i, a := range args {
			rows[i] = a.row(in, k)
		}
		out := make([]float64, len(in[0]))
		v := make([]float64, len(args))
		for i := range out {
			for n, r := range rows {
				v[n] = r[i]
			}
			out[i] = f(v)
		}
		return out
	}}
}

// along makes a term of another's whole row.
func along(format string, x term, f func(v []float64) []float64) term {
	return term{fmt.Sprintf(format, x.text), func(in [3][]float64, k float64) []float64 { return f(x.row(in, k)) }}
}

func repeat(v float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func rowSum(v []float64, f func(float64) float64) float64 {
	s := 0.0
	for _, x := range v {
		s += f(x)
	}
	return s
}

func identity(x float64) float64 { return x }

func logSumExp(v []float64) float64 { return math.Log(rowSum(v, math.Exp)) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// leaf draws an input, the parameter, a number or the position in the row.
func leaf(r *rand.Rand) term {
	input := func(name string, i int) term {
		return term{name, func(in [3][]float64, _ float64) []float64 { return in[i] }}
	}
	switch r.IntN(9) {
	case 0, 1, 2:
		return input("a", 0)
	case 3, 4:
		return input("w", 1)
	case 5:
		return input("m", 2)
	case 6:
		return term{"k", func(in [3][]float64, k float64) []float64 { return repeat(k, len(in[0])) }}
	case 7:
		return of("((index() + 1.0) / size())", nil).positions()
	}
	v := float64(r.IntN(9)-4) / 4
	return term{fmt.Sprintf("(%v)", v), func(in [3][]float64, _ float64) []float64 { return repeat(v, len(in[0])) }}
}

// positions gives a term the value (i + 1) / n at position i of n.
func (t term) positions() term {
	t.row = func(in [3][]float64, _ float64) []float64 {
		out := make([]float64, len(in[0]))
		for i := range out {
			out[i] = float64(i+1) / float64(len(out))
		}
		return out
	}
	return t
}

// draw makes a term whose values are of the order of 1. What is compared are
// leaves, which rounding does not move across each other.
func draw(r *rand.Rand, depth int) term {
	if depth == 0 {
		return leaf(r)
	}
	sub := func() term { return draw(r, depth-1) }
	tame := func() term {
		return of("(2 * tanh(%s))", func(v []float64) float64 { return 2 * math.Tanh(v[0]) }, sub())
	}
	one := func(format string, f func(float64) float64) term {
		return of(format, func(v []float64) float64 { return f(v[0]) }, tame())
	}
	two := func(format string, f func(a, b float64) float64) term {
		return of(format, func(v []float64) float64 { return f(v[0], v[1]) }, tame(), tame())
	}
	softmax := func(v []float64) []float64 {
		s := rowSum(v, math.Exp)
		out := make([]float64, len(v))
		for i, x := range v {
			out[i] = math.Exp(x) / s
		}
		return out
	}
	whole := func(f func(v []float64) float64) func(v []float64) []float64 {
		return func(v []float64) []float64 { return repeat(f(v), len(v)) }
	}
	mean := func(v []float64) float64 { return rowSum(v, identity) / float64(len(v)) }
	variance := func(v []float64) float64 {
		mu := mean(v)
		return rowSum(v, func(x float64) float64 { return (x - mu) * (x - mu) }) / float64(len(v))
	}
	greatest := func(v []float64) float64 {
		m := math.Inf(-1)
		for _, x := range v {
			m = math.Max(m, x)
		}
		return m
	}
	makers := []func() term{
		func() term { return two("(%s + %s)", func(a, b float64) float64 { return a + b }) },
		func() term { return two("(%s - %s)", func(a, b float64) float64 { return a - b }) },
		func() term { return two("(%s * %s)", func(a, b float64) float64 { return a * b }) },
		func() term {
			return two("(%s / (1 + square(%s)))", func(a, b float64) float64 { return a / (1 + b*b) })
		},
		func() term { return two("min(%s, %s)", math.Min) },
		func() term { return two("max(%s, %s)", math.Max) },
		func() term { return two("atan2(%s, 3 + %s)", func(a, b float64) float64 { return math.Atan2(a, 3+b) }) },
		func() term { return two("pow(3 + %s, %s)", func(a, b float64) float64 { return math.Pow(3+a, b) }) },
		func() term {
			return two("log(exp(%s) + exp(%s))", func(a, b float64) float64 { return math.Log(math.Exp(a) + math.Exp(b)) })
		},
		func() term {
			return two("logaddexp(%s, %s)", func(a, b float64) float64 { return math.Log(math.Exp(a) + math.Exp(b)) })
		},
		func() term {
			return of("(%s > %s ? %s : %s)", func(v []float64) float64 {
				if v[0] > v[1] {
					return v[2]
				}
				return v[3]
			}, leaf(r), leaf(r), tame(), sub())
		},
		func() term {
			return one("log(1 + exp(%s))", func(x float64) float64 { return math.Log1p(math.Exp(x)) })
		},
		func() term { return one("(1 / (1 + exp(-%s)))", sigmoid) },
		func() term { return one("(1 - sigmoid(%s))", func(x float64) float64 { return sigmoid(-x) }) },
		func() term { return one("log(sigmoid(%s))", func(x float64) float64 { return math.Log(sigmoid(x)) }) },
		func() term { return one("(exp(%s) - 1)", math.Expm1) },
		func() term { return one("sqrt(square(%s))", math.Abs) },
		func() term { return one("abs(%s)", math.Abs) },
		func() term { return one("relu(%s)", func(x float64) float64 { return math.Max(x, 0) }) },
		func() term { return one("silu(%s)", func(x float64) float64 { return x * sigmoid(x) }) },
		func() term {
			return one("gelu(%s)", func(x float64) float64 { return x * (1 + math.Erf(x/math.Sqrt2)) / 2 })
		},
		func() term { return one("erf(%s)", math.Erf) },
		func() term { return one("sin(%s)", math.Sin) },
		func() term { return one("log1p(square(%s))", func(x float64) float64 { return math.Log1p(x * x) }) },
		func() term {
			return one("clamp(%s, -1, 0.5)", func(x float64) float64 { return math.Min(math.Max(x, -1), 0.5) })
		},
		func() term {
			return one("rsqrt(1 + abs(%s))", func(x float64) float64 { return 1 / math.Sqrt(1+math.Abs(x)) })
		},
		func() term { return along("mean(%s)", sub(), whole(mean)) },
		func() term {
			return along("sqrt(var(%s) + 1)", sub(), whole(func(v []float64) float64 { return math.Sqrt(variance(v) + 1) }))
		},
		func() term { return along("max(%s)", sub(), whole(greatest)) },
		func() term { return along("logsumexp(%s)", tame(), whole(logSumExp)) },
		func() term { return along("log(sum(exp(%s)))", tame(), whole(logSumExp)) },
		func() term { return along("(exp(%[1]s) / sum(exp(%[1]s)))", tame(), softmax) },
		func() term { return along("(exp(%[1]s - max(%[1]s)) / sum(exp(%[1]s - max(%[1]s))))", tame(), softmax) },
		func() term {
			return along("(%[1]s - max(%[1]s) - log(sum(exp(%[1]s - max(%[1]s)))))", tame(), func(v []float64) []float64 {
				out := softmax(v)
				for i, x := range out {
					out[i] = math.Log(x)
				}
				return out
			})
		},
	}
	return makers[r.IntN(len(makers))]()
}

// cut returns an array of this shape that is a view of a larger one, read
// backwards or transposed, or none.
func cut(r *rand.Rand, key uint64, d zmlx.DType, shp ...int) *zmlx.Array {
	wide := append([]int{}, shp...)
	last := len(shp) - 1
	switch r.IntN(3) {
	case 0:
		wide[last] = 2*shp[last] + 1
		ranges := make([]zmlx.Range, len(shp))
		for i := range ranges {
			ranges[i] = zmlx.RangeAll()
		}
		ranges[last] = zmlx.Range{Start: 2*shp[last] - 1, Stop: -2*shp[last] - 2, Step: -2}
		return normal(key, zmlx.Float64, wide...).As(d).Slice(ranges...)
	case 1:
		for i := range shp {
			wide[last-i] = shp[i]
		}
		return normal(key, zmlx.Float64, wide...).As(d).Transpose()
	}
	return normal(key, zmlx.Float64, shp...).As(d)
}

func TestRandomDefinitionsAgainstFloat64(t *testing.T) {
	n := uint64(400)
	if testing.Short() {
		n = 80
	}
	tolerance := map[zmlx.DType]float64{zmlx.Float64: 1e-10, zmlx.Float32: 1e-4, zmlx.Float16: 1.2e-3, zmlx.BFloat16: 8e-3}
	lengths := []int{1, 2, 31, 33, 64, 257}
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 3))
		body := draw(r, 3)
		text := fmt.Sprintf("random(a, w, m[1]; k=7) { _ = a + w + m + k\nreturn a * 0 + %s }", body.text)
		op, err := zmlx.Define(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		d := []zmlx.DType{zmlx.Float64, zmlx.Float32, zmlx.Float16, zmlx.BFloat16}[seed%4]
		rows, length := 1+r.IntN(4), lengths[r.IntN(len(lengths))]
		a := cut(r, seed, d, rows, length)
		w := cut(r, seed+1, d, [][]int{{length}, {rows, length}, {1}}[r.IntN(3)]...)
		m := cut(r, seed+2, d, [][]int{{rows}, {rows, 1}, {1}}[r.IntN(3)]...)
		k := float64(r.IntN(5)-2) / 2
		got := numbersOf(t, op.With(map[string]float64{"k": k}).Call(a, w, m))
		full := func(x *zmlx.Array) []float64 { return numbersOf(t, x.Broadcast(rows, length)) }
		va, vw := full(a), full(w)
		if m.NDim() == 1 {
			m = m.ExpandDims(-1)
		}
		vm := full(m)
		for row := range rows {
			part := func(v []float64) []float64 { return v[row*length : (row+1)*length] }
			for i, want := range body.row([3][]float64{part(va), part(vw), part(vm)}, k) {
				if g := part(got)[i]; !(math.Abs(g-want) <= tolerance[d]*math.Max(1, math.Abs(want))) {
					t.Fatalf("seed %d, %v, %d rows of %d: row %d, element %d is %v, want %v\n%s\n%v", seed, d, rows, length, row, i, g, want, text, op)
				}
			}
		}
	}
}

func numbersOf(t *testing.T, x *zmlx.Array) []float64 {
	t.Helper()
	v, err := zmlx.Values[float64](x.As(zmlx.Float64))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// randomFunc draws a smooth function of two arrays of shape (4, 5): definitions
// and array operations of every kind that moves, joins or multiplies.
func randomFunc(seed uint64) zmlx.Func {
	gate := zmlx.MustDefine("gate(x, y; k=0.5) = x * sigmoid(k * y)")
	norm := zmlx.MustDefine("norm(x, w) { d = x - mean(x)\nreturn d * rsqrt(mean(d*d) + 0.1) * w }")
	centre := zmlx.MustDefine("centre(x, m[1]) = tanh(x - m) * m")
	pair := zmlx.MustDefine("pair(x, y) -> p, q { return sin(x) * y, logsumexp(x * y) }")
	return func(args ...*zmlx.Array) []*zmlx.Array {
		r := rand.New(rand.NewPCG(seed, 5))
		pool := append([]*zmlx.Array{}, args...)
		pick := func() *zmlx.Array { return pool[r.IntN(len(pool))] }
		for range 6 {
			x, y := pick(), pick()
			var z *zmlx.Array
			switch r.IntN(12) {
			case 0:
				z = gate.With(map[string]float64{"k": r.Float64()}).Call(x, y)
			case 1:
				z = norm.Call(x, y.At(r.IntN(4)))
			case 2:
				z = centre.Call(x, y.Mean(-1))
			case 3:
				both := pair.Results(x, y)
				z = both[0].Mul(both[1].ExpandDims(-1))
			case 4:
				z = x.MatMul(y.Transpose()).Tanh().MatMul(x)
			case 5:
				z = zmlx.Concatenate(0, x.Slice(zmlx.Range{Start: 2, Stop: 4, Step: 1}), y.Slice(zmlx.Range{Start: 1, Stop: -5, Step: -1}))
			case 6:
				z = x.Take(zmlx.FromSlice([]int32{3, 1, 1, -4})).Sub(y)
			case 7:
				z = zmlx.Where(zmlx.FromSlice([]bool{true, false, true, true, false}), x, y.Exp())
			case 8:
				z = x.Softmax().Add(y.Sum(0))
			case 9:
				z = x.Reshape(5, 4).Transpose().Mul(y)
			case 10:
				z = zmlx.Vmap(func(v ...*zmlx.Array) []*zmlx.Array { return centre.Results(v[0].ExpandDims(0), v[1].Var()) })(x, y)[0].Reshape(4, 5)
			case 11:
				z = zmlx.Grad(func(v *zmlx.Array) *zmlx.Array { return norm.Call(v, y.At(0)).Square().Sum() })(x)
			}
			pool = append(pool, z.Tanh())
		}
		return []*zmlx.Array{pool[len(pool)-1], pool[len(pool)-2].LogSumExp(0)}
	}
}

// Forward and reverse derivatives are transposes of each other, and agree with
// differences.
func TestRandomFunctionsForwardAndReverse(t *testing.T) {
	n := uint64(60)
	if testing.Short() {
		n = 15
	}
	dot := func(a, b []*zmlx.Array) float64 {
		s := 0.0
		for i := range a {
			s += numbersOf(t, a[i].Mul(b[i]).Sum())[0]
		}
		return s
	}
	draw := func(key uint64) *zmlx.Array { return normal(key, zmlx.Float64, 4, 5) }
	for seed := range n {
		f := randomFunc(seed)
		x, tan := []*zmlx.Array{draw(2 * seed), draw(2*seed + 1)}, []*zmlx.Array{draw(3 * seed), draw(3*seed + 1)}
		ct := []*zmlx.Array{draw(5 * seed), normal(seed, zmlx.Float64, 5)}
		_, grads := zmlx.VJP(f, x, ct)
		_, tangents := zmlx.JVP(f, x, tan)
		reverse, forward := dot(grads, tan), dot(ct, tangents)
		if !(math.Abs(reverse-forward) <= 1e-9*(1+math.Abs(forward))) {
			t.Errorf("seed %d: %v in reverse, %v forward", seed, reverse, forward)
		}
		const h = 1e-5
		at := func(h float64) float64 {
			return dot(ct, f(x[0].Add(tan[0].MulScalar(h)), x[1].Add(tan[1].MulScalar(h))))
		}
		if slope := (at(h) - at(-h)) / (2 * h); !(math.Abs(slope-forward) <= 1e-5*(1+math.Abs(slope))) {
			t.Errorf("seed %d: the slope is %v, the derivative %v", seed, slope, forward)
		}
	}
}
