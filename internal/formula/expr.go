package formula

// This file implements the expressions of definitions: operators, names and
// calls.

import (
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

var arithmetic = map[string]Op{
	"+": Add, "-": Sub, "*": Mul, "/": Div, "%": Rem, "&": BitAnd, "|": BitOr, "^": BitXor, "<<": Shl, ">>": Shr,
	"==": Eq, "!=": Ne, "<": Lt, "<=": Le, ">": Gt, ">=": Ge,
}

// maxErrors is how many errors are reported of one text.
const maxErrors = 50

// expr returns the node of an expression, or nil after an error.
func (d *definer) expr(x parse.Expr) *Node {
	if d.errs.Errors() >= maxErrors {
		return nil
	}
	at := x.Range()
	d.g.Span = at
	switch x := x.(type) {
	case *parse.Paren:
		return d.expr(x.X)
	case *parse.IntLit:
		if x.Char {
			return d.unsupported(at, "character literals")
		}
		if x.Value >= maxInt {
			d.errs.Errorf(at, BadConstant, "integer constant %d is not below 2^53", x.Value).
				Hint = "constants are exact numbers; write it with a point or an exponent if a float is meant"
			return nil
		}
		return d.g.Const(float64(x.Value))
	case *parse.FloatLit:
		return d.g.Float(x.Value)
	case *parse.BoolLit:
		if x.Value {
			return d.g.Of(Eq, d.g.Const(0), d.g.Const(0))
		}
		return d.g.Of(Ne, d.g.Const(0), d.g.Const(0))
	case *parse.Ident:
		return d.ident(x)
	case *parse.Unary:
		return d.unary(x)
	case *parse.Binary:
		return d.binary(x)
	case *parse.Cond:
		c, a, b := d.expr(x.C), d.expr(x.X), d.expr(x.Y)
		if c == nil || a == nil || b == nil {
			return nil
		}
		d.g.Span = at
		return d.choose(c, a, b)
	case *parse.Call:
		return d.call(x)
	case *parse.Construct:
		if len(x.Args) != 1 || x.Brace {
			return d.unsupported(at, "vectors and lists")
		}
		return d.cast(at, x.Type, x.Args[0])
	case *parse.Cast:
		return d.cast(at, x.Type, x.X)
	case *parse.Assign:
		d.errs.Errorf(x.OpSpan, UnsupportedFeature, "an assignment cannot stand in an expression").
			Hint = "compare with ==; steps stand in a block, as in f(x) { h = x*x; return h }"
		return nil
	case *parse.Index:
		d.errs.Errorf(at, UnsupportedFeature, "definitions have no indexing").
			Hint = "they work on whole rows; an input with one value for each row is marked in the list of inputs, as in f(x, m[1]); everything else is for kernels"
		return nil
	case *parse.Member:
		return d.unsupported(at, "members")
	case *parse.Postfix:
		return d.unsupported(at, "operator "+x.Op)
	case *parse.StringLit:
		return d.unsupported(at, "strings")
	case *parse.Lambda:
		return d.unsupported(at, "lambdas")
	case *parse.Sizeof:
		return d.unsupported(at, "sizeof")
	}
	return d.unsupported(at, "expressions of this kind")
}

func (d *definer) unsupported(at source.Span, what string) *Node {
	d.errs.Errorf(at, UnsupportedFeature, "definitions have no %s", what)
	return nil
}

// std reports whether a qualified name is one of Metal's own.
func std(path []string) bool {
	for i, s := range path {
		if s != "metal" && (s != "precise" && s != "fast" || i != len(path)-1) {
			return false
		}
	}
	return true
}

func (d *definer) ident(x *parse.Ident) *Node {
	if x.HasArgs {
		return d.unsupported(x.Span, "templates")
	}
	if len(x.Path) == 0 {
		if n := d.names[x.Name]; n != nil {
			n.used = true
			return n.node
		}
	}
	if v, ok := constants[x.Name]; ok && std(x.Path) {
		return d.g.Float(v)
	}
	e := d.errs.Errorf(x.Span, UndeclaredName, "undeclared name '%s'", strings.Join(append(x.Path[:len(x.Path):len(x.Path)], x.Name), "::"))
	candidates := append(sortedKeys(constants), d.order[:min(len(d.order), 1000)]...)
	switch near := source.Nearest(x.Name, candidates); {
	case functions[x.Name] != nil:
		e.Hint = "'" + x.Name + "' is a function; call it as " + functions[x.Name].usage
	case near != "":
		e.Hint = "did you mean " + near + "?"
	case len(x.Path) == 0:
		e.Hint = "make it an input, a parameter after ';', or a step"
	}
	return nil
}

func (d *definer) unary(x *parse.Unary) *Node {
	if x.Op == "*" || x.Op == "&" || x.Op == "++" || x.Op == "--" {
		e := d.errs.Errorf(x.Span, UnsupportedFeature, "definitions have no prefix operator %s", x.Op)
		if x.Op == "*" {
			e.Hint = "a power is written pow(x, 2)"
		}
		return nil
	}
	a := d.expr(x.X)
	if a == nil {
		return nil
	}
	d.g.Span = x.Span
	switch x.Op {
	case "-":
		return d.g.Of(Neg, a)
	case "!":
		return d.g.Of(Not, a)
	case "~":
		if a.Op.IsTest() {
			d.errs.Errorf(x.Span, InvalidOperand, "~ is for integers, found a bool").Hint = "write !"
			return nil
		}
		if !d.integers(x.Span, "~", a) {
			return nil
		}
		return d.g.Of(BitNot, a)
	}
	return d.g.number(a) // +
}

// powerHint is for people who come from languages where ^ and ** are powers.
const powerHint = "a power is written pow(x, 2)"

func (d *definer) binary(x *parse.Binary) *Node {
	if y, ok := x.Y.(*parse.Unary); ok && x.Op == "*" && y.Op == "*" {
		at := source.Span{Pos: x.OpSpan.Pos, End: y.Span.Pos + 1}
		d.errs.Errorf(at, UnsupportedFeature, "definitions have no operator **").Hint = powerHint
		return nil
	}
	if x.Op == "," {
		d.errs.Errorf(x.OpSpan, UnsupportedFeature, "definitions have no comma operator")
		return nil
	}
	a, b := d.expr(x.X), d.expr(x.Y)
	if a == nil || b == nil {
		return nil
	}
	d.g.Span = x.Span
	switch x.Op {
	case "&&":
		return d.g.Of(And, a, b)
	case "||":
		return d.g.Of(Or, a, b)
	}
	op := arithmetic[x.Op]
	switch {
	case op == BadOp:
		return d.unsupported(x.OpSpan, "operator "+x.Op)
	case op >= BitAnd && op <= Shr:
		if a.Op.IsTest() && b.Op.IsTest() {
			switch op {
			case BitAnd:
				return d.g.Of(And, a, b)
			case BitOr:
				return d.g.Of(Or, a, b)
			case BitXor:
				return d.g.Of(Ne, a, b) // of 1 and 0
			}
		}
		if !d.integers(x.OpSpan, x.Op, a, b) {
			return nil
		}
	case op >= Lt && op <= Ge:
		for _, side := range []parse.Expr{x.X, x.Y} {
			if c, ok := side.(*parse.Binary); ok && arithmetic[c.Op] >= Eq {
				d.errs.Errorf(x.OpSpan, InvalidOperand, "%s compares a number with the bool of %s", x.Op, c.Op).
					Hint = "write a < b && b < c; or put the comparison into parentheses if it is meant as 0 or 1"
				return nil
			}
		}
	}
	return d.g.Of(op, a, b)
}

// integers refuses what is surely a float.
func (d *definer) integers(at source.Span, op string, args ...*Node) bool {
	for _, a := range args {
		if d.g.isFloat(a) {
			e := d.errs.Errorf(at, InvalidOperand, "%s is for integers, found a float", op)
			if op == "^" {
				e.Hint = powerHint
			}
			return false
		}
	}
	return true
}

// choose is c ? a : b. Of two bools it is a bool.
func (d *definer) choose(c, a, b *Node) *Node {
	if a.Op.IsTest() && b.Op.IsTest() {
		return d.g.Of(Or, d.g.Of(And, c, a), d.g.Of(And, d.g.Of(Not, c), b))
	}
	return d.g.Of(Select, c, a, b)
}

func (d *definer) cast(at source.Span, t parse.TypeExpr, x parse.Expr) *Node {
	a := d.expr(x)
	if a == nil {
		return nil
	}
	d.g.Span = at
	switch name := parse.PrintType(t); name {
	case "float":
		return d.g.Of(Float, a)
	case "bool":
		return d.g.truth(a)
	default:
		e := d.errs.Errorf(at, InvalidCast, "definitions have no casts to %s", name)
		switch {
		case strings.Contains(name, "int"):
			e.Hint = "trunc, floor and round keep the type; the dtype of a result is chosen at the call"
		case name == "half" || name == "bfloat" || name == "double":
			e.Hint = "a definition computes in one float type, which the dtypes of its inputs choose; float(x) converts to it"
		}
		return nil
	}
}

func (d *definer) call(x *parse.Call) *Node {
	id, ok := x.Fn.(*parse.Ident)
	if !ok {
		d.errs.Errorf(x.Span, UnsupportedFeature, "this calls something that is not a name").Hint = "multiplication is written with *"
		return nil
	}
	if id.HasArgs {
		return d.unsupported(id.Span, "templates")
	}
	fn := functions[id.Name]
	if fn == nil || !std(id.Path) {
		d.undeclaredFunction(id)
		return nil
	}
	args := make([]*Node, len(x.Args))
	for i, a := range x.Args {
		args[i] = d.expr(a)
	}
	if len(args) < fn.min || fn.max >= 0 && len(args) > fn.max {
		plural := "s"
		if len(args) == 1 {
			plural = ""
		}
		e := d.errs.Errorf(x.Span, WrongArgCount, "%s has %d argument%s, and is called as %s", id.Name, len(args), plural, fn.usage)
		if fn.reduces && len(args) == 2 {
			e.Hint = "reductions work along the last axis, and on nothing else"
		}
		return nil
	}
	for _, a := range args {
		if a == nil {
			return nil
		}
	}
	d.g.Span = x.Span
	if fn.reduces && len(args) == 1 && args[0].Op.IsTest() {
		if fn.ofBool != "" {
			d.errs.Errorf(x.Span, InvalidOperand, "%s of a bool", id.Name).Hint = "write " + fn.ofBool
			return nil
		}
	}
	return fn.build(d, args)
}

// foreign are names that other libraries have for our functions.
var foreign = map[string]string{
	"power": "pow", "maximum": "max", "minimum": "min", "amax": "max", "amin": "min", "ln": "log", "arcsin": "asin", "arccos": "acos",
	"arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "logistic": "sigmoid",
	"swish": "silu", "absolute": "abs", "negative": "-x", "average": "mean", "variance": "var", "std": "sqrt(var(x))",
	"norm": "sqrt(sum(x*x))", "log_softmax": "log(softmax(x))", "stop_gradient": "stop", "detach": "stop", "lse": "logsumexp",
	"if": "a ? b : c", "rand": "uniform", "random": "uniform", "product": "prod", "reciprocal": "recip", "sqr": "square",
}

func (d *definer) undeclaredFunction(id *parse.Ident) {
	full := strings.Join(append(id.Path[:len(id.Path):len(id.Path)], id.Name), "::")
	e := d.errs.Errorf(id.Span, UndeclaredFunction, "definitions have no function '%s'", full)
	switch near := source.Nearest(id.Name, sortedKeys(functions)); {
	case d.names[id.Name] != nil:
		e.Hint = "'" + id.Name + "' is a value; multiplication is written with *"
		d.names[id.Name].used = true
	case functions[id.Name] != nil:
		e.Hint = "write " + id.Name + " or metal::" + id.Name
	case foreign[id.Name] != "":
		e.Hint = "write " + foreign[id.Name]
	case near != "" && (len(id.Name) > 3 || near[0] == id.Name[0]):
		e.Hint = "did you mean " + near + "?"
	}
}
