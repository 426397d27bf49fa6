package zmlx_test

// This file implements tests of fusion: how many kernels run, and that no bit
// of a result depends on it.

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// launches computes arrays together and returns how many kernels that took.
func launches(t *testing.T, arrays ...*zmlx.Array) int64 {
	t.Helper()
	dev := zmlx.Default()
	before := dev.Launches()
	if err := zmlx.Eval(context.Background(), arrays...); err != nil {
		t.Fatal(err)
	}
	return dev.Launches() - before
}

func normal(seed uint64, d zmlx.DType, shp ...int) *zmlx.Array {
	return zmlx.RandomNormal(zmlx.NewKey(seed), d, shp...)
}

func TestLaunches(t *testing.T) {
	f32 := zmlx.Float32
	x, y, z := normal(1, f32, 5, 40), normal(2, f32, 5, 40), normal(3, f32, 5, 40)
	b := normal(4, f32, 40)
	h := normal(5, zmlx.Float16, 5, 40)
	silu := zmlx.MustDefine("s(x; k=1.0) = x * sigmoid(k * x)")
	norm := zmlx.MustDefine("rms(x, w; eps=1e-6) = x * rsqrt(mean(x*x) + eps) * w")
	for _, c := range []struct {
		name string
		want int64
		make func() []*zmlx.Array
	}{
		{"chain of three", 1, func() []*zmlx.Array { return []*zmlx.Array{x.Mul(y).Add(z).Tanh()} }},
		{"chain of six", 1, func() []*zmlx.Array {
			return []*zmlx.Array{x.Mul(y).Add(z).Tanh().Exp().AddScalar(1).Log()}
		}},
		{"both sides", 1, func() []*zmlx.Array { return []*zmlx.Array{x.Mul(y).Add(y.Mul(z))} }},
		{"bias and softmax", 1, func() []*zmlx.Array { return []*zmlx.Array{x.Add(b).Softmax()} }},
		{"softmax and mask", 1, func() []*zmlx.Array { return []*zmlx.Array{x.Softmax().Mul(y)} }},
		{"scale, softmax, scale", 1, func() []*zmlx.Array { return []*zmlx.Array{x.MulScalar(0.5).Softmax().MulScalar(2)} }},
		{"definitions", 1, func() []*zmlx.Array { return []*zmlx.Array{norm.Call(silu.Call(x), b).Mul(y)} }},
		{"into a sum", 1, func() []*zmlx.Array { return []*zmlx.Array{x.Mul(y).Sum(-1)} }},
		{"float16", 1, func() []*zmlx.Array { return []*zmlx.Array{h.Mul(h).Add(h).Tanh().Softmax()} }},
		{"comparison and choice", 1, func() []*zmlx.Array { return []*zmlx.Array{zmlx.Where(x.Gt(y), x.Exp(), z.Neg())} }},
		{"more parameters than Metal has slots", 4, func() []*zmlx.Array {
			a := x
			for range 40 {
				a = a.AddScalar(1)
			}
			return []*zmlx.Array{a}
		}},
		{"after a reduction", 2, func() []*zmlx.Array { return []*zmlx.Array{x.Sum(-1).Exp()} }},
		{"through a view", 2, func() []*zmlx.Array { return []*zmlx.Array{x.Exp().Transpose().Neg()} }},
		{"repeated", 2, func() []*zmlx.Array { return []*zmlx.Array{x.Add(b.Exp())} }},
		{"one value twice", 2, func() []*zmlx.Array {
			e := x.Exp()
			return []*zmlx.Array{e.Mul(e)}
		}},
		{"one value in two results", 3, func() []*zmlx.Array {
			e := x.Exp()
			return []*zmlx.Array{e.Mul(y), e.Add(y)}
		}},
		{"asked for together", 2, func() []*zmlx.Array {
			e := x.Exp()
			return []*zmlx.Array{e, e.Mul(y)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := launches(t, c.make()...); got != c.want {
				t.Errorf("%d kernels ran, want %d", got, c.want)
			}
		})
	}
}

// A value that was kept in registers can be asked for afterwards, also if what
// it was made of was freed meanwhile.
func TestFusedValueIsComputedLater(t *testing.T) {
	x := zmlx.FromSlice([]float32{1, 2, 3})
	a := x.AddScalar(1)
	b := a.MulScalar(2)
	c := b.AddScalar(-1)
	if n := launches(t, c); n != 1 {
		t.Errorf("%d kernels ran, want 1", n)
	}
	x.Free()
	d := b.AddScalar(5) // b's work has been done by c's, and is done again
	wantValues[float32](t, d, 9, 11, 13)
	wantValues[float32](t, b, 4, 6, 8)
	wantValues[float32](t, a, 2, 3, 4)
	wantValues[float32](t, c, 3, 5, 7)
}

// chain builds a random expression. If step is true each part is computed by
// itself.
func chain(r *rand.Rand, leaves []*zmlx.Array, step bool) *zmlx.Array {
	pool := append([]*zmlx.Array{}, leaves...)
	pick := func() *zmlx.Array { return pool[r.IntN(len(pool))] }
	last := pick()
	for range 3 + r.IntN(8) {
		a := last
		switch r.IntN(16) {
		case 0, 1:
			a = a.Add(pick())
		case 2, 3:
			a = a.Mul(pick())
		case 4:
			a = pick().Sub(a)
		case 5:
			a = a.Tanh()
		case 6:
			a = a.MulScalar(0.7)
		case 7:
			a = a.Sigmoid()
		case 8:
			a = a.Softmax()
		case 9:
			a = a.Sub(a.Mean(-1).ExpandDims(-1))
		case 10:
			a = a.Maximum(pick())
		case 11:
			a = zmlx.Where(a.Gt(pick()), a, pick())
		case 12:
			a = a.AddScalar(0.25)
		case 13:
			a = a.Erf()
		case 14:
			a = a.Square().AddScalar(1).Log()
		case 15:
			a = a.Div(pick().Abs().AddScalar(1))
		}
		if step {
			a.Eval(context.Background())
		}
		if a.NDim() == 2 && a.Dim(0) == leaves[0].Dim(0) {
			last = a
			pool = append(pool, a)
		}
	}
	return last
}

func TestFusionChangesNoBits(t *testing.T) {
	dtypes := [][]zmlx.DType{{zmlx.Float32}, {zmlx.Float16}, {zmlx.BFloat16}, {zmlx.Float64},
		{zmlx.Float32, zmlx.Float16, zmlx.BFloat16, zmlx.Int32, zmlx.Bool}, {zmlx.Int8, zmlx.Float16}, {zmlx.Float64, zmlx.Float32}}
	saved := int64(0)
	for seed := range uint64(120) {
		if testing.Short() && seed >= 30 {
			break
		}
		types := dtypes[seed%uint64(len(dtypes))]
		shapes := [][]int{{3, 33}, {1, 33}, {33}, {3, 1}}
		leaves := make([]*zmlx.Array, 5)
		for i := range leaves {
			leaves[i] = normal(10*seed+uint64(i), zmlx.Float64, shapes[max(0, i-1)%4]...).MulScalar(3).As(types[i%len(types)])
		}
		leaves[1] = normal(10*seed+7, zmlx.Float64, 33, 3).As(types[0]).Transpose()
		leaves[2] = leaves[2].Slice(zmlx.RangeAll(), zmlx.RangeReverse())
		before := zmlx.Default().Launches()
		fused := chain(rand.New(rand.NewPCG(seed, 1)), leaves, false)
		fused.Eval(context.Background())
		middle := zmlx.Default().Launches()
		plain := chain(rand.New(rand.NewPCG(seed, 1)), leaves, true)
		saved += zmlx.Default().Launches() - middle - (middle - before)
		if !zmlxtest.Same(t, fused, plain) {
			t.Fatalf("seed %d, %v", seed, types)
		}
	}
	if saved < 50 {
		t.Errorf("fusion saved only %d launches", saved)
	}
}

// Whoever asks first, in whatever order, the values are the same.
func TestFusionConcurrent(t *testing.T) {
	x := normal(1, zmlx.Float32, 4, 33)
	build := func() []*zmlx.Array {
		r := rand.New(rand.NewPCG(5, 6))
		all := []*zmlx.Array{x}
		for range 14 {
			a := all[len(all)-1-r.IntN(min(3, len(all)))]
			switch r.IntN(4) {
			case 0:
				a = a.Tanh()
			case 1:
				a = a.Add(all[r.IntN(len(all))])
			case 2:
				a = a.Softmax()
			case 3:
				a = a.MulScalar(1.25)
			}
			all = append(all, a)
		}
		return all[1:]
	}
	want := build()
	for _, a := range want {
		if err := a.Eval(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for round := range uint64(20) {
		got := build()
		var wg sync.WaitGroup
		for g := range uint64(6) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(round, g))
				for _, i := range r.Perm(len(got))[:5] {
					if g%2 == 0 {
						zmlxtest.Same(t, got[i], want[i])
					} else {
						zmlxtest.Same(t, got[i].AddScalar(0).MulScalar(1), want[i])
					}
				}
			})
		}
		wg.Wait()
		for i := range got {
			zmlxtest.Same(t, got[i], want[i])
		}
	}
}

// Integers wrap in registers as they do in memory.
func TestFusedIntegers(t *testing.T) {
	x := zmlx.FromSlice([]int8{127, -128, 100, 3, 50})
	y := zmlx.FromSlice([]int8{1, -1, 100, 4, 7})
	if n := launches(t, x.Add(y).Gt(x)); n != 1 {
		t.Errorf("%d kernels ran, want 1", n)
	}
	wantValues(t, x.Add(y).Gt(x), false, true, false, true, true)
	u := zmlx.FromSlice([]uint8{200, 50})
	wantValues[float32](t, u.Add(u).Sqrt(), 12, 10)
}
