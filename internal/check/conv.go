package check

// This file implements conversions: which are implicit, how good they are for
// overload resolution, and the usual arithmetic conversions.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// Ranks of implicit conversions, best first.
const (
	rankExact   = iota // the same type
	rankAdjust         // const added, array to pointer, packed to plain vector
	rankPromote        // small integer to int, half or bfloat to float
	rankConvert        // any other number to number, scalar to vector
	rankUser           // a constructor or conversion function
	rankNone    = 100
)

// rank says how well a value of type from converts to type to.
func (c *checker) rank(from, to *Type) int {
	switch {
	case from.Kind == Invalid || to.Kind == Invalid || Identical(from, to):
		return rankExact
	case from.IsScalar() && to.IsScalar():
		return scalarRank(from, to)
	case to.Kind == Vector && from.IsScalar():
		if scalarRank(from, to.Elem) == rankNone {
			return rankNone
		}
		return rankConvert
	case to.Kind == Vector && from.Kind == Vector:
		if to.Len == from.Len && Identical(to.Elem, from.Elem) {
			return rankAdjust // packed or not
		}
	case to.Kind == Pointer:
		return pointerRank(from, to)
	case to.Kind == Bool && (from.Kind == Pointer || from.Kind == Array):
		return rankConvert
	}
	if to.Kind == StructKind || from.Kind == StructKind {
		if c.userConversion(from, to) != nil {
			return rankUser
		}
	}
	return rankNone
}

func scalarRank(from, to *Type) int {
	if to.Kind == BFloat && from.IsFloat() && from.Kind != BFloat {
		return rankNone // as on Metal
	}
	switch {
	case from.Kind == to.Kind:
		return rankExact
	case to.Kind == Int && (from.Kind < Int), to.Kind == Float && (from.Kind == Half || from.Kind == BFloat):
		return rankPromote
	}
	return rankConvert
}

func pointerRank(from, to *Type) int {
	switch from.Kind {
	case Null:
		return rankConvert
	case Array: // a decayed array's space is that of the variable; see decay
		if Identical(from.Elem, to.Elem) {
			return rankAdjust
		}
	case Pointer:
		if !Identical(from.Elem, to.Elem) && to.Elem.Kind != Void || from.Const && !to.Const {
			return rankNone
		}
		switch {
		case from.Space == to.Space:
			return rankAdjust
		case from.Space == NoSpace || to.Space == NoSpace:
			return rankPromote
		case readOnlySpaces(from, to):
			return rankConvert
		}
	}
	return rankNone
}

// readOnlySpaces reports whether two pointer types differ only in being
// device or constant, and only read: arrays under 8 elements move from one to
// the other.
func readOnlySpaces(from, to *Type) bool {
	dc := func(s Space) bool { return s == Device || s == Constant }
	return dc(from.Space) && dc(to.Space) && to.Const
}

// convert makes the implicit conversion of e to t. what says where, for the
// message: "initialise x", "assign to out[i]".
func (c *checker) convert(e Expr, t *Type, what string) Expr {
	from := e.Type()
	if from.Kind == Array && t.Kind != Array {
		e = c.decay(e)
		from = e.Type()
	}
	r := c.rank(from, t)
	switch {
	case from.Kind == Invalid || t.Kind == Invalid:
		return e
	case Identical(from, t):
		return e
	case r == rankUser:
		return c.userConversion(from, t).apply(c, e)
	case r < rankNone:
		if from.Kind == Pointer && t.Kind == Pointer && from.Space != t.Space && readOnlySpaces(from, t) {
			c.spaceWarning(e.Range(), from, t)
		}
		return c.cast(e, t)
	}
	c.refuse(e, t, what)
	return &Const{Typed: Typed{TInvalid, e.Range()}}
}

// spaceWarning tells of a kernel that Metal takes only for some input sizes.
func (c *checker) spaceWarning(span source.Span, from, to *Type) {
	c.errs.Add(source.Diag{
		Span: span, Code: ConstantSpace, Severity: source.Warning,
		Msg:  fmt.Sprintf("%s used as %s: Metal refuses this", from, to),
		Hint: "MLX passes inputs of fewer than 8 elements in constant memory and others in device memory; declare the pointer with auto, or make the helper a template",
	})
}

// refuse reports that e does not convert to t.
func (c *checker) refuse(e Expr, t *Type, what string) {
	from := e.Type()
	code := MismatchedTypes
	hint := ""
	switch {
	case t.Kind == BFloat && from.IsFloat():
		code = ImplicitBFloat
		hint = "nothing converts to bfloat by itself on Metal: write bfloat(…), or T(…) where T is the output's type"
	case from.Kind == Vector && t.Kind == Vector && from.Len == t.Len:
		hint = fmt.Sprintf("vectors convert only when asked: write %s(…)", t)
	case from.Kind == Vector && t.IsScalar():
		hint = "choose an element, such as .x"
	case from.Kind == Pointer && t.IsScalar():
		hint = "index the pointer, as in p[i]"
	case from.Kind == Pointer && t.Kind == Pointer && Identical(from.Elem, t.Elem):
		switch {
		case from.Const && !t.Const && from.Space == t.Space:
			code, hint = AssignToConst, "declare the pointer as pointing to const"
		case from.Space != t.Space:
			code = AddressSpace
			hint = fmt.Sprintf("declare it as a %s pointer", from.Space)
		}
	case from.Kind == Atomic:
		code, hint = AtomicAccess, "read it with atomic_load_explicit(&x, memory_order_relaxed)"
	case t.Kind == Atomic:
		code, hint = AtomicAccess, "write it with atomic_store_explicit(&x, v, memory_order_relaxed)"
	}
	d := c.errs.Errorf(e.Range(), code, "cannot %s: it is %s, and %s is needed", what, from, t)
	d.Hint = hint
}

// cast wraps e in a conversion to t, folding constants.
func (c *checker) cast(e Expr, t *Type) Expr {
	if Identical(e.Type(), t) {
		return e
	}
	if k, ok := e.(*Const); ok && t.IsScalar() && k.T.IsScalar() {
		return convertConst(k, t)
	}
	return &Convert{Typed{t, e.Range()}, e}
}

// decay turns an array into a pointer to its first element.
func (c *checker) decay(e Expr) Expr {
	t := e.Type()
	if t.Kind != Array {
		return e
	}
	c.address(e)
	lv := c.lvalue(e)
	return &Convert{Typed{PointerTo(t.Elem, lv.space, lv.readOnly), e.Range()}, e}
}

// decayed turns arrays into pointers: an operand of most operators.
func (c *checker) decayed(e Expr) Expr {
	if e.Type().Kind == Array {
		return c.decay(e)
	}
	return e
}

// promote makes the integer promotions: bool and small integers become int.
func (c *checker) promote(e Expr) Expr {
	if t := e.Type(); t.Kind >= Bool && t.Kind < Int {
		return c.cast(e, TInt)
	}
	return e
}

// common returns the type of the usual arithmetic conversions of two scalars.
func common(a, b *Type) *Type {
	if a.IsFloat() || b.IsFloat() {
		switch {
		case !b.IsFloat():
			return a
		case !a.IsFloat():
			return b
		case a.Kind == b.Kind:
			return a
		case a.Kind == Double || b.Kind == Double:
			return TDouble
		}
		return TFloat
	}
	k := max(a.Kind, b.Kind, Int)
	return [...]*Type{TInt, TUInt, TLong, TULong}[k-Int]
}

// arithmetic brings two numbers, scalars or vectors, to one type.
func (c *checker) arithmetic(x, y Expr) (Expr, Expr, bool) {
	a, b := x.Type(), y.Type()
	switch {
	case a.IsScalar() && b.IsScalar():
		t := common(a, b)
		return c.cast(x, t), c.cast(y, t), true
	case a.Kind == Vector && b.Kind == Vector:
		if a.Len != b.Len || !Identical(a.Elem, b.Elem) {
			return x, y, false
		}
		t := VectorOf(a.Elem, a.Len)
		return c.cast(x, t), c.cast(y, t), true
	case a.Kind == Vector && b.IsScalar():
		t := VectorOf(a.Elem, a.Len)
		return c.cast(x, t), c.cast(y, t), joins(b, a.Elem)
	case a.IsScalar() && b.Kind == Vector:
		t := VectorOf(b.Elem, b.Len)
		return c.cast(x, t), c.cast(y, t), joins(a, b.Elem)
	}
	return x, y, false
}

// joins reports whether a scalar can be an operand beside a vector of elem:
// a float beside integers cannot.
func joins(t, elem *Type) bool { return elem.IsFloat() || !t.IsFloat() }

// A conversion is a user-defined one.
type conversion struct {
	ctor *function // of the target, or
	conv *function // of the source
	args []targ
	to   *Type
}

// userConversion finds a constructor of to that takes a from, or a conversion
// function of from that gives a to.
func (c *checker) userConversion(from, to *Type) *conversion {
	if c.user {
		return nil
	}
	c.user = true
	defer func() { c.user = false }()
	c.tick(source.Span{})
	if inst := c.structs[to.structOrNil()]; inst != nil && to.Kind == StructKind {
		var best *conversion
		bestRank := rankUser
		for _, f := range inst.ctors.fns {
			if need, most := arity(f.decl.Params); need > 1 || most < 1 {
				continue
			}
			cand := c.candidate(f, []*Type{from}, nil, f.scope)
			if cand == nil || cand.ranks[0] >= bestRank {
				continue
			}
			best, bestRank = &conversion{ctor: f, args: cand.args, to: to}, cand.ranks[0]
		}
		if best != nil {
			return best
		}
	}
	if u := c.conversionFunc(from, to, true); u != nil {
		return u
	}
	return c.conversionFunc(from, to, false)
}

// conversionFunc finds a conversion function of from that gives a to, or, if
// not exact, a number that converts to it.
func (c *checker) conversionFunc(from, to *Type, exact bool) *conversion {
	if inst := c.structs[from.structOrNil()]; inst != nil && from.Kind == StructKind {
		for _, m := range inst.decl.Members {
			d, ok := m.(*parse.FuncDecl)
			if !ok || d.Conv == nil || d.Body == nil {
				continue
			}
			f := &function{decl: d, scope: inst.scope, owner: inst}
			s := newScope(f.scope)
			var args []targ
			if d.Template != nil {
				args = make([]targ, len(d.Template.Params))
				if !c.deduce(d.Conv, to, d.Template, args, f.scope, true) || !c.bindTemplate(d.Template, args, s, d.NameSpan, d.Name) {
					continue
				}
			}
			if t := c.plainType(d.Conv, s); Identical(t, to) || !exact && t.IsScalar() && to.IsScalar() && scalarRank(t, to) < rankNone {
				return &conversion{conv: f, args: args, to: to}
			}
		}
	}
	return nil
}

// apply calls the conversion on e.
func (u *conversion) apply(c *checker, e Expr) Expr {
	if u.ctor != nil {
		return c.callFunc(u.ctor, u.args, nil, []Expr{e}, e.Range())
	}
	e = c.callFunc(u.conv, u.args, e, nil, e.Range())
	if invalid(e) {
		return e
	}
	return c.cast(e, u.to)
}

// compatible converts the branches of ?: to one type.
func (c *checker) compatible(x, y Expr) (Expr, Expr, *Type) {
	x, y = c.decayed(x), c.decayed(y)
	a, b := x.Type(), y.Type()
	switch {
	case a.Kind == Invalid:
		return x, y, a
	case b.Kind == Invalid:
		return x, y, b
	case Identical(a, b):
		return x, y, a
	case a.Kind == Pointer || b.Kind == Pointer:
		to := a
		if a.Kind != Pointer || b.Kind == Pointer && b.Const {
			to = b
		}
		if c.rank(a, to) < rankNone && c.rank(b, to) < rankNone {
			return c.cast(x, to), c.cast(y, to), to
		}
		return x, y, nil
	}
	if x, y, ok := c.arithmetic(x, y); ok {
		return x, y, x.Type()
	}
	if r := c.rank(a, b); r < rankNone {
		return c.convert(x, b, "choose"), y, b
	}
	if r := c.rank(b, a); r < rankNone {
		return x, c.convert(y, a, "choose"), a
	}
	return x, y, nil
}
