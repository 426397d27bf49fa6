package cuda

// This file implements tests of opening, memory, copies and launches with the
// fake driver.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

func TestOpenAndClose(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 1)
	if d.Name() != "cuda:1" || !strings.HasPrefix(d.Describe(), "Fake GPU one, sm_90, 132 multiprocessors, 1 GiB, driver ") {
		t.Errorf("%s: %s", d.Name(), d.Describe())
	}
	if x := d.Facts(); x.Capability != 90 || x.L2 != 50<<20 || x.CUDA != 13000 || x.NVRTC != "13.0" {
		t.Errorf("facts %+v", x)
	}
	again := f.open(t, 1)
	b := mustAlloc(t, again, 100)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := b.Upload(0, []byte{1}); err != nil {
		t.Errorf("closing one handle closed the other: %v", err)
	}
	if _, err := d.Alloc(1); !errors.Is(err, errClosed) {
		t.Errorf("a closed device allocates: %v", err)
	}
	if err := errors.Join(again.Close(), again.Close(), d.Close()); err != nil {
		t.Error(err)
	}
	b.Free()
	f.checkLeaks(t)
}

func TestAbsent(t *testing.T) {
	f := newFake(t)
	if _, err := f.tryOpen(t, 2); !errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "there are 2, numbers 0 to 1") {
		t.Errorf("GPU 2 of two: %v", err)
	}
	f.set(t, "gpus", 0, 0)
	if _, err := f.tryOpen(t, 0); !errors.Is(err, ErrAbsent) {
		t.Errorf("no GPU: %v", err)
	}
	for code, absent := range map[uint64]bool{100: true, 34: true, 803: false, 999: false} {
		g := newFake(t)
		g.set(t, "initError", 0, code)
		_, err := g.tryOpen(t, 0)
		if err == nil || errors.Is(err, ErrAbsent) != absent {
			t.Errorf("driver that starts with error %d: %v; absent: want %v", code, err, absent)
		}
	}
	_, looked, err := searchDriver([]string{"libno-such-driver.so.1", "/no/such/libcuda.so.1"})
	if dl.Supported && (!errors.Is(err, ErrAbsent) || len(looked) != 2) {
		t.Errorf("no driver: %v, looked at %v", err, looked)
	}
	broken := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(broken, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := searchDriver([]string{broken}); err == nil || errors.Is(err, ErrAbsent) {
		t.Errorf("a broken driver: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := open(ctx, f.driver, 0, Config{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled open: %v", err)
	}
}

func TestMissingSymbols(t *testing.T) {
	if !dl.Supported {
		t.Skip(dl.ErrUnsupported)
	}
	lib, err := dl.OpenFirst("libc.so.6", "/usr/lib/libSystem.B.dylib")
	if err != nil {
		t.Skip(err)
	}
	_, err = newDriver(lib)
	if err == nil || !strings.Contains(err.Error(), "cuInit") || !strings.Contains(err.Error(), "cuLaunchKernel, ") {
		t.Errorf("error %v does not name all that is missing", err)
	}
}

func TestNoCompiler(t *testing.T) {
	f := newFake(t)
	_, err := open(t.Context(), f.driver, 0, Config{Cache: f.cache}, func() (compiler, error) { return nil, nvrtc.ErrNotFound })
	if err == nil || errors.Is(err, ErrAbsent) || !errors.Is(err, nvrtc.ErrNotFound) || !strings.Contains(err.Error(), "Fake GPU zero") {
		t.Errorf("a GPU without NVRTC: %v", err)
	}
	f.checkLeaks(t)
}

func TestRoundTrip(t *testing.T) {
	for _, pools := range []uint64{1, 0} {
		f := newFake(t)
		f.set(t, "pools", 0, pools)
		d := f.open(t, 0)
		// More than all of the staging memory, and no multiple of anything.
		want := make([]byte, segments*segmentSize*2+12345)
		for i := range want {
			want[i] = byte(i * i >> 7)
		}
		b := mustAlloc(t, d, len(want)+7)
		if b.Size() != len(want)+7 || b.Host() != nil {
			t.Errorf("size %d", b.Size())
		}
		if err := b.Upload(7, want); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := b.Download(7, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("what came back is not what was sent; error %v", err)
		}
		b.Free()
		if err := b.Upload(0, want[:1]); !errors.Is(err, errFreed) {
			t.Errorf("upload to a freed buffer: %v", err)
		}
		if err := b.Download(0, want[:1]); !errors.Is(err, errFreed) {
			t.Errorf("download of a freed buffer: %v", err)
		}
		b.Free()
		empty := mustAlloc(t, d, 0)
		if err := errors.Join(empty.Upload(0, nil), empty.Download(0, nil)); err != nil {
			t.Error(err)
		}
		for _, offset := range []int{-1, 1} {
			if err := empty.Upload(offset, []byte{1}); err == nil {
				t.Errorf("a byte at %d of an empty buffer", offset)
			}
		}
		if d.Held() != 0 {
			t.Errorf("%d bytes held", d.Held())
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		f.checkLeaks(t)
	}
}

// TestSmallUploads makes sure that what was staged is not overwritten before
// the GPU has it: the fake driver reads it as late as it may.
func TestSmallUploads(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	const size = 100 << 10
	var buffers []launch.Buffer
	for i := range 3 * segments * segmentSize / size {
		b := mustAlloc(t, d, size)
		p := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)
		if err := b.Upload(0, p); err != nil {
			t.Fatal(err)
		}
		clear(p)
		buffers = append(buffers, b)
	}
	for i, b := range buffers {
		p := make([]byte, size)
		if err := b.Download(0, p); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(p, bytes.Repeat([]byte{byte(i), byte(i >> 8)}, size/2)) {
			t.Fatalf("buffer %d is not what was uploaded", i)
		}
	}
}

// TestFreeInOrder frees a buffer that work still needs.
func TestFreeInOrder(t *testing.T) {
	for _, pools := range []uint64{1, 0} {
		f := newFake(t)
		f.set(t, "pools", 0, pools)
		d := f.open(t, 0)
		a, b := mustAlloc(t, d, 40), mustAlloc(t, d, 40)
		want := counting(10)
		mustUpload(t, a, want...)
		mustRun(t, kernel(t, d, "copy", "a", "b"), over(10, 4, a, b))
		a.Free()
		if got := values(t, b, 10); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// TestUploadAfterError has the driver fail at first when copies are prepared.
func TestUploadAfterError(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	want := make([]byte, (segments+1)*segmentSize) // goes once around the ring
	for i := range want {
		want[i] = byte(i * i >> 8)
	}
	a := mustAlloc(t, d, len(want))
	for range 3 {
		f.set(t, "noEvents", 0, 1)
		if err := a.Upload(0, want); err == nil {
			t.Error("uploaded without events")
		}
	}
	if err := a.Upload(0, want); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if err := a.Download(0, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other values, error %v", err)
	}
	a.Free()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

func TestOutOfMemory(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	f.set(t, "limit", 0, 1<<20)
	a := mustAlloc(t, d, 900<<10)
	b := mustAlloc(t, d, 100<<10)
	_, err := d.Alloc(512 << 10)
	e, ok := errors.AsType[*OutOfMemoryError](err)
	if !ok {
		t.Fatalf("error %v, want an *OutOfMemoryError", err)
	}
	if e.Asked != 512<<10 || e.Held != 1000<<10 || e.Buffers != 2 || e.Free != 24<<10 || e.Total != 1<<20 {
		t.Errorf("%+v", e)
	}
	const text = "cuda:0: out of memory: 512 KiB asked for, 1000 KiB held in 2 buffers, 24 KiB free of 1 MiB on the GPU"
	if err.Error() != text {
		t.Errorf("error %q, want %q", err, text)
	}
	// What was freed is there again, though the driver keeps it at first.
	a.Free()
	before := f.get(t, "trims", 0)
	c := mustAlloc(t, d, 512<<10)
	if f.get(t, "trims", 0) != before+1 {
		t.Error("the pool was not trimmed")
	}
	b.Free()
	c.Free()
	if err := d.Trim(); err != nil || f.get(t, "used", 0) != 0 {
		t.Errorf("%d bytes in use after all were freed, error %v", f.get(t, "used", 0), err)
	}
	if _, err := d.Alloc(-1); err == nil {
		t.Error("allocated -1 bytes")
	}
}

func TestLaunch(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	copying := kernel(t, d, "copy", "a", "b")
	a, b := mustAlloc(t, d, 4000), mustAlloc(t, d, 4000)
	want := counting(1000)
	mustUpload(t, a, want...)
	if err := d.Fill(b, 0, 4000, []byte{0}); err != nil {
		t.Fatal(err)
	}
	l := over(990, 96, a, b)
	l.Args[0].Offset, l.Args[1].Offset = 40, 40
	mustRun(t, copying, l)
	got := values(t, b, 1000)
	if !slices.Equal(got[10:], want[10:]) || slices.ContainsFunc(got[:10], func(v uint32) bool { return v != 0 }) {
		t.Error("a launch at an offset did not copy all and only that")
	}
	empty := mustAlloc(t, d, 0)
	other := mustAlloc(t, f.open(t, 1), 4000)
	freed := mustAlloc(t, d, 4000)
	freed.Free()
	for _, c := range []struct {
		change func(l *launch.Launch)
		want   string
	}{
		{func(l *launch.Launch) { l.Args = l.Args[:1] }, "launched with 1 arguments, takes 2"},
		{func(l *launch.Launch) { l.Args[1].Buffer = nil }, "argument b: it has no buffer"},
		{func(l *launch.Launch) { l.Args[1].Buffer = other }, "argument b: it is memory of cuda:1, not of cuda:0"},
		{func(l *launch.Launch) { l.Args[0].Buffer = freed }, "argument a: the buffer was freed"},
		{func(l *launch.Launch) { l.Args[0].Buffer = hostBuffer{} }, "argument a: it is not memory of cuda:0"},
		{func(l *launch.Launch) { l.Args[0].Hi = 4001 }, "argument a: it is bytes 0 to 4001 of a buffer of 4000"},
		{func(l *launch.Launch) { l.Args[0].Offset = -4 }, "argument a: it starts at byte -4"},
		{func(l *launch.Launch) { l.Args[0] = launch.Arg{Buffer: empty, Offset: 1} }, "argument a: it starts at byte 1 of a buffer of 0"},
		{func(l *launch.Launch) { l.Grid[1] = 0 }, "a grid of [990 0 1] threads"},
		{func(l *launch.Launch) { l.Grid[0] = 1 << 32 }, "a grid of [4294967296 1 1] threads"},
		{func(l *launch.Launch) { l.Group[0] = 991 }, "a threadgroup of [991 1 1] threads; each must be at least 1 and at most the grid's"},
		{func(l *launch.Launch) { l.Grid, l.Group = [3]int{64, 64, 64}, [3]int{32, 32, 2} }, "a threadgroup of 32 x 32 x 2 threads; at most 1024 fit"},
	} {
		l := over(990, 96, a, b)
		c.change(&l)
		if err := copying.Run(t.Context(), l); err == nil || !strings.Contains(err.Error(), "cuda:0: kernel copy: "+c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	launched := f.get(t, "launches", 0)
	if err := copying.Run(ctx, over(990, 96, a, b)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled launch: %v", err)
	}
	if f.get(t, "launches", 0) != launched {
		t.Error("a cancelled launch was made")
	}
	if err := kernel(t, d, "refuse", "a").Run(t.Context(), over(4, 4, a)); err == nil || !strings.Contains(err.Error(), "kernel refuse: cuLaunchKernel: ") {
		t.Errorf("a launch that the driver refuses: %v", err)
	}
	if got := values(t, a, 1000); !slices.Equal(got, want) {
		t.Error("refused launches did something")
	}
}

type hostBuffer struct{ launch.Buffer }

// TestManyGroups launches more threadgroups than the driver takes at a time.
func TestManyGroups(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	d.blocks = 4
	b := mustAlloc(t, d, 4*10)
	if err := d.Fill(b, 0, 40, []byte{0}); err != nil {
		t.Fatal(err)
	}
	launched := f.get(t, "launches", 0)
	l := over(19, 2, b) // 10 threadgroups, the last one partial
	mustRun(t, kernel(t, d, "groups", "b"), l)
	want := []uint32{401, 402, 403, 404, 401, 402, 403, 404, 201, 202}
	if got := values(t, b, 10); !slices.Equal(got, want) {
		t.Errorf("threadgroups ran as %v, want %v", got, want)
	}
	if n := f.get(t, "launches", 0) - launched; n != 3 {
		t.Errorf("%d launches, want 3", n)
	}
}

// TestRegisters launches a kernel of which only few threads fit in a block.
func TestRegisters(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "copy threads:512", "a", "b")
	a, b := mustAlloc(t, d, 8000), mustAlloc(t, d, 8000)
	want := counting(2000)
	mustUpload(t, a, want...)
	compiled := f.compiler.calls.Load()
	mustRun(t, p, over(2000, 512, a, b))
	if n := f.compiler.calls.Load(); n != compiled {
		t.Error("compiled again for threads that fit")
	}
	for range 2 {
		mustRun(t, p, over(2000, 513, a, b))
	}
	if n := f.compiler.calls.Load(); n != compiled+1 {
		t.Errorf("compiled %d times again for threads that do not fit, want once", n-compiled)
	}
	if got := values(t, b, 2000); !slices.Equal(got, want) {
		t.Error("the kernel that was compiled again does not do the same")
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if n := f.get(t, "modules", 0); n != 0 {
		t.Errorf("%d modules left", n)
	}
}

// TestVariants launches a kernel with macros.
func TestVariants(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "copy ZMLX_THREADS ZMLX_ALIGNED", "a", "b")
	a, b := mustAlloc(t, d, 8000), mustAlloc(t, d, 8000)
	want := counting(2000)
	mustUpload(t, a, want...)
	for _, c := range []struct{ group, offset int }{{1, 0}, {256, 16}, {256, 4}, {257, 0}, {512, 0}, {1024, 8}, {1000, 8}} {
		if err := d.Fill(b, 0, 8000, []byte{0}); err != nil {
			t.Fatal(err)
		}
		l := over(1024, c.group, a, b)
		l.Args[0].Offset, l.Args[1].Offset = c.offset, c.offset
		mustRun(t, p, l)
		if got := values(t, b, 2000)[c.offset/4:][:1024]; !slices.Equal(got, want[c.offset/4:][:1024]) {
			t.Errorf("groups of %d at offset %d: wrong values", c.group, c.offset)
		}
	}
	macros := []string{
		"ZMLX_THREADS=256", "ZMLX_ALIGNED=1", "ZMLX_THREADS=256", "ZMLX_ALIGNED=0",
		"ZMLX_THREADS=512", "ZMLX_ALIGNED=1", "ZMLX_THREADS=1024", "ZMLX_ALIGNED=0",
	}
	if !slices.Equal(f.compiler.macros, macros) {
		t.Errorf("compiled with %v, want %v", f.compiler.macros, macros)
	}
}

func TestCompile(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	fn := &ir.Func{Name: "copy", Params: []ir.Param{
		{Name: "a", Elem: ir.U32, Lanes: 1, Space: ir.Device},
		{Name: "b", Elem: ir.U32, Lanes: 1, Space: ir.Device, Output: true},
	}}
	p, err := d.Compile(t.Context(), fn, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, b := mustAlloc(t, d, 40), mustAlloc(t, d, 40)
	want := counting(10)
	mustUpload(t, a, want...)
	mustRun(t, p, over(10, 10, a, b))
	if got := values(t, b, 10); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := errors.Join(p.Close(), p.Close()); err != nil {
		t.Error(err)
	}
	if err := p.Run(t.Context(), over(10, 10, a, b)); err == nil || !strings.Contains(err.Error(), "was closed") {
		t.Errorf("a closed program ran: %v", err)
	}
	if _, err := d.Compile(t.Context(), fn, launch.Options{Check: true}); err == nil || !strings.Contains(err.Error(), "interp") {
		t.Errorf("checked mode: %v", err)
	}
	big := &ir.Func{Name: "big", Allocs: []ir.Alloc{{Name: "tile", Space: ir.Threadgroup, Size: limits.ThreadgroupMemory + 1, Align: 4}}}
	if _, err := d.Compile(t.Context(), big, launch.Options{}); err == nil || !strings.Contains(err.Error(), "MemoryLimit") || !strings.Contains(err.Error(), "tile is the largest") {
		t.Errorf("too much threadgroup memory: %v", err)
	}
	wrong := &ir.Func{Name: "error"}
	_, err = d.Compile(t.Context(), wrong, launch.Options{})
	e, ok := errors.AsType[*BuildError](err)
	if !ok || !strings.Contains(err.Error(), "cannot compile kernel error") || !strings.Contains(err.Error(), "line 1: bad") {
		t.Fatalf("a text that is not CUDA: %v", err)
	}
	if text, err := os.ReadFile(e.Source); err != nil || string(text) != "zmlx_run do:error" {
		t.Errorf("%s has %q, error %v", e.Source, text, err)
	}
}

func TestCache(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	kernel(t, d, "copy", "a", "b")
	compiled := f.compiler.calls.Load()
	kernel(t, d, "copy", "a", "b")
	kernel(t, f.open(t, 0), "copy", "a", "b")
	if n := f.compiler.calls.Load(); n != compiled {
		t.Errorf("compiled %d times more, want never", n-compiled)
	}
	// Something that the driver does not take is made anew.
	u := Unit{Text: "zmlx_run do:increment char *p", Entry: "zmlx_run"}
	file, err := f.cache.Put(t.Context(), d.buildKey(u, nvrtc.Options(false)), "x", func(path string) error {
		return os.WriteFile(path, []byte("of another driver"), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	file.Release()
	kernel(t, d, "increment", "a")
	if n := f.compiler.calls.Load(); n != compiled+1 {
		t.Errorf("compiled %d times for a bad entry, want once", n-compiled)
	}
	if _, err := d.program(t.Context(), "other", Unit{Text: "do:copy", Entry: "zmlx_run"}, nil); err == nil || !strings.Contains(err.Error(), "cuModuleGetFunction") {
		t.Errorf("a text without the kernel: %v", err)
	}
}

// TestCompileOnce lets several goroutines want the same, one of which gives up.
func TestCompileOnce(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	f.compiler.gate = make(chan struct{})
	compiled := f.compiler.calls.Load()
	ctx, cancel := context.WithCancel(t.Context())
	u := Unit{Text: "zmlx_run do:copy once char *p char *p", Entry: "zmlx_run"}
	gaveUp := make(chan error)
	go func() {
		_, err := d.program(ctx, "once", u, []string{"a", "b"})
		gaveUp <- err
	}()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := d.program(t.Context(), "once", u, []string{"a", "b"}); err != nil {
				t.Error(err)
			}
		})
	}
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	close(f.compiler.gate)
	wg.Wait()
	if n := f.compiler.calls.Load(); n != compiled+1 {
		t.Errorf("compiled %d times, want once", n-compiled)
	}
}

func TestCopies(t *testing.T) {
	f := newFake(t)
	d, e := f.open(t, 0), f.open(t, 1)
	a, b, c := mustAlloc(t, d, 40), mustAlloc(t, d, 40), mustAlloc(t, e, 40)
	want := counting(10)
	mustUpload(t, a, want...)
	if err := errors.Join(d.Copy(b, 4, a, 0, 36), d.Copy(b, 0, a, 36, 4), e.Copy(c, 0, b, 0, 40)); err != nil {
		t.Fatal(err)
	}
	// What comes later on the first device must not reach the copy.
	mustUpload(t, b, make([]uint32, 10)...)
	if got, want := values(t, c, 10), append(want[9:], want[:9]...); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	again := f.open(t, 0)
	g := mustAlloc(t, again, 40)
	if err := d.Copy(g, 0, c, 0, 40); err != nil {
		t.Fatal(err)
	}
	if err := again.Copy(b, 0, g, 0, 40); err != nil { // between handles of one GPU
		t.Fatal(err)
	}
	if got := values(t, b, 10); !slices.Equal(got, values(t, c, 10)) {
		t.Errorf("got %v", got)
	}
	if err := d.Copy(b, 0, a, 0, 41); err == nil {
		t.Error("copied more than there is")
	}
	if err := d.Copy(hostBuffer{}, 0, a, 0, 4); err == nil {
		t.Error("copied to a buffer that is not a GPU's")
	}
	if err := d.Fill(a, 4, 32, []byte{1, 2, 3, 4}); err != nil {
		t.Fatal(err)
	}
	if err := d.Fill(a, 36, 3, []byte{0xff}); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 40)
	if err := a.Download(0, p); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(p[4:39], append(bytes.Repeat([]byte{1, 2, 3, 4}, 8), 0xff, 0xff, 0xff)) {
		t.Errorf("filled to %v", p)
	}
	if err := d.Fill(a, 2, 8, []byte{1, 2, 3, 4}); err == nil {
		t.Error("filled at an offset that the pattern does not divide")
	}
}

func TestEnqueue(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	var got []uintptr
	set := func(stream uintptr, addrs []uintptr) error {
		got = addrs
		if status := dl.Call(f.set8.addr, addrs[0], 7, 40, stream); int32(status) != 0 {
			return fmt.Errorf("status %d", int32(status))
		}
		return nil
	}
	if err := d.Enqueue("library", []launch.Buffer{a}, set); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || values(t, a, 1)[0] != 0x07070707 {
		t.Error("another library's work was not done")
	}
	if err := d.Enqueue("library", []launch.Buffer{a}, func(uintptr, []uintptr) error { return errors.New("no") }); err == nil || !strings.Contains(err.Error(), "library: no") {
		t.Errorf("another library's error: %v", err)
	}
	if err := d.Enqueue("library", []launch.Buffer{hostBuffer{}}, set); err == nil {
		t.Error("another library was given memory of elsewhere")
	}
}

func TestTime(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a := mustAlloc(t, d, 40)
	p := kernel(t, d, "increment", "a")
	three := func() error {
		for range 3 {
			if err := p.Run(t.Context(), over(10, 10, a)); err != nil {
				return err
			}
		}
		return nil
	}
	if took, err := d.Time(three); err != nil || took.Milliseconds() != 3 { // the fake's kernels take 1 ms
		t.Errorf("three kernels took %v, error %v", took, err)
	}
	times, err := d.Profile(three)
	if err != nil || len(times) != 3 || times[2].Kernel != "increment" || times[2].Time.Milliseconds() != 1 {
		t.Errorf("times %v, error %v", times, err)
	}
	wrong := errors.New("wrong")
	if _, err := d.Time(func() error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	if _, err := d.Profile(func() error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("error %v", err)
	}
	if _, err := d.Profile(func() error {
		_, err := d.Profile(three)
		return err
	}); err == nil {
		t.Error("profiled within a profile")
	}
	// A launch that the driver refuses has no time, and a function that panics
	// ends the profile.
	refused := kernel(t, d, "refuse", "a")
	times, err = d.Profile(func() error {
		if err := refused.Run(t.Context(), over(10, 10, a)); err == nil {
			t.Error("the driver refuses nothing")
		}
		return three()
	})
	if err != nil || len(times) != 3 {
		t.Errorf("times %v, error %v", times, err)
	}
	func() {
		defer func() { recover() }()
		d.Profile(func() error { panic("oh") })
	}()
	if times, err := d.Profile(three); err != nil || len(times) != 3 {
		t.Errorf("after a panic: times %v, error %v", times, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	f.checkLeaks(t)
}

func TestGoroutines(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			const n = 50
			b, err := d.Alloc(4 * n)
			if err != nil {
				t.Error(err)
				return
			}
			defer b.Free()
			start := counting(n)
			for j := range start {
				start[j] += uint32(i)
			}
			if err := b.Upload(0, bytesOf(start)); err != nil {
				t.Error(err)
			}
			for range 20 {
				if err := p.Run(t.Context(), over(n, 16, b)); err != nil {
					t.Error(err)
				}
			}
			got := make([]byte, 4*n)
			if err := b.Download(0, got); err != nil {
				t.Error(err)
			}
			for j := range start {
				start[j] += 20
			}
			if !bytes.Equal(got, bytesOf(start)) {
				t.Errorf("goroutine %d got another's values", i)
			}
		})
	}
	wg.Wait()
}

// BenchmarkLaunch is the host's cost of a launch without the driver's part.
func BenchmarkLaunch(b *testing.B) {
	f := newFake(b)
	d := f.open(b, 0)
	p := kernel(b, d, "increment", "a")
	l := over(1, 1, mustAlloc(b, d, 4))
	ctx := b.Context()
	b.ReportAllocs()
	benchBatches(b, d, func() error { return p.Run(ctx, l) })
}

func TestLaunchAllocates(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	p := kernel(t, d, "increment", "a")
	l := over(1, 1, mustAlloc(t, d, 4))
	ctx := t.Context()
	// A few may be the runtime's.
	if n := testing.AllocsPerRun(200, func() {
		if err := p.Run(ctx, l); err != nil {
			t.Fatal(err)
		}
	}); n > 0.5 {
		t.Errorf("a launch makes %v allocations, want none", n)
	}
}
