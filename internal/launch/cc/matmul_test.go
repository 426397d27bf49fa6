package cc

// This file implements tests of matrix products against sums in float64.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
)

var floats = []dtype.DType{dtype.Float32, dtype.Float16, dtype.BFloat16, dtype.Float64}

// element reads or writes element i of a buffer.
func element(b launch.Buffer, dt dtype.DType, i int) float64 {
	switch dt {
	case dtype.Float16:
		return values[half.Float16](b)[i].Float64()
	case dtype.BFloat16:
		return values[half.BFloat16](b)[i].Float64()
	case dtype.Float32:
		return float64(values[float32](b)[i])
	}
	return values[float64](b)[i]
}

func setElement(b launch.Buffer, dt dtype.DType, i int, v float64) {
	switch dt {
	case dtype.Float16:
		values[half.Float16](b)[i] = half.Float16FromFloat64(v)
	case dtype.BFloat16:
		values[half.BFloat16](b)[i] = half.BFloat16FromFloat64(v)
	case dtype.Float32:
		values[float32](b)[i] = float32(v)
	default:
		values[float64](b)[i] = v
	}
}

// epsilon returns the distance from 1 to the next number.
func epsilon(dt dtype.DType) float64 {
	return map[dtype.DType]float64{dtype.Float16: 0x1p-10, dtype.BFloat16: 0x1p-7, dtype.Float32: 0x1p-23, dtype.Float64: 0x1p-52}[dt]
}

// A layout says how a matrix of given lengths lies: its strides, and how many
// elements it takes from where its first one is.
type layout struct {
	name string
	lay  func(rows, cols int) (row, col, first, size int)
}

var layouts = []layout{
	{"rows", func(r, c int) (int, int, int, int) { return c, 1, 0, r * c }},
	{"columns", func(r, c int) (int, int, int, int) { return 1, r, 0, r * c }},
	{"wide rows", func(r, c int) (int, int, int, int) { return c + 5, 1, 3, r*(c+5) + 3 }},
	{"wide columns", func(r, c int) (int, int, int, int) { return 1, r + 3, 1, c*(r+3) + 1 }},
	{"every other", func(r, c int) (int, int, int, int) { return 2*c + 1, 2, 0, r * (2*c + 1) }},
	{"backwards", func(r, c int) (int, int, int, int) { return -c, -1, max(r*c-1, 0), r * c }},
	{"one row", func(r, c int) (int, int, int, int) { return 0, 1, 0, c }},
	{"one column", func(r, c int) (int, int, int, int) { return 1, 0, 0, r }},
}

// operand returns a random matrix, or batch of them, where stride is from one
// to the next.
func operand(t testing.TB, d launch.Device, dt dtype.DType, r *rand.Rand, l layout, batch, rows, cols int, shared bool) launch.Matrix {
	row, col, first, size := l.lay(rows, cols)
	step := size + 1
	if shared {
		step = 0
	}
	n := size + step*max(batch-1, 0) + 1
	b := mustAlloc(t, d, n*dt.Size())
	for i := range n {
		setElement(b, dt, i, r.Float64()*2-1)
	}
	return launch.Matrix{
		Arg: launch.Arg{Buffer: b, Offset: first * dt.Size(), Hi: b.Size()},
		Row: row, Col: col, Batch: []int{step},
	}
}

// checkProduct compares m.Out with sums in float64.
func checkProduct(t *testing.T, m launch.MatMul) {
	t.Helper()
	checkElements(t, m, 1)
}

// checkElements compares about one of so many rows and one of so many columns.
func checkElements(t *testing.T, m launch.MatMul, of int) {
	t.Helper()
	size := m.DType.Size()
	at := func(x *launch.Matrix, batch, i, j int) int {
		return x.Offset/size + batch*x.Batch[0] + i*x.Row + j*x.Col
	}
	all := func(b launch.Buffer) []float64 {
		v := make([]float64, b.Size()/size)
		for i := range v {
			v[i] = element(b, m.DType, i)
		}
		return v
	}
	a, b, out := all(m.A.Buffer), all(m.B.Buffer), all(m.Out.Buffer)
	eps := epsilon(m.DType)
	sumEps := epsilon(dtype.Float32)
	if m.DType == dtype.Float64 {
		sumEps = eps
	}
	for batch := range m.Batch[0] {
		for i := 0; i < m.M; i += of {
			for j := i / of % of; j < m.N; j += of {
				var want, sizes float64
				for k := range m.K {
					p := a[at(&m.A, batch, i, k)] * b[at(&m.B, batch, k, j)]
					want += p
					sizes += math.Abs(p)
				}
				got := out[at(&m.Out, batch, i, j)]
				// Rounding errors of a sum are much like a random walk.
				limit := eps*math.Abs(want) + 2*sumEps*math.Sqrt(float64(m.K+4))*sizes
				if !(math.Abs(got-want) <= limit) {
					t.Fatalf("%s %dx%dx%d: product %d, element (%d, %d) is %v, want %v within %.3g", m.DType, m.M, m.N, m.K, batch, i, j, got, want, limit)
				}
			}
		}
	}
}

func multiply(t testing.TB, d launch.Device, m launch.MatMul) {
	t.Helper()
	if err := d.(launch.Multiplier).MatMul(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

// TestMatMul runs all on one device, as the code takes seconds to compile, and
// some with the narrowest vectors as well.
func TestMatMul(t *testing.T) {
	d := newDevice(t)
	for _, vector := range []int{0, 16} {
		other := &device{Config: d.Config, cache: d.cache, compiler: d.compiler, timeout: d.timeout}
		other.gemm.vector = vector
		t.Run(fmt.Sprint("shapes/vector", vector), func(t *testing.T) { testMatMulShapes(t, other) })
		t.Run(fmt.Sprint("rounding/vector", vector), func(t *testing.T) { testMatMulRounding(t, other) })
	}
	for name, test := range map[string]func(*testing.T, *device){
		"large": testMatMulLarge, "bits": testMatMulSameBits, "specials": testMatMulSpecials,
		"axes": testMatMulBatchAxes, "concurrent": testMatMulConcurrent, "errors": testMatMulErrors,
	} {
		t.Run(name, func(t *testing.T) { test(t, d) })
	}
}

func testMatMulShapes(t *testing.T, d *device) {
	shapes := [][4]int{ // batch, m, n, k
		{1, 1, 1, 1}, {1, 2, 3, 4}, {1, 14, 32, 8}, {1, 15, 33, 7}, {1, 13, 31, 300}, {1, 29, 70, 257},
		{1, 1, 200, 100}, {1, 200, 1, 100}, {1, 1, 70, 9}, {1, 5, 130, 77}, {1, 130, 5, 77}, {1, 8, 64, 64}, {1, 3, 7, 515},
		{1, 60, 130, 530}, {1, 0, 3, 4}, {1, 3, 0, 4}, {1, 3, 4, 0}, {1, 100, 200, 0},
		{3, 5, 6, 7}, {7, 1, 130, 70}, {5, 33, 20, 40}, {0, 3, 3, 3}, {64, 4, 4, 4},
	}
	for _, dt := range floats {
		r := rand.New(rand.NewPCG(1, uint64(dt)))
		for n, s := range shapes {
			for la, a := range layouts {
				// All pairs of layouts for some shapes, and each layout once for the others.
				for lb, b := range layouts {
					if (n+la+lb)%len(layouts) != 0 && (n > 4 || dt != dtype.Float32) {
						continue
					}
					out := layouts[(la+n)%6]
					m := launch.MatMul{DType: dt, Batch: []int{s[0]}, M: s[1], N: s[2], K: s[3]}
					m.A = operand(t, d, dt, r, a, s[0], s[1], s[3], n%2 == 0 && s[0] > 1 && la%2 == 0)
					m.B = operand(t, d, dt, r, b, s[0], s[3], s[2], s[0] > 1 && lb%2 == 0)
					m.Out = operand(t, d, dt, r, out, s[0], s[1], s[2], false)
					multiply(t, d, m)
					checkProduct(t, m)
				}
			}
		}
	}
}

// testMatMulLarge has products that take several tiles, chunks and workers; the
// sums are checked at some places.
func testMatMulLarge(t *testing.T, d *device) {
	for _, c := range []struct {
		dt      dtype.DType
		m, n, k int
		a, b    int // layouts
	}{
		{dtype.Float32, 700, 1100, 600, 0, 0}, {dtype.Float32, 700, 1100, 600, 1, 1}, {dtype.Float64, 300, 500, 400, 0, 1},
		{dtype.Float16, 400, 700, 600, 0, 1}, {dtype.BFloat16, 400, 700, 600, 1, 0},
		{dtype.Float32, 4300, 40, 90, 0, 0}, {dtype.Float32, 40, 4300, 90, 1, 1}, {dtype.Float32, 40, 50, 9000, 0, 0},
		{dtype.Float16, 40, 50, 9000, 0, 1}, {dtype.BFloat16, 4, 3000, 5000, 0, 0}, {dtype.Float32, 3000, 1, 5000, 0, 0},
	} {
		r := rand.New(rand.NewPCG(2, uint64(c.m)))
		m := launch.MatMul{DType: c.dt, Batch: []int{1}, M: c.m, N: c.n, K: c.k}
		m.A = operand(t, d, c.dt, r, layouts[c.a], 1, c.m, c.k, false)
		m.B = operand(t, d, c.dt, r, layouts[c.b], 1, c.k, c.n, false)
		m.Out = operand(t, d, c.dt, r, layouts[0], 1, c.m, c.n, false)
		multiply(t, d, m)
		checkElements(t, m, max(1, min(c.m, c.n, 100)/7))
	}
}

// testMatMulSameBits computes products with different numbers of workers.
func testMatMulSameBits(t *testing.T, d *device) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, dt := range floats {
		for _, s := range [][4]int{{1, 200, 300, 600}, {1, 1, 3001, 700}, {1, 700, 1, 601}, {20, 40, 50, 60}, {3, 2, 500, 333}, {1, 150, 90, 4500}} {
			r := rand.New(rand.NewPCG(3, 3))
			m := launch.MatMul{DType: dt, Batch: []int{s[0]}, M: s[1], N: s[2], K: s[3]}
			m.A = operand(t, d, dt, r, layouts[0], s[0], s[1], s[3], false)
			m.B = operand(t, d, dt, r, layouts[0], s[0], s[3], s[2], s[0] == 3)
			m.Out = operand(t, d, dt, r, layouts[0], s[0], s[1], s[2], false)
			var first []byte
			for _, procs := range []int{1, 2, 3, 8, 33} {
				runtime.GOMAXPROCS(procs)
				multiply(t, d, m)
				if first == nil {
					first = slices.Clone(m.Out.Buffer.Host())
				} else if !slices.Equal(first, m.Out.Buffer.Host()) {
					t.Fatalf("%s %v: other bits with %d workers", dt, s, procs)
				}
			}
		}
	}
}

// testMatMulSpecials checks that infinities and NaN go where they belong, and
// nowhere else, also at the edges of tiles.
func testMatMulSpecials(t *testing.T, d *device) {
	for _, dt := range floats {
		for _, s := range [][3]int{{20, 40, 30}, {1, 130, 70}, {2, 3, 100}, {100, 1, 80}, {17, 65, 300}} {
			r := rand.New(rand.NewPCG(4, 4))
			m := launch.MatMul{DType: dt, Batch: []int{1}, M: s[0], N: s[1], K: s[2]}
			m.A = operand(t, d, dt, r, layouts[0], 1, s[0], s[2], false)
			m.B = operand(t, d, dt, r, layouts[1], 1, s[2], s[1], false)
			m.Out = operand(t, d, dt, r, layouts[0], 1, s[0], s[1], false)
			row, col := s[0]-1, s[1]-1
			setElement(m.A.Buffer, dt, row*s[2]+5, math.Inf(1))
			setElement(m.B.Buffer, dt, col*s[2]+s[2]-1, math.NaN())
			multiply(t, d, m)
			for i := range s[0] {
				for j := range s[1] {
					got := element(m.Out.Buffer, dt, i*s[1]+j)
					switch {
					case j == col:
						if !math.IsNaN(got) {
							t.Errorf("%s %v: (%d, %d) is %v, want NaN", dt, s, i, j, got)
						}
					case i == row:
						if want := math.Inf(1) * element(m.B.Buffer, dt, j*s[2]+5); got != want {
							t.Errorf("%s %v: (%d, %d) is %v, want %v", dt, s, i, j, got, want)
						}
					case math.IsNaN(got) || math.IsInf(got, 0):
						t.Errorf("%s %v: (%d, %d) is %v", dt, s, i, j, got)
					}
				}
			}
		}
	}
}

// testMatMulRounding multiplies by the identity, which keeps every value of 16
// bits, and rounds sums once.
func testMatMulRounding(t *testing.T, d *device) {
	for _, dt := range []dtype.DType{dtype.Float16, dtype.BFloat16} {
		const n = 256
		r := rand.New(rand.NewPCG(1, 1))
		m := launch.MatMul{DType: dt, Batch: []int{1}, M: n, N: 1, K: 1}
		m.A = operand(t, d, dt, r, layouts[0], 1, n, 1, false)
		m.B = operand(t, d, dt, r, layouts[0], 1, 1, 1, false)
		m.Out = operand(t, d, dt, r, layouts[0], 1, n, 1, false)
		setElement(m.B.Buffer, dt, 0, 1)
		for high := range 256 {
			for i := range n {
				values[uint16](m.A.Buffer)[i] = uint16(high<<8 | i)
			}
			multiply(t, d, m)
			for i := range n {
				got, want := element(m.Out.Buffer, dt, i), element(m.A.Buffer, dt, i)
				if got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
					t.Fatalf("%s %04x times 1 is %v, want %v", dt, high<<8|i, got, want)
				}
			}
		}
		// Sums of two products, exact in float32 and not in 16 bits, against rounding by Go code.
		const rows = 64
		m = launch.MatMul{DType: dt, Batch: []int{1}, M: rows, N: rows, K: 2}
		m.A = operand(t, d, dt, r, layouts[0], 1, rows, 2, false)
		m.B = operand(t, d, dt, r, layouts[0], 1, 2, rows, false)
		m.Out = operand(t, d, dt, r, layouts[0], 1, rows, rows, false)
		for i := range rows {
			scale := math.Ldexp(1, i%40-28)
			setElement(m.A.Buffer, dt, 2*i, scale)
			setElement(m.A.Buffer, dt, 2*i+1, scale/256)
			setElement(m.B.Buffer, dt, i, float64(100+i))
			setElement(m.B.Buffer, dt, rows+i, float64(i*3))
		}
		multiply(t, d, m)
		b := mustAlloc(t, d, 2)
		for i := range rows {
			for j := range rows {
				exact := element(m.A.Buffer, dt, 2*i)*element(m.B.Buffer, dt, j) + element(m.A.Buffer, dt, 2*i+1)*element(m.B.Buffer, dt, rows+j)
				setElement(b, dt, 0, exact)
				if got, want := values[uint16](m.Out.Buffer)[i*rows+j], values[uint16](b)[0]; got != want {
					t.Fatalf("%s: sum %v is %04x, want %04x", dt, exact, got, want)
				}
			}
		}
	}
}

// testMatMulBatchAxes has more axes than the C code takes, some broadcast.
func testMatMulBatchAxes(t *testing.T, d *device) {
	r := rand.New(rand.NewPCG(5, 5))
	dims := []int{2, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2}
	const mm, n, k = 3, 5, 4
	m := launch.MatMul{DType: dtype.Float32, Batch: dims, M: mm, N: n, K: k}
	total := m.Products()
	m.A = operand(t, d, dtype.Float32, r, layouts[0], total, mm, k, false)
	m.B = operand(t, d, dtype.Float32, r, layouts[0], total, k, n, false)
	m.Out = operand(t, d, dtype.Float32, r, layouts[0], total, mm, n, false)
	aStep, outStep := m.A.Batch[0], m.Out.Batch[0]
	m.A.Batch, m.B.Batch, m.Out.Batch = make([]int, len(dims)), make([]int, len(dims)), make([]int, len(dims))
	at := 1
	for i := len(dims) - 1; i >= 0; i-- {
		m.A.Batch[i], m.Out.Batch[i] = aStep*at, outStep*at
		if i%2 == 0 { // the others are broadcast: neighbours cannot be joined
			m.B.Batch[i] = 20 * at
		}
		at *= dims[i]
	}
	multiply(t, d, m)
	for b := range total {
		one := m
		one.Batch = []int{1}
		offsetB, rest := 0, b
		for i := len(dims) - 1; i >= 0; i-- {
			offsetB += rest % dims[i] * m.B.Batch[i]
			rest /= dims[i]
		}
		one.A.Offset += 4 * b * aStep
		one.B.Offset += 4 * offsetB
		one.Out.Offset += 4 * b * outStep
		one.A.Batch, one.B.Batch, one.Out.Batch = []int{0}, []int{0}, []int{0}
		checkProduct(t, one)
	}
}

func testMatMulConcurrent(t *testing.T, d *device) {
	var all sync.WaitGroup
	for g := range 8 {
		r := rand.New(rand.NewPCG(6, uint64(g)))
		dt := floats[g%4]
		m := launch.MatMul{DType: dt, Batch: []int{1}, M: 100 + g, N: 120, K: 130}
		m.A = operand(t, d, dt, r, layouts[0], 1, m.M, m.K, false)
		m.B = operand(t, d, dt, r, layouts[0], 1, m.K, m.N, false)
		m.Out = operand(t, d, dt, r, layouts[0], 1, m.M, m.N, false)
		all.Go(func() {
			for range 5 {
				if err := d.MatMul(t.Context(), m); err != nil {
					t.Error(err)
				}
			}
		})
		defer func() { checkProduct(t, m) }()
	}
	all.Wait()
}

func testMatMulErrors(t *testing.T, d *device) {
	r := rand.New(rand.NewPCG(7, 7))
	good := launch.MatMul{DType: dtype.Float32, Batch: []int{2}, M: 3, N: 4, K: 5}
	good.A = operand(t, d, dtype.Float32, r, layouts[0], 2, 3, 5, false)
	good.B = operand(t, d, dtype.Float32, r, layouts[0], 2, 5, 4, false)
	good.Out = operand(t, d, dtype.Float32, r, layouts[0], 2, 3, 4, false)
	for want, change := range map[string]func(m *launch.MatMul){
		"only floats":      func(m *launch.MatMul) { m.DType = dtype.Int32 },
		"no buffer":        func(m *launch.MatMul) { m.A.Buffer = nil },
		"beyond":           func(m *launch.MatMul) { m.B.Row = 1000 },
		"operand out of":   func(m *launch.MatMul) { m.Out.Offset = -4 },
		"operand a of":     func(m *launch.MatMul) { m.A.Col = math.MaxInt },
		"operand b of":     func(m *launch.MatMul) { m.B.Row = math.MinInt },
		"batch strides":    func(m *launch.MatMul) { m.A.Batch = nil },
		"negative length":  func(m *launch.MatMul) { m.K = -1 },
		"beyond its bound": func(m *launch.MatMul) { m.A.Hi = 8 },
	} {
		m := good
		change(&m)
		if err := d.MatMul(t.Context(), m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.MatMul(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v of a cancelled context", err)
	}
	good.B.Buffer.Free()
	if err := d.MatMul(t.Context(), good); err == nil {
		t.Error("no error for a freed buffer")
	}
}
