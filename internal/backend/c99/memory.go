package c99

// This file implements memory: allocations, loads and stores.

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// An array is a thread allocation that is only read and written whole
// elements at a time: its elements are arrays of lanes, so that neighbours in
// memory are neighbouring threads.
type array struct {
	elem  ir.Type
	count int
}

// maxOnStack is the size in bytes of an array that is not kept in working
// memory: of one that may come to be registers. Compilers think that stores to
// larger ones could change others on the stack.
const maxOnStack = 1 << 10

func (a *array) bytes() int { return backend.RegisterSize(a.elem) * a.count * lanes }

// privateArrays finds the allocations that can be arrays.
func privateArrays(f *ir.Func) map[int]*array {
	found := map[int]*array{}
	bad := map[int]bool{}
	thread := func(r ir.Reg) int {
		if info := f.Regs[r]; info.Kind == ir.AllocReg && f.Allocs[info.Index].Space == ir.Thread {
			return info.Index
		}
		return -1
	}
	f.Body.Instrs(func(in *ir.Instr) bool {
		for _, r := range in.Args {
			if i := thread(r); i >= 0 {
				bad[i] = true
			}
		}
		if !in.Op.UsesAddr() {
			return true
		}
		i := thread(in.Addr.Base)
		if i < 0 {
			return true
		}
		size := int64(in.Type.Size())
		whole := in.Op == ir.Load || in.Op == ir.Store
		whole = whole && in.Addr.Off >= 0 && in.Addr.Off%size == 0 && (in.Addr.Index == ir.NoReg || in.Addr.Scale%size == 0)
		if a := found[i]; !whole || a != nil && a.elem != in.Type {
			bad[i] = true
			return true
		}
		found[i] = &array{in.Type, int((int64(f.Allocs[i].Size) + size - 1) / size)}
		return true
	})
	for i := range bad {
		delete(found, i)
	}
	return found
}

// allocations declares what lives outside registers.
func (e *emitter) allocations() {
	for i, a := range e.f.Allocs {
		p := e.private[i]
		switch {
		case a.Space == ir.Threadgroup:
			e.line("char *const tg%d = (char *)scratch + %d;", i, e.room(a.Size))
		case a.Space != ir.Thread:
		case p == nil:
			e.line("char *const th%d = (char *)scratch + %d;", i, e.room(a.Size*lanes*maxChunks))
		case e.barriers || p.bytes() > maxOnStack:
			chunks := 1
			if e.barriers {
				chunks = maxChunks
			}
			t := backend.RegisterType(p.elem)
			e.line("%s (*const pa%d_)[32] = (%s (*)[32])((char *)scratch + %d);", t, i, t, e.room(p.bytes()*chunks))
		}
	}
}

// declareArray declares a private array in a simdgroup's text.
func (e *emitter) declareArray(i int) {
	p := e.private[i]
	t := backend.RegisterType(p.elem)
	switch {
	case e.barriers:
		e.line("%s (*const pa%d)[32] = pa%d_ + s * %d;", t, i, i, p.count)
	case p.bytes() > maxOnStack:
		e.line("%s (*const pa%d)[32] = pa%d_;", t, i, i)
	default:
		e.line("ALIGNED %s pa%d[%d][32];", t, i, p.count)
	}
}

// allocation returns the address of an allocation. thread is the index in the
// threadgroup, for one that each thread has.
func (e *emitter) allocation(i int, thread string) string {
	switch a := e.f.Allocs[i]; a.Space {
	case ir.Threadgroup:
		return fmt.Sprintf("tg%d", i)
	case ir.Constant:
		return fmt.Sprintf("((char *)ct%d)", i)
	default:
		return fmt.Sprintf("(th%d + (int64_t)(%s) * %d)", i, thread, a.Size)
	}
}

// tables returns the program-scope constants.
func (e *emitter) tables() string {
	var b strings.Builder
	for i, a := range e.f.Allocs {
		if a.Space != ir.Constant {
			continue
		}
		fmt.Fprintf(&b, "static const unsigned char ct%d[] __attribute__((aligned(64))) = {", i)
		for _, c := range a.Init {
			fmt.Fprintf(&b, "%d,", c)
		}
		b.WriteString("0};\n")
	}
	return b.String()
}

// privateArray returns the private array that an instruction uses, if any.
func (e *emitter) privateArray(in *ir.Instr) *array {
	if !in.Op.UsesAddr() {
		return nil
	}
	r := e.f.Regs[in.Addr.Base]
	if r.Kind != ir.AllocReg {
		return nil
	}
	return e.private[r.Index]
}

// elements returns n elements of a private array, from an address on, in lane l.
func (e *emitter) elements(in *ir.Instr, n int) []string {
	size := int64(in.Type.Size())
	index := ""
	if in.Addr.Index != ir.NoReg {
		index = fmt.Sprintf("(int64_t)%s * %d + ", e.lane(in.Addr.Index), in.Addr.Scale/size)
	}
	found := make([]string, n)
	for j := range found {
		found[j] = fmt.Sprintf("pa%d[%s%d][l]", e.f.Regs[in.Addr.Base].Index, index, in.Addr.Off/size+int64(j))
	}
	return found
}

// A way is how a memory instruction gets at the memory of all lanes: lane l's
// is k*l bytes after that of lane 0.
type way struct {
	text  string // address of lane 0
	k     int64
	guard string // a condition under which that holds; "" if it always does
}

// way returns how an address depends on the lane, where that is known.
func (e *emitter) way(a ir.Addr) (way, bool) {
	var w way
	if info := e.f.Regs[a.Base]; info.Kind == ir.AllocReg {
		if e.f.Allocs[info.Index].Space == ir.Thread {
			w.k = int64(e.f.Allocs[info.Index].Size)
		}
	} else if e.Varying[a.Base] {
		fm, ok := e.forms[a.Base]
		if !ok || fm.kind != linear {
			return way{}, false
		}
		w.k = fm.k
	}
	if a.Index != ir.NoReg && e.Varying[a.Index] {
		fm, ok := e.forms[a.Index]
		if !ok || fm.kind != linear {
			return way{}, false
		}
		if !fm.fits && fm.k != 0 && e.f.Regs[a.Index].Type == ir.U32 {
			if fm.k < 0 {
				return way{}, false
			}
			w.guard = fmt.Sprintf("%s <= UINT32_MAX - %d", fm.text, int64(lanes-1)*fm.k)
		}
		w.k += fm.k * a.Scale
	}
	w.text = e.address(a, e.first)
	return w, true
}

// pointer declares a pointer to lane 0's memory. Where the lanes' memory may
// not lie side by side after all, it may come to point to a copy, whose name is
// returned.
func (e *emitter) pointer(in *ir.Instr, w way) (name, copied string) {
	n := max(len(in.Dst), len(in.Args))
	bytes := n * in.Type.Size()
	name = e.name("q")
	e.line("char *%s = %s;", name, w.text)
	if w.guard == "" {
		return name, ""
	}
	copied = e.name("w")
	e.line("char %s[32 * %d];", copied, bytes)
	fm := e.forms[in.Addr.Index]
	base := e.address(ir.Addr{Base: in.Addr.Base, Index: ir.NoReg, Off: in.Addr.Off}, e.first)
	baseK := w.k - fm.k*in.Addr.Scale
	if in.Op == ir.Load {
		e.line("if (__builtin_expect(!(%s), 0)) %s = zm_wrapped_load(%s, %s, %d, %s, %d, %d, %d, %s);",
			w.guard, name, copied, base, baseK, fm.text, fm.k, in.Addr.Scale, bytes, orAll(e.mask))
	} else {
		e.line("if (__builtin_expect(!(%s), 0)) %s = %s;", w.guard, name, copied)
		e.segment().after = append(e.segment().after, fmt.Sprintf("if (__builtin_expect(%s == %s, 0)) zm_wrapped_store(%s, %s, %d, %s, %d, %d, %d, %s);",
			name, copied, copied, base, baseK, fm.text, fm.k, in.Addr.Scale, bytes, orAll(e.mask)))
	}
	return name, copied
}

// before makes sure that a load does not overtake a store.
func (e *emitter) before() {
	if e.seg != nil && e.seg.stores {
		e.flush()
	}
}

func (e *emitter) load(in *ir.Instr) {
	n, mt := len(in.Dst), backend.MemoryType(in.Type)
	size := int64(in.Type.Size())
	if e.privateArray(in) != nil {
		on, elements := e.active(), e.elements(in, n)
		for j, d := range in.Dst {
			x := elements[j]
			if on != "" && in.Addr.Index != ir.NoReg { // the index of other lanes may be anything
				x = fmt.Sprintf("(%s ? %s : 0)", on, x)
			}
			e.set(d, x)
		}
		return
	}
	if !e.Varying[in.Dst[0]] {
		e.before()
		q := e.name("q")
		e.line("const %s *%s = (const %s *)%s;", mt, q, mt, e.address(in.Addr, e.scalar))
		for j, d := range in.Dst {
			e.setUniform(d, e.names.FromMemory(in.Type, fmt.Sprintf("%s[%d]", q, j)))
		}
		return
	}
	e.before()
	w, ok := e.way(in.Addr)
	if ok && w.guard != "" && w.k != int64(n)*size {
		ok = false
	}
	if !ok {
		q := e.name("q")
		e.add("const %s *%s = (const %s *)%s;", mt, q, mt, e.address(in.Addr, e.lane))
		e.loaded(in, func(j int) string { return fmt.Sprintf("%s[%d]", q, j) })
		return
	}
	q, _ := e.pointer(in, w)
	e.prefetch(in, w, q)
	switch {
	case w.k == size && n == 1 && (in.Type == ir.F16 || in.Type == ir.BF16) && e.mask == "" && e.cond == "":
		v, f := e.name("h"), "zm_load_half32"
		if in.Type == ir.BF16 {
			f = "zm_load_bfloat32"
		}
		e.line("ALIGNED float %s[32];", v)
		e.line("%s;", e.names.Call(f, v, fmt.Sprintf("(const uint16_t *)%s", q)))
		e.fill(in.Dst[0], v)
	case w.k == int64(n)*size:
		e.loaded(in, func(j int) string { return fmt.Sprintf("((const %s *)%s)[l * %d + %d]", mt, q, n, j) })
	case w.k == 0:
		e.loaded(in, func(j int) string { return fmt.Sprintf("((const %s *)%s)[%d]", mt, q, j) })
	default:
		e.loaded(in, func(j int) string { return fmt.Sprintf("((const %s *)(%s + (int64_t)l * %d))[%d]", mt, q, w.k, j) })
	}
}

// loaded sets the results of a load. Nothing is read in lanes that are not
// active.
func (e *emitter) loaded(in *ir.Instr, element func(j int) string) {
	on := e.active()
	mt := backend.MemoryType(in.Type)
	for j, d := range in.Dst {
		x := element(j)
		if on != "" {
			x = fmt.Sprintf("(%s ? %s : (%s)0)", on, x, mt)
		}
		e.set(d, e.names.FromMemory(in.Type, x))
	}
}

// guard returns what makes a statement in the loop one of active lanes only.
func (e *emitter) guard() string {
	if on := e.active(); on != "" {
		return "if (" + on + ") "
	}
	return ""
}

func (e *emitter) store(in *ir.Instr) {
	n, mt := len(in.Args), backend.MemoryType(in.Type)
	size := int64(in.Type.Size())
	if e.privateArray(in) != nil {
		on, elements := e.guard(), e.elements(in, n)
		for j, r := range in.Args {
			e.add("%s%s = %s;", on, elements[j], e.lane(r))
		}
		return
	}
	w, ok := e.way(in.Addr)
	if ok && w.guard != "" && w.k != int64(n)*size {
		ok = false
	}
	if !ok {
		q, on := e.name("q"), e.guard()
		e.add("%s *%s = (%s *)%s;", mt, q, mt, e.address(in.Addr, e.lane))
		for j, r := range in.Args {
			e.add("%s%s[%d] = %s;", on, q, j, e.names.ToMemory(in.Type, e.lane(r)))
		}
		e.segment().stores = true
		return
	}
	if bit := e.streams(in); bit != "" && w.k == size && n == 1 && e.mask == "" && e.cond == "" {
		e.stream(in, w, bit)
		return
	}
	if w.k == size && n == 1 && (in.Type == ir.F16 || in.Type == ir.BF16) && e.mask == "" && e.cond == "" {
		f := "zm_store_half32"
		if in.Type == ir.BF16 {
			f = "zm_store_bfloat32"
		}
		v := e.array(in.Args[0])
		q, _ := e.pointer(in, w)
		e.line("%s;", e.names.Call(f, "(uint16_t *)"+q, v))
		e.flush() // what follows the loop, where the store may wrap around
		return
	}
	if w.k != size && in.Type.IsFloat() { // gcc 12 would fuse products and sums whose results lie next to each other
		for _, r := range in.Args {
			if fm := e.forms[r]; e.Varying[r] && fm.kind == inLoop {
				e.flush()
			}
		}
		defer e.flush()
	}
	q, _ := e.pointer(in, w)
	on := e.guard()
	for j, r := range in.Args {
		value := e.names.ToMemory(in.Type, e.lane(r))
		switch w.k {
		case int64(n) * size:
			e.add("%s((%s *)%s)[l * %d + %d] = %s;", on, mt, q, n, j, value)
		default:
			e.add("%s((%s *)(%s + (int64_t)l * %d))[%d] = %s;", on, mt, q, w.k, j, value)
		}
	}
	e.segment().stores = true
	if w.guard != "" {
		e.flush()
	}
}

// streams returns the condition that a store goes past the caches, "" if it
// never does.
func (e *emitter) streams(in *ir.Instr) string {
	i, ok := e.origins[in.Addr.Base]
	if !ok || i >= 32 || in.Type.Size() < 2 {
		return ""
	}
	return fmt.Sprintf("(L->stream >> %d & 1)", i)
}

// findOrigins finds the parameters that pointers point into.
func findOrigins(f *ir.Func) map[ir.Reg]int {
	origins := map[ir.Reg]int{}
	for i, r := range f.Regs {
		if r.Kind == ir.ParamReg {
			origins[ir.Reg(i)] = r.Index
		}
	}
	f.Body.Instrs(func(in *ir.Instr) bool { // temporaries come before their uses
		if in.Op == ir.PtrAdd && f.Regs[in.Dst[0]].Kind == ir.TempReg {
			if i, ok := origins[in.Addr.Base]; ok {
				origins[in.Dst[0]] = i
			}
		}
		return true
	})
	return origins
}

// stream writes a store of all lanes, side by side, that may go past the
// caches.
func (e *emitter) stream(in *ir.Instr, w way, bit string) {
	e.streamed = true
	v := e.array(in.Args[0])
	bytes := lanes * in.Type.Size()
	switch mt := backend.MemoryType(in.Type); {
	case in.Type == ir.F16:
		q, _ := e.pointer(in, w)
		e.line("if (%s) zm_stream_half(%s, %s);", bit, q, v)
		e.line("else %s;", e.names.Call("zm_store_half32", "(uint16_t *)"+q, v))
		e.flush()
		return
	case in.Type == ir.BF16:
		h := e.name("h")
		e.line("ALIGNED uint16_t %s[32];", h)
		e.line("%s;", e.names.Call("zm_store_bfloat32", h, v))
		v = h
	case mt != e.registerType(in.Args[0]):
		h := e.name("h")
		e.line("ALIGNED %s %s[32];", mt, h)
		e.line("LANES %s[l] = (%s)%s[l];", h, mt, v)
		v = h
	}
	q, _ := e.pointer(in, w)
	e.line("if (%s) zm_stream(%s, %s, %d);", bit, q, v, bytes)
	e.line("else zm_copy(%s, %s, %d);", q, v, bytes)
	e.flush() // what follows where the store wraps around
}

// atomic writes an atomic: one lane after the other.
func (e *emitter) atomic(in *ir.Instr) {
	e.flush()
	on := e.guard()
	args := []string{e.address(in.Addr, e.lane)}
	for _, r := range in.Args {
		args = append(args, e.lane(r))
	}
	var results []string
	for i, d := range in.Dst {
		results = append(results, e.name("w"))
		if in.Op == ir.AtomicCAS && i == 1 {
			args = append(args, "&"+results[1]+"[l]")
		}
		seg := e.seg
		e.seg = nil
		e.line("ALIGNED %s %s[32];", e.registerType(d), results[i])
		e.line("memset(%s, 0, sizeof %s);", results[i], results[i])
		e.seg = seg
	}
	if in.Op == ir.AtomicCAS && len(in.Dst) < 2 {
		args = append(args, "(int32_t *)0")
	}
	call := e.names.Call("zm_"+in.Op.String()+"_"+in.Type.String(), args...)
	if len(results) > 0 {
		call = results[0] + "[l] = " + call
	}
	e.add("%s%s;", on, call)
	e.seg.serial = true
	e.flush()
	for i, d := range in.Dst {
		e.fill(d, results[i])
	}
}
