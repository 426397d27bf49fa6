package formula

// This file implements making nodes: constants are folded, and forms that lose
// precision or overflow become the stable functions they stand for.

import (
	"math"
	"slices"
)

// Of returns the node of an operation, simplified. Where a number is needed,
// a test is made 1 or 0; where a test is needed, a number is compared with 0.
func (g *Graph) Of(op Op, args ...*Node) *Node {
	args = g.operands(op, args)
	if g.plain {
		return g.raw(op, args...)
	}
	if n := g.fold(op, args); n != nil {
		return n
	}
	if n := g.simplify(op, args); n != nil {
		return n
	}
	return g.raw(op, args...)
}

// The operations that derivatives are written with.

func (g *Graph) Add(a, b *Node) *Node { return g.Of(Add, a, b) }
func (g *Graph) Sub(a, b *Node) *Node { return g.Of(Sub, a, b) }
func (g *Graph) Mul(a, b *Node) *Node { return g.Of(Mul, a, b) }
func (g *Graph) Div(a, b *Node) *Node { return g.Of(Div, a, b) }
func (g *Graph) Neg(a *Node) *Node    { return g.Of(Neg, a) }
func (g *Graph) Sum(a *Node) *Node    { return g.Of(Sum, a) }

// Select returns cond ? a : b.
func (g *Graph) Select(cond, a, b *Node) *Node { return g.Of(Select, cond, a, b) }

// operands makes operands tests where op takes tests, and numbers elsewhere.
// So a test is only ever an operand of And, Or, Not, Any, All and Select.
func (g *Graph) operands(op Op, args []*Node) []*Node {
	for i, a := range args {
		want := a
		switch {
		case op == And, op == Or, op == Not, op == Any, op == All, op == Select && i == 0:
			want = g.truth(a)
		default:
			want = g.number(a)
		}
		if want != a {
			args = slices.Clone(args)
			args[i] = want
		}
	}
	return args
}

// number returns n as a number: tests become 1 and 0.
func (g *Graph) number(n *Node) *Node {
	if n.Op.IsTest() {
		return g.raw(Select, n, g.Const(1), g.Const(0))
	}
	return n
}

// truth returns n as a test: what is not 0 is true.
func (g *Graph) truth(n *Node) *Node {
	if n.Op.IsTest() {
		return n
	}
	return g.raw(Ne, n, g.Const(0))
}

// fold computes an operation on constants. Constants are numbers: 1/2 is 0.5,
// and NaN where there is no number.
func (g *Graph) fold(op Op, args []*Node) *Node {
	if len(args) == 0 || op.IsTest() || op.IsReduction() || op == Softmax {
		return nil
	}
	var v [3]float64
	ints := true
	for i, a := range args {
		if a.Op != Const {
			return nil
		}
		v[i] = a.Value
		ints = ints && (a.Int || op == Select && i == 0)
	}
	r, ok := EvalScalar(op, v[:len(args)])
	if !ok {
		return nil
	}
	switch op {
	case Add, Sub, Mul, Neg, Min, Max, Abs, Square, Sign, Select, Floor, Ceil, Round, Trunc, Rem, Pow:
		if ints && (op != Pow || v[1] >= 0) {
			if math.IsNaN(r) || math.Abs(r) >= maxInt {
				return nil // typed by the call
			}
			return g.Const(r + 0) // not -0
		}
	case Stop, BitAnd, BitOr, BitXor, Shl, Shr, BitNot:
		return nil
	}
	if math.IsNaN(r) {
		r = math.NaN()
	}
	return g.Float(r)
}

// maxInt bounds the constants that are exact.
const maxInt = 1 << 53

// is reports whether n is the constant v.
func (n *Node) is(v float64) bool { return n.Op == Const && n.Value == v }

// simplify applies the rewrites. It returns nil where there is none.
//
// A rewrite must hold for whatever dtypes a call gives the inputs, integers
// included, and for whatever real numbers they are. It may turn the NaN or
// the infinity of an intermediate overflow into the number that the formula
// means, it may treat -0 as 0, and it must not find a number where the formula
// has none, such as in exp(log(-1)).
func (g *Graph) simplify(op Op, args []*Node) *Node {
	if op.IsReduction() && !args[0].Varies {
		return g.reduceOne(op, args[0])
	}
	a := args0(args, 0)
	b := args0(args, 1)
	switch op {
	case Neg:
		if a.Op == Neg {
			return a.Args[0]
		}
		if a.Op == Sub {
			return g.Of(Sub, a.Args[1], a.Args[0])
		}
	case Not:
		switch a.Op {
		case Not:
			return a.Args[0]
		case Eq: // NaN included
			return g.Of(Ne, a.Args[0], a.Args[1])
		case Ne:
			return g.Of(Eq, a.Args[0], a.Args[1])
		}
	case Add:
		return g.simplifyAdd(a, b)
	case Sub:
		return g.simplifySub(a, b)
	case Mul:
		return g.simplifyMul(a, b)
	case Div:
		return g.simplifyDiv(a, b)
	case Recip:
		return g.reciprocal(a)
	case Pow:
		return g.simplifyPow(a, b)
	case Sqrt:
		// sqrt(x*x) overflows and its derivative is 0/0 at 0.
		if a.Op == Square {
			return g.Of(Abs, g.float(a.Args[0]))
		}
	case Abs:
		if a.Op == Abs || a.facts&nonneg != 0 && g.isFloat(a) {
			return a
		}
		if a.Op == Neg && g.isFloat(a) { // not of unsigned integers
			return g.Of(Abs, a.Args[0])
		}
	case Square:
		if a.Op == Neg || a.Op == Abs {
			return g.Of(Square, a.Args[0])
		}
	case Log:
		return g.simplifyLog(a)
	case Tanh:
		if a.Op == Softplus {
			return g.Of(TanhSoftplus, a.Args[0])
		}
	case Log1p:
		switch a.Op {
		case Exp:
			return g.Of(Softplus, a.Args[0])
		case Expm1:
			return g.float(a.Args[0])
		}
	case Exp:
		if a.Op == Log && a.Args[0].facts&nonneg != 0 {
			return g.float(a.Args[0])
		}
	case Expm1:
		if a.Op == Log1p && a.Args[0].facts&nonneg != 0 {
			return g.float(a.Args[0])
		}
	case Float:
		if g.isFloat(a) {
			return a
		}
	case Stop:
		if a.Op == Const || a.Op == ParamOp || a.Op == Stop {
			return a
		}
	case Select:
		if args[1] == args[2] && (args[1].Varies || !a.Varies) {
			return args[1]
		}
	case Min, Max, And, Or:
		if a == b {
			return a
		}
	case Softmax:
		if !a.Varies {
			return g.softmaxOne(a)
		}
		// Shifts by one value for the row change nothing.
		if u := dropShift(a); u != a {
			return g.Of(Softmax, u)
		}
	case Sum:
		return g.simplifySum(a)
	}
	return nil
}

func args0(args []*Node, i int) *Node {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// reduceOne is a reduction over a row of equal values.
func (g *Graph) reduceOne(op Op, x *Node) *Node {
	size := g.raw(Size)
	switch op {
	case Sum:
		return g.Of(Mul, x, size)
	case Mean:
		return g.float(x)
	case MaxOf, MinOf, Any, All:
		return x
	case Prod:
		return g.Of(Pow, x, size)
	case Var: // 0, not -0; NaN of an infinity or NaN
		return g.Of(Sub, g.float(x), g.float(x))
	case LogSumExp:
		return g.Of(Add, x, g.Of(Log, size))
	}
	return nil
}

// softmaxOne is the softmax of a row of equal values: 1/size, or NaN of an
// infinity or NaN, but zero of -inf.
func (g *Graph) softmaxOne(x *Node) *Node {
	one := g.Of(Exp, g.Of(Sub, x, x))
	masked := g.Of(Eq, x, g.Float(math.Inf(-1)))
	return g.Of(Select, masked, g.Float(0), g.Of(Div, one, g.raw(Size)))
}

// reciprocal is 1/x, a float even of integers.
func (g *Graph) reciprocal(x *Node) *Node {
	if g.isFloat(x) {
		return g.Of(Div, g.Const(1), x)
	}
	return g.Of(Div, g.Float(1), x)
}

func (g *Graph) simplifyPow(a, b *Node) *Node {
	switch {
	case b.Op != Const:
	case b.is(1) && b.Int:
		return a
	case b.is(1):
		return g.float(a)
	case b.is(2) && b.Int:
		return g.Of(Square, a)
	case b.is(2):
		return g.Of(Square, g.float(a))
	case b.is(0.5): // of -inf, C's pow has inf
		return g.Of(Sqrt, a)
	case b.is(-0.5):
		return g.Of(Rsqrt, a)
	case b.is(-1):
		return g.reciprocal(a)
	}
	return nil
}

// simplifySum takes factors that are one value for the row out of a sum. It
// leaves divisions: those of integers are not exact.
func (g *Graph) simplifySum(a *Node) *Node {
	switch a.Op {
	case Neg:
		return g.Of(Neg, g.Of(Sum, a.Args[0]))
	case Mul:
		c, x := a.Args[0], a.Args[1]
		if c.Varies {
			c, x = x, c
		}
		// A float factor keeps integers from summing up as integers.
		if !c.Varies && (g.isFloat(x) || c.Op == Const && c.Int) {
			return g.Of(Mul, c, g.Of(Sum, x))
		}
	}
	return nil
}

// expOf returns u if n is exp(u), else nil.
func expOf(n *Node) *Node {
	if n.Op == Exp {
		return n.Args[0]
	}
	return nil
}

// onePlusExp returns u if n is 1 + exp(u), else nil.
func onePlusExp(n *Node) *Node {
	if n.Op != Add {
		return nil
	}
	switch {
	case n.Args[0].is(1):
		return expOf(n.Args[1])
	case n.Args[1].is(1):
		return expOf(n.Args[0])
	}
	return nil
}

func (g *Graph) simplifyAdd(a, b *Node) *Node {
	switch {
	case b.Op == Neg:
		return g.Of(Sub, a, b.Args[0])
	case a.Op == Neg:
		return g.Of(Sub, b, a.Args[0])
	case b.is(-1) && a.Op == Exp:
		return g.Of(Expm1, a.Args[0])
	case a.is(-1) && b.Op == Exp:
		return g.Of(Expm1, b.Args[0])
	case a == b:
		return g.Of(Mul, g.Const(2), a)
	}
	// m + logsumexp(x - m) is logsumexp(x): the stabiliser has done its work.
	for _, p := range [2][2]*Node{{a, b}, {b, a}} {
		m, l := p[0], p[1]
		if l.Op != LogSumExp || m.Varies {
			continue
		}
		if u := l.Args[0]; u.Op == Sub && u.Args[1] == m && u.Args[0].Varies {
			return g.Of(LogSumExp, u.Args[0])
		}
	}
	return nil
}

func (g *Graph) simplifySub(a, b *Node) *Node {
	switch {
	case b.Op == Neg:
		return g.Of(Add, a, b.Args[0])
	case b.is(1) && a.Op == Exp:
		return g.Of(Expm1, a.Args[0])
	case a.is(1) && b.Op == Sigmoid:
		return g.Of(Sigmoid, g.minus(b.Args[0]))
	}
	// (x - m) - logsumexp(x - m) is x - logsumexp(x).
	if b.Op == LogSumExp && b.Args[0] == a {
		if x := dropShift(a); x != a {
			return g.Of(Sub, x, g.Of(LogSumExp, x))
		}
	}
	return nil
}

func (g *Graph) simplifyMul(a, b *Node) *Node {
	switch {
	case b.Op == Const && a.Op != Const:
		return g.Of(Mul, b, a) // constants first
	case a.is(1) && a.Int:
		return b
	case a.is(1):
		return g.float(b)
	case a.is(-1) && a.Int:
		return g.Of(Neg, b)
	case a.is(-1):
		return g.Of(Neg, g.float(b))
	case a.Op == Neg && b.Op == Neg:
		return g.Of(Mul, a.Args[0], b.Args[0])
	case a.Op == Neg:
		return g.Of(Neg, g.Of(Mul, a.Args[0], b))
	case b.Op == Neg:
		return g.Of(Neg, g.Of(Mul, a, b.Args[0]))
	case a == b:
		return g.Of(Square, a)
	case b.Op == Sigmoid && b.Args[0] == a:
		return g.Of(Silu, a)
	case a.Op == Sigmoid && a.Args[0] == b:
		return g.Of(Silu, b)
	case b.Op == Mul && moderate(a) && moderate(b.Args[0]):
		return g.Of(Mul, g.Of(Mul, a, b.Args[0]), b.Args[1])
	}
	return nil
}

// moderate reports whether n is a constant whose product with another such
// one neither overflows nor underflows in float32.
func moderate(n *Node) bool {
	v := math.Abs(n.Value)
	return n.Op == Const && v >= 1e-15 && v <= 1e15
}

func (g *Graph) simplifyDiv(a, b *Node) *Node {
	if b.is(1) {
		if b.Int && a.facts&number == 0 {
			return a
		}
		return g.float(a)
	}
	if u := onePlusExp(b); u != nil {
		switch {
		case a.is(1): // 1/(1+exp u)
			return g.Of(Sigmoid, g.minus(u))
		case expOf(a) == u: // exp(u)/(1+exp u)
			return g.Of(Sigmoid, u)
		case g.minus(u) == a: // x/(1+exp -x)
			return g.Of(Silu, a)
		default:
			return g.Of(Mul, a, g.Of(Sigmoid, g.minus(u)))
		}
	}
	// exp(x-m)/sum(exp(x-m)) is softmax(x) for any m of the whole row.
	if u := expOf(a); u != nil && b.Op == Sum && b.Args[0] == a && u.Varies {
		return g.Of(Softmax, dropShift(u))
	}
	if a.is(1) && b.Op == Sqrt {
		return g.Of(Rsqrt, b.Args[0])
	}
	if a.Op == Neg && (g.isFloat(a) || g.isFloat(b)) { // not of unsigned integers
		return g.Of(Neg, g.Of(Div, a.Args[0], b))
	}
	if b.Op == Neg && (g.isFloat(a) || g.isFloat(b)) {
		return g.Of(Neg, g.Of(Div, a, b.Args[0]))
	}
	return nil
}

// minus returns -u for the argument u of a function of floats. It takes a
// minus off, which unsigned integers did not mean, and adds none to them.
func (g *Graph) minus(u *Node) *Node {
	switch {
	case u.Op == Neg:
		return u.Args[0]
	case u.Op == Sub:
		return g.Of(Sub, u.Args[1], u.Args[0])
	}
	return g.Of(Neg, g.float(u))
}

// dropShift returns u without the values of the whole row subtracted from it.
func dropShift(u *Node) *Node {
	for u.Op == Sub && u.Args[0].Varies && !u.Args[1].Varies {
		u = u.Args[0]
	}
	return u
}

func (g *Graph) simplifyLog(a *Node) *Node {
	switch a.Op {
	case Exp:
		return g.float(a.Args[0])
	case Softmax: // x - logsumexp(x), but -inf, not NaN, of a row of -inf
		l := g.Of(LogSumExp, a.Args[0])
		masked := g.Of(Eq, l, g.Float(math.Inf(-1)))
		return g.Of(Sub, a.Args[0], g.Of(Select, masked, g.Float(0), l))
	case Sigmoid: // -softplus(-x)
		return g.Of(Neg, g.Of(Softplus, g.minus(a.Args[0])))
	case Add:
		if u := onePlusExp(a); u != nil {
			return g.Of(Softplus, u)
		}
		x, y := a.Args[0], a.Args[1]
		switch {
		case x.is(1):
			return g.Of(Log1p, y)
		case y.is(1):
			return g.Of(Log1p, x)
		case x.Op == Exp && y.Op == Exp:
			return g.Of(LogAddExp, x.Args[0], y.Args[0])
		}
	case Sum:
		// The shift stays: logsumexp(x) - m cancels where m is near.
		if u := expOf(a.Args[0]); u != nil {
			return g.Of(LogSumExp, u)
		}
	}
	return nil
}
