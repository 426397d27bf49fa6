package formula

// This file implements the functions of definitions.

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// A function is what a definition can call.
type function struct {
	usage    string
	min, max int  // arguments; max -1: any number
	reduces  bool // with one argument: over the row
	ofBool   string
	build    func(d *definer, a []*Node) *Node
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Functions lists the functions of definitions as calls, such as
// "atan2(a, b)"; those of one or several arguments twice.
func Functions() []string {
	var calls []string
	for _, name := range sortedKeys(functions) {
		calls = append(calls, strings.Split(functions[name].usage, " or ")...)
	}
	return calls
}

// functions holds all functions by name.
var functions = func() map[string]*function {
	m := map[string]*function{}
	add := func(name, args string, n int, build func(d *definer, a []*Node) *Node) *function {
		f := &function{usage: name + "(" + args + ")", min: n, max: n, build: build}
		m[name] = f
		return f
	}
	op := func(name, args string, o Op) *function {
		return add(name, args, o.Args(), func(d *definer, a []*Node) *Node { return d.g.Of(o, a...) })
	}
	for _, o := range []Op{
		Abs, Sign, Square, Sqrt, Rsqrt, Recip, Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sin, Cos, Tan, Asin, Acos, Atan,
		Sinh, Cosh, Tanh, Asinh, Acosh, Atanh, Erf, Erfinv, Sigmoid, Softplus, Silu, TanhSoftplus, Gelu, GeluTanh, Floor, Ceil, Round, Trunc,
		IsNan, IsInf,
	} {
		op(o.String(), "x", o)
	}
	op("fabs", "x", Abs)
	op("rint", "x", Round)
	for _, o := range []Op{Pow, Atan2, CopySign, LogAddExp} {
		op(o.String(), "a, b", o)
	}
	op("powr", "a, b", Pow)
	op("fmod", "a, b", Rem)
	op("divide", "a, b", Div)
	add("stop", "x", 1, func(d *definer, a []*Node) *Node {
		if a[0].Op.IsTest() {
			return a[0] // has no derivative anyway
		}
		return d.g.Of(Stop, a[0])
	})
	add("index", "", 0, func(d *definer, a []*Node) *Node { return d.g.Of(Index) })
	add("size", "", 0, func(d *definer, a []*Node) *Node { return d.g.Of(Size) })
	add("uniform", "key", 1, uniform)

	// Reductions. Of bools, sum counts and mean is the share.
	for _, r := range []struct {
		op     Op
		ofBool string
	}{
		{Sum, ""}, {Mean, ""}, {Prod, "all(…)"}, {Var, "var(c ? 1 : 0)"}, {LogSumExp, "logsumexp(c ? a : b)"},
		{ArgMax, "argmax(c ? 1 : 0)"}, {ArgMin, "argmin(c ? 1 : 0)"}, {Softmax, "softmax(c ? a : b)"},
	} {
		f := op(r.op.String(), "x", r.op)
		f.reduces, f.ofBool = true, r.ofBool
	}
	for _, o := range []Op{Any, All} {
		f := op(o.String(), "x", o)
		f.reduces = true
	}
	extreme := func(name string, one, two Op, ofBool string) {
		f := add(name, "x) or "+name+"(a, b", 1, func(d *definer, a []*Node) *Node {
			if len(a) == 1 {
				return d.g.Of(one, a[0])
			}
			return d.fold(two, a)
		})
		f.max, f.reduces, f.ofBool = -1, true, ofBool
	}
	extreme("max", MaxOf, Max, "any(…)")
	extreme("min", MinOf, Min, "all(…)")
	nested := func(o Op, args string, n int, names ...string) {
		for _, name := range names {
			add(name, args, n, func(d *definer, a []*Node) *Node { return d.fold(o, a) })
		}
	}
	nested(Max, "a, b", 2, "fmax")
	nested(Min, "a, b", 2, "fmin")
	nested(Max, "a, b, c", 3, "max3", "fmax3")
	nested(Min, "a, b, c", 3, "min3", "fmin3")

	// Choices.
	add("select", "a, b, c", 3, func(d *definer, a []*Node) *Node { return d.choose(a[2], a[1], a[0]) })
	add("where", "c, a, b", 3, func(d *definer, a []*Node) *Node { return d.choose(a[0], a[1], a[2]) })
	add("isfinite", "x", 1, func(d *definer, a []*Node) *Node {
		return d.g.Of(Not, d.g.Of(Or, d.g.Of(IsNan, a[0]), d.g.Of(IsInf, a[0])))
	})
	add("signbit", "x", 1, func(d *definer, a []*Node) *Node {
		return d.g.Of(Lt, d.g.Of(CopySign, d.g.Const(1), a[0]), d.g.Const(0))
	})

	// Compositions.
	add("relu", "x", 1, func(d *definer, a []*Node) *Node {
		return d.g.Select(d.g.Of(Gt, a[0], d.g.Const(0)), a[0], d.g.Const(0))
	})
	add("clamp", "x, lo, hi", 3, clamp)
	add("saturate", "x", 1, func(d *definer, a []*Node) *Node { return clamp(d, []*Node{a[0], d.g.Float(0), d.g.Float(1)}) })
	add("mix", "a, b, t", 3, func(d *definer, a []*Node) *Node {
		return d.g.Add(a[0], d.g.Mul(d.g.Sub(a[1], a[0]), a[2]))
	})
	add("step", "edge, x", 2, func(d *definer, a []*Node) *Node {
		return d.g.Select(d.g.Of(Lt, a[1], a[0]), d.g.Float(0), d.g.Float(1))
	})
	add("smoothstep", "a, b, x", 3, func(d *definer, a []*Node) *Node {
		g := d.g
		t := clamp(d, []*Node{g.Div(g.Of(Float, g.Sub(a[2], a[0])), g.Sub(a[1], a[0])), g.Float(0), g.Float(1)})
		return g.Mul(g.Of(Square, t), g.Sub(g.Const(3), g.Mul(g.Const(2), t)))
	})
	for _, name := range []string{"median3", "fmedian3"} {
		add(name, "a, b, c", 3, func(d *definer, a []*Node) *Node {
			g := d.g
			return g.Of(Max, g.Of(Min, a[0], a[1]), g.Of(Min, g.Of(Max, a[0], a[1]), a[2]))
		})
	}
	add("fma", "a, b, c", 3, func(d *definer, a []*Node) *Node { return d.g.Add(d.g.Mul(a[0], a[1]), a[2]) })
	add("fdim", "a, b", 2, func(d *definer, a []*Node) *Node { // NaN stays, inf - inf does not make one
		return d.g.Select(d.g.Of(Le, a[0], a[1]), d.g.Float(0), d.g.Sub(a[0], a[1]))
	})
	add("fract", "x", 1, func(d *definer, a []*Node) *Node { return d.g.Sub(a[0], d.g.Of(Floor, a[0])) })
	add("exp10", "x", 1, func(d *definer, a []*Node) *Node { return d.g.Of(Pow, d.g.Float(10), a[0]) })
	add("ldexp", "x, k", 2, func(d *definer, a []*Node) *Node { return d.g.Mul(a[0], d.g.Of(Exp2, a[1])) })
	// Whole periods are taken off before the product with pi rounds.
	periodic := func(name string, o Op, period float64) {
		add(name, "x", 1, func(d *definer, a []*Node) *Node {
			g := d.g
			x := g.Of(Float, a[0])
			whole := g.Mul(g.Float(period), g.Of(Round, g.Mul(g.Float(1/period), x)))
			return g.Of(o, g.Mul(g.Float(math.Pi), g.Sub(x, whole)))
		})
	}
	periodic("sinpi", Sin, 2)
	periodic("cospi", Cos, 2)
	periodic("tanpi", Tan, 1)
	return m
}()

// fold joins arguments with an operation of two, from the left.
func (d *definer) fold(op Op, args []*Node) *Node {
	n := args[0]
	for _, a := range args[1:] {
		n = d.g.Of(op, n, a)
	}
	return n
}

// clamp is min(max(x, lo), hi).
func clamp(d *definer, a []*Node) *Node { return d.g.Of(Min, d.g.Of(Max, a[0], a[1]), a[2]) }

// uniform takes its key before the call.
func uniform(d *definer, a []*Node) *Node {
	if a[0].Op != ParamOp && a[0].Op != Const {
		d.errs.Errorf(d.g.Span, NotConstant, "the key of uniform is neither a parameter nor a constant").
			Hint = "declare it after ';', as in dropout(x; key, p=0.1)"
		return nil
	}
	return d.g.Of(Uniform, a[0])
}
