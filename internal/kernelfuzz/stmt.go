package kernelfuzz

// This file implements random statements.

import (
	"fmt"
	"strings"
)

// A flow says what is known of the threads that come to a statement.
type flow struct {
	uniform   bool // all threads of the group, or none
	inner     bool // not the outermost block of the body
	returned  bool // some may have ended
	inFunc    bool
	result    typ
	breaks    bool // break may stand here, in divergent flow too
	continues bool // likewise continue
	uniBreaks bool // a uniform loop or switch is the innermost: a uniform break may stand in uniform flow
	uniLoops  int  // uniform loops around
	loops     int
	weight    int // turns of all loops around, multiplied, less one
}

// cells is the length of the threadgroup array of atomics.
const cells = 4

func (g *generator) name() string {
	g.names++
	return fmt.Sprintf("v%d", g.names)
}

// inside writes a block with another flow; its variables end with it.
func (g *generator) inside(f flow, depth, statements int) *node {
	b := &node{kind: block}
	old := g.flow
	vars, arrays, structs, lambdas := len(g.vars), len(g.arrays), len(g.structs), len(g.lambdas)
	f.inner = true
	g.flow = f
	for range statements {
		g.stmt(b, depth)
	}
	returned := g.flow.returned
	g.flow = old
	g.flow.returned = old.returned || returned
	g.vars, g.arrays, g.structs, g.lambdas = g.vars[:vars], g.arrays[:arrays], g.structs[:structs], g.lambdas[:lambdas]
	return b
}

// condition is one for a branch, and whether it is uniform.
func (g *generator) condition() (cond *node, uniform bool) {
	if g.flow.uniform && g.one(2) {
		return g.uniformExpr(scalar("bool"), 2), true
	}
	return g.expr(scalar("bool"), 2), false
}

// stmt adds a statement to b.
func (g *generator) stmt(b *node, depth int) {
	if g.size > g.maxStmts {
		return
	}
	g.size++
	add := func(n *node) { b.kids = append(b.kids, n) }
	k := g.n(31)
	if depth <= 0 && k >= 16 {
		k %= 16
	}
	switch k {
	case 0, 1, 2:
		g.declare(add)
	case 3, 4, 5:
		g.assign(add)
	case 6:
		g.declareArray(add)
	case 7:
		g.array(add)
	case 8, 9:
		g.store(add)
	case 10:
		g.structure(add)
	case 11:
		g.pointer(add)
	case 12:
		g.atomic(add)
	case 13:
		g.leave(add)
	case 14:
		g.through(add)
	case 15:
		if g.c.Mode == Math {
			g.sink(add)
		} else {
			g.store(add)
		}
	case 16, 17, 18:
		g.branch(add, depth)
	case 19, 20, 21:
		g.loop(add, depth)
	case 22:
		g.choice(add, depth)
	case 23, 24, 25:
		g.exchange(add)
	case 26:
		g.count(add)
	case 27:
		g.lambda(add)
	default:
		g.pattern(add)
	}
}

func (g *generator) declare(add func(*node)) {
	t, name := g.anyType(), g.name()
	v := variable{name: name, t: t}
	var e *node
	if g.flow.uniform && g.one(3) {
		e = g.uniformExpr(t, 2)
		v.uniform = true
	} else {
		e = g.expr(t, 3)
	}
	add(stmt(fmt.Sprintf("%s %s = $;", t, name), e))
	g.vars = append(g.vars, v)
}

// assign changes a variable. What is uniform stays so.
func (g *generator) assign(add func(*node)) {
	var list []variable
	for _, v := range g.vars {
		if !v.fixed && (!v.uniform || g.flow.uniform) {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		g.declare(add)
		return
	}
	v := list[g.n(len(list))]
	value := g.expr
	if v.uniform {
		value = g.uniformExpr
	}
	switch {
	case v.t.lanes > 1 && g.one(2):
		add(stmt(fmt.Sprintf("%s.%c = $;", v.name, "xyzw"[g.n(v.t.lanes)]), value(scalar(v.t.base), 3)))
	case v.t.lanes > 1 || v.t.base == "bool" || g.one(2):
		add(stmt(v.name+" = $;", value(v.t, 3)))
	case isFloat(v.t.base):
		add(stmt(v.name+" "+g.pick("+=", "-=", "*=")+" $;", value(v.t, 2)))
	case g.one(3):
		add(stmt(g.pick(v.name+"++", "--"+v.name) + ";"))
	default:
		add(stmt(v.name+" "+g.pick("+=", "-=", "*=", "^=", "|=", "&=", "<<=", ">>=")+" $;", value(v.t, 2)))
	}
}

func (g *generator) declareArray(add func(*node)) {
	t, name, n := scalar(g.scalarBase()), g.name(), 2+g.n(7)
	add(stmt(fmt.Sprintf("%s %s[%d] = {$, $};", t, name, n), g.expr(t, 1), g.expr(t, 1)))
	g.arrays = append(g.arrays, variable{name: name, t: t, length: n})
}

func (g *generator) array(add func(*node)) {
	if len(g.arrays) == 0 {
		g.declareArray(add)
		return
	}
	a := g.arrays[g.n(len(g.arrays))]
	if g.one(3) {
		p := g.name()
		add(stmt(fmt.Sprintf("thread %s* %s = %s + $;", a.t, p, a.name), g.small(a.length, 1)))
		add(stmt(fmt.Sprintf("*%s = $; %s[$] = *%s;", p, a.name, p), g.expr(a.t, 2), g.small(a.length, 1)))
		return
	}
	op := g.pick("=", "=", "+=")
	if a.t.base == "bool" {
		op = "="
	}
	add(stmt(fmt.Sprintf("%s[$] %s $;", a.name, op), g.small(a.length, 2), g.expr(a.t, 2)))
}

// store writes elements of an output that belong to the thread.
func (g *generator) store(add func(*node)) {
	if g.helper {
		g.assign(add)
		return
	}
	i := 0
	for i < len(g.c.Outputs) && strings.HasPrefix(g.c.Outputs[i].Name, "o") {
		i++
	}
	k := g.n(i)
	o := g.c.Outputs[k]
	t := g.typeOf(o.DType)
	// Which layout an output has may not change within a kernel.
	at := fmt.Sprintf("%s[gid * %du + $]", o.Name, own)
	if (uint64(k)+o.Seed/16)%2 == 0 {
		at = o.Name + "[$ * total + gid]"
	}
	switch g.n(4) {
	case 0:
		if t.base == "bool" {
			break
		}
		add(stmt(at+" "+g.pick("+=", "-=", "*=")+" $;", g.small(own, 1), g.expr(t, 2)))
		return
	case 1:
		if strings.Contains(at, "total") || t.base == "double" || t.base == "bool" || t.base == "long" || t.base == "ulong" {
			break
		}
		if v := t; g.one(2) {
			v.lanes = 2 * (1 + g.n(2))
			add(stmt(fmt.Sprintf("((device %s*)%s)[gid * %du + $] = $;", v, o.Name, own/v.lanes), g.small(own/v.lanes, 0), g.expr(v, 2)))
			return
		}
		p := g.name()
		add(stmt(fmt.Sprintf("device %s* %s = %s + gid * %d;", t, p, o.Name, own)))
		add(stmt(fmt.Sprintf("%s[$] = $; %s += $; *%s = $;", p, p, p), g.small(own, 0), g.expr(t, 2), g.small(own, 0), g.expr(t, 2)))
		return
	}
	add(stmt(at+" = $;", g.small(own, 1), g.expr(t, 3)))
}

func (g *generator) structure(add func(*node)) {
	if len(g.types) == 0 {
		g.declare(add)
		return
	}
	if len(g.structs) == 0 || g.one(3) {
		s, name := g.types[g.n(len(g.types))], g.name()
		text, kids := "", []*node(nil)
		for i, f := range s.fields {
			if i > 0 {
				text += ", "
			}
			text += "$"
			kids = append(kids, g.expr(f.t, 1))
		}
		add(stmt(fmt.Sprintf("%s %s = {%s};", s.name, name, text), kids...))
		g.structs = append(g.structs, variable{name: name, kind: s.name})
		return
	}
	v := g.structs[g.n(len(g.structs))]
	fields := g.structOf(v).fields
	f := fields[g.n(len(fields))]
	add(stmt(fmt.Sprintf("%s.%s = $;", v.name, f.name), g.expr(f.t, 2)))
	for _, w := range g.structs {
		if w.kind == v.kind && w.name != v.name && g.one(3) {
			add(stmt(fmt.Sprintf("if ($) %s = %s;", v.name, w.name), g.expr(scalar("bool"), 1)))
			return
		}
	}
}

// pointer writes through a pointer to one of two variables.
func (g *generator) pointer(add func(*node)) {
	var list []variable
	for _, v := range g.vars {
		if !v.fixed && !v.uniform && v.t.lanes == 1 {
			list = append(list, v)
		}
	}
	if len(list) < 1 {
		g.declare(add)
		return
	}
	a := list[g.n(len(list))]
	b := a
	for _, v := range list {
		if v.t == a.t && g.one(2) {
			b = v
		}
	}
	p := g.name()
	add(stmt(fmt.Sprintf("thread %s* %s = $ ? &%s : &%s;", a.t, p, a.name, b.name), g.expr(scalar("bool"), 2)))
	add(stmt(fmt.Sprintf("*%s = $;", p), g.expr(a.t, 2)))
}

// atomic changes elements that all threads share, by operations whose order
// does not matter.
func (g *generator) atomic(add func(*node)) {
	if g.helper {
		g.declare(add)
		return
	}
	if g.one(5) {
		add(stmt("atomic_fetch_add_explicit((device atomic_float*)af + $, float($ & 15u), memory_order_relaxed);", g.small(atomicCells, 1), g.expr(scalar("uint"), 1)))
		return
	}
	out, kind := "ai", "int"
	if g.one(2) {
		out, kind = "au", "uint"
	}
	ops := []string{"add", "min", "max", "or", "xor"}
	k := g.n(len(ops))
	op := ops[k]
	if op == "add" && g.one(3) {
		op = "sub"
	}
	add(stmt(fmt.Sprintf("atomic_fetch_%s_explicit((device atomic_%s*)%s + %d + $, $, memory_order_relaxed);", op, kind, out, k*atomicCells),
		g.small(atomicCells, 1), g.expr(scalar(kind), 2)))
}

// leave writes break, continue or return, with a condition.
func (g *generator) leave(add func(*node)) {
	f := &g.flow
	uniform := f.uniform && f.uniBreaks
	switch {
	case (f.breaks || f.continues) && g.n(4) > 0:
		word := "break"
		if f.continues && (!f.breaks || g.one(2)) {
			word = "continue"
		}
		add(stmt("if ($) "+word+";", g.expr(scalar("bool"), 2)))
	case uniform:
		add(stmt("if ($) "+g.pick("break", "continue")+";", g.uniformExpr(scalar("bool"), 2)))
	case f.inFunc:
		add(stmt("if ($) return $;", g.expr(scalar("bool"), 2), g.expr(f.result, 2)))
	case f.uniLoops == 0 && g.one(3):
		add(stmt("if ($) { hash[gid] = h + 1ul; return; }", g.expr(scalar("bool"), 2)))
		f.returned = true
	default:
		g.assign(add)
	}
}

// through calls a function with a parameter by reference.
func (g *generator) through(add func(*node)) {
	for _, f := range g.funcs {
		if !f.through {
			continue
		}
		last := f.params[len(f.params)-1]
		for _, v := range g.vars {
			if v.t != last || v.fixed || v.uniform {
				continue
			}
			text, kids := f.name+"(", []*node(nil)
			for _, p := range f.params[:len(f.params)-1] {
				text += "$, "
				kids = append(kids, g.expr(p, 1))
			}
			name := g.name()
			add(stmt(fmt.Sprintf("%s %s = %s%s);", f.result, name, text, v.name), kids...))
			g.vars = append(g.vars, variable{name: name, t: f.result})
			return
		}
	}
	g.assign(add)
}

func (g *generator) branch(add func(*node), depth int) {
	cond, uniform := g.condition()
	f := g.flow
	f.uniform = f.uniform && uniform
	if !f.uniform && f.uniBreaks {
		f.breaks, f.continues = false, false
	}
	then := g.inside(f, depth-1, 1+g.n(4))
	if g.one(2) {
		f.returned = f.returned || g.flow.returned
		if g.one(4) {
			other := g.inside(f, depth-1, 1+g.n(3))
			last := g.inside(f, depth-1, 1+g.n(3))
			second := g.expr(scalar("bool"), 2)
			if uniform {
				second = g.uniformExpr(scalar("bool"), 2)
			}
			add(stmt("if ($) $ else if ($) $ else $", cond, then, second, other, last))
			return
		}
		add(stmt("if ($) $ else $", cond, then, g.inside(f, depth-1, 1+g.n(4))))
		return
	}
	add(stmt("if ($) $", cond, then))
}

// loop writes a loop of a few turns.
func (g *generator) loop(add func(*node), depth int) {
	if g.flow.weight > 20 || g.flow.loops >= 3 {
		g.assign(add)
		return
	}
	f := g.flow
	f.loops++
	turns := 2 + g.n(6)
	f.weight = (f.weight+1)*turns - 1
	uniform := f.uniform && g.one(2)
	f.uniform = uniform
	f.uniBreaks = uniform
	f.breaks, f.continues = !uniform, !uniform
	if uniform {
		f.uniLoops++
	}
	value := g.expr
	if uniform {
		value = g.uniformExpr
	}
	bound := func() *node {
		if g.one(3) {
			return expr("uint", fmt.Sprintf("%du", turns))
		}
		return expr("uint", fmt.Sprintf("($ %% %du)", turns+1), value(scalar("uint"), 2))
	}
	v := g.name()
	counter := variable{name: v, t: scalar("uint"), fixed: true, uniform: uniform}
	depth--
	vars := len(g.vars)
	switch g.n(6) {
	case 5:
		step := g.name() // given a value in the condition, and perhaps another in the body
		add(stmt(fmt.Sprintf("uint %s = 0u;", step)))
		first := value(scalar("uint"), 1)
		g.vars = append(g.vars, counter, variable{name: step, t: scalar("uint"), uniform: uniform})
		body := g.inside(f, depth, 1+g.n(5))
		g.vars = g.vars[:vars]
		add(stmt(fmt.Sprintf("for (uint %[1]s = %[2]d; (%[3]s = $, %[1]s < %[4]du); %[1]s += %[3]s %% 2u + 1u) $", v, g.n(2), step, turns), first, body))
	case 0, 1, 2:
		limit := bound()
		g.vars = append(g.vars, counter)
		body := g.inside(f, depth, 1+g.n(5))
		g.vars = g.vars[:vars]
		// The bound is taken once: what it depends on may change in the loop.
		add(stmt(fmt.Sprintf("for (uint %s = %d, %s_end = $; %s < %s_end; %s) $", v, g.n(2), v, v, v, g.pick("++"+v, v+"++", v+" += 2")), limit, body))
	case 3:
		limit := bound()
		add(stmt(fmt.Sprintf("uint %s = $;", v), limit))
		g.vars = append(g.vars, counter)
		cond := value(scalar("bool"), 1)
		if g.one(2) {
			cond = expr("bool", "true")
		}
		body := g.inside(f, depth, 1+g.n(4))
		add(stmt(fmt.Sprintf("while (%s-- > 0u && $) $", v), cond, body))
		g.retire(v)
	case 4:
		limit := bound()
		add(stmt(fmt.Sprintf("uint %s = $;", v), limit))
		g.vars = append(g.vars, counter)
		body := g.inside(f, depth, 1+g.n(4))
		// Values at the end of a turn: continue comes here too.
		add(stmt(fmt.Sprintf("do $ while (%s-- > 0u && $);", v), body, value(scalar("bool"), 1)))
		g.retire(v)
	}
}

// retire makes a loop's counter, which lives on, divergent: a break of some
// threads may leave it different.
func (g *generator) retire(name string) {
	for i := range g.vars {
		if g.vars[i].name == name {
			g.vars[i].uniform = g.vars[i].uniform && g.flow.uniform
		}
	}
}

func (g *generator) choice(add func(*node), depth int) {
	f := g.flow
	uniform := f.uniform && g.one(2)
	value := g.expr
	if uniform {
		value = g.uniformExpr
	}
	f.uniform = uniform
	// A break ends the switch and a continue the loop around it, which takes
	// no part here unless its turns may be divergent.
	f.breaks = !uniform
	f.uniBreaks = false
	f.continues = f.continues && !uniform
	text, kids := "switch ($ % 5u) {", []*node{value(scalar("uint"), 2)}
	for k := range 1 + g.n(4) {
		text += fmt.Sprintf(" case %du: $%s", k, g.pick(" break;", " break;", ""))
		kids = append(kids, g.inside(f, depth-1, 1+g.n(3)))
		f.returned = g.flow.returned // falls through to the next
	}
	if g.one(2) {
		text += " default: $"
		kids = append(kids, g.inside(f, depth-1, 1+g.n(3)))
	}
	add(stmt(text+" }", kids...))
}

const barrier = "threadgroup_barrier(mem_flags::mem_threadgroup);"

// exchange passes values between the threads of a group.
func (g *generator) exchange(add func(*node)) {
	if !g.flow.uniform || g.flow.returned || g.helper || len(g.shared) == 0 {
		g.assign(add)
		return
	}
	s := g.shared[g.n(len(g.shared))]
	slot := g.pick("tid", "tid", "width - 1u - tid", "(tid + 5u) % width")
	add(stmt(fmt.Sprintf("%s[%s] = $;", s.name, slot), g.expr(s.t, 2)))
	add(stmt(barrier))
	if s.t.base != "bool" && g.one(4) && slot == "tid" {
		// A reduction by halves, over the largest power of two below width.
		op := s.name + "[tid] += " + s.name + "[tid + v]"
		if isFloat(s.t.base) || s.t.base == "int" || s.t.base == "uint" {
			op = g.pick(op, fmt.Sprintf("%[1]s[tid] = max(%[1]s[tid], %[1]s[tid + v])", s.name))
		}
		v := g.name()
		op = strings.ReplaceAll(op, "+ v]", "+ "+v+"]")
		add(stmt(fmt.Sprintf("for (uint %[1]s = 512u; %[1]s > 0u; %[1]s /= 2u) { if (tid < %[1]s && tid + %[1]s < width) %[2]s; %[3]s }", v, op, barrier)))
	}
	v := variable{name: g.name(), t: s.t}
	at := expr("uint", "($ % width)", g.expr(scalar("uint"), 2))
	if g.one(3) {
		at, v.uniform = expr("uint", "($ % width)", g.uniformExpr(scalar("uint"), 1)), g.agreed
	}
	add(stmt(fmt.Sprintf("%s %s = %s[$];", v.t, v.name, s.name), at))
	add(stmt(barrier))
	g.vars = append(g.vars, v)
}

// count lets the threads of a group count together.
func (g *generator) count(add func(*node)) {
	if !g.flow.uniform || g.flow.returned || g.helper {
		g.atomic(add)
		return
	}
	v := g.name()
	op := g.pick("add", "min", "max", "or", "xor", "and")
	add(stmt(fmt.Sprintf("for (uint %[1]s = tid; %[1]s < %[2]du; %[1]s += width) atomic_store_explicit(&cells[%[1]s], $, memory_order_relaxed);", v, cells), g.uniformExpr(scalar("uint"), 1)))
	add(stmt(barrier))
	add(stmt(fmt.Sprintf("if ($) atomic_fetch_%s_explicit(&cells[$], $, memory_order_relaxed);", op), g.expr(scalar("bool"), 2), g.small(cells, 1), g.expr(scalar("uint"), 2)))
	add(stmt(barrier))
	r := variable{name: g.name(), t: scalar("uint")}
	at := g.small(cells, 1)
	if g.one(2) {
		old := g.uniform
		g.uniform = true
		at = g.small(cells, 1)
		g.uniform = old
		r.uniform = g.agreed
	}
	add(stmt(fmt.Sprintf("uint %s = atomic_load_explicit(&cells[$], memory_order_relaxed);", r.name), at))
	add(stmt(barrier))
	g.vars = append(g.vars, r)
}

func (g *generator) lambda(add func(*node)) {
	if g.helper {
		g.assign(add)
		return
	}
	f, r, t := g.name(), g.name(), scalar(g.scalarBase())
	p := scalar(g.scalarBase())
	add(stmt(fmt.Sprintf("auto %s = [&](%s p, uint q) { if ($) return $; return %s(%s($) + %s(q)); };", f, p, t, t, t),
		g.expr(scalar("bool"), 1), g.exprOf(t), g.expr(t, 1)))
	add(stmt(fmt.Sprintf("%s %s = %s($, $);", t, r, f), g.expr(p, 1), g.expr(scalar("uint"), 1)))
	g.vars = append(g.vars, variable{name: r, t: t})
}

// exprOf is an expression whose type, as auto sees it, is t.
func (g *generator) exprOf(t typ) *node {
	return expr(t.String(), t.String()+"($)", g.expr(t, 1))
}
