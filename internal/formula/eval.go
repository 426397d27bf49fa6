package formula

// This file implements evaluation in float64: what constants fold to, and the
// oracle that tests compare generated code with.

import "math"

// EvalScalar computes an operation on single values: bools are 0 and 1. ok is
// false for operations that are not of that kind.
func EvalScalar(op Op, v []float64) (r float64, ok bool) {
	truth := func(b bool) (float64, bool) {
		if b {
			return 1, true
		}
		return 0, true
	}
	var a, b float64
	if len(v) > 0 {
		a = v[0]
	}
	if len(v) > 1 {
		b = v[1]
	}
	switch op {
	case Add:
		return a + b, true
	case Sub:
		return a - b, true
	case Mul:
		return a * b, true
	case Div:
		return a / b, true
	case Rem:
		return math.Mod(a, b), true
	case Min:
		if math.IsNaN(a) || math.IsNaN(b) { // math.Min prefers -inf
			return math.NaN(), true
		}
		return math.Min(a, b), true
	case Max:
		if math.IsNaN(a) || math.IsNaN(b) {
			return math.NaN(), true
		}
		return math.Max(a, b), true
	case Pow:
		return math.Pow(a, b), true
	case Atan2:
		return math.Atan2(a, b), true
	case CopySign:
		return math.Copysign(a, b), true
	case LogAddExp:
		return logAddExp(a, b), true
	case Eq:
		return truth(a == b)
	case Ne:
		return truth(a != b)
	case Lt:
		return truth(a < b)
	case Le:
		return truth(a <= b)
	case Gt:
		return truth(a > b)
	case Ge:
		return truth(a >= b)
	case And:
		return truth(a != 0 && b != 0)
	case Or:
		return truth(a != 0 || b != 0)
	case Not:
		return truth(a == 0)
	case IsNan:
		return truth(math.IsNaN(a))
	case IsInf:
		return truth(math.IsInf(a, 0))
	case Neg:
		return -a, true
	case Abs:
		return math.Abs(a), true
	case Sign:
		switch {
		case a > 0:
			return 1, true
		case a < 0:
			return -1, true
		}
		return a, true
	case Square:
		return a * a, true
	case Rsqrt:
		return 1 / math.Sqrt(a), true
	case Recip:
		return 1 / a, true
	case Exp2:
		return math.Exp2(a), true
	case Sigmoid:
		return sigmoid(a), true
	case Softplus:
		return logAddExp(a, 0), true
	case TanhSoftplus:
		return math.Tanh(logAddExp(a, 0)), true
	case Silu:
		return a * sigmoid(a), true
	case Gelu:
		return 0.5 * a * math.Erfc(-a/math.Sqrt2), true
	case GeluTanh:
		return 0.5 * a * (1 + math.Tanh(geluK0*(a+geluK1*a*a*a))), true
	case Stop, Float:
		return a, true
	case Select:
		if a != 0 {
			return b, true
		}
		return v[2], true
	}
	if f := unary[op]; f != nil {
		return f(a), true
	}
	return 0, false
}

// The constants of the tanh form of GELU.
const (
	geluK0 = 0.79788456080286535588 // sqrt(2/pi)
	geluK1 = 0.044715
)

var unary = [NumOps]func(float64) float64{
	Sqrt: math.Sqrt, Exp: math.Exp, Expm1: math.Expm1, Log: math.Log, Log2: log2, Log10: log10, Log1p: math.Log1p,
	Sin: math.Sin, Cos: math.Cos, Tan: math.Tan, Asin: asin, Acos: acos, Atan: math.Atan,
	Sinh: math.Sinh, Cosh: math.Cosh, Tanh: math.Tanh, Asinh: math.Asinh, Acosh: math.Acosh, Atanh: math.Atanh,
	Erf: math.Erf, Erfinv: math.Erfinv, Floor: math.Floor, Ceil: math.Ceil, Round: math.RoundToEven, Trunc: math.Trunc,
}

// Where package math loses digits by cancellation, near 1, others do not.

func log2(x float64) float64 {
	if x > 0.5 && x < 2 {
		return math.Log(x) * math.Log2E
	}
	return math.Log2(x)
}

func log10(x float64) float64 {
	if x > 0.5 && x < 2 {
		return math.Log(x) * math.Log10E
	}
	return math.Log10(x)
}

func asin(x float64) float64 { return math.Atan2(x, math.Sqrt((1-x)*(1+x))) }

func acos(x float64) float64 { return 2 * math.Atan2(math.Sqrt(1-x), math.Sqrt(1+x)) }

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

// logAddExp is log(exp a + exp b); of two -inf it is -inf.
func logAddExp(a, b float64) float64 {
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.NaN()
	}
	m := math.Max(a, b)
	if math.IsInf(m, 0) {
		return m
	}
	return m + math.Log1p(math.Exp(-math.Abs(a-b)))
}

// EvalRow computes outputs for one row of float64. inputs[i] has the row's
// length, or one element for a row input. A result has the row's length, or
// one element if it does not vary.
func (f *Formula) EvalRow(inputs [][]float64, params []float64, size int) [][]float64 {
	values := map[*Node][]float64{}
	at := func(n *Node, j int) float64 {
		v := values[n]
		if len(v) == 1 {
			return v[0]
		}
		return v[j]
	}
	for _, n := range Reachable(f.Nodes()...) {
		count := 1
		if n.Varies {
			count = size
		}
		out := make([]float64, count)
		switch {
		case n.Op == Input:
			in := inputs[n.Index]
			for j := range out {
				out[j] = in[min(j, len(in)-1)]
			}
		case n.Op == ParamOp:
			out[0] = params[n.Index]
		case n.Op == Const:
			out[0] = n.Value
		case n.Op == Size:
			out[0] = float64(size)
		case n.Op == Index:
			for j := range out {
				out[j] = float64(j)
			}
		case n.Op == Softmax:
			m := reduce(MaxOf, values[n.Args[0]])
			for j, v := range values[n.Args[0]] {
				if out[j] = math.Exp(v - m); math.IsInf(m, -1) {
					out[j] = 0
				}
			}
			if s := reduce(Sum, out); s != 0 { // NaN for all beside an infinity, as beside NaN
				for j := range out {
					out[j] /= s
				}
			}
		case n.Op.IsReduction():
			row := make([]float64, size)
			for j := range row {
				row[j] = at(n.Args[0], j)
			}
			out[0] = reduce(n.Op, row)
		default:
			var v [3]float64
			for j := range out {
				for i, a := range n.Args {
					v[i] = at(a, j)
				}
				out[j], _ = EvalScalar(n.Op, v[:len(n.Args)])
			}
		}
		values[n] = out
	}
	results := make([][]float64, len(f.Outputs))
	for i, o := range f.Outputs {
		results[i] = values[o.Node]
	}
	return results
}

// reduce computes a reduction of a row.
func reduce(op Op, row []float64) float64 {
	n := float64(len(row))
	sum := func() (s float64) {
		for _, v := range row {
			s += v
		}
		return s
	}
	best := func(better func(a, b float64) bool) (int, float64) {
		if len(row) == 0 {
			return 0, math.NaN()
		}
		at := 0
		for j, v := range row {
			if math.IsNaN(v) {
				return j, v
			}
			if better(v, row[at]) {
				at = j
			}
		}
		return at, row[at]
	}
	greater := func(a, b float64) bool { return a > b }
	less := func(a, b float64) bool { return a < b }
	switch op {
	case Sum:
		return sum()
	case Mean:
		return sum() / n
	case Prod:
		p := 1.0
		for _, v := range row {
			p *= v
		}
		return p
	case Var:
		m, s := sum()/n, 0.0
		for _, v := range row {
			s += (v - m) * (v - m)
		}
		return s / n
	case MaxOf:
		_, v := best(greater)
		return v
	case MinOf:
		_, v := best(less)
		return v
	case ArgMax:
		i, _ := best(greater)
		return float64(i)
	case ArgMin:
		i, _ := best(less)
		return float64(i)
	case LogSumExp:
		if len(row) == 0 {
			return math.Inf(-1)
		}
		_, m := best(greater)
		if math.IsInf(m, 0) || math.IsNaN(m) {
			return m
		}
		s := 0.0
		for _, v := range row {
			s += math.Exp(v - m)
		}
		return m + math.Log(s)
	case Any:
		for _, v := range row {
			if v != 0 {
				return 1
			}
		}
		return 0
	case All:
		for _, v := range row {
			if v == 0 {
				return 0
			}
		}
		return 1
	}
	return math.NaN()
}
