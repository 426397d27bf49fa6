package cuda

// This file implements tests and benchmarks that need a GPU. They skip where
// there is none.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// gpu opens a GPU, with a cache of the test's own.
func gpu(t testing.TB, n int) *Device {
	t.Helper()
	d, err := Open(t.Context(), n, Config{Cache: diskcache.Open(t.TempDir(), diskcache.Limits{})})
	if errors.Is(err, ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing %s: %v", d.Name(), err)
		}
	})
	return d
}

const cudaHead = `typedef struct { unsigned grid[3], group[3], groups[3], pad; unsigned long long first; } zmlx_launch;
#define KERNEL(...) extern "C" __global__ void zmlx_run(const __grid_constant__ zmlx_launch L, __VA_ARGS__)
#define GROUP (L.first + blockIdx.x)
#define X ((unsigned)(GROUP % L.groups[0]) * L.group[0] + threadIdx.x) // of one-dimensional grids
`

// cudaKernel compiles a CUDA text whose parameters are p0, p1 and so on.
func cudaKernel(t testing.TB, d *Device, name, body string, params int) *program {
	t.Helper()
	names := make([]string, params)
	for i := range params {
		names[i] = fmt.Sprintf("p%d", i)
	}
	p, err := d.program(t.Context(), name, Unit{Text: cudaText(body, params), Entry: "zmlx_run"}, names)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing kernel %s: %v", name, err)
		}
	})
	return p
}

// Bodies of kernels.
const (
	incrementText = "if (threadIdx.x < L.group[0] && X < L.grid[0]) ((unsigned *)p0)[X]++;"
	sumText       = "if (threadIdx.x < L.group[0] && X < L.grid[0]) ((unsigned *)p1)[X] += ((unsigned *)p0)[X];"
	spinText      = "long long end = clock64() + 20000000; while (clock64() < end) ; *(int *)p0 = 1;"
	saxpyText     = `
	unsigned i = X;
	if (threadIdx.x >= L.group[0] || i >= L.grid[0]) return;
	float a = *(const float *)p0, x = ((const float *)p1)[i], y = ((const float *)p2)[i];
	((float *)p3)[i] = a * x + y;`
	// counts the first group, those that no one launch of the driver reaches,
	// and the last one of MaxInt32+12
	countText = `
	if (threadIdx.x) return;
	unsigned long long g = GROUP;
	if (g == 0) atomicAdd((unsigned *)p0, 1u);
	if (g >= 0x7fffffffull) atomicAdd((unsigned *)p0 + 1, 1u);
	if (g == 0x7fffffffull + 11) atomicAdd((unsigned *)p0 + 2, 1u);`
	hungryText = `
	float v[150];
	#pragma unroll
	for (int i = 0; i < 150; i++) v[i] = ((volatile float *)p0)[(threadIdx.x + i) & 1023];
	__syncthreads();
	float sum = 0;
	#pragma unroll
	for (int i = 149; i >= 0; i--) sum += v[i];
	((float *)p1)[threadIdx.x] = sum;`
)

// faults are bodies of kernels that bring a context down.
var faults = map[string]string{
	"address":   "*(volatile int *)(1ull << 60) = 1;",
	"trap":      `asm volatile("trap;");`,
	"alignment": "*(volatile long long *)(p0 + 1) = 1;",
}

// TestTexts compiles the kernels of the tests without a GPU.
func TestTexts(t *testing.T) {
	l, _, err := nvrtc.Open(0)
	if err != nil {
		t.Skip(err)
	}
	texts := []string{trialText}
	for _, body := range append([]string{incrementText, sumText, spinText, saxpyText, countText, hungryText, earlyText}, slices.Collect(maps.Values(faults))...) {
		texts = append(texts, cudaText(body, 4))
	}
	for _, text := range texts {
		for _, arch := range []string{"sm_80", "sm_90"} {
			for v := range variants {
				p := &program{byThreads: true, byAlignment: true, byShape: true, early: arch == "sm_90"}
				if _, log, err := l.Compile(text, arch, append(nvrtc.Options(v%2 == 0), p.options(v)...)...); err != nil || log != "" {
					t.Errorf("variant %d: %s\n%v\n%s", v, text, err, log)
				}
				if text != trialText { // one text for all variants
					break
				}
			}
		}
	}
}

// cudaText returns the text of a kernel.
func cudaText(body string, params int) string {
	args := make([]string, params)
	for i := range params {
		args[i] = fmt.Sprintf("char *p%d", i)
	}
	return cudaHead + "KERNEL(" + strings.Join(args, ", ") + ") {\n" + body + "\n}\n"
}

func TestGPUFacts(t *testing.T) {
	d := gpu(t, 0)
	f := d.Facts()
	t.Logf("%s: %s", d.Name(), d.Describe())
	t.Logf("%+v", f)
	if f.Name == "" || f.SMs < 1 || f.L2 < 1 || f.Memory < 1<<30 || f.Capability < 50 || f.CUDA < 12000 {
		t.Errorf("facts %+v", f)
	}
	_, looked, err := findDriver()
	if err != nil {
		t.Error(err)
	}
	_, more, err := nvrtc.Open(f.CUDA)
	if err != nil {
		t.Error(err)
	}
	for _, p := range append(looked, more...) {
		t.Logf("%+v", p)
	}
	if _, err := Open(t.Context(), 1000, Config{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("GPU 1000: %v", err)
	}
}

func TestGPURoundTrip(t *testing.T) {
	d := gpu(t, 0)
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 3, 4096, segmentSize, segmentSize + 1, 3*segments*segmentSize + 12345} {
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		b := mustAlloc(t, d, n+13)
		if err := b.Upload(13, want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, n)
		if err := b.Download(13, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes did not come back as they were; error %v", n, err)
		}
		c := mustAlloc(t, d, n)
		clear(got)
		if err := errors.Join(d.Copy(c, 0, b, 13, n), c.Download(0, got)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes were not copied as they are; error %v", n, err)
		}
		b.Free()
		c.Free()
	}
}

// TestGPUSmallUploads uploads much in small pieces while a kernel keeps the
// stream busy, so that the staging memory must not be overwritten early.
func TestGPUSmallUploads(t *testing.T) {
	d := gpu(t, 0)
	spin := cudaKernel(t, d, "spin", spinText, 1)
	b := mustAlloc(t, d, 64)
	mustRun(t, spin, over(1, 1, b))
	const size, count = 100 << 10, 3 * segments * segmentSize / (100 << 10)
	all := mustAlloc(t, d, size*count)
	for i := range count {
		p := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)
		if err := all.Upload(i*size, p); err != nil {
			t.Fatal(err)
		}
		clear(p)
	}
	got := make([]byte, size*count)
	if err := all.Download(0, got); err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if part := got[i*size : (i+1)*size]; !bytes.Equal(part, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)) {
			t.Fatalf("piece %d is not what was uploaded", i)
		}
	}
}

func TestGPULaunch(t *testing.T) {
	d := gpu(t, 0)
	saxpy := cudaKernel(t, d, "saxpy", saxpyText, 4)
	for _, n := range []int{1, 31, 33, 1000, 100003} {
		for _, group := range []int{1, 7, 32, 100, 1024} {
			a, x, y, out := mustAlloc(t, d, 4), mustAlloc(t, d, 4*n), mustAlloc(t, d, 4*n), mustAlloc(t, d, 4*n+8)
			xs, ys := make([]float32, n), make([]float32, n)
			for i := range xs {
				xs[i], ys[i] = float32(i)*0.37-7, 1/float32(i+1)
			}
			const factor = 1.0009766
			for b, v := range map[launch.Buffer][]float32{a: {factor}, x: xs, y: ys} {
				if err := b.Upload(0, floatBytes(v)); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Fill(out, 0, 4*n+8, []byte{0xff}); err != nil {
				t.Fatal(err)
			}
			l := over(n, min(group, n), a, x, y, out)
			l.Args[3].Offset = 4
			mustRun(t, saxpy, l)
			got := make([]byte, 4*n+8)
			if err := out.Download(0, got); err != nil {
				t.Fatal(err)
			}
			want := make([]float32, n)
			for i := range want {
				p := float32(factor) * xs[i] // two roundings
				want[i] = p + ys[i]
			}
			all := slices.Concat([]byte{255, 255, 255, 255}, floatBytes(want), []byte{255, 255, 255, 255})
			if !bytes.Equal(got, all) {
				t.Fatalf("n %d, group %d: wrong values", n, group)
			}
			for _, b := range []launch.Buffer{a, x, y, out} {
				b.Free()
			}
		}
	}
}

func floatBytes(v []float32) []byte {
	var p []byte
	for _, f := range v {
		p = binary.NativeEndian.AppendUint32(p, math.Float32bits(f))
	}
	return p
}

// TestGPUManyGroups launches more threadgroups than the driver takes.
func TestGPUManyGroups(t *testing.T) {
	d := gpu(t, 0)
	b := mustAlloc(t, d, 16)
	if err := d.Fill(b, 0, 16, []byte{0}); err != nil {
		t.Fatal(err)
	}
	const n = math.MaxInt32 + 12
	p := cudaKernel(t, d, "count", countText, 1)
	mustRun(t, p, over(n, 1, b))
	if got, want := values(t, b, 3), []uint32{1, 12, 1}; !slices.Equal(got, want) {
		t.Errorf("the first, the beyond and the last group ran %v times, want %v", got, want)
	}
}

// TestGPURegisters runs a kernel that needs more registers than 1,024 threads
// have.
func TestGPURegisters(t *testing.T) {
	d := gpu(t, 0)
	p := cudaKernel(t, d, "hungry", hungryText, 2)
	t.Logf("%+v", p.Facts())
	in, out := mustAlloc(t, d, 4096), mustAlloc(t, d, 4096)
	v := make([]float32, 1024)
	for i := range v {
		v[i] = float32(i%37) + 0.5
	}
	if err := in.Upload(0, floatBytes(v)); err != nil {
		t.Fatal(err)
	}
	if p.Facts().Threads >= 1024 {
		t.Errorf("%d threads fit; the kernel is meant to need more registers", p.Facts().Threads)
	}
	mustRun(t, p, over(1024, 1024, in, out))
	got := make([]byte, 4096)
	if err := out.Download(0, got); err != nil {
		t.Fatal(err)
	}
	want := make([]float32, 1024)
	for i := range want {
		for j := 149; j >= 0; j-- {
			want[i] += v[(i+j)&1023]
		}
	}
	if !bytes.Equal(got, floatBytes(want)) {
		t.Error("wrong values")
	}
}

func TestGPUCompileError(t *testing.T) {
	d := gpu(t, 0)
	_, err := d.program(t.Context(), "wrong", Unit{Text: cudaHead + "KERNEL(char *p0) { missing = 1; }", Entry: "zmlx_run"}, []string{"p0"})
	if e, ok := errors.AsType[*BuildError](err); !ok || !strings.Contains(err.Error(), `identifier "missing" is undefined`) || e.Source == "" {
		t.Errorf("error %v", err)
	}
}

// TestGPUPTX lets the driver make code of PTX, as for a GPU that NVRTC does not
// know yet.
func TestGPUPTX(t *testing.T) {
	d := gpu(t, 0)
	d.facts.Arch = strings.Replace(d.facts.Arch, "sm_", "compute_", 1)
	b := mustAlloc(t, d, 4)
	if err := d.Fill(b, 0, 4, []byte{0}); err != nil {
		t.Fatal(err)
	}
	mustRun(t, cudaKernel(t, d, "increment", incrementText, 1), over(1, 1, b))
	if got := values(t, b, 1); got[0] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestGPUGraph(t *testing.T) {
	d := gpu(t, 0)
	b := mustAlloc(t, d, 4000)
	start := counting(1000)
	if err := b.Upload(0, bytesOf(start)); err != nil {
		t.Fatal(err)
	}
	p := cudaKernel(t, d, "increment", incrementText, 1)
	sum := cudaKernel(t, d, "sum", sumText, 2)
	var temp launch.Buffer
	g, err := d.record(func() error {
		var err error
		if temp, err = d.Alloc(4000); err != nil {
			return err
		}
		if err := temp.Upload(0, bytesOf(start)); err != nil {
			return err
		}
		for range 10 {
			if err := p.Run(t.Context(), over(1000, 256, temp)); err != nil {
				return err
			}
		}
		return sum.Run(t.Context(), over(1000, 256, temp, b))
	})
	if err != nil {
		t.Fatal(err)
	}
	temp.Free()
	for range 3 {
		if err := g.Launch(); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range values(t, b, 1000) {
		if want := start[i] + 3*(start[i]+10); v != want {
			t.Fatalf("element %d is %d, want %d", i, v, want)
		}
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// TestGPURecordAlone uses the device from other goroutines while one records.
func TestGPURecordAlone(t *testing.T) {
	d := gpu(t, 0)
	p := cudaKernel(t, d, "increment", incrementText, 1)
	a := mustAlloc(t, d, 4)
	if err := d.Fill(a, 0, 4, []byte{0}); err != nil {
		t.Fatal(err)
	}
	stop := make(chan bool)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := d.Alloc(1 << 20)
			if err == nil {
				err = errors.Join(b.Upload(0, make([]byte, 1<<20)), p.Run(t.Context(), over(100, 32, b)))
				var got [400]byte
				if err == nil {
					if err = b.Download(0, got[:]); err == nil && got[0] != 1 {
						err = fmt.Errorf("got %d", got[0])
					}
				}
				b.Free()
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 50 {
		g, err := d.record(func() error {
			for range 20 {
				if err := p.Run(t.Context(), over(1, 1, a)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
			break
		}
		if err := errors.Join(g.Launch(), g.Close()); err != nil {
			t.Error(err)
		}
		if g.Len() != 20 {
			t.Errorf("%d launches recorded", g.Len())
		}
	}
	close(stop)
	wg.Wait()
	if got := values(t, a, 1); got[0] != 1000 {
		t.Errorf("replays added up to %d, want 1000", got[0])
	}
}

func TestGPUOutOfMemory(t *testing.T) {
	d := gpu(t, 0)
	total := d.Facts().Memory
	_, err := d.Alloc(2 * total)
	if e, ok := errors.AsType[*OutOfMemoryError](err); !ok || e.Asked != 2*total {
		t.Fatalf("twice the memory of the GPU: %v", err)
	}
	t.Log(err)
	var all []launch.Buffer
	for err = nil; err == nil && len(all) < 100; {
		var b launch.Buffer
		if b, err = d.Alloc(total / 10); err == nil {
			all = append(all, b)
		}
	}
	t.Logf("after %d buffers: %v", len(all), err)
	if _, ok := errors.AsType[*OutOfMemoryError](err); !ok || len(all) == 0 {
		t.Errorf("error %v after %d buffers", err, len(all))
	}
	for _, b := range all {
		b.Free()
	}
	b, err := d.Alloc(total / 10 * 11 / 10) // of another size than what was freed
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Upload(total/10, []byte{42}); err != nil {
		t.Error(err)
	}
	b.Free()
	if err := d.Trim(); err != nil {
		t.Error(err)
	}
}

func TestGPUTime(t *testing.T) {
	d := gpu(t, 0)
	b := mustAlloc(t, d, 64)
	spin := cudaKernel(t, d, "spin", spinText, 1)
	twice := func() error {
		return errors.Join(spin.Run(t.Context(), over(1, 1, b)), spin.Run(t.Context(), over(1, 1, b)))
	}
	start := time.Now()
	took, err := d.Time(twice)
	if err != nil || took <= 0 || took > time.Since(start) {
		t.Errorf("two kernels took %v, error %v", took, err)
	}
	times, err := d.Profile(twice)
	if err != nil || len(times) != 2 || times[0].Time <= 0 {
		t.Errorf("times %v, error %v", times, err)
	}
	t.Logf("two kernels took %v; each %v", took, times)
}

func TestGPUGoroutines(t *testing.T) {
	d := gpu(t, 0)
	p := cudaKernel(t, d, "increment", incrementText, 1)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for round := range 10 {
				n := 1000 + 77*i
				w := &witness{}
				start := counting(n)
				b, err := d.Alloc(4 * n)
				if err != nil {
					t.Error(err)
					return
				}
				if err := b.Upload(0, bytesOf(start)); err != nil {
					t.Error(err)
				}
				for range 50 {
					if err := p.Run(t.Context(), watched(w, n, 128, b)); err != nil {
						t.Error(err)
					}
				}
				got := make([]byte, 4*n)
				if err := b.Download(0, got); err != nil {
					t.Error(err)
				}
				b.Free()
				for j := range start {
					start[j] += 50
				}
				if !bytes.Equal(got, bytesOf(start)) || len(w.told()) > 0 {
					t.Errorf("goroutine %d, round %d: wrong values; told %v", i, round, w.told())
				}
			}
		})
	}
	wg.Wait()
}

func TestGPUTwo(t *testing.T) {
	d := gpu(t, 0)
	if count, err := d.driver.count(); err != nil || count < 2 {
		t.Skipf("%d GPU, error %v", count, err)
	}
	e := gpu(t, 1)
	const n = 100003
	a, b := mustAlloc(t, d, 4*n), mustAlloc(t, e, 4*n)
	want := counting(n)
	if err := a.Upload(0, bytesOf(want)); err != nil {
		t.Fatal(err)
	}
	mustRun(t, cudaKernel(t, d, "increment", incrementText, 1), over(n, 256, a))
	if err := e.Copy(b, 0, a, 0, 4*n); err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(a, 0, 4*n, []byte{0}); err != nil { // after the copy
		t.Fatal(err)
	}
	mustRun(t, cudaKernel(t, e, "increment", incrementText, 1), over(n, 256, b))
	for i, v := range values(t, b, n) {
		if v != want[i]+2 {
			t.Fatalf("element %d is %d, want %d", i, v, want[i]+2)
		}
	}
}

// batch is how many launches a benchmark makes before it waits: fewer than make
// the driver wait.
const batch = 500

// benchBatches times batches of calls and leaves the waiting out.
func benchBatches(b *testing.B, d *Device, call func() error) {
	var spent time.Duration
	calls := 0
	for b.Loop() {
		start := time.Now()
		for range batch {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
		spent += time.Since(start)
		calls += batch
		if err := d.Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(calls), "host-ns/call")
}

func BenchmarkGPULaunch(b *testing.B) {
	d := gpu(b, 0)
	p := cudaKernel(b, d, "increment", incrementText, 1)
	buf := mustAlloc(b, d, 4096)
	l := over(1024, 256, buf)
	ctx := b.Context()
	b.ReportAllocs()
	benchBatches(b, d, func() error { return p.Run(ctx, l) })
}

// BenchmarkGPULaunchQueued is BenchmarkGPULaunch with launches that may be put
// into the queue: host-ns/call leaves the submitter's part out.
func BenchmarkGPULaunchQueued(b *testing.B) {
	d := gpu(b, 0)
	p := cudaKernel(b, d, "increment", incrementText, 1)
	buf := mustAlloc(b, d, 4096)
	w := &witness{}
	l := watched(w, 1024, 256, buf)
	ctx := b.Context()
	b.ReportAllocs()
	calls := 0
	benchBatches(b, d, func() error { calls++; return p.Run(ctx, l) })
	b.ReportMetric(float64(d.queue.put.Load())/float64(calls), "queued/call")
	if errs := w.told(); len(errs) > 0 {
		b.Error(errs)
	}
}

// BenchmarkGPUDriverLaunch is what of a launch is the driver's.
func BenchmarkGPUDriverLaunch(b *testing.B) {
	d := gpu(b, 0)
	p := cudaKernel(b, d, "increment", incrementText, 1)
	buf := mustAlloc(b, d, 4096)
	mustRun(b, p, over(1024, 256, buf))
	if err := d.driver.do(&d.driver.setCurrent, d.primary.ctx); err != nil {
		b.Fatal(err)
	}
	benchBatches(b, d, func() error {
		dl.Call(d.driver.setCurrent.addr, d.current[:]...)
		if status := dl.Call(d.driver.launch.addr, p.frame.args[:]...); int32(status) != 0 {
			return fmt.Errorf("status %d", int32(status))
		}
		return nil
	})
}

// BenchmarkGPUGraph replays graphs of 1,000 tiny kernels.
func BenchmarkGPUGraph(b *testing.B) {
	d := gpu(b, 0)
	p := cudaKernel(b, d, "increment", incrementText, 1)
	buf := mustAlloc(b, d, 4096)
	const kernels = 1000
	g, err := d.record(func() error {
		for range kernels {
			if err := p.Run(b.Context(), over(1024, 256, buf)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	var host, device time.Duration
	n := 0
	for b.Loop() {
		took, err := d.Time(func() error {
			start := time.Now()
			err := g.Launch()
			host += time.Since(start)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		device += took
		n += kernels
	}
	b.ReportMetric(float64(host.Nanoseconds())/float64(n), "host-ns/kernel")
	b.ReportMetric(float64(device.Nanoseconds())/float64(n), "device-ns/kernel")
	if err := g.Close(); err != nil {
		b.Error(err)
	}
}

func BenchmarkGPUAlloc(b *testing.B) {
	d := gpu(b, 0)
	for b.Loop() {
		mustAlloc(b, d, 1<<20).Free()
	}
}

func BenchmarkGPUTransfer(b *testing.B) {
	d := gpu(b, 0)
	for _, n := range []int{64, 64 << 10, 256 << 20} {
		buf, p := mustAlloc(b, d, n), make([]byte, n)
		b.Run(fmt.Sprintf("upload/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				if err := buf.Upload(0, p); err != nil {
					b.Fatal(err)
				}
			}
			if err := d.Sync(); err != nil {
				b.Fatal(err)
			}
		})
		b.Run(fmt.Sprintf("download/%d", n), func(b *testing.B) {
			b.SetBytes(int64(n))
			for b.Loop() {
				if err := buf.Download(0, p); err != nil {
					b.Fatal(err)
				}
			}
		})
		buf.Free()
	}
}

// BenchmarkGPUCopy is the bandwidth of the GPU's memory, counting bytes read
// and written.
func BenchmarkGPUCopy(b *testing.B) {
	d := gpu(b, 0)
	const n = 1 << 30
	from, to := mustAlloc(b, d, n), mustAlloc(b, d, n)
	var device time.Duration
	count := 0
	for b.Loop() {
		took, err := d.Time(func() error { return d.Copy(to, 0, from, 0, n) })
		if err != nil {
			b.Fatal(err)
		}
		device += took
		count++
	}
	b.ReportMetric(2*n*float64(count)/device.Seconds()/1e9, "GB/s")
}
