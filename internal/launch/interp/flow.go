package interp

// This file implements control flow: how If, Loop, Scope and Exit change the
// set of active lanes.

import "github.com/zmlx-go/zmlx/internal/ir"

// A step runs one statement in the active lanes of a frame. A statement that
// lanes leave early makes f.cur smaller.
type step func(f *frame)

type block []step

func (b block) run(f *frame) {
	for _, s := range b {
		s(f)
		if f.cur.n == 0 {
			return
		}
	}
}

// escapes reports whether s holds an Exit to something outside s.
func escapes(s ir.Stmt) bool {
	inside := map[ir.Stmt]bool{}
	var block func(b *ir.Block) bool
	var stmt func(s ir.Stmt) bool
	block = func(b *ir.Block) bool {
		for _, s := range b.Stmts {
			if stmt(s) {
				return true
			}
		}
		return false
	}
	stmt = func(s ir.Stmt) bool {
		switch s := s.(type) {
		case *ir.If:
			return block(&s.Then) || block(&s.Else)
		case *ir.Loop:
			inside[s] = true
			return block(&s.Head) || block(&s.Body) || block(&s.Step)
		case *ir.Scope:
			inside[s] = true
			return block(&s.Body)
		case *ir.Exit:
			return s.Kind == ir.Return || !inside[s.Target]
		}
		return false
	}
	return stmt(s)
}

func stepIf(cond slot, then, els block, escape bool, yes, no, out int) step {
	return func(f *frame) {
		cur := f.cur
		y, n := &f.masks[yes], &f.masks[no]
		f.split(cur, cond, y, n)
		if n.n == 0 { // all lanes agree
			then.run(f)
			return
		}
		if y.n == 0 {
			els.run(f)
			return
		}
		f.cur = y
		then.run(f)
		afterThen := f.cur
		f.cur = n
		els.run(f)
		if !escape {
			f.cur = cur
			return
		}
		o := &f.masks[out]
		for w := range o.bits {
			o.bits[w] = afterThen.bits[w] | f.cur.bits[w]
		}
		o.seal()
		f.cur = o
	}
}

// loopMasks are the masks a loop owns.
type loopMasks struct {
	stay  int // lanes that go on after the test, and after continues joined
	done  int // lanes that left by the test or by Break
	again int // lanes that wait at Step, by Continue; -1: there is no Continue
	out   int
}

func stepLoop(head block, cond slot, body, next block, escape bool, m loopMasks) step {
	return func(f *frame) {
		entry := f.cur
		done, stay := &f.masks[m.done], &f.masks[m.stay]
		done.clear()
		for {
			head.run(f)
			if f.cur.n == 0 {
				break
			}
			if cond != noSlot {
				cur := f.cur
				c := view[uint8](f, cond)
				changed := false
				for w, b := range cur.bits {
					if b == 0 {
						continue
					}
					if k := packBools(c[w*64:]); b&^k != 0 {
						done.bits[w] |= b &^ k
						changed = true
					}
				}
				if changed {
					f.split(cur, cond, stay, nil)
					f.cur = stay
					if stay.n == 0 {
						break
					}
				}
			}
			if m.again >= 0 {
				again := &f.masks[m.again]
				again.clear()
				body.run(f)
				again.add(f.cur)
				again.seal()
				if again.n != f.cur.n {
					copy(stay.bits, again.bits)
					stay.seal()
					f.cur = stay
				}
			} else {
				body.run(f)
			}
			if f.cur.n == 0 {
				break
			}
			next.run(f)
			if f.cur.n == 0 {
				break
			}
			if f.stop.Load() {
				f.cur = &f.none
				return
			}
		}
		if f.stop.Load() {
			f.cur = &f.none
			return
		}
		if !escape {
			f.cur = entry
			return
		}
		out := &f.masks[m.out]
		copy(out.bits, done.bits)
		out.seal()
		f.cur = out
	}
}

func stepScope(body block, escape bool, left, out int) step {
	return func(f *frame) {
		entry := f.cur
		parked := &f.masks[left]
		parked.clear()
		body.run(f)
		if f.stop.Load() {
			f.cur = &f.none
			return
		}
		if !escape {
			f.cur = entry
			return
		}
		o := &f.masks[out]
		for w := range o.bits {
			o.bits[w] = parked.bits[w] | f.cur.bits[w]
		}
		o.seal()
		f.cur = o
	}
}

// stepExit parks the active lanes in the mask where target takes them up
// again.
func stepExit(park int) step {
	return func(f *frame) {
		f.masks[park].add(f.cur)
		f.cur = &f.none
	}
}

func stepReturn() step {
	return func(f *frame) { f.cur = &f.none }
}
