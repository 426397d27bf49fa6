// Package c99 writes intermediate code as C for a CPU.
package c99

// This file implements the choice of math functions: which C function computes
// an operation, and the text of those that a kernel uses.

import (
	_ "embed"
	"regexp"
	"sort"
	"strings"

	"github.com/zmlx-go/zmlx/internal/ir"
)

//go:embed math.inc
var mathText string

// mathFunctions names the C functions of operations on float32 after "zm_",
// which kernels use for float16 and bfloat16 as well.
var mathFunctions = map[ir.Op]string{
	ir.Sqrt: "sqrt", ir.Rsqrt: "rsqrt", ir.Exp: "exp", ir.Exp2: "exp2", ir.Exp10: "exp10", ir.Expm1: "expm1",
	ir.Log: "log", ir.Log2: "log2", ir.Log10: "log10", ir.Log1p: "log1p",
	ir.Sin: "sin", ir.Cos: "cos", ir.Tan: "tan", ir.SinPi: "sinpi", ir.CosPi: "cospi", ir.TanPi: "tanpi",
	ir.Asin: "asin", ir.Acos: "acos", ir.Atan: "atan", ir.Atan2: "atan2",
	ir.Sinh: "sinh", ir.Cosh: "cosh", ir.Tanh: "tanh", ir.Asinh: "asinh", ir.Acosh: "acosh", ir.Atanh: "atanh",
	ir.Floor: "floor", ir.Ceil: "ceil", ir.Rint: "rint", ir.Round: "round", ir.Trunc: "trunc",
	ir.Erf: "erf", ir.Erfinv: "erfinv", ir.Lgamma: "lgamma", ir.Pow: "pow", ir.Rem: "fmod",
	ir.CopySign: "copysign", ir.NextAfter: "nextafter", ir.Ldexp: "ldexp", ir.Ilogb: "ilogb",
}

// mathFunction returns the name of the C function that computes op for values
// of type t: of float32 for the narrower floats too, whose values the caller
// widens and rounds. Those of double that C has are C's own. It is false where
// op is no such function or t is not a float.
func mathFunction(op ir.Op, t ir.Type) (string, bool) {
	name, ok := mathFunctions[op]
	if !ok || !t.IsFloat() {
		return "", false
	}
	if t != ir.F64 {
		return "zm_" + name, true
	}
	if own := "zm_" + name + "_d"; mathPart(own) >= 0 {
		return own, true
	}
	return name, true
}

// A part is one definition of math.inc: the comment above it, its text, and the
// parts that it calls.
type part struct {
	name, text string
	needs      []int
}

var (
	mathHead, mathParts = splitMath(mathText)
	mathIndex           = indexParts(mathParts)
)

var definition = regexp.MustCompile(`(?m)^static inline [^=;{]*?\b(zm_\w+)\(`)

// splitMath cuts the text into what every kernel needs, up to the first
// function, and the functions. A macro between two functions belongs to the
// one below it.
func splitMath(text string) (head string, parts []part) {
	starts := definition.FindAllStringSubmatchIndex(text, -1)
	index := map[string]int{}
	at := starts[0][0]
	head = text[:at]
	for i, m := range starts {
		end := len(text)
		if i+1 < len(starts) {
			next := text[m[1]:starts[i+1][0]]
			end = m[1] + strings.LastIndex(next, "}\n\n") + 3
			if end < m[1]+3 {
				end = starts[i+1][0]
			}
		}
		p := part{name: text[m[2]:m[3]], text: text[at:end]}
		seen := map[int]bool{}
		for _, word := range called.FindAllString(p.text, -1) {
			if j, ok := index[word]; ok && !seen[j] {
				seen[j] = true
				p.needs = append(p.needs, j)
			}
		}
		index[p.name] = i
		parts = append(parts, p)
		at = end
	}
	return head, parts
}

var called = regexp.MustCompile(`\bzm_\w+`)

func indexParts(parts []part) map[string]int {
	index := make(map[string]int, len(parts))
	for i, p := range parts {
		index[p.name] = i
	}
	return index
}

// mathPart returns the index of a function of math.inc, or -1.
func mathPart(name string) int {
	if i, ok := mathIndex[name]; ok {
		return i
	}
	return -1
}

// mathSource returns the C text of the named functions and of all that they
// call, each after what it needs, below the includes and macros. Names that
// math.inc does not define, such as C's own functions, need no text.
func mathSource(names []string) string {
	want := map[int]bool{}
	var add func(i int)
	add = func(i int) {
		if want[i] {
			return
		}
		want[i] = true
		for _, j := range mathParts[i].needs {
			add(j)
		}
	}
	for _, name := range names {
		if i := mathPart(name); i >= 0 {
			add(i)
		}
	}
	order := make([]int, 0, len(want))
	for i := range want {
		order = append(order, i)
	}
	sort.Ints(order)
	var b strings.Builder
	b.WriteString(mathHead)
	for _, i := range order {
		b.WriteString(mathParts[i].text)
	}
	return b.String()
}
