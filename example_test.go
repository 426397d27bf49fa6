package zmlx_test

import (
	"context"
	"fmt"

	"github.com/zmlx-go/zmlx"
)

func ExampleArray_Slice() {
	a := zmlx.Arange(0, 12, 1, zmlx.Int32).Reshape(3, 4)
	fmt.Println(a.Slice(zmlx.RangeFrom(1), zmlx.Range{Start: 0, Stop: zmlx.End, Step: 2}))
	fmt.Println(a.Slice(zmlx.RangeReverse(), zmlx.RangeTo(-2)))
	fmt.Println(a.At(-1))
	// Output:
	// [[ 4  6]
	//  [ 8 10]]
	// [[8 9]
	//  [4 5]
	//  [0 1]]
	// [ 8  9 10 11]
}

func ExampleArray_Format() {
	a := zmlx.Linspace(-1, 1, 6, zmlx.Float32).Reshape(2, 3)
	fmt.Printf("%v\n", a)
	fmt.Printf("%.3f\n", a)
	fmt.Printf("%#v\n", a.At(0, 0))
	fmt.Printf("%v\n", zmlx.Arange(0, 10000, 1, zmlx.Int32))
	// Output:
	// [[-1.  -0.6 -0.2]
	//  [ 0.2  0.6  1. ]]
	// [[-1.000 -0.600 -0.200]
	//  [ 0.200  0.600  1.000]]
	// zmlx.Scalar[float32](-1)
	// [   0    1    2 ... 9997 9998 9999]
}

// Only the end of a chain needs a check.
func ExampleArray_Err() {
	a := zmlx.Zeros(zmlx.Float32, 2, 3)
	b := a.Transpose().Reshape(4, 2).As(zmlx.Int32)
	_, err := zmlx.Values[int32](b)
	fmt.Println(err)
	// Output:
	// reshape: shape [3 2]: 6 elements do not fill shape [4 2] (example_test.go:42)
}

func ExampleArray_Rows() {
	a := zmlx.FromSlice([]float64{1, 2, 3, 4}, 2, 2)
	for i, row := range a.Rows() {
		fmt.Printf("row %d: %v\n", i, row)
	}
	// Output:
	// row 0: [1. 2.]
	// row 1: [3. 4.]
}

func ExampleDevice_Scope() {
	x := zmlx.Ones(zmlx.Float32, 3)
	var y, temporary *zmlx.Array
	err := x.Device().Scope(func(keep func(*zmlx.Array)) {
		temporary = x.As(zmlx.Int64)
		y = temporary.As(zmlx.Bool)
		keep(y)
	})
	fmt.Println(y, err)
	fmt.Println(temporary)
	// Output:
	// [true true true] <nil>
	// !(array was freed at example_test.go:62)
}

// A loop of many small kernels: the function is called once, and its launches
// are repeated.
func ExampleDevice_Record() {
	ctx := context.Background()
	d, err := zmlx.Open("interp")
	if err != nil {
		fmt.Println(err)
		return
	}
	w := zmlx.FromSlice([]float32{1, 10, 100}).To(d)
	r, err := d.Record(ctx, func(in ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{in[0].Mul(w).Sum()}
	}, zmlx.Zeros(zmlx.Float32, 3).To(d))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	sum := r.Outputs()[0]
	for i := range 3 {
		x := zmlx.Full(float32(i), 3).To(d)
		if err := r.Run(ctx, x); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(sum)
	}
	// Output:
	// 0.0
	// 111.0
	// 222.0
}

// What a piece of work took: the counts after it less those before.
func ExampleDevice_Stats() {
	ctx := context.Background()
	d, err := zmlx.Open("interp")
	if err != nil {
		fmt.Println(err)
		return
	}
	square := zmlx.MustDefine(`square(x) = x * x`)
	x := zmlx.Linspace(-1, 1, 1000, zmlx.Float32).To(d)

	zmlx.SetTiming(true)
	defer zmlx.SetTiming(false)
	before := d.Stats()
	y := square.Call(x)
	fmt.Println("asked for:", d.Stats().Launches-before.Launches, "launches")
	if err := zmlx.Eval(ctx, y); err != nil {
		fmt.Println(err)
		return
	}
	if err := d.Sync(ctx); err != nil { // for devices that work on their own
		fmt.Println(err)
		return
	}
	after := d.Stats()
	fmt.Println("computed:", after.Launches-before.Launches, "launch, took time:", after.DeviceTime > before.DeviceTime)
	// Output:
	// asked for: 0 launches
	// computed: 1 launch, took time: true
}
