package check

// This file implements lvalues: what can be assigned to, where it lives, and
// what must have an address.

import "github.com/zmlx-go/zmlx/internal/source"

// A place describes an lvalue.
type place struct {
	ok       bool
	readOnly bool
	space    Space // NoSpace: not known
	root     *Var  // the variable it is part of, if it is not behind a pointer
}

// lvalue describes e as an lvalue; ok is false if it is a mere value.
func (c *checker) lvalue(e Expr) place {
	switch e := e.(type) {
	case *VarRef:
		return place{true, e.V.ReadOnly, e.V.Space, e.V}
	case *FieldSel:
		return c.lvalue(e.X)
	case *Swizzle:
		p := c.lvalue(e.X)
		for i, a := range e.Comps {
			for _, b := range e.Comps[:i] {
				p.ok = p.ok && a != b // v.xx names one element twice
			}
		}
		return p
	case *Index:
		if t := e.X.Type(); t.Kind == Pointer {
			return place{true, t.Const, t.Space, nil}
		}
		return c.lvalue(e.X)
	case *Deref:
		t := e.X.Type()
		return place{true, t.Const, t.Space, nil}
	case *Assign:
		return c.lvalue(e.X)
	case *AssignOp:
		return c.lvalue(e.X)
	case *IncDec:
		if !e.Post {
			return c.lvalue(e.X)
		}
	case *Cond:
		x, y := c.lvalue(e.X), c.lvalue(e.Y)
		if x.space != y.space {
			x.ok = false
		}
		return place{x.ok && y.ok && Identical(e.X.Type(), e.Y.Type()), x.readOnly || y.readOnly, x.space, nil}
	case *Call:
		q := c.results[e.Fn]
		return place{ok: e.Fn.RetRef, readOnly: q.readOnly, space: q.space}
	case *Builtin:
		if e.Name == "thread_elements" {
			return c.lvalue(e.Args[0])
		}
	}
	return place{}
}

// address makes the variables behind an lvalue live in memory.
func (c *checker) address(e Expr) {
	c.behind(e, func(v *Var) { v.Addressed = true })
}

// behind calls mark with the variables that an lvalue can be part of, and with
// those that references to them stand for.
func (c *checker) behind(e Expr, mark func(*Var)) {
	switch e := e.(type) {
	case *VarRef:
		mark(e.V)
		if of := c.refs[e.V]; of != nil {
			c.behind(of, mark)
		}
	case *FieldSel:
		c.behind(e.X, mark)
	case *Swizzle:
		c.behind(e.X, mark)
	case *Index:
		if e.X.Type().Kind != Pointer {
			c.behind(e.X, mark)
		}
	case *Assign:
		c.behind(e.X, mark)
	case *AssignOp:
		c.behind(e.X, mark)
	case *IncDec:
		c.behind(e.X, mark)
	case *Cond:
		c.behind(e.X, mark)
		c.behind(e.Y, mark)
	case *Call:
		if e.This != nil {
			c.behind(e.This, mark)
		}
		for i, a := range e.Args {
			if e.Fn.Params[i].Kind == RefVar {
				c.behind(a, mark)
			}
		}
	case *Builtin:
		if e.Name == "thread_elements" {
			c.behind(e.Args[0], mark)
		}
	}
}

// assigned checks that e can be assigned to and marks its variable.
func (c *checker) assigned(e Expr, span source.Span) bool {
	if e.Type().Kind == Invalid {
		return false
	}
	p := c.lvalue(e)
	switch {
	case !p.ok:
		d := c.errs.Errorf(span, NotAssignable, "this value cannot be assigned to")
		if s, ok := e.(*Swizzle); ok && len(s.Comps) > 1 {
			d.Hint = "a swizzle that names an element twice can only be read"
		} else if t := e.Type(); t.Kind == Pointer {
			d.Hint = "to write what the pointer points to, index it: p[i] = …"
		}
		return false
	case p.readOnly:
		d := c.errs.Errorf(span, AssignToConst, "%s is const", c.describe(e, p))
		if p.root != nil && p.root.Kind == ScalarVar || p.root == nil && p.space != Thread {
			d.Hint = "inputs are read only: write to an output, or copy the value to a variable"
		} else if p.root != nil && p.root.Span.Valid() {
			d.Notes = append(d.Notes, source.Note{Span: p.root.Span, Msg: "declared const here"})
		}
		return false
	case e.Type().Kind == Array:
		c.errs.Errorf(span, NotAssignable, "an array cannot be assigned to as a whole").Hint = "assign its elements in a loop"
		return false
	case e.Type().Kind == Atomic:
		c.errs.Errorf(span, AtomicAccess, "an atomic cannot be written like a plain variable").Hint = "use atomic_store_explicit(&x, v, memory_order_relaxed) or atomic_fetch_add_explicit"
		return false
	}
	c.markAssigned(e)
	c.refAddress(e)
	return true
}

// markAssigned marks the variables that an assignment to e can change.
func (c *checker) markAssigned(e Expr) {
	c.behind(e, func(v *Var) { v.Assigned = true })
}

// inVector reports whether an lvalue is part of a vector: Metal has neither
// pointers nor references to those.
func inVector(e Expr) bool {
	switch e := e.(type) {
	case *Swizzle:
		return true
	case *Index:
		return e.X.Type().Kind == Vector
	case *Assign:
		return inVector(e.X)
	case *AssignOp:
		return inVector(e.X)
	case *IncDec:
		return inVector(e.X)
	case *Cond:
		return inVector(e.X) || inVector(e.Y)
	}
	return false
}

// describe names an lvalue for a message.
func (c *checker) describe(e Expr, p place) string {
	for {
		switch x := e.(type) {
		case *VarRef:
			return x.V.Name
		case *FieldSel:
			e = x.X
		case *Swizzle:
			e = x.X
		case *Index:
			e = x.X
		case *Deref:
			e = x.X
		case *PtrAdd:
			e = x.P
		case *Convert:
			e = x.X
		default:
			return "this " + p.space.String() + " memory"
		}
	}
}
