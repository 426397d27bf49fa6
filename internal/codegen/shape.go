package codegen

// This file implements broadcasting and the choice of layouts.

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// A planInput is an input with its place in the result.
type planInput struct {
	name    string
	dtype   dtype.DType
	dims    []int // with the row axis that a row input may leave out
	strides []int
	view    []int // the shape that the kernel gets
	layout  Layout
	row     bool
	aligned bool
	used    bool
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// format writes a shape as (2, 3).
func format(dims []int) string {
	parts := make([]string, len(dims))
	for i, d := range dims {
		parts[i] = fmt.Sprint(d)
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

// broadcast returns the shape in which a and b meet.
func broadcast(a, b []int) ([]int, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	for i, d := range b {
		j := len(a) - len(b) + i
		switch {
		case out[j] == d || d == 1:
		case out[j] == 1:
			out[j] = d
		default:
			return nil, false
		}
	}
	return out, true
}

// contiguous reports whether strides are those of row-major order. Axes of
// length 1 may have any.
func contiguous(dims, strides []int) bool {
	if strides == nil || size(dims) == 0 {
		return true
	}
	want := 1
	for i := len(dims) - 1; i >= 0; i-- {
		if dims[i] != 1 && strides[i] != want {
			return false
		}
		want *= dims[i]
	}
	return true
}

// shapes works out the broadcast shape and where each input lies in it.
func (p *plan) shapes(c Call) error {
	var full []int
	var err error
	for i, in := range c.Inputs {
		if !p.f.Inputs[i].Row {
			if full, err = p.join(full, in.Shape); err != nil {
				return err
			}
		}
	}
	shapes := make([][]int, len(c.Inputs))
	for i, in := range c.Inputs {
		shapes[i] = in.Shape
	}
	lacks := LackLastAxis(p.f, shapes)
	for i, in := range c.Inputs {
		pi := &p.inputs[i]
		*pi = planInput{
			name: p.f.Inputs[i].Name, dtype: in.DType, dims: slices.Clone(in.Shape), strides: slices.Clone(in.Strides),
			row: p.f.Inputs[i].Row, aligned: !in.Misaligned, used: pi.used,
		}
		if pi.row {
			if err := pi.restore(p.f.Name, lacks[i]); err != nil {
				return err
			}
		}
	}
	for _, in := range p.inputs {
		if in.row {
			if full, err = p.join(full, in.dims); err != nil {
				return err
			}
		}
	}
	if p.row && len(full) == 0 {
		return fmt.Errorf("%s looks along the last axis, but %s; give it an array of at least one axis", p.f.Name, p.describe(c))
	}
	total := 1.0
	for _, d := range full {
		total *= float64(max(d, 1))
	}
	if total >= 1<<60 {
		return fmt.Errorf("%s: the result has the shape %s, more elements than can be counted; %s", p.f.Name, format(full), p.describe(c))
	}
	p.shape, p.n, p.d, p.rows = full, size(full), 1, 1
	if len(full) > 0 {
		p.d, p.rows = full[len(full)-1], size(full[:len(full)-1])
	}
	for i := range p.inputs {
		p.inputs[i].place(p)
	}
	return nil
}

// describe lists the inputs for messages.
func (p *plan) describe(c Call) string {
	if len(c.Inputs) == 0 {
		return "it has no input"
	}
	parts := make([]string, len(c.Inputs))
	for i, in := range c.Inputs {
		parts[i] = p.f.Inputs[i].Name + " " + in.DType.String() + format(in.Shape)
	}
	return "its inputs are " + strings.Join(parts, ", ")
}

func (p *plan) join(full, dims []int) ([]int, error) {
	out, ok := broadcast(full, dims)
	if !ok {
		return nil, fmt.Errorf("%s: shapes do not broadcast: %s; axes are matched from the last one, and lengths that differ need one of them to be 1", p.f.Name, p.describe(p.call))
	}
	return out, nil
}

// LackLastAxis says which inputs with one value for each row lack the last
// axis, of length 1, in a call with these shapes: those that fit the rows of
// the other inputs without it. If there are no others, rows have one element,
// and those lack it whose last axis is longer.
func LackLastAxis(f *formula.Formula, shapes [][]int) []bool {
	lacks := make([]bool, len(shapes))
	var full []int
	alone := true
	for i, in := range f.Inputs {
		if in.Row {
			continue
		}
		alone = false
		var ok bool
		if full, ok = broadcast(full, shapes[i]); !ok {
			return lacks
		}
	}
	for i, in := range f.Inputs {
		n := len(shapes[i])
		switch {
		case !in.Row:
		case alone:
			lacks[i] = n == 0 || shapes[i][n-1] != 1
		case n == len(full)-1:
			lead, ok := broadcast(full[:n], shapes[i])
			lacks[i] = ok && slices.Equal(lead, full[:n])
		}
	}
	return lacks
}

// restore gives an input with one value for each row the axis of length 1 that
// it lacks.
func (in *planInput) restore(name string, lacks bool) error {
	if lacks {
		in.dims = append(in.dims, 1)
		if in.strides != nil {
			in.strides = append(in.strides, 1)
		}
		return nil
	}
	if n := len(in.dims); n > 0 && in.dims[n-1] != 1 {
		return fmt.Errorf("%s: %s has one value for each row, but its shape is %s; its last axis has to be of length 1 or missing", name, in.name, format(in.dims))
	}
	return nil
}

// place chooses the layout.
func (in *planInput) place(p *plan) {
	full := p.shape
	dims := in.dims
	for len(dims) > 0 && dims[0] == 1 {
		dims = dims[1:]
	}
	outer := full
	for len(outer) > 0 && outer[0] == 1 {
		outer = outer[1:]
	}
	dense := contiguous(in.dims, in.strides)
	last := len(full) - 1
	in.view = in.dims
	switch {
	case size(in.dims) == 1:
		in.layout, in.view, in.dims = Scalar, []int{}, []int{}
	case dense && slices.Equal(dims, outer) && !in.row:
		in.layout = Dense
	case dense && len(dims) == 1 && dims[0] == p.d && in.dims[len(in.dims)-1] == p.d:
		in.layout = LastAxis
	case dense && len(in.dims) > 0 && in.dims[len(in.dims)-1] == 1 && p.perRow(in.dims):
		in.layout = PerRow
	case in.row:
		in.layout, in.view = Strided, append(slices.Clone(full[:last]), 1)
	default:
		in.layout, in.view = Strided, full
	}
}

// perRow reports whether dims, which ends in 1, has one element for each row.
func (p *plan) perRow(dims []int) bool {
	lead, ok := broadcast(dims[:len(dims)-1], p.shape[:len(p.shape)-1])
	return ok && slices.Equal(lead, p.shape[:len(p.shape)-1]) && size(dims) == p.rows
}

// step returns the distance of neighbours in a row of a strided input, if it is
// one that texts know: 0 or 1.
func (in *planInput) step() (int, bool) {
	last := len(in.dims) - 1
	switch {
	case in.row, last < 0 || in.dims[last] == 1:
		return 0, true
	case in.strides == nil:
		return 1, true
	}
	s := in.strides[last]
	return s, s == 0 || s == 1
}

// rowsOf reports whether a strided input is rows of neighbouring elements, the
// distances of which are all the same and a multiple of vector: a slice of the
// last axis, say.
func (in *planInput) rowsOf(vector int) bool {
	last := len(in.dims) - 1
	if in.row || last < 1 || len(in.strides) != last+1 || in.strides[last] != 1 || in.dims[last] == 1 || !slices.Equal(in.dims, in.view) {
		return false
	}
	step := in.strides[last-1]
	if in.dims[last-1] == 1 || step < 0 || step%vector != 0 {
		return false
	}
	for i := last - 2; i >= 0; i-- {
		if in.dims[i] != 1 && in.strides[i] != in.strides[i+1]*in.dims[i+1] {
			return false
		}
	}
	return true
}
