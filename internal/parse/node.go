// Package parse turns kernel text into a syntax tree: preprocessing, scanning
// and parsing of the Metal subset of C++.
//
// The parser knows which names are types (so that T(x) and (T)x parse), and
// nothing else about them. Macros are expanded before parsing; a node that
// came out of a macro has the position of the macro's use.
//
// This file implements the tree's nodes.
package parse

import "github.com/zmlx-go/zmlx/internal/source"

// A Tree is one kernel: the header's declarations and the body's statements.
type Tree struct {
	Decls []Decl // header, in order
	Body  *Block
}

// A Node is any part of a tree.
type Node interface{ Range() source.Span }

// At is the position part of every node.
type At struct{ Span source.Span }

func (a At) Range() source.Span { return a.Span }

// ---- Types

// A Space is an address space as written.
type Space uint8

const (
	NoSpace Space = iota
	Device
	Constant
	Threadgroup
	Thread
	ThreadgroupImageblock // refused by check
)

// A TypeExpr is a type as written: *NamedType, *PointerType, *RefType or
// *ArrayType.
type TypeExpr interface {
	Node
	typeExpr()
}

// NamedType is a simple type specifier with its qualifiers. Multi-word C
// spellings are one canonical Name ("unsigned int" is "uint", "long long" is
// "long"). "auto" is Name "auto". A decltype has Name "decltype" and X.
type NamedType struct {
	At
	Path     []string // qualifiers, such as "metal"; a leading :: is dropped
	Name     string
	Args     []Node   // template arguments: TypeExpr or Expr; nil if none were written
	HasArgs  bool     // <...> was written, perhaps empty
	Of       TypeExpr // X::Name where X is itself a type, such as Foo<T>::type; else nil
	X        Expr     // decltype(X)
	Const    bool
	Volatile bool
	Space    Space
}

// PointerType is Elem*.
type PointerType struct {
	At
	Elem  TypeExpr
	Const bool  // the pointer itself is const
	Space Space // the pointer's own space, if written
}

// RefType is Elem& or Elem&&.
type RefType struct {
	At
	Elem   TypeExpr
	RValue bool
}

// ArrayType is Elem[Len]; Len is nil for [].
type ArrayType struct {
	At
	Elem TypeExpr
	Len  Expr
}

func (*NamedType) typeExpr()   {}
func (*PointerType) typeExpr() {}
func (*RefType) typeExpr()     {}
func (*ArrayType) typeExpr()   {}

// ---- Declarations

// A Decl is a *FuncDecl, *StructDecl, *AliasDecl, *VarDecl, *EnumDecl,
// *StaticAssert or *NamespaceDecl. Using-directives leave no node.
type Decl interface {
	Node
	decl()
}

// A TemplateParam is one parameter of a template header.
type TemplateParam struct {
	At
	Name    string   // may be empty
	Type    TypeExpr // type of a value parameter; nil for a typename parameter
	Default Node     // TypeExpr or Expr; may be nil
	Pack    bool     // typename... Ts; refused by check
}

// A TemplateHead is template <...>. An explicit specialisation has no Params.
type TemplateHead struct {
	At
	Params []*TemplateParam
}

// A Param is one parameter of a function.
type Param struct {
	At
	Type    TypeExpr
	Name    string // may be empty
	Default Expr   // may be nil
}

// FuncDecl is a function, method, constructor, operator or conversion
// function.
type FuncDecl struct {
	At
	Template  *TemplateHead
	Name      string // "f"; operators are "operator+", "operator()", "operator[]"; conversions "operator T"
	NameSpan  source.Span
	SpecArgs  []Node   // explicit specialisation: f<float>
	Ret       TypeExpr // nil for constructors and conversion functions
	Conv      TypeExpr // target of a conversion function
	Params    []*Param
	Body      *Block // nil: only declared
	Inits     []*CtorInit
	IsCtor    bool
	Deleted   bool // = delete
	Default   bool // = default
	Static    bool
	Const     bool  // const method
	Space     Space // address space of *this, if written
	Constexpr bool
	Kernel    bool // declared kernel or [[kernel]]
}

// A CtorInit is one member initialiser, name(args).
type CtorInit struct {
	At
	Name string
	Args []Expr
}

// StructDecl is a struct or class.
type StructDecl struct {
	At
	Template *TemplateHead
	Name     string
	NameSpan source.Span
	SpecArgs []Node // specialisation: struct S<half>
	Bases    []TypeExpr
	Members  []Decl     // *VarDecl (fields, and statics with Static), *FuncDecl, *AliasDecl, *StructDecl, *StaticAssert
	Union    bool       // refused by check
	Declared bool       // only declared, no members
	Vars     []*VarDecl // struct S {...} a, b;
}

// AliasDecl is using Name = Type or typedef Type Name.
type AliasDecl struct {
	At
	Template *TemplateHead
	Name     string
	Type     TypeExpr
}

// InitStyle says how an initialiser was written.
type InitStyle uint8

const (
	NoInit    InitStyle = iota // T x;
	EqualInit                  // T x = e;   T x = {…};
	ParenInit                  // T x(a, b);
	BraceInit                  // T x{a, b};
)

// VarDecl is one declared variable or field.
type VarDecl struct {
	At
	Template  *TemplateHead // variable template
	Type      TypeExpr      // complete: pointers, references and arrays included
	Name      string
	NameSpan  source.Span
	Style     InitStyle
	Init      Expr   // EqualInit
	Args      []Expr // ParenInit, BraceInit
	Static    bool
	Constexpr bool
}

// EnumDecl is an enum; Scoped for enum class.
type EnumDecl struct {
	At
	Name   string
	Base   TypeExpr // may be nil
	Scoped bool
	Items  []*EnumItem
}

// An EnumItem is one enumerator.
type EnumItem struct {
	At
	Name string
	X    Expr // may be nil
}

// StaticAssert is static_assert(X, Msg). It is a Decl and a Stmt.
type StaticAssert struct {
	At
	X   Expr
	Msg string
}

// NamespaceDecl is namespace Name { Decls }.
type NamespaceDecl struct {
	At
	Name  string
	Decls []Decl
}

func (*FuncDecl) decl()      {}
func (*StructDecl) decl()    {}
func (*AliasDecl) decl()     {}
func (*VarDecl) decl()       {}
func (*EnumDecl) decl()      {}
func (*StaticAssert) decl()  {}
func (*NamespaceDecl) decl() {}

// ---- Statements

// A Stmt is a statement.
type Stmt interface {
	Node
	stmt()
}

type (
	// Block is { Stmts }.
	Block struct {
		At
		Stmts []Stmt
	}

	// DeclStmt declares variables, types or aliases in a block.
	DeclStmt struct {
		At
		Decls []Decl
	}

	// ExprStmt is X;
	ExprStmt struct {
		At
		X Expr
	}

	// EmptyStmt is a lone semicolon.
	EmptyStmt struct{ At }

	// If is if (Cond) Then else Else. Cond may be declared: if (T x = …) has
	// Var; if (init; cond) has Init.
	If struct {
		At
		Constexpr bool
		Init      Stmt
		Var       *VarDecl
		Cond      Expr
		Then      Stmt
		Else      Stmt
	}

	// For is for (Init; Cond; Post) Body; each part may be nil.
	For struct {
		At
		Init Stmt
		Cond Expr
		Post Expr
		Body Stmt
	}

	// While is while (Cond) Body.
	While struct {
		At
		Cond Expr
		Body Stmt
	}

	// Do is do Body while (Cond);
	Do struct {
		At
		Body Stmt
		Cond Expr
	}

	// Switch is switch (X) { Cases }.
	Switch struct {
		At
		X     Expr
		Cases []*Case
	}

	// Case is case X: Stmts or default: Stmts (X nil). Without a break it
	// falls through to the next.
	Case struct {
		At
		X     Expr
		Stmts []Stmt
	}

	// Jump is break or continue.
	Jump struct {
		At
		Continue bool
	}

	// Return is return X; X may be nil.
	Return struct {
		At
		X Expr
	}
)

func (*Block) stmt()        {}
func (*DeclStmt) stmt()     {}
func (*ExprStmt) stmt()     {}
func (*EmptyStmt) stmt()    {}
func (*If) stmt()           {}
func (*For) stmt()          {}
func (*While) stmt()        {}
func (*Do) stmt()           {}
func (*Switch) stmt()       {}
func (*Case) stmt()         {}
func (*Jump) stmt()         {}
func (*Return) stmt()       {}
func (*StaticAssert) stmt() {}

// ---- Expressions

// An Expr is an expression.
type Expr interface {
	Node
	expr()
}

type (
	// IntLit is an integer or character literal.
	IntLit struct {
		At
		Value    uint64
		Unsigned bool // u
		Long     bool // l, ll, or too large for 32 bits; as a decimal without u, for 31 bits
		Decimal  bool // not hex, octal, binary or character
		Char     bool
	}

	// FloatLit is a floating literal. Suffix is 0, 'f', 'h' or 'b' (bf).
	// Unsuffixed literals are float in Metal.
	FloatLit struct {
		At
		Text   string // digits without suffix, as strconv.ParseFloat reads them
		Value  float64
		Suffix byte
	}

	// BoolLit is true or false.
	BoolLit struct {
		At
		Value bool
	}

	// StringLit occurs only as an argument of functions that check refuses.
	StringLit struct {
		At
		Value string
	}

	// NullLit is nullptr.
	NullLit struct{ At }

	// This is this.
	This struct{ At }

	// Ident is a possibly qualified name, with template arguments if written.
	// The enumerators of Metal's own enums are such names too, as in
	// mem_flags::mem_none; those of declared enums are TypeMembers.
	Ident struct {
		At
		Path    []string
		Name    string
		Args    []Node // TypeExpr or Expr
		HasArgs bool
	}

	// TypeMember is Type::Name, a static member, as in Limits<T>::max.
	TypeMember struct {
		At
		Type    TypeExpr
		Name    string
		Args    []Node
		HasArgs bool
	}

	// Paren is (X).
	Paren struct {
		At
		X Expr
	}

	// Unary is a prefix operator: + - ! ~ * & ++ --
	Unary struct {
		At
		Op string
		X  Expr
	}

	// Postfix is X++ or X--.
	Postfix struct {
		At
		Op string
		X  Expr
	}

	// Binary is an infix operator, the comma and && || included.
	Binary struct {
		At
		Op     string
		OpSpan source.Span
		X, Y   Expr
	}

	// Assign is X = Y or a compound assignment such as +=.
	Assign struct {
		At
		Op     string
		OpSpan source.Span
		X, Y   Expr
	}

	// Cond is C ? X : Y.
	Cond struct {
		At
		C, X, Y Expr
	}

	// Call is Fn(Args); Fn is never a type.
	Call struct {
		At
		Fn   Expr
		Args []Expr
	}

	// Construct is Type(Args) or Type{Args}. With one argument in parentheses
	// it is a cast.
	Construct struct {
		At
		Type  TypeExpr
		Args  []Expr
		Brace bool
	}

	// Member is X.Name or X->Name.
	Member struct {
		At
		X        Expr
		Arrow    bool
		Name     string
		NameSpan source.Span
		Args     []Node
		HasArgs  bool
	}

	// Index is X[I].
	Index struct {
		At
		X, I Expr
	}

	// Cast is a cast with a keyword, or (Type)X. Kind is "", "static_cast",
	// "reinterpret_cast", "const_cast" or "as_type".
	Cast struct {
		At
		Kind string
		Type TypeExpr
		X    Expr
	}

	// InitList is {a, b, …}.
	InitList struct {
		At
		Elems []Expr
	}

	// Sizeof is sizeof(Type) or sizeof X, or alignof with Align.
	Sizeof struct {
		At
		Align bool
		Type  TypeExpr
		X     Expr
	}

	// Lambda is [capture](Params) -> Ret { Body }.
	Lambda struct {
		At
		ByRef  bool     // [&]
		ByCopy bool     // [=]
		Names  []string // listed captures, "&x" or "x"
		Params []*Param
		Ret    TypeExpr // may be nil
		Body   *Block
	}
)

func (*IntLit) expr()     {}
func (*FloatLit) expr()   {}
func (*BoolLit) expr()    {}
func (*StringLit) expr()  {}
func (*NullLit) expr()    {}
func (*This) expr()       {}
func (*Ident) expr()      {}
func (*TypeMember) expr() {}
func (*Paren) expr()      {}
func (*Unary) expr()      {}
func (*Postfix) expr()    {}
func (*Binary) expr()     {}
func (*Assign) expr()     {}
func (*Cond) expr()       {}
func (*Call) expr()       {}
func (*Construct) expr()  {}
func (*Member) expr()     {}
func (*Index) expr()      {}
func (*Cast) expr()       {}
func (*InitList) expr()   {}
func (*Sizeof) expr()     {}
func (*Lambda) expr()     {}

// A Config says what a kernel's text may take for granted.
type Config struct {
	// Types are names that are types in the body though no text declares
	// them: the kernel's typename template arguments.
	Types []string

	// Values are names that are values in the body: inputs, outputs,
	// attributes, and int and bool template arguments. They hide types of the
	// same name.
	Values []string

	// Defines are macros that are defined from the start, name to text.
	Defines map[string]string

	// Prelude holds declarations that come before the header, already parsed.
	Prelude []Decl
}
