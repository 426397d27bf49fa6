package check

// This file implements expressions, calls excepted.

import (
	"fmt"
	"math"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

func bad(span source.Span) Expr { return &Const{Typed: Typed{TInvalid, span}} }

func invalid(es ...Expr) bool {
	for _, e := range es {
		if e.Type().Kind == Invalid {
			return true
		}
	}
	return false
}

// value checks x where a value is needed: variables whose value is known
// become constants, and atomics and void are refused.
func (c *checker) value(x parse.Expr, s *scope) Expr {
	e := c.expr(x, s)
	switch e.Type().Kind {
	case Void:
		c.errs.Errorf(x.Range(), NotAValue, "this has no value")
		return bad(x.Range())
	case Atomic:
		c.errs.Errorf(x.Range(), AtomicAccess, "an atomic cannot be read like a plain variable").Hint = "use atomic_load_explicit(&x, memory_order_relaxed)"
		return bad(x.Range())
	}
	return c.known(e)
}

// known replaces a variable whose value is known by that value.
func (c *checker) known(e Expr) Expr {
	if r, ok := e.(*VarRef); ok {
		if k := c.values[r.V]; k != nil {
			kk := *k
			kk.Span = r.Span
			return &kk
		}
	}
	return e
}

// expr checks an expression. Its result may be an lvalue.
func (c *checker) expr(x parse.Expr, s *scope) Expr {
	span := x.Range()
	c.tick(span)
	switch x := x.(type) {
	case *parse.IntLit:
		return c.intLit(x)
	case *parse.FloatLit:
		return c.floatLit(x)
	case *parse.BoolLit:
		k := boolConst(x.Value)
		k.Span = span
		return k
	case *parse.NullLit:
		return &Const{Typed: Typed{TNull, span}}
	case *parse.StringLit:
		c.errs.Errorf(span, UnsupportedFeature, "strings are not in the kernel language")
		return bad(span)
	case *parse.This:
		if c.fn == nil || c.fn.this == nil {
			c.errs.Errorf(span, UndeclaredName, "this exists only in methods")
			return bad(span)
		}
		c.fn.this.Used, c.fn.this.Addressed = true, true
		v := &VarRef{Typed{c.fn.this.Type, span}, c.fn.this}
		return &AddrOf{Typed{PointerTo(v.T, c.fn.this.Space, c.fn.this.ReadOnly), span}, v}
	case *parse.Ident:
		return c.ident(x, s)
	case *parse.TypeMember:
		return c.typeMember(x, s)
	case *parse.Paren:
		return c.expr(x.X, s)
	case *parse.Unary:
		return c.unary(x, s)
	case *parse.Postfix:
		return c.incDec(x.X, x.Op == "--", true, span, s)
	case *parse.Binary:
		return c.binary(x, s)
	case *parse.Assign:
		return c.assignment(x, s)
	case *parse.Cond:
		return c.conditional(x, s)
	case *parse.Call:
		return c.call(x, s)
	case *parse.Construct:
		q := c.typ(x.Type, s)
		if q.auto {
			c.errs.Errorf(span, NotAType, "auto is no type to convert to")
			return bad(span)
		}
		if x.Brace && len(x.Args) != 1 || q.Kind == StructKind || q.Kind == Array {
			return c.constructOrList(q.Type, x.Args, x.Brace, s, span)
		}
		return c.construct(q.Type, x.Args, s, span)
	case *parse.Cast:
		return c.castExpr(x, s)
	case *parse.Member:
		return c.member(x, s)
	case *parse.Index:
		return c.index(x, s)
	case *parse.InitList:
		c.errs.Errorf(span, InvalidInit, "a braced list needs a type here").Hint = "write float4{…}, or initialise a variable with it"
		return bad(span)
	case *parse.Sizeof:
		var t *Type
		if x.Type != nil {
			t = c.plainType(x.Type, s)
		} else {
			t = c.expr(x.X, s).Type()
		}
		n := t.Size()
		if x.Align {
			n = t.Align()
		}
		k := intConst(TULong, int64(n))
		k.Span = span
		return k
	case *parse.Lambda:
		return c.lambda(x, s)
	}
	c.errs.Errorf(span, UnsupportedFeature, "this expression is not in the kernel language")
	return bad(span)
}

func (c *checker) intLit(x *parse.IntLit) Expr {
	t := TInt
	switch {
	case x.Char:
		t = TChar
	case x.Unsigned && (x.Long || x.Value > math.MaxUint32):
		t = TULong
	case x.Unsigned:
		t = TUInt
	case x.Long && (x.Decimal || x.Value <= math.MaxInt64) || x.Decimal && x.Value > math.MaxInt32:
		t = TLong
	case x.Long || x.Value > math.MaxInt64:
		t = TULong
	case x.Value > math.MaxUint32:
		t = TLong
	case x.Value > math.MaxInt32:
		t = TUInt
	}
	k := intConst(t, int64(x.Value))
	k.Span = x.Span
	return k
}

func (c *checker) floatLit(x *parse.FloatLit) Expr {
	t := TFloat
	switch x.Suffix {
	case 'h':
		t = THalf
	case 'b':
		t = TBFloat
	case 'l':
		if c.double {
			t = TDouble
		}
	}
	k := floatConst(t, x.Value)
	k.Span = x.Span
	return k
}

func (c *checker) unary(x *parse.Unary, s *scope) Expr {
	span := x.Span
	switch x.Op {
	case "++", "--":
		return c.incDec(x.X, x.Op == "--", false, span, s)
	case "&":
		e := c.expr(x.X, s)
		if invalid(e) {
			return bad(span)
		}
		p := c.lvalue(e)
		if !p.ok {
			c.errs.Errorf(span, NotAssignable, "only something that lives in memory has an address")
			return bad(span)
		}
		if inVector(e) {
			c.errs.Errorf(span, NotAssignable, "an element of a vector has no address").Hint = "copy it to a variable"
			return bad(span)
		}
		c.address(e)
		c.markAssigned(e) // through the pointer, for all we know
		return &AddrOf{Typed{PointerTo(e.Type(), p.space, p.readOnly), span}, e}
	case "*":
		e := c.decayed(c.value(x.X, s))
		t := e.Type()
		if t.Kind == Invalid {
			return bad(span)
		}
		if t.Kind != Pointer {
			if r := c.operator("*", span, s, e); r != nil {
				return r
			}
			d := c.errs.Errorf(span, InvalidOperand, "cannot dereference %s", t)
			if f := c.set.File(span.Pos); f != nil && span.Pos > f.Base() && f.Text[span.Pos-f.Base()-1] == '*' {
				d.Hint = "there is no operator **: use pow(x, y), or multiply"
			}
			return bad(span)
		}
		if a, ok := e.(*AddrOf); ok {
			return a.X
		}
		return &Deref{Typed{t.Elem, span}, e}
	}
	e := c.decayed(c.value(x.X, s))
	t := e.Type()
	if t.Kind == Invalid {
		return bad(span)
	}
	if t.Kind == StructKind {
		if r := c.operator(x.Op, span, s, e); r != nil {
			return r
		}
	}
	sc := t.Scalar()
	switch x.Op {
	case "!":
		if t.IsScalar() || t.Kind == Pointer || t.Kind == Null {
			return c.foldUnary('!', c.cast(e, TBool), span)
		}
		if t.Kind == Vector {
			return &Unary{Typed{t.Like(TBool), span}, '!', c.cast(e, t.Like(TBool))}
		}
	case "~":
		if sc.IsInt() || sc.Kind == Bool {
			return c.foldUnary('~', c.promote(e), span)
		}
	case "+":
		if sc.IsInt() || sc.IsFloat() || sc.Kind == Bool {
			return c.promote(e)
		}
	case "-":
		if sc.IsInt() || sc.IsFloat() || sc.Kind == Bool {
			return c.foldUnary('-', c.promote(e), span)
		}
	}
	c.errs.Errorf(span, InvalidOperand, "operator %s has no meaning for %s", x.Op, t)
	return bad(span)
}

func (c *checker) foldUnary(op byte, e Expr, span source.Span) Expr {
	if k, ok := e.(*Const); ok {
		r := foldUnary(op, k)
		r.Span = span
		return r
	}
	return &Unary{Typed{e.Type(), span}, op, e}
}

func (c *checker) incDec(x parse.Expr, dec, post bool, span source.Span, s *scope) Expr {
	e := c.expr(x, s)
	if !c.assigned(e, span) {
		return bad(span)
	}
	t := e.Type()
	if t.Kind == StructKind {
		op := "++"
		if dec {
			op = "--"
		}
		if r := c.operator(op, span, s, e); r != nil {
			return r
		}
	}
	if !(t.Scalar().IsInt() || t.Scalar().IsFloat() || t.Kind == Pointer) {
		c.errs.Errorf(span, InvalidOperand, "%s cannot be incremented or decremented", t)
		return bad(span)
	}
	return &IncDec{Typed{t, span}, e, dec, post}
}

var binaryOps = map[string]BinaryOp{
	"+": OpAdd, "-": OpSub, "*": OpMul, "/": OpDiv, "%": OpRem, "&": OpAnd, "|": OpOr, "^": OpXor,
	"<<": OpShl, ">>": OpShr, "==": OpEq, "!=": OpNe, "<": OpLt, "<=": OpLe, ">": OpGt, ">=": OpGe,
}

func (c *checker) binary(x *parse.Binary, s *scope) Expr {
	switch x.Op {
	case ",":
		a := c.expr(x.X, s)
		b := c.expr(x.Y, s)
		if invalid(a, b) {
			return bad(x.Span)
		}
		return &Comma{Typed{b.Type(), x.Span}, a, b}
	case "&&", "||":
		return c.logical(x, s)
	}
	a, b := c.decayed(c.value(x.X, s)), c.decayed(c.value(x.Y, s))
	if invalid(a, b) {
		return bad(x.Span)
	}
	op, ok := binaryOps[x.Op]
	if !ok {
		c.errs.Errorf(x.OpSpan, UnsupportedFeature, "operator %s is not in the kernel language", x.Op)
		return bad(x.Span)
	}
	return c.operate(op, x.Op, a, b, x.Span, x.OpSpan, s)
}

// operate types a binary operator on two values.
func (c *checker) operate(op BinaryOp, name string, a, b Expr, span, opSpan source.Span, s *scope) Expr {
	ta, tb := a.Type(), b.Type()
	if ta.Kind == StructKind || tb.Kind == StructKind {
		if r := c.operator(name, span, s, a, b); r != nil {
			return r
		}
		if ta.Kind == StructKind {
			a = c.toScalar(a)
		}
		if tb.Kind == StructKind {
			b = c.toScalar(b)
		}
		ta, tb = a.Type(), b.Type()
	}
	if ta.Kind == Pointer || tb.Kind == Pointer {
		return c.pointerOp(op, name, a, b, span)
	}
	sa, sb := ta.Scalar(), tb.Scalar()
	if op == OpShl || op == OpShr {
		if sa.IsInt() && sb.IsInt() || (sa.Kind == Bool || sa.IsInt()) && (sb.Kind == Bool || sb.IsInt()) && ta.Kind != Vector {
			a, b = c.promote(a), c.promote(b)
			if ta.Kind == Vector && tb.Kind != Vector {
				b = c.cast(b, VectorOf(b.Type(), ta.Len))
			}
			if ta.Comps() == b.Type().Comps() {
				return c.fold(op, a, b, a.Type(), span)
			}
		}
		return c.badOperands(name, ta, tb, span)
	}
	a, b, ok := c.arithmetic(a, b)
	if !ok {
		return c.badOperands(name, ta, tb, span)
	}
	t := a.Type()
	el := t.Scalar()
	switch op {
	case OpRem:
		ok = el.IsInt()
	case OpAnd, OpOr, OpXor:
		ok = el.IsInt() || el.Kind == Bool
	case OpAdd, OpSub, OpMul, OpDiv:
		ok = el.Kind != Bool
	}
	if !ok {
		return c.badOperands(name, ta, tb, span)
	}
	if op >= OpEq {
		return c.fold(op, a, b, t.Like(TBool), span)
	}
	return c.fold(op, a, b, t, span)
}

func (c *checker) fold(op BinaryOp, a, b Expr, t *Type, span source.Span) Expr {
	if x, ok := a.(*Const); ok {
		if y, ok := b.(*Const); ok && x.T.IsScalar() {
			if r := foldBinary(op, x, y); r != nil {
				r.Span = span
				return r
			}
		}
	}
	return &Binary{Typed{t, span}, op, a, b}
}

func (c *checker) badOperands(name string, a, b *Type, span source.Span) Expr {
	d := c.errs.Errorf(span, InvalidOperand, "operator %s does not take %s and %s", name, a, b)
	switch {
	case name == "%" && (a.Scalar().IsFloat() || b.Scalar().IsFloat()):
		d.Hint = "use fmod(a, b) for floats"
	case a.Kind == Vector && b.IsFloat():
		d.Hint = fmt.Sprintf("convert the vector, as in float%d(v), or the scalar", a.Len)
	case b.Kind == Vector && a.IsFloat():
		d.Hint = fmt.Sprintf("convert the vector, as in float%d(v), or the scalar", b.Len)
	case a.Kind == Vector && b.Kind == Vector:
		d.Hint = "both vectors need the same element type and length: convert one, as in float4(v)"
	case a.Kind == Pointer || b.Kind == Pointer:
		d.Hint = "index the pointer, as in p[i]"
	}
	return bad(span)
}

// toScalar converts a struct to a number where its type allows just that.
func (c *checker) toScalar(e Expr) Expr {
	for _, t := range []*Type{TFloat, TInt, TUInt, TBool, THalf, TBFloat, TLong, TULong, TShort, TUShort, TChar, TUChar} {
		if u := c.conversionFunc(e.Type(), t, true); u != nil {
			return u.apply(c, e)
		}
	}
	return e
}

func (c *checker) pointerOp(op BinaryOp, name string, a, b Expr, span source.Span) Expr {
	ta, tb := a.Type(), b.Type()
	switch {
	case op == OpAdd && ta.Kind == Pointer && isIndex(tb):
		return &PtrAdd{Typed{ta, span}, a, c.promote(b), false}
	case op == OpAdd && tb.Kind == Pointer && isIndex(ta):
		return &PtrAdd{Typed{tb, span}, b, c.promote(a), false}
	case op == OpSub && ta.Kind == Pointer && isIndex(tb):
		return &PtrAdd{Typed{ta, span}, a, c.promote(b), true}
	case op == OpSub && ta.Kind == Pointer && tb.Kind == Pointer && Identical(ta.Elem, tb.Elem):
		return &PtrDiff{Typed{TLong, span}, a, b}
	case op >= OpEq && (ta.Kind == Pointer || ta.Kind == Null) && (tb.Kind == Pointer || tb.Kind == Null):
		if ta.Kind == Null {
			a = c.cast(a, tb)
		} else if tb.Kind == Null {
			b = c.cast(b, ta)
		} else if !Identical(ta.Elem, tb.Elem) {
			break
		}
		return &Binary{Typed{TBool, span}, op, a, b}
	}
	return c.badOperands(name, ta, tb, span)
}

func isIndex(t *Type) bool { return t.IsInt() || t.Kind == Bool }

func (c *checker) logical(x *parse.Binary, s *scope) Expr {
	and := x.Op == "&&"
	a := c.value(x.X, s)
	if k, ok := a.(*Const); ok && k.T.IsScalar() && k.isTrue() != and {
		// The other side is never evaluated, but has to make sense.
		c.value(x.Y, s)
		r := boolConst(!and)
		r.Span = x.Span
		return r
	}
	b := c.value(x.Y, s)
	if invalid(a, b) {
		return bad(x.Span)
	}
	ta, tb := a.Type(), b.Type()
	if ta.Kind == Vector || tb.Kind == Vector {
		op := OpOr
		if and {
			op = OpAnd
		}
		n := max(ta.Comps(), tb.Comps())
		t := VectorOf(TBool, n)
		if ta.Kind == Vector && tb.Kind == Vector && ta.Len != tb.Len {
			return c.badOperands(x.Op, ta, tb, x.Span)
		}
		return &Binary{Typed{t, x.Span}, op, c.cast(a, t), c.cast(b, t)}
	}
	a, b = c.condition(a), c.condition(b)
	if invalid(a, b) {
		return bad(x.Span)
	}
	if k, ok := a.(*Const); ok && k.isTrue() == and {
		return b
	}
	return &Logical{Typed{TBool, x.Span}, and, a, b}
}

// condition converts a value to bool.
func (c *checker) condition(e Expr) Expr {
	e = c.decayed(e)
	t := e.Type()
	switch {
	case t.Kind == Invalid || t.Kind == Bool:
		return e
	case t.IsScalar() || t.Kind == Pointer || t.Kind == Null:
		return c.cast(e, TBool)
	case t.Kind == StructKind:
		if u := c.userConversion(t, TBool); u != nil {
			return u.apply(c, e)
		}
	}
	d := c.errs.Errorf(e.Range(), MismatchedTypes, "%s is not a condition", t)
	if t.Kind == Vector {
		d.Hint = "use all(v) or any(v)"
	}
	return bad(e.Range())
}

func (c *checker) conditional(x *parse.Cond, s *scope) Expr {
	cv := c.value(x.C, s)
	if cv.Type().Kind == Vector {
		c.errs.Errorf(x.C.Range(), MismatchedTypes, "a vector cannot choose in ?:").Hint = "use select(ifFalse, ifTrue, condition)"
		return bad(x.Span)
	}
	cond := c.condition(cv)
	a, b := c.expr(x.X, s), c.expr(x.Y, s)
	if invalid(cond, a, b) {
		return bad(x.Span)
	}
	ta, tb := a.Type(), b.Type()
	if ta.Kind == Void && tb.Kind == Void {
		return &Cond{Typed{TVoid, x.Span}, cond, a, b}
	}
	pa, pb := c.lvalue(a), c.lvalue(b)
	if !(pa.ok && pb.ok && Identical(ta, tb) && ta.Kind != Array) {
		a, b = c.known(a), c.known(b)
		var t *Type
		a, b, t = c.compatible(a, b)
		if t == nil {
			c.errs.Errorf(x.Span, MismatchedTypes, "the branches of ?: have types %s and %s, which do not go together", ta, tb)
			return bad(x.Span)
		}
		if k, ok := cond.(*Const); ok {
			if k.isTrue() {
				return a
			}
			return b
		}
		return &Cond{Typed{t, x.Span}, cond, a, b}
	}
	return &Cond{Typed{ta, x.Span}, cond, a, b}
}

func (c *checker) assignment(x *parse.Assign, s *scope) Expr {
	lhs := c.expr(x.X, s)
	lt := lhs.Type()
	if x.Op == "=" {
		if lt.Kind == Atomic || lt.Kind == Array {
			c.assigned(lhs, x.X.Range())
			c.expr(x.Y, s)
			return bad(x.Span)
		}
		var rhs Expr
		if lt.Kind == StructKind && c.hasAssign(lt, x.Y) {
			rhs = c.value(x.Y, s)
			if invalid(rhs) {
				return rhs
			}
			if r := c.operator("=", x.Span, s, lhs, rhs); r != nil {
				return r
			}
			rhs = c.convert(rhs, lt, "use this value here")
		} else {
			rhs = c.initExpr(x.Y, lt, s)
		}
		if invalid(lhs) || !c.assigned(lhs, x.X.Range()) || invalid(rhs) {
			return bad(x.Span)
		}
		return &Assign{Typed{lt, x.Span}, lhs, rhs}
	}
	rhs := c.decayed(c.value(x.Y, s))
	if invalid(lhs, rhs) {
		return bad(x.Span)
	}
	name := strings.TrimSuffix(x.Op, "=")
	if lt.Kind == StructKind {
		if r := c.operator(x.Op, x.Span, s, lhs, rhs); r != nil {
			return r
		}
		if r := c.operator(name, x.Span, s, lhs, rhs); r != nil && c.assigned(lhs, x.X.Range()) {
			return &Assign{Typed{lt, x.Span}, lhs, c.convert(r, lt, "assign")}
		}
	}
	if !c.assigned(lhs, x.X.Range()) {
		return bad(x.Span)
	}
	op := binaryOps[name]
	if lt.Kind == Pointer {
		if (op == OpAdd || op == OpSub) && isIndex(rhs.Type()) {
			return &AssignOp{Typed{lt, x.Span}, op, lt, lhs, c.promote(rhs)}
		}
		return c.badOperands(x.Op, lt, rhs.Type(), x.Span)
	}
	// The operation is typed as lhs op rhs would be.
	if lt.Kind == StructKind {
		return c.badOperands(x.Op, lt, rhs.Type(), x.Span)
	}
	probe := c.operate(op, name, &opaque{Typed{lt, lhs.Range()}}, rhs, x.Span, x.OpSpan, s)
	bin, ok := probe.(*Binary)
	if !ok {
		if !invalid(probe) {
			return c.badOperands(x.Op, lt, rhs.Type(), x.Span)
		}
		return bad(x.Span)
	}
	if c.rank(bin.T, lt) == rankNone {
		c.refuse(&opaque{Typed{bin.T, x.Span}}, lt, fmt.Sprintf("store the result of %s", x.Op))
		return bad(x.Span)
	}
	return &AssignOp{Typed{lt, x.Span}, op, bin.X.Type(), lhs, bin.Y}
}

// opaque stands for a value whose type alone matters.
type opaque struct{ Typed }

// index types X[I].
func (c *checker) index(x *parse.Index, s *scope) Expr {
	e := c.expr(x.X, s)
	i := c.value(x.I, s)
	if invalid(e, i) {
		return bad(x.Span)
	}
	t := e.Type()
	if t.Kind == StructKind {
		if r := c.operator("[]", x.Span, s, e, i); r != nil {
			return r
		}
	}
	if !isIndex(i.Type()) {
		if i.Type().Kind == Pointer && isIndex(t) {
			return c.index(&parse.Index{At: x.At, X: x.I, I: x.X}, s)
		}
		d := c.errs.Errorf(x.I.Range(), MismatchedTypes, "an index has to be an integer, not %s", i.Type())
		if i.Type().IsFloat() {
			d.Hint = "convert it: uint(…)"
		}
		return bad(x.Span)
	}
	i = c.promote(i)
	k, _ := i.(*Const)
	switch t.Kind {
	case Pointer:
		return &Index{Typed{t.Elem, x.Span}, e, i}
	case Array:
		if k != nil && (int64(k.I) < 0 || int64(k.I) >= int64(t.Len)) {
			d := c.errs.Errorf(x.I.Range(), IndexOutside, "index %d is outside the %d elements of the array", int64(k.I), t.Len)
			d.Severity = source.Warning // as in C++: the line may never run
		}
		c.address(e)
		return &Index{Typed{t.Elem, x.Span}, e, i}
	case Vector:
		if k != nil {
			if int64(k.I) < 0 || int64(k.I) >= int64(t.Len) {
				c.errs.Errorf(x.I.Range(), IndexOutside, "index %d is outside the %d elements of %s", int64(k.I), t.Len, t)
				return bad(x.Span)
			}
			return &Swizzle{Typed{t.Elem, x.Span}, e, []int{int(k.I)}}
		}
		return &Index{Typed{t.Elem, x.Span}, e, i}
	}
	d := c.errs.Errorf(x.Span, InvalidOperand, "%s cannot be indexed", t)
	if v, ok := e.(*VarRef); ok && v.V.Kind == ScalarVar {
		d.Hint = fmt.Sprintf("%s is a 0-dim input: write %s without [ ]", v.V.Name, v.V.Name)
	}
	return bad(x.Span)
}

// member types X.name and X->name.
func (c *checker) member(x *parse.Member, s *scope) Expr {
	e := c.expr(x.X, s)
	if invalid(e) {
		return bad(x.Span)
	}
	if x.Arrow {
		e = c.decayed(e)
		if e.Type().Kind != Pointer {
			c.errs.Errorf(x.Span, InvalidOperand, "-> needs a pointer, and this is %s", e.Type()).Hint = "use ."
			return bad(x.Span)
		}
		if a, ok := e.(*AddrOf); ok {
			e = a.X
		} else {
			e = &Deref{Typed{e.Type().Elem, e.Range()}, e}
		}
	}
	t := e.Type()
	switch t.Kind {
	case Vector:
		return c.swizzle(e, x)
	case StructKind:
		for i, f := range t.Struct.Fields {
			if f.Name == x.Name {
				return &FieldSel{Typed{f.Type, x.Span}, e, i}
			}
		}
		if inst := c.structs[t.Struct]; inst != nil {
			switch o := inst.scope.names[x.Name].(type) {
			case *constant, *lazyVar:
				return c.object(o, inst.scope, x.Name, x.Span)
			case *overloads:
				c.errs.Errorf(x.Span, NotAValue, "%s is a method; it can only be called", x.Name)
				return bad(x.Span)
			}
			d := c.errs.Errorf(x.NameSpan, NoMember, "%s has no member %s", t, x.Name)
			var names []string
			for _, f := range t.Struct.Fields {
				names = append(names, f.Name)
			}
			if near := source.Nearest(x.Name, names); near != "" {
				d.Hint = "did you mean " + near + "?"
			}
			return bad(x.Span)
		}
	case Pointer:
		c.errs.Errorf(x.Span, NoMember, "a pointer has no member %s", x.Name).Hint = "use ->, or index the pointer first"
		return bad(x.Span)
	}
	d := c.errs.Errorf(x.NameSpan, NoMember, "%s has no member %s", t, x.Name)
	if v, ok := e.(*VarRef); ok && v.V.Kind == AttrVar {
		d.Hint = fmt.Sprintf("%s is a single uint", v.V.Name)
	}
	return bad(x.Span)
}

func (c *checker) swizzle(e Expr, x *parse.Member) Expr {
	t := e.Type()
	comps := make([]int, 0, 4)
	for _, set := range []string{"xyzw", "rgba"} {
		comps = comps[:0]
		for i := 0; i < len(x.Name); i++ {
			k := strings.IndexByte(set, x.Name[i])
			if k < 0 {
				break
			}
			comps = append(comps, k)
		}
		if len(comps) == len(x.Name) {
			break
		}
	}
	if len(comps) != len(x.Name) || len(comps) > 4 || len(comps) == 0 {
		c.errs.Errorf(x.NameSpan, NoMember, "%s has no member %s", t, x.Name).Hint = "elements are x, y, z, w or r, g, b, a"
		return bad(x.Span)
	}
	for _, k := range comps {
		if k >= t.Len {
			c.errs.Errorf(x.NameSpan, NoMember, "%s has only %d elements, so no .%s", t, t.Len, x.Name)
			return bad(x.Span)
		}
	}
	rt := t.Elem
	if len(comps) > 1 {
		rt = VectorOf(t.Elem, len(comps))
	}
	return &Swizzle{Typed{rt, x.Span}, e, comps}
}
