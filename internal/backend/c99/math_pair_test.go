package c99

// This file implements the test of functions of two and three floats, and of
// the tests that give an integer.

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// samplePairs are all pairs of special values, and random ones.
func samplePairs() (a, b []float32) {
	for _, x := range special32 {
		for _, y := range special32 {
			a, b = append(a, x), append(b, y)
		}
	}
	count := 1 << 16
	switch {
	case *thorough:
		count = 1 << 20
	case testing.Short():
		count = 1 << 14
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range count {
		a, b = append(a, float32(random.NormFloat64()*5)), append(b, float32(random.NormFloat64()*5))
		a, b = append(a, math.Float32frombits(random.Uint32())), append(b, math.Float32frombits(random.Uint32()))
		a, b = append(a, float32(random.NormFloat64()*5)), append(b, float32(random.IntN(41)-20))
		a, b = append(a, float32(math.Exp(random.NormFloat64()*9))), append(b, float32(random.NormFloat64()*9))
	}
	return a, b
}

func fmin(x, y float64) float64 {
	switch {
	case x != x:
		return y
	case y != y:
		return x
	}
	return min(x, y)
}

func fmax(x, y float64) float64 { return -fmin(-x, -y) }

func next32(x, y float64) float64 { return float64(math.Nextafter32(float32(x), float32(y))) }

// TestPairs logs the greatest error of functions of two floats.
func TestPairs(t *testing.T) {
	a, b := samplePairs()
	eachTarget(t, func(t *testing.T, p program) {
		for _, f := range []struct {
			name  string
			exact func(x, y float64) float64
			ulp   float64
		}{
			{"pow", math.Pow, 1}, {"atan2", math.Atan2, 1}, {"fmod", math.Mod, 0}, {"copysign", math.Copysign, 0},
			{"nextafter", next32, 0}, {"min", fmin, 0}, {"max", fmax, 0}, {"min32", fmin, 0}, {"max32", fmax, 0},
		} {
			got, took := results[float32](t, p, "zm_"+f.name, a, b)
			worst, at := 0.0, 0
			for i := range a {
				if e := errorInUlp(got[i], f.exact(float64(a[i]), float64(b[i]))); e > worst {
					worst, at = e, i
				}
			}
			t.Logf("| %s | %.2f | %s |", f.name, worst, took)
			if worst > f.ulp {
				t.Errorf("%s(%g, %g) = %g, want %g: off by %.2f ulp, at most %g allowed", f.name, a[at], b[at], got[at], f.exact(float64(a[at]), float64(b[at])), worst, f.ulp)
			}
		}
	})
}

func TestLdexp(t *testing.T) {
	var a []float32
	var e []int32
	random := rand.New(rand.NewPCG(5, 6))
	for _, x := range special32 {
		for _, k := range []int32{0, 1, -1, 23, -23, 126, 127, 128, -126, -127, -149, -150, 276, 277, -276, -277, -300, 1000, math.MaxInt32, math.MinInt32} {
			a, e = append(a, x), append(e, k)
		}
		for range 200 {
			a, e = append(a, x, math.Float32frombits(random.Uint32())), append(e, int32(random.IntN(700)-350), int32(random.IntN(700)-350))
		}
	}
	wide := make([]float64, len(a))
	for i, x := range a {
		wide[i] = float64(x)
	}
	eachTarget(t, func(t *testing.T, p program) {
		got, _ := results[float32](t, p, "zm_ldexp", a, e)
		got64, _ := results[float64](t, p, "zm_ldexp_d", wide, e)
		for i := range a {
			want := math.Ldexp(wide[i], int(e[i]))
			if !same(float64(got[i]), float64(float32(want))) || !same(got64[i], want) {
				t.Fatalf("ldexp(%g, %d) = %g and %g, want %g", a[i], e[i], got[i], got64[i], want)
			}
		}
	})
}

// same reports whether two values are equal, with the sign of zero, or NaN.
func same(a, b float64) bool {
	return a != a && b != b || a == b && math.Signbit(a) == math.Signbit(b)
}

// round32 rounds a number, exact and not zero, to a float32 once.
func round32(x *big.Float) float32 {
	f, _ := x.Float32()
	return f
}

// TestFMA compares with arithmetic of unlimited precision.
func TestFMA(t *testing.T) {
	var a, b, c []float32
	for i, x := range special32 {
		for j, y := range special32 {
			a, b, c = append(a, x, x), append(b, y, y), append(c, special32[(i*7+j)%len(special32)], -x*y)
		}
	}
	random := rand.New(rand.NewPCG(7, 8))
	for range 8000 {
		x, y := math.Float32frombits(random.Uint32()), float32(random.NormFloat64())
		a, b, c = append(a, x, y, float32(random.NormFloat64())), append(b, y, y, y), append(c, -x*y, -y*y, math.Float32frombits(random.Uint32()))
	}
	wide := make([]float64, 0, 3*len(a))
	for _, list := range [][]float32{a, b, c} {
		for _, x := range list {
			wide = append(wide, float64(x))
		}
	}
	n := len(a)
	eachTarget(t, func(t *testing.T, p program) {
		got, _ := results[float32](t, p, "zm_fma", a, b, c)
		got64, _ := results[float64](t, p, "zm_fma_d", wide[:n], wide[n:2*n], wide[2*n:])
		for i := range a {
			x, y, z := wide[i], wide[n+i], wide[2*n+i]
			if want := math.FMA(x, y, z); !same(got64[i], want) {
				t.Fatalf("fma(%g, %g, %g) of doubles = %g, want %g", x, y, z, got64[i], want)
			}
			want := math.FMA(x, y, z) // NaN, infinity and zero
			if want-want == 0 && want != 0 {
				product := new(big.Float).SetPrec(2000).Mul(big.NewFloat(x), big.NewFloat(y))
				want = float64(round32(product.Add(product, big.NewFloat(z))))
			}
			if !same(float64(got[i]), want) {
				t.Fatalf("fma(%g, %g, %g) = %g, want %g", x, y, z, got[i], want)
			}
		}
	})
}

// TestClasses has the functions that tell kinds of floats apart.
func TestClasses(t *testing.T) {
	in := sampleFloats()
	var wide []float64
	for i, x := range in {
		wide = append(wide, float64(x))
		if i%16 == 0 {
			wide = append(wide, math.Float64frombits(uint64(i)*0x9e3779b97f4a7c15), float64(x)*0x1p-960)
		}
	}
	finite := func(x float64) bool { return x-x == 0 }
	number := func(is func(float64) bool) func(float64) int32 {
		return func(x float64) int32 {
			if is(x) {
				return 1
			}
			return 0
		}
	}
	normal := func(least float64) func(float64) int32 {
		return number(func(x float64) bool { return finite(x) && math.Abs(x) >= least })
	}
	eachTarget(t, func(t *testing.T, p program) {
		for _, f := range []struct {
			name string
			want func(float64) int32
			in64 func(float64) int32 // where it differs
		}{
			{"isnan", number(math.IsNaN), nil},
			{"isinf", number(func(x float64) bool { return math.IsInf(x, 0) }), nil},
			{"isfinite", number(finite), nil},
			{"isnormal", normal(0x1p-126), normal(0x1p-1022)},
			{"isnormal_f16", normal(0x1p-14), nil},
			{"isnormal_bf16", normal(0x1p-126), nil},
			{"signbit", number(math.Signbit), nil},
			{"ilogb", func(x float64) int32 { return int32(math.Ilogb(x)) }, nil},
		} {
			got, _ := results[int32](t, p, "zm_"+f.name, in)
			for i, x := range in {
				if want := f.want(float64(x)); got[i] != want {
					t.Fatalf("%s(%g) = %d, want %d", f.name, x, got[i], want)
				}
			}
			if _, ok := signatures["zm_"+f.name+"_d"]; !ok {
				continue
			}
			if f.in64 == nil {
				f.in64 = f.want
			}
			got, _ = results[int32](t, p, "zm_"+f.name+"_d", wide)
			for i, x := range wide {
				if want := f.in64(x); got[i] != want {
					t.Fatalf("%s(%g) of a double = %d, want %d", f.name, x, got[i], want)
				}
			}
		}
	})
}
