package classic_test

import (
	"context"
	"fmt"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
)

func ExampleUnary() {
	leaky := classic.Must(classic.Unary("leaky", "x > T(0) ? x : slope * x",
		classic.Options{Params: map[string]float64{"slope": 0.25}}))
	x := zmlx.FromSlice([]float32{-4, 0, 3})
	fmt.Println(leaky.Call(x))
	fmt.Println(leaky.With(map[string]float64{"slope": 0.5}).Call(x)) // compiles nothing
	// Output:
	// [-1.  0.  3.]
	// [-2.  0.  3.]
}

func ExampleBinary() {
	swiglu := classic.Must(classic.Binary("swiglu", "kk_silu(a) * b", classic.Options{}))
	a := zmlx.FromSlice([]float32{-1, 0, 1, 2}, 2, 2)
	fmt.Printf("%.4f\n", swiglu.Call(a, zmlx.FromSlice([]float32{10, 100}))) // broadcast
	// Output:
	// [[ -2.6894   0.0000]
	//  [  7.3106 176.1594]]
}

func ExampleMap() {
	lerp := classic.Must(classic.Map("lerp", []string{"lo", "hi", "t"}, "lo + (hi - lo) * t", classic.Options{}))
	fmt.Println(lerp.Call(zmlx.FromSlice([]float32{0, 10}), zmlx.FromSlice([]float32{1, 20}), zmlx.Scalar[float32](0.5)))
	// Output:
	// [ 0.5 15. ]
}

func ExampleReduce() {
	norm := classic.Must(classic.Reduce("norm", classic.Reduction{
		Init: "0", Update: "acc + x * x", Combine: "a + b", Final: "metal::sqrt(s)",
	}, classic.Options{}))
	fmt.Println(norm.Call(zmlx.FromSlice([]float32{3, 4, 6, 8}, 2, 2)))
	// Output:
	// [ 5. 10.]
}

func ExampleMapReduce() {
	softmax := classic.Must(classic.MapReduce("softmax", classic.Rowwise{
		Pass1: classic.Reduction{Init: "-INFINITY", Update: "metal::max(acc1, x)", Combine: "metal::max(a, b)"},
		Pass2: classic.Reduction{Init: "0", Update: "acc2 + metal::exp(x - s1)", Combine: "a + b"},
		Write: "metal::exp(x - s1) / s2",
	}, classic.Options{}))
	fmt.Printf("%.5f\n", softmax.Call(zmlx.FromSlice([]float32{1, 2, 3})))
	// Output:
	// [0.09003 0.24473 0.66524]
}

func ExampleUnaryFromExpr() {
	// Hand-written: of x, g and y.
	tanh := classic.Must(classic.UnaryFromExpr("tanh", "metal::tanh(x)", "g * (T(1) - y * y)", classic.Options{}))
	// Derived.
	mish := classic.Must(classic.UnaryFromExpr("mish", "x * tanh(kk_softplus(x))", "", classic.Options{}))
	for _, op := range []*classic.Op{tanh, mish} {
		grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return op.Call(x).Sum() })
		fmt.Printf("%.4f\n", grad(zmlx.FromSlice([]float32{-1, 0, 1})))
	}
	// Output:
	// [0.4200 1.0000 0.4200]
	// [0.0592 0.6000 1.0490]
}

func ExampleBinaryFromExpr() {
	mul := classic.Must(classic.BinaryFromExpr("mul", "a * b", "g * b", "g * a", classic.Options{}))
	_, grads := zmlx.ValueAndGrad(func(args ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{mul.Call(args...).Sum()}
	}, 0, 1)(zmlx.FromSlice([]float32{1, 2, 3}), zmlx.Scalar[float32](10))
	fmt.Println(grads[0], grads[1])
	// Output:
	// [10. 10. 10.] 6.0
}

func ExampleNAryFromExpr() {
	fma := classic.Must(classic.NAryFromExpr("fma", []string{"p", "q", "r"}, "p * q + r",
		[]string{"g * q", "g * p", "g"}, classic.Options{}))
	one, two := zmlx.Scalar[float32](1), zmlx.Scalar[float32](2)
	_, tangents := zmlx.JVP(func(args ...*zmlx.Array) []*zmlx.Array { return fma.Results(args...) },
		[]*zmlx.Array{two, two, one}, []*zmlx.Array{one, nil, one})
	fmt.Println(tangents[0])
	// Output:
	// 3.0
}

func ExampleNAryFromSource() {
	scale := classic.Must(classic.NAryFromSource(classic.NAry{
		Name: "scale", Inputs: []string{"x", "w"}, Outputs: []string{"out"},
		Forward: "uint i = thread_position_in_grid.x; out[i] = x[i] * w[i];",
		Backward: `uint i = thread_position_in_grid.x;
			dx[i] = cotan[i] * w[i];
			dw[i] = cotan[i] * x[i];`,
	}, classic.Options{}))
	w := zmlx.FromSlice([]float32{5, 7})
	grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return scale.Call(x, w).Sum() })
	fmt.Println(grad(zmlx.FromSlice([]float32{1, 2})))
	// Output:
	// [5. 7.]
}

func ExampleElementwiseUnarySource() {
	fmt.Print(classic.ElementwiseUnarySource("x * x", "inp", "out"))
	// Output:
	// size_t elem_count = 1;
	// for (int k = 0; k < inp_ndim; ++k) {
	//     elem_count *= inp_shape[k];
	// }
	// for (size_t elem = thread_position_in_grid.x; elem < elem_count; elem += threads_per_grid.x) {
	//     T x = T(inp[elem]);
	//     out[elem] = O(x * x);
	// }
}

func ExampleRowwiseReductionSource() {
	k := zmlx.MustCompile(zmlx.Kernel{
		Name: "row_max", InputNames: []string{"inp"}, OutputNames: []string{"out"},
		Source: classic.RowwiseReductionSource(classic.Reduction{Init: "-INFINITY", Update: "metal::max(acc, x)"}, "inp", "out"),
	})
	out := k.Call(zmlx.Launch{
		Template:     []zmlx.TemplateArg{{Name: "T", Value: zmlx.Float32}, {Name: "O", Value: zmlx.Float16}},
		OutputShapes: [][]int{{2}}, OutputDTypes: []zmlx.DType{zmlx.Float16},
	}, zmlx.FromSlice([]float32{1, 3, 2, -1, -3, -2}, 2, 3))
	fmt.Println(out[0])
	// Output:
	// [ 3. -1.]
}

func ExampleHeader() {
	k := zmlx.MustCompile(zmlx.Kernel{
		Name: "gelu", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Header: classic.Header(),
		Source: "uint i = thread_position_in_grid.x; out[i] = kk_gelu_tanh(x[i]);",
	})
	fmt.Printf("%.4f\n", k.Call(zmlx.Launch{}, zmlx.FromSlice([]float32{-1, 0, 1}))[0])
	// Output:
	// [-0.1588  0.0000  0.8412]
}

func ExampleKernels() {
	classic.Clear()
	classic.Must(classic.Unary("square", "x * x", classic.Options{}))
	fmt.Println(classic.Kernels(), classic.Find("square"))
	classic.Clear()
	fmt.Println(classic.Kernels(), classic.CacheSize())
	// Output:
	// [square] square(inp) -> out
	// [] 0
}

func ExampleOp_Check() {
	shift := classic.Must(classic.MapReduce("shift", classic.Rowwise{
		Inputs: []string{"x", "w"},
		Pass1:  classic.Reduction{Init: "0", Update: "acc + x", Combine: "a + b"},
		Write:  "x - s1 * w[j + 1]",
	}, classic.Options{}))
	reports, err := shift.Check(context.Background(), zmlx.Ones(zmlx.Float32, 2, 32), zmlx.Ones(zmlx.Float32, 32))
	if err != nil {
		panic(err)
	}
	f := reports[0].Findings[0]
	fmt.Println(f.Code, f.Buffer)
	// Output:
	// OutOfBounds w
}
