// This file implements plans: all that calls of an op have in common whose
// inputs lie alike. A plan is made once; what is left for each call is to find
// it, to make the node, and to fill buffers into the arguments of the launch.

package zmlx

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A layout says how an input lies: all of its view but the offset.
type layout struct {
	dtype   DType
	dims    []int
	strides []int
}

func (l *layout) is(d DType, v *shape.View) bool {
	return l.dtype == d && slices.Equal(l.dims, v.Dims) && slices.Equal(l.strides, v.Strides)
}

// A plan is what calls of one op on one device have in common.
type plan struct {
	f      *formula.Formula
	shared *opShared
	dev    *Device
	inputs []layout
	dtypes []DType // of the inputs
	shapes [][]int
	full   []int // that the inputs broadcast to
	specs  []spec
	dense  []shape.View // of the results
	bytes  []int        // of the results
	slots  int          // at most so many arguments

	recent atomic.Pointer[opProgram] // the latest of programs

	mu       sync.Mutex
	programs []*opProgram // by which inputs are misaligned
	epoch    int64        // of programCache when programs was last empty
	fused    map[fusion]*plan
}

// A fusion says which plan takes the place of which input.
type fusion struct {
	inner *plan
	input int
}

// plans keeps an op's plans by a hash of what they are for. Of two with the
// same hash the later one stays.
type plans struct {
	recent atomic.Pointer[plan] // the latest that was found

	mu     sync.Mutex
	byHash map[uint64]*plan
}

// hashLayout mixes how an input lies into h.
func hashLayout(h uint64, d DType, v *shape.View) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h = (h ^ uint64(d) ^ uint64(len(v.Dims))<<8) * prime
	for i, n := range v.Dims {
		h = (h ^ uint64(n)) * prime
		h = (h ^ h>>29 ^ uint64(v.Strides[i])) * prime
	}
	return h
}

func (p *plans) find(h uint64) *plan {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byHash[h]
}

func (p *plans) keep(h uint64, made *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byHash == nil || len(p.byHash) >= maxVariants {
		p.byHash = map[uint64]*plan{}
	}
	p.byHash[h] = made
}

// plan returns the plan of a call.
func (o *Op) plan(dev *Device, inputs []*Array) (*plan, error) {
	plans := &o.shared.plans
	if p := plans.recent.Load(); p != nil && p.isFor(dev, inputs) {
		return p, nil
	}
	h := dev.number
	for _, a := range inputs {
		h = hashLayout(h, a.DType(), &a.view)
	}
	if p := plans.find(h); p != nil && p.isFor(dev, inputs) {
		plans.recent.Store(p)
		return p, nil
	}
	layouts := make([]layout, len(inputs))
	for i, a := range inputs {
		layouts[i] = layout{a.DType(), a.view.Dims, a.view.Strides}
	}
	p, err := newPlan(o.f, o.shared, dev, layouts)
	if err != nil {
		return nil, err
	}
	plans.keep(h, p)
	plans.recent.Store(p)
	return p, nil
}

func (p *plan) isFor(dev *Device, inputs []*Array) bool {
	if p.dev != dev || len(p.inputs) != len(inputs) {
		return false
	}
	for i, a := range inputs {
		if !p.inputs[i].is(a.DType(), &a.view) {
			return false
		}
	}
	return true
}

// newPlan makes a plan. Errors about shapes are *ShapeError.
func newPlan(f *formula.Formula, shared *opShared, dev *Device, inputs []layout) (*plan, error) {
	p := &plan{f: f, shared: shared, dev: dev, inputs: inputs}
	c := codegen.Call{Inputs: make([]codegen.Input, len(inputs)), Target: codegen.Native}
	for i, l := range inputs {
		if l.dtype == Complex64 {
			return nil, &DTypeError{Op: f.Name, DTypes: []DType{Complex64}, Reason: "definitions do not take complex numbers", Caller: caller()}
		}
		c.Inputs[i] = codegen.Input{DType: l.dtype, Shape: l.dims, Strides: l.strides}
		p.dtypes, p.shapes = append(p.dtypes, l.dtype), append(p.shapes, l.dims)
	}
	fault := func(err error) error {
		return &ShapeError{Op: f.Name, Shapes: p.shapes, Reason: trimName(err, f.Name), Caller: caller()}
	}
	types, shapes, err := codegen.Types(f, c)
	if err != nil {
		return nil, fault(err)
	}
	for i, d := range types {
		s := spec{DType: d, Dims: shapes[i]}
		if err := dev.holds(f.Name, d); err != nil {
			return nil, err
		}
		n, err := s.Bytes()
		if err != nil {
			return nil, fault(err)
		}
		p.specs, p.dense, p.bytes = append(p.specs, s), append(p.dense, shape.New(s.Dims)), append(p.bytes, n)
	}
	if full, err := shape.Join(p.shapes...); err == nil {
		p.full = full
	}
	p.countSlots()
	return p, nil
}

// countSlots bounds the arguments of the kernel: a strided input takes four,
// with its shape, strides and number of axes, and a parameter that is a key two.
func (p *plan) countSlots() {
	p.slots = 2*len(p.f.Params) + len(p.specs)
	for _, l := range p.inputs {
		v := shape.View{Dims: l.dims, Strides: l.strides}
		dense := v.Contiguous() && (len(l.dims) <= 1 || slices.Equal(l.dims, p.full))
		if p.slots++; !dense {
			p.slots += 3
		}
	}
}

// An opProgram is a generated kernel, ready to run for calls of one shape.
type opProgram struct {
	misaligned uint64 // a bit for each input
	epoch      int64  // of programCache
	kernel     *codegen.Kernel
	metal      *MetalKernel
	variant    *variant

	args      []opArg
	fromMeta  bool // some argument lies in meta
	constants atomic.Pointer[opConstants]
}

// An opArg is an argument of a generated kernel, for an input that starts at
// offset 0.
type opArg struct {
	launch.Arg
	from  argSource
	index int
	size  int // bytes of an element of the input
}

type argSource uint8

const (
	argOutput argSource = iota
	argInput
	argMeta
)

// opConstants is the memory of the small arguments, for certain parameters.
type opConstants struct {
	params []float64
	meta   graph.View
}

// misaligned returns which inputs do not start at a multiple of 16 bytes.
func misaligned(in []graph.View) uint64 {
	var mask uint64
	for i := range in {
		if in[i].Offset != 0 && in[i].Offset*in[i].DType.Size()%16 != 0 {
			mask |= 1 << min(i, 63)
		}
	}
	return mask
}

// program returns the kernel for inputs that lie like in.
func (p *plan) program(ctx context.Context, in []graph.View) (*opProgram, error) {
	mask := misaligned(in)
	if r := p.recent.Load(); r != nil && r.misaligned == mask && r.epoch == programs.epoch.Load() {
		return r, nil
	}
	e, known := p.known(mask)
	if known != nil {
		return known, nil
	}
	// p.mu is not held now, lest others wait for the compiler although their
	// contexts end.
	c := codegen.Call{Inputs: make([]codegen.Input, len(in)), Target: codegen.Native, GPU: !p.dev.graph.OnHost()}
	for i, l := range p.inputs {
		c.Inputs[i] = codegen.Input{DType: l.dtype, Shape: l.dims, Strides: l.strides, Misaligned: mask>>min(i, 63)&1 != 0}
	}
	g := p.dev.graph
	s := codegen.DefaultSchedule(p.f, c, codegen.Limits{Threads: g.Limits().ThreadsPerThreadgroup, CPU: g.OnHost()})
	k, err := codegen.Generate(p.f, c, s)
	if err != nil {
		return nil, err
	}
	made, err := newProgram(ctx, p.dev, k)
	if err != nil {
		return nil, err
	}
	made.misaligned, made.epoch = mask, e
	if !k.Empty {
		if err := made.layOut(p); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoch == e && !slices.ContainsFunc(p.programs, func(q *opProgram) bool { return q.misaligned == mask }) {
		p.programs = append(p.programs, made)
		p.recent.Store(made)
	}
	return made, nil
}

// known returns the kernel for inputs that are misaligned as mask says, if there
// is one, and the epoch for which that is so.
func (p *plan) known(mask uint64) (epoch int64, known *opProgram) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := programs.epoch.Load(); p.epoch != e { // since then the cache was cleared
		p.programs, p.epoch = nil, e
	}
	for _, known := range p.programs {
		if known.misaligned == mask {
			p.recent.Store(known)
			return p.epoch, known
		}
	}
	return p.epoch, nil
}

// newProgram compiles a generated kernel.
func newProgram(ctx context.Context, dev *Device, k *codegen.Kernel) (*opProgram, error) {
	p := &opProgram{kernel: k}
	if k.Empty {
		return p, nil
	}
	group, err := signature.ClampGroup(k.Grid, k.Threadgroup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.Name, err)
	}
	k.Threadgroup = group
	p.metal = &MetalKernel{spec: Kernel{Name: k.Name, InputNames: k.InputNames, OutputNames: k.OutputNames}, sig: k.Kernel, hash: hashKernel(k.Kernel), recent: new(atomic.Pointer[recentVariant])}
	p.variant, err = programs.generated(ctx, p.metal, dev, k.Inputs(), k.OutputDTypes)
	if _, text := errors.AsType[*source.List](err); text {
		return nil, fmt.Errorf("internal error: the kernel of %s: %w\n%s", k.Name, err, k.Source)
	}
	return p, err
}

// layOut settles all about the arguments that does not change from call to call.
func (p *opProgram) layOut(plan *plan) error {
	in := make([]graph.View, len(plan.inputs))
	for i, l := range plan.inputs {
		in[i] = graph.View{View: shape.View{Dims: l.dims, Strides: l.strides}, DType: l.dtype}
	}
	operands, err := p.operands(plan.f, in, nil)
	if err != nil {
		return err
	}
	size := 0
	for _, prm := range p.variant.result.Sig.Params {
		switch {
		case prm.Kind == signature.OutputBuffer:
			p.args = append(p.args, opArg{Arg: launch.Arg{Hi: plan.bytes[prm.Of], Undefined: true}, from: argOutput, index: prm.Of})
		case inPlace(prm, operands[prm.Of]):
			a := p.kernel.Args[prm.Of]
			p.args = append(p.args, opArg{Arg: operands[prm.Of].view.Place(), from: argInput, index: a.Index, size: in[a.Index].DType.Size()})
		default:
			size = (size + 7) &^ 7
			n := len(appendMeta(nil, prm, operands[prm.Of]))
			p.args = append(p.args, opArg{Arg: launch.Arg{Offset: size, Lo: size, Hi: size + n}, from: argMeta})
			size += n
			p.fromMeta = true
		}
	}
	return nil
}

// operands returns what the inputs of the kernel are bound to. Without params
// parameters are 0.
func (p *opProgram) operands(f *formula.Formula, in []graph.View, params []float64) ([]operand, error) {
	if params == nil {
		params = make([]float64, len(f.Params))
	}
	out := make([]operand, len(p.kernel.Args))
	for i, a := range p.kernel.Args {
		switch a.From {
		case codegen.FromInput:
			v := in[a.Index]
			if a.Layout == codegen.Scalar {
				v.View = shape.View{Offset: v.Offset}
				out[i] = operand{view: v}
				continue
			}
			r, ok := v.View.Reshape(a.Reshape)
			if !ok {
				return nil, fmt.Errorf("internal error: input %d of %s cannot be seen as %v", a.Index, f.Name, a.Reshape)
			}
			var err error
			if v.View, err = r.Broadcast(a.Shape); err != nil {
				return nil, err
			}
			out[i] = operand{view: v}
		case codegen.FromParam:
			bits := uint64(math.Float32bits(float32(params[a.Index])))
			if a.DType == Float64 {
				bits = math.Float64bits(params[a.Index])
			}
			out[i] = operand{data: scalarBytes(a.DType, bits)}
		case codegen.FromKeyLow:
			out[i] = operand{data: scalarBytes(a.DType, codegen.KeyBits(params[a.Index])&math.MaxUint32)}
		case codegen.FromKeyHigh:
			out[i] = operand{data: scalarBytes(a.DType, codegen.KeyBits(params[a.Index])>>32)}
		default:
			out[i] = operand{data: scalarBytes(a.DType, a.Value)}
		}
	}
	return out, nil
}

// scalarBytes returns the bytes of a 0-dim argument, given the bits of its
// value.
func scalarBytes(d DType, bits uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, bits)[:d.Size()]
}

// meta returns the memory of the small arguments.
func (p *opProgram) meta(plan *plan, in []graph.View, params []float64) (graph.View, error) {
	if c := p.constants.Load(); c != nil && sameBits(c.params, params) {
		return c.meta, nil
	}
	operands, err := p.operands(plan.f, in, params)
	if err != nil {
		return graph.View{}, err
	}
	meta, err := p.variant.meta(plan.dev, operands)
	if err == nil {
		p.constants.Store(&opConstants{slices.Clone(params), meta})
	}
	return meta, err
}

// sameBits reports whether two lists of parameters are the same, be they NaN.
func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

// argPool keeps the arguments of launches that were made.
var argPool = sync.Pool{New: func() any { return new([]launch.Arg) }}

// run launches the kernel for the inputs of a call that lie as the plan says.
func (p *opProgram) run(ctx context.Context, plan *plan, in, out []graph.View, params []float64) error {
	var meta graph.View
	if p.fromMeta {
		var err error
		if meta, err = p.meta(plan, in, params); err != nil {
			return err
		}
	}
	pooled := argPool.Get().(*[]launch.Arg)
	args := (*pooled)[:0]
	for i := range p.args {
		a := &p.args[i]
		arg := a.Arg
		switch a.from {
		case argOutput:
			arg.Buffer = out[a.index].Buffer.Raw()
		case argInput:
			v := &in[a.index]
			arg.Buffer = v.Buffer.Raw()
			shift := v.Offset * a.size
			arg.Offset, arg.Lo, arg.Hi = arg.Offset+shift, arg.Lo+shift, arg.Hi+shift
		case argMeta:
			arg.Buffer = meta.Buffer.Raw()
		}
		args = append(args, arg)
	}
	err := p.variant.launch(ctx, plan.dev, "", plan.f.Name, launch.Launch{Args: args, Grid: p.kernel.Grid, Group: p.kernel.Threadgroup}, in, out, meta)
	clear(args)
	*pooled = args
	argPool.Put(pooled)
	return err
}

// launch runs the variant's program, counts it and returns its error, which
// begins with prefix and name. in, out and meta hold the memory it uses.
func (v *variant) launch(ctx context.Context, dev *Device, prefix, name string, l launch.Launch, in, out []graph.View, meta graph.View) error {
	own := v.checked && l.Report == nil
	if own {
		l.Report = &launch.Report{}
	}
	var err error
	if timing.Load() {
		err = v.timed(ctx, dev, l, in, out, meta)
	} else {
		err = dev.graph.Launch(ctx, v.program, l, in, out, meta)
	}
	dev.launches.Add(1)
	v.entry.runs.Add(1)
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return err
	case err != nil && strings.Contains(err.Error(), "kernel "+name+":"):
		return err // the device has named it
	case err != nil:
		return fmt.Errorf("%s%s: %w", prefix, name, err)
	case own && len(l.Report.Findings) > 0:
		return &CheckError{Kernel: name, Findings: findings(v.result.Set, l.Report)}
	}
	return nil
}

// timed launches, waits and notes how long the device took.
func (v *variant) timed(ctx context.Context, dev *Device, l launch.Launch, in, out []graph.View, meta graph.View) error {
	took, err := dev.graph.Time(func() error { return dev.graph.Launch(ctx, v.program, l, in, out, meta) })
	v.entry.device.Add(int64(took))
	dev.deviceTime.Add(int64(took))
	return err
}

// operand is what an input of a kernel is bound to: an array, or the bytes of
// a scalar.
type operand struct {
	view graph.View
	data []byte
}

// inPlace reports whether an argument is an input's own memory, and not a small
// constant.
func inPlace(prm signature.Param, o operand) bool {
	return o.data == nil && (prm.Kind == signature.InputBuffer || prm.Kind == signature.InputScalar)
}

// appendMeta appends the bytes of a small argument.
func appendMeta(data []byte, prm signature.Param, o operand) []byte {
	switch prm.Kind {
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
	return data
}

// meta returns memory with the small arguments of a launch: scalars, shapes,
// strides and numbers of axes, each at a multiple of 8 bytes.
func (v *variant) meta(dev *Device, in []operand) (graph.View, error) {
	var few [256]byte
	data := few[:0]
	for _, prm := range v.result.Sig.Params {
		if prm.Kind == signature.OutputBuffer || inPlace(prm, in[prm.Of]) {
			continue
		}
		for len(data)%8 != 0 {
			data = append(data, 0)
		}
		data = appendMeta(data, prm, in[prm.Of])
	}
	return dev.graph.Constant(data)
}

// bind returns the arguments of a launch. Scalars, shapes, strides and ndims
// lie in meta.
func (v *variant) bind(args []launch.Arg, dev *Device, in []operand, out []graph.View, undefined bool) ([]launch.Arg, graph.View, error) {
	var meta graph.View
	at := 0
	for _, prm := range v.result.Sig.Params {
		switch {
		case prm.Kind == signature.OutputBuffer:
			a := out[prm.Of].Arg()
			a.Undefined = undefined
			args = append(args, a)
		case inPlace(prm, in[prm.Of]):
			args = append(args, in[prm.Of].view.Arg())
		default:
			if meta.Buffer == nil {
				var err error
				if meta, err = v.meta(dev, in); err != nil {
					return nil, meta, err
				}
			}
			at = (at + 7) &^ 7
			n := metaSize(prm, in[prm.Of])
			args = append(args, launch.Arg{Buffer: meta.Buffer.Raw(), Offset: at, Lo: at, Hi: at + n})
			at += n
		}
	}
	return args, meta, nil
}

// metaSize returns how many bytes appendMeta appends.
func metaSize(prm signature.Param, o operand) int {
	switch prm.Kind {
	case signature.InputShape:
		return 4 * len(o.view.Dims)
	case signature.InputStrides:
		return 8 * len(o.view.Dims)
	case signature.InputNDim:
		return 4
	}
	return len(o.data)
}
