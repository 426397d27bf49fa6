package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
	"github.com/zmlx-go/zmlx/internal/source/errortest"
)

// describe writes a definition out in one line, with all brackets.
func describe(d *Definition) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s(", d.Name)
	for _, in := range d.Inputs {
		fmt.Fprintf(&b, " %s", in.Name)
		if in.Row {
			b.WriteString("[1]")
		}
	}
	for _, q := range d.Params {
		fmt.Fprintf(&b, " ;%s", q.Name)
		if q.Default != nil {
			fmt.Fprintf(&b, "=%s", PrintExpr(q.Default))
		}
	}
	b.WriteString(" )")
	for _, o := range d.Outputs {
		fmt.Fprintf(&b, " ->%s", o.Name)
	}
	for _, s := range d.Steps {
		fmt.Fprintf(&b, " {%s: %s}", s.Name, PrintExpr(s.X))
	}
	for _, x := range d.Results {
		fmt.Fprintf(&b, " [%s]", PrintExpr(x))
	}
	return b.String()
}

func TestDefine(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"f(x) = x", "f( x ) [x]"},
		{"f(x) = x;", "f( x ) [x]"},
		{" f ( x , w[1] ; eps = 1e-6 , p ) = x /* c */ // d", "f( x w[1] ;eps=1e-6 ;p ) [x]"},
		{"f(x;) = x", "f( x ) [x]"},
		{"f() = 1", "f( ) [1]"},
		{"f(x; a=-1, b=1/2) -> y = x", "f( x ;a=-1 ;b=1 / 2 ) ->y [x]"},
		{"f(x, y) -> a, b = x < y, y", "f( x y ) ->a ->b [x < y] [y]"},
		{"f(x)\n{\n h = x\n + 1\n k = h; l = (k)\n return h,\n k\n}", "f( x ) {h: x + 1} {k: h} {l: (k)} [h] [k]"},
		{"f(x) -> a { return x; }", "f( x ) ->a [x]"},
		// A name that is declared is a value, whatever it is elsewhere.
		{"f(array, vec) = array < vec", "f( array vec ) [array < vec]"},
		{"f(x) { tensor = x\n return tensor < x ? 1 : metal::exp(x) }", "f( x ) {tensor: x} [tensor < x ? 1 : metal::exp(x)]"},
	} {
		set := &source.Set{}
		errs := &source.List{}
		d := Define(set, set.Add("definition", tt.text), errs)
		if d == nil {
			t.Errorf("%s:\n%v", tt.text, errs)
			continue
		}
		if got := describe(d); got != tt.want {
			t.Errorf("%s\nis   %s\nwant %s", tt.text, got, tt.want)
		}
		if p := set.Position(d.Span.Pos); p.Column != strings.Index(tt.text, "f")+1 || d.Span.End > set.Files()[0].Pos(len(tt.text)) {
			t.Errorf("%s: the definition is at %v to %v", tt.text, d.Span.Pos, d.Span.End)
		}
	}
}

func TestDefineErrors(t *testing.T) {
	for _, text := range []string{
		"/* ERRORLINE \"found end of text, expected the name of the definition.*BadSyntax\" */",
		"1 /* ERROR \"found '1', expected the name of the definition\" */",
		"f /* ERROR \"found end of text, expected '\\\\(' and the names of the inputs\" */",
		"f = /* ERROR \"found '=', expected '\\\\('\" */ x",
		"f( /* ERROR \"this '\\\\(' has no '\\\\)' .MissingBracket\" */ x",
		"f(x, ) /* ERROR \"found '\\\\)', expected the name of an input\" */ = x",
		"f(x; 3 /* ERROR \"found '3', expected the name of a parameter\" */) = x",
		"f(float /* ERROR \"found 'float', expected the name of an input.*'float' is a word of the kernel language\" */ x) = x",
		"f(x w /* ERROR \"found 'w', expected ',', ';' or '\\\\)'\" */) = x",
		"f(x; a=1 b /* ERROR \"found 'b', expected ',' or '\\\\)'\" */) = x",
		"f(x = /* ERROR \"expected ',', ';' or '\\\\)'.*parameters stand after a semicolon\" */ 1) = x",
		"f(x[2 /* ERROR \"found '2', expected 1.*written name.1.\" */]) = x",
		"f(x[] /* ERROR \"found '\\\\]', expected 1\" */) = x",
		"f(x) /* ERROR \"found end of text, expected '=', '->' or '{'\" */",
		"f(x) x /* ERROR \"found 'x', expected '=', '->' or '{'\" */",
		"f(x) -> y /* ERROR \"expected '=' or '{'\" */",
		"f(x) -> = /* ERROR \"found '=', expected the name of an output\" */ x",
		"f(x) = /* ERROR \"found end of text, expected an expression\" */",
		"f(x) = x + /* ERROR \"found end of text, expected an expression\" */",
		"f(x) = x x /* ERROR \"found 'x', expected the end of the definition\" */",
		"f(x) = x\ng /* ERROR \"found 'g', expected the end of the definition\" */(y) = y",
		"f(x) = ( /* ERROR \"this '\\\\(' has no '\\\\)'\" */ x",
		"f(x) = x @ /* ERROR \"cannot stand in code .BadCharacter\" */ x",
		"f(x) = x − /* ERROR \"BadCharacter.*ASCII minus\" */ 1",
		"f(x) = 1e /* ERROR \"malformed .BadLiteral\" */",
		"f(x) { } /* ERROR \"found '}', expected return\" */",
		"f(x) { h = x /* ERROR \"found end of text, expected return\" */",
		"f(x) { h = x k /* ERROR \"found 'k', expected ';' or a new line after the step\" */ = h\n return k }",
		"f(x) { h += /* ERROR \"found '\\\\+=', expected '='.*name of its own\" */ x\n return h }",
		"f(x) { h( /* ERROR \"found '\\\\(', expected '='\" */x) = x\n return h }",
		"f(x) { retrun x /* ERROR \"found 'x', expected '='\" */ }",
		"f(x) { return x\n h /* ERROR \"found 'h', expected '}' after the results\" */ = x }",
		"f(x) { /* ERROR \"this '{' has no '}'\" */ return x",
		"f(x) { return /* c */ } /* ERROR \"found '}', expected an expression\" */",
		"f(x) = x /* ERRORLINE \"this comment has no end\" */ /* open",
		"# /* ERROR \"found '#'\" */ define A",
	} {
		set := &source.Set{}
		errs := &source.List{Set: set}
		if d := Define(set, set.Add("definition", text), errs); d != nil {
			t.Errorf("%s: there is a tree", text)
		}
		errortest.Check(t, set, errs.Diags)
	}
}
