package codegen

// This file implements the one walk in which rows that are not kept give both
// their greatest element and the sum of exponentials relative to it: what was
// summed so far is scaled anew whenever a greater element turns up. The scheme
// is that of Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/formula"
)

// onlineVectors is the number of vectors that a thread has in flight, and
// scales its sum once for.
const onlineVectors = 2

// online finds the pass whose only reduction is the greatest x, where the only
// one of the next pass is the sum of e^(x - greatest).
func online(passes []pass) (first int, ok bool) {
	for i := 0; i+1 < len(passes); i++ {
		p, q := passes[i], passes[i+1]
		if len(p.reductions) != 1 || len(q.reductions) != 1 || len(p.stores)+len(q.stores) > 0 {
			continue
		}
		most, sum := p.reductions[0], q.reductions[0]
		if most.op != formula.MaxOf || sum.op != formula.Sum {
			continue
		}
		x := sum.args[0]
		switch {
		case x.op == formula.Exp:
			x = x.args[0]
		case x.op == formula.Exp2 && x.args[0].op == formula.Mul && x.args[0].args[1].op == formula.Const:
			x = x.args[0].args[0]
		}
		if x.op == formula.Sub && x.args[0] == most.args[0] && shift(x.args[1]) == most {
			return i, true
		}
	}
	return 0, false
}

// exponential returns the text of e of x, as the definition has it.
func (e *rowEmitter) exponential(sum *accumulator, x string) string {
	if n := sum.n.args[0]; n.op == formula.Exp2 {
		factor, _ := literal(n.args[0].args[1].val, n.typ)
		return fmt.Sprintf("exp2((%s) * %s)", x, factor)
	}
	return "exp(" + x + ")"
}

// shift returns the maximum that n is, but for 0 where that is -inf.
func shift(n *node) *node {
	if n.op != formula.Select || n.args[0].op != formula.Eq || n.args[0].args[0] != n.args[2] {
		return nil
	}
	for _, c := range []struct {
		n *node
		v float64
	}{{n.args[0].args[1], math.Inf(-1)}, {n.args[1], 0}} {
		if c.n.op != formula.Const || c.n.val != c.v {
			return nil
		}
	}
	return n.args[2]
}

// hasOnline reports whether the definition has such passes.
func (p *plan) hasOnline() bool {
	_, ok := online(p.passes())
	return ok
}

// onlinePasses writes passes i and i+1 as one walk.
func (e *rowEmitter) onlinePasses(i int) {
	x := e.passes[i].reductions[0].args[0]
	needed := []*node{x}
	e.hoist(needed)
	most, sum := e.accumulator(e.passes[i].reductions[0]), e.accumulator(e.passes[i+1].reductions[0])
	v, g := e.s.Vector, e.s.Group
	values, from := e.names.temp(), e.names.unique("from")
	d := e.size("D")
	e.open("for (%s %s = lane * %du; %s < %s; %s += %du)", e.index(), from, v, from, d, from, g*v*onlineVectors)
	e.line("%s %s[%d];", typeName(x.typ), values, v*onlineVectors)
	top := e.names.temp()
	e.line("%s %s = %s;", typeName(x.typ), top, most.name)
	e.open("for (uint u = 0; u < %du; ++u)", onlineVectors)
	e.line("%s at = %s + u * %du;", e.index(), from, g*v)
	e.open("if (at < %s)", d)
	e.vectorBlock(needed, nil, v, e.vectorSource, nil, fmt.Sprintf("%s j = at + k;", e.index()), "j", func() {}, func() {
		e.line("%s[u * %du + k] = %s;", values, v, e.arg(x, precCond))
	})
	e.close()
	e.open("else")
	e.open("for (uint k = 0; k < %du; ++k)", v)
	e.line("%s[u * %du + k] = %s;", values, v, most.neutral())
	e.close()
	e.close()
	e.open("for (uint k = 0; k < %du; ++k)", v)
	e.line("%s = %s(%s, %s[u * %du + k]);", top, e.extreme(most), top, values, v)
	e.close()
	e.close()
	base := e.rescale(most, sum, top)
	e.open("for (uint k = 0; k < %du; ++k)", v*onlineVectors)
	e.line("%s += %s;", sum.name, e.exponential(sum, values+"[k] - "+base))
	e.close()
	e.line("%s = %s;", most.name, top)
	e.close()
	if g > 1 {
		e.onlineLanes(most, sum)
	}
	if e.group {
		groups := g / 32
		for _, a := range []*accumulator{most, sum} {
			a.parts = e.names.unique(a.name + "_parts")
			e.line("threadgroup %s %s[%d];", typeName(a.typ), a.parts, groups)
		}
		e.open("if (thread_index_in_simdgroup == 0)")
		for _, a := range []*accumulator{most, sum} {
			e.line("%s[simdgroup_index_in_threadgroup] = %s;", a.parts, a.name)
		}
		e.close()
		e.line("threadgroup_barrier(mem_flags::mem_threadgroup);")
		for _, a := range []*accumulator{most, sum} {
			e.line("%s = thread_index_in_simdgroup < %du ? %s[thread_index_in_simdgroup] : %s;", a.name, groups, a.parts, a.neutral())
		}
		e.onlineLanes(most, sum)
	}
	e.known[most.n], e.known[sum.n] = most.name, sum.name
}

// rescale writes how a sum relative to its greatest element becomes one relative
// to top, and returns the name of what is taken off from now on.
func (e *rowEmitter) rescale(most, sum *accumulator, top string) string {
	base := e.names.temp()
	zero, _ := literal(0, most.typ)
	e.line("%s %s = %s == %s ? %s : %s;", typeName(most.typ), base, top, most.neutral(), zero, top)
	e.line("%s *= %s;", sum.name, e.exponential(sum, most.name+" - "+base))
	return base
}

// onlineLanes joins what the lanes of a simdgroup found.
func (e *rowEmitter) onlineLanes(most, sum *accumulator) {
	top := e.names.temp()
	e.line("%s %s = %s;", typeName(most.typ), top, e.overLanes(most, most.name))
	e.rescale(most, sum, top)
	e.line("%s = simd_sum(%s);", sum.name, sum.name)
	e.line("%s = %s;", most.name, top)
}
