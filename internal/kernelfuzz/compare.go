package kernelfuzz

// This file implements comparing what two devices made of a case.

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A Difference is the first element in which two devices differ.
type Difference struct {
	Case   Case
	Launch int
	Output Output
	Index  int // of the element; negative, or beyond the end: in the memory around
	A, B   string
}

func (d *Difference) Error() string {
	l := d.Case.Launches[d.Launch]
	return fmt.Sprintf("grid %v, threadgroup %v: %s[%d] of %s is %s and %s\n%s",
		l.Grid, l.Group, d.Output.Name, d.Index, d.Output.DType, d.A, d.B, d.Case)
}

// Compare returns a *Difference if results of Run on two devices differ. NaNs
// are equal whatever their bits.
func Compare(c Case, a, b [][]byte) error {
	if len(a) != len(b) || len(a) != len(c.Launches)*len(c.Outputs) {
		return fmt.Errorf("there are %d and %d results, and %d are expected", len(a), len(b), len(c.Launches)*len(c.Outputs))
	}
	for i := range a {
		o := c.Outputs[i%len(c.Outputs)]
		size := o.DType.Size()
		if len(a[i]) != len(b[i]) {
			return fmt.Errorf("output %s has %d and %d bytes", o.Name, len(a[i]), len(b[i]))
		}
		for at := 0; at < len(a[i]); at += size {
			x, y := a[i][at:at+size], b[i][at:at+size]
			inside := at >= guard && at < len(a[i])-guard
			if string(x) == string(y) || inside && o.close(number(x), number(y)) {
				continue
			}
			return &Difference{Case: c, Launch: i / len(c.Outputs), Output: o, Index: (at - guard) / size, A: describe(o.DType, x), B: describe(o.DType, y)}
		}
	}
	return nil
}

func number(p []byte) uint64 {
	var b [8]byte
	copy(b[:], p)
	return binary.LittleEndian.Uint64(b[:])
}

// close reports whether the bits x and y stand for values that count as equal.
func (o Output) close(x, y uint64) bool {
	a, ok := floatOf(o.DType, x)
	b, _ := floatOf(o.DType, y)
	if !ok {
		return x == y
	}
	if math.IsNaN(a) || math.IsNaN(b) {
		return math.IsNaN(a) && math.IsNaN(b)
	}
	if o.Within == 0 {
		return x == y
	}
	return math.Abs(float64(ordinal(o.DType, x)-ordinal(o.DType, y))) <= o.Within
}

// ordinal numbers the floats of a type in their order, both zeros 0.
func ordinal(d dtype.DType, x uint64) int64 {
	sign := uint64(1) << (8*d.Size() - 1)
	if x&sign != 0 {
		return -int64(x &^ sign)
	}
	return int64(x)
}

func floatOf(d dtype.DType, x uint64) (float64, bool) {
	switch d {
	case dtype.Float16:
		return float64(half.Float16(x).Float32()), true
	case dtype.BFloat16:
		return float64(half.BFloat16(x).Float32()), true
	case dtype.Float32:
		return float64(math.Float32frombits(uint32(x))), true
	case dtype.Float64:
		return math.Float64frombits(x), true
	}
	return 0, false
}

func describe(d dtype.DType, p []byte) string {
	x := number(p)
	if v, ok := floatOf(d, x); ok {
		return fmt.Sprintf("%v (%#x)", v, x)
	}
	if d.Kind() == dtype.KindInt {
		shift := 64 - 8*d.Size()
		return fmt.Sprintf("%d (%#x)", int64(x<<shift)>>shift, x)
	}
	return fmt.Sprintf("%d (%#x)", x, x)
}
