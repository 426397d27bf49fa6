package ir

// This file implements the list of operations. The table at its end is what
// the verifier, the text form and every device go by.

// An Op is the operation of an instruction.
type Op uint8

// "T" below is Instr.Type. Unless stated, Dst has one register and operands
// and result have type T. Types of arithmetic: I32 U32 I64 U64 F16 BF16 F32
// F64; narrower integers exist only in memory, as results of Convert, and in
// Mov, Select, Eq..Ge, Bitcast. A register of I8..U16 always holds a value of
// its range.
const (
	BadOp Op = iota

	// Moving values.
	Mov     // Dst = Args[0]; any type
	Convert // Dst (T) = Args[0] (From), by C's rules; out-of-range float to integer saturates and NaN gives 0, as Metal does; to Bool: != 0
	Bitcast // Dst (T) = the bits of Args[0] (From), same size

	// Arithmetic. Integers wrap. Each F16 and BF16 result is rounded to its
	// type, to nearest even.
	Add
	Sub
	Mul
	Div // integer division by zero gives 0 (reported in checked mode); I32 min / -1 wraps
	Rem // integers: sign of the dividend, by zero gives 0; floats: fmod
	Neg
	Abs
	Min   // floats: MSL's min/fmin: if one operand is NaN, the other; -0 is less than +0
	Max   // likewise
	MulHi // integers: high half of the double-width product
	FMA   // floats: Args[0]*Args[1]+Args[2], one rounding
	And   // integers and Bool
	Or    // integers and Bool
	Xor   // integers and Bool
	Not   // integers: all bits; Bool: logical
	Shl   // integers; the count is Args[1] of type T, taken modulo the width
	Shr   // integers; arithmetic if T is signed; count as Shl
	Rotl  // integers; rotate left, count as Shl
	Clz   // integers: count of leading zeros, width for 0
	Ctz   // integers: count of trailing zeros, width for 0
	Popcount
	ReverseBits

	// Comparison: operands T (any but Void), result Bool. Ptr: Eq, Ne, Lt.. by
	// address.
	Eq
	Ne
	Lt
	Le
	Gt
	Ge

	Select // Dst = Args[0] (Bool) ? Args[1] : Args[2]; any T

	// Float functions of one argument; result T unless stated.
	Sqrt
	Rsqrt
	Exp
	Exp2
	Exp10
	Log
	Log2
	Log10
	Sin
	Cos
	Tan
	Asin
	Acos
	Atan
	Sinh
	Cosh
	Tanh
	Asinh
	Acosh
	Atanh
	SinPi
	CosPi
	TanPi
	Floor
	Ceil
	Rint  // to nearest even
	Round // half away from zero
	Trunc
	Erf
	Erfinv
	Log1p
	Expm1
	Lgamma
	IsNan    // result Bool
	IsInf    // result Bool
	IsFinite // result Bool
	IsNormal // result Bool
	SignBit  // result Bool
	Ilogb    // result I32

	// Float functions of two arguments.
	Pow
	Atan2
	CopySign
	NextAfter
	Ldexp // Args[1] is I32

	// Memory. T is the type in memory; N = len(Dst) or len(values) elements of
	// type T lie next to each other from Addr on (vectors are accessed whole).
	Load    // Dst[0..N-1] = memory
	Store   // memory = Args[0..N-1]
	PtrAdd  // Dst (Ptr) = Addr, computed
	PtrSub  // Dst (I64) = (Args[0] - Args[1]) / Imm; both Ptr
	PtrBits // Dst (U64) = address as a number, for alignment tests only

	// Atomics on one element at Addr, relaxed; T is I32, U32, F32, I64 or U64.
	// Dst, where present, is the value before.
	AtomicLoad  // Dst
	AtomicStore // Args[0]
	AtomicXchg  // Dst; Args[0]
	AtomicCAS   // Dst[0] (T) old value, Dst[1] (Bool) success; Args[0] expected, Args[1] desired
	AtomicAdd
	AtomicSub
	AtomicMin
	AtomicMax
	AtomicAnd
	AtomicOr
	AtomicXor

	// Threads.
	Special // Dst (U32) = Imm, a SpecialKind, for this lane
	Barrier // Imm 0: threadgroup barrier; 1: simdgroup barrier. mem_flags do not matter: every barrier orders all memory

	// Simdgroup functions over the active lanes of the simdgroup (Imm 32) or
	// quad (Imm 4). T is I32 U32 I64 U64 F16 BF16 F32, for the shuffles also
	// Bool, narrow integers and Ptr. Sums and products of F16 and BF16, prefixes
	// too, accumulate in F32 and round each result once.
	//
	// Sum and product are trees, the same on every device: the value of each
	// lane l is joined with that of lane l+16, the results with those of l+8,
	// then +4, +2 and +1 (quads: +2, +1). Inactive and absent lanes bring the
	// value that changes nothing: -0 to float sums, 0 to integer sums, 1 to
	// products. Minimum and maximum are those of Min and Max, so no order
	// matters. Prefixes go through the active lanes in ascending order, and an
	// exclusive one gives the first of them 0 or 1.
	SimdSum
	SimdProduct
	SimdMin
	SimdMax
	SimdAnd
	SimdOr
	SimdXor
	SimdPrefixSum     // inclusive
	SimdPrefixExSum   // exclusive
	SimdPrefixProduct // inclusive
	SimdPrefixExProduct
	SimdShuffle     // Dst = Args[0] of lane Args[1] (U32); here and below, a lane that is absent or inactive gives this lane's own value
	SimdShuffleUp   // of lane - Args[1]; out of range: own value
	SimdShuffleDown // of lane + Args[1]; out of range: own value
	SimdShuffleXor  // of lane ^ Args[1]
	SimdRotateUp    // of (lane - Args[1]) mod width
	SimdRotateDown  // of (lane + Args[1]) mod width
	SimdFillUp      // Args: data, filling, delta U32, modulo U32: simd_shuffle_and_fill_up; in each part of modulo lanes, the lowest delta get the filling of lane + modulo - delta
	SimdFillDown    // likewise down
	SimdBroadcast   // of lane Args[1] (U32)
	SimdBroadcastFirst
	SimdBallot  // Dst (U64) = bit i set where lane i is active and Args[0] (Bool)
	SimdAll     // Bool
	SimdAny     // Bool
	SimdIsFirst // Dst (Bool), no Args: this lane is the lowest active one
	SimdActive  // Dst (U64) = mask of active lanes

	// 8x8 matrices of T (F16 BF16 F32), two elements a lane: with q = lane/4,
	// row = (q&4) + (lane/2)%4, columns (q&2)*2 + (lane%2)*2 and the next.
	// Dst[0..1] = A*B + C with Args A0 A1 B0 B1 C0 C1, accumulated in F32.
	MatMul

	NumOps
)

// A SpecialKind is the value that a Special instruction reads: one of the
// thread attributes. The three-component ones come as X, X+1 (y), X+2 (z).
type SpecialKind int64

const (
	ThreadPositionInGrid             SpecialKind = 0
	ThreadPositionInThreadgroup      SpecialKind = 3
	ThreadgroupPositionInGrid        SpecialKind = 6
	ThreadsPerGrid                   SpecialKind = 9  // also grid_size
	ThreadsPerThreadgroup            SpecialKind = 12 // of this threadgroup: smaller at the edge
	DispatchThreadsPerThreadgroup    SpecialKind = 15 // nominal
	ThreadgroupsPerGrid              SpecialKind = 18
	GridOrigin                       SpecialKind = 21 // zero
	ThreadIndexInThreadgroup         SpecialKind = 24
	ThreadIndexInSimdgroup           SpecialKind = 25
	SimdgroupIndexInThreadgroup      SpecialKind = 26
	SimdgroupsPerThreadgroup         SpecialKind = 27 // of this threadgroup
	DispatchSimdgroupsPerThreadgroup SpecialKind = 28
	ThreadsPerSimdgroup              SpecialKind = 29 // 32; also thread_execution_width
	ThreadIndexInQuadgroup           SpecialKind = 30
	QuadgroupIndexInThreadgroup      SpecialKind = 31
	QuadgroupsPerThreadgroup         SpecialKind = 32
	DispatchQuadgroupsPerThreadgroup SpecialKind = 33
	NumSpecials                      SpecialKind = 34
)

// Shape classes of instructions, for the verifier.
type class uint8

const (
	cOther   class = iota
	cUnary         // Dst T; Args T
	cBinary        // Dst T; Args T T
	cTernary       // Dst T; Args T T T
	cCompare       // Dst Bool; Args T T
	cTest          // Dst Bool; Args T
	cLoad
	cStore
	cAtomic  // Dst T; Args T; Addr
	cReduce  // Dst T; Args T; Imm width
	cShuffle // Dst T; Args T, U32; Imm width
)

type opInfo struct {
	name  string
	class class
	types typeSet
}

type typeSet uint32

func set(ts ...Type) typeSet {
	var s typeSet
	for _, t := range ts {
		s |= 1 << t
	}
	return s
}

var (
	tWideInts = set(I32, U32, I64, U64)
	tFloats   = set(F16, BF16, F32, F64)
	tArith    = tWideInts | tFloats
	tBits     = tWideInts | set(Bool)
	tAny      = set(Bool, I8, U8, I16, U16, I32, U32, I64, U64, F16, BF16, F32, F64, Ptr)
	tMemory   = tAny // Ptr only in thread memory
	tAtomic   = set(I32, U32, F32, I64, U64)
	tAtomInt  = set(I32, U32, I64, U64)
)

// Has reports whether t is in the set.
func (s typeSet) Has(t Type) bool { return s&(1<<t) != 0 }

var ops = [NumOps]opInfo{
	Mov: {"mov", cUnary, tAny}, Convert: {"convert", cOther, tAny}, Bitcast: {"bitcast", cOther, tAny},
	Add: {"add", cBinary, tArith}, Sub: {"sub", cBinary, tArith}, Mul: {"mul", cBinary, tArith},
	Div: {"div", cBinary, tArith}, Rem: {"rem", cBinary, tArith}, Neg: {"neg", cUnary, tArith},
	Abs: {"abs", cUnary, tArith}, Min: {"min", cBinary, tArith}, Max: {"max", cBinary, tArith},
	MulHi: {"mulhi", cBinary, tWideInts}, FMA: {"fma", cTernary, tFloats},
	And: {"and", cBinary, tBits}, Or: {"or", cBinary, tBits}, Xor: {"xor", cBinary, tBits}, Not: {"not", cUnary, tBits},
	Shl: {"shl", cBinary, tWideInts}, Shr: {"shr", cBinary, tWideInts}, Rotl: {"rotl", cBinary, tWideInts},
	Clz: {"clz", cUnary, tWideInts}, Ctz: {"ctz", cUnary, tWideInts}, Popcount: {"popcount", cUnary, tWideInts}, ReverseBits: {"reverse_bits", cUnary, tWideInts},
	Eq: {"eq", cCompare, tAny}, Ne: {"ne", cCompare, tAny}, Lt: {"lt", cCompare, tAny}, Le: {"le", cCompare, tAny}, Gt: {"gt", cCompare, tAny}, Ge: {"ge", cCompare, tAny},
	Select: {"select", cOther, tAny},
	Sqrt:   {"sqrt", cUnary, tFloats}, Rsqrt: {"rsqrt", cUnary, tFloats},
	Exp: {"exp", cUnary, tFloats}, Exp2: {"exp2", cUnary, tFloats}, Exp10: {"exp10", cUnary, tFloats},
	Log: {"log", cUnary, tFloats}, Log2: {"log2", cUnary, tFloats}, Log10: {"log10", cUnary, tFloats},
	Sin: {"sin", cUnary, tFloats}, Cos: {"cos", cUnary, tFloats}, Tan: {"tan", cUnary, tFloats},
	Asin: {"asin", cUnary, tFloats}, Acos: {"acos", cUnary, tFloats}, Atan: {"atan", cUnary, tFloats},
	Sinh: {"sinh", cUnary, tFloats}, Cosh: {"cosh", cUnary, tFloats}, Tanh: {"tanh", cUnary, tFloats},
	Asinh: {"asinh", cUnary, tFloats}, Acosh: {"acosh", cUnary, tFloats}, Atanh: {"atanh", cUnary, tFloats},
	SinPi: {"sinpi", cUnary, tFloats}, CosPi: {"cospi", cUnary, tFloats}, TanPi: {"tanpi", cUnary, tFloats},
	Floor: {"floor", cUnary, tFloats}, Ceil: {"ceil", cUnary, tFloats}, Rint: {"rint", cUnary, tFloats}, Round: {"round", cUnary, tFloats}, Trunc: {"trunc", cUnary, tFloats},
	Erf: {"erf", cUnary, tFloats}, Erfinv: {"erfinv", cUnary, tFloats}, Log1p: {"log1p", cUnary, tFloats}, Expm1: {"expm1", cUnary, tFloats}, Lgamma: {"lgamma", cUnary, tFloats},
	IsNan: {"isnan", cTest, tFloats}, IsInf: {"isinf", cTest, tFloats}, IsFinite: {"isfinite", cTest, tFloats}, IsNormal: {"isnormal", cTest, tFloats}, SignBit: {"signbit", cTest, tFloats},
	Ilogb: {"ilogb", cOther, tFloats},
	Pow:   {"pow", cBinary, tFloats}, Atan2: {"atan2", cBinary, tFloats}, CopySign: {"copysign", cBinary, tFloats}, NextAfter: {"nextafter", cBinary, tFloats},
	Ldexp: {"ldexp", cOther, tFloats},
	Load:  {"load", cLoad, tMemory}, Store: {"store", cStore, tMemory},
	PtrAdd: {"ptradd", cOther, set(Ptr)}, PtrSub: {"ptrsub", cOther, set(Ptr)}, PtrBits: {"ptrbits", cOther, set(Ptr)},
	AtomicLoad: {"atomic_load", cOther, tAtomic}, AtomicStore: {"atomic_store", cOther, tAtomic}, AtomicXchg: {"atomic_xchg", cAtomic, tAtomic},
	AtomicCAS: {"atomic_cas", cOther, tAtomic},
	AtomicAdd: {"atomic_add", cAtomic, tAtomic}, AtomicSub: {"atomic_sub", cAtomic, tAtomic}, AtomicMin: {"atomic_min", cAtomic, tAtomic}, AtomicMax: {"atomic_max", cAtomic, tAtomic},
	AtomicAnd: {"atomic_and", cAtomic, tAtomInt}, AtomicOr: {"atomic_or", cAtomic, tAtomInt}, AtomicXor: {"atomic_xor", cAtomic, tAtomInt},
	Special: {"special", cOther, set(U32)}, Barrier: {"barrier", cOther, set(Void)},
	SimdSum: {"simd_sum", cReduce, tArith}, SimdProduct: {"simd_product", cReduce, tArith}, SimdMin: {"simd_min", cReduce, tArith}, SimdMax: {"simd_max", cReduce, tArith},
	SimdAnd: {"simd_and", cReduce, tWideInts}, SimdOr: {"simd_or", cReduce, tWideInts}, SimdXor: {"simd_xor", cReduce, tWideInts},
	SimdPrefixSum: {"simd_prefix_sum", cReduce, tArith}, SimdPrefixExSum: {"simd_prefix_exsum", cReduce, tArith},
	SimdPrefixProduct: {"simd_prefix_product", cReduce, tArith}, SimdPrefixExProduct: {"simd_prefix_exproduct", cReduce, tArith},
	SimdShuffle: {"simd_shuffle", cShuffle, tAny}, SimdShuffleUp: {"simd_shuffle_up", cShuffle, tAny}, SimdShuffleDown: {"simd_shuffle_down", cShuffle, tAny}, SimdShuffleXor: {"simd_shuffle_xor", cShuffle, tAny},
	SimdRotateUp: {"simd_rotate_up", cShuffle, tAny}, SimdRotateDown: {"simd_rotate_down", cShuffle, tAny},
	SimdFillUp: {"simd_fill_up", cOther, tAny}, SimdFillDown: {"simd_fill_down", cOther, tAny},
	SimdBroadcast: {"simd_broadcast", cShuffle, tAny}, SimdBroadcastFirst: {"simd_broadcast_first", cReduce, tAny},
	SimdBallot: {"simd_ballot", cOther, set(U64)}, SimdAll: {"simd_all", cReduce, set(Bool)}, SimdAny: {"simd_any", cReduce, set(Bool)},
	SimdIsFirst: {"simd_is_first", cOther, set(Bool)}, SimdActive: {"simd_active", cOther, set(U64)},
	MatMul: {"matmul", cOther, set(F16, BF16, F32)},
}

func (op Op) String() string {
	if op < NumOps && ops[op].name != "" {
		return ops[op].name
	}
	return "op?"
}
