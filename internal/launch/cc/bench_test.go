package cc

// This file implements measurements of what a call and a start cost.

import (
	"testing"
)

// BenchmarkCall runs a tiny kernel: in one threadgroup, and in several.
func BenchmarkCall(b *testing.B) {
	d := newDevice(b)
	p := mustProgram(b, d, unit(add), "a", "b", "out")
	for _, bm := range []struct {
		name     string
		n, group int
	}{{"1group", 256, 256}, {"8groups", 2048, 256}} {
		b.Run(bm.name, func(b *testing.B) {
			x, y, out := mustAlloc(b, d, 4*bm.n), mustAlloc(b, d, 4*bm.n), mustAlloc(b, d, 4*bm.n)
			l := line(bm.n, bm.group, arg(x), arg(y), arg(out))
			b.ReportAllocs()
			for b.Loop() {
				if err := p.Run(b.Context(), l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAdd adds 2^24 floats with as many workers as there are.
func BenchmarkAdd(b *testing.B) {
	d := newDevice(b)
	p := mustProgram(b, d, unit(add), "a", "b", "out")
	const n = 1 << 24
	x, y, out := mustAlloc(b, d, 4*n), mustAlloc(b, d, 4*n), mustAlloc(b, d, 4*n)
	l := line(n, 1024, arg(x), arg(y), arg(out))
	b.SetBytes(12 * n)
	for b.Loop() {
		if err := p.Run(b.Context(), l); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWarmStart opens the device and loads a kernel, all from the cache.
func BenchmarkWarmStart(b *testing.B) {
	d := newDevice(b)
	first, err := d.program(b.Context(), "test", unit(add), []string{"a", "b", "out"})
	if err != nil {
		b.Fatal(err)
	}
	if err := first.Close(); err != nil { // a loaded library would be found by its name
		b.Fatal(err)
	}
	for b.Loop() {
		again, err := open(b.Context(), Config{Cache: d.cache})
		if err != nil {
			b.Fatal(err)
		}
		p, err := again.program(b.Context(), "test", unit(add), []string{"a", "b", "out"})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWarmLoad loads a kernel from the cache on an open device.
func BenchmarkWarmLoad(b *testing.B) {
	d := newDevice(b)
	for b.Loop() {
		p, err := d.program(b.Context(), "test", unit(add), []string{"a", "b", "out"})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
