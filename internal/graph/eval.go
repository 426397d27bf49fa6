// This file implements the schedule: which Nodes run, in which order, once
// each, with any number of goroutines asking.

package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// Evaluate computes values and all they depend on. It returns the first error
// of values in their order, or ctx's error if ctx ended first; in that case
// what was not computed can still be computed later. On a device that works
// asynchronously it returns when the device has been given the work.
func Evaluate(ctx context.Context, values ...*Value) error {
	if len(values) == 1 {
		n, err := values[0].state()
		if err != nil {
			return err
		}
		if n != nil && n.claimReady() {
			if err := n.finish(ctx); err != nil {
				return err
			}
			n, err = values[0].state()
		}
		if n == nil {
			return err
		}
	}
	var few [16]*Node
	order := schedule(few[:0], values)
	for i, n := range order {
		if err := n.compute(ctx); err != nil {
			return err
		}
		order[i] = nil // its inputs may be collected while later ones run
	}
	for _, v := range values {
		if err := v.Err(); err != nil {
			return err
		}
	}
	return nil
}

// claimReady claims the Node for the caller if it can run at once: there is
// nothing to schedule, nor does another goroutine run it.
func (n *Node) claimReady() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy || n.done {
		return false
	}
	for _, in := range n.inputs {
		if in.Value.pending() != nil {
			return false
		}
	}
	n.takeBack()
	n.busy = true
	return true
}

// A nodeSet is a set of Nodes that costs little while it is small.
type nodeSet struct {
	few  [16]*Node
	n    int
	many map[*Node]struct{}
}

func (s *nodeSet) has(n *Node) bool {
	if s.many != nil {
		_, ok := s.many[n]
		return ok
	}
	return slices.Contains(s.few[:s.n], n)
}

func (s *nodeSet) add(n *Node) {
	switch {
	case s.many != nil:
		s.many[n] = struct{}{}
	case s.n < len(s.few):
		s.few[s.n] = n
		s.n++
	default:
		s.many = make(map[*Node]struct{}, 4*len(s.few))
		for _, m := range s.few {
			s.many[m] = struct{}{}
		}
		s.many[n] = struct{}{}
	}
}

// A visit is a Node on the way to those it depends on.
type visit struct {
	node   *Node
	inputs []Input // still to be looked at
}

// A scheduler finds the Nodes to run.
type scheduler struct {
	stack []visit
	seen  nodeSet
	keep  nodeSet // Nodes of Values that were asked for
}

// schedule appends to order the Nodes that values need and that have not run,
// each after those it depends on. It keeps its own stack, as graphs are deep.
func schedule(order []*Node, values []*Value) []*Node {
	var few [16]visit
	s := scheduler{stack: few[:0]}
	for _, v := range values {
		if n := v.pending(); n != nil {
			s.keep.add(n)
		}
	}
	for _, v := range values {
		s.push(v)
		for len(s.stack) > 0 {
			top := &s.stack[len(s.stack)-1]
			if len(top.inputs) > 0 {
				in := top.inputs[0].Value
				top.inputs = top.inputs[1:]
				s.push(in)
				continue
			}
			order = append(order, top.node)
			s.stack = s.stack[:len(s.stack)-1]
		}
	}
	return order
}

// push puts the Node that computes v on the stack, if it was not there yet.
func (s *scheduler) push(v *Value) {
	n := v.pending()
	if n == nil || s.seen.has(n) {
		return
	}
	s.seen.add(n)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.done {
		n.takeBack()
		n.fuse(&s.keep)
		s.stack = append(s.stack, visit{n, n.inputs})
	}
}

// pending returns the Node that computes the Value, nil if that was done.
func (v *Value) pending() *Node {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.node
}

// state returns the Node that computes the Value, nil if that was done, and the
// error that the Value carries.
func (v *Value) state() (*Node, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.node, v.errLocked()
}

// compute runs the Node unless it has run, and waits if another goroutine is
// running it. The Node's inputs have been computed. Only ctx's error is
// returned; the Node's own goes to its Values.
func (n *Node) compute(ctx context.Context) error {
	if mine, err := n.claim(ctx); !mine {
		return err
	}
	return n.finish(ctx)
}

// finish is compute for the goroutine that has claimed the Node.
func (n *Node) finish(ctx context.Context) (err error) {
	// Should run panic, other goroutines must not wait for ever.
	final := errPanic
	var out []View
	var f *fate
	defer func() { n.settle(out, f, final) }()
	if err = ctx.Err(); err == nil {
		out, f, err = n.execute(ctx)
		if errors.Is(err, launch.ErrLost) && n.outs[0].dev.async.syncer != nil {
			n.outs[0].dev.Sync() // finds out whether it is this device
		}
	}
	final = err
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		final = errRetry
		return err
	}
	return nil
}

var (
	errRetry = errors.New("cancelled") // makes settle leave a Node as it was
	errPanic = errors.New("did not finish")
)

// claim reports whether the caller is to run the Node. It waits while another
// goroutine does; a goroutine that holds a claim never waits for another one.
func (n *Node) claim(ctx context.Context) (bool, error) {
	for {
		n.mu.Lock()
		switch {
		case n.done:
			n.mu.Unlock()
			return false, nil
		case !n.busy:
			n.busy = true
			n.mu.Unlock()
			return true, nil
		}
		if n.waiting == nil {
			n.waiting = make(chan struct{})
		}
		waiting := n.waiting
		n.mu.Unlock()
		select {
		case <-waiting:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// execute calls run on the memory of the inputs and checks what it returns.
// On an asynchronous device it also returns the fate of what it launched.
func (n *Node) execute(ctx context.Context) ([]View, *fate, error) {
	dev := n.outs[0].dev
	ctx, f := dev.begin(ctx, n)
	pooled := viewPool.Get().(*[]View)
	in := slices.Grow((*pooled)[:0], len(n.inputs))[:len(n.inputs)]
	defer func() {
		clear(in)
		*pooled = in
		viewPool.Put(pooled)
	}()
	live := false // some input changes with every run of the recording
	for i, input := range n.inputs {
		v := input.Value
		if v.dev != dev {
			if err := v.Wait(); err != nil { // no order between devices
				return nil, nil, err
			}
		}
		v.mu.Lock()
		buf, err, before := v.buf, v.err, v.fate // a Free since the Node was made does not count
		v.mu.Unlock()
		if err != nil {
			return nil, nil, err
		}
		if buf == nil {
			return nil, nil, fmt.Errorf("internal error: input %d of %s was not computed", i, n.name)
		}
		f.comesAfter(before)
		if r := buf.rec; r != nil && r.active.Load() {
			if f == nil || f.rec != r {
				return nil, nil, errRecording
			}
			live = true
		}
		in[i] = View{View: input.View, DType: v.spec.DType, Buffer: buf}
	}
	if f != nil && !live {
		f.rec = nil
	}
	noted := 0
	if live {
		if f.rec.dev != dev {
			return nil, nil, fmt.Errorf("a recording on %s cannot use %s", f.rec.dev.Name(), dev.Name())
		}
		noted = len(f.rec.steps)
	}
	var out []View
	var err error
	if n.work != nil {
		out, err = n.work.Run(ctx, in)
	} else {
		out, err = n.run(ctx, in)
	}
	runtime.KeepAlive(in)
	if err != nil {
		return nil, nil, err
	}
	if len(out) != len(n.outs) {
		return nil, nil, fmt.Errorf("internal error: %s returned %d arrays, not %d", n.name, len(out), len(n.outs))
	}
	for i, v := range out {
		want := n.outs[i].spec
		if v.Buffer == nil || v.DType != want.DType || !slices.Equal(v.Dims, want.Dims) || v.Offset != 0 || !v.Contiguous() {
			return nil, nil, fmt.Errorf("internal error: output %d of %s is not a dense %s%s", i, n.name, want.DType, shape.Format(want.Dims))
		}
	}
	if live {
		if noted == len(f.rec.steps) && slices.ContainsFunc(out, func(v View) bool { return v.Size() > 0 }) {
			return nil, nil, fmt.Errorf("%s cannot be recorded", n.name)
		}
		f.rec.writes(n.outs, out)
	}
	dev.launched(f)
	return out, f, nil
}

// viewPool keeps the slices that RunFuncs are given.
var viewPool = sync.Pool{New: func() any { return new([]View) }}

// settle records what running the Node came to and wakes those who wait.
func (n *Node) settle(out []View, f *fate, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy = false
	if n.waiting != nil {
		close(n.waiting)
		n.waiting = nil
	}
	switch err {
	case errRetry:
		return
	case errPanic:
		err = fmt.Errorf("internal error: %s did not finish", n.name)
	}
	for i, v := range n.outs {
		v.mu.Lock()
		if err != nil {
			v.err = err
		} else {
			v.buf, v.fate = out[i].Buffer, f
		}
		v.node = nil
		v.reclaim()
		v.mu.Unlock()
	}
	for _, in := range n.inputs {
		in.Value.read(!n.lent)
	}
	n.done = true
	n.inputs, n.outs, n.run, n.work = nil, nil, nil, nil
}
