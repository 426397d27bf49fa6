package formula

// This file implements what is known of a node's values, whatever dtypes the
// inputs of a call have.

type facts uint8

const (
	isFloat    facts = 1 << iota // of a float type
	likeInputs                   // of a float type if the inputs are
	nonneg                       // not negative, or NaN
	number                       // made of constants and tests: of no integer type, so that 1/2 is 0.5
)

func factsOf(n *Node) facts {
	arg := func(i int) facts { return n.Args[i].facts }
	switch n.Op {
	case Input, ParamOp:
		return likeInputs
	case Const:
		f := number
		if !n.Int {
			f |= isFloat
		}
		if n.Value >= 0 {
			f |= nonneg
		}
		return f
	case Index, Size, ArgMax, ArgMin:
		return nonneg

	case Add, Mul, Div, Pow, Min:
		return both(arg(0), arg(1), nonneg)
	case Sub, Rem:
		return both(arg(0), arg(1), 0)
	case Max:
		return both(arg(0), arg(1), 0) | (arg(0)|arg(1))&nonneg
	case Select:
		return both(arg(1), arg(2), nonneg)
	case Neg:
		return arg(0) &^ nonneg
	case Abs, Square:
		return arg(0) | nonneg
	case Sign, Floor, Ceil, Round, Trunc, Stop, MaxOf, MinOf:
		return arg(0)
	case Sum, Prod:
		return arg(0) &^ number

	case Float, Mean:
		return arg(0)&nonneg | isFloat
	case Sqrt, Rsqrt, Exp, Exp2, Sigmoid, Softplus, TanhSoftplus, Softmax, Uniform, Var:
		return isFloat | nonneg
	case Atan2, CopySign, LogAddExp, LogSumExp, Recip, Expm1, Log, Log2, Log10, Log1p, Sin, Cos, Tan, Asin, Acos, Atan,
		Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf, Erfinv, Silu, Gelu, GeluTanh:
		return isFloat
	}
	return 0
}

// both returns the facts of an operation of two that is a float if one of them
// is, and a number or what is in needed if both are.
func both(a, b, needed facts) facts {
	return (a|b)&(isFloat|likeInputs) | a&b&(number|needed)
}

// isFloat reports whether n is of a float type in every call.
func (g *Graph) isFloat(n *Node) bool {
	return n.facts&isFloat != 0 || g.Floats && n.facts&likeInputs != 0
}

// float returns n as a float.
func (g *Graph) float(n *Node) *Node { return g.Of(Float, n) }
