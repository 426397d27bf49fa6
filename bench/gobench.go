// This file implements reports in the format of Go's benchmarks.

package bench

import (
	"fmt"
	"io"
	"strings"
)

// WriteGo writes the results in the format of Go's benchmarks, one line for
// each round, for benchstat.
func (r *Report) WriteGo(w io.Writer) error {
	if _, err := fmt.Fprintf(w, "pkg: github.com/zmlx-go/zmlx/bench\ncpu: %s\ndevice: %s\n", r.Machine, r.Device); err != nil {
		return err
	}
	for _, x := range r.Results {
		if x.Error != "" {
			continue
		}
		samples := x.Samples
		if len(samples) == 0 {
			samples = []float64{x.Seconds}
		}
		for _, s := range samples {
			_, err := fmt.Fprintf(w, "Benchmark%s/shape=%s/dtype=%s/by=%s 1 %.1f ns/op %.2f MB/s\n",
				title(x.Op), shapeName(x.Shape), x.DType, x.Impl, s*1e9, float64(x.Bytes)/s/1e6)
			if err != nil {
				return err
			}
		}
	}
	for _, h := range r.Host {
		name := strings.NewReplacer(" ", "_", ",", "").Replace(h.Name)
		if _, err := fmt.Fprintf(w, "BenchmarkCall/%s 1 %.1f ns/op\n", name, h.Seconds*1e9); err != nil {
			return err
		}
	}
	return nil
}

// title gives the name of an op a capital letter, as names of benchmarks have.
func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
