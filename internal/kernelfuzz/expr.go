package kernelfuzz

// This file implements random expressions of scalar types.

import (
	"fmt"
	"strings"
)

// expr is an expression of a type.
func (g *generator) expr(t typ, depth int) *node {
	if depth <= 0 || g.over() {
		return g.leaf(t)
	}
	if t.lanes > 1 {
		return g.vector(t, depth-1)
	}
	switch {
	case t.base == "bool":
		return g.boolean(depth - 1)
	case isFloat(t.base):
		return g.float(t, depth-1)
	}
	return g.integer(t, depth-1)
}

// uniformExpr is an expression with one value in all threads of a group.
func (g *generator) uniformExpr(t typ, depth int) *node {
	old := g.uniform
	g.uniform = true
	defer func() { g.uniform = old }()
	return g.expr(t, depth)
}

// small is an expression of type uint below n.
func (g *generator) small(n, depth int) *node {
	g.nest++
	defer func() { g.nest-- }()
	if g.nest > 1 {
		depth = 0
	}
	if g.one(4) && n > 1 {
		return expr("uint", fmt.Sprintf("(uint($) %% %du)", n), g.expr(scalar(g.pick("int", "long", "ushort", "uint", "ulong")), depth))
	}
	return expr("uint", fmt.Sprintf("($ %% %du)", n), g.expr(scalar("uint"), depth))
}

// variableOf returns a variable of type t, or nil.
func (g *generator) variableOf(t typ) *node {
	var list []string
	for _, v := range g.vars {
		if v.t == t && (v.uniform || !g.uniform) {
			list = append(list, v.name)
		}
	}
	for _, s := range g.structs {
		if g.uniform {
			break
		}
		for _, f := range g.structOf(s).fields {
			if f.t == t {
				list = append(list, s.name+"."+f.name)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	return expr(t.String(), list[g.n(len(list))])
}

// converted returns a scalar variable of another type as t, or nil.
func (g *generator) converted(t typ) *node {
	var list []variable
	for _, v := range g.vars {
		if v.t.lanes == 1 && (v.uniform || !g.uniform) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return nil
	}
	v := list[g.n(len(list))]
	return g.convert(t, expr(v.t.String(), v.name), v.t)
}

func (g *generator) structOf(v variable) structType {
	for _, s := range g.types {
		if s.name == v.kind {
			return s
		}
	}
	return structType{}
}

// leaf is an expression without operators to speak of.
func (g *generator) leaf(t typ) *node {
	name := t.String()
	if g.n(4) > 0 {
		if v := g.variableOf(t); v != nil {
			return v
		}
	}
	if t.lanes > 1 {
		if g.one(2) {
			return expr(name, name+"($)", g.leaf(scalar(t.base)))
		}
		kids := make([]*node, t.lanes)
		for i := range kids {
			kids[i] = g.leaf(scalar(t.base))
		}
		return expr(name, name+"("+strings.TrimSuffix(strings.Repeat("$, ", t.lanes), ", ")+")", kids...)
	}
	if !g.one(4) {
		if v := g.converted(t); v != nil {
			return v
		}
	}
	choice := g.n(6)
	if g.nest > 1 && choice != 2 {
		choice = 5 // no indices in indices in indices
	}
	switch choice {
	case 0, 1:
		if e := g.load(t, 1); e != nil {
			return e
		}
	case 2:
		if !g.helper && t.base == "uint" {
			list := []string{"tid", "gid", "thread_index_in_simdgroup", "simdgroup_index_in_threadgroup", "pos.x", "pos.y", "thread_index_in_quadgroup",
				"thread_position_in_threadgroup.y", "quadgroup_index_in_threadgroup"}
			if g.uniform {
				list = []string{"width", "total", "threadgroup_position_in_grid.x", "threadgroups_per_grid.x", "threads_per_threadgroup.x",
					"dispatch_threads_per_threadgroup.x", "simdgroups_per_threadgroup", "threadgroup_position_in_grid.y", "uint(N)"}
			}
			return expr(name, list[g.n(len(list))])
		}
		if !g.helper && g.one(2) {
			return expr(name, name+"("+g.pick("N", "B", "T(N)")+")")
		}
	case 3:
		if len(g.arrays) > 0 && !g.uniform {
			a := g.arrays[g.n(len(g.arrays))]
			return g.convert(t, expr(a.t.String(), fmt.Sprintf("%s[$]", a.name), g.small(a.length, 1)), a.t)
		}
	case 4:
		if len(g.tables) > 0 {
			a := g.tables[g.n(len(g.tables))]
			return g.convert(t, expr(a.t.String(), fmt.Sprintf("%s[$]", a.name), g.small(a.length, 1)), a.t)
		}
	}
	return g.literal(t)
}

// convert is e, of type from, as type to.
func (g *generator) convert(to typ, e *node, from typ) *node {
	if to == from {
		return e
	}
	return expr(to.String(), to.String()+"($)", e)
}

// load reads an input, or an output's own element; nil where there is none.
func (g *generator) load(t typ, depth int) *node {
	if g.helper || len(g.c.Inputs) == 0 {
		return nil
	}
	in := g.c.Inputs[g.n(len(g.c.Inputs))]
	from := g.typeOf(in.DType)
	if len(in.Shape) == 0 {
		return g.convert(t, expr(from.String(), in.Name), from)
	}
	n := 1
	for _, d := range in.Shape {
		n *= d
	}
	var at *node
	switch {
	case g.uniform:
		at = g.small(n, 0)
	case n > g.total*own && g.n(3) > 0: // every thread has elements here
		at = expr("uint", g.pick("gid", "gid", "gid", "gid + 1u", "gid * 2u", "gid * 3u + 1u", "gid + total", "total - 1u - gid", "gid / 3u", "(gid ^ 1u)", "tid", "pos.x", "simdgroup_index_in_threadgroup"))
		at.text = "(" + at.text + ")"
	case g.one(5) && len(in.Shape) > 0:
		at = expr("uint", fmt.Sprintf("($ %% uint(%s_shape[%d]))", in.Name, len(in.Shape)-1), g.expr(scalar("uint"), depth))
	default:
		at = g.small(n, depth)
	}
	return g.convert(t, expr(from.String(), in.Name+"[$]", at), from)
}

func (g *generator) boolean(d int) *node {
	b := scalar("bool")
	switch g.n(9) {
	case 0:
		return expr("bool", "($ "+g.pick("&&", "||", "==", "!=")+" $)", g.expr(b, d), g.expr(b, d))
	case 1:
		return expr("bool", "!($)", g.expr(b, d))
	case 2, 3, 4:
		u := scalar(g.scalarBase())
		return expr("bool", "($ "+g.pick("<", "<=", ">", ">=", "==", "!=")+" $)", g.expr(u, d), g.expr(u, d))
	case 5:
		f := scalar(g.pick("float", "half", "bfloat"))
		if g.one(5) {
			return expr("bool", "signbit(known($))", g.expr(f, d))
		}
		return expr("bool", g.pick("isnan", "isinf", "isfinite", "isnormal")+"($)", g.expr(f, d))
	case 6:
		if !g.uniform {
			return expr("bool", g.pick("simd_all", "simd_any", "quad_all", "quad_any")+"($)", g.expr(b, d))
		}
	case 7:
		v := g.vectorType()
		v.base = "bool"
		return expr("bool", g.pick("all", "any")+"($)", g.expr(v, d))
	case 8:
		if !g.uniform && g.one(3) {
			return expr("bool", g.pick("simd_is_first()", "quad_is_first()"))
		}
	}
	return expr("bool", "bool($)", g.expr(scalar(g.scalarBase()), d))
}

// call calls a function of the header that gives t, or nil.
func (g *generator) call(t typ, d int) *node {
	if len(g.funcs) == 0 || g.uniform {
		return nil
	}
	f := g.funcs[g.n(len(g.funcs))]
	if f.through {
		return nil
	}
	text, kids := f.name+"(", []*node(nil)
	for i, p := range f.params {
		if i > 0 {
			text += ", "
		}
		text += "$"
		kids = append(kids, g.expr(p, d-1))
	}
	return g.convert(t, expr(f.result.String(), text+")", kids...), f.result)
}

func (g *generator) float(t typ, d int) *node {
	name := t.String()
	switch g.n(14) {
	case 0, 1, 2:
		return expr(name, name+"($ "+g.pick("+", "-", "*", "/", "+", "*")+" $)", g.expr(t, d), g.expr(t, d))
	case 3:
		return expr(name, name+"("+g.pick("sqrt", "floor", "ceil", "fabs", "rint", "trunc", "round", "fract", "saturate", "sign", "abs", "-")+"($))", g.expr(t, d))
	case 4:
		return expr(name, name+"("+g.pick("max", "min", "fmod", "fmax", "fmin", "step", "fdim")+"($, $))", g.expr(t, d), g.expr(t, d))
	case 5:
		if t.base == "double" {
			break
		}
		return expr(name, name+"("+g.pick("copysign($, known($))", "nextafter($, $)")+")", g.expr(t, d), g.expr(t, d))
	case 6:
		return expr(name, name+"("+g.pick("fma", "fma", "clamp", "min3", "max3", "median3", "mix")+"($, $, $))", g.expr(t, d), g.expr(t, d), g.expr(t, d))
	case 7, 8:
		if e := g.across(t, d, true); e != nil {
			return e
		}
	case 9:
		return g.convertAny(t, d)
	case 10:
		switch t.base {
		case "float":
			return expr(name, "as_type<float>($)", g.expr(scalar(g.pick("uint", "int")), d))
		case "half", "bfloat":
			return expr(name, "as_type<"+name+">($)", g.expr(scalar(g.pick("ushort", "short")), d))
		}
	case 11:
		if e := g.call(t, d); e != nil {
			return e
		}
	case 12:
		if t.base == "float" || t.base == "half" {
			v := typ{t.base, 2 + g.n(3)}
			switch g.n(3) {
			case 0:
				return expr(name, "dot($, $)", g.expr(v, d), g.expr(v, d))
			case 1:
				return expr(name, name+"(ldexp($, $))", g.expr(t, d), g.expr(scalar("int"), d))
			}
			return expr(name, "($)."+string("xyzw"[g.n(v.lanes)]), g.expr(v, d))
		}
	}
	return g.choose(t, d)
}

// choose is a value that depends on a condition.
func (g *generator) choose(t typ, d int) *node {
	name := t.String()
	if g.one(3) {
		return expr(name, name+"(select($, $, $))", g.expr(t, d), g.expr(t, d), g.expr(t.in("bool"), d))
	}
	return expr(name, "($ ? $ : $)", g.expr(scalar("bool"), d), g.expr(t, d), g.expr(t, d))
}

// convertAny is a value of another type.
func (g *generator) convertAny(t typ, d int) *node {
	from := t.in(g.scalarBase())
	return expr(t.String(), t.String()+"($)", g.expr(from, d))
}

func (g *generator) integer(t typ, d int) *node {
	name := t.String()
	switch g.n(17) {
	case 0, 1, 2:
		return expr(name, name+"($ "+g.pick("+", "-", "*", "&", "|", "^", "+", "*")+" $)", g.expr(t, d), g.expr(t, d))
	case 3, 4:
		return expr(name, name+"($ "+g.pick("<<", ">>")+" $)", g.expr(t, d), g.expr(scalar(g.pick("int", "uint", name)), d))
	case 5:
		if g.one(4) {
			return expr(name, name+"($ "+g.pick("/", "%")+" $)", g.expr(t, d), g.expr(t, d))
		}
		return expr(name, name+"($ "+g.pick("/", "%")+" nonzero($))", g.expr(t, d), g.expr(t, d))
	case 6:
		return expr(name, name+"("+g.pick("-", "~", "+")+"($))", g.expr(t, d))
	case 7:
		return expr(name, name+"("+g.pick("max", "min", "absdiff", "addsat", "subsat", "hadd", "rhadd", "mulhi", "rotate")+"($, $))", g.expr(t, d), g.expr(t, d))
	case 8:
		return expr(name, name+"("+g.pick("popcount", "clz", "ctz", "reverse_bits", "abs")+"($))", g.expr(t, d))
	case 9:
		return expr(name, name+"("+g.pick("clamp", "min3", "max3", "median3", "madsat", "madhi")+"($, $, $))", g.expr(t, d), g.expr(t, d), g.expr(t, d))
	case 10, 11:
		if e := g.across(t, d, false); e != nil {
			return e
		}
	case 12:
		return g.convertAny(t, d)
	case 13:
		switch t.base {
		case "uint", "int":
			return expr(name, "as_type<"+name+">(known($))", g.expr(scalar("float"), d))
		case "ushort", "short":
			return expr(name, "as_type<"+name+">(known($))", g.expr(scalar(g.pick("half", "bfloat")), d))
		}
	case 14:
		if e := g.call(t, d); e != nil {
			return e
		}
	case 15:
		switch {
		case t.base == "uint" && g.one(2):
			return expr(name, "as_type<uint>($)", g.expr(typ{"uchar", 4}, d))
		case t.base == "uint":
			return expr(name, "extract_bits($, $, $)", g.expr(t, d), g.small(16, 0), g.small(16, 0))
		case t.base == "ulong" && !g.uniform:
			return expr(name, g.pick("ulong(simd_ballot($))", "ulong(quad_ballot($))", "ulong(simd_active_threads_mask() ^ (1ul << uint($)))"), g.expr(scalar("bool"), d))
		}
	}
	return g.choose(t, d)
}

// across is a function over the lanes of a simdgroup or quad; nil where the
// expression has to be uniform.
func (g *generator) across(t typ, d int, float bool) *node {
	if g.uniform || t.base == "double" {
		return nil
	}
	name := t.String()
	team := g.pick("simd_", "simd_", "quad_")
	switch g.n(4) {
	case 0, 1:
		list := []string{"sum", "product", "min", "max", "prefix_inclusive_sum", "prefix_exclusive_sum", "prefix_inclusive_product", "prefix_exclusive_product", "broadcast_first", "sum", "max"}
		if !float {
			list = append(list, "and", "or", "xor")
		}
		return expr(name, name+"("+team+list[g.n(len(list))]+"($))", g.expr(t, d))
	case 2:
		count := expr("uint", fmt.Sprint(g.n(34)))
		if g.one(2) {
			count = g.expr(scalar(g.pick("uint", "ushort")), d)
		}
		f := g.pick("shuffle", "shuffle_up", "shuffle_down", "shuffle_xor", "shuffle_rotate_up", "shuffle_rotate_down", "shuffle_xor", "shuffle_down")
		return expr(name, name+"("+team+f+"($, ushort($)))", g.expr(t, d), count)
	}
	if g.one(2) {
		return expr(name, name+"("+team+g.pick("shuffle_and_fill_up", "shuffle_and_fill_down")+"($, $, ushort($)))", g.expr(t, d), g.expr(t, d), g.small(33, 0))
	}
	return expr(name, name+"("+team+"broadcast($, ushort($)))", g.expr(t, d), expr("uint", fmt.Sprint(g.n(32))))
}
