package check

// This file implements constants: folding, conversion and the evaluation of
// constant expressions, calls of constexpr functions included.

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

func intConst(t *Type, v int64) *Const { return &Const{Typed: Typed{T: t}, I: wrap(t.Kind, uint64(v))} }

func boolConst(v bool) *Const {
	k := &Const{Typed: Typed{T: TBool}}
	if v {
		k.I = 1
	}
	return k
}

func floatConst(t *Type, v float64) *Const {
	return &Const{Typed: Typed{T: t}, F: roundTo(t.Kind, v)}
}

func (k *Const) isTrue() bool {
	if k.T.IsFloat() {
		return k.F != 0
	}
	return k.I != 0
}

// text returns the value as one would write it.
func (k *Const) text() string {
	switch {
	case k.T.Kind == Bool:
		return strconv.FormatBool(k.I != 0)
	case k.T.IsFloat():
		return strconv.FormatFloat(k.F, 'g', -1, 32)
	case k.T.IsSigned():
		return strconv.FormatInt(int64(k.I), 10)
	}
	return strconv.FormatUint(k.I, 10)
}

// wrap cuts an integer to the width of kind and extends it to 64 bits again.
func wrap(kind Kind, v uint64) uint64 {
	switch kind {
	case Bool:
		if v != 0 {
			return 1
		}
		return 0
	case Char:
		return uint64(int64(int8(v)))
	case UChar:
		return uint64(uint8(v))
	case Short:
		return uint64(int64(int16(v)))
	case UShort:
		return uint64(uint16(v))
	case Int:
		return uint64(int64(int32(v)))
	case UInt:
		return uint64(uint32(v))
	}
	return v
}

// roundTo rounds a float to the precision of kind.
func roundTo(kind Kind, v float64) float64 {
	switch kind {
	case Half:
		return float64(half.Float16FromFloat64(v).Float32())
	case BFloat:
		return float64(half.BFloat16FromFloat64(v).Float32())
	case Float:
		return float64(float32(v))
	}
	return v
}

// convertConst converts a constant by C's rules; floats that an integer
// cannot hold saturate, as on Metal.
func convertConst(k *Const, t *Type) *Const {
	r := &Const{Typed: Typed{t, k.Span}}
	from := k.T
	switch {
	case t.Kind == Bool:
		if k.isTrue() {
			r.I = 1
		}
	case t.IsFloat() && from.IsFloat():
		r.F = roundTo(t.Kind, k.F)
	case t.IsFloat():
		r.F = intToFloat(k, t.Kind)
	case from.IsFloat():
		r.I = floatToInt(k.F, t)
	default:
		r.I = wrap(t.Kind, k.I)
	}
	return r
}

// intToFloat converts with one rounding.
func intToFloat(k *Const, to Kind) float64 {
	var f32 float32
	var f64 float64
	if k.T.IsSigned() {
		f32, f64 = float32(int64(k.I)), float64(int64(k.I))
	} else {
		f32, f64 = float32(k.I), float64(k.I)
	}
	if to == Float {
		return float64(f32)
	}
	return roundTo(to, f64)
}

func floatToInt(f float64, t *Type) uint64 {
	if f != f {
		return 0
	}
	f = math.Trunc(f)
	bits := 8 * t.Size()
	if t.IsSigned() {
		limit := math.Ldexp(1, bits-1)
		switch {
		case f >= limit:
			return uint64(1)<<(bits-1) - 1
		case f < -limit:
			return wrap(t.Kind, uint64(1)<<(bits-1))
		}
		return uint64(int64(f))
	}
	switch {
	case f >= math.Ldexp(1, bits):
		return wrap(t.Kind, math.MaxUint64)
	case f < 0:
		return 0
	}
	return uint64(f)
}

// foldBinary computes X op Y for constants of one type, or returns nil if the
// result is not a constant (a division by zero).
func foldBinary(op BinaryOp, x, y *Const) *Const {
	t := x.T
	if op >= OpEq {
		return boolConst(compareConst(op, x, y))
	}
	if t.IsFloat() {
		var f float64
		switch op {
		case OpAdd:
			f = x.F + y.F
		case OpSub:
			f = x.F - y.F
		case OpMul:
			f = x.F * y.F
		case OpDiv:
			f = x.F / y.F
		default:
			return nil
		}
		// The double result of two floats, rounded once more, is the float
		// result: 53 bits are more than twice 24 plus two.
		return &Const{Typed: Typed{T: t}, F: roundTo(t.Kind, f)}
	}
	a, b := x.I, y.I
	width := uint64(8 * t.Size())
	var r uint64
	switch op {
	case OpAdd:
		r = a + b
	case OpSub:
		r = a - b
	case OpMul:
		r = a * b
	case OpDiv, OpRem:
		if b == 0 {
			return nil
		}
		switch {
		case t.IsSigned() && int64(b) == -1:
			r = -a
			if op == OpRem {
				r = 0
			}
		case t.IsSigned() && op == OpDiv:
			r = uint64(int64(a) / int64(b))
		case t.IsSigned():
			r = uint64(int64(a) % int64(b))
		case op == OpDiv:
			r = a / b
		default:
			r = a % b
		}
	case OpAnd:
		r = a & b
	case OpOr:
		r = a | b
	case OpXor:
		r = a ^ b
	case OpShl:
		r = a << (b & (width - 1))
	case OpShr:
		if t.IsSigned() {
			r = uint64(int64(a) >> (b & (width - 1)))
		} else {
			r = a >> (b & (width - 1))
		}
	}
	return &Const{Typed: Typed{T: t}, I: wrap(t.Kind, r)}
}

func compareConst(op BinaryOp, x, y *Const) bool {
	var less, equal bool
	switch {
	case x.T.IsFloat():
		if x.F != x.F || y.F != y.F {
			return op == OpNe
		}
		less, equal = x.F < y.F, x.F == y.F
	case x.T.IsSigned():
		less, equal = int64(x.I) < int64(y.I), x.I == y.I
	default:
		less, equal = x.I < y.I, x.I == y.I
	}
	switch op {
	case OpEq:
		return equal
	case OpNe:
		return !equal
	case OpLt:
		return less
	case OpLe:
		return less || equal
	case OpGt:
		return !less && !equal
	}
	return !less
}

// env holds the values of a constexpr call's parameters and locals.
type env map[*Var]*Const

// constEval returns the value of e if it is known at compile time, else nil.
func (c *checker) constEval(e Expr) *Const {
	c.fuel = 10000
	return c.eval(e, nil, 0)
}

func (c *checker) eval(e Expr, vars env, depth int) *Const {
	k := c.evalExpr(e, vars, depth)
	if k != nil && !k.Span.Valid() {
		kk := *k
		kk.Span = e.Range()
		return &kk
	}
	return k
}

func (c *checker) evalExpr(e Expr, vars env, depth int) *Const {
	if c.fuel--; depth > 64 || c.fuel < 0 {
		return nil
	}
	sub := func(x Expr) *Const { return c.eval(x, vars, depth+1) }
	switch e := e.(type) {
	case *Const:
		return e
	case *VarRef:
		if k := vars[e.V]; k != nil {
			return k
		}
		return c.values[e.V]
	case *Convert:
		if k := sub(e.X); k != nil && e.T.IsScalar() {
			return convertConst(k, e.T)
		}
	case *Unary:
		if k := sub(e.X); k != nil && e.T.IsScalar() {
			return foldUnary(e.Op, k)
		}
	case *Binary:
		x, y := sub(e.X), sub(e.Y)
		if x != nil && y != nil && x.T.IsScalar() {
			return foldBinary(e.Op, x, y)
		}
	case *Logical:
		x := sub(e.X)
		if x == nil {
			return nil
		}
		if x.isTrue() != e.And {
			return boolConst(!e.And)
		}
		return sub(e.Y)
	case *Cond:
		if k := sub(e.C); k != nil {
			if k.isTrue() {
				return sub(e.X)
			}
			return sub(e.Y)
		}
	case *Comma:
		if sub(e.X) != nil {
			return sub(e.Y)
		}
	case *Bitcast:
		if k := sub(e.X); k != nil && e.T.IsScalar() {
			return bitcastConst(k, e.T)
		}
	case *Call:
		if e.This != nil || !e.T.IsScalar() || e.Fn.Body == nil {
			return nil
		}
		args := env{}
		for i, p := range e.Fn.Params {
			k := sub(e.Args[i])
			if k == nil || p.Kind == RefVar && p.Assigned {
				return nil
			}
			args[p] = k
		}
		k, done := c.run(e.Fn.Body, args, depth+1)
		if !done {
			return nil
		}
		return k
	case *Builtin:
		return c.evalBuiltin(e, sub)
	}
	return nil
}

func foldUnary(op byte, k *Const) *Const {
	r := &Const{Typed: Typed{T: k.T}}
	switch {
	case op == '!':
		return boolConst(!k.isTrue())
	case op == '~':
		r.I = wrap(k.T.Kind, ^k.I)
	case k.T.IsFloat():
		r.F = -k.F
	default:
		r.I = wrap(k.T.Kind, -k.I)
	}
	return r
}

// evalBuiltin evaluates the few functions that constant expressions use.
func (c *checker) evalBuiltin(e *Builtin, sub func(Expr) *Const) *Const {
	var ks []*Const
	switch e.Name {
	case "min", "max", "abs", "clamp", "clz", "ctz", "popcount":
		for _, a := range e.Args {
			k := sub(a)
			if k == nil || !k.T.IsScalar() || k.T.IsFloat() && k.F != k.F {
				return nil
			}
			ks = append(ks, k)
		}
	}
	if len(ks) == 0 {
		return nil
	}
	t := ks[0].T
	mask := ks[0].I & (math.MaxUint64 >> (64 - 8*uint(t.Size())))
	switch e.Name {
	case "min":
		if compareConst(OpLt, ks[1], ks[0]) {
			return ks[1]
		}
	case "max":
		if compareConst(OpLt, ks[0], ks[1]) {
			return ks[1]
		}
	case "abs":
		if t.IsFloat() {
			return floatConst(t, math.Abs(ks[0].F))
		}
		if t.IsSigned() && int64(ks[0].I) < 0 {
			return intConst(t, -int64(ks[0].I))
		}
	case "clamp":
		if compareConst(OpLt, ks[0], ks[1]) {
			return ks[1]
		}
		if compareConst(OpGt, ks[0], ks[2]) {
			return ks[2]
		}
	case "popcount":
		return intConst(t, int64(bits.OnesCount64(mask)))
	case "clz":
		return intConst(t, int64(bits.LeadingZeros64(mask)-(64-8*t.Size())))
	case "ctz":
		return intConst(t, int64(min(bits.TrailingZeros64(mask), 8*t.Size())))
	}
	return ks[0]
}

// run executes a constexpr function's statements. done reports that a return
// was reached; a statement that cannot be executed ends it with no value.
func (c *checker) run(s Stmt, vars env, depth int) (k *Const, done bool) {
	if c.fuel--; c.fuel < 0 {
		return nil, true
	}
	switch s := s.(type) {
	case *Block:
		for _, t := range s.Stmts {
			if k, done = c.run(t, vars, depth); done {
				return k, true
			}
		}
		return nil, false
	case *DeclStmt:
		if s.Init == nil || s.V.Kind != LocalVar {
			return nil, s.Init != nil
		}
		if vars[s.V] = c.eval(s.Init, vars, depth); vars[s.V] == nil {
			return nil, true
		}
		return nil, false
	case *ExprStmt:
		return nil, !c.assign(s.X, vars, depth)
	case *If:
		cond := c.eval(s.Cond, vars, depth)
		if cond == nil {
			return nil, true
		}
		if cond.isTrue() {
			return c.run(s.Then, vars, depth)
		}
		if s.Else != nil {
			return c.run(s.Else, vars, depth)
		}
		return nil, false
	case *For:
		for _, t := range s.Init {
			if k, done = c.run(t, vars, depth); done {
				return k, true
			}
		}
		for {
			if s.Cond != nil {
				cond := c.eval(s.Cond, vars, depth)
				if cond == nil {
					return nil, true
				}
				if !cond.isTrue() {
					return nil, false
				}
			}
			if hasJump(s.Body) {
				return nil, true
			}
			if k, done = c.run(s.Body, vars, depth); done {
				return k, true
			}
			if s.Post != nil && !c.assign(s.Post, vars, depth) {
				return nil, true
			}
		}
	case *Return:
		if s.X == nil {
			return nil, true
		}
		return c.eval(s.X, vars, depth), true
	}
	return nil, true
}

func hasJump(s Stmt) bool {
	switch s := s.(type) {
	case *Jump:
		return true
	case *Block:
		for _, t := range s.Stmts {
			if hasJump(t) {
				return true
			}
		}
	case *If:
		return hasJump(s.Then) || s.Else != nil && hasJump(s.Else)
	}
	return false
}

// assign executes an assignment to a local of a constexpr function.
func (c *checker) assign(e Expr, vars env, depth int) bool {
	set := func(x Expr, k *Const) bool {
		v, ok := x.(*VarRef)
		if !ok || k == nil || vars[v.V] == nil {
			return false
		}
		vars[v.V] = k
		return true
	}
	switch e := e.(type) {
	case *Assign:
		return set(e.X, c.eval(e.Y, vars, depth))
	case *AssignOp:
		x, y := c.eval(e.X, vars, depth), c.eval(e.Y, vars, depth)
		if x == nil || y == nil || !x.T.IsScalar() || !e.OpType.IsScalar() {
			return false
		}
		r := foldBinary(e.Op, convertConst(x, e.OpType), y)
		return r != nil && set(e.X, convertConst(r, x.T))
	case *IncDec:
		x := c.eval(e.X, vars, depth)
		if x == nil || !x.T.IsScalar() {
			return false
		}
		one, op := convertConst(intConst(TInt, 1), x.T), OpAdd
		if e.Dec {
			op = OpSub
		}
		return set(e.X, foldBinary(op, x, one))
	}
	return false
}

// constInt evaluates an expression that has to be an integer constant.
func (c *checker) constInt(x parse.Expr, s *scope) *Const {
	c.fnCtx()
	e := c.value(x, s)
	if e.Type().Kind == Invalid {
		return nil
	}
	k := c.constEval(e)
	if k == nil || !k.T.IsInt() && k.T.Kind != Bool {
		c.errs.Errorf(x.Range(), NotConstant, "this has to be an integer known at compile time").Hint = "use a literal, a constexpr variable or a template argument"
		return nil
	}
	return k
}

// bitcastConst reads the bits of a constant as another type of its size.
func bitcastConst(k *Const, t *Type) *Const {
	if k.T.Size() != t.Size() || t.Kind == Bool || k.T.Kind == Bool {
		return nil
	}
	var buf [8]byte
	putConst(buf[:], k)
	r := &Const{Typed: Typed{T: t}}
	u := binary.LittleEndian.Uint64(buf[:])
	switch t.Kind {
	case Half:
		r.F = float64(half.Float16(u).Float32())
	case BFloat:
		r.F = float64(half.BFloat16(u).Float32())
	case Float:
		r.F = float64(math.Float32frombits(uint32(u)))
	case Double:
		r.F = math.Float64frombits(u)
	default:
		r.I = wrap(t.Kind, u)
	}
	return r
}

// putConst writes a scalar constant as it lies in memory.
func putConst(p []byte, k *Const) {
	var u uint64
	switch k.T.Kind {
	case Half:
		u = uint64(half.Float16FromFloat64(k.F))
	case BFloat:
		u = uint64(half.BFloat16FromFloat64(k.F))
	case Float:
		u = uint64(math.Float32bits(float32(k.F)))
	case Double:
		u = math.Float64bits(k.F)
	default:
		u = k.I
	}
	for i := range k.T.Size() {
		p[i] = byte(u >> (8 * i))
	}
}

// table returns memory for a constant of type t.
func (c *checker) table(t *Type, span source.Span) []byte {
	if c.data += t.Size(); c.data > maxData {
		panic(bailout{span, "this kernel's constant tables, with all its templates instantiated, are too large"})
	}
	return make([]byte, t.Size())
}

// putValue writes a constant of any type into p, or reports false.
func (c *checker) putValue(p []byte, e Expr) bool {
	t := e.Type()
	if t.IsScalar() {
		k := c.constEval(e)
		if k == nil {
			return false
		}
		putConst(p, k)
		return true
	}
	switch e := e.(type) {
	case *Construct:
		offset := 0
		for i, a := range e.Args {
			if t.Kind == StructKind {
				offset = t.Struct.Fields[i].Offset
			}
			if a == nil {
				if t.Kind == Array {
					offset += t.Elem.Size()
				}
				continue
			}
			if !c.putValue(p[offset:], a) {
				return false
			}
			if t.Kind == Vector {
				offset += a.Type().Comps() * t.Elem.Size()
			} else {
				offset += a.Type().Size()
			}
		}
		return t.Kind != Matrix
	case *Convert: // splat
		if t.Kind == Vector && e.X.Type().IsScalar() {
			k := c.constEval(e.X)
			if k == nil {
				return false
			}
			k = convertConst(k, t.Elem)
			for i := range t.Len {
				putConst(p[i*t.Elem.Size():], k)
			}
			return true
		}
	}
	return false
}
