package cc

// This file implements measurements of matrix products, beside OpenBLAS where
// the environment variable ZMLX_OPENBLAS names its library.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// openBLAS returns the product of row-major matrices of float32 by OpenBLAS,
// nil if there is none.
func openBLAS(b *testing.B) func(m, n, k int64, x, y, out unsafe.Pointer) {
	path := os.Getenv("ZMLX_OPENBLAS")
	if path == "" {
		return nil
	}
	lib, err := dl.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	// The names that builds with 64-bit lengths, NumPy's among them, have.
	for _, name := range []string{"scipy_cblas_sgemm64_", "cblas_sgemm64_"} {
		if _, err := lib.Sym(name); err != nil {
			continue
		}
		var sgemm func(order, transA, transB int32, m, n, k int64, alpha float32, a unsafe.Pointer, lda int64, b unsafe.Pointer, ldb int64, beta float32, c unsafe.Pointer, ldc int64)
		if err := lib.Bind(&sgemm, name); err != nil {
			b.Fatal(err)
		}
		const rowMajor, plain = 101, 111
		return func(m, n, k int64, x, y, out unsafe.Pointer) {
			sgemm(rowMajor, plain, plain, m, n, k, 1, x, k, y, n, 0, out, n)
		}
	}
	b.Fatalf("%s has no sgemm with 64-bit lengths", path)
	return nil
}

// BenchmarkMatMul reports the median and the best of alternating runs, and the
// median of how many times as fast as OpenBLAS each was.
func BenchmarkMatMul(b *testing.B) {
	d := newDevice(b)
	theirs := openBLAS(b)
	type size struct {
		m, n, k int
		dtypes  []dtype.DType
	}
	sizes := []size{
		{64, 64, 64, floats[:1]}, {256, 256, 256, floats}, {512, 512, 512, floats}, {1024, 1024, 1024, floats}, {2048, 2048, 2048, floats},
		{1, 4096, 4096, floats[:3]}, {8, 4096, 4096, floats[:3]}, {32, 4096, 4096, floats[:1]}, {4096, 1, 4096, floats[:1]},
	}
	for _, s := range sizes {
		for _, dt := range s.dtypes {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s.m, s.n, s.k, dt), func(b *testing.B) {
				r := rand.New(rand.NewPCG(1, 1))
				m := launch.MatMul{DType: dt, Batch: []int{1}, M: s.m, N: s.n, K: s.k}
				m.A = operand(b, d, dt, r, layouts[0], 1, s.m, s.k, false)
				m.B = operand(b, d, dt, r, layouts[0], 1, s.k, s.n, false)
				m.Out = operand(b, d, dt, r, layouts[0], 1, s.m, s.n, false)
				multiply(b, d, m)
				var our, their []time.Duration
				address := func(x launch.Buffer) unsafe.Pointer { return unsafe.Pointer(&x.Host()[0]) }
				for b.Loop() {
					start := time.Now()
					multiply(b, d, m)
					our = append(our, time.Since(start))
					if theirs != nil && dt == dtype.Float32 {
						start = time.Now()
						theirs(int64(s.m), int64(s.n), int64(s.k), address(m.A.Buffer), address(m.B.Buffer), address(m.Out.Buffer))
						their = append(their, time.Since(start))
					}
				}
				operations := 2 * float64(s.m) * float64(s.n) * float64(s.k)
				ratios := make([]float64, len(their))
				for i, t := range their {
					ratios[i] = float64(t) / float64(our[i])
				}
				report := func(times []time.Duration, unit string) {
					slices.Sort(times)
					b.ReportMetric(operations/float64(times[len(times)/2]), unit)
					b.ReportMetric(operations/float64(times[0]), "best-"+unit)
				}
				report(our, "GFLOP/s")
				if their != nil {
					report(their, "OpenBLAS-GFLOP/s")
					slices.Sort(ratios)
					b.ReportMetric(ratios[len(ratios)/2], "ratio")
				}
			})
		}
	}
}
