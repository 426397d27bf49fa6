package cuda

// This file implements compiling CUDA texts, once for all that want the same.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// A Unit is a kernel as CUDA C++. The text defines
//
//	typedef struct { uint32_t grid[3], group[3], groups[3]; uint32_t pad; uint64_t first; } zmlx_launch;
//	extern "C" __global__ void ENTRY(const __grid_constant__ zmlx_launch L, char *p0, char *p1, …);
//
// pN is the address of parameter N's first element. Blocks are one-dimensional,
// of group[0]*group[1]*group[2] threads rounded up to a multiple of 32, and so
// is the grid of blocks: block b is threadgroup L.first + b, counted with x
// fastest.
//
// If the text has the name ZMLX_THREADS it is compiled with that macro as 256,
// 512 or 1024, the most threads of a block that it will run with; if it has
// ZMLX_ALIGNED, with that as 1 for launches in which all addresses are
// multiples of 16, else as 0; if it has ZMLX_WHOLE, with that as 1 for launches
// of whole simdgroups along x alone, else as 0; if it has ZMLX_EARLY, with that
// as 1 where the GPU can begin its launches before the work before has ended:
// then every block, before it reads or writes anything, is to wait for that
// (griddepcontrol.wait).
type Unit struct {
	Text     string
	Entry    string
	Contract bool // a*b+c may be rounded once
}

// A BuildError says why a kernel's CUDA text was not compiled.
type BuildError struct {
	Kernel string
	Source string // file with the text
	Reason error  // an *nvrtc.CompileError
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("cannot compile kernel %s, whose CUDA text is in %s: %v", e.Kernel, e.Source, e.Reason)
}

func (e *BuildError) Unwrap() error { return e.Reason }

// builds are the compilations under way.
type builds struct {
	mu  sync.Mutex
	now map[diskcache.Key]*build
}

type build struct {
	done chan struct{}
	code []byte
	err  error
}

// buildSlots bounds how many compilations run at once.
var buildSlots = sync.OnceValue(func() chan struct{} { return make(chan struct{}, runtime.NumCPU()) })

// buildKey returns the cache's key for a unit compiled with options.
func (d *Device) buildKey(u Unit, options []string) diskcache.Key {
	f := &d.facts
	return diskcache.NewKey("cuda object 1", f.Arch, f.NVRTC, strconv.Itoa(f.CUDA), f.Driver, strings.Join(options, "\x00"), u.Text)
}

// compile returns a unit's code and a zero byte, from the cache unless again is set. A
// compilation cannot be stopped; one that ctx is cancelled for goes on for
// others and for the cache.
func (d *Device) compile(ctx context.Context, kernel string, u Unit, options []string, again bool) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key := d.buildKey(u, options)
	b := &d.builds
	b.mu.Lock()
	now := b.now[key]
	if now == nil {
		now = &build{done: make(chan struct{})}
		if b.now == nil {
			b.now = map[diskcache.Key]*build{}
		}
		b.now[key] = now
		go func() {
			now.code, now.err = d.make(context.WithoutCancel(ctx), key, kernel, u, options, again)
			b.mu.Lock()
			delete(b.now, key)
			b.mu.Unlock()
			close(now.done)
		}()
	}
	b.mu.Unlock()
	select {
	case <-now.done:
		return now.code, now.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// make compiles a unit unless the cache has it.
func (d *Device) make(ctx context.Context, key diskcache.Key, kernel string, u Unit, options []string, again bool) ([]byte, error) {
	write := func(path string) error {
		buildSlots() <- struct{}{}
		code, _, err := d.compiler.Compile(u.Text, d.facts.Arch, options...)
		<-buildSlots()
		if err != nil {
			return err
		}
		return os.WriteFile(path, code, 0o600)
	}
	what := d.cache.Make
	if again {
		what = d.cache.Put
	}
	file, err := what(ctx, key, "kernel "+kernel+" for "+d.facts.Arch, write)
	if err == nil {
		var code []byte
		code, err = os.ReadFile(file.Path)
		file.Release()
		if errors.Is(err, os.ErrNotExist) && !again { // trimmed this instant
			return d.make(ctx, key, kernel, u, options, true)
		}
		return append(code, 0), err // as C has it where it is PTX
	}
	if _, ok := errors.AsType[*nvrtc.CompileError](err); !ok {
		return nil, fmt.Errorf("kernel %s: %w", kernel, err)
	}
	source, keepErr := d.cache.Keep(fileName(kernel)+"-"+key.String()[:12]+".cu", []byte(u.Text))
	if keepErr != nil {
		source = fmt.Sprintf("no file (%v)", keepErr)
	}
	return nil, &BuildError{Kernel: kernel, Source: source, Reason: err}
}

// fileName returns a kernel's name as far as files can be called so.
func fileName(kernel string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, kernel)
	return name[:min(len(name), 60)]
}
