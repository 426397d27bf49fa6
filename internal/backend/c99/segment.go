package c99

// This file implements segments: runs of instructions that share a loop over
// the lanes.

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A segment is a loop over lanes that is being written.
type segment struct {
	lines  []string
	after  []string // statements after the loop
	locals []ir.Reg // temporaries that are locals of the loop
	used   map[ir.Reg]int
	reads  map[ir.Reg]bool // variables that it uses
	set    []ir.Reg        // variables that it assigns: locals of the loop from then on
	masked bool            // it uses "on", whether the lane is active
	stores bool
	serial bool // one lane after the other, in order
}

// segment returns the segment that lines go to.
func (e *emitter) segment() *segment {
	if e.seg == nil {
		e.seg = &segment{used: map[ir.Reg]int{}, reads: map[ir.Reg]bool{}}
	}
	return e.seg
}

// add adds a line to the loop over lanes.
func (e *emitter) add(format string, args ...any) {
	s := e.segment()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// flush writes the loop. Locals that are used after it become arrays.
func (e *emitter) flush() {
	s := e.seg
	if s == nil {
		return
	}
	e.seg = nil
	var kept []ir.Reg
	for _, r := range s.locals {
		name := fmt.Sprintf("v%d", r)
		if s.used[r] < e.uses[r] {
			kept = append(kept, r)
			e.line("ALIGNED %s %s[32];", backend.RegisterType(e.f.Regs[r].Type), name)
		}
		e.forms[r] = form{kind: inArray, text: name}
	}
	if len(s.lines) > 0 {
		if s.serial {
			e.open("for (int l = 0; l < 32; ++l)")
		} else {
			e.open("LANES")
		}
		if s.masked {
			e.line("const int32_t on = (int32_t)(%s >> l & 1);", e.mask)
		}
		for _, line := range s.lines {
			e.line("%s", line)
		}
		for _, r := range s.set {
			e.line("v%d[l] = x%d;", r, r)
		}
		for _, r := range kept {
			e.line("v%d[l] = t%d;", r, r)
		}
		e.close()
	}
	for _, line := range s.after {
		e.line("%s", line)
	}
}

// active returns the condition that lane l takes part, "" if all do.
func (e *emitter) active() string {
	on := ""
	if e.mask != "" {
		e.segment().masked = true
		on = "on"
	}
	switch {
	case e.cond == "":
		return on
	case on == "":
		return e.cond
	}
	return on + " & " + e.cond
}

// lane returns the value of a register in lane l, for a line of the segment.
func (e *emitter) lane(r ir.Reg) string {
	info := e.f.Regs[r]
	switch {
	case info.Kind == ir.ConstReg:
		return backend.Literal(info)
	case info.Kind == ir.ParamReg:
		return fmt.Sprintf("p%d", info.Index)
	case info.Kind == ir.AllocReg:
		return e.allocation(info.Index, "(s * 32 + l)")
	}
	seg := e.segment()
	seg.reads[r] = true
	if !e.Varying[r] {
		return fmt.Sprintf("u%d", r)
	}
	fm, ok := e.forms[r]
	if !ok {
		panic(fmt.Sprintf("internal error: register %d has no value here", r))
	}
	switch fm.kind {
	case inLoop:
		seg.used[r]++
		return fm.text
	case linear:
		return linearLane(info.Type, fm)
	case expression:
		return fm.text
	}
	if slices.Contains(seg.set, r) {
		return fmt.Sprintf("x%d", r)
	}
	return fm.text + "[l]"
}

// scalar returns the value of a uniform register.
func (e *emitter) scalar(r ir.Reg) string {
	info := e.f.Regs[r]
	switch info.Kind {
	case ir.ConstReg:
		return backend.Literal(info)
	case ir.ParamReg:
		return fmt.Sprintf("p%d", info.Index)
	case ir.AllocReg:
		return e.allocation(info.Index, "0")
	}
	return fmt.Sprintf("u%d", r)
}

// pinned reports whether a varying register has an array of its own, rather
// than taking the form of what is assigned to it.
func (e *emitter) pinned(r ir.Reg) bool {
	return e.f.Regs[r].Kind == ir.VarReg || e.cross[r] || e.fixed[r]
}

// set adds the assignment of a value to a varying register.
func (e *emitter) set(r ir.Reg, value string) {
	info := e.f.Regs[r]
	if !e.pinned(r) {
		s := e.segment()
		s.locals = append(s.locals, r)
		s.used[r] = 0
		e.forms[r] = form{kind: inLoop, text: fmt.Sprintf("t%d", r)}
		e.add("const %s t%d = %s;", backend.RegisterType(info.Type), r, value)
		return
	}
	s := e.segment()
	s.reads[r] = true
	if on := e.active(); on != "" {
		old := fmt.Sprintf("v%d[l]", r)
		if slices.Contains(s.set, r) {
			old = fmt.Sprintf("x%d", r)
		}
		value = fmt.Sprintf("%s ? %s : %s", on, value, old)
	}
	if slices.Contains(s.set, r) {
		e.add("x%d = %s;", r, value)
		return
	}
	s.set = append(s.set, r) // stores under a condition would become branches
	e.add("%s x%d = %s;", backend.RegisterType(info.Type), r, value)
}

// setUniform assigns a uniform register.
func (e *emitter) setUniform(r ir.Reg, value string) {
	if e.seg != nil && e.seg.reads[r] {
		e.flush()
	}
	e.line("u%d = %s;", r, value)
}

// array returns the name of an array that holds a register's lanes, after what
// was added so far.
func (e *emitter) array(r ir.Reg) string {
	if fm, ok := e.forms[r]; ok && e.Varying[r] && (fm.kind == inArray || fm.kind == inLoop) {
		e.flush()
		return e.forms[r].text
	}
	name := e.name("w")
	value := e.lane(r)
	e.add("%s[l] = %s;", name, value)
	seg := e.seg
	e.seg = nil
	e.line("ALIGNED %s %s[32];", backend.RegisterType(e.f.Regs[r].Type), name)
	e.seg = seg
	e.flush()
	return name
}

// fill makes an array that was written before this a register's value.
func (e *emitter) fill(r ir.Reg, array string) {
	if !e.pinned(r) {
		e.forms[r] = form{kind: inArray, text: array}
		return
	}
	e.set(r, array+"[l]")
	e.flush()
}

// ballot returns a scalar with the bits of the lanes in which a condition, an
// expression of l, is not 0.
func (e *emitter) ballot(value string) string {
	name, bits := e.name("c"), e.name("m")
	e.add("%s[l] = %s;", name, value)
	seg := e.seg
	e.seg = nil
	e.line("ALIGNED int32_t %s[32];", name)
	e.seg = seg
	e.flush()
	e.line("const uint32_t %s = %s;", bits, e.names.Call("zm_ballot", name))
	return bits
}
