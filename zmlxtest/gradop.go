package zmlxtest

// This file implements checking the derivatives of ops, at points that the
// check chooses: random ones, and those at which formulas break.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// CheckOp marks the test failed, and returns false, unless the derivatives of
// op agree with differences, forward with reverse, at random points, with each
// input broadcast, and at hard points: 0, subnormal numbers, ties, large numbers
// of either sign. At a kink the derivative has to lie between those of the two
// sides. Points where a result is not finite, and jumps, are passed over.
func CheckOp(t testing.TB, op *zmlx.Op) bool {
	t.Helper()
	if err := checkOp(op); err != nil {
		t.Errorf("%s: %v", op.Name(), err)
		return false
	}
	return true
}

// hard are numbers at which formulas break.
var hard = []float64{0, math.Copysign(0, -1), 1e-310, -1e-310, 1e-40, -1e-20, 1e-8, 0.5, -0.5, 1, -1, 2, -3, 20, -20, 90, -90, 710, -750, 1e4, -1e4}

func checkOp(op *zmlx.Op) error {
	r := rand.New(rand.NewPCG(3, 4))
	finite := 0
	for _, draw := range []func() float64{
		r.NormFloat64,
		func() float64 { return 0.05 + 0.9*r.Float64() },
		func() float64 { return 1 + math.Exp(r.NormFloat64()) },
	} {
		n, err := checkRows(op, r, 6, 5, draw, false)
		if err != nil {
			return fmt.Errorf("random points: %w", err)
		}
		finite += n
	}
	if finite == 0 {
		return errors.New("no point was found at which results are finite")
	}
	next := 0
	each := func() float64 { // all pairs
		v := hard[next%len(hard)]
		if next%2 == 1 {
			v = hard[next/2%len(hard)]
		}
		next++
		return v
	}
	if _, err := checkRows(op, r, len(hard)*len(hard), 1, each, true); err != nil {
		return fmt.Errorf("hard points: %w", err)
	}
	pick := func() float64 { return hard[r.IntN(len(hard))] }
	if _, err := checkRows(op, r, 200, 3, pick, true); err != nil {
		return fmt.Errorf("rows of hard points: %w", err)
	}
	return checkBroadcast(op, r)
}

// shapes returns shapes for the inputs of op: rows of n, or one value for each
// row where the op wants that.
func shapes(op *zmlx.Op, rows, n int) ([][]int, error) {
	dims := make([][]int, len(op.Inputs()))
	for i := range dims {
		dims[i] = []int{rows, n}
	}
	try := func() error {
		args := make([]*zmlx.Array, len(dims))
		for i, d := range dims {
			args[i] = zmlx.Ones(zmlx.Float64, d...)
		}
		return op.Call(args...).Err()
	}
	// Each number below 1<<len stands for a choice of inputs with one value a row.
	for choice := range 1 << min(len(dims), 10) {
		for i := range dims {
			dims[i][1] = n
			if choice>>i&1 == 1 {
				dims[i][1] = 1
			}
		}
		if try() == nil {
			return dims, nil
		}
	}
	for i := range dims {
		dims[i][1] = n
	}
	return nil, try()
}

// checkRows checks op at rows of n numbers each. As the rows have nothing to do
// with each other, it moves the same element of all rows at once. It returns
// the number of rows with finite results.
func checkRows(op *zmlx.Op, r *rand.Rand, rows, n int, draw func() float64, oneSided bool) (int, error) {
	dims, err := shapes(op, rows, n)
	if err != nil {
		return 0, err
	}
	args := make([]*zmlx.Array, len(dims))
	flat := make([][]float64, len(dims))
	for i, d := range dims {
		flat[i] = make([]float64, d[0]*d[1])
	}
	for row := range rows {
		for k := range n {
			for i, d := range dims {
				if k < d[1] {
					flat[i][row*d[1]+k] = draw()
				}
			}
		}
	}
	for i, d := range dims {
		args[i] = zmlx.FromSlice(flat[i], d...)
	}
	p, err := newPoint(GradOptions{}.withDefaults(), op.Results, args)
	if err != nil {
		return 0, err
	}
	base, err := p.eval(nil)
	if err != nil {
		return 0, err
	}
	cts := make([][]float64, len(base))
	for i, y := range base {
		cts[i] = direction(r, len(y))
	}
	grads, err := p.vjp(cts)
	if err != nil {
		return 0, err
	}
	c := rowCheck{p: p, rows: rows, base: base, cts: cts, grads: grads}
	c.good = make([]bool, rows)
	finite := 0
	for row := range rows {
		if c.good[row] = c.size(base, row) < 1e100; c.good[row] {
			finite++
		}
	}
	for i, d := range dims {
		for k := range d[1] {
			if err := c.element(i, k, d[1], oneSided); err != nil {
				return 0, err
			}
		}
	}
	return finite, c.forward(r)
}

type rowCheck struct {
	p          *point
	rows       int
	base       [][]float64
	cts, grads [][]float64
	good       []bool // rows with finite results
}

// size returns the greatest magnitude in a row, infinite for NaN.
func (c *rowCheck) size(values [][]float64, row int) float64 {
	m := 0.0
	for _, y := range values {
		n := len(y) / c.rows
		for _, v := range y[row*n : (row+1)*n] {
			if math.IsNaN(v) {
				return math.Inf(1)
			}
			m = max(m, math.Abs(v))
		}
	}
	return m
}

// slope returns the change from a to b in a row, weighted by the cotangents.
func (c *rowCheck) slope(a, b [][]float64, row int, h float64) float64 {
	sum := 0.0
	for i, ct := range c.cts {
		n := len(ct) / c.rows
		for k := row * n; k < (row+1)*n; k++ {
			sum += ct[k] * (b[i][k] - a[i][k])
		}
	}
	return sum / h
}

// element compares derivatives by element k of the rows of argument i, of
// length n.
func (c *rowCheck) element(i, k, n int, oneSided bool) error {
	steps := make([]float64, c.rows)
	moved := func(by float64) ([][]float64, error) {
		v := slices.Clone(c.p.values[i])
		for row := range c.rows {
			steps[row] = 1e-6 * max(1, min(100, math.Abs(c.p.values[i][row*n+k])))
			v[row*n+k] += by * steps[row]
		}
		args := slices.Clone(c.p.args)
		args[i] = c.p.like(i, v)
		return c.p.eval(args)
	}
	var at [4][][]float64
	for j, by := range []float64{-1, 1, -1.0 / 16, 1.0 / 16} {
		var err error
		if at[j], err = moved(by); err != nil {
			return err
		}
	}
	for row := range c.rows {
		sizes := c.size(c.base, row)
		for _, y := range at {
			sizes = max(sizes, c.size(y, row))
		}
		if !c.good[row] || sizes > 1e100 {
			continue
		}
		h := steps[row]
		left, right := c.slope(at[0], c.base, row, h), c.slope(c.base, at[1], row, h)
		nearLeft, nearRight := c.slope(at[2], c.base, row, h/16), c.slope(c.base, at[3], row, h/16)
		if n > 1 { // large terms may cancel in a row
			m := c.size(c.p.values, row)
			sizes = max(sizes, m*m)
		}
		noise := 1e-14*sizes/h + 1e-6
		got := c.grads[i][row*n+k]
		if c.tiny(row) && !math.IsNaN(got) {
			continue
		}
		// Near a jump or an infinite slope, slopes grow as the step shrinks.
		if math.Abs(nearLeft) > 2*math.Abs(left)+16*noise || math.Abs(nearRight) > 2*math.Abs(right)+16*noise {
			continue
		}
		// Where the step is too long for the slope, the two lengths disagree.
		bent := math.Abs(left-nearLeft) + math.Abs(right-nearRight)
		if bent > 0.02*(math.Abs(left)+math.Abs(right))+32*noise {
			continue
		}
		lo, hi := min(left, right), max(left, right)
		tol := noise + 1e-4*max(math.Abs(left), math.Abs(right)) + (hi-lo)/2 + 2*bent
		if !oneSided {
			lo = (left + right) / 2
			hi, tol = lo, noise+1e-5*math.Abs(lo)+1e-2*math.Abs(right-left)
		}
		if !(got >= lo-tol && got <= hi+tol) {
			return fmt.Errorf("input %d, element %d of the row %s: the derivative is %v, differences say %v from the left and %v from the right",
				i, k, c.row(row), got, left, right)
		}
	}
	return nil
}

// tiny reports whether a row has numbers nearer to 0 than the steps, so that
// differences say nothing: there may be a pole or a kink between.
func (c *rowCheck) tiny(row int) bool {
	for _, v := range c.p.values {
		n := len(v) / c.rows
		for _, x := range v[row*n : (row+1)*n] {
			if x != 0 && math.Abs(x) < 1e-3 {
				return true
			}
		}
	}
	return false
}

// row writes the arguments in a row.
func (c *rowCheck) row(row int) string {
	text := ""
	for i, v := range c.p.values {
		n := len(v) / c.rows
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(v[row*n : (row+1)*n])
	}
	return text
}

// forward compares both derivatives in each row.
func (c *rowCheck) forward(r *rand.Rand) error {
	dirs, tangents := c.p.tangents(r)
	_, outs := zmlx.JVP(c.p.f, c.p.args, tangents)
	forward := make([][]float64, len(outs))
	for i, t := range outs {
		if err := t.Err(); err != nil {
			return err
		}
		if c.p.float[i] {
			v, err := numbers(t)
			if err != nil {
				return err
			}
			forward[i] = v
		}
	}
	sum := func(a, b [][]float64, row int) (s, size float64) {
		for i := range a {
			n := len(a[i]) / c.rows
			for k := row * n; k < (row+1)*n; k++ {
				s += a[i][k] * b[i][k]
				size += math.Abs(a[i][k] * b[i][k])
			}
		}
		return s, size
	}
	for row := range c.rows {
		a, m := sum(c.cts, forward, row)
		b, n := sum(dirs, c.grads, row)
		if !c.good[row] || math.IsInf(m, 0) || math.IsInf(n, 0) || math.IsNaN(m) && math.IsNaN(n) {
			continue
		}
		x := c.size(c.p.values, row) // large terms may cancel
		if !(math.Abs(a-b) <= 1e-9*(1+m+n)+1e-14*x*x) {
			return fmt.Errorf("at the row %s: the forward derivative gives %v, the reverse one %v", c.row(row), a, b)
		}
	}
	return nil
}

// checkBroadcast checks op with each of several inputs repeated along the rows.
func checkBroadcast(op *zmlx.Op, r *rand.Rand) error {
	dims, err := shapes(op, 2, 3)
	if err != nil || len(dims) < 2 {
		return err
	}
	for i, d := range dims {
		if d[1] == 1 {
			continue
		}
		args := make([]*zmlx.Array, len(dims))
		for j, d := range dims {
			if j == i {
				d = d[1:]
			}
			n := 1
			for _, l := range d {
				n *= l
			}
			v := make([]float64, n)
			for k := range v {
				v[k] = 0.1 + 0.8*r.Float64() // where most functions are defined
			}
			args[j] = zmlx.FromSlice(v, d...)
		}
		err := GradOptions{}.Check(op.Results, args...)
		if err != nil && !errors.Is(err, errNotFinite) {
			return fmt.Errorf("with input %s broadcast: %w", op.Inputs()[i], err)
		}
	}
	return nil
}
