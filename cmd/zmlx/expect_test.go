package main

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/encoding/npy"
	"github.com/zmlx-go/zmlx/internal/capsule"
)

// expecting returns what a capsule with this member as expect.o expects.
func expecting(t *testing.T, member, dir string) capsule.Expect {
	t.Helper()
	c, err := capsule.Decode([]byte(`{"name":"k","output_names":["o"],"source":"","expect":{"o":{`+member+`}}}`), dir)
	if err != nil {
		t.Fatal(err)
	}
	return c.Expect[0]
}

func float32s(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func int64s(values ...int64) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		name   string
		member string
		dtype  zmlx.DType
		shape  []int
		got    []byte
		want   string // part of the comparison or error
	}{
		{"equal", `"data":[1,2]`, zmlx.Float32, []int{2}, float32s(1, 2), "as expected (2 elements, rtol 1e-05, atol 1e-06)"},
		{"within", `"data":[1,2],"rtol":0.1,"atol":0`, zmlx.Float32, []int{2}, float32s(1.05, 1.9), "as expected"},
		{"beyond", `"data":[[1,2],[3,4]],"rtol":0.1,"atol":0`, zmlx.Float32, []int{2, 2}, float32s(1, 2, 4, 4.5),
			"NOT as expected: 2 of 4 elements differ, most of all [1, 0]: got 4, want 3"},
		{"worst by what is allowed", `"data":[100,1],"rtol":0.01,"atol":0`, zmlx.Float32, []int{2}, float32s(103, 2), "most of all [1]"},
		{"nan is nan", `"data":["nan","inf","-inf"]`, zmlx.Float32, []int{3}, float32s(nan, inf, -inf), "as expected"},
		{"nan is not a number", `"data":[1]`, zmlx.Float32, []int{1}, float32s(nan), "got NaN, want 1"},
		{"inf is not finite", `"data":["inf"],"rtol":1`, zmlx.Float32, []int{1}, float32s(1e30), "got 1.00000002e+30, want +Inf"},
		{"finite is not inf", `"data":[1],"rtol":1e9`, zmlx.Float32, []int{1}, float32s(inf), "got +Inf, want 1"},
		{"64 bits", `"data":[9007199254740993]`, zmlx.Int64, []int{1}, int64s(9007199254740992), "got 9007199254740992, want 9007199254740993"},
		{"64 bits equal", `"data":[-9007199254740993]`, zmlx.Int64, []int{1}, int64s(-9007199254740993), "as expected (1 elements, exactly)"},
		{"integers with tolerance", `"data":[10],"atol":1`, zmlx.Int64, []int{1}, int64s(11), "as expected"},
		{"bool", `"data":[true,false]`, zmlx.Bool, []int{2}, []byte{1, 1}, "most of all [1]: got true, want false"},
		{"complex", `"data":[[1,2],[3,4]]`, zmlx.Complex64, []int{2}, float32s(1, 2, 3, 5), "1 of 2 elements differ, most of all [1]: got 5, want 4"},
		{"bfloat16", `"data":[1]`, zmlx.BFloat16, []int{1}, []byte{0x81, 0x3f}, "as expected"}, // 1 + 2^-7
		{"float16", `"data":[1]`, zmlx.Float16, []int{1}, []byte{0x08, 0x3c}, "got 1.0078125, want 1"},
		{"scalar", `"data":3`, zmlx.Float32, []int{}, float32s(4), "most of all []: got 4, want 3"},
		{"too few", `"data":[1]`, zmlx.Float32, []int{2}, float32s(1, 2), "shape [2] has 2 elements, found 1"},
		{"nested wrongly", `"data":[[1,2]]`, zmlx.Float32, []int{2}, float32s(1, 2), "nested as [1 2], but the shape is [2]"},
		{"out of range", `"data":[300]`, zmlx.Uint8, []int{1}, []byte{1}, "out of range for uint8"},
		{"no file", `"npy":"none.npy"`, zmlx.Float32, []int{1}, float32s(1), "none.npy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := compare(expecting(t, c.member, t.TempDir()), c.dtype, c.shape, c.got)
			text := ""
			if err != nil {
				text = err.Error()
			} else {
				text = r.String()
			}
			if !strings.Contains(text, c.want) {
				t.Errorf("got %q, want a text with %q", text, c.want)
			}
			if r != nil && r.OK != (r.Wrong == 0) || r != nil && r.OK == (r.Worst != nil) {
				t.Errorf("inconsistent: %+v", r)
			}
		})
	}
}

// An expected file may hold the output's dtype, uint16 bits for bfloat16, or
// any other dtype that is compared as numbers.
func TestCompareFiles(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		file  zmlx.DType
		data  []byte
		dtype zmlx.DType
		got   []byte
		shape []int
		want  string
	}{
		{zmlx.Float32, float32s(1), zmlx.Float32, float32s(1), []int{1}, "as expected"},
		{zmlx.Uint16, []byte{0x80, 0x3f}, zmlx.BFloat16, []byte{0x80, 0x3f}, []int{1}, "as expected"},
		{zmlx.Float32, float32s(1), zmlx.BFloat16, []byte{0x80, 0x3f}, []int{1}, "as expected"},
		{zmlx.Int64, int64s(1), zmlx.Float32, float32s(1), []int{1}, "as expected"},
		{zmlx.Int64, int64s(math.MaxInt64), zmlx.Int64, int64s(math.MaxInt64 - 1), []int{1}, "got 9223372036854775806, want 9223372036854775807"},
		{zmlx.Float32, float32s(1), zmlx.Float32, float32s(1), []int{1, 1}, "has shape [1], the output has [1 1]"},
		{zmlx.Float32, float32s(1), zmlx.Complex64, float32s(1, 0), []int{1}, "holds float32, the output is complex64"},
	} {
		if err := npy.WriteFile(filepath.Join(dir, "o.npy"), &npy.Array{DType: c.file, Shape: []int{1}, Data: c.data}); err != nil {
			t.Fatal(err)
		}
		r, err := compare(expecting(t, `"npy":"o.npy"`, dir), c.dtype, c.shape, c.got)
		text := ""
		if err != nil {
			text = err.Error()
		} else {
			text = r.String()
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%v against %v: got %q, want a text with %q", c.dtype, c.file, text, c.want)
		}
	}
}
