package kernelfuzz

// This file implements the types that random kernels use, and literals.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A typ is a scalar or vector type by its name in Metal.
type typ struct {
	base  string
	lanes int // 1: a scalar
}

func scalar(base string) typ { return typ{base, 1} }

func (t typ) String() string {
	if t.lanes > 1 {
		return fmt.Sprintf("%s%d", t.base, t.lanes)
	}
	return t.base
}

// in returns the same type with another base.
func (t typ) in(base string) typ { return typ{base, t.lanes} }

func isFloat(base string) bool {
	return base == "float" || base == "half" || base == "bfloat" || base == "double"
}

// A baseInfo is a scalar type.
type baseInfo struct {
	name  string
	dtype dtype.DType
	size  int
}

var bases = []baseInfo{
	{"float", dtype.Float32, 4}, {"int", dtype.Int32, 4}, {"uint", dtype.Uint32, 4}, {"bool", dtype.Bool, 1},
	{"half", dtype.Float16, 2}, {"bfloat", dtype.BFloat16, 2}, {"char", dtype.Int8, 1}, {"uchar", dtype.Uint8, 1},
	{"short", dtype.Int16, 2}, {"ushort", dtype.Uint16, 2}, {"long", dtype.Int64, 8}, {"ulong", dtype.Uint64, 8},
	{"double", dtype.Float64, 8},
}

func baseOf(name string) baseInfo {
	for _, b := range bases {
		if b.name == name {
			return b
		}
	}
	return bases[0]
}

func (g *generator) scalarBase() string {
	n := len(bases)
	if !g.double {
		n--
	}
	if g.n(2) == 0 {
		n = 4 // the frequent ones
	}
	return bases[g.n(n)].name
}

var vectorBases = []string{"float", "int", "uint", "half", "short", "uchar", "char", "ushort", "bfloat", "bool", "long", "ulong"}

func (g *generator) vectorType() typ {
	return typ{vectorBases[g.n(len(vectorBases))], 2 + g.n(3)}
}

func (g *generator) anyType() typ {
	if g.one(4) {
		return g.vectorType()
	}
	return scalar(g.scalarBase())
}

var literals = map[string][]string{
	"bool":   {"true", "false"},
	"float":  {"1.0f", "0.0f", "-0.0f", "0.5f", "-2.25f", "3.0e2f", "1e-20f", "1e-42f", "3e38f", "INFINITY", "-INFINITY", "16777217.0f", "0.1f", "NAN"},
	"double": {"double(1.5f)", "double(-0.1f)", "double(0)", "double(1e-30f)", "double(INFINITY)"},
	"half":   {"1.5h", "half(-0.125f)", "0.0h", "65504.0h", "half(6e-8f)", "half(0.1f)", "half(INFINITY)"},
	"bfloat": {"bfloat(1.5f)", "bfloat(-3.0f)", "bfloat(0.1f)", "bfloat(3e38f)", "bfloat(-0.0f)"},
	"int":    {"1", "0", "-1", "-7", "100", "0x7fffffff", "(-2147483647 - 1)", "31", "32", "65536"},
	"uint":   {"1u", "0u", "0xffffffffu", "12345u", "31u", "33u", "0x80000000u"},
	"long":   {"long(3)", "long(-1)", "0x123456789abcdL", "(-9223372036854775807L - 1L)", "long(0)", "0x7fffffffffffffffL"},
	"ulong":  {"ulong(3)", "ulong(0)", "0xfedcba9876543210ul", "0xfffffffffffffffful", "ulong(63)"},
}

func (g *generator) literal(t typ) *node {
	name := t.String()
	if t.lanes > 1 {
		return expr(name, name+"($)", g.literal(scalar(t.base)))
	}
	list := literals[t.base]
	if list == nil {
		return expr(name, fmt.Sprintf("%s(%s)", t.base, g.pick("1", "0", "-1", "200", "65535", "-128", "3", "127")))
	}
	return expr(name, list[g.n(len(list))])
}

// plainLiteral is the value that Shrink puts for an expression.
func plainLiteral(name string, one bool) string {
	base := strings.TrimRight(name, "234")
	if base == "bool" {
		return fmt.Sprintf("%s(%t)", name, one)
	}
	if one {
		return name + "(1)"
	}
	return name + "(0)"
}
