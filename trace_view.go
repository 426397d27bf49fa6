// This file implements views, casts, copies and joins as transforms see them.

package zmlx

import (
	"context"
	"slices"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A linear is an operation on one array that is linear in it, with one result.
type linear struct {
	op      string
	apply   func(a *Array) *Array           // the operation; also what it does with tangents
	back    func(in, ct *Array) *Array      // its transpose
	batched func(a *Array, size int) *Array // the operation under one more first axis
}

func (l linear) name() string { return l.op }

func (l linear) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	return []*Array{l.back(in[0], ct[0])}, nil
}

func (l linear) jvp(in, out, tan []*Array) ([]*Array, error) {
	return []*Array{l.apply(tan[0])}, nil
}

func (l linear) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	return []*Array{l.batched(in[0], size)}, nil
}

// reshaped records an operation that only changes the shape to dims.
func (a *Array) reshaped(op string, out *Array) *Array {
	if a.rec == nil || out.err != nil || out.rec != nil {
		return out
	}
	dims := out.Shape()
	return recorded1(linear{op,
		func(t *Array) *Array { return t.Reshape(dims...) },
		func(in, ct *Array) *Array { return ct.Reshape(in.Shape()...) },
		func(b *Array, n int) *Array { return b.Reshape(append([]int{n}, dims...)...) },
	}, out, a)
}

func (a *Array) transposed(out *Array, axes []int) *Array {
	if a.rec == nil || out.err != nil {
		return out
	}
	n := a.NDim()
	perm := make([]int, n)
	inverse := make([]int, n)
	batched := make([]int, n+1)
	for i := range perm {
		perm[i] = n - 1 - i
		if len(axes) > 0 {
			perm[i] = (axes[i] + n) % n
		}
		inverse[perm[i]] = i
		batched[i+1] = perm[i] + 1
	}
	return recorded1(linear{"transpose",
		func(t *Array) *Array { return t.Transpose(perm...) },
		func(in, ct *Array) *Array { return ct.Transpose(inverse...) },
		func(b *Array, n int) *Array { return b.Transpose(batched...) },
	}, out, a)
}

func (a *Array) sliced(out *Array, ranges []Range) *Array {
	if a.rec == nil || out.err != nil {
		return out
	}
	ranges = slices.Clone(ranges)
	return recorded1(linear{"slice",
		func(t *Array) *Array { return t.Slice(ranges...) },
		func(in, ct *Array) *Array { return put(in, ct, ranges) },
		func(b *Array, n int) *Array { return b.Slice(append([]Range{RangeAll()}, ranges...)...) },
	}, out, a)
}

// broadcasted records a repetition to dims.
func (a *Array) broadcasted(out *Array) *Array {
	if a.rec == nil || out.err != nil {
		return out
	}
	dims := out.Shape()
	rank := a.NDim()
	return recorded1(linear{"broadcast",
		func(t *Array) *Array { return t.Broadcast(dims...) },
		func(in, ct *Array) *Array { return ct.sumTo(in.Shape()) },
		func(b *Array, n int) *Array {
			return b.padAxes(rank, len(dims)).Broadcast(append([]int{n}, dims...)...)
		},
	}, out, a)
}

// padAxes gives an array with a mapped first axis and rank more axes as many
// axes of length 1 behind the first as make the rank want.
func (a *Array) padAxes(rank, want int) *Array {
	shp := a.Shape()
	padded := []int{shp[0]}
	for range want - rank {
		padded = append(padded, 1)
	}
	return a.Reshape(append(padded, shp[1:]...)...)
}

func (a *Array) converted(out *Array, d DType) *Array {
	if a.rec == nil || out.err != nil || !d.IsFloat() || !a.DType().IsFloat() {
		return out
	}
	return recorded1(linear{"as",
		func(t *Array) *Array { return t.As(d) },
		func(in, ct *Array) *Array { return ct.As(in.DType()) },
		func(b *Array, n int) *Array { return b.As(d) },
	}, out, a)
}

// copied records an operation that changes neither shape nor values.
func (a *Array) copied(op string, out *Array, again func(*Array) *Array) *Array {
	if a.rec == nil || out.err != nil || out == a {
		return out
	}
	return recorded1(linear{op, again,
		func(in, ct *Array) *Array { return ct.To(in.dev) },
		func(b *Array, n int) *Array { return again(b) },
	}, out, a)
}

// put returns zeros like in, except that the part that ranges select is v.
func put(in, v *Array, ranges []Range) *Array {
	if err := v.Err(); err != nil {
		return failed(err)
	}
	rs := make([]shape.Range, len(ranges))
	for i, r := range ranges {
		rs[i] = shape.Range(r)
	}
	dev := in.dev
	s := spec{DType: v.DType(), Dims: in.Shape()}
	out := newOp("put", dev, []*Array{v}, []spec{s}, func(ctx context.Context, views []graph.View) ([]graph.View, error) {
		dst, err := dev.graph.NewView(s)
		if err != nil {
			return nil, err
		}
		if err := dev.graph.Fill(ctx, dst, make([]byte, s.DType.Size())); err != nil {
			return nil, err
		}
		part, err := dst.View.Slice(rs)
		if err != nil {
			return nil, err
		}
		return []graph.View{dst}, dev.graph.Copy(ctx, graph.View{View: part, DType: dst.DType, Buffer: dst.Buffer}, views[0])
	})[0]
	shp := in.Shape()
	return recorded1(linear{"put",
		func(t *Array) *Array { return put(in, t, ranges) },
		func(_, ct *Array) *Array { return ct.Slice(ranges...) },
		func(b *Array, n int) *Array {
			whole := zerosOn(dev, b.DType(), append([]int{n}, shp...))
			return put(whole, b, append([]Range{RangeAll()}, ranges...))
		},
	}, out, v)
}

// A join is a concatenation.
type join struct{ axis int }

func (join) name() string { return "concatenate" }

func (j join) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	grads := make([]*Array, len(in))
	at := 0
	for i, a := range in {
		ranges := make([]Range, j.axis+1)
		for k := range ranges {
			ranges[k] = RangeAll()
		}
		ranges[j.axis] = Range{at, at + a.Dim(j.axis), 1}
		at += a.Dim(j.axis)
		if want[i] {
			grads[i] = ct[0].Slice(ranges...)
		}
	}
	return grads, nil
}

func (j join) jvp(in, out, tan []*Array) ([]*Array, error) {
	parts := slices.Clone(tan)
	zeroFill(parts, in)
	return []*Array{Concatenate(j.axis, parts...)}, nil
}

func (j join) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	return []*Array{Concatenate(j.axis+1, allMapped(in, mapped, size)...)}, nil
}

// allMapped repeats the arrays that are not mapped.
func allMapped(in []*Array, mapped []bool, size int) []*Array {
	out := make([]*Array, len(in))
	for i, a := range in {
		out[i] = a
		if !mapped[i] {
			out[i] = a.ExpandDims(0).Broadcast(append([]int{size}, a.Shape()...)...)
		}
	}
	return out
}

// sumTo sums what a broadcast from shp to the array's shape repeated.
func (a *Array) sumTo(shp []int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	have := a.Shape()
	if slices.Equal(have, shp) {
		return a
	}
	extra := len(have) - len(shp)
	var axes []int
	for i, d := range have {
		if i < extra || shp[i-extra] == 1 && d != 1 {
			axes = append(axes, i)
		}
	}
	if len(axes) > 0 {
		a = a.Sum(axes...)
	}
	return a.Reshape(shp...)
}

// tracedAt is At as a slice and a change of shape.
func (a *Array) tracedAt(index []int) *Array {
	ranges := make([]Range, len(index))
	for i, k := range index {
		if k < 0 {
			k += a.view.Dims[i]
		}
		ranges[i] = Range{k, k + 1, 1}
	}
	return a.Slice(ranges...).Reshape(a.view.Dims[len(index):]...)
}
