// Package ir defines the typed program that every kernel becomes.
//
// A Func is one kernel for one set of dtypes and template values. All
// functions are inlined, all templates instantiated, structs and vectors taken
// apart into scalars. What remains is a list of instructions over typed scalar
// registers, in structured control flow (If, Loop, Scope, Exit), with memory
// reached only through pointers that name their address space.
//
// Registers are not in SSA form: a source variable that is never addressed is
// one register, assigned as often as the source assigns it. One thread (lane)
// of the launch has one value in each register.
//
// The interpreter in launch/interp is the definition of what a Func means.
//
// This file implements the program's data structures.
package ir

import "github.com/zmlx-go/zmlx/internal/source"

// A Type is the type of a register.
type Type uint8

const (
	Void Type = iota
	Bool
	I8
	U8
	I16
	U16
	I32
	U32
	I64
	U64
	F16
	BF16
	F32
	F64
	Ptr // an address; RegInfo.Space says in which address space
	NumTypes
)

// A Space is the address space of a pointer or an allocation.
type Space uint8

const (
	NoSpace     Space = iota
	Device            // buffers, read and written
	Constant          // buffers and tables, read only
	Threadgroup       // shared by the threads of one threadgroup
	Thread            // private to one thread
)

// A Reg is a register: an index into Func.Regs. NoReg marks an absent operand.
type Reg int32

// NoReg is the absent register.
const NoReg Reg = -1

// A RegKind says what gives a register its value.
type RegKind uint8

const (
	VarReg   RegKind = iota // assigned by instructions, any number of times
	TempReg                 // assigned by exactly one instruction, before every use, and used only in the block of that instruction or blocks nested in it
	ConstReg                // the constant RegInfo.Bits; never assigned
	ParamReg                // Ptr: address of the first element of parameter RegInfo.Index; never assigned
	AllocReg                // Ptr: address of allocation RegInfo.Index; never assigned
)

// RegInfo describes one register.
type RegInfo struct {
	Type  Type
	Kind  RegKind
	Space Space  // if Type is Ptr
	Bits  uint64 // if Kind is ConstReg: integers sign- or zero-extended to 64 bits, floats as the bits of their own format, bool 0 or 1
	Index int    // if Kind is ParamReg or AllocReg
	Name  string // source variable, for messages and for reading; may be empty
}

// A Param is one buffer of the kernel, in the order in which a launch binds
// them. Every parameter is an address; 0-dim inputs are buffers of one element.
type Param struct {
	Name   string // "x", or "x_shape", "x_strides", "x_ndim"
	Elem   Type   // element type of the buffer; U8 pairs are never used: complex64 has Elem F32 and Lanes 2
	Lanes  int    // scalars of type Elem in one element: 1, or 2 for complex64
	Space  Space  // Device or Constant
	Output bool   // written by the kernel
	Atomic bool   // declared as atomic<T>*
}

// An Alloc is memory that exists for the length of the kernel: threadgroup
// arrays, thread arrays, variables whose address is taken, and program-scope
// constant tables.
type Alloc struct {
	Name  string
	Space Space  // Threadgroup, Thread or Constant
	Size  int    // bytes
	Align int    // bytes
	Elem  Type   // type of most accesses, a hint; Void if mixed
	Init  []byte // if Space is Constant: the contents, len Size
	Span  source.Span
}

// A Func is one kernel.
type Func struct {
	Name   string
	Params []Param
	Allocs []Alloc
	Regs   []RegInfo
	Body   Block
	Set    *source.Set // texts that positions refer to; may be nil

	// Facts that lowering or Analyze records for devices.
	UsesBarrier bool // a threadgroup or simdgroup barrier occurs
	UsesSimd    bool // a simd, quad or matrix instruction occurs
	Contract    bool // a*b+c may be fused into one rounding
}

// A Block is a sequence of statements.
type Block struct{ Stmts []Stmt }

// A Stmt is an *Instr, *If, *Loop, *Scope or *Exit.
type Stmt interface{ stmt() }

// If runs Then in the lanes where Cond (Bool) is true, Else in the others.
type If struct {
	Cond Reg
	Then Block
	Else Block
	Span source.Span
}

// Loop repeats until a Break (or an Exit to something outside) leaves it, or
// until Cond is false:
//
//	for { Head; if Cond is not NoReg and false: break; Body; Step }
//
// A Continue in Body goes on at Step. Step and Head may contain Breaks but no
// Continues of this loop. Each lane leaves on its own.
type Loop struct {
	Head Block
	Cond Reg // Bool, computed by Head; NoReg: endless
	Body Block
	Step Block
	Span source.Span
}

// Scope runs Body once; an Exit of kind Leave goes to its end. Inlined
// functions with early returns, and switches, become scopes.
type Scope struct {
	Body Block
	Name string // the inlined function, for reading
	Span source.Span
}

// An ExitKind says where an Exit goes.
type ExitKind uint8

const (
	Break    ExitKind = iota // end of Target, a *Loop
	Continue                 // Step of Target, a *Loop
	Leave                    // end of Target, a *Scope
	Return                   // end of the kernel for this lane; Target is nil
)

// Exit leaves an enclosing statement. Nothing follows it in its Block.
type Exit struct {
	Kind   ExitKind
	Target Stmt
	Span   source.Span
}

// An Instr computes Dst from Args. Op says how many of each, and which of the
// other fields it uses; see op.go. No two instructions share a list.
type Instr struct {
	Op   Op
	Type Type  // operand type for arithmetic and comparison, element type for memory, result type for Convert and Bitcast
	From Type  // Convert, Bitcast: the type of Args[0]
	Dst  []Reg // most have one
	Args []Reg // values
	Addr Addr  // memory instructions
	Imm  int64 // op-specific: axis of Special, bits of Barrier's flags, width of Simd
	Fast bool  // written as fast:: in the source; a device may use its approximate form
	Span source.Span
}

// An Addr is the address of a memory instruction:
// Base + Index*Scale + Off, in bytes. Base is a Ptr. Index, if present, is
// I32, U32, I64 or U64, and is extended to 64 bits before it is multiplied.
type Addr struct {
	Base  Reg
	Index Reg // NoReg: none
	Scale int64
	Off   int64
}

func (*Instr) stmt() {}
func (*If) stmt()    {}
func (*Loop) stmt()  {}
func (*Scope) stmt() {}
func (*Exit) stmt()  {}

// Size returns the size in memory of one value of type t, in bytes.
func (t Type) Size() int {
	switch t {
	case Bool, I8, U8:
		return 1
	case I16, U16, F16, BF16:
		return 2
	case I32, U32, F32:
		return 4
	case I64, U64, F64, Ptr:
		return 8
	}
	return 0
}

// IsFloat reports whether t is a floating-point type.
func (t Type) IsFloat() bool { return t >= F16 && t <= F64 }

// IsInt reports whether t is an integer type.
func (t Type) IsInt() bool { return t >= I8 && t <= U64 }

// IsSigned reports whether t is a signed integer type.
func (t Type) IsSigned() bool { return t == I8 || t == I16 || t == I32 || t == I64 }

var typeNames = [NumTypes]string{"void", "bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f16", "bf16", "f32", "f64", "ptr"}

func (t Type) String() string {
	if t < NumTypes {
		return typeNames[t]
	}
	return "type?"
}

var spaceNames = [...]string{"none", "device", "constant", "threadgroup", "thread"}

func (s Space) String() string {
	if int(s) < len(spaceNames) {
		return spaceNames[s]
	}
	return "space?"
}

var exitNames = [...]string{"break", "continue", "leave", "return"}

func (k ExitKind) String() string {
	if int(k) < len(exitNames) {
		return exitNames[k]
	}
	return "exit?"
}
