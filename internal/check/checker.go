package check

// This file implements the entry point: from a syntax tree and a signature to
// a Program.

import (
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// Limits that keep hostile templates from running away.
const (
	maxInstances = 4096    // function and struct instances of one kernel
	maxDepth     = 200     // nested instantiations
	maxWork      = 1 << 20 // expressions, statements and overloads looked at
	maxDiags     = 200     // findings of one kernel
	maxSize      = 1 << 24 // bytes of one variable
	maxStruct    = 1 << 16 // bytes of one struct
	maxData      = 1 << 26 // bytes of all constant tables
)

// crash makes an internal error a panic, for tests: a user sees a finding.
var crash = false

// Kernel checks tree, whose body has the parameters of sig. Findings go to
// errs; if one is an error, Kernel returns nil.
func Kernel(set *source.Set, tree *parse.Tree, name string, sig *signature.Signature, errs *source.List) (prog *Program) {
	c := &checker{
		set:     set,
		errs:    errs,
		all:     errs,
		insts:   make(map[instKey]*funcInst),
		structs: make(map[*Struct]*structInst),
		closure: make(map[*Func]*closure),
		values:  make(map[*Var]*Const),
		refs:    make(map[*Var]Expr),
		results: make(map[*Func]qualType),
	}
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		prog = nil
		stop, ok := r.(bailout)
		switch {
		case ok && stop.msg != "":
			errs.Errorf(stop.span, TooComplex, "%s", stop.msg)
		case ok:
		case crash:
			panic(r)
		default:
			errs.Errorf(c.at, InternalError, "internal error: %v", r).Hint = "please report it with the kernel's text; the kernel itself may be right"
		}
	}()
	for _, p := range sig.Params {
		if p.DType == dtype.Float64 {
			c.double = true
		}
	}
	for _, t := range sig.Template {
		if t.Kind == signature.TypeArg && t.DType == dtype.Float64 {
			c.double = true
		}
	}

	c.prelude = newScope(nil)
	c.collect(preludeDecls(), c.prelude)
	c.file = newScope(c.prelude)
	c.collect(tree.Decls, c.file)

	prog = &Program{Name: name, Set: set, Sig: sig}
	kernel := newScope(c.file)
	c.kernelScope(kernel, prog, sig)
	body := newScope(kernel)
	c.fn = &funcCtx{ret: TVoid, kernel: true}
	prog.Body = c.block(tree.Body, body)
	c.checkUnused(tree.Decls)
	if errs.Err() != nil {
		return nil
	}
	if c.dropped.Valid() {
		if crash {
			panic("a statement was dropped without an error")
		}
		errs.Errorf(c.dropped, InternalError, "internal error: this statement has no meaning, and no error says why").Hint = "please report it with the kernel's text"
		return nil
	}
	return prog
}

// tick counts work, so that no text keeps the checker busy for long.
func (c *checker) tick(span source.Span) {
	if span.Valid() {
		c.at = span
	}
	if c.work++; c.work > maxWork {
		panic(bailout{c.at, "this kernel, with all its templates instantiated, is too large"})
	}
	if len(c.errs.Diags) > maxDiags {
		panic(bailout{}) // enough has been said
	}
}

// drop notes that a statement was left out because something in it has no
// meaning: an error must say what.
func (c *checker) drop(span source.Span) {
	if c.trial == 0 {
		c.dropped = span
	}
}

// hard runs f outside any trial: in the bodies of templates and structs a
// fault is an error, as in C++, and not a reason to try another overload.
func (c *checker) hard(f func()) {
	saved, trial := c.errs, c.trial
	c.errs, c.trial = c.all, 0
	defer func() { c.errs, c.trial = saved, trial }()
	f()
}

// try runs f with findings kept apart, and returns those.
func (c *checker) try(f func()) []source.Diag {
	saved := c.errs
	c.errs = &source.List{Set: saved.Set}
	c.trial++
	defer func() { c.errs = saved; c.trial-- }()
	f()
	return c.errs.Diags
}

// A bailout ends a check that would not end by itself; without a message,
// one that has reported enough.
type bailout struct {
	span source.Span
	msg  string
}

type checker struct {
	set  *source.Set
	errs *source.List // where findings go: all, or those of an overload being tried
	all  *source.List // the kernel's findings

	prelude *scope
	file    *scope
	double  bool // the type double exists in this kernel

	insts   map[instKey]*funcInst
	structs map[*Struct]*structInst
	closure map[*Func]*closure
	values  map[*Var]*Const    // constants whose value is known
	refs    map[*Var]Expr      // what local references name
	results map[*Func]qualType // return types as declared, of functions that return references
	depth   int
	work    int
	fuel    int           // steps left to the constant expression being evaluated
	data    int           // bytes of constant tables
	why     []source.Diag // what spoke against the overload tried last
	trial   int           // overloads being tried: findings may come to nothing
	user    bool          // inside a user-defined conversion, where there is no second one

	at      source.Span // what is being looked at, for internal errors
	dropped source.Span // a statement left out
	fn      *funcCtx    // the function being checked
}

// A funcCtx is the state of checking one function's body.
type funcCtx struct {
	fn     *Func // nil for the kernel
	ret    *Type // nil: deduced from the first return
	kernel bool
	this   *Var
	owner  *structInst
	loops  int // loops and switches around the current statement
	breaks int
	nret   int
	infer  bool // ret was deduced from a return
}

// kernelScope declares the parameters, attributes and template arguments that
// the generated signature gives the body.
func (c *checker) kernelScope(s *scope, prog *Program, sig *signature.Signature) {
	for _, t := range sig.Template {
		switch t.Kind {
		case signature.TypeArg:
			s.set(t.Name, &typeName{typ: c.dtypeType(t.DType)})
		case signature.IntArg:
			s.set(t.Name, &constant{val: intConst(TInt, int64(t.Int))})
		case signature.BoolArg:
			s.set(t.Name, &constant{val: boolConst(t.Bool)})
		}
	}
	for i, p := range sig.Params {
		elem := c.dtypeType(p.DType)
		space := Device
		if p.Constant {
			space = Constant
		}
		v := &Var{Name: p.Name, Kind: BufferVar, Index: i}
		switch p.Kind {
		case signature.InputScalar, signature.InputNDim:
			v.Kind, v.Type, v.ReadOnly = ScalarVar, elem, true
		case signature.OutputBuffer:
			if p.Atomic {
				elem = &Type{Kind: Atomic, Elem: elem}
			}
			v.Type = PointerTo(elem, Device, false)
		default:
			v.Type = PointerTo(elem, space, true)
		}
		prog.Params = append(prog.Params, v)
		prog.DTypes = append(prog.DTypes, p.DType)
		s.set(p.Name, v)
	}
	for _, a := range sig.Attributes {
		v := &Var{Name: a.Name, Kind: AttrVar, Attr: a.Name, Type: TUInt}
		if a.Vector {
			v.Type = VectorOf(TUInt, 3)
		}
		s.set(a.Name, v)
	}
}

// dtypeType returns the language's type of a buffer's elements.
func (c *checker) dtypeType(d dtype.DType) *Type {
	switch d {
	case dtype.Bool:
		return TBool
	case dtype.Uint8:
		return TUChar
	case dtype.Uint16:
		return TUShort
	case dtype.Uint32:
		return TUInt
	case dtype.Uint64:
		return TULong
	case dtype.Int8:
		return TChar
	case dtype.Int16:
		return TShort
	case dtype.Int32:
		return TInt
	case dtype.Int64:
		return TLong
	case dtype.Float16:
		return THalf
	case dtype.BFloat16:
		return TBFloat
	case dtype.Float32:
		return TFloat
	case dtype.Float64:
		return TDouble
	case dtype.Complex64:
		if o, s := c.prelude.lookup("complex64_t"); o != nil {
			if t := c.typeOfObject(o, s, source.Span{}); t != nil {
				return t
			}
		}
	}
	return TInvalid
}

// collect declares file-scope or namespace declarations without checking
// them: what they mean is worked out when they are used.
func (c *checker) collect(decls []parse.Decl, s *scope) {
	for _, d := range decls {
		switch d := d.(type) {
		case *parse.FuncDecl:
			c.collectFunc(d, s, nil)
		case *parse.StructDecl:
			c.collectStruct(d, s)
		case *parse.AliasDecl:
			c.collectAlias(d, s)
		case *parse.VarDecl:
			if c.redeclared(s, d.Name, d.NameSpan) {
				continue
			}
			s.set(d.Name, &lazyVar{decl: d, scope: s})
		case *parse.EnumDecl:
			c.enum(d, s)
		case *parse.StaticAssert:
			c.fn = &funcCtx{ret: TVoid}
			c.staticAssert(d, s)
			c.fn = nil
		case *parse.NamespaceDecl:
			ns, ok := s.names[d.Name].(*namespace)
			if !ok {
				ns = &namespace{scope: newScope(s)}
				if d.Name == "" || d.Name == "metal" {
					ns.scope = s
				} else {
					s.set(d.Name, ns)
				}
			}
			c.collect(d.Decls, ns.scope)
		}
	}
}

func (c *checker) collectFunc(d *parse.FuncDecl, s *scope, owner *structInst) {
	f := &function{decl: d, scope: s, owner: owner}
	if d.Body == nil && !d.Deleted && !d.Default {
		return // a prototype: the definition follows
	}
	switch o := s.names[d.Name].(type) {
	case nil:
		s.set(d.Name, &overloads{fns: []*function{f}})
	case *overloads:
		if d.Template != nil && len(d.Template.Params) == 0 { // explicit specialisation
			for _, g := range o.fns {
				if g.decl.Template != nil {
					g.specs = append(g.specs, f)
				}
			}
			return
		}
		o.fns = append(o.fns, f)
	default:
		c.redeclared(s, d.Name, d.NameSpan)
	}
}

func (c *checker) collectStruct(d *parse.StructDecl, s *scope) {
	if d.Union {
		c.errs.Errorf(d.Span, UnsupportedFeature, "unions are not in the kernel language").Hint = "use as_type<T>(x) to see the same bits as another type"
	}
	for _, v := range d.Vars {
		defer func() { s.set(v.Name, &lazyVar{decl: v, scope: s}) }()
	}
	old := s.names[d.Name]
	if d.Template == nil {
		if tn, ok := old.(*typeName); ok && tn.decl != nil && tn.decl.str != nil && tn.decl.str.Declared {
			old = nil
		}
		if old != nil {
			if !d.Declared {
				c.redeclared(s, d.Name, d.NameSpan)
			}
			return
		}
		s.set(d.Name, &typeName{decl: &lazyType{str: d, scope: s}})
		return
	}
	t, ok := old.(*structTemplate)
	if !ok {
		if old != nil {
			c.redeclared(s, d.Name, d.NameSpan)
			return
		}
		t = &structTemplate{scope: s, insts: make(map[string]*structInst)}
		s.set(d.Name, t)
	}
	switch {
	case d.SpecArgs != nil:
		t.specs = append(t.specs, d)
	case t.primary == nil || t.primary.Declared:
		t.primary = d
	case !d.Declared:
		c.redeclared(s, d.Name, d.NameSpan)
	}
}

func (c *checker) collectAlias(d *parse.AliasDecl, s *scope) {
	if d.Template != nil {
		s.set(d.Name, &aliasTemplate{decl: d, scope: s})
		return
	}
	if _, again := s.names[d.Name].(*typeName); again {
		return // C++ lets a typedef be repeated
	}
	if c.redeclared(s, d.Name, d.Span) {
		return
	}
	s.set(d.Name, &typeName{decl: &lazyType{alias: d, scope: s}})
}

// enum declares an enumeration as integer constants.
func (c *checker) enum(d *parse.EnumDecl, s *scope) {
	c.fn = cmpFn(c.fn)
	t := TInt
	if d.Base != nil {
		t = c.plainType(d.Base, s)
	}
	items := s
	if d.Scoped {
		items = newScope(s)
	}
	next := int64(0)
	for _, it := range d.Items {
		if it.X != nil {
			if k := c.constInt(it.X, items); k != nil {
				next = int64(k.I)
			}
		}
		items.set(it.Name, &constant{val: intConst(t, next)})
		next++
	}
	if d.Name == "" {
		return
	}
	if c.redeclared(s, d.Name, d.Span) {
		return
	}
	s.set(d.Name, &typeName{typ: t, items: items})
}

// cmpFn returns f, or a context for checking outside any function.
func cmpFn(f *funcCtx) *funcCtx {
	if f != nil {
		return f
	}
	return &funcCtx{ret: TVoid}
}

// redeclared reports a second declaration of name in s.
func (c *checker) redeclared(s *scope, name string, span source.Span) bool {
	old, ok := s.names[name]
	if !ok || name == "" {
		return false
	}
	d := c.errs.Errorf(span, Redeclared, "%s is already declared in this scope", name)
	if v, ok := old.(*Var); ok && v.Span.Valid() {
		d.Notes = append(d.Notes, source.Note{Span: v.Span, Msg: "declared here first"})
	}
	return true
}

// checkUnused checks the header's functions that the body never called. Metal
// would refuse an error there too, but the kernel itself can run without it.
func (c *checker) checkUnused(decls []parse.Decl) {
	used := make(map[*parse.FuncDecl]bool, len(c.insts))
	for _, in := range c.insts {
		used[in.decl] = true
	}
	for _, d := range decls {
		f, ok := d.(*parse.FuncDecl)
		if !ok || f.Template != nil || f.Body == nil || used[f] {
			continue
		}
		for _, e := range c.unused(f) {
			if e.Severity == source.Error {
				e.Severity, e.Code = source.Warning, UnusedFunction
				e.Msg = "in a function that the kernel does not call: " + e.Msg
				if e.Hint == "" {
					e.Hint = "Metal refuses the whole kernel: mend the function, or take it out of the header"
				}
			}
			c.errs.Add(e)
		}
	}
}

// unused checks a function that nothing calls and returns what is found.
func (c *checker) unused(f *parse.FuncDecl) []source.Diag {
	saved, dropped := c.all, c.dropped
	defer func() { c.all, c.errs, c.dropped = saved, saved, dropped }()
	c.all = &source.List{Set: c.set}
	c.errs = c.all
	c.instantiate(&function{decl: f, scope: c.file}, nil, f.Span)
	return c.all.Diags
}
