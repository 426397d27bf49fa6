package zmlx

// This file implements the benchmarks of what a call costs the host: on a
// device that does nothing, so that all that is left is ours, and on the one
// that ZMLX_DEVICE names.

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A null device has memory that nobody can see and runs kernels in no time.
type null struct{ uploads int }

func (*null) Name() string     { return "null" }
func (*null) Describe() string { return "does nothing" }
func (*null) Limits() launch.Limits {
	return launch.Limits{ThreadsPerThreadgroup: 1024, ThreadgroupMemory: 32 << 10, SimdWidth: 32}
}
func (d *null) Alloc(n int) (launch.Buffer, error) { return &nullBuffer{d, n}, nil }
func (*null) Compile(context.Context, *ir.Func, launch.Options) (launch.Program, error) {
	return nullProgram{}, nil
}
func (*null) Close() error { return nil }
func (*null) Sync() error  { return nil }

type nullBuffer struct {
	d *null
	n int
}

func (b *nullBuffer) Size() int                  { return b.n }
func (b *nullBuffer) Free()                      {}
func (b *nullBuffer) Host() []byte               { return nil }
func (b *nullBuffer) Upload(int, []byte) error   { b.d.uploads++; return nil }
func (b *nullBuffer) Download(int, []byte) error { return nil }

type nullProgram struct{}

func (nullProgram) Run(context.Context, launch.Launch) error { return nil }
func (nullProgram) Close() error                             { return nil }

func nullDevice(b testing.TB) (*Device, *null) {
	b.Helper()
	raw := &null{}
	d, err := newDevice(raw, nil)
	if err != nil {
		b.Fatal(err)
	}
	return d, raw
}

// onDevices runs bench on a device that does nothing and on the one that
// ZMLX_DEVICE names.
func onDevices(b *testing.B, bench func(b *testing.B, d *Device)) {
	b.Run("null", func(b *testing.B) {
		d, raw := nullDevice(b)
		bench(b, d)
		b.ReportMetric(float64(raw.uploads)/float64(b.N), "uploads/op")
	})
	name := os.Getenv("ZMLX_DEVICE")
	if name == "" {
		return
	}
	d, err := Open(name)
	if err != nil {
		b.Fatal(err)
	}
	b.Run(d.Name(), func(b *testing.B) { bench(b, d) })
}

// on returns an array on the device.
func on(b testing.TB, d *Device, shp ...int) *Array {
	b.Helper()
	a := Zeros(Float32, shp...).To(d)
	if err := a.Eval(b.Context()); err != nil {
		b.Fatal(err)
	}
	return a
}

// benchHost measures call, which makes arrays to be computed: host-ns/op is
// what the host spends, which waits for the device between batches only, so
// that no queue runs full. The time of each operation has that waiting in it.
func benchHost(b *testing.B, d *Device, call func() *Array) {
	const batch = 256
	ctx := b.Context()
	run := func(n int) time.Duration {
		start := time.Now()
		for range n {
			if err := call().Eval(ctx); err != nil {
				b.Fatal(err)
			}
		}
		took := time.Since(start)
		if err := d.Sync(ctx); err != nil {
			b.Fatal(err)
		}
		return took
	}
	run(3)
	var host time.Duration
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; left -= batch {
		host += run(min(left, batch))
	}
	b.ReportMetric(float64(host.Nanoseconds())/float64(b.N), "host-ns/op")
}

func BenchmarkHostCostOp(b *testing.B) { onDevices(b, benchHostCostOp) }

func benchHostCostOp(b *testing.B, d *Device) {
	x := on(b, d, 4, 64)
	op := MustDefine("mish(x) = x * tanh(softplus(x))")
	benchHost(b, d, func() *Array { return op.Call(x) })
}

func BenchmarkHostCostRowOp(b *testing.B) { onDevices(b, benchHostCostRowOp) }

func benchHostCostRowOp(b *testing.B, d *Device) {
	x, w := on(b, d, 4, 64), on(b, d, 64)
	op := MustDefine("rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w")
	benchHost(b, d, func() *Array { return op.Call(x, w) })
}

func BenchmarkHostCostAdd(b *testing.B) { onDevices(b, benchHostCostAdd) }

func benchHostCostAdd(b *testing.B, d *Device) {
	x, y := on(b, d, 4, 64), on(b, d, 4, 64)
	benchHost(b, d, func() *Array { return x.Add(y) })
}

func BenchmarkHostCostKernel(b *testing.B) { onDevices(b, benchHostCostKernel) }

func benchHostCostKernel(b *testing.B, d *Device) {
	x := on(b, d, 4, 64)
	k := MustCompile(Kernel{Name: "double", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[i] = x[i] + x[i];"})
	benchHost(b, d, func() *Array { return k.Call(Launch{}, x)[0] })
}

func BenchmarkHostCostKernelShape(b *testing.B) { onDevices(b, benchHostCostKernelShape) }

func benchHostCostKernelShape(b *testing.B, d *Device) {
	x := on(b, d, 4, 64)
	k := MustCompile(Kernel{Name: "doubleShaped", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; if (i < x_shape[0] * x_shape[1]) out[i] = T(x[i] + x[i]);"})
	l := Launch{Template: []TemplateArg{{"T", Float32}}, Grid: [3]int{256, 1, 1}, Threadgroup: [3]int{64, 1, 1}}
	benchHost(b, d, func() *Array { return k.Call(l, x)[0] })
}

// Ten ops that cannot be fused, as the results of all are asked for.
func BenchmarkHostCostChain(b *testing.B) { onDevices(b, benchHostCostChain) }

func benchHostCostChain(b *testing.B, d *Device) {
	x := on(b, d, 4, 64)
	op := MustDefine("soft(x) = softmax(x)")
	var all [10]*Array
	benchHost(b, d, func() *Array {
		y := x
		for i := range all {
			y = op.Call(y)
			all[i] = y
		}
		Eval(b.Context(), all[:]...)
		return y
	})
}

// Ten elementwise ops, which become one kernel.
func BenchmarkHostCostFusedChain(b *testing.B) { onDevices(b, benchHostCostFusedChain) }

func benchHostCostFusedChain(b *testing.B, d *Device) {
	x := on(b, d, 4, 64)
	op := MustDefine("mish(x) = x * tanh(softplus(x))")
	benchHost(b, d, func() *Array {
		y := x
		for range 10 {
			y = op.Call(y)
		}
		return y
	})
}
