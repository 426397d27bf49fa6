// This file implements functions with derivatives of their own.

package zmlx

import (
	"fmt"
	"slices"
)

// A Custom is a function of arrays with hand-written derivatives, as MLX's
// custom_function. Forward's own operations are not differentiated: arrays that
// it captures are constants. What is nil is derived from Forward.
type Custom struct {
	Name    string // for messages
	Forward Func

	// VJP returns one cotangent for each primal, nil for zero, given the
	// outputs and their cotangents, zeros included.
	VJP func(primals, cotangents, outputs []*Array) []*Array

	// JVP returns one tangent for each output, nil for zero, given the
	// primals' tangents, zeros included.
	JVP func(primals, tangents []*Array) []*Array
}

// Call runs Forward. The count, shapes and dtypes of what VJP and JVP return
// are checked when a transform calls them.
func (c Custom) Call(args ...*Array) []*Array {
	if c.Forward == nil {
		return []*Array{failed(&TransformError{Op: customPrim{c}.name(), Reason: "its Forward is nil", Caller: caller()})}
	}
	if c.VJP == nil && c.JVP == nil {
		return c.Forward(args...)
	}
	plain := make([]*Array, len(args))
	for i, a := range args {
		plain[i] = a.untraced()
	}
	outs := slices.Clone(c.Forward(plain...))
	for i, o := range outs {
		outs[i] = o.untraced()
	}
	return recorded(customPrim{c}, args, outs)
}

// untraced returns the array as a constant: no derivative passes it.
func (a *Array) untraced() *Array {
	notNil(a != nil, "*Array")
	b := *a
	b.rec = nil
	return &b
}

// StopGradient returns the array as a constant: derivatives do not pass it.
func (a *Array) StopGradient() *Array { return a.untraced() }

type customPrim struct{ Custom }

func (c customPrim) name() string {
	if c.Name != "" {
		return c.Name
	}
	return "custom function"
}

func (c customPrim) fail(format string, args ...any) error {
	return &TransformError{Op: c.name(), Reason: fmt.Sprintf(format, args...)}
}

func (c customPrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	if c.Custom.VJP == nil {
		_, grads := VJP(c.Forward, in, ct)
		return grads, firstErrorOf(grads)
	}
	full := slices.Clone(ct)
	zeroFill(full, out)
	grads := c.Custom.VJP(in, full, out)
	return grads, c.check("VJP", "primals", grads, in)
}

func (c customPrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	if c.Custom.JVP == nil {
		_, ts := JVP(c.Forward, in, tan)
		return ts, firstErrorOf(ts)
	}
	full := slices.Clone(tan)
	zeroFill(full, in)
	ts := c.Custom.JVP(in, full)
	return ts, c.check("JVP", "outputs", ts, out)
}

// check compares what a derivative returned with what it belongs to.
func (c customPrim) check(which, what string, got, like []*Array) error {
	if len(got) != len(like) {
		return c.fail("its %s returned %d arrays for %d %s; return nil where one is zero", which, len(got), len(like), what)
	}
	for i, g := range got {
		if g == nil {
			continue
		}
		if err := g.Err(); err != nil {
			return err
		}
		if !slices.Equal(g.Shape(), like[i].Shape()) {
			return c.fail("its %s returned shape %v for number %d of the %s, which has %v", which, g.Shape(), i, what, like[i].Shape())
		}
		if g.DType() != like[i].DType() {
			return c.fail("its %s returned %v for number %d of the %s, which is %v", which, g.DType(), i, what, like[i].DType())
		}
	}
	return nil
}

func (c customPrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	return mapByRows(c.Call, in, mapped, size)
}

func firstErrorOf(arrays []*Array) error {
	for _, a := range arrays {
		if a != nil {
			if err := a.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}
