package codegen_test

// This file implements the tests of values: generated kernels against the
// float64 evaluation of the same graph.

import (
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

func softmax() *formula.Formula {
	b := define("softmax")
	x := b.in("x")
	return &b.out("", b.Of(formula.Softmax, x)).f
}

func rmsnorm() *formula.Formula {
	b := define("rmsnorm_residual")
	x, r, w, eps := b.in("x"), b.in("r"), b.in("w"), b.param("eps", 1e-6)
	h := b.Add(x, r)
	inv := b.Of(formula.Rsqrt, b.Add(b.Of(formula.Mean, b.Of(formula.Square, h)), eps))
	return &b.out("normed", b.Mul(b.Mul(h, inv), w)).out("h", h).f
}

func layernorm() *formula.Formula {
	b := define("layernorm")
	x, w, bias, eps := b.in("x"), b.in("w"), b.in("bias"), b.param("eps", 1e-5)
	centred := b.Sub(x, b.Of(formula.Mean, x))
	y := b.Mul(centred, b.Of(formula.Rsqrt, b.Add(b.Of(formula.Var, x), eps)))
	return &b.out("", b.Add(b.Mul(y, w), bias)).f
}

func statistics() *formula.Formula {
	b := define("statistics")
	x := b.in("x")
	for _, op := range []formula.Op{formula.Sum, formula.Mean, formula.MaxOf, formula.MinOf, formula.Var, formula.LogSumExp, formula.ArgMax, formula.ArgMin} {
		b.out(op.String(), b.Of(op, x))
	}
	positive := b.Of(formula.Gt, x, b.Const(0))
	b.out("some", b.Of(formula.Any, positive)).out("every", b.Of(formula.All, positive))
	return &b.out("product", b.Of(formula.Prod, b.Of(formula.Add, b.Const(1), b.Mul(b.Float(0.001), x)))).f
}

func random(d dtype.DType, seed uint64, shape ...int) array {
	rng := rand.New(rand.NewPCG(seed, 7))
	v := make([]float64, count(shape))
	for i := range v {
		switch {
		case d == dtype.Bool:
			v[i] = float64(rng.IntN(2))
		case d.Kind() == dtype.KindUint:
			v[i] = float64(rng.IntN(12))
		case d.IsInteger():
			v[i] = float64(rng.IntN(19) - 9)
		default:
			v[i] = rng.NormFloat64()
		}
	}
	return dense(d, v, shape...)
}

var lengths = []int{1, 31, 32, 33, 63, 64, 65, 255, 256, 257, 1023, 1025}

var rowSchedules = []codegen.Schedule{
	{Group: 1, RowsPerGroup: 4},
	{Group: 7},
	{Group: 32, RowsPerGroup: 2},
	{Group: 40},
	{Group: 64, Vector: 4},
	{Group: 256, Vector: 2, PerThread: 8, InRegisters: true},
	{Group: 1000},
	{Group: 1024, PerThread: 8, Vector: 8, InRegisters: true, Wide: true},
	{Group: 32, PerThread: 64, InRegisters: true},
}

func TestRowValues(t *testing.T) {
	for i, d := range lengths {
		for j, s := range rowSchedules {
			if s.InRegisters && d > s.Group*s.PerThread {
				continue
			}
			target := codegen.Target((i + j) % 2)
			for _, in := range []dtype.DType{dtype.Float32, dtype.Float16, dtype.BFloat16, dtype.Float64} {
				if testing.Short() && in != dtype.Float32 {
					continue
				}
				x := random(in, uint64(d), 3, d)
				agree(t, softmax(), []array{x}, x.shape, s, target)
				agree(t, rmsnorm(), []array{x, random(in, 2, 3, d), random(in, 3, d)}, x.shape, s, target)
				if in == dtype.Float32 || in == dtype.Float64 {
					agree(t, statistics(), []array{x}, x.shape, s, target)
					agree(t, layernorm(), []array{x, random(in, 4, d), random(in, 5, d)}, x.shape, s, target)
				}
			}
		}
	}
}

// TestRowIntegers reduces integers and bools, exactly.
func TestRowIntegers(t *testing.T) {
	for _, d := range []dtype.DType{dtype.Bool, dtype.Uint8, dtype.Int16, dtype.Int32, dtype.Uint32, dtype.Int64, dtype.Uint64} {
		for _, s := range []codegen.Schedule{{Group: 1}, {Group: 7}, {Group: 32}, {Group: 64, Vector: 4}, {Group: 70}, {Group: 1024}, {Group: 128, Vector: 2, PerThread: 4, InRegisters: true}} {
			for _, target := range []codegen.Target{codegen.Portable, codegen.Native} {
				x := random(d, 5, 3, 300)
				agree(t, statistics(), []array{x}, x.shape, s, target)
				b := define("f")
				n := b.in("x")
				small := b.Select(b.Of(formula.Eq, b.Of(formula.Rem, b.Of(formula.Index), b.Const(29)), b.Const(0)), b.Const(2), b.Const(1))
				b.out("", b.Of(formula.Prod, b.Select(b.Of(formula.Gt, n, b.Const(0)), small, b.Const(1)))).out("", b.Sub(n, b.Of(formula.MinOf, n)))
				agree(t, &b.f, []array{x}, x.shape, s, target)
			}
		}
	}
}

// TestNegativeStrides reads an array from its end.
func TestNegativeStrides(t *testing.T) {
	for _, row := range []bool{false, true} {
		b := define("f")
		x, y := b.in("x"), b.in("y")
		n := b.Sub(x, b.Mul(b.Const(2), y))
		if row {
			n = b.Sub(n, b.Of(formula.MaxOf, y))
		}
		b.out("", n)
		in := []array{random(dtype.Float32, 1, 3, 40), random(dtype.Float32, 2, 3, 40).reversed()}
		for _, s := range []codegen.Schedule{{Group: 32, PerThread: 2}, {Group: 64, Wide: true}} {
			agree(t, &b.f, in, in[0].shape, s, codegen.Portable)
		}
	}
}
