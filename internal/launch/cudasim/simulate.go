package cudasim

// This file implements compiling and running a text.

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
)

//go:embed shim.inc
var shim string

//go:embed runtime.inc
var runtimeText string

// ErrAbsent says that there is nothing to compile C++ with.
var ErrAbsent = errors.New("no C++ compiler")

var flags = []string{"-std=c++17", "-O1", "-g0", "-fPIC", "-w", "-ffp-contract=off", "-fno-strict-aliasing", "-fno-math-errno"}

// A simulator compiles kernels into a folder.
type simulator struct {
	compiler string
	folder   string
	once     sync.Once
	err      error // of the runtime
}

// newSimulator returns a simulator that keeps its files in a folder, which the caller
// may remove when no kernel runs any more. The error is ErrAbsent if there is
// no g++ or clang++.
func newSimulator(folder string) (*simulator, error) {
	if !dl.Supported || runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w that makes libraries this program can load", ErrAbsent)
	}
	for _, name := range []string{"g++", "c++"} {
		if path, err := exec.LookPath(name); err == nil {
			return &simulator{compiler: path, folder: folder}, nil
		}
	}
	return nil, fmt.Errorf("%w: neither g++ nor c++ is in PATH", ErrAbsent)
}

// A kernel is one that can run.
type kernel struct {
	run    uintptr
	params int
}

// one keeps kernels from running at the same time: threadgroup memory is
// static in them, and so are their threads.
var one sync.Mutex

// compile makes a kernel of an emitted text with so many parameters.
func (s *simulator) compile(text string, params int) (*kernel, error) {
	s.once.Do(func() {
		s.err = errors.Join(
			os.WriteFile(s.path("shim.h"), []byte(shim), 0o666),
			os.WriteFile(s.path("runtime.cc"), []byte(runtimeText), 0o666))
		if s.err == nil {
			s.err = s.cxx("-c", s.path("runtime.cc"), "-o", s.path("runtime.o"))
		}
	})
	if s.err != nil {
		return nil, s.err
	}
	args := make([]string, params)
	for i := range args {
		args[i] = fmt.Sprintf(", p[%d]", i)
	}
	source := "#include \"shim.h\"\n" + text + fmt.Sprintf("\nextern \"C\" void sim_kernel(const void *l, char **p) { zmlx_run(*(const zmlx_launch *)l%s); }\n", strings.Join(args, ""))
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(source)))[:24]
	lib := s.path(name + ".so")
	if _, err := os.Stat(lib); err != nil {
		if err := os.WriteFile(s.path(name+".cc"), []byte(source), 0o666); err != nil {
			return nil, err
		}
		if err := s.cxx("-shared", "-Wl,-Bsymbolic", s.path(name+".cc"), s.path("runtime.o"), "-o", lib+".new"); err != nil {
			return nil, err
		}
		if err := os.Rename(lib+".new", lib); err != nil {
			return nil, err
		}
	}
	loaded, err := dl.Open(lib)
	if err != nil {
		return nil, err
	}
	run, err := loaded.Sym("sim_run")
	if err != nil {
		return nil, err
	}
	return &kernel{run: run, params: params}, nil
}

func (s *simulator) path(name string) string { return filepath.Join(s.folder, name) }

func (s *simulator) cxx(args ...string) error {
	var out bytes.Buffer
	c := exec.Command(s.compiler, append(append([]string{}, flags...), args...)...)
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out.Bytes())
	}
	return nil
}

// place is what kernels are told of a launch: zmlx_launch.
type place struct {
	grid, group, groups [3]uint32
	pad                 uint32
	first               uint64
}

// launch runs the kernel over a grid of threads in threadgroups of group. args are
// the addresses of the parameters' first elements. The launch is done in two
// parts where it has several threadgroups.
func (k *kernel) launch(args []unsafe.Pointer, grid, group [3]int) error {
	if len(args) != k.params {
		return fmt.Errorf("cudasim: %d arguments for %d parameters", len(args), k.params)
	}
	var l place
	total := uint64(1)
	for i := range 3 {
		l.grid[i], l.group[i] = uint32(grid[i]), uint32(group[i])
		l.groups[i] = uint32((grid[i]-1)/group[i] + 1)
		total *= uint64(l.groups[i])
	}
	threads := uint64(group[0]*group[1]*group[2]+31) / 32 * 32
	if threads > 1024 {
		return fmt.Errorf("cudasim: %d threads in a block", threads)
	}
	list := append(args, nil) // so that there is a first
	pin := new(runtime.Pinner)
	defer pin.Unpin()
	for _, a := range list {
		if a != nil {
			pin.Pin(a)
		}
	}
	one.Lock()
	defer one.Unlock()
	for _, part := range [][2]uint64{{0, total / 2}, {total / 2, total - total/2}} {
		if part[1] == 0 {
			continue
		}
		l.first = part[0]
		if p := dl.Call(k.run, uintptr(unsafe.Pointer(&l)), uintptr(unsafe.Pointer(&list[0])), uintptr(part[1]), uintptr(threads)); p != 0 {
			return fmt.Errorf("cudasim: %s", goString(p))
		}
	}
	return nil
}

// goString returns the text at an address that C gave.
func goString(p uintptr) string {
	var b strings.Builder
	for base := *(*unsafe.Pointer)(unsafe.Pointer(&p)); ; base = unsafe.Add(base, 1) {
		c := *(*byte)(base)
		if c == 0 {
			return b.String()
		}
		b.WriteByte(c)
	}
}
