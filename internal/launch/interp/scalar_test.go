package interp

// This file implements a second interpreter, to compare the first one with:
// one thread at a time, a value at a time, with integers computed in math/big
// and floats in float64. It knows no instruction that looks at other threads.

import (
	"fmt"
	"math"
	"math/big"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// A scalarRun is one thread under way. Registers hold RegInfo.Bits; a Ptr
// holds an index in objects and an offset.
type scalarRun struct {
	fn      *ir.Func
	regs    []uint64
	ptrs    []scalarPtr
	objects [][]byte // parameters, then allocations
	special func(k ir.SpecialKind) uint32
	steps   int
}

type scalarPtr struct {
	object int
	offset int64
}

// exiting is where control goes after a block; nil kind: on.
type exiting struct {
	on   bool
	exit *ir.Exit
}

func newScalarRun(fn *ir.Func, params [][]byte, special func(ir.SpecialKind) uint32) *scalarRun {
	s := &scalarRun{fn: fn, regs: make([]uint64, len(fn.Regs)), ptrs: make([]scalarPtr, len(fn.Regs)), special: special}
	s.objects = append(s.objects, params...)
	for _, a := range fn.Allocs {
		mem := make([]byte, a.Size)
		copy(mem, a.Init)
		s.objects = append(s.objects, mem)
	}
	for i, r := range fn.Regs {
		switch r.Kind {
		case ir.ConstReg:
			s.regs[i] = r.Bits
		case ir.ParamReg:
			s.ptrs[i] = scalarPtr{r.Index, 0}
		case ir.AllocReg:
			s.ptrs[i] = scalarPtr{len(fn.Params) + r.Index, 0}
		default:
			s.ptrs[i] = scalarPtr{-1, 0}
		}
	}
	return s
}

func (s *scalarRun) block(b *ir.Block) exiting {
	for _, st := range b.Stmts {
		if e := s.stmt(st); !e.on {
			return e
		}
	}
	return exiting{on: true}
}

func (s *scalarRun) stmt(st ir.Stmt) exiting {
	switch st := st.(type) {
	case *ir.Instr:
		s.instr(st)
	case *ir.If:
		if s.regs[st.Cond] != 0 {
			return s.block(&st.Then)
		}
		return s.block(&st.Else)
	case *ir.Scope:
		e := s.block(&st.Body)
		if !e.on && e.exit.Target == ir.Stmt(st) {
			return exiting{on: true}
		}
		return e
	case *ir.Exit:
		return exiting{exit: st}
	case *ir.Loop:
		for {
			e := s.block(&st.Head)
			if e.on && st.Cond != ir.NoReg && s.regs[st.Cond] == 0 {
				return exiting{on: true}
			}
			if e.on {
				e = s.block(&st.Body)
				if !e.on && e.exit.Kind == ir.Continue && e.exit.Target == ir.Stmt(st) {
					e.on = true
				}
			}
			if e.on {
				e = s.block(&st.Step)
			}
			if !e.on {
				if e.exit.Target == ir.Stmt(st) {
					return exiting{on: true}
				}
				return e
			}
		}
	}
	return exiting{on: true}
}

func (s *scalarRun) addr(a ir.Addr) scalarPtr {
	p := s.ptrs[a.Base]
	if a.Index != ir.NoReg {
		p.offset += int64(s.regs[a.Index]) * a.Scale
	}
	p.offset += a.Off
	return p
}

// memory returns size bytes at p, nil if they are not all there.
func (s *scalarRun) memory(p scalarPtr, size int) []byte {
	if p.object < 0 || p.offset < 0 || p.offset > int64(len(s.objects[p.object])-size) {
		return nil
	}
	return s.objects[p.object][p.offset : p.offset+int64(size)]
}

func (s *scalarRun) instr(in *ir.Instr) {
	s.steps++
	switch in.Op {
	case ir.Load:
		p := s.addr(in.Addr)
		for _, d := range in.Dst {
			var v uint64
			for i, b := range s.memory(p, in.Type.Size()) {
				v |= uint64(b) << (8 * i)
			}
			s.regs[d] = ir.Canonical(in.Type, v)
			p.offset += int64(in.Type.Size())
		}
	case ir.Store:
		p := s.addr(in.Addr)
		for _, a := range in.Args {
			for i := range s.memory(p, in.Type.Size()) {
				s.memory(p, in.Type.Size())[i] = byte(s.regs[a] >> (8 * i))
			}
			p.offset += int64(in.Type.Size())
		}
	case ir.PtrAdd:
		s.ptrs[in.Dst[0]] = s.addr(in.Addr)
	case ir.PtrSub:
		s.regs[in.Dst[0]] = uint64((s.ptrs[in.Args[0]].offset - s.ptrs[in.Args[1]].offset) / in.Imm)
	case ir.Special:
		s.regs[in.Dst[0]] = uint64(s.special(ir.SpecialKind(in.Imm)))
	case ir.Mov:
		s.regs[in.Dst[0]], s.ptrs[in.Dst[0]] = s.regs[in.Args[0]], s.ptrs[in.Args[0]]
	case ir.Select:
		from := in.Args[2]
		if s.regs[in.Args[0]] != 0 {
			from = in.Args[1]
		}
		s.regs[in.Dst[0]], s.ptrs[in.Dst[0]] = s.regs[from], s.ptrs[from]
	default:
		var v [3]uint64
		for i, a := range in.Args {
			v[i] = s.regs[a]
		}
		s.regs[in.Dst[0]] = scalarOp(in.Op, in.Type, in.From, v[0], v[1], v[2])
	}
}

// scalarOp computes an operation on bits as in RegInfo.Bits.
func scalarOp(op ir.Op, t, from ir.Type, x, y, z uint64) uint64 {
	switch {
	case op == ir.Convert:
		return scalarConvert(t, from, x)
	case op == ir.Bitcast:
		return ir.Canonical(t, x)
	case t.IsFloat():
		return scalarFloat(op, t, x, y, z)
	}
	return scalarInt(op, t, x, y)
}

// bigInt returns the value of an integer.
func bigInt(t ir.Type, x uint64) *big.Int {
	if t.IsSigned() {
		return big.NewInt(int64(x))
	}
	return new(big.Int).SetUint64(x)
}

// wrap returns v modulo two to the width of t.
func wrap(t ir.Type, v *big.Int) uint64 {
	m := new(big.Int).Lsh(big.NewInt(1), 64)
	return ir.Canonical(t, new(big.Int).Mod(v, m).Uint64())
}

func scalarInt(op ir.Op, t ir.Type, x, y uint64) uint64 {
	a, b := bigInt(t, x), bigInt(t, y)
	width := uint(8 * t.Size())
	flag := func(v bool) uint64 {
		if v {
			return 1
		}
		return 0
	}
	if t == ir.Bool && op == ir.Not {
		return 1 - x
	}
	// bit strings, most significant first
	str := func(v uint64) string { return fmt.Sprintf("%064b", v)[64-width:] }
	parse := func(s string) uint64 {
		v, _ := new(big.Int).SetString(s, 2)
		return wrap(t, v)
	}
	count := new(big.Int).Mod(b, big.NewInt(int64(width)))
	k := uint(count.Uint64())
	switch op {
	case ir.Add:
		return wrap(t, a.Add(a, b))
	case ir.Sub:
		return wrap(t, a.Sub(a, b))
	case ir.Mul:
		return wrap(t, a.Mul(a, b))
	case ir.Div:
		if y == 0 {
			return 0
		}
		return wrap(t, a.Quo(a, b))
	case ir.Rem:
		if y == 0 {
			return 0
		}
		return wrap(t, a.Rem(a, b))
	case ir.Neg:
		return wrap(t, a.Neg(a))
	case ir.Abs:
		return wrap(t, a.Abs(a))
	case ir.Min:
		if a.Cmp(b) < 0 {
			return x
		}
		return y
	case ir.Max:
		if a.Cmp(b) < 0 {
			return y
		}
		return x
	case ir.MulHi:
		return wrap(t, a.Rsh(a.Mul(a, b), width))
	case ir.And:
		return wrap(t, a.And(a, b))
	case ir.Or:
		return wrap(t, a.Or(a, b))
	case ir.Xor:
		return wrap(t, a.Xor(a, b))
	case ir.Not:
		return wrap(t, a.Not(a))
	case ir.Shl:
		return wrap(t, a.Lsh(a, k))
	case ir.Shr:
		return wrap(t, a.Rsh(a, k))
	case ir.Rotl:
		s := str(x)
		return parse(s[k:] + s[:k])
	case ir.Clz:
		for i, c := range str(x) {
			if c == '1' {
				return uint64(i)
			}
		}
		return uint64(width)
	case ir.Ctz:
		s := str(x)
		for i := range s {
			if s[len(s)-1-i] == '1' {
				return uint64(i)
			}
		}
		return uint64(width)
	case ir.Popcount:
		n := uint64(0)
		for _, c := range str(x) {
			n += uint64(c - '0')
		}
		return n
	case ir.ReverseBits:
		s := []byte(str(x))
		for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
			s[i], s[j] = s[j], s[i]
		}
		return parse(string(s))
	case ir.Eq:
		return flag(a.Cmp(b) == 0)
	case ir.Ne:
		return flag(a.Cmp(b) != 0)
	case ir.Lt:
		return flag(a.Cmp(b) < 0)
	case ir.Le:
		return flag(a.Cmp(b) <= 0)
	case ir.Gt:
		return flag(a.Cmp(b) > 0)
	case ir.Ge:
		return flag(a.Cmp(b) >= 0)
	}
	panic("scalarInt: " + op.String())
}

func scalarFloat(op ir.Op, t ir.Type, xb, yb, zb uint64) uint64 {
	x, y, z := ir.FloatValue(t, xb), ir.FloatValue(t, yb), ir.FloatValue(t, zb)
	bits := func(v float64) uint64 { return ir.FloatBits(t, v) }
	flag := func(v bool) uint64 {
		if v {
			return 1
		}
		return 0
	}
	switch op {
	case ir.Add:
		return bits(x + y)
	case ir.Sub:
		return bits(x - y)
	case ir.Mul:
		return bits(x * y)
	case ir.Div:
		return bits(x / y)
	case ir.Rem:
		return bits(math.Mod(x, y))
	case ir.Neg:
		return xb ^ 1<<(8*t.Size()-1)
	case ir.Abs:
		return xb &^ (1 << (8*t.Size() - 1))
	case ir.Min:
		switch {
		case x != x:
			return yb
		case y != y, x < y, x == y && math.Signbit(x):
			return xb
		}
		return yb
	case ir.Max:
		switch {
		case x != x:
			return yb
		case y != y, x > y, x == y && !math.Signbit(x):
			return xb
		}
		return yb
	case ir.FMA:
		return scalarFMA(t, x, y, z)
	case ir.Eq:
		return flag(x == y)
	case ir.Ne:
		return flag(x != y)
	case ir.Lt:
		return flag(x < y)
	case ir.Le:
		return flag(x <= y)
	case ir.Gt:
		return flag(x > y)
	case ir.Ge:
		return flag(x >= y)
	case ir.Sqrt:
		return bits(math.Sqrt(x))
	case ir.Rsqrt:
		return bits(math.Pow(math.Sqrt(x), -1))
	case ir.Floor:
		return bits(-math.Ceil(-x))
	case ir.Ceil:
		return bits(-math.Floor(-x))
	case ir.Trunc:
		v, _ := math.Modf(x)
		return bits(v)
	case ir.Rint:
		if math.IsInf(x, 0) || x != x {
			return xb
		}
		return bits(math.Copysign(math.Abs(x-math.Remainder(x, 1)), x))
	case ir.Round:
		if math.IsInf(x, 0) || x != x || math.Abs(x) > 1<<52 {
			return xb
		}
		whole, part := math.Modf(math.Abs(x))
		if part >= 0.5 {
			whole++
		}
		return bits(math.Copysign(whole, x))
	case ir.IsNan:
		return flag(x != x)
	case ir.IsInf:
		return flag(x > math.MaxFloat64 || x < -math.MaxFloat64)
	case ir.IsFinite:
		return flag(math.Abs(x) <= math.MaxFloat64)
	case ir.IsNormal:
		e := xb &^ (1 << (8*t.Size() - 1)) // exponent neither all zeros nor all ones
		inf := ir.FloatBits(t, math.Inf(1))
		return flag(e&inf != 0 && e&inf != inf)
	case ir.SignBit:
		return xb >> (8*t.Size() - 1)
	case ir.CopySign:
		sign := uint64(1) << (8*t.Size() - 1)
		return xb&^sign | yb&sign
	}
	panic("scalarFloat: " + op.String())
}

// scalarFMA finds the value of type t that lies nearest to x*y + z, among the
// neighbours of an approximation.
func scalarFMA(t ir.Type, x, y, z float64) uint64 {
	approx := x*y + z
	if t == ir.F64 {
		return math.Float64bits(math.FMA(x, y, z))
	}
	if approx != approx || math.IsInf(approx, 0) || approx == 0 {
		return ir.FloatBits(t, approx)
	}
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(v) }
	want := exact(x)
	want.Mul(want, exact(y)).Add(want, exact(z))
	guess := ir.FloatBits(t, approx)
	best, bestDist := guess, (*big.Float)(nil)
	for _, c := range []uint64{guess - 1, guess, guess + 1} {
		v := ir.FloatValue(t, c)
		if v != v || math.IsInf(v, 0) {
			continue
		}
		d := exact(v)
		d.Sub(d, want).Abs(d)
		if bestDist == nil || d.Cmp(bestDist) < 0 || d.Cmp(bestDist) == 0 && c&1 == 0 {
			best, bestDist = c, d
		}
	}
	if math.IsInf(ir.FloatValue(t, guess), 0) {
		return guess
	}
	return best
}

func scalarConvert(t, from ir.Type, x uint64) uint64 {
	if !from.IsFloat() {
		v := bigInt(from, x)
		switch {
		case t == ir.Bool:
			if v.Sign() != 0 {
				return 1
			}
			return 0
		case t == ir.F32:
			f, _ := new(big.Float).SetInt(v).Float32()
			return uint64(math.Float32bits(f))
		case t.IsFloat() && t != ir.F64 && v.BitLen() > 53:
			// Far beyond what 16-bit types resolve: any sticky bit will do.
			low := new(big.Int).Rsh(v, uint(v.BitLen()-40))
			back := new(big.Int).Lsh(low, uint(v.BitLen()-40))
			low.Lsh(low, 1)
			if back.Cmp(v) != 0 {
				low.Add(low, big.NewInt(1))
			}
			f, _ := new(big.Float).SetInt(low).Float64()
			return ir.FloatBits(t, math.Ldexp(f, v.BitLen()-41))
		case t.IsFloat():
			f, _ := new(big.Float).SetInt(v).Float64()
			return ir.FloatBits(t, f)
		}
		return wrap(t, v)
	}
	v := ir.FloatValue(from, x)
	switch {
	case t.IsFloat():
		return ir.FloatBits(t, v)
	case t == ir.Bool:
		if v == 0 {
			return 0
		}
		return 1
	case v != v:
		return 0
	}
	width := uint(8 * t.Size())
	lo, hi := new(big.Int), new(big.Int).Lsh(big.NewInt(1), width)
	if t.IsSigned() {
		hi.Rsh(hi, 1)
		lo.Neg(hi)
	}
	hi.Sub(hi, big.NewInt(1))
	if math.IsInf(v, 1) {
		return wrap(t, hi)
	}
	if math.IsInf(v, -1) {
		return wrap(t, lo)
	}
	n, _ := new(big.Float).SetFloat64(v).Int(nil)
	if n.Cmp(lo) < 0 {
		n = lo
	}
	if n.Cmp(hi) > 0 {
		n = hi
	}
	return wrap(t, n)
}
