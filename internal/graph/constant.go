// This file implements constants: the shapes, strides and parameters that
// kernels read from memory. The same few come again and again, so that each is
// brought to the device once.

package graph

import (
	"sync"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// mostConstants bounds how many constants are kept. Beyond that all are let go
// of: what comes again is brought again.
const mostConstants = 4096

// constants keeps memory by what is in it. Nothing writes there again.
type constants struct {
	mu     sync.Mutex
	byData map[string]View
}

// Constant returns memory that holds data, which nobody may change.
func (d *Device) Constant(data []byte) (View, error) {
	c := &d.consts
	c.mu.Lock()
	defer c.mu.Unlock()
	if v, ok := c.byData[string(data)]; ok {
		return v, nil
	}
	v, err := d.NewView(Spec{DType: dtype.Uint8, Dims: []int{len(data)}})
	if err != nil {
		return v, err
	}
	if err := Write(v, data); err != nil {
		return v, err
	}
	if c.byData == nil || len(c.byData) >= mostConstants {
		c.byData = map[string]View{}
	}
	c.byData[string(data)] = v
	return v, nil
}

// ConstantValue returns a Value of spec in constant memory that holds data.
func (d *Device) ConstantValue(spec Spec, data []byte) (*Value, error) {
	v, err := d.Constant(data)
	if err != nil {
		return nil, err
	}
	v.Buffer = &Buffer{block: v.Buffer.block, size: len(data), lender: v.Buffer}
	return Leaf(d, View{View: shape.New(spec.Dims), DType: spec.DType, Buffer: v.Buffer}), nil
}

func (c *constants) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byData = nil
}
