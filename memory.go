// This file implements what users may say about memory. They need not: arrays
// that nothing refers to give theirs back by themselves.

package zmlx

import (
	"context"
	"sync"
)

// MemoryStats counts a device's memory, in bytes rounded up to the sizes its
// pool deals in: Live is held by arrays, or was held by arrays that wait for a
// garbage collection; Peak is the largest Live so far; Cached is kept for new
// arrays. Allocs and Reuses count the allocations that the device made and those
// that Cached served, Collections the garbage collections that were started
// because Live had doubled since the last one.
type MemoryStats struct {
	Live, Peak, Cached          int
	Allocs, Reuses, Collections int
}

// MemoryStats returns the counts so far.
func (d *Device) MemoryStats() MemoryStats {
	if !d.made() {
		return MemoryStats{}
	}
	return MemoryStats(d.graph.Memory())
}

// TrimMemory gives the memory that is kept for new arrays back to the device.
func (d *Device) TrimMemory() {
	if d.made() {
		d.graph.Trim()
	}
}

// Free gives the array's memory back now instead of after some garbage
// collection. The array, and all views that share its memory, carry a
// *FreedError that names the caller's line from now on. Arrays made from it
// before that are not computed yet still come out right: the memory goes when
// they do not need it any more.
func (a *Array) Free() {
	notNil(a != nil, "*Array")
	if a.err == nil && a.value != nil {
		a.value.Free(caller())
	}
}

// Scope calls f and then frees all arrays that f made on the device, as Free
// does, but for those it passed to keep: a way to bound the memory of a loop's
// body. Arrays that keep was given are computed first, so that what they are
// made from can go. Scopes nest: what one keeps is a temporary of the one
// around it.
//
// A scope covers the arrays made by the goroutine that called Scope. Those that
// other goroutines make meanwhile, also ones started by f, are not touched; keep
// may be called from any of them until f returns.
//
// While a scope is open, making an array on the device costs about a
// microsecond more. The result is the first error of the kept arrays.
func (d *Device) Scope(f func(keep func(*Array))) error {
	if !d.made() {
		return &DeviceError{Device: d.Name(), Op: "scope", Err: errNilDevice, Caller: caller()}
	}
	notNil(f != nil, "function for Scope")
	where := caller()
	s := d.graph.OpenScope()
	defer s.Close(where)
	var mu sync.Mutex
	var kept []*Array
	f(func(a *Array) {
		notNil(a != nil, "*Array")
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept, a)
		if a.value != nil {
			s.Keep(a.value)
		}
	})
	mu.Lock()
	defer mu.Unlock()
	return Eval(context.Background(), kept...)
}
