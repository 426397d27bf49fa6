package interp

// This file implements the benchmarks: a kernel next to the same loop in Go.

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

func mishFunc() *ir.Func {
	k := newKernel("mish")
	x, y := k.in("x", ir.F32), k.out("y", ir.F32)
	v := k.variable("v", k.get(x, ir.F32))
	e := k.Binary(ir.Add, k.ConstF32(1), k.Unary(ir.Exp, v))
	k.put(y, ir.F32, k.Binary(ir.Mul, v, k.Unary(ir.Tanh, k.Unary(ir.Log, e))))
	return k.Finish()
}

func mish(v float32) float32 {
	e := float32(math.Exp(float64(v)))
	l := float32(math.Log(float64(1 + e)))
	return v * float32(math.Tanh(float64(l)))
}

func mishInput(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%2001-1000) / 250
	}
	return x
}

func BenchmarkMish(b *testing.B) {
	x, y := mishInput(1<<20), make([]float32, 1<<20)
	for _, group := range []int{1, 32, 256, 1024} {
		b.Run(fmt.Sprintf("interp/group=%d", group), func(b *testing.B) {
			p := mustCompile(b, mishFunc(), launch.Options{})
			l := launch.Launch{Args: []launch.Arg{on(x), on(y)}, Grid: [3]int{1 << 20, 1, 1}, Group: [3]int{group, 1, 1}}
			b.SetBytes(8 << 20)
			for b.Loop() {
				if err := p.Run(context.Background(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("checked/group=256", func(b *testing.B) {
		p := mustCompile(b, mishFunc(), launch.Options{Check: true})
		l := launch.Launch{Args: []launch.Arg{on(x), unwritten(y)}, Grid: [3]int{1 << 20, 1, 1}, Group: [3]int{256, 1, 1}}
		b.SetBytes(8 << 20)
		for b.Loop() {
			if err := p.Run(context.Background(), l); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go", func(b *testing.B) {
		b.SetBytes(8 << 20)
		for b.Loop() {
			for i, v := range x {
				y[i] = mish(v)
			}
		}
	})
}

// BenchmarkDot is a loop of cheap instructions: every thread sums a row.
func BenchmarkDot(b *testing.B) {
	k := newKernel("dot")
	x, y := k.in("x", ir.F32), k.out("y", ir.F32)
	sum := k.variable("sum", k.ConstF32(0))
	i := k.variable("i", k.ConstU32(0))
	k.Loop(func(*ir.Loop) ir.Reg { return k.Compare(ir.Lt, i, k.ConstU32(256)) },
		func(*ir.Loop) {
			v := k.Load(ir.F32, k.at(x, ir.F32, k.Binary(ir.Add, k.Binary(ir.Mul, k.gid, k.ConstU32(256)), i)))
			k.Set(sum, k.Binary(ir.Add, sum, k.Binary(ir.Mul, v, v)))
		},
		func(*ir.Loop) { k.Set(i, k.Binary(ir.Add, i, k.ConstU32(1))) })
	k.put(y, ir.F32, sum)
	in, out := mishInput(1<<20), make([]float32, 1<<12)
	p := mustCompile(b, k.Finish(), launch.Options{})
	l := launch.Launch{Args: []launch.Arg{on(in), on(out)}, Grid: [3]int{1 << 12, 1, 1}, Group: [3]int{256, 1, 1}}
	b.Run("interp", func(b *testing.B) {
		b.SetBytes(4 << 20)
		for b.Loop() {
			if err := p.Run(context.Background(), l); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("go", func(b *testing.B) {
		b.SetBytes(4 << 20)
		for b.Loop() {
			for r := range out {
				var s float32
				for _, v := range in[r*256 : r*256+256] {
					s += v * v
				}
				out[r] = s
			}
		}
	})
}

// BenchmarkRowSum is a row reduction as kernels write it: strided loop, simd
// sum, threadgroup memory.
func BenchmarkRowSum(b *testing.B) {
	const rows, size = 1024, 1024
	for _, group := range []int{32, 256} {
		k := newKernel("rowsum")
		x, y := k.in("x", ir.F32), k.out("y", ir.F32)
		shared := k.Alloc(ir.Alloc{Name: "shared", Space: ir.Threadgroup, Size: 128, Align: 4, Elem: ir.F32})
		t, n := k.Special(ir.ThreadIndexInThreadgroup), k.Special(ir.ThreadsPerThreadgroup)
		row := k.Special(ir.ThreadgroupPositionInGrid)
		lane, simd := k.Special(ir.ThreadIndexInSimdgroup), k.Special(ir.SimdgroupIndexInThreadgroup)
		base := k.PtrAdd(ir.AtIndex(x, row, 4*size, 0))
		sum, i := k.variable("sum", k.ConstF32(0)), k.variable("i", t)
		k.Loop(func(*ir.Loop) ir.Reg { return k.Compare(ir.Lt, i, k.ConstU32(size)) },
			func(*ir.Loop) { k.Set(sum, k.Binary(ir.Add, sum, k.Load(ir.F32, k.at(base, ir.F32, i)))) },
			func(*ir.Loop) { k.Set(i, k.Binary(ir.Add, i, n)) })
		s := k.Simd(ir.SimdSum, 32, sum)
		k.If(k.Compare(ir.Eq, lane, k.ConstU32(0)), func() { k.Store(ir.F32, k.at(shared, ir.F32, simd), s) }, nil)
		k.Barrier(false)
		k.If(k.Compare(ir.Lt, t, k.ConstU32(uint32(group/32))), func() {
			total := k.Simd(ir.SimdSum, 32, k.Load(ir.F32, k.at(shared, ir.F32, t)))
			k.If(k.Compare(ir.Eq, t, k.ConstU32(0)), func() { k.Store(ir.F32, k.at(y, ir.F32, row), total) }, nil)
		}, nil)
		p := mustCompile(b, k.Finish(), launch.Options{})
		in, out := mishInput(rows*size), make([]float32, rows)
		l := launch.Launch{Args: []launch.Arg{on(in), on(out)}, Grid: [3]int{rows * group, 1, 1}, Group: [3]int{group, 1, 1}}
		b.Run(fmt.Sprintf("interp/group=%d", group), func(b *testing.B) {
			b.SetBytes(4 * rows * size)
			for b.Loop() {
				if err := p.Run(context.Background(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
