// This file implements the matrix product.

package zmlx

import (
	"fmt"
	"slices"
)

// matmulKernel computes one element of the product in each thread, summing in
// float32 or better in order of k.
var matmulKernel = MustCompile(Kernel{
	Name:        "matmul",
	InputNames:  []string{"a", "b", "k"},
	OutputNames: []string{"out"},
	Source: `
		uint col = thread_position_in_grid.x;
		uint row = thread_position_in_grid.y;
		size_t batch = thread_position_in_grid.z;
		size_t cols = threads_per_grid.x;
		size_t rows = threads_per_grid.y;
		auto x = a + (batch * rows + row) * k;
		auto y = b + batch * k * cols + col;
		Acc sum = 0;
		for (uint i = 0; i < k; ++i) {
			sum += Acc(x[i]) * Acc(y[i * cols]);
		}
		out[(batch * rows + row) * cols + col] = T(sum);
	`,
})

// MatMul returns the matrix product of the last two axes, for every position
// of the leading ones, which broadcast. As in NumPy, a vector on the left is a
// row, one on the right a column, and the axis that this added is dropped. Sums
// are taken in float32 at least. The dtypes have to be the same.
func (a *Array) MatMul(b *Array) *Array {
	const op = "matmul"
	if err := firstError(a, b); err != nil {
		return failed(err)
	}
	if a.DType() != b.DType() {
		return badDType(op, fmt.Sprintf("%v times %v; convert one with As", a.DType(), b.DType()), a.DType(), b.DType())
	}
	if a.NDim() == 0 || b.NDim() == 0 {
		return badShape(op, fmt.Errorf("a scalar is no matrix; use Mul"), a, b)
	}
	x, y := a, b
	if a.NDim() == 1 {
		x = a.ExpandDims(0)
	}
	if b.NDim() == 1 {
		y = b.ExpandDims(1)
	}
	m, k, n := x.Dim(-2), x.Dim(-1), y.Dim(-1)
	if y.Dim(-2) != k {
		return badShape(op, fmt.Errorf("inner lengths %d and %d differ", k, y.Dim(-2)), a, b)
	}
	lead, err := joinShapes(x.Shape()[:x.NDim()-2], y.Shape()[:y.NDim()-2])
	if err != nil {
		return badShape(op, err, a, b)
	}
	x = x.Broadcast(append(slices.Clone(lead), m, k)...)
	y = y.Broadcast(append(slices.Clone(lead), k, n)...)
	out := product(x, y, lead, m, k, n)
	shp := slices.Clone(lead)
	if a.NDim() > 1 {
		shp = append(shp, m)
	}
	if b.NDim() > 1 {
		shp = append(shp, n)
	}
	return out.Reshape(shp...)
}

// product multiplies arrays of shapes lead+(m, k) and lead+(k, n).
func product(x, y *Array, lead []int, m, k, n int) *Array {
	batch := 1
	for _, d := range lead {
		batch *= d
	}
	d := x.DType()
	shp := append(slices.Clone(lead), m, n)
	var out *Array
	if batch*m*n == 0 || k == 0 {
		out = zerosOn(x.dev, d, shp)
	} else {
		acc := d
		if d == Float16 || d == BFloat16 {
			acc = Float32
		}
		out = matmulKernel.Call(Launch{
			Template:     []TemplateArg{{"T", d}, {"Acc", acc}},
			Grid:         [3]int{n, m, batch},
			Threadgroup:  [3]int{min(n, 64), min(m, 4), 1},
			OutputShapes: [][]int{shp}, OutputDTypes: []DType{d}, Device: x.dev,
		}, x.untraced().Contiguous(), y.untraced().Contiguous(), scalarOn(x.dev, uint32(k)))[0]
	}
	return recorded1(matmulPrim{}, out, x, y)
}

// matmulPrim is the product of arrays of the same leading axes.
type matmulPrim struct{}

func (matmulPrim) name() string { return "matmul" }

func swapLast(a *Array) *Array {
	axes := make([]int, a.NDim())
	for i := range axes {
		axes[i] = i
	}
	n := len(axes)
	axes[n-1], axes[n-2] = n-2, n-1
	return a.Transpose(axes...)
}

func (matmulPrim) vjp(in, out, ct []*Array, want []bool) ([]*Array, error) {
	grads := make([]*Array, 2)
	if want[0] {
		grads[0] = ct[0].MatMul(swapLast(in[1]))
	}
	if want[1] {
		grads[1] = swapLast(in[0]).MatMul(ct[0])
	}
	return grads, nil
}

func (matmulPrim) jvp(in, out, tan []*Array) ([]*Array, error) {
	var sum *Array
	if tan[0] != nil {
		sum = tan[0].MatMul(in[1])
	}
	if tan[1] != nil {
		t := in[0].MatMul(tan[1])
		if sum != nil {
			t = sum.Add(t)
		}
		sum = t
	}
	return []*Array{sum}, nil
}

func (matmulPrim) vmap(in []*Array, mapped []bool, size int) ([]*Array, error) {
	all := allMapped(in, mapped, size)
	return []*Array{all[0].MatMul(all[1])}, nil
}
