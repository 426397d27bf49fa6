package kernelfuzz

// This file implements random expressions of vector types.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

func (g *generator) typeOf(d dtype.DType) typ {
	for _, b := range bases {
		if b.dtype == d {
			return scalar(b.name)
		}
	}
	return scalar("float")
}

func (g *generator) vector(t typ, d int) *node {
	name := t.String()
	one := scalar(t.base)
	switch g.n(9) {
	case 0, 1:
		if t.base == "bool" {
			u := g.vectorType()
			u.lanes = t.lanes
			if u.base == "bool" {
				u.base = "int"
			}
			return expr(name, "($ "+g.pick("<", "<=", ">", ">=", "==", "!=")+" $)", g.expr(u, d), g.expr(u, d))
		}
		ops := []string{"+", "-", "*"}
		if isFloat(t.base) {
			ops = append(ops, "/")
		} else {
			ops = append(ops, "&", "|", "^")
		}
		if g.one(3) {
			return expr(name, name+"($ "+ops[g.n(len(ops))]+" $)", g.expr(t, d), g.expr(one, d))
		}
		return expr(name, name+"($ "+ops[g.n(len(ops))]+" $)", g.expr(t, d), g.expr(t, d))
	case 2:
		if t.base == "bool" {
			return expr(name, "!($)", g.expr(t, d))
		}
		if isFloat(t.base) && g.one(2) {
			return expr(name, name+"("+g.pick("sqrt", "floor", "ceil", "fabs", "rint", "trunc")+"($))", g.expr(t, d))
		}
		return expr(name, name+"("+g.pick("max", "min")+"($, $))", g.expr(t, d), g.expr(t, d))
	case 3:
		from := typ{t.base, 2 + g.n(3)}
		swizzle := ""
		for range t.lanes {
			swizzle += string("xyzw"[g.n(from.lanes)])
		}
		return expr(name, "($)."+swizzle, g.expr(from, d))
	case 4:
		return expr(name, name+"(select($, $, $))", g.expr(t, d), g.expr(t, d), g.expr(t.in("bool"), d))
	case 5:
		if e := g.vectorLoad(t, d); e != nil {
			return e
		}
	case 6:
		if g.uniform || t.base == "bool" {
			break
		}
		return expr(name, name+"("+g.pick("simd_sum", "simd_max", "quad_min", "simd_prefix_inclusive_sum", "simd_broadcast_first", "quad_sum")+"($))", g.expr(t, d))
	case 7:
		from := t.in(vectorBases[g.n(len(vectorBases))])
		return expr(name, name+"($)", g.expr(from, d))
	}
	kids := make([]*node, t.lanes)
	for i := range kids {
		kids[i] = g.expr(one, d)
	}
	return expr(name, name+"("+strings.TrimSuffix(strings.Repeat("$, ", t.lanes), ", ")+")", kids...)
}

// vectorLoad reads a vector from an input that is aligned for it.
func (g *generator) vectorLoad(t typ, d int) *node {
	if g.helper || t.lanes == 3 {
		return nil
	}
	for _, in := range g.c.Inputs {
		if len(in.Shape) != 1 || in.Skip != 0 || g.typeOf(in.DType).base != t.base || in.Shape[0] < 8 {
			continue
		}
		n := in.Shape[0] / t.lanes
		at := g.small(n, d)
		if !g.uniform && in.Shape[0] > g.total*own && g.n(3) > 0 {
			at = expr("uint", "gid")
		}
		return expr(t.String(), fmt.Sprintf("((const device %s*)%s)[$]", t, in.Name), at)
	}
	return nil
}
