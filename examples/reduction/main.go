// Reduction: statistics of rows that no library has, in one pass over memory.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
)

// Several results come from one kernel, which reads each row once.
var moments = zmlx.MustDefine(`
	moments(x; eps=1e-6) -> mean_, deviation, skewness, at {
		c = x - mean(x)
		s = sqrt(mean(c * c) + eps)
		return mean(x), s, mean(c * c * c) / (s * s * s), argmax(abs(c))
	}`)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	x := zmlx.FromSlice([]float32{1, 2, 3, 4, 5, 1, 1, 1, 1, 11}, 2, 5)
	results := moments.Results(x)
	before := x.Device().Launches()
	for i, name := range moments.Outputs() {
		if err := results[i].Err(); err != nil {
			return err
		}
		fmt.Fprintf(w, "%-10s %.3f\n", name, results[i].As(zmlx.Float32))
	}
	fmt.Fprintln(w, "kernels run:", x.Device().Launches()-before)

	// Over other axes: move them to the end.
	fmt.Fprintf(w, "means of columns: %.1f\n", moments.Call(x.Transpose()))

	// A reduction has a gradient like everything else: of the skewness, by x.
	g := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return moments.Results(x)[2].Sum() })(x)
	fmt.Fprintf(w, "gradient of the skewness:\n%.3f\n", g)
	return g.Err()
}
