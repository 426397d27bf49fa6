// Package interp is the device that is always there: it runs kernels in pure
// Go, a threadgroup at a time, all threads in lockstep. What it computes is
// the meaning of package ir.
//
// The threads of a group are lanes. Every register is an array with one value
// a lane, an instruction is a loop over the active lanes, and a mask says
// which those are. An instruction is finished in all lanes before the next one
// starts, so a barrier has nothing to wait for.
//
// What the ir leaves open is settled here, the same way on every run:
//   - registers, threadgroup and thread memory start as zero
//   - a read outside a buffer gives zero, a write there is dropped; the same
//     goes for atomics, and for an atomic at a misaligned address
//   - a shuffle from a lane that is absent or inactive gives the own value
//   - functions such as Exp are computed in float64 and rounded once
//   - within an instruction, stores and atomics happen in lane order
//
// Threadgroups run on GOMAXPROCS goroutines, in no particular order.
//
// This file implements the device and its buffers.
package interp

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

const (
	maxThreads     = 1024     // of one threadgroup
	maxThreadgroup = 32 << 10 // bytes of threadgroup memory of one threadgroup
	maxThreadTotal = 64 << 20 // bytes of thread memory of all threads of one threadgroup
	simdWidth      = 32
)

type device struct{}

// New returns the interpreter. It holds no resources; all devices that New
// returns share each other's buffers, and take any buffer whose Host is not
// nil.
func New() launch.Device { return device{} }

func (device) Name() string { return "interp" }

func (device) Describe() string {
	return fmt.Sprintf("pure Go interpreter, %d goroutines", runtime.GOMAXPROCS(0))
}

func (device) Limits() launch.Limits {
	return launch.Limits{ThreadsPerThreadgroup: maxThreads, ThreadgroupMemory: maxThreadgroup, SimdWidth: simdWidth, Float64: true}
}

func (device) Alloc(n int) (launch.Buffer, error) {
	if n < 0 {
		return nil, fmt.Errorf("interp: cannot allocate %d bytes", n)
	}
	return &buffer{data: alignedBytes(n)}, nil
}

func (device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return compile(fn, opt)
}

func (device) Close() error { return nil }

// alignedBytes returns n bytes at a multiple of 64.
func alignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	raw := make([]byte, n+63)
	skip := int(-uintptr(unsafe.Pointer(&raw[0])) & 63)
	return raw[skip : skip+n : skip+n]
}

type buffer struct{ data []byte }

var errFreed = errors.New("interp: buffer was freed")

func (b *buffer) Size() int    { return len(b.data) }
func (b *buffer) Free()        { b.data = nil }
func (b *buffer) Host() []byte { return b.data }

func (b *buffer) Upload(offset int, p []byte) error {
	dst, err := b.part("upload", offset, len(p))
	copy(dst, p)
	return err
}

func (b *buffer) Download(offset int, p []byte) error {
	src, err := b.part("download", offset, len(p))
	copy(p, src)
	return err
}

func (b *buffer) part(verb string, offset, n int) ([]byte, error) {
	if b.data == nil {
		return nil, errFreed
	}
	if offset < 0 || n > len(b.data)-offset {
		return nil, fmt.Errorf("interp: %s of %d bytes at %d in a buffer of %d", verb, n, offset, len(b.data))
	}
	return b.data[offset : offset+n], nil
}
