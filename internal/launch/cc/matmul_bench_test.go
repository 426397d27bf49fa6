//go:build unix

package cc

// This file implements measurements of matrix products, beside OpenBLAS where
// the environment variable ZMLX_OPENBLAS names its library.

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
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

// spinning is how long OpenBLAS's threads may take a processor after a product,
// in case there is another.
const spinning = 50 * time.Millisecond

// clock returns the processor time of the process if it uses one processor, which
// other processes do not add to; else the time.
func clock() time.Duration {
	var used syscall.Rusage
	if workers() > 1 || syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil {
		return time.Duration(time.Now().UnixNano())
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// burst adds the times of runs of f in 10 ms, but at least of one.
func burst(times []time.Duration, f func()) []time.Duration {
	for all := time.Duration(0); all < 10*time.Millisecond; {
		start := clock()
		f()
		took := max(clock()-start, 1)
		times = append(times, took)
		all += took
	}
	return times
}

// BenchmarkMatMul reports the median and the best of runs in alternating
// bursts, and how many times as fast as OpenBLAS the median is.
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
					if theirs == nil || dt != dtype.Float32 {
						our = burst(our, func() { multiply(b, d, m) })
						continue
					}
					time.Sleep(spinning)
					our = burst(our, func() { multiply(b, d, m) })
					their = burst(their, func() {
						theirs(int64(s.m), int64(s.n), int64(s.k), address(m.A.Buffer), address(m.B.Buffer), address(m.Out.Buffer))
					})
				}
				operations := 2 * float64(s.m) * float64(s.n) * float64(s.k)
				report := func(times []time.Duration, unit string) time.Duration {
					slices.Sort(times)
					median := times[len(times)/2]
					b.ReportMetric(operations/float64(median), unit)
					b.ReportMetric(operations/float64(times[0]), "best-"+unit)
					return median
				}
				median := report(our, "GFLOP/s")
				if their != nil {
					b.ReportMetric(float64(report(their, "OpenBLAS-GFLOP/s"))/float64(median), "ratio")
				}
			})
		}
	}
}
