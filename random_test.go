package zmlx

import (
	"math"
	"slices"
	"testing"
)

// The known answers that Random123 publishes for philox4x32, 10 rounds.
func TestPhilox(t *testing.T) {
	for _, c := range []struct {
		counter [4]uint32
		key     Key
		want    [4]uint32
	}{
		{[4]uint32{}, Key{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{
			[4]uint32{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, Key{0xffffffff, 0xffffffff},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		},
		{ // digits of pi
			[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, Key{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
		},
	} {
		if got := philox(c.counter, c.key); got != c.want {
			t.Errorf("philox(%08x, %v) = %08x, want %08x", c.counter, c.key, got, c.want)
		}
	}
}

func TestRandomDependsOnKeyAndPositionOnly(t *testing.T) {
	k := NewKey(42)
	a, b := values[float32](t, RandomNormal(k, Float32, 3000)), values[float32](t, RandomNormal(k, Float32, 30, 200))
	if !slices.Equal(a, b[:len(a)]) {
		t.Error("values depend on the shape")
	}
	seen := map[Key]bool{k: true}
	for _, key := range append(k.Split(100), NewKey(43).Split(100)...) {
		if seen[key] {
			t.Errorf("%v occurs twice", key)
		}
		seen[key] = true
	}
	if k.Split(3)[2] != k.Split(5)[2] || len(k.Split(-1)) != 0 {
		t.Error("a split key depends on the number of keys")
	}
	if got := NewKey(1 << 33).String(); got != "key 0000000200000000" {
		t.Error(got)
	}
}

// Kolmogorov–Smirnov distances of 2¹⁶ values. One sample in 10⁴ or so has more
// than 2.23/√n; the keys are fixed, so the test always does the same.
func TestDistributions(t *testing.T) {
	const n = 1 << 16
	for _, d := range []DType{Float32, Float64} {
		uniform := values[float64](t, RandomUniform(NewKey(7), -1, 3, d, n).As(Float64))
		distance(t, "uniform "+d.String(), uniform, func(x float64) float64 { return (x + 1) / 4 })
		normal := values[float64](t, RandomNormal(NewKey(8), d, n).As(Float64))
		distance(t, "normal "+d.String(), normal, func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 })
	}
	counts := map[int64]int{}
	for _, v := range values[int64](t, RandomInt(NewKey(9), -3, 4, Int64, 7000)) {
		counts[v]++
	}
	for v := int64(-3); v < 4; v++ {
		if counts[v] < 850 || counts[v] > 1150 { // 1000 ± 5 standard deviations
			t.Errorf("%d occurs %d times in 7000", v, counts[v])
		}
	}
	if len(counts) != 7 {
		t.Errorf("values %v", counts)
	}
}

func distance(t *testing.T, name string, v []float64, cdf func(float64) float64) {
	t.Helper()
	slices.Sort(v)
	most, n := 0.0, float64(len(v))
	for i, x := range v {
		most = max(most, math.Abs(cdf(x)-float64(i)/n), math.Abs(cdf(x)-float64(i+1)/n))
	}
	if most > 2.23/math.Sqrt(n) {
		t.Errorf("%s: distance %g from its distribution", name, most)
	}
}

// Rounding to few bits must not reach the upper bound.
func TestUniformStaysBelow(t *testing.T) {
	for _, d := range []DType{Float16, BFloat16, Float32, Float64} {
		for _, r := range [][2]float64{{0, 1}, {-1, 0}, {100, 101}, {-3, -2.5}, {0, 1e-7}, {1, 1 + 1e-9}} {
			for _, v := range values[float64](t, RandomUniform(NewKey(3), r[0], r[1], d, 5000).As(Float64)) {
				if v >= r[1] {
					t.Errorf("%s in [%g, %g): %g", d, r[0], r[1], v)
					break
				}
			}
		}
		wantValues(t, RandomUniform(NewKey(3), 2, 2, d, 2).As(Float32), []int{2}, float32(2), 2)
	}
}

func TestRandomIntRanges(t *testing.T) {
	for _, c := range []struct {
		d      DType
		lo, hi int64
	}{
		{Int8, -128, 128}, {Uint8, 0, 256}, {Uint64, 0, math.MaxInt64}, {Int64, math.MinInt64, math.MaxInt64}, {Uint32, 1<<32 - 2, 1 << 32}, {Int16, 5, 6},
	} {
		least, most := int64(math.MaxInt64), int64(math.MinInt64)
		for _, v := range values[int64](t, RandomInt(NewKey(5), c.lo, c.hi, c.d, 4000).As(Int64)) {
			least, most = min(least, v), max(most, v)
		}
		if least < c.lo || most >= c.hi {
			t.Errorf("%s in [%d, %d): %d to %d", c.d, c.lo, c.hi, least, most)
		}
		if span := float64(c.hi) - float64(c.lo); float64(most)-float64(least) < 0.95*span-1 {
			t.Errorf("%s in [%d, %d): only %d to %d", c.d, c.lo, c.hi, least, most)
		}
	}
}
