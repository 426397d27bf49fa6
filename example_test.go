package zmlx_test

import (
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
	// reshape: shape [3 2]: 6 elements do not fill shape [4 2] (example_test.go:41)
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
	// !(array was freed at example_test.go:61)
}
