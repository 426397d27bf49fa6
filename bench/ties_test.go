package bench

import (
	"math"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// Of equal elements the first ones are taken, and NaN is above all, by both
// kernels of top5 and by the one of gating.
func TestTies(t *testing.T) {
	defer func(was func() bool) { onGPU = was }(onGPU)
	defer zmlx.SetDefault(zmlx.Default())
	zmlx.SetDefault(interp(t))
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	rows := [][]float32{make([]float32, 256), make([]float32, 256), make([]float32, 256), make([]float32, 256)}
	for i := range 256 {
		rows[1][i] = -inf
		rows[2][i] = float32(i % 7)
		rows[3][i] = float32(i % 3)
	}
	rows[3][200], rows[3][20], rows[3][100] = nan, -nan, inf
	want := [][]uint32{{0, 1, 2, 3, 4}, {0, 1, 2, 3, 4}, {6, 13, 20, 27, 34}, {20, 200, 100, 2, 5}}
	var all []float32
	for _, r := range rows {
		all = append(all, r...)
	}
	for _, gpu := range []bool{false, true} {
		onGPU = func() bool { return gpu }
		for _, d := range []zmlx.DType{zmlx.Float32, zmlx.Float16} {
			w := top5(Case{Op: "top5", Shape: []int{4, 256}, DType: d})
			x := zmlx.FromSlice(all, 4, 256).As(d)
			out := w.call([]*zmlx.Array{x})
			got, err := zmlx.Values[uint32](out[1])
			if err != nil {
				t.Fatal(err)
			}
			for r := range want {
				for k := range 5 {
					if got[5*r+k] != want[r][k] {
						t.Errorf("gpu=%t, %s, row %d: indices %v, want %v", gpu, d, r, got[5*r:5*r+5], want[r])
						break
					}
				}
			}
		}
	}
	var short []float32
	for _, r := range rows {
		short = append(short, r[:64]...)
	}
	// Without the row that has NaN no lane takes the way for those.
	for _, n := range []int{3, 4} {
		w := top2Gating(Case{Op: "top2_gating", Shape: []int{n, 64}, DType: zmlx.Float32})
		got, err := zmlx.Values[uint32](w.call([]*zmlx.Array{zmlx.FromSlice(short[:64*n], n, 64)})[1])
		if err != nil {
			t.Fatal(err)
		}
		if want := []uint32{0, 1, 0, 1, 6, 13, 20, 2}[:2*n]; !slices.Equal(got, want) {
			t.Errorf("gating: experts %v, want %v", got, want)
		}
	}
}
