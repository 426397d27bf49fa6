package formula

// This file implements reading definitions: names are looked up, and the
// syntax tree becomes a graph. What the functions mean is in expr.go and function.go.

import (
	"math"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// Codes of definitions, besides those of parsing. Where checking kernels has
// the same error, it has the same code.
const (
	UndeclaredName     source.Code = "UndeclaredName"     // a name nothing declares
	UndeclaredFunction source.Code = "UndeclaredFunction" // a call of a function that definitions have not
	Redeclared         source.Code = "Redeclared"         // a second declaration of a name
	WrongArgCount      source.Code = "WrongArgCount"      // too few or too many arguments or results
	InvalidOperand     source.Code = "InvalidOperand"     // an operator or reduction on what it is not for
	NotConstant        source.Code = "NotConstant"        // a default or key that has to be known before the call
	InvalidCast        source.Code = "InvalidCast"        // a cast to anything but float or bool
	UnsupportedFeature source.Code = "UnsupportedFeature" // a part of the kernel language that definitions leave out
	NoInputs           source.Code = "NoInputs"           // a definition without inputs
	UnusedInput        source.Code = "UnusedInput"        // an input that no step or result uses
	UnusedParam        source.Code = "UnusedParam"
	UnusedStep         source.Code = "UnusedStep"
	BadConstant        source.Code = "BadConstant" // an integer too large to be exact
)

// Define reads a definition, such as
//
//	rms(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w
//
// The error is a *source.List with the places of all mistakes.
func Define(text string) (*Formula, error) { return define(text, NewGraph()) }

func define(text string, g *Graph) (*Formula, error) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	tree := parse.Define(set, set.Add("definition", text), errs)
	if tree == nil || errs.Errors() > 0 {
		return nil, failure(errs)
	}
	d := &definer{g: g, errs: errs, names: map[string]*name{}}
	f := d.define(tree)
	if errs.Errors() > 0 {
		return nil, failure(errs)
	}
	d.g.Span = source.Span{}
	return f, nil
}

func failure(errs *source.List) error {
	errs.Sort()
	return errs
}

// A name is what a definition declares.
type name struct {
	node *Node // nil after an error
	kind string
	code source.Code // of not using it
	span source.Span
	used bool
}

type definer struct {
	g     *Graph
	errs  *source.List
	names map[string]*name
	order []string // as declared
}

func (d *definer) define(t *parse.Definition) *Formula {
	f := &Formula{Name: t.Name, Graph: d.g}
	if len(t.Inputs) == 0 {
		d.errs.Errorf(t.NameSpan, NoInputs, "definition '%s' has no inputs", t.Name).
			Hint = "the inputs give the shape of the result; name one, as in f(x) = index() + 0*x"
	}
	for i, in := range t.Inputs {
		f.Inputs = append(f.Inputs, In{in.Name, in.Row})
		d.g.Span = in.Span
		d.declare(in.Name, "input", UnusedInput, in.Span, d.g.Input(i, in.Row))
	}
	for i, q := range t.Params {
		p := Param{Name: q.Name}
		if q.Default != nil {
			p.Default, p.Has = d.constant(q.Name, q.Default)
		}
		f.Params = append(f.Params, p)
		d.g.Span = q.Span
		d.declare(q.Name, "parameter", UnusedParam, q.Span, d.g.Param(i))
	}
	outputs := map[string]source.Span{}
	for _, o := range t.Outputs {
		old := d.names[o.Name]
		if at, ok := outputs[o.Name]; ok {
			old = &name{kind: "output", span: at}
		}
		if old != nil {
			d.redeclared(o.Name, o.Span, "output", old)
		}
		outputs[o.Name] = o.Span
	}
	for _, s := range t.Steps {
		n := d.expr(s.X)
		if s.Name != "_" {
			d.declare(s.Name, "step", UnusedStep, s.Span, n)
		}
	}
	for _, x := range t.Results {
		f.Outputs = append(f.Outputs, Output{"", d.expr(x)})
	}
	switch {
	case len(t.Outputs) == 0 && len(t.Results) > 1:
		d.errs.Errorf(t.Results[1].Range(), WrongArgCount, "there are %d results and no names for them", len(t.Results)).
			Hint = "name them after the inputs, as in " + t.Name + "(…) -> a, b { … }"
	case len(t.Outputs) > 0 && len(t.Outputs) != len(t.Results):
		at := t.Results[min(len(t.Outputs), len(t.Results)-1)].Range()
		d.errs.Errorf(at, WrongArgCount, "there are %d results for %d outputs", len(t.Results), len(t.Outputs))
	default:
		for i, o := range t.Outputs {
			f.Outputs[i].Name = o.Name
		}
	}
	if d.errs.Errors() > 0 {
		return nil // what is not used may be used by what is wrong
	}
	for _, s := range d.order {
		if n := d.names[s]; !n.used && d.errs.Errors() < maxErrors {
			e := d.errs.Errorf(n.span, n.code, "%s '%s' is never used", n.kind, s)
			e.Hint = "remove it"
			if n.kind == "input" {
				e.Hint = "remove it; or, if it is there for its shape, add the step _ = " + s
			}
		}
	}
	return f
}

func (d *definer) declare(s, kind string, code source.Code, at source.Span, n *Node) {
	if s == "_" {
		d.errs.Errorf(at, Redeclared, "%s '_' has no name that could be used", kind).Hint = "only steps may be named _"
		return
	}
	if old := d.names[s]; old != nil {
		d.redeclared(s, at, kind, old)
		return
	}
	d.names[s] = &name{node: n, kind: kind, code: code, span: at}
	d.order = append(d.order, s)
}

func (d *definer) redeclared(s string, at source.Span, kind string, old *name) {
	if d.errs.Errors() >= maxErrors {
		return
	}
	e := d.errs.Errorf(at, Redeclared, "%s '%s' has the name of an earlier %s", kind, s, old.kind)
	if kind == "step" {
		e.Hint = "a step has one value; give the new one a name of its own"
	}
	e.Notes = []source.Note{{Span: old.span, Msg: "declared here"}}
}

// constant evaluates the default of a parameter.
func (d *definer) constant(param string, x parse.Expr) (float64, bool) {
	if b, ok := x.(*parse.BoolLit); ok {
		if b.Value {
			return 1, true
		}
		return 0, true
	}
	n := d.expr(x)
	if n == nil {
		return 0, true
	}
	if n.Op != Const {
		d.errs.Errorf(x.Range(), NotConstant, "the default of '%s' is not a constant", param).
			Hint = "write a number, or an expression of numbers such as 1/2 or -pi"
		return 0, true
	}
	return n.Value, true
}

// constants are the named numbers.
var constants = map[string]float64{
	"pi": math.Pi, "INFINITY": math.Inf(1), "HUGE_VALF": math.Inf(1), "NAN": math.NaN(),
	"M_PI_F": math.Pi, "M_PI_2_F": math.Pi / 2, "M_PI_4_F": math.Pi / 4, "M_1_PI_F": 1 / math.Pi, "M_2_PI_F": 2 / math.Pi,
	"M_2_SQRTPI_F": 2 / math.SqrtPi, "M_E_F": math.E, "M_LOG2E_F": math.Log2E, "M_LOG10E_F": math.Log10E, "M_LN2_F": math.Ln2,
	"M_LN10_F": math.Ln10, "M_SQRT2_F": math.Sqrt2, "M_SQRT1_2_F": 1 / math.Sqrt2,
	"FLT_MAX": math.MaxFloat32, "MAXFLOAT": math.MaxFloat32, "FLT_MIN": 0x1p-126, "FLT_EPSILON": 0x1p-23,
}
