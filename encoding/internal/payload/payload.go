// Package payload is what formats of arrays share: how many bytes an array
// takes, and reading as many without believing that they are there.
//
// This file implements both.
package payload

import (
	"fmt"
	"io"
	"math"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// MaxDims is NumPy's limit on the number of dimensions.
const MaxDims = 64

// Size returns the number of bytes that elements of type d in the given shape
// take. Dimensions must not be negative, and their product must fit an int even
// without those that are zero, as NumPy demands too.
func Size(d dtype.DType, shape []int) (int, error) {
	if len(shape) > MaxDims {
		return 0, fmt.Errorf("%d dimensions, at most %d are possible", len(shape), MaxDims)
	}
	n, empty := d.Size(), false
	for axis, dim := range shape {
		switch {
		case dim < 0:
			return 0, fmt.Errorf("dimension %d is negative: %d", axis, dim)
		case dim == 0:
			empty = true
		case n > math.MaxInt/dim:
			return 0, fmt.Errorf("shape %v of %s is too large for memory", shape, d)
		default:
			n *= dim
		}
	}
	if empty {
		return 0, nil
	}
	return n, nil
}

// Read reads n bytes. Unless they are known to be there, memory grows with
// what has arrived. On error it returns what it could read.
func Read(r io.Reader, n int, known bool) ([]byte, error) {
	const first = 1 << 20
	length := n
	if !known {
		length = min(n, first)
	}
	data := make([]byte, length)
	for have := 0; ; {
		got, err := io.ReadFull(r, data[have:])
		have += got
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return data[:have], err
		}
		if have == n {
			return data, nil
		}
		grown := make([]byte, have+min(have, n-have))
		copy(grown, data)
		data = grown
	}
}
