package zmlxtest_test

// This file implements the tests of comparing arrays, and of what a failing
// comparison says.

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestCompare(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	next := math.Nextafter32(1, 2)
	f := func(v ...float32) *zmlx.Array { return zmlx.FromSlice(v) }
	exact := zmlxtest.Tolerance{}
	for _, test := range []struct {
		name string
		got  *zmlx.Array
		want any
		tol  zmlxtest.Tolerance
		err  string // "" where they are close
	}{
		{"same", f(1, -2, inf), []float32{1, -2, inf}, exact, ""},
		{"same array", f(1, -2, inf), f(1, -2, inf), exact, ""},
		{"any NaN", f(nan), []float32{math.Float32frombits(0xffc00001)}, exact, ""},
		{"NaN for a number", f(1), []float32{nan}, zmlxtest.Tolerance{Rel: 1, Abs: 1e30, ULP: 1 << 30}, "got 1 (0x3f800000), want NaN"},
		{"number for NaN", f(nan), []float32{1}, zmlxtest.Tolerance{Rel: 1, Abs: 1e30, ULP: 1 << 30}, "1 of 1 values differ"},
		{"zeros have signs", f(0), []float32{float32(math.Copysign(0, -1))}, exact, "0 ulp apart"},
		{"zeros are close", f(0), []float32{float32(math.Copysign(0, -1))}, zmlxtest.Tolerance{Rel: 1e-9}, ""},
		{"a step", f(next), []float32{1}, exact, "at [0]: got 1.0000001192092896 (0x3f800001), want 1 (0x3f800000), 1 ulp apart"},
		{"a step is allowed", f(next), []float32{1}, zmlxtest.Tolerance{ULP: 1}, ""},
		{"steps over zero", f(math.Float32frombits(1)), []float32{math.Float32frombits(1<<31 | 1)}, zmlxtest.Tolerance{ULP: 1}, "2 ulp apart"},
		{"infinity is not the largest", f(math.MaxFloat32), []float32{inf}, zmlxtest.Tolerance{ULP: 5, Rel: 1, Abs: 1}, "want +Inf"},
		{"largest is not infinity", f(inf), []float32{math.MaxFloat32}, zmlxtest.Tolerance{ULP: 5, Rel: 1, Abs: 1}, "got +Inf"},
		{"relative", f(100), []float32{101}, zmlxtest.Tolerance{Rel: 0.01}, ""},
		{"relative to what is wanted", f(101.01), []float32{100}, zmlxtest.Tolerance{Rel: 0.01}, "differ"},
		{"absolute", f(0.01), []float64{0}, zmlxtest.Tolerance{Abs: 0.01}, ""},
		{"another type", f(2), []int32{2}, zmlxtest.Tolerance{Abs: 1e-9}, ""},
		{"another type exactly", f(2), []int32{2}, exact, "dtype is float32, want int32"},
		{"length", f(1, 2), []float32{1}, exact, "2 elements of float32, want 1 of float32"},
		{"shape", f(1, 2), f(1, 2).Reshape(2, 1), exact, "shape is [2], want [2 1]"},
		{"index", zmlx.FromSlice([]int32{1, 2, 3, -4, 5, 6}, 2, 3), []int32{1, 2, 3, 4, 5, 6}, exact, "1 of 6 values differ:\n  at [1 0]: got -4, want 4"},
		{"unsigned", zmlx.FromSlice([]uint64{1 << 63}), []uint64{1<<63 + 1}, exact, "got 9223372036854775808, want 9223372036854775809"},
		{"bool", zmlx.FromSlice([]bool{true}), []bool{false}, exact, "got true, want false"},
		{"half", zmlx.FromSlice([]half.Float16{0x3c01}), []half.Float16{0x3c00}, exact, "(0x3c01), want 1 (0x3c00), 1 ulp apart"},
		{"bfloat is no half", zmlx.FromSlice([]half.BFloat16{0}), []half.Float16{0}, exact, "dtype is bfloat16, want float16"},
		{"complex", zmlx.FromSlice([]complex64{1, 2 + 3i}), []complex64{1, 2 + 4i}, exact, "at [1] (imaginary part): got 3"},
		{"complex is no pair", zmlx.FromSlice([]complex64{1}), []float32{1, 0}, exact, "1 elements of complex64, want 2 of float32"},
		{"double", zmlx.FromSlice([]float64{1}), []float64{math.Nextafter(1, 0)}, zmlxtest.Tolerance{ULP: 1}, ""},
		{"many", zmlx.Zeros(zmlx.Float32, 100), make([]float32, 100), exact, ""},
		{"all wrong", zmlx.Zeros(zmlx.Int8, 100), zmlx.Ones(zmlx.Int8, 100), exact, "100 of 100 values differ"},
		{"error of the array", zmlx.Zeros(zmlx.Int8, -1), []int8{}, exact, "zeros"},
		{"no slice", f(1), 1, exact, "int is neither a slice of numbers nor an array"},
		{"no numbers", f(1), []string{"a"}, exact, "no array has elements of type string"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := zmlxtest.Compare(test.got, test.want, test.tol)
			switch {
			case err == nil && test.err != "":
				t.Errorf("no error, want one with %q", test.err)
			case err != nil && (test.err == "" || !strings.Contains(err.Error(), test.err)):
				t.Errorf("error %q, want one with %q", err, test.err)
			}
		})
	}
}

// recorder is a test that only notes what it is told.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func TestComparisonsFailTests(t *testing.T) {
	a := zmlx.FromSlice([]float32{1, 2})
	r := &recorder{TB: t}
	if !zmlxtest.Same(r, a, []float32{1, 2}) || !zmlxtest.AllClose(r, a, []float64{1, 2.0001}, 1e-4, 0) || !zmlxtest.WithinULP(r, a, []float32{1, math.Nextafter32(2, 3)}, 1) || len(r.errors) != 0 {
		t.Errorf("close arrays failed: %q", r.errors)
	}
	if zmlxtest.Same(r, a, []float32{1, 3}) || zmlxtest.AllClose(r, a, []float64{1, 2.1}, 1e-4, 0) || zmlxtest.WithinULP(r, a, []float32{1, 3}, 1) || len(r.errors) != 3 {
		t.Errorf("arrays that are not close gave %d errors, want 3: %q", len(r.errors), r.errors)
	}
}

// A wrong kernel fails its case: the suite can tell.
func TestConformanceNotices(t *testing.T) {
	failing := 0
	for _, c := range zmlxtest.Cases() {
		if c.Name != "uint_wraps" && c.Name != "float_operators" && c.Name != "doc_basic" {
			continue
		}
		want := c.Want
		c.Want = func() []any {
			w := append([]any(nil), want()...)
			switch v := w[0].(type) {
			case []uint32:
				w[0] = append(v[:len(v)-1:len(v)-1], v[len(v)-1]+1)
			case []float32:
				w[0] = append(v[:len(v)-1:len(v)-1], v[len(v)-1]*(1+1e-7))
			}
			return w
		}
		r := &formatRecorder{recorder{TB: t}}
		d, err := zmlx.Open("interp")
		if err != nil {
			t.Fatal(err)
		}
		c.Run(r, d)
		if len(r.errors) != 1 || !strings.Contains(r.errors[0], "1 of ") {
			t.Errorf("%s with one wrong value: %q", c.Name, r.errors)
		}
		failing++
	}
	if failing != 3 {
		t.Errorf("%d of 3 cases found", failing)
	}
}

type formatRecorder struct{ recorder }

func (r *formatRecorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
