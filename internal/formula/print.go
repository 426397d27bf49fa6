package formula

// This file implements printing: a formula becomes a definition again.
// Reading the text gives a formula that prints the same.

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// String returns f as a definition that Define reads. Values that are used
// more than once are named steps.
func (f *Formula) String() string {
	p := newPrinter(f)
	var b strings.Builder
	b.WriteString(f.Name)
	b.WriteByte('(')
	for i, in := range f.Inputs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(in.Name)
		if in.Row {
			b.WriteString("[1]")
		}
	}
	for i, q := range f.Params {
		b.WriteString([2]string{", ", "; "}[min(1, max(0, 1-i))])
		b.WriteString(q.Name)
		if q.Has {
			b.WriteByte('=')
			b.WriteString(formatDefault(q.Default))
		}
	}
	b.WriteByte(')')
	named := false
	for i, o := range f.Outputs {
		if o.Name == "" {
			continue
		}
		b.WriteString([2]string{", ", " -> "}[min(1, max(0, 1-i))])
		b.WriteString(o.Name)
		named = true
	}
	results := make([]string, len(f.Outputs))
	for i, o := range f.Outputs {
		results[i] = p.text(o.Node, 0)
	}
	if len(p.steps) == 0 && len(p.unused) == 0 && (len(results) == 1 || !named) {
		b.WriteString(" = ")
		b.WriteString(strings.Join(results, ", "))
		return b.String()
	}
	b.WriteString(" {\n")
	for _, u := range p.unused {
		fmt.Fprintf(&b, "    _ = %s\n", u)
	}
	for _, n := range p.steps {
		fmt.Fprintf(&b, "    %s = %s\n", p.names[n], p.body(n, 0))
	}
	fmt.Fprintf(&b, "    return %s\n}", strings.Join(results, ", "))
	return b.String()
}

const (
	maxNest = 24  // levels of brackets in one expression
	maxSize = 120 // operations in one expression
)

type printer struct {
	f      *Formula
	steps  []*Node
	names  map[*Node]string // of steps
	unused []string         // inputs and parameters
}

// newPrinter decides which nodes are steps, and names them.
func newPrinter(f *Formula) *printer {
	p := &printer{f: f, names: map[*Node]string{}}
	order := Reachable(f.Nodes()...)
	uses := map[*Node]int{}
	for _, n := range order {
		if _, ok := truth(n); ok {
			continue // printed as one word
		}
		for _, a := range n.Args {
			uses[a]++
		}
	}
	taken := map[string]bool{"_": true}
	used := map[[2]int]bool{}
	for _, n := range order {
		used[[2]int{int(n.Op), n.Index}] = true
	}
	for i, in := range f.Inputs {
		taken[in.Name] = true
		if !used[[2]int{int(Input), i}] {
			p.unused = append(p.unused, in.Name)
		}
	}
	for i, q := range f.Params {
		taken[q.Name] = true
		if !used[[2]int{int(ParamOp), i}] {
			p.unused = append(p.unused, q.Name)
		}
	}
	outputs := map[*Node]string{}
	for _, o := range f.Outputs {
		uses[o.Node]++
		if o.Name != "" && outputs[o.Node] == "" {
			outputs[o.Node] = o.Name
		}
		taken[o.Name] = true
	}
	nest, size := map[*Node]int{}, map[*Node]int{}
	count := 0
	for _, n := range order {
		if isLeaf(n) {
			continue
		}
		level, ops := 0, 1
		for _, a := range n.Args {
			level = max(level, nest[a]+1)
			ops += size[a]
		}
		if uses[n] < 2 && level < maxNest && ops < maxSize {
			nest[n], size[n] = level, ops
			continue
		}
		name := outputs[n]
		for name == "" || name != outputs[n] && taken[name] {
			count++
			name = "t" + strconv.Itoa(count)
		}
		p.names[n] = name
		p.steps = append(p.steps, n)
	}
	return p
}

// isLeaf reports whether n prints as one word.
func isLeaf(n *Node) bool {
	_, isTruth := truth(n)
	return len(n.Args) == 0 || isTruth
}

// truth reports whether n is one of the constants true and false.
func truth(n *Node) (value, ok bool) {
	if (n.Op == Eq || n.Op == Ne) && n.Args[0] == n.Args[1] && n.Args[0].is(0) && n.Args[0].Int {
		return n.Op == Eq, true
	}
	return false, false
}

// Precedence, as in C.
const (
	precCond  = 1
	precUnary = 12
	precAtom  = 13
)

var precedence = [NumOps]int{
	Select: precCond, Or: 2, And: 3, BitOr: 4, BitXor: 5, BitAnd: 6, Eq: 7, Ne: 7, Lt: 8, Le: 8, Gt: 8, Ge: 8, Shl: 9, Shr: 9,
	Add: 10, Sub: 10, Mul: 11, Div: 11, Rem: 11, Neg: precUnary, Not: precUnary, BitNot: precUnary,
}

// text returns an expression for n in a place of the given precedence.
func (p *printer) text(n *Node, place int) string {
	if name := p.names[n]; name != "" {
		return name
	}
	return p.body(n, place)
}

// body returns the expression of n itself.
func (p *printer) body(n *Node, place int) string {
	if v, ok := truth(n); ok {
		return strconv.FormatBool(v)
	}
	prec := precedence[n.Op]
	s := ""
	switch {
	case n.Op == Input:
		return p.f.Inputs[n.Index].Name
	case n.Op == ParamOp:
		return p.f.Params[n.Index].Name
	case n.Op == Const:
		return formatConst(n)
	case n.Op == Select:
		s = p.text(n.Args[0], precCond+1) + " ? " + p.text(n.Args[1], precCond) + " : " + p.text(n.Args[2], precCond)
	case prec == 0:
		args := make([]string, len(n.Args))
		for i, a := range n.Args {
			args[i] = p.text(a, 0)
		}
		return n.Op.String() + "(" + strings.Join(args, ", ") + ")"
	case prec == precUnary:
		s = n.Op.String() + p.text(n.Args[0], precUnary)
		if strings.HasPrefix(s, "--") {
			s = "-(" + s[1:] + ")" // two signs would be one operator
		}
	default:
		right := p.text(n.Args[1], prec+1)
		left := p.text(n.Args[0], prec)
		if prec == precedence[Lt] && isComparison(n.Args[0]) && p.names[n.Args[0]] == "" {
			left = "(" + left + ")"
		}
		s = left + " " + n.Op.String() + " " + right
	}
	if prec < place {
		return "(" + s + ")"
	}
	return s
}

func isComparison(n *Node) bool { return n.Op >= Eq && n.Op <= Ge }

// formatConst returns the shortest text that reads back as a constant.
func formatConst(n *Node) string {
	if n.Int {
		return strconv.FormatFloat(n.Value, 'f', 0, 64)
	}
	s := formatFloat(n.Value)
	if strings.Trim(s, "-0123456789") == "" {
		s += ".0"
	}
	return s
}

func formatDefault(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e6 && !(v == 0 && math.Signbit(v)) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return formatConst(&Node{Value: v})
}

func formatFloat(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "INFINITY"
	case math.IsInf(v, -1):
		return "-INFINITY"
	case math.IsNaN(v):
		return "NAN"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	mantissa, exp, ok := strings.Cut(s, "e")
	if !ok {
		return s
	}
	sign := ""
	if exp[0] == '-' {
		sign = "-"
	}
	return mantissa + "e" + sign + strings.TrimLeft(exp[1:], "0")
}
