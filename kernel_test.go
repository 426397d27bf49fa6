package zmlx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx"
)

func compile(t testing.TB, source string) *zmlx.MetalKernel {
	t.Helper()
	k, err := zmlx.Compile(zmlx.Kernel{Name: "k", InputNames: []string{"x"}, OutputNames: []string{"out"}, Source: source})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

const double = `uint i = thread_position_in_grid.x; out[i] = x[i] + x[i];`

func wantValues[T zmlx.Element](t *testing.T, a *zmlx.Array, want ...T) {
	t.Helper()
	got, err := zmlx.Values[T](a)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestKernelDefaults(t *testing.T) {
	k := compile(t, double)
	x := zmlx.FromSlice([]int32{1, 2, 3, 4, 5, 6}, 2, 3)
	out := k.Call(zmlx.Launch{}, x)[0]
	if out.DType() != zmlx.Int32 || !slices.Equal(out.Shape(), []int{2, 3}) {
		t.Errorf("out is %v%v before it is computed", out.DType(), out.Shape())
	}
	wantValues[int32](t, out, 2, 4, 6, 8, 10, 12)

	// The same text for other dtypes, sizes and places in memory.
	wantValues[float32](t, k.Call(zmlx.Launch{}, zmlx.Scalar[float32](1).Reshape(1))[0], 2)
	wantValues[float32](t, k.Call(zmlx.Launch{}, zmlx.Zeros(zmlx.Float32, 0))[0])
	big := zmlx.Ones(zmlx.Float32, 1000)
	wantValues(t, k.Call(zmlx.Launch{}, big)[0].Slice(zmlx.Range{Start: 998, Stop: 1000}), float32(2), 2)
}

func TestKernelStrided(t *testing.T) {
	source := `uint i = thread_position_in_grid.x; out[i] = x[i]; out[i] += 100 * x_strides[0] + 10 * x_shape[0] + x_ndim;`
	x := zmlx.FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 4).Transpose()
	wantValues(t, compile(t, source).Call(zmlx.Launch{}, x)[0].Slice(zmlx.Range{Start: 0, Stop: 1}).Reshape(3), float32(1+342), 5+342, 9+342)

	k, err := zmlx.Compile(zmlx.Kernel{Name: "k", InputNames: []string{"x"}, OutputNames: []string{"out"}, Source: source, EnsureRowContiguous: new(false)})
	if err != nil {
		t.Fatal(err)
	}
	wantValues(t, k.Call(zmlx.Launch{}, x)[0].Slice(zmlx.Range{Start: 0, Stop: 1}).Reshape(3), float32(1+142), 2+142, 3+142)
}

func TestKernelTemplateAndInit(t *testing.T) {
	k := compile(t, `uint i = thread_position_in_grid.x; if (i < N && FLAG) { out[i] = T(x[i]) / 2; }`)
	launch := zmlx.Launch{
		Template:     []zmlx.TemplateArg{{"T", zmlx.Int32}, {"N", 2}, {"FLAG", true}},
		OutputDTypes: []zmlx.DType{zmlx.Float32},
		InitValue:    new(-1.5),
	}
	x := zmlx.FromSlice([]float32{3, 5, 7})
	wantValues[float32](t, k.Call(launch, x)[0], 1, 2, -1.5)
	launch.Template[0].Value = zmlx.Float32
	wantValues[float32](t, k.Call(launch, x)[0], 1.5, 2.5, -1.5)

	launch.Template[1].Value = 2.5
	if err := k.Call(launch, x)[0].Err(); err == nil || !strings.Contains(err.Error(), "template argument N is a float64") {
		t.Errorf("error of a float template argument: %v", err)
	}
}

func TestKernelErrors(t *testing.T) {
	x := zmlx.Ones(zmlx.Float32, 8)
	for _, c := range []struct {
		name   string
		source string
		launch zmlx.Launch
		inputs []*zmlx.Array
		want   []string
	}{
		{"name", "out[0] = y;", zmlx.Launch{}, []*zmlx.Array{x}, []string{"UndeclaredName", "k:1:10", "^", "inputs: x float32[8]", "kernel_test.go"}},
		{"count", double, zmlx.Launch{}, []*zmlx.Array{x, x}, []string{"inputs", "2", "kernel_test.go"}},
		{"grid", double, zmlx.Launch{Grid: [3]int{8, 0, 1}}, []*zmlx.Array{x}, []string{"grid", "y is 0"}},
		{"group", double, zmlx.Launch{Grid: [3]int{8, 1, 1}, Threadgroup: [3]int{64, 64, 1}}, []*zmlx.Array{x}, []string{"4096 threads", "1024"}},
		{"shape", double, zmlx.Launch{OutputShapes: [][]int{{-1}}}, []*zmlx.Array{x}, []string{"output out", "-1"}},
		{"huge", double, zmlx.Launch{OutputShapes: [][]int{{1 << 40, 1 << 40}}}, []*zmlx.Array{x}, []string{"output out"}},
		{"shapes", double, zmlx.Launch{OutputShapes: [][]int{{1}, {2}}}, []*zmlx.Array{x}, []string{"output_shapes"}},
		{"memory", "threadgroup float s[8193]; s[0] = x[0]; out[0] = s[0];", zmlx.Launch{}, []*zmlx.Array{x}, []string{"32"}},
		{"sticky", double, zmlx.Launch{}, []*zmlx.Array{x.Reshape(3)}, []string{"reshape"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := compile(t, c.source).Call(c.launch, c.inputs...)
			if len(out) != 1 {
				t.Fatalf("%d outputs", len(out))
			}
			err := out[0].Eval(context.Background())
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error lacks %q:\n%v", w, err)
				}
			}
		})
	}
	if _, err := zmlx.Compile(zmlx.Kernel{Name: "k", InputNames: []string{"x"}, Source: double}); err == nil {
		t.Error("a kernel without outputs compiles")
	}
	if _, err := zmlx.Compile(zmlx.Kernel{Name: "not a name", InputNames: []string{"x"}, OutputNames: []string{"o"}}); err == nil {
		t.Error("a kernel with a bad name compiles")
	}
	var ce *zmlx.CompileError
	if err := compile(t, "out[0] = y;").Call(zmlx.Launch{}, x)[0].Err(); !errors.As(err, &ce) || ce.Diagnostics[0].Line != 1 || ce.Diagnostics[0].Column != 10 {
		t.Errorf("no CompileError with the place: %v", err)
	}
}

func TestKernelCache(t *testing.T) {
	zmlx.ClearKernels()
	k := compile(t, double+"// TestKernelCache")
	call := func(x *zmlx.Array) {
		t.Helper()
		if err := k.Call(zmlx.Launch{}, x)[0].Eval(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	// Other sizes in device memory are one program; constant memory, 0-dim
	// inputs and dtypes are others.
	for range 3 {
		call(zmlx.Ones(zmlx.Float32, 8))
		call(zmlx.Ones(zmlx.Float32, 100))
		call(zmlx.Ones(zmlx.Float32, 7))
		call(zmlx.Ones(zmlx.Int8, 8))
	}
	if s := k.Stats(); s.Compiles != 3 || s.Variants != 3 || s.Runs != 12 || s.CompileTime <= 0 || s.DeviceTime != 0 {
		t.Errorf("stats %+v", s)
	}
	zmlx.SetTiming(true)
	call(zmlx.Ones(zmlx.Float32, 8))
	zmlx.SetTiming(false)
	if s := k.Stats(); s.DeviceTime <= 0 {
		t.Errorf("no device time: %+v", s)
	}
	// The same text is the same kernel.
	again := compile(t, double+"// TestKernelCache")
	if again.Stats().Compiles != 3 || zmlx.FindKernel("k") == nil || zmlx.FindKernel("nobody") != nil {
		t.Error("the registry does not know the kernel by its content")
	}
	zmlx.ClearKernels()
	if len(zmlx.Kernels()) != 0 {
		t.Error("the registry is not empty after ClearKernels")
	}
	call(zmlx.Ones(zmlx.Float32, 8))
	if infos := zmlx.Kernels(); len(infos) != 1 || infos[0].Stats.Compiles != 1 || infos[0].Name != "k" {
		t.Errorf("the registry after a call: %+v", infos)
	}
}

func TestKernelCacheIsBounded(t *testing.T) {
	zmlx.ClearKernels()
	interp, err := zmlx.Open("interp") // where compiling takes no time
	if err != nil {
		t.Fatal(err)
	}
	k := compile(t, "out[0] = x[0] + N;")
	x := zmlx.Ones(zmlx.Float32, 1).To(interp)
	for i := range 1100 {
		if err := k.Call(zmlx.Launch{Device: interp, Template: []zmlx.TemplateArg{{"N", i}}}, x)[0].Err(); err != nil {
			t.Fatal(err)
		}
	}
	if s := k.Stats(); s.Compiles != 1100 || s.Variants > 1024 {
		t.Errorf("stats %+v", s)
	}
	zmlx.ClearKernels()
}

func TestKernelConcurrent(t *testing.T) {
	k := compile(t, double+"// TestKernelConcurrent")
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 20 {
				n := 1 + (g+i)%40
				got, err := zmlx.Values[float32](k.Call(zmlx.Launch{}, zmlx.Ones(zmlx.Float32, n))[0])
				if err != nil || len(got) != n || got[n-1] != 2 {
					t.Errorf("%v %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	if s := k.Stats(); s.Compiles != 2 || s.Runs != 320 {
		t.Errorf("stats %+v", s)
	}
}

func TestKernelStops(t *testing.T) {
	if name := zmlx.Default().Name(); name != "interp" {
		t.Skipf("a kernel that %s has been given cannot be stopped", name)
	}
	k := compile(t, "while (true) { out[0] += 1; }")
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := k.Call(zmlx.Launch{}, zmlx.Ones(zmlx.Float32, 4))[0].Eval(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an endless loop ends with %v", err)
	}
}

func TestKernelCheck(t *testing.T) {
	k := compile(t, "uint i = thread_position_in_grid.x;\nout[i] = x[i + 1];")
	r, err := k.Check(context.Background(), zmlx.Launch{}, zmlx.Ones(zmlx.Float32, 10))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Code != "OutOfBounds" || r.Findings[0].Line != 2 || r.Findings[0].Buffer != "x" {
		t.Errorf("findings: %v", r)
	}
	for code, c := range map[string]struct {
		source string
		group  [3]int
	}{
		"MemoryLimit": {"threadgroup float s[8193]; s[0] = x[0]; out[0] = s[0];", [3]int{1, 1, 1}},
		"ThreadLimit": {double, [3]int{64, 17, 1}},
	} {
		r, err := compile(t, c.source).Check(context.Background(), zmlx.Launch{Grid: [3]int{64, 64, 1}, Threadgroup: c.group}, zmlx.Ones(zmlx.Float32, 64, 64))
		if err != nil || len(r.Findings) != 1 || r.Findings[0].Code != code || r.OK() {
			t.Errorf("%s: %v, %v", code, r, err)
		}
	}
	r, err = compile(t, double).Check(context.Background(), zmlx.Launch{}, zmlx.Ones(zmlx.Float32, 10))
	if err != nil || !r.OK() {
		t.Errorf("a clean kernel: %v, %v", r, err)
	}
	wantValues(t, r.Outputs[0].Slice(zmlx.Range{Start: 0, Stop: 1}), float32(2))
}

func TestKernelEmit(t *testing.T) {
	k := compile(t, double)
	x := zmlx.Ones(zmlx.Float32, 10)
	msl, err := k.Emit("msl", zmlx.Launch{}, x)
	if err != nil || !strings.Contains(msl, "[[kernel]] void custom_kernel_k_float_float(") {
		t.Errorf("%v\n%s", err, msl)
	}
	text, err := k.Emit("ir", zmlx.Launch{}, x)
	if err != nil || !strings.Contains(text, "add f32") {
		t.Errorf("%v\n%s", err, text)
	}
	if _, err := k.Emit("wgsl", zmlx.Launch{}, x); err == nil {
		t.Error("an unknown target is accepted")
	}
}

func ExampleCompile() {
	k := zmlx.MustCompile(zmlx.Kernel{
		Name:        "scale",
		InputNames:  []string{"x", "factor"},
		OutputNames: []string{"out"},
		Source:      `uint i = thread_position_in_grid.x; out[i] = x[i] * factor;`,
	})
	x := zmlx.FromSlice([]float32{1, 2, 3})
	fmt.Println(k.Call(zmlx.Launch{}, x, zmlx.Scalar[float32](10))[0])
	// Output: [10. 20. 30.]
}
