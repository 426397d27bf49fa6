// Loss: a cross-entropy with smoothed labels, one number for each row of
// logits, and its gradient, each in one kernel.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
)

// Reductions are over the last axis: of logits (rows, classes) the result has
// shape (rows). label has one value for each row, and index() is the class.
var smoothed = zmlx.MustDefine(`
	smoothed(logits, label[1]; smoothing=0.1) {
		target = (index() == label ? 1 - smoothing : 0) + smoothing / size()
		return logsumexp(logits) - sum(target * logits)
	}`)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	logits := zmlx.FromSlice([]float32{2, 0, -1, 0.5, 0.5, 3, 1000, -1000, 0}, 3, 3)
	labels := zmlx.FromSlice([]int32{0, 1, 0})
	fmt.Fprintf(w, "loss of each row: %.4f\n", smoothed.Call(logits, labels))

	mean := func(logits *zmlx.Array) *zmlx.Array { return smoothed.Call(logits, labels).Mean() }
	fmt.Fprintf(w, "gradient of the mean:\n%.4f\n", zmlx.Grad(mean)(logits))

	// It is the softmax minus the targets, as the derived definition shows.
	fmt.Fprintf(w, "\n%v\n", smoothed.VJP())
	return zmlx.Grad(mean)(logits).Err()
}
