package check

// This file implements names used as values: what they stand for, and
// constants outside functions.

import (
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// ident resolves a name used as a value.
func (c *checker) ident(x *parse.Ident, s *scope) Expr {
	o, in := c.lookupPath(x.Path, x.Name, s)
	switch o := o.(type) {
	case *lazyVar:
		if o.decl.Template != nil {
			return c.varTemplate(o, x, s)
		}
		return c.object(o, in, x.Name, x.Span)
	case *Var, *constant, *fieldName:
		return c.object(o, in, x.Name, x.Span)
	case *overloads:
		c.errs.Errorf(x.Span, NotAValue, "%s is a function; it can only be called", x.Name)
		return bad(x.Span)
	case nil:
		if !c.knownPath(x.Path, x.Span) {
			return bad(x.Span)
		}
	default:
		c.errs.Errorf(x.Span, NotAValue, "%s is a type, not a value", x.Name)
		return bad(x.Span)
	}
	if k := namedConstant(x.Name); k != nil {
		kk := *k
		kk.Span = x.Span
		return &kk
	}
	if len(x.Path) > 0 {
		switch x.Path[len(x.Path)-1] {
		case "mem_flags", "memory_order", "thread_scope", "access", "coord", "filter", "address":
			k := intConst(TInt, 0)
			k.Span = x.Span
			return k
		}
	}
	if strings.HasPrefix(x.Name, "memory_order_") || strings.HasPrefix(x.Name, "thread_scope_") {
		k := intConst(TInt, 0)
		k.Span = x.Span
		return k
	}
	if builtins[x.Name] != nil {
		c.errs.Errorf(x.Span, NotAValue, "%s is a function; it can only be called", x.Name)
		return bad(x.Span)
	}
	d := c.errs.Errorf(x.Span, UndeclaredName, "no variable %s in this kernel", x.Name)
	if hint := missingNames[x.Name]; hint != "" {
		d.Hint = hint
	} else if near := s.near(x.Name, attributeNames); near != "" {
		d.Msg += "; did you mean " + near + "?"
	} else if of := ofScalar(x.Name, s); of != "" {
		d.Hint = of + " is a 0-dim input: it has no shape, strides or ndim"
	} else if isAttribute(x.Name) {
		d.Hint = "MLX adds thread attributes only where the body itself names them: pass it to the helper as an argument"
	}
	return bad(x.Span)
}

// ofScalar returns the 0-dim input whose shape, strides or ndim a name would
// be, or "".
func ofScalar(name string, s *scope) string {
	for _, suffix := range []string{"_shape", "_strides", "_ndim"} {
		if of, ok := strings.CutSuffix(name, suffix); ok {
			o, _ := s.lookup(of)
			if v, ok := o.(*Var); ok && v.Kind == ScalarVar {
				return of
			}
		}
	}
	return ""
}

// knownPath reports a qualification that names nothing.
func (c *checker) knownPath(path []string, span source.Span) bool {
	for _, p := range path {
		switch p {
		case "metal", "fast", "precise", "mlx", "core", "zmlx", "simd", "",
			"mem_flags", "memory_order", "thread_scope", "access", "coord", "filter", "address":
			continue
		}
		if o, _ := c.file.lookup(p); o != nil {
			continue
		}
		d := c.errs.Errorf(span, UndeclaredName, "no namespace %s", p)
		if p == "std" {
			d.Hint = "Metal has no std: its library is metal::"
		}
		return false
	}
	return true
}

// varTemplate instantiates a variable template.
func (c *checker) varTemplate(l *lazyVar, x *parse.Ident, s *scope) Expr {
	args := c.explicitArgs(l.decl.Template, x.Args, s, l.scope)
	inner := newScope(l.scope)
	if args == nil || !c.bindTemplate(l.decl.Template, args, inner, x.Span, x.Name) {
		if args == nil {
			c.errs.Errorf(x.Span, WrongArgCount, "too many template arguments for %s", x.Name)
		}
		return bad(x.Span)
	}
	key := targsKey(args)
	inst := l.insts[key]
	if inst == nil {
		if c.depth >= maxDepth {
			panic(bailout{x.Span, "templates nest without end, or nearly so"})
		}
		if l.insts == nil {
			l.insts = make(map[string]*lazyVar)
		}
		inst = &lazyVar{decl: l.decl, scope: inner}
		l.insts[key] = inst
		c.depth++
		defer func() { c.depth-- }()
	}
	return c.object(inst, l.scope, x.Name, x.Span)
}

// object makes an expression of a name's meaning.
func (c *checker) object(o object, in *scope, name string, span source.Span) Expr {
	switch o := o.(type) {
	case *Var:
		o.Used = true
		return &VarRef{Typed{o.Type, span}, o}
	case *constant:
		k := *o.val
		k.Span = span
		return &k
	case *lazyVar:
		return c.object(c.fileVar(o), in, name, span)
	case *fieldName:
		if c.fn == nil || c.fn.this == nil || c.fn.owner == nil || in.inst != c.fn.owner {
			c.errs.Errorf(span, UndeclaredName, "%s is a field: it needs an object", name)
			return bad(span)
		}
		c.fn.this.Used = true
		st := c.fn.owner.typ
		this := &VarRef{Typed{st, span}, c.fn.this}
		return &FieldSel{Typed{st.Struct.Fields[o.index].Type, span}, this, o.index}
	}
	return bad(span)
}

// lookupPath finds a possibly qualified name.
func (c *checker) lookupPath(path []string, name string, s *scope) (object, *scope) {
	from := s
	for i, p := range path {
		switch p {
		case "metal", "fast", "precise", "std", "mlx", "core", "":
			if from == s {
				from = c.file
				if _, ok := from.names[name].(*Var); ok {
					return nil, nil
				}
			}
			continue
		}
		o, in := from.lookup(p)
		switch o := o.(type) {
		case *namespace:
			from = o.scope
		case *typeName, *structTemplate:
			if tn, ok := o.(*typeName); ok && tn.items != nil && i == len(path)-1 {
				return tn.items.names[name], tn.items
			}
			t := c.typeOfObject(o, in, source.Span{})
			inst := c.structs[t.structOrNil()]
			if inst == nil || i != len(path)-1 {
				return nil, nil
			}
			return inst.scope.names[name], inst.scope
		default:
			return nil, nil
		}
	}
	return from.lookup(name)
}

// fileVar types a file-scope constant or static member on its first use.
func (c *checker) fileVar(l *lazyVar) object {
	if l.obj != nil {
		return l.obj
	}
	d := l.decl
	if l.busy {
		c.errs.Errorf(d.NameSpan, Recursion, "%s is initialised with itself", d.Name)
		return nil
	}
	l.busy = true
	defer func() { l.busy = false }()
	c.hard(func() { c.resolveVar(l) })
	return l.obj
}

func (c *checker) resolveVar(l *lazyVar) {
	d := l.decl
	saved := c.fn
	c.fn = &funcCtx{ret: TVoid}
	defer func() { c.fn = saved }()
	q := c.typ(d.Type, l.scope)
	init := c.declInit(d, &q, l.scope)
	if q.ref || q.Kind == Void || q.Kind == Invalid {
		l.obj = &constant{val: &Const{Typed: Typed{TInvalid, d.NameSpan}}}
		return
	}
	if !q.readOnly && !d.Constexpr && q.space != Constant {
		c.errs.Errorf(d.NameSpan, MisplacedStorage, "a variable outside functions has to be constant").Hint = "declare it constant, as in: constant float table[4] = {…};"
	}
	if init == nil {
		c.errs.Errorf(d.NameSpan, InvalidInit, "constant %s needs a value", d.Name)
		l.obj = &constant{val: &Const{Typed: Typed{TInvalid, d.NameSpan}}}
		return
	}
	if q.IsScalar() {
		if k := c.constEval(init); k != nil {
			l.obj = &constant{val: k}
			return
		}
	}
	v := &Var{Name: d.Name, Type: q.Type, Kind: GlobalVar, Span: d.NameSpan, Space: Constant, ReadOnly: true}
	v.Data = c.table(q.Type, d.NameSpan)
	if !invalid(init) && !c.putValue(v.Data, init) {
		c.errs.Errorf(init.Range(), NotConstant, "the value of %s is not known at compile time", d.Name)
	}
	l.obj = v
}

// typeMember resolves Type::name.
func (c *checker) typeMember(x *parse.TypeMember, s *scope) Expr {
	if k := c.numericLimit(x.Type, x.Name, s, x.Span); k != nil {
		return k
	}
	t := c.plainType(x.Type, s)
	if nt, ok := x.Type.(*parse.NamedType); ok && len(nt.Path) == 0 && t.Kind != Invalid {
		if o, _ := s.lookup(nt.Name); o != nil {
			if tn, ok := o.(*typeName); ok && tn.items != nil {
				return c.enumerator(tn.items, nt.Name, x.Name, x.Span)
			}
		}
	}
	inst := c.structs[t.structOrNil()]
	if inst == nil {
		if t.Kind != Invalid {
			c.errs.Errorf(x.Span, NoMember, "%s has no members", t)
		}
		return bad(x.Span)
	}
	switch o := inst.scope.names[x.Name].(type) {
	case *constant, *lazyVar:
		return c.object(o, inst.scope, x.Name, x.Span)
	case *overloads:
		c.errs.Errorf(x.Span, NotAValue, "%s is a function; it can only be called", x.Name)
		return bad(x.Span)
	}
	c.errs.Errorf(x.Span, NoMember, "%s has no static member %s", t, x.Name)
	return bad(x.Span)
}

// enumerator resolves Enum::name.
func (c *checker) enumerator(items *scope, enum, name string, span source.Span) Expr {
	if k, ok := items.names[name].(*constant); ok {
		return c.object(k, items, name, span)
	}
	d := c.errs.Errorf(span, NoMember, "%s has no enumerator %s", enum, name)
	var names []string
	for n := range items.names {
		names = append(names, n)
	}
	slices.Sort(names)
	if near := source.Nearest(name, names); near != "" {
		d.Hint = "did you mean " + near + "?"
	}
	return bad(span)
}
