// This file tests the conversions against an oracle of its own: candidates
// listed from the formats' definitions and exact comparison of distances.

package half

import (
	"math"
	"math/big"
	"math/rand/v2"
	"sort"
	"testing"
)

// A format is a 16-bit format as its definition gives it, for the oracle.
type format struct {
	name     string
	fraction int // bits
	bias     int
	values   []float64 // of the finite nonnegative patterns, ascending
	from32   func(float32) uint16
	from64   func(float64) uint16
	to32     func(uint16) float32
	round    func(float32) float32
	text     func(uint16) string
}

func formats() []*format {
	f16 := &format{
		name: "Float16", fraction: 10, bias: 15,
		from32: func(f float32) uint16 { return uint16(Float16FromFloat32(f)) },
		from64: func(f float64) uint16 { return uint16(Float16FromFloat64(f)) },
		to32:   func(u uint16) float32 { return Float16(u).Float32() },
		round:  Round16,
		text:   func(u uint16) string { return Float16(u).String() },
	}
	bf16 := &format{
		name: "BFloat16", fraction: 7, bias: 127,
		from32: func(f float32) uint16 { return uint16(BFloat16FromFloat32(f)) },
		from64: func(f float64) uint16 { return uint16(BFloat16FromFloat64(f)) },
		to32:   func(u uint16) float32 { return BFloat16(u).Float32() },
		round:  RoundBF16,
		text:   func(u uint16) string { return BFloat16(u).String() },
	}
	for _, f := range []*format{f16, bf16} {
		for u := uint16(0); u < f.inf(); u++ {
			f.values = append(f.values, f.value(u))
		}
	}
	return []*format{f16, bf16}
}

func (f *format) inf() uint16 { return 0x7fff >> f.fraction << f.fraction }

// value is the definition: significand times a power of two.
func (f *format) value(u uint16) float64 {
	exponent := int(u&0x7fff) >> f.fraction
	significand := int(u) & (1<<f.fraction - 1)
	if exponent == 0 {
		exponent = 1
	} else {
		significand |= 1 << f.fraction
	}
	v := math.Ldexp(float64(significand), exponent-f.bias-f.fraction)
	if u&0x8000 != 0 {
		v = -v
	}
	return v
}

// nearest is the oracle: the pattern whose value is nearest to v, the even one
// in a tie, infinity from half an ulp above the largest value.
func (f *format) nearest(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	if math.IsInf(v, 0) {
		return sign | f.inf()
	}
	above := sort.SearchFloat64s(f.values, v) // least value >= v
	upper := math.Ldexp(1, f.bias+1)          // takes the place of infinity
	if above < len(f.values) {
		upper = f.values[above]
	}
	if upper == v {
		return sign | uint16(above)
	}
	exact := new(big.Float).SetPrec(2200).SetFloat64(v)
	toUpper := new(big.Float).SetPrec(2200).SetFloat64(upper)
	toUpper.Sub(toUpper, exact)
	toLower := new(big.Float).SetPrec(2200).SetFloat64(f.values[above-1])
	toLower.Sub(exact, toLower)
	switch c := toLower.Cmp(toUpper); {
	case c < 0, c == 0 && above%2 == 1:
		return sign | uint16(above-1)
	default:
		return sign | uint16(above)
	}
}

func TestEveryPattern(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			for i := range 1 << 16 {
				u := uint16(i)
				v := f.to32(u)
				back, back64, round := f.from32(v), f.from64(float64(v)), f.round(v)
				switch a := u & 0x7fff; {
				case a > f.inf():
					quiet := u | 1<<(f.fraction-1)
					if v == v || math.Signbit(float64(v)) != (u>>15 == 1) {
						t.Fatalf("%#04x: value %v, want a NaN of the same sign", u, v)
					}
					if back != quiet || back64 != quiet {
						t.Fatalf("%#04x: back as %#04x and %#04x, want %#04x", u, back, back64, quiet)
					}
					if want := math.Float32bits(f.to32(quiet)); math.Float32bits(round) != want {
						t.Fatalf("%#04x: rounds to %#08x, want %#08x", u, math.Float32bits(round), want)
					}
					continue
				case a == f.inf():
					if !math.IsInf(float64(v), 1-2*int(u>>15)) {
						t.Fatalf("%#04x: value %v, want an infinity", u, v)
					}
				default:
					if want := f.value(u); float64(v) != want || math.Signbit(float64(v)) != (u>>15 == 1) {
						t.Fatalf("%#04x: value %v, want %v", u, v, want)
					}
				}
				if back != u || back64 != u || math.Float32bits(round) != math.Float32bits(v) {
					t.Fatalf("%#04x (%v): back as %#04x and %#04x, rounded to %v", u, v, back, back64, round)
				}
			}
		})
	}
}

// check32 compares the conversions of one float32 with the oracle.
func (f *format) check32(t *testing.T, v float32) {
	t.Helper()
	want := f.nearest(float64(v))
	if got := f.from32(v); got != want {
		t.Fatalf("%v (%#08x) gives %#04x, want %#04x", v, math.Float32bits(v), got, want)
	}
	if got := f.from64(float64(v)); got != want {
		t.Fatalf("float64 %v gives %#04x, want %#04x", v, got, want)
	}
	if got := f.round(v); math.Float32bits(got) != math.Float32bits(f.to32(want)) {
		t.Fatalf("%v (%#08x) rounds to %v, want %v", v, math.Float32bits(v), got, f.to32(want))
	}
}

func TestTies(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			for u := uint16(0); u < f.inf(); u++ {
				lower := f.value(u)
				upper := math.Ldexp(1, f.bias+1)
				if u+1 < f.inf() {
					upper = f.value(u + 1)
				}
				tie := lower + (upper-lower)/2
				for _, v := range []float64{tie, -tie} {
					f.check32(t, float32(v))
					f.check32(t, math.Nextafter32(float32(v), 0))
					if beyond := math.Nextafter32(float32(v), float32(math.Inf(1))); !math.IsInf(float64(beyond), 0) {
						f.check32(t, beyond)
					}
					// These two differ from the tie in a bit that a float32 lacks.
					for _, near := range []float64{math.Nextafter(v, 0), math.Nextafter(v, 2*v)} {
						if got, want := f.from64(near), f.nearest(near); got != want {
							t.Fatalf("%x gives %#04x, want %#04x", near, got, want)
						}
					}
				}
			}
		})
	}
}

func TestRandom(t *testing.T) {
	const n = 100_000
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(f.bias)))
			for range n {
				bits := random.Uint32()
				if v := math.Float32frombits(bits); v == v {
					f.check32(t, v)
				}
				// Exponents near the format's own, where most cases differ.
				exponent := 127 - f.bias - f.fraction - 3 + random.IntN(2*f.bias+f.fraction+6)
				exponent = min(max(exponent, 0), 254)
				f.check32(t, math.Float32frombits(bits&0x807fffff|uint32(exponent)<<23))
				wide := math.Ldexp(random.Float64()*2-1, exponent-127)
				if got, want := f.from64(wide), f.nearest(wide); got != want {
					t.Fatalf("%x gives %#04x, want %#04x", wide, got, want)
				}
			}
		})
	}
}

func TestExtremes(t *testing.T) {
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			for _, v := range []float64{
				0, math.SmallestNonzeroFloat64, 0x1p-200, math.SmallestNonzeroFloat32, 0x1p-150, 0x1.8p-150,
				math.MaxFloat32, 0x1.ffffffp127, 0x1p128, 1e300, math.MaxFloat64, math.Inf(1),
			} {
				for _, v := range []float64{v, math.Copysign(v, -1)} {
					if got, want := f.from64(v), f.nearest(v); got != want {
						t.Errorf("%x gives %#04x, want %#04x", v, got, want)
					}
					f.check32(t, float32(v))
				}
			}
		})
	}
}

func TestNaN(t *testing.T) {
	for _, f := range formats() {
		for _, bits := range []uint32{0x7f800001, 0xff800001, 0x7fc00000, 0x7fffffff, 0xffa12345} {
			v := math.Float32frombits(bits)
			want := uint16(bits>>16)&0x8000 | f.inf() | 1<<(f.fraction-1) | uint16(bits&0x7fffff>>(23-f.fraction))
			if got := f.from32(v); got != want {
				t.Errorf("%s: %#08x gives %#04x, want %#04x", f.name, bits, got, want)
			}
			if got := math.Float32bits(f.round(v)); got != math.Float32bits(f.to32(want)) {
				t.Errorf("%s: %#08x rounds to %#08x, want %#08x", f.name, bits, got, math.Float32bits(f.to32(want)))
			}
			wide := uint64(bits&0x80000000)<<32 | 0x7ff<<52 | uint64(bits&0x7fffff)<<29 | 1
			if got := f.from64(math.Float64frombits(wide)); got != want {
				t.Errorf("%s: %#016x gives %#04x, want %#04x", f.name, wide, got, want)
			}
		}
	}
}

func TestPredicatesAndLimits(t *testing.T) {
	for i := range 1 << 16 {
		h, b := Float16(i), BFloat16(i)
		for _, c := range []struct {
			v        float64
			nan      bool
			inf      func(int) bool
			typeName string
		}{{h.Float64(), h.IsNaN(), h.IsInf, "Float16"}, {b.Float64(), b.IsNaN(), b.IsInf, "BFloat16"}} {
			if c.nan != math.IsNaN(c.v) {
				t.Fatalf("%s(%#04x).IsNaN() = %v", c.typeName, i, c.nan)
			}
			for sign := -1; sign <= 1; sign++ {
				if c.inf(sign) != math.IsInf(c.v, sign) {
					t.Fatalf("%s(%#04x).IsInf(%d) = %v", c.typeName, i, sign, c.inf(sign))
				}
			}
		}
	}
	for name, c := range map[string][2]float64{
		"MaxFloat16":              {MaxFloat16, Float16(0x7bff).Float64()},
		"SmallestNormalFloat16":   {SmallestNormalFloat16, Float16(0x0400).Float64()},
		"SmallestNonzeroFloat16":  {SmallestNonzeroFloat16, Float16(1).Float64()},
		"EpsilonFloat16":          {EpsilonFloat16, Float16(0x3c01).Float64() - 1},
		"MaxBFloat16":             {MaxBFloat16, BFloat16(0x7f7f).Float64()},
		"SmallestNormalBFloat16":  {SmallestNormalBFloat16, BFloat16(0x0080).Float64()},
		"SmallestNonzeroBFloat16": {SmallestNonzeroBFloat16, BFloat16(1).Float64()},
		"EpsilonBFloat16":         {EpsilonBFloat16, BFloat16(0x3f81).Float64() - 1},
	} {
		if c[0] != c[1] {
			t.Errorf("%s = %v, want %v", name, c[0], c[1])
		}
	}
}
