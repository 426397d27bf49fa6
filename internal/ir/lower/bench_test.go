package lower_test

// This file implements the benchmark of lowering.

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir/lower"
)

// BenchmarkLower lowers a body of a hundred lines.
func BenchmarkLower(b *testing.B) {
	lines := []string{"uint i = thread_position_in_grid.x; if (i >= uint(a_shape[0])) { return; } float s = 0; float4 v = float4(a[i]);"}
	for len(lines) < 100 {
		lines = append(lines, "for (int k = 0; k < 4; ++k) { if (a[i] > s) { continue; } s += weigh(a[i + k], v.x); }",
			"v = v * 2.0f + float4(s, exp(s), clamp(s, 0.f, 1.f), fract(s));",
			"s = s > 4 ? s * 0.5f : dot(v, v);")
	}
	k := kernel{header: "float weigh(float x, float y) { if (x < y) { return x * y; } return x - y; }",
		body: strings.Join(append(lines, "out[i] = s;"), "\n"), inputs: []any{eight, eight}, outputs: []any{make([]float32, 8)}}
	prog := k.check(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lower.Lower(prog); err != nil {
			b.Fatal(err)
		}
	}
}
