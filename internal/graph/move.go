// This file implements the seam through which data is moved: filling, copying
// between strides, casting. Concatenation, gathering a view and the like are
// Copies into or out of views. A device whose memory the host can address uses
// HostMover, any other a KernelMover, unless it is given one of its own when it
// is opened.

package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Mover moves data within one device.
type Mover interface {
	// Fill sets every element of dst to the given one, dst's dtype's bytes.
	Fill(ctx context.Context, dst View, element []byte) error

	// Copy sets every element of dst to that of src in the same place, which
	// has the same dimensions, converted to dst's dtype as Convert does.
	Copy(ctx context.Context, dst, src View) error
}

// HostMover moves data with Go loops in memory that the host can address.
type HostMover struct{}

// Fill implements Mover.
func (HostMover) Fill(_ context.Context, dst View, element []byte) error {
	fill(dst.Buffer.Host(), dst.DType, dst.View, element)
	runtime.KeepAlive(dst.Buffer)
	return nil
}

// Copy implements Mover.
func (HostMover) Copy(_ context.Context, dst, src View) error {
	Convert(dst.Buffer.Host(), dst.DType, dst.View, src.Buffer.Host(), src.DType, src.View)
	runtime.KeepAlive(dst.Buffer)
	runtime.KeepAlive(src.Buffer)
	return nil
}

// StagedMover moves data of any device by bringing it to the host and back.
type StagedMover struct{}

// Fill implements Mover.
func (StagedMover) Fill(ctx context.Context, dst View, element []byte) error {
	return staged(dst, func(p []byte, v shape.View) { fill(p, dst.DType, v, element) })
}

// Copy implements Mover.
func (StagedMover) Copy(ctx context.Context, dst, src View) error {
	from, view, err := fetch(src)
	if err != nil {
		return err
	}
	return staged(dst, func(p []byte, v shape.View) { Convert(p, dst.DType, v, from, src.DType, view) })
}

// Fetch returns the bytes that v spans, and v as a view of them.
func Fetch(v View) ([]byte, shape.View, error) { return fetch(v) }

// fetch returns the bytes that v spans, and v as a view of them.
func fetch(v View) ([]byte, shape.View, error) {
	lo, hi := v.Span()
	size := v.DType.Size()
	p := make([]byte, (hi-lo)*size)
	if len(p) > 0 {
		if err := v.Buffer.device().download(v.Buffer.Raw(), lo*size, p); err != nil {
			return nil, shape.View{}, err
		}
	}
	runtime.KeepAlive(v.Buffer)
	w := v.View
	w.Offset -= lo
	return p, w, nil
}

// staged lets write change the elements of dst in a copy on the host.
func staged(dst View, write func(p []byte, v shape.View)) error {
	lo, hi := dst.Span()
	if lo == hi {
		return nil
	}
	size := dst.DType.Size()
	var p []byte
	view := dst.View
	view.Offset -= lo
	if dst.Contiguous() {
		p = make([]byte, (hi-lo)*size)
	} else {
		var err error
		if p, view, err = fetch(dst); err != nil {
			return err
		}
	}
	write(p, view)
	err := dst.Buffer.Raw().Upload(lo*size, p)
	runtime.KeepAlive(dst.Buffer)
	return err
}

// Write sets the elements of dst, which is dense, to the bytes p.
func Write(dst View, p []byte) error {
	if !dst.Contiguous() || len(p) != dst.Size()*dst.DType.Size() {
		return fmt.Errorf("internal error: %d bytes written to %s%s", len(p), dst.DType, shape.Format(dst.Dims))
	}
	defer runtime.KeepAlive(dst.Buffer)
	at := dst.Offset * dst.DType.Size()
	if h := dst.Buffer.Host(); h != nil {
		copy(h[at:], p)
		return nil
	}
	if len(p) == 0 {
		return nil
	}
	return dst.Buffer.Raw().Upload(at, p)
}

// Read sets p to the elements of src in row-major order. p has src's size.
func Read(p []byte, src View) error {
	if len(p) != src.Size()*src.DType.Size() {
		return fmt.Errorf("internal error: %s%s read into %d bytes", src.DType, shape.Format(src.Dims), len(p))
	}
	if len(p) == 0 {
		return nil
	}
	defer runtime.KeepAlive(src.Buffer)
	h := src.Buffer.Host()
	if h == nil && src.Contiguous() {
		return src.Buffer.device().download(src.Buffer.Raw(), src.Offset*src.DType.Size(), p)
	}
	view := src.View
	if h == nil {
		var err error
		if h, view, err = fetch(src); err != nil {
			return err
		}
	}
	Convert(p, src.DType, shape.New(src.Dims), h, src.DType, view)
	return nil
}

// CopyValue returns a dense Value of the elements of in, converted to dt, on
// the same device.
func CopyValue(name string, in Input, dt dtype.DType) (*Value, error) {
	dev := in.Value.dev
	spec := Spec{dt, in.View.Dims}
	return one(New(name, dev, []Input{in}, []Spec{spec}, func(ctx context.Context, in []View) ([]View, error) {
		out, err := dev.NewView(spec)
		if err != nil {
			return nil, err
		}
		return []View{out}, dev.Copy(ctx, out, in[0])
	}))
}

// MoveValue returns a dense Value of the elements of in on another device: by a
// copy between the devices if they can, else through the host.
func MoveValue(in Input, to *Device) (*Value, error) {
	spec := Spec{in.Value.spec.DType, in.View.Dims}
	return one(New("to", to, []Input{in}, []Spec{spec}, func(ctx context.Context, in []View) ([]View, error) {
		out, err := to.NewView(spec)
		if err != nil {
			return nil, err
		}
		src := in[0]
		if h := out.Buffer.Host(); h != nil {
			return []View{out}, Read(h, src)
		}
		if copier, ok := to.Device.(launch.Copier); ok && src.Contiguous() && src.Size() > 0 && src.Buffer.Host() == nil {
			size := spec.DType.Size()
			err := copier.Copy(out.Buffer.Raw(), 0, src.Buffer.Raw(), src.Offset*size, src.Size()*size)
			runtime.KeepAlive(in)
			if !errors.Is(err, errors.ErrUnsupported) {
				return []View{out}, err
			}
		}
		p := make([]byte, src.Size()*src.DType.Size())
		if err := Read(p, src); err != nil {
			return nil, err
		}
		return []View{out}, Write(out, p)
	}))
}

// FillValue returns a Value that holds element everywhere.
func FillValue(dev *Device, spec Spec, element []byte) (*Value, error) {
	return one(New("full", dev, nil, []Spec{spec}, func(ctx context.Context, _ []View) ([]View, error) {
		out, err := dev.NewView(spec)
		if err != nil {
			return nil, err
		}
		return []View{out}, dev.Fill(ctx, out, element)
	}))
}

// HostValue returns a Value whose bytes, row-major, write makes on the host.
func HostValue(name string, dev *Device, spec Spec, write func(ctx context.Context, p []byte) error) (*Value, error) {
	return one(New(name, dev, nil, []Spec{spec}, func(ctx context.Context, _ []View) ([]View, error) {
		out, err := dev.NewView(spec)
		if err != nil {
			return nil, err
		}
		if h := out.Buffer.Host(); h != nil {
			return []View{out}, write(ctx, h)
		}
		p := make([]byte, out.Size()*spec.DType.Size())
		if err := write(ctx, p); err != nil {
			return nil, err
		}
		return []View{out}, Write(out, p)
	}))
}

// JoinValue returns the Values of inputs put one behind the other along axis.
// They have the same dtype and the same dimensions but for axis.
func JoinValue(dev *Device, inputs []Input, spec Spec, axis int) (*Value, error) {
	return one(New("concatenate", dev, inputs, []Spec{spec}, func(ctx context.Context, in []View) ([]View, error) {
		out, err := dev.NewView(spec)
		if err != nil {
			return nil, err
		}
		at := 0
		for _, src := range in {
			part := out
			ranges := make([]shape.Range, axis+1)
			for i := range ranges {
				ranges[i] = shape.Range{Start: 0, Stop: out.Dims[i]}
			}
			ranges[axis] = shape.Range{Start: at, Stop: at + src.Dims[axis]}
			at += src.Dims[axis]
			if part.View, err = out.Slice(ranges); err != nil {
				return nil, err
			}
			if err := dev.Copy(ctx, part, src); err != nil {
				return nil, err
			}
		}
		return []View{out}, nil
	}))
}

func one(values []*Value, err error) (*Value, error) {
	if err != nil {
		return nil, err
	}
	return values[0], nil
}
