// Package lower turns a checked kernel into ir: it expands every call in
// place, takes structs and vectors apart into registers, gives memory to what
// needs an address, and chooses instructions.
//
// This file implements Lower, its errors and the kernel's parameters.
package lower

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// The codes of the errors that Lower returns.
const (
	TooLarge      source.Code = "TooLarge"      // a kernel that grows too large once its calls are expanded
	InternalError source.Code = "InternalError" // a contradiction in the checked program: a bug of ours
)

const (
	maxCalls = 256     // nested calls
	maxSize  = 1000000 // registers and statements of one kernel
	maxParts = 65536   // scalars of one value
	maxNest  = 900     // nested statements; the verifier bounds those of the ir
)

// Lower returns the ir of a checked program. The result obeys ir.Verify. An
// error is a *source.List with one finding: the kernel is too large, uses an
// atomic type that no device has, or (InternalError) contradicts itself.
func Lower(p *check.Program) (fn *ir.Func, err error) {
	l := &lowerer{
		prog:    p,
		b:       ir.NewBuilder(p.Name),
		vars:    make(map[*check.Var]*place),
		parts:   make(map[*check.Type][]part),
		layouts: make(map[*check.Struct]*layout),
		funcs:   make(map[*check.Func]funcInfo),
		lane:    [2]ir.Reg{ir.NoReg, ir.NoReg},
	}
	defer func() {
		if r := recover(); r != nil {
			fn, err = nil, l.failure(r)
		}
	}()
	l.params()
	l.frame = &frame{kernel: true}
	l.block(p.Body.Stmts, false)
	f := l.b.Finish()
	if len(l.entry) > 0 {
		stmts := make([]ir.Stmt, 0, len(l.entry)+len(f.Body.Stmts))
		f.Body.Stmts = append(append(stmts, l.entry...), f.Body.Stmts...)
	}
	f.Set = p.Set
	return f, nil
}

// A lowerer builds one kernel.
type lowerer struct {
	prog  *check.Program
	b     *ir.Builder
	entry []ir.Stmt // what runs before the body: reading attributes and scalars

	vars    map[*check.Var]*place
	parts   map[*check.Type][]part
	layouts map[*check.Struct]*layout
	funcs   map[*check.Func]funcInfo
	buffers []ir.Reg  // addresses of the kernel's parameters
	lane    [2]ir.Reg // row and column; see position

	frame   *frame
	jumps   []jump
	calls   int
	stmts   int
	depth   int  // statements around this one
	sharing bool // declarations in the list of a switch with fallthrough

	slab []ir.Reg
}

// A stop ends lowering with an error.
type stop struct {
	span source.Span
	code source.Code
	msg  string
	hint string
}

// span returns the place in the text of what is being lowered.
func (l *lowerer) span() source.Span {
	s := l.b.SetSpan(source.Span{})
	l.b.SetSpan(s)
	return s
}

// bug reports a contradiction in the checked program.
func (l *lowerer) bug(format string, args ...any) {
	panic(stop{span: l.span(), code: InternalError, msg: "internal error: " + fmt.Sprintf(format, args...)})
}

func (l *lowerer) tooLarge(span source.Span, what string) {
	panic(stop{span, TooLarge, what, "calls are expanded in place: use loops where functions call functions many times"})
}

func (l *lowerer) failure(r any) error {
	s, ok := r.(stop)
	if !ok {
		s = stop{span: l.span(), code: InternalError, msg: fmt.Sprintf("internal error: %v", r)}
	}
	list := &source.List{Set: l.prog.Set}
	if list.Set == nil {
		list.Set = &source.Set{}
	}
	list.Errorf(s.span, s.code, "%s", s.msg).Hint = s.hint
	return list
}

// room reports an error if the kernel has grown too large.
func (l *lowerer) room(span source.Span) {
	if l.stmts++; l.stmts > maxSize || len(l.b.Func().Regs) > maxSize {
		l.tooLarge(span, "this kernel grows too large: over a million instructions once its calls are expanded")
	}
}

// regs returns a new list of n registers.
func (l *lowerer) regs(n int) []ir.Reg {
	if len(l.slab)+n > cap(l.slab) {
		l.slab = make([]ir.Reg, 0, max(512, n))
	}
	k := len(l.slab)
	l.slab = l.slab[:k+n]
	return l.slab[k : k+n : k+n]
}

// one returns a list of one register.
func (l *lowerer) one(r ir.Reg) []ir.Reg {
	v := l.regs(1)
	v[0] = r
	return v
}

// ---- Parameters

var dtypes = map[dtype.DType]ir.Type{
	dtype.Bool: ir.Bool, dtype.Uint8: ir.U8, dtype.Uint16: ir.U16, dtype.Uint32: ir.U32, dtype.Uint64: ir.U64,
	dtype.Int8: ir.I8, dtype.Int16: ir.I16, dtype.Int32: ir.I32, dtype.Int64: ir.I64,
	dtype.Float16: ir.F16, dtype.BFloat16: ir.BF16, dtype.Float32: ir.F32, dtype.Float64: ir.F64, dtype.Complex64: ir.F32,
}

func (l *lowerer) params() {
	if l.prog.Sig == nil {
		return
	}
	for _, p := range l.prog.Sig.Params {
		q := ir.Param{Name: p.Name, Elem: dtypes[p.DType], Lanes: 1, Space: ir.Device, Output: p.Kind == signature.OutputBuffer, Atomic: p.Atomic}
		if p.DType == dtype.Complex64 {
			q.Lanes = 2
		}
		if p.Constant {
			q.Space = ir.Constant
		}
		l.buffers = append(l.buffers, l.b.Param(q))
	}
}

func (l *lowerer) param(v *check.Var) ir.Reg {
	if v.Index < 0 || v.Index >= len(l.buffers) {
		l.bug("%s is parameter %d of %d", v.Name, v.Index, len(l.buffers))
	}
	return l.buffers[v.Index]
}

// ---- What runs before the body

func (l *lowerer) atEntry(in ir.Instr) {
	in.Span = l.span()
	l.entry = append(l.entry, &in)
}

// entryVar makes room for a parameter or attribute that is assigned to or has
// its address taken, with the given value.
func (l *lowerer) entryVar(v *check.Var, val []ir.Reg) *place {
	pl := &place{t: v.Type}
	parts := l.partsOf(v.Type)
	if v.Addressed {
		pl.kind, pl.addr = inMemory, ir.At(l.alloc(v.Name, v.Type, ir.Thread, v.Span), 0)
		for i, p := range parts {
			l.atEntry(ir.Instr{Op: ir.Store, Type: p.t, Args: val[i : i+1], Addr: ir.At(pl.addr.Base, p.off)})
		}
		return pl
	}
	pl.regs = l.regs(len(parts))
	for i, p := range parts {
		pl.regs[i] = l.variable(p, val[i], l.partName(v, i, len(parts)))
		l.atEntry(ir.Instr{Op: ir.Mov, Type: p.t, Dst: pl.regs[i : i+1], Args: val[i : i+1]})
	}
	return pl
}

// scalarParam loads a 0-dim input, once.
func (l *lowerer) scalarParam(v *check.Var) *place {
	base := l.param(v)
	if v.Addressed && !v.Assigned {
		return &place{t: v.Type, kind: inMemory, addr: ir.At(base, 0)}
	}
	parts := l.partsOf(v.Type)
	val := l.regs(len(parts))
	for i, p := range parts {
		val[i] = l.b.Temp(p.t)
		l.atEntry(ir.Instr{Op: ir.Load, Type: p.t, Dst: val[i : i+1], Addr: ir.At(base, p.off)})
	}
	if v.Addressed || v.Assigned {
		return l.entryVar(v, val)
	}
	return &place{t: v.Type, regs: val, home: l.one(base)}
}

func (l *lowerer) bufferParam(v *check.Var) *place {
	base := l.param(v)
	if v.Addressed || v.Assigned {
		return l.entryVar(v, l.one(base))
	}
	return &place{t: v.Type, regs: l.one(base)}
}

var attributes = map[string]ir.SpecialKind{
	"thread_position_in_grid":             ir.ThreadPositionInGrid,
	"thread_position_in_threadgroup":      ir.ThreadPositionInThreadgroup,
	"threadgroup_position_in_grid":        ir.ThreadgroupPositionInGrid,
	"threads_per_grid":                    ir.ThreadsPerGrid,
	"grid_size":                           ir.ThreadsPerGrid,
	"threads_per_threadgroup":             ir.ThreadsPerThreadgroup,
	"dispatch_threads_per_threadgroup":    ir.DispatchThreadsPerThreadgroup,
	"threadgroups_per_grid":               ir.ThreadgroupsPerGrid,
	"grid_origin":                         ir.GridOrigin,
	"thread_index_in_threadgroup":         ir.ThreadIndexInThreadgroup,
	"thread_index_in_simdgroup":           ir.ThreadIndexInSimdgroup,
	"simdgroup_index_in_threadgroup":      ir.SimdgroupIndexInThreadgroup,
	"simdgroups_per_threadgroup":          ir.SimdgroupsPerThreadgroup,
	"dispatch_simdgroups_per_threadgroup": ir.DispatchSimdgroupsPerThreadgroup,
	"threads_per_simdgroup":               ir.ThreadsPerSimdgroup,
	"thread_execution_width":              ir.ThreadsPerSimdgroup,
	"thread_index_in_quadgroup":           ir.ThreadIndexInQuadgroup,
	"quadgroup_index_in_threadgroup":      ir.QuadgroupIndexInThreadgroup,
	"quadgroups_per_threadgroup":          ir.QuadgroupsPerThreadgroup,
	"dispatch_quadgroups_per_threadgroup": ir.DispatchQuadgroupsPerThreadgroup,
}

// attribute returns the place of a thread attribute; its elements are read
// when element asks for them, unless it is assigned to.
func (l *lowerer) attribute(v *check.Var) *place {
	if _, ok := attributes[v.Attr]; !ok {
		l.bug("there is no thread attribute %q", v.Attr)
	}
	pl := &place{t: v.Type, regs: l.regs(v.Type.Comps())}
	for i := range pl.regs {
		pl.regs[i] = ir.NoReg
	}
	if v.Assigned || v.Addressed {
		for i := range pl.regs {
			l.needAttribute(v, pl, i)
		}
		return l.entryVar(v, pl.regs)
	}
	return pl
}

// needAttribute reads element i of an attribute at the kernel's start, once.
func (l *lowerer) needAttribute(v *check.Var, pl *place, i int) {
	if pl.kind != inRegs || pl.regs[i] != ir.NoReg {
		return
	}
	r := l.b.Temp(ir.U32)
	pl.regs[i] = r
	l.atEntry(ir.Instr{Op: ir.Special, Type: ir.U32, Dst: l.one(r), Imm: int64(attributes[v.Attr]) + int64(i)})
}
