package interp

// This file implements compilation: from the statements of an ir.Func to
// steps, with a slot for every register.

import (
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A program is a compiled kernel.
type program struct {
	fn       *ir.Func
	params   []string // names
	body     block
	slots    []slotInfo
	tables   [][]byte // contents of Constant allocations, aligned
	varEnd   int      // slots below this hold VarRegs, which start as zero
	consts   []constant
	numMasks int
	threads  int    // bytes of thread memory of one thread
	group    int    // bytes of threadgroup memory of one threadgroup
	checked  bool   // in checked mode
	slotOf   []slot // of each register

	pool framePool
}

type slotInfo struct{ size int }

type constant struct {
	slot slot
	bits uint64
}

// A compiler holds what is known while one Func is compiled.
type compiler struct {
	*program
	free map[int][]slot
	ptrs []int // of each Ptr register: the region it always points into, or 0
	park map[parkKey]int
	dead map[ir.Stmt][]ir.Reg // temps whose last use is in the statement
	err  error
}

type parkKey struct {
	target ir.Stmt
	kind   ir.ExitKind
}

// tooMuch says that the arrays of a space need more memory than there is, at
// the largest of them.
func (c *compiler) tooMuch(space ir.Space, format string, args ...any) error {
	var largest *ir.Alloc
	for i := range c.fn.Allocs {
		if a := &c.fn.Allocs[i]; a.Space == space && (largest == nil || a.Size > largest.Size) {
			largest = a
		}
	}
	list := &source.List{Set: c.fn.Set}
	if list.Set == nil {
		list.Set = &source.Set{}
	}
	d := list.Errorf(largest.Span, launch.MemoryLimit, format, args...)
	d.Hint = "make its " + space.String() + " arrays smaller"
	if largest.Name != "" {
		d.Hint += fmt.Sprintf("; %s is the largest, with %d bytes", largest.Name, largest.Size)
	}
	return list
}

// laneSize returns the bytes that a lane of type t takes.
func laneSize(t ir.Type) int {
	switch t {
	case ir.Bool:
		return 1
	case ir.I64, ir.U64, ir.F64, ir.Ptr:
		return 8
	}
	return 4
}

func compile(fn *ir.Func, opt launch.Options) (p *program, err error) {
	if err := ir.Verify(fn); err != nil {
		return nil, err
	}
	if n := 1 + len(fn.Params) + len(fn.Allocs); n > 1<<16 {
		return nil, fmt.Errorf("interp: kernel %s has %d parameters and arrays, at most %d are possible", fn.Name, n-1, 1<<16-1)
	}
	c := &compiler{
		program: &program{fn: fn, params: make([]string, len(fn.Params)), slotOf: make([]slot, len(fn.Regs))},
		free:    map[int][]slot{},
		park:    map[parkKey]int{},
		dead:    map[ir.Stmt][]ir.Reg{},
	}
	for i := range fn.Params {
		c.params[i] = fn.Params[i].Name
	}
	c.tables = make([][]byte, len(fn.Allocs))
	for i := range fn.Allocs {
		a := &fn.Allocs[i]
		switch a.Space {
		case ir.Constant:
			c.tables[i] = launch.AlignedBytes(a.Size)
			copy(c.tables[i], a.Init)
		case ir.Threadgroup:
			c.group += a.Size
		case ir.Thread:
			c.threads += a.Size
		}
	}
	if c.group > limits.ThreadgroupMemory {
		return nil, c.tooMuch(ir.Threadgroup, "the kernel needs %d bytes of threadgroup memory, at most %d are there", c.group, limits.ThreadgroupMemory)
	}
	if c.threads > maxThreadTotal {
		return nil, c.tooMuch(ir.Thread, "the kernel needs %d bytes of thread memory for each thread, at most %d are there", c.threads, maxThreadTotal)
	}
	if opt.Check {
		c.checked = true
	}
	temps := c.lifetimes()
	for r := range fn.Regs {
		c.slotOf[r] = noSlot
		if fn.Regs[r].Kind == ir.VarReg || fn.Regs[r].Kind == ir.TempReg && !temps[r] {
			c.slotOf[r] = c.newSlot(laneSize(fn.Regs[r].Type))
		}
	}
	c.varEnd = len(c.slots)
	c.pointers()
	c.body = c.block(&fn.Body)
	if c.err != nil {
		return nil, fmt.Errorf("interp: kernel %s: %w", fn.Name, c.err)
	}
	return c.program, nil
}

func (c *compiler) newSlot(size int) slot {
	c.slots = append(c.slots, slotInfo{size})
	return slot(len(c.slots) - 1)
}

func (c *compiler) newMask() int {
	c.numMasks++
	return c.numMasks - 1
}

// slot returns where register r is kept.
func (c *compiler) slot(r ir.Reg) slot {
	if c.slotOf[r] != noSlot {
		return c.slotOf[r]
	}
	info := &c.fn.Regs[r]
	size := laneSize(info.Type)
	if info.Kind == ir.TempReg {
		if free := c.free[size]; len(free) > 0 {
			c.slotOf[r] = free[len(free)-1]
			c.free[size] = free[:len(free)-1]
			return c.slotOf[r]
		}
	}
	s := c.newSlot(size)
	c.slotOf[r] = s
	switch info.Kind {
	case ir.ConstReg:
		c.consts = append(c.consts, constant{s, constBits(info)})
	case ir.ParamReg, ir.AllocReg:
		c.consts = append(c.consts, constant{s, uint64(c.regionOf(info))<<ptrShift | ptrBias})
	}
	return s
}

// constBits returns a constant as its lanes hold it.
func constBits(info *ir.RegInfo) uint64 {
	switch info.Type {
	case ir.F16:
		return uint64(math.Float32bits(half.Float16(info.Bits).Float32()))
	case ir.BF16:
		return uint64(uint16(info.Bits)) << 16
	case ir.Bool:
		return info.Bits & 1
	}
	return info.Bits
}

// regionOf returns the number of the region that a ParamReg or AllocReg
// points to.
func (c *compiler) regionOf(info *ir.RegInfo) int {
	if info.Kind == ir.ParamReg {
		return 1 + info.Index
	}
	return 1 + len(c.fn.Params) + info.Index
}

func (c *compiler) dst(in *ir.Instr) slot { return c.slot(in.Dst[0]) }

func (c *compiler) dsts(in *ir.Instr) []slot {
	s := make([]slot, len(in.Dst))
	for i, r := range in.Dst {
		s[i] = c.slot(r)
	}
	return s
}

func (c *compiler) args(in *ir.Instr) []slot {
	s := make([]slot, len(in.Args))
	for i, r := range in.Args {
		s[i] = c.slot(r)
	}
	return s
}

// temp reports whether lanes of r other than the active ones may be
// overwritten: nothing reads them.
func (c *compiler) temp(r ir.Reg) bool { return c.slotOf[r] >= slot(c.varEnd) }

func (c *compiler) access(addr ir.Addr) *access {
	a := &access{base: noSlot, index: noSlot, scale: addr.Scale, off: addr.Off}
	info := &c.fn.Regs[addr.Base]
	if info.Kind == ir.ParamReg || info.Kind == ir.AllocReg {
		a.region = c.regionOf(info)
	} else {
		a.region = c.ptrs[addr.Base]
		a.base = c.slot(addr.Base)
	}
	if addr.Index != ir.NoReg {
		a.index = c.slot(addr.Index)
		a.itype = c.fn.Regs[addr.Index].Type
	}
	return a
}

func (c *compiler) fail(format string, args ...any) step {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	return func(*frame) {}
}

func (c *compiler) block(b *ir.Block) block {
	steps := make(block, 0, len(b.Stmts))
	for _, s := range b.Stmts {
		st := c.stmt(s)
		if st != nil {
			steps = append(steps, st)
		}
		for _, r := range c.dead[s] {
			if s := c.slotOf[r]; s != noSlot {
				size := c.slots[s].size
				c.free[size] = append(c.free[size], s)
			}
		}
	}
	return steps
}

func (c *compiler) stmt(s ir.Stmt) step {
	switch s := s.(type) {
	case *ir.Instr:
		st := c.instr(s)
		if c.checked {
			return c.checkInstr(s, st)
		}
		return st
	case *ir.If:
		cond := c.slot(s.Cond)
		then, els := c.block(&s.Then), c.block(&s.Else)
		st := stepIf(cond, then, els, escapes(s), c.newMask(), c.newMask(), c.newMask())
		if c.checked {
			return c.checkCond(s.Cond, s.Span, st)
		}
		return st
	case *ir.Loop:
		m := loopMasks{stay: c.newMask(), done: c.newMask(), again: -1, out: c.newMask()}
		c.park[parkKey{s, ir.Break}] = m.done
		if continues(s) {
			m.again = c.newMask()
			c.park[parkKey{s, ir.Continue}] = m.again
		}
		head := c.block(&s.Head)
		cond := noSlot
		if s.Cond != ir.NoReg {
			cond = c.slot(s.Cond)
			if c.checked {
				head = append(head, c.checkCond(s.Cond, s.Span, func(*frame) {}))
			}
		}
		return stepLoop(head, cond, c.block(&s.Body), c.block(&s.Step), escapes(s), m)
	case *ir.Scope:
		left, out := c.newMask(), c.newMask()
		c.park[parkKey{s, ir.Leave}] = left
		return stepScope(c.block(&s.Body), escapes(s), left, out)
	case *ir.Exit:
		if s.Kind == ir.Return {
			if c.checked {
				return checkReturn
			}
			return stepReturn()
		}
		park, ok := c.park[parkKey{s.Target, s.Kind}]
		if !ok {
			return c.fail("%s does not lie in its target", s.Kind)
		}
		return stepExit(park)
	}
	return c.fail("unknown statement %T", s)
}

// continues reports whether a Continue of l occurs in its body.
func continues(l *ir.Loop) bool {
	found := false
	walk(&l.Body, func(s ir.Stmt) {
		if e, ok := s.(*ir.Exit); ok && e.Kind == ir.Continue && e.Target == ir.Stmt(l) {
			found = true
		}
	})
	return found
}

// walk calls visit for every statement in b, outer ones first.
func walk(b *ir.Block, visit func(ir.Stmt)) {
	for _, s := range b.Stmts {
		visit(s)
		switch s := s.(type) {
		case *ir.If:
			walk(&s.Then, visit)
			walk(&s.Else, visit)
		case *ir.Loop:
			walk(&s.Head, visit)
			walk(&s.Body, visit)
			walk(&s.Step, visit)
		case *ir.Scope:
			walk(&s.Body, visit)
		}
	}
}

// lifetimes finds the temps whose storage can be used again after their last
// use, and notes in c.dead where that is.
func (c *compiler) lifetimes() (temps []bool) {
	temps = make([]bool, len(c.fn.Regs))
	defined := make([]*ir.Block, len(c.fn.Regs))
	last := make([]ir.Stmt, len(c.fn.Regs))
	bad := make([]bool, len(c.fn.Regs))

	// open holds the blocks around the current statement with the statement
	// of each that is under way.
	type level struct {
		block *ir.Block
		at    ir.Stmt
	}
	var open []level
	use := func(r ir.Reg) {
		if r == ir.NoReg || c.fn.Regs[r].Kind != ir.TempReg {
			return
		}
		for _, l := range open {
			if l.block == defined[r] {
				last[r] = l.at
				return
			}
		}
		bad[r] = true
	}
	var block func(b *ir.Block, cond ir.Reg)
	block = func(b *ir.Block, cond ir.Reg) {
		open = append(open, level{block: b})
		top := len(open) - 1
		for _, s := range b.Stmts {
			open[top].at = s
			switch s := s.(type) {
			case *ir.Instr:
				for _, r := range s.Args {
					use(r)
				}
				if s.Op.UsesAddr() {
					use(s.Addr.Base)
					use(s.Addr.Index)
				}
				for _, r := range s.Dst {
					if c.fn.Regs[r].Kind == ir.TempReg {
						if defined[r] != nil {
							bad[r] = true
						}
						defined[r], last[r] = b, s
					}
				}
			case *ir.If:
				use(s.Cond)
				block(&s.Then, ir.NoReg)
				block(&s.Else, ir.NoReg)
			case *ir.Loop:
				block(&s.Head, s.Cond)
				block(&s.Body, ir.NoReg)
				block(&s.Step, ir.NoReg)
			case *ir.Scope:
				block(&s.Body, ir.NoReg)
			}
		}
		if cond != ir.NoReg && len(b.Stmts) > 0 {
			use(cond) // by the last statement of Head
		}
		open = open[:top]
	}
	block(&c.fn.Body, ir.NoReg)
	for r := range temps {
		if c.fn.Regs[r].Kind == ir.TempReg && defined[r] != nil && !bad[r] {
			temps[r] = true
			c.dead[last[r]] = append(c.dead[last[r]], ir.Reg(r))
		}
	}
	return temps
}

// pointers finds the Ptr registers that can only point into one region.
func (c *compiler) pointers() {
	const unknown = -1
	c.ptrs = make([]int, len(c.fn.Regs))
	for r := range c.fn.Regs {
		if info := &c.fn.Regs[r]; info.Kind == ir.ParamReg || info.Kind == ir.AllocReg {
			c.ptrs[r] = c.regionOf(info)
		}
	}
	for changed := true; changed; {
		changed = false
		join := func(d, s ir.Reg) {
			from := c.ptrs[s]
			if from == 0 || from == c.ptrs[d] || c.ptrs[d] == unknown {
				return
			}
			if c.ptrs[d] != 0 {
				from = unknown
			}
			c.ptrs[d] = from
			changed = true
		}
		walk(&c.fn.Body, func(s ir.Stmt) {
			in, ok := s.(*ir.Instr)
			if !ok {
				return
			}
			switch in.Op {
			case ir.Mov, ir.SimdBroadcastFirst:
				join(in.Dst[0], in.Args[0])
			case ir.SimdShuffle, ir.SimdShuffleUp, ir.SimdShuffleDown, ir.SimdShuffleXor, ir.SimdRotateUp, ir.SimdRotateDown, ir.SimdBroadcast:
				join(in.Dst[0], in.Args[0])
			case ir.SimdFillUp, ir.SimdFillDown:
				join(in.Dst[0], in.Args[0])
				join(in.Dst[0], in.Args[1])
			case ir.Select:
				join(in.Dst[0], in.Args[1])
				join(in.Dst[0], in.Args[2])
			case ir.PtrAdd:
				join(in.Dst[0], in.Addr.Base)
			default:
				for _, r := range in.Dst {
					if c.fn.Regs[r].Type == ir.Ptr && c.ptrs[r] != unknown {
						c.ptrs[r] = unknown
						changed = true
					}
				}
			}
		})
	}
	for r, region := range c.ptrs {
		if region == unknown || c.fn.Regs[r].Type != ir.Ptr {
			c.ptrs[r] = 0
		}
	}
}
