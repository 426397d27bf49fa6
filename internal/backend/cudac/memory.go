package cudac

// This file implements memory: allocations, loads, stores and atomics.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// An array is a thread allocation that is only accessed by whole elements of
// one type: then it can be an array of C, whose elements may be registers.
type array struct {
	elem  ir.Type
	count int
	wide  bool // elements are as in registers, not as in memory
}

// Arrays of halves up to this many elements hold floats.
const wideArray = 64

// findArrays finds the allocations that are arrays, and what is needed as the
// bits of halves.
func (e *emitter) findArrays() {
	e.private = map[int]*array{}
	other := map[int]bool{}
	index := func(r ir.Reg) (int, bool) {
		if r == ir.NoReg {
			return 0, false
		}
		info := e.f.Regs[r]
		return info.Index, info.Kind == ir.AllocReg && e.f.Allocs[info.Index].Space == ir.Thread
	}
	e.f.Body.Instrs(func(in *ir.Instr) bool {
		for _, r := range in.Args {
			if i, ok := index(r); ok {
				other[i] = true
			}
		}
		if !in.Op.UsesAddr() {
			return true
		}
		i, ok := index(in.Addr.Base)
		if !ok {
			return true
		}
		size := int64(in.Type.Size())
		a := e.private[i]
		if a == nil {
			a = &array{elem: in.Type, count: e.f.Allocs[i].Size / int(size)}
			e.private[i] = a
		}
		if in.Op == ir.PtrAdd || a.elem != in.Type || a.count == 0 || in.Addr.Off%size != 0 || in.Addr.Index != ir.NoReg && in.Addr.Scale%size != 0 {
			other[i] = true
		}
		return true
	})
	for i := range other {
		delete(e.private, i)
	}
	for _, a := range e.private {
		a.wide = (a.elem == ir.F16 || a.elem == ir.BF16) && a.count <= wideArray
	}
	e.f.Body.Instrs(func(in *ir.Instr) bool {
		if in.Op == ir.Store && (in.Type == ir.F16 || in.Type == ir.BF16) || in.Op == ir.Bitcast && (in.From == ir.F16 || in.From == ir.BF16) {
			for _, r := range in.Args {
				e.stored[r] = true
			}
		}
		return true
	})
}

func (a *array) ctype() string {
	if a.wide {
		return backend.RegisterType(a.elem)
	}
	return backend.MemoryType(a.elem)
}

// allocations declares the memory of a thread and of a threadgroup.
func (e *emitter) allocations() {
	for i, a := range e.f.Allocs {
		switch p := e.private[i]; {
		case a.Space == ir.Threadgroup:
			e.line("__shared__ __align__(16) char a%d[%d];", i, a.Size)
		case a.Space == ir.Thread && p != nil:
			e.line("%s a%d[%d];", p.ctype(), i, p.count)
		case a.Space == ir.Thread:
			e.line("__align__(16) char a%d[%d];", i, a.Size)
		}
	}
}

// tables returns the constant tables. Those that lanes may index each on its
// own lie in global memory; the others in the constant bank, which serves one
// address at a time.
func (e *emitter) tables() string {
	varying := map[int]bool{}
	e.f.Body.Instrs(func(in *ir.Instr) bool {
		use := func(r ir.Reg, varies bool) {
			if info := e.f.Regs[r]; info.Kind == ir.AllocReg && varies {
				varying[info.Index] = true
			}
		}
		for _, r := range in.Args {
			use(r, true)
		}
		if in.Op.UsesAddr() {
			use(in.Addr.Base, in.Op == ir.PtrAdd || in.Addr.Index != ir.NoReg && e.Varying[in.Addr.Index])
		}
		return true
	})
	var b strings.Builder
	for i, a := range e.f.Allocs {
		if a.Space != ir.Constant {
			continue
		}
		where := "__constant__"
		if varying[i] {
			where = "__device__"
		}
		fmt.Fprintf(&b, "\n%s const __align__(16) unsigned char a%d[%d] = {", where, i, a.Size)
		for j, v := range a.Init {
			if j%32 == 0 {
				b.WriteString("\n ")
			}
			fmt.Fprintf(&b, " %d,", v)
		}
		b.WriteString("\n};\n")
	}
	if e.nowhere {
		fmt.Fprintf(&b, "\n__device__ __align__(16) char zm_nowhere[%d];\n", 16*8) // as much as one load may read
	}
	return b.String()
}

// address is the address of a memory instruction.
func (e *emitter) address(a ir.Addr) string {
	x := e.value(a.Base)
	if a.Index != ir.NoReg {
		x += fmt.Sprintf(" + (int64_t)%s * %d", e.value(a.Index), a.Scale)
	}
	if a.Off != 0 {
		x += fmt.Sprintf(" + %d", a.Off)
	}
	return "(" + x + ")"
}

// memoryType is the type through which memory is accessed.
func memoryType(t ir.Type) string {
	switch t {
	case ir.Bool:
		return "zm_u8"
	case ir.F16, ir.BF16:
		return "zm_u16"
	}
	return "zm_" + t.String()
}

// element returns element j of the array that an instruction accesses, "" if
// it accesses no such array.
func (e *emitter) element(s *ir.Instr, j int) (string, *array) {
	info := e.f.Regs[s.Addr.Base]
	a := e.private[info.Index]
	if info.Kind != ir.AllocReg || a == nil {
		return "", nil
	}
	size := int64(s.Type.Size())
	x := fmt.Sprint(s.Addr.Off/size + int64(j))
	if s.Addr.Index != ir.NoReg {
		x = fmt.Sprintf("(int64_t)%s * %d + %s", e.value(s.Addr.Index), s.Addr.Scale/size, x)
	}
	return fmt.Sprintf("a%d[%s]", info.Index, x), a
}

// whole reports whether n elements are accessed in words, and whether the
// address is known to allow that for the largest words.
func (e *emitter) whole(s *ir.Instr, n int) (words int, aligned string, ok bool) {
	bytes := n * s.Type.Size()
	if n < 2 || bytes%4 != 0 || s.Type == ir.Ptr || e.space(s.Addr.Base) == ir.Thread || e.origins[s.Addr.Base].kind == alloc && e.space(s.Addr.Base) == ir.Constant {
		return 0, "", false
	}
	need := int64(4)
	for need < 16 && bytes%int(2*need) == 0 {
		need *= 2
	}
	if need <= int64(s.Type.Size()) {
		return 0, "", false // words would be no wider than elements
	}
	align, sure := e.aligned(s.Addr, maxSteps)
	switch {
	case align < need:
		aligned = "false"
	case sure:
		aligned = "true"
	default:
		aligned = "ZMLX_ALIGNED != 0"
	}
	return bytes / 4, aligned, true
}

func (e *emitter) load(s *ir.Instr) {
	if _, a := e.element(s, 0); a != nil {
		for j, d := range s.Dst {
			x, _ := e.element(s, j)
			if !a.wide {
				x = e.names.FromMemory(s.Type, x)
			}
			e.set(d, x)
		}
		return
	}
	e.loadFrom(s, e.address(s.Addr))
}

// loadFrom loads from an address.
func (e *emitter) loadFrom(s *ir.Instr, q string) {
	read := e.readOnly(s.Addr.Base)
	ints := misread(s.Type) && e.holdsInts(s.Addr.Base)
	if words, aligned, ok := e.whole(s, len(s.Dst)); ok {
		w := e.fresh("w")
		e.names["zm_load"] = true
		e.line("const zm_words<%d> %s = zm_load<%d, %d, %v, %s>(%s);", words, w, words, s.Type.Size(), read, aligned, q)
		for j, d := range s.Dst {
			e.set(d, e.fromWords(s.Type, w, j, ints))
		}
		return
	}
	if len(s.Dst) > 1 {
		p := e.fresh("q")
		e.line("const char *const %s = %s;", p, q)
		q = p
	}
	for j, d := range s.Dst {
		x := fmt.Sprintf("((const %s *)%s)[%d]", memoryType(s.Type), q, j)
		switch {
		case read:
			e.names["zm_get"] = true
			x = fmt.Sprintf("zm_get<true>((const %s *)%s + %d)", backend.MemoryType(s.Type), q, j)
		case ints && s.Type == ir.F32:
			x = e.names.Call("zm_bits_f32", veil(fmt.Sprintf("((const zm_u32 *)%s)[%d]", q, j)))
		case ints:
			x = veil(x)
		}
		e.set(d, e.names.FromMemory(s.Type, x))
	}
}

// fromWords takes element j out of words, which may be integers.
func (e *emitter) fromWords(t ir.Type, w string, j int, ints bool) string {
	word := func(i int) string {
		x := fmt.Sprintf("%s.w[%d]", w, i)
		if ints {
			x = veil(x)
		}
		return x
	}
	switch t.Size() {
	case 8:
		x := fmt.Sprintf("((uint64_t)%s | (uint64_t)%s << 32)", word(2*j), word(2*j+1))
		switch t {
		case ir.F64:
			return e.names.Call("zm_bits_f64", x)
		case ir.I64:
			return "(int64_t)" + x
		}
		return x
	case 4:
		switch t {
		case ir.F32:
			return e.names.Call("zm_bits_f32", word(j))
		case ir.I32:
			return "(int32_t)" + word(j)
		}
		return word(j)
	case 2:
		x := word(j / 2)
		if j%2 == 1 {
			x = "(" + x + " >> 16)"
		}
		return e.names.FromMemory(t, fmt.Sprintf("(%s)%s", backend.MemoryType(t), x))
	}
	x := word(j / 4)
	if j%4 != 0 {
		x = fmt.Sprintf("(%s >> %d)", x, 8*(j%4))
	}
	return e.names.FromMemory(t, fmt.Sprintf("(%s)%s", backend.MemoryType(t), x))
}

func (e *emitter) store(s *ir.Instr) {
	if _, a := e.element(s, 0); a != nil {
		e.storeElements(s, a, func(_, v string) string { return v })
		return
	}
	q := e.address(s.Addr)
	if words, aligned, ok := e.whole(s, len(s.Args)); ok {
		e.names["zm_store"] = true
		list := make([]string, words)
		for i := range list {
			list[i] = e.toWord(s, i)
		}
		e.line("zm_store<%d, %d, %s>(%s, zm_words<%d>{{%s}});", words, s.Type.Size(), aligned, q, words, strings.Join(list, ", "))
		return
	}
	if len(s.Args) > 1 {
		p := e.fresh("q")
		e.line("char *const %s = %s;", p, q)
		q = p
	}
	for j, r := range s.Args {
		e.line("((%s *)%s)[%d] = %s;", memoryType(s.Type), q, j, e.toMemory(s.Type, r))
	}
}

// storeElements assigns to elements of an array: what value makes of the
// element and the value to store.
func (e *emitter) storeElements(s *ir.Instr, a *array, value func(x, v string) string) {
	for j, r := range s.Args {
		x, _ := e.element(s, j)
		v := e.value(r)
		if !a.wide {
			v = e.toMemory(s.Type, r)
		}
		e.line("%s = %s;", x, value(x, v))
	}
}

// toWord is word i of what is stored.
func (e *emitter) toWord(s *ir.Instr, i int) string {
	size := s.Type.Size()
	bits := func(j int) string {
		v := e.value(s.Args[j])
		switch s.Type {
		case ir.F32:
			return e.names.Call("zm_f32_bits", v)
		case ir.F64:
			return e.names.Call("zm_f64_bits", v)
		}
		return e.toMemory(s.Type, s.Args[j])
	}
	switch {
	case size == 8 && i%2 == 0:
		return "(uint32_t)(uint64_t)" + bits(i/2)
	case size == 8:
		return fmt.Sprintf("(uint32_t)((uint64_t)%s >> 32)", bits(i/2))
	case size == 4:
		return "(uint32_t)" + bits(i)
	}
	unsigned := map[int]string{1: "(uint8_t)", 2: "(uint16_t)"}[size]
	var parts []string
	for k := range 4 / size {
		x := "(uint32_t)" + unsigned + bits(i*4/size+k)
		if k > 0 {
			x += fmt.Sprintf(" << %d", 8*size*k)
		}
		parts = append(parts, x)
	}
	return strings.Join(parts, " | ")
}

var atomicNames = map[ir.Op]string{
	ir.AtomicXchg: "atomicExch", ir.AtomicAdd: "atomicAdd", ir.AtomicMin: "atomicMin", ir.AtomicMax: "atomicMax",
	ir.AtomicAnd: "atomicAnd", ir.AtomicOr: "atomicOr", ir.AtomicXor: "atomicXor",
}

func (e *emitter) atomic(s *ir.Instr) {
	t, q := s.Type, e.address(s.Addr)
	ctype := backend.RegisterType(t)
	args := make([]string, len(s.Args))
	for i, r := range s.Args {
		args[i] = e.value(r)
	}
	var x string
	switch {
	case s.Op == ir.AtomicLoad:
		x = fmt.Sprintf("*(volatile %s *)%s", ctype, q)
	case s.Op == ir.AtomicStore:
		e.line("*(volatile %s *)%s = %s;", ctype, q, args[0])
		return
	case s.Op == ir.AtomicCAS:
		e.compareAndSwap(s, q, args)
		return
	case t == ir.F32 && (s.Op == ir.AtomicMin || s.Op == ir.AtomicMax):
		x = e.names.Call("zm_"+s.Op.String()+"_f32", q, args[0])
	case t == ir.F32:
		if s.Op == ir.AtomicSub {
			args[0] = "-" + args[0]
		}
		name := "atomicAdd"
		if s.Op == ir.AtomicXchg {
			name = "atomicExch"
		}
		x = fmt.Sprintf("%s((float *)%s, %s)", name, q, args[0])
	case s.Op == ir.AtomicMin || s.Op == ir.AtomicMax:
		x = fmt.Sprintf("%s((%s *)%s, %s)", atomicNames[s.Op], ctype, q, args[0])
	default:
		name, u := atomicNames[s.Op], "uint32_t"
		if t.Size() == 8 {
			u = "uint64_t"
		}
		v := "(" + u + ")" + args[0]
		if s.Op == ir.AtomicSub {
			name, v = "atomicAdd", "0u - "+v
		}
		x = fmt.Sprintf("(%s)%s((%s *)%s, %s)", ctype, name, u, q, v)
	}
	if len(s.Dst) == 0 {
		e.line("%s;", x)
		return
	}
	e.set(s.Dst[0], x)
}

// compareAndSwap compares bits, those of floats too.
func (e *emitter) compareAndSwap(s *ir.Instr, q string, args []string) {
	u := "uint32_t"
	if s.Type.Size() == 8 {
		u = "uint64_t"
	}
	for i := range args {
		if s.Type == ir.F32 {
			args[i] = e.names.Call("zm_f32_bits", args[i])
		} else {
			args[i] = "(" + u + ")" + args[i]
		}
	}
	want, old := e.fresh("w"), e.fresh("w")
	e.line("const %s %s = %s;", u, want, args[0])
	e.line("const %s %s = atomicCAS((%s *)%s, %s, %s);", u, old, u, q, want, args[1])
	value := fmt.Sprintf("(%s)%s", backend.RegisterType(s.Type), old)
	if s.Type == ir.F32 {
		value = e.names.Call("zm_bits_f32", old)
	}
	e.set(s.Dst[0], value)
	e.set(s.Dst[1], fmt.Sprintf("(%s == %s)", old, want))
}
