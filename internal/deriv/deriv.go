package deriv

// This file implements both directions of differentiation.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/formula"
)

// VJP returns the reverse derivative of f: a formula whose inputs are those of
// f followed by one cotangent for each output, and whose outputs are the
// cotangents of the inputs that want selects (all if want is nil), in order.
// The parameters are those of f. A cotangent has the shape of its output; for
// an output with one value for each row it is a row input.
//
// The result for an input is by element of the whole row, or one value for the
// row where all elements have the same. Where a call broadcasts an input, its
// cotangent has to be summed over what was broadcast.
func VJP(f *formula.Formula, want []bool) *formula.Formula {
	g := &differ{builder: builder{formula.NewGraph()}}
	outs := g.copy(f, f.Nodes())
	d := &formula.Formula{Name: f.Name + "_vjp", Params: f.Params, Graph: g.Graph}
	d.Inputs = append(d.Inputs, f.Inputs...)
	names := newNames(f)
	adjoint := map[*formula.Node]*formula.Node{}
	for i, o := range outs {
		row := !o.Varies
		ct := g.Input(len(d.Inputs), row)
		d.Inputs = append(d.Inputs, formula.In{Name: names.fresh("d" + outputName(f, i)), Row: row})
		g.add(adjoint, o, ct)
	}
	order := formula.Reachable(outs...)
	for i := len(order) - 1; i >= 0; i-- {
		if n := order[i]; adjoint[n] != nil {
			g.reverse(n, adjoint)
		}
	}
	for i, in := range f.Inputs {
		if want != nil && !want[i] {
			continue
		}
		node := adjoint[g.Input(i, in.Row)]
		if node == nil {
			node = g.Float(0)
		}
		d.Outputs = append(d.Outputs, formula.Output{Name: names.fresh("d" + in.Name), Node: node})
	}
	return d
}

// JVP returns the forward derivative of f: a formula whose inputs are those of
// f followed by the tangents of the inputs that active selects (all if it is
// nil), and whose outputs are the tangents of f's outputs. A tangent can be one
// value for the row where the output varies.
func JVP(f *formula.Formula, active []bool) *formula.Formula {
	g := &differ{builder: builder{formula.NewGraph()}}
	outs := g.copy(f, f.Nodes())
	d := &formula.Formula{Name: f.Name + "_jvp", Params: f.Params, Graph: g.Graph}
	d.Inputs = append(d.Inputs, f.Inputs...)
	names := newNames(f)
	tangent := map[*formula.Node]*formula.Node{}
	for i, in := range f.Inputs {
		if active != nil && !active[i] {
			continue
		}
		tangent[g.Input(i, in.Row)] = g.Input(len(d.Inputs), in.Row)
		d.Inputs = append(d.Inputs, formula.In{Name: names.fresh(in.Name + "_t"), Row: in.Row})
	}
	for _, n := range formula.Reachable(outs...) {
		if t := g.forward(n, tangent); t != nil {
			tangent[n] = t
		}
	}
	for i, o := range outs {
		t := tangent[o]
		if t == nil {
			t = g.Float(0)
		}
		d.Outputs = append(d.Outputs, formula.Output{Name: names.fresh(outputName(f, i) + "_t"), Node: t})
	}
	return d
}

func outputName(f *formula.Formula, i int) string {
	switch {
	case f.Outputs[i].Name != "":
		return f.Outputs[i].Name
	case len(f.Outputs) == 1:
		return "out"
	}
	return fmt.Sprintf("out%d", i)
}

// names keeps the names of a derived formula apart.
type names map[string]bool

func newNames(f *formula.Formula) names {
	used := names{f.Name: true}
	for _, in := range f.Inputs {
		used[in.Name] = true
	}
	for _, p := range f.Params {
		used[p.Name] = true
	}
	return used
}

func (used names) fresh(name string) string {
	for used[name] {
		name += "_"
	}
	used[name] = true
	return name
}

// A differ builds a derived formula.
type differ struct{ builder }

// copy makes f's nodes anew in the differ's graph. Stop ends derivatives but
// computes nothing, so it stays.
func (g *differ) copy(f *formula.Formula, outs []*formula.Node) []*formula.Node {
	done := map[*formula.Node]*formula.Node{}
	for _, n := range formula.Reachable(outs...) {
		g.Graph.Span = n.Span
		args := make([]*formula.Node, len(n.Args))
		for i, a := range n.Args {
			args[i] = done[a]
		}
		switch n.Op {
		case formula.Input:
			done[n] = g.Input(n.Index, !n.Varies)
		case formula.ParamOp:
			done[n] = g.Param(n.Index)
		case formula.Const:
			if n.Int {
				done[n] = g.Const(n.Value)
			} else {
				done[n] = g.Float(n.Value)
			}
		default:
			done[n] = g.Of(n.Op, args...)
		}
	}
	copies := make([]*formula.Node, len(outs))
	for i, o := range outs {
		copies[i] = done[o]
	}
	return copies
}

// add adds to a node's cotangent.
func (g *differ) add(adjoint map[*formula.Node]*formula.Node, n, part *formula.Node) {
	if old := adjoint[n]; old != nil {
		part = g.Add(old, part)
	}
	adjoint[n] = part
}

// reverse hands n's cotangent on to its arguments.
func (g *differ) reverse(n *formula.Node, adjoint map[*formula.Node]*formula.Node) {
	a := adjoint[n]
	give := func(x, part *formula.Node) {
		if n.Varies && !x.Varies {
			part = g.Sum(part) // one value for the row takes part in every element
		}
		g.add(adjoint, x, part)
	}
	switch {
	case n.Op == formula.Softmax:
		give(n.Args[0], g.Mul(n, g.Sub(a, g.Sum(g.Mul(a, n)))))
	case n.Op.IsReduction():
		if r := reductions[n.Op]; r != nil {
			give(n.Args[0], g.chain(a, r(g.builder, n, n.Args[0])))
		}
	default:
		if n.Op == formula.Select {
			// The cotangent goes one way or the other, and never meets the
			// derivative of the branch not taken.
			give(n.Args[1], g.Select(n.Args[0], a, g.Float(0)))
			give(n.Args[2], g.Select(n.Args[0], g.Float(0), a))
			return
		}
		r := elementwise[n.Op]
		if r == nil {
			return
		}
		for i, p := range r(g.builder, n, n.Args) {
			if p != nil && differentiable(n.Args[i]) {
				give(n.Args[i], g.chain(a, p))
			}
		}
	}
}

// chain is the cotangent, or tangent, a times the partial derivative p. Where a is 0 because
// a choice went the other way so is the product, even if p is infinite or NaN
// there: the derivative of x > 0 ? x : expm1(x) at 1e4 is 1.
func (g *differ) chain(a, p *formula.Node) *formula.Node {
	switch {
	case isZero(a), p.Op == formula.Const && p.Value == 1:
		return a // a float, whatever p is
	case a.Op == formula.Neg && guarded(a.Args[0]):
		return g.Neg(g.chain(a.Args[0], p))
	case a.Op == formula.Add && guarded(a.Args[0]) && guarded(a.Args[1]):
		return g.Add(g.chain(a.Args[0], p), g.chain(a.Args[1], p))
	case a.Op == formula.Select && guarded(a):
		return g.Select(a.Args[0], g.chain(a.Args[1], p), g.chain(a.Args[2], p))
	case isZero(p):
		return p
	case p.Op == formula.Select && fixed(p.Args[1]) && guarded(p):
		return g.Select(p.Args[0], g.chain(a, p.Args[1]), g.chain(a, p.Args[2]))
	}
	return g.Mul(a, p)
}

func isZero(n *formula.Node) bool { return n.Op == formula.Const && n.Value == 0 }

// guarded reports whether n is 0 by choice somewhere.
func guarded(n *formula.Node) bool {
	switch n.Op {
	case formula.Const:
		return n.Value == 0
	case formula.Neg:
		return guarded(n.Args[0])
	case formula.Add:
		return guarded(n.Args[0]) && guarded(n.Args[1])
	case formula.Select:
		return guarded(n.Args[1]) || guarded(n.Args[2])
	}
	return false
}

// differentiable reports whether anything can come of a node's cotangent.
func differentiable(n *formula.Node) bool {
	switch n.Op {
	case formula.Const, formula.ParamOp, formula.Index, formula.Size, formula.Stop, formula.Uniform:
		return false
	}
	return !n.Op.IsTest()
}

// forward returns n's tangent, nil for zero.
func (g *differ) forward(n *formula.Node, tangent map[*formula.Node]*formula.Node) *formula.Node {
	var t0 *formula.Node
	if len(n.Args) > 0 {
		t0 = tangent[n.Args[0]]
	}
	switch {
	case n.Op == formula.Input:
		return tangent[n]
	case n.Op == formula.Softmax:
		if t0 == nil {
			return nil
		}
		return g.Mul(n, g.Sub(t0, g.Sum(g.Mul(t0, n))))
	case n.Op.IsReduction():
		r := reductions[n.Op]
		if r == nil || t0 == nil {
			return nil
		}
		return g.Sum(g.chain(t0, r(g.builder, n, n.Args[0])))
	case n.Op == formula.Select:
		t1, t2 := tangent[n.Args[1]], tangent[n.Args[2]]
		if t1 == nil && t2 == nil {
			return nil
		}
		if t1 == nil {
			t1 = g.Float(0)
		}
		if t2 == nil {
			t2 = g.Float(0)
		}
		return g.Select(n.Args[0], t1, t2)
	}
	r := elementwise[n.Op]
	if r == nil {
		return nil
	}
	var sum *formula.Node
	var partials nodes
	for i, x := range n.Args {
		t := tangent[x]
		if t == nil {
			continue
		}
		if partials == nil {
			partials = r(g.builder, n, n.Args)
		}
		if partials[i] == nil {
			continue
		}
		part := g.chain(t, partials[i])
		if sum == nil {
			sum = part
		} else {
			sum = g.Add(sum, part)
		}
	}
	return sum
}
