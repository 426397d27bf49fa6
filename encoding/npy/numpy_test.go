// This file tests against NumPy itself, where there is one: the interpreter that
// ZMLX_PYTHON names, or python3.

package npy

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// python runs a script with args in dir and returns its output. It skips the
// test if there is no interpreter or no NumPy.
func python(t *testing.T, dir, script string, args ...string) string {
	t.Helper()
	name := cmp.Or(os.Getenv("ZMLX_PYTHON"), "python3")
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no Python to compare with: %v", err)
	}
	if out, err := exec.Command(path, "-c", "import numpy").CombinedOutput(); err != nil {
		t.Skipf("%s has no NumPy to compare with: %s", path, lastLine(out))
	}
	run := exec.Command(path, append([]string{"-c", script}, args...)...)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	return string(out)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// NumPy saves arrays of every type and several shapes, in C and Fortran order,
// in all versions of the format, and beside each its bytes in C order. What is
// read from version 1.0 in C order must also be written as NumPy wrote it.
func TestAgainstNumPyFiles(t *testing.T) {
	dir := t.TempDir()
	out := python(t, dir, `
import numpy as np
names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64 complex64".split()
rng = np.random.default_rng(0)
for name in names:
    for k, shape in enumerate([(), (0,), (1,), (7,), (3, 5), (2, 0, 3), (2, 3, 4)]):
        a = (rng.standard_normal(shape) * 50).astype("int8").astype(name)
        for order in "CF":
            b = np.asarray(a, order=order)
            for major in 1, 2, 3:
                path = "%s-%d-%s-%d" % (name, k, order, major)
                with open(path + ".npy", "wb") as f:
                    np.lib.format.write_array(f, b, version=(major, 0))
                with open(path + ".raw", "wb") as f:
                    f.write(b.tobytes("C"))
                print(path, name, *shape)
`)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 13*7*2*3 {
		t.Fatalf("NumPy wrote %d files", len(lines))
	}
	for _, line := range lines {
		fields := strings.Fields(line)
		path := filepath.Join(dir, fields[0])
		a, err := ReadFile(path + ".npy")
		if err != nil {
			t.Errorf("%s: %v", fields[0], err)
			continue
		}
		want, err := os.ReadFile(path + ".raw")
		if err != nil {
			t.Fatal(err)
		}
		got := []string{fields[0], a.DType.String()}
		for _, dim := range a.Shape {
			got = append(got, strconv.Itoa(dim))
		}
		if diff := gocmp.Diff(fields, got); diff != "" || !bytes.Equal(want, a.Data) {
			t.Errorf("%s differs (-NumPy +ours), or its data do:\n%s", fields[0], diff)
		}
		if !strings.HasSuffix(path, "C-1") {
			continue
		}
		theirs, err := os.ReadFile(path + ".npy")
		if err != nil {
			t.Fatal(err)
		}
		var ours bytes.Buffer
		if err := Write(&ours, a); err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(theirs), ours.String()); diff != "" {
			t.Errorf("%s: the files differ (-NumPy +ours):\n%s", fields[0], diff)
		}
	}
}

// NumPy reads what we write, and says what it saw.
func TestNumPyReadsOurs(t *testing.T) {
	dir := t.TempDir()
	var want strings.Builder
	options := Options{BFloat16AsUint16: true}
	var entries []Entry
	for _, d := range dtype.All() {
		for _, shape := range shapes {
			a := filled(d, shape...)
			name := d.String()
			for _, dim := range shape {
				name += "-" + strconv.Itoa(dim)
			}
			if err := options.WriteFile(filepath.Join(dir, name+".npy"), a); err != nil {
				t.Fatal(err)
			}
			entries = append(entries, Entry{name, a})
			seen := d // by NumPy
			if d == dtype.BFloat16 {
				seen = dtype.Uint16
			}
			dims := strings.ReplaceAll(fmt.Sprint(a.Shape), " ", ", ")
			fmt.Fprintf(&want, "%s %s %s %x\n", name, seen, dims, a.Data)
		}
	}
	for _, deflate := range []bool{false, true} {
		options.Deflate = deflate
		name := map[bool]string{false: "stored.npz", true: "deflated.npz"}[deflate]
		if err := options.WriteZipFile(filepath.Join(dir, name), entries); err != nil {
			t.Fatal(err)
		}
	}
	got := python(t, dir, `
import sys, numpy as np
def show(name, a):
    print(name, a.dtype, list(a.shape), a.tobytes("C").hex())
names = sys.argv[1:]
for name in names:
    show(name, np.load(name + ".npy"))
for archive in "stored.npz", "deflated.npz":
    with np.load(archive) as z:
        assert list(z) == names, list(z)
        for name in z:
            show(name, z[name])
`, names(entries)...)
	if diff := gocmp.Diff(strings.Repeat(want.String(), 3), strings.ReplaceAll(got, "\r", "")); diff != "" {
		t.Errorf("(-ours +NumPy):\n%s", diff)
	}
}

func TestAgainstNumPyArchives(t *testing.T) {
	dir := t.TempDir()
	python(t, dir, `
import numpy as np
arrays = {"a": np.arange(6, dtype="float32").reshape(2, 3), "b/c": np.array(True), "d": np.asfortranarray([[1, 2], [3, 4]], dtype="int8")}
np.savez("stored.npz", **arrays)
np.savez_compressed("deflated.npz", **arrays)
`)
	f := "\x00\x00\x00\x00\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40\x00\x00\xa0\x40"
	want := []Entry{
		{"a", &Array{dtype.Float32, []int{2, 3}, []byte(f)}},
		{"b/c", &Array{dtype.Bool, []int{}, []byte{1}}},
		{"d", &Array{dtype.Int8, []int{2, 2}, []byte{1, 2, 3, 4}}},
	}
	for _, name := range []string{"stored.npz", "deflated.npz"} {
		got, err := ReadZipFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-NumPy +ours):\n%s", name, diff)
		}
	}
}

func TestNumPyFilesRefused(t *testing.T) {
	dir := t.TempDir()
	python(t, dir, `
import numpy as np
np.save("big.npy", np.zeros(2, ">f4"))
np.save("object.npy", np.array([None, "x"], dtype=object), allow_pickle=True)
np.save("structured.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
np.save("text.npy", np.array(["x", "yz"]))
np.save("bytes.npy", np.array([b"x", b"yz"]))
np.save("wide.npy", np.zeros(2, "complex128"))
np.save("long.npy", np.zeros(2, "longdouble"))
np.save("time.npy", np.zeros(2, "datetime64[s]"))
np.save("void.npy", np.zeros(2, "V2"))
`)
	for name, want := range map[string]string{
		"big": "wrong endianness", "object": "object arrays", "structured": "structured arrays", "text": "\"<U2\" is not supported",
		"bytes": "\"|S2\" is not supported", "wide": "\"<c16\" is not supported", "long": "is not supported",
		"time": "\"<M8[s]\" is not supported", "void": "void arrays",
	} {
		if name == "long" && strings.Contains(fileText(t, filepath.Join(dir, "long.npy")), "'<f8'") {
			continue // where a long double is a double, the file is a plain one
		}
		a, err := ReadFile(filepath.Join(dir, name+".npy"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want an error with %q", name, a, err, want)
		}
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func names(entries []Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Name)
	}
	return list
}
