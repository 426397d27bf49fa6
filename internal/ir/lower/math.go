package lower

// This file implements functions of floats, and those of numbers that floats
// and integers share.

import (
	"math"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func registerMath() {
	for name, op := range map[string]ir.Op{
		"acos": ir.Acos, "acosh": ir.Acosh, "asin": ir.Asin, "asinh": ir.Asinh, "atan": ir.Atan, "atanh": ir.Atanh,
		"cos": ir.Cos, "cosh": ir.Cosh, "cospi": ir.CosPi, "exp": ir.Exp, "exp10": ir.Exp10, "exp2": ir.Exp2,
		"log": ir.Log, "log10": ir.Log10, "log2": ir.Log2, "rsqrt": ir.Rsqrt, "sin": ir.Sin, "sinh": ir.Sinh,
		"sinpi": ir.SinPi, "sqrt": ir.Sqrt, "tan": ir.Tan, "tanh": ir.Tanh, "tanpi": ir.TanPi, "log1p": ir.Log1p,
		"expm1": ir.Expm1, "erf": ir.Erf, "erfinv": ir.Erfinv, "lgamma": ir.Lgamma, "ilogb": ir.Ilogb,
	} {
		builtins[name] = builtin{elem: op1(op)}
	}
	for name, op := range map[string]ir.Op{
		"ceil": ir.Ceil, "floor": ir.Floor, "rint": ir.Rint, "round": ir.Round, "trunc": ir.Trunc,
	} {
		builtins[name] = builtin{elem: op1(op), cheap: true}
	}
	for name, op := range map[string]ir.Op{
		"atan2": ir.Atan2, "fmod": ir.Rem, "pow": ir.Pow, "powr": ir.Pow, "nextafter": ir.NextAfter,
	} {
		builtins[name] = builtin{elem: op2(op)}
	}
	builtins["divide"] = builtin{elem: op2(ir.Div), cheap: true}
	builtins["copysign"] = builtin{elem: op2(ir.CopySign), cheap: true}
	builtins["min"] = builtin{elem: widened(op2(ir.Min)), cheap: true}
	builtins["max"] = builtin{elem: widened(op2(ir.Max)), cheap: true}
	for name, f := range map[string]func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg{
		"abs": lowerAbs, "fract": lowerFract, "saturate": lowerSaturate, "sign": lowerSign, "fdim": lowerFdim,
		"step": lowerStep, "clamp": widened(lowerClamp), "min3": widened(lowerMin3), "max3": widened(lowerMax3),
		"median3": widened(lowerMedian3), "mix": lowerMix, "fma": lowerFMA,
	} {
		builtins[name] = builtin{elem: f, cheap: true}
	}
	builtins["smoothstep"] = builtin{elem: lowerSmoothstep}
	builtins["ldexp"] = builtin{elem: func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
		return l.b.Binary(ir.Ldexp, a[0], l.to(ir.I32, a[1]))
	}}
	for name, f := range map[string]func(l *lowerer, x ir.Reg) (value, second ir.Reg){
		"frexp": (*lowerer).frexp, "modf": (*lowerer).modf, "sincos": (*lowerer).sincos,
	} {
		builtins[name] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
			return l.twoResults(e, f)
		}}
	}
}

func (l *lowerer) float(t ir.Type, v float64) ir.Reg { return l.b.ConstFloat(t, v) }

func lowerAbs(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	if t.IsInt() && !t.IsSigned() || t == ir.Bool {
		return l.b.Copy(a[0])
	}
	return widened(op1(ir.Abs))(l, t, a)
}

// belowOne returns the largest number of a float type that is less than one.
func belowOne(t ir.Type) float64 {
	digits := map[ir.Type]int{ir.F16: 11, ir.BF16: 8, ir.F32: 24, ir.F64: 53}[t]
	return 1 - math.Ldexp(1, -digits)
}

func lowerFract(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	y := l.b.Binary(ir.Sub, a[0], l.b.Unary(ir.Floor, a[0]))
	top := l.float(t, belowOne(t))
	return l.b.Select(l.b.Compare(ir.Gt, y, top), top, y) // a NaN stays one
}

func lowerSaturate(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Min, l.b.Binary(ir.Max, a[0], l.float(t, 0)), l.float(t, 1))
}

// lowerSign keeps the sign of zero, and makes NaN zero.
func lowerSign(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	zero := l.float(t, 0)
	r := l.b.Select(l.b.Compare(ir.Eq, a[0], zero), a[0], zero)
	r = l.b.Select(l.b.Compare(ir.Lt, a[0], zero), l.float(t, -1), r)
	return l.b.Select(l.b.Compare(ir.Gt, a[0], zero), l.float(t, 1), r)
}

func lowerFdim(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Select(l.b.Compare(ir.Le, a[0], a[1]), l.float(t, 0), l.b.Binary(ir.Sub, a[0], a[1]))
}

func lowerStep(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Select(l.b.Compare(ir.Lt, a[1], a[0]), l.float(t, 0), l.float(t, 1))
}

func lowerClamp(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Min, l.b.Binary(ir.Max, a[0], a[1]), a[2])
}

func lowerMin3(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Min, a[0], l.b.Binary(ir.Min, a[1], a[2]))
}

func lowerMax3(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Max, a[0], l.b.Binary(ir.Max, a[1], a[2]))
}

func lowerMedian3(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	low, high := l.b.Binary(ir.Min, a[0], a[1]), l.b.Binary(ir.Max, a[0], a[1])
	return l.b.Binary(ir.Max, low, l.b.Binary(ir.Min, high, a[2]))
}

func lowerMix(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Add, a[0], l.b.Binary(ir.Mul, l.b.Binary(ir.Sub, a[1], a[0]), a[2]))
}

func lowerFMA(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg { return l.b.FMA(a[0], a[1], a[2]) }

func lowerSmoothstep(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x := l.b.Binary(ir.Div, l.b.Binary(ir.Sub, a[2], a[0]), l.b.Binary(ir.Sub, a[1], a[0]))
	x = lowerSaturate(l, t, []ir.Reg{x})
	rest := l.b.Binary(ir.Sub, l.float(t, 3), l.b.Binary(ir.Mul, l.float(t, 2), x))
	return l.b.Binary(ir.Mul, l.b.Binary(ir.Mul, x, x), rest)
}

// twoResults lowers f(x, second), which assigns to its second argument.
func (l *lowerer) twoResults(e *check.Builtin, f func(l *lowerer, x ir.Reg) (value, second ir.Reg)) []ir.Reg {
	x := l.expr(e.Args[0])
	if hasEffects(e.Args[1]) {
		x = l.copies(x)
	}
	p := l.lvalue(e.Args[1])
	value, second := l.regs(len(x)), l.regs(len(x))
	l.fast(e, func() {
		for i, r := range x {
			value[i], second[i] = f(l, r)
		}
	})
	t := l.scalar(e.Args[1].Type().Scalar())
	l.store(&p, l.convertAll(second, t, len(second)))
	return value
}

// frexp returns a fraction of at least a half, less than one, and the power
// of two that x is the fraction's product with. Zeros, infinities and NaN are
// their own fractions.
func (l *lowerer) frexp(x ir.Reg) (fraction, exponent ir.Reg) {
	t := l.b.TypeOf(x)
	zero := l.b.ConstI32(0)
	plain := l.b.Binary(ir.And, l.b.Unary(ir.IsFinite, x), l.b.Compare(ir.Ne, x, l.float(t, 0)))
	exponent = l.b.Select(plain, l.b.Binary(ir.Add, l.b.Unary(ir.Ilogb, x), l.b.ConstI32(1)), zero)
	return l.b.Binary(ir.Ldexp, x, l.b.Binary(ir.Sub, zero, exponent)), exponent
}

func (l *lowerer) modf(x ir.Reg) (fraction, whole ir.Reg) {
	t := l.b.TypeOf(x)
	whole = l.b.Unary(ir.Trunc, x)
	fraction = l.b.Select(l.b.Unary(ir.IsInf, x), l.float(t, 0), l.b.Binary(ir.Sub, x, whole))
	return l.b.Binary(ir.CopySign, fraction, x), whole
}

func (l *lowerer) sincos(x ir.Reg) (sin, cos ir.Reg) {
	return l.b.Unary(ir.Sin, x), l.b.Unary(ir.Cos, x)
}
