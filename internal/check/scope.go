package check

// This file implements scopes: what a name means where.

import (
	"slices"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// An object is what a name stands for: *Var, *constant, *typeName, *overloads,
// *structTemplate, *aliasTemplate or *namespace.
type object any

type (
	// constant is a name whose value is known: a template argument, an
	// enumerator, a static constexpr member.
	constant struct{ val *Const }

	// typeName is a type that has a name.
	typeName struct {
		typ   *Type
		decl  *lazyType // declared, not yet resolved
		items *scope    // the enumerators, of an enumeration
	}

	// lazyType is an alias or struct that is resolved when first used.
	lazyType struct {
		alias *parse.AliasDecl
		str   *parse.StructDecl
		scope *scope
		busy  bool
	}

	// overloads are the functions of one name in one scope.
	overloads struct{ fns []*function }

	// function is a declared function, perhaps a template.
	function struct {
		decl   *parse.FuncDecl
		scope  *scope        // where it was declared
		owner  *structInst   // methods
		specs  []*function   // explicit specialisations of a template
		lambda *parse.Lambda // instead of decl
	}

	// structTemplate is a class template with its specialisations.
	structTemplate struct {
		primary *parse.StructDecl
		specs   []*parse.StructDecl
		scope   *scope
		insts   map[string]*structInst
	}

	// aliasTemplate is template <…> using X = …
	aliasTemplate struct {
		decl  *parse.AliasDecl
		scope *scope
	}

	// namespace is a named group of declarations.
	namespace struct{ scope *scope }

	// lazyVar is a file-scope variable or static member, typed when used.
	lazyVar struct {
		decl  *parse.VarDecl
		scope *scope
		obj   object              // *Var or *constant, once known
		insts map[string]*lazyVar // of a variable template
		busy  bool
	}
)

type scope struct {
	parent *scope
	names  map[string]object
	inst   *structInst // the struct whose members this scope holds, if any
}

func newScope(parent *scope) *scope { return &scope{parent: parent} }

func (s *scope) set(name string, o object) {
	if s.names == nil {
		s.names = make(map[string]object)
	}
	s.names[name] = o
}

// lookup finds a name in s or around it, and the scope that has it.
func (s *scope) lookup(name string) (object, *scope) {
	for ; s != nil; s = s.parent {
		if o, ok := s.names[name]; ok {
			return o, s
		}
	}
	return nil, nil
}

// visible returns the names in and around s that are near name, best first:
// for suggestions.
func (s *scope) near(name string, more []string) string {
	var all []string
	for ; s != nil; s = s.parent {
		for n := range s.names {
			all = append(all, n)
		}
	}
	all = append(all, more...)
	slices.Sort(all)
	return source.Nearest(name, all)
}
