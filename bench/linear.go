// This file implements the plot of time over size.

package bench

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// WriteLinear draws the times of ops of one axis over their sizes: a line for
// each size, as long as the logarithm of its time for one element. Where cost
// grows linearly, lines have one length.
func (r *Report) WriteLinear(w io.Writer) error {
	var rows []Result
	for _, x := range r.Results {
		if len(x.Shape) == 1 && x.Impl == "zmlx" && x.Error == "" && x.Op != "memcpy" {
			rows = append(rows, x)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	each := func(x Result) float64 { return x.Seconds / float64(x.Shape[0]) }
	least, greatest := math.Inf(1), 0.0
	for _, x := range rows {
		least, greatest = min(least, each(x)), max(greatest, each(x))
	}
	fmt.Fprintln(w, "\ntime for one element")
	const width = 40
	for _, x := range rows {
		n := 1
		if greatest > least {
			n += int(width * math.Log(each(x)/least) / math.Log(greatest/least))
		}
		_, err := fmt.Fprintf(w, "2^%-4.3g %10s  %s\n", math.Log2(float64(x.Shape[0])), seconds(each(x)), strings.Repeat("#", n))
		if err != nil {
			return err
		}
	}
	return nil
}
