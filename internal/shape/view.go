// This file implements the views of a View: everything that changes only
// dimensions, strides and offset, and moves no element.

package shape

import (
	"errors"
	"fmt"
	"slices"
)

// A Range selects the elements Start, Start+Step, … before Stop, with NumPy's
// rules: negative positions count from the end, positions outside are moved to
// the nearest end, Step 0 means 1.
type Range struct{ Start, Stop, Step int }

// resolve returns the first position, the step and the number of positions
// that r selects on an axis of length n.
func (r Range) resolve(n int) (start, step, count int) {
	step = r.Step
	if step == 0 {
		step = 1
	}
	lo, hi := 0, n // where positions are moved to
	if step < 0 {
		lo, hi = -1, n-1
	}
	clamp := func(p int) int {
		if p < 0 {
			p += n
			return max(p, lo)
		}
		return min(p, hi)
	}
	start, stop := clamp(r.Start), clamp(r.Stop)
	switch {
	case step > 0 && start < stop:
		count = (stop-start-1)/step + 1
	case step < 0 && start > stop:
		// Unsigned, as -step overflows for the smallest int.
		count = int(uint(start-stop-1)/-uint(step)) + 1
	}
	return start, step, count
}

// Slice returns the View of ranges[i] of axis i. Axes beyond the ranges are
// kept whole.
func (v View) Slice(ranges []Range) (View, error) {
	if len(ranges) > len(v.Dims) {
		return View{}, fmt.Errorf("%d ranges for an array of %d dimensions", len(ranges), len(v.Dims))
	}
	w := v.clone()
	for i, r := range ranges {
		start, step, count := r.resolve(v.Dims[i])
		w.Dims[i] = count
		if count > 0 {
			w.Offset += start * v.Strides[i]
		}
		if count > 1 {
			w.Strides[i] *= step
		}
	}
	return w, nil
}

// At returns the View of one position on each of the first len(index) axes,
// without these axes. Negative positions count from the end.
func (v View) At(index []int) (View, error) {
	if len(index) > len(v.Dims) {
		return View{}, fmt.Errorf("%d positions for an array of %d dimensions", len(index), len(v.Dims))
	}
	w := v.clone()
	for i, p := range index {
		n := v.Dims[i]
		if p < -n || p >= n {
			return View{}, fmt.Errorf("position %d is out of range for axis %d of length %d", p, i, n)
		}
		if p < 0 {
			p += n
		}
		w.Offset += p * v.Strides[i]
	}
	w.Dims, w.Strides = w.Dims[len(index):], w.Strides[len(index):]
	return w, nil
}

// Transpose returns the View whose axis i is axis axes[i] of v. No axes at all
// means all in reverse order.
func (v View) Transpose(axes []int) (View, error) {
	n := len(v.Dims)
	if len(axes) == 0 {
		axes = make([]int, n)
		for i := range axes {
			axes[i] = n - 1 - i
		}
	}
	if len(axes) != n {
		return View{}, fmt.Errorf("%d axes %v for an array of %d dimensions", len(axes), axes, n)
	}
	w := View{Dims: make([]int, n), Strides: make([]int, n), Offset: v.Offset}
	seen := make([]bool, n)
	for i, a := range axes {
		a, err := Axis(a, n)
		if err != nil {
			return View{}, err
		}
		if seen[a] {
			return View{}, fmt.Errorf("axis %d occurs twice in %v", a, axes)
		}
		seen[a] = true
		w.Dims[i], w.Strides[i] = v.Dims[a], v.Strides[a]
	}
	return w, nil
}

// Axis returns axis, counted from the end if negative, of an array of n
// dimensions.
func Axis(axis, n int) (int, error) {
	a := axis
	if a < 0 {
		a += n
	}
	if a < 0 || a >= n {
		return 0, fmt.Errorf("axis %d is out of range for an array of %d dimensions", axis, n)
	}
	return a, nil
}

// Broadcast returns v repeated to dims by NumPy's rules: axes are matched from
// the last, those of length 1 and missing ones are repeated.
func (v View) Broadcast(dims []int) (View, error) {
	if _, err := Size(dims); err != nil {
		return View{}, err
	}
	lead := len(dims) - len(v.Dims)
	if lead < 0 {
		return View{}, fmt.Errorf("shape %s does not broadcast to %s, which has fewer dimensions", Format(v.Dims), Format(dims))
	}
	w := View{Dims: slices.Clone(dims), Strides: make([]int, len(dims)), Offset: v.Offset}
	for i, d := range v.Dims {
		switch {
		case d == dims[lead+i]:
			w.Strides[lead+i] = v.Strides[i]
		case d != 1:
			return View{}, fmt.Errorf("shape %s does not broadcast to %s", Format(v.Dims), Format(dims))
		}
	}
	return w, nil
}

// Join returns the shape to which all of the shapes broadcast.
func Join(shapes ...[]int) ([]int, error) {
	var out []int
	for _, s := range shapes {
		if d := len(s) - len(out); d > 0 {
			ones := make([]int, d, len(s))
			for i := range ones {
				ones[i] = 1
			}
			out = append(ones, out...)
		}
		lead := len(out) - len(s)
		for i, d := range s {
			switch o := &out[lead+i]; {
			case *o == d || d == 1:
			case *o == 1:
				*o = d
			default:
				return nil, errors.New("shapes do not broadcast")
			}
		}
	}
	_, err := Size(out)
	return out, err
}

// ExpandDims returns v with an axis of length 1 put in, so that it becomes
// axis number axis of the result.
func (v View) ExpandDims(axis int) (View, error) {
	a, err := Axis(axis, len(v.Dims)+1)
	if err != nil {
		return View{}, err
	}
	return View{
		Dims:    slices.Insert(slices.Clone(v.Dims), a, 1),
		Strides: slices.Insert(slices.Clone(v.Strides), a, 1),
		Offset:  v.Offset,
	}, nil
}

// Squeeze returns v without the given axes, which must have length 1; without
// any axis of length 1 if none is given.
func (v View) Squeeze(axes []int) (View, error) {
	drop := make([]bool, len(v.Dims))
	for i, d := range v.Dims {
		drop[i] = len(axes) == 0 && d == 1
	}
	for _, axis := range axes {
		a, err := Axis(axis, len(v.Dims))
		if err != nil {
			return View{}, err
		}
		if v.Dims[a] != 1 {
			return View{}, fmt.Errorf("axis %d has length %d, not 1", axis, v.Dims[a])
		}
		drop[a] = true
	}
	w := View{Offset: v.Offset, Dims: []int{}, Strides: []int{}}
	for i, d := range v.Dims {
		if !drop[i] {
			w.Dims = append(w.Dims, d)
			w.Strides = append(w.Strides, v.Strides[i])
		}
	}
	return w, nil
}

// Infer returns dims with its single -1, if there is one, replaced by the
// length that makes the shape hold size elements. It fails if no length does,
// or if dims holds another number of elements.
func Infer(dims []int, size int) ([]int, error) {
	out := slices.Clone(dims)
	if out == nil {
		out = []int{}
	}
	hole := slices.Index(out, -1)
	if hole >= 0 {
		out[hole] = 1
		if slices.Contains(out, -1) {
			return nil, fmt.Errorf("more than one -1 in shape %s", Format(dims))
		}
	}
	n, err := Size(out)
	if err != nil {
		return nil, err
	}
	if hole >= 0 && n > 0 && size%n == 0 {
		out[hole] = size / n
		return out, nil
	}
	if n != size || hole >= 0 {
		return nil, fmt.Errorf("%d elements do not fill shape %s", size, Format(dims))
	}
	return out, nil
}

// Reshape returns the View of the same elements, in row-major order, with
// dimensions dims, which must hold as many. It reports false if no strides
// describe that, so that the elements must be copied first.
func (v View) Reshape(dims []int) (View, bool) {
	if v.Contiguous() {
		return View{Dims: slices.Clone(dims), Strides: Strides(dims), Offset: v.Offset}, true
	}
	// Both shapes are cut into the shortest groups of axes with the same
	// number of elements; each group of old axes must be evenly spaced.
	old, oldStrides := v.dense()
	w := View{Dims: slices.Clone(dims), Strides: make([]int, len(dims)), Offset: v.Offset}
	i, j := 0, 0
	for i < len(old) {
		i0, j0 := i, j
		a := old[i]
		i++
		b := 1
		for a != b || j == j0 {
			if a < b {
				a *= old[i]
				i++
			} else {
				b *= dims[j]
				j++
			}
		}
		for k := i0; k < i-1; k++ {
			if oldStrides[k] != old[k+1]*oldStrides[k+1] {
				return View{}, false
			}
		}
		s := oldStrides[i-1]
		for k := j - 1; k >= j0; k-- {
			w.Strides[k] = s
			s *= dims[k]
		}
	}
	for ; j < len(dims); j++ {
		w.Strides[j] = 1 // axes of length 1 that are left over
	}
	return w, true
}

// dense returns the dimensions and strides of the axes longer than 1.
func (v View) dense() (dims, strides []int) {
	for i, d := range v.Dims {
		if d != 1 {
			dims = append(dims, d)
			strides = append(strides, v.Strides[i])
		}
	}
	return dims, strides
}

func (v View) clone() View {
	return View{Dims: slices.Clone(v.Dims), Strides: slices.Clone(v.Strides), Offset: v.Offset}
}
