package ir

// This file implements the verifier.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/source"
)

// maxDepth bounds how deeply statements nest.
const maxDepth = 1000

// Verify reports the first place where f breaks the rules of this package.
// The error names the function and the instruction. A Func that passes can be
// printed, run and compiled; Verify itself takes any Func, however broken.
func Verify(f *Func) error {
	if f == nil {
		return errors.New("ir: no function")
	}
	v := verifier{f: f, temps: make([]tempState, len(f.Regs))}
	if !v.params() || !v.allocs() || !v.regs() || !v.block(&f.Body) {
		return v.err
	}
	return nil
}

// A tempState says where a walk stands in the life of a temporary.
type tempState uint8

const (
	unassigned tempState = iota
	visible
	ended // its block is behind
)

type enclosing struct {
	stmt   Stmt
	inBody bool // of a Loop: not in Head or Step
}

type verifier struct {
	f       *Func
	temps   []tempState
	live    []Reg // the visible temporaries, in order
	around  []enclosing
	seen    map[Stmt]bool // structured statements met so far
	depth   int
	err     error
	current Stmt // for messages
}

// fail records an error and returns false.
func (v *verifier) fail(format string, args ...any) bool {
	var b strings.Builder
	fmt.Fprintf(&b, "ir: kernel %s: ", identOrQuoted(v.f.Name))
	if v.current != nil {
		if pos := v.f.Set.Position(spanOf(v.current).Pos); v.f.Set != nil && pos.Line > 0 {
			fmt.Fprintf(&b, "%s: ", pos)
		}
		fmt.Fprintf(&b, "%s: ", stmtText(v.f, v.current))
	}
	fmt.Fprintf(&b, format, args...)
	v.err = errors.New(b.String())
	return false
}

func spanOf(s Stmt) source.Span {
	switch s := s.(type) {
	case *Instr:
		return s.Span
	case *If:
		return s.Span
	case *Loop:
		return s.Span
	case *Scope:
		return s.Span
	case *Exit:
		return s.Span
	}
	return source.Span{}
}

// ---- Declarations

func (v *verifier) params() bool {
	for i, p := range v.f.Params {
		switch {
		case p.Space != Device && p.Space != Constant:
			return v.fail("parameter %d (%q) lies in %s memory; parameters are device or constant", i, p.Name, p.Space)
		case !tMemory.Has(p.Elem) || p.Elem == Ptr:
			return v.fail("parameter %d (%q) has elements of type %s", i, p.Name, p.Elem)
		case p.Lanes != 1 && p.Lanes != 2:
			return v.fail("parameter %d (%q) has %d scalars in an element; 1 or 2 are possible", i, p.Name, p.Lanes)
		case p.Space == Constant && (p.Output || p.Atomic):
			return v.fail("parameter %d (%q) is written but lies in constant memory", i, p.Name)
		}
	}
	return true
}

func (v *verifier) allocs() bool {
	for i, a := range v.f.Allocs {
		switch {
		case a.Space != Threadgroup && a.Space != Thread && a.Space != Constant:
			return v.fail("allocation %d (%q) lies in %s memory", i, a.Name, a.Space)
		case a.Size <= 0:
			return v.fail("allocation %d (%q) has %d bytes", i, a.Name, a.Size)
		case a.Align <= 0 || a.Align&(a.Align-1) != 0:
			return v.fail("allocation %d (%q) is aligned to %d bytes, not a power of two", i, a.Name, a.Align)
		case a.Elem != Void && !tMemory.Has(a.Elem):
			return v.fail("allocation %d (%q) has elements of type %s", i, a.Name, a.Elem)
		case a.Space == Constant && len(a.Init) != a.Size:
			return v.fail("allocation %d (%q) has %d bytes but contents of %d", i, a.Name, a.Size, len(a.Init))
		case a.Space != Constant && a.Init != nil:
			return v.fail("allocation %d (%q) in %s memory has contents; only constant tables do", i, a.Name, a.Space)
		}
	}
	return true
}

func (v *verifier) regs() bool {
	f := v.f
	for i := range f.Regs {
		r := &f.Regs[i]
		switch {
		case !tAny.Has(r.Type):
			return v.fail("register %d has type %s", i, r.Type)
		case (r.Type == Ptr) != (r.Space != NoSpace) || r.Space > Thread:
			return v.fail("register %d of type %s has address space %s", i, r.Type, r.Space)
		}
		switch r.Kind {
		case VarReg, TempReg:
		case ConstReg:
			if r.Bits != Canonical(r.Type, r.Bits) {
				return v.fail("register %d holds %#x, which is no value of type %s", i, r.Bits, r.Type)
			}
			if r.Type == Ptr && r.Bits != 0 {
				return v.fail("register %d is a constant pointer other than null", i)
			}
		case ParamReg:
			if r.Index < 0 || r.Index >= len(f.Params) {
				return v.fail("register %d is parameter %d of %d", i, r.Index, len(f.Params))
			}
			if r.Space != f.Params[r.Index].Space {
				return v.fail("register %d points to %s memory, its parameter lies in %s memory", i, r.Space, f.Params[r.Index].Space)
			}
		case AllocReg:
			if r.Index < 0 || r.Index >= len(f.Allocs) {
				return v.fail("register %d is allocation %d of %d", i, r.Index, len(f.Allocs))
			}
			if r.Space != f.Allocs[r.Index].Space {
				return v.fail("register %d points to %s memory, its allocation lies in %s memory", i, r.Space, f.Allocs[r.Index].Space)
			}
		default:
			return v.fail("register %d is of unknown kind %d", i, r.Kind)
		}
	}
	return true
}

// ---- Statements

func (v *verifier) block(blk *Block) bool {
	mark := len(v.live)
	if !v.stmts(blk) {
		return false
	}
	v.end(mark)
	return true
}

// end ends the temporaries that became visible since mark.
func (v *verifier) end(mark int) {
	for _, r := range v.live[mark:] {
		v.temps[r] = ended
	}
	v.live = v.live[:mark]
}

func (v *verifier) stmts(blk *Block) bool {
	if v.depth++; v.depth > maxDepth {
		return v.fail("statements nest more than %d deep", maxDepth)
	}
	for i, s := range blk.Stmts {
		ok := false
		switch s := s.(type) {
		case *Instr:
			ok = s != nil && v.instr(s)
		case *If:
			ok = s != nil && v.ifStmt(s)
		case *Loop:
			ok = s != nil && v.loop(s)
		case *Scope:
			ok = s != nil && v.scope(s)
		case *Exit:
			if ok = s != nil && v.exit(s); ok && i < len(blk.Stmts)-1 {
				v.current = s
				return v.fail("a statement follows in the same block")
			}
		}
		if !ok {
			if v.err == nil {
				v.current = nil
				return v.fail("statement %d of a block is missing", i)
			}
			return false
		}
	}
	v.depth--
	return true
}

// once reports whether s has not been met before.
func (v *verifier) once(s Stmt) bool {
	v.current = s
	if v.seen[s] {
		return v.fail("the statement occurs in two places")
	}
	if v.seen == nil {
		v.seen = map[Stmt]bool{}
	}
	v.seen[s] = true
	return true
}

func (v *verifier) cond(s Stmt, r Reg) bool {
	v.current = s
	if !v.use(r) {
		return false
	}
	if t := v.f.Regs[r].Type; t != Bool {
		return v.fail("the condition %s has type %s, not bool", regText(v.f, r), t)
	}
	return true
}

func (v *verifier) ifStmt(s *If) bool {
	return v.once(s) && v.cond(s, s.Cond) && v.block(&s.Then) && v.block(&s.Else)
}

func (v *verifier) loop(s *Loop) bool {
	if !v.once(s) {
		return false
	}
	n := len(v.around)
	v.around = append(v.around, enclosing{stmt: s})
	mark := len(v.live)
	if !v.stmts(&s.Head) || s.Cond != NoReg && !v.cond(s, s.Cond) {
		return false
	}
	v.end(mark)
	v.around[n].inBody = true
	if !v.block(&s.Body) {
		return false
	}
	v.around[n].inBody = false
	ok := v.block(&s.Step)
	v.around = v.around[:n]
	return ok
}

func (v *verifier) scope(s *Scope) bool {
	if !v.once(s) {
		return false
	}
	v.around = append(v.around, enclosing{stmt: s})
	ok := v.block(&s.Body)
	v.around = v.around[:len(v.around)-1]
	return ok
}

func (v *verifier) exit(s *Exit) bool {
	v.current = s
	switch s.Kind {
	case Return:
		return s.Target == nil || v.fail("a return has a target")
	case Break, Continue:
		if _, ok := s.Target.(*Loop); !ok {
			return v.fail("the target of a %s is no loop", s.Kind)
		}
	case Leave:
		if _, ok := s.Target.(*Scope); !ok {
			return v.fail("the target of a leave is no scope")
		}
	default:
		return v.fail("unknown kind %d of exit", s.Kind)
	}
	for i := len(v.around) - 1; i >= 0; i-- {
		if v.around[i].stmt != s.Target {
			continue
		}
		if s.Kind == Continue && !v.around[i].inBody {
			return v.fail("a continue stands in the head or step of its own loop")
		}
		return true
	}
	return v.fail("the target of the %s does not enclose it", s.Kind)
}
