// Package cudac writes a kernel's ir as CUDA C.
//
// A thread of the launch is a thread of CUDA. Blocks are one-dimensional, of
// as many threads as a threadgroup rounded up to whole warps, so that warps are
// simdgroups; the shape of a threadgroup, which may be a smaller one at the
// edge of the grid, is arithmetic on the thread's index. Threads that a group
// lacks leave at once. Functions of simdgroups take the mask of the lanes that
// are active there, which the text keeps only where such functions occur.
//
// What the ir leaves open: registers start as zero; threadgroup and thread
// memory does not. Accesses out of bounds are the kernel's fault, and so are
// scalars at addresses that are no multiple of their size. Atomic additions of
// floats may take subnormal numbers for zero.
//
// This file implements the frame of the text: the unit, the place of a thread
// in its launch, and declarations.
package cudac

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// ErrUnsupported says that a kernel is beyond this emitter, because a barrier
// lies where some threads of a threadgroup may not get to. The interpreter can
// run it.
var ErrUnsupported = errors.New("a barrier in divergent control flow cannot be compiled for GPUs")

// A Unit is a kernel as CUDA C for NVRTC, without headers, for sm_80 and newer.
//
// The entry is
//
//	extern "C" __global__ void zmlx_run(const __grid_constant__ zmlx_launch L, char *p0, char *p1, ...)
//
// with a pointer to the first element of each parameter, and
//
//	typedef struct { uint32_t grid[3], group[3], groups[3]; uint32_t pad; uint64_t first; } zmlx_launch;
//
// where groups counts the threadgroups and pad is 0. Block b runs threadgroup first + b, x
// fastest; blocks have group[0]*group[1]*group[2] threads, rounded up to a
// multiple of 32, and no dynamic shared memory.
//
// The macro ZMLX_THREADS, 1,024 unless the compiler is told otherwise, is the
// greatest number of threads of a block: fewer leave more registers to each.
// ZMLX_WHOLE may be defined as 1 for launches along x alone of whole simdgroups,
// those of the last threadgroup too.
// ZMLX_ALIGNED may be defined as 1 for launches in which every parameter's
// address is a multiple of 16: then accesses of vectors need not test that.
// ZMLX_EARLY may be defined as 1 for sm_90 and newer: then threads wait until the
// work before the launch has ended, so that it may begin before that.
type Unit struct {
	Text     string
	Entry    string
	Contract bool // a*b+c may become one rounding; else the compiler must be told --fmad=false
}

// Emit writes f, which ir.Verify accepts, as CUDA C. It returns ErrUnsupported
// for the few kernels it cannot write.
func Emit(f *ir.Func) (Unit, error) {
	facts := backend.Analyze(f)
	if !facts.UniformBarriers() {
		return Unit{}, ErrUnsupported
	}
	e := &emitter{Facts: facts, f: f, names: backend.Names{}, stored: map[ir.Reg]bool{}, halves: map[ir.Reg]string{}, ahead: map[*ir.Instr]bool{}}
	e.findSimd()
	e.findOrigins()
	e.findWords()
	e.findUnsettled()
	e.findZeros()
	e.findArrays()
	e.function()
	kernel := e.tables() + e.b.String()
	text, missing := prelude(e.names, kernel)
	if missing != "" {
		return Unit{}, fmt.Errorf("cudac: kernel %s: there is no function %s", f.Name, missing)
	}
	return Unit{Text: text + kernel, Entry: "zmlx_run", Contract: f.Contract}, nil
}

// An emitter writes one kernel.
type emitter struct {
	*backend.Facts
	f      *ir.Func
	b      strings.Builder
	indent int
	names  backend.Names
	serial int

	simds   map[ir.Stmt]bool // is, or holds, something that needs the mask of active lanes
	after   map[ir.Stmt]bool // such a thing may run after the statement
	anySimd bool
	mask    string // expression of the lanes that run here, where keeping is true
	keeping bool
	levels  []level // what encloses the current place, innermost last
	exits   map[target]int

	origins []origin        // by register, of pointers
	written map[int]bool    // parameters that are stored to
	ints    map[origin]bool // where integers and bools are stored to
	wild    bool            // a store goes to no one knows where
	private map[int]*array  // thread allocations that are arrays of registers
	defs    map[ir.Reg]*ir.Instr
	factors map[ir.Reg]int64 // of variables

	wordVars    map[ir.Reg]bool // variables about which compilers cannot know anything
	wordAllocs  map[int]bool    // and thread allocations
	unsettled   map[ir.Reg]bool // registers that may be negations of others
	unsettledIn map[origin]bool // and where such are stored
	zeros       map[ir.Reg]bool // variables that may be zeros that compilers know of

	ahead   map[*ir.Instr]bool // written ahead of the branch that they are in
	nowhere bool               // such loads occur

	counters []counter         // of the loops around
	suffix   string            // of the names of temporaries
	alias    map[ir.Reg]string // registers that have other names here
	stored   map[ir.Reg]bool   // halves and bfloats whose bits are needed
	halves   map[ir.Reg]string // the variables that have their bits
}

func (e *emitter) line(format string, args ...any) {
	for range e.indent {
		e.b.WriteString("  ")
	}
	fmt.Fprintf(&e.b, format, args...)
	e.b.WriteByte('\n')
}

// text writes lines of the preprocessor.
func (e *emitter) text(lines string) { e.b.WriteString(lines) }

func (e *emitter) open(format string, args ...any) {
	e.line(format+" {", args...)
	e.indent++
}

func (e *emitter) close() {
	e.indent--
	e.line("}")
}

func (e *emitter) fresh(prefix string) string {
	e.serial++
	return fmt.Sprintf("%s%d", prefix, e.serial)
}

// function writes the entry.
func (e *emitter) function() {
	params := []string{"const __grid_constant__ zmlx_launch L"}
	for i := range e.f.Params {
		params = append(params, fmt.Sprintf("char *p%d", i))
	}
	e.open("\nextern \"C\" __global__ void __launch_bounds__(ZMLX_THREADS) zmlx_run(%s)", strings.Join(params, ", "))
	e.place()
	e.line("zm_await();")
	if e.anySimd {
		e.line("const uint32_t m0 = ZMLX_WHOLE || n - (t & ~31u) >= 32u ? 0xffffffffu : (1u << (n & 31u)) - 1u;")
		e.mask, e.keeping = "m0", true
		if len(e.exits) > 0 {
			e.line("int leaving = 0;")
		}
	}
	for i, r := range e.f.Regs {
		if r.Kind == ir.VarReg {
			e.line("%s v%d = 0;", backend.RegisterType(r.Type), i)
		}
	}
	e.allocations()
	e.block(&e.f.Body)
	e.close()
}

// place writes where the thread is in the launch.
func (e *emitter) place() {
	e.line("const uint64_t g = L.first + blockIdx.x;")
	e.line("uint32_t gx = (uint32_t)g, gy = 0, gz = 0;")
	e.open("if (!ZMLX_WHOLE && (L.groups[1] | L.groups[2]) != 1u)")
	e.open("if (g >> 32 == 0)")
	e.line("const uint32_t rows = (uint32_t)g / L.groups[0];")
	e.line("gx = (uint32_t)g - rows * L.groups[0], gz = rows / L.groups[1], gy = rows - gz * L.groups[1];")
	e.indent--
	e.open("} else")
	e.line("const uint64_t rows = g / L.groups[0];")
	e.line("gx = (uint32_t)(g - rows * L.groups[0]), gz = (uint32_t)(rows / L.groups[1]), gy = (uint32_t)(rows - (uint64_t)gz * L.groups[1]);")
	e.close()
	e.close()
	e.text("#if ZMLX_WHOLE\n")
	e.line("const uint32_t ox = gx * L.group[0], tx = min(L.group[0], L.grid[0] - ox);")
	e.line("const uint32_t oy = 0, oz = 0, ty = 1, tz = 1;")
	e.text("#else\n")
	for i, c := range "xyz" {
		e.line("const uint32_t o%c = g%c * L.group[%d], t%c = min(L.group[%d], L.grid[%d] - o%c);", c, c, i, c, i, i, c)
	}
	e.text("#endif\n")
	e.line("const uint32_t n = tx * ty * tz, t = threadIdx.x;")
	e.line("if (t >= n) return;")
	e.line("uint32_t lx = t, ly = 0, lz = 0;")
	e.open("if (ty * tz != 1u)")
	e.line("const uint32_t rows = t / tx;")
	e.line("lx = t - rows * tx, lz = rows / ty, ly = rows - lz * ty;")
	e.close()
}

// special is the expression of a thread attribute.
func special(k ir.SpecialKind) string {
	if k >= ir.GridOrigin+3 {
		return map[ir.SpecialKind]string{
			ir.ThreadIndexInThreadgroup:         "t",
			ir.ThreadIndexInSimdgroup:           "(t & 31u)",
			ir.SimdgroupIndexInThreadgroup:      "(t >> 5)",
			ir.SimdgroupsPerThreadgroup:         "((n + 31u) / 32u)",
			ir.DispatchSimdgroupsPerThreadgroup: "((L.group[0] * L.group[1] * L.group[2] + 31u) / 32u)",
			ir.ThreadsPerSimdgroup:              "32u",
			ir.ThreadIndexInQuadgroup:           "(t & 3u)",
			ir.QuadgroupIndexInThreadgroup:      "(t >> 2)",
			ir.QuadgroupsPerThreadgroup:         "((n + 3u) / 4u)",
			ir.DispatchQuadgroupsPerThreadgroup: "((L.group[0] * L.group[1] * L.group[2] + 3u) / 4u)",
		}[k]
	}
	axis := k % 3
	c := "xyz"[axis]
	switch k - axis {
	case ir.ThreadPositionInGrid:
		return fmt.Sprintf("(o%c + l%c)", c, c)
	case ir.ThreadPositionInThreadgroup:
		return fmt.Sprintf("l%c", c)
	case ir.ThreadgroupPositionInGrid:
		return fmt.Sprintf("g%c", c)
	case ir.ThreadsPerGrid:
		return fmt.Sprintf("L.grid[%d]", axis)
	case ir.ThreadsPerThreadgroup:
		return fmt.Sprintf("t%c", c)
	case ir.DispatchThreadsPerThreadgroup:
		return fmt.Sprintf("L.group[%d]", axis)
	case ir.ThreadgroupsPerGrid:
		return fmt.Sprintf("L.groups[%d]", axis)
	}
	return "0u"
}

// value is a register's value.
func (e *emitter) value(r ir.Reg) string {
	info := e.f.Regs[r]
	if name := e.alias[r]; name != "" {
		return name
	}
	switch info.Kind {
	case ir.ConstReg:
		return backend.Literal(info)
	case ir.ParamReg:
		return fmt.Sprintf("p%d", info.Index)
	case ir.AllocReg:
		return fmt.Sprintf("((char *)a%d)", info.Index)
	}
	return fmt.Sprintf("v%d", r)
}

// set writes an assignment to a register; temporaries are declared by it.
func (e *emitter) set(r ir.Reg, x string) {
	info := e.f.Regs[r]
	if info.Kind != ir.TempReg {
		e.line("%s = %s;", e.value(r), x)
		return
	}
	name := fmt.Sprintf("v%d%s", r, e.suffix)
	if e.suffix != "" {
		e.alias[r] = name
	}
	if e.stored[r] { // its bits are at hand where it is rounded or loaded
		widen, narrow := "zm_half_to_float", "zm_float_to_half"
		round := "zm_round_half"
		if info.Type == ir.BF16 {
			widen, narrow, round = "zm_bfloat_to_float", "zm_float_to_bfloat", "zm_round_bfloat"
		}
		bits, ok := argument(x, widen)
		if !ok {
			if bits, ok = argument(x, round); ok {
				bits = e.names.Call(narrow, bits)
			}
		}
		if ok {
			e.halves[r] = fmt.Sprintf("h%d%s", r, e.suffix)
			e.line("uint16_t const %s = %s;", e.halves[r], bits)
			x = e.names.Call(widen, e.halves[r])
		}
	}
	e.line("%s const %s = %s;", e.typeOf(r), name, x)
}

func (e *emitter) typeOf(r ir.Reg) string { return backend.RegisterType(e.f.Regs[r].Type) }

// argument returns what x is a call of name with.
func argument(x, name string) (arg string, ok bool) {
	rest, ok := strings.CutPrefix(x, name+"(")
	if !ok {
		return "", false
	}
	depth := 1
	for i, c := range rest {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return rest[:i], i == len(rest)-1
			}
		}
	}
	return "", false
}

// toMemory is a register's value as it lies in memory.
func (e *emitter) toMemory(t ir.Type, r ir.Reg) string {
	if h := e.halves[r]; h != "" && e.f.Regs[r].Type == t {
		return h
	}
	return e.names.ToMemory(t, e.value(r))
}

// instr writes one instruction.
func (e *emitter) instr(s *ir.Instr) {
	switch {
	case s.Op == ir.Barrier && s.Imm == 0:
		e.line("__syncthreads();")
	case s.Op == ir.Barrier:
		e.line("__syncwarp(%s);", e.mask)
	case s.Op == ir.Special:
		e.set(s.Dst[0], e.pure(s))
	case s.Op == ir.PtrAdd:
		e.set(s.Dst[0], e.address(s.Addr))
	case s.Op == ir.Load:
		e.load(s)
	case s.Op == ir.Store:
		e.store(s)
	case s.Op.IsAtomic():
		e.atomic(s)
	case s.Op.IsSimd():
		e.simd(s)
	default:
		e.set(s.Dst[0], e.pure(s))
	}
}

// pure is the result of an instruction that only computes it.
func (e *emitter) pure(s *ir.Instr) string {
	if s.Op == ir.Special {
		return special(ir.SpecialKind(s.Imm))
	}
	if r, ok := e.negation(s); ok {
		return e.negate(s.Type, r)
	}
	args := make([]string, len(s.Args))
	for i, r := range s.Args {
		args[i] = e.value(r)
	}
	switch {
	case s.Op == ir.Div && s.Fast && s.Type == ir.F32:
		return e.names.Call("zm_fast_divide", args...)
	case s.Type == ir.I32 && (s.Op == ir.Max || s.Op == ir.Min || e.isExtreme(s)):
		for i, r := range s.Args {
			if !e.settled(r) {
				args[i] = "(int32_t)" + veil("(uint32_t)"+args[i])
			}
		}
	case (s.Op == ir.Max || s.Op == ir.Min) && s.Type.IsFloat() && e.isZero(s.Args[0]) && e.isZero(s.Args[1]):
		hide := 0
		if e.f.Regs[s.Args[1]].Kind == ir.ConstReg {
			hide = 1
		}
		args[hide] = e.hideZero(s.Type, args[hide])
	case s.Op == ir.Bitcast && misread(s.Type) && s.From.IsInt() && !e.word(s.Args[0]):
		args[0] = veil(args[0])
	}
	if s.Op == ir.Bitcast && s.Type.IsInt() {
		if h := e.halves[s.Args[0]]; h != "" {
			return fmt.Sprintf("(%s)(%s)%s", backend.RegisterType(s.Type), backend.MemoryType(s.Type), h)
		}
	}
	return e.names.Value(s, args)
}

// simd writes a function of a simdgroup.
func (e *emitter) simd(s *ir.Instr) {
	args := []string{e.mask}
	for _, r := range s.Args {
		args = append(args, e.value(r))
	}
	if s.Op == ir.MatMul {
		e.matMul(s, args)
		return
	}
	name := "zm_" + s.Op.String()
	e.names[name] = true
	x := fmt.Sprintf("%s<%d>(%s)", name, s.Imm, strings.Join(args, ", "))
	switch s.Op { // the others move values that are rounded already
	case ir.SimdSum, ir.SimdProduct, ir.SimdPrefixSum, ir.SimdPrefixExSum, ir.SimdPrefixProduct, ir.SimdPrefixExProduct:
		x = e.names.Rounded(s.Type, x)
	}
	e.set(s.Dst[0], x)
}

func (e *emitter) matMul(s *ir.Instr, args []string) {
	x, y := e.fresh("x"), e.fresh("y")
	e.line("float %s, %s;", x, y)
	e.line("%s;", e.names.Call("zm_matmul", append(args, x, y)...))
	e.set(s.Dst[0], e.names.Rounded(s.Type, x))
	e.set(s.Dst[1], e.names.Rounded(s.Type, y))
}
