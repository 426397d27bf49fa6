package interp

import (
	"context"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/source"
)

// checkRun launches fn in checked mode and returns what it found.
func checkRun(t *testing.T, fn *ir.Func, grid, group int, args ...launch.Arg) []launch.Finding {
	t.Helper()
	p := mustCompile(t, fn, launch.Options{Check: true})
	report := &launch.Report{}
	if err := p.Run(context.Background(), launch.Launch{Args: args, Grid: [3]int{grid, 1, 1}, Group: [3]int{group, 1, 1}, Report: report}); err != nil {
		t.Fatal(err)
	}
	return report.Findings
}

// expect compares findings with their kinds and parts of their messages.
func expect(t *testing.T, got []launch.Finding, want ...string) {
	t.Helper()
	for i, f := range got {
		text := string(f.Code) + ": " + f.Msg
		if i >= len(want) {
			t.Errorf("also found %s", text)
		} else if !strings.Contains(text, want[i]) {
			t.Errorf("finding %d is\n\t%s, want\n\t%s", i, text, want[i])
		}
	}
	for _, w := range want[min(len(got), len(want)):] {
		t.Errorf("did not find %s", w)
	}
}

// clean expects no findings, and the same results as in fast mode.
func clean(t *testing.T, fn *ir.Func, grid, group int, args ...launch.Arg) {
	t.Helper()
	expect(t, checkRun(t, fn, grid, group, args...))
}

// spans makes a set of texts with one line for each name, and returns where
// each stands.
func spans(names ...string) (*source.Set, map[string]source.Span) {
	set := &source.Set{}
	f := set.Add("kernel", strings.Join(names, "\n"))
	at := map[string]source.Span{}
	off := 0
	for _, n := range names {
		at[n] = source.Span{Pos: f.Pos(off), End: f.Pos(off + len(n))}
		off += len(n) + 1
	}
	return set, at
}

func TestCheckMish(t *testing.T) {
	for _, n := range []int{1, 100, 1000} {
		x, y := mishInput(n), make([]float32, n)
		clean(t, mishFunc(), n, min(n, 64), on(x), unwritten(y))
		for i := range y {
			if y[i] != mish(x[i]) {
				t.Fatalf("y[%d] = %g, want %g", i, y[i], mish(x[i]))
			}
		}
	}
}

func TestOutOfBounds(t *testing.T) {
	fn := mishFunc()
	x, y := make([]float32, 1000), make([]float32, 2048)
	found := checkRun(t, fn, 1024, 256, on(x), on(y))
	expect(t, found, "OutOfBounds: out-of-bounds read of x: index 1000, length 1000 (lanes 232-255 of threadgroup 3)")
	f := found[0]
	if f.Buffer != "x" || f.Count != 24 || f.Group != [3]int{3, 0, 0} || len(f.Lanes) != 8 || f.Lanes[0] != 232 {
		t.Errorf("finding is %+v", f)
	}
	clean(t, fn, 1000, 256, on(x), on(y))

	// In every address space, with negative indices and part of a vector.
	k := newKernel("oob")
	out := k.out("out", ir.F32)
	k.Store(ir.F32, ir.At(out, -4), k.ConstF32(1))
	tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 64, Align: 4, Elem: ir.F32})
	k.Store(ir.F32, ir.AtIndex(tile, k.gid, 4, 0), k.ConstF32(1))
	own := k.Alloc(ir.Alloc{Name: "own", Space: ir.Thread, Size: 16, Align: 4, Elem: ir.F32})
	k.Store(ir.F32, ir.AtIndex(own, k.gid, 0, 12), k.ConstF32(1), k.ConstF32(2), k.ConstF32(3))
	table := k.Alloc(ir.Alloc{Name: "table", Space: ir.Constant, Size: 16, Align: 4, Elem: ir.F32, Init: make([]byte, 16)})
	k.Load(ir.F32, ir.AtIndex(table, k.gid, 4, 0))
	k.Atomic(ir.AtomicAdd, ir.F32, ir.At(out, 1<<20), k.ConstF32(1))
	k.Load(ir.F32, ir.At(k.Null(ir.Device), 0))
	expect(t, checkRun(t, k.Finish(), 18, 18, on(make([]float32, 4))),
		"write to out: index -1, length 4 (lanes 0-17 of threadgroup 0)",
		"write to tile: index 16, length 16 (lanes 16-17",
		"write to own: index 4, length 4",
		"read of table: index 4, length 4 (lanes 4-17",
		"atomic on out: index 262144, length 4",
		"read of memory through a pointer that points to none")
}

func TestUninitialized(t *testing.T) {
	build := func(bug bool) *ir.Func {
		k := newKernel("uninit")
		out := k.out("out", ir.F32)
		tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 128, Align: 4, Elem: ir.F32})
		own := k.Alloc(ir.Alloc{Name: "own", Space: ir.Thread, Size: 16, Align: 4, Elem: ir.F32})
		v := k.Var(ir.F32, "v")
		limit := uint32(32)
		if bug {
			limit = 30
		}
		low := k.Compare(ir.Lt, k.gid, k.ConstU32(limit))
		k.If(low, func() { k.Set(v, k.ConstF32(1)) }, nil)
		k.Store(ir.F32, k.at(tile, ir.F32, k.gid), k.ConstF32(2))
		k.Barrier(false)
		n := int64(4)
		if bug {
			n = 2
		}
		for i := range n {
			k.Store(ir.F32, ir.At(own, 4*i), k.ConstF32(3))
		}
		a := k.Load(ir.F32, ir.At(own, 12))
		shift := int64(0)
		if bug {
			shift = 8
		}
		b := k.Load(ir.F32, ir.AtIndex(tile, k.gid, 4, shift))
		if bug {
			k.get(out, ir.F32)
		}
		copied := k.variable("copied", v)
		k.put(out, ir.F32, k.Binary(ir.Add, k.Binary(ir.Add, a, b), copied))
		return k.Finish()
	}
	found := checkRun(t, build(true), 30, 30, unwritten(make([]float32, 32)))
	expect(t, found,
		"Uninitialized: read of uninitialized tile: index 30 was never written (lanes 28-29 of threadgroup 0)",
		"Uninitialized: read of uninitialized out: index 0 was never written (lanes 0-29",
		"Uninitialized: read of uninitialized own: index 3 was never written (lanes 0-29")
	found = checkRun(t, build(true), 32, 32, on(make([]float32, 32)))
	expect(t, found,
		"OutOfBounds: out-of-bounds read of tile",
		"Uninitialized: read of uninitialized own",
		"Uninitialized: read of copied before it has a value (lanes 30-31 of threadgroup 0)")
	clean(t, build(false), 32, 32, unwritten(make([]float32, 32)))

	// Nothing of a group's memory is left for the next one.
	k := newKernel("leftover")
	out := k.out("out", ir.F32)
	tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 16, Align: 4, Elem: ir.F32})
	k.If(k.Compare(ir.Lt, k.gid, k.ConstU32(4)), func() { k.Store(ir.F32, k.at(tile, ir.F32, k.gid), k.ConstF32(1)) }, nil)
	k.put(out, ir.F32, k.Load(ir.F32, ir.AtIndex(tile, k.Special(ir.ThreadIndexInThreadgroup), 4, 0)))
	expect(t, checkRun(t, k.Finish(), 8, 4, on(make([]float32, 8))), "read of uninitialized tile: index 0 was never written (lanes 0-3 of threadgroup 1)")
}

// TestUninitializedPart gives a kernel part of a buffer as its output: the
// rest was written by others.
func TestUninitializedPart(t *testing.T) {
	for _, at := range []int64{-4, 0, 64} {
		k := newKernel("part")
		x, out := k.in("x", ir.F32), k.out("out", ir.F32)
		k.put(out, ir.F32, k.Load(ir.F32, ir.At(x, 64+at)))
		whole := make([]float32, 64)
		arg := unwritten(whole)
		arg.Offset, arg.Lo, arg.Hi = 64, 64, 128
		all := arg
		all.Offset, all.Lo, all.Hi, all.Undefined = 0, 0, 256, false
		found := checkRun(t, k.Finish(), 1, 1, all, arg)
		if at == 0 {
			expect(t, found, "Uninitialized: read of uninitialized x: index 16 was never written")
		} else {
			expect(t, found)
		}
	}
}

// TestUninitializedCopy copies a half-filled struct, which is fine, and a
// field without a value into a buffer, which is not.
func TestUninitializedCopy(t *testing.T) {
	for _, field := range []int64{0, 1} {
		k := newKernel("copy")
		out := k.out("out", ir.F32)
		a := k.Alloc(ir.Alloc{Name: "a", Space: ir.Thread, Size: 8, Align: 4, Elem: ir.F32})
		b := k.Alloc(ir.Alloc{Name: "b", Space: ir.Thread, Size: 8, Align: 4, Elem: ir.F32})
		k.Store(ir.F32, ir.At(a, 0), k.ConstF32(5))
		v := k.LoadN(ir.F32, 2, ir.At(a, 0))
		k.Store(ir.F32, ir.At(b, 0), v[0], v[1])
		k.put(out, ir.F32, k.Load(ir.F32, ir.At(b, 4*field)))
		found := checkRun(t, k.Finish(), 4, 4, on(make([]float32, 4)))
		if field == 0 {
			expect(t, found)
		} else {
			expect(t, found, "read of uninitialized b: index 1 was never written (lanes 0-3")
		}
	}
}

// raceKernel writes tile[i], reads tile[j] where j is i rotated by the given
// number, with a barrier between if told.
func raceKernel(rotate uint32, between func(k *kernel), size uint32) *ir.Func {
	k := newKernel("race")
	out := k.out("out", ir.U32)
	tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 4 * int(size), Align: 4, Elem: ir.U32})
	set, at := spans("write", "between", "read")
	k.Func().Set = set
	i := k.Special(ir.ThreadIndexInThreadgroup)
	k.SetSpan(at["write"])
	k.Store(ir.U32, k.at(tile, ir.U32, i), i)
	k.SetSpan(at["between"])
	between(k)
	j := k.Binary(ir.Rem, k.Binary(ir.Add, i, k.ConstU32(rotate)), k.ConstU32(size))
	k.SetSpan(at["read"])
	v := k.Load(ir.U32, k.at(tile, ir.U32, j))
	k.SetSpan(source.Span{})
	k.put(out, ir.U32, v)
	return k.Finish()
}

func TestRaceThreadgroup(t *testing.T) {
	out := make([]uint32, 128)
	nothing := func(*kernel) {}
	found := checkRun(t, raceKernel(1, nothing, 64), 128, 64, unwritten(out))
	expect(t, found, "Race: data race on tile[1]: read by thread 0 of threadgroup 0, write by thread 1, no barrier between")
	f := found[0]
	set, at := spans("write", "between", "read")
	if f.Span != at["read"] || len(f.Notes) != 1 || f.Notes[0].Span != at["write"] || f.Notes[0].Msg != "the write by thread 1 of threadgroup 0" {
		t.Errorf("the race is at %v with notes %v", set.Position(f.Span.Pos), f.Notes)
	}
	if f.Buffer != "tile" || len(f.Lanes) != 2 || f.Lanes[0] != 1 || f.Lanes[1] != 0 {
		t.Errorf("finding is %+v", f)
	}
	clean(t, raceKernel(0, nothing, 64), 128, 64, unwritten(out))
	clean(t, raceKernel(1, func(k *kernel) { k.Barrier(false) }, 64), 128, 64, unwritten(out))

	// A simdgroup barrier, or a simd function, orders one simdgroup only.
	simd := func(k *kernel) { k.Barrier(true) }
	clean(t, raceKernel(1, simd, 32), 128, 32, unwritten(out))
	expect(t, checkRun(t, raceKernel(1, simd, 64), 128, 64, unwritten(out)), "data race on tile[32]: read by thread 31 of threadgroup 0, write by thread 32")
	sum := func(k *kernel) { k.Simd(ir.SimdSum, 32, k.gid) }
	clean(t, raceKernel(5, sum, 32), 128, 32, unwritten(out))
	expect(t, checkRun(t, raceKernel(32, sum, 64), 128, 64, unwritten(out)), "data race on tile[32]")
}

// TestRaceAfterRead is the bug of kernels that use one shared array for two
// reductions: a write while others may still be reading.
func TestRaceAfterRead(t *testing.T) {
	build := func(barrier bool) *ir.Func {
		k := newKernel("reuse")
		out := k.out("out", ir.F32)
		shared := k.Alloc(ir.Alloc{Name: "shared", Space: ir.Threadgroup, Size: 8, Align: 4, Elem: ir.F32})
		lane, group := k.Special(ir.ThreadIndexInSimdgroup), k.Special(ir.SimdgroupIndexInThreadgroup)
		x := k.Convert(ir.F32, k.gid)
		first := k.Compare(ir.Eq, lane, k.ConstU32(0))
		k.If(first, func() { k.Store(ir.F32, k.at(shared, ir.F32, group), k.Simd(ir.SimdMax, 32, x)) }, nil)
		k.Barrier(false)
		m := k.Binary(ir.Max, k.Load(ir.F32, ir.At(shared, 0)), k.Load(ir.F32, ir.At(shared, 4)))
		if barrier {
			k.Barrier(false)
		}
		s := k.Simd(ir.SimdSum, 32, k.Binary(ir.Sub, x, m))
		k.If(first, func() { k.Store(ir.F32, k.at(shared, ir.F32, group), s) }, nil)
		k.Barrier(false)
		k.put(out, ir.F32, k.Binary(ir.Add, k.Load(ir.F32, ir.At(shared, 0)), k.Load(ir.F32, ir.At(shared, 4))))
		return k.Finish()
	}
	expect(t, checkRun(t, build(false), 64, 64, on(make([]float32, 64))), "Race: data race on shared[0]: write by thread 0 of threadgroup 0, read by thread 32, no barrier between")
	clean(t, build(true), 64, 64, on(make([]float32, 64)))
}

func TestRaceDevice(t *testing.T) {
	// All threads of a group add to its element: within the group.
	build := func(per uint32, atomic, same bool) *ir.Func {
		k := newKernel("histogram")
		out := k.out("out", ir.U32)
		bin := k.Binary(ir.Div, k.gid, k.ConstU32(per))
		switch {
		case atomic:
			k.Atomic(ir.AtomicAdd, ir.U32, k.at(out, ir.U32, bin), k.ConstU32(1))
		case same:
			k.Store(ir.U32, k.at(out, ir.U32, bin), k.ConstU32(7))
		default:
			k.Store(ir.U32, k.at(out, ir.U32, bin), k.Binary(ir.Add, k.Load(ir.U32, k.at(out, ir.U32, bin)), k.gid))
		}
		return k.Finish()
	}
	out := make([]uint32, 256)
	expect(t, checkRun(t, build(4, false, false), 128, 32, on(out)), "Race: data race on out[0]: write by thread 0 of threadgroup 0, read by thread 1, no barrier between")
	found := checkRun(t, build(4, false, true), 128, 32, on(out))
	expect(t, found, "data race on out[0]: write by thread 1 of threadgroup 0, write by thread 0, no barrier between; both write the same value")
	if found[0].Severity != source.Warning {
		t.Error("a race of equal values is more than a warning")
	}
	clean(t, build(4, true, false), 128, 32, on(out))
	clean(t, build(1, false, false), 128, 32, on(out))

	// Threads 0 and 1 write equal values, the other pairs do not: a warning
	// that came first does not hide the fault.
	k := newKernel("pairs")
	o := k.out("out", ir.U32)
	k.Store(ir.U32, k.at(o, ir.U32, k.Binary(ir.Div, k.gid, k.ConstU32(2))), k.Binary(ir.Max, k.gid, k.ConstU32(1)))
	found = checkRun(t, k.Finish(), 32, 32, on(out))
	expect(t, found, "data race on out[1]: write by thread 3 of threadgroup 0, write by thread 2, no barrier between")
	if found[0].Severity != source.Error || found[0].Count != 32 || len(found) != 1 {
		t.Errorf("found %+v, want one error of 16 races", found)
	}

	// One thread a group, all on one element: across groups.
	expect(t, checkRun(t, build(128, false, false), 128, 1, on(out)),
		"Race: data race on out[0]: read by thread 0 of threadgroup 1, write by thread 0 of threadgroup 0",
		"Race: data race on out[0]: write by thread 0 of threadgroup 1, write by thread 0 of threadgroup 0")
	// Bytes of one word are different elements.
	k = newKernel("bytes")
	b := k.out("b", ir.U32)
	k.Store(ir.U8, ir.AtIndex(b, k.gid, 1, 0), k.Convert(ir.U8, k.gid))
	clean(t, k.Finish(), 64, 16, on(make([]uint32, 16)))
	// An atomic and a plain write do race.
	k = newKernel("mixed")
	c := k.out("c", ir.U32)
	k.Atomic(ir.AtomicAdd, ir.U32, ir.At(c, 0), k.gid)
	k.If(k.Compare(ir.Eq, k.gid, k.ConstU32(3)), func() { k.Store(ir.U32, ir.At(c, 0), k.gid) }, nil)
	expect(t, checkRun(t, k.Finish(), 8, 8, on(make([]uint32, 1))), "data race on c[0]: write by thread 3 of threadgroup 0, atomic write by thread 7")
}

func TestDivergentBarrier(t *testing.T) {
	build := func(kind string, simd bool) *ir.Func {
		k := newKernel("barrier")
		cond := k.Compare(ir.Lt, k.gid, k.ConstU32(40))
		switch kind {
		case "branch":
			k.If(cond, func() { k.Barrier(simd) }, nil)
		case "return":
			k.If(k.Not(cond), k.Return, nil)
			k.Barrier(simd)
		case "one simdgroup":
			k.If(k.Compare(ir.Lt, k.gid, k.ConstU32(32)), func() { k.Barrier(simd) }, nil)
		case "uniform":
			k.If(k.Compare(ir.Lt, k.Special(ir.ThreadgroupPositionInGrid), k.ConstU32(1)), func() { k.Barrier(simd) }, nil)
		}
		return k.Finish()
	}
	expect(t, checkRun(t, build("branch", false), 64, 64), "DivergentBarrier: threadgroup barrier that not all threads reach: lanes 40-63 took another path (threadgroup 0)")
	expect(t, checkRun(t, build("return", false), 64, 64), "DivergentBarrier: threadgroup barrier that not all threads reach: lanes 40-63 returned before (threadgroup 0)")
	expect(t, checkRun(t, build("branch", true), 64, 64), "DivergentBarrier: simdgroup barrier that not all threads reach: lanes 40-63 took another path")
	expect(t, checkRun(t, build("one simdgroup", false), 64, 64), "DivergentBarrier: threadgroup barrier that not all threads reach: lanes 32-63 took another path")
	clean(t, build("return", true), 40, 40)
	clean(t, build("one simdgroup", true), 64, 64)
	clean(t, build("uniform", false), 64, 32)
	clean(t, build("uniform", true), 64, 32)
}

func TestIndexOverflow(t *testing.T) {
	build := func(shape string) *ir.Func {
		k := newKernel("index")
		x, out := k.in("x", ir.I32), k.out("out", ir.I32)
		set, at := spans("product", "use")
		k.Func().Set = set
		n := k.Load(ir.I32, ir.At(x, 0)) // 65536
		u := k.Convert(ir.U32, n)
		k.SetSpan(at["product"])
		var i ir.Reg
		switch shape {
		case "product": // 2^32
			i = k.Binary(ir.Mul, u, u)
		case "signed":
			i = k.Convert(ir.I64, k.Binary(ir.Mul, n, n))
		case "wide":
			l := k.Convert(ir.I64, n)
			i = k.Binary(ir.And, k.Binary(ir.Mul, l, l), k.ConstInt(ir.I64, 7))
		case "hash":
			i = k.Binary(ir.And, k.Binary(ir.Mul, u, k.ConstU32(2654435761)), k.ConstU32(7))
		case "negative step": // unsigned(-1) + 1, as stencils do
			i = k.Binary(ir.Add, k.Convert(ir.U32, k.Binary(ir.Sub, k.ConstI32(0), k.Load(ir.I32, ir.At(x, 4)))), k.ConstU32(1))
		case "back": // 0 - 1 + 1
			one := k.Convert(ir.U32, k.Load(ir.I32, ir.At(x, 4)))
			v := k.variable("v", k.Binary(ir.Sub, k.Binary(ir.Mul, one, k.ConstU32(5)), k.ConstU32(6)))
			i = k.Binary(ir.Add, v, k.ConstU32(3))
		}
		k.SetSpan(at["use"])
		k.Store(ir.I32, k.at(out, ir.I32, i), n)
		return k.Finish()
	}
	x := on([]int32{65536, 1})
	out := make([]int32, 8)
	found := checkRun(t, build("product"), 1, 1, x, on(out))
	expect(t, found, "IndexOverflow: integer overflow in an index: 4294967296 became 0 in u32 (lane 0 of threadgroup 0)")
	_, at := spans("product", "use")
	if found[0].Span != at["product"] || found[0].Notes[0].Span != at["use"] {
		t.Errorf("the overflow is at %v, notes %v", found[0].Span, found[0].Notes)
	}
	expect(t, checkRun(t, build("signed"), 1, 1, x, on(out)), "IndexOverflow: integer overflow in an index: 4294967296 became 0 in i32")
	for _, shape := range []string{"wide", "hash", "negative step", "back"} {
		clean(t, build(shape), 1, 1, x, on(out))
	}
}

func TestDivisionByZero(t *testing.T) {
	for _, op := range []ir.Op{ir.Div, ir.Rem} {
		for _, bias := range []uint32{0, 1} {
			k := newKernel("division")
			out := k.out("out", ir.U32)
			k.put(out, ir.U32, k.Binary(op, k.ConstU32(100), k.Binary(ir.Add, k.Binary(ir.And, k.gid, k.ConstU32(3)), k.ConstU32(bias))))
			got := checkRun(t, k.Finish(), 16, 8, on(make([]uint32, 16)))
			if bias == 1 {
				expect(t, got)
				continue
			}
			what := "division"
			if op == ir.Rem {
				what = "remainder"
			}
			expect(t, got, "DivisionByZero: integer "+what+" by zero (lanes 0, 4 of threadgroup 0)")
			if got[0].Count != 4 {
				t.Errorf("counted %d, want 4", got[0].Count)
			}
		}
	}
}

func TestMisaligned(t *testing.T) {
	build := func(off int64, n int) *ir.Func {
		k := newKernel("vector")
		x, out := k.in("x", ir.F32), k.out("out", ir.F32)
		v := k.LoadN(ir.F32, n, ir.AtIndex(x, k.gid, int64(4*n), off))
		k.put(out, ir.F32, v[0])
		return k.Finish()
	}
	x, out := make([]float32, 64), make([]float32, 8)
	expect(t, checkRun(t, build(4, 4), 8, 8, on(x), on(out)), "Misaligned: misaligned read of x: 16 bytes at byte 4, which is no multiple of 16 (lanes 0-7 of threadgroup 0)")
	expect(t, checkRun(t, build(2, 1), 8, 8, on(x), on(out)), "Misaligned: misaligned read of x: 4 bytes at byte 2")
	clean(t, build(16, 4), 8, 8, on(x), on(out))
	clean(t, build(4, 3), 8, 8, on(x), on(out))
	clean(t, build(4, 1), 8, 8, on(x), on(out))
}

// TestFindings checks what is common to all kinds: what is kept of each, the
// bound on their number, and what happens without a Report.
func TestFindings(t *testing.T) {
	k := newKernel("many")
	out := k.out("out", ir.U32)
	for i := range 300 {
		k.Store(ir.U32, ir.At(out, int64(-4*i-4)), k.gid)
	}
	fn := k.Finish()
	p := mustCompile(t, fn, launch.Options{Check: true})
	l := launch.Launch{Args: []launch.Arg{on(make([]uint32, 4))}, Grid: [3]int{4, 4, 4}, Group: [3]int{2, 2, 2}}
	for _, c := range [][2]int{{0, defaultMax}, {7, 7}} {
		l.Report = &launch.Report{Max: c[0]}
		if err := p.Run(context.Background(), l); err != nil {
			t.Fatal(err)
		}
		if n := len(l.Report.Findings); n != c[1] {
			t.Errorf("Max %d: %d findings, want %d", c[0], n, c[1])
		}
		if msg := l.Report.Findings[0].Msg; !strings.HasSuffix(msg, "(lanes 0-7 of threadgroup (0, 0, 0))") {
			t.Errorf("first message is %q", msg)
		}
	}
	l.Report = nil
	if err := p.Run(context.Background(), l); err == nil || !strings.Contains(err.Error(), "out-of-bounds write to out: index -1") {
		t.Errorf("without a report the error is %v", err)
	}
	if got := laneRanges([]int32{0, 2, 4, 5, 8, 10, 12, 13}); got != "lanes 0, 2, 4-5, 8 and 3 more" {
		t.Errorf("lanes are %q", got)
	}
}

// TestCheckedResults runs random programs in checked mode: they compute what
// they do in fast mode, and what goes out of bounds is found.
func TestCheckedResults(t *testing.T) {
	outside := 0
	for seed := range uint64(200) {
		fn := generate(seed)
		const n = 150
		in := make([]int32, n)
		for i := range in {
			in[i] = int32((i*7+int(seed))%24 - 8)
		}
		fast, checked := make([]int32, n*outWords), make([]int32, n*outWords)
		run(t, fn, n, 64, on(in), on(in), on(fast))
		p := mustCompile(t, fn, launch.Options{Check: true})
		report := &launch.Report{Max: 1 << 20}
		if err := p.Run(context.Background(), launch.Launch{Args: []launch.Arg{on(in), on(in), on(checked)}, Grid: [3]int{n, 1, 1}, Group: [3]int{64, 1, 1}, Report: report}); err != nil {
			t.Fatal(err)
		}
		for i := range fast {
			if fast[i] != checked[i] {
				t.Fatalf("seed %d: word %d is %#x in fast mode, %#x in checked mode", seed, i, fast[i], checked[i])
			}
		}
		for _, f := range report.Findings {
			if f.Code == launch.OutOfBounds {
				outside++
			}
			if f.Code == launch.Race {
				t.Errorf("seed %d: found %s where threads share nothing they write", seed, f.Msg)
			}
		}
	}
	if outside == 0 {
		t.Error("no program went out of bounds, but one in ten addresses does")
	}
}
