package cuda

// This file implements a driver without a GPU for the tests: a library in C
// that is compiled by the system's compiler and opened as the real one is.

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// fakeLibrary compiles the fake driver once and returns its bytes.
var fakeLibrary = sync.OnceValues(func() ([]byte, error) {
	var compiler string
	for _, name := range []string{"cc", "gcc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			compiler = path
			break
		}
	}
	if compiler == "" {
		return nil, fmt.Errorf("no C compiler for the fake driver")
	}
	dir, err := os.MkdirTemp("", "zmlx-fake-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "libfake.so")
	cmd := exec.Command(compiler, "-O1", "-shared", "-fPIC", "-pthread", "-o", out, "testdata/fakecuda.c")
	if text, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the fake driver is not compiled: %v\n%s", err, text)
	}
	return os.ReadFile(out)
})

// A fake is a driver of its own for one test.
type fake struct {
	*driver
	lib      dl.Lib
	compiler *fakeCompiler
	cache    *diskcache.Cache
}

func newFake(t testing.TB) *fake {
	t.Helper()
	if !dl.Supported {
		t.Skip(dl.ErrUnsupported)
	}
	if _, err := os.Stat("testdata/fakecuda.c"); err != nil {
		t.Skipf("the fake driver's source is not here: %v", err)
	}
	data, err := fakeLibrary()
	if err != nil {
		if strings.HasPrefix(err.Error(), "no C compiler") {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "libcuda.so.1")
	if err := os.WriteFile(path, data, 0o700); err != nil {
		t.Fatal(err)
	}
	lib, err := dl.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	drv, err := newDriver(lib)
	if err != nil {
		t.Fatal(err)
	}
	return &fake{drv, lib, &fakeCompiler{}, diskcache.Open(t.TempDir(), diskcache.Limits{})}
}

func (f *fake) set(t *testing.T, what string, gpu int, value uint64) {
	t.Helper()
	var set func(string, int, uint64) int32
	if err := f.lib.Bind(&set, "fakeSet"); err != nil {
		t.Fatal(err)
	}
	set(what, gpu, value)
}

func (f *fake) get(t *testing.T, what string, gpu int) int {
	t.Helper()
	var get func(string, int) int32
	if err := f.lib.Bind(&get, "fakeGet"); err != nil {
		t.Fatal(err)
	}
	n := get(what, gpu)
	if n < 0 {
		t.Fatalf("the fake driver does not know %s", what)
	}
	return int(n)
}

// open opens a GPU; when the test ends nothing of it may be left.
func (f *fake) open(t testing.TB, n int) *Device {
	t.Helper()
	d, err := f.tryOpen(t, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (f *fake) tryOpen(t testing.TB, n int) (*Device, error) {
	return open(t.Context(), f.driver, n, Config{Cache: f.cache, Emit: emitFake}, func() (compiler, error) { return f.compiler, nil })
}

// checkLeaks fails the test if something was not given back but the modules of
// programs that were not closed.
func (f *fake) checkLeaks(t *testing.T) {
	t.Helper()
	if left := f.get(t, "alive", 0) - f.get(t, "modules", 0); left != 0 {
		t.Errorf("%d things were not given back", left)
	}
	for gpu := range 2 {
		if n := f.get(t, "users", gpu); n != 0 {
			t.Errorf("GPU %d has %d users of its context left", gpu, n)
		}
	}
}

// A fakeCompiler makes images of the fake driver.
type fakeCompiler struct {
	calls atomic.Int32
	gate  chan struct{} // if not nil, compilations wait until it is closed

	mu     sync.Mutex
	macros []string // that were defined, in order
}

func (c *fakeCompiler) Version() string { return "13.0" }

func (c *fakeCompiler) Arch(capability int) (string, error) {
	return fmt.Sprintf("sm_%d", capability), nil
}

func (c *fakeCompiler) Compile(text, arch string, options ...string) ([]byte, string, error) {
	c.calls.Add(1)
	if c.gate != nil {
		<-c.gate
	}
	if strings.Contains(text, "do:error") {
		return nil, "line 1: bad", &nvrtc.CompileError{Library: "NVRTC 13.0", Arch: arch, Reason: "NVRTC_ERROR_COMPILATION", Log: "line 1: bad"}
	}
	for _, o := range options {
		if strings.HasPrefix(o, "--maxrregcount") {
			text = strings.Replace(text, "threads:", "threads:1024 was ", 1)
		}
		if macro, ok := strings.CutPrefix(o, "--define-macro="); ok {
			c.mu.Lock()
			c.macros = append(c.macros, macro)
			c.mu.Unlock()
		}
	}
	return []byte("FAKE:" + text), "", nil
}

// emitFake gives kernels of ir the text of what their name says.
func emitFake(fn *ir.Func) (Unit, error) {
	text := "zmlx_run do:" + fn.Name
	for range fn.Params {
		text += " char *p"
	}
	return Unit{Text: text, Entry: "zmlx_run"}, nil
}

// kernel loads a kernel that does what the fake driver calls so.
func kernel(t testing.TB, d *Device, do string, params ...string) *program {
	t.Helper()
	p, err := tryKernel(t, d, do, params...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tryKernel(t testing.TB, d *Device, do string, params ...string) (*program, error) {
	text := "zmlx_run do:" + do + strings.Repeat(" char *p", len(params))
	name, _, _ := strings.Cut(do, " ")
	return d.program(t.Context(), name, Unit{Text: text, Entry: "zmlx_run"}, params)
}

// over returns a launch of n threads over whole buffers.
func over(n, group int, buffers ...launch.Buffer) launch.Launch {
	l := launch.Launch{Grid: [3]int{n, 1, 1}, Group: [3]int{group, 1, 1}}
	for _, b := range buffers {
		l.Args = append(l.Args, launch.Arg{Buffer: b, Hi: b.Size()})
	}
	return l
}

func mustAlloc(t testing.TB, d *Device, n int) launch.Buffer {
	t.Helper()
	b, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustRun(t testing.TB, p launch.Program, l launch.Launch) {
	t.Helper()
	if err := p.Run(t.Context(), l); err != nil {
		t.Fatal(err)
	}
}

func mustUpload(t *testing.T, b launch.Buffer, values ...uint32) {
	t.Helper()
	if err := b.Upload(0, bytesOf(values)); err != nil {
		t.Fatal(err)
	}
}

// values returns the first n values of a buffer.
func values(t *testing.T, b launch.Buffer, n int) []uint32 {
	t.Helper()
	p := make([]byte, 4*n)
	if err := b.Download(0, p); err != nil {
		t.Fatal(err)
	}
	v := make([]uint32, n)
	for i := range v {
		v[i] = binary.NativeEndian.Uint32(p[4*i:])
	}
	return v
}

func bytesOf(values []uint32) []byte {
	var p []byte
	for _, v := range values {
		p = binary.NativeEndian.AppendUint32(p, v)
	}
	return p
}

func counting(n int) []uint32 {
	v := make([]uint32, n)
	for i := range v {
		v[i] = uint32(i)*2654435761 + 1
	}
	return v
}
