// Package npy reads and writes NumPy's .npy and .npz files.
//
// The element types are those of internal/dtype. NumPy has no bfloat16, so such
// an array is written as uint16 if Options say so and refused otherwise; after
// reading one back, set its DType to BFloat16. Files in big-endian byte order,
// and object, structured, text, time, complex128 and longdouble arrays are
// refused with an error that says which it was.
//
// What a file claims is not believed: sizes are checked for overflow, and memory
// is taken as data arrives, so that a short file cannot ask for a large array.
//
// Trailing bytes: several arrays may follow one another in a stream, so Read
// takes exactly one array from its reader and leaves what follows unread.
// ReadFile and the members of an archive hold one array and nothing after it;
// more bytes are an error.
//
// This file implements the array, its checks, and reading and writing .npy.
package npy

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zmlx-go/zmlx/encoding/internal/payload"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// An Array is the contents of one .npy file.
type Array struct {
	DType dtype.DType
	Shape []int  // empty for a 0-dimensional array, which has one element
	Data  []byte // the elements, row-major, little-endian; a bool is 0 or 1
}

// Options are choices of the writer. The zero value is that of the functions
// Write, WriteFile, WriteZip and WriteZipFile.
type Options struct {
	// BFloat16AsUint16 writes a bfloat16 array as uint16, its bit patterns.
	// Otherwise such an array is an error.
	BFloat16AsUint16 bool

	// Deflate compresses the members of an archive, as numpy.savez_compressed.
	Deflate bool
}

// Read reads one array in .npy format, version 1.0, 2.0 or 3.0, and leaves what
// follows it unread. It returns io.EOF if r is at its end, and an error that
// wraps io.ErrUnexpectedEOF if the array is cut short.
func Read(r io.Reader) (*Array, error) {
	a, err := read(r, -1)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("npy: %w", err)
	}
	return a, err
}

// ReadFile reads the array of a .npy file.
func ReadFile(path string) (*Array, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("npy: %w", err)
	}
	defer f.Close()
	available := int64(-1)
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		available = info.Size()
	}
	a, err := readWhole(f, available)
	if err != nil {
		return nil, fmt.Errorf("npy: %s: %w", path, err)
	}
	return a, nil
}

// readWhole reads an array after which r must end.
func readWhole(r io.Reader, available int64) (*Array, error) {
	a, err := read(r, available)
	if err == io.EOF {
		return nil, errors.New("empty, not a .npy file")
	}
	if err != nil {
		return nil, err
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return nil, fmt.Errorf("more bytes follow the %s array of shape %v", a.DType, a.Shape)
	} else if err != io.EOF {
		return nil, err
	}
	return a, nil
}

// read reads one array. If available is not negative, r is known to hold that
// many bytes, and an array that needs more is refused before memory is taken.
func read(r io.Reader, available int64) (*Array, error) {
	h, length, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	n, err := payload.Size(h.dtype, h.shape)
	if err != nil {
		return nil, err
	}
	if available >= 0 && int64(n) > available-int64(length) {
		return nil, fmt.Errorf("%s array of shape %v needs %d bytes, only %d are there: %w",
			h.dtype, h.shape, n, max(available-int64(length), 0), io.ErrUnexpectedEOF)
	}
	data, err := payload.Read(r, n, available >= 0)
	if err != nil && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s array of shape %v needs %d bytes, only %d are there: %w",
			h.dtype, h.shape, n, len(data), err)
	}
	if h.dtype == dtype.Bool {
		for i, b := range data {
			if b > 1 {
				data[i] = 1
			}
		}
	}
	if h.fortran {
		data = rowMajor(data, h.shape, h.dtype.Size())
	}
	return &Array{DType: h.dtype, Shape: h.shape, Data: data}, nil
}

// rowMajor returns the elements of column-major data in row-major order.
func rowMajor(data []byte, shape []int, size int) []byte {
	if len(shape) < 2 || len(data) == 0 {
		return data
	}
	// The strides are in bytes of data, the index runs over all axes but the
	// last, which the inner loop takes.
	last := len(shape) - 1
	strides, index := make([]int, len(shape)), make([]int, last)
	stride := size
	for axis, dim := range shape {
		strides[axis] = stride
		stride *= dim
	}
	out, from := make([]byte, 0, len(data)), 0
	for {
		for i := range shape[last] {
			at := from + i*strides[last]
			out = append(out, data[at:at+size]...)
		}
		axis := last - 1
		for ; axis >= 0; axis-- {
			index[axis]++
			from += strides[axis]
			if index[axis] < shape[axis] {
				break
			}
			from -= shape[axis] * strides[axis]
			index[axis] = 0
		}
		if axis < 0 {
			return out
		}
	}
}

// Write writes a in .npy format, version 1.0, with the bytes that numpy.save
// would write.
func Write(w io.Writer, a *Array) error { return Options{}.Write(w, a) }

// WriteFile writes a as a .npy file. It writes beside path and renames, so that
// path never holds part of an array.
func WriteFile(path string, a *Array) error { return Options{}.WriteFile(path, a) }

// Write is Write with options.
func (o Options) Write(w io.Writer, a *Array) error {
	if err := o.write(w, a); err != nil {
		return fmt.Errorf("npy: %w", err)
	}
	return nil
}

// WriteFile is WriteFile with options.
func (o Options) WriteFile(path string, a *Array) error {
	return replaceFile(path, func(w io.Writer) error { return o.write(w, a) })
}

func (o Options) write(w io.Writer, a *Array) error {
	if err := o.check(a); err != nil {
		return err
	}
	if _, err := io.WriteString(w, formatHeader(a)); err != nil {
		return err
	}
	_, err := w.Write(a.Data)
	return err
}

// check reports why a cannot be written.
func (o Options) check(a *Array) error {
	switch {
	case a == nil:
		return errors.New("no array to write")
	case !a.DType.Valid():
		return fmt.Errorf("%s is not an element type", a.DType)
	case a.DType == dtype.BFloat16 && !o.BFloat16AsUint16:
		return errors.New("NumPy has no bfloat16; set Options.BFloat16AsUint16 to write the bit patterns")
	}
	n, err := payload.Size(a.DType, a.Shape)
	if err != nil {
		return err
	}
	if len(a.Data) != n {
		return fmt.Errorf("%s array of shape %v needs %d bytes of data, got %d", a.DType, a.Shape, n, len(a.Data))
	}
	return nil
}
