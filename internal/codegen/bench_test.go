package codegen_test

import (
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

func BenchmarkGenerate(b *testing.B) {
	x, w := codegen.Input{DType: dtype.Float16, Shape: []int{64, 4096}}, codegen.Input{DType: dtype.Float16, Shape: []int{4096}}
	f, c := rmsnorm(), codegen.Call{Inputs: []codegen.Input{x, x, w}}
	for b.Loop() {
		s := codegen.DefaultSchedule(f, c, codegen.Limits{})
		if _, err := codegen.Generate(f, c, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTypes(b *testing.B) {
	x, w := codegen.Input{DType: dtype.Float16, Shape: []int{64, 4096}}, codegen.Input{DType: dtype.Float16, Shape: []int{4096}}
	f, c := rmsnorm(), codegen.Call{Inputs: []codegen.Input{x, x, w}}
	for b.Loop() {
		if _, _, err := codegen.Types(f, c); err != nil {
			b.Fatal(err)
		}
	}
}
