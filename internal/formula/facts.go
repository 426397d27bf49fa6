package formula

// This file implements what is known of a node's values, whatever dtypes the
// inputs of a call have.

type facts uint8

const (
	isFloat    facts = 1 << iota // of a float type
	likeInputs                   // of a float type if the inputs are
	nonneg                       // not negative, or NaN
)

func factsOf(n *Node) facts {
	arg := func(i int) facts { return n.Args[i].facts }
	switch n.Op {
	case Input, ParamOp:
		return likeInputs
	case Const:
		var f facts
		if !n.Int {
			f = isFloat
		}
		if n.Value >= 0 {
			f |= nonneg
		}
		return f
	case Index, Size, ArgMax, ArgMin:
		return nonneg

	case Add, Mul, Div, Pow:
		return arg(0)&arg(1)&nonneg | (arg(0)|arg(1))&^nonneg
	case Sub, Rem:
		return (arg(0) | arg(1)) &^ nonneg
	case Min:
		return arg(0)&arg(1)&nonneg | (arg(0)|arg(1))&^nonneg
	case Max:
		return arg(0) | arg(1)
	case Select:
		return arg(1)&arg(2)&nonneg | (arg(1)|arg(2))&^nonneg
	case Neg:
		return arg(0) &^ nonneg
	case Abs, Square:
		return arg(0) | nonneg
	case Sign, Floor, Ceil, Round, Trunc, Stop, Sum, Prod, MaxOf, MinOf:
		return arg(0)

	case Float, Mean:
		return arg(0)&nonneg | isFloat
	case Sqrt, Rsqrt, Exp, Exp2, Sigmoid, Softplus, Softmax, Uniform, Var:
		return isFloat | nonneg
	case Atan2, CopySign, LogAddExp, LogSumExp, Recip, Expm1, Log, Log2, Log10, Log1p, Sin, Cos, Tan, Asin, Acos, Atan,
		Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf, Erfinv, Silu, Gelu, GeluTanh:
		return isFloat
	}
	return 0
}

// isFloat reports whether n is of a float type in every call.
func (g *Graph) isFloat(n *Node) bool {
	return n.facts&isFloat != 0 || g.Floats && n.facts&likeInputs != 0
}

// float returns n as a float.
func (g *Graph) float(n *Node) *Node { return g.Of(Float, n) }
