// This file implements a Device: a launch.Device with its pool of memory, its
// way of moving data, and the scopes that are open on it.

package graph

import (
	"context"
	"fmt"
	"sync"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Device is a launch.Device that arrays can live on.
type Device struct {
	launch.Device
	host   bool // the host can address the memory
	mover  Mover
	pool   pool
	scopes scopes
	async  asyncState
	consts constants
	close  sync.Once
}

// NewDevice returns d with a pool of its own. mover moves data on it; nil
// means HostMover if the host can address d's memory, else a KernelMover.
func NewDevice(d launch.Device, mover Mover) (*Device, error) {
	probe, err := d.Alloc(16)
	if err != nil {
		return nil, fmt.Errorf("%s cannot allocate memory: %w", d.Name(), err)
	}
	host := probe.Host() != nil
	probe.Free()
	dev := &Device{Device: d, host: host, mover: mover}
	dev.async.syncer, _ = d.(launch.Syncer)
	dev.pool.init(dev, host)
	if mover == nil {
		dev.mover = NewKernelMover(dev)
		if host {
			dev.mover = HostMover{}
		}
	}
	return dev, nil
}

// Mover returns what moves data on the device. Nodes use Fill and Copy.
func (d *Device) Mover() Mover { return d.mover }

// Fill sets every element of dst to the given one, as Mover.Fill does, for the
// Node that runs in ctx.
func (d *Device) Fill(ctx context.Context, dst View, element []byte) error {
	if m, ok := d.mover.(*KernelMover); ok { // it makes launches
		return m.Fill(ctx, dst, element)
	}
	return d.Do(ctx, func(ctx context.Context) error { return d.mover.Fill(ctx, dst, element) }, dst)
}

// Copy sets dst to src, as Mover.Copy does, for the Node that runs in ctx.
func (d *Device) Copy(ctx context.Context, dst, src View) error {
	if m, ok := d.mover.(*KernelMover); ok {
		return m.Copy(ctx, dst, src)
	}
	return d.Do(ctx, func(ctx context.Context) error { return d.mover.Copy(ctx, dst, src) }, dst, src)
}

// NewView returns a dense View of new, uninitialised memory for spec, whose
// Dims nobody changes.
func (d *Device) NewView(spec Spec) (View, error) {
	n, err := spec.Bytes()
	if err != nil {
		return View{}, err
	}
	b, err := d.pool.buffer(n)
	if err != nil {
		return View{}, err
	}
	return View{View: shape.View{Dims: spec.Dims, Strides: shape.Strides(spec.Dims)}, DType: spec.DType, Buffer: b}, nil
}

// NewLike is NewView for a dense shape that is known already, of n bytes.
func (d *Device) NewLike(dense shape.View, t dtype.DType, n int) (View, error) {
	b, err := d.pool.buffer(n)
	return View{View: dense, DType: t, Buffer: b}, err
}

// Memory returns the counts of the device's pool.
func (d *Device) Memory() MemoryStats { return d.pool.stats() }

// Trim gives the memory that the pool keeps for reuse back to the device.
func (d *Device) Trim() { d.pool.trim() }

// Close gives all memory that no array uses back and closes the device. What
// arrays still use is given back when they are gone; their values can no
// longer be relied upon on devices whose memory ends with them.
func (d *Device) Close() error {
	var err error
	d.close.Do(func() {
		d.consts.clear()
		d.pool.close()
		err = d.Device.Close()
	})
	return err
}
