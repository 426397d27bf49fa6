package lower

// This file implements functions of integers. Those that depend on the width
// of their type are written out for the narrow types, whose values lie in
// registers of 32 bits.

import "github.com/zmlx-go/zmlx/internal/ir"

func registerIntegers() {
	for name, f := range map[string]func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg{
		"clz": lowerClz, "ctz": lowerCtz, "popcount": lowerPopcount, "reverse_bits": lowerReverse,
		"addsat": lowerAddsat, "subsat": lowerSubsat, "hadd": widened(lowerHadd), "rhadd": widened(lowerRhadd),
		"mul24": widened(op2(ir.Mul)), "mad24": widened(lowerMad), "mulhi": lowerMulhi, "madhi": lowerMadhi,
		"madsat": lowerMadsat, "rotate": lowerRotate, "absdiff": lowerAbsdiff,
		"extract_bits": lowerExtract, "insert_bits": lowerInsert,
	} {
		builtins[name] = builtin{elem: f, cheap: true}
	}
}

func width(t ir.Type) int64 { return int64(8 * t.Size()) }

// unsignedWide returns the bits of r, zero-extended, in the type that
// unsigned arithmetic on them is done in.
func (l *lowerer) unsignedWide(r ir.Reg) ir.Reg { return l.wide(l.bits(r)) }

// back converts bits computed by unsignedWide to type t.
func (l *lowerer) back(r ir.Reg, t ir.Type) ir.Reg {
	return l.fromBits(l.to(unsignedOf(t.Size()), r), t)
}

func isNarrow(t ir.Type) bool { return wideType(t) != t }

func (l *lowerer) ints(t ir.Type, v int64) ir.Reg { return l.b.ConstInt(t, v) }

func lowerClz(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	u := l.unsignedWide(a[0])
	w := l.b.TypeOf(u)
	r := l.b.Unary(ir.Clz, u)
	return l.back(l.b.Binary(ir.Sub, r, l.ints(w, width(w)-width(t))), t)
}

func lowerCtz(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	u := l.unsignedWide(a[0])
	if isNarrow(t) { // a bit above the type ends the count
		u = l.b.Binary(ir.Or, u, l.ints(l.b.TypeOf(u), 1<<width(t)))
	}
	return l.back(l.b.Unary(ir.Ctz, u), t)
}

func lowerPopcount(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.back(l.b.Unary(ir.Popcount, l.unsignedWide(a[0])), t)
}

func lowerReverse(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	u := l.unsignedWide(a[0])
	w := l.b.TypeOf(u)
	return l.back(l.b.Binary(ir.Shr, l.b.Unary(ir.ReverseBits, u), l.ints(w, width(w)-width(t))), t)
}

// limits returns the least and the greatest value of a type, as constants of
// the type that arithmetic on it is done in.
func (l *lowerer) limits(t ir.Type) (least, most ir.Reg) {
	w, n := wideType(t), width(t)
	if t.IsSigned() {
		return l.ints(w, -1<<(n-1)), l.ints(w, 1<<(n-1)-1)
	}
	return l.ints(w, 0), l.b.Const(w, ^uint64(0)>>(64-n))
}

// clampTo brings a value computed in 32 bits into the range of a narrow type.
func (l *lowerer) clampTo(t ir.Type, r ir.Reg) ir.Reg {
	least, most := l.limits(t)
	if !t.IsSigned() { // a difference below zero has wrapped
		return l.to(t, l.b.Binary(ir.Min, r, most))
	}
	return l.to(t, l.b.Binary(ir.Min, l.b.Binary(ir.Max, r, least), most))
}

func lowerAddsat(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x, y := l.wide(a[0]), l.wide(a[1])
	s := l.b.Binary(ir.Add, x, y)
	least, most := l.limits(t)
	switch {
	case isNarrow(t):
		return l.clampTo(t, s)
	case !t.IsSigned():
		return l.b.Select(l.b.Compare(ir.Lt, s, x), most, s)
	}
	// Both operands have a sign that the sum lacks.
	over := l.b.Binary(ir.And, l.b.Binary(ir.Xor, x, s), l.b.Binary(ir.Xor, y, s))
	return l.saturated(t, over, x, s, least, most)
}

func lowerSubsat(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x, y := l.wide(a[0]), l.wide(a[1])
	d := l.b.Binary(ir.Sub, x, y)
	least, most := l.limits(t)
	switch {
	case !t.IsSigned():
		return l.to(t, l.b.Select(l.b.Compare(ir.Lt, x, y), l.ints(wideType(t), 0), d))
	case isNarrow(t):
		return l.clampTo(t, d)
	}
	// The operands have different signs and the difference has not x's.
	over := l.b.Binary(ir.And, l.b.Binary(ir.Xor, x, y), l.b.Binary(ir.Xor, x, d))
	return l.saturated(t, over, x, d, least, most)
}

// saturated returns r, or if over is negative the limit on x's side.
func (l *lowerer) saturated(t ir.Type, over, x, r, least, most ir.Reg) ir.Reg {
	zero := l.ints(t, 0)
	limit := l.b.Select(l.b.Compare(ir.Lt, x, zero), least, most)
	return l.b.Select(l.b.Compare(ir.Lt, over, zero), limit, r)
}

func lowerHadd(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	half := l.b.Binary(ir.Shr, l.b.Binary(ir.Xor, a[0], a[1]), l.ints(t, 1))
	return l.b.Binary(ir.Add, l.b.Binary(ir.And, a[0], a[1]), half)
}

func lowerRhadd(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	half := l.b.Binary(ir.Shr, l.b.Binary(ir.Xor, a[0], a[1]), l.ints(t, 1))
	return l.b.Binary(ir.Sub, l.b.Binary(ir.Or, a[0], a[1]), half)
}

func lowerMad(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.b.Binary(ir.Add, l.b.Binary(ir.Mul, a[0], a[1]), a[2])
}

func lowerMulhi(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	if !isNarrow(t) {
		return l.b.Binary(ir.MulHi, a[0], a[1])
	}
	p := l.b.Binary(ir.Mul, l.wide(a[0]), l.wide(a[1]))
	return l.to(t, l.b.Binary(ir.Shr, p, l.ints(l.b.TypeOf(p), width(t))))
}

func lowerMadhi(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	return l.to(t, l.b.Binary(ir.Add, l.wide(lowerMulhi(l, t, a[:2])), l.wide(a[2])))
}

func lowerMadsat(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	if isNarrow(t) { // no product of two 16-bit numbers and sum overflows 64 bits
		w := ir.I64
		if !t.IsSigned() {
			w = ir.U64
		}
		s := lowerMad(l, w, []ir.Reg{l.to(w, a[0]), l.to(w, a[1]), l.to(w, a[2])})
		if t.IsSigned() {
			s = l.b.Binary(ir.Max, s, l.ints(w, -1<<(width(t)-1)))
			return l.to(t, l.b.Binary(ir.Min, s, l.ints(w, 1<<(width(t)-1)-1)))
		}
		return l.to(t, l.b.Binary(ir.Min, s, l.ints(w, 1<<width(t)-1)))
	}
	least, most := l.limits(t)
	hi, lo := l.b.Binary(ir.MulHi, a[0], a[1]), l.bits(l.b.Binary(ir.Mul, a[0], a[1]))
	sum := l.b.Binary(ir.Add, lo, l.bits(a[2]))
	carry := l.to(t, l.b.Compare(ir.Lt, sum, lo))
	if !t.IsSigned() {
		over := l.b.Compare(ir.Ne, l.b.Binary(ir.Or, hi, carry), l.ints(t, 0))
		return l.b.Select(over, most, sum)
	}
	top := l.ints(t, width(t)-1)
	hi = l.b.Binary(ir.Add, l.b.Binary(ir.Add, hi, l.b.Binary(ir.Shr, a[2], top)), carry)
	low := l.fromBits(sum, t)
	fits := l.b.Compare(ir.Eq, hi, l.b.Binary(ir.Shr, low, top))
	limit := l.b.Select(l.b.Compare(ir.Lt, hi, l.ints(t, 0)), least, most)
	return l.b.Select(fits, low, limit)
}

func lowerRotate(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	if !isNarrow(t) {
		return l.b.Binary(ir.Rotl, a[0], a[1])
	}
	x := l.unsignedWide(a[0])
	w := l.b.TypeOf(x)
	n := l.b.Binary(ir.And, l.unsignedWide(a[1]), l.ints(w, width(t)-1))
	low := l.b.Binary(ir.Shr, x, l.b.Binary(ir.Sub, l.ints(w, width(t)), n))
	return l.back(l.b.Binary(ir.Or, l.b.Binary(ir.Shl, x, n), low), t)
}

// lowerAbsdiff has the unsigned form of t as its result.
func lowerAbsdiff(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x, y := l.wide(a[0]), l.wide(a[1])
	d := l.b.Select(l.b.Compare(ir.Gt, x, y), l.b.Binary(ir.Sub, x, y), l.b.Binary(ir.Sub, y, x))
	return l.to(unsignedOf(t.Size()), l.bits(d))
}

// lowerExtract moves the field to the top and down again, which extends it.
func lowerExtract(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x := l.wide(a[0])
	w := l.b.TypeOf(x)
	off, n := l.to(w, a[1]), l.to(w, a[2])
	up := l.b.Binary(ir.Sub, l.ints(w, width(w)), n)
	x = l.b.Binary(ir.Shl, x, l.b.Binary(ir.Sub, up, off))
	x = l.b.Binary(ir.Shr, x, up)
	return l.to(t, l.b.Select(l.b.Compare(ir.Eq, n, l.ints(w, 0)), l.ints(w, 0), x))
}

func lowerInsert(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
	x, y := l.unsignedWide(a[0]), l.unsignedWide(a[1])
	w := l.b.TypeOf(x)
	off, n := l.to(w, a[2]), l.to(w, a[3])
	ones := l.b.Binary(ir.Sub, l.b.Binary(ir.Shl, l.ints(w, 1), n), l.ints(w, 1))
	ones = l.b.Select(l.b.Compare(ir.Ge, n, l.ints(w, width(w))), l.ints(w, -1), ones)
	mask := l.b.Binary(ir.Shl, ones, off)
	y = l.b.Binary(ir.And, l.b.Binary(ir.Shl, y, off), mask)
	return l.back(l.b.Binary(ir.Or, l.b.Binary(ir.And, x, l.b.Not(mask)), y), t)
}
