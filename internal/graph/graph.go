// Package graph holds arrays that are not computed yet, and computes them.
//
// A Value is one dense row-major array on one Device. A Node computes one or
// several Values from others; it runs once, when one of its Values is needed,
// and is dropped then, so that only Values that somebody holds stay in memory.
// What a Node does is a function, its RunFunc: casts, copies, fills and kernels
// are all Nodes, and this package knows of none of them. A new kind of Node is
// a call of New:
//
//	values, err := graph.New("saxpy", dev, inputs, specs,
//		func(ctx context.Context, in []graph.View) ([]graph.View, error) {
//			out, err := dev.NewView(specs[0])
//			if err != nil {
//				return nil, err
//			}
//			err = program.Run(ctx, launch.Launch{
//				Args: []launch.Arg{in[0].Arg(), out.Arg()}, …
//			})
//			return []graph.View{out}, err
//		})
//
// Everything here may be used by many goroutines at once.
//
// This file implements Values and Nodes.
package graph

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A Spec is what is known of a Value before it is computed.
type Spec struct {
	DType dtype.DType
	Dims  []int
}

// Bytes returns the memory a dense array of this Spec takes, or an error if
// the shape is impossible.
func (s Spec) Bytes() (int, error) { return shape.Bytes(s.Dims, s.DType.Size()) }

// A View is a Buffer seen as an array: memory that exists, with a dtype and
// strides. Whoever uses a View's Buffer must keep the View alive meanwhile.
type View struct {
	shape.View
	DType  dtype.DType
	Buffer *Buffer
}

// Place is Arg without the memory.
func (v View) Place() launch.Arg {
	lo, hi := v.Span()
	size := v.DType.Size()
	return launch.Arg{Offset: v.Offset * size, Lo: lo * size, Hi: hi * size}
}

// Arg returns the View as an argument of a launch: the address of its first
// element, with the bytes that its elements span as bounds.
func (v View) Arg() launch.Arg {
	a := v.Place()
	a.Buffer = v.Buffer.Raw()
	return a
}

// An Input is what a Node reads: a Value, seen through a shape.View that the
// Node's creator has derived from the Value's dense one.
type Input struct {
	Value *Value
	View  shape.View
}

// A RunFunc computes a Node. in holds one View for each Input, on the devices
// of their Values, and is not used after it returns; the result holds one dense View (row-major, offset 0, a
// Buffer of its own) for each Spec, as Device.NewView makes them. Where it
// returns ctx's error the Node stays as it was and may run again; any other
// error is final, and becomes that of all Values which depend on it. A RunFunc
// must not evaluate Values.
type RunFunc func(ctx context.Context, in []View) ([]View, error)

// A Node is a step that has not run yet. Only its Values and Evaluate know it.
type Node struct {
	name string
	run  RunFunc

	mu      sync.Mutex
	work    Fusible       // in place of run, if it can be fused
	lent    bool          // another Node does its work: that one wants the inputs in its place
	busy    bool          // a goroutine runs the Node
	waiting chan struct{} // not nil if others wait for it; closed when it ends
	done    bool
	inputs  []Input // nil once done
	outs    []*Value
}

// A Single is memory for a Node with its only Value, as most Nodes are.
type Single struct {
	node  Node
	value Value
	outs  [1]*Value
}

// A Value is one dense row-major array, computed or not.
type Value struct {
	spec Spec
	dev  *Device

	mu    sync.Mutex
	node  *Node   // computes it; nil once that is done
	buf   *Buffer // nil before, after an error, and after it was freed
	fate  *fate   // of the launch that writes buf, until it is known to be good
	err   error   // why there is no buf
	freed string  // where Free was called; then nothing new may use it
	uses  int     // pending Nodes and Holds that still need buf
	wants int     // pending Nodes that will read buf: those whose work no other does
}

// New returns the Values of a new Node on dev that computes specs from inputs,
// which the caller must not change any more, nor the Specs' Dims. The name is
// for messages. It fails if a Spec is impossible or if an input was freed; an
// input that carries an error is passed on when the Node would run.
func New(name string, dev *Device, inputs []Input, specs []Spec, run RunFunc) ([]*Value, error) {
	n, err := newNode(name, dev, inputs, specs, nil)
	if err != nil {
		return nil, err
	}
	n.run = run
	return n.outs, nil
}

// newNode returns a Node without work, in s if that is not nil and if there is
// one Spec.
func newNode(name string, dev *Device, inputs []Input, specs []Spec, s *Single) (*Node, error) {
	for _, s := range specs {
		if _, err := s.Bytes(); err != nil {
			return nil, err
		}
	}
	for i, in := range inputs {
		if err := in.Value.use(); err != nil {
			for _, before := range inputs[:i] {
				before.Value.want(-1)
				before.Value.unuse()
			}
			return nil, err
		}
	}
	if len(specs) == 1 {
		if s == nil {
			s = &Single{}
		}
		s.node.name, s.node.inputs = name, inputs
		s.value = Value{spec: specs[0], dev: dev, node: &s.node}
		s.outs[0] = &s.value
		s.node.outs = s.outs[:]
		dev.scopes.track(&s.value)
		return &s.node, nil
	}
	n := &Node{name: name, inputs: inputs, outs: make([]*Value, len(specs))}
	for i, s := range specs {
		n.outs[i] = &Value{spec: s, dev: dev, node: n}
		dev.scopes.track(n.outs[i])
	}
	return n, nil
}

// Leaf returns the Value of a View that exists already: dense, offset 0, with a
// Buffer that nobody else owns.
func Leaf(dev *Device, v View) *Value {
	l := &Value{spec: Spec{v.DType, slices.Clone(v.Dims)}, dev: dev, buf: v.Buffer}
	dev.scopes.track(l)
	return l
}

// DType returns the element type.
func (v *Value) DType() dtype.DType { return v.spec.DType }

// Dims returns the dimensions, which the caller must not change.
func (v *Value) Dims() []int { return v.spec.Dims }

// Device returns the device the Value lives on.
func (v *Value) Device() *Device { return v.dev }

// Done reports whether the Value has been computed, or has failed.
func (v *Value) Done() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.node == nil
}

// Err returns the error that computing the Value ended with, or a *FreedError
// if it was freed; nil if it is good or not computed yet.
func (v *Value) Err() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.errLocked()
}

func (v *Value) errLocked() error {
	switch {
	case v.freed != "":
		return &FreedError{v.freed}
	case v.err != nil:
		return v.err
	case v.fate != nil:
		failure, done := v.fate.state()
		if done {
			v.fate = nil
		}
		if failure != nil {
			v.err = failure
			return failure
		}
	}
	return v.dev.lostError()
}

// A FreedError says that a Value was freed before it was used again.
type FreedError struct{ Where string } // file:line of the Free

func (e *FreedError) Error() string { return "array was freed at " + e.Where }

// Free gives the Value's memory back to its device's pool: at once, or as soon
// as the Nodes that were made with it and have not run yet have done so. From
// now on the Value is a *FreedError that names where. One that carries an error
// stays as it is.
func (v *Value) Free(where string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.errLocked() == nil {
		v.freed = where
		v.reclaim()
	}
}

// reclaim releases the memory of a freed Value that nothing uses any more.
// v.mu is held.
func (v *Value) reclaim() {
	if v.freed != "" && v.uses == 0 && v.buf != nil {
		v.buf.release()
		v.buf = nil
	}
}

// use notes that something will need the Value's memory until unuse.
func (v *Value) use() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.freed != "" {
		return &FreedError{v.freed}
	}
	v.uses++
	v.wants++
	return nil
}

// want adds to the count of Nodes that will read the Value's memory.
func (v *Value) want(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.wants += n
}

// read notes that a Node has used the Value, and that it wanted to, if it did.
func (v *Value) read(wanted bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if wanted {
		v.wants--
	}
	v.uses--
	v.reclaim()
}

func (v *Value) unuse() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uses--
	v.reclaim()
}

// Hold returns the memory of a computed Value, and a function to call once it
// is no longer needed: until then Free does not take it away.
func (v *Value) Hold() (View, func(), error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.errLocked(); err != nil {
		return View{}, nil, err
	}
	if v.buf == nil {
		return View{}, nil, fmt.Errorf("internal error: array held before it was computed")
	}
	if r := v.buf.rec; r != nil && r.active.Load() {
		return View{}, nil, errRecording
	}
	v.uses++
	return View{View: shape.New(v.spec.Dims), DType: v.spec.DType, Buffer: v.buf}, v.unuse, nil
}
