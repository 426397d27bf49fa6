package capsule

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

const whole = `{
  "$schema": "capsule.schema.json",
  "name": "saxpy", "input_names": ["x", "y", "a", "r"], "output_names": ["out"],
  "source": {"file": "saxpy.metal"}, "header": "// none\n",
  "ensure_row_contiguous": false, "atomic_outputs": true,
  "template": [["T", "float16"], ["N", -4], ["B", true]],
  "grid": [16, 2, 1], "threadgroup": [8, 1, 1],
  "output_shapes": [[4, 4]], "output_dtypes": ["bfloat16"], "init_value": 0.5,
  "inputs": {
    "a": {"dtype": "float32", "value": 2},
    "x": {"dtype": "int16", "shape": [2, 3], "data": [1, 2, 3, -4, 5, 6], "transpose": [1, -2]},
    "y": {"npy": "y.npy", "dtype": "bfloat16"},
    "r": {"dtype": "float32", "shape": [4, 4], "random": "uniform", "low": -1, "high": 2.5, "seed": 18446744073709551615}
  },
  "expect": {"out": {"data": [[1, 2], ["nan", "-inf"]], "rtol": 1e-3, "atol": 0}}
}`

func TestDecodeWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "saxpy.metal"), []byte("out[0] = a;\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.json"), []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := Load(filepath.Join(dir, "c.json"))
	if err != nil {
		t.Fatal(err)
	}
	half, milli, zero := 0.5, 1e-3, 0.0
	want := &Capsule{
		Kernel: signature.Kernel{
			Name: "saxpy", InputNames: []string{"x", "y", "a", "r"}, OutputNames: []string{"out"},
			Source: "out[0] = a;\n", Header: "// none\n", AtomicOutputs: true,
		},
		SourceFile: filepath.Join(dir, "saxpy.metal"),
		Template: []signature.TemplateArg{
			{Name: "T", Kind: signature.TypeArg, DType: dtype.Float16},
			{Name: "N", Kind: signature.IntArg, Int: -4},
			{Name: "B", Kind: signature.BoolArg, Bool: true},
		},
		Grid: [3]int{16, 2, 1}, Threadgroup: [3]int{8, 1, 1},
		OutputShapes: [][]int{{4, 4}}, OutputDTypes: []dtype.DType{dtype.BFloat16}, InitValue: &half,
		Inputs: []Input{
			{Name: "x", DType: dtype.Int16, Shape: []int{2, 3}, Data: []byte{1, 0, 2, 0, 3, 0, 0xfc, 0xff, 5, 0, 6, 0}, Transpose: []int{1, 0}},
			{Name: "y", DType: dtype.BFloat16, File: filepath.Join(dir, "y.npy")},
			{Name: "a", DType: dtype.Float32, Shape: []int{}, Data: []byte{0, 0, 0, 0x40}},
			{Name: "r", DType: dtype.Float32, Shape: []int{4, 4}, Random: &Random{Uniform, -1, 2.5, math.MaxUint64}},
		},
	}
	expect := got.Expect
	got.Expect = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("capsule (-want +got):\n%s", diff)
	}
	if len(expect) != 1 || expect[0].Name != "out" || *expect[0].RTol != milli || *expect[0].ATol != zero {
		t.Fatalf("expect: %+v", expect)
	}
	f, err := expect[0].Data.Float64s()
	if err != nil || len(f) != 4 || f[1] != 2 || !math.IsNaN(f[2]) || !math.IsInf(f[3], -1) {
		t.Errorf("expected values %v, %v", f, err)
	}
	if diff := cmp.Diff([]int{2, 2}, expect[0].Data.Shape()); diff != "" {
		t.Error(diff)
	}
}

func TestDefaults(t *testing.T) {
	c, err := Decode([]byte(`{"name":"k","output_names":["o"],"source":"o[0] = 1;","header":null}`), ".")
	if err != nil {
		t.Fatal(err)
	}
	want := &Capsule{Kernel: signature.Kernel{Name: "k", OutputNames: []string{"o"}, Source: "o[0] = 1;", EnsureRowContiguous: true}}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// with returns a small capsule with members added or replaced.
func with(members string) string {
	return `{"name":"k","input_names":["x"],"output_names":["o"],"source":"o[0] = x[0];",` + members + `}`
}

func input(members string) string { return with(`"inputs":{"x":{` + members + `}}`) }

func TestRefused(t *testing.T) {
	good := `"inputs":{"x":{"dtype":"int8","value":1}}`
	dir := t.TempDir()
	for _, c := range []struct{ text, want string }{
		{``, "the file ends in the middle"},
		{`{"name":`, "the file ends in the middle"},
		{"{\n  \"name\": NaN}", `line 2, column 11`},
		{"{\n  \"name\": NaN}", `write "nan"`},
		{`{} {}`, "more after the end"},
		{`[]`, "a capsule is a JSON object, found a list of 0"},
		{`{"name":"k","name":"l"}`, `field "name" is given twice`},
		{strings.Repeat("[", 100000), "nested deeper than 64 levels"},
		{`{}`, "name: the field is missing"},
		{`{}`, "source: the field is missing"},
		{with(good + `,"thread_group":[1,1,1]`), `thread_group: unknown field; did you mean "threadgroup"?`},
		{with(good + `,"zzzzzzzzzzzz":1`), `zzzzzzzzzzzz: unknown field; the fields here are $schema, name, input_names`},
		{with(good + `,"grid":[1,1]`), "grid: want three sizes [x, y, z], found 2"},
		{with(good + `,"grid":[0,1,1]`), "grid[0]: want at least 1, found 0"},
		{with(good + `,"grid":[1.5,1,1]`), "grid[0]: want a whole number for int64, found the number 1.5"},
		{with(good + `,"grid":7`), "grid: want a list, found the number 7"},
		{with(good + `,"grid":[1.5,1,1]`), "grid[0]: want a whole number for int64, found the number 1.5"},
		{with(good + `,"grid":[true,1,1]`), "grid[0]: want a whole number, found true"},
		{with(good + `,"threadgroup":[1e300,1,1]`), "threadgroup[0]: want a whole number"},
		{with(good + `,"output_shapes":[[1],[1]]`), "expected output_shapes to have size 1 (o) but got size 2"},
		{with(good + `,"output_dtypes":[]`), "expected output_dtypes to have size 1 (o) but got size 0"},
		{with(good + `,"output_shapes":[[-1]]`), "output_shapes[0][0]: a size cannot be negative, found -1"},
		{with(good + `,"output_shapes":[[4294967296,4294967296]]`), "output_shapes[0]: shape [4294967296 4294967296] is too large"},
		{with(good + `,"output_shapes":[[65536,65536]]`), "too large"},
		{with(good + `,"output_shapes":[[0,9223372036854775807]]`), "too large"},
		{with(good + `,"output_dtypes":["flaot32"]`), `output_dtypes[0]: unknown dtype "flaot32"; did you mean "float32"?`},
		{with(good + `,"output_dtypes":[32]`), "output_dtypes[0]: want the name of a dtype, found the number 32"},
		{with(good + `,"init_value":"x"`), `init_value: want a number, "nan", "inf" or "-inf", found the string "x"`},
		{with(good + `,"template":[["T",1.5]]`), "template[0][1]: want a whole number for int32, found the number 1.5"},
		{with(good + `,"template":[["T",4294967296]]`), "template[0][1]: the number 4294967296 is out of range for int32"},
		{with(good + `,"template":[["T",null]]`), "template[0][1]: want a dtype's name, a whole number or a bool, found null"},
		{with(good + `,"template":[["T"]]`), "template[0]: want a pair [name, value], found a list of 1"},
		{with(good + `,"atomic_outputs":1`), "atomic_outputs: want true or false, found the number 1"},
		{with(good + `,"header":3`), `header: want a string or {"file": path}, found the number 3`},
		{with(good + `,"header":{"file":"none.h"}`), "header.file: stat"},
		{with(good + `,"header":{"file":"."}`), "is not a regular file"},
		{with(good + `,"header":{"path":"a"}`), "header.path: unknown field"},
		{with(good + `,"expect":{"p":{"data":[1]}}`), "expect.p: output_names has no such name"},
		{with(good + `,"expect":{"o":{"data":[1],"npy":"o.npy"}}`), "expect.o: an expected output has exactly one of npy and data"},
		{with(good + `,"expect":{"o":{"data":[1],"rtol":-1}}`), "expect.o.rtol: a tolerance cannot be negative"},
		{with(good + `,"expect":{"o":{"data":[1],"atol":"nan"}}`), "expect.o.atol: want a finite number"},
		{with(`"inputs":{}`), "inputs.x: the input is missing"},
		{with(`"inputs":[]`), "inputs: want an object, found a list of 0"},
		{with(`"inputs":{"x":1}`), "inputs.x: want an object, found the number 1"},
		{with(`"inputs":{"x":{"dtype":"int8","value":1},"Xx":{}}`), `inputs.Xx: input_names has no such name`},
		{input(`"dtype":"int8"`), "inputs.x: an input has exactly one of npy, data, value and random, found none"},
		{input(`"dtype":"int8","value":1,"data":[1]`), "found data and value"},
		{input(`"value":1`), "inputs.x.dtype: the field is missing"},
		{input(`"dtype":"int8","value":1,"shape":[1]`), "inputs.x.shape: the field does not go with value"},
		{input(`"npy":"a.npy","seed":1`), "inputs.x.seed: the field does not go with npy"},
		{input(`"npy":""`), "inputs.x.npy: the file's name is empty"},
		{input(`"dtype":"int8","value":128`), "inputs.x.value[0]: the number 128 is out of range for int8"},
		{input(`"dtype":"uint64","value":-1`), "out of range for uint64"},
		{input(`"dtype":"uint64","value":18446744073709551616`), "out of range for uint64"},
		{input(`"dtype":"int32","value":[1,2]`), "inputs.x.value: want one number, found a list of 2"},
		{input(`"dtype":"bool","value":2`), "want true or false, found the number 2"},
		{input(`"dtype":"float32","value":"infinite"`), `want a number, "nan", "inf" or "-inf"`},
		{input(`"dtype":"float32","value":1e999`), "too large for float64"},
		{input(`"dtype":"float32","shape":[3],"data":[1,2]`), "inputs.x.data: shape [3] has 3 elements, found 2"},
		{input(`"dtype":"float32","shape":[4],"data":[[1,2],[3,4]]`), "inputs.x.data: the lists are nested as [2 2], but the shape is [4]"},
		{input(`"dtype":"float32","data":[[1,2],[3]]`), "inputs.x.data[1]: a list of 1 where earlier ones have 2"},
		{input(`"dtype":"float32","data":[1,[2]]`), "inputs.x.data[1]: found a list of 1 where earlier ones are numbers"},
		{input(`"dtype":"float32","data":[[1],2]`), "inputs.x.data[1]: found the number 2 where earlier ones are lists"},
		{input(`"dtype":"float32","data":2`), "a single number goes into value"},
		{input(`"dtype":"float32","shape":[2],"data":[1,null]`), "inputs.x.data[1]: want a number"},
		{input(`"dtype":"float32","shape":[2,2],"data":[1,2,3,4],"transpose":[0]`), "inputs.x.transpose: 1 axes for an array of 2 dimensions"},
		{input(`"dtype":"float32","shape":[2,2],"data":[1,2,3,4],"transpose":[0,2]`), "axis 2 is out of range"},
		{input(`"dtype":"float32","shape":[2,2],"data":[1,2,3,4],"transpose":[0,-2]`), "axis -2 is named twice"},
		{input(`"dtype":"float32","shape":[2],"random":"nromal"`), `inputs.x.random: want "normal", "uniform" or "randint", found "nromal"; did you mean "normal"?`},
		{input(`"dtype":"float32","random":"normal"`), "inputs.x.shape: the field is missing"},
		{input(`"dtype":"int32","shape":[2],"random":"normal"`), "a normal distribution needs a float dtype, found int32"},
		{input(`"dtype":"float32","shape":[2],"random":"normal","low":1`), "low and high do not go with a normal distribution"},
		{input(`"dtype":"int32","shape":[2],"random":"uniform"`), `for whole numbers write "randint"`},
		{input(`"dtype":"float32","shape":[2],"random":"uniform","low":2`), "low is 2, above high, which is 1"},
		{input(`"dtype":"float32","shape":[2],"random":"uniform","high":"inf"`), "want a finite number"},
		{input(`"dtype":"int32","shape":[2],"random":"randint"`), "inputs.x.high: the field is missing"},
		{input(`"dtype":"int32","shape":[2],"random":"randint","low":3,"high":3`), "no whole number is at least 3 and below 3"},
		{input(`"dtype":"uint8","shape":[2],"random":"randint","high":257`), "the range from 0 to 256 does not fit uint8"},
		{input(`"dtype":"int64","shape":[2],"random":"randint","low":0.5,"high":3`), "must be whole numbers"},
		{input(`"dtype":"float32","shape":[2],"random":"normal","seed":-1`), "inputs.x.seed: want a whole number from 0 to 2^64-1"},
		{`{"name":"k k","output_names":["o"],"source":""}`, `" " cannot be in a name`},
		{`{"name":"k","output_names":[],"source":""}`, "must specify at least one output"},
		{`{"name":"k","output_names":["device"],"source":""}`, `"device" is a keyword`},
	} {
		_, err := Decode([]byte(c.text), dir)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.200s\nerror %v\nwant one with %q", c.text, err, c.want)
		}
	}
}

func TestSeveralFaultsAtOnce(t *testing.T) {
	_, err := Decode([]byte(with(`"inputs":{"x":{"dtype":"int8","value":1}},"grid":[0,0,0],"headr":"","template":3`)), ".")
	if err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("want five faults, one a line, found: %v", err)
	}
}

func TestValuesEncode(t *testing.T) {
	for _, c := range []struct {
		dtype string
		json  string
		want  []byte
	}{
		{"bool", `[true, 0, 1]`, []byte{1, 0, 1}},
		{"uint16", `[1, 65535, 3.0, 1e3]`, []byte{1, 0, 255, 255, 3, 0, 0xe8, 3}},
		{"int64", `[-9223372036854775808]`, []byte{0, 0, 0, 0, 0, 0, 0, 128}},
		{"uint64", `[18446744073709551615]`, []byte{255, 255, 255, 255, 255, 255, 255, 255}},
		{"float16", `[1, "inf", 65504, 2049]`, []byte{0, 0x3c, 0, 0x7c, 0xff, 0x7b, 0, 0x68}},
		{"bfloat16", `[1, "-inf"]`, []byte{0x80, 0x3f, 0x80, 0xff}},
		{"float32", `[0.1, 1e39]`, []byte{0xcd, 0xcc, 0xcc, 0x3d, 0, 0, 0x80, 0x7f}},
		{"float64", `[-0.0]`, []byte{0, 0, 0, 0, 0, 0, 0, 0x80}},
		{"complex64", `[[1, 2], 1]`, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 0, 0, 0x80, 0x3f, 0, 0, 0, 0}},
		{"complex64", `[1, 2]`, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0}},
		{"float32", `[]`, []byte{}},
	} {
		n, err := parse([]byte(c.json))
		if err != nil {
			t.Fatal(err)
		}
		d, err := dtype.Parse(c.dtype)
		if err != nil {
			t.Fatal(err)
		}
		v, err := newValues("data", n, d == dtype.Complex64)
		if err != nil {
			t.Errorf("%s %s: %v", c.dtype, c.json, err)
			continue
		}
		got, err := v.Encode(d)
		if err != nil {
			t.Errorf("%s %s: %v", c.dtype, c.json, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.dtype, c.json, diff)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(whole)
	f.Add(input(`"dtype":"complex64","data":[[[1,2]],[[3,"nan"]]]`))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Decode([]byte(text), "testdata")
		if err != nil {
			return
		}
		for _, in := range c.Inputs {
			if n := (signature.Input{Shape: in.Shape}).Size(); in.Data != nil && len(in.Data) != n*in.DType.Size() {
				t.Errorf("input %s of shape %v has %d bytes", in.Name, in.Shape, len(in.Data))
			}
		}
	})
}
