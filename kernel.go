// This file implements kernels as objects: a Metal body, and the calls of it.

package zmlx

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Kernel describes a kernel in the Metal Shading Language, with the field
// names and the meaning of MLX's mx.fast.metal_kernel.
type Kernel struct {
	// Name identifies the kernel in messages and in the generated text.
	Name string

	// InputNames and OutputNames are the names that the body uses. An input is
	// a pointer, or, if it is 0-dim, the value itself. The body may also use
	// NAME_shape, NAME_strides and NAME_ndim of an input, and Metal's thread
	// attributes such as thread_position_in_grid.
	InputNames  []string
	OutputNames []string

	// Source is the body of the kernel function.
	Source string

	// Header is put before the function: helper functions, structs, macros.
	Header string

	// EnsureRowContiguous says whether strided inputs are copied to dense
	// memory first. Nil means true. Where it is false, the body must use the
	// inputs' strides; write EnsureRowContiguous: new(false).
	EnsureRowContiguous *bool

	// AtomicOutputs makes every output a device atomic<T>*.
	AtomicOutputs bool
}

// A TemplateArg gives a template parameter of the kernel its value: a [DType],
// an int or a bool.
type TemplateArg struct {
	Name  string
	Value any
}

// A Launch says how a kernel is called. Its zero value is safe: outputs have
// the shape and dtype of the first input, one thread runs for each element of
// the first output, and the threadgroup is the largest power of two of at most
// 256 threads that the grid fills.
type Launch struct {
	Template     []TemplateArg
	Grid         [3]int   // threads, not threadgroups
	Threadgroup  [3]int   // threads; cut to the grid, smaller at its edge
	OutputShapes [][]int  // one for each output
	OutputDTypes []DType  // one for each output
	InitValue    *float64 // what outputs hold before the kernel runs; nil: nothing defined
	Verbose      bool     // print the generated Metal text and the launch
	Device       *Device  // nil: the inputs' device, or the default one if there are none
}

// A MetalKernel is a Kernel that can be called. It may be used by many
// goroutines at once.
type MetalKernel struct {
	spec Kernel
	sig  signature.Kernel
	hash [sha256.Size]byte
	vjp  func(l Launch, inputs, outputs, cotangents []*Array) []*Array // nil: none

	recent *atomic.Pointer[recentVariant] // shared with copies
}

// Compile returns k ready to be called. What does not depend on the inputs is
// checked here: names and their counts. The text is compiled when it is called
// with dtypes and template arguments it was not called with before; its faults
// come as a [*CompileError] in the arrays that the call returns.
func Compile(k Kernel) (*MetalKernel, error) {
	sig := signature.Kernel{
		Name:                k.Name,
		InputNames:          slices.Clone(k.InputNames),
		OutputNames:         slices.Clone(k.OutputNames),
		Source:              k.Source,
		Header:              k.Header,
		EnsureRowContiguous: k.EnsureRowContiguous == nil || *k.EnsureRowContiguous,
		AtomicOutputs:       k.AtomicOutputs,
	}
	if err := signature.Validate(sig); err != nil {
		return nil, err
	}
	m := &MetalKernel{spec: k, sig: sig, hash: hashKernel(sig), recent: new(atomic.Pointer[recentVariant])}
	m.spec.InputNames, m.spec.OutputNames = sig.InputNames, sig.OutputNames
	programs.register(m)
	return m, nil
}

// MustCompile is like [Compile] but panics if the kernel is faulty. It is for
// package-level variables.
func MustCompile(k Kernel) *MetalKernel {
	m, err := Compile(k)
	if err != nil {
		panic("zmlx: " + err.Error())
	}
	return m
}

// hashKernel returns a hash of everything about the kernel itself that decides
// its code.
func hashKernel(k signature.Kernel) [sha256.Size]byte {
	h := sha256.New()
	put := func(parts ...string) {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(parts)))
		h.Write(n[:])
		for _, s := range parts {
			binary.LittleEndian.PutUint64(n[:], uint64(len(s)))
			h.Write(n[:])
			h.Write([]byte(s))
		}
	}
	put(k.Name, k.Source, k.Header, fmt.Sprint(k.EnsureRowContiguous, k.AtomicOutputs))
	put(k.InputNames...)
	put(k.OutputNames...)
	return [sha256.Size]byte(h.Sum(nil))
}

// Name returns the kernel's name.
func (m *MetalKernel) Name() string {
	notNil(m != nil, "*MetalKernel")
	return m.spec.Name
}

// Spec returns the description that the kernel was compiled from.
func (m *MetalKernel) Spec() Kernel {
	notNil(m != nil, "*MetalKernel")
	k := m.spec
	k.InputNames, k.OutputNames = slices.Clone(k.InputNames), slices.Clone(k.OutputNames)
	return k
}

// String returns the kernel's name with its inputs and outputs, such as
// "saxpy(a, x, y) -> out".
func (m *MetalKernel) String() string {
	notNil(m != nil, "*MetalKernel")
	s := m.spec.Name + "("
	for i, n := range m.spec.InputNames {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	s += ") -> "
	for i, n := range m.spec.OutputNames {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

// Call returns the kernel's outputs for the inputs, in the order of
// OutputNames, not computed yet. The kernel runs once, when the first of them
// is needed. An error, of the text too, is carried by every output.
func (m *MetalKernel) Call(l Launch, inputs ...*Array) []*Array {
	c, err := m.prepare(l, inputs)
	if err != nil {
		return m.failed(err)
	}
	v, err := programs.compile(context.Background(), m, c, false)
	if err != nil {
		return m.failed(err)
	}
	if l.Verbose {
		c.print(v)
	}
	outs := newOp(m.spec.Name, c.dev, c.inputs, c.outputs, c.runner(m, v, nil))
	if slices.ContainsFunc(inputs, (*Array).traced) {
		return recorded(kernelPrim{m, l}, inputs, outs)
	}
	return outs
}

func (m *MetalKernel) failed(err error) []*Array {
	out := make([]*Array, len(m.spec.OutputNames))
	for i := range out {
		out[i] = failed(err)
	}
	return out
}

// A KernelError says that a kernel was called in a way it cannot be called.
type KernelError struct {
	Kernel string
	Reason string
	Caller string // file:line of the call
}

func (e *KernelError) Error() string { return e.Kernel + ": " + e.Reason + at(e.Caller) }

func (m *MetalKernel) misuse(format string, args ...any) error {
	return &KernelError{Kernel: m.spec.Name, Reason: fmt.Sprintf(format, args...), Caller: caller()}
}

// A Diagnostic is one finding about a kernel's text.
type Diagnostic struct {
	Code    string // such as "UndeclaredName"; docs/errors.md explains each
	File    string // the kernel's name, or "NAME (header)"
	Line    int    // from 1; 0 if it is about no place
	Column  int    // from 1, in bytes
	Warning bool
	Message string
	Hint    string // what to do; may be empty
	Text    string // all of it, with the line and a caret
}

// A CompileError says what is wrong with a kernel's text.
type CompileError struct {
	Kernel      string
	Diagnostics []Diagnostic
	Context     string // the inputs and outputs of the call
	Caller      string // file:line of the call
}

// Error returns all findings, each with its line and a caret.
func (e *CompileError) Error() string {
	s := e.Kernel + " does not compile" + at(e.Caller)
	for _, d := range e.Diagnostics {
		if !d.Warning {
			s += "\n" + d.Text
		}
	}
	if e.Context != "" {
		s += "\n  " + e.Context
	}
	return s
}

// compileError makes a public error of what compiling a kernel gave.
func (m *MetalKernel) compileError(err error, c *call) error {
	if e, ok := errors.AsType[*DeviceError](err); ok {
		c := *e
		c.Caller = caller()
		return &c
	}
	var list *source.List
	if !errors.As(err, &list) {
		return m.misuse("%s", trimName(err, m.spec.Name))
	}
	return &CompileError{Kernel: m.spec.Name, Diagnostics: diagnostics(list.Set, list.Diags), Context: c.describe(m), Caller: caller()}
}

func diagnostics(set *source.Set, diags []source.Diag) []Diagnostic {
	out := make([]Diagnostic, 0, len(diags))
	for _, d := range diags {
		p := set.Position(d.Span.Pos)
		out = append(out, Diagnostic{
			Code: string(d.Code), File: p.File, Line: p.Line, Column: p.Column, Warning: d.Severity == source.Warning,
			Message: d.Msg, Hint: d.Hint, Text: set.Format(d),
		})
	}
	return out
}

// templateArgs converts a call's template arguments.
func (m *MetalKernel) templateArgs(args []TemplateArg) ([]signature.TemplateArg, error) {
	if len(args) == 0 {
		return nil, nil
	}
	out := make([]signature.TemplateArg, len(args))
	for i, a := range args {
		t := signature.TemplateArg{Name: a.Name}
		switch v := a.Value.(type) {
		case DType:
			t.Kind, t.DType = signature.TypeArg, v
			if !v.Valid() {
				return nil, m.misuse("template argument %s is no dtype", a.Name)
			}
		case bool:
			t.Kind, t.Bool = signature.BoolArg, v
		case int:
			if int(int32(v)) != v {
				return nil, m.misuse("template argument %s is %d, which does not fit into 32 bits", a.Name, v)
			}
			t.Kind, t.Int = signature.IntArg, int32(v)
		default:
			return nil, m.misuse("template argument %s is a %T; it has to be a DType, an int or a bool", a.Name, a.Value)
		}
		out[i] = t
	}
	return out, nil
}

// appendKey appends what, besides the kernel itself and the device, decides a
// call's code: dtypes, the inputs' way of being passed, and the template
// arguments.
func (c *call) appendKey(b []byte) []byte {
	for _, in := range c.inputs {
		b = append(b, byte(in.DType()), passing(in))
	}
	for _, o := range c.outputs {
		b = append(b, 'o', byte(o.DType))
	}
	for _, t := range c.template {
		b = append(b, 't', byte(t.Kind))
		b = append(b, t.Name...)
		b = append(b, 0)
		switch t.Kind {
		case signature.TypeArg:
			b = append(b, byte(t.DType))
		case signature.IntArg:
			b = binary.LittleEndian.AppendUint32(b, uint32(t.Int))
		case signature.BoolArg:
			b = append(b, byte(boolInt(t.Bool)))
		}
	}
	return b
}

// passing tells the ways apart in which MLX passes an input: by reference, in
// constant memory, in device memory.
func passing(a *Array) byte {
	switch {
	case a.NDim() == 0:
		return 's'
	case a.Size() < signature.ConstantLimit:
		return 'c'
	}
	return 'd'
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// signatureInputs describes the inputs for the signature.
func (c *call) signatureInputs() ([]signature.Input, []dtype.DType) {
	ins := make([]signature.Input, len(c.inputs))
	for i, a := range c.inputs {
		ins[i] = signature.Input{DType: a.DType(), Shape: a.Shape()}
	}
	outs := make([]dtype.DType, len(c.outputs))
	for i, o := range c.outputs {
		outs[i] = o.DType
	}
	return ins, outs
}
