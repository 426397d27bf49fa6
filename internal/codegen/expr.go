package codegen

// This file implements expressions: the text of a node, with names for what
// is used more than once and nothing computed twice.

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// An emitter writes a kernel's text.
type emitter struct {
	*plan
	names   *names
	helpers helpers
	wide    bool
	exact   bool           // D is known
	apart   map[int]string // strided inputs: the distance of rows, where it is named

	lines  []string
	indent int

	known map[*node]string // values that have a name, or are one
	local []*node          // of these, those of the innermost loop
	uses  map[*node]int    // in the expressions being written

	// load returns the text of an input's element where it is needed now, and
	// linear that of the element's index in the whole result.
	load   func(in int) string
	linear string

	words map[*node]string // of random numbers
	held  map[int]held     // inputs whose vectors are in registers

	loaded, params, keys map[int]bool
	sizes                map[string]bool
}

// held is a vector that is in registers as it lies in memory: from now on if
// hidden is empty. Else hidden is 0, which compilers cannot know: knowing it,
// they would keep the vector's elements, which take more registers, instead of
// taking it apart again.
type held struct{ name, hidden string }

func newEmitter(p *plan, s Schedule) *emitter {
	e := &emitter{
		plan: p, names: newNames(p), helpers: helpers{real: p.real, native: p.call.Target == Native || p.real == dtype.Float64, used: map[string]bool{}}, wide: s.Wide,
		known: map[*node]string{}, loaded: map[int]bool{}, params: map[int]bool{}, keys: map[int]bool{}, sizes: map[string]bool{},
		apart: map[int]string{},
	}
	e.helpers.index = e.index()
	return e
}

func (e *emitter) line(format string, args ...any) {
	e.lines = append(e.lines, strings.Repeat("  ", e.indent)+fmt.Sprintf(format, args...))
}

func (e *emitter) open(format string, args ...any) {
	e.line(format+" {", args...)
	e.indent++
}

func (e *emitter) close() {
	e.indent--
	e.line("}")
}

// declare writes a line that dropUnused may take back, and returns its number.
func (e *emitter) declare(format string, args ...any) int {
	e.line(format, args...)
	return len(e.lines) - 1
}

// dropUnused takes back line i, which declares name, if nothing after it up to
// here mentions that.
func (e *emitter) dropUnused(i int, name string) {
	mentions := func(line string) bool {
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !(r == '_' || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') }) {
			if word == name {
				return true
			}
		}
		return false
	}
	if !slices.ContainsFunc(e.lines[i+1:], mentions) {
		e.lines = slices.Delete(e.lines, i, i+1)
	}
}

func (e *emitter) text() string { return strings.Join(e.lines, "\n") + "\n" }

// locate returns the place of element i of a strided input.
func (e *emitter) locate(in int, i string) string {
	name := e.names.inputs[in]
	return fmt.Sprintf("%s(%s, %s_shape, %s_strides, %s_ndim)", e.helpers.use("locate"), i, name, name, name)
}

// size returns the name of a size, which becomes an argument.
func (e *emitter) size(name string) string {
	if e.exact && name == "D" {
		return fmt.Sprintf("%du", e.d)
	}
	e.sizes[name] = true
	return name
}

// scope runs f and forgets the names that values got in it.
func (e *emitter) scope(f func()) {
	saved := e.local
	e.local = nil
	f()
	for _, n := range e.local {
		delete(e.names.taken, e.known[n]) // it may be declared again
		delete(e.known, n)
	}
	e.local = saved
}

// leaf reports whether a node's text may be repeated as it is.
func (e *emitter) leaf(n *node) bool {
	switch n.op {
	case formula.Const, formula.Size, formula.Index:
		return true
	case formula.ParamOp:
		return true
	}
	return e.known[n] != ""
}

// count counts the uses of nodes in expressions for roots.
func (e *emitter) count(roots ...*node) {
	e.uses = map[*node]int{}
	var visit func(n *node)
	visit = func(n *node) {
		e.uses[n]++
		if e.uses[n] > 1 || e.leaf(n) {
			return
		}
		for _, a := range n.args {
			visit(a)
			if repeats(n) {
				e.uses[a]++ // the text has it twice
			}
		}
	}
	for _, r := range roots {
		visit(r)
	}
}

// repeats reports whether the text of n has its argument twice.
func repeats(n *node) bool {
	return n.op == formula.Square || n.op == formula.Sign && !n.typ.IsFloat()
}

// longest is the length above which an expression gets a name.
const longest = 72

// define gives n's value a name.
func (e *emitter) define(n *node, name, text string) {
	e.line("%s %s = %s;", typeName(n.typ), name, text)
	e.known[n] = name
	e.local = append(e.local, n)
}

// named returns a name or literal for n's value.
func (e *emitter) named(n *node) string {
	if !e.leaf(n) {
		text, _ := e.build(n)
		if e.known[n] == "" {
			e.define(n, e.names.temp(), text)
		}
	}
	text, _ := e.expr(n)
	return text
}

// The strengths of operators, weakest first.
const (
	precCond = iota
	precOr
	precAnd
	precBitOr
	precBitXor
	precBitAnd
	precEqual
	precOrder
	precShift
	precAdd
	precMul
	precUnary
	precPrimary
)

// expr returns text for n's value, and how strongly it holds together.
func (e *emitter) expr(n *node) (string, int) {
	if name := e.known[n]; name != "" {
		return name, precPrimary
	}
	text, prec := e.build(n)
	if e.known[n] == "" && !e.leaf(n) && (e.uses[n] > 1 || len(text) > longest) {
		e.define(n, e.names.temp(), text)
	}
	if name := e.known[n]; name != "" {
		return name, precPrimary
	}
	return text, prec
}

// arg returns text for n's value as an operand of an operator.
func (e *emitter) arg(n *node, prec int) string {
	text, have := e.expr(n)
	if have < prec {
		return "(" + text + ")"
	}
	return text
}

var infix = map[formula.Op]int{
	formula.Add: precAdd, formula.Sub: precAdd, formula.Mul: precMul, formula.Div: precMul, formula.Rem: precMul,
	formula.BitAnd: precBitAnd, formula.BitOr: precBitOr, formula.BitXor: precBitXor, formula.Shl: precShift, formula.Shr: precShift,
	formula.Eq: precEqual, formula.Ne: precEqual, formula.Lt: precOrder, formula.Le: precOrder, formula.Gt: precOrder, formula.Ge: precOrder,
	formula.And: precAnd, formula.Or: precOr,
}

// calls are the operations that the kernel language has functions for.
var calls = map[formula.Op]string{
	formula.Pow: "pow", formula.Atan2: "atan2", formula.CopySign: "copysign", formula.Abs: "abs", formula.Sqrt: "sqrt", formula.Rsqrt: "rsqrt",
	formula.Exp: "exp", formula.Exp2: "exp2", formula.Log: "log", formula.Log2: "log2", formula.Log10: "log10",
	formula.Sin: "sin", formula.Cos: "cos", formula.Tan: "tan", formula.Asin: "asin", formula.Acos: "acos", formula.Atan: "atan",
	formula.Sinh: "sinh", formula.Cosh: "cosh", formula.Tanh: "tanh", formula.Asinh: "asinh", formula.Acosh: "acosh", formula.Atanh: "atanh",
	formula.Floor: "floor", formula.Ceil: "ceil", formula.Round: "rint", formula.Trunc: "trunc",
	formula.IsNan: "isnan", formula.IsInf: "isinf", formula.Rem: "fmod",
}

// small reports whether C computes in int what is of type d.
func small(d dtype.DType) bool { return d.IsInteger() && d.Size() < 4 }

// build returns the text of the operation itself.
func (e *emitter) build(n *node) (string, int) {
	float := n.typ.IsFloat()
	switch n.op {
	case formula.Input:
		return e.input(n)
	case formula.ParamOp:
		e.params[n.index] = true
		return e.names.params[n.index], precPrimary
	case formula.Const:
		return literal(n.val, n.typ)
	case formula.Size:
		if e.wide {
			return "uint(" + e.size("D") + ")", precPrimary
		}
		return e.size("D"), precPrimary
	case formula.Index:
		if e.wide {
			return "uint(j)", precPrimary
		}
		return "j", precPrimary
	case formula.Uniform:
		return e.uniform(n), precPrimary
	case opBelow:
		count := e.arg(n.args[1], precPrimary) // up to 2^24, which the shift makes 0
		return e.word(n.args[0]) + " <= (" + count + " << 8) - 1u && " + count + " > 0u", precAnd
	case opCast:
		return typeName(n.typ) + "(" + e.arg(n.args[0], precCond) + ")", precPrimary
	case formula.Cast:
		return typeName(n.typ) + "(" + typeName(dtype.DType(n.index)) + "(" + e.arg(n.args[0], precCond) + "))", precPrimary
	case formula.Select:
		c := e.arg(n.args[0], precOr)
		a := e.arg(n.args[1], precOr)
		return c + " ? " + a + " : " + e.arg(n.args[2], precCond), precCond
	case formula.Neg, formula.BitNot, formula.Not:
		op := map[formula.Op]string{formula.Neg: "-", formula.BitNot: "~", formula.Not: "!"}[n.op]
		return e.wrap(n, op+e.arg(n.args[0], precPrimary), precUnary)
	case formula.Square:
		x := e.arg(n.args[0], precUnary)
		return e.wrap(n, x+" * "+x, precMul)
	case formula.Min, formula.Max:
		if n.typ == dtype.Bool {
			op, prec := " && ", precAnd
			if n.op == formula.Max {
				op, prec = " || ", precOr
			}
			return e.arg(n.args[0], prec) + op + e.arg(n.args[1], prec+1), prec
		}
		if !float {
			return e.apply(map[formula.Op]string{formula.Min: "min", formula.Max: "max"}[n.op], n.args...)
		}
	case formula.Sign:
		if !float {
			x := e.arg(n.args[0], precShift)
			zero, _ := literal(0, n.args[0].typ)
			if n.typ.Kind() == dtype.KindUint {
				return typeName(n.typ) + "(" + x + " > " + zero + ")", precPrimary
			}
			return typeName(n.typ) + "((" + x + " > " + zero + ") - (" + x + " < " + zero + "))", precPrimary
		}
	case formula.Pow:
		if !float {
			return e.apply(e.helpers.integerPower(n.typ), n.args...)
		}
	case formula.Recip:
		one, _ := literal(1, n.typ)
		return one + " / " + e.arg(n.args[0], precUnary), precMul
	}
	if prec, ok := infix[n.op]; ok && !(n.op == formula.Rem && float) {
		a := e.arg(n.args[0], prec)
		return e.wrap(n, a+" "+n.op.String()+" "+e.arg(n.args[1], prec+1), prec)
	}
	if name := calls[n.op]; name != "" {
		text, prec := e.apply(name, n.args...)
		if small(n.typ) {
			return e.wrap(n, text, prec)
		}
		return text, prec
	}
	return e.apply(e.helpers.function(n.op), n.args...)
}

func (e *emitter) apply(name string, args ...*node) (string, int) {
	parts := make([]string, len(args))
	for i, a := range args {
		parts[i] = e.arg(a, precCond)
	}
	return name + "(" + strings.Join(parts, ", ") + ")", precPrimary
}

// wrap cuts what C computed in int back to n's type.
func (e *emitter) wrap(n *node, text string, prec int) (string, int) {
	if small(n.typ) || n.typ == dtype.Bool && (n.op == formula.BitAnd || n.op == formula.BitOr || n.op == formula.BitXor) {
		return typeName(n.typ) + "(" + text + ")", precPrimary
	}
	return text, prec
}

// input reads an input's element. What is in memory gets a name.
func (e *emitter) input(n *node) (string, int) {
	in := &e.inputs[n.index]
	e.loaded[n.index] = true
	name := e.names.inputs[n.index]
	text := name
	if in.layout != Scalar {
		text = e.load(n.index)
	}
	if in.dtype != n.typ {
		text = typeName(n.typ) + "(" + text + ")"
	}
	if in.layout == Scalar {
		return text, precPrimary
	}
	suffix := "_i"
	if e.row {
		if suffix = "_j"; !n.varies {
			suffix = "_row"
		}
	}
	e.define(n, e.names.unique(strings.TrimRight(name, "_")+suffix), text)
	return e.known[n], precPrimary
}

// KeyBits returns the key of uniform that a number is: itself without its
// fraction, negative ones in two's complement, 0 for what 64 bits do not hold.
// Go leaves such conversions to the processor.
func KeyBits(v float64) uint64 {
	switch {
	case v >= 0 && v < 1<<64:
		return uint64(v)
	case v < 0 && v >= -1<<63:
		return uint64(int64(v))
	}
	return 0
}

// uniform draws the element's random number.
func (e *emitter) uniform(n *node) string {
	if e.words[n] != "" {
		return fmt.Sprintf("(float(%s >> 8) * 5.9604645e-08f)", e.word(n))
	}
	low, high := e.key(n)
	return fmt.Sprintf("%s(%s, %s, %s)", e.helpers.function(formula.Uniform), e.linear, low, high)
}

// word is what the element's random number is made of.
func (e *emitter) word(n *node) string {
	if words := e.words[n]; words != "" {
		return words + "[k / 4u][k % 4u]"
	}
	low, high := e.key(n)
	return fmt.Sprintf("%s(%s, %s, %s)", e.helpers.use("philox_word"), e.linear, low, high)
}

// key returns the halves of a Uniform's key.
func (e *emitter) key(n *node) (low, high string) {
	if n.index >= 0 {
		e.keys[n.index] = true
		return e.names.keys[n.index] + "_low", e.names.keys[n.index] + "_high"
	}
	key := KeyBits(n.val)
	return fmt.Sprintf("%#xu", uint32(key)), fmt.Sprintf("%#xu", key>>32)
}

// literal returns a number as the kernel language writes it.
func literal(v float64, d dtype.DType) (string, int) {
	prec := precPrimary
	if v < 0 || math.Signbit(v) && d.IsFloat() {
		prec = precUnary
	}
	switch {
	case d == dtype.Bool:
		return strconv.FormatBool(v != 0), precPrimary
	case d.IsFloat() && math.IsNaN(v):
		return typed("NAN", d, precPrimary)
	case d.IsFloat() && (math.IsInf(v, 0) || d == dtype.Float32 && math.IsInf(float64(float32(v)), 0)):
		if v < 0 {
			return typed("-INFINITY", d, precUnary)
		}
		return typed("INFINITY", d, precPrimary)
	case d == dtype.Float64 && float64(float32(v)) != v:
		// The kernel language has no double literals.
		return fmt.Sprintf("as_type<double>(%#xul /* %v */)", math.Float64bits(v), v), precPrimary
	case d.IsFloat():
		s := strconv.FormatFloat(float64(float32(v)), 'g', -1, 32)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return typed(s+"f", d, prec)
	}
	s := strconv.FormatFloat(v, 'f', 0, 64)
	if v < 0 && d.Kind() == dtype.KindUint { // counted from the end
		s = strconv.FormatUint(uint64(int64(v))<<(64-8*d.Size())>>(64-8*d.Size()), 10)
		prec = precPrimary
	}
	switch {
	case d == dtype.Int32 && v == math.MinInt32:
		return "INT_MIN", precPrimary
	case d == dtype.Int64 && v == math.MinInt64:
		return "LONG_MIN", precPrimary
	case d == dtype.Int64:
		s += "l"
	case d == dtype.Uint64:
		s += "ul"
	case d == dtype.Uint32:
		s += "u"
	case small(d):
		return typeName(d) + "(" + s + ")", precPrimary
	}
	return s, prec
}

// typed makes a float's text a double's where one is needed.
func typed(s string, d dtype.DType, prec int) (string, int) {
	if d == dtype.Float64 {
		return "double(" + s + ")", precPrimary
	}
	return s, prec
}
