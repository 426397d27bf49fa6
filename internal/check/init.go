package check

// This file implements initialisation, construction and casts.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// initExpr checks an initialiser or assigned value for something of type t.
func (c *checker) initExpr(x parse.Expr, t *Type, s *scope) Expr {
	if l, ok := x.(*parse.InitList); ok {
		return c.listInit(t, l.Elems, s, l.Span)
	}
	e := c.value(x, s)
	if t.Kind == Array && !invalid(e) {
		c.errs.Errorf(x.Range(), InvalidInit, "an array is initialised with a braced list, not with %s", e.Type())
		return bad(x.Range())
	}
	return c.convert(e, t, "use this value here")
}

// zero returns the zero value of a type.
func (c *checker) zero(t *Type, span source.Span) Expr {
	if t.IsScalar() {
		return &Const{Typed: Typed{t, span}}
	}
	if t.Kind == Pointer {
		return &Convert{Typed{t, span}, &Const{Typed: Typed{TNull, span}}}
	}
	return &Construct{Typed: Typed{t, span}}
}

// listInit types {…} as a value of type t.
func (c *checker) listInit(t *Type, elems []parse.Expr, s *scope, span source.Span) Expr {
	switch {
	case t.Kind == Invalid:
		for _, x := range elems {
			if _, ok := x.(*parse.InitList); !ok {
				c.expr(x, s)
			}
		}
		return bad(span)
	case len(elems) == 0 && (t.Kind != StructKind || len(c.structs[t.Struct].ctors.fns) == 0):
		if t.Kind == StructKind {
			if e := c.defaultFields(c.structs[t.Struct], nil, s); e != nil {
				return e
			}
		}
		return c.zero(t, span)
	case t.Kind == StructKind:
		return c.constructOrList(t, elems, true, s, span)
	case t.Kind == Array:
		rest := elems
		e := c.fill(t, &rest, s, span)
		if len(rest) > 0 && !invalid(e) {
			c.errs.Errorf(rest[0].Range(), InvalidInit, "%d values too many for %s", len(rest), t)
			return bad(span)
		}
		return e
	case len(elems) == 1:
		if l, ok := elems[0].(*parse.InitList); ok {
			return c.listInit(t, l.Elems, s, l.Span)
		}
		if t.Kind == Vector {
			return c.construct(t, elems, s, span)
		}
		return c.initExpr(elems[0], t, s)
	}
	return c.construct(t, elems, s, span)
}

// fill makes an array or plain struct of the first of a list's elements.
// Inner braces may be missing: then the parts take what they need.
func (c *checker) fill(t *Type, rest *[]parse.Expr, s *scope, span source.Span) Expr {
	k := &Construct{Typed: Typed{t, span}}
	n, elem := t.Len, t.Elem
	if t.Kind == StructKind {
		n = len(t.Struct.Fields)
	}
	for i := 0; i < n && len(*rest) > 0; i++ {
		if t.Kind == StructKind {
			elem = t.Struct.Fields[i].Type
		}
		x := (*rest)[0]
		_, braced := x.(*parse.InitList)
		open := elem.Kind == Array
		if elem.Kind == StructKind && !braced && len(c.structs[elem.Struct].ctors.fns) == 0 {
			var found Expr
			if len(c.try(func() { found = c.expr(x, s) })) == 0 && !invalid(found) {
				if open = c.rank(found.Type(), elem) >= rankNone; !open {
					k.Args = append(k.Args, c.convert(c.known(found), elem, "use this value here"))
					*rest = (*rest)[1:]
					continue
				}
			}
		}
		if open && !braced {
			k.Args = append(k.Args, c.fill(elem, rest, s, x.Range()))
			continue
		}
		k.Args = append(k.Args, c.initExpr(x, elem, s))
		*rest = (*rest)[1:]
	}
	if t.Kind == StructKind {
		k.Args = append(k.Args, c.fieldInits(c.structs[t.Struct], len(k.Args), nil)...)
	}
	for _, e := range k.Args {
		if e != nil && invalid(e) {
			return bad(span)
		}
	}
	return k
}

// constructOrList types T(args) and T{args} for structs and arrays.
func (c *checker) constructOrList(t *Type, args []parse.Expr, brace bool, s *scope, span source.Span) Expr {
	if t.Kind != StructKind {
		if brace {
			return c.listInit(t, args, s, span)
		}
		return c.construct(t, args, s, span)
	}
	inst := c.structs[t.Struct]
	var first Expr
	if len(args) == 1 {
		if _, list := args[0].(*parse.InitList); !list {
			first = c.value(args[0], s)
			if invalid(first) || Identical(first.Type(), t) {
				return first
			}
			if u := c.userConversion(first.Type(), t); u != nil {
				return u.apply(c, first)
			}
		}
	}
	if len(inst.ctors.fns) > 0 {
		var vals []argument
		if ok := true; first != nil {
			vals = exprArgs(c, []Expr{first})
		} else if vals, ok = c.arguments(args, s); !ok {
			return bad(span)
		}
		cand := c.choose(inst.ctors.fns, vals, nil, s, span, true)
		if cand == nil {
			if len(args) == 0 {
				return c.zero(t, span)
			}
			return c.noMatch(inst.ctors.fns, t.String(), vals, span)
		}
		return c.invoke(cand, nil, vals, span)
	}
	if !brace && len(args) > 0 {
		c.arguments(args, s)
		d := c.errs.Errorf(span, NoMatch, "%s has no constructor for %d values", t, len(args))
		if len(args) == 1 && first != nil {
			d.Msg = fmt.Sprintf("%s has no constructor for %s", t, first.Type())
		}
		d.Hint = fmt.Sprintf("its fields are initialised in braces: %s{…}", t)
		return bad(span)
	}
	if len(args) == 0 {
		if e := c.defaultFields(inst, nil, s); e != nil {
			return e
		}
	}
	if first != nil && len(t.Struct.Fields) > 0 && c.rank(first.Type(), t.Struct.Fields[0].Type) < rankNone && t.Struct.Fields[0].Type.Kind != Array {
		k := &Construct{Typed: Typed{t, span}}
		k.Args = append(k.Args, c.convert(first, t.Struct.Fields[0].Type, "use this value here"))
		k.Args = append(k.Args, c.fieldInits(inst, 1, nil)...)
		for _, e := range k.Args {
			if e != nil && invalid(e) {
				return bad(span)
			}
		}
		return k
	}
	rest := args
	e := c.fill(t, &rest, s, span)
	if len(rest) > 0 && !invalid(e) {
		c.errs.Errorf(span, InvalidInit, "%d values for the %d fields of %s", len(args), len(t.Struct.Fields), t)
		return bad(span)
	}
	return e
}

// fieldInits returns the values of the fields from the given one on: those of
// their default member initialisers, nil where there is none. Fields that skip
// names are left out.
func (c *checker) fieldInits(inst *structInst, from int, skip func(name string) bool) []Expr {
	var vals []Expr
	for i := from; i < len(inst.inits); i++ {
		var e Expr
		f := inst.typ.Struct.Fields[i]
		if inst.inits[i] != nil && (skip == nil || !skip(f.Name)) {
			e = c.initExpr(inst.inits[i], f.Type, inst.scope)
		}
		vals = append(vals, e)
	}
	return vals
}

// construct types T(args).
func (c *checker) construct(t *Type, args []parse.Expr, s *scope, span source.Span) Expr {
	switch {
	case t.Kind == Invalid:
		c.arguments(args, s)
		return bad(span)
	case t.Kind == StructKind:
		return c.constructOrList(t, args, false, s, span)
	case len(args) == 0:
		if t.Kind == Void || t.Kind == Array {
			break
		}
		return c.zero(t, span)
	case t.Kind == Vector && len(args) > 1:
		return c.vector(t, args, s, span)
	case len(args) == 1:
		if l, ok := args[0].(*parse.InitList); ok {
			return c.listInit(t, l.Elems, s, l.Span)
		}
		e := c.expr(args[0], s)
		if t.Kind == Matrix && e.Type().IsScalar() {
			return &Construct{Typed{t, span}, []Expr{c.cast(c.known(e), t.Elem)}}
		}
		return c.explicit(e, t, span)
	}
	c.arguments(args, s)
	c.errs.Errorf(span, WrongArgCount, "%s cannot be made of %d values", t, len(args))
	return bad(span)
}

// vector types T4(a, b, …) from scalars and smaller vectors.
func (c *checker) vector(t *Type, args []parse.Expr, s *scope, span source.Span) Expr {
	k := &Construct{Typed: Typed{t, span}}
	n := 0
	for _, x := range args {
		e := c.value(x, s)
		et := e.Type()
		switch {
		case et.Kind == Invalid:
			return bad(span)
		case et.IsScalar():
			e = c.cast(e, t.Elem)
		case et.Kind == Vector:
			e = c.cast(e, VectorOf(t.Elem, et.Len))
		default:
			c.errs.Errorf(x.Range(), MismatchedTypes, "%s cannot be part of %s", et, t)
			return bad(span)
		}
		n += et.Comps()
		k.Args = append(k.Args, e)
	}
	if n != t.Len {
		c.errs.Errorf(span, WrongArgCount, "%s needs %d elements, and the arguments have %d", t, t.Len, n)
		return bad(span)
	}
	return k
}

// castExpr types the casts that are written as such.
func (c *checker) castExpr(x *parse.Cast, s *scope) Expr {
	q := c.typ(x.Type, s)
	e := c.expr(x.X, s)
	if q.auto {
		c.errs.Errorf(x.Span, NotAType, "auto is no type to convert to")
	}
	if invalid(e) || q.Type == nil || q.Kind == Invalid {
		return bad(x.Span)
	}
	if x.Kind == "as_type" {
		return c.asType(c.known(e), q.Type, x.Span)
	}
	if q.ref {
		p := c.lvalue(e)
		if !p.ok {
			c.errs.Errorf(x.Span, InvalidCast, "only something that lives in memory can be cast to a reference")
			return bad(x.Span)
		}
		if inVector(e) {
			c.errs.Errorf(x.Span, InvalidCast, "Metal has no references to an element of a vector")
			return bad(x.Span)
		}
		if Identical(q.Type, e.Type()) {
			return e
		}
		c.address(e)
		ptr := &AddrOf{Typed{PointerTo(e.Type(), p.space, p.readOnly), x.Span}, e}
		return &Deref{Typed{q.Type, x.Span}, &Convert{Typed{PointerTo(q.Type, p.space, p.readOnly || q.readOnly), x.Span}, ptr}}
	}
	if from := c.decayed(e).Type(); from.Kind == Pointer && q.Kind == Pointer && from.Const && !q.Const && x.Kind != "" && x.Kind != "const_cast" {
		c.errs.Errorf(x.Span, AssignToConst, "%s cannot drop the const of %s", x.Kind, from).Hint = fmt.Sprintf("cast to const %s", q.Type)
		return bad(x.Span)
	}
	return c.explicit(e, q.Type, x.Span)
}

func (c *checker) asType(e Expr, t *Type, span source.Span) Expr {
	from := e.Type()
	okType := func(t *Type) bool { return t.Scalar().IsScalar() && t.Scalar().Kind != Bool }
	if !okType(from) || !okType(t) {
		c.errs.Errorf(span, InvalidCast, "as_type<%s> does not take %s", t, from)
		return bad(span)
	}
	if from.Size() != t.Size() {
		c.errs.Errorf(span, InvalidCast, "as_type<%s> needs a value of %d bytes, and %s has %d", t, t.Size(), from, from.Size())
		return bad(span)
	}
	if k, ok := e.(*Const); ok && t.IsScalar() {
		if r := bitcastConst(k, t); r != nil {
			r.Span = span
			return r
		}
	}
	return &Bitcast{Typed{t, span}, e}
}

// explicit makes the conversion that a cast asks for.
func (c *checker) explicit(e Expr, t *Type, span source.Span) Expr {
	if invalid(e) {
		return bad(span)
	}
	if t.Kind == Void {
		return &Convert{Typed{TVoid, span}, e}
	}
	e = c.decayed(c.known(e))
	from := e.Type()
	switch {
	case from.Kind == Void:
		c.errs.Errorf(e.Range(), NotAValue, "this has no value")
		return bad(span)
	case from.Kind == Atomic:
		c.errs.Errorf(e.Range(), AtomicAccess, "an atomic cannot be read like a plain variable").Hint = "use atomic_load_explicit(&x, memory_order_relaxed)"
		return bad(span)
	case Identical(from, t):
		return c.respan(e, span)
	case from.IsScalar() && (t.IsScalar() || t.Kind == Vector),
		from.Kind == Vector && t.Kind == Vector && from.Len == t.Len:
		return c.respan(c.cast(e, t), span)
	case from.Kind == Null && t.Kind == Pointer, from.Kind == Pointer && t.Kind == Bool:
		return c.cast(e, t)
	case from.Kind == Pointer && t.Kind == Pointer:
		return c.pointerCast(e, from, t, span)
	case from.Kind == Pointer && (t.Kind == ULong || t.Kind == Long):
		return &Convert{Typed{t, span}, &Convert{Typed{TULong, span}, e}}
	case from.Kind == StructKind || t.Kind == StructKind:
		if u := c.userConversion(from, t); u != nil {
			return u.apply(c, e)
		}
		if from.Kind == StructKind && (t.IsScalar() || t.Kind == Vector) {
			if sc := c.toScalar(e); sc != e {
				return c.explicit(sc, t, span)
			}
		}
	}
	d := c.errs.Errorf(span, InvalidCast, "%s cannot be converted to %s", from, t)
	switch {
	case from.Kind == Vector && t.Kind == Vector:
		d.Hint = fmt.Sprintf("the lengths differ: take elements with a swizzle, as in v.%s", "xyzw"[:t.Len])
	case from.Kind == Vector:
		d.Hint = "choose an element, such as .x"
	case t.Kind == Pointer:
		d.Hint = "only pointers convert to pointers"
	}
	return bad(span)
}

// respan gives a folded constant the place of the whole cast.
func (c *checker) respan(e Expr, span source.Span) Expr {
	if k, ok := e.(*Const); ok {
		kk := *k
		kk.Span = span
		return &kk
	}
	return e
}

func (c *checker) pointerCast(e Expr, from, t *Type, span source.Span) Expr {
	if t.Space == NoSpace {
		if from.Space != Thread && from.Space != NoSpace {
			c.errs.Errorf(span, AddressSpace, "a %s pointer cannot become a pointer without an address space, which is a thread pointer", from.Space).Hint = fmt.Sprintf("write (%s)", PointerTo(t.Elem, from.Space, t.Const))
			return bad(span)
		}
		t = PointerTo(t.Elem, Thread, t.Const)
	}
	if from.Space != t.Space && from.Space != NoSpace {
		if !readOnlySpaces(from, t) {
			d := c.errs.Errorf(span, AddressSpace, "a %s pointer cannot become a %s pointer", from.Space, t.Space)
			if t.Space == Device && from.Space == Constant {
				d.Hint = "this input has fewer than 8 elements, so MLX passes it in constant memory; cast to const, and use auto or a template for the pointer's type"
			}
			return bad(span)
		}
		c.spaceWarning(span, from, t)
	}
	return &Convert{Typed{t, span}, e}
}

// declInit checks a declaration's initialiser; it completes q where the type
// is auto or an array of unstated length. It returns nil for none.
func (c *checker) declInit(d *parse.VarDecl, q *qualType, s *scope) Expr {
	init := d.Init
	if q.auto {
		if init == nil && len(d.Args) == 1 {
			init = d.Args[0]
		}
		if init == nil {
			c.errs.Errorf(d.NameSpan, InvalidInit, "%s is auto and needs a value to take its type from", d.Name)
			q.Type = TInvalid
			return nil
		}
		if _, ok := init.(*parse.InitList); ok {
			c.errs.Errorf(init.Range(), InvalidInit, "auto cannot take its type from a braced list")
			q.Type = TInvalid
			return nil
		}
		e := c.value(init, s)
		if !q.ref {
			e = c.decayed(e)
		}
		q.Type = e.Type()
		if q.autoPtr && q.Kind != Pointer && q.Kind != Invalid {
			c.errs.Errorf(init.Range(), MismatchedTypes, "auto* needs a pointer, and this is %s", q.Type)
			q.Type = TInvalid
		}
		if q.autoPtr {
			q.readOnly = false
		}
		return e
	}
	if q.Kind == Array && q.Len < 0 {
		n := -1
		if l, ok := init.(*parse.InitList); ok {
			n = len(l.Elems)
		} else if d.Style == parse.BraceInit {
			n = len(d.Args)
		}
		if n < 1 {
			c.errs.Errorf(d.NameSpan, InvalidSize, "array %s needs a length", d.Name)
			n = 1
		}
		q.Type = ArrayOf(q.Elem, n)
	}
	switch d.Style {
	case parse.EqualInit:
		return c.initExpr(init, q.Type, s)
	case parse.ParenInit:
		return c.construct(q.Type, d.Args, s, d.Span)
	case parse.BraceInit:
		if init != nil {
			return c.initExpr(init, q.Type, s)
		}
		return c.listInit(q.Type, d.Args, s, d.Span)
	}
	if q.Kind == StructKind {
		inst := c.structs[q.Struct]
		for _, f := range inst.ctors.fns {
			if least, _ := arity(f.decl.Params); least == 0 {
				return c.constructOrList(q.Type, nil, false, s, d.NameSpan)
			}
		}
		return c.defaultFields(inst, nil, s)
	}
	return nil
}
