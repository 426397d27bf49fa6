package interp

// This file implements the checks of values: reads of variables that were not
// assigned, overflow that ends up in an index, division by zero.

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A valueState is what checked mode knows of a register.
type valueState struct {
	undefined laneSet // lanes in which nothing gave it a value
	source    *origin // where undefined values were read, if from memory

	// Integers: where the value is not what the same calculation with
	// unlimited width gives, exact holds what that is. It is an overflow only
	// in lanes where some operation wrapped; conversions between signed and
	// unsigned, that undo each other, are none.
	wrong   laneSet
	wrapped laneSet
	exact   []int64
	cause   *ir.Instr // the operation that wrapped
}

// An origin is a read of thread memory that was not written.
type origin struct {
	in     *ir.Instr
	buffer string
	index  int64
}

// operands checks that the operands of an instruction have values, and passes
// on the lack of one through instructions that only move them.
func (k *checker) operands(in *ir.Instr) {
	cur := k.f.cur
	switch in.Op {
	case ir.Mov:
		k.move(in.Dst[0], in.Args[0])
		return
	case ir.Select:
		k.use(in.Args[0], in.Span, in)
		d, x, y := &k.values[in.Dst[0]], &k.values[in.Args[1]], &k.values[in.Args[2]]
		cond := view[uint8](k.f, k.slot(in.Args[0]))
		for w, b := range cur.bits {
			if b == 0 {
				continue
			}
			c := packBools(cond[w*64:])
			d.undefined[w] = d.undefined[w]&^b | (x.undefined[w]&c|y.undefined[w]&^c)&b
		}
		if d.source = x.source; d.source == nil {
			d.source = y.source
		}
		return
	case ir.Store:
		if k.p.fn.Regs[in.Addr.Base].Space == ir.Thread {
			break // memory is undefined then
		}
		fallthrough
	default:
		for _, r := range in.Args {
			k.use(r, in.Span, in)
		}
	}
	if in.Op.UsesAddr() {
		k.use(in.Addr.Base, in.Span, in)
		if in.Addr.Index != ir.NoReg {
			k.use(in.Addr.Index, in.Span, in)
			k.indexed(in)
		}
	}
	for _, r := range in.Dst {
		u := k.values[r].undefined
		for w, b := range cur.bits {
			u[w] &^= b
		}
	}
}

func (k *checker) slot(r ir.Reg) slot { return k.p.slotOf[r] }

func (k *checker) move(d, s ir.Reg) {
	to, from := &k.values[d], &k.values[s]
	for w, b := range k.f.cur.bits {
		lacking := from.undefined[w] & b
		if to.undefined[w] = to.undefined[w]&^b | lacking; lacking != 0 {
			to.source = from.source
		}
	}
}

// use reports the active lanes in which r has no value.
func (k *checker) use(r ir.Reg, span source.Span, in ir.Stmt) {
	v := &k.values[r]
	if k.p.fn.Regs[r].Kind > ir.TempReg {
		return
	}
	any := false
	for w, b := range k.f.cur.bits {
		any = any || v.undefined[w]&b != 0
	}
	if !any {
		return
	}
	lanes := v.undefined.list(k.f.cur)
	for _, l := range lanes {
		v.undefined.drop(int(l)) // once is enough
	}
	if s := v.source; s != nil {
		d := source.Diag{Span: s.in.Span, Code: launch.Uninitialized, Hint: "write the element before this read"}
		if span != s.in.Span {
			d.Notes = []source.Note{{Span: span, Msg: "the value is used here"}}
		}
		k.report(d, s.in, s.buffer, lanes, func() string {
			return fmt.Sprintf("read of uninitialized %s: index %d was never written (%s)", s.buffer, s.index, k.where(lanes))
		})
		return
	}
	name := k.p.fn.Regs[r].Name
	if name == "" {
		name = "variable"
	}
	k.report(source.Diag{Span: span, Code: launch.Uninitialized, Hint: "give it a value where it is declared"}, in, "", lanes, func() string {
		return fmt.Sprintf("read of %s before it has a value (%s)", name, k.where(lanes))
	})
}

// division reports integer divisors that are zero.
func (k *checker) division(in *ir.Instr, slots []slot) {
	if !in.Type.IsInt() {
		return
	}
	var lanes []int32
	for _, l := range k.f.lanes(k.f.cur) {
		if k.integer(in.Args[1], slots, int(l)) == 0 {
			lanes = append(lanes, l)
		}
	}
	k.report(source.Diag{Span: in.Span, Code: launch.DivisionByZero, Hint: "test the divisor first"}, in, "", lanes, func() string {
		what := "division"
		if in.Op == ir.Rem {
			what = "remainder"
		}
		return fmt.Sprintf("integer %s by zero (%s)", what, k.where(lanes))
	})
}

// integer returns one lane of an integer register, as a 64-bit number.
func (k *checker) integer(r ir.Reg, slots []slot, lane int) int64 {
	switch s := slots[r]; k.p.fn.Regs[r].Type {
	case ir.Bool:
		return int64(view[uint8](k.f, s)[lane])
	case ir.I8, ir.I16, ir.I32:
		return int64(view[int32](k.f, s)[lane])
	case ir.U8, ir.U16, ir.U32:
		return int64(view[uint32](k.f, s)[lane])
	default:
		return view[int64](k.f, s)[lane]
	}
}

// exactly returns what a lane of r would hold had nothing wrapped.
func (k *checker) exactly(r ir.Reg, slots []slot, lane int) int64 {
	if v := &k.values[r]; v.wrong.has(lane) {
		return v.exact[lane]
	}
	return k.integer(r, slots, lane)
}

// tracks reports whether overflow can come about in, or pass through, an
// instruction.
func tracks(in *ir.Instr) bool {
	switch in.Op {
	case ir.Add, ir.Sub, ir.Mul, ir.Shl, ir.Neg, ir.Mov, ir.Select:
		return in.Type.IsInt()
	case ir.Convert:
		return in.Type.IsInt() && in.From.IsInt()
	}
	return false
}

// An exactResult is what an instruction is about to compute.
type exactResult struct {
	fromExact []int64 // of each active lane, from exact operands, with unlimited width
	fromLanes []int64 // from the operands as they are
	wrapped   laneSet // lanes with an operand that had wrapped before
	cause     *ir.Instr
}

// exact computes an instruction without wrapping, before it runs. It returns
// nil where the result is exact for sure.
func (k *checker) exact(in *ir.Instr, slots []slot) *exactResult {
	if !tracks(in) {
		return nil
	}
	if in.Op == ir.Mov || in.Op == ir.Select {
		dirty := false
		for _, r := range in.Args {
			for w, b := range k.f.cur.bits {
				dirty = dirty || k.values[r].wrong[w]&b != 0
			}
		}
		if !dirty {
			return nil
		}
	}
	lanes := k.f.lanes(k.f.cur)
	e := &k.result
	if e.fromExact == nil {
		e.fromExact, e.fromLanes, e.wrapped = make([]int64, k.f.cap), make([]int64, k.f.cap), make(laneSet, len(k.returned))
	}
	clear(e.wrapped)
	args := in.Args
	for j, lane := range lanes {
		l := int(lane)
		if in.Op == ir.Select {
			args = in.Args[2:3]
			if view[uint8](k.f, slots[in.Args[0]])[l] != 0 {
				args = in.Args[1:2]
			}
		}
		var exact, plain [2]int64
		for i, r := range args {
			exact[i], plain[i] = k.exactly(r, slots, l), k.integer(r, slots, l)
			if v := &k.values[r]; v.wrong.has(l) && v.wrapped.has(l) {
				e.wrapped.add(l)
				e.cause = v.cause
			}
		}
		if in.Op == ir.Shl {
			exact[1] &= int64(in.Type.Size()*8 - 1)
			plain[1] = exact[1]
		}
		e.fromExact[j] = unlimited(in.Op, exact[0], exact[1])
		e.fromLanes[j] = unlimited(in.Op, plain[0], plain[1])
	}
	return e
}

// unlimited computes in 64 bits, clamped to their range.
func unlimited(op ir.Op, x, y int64) int64 {
	switch op {
	case ir.Add:
		s := x + y
		if (x^s)&(y^s) < 0 {
			return clamped(x < 0)
		}
		return s
	case ir.Sub:
		s := x - y
		if (x^y)&(x^s) < 0 {
			return clamped(x < 0)
		}
		return s
	case ir.Neg:
		return -x
	case ir.Shl:
		if y > 62 || x<<y>>y != x {
			return clamped(x < 0)
		}
		return x << y
	case ir.Mul:
		neg := x < 0 != (y < 0)
		hi, lo := bits.Mul64(magnitude(x), magnitude(y))
		if hi != 0 || lo > math.MaxInt64 {
			return clamped(neg)
		}
		if neg {
			return -int64(lo)
		}
		return int64(lo)
	}
	return x // moves
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

func clamped(negative bool) int64 {
	if negative {
		return math.MinInt64
	}
	return math.MaxInt64
}

// overflow notes, after an instruction, in which lanes its result is not
// exact. 64-bit results are taken as exact: what wraps there is no index.
func (k *checker) overflow(in *ir.Instr, slots []slot, e *exactResult) {
	if e == nil {
		for _, r := range in.Dst {
			w := k.values[r].wrong
			for i, b := range k.f.cur.bits {
				w[i] &^= b
			}
		}
		return
	}
	d := in.Dst[0]
	v := &k.values[d]
	wide := in.Type.Size() == 8
	for j, lane := range k.f.lanes(k.f.cur) {
		l := int(lane)
		got := k.integer(d, slots, l)
		v.wrong.drop(l)
		inherited := e.wrapped.has(l)
		if got == e.fromExact[j] || wide && !inherited {
			continue
		}
		if v.exact == nil {
			v.exact = make([]int64, k.f.cap)
		}
		v.wrong.add(l)
		v.exact[l] = e.fromExact[j]
		v.wrapped.drop(l)
		switch {
		case inherited:
			v.wrapped.add(l)
			v.cause = e.cause
		case in.Op != ir.Convert && got != e.fromLanes[j]:
			v.wrapped.add(l)
			v.cause = in
		}
	}
}

// indexed reports lanes whose index overflowed.
func (k *checker) indexed(in *ir.Instr) {
	v := &k.values[in.Addr.Index]
	var lanes []int32
	for w, b := range k.f.cur.bits {
		if v.wrong[w]&v.wrapped[w]&b != 0 {
			lanes = v.wrong.list(k.f.cur)
			break
		}
	}
	if lanes == nil {
		return
	}
	kept := lanes[:0]
	for _, l := range lanes {
		if v.wrapped.has(int(l)) {
			kept = append(kept, l)
			v.wrong.drop(int(l))
		}
	}
	lanes = kept
	cause := v.cause
	d := source.Diag{Span: cause.Span, Code: launch.IndexOverflow, Hint: "compute the index in 64 bits"}
	if cause.Span != in.Span {
		d.Notes = []source.Note{{Span: in.Span, Msg: "it is an index here"}}
	}
	k.report(d, cause, "", lanes, func() string {
		l := int(lanes[0])
		exact := fmt.Sprint(v.exact[l])
		if v.exact[l] == math.MaxInt64 || v.exact[l] == math.MinInt64 {
			exact = "a larger number"
		}
		return fmt.Sprintf("integer overflow in an index: %s became %d in %s (%s)", exact, k.integer(in.Addr.Index, k.p.slotOf, l), cause.Type, k.where(lanes))
	})
}
