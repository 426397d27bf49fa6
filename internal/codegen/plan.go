package codegen

// This file implements the plan of a kernel: the definition's graph with a
// type for every value, conversions made explicit, and reductions taken apart
// into sums and maxima.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// Operations that only plans have.
const (
	// opCast goes from one type of computing to another, node.typ, where
	// formula's Cast rounds to a dtype.
	opCast = formula.NumOps + iota

	// opBelow is whether a Uniform is below a number, which is told from the 24
	// bits that it is made of: they have to be below the number times 2^24.
	opBelow
)

// A node is a typed operation. Nodes of one plan are compared with ==.
type node struct {
	op    formula.Op
	args  []*node
	typ   dtype.DType // computed in: never float16 or bfloat16
	val   float64     // Const
	index int         // Input, ParamOp; Uniform: the key's parameter, or -1; Cast: the dtype

	varies bool // between the elements of a row; in elementwise kernels, between elements
	depth  int  // passes over the row that must be over before this is known
	id     int
}

type nodeKey struct {
	op      formula.Op
	typ     dtype.DType
	a, b, c *node
	bits    uint64
	index   int
}

// An operand is a node with what its dtype counts for in promotion.
type operand struct {
	*node
	dtype    dtype.DType
	strength strength
}

// A result is an output of the kernel.
type result struct {
	node  *node
	dtype dtype.DType
	whole bool // has one element for each element of the row
}

type plan struct {
	f      *formula.Formula
	call   Call
	row    bool
	inputs []planInput

	shape      []int // all inputs broadcast
	n, d, rows int

	real    dtype.DType // in which floats are computed
	known   map[nodeKey]*node
	count   int
	results []result

	outTypes  []dtype.DType
	outShapes [][]int
}

func newPlan(f *formula.Formula, c Call) (*plan, error) {
	p := &plan{f: f, call: c, row: f.IsRow(), known: map[nodeKey]*node{}, real: dtype.Float32}
	if len(f.Outputs) == 0 {
		return nil, fmt.Errorf("%s has no result", f.Name)
	}
	if len(c.Inputs) != len(f.Inputs) {
		return nil, fmt.Errorf("%s takes %d inputs, not %d", f.Name, len(f.Inputs), len(c.Inputs))
	}
	if c.Outputs != nil && len(c.Outputs) != len(f.Outputs) {
		return nil, fmt.Errorf("%s has %d results, but dtypes for %d are given", f.Name, len(f.Outputs), len(c.Outputs))
	}
	for i, in := range c.Inputs {
		if !in.DType.Valid() || in.DType == dtype.Complex64 {
			return nil, fmt.Errorf("%s: %s is %s, which definitions do not compute with; use bools, integers or floats", f.Name, f.Inputs[i].Name, in.DType)
		}
		for _, d := range in.Shape {
			if d < 0 || d > math.MaxInt32 {
				return nil, fmt.Errorf("%s: %s has shape %s; lengths are 0 to 2147483647", f.Name, f.Inputs[i].Name, format(in.Shape))
			}
		}
		if in.Strides != nil && len(in.Strides) != len(in.Shape) {
			return nil, fmt.Errorf("%s: %s has %d axes and %d strides", f.Name, f.Inputs[i].Name, len(in.Shape), len(in.Strides))
		}
	}
	nodes := formula.Reachable(f.Nodes()...)
	p.inputs = make([]planInput, len(c.Inputs))
	for _, n := range nodes {
		if n.Op == formula.Input {
			p.inputs[n.Index].used = true
			if c.Inputs[n.Index].DType == dtype.Float64 {
				p.real = dtype.Float64
			}
		}
	}
	if err := p.shapes(c); err != nil {
		return nil, err
	}
	return p, p.lower(nodes)
}

// lower makes the plan's nodes from the definition's.
func (p *plan) lower(nodes []*formula.Node) error {
	done := make(map[*formula.Node]operand, len(nodes))
	for _, n := range nodes {
		args := make([]operand, len(n.Args))
		for i, a := range n.Args {
			args[i] = done[a]
		}
		o, err := p.operation(n, args)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", p.f.Name, n.Op, err)
		}
		done[n] = o
	}
	for i, out := range p.f.Outputs {
		o := done[out.Node]
		r := result{node: o.node, dtype: o.dtype, whole: !p.row || out.Node.Varies}
		if p.call.Outputs != nil && p.call.Outputs[i] != dtype.Invalid {
			r.dtype = p.call.Outputs[i]
			if !r.dtype.Valid() || r.dtype == dtype.Complex64 {
				return fmt.Errorf("%s: a result cannot be %s", p.f.Name, r.dtype)
			}
		}
		t := r.dtype
		if t.IsFloat() {
			t = p.real
		}
		var err error
		if r.node, err = p.cast(operand{o.node, o.dtype, strong}, t); err != nil {
			return fmt.Errorf("%s: %w", p.f.Name, err)
		}
		shape := p.shape
		if !r.whole {
			shape = shape[:len(shape)-1]
		}
		p.results = append(p.results, r)
		p.outTypes = append(p.outTypes, r.dtype)
		p.outShapes = append(p.outShapes, append([]int{}, shape...))
	}
	return nil
}

// node returns the known node like n, or n itself.
func (p *plan) node(n node) *node {
	k := nodeKey{op: n.op, typ: n.typ, bits: math.Float64bits(n.val), index: n.index}
	switch len(n.args) {
	case 3:
		k.c = n.args[2]
		fallthrough
	case 2:
		k.b = n.args[1]
		fallthrough
	case 1:
		k.a = n.args[0]
	}
	if old := p.known[k]; old != nil {
		return old
	}
	for _, a := range n.args {
		n.varies = n.varies || a.varies
		n.depth = max(n.depth, a.depth)
	}
	if n.op.IsReduction() {
		n.varies = false
		n.depth++
	}
	n.id = p.count
	p.count++
	p.known[k] = &n
	return &n
}

func (p *plan) of(op formula.Op, t dtype.DType, args ...*node) *node {
	return p.node(node{op: op, typ: t, args: args})
}

func (p *plan) constant(v float64, t dtype.DType) *node {
	return p.node(node{op: formula.Const, typ: t, val: v})
}

// compute returns the type in which a dtype is computed.
func (p *plan) compute(d dtype.DType) dtype.DType {
	if d.IsFloat() {
		return p.real
	}
	return d
}

// cast returns o in type t. Constants become constants of that type.
func (p *plan) cast(o operand, t dtype.DType) (*node, error) {
	n := o.node
	if n.typ == t {
		return n, nil
	}
	if n.op == formula.Const {
		switch {
		case t.IsFloat():
			return p.constant(n.val, t), nil
		case t == dtype.Bool:
			return p.constant(truth(n.val != 0), t), nil
		case n.val == math.Trunc(n.val):
			if err := fits(n.val, t); err != nil {
				return nil, err
			}
			return p.constant(n.val, t), nil
		}
	}
	if t == dtype.Bool {
		return p.of(formula.Ne, t, n, p.constant(0, n.typ)), nil
	}
	return p.of(opCast, t, n), nil
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
