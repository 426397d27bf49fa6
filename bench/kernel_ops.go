// This file implements the ops that are kernels in Metal: their arrays, their
// launches and their formulas.

package bench

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx"
)

// onGPU reports whether kernels are to be launched as a GPU likes it. It is a
// variable for tests.
var onGPU = func() bool {
	d := zmlx.Default()
	return d != nil && (strings.HasPrefix(d.Name(), "cuda") || strings.HasPrefix(d.Name(), "mlx"))
}

// vector returns how many neighbouring elements a thread takes at once, where
// rows have d of them.
func vector(d zmlx.DType, row int) int {
	if !onGPU() {
		return 1
	}
	if v := 16 / d.Size(); row%v == 0 {
		return v
	}
	return 1
}

// group returns the number of threads for rows of so many vectors: one
// simdgroup on a CPU, where it needs no barrier.
func group(vectors int) int {
	if !onGPU() {
		return 32
	}
	g := 32
	for g < 256 && g*2 < vectors {
		g *= 2
	}
	return g
}

// multiprocessors is how many an H100 or H200 has. Kernels whose threadgroups
// stay until all rows are done come in multiples of it.
const multiprocessors = 132

// integers returns n numbers below limit, spread over them.
func integers(n, limit int) *zmlx.Array {
	return zmlx.RandomInt(zmlx.NewKey(5), 0, int64(limit), zmlx.Int32, n)
}

func rope(c Case) *work {
	d := c.Shape[len(c.Shape)-1]
	s := c.Shape[len(c.Shape)-2]
	n, _ := c.size()
	v := vector(c.DType, d/2)
	x := data(0, c.DType, c.Shape...)
	cosine, sine := data(1, c.DType, s, d/2), data(2, c.DType, s, d/2)
	w := &work{inputs: []*zmlx.Array{x, cosine, sine}}
	wide := d / 2 / v
	l := zmlx.Launch{
		Template:    []zmlx.TemplateArg{{Name: "V", Value: v}},
		Grid:        [3]int{wide, s, n / d / s},
		Threadgroup: [3]int{min(wide, 256), max(1, min(s, 256/wide)), 1},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return ropeKernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		for _, r := range sample(n / d) {
			in, err := readRow(x, r)
			if err != nil {
				return err
			}
			co, err := readRow(cosine, r%s)
			if err != nil {
				return err
			}
			si, err := readRow(sine, r%s)
			if err != nil {
				return err
			}
			want := make([]float64, d)
			for i, a := range in[:d/2] {
				b := in[d/2+i]
				want[i], want[d/2+i] = a*co[i]-b*si[i], a*si[i]+b*co[i]
			}
			got, err := readRow(out[0], r)
			if err != nil {
				return err
			}
			if err := compare(fmt.Sprintf("row %d", r), got, want, tolerance(c.DType)); err != nil {
				return err
			}
		}
		return nil
	}
	return w
}

func cumSum(c Case) *work {
	n, d := c.size()
	v := vector(c.DType, d)
	g, together, unroll := group(d/v), 1, 1
	if onGPU() && d <= 32*v*16 {
		g, together, unroll = 32, 8, min(4, (d/v+31)/32)
	}
	rows := n / d
	x := data(0, c.DType, c.Shape...)
	w := &work{inputs: []*zmlx.Array{x}}
	l := zmlx.Launch{
		Template:    []zmlx.TemplateArg{{Name: "V", Value: v}, {Name: "G", Value: g}, {Name: "U", Value: unroll}},
		Grid:        [3]int{rows * g, 1, 1},
		Threadgroup: [3]int{g * together, 1, 1},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return cumSumKernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		return checkRows(w.inputs, []role{full}, out, func(in [][]float64) [][]float64 {
			row, sum := make([]float64, d), 0.0
			for i, v := range in[0] {
				sum += v
				row[i] = sum
			}
			return [][]float64{row}
		})
	}
	return w
}

// greatest returns the positions of the k greatest elements, of equal ones the
// first.
func greatest(x []float64, k int) []int {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(x[j], x[i]) })
	return order[:k]
}

func top5(c Case) *work {
	n, d := c.size()
	rows := n / d
	x := data(0, c.DType, c.Shape...)
	w := &work{inputs: []*zmlx.Array{x}}
	kernel, together, v := top5Kernel, 1, vector(c.DType, d)
	l := zmlx.Launch{
		Template:     []zmlx.TemplateArg{{Name: "T", Value: c.DType}, {Name: "V", Value: v}},
		OutputShapes: [][]int{{rows, 5}, {rows, 5}},
		OutputDTypes: []zmlx.DType{c.DType, zmlx.Uint32},
	}
	if n := (d/v + 31) / 32; onGPU() && n <= 16 {
		kernel, together = top5WideKernel, 8
		l.Template = append(l.Template, zmlx.TemplateArg{Name: "N", Value: n}, zmlx.TemplateArg{Name: "S", Value: together})
	}
	if !onGPU() {
		kernel = top5LaneKernel
		l.Template = l.Template[:1]
	}
	l.Grid = [3]int{(rows + together - 1) / together * together * 32, 1, 1}
	l.Threadgroup = [3]int{together * 32, 1, 1}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return kernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		return checkRows(w.inputs, []role{full}, out, func(in [][]float64) [][]float64 {
			values, places := []float64{}, []float64{}
			for _, i := range greatest(in[0], 5) {
				values, places = append(values, in[0][i]), append(places, float64(i))
			}
			return [][]float64{values, places}
		})
	}
	return w
}

func top2Gating(c Case) *work {
	n, d := c.size()
	rows := n / d
	x := data(0, c.DType, c.Shape...)
	w := &work{inputs: []*zmlx.Array{x}}
	l := zmlx.Launch{
		Grid: [3]int{rows * 4, 1, 1}, Threadgroup: [3]int{256, 1, 1},
		OutputShapes: [][]int{{rows, 2}, {rows, 2}},
		OutputDTypes: []zmlx.DType{zmlx.Float32, zmlx.Uint32},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return gatingKernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		return checkRows(w.inputs, []role{full}, out, func(in [][]float64) [][]float64 {
			i := greatest(in[0], 2)
			p := softmaxOf([]float64{in[0][i[0]], in[0][i[1]]})
			return [][]float64{p, {float64(i[0]), float64(i[1])}}
		})
	}
	return w
}

func gatherAdd(c Case) *work {
	rows, d := c.Shape[0], c.Shape[1]
	v := vector(c.DType, d)
	src, other := data(0, c.DType, rows, d), data(1, c.DType, rows, d)
	index := integers(rows, rows)
	g := 32
	for g < 1024 && d/v > g {
		g *= 2
	}
	w := &work{inputs: []*zmlx.Array{src, index, other}}
	l := zmlx.Launch{
		Template:    []zmlx.TemplateArg{{Name: "V", Value: v}, {Name: "G", Value: g}, {Name: "N", Value: (d/v + g - 1) / g}},
		Grid:        [3]int{rows * g, 1, 1},
		Threadgroup: [3]int{max(g, 128), 1, 1},
	}
	kernel := gatherAddKernel
	if !onGPU() {
		together := 8
		for rows%together != 0 {
			together /= 2
		}
		kernel = gatherAddRowsKernel
		l = zmlx.Launch{
			Template: []zmlx.TemplateArg{{Name: "T", Value: c.DType}, {Name: "R", Value: together}},
			Grid:     [3]int{rows / together * 32, 1, 1}, Threadgroup: [3]int{32, 1, 1},
			OutputShapes: [][]int{{rows, d}}, OutputDTypes: []zmlx.DType{c.DType},
		}
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return kernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		for _, r := range sample(rows) {
			at, err := read(index, r, 1)
			if err != nil {
				return err
			}
			want, err := readRow(src, int(at[0]))
			if err != nil {
				return err
			}
			more, err := readRow(other, r)
			if err != nil {
				return err
			}
			for i := range want {
				want[i] += more[i]
			}
			got, err := readRow(out[0], r)
			if err != nil {
				return err
			}
			if err := compare(fmt.Sprintf("row %d", r), got, want, tolerance(c.DType)); err != nil {
				return err
			}
		}
		return nil
	}
	return w
}

func crossEntropy(c Case) *work {
	rows, d := c.Shape[0], c.Shape[1]
	v := vector(c.DType, d)
	g := group(d / v)
	unroll := 8
	if v > 1 {
		unroll = 2
	}
	x, targets := data(0, c.DType, rows, d), integers(rows, d)
	w := &work{inputs: []*zmlx.Array{x, targets}}
	l := zmlx.Launch{
		Template: []zmlx.TemplateArg{
			{Name: "T", Value: c.DType}, {Name: "V", Value: v}, {Name: "G", Value: g}, {Name: "U", Value: unroll},
		},
		Grid: [3]int{rows * g, 1, 1}, Threadgroup: [3]int{g, 1, 1},
		OutputShapes: [][]int{{rows}}, OutputDTypes: []zmlx.DType{zmlx.Float32},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return crossEntropyKernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		for _, r := range sample(rows) {
			row, err := readRow(x, r)
			if err != nil {
				return err
			}
			at, err := read(targets, r, 1)
			if err != nil {
				return err
			}
			got, err := read(out[0], r, 1)
			if err != nil {
				return err
			}
			want := []float64{-math.Log(softmaxOf(row)[int(at[0])])}
			if err := compare(fmt.Sprintf("row %d", r), got, want, 1e-5); err != nil {
				return err
			}
		}
		return nil
	}
	return w
}

func rmsNormTree(c Case) *work {
	n, d := c.size()
	x, weights := data(0, c.DType, c.Shape...), data(1, c.DType, d)
	w := &work{inputs: []*zmlx.Array{x, weights, zmlx.Scalar(float32(rmsEps))}}
	l := zmlx.Launch{
		Template: []zmlx.TemplateArg{{Name: "T", Value: c.DType}},
		Grid:     [3]int{n / d * 256, 1, 1}, Threadgroup: [3]int{256, 1, 1},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array { return rmsNormTreeKernel.Call(l, in...) }
	w.check = func(w *work, out []*zmlx.Array) error {
		return checkRows(w.inputs[:2], []role{full, weight}, out, func(in [][]float64) [][]float64 {
			return [][]float64{rmsNormOf(in[0], in[1])}
		})
	}
	return w
}

func rmsNormBackward(c Case) *work {
	rows, d := c.Shape[0], c.Shape[1]
	v := vector(c.DType, d)
	g, together, blocks, shared := 32, 1, 8, 0
	if onGPU() {
		for g < 1024 && g*v < d { // one vector of a thread, if that is enough
			g *= 2
		}
		together = max(1, 512/g)
		blocks = multiprocessors * (1024 / (g * together))
	}
	early := 0
	if onGPU() && g == 128 { // two vectors each let three threadgroups of 256 load ahead
		g, together, blocks, early = 64, 4, 3*multiprocessors, 2
	}
	blocks = min(blocks, (rows+together-1)/together)
	each := (d + g*v - 1) / (g * v)
	if onGPU() && early == 0 {
		shared = min(each-1, 16<<10/(g*v*c.DType.Size()))
	}
	full := 0
	if d == g*each*v {
		full = 1
	}
	x, weights, ct := data(0, c.DType, rows, d), data(1, c.DType, d), data(2, c.DType, rows, d)
	w := &work{inputs: []*zmlx.Array{x, weights, ct, zmlx.Scalar(float32(rmsEps))}}
	l := zmlx.Launch{
		Template: []zmlx.TemplateArg{
			{Name: "T", Value: c.DType}, {Name: "V", Value: v}, {Name: "G", Value: g}, {Name: "S", Value: together},
			{Name: "N", Value: each}, {Name: "W", Value: shared}, {Name: "F", Value: full}, {Name: "E", Value: early},
		},
		Grid: [3]int{blocks * g * together, 1, 1}, Threadgroup: [3]int{g * together, 1, 1},
		OutputShapes: [][]int{{rows, d}, {blocks, d}}, OutputDTypes: []zmlx.DType{c.DType, zmlx.Float32},
	}
	simdgroups, unrolled := 1, 1
	if onGPU() {
		simdgroups, unrolled = 32, 16
	}
	sum := zmlx.Launch{
		Template: []zmlx.TemplateArg{{Name: "T", Value: c.DType}, {Name: "U", Value: unrolled}},
		Grid:     [3]int{(d + 31) / 32 * 32 * simdgroups, 1, 1}, Threadgroup: [3]int{32 * simdgroups, 1, 1},
		OutputShapes: [][]int{{d}}, OutputDTypes: []zmlx.DType{c.DType},
	}
	w.call = func(in []*zmlx.Array) []*zmlx.Array {
		out := rmsNormBackwardKernel.Call(l, in...)
		return []*zmlx.Array{out[0], columnSumKernel.Call(sum, out[1])[0]}
	}
	w.check = func(w *work, out []*zmlx.Array) error { return checkRMSBackward(x, weights, ct, out) }
	return w
}

// checkRMSBackward checks some rows of dx and some elements of dw.
func checkRMSBackward(x, weights, ct *zmlx.Array, out []*zmlx.Array) error {
	rows, d := x.Dim(0), x.Dim(1)
	wr, err := read(weights, 0, d)
	if err != nil {
		return err
	}
	scale := func(row []float64) float64 { return 1 / math.Sqrt(mean(row, squared)+rmsEps) }
	for _, r := range sample(rows) {
		xr, err := readRow(x, r)
		if err != nil {
			return err
		}
		g, err := readRow(ct, r)
		if err != nil {
			return err
		}
		s, product := scale(xr), 0.0
		for i := range xr {
			product += xr[i] * g[i] * wr[i]
		}
		want := make([]float64, d)
		for i := range want {
			want[i] = g[i]*wr[i]*s - xr[i]*s*s*s*product/float64(d)
		}
		got, err := readRow(out[0], r)
		if err != nil {
			return err
		}
		if err := compare(fmt.Sprintf("row %d of dx", r), got, want, tolerance(x.DType())); err != nil {
			return err
		}
	}
	// Every row counts for dw: read both in parts.
	columns := sample(d)
	want := make([]float64, len(columns))
	for r := range rows {
		xr, err := readRow(x, r)
		if err != nil {
			return err
		}
		g, err := readRow(ct, r)
		if err != nil {
			return err
		}
		s := scale(xr)
		for k, i := range columns {
			want[k] += g[i] * xr[i] * s
		}
	}
	dw, err := read(out[1], 0, d)
	if err != nil {
		return err
	}
	got := make([]float64, len(columns))
	for k, i := range columns {
		got[k] = dw[i]
	}
	return compare("dw", got, want, 2*tolerance(x.DType()))
}
