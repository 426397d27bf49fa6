package check

// This file implements calls: overload resolution, functions, methods,
// lambdas and user-defined operators.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// An argument is a checked argument, or a braced list that waits for its
// parameter's type.
type argument struct {
	e    Expr
	list *parse.InitList
	p    place
}

func (a argument) typ() *Type {
	if a.list != nil {
		return TInvalid
	}
	return a.e.Type()
}

// arguments checks the arguments of a call.
func (c *checker) arguments(xs []parse.Expr, s *scope) (args []argument, ok bool) {
	ok = true
	for _, x := range xs {
		if l, isList := x.(*parse.InitList); isList {
			args = append(args, argument{list: l})
			continue
		}
		e := c.expr(x, s)
		if e.Type().Kind == Void {
			c.errs.Errorf(x.Range(), NotAValue, "this has no value")
			ok = false
		}
		ok = ok && !invalid(e)
		args = append(args, argument{e: e, p: c.lvalue(e)})
	}
	return args, ok
}

func exprArgs(c *checker, es []Expr) []argument {
	args := make([]argument, len(es))
	for i, e := range es {
		args[i] = argument{e: e, p: c.lvalue(e)}
	}
	return args
}

// A candidate is an overload that takes the arguments.
type candidate struct {
	f     *function
	args  []targ
	ranks []int
}

// arity returns the least and the greatest number of arguments.
func arity(params []*parse.Param) (least, most int) {
	for _, p := range params {
		if nt, ok := p.Type.(*parse.NamedType); ok && nt.Name == "void" && p.Name == "" {
			continue
		}
		if p.Default == nil {
			least++
		}
		most++
	}
	return least, most
}

// candidate tells how f takes values of the given types, or nil if it does
// not.
func (c *checker) candidate(f *function, types []*Type, explicit []parse.Node, s *scope) *candidate {
	args := make([]argument, len(types))
	for i, t := range types {
		args[i] = argument{e: &opaque{Typed{T: t}}}
	}
	return c.match(f, args, explicit, s)
}

// match tells how f takes the arguments. What goes wrong on the way is no
// error: the overload is just not taken.
func (c *checker) match(f *function, args []argument, explicit []parse.Node, s *scope) *candidate {
	least, most := arity(f.decl.Params)
	if len(args) < least || len(args) > most || f.decl.Deleted {
		return nil
	}
	c.tick(source.Span{})
	var cand *candidate
	c.why = c.try(func() { cand = c.tryMatch(f, args, explicit, s) })
	return cand
}

func (c *checker) tryMatch(f *function, args []argument, explicit []parse.Node, s *scope) *candidate {
	cand := &candidate{f: f, ranks: make([]int, len(args))}
	inner := newScope(f.scope)
	if head := f.decl.Template; head != nil && len(head.Params) > 0 {
		cand.args = c.explicitArgs(head, explicit, s, f.scope)
		if cand.args == nil {
			return nil
		}
		for i, a := range args {
			if a.list == nil && !c.deduce(f.decl.Params[i].Type, argType(a, f.decl.Params[i].Type), head, cand.args, f.scope, false) {
				return nil
			}
		}
		if !c.bindTemplate(head, cand.args, inner, f.decl.NameSpan, f.decl.Name) {
			return nil
		}
	} else if len(explicit) > 0 {
		return nil
	}
	for i, a := range args {
		q := c.typ(f.decl.Params[i].Type, inner)
		if q.auto {
			continue
		}
		q = inThread(q)
		if cand.ranks[i] = c.argRank(a, q); cand.ranks[i] >= rankNone {
			return nil
		}
	}
	if f.decl.Ret != nil && f.decl.Template != nil {
		c.typ(f.decl.Ret, inner) // enable_if
	}
	if c.errs.Errors() > 0 {
		return nil
	}
	return cand
}

// argType is the type of an argument for deduction: an array is a pointer
// unless it is passed by reference.
func argType(a argument, param parse.TypeExpr) *Type {
	t := a.typ()
	if t.Kind == Array && !isRef(param) {
		return PointerTo(t.Elem, a.p.space, a.p.readOnly)
	}
	return t
}

func (c *checker) argRank(a argument, q qualType) int {
	if a.list != nil {
		return rankConvert
	}
	t := a.typ()
	if !q.ref {
		if q.Kind == Array {
			q.Type = PointerTo(q.Elem, q.space, q.readOnly)
		}
		if t.Kind == Array {
			t = PointerTo(t.Elem, a.p.space, a.p.readOnly)
		}
		return c.rank(t, q.Type)
	}
	if !Identical(t, q.Type) {
		if !q.readOnly || q.space != NoSpace && q.space != Thread {
			return rankNone
		}
		return c.rank(t, q.Type)
	}
	if !q.readOnly && (!a.p.ok || a.p.readOnly) && t.Kind != Closure {
		return rankNone
	}
	switch {
	case q.space == NoSpace || a.p.space == q.space:
		return rankExact
	case !a.p.ok || a.p.space == NoSpace:
		if q.space == Thread || a.p.ok {
			return rankAdjust
		}
	case q.readOnly && q.space == Thread:
		return rankConvert // copied
	case q.readOnly && (q.space == Constant || q.space == Device) && (a.p.space == Constant || a.p.space == Device):
		return rankConvert
	}
	return rankNone
}

// better reports whether a is a better choice than b: no argument converts
// worse and one converts better, or, all equal, a is the more special.
func better(a, b *candidate) bool {
	less := false
	for i := range a.ranks {
		if a.ranks[i] > b.ranks[i] {
			return false
		}
		less = less || a.ranks[i] < b.ranks[i]
	}
	return less || generality(a.f) < generality(b.f) && equalRanks(a, b)
}

func equalRanks(a, b *candidate) bool {
	for i := range a.ranks {
		if a.ranks[i] != b.ranks[i] {
			return false
		}
	}
	return true
}

// generality is 0 for plain functions and grows with what a template leaves
// open.
func generality(f *function) int {
	if f.decl.Template == nil || len(f.decl.Template.Params) == 0 {
		return 0
	}
	g := 1
	for _, p := range f.decl.Params {
		te := p.Type
		if r, ok := te.(*parse.RefType); ok {
			te = r.Elem
		}
		if nt, ok := te.(*parse.NamedType); ok && paramIndex(f.decl.Template, nt.Name) >= 0 {
			g += 10
		} else if mentions(te, f.decl.Template) {
			g++
		}
	}
	return g
}

// choose picks the best overload; nil if none fits.
func (c *checker) choose(fns []*function, args []argument, explicit []parse.Node, s *scope, span source.Span, report bool) *candidate {
	var cands []*candidate
	for _, f := range fns {
		if cand := c.match(f, args, explicit, s); cand != nil {
			cands = append(cands, cand)
		}
	}
	var best *candidate
	for _, a := range cands {
		if best == nil || better(a, best) {
			best = a
		}
	}
	if best == nil {
		return nil
	}
	for _, a := range cands {
		if a != best && !better(best, a) && report && generality(a.f) == generality(best.f) && !sameButSpace(a.f, best.f) {
			d := c.errs.Errorf(span, Ambiguous, "this call fits several functions as well")
			d.Hint = "cast an argument to the type you mean"
			for _, f := range []*function{best.f, a.f} {
				d.Notes = append(d.Notes, source.Note{Span: f.decl.NameSpan, Msg: "this one"})
			}
			return nil
		}
	}
	if best.f.specs != nil {
		for _, sp := range best.f.specs {
			if c.specMatches(sp, best) {
				return &candidate{f: sp, ranks: best.ranks}
			}
		}
	}
	return best
}

// sameButSpace reports whether two methods differ in the address space of
// their object alone.
func sameButSpace(a, b *function) bool {
	return a.owner != nil && a.owner == b.owner && len(a.decl.Params) == len(b.decl.Params)
}

// specMatches reports whether an explicit specialisation is for the chosen
// template arguments.
func (c *checker) specMatches(sp *function, best *candidate) bool {
	if len(sp.decl.SpecArgs) > 0 {
		for i, n := range sp.decl.SpecArgs {
			if i >= len(best.args) || !c.templateArg(n, sp.scope, nil).same(best.args[i]) {
				return false
			}
		}
		return true
	}
	inner := newScope(best.f.scope)
	if !c.bindTemplate(best.f.decl.Template, best.args, inner, sp.decl.NameSpan, sp.decl.Name) {
		return false
	}
	for i, p := range sp.decl.Params {
		if !Identical(c.plainType(p.Type, sp.scope), c.plainType(best.f.decl.Params[i].Type, inner)) {
			return false
		}
	}
	return true
}

// call types a call.
func (c *checker) call(x *parse.Call, s *scope) Expr {
	switch fn := x.Fn.(type) {
	case *parse.Ident:
		return c.callName(fn, x, s)
	case *parse.Member:
		return c.callMethod(fn, x, s)
	case *parse.TypeMember:
		if k := c.numericLimit(fn.Type, fn.Name, s, x.Span); k != nil {
			return k
		}
		t := c.plainType(fn.Type, s)
		if inst := c.structs[t.structOrNil()]; inst != nil {
			if o, ok := inst.scope.names[fn.Name].(*overloads); ok {
				return c.callOverloads(o.fns, fn.Name, nil, x, fn.Args, s)
			}
		}
		if t.Kind != Invalid {
			c.errs.Errorf(fn.Span, NoMember, "%s has no static function %s", t, fn.Name)
		}
		return bad(x.Span)
	case *parse.Paren:
		return c.call(&parse.Call{At: x.At, Fn: fn.X, Args: x.Args}, s)
	}
	f := c.expr(x.Fn, s)
	if invalid(f) {
		return bad(x.Span)
	}
	return c.callValue(f, x, s)
}

// callValue calls a lambda, or an object with operator().
func (c *checker) callValue(f Expr, x *parse.Call, s *scope) Expr {
	args, ok := c.arguments(x.Args, s)
	switch t := f.Type(); t.Kind {
	case Closure:
		if !ok {
			return bad(x.Span)
		}
		return c.callLambda(c.closure[t.Func], args, x.Span)
	case StructKind:
		if !ok {
			return bad(x.Span)
		}
		if o, found := c.structs[t.Struct].scope.names["operator()"].(*overloads); found {
			return c.callArgs(o.fns, "operator()", f, args, x.Span, nil, s)
		}
	case Invalid:
		return bad(x.Span)
	}
	c.errs.Errorf(x.Fn.Range(), InvalidOperand, "%s cannot be called", f.Type())
	return bad(x.Span)
}

// callName calls a function by its name.
func (c *checker) callName(fn *parse.Ident, x *parse.Call, s *scope) Expr {
	metal := len(fn.Path) > 0 && (fn.Path[0] == "metal" || fn.Path[0] == "fast" || fn.Path[0] == "precise" || fn.Path[0] == "simd")
	if metal && builtins[fn.Name] != nil {
		return c.callBuiltin(fn, x, s)
	}
	o, in := c.lookupPath(fn.Path, fn.Name, s)
	switch o := o.(type) {
	case *overloads:
		fns := o.fns
		for up := in.parent; up != nil && in.inst == nil; up = up.parent {
			if more, ok := up.names[fn.Name].(*overloads); ok {
				fns = append(fns[:len(fns):len(fns)], more.fns...)
			}
		}
		args, ok := c.arguments(x.Args, s)
		if !ok {
			return bad(x.Span)
		}
		if b := builtins[fn.Name]; b != nil {
			if cand := c.choose(fns, args, fn.Args, s, x.Span, false); cand == nil {
				return c.builtin(fn, b, args, x, s)
			} else if in.inst == nil {
				return c.invoke(cand, nil, args, x.Span)
			}
		}
		var this Expr
		if in.inst != nil && c.fn != nil && c.fn.this != nil && c.fn.owner == in.inst {
			this = &VarRef{Typed{in.inst.typ, fn.Span}, c.fn.this}
		}
		return c.callArgs(fns, fn.Name, this, args, x.Span, fn.Args, s)
	case *Var, *lazyVar, *fieldName:
		e := c.object(o, in, fn.Name, fn.Span)
		if k := e.Type().Kind; k != Closure && k != StructKind && k != Invalid && builtins[fn.Name] != nil {
			return c.callBuiltin(fn, x, s) // a variable hides the function, as in: float dot = dot(a, b)
		}
		return c.callValue(e, x, s)
	case nil:
		if !c.knownPath(fn.Path, fn.Span) {
			c.arguments(x.Args, s)
			return bad(x.Span)
		}
	case *typeName:
		return c.construct(c.typeOfObject(o, in, fn.Span), x.Args, s, x.Span)
	case *structTemplate:
		c.errs.Errorf(fn.Span, NoMatch, "%s needs its template arguments", fn.Name)
		return bad(x.Span)
	}
	if builtins[fn.Name] != nil {
		return c.callBuiltin(fn, x, s)
	}
	if why := unsupportedFunctions[fn.Name]; why != "" {
		c.errs.Errorf(fn.Span, UnsupportedFeature, "%s is not in the kernel language", fn.Name).Hint = why
		return bad(x.Span)
	}
	c.arguments(x.Args, s)
	d := c.errs.Errorf(fn.Span, UndeclaredFunction, "no function %s", fn.Name)
	if hint := missingFunctions[fn.Name]; hint != "" {
		d.Hint = hint
	} else if near := s.near(fn.Name, builtinNames()); near != "" {
		d.Msg += "; did you mean " + near + "?"
	}
	return bad(x.Span)
}

// callOverloads calls the best of fns.
func (c *checker) callOverloads(fns []*function, name string, this Expr, x *parse.Call, explicit []parse.Node, s *scope) Expr {
	args, ok := c.arguments(x.Args, s)
	if !ok {
		return bad(x.Span)
	}
	return c.callArgs(fns, name, this, args, x.Span, explicit, s)
}

func (c *checker) callArgs(fns []*function, name string, this Expr, args []argument, span source.Span, explicit []parse.Node, s *scope) Expr {
	before := len(c.errs.Diags)
	fits := fns
	if this != nil {
		fits = c.methodsFor(fns, this)
	}
	cand := c.choose(fits, args, explicit, s, span, true)
	if cand == nil {
		if len(c.errs.Diags) > before {
			return bad(span)
		}
		if len(fits) < len(fns) && c.choose(fns, args, explicit, s, span, false) != nil {
			c.constMethod(this, name, span)
			return bad(span)
		}
		return c.noMatch(fns, name, args, span)
	}
	if cand.f.owner != nil && cand.f.decl.Static {
		this = nil
	} else if cand.f.owner != nil && this == nil {
		c.errs.Errorf(span, NoMatch, "%s is a method: it needs an object", name)
		return bad(span)
	}
	return c.invoke(cand, this, args, span)
}

// methodsFor returns the methods that can be called on an object: the const
// ones on one that is const, and on others those that are not, where a method
// exists in both forms.
func (c *checker) methodsFor(fns []*function, this Expr) []*function {
	p := c.lvalue(this)
	var fits []*function
	for _, f := range fns {
		if f.owner == nil || f.decl.Static || f.decl.Const == p.readOnly {
			fits = append(fits, f)
		}
	}
	if p.readOnly || len(fits) == len(fns) {
		return fits
	}
	for _, f := range fns {
		if f.owner != nil && !f.decl.Static && f.decl.Const && !slices.ContainsFunc(fits, func(g *function) bool { return sameParams(f, g) }) {
			fits = append(fits, f)
		}
	}
	return fits
}

// sameParams reports whether two methods differ in const alone, by what is
// written.
func sameParams(f, g *function) bool {
	if len(f.decl.Params) != len(g.decl.Params) || g.decl.Const {
		return false
	}
	for i, p := range f.decl.Params {
		if parse.PrintType(p.Type) != parse.PrintType(g.decl.Params[i].Type) {
			return false
		}
	}
	return true
}

func (c *checker) constMethod(this Expr, name string, span source.Span) {
	c.errs.Errorf(span, AssignToConst, "%s is const, and the method %s is not", c.describe(this, c.lvalue(this)), name).Hint = "declare the method const, after its parameters, if it changes no field"
}

// noMatch reports that no overload takes the arguments.
func (c *checker) noMatch(fns []*function, name string, args []argument, span source.Span) Expr {
	var list []string
	for _, a := range args {
		if a.typ().Kind == Invalid && a.list == nil {
			return bad(span)
		}
		list = append(list, a.typ().String())
	}
	if len(fns) == 1 {
		f := fns[0]
		least, most := arity(f.decl.Params)
		if len(args) < least || len(args) > most {
			want := fmt.Sprint(least)
			if most != least {
				want = fmt.Sprintf("%d to %d", least, most)
			}
			d := c.errs.Errorf(span, WrongArgCount, "%s takes %s arguments, not %d", name, want, len(args))
			d.Notes = append(d.Notes, source.Note{Span: f.decl.NameSpan, Msg: "declared here"})
			return bad(span)
		}
		if f.decl.Template == nil {
			// One plain function: say which argument does not fit.
			for i, a := range args {
				q := inThread(c.typ(f.decl.Params[i].Type, newScope(f.scope)))
				if a.list != nil || q.auto || c.argRank(a, q) < rankNone {
					continue
				}
				if q.ref {
					d := c.errs.Errorf(a.e.Range(), NoMatch, "argument %d of %s is %s, and a reference to %s %s is needed", i+1, name, a.typ(), q.space, q.Type)
					d.Notes = append(d.Notes, source.Note{Span: f.decl.Params[i].Span, Msg: "for this parameter"})
					return bad(span)
				}
				before := len(c.errs.Diags)
				c.refuse(c.decayed(a.e), q.Type, fmt.Sprintf("pass argument %d of %s", i+1, name))
				if len(c.errs.Diags) > before {
					d := &c.errs.Diags[len(c.errs.Diags)-1]
					d.Notes = append(d.Notes, source.Note{Span: f.decl.Params[i].Span, Msg: "for this parameter"})
				}
				return bad(span)
			}
		}
	}
	if len(fns) == 1 && len(c.why) > 0 {
		d := c.why[0]
		d.Span = span
		d.Notes = append(d.Notes, source.Note{Span: fns[0].decl.NameSpan, Msg: "declared here"})
		c.errs.Add(d)
		return bad(span)
	}
	d := c.errs.Errorf(span, NoMatch, "no function %s takes (%s)", name, strings.Join(list, ", "))
	for i, f := range fns {
		if i < 4 {
			d.Notes = append(d.Notes, source.Note{Span: f.decl.NameSpan, Msg: "not this one"})
		}
	}
	return bad(span)
}

// invoke calls a chosen overload.
func (c *checker) invoke(cand *candidate, this Expr, args []argument, span source.Span) Expr {
	in := c.instantiate(cand.f, cand.args, span)
	if in == nil {
		return bad(span)
	}
	return c.finishCall(in, cand.f.decl.Params, cand.f.scope, this, args, span)
}

// callFunc calls f with values.
func (c *checker) callFunc(f *function, targs []targ, this Expr, args []Expr, span source.Span) Expr {
	in := c.instantiate(f, targs, span)
	if in == nil {
		return bad(span)
	}
	return c.finishCall(in, f.decl.Params, f.scope, this, exprArgs(c, args), span)
}

// finishCall converts the arguments to the parameters' types.
func (c *checker) finishCall(in *funcInst, params []*parse.Param, defs *scope, this Expr, args []argument, span source.Span) Expr {
	fn := in.fn
	call := &Call{Typed: Typed{fn.Ret, span}, Fn: fn}
	if this != nil && fn.This != nil {
		call.This = this
		if p := c.lvalue(this); p.root != nil {
			p.root.Used = true
		}
		if !fn.This.ReadOnly && fn.This.Assigned {
			c.markAssigned(this)
		}
		c.refAddress(this)
		if fn.This.Addressed {
			c.address(this)
		}
	}
	for i, v := range fn.Params {
		switch {
		case i >= len(args):
			call.Args = append(call.Args, c.initExpr(params[i].Default, v.Type, defs))
		case args[i].list != nil:
			call.Args = append(call.Args, c.initExpr(args[i].list, v.Type, defs))
		case v.Kind == RefVar:
			call.Args = append(call.Args, c.bindRef(v, args[i].e, args[i].p))
		default:
			call.Args = append(call.Args, c.convert(c.known(args[i].e), v.Type, fmt.Sprintf("pass argument %d of %s", i+1, fn.Name)))
		}
	}
	if invalid(call.Args...) {
		return bad(span)
	}
	return call
}

// bindRef binds a reference parameter to an argument.
func (c *checker) bindRef(v *Var, e Expr, p place) Expr {
	if !Identical(e.Type(), v.Type) {
		return c.convert(e, v.Type, "pass this by reference")
	}
	if p.ok && inVector(e) {
		if v.ReadOnly {
			return e
		}
		c.errs.Errorf(e.Range(), NotAssignable, "Metal has no references to an element of a vector").Hint = "pass a variable, and assign it to the element afterwards"
		return bad(e.Range())
	}
	if p.ok {
		if p.root != nil {
			p.root.Used = true
		}
		if !v.ReadOnly && v.Assigned {
			c.markAssigned(e)
		}
		if v.Addressed {
			c.address(e)
		}
		c.refAddress(e)
		return e
	}
	return c.known(e)
}

// callMethod calls x.f(args).
func (c *checker) callMethod(m *parse.Member, x *parse.Call, s *scope) Expr {
	e := c.expr(m.X, s)
	if invalid(e) {
		return bad(x.Span)
	}
	if m.Arrow {
		e = c.decayed(e)
		if e.Type().Kind != Pointer {
			c.errs.Errorf(m.Span, InvalidOperand, "-> needs a pointer, and this is %s", e.Type())
			return bad(x.Span)
		}
		e = &Deref{Typed{e.Type().Elem, e.Range()}, e}
	}
	t := e.Type()
	switch {
	case t.Kind == Matrix && m.Name == "thread_elements":
		if p := c.lvalue(e); p.root != nil {
			p.root.Assigned = true
		}
		return &Builtin{Typed: Typed{VectorOf(t.Elem, 2), x.Span}, Name: "thread_elements", Args: []Expr{e}}
	case t.Kind == Array && m.Name == "size":
		k := intConst(TULong, int64(t.Len))
		k.Span = x.Span
		return k
	case t.Kind == ULong && (m.Name == "all" || m.Name == "any" || m.Name == "none") && len(x.Args) == 0:
		// simd_vote of a simdgroup of 32
		full := intConst(TULong, 1<<32-1)
		zero := intConst(TULong, 0)
		switch m.Name {
		case "all":
			return c.fold(OpEq, e, full, TBool, x.Span)
		case "any":
			return c.fold(OpNe, e, zero, TBool, x.Span)
		}
		return c.fold(OpEq, e, zero, TBool, x.Span)
	case t.Kind == StructKind:
		if o, ok := c.structs[t.Struct].scope.names[m.Name].(*overloads); ok {
			return c.callOverloads(o.fns, m.Name, e, x, m.Args, s)
		}
		for i, f := range t.Struct.Fields {
			if f.Name == m.Name {
				return c.callValue(&FieldSel{Typed{f.Type, m.Span}, e, i}, x, s)
			}
		}
	}
	c.errs.Errorf(m.NameSpan, NoMember, "%s has no method %s", t, m.Name)
	return bad(x.Span)
}

// operator calls a user-defined operator on operands of which one is a
// struct, or returns nil if there is none that fits.
func (c *checker) operator(op string, span source.Span, s *scope, operands ...Expr) Expr {
	for _, e := range operands {
		if e.Type().Kind == Array {
			return nil
		}
	}
	args := exprArgs(c, operands)
	name := "operator" + op
	var best *candidate
	method := false
	if inst := c.structs[operands[0].Type().structOrNil()]; inst != nil && operands[0].Type().Kind == StructKind {
		if o, ok := inst.scope.names[name].(*overloads); ok {
			if best = c.choose(c.methodsFor(o.fns, operands[0]), args[1:], nil, s, span, false); best != nil {
				method = true
			}
		}
	}
	var fns []*function
	for up := s; up != nil; up = up.parent {
		if o, ok := up.names[name].(*overloads); ok && up.inst == nil {
			fns = append(fns, o.fns...)
		}
	}
	// A struct declared elsewhere brings the operators of its scope along.
	for _, e := range operands {
		if inst := c.structs[e.Type().structOrNil()]; inst != nil {
			for up := inst.scope.parent; up != nil; up = up.parent {
				if o, ok := up.names[name].(*overloads); ok && up.inst == nil {
					for _, f := range o.fns {
						if !containsFn(fns, f) {
							fns = append(fns, f)
						}
					}
				}
			}
		}
	}
	if free := c.choose(fns, args, nil, s, span, false); free != nil && takesStruct(free, operands) && (best == nil || sum(free.ranks) < sum(best.ranks)) {
		best, method = free, false
	}
	if best == nil {
		return nil
	}
	if method {
		return c.invoke(best, operands[0], args[1:], span)
	}
	return c.invoke(best, nil, args, span)
}

// takesStruct reports whether an operator is for a struct among the operands,
// and not for what they all would have to be converted to.
func takesStruct(cand *candidate, operands []Expr) bool {
	for i, e := range operands {
		if e.Type().Kind == StructKind && cand.ranks[i] < rankUser {
			return true
		}
	}
	return false
}

func containsFn(fns []*function, f *function) bool {
	for _, g := range fns {
		if g == f {
			return true
		}
	}
	return false
}

func sum(ranks []int) int {
	n := 0
	for _, r := range ranks {
		n += r
	}
	return n
}

// hasAssign reports whether struct t has an operator= of its own that could
// take x.
func (c *checker) hasAssign(t *Type, x parse.Expr) bool {
	_, found := c.structs[t.Struct].scope.names["operator="].(*overloads)
	_, list := x.(*parse.InitList)
	return found && !list
}
