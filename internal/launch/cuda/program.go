package cuda

// This file implements programs: kernels that are loaded, and their launches.

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// A loaded is a kernel in the GPU's memory.
type loaded struct {
	module   uintptr
	function uintptr
	threads  int // most of a block; fewer than 1,024 where each needs many registers
	facts    KernelFacts
	early    bool // its launches may begin early
}

// KernelFacts say what one thread or block of a compiled kernel needs.
type KernelFacts struct {
	Registers int // of a thread
	Local     int // bytes of a thread's memory: arrays, and registers that did not fit
	Shared    int // bytes of a block
	Threads   int // most that a block can have
}

// A program is a kernel that can be launched.
type program struct {
	dev    *Device
	name   string
	unit   Unit
	params []string
	writes []bool        // which of params the kernel writes; nil: all, perhaps
	frame  *frame        // guarded by dev.launching
	last   atomic.Uint64 // number of its latest launch that was not queued
	users  atomic.Int64  // recorded graphs and launches that are being made, and one until Close
	closed atomic.Bool
	queued atomic.Bool // launches of it were put into the queue

	byThreads, byAlignment, byShape bool // the text tells variants apart
	early                           bool // launches may begin early

	building sync.Mutex
	variants [variants]atomic.Pointer[loaded]
}

// A program is compiled in variants, when a launch needs them: for blocks of at
// most 256, 512 or 1,024 threads, as fewer threads leave more registers to
// each; for addresses that are multiples of 16 or not; and for launches of whole
// simdgroups along x, or others.
const (
	threadClasses = 3
	aligned       = threadClasses     // added to the class
	whole         = 2 * threadClasses // likewise
	bounded       = 4 * threadClasses // whatever the text says, 1,024 threads fit
	variants      = bounded + 1
)

// variant returns which variant a launch needs.
func (p *program) variant(threads int, addresses uintptr, simdgroups bool) int {
	v := threadClasses - 1
	if p.byThreads {
		switch {
		case threads <= 256:
			v = 0
		case threads <= 512:
			v = 1
		}
	}
	if p.byAlignment && addresses%16 == 0 {
		v += aligned
	}
	if p.byShape && simdgroups {
		v += whole
	}
	return v
}

// options returns what a variant is compiled with besides the usual.
func (p *program) options(v int) []string {
	var options []string
	if p.early {
		options = append(options, "--define-macro=ZMLX_EARLY=1")
	}
	if v == bounded {
		// 65,536 registers are there for a block.
		return append(options, "--maxrregcount=64")
	}
	if p.byThreads {
		options = append(options, fmt.Sprintf("--define-macro=ZMLX_THREADS=%d", 256<<(v%threadClasses)))
	}
	if p.byAlignment {
		options = append(options, fmt.Sprintf("--define-macro=ZMLX_ALIGNED=%d", v%whole/aligned))
	}
	if p.byShape {
		options = append(options, fmt.Sprintf("--define-macro=ZMLX_WHOLE=%d", v/whole))
	}
	return options
}

// Compile implements launch.Device.
func (d *Device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if opt.Check {
		return nil, fmt.Errorf("%s: kernel %s: checked mode is the interpreter's: use device interp", d.name, fn.Name)
	}
	if err := ir.Verify(fn); err != nil {
		return nil, err
	}
	if len(fn.Params) > maxParams {
		return nil, fmt.Errorf("kernel %s has %d parameters; at most %d fit", fn.Name, len(fn.Params), maxParams)
	}
	if err := d.Limits().CheckMemory(fn); err != nil {
		return nil, err
	}
	u, err := d.cfg.Emit(fn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.name, err)
	}
	params := make([]string, len(fn.Params))
	for i := range fn.Params {
		params[i] = fn.Params[i].Name
	}
	p, err := d.program(ctx, fn.Name, u, params)
	if err != nil {
		return nil, err
	}
	p.writes = make([]bool, len(fn.Params))
	for i := range fn.Params {
		p.writes[i] = fn.Params[i].Output || fn.Params[i].Atomic
	}
	return p, nil
}

// program compiles and loads a unit.
func (d *Device) program(ctx context.Context, name string, u Unit, params []string) (*program, error) {
	p := &program{
		dev: d, name: name, unit: u, params: params, frame: newFrame(len(params)),
		byThreads:   strings.Contains(u.Text, "ZMLX_THREADS"),
		byAlignment: strings.Contains(u.Text, "ZMLX_ALIGNED"),
		byShape:     strings.Contains(u.Text, "ZMLX_WHOLE"),
		early:       d.early && strings.Contains(u.Text, "ZMLX_EARLY"),
	}
	p.users.Store(1)
	// What most launches need; others compile their own.
	if _, err := p.build(ctx, p.variant(256, 0, true)); err != nil {
		return nil, err
	}
	return p, nil
}

// build returns a variant, compiled and loaded when it is first wanted.
func (p *program) build(ctx context.Context, v int) (*loaded, error) {
	p.building.Lock()
	defer p.building.Unlock()
	if l := p.variants[v].Load(); l != nil {
		return l, nil
	}
	d := p.dev
	options := append(nvrtc.Options(p.unit.Contract), p.options(v)...)
	code, err := d.compile(ctx, p.name, p.unit, options, false)
	if err != nil {
		return nil, d.compileError(err)
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	l, err := d.loadCode(code, p.unit.Entry)
	if e, ok := errors.AsType[*DriverError](err); ok && badCode(e.Code) {
		// What was kept is not what this driver takes.
		if code, err = d.compile(ctx, p.name, p.unit, options, true); err != nil {
			return nil, d.compileError(err)
		}
		l, err = d.loadCode(code, p.unit.Entry)
	}
	if err != nil {
		return nil, fmt.Errorf("kernel %s, compiled by NVRTC %s for %s: %w", p.name, d.facts.NVRTC, d.facts.Arch, err)
	}
	l.early = p.early
	p.variants[v].Store(&l)
	return &l, nil
}

// compileError names the device in an error, unless that is the caller's.
func (d *Device) compileError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// badCode reports whether an error is about the code that was loaded.
func badCode(code int) bool {
	switch code {
	case codeInvalidImage, codeNoBinary, codeInvalidPTX, codeUnsupportedPTX, codeInvalidSource, codeNotFound:
		return true
	}
	return false
}

// Attributes of functions, by the driver's numbers.
const (
	functionThreads   = 0
	functionShared    = 1
	functionLocal     = 3
	functionRegisters = 4
)

// loadCode loads a cubin or PTX, which ends with a zero byte.
func (d *Device) loadCode(code []byte, entryName string) (l loaded, err error) {
	if len(code) < 2 {
		return l, &DriverError{Call: d.driver.moduleLoad.name, Code: codeInvalidImage, Text: "there is no code"}
	}
	if err := d.do(&d.driver.moduleLoad, uintptr(unsafe.Pointer(&l.module)), uintptr(unsafe.Pointer(&code[0]))); err != nil {
		return l, err
	}
	name := append([]byte(entryName), 0)
	err = d.do(&d.driver.moduleFunction, uintptr(unsafe.Pointer(&l.function)), l.module, uintptr(unsafe.Pointer(&name[0])))
	for _, a := range []struct {
		which uintptr
		to    *int
	}{
		{functionThreads, &l.facts.Threads}, {functionShared, &l.facts.Shared},
		{functionLocal, &l.facts.Local}, {functionRegisters, &l.facts.Registers},
	} {
		var n int32
		if err == nil {
			err = d.do(&d.driver.functionAttribute, uintptr(unsafe.Pointer(&n)), a.which, l.function)
			*a.to = int(n)
		}
	}
	if err != nil {
		return loaded{}, errors.Join(err, d.do(&d.driver.moduleUnload, l.module))
	}
	l.threads = l.facts.Threads
	return l, nil
}

// simdgroupsAlongX reports whether a launch is of whole simdgroups, with
// nothing but x.
func simdgroupsAlongX(l *launch.Launch) bool {
	return l.Group[0]%simdWidth == 0 && l.Grid[0]%simdWidth == 0 && l.Group[1]*l.Group[2] == 1 && l.Grid[1]*l.Grid[2] == 1
}

// fitting returns the kernel as it can run with blocks of so many threads on
// addresses, or'ed together.
func (p *program) fitting(ctx context.Context, threads int, addresses uintptr, simdgroups bool) (*loaded, error) {
	v := p.variant(threads, addresses, simdgroups)
	l := p.variants[v].Load()
	var err error
	if l == nil {
		if l, err = p.build(ctx, v); err != nil {
			return nil, err
		}
	}
	if threads <= l.threads {
		return l, nil
	}
	if l, err = p.build(ctx, bounded); err != nil {
		return nil, err
	}
	if threads > l.threads {
		return nil, p.refuse(fmt.Errorf("a threadgroup of %d threads; it needs so much that at most %d fit", threads, l.threads))
	}
	return l, nil
}

// Facts returns what the kernel needs, as it is compiled for the launches that
// were made so far.
func (p *program) Facts() KernelFacts {
	for v := range p.variants {
		if l := p.variants[v].Load(); l != nil {
			return l.facts
		}
	}
	return KernelFacts{}
}

// A frame is the arguments of a launch where the driver reads them.
type frame struct {
	head struct {
		grid, group, groups [3]uint32
		_                   uint32
		first               uint64
	}
	values []uintptr
	places []uintptr // addresses of head and of each value
	args   [11]uintptr
	total  uint64 // threadgroups
	early  bool   // the launch may begin early
	begin  earlyLaunch
}

func newFrame(params int) *frame {
	f := &frame{values: make([]uintptr, params), places: make([]uintptr, params+1)}
	f.places[0] = uintptr(unsafe.Pointer(&f.head))
	for i := range f.values {
		f.places[i+1] = uintptr(unsafe.Pointer(&f.values[i]))
	}
	f.args[9] = uintptr(unsafe.Pointer(&f.places[0]))
	f.begin.init(f.args[9])
	return f
}

// set makes the frame that of a launch.
func (f *frame) set(l *launch.Launch, groups [3]uint32, total uint64, threads int, k *loaded) {
	for i := range 3 {
		f.head.grid[i], f.head.group[i], f.head.groups[i] = uint32(l.Grid[i]), uint32(l.Group[i]), groups[i]
	}
	for i := range l.Args {
		a := &l.Args[i]
		f.values[i] = a.Buffer.(*buffer).addr + uintptr(a.Offset)
	}
	f.total = total
	f.args[0] = k.function
	f.args[2], f.args[3] = 1, 1
	f.args[4], f.args[5], f.args[6] = uintptr(threads), 1, 1
	f.early = k.early
}

// launch asks for all threadgroups, and returns the function of the driver that
// was called and its status. The caller's thread has the context.
func (f *frame) launch(d *Device, stream uintptr) (e *entry, status int32) {
	e = &d.driver.launch
	f.args[8] = stream
	for first := uint64(0); first < f.total && status == 0; {
		n := min(f.total-first, uint64(d.blocks))
		f.head.first = first
		f.args[1] = uintptr(n)
		args := f.args[:]
		if f.early {
			e, args = &d.driver.launchEx, f.begin.set(f.args[0], f.args[1], f.args[4], stream)
		}
		status = int32(dl.Call(e.addr, args...))
		first += n
	}
	return e, status
}

// enter keeps the kernel loaded until leave.
func (p *program) enter() bool {
	for {
		n := p.users.Load()
		if n == 0 || p.closed.Load() {
			return false
		}
		if p.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

func (p *program) leave() error {
	if p.users.Add(-1) > 0 {
		return nil
	}
	d := p.dev
	if d.enter() != nil { // the kernel is gone with the device
		return nil
	}
	defer d.leave()
	d.order()
	d.launching.Lock()
	done := d.flight.done
	d.launching.Unlock()
	if p.last.Load() > done || p.queued.Load() {
		if err := d.wait(); err != nil {
			return err
		}
	}
	var errs []error
	for v := range p.variants {
		if l := p.variants[v].Load(); l != nil {
			errs = append(errs, d.do(&d.driver.moduleUnload, l.module))
		}
	}
	return errors.Join(errs...)
}

// Close unloads the kernel when its launches have ended and no recorded graph
// has it.
func (p *program) Close() error {
	if p.closed.Swap(true) {
		return nil
	}
	return p.leave()
}

// Run asks for a launch of the kernel, and returns before it has run.
func (p *program) Run(ctx context.Context, l launch.Launch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !p.enter() {
		return fmt.Errorf("%s: kernel %s: the program was closed", p.dev.name, p.name)
	}
	err := p.run(ctx, &l)
	if e := p.leave(); err == nil {
		err = e
	}
	return err
}

func (p *program) run(ctx context.Context, l *launch.Launch) error {
	d := p.dev
	if len(l.Args) != len(p.params) {
		return p.refuse(fmt.Errorf("launched with %d arguments, takes %d", len(l.Args), len(p.params)))
	}
	var addresses uintptr
	for i := range l.Args {
		a := &l.Args[i]
		b, err := d.checkArg(a)
		if err != nil {
			return p.refuse(fmt.Errorf("argument %s: %w", p.params[i], err))
		}
		addresses |= b.addr + uintptr(a.Offset)
	}
	groups, total, threads, err := countGroups(l)
	if err != nil {
		return p.refuse(err)
	}
	threads = (threads + simdWidth - 1) &^ (simdWidth - 1)
	k, err := p.fitting(ctx, threads, addresses, simdgroupsAlongX(l))
	if err != nil {
		return err
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if r := d.recording(); r != nil {
		return r.launch(p, l, groups, total, threads, k)
	}
	if d.push(p, l, groups, total, threads, k) {
		return nil
	}
	d.submitted(d.queue.put.Load())
	d.launching.Lock()
	defer d.launching.Unlock()
	p.frame.set(l, groups, total, threads, k)
	if d.profile != nil {
		return d.profile.launch(d, p, p.frame)
	}
	return p.submit(p.frame)
}

func (p *program) refuse(err error) error {
	return fmt.Errorf("%s: kernel %s: %w", p.dev.name, p.name, err)
}

// submit asks for a launch. d.launching is held.
func (p *program) submit(f *frame) error {
	d := p.dev
	err := d.enqueue(p.name, func() (*entry, int32) { return f.launch(d, d.stream) })
	p.last.Store(d.flight.launched)
	return err
}

// enqueue calls what asks for one piece of work of the device, with the
// context set, and notes that it is under way. d.launching is held.
func (d *Device) enqueue(name string, ask func() (*entry, int32)) error {
	runtime.LockOSThread()
	at := &d.driver.setCurrent
	status := int32(dl.Call(at.addr, d.current[:]...))
	if status == 0 {
		at, status = ask()
	}
	if status == 0 && d.sync {
		d.flight.landed(d.flight.launched)
		d.flight.add(name)
		at = &d.driver.streamSync
		if status = int32(dl.Call(at.addr, d.stream)); status == 0 {
			d.flight.landed(d.flight.launched)
		}
	} else if status == 0 {
		d.flight.add(name)
	}
	runtime.UnlockOSThread()
	return d.outcome(name, at, status)
}

// outcome returns the error of a call that asked for a piece of work.
// d.launching is held.
func (d *Device) outcome(name string, at *entry, status int32) error {
	if status == 0 {
		return nil
	}
	err := d.driver.failure(at, status)
	if !sticky(int(status)) {
		return fmt.Errorf("%s: kernel %s: %w", d.name, name, err)
	}
	if d.flight.done == d.flight.launched {
		d.flight.add(name)
	}
	return d.lose(err)
}
