package kernelfuzz

// This file implements what kernels are mostly made of: strided loops over a
// row, reductions in two stages, exchanges through device memory, loops of
// compare and exchange, and products of matrices.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// pattern writes one of the patterns, or an assignment where none may stand.
func (g *generator) pattern(add func(*node)) {
	if g.helper {
		g.assign(add)
		return
	}
	switch g.n(9) {
	case 6:
		g.ownAtomic(add)
	case 7:
		g.walk(add)
	case 8:
		g.records(add)
	case 0, 1:
		g.stride(add)
	case 2:
		g.twoStages(add)
	case 3:
		g.swap(add)
	case 4:
		g.matrix(add)
	case 5:
		g.neighbour(add)
	}
}

// stride adds up elements of an input, each thread or lane every so many.
func (g *generator) stride(add func(*node)) {
	var in *Input
	for i := range g.c.Inputs {
		if x := &g.c.Inputs[i]; len(x.Shape) == 1 && x.Shape[0] >= 8 && x.DType != dtype.Bool && (in == nil || g.one(2)) {
			in = x
		}
	}
	if in == nil {
		g.assign(add)
		return
	}
	t := g.typeOf(in.DType)
	if g.one(3) && t.base != "double" {
		t = scalar("float")
	}
	v, j := variable{name: g.name(), t: t}, g.name()
	start, step := "tid", "width"
	switch g.n(4) {
	case 0:
		start, step = "thread_index_in_simdgroup", "32u"
	case 1:
		start, step = "tid * 2u", "(width * 2u)"
	case 2:
		start, step = "gid", "total"
	}
	n := in.Shape[0]
	end := expr("uint", fmt.Sprintf("%du", min(n, 1+g.n(200))))
	if g.one(3) {
		end = g.small(min(n, 150), 1)
	}
	add(stmt(fmt.Sprintf("%s %s = $;", t, v.name), expr(t.String(), t.String()+"("+g.pick("0", "1")+")")))
	g.vars = append(g.vars, v)
	value := expr(t.String(), fmt.Sprintf("%s(%s[%s])", t, in.Name, j))
	switch g.n(3) {
	case 0:
		value = expr(t.String(), t.String()+"($ * $)", value, g.leaf(t))
	case 1:
		value = expr(t.String(), "($ ? $ : $)", g.expr(scalar("bool"), 1), value, g.leaf(t))
	}
	change := fmt.Sprintf("%s += $;", v.name)
	if t.base != "bool" && g.one(3) {
		change = fmt.Sprintf("%[1]s = max(%[1]s, $);", v.name)
	}
	add(stmt(fmt.Sprintf("for (uint %[1]s = %[2]s, %[1]s_end = $; %[1]s < %[1]s_end; %[1]s += %[3]s) $", j, start, step), end,
		&node{kind: block, kids: []*node{stmt(change, value)}}))
}

// twoStages reduces over the simdgroups of a group, and then over their
// results.
func (g *generator) twoStages(add func(*node)) {
	var s *variable
	for i := range g.shared {
		if t := g.shared[i].t.base; g.shared[i].length >= 32 && t != "bool" && t != "double" {
			s = &g.shared[i]
		}
	}
	if s == nil || !g.flow.uniform || g.flow.returned {
		g.exchange(add)
		return
	}
	f := g.pick("simd_sum", "simd_max", "simd_min")
	v := variable{name: g.name(), t: s.t}
	add(stmt(fmt.Sprintf("%s %s = %s($);", s.t, v.name, f), g.expr(s.t, 2)))
	add(stmt(fmt.Sprintf("if (thread_index_in_simdgroup == 0) %s[simdgroup_index_in_threadgroup] = %s;", s.name, v.name)))
	add(stmt(barrier))
	add(stmt(fmt.Sprintf("%s = %s(thread_index_in_simdgroup < simdgroups_per_threadgroup ? %s[thread_index_in_simdgroup] : %s(0));", v.name, f, s.name, s.t)))
	add(stmt(barrier))
	g.vars = append(g.vars, v)
}

// swap takes a maximum by compare and exchange: whatever the order, the last
// value is the same.
func (g *generator) swap(add func(*node)) {
	p, old, v := g.name(), g.name(), g.name()
	add(stmt(fmt.Sprintf("device atomic_int* %s = (device atomic_int*)ai + %d + $; int %s = $;", p, 2*atomicCells, v), g.small(atomicCells, 1), g.expr(scalar("int"), 2)))
	add(stmt(fmt.Sprintf("int %[2]s = atomic_load_explicit(%[1]s, memory_order_relaxed); while (%[2]s < %[3]s && !atomic_compare_exchange_weak_explicit(%[1]s, &%[2]s, %[3]s, memory_order_relaxed, memory_order_relaxed)) {}", p, old, v)))
}

// neighbour passes values through device memory within the group.
func (g *generator) neighbour(add func(*node)) {
	if !g.flow.uniform || g.flow.returned {
		g.assign(add)
		return
	}
	for _, l := range g.c.Launches {
		if l.Grid[1] > 1 || l.Grid[2] > 1 {
			g.assign(add)
			return
		}
	}
	for _, o := range g.c.Outputs {
		if !strings.HasPrefix(o.Name, "mid") {
			continue
		}
		v := variable{name: g.name(), t: g.typeOf(o.DType)}
		add(stmt(o.Name+"[gid] = $;", g.expr(v.t, 2)))
		add(stmt("threadgroup_barrier(mem_flags::mem_device);"))
		add(stmt(fmt.Sprintf("%s %s = %s[gid - tid + $ %% width];", v.t, v.name, o.Name), g.expr(scalar("uint"), 2)))
		add(stmt("threadgroup_barrier(mem_flags::mem_device);"))
		g.vars = append(g.vars, v)
	}
}

// matrix multiplies matrices of small whole numbers, whose products no order
// of adding rounds. Simdgroups that are not full take no part in the result.
func (g *generator) matrix(add func(*node)) {
	if !g.flow.uniform || g.flow.returned || g.tiles == "" {
		g.assign(add)
		return
	}
	t, q, a, b, c := g.tiles, g.name(), g.name(), g.name(), g.name()
	add(stmt(fmt.Sprintf("for (uint %[1]s = tid; %[1]s < 128u; %[1]s += width) tiles[%[1]s] = %[2]s(int($ + int(%[1]s)) & 7);", q, t), g.expr(scalar("int"), 1)))
	add(stmt(barrier))
	add(stmt(fmt.Sprintf("simdgroup_%[1]s8x8 %[2]s, %[3]s, %[4]s;", t, a, b, c)))
	add(stmt(fmt.Sprintf("simdgroup_load(%s, tiles, 8); simdgroup_load(%s, tiles + 64, 8, ulong2(0, 0), %s);", a, b, g.pick("false", "true"))))
	if g.one(2) {
		add(stmt(fmt.Sprintf("simdgroup_multiply(%s, %s, %s);", c, a, b)))
	} else {
		add(stmt(fmt.Sprintf("%[3]s = make_filled_simdgroup_matrix<%[4]s, 8, 8>(%[4]s(3)); simdgroup_multiply_accumulate(%[3]s, %[1]s, %[2]s, %[3]s);", a, b, c, t)))
	}
	v := variable{name: g.name(), t: scalar(t)}
	add(stmt(fmt.Sprintf("%s %s = simdgroup_index_in_threadgroup * 32u + 32u <= width ? %s.thread_elements()[%d] : %s(0);", t, v.name, c, g.n(2), t)))
	add(stmt(barrier))
	g.vars = append(g.vars, v)
}

// ownAtomic changes an element that no other thread does, so that the value
// before is known.
func (g *generator) ownAtomic(add func(*node)) {
	v := variable{name: g.name(), t: scalar("uint")}
	cell := "(device atomic_uint*)aw + gid"
	defer func() { g.vars = append(g.vars, v) }()
	switch g.n(3) {
	case 0:
		add(stmt(fmt.Sprintf("uint %s = $;", v.name), g.expr(v.t, 1)))
		add(stmt(fmt.Sprintf("bool %[1]s_done = atomic_compare_exchange_weak_explicit(%[2]s, &%[1]s, $, memory_order_relaxed, memory_order_relaxed); %[1]s += %[1]s_done;", v.name, cell), g.expr(v.t, 2)))
	case 1:
		add(stmt(fmt.Sprintf("uint %s = 0; if ($) %s = atomic_exchange_explicit(%s, $, memory_order_relaxed);", v.name, v.name, cell), g.expr(scalar("bool"), 1), g.expr(v.t, 2)))
	default:
		op := g.pick("add", "sub", "min", "max", "and", "or", "xor")
		add(stmt(fmt.Sprintf("uint %s = atomic_fetch_%s_explicit(%s, $, memory_order_relaxed);", v.name, op, cell), g.expr(v.t, 2)))
	}
}

// walk moves a pointer over an input, by steps that differ between threads.
func (g *generator) walk(add func(*node)) {
	for _, in := range g.c.Inputs {
		if len(in.Shape) == 0 || in.Shape[0] < 64 || !g.one(2) {
			continue
		}
		n := in.Shape[0]
		t := g.typeOf(in.DType)
		p, v := g.name(), variable{name: g.name(), t: t}
		from := expr("uint", "$", g.small(n-40, 1))
		if n > g.total*own && g.one(2) {
			from = expr("uint", "gid")
		}
		if g.one(2) {
			add(stmt(fmt.Sprintf("const device %s* %s = $ ? %s + $ : %s + %d;", t, p, in.Name, in.Name, g.n(n-40)), g.expr(scalar("bool"), 2), from))
		} else {
			add(stmt(fmt.Sprintf("const device %s* %s = %s + $;", t, p, in.Name), from))
		}
		k := g.name()
		add(stmt(fmt.Sprintf("%s %s = *%s;", t, v.name, p)))
		g.vars = append(g.vars, v)
		read := expr(t.String(), g.pick("*"+p, p+"[1]", p+"[2]"))
		// At most 7 turns of at most 4 elements each: 40 lie beyond the start.
		add(stmt(fmt.Sprintf("for (uint %[1]s = 0, %[1]s_end = $; %[1]s < %[1]s_end; ++%[1]s) $", k), g.small(8, 1),
			&node{kind: block, kids: []*node{stmt(p+" += $;", g.small(5, 1)), stmt(v.name+" = $;", g.choose(t, 1)), stmt(v.name+" += $;", read)}}))
		return
	}
	g.assign(add)
}

// records keeps structs in an array, of the thread or of the group.
func (g *generator) records(add func(*node)) {
	if len(g.types) == 0 {
		g.assign(add)
		return
	}
	s := g.types[g.n(len(g.types))]
	a, v := g.name(), variable{name: g.name(), kind: s.name}
	text, kids := "", []*node(nil)
	for i, f := range s.fields {
		if i > 0 {
			text += ", "
		}
		text += "$"
		kids = append(kids, g.expr(f.t, 1))
	}
	add(stmt(fmt.Sprintf("%s %s = {%s};", s.name, v.name, text), kids...))
	g.structs = append(g.structs, v)
	f := s.fields[g.n(len(s.fields))]
	if g.room >= 32*g.most && g.flow.uniform && !g.flow.returned && !g.flow.inner && g.one(2) {
		g.room -= 64 * g.most
		if g.room < 0 {
			g.room = 0
			g.assign(add)
			return
		}
		add(stmt(fmt.Sprintf("threadgroup %s %s[%d];", s.name, a, g.most)))
		add(stmt(fmt.Sprintf("%s[tid] = %s;", a, v.name)))
		add(stmt(barrier))
		add(stmt(fmt.Sprintf("%s = %s[$ %% width];", v.name, a), g.expr(scalar("uint"), 1)))
		add(stmt(barrier))
		return
	}
	add(stmt(fmt.Sprintf("%s %s[3] = {%s, %s, %s};", s.name, a, v.name, v.name, v.name)))
	add(stmt(fmt.Sprintf("%s[$].%s = $;", a, f.name), g.small(3, 1), g.expr(f.t, 2)))
	add(stmt(fmt.Sprintf("thread %s& %s_of = %s[$]; %s_of.%s = $;", s.name, a, a, a, f.name), g.small(3, 1), g.expr(f.t, 1)))
	add(stmt(fmt.Sprintf("%s = %s[$];", v.name, a), g.small(3, 1)))
}
