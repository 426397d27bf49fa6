// Fusedsilumul: the gate of a transformer's feed-forward layer, silu(a) * b,
// three times: as a definition, as operations on arrays that fuse, and as a
// Metal kernel. Each is one kernel, and all agree.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
)

var siluMul = zmlx.MustDefine("silu_mul(a, b) = silu(a) * b")

var siluMulKernel = zmlx.MustCompile(zmlx.Kernel{
	Name:        "silu_mul_by_hand",
	InputNames:  []string{"a", "b"},
	OutputNames: []string{"out"},
	Source: `
		uint i = thread_position_in_grid.x;
		float x = a[i];
		out[i] = T(x / (1.0f + metal::exp(-x)) * float(b[i]));
	`,
})

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	for _, d := range []zmlx.DType{zmlx.Float32, zmlx.Float16, zmlx.BFloat16} {
		a := zmlx.RandomNormal(zmlx.NewKey(1), d, 8, 1000)
		b := zmlx.RandomNormal(zmlx.NewKey(2), d, 8, 1000)
		ways := []struct {
			name   string
			result *zmlx.Array
		}{
			{"definition", siluMul.Call(a, b)},
			{"operations", a.Mul(a.Sigmoid()).Mul(b)},
			{"kernel", siluMulKernel.Call(zmlx.Launch{Template: []zmlx.TemplateArg{{Name: "T", Value: d}}}, a, b)[0]},
		}
		tolerance := map[zmlx.DType]float64{zmlx.Float32: 1e-6, zmlx.Float16: 4e-3, zmlx.BFloat16: 3e-2}[d]
		for _, way := range ways {
			before := a.Device().Launches()
			if err := way.result.Eval(context.Background()); err != nil {
				return err
			}
			close, err := zmlx.AllClose(way.result, ways[0].result, tolerance, tolerance)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "%-8v %-10s  %d kernel  agrees: %v\n", d, way.name, a.Device().Launches()-before, close)
		}
	}
	return nil
}
