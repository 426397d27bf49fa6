package ir

// This file implements the text form of a Func, which Parse reads back:
//
//	kernel saxpy contract {
//	  param @a device f32
//	  param @x device f32
//	  param @y device f32 output
//	  var %i.4 u32
//	  %5 = special thread_position_in_grid.x
//	  %i.4 = mov u32 %5
//	  %6 = lt u32 %i.4, 100u32
//	  if %6 {
//	    %7 = load f32 [@x + %i.4*4]
//	    %8 = load f32 [@a]
//	    %9 = mul f32 %8, %7
//	    store f32 [@y + %i.4*4], %9
//	  }
//	}
//
// %7 is register 7 and %i.4 is register 4, named i; @x is the address of a
// parameter or an allocation. Variables are declared on top, temporaries by
// the instruction that assigns them. A loop is written as
//
//	loop L0 head {
//	} while %c body {
//	} step {
//	}
//
// without the parts that it lacks; a scope as scope S0 "name" { }. They are
// left by break L0, continue L0, leave S0 and return.

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/source"
)

// Print returns the text form of f. Two Funcs that differ only in constants,
// variables and temporaries that nothing uses, in positions or in the facts
// that Analyze finds have the same text.
func Print(f *Func) string { return printFunc(f, false) }

// PrintPositions is Print with a comment that gives line and column after each
// statement that has a position.
func PrintPositions(f *Func) string { return printFunc(f, true) }

func printFunc(f *Func, positions bool) string {
	p := printer{f: f, buf: make([]byte, 0, 4096), positions: positions, symbols: newSymbols(f), labels: map[Stmt]string{}}
	p.str("kernel ")
	p.str(identOrQuoted(f.Name))
	if f.Contract {
		p.str(" contract")
	}
	p.str(" {\n")
	for i, a := range f.Params {
		p.str("  param ")
		p.symbol(p.symbols.params[i], a.Name)
		p.str(" " + a.Space.String() + " " + a.Elem.String())
		if a.Lanes != 1 {
			p.str("x" + strconv.Itoa(a.Lanes))
		}
		if a.Output {
			p.str(" output")
		}
		if a.Atomic {
			p.str(" atomic")
		}
		p.str("\n")
	}
	for i, a := range f.Allocs {
		p.str("  alloc ")
		p.symbol(p.symbols.allocs[i], a.Name)
		p.str(fmt.Sprintf(" %s %d align %d %s", a.Space, a.Size, a.Align, a.Elem))
		if a.Init != nil {
			p.str(` = "` + hex.EncodeToString(a.Init) + `"`)
		}
		p.str("\n")
	}
	used := make([]bool, len(f.Regs))
	markUsed(&f.Body, used, 0)
	for i, r := range f.Regs {
		if used[i] && r.Kind == VarReg {
			p.str("  var ")
			p.reg(Reg(i))
			p.str(" " + typeText(r.Type, r.Space) + "\n")
		}
	}
	p.indent = 1
	p.block(&f.Body)
	p.str("}\n")
	return string(p.buf)
}

// markUsed sets used for every register that blk names.
func markUsed(blk *Block, used []bool, depth int) {
	if depth > maxDepth {
		return
	}
	mark := func(r Reg) {
		if r >= 0 && int(r) < len(used) {
			used[r] = true
		}
	}
	for _, s := range blk.Stmts {
		switch s := s.(type) {
		case *Instr:
			for _, r := range s.Dst {
				mark(r)
			}
			for _, r := range s.Args {
				mark(r)
			}
			if s.Op.UsesAddr() {
				mark(s.Addr.Base)
				mark(s.Addr.Index)
			}
		case *If:
			mark(s.Cond)
			markUsed(&s.Then, used, depth+1)
			markUsed(&s.Else, used, depth+1)
		case *Loop:
			mark(s.Cond)
			markUsed(&s.Head, used, depth+1)
			markUsed(&s.Body, used, depth+1)
			markUsed(&s.Step, used, depth+1)
		case *Scope:
			markUsed(&s.Body, used, depth+1)
		}
	}
}

// symbols are the names of parameters and allocations in the text: their own
// where those are identifiers and unique.
type symbols struct{ params, allocs []string }

func newSymbols(f *Func) symbols {
	count := map[string]int{}
	for _, p := range f.Params {
		count[p.Name]++
	}
	for _, a := range f.Allocs {
		count[a.Name]++
	}
	symbol := func(name string, n int) string {
		if isIdent(name) && count[name] == 1 {
			return name
		}
		return cleanName(name) + "." + strconv.Itoa(n)
	}
	var s symbols
	for i, p := range f.Params {
		s.params = append(s.params, symbol(p.Name, i))
	}
	for i, a := range f.Allocs {
		s.allocs = append(s.allocs, symbol(a.Name, len(f.Params)+i))
	}
	return s
}

type printer struct {
	f         *Func
	buf       []byte
	indent    int
	positions bool
	symbols   symbols
	labels    map[Stmt]string
}

func (p *printer) str(s string) { p.buf = append(p.buf, s...) }

// symbol writes the declared name of a parameter or allocation.
func (p *printer) symbol(symbol, name string) {
	p.str("@" + symbol)
	if symbol != name {
		p.str(" " + strconv.Quote(name))
	}
}

func (p *printer) line(s string) {
	for range p.indent {
		p.str("  ")
	}
	p.str(s)
}

func (p *printer) end(span source.Span) {
	if p.positions {
		if pos := p.f.Set.Position(span.Pos); pos.Line > 0 {
			p.str(fmt.Sprintf(" // %d:%d", pos.Line, pos.Column))
		}
	}
	p.str("\n")
}

func (p *printer) nested(blk *Block) {
	p.indent++
	p.block(blk)
	p.indent--
}

func (p *printer) block(blk *Block) {
	if p.indent > maxDepth+1 {
		p.line("// nested too deeply\n")
		return
	}
	for _, s := range blk.Stmts {
		p.line("")
		switch s := s.(type) {
		case *Instr:
			p.instr(s)
			p.end(s.Span)
		case *Exit:
			p.str(s.Kind.String())
			if s.Target != nil {
				p.str(" " + p.label(s.Target))
			}
			p.end(s.Span)
		case *If:
			p.str("if ")
			p.reg(s.Cond)
			p.str(" {")
			p.end(s.Span)
			p.nested(&s.Then)
			if len(s.Else.Stmts) > 0 {
				p.line("} else {\n")
				p.nested(&s.Else)
			}
			p.line("}\n")
		case *Loop:
			p.loop(s)
		case *Scope:
			p.labels[s] = "S" + strconv.Itoa(len(p.labels))
			p.str("scope " + p.labels[s])
			if s.Name != "" {
				p.str(" " + strconv.Quote(s.Name))
			}
			p.str(" {")
			p.end(s.Span)
			p.nested(&s.Body)
			p.line("}\n")
		default:
			p.str("// no statement\n")
		}
	}
}

func (p *printer) loop(s *Loop) {
	p.labels[s] = "L" + strconv.Itoa(len(p.labels))
	p.str("loop " + p.labels[s])
	if len(s.Head.Stmts) > 0 {
		p.str(" head {")
		p.end(s.Span)
		p.nested(&s.Head)
		p.line("}")
	}
	if s.Cond != NoReg {
		p.str(" while ")
		p.reg(s.Cond)
	}
	p.str(" body {")
	if len(s.Head.Stmts) > 0 {
		p.str("\n")
	} else {
		p.end(s.Span)
	}
	p.nested(&s.Body)
	if len(s.Step.Stmts) > 0 {
		p.line("} step {\n")
		p.nested(&s.Step)
	}
	p.line("}\n")
}

func (p *printer) label(s Stmt) string {
	if l := p.labels[s]; l != "" {
		return l
	}
	return "?"
}

func (p *printer) instr(in *Instr) {
	for i, r := range in.Dst {
		if i > 0 {
			p.str(", ")
		}
		p.reg(r)
	}
	if len(in.Dst) > 0 {
		p.str(" = ")
	}
	p.str(in.Op.String())
	var sig opSignature
	if in.Op < NumOps {
		sig = signatures[in.Op]
	}
	if sig.imm == immWidth {
		p.str("." + strconv.FormatInt(in.Imm, 10))
	}
	if in.Fast {
		p.str(".fast")
	}
	switch sig.imm {
	case immSpecial:
		p.str(" " + specialText(in.Imm))
	case immBarrier:
		p.str(" " + barrierText(in.Imm))
	default:
		p.str(" ")
		if in.Type == Ptr && resultType(in.Op, Ptr, 0) == Ptr && len(in.Dst) > 0 {
			p.str(typeText(Ptr, p.f.info(in.Dst[0]).Space))
		} else {
			p.str(in.Type.String())
		}
	}
	if in.Op == Convert || in.Op == Bitcast {
		p.str(" from " + in.From.String())
	}
	sep := " "
	if sig.addr {
		p.str(sep)
		p.addr(in.Addr)
		sep = ", "
	}
	for _, r := range in.Args {
		p.str(sep)
		p.reg(r)
		sep = ", "
	}
	if sig.imm == immSize {
		p.str(" / " + strconv.FormatInt(in.Imm, 10))
	}
}

func (p *printer) addr(a Addr) {
	p.str("[")
	p.reg(a.Base)
	if a.Index != NoReg {
		p.str(" + ")
		p.reg(a.Index)
		p.str("*" + strconv.FormatInt(a.Scale, 10))
	}
	if a.Off > 0 {
		p.str(" + " + strconv.FormatInt(a.Off, 10))
	} else if a.Off < 0 {
		p.str(" - " + strconv.FormatUint(-uint64(a.Off), 10))
	}
	p.str("]")
}

func (p *printer) reg(r Reg) {
	if r < 0 || int(r) >= len(p.f.Regs) {
		p.str("%?" + strconv.Itoa(int(r)))
		return
	}
	info := &p.f.Regs[r]
	switch {
	case info.Kind == ConstReg:
		p.str(constText(info.Type, info.Space, info.Bits))
	case info.Kind == ParamReg && info.Index >= 0 && info.Index < len(p.symbols.params):
		p.str("@" + p.symbols.params[info.Index])
	case info.Kind == AllocReg && info.Index >= 0 && info.Index < len(p.symbols.allocs):
		p.str("@" + p.symbols.allocs[info.Index])
	default:
		p.str("%")
		if info.Name != "" {
			p.str(cleanName(info.Name) + ".")
		}
		p.buf = strconv.AppendInt(p.buf, int64(r), 10)
	}
}

// ---- Words

func typeText(t Type, s Space) string {
	if t == Ptr {
		return "ptr." + s.String()
	}
	return t.String()
}

// constText spells a constant so that every bit of it can be read back.
func constText(t Type, s Space, bits uint64) string {
	switch {
	case t == Ptr && bits == 0:
		return "null:" + s.String()
	case t == Bool && bits <= 1:
		return strconv.FormatBool(bits == 1)
	case t.IsFloat():
		v := FloatValue(t, bits)
		switch {
		case v != v:
			return fmt.Sprintf("%#x:%s", bits, t)
		case math.IsInf(v, 1):
			return "inf:" + t.String()
		case math.IsInf(v, -1):
			return "-inf:" + t.String()
		case t == F64:
			return strconv.FormatFloat(v, 'g', -1, 64) + "f64"
		}
		return strconv.FormatFloat(v, 'g', -1, 32) + t.String()
	case t.IsSigned():
		return strconv.FormatInt(int64(bits), 10) + t.String()
	}
	return strconv.FormatUint(bits, 10) + t.String()
}

func barrierText(imm int64) string {
	switch imm {
	case 0:
		return "threadgroup"
	case 1:
		return "simdgroup"
	}
	return strconv.FormatInt(imm, 10)
}

var specialNames = [NumSpecials]string{
	ThreadPositionInGrid:             "thread_position_in_grid",
	ThreadPositionInThreadgroup:      "thread_position_in_threadgroup",
	ThreadgroupPositionInGrid:        "threadgroup_position_in_grid",
	ThreadsPerGrid:                   "threads_per_grid",
	ThreadsPerThreadgroup:            "threads_per_threadgroup",
	DispatchThreadsPerThreadgroup:    "dispatch_threads_per_threadgroup",
	ThreadgroupsPerGrid:              "threadgroups_per_grid",
	GridOrigin:                       "grid_origin",
	ThreadIndexInThreadgroup:         "thread_index_in_threadgroup",
	ThreadIndexInSimdgroup:           "thread_index_in_simdgroup",
	SimdgroupIndexInThreadgroup:      "simdgroup_index_in_threadgroup",
	SimdgroupsPerThreadgroup:         "simdgroups_per_threadgroup",
	DispatchSimdgroupsPerThreadgroup: "dispatch_simdgroups_per_threadgroup",
	ThreadsPerSimdgroup:              "threads_per_simdgroup",
	ThreadIndexInQuadgroup:           "thread_index_in_quadgroup",
	QuadgroupIndexInThreadgroup:      "quadgroup_index_in_threadgroup",
	QuadgroupsPerThreadgroup:         "quadgroups_per_threadgroup",
	DispatchQuadgroupsPerThreadgroup: "dispatch_quadgroups_per_threadgroup",
}

// String returns the name of the attribute in the Metal Shading Language, with
// .x, .y or .z for a component.
func (k SpecialKind) String() string { return specialText(int64(k)) }

func specialText(imm int64) string {
	switch {
	case imm < 0 || imm >= int64(NumSpecials):
		return strconv.FormatInt(imm, 10)
	case imm < int64(ThreadIndexInThreadgroup):
		return specialNames[imm-imm%3] + "." + "xyz"[imm%3:imm%3+1]
	}
	return specialNames[imm]
}

func isIdent(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

func identOrQuoted(s string) string {
	if isIdent(s) {
		return s
	}
	return strconv.Quote(s)
}

// cleanName replaces what cannot stand in an identifier.
func cleanName(s string) string {
	if isIdent(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < 128 && (isLetter(byte(r)) || r >= '0' && r <= '9') {
			return r
		}
		return '_'
	}, s)
}

// stmtText and regText write one statement, or its first line, and one
// register, for messages.
func stmtText(f *Func, s Stmt) string {
	p := printer{f: f, symbols: newSymbols(f), labels: map[Stmt]string{}}
	switch s := s.(type) {
	case *Instr:
		p.instr(s)
	case *If:
		p.str("if ")
		p.reg(s.Cond)
	case *Loop:
		p.str("loop")
		if s.Cond != NoReg {
			p.str(" while ")
			p.reg(s.Cond)
		}
	case *Scope:
		p.str(strings.TrimRight("scope "+s.Name, " "))
	case *Exit:
		p.str(s.Kind.String())
	}
	return string(p.buf)
}

func regText(f *Func, r Reg) string {
	p := printer{f: f, symbols: newSymbols(f)}
	p.reg(r)
	return string(p.buf)
}
