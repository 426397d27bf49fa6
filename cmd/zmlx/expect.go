package main

// This file implements comparing an output with what a capsule expects.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/capsule"
)

// A comparison says how far an output is from what was expected.
type comparison struct {
	OK       bool    `json:"ok"`
	Elements int     `json:"elements"`
	Wrong    int     `json:"wrong"`
	RTol     float64 `json:"rtol"`
	ATol     float64 `json:"atol"`
	Worst    *worst  `json:"worst,omitempty"`
	Reason   string  `json:"reason,omitempty"` // why nothing could be compared
}

// A worst is the element that is farthest off, in multiples of what is allowed.
type worst struct {
	Index []int   `json:"index"`
	Got   float64 `json:"-"`
	Want  float64 `json:"-"`

	GotText  string `json:"got"`
	WantText string `json:"want"`
}

// tolerances returns the defaults of a dtype.
func tolerances(d zmlx.DType) (rtol, atol float64) {
	switch {
	case d == zmlx.Float16:
		return 1e-3, 1e-3
	case d == zmlx.BFloat16:
		return 8e-3, 8e-3
	case d.IsFloat() || d == zmlx.Complex64:
		return 1e-5, 1e-6
	}
	return 0, 0
}

// compare compares an output's elements. The error is about the expectation
// itself, such as a file that is not there.
func compare(e capsule.Expect, d zmlx.DType, shape []int, got []byte) (*comparison, error) {
	c := &comparison{}
	c.RTol, c.ATol = tolerances(d)
	if e.RTol != nil {
		c.RTol = *e.RTol
	}
	if e.ATol != nil {
		c.ATol = *e.ATol
	}
	want, exact, err := expected(e, d, shape)
	if err != nil {
		return nil, err
	}
	c.Elements = len(got) / d.Size()
	if c.RTol == 0 && c.ATol == 0 && exact != nil { // 64-bit integers do not fit float64
		c.exact(d, shape, got, exact)
		return c, nil
	}
	values := floats(got, d)
	if len(values) != len(want) {
		return nil, fmt.Errorf("%d numbers are expected, the output has %d", len(want), len(values))
	}
	c.close(d, shape, values, want)
	return c, nil
}

// expected returns the expected elements as float64, and if they can be had in
// the output's own dtype, which is a whole number or bool, its bytes.
func expected(e capsule.Expect, d zmlx.DType, shape []int) (want []float64, exact []byte, err error) {
	whole := d.IsInteger() || d == zmlx.Bool
	if e.File != "" {
		as := zmlx.DType(0)
		if d == zmlx.BFloat16 {
			if a, err := readNPY(e.File, as); err == nil && a.DType == zmlx.Uint16 {
				as = d
			}
		}
		a, err := readNPY(e.File, as)
		if err != nil {
			return nil, nil, err
		}
		if !slices.Equal(a.Shape, shape) {
			return nil, nil, fmt.Errorf("%s has shape %v, the output has %v", e.File, a.Shape, shape)
		}
		if whole && a.DType == d {
			exact = a.Data
		}
		if d == zmlx.Complex64 && a.DType != d {
			return nil, nil, fmt.Errorf("%s holds %s, the output is %s", e.File, a.DType, d)
		}
		return floats(a.Data, a.DType), exact, nil
	}
	fit := shape
	if d == zmlx.Complex64 { // pairs
		fit = append(slices.Clone(shape), 2)
	}
	if err := capsule.FitShape(e.Data, fit); err != nil {
		return nil, nil, err
	}
	if whole {
		if exact, err = e.Data.Encode(d); err != nil {
			return nil, nil, err
		}
	}
	want, err = e.Data.Float64s()
	return want, exact, err
}

// exact compares whole numbers bit by bit.
func (c *comparison) exact(d zmlx.DType, shape []int, got, want []byte) {
	size := d.Size()
	for i := 0; i < len(got); i += size {
		if bytes.Equal(got[i:i+size], want[i:i+size]) {
			continue
		}
		if c.Wrong++; c.Wrong == 1 {
			c.Worst = &worst{Index: index(i/size, shape), GotText: whole(got[i:i+size], d), WantText: whole(want[i:i+size], d)}
		}
	}
	c.OK = c.Wrong == 0
}

// close compares with tolerances; complex numbers by their parts.
func (c *comparison) close(d zmlx.DType, shape []int, got, want []float64) {
	parts := 1
	if d == zmlx.Complex64 {
		parts = 2
	}
	farthest, last := -1.0, -1
	for i, w := range want {
		g := got[i]
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		off := math.Abs(g - w)
		allowed := c.ATol + c.RTol*math.Abs(w)
		if off <= allowed && !math.IsInf(w, 0) {
			continue
		}
		if i/parts != last {
			c.Wrong++
			last = i / parts
		}
		ratio := off / allowed
		if math.IsNaN(ratio) || math.IsInf(off, 0) {
			ratio = math.Inf(1)
		}
		if ratio > farthest {
			farthest = ratio
			c.Worst = &worst{
				Index: index(i/parts, shape), Got: g, Want: w,
				GotText: fmt.Sprintf("%.9g", g), WantText: fmt.Sprintf("%.9g", w),
			}
		}
	}
	c.OK = c.Wrong == 0
}

// String is one line for people.
func (c *comparison) String() string {
	switch {
	case c.Reason != "":
		return "cannot be compared: " + c.Reason
	case c.OK && c.RTol == 0 && c.ATol == 0:
		return fmt.Sprintf("as expected (%d elements, exactly)", c.Elements)
	case c.OK:
		return fmt.Sprintf("as expected (%d elements, rtol %g, atol %g)", c.Elements, c.RTol, c.ATol)
	}
	at := strings.Trim(strings.ReplaceAll(fmt.Sprint(c.Worst.Index), " ", ", "), "[]")
	return fmt.Sprintf("NOT as expected: %d of %d elements differ, most of all [%s]: got %s, want %s (rtol %g, atol %g)",
		c.Wrong, c.Elements, at, c.Worst.GotText, c.Worst.WantText, c.RTol, c.ATol)
}

// index returns where the n-th element of an array lies.
func index(n int, shape []int) []int {
	at := make([]int, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		at[i] = n % shape[i]
		n /= shape[i]
	}
	return at
}

// whole returns an integer or bool as text.
func whole(b []byte, d zmlx.DType) string {
	if d == zmlx.Bool {
		return fmt.Sprint(b[0] != 0)
	}
	wide := make([]byte, 8)
	copy(wide, b)
	u := binary.LittleEndian.Uint64(wide)
	switch d {
	case zmlx.Int8:
		return fmt.Sprint(int8(u))
	case zmlx.Int16:
		return fmt.Sprint(int16(u))
	case zmlx.Int32:
		return fmt.Sprint(int32(u))
	case zmlx.Int64:
		return fmt.Sprint(int64(u))
	}
	return fmt.Sprint(u)
}

// floats returns elements as float64; complex numbers give two each.
func floats(data []byte, d zmlx.DType) []float64 {
	le := binary.LittleEndian
	size := d.Size()
	if d == zmlx.Complex64 {
		d, size = zmlx.Float32, 4
	}
	out := make([]float64, len(data)/size)
	for i := range out {
		b := data[i*size:]
		switch d {
		case zmlx.Bool, zmlx.Uint8:
			out[i] = float64(b[0])
		case zmlx.Int8:
			out[i] = float64(int8(b[0]))
		case zmlx.Uint16:
			out[i] = float64(le.Uint16(b))
		case zmlx.Int16:
			out[i] = float64(int16(le.Uint16(b)))
		case zmlx.Uint32:
			out[i] = float64(le.Uint32(b))
		case zmlx.Int32:
			out[i] = float64(int32(le.Uint32(b)))
		case zmlx.Uint64:
			out[i] = float64(le.Uint64(b))
		case zmlx.Int64:
			out[i] = float64(int64(le.Uint64(b)))
		case zmlx.Float16:
			out[i] = half.Float16(le.Uint16(b)).Float64()
		case zmlx.BFloat16:
			out[i] = half.BFloat16(le.Uint16(b)).Float64()
		case zmlx.Float32:
			out[i] = float64(math.Float32frombits(le.Uint32(b)))
		case zmlx.Float64:
			out[i] = math.Float64frombits(le.Uint64(b))
		}
	}
	return out
}
