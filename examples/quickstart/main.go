// Quickstart: a definition with its gradient, and a Metal kernel body, run on
// whatever device there is, and checked for bugs.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
)

// A definition is one line of mathematics; sums and the like are over the last
// axis, and what comes after the semicolon are parameters.
var rmsnorm = zmlx.MustDefine("rmsnorm(x, w; eps=1e-6) = x * rsqrt(mean(x * x) + eps) * w")

// A kernel is a body in the Metal Shading Language, as mx.fast.metal_kernel
// takes it: inputs and outputs by name, thread attributes where the body
// mentions them. A 0-dim input, here a, is used without brackets.
var saxpy = zmlx.MustCompile(zmlx.Kernel{
	Name:        "saxpy",
	InputNames:  []string{"a", "x", "y"},
	OutputNames: []string{"out"},
	Source: `
		uint i = thread_position_in_grid.x;
		out[i] = a * x[i] + y[i];
	`,
})

// rowSum adds up each row with one threadgroup. It has a bug: one thread reads
// what the others may not have written yet.
var rowSum = zmlx.MustCompile(zmlx.Kernel{
	Name:        "row_sum",
	InputNames:  []string{"x"},
	OutputNames: []string{"out"},
	Source: `
		uint row = threadgroup_position_in_grid.x;
		uint lane = thread_position_in_threadgroup.x;
		threadgroup float part[64];
		part[lane] = x[row * 64 + lane];
		if (lane == 0) {
			float sum = 0;
			for (uint i = 0; i < 64; ++i) { sum += part[i]; }
			out[row] = sum;
		}
	`,
})

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	fmt.Fprintln(w, "device:", zmlx.Default().Name())

	// Arrays are lazy, and carry the first error to where values leave them.
	x := zmlx.Linspace(0, 5, 6, zmlx.Float32).Reshape(2, 3)
	y := zmlx.OnesLike(x)
	fmt.Fprintf(w, "rmsnorm =\n%.3f\n", rmsnorm.Call(x, y))

	// Functions of arrays have gradients, and operations in a row run as one kernel.
	loss := func(x *zmlx.Array) *zmlx.Array { return rmsnorm.Call(x, y).Tanh().Square().Sum() }
	fmt.Fprintf(w, "gradient =\n%.3f\n", zmlx.Grad(loss)(x))

	// Call the kernel. Without a grid, one thread runs for each element.
	a := zmlx.Scalar[float32](2)
	out := saxpy.Call(zmlx.Launch{OutputShapes: [][]int{x.Shape()}, OutputDTypes: []zmlx.DType{zmlx.Float32}}, a, x, y)[0]
	values, err := zmlx.Values[float32](out)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "2x + 1 =", values)

	// A mistake is shown in the kernel's own text.
	typo, err := zmlx.Compile(zmlx.Kernel{
		Name: "typo", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: `uint i = thread_position_in_grid.x; out[i] = xs[i];`,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%v\n", typo.Call(zmlx.Launch{}, x)[0].Err())

	// A checked run finds what a GPU would pass in silence.
	report, err := rowSum.Check(context.Background(), zmlx.Launch{
		Grid: [3]int{2 * 64, 1, 1}, Threadgroup: [3]int{64, 1, 1}, OutputShapes: [][]int{{2}},
	}, zmlx.Ones(zmlx.Float32, 2, 64))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%v\n", report)
	return nil
}
