// Package check gives a kernel's syntax tree its meaning: it resolves names,
// instantiates templates, picks overloads, types every expression, makes every
// implicit conversion explicit, and reports what is wrong in the user's own
// text. Its result, a Program, leaves nothing for lowering to decide.
//
// This file implements types.
package check

import (
	"fmt"
	"strings"
)

// A Kind is the outermost form of a type.
type Kind uint8

const (
	Invalid Kind = iota
	Void
	Bool
	Char  // 8 bits, signed
	UChar // 8 bits
	Short
	UShort
	Int
	UInt
	Long  // 64 bits
	ULong // 64 bits; size_t
	Half
	BFloat
	Float
	Double  // only where a buffer or template argument is float64: Metal has none
	Vector  // Elem, Len 2..4
	Pointer // Elem, Space, Const
	Array   // Elem, Len
	StructKind
	Atomic  // Elem
	Matrix  // simdgroup_matrix<Elem, 8, 8>
	Closure // Func: the type of one lambda expression
	Null    // nullptr
)

// A Space is an address space.
type Space uint8

const (
	NoSpace Space = iota
	Device
	Constant
	Threadgroup
	Thread
)

// A Type is a type of the kernel language. Types are compared with Identical.
type Type struct {
	Kind   Kind
	Elem   *Type
	Len    int
	Packed bool  // Vector: packed_T3, aligned as its element
	Space  Space // Pointer: where it points
	Const  bool  // Pointer: what it points to is const
	Struct *Struct
	Func   *Func // Closure
}

// A Struct is a struct type after instantiation.
type Struct struct {
	Name   string // with template arguments, for messages
	Fields []StructField
	Size   int
	Align  int
}

// A StructField is a data member.
type StructField struct {
	Name   string
	Type   *Type
	Offset int // bytes
}

// The types without parameters.
var (
	TInvalid = &Type{Kind: Invalid}
	TVoid    = &Type{Kind: Void}
	TBool    = &Type{Kind: Bool}
	TChar    = &Type{Kind: Char}
	TUChar   = &Type{Kind: UChar}
	TShort   = &Type{Kind: Short}
	TUShort  = &Type{Kind: UShort}
	TInt     = &Type{Kind: Int}
	TUInt    = &Type{Kind: UInt}
	TLong    = &Type{Kind: Long}
	TULong   = &Type{Kind: ULong}
	THalf    = &Type{Kind: Half}
	TBFloat  = &Type{Kind: BFloat}
	TFloat   = &Type{Kind: Float}
	TDouble  = &Type{Kind: Double}
	TNull    = &Type{Kind: Null}
)

// VectorOf returns the vector type of n elements.
func VectorOf(elem *Type, n int) *Type { return &Type{Kind: Vector, Elem: elem, Len: n} }

// PointerTo returns the type of pointers to elem. What lies in constant memory
// is const, said or not.
func PointerTo(elem *Type, space Space, readOnly bool) *Type {
	return &Type{Kind: Pointer, Elem: elem, Space: space, Const: readOnly || space == Constant}
}

// ArrayOf returns the type of arrays of n elements.
func ArrayOf(elem *Type, n int) *Type { return &Type{Kind: Array, Elem: elem, Len: n} }

// Identical reports whether a and b are the same type.
func Identical(a, b *Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Len != b.Len || a.Packed != b.Packed ||
		a.Space != b.Space || a.Const != b.Const || a.Struct != b.Struct || a.Func != b.Func {
		return false
	}
	return a.Elem == b.Elem || Identical(a.Elem, b.Elem)
}

// IsScalar reports whether t is bool, an integer or a float.
func (t *Type) IsScalar() bool { return t.Kind >= Bool && t.Kind <= Double }

// IsInt reports whether t is an integer type, bool excluded.
func (t *Type) IsInt() bool { return t.Kind >= Char && t.Kind <= ULong }

// IsFloat reports whether t is a floating-point type.
func (t *Type) IsFloat() bool { return t.Kind >= Half && t.Kind <= Double }

// IsSigned reports whether t is a signed integer type.
func (t *Type) IsSigned() bool {
	return t.Kind == Char || t.Kind == Short || t.Kind == Int || t.Kind == Long
}

// Scalar returns the element type of a vector, and any other type itself.
func (t *Type) Scalar() *Type {
	if t.Kind == Vector {
		return t.Elem
	}
	return t
}

// Comps returns the number of elements of a vector, and 1 for other types.
func (t *Type) Comps() int {
	if t.Kind == Vector {
		return t.Len
	}
	return 1
}

// Like returns scalar, or the vector of it that has as many elements as t.
func (t *Type) Like(scalar *Type) *Type {
	if t.Kind == Vector {
		return VectorOf(scalar, t.Len)
	}
	return scalar
}

var kindSizes = [...]int{Bool: 1, Char: 1, UChar: 1, Short: 2, UShort: 2, Int: 4, UInt: 4, Long: 8, ULong: 8, Half: 2, BFloat: 2, Float: 4, Double: 8}

// Size returns the size of t in memory, in bytes. Three-element vectors take
// the room of four unless packed.
func (t *Type) Size() int {
	switch t.Kind {
	case Vector:
		if t.Len == 3 && !t.Packed {
			return 4 * t.Elem.Size()
		}
		return t.Len * t.Elem.Size()
	case Pointer, Null:
		return 8
	case Array:
		return t.Len * t.Elem.Size()
	case StructKind:
		return t.Struct.Size
	case Atomic:
		return t.Elem.Size()
	case Matrix:
		return 64 * t.Elem.Size()
	}
	if int(t.Kind) < len(kindSizes) {
		return kindSizes[t.Kind]
	}
	return 0
}

// Align returns the alignment of t in memory, in bytes.
func (t *Type) Align() int {
	switch t.Kind {
	case Vector:
		if t.Packed {
			return t.Elem.Align()
		}
		return t.Size()
	case Array, Atomic, Matrix:
		return t.Elem.Align()
	case StructKind:
		return t.Struct.Align
	}
	return max(t.Size(), 1)
}

var kindNames = [...]string{"invalid type", "void", "bool", "char", "uchar", "short", "ushort", "int", "uint", "long", "ulong", "half", "bfloat", "float", "double"}

var spaceNames = [...]string{"", "device", "constant", "threadgroup", "thread"}

func (s Space) String() string { return spaceNames[s] }

// String returns t as one would write it.
func (t *Type) String() string {
	switch t.Kind {
	case Vector:
		prefix := ""
		if t.Packed {
			prefix = "packed_"
		}
		return fmt.Sprintf("%s%s%d", prefix, t.Elem, t.Len)
	case Pointer:
		var b strings.Builder
		if t.Const {
			b.WriteString("const ")
		}
		if t.Space != NoSpace {
			b.WriteString(t.Space.String() + " ")
		}
		b.WriteString(t.Elem.String() + "*")
		return b.String()
	case Array:
		return fmt.Sprintf("%s[%d]", t.Elem, t.Len)
	case StructKind:
		return t.Struct.Name
	case Atomic:
		return fmt.Sprintf("atomic<%s>", t.Elem)
	case Matrix:
		return fmt.Sprintf("simdgroup_matrix<%s, 8, 8>", t.Elem)
	case Closure:
		return "lambda"
	case Null:
		return "nullptr_t"
	}
	if int(t.Kind) < len(kindNames) {
		return kindNames[t.Kind]
	}
	return "type?"
}
