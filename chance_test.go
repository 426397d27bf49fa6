package zmlx_test

import (
	"math"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// A random number is below p when its value is, although that is told from the
// bits it is made of.
func TestChance(t *testing.T) {
	const n = 1000
	x := zmlx.Zeros(zmlx.Float32, n)
	u, err := zmlx.Values[float32](zmlx.MustDefine(`u(x; key=7) = x + uniform(key)`).Call(x))
	if err != nil {
		t.Fatal(err)
	}
	below := zmlx.MustDefine(`below(x; p=0.5, key=7) = x + (uniform(key) < p ? 1 : 0)`)
	above := zmlx.MustDefine(`above(x; p=0.5, key=7) = x + (p > uniform(key) ? 1 : 0)`)
	inf := math.Inf(1)
	for _, p := range []float64{0, 1, 2, -1, 1e-8, 0.5, 1 - 0x1p-24, 1 - 0x1p-25, float64(u[3]), float64(math.Nextafter32(u[3], 1)), inf, -inf, math.NaN(), 1e-45, 1e30} {
		for _, op := range []*zmlx.Op{below, above} {
			got, err := zmlx.Values[float32](op.With(map[string]float64{"p": p}).Call(x))
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range u {
				if want := v < float32(p); (got[i] == 1) != want || got[i] != 0 && got[i] != 1 {
					t.Fatalf("p = %g, element %d: %g, and the number is %g", p, i, got[i], v)
				}
			}
		}
	}
}
