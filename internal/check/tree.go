package check

// This file implements the typed tree: what a checked kernel consists of.

import (
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Program is a checked kernel: one body with everything it calls, for given
// dtypes and template values.
type Program struct {
	Name   string
	Set    *source.Set
	Params []*Var // one for each signature.Param, in order, of kind BufferVar or ScalarVar
	Sig    *signature.Signature
	Body   *Block
	DTypes []dtype.DType // of Params
}

// A VarKind says where a variable lives.
type VarKind uint8

const (
	LocalVar       VarKind = iota // a variable of a block, or a by-value parameter
	RefVar                        // a reference: another name for the lvalue that initialises it
	ThreadgroupVar                // declared threadgroup, in the kernel's body
	GlobalVar                     // program-scope constant, and static constexpr arrays: Data
	BufferVar                     // a kernel parameter that is a pointer; may be assigned to
	ScalarVar                     // a 0-dim input: the value at its parameter's address
	AttrVar                       // a thread attribute: uint or uint3; may be assigned to
)

// A Var is a variable.
type Var struct {
	Name string
	Type *Type // of a RefVar: of what it refers to
	Kind VarKind
	Span source.Span

	Space     Space  // where the variable lives; of a RefVar: where what it refers to lives, NoSpace if that is not known
	Index     int    // BufferVar, ScalarVar: which parameter
	Attr      string // AttrVar: its name, such as "thread_position_in_grid"
	Data      []byte // GlobalVar: the value's bytes
	ReadOnly  bool   // declared const
	Used      bool   // read or written anywhere
	Assigned  bool   // assigned to after its declaration
	Addressed bool   // has to live in memory: its address is taken, or it is (or holds) an array
}

// A Func is a function after instantiation, a method or a lambda. Functions
// do not recurse; lowering expands each call in place.
type Func struct {
	Name   string
	Params []*Var // LocalVar or RefVar
	This   *Var   // RefVar of the struct's type, in methods
	Ret    *Type
	RetRef bool // returns a reference: a call is an lvalue
	Body   *Block
	Span   source.Span
}

// ---- Statements

// A Stmt is a typed statement.
type Stmt interface{ stmt() }

type (
	// Block is a list of statements in their own scope.
	Block struct{ Stmts []Stmt }

	// DeclStmt gives V its storage and, where Init is not nil, its value. For
	// a RefVar Init is the lvalue that it names.
	DeclStmt struct {
		V    *Var
		Init Expr
		Span source.Span
	}

	// ExprStmt evaluates X and drops its value.
	ExprStmt struct{ X Expr }

	// If has a Cond of type bool. Constant conditions of if constexpr leave
	// only the chosen branch.
	If struct {
		Cond Expr
		Then Stmt
		Else Stmt // may be nil
		Span source.Span
	}

	// For stands for while loops too. Cond (bool) and Post may be nil. Init
	// is in a scope around the loop.
	For struct {
		Init []Stmt
		Cond Expr
		Post Expr
		Body Stmt
		Span source.Span
	}

	// Do runs Body, then again while Cond is true.
	Do struct {
		Body Stmt
		Cond Expr
		Span source.Span
	}

	// Switch compares X (int, uint, long or ulong) with the cases' values.
	Switch struct {
		X     Expr
		Cases []*Case
		Span  source.Span
	}

	// Case is one label and the statements up to the next; without a Break at
	// its end it falls through.
	Case struct {
		Value *Const // nil: default
		Stmts []Stmt
	}

	// Jump leaves or continues the innermost loop, or (Break) switch.
	Jump struct {
		Continue bool
		Span     source.Span
	}

	// Return ends the function, or the kernel for this thread. X is nil for
	// void; an lvalue if the function's RetRef.
	Return struct {
		X    Expr
		Span source.Span
	}
)

func (*Block) stmt()    {}
func (*DeclStmt) stmt() {}
func (*ExprStmt) stmt() {}
func (*If) stmt()       {}
func (*For) stmt()      {}
func (*Do) stmt()       {}
func (*Switch) stmt()   {}
func (*Jump) stmt()     {}
func (*Return) stmt()   {}

// ---- Expressions

// An Expr is a typed expression. VarRef, Field and Swizzle of lvalues, Index
// into pointers and lvalues, Deref, Assign, AssignOp, prefix IncDec, calls of
// RetRef functions, and Cond of two lvalues are lvalues.
type Expr interface {
	Type() *Type
	Range() source.Span
}

// An Typed is the part every expression has.
type Typed struct {
	T    *Type
	Span source.Span
}

// Type returns the expression's type.
func (t *Typed) Type() *Type { return t.T }

// Range returns the expression's place in the text.
func (t *Typed) Range() source.Span { return t.Span }

// A BinaryOp is an operator of two operands.
type BinaryOp uint8

const (
	OpAdd BinaryOp = iota
	OpSub
	OpMul
	OpDiv
	OpRem
	OpAnd // & (also && and || of bool vectors)
	OpOr
	OpXor
	OpShl
	OpShr
	OpEq
	OpNe
	OpLt
	OpLe
	OpGt
	OpGe
)

type (
	// Const is a scalar constant: bool, integer or float; or nullptr (TNull).
	Const struct {
		Typed
		I uint64  // bool and integers, extended to 64 bits by the type's sign
		F float64 // floats, already rounded to the type
	}

	// VarRef is a variable.
	VarRef struct {
		Typed
		V *Var
	}

	// FieldSel is X.field; an lvalue if X is one.
	FieldSel struct {
		Typed
		X     Expr
		Field int
	}

	// Swizzle is one or more elements of a vector: the element type for one.
	Swizzle struct {
		Typed
		X     Expr
		Comps []int
	}

	// Index is X[I]: X is a pointer value, an lvalue of array type, or a
	// vector. I is int, uint, long or ulong.
	Index struct {
		Typed
		X, I Expr
	}

	// Deref is *X; X is a pointer.
	Deref struct {
		Typed
		X Expr
	}

	// AddrOf is &X; X is an lvalue in memory, or a Var that is Addressed.
	AddrOf struct {
		Typed
		X Expr
	}

	// Unary is '-' on numbers, '~' on integers, '!' on bool; vectors by
	// element.
	Unary struct {
		Typed
		Op byte
		X  Expr
	}

	// Binary has operands of one type (int, uint, long, ulong, floats, bool
	// for & | ^ == !=, vectors of any element type, pointers for
	// comparisons), except that a shift count may have any integer type of as
	// many elements. Comparisons give bool or a vector of bool.
	Binary struct {
		Typed
		Op   BinaryOp
		X, Y Expr
	}

	// Logical is && (And) or || of two bools; Y is evaluated if needed.
	Logical struct {
		Typed
		And  bool
		X, Y Expr
	}

	// PtrAdd is P + I elements, or P - I. I is an integer of 32 or 64 bits.
	PtrAdd struct {
		Typed
		P, I Expr
		Sub  bool
	}

	// PtrDiff is P - Q in elements, a long.
	PtrDiff struct {
		Typed
		P, Q Expr
	}

	// Cond is C ? X : Y; X and Y have the type of the whole. Only one is
	// evaluated. All three of X, Y and the whole may be void.
	Cond struct {
		Typed
		C, X, Y Expr
	}

	// Comma evaluates X, drops it, and is Y.
	Comma struct {
		Typed
		X, Y Expr
	}

	// Assign is X = Y for scalars, vectors, pointers, matrices and whole
	// structs; the value is the lvalue X.
	Assign struct {
		Typed
		X, Y Expr
	}

	// AssignOp is X = (type of X)((OpType)X op Y), X evaluated once. Y has
	// type OpType (shifts: any integer type). For pointers OpType is the
	// pointer type, Op is OpAdd or OpSub, and Y is an integer.
	AssignOp struct {
		Typed
		Op     BinaryOp
		OpType *Type
		X, Y   Expr
	}

	// IncDec is ++ or --; X is a number or a pointer.
	IncDec struct {
		Typed
		X    Expr
		Dec  bool
		Post bool // the value is the one before; not an lvalue
	}

	// Convert changes X to type T. Scalars: C's numeric conversions. Scalar
	// to vector: the scalar, converted to the element type, in every element.
	// Vector to vector of as many elements: each element. Array lvalue to
	// pointer: address of its first element. Pointer to pointer: the same
	// address. Null to pointer. Pointer to ulong: the address as a number.
	// Atomic pointer to plain pointer and back: the same address. Any to
	// void: dropped.
	Convert struct {
		Typed
		X Expr
	}

	// Bitcast is as_type<T>(X): scalars and vectors of the same size.
	Bitcast struct {
		Typed
		X Expr
	}

	// Construct builds a vector from scalars and vectors of its element type
	// whose elements add up to its length; an array or struct from its
	// elements or fields in order, the missing or nil ones zero; a matrix
	// from one scalar: that value on the diagonal, or no argument: zero.
	Construct struct {
		Typed
		Args []Expr
	}

	// Call runs Fn. Args match Fn.Params: lvalues for RefVar parameters (or
	// values, which become temporaries), values for others. This is the
	// lvalue (or value) that a method is called on.
	Call struct {
		Typed
		Fn   *Func
		This Expr
		Args []Expr
	}

	// LambdaExpr is a lambda; its T.Func is called directly. It captures by
	// reference: its body names the variables around it.
	LambdaExpr struct{ Typed }

	// Builtin is a function of the language; see builtin.go for each Name's
	// arguments. Math functions take vectors by element: then every argument
	// has the type T (or T's vector form of another scalar where noted).
	Builtin struct {
		Typed
		Name string
		Args []Expr
		Fast bool // written as fast::
	}
)
