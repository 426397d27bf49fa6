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
	"fmt"
	"runtime"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

var limits = launch.Limits{ThreadsPerThreadgroup: maxThreads, ThreadgroupMemory: 32 << 10, SimdWidth: simdWidth, Float64: true}

const (
	maxThreads     = 1024     // of one threadgroup
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
	return limits
}

func (device) Alloc(n int) (launch.Buffer, error) {
	return launch.NewHostBuffer("interp", n)
}

func (device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return compile(fn, opt)
}

func (device) Close() error { return nil }
