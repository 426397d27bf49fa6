// Package twin is a device for tests: it runs every kernel on two devices, the
// reference and the one that is judged, with the same memory, and a launch fails
// if their results differ. Whatever runs on it, an op, a gradient, a whole test
// of the packages above, becomes a comparison of devices kernel by kernel.
//
// Results have to be the same bits. Where the ir of a kernel has functions that
// devices compute on their own (exp, not sqrt), the reference tells how far that
// may lead: it runs the same kernel with the results of those functions moved
// by as many floats as the two devices' may lie apart.
//
// This file implements the device and its programs.
package twin

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A Config says what is compared.
type Config struct {
	Reference launch.Device // takes the buffers of Judged
	Judged    launch.Device // its memory is the host's
	Beyond    error         // what Judged says to kernels that it leaves to others
}

// A Device runs kernels on two devices.
type Device struct {
	Config
	exact, within, apart   atomic.Int64
	left, refused, unequal atomic.Int64
}

// New returns a device for a pair of devices.
func New(c Config) *Device { return &Device{Config: c} }

// Counts says what a Device compared.
type Counts struct {
	Exact   int64 // launches of kernels without functions: the same bits
	Within  int64 // launches of kernels with functions
	Apart   int64 // of these, launches whose results were not the same bits
	Unequal int64 // elements of these that were not the same bits
	Left    int64 // launches not compared: what they give depends on the order of threads
	Refused int64 // kernels that the judged device left to others
}

// Counts returns what was compared so far.
func (d *Device) Counts() Counts {
	return Counts{
		Exact: d.exact.Load(), Within: d.within.Load(), Apart: d.apart.Load(), Unequal: d.unequal.Load(),
		Left: d.left.Load(), Refused: d.refused.Load(),
	}
}

// Name implements launch.Device.
func (d *Device) Name() string { return "twin" }

// Describe implements launch.Device.
func (d *Device) Describe() string {
	return fmt.Sprintf("%s beside %s", d.Judged.Describe(), d.Reference.Name())
}

// Limits implements launch.Device.
func (d *Device) Limits() launch.Limits { return d.Judged.Limits() }

// Alloc implements launch.Device.
func (d *Device) Alloc(n int) (launch.Buffer, error) { return d.Judged.Alloc(n) }

// Close implements launch.Device.
func (d *Device) Close() error { return errors.Join(d.Judged.Close(), d.Reference.Close()) }

// Compile implements launch.Device. Checked programs, and those that the judged
// device refuses, are the reference's alone.
func (d *Device) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	reference, err := d.Reference.Compile(ctx, fn, opt)
	if err != nil || opt.Check {
		return reference, err
	}
	judged, err := d.Judged.Compile(ctx, fn, opt)
	if d.Beyond != nil && errors.Is(err, d.Beyond) {
		d.refused.Add(1)
		return reference, nil
	}
	if err != nil {
		return nil, errors.Join(err, reference.Close())
	}
	return &program{dev: d, fn: fn, reference: reference, judged: judged, ordered: !orderMatters(fn), functions: hasFunctions(fn)}, nil
}

// orderMatters reports whether what fn gives may depend on the order in which
// threads get to its atomics.
func orderMatters(fn *ir.Func) bool {
	return !fn.Body.Instrs(func(in *ir.Instr) bool {
		if !in.Op.IsAtomic() {
			return true
		}
		sum := in.Op == ir.AtomicAdd || in.Op == ir.AtomicSub
		return in.Op != ir.AtomicXchg && in.Op != ir.AtomicStore && len(in.Dst) == 0 && !(sum && in.Type.IsFloat())
	})
}

type program struct {
	dev               *Device
	fn                *ir.Func
	reference, judged launch.Program
	ordered           bool // the order of threads does not matter
	functions         bool

	mu    sync.Mutex
	moved []launch.Program // the reference's with functions moved, one for each way
}

// Close implements launch.Program.
func (p *program) Close() error {
	err := errors.Join(p.reference.Close(), p.judged.Close())
	for _, m := range p.moved {
		err = errors.Join(err, m.Close())
	}
	return err
}

// written returns what the kernel may write of a launch's memory.
func (p *program) written(l launch.Launch) [][]byte {
	list := make([][]byte, len(l.Args))
	for i, a := range l.Args {
		if prm := p.fn.Params[i]; prm.Output || prm.Atomic {
			list[i] = a.Buffer.Host()[a.Lo:a.Hi]
		}
	}
	return list
}

func clones(list [][]byte) [][]byte {
	c := make([][]byte, len(list))
	for i, b := range list {
		c[i] = append([]byte(nil), b...)
	}
	return c
}

func restore(list, from [][]byte) {
	for i, b := range from {
		copy(list[i], b)
	}
}

// Run implements launch.Program. What it leaves in memory are the results of
// the judged device.
func (p *program) Run(ctx context.Context, l launch.Launch) error {
	if err := p.judgedAlone(l); err != nil || !p.ordered {
		p.dev.left.Add(1)
		return p.judged.Run(ctx, l)
	}
	memory := p.written(l)
	before := clones(memory)
	if err := p.reference.Run(ctx, l); err != nil {
		return err
	}
	want := clones(memory)
	restore(memory, before)
	if err := p.judged.Run(ctx, l); err != nil {
		return err
	}
	first, differ := p.compare(want, memory)
	if !p.functions {
		p.dev.exact.Add(1)
		if differ == 0 {
			return nil
		}
		return p.fault(l, first, differ)
	}
	p.dev.within.Add(1)
	if differ == 0 {
		return nil
	}
	p.dev.apart.Add(1)
	p.dev.unequal.Add(int64(differ))
	got := clones(memory)
	defer restore(memory, got)
	reach := newReach(p.fn, want)
	for way := 0; ; way++ {
		if way >= fewWays && way%fewWays == 0 {
			first, differ = reach.judge(got)
			if differ == 0 {
				return nil
			}
			if way == mostWays {
				return p.fault(l, first, differ)
			}
		}
		m, err := p.move(way)
		if err != nil {
			return err
		}
		restore(memory, before)
		if err := m.Run(ctx, l); err != nil {
			return err
		}
		reach.add(memory)
	}
}

// judgedAlone returns an error if the launch is one that devices refuse.
func (p *program) judgedAlone(l launch.Launch) error {
	if len(l.Args) != len(p.fn.Params) {
		return fmt.Errorf("launched with %d arguments, takes %d", len(l.Args), len(p.fn.Params))
	}
	for i, a := range l.Args {
		if a.Buffer == nil || a.Lo < 0 || a.Lo > a.Hi || a.Hi > len(a.Buffer.Host()) {
			return fmt.Errorf("argument %d does not lie in memory", i)
		}
	}
	return nil
}

// A difference is an element that the devices do not agree on.
type difference struct {
	param, index int
	text         string
}

func (p *program) fault(l launch.Launch, first difference, count int) error {
	return fmt.Errorf("twin: grid %v, threadgroup %v: %s[%d] is %s; %d elements differ; the kernel is\n%s",
		l.Grid, l.Group, p.fn.Params[first.param].Name, first.index, first.text, count, ir.Print(p.fn))
}
