package lower

// This file implements functions of vectors as such. Sums go from the first
// element to the last, each product and sum rounded.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func registerGeometry() {
	for name, f := range map[string]func(l *lowerer, a [][]ir.Reg) []ir.Reg{
		"dot":              func(l *lowerer, a [][]ir.Reg) []ir.Reg { return l.one(l.dot(a[0], a[1])) },
		"length_squared":   func(l *lowerer, a [][]ir.Reg) []ir.Reg { return l.one(l.dot(a[0], a[0])) },
		"length":           func(l *lowerer, a [][]ir.Reg) []ir.Reg { return l.one(l.length(a[0])) },
		"distance":         func(l *lowerer, a [][]ir.Reg) []ir.Reg { return l.one(l.length(l.difference(a[0], a[1]))) },
		"distance_squared": lowerDistanceSquared,
		"normalize":        lowerNormalize,
		"cross":            lowerCross,
		"reflect":          lowerReflect,
		"refract":          lowerRefract,
		"faceforward":      lowerFaceforward,
	} {
		builtins[name] = builtin{whole: func(l *lowerer, e *check.Builtin) (v []ir.Reg) {
			args := l.args(e)
			l.fast(e, func() { v = f(l, args) })
			return v
		}}
	}
}

func (l *lowerer) dot(x, y []ir.Reg) ir.Reg {
	s := l.b.Binary(ir.Mul, x[0], y[0])
	for i := 1; i < len(x); i++ {
		s = l.b.Binary(ir.Add, s, l.b.Binary(ir.Mul, x[i], y[i]))
	}
	return s
}

func (l *lowerer) length(x []ir.Reg) ir.Reg { return l.b.Unary(ir.Sqrt, l.dot(x, x)) }

func (l *lowerer) difference(x, y []ir.Reg) []ir.Reg { return l.binaryAll(check.OpSub, x, y) }

// scaled returns x times a scalar.
func (l *lowerer) scaled(x []ir.Reg, by ir.Reg) []ir.Reg {
	return l.binaryAll(check.OpMul, x, l.one(by))
}

func lowerDistanceSquared(l *lowerer, a [][]ir.Reg) []ir.Reg {
	d := l.difference(a[0], a[1])
	return l.one(l.dot(d, d))
}

func lowerNormalize(l *lowerer, a [][]ir.Reg) []ir.Reg {
	return l.scaled(a[0], l.b.Unary(ir.Rsqrt, l.dot(a[0], a[0])))
}

func lowerCross(l *lowerer, a [][]ir.Reg) []ir.Reg {
	x, y := a[0], a[1]
	v := l.regs(3)
	for i := range v {
		j, k := (i+1)%3, (i+2)%3
		v[i] = l.b.Binary(ir.Sub, l.b.Binary(ir.Mul, x[j], y[k]), l.b.Binary(ir.Mul, x[k], y[j]))
	}
	return v
}

// lowerReflect computes i - 2 dot(n, i) n.
func lowerReflect(l *lowerer, a [][]ir.Reg) []ir.Reg {
	i, n := a[0], a[1]
	two := l.float(l.b.TypeOf(i[0]), 2)
	return l.difference(i, l.scaled(n, l.b.Binary(ir.Mul, two, l.dot(n, i))))
}

// lowerRefract computes eta i - (eta dot(n, i) + sqrt(k)) n with
// k = 1 - eta eta (1 - dot(n, i) dot(n, i)), or zero if k is negative.
func lowerRefract(l *lowerer, a [][]ir.Reg) []ir.Reg {
	i, n, eta := a[0], a[1], a[2][0]
	t := l.b.TypeOf(eta)
	d := l.dot(n, i)
	k := l.b.Binary(ir.Sub, l.float(t, 1), l.b.Binary(ir.Mul, d, d))
	k = l.b.Binary(ir.Sub, l.float(t, 1), l.b.Binary(ir.Mul, l.b.Binary(ir.Mul, eta, eta), k))
	s := l.b.Binary(ir.Add, l.b.Binary(ir.Mul, eta, d), l.b.Unary(ir.Sqrt, k))
	v := l.difference(l.scaled(i, eta), l.scaled(n, s))
	none := l.b.Compare(ir.Lt, k, l.float(t, 0))
	for j, r := range v {
		v[j] = l.b.Select(none, l.float(t, 0), r)
	}
	return v
}

// lowerFaceforward returns n if dot(nref, i) is negative, else -n.
func lowerFaceforward(l *lowerer, a [][]ir.Reg) []ir.Reg {
	n, i, ref := a[0], a[1], a[2]
	towards := l.b.Compare(ir.Lt, l.dot(ref, i), l.float(l.b.TypeOf(n[0]), 0))
	v := l.regs(len(n))
	for j, r := range n {
		v[j] = l.b.Select(towards, r, l.b.Unary(ir.Neg, r))
	}
	return v
}
