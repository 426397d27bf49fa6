// Package formula holds definitions as graphs of operations: what a line such
// as rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w means.
//
// A Formula works on rows: the elements of the last axis. Every operation
// either works on one element at a time, or is a reduction over the row. So a
// value either varies along the row or is one value for all of it. Graphs are
// hash-consed: equal subexpressions are one Node. Nothing is typed here; what
// dtypes and shapes a call has is the business of code generation.
//
// This file implements the graph.
package formula

import (
	"math"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/source"
)

// An In is an input array.
type In struct {
	Name string

	// Row says that the input has one value for each row, not one for each
	// element: its last axis has length 1 or is missing. Written name[1].
	Row bool
}

// A Param is a run-time scalar of a formula.
type Param struct {
	Name    string
	Default float64
	Has     bool // a default was given
}

// An Output is a named result.
type Output struct {
	Name string // "" if the definition gives none
	Node *Node
}

// A Formula is a definition.
type Formula struct {
	Name    string
	Inputs  []In
	Params  []Param
	Outputs []Output
	Graph   *Graph
}

// A Node is one operation on one row, made by a Graph. Nodes of one Graph are
// compared with ==.
type Node struct {
	Op    Op
	Args  []*Node
	Value float64 // Const; as the text gave it, not rounded
	Int   bool    // Const: written without point or exponent, so that it does not make integers floats
	Index int     // Input, Param: which; Cast: the dtype

	// Varies is whether the value differs along the row. An input varies unless
	// it is declared to have one value for each row, even if a call broadcasts
	// it along the row.
	Varies bool
	Span   source.Span // where the text has it first

	id    int
	facts facts
}

// ID numbers the nodes of a Graph in the order they were made: arguments come
// before what uses them.
func (n *Node) ID() int { return n.id }

// A Graph makes Nodes and keeps each only once.
type Graph struct {
	nodes []*Node
	known map[key]*Node
	Span  source.Span // given to the Nodes that are made

	// Floats says that all inputs are floats, as they are in a derivative. It
	// allows a few more rewrites: without it 1.0*x is float(x), for x may be
	// an integer.
	Floats bool

	plain bool // for tests: nothing is simplified
}

type key struct {
	op      Op
	a, b, c *Node
	bits    uint64
	isInt   bool
	index   int
}

// NewGraph returns an empty graph.
func NewGraph() *Graph { return &Graph{known: make(map[key]*Node)} }

// Len returns the number of nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Input returns input number i; row says that it has one value for each row.
func (g *Graph) Input(i int, row bool) *Node {
	return g.node(&Node{Op: Input, Index: i, Varies: !row})
}

// Param returns parameter number i.
func (g *Graph) Param(i int) *Node { return g.node(&Node{Op: ParamOp, Index: i}) }

// Const returns a constant. Constants are typed by what they meet.
func (g *Graph) Const(v float64) *Node {
	return g.node(&Node{Op: Const, Value: v, Int: v == math.Trunc(v) && math.Abs(v) < 1<<53})
}

// Float returns a constant that makes integers floats, as 1.0 does.
func (g *Graph) Float(v float64) *Node { return g.node(&Node{Op: Const, Value: v}) }

// Cast returns x in a dtype: what storing it and reading it back would give.
func (g *Graph) Cast(x *Node, d dtype.DType) *Node {
	return g.node(&Node{Op: Cast, Args: []*Node{x}, Index: int(d), Varies: x.Varies})
}

// raw returns the node of an operation without simplifying it.
func (g *Graph) raw(op Op, args ...*Node) *Node {
	n := &Node{Op: op, Args: args}
	switch {
	case op == Index, op == Uniform:
		n.Varies = true
	case op.IsReduction(), op == Size:
	default:
		for _, a := range args {
			n.Varies = n.Varies || a.Varies
		}
	}
	return g.node(n)
}

// Same returns a node of this graph with the operation and constants of n, a
// node of any graph, and other arguments, without simplifying it.
func (g *Graph) Same(n *Node, args ...*Node) *Node {
	g.Span = n.Span
	switch n.Op {
	case Input:
		return g.Input(n.Index, !n.Varies)
	case ParamOp:
		return g.Param(n.Index)
	case Const:
		return g.node(&Node{Op: Const, Value: n.Value, Int: n.Int})
	case Cast:
		return g.Cast(args[0], dtype.DType(n.Index))
	}
	return g.raw(n.Op, args...)
}

// node returns the known node equal to n, or n itself.
func (g *Graph) node(n *Node) *Node {
	k := key{op: n.Op, bits: math.Float64bits(n.Value), isInt: n.Int, index: n.Index}
	switch len(n.Args) {
	case 3:
		k.c = n.Args[2]
		fallthrough
	case 2:
		k.b = n.Args[1]
		fallthrough
	case 1:
		k.a = n.Args[0]
	}
	if old := g.known[k]; old != nil {
		return old
	}
	n.id = len(g.nodes)
	n.Span = g.Span
	n.facts = factsOf(n)
	g.nodes = append(g.nodes, n)
	g.known[k] = n
	return n
}

// Reachable returns the nodes that the outputs need, arguments first.
func Reachable(outputs ...*Node) []*Node {
	seen := map[*Node]bool{}
	var order []*Node
	type frame struct {
		n *Node
		i int
	}
	for _, out := range outputs {
		stack := []frame{{out, 0}}
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if seen[f.n] {
				stack = stack[:len(stack)-1]
				continue
			}
			if f.i < len(f.n.Args) {
				f.i++
				stack = append(stack, frame{f.n.Args[f.i-1], 0})
				continue
			}
			seen[f.n] = true
			order = append(order, f.n)
			stack = stack[:len(stack)-1]
		}
	}
	return order
}

// Nodes returns the results of f, in order.
func (f *Formula) Nodes() []*Node {
	out := make([]*Node, len(f.Outputs))
	for i, o := range f.Outputs {
		out[i] = o.Node
	}
	return out
}

// IsRow reports whether f works along rows: it has a reduction, asks for the
// position along the row or its length, or has inputs with one value for each
// row. Results that do not vary along the row lack the last axis then.
func (f *Formula) IsRow() bool {
	for _, in := range f.Inputs {
		if in.Row {
			return true
		}
	}
	for _, n := range Reachable(f.Nodes()...) {
		if n.Op.IsReduction() || n.Op == Softmax || n.Op == Index || n.Op == Size {
			return true
		}
	}
	return false
}
