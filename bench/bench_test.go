package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
	interpreter "github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/launch/remote"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func TestQuartiles(t *testing.T) {
	for _, c := range []struct {
		in         []float64
		q1, q2, q3 float64
	}{
		{nil, 0, 0, 0},
		{[]float64{3}, 3, 3, 3},
		{[]float64{4, 1}, 1.75, 2.5, 3.25},
		{[]float64{5, 1, 3, 2, 4}, 2, 3, 4},
		{[]float64{1, 1, 1, 100}, 1, 1, 25.75},
	} {
		if q1, q2, q3 := quartiles(c.in); q1 != c.q1 || q2 != c.q2 || q3 != c.q3 {
			t.Errorf("quartiles of %v: %g, %g, %g; want %g, %g, %g", c.in, q1, q2, q3, c.q1, c.q2, c.q3)
		}
	}
}

func TestResultOfLaps(t *testing.T) {
	c := Case{Op: "mish", Shape: []int{1000}, DType: zmlx.Float32}
	timed := &timed{c: c, impl: "zmlx", moved: 8e6}
	for _, ms := range []int{1, 2, 4} {
		timed.laps = append(timed.laps, lap{total: time.Duration(ms) * time.Millisecond, host: 3 * time.Microsecond})
	}
	r := timed.result(8)
	want := Result{
		Op: "mish", Shape: []int{1000}, DType: "float32", Impl: "zmlx", Bytes: 8e6, Rounds: 3,
		Seconds: 0.002, Q1: 0.0015, Q3: 0.003, Least: 0.001, HostSeconds: 3e-6, GBps: 4, CopyPercent: 50,
		Samples: []float64{0.001, 0.002, 0.004},
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	if s := r.spread(); math.Abs(s-37.5) > 1e-9 {
		t.Errorf("spread %g%%, want 37.5", s)
	}
}

// Every op of both sets is right on every device, launched as a CPU and as a
// GPU likes it.
func TestOps(t *testing.T) {
	zmlxtest.OnEveryDevice(t, func(t *testing.T, d *zmlx.Device) {
		defer zmlx.SetDefault(zmlx.Default())
		zmlx.SetDefault(d)
		for _, gpu := range []bool{false, true} {
			if gpu && testing.Short() && d.Name() == "cc" {
				continue // each kernel takes the compiler half a second
			}
			t.Run(fmt.Sprintf("gpu=%t", gpu), func(t *testing.T) {
				defer func(was func() bool) { onGPU = was }(onGPU)
				onGPU = func() bool { return gpu }
				m, err := newMachine(Config{Device: d, Size: Tiny})
				if err != nil {
					t.Fatal(err)
				}
				defer m.close()
				for _, set := range []Set{CPU, GPU} {
					for _, c := range Cases(set, Tiny) {
						w, err := m.prepare(t.Context(), c)
						if err != nil {
							t.Errorf("%s: %v", c.Name(), err)
							continue
						}
						w.free()
					}
				}
			})
		}
	})
}

// Rows whose length is no power of two, nor a multiple of a vector.
func TestOpsOddRows(t *testing.T) {
	defer func(was func() bool) { onGPU = was }(onGPU)
	interp(t)
	m := tinyMachine(t)
	for _, gpu := range []bool{false, true} {
		onGPU = func() bool { return gpu }
		for _, op := range []string{"cumsum", "top5", "cross_entropy", "gather_add", "rmsnorm_backward", "rmsnorm_tree", "softmax", "argmax"} {
			for _, row := range []int{9, 33, 100, 1000, 1030, 2056, 10000} {
				c := Case{Op: op, Shape: []int{9, row}, DType: zmlx.Float16, maker: makers[op]}
				w, err := m.prepare(t.Context(), c)
				if err != nil {
					t.Errorf("gpu %t: %s: %v", gpu, c.Name(), err)
					continue
				}
				w.free()
			}
		}
	}
}

// interp makes the interpreter the default device for a test.
func interp(t *testing.T) *zmlx.Device {
	t.Helper()
	d, err := zmlx.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	was := zmlx.Default()
	zmlx.SetDefault(d)
	t.Cleanup(func() { zmlx.SetDefault(was) })
	return d
}

func tinyMachine(t *testing.T) *machine {
	t.Helper()
	m, err := newMachine(Config{Device: interp(t), Size: Tiny})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	return m
}

// The data are what they claim to be: a check on constants would prove little.
func TestData(t *testing.T) {
	interp(t)
	for _, d := range []zmlx.DType{zmlx.Float32, zmlx.Float16, zmlx.BFloat16} {
		a, b := data(0, d, 64, 64), data(1, d, 64, 64)
		if a.DType() != d {
			t.Fatalf("data of %s is %s", d, a.DType())
		}
		x, err := read(a, 0, a.Size())
		if err != nil {
			t.Fatal(err)
		}
		y, err := read(b, 0, b.Size())
		if err != nil {
			t.Fatal(err)
		}
		product := make([]float64, len(x))
		for i := range x {
			product[i] = x[i] * y[i]
		}
		if m, v, c := mean(x, identity), mean(x, squared), mean(product, identity); math.Abs(m) > 0.1 || math.Abs(v-1) > 0.15 || math.Abs(c) > 0.1 {
			t.Errorf("%s: mean %g, variance %g, covariance with other data %g", d, m, v, c)
		}
	}
}

// A result that is wrong in one element of a sampled row is noticed, for every op.
func TestWrongResultsAreFound(t *testing.T) {
	m := tinyMachine(t)
	for _, set := range []Set{CPU, GPU} {
		for _, c := range Cases(set, Tiny) {
			w, err := m.prepare(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			out := w.call(w.inputs)
			for k, a := range out {
				p, err := a.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				spoiled := bytes.Clone(p)
				for i := range spoiled { // the first element, whatever its type
					if i < a.DType().Size() {
						spoiled[i] ^= 0x42
					}
				}
				wrong := append([]*zmlx.Array(nil), out...)
				wrong[k] = zmlx.FromBytes(a.DType(), spoiled, a.Shape()...)
				if err := w.check(w, wrong); err == nil {
					t.Errorf("%s: a wrong result %d passes", c.Name(), k)
				}
			}
			w.free()
		}
	}
}

func TestRunFailsCases(t *testing.T) {
	makers["broken"] = func(c Case) *work {
		w := makers["mish"](c)
		w.check = func(*work, []*zmlx.Array) error { return errors.New("wrong by design") }
		return w
	}
	defer delete(makers, "broken")
	m := tinyMachine(t)
	results, err := m.measure(t.Context(), []Case{{Op: "broken", Shape: []int{256}, DType: zmlx.Float32, maker: makers["broken"]}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Op == "broken" && (r.Error != "wrong by design" || r.Seconds != 0) {
			t.Errorf("a case whose check fails gives %+v", r)
		}
	}
}

func tinyReport(t *testing.T, cfg Config) *Report {
	t.Helper()
	cfg.Device, cfg.Size = interp(t), Tiny
	if cfg.Rounds == 0 {
		cfg.Rounds = 3
	}
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRun(t *testing.T) {
	r := tinyReport(t, Config{Set: CPU, Host: true, Ops: regexp.MustCompile(`^(mish|sum|top5)/.*/float32$`)})
	ops := map[string]int64{}
	for _, x := range r.Results {
		if x.Error != "" || x.Seconds <= 0 || x.Rounds != 3 || len(x.Samples) != 3 || x.Q1 > x.Seconds || x.Seconds > x.Q3 {
			t.Errorf("odd result %+v", x)
		}
		ops[x.Op] = x.Bytes
	}
	// 4,096 elements in, and out: as many, one of each row, five pairs of each row.
	want := map[string]int64{"mish": 32768, "sum": 16384 + 16*4, "top5": 16384 + 16*5*8, "memcpy": 2 * 65536}
	if d := cmp.Diff(want, ops); d != "" {
		t.Errorf("bytes by op: %s", d)
	}
	if len(r.Host) != 4 || r.Host[0].Seconds <= 0 {
		t.Errorf("host costs %+v", r.Host)
	}
	if r.CopyGBps <= 0 || r.Machine == "" || !strings.HasPrefix(r.Device, "interp") {
		t.Errorf("copy %g GB/s on %q, %q", r.CopyGBps, r.Machine, r.Device)
	}
}

func TestRunMisuse(t *testing.T) {
	if _, err := Run(t.Context(), Config{}); err == nil {
		t.Error("no device and no error")
	}
	d := interp(t)
	if _, err := Run(t.Context(), Config{Device: d, Size: Tiny, Ops: regexp.MustCompile("nothing")}); err == nil || !strings.Contains(err.Error(), "matches nothing") {
		t.Errorf("no op: error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Config{Device: d, Size: Tiny}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: error %v", err)
	}
}

func TestReportRoundTrip(t *testing.T) {
	r := tinyReport(t, Config{Set: GPU, Host: true, Ops: regexp.MustCompile(`^sum`)})
	path := filepath.Join(t.TempDir(), "r.json")
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, b.Bytes())
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, back); d != "" {
		t.Error(d)
	}
	writeFile(t, path, []byte(`{"version": 99}`))
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("an unknown version gives %v", err)
	}
}

// A whole run on a device whose memory the host cannot reach and that works
// later.
func TestRunRemote(t *testing.T) {
	launch.Register("remote", remote.Open(func() (launch.Device, error) { return interpreter.New(), nil }))
	d, err := zmlx.Open("remote:0")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := Run(t.Context(), Config{Device: d, Set: GPU, Size: Tiny, Rounds: 2, Host: true, Ops: regexp.MustCompile(`^(softmax|top2|rmsnorm_backward)`)})
	if err != nil {
		t.Fatal(err)
	}
	ops := map[string]bool{}
	for _, x := range r.Results {
		ops[x.Op+" by "+x.Impl] = true
		if x.Error != "" || x.Seconds <= 0 {
			t.Errorf("odd result %+v", x)
		}
	}
	for _, want := range []string{"softmax by zmlx", "top2_gating by zmlx", "rmsnorm_backward by zmlx", "memcpy by device"} {
		if !ops[want] {
			t.Errorf("no %s in %v", want, ops)
		}
	}
	if r.CopyGBps <= 0 {
		t.Errorf("a copy of %g GB/s", r.CopyGBps)
	}
}

// An asynchronous device is waited for, and copies by itself.
func TestAsyncDevice(t *testing.T) {
	inner := launch.Raw(interp(t))
	if inner == nil {
		t.Fatal("no device below the interpreter")
	}
	d := &queued{Device: inner}
	m := &machine{cfg: Config{Size: Tiny}, raw: d, async: true, syncer: d, timer: d, copier: d}
	for range 2 {
		b, err := d.Alloc(m.copySize())
		if err != nil {
			t.Fatal(err)
		}
		if err := fill(b); err != nil {
			t.Fatal(err)
		}
		if p := b.Host(); p[0] == 0 || p[len(p)-1] == 0 || p[len(p)/2] == 0 {
			t.Error("memory that is copied is not written before")
		}
		m.buffers = append(m.buffers, b)
	}
	copies := m.copies()
	if len(copies) == 0 || copies[0].impl != "device" {
		t.Fatalf("%d ways to copy", len(copies))
	}
	l, err := copies[0].once(3)
	if err != nil {
		t.Fatal(err)
	}
	if l.total != time.Second || d.copies != 6 {
		t.Errorf("a run took %v, %d copies in all; want 1s for 3, and 3 before", l.total, d.copies)
	}
	if d.syncs == 0 {
		t.Error("nothing was waited for")
	}
}

// queued is a device on which each thing that is timed takes three seconds.
type queued struct {
	launch.Device
	copies, syncs int
}

func (q *queued) Sync() error { q.syncs++; return nil }
func (q *queued) Time(f func() error) (time.Duration, error) {
	return 3 * time.Second, f()
}
func (q *queued) Copy(launch.Buffer, int, launch.Buffer, int, int) error { q.copies++; return nil }

// The C++ versions are right, too, for odd lengths as well.
func TestCPP(t *testing.T) {
	if !dl.Supported {
		t.Skip("this build loads no libraries")
	}
	if _, _, err := cc.Find(t.Context(), diskcache.Default()); err != nil {
		t.Skipf("no compiler: %v", err)
	}
	m := tinyMachine(t)
	if err := m.loadCPP(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, dt := range []zmlx.DType{zmlx.Float32, zmlx.Float16} {
		for _, op := range cppOps {
			for _, shape := range [][]int{{4096}, {16, 256}, {33, 100}, {7, 2050}, {1, 40}} {
				row := op != "mish" && op != "gelu" && op != "gelu_tanh"
				if row != (len(shape) == 2) {
					continue
				}
				c := Case{Op: op, Shape: shape, DType: dt, maker: makers[op]}
				w, err := m.prepare(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				f, err := m.cppRun(w)
				if err != nil || f == nil {
					t.Fatalf("%s: no C++ version: %v", c.Name(), err)
				}
				if err := m.checkCPP(w, f); err != nil {
					t.Errorf("%s: %v", c.Name(), err)
				}
				f.free()
				w.free()
			}
		}
	}
	src, dst := make([]byte, 100003), make([]byte, 100003)
	for i := range src {
		src[i] = byte(i * 7)
	}
	m.cpp.copy(dst, src)
	if !bytes.Equal(dst, src) {
		t.Error("the C++ copy does not copy")
	}
}

// The functions in C++ are as exact as docs/benchmarks.md says.
func TestCPPAccuracy(t *testing.T) {
	if !dl.Supported {
		t.Skip("this build loads no libraries")
	}
	if _, _, err := cc.Find(t.Context(), diskcache.Default()); err != nil {
		t.Skipf("no compiler: %v", err)
	}
	m := tinyMachine(t)
	if err := m.loadCPP(t.Context()); err != nil {
		t.Fatal(err)
	}
	const n = 1 << 14
	x := make([]float32, n)
	for i := range x {
		x[i] = 24*float32(i)/n - 12
	}
	x[0], x[1], x[2] = 1e30, -1e30, float32(math.NaN())
	for _, f := range []struct {
		op   string
		want func(float64) float64
		ulps func(x, want float64) float64 // what the error is measured by
		most float64
	}{
		{"mish", mishOf, func(x, want float64) float64 { return ulp(want) }, 4.5},
		{"gelu", geluOf, func(x, want float64) float64 { return ulp(max(want, -x/2)) }, 4.5},
		{"gelu_tanh", geluTanhOf, func(x, want float64) float64 { return ulp(max(want, -x/2)) }, 4.5},
	} {
		c := Case{Op: f.op, Shape: []int{n}, DType: zmlx.Float32}
		w := &work{c: c, inputs: []*zmlx.Array{zmlx.FromSlice(x)}, cpp: cppName(c)}
		run, err := m.cppRun(w)
		if err != nil || run == nil {
			t.Fatalf("%s: no C++ version: %v", f.op, err)
		}
		run.run()
		got := floats(run.output(), zmlx.Float32)
		run.free()
		if got[0] != float64(x[0]) || got[1] != 0 || !math.IsNaN(got[2]) {
			t.Errorf("%s of %g, %g and %g is %v", f.op, x[0], x[1], x[2], got[:3])
		}
		worst, at := 0.0, 0.0
		for i := 3; i < n; i++ {
			v := float64(x[i])
			want := f.want(v)
			if v == 0 {
				continue
			}
			if e := math.Abs(got[i]-want) / f.ulps(v, want); e > worst {
				worst, at = e, v
			}
		}
		if worst > f.most {
			t.Errorf("%s is %.2f units off at %g", f.op, worst, at)
		}
	}
}

// ulp returns the distance of float32 numbers at v.
func ulp(v float64) float64 {
	v = math.Abs(v)
	return float64(math.Nextafter32(float32(v), math.MaxFloat32)) - float64(float32(v))
}

func TestCopyParallel(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, 1000, 1 << 16} {
		src, dst := make([]byte, n), make([]byte, n)
		for i := range src {
			src[i] = byte(i*3 + 1)
		}
		copyParallel(dst, src)
		if !bytes.Equal(dst, src) {
			t.Errorf("%d bytes differ on %d processors", n, runtime.GOMAXPROCS(0))
		}
	}
}

func TestCasesAreFull(t *testing.T) {
	for set, want := range map[Set][]string{
		CPU: {"mish/16777216/float32", "softmax/262144x64/float16", "swiglu/512x65536/float32", "rope/1x32x4096x128/float32", "cross_entropy/512x32000/float16"},
		GPU: {"mish/67108864/float16", "softmax/2048x65536/float16", "rmsnorm_backward/4096x16384/float16", "cross_entropy/8192x32000/bfloat16", "top2_gating/65536x64/float32", "adamw/67108864/float32"},
	} {
		names := map[string]bool{}
		for _, c := range Cases(set, Full) {
			if names[c.Name()] {
				t.Errorf("%s: %s is there twice", set, c.Name())
			}
			names[c.Name()] = true
		}
		for _, name := range want {
			if !names[name] {
				t.Errorf("%s: no case %s", set, name)
			}
		}
	}
	if n := len(LinearCases(Full)); n != 19 {
		t.Errorf("%d sizes from 2^10 to 2^28", n)
	}
}
