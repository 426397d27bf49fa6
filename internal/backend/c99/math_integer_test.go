package c99

// This file implements the test of integer functions and of conversions to
// integers.

import (
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func integerPairs[T int32 | uint32 | int64 | uint64]() (a, b []T) {
	special := []uint64{0, 1, 2, 3, 7, 10, 31, 32, 33, 63, 64, 255, 1000, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x100000000, 1 << 62, 1<<63 - 1, 1 << 63, 1<<63 + 1}
	for _, x := range special {
		for _, y := range special {
			a, b = append(a, T(x), T(x), T(-x), T(-x)), append(b, T(y), T(-y), T(y), T(-y))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		x, y := random.Uint64()>>random.IntN(64), random.Uint64()>>random.IntN(64)
		a, b = append(a, T(x), T(-x), T(x*y), T(x*y-1)), append(b, T(y), T(y), T(y), T(y))
	}
	return a, b
}

// checkIntegers compares with big integers, and with package bits.
func checkIntegers[T int32 | uint32 | int64 | uint64](t *testing.T, p program, suffix string, width uint, signed bool) {
	t.Helper()
	a, b := integerPairs[T]()
	wide := func(x T) *big.Int {
		if signed {
			return big.NewInt(int64(x))
		}
		return new(big.Int).SetUint64(uint64(x))
	}
	narrow := func(x *big.Int) T {
		low := new(big.Int).And(x, new(big.Int).SetUint64(math.MaxUint64))
		return T(low.Uint64())
	}
	mask := uint64(1)<<(width-1)<<1 - 1
	for _, f := range []struct {
		name string
		want func(x, y T) T
	}{
		{"div", func(x, y T) T {
			if y == 0 {
				return 0
			}
			return narrow(new(big.Int).Quo(wide(x), wide(y)))
		}},
		{"rem", func(x, y T) T {
			if y == 0 {
				return 0
			}
			return narrow(new(big.Int).Rem(wide(x), wide(y)))
		}},
		{"mulhi", func(x, y T) T {
			return narrow(new(big.Int).Rsh(new(big.Int).Mul(wide(x), wide(y)), width))
		}},
		{"rotl", func(x, y T) T {
			if width == 32 {
				return T(bits.RotateLeft32(uint32(x), int(y&31)))
			}
			return T(bits.RotateLeft64(uint64(x), int(y&63)))
		}},
	} {
		got, took := results[T](t, p, "zm_"+f.name+suffix, a, b)
		t.Logf("%s: %s ns", f.name+suffix, took)
		for i := range a {
			if want := f.want(a[i], b[i]); got[i] != want {
				t.Fatalf("%s(%d, %d) = %d, want %d", f.name+suffix, a[i], b[i], got[i], want)
			}
		}
	}
	for _, f := range []struct {
		name string
		want func(x T) T
	}{
		{"clz", func(x T) T { return T(bits.LeadingZeros64(uint64(x)&mask)) - T(64-width) }},
		{"ctz", func(x T) T { return T(min(uint(bits.TrailingZeros64(uint64(x)&mask)), width)) }},
		{"popcount", func(x T) T { return T(bits.OnesCount64(uint64(x) & mask)) }},
		{"reverse_bits", func(x T) T { return T(bits.Reverse64(uint64(x)) >> (64 - width)) }},
		{"abs", func(x T) T { return narrow(new(big.Int).Abs(wide(x))) }},
	} {
		got, took := results[T](t, p, "zm_"+f.name+suffix, a)
		t.Logf("%s: %s ns", f.name+suffix, took)
		for i := range a {
			if want := f.want(a[i]); got[i] != want {
				t.Fatalf("%s(%d) = %d, want %d", f.name+suffix, a[i], got[i], want)
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	eachTarget(t, func(t *testing.T, p program) {
		checkIntegers[int32](t, p, "_i32", 32, true)
		checkIntegers[uint32](t, p, "_u32", 32, false)
		checkIntegers[int64](t, p, "_i64", 64, true)
		checkIntegers[uint64](t, p, "_u64", 64, false)
	})
}

// saturated is x without its fraction, kept in [lo, hi]; 0 for NaN.
func saturated[T int32 | uint32 | int64 | uint64](x float64, lo, hi T) T {
	switch {
	case x != x:
		return 0
	case x >= float64(hi): // of 64 bits, hi is rounded up
		return hi
	case x <= float64(lo):
		return lo
	}
	return T(x)
}

func checkToInteger[T int32 | uint32 | int64 | uint64](t *testing.T, p program, name string, lo, hi T, floats []float32, doubles []float64) {
	t.Helper()
	got, took := results[T](t, p, "zm_f32_to_"+name, floats)
	t.Logf("f32_to_%s: %s ns", name, took)
	for i, x := range floats {
		if want := saturated(float64(x), lo, hi); got[i] != want {
			t.Fatalf("f32_to_%s(%g) = %d, want %d", name, x, got[i], want)
		}
	}
	got, _ = results[T](t, p, "zm_f64_to_"+name, doubles)
	for i, x := range doubles {
		if want := saturated(x, lo, hi); got[i] != want {
			t.Fatalf("f64_to_%s(%g) = %d, want %d", name, x, got[i], want)
		}
	}
}

func TestToIntegers(t *testing.T) {
	floats := append([]float32{}, special32...)
	doubles := []float64{1e300, -1e300, 5e-324, math.Inf(1), math.Inf(-1), math.NaN(), 0.999999999999, -0.999999999999}
	random := rand.New(rand.NewPCG(1, 2))
	for k := range 66 {
		edge := math.Ldexp(1, k)
		for _, d := range []float64{-1, -0.5, -0.25, 0, 0.25, 0.5, 1} {
			doubles = append(doubles, edge+d, -edge+d, math.Nextafter(edge, 0)+d, math.Nextafter(-edge, 0)+d)
			floats = append(floats, float32(edge+d), float32(d-edge))
		}
		for range 2000 {
			x := random.Float64() * edge
			doubles, floats = append(doubles, x, -x), append(floats, float32(x), float32(-x))
		}
	}
	eachTarget(t, func(t *testing.T, p program) {
		checkToInteger[int32](t, p, "i8", math.MinInt8, math.MaxInt8, floats, doubles)
		checkToInteger[int32](t, p, "i16", math.MinInt16, math.MaxInt16, floats, doubles)
		checkToInteger[int32](t, p, "i32", math.MinInt32, math.MaxInt32, floats, doubles)
		checkToInteger[int64](t, p, "i64", math.MinInt64, math.MaxInt64, floats, doubles)
		checkToInteger[uint32](t, p, "u8", 0, math.MaxUint8, floats, doubles)
		checkToInteger[uint32](t, p, "u16", 0, math.MaxUint16, floats, doubles)
		checkToInteger[uint32](t, p, "u32", 0, math.MaxUint32, floats, doubles)
		checkToInteger[uint64](t, p, "u64", 0, math.MaxUint64, floats, doubles)
	})
}
