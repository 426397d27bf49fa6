package compile

// This file implements random kernel texts: a grammar of what kernels are made
// of, steered by a string of bytes, so that a fuzzer can find its way in it.
// Every loop of a text has few turns. Threads write only what is their own, or
// what a barrier parts, so most texts have no bug for checked mode to find.

import (
	"fmt"
	"strings"
)

// The launch of a generated kernel.
const (
	genIn   = 64 // elements of each input
	genWide = 4  // elements of each output that belong to one thread
)

// A generator writes a kernel's text.
type generator struct {
	data   []byte
	out    strings.Builder
	indent int
	vars   []variable
	arrays []variable // thread arrays of 8 elements
	names  int
	loops  int // enclosing ones
	funcs  int // functions of the header that are there
	inFunc bool
	size   int
	nest   int // indices in indices
}

type variable struct {
	name, typ string
	fixed     bool // loops count with it
}

// n returns a number below limit; 0 when the data is at its end.
func (g *generator) n(limit int) int {
	if len(g.data) == 0 {
		return 0
	}
	b := int(g.data[0])
	g.data = g.data[1:]
	return b % limit
}

func (g *generator) pick(list ...string) string { return list[g.n(len(list))] }

func (g *generator) line(format string, args ...any) {
	g.size++
	g.out.WriteString(strings.Repeat("  ", g.indent))
	fmt.Fprintf(&g.out, format, args...)
	g.out.WriteByte('\n')
}

func (g *generator) name() string {
	g.names++
	return fmt.Sprintf("v%d", g.names)
}

var scalarTypes = []string{"int", "uint", "float", "bool", "half", "short", "ushort", "uchar", "char", "long", "ulong", "bfloat16_t"}

func isFloat(t string) bool { return t == "float" || t == "half" || t == "bfloat16_t" }
func isVector(t string) bool {
	return t == "float4" || t == "int2" || t == "half2" || t == "uint3"
}

func element(t string) (string, int) {
	switch t {
	case "float4":
		return "float", 4
	case "int2":
		return "int", 2
	case "half2":
		return "half", 2
	}
	return "uint", 3
}

func (g *generator) scalarType() string { return scalarTypes[g.n(len(scalarTypes))] }

// variableOf returns the name of a variable of type t, or "".
func (g *generator) variableOf(t string) string {
	var list []string
	for _, v := range g.vars {
		if v.typ == t {
			list = append(list, v.name)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return list[g.n(len(list))]
}

func (g *generator) literal(t string) string {
	switch t {
	case "bool":
		return g.pick("true", "false")
	case "float":
		return g.pick("1.0f", "0.5f", "-2.25f", "3.0e2f", "0.0f", "1e-20f", "INFINITY", "M_PI_F")
	case "half":
		return g.pick("half(1.5)", "2.0h", "half(-0.125f)")
	case "bfloat16_t":
		return g.pick("bfloat16_t(1.5f)", "bfloat16_t(-3.0f)")
	case "int":
		return g.pick("1", "0", "-7", "100", "0x7fffffff", "int('a')", "-2147483647", "(1 << 5)")
	case "uint":
		return g.pick("1u", "0u", "0xffffffffu", "12345u", "077u")
	case "long":
		return g.pick("long(3)", "-1L", "0x123456789abcdL")
	}
	return fmt.Sprintf("%s(%s)", t, g.pick("1", "0", "200", "65535", "-3"))
}

// leaf is an expression of type t without operators.
func (g *generator) leaf(t string) string {
	if isVector(t) {
		e, n := element(t)
		if v := g.variableOf(t); v != "" && g.n(2) == 0 {
			return v
		}
		if g.n(2) == 0 {
			return fmt.Sprintf("%s(%s)", t, g.leaf(e))
		}
		parts := make([]string, n)
		for i := range parts {
			parts[i] = g.leaf(e)
		}
		return t + "(" + strings.Join(parts, ", ") + ")"
	}
	if v := g.variableOf(t); v != "" && g.n(4) > 0 {
		return v
	}
	if g.inFunc {
		return g.literal(t)
	}
	switch g.n(5) {
	case 0:
		switch t {
		case "float":
			return fmt.Sprintf("x[%s]", g.index("gid", genIn))
		case "int":
			return fmt.Sprintf("n[%s]", g.index("gid", genIn))
		case "half":
			return fmt.Sprintf("h[%s]", g.index("lid", genIn))
		case "uint":
			return g.pick("gid", "lid", "thread_index_in_simdgroup", "threads_per_threadgroup.x", "simdgroup_index_in_threadgroup")
		}
		return fmt.Sprintf("%s(n[gid & %du])", t, genIn-1)
	case 1:
		for _, a := range g.arrays {
			if a.typ == t {
				return fmt.Sprintf("%s[%s & 7]", a.name, g.leaf(g.pick("int", "uint")))
			}
		}
		if t == "float" {
			return "s"
		}
	}
	return g.literal(t)
}

func (g *generator) index(own string, size int) string {
	g.nest++
	defer func() { g.nest-- }()
	choice := g.n(3)
	if g.nest > 3 {
		choice = 0
	}
	switch choice {
	case 0:
		return fmt.Sprintf("%s & %du", own, size-1)
	case 1:
		return fmt.Sprintf("uint(%s) & %du", g.leaf("int"), size-1)
	}
	return fmt.Sprintf("(%s * 3u + %du) %% %du", own, g.n(9), size)
}

// expr is an expression of type t.
func (g *generator) expr(t string, depth int) string {
	if depth <= 0 || len(g.data) == 0 {
		return g.leaf(t)
	}
	d := depth - 1
	if isVector(t) {
		return g.vectorExpr(t, d)
	}
	switch {
	case t == "bool":
		switch g.n(6) {
		case 0:
			return fmt.Sprintf("(%s %s %s)", g.expr("bool", d), g.pick("&&", "||", "==", "!="), g.expr("bool", d))
		case 1:
			return "!" + g.paren("bool", d)
		case 2:
			u := g.scalarType()
			return fmt.Sprintf("(%s %s %s)", g.expr(u, d), g.pick("<", "<=", ">", ">=", "==", "!="), g.expr(u, d))
		case 3:
			return fmt.Sprintf("%s(%s)", g.pick("isnan", "isinf"), g.expr("float", d))
		case 4:
			if !g.inFunc {
				return fmt.Sprintf("%s(%s)", g.pick("simd_all", "simd_any", "any", "all"), g.expr("bool", d))
			}
		}
		return fmt.Sprintf("bool(%s)", g.expr(g.pick("int", "uint", "float"), d))
	case isFloat(t):
		switch g.n(9) {
		case 0, 1:
			return fmt.Sprintf("%s(%s %s %s)", t, g.expr(t, d), g.pick("+", "-", "*", "/"), g.expr(t, d))
		case 2:
			f := g.pick("exp", "log", "sin", "cos", "tanh", "sqrt", "rsqrt", "floor", "ceil", "fabs", "rint", "trunc", "exp2", "sign", "round")
			if t == "bfloat16_t" {
				return fmt.Sprintf("bfloat16_t(metal::%s(float(%s)))", f, g.expr(t, d))
			}
			return fmt.Sprintf("%s(%s)", f, g.expr(t, d))
		case 3:
			if t != "bfloat16_t" {
				return fmt.Sprintf("%s(%s, %s)", g.pick("max", "min", "pow", "fmod", "step", "atan2", "copysign"), g.expr(t, d), g.expr(t, d))
			}
		case 4:
			if t == "float" {
				return fmt.Sprintf("%s(%s, %s, %s)", g.pick("fma", "clamp", "mix", "smoothstep"), g.expr(t, d), g.expr(t, d), g.expr(t, d))
			}
		case 5:
			if g.inFunc {
				break
			}
			switch g.n(6) {
			case 0:
				return fmt.Sprintf("%s(%s)", g.pick("simd_sum", "simd_max", "simd_min", "simd_prefix_exclusive_sum", "simd_broadcast_first", "quad_sum"), g.expr(t, d))
			case 1:
				return fmt.Sprintf("%s(%s, ushort(%d))", g.pick("simd_shuffle_xor", "simd_shuffle_down", "simd_shuffle_up", "simd_broadcast", "simd_shuffle_rotate_down"), g.expr(t, d), g.n(16))
			}
		case 6:
			if t == "float" {
				v := g.pick("float4", "half2")
				return fmt.Sprintf("float(%s.%s)", g.vectorOrVar(v, d), g.pick("x", "y"))
			}
			return fmt.Sprintf("%s(%s)", t, g.expr("float", d))
		case 7:
			if t == "float" && g.funcs > 0 {
				k := g.n(g.funcs) + 1
				return fmt.Sprintf("fun%d(%s, %s)", k, g.expr("float", d), g.expr("int", d))
			}
			if t == "float" {
				return fmt.Sprintf("dot(%s, %s)", g.expr("float4", d), g.expr("float4", d))
			}
		}
		return fmt.Sprintf("(%s ? %s : %s)", g.expr("bool", d), g.expr(t, d), g.expr(t, d))
	}
	switch g.n(11) {
	case 0, 1, 2:
		return fmt.Sprintf("%s(%s %s %s)", t, g.expr(t, d), g.pick("+", "-", "*", "&", "|", "^"), g.expr(t, d))
	case 3:
		return fmt.Sprintf("%s(%s %s (%s & 7))", t, g.expr(t, d), g.pick("<<", ">>"), g.expr("int", d))
	case 4:
		return fmt.Sprintf("%s(%s %s (%s | 1))", t, g.expr(t, d), g.pick("/", "%"), g.expr(t, d))
	case 5:
		return g.pick("-", "~") + g.paren(t, d)
	case 6:
		return fmt.Sprintf("%s(%s)", t, g.expr(g.scalarType(), d))
	case 7:
		return fmt.Sprintf("%s(%s, %s)", g.pick("max", "min"), g.expr(t, d), g.expr(t, d))
	case 8:
		switch t {
		case "int":
			return fmt.Sprintf("%s(%s)", g.pick("as_type<int>", "int", "popcount", "int(sizeof(float)) + clz", "abs"), g.expr("int", d))
		case "uint":
			return fmt.Sprintf("as_type<uint>(%s)", g.expr("float", d))
		}
		return fmt.Sprintf("%s(%s)", g.pick("popcount", "clz", "ctz"), g.expr(t, d))
	case 9:
		if !g.inFunc && (t == "int" || t == "uint") {
			return fmt.Sprintf("%s(%s)", g.pick("simd_sum", "simd_max", "simd_and", "simd_or", "simd_xor", "simd_prefix_inclusive_sum", "quad_max"), g.expr(t, d))
		}
	}
	return fmt.Sprintf("(%s ? %s : %s)", g.expr("bool", d), g.expr(t, d), g.expr(t, d))
}

func (g *generator) paren(t string, d int) string { return "(" + g.expr(t, d) + ")" }

func (g *generator) vectorOrVar(t string, d int) string {
	if v := g.variableOf(t); v != "" {
		return v
	}
	return "(" + g.expr(t, d) + ")"
}

func (g *generator) vectorExpr(t string, d int) string {
	e, n := element(t)
	switch g.n(6) {
	case 0, 1:
		ops := []string{"+", "-", "*"}
		if isFloat(e) {
			ops = append(ops, "/")
		}
		right := t
		if g.n(3) == 0 {
			right = e
		}
		return fmt.Sprintf("(%s %s %s)", g.expr(t, d), g.pick(ops...), g.expr(right, d))
	case 2:
		if isFloat(e) {
			return fmt.Sprintf("%s(%s)", g.pick("exp", "abs", "floor", "tanh"), g.expr(t, d))
		}
		return fmt.Sprintf("%s(%s, %s)", g.pick("max", "min"), g.expr(t, d), g.expr(t, d))
	case 3:
		swizzle := ""
		for range n {
			swizzle += string("xyzw"[g.n(n)])
		}
		return g.vectorOrVar(t, d) + "." + swizzle
	case 4:
		return fmt.Sprintf("select(%s, %s, %s)", g.expr(t, d), g.expr(t, d), fmt.Sprintf("(%s < %s)", g.expr(t, d), g.expr(t, d)))
	}
	return g.leaf(t)
}

func (g *generator) anyType() string {
	if g.n(4) == 0 {
		return g.pick("float4", "int2", "half2", "uint3")
	}
	return g.scalarType()
}

// block writes statements in braces; its variables end with it.
func (g *generator) block(depth int) {
	vars, arrays := len(g.vars), len(g.arrays)
	g.indent++
	for range 1 + g.n(4) {
		g.stmt(depth)
	}
	g.indent--
	g.vars, g.arrays = g.vars[:vars], g.arrays[:arrays]
}

// writable returns a variable to assign to, or false.
func (g *generator) writable() (variable, bool) {
	var list []variable
	for _, v := range g.vars {
		if !v.fixed {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		return variable{}, false
	}
	return list[g.n(len(list))], true
}

func (g *generator) stmt(depth int) {
	if g.size > 120 {
		return
	}
	choice := g.n(16)
	if depth <= 0 && choice > 8 {
		choice %= 9
	}
	switch choice {
	case 0, 1:
		t, v := g.anyType(), g.name()
		g.line("%s %s = %s;", t, v, g.expr(t, 3))
		g.vars = append(g.vars, variable{name: v, typ: t})
	case 2, 3, 4:
		v, ok := g.writable()
		if !ok {
			return
		}
		switch {
		case isVector(v.typ) && g.n(2) == 0:
			e, n := element(v.typ)
			g.line("%s.%c = %s;", v.name, "xyzw"[g.n(n)], g.expr(e, 3))
		case v.typ == "bool" || isVector(v.typ) || g.n(2) == 0:
			g.line("%s = %s;", v.name, g.expr(v.typ, 3))
		case isFloat(v.typ):
			g.line("%s %s %s;", v.name, g.pick("+=", "-=", "*="), g.expr(v.typ, 2))
		case g.n(3) == 0:
			g.line("%s;", g.pick(v.name+"++", "--"+v.name))
		default:
			g.line("%s %s %s;", v.name, g.pick("+=", "-=", "*=", "^=", "|=", "&="), g.expr(v.typ, 2))
		}
	case 5:
		t, v := g.scalarType(), g.name()
		g.line("%s %s[8] = {%s, %s};", t, v, g.expr(t, 1), g.expr(t, 1))
		g.arrays = append(g.arrays, variable{name: v, typ: t})
	case 6:
		if len(g.arrays) == 0 {
			return
		}
		a := g.arrays[g.n(len(g.arrays))]
		if g.n(3) == 0 {
			p := g.name()
			g.line("thread %s* %s = %s + (%s & 3);", a.typ, p, a.name, g.expr("int", 1))
			g.line("%s[%s & 3] = *%s;", p, g.expr("uint", 1), p)
			return
		}
		g.line("%s[%s & 7] = %s;", a.name, g.expr(g.pick("int", "uint"), 2), g.expr(a.typ, 2))
	case 7:
		if g.inFunc {
			return
		}
		g.line("out[gid * %du + (%s & %du)] = %s;", genWide, g.expr("uint", 2), genWide-1, g.expr("float", 3))
	case 8:
		if g.inFunc {
			return
		}
		p := g.name()
		g.line("device int* %s = res + gid * %d;", p, genWide)
		g.line("%s[%d] %s %s;", p, g.n(genWide), g.pick("=", "+=", "^="), g.expr("int", 3))
	case 9, 10:
		g.line("if (%s) {", g.expr("bool", 2))
		g.block(depth - 1)
		if g.n(2) == 0 {
			g.line("} else {")
			g.block(depth - 1)
		}
		g.line("}")
	case 11, 12:
		if g.loops >= 2 {
			return
		}
		v := g.name()
		g.line("for (%s %s = %d; %s < %d; %s) {", g.pick("int", "uint"), v, g.n(2), v, g.n(5), g.pick("++"+v, v+"++", v+" += 2"))
		typ := "int"
		if strings.Contains(g.out.String()[strings.LastIndex(g.out.String(), "for ("):], "uint "+v) {
			typ = "uint"
		}
		g.loops++
		vars := len(g.vars)
		g.vars = append(g.vars, variable{name: v, typ: typ, fixed: true})
		g.block(depth - 1)
		if g.n(3) == 0 {
			g.line("  if (%s) %s;", g.expr("bool", 2), g.pick("break", "continue"))
		}
		g.vars = g.vars[:vars]
		g.loops--
		g.line("}")
	case 13:
		if g.loops >= 2 {
			return
		}
		v := g.name()
		g.line("int %s = %d;", v, g.n(5))
		g.loops++
		g.vars = append(g.vars, variable{name: v, typ: "int", fixed: true})
		if g.n(2) == 0 {
			g.line("while (%s-- > 0) {", v)
			g.block(depth - 1)
			g.line("}")
		} else {
			g.line("do {")
			g.block(depth - 1)
			g.line("} while (--%s > 0 && %s);", v, g.expr("bool", 1))
		}
		g.loops--
	case 14:
		g.line("switch (%s & 3) {", g.expr("int", 2))
		for k := range 1 + g.n(4) {
			g.line("case %d: {", k)
			g.block(depth - 1)
			g.line("}%s", g.pick(" break;", ""))
		}
		if g.n(2) == 0 {
			g.line("default: ;")
		}
		g.line("}")
	case 15:
		if g.inFunc {
			if g.n(3) == 0 {
				g.line("if (%s) return %s;", g.expr("bool", 2), g.expr("float", 2))
			}
			return
		}
		v := g.name()
		g.line("auto %s = [&](float p, int q) { return p * float(q) + %s; };", v, g.expr("float", 2))
		r := g.name()
		g.line("float %s = %s(%s, %s);", r, v, g.expr("float", 1), g.expr("int", 1))
		g.vars = append(g.vars, variable{name: r, typ: "float"})
	}
}

// exchange writes a use of threadgroup memory between barriers; all threads
// reach it.
func (g *generator) exchange() {
	barrier := "threadgroup_barrier(mem_flags::mem_threadgroup);"
	if g.n(2) == 0 {
		g.line("shared[lid] = %s;", g.expr("float", 2))
		g.line("%s", barrier)
		v := g.name()
		g.line("float %s = shared[(lid + %du) %% threads_per_threadgroup.x];", v, g.n(7))
		g.vars = append(g.vars, variable{name: v, typ: "float"})
	} else {
		g.line("if (lid == 0) atomic_store_explicit(&count, 0u, memory_order_relaxed);")
		g.line("%s", barrier)
		g.line("atomic_fetch_%s_explicit(&count, %s, memory_order_relaxed);", g.pick("add", "max", "or", "xor"), g.expr("uint", 2))
		g.line("%s", barrier)
		v := g.name()
		g.line("uint %s = atomic_load_explicit(&count, memory_order_relaxed);", v)
		g.vars = append(g.vars, variable{name: v, typ: "uint"})
	}
	g.line("%s", barrier)
}

// generate returns a kernel's header and body, and its launch.
func generate(data []byte) (header, body string, grid, group int) {
	g := &generator{data: data}
	grid, group = 1+g.n(100), 1+g.n(80)
	if grid < group {
		group = grid
	}
	for range g.n(3) {
		g.inFunc = true
		g.names = 0
		g.vars = []variable{{name: "a", typ: "float"}, {name: "b", typ: "int"}}
		g.arrays = nil
		k := g.funcs + 1
		if g.n(2) == 0 {
			g.line("inline float fun%d(float a, int b) {", k)
		} else {
			g.line("template <typename T> float fun%d(T a, int b) {", k)
		}
		g.block(2)
		g.line("  return %s;", g.expr("float", 2))
		g.line("}")
		g.funcs++
	}
	header = g.out.String()
	g.out.Reset()
	g.inFunc, g.size, g.names = false, 0, 0
	g.vars, g.arrays = nil, nil
	g.line("uint gid = thread_position_in_grid.x, lid = thread_position_in_threadgroup.x;")
	g.line("threadgroup float shared[128];")
	g.line("threadgroup atomic_uint count;")
	for range 2 + g.n(8) {
		if g.n(4) == 0 {
			g.exchange()
		} else {
			g.stmt(3)
		}
	}
	g.line("out[gid * %du] += %s;", genWide, g.expr("float", 3))
	g.line("res[gid * %du] ^= %s;", genWide, g.expr("int", 3))
	return header, g.out.String(), grid, group
}
