package lower

// This file implements tests of floats and functions of truth values.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func registerRelations() {
	for name, op := range map[string]ir.Op{
		"isnan": ir.IsNan, "isinf": ir.IsInf, "isfinite": ir.IsFinite, "isnormal": ir.IsNormal, "signbit": ir.SignBit,
	} {
		builtins[name] = builtin{elem: op1(op), cheap: true}
	}
	builtins["isordered"] = builtin{elem: lowerOrdered, cheap: true}
	builtins["isunordered"] = builtin{cheap: true, elem: func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
		return l.b.Not(lowerOrdered(l, t, a))
	}}
	builtins["select"] = builtin{cheap: true, elem: func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
		return l.b.Select(a[2], a[1], a[0])
	}}
	builtins["all"] = builtin{cheap: true, whole: joined(ir.And)}
	builtins["any"] = builtin{cheap: true, whole: joined(ir.Or)}
}

// lowerOrdered tests that neither operand is NaN.
func lowerOrdered(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.And, l.b.Compare(ir.Eq, a[0], a[0]), l.b.Compare(ir.Eq, a[1], a[1]))
}

// joined combines the elements of a vector of truth values.
func joined(op ir.Op) func(*lowerer, *check.Builtin) []ir.Reg {
	return func(l *lowerer, e *check.Builtin) []ir.Reg {
		x := l.expr(e.Args[0])
		r := x[0]
		for _, y := range x[1:] {
			r = l.b.Binary(op, r, y)
		}
		return l.one(r)
	}
}
