// This file has the examples that the documentation shows.

package half_test

import (
	"fmt"

	"github.com/zmlx-go/zmlx/half"
)

func ExampleFloat16FromFloat32() {
	h := half.Float16FromFloat32(0.1)
	fmt.Printf("%v is stored as %#04x, which is %v\n", h, uint16(h), h.Float32())
	fmt.Println(half.Float16FromFloat32(65519), half.Float16FromFloat32(65520))
	// Output:
	// 0.1 is stored as 0x2e66, which is 0.099975586
	// 65500 +Inf
}

func ExampleRound16() {
	// A sum in float16 rounds after every addition and stops growing at 2048,
	// where the values are 2 apart.
	sum := float32(0)
	for range 3000 {
		sum = half.Round16(sum + 1)
	}
	fmt.Println(sum)
	// Output: 2048
}

func ExampleFloat16FromFloat64() {
	// Just above the tie between 1 and its successor. A float32 cannot tell it
	// from the tie, so going through float32 rounds down.
	f := 1 + half.EpsilonFloat16/2 + 0x1p-40
	fmt.Println(half.Float16FromFloat64(f).Float32(), half.Float16FromFloat32(float32(f)).Float32())
	// Output: 1.0009766 1
}

func ExampleToBFloat16s() {
	weights := []float32{0.25, 1.001, 3e38}
	stored := make([]half.BFloat16, len(weights))
	half.ToBFloat16s(stored, weights)
	fmt.Println(stored)
	// Output: [0.25 1 3e+38]
}
