package codegen_test

import (
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

func TestColumnSum(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {1, 1000, 1}, {1, 100, 33}, {3, 70, 5}, {2, 5, 300}, {1, 0, 4}, {0, 3, 4}, {1, 3, 0}, {2, 65, 1}} {
		for _, chunks := range []int{0, 1, 4, 7} {
			for _, d := range []dtype.DType{dtype.Float32, dtype.Float16, dtype.Int8, dtype.Bool, dtype.Float64, dtype.Int64} {
				c := codegen.ColumnSum{Name: "grad", DType: d, Outer: shape[0], Rows: shape[1], Columns: shape[2], Chunks: chunks, Wide: chunks == 4}
				kernels, err := c.Kernels()
				if err != nil {
					t.Fatal(err)
				}
				x := random(d, 1, shape[0], shape[1], shape[2])
				want := make([]float64, shape[0]*shape[2])
				for i, v := range x.values {
					want[i/(shape[1]*shape[2])*shape[2]+i%shape[2]] += v
				}
				for _, check := range []bool{false, true} {
					in := x
					for _, k := range kernels {
						got := run(t, k, []array{in}, nil, check)
						in = array{dtype: k.OutputDTypes[0], shape: k.OutputShapes[0], values: got[0]}
					}
					if d == dtype.Int8 {
						for i, v := range want {
							want[i] = float64(int8(int64(v)))
						}
					}
					if diff := near(in.values, want, len(want), tolerance(d, shape[1])); diff != "" {
						t.Fatalf("%s of %v in %d chunks, checked %v: %s\n%s", d, shape, chunks, check, diff, kernels[0].Source)
					}
				}
			}
		}
	}
	for _, c := range []codegen.ColumnSum{{Name: "a", DType: dtype.Float32, Outer: -1}, {Name: "a"}, {Name: "a", DType: dtype.Float32, Chunks: -1}, {Name: "a", DType: dtype.Float32, Group: 2000}} {
		if _, err := c.Kernels(); err == nil {
			t.Errorf("%+v gives no error", c)
		}
	}
}
