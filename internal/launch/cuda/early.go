package cuda

// This file implements launches that begin early: blocks of a kernel start
// while the last ones of the kernel before are still at work, and wait there
// for it to end. Starting them, which takes as long as a small kernel, is then
// not waited for.
//
// The text itself waits, before it reads or writes anything, until all work
// before has ended and can be seen. Every launch of such a text does so, so that
// what came before the work before has ended, too. What is no launch, copies
// and events among it, begins and ends as ever.

import "unsafe"

const (
	earlyCapability = 90    // of GPUs that can, at least
	earlyVersion    = 12030 // of CUDA, since which graphs keep such launches
)

// earlyLaunch is the arguments of cuLaunchKernelEx for a launch that may begin
// early.
type earlyLaunch struct {
	config struct { // CUlaunchConfig
		grid, block [3]uint32
		shared      uint32
		_           uint32
		stream      uintptr
		attributes  uintptr
		count       uint32
		_           uint32
	}
	attribute struct { // CUlaunchAttribute
		id    uint32
		_     uint32
		value [16]uint32
	}
	args [4]uintptr
}

const programmaticSerialization = 6

// init points to what does not change.
func (e *earlyLaunch) init(places uintptr) {
	e.attribute.id, e.attribute.value[0] = programmaticSerialization, 1
	e.config.attributes, e.config.count = uintptr(unsafe.Pointer(&e.attribute)), 1
	e.args[0], e.args[2] = uintptr(unsafe.Pointer(&e.config)), places
}

// set makes the arguments those of a launch of so many blocks.
func (e *earlyLaunch) set(function, blocks, threads, stream uintptr) []uintptr {
	e.config.grid, e.config.block = [3]uint32{uint32(blocks), 1, 1}, [3]uint32{uint32(threads), 1, 1}
	e.config.stream, e.args[1] = stream, function
	return e.args[:]
}
