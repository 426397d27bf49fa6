// This file implements recordings: the launches of Nodes, noted while they run
// for the first time, such that they can be made again without the Nodes. What
// depends on the recording's inputs is noted; all else is computed once.

package graph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Recording is a list of launches that can be repeated. While it is made it
// is the context in which Nodes are computed.
type Recording struct {
	context.Context
	dev    *Device
	active atomic.Bool // it is being made: the arrays are not for use yet

	mu      sync.Mutex // held during a run
	steps   []step
	device  launch.Recording // the steps as the device has prepared them, or nil
	inputs  []View
	outs    []*Value // all that runs change
	release []func()
	closed  bool
	now     atomic.Pointer[fate] // of the latest run
}

// A step is a launch, or something else that is done to the device's memory.
type step struct {
	name    string
	program launch.Program
	launch  launch.Launch
	do      func(context.Context) error // in place of a launch
	keep    []View
	rec     *Recording
}

// Fail implements launch.Watcher.
func (s *step) Fail(err error) {
	if f := s.rec.now.Load(); f != nil {
		f.Fail(fmt.Errorf("%s: %w", s.name, err))
	}
}

var errRecording = errors.New("array depends on the inputs of a recording that is being made: it can be read after that")

// NewRecording begins a recording on the device whose inputs are copies of
// inputs, which are returned as Values.
func (d *Device) NewRecording(ctx context.Context, inputs []Input) (*Recording, []*Value, error) {
	r := &Recording{Context: ctx, dev: d}
	r.active.Store(true)
	var copies []*Value
	for _, in := range inputs {
		v, err := CopyValue("input", in, in.Value.DType())
		if err == nil {
			err = Evaluate(ctx, v)
		}
		if err == nil {
			err = r.holds(v)
		}
		if err != nil {
			r.Close()
			return nil, nil, err
		}
		copies = append(copies, v)
	}
	for _, v := range copies {
		v.buf.rec = r
		r.inputs = append(r.inputs, View{View: shape.New(v.spec.Dims), DType: v.spec.DType, Buffer: v.buf})
	}
	return r, copies, nil
}

// holds keeps the memory of a Value until the recording is closed.
func (r *Recording) holds(v *Value) error {
	_, release, err := v.Hold()
	if err == nil {
		r.outs = append(r.outs, v)
		r.release = append(r.release, release)
	}
	return err
}

// writes keeps the memory of Values that runs change.
func (r *Recording) writes(values []*Value, views []View) {
	for i, v := range values {
		views[i].Buffer.rec = r
		v.mu.Lock()
		v.uses++
		v.mu.Unlock()
		r.outs = append(r.outs, v)
		r.release = append(r.release, v.unuse)
	}
}

// Finish computes values, notes what that takes, and ends the recording.
func (r *Recording) Finish(values ...*Value) error {
	err := Evaluate(r, values...)
	if err == nil {
		err = r.dev.Sync()
	}
	for _, v := range values {
		if e := v.Wait(); err == nil {
			err = e
		}
	}
	r.active.Store(false)
	if err != nil {
		r.Close()
		return err
	}
	if recorder, ok := r.dev.Device.(launch.Recorder); ok && len(r.steps) > 0 {
		ctx := context.WithoutCancel(r.Context)
		r.device, err = recorder.Record(func() error { return r.repeat(ctx) })
		if err != nil { // such as a step that goes through the host
			slog.Debug("zmlx: launches are repeated one by one", "device", r.dev.Name(), "reason", err)
			r.device = nil
		}
	}
	return nil
}

// Steps returns the number of launches, and whether the device repeats them
// with one call.
func (r *Recording) Steps() (n int, prepared bool) { return len(r.steps), r.device != nil }

// repeat does the steps.
func (r *Recording) repeat(ctx context.Context) error {
	for i := range r.steps {
		s := &r.steps[i]
		var err error
		if s.do != nil {
			err = s.do(ctx)
		} else {
			err = s.program.Run(ctx, s.launch)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// Run copies inputs into those of the recording, but for those without a
// Value, and does its steps again. ctx's end may leave them half done.
func (r *Recording) Run(ctx context.Context, inputs []Input) error {
	for _, in := range inputs {
		if in.Value != nil {
			if err := Evaluate(ctx, in.Value); err != nil {
				return err
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return errors.New("recording was closed")
	}
	if err := r.dev.lostError(); err != nil {
		return err
	}
	var f *fate
	if r.dev.async.syncer != nil {
		f = &fate{Context: ctx, name: "recording"}
		if before := r.now.Load(); before != nil {
			if failure, _ := before.state(); failure != nil {
				return failure
			}
		}
		r.now.Store(f)
	}
	for i, in := range inputs {
		if in.Value == nil {
			continue
		}
		v, release, err := in.Value.Hold()
		if err != nil {
			return err
		}
		in.Value.mu.Lock()
		f.comesAfter(in.Value.fate)
		in.Value.mu.Unlock()
		v.View = in.View
		err = r.dev.Copy(ctx, r.inputs[i], v)
		release()
		if err != nil {
			return err
		}
	}
	var err error
	if r.device != nil {
		err = r.device.Launch()
	} else {
		err = r.repeat(ctx)
	}
	r.dev.noteLost(err)
	if err != nil || f == nil {
		return err
	}
	r.dev.launched(f) // first: who finds the fate in a Value may wait for it
	for _, v := range r.outs {
		v.mu.Lock()
		v.fate = f
		v.mu.Unlock()
	}
	return nil
}

// Close lets go of the memory and the launches.
func (r *Recording) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	r.active.Store(false)
	var err error
	if r.device != nil {
		err = r.device.Close()
	}
	for _, release := range r.release {
		release()
	}
	r.steps, r.release, r.outs, r.inputs, r.device = nil, nil, nil, nil, nil
	return err
}

// Launch runs a program for a Node. ctx is what the Node's RunFunc was given;
// in, out and meta are the Views whose memory the launch uses. l.Args may be
// changed after.
func (d *Device) Launch(ctx context.Context, p launch.Program, l launch.Launch, in, out []View, meta View) error {
	if f := fateOf(ctx); f != nil {
		if d.async.syncer != nil {
			l.Watch = f
		}
		if f.rec != nil {
			f.rec.note(step{name: f.name, program: p, launch: l, keep: slices.Concat(in, out, []View{meta})})
		}
	}
	err := p.Run(ctx, l)
	runtime.KeepAlive(in)
	runtime.KeepAlive(out)
	runtime.KeepAlive(meta.Buffer)
	return err
}

// Do does something to the memory of Views for a Node, as Launch does. f gives
// it to the device, in order, and does the same when it is called again.
func (d *Device) Do(ctx context.Context, f func(context.Context) error, keep ...View) error {
	if fate := fateOf(ctx); fate != nil && fate.rec != nil {
		fate.rec.note(step{name: fate.name, do: f, keep: keep})
	}
	err := f(ctx)
	runtime.KeepAlive(keep)
	return err
}

// note adds a step.
func (r *Recording) note(s step) {
	s.rec = r
	s.launch.Args = slices.Clone(s.launch.Args)
	if s.program != nil {
		w := s // does not move, unlike those of the list
		s.launch.Watch = &w
	}
	for i := range s.launch.Args {
		s.launch.Args[i].Undefined = false // it holds the last run's
	}
	r.steps = append(r.steps, s)
}
