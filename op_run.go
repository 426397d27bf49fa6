// This file implements running ops: the kernels of their calls, and fusion.

package zmlx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// launch makes the node of a call.
func (o *Op) launch(dev *Device, inputs []*Array) []*Array {
	fail := func(err error) []*Array { return failures(err, len(o.f.Outputs)) }
	if err := sameDevice(o.f.Name, dev, inputs...); err != nil {
		return fail(err)
	}
	c := codegen.Call{Inputs: make([]codegen.Input, len(inputs)), Target: codegen.Native}
	for i, a := range inputs {
		if a.DType() == Complex64 {
			return fail(&DTypeError{Op: o.f.Name, DTypes: []DType{Complex64}, Reason: "definitions do not take complex numbers", Caller: caller()})
		}
		c.Inputs[i] = codegen.Input{DType: a.DType(), Shape: a.view.Dims, Strides: a.view.Strides}
	}
	types, shapes, err := codegen.Types(o.f, c)
	if err != nil {
		e := &ShapeError{Op: o.f.Name, Reason: trimName(err, o.f.Name), Caller: caller()}
		for _, a := range inputs {
			e.Shapes = append(e.Shapes, a.Shape())
		}
		return fail(e)
	}
	specs := make([]spec, len(types))
	for i := range specs {
		specs[i] = spec{DType: types[i], Dims: shapes[i]}
		if err := dev.holds(o.f.Name, types[i]); err != nil {
			return fail(err)
		}
		if _, err := specs[i].Bytes(); err != nil {
			return fail(shapeError(o.f.Name, err, inputs...))
		}
	}
	ins := make([]graph.Input, len(inputs))
	for i, a := range inputs {
		ins[i] = a.input()
	}
	w := &opWork{op: o, dev: dev, specs: specs, dtypes: make([]DType, len(inputs)), shapes: make([][]int, len(inputs))}
	for i, a := range inputs {
		w.dtypes[i], w.shapes[i] = a.DType(), a.view.Dims
	}
	w.slots = w.countSlots(inputs)
	values, err := graph.NewFusible(o.f.Name, dev.graph, ins, specs, w)
	if err != nil {
		return fail(public(err))
	}
	out := make([]*Array, len(values))
	for i, v := range values {
		out[i] = newArray(dev, v)
	}
	return out
}

// opWork is the work of one call.
type opWork struct {
	op     *Op
	dev    *Device
	specs  []spec
	dtypes []DType // of the inputs
	shapes [][]int
	slots  int // at most so many arguments
}

// countSlots bounds the arguments of the kernel: a strided input takes four,
// with its shape, strides and number of axes, and a parameter that is a key two.
func (w *opWork) countSlots(inputs []*Array) int {
	n := 2*len(w.op.f.Params) + len(w.specs)
	full := w.full()
	for _, a := range inputs {
		dense := a.view.Contiguous() && (a.NDim() <= 1 || slices.Equal(a.view.Dims, full))
		if n++; !dense {
			n += 3
		}
	}
	return n
}

// An opProgram is a generated kernel, ready to run for calls of one shape.
type opProgram struct {
	kernel  *codegen.Kernel
	metal   *MetalKernel
	variant *variant
}

// program returns the kernel for inputs that lie like in.
func (w *opWork) program(in []graph.View) (*opProgram, error) {
	key := w.key(in)
	sh := w.op.shared
	sh.mu.Lock()
	if e := programs.epoch.Load(); sh.epoch != e { // since then the cache was cleared
		clear(sh.programs)
		sh.epoch = e
	}
	p := sh.programs[key]
	sh.mu.Unlock()
	if p != nil {
		return p, nil
	}
	c := codegen.Call{Inputs: make([]codegen.Input, len(in)), Target: codegen.Native}
	for i, v := range in {
		c.Inputs[i] = codegen.Input{DType: v.DType, Shape: v.Dims, Strides: v.Strides, Misaligned: v.Offset*v.DType.Size()%16 != 0}
	}
	s := codegen.DefaultSchedule(w.op.f, c, codegen.Limits{Threads: w.dev.graph.Limits().ThreadsPerThreadgroup, CPU: true})
	k, err := codegen.Generate(w.op.f, c, s)
	if err != nil {
		return nil, err
	}
	if p, err = newProgram(w.dev, k); err != nil {
		return nil, err
	}
	sh.mu.Lock()
	if len(sh.programs) >= maxVariants {
		clear(sh.programs)
	}
	sh.programs[key] = p
	sh.mu.Unlock()
	return p, nil
}

// newProgram compiles a generated kernel.
func newProgram(dev *Device, k *codegen.Kernel) (*opProgram, error) {
	p := &opProgram{kernel: k}
	if k.Empty {
		return p, nil
	}
	group, err := signature.ClampGroup(k.Grid, k.Threadgroup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	k.Threadgroup = group
	p.metal = &MetalKernel{spec: Kernel{Name: k.Name, InputNames: k.InputNames, OutputNames: k.OutputNames}, sig: k.Kernel, hash: hashKernel(k.Kernel)}
	if p.variant, err = programs.generated(p.metal, dev, k.Inputs(), k.OutputDTypes); err != nil {
		return nil, fmt.Errorf("internal error: the kernel of %s: %w\n%s", k.Name, err, k.Source)
	}
	return p, nil
}

// key is everything about a call that decides its kernel and its launch.
func (w *opWork) key(in []graph.View) string {
	b := make([]byte, 0, 128)
	b = append(b, w.dev.Name()...)
	for _, v := range in {
		b = append(b, 0, byte(v.DType), byte(len(v.Dims)), byte(boolInt(v.Offset*v.DType.Size()%16 != 0)))
		for i, d := range v.Dims {
			b = binary.AppendVarint(b, int64(d))
			b = binary.AppendVarint(b, int64(v.Strides[i]))
		}
	}
	return string(b)
}

// Run implements graph.Fusible.
func (w *opWork) Run(ctx context.Context, in []graph.View) ([]graph.View, error) {
	dev := w.dev.graph
	out := make([]graph.View, len(w.specs))
	for i, s := range w.specs {
		var err error
		if out[i], err = dev.NewView(s); err != nil {
			return nil, err
		}
	}
	p, err := w.program(in)
	if err != nil {
		return nil, err
	}
	if p.kernel.Empty {
		return out, nil
	}
	operands := make([]operand, len(p.kernel.Args))
	for i, a := range p.kernel.Args {
		if operands[i], err = w.operand(a, in); err != nil {
			return nil, err
		}
	}
	return out, p.run(ctx, w.dev, w.op.f.Name, operands, out)
}

// run launches a generated kernel.
func (p *opProgram) run(ctx context.Context, dev *Device, name string, in []operand, out []graph.View) error {
	args, meta, err := bind(dev, p.variant.result.Sig.Params, in, out, true)
	if err != nil {
		return err
	}
	l := launch.Launch{Args: args, Grid: p.kernel.Grid, Group: p.kernel.Threadgroup}
	if p.variant.checked {
		l.Report = &launch.Report{}
	}
	start := time.Now()
	err = p.variant.program.Run(ctx, l)
	runtime.KeepAlive(in)
	runtime.KeepAlive(meta)
	dev.launches.Add(1)
	programs.ran(p.metal, time.Since(start))
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case l.Report != nil && len(l.Report.Findings) > 0:
		return &CheckError{Kernel: name, Findings: findings(p.variant.result.Set, l.Report)}
	}
	return nil
}

// operand returns what one input of the kernel is bound to.
func (w *opWork) operand(a codegen.Arg, in []graph.View) (operand, error) {
	scalar := func(u uint64) operand {
		return operand{data: binary.LittleEndian.AppendUint64(nil, u)[:a.DType.Size()]}
	}
	switch a.From {
	case codegen.FromInput:
		v := in[a.Index]
		if a.Layout == codegen.Scalar {
			v.View = shape.View{Offset: v.Offset}
			return operand{view: v}, nil
		}
		r, ok := v.View.Reshape(a.Reshape)
		if !ok {
			return operand{}, fmt.Errorf("internal error: input %d of %s cannot be seen as %v", a.Index, w.op.f.Name, a.Reshape)
		}
		r, err := r.Broadcast(a.Shape)
		v.View = r
		return operand{view: v}, err
	case codegen.FromParam:
		p := w.op.params[a.Index]
		if a.DType == Float64 {
			return scalar(math.Float64bits(p)), nil
		}
		return scalar(uint64(math.Float32bits(float32(p)))), nil
	case codegen.FromKeyLow:
		return scalar(codegen.KeyBits(w.op.params[a.Index]) & math.MaxUint32), nil
	case codegen.FromKeyHigh:
		return scalar(codegen.KeyBits(w.op.params[a.Index]) >> 32), nil
	}
	return scalar(a.Value), nil
}

// scalarBytes returns the bytes of a 0-dim argument, given the bits of its
// value.
func scalarBytes(d DType, bits uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, bits)[:d.Size()]
}

// Limits of fusion: beyond them a kernel runs out of registers, and of the
// buffers that a GPU can bind.
const (
	maxFusedSlots = 28 // and two sizes; Metal has 31
	maxFusedNodes = 96
)

// Absorb implements graph.Fusible. Fusing changes no bits: the operations are
// the same, in the same order, and an intermediate value is rounded to its
// dtype as if it had been stored.
func (w *opWork) Absorb(i int, in graph.Input, before graph.Fusible) graph.Fusible {
	b, ok := before.(*opWork)
	if !ok || b.dev != w.dev || !sameFloats(w, b) {
		return nil
	}
	outer, inner := w.op.f, b.op.f
	slots := w.slots + b.slots - len(b.specs) - 1
	if slots > maxFusedSlots || outer.Graph.Len()+inner.Graph.Len() > maxFusedNodes {
		return nil
	}
	result := b.specs[0]
	// The value must be used element by element, as it was made: not through a
	// view, not repeated, and along the same rows.
	if !in.View.Contiguous() || !slices.Equal(in.View.Dims, result.Dims) || in.View.Offset != 0 {
		return nil
	}
	row := outer.IsRow() || inner.IsRow()
	if outer.Inputs[i].Row || row && (len(result.Dims) == 0 || !inner.Outputs[0].Node.Varies) {
		return nil
	}
	if inner.IsRow() && !outer.IsRow() && slices.ContainsFunc(outer.Nodes(), func(n *formula.Node) bool { return !n.Varies }) {
		return nil // such a result has the last axis, and would lose it
	}
	if !slices.Equal(w.full(), result.Dims) || !slices.Equal(b.full(), result.Dims) {
		return nil
	}
	f := w.fused(i, b)
	f.slots = slots
	return f
}

// sameFloats reports whether both compute in the same type of float: float64
// is computed in where there is any.
func sameFloats(w, b *opWork) bool {
	dtypes := slices.Concat(w.dtypes, b.dtypes, []DType{b.specs[0].DType})
	other := slices.ContainsFunc(dtypes, func(d DType) bool { return d != Float64 })
	return !other || !slices.Contains(dtypes, Float64)
}

// full returns the shape that the inputs broadcast to.
func (w *opWork) full() []int {
	full, err := shape.Join(w.shapes...)
	if err != nil {
		return nil
	}
	return full
}

// fused returns the work of both: b's result in the place of input i.
func (w *opWork) fused(i int, b *opWork) *opWork {
	op := *fusedOps.get(fuseKey{w.op.shared, b.op.shared, i, b.specs[0].DType}, func() *Op {
		return opOf(fusedFormula(w.op.f, b.op.f, i, b.specs[0].DType))
	})
	op.params = slices.Concat(w.op.params, b.op.params)
	return &opWork{
		op: &op, dev: w.dev, specs: w.specs,
		dtypes: slices.Concat(w.dtypes[:i], b.dtypes, w.dtypes[i+1:]),
		shapes: slices.Concat(w.shapes[:i], b.shapes, w.shapes[i+1:]),
	}
}

// fusedFormula puts inner's result, of dtype d, in the place of input i of outer.
func fusedFormula(outer, inner *formula.Formula, i int, d DType) *formula.Formula {
	g := formula.NewGraph()
	f := &formula.Formula{Name: fusedName(inner.Name, outer.Name), Graph: g, Params: slices.Concat(outer.Params, inner.Params)}
	nb := len(inner.Inputs)
	f.Inputs = slices.Concat(outer.Inputs[:i], inner.Inputs, outer.Inputs[i+1:])
	for k := range f.Inputs {
		f.Inputs[k].Name = fmt.Sprintf("x%d", k)
	}
	for k := range f.Params {
		f.Params[k].Name = fmt.Sprintf("p%d", k)
	}
	done := map[*formula.Node]*formula.Node{}
	copyAll := func(outs []*formula.Node, input func(n *formula.Node) *formula.Node, param int) {
		for _, n := range formula.Reachable(outs...) {
			switch n.Op {
			case formula.Input:
				done[n] = input(n)
			case formula.ParamOp:
				done[n] = g.Param(n.Index + param)
			default:
				args := make([]*formula.Node, len(n.Args))
				for k, a := range n.Args {
					args[k] = done[a]
				}
				done[n] = g.Same(n, args...)
			}
		}
	}
	copyAll(inner.Nodes(), func(n *formula.Node) *formula.Node { return g.Input(i+n.Index, !n.Varies) }, len(outer.Params))
	value := g.Cast(done[inner.Outputs[0].Node], d)
	copyAll(outer.Nodes(), func(n *formula.Node) *formula.Node {
		switch {
		case n.Index == i:
			return value
		case n.Index < i:
			return g.Input(n.Index, !n.Varies)
		}
		return g.Input(n.Index+nb-1, !n.Varies)
	}, 0)
	for _, o := range outer.Outputs {
		f.Outputs = append(f.Outputs, formula.Output{Name: o.Name, Node: done[o.Node]})
	}
	return f
}

// A fuseKey says which ops were fused.
type fuseKey struct {
	outer, inner *opShared
	input        int
	dtype        DType // of inner's result
}

// fusedCache keeps fused ops, so that the same chain of operations finds its
// kernel again.
type fusedCache struct {
	mu  sync.Mutex
	ops map[fuseKey]*Op
}

var fusedOps fusedCache

func (c *fusedCache) get(k fuseKey, build func() *Op) *Op {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op := c.ops[k]; op != nil {
		return op
	}
	if c.ops == nil || len(c.ops) >= maxVariants {
		c.ops = map[fuseKey]*Op{}
	}
	op := build()
	c.ops[k] = op
	return op
}

// fusedName keeps the names of long chains short.
func fusedName(a, b string) string {
	name := a + "_" + b
	if len(name) > 40 {
		name = name[:40]
	}
	return name
}

// operand is what an input of a kernel is bound to: an array, or the bytes of
// a scalar.
type operand struct {
	view graph.View
	data []byte
}

// bind returns the arguments of a launch. Scalars, shapes, strides and ndims
// lie in one small buffer, meta.
func bind(dev *Device, params []signature.Param, in []operand, out []graph.View, undefined bool) ([]launch.Arg, graph.View, error) {
	var data []byte
	args := make([]launch.Arg, len(params))
	inMeta := make([]bool, len(params))
	for i, p := range params {
		if p.Kind == signature.OutputBuffer {
			args[i] = out[p.Of].Arg()
			args[i].Undefined = undefined
			continue
		}
		o := in[p.Of]
		if o.data == nil && (p.Kind == signature.InputBuffer || p.Kind == signature.InputScalar) {
			args[i] = o.view.Arg()
			continue
		}
		for len(data)%8 != 0 {
			data = append(data, 0)
		}
		inMeta[i] = true
		args[i].Offset, args[i].Lo = len(data), len(data)
		switch p.Kind {
		case signature.InputShape:
			for _, d := range o.view.Dims {
				data = binary.LittleEndian.AppendUint32(data, uint32(d))
			}
		case signature.InputStrides:
			for _, s := range o.view.Strides {
				data = binary.LittleEndian.AppendUint64(data, uint64(s))
			}
		case signature.InputNDim:
			data = binary.LittleEndian.AppendUint32(data, uint32(len(o.view.Dims)))
		default:
			data = append(data, o.data...)
		}
		args[i].Hi = len(data)
	}
	var meta graph.View
	if data == nil {
		return args, meta, nil
	}
	meta, err := dev.graph.NewView(spec{DType: Uint8, Dims: []int{len(data)}})
	if err != nil {
		return nil, meta, err
	}
	if err := graph.Write(meta, data); err != nil {
		return nil, meta, err
	}
	for i := range args {
		if inMeta[i] {
			args[i].Buffer = meta.Buffer.Raw()
		}
	}
	return args, meta, nil
}
