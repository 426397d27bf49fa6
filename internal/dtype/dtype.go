// Package dtype names the element types of arrays and kernel buffers.
//
// This file implements the DType enumeration, its sizes, and the names each
// type has in NumPy, in MLX and in the Metal Shading Language.
package dtype

import (
	"fmt"
	"strings"
)

// A DType is the element type of an array. The zero value is Invalid.
type DType uint8

// The element types, in promotion order within each kind.
const (
	Invalid DType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	Float16
	BFloat16
	Float32
	Float64
	Complex64
	numTypes
)

// A Kind is the family a DType belongs to.
type Kind uint8

const (
	KindInvalid Kind = iota
	KindBool
	KindUint
	KindInt
	KindFloat
	KindComplex
)

type info struct {
	name  string // MLX's and ours
	metal string // spelling in a generated Metal signature
	size  int    // bytes
	kind  Kind
}

var infos = [numTypes]info{
	Invalid:   {"invalid", "void", 0, KindInvalid},
	Bool:      {"bool", "bool", 1, KindBool},
	Uint8:     {"uint8", "uint8_t", 1, KindUint},
	Uint16:    {"uint16", "uint16_t", 2, KindUint},
	Uint32:    {"uint32", "uint32_t", 4, KindUint},
	Uint64:    {"uint64", "uint64_t", 8, KindUint},
	Int8:      {"int8", "int8_t", 1, KindInt},
	Int16:     {"int16", "int16_t", 2, KindInt},
	Int32:     {"int32", "int32_t", 4, KindInt},
	Int64:     {"int64", "int64_t", 8, KindInt},
	Float16:   {"float16", "float16_t", 2, KindFloat},
	BFloat16:  {"bfloat16", "bfloat16_t", 2, KindFloat},
	Float32:   {"float32", "float", 4, KindFloat},
	Float64:   {"float64", "double", 8, KindFloat},
	Complex64: {"complex64", "complex64_t", 8, KindComplex},
}

// All returns every valid DType.
func All() []DType {
	all := make([]DType, 0, numTypes-1)
	for d := Bool; d < numTypes; d++ {
		all = append(all, d)
	}
	return all
}

// Parse returns the DType called name, as in "float32". A prefix such as
// "mlx.core." or "mx." is accepted and dropped.
func Parse(name string) (DType, error) {
	short := name[strings.LastIndexByte(name, '.')+1:]
	for d := Bool; d < numTypes; d++ {
		if infos[d].name == short {
			return d, nil
		}
	}
	if short == "bool_" {
		return Bool, nil
	}
	return Invalid, fmt.Errorf("unknown dtype %q", name)
}

// Valid reports whether d is one of the element types.
func (d DType) Valid() bool { return d > Invalid && d < numTypes }

func (d DType) info() info {
	if d >= numTypes {
		return infos[Invalid]
	}
	return infos[d]
}

// String returns the name that MLX and NumPy use, such as "float32".
func (d DType) String() string { return d.info().name }

// Metal returns the name in a generated Metal signature, such as "float16_t".
func (d DType) Metal() string { return d.info().metal }

// Size returns the size of one element in bytes.
func (d DType) Size() int { return d.info().size }

// Kind returns the family of d.
func (d DType) Kind() Kind { return d.info().kind }

// IsFloat reports whether d is a real floating-point type.
func (d DType) IsFloat() bool { return d.Kind() == KindFloat }

// IsInteger reports whether d is a signed or unsigned integer type.
func (d DType) IsInteger() bool { k := d.Kind(); return k == KindInt || k == KindUint }
