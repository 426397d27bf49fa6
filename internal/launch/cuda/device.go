// Package cuda is the device for NVIDIA GPUs: kernels become CUDA C++, which
// NVRTC compiles for the GPU, and the driver's library runs. Both libraries are
// loaded without cgo, and nothing of CUDA is needed to build the program.
// Compiled kernels are kept in a disk cache.
//
// All work of a device goes to one stream: launches return at once, and what
// is asked for later happens later. What goes wrong in a kernel is found out
// when something waits for it.
//
// This file implements the device: opening, describing and closing it.
package cuda

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// ErrAbsent is in the error of Open if there is no driver or no such GPU. Any
// other error is about something that was found but does not work.
var ErrAbsent = errors.New("no NVIDIA GPU")

// A Config says how to open the device.
type Config struct {
	Emit  func(*ir.Func) (Unit, error) // translates a kernel to CUDA C++
	Cache *diskcache.Cache             // nil: the user's

	// Sync waits for each launch, so that errors name the very kernel. The
	// environment variable ZMLX_CUDA_SYNC=1 does so too.
	Sync bool
}

// A compiler compiles CUDA C++; it is an *nvrtc.Library but in tests.
type compiler interface {
	Version() string
	Arch(capability int) (string, error)
	Compile(text, arch string, options ...string) (code []byte, log string, err error)
}

// Facts are what is known of a GPU and of what runs it.
type Facts struct {
	Name           string // such as "NVIDIA H200"
	Capability     int    // 90 for 9.0
	Arch           string // compiled for: "sm_90", or "compute_90" where the driver completes the work
	SMs            int    // multiprocessors
	L2             int    // bytes
	Memory         int    // bytes
	ThreadsPerSM   int
	SharedPerSM    int // bytes
	RegistersPerSM int
	CUDA           int    // newest CUDA version of the driver, such as 13000
	Driver         string // the driver's own version, "" if not known
	NVRTC          string // version, such as "13.0"
	PCI            string // bus and device, in hexadecimal
}

// A Device is one GPU. Besides what all devices do it times, copies, and
// records launches.
type Device struct {
	cfg      Config
	name     string
	driver   *driver
	primary  *primary
	compiler compiler
	cache    *diskcache.Cache
	facts    Facts
	sync     bool

	stream  uintptr
	pool    uintptr     // of stream-ordered memory; 0: the driver has none
	current [1]uintptr  // arguments of cuCtxSetCurrent
	blocks  int         // most threadgroups in one launch
	early   bool        // launches may begin early
	lost    atomic.Bool // primary.lost is set

	_      cacheLine    // the submitter of the queue reads what is before, callers write what follows
	live   sync.RWMutex // held for writing by Close
	closed bool
	_      cacheLine

	queue      queue      // of launches that the driver was not asked for yet
	launching  sync.Mutex // orders calls of the driver, and guards what follows
	flight     flight
	profile    *profile
	_          cacheLine
	recordings recordings

	memory   memory
	up, down staging
	builds   builds
	products products
}

var (
	_ launch.Device   = (*Device)(nil)
	_ launch.Syncer   = (*Device)(nil)
	_ launch.Timer    = (*Device)(nil)
	_ launch.Copier   = (*Device)(nil)
	_ launch.Recorder = (*Device)(nil)

	_ launch.Multiplier = (*Device)(nil)
)

// Open opens GPU number n. The error is ErrAbsent if there is no such one.
func Open(ctx context.Context, n int, cfg Config) (*Device, error) {
	drv, _, err := findDriver()
	if err != nil {
		return nil, err
	}
	// Both the driver and the compiler take a while to load.
	type found struct {
		nvrtc *nvrtc.Library
		err   error
	}
	library := make(chan found, 1)
	go func() {
		l, _, err := nvrtc.Open(drv.version)
		library <- found{l, err}
	}()
	return open(ctx, drv, n, cfg, func() (compiler, error) {
		select {
		case f := <-library:
			if f.err != nil {
				return nil, f.err
			}
			return f.nvrtc, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
}

func open(ctx context.Context, drv *driver, n int, cfg Config, find func() (compiler, error)) (*Device, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := drv.start(); err != nil {
		return nil, err
	}
	count, err := drv.count()
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= count {
		switch count {
		case 0:
			return nil, fmt.Errorf("%w: the driver is there, but finds none", ErrAbsent)
		case 1:
			return nil, fmt.Errorf("%w of number %d: there is one, number 0", ErrAbsent, n)
		}
		return nil, fmt.Errorf("%w of number %d: there are %d, numbers 0 to %d", ErrAbsent, n, count, count-1)
	}
	wait, err := launch.Switch("ZMLX_CUDA_SYNC")
	if err != nil {
		return nil, err
	}
	late, err := launch.Switch("ZMLX_CUDA_LATE")
	if err != nil {
		return nil, err
	}
	d := &Device{
		cfg: cfg, name: fmt.Sprintf("cuda:%d", n), driver: drv, cache: cfg.Cache, blocks: maxBlocks,
		sync: cfg.Sync || wait,
	}
	d.early = !d.sync && !late && drv.version >= earlyVersion && drv.launchEx.addr != 0
	if d.cache == nil {
		d.cache = diskcache.Default()
	}
	d.queue.off, d.queue.least, d.queue.linger, d.queue.stall = d.sync, queueProcessors, linger, stall
	var device int32
	if err := drv.do(&drv.deviceGet, uintptr(unsafe.Pointer(&device)), uintptr(n)); err != nil {
		return nil, err
	}
	if err := d.ask(device); err != nil {
		return nil, err
	}
	if d.primary, err = drv.retain(device); err != nil {
		return nil, err
	}
	d.current[0] = d.primary.ctx
	if err := d.prepare(ctx, find); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Attributes of GPUs and memory pools, by the driver's numbers.
const (
	attributeSMs            = 16
	attributePCIBus         = 33
	attributePCIDevice      = 34
	attributeL2             = 38
	attributeThreadsPerSM   = 39
	attributeMajor          = 75
	attributeMinor          = 76
	attributeSharedPerSM    = 81
	attributeRegistersPerSM = 82
	attributePools          = 115

	poolReleaseThreshold = 4
	poolReserved         = 5
	poolUsed             = 7
)

// ask finds out what the GPU is.
func (d *Device) ask(device int32) error {
	f, drv := &d.facts, d.driver
	var major, minor, bus, slot int
	for _, a := range []struct {
		which int
		to    *int
	}{
		{attributeMajor, &major}, {attributeMinor, &minor}, {attributeSMs, &f.SMs}, {attributeL2, &f.L2},
		{attributeThreadsPerSM, &f.ThreadsPerSM}, {attributeSharedPerSM, &f.SharedPerSM}, {attributeRegistersPerSM, &f.RegistersPerSM},
		{attributePCIBus, &bus}, {attributePCIDevice, &slot},
	} {
		var err error
		if *a.to, err = drv.attribute(device, a.which); err != nil {
			return err
		}
	}
	name := make([]byte, 256)
	if err := drv.do(&drv.deviceName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)-1), uintptr(device)); err != nil {
		return err
	}
	text, _, _ := strings.Cut(string(name), "\x00")
	var memory uintptr
	if err := drv.do(&drv.deviceMemory, uintptr(unsafe.Pointer(&memory)), uintptr(device)); err != nil {
		return err
	}
	f.Name, f.Capability, f.Memory = text, 10*major+minor, int(memory)
	f.PCI = fmt.Sprintf("%02x:%02x", bus, slot)
	f.CUDA, f.Driver = drv.version, release()
	return nil
}

// prepare makes what the device needs, and makes sure that a kernel runs.
func (d *Device) prepare(ctx context.Context, find func() (compiler, error)) error {
	if err := d.do(&d.driver.streamCreate, uintptr(unsafe.Pointer(&d.stream)), streamNonBlocking); err != nil {
		return err
	}
	if err := d.preparePool(); err != nil {
		return err
	}
	var err error
	if d.compiler, err = find(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%s cannot be used without NVRTC: %w", d.facts.Name, err)
	}
	d.facts.NVRTC = d.compiler.Version()
	if d.facts.Arch, err = d.compiler.Arch(d.facts.Capability); err != nil {
		return fmt.Errorf("%s: %w", d.facts.Name, err)
	}
	d.early = d.early && d.facts.Capability >= earlyCapability
	return d.trial(ctx)
}

const streamNonBlocking = 1

// trialText is a kernel that tells whether compiler and driver go together.
const trialText = `typedef struct { unsigned grid[3], group[3], groups[3], pad; unsigned long long first; } zmlx_launch;
extern "C" __global__ void zmlx_run(const __grid_constant__ zmlx_launch L, char *p0) {
	unsigned i = blockIdx.x * L.group[0] + threadIdx.x;
	if (i < L.grid[0]) ((unsigned *)p0)[i] = i + 40 + L.groups[0];
}
`

// trial runs the kernel once for each context.
func (d *Device) trial(ctx context.Context) error {
	primaries.Lock()
	tried := d.primary.tried
	primaries.Unlock()
	if tried {
		return nil
	}
	p, err := d.program(ctx, "trial", Unit{Text: trialText, Entry: "zmlx_run"}, []string{"out"})
	if err != nil {
		return err
	}
	b, err := d.Alloc(8)
	if err != nil {
		return err
	}
	l := launch.Launch{Args: []launch.Arg{{Buffer: b, Hi: 8}}, Grid: [3]int{2, 1, 1}, Group: [3]int{2, 1, 1}}
	var got [8]byte
	if err := errors.Join(p.Run(ctx, l), b.Download(0, got[:]), p.Close()); err != nil {
		return fmt.Errorf("a trial kernel on %s: %w", d.facts.Name, err)
	}
	b.Free()
	if values := *(*[2]uint32)(unsafe.Pointer(&got)); values != [2]uint32{41, 42} {
		return fmt.Errorf("a trial kernel on %s gave %v where 41 and 42 are right", d.facts.Name, values)
	}
	primaries.Lock()
	d.primary.tried = true
	primaries.Unlock()
	return nil
}

// Name returns the device's name, such as "cuda:0".
func (d *Device) Name() string { return d.name }

// Facts returns what is known of the GPU.
func (d *Device) Facts() Facts { return d.facts }

// Describe returns one line about the device.
func (d *Device) Describe() string {
	f := &d.facts
	s := fmt.Sprintf("%s, %s, %d multiprocessors, %s, driver %s(CUDA %d.%d), NVRTC %s",
		f.Name, f.Arch, f.SMs, bytesText(f.Memory), spaced(f.Driver), f.CUDA/1000, f.CUDA%1000/10, f.NVRTC)
	if err := d.cache.Reason(); err != nil {
		s += fmt.Sprintf(", no cache: %v", err)
	}
	return s
}

func spaced(s string) string {
	if s == "" {
		return ""
	}
	return s + " "
}

// Limits implements launch.Device.
func (d *Device) Limits() launch.Limits {
	return limits
}

// Close waits for the device's work and gives its memory back. Kernels and
// buffers of the device are of no use after. It closes a lost device too, which
// cannot be opened again in this process.
func (d *Device) Close() error {
	d.queue.leave.Store(true)
	d.live.Lock()
	defer d.live.Unlock()
	if d.closed {
		return nil
	}
	d.closed = true
	var errs []error
	if d.stream != 0 && !d.lost.Load() {
		errs = append(errs, d.wait())
	}
	if d.lost.Load() { // there is nothing left to give back
		d.order()
		return d.primary.release()
	}
	errs = append(errs, d.products.close(d), d.up.close(d), d.down.close(d), d.freeAll())
	if d.stream != 0 {
		errs = append(errs, d.do(&d.driver.streamDestroy, d.stream))
	}
	return errors.Join(append(errs, d.primary.release())...)
}

var (
	errClosed = errors.New("the device was closed")
	errFreed  = errors.New("the buffer was freed")
)

// enter keeps the device from being closed until leave. It fails if it is
// closed or lost.
func (d *Device) enter() error {
	d.live.RLock()
	if d.closed {
		d.live.RUnlock()
		return fmt.Errorf("%s: %w", d.name, errClosed)
	}
	if d.lost.Load() {
		d.live.RUnlock()
		return d.primary.lostError()
	}
	return nil
}

func (d *Device) leave() { d.live.RUnlock() }

// do calls a function of the driver with the device's context. Goroutines move
// between threads, so the context is set before each call.
//
//go:uintptrescapes
func (d *Device) do(e *entry, args ...uintptr) error {
	if at, status := d.call(e, args); status != 0 {
		return d.fail(at, status)
	}
	return nil
}

// doHeld is do for callers that hold d.launching.
//
//go:uintptrescapes
func (d *Device) doHeld(e *entry, args ...uintptr) error {
	if at, status := d.call(e, args); status != 0 {
		return d.failHeld(at, status)
	}
	return nil
}

// call returns a call's status, and what gave it.
func (d *Device) call(e *entry, args []uintptr) (*entry, int32) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if status := int32(dl.Call(d.driver.setCurrent.addr, d.current[:]...)); status != 0 {
		return &d.driver.setCurrent, status
	}
	return e, int32(dl.Call(e.addr, args...))
}

// bytesText returns a number of bytes as people read it.
func bytesText(n int) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.4g %s", f, units[i])
}
