package zmlxtest

// This file implements checking derivatives of functions of arrays.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// CheckGrad marks the test failed, and returns false, unless the reverse
// derivative of f at args agrees with central differences, and with the forward
// derivative. f is called with float64 in the place of other floats; arguments
// that are no floats stay as they are. f has to be smooth and finite near args.
// It is [GradOptions.Check] with the zero GradOptions.
func CheckGrad(t testing.TB, f zmlx.Func, args ...*zmlx.Array) bool {
	t.Helper()
	return CheckGradWith(t, GradOptions{}, f, args...)
}

// CheckGradWith is like [CheckGrad] with options.
func CheckGradWith(t testing.TB, o GradOptions, f zmlx.Func, args ...*zmlx.Array) bool {
	t.Helper()
	if err := o.Check(f, args...); err != nil {
		t.Error(err)
		return false
	}
	return true
}

// GradOptions say how derivatives are checked.
type GradOptions struct {
	// DType is the float that f is called with; the zero DType stands for
	// float64. A kernel that takes float32 alone needs that here.
	DType zmlx.DType

	// Step is the distance of the differences, times max(1, |x|). 0 stands for
	// 1e-5, or for 1e-2 if DType is not float64.
	Step float64

	// Rel and Abs say how far the derivative may be from the difference:
	// Abs + Rel*|difference|. 0 stands for 1e-5 and 1e-6, or for 1e-2 and 2e-3 if
	// DType is not float64.
	Rel, Abs float64

	// Seed chooses the directions.
	Seed uint64

	// ReverseOnly leaves out the forward derivative, for what has none.
	ReverseOnly bool
}

func (o GradOptions) withDefaults() GradOptions {
	set := func(p *float64, double, single float64) {
		if *p == 0 {
			*p = single
			if o.DType == zmlx.Float64 {
				*p = double
			}
		}
	}
	if o.DType == 0 {
		o.DType = zmlx.Float64
	}
	set(&o.Step, 1e-5, 1e-2)
	set(&o.Rel, 1e-5, 1e-2)
	set(&o.Abs, 1e-6, 2e-3)
	return o
}

var errNotFinite = errors.New("derivatives are checked where results are finite")

// most is the number of elements of an argument that are looked at one by one.
const most = 48

// Check returns an error that says where the reverse derivative of f at args
// differs from central differences, or from the forward derivative. Of large
// arguments it looks at elements chosen at random.
func (o GradOptions) Check(f zmlx.Func, args ...*zmlx.Array) error {
	o = o.withDefaults()
	r := rand.New(rand.NewPCG(o.Seed, 1))
	p, err := newPoint(o, f, args)
	if err != nil {
		return err
	}
	base, err := p.eval(nil)
	if err != nil {
		return err
	}
	for i, y := range base {
		for k, v := range y {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("result %d is %v at element %d: %w", i, v, k, errNotFinite)
			}
		}
	}
	cts := make([][]float64, len(base))
	for i, y := range base {
		cts[i] = direction(r, len(y))
	}
	grads, err := p.vjp(cts)
	if err != nil {
		return err
	}
	for i, x := range p.values {
		for _, k := range choose(r, len(x)) {
			h := o.Step * max(1, math.Abs(x[k]))
			up, err1 := p.eval(p.moved(i, k, h))
			down, err2 := p.eval(p.moved(i, k, -h))
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
			want := dot(cts, up, down) / (2 * h)
			if got := grads[i][k]; !(math.Abs(got-want) <= o.Abs+o.Rel*math.Abs(want)) {
				return fmt.Errorf("argument %d, element %d of shape %v, which is %v: the derivative is %v, differences say %v",
					i, k, p.args[i].Shape(), x[k], got, want)
			}
		}
	}
	if o.ReverseOnly {
		return nil
	}
	return p.forward(r, cts, grads)
}

// choose returns the indexes of elements to look at.
func choose(r *rand.Rand, n int) []int {
	return r.Perm(n)[:min(n, most)]
}

// direction returns n numbers that are not small.
func direction(r *rand.Rand, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		v[i] = math.Copysign(0.5+r.Float64(), r.Float64()-0.5)
	}
	return v
}

// dot is the sum of cts times the differences of a and b, or times a if there
// is no b.
func dot(cts, a, b [][]float64) float64 {
	sum := 0.0
	for i, c := range cts {
		for k, w := range c {
			v := a[i][k]
			if b != nil {
				v -= b[i][k]
			}
			sum += w * v
		}
	}
	return sum
}

// A point is a function with arguments, whose floats can be moved.
type point struct {
	o      GradOptions
	f      zmlx.Func
	args   []*zmlx.Array
	values [][]float64 // of the floats; nil for others
	float  []bool      // which results are floats
}

func newPoint(o GradOptions, f zmlx.Func, args []*zmlx.Array) (*point, error) {
	p := &point{o: o, f: f, args: make([]*zmlx.Array, len(args)), values: make([][]float64, len(args))}
	for i, a := range args {
		p.args[i] = a
		if err := a.Err(); err != nil {
			return nil, err
		}
		if a.DType().IsFloat() {
			p.args[i] = a.As(o.DType)
			v, err := numbers(p.args[i])
			if err != nil {
				return nil, err
			}
			p.values[i] = v
		}
	}
	return p, nil
}

func numbers(a *zmlx.Array) ([]float64, error) { return zmlx.Values[float64](a.As(zmlx.Float64)) }

// moved returns the arguments with one element moved by h.
func (p *point) moved(i, k int, h float64) []*zmlx.Array {
	v := append([]float64{}, p.values[i]...)
	v[k] += h
	args := append([]*zmlx.Array{}, p.args...)
	args[i] = p.like(i, v)
	return args
}

// like returns numbers as an array like argument i.
func (p *point) like(i int, v []float64) *zmlx.Array {
	return zmlx.FromSlice(v).As(p.o.DType).Reshape(p.args[i].Shape()...)
}

// eval returns the results of f that are floats, for args or, if they are nil,
// at the point.
func (p *point) eval(args []*zmlx.Array) ([][]float64, error) {
	if args == nil {
		args = p.args
	}
	outs := p.f(args...)
	p.float = make([]bool, len(outs))
	values := make([][]float64, len(outs))
	for i, y := range outs {
		if err := y.Err(); err != nil {
			return nil, err
		}
		if p.float[i] = y.DType().IsFloat(); !p.float[i] {
			continue
		}
		v, err := numbers(y)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	return values, nil
}

// vjp returns the reverse derivative for cotangents of the results.
func (p *point) vjp(cts [][]float64) ([][]float64, error) {
	var shapes [][]int
	var dtypes []zmlx.DType
	for _, y := range p.f(p.args...) {
		shapes, dtypes = append(shapes, y.Shape()), append(dtypes, y.DType())
	}
	given := make([]*zmlx.Array, len(cts))
	for i, c := range cts {
		if p.float[i] {
			given[i] = zmlx.FromSlice(c).As(dtypes[i]).Reshape(shapes[i]...)
		}
	}
	_, grads := zmlx.VJP(p.f, p.args, given)
	out := make([][]float64, len(grads))
	for i, g := range grads {
		if err := g.Err(); err != nil {
			return nil, err
		}
		if p.values[i] == nil {
			continue
		}
		v, err := numbers(g)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// tangents returns a random direction for each argument, as numbers and as
// arrays.
func (p *point) tangents(r *rand.Rand) ([][]float64, []*zmlx.Array) {
	dirs := make([][]float64, len(p.args))
	arrays := make([]*zmlx.Array, len(p.args))
	for i, v := range p.values {
		if v != nil {
			dirs[i] = direction(r, len(v))
			arrays[i] = p.like(i, dirs[i])
		}
	}
	return dirs, arrays
}

// forward compares both derivatives: what cotangents make of the tangents of
// results is what the gradients make of those of arguments.
func (p *point) forward(r *rand.Rand, cts, grads [][]float64) error {
	dirs, tangents := p.tangents(r)
	_, outs := zmlx.JVP(p.f, p.args, tangents)
	outTangents := make([][]float64, len(outs))
	size := 0.0
	for i, t := range outs {
		if err := t.Err(); err != nil {
			return err
		}
		if !p.float[i] {
			continue
		}
		v, err := numbers(t)
		if err != nil {
			return err
		}
		outTangents[i] = v
		for k := range v {
			size += math.Abs(v[k] * cts[i][k])
		}
	}
	a, b := dot(cts, outTangents, nil), dot(dirs, grads, nil)
	tol := 1e-9
	if p.o.DType != zmlx.Float64 {
		tol = 1e-3
	}
	if !(math.Abs(a-b) <= tol*(1+size)) {
		return fmt.Errorf("the forward derivative gives %v, the reverse one %v", a, b)
	}
	return nil
}
