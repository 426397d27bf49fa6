package zmlxtest

// This file implements comparing arrays with what they should be.

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
)

// A Tolerance says how far a value may be from the wanted one: it is close if
// it meets any of the bounds. NaN is close to NaN, infinities to themselves.
// The zero Tolerance wants the same bits, but of any NaN.
type Tolerance struct {
	ULP      int     // values of the dtype between the two, and one
	Rel, Abs float64 // |got-want| <= Abs + Rel*|want|
}

// AllClose marks the test failed, and returns false, unless
// |got-want| <= atol + rtol*|want| everywhere, where NaN is close to NaN and
// infinities to themselves. want is a slice of numbers in row-major order or an
// array of got's shape; its type need not be that of got.
func AllClose(t testing.TB, got *zmlx.Array, want any, rtol, atol float64) bool {
	t.Helper()
	return report(t, got, want, Tolerance{Rel: rtol, Abs: atol})
}

// WithinULP marks the test failed, and returns false, unless no value of got is
// more than ulp steps of its dtype from that in want, which has the same dtype.
func WithinULP(t testing.TB, got *zmlx.Array, want any, ulp int) bool {
	t.Helper()
	return report(t, got, want, Tolerance{ULP: ulp})
}

// Same marks the test failed, and returns false, unless got has the bits of
// want, a slice or array of the same dtype. Any NaN is the same as any other.
func Same(t testing.TB, got *zmlx.Array, want any) bool {
	t.Helper()
	return report(t, got, want, Tolerance{})
}

func report(t testing.TB, got *zmlx.Array, want any, tol Tolerance) bool {
	t.Helper()
	if err := Compare(got, want, tol); err != nil {
		t.Error(err)
		return false
	}
	return true
}

// Compare computes got and returns an error that lists the first values that
// are not within tol of want, which is a slice of numbers in row-major order or
// an array.
func Compare(got *zmlx.Array, want any, tol Tolerance) error {
	g, err := valuesOf(got)
	if err != nil {
		return err
	}
	w, err := valuesOf(want)
	if err != nil {
		return fmt.Errorf("what is wanted: %w", err)
	}
	if a, ok := want.(*zmlx.Array); ok && !reflect.DeepEqual(a.Shape(), got.Shape()) {
		return fmt.Errorf("shape is %v, want %v", got.Shape(), a.Shape())
	}
	if g.complex != w.complex || len(g.bits) != len(w.bits) {
		return fmt.Errorf("%d elements of %s, want %d of %s", g.size(), g.name(), w.size(), w.name())
	}
	if g.dtype != w.dtype && tol.Rel == 0 && tol.Abs == 0 {
		return fmt.Errorf("dtype is %s, want %s", g.name(), w.name())
	}
	return differences(g, w, got.Shape(), tol)
}

// differences lists the first elements that are not close.
func differences(g, w *values, shape []int, tol Tolerance) error {
	const most = 6
	var b strings.Builder
	n := 0
	for i := range g.bits {
		if near(g, w, i, tol) {
			continue
		}
		if n++; n > most {
			continue
		}
		fmt.Fprintf(&b, "\n  at %s: got %s, want %s", g.place(i, shape), g.text(i), w.text(i))
		if d, ok := distance(g, w, i); ok {
			fmt.Fprintf(&b, ", %d ulp apart", d)
		}
	}
	if n == 0 {
		return nil
	}
	if n > most {
		b.WriteString("\n  ...")
	}
	return fmt.Errorf("%d of %d values differ:%s", n, len(g.bits), b.String())
}

func near(g, w *values, i int, tol Tolerance) bool {
	x, y := g.float(i), w.float(i)
	switch {
	case g.dtype == w.dtype && g.bits[i] == w.bits[i]:
		return true
	case g.isFloat() && w.isFloat() && math.IsNaN(x) && math.IsNaN(y):
		return true
	case math.IsNaN(x) || math.IsNaN(y) || tol == Tolerance{}:
		return false
	}
	if tol.Rel != 0 || tol.Abs != 0 || g.dtype != w.dtype {
		if x == y {
			return true
		}
		if !math.IsInf(x, 0) && !math.IsInf(y, 0) && math.Abs(x-y) <= tol.Abs+tol.Rel*math.Abs(y) {
			return true
		}
	}
	d, ok := distance(g, w, i)
	return ok && d <= uint64(tol.ULP) && math.IsInf(x, 0) == math.IsInf(y, 0)
}

// distance returns how many steps of their dtype lie between two floats.
func distance(g, w *values, i int) (uint64, bool) {
	if g.dtype != w.dtype || !g.isFloat() || math.IsNaN(g.float(i)) || math.IsNaN(w.float(i)) {
		return 0, false
	}
	x, y := g.order(i), w.order(i)
	if x < y {
		x, y = y, x
	}
	return uint64(x) - uint64(y), true
}

// values are the elements of an array or a slice, complex ones as two.
type values struct {
	dtype   zmlx.DType
	complex bool
	bits    []uint64
}

func valuesOf(v any) (*values, error) {
	if a, ok := v.(*zmlx.Array); ok {
		p, err := a.Bytes()
		if err != nil {
			return nil, err
		}
		return decode(a.DType(), p), nil
	}
	d, err := dtypeOf(v)
	if err != nil {
		return nil, err
	}
	p, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		return nil, err
	}
	return decode(d, p), nil
}

// dtypeOf returns the dtype that goes with a slice's elements.
func dtypeOf(slice any) (zmlx.DType, error) {
	t := reflect.TypeOf(slice)
	if t == nil || t.Kind() != reflect.Slice {
		return 0, fmt.Errorf("%T is neither a slice of numbers nor an array", slice)
	}
	switch t.Elem() {
	case reflect.TypeFor[half.Float16]():
		return zmlx.Float16, nil
	case reflect.TypeFor[half.BFloat16]():
		return zmlx.BFloat16, nil
	}
	for d, k := range map[zmlx.DType]reflect.Kind{
		zmlx.Bool: reflect.Bool, zmlx.Int8: reflect.Int8, zmlx.Int16: reflect.Int16, zmlx.Int32: reflect.Int32, zmlx.Int64: reflect.Int64,
		zmlx.Uint8: reflect.Uint8, zmlx.Uint16: reflect.Uint16, zmlx.Uint32: reflect.Uint32, zmlx.Uint64: reflect.Uint64,
		zmlx.Float32: reflect.Float32, zmlx.Float64: reflect.Float64, zmlx.Complex64: reflect.Complex64,
	} {
		if t.Elem().Kind() == k {
			return d, nil
		}
	}
	return 0, errors.New("no array has elements of type " + t.Elem().String())
}

func decode(d zmlx.DType, p []byte) *values {
	v := &values{dtype: d}
	if d == zmlx.Complex64 {
		v.dtype, v.complex = zmlx.Float32, true
	}
	size := v.dtype.Size()
	v.bits = make([]uint64, len(p)/size)
	for i := range v.bits {
		var b [8]byte
		copy(b[:], p[i*size:(i+1)*size])
		v.bits[i] = binary.LittleEndian.Uint64(b[:])
	}
	return v
}

func (v *values) isFloat() bool { return v.dtype.IsFloat() }

func (v *values) size() int {
	if v.complex {
		return len(v.bits) / 2
	}
	return len(v.bits)
}

func (v *values) name() string {
	if v.complex {
		return zmlx.Complex64.String()
	}
	return v.dtype.String()
}

// float returns element i as a float64.
func (v *values) float(i int) float64 {
	u := v.bits[i]
	switch v.dtype {
	case zmlx.Float16:
		return half.Float16(u).Float64()
	case zmlx.BFloat16:
		return half.BFloat16(u).Float64()
	case zmlx.Float32:
		return float64(math.Float32frombits(uint32(u)))
	case zmlx.Float64:
		return math.Float64frombits(u)
	case zmlx.Int8, zmlx.Int16, zmlx.Int32, zmlx.Int64:
		return float64(v.signed(i))
	}
	return float64(u)
}

// signed returns element i with its sign extended.
func (v *values) signed(i int) int64 {
	unused := 64 - 8*v.dtype.Size()
	return int64(v.bits[i]<<unused) >> unused
}

// order maps a float to an integer such that neighbours differ by 1.
func (v *values) order(i int) int64 {
	u := v.signed(i)
	if u < 0 {
		return math.MinInt64>>(64-8*v.dtype.Size()) - u
	}
	return u
}

func (v *values) text(i int) string {
	switch {
	case v.isFloat():
		return fmt.Sprintf("%v (0x%0*x)", v.float(i), 2*v.dtype.Size(), v.bits[i])
	case v.dtype == zmlx.Bool:
		return fmt.Sprint(v.bits[i] != 0)
	case v.float(i) < 0:
		return fmt.Sprint(v.signed(i))
	}
	return fmt.Sprint(v.bits[i])
}

// place names element i: its indexes, and the part if it is complex.
func (v *values) place(i int, shape []int) string {
	part := ""
	if v.complex {
		part = [2]string{" (real part)", " (imaginary part)"}[i%2]
		i /= 2
	}
	index := make([]int, len(shape))
	for k := len(shape) - 1; k >= 0; k-- {
		index[k] = i % shape[k]
		i /= shape[k]
	}
	return fmt.Sprint(index) + part
}
