package lower

// This file implements statements.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A jump is what a break or continue can go to: a loop, or a scope that
// stands for a switch, or for a loop that runs once (both).
type jump struct {
	loop  *ir.Loop
	scope *ir.Scope
	both  bool // continue goes to the end of scope too
}

// block lowers statements. tail says that the end of the list is the end of
// the function around it: what follows an if that returns then becomes its
// else, and no early return is left.
func (l *lowerer) block(list []check.Stmt, tail bool) {
	for i, s := range list {
		if l.b.Dead() {
			return
		}
		rest := list[i+1:]
		if c, ok := s.(*check.If); ok && tail && c.Else == nil && len(rest) > 0 && returns(c.Then) {
			l.room(c.Span)
			old := l.b.SetSpan(c.Span)
			l.b.If(l.expr(c.Cond)[0], func() { l.stmt(c.Then, true) }, func() {
				l.b.SetSpan(old)
				l.block(rest, true)
			})
			l.b.SetSpan(old)
			return
		}
		l.stmt(s, tail && len(rest) == 0)
	}
}

// returns reports whether s always ends in a return.
func returns(s check.Stmt) bool {
	switch s := s.(type) {
	case *check.Return:
		return true
	case *check.Block:
		return len(s.Stmts) > 0 && returns(s.Stmts[len(s.Stmts)-1])
	case *check.If:
		return s.Else != nil && returns(s.Then) && returns(s.Else)
	}
	return false
}

func (l *lowerer) stmt(s check.Stmt, tail bool) {
	if s == nil || l.b.Dead() {
		return
	}
	span := stmtSpan(s)
	l.room(span)
	if l.depth++; l.depth > maxNest {
		panic(stop{span, TooLarge, fmt.Sprintf("statements nest more than %d deep, else branches and called functions included", maxNest), "use a switch or a loop over a table"})
	}
	defer func() { l.depth-- }()
	old := l.b.SetSpan(span)
	defer l.b.SetSpan(old)
	switch s := s.(type) {
	case *check.Block:
		l.block(s.Stmts, tail)
	case *check.DeclStmt:
		l.declare(s)
	case *check.ExprStmt:
		l.drop(s.X)
	case *check.If:
		c := l.expr(s.Cond)[0]
		var els func()
		if s.Else != nil {
			els = func() { l.stmt(s.Else, tail) }
		}
		l.b.If(c, func() { l.stmt(s.Then, tail) }, els)
	case *check.For:
		l.forStmt(s)
	case *check.Do:
		l.doStmt(s)
	case *check.Switch:
		l.switchStmt(s)
	case *check.Jump:
		l.jump(s)
	case *check.Return:
		l.returnStmt(s)
	default:
		l.bug("no way to lower %T", s)
	}
}

func stmtSpan(s check.Stmt) source.Span {
	switch s := s.(type) {
	case *check.DeclStmt:
		return s.Span
	case *check.ExprStmt:
		return s.X.Range()
	case *check.If:
		return s.Span
	case *check.For:
		return s.Span
	case *check.Do:
		return s.Span
	case *check.Switch:
		return s.Span
	case *check.Jump:
		return s.Span
	case *check.Return:
		return s.Span
	}
	return source.Span{}
}

func (l *lowerer) declare(s *check.DeclStmt) {
	v := s.V
	switch v.Kind {
	case check.GlobalVar, check.ThreadgroupVar:
		return // there from the start; varPlace makes room
	case check.RefVar:
		if s.Init == nil {
			l.bug("the reference %s is bound to nothing", v.Name)
		}
		l.vars[v] = l.bind(v, s.Init)
		return
	}
	switch {
	case s.Init == nil:
		l.vars[v] = l.newVar(v, nil)
	case holdsArray(v.Type):
		p := l.newVar(v, nil)
		l.initTo(p.addr, s.Init)
		l.vars[v] = p
	default:
		l.vars[v] = l.start(v, l.expr(s.Init))
	}
}

func (l *lowerer) forStmt(s *check.For) {
	for _, st := range s.Init {
		l.stmt(st, false)
	}
	var head func(*ir.Loop) ir.Reg
	if s.Cond != nil {
		head = func(*ir.Loop) ir.Reg {
			r := l.expr(s.Cond)[0]
			if !l.b.IsVar(r) {
				return r
			}
			return l.b.Copy(r)
		}
	}
	var step func(*ir.Loop)
	if s.Post != nil {
		step = func(*ir.Loop) { l.drop(s.Post) }
	}
	l.b.Loop(head, func(loop *ir.Loop) { l.body(s.Body, jump{loop: loop}) }, step)
}

// body lowers a statement in which break and continue go to j.
func (l *lowerer) body(s check.Stmt, j jump) {
	l.jumps = append(l.jumps, j)
	l.stmt(s, false)
	l.jumps = l.jumps[:len(l.jumps)-1]
}

func (l *lowerer) doStmt(s *check.Do) {
	if k, ok := s.Cond.(*check.Const); ok && k.I == 0 {
		l.b.Scope("do", func(sc *ir.Scope) { l.body(s.Body, jump{scope: sc, both: true}) })
		return
	}
	l.b.Loop(nil,
		func(loop *ir.Loop) { l.body(s.Body, jump{loop: loop}) },
		func(loop *ir.Loop) {
			c := l.expr(s.Cond)[0]
			l.b.SetSpan(s.Cond.Range())
			l.b.If(l.b.Not(c), func() { l.b.Break(loop) }, nil)
		})
}

func (l *lowerer) jump(s *check.Jump) {
	for i := len(l.jumps) - 1; i >= 0; i-- {
		switch j := l.jumps[i]; {
		case j.scope != nil && (!s.Continue || j.both):
			l.b.Leave(j.scope)
			return
		case j.scope != nil:
		case s.Continue:
			l.b.Continue(j.loop)
			return
		default:
			l.b.Break(j.loop)
			return
		}
	}
	l.bug("a jump outside loops")
}

// ---- Switch

// Switches of more groups than this are not nested ifs.
const maxNested = 24

// A group is adjacent cases with one list of statements.
type group struct {
	values   []*check.Const
	fallback bool // among them is default
	stmts    []check.Stmt
}

func (l *lowerer) switchStmt(s *check.Switch) {
	x := l.copies(l.expr(s.X))[0]
	var groups []group
	falls := false
	g := group{}
	for i, k := range s.Cases {
		if k.Value != nil {
			g.values = append(g.values, k.Value)
		} else {
			g.fallback = true
		}
		if len(k.Stmts) == 0 && i < len(s.Cases)-1 {
			continue
		}
		g.stmts = k.Stmts
		falls = falls || i < len(s.Cases)-1 && !leaves(k.Stmts)
		groups = append(groups, g)
		g = group{}
	}
	if len(groups) == 0 {
		return
	}
	l.b.Scope("switch", func(sc *ir.Scope) {
		l.jumps = append(l.jumps, jump{scope: sc})
		if falls || len(groups) > maxNested {
			l.switchByPosition(x, groups, falls)
		} else {
			l.switchByIfs(x, groups)
		}
		l.jumps = l.jumps[:len(l.jumps)-1]
	})
}

// leaves reports whether the end of the statements cannot be reached.
func leaves(list []check.Stmt) bool {
	if len(list) == 0 {
		return false
	}
	switch s := list[len(list)-1].(type) {
	case *check.Jump, *check.Return:
		return true
	case *check.Block:
		return leaves(s.Stmts)
	case *check.If:
		return s.Else != nil && leaves([]check.Stmt{s.Then}) && leaves([]check.Stmt{s.Else})
	}
	return false
}

// matches returns whether x is one of a group's values.
func (l *lowerer) matches(x ir.Reg, g *group) ir.Reg {
	r := ir.NoReg
	for _, v := range g.values {
		is := l.b.Compare(ir.Eq, x, l.b.Const(l.b.TypeOf(x), v.I))
		if r == ir.NoReg {
			r = is
		} else {
			r = l.b.Binary(ir.Or, r, is)
		}
	}
	if r == ir.NoReg {
		return l.b.ConstBool(false)
	}
	return r
}

func (l *lowerer) switchByIfs(x ir.Reg, groups []group) {
	last := -1
	var from func(i int)
	from = func(i int) {
		switch {
		case i == len(groups):
			if last >= 0 {
				l.block(groups[last].stmts, false)
			}
		case groups[i].fallback:
			last = i
			from(i + 1)
		default:
			l.b.If(l.matches(x, &groups[i]), func() { l.block(groups[i].stmts, false) }, func() { from(i + 1) })
		}
	}
	from(0)
}

// switchByPosition finds the number of the first group to run; those after it
// run too, unless something leaves the switch.
func (l *lowerer) switchByPosition(x ir.Reg, groups []group, falls bool) {
	n := len(groups)
	pos := l.b.ConstI32(int32(n))
	for i, g := range groups {
		if g.fallback {
			pos = l.b.ConstI32(int32(i))
		}
	}
	for i := n - 1; i >= 0; i-- {
		pos = l.b.Select(l.matches(x, &groups[i]), l.b.ConstI32(int32(i)), pos)
	}
	sharing := l.sharing
	for i := range groups {
		op := ir.Eq
		if falls {
			op = ir.Le
		}
		l.sharing = true // a declaration may be used by the groups after it
		l.b.If(l.b.Compare(op, pos, l.b.ConstI32(int32(i))), func() { l.block(groups[i].stmts, false) }, nil)
	}
	l.sharing = sharing
}
