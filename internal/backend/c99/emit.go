// Package c99 writes a kernel's ir as C that a C compiler turns into vector
// code.
//
// A threadgroup runs as a loop over its simdgroups, and within a simdgroup
// instructions are loops over 32 lanes, which compilers vectorise: runs of
// instructions share a loop. Values that are the same in all lanes are scalars,
// and branches on them stay branches. Lanes that part are kept as the bits of a
// mask. Indexes of the form base + k*lane are kept as their base, so that most
// accesses are seen to be contiguous.
//
// Barriers cut the kernel into regions. Each is run for all simdgroups of the
// threadgroup before the next; values that live across a barrier are kept in
// working memory.
//
// This file implements the frame of the text: the entry, and what happens
// between regions.
package c99

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
)

// A Unit is a kernel as C.
type Unit struct {
	Text    string
	Entry   string // the function: see the ABI in docs/cc.md
	Scratch int    // bytes of working memory that each caller of Entry provides
	Lines   int    // of the kernel's own text: of thousands, compilers make too much work
}

// ErrUnsupported says that a kernel is beyond this emitter. The interpreter can
// run it.
var ErrUnsupported = errors.New("not supported by the C emitter")

const (
	lanes      = 32
	maxChunks  = 1024 / lanes // simdgroups of a threadgroup
	maxScratch = 64 << 20     // bytes of working memory
	maxStack   = 6 << 20      // bytes of arrays of lanes, of the 8 MiB that threads usually have
)

var (
	//go:embed kernel.inc
	kernelText string
	//go:embed simd.inc
	simdText string
	//go:embed atomic.inc
	atomicText string
)

// Emit writes f, which ir.Verify accepts, as C.
func Emit(f *ir.Func) (Unit, error) {
	f = opt.Unroll(f)
	facts := backend.Analyze(f)
	if !facts.UniformBarriers() {
		return Unit{}, fmt.Errorf("%w: kernel %s has a barrier in divergent control flow", ErrUnsupported, f.Name)
	}
	e := &emitter{
		Facts: facts, group: facts, inLine: backend.AnalyzeLine(f), f: f, names: backend.Names{}, private: privateArrays(f),
		uses: countUses(f), barriers: len(facts.Barrier) > 0, storedOnly: findStoredOnly(f), origins: findOrigins(f), layouts: map[ir.Reg]*layout{},
	}
	f.Body.Instrs(func(in *ir.Instr) bool { e.joins = e.joins || in.Op.IsSimd(); return true })
	e.crossings()
	e.entry()
	if e.scratch > maxScratch {
		return Unit{}, fmt.Errorf("%w: kernel %s needs %d bytes of working memory for a threadgroup; up to %d are possible", ErrUnsupported, f.Name, e.scratch, maxScratch)
	}
	text := e.b.String()
	if n := 256*strings.Count(text, "ALIGNED ") + 1024*strings.Count(text, "\tchar w_"); n > maxStack {
		return Unit{}, fmt.Errorf("%w: kernel %s needs up to %d bytes of the stack; up to %d are possible", ErrUnsupported, f.Name, n, maxStack)
	}
	return Unit{Text: e.prologue() + e.tables() + text, Entry: "zmlx_run", Scratch: e.scratch, Lines: strings.Count(text, "\n")}, nil
}

// prologue returns the functions that the kernel calls.
func (e *emitter) prologue() string {
	text := kernelText
	for _, part := range []struct{ prefix, text string }{{"zm_simd_", simdText}, {"zm_atomic_", atomicText}} {
		for name := range e.names {
			if strings.HasPrefix(name, part.prefix) {
				text += part.text
				break
			}
		}
	}
	for _, name := range mention.FindAllString(text, -1) {
		e.names[name] = true
	}
	return options + Functions(e.names) + text
}

// gcc would make calls of copies from array to array, which then have to be in
// memory.
const options = `#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize ("no-tree-loop-distribute-patterns")
#endif
`

// An emitter writes one kernel.
type emitter struct {
	*backend.Facts // of what is being written: of threadgroups, or of simdgroups in line
	group, inLine  *backend.Facts
	f              *ir.Func
	b              strings.Builder
	indent         int
	names          backend.Names
	uses           []int              // by register: how many operands of the text are it
	barriers       bool               // the kernel has threadgroup barriers
	cross          map[ir.Reg]bool    // registers that more than one region uses
	layouts        map[ir.Reg]*layout // where crossing registers are kept
	storedOnly     map[ir.Reg]bool
	origins        map[ir.Reg]int    // pointers into parameters: which
	private        map[int]*array    // allocations that are arrays of registers
	walks          map[int]*ir.Instr // by parameter: the load that asks for what comes next
	reread         map[int]*ir.Instr // see rereads
	inGrid         map[ir.Reg]bool   // see placed
	starts         []string          // variables of prefetchRow
	groupLoads     []string          // variables of prefetchGroup
	asked          map[int]groupLoad // by parameter: a load of the first region that reads it
	regions        int               // how many are begun
	joins          bool              // there are functions of simdgroups
	streamed       bool              // stores may go past the caches
	scratch        int
	serial         int // for names

	variant
	frames []frame // enclosing loops and scopes, innermost last
}

// A frame is a loop or scope around what is being written.
type frame struct {
	stmt      ir.Stmt
	live      string // mask of lanes that have not left for good; "" if none can
	iter      string // Loop: mask of lanes that have not continued; "" if none can
	end, next string // labels
	group     bool   // it is around regions, not within one
}

func (e *emitter) line(format string, args ...any) {
	for range e.indent {
		e.b.WriteByte('\t')
	}
	fmt.Fprintf(&e.b, format, args...)
	e.b.WriteByte('\n')
}

func (e *emitter) open(format string, args ...any) {
	e.line(format+" {", args...)
	e.indent++
}

func (e *emitter) close() {
	e.indent--
	e.line("}")
}

func (e *emitter) name(prefix string) string {
	e.serial++
	return fmt.Sprintf("%s_%d", prefix, e.serial)
}

// room takes bytes of the working memory and returns where they start.
func (e *emitter) room(n int) int {
	at := e.scratch
	e.scratch += (n + 63) / 64 * 64
	return at
}

// operands calls visit for every register that a statement itself uses.
func operands(s ir.Stmt, visit func(ir.Reg)) {
	switch s := s.(type) {
	case *ir.Instr:
		for _, r := range s.Args {
			visit(r)
		}
		if s.Op.UsesAddr() {
			visit(s.Addr.Base)
			if s.Addr.Index != ir.NoReg {
				visit(s.Addr.Index)
			}
		}
	case *ir.If:
		visit(s.Cond)
	case *ir.Loop:
		if s.Cond != ir.NoReg {
			visit(s.Cond)
		}
	}
}

// walk calls visit for every statement of a block and of the blocks in it, a
// loop after its head and before its body.
func walk(b *ir.Block, visit func(ir.Stmt)) {
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ir.Loop:
			walk(&s.Head, visit)
			visit(s)
			walk(&s.Body, visit)
			walk(&s.Step, visit)
			continue
		case *ir.If:
			visit(s)
			walk(&s.Then, visit)
			walk(&s.Else, visit)
			continue
		case *ir.Scope:
			visit(s)
			walk(&s.Body, visit)
			continue
		}
		visit(s)
	}
}

func countUses(f *ir.Func) []int {
	uses := make([]int, len(f.Regs))
	walk(&f.Body, func(s ir.Stmt) { operands(s, func(r ir.Reg) { uses[r]++ }) })
	return uses
}

// entry writes the function that runs threadgroups first to last-1.
func (e *emitter) entry() {
	e.open("void zmlx_run(void *const *P, const zmlx_launch *L, uint64_t first, uint64_t last, void *scratch)")
	for i := range e.f.Params {
		e.line("char *const p%d = (char *)P[%d];", i, i)
	}
	start := e.b.Len()
	defer func() { // walks are known only now
		text := e.b.String()
		e.b.Reset()
		e.b.WriteString(text[:start])
		for _, name := range e.starts {
			e.line("uintptr_t %s = 0;", name)
		}
		for _, name := range e.groupLoads {
			e.line("zm_group_load %s = {UINT64_MAX, 0, 0};", name)
		}
		for i := range e.f.Params {
			switch {
			case e.walks[i] != nil && e.reread[i] != nil:
				e.line("zm_row row%d = {UINT64_MAX, 0, 0, 0, 0, 8192, 0};", i)
			case e.walks[i] != nil:
				e.line("zm_walk walk%d = {0, 0, UINTPTR_MAX, 0, 8192};", i)
			}
		}
		e.b.WriteString(text[start:])
	}()
	e.allocations()
	e.line("(void)scratch;")
	e.open("for (uint64_t gi = first; gi < last; ++gi)")
	e.line("const int oned = L->groups[1] == 1 && L->groups[2] == 1;")
	e.line("const uint32_t gx = (uint32_t)(oned ? gi : gi %% L->groups[0]), gy = (uint32_t)(oned ? 0 : gi / L->groups[0] %% L->groups[1]), gz = (uint32_t)(oned ? 0 : gi / L->groups[0] / L->groups[1]);")
	for i, c := range "xyz" {
		e.line("const uint32_t o%c = g%c * L->group[%d], t%c = L->grid[%d] - o%c < L->group[%d] ? L->grid[%d] - o%c : L->group[%d];", c, c, i, c, i, c, i, i, c, i)
	}
	e.line("const uint32_t n = tx * ty * tz, chunks = (n + 31) / 32;")
	e.line("const int straight = (ty * tz == 1 || tx %% 32 == 0) && ox %% 32 == 0;")
	for i, r := range e.f.Regs {
		if reg := ir.Reg(i); (r.Kind == ir.VarReg || r.Kind == ir.TempReg) && !e.Varying[reg] && r.Type != ir.Void {
			e.line("%s u%d = 0;", backend.RegisterType(r.Type), i)
		}
	}
	e.variant = variant{}
	if e.barriers {
		if e.Returns {
			e.line("uint32_t *const alive_ = (uint32_t *)((char *)scratch + %d);", e.room(4*maxChunks))
			e.line("for (uint32_t s = 0; s < chunks; ++s) alive_[s] = n - s * 32 < 32 ? (1u << (n - s * 32)) - 1 : ~0u;")
		}
		e.parts(&e.f.Body)
		e.line("group_end:;")
	} else {
		e.region(&e.f.Body)
	}
	e.close()
	if e.streamed {
		e.line("if (L->stream) zm_stream_done();")
	}
	e.close()
}

// parts writes a block in which barriers occur: its parts without any are
// regions.
func (e *emitter) parts(b *ir.Block) {
	for i := 0; i < len(b.Stmts); {
		if !e.Barrier[b.Stmts[i]] {
			j := i
			for j < len(b.Stmts) && !e.Barrier[b.Stmts[j]] {
				j++
			}
			e.region(&ir.Block{Stmts: b.Stmts[i:j]})
			i = j
			continue
		}
		switch s := b.Stmts[i].(type) {
		case *ir.If:
			e.open("if (%s)", e.scalar(s.Cond))
			e.parts(&s.Then)
			e.close()
			if len(s.Else.Stmts) > 0 {
				e.open("else")
				e.parts(&s.Else)
				e.close()
			}
		case *ir.Loop:
			fr := frame{stmt: s, end: e.name("end"), next: e.name("next"), group: true}
			e.frames = append(e.frames, fr)
			e.open("for (;;)")
			e.parts(&s.Head)
			if s.Cond != ir.NoReg {
				e.line("if (!%s) break;", e.scalar(s.Cond))
			}
			e.parts(&s.Body)
			e.line("%s:;", fr.next)
			e.parts(&s.Step)
			e.close()
			e.line("%s:;", fr.end)
			e.frames = e.frames[:len(e.frames)-1]
		case *ir.Scope:
			fr := frame{stmt: s, end: e.name("end"), group: true}
			e.frames = append(e.frames, fr)
			e.open("")
			e.parts(&s.Body)
			e.close()
			e.line("%s:;", fr.end)
			e.frames = e.frames[:len(e.frames)-1]
		}
		i++
	}
}
