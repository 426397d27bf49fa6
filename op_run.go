// This file implements calls of ops: their nodes, and fusion.

package zmlx

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// launch makes the node of a call. It returns the only result, or all of them
// if there are several.
func (o *Op) launch(dev *Device, inputs []*Array) (*Array, []*Array) {
	fail := func(err error) (*Array, []*Array) {
		if n := len(o.f.Outputs); n > 1 {
			return nil, failures(err, n)
		}
		return failed(err), nil
	}
	if err := sameDevice(o.f.Name, dev, inputs...); err != nil {
		return fail(err)
	}
	p, err := o.plan(dev, inputs)
	if err != nil {
		return fail(err)
	}
	c := &opCall{opWork: opWork{plan: p, params: o.params}}
	ins := c.few[:0]
	for _, a := range inputs {
		ins = append(ins, a.input())
	}
	var r *opResult
	var single *graph.Single
	if len(p.specs) == 1 {
		r = &opResult{}
		single = &r.single
	}
	one, all, err := graph.NewFusible(o.f.Name, dev.graph, ins, p.specs, &c.opWork, single)
	if err != nil {
		return fail(public(err))
	}
	if one != nil {
		r.array.value, r.array.view, r.array.dev = one, p.dense[0], dev
		return &r.array, nil
	}
	out := make([]*Array, len(all))
	for i, v := range all {
		out[i] = &Array{value: v, view: p.dense[i], dev: dev}
	}
	return nil, out
}

// An opResult is the only result of a call in one piece of memory.
type opResult struct {
	array  Array
	single graph.Single
}

// opWork is the work of one call.
type opWork struct {
	plan   *plan
	params []float64
	out    [1]graph.View // memory for what Run returns
}

// An opCall is the work and the inputs of a call in one piece of memory.
type opCall struct {
	opWork
	few [3]graph.Input
}

// Run implements graph.Fusible.
func (w *opWork) Run(ctx context.Context, in []graph.View) ([]graph.View, error) {
	p := w.plan
	out := w.out[:]
	if len(p.specs) > 1 {
		out = make([]graph.View, len(p.specs))
	}
	for i, s := range p.specs {
		var err error
		if out[i], err = p.dev.graph.NewLike(p.dense[i], s.DType, p.bytes[i]); err != nil {
			return nil, err
		}
	}
	program, err := p.program(ctx, in)
	if err != nil {
		return nil, err
	}
	if program.kernel.Empty {
		return out, nil
	}
	return out, program.run(ctx, p, in, out, w.params)
}

// Limits of fusion: beyond them a kernel runs out of registers, and of the
// buffers that a GPU can bind.
const (
	maxFusedSlots = 28 // and two sizes; Metal has 31
	maxFusedNodes = 96
)

// Absorb implements graph.Fusible. Fusing changes no bits: the operations are
// the same, in the same order, and an intermediate value is rounded to its
// dtype as if it had been stored.
func (w *opWork) Absorb(i int, in graph.Input, before graph.Fusible) graph.Fusible {
	b, ok := before.(*opWork)
	if !ok || in.View.Offset != 0 {
		return nil
	}
	p := w.plan.absorb(i, b.plan)
	if p == nil {
		return nil
	}
	params := w.params
	if len(params) == 0 {
		params = b.params
	} else if len(b.params) > 0 {
		params = slices.Concat(params, b.params)
	}
	return &opWork{plan: p, params: params}
}

// absorb returns the plan that does the work of inner, whose result is input i,
// as well; nil if that cannot be or should not.
func (p *plan) absorb(i int, inner *plan) *plan {
	key := fusion{inner, i}
	p.mu.Lock()
	f, known := p.fused[key]
	p.mu.Unlock()
	if known {
		return f
	}
	if p.fusible(i, inner) {
		d := inner.specs[0].DType
		op := fusedOps.get(fuseKey{p.shared, inner.shared, i, d}, func() *Op {
			return opOf(fusedFormula(p.f, inner.f, i, d))
		})
		inputs := slices.Concat(p.inputs[:i], inner.inputs, p.inputs[i+1:])
		if made, err := newPlan(op.f, op.shared, p.dev, inputs); err == nil {
			f = op.shared.plans.same(made)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fused == nil || len(p.fused) >= maxVariants {
		p.fused = map[fusion]*plan{}
	}
	p.fused[key] = f
	return f
}

// same returns the plan that is kept for the same calls as made; made, if there
// was none.
func (p *plans) same(made *plan) *plan {
	h := made.dev.number
	for _, l := range made.inputs {
		h = hashLayout(h, l.dtype, &shape.View{Dims: l.dims, Strides: l.strides})
	}
	p.mu.Lock()
	old := p.byHash[h]
	p.mu.Unlock()
	if old != nil && old.dev == made.dev && slices.EqualFunc(old.inputs, made.inputs, func(a, b layout) bool {
		return a.is(b.dtype, &shape.View{Dims: b.dims, Strides: b.strides})
	}) {
		return old
	}
	p.keep(h, made)
	return made
}

// fusible reports whether w can do the work of b, whose result is input i.
func (w *plan) fusible(i int, b *plan) bool {
	if b.dev != w.dev || !sameFloats(w, b) {
		return false
	}
	outer, inner := w.f, b.f
	slots := w.slots + b.slots - len(b.specs) - 1
	if slots > maxFusedSlots || outer.Graph.Len()+inner.Graph.Len() > maxFusedNodes {
		return false
	}
	result := b.specs[0]
	// The value must be used element by element, as it was made: not through a
	// view, not repeated, and along the same rows.
	in := shape.View{Dims: w.inputs[i].dims, Strides: w.inputs[i].strides}
	if !in.Contiguous() || !slices.Equal(in.Dims, result.Dims) {
		return false
	}
	row := outer.IsRow() || inner.IsRow()
	if outer.Inputs[i].Row || row && (len(result.Dims) == 0 || !inner.Outputs[0].Node.Varies) {
		return false
	}
	if inner.IsRow() && !outer.IsRow() && slices.ContainsFunc(outer.Nodes(), func(n *formula.Node) bool { return !n.Varies }) {
		return false // such a result has the last axis, and would lose it
	}
	return slices.Equal(w.full, result.Dims) && slices.Equal(b.full, result.Dims)
}

// sameFloats reports whether both compute in the same type of float: float64
// is computed in where there is any.
func sameFloats(w, b *plan) bool {
	dtypes := slices.Concat(w.dtypes, b.dtypes, []DType{b.specs[0].DType})
	other := slices.ContainsFunc(dtypes, func(d DType) bool { return d != Float64 })
	return !other || !slices.Contains(dtypes, Float64)
}

// fusedFormula puts inner's result, of dtype d, in the place of input i of outer.
func fusedFormula(outer, inner *formula.Formula, i int, d DType) *formula.Formula {
	g := formula.NewGraph()
	f := &formula.Formula{Name: fusedName(inner.Name, outer.Name), Graph: g, Params: slices.Concat(outer.Params, inner.Params)}
	nb := len(inner.Inputs)
	f.Inputs = slices.Concat(outer.Inputs[:i], inner.Inputs, outer.Inputs[i+1:])
	for k := range f.Inputs {
		f.Inputs[k].Name = fmt.Sprintf("x%d", k)
	}
	for k := range f.Params {
		f.Params[k].Name = fmt.Sprintf("p%d", k)
	}
	done := map[*formula.Node]*formula.Node{}
	copyAll := func(outs []*formula.Node, input func(n *formula.Node) *formula.Node, param int) {
		for _, n := range formula.Reachable(outs...) {
			switch n.Op {
			case formula.Input:
				done[n] = input(n)
			case formula.ParamOp:
				done[n] = g.Param(n.Index + param)
			default:
				args := make([]*formula.Node, len(n.Args))
				for k, a := range n.Args {
					args[k] = done[a]
				}
				done[n] = g.Same(n, args...)
			}
		}
	}
	copyAll(inner.Nodes(), func(n *formula.Node) *formula.Node { return g.Input(i+n.Index, !n.Varies) }, len(outer.Params))
	value := g.Cast(done[inner.Outputs[0].Node], d)
	copyAll(outer.Nodes(), func(n *formula.Node) *formula.Node {
		switch {
		case n.Index == i:
			return value
		case n.Index < i:
			return g.Input(n.Index, !n.Varies)
		}
		return g.Input(n.Index+nb-1, !n.Varies)
	}, 0)
	for _, o := range outer.Outputs {
		f.Outputs = append(f.Outputs, formula.Output{Name: o.Name, Node: done[o.Node]})
	}
	return f
}

// A fuseKey says which ops were fused.
type fuseKey struct {
	outer, inner *opShared
	input        int
	dtype        DType // of inner's result
}

// fusedCache keeps fused ops, so that the same chain of operations finds its
// kernel again.
type fusedCache struct {
	mu  sync.Mutex
	ops map[fuseKey]*Op
}

var fusedOps fusedCache

func (c *fusedCache) get(k fuseKey, build func() *Op) *Op {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op := c.ops[k]; op != nil {
		return op
	}
	if c.ops == nil || len(c.ops) >= maxVariants {
		c.ops = map[fuseKey]*Op{}
	}
	op := build()
	c.ops[k] = op
	return op
}

// fusedName keeps the names of long chains short.
func fusedName(a, b string) string {
	name := a + "_" + b
	if len(name) > 40 {
		name = name[:40]
	}
	return name
}
