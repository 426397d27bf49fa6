package check

// This file implements types as written: from a parse.TypeExpr to a Type.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A qualType is a type with what a declaration adds to it.
type qualType struct {
	*Type
	ref      bool
	readOnly bool  // const on the type itself
	space    Space // address space of the object (or, for a reference, of what it names)
	auto     bool  // to be deduced; Type is nil
	autoPtr  bool  // auto*: the deduced type has to be a pointer
}

var scalarTypes = map[string]*Type{
	"void": TVoid, "bool": TBool, "char": TChar, "uchar": TUChar, "short": TShort, "ushort": TUShort,
	"int": TInt, "uint": TUInt, "long": TLong, "ulong": TULong, "half": THalf, "bfloat": TBFloat,
	"float": TFloat, "double": TDouble,
	"int8_t": TChar, "uint8_t": TUChar, "int16_t": TShort, "uint16_t": TUShort,
	"int32_t": TInt, "uint32_t": TUInt, "int64_t": TLong, "uint64_t": TULong,
	"size_t": TULong, "ptrdiff_t": TLong, "intptr_t": TLong, "uintptr_t": TULong, "ssize_t": TLong,
	"float16_t": THalf, "bfloat16_t": TBFloat, "float32_t": TFloat,
}

var atomicNames = map[string]*Type{
	"atomic_int": TInt, "atomic_uint": TUInt, "atomic_float": TFloat, "atomic_bool": TBool, "atomic_ulong": TULong, "atomic_long": TLong,
}

// matrixNames are the short names of simdgroup matrices.
var matrixNames = map[string]*Type{
	"simdgroup_float8x8": TFloat, "simdgroup_half8x8": THalf, "simdgroup_bfloat8x8": TBFloat,
}

func spaceOf(s parse.Space) Space {
	switch s {
	case parse.Device:
		return Device
	case parse.Constant:
		return Constant
	case parse.Threadgroup:
		return Threadgroup
	case parse.Thread:
		return Thread
	}
	return NoSpace
}

// plainType resolves a type where no reference and no auto can be.
func (c *checker) plainType(te parse.TypeExpr, s *scope) *Type {
	q := c.typ(te, s)
	if q.auto {
		c.errs.Errorf(te.Range(), NotAType, "auto cannot be used here")
		return TInvalid
	}
	return q.Type
}

// typ resolves a type.
func (c *checker) typ(te parse.TypeExpr, s *scope) qualType {
	switch te := te.(type) {
	case *parse.NamedType:
		q := qualType{readOnly: te.Const, space: spaceOf(te.Space)}
		if te.Space == parse.ThreadgroupImageblock {
			c.errs.Errorf(te.Span, UnsupportedFeature, "imageblocks are not in the kernel language")
		}
		switch te.Name {
		case "auto":
			q.auto = true
			return q
		case "decltype":
			saved := *c.fnCtx()
			q.Type = c.expr(te.X, s).Type()
			c.fn.nret = saved.nret
			return q
		}
		q.Type = c.named(te, s)
		if q.Type == TDouble && !c.double {
			c.errs.Errorf(te.Span, UnsupportedFeature, "Metal has no double").Hint = "use float; double exists only in kernels with float64 arrays, which run on CPUs alone"
			q.Type = TFloat
		}
		return q
	case *parse.PointerType:
		e := c.typ(te.Elem, s)
		if e.ref {
			c.errs.Errorf(te.Span, NotAType, "there are no pointers to references")
		}
		q := qualType{readOnly: te.Const, space: spaceOf(te.Space)}
		if e.auto {
			q.auto, q.autoPtr = true, true
			return q
		}
		if e.Kind == Invalid {
			q.Type = TInvalid
			return q
		}
		q.Type = PointerTo(e.Type, e.space, e.readOnly)
		return q
	case *parse.RefType:
		e := c.typ(te.Elem, s)
		e.ref = true
		if e.Type != nil && e.Kind == Void {
			c.errs.Errorf(te.Span, NotAType, "there are no references to void")
			e.Type = TInvalid
		}
		e.readOnly = e.readOnly && !te.RValue || e.space == Constant
		return e
	case *parse.ArrayType:
		e := c.typ(te.Elem, s)
		if e.auto {
			c.errs.Errorf(te.Span, NotAType, "an array of auto has no element type")
			return qualType{Type: TInvalid}
		}
		switch {
		case e.ref:
			c.errs.Errorf(te.Span, NotAType, "there are no arrays of references")
			return qualType{Type: TInvalid}
		case e.Kind == Void || e.Kind == Closure || e.Kind == Array && e.Len < 0:
			c.errs.Errorf(te.Span, NotAType, "there are no arrays of %s", e.Type)
			return qualType{Type: TInvalid}
		case e.Kind == Invalid:
			return e
		}
		n := -1 // from the initialiser
		if te.Len != nil {
			n = c.arrayLen(te.Len, s, e.Type)
		}
		e.Type = ArrayOf(e.Type, n)
		return e
	}
	return qualType{Type: TInvalid}
}

func (c *checker) fnCtx() *funcCtx {
	c.fn = cmpFn(c.fn)
	return c.fn
}

// arrayLen evaluates an array's length.
func (c *checker) arrayLen(x parse.Expr, s *scope, elem *Type) int {
	k := c.constInt(x, s)
	if k == nil {
		return 1
	}
	return c.checkLen(int64(k.I), k.T, elem, x.Range())
}

// checkLen reports a length that no array of elem can have.
func (c *checker) checkLen(n int64, t, elem *Type, span source.Span) int {
	if n < 0 && t.Kind != ULong || uint64(n) > uint64(maxSize/max(elem.Size(), 1)) {
		d := c.errs.Errorf(span, InvalidSize, "an array cannot have %d elements", n)
		if t.Kind == ULong {
			d.Msg = fmt.Sprintf("an array cannot have %d elements", uint64(n))
		}
		if n > 0 || t.Kind == ULong {
			d.Hint = fmt.Sprintf("a variable has at most %d bytes", maxSize)
		}
		return 1
	}
	return int(n)
}

// named resolves a simple type name.
func (c *checker) named(te *parse.NamedType, s *scope) *Type {
	if te.Of != nil {
		return c.memberType(te, s)
	}
	from := s
	path := te.Path
	for len(path) > 0 {
		if path[0] == "metal" || path[0] == "std" || path[0] == "mlx" || path[0] == "simd_vote" || path[0] == "quad_vote" || path[0] == "" {
			path = path[1:]
			continue
		}
		o, in := from.lookup(path[0])
		switch o := o.(type) {
		case *namespace:
			from = o.scope
		case *typeName:
			if o.items != nil {
				from = o.items
				break
			}
			t := c.typeOfObject(o, in, te.Span)
			inst := c.structs[t.structOrNil()]
			if inst == nil {
				c.errs.Errorf(te.Span, NoMember, "%s has no member types", t)
				return TInvalid
			}
			from = inst.scope
		default:
			c.errs.Errorf(te.Span, UndeclaredName, "no namespace %s", path[0])
			return TInvalid
		}
		path = path[1:]
	}
	if o, in := from.lookup(te.Name); o != nil {
		switch o := o.(type) {
		case *typeName:
			if te.HasArgs {
				c.errs.Errorf(te.Span, NotAType, "%s is not a template", te.Name)
			}
			return c.typeOfObject(o, in, te.Span)
		case *structTemplate:
			if !te.HasArgs && in.instOf(o) != nil { // the name inside its own definition
				return in.instOf(o).typ
			}
			return c.structOf(o, te.Args, s, te.Span)
		case *aliasTemplate:
			return c.aliasOf(o, te.Args, s, te.Span)
		default:
			c.errs.Errorf(te.Span, NotAType, "%s is not a type here", te.Name)
			return TInvalid
		}
	}
	if t := c.builtinType(te, s); t != nil {
		return t
	}
	d := c.errs.Errorf(te.Span, UndeclaredType, "no type %s", te.Name)
	if near := s.near(te.Name, typeWords); near != "" {
		d.Hint = "did you mean " + near + "?"
	}
	return TInvalid
}

var typeWords = []string{"float", "half", "bfloat", "int", "uint", "uchar", "ushort", "short", "long", "ulong", "bool", "float2", "float3", "float4", "half4", "uint2", "uint3", "uint4", "int2", "int4", "size_t"}

// instOf returns the instance of t whose members s (or a scope around it)
// holds.
func (s *scope) instOf(t *structTemplate) *structInst {
	for ; s != nil; s = s.parent {
		if s.inst != nil && s.inst.tmpl == t {
			return s.inst
		}
	}
	return nil
}

func (t *Type) structOrNil() *Struct {
	if t == nil {
		return nil
	}
	return t.Struct
}

// memberType resolves X::Name where X is a templated type.
func (c *checker) memberType(te *parse.NamedType, s *scope) *Type {
	of := c.plainType(te.Of, s)
	if inst := c.structs[of.Struct]; inst != nil {
		if o, ok := inst.scope.names[te.Name]; ok {
			if t := c.typeOfObject(o, inst.scope, te.Span); t != nil {
				return t
			}
		}
	}
	if of.Kind != Invalid {
		c.errs.Errorf(te.Span, NoMember, "%s has no type called %s", of, te.Name)
	}
	return TInvalid
}

// typeOfObject returns the type that o names, resolving it if need be, or nil
// if o is not a type.
func (c *checker) typeOfObject(o object, in *scope, span source.Span) *Type {
	tn, ok := o.(*typeName)
	if !ok {
		return nil
	}
	if tn.typ != nil {
		return tn.typ
	}
	l := tn.decl
	if l.busy {
		c.errs.Errorf(span, Recursion, "a type cannot contain itself")
		return TInvalid
	}
	l.busy = true
	c.hard(func() { c.resolve(tn, l, span) })
	l.busy = false
	return tn.typ
}

// resolve works out a type's declaration.
func (c *checker) resolve(tn *typeName, l *lazyType, span source.Span) {
	if l.alias != nil {
		q := c.typ(l.alias.Type, l.scope)
		tn.typ = q.Type
		if q.auto || tn.typ == nil {
			tn.typ = TInvalid
		}
	} else {
		tn.typ = c.plainStruct(tn, l, span)
	}
}

// builtinType resolves the names of the language's own types.
func (c *checker) builtinType(te *parse.NamedType, s *scope) *Type {
	name := te.Name
	if t := scalarTypes[name]; t != nil {
		return t
	}
	if t := vectorName(name); t != nil {
		return t
	}
	if t := atomicNames[name]; t != nil {
		return &Type{Kind: Atomic, Elem: t}
	}
	if t := matrixNames[name]; t != nil {
		return &Type{Kind: Matrix, Elem: t}
	}
	switch name {
	case "vec", "packed_vec", "array", "atomic", "_atomic", "simdgroup_matrix":
		return c.builtinTemplate(te, s)
	case "simd_vote", "vote_t", "quad_vote":
		return TULong
	case "memory_order", "mem_flags", "thread_scope":
		return TInt
	}
	if unsupportedType(name) {
		c.errs.Errorf(te.Span, UnsupportedFeature, "%s is not in the kernel language", name).Hint = "only MLX on a Mac can run a kernel that uses it"
		return TInvalid
	}
	return nil
}

func unsupportedType(name string) bool {
	for _, p := range []string{"texture", "depth", "sampler", "imageblock", "cooperative_tensor", "tensor", "command_buffer", "render_command", "compute_command", "intersection", "ray", "visible_function_table", "acceleration_structure", "primitive_acceleration", "instance_acceleration"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	// matrix types such as float4x4
	if i := len(name) - 3; i > 0 && name[i+1] == 'x' && isDim(name[i]) && isDim(name[i+2]) && scalarTypes[name[:i]] != nil {
		return true
	}
	return false
}

func isDim(b byte) bool { return b >= '2' && b <= '4' }

// vectorName resolves float4, packed_half3 and the like.
func vectorName(name string) *Type {
	elem, packed := strings.CutPrefix(name, "packed_")
	n := len(elem) - 1
	if n < 1 || !isDim(elem[n]) {
		return nil
	}
	switch elem[:n] {
	case "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "half", "bfloat", "float", "float16_t", "bfloat16_t":
		t := VectorOf(scalarTypes[elem[:n]], int(elem[n]-'0'))
		t.Packed = packed
		return t
	}
	return nil
}

func (c *checker) builtinTemplate(te *parse.NamedType, s *scope) *Type {
	arg := func(i int) *Type {
		if i >= len(te.Args) {
			c.errs.Errorf(te.Span, WrongArgCount, "%s needs %d template arguments", te.Name, i+1)
			return TInvalid
		}
		before := len(c.errs.Diags)
		a := c.templateArg(te.Args[i], s, nil)
		if a.typ == nil && len(c.errs.Diags) > before {
			return TInvalid
		}
		if a.typ == nil {
			c.errs.Errorf(te.Args[i].Range(), NotAType, "template argument %d of %s has to be a type", i+1, te.Name)
			return TInvalid
		}
		return a.typ
	}
	num := func(i int) int {
		if i >= len(te.Args) {
			c.errs.Errorf(te.Span, WrongArgCount, "%s needs %d template arguments", te.Name, i+1)
			return 1
		}
		a := c.templateArg(te.Args[i], s, TInt)
		if a.val == nil {
			c.errs.Errorf(te.Args[i].Range(), NotConstant, "template argument %d of %s has to be a number", i+1, te.Name)
			return 1
		}
		return int(int64(a.val.I))
	}
	elem := arg(0)
	if elem.Kind == Invalid {
		return TInvalid
	}
	switch te.Name {
	case "vec", "packed_vec":
		n := num(1)
		if n == 1 && elem.IsScalar() {
			return elem
		}
		if n < 2 || n > 4 && n != 8 && n != 16 || !elem.IsScalar() {
			c.errs.Errorf(te.Span, InvalidSize, "there is no vector of %d %s", n, elem).Hint = "vectors have 2, 3, 4, 8 or 16 scalar elements"
			return TInvalid
		}
		t := VectorOf(elem, n)
		t.Packed = te.Name == "packed_vec"
		return t
	case "array":
		return ArrayOf(elem, c.checkLen(int64(num(1)), TInt, elem, te.Span))
	case "simdgroup_matrix":
		if r, k := num(1), num(2); r != 8 || k != 8 {
			c.errs.Errorf(te.Span, UnsupportedFeature, "a %dx%d simdgroup_matrix is not in the kernel language", r, k).Hint = "only 8x8 exists"
		}
		if elem != THalf && elem != TBFloat && elem != TFloat {
			c.errs.Errorf(te.Span, InvalidSize, "there is no simdgroup_matrix of %s", elem).Hint = "elements are half, bfloat or float"
			return TInvalid
		}
		return &Type{Kind: Matrix, Elem: elem}
	default: // atomic
		switch elem.Kind {
		case Int, UInt, Float, ULong, Long, Bool:
		default:
			c.errs.Errorf(te.Span, NotAnAtomic, "Metal has no atomic<%s>", elem).Hint = "atomics exist for int, uint and float"
			return TInvalid
		}
		return &Type{Kind: Atomic, Elem: elem}
	}
}
