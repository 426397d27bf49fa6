package twin

// This file implements comparing results, as bits and within the reach of
// functions.

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// bitsAt returns element i of memory that holds elements of type t.
func bitsAt(t ir.Type, p []byte, i int) uint64 {
	var b [8]byte
	copy(b[:], p[i*t.Size():(i+1)*t.Size()])
	return binary.LittleEndian.Uint64(b[:])
}

// number returns the value of the bits of a type.
func number(t ir.Type, u uint64) float64 {
	switch t {
	case ir.F16:
		return float64(half.Float16(u).Float32())
	case ir.BF16:
		return float64(half.BFloat16(u).Float32())
	case ir.F32:
		return float64(math.Float32frombits(uint32(u)))
	case ir.F64:
		return math.Float64frombits(u)
	}
	if t.IsSigned() {
		shift := 64 - 8*t.Size()
		return float64(int64(u<<shift) >> shift)
	}
	return float64(u)
}

// same reports whether two elements count as equal: the same bits, or both NaN.
func same(t ir.Type, a, b uint64) bool {
	return a == b || t.IsFloat() && math.IsNaN(number(t, a)) && math.IsNaN(number(t, b))
}

func describe(t ir.Type, u uint64) string { return fmt.Sprintf("%v (%#x)", number(t, u), u) }

// compare counts the elements that differ and describes the first.
func (p *program) compare(want, got [][]byte) (first difference, count int) {
	for k := range want {
		if bytes.Equal(want[k], got[k]) {
			continue
		}
		t := p.fn.Params[k].Elem
		for i := range len(want[k]) / t.Size() {
			a, b := bitsAt(t, want[k], i), bitsAt(t, got[k], i)
			if same(t, a, b) {
				continue
			}
			if count++; count == 1 {
				first = difference{k, i, fmt.Sprintf("%s, the reference has %s", describe(t, b), describe(t, a))}
			}
		}
	}
	return first, count
}

// slack is how many times further from the reference a result may lie than the
// reference's own runs with moved functions, where a kernel computes with their
// results: the runs are few, and errors add up otherwise in each.
const slack = 4

// A reach is how far results lie from the reference's where functions move.
type reach struct {
	fn    *ir.Func
	want  [][]byte
	far   [][]float64 // of each element; infinite: anything
	plain bool
}

func newReach(fn *ir.Func, want [][]byte) *reach {
	r := &reach{fn: fn, want: want, far: make([][]float64, len(want)), plain: plain(fn)}
	for k, w := range want {
		r.far[k] = make([]float64, len(w)/fn.Params[k].Elem.Size())
	}
	return r
}

// add takes the results of a run with moved functions.
func (r *reach) add(moved [][]byte) {
	for k, far := range r.far {
		t := r.fn.Params[k].Elem
		for i := range far {
			a, b := bitsAt(t, r.want[k], i), bitsAt(t, moved[k], i)
			if same(t, a, b) {
				continue
			}
			d := math.Abs(number(t, a) - number(t, b))
			if d != d || !t.IsFloat() {
				d = math.Inf(1)
			}
			far[i] = max(far[i], d)
		}
	}
}

// judge counts the elements of got that are out of reach.
func (r *reach) judge(got [][]byte) (first difference, count int) {
	for k, far := range r.far {
		t := r.fn.Params[k].Elem
		for i := range far {
			a, b := bitsAt(t, r.want[k], i), bitsAt(t, got[k], i)
			if same(t, a, b) {
				continue
			}
			x, y := number(t, a), number(t, b)
			limit := far[i]
			if limit > 0 && !r.plain {
				limit = slack*limit + lastPlace(t, x) // of rounding to t
			}
			if math.IsInf(far[i], 1) || math.Abs(x-y) <= limit {
				continue
			}
			if count++; count == 1 {
				first = difference{k, i, fmt.Sprintf("%s, the reference has %s and reaches %g", describe(t, b), describe(t, a), far[i])}
			}
		}
	}
	return first, count
}

// lastPlace returns the unit of the last place of x in t.
func lastPlace(t ir.Type, x float64) float64 {
	digits, least := 24, -149
	switch t {
	case ir.F16:
		digits, least = 11, -24
	case ir.BF16:
		digits, least = 8, -133
	case ir.F64:
		digits, least = 53, -1074
	}
	_, e := math.Frexp(x)
	return math.Ldexp(1, max(e-digits, least))
}
