package interp

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

func TestMish(t *testing.T) {
	for _, n := range []int{1, 31, 256, 1000, 70_001} {
		for _, group := range []int{1, 7, 32, 256, 1024} {
			x, y := mishInput(n), make([]float32, n)
			run(t, mishFunc(), n, min(group, n), on(x), on(y))
			for i := range y {
				if want := mish(x[i]); y[i] != want {
					t.Fatalf("n %d, group %d: y[%d] = %g, want %g", n, group, i, y[i], want)
				}
			}
		}
	}
}

// TestAttributes compares every thread attribute with its definition.
func TestAttributes(t *testing.T) {
	for _, shape := range []struct{ grid, group [3]int }{
		{[3]int{1, 1, 1}, [3]int{1, 1, 1}},
		{[3]int{100, 1, 1}, [3]int{48, 1, 1}},
		{[3]int{13, 7, 5}, [3]int{4, 3, 2}},
		{[3]int{70, 9, 1}, [3]int{33, 4, 1}},
		{[3]int{5, 40, 3}, [3]int{5, 1, 3}},
	} {
		g, n := shape.group, shape.grid[0]*shape.grid[1]*shape.grid[2]
		k := newKernel("attributes")
		out := k.out("out", ir.U32)
		linear := k.gid
		for d := range 2 {
			pos := k.Special(ir.ThreadPositionInGrid + 1 + ir.SpecialKind(d))
			size := shape.grid[0]
			if d == 1 {
				size *= shape.grid[1]
			}
			linear = k.Binary(ir.Add, linear, k.Binary(ir.Mul, pos, k.ConstU32(uint32(size))))
		}
		place := k.PtrAdd(ir.AtIndex(out, linear, 4*int64(ir.NumSpecials), 0))
		for s := range ir.NumSpecials {
			k.Store(ir.U32, ir.At(place, 4*int64(s)), k.Special(s))
		}
		got := make([]uint32, n*int(ir.NumSpecials))
		run3(t, k.Finish(), shape.grid, g, on(got))
		for i := range n {
			pos := [3]int{i % shape.grid[0], i / shape.grid[0] % shape.grid[1], i / shape.grid[0] / shape.grid[1]}
			var want [ir.NumSpecials]int
			var local, size, groups [3]int
			for d := range 3 {
				local[d] = pos[d] % g[d]
				id := pos[d] / g[d]
				groups[d] = (shape.grid[d] + g[d] - 1) / g[d]
				size[d] = min(g[d], shape.grid[d]-id*g[d])
				want[int(ir.ThreadPositionInGrid)+d] = pos[d]
				want[int(ir.ThreadPositionInThreadgroup)+d] = local[d]
				want[int(ir.ThreadgroupPositionInGrid)+d] = id
				want[int(ir.ThreadsPerGrid)+d] = shape.grid[d]
				want[int(ir.ThreadsPerThreadgroup)+d] = size[d]
				want[int(ir.DispatchThreadsPerThreadgroup)+d] = g[d]
				want[int(ir.ThreadgroupsPerGrid)+d] = groups[d]
			}
			index := local[0] + size[0]*(local[1]+size[1]*local[2])
			threads, nominal := size[0]*size[1]*size[2], g[0]*g[1]*g[2]
			want[ir.ThreadIndexInThreadgroup] = index
			want[ir.ThreadIndexInSimdgroup] = index % 32
			want[ir.SimdgroupIndexInThreadgroup] = index / 32
			want[ir.SimdgroupsPerThreadgroup] = (threads + 31) / 32
			want[ir.DispatchSimdgroupsPerThreadgroup] = (nominal + 31) / 32
			want[ir.ThreadsPerSimdgroup] = 32
			want[ir.ThreadIndexInQuadgroup] = index % 4
			want[ir.QuadgroupIndexInThreadgroup] = index / 4
			want[ir.QuadgroupsPerThreadgroup] = (threads + 3) / 4
			want[ir.DispatchQuadgroupsPerThreadgroup] = (nominal + 3) / 4
			for s, w := range want {
				if v := got[i*int(ir.NumSpecials)+s]; int(v) != w {
					t.Fatalf("grid %v group %v: attribute %d of thread %v is %d, want %d", shape.grid, g, s, pos, v, w)
				}
			}
		}
	}
}

// TestThreadgroupMemory reverses the elements of each group through
// threadgroup memory, in groups small enough to run side by side too.
func TestThreadgroupMemory(t *testing.T) {
	k := newKernel("reverse")
	x, y := k.in("x", ir.I32), k.out("y", ir.I32)
	tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 4 * 1000, Align: 4, Elem: ir.I32})
	i, size := k.Special(ir.ThreadIndexInThreadgroup), k.Special(ir.ThreadsPerThreadgroup)
	k.Store(ir.I32, k.at(tile, ir.I32, i), k.get(x, ir.I32))
	k.Barrier(false)
	k.put(y, ir.I32, k.Load(ir.I32, ir.AtIndex(tile, k.Binary(ir.Sub, size, i), 4, -4)))
	fn := k.Finish()
	for _, group := range []int{1, 3, 32, 100, 999} {
		const n = 1003
		in, out := make([]int32, n), make([]int32, n)
		for i := range in {
			in[i] = int32(i)
		}
		run(t, fn, n, group, on(in), on(out))
		for i := range out {
			start := i / group * group
			if want := start + min(group, n-start) - 1 - (i - start); int(out[i]) != want {
				t.Fatalf("group %d: out[%d] = %d, want %d", group, i, out[i], want)
			}
		}
	}
}

func TestAtomics(t *testing.T) {
	const n = 10_000
	rng := rand.New(rand.NewPCG(3, 3))
	for _, ty := range []ir.Type{ir.I32, ir.U32, ir.I64, ir.U64, ir.F32} {
		ops := []ir.Op{ir.AtomicAdd, ir.AtomicSub, ir.AtomicMin, ir.AtomicMax}
		if ty.IsInt() {
			ops = append(ops, ir.AtomicAnd, ir.AtomicOr, ir.AtomicXor)
		}
		plain := map[ir.Op]ir.Op{ir.AtomicAdd: ir.Add, ir.AtomicSub: ir.Sub, ir.AtomicMin: ir.Min, ir.AtomicMax: ir.Max, ir.AtomicAnd: ir.And, ir.AtomicOr: ir.Or, ir.AtomicXor: ir.Xor}
		k := newKernel("atomics")
		x, y := k.in("x", ty), k.out("y", ty)
		v := k.get(x, ty)
		for i, op := range ops {
			k.Atomic(op, ty, ir.At(y, int64(i*ty.Size())), v)
		}
		vals := make([]uint64, n)
		for i := range vals {
			if vals[i] = ir.Canonical(ty, rng.Uint64()); ty == ir.F32 {
				vals[i] = ir.FloatBits(ty, float64(rng.IntN(200)-100)) // sums are exact in any order
			}
		}
		start := samples(ty, 8)
		want := append([]uint64(nil), start[:len(ops)]...)
		for i, op := range ops {
			for _, v := range vals {
				want[i] = scalarOp(plain[op], ty, ir.Void, want[i], v, 0)
			}
		}
		mem, out := pack(ty, vals), pack(ty, start[:len(ops)])
		run(t, k.Finish(), n, 100, on(mem), on(out))
		for i, got := range unpack(ty, out) {
			if got != want[i] {
				t.Errorf("%s %s: got %#x, want %#x", ops[i], ty, got, want[i])
			}
		}
	}
}

// TestAtomicOrder checks the values before: tickets are all different, and in
// lane order within a group.
func TestAtomicOrder(t *testing.T) {
	k := newKernel("tickets")
	counter, y := k.out("counter", ir.U32), k.out("y", ir.U32)
	old := k.Atomic(ir.AtomicAdd, ir.U32, ir.At(counter, 0), k.ConstU32(1))
	k.put(y, ir.U32, old)
	k.AtomicStore(ir.U32, ir.At(counter, 4), k.AtomicLoad(ir.U32, ir.At(counter, 8)))
	was := k.Atomic(ir.AtomicXchg, ir.U32, ir.At(counter, 12), k.gid)
	seen, ok := k.AtomicCAS(ir.U32, ir.At(counter, 16), k.gid, k.ConstU32(7777))
	k.Store(ir.U32, ir.AtIndex(y, k.gid, 4, 4*64), was)
	k.Store(ir.U32, ir.AtIndex(y, k.gid, 4, 4*128), seen)
	k.Store(ir.Bool, ir.AtIndex(y, k.gid, 4, 4*192), ok)
	c, out := []uint32{5, 0, 42, 99, 20}, make([]uint32, 256)
	run(t, k.Finish(), 64, 64, on(c), on(out))
	if c[0] != 69 || c[1] != 42 || c[3] != 63 || c[4] != 7777 {
		t.Errorf("counters are %v", c)
	}
	for i := range 64 {
		was, seen, ok := uint32(i-1), uint32(20), uint32(0)
		if i == 0 {
			was = 99
		}
		if i == 20 {
			ok = 1
		}
		if i > 20 {
			seen = 7777
		}
		if out[i] != uint32(5+i) || out[64+i] != was || out[128+i] != seen || out[192+i] != ok {
			t.Errorf("lane %d: add gave %d, xchg %d, cas %d %d", i, out[i], out[64+i], out[128+i], out[192+i])
		}
	}
}

// TestNoEscape throws wild addresses at buffers whose surroundings must not
// change.
func TestNoEscape(t *testing.T) {
	const n = 256
	offsets := make([]int64, n)
	rng := rand.New(rand.NewPCG(5, 5))
	for i := range offsets {
		switch i % 4 {
		case 0:
			offsets[i] = rng.Int64N(200) - 100
		case 1:
			offsets[i] = int64(rng.Uint64())
		case 2:
			offsets[i] = math.MinInt64 + rng.Int64N(64)
		default:
			offsets[i] = int64(i)
		}
	}
	for _, ty := range []ir.Type{ir.U8, ir.F16, ir.I32, ir.F32, ir.F64} {
		for form := range 6 {
			k := newKernel("wild")
			x, y := k.in("offsets", ir.I64), k.out("y", ty)
			own := k.Alloc(ir.Alloc{Name: "own", Space: ir.Thread, Size: 24, Align: 8})
			tile := k.Alloc(ir.Alloc{Name: "tile", Space: ir.Threadgroup, Size: 24, Align: 8})
			off := k.get(x, ir.I64)
			var a ir.Addr
			switch form {
			case 0:
				a = ir.AtIndex(y, off, int64(ty.Size()), 0)
			case 1:
				a = ir.At(k.PtrAdd(ir.AtIndex(y, off, 1<<40, 0)), 8)
			case 2:
				a = ir.AtIndex(k.Select(k.Compare(ir.Lt, off, k.ConstInt(ir.I64, 9)), y, k.Null(ir.Device)), off, 4, 0)
			case 3:
				a = ir.AtIndex(own, off, 8, 0)
			case 4:
				a = ir.AtIndex(tile, off, 8, 0)
			case 5: // a series that comes back after the 64 lanes of a group
				a = ir.AtIndex(y, k.gid, (1<<63-1)/63*2+3, 0)
			}
			v := k.LoadN(ty, 3, a)
			k.Store(ty, a, v...)
			one := k.Convert(ty, k.ConstU32(1))
			k.Store(ty, a, one, one)
			if ty == ir.I32 && form != 3 {
				k.Atomic(ir.AtomicAdd, ty, a, one)
			}
			whole := make([]uint64, 128)
			arg := on(whole)
			arg.Offset, arg.Lo, arg.Hi = 512, 256, 776
			fn := k.Finish()
			for part := 0; part < n; part += 64 { // one group each, as they would race
				run(t, fn, 64, 64, on(offsets[part:part+64]), arg)
			}
			for i, v := range whole {
				if v != 0 && (i < 256/8 || i >= 776/8) {
					t.Fatalf("%s form %d: word %d outside the argument is %#x", ty, form, i, v)
				}
			}
		}
	}
}

func TestEmptyArgument(t *testing.T) {
	k := newKernel("empty")
	x, y := k.in("x", ir.F32), k.out("y", ir.F32)
	k.put(y, ir.F32, k.Binary(ir.Add, k.get(x, ir.F32), k.ConstF32(2)))
	none, err := New().Alloc(0)
	if err != nil {
		t.Fatal(err)
	}
	out := []float32{7, 7, 7}
	run(t, k.Finish(), 3, 3, launch.Arg{Buffer: none}, on(out))
	if out[0] != 2 || out[2] != 2 {
		t.Errorf("reads of nothing gave %v, want zeros to be added to", out)
	}
	run(t, mishFunc(), 3, 2, launch.Arg{Buffer: none}, launch.Arg{Buffer: none})
}

func TestCancel(t *testing.T) {
	for _, check := range []bool{false, true} {
		k := newKernel("endless")
		y := k.out("y", ir.U32)
		n := k.variable("n", k.ConstU32(0))
		k.Loop(nil, func(outer *ir.Loop) {
			k.Loop(nil, func(l *ir.Loop) {
				k.Set(n, k.Binary(ir.Add, n, k.ConstU32(1)))
				k.If(k.Compare(ir.Eq, n, k.gid), func() { k.Continue(outer) }, nil)
			}, nil)
		}, nil)
		k.put(y, ir.U32, n)
		fn := k.Func()
		p := mustCompile(t, fn, launch.Options{Check: check})
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		out := make([]uint32, 5000)
		err := p.Run(ctx, launch.Launch{Args: []launch.Arg{on(out)}, Grid: [3]int{5000, 1, 1}, Group: [3]int{64, 1, 1}, Report: &launch.Report{}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("check %v: an endless loop ended with %v, want %v", check, err, context.DeadlineExceeded)
		}
		cancel()
		if err := p.Run(ctx, launch.Launch{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a launch with a dead context gave %v", err)
		}
	}
}

// TestTogether launches one program from several goroutines.
func TestTogether(t *testing.T) {
	p := mustCompile(t, mishFunc(), launch.Options{})
	var wg sync.WaitGroup
	for _, n := range []int{100, 3000, 64, 5000} {
		wg.Go(func() {
			x, y := mishInput(n), make([]float32, n)
			for range 20 {
				clear(y)
				if err := p.Run(context.Background(), launch.Launch{Args: []launch.Arg{on(x), on(y)}, Grid: [3]int{n, 1, 1}, Group: [3]int{64, 1, 1}}); err != nil {
					t.Error(err)
				}
				for i := range y {
					if y[i] != mish(x[i]) {
						t.Errorf("y[%d] = %g, want %g", i, y[i], mish(x[i]))
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestRefusals(t *testing.T) {
	ok := launch.Launch{Args: []launch.Arg{on(make([]float32, 8)), on(make([]float32, 8))}, Grid: [3]int{8, 1, 1}, Group: [3]int{8, 1, 1}}
	for _, c := range []struct {
		name string
		edit func(l *launch.Launch)
		want string
	}{
		{"arguments", func(l *launch.Launch) { l.Args = l.Args[:1] }, "launched with 1 arguments, takes 2"},
		{"no buffer", func(l *launch.Launch) { l.Args[0] = launch.Arg{} }, "argument x has no buffer"},
		{"range", func(l *launch.Launch) { l.Args[0].Hi = 33 }, "argument x is bytes 0 to 33 of a buffer of 32"},
		{"grid", func(l *launch.Launch) { l.Grid[1] = 0 }, "a grid of [8 0 1] threads"},
		{"grid too large", func(l *launch.Launch) { l.Grid[2] = 1 << 32 }, "each must be 1 to 4294967295"},
		{"group over grid", func(l *launch.Launch) { l.Group[1] = 2 }, "a threadgroup of [8 2 1] threads"},
		{"group too large", func(l *launch.Launch) { l.Grid, l.Group = [3]int{64, 64, 1}, [3]int{64, 17, 1} }, "a threadgroup of 64 x 17 x 1 threads; at most 1024 fit in one"},
	} {
		l := ok
		l.Args = append([]launch.Arg(nil), ok.Args...)
		c.edit(&l)
		err := mustCompile(t, mishFunc(), launch.Options{}).Run(context.Background(), l)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", c.name, err, c.want)
		}
	}

	large := func(space ir.Space, size int) *ir.Func {
		k := newKernel("large")
		a := k.Alloc(ir.Alloc{Name: "a", Space: space, Size: size, Align: 4})
		k.Store(ir.U32, ir.At(a, 0), k.gid)
		return k.Finish()
	}
	_, err := New().Compile(context.Background(), large(ir.Threadgroup, 32<<10+4), launch.Options{})
	if err == nil || !strings.Contains(err.Error(), "needs 32772 bytes of threadgroup memory, at most 32768") {
		t.Errorf("too much threadgroup memory: got error %v", err)
	}
	p := mustCompile(t, large(ir.Thread, 1<<20), launch.Options{})
	l := launch.Launch{Grid: [3]int{64, 1, 1}, Group: [3]int{64, 1, 1}}
	if err := p.Run(context.Background(), l); err != nil {
		t.Errorf("64 MiB of thread memory: %v", err)
	}
	l.Grid[0], l.Group[0] = 65, 65
	if err := p.Run(context.Background(), l); err == nil || !strings.Contains(err.Error(), "need 68157440 bytes") {
		t.Errorf("too much thread memory: got error %v", err)
	}

	b, err := New().Alloc(16)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Upload(8, make([]byte, 9)); err == nil {
		t.Error("an upload past the end succeeded")
	}
	if err := b.Upload(8, []byte{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
		t.Error(err)
	}
	got := make([]byte, 2)
	if err := b.Download(14, got); err != nil || got[0] != 7 || got[1] != 8 {
		t.Errorf("downloaded %v, %v", got, err)
	}
	b.Free()
	if err := b.Download(0, got); !errors.Is(err, launch.ErrFreed) {
		t.Errorf("a download after Free gave %v", err)
	}
}
