// This file tests against the safetensors package for Python, where there is
// one: the interpreter that ZMLX_PYTHON names, or python3.

package safetensors

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// python runs a script in dir and returns its output. It skips the test if there
// is no interpreter or it lacks a package.
func python(t *testing.T, dir, script string) string {
	t.Helper()
	name := cmp.Or(os.Getenv("ZMLX_PYTHON"), "python3")
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("no Python to compare with: %v", err)
	}
	if out, err := exec.Command(path, "-c", "import numpy, safetensors").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("%s has no NumPy and safetensors to compare with: %s", path, lines[len(lines)-1])
	}
	run := exec.Command(path, "-c", script)
	run.Dir = dir
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out)
	}
	return strings.ReplaceAll(string(out), "\r", "")
}

// lines describes tensors as the scripts do.
func lines(tensors []Tensor) string {
	var b strings.Builder
	for _, t := range tensors {
		code := ""
		for c, d := range codes {
			if d == t.DType {
				code = c
			}
		}
		fmt.Fprintf(&b, "%s %s %s %x\n", t.Name, code, strings.ReplaceAll(fmt.Sprint(t.Shape), " ", ", "), t.Data)
	}
	return b.String()
}

func TestReadsPythonFiles(t *testing.T) {
	dir := t.TempDir()
	want := python(t, dir, `
import numpy as np, safetensors
codes = {"bool": "BOOL", "bfloat16": "BF16"}
for n in 8, 16, 32, 64:
    codes["uint%d" % n], codes["int%d" % n], codes["float%d" % n] = "U%d" % n, "I%d" % n, "F%d" % n
del codes["float8"]
rng, tensors = np.random.default_rng(0), {}
for name, code in codes.items():
    for k, shape in enumerate([(), (0,), (7,), (3, 5), (2, 0, 3)]):
        kind = "uint16" if name == "bfloat16" else name
        a = np.asarray(rng.standard_normal(shape) * 50).astype("int8").astype(kind)
        tensors["%s.é.%d" % (name, k)] = name, code, a
def spec(name, a): # what the serializer takes is a class since version 0.8
    if hasattr(safetensors, "TensorSpec"):
        return safetensors.TensorSpec(dtype=name, shape=list(a.shape), data_ptr=a.ctypes.data, data_len=a.nbytes)
    return {"dtype": name, "shape": list(a.shape), "data": a.tobytes()}
safetensors.serialize_file({key: spec(name, a) for key, (name, code, a) in tensors.items()},
    "python.safetensors", {"format": "np", "k\"": "é\n"})
import sys
sys.stdout.reconfigure(encoding="utf-8")
for key in sorted(tensors):
    name, code, a = tensors[key]
    print(key, code, list(a.shape), a.tobytes().hex())
`)
	f, err := ReadFile(filepath.Join(dir, "python.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, lines(f.Tensors)); diff != "" {
		t.Errorf("tensors (-Python +ours):\n%s", diff)
	}
	if diff := gocmp.Diff(map[string]string{"format": "np", "k\"": "é\n"}, f.Metadata); diff != "" {
		t.Errorf("metadata (-Python +ours):\n%s", diff)
	}
}

func TestPythonReadsOurs(t *testing.T) {
	dir := t.TempDir()
	f := everything()
	if err := WriteFile(filepath.Join(dir, "ours.safetensors"), f); err != nil {
		t.Fatal(err)
	}
	got := python(t, dir, `
import safetensors
for key, info in sorted(safetensors.deserialize(open("ours.safetensors", "rb").read())):
    print(key, info["dtype"], list(info["shape"]), bytes(info["data"]).hex())
with safetensors.safe_open("ours.safetensors", framework="np") as f:
    print(ascii(sorted(f.metadata().items())))
`)
	want := lines(f.Tensors) + `[('<&> \u2028 "\xe9', '\n'), ('format', 'pt')]` + "\n"
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-ours +Python):\n%s", diff)
	}
}

// What we refuse as malformed, the reference refuses too, and the reverse. Not
// among the cases: white space before the header's '{', which the format's
// description forbids and the reference lets pass.
func TestPythonAgreesOnMalformedFiles(t *testing.T) {
	dir := t.TempDir()
	u8 := func(name, shape, offsets string) string {
		return fmt.Sprintf(`"%s":{"dtype":"U8","shape":%s,"data_offsets":%s}`, name, shape, offsets)
	}
	cases := [][]byte{
		file("{"+u8("a", "[4]", "[0,4]")+"}", 4),
		file("{"+u8("a", "[4]", "[4,8]")+","+u8("b", "[4]", "[0,4]")+"}   ", 8),
		file("{"+u8("a", "[]", "[0,1]")+"}", 1),
		file("{"+u8("a", "[0]", "[0,0]")+"}", 0),
		file("{}", 0),
		file("{"+u8("a", "[4]", "[0,4]")+"}", 5),
		file("{"+u8("a", "[4]", "[0,4]")+"}", 3),
		file("{"+u8("a", "[4]", "[1,5]")+"}", 5),
		file("{"+u8("a", "[4]", "[0,4]")+","+u8("b", "[4]", "[2,6]")+"}", 6),
		file("{"+u8("a", "[3]", "[0,4]")+"}", 4),
		file("{"+u8("a", "[-4]", "[0,4]")+"}", 4),
		file("{"+u8("a", "[4.0]", "[0,4]")+"}", 4),
		file("{"+u8("a", "[4]", "[4,0]")+"}", 4),
		file("{"+u8("a", "[4]", "[0,4]")+",}", 4),
		file("{"+u8("a", "[4]", "[0,4]")+"}x", 4),
		file(`{"__metadata__":{"k":1}}`, 0),
		file(`{"__metadata__":{"k":"\ud83d"}}`, 0),
		file(`{"a":1}`, 0),
	}
	var want strings.Builder
	for i, b := range cases {
		name := fmt.Sprintf("%02d.safetensors", i)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFile(path)
		fmt.Fprintln(&want, name, err == nil)
	}
	got := python(t, dir, `
import glob, safetensors
for name in sorted(glob.glob("*.safetensors")):
    try:
        safetensors.deserialize(open(name, "rb").read())
        print(name, "true")
    except safetensors.SafetensorError as e:
        print(name, "false")
`)
	if diff := gocmp.Diff(want.String(), got); diff != "" {
		t.Errorf("(-ours +Python):\n%s", diff)
	}
	if n := strings.Count(got, "true"); n != 5 {
		t.Errorf("%d files are well-formed, want the first 5", n)
	}
}

func TestEveryTypeHasACode(t *testing.T) {
	seen := map[dtype.DType]bool{}
	for _, d := range codes {
		seen[d] = true
	}
	for _, d := range dtype.All() {
		if !seen[d] {
			t.Errorf("%s has no code", d)
		}
	}
}
