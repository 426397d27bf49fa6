// This file implements ops: definitions that can be called, printed and
// differentiated.

package zmlx

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/deriv"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/source"
)

// An Op is a definition, a line such as
//
//	rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w
//
// that can be called with arrays and differentiated. docs/definitions.md
// describes the language. An Op may be used by many goroutines at once.
type Op struct {
	f      *formula.Formula
	text   string // as given; "" if derived
	params []float64
	hand   struct{ vjp, jvp *Op }
	err    error     // of With; every call fails with it
	shared *opShared // with all ops that differ in parameters only
}

// opShared is what does not depend on the values of parameters.
type opShared struct {
	mu      sync.Mutex
	derived map[string]*Op // by direction and arguments
	plans   plans
}

func newOpShared() *opShared { return &opShared{derived: map[string]*Op{}} }

// Define returns the op of a definition. A faulty definition gives a
// [*CompileError] with the place in the text.
func Define(text string) (*Op, error) {
	f, err := formula.Define(text)
	if err != nil {
		var list *source.List
		if errors.As(err, &list) {
			name, _, _ := strings.Cut(strings.TrimSpace(text), "(")
			if name = strings.TrimSpace(name); name == "" {
				name = "the definition"
			}
			return nil, &CompileError{Kernel: name, Diagnostics: diagnostics(list.Set, list.Diags), Caller: caller()}
		}
		return nil, err
	}
	o := opOf(f)
	o.text = text
	return o, nil
}

// MustDefine is like [Define] but panics if the definition is faulty. It is
// for package-level variables.
func MustDefine(text string) *Op {
	o, err := Define(text)
	if err != nil {
		panic("zmlx: " + err.Error())
	}
	return o
}

func opOf(f *formula.Formula) *Op {
	o := &Op{f: f, params: make([]float64, len(f.Params)), shared: newOpShared()}
	for i, p := range f.Params {
		o.params[i] = p.Default
	}
	return o
}

// Name returns the definition's name.
func (o *Op) Name() string {
	notNil(o != nil && o.f != nil, "*Op")
	return o.f.Name
}

// String returns the definition, with shared parts as named steps.
func (o *Op) String() string {
	notNil(o != nil && o.f != nil, "*Op")
	return o.f.String()
}

// With returns the op with other values of its parameters: nothing is compiled
// anew for them. A name that is no parameter gives an op whose calls fail.
func (o *Op) With(params map[string]float64) *Op {
	notNil(o != nil && o.f != nil, "*Op")
	c := *o
	c.params = slices.Clone(o.params)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		i := slices.IndexFunc(o.f.Params, func(p formula.Param) bool { return p.Name == name })
		if i < 0 {
			known := make([]string, len(o.f.Params))
			for k, p := range o.f.Params {
				known[k] = p.Name
			}
			err := &KernelError{Kernel: o.f.Name, Reason: fmt.Sprintf("no parameter %s; the parameters are: %s", name, strings.Join(known, ", ")), Caller: caller()}
			return &Op{f: o.f, params: o.params, shared: o.shared, err: err}
		}
		c.params[i] = params[name]
	}
	return &c
}

// Call returns the definition's result, the first of several. It is not
// computed yet.
func (o *Op) Call(inputs ...*Array) *Array {
	one, all := o.results(inputs)
	if one != nil {
		return one
	}
	return all[0]
}

// Results returns all results of the definition, not computed yet. Inputs
// broadcast by NumPy's rules; a result that does not vary along the last axis,
// of a definition that works along it, lacks that axis.
func (o *Op) Results(inputs ...*Array) []*Array {
	one, all := o.results(inputs)
	if one != nil {
		return []*Array{one}
	}
	return all
}

// results returns the only result, or all of them if there are several.
func (o *Op) results(inputs []*Array) (*Array, []*Array) {
	notNil(o != nil && o.f != nil, "*Op")
	fail := func(err error) (*Array, []*Array) { return nil, failures(err, len(o.f.Outputs)) }
	if o.err != nil {
		return fail(o.err)
	}
	if len(inputs) != len(o.f.Inputs) {
		return fail(&KernelError{Kernel: o.f.Name, Reason: fmt.Sprintf("takes %d inputs, not %d", len(o.f.Inputs), len(inputs)), Caller: caller()})
	}
	if err := firstError(inputs...); err != nil {
		return fail(err)
	}
	var dev *Device
	if len(inputs) > 0 {
		dev = inputs[0].dev
	} else {
		var err error
		if dev, err = defaultDevice(); err != nil {
			return fail(err)
		}
	}
	inputs = o.rowInputs(inputs)
	one, all := o.launch(dev, inputs)
	if one == nil {
		return nil, recorded(opPrim{o}, inputs, all)
	}
	return recorded1(opPrim{o}, one, inputs...), nil
}

// rowInputs gives inputs with one value for each row the last axis, of length
// 1, that a call may leave out.
func (o *Op) rowInputs(inputs []*Array) []*Array {
	if !slices.ContainsFunc(o.f.Inputs, func(in formula.In) bool { return in.Row }) {
		return inputs
	}
	shapes := make([][]int, len(inputs))
	for i, a := range inputs {
		shapes[i] = a.view.Dims
	}
	inputs = slices.Clone(inputs)
	rank := 0
	for i, lacks := range codegen.LackLastAxis(o.f, shapes) {
		if lacks {
			inputs[i] = inputs[i].ExpandDims(-1)
		}
		rank = max(rank, inputs[i].NDim())
	}
	for i, in := range o.f.Inputs {
		// Among inputs of more axes, such as cotangents, it could seem to lack its last one.
		if a := inputs[i]; in.Row && a.Size() > 0 && a.Dim(-1) == 1 {
			inputs[i] = a.withAxes(rank)
		}
	}
	return inputs
}

// withAxes returns the array with leading axes of length 1, rank axes in all.
func (a *Array) withAxes(rank int) *Array {
	if n := rank - a.NDim(); n > 0 {
		return a.Reshape(append(slices.Repeat([]int{1}, n), a.view.Dims...)...)
	}
	return a
}

// derive returns a derived op, made once for each kind and choice of arguments.
func (o *Op) derive(kind string, want []bool, make func() *formula.Formula) *Op {
	key := kind
	for _, w := range want {
		if w {
			key += "1"
		} else {
			key += "0"
		}
	}
	o.shared.mu.Lock()
	defer o.shared.mu.Unlock()
	d := o.shared.derived[key]
	if d == nil {
		d = opOf(make())
		o.shared.derived[key] = d
	}
	c := *d
	c.params, c.err = o.params, o.err
	return &c
}

// VJP returns the reverse derivative as an op: its inputs are the op's and one
// cotangent for each result, its results the cotangents of the inputs.
func (o *Op) VJP() *Op {
	notNil(o != nil && o.f != nil, "*Op")
	if o.hand.vjp != nil {
		return o.hand.vjp.sameParams(o)
	}
	return o.derive("vjp", nil, func() *formula.Formula { return deriv.VJP(o.f, nil) })
}

// JVP returns the forward derivative as an op: its inputs are the op's and one
// tangent for each of them, its results the tangents of the results.
func (o *Op) JVP() *Op {
	notNil(o != nil && o.f != nil, "*Op")
	if o.hand.jvp != nil {
		return o.hand.jvp.sameParams(o)
	}
	return o.derive("jvp", nil, func() *formula.Formula { return deriv.JVP(o.f, nil) })
}

// sameParams gives d the values that o has for parameters of the same names.
func (d *Op) sameParams(o *Op) *Op {
	c := *d
	if c.err == nil {
		c.err = o.err
	}
	c.params = slices.Clone(d.params)
	for i, p := range d.f.Params {
		if k := slices.IndexFunc(o.f.Params, func(q formula.Param) bool { return q.Name == p.Name }); k >= 0 {
			c.params[i] = o.params[k]
		}
	}
	return &c
}

// WithVJP returns the op with a hand-written reverse derivative: a definition
// whose inputs are the op's followed by one cotangent for each result, and that
// has one result for each input of the op.
func (o *Op) WithVJP(vjp *Op) (*Op, error) {
	notNil(o != nil && o.f != nil, "*Op")
	if vjp == nil || vjp.f == nil {
		return nil, fmt.Errorf("%s: the VJP is nil", o.f.Name)
	}
	if len(vjp.f.Inputs) != len(o.f.Inputs)+len(o.f.Outputs) || len(vjp.f.Outputs) != len(o.f.Inputs) {
		return nil, fmt.Errorf("%s: a VJP takes %d inputs and has %d results; %s takes %d and has %d",
			o.f.Name, len(o.f.Inputs)+len(o.f.Outputs), len(o.f.Inputs), vjp.f.Name, len(vjp.f.Inputs), len(vjp.f.Outputs))
	}
	c := *o
	c.shared = newOpShared()
	c.hand.vjp = vjp
	return &c, nil
}

// WithJVP returns the op with a hand-written forward derivative: a definition
// whose inputs are the op's followed by one tangent for each, and that has one
// result for each of the op's.
func (o *Op) WithJVP(jvp *Op) (*Op, error) {
	notNil(o != nil && o.f != nil, "*Op")
	if jvp == nil || jvp.f == nil {
		return nil, fmt.Errorf("%s: the JVP is nil", o.f.Name)
	}
	if len(jvp.f.Inputs) != 2*len(o.f.Inputs) || len(jvp.f.Outputs) != len(o.f.Outputs) {
		return nil, fmt.Errorf("%s: a JVP takes %d inputs and has %d results; %s takes %d and has %d",
			o.f.Name, 2*len(o.f.Inputs), len(o.f.Outputs), jvp.f.Name, len(jvp.f.Inputs), len(jvp.f.Outputs))
	}
	c := *o
	c.shared = newOpShared()
	c.hand.jvp = jvp
	return &c, nil
}

// opPrim is an op as transforms see it.
type opPrim struct{ op *Op }

func (p opPrim) name() string { return p.op.f.Name }

// dropsAxis reports whether a result of f lacks the last axis.
func dropsAxis(f *formula.Formula, n *formula.Node) bool { return f.IsRow() && !n.Varies }

func (p opPrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	o := p.op
	full := slices.Clone(ct)
	zeroFill(full, out)
	for i, c := range full {
		if dropsAxis(o.f, o.f.Outputs[i].Node) {
			full[i] = c.ExpandDims(-1)
		}
	}
	if summedNarrow(in, out, want) {
		for i, c := range full {
			full[i] = c.As(Float32)
		}
	}
	d := o.hand.vjp
	if d != nil {
		d = o.VJP()
		want = slices.Repeat([]bool{true}, len(in))
	} else {
		d = o.derive("vjp", want, func() *formula.Formula { return deriv.VJP(o.f, want) })
	}
	results := d.Results(append(slices.Clone(in), full...)...)
	grads := make([]*Array, len(in))
	k := 0
	for i := range in {
		if !want[i] {
			continue
		}
		node, g := d.f.Outputs[k].Node, results[k]
		k++
		if node.Op == formula.Const && node.Value == 0 {
			continue
		}
		if err := g.Err(); err != nil {
			return nil, err
		}
		if dropsAxis(d.f, node) {
			g = g.ExpandDims(-1)
			if !o.f.Inputs[i].Row { // all elements of the row are equal
				dims := g.Shape()
				dims[len(dims)-1] = rowLength(in)
				g = g.Broadcast(dims...)
			}
		}
		grads[i] = g.sumTo(in[i].Shape())
	}
	return grads, nil
}

// summedNarrow reports whether the derivative by a 16-bit input is summed over
// what a call broadcast. Such parts are made and summed in float32, and only
// their sum is rounded.
func summedNarrow(in, out []*Array, want []bool) bool {
	size := 0
	for _, a := range slices.Concat(in, out) {
		size = max(size, a.Size())
	}
	for i, a := range in {
		if want[i] && (a.DType() == Float16 || a.DType() == BFloat16) && a.Size() < size {
			return true
		}
	}
	return false
}

// rowLength returns the length of the last axis of arrays that broadcast.
func rowLength(arrays []*Array) int {
	n := 1
	for _, a := range arrays {
		if d := a.Dim(-1); a.NDim() > 0 && d != 1 {
			n = d
		}
	}
	return n
}

func (p opPrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	o := p.op
	args := slices.Clone(in)
	d := o.hand.jvp
	if d != nil {
		d = o.JVP()
		full := slices.Clone(tan)
		zeroFill(full, in)
		args = append(args, full...)
	} else {
		active := make([]bool, len(tan))
		for i, t := range tan {
			if active[i] = t != nil && in[i].DType().IsFloat(); active[i] {
				args = append(args, t)
			}
		}
		d = o.derive("jvp", active, func() *formula.Formula { return deriv.JVP(o.f, active) })
	}
	results := d.Results(args...)
	for i, t := range results {
		node := d.f.Outputs[i].Node
		if node.Op == formula.Const && node.Value == 0 || !out[i].DType().IsFloat() {
			results[i] = nil
			continue
		}
		if err := t.Err(); err != nil {
			return nil, err
		}
		if dropsAxis(d.f, node) && !dropsAxis(o.f, o.f.Outputs[i].Node) {
			t = t.ExpandDims(-1)
		}
		if !slices.Equal(t.Shape(), out[i].Shape()) {
			t = t.Broadcast(out[i].Shape()...)
		}
		if t.DType() != out[i].DType() {
			t = t.As(out[i].DType())
		}
		results[i] = t
	}
	return results, nil
}

func (p opPrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	rank := 0
	for i, a := range in {
		r := a.NDim()
		if mapped[i] {
			r--
		}
		rank = max(rank, r)
	}
	args := slices.Clone(in)
	for i, a := range in {
		switch {
		case mapped[i]:
			args[i] = a.padAxes(a.NDim()-1, rank)
		case p.op.f.Inputs[i].Row:
			args[i] = a.withAxes(rank + 1)
		}
	}
	results := p.op.Results(args...)
	return results, firstErrorOf(results)
}

// Inputs returns the names of the inputs.
func (o *Op) Inputs() []string {
	notNil(o != nil && o.f != nil, "*Op")
	names := make([]string, len(o.f.Inputs))
	for i, in := range o.f.Inputs {
		names[i] = in.Name
	}
	return names
}

// Outputs returns the names of the results: "out" for a single one without a
// name, "out0" and so on for several.
func (o *Op) Outputs() []string {
	notNil(o != nil && o.f != nil, "*Op")
	names := make([]string, len(o.f.Outputs))
	for i, out := range o.f.Outputs {
		switch {
		case out.Name != "":
			names[i] = out.Name
		case len(names) == 1:
			names[i] = "out"
		default:
			names[i] = fmt.Sprintf("out%d", i)
		}
	}
	return names
}

// Params returns the parameters with the values that a call has.
func (o *Op) Params() map[string]float64 {
	notNil(o != nil && o.f != nil, "*Op")
	params := make(map[string]float64, len(o.params))
	for i, p := range o.f.Params {
		params[p.Name] = o.params[i]
	}
	return params
}
