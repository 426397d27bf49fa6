package c99

// This file implements the test of two-byte floats against package half, bit
// for bit.

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/half"
)

// halfCases are floats near every half and bfloat and near the middle of each
// two, random ones, and NaNs.
func halfCases() []float32 {
	var list []float32
	add := func(u uint32) { list = append(list, math.Float32frombits(u), math.Float32frombits(u|0x80000000)) }
	for h := range uint32(0x8000) {
		for _, d := range []uint32{0, 1, 0xffffffff} {
			if h < 0x7c00 {
				here := math.Float32bits(half.Float16(h).Float32())
				middle := here + 0x1000
				if h < 0x400 {
					middle = math.Float32bits((float32(h) + 0.5) * 0x1p-24)
				}
				add((here + d) & 0x7fffffff)
				add(middle + d)
			}
			add((h<<16 + d) & 0x7fffffff)
			add(h<<16 + 0x8000 + d)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1 << 16 {
		list = append(list, math.Float32frombits(random.Uint32()), float32(random.NormFloat64()))
	}
	return list
}

// quiet is the float with which a processor answers a signalling NaN.
func quiet(x float32) uint32 {
	u := math.Float32bits(x)
	if x != x {
		u |= 0x400000
	}
	return u
}

func TestHalves(t *testing.T) {
	in := halfCases()
	every := make([]uint16, 1<<16)
	for i := range every {
		every[i] = uint16(i)
	}
	eachTarget(t, func(t *testing.T, p program) {
		for _, f := range []struct {
			name   string
			encode func(float32) uint16
		}{
			{"float_to_half", func(x float32) uint16 { return uint16(half.Float16FromFloat32(x)) }},
			{"store_half32", func(x float32) uint16 { return uint16(half.Float16FromFloat32(x)) }},
			{"float_to_bfloat", func(x float32) uint16 { return uint16(half.BFloat16FromFloat32(x)) }},
			{"store_bfloat32", func(x float32) uint16 { return uint16(half.BFloat16FromFloat32(x)) }},
		} {
			got, took := results[uint16](t, p, "zm_"+f.name, in)
			t.Logf("%s: %s ns", f.name, took)
			for i, x := range in {
				if want := f.encode(x); got[i] != want {
					t.Fatalf("%s(%g, %#08x) = %#04x, want %#04x", f.name, x, math.Float32bits(x), got[i], want)
				}
			}
		}
		for _, f := range []struct {
			name  string
			round func(float32) float32
		}{
			{"round_half", half.Round16}, {"round_half32", half.Round16}, {"f32_to_f16", half.Round16},
			{"round_bfloat", half.RoundBF16}, {"round_bfloat32", half.RoundBF16}, {"f32_to_bf16", half.RoundBF16},
		} {
			got, took := results[float32](t, p, "zm_"+f.name, in)
			t.Logf("%s: %s ns", f.name, took)
			for i, x := range in {
				if want := math.Float32bits(f.round(x)); math.Float32bits(got[i]) != want {
					t.Fatalf("%s(%g, %#08x) = %#08x, want %#08x", f.name, x, math.Float32bits(x), math.Float32bits(got[i]), want)
				}
			}
		}
		for _, f := range []struct {
			name   string
			decode func(uint16) uint32
		}{
			{"half_to_float", func(h uint16) uint32 { return quiet(half.Float16(h).Float32()) }},
			{"load_half32", func(h uint16) uint32 { return quiet(half.Float16(h).Float32()) }},
			{"bfloat_to_float", func(h uint16) uint32 { return uint32(h) << 16 }},
			{"load_bfloat32", func(h uint16) uint32 { return uint32(h) << 16 }},
		} {
			got, took := results[float32](t, p, "zm_"+f.name, every)
			t.Logf("%s: %s ns", f.name, took)
			for i := range every {
				if want := f.decode(every[i]); math.Float32bits(got[i]) != want {
					t.Fatalf("%s(%#04x) = %#08x, want %#08x", f.name, i, math.Float32bits(got[i]), want)
				}
			}
		}
	})
}

// TestNarrowing has conversions that would be wrong by way of float32.
func TestNarrowing(t *testing.T) {
	var doubles []float64
	for _, x := range halfCases() {
		for _, d := range []float64{1, 1 + 0x1p-40, 1 - 0x1p-40} {
			doubles = append(doubles, float64(x)*d)
		}
	}
	doubles = append(doubles, 1e300, -1e300, 1e-300, math.MaxFloat32*(1+0x1p-30), 5e-324)
	random := rand.New(rand.NewPCG(3, 4))
	var words []uint64
	for k := range 64 {
		for range 300 {
			w := random.Uint64() >> k
			words = append(words, w, w&^(1<<(random.IntN(64)))-1, 1<<k, 1<<k+1<<(k/2), 1<<k+1<<(k/2)+1)
		}
	}
	for h := range uint64(0x800) { // the middle of two, and its neighbours
		for k := range 52 {
			words = append(words, (2*h+1)<<k, (2*h+1)<<k+1, (2*h+1)<<k-1)
		}
	}
	var longs []int64
	var shorts []int32
	var unsigned []uint32
	for _, w := range words {
		longs, shorts, unsigned = append(longs, int64(w)), append(shorts, int32(w)), append(unsigned, uint32(w))
	}
	eachTarget(t, func(t *testing.T, p program) {
		got, _ := results[uint16](t, p, "zm_double_to_half", doubles)
		gotB, _ := results[uint16](t, p, "zm_double_to_bfloat", doubles)
		for i, x := range doubles {
			if want := uint16(half.Float16FromFloat64(x)); got[i] != want {
				t.Fatalf("double_to_half(%g) = %#04x, want %#04x", x, got[i], want)
			}
			if want := uint16(half.BFloat16FromFloat64(x)); gotB[i] != want {
				t.Fatalf("double_to_bfloat(%g) = %#04x, want %#04x", x, gotB[i], want)
			}
		}
		checkNarrowing(t, p, "f64", doubles, func(x float64) float64 { return x })
		checkNarrowing(t, p, "i32", shorts, func(x int32) float64 { return float64(x) })
		checkNarrowing(t, p, "u32", unsigned, func(x uint32) float64 { return float64(x) })
		checkNarrowing(t, p, "u64", words, oddWord)
		checkNarrowing(t, p, "i64", longs, func(x int64) float64 {
			if x < 0 {
				return -oddWord(-uint64(x))
			}
			return oddWord(uint64(x))
		})
	})
}

// oddWord is x cut off to 52 bits and a last bit that stands for the rest.
func oddWord(x uint64) float64 {
	k := 0
	for x>>k >= 1<<52 {
		k++
	}
	if f := x >> k << 1; x>>k<<k != x {
		return math.Ldexp(float64(f|1), k-1)
	}
	return float64(x)
}

func checkNarrowing[A any](t *testing.T, p program, from string, in []A, wide func(A) float64) {
	t.Helper()
	got, _ := results[float32](t, p, "zm_"+from+"_to_f16", in)
	gotB, _ := results[float32](t, p, "zm_"+from+"_to_bf16", in)
	for i, x := range in {
		w := wide(x)
		if want := half.Float16FromFloat64(w).Float32(); math.Float32bits(got[i]) != math.Float32bits(want) {
			t.Fatalf("%s_to_f16(%v) = %g, want %g", from, x, got[i], want)
		}
		if want := half.BFloat16FromFloat64(w).Float32(); math.Float32bits(gotB[i]) != math.Float32bits(want) {
			t.Fatalf("%s_to_bf16(%v) = %g, want %g", from, x, gotB[i], want)
		}
	}
}

// exactFMA is a*b + c rounded once, from 200 bits by way of 53 of them, the
// last of which stands for all that is cut off.
func exactFMA(a, b, c float32, round func(float64) float32) float32 {
	near := math.FMA(float64(a), float64(b), float64(c))
	if near-near != 0 || near == 0 {
		return round(near)
	}
	product := new(big.Float).SetPrec(700).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
	sum := product.Add(product, big.NewFloat(float64(c)))
	down := new(big.Float).SetPrec(53).SetMode(big.ToZero).Set(sum)
	f, _ := down.Float64()
	if down.Cmp(sum) != 0 {
		f = math.Float64frombits(math.Float64bits(f) | 1)
	}
	return round(f)
}

// TestHalfFMA has steps between neighbours as well.
func TestHalfFMA(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var h, b [3][]float32
	for range 20000 {
		x, y := half.Float16(random.Uint32()).Float32(), half.Float16(random.Uint32()).Float32()
		h[0], h[1] = append(h[0], x, x), append(h[1], y, y)
		h[2] = append(h[2], half.Float16(random.Uint32()).Float32(), half.Round16(-x*y))
		x, y = half.BFloat16(random.Uint32()).Float32(), half.BFloat16(random.Uint32()).Float32()
		b[0], b[1] = append(b[0], x, x), append(b[1], y, y)
		b[2] = append(b[2], half.BFloat16(random.Uint32()).Float32(), half.RoundBF16(-x*y))
	}
	step := func(x, y float32, encode func(float32) uint16, decode func(uint16) float32) float32 {
		switch {
		case x != x || y != y:
			return float32(math.NaN())
		case x == y:
			return y
		case x == 0:
			return float32(math.Copysign(float64(decode(1)), float64(y)))
		case (y > x) == (x > 0):
			return decode(encode(x) + 1)
		}
		return decode(encode(x) - 1)
	}
	eachTarget(t, func(t *testing.T, p program) {
		got, _ := results[float32](t, p, "zm_fma_half", h[0], h[1], h[2])
		gotB, _ := results[float32](t, p, "zm_fma_bfloat", b[0], b[1], b[2])
		next, _ := results[float32](t, p, "zm_nextafter_f16", h[0], h[2])
		nextB, _ := results[float32](t, p, "zm_nextafter_bf16", b[0], b[2])
		for i := range h[0] {
			if want := exactFMA(h[0][i], h[1][i], h[2][i], func(x float64) float32 { return half.Float16FromFloat64(x).Float32() }); !same(float64(got[i]), float64(want)) {
				t.Fatalf("fma_half(%g, %g, %g) = %g, want %g", h[0][i], h[1][i], h[2][i], got[i], want)
			}
			want := step(h[0][i], h[2][i], func(x float32) uint16 { return uint16(half.Float16FromFloat32(x)) }, func(u uint16) float32 { return half.Float16(u).Float32() })
			if !same(float64(next[i]), float64(want)) {
				t.Fatalf("nextafter_f16(%g, %g) = %g, want %g", h[0][i], h[2][i], next[i], want)
			}
			want = step(b[0][i], b[2][i], func(x float32) uint16 { return uint16(half.BFloat16FromFloat32(x)) }, func(u uint16) float32 { return half.BFloat16(u).Float32() })
			if !same(float64(nextB[i]), float64(want)) {
				t.Fatalf("nextafter_bf16(%g, %g) = %g, want %g", b[0][i], b[2][i], nextB[i], want)
			}
			if want := exactFMA(b[0][i], b[1][i], b[2][i], func(x float64) float32 { return half.BFloat16FromFloat64(x).Float32() }); !same(float64(gotB[i]), float64(want)) {
				t.Fatalf("fma_bfloat(%g, %g, %g) = %g, want %g", b[0][i], b[1][i], b[2][i], gotB[i], want)
			}
		}
	})
}
