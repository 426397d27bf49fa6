// This file implements the cache of compiled kernels and the registry of
// kernels with their statistics.

package zmlx

import (
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// KernelStats are the counts of one kernel since it was compiled or the
// registry was cleared.
type KernelStats struct {
	Variants    int           // compiled programs that are in the cache
	Compiles    int           // how often the text was compiled
	CompileTime time.Duration // all of them together
	Runs        int64
	DeviceTime  time.Duration // of all runs while timing was on; see SetTiming
}

// KernelInfo describes a kernel in the registry.
type KernelInfo struct {
	Name  string
	Hash  string // of everything about the kernel that decides its code, hexadecimal
	Stats KernelStats
}

// maxVariants bounds the cache: the programs that were not used for longest
// are dropped.
const maxVariants = 1024

// maxKernels bounds the registry: beyond it, kernels of which no program is in
// the cache are forgotten.
const maxKernels = 4096

var timing atomic.Bool

// SetTiming switches the measuring of each kernel's time on the device on or
// off, for all devices. It is off at first. While it is on, every launch is
// waited for. The times are in [KernelStats] and [DeviceStats]: by the device's
// own clock on GPUs, by the host's elsewhere.
func SetTiming(on bool) { timing.Store(on) }

// A programKey is what decides a compiled program.
type programKey struct {
	kernel  [sha256.Size]byte
	call    string
	dev     *Device
	checked bool
}

// A variant is a kernel compiled for certain dtypes, template arguments and a
// device.
type variant struct {
	key     programKey
	once    sync.Once
	built   atomic.Bool // once is done
	result  *compile.Result
	verbose string // what MLX prints
	program launch.Program
	checked bool
	entry   *kernelEntry
	err     error
	at      *list.Element
}

// A kernelEntry is a kernel in the registry.
type kernelEntry struct {
	kernel   *MetalKernel
	compiles int
	time     time.Duration
	variants int
	runs     atomic.Int64
	device   atomic.Int64 // nanoseconds
}

// programCache holds the registry and, in order of use, the programs.
type programCache struct {
	mu       sync.Mutex
	kernels  map[[sha256.Size]byte]*kernelEntry
	variants map[programKey]*variant
	used     list.List    // of *variant, latest first
	epoch    atomic.Int64 // counts ClearKernels; ops drop their programs by it
}

var programs = &programCache{}

func (p *programCache) register(m *MetalKernel) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entry(m)
}

// entry returns the registry's entry of m, with the lock held.
func (p *programCache) entry(m *MetalKernel) *kernelEntry {
	e := p.kernels[m.hash]
	if e == nil {
		if p.kernels == nil {
			p.kernels = make(map[[sha256.Size]byte]*kernelEntry)
		}
		if len(p.kernels) >= maxKernels {
			maps.DeleteFunc(p.kernels, func(_ [sha256.Size]byte, e *kernelEntry) bool { return e.variants == 0 })
		}
		e = &kernelEntry{kernel: m}
		p.kernels[m.hash] = e
	}
	return e
}

// compile returns the program for a call, from the cache if it is there. The
// error is ctx's if that ends first.
func (p *programCache) compile(ctx context.Context, m *MetalKernel, c *call, check bool) (*variant, error) {
	var few [96]byte
	key := c.appendKey(few[:0])
	check = check || forceCheck(c.dev)
	if r := m.recent.Load(); r != nil && r.epoch == p.epoch.Load() && r.key.dev == c.dev && r.key.checked == check && r.key.call == string(key) {
		return r.variant, nil
	}
	epoch := p.epoch.Load()
	ins, outs := c.signatureInputs()
	v, err := p.get(ctx, m, c.dev, string(key), check, ins, outs, c.template)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, m.compileError(err, c)
	}
	m.recent.Store(&recentVariant{v, epoch})
	return v, nil
}

// A recentVariant is the variant that a kernel's latest call ran. It may have
// left the cache meanwhile, unless that was cleared.
type recentVariant struct {
	*variant
	epoch int64
}

// generated returns the program of a kernel that code generation wrote.
func (p *programCache) generated(ctx context.Context, m *MetalKernel, dev *Device, ins []signature.Input, outs []dtype.DType) (*variant, error) {
	var key strings.Builder
	for _, in := range ins {
		fmt.Fprintf(&key, "%d.%d.%t ", in.DType, len(in.Shape), in.Size() < signature.ConstantLimit)
	}
	fmt.Fprint(&key, outs)
	return p.get(ctx, m, dev, key.String(), false, ins, outs, nil)
}

// get returns the program of a kernel for dtypes and template arguments that
// call stands for. If ctx ends while it is being compiled, the compiler goes on
// for whoever asks next.
func (p *programCache) get(ctx context.Context, m *MetalKernel, dev *Device, call string, check bool, ins []signature.Input, outs []dtype.DType, template []signature.TemplateArg) (*variant, error) {
	check = check || forceCheck(dev)
	key := programKey{m.hash, call, dev, check}
	p.mu.Lock()
	v := p.variants[key]
	if v == nil {
		if p.variants == nil {
			p.variants = make(map[programKey]*variant)
		}
		v = &variant{key: key, checked: check}
		p.variants[key] = v
		v.at = p.used.PushFront(v)
		v.entry = p.entry(m)
		v.entry.variants++
		for p.used.Len() > maxVariants {
			p.drop(p.used.Back().Value.(*variant))
		}
	} else if v.at != nil {
		p.used.MoveToFront(v.at)
	}
	p.mu.Unlock()

	build := func() {
		v.once.Do(func() {
			start := time.Now()
			v.err = v.build(m, dev, ins, outs, template)
			p.mu.Lock()
			e := p.entry(m)
			e.compiles++
			e.time += time.Since(start)
			if v.err != nil {
				p.drop(v)
			}
			p.mu.Unlock()
			v.built.Store(true)
		})
	}
	if v.built.Load() || ctx.Done() == nil {
		build()
		return v, v.err
	}
	done := make(chan struct{})
	go func() {
		build()
		close(done)
	}()
	select {
	case <-done:
		return v, v.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// build compiles the variant. The program is closed when nothing uses it.
func (v *variant) build(m *MetalKernel, dev *Device, ins []signature.Input, outs []dtype.DType, template []signature.TemplateArg) error {
	err := errCheckEnv
	if err != nil {
		return err
	}
	if v.result, err = compile.Kernel(m.sig, ins, outs, template); err != nil {
		return err
	}
	v.verbose = v.result.Sig.Verbose(m.sig)
	v.program, err = dev.graph.Compile(context.Background(), v.result.Func, launch.Options{Check: v.checked})
	if _, text := errors.AsType[*source.List](err); err != nil && !text {
		return &DeviceError{Device: dev.Name(), Op: "compile", Err: err}
	}
	if err != nil {
		return err
	}
	runtime.AddCleanup(v, func(p launch.Program) { p.Close() }, v.program)
	return nil
}

// drop takes a variant out of the cache, with the lock held.
func (p *programCache) drop(v *variant) {
	if v.at == nil {
		return
	}
	p.used.Remove(v.at)
	v.at = nil
	delete(p.variants, v.key)
	if e := p.kernels[v.key.kernel]; e != nil {
		e.variants--
	}
}

func (e *kernelEntry) stats() KernelStats {
	return KernelStats{
		Variants: e.variants, Compiles: e.compiles, CompileTime: e.time,
		Runs: e.runs.Load(), DeviceTime: time.Duration(e.device.Load()),
	}
}

// Stats returns the kernel's counts.
func (m *MetalKernel) Stats() KernelStats {
	notNil(m != nil, "*MetalKernel")
	programs.mu.Lock()
	defer programs.mu.Unlock()
	return programs.entry(m).stats()
}

// Kernels lists the kernels that were compiled since the registry was last
// cleared, by name.
func Kernels() []KernelInfo {
	programs.mu.Lock()
	defer programs.mu.Unlock()
	infos := make([]KernelInfo, 0, len(programs.kernels))
	for hash, e := range programs.kernels {
		infos = append(infos, KernelInfo{Name: e.kernel.spec.Name, Hash: fmt.Sprintf("%x", hash), Stats: e.stats()})
	}
	slices.SortFunc(infos, func(a, b KernelInfo) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Hash, b.Hash))
	})
	return infos
}

// FindKernel returns a kernel of the registry by its name, or nil if there is
// none. Of several with that name it returns the one with the lowest hash.
func FindKernel(name string) *MetalKernel {
	programs.mu.Lock()
	defer programs.mu.Unlock()
	var found *MetalKernel
	for _, e := range programs.kernels {
		if e.kernel.spec.Name == name && (found == nil || slices.Compare(e.kernel.hash[:], found.hash[:]) < 0) {
			found = e.kernel
		}
	}
	return found
}

// ClearKernels empties the registry and the cache of compiled programs.
// Kernels that are still in use go on working: they are compiled again, and
// come back into the registry, when they are next called.
func ClearKernels() {
	programs.mu.Lock()
	defer programs.mu.Unlock()
	programs.epoch.Add(1)
	programs.kernels, programs.variants = nil, nil
	for e := programs.used.Front(); e != nil; e = e.Next() {
		e.Value.(*variant).at = nil
	}
	programs.used.Init()
}
