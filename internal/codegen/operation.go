package codegen

// This file implements the typing of each operation, and the forms that
// reductions take.

import (
	"errors"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// real returns the float dtype in which the function of a dtype is: float32
// for integers and bools.
func realOf(d dtype.DType, s strength) (dtype.DType, strength) {
	switch {
	case d.IsFloat():
		return d, s
	case s == strong:
		return dtype.Float32, strong
	}
	return dtype.Float32, weak
}

// arithmetic returns the dtype of arithmetic on d.
func arithmetic(d dtype.DType) dtype.DType {
	if d == dtype.Bool {
		return dtype.Int32
	}
	return d
}

// typed makes an operation whose arguments and result are of dtype d.
func (p *plan) typed(op formula.Op, d dtype.DType, s strength, args ...operand) (operand, error) {
	t := p.compute(d)
	nodes := make([]*node, len(args))
	for i, a := range args {
		var err error
		if nodes[i], err = p.cast(a, t); err != nil {
			return operand{}, err
		}
	}
	return operand{p.of(op, t, nodes...), d, s}, nil
}

// truth returns o as a bool.
func (p *plan) truth(o operand) *node {
	if o.typ == dtype.Bool {
		return o.node
	}
	return p.of(formula.Ne, dtype.Bool, o.node, p.constant(0, o.typ))
}

// operation makes the typed form of n.
func (p *plan) operation(n *formula.Node, args []operand) (operand, error) {
	switch n.Op {
	case formula.Input, formula.ParamOp, formula.Const, formula.Index, formula.Size, formula.Uniform:
		return p.leaf(n)
	case formula.Softmax:
		return p.softmax(args[0])
	case formula.Cast:
		return p.round(args[0], dtype.DType(n.Index))
	}
	if n.Op.IsReduction() {
		return p.reduction(n.Op, args[0])
	}
	var d dtype.DType
	var s strength
	switch len(args) {
	case 1:
		d, s = args[0].dtype, args[0].strength
	case 2:
		d, s = promote(args[0], args[1])
	case 3:
		d, s = promote(args[1], args[2])
	default:
		return operand{}, errors.New("not an operation of definitions")
	}
	r, rs := realOf(d, s)
	switch n.Op {
	case formula.Add, formula.Sub, formula.Mul, formula.Rem:
		return p.typed(n.Op, arithmetic(d), s, args...)
	case formula.Min, formula.Max:
		return p.typed(n.Op, d, s, args...)
	case formula.Div:
		if !d.IsFloat() && (integer(args[0]) || integer(args[1])) {
			return p.typed(n.Op, d, s, args...)
		}
		r, rs = realOf(d, min(s, soft)) // numbers and bools divide as numbers
	case formula.Pow:
		if e := args[1]; e.strength == weak && e.op == formula.Const && e.val < 0 {
			break // no integer
		}
		return p.typed(n.Op, arithmetic(d), s, args...)
	case formula.BitAnd, formula.BitOr, formula.BitXor, formula.Shl, formula.Shr, formula.BitNot:
		if d.IsFloat() {
			return operand{}, fmt.Errorf("takes integers, not %s", d)
		}
		if n.Op == formula.Shl || n.Op == formula.Shr || n.Op == formula.BitNot {
			d = arithmetic(d)
		}
		return p.typed(n.Op, d, s, args...)
	case formula.Eq, formula.Ne, formula.Lt, formula.Le, formula.Gt, formula.Ge:
		o, err := p.typed(n.Op, d, s, args...)
		if err != nil {
			return o, err
		}
		switch {
		case n.Op == formula.Lt && chance(o.args[0], o.args[1]):
			return p.below(o.args[0], o.args[1]), nil
		case n.Op == formula.Gt && chance(o.args[1], o.args[0]):
			return p.below(o.args[1], o.args[0]), nil
		}
		return p.bool(n.Op, o.args...), nil
	case formula.And, formula.Or:
		return p.bool(n.Op, p.truth(args[0]), p.truth(args[1])), nil
	case formula.Not:
		return p.bool(n.Op, p.truth(args[0])), nil
	case formula.IsNan, formula.IsInf:
		if !d.IsFloat() {
			return operand{p.constant(0, dtype.Bool), dtype.Bool, strong}, nil
		}
		return p.bool(n.Op, args[0].node), nil
	case formula.Select:
		a, err := p.cast(args[1], p.compute(d))
		if err != nil {
			return operand{}, err
		}
		b, err := p.cast(args[2], p.compute(d))
		if err != nil {
			return operand{}, err
		}
		return operand{p.of(n.Op, p.compute(d), p.truth(args[0]), a, b), d, s}, nil
	case formula.Stop:
		return args[0], nil
	case formula.Float:
		if d.IsFloat() {
			return args[0], nil
		}
		x, err := p.cast(args[0], p.real)
		return operand{x, dtype.Float32, weak}, err
	case formula.Floor, formula.Ceil, formula.Round, formula.Trunc:
		if !d.IsFloat() {
			return args[0], nil
		}
	case formula.Abs:
		if d.Kind() == dtype.KindUint {
			return args[0], nil
		}
		return p.typed(n.Op, arithmetic(d), s, args...)
	case formula.Neg, formula.Sign, formula.Square:
		return p.typed(n.Op, arithmetic(d), s, args...)
	}
	return p.typed(n.Op, r, rs, args...) // the functions of real numbers
}

// integer reports whether o is of an integer type, and not just a number that
// takes on whatever type it meets.
func integer(o operand) bool { return o.dtype.IsInteger() && o.strength != weak }

func (p *plan) bool(op formula.Op, args ...*node) operand {
	return operand{p.of(op, dtype.Bool, args...), dtype.Bool, strong}
}

// round makes o a value of dtype d, as if it were stored and read back.
func (p *plan) round(o operand, d dtype.DType) (operand, error) {
	if !d.Valid() || d == dtype.Complex64 {
		return operand{}, fmt.Errorf("definitions do not compute with %s", d)
	}
	exact := o.dtype == d && o.op == formula.Input
	x, err := p.cast(operand{o.node, o.dtype, strong}, p.compute(d))
	if err != nil {
		return operand{}, err
	}
	if d.IsFloat() && d != p.real && !exact {
		x = p.node(node{op: formula.Cast, typ: p.real, args: []*node{x}, index: int(d)})
	}
	return operand{x, d, strong}, nil
}

// leaf makes an operation without arguments.
func (p *plan) leaf(n *formula.Node) (operand, error) {
	switch n.Op {
	case formula.Input:
		in := &p.inputs[n.Index]
		varies := in.layout != Scalar && (!p.row || in.layout != PerRow && !in.row)
		return operand{p.node(node{op: n.Op, typ: p.compute(in.dtype), index: n.Index, varies: varies}), in.dtype, strong}, nil
	case formula.ParamOp:
		return operand{p.node(node{op: n.Op, typ: p.real, index: n.Index}), dtype.Float32, weak}, nil
	case formula.Const:
		d := dtype.Float32
		if n.Int {
			if d = dtype.Int32; fits(n.Value, d) != nil {
				d = dtype.Int64
			}
		}
		return operand{p.constant(n.Value, p.compute(d)), d, weak}, nil
	case formula.Index:
		return operand{p.node(node{op: n.Op, typ: dtype.Uint32, varies: true}), dtype.Uint32, soft}, nil
	case formula.Size:
		return operand{p.node(node{op: n.Op, typ: dtype.Uint32}), dtype.Uint32, soft}, nil
	}
	key := n.Args[0]
	u := node{op: formula.Uniform, typ: p.real, index: -1, varies: true}
	switch {
	case key.Op == formula.ParamOp:
		u.index = key.Index
	case key.Op == formula.Const && key.Value == math.Trunc(key.Value) && key.Value >= 0 && key.Value < 1<<53:
		u.val = key.Value
	default:
		return operand{}, errors.New("the key has to be a parameter or a whole number from 0 to 2^53-1")
	}
	return operand{p.node(u), dtype.Float32, weak}, nil
}

// chance reports whether u is a random number to be compared with one number
// throughout.
func chance(u, x *node) bool {
	return u.op == formula.Uniform && u.typ == dtype.Float32 && !x.varies
}

// below makes u < x of words: u is below x if its 24 bits are below the least
// integer that is no less than x * 2^24, a product without error.
func (p *plan) below(u, x *node) operand {
	const all = 1 << 24
	limit := p.of(formula.Ceil, u.typ, p.of(formula.Mul, u.typ, x, p.constant(all, u.typ)))
	limit = p.of(formula.Min, u.typ, limit, p.constant(all, u.typ))
	some := p.of(formula.Gt, dtype.Bool, x, p.constant(0, u.typ))
	count := p.of(formula.Select, dtype.Uint32, some, p.of(opCast, dtype.Uint32, limit), p.constant(0, dtype.Uint32))
	return p.bool(opBelow, u, count)
}

// total makes the sum of a row.
func (p *plan) total(x *node) *node { return p.of(formula.Sum, x.typ, x) }

// mean makes the mean of a row.
func (p *plan) mean(x *node) *node {
	count := p.of(opCast, p.real, p.of(formula.Size, dtype.Uint32))
	return p.of(formula.Div, p.real, p.total(x), count)
}

// shifted makes exp(x - m) with m the greatest of the row, and m. For rows of
// -inf m is 0: exp(-inf - -inf) would be NaN. Where 16 bits of the result count,
// the exponential may be that of base 2 of a rounded product.
func (p *plan) shifted(x *node, index int, d dtype.DType) (e, m *node) {
	m = p.node(node{op: formula.MaxOf, typ: p.real, args: []*node{x}, index: index})
	m = p.of(formula.Select, p.real, p.of(formula.Eq, dtype.Bool, m, p.constant(math.Inf(-1), p.real)), p.constant(0, p.real), m)
	e = p.of(formula.Sub, p.real, x, m)
	if p.call.GPU && d.Size() == 2 && p.real == dtype.Float32 {
		return p.of(formula.Exp2, p.real, p.of(formula.Mul, p.real, e, p.constant(math.Log2E, p.real))), m
	}
	return p.of(formula.Exp, p.real, e), m
}

func (p *plan) softmax(x operand) (operand, error) {
	d, s := realOf(x.dtype, x.strength)
	v, err := p.cast(x, p.real)
	if err != nil {
		return operand{}, err
	}
	e, _ := p.shifted(v, numbers, d) // the sum finds NaN
	sum := p.total(e)
	// A row of -inf sums to 0 and gives zeros.
	none := p.of(formula.Eq, dtype.Bool, sum, p.constant(0, p.real))
	scale := p.of(formula.Select, p.real, none, p.constant(0, p.real), p.of(formula.Div, p.real, p.constant(1, p.real), sum))
	return operand{p.of(formula.Mul, p.real, e, scale), d, s}, nil
}

// reduction makes the typed form of a reduction.
func (p *plan) reduction(op formula.Op, x operand) (operand, error) {
	d, s := x.dtype, x.strength
	switch op {
	case formula.MaxOf, formula.MinOf, formula.ArgMax, formula.ArgMin:
		if p.d == 0 {
			return operand{}, errors.New("the row is empty, and nothing is greatest or least; give rows of at least one element")
		}
	}
	switch op {
	case formula.Sum, formula.Prod:
		switch d = arithmetic(d); d {
		case dtype.Int8, dtype.Int16:
			d = dtype.Int32
		case dtype.Uint8, dtype.Uint16:
			d = dtype.Uint32
		}
		if !d.IsFloat() {
			s = strong // a count
		}
		return p.typed(op, d, s, x)
	case formula.MaxOf, formula.MinOf:
		if d == dtype.Bool {
			return p.bool(map[formula.Op]formula.Op{formula.MaxOf: formula.Any, formula.MinOf: formula.All}[op], x.node), nil
		}
		return p.typed(op, d, s, x)
	case formula.Any, formula.All:
		return p.bool(op, p.truth(x)), nil
	case formula.ArgMax, formula.ArgMin:
		if d == dtype.Bool {
			v, err := p.cast(x, dtype.Int32)
			if err != nil {
				return operand{}, err
			}
			x.node = v
		}
		return operand{p.of(op, dtype.Uint32, x.node), dtype.Uint32, strong}, nil
	}
	d, s = realOf(d, s)
	v, err := p.cast(x, p.real)
	if err != nil {
		return operand{}, err
	}
	switch op {
	case formula.Mean:
		v = p.mean(v)
	case formula.Var: // in two passes: E[x*x] - E[x]*E[x] would cancel
		v = p.mean(p.of(formula.Square, p.real, p.of(formula.Sub, p.real, v, p.mean(v))))
	case formula.LogSumExp:
		e, m := p.shifted(v, 0, d)
		l := p.of(formula.Add, p.real, m, p.of(formula.Log, p.real, p.total(e)))
		v = p.of(formula.Select, p.real, p.of(formula.IsInf, dtype.Bool, m), m, l)
	default:
		return operand{}, errors.New("not a reduction of definitions")
	}
	return operand{v, d, s}, nil
}
