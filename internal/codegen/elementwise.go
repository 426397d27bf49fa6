package codegen

// This file implements elementwise kernels.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// index is the type of indexes.
func (e *emitter) index() string {
	if e.wide {
		return "ulong"
	}
	return "uint"
}

// roots are the nodes of the results.
func roots(results []result) []*node {
	out := make([]*node, len(results))
	for i, r := range results {
		out[i] = r.node
	}
	return out
}

// outType returns n's text as a result of dtype d.
func outText(text string, from, d dtype.DType) string {
	if from == d {
		return text
	}
	return typeName(d) + "(" + text + ")"
}

// at returns the text that reads input in at index i of the whole result.
func (e *emitter) at(in int, i string) string {
	name := e.names.inputs[in]
	switch e.inputs[in].layout {
	case LastAxis:
		return fmt.Sprintf("%s[%s %% %s]", name, i, e.size("D"))
	case PerRow:
		return fmt.Sprintf("%s[%s / %s]", name, i, e.size("D"))
	case Strided:
		return name + "[" + e.locate(in, i) + "]"
	}
	return name + "[" + i + "]"
}

// vectors reports whether dtype d has vector loads.
func vectors(d dtype.DType) bool { return d != dtype.Bool && d.Size() <= 4 }

// elementwiseKernel writes a kernel in which each thread computes some
// elements by themselves.
func (p *plan) elementwiseKernel(s Schedule) (*Kernel, error) {
	s = s.withDefaults()
	s.RowsPerGroup, s.InRegisters = 1, false
	s.Wide = s.Wide || p.n >= 1<<31
	if p.n < max(64, signature.ConstantLimit) { // inputs in constant space, and nothing to win
		s.Vector = 1
	}
	e := newEmitter(p, s)
	threads := (p.n + s.Vector - 1) / s.Vector
	group := min(s.Group, max(threads, 1))
	e.hoist(roots(p.results))
	index, block := e.index(), s.Group*s.PerThread*s.Vector
	thread, own := "thread_position_in_grid.x", "threadgroup_position_in_grid.x"
	if s.Wide {
		thread, own = "ulong("+thread+")", "ulong("+own+")"
	}
	if s.PerThread > 1 { // a threadgroup's elements are neighbours
		group = s.Group
		threads = (p.n + block - 1) / block * group
		e.line("%s first = %s * %du;", index, own, block)
		e.line("%s end = min(%s, first + %du);", index, e.size("n"), block)
	}
	switch {
	case s.Vector == 1 && s.PerThread == 1:
		e.line("%s i = %s;", index, "thread_position_in_grid.x")
		e.open("if (i < %s)", e.size("n"))
		e.elements("i")
		e.close()
	case s.Vector == 1:
		e.open("for (%s i = first + thread_index_in_threadgroup; i < end; i += %du)", index, s.Group)
		e.elements("i")
		e.close()
	case s.PerThread == 1:
		e.line("%s at = %s * %du;", index, thread, s.Vector)
		e.vectors(s.Vector)
	default:
		e.open("for (%s at = first + thread_index_in_threadgroup * %du; at < end; at += %du)", index, s.Vector, s.Group*s.Vector)
		e.vectors(s.Vector)
		e.close()
	}
	return p.kernel(e, s, threads, group)
}

// elements writes the results at index i.
func (e *emitter) elements(i string) {
	e.scope(func() {
		e.linear = i
		e.load = func(in int) string { return e.at(in, i) }
		e.count(roots(e.results)...)
		for o, r := range e.results {
			text, _ := e.expr(r.node)
			e.line("%s[%s] = %s;", e.names.outputs[o], i, outText(text, r.node.typ, r.dtype))
		}
	})
}

// vectors writes the results at vector indexes from at, and one by one those
// that do not fill a vector.
func (e *emitter) vectors(vector int) {
	e.open("if (at + %du <= %s)", vector, e.size("n"))
	e.inFours(vector, func(at string, width int) {
		e.vectorBlock(roots(e.results), e.stores(), width, func(in int) string {
			if l := e.inputs[in].layout; l == Dense && e.inputs[in].aligned && vectors(e.inputs[in].dtype) {
				return e.names.inputs[in] + " + " + at
			}
			return ""
		}, func(int) string { return at }, fmt.Sprintf("%s i = %s + k;", e.index(), at), "i", func() {
			e.linear = "i"
			e.load = func(in int) string { return e.at(in, "i") }
		}, func() {})
	})
	e.indent--
	e.open("} else")
	e.open("for (%s i = at; i < %s; ++i)", e.index(), e.size("n"))
	e.elements("i")
	e.close()
	e.close()
}

// inFours runs f for vectors of at most 4 elements, at a place named by at.
func (e *emitter) inFours(vector int, f func(at string, width int)) {
	if vector <= 4 {
		f("at", vector)
		return
	}
	e.open("for (%s part = at; part < at + %du; part += 4u)", e.index(), vector)
	f("part", 4)
	e.close()
}

// stores lists all results.
func (e *emitter) stores() []int {
	out := make([]int, len(e.results))
	for i := range out {
		out[i] = i
	}
	return out
}

// vectorBlock loads vectors, computes element by element, and stores vectors.
// source names the place that an input's vector is at, or is empty; place that
// of an output's. index declares the element's index. begin prepares for the
// expressions of an element, middle writes what comes before the stores.
func (e *emitter) vectorBlock(needed []*node, stores []int, width int, source func(in int) string, place func(out int) string, index, indexName string, begin, middle func()) {
	vec := map[int]string{}
	for _, in := range e.reads(needed) {
		if from := source(in); from != "" {
			t := fmt.Sprintf("%s%d", typeName(e.inputs[in].dtype), width)
			vec[in] = e.names.unique(e.names.inputs[in] + "_v")
			e.line("%s %s = *(const device %s*)(%s);", t, vec[in], t, from)
		}
	}
	outs := map[int]string{}
	for _, o := range stores {
		if d := e.results[o].dtype; vectors(d) {
			outs[o] = e.names.unique(e.names.outputs[o] + "_v")
			e.line("%s%d %s;", typeName(d), width, outs[o])
		}
	}
	e.open("for (uint k = 0; k < %du; ++k)", width)
	at := e.declare("%s", index)
	e.scope(func() {
		begin()
		plain := e.load
		e.load = func(in int) string {
			if vec[in] != "" {
				return vec[in] + "[k]"
			}
			return plain(in)
		}
		e.count(needed...)
		middle()
		for _, o := range stores {
			r := e.results[o]
			text, _ := e.expr(r.node)
			to := fmt.Sprintf("%s[%s + k]", e.names.outputs[o], place(o))
			if outs[o] != "" {
				to = outs[o] + "[k]"
			}
			e.line("%s = %s;", to, outText(text, r.node.typ, r.dtype))
		}
		e.load = plain
	})
	e.dropUnused(at, indexName)
	e.close()
	for _, o := range stores {
		if outs[o] != "" {
			e.line("*(device %s%d*)(%s + %s) = %s;", typeName(e.results[o].dtype), width, e.names.outputs[o], place(o), outs[o])
			delete(e.names.taken, outs[o])
		}
	}
	for _, name := range vec {
		delete(e.names.taken, name)
	}
}

// reads lists the inputs that expressions for roots read now.
func (e *emitter) reads(roots []*node) []int {
	need := map[int]bool{}
	e.walk(roots, func(n *node) {
		if n.op == formula.Input {
			need[n.index] = true
		}
	})
	var list []int
	for i := range e.inputs {
		if need[i] {
			list = append(list, i)
		}
	}
	return list
}

// walk visits the nodes that expressions for roots compute, arguments first.
func (e *emitter) walk(roots []*node, visit func(*node)) {
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] || e.leaf(n) {
			return
		}
		seen[n] = true
		for _, a := range n.args {
			walk(a)
		}
		visit(n)
	}
	for _, r := range roots {
		walk(r)
	}
}

// hoist names what does not vary before a loop over what does.
func (e *emitter) hoist(roots []*node) {
	var border []*node
	seen := map[*node]bool{}
	add := func(n *node) {
		if !n.varies && !e.leaf(n) && !seen[n] {
			seen[n] = true
			border = append(border, n)
		}
	}
	for _, r := range roots {
		add(r)
	}
	e.walk(roots, func(n *node) {
		if n.varies {
			for _, a := range n.args {
				add(a)
			}
		}
	})
	e.count(border...)
	for _, n := range border {
		if n.op == formula.Input && e.inputs[n.index].layout == Scalar && e.inputs[n.index].dtype == n.typ {
			e.loaded[n.index] = true
			e.known[n] = e.names.inputs[n.index]
			continue
		}
		e.named(n)
	}
	e.local = nil // known for good
}
