package codegen

// This file implements reductions: each thread's own, then those over the
// lanes of a simdgroup, then over the simdgroups of a threadgroup, always in
// the same order.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// An accumulator is a reduction being computed.
type accumulator struct {
	n     *node
	name  string
	at    string // ArgMax, ArgMin: where the greatest is
	typ   dtype.DType
	parts string // the simdgroups' results
	atAll string // ArgMax, ArgMin: where these are
}

// numbers, as the index of a MaxOf, says that it need not find NaN.
const numbers = 1

// noIndex stands for no index.
const noIndex = "0xFFFFFFFFu"

func (a *accumulator) arg() bool { return a.n.op == formula.ArgMax || a.n.op == formula.ArgMin }

// greatest reports whether a looks for the greatest, not the least.
func (a *accumulator) greatest() bool { return a.n.op == formula.MaxOf || a.n.op == formula.ArgMax }

// neutral returns the value that changes nothing.
func (a *accumulator) neutral() string {
	var text string
	switch a.n.op {
	case formula.Prod:
		text, _ = literal(1, a.typ)
	case formula.Any:
		text = "false"
	case formula.All:
		text = "true"
	case formula.MaxOf, formula.ArgMax, formula.MinOf, formula.ArgMin:
		switch {
		case a.typ.IsFloat() && a.greatest():
			text, _ = typed("-INFINITY", a.typ, precUnary)
		case a.typ.IsFloat():
			text, _ = typed("INFINITY", a.typ, precPrimary)
		case a.greatest():
			text = fmt.Sprintf("numeric_limits<%s>::lowest()", typeName(a.typ))
		default:
			text = fmt.Sprintf("numeric_limits<%s>::max()", typeName(a.typ))
		}
	default:
		text, _ = literal(0, a.typ)
	}
	return text
}

// accumulator declares what the reduction n gathers in.
func (e *rowEmitter) accumulator(n *node) *accumulator {
	a := &accumulator{n: n, name: e.names.temp(), typ: n.args[0].typ}
	e.line("%s %s = %s;", typeName(a.typ), a.name, a.neutral())
	if a.arg() {
		a.at = e.names.unique(a.name + "_at")
		e.line("uint %s = %s;", a.at, noIndex)
	}
	return a
}

// accumulate takes in one element.
func (e *rowEmitter) accumulate(a *accumulator) {
	x := a.n.args[0]
	switch a.n.op {
	case formula.Sum:
		e.line("%s += %s;", a.name, e.arg(x, precCond))
	case formula.Prod:
		e.line("%s *= %s;", a.name, e.arg(x, precCond))
	case formula.Any:
		e.line("%s = %s || %s;", a.name, a.name, e.arg(x, precAnd))
	case formula.All:
		e.line("%s = %s && %s;", a.name, a.name, e.arg(x, precBitOr))
	case formula.MaxOf, formula.MinOf:
		e.line("%s = %s(%s, %s);", a.name, e.extreme(a), a.name, e.arg(x, precCond))
	case formula.ArgMax, formula.ArgMin:
		v := e.named(x)
		less, more := ">=", "<"
		if a.greatest() {
			less, more = "<=", ">"
		}
		test := fmt.Sprintf("%s %s %s", v, more, a.name)
		if a.typ.IsFloat() { // the first NaN stays
			test = fmt.Sprintf("!(%s %s %s) && !isnan(%s)", v, less, a.name, a.name)
		}
		e.open("if (%s)", test)
		e.line("%s = %s;", a.name, v)
		j := "j"
		if e.wide {
			j = "uint(j)"
		}
		e.line("%s = %s;", a.at, j)
		e.close()
	}
}

// extreme returns the name of the function of two that gives the greater or
// lesser.
func (e *rowEmitter) extreme(a *accumulator) string {
	switch {
	case a.n.index == numbers:
		return "max"
	case a.typ.IsFloat() && a.greatest():
		return e.helpers.function(formula.Max)
	case a.typ.IsFloat():
		return e.helpers.function(formula.Min)
	case a.greatest():
		return "max"
	}
	return "min"
}

// overLanes returns the reduction of text over the active lanes.
func (e *rowEmitter) overLanes(a *accumulator, text string) string {
	var name string
	op := a.n.op
	switch op {
	case formula.ArgMax:
		op = formula.MaxOf
	case formula.ArgMin:
		op = formula.MinOf
	}
	long := a.typ.IsInteger() && a.typ.Size() == 8 && e.plan.call.Target == Portable
	switch op {
	case formula.Any:
		name = "simd_any"
	case formula.All:
		name = "simd_all"
	case formula.Sum:
		name = "simd_sum"
	case formula.Prod:
		name = "simd_product"
	case formula.MaxOf:
		if name = "simd_max"; a.typ.IsFloat() && a.n.index != numbers {
			name = e.helpers.use("simd_max_nan")
		}
	case formula.MinOf:
		if name = "simd_min"; a.typ.IsFloat() {
			name = e.helpers.use("simd_min_nan")
		}
	}
	if long && op != formula.Any && op != formula.All {
		name = e.helpers.lanes(op, a.typ)
	}
	return name + "(" + text + ")"
}

// same returns a test of whether two values are equal, or both NaN.
func same(a, b string, d dtype.DType) string {
	if d.IsFloat() {
		return fmt.Sprintf("%s == %s || isnan(%s)", a, b, a)
	}
	return a + " == " + b
}

// combine reduces over the lanes of a simdgroup. The lane with the lowest
// index among those with the best value gives an index: only those have NaN
// where one has.
func (e *rowEmitter) combine(a *accumulator) {
	if !a.arg() {
		e.line("%s = %s;", a.name, e.overLanes(a, a.name))
		return
	}
	best := e.names.temp()
	e.line("%s %s = %s;", typeName(a.typ), best, e.overLanes(a, a.name))
	e.line("%s = simd_min(%s ? %s : %s);", a.at, same(a.name, best, a.typ), a.at, noIndex)
	e.line("%s = %s;", a.name, best)
}

// finish makes the threads' values the row's. Afterwards all threads know it.
func (e *rowEmitter) finish(accs []*accumulator) {
	if len(accs) > 0 && e.s.Group > 1 {
		for _, a := range accs {
			e.combine(a)
		}
		if e.group {
			e.overGroups(accs)
		}
	}
	for _, a := range accs {
		e.known[a.n] = a.name
		if a.arg() { // no element is better than the neutral one if all are that
			e.line("%s = %s == %s ? 0u : %s;", a.at, a.at, noIndex, a.at)
			e.known[a.n] = a.at
		}
	}
}

// overGroups reduces over the simdgroups of a threadgroup.
func (e *rowEmitter) overGroups(accs []*accumulator) {
	groups := (e.s.Group + 31) / 32
	for _, a := range accs {
		a.parts = e.names.unique(a.name + "_parts")
		e.line("threadgroup %s %s[%d];", typeName(a.typ), a.parts, groups)
		if a.arg() {
			a.atAll = e.names.unique(a.at + "_parts")
			e.line("threadgroup uint %s[%d];", a.atAll, groups)
		}
	}
	e.open("if (thread_index_in_simdgroup == 0)")
	for _, a := range accs {
		e.line("%s[simdgroup_index_in_threadgroup] = %s;", a.parts, a.name)
		if a.arg() {
			e.line("%s[simdgroup_index_in_threadgroup] = %s;", a.atAll, a.at)
		}
	}
	e.close()
	e.line("threadgroup_barrier(mem_flags::mem_threadgroup);")
	for _, a := range accs {
		if e.s.Group%32 == 0 {
			e.overParts(a, groups)
		} else {
			e.overPartsInTurn(a, groups)
		}
	}
}

// overParts reduces the simdgroups' results in every simdgroup. All its lanes
// are there.
func (e *rowEmitter) overParts(a *accumulator, groups int) {
	have := fmt.Sprintf("thread_index_in_simdgroup < %du", groups)
	if groups == 32 {
		have = ""
	}
	read := func(name, array, neutral string) {
		if have == "" {
			e.line("%s = %s[thread_index_in_simdgroup];", name, array)
		} else {
			e.line("%s = %s ? %s[thread_index_in_simdgroup] : %s;", name, have, array, neutral)
		}
	}
	read(a.name, a.parts, a.neutral())
	if a.arg() {
		read(a.at, a.atAll, noIndex)
	}
	e.combine(a)
}

// overPartsInTurn reduces the simdgroups' results in every thread: the last
// simdgroup has too few lanes to do it together.
func (e *rowEmitter) overPartsInTurn(a *accumulator, groups int) {
	e.line("%s = %s[0];", a.name, a.parts)
	if a.arg() {
		e.line("%s = %s[0];", a.at, a.atAll)
	}
	e.open("for (uint k = 1; k < %du; ++k)", groups)
	part := a.parts + "[k]"
	switch a.n.op {
	case formula.Sum:
		e.line("%s += %s;", a.name, part)
	case formula.Prod:
		e.line("%s *= %s;", a.name, part)
	case formula.Any:
		e.line("%s = %s || %s;", a.name, a.name, part)
	case formula.All:
		e.line("%s = %s && %s;", a.name, a.name, part)
	case formula.MaxOf, formula.MinOf:
		e.line("%s = %s(%s, %s);", a.name, e.extreme(a), a.name, part)
	default:
		op := "<"
		if a.greatest() {
			op = ">"
		}
		better := fmt.Sprintf("%s %s %s", part, op, a.name)
		equal := fmt.Sprintf("%s == %s", part, a.name)
		if a.typ.IsFloat() {
			better += fmt.Sprintf(" || (isnan(%s) && !isnan(%s))", part, a.name)
			equal = fmt.Sprintf("(%s || (isnan(%s) && isnan(%s)))", equal, part, a.name)
		}
		e.open("if (%s || (%s && %s[k] < %s))", better, equal, a.atAll, a.at)
		e.line("%s = %s;", a.name, part)
		e.line("%s = %s[k];", a.at, a.atAll)
		e.close()
	}
	e.close()
}
