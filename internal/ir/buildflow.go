package ir

// This file implements the structured statements of Builder. Each takes the
// functions that build its parts. Parts that cannot be reached are not built:
// their functions are not called.

// Dead reports whether the current place cannot be reached, as after a
// Return. What is built there is dropped.
func (b *Builder) Dead() bool { return b.dead }

// within builds a block and reports whether its end can be reached.
func (b *Builder) within(blk *Block, build func()) (live bool) {
	cur, dead, span := b.cur, b.dead, b.span
	b.cur = blk
	build()
	live = !b.dead
	b.cur, b.dead, b.span = cur, dead, span
	return live
}

// If runs then where cond is true and els elsewhere; els may be nil. If cond
// is constant only the branch that it chooses is built, in the current block.
func (b *Builder) If(cond Reg, then, els func()) {
	if b.dead {
		return
	}
	if v, ok := b.ConstValue(cond); ok {
		if v != 0 {
			then()
		} else if els != nil {
			els()
		}
		return
	}
	s := &If{Cond: cond, Span: b.span}
	live := b.within(&s.Then, then)
	if els != nil {
		live = b.within(&s.Else, els) || live
	} else {
		live = true
	}
	if len(s.Then.Stmts)+len(s.Else.Stmts) > 0 {
		b.cur.Stmts = append(b.cur.Stmts, s)
	}
	b.dead = !live
}

// Loop repeats head, body and step. It ends when the register that head
// returns, a Bool, is false, or by Break. head and step may be nil; head may
// return NoReg. Continue(l) in body goes on at step.
//
// Temporaries of head may be used in head, and as its result, only.
func (b *Builder) Loop(head func(l *Loop) Reg, body, step func(l *Loop)) {
	if b.dead {
		return
	}
	l := &Loop{Cond: NoReg, Span: b.span}
	live := true
	if head != nil {
		live = b.within(&l.Head, func() { l.Cond = head(l) })
		if !live {
			l.Cond = NoReg
		}
	}
	if v, ok := b.ConstValue(l.Cond); ok {
		l.Cond = NoReg
		if v == 0 {
			if b.exits[l] == 0 { // only the head runs, once
				b.cur.Stmts = append(b.cur.Stmts, l.Head.Stmts...)
				return
			}
			b.within(&l.Body, func() { b.Break(l) })
			live = false
		}
	}
	if live {
		live = b.within(&l.Body, func() { body(l) })
		l.Body.trimTail(func(e *Exit) bool {
			if e.Kind != Continue || e.Target != l {
				return false
			}
			live = true
			return true
		})
		if step != nil && (live || b.again[l] > 0) {
			b.within(&l.Step, func() { step(l) })
		}
	}
	b.cur.Stmts = append(b.cur.Stmts, l)
	b.dead = l.Cond == NoReg && b.exits[l] == 0
}

// Scope runs body, which Leave(s) ends early. A scope that is only left at
// its end is built as a part of the current block.
func (b *Builder) Scope(name string, body func(s *Scope)) {
	if b.dead {
		return
	}
	s := &Scope{Name: name, Span: b.span}
	left := 0
	live := b.within(&s.Body, func() { body(s) })
	s.Body.trimTail(func(e *Exit) bool {
		if e.Kind != Leave || e.Target != s {
			return false
		}
		left++
		return true
	})
	b.dead = !live && b.exits[s] == 0
	if b.exits[s] == left {
		b.cur.Stmts = append(b.cur.Stmts, s.Body.Stmts...)
		return
	}
	b.cur.Stmts = append(b.cur.Stmts, s)
}

// Break leaves loop l.
func (b *Builder) Break(l *Loop) { b.exit(Break, l, b.exits) }

// Continue goes on at the step of loop l.
func (b *Builder) Continue(l *Loop) { b.exit(Continue, l, b.again) }

// Leave goes to the end of scope s.
func (b *Builder) Leave(s *Scope) { b.exit(Leave, s, b.exits) }

// Return ends the kernel for this thread.
func (b *Builder) Return() { b.exit(Return, nil, nil) }

func (b *Builder) exit(k ExitKind, target Stmt, count map[Stmt]int) {
	if b.dead {
		return
	}
	if count != nil {
		count[target]++
	}
	b.cur.Stmts = append(b.cur.Stmts, &Exit{Kind: k, Target: target, Span: b.span})
	b.dead = true
}

// trimTail removes the exits that drop accepts from where control would reach
// the end of blk anyway.
func (blk *Block) trimTail(drop func(*Exit) bool) {
	n := len(blk.Stmts)
	if n == 0 {
		return
	}
	switch s := blk.Stmts[n-1].(type) {
	case *Exit:
		if drop(s) {
			blk.Stmts = blk.Stmts[:n-1]
			blk.trimTail(drop)
		}
	case *If:
		s.Then.trimTail(drop)
		s.Else.trimTail(drop)
		if len(s.Then.Stmts)+len(s.Else.Stmts) == 0 {
			blk.Stmts = blk.Stmts[:n-1]
			blk.trimTail(drop)
		}
	case *Scope:
		s.Body.trimTail(drop)
	}
}
