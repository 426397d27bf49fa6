package cc

// This file implements tests of launches, with kernels written by hand.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

const head = `#include <stdint.h>
typedef struct { uint32_t grid[3], group[3], groups[3], stream; } zmlx_launch;
void zmlx_run(void *const *params, const zmlx_launch *l, uint64_t first, uint64_t last, void *scratch) {
`

// unit returns a unit with the body of zmlx_run.
func unit(body string) Unit { return Unit{Text: head + body + "\n}\n", Entry: "zmlx_run"} }

// newDevice returns a device with a cache of its own.
func newDevice(t testing.TB) *device {
	t.Helper()
	d, err := open(t.Context(), Config{Cache: diskcache.Open(t.TempDir(), diskcache.Limits{})})
	if errors.Is(err, ErrAbsent) {
		t.Skipf("compiled kernels cannot be tested here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func mustProgram(t testing.TB, d *device, u Unit, params ...string) *program {
	t.Helper()
	p, err := d.program(t.Context(), "test", u, params)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// values returns a buffer's bytes as a slice.
func values[T any](b launch.Buffer) []T {
	var zero T
	host := b.Host()
	return unsafe.Slice((*T)(unsafe.Pointer(&host[0])), len(host)/int(unsafe.Sizeof(zero)))
}

func mustAlloc(t testing.TB, d launch.Device, n int) launch.Buffer {
	t.Helper()
	b, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func arg(b launch.Buffer) launch.Arg { return launch.Arg{Buffer: b, Hi: b.Size()} }

func line(n, group int, args ...launch.Arg) launch.Launch {
	return launch.Launch{Args: args, Grid: [3]int{n, 1, 1}, Group: [3]int{group, 1, 1}}
}

const add = `
	const float *a = params[0], *b = params[1];
	float *out = params[2];
	uint64_t end = last * l->group[0];
	if (end > l->grid[0]) end = l->grid[0];
	for (uint64_t i = first * l->group[0]; i < end; i++) out[i] = a[i] + b[i];
`

func TestAdd(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(add), "a", "b", "out")
	for _, n := range []int{1, 7, 64, 1000, 4096, 100_003} {
		a, b, out := mustAlloc(t, d, 4*n), mustAlloc(t, d, 4*n), mustAlloc(t, d, 4*n)
		for i := range n {
			values[float32](a)[i], values[float32](b)[i] = float32(i), 0.5
		}
		for range 3 { // with the pace unknown, then known
			clear(out.Host())
			if err := p.Run(t.Context(), line(n, min(n, 64), arg(a), arg(b), arg(out))); err != nil {
				t.Fatal(err)
			}
			for i, v := range values[float32](out) {
				if v != float32(i)+0.5 {
					t.Fatalf("n %d: out[%d] is %v, want %v", n, i, v, float32(i)+0.5)
				}
			}
		}
	}
}

// TestOffsets binds parameters in the middle of buffers, and an empty one.
func TestOffsets(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(`
	int32_t *out = params[0]; const int32_t *in = params[1];
	out[0] = in[0] + in[1] + (params[2] != 0);`), "out", "in", "none")
	in, out := mustAlloc(t, interp.New(), 16), mustAlloc(t, d, 16)
	copy(values[int32](in), []int32{1, 10, 100, 1000})
	l := line(1, 1, launch.Arg{Buffer: out, Offset: 12, Hi: 16}, launch.Arg{Buffer: in, Offset: 8, Hi: 16}, arg(mustAlloc(t, d, 0)))
	if err := p.Run(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if got := values[int32](out); !slices.Equal(got, []int32{0, 0, 0, 1101}) {
		t.Errorf("out is %v, want 1101 in the last place only", got)
	}
}

// TestEveryGroupOnce counts how often each threadgroup ran, and looks at what
// the kernel is told of the launch.
func TestEveryGroupOnce(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(`
	uint32_t *count = params[0], *told = params[1];
	for (uint64_t g = first; g < last; g++) {
		__atomic_fetch_add(&count[g], 1, __ATOMIC_RELAXED);
		for (volatile int spin = 0; spin < (int)(g % 1000) * 10; spin++) {}
	}
	if (first == 0) for (int i = 0; i < 3; i++) told[i] = l->grid[i], told[3+i] = l->group[i], told[6+i] = l->groups[i];`), "count", "told")
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		l := launch.Launch{}
		want := make([]uint32, 9)
		groups := 1
		for i := range 3 {
			l.Grid[i] = 1 + r.IntN([]int{3000, 30, 5}[i])
			l.Group[i] = 1 + r.IntN(min(l.Grid[i], 8))
			n := (l.Grid[i] + l.Group[i] - 1) / l.Group[i]
			groups *= n
			want[i], want[3+i], want[6+i] = uint32(l.Grid[i]), uint32(l.Group[i]), uint32(n)
		}
		count, told := mustAlloc(t, d, 4*groups), mustAlloc(t, d, 36)
		l.Args = []launch.Arg{arg(count), arg(told)}
		if err := p.Run(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		for g, n := range values[uint32](count) {
			if n != 1 {
				t.Fatalf("grid %v, group %v: threadgroup %d ran %d times", l.Grid, l.Group, g, n)
			}
		}
		if got := values[uint32](told); !slices.Equal(got, want) {
			t.Fatalf("the kernel was told %v, want %v", got, want)
		}
	}
}

// TestScratch demands scratch memory that is aligned and one's own.
func TestScratch(t *testing.T) {
	d := newDevice(t)
	u := unit(`
	uint32_t *bad = params[0];
	volatile uint64_t *s = scratch;
	for (uint64_t g = first; g < last; g++) {
		if ((uintptr_t)scratch % 64) bad[g] |= 1;
		for (int i = 0; i < 1000; i++) s[i] = g * 1000 + i;
		for (int i = 0; i < 1000; i++) if (s[i] != g * 1000 + i) bad[g] |= 2;
	}`)
	u.Scratch = 8000
	p := mustProgram(t, d, u, "bad")
	const n = 5000
	bad := mustAlloc(t, d, 4*n)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := p.Run(t.Context(), line(n, 1, arg(bad))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for g, b := range values[uint32](bad) {
		if b != 0 {
			t.Fatalf("threadgroup %d: fault %d (1: not aligned, 2: shared)", g, b)
		}
	}
	if active.Load() != 0 {
		t.Errorf("%d workers are counted after the launches", active.Load())
	}
}

// TestCancel stops a launch that would take minutes.
func TestCancel(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(`
	uint32_t *ran = params[0];
	for (uint64_t g = first; g < last; g++) {
		for (volatile int spin = 0; spin < 1000000; spin++) {}
		__atomic_fetch_add(ran, 1, __ATOMIC_RELAXED);
	}`), "ran")
	ran := mustAlloc(t, d, 4)
	for range 2 { // with the pace unknown, then known
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := p.Run(ctx, line(1_000_000, 1, arg(ran)))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want context.DeadlineExceeded", err)
		}
	}
	if n := values[uint32](ran)[0]; n == 0 || n > 500_000 {
		t.Errorf("%d threadgroups ran, want some", n)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(cancelled, line(1, 1, arg(ran))); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestCloseWaitsForRuns(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(`
	for (volatile int spin = 0; spin < 20000000; spin++) {}
	*(uint32_t *)params[0] = 7;`), "out")
	out := mustAlloc(t, d, 4)
	done := make(chan error)
	go func() { done <- p.Run(t.Context(), line(1, 1, arg(out))) }()
	for p.users.Load() != 2 {
		time.Sleep(time.Microsecond)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil || values[uint32](out)[0] != 7 {
		t.Errorf("the run gave %v and error %v", values[uint32](out), err)
	}
	if err := p.Run(t.Context(), line(1, 1, arg(out))); !errors.Is(err, errClosed) {
		t.Errorf("error %v after Close, want errClosed", err)
	}
}

func TestBadLaunches(t *testing.T) {
	d := newDevice(t)
	p := mustProgram(t, d, unit(""), "x")
	b := mustAlloc(t, d, 16)
	freed := mustAlloc(t, d, 16)
	freed.Free()
	for want, l := range map[string]launch.Launch{
		"takes 1":               line(1, 1),
		"has no buffer":         line(1, 1, launch.Arg{}),
		"was freed":             line(1, 1, launch.Arg{Buffer: freed}),
		"is bytes 0 to 17":      line(1, 1, launch.Arg{Buffer: b, Hi: 17}),
		"starts at byte -1":     line(1, 1, launch.Arg{Buffer: b, Offset: -1}),
		"a grid of [0 1 1]":     line(0, 1, arg(b)),
		"at most the grid's":    line(4, 5, arg(b)),
		"1025 x 1 x 1":          line(2000, 1025, arg(b)),
		"a grid of [42949672":   line(math.MaxUint32+1, 1, arg(b)),
		"more threadgroups tha": {Args: []launch.Arg{arg(b)}, Grid: [3]int{math.MaxUint32, math.MaxUint32, 3}, Group: [3]int{1, 1, 1}},
	} {
		err := p.Run(t.Context(), l)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestBuffers(t *testing.T) {
	d := newDevice(t)
	for _, n := range []int{-1, math.MaxInt} {
		if _, err := d.Alloc(n); err == nil {
			t.Errorf("%d bytes were allocated", n)
		}
	}
	for _, n := range []int{0, 1, 100, hugeSize} {
		b := mustAlloc(t, d, n)
		if b.Size() != n || len(b.Host()) != n || b.Host() == nil {
			t.Errorf("a buffer of %d bytes has size %d and %d bytes", n, b.Size(), len(b.Host()))
		}
		if n == 0 {
			continue
		}
		if at := uintptr(unsafe.Pointer(&b.Host()[0])); at%launch.HostAlignment != 0 {
			t.Errorf("a buffer of %d bytes lies at %#x, not at a multiple of %d", n, at, launch.HostAlignment)
		}
		got := make([]byte, 1)
		if err := errors.Join(b.Upload(n-1, []byte{7}), b.Download(n-1, got)); err != nil || got[0] != 7 {
			t.Errorf("the last of %d bytes is %d after 7 was uploaded, error %v", n, got[0], err)
		}
		if b.Upload(n, []byte{7}) == nil || b.Download(-1, got) == nil {
			t.Errorf("copies outside a buffer of %d bytes succeed", n)
		}
		b.Free()
		if b.Download(0, got) == nil {
			t.Error("a freed buffer can be read")
		}
	}
}

// hugeSize is large enough for huge pages.
const hugeSize = 9<<20 + 1

func TestCompile(t *testing.T) {
	d := newDevice(t)
	d.Emit = func(f *ir.Func) (Unit, error) {
		if f.Name == "odd" {
			return Unit{}, errors.New("the emitter's error")
		}
		return unit("*(int32_t *)params[0] = 5;"), nil
	}
	fn := &ir.Func{Name: "five", Params: []ir.Param{{Name: "out", Elem: ir.I32, Lanes: 1, Space: ir.Device, Output: true}}}
	p, err := d.Compile(t.Context(), fn, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out := mustAlloc(t, d, 4)
	if err := p.Run(t.Context(), line(1, 1, arg(out))); err != nil {
		t.Fatal(err)
	}
	if got := values[int32](out)[0]; got != 5 {
		t.Errorf("out is %d, want 5", got)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := d.Compile(t.Context(), fn, launch.Options{Check: true}); err == nil || !strings.Contains(err.Error(), "use device interp") {
		t.Errorf("checked: error %v, want one that names the interpreter", err)
	}
	fn.Allocs = []ir.Alloc{{Name: "tile", Space: ir.Threadgroup, Size: 40 << 10, Align: 4}}
	if _, err := d.Compile(t.Context(), fn, launch.Options{}); err == nil || !strings.Contains(err.Error(), "tile is the largest, with 40960 bytes") {
		t.Errorf("too much threadgroup memory: error %v", err)
	}
	if _, err := d.Compile(t.Context(), &ir.Func{Name: "odd"}, launch.Options{}); err == nil || !strings.Contains(err.Error(), "the emitter's error") {
		t.Errorf("error %v, want the emitter's", err)
	}
}

// TestParallelCompiles compiles different and same kernels at once.
func TestParallelCompiles(t *testing.T) {
	d := newDevice(t)
	var wg sync.WaitGroup
	var right atomic.Int32
	for i := range 16 {
		wg.Go(func() {
			k := i % 4
			p, err := d.program(t.Context(), "k", unit(fmt.Sprintf("*(int32_t *)params[0] = %d;", 100+k)), []string{"out"})
			if err != nil {
				t.Error(err)
				return
			}
			b := launch.HostBuffer("cc", launch.AlignedBytes(4))
			if err := errors.Join(p.Run(t.Context(), line(1, 1, arg(b))), p.Close()); err != nil {
				t.Error(err)
			}
			if values[int32](b)[0] == int32(100+k) {
				right.Add(1)
			}
		})
	}
	wg.Wait()
	if right.Load() != 16 {
		t.Errorf("%d of 16 kernels gave what they should", right.Load())
	}
	entries, err := d.cache.List()
	if kernels := slices.DeleteFunc(entries, func(e diskcache.Entry) bool { return e.Name != "kernel k" }); err != nil || len(kernels) != 4 {
		t.Errorf("the cache has %d kernels, error %v; want 4", len(kernels), err)
	}
}
