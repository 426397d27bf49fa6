// This file implements the matrix product.

package zmlx

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// plainMatmul computes one element of the product in each thread, summing in
// float32 or better in order of k.
var plainMatmul = MustCompile(Kernel{
	Name:        "matmul",
	InputNames:  []string{"a", "b"},
	OutputNames: []string{"out"},
	Header:      matmulHeader,
	Source: `
		uint col = thread_position_in_grid.x;
		uint row = thread_position_in_grid.y;
		size_t batch = thread_position_in_grid.z;
		size_t cols = threads_per_grid.x;
		size_t rows = threads_per_grid.y;
		uint k = a_shape[a_ndim - 1];
		int64_t along_x = a_strides[a_ndim - 1];
		int64_t along_y = b_strides[b_ndim - 2];
		auto x = a + product_at(batch, a_shape, a_strides, a_ndim) + int64_t(row) * a_strides[a_ndim - 2];
		auto y = b + product_at(batch, b_shape, b_strides, b_ndim) + int64_t(col) * b_strides[b_ndim - 1];
		Acc sum = 0;
		for (uint i = 0; i < k; ++i) {
			sum += Acc(x[i * along_x]) * Acc(y[i * along_y]);
		}
		out[(batch * rows + row) * cols + col] = T(sum);
	`,
	EnsureRowContiguous: new(false),
})

// tiledMatmul computes a tile of 32 by 32 elements in each threadgroup of 32 by
// 8 threads, from tiles of both operands in threadgroup memory. Every sum is
// taken in the same order as by plainMatmul.
var tiledMatmul = MustCompile(Kernel{
	Name:        "matmul_tiled",
	InputNames:  []string{"a", "b"},
	OutputNames: []string{"out"},
	Header:      matmulHeader,
	Source: `
		threadgroup Acc left[32][33];
		threadgroup Acc right[32][33];
		uint rows = a_shape[a_ndim - 2];
		uint k = a_shape[a_ndim - 1];
		uint cols = b_shape[b_ndim - 1];
		int64_t down_x = a_strides[a_ndim - 2];
		int64_t along_x = a_strides[a_ndim - 1];
		int64_t along_y = b_strides[b_ndim - 2];
		int64_t right_y = b_strides[b_ndim - 1];
		uint lane = thread_position_in_threadgroup.x;
		uint part = thread_position_in_threadgroup.y;
		uint col0 = threadgroup_position_in_grid.x * 32;
		uint row0 = threadgroup_position_in_grid.y * 32;
		size_t batch = thread_position_in_grid.z;
		auto x = a + product_at(batch, a_shape, a_strides, a_ndim);
		auto y = b + product_at(batch, b_shape, b_strides, b_ndim);
		Acc sum[4];
		for (uint r = 0; r < 4; ++r) {
			sum[r] = 0;
		}
		for (uint first = 0; first < k; first += 32) {
			uint count = min(k - first, 32u);
			for (uint r = part; r < 32; r += 8) {
				if (row0 + r < rows && lane < count) {
					left[r][lane] = Acc(x[int64_t(row0 + r) * down_x + int64_t(first + lane) * along_x]);
				} else {
					left[r][lane] = 0;
				}
				if (col0 + lane < cols && r < count) {
					right[r][lane] = Acc(y[int64_t(first + r) * along_y + int64_t(col0 + lane) * right_y]);
				} else {
					right[r][lane] = 0;
				}
			}
			threadgroup_barrier(mem_flags::mem_threadgroup);
			for (uint i = 0; i < count; ++i) {
				Acc f = right[i][lane];
				for (uint r = 0; r < 4; ++r) {
					sum[r] += left[part * 4 + r][i] * f;
				}
			}
			threadgroup_barrier(mem_flags::mem_threadgroup);
		}
		for (uint r = 0; r < 4; ++r) {
			uint row = row0 + part * 4 + r;
			if (row < rows && col0 + lane < cols) {
				out[(batch * rows + row) * cols + col0 + lane] = T(sum[r]);
			}
		}
	`,
	EnsureRowContiguous: new(false),
})

// tile is the length of tiledMatmul's tiles.
const tile = 32

// matmulHeader finds where a product's operand begins.
const matmulHeader = `
	int64_t product_at(size_t batch, constant const int* shape, constant const int64_t* strides, int ndim) {
		int64_t at = 0;
		for (int i = ndim - 3; i >= 0; --i) {
			at += int64_t(batch % shape[i]) * strides[i];
			batch /= shape[i];
		}
		return at;
	}
`

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
	} else if device, ok := x.dev.graph.Device.(launch.Multiplier); ok {
		out = deviceProduct(device, x.untraced(), y.untraced(), spec{DType: d, Dims: shp})
	}
	if out == nil {
		acc := d
		if d == Float16 || d == BFloat16 {
			acc = Float32
		}
		l := Launch{
			Template:     []TemplateArg{{"T", d}, {"Acc", acc}},
			Grid:         [3]int{n, m, batch},
			Threadgroup:  [3]int{min(n, 64), min(m, 4), 1},
			OutputShapes: [][]int{shp}, OutputDTypes: []DType{d}, Device: x.dev,
		}
		kernel := plainMatmul
		// The host's threads have caches, which do what the tiles are for.
		if _, host := x.dev.graph.Mover().(graph.HostMover); !host && min(m, n, k) >= tile/2 {
			kernel = tiledMatmul
			l.Grid = [3]int{(n + tile - 1) / tile * tile, (m + tile - 1) / tile * 8, batch}
			l.Threadgroup = [3]int{tile, 8, 1}
		}
		out = kernel.Call(l, x.untraced(), y.untraced())[0]
	}
	return recorded1(matmulPrim{}, out, x, y)
}

// deviceProduct returns the product that the device computes itself, nil if it
// does not. Operands are taken as they lie in memory where the device can.
func deviceProduct(device launch.Multiplier, x, y *Array, out spec) *Array {
	last := len(out.Dims) - 1
	for copies := range 4 {
		u, v := x.view, y.view
		if copies&1 != 0 {
			u = shape.New(u.Dims)
		}
		if copies&2 != 0 {
			v = shape.New(v.Dims)
		}
		m := launch.MatMul{
			DType: out.DType, Batch: out.Dims[:last-1],
			M: out.Dims[last-1], N: out.Dims[last], K: u.Dims[last],
			A: matrix(u), B: matrix(v), Out: matrix(shape.New(out.Dims)),
		}
		if !device.Multiplies(m) {
			continue
		}
		if copies&1 != 0 {
			x = x.Contiguous()
		}
		if copies&2 != 0 {
			y = y.Contiguous()
		}
		dev := x.dev
		return newOp("matmul", dev, []*Array{x, y}, []spec{out}, func(ctx context.Context, in []graph.View) ([]graph.View, error) {
			v, err := dev.graph.NewView(out)
			if err != nil {
				return nil, err
			}
			m := m
			m.A.Arg, m.B.Arg, m.Out.Arg = in[0].Arg(), in[1].Arg(), v.Arg()
			m.AllowTF32 = dev.tf32.Load()
			err = dev.graph.Do(ctx, func(ctx context.Context) error {
				m := m
				m.Watch = graph.Watcher(ctx)
				return device.MatMul(ctx, m)
			}, in[0], in[1], v)
			dev.launches.Add(1)
			if err != nil && !(ctx.Err() != nil && errors.Is(err, ctx.Err())) {
				err = fmt.Errorf("matmul: %w", err)
			}
			return []graph.View{v}, err
		})[0]
	}
	return nil
}

// matrix returns how the last two axes of a view lie, and those before them.
func matrix(v shape.View) launch.Matrix {
	last := len(v.Dims) - 1
	return launch.Matrix{Row: v.Strides[last-1], Col: v.Strides[last], Batch: v.Strides[:last-1]}
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

// AllowTF32 lets matrix products of float32 on the device round their factors
// to TF32, of 10 bits after the point, where that is quicker: on NVIDIA GPUs
// with cuBLASLt. Sums stay in float32, so a product's error is that of its
// factors, up to 5e-4 of each. Other devices and dtypes take no notice.
// It is off at first, and counts for products that are computed from then on,
// not for those of a [Recording] that was made before.
func (d *Device) AllowTF32(allow bool) {
	if d.made() {
		d.tf32.Store(allow)
	}
}
