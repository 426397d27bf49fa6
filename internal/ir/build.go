package ir

// This file implements Builder, the way to write a Func: registers, constants
// and instructions. The structured statements are in buildflow.go.
//
// The Builder folds what is constant while it builds (see fold.go), so the
// registers that its methods return may be constants, or operands passed in.
// It emits no code that cannot be reached. It does not check types; Verify
// does.

import (
	"math"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Builder builds one Func, statement after statement. A method that
// computes something appends an instruction to the current block and returns
// its fresh temporary, which may be used in this block and in blocks nested
// in it, up to the end of this block; a value needed longer goes into a Var.
//
// A returned register may also be the operand itself (x+0), but never a Var,
// so that a later assignment to a variable does not change values computed
// before.
type Builder struct {
	f      *Func
	cur    *Block
	dead   bool // the current place cannot be reached
	span   source.Span
	fast   bool
	consts map[constKey]Reg
	exits  map[Stmt]int // Breaks and Leaves emitted, for each target
	again  map[Stmt]int // Continues emitted, for each target
	slab   []Reg        // room for operand lists
	instrs []Instr      // room for instructions
}

type constKey struct {
	typ   Type
	space Space
	bits  uint64
}

// NewBuilder starts a kernel of the given name.
func NewBuilder(name string) *Builder {
	b := &Builder{
		f:      &Func{Name: name},
		consts: map[constKey]Reg{},
		exits:  map[Stmt]int{},
		again:  map[Stmt]int{},
	}
	b.cur = &b.f.Body
	return b
}

// Func returns the kernel being built; set its Set and Contract here.
func (b *Builder) Func() *Func { return b.f }

// Finish ends the kernel and returns it, analysed but not verified.
func (b *Builder) Finish() *Func {
	b.f.Body.trimTail(func(e *Exit) bool { return e.Kind == Return })
	Analyze(b.f)
	return b.f
}

// SetSpan sets the place in the text that the following statements carry and
// returns the one before.
func (b *Builder) SetSpan(s source.Span) (old source.Span) {
	old, b.span = b.span, s
	return old
}

// SetFast says whether the following instructions are marked Fast and returns
// the setting before.
func (b *Builder) SetFast(on bool) (old bool) {
	old, b.fast = b.fast, on
	return old
}

// ---- Registers

func (b *Builder) newReg(r RegInfo) Reg {
	b.f.Regs = append(b.f.Regs, r)
	return Reg(len(b.f.Regs) - 1)
}

// Param appends a parameter and returns the register with its address.
func (b *Builder) Param(p Param) Reg {
	b.f.Params = append(b.f.Params, p)
	return b.newReg(RegInfo{Type: Ptr, Kind: ParamReg, Space: p.Space, Index: len(b.f.Params) - 1, Name: p.Name})
}

// Alloc appends an allocation and returns the register with its address.
func (b *Builder) Alloc(a Alloc) Reg {
	b.f.Allocs = append(b.f.Allocs, a)
	return b.newReg(RegInfo{Type: Ptr, Kind: AllocReg, Space: a.Space, Index: len(b.f.Allocs) - 1, Name: a.Name})
}

// Var returns a new variable of a type other than Ptr. Assign to it with Set.
func (b *Builder) Var(t Type, name string) Reg {
	return b.newReg(RegInfo{Type: t, Kind: VarReg, Name: name})
}

// PtrVar returns a new variable that holds a pointer into space.
func (b *Builder) PtrVar(space Space, name string) Reg {
	return b.newReg(RegInfo{Type: Ptr, Kind: VarReg, Space: space, Name: name})
}

// Temp returns a new temporary, for the Dst of an Instr passed to Emit. The
// other methods make their own.
func (b *Builder) Temp(t Type) Reg { return b.newReg(RegInfo{Type: t, Kind: TempReg}) }

// PtrTemp is Temp for a pointer into space.
func (b *Builder) PtrTemp(space Space) Reg {
	return b.newReg(RegInfo{Type: Ptr, Kind: TempReg, Space: space})
}

// TypeOf returns the type of r, Void for no register.
func (b *Builder) TypeOf(r Reg) Type { return b.f.info(r).Type }

// SpaceOf returns the address space of r, NoSpace if it is no pointer.
func (b *Builder) SpaceOf(r Reg) Space { return b.f.info(r).Space }

// IsVar reports whether r is a variable.
func (b *Builder) IsVar(r Reg) bool { return r >= 0 && b.f.info(r).Kind == VarReg }

// info returns what is known of r; the zero RegInfo if it is out of range.
func (f *Func) info(r Reg) RegInfo {
	if r < 0 || int(r) >= len(f.Regs) {
		return RegInfo{}
	}
	return f.Regs[r]
}

// ---- Constants

// Const returns the register of a constant. bits are as in RegInfo.Bits, and
// are brought into the type's range.
func (b *Builder) Const(t Type, bits uint64) Reg { return b.constant(t, NoSpace, Canonical(t, bits)) }

func (b *Builder) constant(t Type, space Space, bits uint64) Reg {
	k := constKey{t, space, bits}
	if r, ok := b.consts[k]; ok {
		return r
	}
	r := b.newReg(RegInfo{Type: t, Kind: ConstReg, Space: space, Bits: bits})
	b.consts[k] = r
	return r
}

// Null returns the null pointer of a space.
func (b *Builder) Null(space Space) Reg { return b.constant(Ptr, space, 0) }

// ConstBool returns the constant v of type Bool.
func (b *Builder) ConstBool(v bool) Reg { return b.Const(Bool, boolBits(v)) }

// ConstI32 returns the constant v of type I32.
func (b *Builder) ConstI32(v int32) Reg { return b.Const(I32, uint64(v)) }

// ConstU32 returns the constant v of type U32.
func (b *Builder) ConstU32(v uint32) Reg { return b.Const(U32, uint64(v)) }

// ConstF32 returns the constant v of type F32.
func (b *Builder) ConstF32(v float32) Reg { return b.Const(F32, uint64(math.Float32bits(v))) }

// ConstInt returns the constant v of an integer type, wrapped to its range.
func (b *Builder) ConstInt(t Type, v int64) Reg { return b.Const(t, uint64(v)) }

// ConstFloat returns the constant v of a float type, rounded to it once.
func (b *Builder) ConstFloat(t Type, v float64) Reg { return b.Const(t, FloatBits(t, v)) }

// ConstValue returns the bits of a constant register.
func (b *Builder) ConstValue(r Reg) (bits uint64, ok bool) {
	if r < 0 || int(r) >= len(b.f.Regs) || b.f.Regs[r].Kind != ConstReg {
		return 0, false
	}
	return b.f.Regs[r].Bits, true
}

// Canonical brings bits into the form of RegInfo.Bits for type t: integers
// wrapped and extended by their sign, floats cut to their size, Bool 0 or 1.
func Canonical(t Type, bits uint64) uint64 {
	switch t {
	case Bool:
		return boolBits(bits != 0)
	case I8:
		return uint64(int8(bits))
	case I16:
		return uint64(int16(bits))
	case I32:
		return uint64(int32(bits))
	case U8:
		return uint64(uint8(bits))
	case U16, F16, BF16:
		return uint64(uint16(bits))
	case U32, F32:
		return uint64(uint32(bits))
	}
	return bits
}

// FloatBits returns the bits of v rounded once to float type t.
func FloatBits(t Type, v float64) uint64 {
	switch t {
	case F16:
		return uint64(half.Float16FromFloat64(v))
	case BF16:
		return uint64(half.BFloat16FromFloat64(v))
	case F32:
		return uint64(math.Float32bits(float32(v)))
	}
	return math.Float64bits(v)
}

// FloatValue returns the value of the bits of float type t.
func FloatValue(t Type, bits uint64) float64 {
	switch t {
	case F16:
		return float64(half.Float16(bits).Float32())
	case BF16:
		return float64(half.BFloat16(bits).Float32())
	case F32:
		return float64(math.Float32frombits(uint32(bits)))
	}
	return math.Float64frombits(bits)
}

func boolBits(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

// ---- Instructions

// Emit appends an instruction as it is, except for Span and Fast, which it
// takes from SetSpan and SetFast. It copies the lists. Code that cannot be
// reached is dropped.
func (b *Builder) Emit(in Instr) {
	in.Dst, in.Args = b.list(in.Dst...), b.list(in.Args...)
	b.emit(in)
}

func (b *Builder) emit(in Instr) {
	if b.dead {
		return
	}
	in.Span, in.Fast = b.span, b.fast
	if len(b.instrs) == cap(b.instrs) {
		b.instrs = make([]Instr, 0, 64)
	}
	b.instrs = append(b.instrs, in)
	b.cur.Stmts = append(b.cur.Stmts, &b.instrs[len(b.instrs)-1])
}

// list copies registers into the slab.
func (b *Builder) list(regs ...Reg) []Reg {
	if len(regs) == 0 {
		return nil
	}
	if len(b.slab)+len(regs) > cap(b.slab) {
		b.slab = make([]Reg, 0, 256+len(regs))
	}
	n := len(b.slab)
	b.slab = append(b.slab, regs...)
	return b.slab[n:len(b.slab):len(b.slab)]
}

// result returns a fresh temporary for an instruction of op and type t with
// an operand like the register from.
func (b *Builder) result(op Op, t Type, like Reg) Reg {
	r := RegInfo{Type: resultType(op, t, 0), Kind: TempReg}
	if r.Type == Ptr {
		r.Space = b.SpaceOf(like)
	}
	return b.newReg(r)
}

// fold tries to compute an instruction now.
func (b *Builder) fold(op Op, t, from Type, args ...Reg) (Reg, bool) {
	var vals [3]uint64
	for i, a := range args {
		v, ok := b.ConstValue(a)
		if !ok {
			return NoReg, false
		}
		vals[i] = v
	}
	bits, ok := Fold(op, t, from, vals[:len(args)])
	if !ok {
		return NoReg, false
	}
	return b.Const(resultType(op, t, 0), bits), true
}

// Copy returns a register that keeps the present value of r: a new temporary
// if r is a variable, else r itself.
func (b *Builder) Copy(r Reg) Reg {
	if !b.IsVar(r) {
		return r
	}
	d := b.result(Mov, b.TypeOf(r), r)
	b.emit(Instr{Op: Mov, Type: b.TypeOf(r), Dst: b.list(d), Args: b.list(r)})
	return d
}

// Set assigns src to the variable dst, which has the same type.
func (b *Builder) Set(dst, src Reg) {
	if dst != src {
		b.emit(Instr{Op: Mov, Type: b.TypeOf(dst), Dst: b.list(dst), Args: b.list(src)})
	}
}

// Unary emits an operation on one value: arithmetic, float functions, tests
// such as IsNan, Ilogb.
func (b *Builder) Unary(op Op, x Reg) Reg {
	t := b.TypeOf(x)
	if r, ok := b.fold(op, t, Void, x); ok {
		return r
	}
	d := b.result(op, t, x)
	b.emit(Instr{Op: op, Type: t, Dst: b.list(d), Args: b.list(x)})
	return d
}

// Binary emits an operation on two values of one type, or Ldexp.
func (b *Builder) Binary(op Op, x, y Reg) Reg {
	t := b.TypeOf(x)
	if r, ok := b.fold(op, t, Void, x, y); ok {
		return r
	}
	if r, ok := b.identity(op, t, x, y); ok {
		return r
	}
	d := b.result(op, t, x)
	b.emit(Instr{Op: op, Type: t, Dst: b.list(d), Args: b.list(x, y)})
	return d
}

// Compare emits Eq, Ne, Lt, Le, Gt or Ge of two values of one type.
func (b *Builder) Compare(op Op, x, y Reg) Reg { return b.Binary(op, x, y) }

// FMA emits x*y + z with one rounding.
func (b *Builder) FMA(x, y, z Reg) Reg {
	t := b.TypeOf(x)
	d := b.result(FMA, t, x)
	b.emit(Instr{Op: FMA, Type: t, Dst: b.list(d), Args: b.list(x, y, z)})
	return d
}

// Not emits the logical or bitwise complement.
func (b *Builder) Not(x Reg) Reg { return b.Unary(Not, x) }

// Convert converts x to type t, keeping its value.
func (b *Builder) Convert(t Type, x Reg) Reg { return b.cast(Convert, t, x) }

// Bitcast converts x to type t, keeping its bits.
func (b *Builder) Bitcast(t Type, x Reg) Reg { return b.cast(Bitcast, t, x) }

func (b *Builder) cast(op Op, t Type, x Reg) Reg {
	from := b.TypeOf(x)
	if from == t {
		return b.Copy(x)
	}
	if r, ok := b.fold(op, t, from, x); ok {
		return r
	}
	d := b.Temp(t)
	b.emit(Instr{Op: op, Type: t, From: from, Dst: b.list(d), Args: b.list(x)})
	return d
}

// Select returns x where cond is true and y elsewhere. Both are evaluated.
func (b *Builder) Select(cond, x, y Reg) Reg {
	if v, ok := b.ConstValue(cond); ok {
		if v != 0 {
			return b.Copy(x)
		}
		return b.Copy(y)
	}
	if x == y {
		return b.Copy(x)
	}
	d := b.result(Select, b.TypeOf(x), x)
	b.emit(Instr{Op: Select, Type: b.TypeOf(x), Dst: b.list(d), Args: b.list(cond, x, y)})
	return d
}

// ---- Memory

// At is the address base + off, in bytes.
func At(base Reg, off int64) Addr { return Addr{Base: base, Index: NoReg, Off: off} }

// AtIndex is the address base + index*scale + off, in bytes.
func AtIndex(base, index Reg, scale, off int64) Addr {
	return Addr{Base: base, Index: index, Scale: scale, Off: off}
}

// addr moves a constant index into the offset.
func (b *Builder) addr(a Addr) Addr {
	if a.Index == NoReg {
		a.Scale = 0
		return a
	}
	if v, ok := b.ConstValue(a.Index); ok {
		return At(a.Base, a.Off+int64(v)*a.Scale)
	}
	return a
}

// Load reads one value of type t, which is not Ptr.
func (b *Builder) Load(t Type, a Addr) Reg {
	d := b.Temp(t)
	b.emit(Instr{Op: Load, Type: t, Dst: b.list(d), Addr: b.addr(a)})
	return d
}

// LoadPtr reads a pointer into space from thread memory.
func (b *Builder) LoadPtr(space Space, a Addr) Reg {
	d := b.PtrTemp(space)
	b.emit(Instr{Op: Load, Type: Ptr, Dst: b.list(d), Addr: b.addr(a)})
	return d
}

// LoadN reads n adjacent values of type t.
func (b *Builder) LoadN(t Type, n int, a Addr) []Reg {
	d := make([]Reg, n)
	for i := range d {
		d[i] = b.Temp(t)
	}
	b.emit(Instr{Op: Load, Type: t, Dst: b.list(d...), Addr: b.addr(a)})
	return d
}

// Store writes adjacent values of type t.
func (b *Builder) Store(t Type, a Addr, vals ...Reg) {
	b.emit(Instr{Op: Store, Type: t, Args: b.list(vals...), Addr: b.addr(a)})
}

// PtrAdd computes an address.
func (b *Builder) PtrAdd(a Addr) Reg {
	a = b.addr(a)
	if a.Index == NoReg && a.Off == 0 {
		return b.Copy(a.Base)
	}
	d := b.PtrTemp(b.SpaceOf(a.Base))
	b.emit(Instr{Op: PtrAdd, Type: Ptr, Dst: b.list(d), Addr: a})
	return d
}

// PtrSub returns (p - q) / size, an I64.
func (b *Builder) PtrSub(p, q Reg, size int64) Reg {
	d := b.Temp(I64)
	b.emit(Instr{Op: PtrSub, Type: Ptr, Dst: b.list(d), Args: b.list(p, q), Imm: size})
	return d
}

// PtrBits returns the address as a number, a U64.
func (b *Builder) PtrBits(p Reg) Reg {
	d := b.Temp(U64)
	b.emit(Instr{Op: PtrBits, Type: Ptr, Dst: b.list(d), Args: b.list(p)})
	return d
}

// AtomicLoad reads a value of type t.
func (b *Builder) AtomicLoad(t Type, a Addr) Reg {
	d := b.Temp(t)
	b.emit(Instr{Op: AtomicLoad, Type: t, Dst: b.list(d), Addr: b.addr(a)})
	return d
}

// AtomicStore writes v.
func (b *Builder) AtomicStore(t Type, a Addr, v Reg) {
	b.emit(Instr{Op: AtomicStore, Type: t, Args: b.list(v), Addr: b.addr(a)})
}

// Atomic emits AtomicXchg, AtomicAdd and so on and returns the value before.
func (b *Builder) Atomic(op Op, t Type, a Addr, v Reg) Reg {
	d := b.Temp(t)
	b.emit(Instr{Op: op, Type: t, Dst: b.list(d), Args: b.list(v), Addr: b.addr(a)})
	return d
}

// AtomicCAS stores desired if the value is expected. It returns the value
// before and whether it was the expected one.
func (b *Builder) AtomicCAS(t Type, a Addr, expected, desired Reg) (old, ok Reg) {
	old, ok = b.Temp(t), b.Temp(Bool)
	b.emit(Instr{Op: AtomicCAS, Type: t, Dst: b.list(old, ok), Args: b.list(expected, desired), Addr: b.addr(a)})
	return old, ok
}

// ---- Threads

// Special reads a thread attribute, a U32.
func (b *Builder) Special(k SpecialKind) Reg {
	d := b.Temp(U32)
	b.emit(Instr{Op: Special, Type: U32, Dst: b.list(d), Imm: int64(k)})
	return d
}

// Barrier waits for the threadgroup, or for the simdgroup only.
func (b *Builder) Barrier(simdgroup bool) {
	b.emit(Instr{Op: Barrier, Type: Void, Imm: int64(boolBits(simdgroup))})
}

// Simd emits one of the operations SimdSum to SimdActive. width is 32 for the
// simdgroup, 4 for the quad. Its type is that of args[0], where the operation
// leaves a choice.
func (b *Builder) Simd(op Op, width int64, args ...Reg) Reg {
	t, like := Void, NoReg
	if len(args) > 0 {
		like = args[0]
		t = b.TypeOf(like)
	}
	switch op {
	case SimdBallot, SimdActive:
		t = U64
	case SimdIsFirst:
		t = Bool
	}
	d := b.result(op, t, like)
	b.emit(Instr{Op: op, Type: t, Dst: b.list(d), Args: b.list(args...), Imm: width})
	return d
}

// MatMul emits A*B + C of 8x8 matrices of type t; each lane has two elements
// of each matrix.
func (b *Builder) MatMul(t Type, a0, a1, b0, b1, c0, c1 Reg) (d0, d1 Reg) {
	d0, d1 = b.Temp(t), b.Temp(t)
	b.emit(Instr{Op: MatMul, Type: t, Dst: b.list(d0, d1), Args: b.list(a0, a1, b0, b1, c0, c1)})
	return d0, d1
}
