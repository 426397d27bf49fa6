package codegen_test

// This file implements the test of keys.

import (
	"math"
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
)

func TestKeyBits(t *testing.T) {
	for v, want := range map[float64]uint64{
		0: 0, 7: 7, 7.9: 7, 1 << 53: 1 << 53, 1 << 63: 1 << 63, -1: math.MaxUint64, -0.5: 0, -(1 << 63): 1 << 63,
		1 << 64: 0, 1e300: 0, -1e300: 0, math.Inf(1): 0, math.Inf(-1): 0,
	} {
		if got := codegen.KeyBits(v); got != want {
			t.Errorf("the key of %v is %#x, want %#x", v, got, want)
		}
	}
	if got := codegen.KeyBits(math.NaN()); got != 0 {
		t.Errorf("the key of NaN is %#x", got)
	}
}
