// This file tests reading and writing: round trips, bytes, refusals.

package safetensors

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// filled returns a tensor of bytes that count up; a bool has 0 and 1 only.
func filled(name string, d dtype.DType, shape ...int) Tensor {
	n := d.Size()
	for _, dim := range shape {
		n *= dim
	}
	t := Tensor{Name: name, DType: d, Shape: append([]int{}, shape...), Data: make([]byte, n)}
	for i := range t.Data {
		t.Data[i] = byte(i*7 + 1)
		if d == dtype.Bool {
			t.Data[i] = byte(i % 3 / 2)
		}
	}
	return t
}

// everything returns tensors of every type and several shapes, by name.
func everything() *File {
	f := &File{Metadata: map[string]string{"format": "pt", "<&> \u2028 \"é": "\n"}}
	for _, d := range dtype.All() {
		for i, shape := range [][]int{{}, {0}, {1}, {7}, {3, 5}, {2, 0, 3}, {2, 3, 4}} {
			f.Tensors = append(f.Tensors, filled(fmt.Sprintf("%s.<%d>", d, i), d, shape...))
		}
	}
	slices.SortFunc(f.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return f
}

// file returns the bytes of a file with the given header and data.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func encoded(t testing.TB, f *File) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// sameBytes spares cmp to walk through large data.
var sameBytes = cmp.Comparer(bytes.Equal)

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	for _, f := range []*File{everything(), {Tensors: []Tensor{filled("", dtype.Float32, 300, 1000)}}, {Tensors: []Tensor{}}} {
		b := encoded(t, f)
		got, err := Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, got, sameBytes); diff != "" {
			t.Errorf("changed (-written +read):\n%s", diff)
		}
		if err := WriteFile(path, f); err != nil {
			t.Fatal(err)
		}
		got, err = ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(f, got, sameBytes); diff != "" {
			t.Errorf("changed (-written +read from a file):\n%s", diff)
		}
		if onDisk, err := os.ReadFile(path); err != nil || !bytes.Equal(onDisk, b) {
			t.Errorf("WriteFile and Write differ (%v)", err)
		}
	}
}

func TestBytes(t *testing.T) {
	f := &File{
		Metadata: map[string]string{"z": "1", "a": "<2>"},
		Tensors:  []Tensor{filled("b", dtype.Int16, 2), filled("c", dtype.BFloat16), filled("a", dtype.Uint8, 0, 1)},
	}
	header := `{"__metadata__":{"a":"<2>","z":"1"},"a":{"dtype":"U8","shape":[0,1],"data_offsets":[6,6]},` +
		`"b":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"c":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}`
	header += strings.Repeat(" ", 7-(len(header)+7)%8)
	want := string(file(header, 0)) + "\x01\x08\x0f\x16\x01\x08"
	if got := string(encoded(t, f)); got != want {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if got, want := string(encoded(t, &File{})), "\x08\x00\x00\x00\x00\x00\x00\x00{}      "; got != want {
		t.Errorf("the empty file is %q, want %q", got, want)
	}
}

// The order of the tensors must not show in the bytes, and every tensor must lie
// at a multiple of its element's size.
func TestDeterministicAndAligned(t *testing.T) {
	f := everything()
	b := encoded(t, f)
	slices.Reverse(f.Tensors)
	if !bytes.Equal(b, encoded(t, f)) {
		t.Error("the bytes depend on the order of the tensors")
	}
	length := int(binary.LittleEndian.Uint64(b))
	if length%8 != 0 {
		t.Errorf("the data start at byte %d, not a multiple of 8", 8+length)
	}
	var header map[string]struct {
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(b[8:8+length], &header); err != nil {
		t.Fatal(err)
	}
	for _, tensor := range f.Tensors {
		if at := header[tensor.Name].Offsets[0]; at%tensor.DType.Size() != 0 {
			t.Errorf("%s of %s lies at %d", tensor.Name, tensor.DType, at)
		}
	}
}

func TestTensorByName(t *testing.T) {
	f := everything()
	if got := f.Tensor("int8.<3>"); got != &f.Tensors[slices.IndexFunc(f.Tensors, func(t Tensor) bool { return t.Name == "int8.<3>" })] {
		t.Errorf("got %v", got)
	}
	if got := f.Tensor("absent"); got != nil {
		t.Errorf("an absent tensor is %v", got)
	}
}

func TestHeaderForms(t *testing.T) {
	for _, c := range []struct {
		header string
		data   int
		want   *File
	}{
		{`{}`, 0, &File{Tensors: []Tensor{}}},
		{`{"__metadata__":{"\ud83d\uDE00 \\ud83d \n\u00e9":"\\"}}`, 0, &File{Metadata: map[string]string{"😀 \\ud83d \né": "\\"}, Tensors: []Tensor{}}},
		{"{\n \"__metadata__\" : { } }\n\t ", 0, &File{Metadata: map[string]string{}, Tensors: []Tensor{}}},
		{
			`{"z":{"data_offsets":[0,3],"shape":[3],"dtype":"BOOL"},"\u0061":{"dtype":"F16","shape":[],"data_offsets":[3,5]}}`, 5,
			&File{Tensors: []Tensor{{"a", dtype.Float16, []int{}, []byte{0, 0}}, {"z", dtype.Bool, []int{3}, []byte{0, 0, 0}}}},
		},
		{
			`{"a":{"dtype":"U8","shape":[0,9],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0,
			&File{Tensors: []Tensor{{"a", dtype.Uint8, []int{0, 9}, []byte{}}, {"b", dtype.Uint8, []int{0}, []byte{}}}},
		},
	} {
		got, err := Read(bytes.NewReader(file(c.header, c.data)))
		if err != nil {
			t.Errorf("%s: %v", c.header, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.header, diff)
		}
	}
}

func TestBoolsAreZeroOrOne(t *testing.T) {
	b := append(file(`{"a":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}}`, 0), 0, 1, 2, 255)
	f, err := Read(bytes.NewReader(b))
	if err != nil || !bytes.Equal(f.Tensors[0].Data, []byte{0, 1, 1, 1}) {
		t.Errorf("got %v, %v", f, err)
	}
}

func TestRefused(t *testing.T) {
	one := func(dtype, shape, offsets string) string {
		return fmt.Sprintf(`{"a":{"dtype":%s,"shape":%s,"data_offsets":%s}}`, dtype, shape, offsets)
	}
	two := func(first, second string) []byte {
		return file(fmt.Sprintf(`{"a":{"dtype":"U8","shape":[4],"data_offsets":%s},"b":{"dtype":"U8","shape":[4],"data_offsets":%s}}`, first, second), 8)
	}
	f4 := func(shape, offsets string) []byte { return file(one(`"F32"`, shape, offsets), 4) }
	good := one(`"F32"`, "[1]", "[0,4]")
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"empty", "0 bytes are too few", nil},
		{"cut length", "7 bytes are too few", make([]byte, 7)},
		{"header 2^64-1", "at most 100000000", bytes.Repeat([]byte{0xff}, 8)},
		{"header over the limit", "at most 100000000", binary.LittleEndian.AppendUint64(nil, 100_000_001)},
		{"header beyond the file", "only 2 are there", append(binary.LittleEndian.AppendUint64(nil, 99_000_000), "{}"...)},
		{"header of nothing", "does not start with '{'", make([]byte, 8)},
		{"leading space", "does not start with '{'", file(" {}", 0)},
		{"array", "does not start with '{'", file("[]", 0)},
		{"not UTF-8", "not UTF-8", file("{\"\xff\":1}", 0)},
		{"high surrogate", "surrogate", file(`{"__metadata__":{"\ud83d":""}}`, 0)},
		{"low surrogate", "surrogate", file(`{"__metadata__":{"\ude00\ud83d":""}}`, 0)},
		{"surrogate and backslash", "surrogate", file(`{"__metadata__":{"\\\ud83d\\ude00":""}}`, 0)},
		{"not JSON", "not JSON", file("{a}", 0)},
		{"single quotes", "not JSON", file("{'a':1}", 0)},
		{"trailing comma", "not JSON", file(good[:len(good)-1]+",}", 4)},
		{"wrong bracket", "not JSON", file(good[:len(good)-1]+"]", 4)},
		{"no comma", "not JSON", file(`{"__metadata__":{} "a":{}}`, 4)},
		{"open object", "cut short", file(good[:len(good)-1], 4)},
		{"open string", "cut short", file(`{"abc`, 4)},
		{"after the object", "more follows", file(good+"{}", 4)},
		{"NUL padding", "more follows", file(good+"\x00", 4)},
		{"not an object", "expected an object", file(`{"a":1}`, 0)},
		{"null tensor", "expected an object, found null", file(`{"a":null}`, 0)},
		{"deep nesting", "expected an object, found \"[\"", file(`{"a":`+strings.Repeat("[", 1<<20), 0)},
		{"deep objects", "unknown key", file(strings.Repeat(`{"a":`, 1<<18), 0)},
		{"deep shape", "expected an integer", f4(strings.Repeat("[", 1<<20), "[0,4]")},
		{"same tensor twice", "\"a\" is there twice", file(good[:len(good)-1]+","+good[1:], 4)},
		{"same key escaped", "\"a\" is there twice", file(good[:len(good)-1]+`,"\u0061":{}}`, 4)},
		{"same field twice", "\"dtype\" is there twice", file(`{"a":{"dtype":"U8","dtype":"U8"}}`, 4)},
		{"metadata twice", "is there twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0)},
		{"metadata key twice", "\"k\" is there twice", file(`{"__metadata__":{"k":"1","k":"2"}}`, 0)},
		{"metadata number", "expected a string", file(`{"__metadata__":{"k":1}}`, 0)},
		{"metadata nested", "expected a string", file(`{"__metadata__":{"k":{}}}`, 0)},
		{"metadata string", "expected an object", file(`{"__metadata__":"k"}`, 0)},
		{"unknown field", "unknown key \"strides\"", file(`{"a":{"strides":[1]}}`, 4)},
		{"unknown dtype", "\"F8_E4M3\" is not supported", file(one(`"F8_E4M3"`, "[4]", "[0,4]"), 4)},
		{"dtype in small letters", "\"f32\" is not supported", file(one(`"f32"`, "[1]", "[0,4]"), 4)},
		{"dtype number", "expected a string", file(one("32", "[1]", "[0,4]"), 4)},
		{"no dtype", "dtype is missing", file(`{"a":{"shape":[1],"data_offsets":[0,4]}}`, 4)},
		{"no shape", "shape is missing", file(`{"a":{"dtype":"F32","data_offsets":[0,4]}}`, 4)},
		{"no offsets", "data_offsets, two integers, are missing", file(`{"a":{"dtype":"F32","shape":[1]}}`, 4)},
		{"one offset", "data_offsets, two integers, are missing", f4("[1]", "[4]")},
		{"three offsets", "more than 2 integers", f4("[1]", "[0,4,8]")},
		{"reversed offsets", "before they begin", f4("[1]", "[4,0]")},
		{"negative offset", "nonnegative", f4("[1]", "[-4,0]")},
		{"negative dimension", "nonnegative", f4("[-1]", "[0,4]")},
		{"fraction", "nonnegative integer, found 1.0", f4("[1.0]", "[0,4]")},
		{"exponent", "nonnegative integer, found 1e0", f4("[1e0]", "[0,4]")},
		{"string dimension", "expected an integer", f4(`["1"]`, "[0,4]")},
		{"true", "expected an integer, found true", f4("[true]", "[0,4]")},
		{"shape a number", "expected an array", f4("1", "[0,4]")},
		{"65 dims", "more than 64", f4("["+strings.Repeat("1,", 64)+"1]", "[0,4]")},
		{"dimension overflow", "too large", f4("[18446744073709551616]", "[0,4]")},
		{"sign overflow", "too large", f4("[9223372036854775808]", "[0,4]")},
		{"product overflow", "too large", f4("[4294967296,4294967296]", "[0,0]")},
		{"bytes overflow", "too large", f4("[4611686018427387904]", "[0,0]")},
		{"zero and overflow", "too large", f4("[0,4611686018427387904,8]", "[0,0]")},
		{"offset overflow", "too large", f4("[1]", "[18446744073709551612,18446744073709551616]")},
		{"more data than shape", "takes 4 bytes", file(one(`"F32"`, "[1]", "[0,8]"), 8)},
		{"more shape than data", "takes 8 bytes", f4("[2]", "[0,4]")},
		{"overlap", "overlap", two("[0,4]", "[2,6]")},
		{"the same bytes", "overlap", two("[0,4]", "[0,4]")},
		{"hole", "bytes from 4 to 5", two("[0,4]", "[5,9]")},
		{"hole at the start", "bytes from 0 to 4", two("[8,12]", "[4,8]")},
		{"rest", "no tensor covers", file(good, 5)},
		{"rest of nothing", "no tensor covers", file("{}", 1)},
		{"data cut", "only 3 are there", file(good, 3)},
		{"no data", "only 0 are there", file(good, 0)},
		{"petabyte", "only 4 are there", file(one(`"U8"`, "[1125899906842624]", "[0,1125899906842624]"), 4)},
	} {
		path := filepath.Join(t.TempDir(), "hostile.safetensors")
		if err := os.WriteFile(path, c.file, 0o666); err != nil {
			t.Fatal(err)
		}
		for how, read := range map[string]func() (*File, error){
			"Read":     func() (*File, error) { return Read(bytes.NewReader(c.file)) },
			"ReadFile": func() (*File, error) { return ReadFile(path) },
		} {
			f, err := read()
			if err == nil || f != nil {
				t.Errorf("%s, %s: got %v, %v, want an error", c.name, how, f, err)
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got error %q, want one with %q", c.name, how, err, c.want)
			}
			if strings.Contains(c.want, "are there") && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: %v does not wrap io.ErrUnexpectedEOF", c.name, how, err)
			}
			if err != nil && len(err.Error()) > 500 {
				t.Errorf("%s, %s: the error has %d bytes", c.name, how, len(err.Error()))
			}
		}
	}
}

// Lengths that claim far more than is there cost memory only for what is.
func TestMemoryFollowsData(t *testing.T) {
	header := `{"a":{"dtype":"U8","shape":[1152921504606846976],"data_offsets":[0,1152921504606846976]}}`
	for name, b := range map[string][]byte{
		"data":   file(header, 3<<20),
		"header": append(binary.LittleEndian.AppendUint64(nil, maxHeader), make([]byte, 3<<20)...),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(bytes.NewReader(b))
		runtime.ReadMemStats(&after)
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: got %v", name, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
			t.Errorf("%s: %d bytes were allocated for a file of %d", name, used, len(b))
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestErrorsOfTheStreamPass(t *testing.T) {
	broken := errors.New("broken")
	whole := encoded(t, &File{Tensors: []Tensor{filled("a", dtype.Int32, 3), filled("b", dtype.Uint8, 2)}})
	for n := range len(whole) + 1 {
		_, err := Read(io.MultiReader(bytes.NewReader(whole[:n]), failing{broken}))
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: got %v, want %v", n, err, broken)
		}
		if _, err = Read(bytes.NewReader(whole[:n])); n < len(whole) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: got %v", n, err)
		}
	}
	if err := Write(failing{broken}, &File{}); !errors.Is(err, broken) {
		t.Errorf("writing: got %v, want %v", err, broken)
	}
}

func TestWriteRefuses(t *testing.T) {
	tensor := func(d dtype.DType, data int, shape ...int) *File {
		return &File{Tensors: []Tensor{{"a", d, shape, make([]byte, data)}}}
	}
	for _, c := range []struct {
		f    *File
		want string
	}{
		{nil, "no file"},
		{&File{Tensors: []Tensor{filled("a", dtype.Int8), filled("a", dtype.Int8)}}, "\"a\" is there twice"},
		{&File{Tensors: []Tensor{filled("__metadata__", dtype.Int8)}}, "reserved"},
		{&File{Tensors: []Tensor{filled("\xff", dtype.Int8)}}, "not UTF-8"},
		{&File{Metadata: map[string]string{"a": "\xff"}}, "not UTF-8"},
		{tensor(dtype.Invalid, 0), "not an element type"},
		{tensor(200, 0), "not an element type"},
		{tensor(dtype.Int8, 2, 3), "needs 3 bytes of data, got 2"},
		{tensor(dtype.Int8, 0, -1), "negative"},
		{tensor(dtype.Int8, 0, make([]int, 65)...), "65 dimensions"},
		{tensor(dtype.Int16, 0, 1<<30, 1<<30, 8), "too large"},
		{&File{Metadata: map[string]string{"a": strings.Repeat("x", maxHeader)}}, "at most 100000000"},
	} {
		var b bytes.Buffer
		err := Write(&b, c.f)
		if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
			t.Errorf("got %v and %d bytes, want an error with %q", err, b.Len(), c.want)
		}
	}
}

// A writer that fails must leave the file that was there, and nothing else.
func TestWriteFileIsAtomic(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.safetensors")
	f := &File{Tensors: []Tensor{filled("a", dtype.Float32, 2)}}
	if err := WriteFile(path, f); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, &File{Tensors: []Tensor{{Name: "a"}}}); err == nil {
		t.Error("an invalid tensor was written")
	}
	broken := errors.New("broken")
	err := replaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
	if got, err := ReadFile(path); err != nil || cmp.Diff(f, got) != "" {
		t.Errorf("after failed writes the file reads as %v, %v", got, err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the directory holds %v (%v)", names, err)
	}
	if _, err := ReadFile(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent file: got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(encoded(f, everything()))
	f.Add(encoded(f, &File{Tensors: []Tensor{filled("a", dtype.Bool, 3), filled("b", dtype.BFloat16, 2, 2)}}))
	f.Add(file(`{"__metadata__":{"k":"v"},"a":{"dtype":"I64","shape":[1125899906842624],"data_offsets":[0,9007199254740992]}}`, 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		total := 0
		for _, tensor := range first.Tensors {
			total += len(tensor.Data)
		}
		if total > len(b) {
			t.Fatalf("%d bytes of data out of %d", total, len(b))
		}
		if len(first.Metadata) == 0 {
			first.Metadata = nil // an empty object is not written
		}
		again, err := Read(bytes.NewReader(encoded(t, first)))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(first, again); diff != "" {
			t.Fatalf("changed (-first +second):\n%s", diff)
		}
	})
}
