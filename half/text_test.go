// This file tests the text form and the slice conversions.

package half

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestStringTable(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{Float16FromFloat32(0.1).String(), "0.1"},
		{Float16FromFloat32(1).String(), "1"},
		{Float16FromFloat32(100).String(), "100"},
		{Float16FromFloat32(65504).String(), "65500"},
		{Float16FromFloat32(1.0 / 3).String(), "0.3333"},
		{Float16(1).String(), "6e-08"},
		{Float16(0x8000).String(), "-0"},
		{Float16(0x7c00).String(), "+Inf"},
		{Float16(0xfc00).String(), "-Inf"},
		{Float16(0x7e00).String(), "NaN"},
		{BFloat16FromFloat32(0.1).String(), "0.1"},
		{BFloat16FromFloat32(-256).String(), "-256"},
		{BFloat16FromFloat32(3.14159).String(), "3.14"},
		{BFloat16(0x7f7f).String(), "3.39e+38"},
		{BFloat16(0x7f80).String(), "+Inf"},
		{BFloat16(0xffc0).String(), "NaN"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestStringRoundTrips(t *testing.T) {
	for _, f := range formats() {
		for u := uint16(0); u < f.inf(); u++ {
			v, err := strconv.ParseFloat(f.text(u), 64)
			if err != nil || f.nearest(v) != u {
				t.Fatalf("%s(%#04x) prints as %s, which is %#04x (%v)", f.name, u, f.text(u), f.nearest(v), err)
			}
		}
	}
}

func TestSlices(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	// Every upper part, so every value of either format and every tie, and more.
	src := make([]float32, 1<<20+1000)
	for i := range src {
		src[i] = math.Float32frombits(uint32(i) << 12)
		if i >= 1<<20 {
			src[i] = math.Float32frombits(random.Uint32())
		}
	}
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
	for _, n := range []int{0, 1, 1000, len(src)} {
		h, b := make([]Float16, len(src)), make([]BFloat16, len(src))
		fromH, fromB := make([]float32, len(src)), make([]float32, len(src))
		roundH, roundB := append([]float32(nil), src...), append([]float32(nil), src...)
		for name, got := range map[string]int{
			"ToFloat16s":    ToFloat16s(h, src[:n]),
			"ToBFloat16s":   ToBFloat16s(b[:n], src),
			"FromFloat16s":  FromFloat16s(fromH[:n], h),
			"FromBFloat16s": FromBFloat16s(fromB, b[:n]),
			"Round16s":      Round16s(roundH[:n], roundH),
			"RoundBF16s":    RoundBF16s(roundB, roundB[:n]),
		} {
			if got != n {
				t.Errorf("%s converted %d elements, want %d", name, got, n)
			}
		}
		for i, f := range src[:n] {
			if h[i] != Float16FromFloat32(f) || !same(fromH[i], h[i].Float32()) || !same(roundH[i], Round16(f)) {
				t.Fatalf("element %d, %v: Float16 slices disagree with the single conversions", i, f)
			}
			if b[i] != BFloat16FromFloat32(f) || !same(fromB[i], b[i].Float32()) || !same(roundB[i], RoundBF16(f)) {
				t.Fatalf("element %d, %v: BFloat16 slices disagree with the single conversions", i, f)
			}
		}
		for i := n; i < len(src); i++ {
			if h[i] != 0 || b[i] != 0 || fromH[i] != 0 || fromB[i] != 0 || !same(roundH[i], src[i]) || !same(roundB[i], src[i]) {
				t.Fatalf("element %d past the end %d was written", i, n)
			}
		}
	}
}

func BenchmarkSlices(b *testing.B) {
	src := make([]float32, 4096)
	for i := range src {
		src[i] = float32(i)*0.37 - 700
	}
	dst, h, bf := make([]float32, len(src)), make([]Float16, len(src)), make([]BFloat16, len(src))
	for _, c := range []struct {
		name string
		run  func()
	}{
		{"ToFloat16s", func() { ToFloat16s(h, src) }},
		{"FromFloat16s", func() { FromFloat16s(dst, h) }},
		{"ToBFloat16s", func() { ToBFloat16s(bf, src) }},
		{"FromBFloat16s", func() { FromBFloat16s(dst, bf) }},
		{"Round16s", func() { Round16s(dst, src) }},
		{"RoundBF16s", func() { RoundBF16s(dst, src) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(src)))
			for b.Loop() {
				c.run()
			}
		})
	}
}
