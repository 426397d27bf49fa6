package lower

// This file implements arithmetic and conversions of scalars and vectors.
// Integers narrower than 32 bits are computed in 32 bits and cut again.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// wideType returns the type that arithmetic on t is done in.
func wideType(t ir.Type) ir.Type {
	switch t {
	case ir.I8, ir.I16:
		return ir.I32
	case ir.U8, ir.U16:
		return ir.U32
	}
	return t
}

// wide returns r in the type that arithmetic on it is done in.
func (l *lowerer) wide(r ir.Reg) ir.Reg {
	if t := l.b.TypeOf(r); wideType(t) != t {
		return l.b.Convert(wideType(t), r)
	}
	return r
}

// to converts r to type t; a register of that type stays as it is.
func (l *lowerer) to(t ir.Type, r ir.Reg) ir.Reg {
	if l.b.TypeOf(r) == t {
		return r
	}
	return l.b.Convert(t, r)
}

func (l *lowerer) unary(op byte, x ir.Reg) ir.Reg {
	t := l.b.TypeOf(x)
	switch op {
	case '-':
		return l.to(t, l.b.Unary(ir.Neg, l.wide(x)))
	case '~', '!':
		if op == '!' && t != ir.Bool {
			x, t = l.b.Convert(ir.Bool, x), ir.Bool
		}
		return l.to(t, l.b.Not(l.wide(x)))
	}
	l.bug("unknown unary operator %q", op)
	return ir.NoReg
}

var binaryOps = [...]ir.Op{
	check.OpAdd: ir.Add, check.OpSub: ir.Sub, check.OpMul: ir.Mul, check.OpDiv: ir.Div, check.OpRem: ir.Rem,
	check.OpAnd: ir.And, check.OpOr: ir.Or, check.OpXor: ir.Xor, check.OpShl: ir.Shl, check.OpShr: ir.Shr,
	check.OpEq: ir.Eq, check.OpNe: ir.Ne, check.OpLt: ir.Lt, check.OpLe: ir.Le, check.OpGt: ir.Gt, check.OpGe: ir.Ge,
}

// binaryAll applies an operator to values of as many elements; a single
// element goes with each of the other value.
func (l *lowerer) binaryAll(op check.BinaryOp, x, y []ir.Reg) []ir.Reg {
	n := max(len(x), len(y))
	v := l.regs(n)
	for i := range v {
		v[i] = l.binary(op, pick(x, i), pick(y, i))
	}
	return v
}

// pick returns element i, or the only one.
func pick(v []ir.Reg, i int) ir.Reg {
	if len(v) == 1 {
		return v[0]
	}
	return v[i]
}

func (l *lowerer) binary(op check.BinaryOp, x, y ir.Reg) ir.Reg {
	o := binaryOps[op]
	t := l.b.TypeOf(x)
	switch {
	case op >= check.OpEq:
		return l.b.Compare(o, x, l.like(y, x))
	case op == check.OpShl || op == check.OpShr:
		w := l.wide(x)
		return l.to(t, l.b.Binary(o, w, l.to(l.b.TypeOf(w), y)))
	}
	return l.to(t, l.b.Binary(o, l.wide(x), l.wide(y)))
}

// convertAll converts each element to t; one element becomes n.
func (l *lowerer) convertAll(x []ir.Reg, t ir.Type, n int) []ir.Reg {
	if len(x) == 1 && n > 1 {
		r := l.to(t, x[0])
		v := l.regs(n)
		for i := range v {
			v[i] = r
		}
		return v
	}
	if len(x) > 0 && l.b.TypeOf(x[0]) == t {
		return x
	}
	v := l.regs(len(x))
	for i, r := range x {
		v[i] = l.to(t, r)
	}
	return v
}

func (l *lowerer) convertExpr(e *check.Convert) []ir.Reg {
	from, t := e.X.Type(), e.T
	switch {
	case t.Kind == check.Void:
		l.drop(e.X)
		return nil
	case from.Kind == check.Null && t.Kind == check.Pointer:
		return l.one(l.b.Null(spaceOf(t)))
	case from.Kind == check.Null:
		return l.zero(t)
	case from.Kind == check.Array:
		p := l.lvalue(e.X)
		r := l.b.PtrAdd(l.address(&p))
		if t.Kind == check.Pointer {
			return l.one(r)
		}
		return l.fromPointer(r, t)
	case from.Kind == check.Pointer && t.Kind == check.Pointer:
		return l.expr(e.X)
	case from.Kind == check.Pointer:
		return l.fromPointer(l.expr(e.X)[0], t)
	case from.Kind == check.StructKind || from.Kind == check.Matrix || from.Kind == check.Closure:
		return l.expr(e.X)
	}
	return l.convertAll(l.expr(e.X), l.scalar(t.Scalar()), t.Comps())
}

// fromPointer converts an address to a number or a truth value.
func (l *lowerer) fromPointer(r ir.Reg, t *check.Type) []ir.Reg {
	if t.Kind == check.Bool {
		return l.one(l.b.Compare(ir.Ne, r, l.b.Null(l.b.SpaceOf(r))))
	}
	return l.one(l.to(l.scalar(t), l.b.PtrBits(r)))
}

func unsignedOf(size int) ir.Type {
	switch size {
	case 1:
		return ir.U8
	case 2:
		return ir.U16
	case 4:
		return ir.U32
	}
	return ir.U64
}

// bits returns r as an unsigned integer of its size.
func (l *lowerer) bits(r ir.Reg) ir.Reg {
	t := l.b.TypeOf(r)
	u := unsignedOf(t.Size())
	if t == ir.Bool {
		return l.b.Convert(ir.U8, r)
	}
	if t == u {
		return r
	}
	return l.b.Bitcast(u, r)
}

// fromBits is the inverse of bits.
func (l *lowerer) fromBits(r ir.Reg, t ir.Type) ir.Reg {
	switch {
	case t == ir.Bool:
		return l.b.Convert(ir.Bool, r)
	case l.b.TypeOf(r) == t:
		return r
	}
	return l.b.Bitcast(t, r)
}

// bitcast reads the bytes of x, as they lie in memory, as another type.
func (l *lowerer) bitcast(x []ir.Reg, from, t *check.Type) []ir.Reg {
	ft, tt := l.scalar(from.Scalar()), l.scalar(t.Scalar())
	fs, ts := ft.Size(), tt.Size()
	v := l.regs(t.Comps())
	for i := range v {
		switch {
		case fs == ts:
			if i < len(x) {
				v[i] = l.fromBits(l.bits(x[i]), tt)
				continue
			}
		case fs > ts: // a part of one element
			k := fs / ts
			if i/k < len(x) {
				u := l.bits(x[i/k])
				w := wideType(l.b.TypeOf(u))
				u = l.to(w, u)
				u = l.b.Binary(ir.Shr, u, l.b.ConstInt(w, int64(i%k*ts*8)))
				v[i] = l.fromBits(l.to(unsignedOf(ts), u), tt)
				continue
			}
		default: // several elements
			k := ts / fs
			w := wideType(unsignedOf(ts))
			r := l.b.Const(w, 0)
			for j := i * k; j < (i+1)*k && j < len(x); j++ {
				u := l.b.Binary(ir.Shl, l.to(w, l.bits(x[j])), l.b.ConstInt(w, int64((j-i*k)*fs*8)))
				r = l.b.Binary(ir.Or, r, u)
			}
			v[i] = l.fromBits(l.to(unsignedOf(ts), r), tt)
			continue
		}
		v[i] = l.b.Const(tt, 0)
	}
	return v
}
