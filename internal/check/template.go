package check

// This file implements templates: arguments, deduction and the instances of
// functions.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A targ is a template argument: a type or a value.
type targ struct {
	typ *Type
	val *Const
}

func (a targ) bound() bool { return a.typ != nil || a.val != nil }

func (a targ) same(b targ) bool {
	if a.typ != nil {
		return b.typ != nil && Identical(a.typ, b.typ)
	}
	return b.val != nil && a.val != nil && a.val.I == b.val.I && a.val.F == b.val.F
}

// key writes what tells instances apart.
func (a targ) key(b *strings.Builder) {
	switch {
	case a.typ != nil:
		a.typ.key(b)
	case a.val != nil:
		fmt.Fprintf(b, "#%d,%x", a.val.I, a.val.F)
	}
	b.WriteByte(';')
}

// key writes a text that is equal for identical types only.
func (t *Type) key(b *strings.Builder) {
	fmt.Fprintf(b, "%d.%d.%d", t.Kind, t.Len, t.Space)
	if t.Const {
		b.WriteByte('c')
	}
	if t.Packed {
		b.WriteByte('p')
	}
	if t.Struct != nil {
		fmt.Fprintf(b, "@%p", t.Struct)
	}
	if t.Func != nil {
		fmt.Fprintf(b, "@%p", t.Func)
	}
	if t.Elem != nil {
		b.WriteByte('<')
		t.Elem.key(b)
		b.WriteByte('>')
	}
}

func targsKey(args []targ) string {
	var b strings.Builder
	for _, a := range args {
		a.key(&b)
	}
	return b.String()
}

// templateArg evaluates one written template argument. A name can be a type
// or a value: the parser cannot always tell. want, if not nil, is the type of
// a value parameter.
func (c *checker) templateArg(n parse.Node, s *scope, want *Type) targ {
	switch n := n.(type) {
	case parse.TypeExpr:
		if nt, ok := n.(*parse.NamedType); ok && !nt.HasArgs && len(nt.Path) == 0 && nt.Of == nil && !nt.Const {
			if o, _ := s.lookup(nt.Name); o != nil {
				switch o.(type) {
				case *constant, *Var, *lazyVar:
					return c.templateValue(&parse.Ident{At: nt.At, Name: nt.Name}, s, want)
				}
			}
		}
		return targ{typ: c.plainType(n, s)}
	case parse.Expr:
		if id, ok := n.(*parse.Ident); ok {
			if o, in := s.lookup(id.Name); o != nil {
				if t := c.typeOfObject(o, in, id.Span); t != nil {
					return targ{typ: t}
				}
			} else if t := c.builtinType(&parse.NamedType{At: id.At, Name: id.Name, Args: id.Args, HasArgs: id.HasArgs}, s); t != nil {
				return targ{typ: t}
			}
		}
		return c.templateValue(n, s, want)
	}
	return targ{}
}

func (c *checker) templateValue(x parse.Expr, s *scope, want *Type) targ {
	e := c.value(x, s)
	if e.Type().Kind == Closure {
		return targ{typ: e.Type()}
	}
	k := c.constEval(e)
	if k == nil {
		if e.Type().Kind != Invalid {
			c.errs.Errorf(x.Range(), NotConstant, "a template argument has to be known at compile time")
		}
		return targ{val: intConst(TInt, 1)}
	}
	if want != nil && want.IsScalar() && !Identical(k.T, want) {
		k = convertConst(k, want)
	}
	return targ{val: k}
}

// bindTemplate declares the template's parameters in s and reports whether
// all have an argument, defaults included.
func (c *checker) bindTemplate(head *parse.TemplateHead, args []targ, s *scope, span source.Span, what string) bool {
	for i, p := range head.Params {
		if p.Pack {
			c.errs.Errorf(p.Span, UnsupportedFeature, "parameter packs are not in the kernel language")
			return false
		}
		if !args[i].bound() && p.Default != nil {
			var want *Type
			if p.Type != nil {
				want = c.plainType(p.Type, s)
			}
			args[i] = c.templateArg(p.Default, s, want)
		}
		a := args[i]
		if !a.bound() {
			c.errs.Errorf(span, NoMatch, "template argument %s of %s cannot be deduced", p.Name, what).Hint = fmt.Sprintf("write it: %s<…>(…)", what)
			return false
		}
		if (p.Type == nil) != (a.typ != nil) {
			kind := "a type"
			if p.Type != nil {
				kind = "a value"
			}
			c.errs.Errorf(span, NoMatch, "template argument %s of %s has to be %s", p.Name, what, kind)
			return false
		}
		if p.Type != nil {
			if want := c.plainType(p.Type, s); want.IsScalar() && !Identical(a.val.T, want) {
				args[i].val = convertConst(a.val, want)
				a = args[i]
			}
		}
		if p.Name == "" {
			continue
		}
		if a.typ != nil {
			s.set(p.Name, &typeName{typ: a.typ})
		} else {
			s.set(p.Name, &constant{val: a.val})
		}
	}
	return true
}

// explicitArgs evaluates the arguments written in f<…>; the rest is unbound.
func (c *checker) explicitArgs(head *parse.TemplateHead, written []parse.Node, s, decl *scope) []targ {
	args := make([]targ, len(head.Params))
	tmp := newScope(decl)
	for i, n := range written {
		if i >= len(args) {
			return nil
		}
		var want *Type
		if head.Params[i].Type != nil {
			want = c.plainType(head.Params[i].Type, tmp)
		}
		args[i] = c.templateArg(n, s, want)
		if a, p := args[i], head.Params[i]; p.Name != "" {
			if a.typ != nil {
				tmp.set(p.Name, &typeName{typ: a.typ})
			} else if a.val != nil {
				tmp.set(p.Name, &constant{val: a.val})
			}
		}
	}
	return args
}

// deduce matches a parameter's written type with an argument's type and binds
// the template parameters in it. It reports false for a contradiction.
func (c *checker) deduce(te parse.TypeExpr, t *Type, head *parse.TemplateHead, args []targ, decl *scope, byRef bool) bool {
	if t == nil || t.Kind == Invalid {
		return true
	}
	switch te := te.(type) {
	case *parse.RefType:
		return c.deduce(te.Elem, t, head, args, decl, true)
	case *parse.PointerType:
		if t.Kind == Array {
			t = PointerTo(t.Elem, NoSpace, false)
		}
		if t.Kind != Pointer {
			return !mentions(te, head) // a conversion may still do
		}
		return c.deduce(te.Elem, t.Elem, head, args, decl, false)
	case *parse.ArrayType:
		if t.Kind == Pointer { // an array that is passed as a pointer
			return c.deduce(te.Elem, t.Elem, head, args, decl, false)
		}
		if t.Kind != Array {
			return false
		}
		if id, ok := te.Len.(*parse.Ident); ok {
			if !bindParam(head, args, id.Name, targ{val: intConst(TInt, int64(t.Len))}) {
				return false
			}
		}
		return c.deduce(te.Elem, t.Elem, head, args, decl, byRef)
	case *parse.NamedType:
		if i := paramIndex(head, te.Name); i >= 0 && len(te.Path) == 0 && !te.HasArgs {
			if t.Kind == Array && !byRef {
				t = PointerTo(t.Elem, Thread, false)
			}
			if t.Kind == Null {
				return false
			}
			if args[i].bound() {
				// A bound type is matched exactly when it was deduced; when it
				// was written, conversions apply. The caller's ranking sorts
				// that out.
				return args[i].typ != nil
			}
			args[i] = targ{typ: t}
			return true
		}
		if te.HasArgs {
			return c.deduceArgs(te, t, head, args, decl)
		}
	}
	return true
}

// deduceArgs matches Name<args> with a type made from the same template.
func (c *checker) deduceArgs(te *parse.NamedType, t *Type, head *parse.TemplateHead, args []targ, decl *scope) bool {
	var have []targ
	switch {
	case t.Kind == Vector && te.Name == "vec":
		have = []targ{{typ: t.Elem}, {val: intConst(TInt, int64(t.Len))}}
	case t.Kind == Matrix && te.Name == "simdgroup_matrix":
		have = []targ{{typ: t.Elem}, {val: intConst(TInt, 8)}, {val: intConst(TInt, 8)}}
	case t.Kind == Atomic && (te.Name == "atomic" || te.Name == "_atomic"):
		have = []targ{{typ: t.Elem}}
	case t.Kind == Array && te.Name == "array":
		have = []targ{{typ: t.Elem}, {val: intConst(TInt, int64(t.Len))}}
	case t.Kind == StructKind:
		inst := c.structs[t.Struct]
		o, _ := decl.lookup(te.Name)
		if inst == nil || inst.tmpl == nil || o != object(inst.tmpl) {
			return !mentions(te, head)
		}
		have = inst.args
	default:
		return !mentions(te, head)
	}
	for i, n := range te.Args {
		if i >= len(have) {
			return false
		}
		switch n := n.(type) {
		case parse.TypeExpr:
			if nt, ok := n.(*parse.NamedType); ok && have[i].val != nil {
				if !bindParam(head, args, nt.Name, have[i]) {
					return false
				}
				continue
			}
			if have[i].typ != nil && !c.deduce(n, have[i].typ, head, args, decl, true) {
				return false
			}
		case *parse.Ident:
			if !bindParam(head, args, n.Name, have[i]) {
				return false
			}
		}
	}
	return true
}

func bindParam(head *parse.TemplateHead, args []targ, name string, a targ) bool {
	i := paramIndex(head, name)
	if i < 0 {
		return true
	}
	if args[i].bound() {
		return args[i].same(a)
	}
	args[i] = a
	return true
}

func paramIndex(head *parse.TemplateHead, name string) int {
	for i, p := range head.Params {
		if p.Name == name && name != "" {
			return i
		}
	}
	return -1
}

// mentions reports whether a written type names a template parameter.
func mentions(te parse.TypeExpr, head *parse.TemplateHead) bool {
	switch te := te.(type) {
	case *parse.RefType:
		return mentions(te.Elem, head)
	case *parse.PointerType:
		return mentions(te.Elem, head)
	case *parse.ArrayType:
		return mentions(te.Elem, head)
	case *parse.NamedType:
		if paramIndex(head, te.Name) >= 0 {
			return true
		}
		for _, a := range te.Args {
			switch a := a.(type) {
			case parse.TypeExpr:
				if mentions(a, head) {
					return true
				}
			case *parse.Ident:
				if paramIndex(head, a.Name) >= 0 {
					return true
				}
			}
		}
	}
	return false
}

// An instKey tells function instances apart.
type instKey struct {
	decl   *parse.FuncDecl
	lambda *parse.Lambda
	owner  *structInst
	scope  *scope
	args   string
}

// A funcInst is a function for given template arguments.
type funcInst struct {
	decl *parse.FuncDecl
	fn   *Func
	ctx  *funcCtx
	busy bool
	bad  bool
}

// instantiate checks f for the given template arguments (nil for a plain
// function) and returns the instance, or nil after reporting why not.
func (c *checker) instantiate(f *function, args []targ, span source.Span) *funcInst {
	key := instKey{decl: f.decl, lambda: f.lambda, owner: f.owner, args: targsKey(args)}
	if f.lambda != nil {
		key.scope = f.scope
	}
	if in := c.insts[key]; in != nil {
		if in.busy {
			c.errs.Errorf(span, Recursion, "%s calls itself", f.name()).Hint = "the kernel language has no recursion: use a loop"
			return nil
		}
		if in.bad {
			return nil
		}
		return in
	}
	if len(c.insts) >= maxInstances || c.depth >= maxDepth {
		panic(bailout{span, "templates and calls nest without end, or nearly so"})
	}
	in := &funcInst{decl: f.decl, busy: true}
	c.insts[key] = in
	c.depth++
	saved := c.fn
	c.hard(func() { c.function(f, args, in) })
	c.fn = saved
	c.depth--
	in.busy = false
	if in.bad = in.fn == nil; in.bad {
		return nil
	}
	return in
}

func (f *function) name() string {
	if f.lambda != nil {
		return "the lambda"
	}
	return f.decl.Name
}

// function checks one instance's signature and body.
func (c *checker) function(f *function, args []targ, in *funcInst) {
	s := newScope(f.scope)
	if f.lambda != nil {
		c.lambdaBody(f, args, s, in)
		return
	}
	d := f.decl
	if d.Template != nil && len(d.Template.Params) > 0 {
		if !c.bindTemplate(d.Template, args, s, d.NameSpan, d.Name) {
			return
		}
	}
	fn := &Func{Name: d.Name, Span: d.Span}
	ctx := &funcCtx{fn: fn, owner: f.owner}
	c.fn = ctx
	if f.owner != nil && (!d.Static || d.IsCtor) {
		fn.This = &Var{Name: "this", Type: f.owner.typ, Kind: RefVar, Span: d.NameSpan, ReadOnly: d.Const}
		if d.IsCtor {
			fn.This.Kind = LocalVar
		}
		ctx.this = fn.This
	}
	c.params(fn, d.Params, s, nil)
	switch {
	case d.IsCtor:
		ctx.ret = f.owner.typ
	case d.Conv != nil:
		ctx.ret = c.plainType(d.Conv, s)
	case d.Ret != nil:
		q := c.typ(d.Ret, s)
		if !q.auto {
			ctx.ret = q.Type
		}
		fn.RetRef = q.ref
		if q.ref {
			c.results[fn] = q
		}
	default:
		ctx.ret = TVoid
	}
	if d.Kernel {
		c.errs.Errorf(d.NameSpan, UnsupportedFeature, "a kernel function inside a kernel's header cannot be called")
	}
	fn.Ret = ctx.ret
	if fn.Ret == nil {
		fn.Ret = TInvalid
	}
	in.fn, in.ctx = fn, ctx
	if d.IsCtor {
		fn.Body = c.ctorBody(f, s, ctx)
		fn.This = nil
		return
	}
	if d.Body == nil {
		c.errs.Errorf(d.NameSpan, UndeclaredFunction, "%s is declared but has no body", d.Name)
		in.fn = nil
		return
	}
	fn.Body = c.block(d.Body, s)
	c.finishFunc(fn, ctx, d.NameSpan)
}

// finishFunc settles a deduced return type.
func (c *checker) finishFunc(fn *Func, ctx *funcCtx, span source.Span) {
	if ctx.ret == nil {
		ctx.ret = TVoid
	}
	fn.Ret = ctx.ret
	if ctx.ret.Kind != Void && ctx.ret.Kind != Invalid && ctx.nret == 0 {
		c.errs.Errorf(span, MissingReturn, "%s returns %s but has no return statement", fn.Name, ctx.ret)
	}
}

// inThread gives a parameter's pointer or reference the thread address space
// where none is written.
func inThread(q qualType) qualType {
	if q.ref {
		if q.space == NoSpace {
			q.space = Thread
		}
	} else if q.Type != nil && q.Kind == Pointer && q.Space == NoSpace {
		q.Type = PointerTo(q.Elem, Thread, q.Const)
	}
	return q
}

// params declares a function's parameters. types, if not nil, are the types
// of auto parameters, in order.
func (c *checker) params(fn *Func, params []*parse.Param, s *scope, types []targ) {
	autos := 0
	for _, p := range params {
		q := c.typ(p.Type, s)
		if q.auto {
			q.Type = TInvalid
			if autos < len(types) {
				q.Type = types[autos].typ
				autos++
			} else if fn.Name != "lambda" {
				c.errs.Errorf(p.Span, UnsupportedFeature, "auto is no type for a function's parameter").Hint = "make the function a template: template <typename T>"
			}
		}
		if q.Kind == Void && !q.ref && p.Name != "" {
			c.errs.Errorf(p.Span, InvalidInit, "a parameter cannot be void")
			q.Type = TInvalid
		}
		q = inThread(q)
		if q.Kind == Void && !q.ref && len(params) == 1 && p.Name == "" {
			continue // f(void)
		}
		v := &Var{Name: p.Name, Type: q.Type, Kind: LocalVar, Span: p.Span, ReadOnly: q.readOnly, Space: Thread}
		if q.ref {
			v.Kind, v.Space = RefVar, q.space
		} else if q.Kind == Array {
			v.Type = PointerTo(q.Elem, q.space, q.readOnly) // as in C
			v.ReadOnly = false
		}
		fn.Params = append(fn.Params, v)
		if p.Name != "" {
			if c.redeclared(s, p.Name, p.Span) {
				continue
			}
			s.set(p.Name, v)
		}
	}
}
