// This file implements the schedule: which Nodes run, in which order, once
// each, with any number of goroutines asking.

package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/zmlx-go/zmlx/internal/shape"
)

// Evaluate computes values and all they depend on. It returns the first error
// of values in their order, or ctx's error if ctx ended first; in that case
// what was not computed can still be computed later.
func Evaluate(ctx context.Context, values ...*Value) error {
	order := schedule(values)
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

// schedule returns the Nodes that values need and that have not run, each
// after those it depends on. It keeps its own stack, as graphs are deep.
func schedule(values []*Value) []*Node {
	type visit struct {
		node   *Node
		inputs []Input // still to be looked at
	}
	var order []*Node
	var stack []visit
	seen := map[*Node]bool{}
	keep := map[*Node]bool{}
	for _, v := range values {
		v.mu.Lock()
		if v.node != nil {
			keep[v.node] = true
		}
		v.mu.Unlock()
	}
	push := func(v *Value) {
		v.mu.Lock()
		n := v.node
		v.mu.Unlock()
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		n.mu.Lock()
		defer n.mu.Unlock()
		if !n.done {
			n.takeBack()
			n.fuse(keep)
			stack = append(stack, visit{n, n.inputs})
		}
	}
	for _, v := range values {
		push(v)
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if len(top.inputs) > 0 {
				in := top.inputs[0]
				top.inputs = top.inputs[1:]
				push(in.Value)
				continue
			}
			order = append(order, top.node)
			stack = stack[:len(stack)-1]
		}
	}
	return order
}

// compute runs the Node unless it has run, and waits if another goroutine is
// running it. The Node's inputs have been computed. Only ctx's error is
// returned; the Node's own goes to its Values.
func (n *Node) compute(ctx context.Context) error {
	mine, err := n.claim(ctx)
	if !mine {
		return err
	}
	// Should run panic, other goroutines must not wait for ever.
	final := fmt.Errorf("internal error: %s did not finish", n.name)
	var out []View
	defer func() { n.settle(out, final) }()
	if err = ctx.Err(); err == nil {
		out, err = n.execute(ctx)
	}
	final = err
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		final = errRetry
		return err
	}
	return nil
}

// errRetry makes settle leave a Node as it was.
var errRetry = errors.New("cancelled")

// claim reports whether the caller is to run the Node. It waits while another
// goroutine does; a goroutine that holds a claim never waits for another one.
func (n *Node) claim(ctx context.Context) (bool, error) {
	for {
		n.mu.Lock()
		busy := n.busy
		switch {
		case n.done:
			n.mu.Unlock()
			return false, nil
		case busy == nil:
			n.busy = make(chan struct{})
			n.mu.Unlock()
			return true, nil
		}
		n.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// execute calls run on the memory of the inputs and checks what it returns.
func (n *Node) execute(ctx context.Context) ([]View, error) {
	in := make([]View, len(n.inputs))
	for i, input := range n.inputs {
		v := input.Value
		v.mu.Lock()
		buf, err := v.buf, v.err // a Free since the Node was made does not count
		v.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if buf == nil {
			return nil, fmt.Errorf("internal error: input %d of %s was not computed", i, n.name)
		}
		in[i] = View{View: input.View, DType: v.spec.DType, Buffer: buf}
	}
	out, err := n.run(ctx, in)
	runtime.KeepAlive(in)
	if err != nil {
		return nil, err
	}
	if len(out) != len(n.outs) {
		return nil, fmt.Errorf("internal error: %s returned %d arrays, not %d", n.name, len(out), len(n.outs))
	}
	for i, v := range out {
		want := n.outs[i].spec
		if v.Buffer == nil || v.DType != want.DType || !slices.Equal(v.Dims, want.Dims) || v.Offset != 0 || !v.Contiguous() {
			return nil, fmt.Errorf("internal error: output %d of %s is not a dense %s%s", i, n.name, want.DType, shape.Format(want.Dims))
		}
	}
	return out, nil
}

// settle records what running the Node came to and wakes those who wait.
func (n *Node) settle(out []View, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	close(n.busy)
	n.busy = nil
	if err == errRetry {
		return
	}
	for i, v := range n.outs {
		v.mu.Lock()
		if err != nil {
			v.err = err
		} else {
			v.buf = out[i].Buffer
		}
		v.node = nil
		v.reclaim()
		v.mu.Unlock()
	}
	for _, in := range n.inputs {
		if !n.lent {
			in.Value.want(-1)
		}
		in.Value.unuse()
	}
	n.done = true
	n.inputs, n.outs, n.run, n.work = nil, nil, nil, nil
}
