// This file implements a Device: a launch.Device with its pool of memory, its
// way of moving data, and the scopes that are open on it.

package graph

import (
	"fmt"
	"sync"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Device is a launch.Device that arrays can live on.
type Device struct {
	launch.Device
	mover  Mover
	pool   pool
	scopes scopes
	close  sync.Once
}

// NewDevice returns d with a pool of its own. mover moves data on it; nil
// means HostMover if the host can address d's memory, else StagedMover.
func NewDevice(d launch.Device, mover Mover) (*Device, error) {
	probe, err := d.Alloc(16)
	if err != nil {
		return nil, fmt.Errorf("%s cannot allocate memory: %w", d.Name(), err)
	}
	host := probe.Host() != nil
	probe.Free()
	dev := &Device{Device: d, mover: mover}
	dev.pool.init(d, host)
	if mover == nil {
		dev.mover = StagedMover{}
		if host {
			dev.mover = HostMover{}
		}
	}
	return dev, nil
}

// Mover returns what moves data on the device.
func (d *Device) Mover() Mover { return d.mover }

// NewView returns a dense View of new, uninitialised memory for spec.
func (d *Device) NewView(spec Spec) (View, error) {
	n, err := spec.Bytes()
	if err != nil {
		return View{}, err
	}
	b, err := d.pool.buffer(n)
	if err != nil {
		return View{}, err
	}
	return View{View: shape.New(spec.Dims), DType: spec.DType, Buffer: b}, nil
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
		d.pool.close()
		err = d.Device.Close()
	})
	return err
}
