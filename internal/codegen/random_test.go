package codegen_test

// This file implements the test of random definitions.

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// steady are operations that do not amplify errors much on the values that
// they get here, which stay near -1 to 1.
var steady = []formula.Op{formula.Add, formula.Sub, formula.Mul, formula.Min, formula.Max, formula.Neg, formula.Abs, formula.Square, formula.Tanh, formula.Sigmoid,
	formula.Sin, formula.Cos, formula.Erf, formula.Softplus, formula.Silu, formula.Gelu, formula.GeluTanh, formula.Atan, formula.Asinh, formula.LogAddExp, formula.Select}

var reductions = []formula.Op{formula.Mean, formula.MaxOf, formula.MinOf, formula.Var, formula.Softmax, formula.LogSumExp}

// tame brings values back to where functions are harmless.
func tame(b *builder, n *formula.Node) *formula.Node { return b.Of(formula.Tanh, n) }

func TestRandomDefinitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := define("random")
		d := rapid.SampledFrom([]dtype.DType{dtype.Float32, dtype.Float64, dtype.Float16}).Draw(t, "dtype")
		rows, length := rapid.IntRange(1, 4).Draw(t, "rows"), rapid.SampledFrom([]int{1, 2, 8, 31, 32, 33, 64, 100, 256}).Draw(t, "length")
		full := []int{rows, length}
		nodes := []*formula.Node{b.param("p", 0.25), b.Float(0.75)}
		var in []array
		for i := range rapid.IntRange(1, 4).Draw(t, "inputs") {
			shape := full
			name := string(rune('a' + i))
			switch {
			case i == 0:
			case rapid.IntRange(0, 4).Draw(t, "row input") == 0:
				shape = []int{rows, 1}
				nodes = append(nodes, b.rowIn(name))
				in = append(in, random(d, uint64(i), shape...))
				continue
			default:
				shape = rapid.SampledFrom([][]int{full, {length}, {rows, 1}, {1}, {}}).Draw(t, "shape")
			}
			nodes = append(nodes, b.in(name))
			a := random(d, uint64(i), shape...)
			if len(shape) == 2 && rapid.Bool().Draw(t, "flipped") {
				a = a.flipped()
			}
			in = append(in, a)
		}
		row := rapid.Bool().Draw(t, "row")
		for range rapid.IntRange(1, 12).Draw(t, "operations") {
			pick := func() *formula.Node { return rapid.SampledFrom(nodes).Draw(t, "argument") }
			if row && rapid.IntRange(0, 2).Draw(t, "reduce") == 0 {
				if x := pick(); x.Varies {
					nodes = append(nodes, tame(b, b.Of(rapid.SampledFrom(reductions).Draw(t, "reduction"), x)))
				}
				continue
			}
			op := rapid.SampledFrom(steady).Draw(t, "operation")
			args := make([]*formula.Node, op.Args())
			for i := range args {
				args[i] = pick()
			}
			if op == formula.Select { // of what is near 0 the sign is chance
				args[0] = b.Of(formula.Gt, b.in1(pick(), nodes), b.Float(0))
			}
			nodes = append(nodes, tame(b, b.Of(op, args...)))
		}
		for range rapid.IntRange(1, 3).Draw(t, "outputs") {
			b.out("", nodes[len(nodes)-1-rapid.IntRange(0, min(3, len(nodes)-1)).Draw(t, "output")])
		}
		s := codegen.Schedule{Group: rapid.SampledFrom([]int{1, 5, 32, 33, 64, 100, 256}).Draw(t, "group"), Vector: rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "vector"), Wide: rapid.Bool().Draw(t, "wide")}
		if s.Group*32 >= length && rapid.Bool().Draw(t, "registers") {
			s.InRegisters, s.PerThread = true, 32
			for s.PerThread > s.Vector && s.Group*s.PerThread/2 >= length {
				s.PerThread /= 2
			}
			s.Packed = s.Vector == 8 && rapid.Bool().Draw(t, "packed")
		} else if s.Group == 1 || s.Group%32 == 0 {
			s.Online = rapid.Bool().Draw(t, "online")
		}
		target := rapid.SampledFrom([]codegen.Target{codegen.Portable, codegen.Native}).Draw(t, "target")
		if length*rows == 0 || !finite(oracle(&b.f, in, full)) {
			return
		}
		compare(t, &b.f, in, full, s, target)
	})
}

// in1 returns an input of the definition: a value without error.
func (b *builder) in1(n *formula.Node, nodes []*formula.Node) *formula.Node {
	if n.Op == formula.Input {
		return n
	}
	return nodes[2]
}

func finite(results [][]float64) bool {
	for _, r := range results {
		for _, v := range r {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

// compare is agree with a tolerance for chains of operations, whose values are
// of the order of 1.
func compare(t *rapid.T, f *formula.Formula, in []array, full []int, s codegen.Schedule, target codegen.Target) {
	c := callOf(in)
	c.Target = target
	k, err := codegen.Generate(f, c, s)
	if err != nil {
		t.Fatal(err)
	}
	want := oracle(f, in, full)
	for _, check := range []bool{false, true} {
		got := run(t, k, in, params(f), check)
		for o, w := range want {
			if len(got[o]) != len(w) {
				t.Fatalf("output %d: %d values, want %d\n%s", o, len(got[o]), len(w), k.Source)
			}
			tol := tolerance(k.OutputDTypes[o], full[1])
			if k.OutputDTypes[o] == dtype.Float32 {
				tol = 2e-5
			}
			for i := range w {
				if math.Abs(got[o][i]-w[i]) > tol*math.Max(1, math.Abs(w[i])) {
					t.Fatalf("output %d, element %d is %v, want %v\n%s%s", o, i, got[o][i], w[i], k.Header, k.Source)
				}
			}
		}
	}
}
