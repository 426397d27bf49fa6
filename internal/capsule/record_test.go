package capsule

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/encoding/npy"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// TestRecorder runs a Python program under tools/record_capsule.py and reads
// what it recorded.
func TestRecorder(t *testing.T) {
	python := os.Getenv("ZMLX_PYTHON")
	if python == "" {
		t.Skip("ZMLX_PYTHON is not set: the recorder is not run")
	}
	if err := exec.Command(python, "-c", "import mlx.core, numpy").Run(); err != nil {
		t.Skipf("%s lacks the packages mlx or numpy: %v", python, err)
	}
	dir := t.TempDir()
	out, err := exec.Command(python, "../../tools/record_capsule.py", "--out", dir, "testdata/program.py").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "3 capsules in ") {
		t.Errorf("the recorder said %q", out)
	}

	c, err := Load(filepath.Join(dir, "saxpy-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	if c.InitValue == nil || !math.IsInf(*c.InitValue, 1) {
		t.Errorf("init_value is %v, want inf", c.InitValue)
	}
	wantTemplate := []signature.TemplateArg{
		{Name: "T", Kind: signature.TypeArg, DType: dtype.Float16},
		{Name: "N", Kind: signature.IntArg, Int: 3},
		{Name: "B", Kind: signature.BoolArg, Bool: true},
	}
	if diff := cmp.Diff(wantTemplate, c.Template); diff != "" {
		t.Errorf("template (-want +got):\n%s", diff)
	}
	if c.Grid != [3]int{8, 1, 1} || c.Threadgroup != [3]int{8, 1, 1} || !c.Kernel.EnsureRowContiguous || c.Kernel.AtomicOutputs {
		t.Errorf("recorded %+v", c)
	}
	if a := stored(t, c.Inputs[0]); a.DType != dtype.Float32 || !slices.Equal(a.Shape, []int{8}) {
		t.Errorf("x is stored as %v %v", a.DType, a.Shape)
	}
	if a := stored(t, c.Inputs[1]); a.DType != dtype.Uint16 || c.Inputs[1].DType != dtype.BFloat16 || a.Data[0] != 0x80 || a.Data[1] != 0x3f {
		t.Errorf("y is stored as %v, said to be %v, %x", a.DType, c.Inputs[1].DType, a.Data)
	}
	if a := stored(t, c.Inputs[2]); a.DType != dtype.Float32 || len(a.Shape) != 0 {
		t.Errorf("a is stored as %v %v, want a 0-dim float32", a.DType, a.Shape)
	}

	if c, err = Load(filepath.Join(dir, "saxpy-2.json")); err != nil {
		t.Fatal(err)
	}
	if c.Grid != [3]int{16, 1, 1} {
		t.Errorf("the second capsule has grid %v, want that of the call with other shapes", c.Grid)
	}

	if c, err = Load(filepath.Join(dir, "view-1.json")); err != nil {
		t.Fatal(err)
	}
	if c.Kernel.EnsureRowContiguous || !c.Kernel.AtomicOutputs || c.Kernel.Header != "// header\n" {
		t.Errorf("recorded %+v", c.Kernel)
	}
	if diff := cmp.Diff([][]int{{}, {2, 2}}, c.OutputShapes); diff != "" {
		t.Errorf("output shapes (-want +got):\n%s", diff)
	}
	for i, want := range []struct{ stored, axes []int }{{[]int{2, 3, 4}, []int{2, 0, 1}}, {[]int{2, 3}, []int{1, 0}}} {
		if a := stored(t, c.Inputs[i]); !slices.Equal(a.Shape, want.stored) || !slices.Equal(c.Inputs[i].Transpose, want.axes) {
			t.Errorf("view %d is stored as %v and transposed by %v, want %v and %v", i, a.Shape, c.Inputs[i].Transpose, want.stored, want.axes)
		}
	}
}

func stored(t *testing.T, in Input) *npy.Array {
	t.Helper()
	a, err := npy.ReadFile(in.File)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
