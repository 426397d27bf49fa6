package zmlx_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// TestPromotionAgainstNumPy compares the dtype of x + y with NumPy's own
// answer for all pairs that NumPy knows, but for the documented differences:
// an integer and a float meet in that float, and int64 and uint64 in float32.
func TestPromotionAgainstNumPy(t *testing.T) {
	python := os.Getenv("ZMLX_PYTHON")
	if python == "" {
		t.Skip("ZMLX_PYTHON names no Python with numpy")
	}
	dtypes := []zmlx.DType{zmlx.Bool, zmlx.Uint8, zmlx.Uint16, zmlx.Uint32, zmlx.Uint64, zmlx.Int8, zmlx.Int16, zmlx.Int32, zmlx.Int64,
		zmlx.Float16, zmlx.Float32, zmlx.Float64}
	out, err := exec.Command(python, "-c", `
import numpy as np
names = "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 float32 float64".split()
for a in names:
    print(" ".join(str(np.result_type(np.dtype(a), np.dtype(b))) for b in names))
`).Output()
	if err != nil {
		t.Skipf("no numpy: %v", err)
	}
	rows := strings.Split(strings.TrimSpace(string(out)), "\n")
	for i, a := range dtypes {
		for j, b := range dtypes {
			want := strings.Fields(rows[i])[j]
			switch {
			case a.IsFloat() != b.IsFloat():
				want = a.String()
				if b.IsFloat() {
					want = b.String()
				}
			case want == "float64" && !a.IsFloat():
				want = "float32"
			case want == "bool": // a sum of bools counts
				want = "int32"
			}
			got := zmlx.Ones(a, 2).Add(zmlx.Ones(b, 2))
			if fmt.Sprint(got.DType()) != want {
				t.Errorf("%v + %v is %v, want %s", a, b, got.DType(), want)
			}
		}
	}
}
