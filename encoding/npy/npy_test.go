// This file tests reading and writing .npy: round trips, bytes, refusals.

package npy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// filled returns an array of bytes that count up; a bool has 0 and 1 only.
func filled(d dtype.DType, shape ...int) *Array {
	n := d.Size()
	for _, dim := range shape {
		n *= dim
	}
	a := &Array{DType: d, Shape: append([]int{}, shape...), Data: make([]byte, n)}
	for i := range a.Data {
		a.Data[i] = byte(i*7 + 1)
		if d == dtype.Bool {
			a.Data[i] = byte(i % 3 / 2)
		}
	}
	return a
}

// file returns the bytes of a version 1.0 file with the given header.
func file(dict string, data int) []byte {
	b := append([]byte(magic), 1, 0, byte(len(dict)), byte(len(dict)>>8))
	return append(append(b, dict...), make([]byte, data)...)
}

func dict(descr, fortran, shape string) string {
	return fmt.Sprintf("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape)
}

var shapes = [][]int{{}, {0}, {1}, {7}, {3, 5}, {2, 0, 3}, {2, 3, 4}, {1, 1, 1, 1, 1}}

func TestRoundTrip(t *testing.T) {
	options := Options{BFloat16AsUint16: true}
	for _, d := range dtype.All() {
		for _, shape := range shapes {
			a := filled(d, shape...)
			var b bytes.Buffer
			if err := options.Write(&b, a); err != nil {
				t.Fatalf("%s %v: %v", d, shape, err)
			}
			if start := b.Len() - len(a.Data); start%headerAlign != 0 {
				t.Errorf("%s %v: data start at byte %d, not a multiple of %d", d, shape, start, headerAlign)
			}
			got, err := Read(&b)
			if err != nil {
				t.Fatalf("%s %v: %v", d, shape, err)
			}
			if d == dtype.BFloat16 {
				if got.DType != dtype.Uint16 {
					t.Errorf("bfloat16 came back as %s, want uint16", got.DType)
				}
				got.DType = dtype.BFloat16
			}
			if diff := cmp.Diff(a, got); diff != "" {
				t.Errorf("%s %v changed (-written +read):\n%s", d, shape, diff)
			}
		}
	}
}

func TestFileRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.npy")
	for _, a := range []*Array{filled(dtype.Float32, 700, 500), filled(dtype.Int8)} {
		if err := WriteFile(path, a); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(a, got, cmp.Comparer(bytes.Equal)); diff != "" {
			t.Errorf("changed (-written +read):\n%s", diff)
		}
	}
}

// A writer that fails must leave the file that was there, and nothing else.
func TestWriteFileIsAtomic(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "a.npy"), filepath.Join(dir, "link.npy")
	a := filled(dtype.Uint8, 3)
	if err := WriteFile(path, a); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err = replaceFile(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
	if got, err := ReadFile(path); err != nil || cmp.Diff(a, got) != "" {
		t.Errorf("after a failed write the file reads as %v, %v", got, err)
	}
	if err := WriteFile(filepath.Join(dir, "absent", "a.npy"), a); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in an absent directory: got %v, want that it does not exist", err)
	}
	if err := WriteFile(dir, a); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("over a directory: got %v", err)
	}
	want := 1
	if os.Symlink("a.npy", link) == nil {
		want = 2
		b := filled(dtype.Int16, 2)
		if err := WriteFile(link, b); err != nil {
			t.Fatal(err)
		}
		if got, err := ReadFile(path); err != nil || cmp.Diff(b, got) != "" {
			t.Errorf("written through a link, the file reads as %v, %v", got, err)
		}
	}
	after, err := os.Stat(path)
	if err != nil || after.Mode() != before.Mode() {
		t.Errorf("mode was %v, is %v (%v)", before.Mode(), after.Mode(), err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != want {
		t.Errorf("the directory holds %v, want %d entries (%v)", names, want, err)
	}
}

func TestHeaderBytes(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, filled(dtype.Float32, 3)); err != nil {
		t.Fatal(err)
	}
	want := "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
	if got := b.String(); !strings.HasPrefix(got, want+"    ") || got[127] != '\n' || len(got) != 128+12 {
		t.Errorf("got %q", got)
	}
}

func TestHeaderForms(t *testing.T) {
	for _, c := range []struct {
		dict  string
		dtype dtype.DType
		shape []int
	}{
		{"{'descr':'<f4','fortran_order':False,'shape':(2,3)}", dtype.Float32, []int{2, 3}},
		{"{\"shape\": (2, 3,), \"fortran_order\": True, \"descr\": \"<i2\"}", dtype.Int16, []int{2, 3}},
		{" {'descr' : '<u8' , 'shape' : ( 4L , ) , 'fortran_order' : False , } \n", dtype.Uint64, []int{4}},
		{"{'descr': '|b1', 'fortran_order': False, 'shape': ()}", dtype.Bool, []int{}},
		{"{'descr': 'u1', 'fortran_order': False, 'shape': (0,)}", dtype.Uint8, []int{0}},
		{"{'descr': '>i1', 'fortran_order': False, 'shape': (1,)}", dtype.Int8, []int{1}},
		{"{'descr': '<c8', 'fortran_order': False, 'shape': (1, 1)}", dtype.Complex64, []int{1, 1}},
	} {
		for version := byte(1); version <= 3; version++ {
			b := file(c.dict, 64)
			if version > 1 {
				b = append([]byte(magic), version, 0)
				b = binary.LittleEndian.AppendUint32(b, uint32(len(c.dict)))
				b = append(append(b, c.dict...), make([]byte, 64)...)
			}
			a, err := Read(bytes.NewReader(b))
			if err != nil {
				t.Errorf("version %d, %s: %v", version, c.dict, err)
				continue
			}
			if a.DType != c.dtype || cmp.Diff(c.shape, a.Shape) != "" {
				t.Errorf("version %d, %s: got %s %v", version, c.dict, a.DType, a.Shape)
			}
		}
	}
}

func TestFortranOrder(t *testing.T) {
	for _, shape := range shapes {
		for _, d := range []dtype.DType{dtype.Uint8, dtype.Uint16, dtype.Float32, dtype.Complex64} {
			want := filled(d, shape...)
			// The oracle: element (i, j, …) of the column-major data, one by one.
			size, data := d.Size(), make([]byte, len(want.Data))
			for n := range len(data) / size {
				rest, at, stride := n, 0, len(data)/size
				for axis := len(shape) - 1; axis >= 0; axis-- {
					stride /= shape[axis]
					at += rest % shape[axis] * stride
					rest /= shape[axis]
				}
				copy(data[at*size:(at+1)*size], want.Data[n*size:])
			}
			header := formatHeader(want)
			header = strings.Replace(header, "'fortran_order': False", "'fortran_order': True ", 1)
			got, err := Read(strings.NewReader(header + string(data)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s %v (-want +got):\n%s", d, shape, diff)
			}
		}
	}
}

func TestBoolsAreZeroOrOne(t *testing.T) {
	b := append(file(dict("'|b1'", "False", "(4,)"), 0), 0, 1, 2, 255)
	a, err := Read(bytes.NewReader(b))
	if err != nil || !bytes.Equal(a.Data, []byte{0, 1, 1, 1}) {
		t.Errorf("got %v, %v", a, err)
	}
}

func TestSeveralInOneStream(t *testing.T) {
	var b bytes.Buffer
	arrays := []*Array{filled(dtype.Int32, 2, 2), filled(dtype.Bool), filled(dtype.Float64, 0)}
	for _, a := range arrays {
		if err := Write(&b, a); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "several.npy")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), "more bytes follow") {
		t.Errorf("ReadFile: got %v", err)
	}
	for i, want := range arrays {
		got, err := Read(&b)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("array %d: got %v, %v", i, got, err)
		}
	}
	if _, err := Read(&b); err != io.EOF {
		t.Errorf("at the end: got %v, want io.EOF", err)
	}
}

func TestRefused(t *testing.T) {
	f4 := func(shape string) string { return dict("'<f4'", "False", shape) }
	v2 := append([]byte(magic), 2, 0, 0xff, 0xff, 0xff, 0xff)
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"magic", "does not start", []byte("PK\x03\x04 and more bytes")},
		{"magic cut", "cut short", []byte("\x93NUM")},
		{"wrong short", "does not start", []byte("\x93NUT")},
		{"version 0", "version 0.0", []byte("\x93NUMPY\x00\x00\x10\x00")},
		{"version 4", "version 4.0", []byte("\x93NUMPY\x04\x00\x10\x00\x00\x00")},
		{"version 1.1", "version 1.1", []byte("\x93NUMPY\x01\x01\x10\x00")},
		{"length cut", "cut short", []byte("\x93NUMPY\x01\x00\x10")},
		{"length 4 GiB", "at most 65535", v2},
		{"header cut", "cut short", file(f4("(1,)"), 0)[:40]},
		{"big-endian", "wrong endianness", file(dict("'>f4'", "False", "(1,)"), 4)},
		{"native order", "byte order", file(dict("'=f4'", "False", "(1,)"), 4)},
		{"no order", "byte order", file(dict("'f4'", "False", "(1,)"), 4)},
		{"pipe order", "byte order", file(dict("'|f4'", "False", "(1,)"), 4)},
		{"object", "object arrays", file(dict("'|O'", "False", "(1,)"), 4)},
		{"structured", "structured arrays", file(dict("[('a', '<f4')]", "False", "(1,)"), 4)},
		{"void", "void arrays", file(dict("'|V2'", "False", "(1,)"), 4)},
		{"text", "not supported", file(dict("'<U4'", "False", "(1,)"), 16)},
		{"time", "not supported", file(dict("'<M8[ns]'", "False", "(1,)"), 8)},
		{"complex128", "\"<c16\" is not supported", file(dict("'<c16'", "False", "(1,)"), 16)},
		{"empty descr", "not supported", file(dict("''", "False", "(1,)"), 4)},
		{"escape", "plain character", file(dict("'<f\\x34'", "False", "(1,)"), 4)},
		{"descr number", "expected a string", file(dict("4", "False", "(1,)"), 4)},
		{"open string", "does not end", file("{'descr", 0)},
		{"order word", "True or False", file(dict("'<f4'", "Falsey", "(1,)"), 4)},
		{"order number", "True or False", file(dict("'<f4'", "0", "(1,)"), 4)},
		{"negative", "not negative", file(f4("(-1,)"), 4)},
		{"shape list", "a tuple", file(f4("[1]"), 4)},
		{"shape int", "a tuple", file(f4("1"), 4)},
		{"not a tuple", "a tuple of one", file(f4("(1)"), 4)},
		{"no comma", "',' or ')'", file(f4("(1, 2 3)"), 24)},
		{"comma only", "decimal integer", file(f4("(,)"), 4)},
		{"two commas", "decimal integer", file(f4("(1,,2)"), 4)},
		{"open tuple", "decimal integer", file("{'shape': (1, ", 4)},
		{"leading zero", "decimal integer", file(f4("(01,)"), 4)},
		{"hexadecimal", "decimal integer", file(f4("(0x1,)"), 4)},
		{"float", "a tuple of one", file(f4("(1.5,)"), 4)},
		{"expression", "a tuple of one", file(f4("(2**9,)"), 4)},
		{"None", "decimal integer", file(f4("(None,)"), 4)},
		{"nested", "decimal integer", file(f4("("+strings.Repeat("(", 20000)), 4)},
		{"65 dims", "more than 64", file(f4("("+strings.Repeat("1, ", 65)+")"), 4)},
		{"dim overflow", "too large", file(f4("(99999999999999999999,)"), 4)},
		{"product overflow", "too large", file(f4("(4294967296, 4294967296)"), 4)},
		{"bytes overflow", "too large", file(f4("(4611686018427387904,)"), 4)},
		{"zero and overflow", "too large", file(f4("(0, 4611686018427387904, 8)"), 0)},
		{"petabyte", "only 4 are there", file(f4("(1125899906842624,)"), 4)},
		{"data cut", "only 7 are there", file(f4("(2,)"), 7)},
		{"no data", "only 0 are there", file(f4("()"), 0)},
		{"missing key", "\"shape\" is missing", file("{'descr': '<f4', 'fortran_order': False}", 4)},
		{"unknown key", "unknown key", file("{'descr': '<f4', 'extra': 1}", 4)},
		{"twice", "is there twice", file("{'descr': '<f4', 'descr': '<f4'}", 4)},
		{"no dict", "expected '{'", file("", 4)},
		{"not a dict", "expected '{'", file("['descr']", 4)},
		{"no colon", "expected ':'", file("{'descr' '<f4'}", 4)},
		{"no comma in dict", "',' or '}'", file("{'descr': '<f4' 'shape': ()}", 4)},
		{"after the dict", "nothing more", file(strings.TrimSpace(f4("()"))+" + x", 4)},
		{"NUL after the dict", "nothing more", file(strings.TrimSpace(f4("()"))+"\x00", 4)},
		{"NUL as bracket", "expected '{'", file("\x00", 4)},
		{"code", "a string", file("{__import__('os'): 1}", 4)},
	} {
		path := filepath.Join(t.TempDir(), "hostile.npy")
		if err := os.WriteFile(path, c.file, 0o666); err != nil {
			t.Fatal(err)
		}
		for how, read := range map[string]func() (*Array, error){
			"Read":     func() (*Array, error) { return Read(bytes.NewReader(c.file)) },
			"ReadFile": func() (*Array, error) { return ReadFile(path) },
		} {
			a, err := read()
			if err == nil || a != nil {
				t.Errorf("%s, %s: got %v, %v, want an error", c.name, how, a, err)
			} else if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: got error %q, want one with %q", c.name, how, err, c.want)
			}
			cut := strings.Contains(c.name, "cut") || strings.Contains(c.want, "are there")
			if cut && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: %v does not wrap io.ErrUnexpectedEOF", c.name, how, err)
			}
		}
	}
}

// A header that claims 2^60 bytes costs no more memory than the file's few.
func TestMemoryFollowsData(t *testing.T) {
	b := file(dict("'|u1'", "False", "(1152921504606846976,)"), 3<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(bytes.NewReader(b))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes were allocated for a file of %d", used, len(b))
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestErrorsOfTheStreamPass(t *testing.T) {
	broken := errors.New("broken")
	whole := formatHeader(filled(dtype.Uint8, 8)) + "12345678"
	for n := range len(whole) {
		_, err := Read(io.MultiReader(strings.NewReader(whole[:n]), failing{broken}))
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: got %v, want %v", n, err, broken)
		}
		_, err = Read(strings.NewReader(whole[:n]))
		if n == 0 && err != io.EOF || n > 0 && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut after %d bytes: got %v", n, err)
		}
	}
	if err := Write(failing{broken}, filled(dtype.Uint8, 8)); !errors.Is(err, broken) {
		t.Errorf("writing: got %v, want %v", err, broken)
	}
}

func TestWriteRefuses(t *testing.T) {
	for _, c := range []struct {
		a    *Array
		want string
	}{
		{nil, "no array"},
		{&Array{}, "not an element type"},
		{&Array{DType: 200}, "not an element type"},
		{filled(dtype.BFloat16, 2), "BFloat16AsUint16"},
		{&Array{DType: dtype.Int8, Shape: []int{3}, Data: make([]byte, 2)}, "needs 3 bytes of data, got 2"},
		{&Array{DType: dtype.Int8, Shape: []int{-1}}, "negative"},
		{&Array{DType: dtype.Int8, Shape: make([]int, 65)}, "65 dimensions"},
		{&Array{DType: dtype.Int16, Shape: []int{1 << 30, 1 << 30, 8}}, "too large"},
	} {
		var b bytes.Buffer
		err := Write(&b, c.a)
		if err == nil || !strings.Contains(err.Error(), c.want) || b.Len() > 0 {
			t.Errorf("%+v: got %v and %d bytes, want an error with %q", c.a, err, b.Len(), c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, d := range []dtype.DType{dtype.Bool, dtype.Float16, dtype.Complex64} {
		for _, shape := range shapes {
			a := filled(d, shape...)
			f.Add([]byte(formatHeader(a) + string(a.Data)))
		}
	}
	f.Add(file(dict("'<i4'", "True", "(2, 3)"), 24))
	f.Add(file(dict("'>f8'", "False", "(2, 3L)"), 48))
	f.Add(file("{'descr': [('a', '<f4')], 'shape': (1125899906842624,)}", 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(a.Data) > len(b) {
			t.Fatalf("%d bytes of data out of %d", len(a.Data), len(b))
		}
		var out bytes.Buffer
		if err := Write(&out, a); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := Read(&out)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Fatalf("changed (-first +second):\n%s", diff)
		}
	})
}
