// This file implements the record of how arrays were made, which transforms
// such as Grad walk: each array that descends from one being differentiated
// knows the operation and the arrays it came from.

package zmlx

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"
)

// A primitive is an operation on arrays as transforms see it. Its results are
// made of arrays again, so that they can be transformed in turn.
type primitive interface {
	name() string

	// vjp returns the cotangents of the inputs that want selects, nil for
	// zero, given those of the outputs, of which at least one is not nil.
	vjp(in, out, ct []*Array, want []bool) ([]*Array, error)

	// jvp returns the outputs' tangents, nil for zero, given those of the
	// inputs, of which at least one is not nil.
	jvp(in, out, tan []*Array) ([]*Array, error)

	// vmap does the operation on inputs of which some have one more axis, the
	// first, that is to be mapped over. So have all results.
	vmap(in []*Array, mapped []bool, size int) ([]*Array, error)
}

// A record says how arrays were made.
type record struct {
	id   uint64 // records are numbered in the order they were made
	prim primitive
	in   []*Array
	out  []*Array
}

var recordCount atomic.Uint64

// traced reports whether a descends from an array that a transform follows.
func (a *Array) traced() bool { return a.rec != nil }

// recorded notes that outs were made from ins, if a transform follows one of
// these, and returns outs.
func recorded(p primitive, ins, outs []*Array) []*Array {
	if slices.ContainsFunc(ins, (*Array).traced) {
		r := &record{id: recordCount.Add(1), prim: p, in: slices.Clone(ins), out: outs}
		for _, o := range outs {
			if o.err == nil {
				o.rec = r
			}
		}
	}
	return outs
}

// recorded1 is recorded for one result.
func recorded1(p primitive, out *Array, ins ...*Array) *Array {
	for _, in := range ins {
		if in.rec != nil {
			return recorded(p, ins, []*Array{out})[0]
		}
	}
	return out
}

// A session is one running transform.
type session struct{ open bool }

// leaf is the identity that a transform puts between an argument and the
// function it follows.
type leaf struct{ *session }

func (leaf) name() string { return "argument" }
func (leaf) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	return ct, nil
}
func (leaf) jvp(in, out, tan []*Array) ([]*Array, error) { return tan, nil }
func (leaf) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	return in, nil
}

// follow returns arrays equal to args that a transform can recognise.
func (s *session) follow(args []*Array) []*Array {
	out := make([]*Array, len(args))
	for i, a := range args {
		notNil(a != nil, "*Array")
		b := *a
		if b.err == nil {
			b.rec = &record{id: recordCount.Add(1), prim: leaf{s}, in: []*Array{a}, out: []*Array{&b}}
		}
		out[i] = &b
	}
	return out
}

// history returns the records that lead from leaves to outs, oldest first.
func history(outs, leaves []*Array) []*record {
	stop := map[*record]bool{}
	for _, l := range leaves {
		if l.rec != nil {
			stop[l.rec] = true
		}
	}
	all := ancestors(outs, stop)
	leads := map[*record]bool{}
	kept := all[:0]
	for _, r := range all {
		switch {
		case stop[r]:
			leads[r] = true
		case slices.ContainsFunc(r.in, func(a *Array) bool { return a.rec != nil && leads[a.rec] }):
			leads[r] = true
			kept = append(kept, r)
		}
	}
	return kept
}

// release ends a session: results that no transform still running follows
// forget how they were made.
func (s *session) release(results ...[]*Array) {
	s.open = false
	followed := followed(slices.Concat(results...))
	for _, rs := range results {
		for i, a := range rs {
			if a != nil && a.rec != nil && !followed[a.rec] {
				b := *a
				b.rec = nil
				rs[i] = &b
			}
		}
	}
}

// followed returns the records behind arrays that lead to a leaf of a running
// transform.
func followed(arrays []*Array) map[*record]bool {
	all := ancestors(arrays, nil)
	leads := map[*record]bool{}
	for _, r := range all {
		l, ok := r.prim.(leaf)
		if ok && l.open || slices.ContainsFunc(r.in, func(a *Array) bool { return a.rec != nil && leads[a.rec] }) {
			leads[r] = true
		}
	}
	return leads
}

// ancestors returns the records behind arrays, oldest first, but not those
// behind the records in stop.
func ancestors(arrays []*Array, stop map[*record]bool) []*record {
	seen := map[*record]bool{}
	var all, stack []*record
	push := func(a *Array) {
		if a != nil && a.rec != nil && !seen[a.rec] {
			seen[a.rec] = true
			stack = append(stack, a.rec)
		}
	}
	for _, a := range arrays {
		push(a)
	}
	for len(stack) > 0 {
		r := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		all = append(all, r)
		if !stop[r] {
			for _, a := range r.in {
				push(a)
			}
		}
	}
	slices.SortFunc(all, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
	return all
}

// pull carries cotangents of outs back to leaves. A result is nil where a leaf
// has no part in outs.
func pull(outs, cts, leaves []*Array) ([]*Array, error) {
	sums := map[*Array]*Array{}
	add := func(a, ct *Array) {
		if old := sums[a]; old != nil {
			ct = old.Add(ct)
		}
		sums[a] = ct
	}
	for i, o := range outs {
		if cts[i] != nil {
			add(o, cts[i])
		}
	}
	hist := history(outs, leaves)
	leads := map[*Array]bool{}
	for _, l := range leaves {
		leads[l] = true
	}
	for _, r := range hist {
		for _, o := range r.out {
			leads[o] = true
		}
	}
	for i := len(hist) - 1; i >= 0; i-- {
		r := hist[i]
		ct := make([]*Array, len(r.out))
		some := false
		for k, o := range r.out {
			ct[k] = sums[o]
			some = some || ct[k] != nil
			delete(sums, o)
		}
		if !some {
			continue
		}
		want := make([]bool, len(r.in))
		for k, in := range r.in {
			want[k] = leads[in] && in.DType().IsFloat()
		}
		if !slices.Contains(want, true) {
			continue
		}
		grads, err := r.prim.vjp(r.in, r.out, ct, want)
		if err != nil {
			return nil, err
		}
		for k, g := range grads {
			if g == nil || !want[k] {
				continue
			}
			if g.Err() == nil && !slices.Equal(g.Shape(), r.in[k].Shape()) {
				return nil, fmt.Errorf("internal error: cotangent of %s has shape %v, not %v", r.prim.name(), g.Shape(), r.in[k].Shape())
			}
			if g.DType() != r.in[k].DType() {
				g = g.As(r.in[k].DType())
			}
			add(r.in[k], g)
		}
	}
	result := make([]*Array, len(leaves))
	for i, l := range leaves {
		result[i] = sums[l]
	}
	return result, nil
}

// push carries tangents of leaves forward to outs. A result is nil where no
// leaf has a part in an out.
func push(outs, leaves, tangents []*Array) ([]*Array, error) {
	known := map[*Array]*Array{}
	for i, l := range leaves {
		if tangents[i] != nil && l.DType().IsFloat() {
			known[l] = tangents[i]
		}
	}
	for _, r := range history(outs, leaves) {
		tan := make([]*Array, len(r.in))
		some := false
		for k, in := range r.in {
			tan[k] = known[in]
			some = some || tan[k] != nil
		}
		if !some {
			continue
		}
		ts, err := r.prim.jvp(r.in, r.out, tan)
		if err != nil {
			return nil, err
		}
		for k, t := range ts {
			if t != nil {
				known[r.out[k]] = t
			}
		}
	}
	result := make([]*Array, len(outs))
	for i, o := range outs {
		result[i] = known[o]
	}
	return result, nil
}
