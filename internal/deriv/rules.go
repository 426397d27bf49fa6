// Package deriv differentiates formulas: from a definition to the definitions
// of its forward and reverse derivatives, which are formulas again.
//
// This file implements the table of rules, one line an operation.
package deriv

import (
	"math"

	"github.com/zmlx-go/zmlx/internal/formula"
)

// A rule returns the partial derivative of y by each argument in x, by element;
// nil stands for zero. Both directions use it: the cotangent of an argument is
// the cotangent of y times the partial derivative, the tangent of y the sum of
// the arguments' tangents times theirs.
type rule func(b builder, y *formula.Node, x []*formula.Node) []*formula.Node

// builder shortens the rules.
type builder struct{ *formula.Graph }

func (b builder) of(op formula.Op, args ...*formula.Node) *formula.Node { return b.Of(op, args...) }
func (b builder) num(v float64) *formula.Node                           { return b.Const(v) }

func (b builder) scale(v float64, n *formula.Node) *formula.Node { return b.Mul(b.Float(v), n) }

// one is true where cond is, as a number.
func (b builder) one(cond *formula.Node) *formula.Node {
	return b.Select(cond, b.Float(1), b.Float(0))
}

type nodes = []*formula.Node

// elementwise are the rules of the operations on one element. Operations that
// are in neither table have derivative zero everywhere: comparisons, integer
// and rounding operations, positions, random numbers, Stop.
//
// At kinks the derivative is that of MLX where MLX has a rule: 0 for abs at 0,
// and 0 for x in max(x, 0) at 0, as for any other constant, on either side. Of
// two inputs that tie in min and max each has half; MLX gives all to the second.
var elementwise = map[formula.Op]rule{
	formula.Add: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.num(1), b.num(1)} },
	formula.Sub: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.num(1), b.num(-1)} },
	formula.Mul: func(b builder, y *formula.Node, x nodes) nodes { return nodes{x[1], x[0]} },
	formula.Div: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Div(b.Float(1), x[1]), b.Neg(b.Div(y, x[1]))} // x[1] may be an integer
	},
	formula.Rem: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.num(1), b.Neg(b.of(formula.Trunc, b.Div(x[0], x[1])))}
	},
	formula.Min:   func(b builder, y *formula.Node, x nodes) nodes { return b.winner(formula.Lt, x) },
	formula.Max:   func(b builder, y *formula.Node, x nodes) nodes { return b.winner(formula.Gt, x) },
	formula.Pow:   func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.powBase(x), b.powExponent(y, x)} },
	formula.Atan2: func(b builder, y *formula.Node, x nodes) nodes { return b.atan2(x) },
	formula.Select: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{nil, b.one(x[0]), b.one(b.of(formula.Not, x[0]))}
	},
	formula.CopySign: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Mul(b.of(formula.Sign, x[0]), b.of(formula.CopySign, b.Float(1), x[1])), nil}
	},
	formula.LogAddExp: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.of(formula.Sigmoid, b.Sub(x[0], x[1])), b.of(formula.Sigmoid, b.Sub(x[1], x[0]))}
	},

	formula.Neg:    func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.num(-1)} },
	formula.Float:  func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.num(1)} },
	formula.Abs:    func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Sign, x[0])} },
	formula.Square: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.scale(2, x[0])} },
	formula.Sqrt:   func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.Div(b.Float(0.5), y)} },
	formula.Rsqrt: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.scale(-0.5, b.Mul(y, b.of(formula.Square, y)))}
	},
	formula.Exp:   func(b builder, y *formula.Node, x nodes) nodes { return nodes{y} },
	formula.Exp2:  func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.scale(math.Ln2, y)} },
	formula.Expm1: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Exp, x[0])} },
	formula.Log:   func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.Div(b.Float(1), x[0])} },
	formula.Log2:  func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.Div(b.Float(math.Log2E), x[0])} },
	formula.Log10: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.Div(b.Float(math.Log10E), x[0])} },
	formula.Log1p: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Div(b.Float(1), b.Add(b.num(1), x[0]))}
	},
	formula.Sin: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Cos, x[0])} },
	formula.Cos: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.Neg(b.of(formula.Sin, x[0]))} },
	formula.Tan: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Add(b.num(1), b.of(formula.Square, y))}
	},
	formula.Asin: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.of(formula.Rsqrt, b.oneMinusSquare(x[0]))}
	},
	formula.Acos: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Neg(b.of(formula.Rsqrt, b.oneMinusSquare(x[0])))}
	},
	formula.Atan: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Div(b.Float(1), b.onePlusSquare(x[0]))}
	},
	formula.Sinh: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Cosh, x[0])} },
	formula.Cosh: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Sinh, x[0])} },
	formula.Tanh: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Sub(b.num(1), b.of(formula.Square, y))}
	},
	formula.Asinh: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.of(formula.Rsqrt, b.onePlusSquare(x[0]))}
	},
	formula.Acosh: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.of(formula.Rsqrt, b.Mul(b.Sub(x[0], b.num(1)), b.Add(x[0], b.num(1))))}
	},
	formula.Atanh: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Div(b.Float(1), b.oneMinusSquare(x[0]))}
	},
	formula.Erf: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.scale(2/math.SqrtPi, b.of(formula.Exp, b.Neg(b.of(formula.Square, x[0]))))}
	},
	formula.Erfinv: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.scale(math.SqrtPi/2, b.of(formula.Exp, b.of(formula.Square, y)))}
	},
	formula.Sigmoid: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Mul(y, b.of(formula.Sigmoid, b.Neg(x[0])))}
	},
	formula.Softplus: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.of(formula.Sigmoid, x[0])} },
	formula.TanhSoftplus: func(b builder, y *formula.Node, x nodes) nodes {
		return nodes{b.Mul(b.oneMinusSquare(y), b.of(formula.Sigmoid, x[0]))}
	},
	formula.Silu:     func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.silu(x[0])} },
	formula.Gelu:     func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.gelu(x[0])} },
	formula.GeluTanh: func(b builder, y *formula.Node, x nodes) nodes { return nodes{b.geluTanh(x[0])} },
}

func (b builder) oneMinusSquare(x *formula.Node) *formula.Node {
	return b.Mul(b.Sub(b.num(1), x), b.Add(b.num(1), x)) // exact near ±1
}

func (b builder) onePlusSquare(x *formula.Node) *formula.Node {
	return b.Add(b.num(1), b.of(formula.Square, x))
}

// winner is 1 for the argument that wins. At a tie it is half for both, or 0
// if the other is the same for all inputs: a bound, as in max(x, 0).
func (b builder) winner(wins formula.Op, x nodes) nodes {
	d := make(nodes, 2)
	for i, other := range []*formula.Node{x[1], x[0]} {
		tie := b.Float(0)
		if !fixed(other) {
			tie = b.Select(b.of(formula.Eq, x[0], x[1]), b.Float(0.5), b.Float(0))
		}
		d[i] = b.Select(b.of(wins, x[i], other), b.Float(1), tie)
	}
	return d
}

// fixed reports whether n depends on no input.
func fixed(n *formula.Node) bool {
	for _, a := range formula.Reachable(n) {
		if a.Op == formula.Input {
			return false
		}
	}
	return true
}

// powBase is p*x^(p-1), which is 0 for p = 0 even at x = 0.
func (b builder) powBase(x nodes) *formula.Node {
	d := b.Mul(x[1], b.of(formula.Pow, x[0], b.Sub(x[1], b.num(1))))
	if x[1].Op == formula.Const {
		return d
	}
	return b.Select(b.of(formula.Eq, x[1], b.num(0)), b.Float(0), d)
}

// powExponent is y*log(x), which is 0 where y is; a negative base has no
// derivative by the exponent, and gives NaN as log does.
func (b builder) powExponent(y *formula.Node, x nodes) *formula.Node {
	if x[1].Op == formula.Const {
		return nil
	}
	return b.Select(b.of(formula.Eq, x[0], b.num(0)), b.Float(0), b.Mul(y, b.of(formula.Log, x[0])))
}

// atan2 is (x, -y)/(x²+y²) for atan2(y, x).
func (b builder) atan2(x nodes) nodes {
	r := b.Add(b.of(formula.Square, x[0]), b.of(formula.Square, x[1]))
	return nodes{b.Div(x[1], r), b.Neg(b.Div(x[0], r))}
}

// silu is s + x*s*(1-s) with s = sigmoid(x).
func (b builder) silu(x *formula.Node) *formula.Node {
	s := b.of(formula.Sigmoid, x)
	return b.Mul(s, b.Add(b.num(1), b.Mul(x, b.of(formula.Sigmoid, b.Neg(x)))))
}

// gelu is the normal distribution's function plus x times its density.
func (b builder) gelu(x *formula.Node) *formula.Node {
	cdf := b.scale(0.5, b.Add(b.num(1), b.of(formula.Erf, b.scale(1/math.Sqrt2, x))))
	pdf := b.scale(1/math.Sqrt(2*math.Pi), b.of(formula.Exp, b.scale(-0.5, b.of(formula.Square, x))))
	return b.Add(cdf, b.Mul(x, pdf))
}

// geluTanh is ½(1+t) + ½x(1-t²)k0(1+3·k1·x²) with t = tanh(k0(x+k1·x³)).
func (b builder) geluTanh(x *formula.Node) *formula.Node {
	const k0, k1 = 0.79788456080286535588, 0.044715
	x2 := b.of(formula.Square, x)
	t := b.of(formula.Tanh, b.scale(k0, b.Add(x, b.scale(k1, b.Mul(x, x2)))))
	du := b.scale(k0, b.Add(b.num(1), b.scale(3*k1, x2)))
	return b.Add(
		b.scale(0.5, b.Add(b.num(1), t)),
		b.Mul(b.scale(0.5, x), b.Mul(b.Sub(b.num(1), b.of(formula.Square, t)), du)))
}

// reductions are the rules of the operations that reduce a row: the partial
// derivative of y by the element of the row at each place.
var reductions = map[formula.Op]func(b builder, y, x *formula.Node) *formula.Node{
	formula.Sum:  func(b builder, y, x *formula.Node) *formula.Node { return b.num(1) },
	formula.Mean: func(b builder, y, x *formula.Node) *formula.Node { return b.Div(b.Float(1), b.size()) },
	formula.Var: func(b builder, y, x *formula.Node) *formula.Node {
		return b.Div(b.scale(2, b.Sub(x, b.of(formula.Mean, x))), b.size())
	},
	formula.LogSumExp: func(b builder, y, x *formula.Node) *formula.Node { return b.of(formula.Softmax, x) },
	formula.MaxOf:     func(b builder, y, x *formula.Node) *formula.Node { return b.share(y, x) },
	formula.MinOf:     func(b builder, y, x *formula.Node) *formula.Node { return b.share(y, x) },
	formula.Prod:      func(b builder, y, x *formula.Node) *formula.Node { return b.others(x) },
}

func (b builder) size() *formula.Node { return b.of(formula.Float, b.of(formula.Size)) }

// share divides 1 among the elements that equal y.
func (b builder) share(y, x *formula.Node) *formula.Node {
	e := b.one(b.of(formula.Eq, x, y))
	return b.Div(e, b.Sum(e))
}

// others is the product of all elements but one, zeros included.
func (b builder) others(x *formula.Node) *formula.Node {
	isZero := b.of(formula.Eq, x, b.num(0))
	zeros := b.Sum(b.one(isZero))
	rest := b.of(formula.Prod, b.Select(isZero, b.Float(1), x)) // of those that are not zero
	return b.Select(isZero,
		b.Select(b.of(formula.Eq, zeros, b.num(1)), rest, b.Float(0)),
		b.Select(b.of(formula.Eq, zeros, b.num(0)), b.Div(rest, b.Select(isZero, b.Float(1), x)), b.Float(0)))
}
