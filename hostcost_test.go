package zmlx

// This file implements the benchmarks of what a call costs the host: on a
// device that does nothing, so that all that is left is ours.

import (
	"context"
	"testing"

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

// onNull returns an array on the null device.
func onNull(b testing.TB, d *Device, shp ...int) *Array {
	b.Helper()
	a := Zeros(Float32, shp...).To(d)
	if err := a.Eval(b.Context()); err != nil {
		b.Fatal(err)
	}
	return a
}

// bench measures call, which makes arrays to be computed.
func benchHost(b *testing.B, raw *null, call func() *Array) {
	ctx := b.Context()
	for range 3 {
		if err := call().Eval(ctx); err != nil {
			b.Fatal(err)
		}
	}
	raw.uploads = 0
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if err := call().Eval(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(raw.uploads)/float64(b.N), "uploads/op")
}

func BenchmarkHostCostOp(b *testing.B) {
	d, raw := nullDevice(b)
	x := onNull(b, d, 4, 64)
	op := MustDefine("mish(x) = x * tanh(softplus(x))")
	benchHost(b, raw, func() *Array { return op.Call(x) })
}

func BenchmarkHostCostRowOp(b *testing.B) {
	d, raw := nullDevice(b)
	x, w := onNull(b, d, 4, 64), onNull(b, d, 64)
	op := MustDefine("rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w")
	benchHost(b, raw, func() *Array { return op.Call(x, w) })
}

func BenchmarkHostCostAdd(b *testing.B) {
	d, raw := nullDevice(b)
	x, y := onNull(b, d, 4, 64), onNull(b, d, 4, 64)
	benchHost(b, raw, func() *Array { return x.Add(y) })
}

func BenchmarkHostCostKernel(b *testing.B) {
	d, raw := nullDevice(b)
	x := onNull(b, d, 4, 64)
	k := MustCompile(Kernel{Name: "double", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[i] = x[i] + x[i];"})
	benchHost(b, raw, func() *Array { return k.Call(Launch{}, x)[0] })
}

func BenchmarkHostCostKernelShape(b *testing.B) {
	d, raw := nullDevice(b)
	x := onNull(b, d, 4, 64)
	k := MustCompile(Kernel{Name: "doubleShaped", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; if (i < x_shape[0] * x_shape[1]) out[i] = T(x[i] + x[i]);"})
	l := Launch{Template: []TemplateArg{{"T", Float32}}, Grid: [3]int{256, 1, 1}, Threadgroup: [3]int{64, 1, 1}}
	benchHost(b, raw, func() *Array { return k.Call(l, x)[0] })
}

// Ten ops that cannot be fused, as the results of all are asked for.
func BenchmarkHostCostChain(b *testing.B) {
	d, raw := nullDevice(b)
	x := onNull(b, d, 4, 64)
	op := MustDefine("soft(x) = softmax(x)")
	var all [10]*Array
	benchHost(b, raw, func() *Array {
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
func BenchmarkHostCostFusedChain(b *testing.B) {
	d, raw := nullDevice(b)
	x := onNull(b, d, 4, 64)
	op := MustDefine("mish(x) = x * tanh(softplus(x))")
	benchHost(b, raw, func() *Array {
		y := x
		for range 10 {
			y = op.Call(y)
		}
		return y
	})
}
