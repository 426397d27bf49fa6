// This file implements elementwise ops with derivatives: hand-written, or
// derived from a definition.

package classic

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/source"
)

// UnaryFromExpr returns the differentiable op of an expression of x. vjp is the
// derivative times g, the cotangent: an expression of x, g and y, the value,
// which is computed anew and not rounded to the result's dtype. It serves the
// forward derivative too.
//
// With vjp "" the expression is a definition, in which 1/2 is 0.5, the
// helpers' kk_ and T( ) are allowed, and Header, Preludes and Compute are not.
// Its derivatives, of any order, are derived.
func UnaryFromExpr(name, expr, vjp string, o Options) (*Op, error) {
	if strings.TrimSpace(vjp) == "" {
		return derived(name, []string{"x"}, expr, o)
	}
	return elementwise(name, []string{"x"}, []load{{"x", "inp"}}, expr, []string{vjp}, o)
}

// BinaryFromExpr is like [UnaryFromExpr] for an expression of a and b. It has
// both derivatives or none; where one is zero, it is "0".
func BinaryFromExpr(name, expr, vjpLHS, vjpRHS string, o Options) (*Op, error) {
	inputs := []string{"a", "b"}
	vjps, err := givenVJPs(name, inputs, []string{vjpLHS, vjpRHS})
	switch {
	case err != nil:
		return nil, err
	case vjps == nil:
		return derived(name, inputs, expr, o)
	}
	return elementwise(name, inputs, []load{{"a", "lhs"}, {"b", "rhs"}}, expr, vjps, o)
}

// NAryFromExpr is like [UnaryFromExpr] for any number of inputs, whose elements
// expressions use by the given names. vjps has one derivative for each input,
// or is nil. [NAryFromSource] takes whole kernel bodies instead.
func NAryFromExpr(name string, inputs []string, expr string, vjps []string, o Options) (*Op, error) {
	if vjps != nil && len(vjps) != len(inputs) {
		return nil, &zmlx.KernelError{Kernel: name, Reason: fmt.Sprintf("%d derivatives for %d inputs", len(vjps), len(inputs)), Caller: caller()}
	}
	vjps, err := givenVJPs(name, inputs, vjps)
	switch {
	case err != nil:
		return nil, err
	case vjps == nil:
		return derived(name, inputs, expr, o)
	}
	return elementwise(name, inputs, named(inputs), expr, vjps, o)
}

// givenVJPs returns nil if all are left out.
func givenVJPs(name string, inputs, vjps []string) ([]string, error) {
	missing := slices.IndexFunc(vjps, func(s string) bool { return strings.TrimSpace(s) == "" })
	given := slices.ContainsFunc(vjps, func(s string) bool { return strings.TrimSpace(s) != "" })
	switch {
	case !given:
		return nil, nil
	case missing >= 0:
		return nil, &zmlx.KernelError{Kernel: name, Caller: caller(),
			Reason: fmt.Sprintf("the derivative by %s is missing: write \"0\" if it is zero, or leave all of them out to have them derived", inputs[missing])}
	}
	return vjps, nil
}

func vjpLabel(inputs []string, i int) string {
	if len(inputs) == 1 {
		return "vjp"
	}
	return "vjp of " + inputs[i]
}

// withVJP adds the kernels of hand-written derivatives. The Jacobian of an
// elementwise op is diagonal, so that the tangent is the sum of the derivatives
// with each input's tangent in the place of g.
func (o *Op) withVJP(loads []load, prelude, value part, vjps []part) (*Op, error) {
	vjpPrelude := part{"vjp prelude", 0, o.opts.VJPPrelude}
	t := &text{}
	loop(t, append(slices.Clone(loads), load{"g", "cotan"}))
	alias(t, loads)
	t.statements(prelude)
	t.line("T y = T(§);", value)
	t.statements(vjpPrelude)
	outs := make([]string, len(loads))
	for i, l := range loads {
		outs[i] = "d" + l.buffer
		t.line(outs[i]+"[elem] = O(§);", vjps[i])
	}
	t.close()
	var err error
	if o.reverse, err = o.newKernel("_vjp", t, append(buffers(loads), "cotan"), outs, false); err != nil {
		return nil, err
	}

	t = &text{}
	loop(t, loads)
	alias(t, loads)
	t.statements(prelude)
	t.line("T y = T(§);", value)
	t.line("T tangent = T(0);")
	for i, l := range loads {
		t.open("")
		t.line("T g = T(d" + l.buffer + "[elem]);")
		t.statements(vjpPrelude)
		t.line("tangent = T(tangent + T(§));", vjps[i])
		t.close()
	}
	t.line("out[elem] = O(tangent);")
	t.close()
	if o.tangent, err = o.newKernel("_jvp", t, append(buffers(loads), outs...), []string{"out"}, false); err != nil {
		return nil, err
	}
	o.vjp, o.jvp = reverseElementwise, forwardElementwise
	return o, nil
}

// reverseElementwise returns the cotangents of the inputs. Those of inputs that
// were broadcast are made in float32 and summed before they are rounded.
func reverseElementwise(o *Op, in, ct []*zmlx.Array) []*zmlx.Array {
	full, dims, err := o.together(in)
	if err != nil {
		return fail(err, len(in))
	}
	d := promoted(in)
	out := d
	for i, a := range in {
		if full[i] != a && (d == zmlx.Float16 || d == zmlx.BFloat16) {
			out = zmlx.Float32
		}
	}
	if !out.IsFloat() {
		return make([]*zmlx.Array, len(in))
	}
	grads := o.each(o.reverse, append(full, ct[0]), dims, d, out, len(in))
	for i, a := range in {
		if !a.DType().IsFloat() {
			grads[i] = nil
			continue
		}
		grads[i] = sumTo(grads[i], a.Shape()).As(a.DType())
	}
	return grads
}

// sumTo undoes broadcasting: it sums a over the axes that shape lacks or has
// with length 1.
func sumTo(a *zmlx.Array, dims []int) *zmlx.Array {
	_, grads := zmlx.VJP(func(args ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{args[0].Broadcast(a.Shape()...)}
	}, []*zmlx.Array{zmlx.Zeros(a.DType(), dims...).To(a.Device())}, []*zmlx.Array{a})
	return grads[0]
}

func forwardElementwise(o *Op, in, tangents []*zmlx.Array) []*zmlx.Array {
	all, dims, err := o.together(slices.Concat(in, tangents))
	if err != nil {
		return fail(err, 1)
	}
	return o.each(o.tangent, all, dims, promoted(in), o.output(in), 1)
}

// forDefinitions finds what kernels write and definitions do not need. It is
// blanked out, so that places in the text stay what they are.
var forDefinitions = regexp.MustCompile(`\bkk_(sigmoid|silu|gelu_tanh|softplus|relu)\b|\bT\s*\(`)

// derived returns the op of a definition.
func derived(name string, inputs []string, expr string, opts Options) (*Op, error) {
	o := &Op{name: name, inputs: inputs, outputs: 1, opts: opts}
	if err := o.checkOptions(); err != nil {
		return nil, err
	}
	if opts.Header != "" || opts.Prelude != "" || opts.VJPPrelude != "" || opts.Compute.Valid() || opts.Threadgroup != 0 {
		return nil, o.misuse("derivatives can only be derived from an expression alone: write them by hand, or set no Header, Prelude, Compute and Threadgroup")
	}
	if err := checkParts(name, false, part{"expr", 0, expr}); err != nil {
		return nil, err
	}
	plain := forDefinitions.ReplaceAllStringFunc(expr, func(s string) string {
		if rest, ok := strings.CutPrefix(s, "kk_"); ok {
			return "   " + rest
		}
		return " " + s[1:]
	})
	params := ""
	for i, p := range slices.Sorted(maps.Keys(opts.Params)) {
		params += []string{"; ", ", "}[min(i, 1)] + p + "=0"
	}
	t := &text{}
	t.line(name + "(" + strings.Join(inputs, ", ") + params + ") =")
	t.line("§", part{"expr", 0, plain})
	var err error
	if o.def, err = zmlx.Define(t.String()); err == nil {
		return o, nil
	}
	_, err = formula.Define(t.String())
	if list, ok := errors.AsType[*source.List](err); ok {
		t.parts[0].text = expr
		return nil, compileError(name, "definition", t.parts, list, "")
	}
	return nil, err
}
