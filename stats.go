// This file implements waiting for devices, and their counts.

package zmlx

import (
	"context"
	"time"
)

// DeviceStats are the counts of a device since it was opened.
type DeviceStats struct {
	Launches   int64         // kernels that it was given, by a Recording's Run too
	DeviceTime time.Duration // of kernels given while timing was on, without those of Recordings; see SetTiming
	Memory     MemoryStats   // in bytes
}

// Stats returns the counts so far. It waits for nothing: on a device that works
// on its own the kernels that are counted may not have run yet. What a piece of
// work took is the difference of two Stats.
func (d *Device) Stats() DeviceStats {
	if !d.made() {
		return DeviceStats{}
	}
	return DeviceStats{
		Launches:   d.launches.Load(),
		DeviceTime: time.Duration(d.deviceTime.Load()),
		Memory:     d.MemoryStats(),
	}
}

// Sync waits until the device has done all that it was given, or until ctx
// ends, which stops the waiting and not the work. Values and the like wait by
// themselves; Sync is for measuring, and for knowing that nothing failed. Its
// error is about the device, such as that it is lost, or is ctx's; arrays carry
// errors of their own. Arrays that nothing has asked for yet are not computed by
// it: see [Eval]. On devices that run kernels on the caller's time, interp and
// cc, there is nothing to wait for.
func (d *Device) Sync(ctx context.Context) error {
	if !d.made() {
		return &DeviceError{Device: d.Name(), Op: "sync", Err: errNilDevice, Caller: caller()}
	}
	if ctx == nil {
		return errNilContext
	}
	if ctx.Done() == nil {
		return public(d.graph.Sync())
	}
	done := make(chan error, 1)
	go func() { done <- d.graph.Sync() }()
	select {
	case err := <-done:
		return public(err)
	case <-ctx.Done():
		return ctx.Err()
	}
}
