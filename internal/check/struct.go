package check

// This file implements structs: their instances, layout, constructors and
// members.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A structInst is a struct type with what its definition says.
type structInst struct {
	typ   *Type
	decl  *parse.StructDecl
	tmpl  *structTemplate // nil for a plain struct
	args  []targ
	scope *scope // members that belong to the type: statics, methods, types
	ctors *overloads
	inits []parse.Expr // default member initialisers, by field; nil where none
	array bool         // holds an array, however deep
}

// plainStruct resolves a struct that is no template.
func (c *checker) plainStruct(tn *typeName, l *lazyType, span source.Span) *Type {
	if l.str.Declared {
		if !span.Valid() {
			span = l.str.NameSpan
		}
		c.errs.Errorf(span, UndeclaredType, "struct %s is declared but never defined", l.str.Name)
		return TInvalid
	}
	return c.defineStruct(l.str, l.str.Name, newScope(l.scope), func(t *Type) { tn.typ = t }, nil, nil).typ
}

// structOf returns the instance of a class template.
func (c *checker) structOf(t *structTemplate, written []parse.Node, s *scope, span source.Span) *Type {
	if t.primary == nil {
		return TInvalid
	}
	args := c.explicitArgs(t.primary.Template, written, s, t.scope)
	if args == nil {
		c.errs.Errorf(span, WrongArgCount, "too many template arguments for %s", t.primary.Name)
		return TInvalid
	}
	return c.structInstance(t, args, span)
}

func (c *checker) structInstance(t *structTemplate, args []targ, span source.Span) *Type {
	inner := newScope(t.scope)
	if !c.bindTemplate(t.primary.Template, args, inner, span, t.primary.Name) {
		return TInvalid
	}
	key := targsKey(args)
	if inst := t.insts[key]; inst != nil {
		return inst.typ
	}
	if len(c.structs) >= maxInstances || c.depth >= maxDepth {
		panic(bailout{span, "templates nest without end, or nearly so"})
	}
	decl := t.primary
	for _, spec := range t.specs {
		if bound, ok := c.matchSpec(spec, args, t.scope); ok {
			decl, inner = spec, bound
		}
	}
	if decl.Declared {
		c.errs.Errorf(span, UndeclaredType, "%s is not defined for these template arguments", t.primary.Name)
		return TInvalid
	}
	var name strings.Builder
	name.WriteString(t.primary.Name)
	for i, a := range args {
		name.WriteString([]string{"<", ", "}[min(i, 1)])
		if a.typ != nil {
			name.WriteString(a.typ.String())
		} else {
			name.WriteString(a.val.text())
		}
		if name.Len() > 200 {
			break // templates of templates of templates
		}
	}
	name.WriteByte('>')
	c.depth++
	inst := c.defineStruct(decl, name.String(), inner, nil, t, args)
	c.depth--
	return inst.typ
}

// matchSpec matches a specialisation's pattern with template arguments.
func (c *checker) matchSpec(spec *parse.StructDecl, args []targ, decl *scope) (*scope, bool) {
	s := newScope(decl)
	head := spec.Template
	if head == nil {
		head = &parse.TemplateHead{}
	}
	bound := make([]targ, len(head.Params))
	for i, n := range spec.SpecArgs {
		if i >= len(args) {
			return nil, false
		}
		if te, ok := n.(parse.TypeExpr); ok && args[i].typ != nil && mentions(te, head) {
			if !c.deduce(te, args[i].typ, head, bound, decl, true) {
				return nil, false
			}
			continue
		}
		if id, ok := n.(*parse.Ident); ok && paramIndex(head, id.Name) >= 0 {
			if !bindParam(head, bound, id.Name, args[i]) {
				return nil, false
			}
			continue
		}
		if a := c.templateArg(n, decl, nil); !a.same(args[i]) {
			return nil, false
		}
	}
	for i, p := range head.Params {
		if !bound[i].bound() {
			return nil, false
		}
		if bound[i].typ != nil {
			s.set(p.Name, &typeName{typ: bound[i].typ})
		} else {
			s.set(p.Name, &constant{val: bound[i].val})
		}
	}
	// A parameter that stands in the pattern twice, or behind a pointer, was
	// only deduced once: the pattern itself has to come to the arguments.
	for i, n := range spec.SpecArgs {
		if a := c.templateArg(n, s, nil); !a.same(args[i]) {
			return nil, false
		}
	}
	return s, true
}

// defineStruct lays a struct out. publish, if not nil, makes the type known
// before its members are resolved, so that they can point to it.
func (c *checker) defineStruct(d *parse.StructDecl, name string, s *scope, publish func(*Type), tmpl *structTemplate, args []targ) *structInst {
	st := &Struct{Name: name, Align: 1}
	typ := &Type{Kind: StructKind, Struct: st}
	inst := &structInst{typ: typ, decl: d, tmpl: tmpl, args: args, scope: s, ctors: &overloads{}}
	s.inst = inst
	c.structs[st] = inst
	if tmpl != nil {
		tmpl.insts[targsKey(args)] = inst
	}
	if publish != nil {
		publish(typ)
	}
	if tmpl == nil {
		s.set(d.Name, &typeName{typ: typ})
	}
	if len(d.Bases) > 0 {
		c.errs.Errorf(d.Bases[0].Range(), UnsupportedFeature, "base classes are not in the kernel language").Hint = "make the base a field"
	}
	c.hard(func() { c.members(inst, d, s) })
	return inst
}

// members resolves what a struct consists of.
func (c *checker) members(inst *structInst, d *parse.StructDecl, s *scope) {
	typ, st, name := inst.typ, inst.typ.Struct, inst.typ.Struct.Name
	offset := 0
	for _, m := range d.Members {
		switch m := m.(type) {
		case *parse.VarDecl:
			if m.Static || m.Constexpr {
				s.set(m.Name, &lazyVar{decl: m, scope: s})
				continue
			}
			q := c.typ(m.Type, s)
			if q.auto || q.ref || q.Type.Kind == Void || q.Type == typ || q.Type.Kind == Array && q.Type.Len < 0 {
				c.errs.Errorf(m.Span, InvalidInit, "a field cannot have this type")
				q.Type = TInvalid
			}
			q = inThread(q)
			inst.array = inst.array || c.holdsArray(q.Type)
			if _, dup := s.names[m.Name]; dup {
				c.errs.Errorf(m.NameSpan, Redeclared, "%s already has a member %s", name, m.Name)
			}
			al := max(q.Type.Align(), 1)
			offset = (offset + al - 1) / al * al
			st.Fields = append(st.Fields, StructField{m.Name, q.Type, offset})
			st.Align = max(st.Align, al)
			offset += q.Type.Size()
			init := m.Init
			if m.Style == parse.BraceInit && init == nil {
				init = &parse.InitList{At: m.At, Elems: m.Args}
			}
			inst.inits = append(inst.inits, init)
			s.set(m.Name, &fieldName{len(st.Fields) - 1})
		case *parse.FuncDecl:
			switch {
			case m.IsCtor:
				if m.Body != nil {
					inst.ctors.fns = append(inst.ctors.fns, &function{decl: m, scope: s, owner: inst})
				}
			case strings.HasPrefix(m.Name, "~"):
				c.errs.Errorf(m.NameSpan, UnsupportedFeature, "destructors are not in the kernel language")
			default:
				c.collectFunc(m, s, inst)
			}
		case *parse.AliasDecl:
			c.collectAlias(m, s)
		case *parse.StructDecl:
			c.collectStruct(m, s)
		case *parse.EnumDecl:
			c.enum(m, s)
		case *parse.StaticAssert:
			c.fn = cmpFn(c.fn)
			c.staticAssert(m, s)
		}
	}
	if st.Size = max((offset+st.Align-1)/st.Align*st.Align, 1); st.Size > maxStruct {
		c.errs.Errorf(d.NameSpan, InvalidSize, "%s has %d bytes", name, st.Size).Hint = fmt.Sprintf("a struct has at most %d: take an array out of it", maxStruct)
		typ.Kind = Invalid
	}
}

// fieldName is a data member as its own struct's scope sees it.
type fieldName struct{ index int }

// holdsArray reports whether values of t contain an array, so that they have
// to live in memory.
func (c *checker) holdsArray(t *Type) bool {
	if t.Kind == StructKind {
		return c.structs[t.Struct].array
	}
	return t.Kind == Array
}

// ctorBody turns a constructor into a function that makes and returns the
// value: a local this, its member initialisers, and the written body.
func (c *checker) ctorBody(f *function, s *scope, ctx *funcCtx) *Block {
	inst := f.owner
	self := ctx.this
	self.Addressed = inst.array
	b := &Block{Stmts: []Stmt{&DeclStmt{V: self, Span: f.decl.Span, Init: c.defaultFields(inst, f.decl, s)}}}
	me := func(span source.Span) Expr { return &VarRef{Typed{inst.typ, span}, self} }
	for _, init := range f.decl.Inits {
		fn, ok := inst.scope.names[init.Name].(*fieldName)
		if !ok {
			c.errs.Errorf(init.Span, NoMember, "%s has no field %s to initialise", inst.typ, init.Name)
			continue
		}
		ft := inst.typ.Struct.Fields[fn.index].Type
		var v Expr
		if len(init.Args) == 1 {
			v = c.initExpr(init.Args[0], ft, s)
		} else {
			v = c.construct(ft, init.Args, s, init.Span)
		}
		lhs := &FieldSel{Typed{ft, init.Span}, me(init.Span), fn.index}
		b.Stmts = append(b.Stmts, &ExprStmt{&Assign{Typed{ft, init.Span}, lhs, v}})
	}
	if f.decl.Body != nil {
		ctx.ret = TVoid // return; in a constructor
		body := c.block(f.decl.Body, s)
		ctx.ret = inst.typ
		if hasReturn(body) {
			c.errs.Errorf(f.decl.NameSpan, UnsupportedFeature, "a return inside a constructor is not in the kernel language")
		}
		b.Stmts = append(b.Stmts, body)
	}
	b.Stmts = append(b.Stmts, &Return{X: me(f.decl.NameSpan), Span: f.decl.NameSpan})
	return b
}

// defaultFields returns the value of a struct's default member initialisers,
// or nil if it has none.
func (c *checker) defaultFields(inst *structInst, d *parse.FuncDecl, s *scope) Expr {
	vals := c.fieldInits(inst, 0, func(name string) bool {
		return d != nil && slices.ContainsFunc(d.Inits, func(i *parse.CtorInit) bool { return i.Name == name })
	})
	if !slices.ContainsFunc(vals, func(e Expr) bool { return e != nil }) {
		return nil
	}
	return &Construct{Typed{inst.typ, inst.decl.NameSpan}, vals}
}

func hasReturn(s Stmt) bool {
	switch s := s.(type) {
	case *Return:
		return true
	case *Block:
		for _, t := range s.Stmts {
			if hasReturn(t) {
				return true
			}
		}
	case *If:
		return hasReturn(s.Then) || s.Else != nil && hasReturn(s.Else)
	case *For:
		return hasReturn(s.Body)
	case *Do:
		return hasReturn(s.Body)
	case *Switch:
		for _, k := range s.Cases {
			for _, t := range k.Stmts {
				if hasReturn(t) {
					return true
				}
			}
		}
	}
	return false
}

// aliasOf resolves an alias template.
func (c *checker) aliasOf(a *aliasTemplate, written []parse.Node, s *scope, span source.Span) *Type {
	args := c.explicitArgs(a.decl.Template, written, s, a.scope)
	inner := newScope(a.scope)
	if args == nil {
		c.errs.Errorf(span, WrongArgCount, "too many template arguments for %s", a.decl.Name)
		return TInvalid
	}
	if !c.bindTemplate(a.decl.Template, args, inner, span, a.decl.Name) {
		return TInvalid
	}
	if c.depth >= maxDepth {
		panic(bailout{span, "templates nest without end, or nearly so"})
	}
	c.depth++
	defer func() { c.depth-- }()
	return c.plainType(a.decl.Type, inner)
}
