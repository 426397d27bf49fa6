package formula

// This file implements making nodes: constants are folded, and forms that lose
// precision or overflow become the stable functions they stand for.

import "math"

// Of returns the node of an operation, simplified.
func (g *Graph) Of(op Op, args ...*Node) *Node {
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

// fold computes an operation on constants.
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
		ints = ints && a.Int
	}
	r, ok := EvalScalar(op, v[:len(args)])
	if !ok || math.IsNaN(r) {
		return nil
	}
	switch op {
	case Add, Sub, Mul, Neg, Min, Max, Abs, Square, Sign:
		if ints {
			return g.Const(r)
		}
	case Uniform, Stop, Float, BitAnd, BitOr, BitXor, Shl, Shr, BitNot, Rem:
		return nil // typed by the call
	}
	return g.Float(r)
}

// is reports whether n is the constant v.
func (n *Node) is(v float64) bool { return n.Op == Const && n.Value == v }

// simplify applies the rewrites. It returns nil where there is none.
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
		if a.Op == Not {
			return a.Args[0]
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
		return g.Of(Div, g.Const(1), a)
	case Pow:
		switch {
		case b.is(1):
			return a
		case b.is(2):
			return g.Of(Square, a)
		case b.is(0.5):
			return g.Of(Sqrt, a)
		case b.is(-1):
			return g.Of(Div, g.Const(1), a)
		}
	case Sqrt:
		// sqrt(x*x) overflows and its derivative is 0/0 at 0.
		if a.Op == Square {
			return g.Of(Abs, a.Args[0])
		}
	case Abs:
		if a.Op == Abs || a.Op == Square || a.Op == Exp || a.Op == Sigmoid {
			return a
		}
		if a.Op == Neg {
			return g.Of(Abs, a.Args[0])
		}
	case Square:
		if a.Op == Neg || a.Op == Abs {
			return g.Of(Square, a.Args[0])
		}
	case Log:
		return g.simplifyLog(a)
	case Log1p:
		switch a.Op {
		case Exp:
			return g.Of(Softplus, a.Args[0])
		case Expm1:
			return a.Args[0]
		}
	case Exp:
		if a.Op == Log {
			return a.Args[0]
		}
	case Expm1:
		if a.Op == Log1p {
			return a.Args[0]
		}
	case Stop:
		if a.Op == Const || a.Op == ParamOp || a.Op == Stop {
			return a
		}
	case Select:
		if args[1] == args[2] {
			return args[1]
		}
	case Min, Max, And, Or:
		if a == b {
			return a
		}
	case Sum:
		// sum(c*x) is c*sum(x) where c is one value for the row.
		if a.Op == Neg {
			return g.Of(Neg, g.Of(Sum, a.Args[0]))
		}
		if a.Op == Mul || a.Op == Div {
			x, y := a.Args[0], a.Args[1]
			switch {
			case !y.Varies:
				return g.Of(a.Op, g.Of(Sum, x), y)
			case !x.Varies && a.Op == Mul:
				return g.Of(Mul, x, g.Of(Sum, y))
			}
		}
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
	size := g.raw(Float, g.raw(Size))
	switch op {
	case Sum:
		return g.Of(Mul, x, size)
	case Mean, MaxOf, MinOf, Any, All:
		return x
	case Prod:
		return g.Of(Pow, x, size)
	case Var:
		return g.Of(Mul, x, g.Const(0))
	case LogSumExp:
		return g.Of(Add, x, g.Of(Log, size))
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
	// m + (logsumexp(x) - m) is logsumexp(x): the stabiliser has done its work.
	for _, p := range [2][2]*Node{{a, b}, {b, a}} {
		if p[1].Op == Sub && p[1].Args[1] == p[0] && p[1].Args[0].Op == LogSumExp {
			return p[1].Args[0]
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
		return g.Of(Sigmoid, g.Of(Neg, b.Args[0]))
	}
	// (x - m) - (logsumexp(x) - m) is x - logsumexp(x).
	if a.Op == Sub && b.Op == Sub && a.Args[1] == b.Args[1] && b.Args[0].Op == LogSumExp {
		return g.Of(Sub, a.Args[0], b.Args[0])
	}
	return nil
}

func (g *Graph) simplifyMul(a, b *Node) *Node {
	switch {
	case a.is(1):
		return b
	case b.is(1):
		return a
	case a.is(-1):
		return g.Of(Neg, b)
	case b.is(-1):
		return g.Of(Neg, a)
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
	case b.Op == Const && a.Op != Const:
		return g.Of(Mul, b, a) // constants first
	case a.Op == Const && b.Op == Mul && b.Args[0].Op == Const && !(a.Int && b.Args[0].Int):
		return g.Of(Mul, g.Of(Mul, a, b.Args[0]), b.Args[1])
	}
	return nil
}

func (g *Graph) simplifyDiv(a, b *Node) *Node {
	if b.is(1) {
		return a
	}
	if u := onePlusExp(b); u != nil {
		switch {
		case a.is(1): // 1/(1+exp u)
			return g.Of(Sigmoid, g.Of(Neg, u))
		case expOf(a) == u: // exp(u)/(1+exp u)
			return g.Of(Sigmoid, u)
		case g.Of(Neg, u) == a: // x/(1+exp -x)
			return g.Of(Silu, a)
		default:
			return g.Of(Mul, a, g.Of(Sigmoid, g.Of(Neg, u)))
		}
	}
	// exp(x-m)/sum(exp(x-m)) is softmax(x) for any m of the whole row.
	if u := expOf(a); u != nil && b.Op == Sum && b.Args[0] == a && u.Varies {
		return g.Of(Softmax, dropShift(u))
	}
	if a.is(1) && b.Op == Sqrt {
		return g.Of(Rsqrt, b.Args[0])
	}
	if a.Op == Neg {
		return g.Of(Neg, g.Of(Div, a.Args[0], b))
	}
	return nil
}

// dropShift returns u without a subtracted value of the whole row.
func dropShift(u *Node) *Node {
	for u.Op == Sub && u.Args[0].Varies && !u.Args[1].Varies {
		u = u.Args[0]
	}
	return u
}

func (g *Graph) simplifyLog(a *Node) *Node {
	switch a.Op {
	case Exp:
		return a.Args[0]
	case Softmax:
		return g.Of(Sub, a.Args[0], g.Of(LogSumExp, a.Args[0]))
	case Sigmoid: // -softplus(-x)
		return g.Of(Neg, g.Of(Softplus, g.Of(Neg, a.Args[0])))
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
		if u := expOf(a.Args[0]); u != nil {
			if v := dropShift(u); v != u { // log(sum(exp(x-m))) is logsumexp(x) - m
				return g.Of(Sub, g.Of(LogSumExp, v), u.Args[1])
			}
			return g.Of(LogSumExp, u)
		}
	}
	return nil
}
