// This file implements fusion: a Node that takes over the work of Nodes before
// it, so that their Values never exist.

package graph

import (
	"context"
	"slices"
)

// A Fusible is the work of a Node, such that another Node can take it over.
type Fusible interface {
	// Run is a RunFunc.
	Run(ctx context.Context, in []View) ([]View, error)

	// Absorb returns work that computes input i itself, by doing before, whose
	// inputs take the place of input i. in is how input i sees before's only
	// Value. It returns nil where that cannot be, or should not.
	Absorb(i int, in Input, before Fusible) Fusible
}

// NewFusible is like [New] for work that can be fused. It returns the only
// Value of specs, which lies in s then, or all of them if there are several.
func NewFusible(name string, dev *Device, inputs []Input, specs []Spec, work Fusible, s *Single) (*Value, []*Value, error) {
	n, err := newNode(name, dev, inputs, specs, s)
	if err != nil {
		return nil, nil, err
	}
	n.work = work
	if len(n.outs) == 1 {
		return n.outs[0], nil, nil
	}
	return nil, n.outs, nil
}

// fuse takes into n the Nodes before it whose Values nothing else is waiting
// for: at the time of the call no other Node will read them, and they are not
// among keep. Such a Value can still be asked for later; it is computed then.
// n.mu is held.
func (n *Node) fuse(keep *nodeSet) {
	if n.work == nil || n.busy || n.done {
		return
	}
	for i := 0; i < len(n.inputs); {
		if !n.absorb(i, keep) {
			i++
		}
	}
}

// absorb takes the Node that computes input i into n, if it can.
func (n *Node) absorb(i int, keep *nodeSet) bool {
	in := n.inputs[i]
	v := in.Value
	v.mu.Lock()
	before, wants, freed := v.node, v.wants, v.freed
	v.mu.Unlock()
	if before == nil || before == n || wants != 1 || freed != "" || keep.has(before) {
		return false
	}
	// Nodes form no cycles, and n is locked before those it depends on.
	before.mu.Lock()
	defer before.mu.Unlock()
	if before.done || before.busy || before.work == nil || len(before.outs) != 1 {
		return false
	}
	work := n.work.Absorb(i, in, before.work)
	if work == nil {
		return false
	}
	for _, b := range before.inputs {
		b.Value.share(before.lent)
	}
	before.lent = true
	n.inputs = slices.Concat(n.inputs[:i], before.inputs, n.inputs[i+1:])
	n.work = work
	v.want(-1)
	v.unuse()
	return true
}

// share notes a further use of a Value by a Node that does another's work, and
// that it will read the Value too if the other's place was taken before. The
// other, which has not run, keeps the memory of a freed Value for both.
func (v *Value) share(wants bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uses++
	if wants {
		v.wants++
	}
}

// takeBack makes n, which is to run by itself, want its inputs again. n.mu is
// held.
func (n *Node) takeBack() {
	if !n.lent || n.busy {
		return
	}
	n.lent = false
	for _, in := range n.inputs {
		in.Value.want(1)
	}
}
