package parse

// This file implements the name tables: which names are types or templates
// where, so that T(x), (T)x and f<T>(x) parse.

import "strconv"

// A class says what a name stands for, as far as parsing needs it.
type class uint8

const (
	unknown      class = iota
	value              // anything that is no type and no template
	typeName           // a type
	typeTemplate       // a template of types: name<...> is a type
	funcTemplate       // a template of functions or variables: name<...> is a value
	scopeType          // a type whose members are written name::member, as those of an enum of Metal
	bitCast            // as_type
)

func (c class) isType() bool { return c == typeName || c == typeTemplate || c == scopeType }

// An entry is what is known of a name.
type entry struct {
	class  class
	nested map[string]class // types declared inside a struct
}

// builtinTypes are Metal's types. Scalars that are keywords are not here.
var builtinTypes = func() map[string]class {
	m := map[string]class{}
	scalars := []string{"bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "half", "bfloat", "float", "double"}
	for _, s := range scalars {
		m[s] = typeName
		for n := 2; n <= 4; n++ {
			m[s+strconv.Itoa(n)] = typeName
			m["packed_"+s+strconv.Itoa(n)] = typeName
		}
	}
	for _, s := range []string{"float", "half", "bfloat", "double"} {
		for n := '2'; n <= '4'; n++ {
			for k := '2'; k <= '4'; k++ {
				m[s+string(n)+"x"+string(k)] = typeName
			}
		}
		m["simdgroup_"+s+"8x8"] = typeName
	}
	for _, s := range []string{
		"size_t", "ptrdiff_t", "uintptr_t", "intptr_t", "int8_t", "int16_t", "int32_t", "int64_t", "uint8_t", "uint16_t",
		"uint32_t", "uint64_t", "float16_t", "bfloat16_t", "float32_t", "__bf16", "__fp16", "_Float16", "wchar_t",
		"atomic_int", "atomic_uint", "atomic_bool", "atomic_float", "atomic_ulong", "atomic_long", "sampler",
		"simd_vote", "quad_vote", "vote_t", "true_type", "false_type", "os_log", "intersector", "acceleration_structure", "nullptr_t",
	} {
		m[s] = typeName
	}
	for _, s := range []string{
		"vec", "packed_vec", "matrix", "array", "array_ref", "atomic", "_atomic", "simdgroup_matrix", "numeric_limits",
		"texture1d", "texture1d_array", "texture2d", "texture2d_array", "texture2d_ms", "texture3d", "texturecube",
		"texturecube_array", "texture_buffer", "depth2d", "depth2d_array", "depthcube", "imageblock", "tensor",
		"cooperative_tensor", "is_same", "is_integral", "is_floating_point", "is_signed", "is_unsigned", "is_arithmetic",
		"is_scalar", "is_pointer", "enable_if", "enable_if_t", "conditional", "conditional_t", "integral_constant",
		"bool_constant", "remove_cv", "remove_cv_t", "remove_const", "remove_const_t", "remove_reference",
		"remove_reference_t", "remove_pointer", "remove_pointer_t", "remove_addrspace", "remove_addrspace_t", "make_unsigned", "make_unsigned_t", "make_signed",
		"make_signed_t", "decay", "decay_t", "is_convertible", "underlying_type", "add_const", "visible_function_table", "intersection_function_table", "patch_control_point",
	} {
		m[s] = typeTemplate
	}
	for _, s := range []string{
		"is_same_v", "is_integral_v", "is_floating_point_v", "is_signed_v", "is_unsigned_v", "is_arithmetic_v",
		"is_convertible_v", "make_filled_simdgroup_matrix",
	} {
		m[s] = funcTemplate
	}
	for _, s := range []string{"mem_flags", "memory_order", "thread_scope"} {
		m[s] = scopeType
	}
	m["as_type"] = bitCast
	return m
}()

// A binding is a local name's meaning before the innermost scope changed it.
type binding struct {
	name string
	old  entry
	had  bool
}

// names are the tables. Locals are scoped by an undo log.
type names struct {
	globals map[string]entry
	locals  map[string]entry
	log     []binding
	depth   int             // open local scopes
	methods map[string]bool // method templates of all structs
}

func (n *names) lookup(name string) entry {
	if len(n.locals) > 0 {
		if e, ok := n.locals[name]; ok {
			return e
		}
	}
	return n.global(name)
}

func (n *names) global(name string) entry {
	if e, ok := n.globals[name]; ok {
		return e
	}
	if c, ok := builtinTypes[name]; ok {
		return entry{class: c}
	}
	if n.methods[name] {
		return entry{class: funcTemplate}
	}
	return entry{}
}

// declare gives a name a meaning in the innermost scope.
func (n *names) declare(name string, e entry) {
	if name == "" {
		return
	}
	if n.depth == 0 {
		if n.globals == nil {
			n.globals = map[string]entry{}
		}
		if old := n.globals[name]; old.class == funcTemplate && e.class == value {
			return // an overload that is no template
		}
		n.globals[name] = e
		return
	}
	if n.locals == nil {
		n.locals = map[string]entry{}
	}
	old, had := n.locals[name]
	n.log = append(n.log, binding{name, old, had})
	n.locals[name] = e
}

// declareValue declares a variable. Only names that stand for a type or a
// template so far need an entry.
func (n *names) declareValue(name string) {
	if c := n.lookup(name).class; c != unknown && c != value {
		n.declare(name, entry{class: value})
	}
}

// open starts a scope; close ends it.
func (n *names) open() int {
	n.depth++
	return len(n.log)
}

func (n *names) close(mark int) {
	n.depth--
	for i := len(n.log) - 1; i >= mark; i-- {
		if b := &n.log[i]; b.had {
			n.locals[b.name] = b.old
		} else {
			delete(n.locals, b.name)
		}
	}
	n.log = n.log[:mark]
}

// declareDecl enters what a declaration declares.
func (n *names) declareDecl(d Decl) {
	switch d := d.(type) {
	case *FuncDecl:
		if d.Template != nil {
			n.declare(d.Name, entry{class: funcTemplate})
		} else if d.SpecArgs == nil {
			n.declareValue(d.Name)
		}
	case *StructDecl:
		n.declare(d.Name, n.structEntry(d))
		for _, v := range d.Vars {
			n.declareValue(v.Name)
		}
		n.declareMethods(d)
	case *AliasDecl:
		e := entry{class: typeName}
		if d.Template != nil {
			e.class = typeTemplate
		}
		if t, ok := d.Type.(*NamedType); ok && t.Of == nil {
			e.nested = n.lookup(t.Name).nested
		}
		n.declare(d.Name, e)
	case *VarDecl:
		if d.Template != nil {
			n.declare(d.Name, entry{class: funcTemplate})
		} else {
			n.declareValue(d.Name)
		}
	case *EnumDecl:
		n.declare(d.Name, entry{class: typeName})
		if !d.Scoped {
			for _, it := range d.Items {
				n.declareValue(it.Name)
			}
		}
	case *NamespaceDecl:
		for _, d := range d.Decls {
			n.declareDecl(d)
		}
	}
}

func (n *names) structEntry(d *StructDecl) entry {
	old := n.lookup(d.Name)
	e := entry{class: typeName, nested: old.nested}
	if d.Template != nil {
		e.class = typeTemplate
	}
	for _, m := range d.Members {
		name, c := "", typeName
		switch m := m.(type) {
		case *StructDecl:
			name = m.Name
			if m.Template != nil {
				c = typeTemplate
			}
		case *AliasDecl:
			name = m.Name
			if m.Template != nil {
				c = typeTemplate
			}
		case *EnumDecl:
			name = m.Name
		}
		if name != "" {
			if e.nested == nil {
				e.nested = map[string]class{}
			}
			e.nested[name] = c
		}
	}
	return e
}

func (n *names) declareMethods(d *StructDecl) {
	for _, m := range d.Members {
		switch m := m.(type) {
		case *FuncDecl:
			if m.Template != nil && !m.IsCtor {
				if n.methods == nil {
					n.methods = map[string]bool{}
				}
				n.methods[m.Name] = true
			}
		case *StructDecl:
			n.declareMethods(m)
		}
	}
}

// nearest returns the candidate closest to name in spelling, or "".
func nearest(name string, candidates []string) string {
	best, limit := "", 1+len(name)/4
	if len(name) < 3 {
		return ""
	}
	for _, c := range candidates {
		if d := distance(name, c, limit); d <= limit && c != name {
			if d < limit || best == "" {
				best = c
			}
			limit = d
		}
	}
	return best
}

// distance is the number of letters to insert, drop, change or swap, or
// something above limit.
func distance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 64 || len(b) > 64 {
		return limit + 1
	}
	var rows [3][65]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur, up, up2 := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			d := up[j-1]
			if a[i-1] != b[j-1] {
				d++
			}
			d = min(d, up[j]+1, cur[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, up2[j-2]+1)
			}
			cur[j] = d
		}
	}
	return rows[len(a)%3][len(b)]
}
