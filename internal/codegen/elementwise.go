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
	s.Wide = s.Wide || int64(p.n) >= 1<<31
	if p.n < max(64, signature.ConstantLimit) { // inputs in constant space, and nothing to win
		s.Vector = 1
	}
	e := newEmitter(p, s)
	threads := (p.n + s.Vector - 1) / s.Vector
	if s.Group%32 == 0 { // whole simdgroups: GPUs need no masks then
		threads = (threads + 31) / 32 * 32
	}
	group := min(s.Group, max(threads, 1))
	e.hoist(roots(p.results))
	index, block := e.index(), s.Group*s.PerThread*s.Vector
	thread, own := "thread_position_in_grid.x", "threadgroup_position_in_grid.x"
	if s.Wide {
		thread, own = "ulong("+thread+")", "ulong("+own+")"
	}
	s.Rows = s.Rows && s.Vector == 1 && p.alongRowsHelps()
	s.Whole = s.Whole && s.Vector > 1 && p.n%block == 0
	s.Exact = s.Exact && (s.Whole || s.Rows && p.d%s.Group == 0 && (block%p.d == 0 || p.d%block == 0))
	e.exact = s.Exact
	if s.PerThread > 1 || s.Rows { // a threadgroup's elements are neighbours
		group = s.Group
		threads = (p.n + block - 1) / block * group
		e.line("%s first = %s * %du;", index, own, block)
		if s.Vector == 1 && !(s.Exact && p.d > block) {
			e.line("%s end = min(%s, first + %du);", index, e.size("n"), block)
		}
	}
	switch {
	case s.Rows && s.Exact && p.d > block:
		e.alongPart(s.Group, block)
	case s.Rows && s.Exact:
		e.alongWholeRows(s.Group)
	case s.Rows:
		e.alongRows(s.Group)
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
		e.vectors(s.Vector, s.Whole)
	default:
		e.open("for (uint step = 0; step < %du; ++step)", s.PerThread)
		e.line("%s at = first + (step * %du + thread_index_in_threadgroup) * %du;", index, s.Group, s.Vector)
		e.vectors(s.Vector, s.Whole)
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

// vectors writes the results at the vector at at, and one by one those that do
// not fill it; where all are whole, there are no such.
func (e *emitter) vectors(vector int, whole bool) {
	if !whole {
		e.open("if (at + %du <= %s)", vector, e.size("n"))
	}
	rows := e.d%vector == 0 && e.inRows() // then a vector lies in one row
	if rows {
		e.line("%s row = at / %s;", e.index(), e.size("D"))
		e.line("%s column = at - row * %s;", e.index(), e.size("D"))
	}
	e.vectorBlock(roots(e.results), e.stores(), vector, func(in int) string {
		l := &e.inputs[in]
		switch name := e.names.inputs[in]; {
		case !l.aligned || !vectors(l.dtype):
		case l.layout == Dense:
			return name + " + at"
		case rows && l.layout == LastAxis:
			return name + " + column"
		case rows && l.layout == Strided && l.rowsOf(vector):
			if e.exact {
				return fmt.Sprintf("%s + int64_t(row) * %d + column", name, l.strides[len(l.strides)-2])
			}
			return fmt.Sprintf("%s + int64_t(row) * %s + column", name, e.rowStep(in, vector))
		}
		return ""
	}, func(int) string { return "at" }, fmt.Sprintf("%s i = at + k;", e.index()), "i", func() {
		e.linear = "i"
		e.load = func(in int) string {
			switch l := e.inputs[in].layout; {
			case rows && l == LastAxis:
				return e.names.inputs[in] + "[column + k]"
			case rows && l == PerRow:
				return e.names.inputs[in] + "[row]"
			}
			return e.at(in, "i")
		}
	}, func() {})
	if whole {
		return
	}
	e.indent--
	e.open("} else")
	e.open("for (%s i = at; i < %s; ++i)", e.index(), e.size("n"))
	e.elements("i")
	e.close()
	e.close()
}

// strided declares where the row that starts at base begins in a strided input,
// or its element at the sum of lanes, if there are any. It returns the place of
// element j, or of that j elements later.
func (e *emitter) strided(in int, j string, lanes ...string) string {
	l, name := &e.inputs[in], e.names.inputs[in]
	from, first := e.names.unique(name+"_row"), ""
	step, known := l.step()
	by := fmt.Sprint(step)
	if !known {
		by = e.names.unique(name + "_step")
		e.line("int64_t %s = %s_strides[%s_ndim - 1];", by, name, name)
	}
	times := func(i string) string {
		switch {
		case !known:
			return fmt.Sprintf(" + %s * int64_t(%s)", by, i)
		case step == 0:
			return ""
		}
		return fmt.Sprintf(" + int64_t(%s)", i)
	}
	for _, lane := range lanes {
		first += times(lane)
	}
	switch apart := e.apart[in]; {
	case apart != "":
		e.line("int64_t %s = int64_t(row) * %s%s;", from, apart, first)
	case l.rowsOf(1):
		e.line("int64_t %s = int64_t(row) * %s%s;", from, e.rowStep(in, 1), first)
	default:
		e.line("int64_t %s = %s%s;", from, e.locate(in, "base"), first)
	}
	return from + times(j)
}

// alongRows writes the loops over first to end that go along rows.
func (e *emitter) alongRows(group int) {
	e.open("for (%s from = first; from < end;)", e.index())
	e.line("%s row = from / %s;", e.index(), e.size("D"))
	e.line("%s base = row * %s;", e.index(), e.size("D"))
	e.line("%s stop = min(%s, end - base);", e.index(), e.size("D"))
	places := e.rowPlaces("j")
	e.open("for (%s j = from - base + thread_index_in_threadgroup; j < stop; j += %du)", e.index(), group)
	e.elementOfRow(places)
	e.close()
	e.line("from = base + stop;")
	e.close()
}

// alongWholeRows is alongRows where a threadgroup has rows of a known length
// from first to end.
func (e *emitter) alongWholeRows(group int) {
	for _, in := range e.reads(roots(e.results)) { // before the loop, as stores in it might change it
		if l := &e.inputs[in]; l.layout == Strided && l.rowsOf(1) {
			apart := e.names.unique(e.names.inputs[in] + "_apart")
			e.line("int64_t %s = %s;", apart, e.rowStep(in, 1))
			e.apart[in] = apart
		}
	}
	e.open("for (%s base = first; base < end; base += %du)", e.index(), e.d)
	row := e.declare("%s row = base / %du;", e.index(), e.d)
	places := e.rowPlaces(fmt.Sprintf("k * %du", group), "thread_index_in_threadgroup")
	e.open("for (uint k = 0; k < %du; ++k)", e.d/group)
	e.line("%s j = thread_index_in_threadgroup + k * %du;", e.index(), group)
	e.elementOfRow(places)
	e.close()
	e.dropUnused(row, "row")
	e.close()
}

// alongPart is alongRows where a threadgroup has a part, from first on, of a row
// of a known length.
func (e *emitter) alongPart(group, block int) {
	e.line("%s row = first / %du;", e.index(), e.d)
	e.line("%s base = row * %du;", e.index(), e.d)
	e.line("%s column = first - base;", e.index())
	places := e.rowPlaces(fmt.Sprintf("k * %du", group), "column", "thread_index_in_threadgroup")
	e.open("for (uint k = 0; k < %du; ++k)", block/group)
	e.line("%s j = column + thread_index_in_threadgroup + k * %du;", e.index(), group)
	e.elementOfRow(places)
	e.close()
}

// rowPlaces returns where element j of a row lies in the inputs that are read;
// in strided ones it is later elements after the sum of lanes. See strided.
func (e *emitter) rowPlaces(later string, lanes ...string) map[int]string {
	places := map[int]string{}
	for _, in := range e.reads(roots(e.results)) {
		switch name := e.names.inputs[in]; e.inputs[in].layout {
		case LastAxis:
			places[in] = name + "[j]"
		case PerRow:
			places[in] = name + "[row]"
		case Strided:
			places[in] = fmt.Sprintf("%s[%s]", name, e.strided(in, later, lanes...))
		default:
			places[in] = name + "[base + j]"
		}
	}
	return places
}

// elementOfRow writes the results at element j of a row.
func (e *emitter) elementOfRow(places map[int]string) {
	e.scope(func() {
		e.linear = "base + j"
		e.load = func(in int) string { return places[in] }
		e.count(roots(e.results)...)
		for o, r := range e.results {
			text, _ := e.expr(r.node)
			e.line("%s[base + j] = %s;", e.names.outputs[o], outText(text, r.node.typ, r.dtype))
		}
	})
}

// alongRowsHelps reports whether inputs are found more cheaply along rows than
// one by one.
func (p *plan) alongRowsHelps() bool {
	helps := false
	for _, in := range p.inputs {
		if in.used && in.layout == Strided && in.row {
			return false
		}
		helps = helps || in.used && (in.layout == LastAxis || in.layout == PerRow || in.layout == Strided)
	}
	return helps && p.d >= 64
}

// inRows reports whether it helps to know the row that a vector is in.
func (e *emitter) inRows() bool {
	for _, n := range e.reads(roots(e.results)) {
		if l := e.inputs[n].layout; l == LastAxis || l == PerRow || l == Strided && e.inputs[n].rowsOf(1) {
			return true
		}
	}
	return false
}

// rowStep returns the distance of neighbouring rows of a strided input, a
// multiple of vector, so that compilers see that.
func (e *emitter) rowStep(in, vector int) string {
	step := fmt.Sprintf("%[1]s_strides[%[1]s_ndim - 2]", e.names.inputs[in])
	if vector == 1 {
		return step
	}
	return fmt.Sprintf("(%s / %d * %d)", step, vector, vector)
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
			vec[in] = e.names.unique(e.names.inputs[in] + "_v")
			e.loadVector(in, vec[in], width, from)
		}
	}
	// part is the element of a vector, or of a vector of vectors of 4.
	part := "[k]"
	if width > 4 {
		part = "[k / 4u][k % 4u]"
	}
	outs := map[int]string{}
	for _, o := range stores {
		if d := e.results[o].dtype; vectors(d) {
			outs[o] = e.names.unique(e.names.outputs[o] + "_v")
			if width > 4 {
				e.line("%s4 %s[%d];", typeName(d), outs[o], width/4)
			} else {
				e.line("%s%d %s;", typeName(d), width, outs[o])
			}
		}
	}
	e.shareWords(needed, width, index, indexName, begin)
	e.open("for (uint k = 0; k < %du; ++k)", width)
	at := e.declare("%s", index)
	e.scope(func() {
		begin()
		plain := e.load
		e.load = func(in int) string {
			if vec[in] != "" {
				return vec[in] + part
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
				to = outs[o] + part
			}
			e.line("%s = %s;", to, outText(text, r.node.typ, r.dtype))
		}
		e.load = plain
	})
	e.dropUnused(at, indexName)
	e.close()
	e.words = nil
	for _, o := range stores {
		if outs[o] != "" {
			e.storeVector(outs[o], e.results[o].dtype, width, e.names.outputs[o]+" + "+place(o))
			delete(e.names.taken, outs[o])
		}
	}
	for _, name := range vec {
		delete(e.names.taken, name)
	}
}

// shareWords draws the words that the random numbers of a vector are made of,
// those of four neighbours at a time.
func (e *emitter) shareWords(needed []*node, width int, index, indexName string, begin func()) {
	if width%4 != 0 || e.real != dtype.Float32 {
		return
	}
	words := map[*node]string{}
	var list []*node
	e.walk(needed, func(n *node) {
		if n.op == formula.Uniform {
			words[n] = e.names.temp()
			list = append(list, n)
			e.line("uint4 %s[%d];", words[n], width/4)
		}
	})
	if len(list) > 0 {
		e.open("for (uint k = 0; k < %du; k += 4)", width)
		at := e.declare("%s", index)
		begin()
		for _, n := range list {
			low, high := e.key(n)
			e.line("%s[k / 4u] = %s((%s) >> 2, %s, %s);", words[n], e.helpers.use("philox_words"), e.linear, low, high)
		}
		e.dropUnused(at, indexName)
		e.close()
	}
	e.words = words
}

// loadVector declares name as the vector of an input at from. One of 8 elements
// is an array of two of 4, loaded at once if they fill at most 16 bytes.
func (e *emitter) loadVector(in int, name string, width int, from string) {
	d := e.inputs[in].dtype
	t := typeName(d)
	switch {
	case width <= 4:
		e.line("%s%d %s = *(const device %[1]s%[2]d*)(%[4]s);", t, width, name, from)
	case d.Size() > 2:
		e.line("%s4 %s[2] = {*(const device %[1]s4*)(%[3]s), *(const device %[1]s4*)(%[3]s + 4)};", t, name, from)
	default:
		word := words(d)
		bits := e.names.unique(name + "_bits")
		held := e.held[in]
		if held.hidden == "" {
			e.line("%s %s = *(const device %[1]s*)(%[3]s);", word, bits, from)
			if held.name != "" {
				e.line("%s = %s;", held.name, bits)
			}
		} else {
			e.line("%s %s = %s ^ %s;", word, bits, held.name, held.hidden)
		}
		low, high := "xy", "zw"
		if d.Size() == 1 {
			low, high = "x", "y"
		}
		e.line("%s4 %s[2] = {as_type<%[1]s4>(%[3]s.%[4]s), as_type<%[1]s4>(%[3]s.%[5]s)};", t, name, bits, low, high)
		delete(e.names.taken, bits)
	}
}

// words is the type that has the bits of 8 elements of d.
func words(d dtype.DType) string {
	if d.Size() == 1 {
		return "uint2"
	}
	return "uint4"
}

// storeVector stores a vector as loadVector loads one.
func (e *emitter) storeVector(name string, d dtype.DType, width int, to string) {
	t := typeName(d)
	switch {
	case width <= 4:
		e.line("*(device %s%d*)(%s) = %s;", t, width, to, name)
	case d.Size() > 2:
		e.line("*(device %s4*)(%s) = %s[0];", t, to, name)
		e.line("*(device %s4*)(%s + 4) = %s[1];", t, to, name)
	default:
		word, half := words(d), "uint2"
		if d.Size() == 1 {
			half = "uint"
		}
		e.line("*(device %s*)(%s) = %[1]s(as_type<%[3]s>(%[4]s[0]), as_type<%[3]s>(%[4]s[1]));", word, to, half, name)
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
