package ir

// This file implements facts about a whole Func: what it needs of a device,
// and how large it is.

// Instrs calls visit for every instruction of blk and of the blocks in it, in
// the order of the text, until visit returns false. It reports whether visit
// never did.
func (blk *Block) Instrs(visit func(*Instr) bool) bool {
	for _, s := range blk.Stmts {
		ok := true
		switch s := s.(type) {
		case *Instr:
			ok = s == nil || visit(s)
		case *If:
			ok = s.Then.Instrs(visit) && s.Else.Instrs(visit)
		case *Loop:
			ok = s.Head.Instrs(visit) && s.Body.Instrs(visit) && s.Step.Instrs(visit)
		case *Scope:
			ok = s.Body.Instrs(visit)
		}
		if !ok {
			return false
		}
	}
	return true
}

// IsSimd reports whether op exchanges values between the lanes of a simdgroup.
func (op Op) IsSimd() bool { return op >= SimdSum && op <= MatMul }

// IsAtomic reports whether op is an atomic memory operation.
func (op Op) IsAtomic() bool { return op >= AtomicLoad && op <= AtomicXor }

// UsesAddr reports whether instructions of op have an Addr.
func (op Op) UsesAddr() bool { return op == Load || op == Store || op == PtrAdd || op.IsAtomic() }

// IsPure reports whether an instruction of op does nothing but compute its
// results, so that it may be dropped where no lane uses them.
func (op Op) IsPure() bool {
	switch {
	case op == BadOp, op == Store, op == Barrier, op >= NumOps:
		return false
	}
	return !op.IsAtomic() || op == AtomicLoad
}

// Analyze sets f.UsesBarrier and f.UsesSimd.
func Analyze(f *Func) {
	f.UsesBarrier, f.UsesSimd = false, false
	f.Body.Instrs(func(in *Instr) bool {
		switch {
		case in.Op == Barrier:
			f.UsesBarrier = true
		case in.Op.IsSimd():
			f.UsesSimd = true
		}
		return true
	})
}

// Stats says how large a Func is.
type Stats struct {
	Instrs   int // instructions
	Blocks   int // If, Loop and Scope statements
	Exits    int
	Depth    int // deepest nesting of statements
	Vars     int // registers of each kind
	Temps    int
	Consts   int
	MemBytes int // that the loads and stores of the text move, each counted once

	ThreadgroupBytes int // allocations, without padding
	ThreadBytes      int
	ConstantBytes    int
}

// Measure counts what f consists of.
func Measure(f *Func) Stats {
	var s Stats
	for _, r := range f.Regs {
		switch r.Kind {
		case VarReg:
			s.Vars++
		case TempReg:
			s.Temps++
		case ConstReg:
			s.Consts++
		}
	}
	for _, a := range f.Allocs {
		switch a.Space {
		case Threadgroup:
			s.ThreadgroupBytes += a.Size
		case Thread:
			s.ThreadBytes += a.Size
		case Constant:
			s.ConstantBytes += a.Size
		}
	}
	s.block(&f.Body, 0)
	return s
}

func (s *Stats) block(blk *Block, depth int) {
	s.Depth = max(s.Depth, depth)
	for _, st := range blk.Stmts {
		switch st := st.(type) {
		case *Instr:
			s.Instrs++
			switch st.Op {
			case Load:
				s.MemBytes += len(st.Dst) * st.Type.Size()
			case Store:
				s.MemBytes += len(st.Args) * st.Type.Size()
			}
		case *If:
			s.Blocks++
			s.block(&st.Then, depth+1)
			s.block(&st.Else, depth+1)
		case *Loop:
			s.Blocks++
			s.block(&st.Head, depth+1)
			s.block(&st.Body, depth+1)
			s.block(&st.Step, depth+1)
		case *Scope:
			s.Blocks++
			s.block(&st.Body, depth+1)
		case *Exit:
			s.Exits++
		}
	}
}
