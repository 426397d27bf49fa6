package ir

// This file implements the signatures of operations: which results and
// operands an instruction has, and of which types.

// A signature spells results and operands with one letter each:
//
//	T  Instr.Type   F  Instr.From
//	b  Bool   i  I32   u  U32   l  I64   w  U64
//
// A final * repeats the letter before it, one to maxVector times in all.
type opSignature struct {
	dst, args string
	addr      bool // has an Addr
	writes    bool // writes to the memory at Addr
	optional  bool // Dst may be absent
	imm       immRule
}

// An immRule says what Instr.Imm may be.
type immRule uint8

const (
	immUnused immRule = iota
	immSpecial
	immBarrier
	immWidth
	immSize
)

// maxVector bounds how many elements one Load or Store accesses.
const maxVector = 16

var classSignatures = [...]opSignature{
	cUnary:   {dst: "T", args: "T"},
	cBinary:  {dst: "T", args: "TT"},
	cTernary: {dst: "T", args: "TTT"},
	cCompare: {dst: "b", args: "TT"},
	cTest:    {dst: "b", args: "T"},
	cLoad:    {dst: "T*", addr: true},
	cStore:   {args: "T*", addr: true, writes: true},
	cAtomic:  {dst: "T", args: "T", addr: true, writes: true, optional: true},
	cReduce:  {dst: "T", args: "T", imm: immWidth},
	cShuffle: {dst: "T", args: "Tu", imm: immWidth},
}

var signatures = func() (s [NumOps]opSignature) {
	for op := range ops {
		if c := ops[op].class; c != cOther {
			s[op] = classSignatures[c]
		}
	}
	s[Convert] = opSignature{dst: "T", args: "F"}
	s[Bitcast] = opSignature{dst: "T", args: "F"}
	s[Select] = opSignature{dst: "T", args: "bTT"}
	s[Ilogb] = opSignature{dst: "i", args: "T"}
	s[Ldexp] = opSignature{dst: "T", args: "Ti"}
	s[PtrAdd] = opSignature{dst: "T", addr: true}
	s[PtrSub] = opSignature{dst: "l", args: "TT", imm: immSize}
	s[PtrBits] = opSignature{dst: "w", args: "T"}
	s[AtomicLoad] = opSignature{dst: "T", addr: true, writes: true}
	s[AtomicStore] = opSignature{args: "T", addr: true, writes: true}
	s[AtomicCAS] = opSignature{dst: "Tb", args: "TT", addr: true, writes: true}
	s[Special] = opSignature{dst: "T", imm: immSpecial}
	s[Barrier] = opSignature{imm: immBarrier}
	s[SimdFillUp] = opSignature{dst: "T", args: "TTuu", imm: immWidth}
	s[SimdFillDown] = s[SimdFillUp]
	s[SimdBallot] = opSignature{dst: "T", args: "b", imm: immWidth}
	s[SimdIsFirst] = opSignature{dst: "T", imm: immWidth}
	s[SimdActive] = opSignature{dst: "T", imm: immWidth}
	s[MatMul] = opSignature{dst: "TT", args: "TTTTTT"}
	return s
}()

// letterType returns the type that letter i of a signature's list stands for,
// Void if the list is shorter.
func letterType(list string, i int, t, from Type) Type {
	if n := len(list); n > 0 && list[n-1] == '*' {
		list, i = list[:n-1], min(i, n-2)
	}
	if i >= len(list) {
		return Void
	}
	switch list[i] {
	case 'T':
		return t
	case 'F':
		return from
	case 'b':
		return Bool
	case 'i':
		return I32
	case 'u':
		return U32
	case 'l':
		return I64
	}
	return U64
}

// resultType returns the type of Dst[i] of an instruction of op and type t,
// Void if it has no such result.
func resultType(op Op, t Type, i int) Type {
	if op >= NumOps {
		return Void
	}
	return letterType(signatures[op].dst, i, t, Void)
}
