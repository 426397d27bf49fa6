package codegen

// This file implements schedules: how the work of a kernel is laid over
// threads. A schedule never changes what is computed, only the order in which
// sums are added.

import (
	"fmt"
	"math/bits"

	"github.com/zmlx-go/zmlx/internal/formula"
)

// A Schedule lays a kernel's work over threads. Its zero fields are 1.
type Schedule struct {
	// Group is the number of threads of a threadgroup or, in row kernels, of a
	// row: 1 to 1,024. Up to 32 threads a row need no barrier.
	Group int

	// RowsPerGroup is the number of rows of a threadgroup, where Group is 1 or
	// 32. Else it is 1.
	RowsPerGroup int

	// Vector is the number of neighbouring elements that a thread takes at a
	// time: 1, 2, 4 or 8, with vector loads and stores where they are possible.
	Vector int

	// PerThread is the number of vectors that a thread of an elementwise kernel
	// takes, and the number of elements that a thread of a row kernel holds.
	PerThread int

	// InRegisters makes threads of a row kernel keep their PerThread elements,
	// so that each is read once. The row must have at most Group*PerThread.
	InRegisters bool

	// Exact says that the row has Group*PerThread elements, so that no thread has
	// to test whether it is in it; with Rows, that whole rows, or a part of one,
	// are Group*PerThread elements; with Whole, only that the length is in the text,
	// and so are distances of rows. Other lengths of rows are other kernels.
	Exact bool

	// Whole says that the results of an elementwise kernel are a multiple of
	// Group*PerThread*Vector elements, so that no thread has to test whether it is
	// among them, and loads wait for no length. Vector is more than 1.
	Whole bool

	// Reload makes threads that keep what they computed read inputs again all the
	// same: where that comes from a near cache it is no slower.
	Reload bool

	// Packed makes threads that keep their elements keep inputs of 2 bytes as they
	// lie in memory, 8 of them in 4 registers, and nothing else: what else is
	// needed again is computed again. Vector is 8.
	Packed bool

	// Online makes row kernels find a softmax's greatest element and sum in one
	// walk, for rows that are not kept in registers. Group is 1, or a multiple of 32.
	Online bool

	// Rows makes threadgroups of an elementwise kernel go along rows, where that
	// helps: inputs that do not lie as the result does are then located once for
	// each row. Vector is 1.
	Rows bool

	// Wide makes indexes 64 bits wide.
	Wide bool
}

// Limits are what a default schedule must know of a device.
type Limits struct {
	Threads int  // most threads of a threadgroup; 0: 1,024
	CPU     bool // a simdgroup is vector registers, and barriers cost
}

func (s Schedule) withDefaults() Schedule {
	s.Group, s.RowsPerGroup = max(s.Group, 1), max(s.RowsPerGroup, 1)
	s.Vector, s.PerThread = max(s.Vector, 1), max(s.PerThread, 1)
	return s
}

// mostPerThread bounds the registers that one array of a thread takes. Where
// inputs come from a near cache, so do these.
func (s Schedule) mostPerThread() int {
	if s.Reload {
		return 1024
	}
	return 64
}

func (s Schedule) valid(name string) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s: schedule %+v: "+format, append([]any{name, s}, args...)...)
	}
	if s.Group < 0 || s.RowsPerGroup < 0 || s.Vector < 0 || s.PerThread < 0 {
		return bad("a negative field; 0 stands for 1")
	}
	s = s.withDefaults()
	switch {
	case s.Group > 1024:
		return bad("a threadgroup has at most 1024 threads")
	case s.RowsPerGroup > 1 && s.Group != 1 && s.Group != 32:
		return bad("several rows for each threadgroup need 1 or 32 threads for each row")
	case s.RowsPerGroup > 1024/s.Group:
		return bad("%d threads, but a threadgroup has at most 1024", s.Group*s.RowsPerGroup)
	case s.Vector != 1 && s.Vector != 2 && s.Vector != 4 && s.Vector != 8:
		return bad("vectors have 1, 2, 4 or 8 elements")
	case s.PerThread > 1<<16:
		return bad("a thread takes at most 65536 elements")
	case s.InRegisters && s.PerThread > s.mostPerThread():
		return bad("a thread holds at most %d elements", s.mostPerThread())
	case s.Online && (s.InRegisters || s.Group > 1 && s.Group%32 != 0):
		return bad("softmax in one walk is for rows that are not in registers, and 1 thread or whole simdgroups")
	case s.Packed && !(s.InRegisters && s.Vector == 8):
		return bad("packed rows are kept in registers, in vectors of 8")
	case s.Exact && !s.InRegisters && !s.Rows && !s.Whole:
		return bad("rows of an exact length are kept in registers")
	case s.InRegisters && s.PerThread%s.Vector != 0:
		return bad("the elements of a thread are no multiple of its vectors")
	}
	return nil
}

// DefaultSchedule returns a schedule that is good on most devices of a kind.
// A faulty call gives a schedule too, and its error from Generate.
func DefaultSchedule(f *formula.Formula, c Call, l Limits) Schedule {
	p, err := newPlan(f, c)
	if err != nil {
		return Schedule{}.withDefaults()
	}
	if l.Threads == 0 {
		l.Threads = 1024
	}
	if p.row {
		return p.rowSchedule(l)
	}
	s := Schedule{Group: min(128, l.Threads), Vector: p.vector(), Wide: p.wide(), RowsPerGroup: 1, PerThread: 1}
	if !l.CPU && s.Vector == 8 { // half as many bytes are in flight for each element
		switch {
		case p.n >= 1<<25:
			s.PerThread = 4
		case p.n >= 1<<22:
			s.PerThread = 2
		}
	}
	// Kernels of their own for large calls, of rows as wide as models usually are.
	// Of four vectors compilers put the loads off, which costs more.
	if s.PerThread == 2 && p.n%(2*s.Group*s.Vector) == 0 {
		rows := p.alongRowsHelps()
		s.Exact = rows && p.usualWidth(1<<16)
		s.Whole = s.Exact || !rows
	}
	if l.CPU {
		s.Group, s.Vector, s.PerThread = min(32, l.Threads), 1, 128
		s.Rows = p.alongRowsHelps()
		switch {
		case !s.Rows || s.Group != 32:
		case p.usualWidth(8192):
			s.Exact, s.PerThread = true, max(1, 4096/p.d)*p.d/32
		case p.usualWidth(1<<16) && p.d%4096 == 0:
			s.Exact = true
		}
	}
	return s
}

// vector returns how many elements of the widest array that is as long as the
// inputs fill 16 bytes.
func (p *plan) vector() int {
	widest := 1
	for _, in := range p.inputs {
		if in.used && in.layout == Dense {
			widest = max(widest, in.dtype.Size())
		}
	}
	for _, r := range p.results {
		if r.whole {
			widest = max(widest, r.dtype.Size())
		}
	}
	return min(8, max(1, 16/widest))
}

// wide reports whether 32 bits could be too few for an index.
func (p *plan) wide() bool { return int64(p.n) >= 1<<31 || int64(p.rows) >= 1<<31 }

func (p *plan) rowSchedule(l Limits) Schedule {
	s := Schedule{Group: 32, RowsPerGroup: 1, Vector: 1, Wide: p.wide()}
	if l.CPU {
		p.layOnCPU(&s, l)
	} else {
		p.layOnGPU(&s, l)
	}
	if p.rows >= 1<<27 {
		s.Group, s.RowsPerGroup, s.Exact = 1, min(256, l.Threads), false
	}
	steps := (p.d + s.Group*s.Vector - 1) / (s.Group * s.Vector)
	if !s.Exact {
		s.PerThread = s.Vector << bits.Len(uint(max(steps, 1)-1))
	}
	// Threads of large groups have few registers. What does not fit into those
	// of the greatest is still better spilled than read again.
	s.InRegisters = s.PerThread <= 32 || !l.CPU && s.Exact && s.Vector == 8 && s.PerThread <= 64
	if s.Reload {
		s.InRegisters = s.PerThread <= s.mostPerThread() && (s.Exact || p.kept(s) > 0)
	}
	if kept := p.kept(s) * s.PerThread; !l.CPU && (kept > 64 || kept > 32 && s.Group > 512) && (!s.Exact || kept > 128) {
		s.InRegisters = false
	}
	switch {
	case l.CPU || s.Group%32 != 0:
	case s.Exact && s.Vector == 8 && (s.Group > 512 || p.weights() > 1) && s.PerThread > 32 && s.PerThread <= 64:
		s.InRegisters, s.Packed = true, true
	case !s.InRegisters && p.hasOnline():
		s.Online = true
	}
	if !s.InRegisters {
		s.PerThread, s.Exact = 1, false
	}
	return s
}

// layOnCPU chooses how many rows a threadgroup takes, since each of them costs
// some time, and kernels of their own for what models are usually wide.
func (p *plan) layOnCPU(s *Schedule, l Limits) {
	s.Reload = true
	s.RowsPerGroup = max(1, min(l.Threads/32, 4096/max(p.d, 1), p.rows/8))
	if p.usualWidth(32 * s.mostPerThread()) {
		s.Exact, s.PerThread = true, p.d/32
	}
}

// usualWidth reports whether rows are as wide as those of models often are, and
// no wider than most.
func (p *plan) usualWidth(most int) bool {
	return p.d >= 64 && p.d <= most && (p.d&(p.d-1) == 0 || p.d%1024 == 0)
}

// layOnGPU chooses the threads of a row: a simdgroup for short rows, which need
// no barrier then, and as many that each has a few vectors in flight for others.
func (p *plan) layOnGPU(s *Schedule, l Limits) {
	for s.Vector < p.vector() && p.d%(2*s.Vector) == 0 && p.d >= 64*s.Vector {
		s.Vector *= 2
	}
	vectors := p.d / s.Vector
	inputs, weights := 0, p.weights()
	for _, in := range p.inputs {
		if in.used && in.layout == Dense {
			inputs++
		}
	}
	enough := func(group int) bool { // for the row
		each := 4
		if group == 32 && s.Vector == 8 && weights > 0 { // which are waited for, too
			each = 2
		}
		if group >= 256 && s.Vector == 8 && inputs == 1 { // fewer threads wait for each other
			each = 8
		}
		return vectors <= group*max(each, 8/s.Vector)
	}
	for s.Group < min(l.Threads, 1024) && !enough(s.Group) && int64(p.rows) < 1<<31/int64(2*s.Group) {
		s.Group *= 2
	}
	switch {
	case p.d <= 4:
		s.Group, s.RowsPerGroup = 1, min(256, l.Threads)
	case s.Group == 32:
		s.RowsPerGroup = min(4, l.Threads/32)
	}
	// Kernels of their own for what models are usually wide.
	if p.d >= 256 && (p.d&(p.d-1) == 0 || p.d%1024 == 0) {
		if p.d%(s.Group*s.Vector) == 0 {
			s.Exact, s.PerThread = true, p.d/s.Group
		}
	}
}

// weights returns the number of inputs that are the same for all rows. Threads
// that hold long parts of rows have few registers left for several.
func (p *plan) weights() int {
	n := 0
	for _, in := range p.inputs {
		if in.used && in.layout == LastAxis {
			n++
		}
	}
	return n
}

// kept returns the number of values of each element that a kernel with rows in
// registers keeps there.
func (p *plan) kept(s Schedule) int {
	s.InRegisters = true
	e := &rowEmitter{emitter: newEmitter(p, s), s: s, passes: p.passes(), kept: map[*node]string{}, packed: map[int]packedInput{}}
	e.firsts()
	return len(e.kept)
}
