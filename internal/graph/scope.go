// This file implements scopes: a function's temporaries are freed when it
// ends. Values belong to the innermost scope that the goroutine which made
// them has open on their device; goroutines that a scope's function starts are
// outside of it, so that no scope ever frees what another goroutine made.

package graph

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"weak"
)

type scopes struct {
	open atomic.Int64 // number of open scopes; 0 makes track free of cost
	mu   sync.Mutex
	top  map[uint64]*Scope // innermost scope by goroutine
}

// A Scope notes the Values that one goroutine makes on one device.
type Scope struct {
	dev       *Device
	goroutine uint64
	outer     *Scope
	made      []weak.Pointer[Value] // weak: the collector may be faster
	kept      map[*Value]bool
}

// OpenScope opens a scope for the calling goroutine, which must Close it.
func (d *Device) OpenScope() *Scope {
	s := &Scope{dev: d, goroutine: goroutineID(), kept: map[*Value]bool{}}
	c := &d.scopes
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.top == nil {
		c.top = map[uint64]*Scope{}
	}
	s.outer = c.top[s.goroutine]
	c.top[s.goroutine] = s
	c.open.Add(1)
	return s
}

// Keep leaves v alive beyond the scope. It becomes a temporary of the scope
// around, if there is one.
func (s *Scope) Keep(v *Value) {
	s.dev.scopes.mu.Lock()
	defer s.dev.scopes.mu.Unlock()
	s.kept[v] = true
}

// Close frees the Values made in the scope that were not kept, and names where
// in their errors. It must be called by the goroutine that opened the scope.
func (s *Scope) Close(where string) {
	c := &s.dev.scopes
	c.mu.Lock()
	c.open.Add(-1)
	if s.outer != nil {
		c.top[s.goroutine] = s.outer
	} else {
		delete(c.top, s.goroutine)
	}
	c.mu.Unlock()
	for _, w := range s.made {
		v := w.Value()
		switch {
		case v == nil:
		case !s.kept[v]:
			v.Free(where)
		case s.outer != nil:
			s.outer.made = append(s.outer.made, w)
		}
	}
}

// track notes that the calling goroutine has made v.
func (c *scopes) track(v *Value) {
	if c.open.Load() == 0 {
		return
	}
	id := goroutineID()
	c.mu.Lock()
	s := c.top[id]
	c.mu.Unlock()
	if s != nil {
		s.made = append(s.made, weak.Make(v)) // only this goroutine does so
	}
}

// goroutineID returns the number of the calling goroutine, which the runtime
// gives away only in the first line of its stack: "goroutine 12 [running]:".
func goroutineID() uint64 {
	var line [64]byte
	text := line[:runtime.Stack(line[:], false)]
	text = bytes.TrimPrefix(text, []byte("goroutine "))
	text, _, _ = bytes.Cut(text, []byte(" "))
	id, _ := strconv.ParseUint(string(text), 10, 64)
	return id
}
