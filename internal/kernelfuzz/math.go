package kernelfuzz

// This file implements functions whose results may differ a little between
// devices. Their values go straight to outputs of their own: nothing branches
// on them or adds them up.

import "fmt"

var (
	mathUnary  = []string{"exp", "exp2", "exp10", "log", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "rsqrt", "log1p", "zmlx::erf", "zmlx::erfinv", "zmlx::expm1"}
	mathBinary = []string{"pow", "atan2", "powr"}
)

func (g *generator) sink(add func(*node)) {
	if g.helper {
		g.assign(add)
		return
	}
	out, t := "mf", scalar("float")
	switch g.n(4) {
	case 0:
		out, t = "mh", scalar("half")
	case 1:
		out, t = "mb", scalar("bfloat")
	}
	name := t.String()
	var e *node
	if g.one(5) {
		e = expr(name, name+"("+g.pick(mathBinary...)+"($, $))", g.expr(t, g.n(3)), g.expr(t, g.n(2)))
	} else {
		e = expr(name, name+"("+g.pick(mathUnary...)+"($))", g.expr(t, g.n(3)))
	}
	add(stmt(fmt.Sprintf("%s[gid * %du + $] = $;", out, own), g.small(own, 1), e))
}
