package zmlx

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// line returns "(file_test.go:N)" of the line it is called from, plus n.
func line(n int) string {
	_, file, at, _ := runtime.Caller(1)
	return fmt.Sprintf("(%s:%d)", filepath.Base(file), at+n)
}

func TestErrorsNameTheCall(t *testing.T) {
	a := Zeros(Float32, 2, 3)
	for _, c := range []struct {
		a    *Array
		want string
		at   string
	}{
		{a.Reshape(4), "reshape: shape [2 3]: 6 elements do not fill shape [4] ", line(0)},
		{a.Reshape(-1, -1), "reshape: shape [2 3]: more than one -1 in shape [-1 -1] ", line(0)},
		{a.Reshape(math.MaxInt, 2), "reshape: shape [2 3]: shape [9223372036854775807 2] has more elements than an int can count ", line(0)},
		{a.Transpose(0, 0), "transpose: shape [2 3]: axis 0 occurs twice in [0 0] ", line(0)},
		{a.Slice(RangeAll(), RangeAll(), RangeAll()), "slice: shape [2 3]: 3 ranges for an array of 2 dimensions ", line(0)},
		{a.At(2), "at: shape [2 3]: position 2 is out of range for axis 0 of length 2 ", line(0)},
		{a.Broadcast(3, 2), "broadcast: shape [2 3]: shape [2 3] does not broadcast to [3 2] ", line(0)},
		{a.Broadcast(-1), "broadcast: shape [2 3]: negative dimension -1 in shape [-1] ", line(0)},
		{a.ExpandDims(4), "expand_dims: shape [2 3]: axis 4 is out of range for an array of 3 dimensions ", line(0)},
		{a.Squeeze(0), "squeeze: shape [2 3]: axis 0 has length 2, not 1 ", line(0)},
		{a.As(99), "as: not a dtype: 99 ", line(0)},
		{a.Broadcast(1<<60, 2, 3).As(Float64), "as: shape [1152921504606846976 2 3]: shape [1152921504606846976 2 3] with 8-byte elements has more bytes than an int can count ", line(0)},
		{a.Broadcast(1<<60, 2, 3).Contiguous(), "contiguous: shape [1152921504606846976 2 3]: shape [1152921504606846976 2 3] with 4-byte elements has more bytes than an int can count ", line(0)},
		{a.Broadcast(1<<60, 2, 3).Transpose().Flatten(), "contiguous: shape [3 2 1152921504606846976]: shape [3 2 1152921504606846976] with 4-byte elements has more bytes than an int can count ", line(0)},
		{OnesLike(a.Broadcast(1<<60, 2, 3)), "ones_like: shape [1152921504606846976 2 3]: shape [1152921504606846976 2 3] with 4-byte elements has more bytes than an int can count ", line(0)},
		{Concatenate(0, a.Broadcast(1<<60, 2, 3), a.Broadcast(1<<60, 2, 3)), "concatenate: shapes [1152921504606846976 2 3], [1152921504606846976 2 3]: shape [2305843009213693952 2 3] has more elements than an int can count ", line(0)},
		{FromSlice([]int8{1, 2}, 3), "from_slice: 2 elements do not fill shape [3] ", line(0)},
		{FromSlice([]int8{1, 2}, -2), "from_slice: negative dimension -2 in shape [-2] ", line(0)},
		{FromBytes(Int32, make([]byte, 6)), "from_bytes: 6 bytes are no whole number of int32 ", line(0)},
		{FromBytes(0, nil), "from_bytes: not a dtype ", line(0)},
		{Zeros(Float32, -1), "zeros: negative dimension -1 in shape [-1] ", line(0)},
		{Ones(Float32, 1<<61), "ones: shape [2305843009213693952] with 4-byte elements has more bytes than an int can count ", line(0)},
		{Full(int8(1), 1<<32, 1<<32), "full: shape [4294967296 4294967296] has more elements than an int can count ", line(0)},
		{Zeros(100, 2), "zeros: not a dtype ", line(0)},
		{Arange(0, 1, 0, Int32), "arange: no range from 0 to 1 in steps of 0 ", line(0)},
		{Arange(0, math.NaN(), 1, Int32), "arange: no range from 0 to NaN in steps of 1 ", line(0)},
		{Arange(0, 1e300, 1, Int32), "arange: range from 0 to 1e+300 in steps of 1 is too long ", line(0)},
		{Arange(0, 1, 1, 77), "arange: not a dtype: 77 ", line(0)},
		{Linspace(0, 1, -1, Float32), "linspace: negative number of elements -1 ", line(0)},
		{Concatenate(0), "concatenate: no arrays ", line(0)},
		{Concatenate(0, a, a.Transpose()), "concatenate: shapes [2 3], [3 2]: arrays 0 and 1 differ in more than axis 0 ", line(0)},
		{Concatenate(0, a, a.At(0)), "concatenate: shapes [2 3], [3]: arrays 0 and 1 differ in more than axis 0 ", line(0)},
		{Concatenate(2, a, a), "concatenate: shape [2 3]: axis 2 is out of range for an array of 2 dimensions ", line(0)},
		{Concatenate(0, a, a.As(Int8)), "concatenate: array 0 is float32 and array 1 is int8; convert one with As ", line(0)},
		{Concatenate(0, Scalar(1.5)), "concatenate: shape []: axis 0 is out of range for an array of 0 dimensions ", line(0)},
		{Stack(0), "stack: no arrays ", line(0)},
		{Stack(0, a, a.At(0)), "stack: shapes [2 3], [3]: arrays 0 and 1 differ in shape ", line(0)},
		{RandomUniform(NewKey(1), 0, 1, Int32, 2), "random_uniform: int32 is not a floating-point dtype ", line(0)},
		{RandomUniform(NewKey(1), 1, 0, Float32, 2), "random_uniform: no numbers between 1 and 0 ", line(0)},
		{RandomNormal(NewKey(1), Bool, 2), "random_normal: bool is not a floating-point dtype ", line(0)},
		{RandomInt(NewKey(1), 0, 1, Float32, 2), "random_int: float32 is not an integer dtype ", line(0)},
		{RandomInt(NewKey(1), 0, 0, Int32, 2), "random_int: no integers from 0 to below 0 ", line(0)},
		{RandomInt(NewKey(1), -1, 5, Uint8, 2), "random_int: -1 to 4 do not fit uint8 ", line(0)},
		{RandomInt(NewKey(1), 0, 1<<40, Int32, 2), "random_int: 0 to 1099511627775 do not fit int32 ", line(0)},
	} {
		if err := c.a.Err(); err == nil || err.Error() != c.want+c.at {
			t.Errorf("error %v\n want %s", err, c.want+c.at)
		}
	}
}

func TestErrorsStick(t *testing.T) {
	bad := Zeros(Float32, 2, 3).Reshape(4)
	where := strings.Trim(line(-1), "()")
	err := bad.Err()
	good := Zeros(Float32, 4)
	for i, a := range []*Array{
		bad.Reshape(1), bad.Flatten(), bad.Transpose(), bad.Slice(), bad.At(0), bad.Broadcast(4), bad.ExpandDims(0), bad.Squeeze(),
		bad.As(Int8), bad.Contiguous(), bad.To(Default()), Concatenate(0, good, bad), Stack(0, good, bad), ZerosLike(bad), OnesLike(bad),
	} {
		if a.Err() != err {
			t.Errorf("operation %d: error %v", i, a.Err())
		}
	}
	check := func(name string, got error) {
		if got != err {
			t.Errorf("%s: error %v", name, got)
		}
	}
	_, e := Values[int64](bad)
	check("Values", e)
	_, e = Item[float32](bad)
	check("Item", e)
	_, e = bad.Bytes()
	check("Bytes", e)
	_, e = Equal(good, bad)
	check("Equal", e)
	_, e = AllClose(bad, good, 0, 0)
	check("AllClose", e)
	check("Eval", Eval(context.Background(), good, bad))
	check("Array.Eval", bad.Eval(context.Background()))
	if got := fmt.Sprintf("%.2f", bad); got != "!("+err.Error()+")" {
		t.Errorf("prints %s", got)
	}
	if bad.Shape() != nil || bad.Size() != 0 || bad.DType().Valid() || bad.Device() != nil {
		t.Error("an array with an error has a shape, dtype or device")
	}
	n := 0
	for _, row := range bad.Rows() {
		check("Rows", row.Err())
		n++
	}
	if n != 1 {
		t.Errorf("%d rows", n)
	}
	var se *ShapeError
	if !errors.As(err, &se) || se.Op != "reshape" || !slices.Equal(se.Shapes[0], []int{2, 3}) || !strings.HasSuffix(se.Caller, where) {
		t.Errorf("%#v", se)
	}
	if bad.Free(); bad.Err() != err {
		t.Error("Free changes the error")
	}
}

func TestLeavingErrors(t *testing.T) {
	a := Zeros(Float32, 2)
	_, err := Values[float64](a)
	if want := "values: array is float32, not float64; convert it with As " + line(-1); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_, err = Item[float32](a)
	if want := "item: shape [2]: array has 2 elements, not 1 " + line(-1); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := new(Array).Reshape(1).Err(); err != errZeroArray {
		t.Errorf("zero Array: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := a.Eval(ctx); !errors.Is(err, context.Canceled) || a.Err() != nil {
		t.Errorf("cancelled: %v, then %v", err, a.Err())
	}
	wantValues(t, a, []int{2}, float32(0), 0)
}

func TestMemoryRunsOut(t *testing.T) {
	a := Zeros(Uint8, 1<<60)
	var de *DeviceError
	err := a.ExpandDims(0).As(Int8).Eval(context.Background())
	if !errors.As(err, &de) || de.Device != a.Device().Name() || !strings.Contains(err.Error(), "allocate: no memory for 1152921504606846976 bytes") {
		t.Errorf("error %v", err)
	}
	if got := a.At(0).Err(); got == nil || got.Error() != err.Error() {
		t.Errorf("a view of what failed: %v", got)
	}
}

func TestNilArraysPanic(t *testing.T) {
	defer func() {
		if got := recover(); got != "zmlx: nil *Array" {
			t.Errorf("panic %v", got)
		}
	}()
	Stack(0, Zeros(Int8), nil)
}
