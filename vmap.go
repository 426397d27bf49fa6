// This file implements Vmap: a function of arrays applied to all positions of
// a leading axis at once.

package zmlx

import (
	"fmt"
	"slices"
)

// NotMapped marks an argument of Vmap that all calls share.
const NotMapped = -1

// Vmap returns a function that maps f over the first axis of its arguments.
// axes, if given, says for each argument 0, or NotMapped for one that is used
// whole by every call. All results have the mapped axis first. f is called once,
// on the first position; what it does with values that it computes on the way
// (Values, Item) is not repeated for the others.
func Vmap(f Func, axes ...int) Func {
	return func(args ...*Array) []*Array {
		fail := func(reason string) []*Array {
			return []*Array{failed(&TransformError{Op: "vmap", Reason: reason, Caller: caller()})}
		}
		if f == nil {
			return fail(errNilFunc)
		}
		if err := firstError(args...); err != nil {
			return []*Array{failed(err)}
		}
		if len(axes) > 0 && len(axes) != len(args) {
			return fail(fmt.Sprintf("%d axes for %d arguments", len(axes), len(args)))
		}
		mapped := make([]bool, len(args))
		size := -1
		first := make([]*Array, len(args))
		for i, a := range args {
			first[i] = a
			if len(axes) > 0 && axes[i] == NotMapped {
				continue
			}
			if len(axes) > 0 && axes[i] != 0 {
				return fail("only the first axis can be mapped: transpose the argument")
			}
			if a.NDim() == 0 {
				return fail(fmt.Sprintf("argument %d has no axis to map over", i))
			}
			if size >= 0 && a.Dim(0) != size {
				return fail(fmt.Sprintf("argument %d has %d positions, and others %d", i, a.Dim(0), size))
			}
			mapped[i], size = true, a.Dim(0)
			if size > 0 {
				first[i] = a.At(0)
			}
		}
		if size < 0 {
			return fail("no argument is mapped")
		}
		if size == 0 {
			return fail("the mapped axis is empty, so that the results' shapes cannot be told")
		}
		s := &session{open: true}
		leaves := s.follow(first)
		outs := f(leaves...)
		results, err := replay(outs, leaves, args, mapped, size)
		if err != nil {
			s.release()
			return failures(err, max(len(outs), 1))
		}
		s.release(results)
		return results
	}
}

// replay does the recorded operations again with mapped arguments.
func replay(outs, leaves, args []*Array, mapped []bool, size int) ([]*Array, error) {
	type value struct {
		a      *Array
		mapped bool
	}
	known := map[*Array]value{}
	for i, l := range leaves {
		known[l] = value{args[i], mapped[i]}
	}
	for _, r := range history(outs, leaves) {
		in := make([]*Array, len(r.in))
		isMapped := make([]bool, len(r.in))
		for k, a := range r.in {
			in[k] = a
			if v, ok := known[a]; ok {
				in[k], isMapped[k] = v.a, v.mapped
			}
		}
		if !slices.Contains(isMapped, true) {
			continue
		}
		res, err := r.prim.vmap(in, isMapped, size)
		if err != nil {
			return nil, err
		}
		for k, o := range r.out {
			known[o] = value{res[k], true}
		}
	}
	results := make([]*Array, len(outs))
	for i, o := range outs {
		v, ok := known[o]
		switch {
		case ok && v.mapped:
			results[i] = v.a
		default: // the same for every position
			if ok {
				o = v.a
			}
			results[i] = o.ExpandDims(0).Broadcast(append([]int{size}, o.Shape()...)...)
		}
	}
	return results, firstErrorOf(results)
}

// mapByRows maps a function one position after the other: for operations that
// know nothing of more axes.
func mapByRows(f Func, in []*Array, mapped []bool, size int) ([]*Array, error) {
	var parts [][]*Array
	for i := range size {
		args := make([]*Array, len(in))
		for k, a := range in {
			args[k] = a
			if mapped[k] {
				args[k] = a.At(i)
			}
		}
		outs := f(args...)
		if err := firstErrorOf(outs); err != nil {
			return nil, err
		}
		for k, o := range outs {
			if i == 0 {
				parts = append(parts, nil)
			}
			parts[k] = append(parts[k], o)
		}
	}
	results := make([]*Array, len(parts))
	for k, p := range parts {
		results[k] = Stack(0, p...)
	}
	return results, nil
}
