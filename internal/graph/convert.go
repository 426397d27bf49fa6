// This file implements copying and casting in the host's memory: typed loops
// over strided runs. A cast goes block by block through the widest type of the
// source's kind, so that 14 dtypes need 28 loops and not 196.

package graph

import (
	"math"
	"unsafe"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// Slice returns p as elements of type T.
func Slice[T any](p []byte) []T {
	var zero T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/int(unsafe.Sizeof(zero)))
}

// Convert sets each element of dst, seen through dstView, to that of src in
// the same place, converted by these rules:
//
//	to bool                  whether it is not zero; NaN is true
//	integer to integer       the low bits
//	integer to float         nearest, ties to even; to bfloat16 through float32
//	float to integer         towards zero; NaN is 0, what does not fit the nearest that does
//	float to float           nearest, ties to even
//	complex64 to others      the real part, and then as from float32
//	others to complex64      as to float32, with imaginary part 0
func Convert(dst []byte, dt dtype.DType, dstView shape.View, src []byte, st dtype.DType, srcView shape.View) {
	if dt == st {
		copyStrided(dst, dstView, src, srcView, dt.Size())
		return
	}
	c := caster{toBool: dt == dtype.Bool}
	shape.Walk(dstView, srcView, func(n, i, si, j, sj int) bool {
		if si == 1 && sj == 1 && castDense(dst, dt, src, st, n, i, j) {
			return true
		}
		for n > 0 {
			m := min(n, blockSize)
			kind := c.load(src, st, m, j, sj)
			c.store(dst, dt, kind, m, i, si)
			n -= m
			i += m * si
			j += m * sj
		}
		return true
	})
}

func copyStrided(dst []byte, dstView shape.View, src []byte, srcView shape.View, size int) {
	shape.Walk(dstView, srcView, func(n, i, si, j, sj int) bool {
		switch {
		case si == 1 && sj == 1:
			copy(dst[i*size:(i+n)*size], src[j*size:(j+n)*size])
		case size == 1:
			copyRun[uint8](dst, src, n, i, si, j, sj)
		case size == 2:
			copyRun[uint16](dst, src, n, i, si, j, sj)
		case size == 4:
			copyRun[uint32](dst, src, n, i, si, j, sj)
		default:
			copyRun[uint64](dst, src, n, i, si, j, sj)
		}
		return true
	})
}

func copyRun[T any](dst, src []byte, n, i, si, j, sj int) {
	d, s := Slice[T](dst), Slice[T](src)
	for ; n > 0; n-- {
		d[i] = s[j]
		i += si
		j += sj
	}
}

// fill sets each element of dst, seen through v, to element.
func fill(dst []byte, dt dtype.DType, v shape.View, element []byte) {
	one := shape.View{Dims: v.Dims, Strides: make([]int, len(v.Dims))}
	size := dt.Size()
	shape.Walk(v, one, func(n, i, si, _, _ int) bool {
		if si != 1 {
			for k := range n {
				copy(dst[(i+k*si)*size:], element)
			}
			return true
		}
		run := dst[i*size : (i+n)*size]
		for done := copy(run, element); done < len(run); {
			done += copy(run[done:], run[:done])
		}
		return true
	})
}

// castDense does the casts that machine learning does most, in one loop.
func castDense(dst []byte, dt dtype.DType, src []byte, st dtype.DType, n, i, j int) bool {
	switch {
	case st == dtype.Float32 && dt == dtype.Float16:
		half.ToFloat16s(Slice[half.Float16](dst)[i:i+n], Slice[float32](src)[j:j+n])
	case st == dtype.Float32 && dt == dtype.BFloat16:
		half.ToBFloat16s(Slice[half.BFloat16](dst)[i:i+n], Slice[float32](src)[j:j+n])
	case st == dtype.Float16 && dt == dtype.Float32:
		half.FromFloat16s(Slice[float32](dst)[i:i+n], Slice[half.Float16](src)[j:j+n])
	case st == dtype.BFloat16 && dt == dtype.Float32:
		half.FromBFloat16s(Slice[float32](dst)[i:i+n], Slice[half.BFloat16](src)[j:j+n])
	default:
		return false
	}
	return true
}

const blockSize = 256

// A caster holds one block in the widest type of its kind.
type caster struct {
	toBool bool // the target is bool: the imaginary part counts
	ints   [blockSize]int64
	uints  [blockSize]uint64
	floats [blockSize]float64
}

// load takes n elements of src from j on, sj apart, and returns the kind that
// says where it put them.
func (c *caster) load(src []byte, st dtype.DType, n, j, sj int) dtype.Kind {
	switch st {
	case dtype.Bool:
		s := Slice[uint8](src)
		for k := range n {
			c.uints[k] = 0
			if s[j+k*sj] != 0 {
				c.uints[k] = 1
			}
		}
	case dtype.Uint8:
		load[uint8](c.uints[:n], src, j, sj)
	case dtype.Uint16:
		load[uint16](c.uints[:n], src, j, sj)
	case dtype.Uint32:
		load[uint32](c.uints[:n], src, j, sj)
	case dtype.Uint64:
		load[uint64](c.uints[:n], src, j, sj)
	case dtype.Int8:
		load[int8](c.ints[:n], src, j, sj)
	case dtype.Int16:
		load[int16](c.ints[:n], src, j, sj)
	case dtype.Int32:
		load[int32](c.ints[:n], src, j, sj)
	case dtype.Int64:
		load[int64](c.ints[:n], src, j, sj)
	case dtype.Float32:
		load[float32](c.floats[:n], src, j, sj)
	case dtype.Float64:
		load[float64](c.floats[:n], src, j, sj)
	case dtype.Float16:
		s := Slice[half.Float16](src)
		for k := range n {
			c.floats[k] = s[j+k*sj].Float64()
		}
	case dtype.BFloat16:
		s := Slice[half.BFloat16](src)
		for k := range n {
			c.floats[k] = s[j+k*sj].Float64()
		}
	case dtype.Complex64:
		s := Slice[complex64](src)
		for k := range n {
			z := s[j+k*sj]
			c.floats[k] = float64(real(z))
			if c.toBool && imag(z) != 0 {
				c.floats[k] = 1
			}
		}
	}
	switch st.Kind() {
	case dtype.KindBool:
		return dtype.KindUint
	case dtype.KindComplex:
		return dtype.KindFloat
	}
	return st.Kind()
}

type number interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64 | ~int8 | ~int16 | ~int32 | ~int64 | ~float32 | ~float64
}

func load[S, W number](block []W, src []byte, j, sj int) {
	s := Slice[S](src)
	for k := range block {
		block[k] = W(s[j])
		j += sj
	}
}

// store puts the block of n elements of the given kind to dst from i on, si
// apart.
func (c *caster) store(dst []byte, dt dtype.DType, kind dtype.Kind, n, i, si int) {
	switch kind {
	case dtype.KindUint:
		storeInts(dst, dt, c.uints[:n], i, si)
	case dtype.KindInt:
		storeInts(dst, dt, c.ints[:n], i, si)
	case dtype.KindFloat:
		storeFloats(dst, dt, c.floats[:n], i, si)
	}
}

func storeInts[W int64 | uint64](dst []byte, dt dtype.DType, block []W, i, si int) {
	switch dt {
	case dtype.Bool:
		storeBool(dst, block, i, si)
	case dtype.Uint8, dtype.Int8: // the low bits are the same
		store[uint8](dst, block, i, si)
	case dtype.Uint16, dtype.Int16:
		store[uint16](dst, block, i, si)
	case dtype.Uint32, dtype.Int32:
		store[uint32](dst, block, i, si)
	case dtype.Uint64, dtype.Int64:
		store[uint64](dst, block, i, si)
	case dtype.Float32:
		store[float32](dst, block, i, si)
	case dtype.Float64:
		store[float64](dst, block, i, si)
	case dtype.Float16:
		// Integers that float32 rounds are infinite in float16.
		d := Slice[half.Float16](dst)
		for k, v := range block {
			d[i+k*si] = half.Float16FromFloat32(float32(v))
		}
	case dtype.BFloat16:
		d := Slice[half.BFloat16](dst)
		for k, v := range block {
			d[i+k*si] = half.BFloat16FromFloat32(float32(v))
		}
	case dtype.Complex64:
		storeComplex(dst, block, i, si)
	}
}

func storeFloats(dst []byte, dt dtype.DType, block []float64, i, si int) {
	switch dt {
	case dtype.Bool:
		storeBool(dst, block, i, si)
	case dtype.Uint8:
		saturate[uint8](dst, block, i, si, 0, math.MaxUint8)
	case dtype.Uint16:
		saturate[uint16](dst, block, i, si, 0, math.MaxUint16)
	case dtype.Uint32:
		saturate[uint32](dst, block, i, si, 0, math.MaxUint32)
	case dtype.Uint64:
		saturate[uint64](dst, block, i, si, 0, math.MaxUint64)
	case dtype.Int8:
		saturate[int8](dst, block, i, si, math.MinInt8, math.MaxInt8)
	case dtype.Int16:
		saturate[int16](dst, block, i, si, math.MinInt16, math.MaxInt16)
	case dtype.Int32:
		saturate[int32](dst, block, i, si, math.MinInt32, math.MaxInt32)
	case dtype.Int64:
		saturate[int64](dst, block, i, si, math.MinInt64, math.MaxInt64)
	case dtype.Float32:
		store[float32](dst, block, i, si)
	case dtype.Float64:
		store[float64](dst, block, i, si)
	case dtype.Float16:
		d := Slice[half.Float16](dst)
		for k, v := range block {
			d[i+k*si] = half.Float16FromFloat64(v)
		}
	case dtype.BFloat16:
		d := Slice[half.BFloat16](dst)
		for k, v := range block {
			d[i+k*si] = half.BFloat16FromFloat64(v)
		}
	case dtype.Complex64:
		storeComplex(dst, block, i, si)
	}
}

func store[D, W number](dst []byte, block []W, i, si int) {
	d := Slice[D](dst)
	for _, v := range block {
		d[i] = D(v)
		i += si
	}
}

func storeBool[W number](dst []byte, block []W, i, si int) {
	for _, v := range block {
		dst[i] = 0
		if v != 0 {
			dst[i] = 1
		}
		i += si
	}
}

func storeComplex[W number](dst []byte, block []W, i, si int) {
	d := Slice[complex64](dst)
	for _, v := range block {
		d[i] = complex(float32(v), 0)
		i += si
	}
}

// saturate converts towards zero into [lo, hi], the range of D.
func saturate[D number](dst []byte, block []float64, i, si int, lo, hi D) {
	d := Slice[D](dst)
	// float64(hi) may be hi+1, which does not fit: so is >= and not > right.
	least, most := float64(lo), float64(hi)
	for _, v := range block {
		switch {
		case v >= most:
			d[i] = hi
		case v <= least:
			d[i] = lo
		case v == v:
			d[i] = D(v)
		default:
			d[i] = 0
		}
		i += si
	}
}
