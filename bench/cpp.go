// This file implements the C++ versions: compiling them, and running them on
// copies of a work's arrays.

package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
)

//go:embed cpp
var cppSources embed.FS

// cppFlags are what a person who wants speed would give; products and sums may
// be joined, which our own kernels may not do.
var cppFlags = []string{
	"-std=gnu++17", "-O3", "-fPIC", "-shared", "-pthread",
	"-fno-math-errno", "-fno-trapping-math", "-fno-exceptions", "-w",
}

// A cppLibrary has the compiled C++ versions. It stays loaded: its threads run
// code of it.
type cppLibrary struct {
	lib      dl.Lib
	compiler string
	alloc    uintptr
	free     uintptr
	copying  uintptr
}

// loadCPP compiles the C++ versions with the compiler that the cc device uses
// and loads them.
func (m *machine) loadCPP(ctx context.Context) error {
	cache := diskcache.Default()
	compiler, _, err := cc.Find(ctx, cache)
	if err != nil {
		return err
	}
	sources, err := cppTexts()
	if err != nil {
		return err
	}
	flags := slices.Clone(cppFlags)
	for _, f := range compiler.Flags { // the flag for this processor, however the compiler calls it
		if strings.HasPrefix(f, "-march=") || strings.HasPrefix(f, "-mcpu=") {
			flags = append(flags, f)
		}
	}
	h := sha256.New()
	for _, s := range sources {
		h.Write(s.text)
	}
	key := diskcache.NewKey("bench cpp 1", fmt.Sprintf("%x", h.Sum(nil)), compiler.Version, compiler.Target, strings.Join(slices.Concat(compiler.Command, flags), "\x00"))
	file, err := cache.Make(ctx, key, "C++ versions for zmlx bench", func(path string) error {
		return buildCPP(ctx, slices.Concat(compiler.Command, flags), sources, path)
	})
	if err != nil {
		return err
	}
	defer file.Release()
	lib, err := dl.Open(file.Path)
	if err != nil {
		return err
	}
	l := &cppLibrary{lib: lib, compiler: compiler.Version}
	setThreads, err := lib.Sym("zb_threads")
	for _, s := range []struct {
		addr *uintptr
		name string
	}{{&l.alloc, "zb_alloc"}, {&l.free, "zb_free"}, {&l.copying, "zb_copy"}} {
		if err == nil {
			*s.addr, err = lib.Sym(s.name)
		}
	}
	if err != nil {
		return err
	}
	dl.Call(setThreads, uintptr(runtime.GOMAXPROCS(0)))
	m.cpp = l
	return nil
}

type cppText struct {
	name string
	text []byte
}

func cppTexts() ([]cppText, error) {
	names, err := fs.Glob(cppSources, "cpp/*")
	if err != nil {
		return nil, err
	}
	var texts []cppText
	for _, name := range names {
		p, err := cppSources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts = append(texts, cppText{filepath.Base(name), p})
	}
	return texts, nil
}

func buildCPP(ctx context.Context, command []string, sources []cppText, out string) error {
	dir, err := os.MkdirTemp("", "zmlx-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	command = append(command, "-o", out)
	for _, s := range sources {
		if err := os.WriteFile(filepath.Join(dir, s.name), s.text, 0o600); err != nil {
			return err
		}
		if strings.HasSuffix(s.name, ".cpp") {
			command = append(command, s.name)
		}
	}
	command = append(command, "-lstdc++", "-lm")
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(command, " "), err, output.String())
	}
	return nil
}

func (l *cppLibrary) copy(dst, src []byte) {
	dl.Call(l.copying, uintptr(unsafe.Pointer(&dst[0])), uintptr(unsafe.Pointer(&src[0])), uintptr(len(src)))
	runtime.KeepAlive(dst)
	runtime.KeepAlive(src)
}

// cppOps are the ops that there are C++ versions of.
var cppOps = []string{"mish", "gelu", "gelu_tanh", "softmax", "rmsnorm", "layernorm", "swiglu"}

// cppName returns the name of a case's C++ version, "" if there is none.
func cppName(c Case) string {
	suffix := map[zmlx.DType]string{zmlx.Float32: "_f32", zmlx.Float16: "_f16"}[c.DType]
	if suffix == "" || !slices.Contains(cppOps, c.Op) {
		return ""
	}
	return "zb_" + c.Op + suffix
}

// A foreignRun runs a C++ version on memory of its own.
type foreignRun struct {
	run    func()
	output func() []byte
	free   func()
}

// cppRun returns the C++ version of a work, nil if there is none.
func (m *machine) cppRun(w *work) (*foreignRun, error) {
	if m.cpp == nil || w.cpp == "" || m.async {
		return nil, nil
	}
	addr, err := m.cpp.lib.Sym(w.cpp)
	if err != nil {
		return nil, err
	}
	n, d := w.c.size()
	size := w.c.DType.Size()
	out := n * size
	if w.c.Op == "swiglu" {
		out /= 2
	}
	var memory []uintptr
	alloc := func(bytes int) (uintptr, error) {
		p := dl.Call(m.cpp.alloc, uintptr(bytes))
		if p == 0 {
			return 0, fmt.Errorf("no memory for %d bytes", bytes)
		}
		memory = append(memory, p)
		return p, nil
	}
	f := &foreignRun{free: func() {
		for _, p := range memory {
			dl.Call(m.cpp.free, p)
		}
	}}
	var args [3]uintptr // as many inputs as there are at most
	for i, a := range w.inputs {
		data, err := a.Bytes()
		if err == nil {
			args[i], err = alloc(len(data))
		}
		if err != nil {
			f.free()
			return nil, err
		}
		copy(memoryAt(args[i], len(data)), data)
	}
	y, err := alloc(out)
	if err != nil {
		f.free()
		return nil, err
	}
	rows := n / d
	f.run = func() { dl.Call(addr, args[0], args[1], args[2], y, uintptr(rows), uintptr(d)) }
	f.output = func() []byte { return bytes.Clone(memoryAt(y, out)) }
	return f, nil
}

// memoryAt returns memory that zb_alloc gave.
func memoryAt(p uintptr, n int) []byte {
	return unsafe.Slice((*byte)(*(*unsafe.Pointer)(unsafe.Pointer(&p))), n)
}

// checkCPP checks the result of a C++ version as ours is checked.
func (m *machine) checkCPP(w *work, f *foreignRun) error {
	f.run()
	shape := slices.Clone(w.c.Shape)
	if w.c.Op == "swiglu" {
		shape[len(shape)-1] /= 2
	}
	out := zmlx.FromBytes(w.c.DType, f.output(), shape...)
	defer out.Free()
	return w.check(w, []*zmlx.Array{out})
}
