package c99

// This file implements the test of functions of doubles, which are the C
// library's or built on them. Go's are no better, and those of package math
// are less exact at subnormal arguments and where sums cancel, so the test
// looks for wrong values and special cases, not for the last bits.

import (
	"math"
	"math/rand/v2"
	"testing"
)

// near reports whether two doubles agree to 11 digits or to a given error; and
// in being NaN or infinite, and in the sign of zero.
func near(a, b, absolute float64) bool {
	if a-b == 0 || a-a != 0 || b-b != 0 {
		return same(a, b)
	}
	return math.Abs(a-b) <= 1e-11*math.Abs(b)+absolute
}

func sampleDoubles() []float64 {
	var list []float64
	for _, x := range special32 {
		list = append(list, float64(x), float64(x)*(1+0x1p-40))
	}
	list = append(list, math.MaxFloat64, -math.MaxFloat64, 0x1p-1022, 709, 711, -745, -747, 1e300, 1-0x1p-53, 0x1p-53-1)
	random := rand.New(rand.NewPCG(9, 10))
	for range 5000 {
		list = append(list, random.NormFloat64(), random.NormFloat64()*20, math.Exp(random.NormFloat64()*100), 2*random.Float64()-1)
	}
	return list
}

func TestDoubles(t *testing.T) {
	in := sampleDoubles()
	other := make([]float64, len(in))
	for i := range in {
		other[i] = in[(i*7919+i/len(special32))%len(in)]
	}
	exact := map[string]bool{"sqrt": true, "abs": true, "floor": true, "ceil": true, "trunc": true, "round": true, "rint": true,
		"fmod": true, "copysign": true, "nextafter": true, "min": true, "max": true}
	cancels := map[string]bool{"log": true, "log2": true, "log10": true, "acos": true, "sin": true, "cos": true, "tan": true, "lgamma": true}
	eachTarget(t, func(t *testing.T, p program) {
		for _, f := range bounds {
			if signatures["zm_"+f.name+"_d"] == "" { // of floats alone
				continue
			}
			got, _ := results[float64](t, p, "zm_"+f.name+"_d", in)
			absolute := 1e-307
			if cancels[f.name] {
				absolute = 1e-14
			}
			for i, x := range in {
				want := f.exact(x)
				if exact[f.name] && !same(got[i], want) || !near(got[i], want, absolute) {
					t.Fatalf("%s(%v) of a double = %v, want %v", f.name, x, got[i], want)
				}
			}
		}
		for _, f := range []struct {
			name string
			want func(x, y float64) float64
		}{
			{"pow", math.Pow}, {"atan2", math.Atan2}, {"fmod", math.Mod}, {"copysign", math.Copysign},
			{"nextafter", math.Nextafter}, {"min", fmin}, {"max", fmax},
		} {
			got, _ := results[float64](t, p, "zm_"+f.name+"_d", in, other)
			for i, x := range in {
				if want := f.want(x, other[i]); exact[f.name] && !same(got[i], want) || !near(got[i], want, 1e-307) {
					t.Fatalf("%s(%v, %v) of doubles = %v, want %v", f.name, x, other[i], got[i], want)
				}
			}
		}
	})
}
