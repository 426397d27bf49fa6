package lower

// This file implements calls, which are expanded in place, and returns.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A frame is one expansion of a function, or the kernel itself.
type frame struct {
	kernel bool
	fn     *check.Func
	mark   ir.Reg    // registers from here on belong to this expansion
	scope  *ir.Scope // what a return leaves; nil if the only return is the end

	done   bool     // the only return was met
	result []ir.Reg // the value, or the variables that returns assign it to
	place  place    // RetRef: what the return names, or a choice
	spaces map[ir.Space]int
}

// A funcInfo says how a function returns.
type funcInfo struct {
	atEnd bool // its only return is its last statement, or it has none
}

func (l *lowerer) info(fn *check.Func) funcInfo {
	if i, ok := l.funcs[fn]; ok {
		return i
	}
	n := countReturns(fn.Body)
	i := funcInfo{atEnd: n == 0 || n == 1 && lastReturns(fn.Body.Stmts)}
	l.funcs[fn] = i
	return i
}

func lastReturns(list []check.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	switch s := list[len(list)-1].(type) {
	case *check.Return:
		return true
	case *check.Block:
		return lastReturns(s.Stmts)
	}
	return false
}

func countReturns(s check.Stmt) int {
	n := 0
	switch s := s.(type) {
	case *check.Return:
		return 1
	case *check.Block:
		for _, t := range s.Stmts {
			n += countReturns(t)
		}
	case *check.If:
		n = countReturns(s.Then)
		if s.Else != nil {
			n += countReturns(s.Else)
		}
	case *check.For:
		return countReturns(s.Body)
	case *check.Do:
		return countReturns(s.Body)
	case *check.Switch:
		for _, k := range s.Cases {
			for _, t := range k.Stmts {
				n += countReturns(t)
			}
		}
	}
	return n
}

// A back is a variable whose reference parameter needed memory: its value is
// copied back after the call.
type back struct {
	from *place
	to   place
}

// call expands a call. It returns the value, or for functions that return
// references the place.
func (l *lowerer) call(e *check.Call) ([]ir.Reg, place) {
	fn := e.Fn
	if fn.Body == nil {
		l.bug("%s has no body", fn.Name)
	}
	l.room(e.Span)
	if l.calls++; l.calls > maxCalls {
		l.tooLarge(e.Span, "calls nest more than 256 deep here")
	}
	if len(e.Args) != len(fn.Params) {
		l.bug("%s takes %d arguments, not %d", fn.Name, len(fn.Params), len(e.Args))
	}
	mark := ir.Reg(len(l.b.Func().Regs))

	// All arguments are evaluated before any parameter is bound: one of them
	// may call the same function.
	var backs []back
	bound := make([]*place, len(e.Args), len(e.Args)+1)
	params := fn.Params
	for i, a := range e.Args {
		bound[i] = l.argument(params[i], a, &backs)
	}
	if fn.This != nil && e.This != nil {
		bound = append(bound, l.argument(fn.This, e.This, &backs))
		params = append(params[:len(params):len(params)], fn.This)
	}
	for i, v := range params {
		l.vars[v] = bound[i]
	}

	f := &frame{fn: fn, mark: mark}
	outer, jumps, sharing := l.frame, l.jumps, l.sharing
	l.frame, l.jumps, l.sharing = f, nil, false
	if l.info(fn).atEnd {
		l.block(fn.Body.Stmts, false)
	} else {
		if fn.RetRef {
			f.place = place{t: fn.Ret, kind: choice, which: l.b.Var(ir.I32, "")}
		}
		l.b.Scope(fn.Name, func(s *ir.Scope) {
			f.scope = s
			l.block(fn.Body.Stmts, true)
		})
		f.done = f.result != nil || len(f.place.alts) > 0
		if len(f.place.alts) == 1 {
			f.place = f.place.alts[0]
		}
	}
	l.frame, l.jumps, l.sharing = outer, jumps, sharing
	l.calls--
	for _, b := range backs {
		l.store(&b.to, l.load(b.from))
	}
	if !f.done && l.count(fn.Ret) > 0 {
		f.result = l.undefined(fn.Ret)
		f.place = place{t: fn.Ret, regs: f.result}
	}
	return f.result, f.place
}

// argument evaluates an argument into the place that v will be.
func (l *lowerer) argument(v *check.Var, e check.Expr, backs *[]back) *place {
	switch {
	case v.Type.Kind == check.Closure:
		return &place{t: v.Type}
	case v.Kind != check.RefVar && holdsArray(v.Type):
		p := l.newVar(v, nil)
		l.initTo(p.addr, e)
		return p
	case v.Kind != check.RefVar:
		return l.start(v, l.expr(e))
	}
	p := l.bind(v, e)
	if v.Addressed && p.kind != inMemory && p.home == nil {
		q := &place{t: v.Type, kind: inMemory, addr: ir.At(l.alloc(v.Name, v.Type, ir.Thread, e.Range()), 0)}
		l.storeTo(q.addr, v.Type, l.load(p))
		if !v.ReadOnly {
			*backs = append(*backs, back{q, *p})
		}
		return q
	}
	return p
}

func (l *lowerer) returnStmt(s *check.Return) {
	f := l.frame
	switch {
	case f.kernel:
		l.b.Return()
		return
	case s.X == nil:
	case f.fn.RetRef:
		l.returnPlace(f, s.X)
	case f.fn.Ret.Kind == check.Void:
		l.drop(s.X)
	default:
		l.returnValue(f, l.expr(s.X))
	}
	if f.scope != nil {
		l.b.Leave(f.scope)
	}
}

func (l *lowerer) returnValue(f *frame, val []ir.Reg) {
	if f.scope == nil {
		f.done = true
		f.result = val
		for _, r := range val {
			if l.b.IsVar(r) && r < f.mark { // a variable of a caller, which may change
				f.result = l.copies(val)
				break
			}
		}
		return
	}
	if f.result == nil {
		parts := l.partsOf(f.fn.Ret)
		f.result = l.regs(len(parts))
		for i, p := range parts {
			f.result[i] = l.variable(p, val[i], "")
		}
	}
	l.setAll(f.result, val)
}

// returnPlace returns a reference. Several returns make a choice of places.
func (l *lowerer) returnPlace(f *frame, x check.Expr) {
	p := l.pinned(l.lvalue(x))
	if f.scope == nil {
		f.done, f.place = true, p
		return
	}
	k := -1
	if p.kind == inMemory && p.comps == nil { // share one pointer
		space := l.b.SpaceOf(p.addr.Base)
		if have, ok := f.spaces[space]; ok {
			k = have
			l.set(f.place.alts[k].addr.Base, l.b.PtrAdd(p.addr))
		} else {
			k = len(f.place.alts)
			if f.spaces == nil {
				f.spaces = make(map[ir.Space]int)
			}
			f.spaces[space] = k
			ptr := l.b.PtrVar(space, "")
			l.b.Set(ptr, l.b.PtrAdd(p.addr))
			f.place.alts = append(f.place.alts, place{t: p.t, kind: inMemory, addr: ir.At(ptr, 0)})
		}
	} else {
		k = len(f.place.alts)
		f.place.alts = append(f.place.alts, l.exported(p))
	}
	l.b.Set(f.place.which, l.b.ConstI32(int32(k)))
}
