// Package launch defines what a device is: something that allocates memory,
// compiles a kernel's ir and runs it over a grid of threads.
//
// This file implements the contract between devices and the arrays above.
package launch

import (
	"context"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Device runs kernels. Its methods may be called by many goroutines at once.
type Device interface {
	Name() string     // such as "interp" or "cuda:0"
	Describe() string // one line for people
	Limits() Limits

	// Alloc returns n bytes of uninitialised memory; n may be 0.
	Alloc(n int) (Buffer, error)

	// Compile makes fn ready to run.
	Compile(ctx context.Context, fn *ir.Func, opt Options) (Program, error)

	Close() error
}

// Limits are the bounds a launch on a device must keep.
type Limits struct {
	ThreadsPerThreadgroup int // 1,024 as on Metal
	ThreadgroupMemory     int // bytes; 32 KiB as on Metal
	SimdWidth             int // lanes of a simdgroup
	Float64               bool
}

// A Buffer is memory of a device.
type Buffer interface {
	Size() int // bytes
	Free()

	// Host returns the bytes where the host can address them, else nil.
	Host() []byte

	// Upload and Download copy between host and device, in order with the
	// launches before and after.
	Upload(offset int, p []byte) error
	Download(offset int, p []byte) error
}

// Options say how a kernel is to be compiled.
type Options struct {
	Check bool // find and report the kernel's bugs instead of running fast; only the interpreter can
}

// A Program is a kernel that can run on the device that compiled it.
type Program interface {
	// Run launches the kernel and, on devices that run it on the host, waits.
	// It stops with ctx's error when ctx is cancelled, where the device can.
	Run(ctx context.Context, l Launch) error
	Close() error
}

// A Launch binds a program's parameters and says how many threads run.
type Launch struct {
	Args   []Arg   // one for each ir.Func.Params
	Grid   [3]int  // threads, each at least 1
	Group  [3]int  // threads of a threadgroup, each at least 1 and at most Grid's; edge groups are smaller
	Report *Report // if Options.Check was set: where findings go
	Watch  Watcher // told if the launch fails after Run returned; nil: nobody. See Syncer
}

// An Arg is the memory a parameter points to.
type Arg struct {
	Buffer    Buffer
	Offset    int  // bytes; where the parameter's first element lies
	Lo, Hi    int  // bytes; accesses outside [Lo, Hi) of Buffer are out of bounds
	Undefined bool // nothing has written it yet: reads before writes are bugs
}

// A Report collects what checked mode found in one launch.
type Report struct {
	Max      int // stop after so many findings; 0: a default
	Findings []Finding
}

// A FindingKind names a class of bug that checked mode finds. It is also the
// diagnostic code of the finding.
type FindingKind = source.Code

const (
	OutOfBounds      FindingKind = "OutOfBounds"
	Uninitialized    FindingKind = "Uninitialized"
	Race             FindingKind = "Race"
	DivergentBarrier FindingKind = "DivergentBarrier"
	IndexOverflow    FindingKind = "IndexOverflow"
	DivisionByZero   FindingKind = "DivisionByZero"
	Misaligned       FindingKind = "Misaligned"
	MemoryLimit      FindingKind = "MemoryLimit" // an error: the kernel does not run
	ThreadLimit      FindingKind = "ThreadLimit" // an error: the kernel does not run
)

// A Finding is one bug, at one place, however often it happened there.
type Finding struct {
	source.Diag
	Buffer string // parameter or allocation, if one is at fault
	Group  [3]int // threadgroup where it was first seen
	Lanes  []int  // threads of that group at fault, at most 8 kept
	Count  int    // how many lane-executions were at fault
}
