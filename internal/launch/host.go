package launch

// This file implements memory that the host can address, for devices that run
// kernels on the host.

import (
	"errors"
	"fmt"
	"unsafe"
)

// HostAlignment is what addresses of host memory are multiples of, in bytes: a
// cache line, and the widest vector.
const HostAlignment = 64

// ErrFreed is the error of using a buffer after Free.
var ErrFreed = errors.New("buffer was freed")

// AlignedBytes returns n zero bytes at a multiple of HostAlignment.
func AlignedBytes(n int) []byte {
	if n == 0 {
		return []byte{}
	}
	raw := make([]byte, n+HostAlignment-1)
	skip := int(-uintptr(unsafe.Pointer(&raw[0])) & (HostAlignment - 1))
	return raw[skip : skip+n : skip+n]
}

type hostBuffer struct {
	device string // for messages
	data   []byte // nil after Free
}

// HostBuffer returns a buffer of the named device, over data.
func HostBuffer(device string, data []byte) Buffer { return &hostBuffer{device, data} }

// NewHostBuffer returns n zero bytes for the named device.
func NewHostBuffer(device string, n int) (Buffer, error) {
	if n < 0 || int64(n) > 1<<46 { // beyond what make takes
		return nil, fmt.Errorf("%s: cannot allocate %d bytes", device, n)
	}
	return HostBuffer(device, AlignedBytes(n)), nil
}

func (b *hostBuffer) Size() int    { return len(b.data) }
func (b *hostBuffer) Free()        { b.data = nil }
func (b *hostBuffer) Host() []byte { return b.data }

func (b *hostBuffer) Upload(offset int, p []byte) error {
	dst, err := b.part("upload", offset, len(p))
	copy(dst, p)
	return err
}

func (b *hostBuffer) Download(offset int, p []byte) error {
	src, err := b.part("download", offset, len(p))
	copy(p, src)
	return err
}

func (b *hostBuffer) part(verb string, offset, n int) ([]byte, error) {
	if b.data == nil {
		return nil, fmt.Errorf("%s: %w", b.device, ErrFreed)
	}
	if offset < 0 || n > len(b.data)-offset {
		return nil, fmt.Errorf("%s: %s of %d bytes at %d in a buffer of %d", b.device, verb, n, offset, len(b.data))
	}
	return b.data[offset : offset+n], nil
}

// CheckHostArgs refuses arguments of parameters with the given names that are
// not memory which the host can address.
func CheckHostArgs(names []string, args []Arg) error {
	if len(args) != len(names) {
		return fmt.Errorf("launched with %d arguments, takes %d", len(args), len(names))
	}
	for i := range args {
		a := &args[i]
		if a.Buffer == nil {
			return fmt.Errorf("argument %s has no buffer", names[i])
		}
		size, host := a.Buffer.Size(), a.Buffer.Host()
		if size > 0 && host == nil {
			return fmt.Errorf("argument %s lies where the host cannot address it", names[i])
		}
		if _, ok := a.Buffer.(*hostBuffer); ok && host == nil {
			return fmt.Errorf("argument %s: %w", names[i], ErrFreed)
		}
		if a.Lo < 0 || a.Lo > a.Hi || a.Hi > size {
			return fmt.Errorf("argument %s is bytes %d to %d of a buffer of %d", names[i], a.Lo, a.Hi, size)
		}
		if a.Offset < 0 || a.Offset > size {
			return fmt.Errorf("argument %s starts at byte %d of a buffer of %d", names[i], a.Offset, size)
		}
	}
	return nil
}
