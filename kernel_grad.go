// This file implements derivatives of kernels: hand-written ones, or a clear
// error.

package zmlx

import (
	"fmt"
	"slices"
)

// WithVJP returns the kernel with a reverse derivative: vjp returns one
// cotangent for each input, nil for zero, given the launch, the inputs, the
// outputs and their cotangents, zeros included. It usually calls another
// kernel.
func (m *MetalKernel) WithVJP(vjp func(l Launch, inputs, outputs, cotangents []*Array) []*Array) *MetalKernel {
	notNil(m != nil, "*MetalKernel")
	c := *m
	c.vjp = vjp
	return &c
}

// kernelPrim is a kernel's call as transforms see it.
type kernelPrim struct {
	m *MetalKernel
	l Launch
}

func (p kernelPrim) name() string { return "kernel " + p.m.spec.Name }

func (p kernelPrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	if p.m.vjp == nil {
		return nil, &TransformError{Op: p.name(), Reason: "it has no derivative: give it one with WithVJP, or use it in a Custom that has one"}
	}
	full := slices.Clone(ct)
	zeroFill(full, out)
	grads := p.m.vjp(p.l, in, out, full)
	return grads, customPrim{Custom{Name: p.name()}}.check("VJP", "inputs", grads, in)
}

func (p kernelPrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	return nil, &TransformError{Op: p.name(), Reason: "it has no forward derivative: use it in a Custom that has one"}
}

func (p kernelPrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	outs, err := mapByRows(func(args ...*Array) []*Array { return p.m.Call(p.l, args...) }, in, mapped, size)
	if err != nil {
		return nil, fmt.Errorf("vmap of %s: %w", p.name(), err)
	}
	return outs, nil
}
