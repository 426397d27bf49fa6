package zmlx

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
)

// What NumPy 2 prints for the same arrays, where NumPy has them.
func TestPrintLikeNumPy(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		a    *Array
		want string
	}{
		{Arange(0, 6, 1, Float32).Reshape(2, 3), "[[0. 1. 2.]\n [3. 4. 5.]]"},
		{FromSlice([]float32{1, 2.5, 3.25, -100}), "[   1.      2.5     3.25 -100.  ]"},
		{FromSlice([]float32{1e-5, 2.5, 3.25}), "[1.00e-05 2.50e+00 3.25e+00]"},
		{FromSlice([]float64{1e10, 1}), "[1.e+10 1.e+00]"},
		{FromSlice([]float32{0.1, nan, -inf, inf}), "[ 0.1  nan -inf  inf]"},
		{FromSlice([]float32{nan, nan}), "[nan nan]"},
		{FromSlice([]float64{1. / 3, 2}), "[0.33333333 2.        ]"},
		{FromSlice([]float32{0.1, 0.2}).As(Float16), "[0.1 0.2]"},
		{FromSlice([]float32{0.1, 0.25}).As(BFloat16), "[0.1  0.25]"},
		{FromSlice([]float32{0, float32(math.Copysign(0, -1))}), "[ 0. -0.]"},
		{FromSlice([]int8{-100, 7}), "[-100    7]"},
		{FromSlice([]uint64{math.MaxUint64, 7}), "[18446744073709551615                    7]"},
		{FromSlice([]bool{true, false}), "[ true false]"},
		{Arange(0, 12, 1, Int32).Reshape(2, 3, 2).Transpose(), "[[[ 0  6]\n  [ 2  8]\n  [ 4 10]]\n\n [[ 1  7]\n  [ 3  9]\n  [ 5 11]]]"},
		{Arange(0, 24, 1, Float64), "[ 0.  1.  2.  3.  4.  5.  6.  7.  8.  9. 10. 11. 12. 13. 14. 15. 16. 17.\n 18. 19. 20. 21. 22. 23.]"},
		{Arange(0, 1001, 1, Int32), "[   0    1    2 ...  998  999 1000]"},
		{Zeros(Float32, 0, 3), "[]"},
		{Scalar(float32(3)), "3.0"},
		{Scalar(1e30), "1e+30"},
		{Scalar(int8(-3)), "-3"},
		{Scalar(true), "true"},
		{Scalar(complex64(1 - 2i)), "(1-2i)"},
	} {
		if got := fmt.Sprint(c.a); got != c.want {
			t.Errorf("%s%v prints\n%s\nwant\n%s", c.a.DType(), c.a.Shape(), got, c.want)
		}
	}
}

func TestElision(t *testing.T) {
	got := fmt.Sprintf("%v", Arange(0, 1200, 1, Int32).Reshape(300, 4))
	want := "[[   0    1    2    3]\n [   4    5    6    7]\n [   8    9   10   11]\n ...\n [1188 1189 1190 1191]\n [1192 1193 1194 1195]\n [1196 1197 1198 1199]]"
	if got != want {
		t.Errorf("prints\n%s\nwant\n%s", got, want)
	}
	// A large array prints as fast as a small one: only its corners are read.
	huge := Scalar(int8(1)).Broadcast(1<<20, 1<<20, 1<<20)
	if got := fmt.Sprint(huge); strings.Count(got, "1") != 6*6*6 {
		t.Errorf("prints\n%s", got)
	}
	if got := strings.Count(fmt.Sprint(Zeros(Bool, 1000)), "false"); got != 1000 {
		t.Errorf("%d of 1000 elements are printed", got)
	}
}

func TestVerbs(t *testing.T) {
	f := FromSlice([]float32{1, -0.5})
	for _, c := range []struct{ got, want string }{
		{fmt.Sprintf("%.3f", f), "[ 1.000 -0.500]"},
		{fmt.Sprintf("%+.1e", f), "[+1.0e+00 -5.0e-01]"},
		{fmt.Sprintf("%6.2f", f), "[  1.00  -0.50]"},
		{fmt.Sprintf("%.2v", f), "[   1 -0.5]"},
		{fmt.Sprintf("%s", f), "[ 1.  -0.5]"},
		{fmt.Sprintf("%+v", f.Reshape(2, 1)), "[[ 1. ]\n [-0.5]] float32[2 1] on " + f.Device().Name()},
		{fmt.Sprintf("%#v", f.Reshape(2, 1)), "zmlx.FromSlice([]float32{1, -0.5}, 2, 1)"},
		{fmt.Sprintf("%#v", Scalar(0.1)), "zmlx.Scalar[float64](0.1)"},
		{fmt.Sprintf("%#v", f.As(Float16)), "zmlx.FromSlice([]half.Float16{0x3c00, 0xb800}, 2)"},
		{fmt.Sprintf("%#v", FromSlice([]float32{float32(math.Inf(-1))})), "zmlx.FromSlice([]float32{float32(math.Inf(-1))}, 1)"},
		{fmt.Sprintf("%#v", FromSlice([]bool{true}).Broadcast(2)), "zmlx.FromSlice([]bool{true, true}, 2)"},
		{fmt.Sprintf("%#v", Zeros(Int8, 99, 99)), "zmlx.Array{int8[99 99]}"},
		{fmt.Sprintf("%x", FromSlice([]uint8{1, 255})), "[ 1 ff]"},
		{fmt.Sprintf("%03d", FromSlice([]int16{-1, 100})), "[-01 100]"},
		{fmt.Sprintf("%t", FromSlice([]bool{true})), "[true]"},
		{fmt.Sprintf("%.1f", FromSlice([]complex64{1 + 2i})), "[(1.0+2.0i)]"},
		{fmt.Sprintf("%d", f), "[   %!d(float32=1) %!d(float32=-0.5)]"},
		{fmt.Sprint((*Array)(nil)), "<nil>"},
		{fmt.Sprint(f.At(5)), "!(at: shape [2]: position 5 is out of range for axis 0 of length 2 " + line(0) + ")"},
	} {
		if c.got != c.want {
			t.Errorf("prints\n%s\nwant\n%s", c.got, c.want)
		}
	}
}

func TestLogValue(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	a := Zeros(Float16, 1<<20, 1<<30) // far too large to compute
	log.Info("m", "a", a, "b", a.At(-1<<40).Err() != nil, "c", (*Array)(nil))
	want := `level=INFO msg=m a.dtype=float16 a.shape="[1048576 1073741824]" a.bytes=2251799813685248 b=true c=<nil>` + "\n"
	if b.String() != want {
		t.Errorf("logs %s want %s", b.String(), want)
	}
	b.Reset()
	log.Info("m", "a", Zeros(Int8, -1))
	if !strings.Contains(b.String(), `a.error="zeros: negative dimension -1 in shape [-1] (format_test.go:`) {
		t.Errorf("logs %s", b.String())
	}
}

// The other axes of an empty array may be as long as they like.
func TestPrintEmpty(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%.2f", "%d"} {
		if text := fmt.Sprintf(verb, Zeros(Float32, 1<<40, 0)); !strings.Contains(text, "[]") && verb != "%#v" {
			t.Errorf("%s of an empty array: %s", verb, text)
		}
	}
}
