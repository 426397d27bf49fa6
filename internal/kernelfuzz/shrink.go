package kernelfuzz

// This file implements making a case smaller while something stays true of it,
// such as that two devices differ.

import (
	"context"
	"strconv"
)

// A shrinker holds the smallest case so far.
type shrinker struct {
	ctx  context.Context
	c    Case
	keep func(Case) bool
	text map[string]bool // looked at
}

// Shrink returns a case as small as it can find until ctx is done, of which
// keep is true; it is true of c. keep has to refuse what is no valid kernel:
// what Shrink takes out may be needed. Cases that were read from files keep
// their text, and lose launches and threads only.
func Shrink(ctx context.Context, c Case, keep func(Case) bool) Case {
	s := &shrinker{ctx: ctx, c: c, keep: keep, text: map[string]bool{}}
	s.launches()
	if c.tree != nil {
		for again := true; again && ctx.Err() == nil; {
			again = false
			for _, pass := range []func(*node) bool{s.remove, s.unwrap, s.simplify} {
				again = s.walk(s.c.tree.body, pass) || again
				again = s.walk(s.c.tree.header, pass) || again
			}
		}
	}
	s.launches()
	s.parameters()
	return s.c
}

// try keeps a change of the case if that is possible.
func (s *shrinker) try(c Case) bool {
	if s.ctx.Err() != nil {
		return false
	}
	text := c.String()
	if s.text[text] {
		return false
	}
	s.text[text] = true
	if !s.keep(c) {
		return false
	}
	s.c = c
	return true
}

// tryText is try for a change that was made in the tree.
func (s *shrinker) tryText() bool {
	c := s.c
	c.Header, c.Body = c.tree.text()
	return s.try(c)
}

// walk calls pass for a node and then for those in it.
func (s *shrinker) walk(n *node, pass func(*node) bool) bool {
	done := pass(n)
	for i := 0; i < len(n.kids) && s.ctx.Err() == nil; i++ {
		done = s.walk(n.kids[i], pass) || done
	}
	return done
}

// remove takes statements out of a block: many at once, then single ones.
func (s *shrinker) remove(n *node) bool {
	if n.kind != block {
		return false
	}
	done := false
	for size := len(n.kids); size > 0; size /= 2 {
		for at := len(n.kids) - size; at >= 0; at-- {
			if at+size > len(n.kids) {
				continue
			}
			old := n.kids
			n.kids = append(append([]*node(nil), old[:at]...), old[at+size:]...)
			if s.tryText() {
				done = true
				continue
			}
			n.kids = old
		}
	}
	return done
}

// unwrap puts what a statement's blocks hold in its place.
func (s *shrinker) unwrap(n *node) bool {
	if n.kind != block {
		return false
	}
	done := false
	for i := 0; i < len(n.kids); i++ {
		for _, k := range n.kids[i].kids {
			if k.kind != block || len(k.kids) == 0 {
				continue
			}
			old := n.kids
			n.kids = append(append(append([]*node(nil), old[:i]...), k.kids...), old[i+1:]...)
			if s.tryText() {
				done = true
				break
			}
			n.kids = old
		}
	}
	return done
}

// simplify puts a literal, or an expression of the same type that is part of
// it, in place of an expression.
func (s *shrinker) simplify(n *node) bool {
	if n.kind != expression || n.typ == "" || len(n.kids) == 0 {
		return false
	}
	old := *n
	candidates := []*node{expr(n.typ, plainLiteral(n.typ, false)), expr(n.typ, plainLiteral(n.typ, true))}
	var inner func(k *node)
	inner = func(k *node) {
		if k.kind == expression && k.typ == old.typ {
			candidates = append(candidates, k)
		}
		for _, kk := range k.kids {
			inner(kk)
		}
	}
	for _, k := range n.kids {
		inner(k)
	}
	for _, k := range candidates {
		*n = *k
		if s.tryText() {
			return true
		}
	}
	*n = old
	return false
}

// launches leaves one launch, with few threads.
func (s *shrinker) launches() {
	for i := range s.c.Launches {
		if len(s.c.Launches) == 1 {
			break
		}
		c := s.c
		c.Launches = []Launch{c.Launches[i]}
		if s.try(c) {
			break
		}
	}
	for again := true; again; {
		again = false
		for i := range s.c.Launches {
			for d := range 3 {
				for _, less := range []func(int) int{func(n int) int { return 1 }, func(n int) int { return n / 2 }, func(n int) int { return n - 1 }} {
					l := s.c.Launches[i]
					if n := less(l.Grid[d]); n >= 1 && n < l.Grid[d] {
						l.Grid[d] = n
						l.Group[d] = min(l.Group[d], n)
						again = s.tryLaunch(i, l) || again
					}
					l = s.c.Launches[i]
					if n := less(l.Group[d]); n >= 1 && n < l.Group[d] {
						l.Group[d] = n
						again = s.tryLaunch(i, l) || again
					}
				}
			}
		}
	}
}

func (s *shrinker) tryLaunch(i int, l Launch) bool {
	c := s.c
	c.Launches = append([]Launch(nil), c.Launches...)
	c.Launches[i] = l
	return s.try(c)
}

// parameters leaves out arrays and template arguments that the text does not
// mention, as far as the case stays what it is.
func (s *shrinker) parameters() {
	for i := len(s.c.Inputs) - 1; i >= 0; i-- {
		c := s.c
		c.Inputs = append(append([]Input(nil), c.Inputs[:i]...), c.Inputs[i+1:]...)
		s.try(c)
	}
	for i := len(s.c.Outputs) - 1; i >= 0 && len(s.c.Outputs) > 1; i-- {
		c := s.c
		c.Outputs = append(append([]Output(nil), c.Outputs[:i]...), c.Outputs[i+1:]...)
		s.try(c)
	}
	for i := len(s.c.Template) - 1; i >= 0; i-- {
		c := s.c
		c.Template = append(append(c.Template[:0:0], c.Template[:i]...), c.Template[i+1:]...)
		s.try(c)
	}
}

// FileName is a name for a file with the case.
func (c *Case) FileName() string {
	h := uint64(14695981039346656037)
	for _, b := range []byte(c.Body + c.Header) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return c.Name + "-" + strconv.FormatUint(h>>40, 16) + ".case"
}
