package zmlx_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// TestFunctionsInCompiledC compares functions as kernels of the cc device
// compute them, 32 lanes at a time where there is such a form, with float64.
func TestFunctionsInCompiledC(t *testing.T) {
	cc, err := zmlx.Open("cc")
	if err != nil {
		t.Skip(err)
	}
	var x []float32
	for bits := uint64(0); bits < 1<<32; bits += 16411 { // a prime: no part of the format stays the same
		x = append(x, math.Float32frombits(uint32(bits)))
	}
	for i := -4000; i <= 4000; i++ {
		x = append(x, float32(i)/500)
	}
	in := zmlx.FromSlice(x).To(cc)
	for name, f := range map[string]func(float64) float64{
		"exp": math.Exp, "erf": math.Erf, "tanh": math.Tanh, "log1p": math.Log1p, "expm1": math.Expm1, "exp2": math.Exp2,
		"atan": math.Atan, "log": math.Log, "sigmoid": func(v float64) float64 { return 1 / (1 + math.Exp(-v)) },
	} {
		got, err := zmlx.Values[float32](zmlx.MustDefine("f(x) = " + name + "(x)").Call(in))
		if err != nil {
			t.Fatal(err)
		}
		worst, at := 0.0, float32(0)
		for i, v := range x {
			want := f(float64(v))
			g := float64(got[i])
			if math.IsNaN(want) || math.IsInf(want, 0) || math.Abs(want) > math.MaxFloat32 {
				over := math.Abs(want) > math.MaxFloat32 && (math.IsInf(g, 0) || math.Abs(g) == math.MaxFloat32) && (g > 0) == (want > 0)
				if !(math.IsNaN(want) && math.IsNaN(g)) && g != want && !over {
					t.Fatalf("%s(%v) = %v, want %v", name, v, g, want)
				}
				continue
			}
			ulp := math.Ldexp(1, max(math.Ilogb(want), -126)-23)
			if want == 0 {
				ulp = math.SmallestNonzeroFloat32
			}
			if e := math.Abs(g-want) / ulp; !(e <= worst) {
				worst, at = e, v
			}
		}
		bound := 2.0
		if name == "sigmoid" { // an exponential, a sum and a quotient, each rounded
			bound = 2.5
		}
		if !(worst <= bound) {
			t.Errorf("%s is %.2f units of the last place off at %v", name, worst, at)
		}
		t.Logf("%s: %.2f", name, worst)
	}
}

// Outputs of 16 MiB and more are stored past the caches where rows allow it. What
// other threads of the group then read is what was stored, wherever rows begin.
func TestStoresPastTheCaches(t *testing.T) {
	cc, err := zmlx.Open("cc")
	if err != nil {
		t.Skip(err)
	}
	k := zmlx.MustCompile(zmlx.Kernel{Name: "past_the_caches", OutputNames: []string{"out", "back"}, Source: `
uint row = threadgroup_position_in_grid.x, t = thread_position_in_threadgroup.x;
size_t base = size_t(row) * D;
for (uint j = t; j < D; j += 128) { out[base + j] = T((row * 7 + j) % 251); }
threadgroup_barrier(mem_flags::mem_device);
for (uint j = t; j < D; j += 128) { back[base + j] = out[base + (D - 1 - j)]; }
`})
	numbers := make([]float32, 251)
	for i := range numbers {
		numbers[i] = float32(i)
	}
	for _, dt := range []zmlx.DType{zmlx.Uint8, zmlx.Float16, zmlx.BFloat16, zmlx.Int16, zmlx.Float32, zmlx.Int32, zmlx.Uint64} {
		table, err := zmlx.FromSlice(numbers).As(dt).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size := dt.Size()
		for _, d := range []int{4096, 4099, 4112} {
			rows := 16<<20/(d*size) + 1
			out := k.Call(zmlx.Launch{
				Template:     []zmlx.TemplateArg{{Name: "T", Value: dt}, {Name: "D", Value: d}},
				OutputShapes: [][]int{{rows, d}, {rows, d}}, OutputDTypes: []zmlx.DType{dt, dt},
				Grid: [3]int{rows * 128, 1, 1}, Threadgroup: [3]int{128, 1, 1}, Device: cc,
			})
			for i, a := range out {
				got, err := a.Bytes()
				if err != nil {
					t.Fatal(err)
				}
				for at := range rows * d {
					row, j := at/d, at%d
					if i == 1 {
						j = d - 1 - j
					}
					want := (row*7 + j) % 251 * size
					if g := got[at*size : at*size+size]; !bytes.Equal(g, table[want:want+size]) {
						t.Fatalf("%v, rows of %d: output %d has % x at %d of row %d, want % x", dt, d, i, g, at%d, row, table[want:want+size])
					}
				}
			}
		}
	}
}
