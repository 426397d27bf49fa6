package codegen

// This file implements row kernels: passes over the row, each computing the
// reductions that the next one needs.

import (
	"fmt"
	"math"
	"slices"

	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A pass is one walk along the row.
type pass struct {
	reductions []*node
	stores     []int // results with an element for each element
}

func (q pass) roots(results []result) []*node {
	var out []*node
	for _, r := range q.reductions {
		out = append(out, r.args[0])
	}
	for _, s := range q.stores {
		out = append(out, results[s].node)
	}
	return out
}

// passes sorts reductions and results by what they wait for.
func (p *plan) passes() []pass {
	var list []pass
	at := func(depth int) *pass {
		for len(list) <= depth {
			list = append(list, pass{})
		}
		return &list[depth]
	}
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		for _, a := range n.args {
			visit(a)
		}
		if n.op.IsReduction() {
			q := at(n.depth - 1)
			q.reductions = append(q.reductions, n)
		}
	}
	for i, r := range p.results {
		visit(r.node)
		if r.whole {
			q := at(r.node.depth)
			q.stores = append(q.stores, i)
		}
	}
	return list
}

// A packedInput is kept in registers as it lies in memory.
type packedInput struct {
	array string
	first int // the pass that loads it
}

// A rowEmitter writes a row kernel.
type rowEmitter struct {
	*emitter
	s      Schedule
	passes []pass
	kept   map[*node]string // values in registers between passes, by array
	packed map[int]packedInput
	first  map[*node]int  // the pass that computes a value first
	steps  map[int]string // strided inputs: where element j of the row is
	group  bool           // more than one simdgroup works on a row
	base   int            // the line that declares where the row starts
}

// rowKernel writes a kernel in which some threads work on a row together.
func (p *plan) rowKernel(s Schedule) (*Kernel, error) {
	s = s.withDefaults()
	s.Wide = s.Wide || p.wide()
	if p.d%s.Vector != 0 || p.d < signature.ConstantLimit {
		s.Vector = 1
	}
	passes := p.passes()
	if p.call.Target == Portable && s.Group > 1 && s.Group%32 != 0 && has64(passes) {
		s.Group = (s.Group + 31) / 32 * 32 // the shuffles need all lanes
	}
	if s.InRegisters && p.d > s.Group*s.PerThread {
		return nil, fmt.Errorf("%s: rows of %d do not fit %d threads with %d elements each; take more of either, or do not keep rows in registers",
			p.f.Name, p.d, s.Group, s.PerThread)
	}
	e := &rowEmitter{emitter: newEmitter(p, s), s: s, passes: passes, kept: map[*node]string{}, packed: map[int]packedInput{}, steps: map[int]string{}, group: s.Group > 32}
	if s.Exact {
		if p.d != s.Group*s.PerThread || !s.InRegisters {
			return nil, fmt.Errorf("%s: rows of %d are not exactly %d threads with %d elements each in registers", p.f.Name, p.d, s.Group, s.PerThread)
		}
		e.exact = true
	}
	e.firsts()
	if !s.InRegisters {
		s.PerThread = 1
	}
	e.prologue()
	first, both := online(e.passes)
	for i := range e.passes {
		switch {
		case !s.Online || !both || i != first && i != first+1:
			e.pass(i)
		case i == first:
			e.onlinePasses(i)
		}
	}
	e.perRow()
	e.dropUnused(e.base, "base")
	threads := p.rows * s.Group
	const most = min(1<<32, math.MaxInt)
	if p.rows >= most/s.Group {
		threads = most
	}
	k, err := p.kernel(e.emitter, s, threads, s.Group*s.RowsPerGroup)
	return k, err
}

// has64 reports whether 64-bit integers are reduced.
func has64(passes []pass) bool {
	return slices.ContainsFunc(passes, func(q pass) bool {
		return slices.ContainsFunc(q.reductions, func(n *node) bool {
			d := n.args[0].typ
			return d.IsInteger() && d.Size() == 8 && n.op != formula.Any && n.op != formula.All
		})
	})
}

// heavy are the operations that are cheaper kept than computed again.
func (s Schedule) heavy(n *node) bool {
	switch n.op {
	case formula.Input:
		return !s.Reload
	}
	if s.Packed {
		return false
	}
	switch n.op {
	case formula.Pow, formula.Atan2, formula.LogAddExp, formula.Uniform:
		return true
	}
	return n.op >= formula.Exp && n.op <= formula.GeluTanh
}

// firsts finds the pass that computes each value first, without looking at
// what is kept.
func (e *rowEmitter) firsts() {
	e.first = map[*node]int{}
	for i, q := range e.passes {
		e.walk(q.roots(e.results), func(n *node) {
			if _, ok := e.first[n]; !ok && n.varies {
				e.first[n] = i
			}
		})
	}
	if !e.s.InRegisters {
		return
	}
	for i, q := range e.passes {
		seen := map[*node]bool{}
		var visit func(n *node)
		visit = func(n *node) {
			if seen[n] || !n.varies {
				return
			}
			seen[n] = true
			if e.s.heavy(n) && e.first[n] < i {
				switch {
				case n.op == formula.Input && e.packs(n.index):
					if e.packed[n.index].array == "" {
						e.packed[n.index] = packedInput{e.names.unique(e.names.inputs[n.index] + "_r"), e.first[n]}
					}
				case e.kept[n] == "":
					name := e.names.temp()
					if n.op == formula.Input {
						name = e.names.unique(e.names.inputs[n.index] + "_r")
					}
					e.kept[n] = name
				}
				return
			}
			for _, a := range n.args {
				visit(a)
			}
		}
		for _, r := range q.roots(e.results) {
			visit(r)
		}
	}
}

// prologue writes which row and which part of it is the thread's.
func (e *rowEmitter) prologue() {
	g := e.s.Group
	row := "thread_position_in_grid.x"
	switch {
	case e.group, g > 1 && e.s.RowsPerGroup == 1:
		row = "threadgroup_position_in_grid.x"
	case g > 1:
		row += fmt.Sprintf(" / %du", g)
	}
	e.line("%s row = %s;", e.index(), row)
	switch {
	case e.group:
		e.line("uint lane = thread_index_in_threadgroup;")
	case g > 1:
		e.line("uint lane = thread_index_in_simdgroup;")
	case e.s.InRegisters || e.s.Vector > 1 || e.s.Online:
		e.line("uint lane = 0;")
	}
	e.base = e.declare("%s base = row * %s;", e.index(), e.rowSize())
	for i := range e.inputs {
		if in := e.inputs[i]; in.used && in.layout == Strided && !in.row {
			e.steps[i] = e.strided(i, "j")
		}
	}
	e.linear = "base + j"
	e.load = func(in int) string {
		name := e.names.inputs[in]
		switch {
		case e.steps[in] != "":
			return fmt.Sprintf("%s[%s]", name, e.steps[in])
		case e.inputs[in].layout == Strided:
			return name + "[" + e.locate(in, "row") + "]"
		case e.inputs[in].layout == PerRow:
			return name + "[row]"
		case e.inputs[in].layout == LastAxis:
			return name + "[j]"
		}
		return name + "[base + j]"
	}
	for _, n := range e.keptInOrder() {
		e.line("%s %s[%d];", typeName(n.typ), e.kept[n], e.s.PerThread)
	}
	for i := range e.inputs {
		if p := e.packed[i]; p.array != "" {
			e.line("uint4 %s[%d];", p.array, e.s.PerThread/8)
		}
	}
}

// rowSize returns the length of a row such that compilers see what it is a
// multiple of.
func (e *rowEmitter) rowSize() string {
	d := e.size("D")
	if v := e.s.Vector; v > 1 && !e.exact {
		return fmt.Sprintf("(%s / %du * %du)", d, v, v)
	}
	return d
}

func (e *rowEmitter) keptInOrder() []*node {
	var list []*node
	for n := range e.kept {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b *node) int { return a.id - b.id })
	return list
}

// pass writes pass i: the walk, then what its reductions come to.
func (e *rowEmitter) pass(i int) {
	q := e.passes[i]
	if len(q.reductions)+len(q.stores) == 0 {
		return
	}
	e.hold(i)
	var kept []*node // in registers already
	for _, n := range e.keptInOrder() {
		if e.first[n] < i {
			kept = append(kept, n)
			e.known[n] = e.kept[n] + "[k]"
		}
	}
	needed := q.roots(e.results)
	e.hoist(needed)
	accs := make([]*accumulator, len(q.reductions))
	for k, r := range q.reductions {
		accs[k] = e.accumulator(r)
	}
	e.walkRow(i, needed, accs)
	for _, n := range kept {
		delete(e.known, n)
	}
	e.finish(accs)
}

// packs reports whether an input is kept as it lies in memory.
func (e *rowEmitter) packs(in int) bool {
	return e.s.Packed && e.inputs[in].dtype.Size() == 2 && e.vectorSource(in) != ""
}

// hold says for pass i where the vectors of packed inputs are.
func (e *rowEmitter) hold(i int) {
	e.held = map[int]held{}
	hidden := ""
	for in := range e.inputs {
		p := e.packed[in]
		if p.array == "" || i < p.first {
			continue
		}
		at := "[0]"
		if e.s.PerThread > e.s.Vector {
			at = "[step]"
		}
		h := held{name: p.array + at}
		if i > p.first {
			if hidden == "" { // another 0 for each pass
				hidden = e.names.unique("hidden")
				e.line("uint %s = threads_per_grid.%c - 1u;", hidden, "yz"[i%2])
			}
			h.hidden = hidden
		}
		e.held[in] = h
	}
}

// walkRow writes the loop along the row.
func (e *rowEmitter) walkRow(i int, needed []*node, accs []*accumulator) {
	g, v := e.s.Group, e.s.Vector
	j := e.index()
	switch {
	case e.s.InRegisters && v == 1:
		e.open("for (uint k = 0; k < %du; ++k)", e.s.PerThread)
		e.line("%s j = lane + k * %du;", j, g)
		e.inRow("j", func() { e.element(i, needed, accs, "k") })
		e.close()
	case e.s.InRegisters && e.s.PerThread == v:
		if e.exact {
			e.line("{")
			e.indent++
		} else {
			e.open("if (lane * %du < %s)", v, e.size("D"))
		}
		at := e.declare("%s at = lane * %du;", j, v)
		e.vectorElements(i, needed, accs)
		e.dropUnused(at, "at")
		e.close()
	case e.s.InRegisters:
		e.open("for (uint step = 0; step < %du; ++step)", e.s.PerThread/v)
		at := e.declare("%s at = (lane + step * %du) * %du;", j, g, v)
		e.inRow("at", func() { e.vectorElements(i, needed, accs) })
		e.dropUnused(at, "at")
		e.close()
	case v == 1 && g == 1:
		e.open("for (%s j = 0; j < %s; ++j)", j, e.size("D"))
		e.element(i, needed, accs, "")
		e.close()
	case v == 1:
		e.open("for (%s j = lane; j < %s; j += %du)", j, e.size("D"), g)
		e.element(i, needed, accs, "")
		e.close()
	default:
		e.open("for (%s at = lane * %du; at < %s; at += %du)", j, v, e.size("D"), g*v)
		e.vectorElements(i, needed, accs)
		e.close()
	}
}

// inRow writes what is done at at if that is in the row.
func (e *rowEmitter) inRow(at string, body func()) {
	if e.exact {
		body()
		return
	}
	e.open("if (%s < %s)", at, e.size("D"))
	body()
	e.close()
}

// element writes what pass i does with element j; k is its register.
func (e *rowEmitter) element(i int, needed []*node, accs []*accumulator, k string) {
	e.scope(func() {
		e.count(needed...)
		e.keep(i, needed, k)
		for _, a := range accs {
			e.accumulate(a)
		}
		for _, o := range e.passes[i].stores {
			r := e.results[o]
			text, _ := e.expr(r.node)
			e.line("%s[base + j] = %s;", e.names.outputs[o], outText(text, r.node.typ, r.dtype))
		}
	})
}

// keep puts values that later passes need into registers.
func (e *rowEmitter) keep(i int, needed []*node, k string) {
	for _, n := range e.keptInOrder() {
		if e.first[n] == i {
			e.line("%s[%s] = %s;", e.kept[n], k, e.named(n))
		}
	}
}

// vectorElements writes what pass i does with the vector at at.
func (e *rowEmitter) vectorElements(i int, needed []*node, accs []*accumulator) {
	register := "k"
	if e.s.InRegisters {
		if e.s.PerThread > e.s.Vector {
			register = fmt.Sprintf("step * %du + k", e.s.Vector)
		}
		for n, kept := range e.kept {
			if e.known[n] != "" {
				e.known[n] = kept + "[" + register + "]"
			}
		}
	}
	e.vectorBlock(needed, e.passes[i].stores, e.s.Vector, e.vectorSource, func(int) string { return "base + at" }, fmt.Sprintf("%s j = at + k;", e.index()), "j", func() {}, func() {
		e.keep(i, needed, register)
		for _, a := range accs {
			e.accumulate(a)
		}
	})
}

// vectorSource returns where the vector at at of an input is, if it can be
// loaded at once.
func (e *rowEmitter) vectorSource(in int) string {
	l := &e.inputs[in]
	switch name := e.names.inputs[in]; {
	case !l.aligned || !vectors(l.dtype) || e.s.Vector == 1:
	case l.layout == Dense:
		return name + " + base + at"
	case l.layout == LastAxis:
		return name + " + at"
	case l.layout == Strided && l.rowsOf(e.s.Vector):
		return fmt.Sprintf("%s + int64_t(row) * %s + at", name, e.rowStep(in, e.s.Vector))
	}
	return ""
}

// perRow writes the results that have one element for each row.
func (e *rowEmitter) perRow() {
	var list []int
	for i, r := range e.results {
		if !r.whole {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return
	}
	if e.s.Group > 1 {
		e.open("if (lane == 0)")
	}
	e.scope(func() {
		var nodes []*node
		for _, i := range list {
			nodes = append(nodes, e.results[i].node)
		}
		e.count(nodes...)
		for _, i := range list {
			r := e.results[i]
			text, _ := e.expr(r.node)
			e.line("%s[row] = %s;", e.names.outputs[i], outText(text, r.node.typ, r.dtype))
		}
	})
	if e.s.Group > 1 {
		e.close()
	}
}
