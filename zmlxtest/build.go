package zmlxtest

// This file implements putting cases together in few words.

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/half"
)

type (
	f16  = half.Float16
	bf16 = half.BFloat16
)

// kernel returns the case of a body. Its inputs are called a, b, c and so on,
// its output out, or out0, out1 and so on if there are several. Inputs and outputs
// are slices, or slices with a shape; outputs are what must come out.
func kernel(name, source string, inputs []any, outputs ...any) Case {
	c := Case{Name: name}
	c.Kernel = zmlx.Kernel{Name: name, Source: source}
	for i := range inputs {
		c.Kernel.InputNames = append(c.Kernel.InputNames, string(rune('a'+i)))
	}
	want := make([]any, len(outputs))
	for i, o := range outputs {
		s := withShape(o)
		want[i] = s.data
		outName := "out"
		if len(outputs) > 1 {
			outName = fmt.Sprint("out", i)
		}
		c.Kernel.OutputNames = append(c.Kernel.OutputNames, outName)
		c.Launch.OutputShapes = append(c.Launch.OutputShapes, s.dims)
		c.Launch.OutputDTypes = append(c.Launch.OutputDTypes, mustDType(s.data))
	}
	c.Want = func() []any { return want }
	c.Inputs = func() []*zmlx.Array {
		arrays := make([]*zmlx.Array, len(inputs))
		for i, in := range inputs {
			arrays[i] = withShape(in).array()
		}
		return arrays
	}
	return c
}

// each is kernel with a body that has its thread's number as i.
func each(name, body string, inputs []any, outputs ...any) Case {
	return kernel(name, "uint i = thread_position_in_grid.x;\n"+strings.TrimLeft(body, "\n"), inputs, outputs...)
}

// in makes a list of inputs.
func in(inputs ...any) []any { return inputs }

// shaped is data with a shape; dims of length 0 is one value.
type shaped struct {
	data any
	dims []int
}

// dims gives data a shape.
func dims(data any, shape ...int) shaped { return shaped{data, shape} }

// scalar is a 0-dim input.
func scalar[T any](v T) shaped { return shaped{[]T{v}, []int{}} }

func withShape(v any) shaped {
	if s, ok := v.(shaped); ok {
		return s
	}
	return shaped{v, []int{binary.Size(v) / mustDType(v).Size()}}
}

func (s shaped) array() *zmlx.Array {
	p, err := binary.Append(nil, binary.LittleEndian, s.data)
	if err != nil {
		panic(err)
	}
	return zmlx.FromBytes(mustDType(s.data), p, s.dims...)
}

// mustDType returns the dtype of a slice of the suite's own data.
func mustDType(slice any) zmlx.DType {
	d, err := dtypeOf(slice)
	if err != nil {
		panic(err)
	}
	return d
}

func (c Case) header(text string) Case {
	c.Kernel.Header = strings.TrimLeft(text, "\n")
	return c
}

func (c Case) grid(x, y, z int) Case {
	c.Launch.Grid = [3]int{x, y, z}
	return c
}

func (c Case) group(x, y, z int) Case {
	c.Launch.Threadgroup = [3]int{x, y, z}
	return c
}

// template sets template arguments: a name, its value, and so on.
func (c Case) template(pairs ...any) Case {
	for i := 0; i < len(pairs); i += 2 {
		c.Launch.Template = append(c.Launch.Template, zmlx.TemplateArg{Name: pairs[i].(string), Value: pairs[i+1]})
	}
	return c
}

func (c Case) initial(v float64) Case {
	c.Launch.InitValue = &v
	return c
}

func (c Case) atomic() Case {
	c.Kernel.AtomicOutputs = true
	return c
}

func (c Case) strided(view func(in []*zmlx.Array) []*zmlx.Array) Case {
	c.View = view
	return c
}

func (c Case) asBound() Case {
	c.Kernel.EnsureRowContiguous = new(false)
	return c
}

func (c Case) ulp(n int) Case {
	c.Tolerance.ULP = n
	return c
}

func (c Case) within(rel, abs float64) Case {
	c.Tolerance.Rel, c.Tolerance.Abs = rel, abs
	return c
}

func (c Case) remark(text string) Case {
	c.Remark = text
	return c
}

// table returns n values by formula.
func table[T any](n int, f func(i int) T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = f(i)
	}
	return out
}

// mapped returns f of each value.
func mapped[A, R any](a []A, f func(x A) R) []R {
	return table(len(a), func(i int) R { return f(a[i]) })
}

// zipped returns f of each pair of values.
func zipped[A, B, R any](a []A, b []B, f func(x A, y B) R) []R {
	return table(len(a), func(i int) R { return f(a[i], b[i]) })
}

// pairs returns two slices that together hold every pair of a value of xs and
// one of ys.
func pairs[A, B any](xs []A, ys []B) ([]A, []B) {
	n := len(ys)
	return table(len(xs)*n, func(i int) A { return xs[i/n] }), table(len(xs)*n, func(i int) B { return ys[i%n] })
}

// A generator makes the suite's data: the same in every run.
type generator uint64

func (g *generator) next() uint64 {
	*g += 0x9e3779b97f4a7c15
	z := uint64(*g)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// floats returns n float32 from [lo, hi).
func floats(seed, n int, lo, hi float64) []float32 {
	g := generator(seed)
	return table(n, func(int) float32 { return float32(lo + (hi-lo)*float64(g.next()>>11)/(1<<53)) })
}

type integer interface {
	~int8 | ~int16 | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// ints returns n integers from [lo, hi].
func ints[T integer](seed, n int, lo, hi int64) []T {
	g := generator(seed)
	return table(n, func(int) T { return T(lo + int64(g.next()%uint64(hi-lo+1))) })
}

// patterns returns n integers of any bits.
func patterns[T integer](seed, n int) []T {
	g := generator(seed)
	return table(n, func(int) T { return T(g.next()) })
}

func f16s(x []float32) []f16 {
	return mapped(x, half.Float16FromFloat32)
}

func bf16s(x []float32) []bf16 {
	return mapped(x, half.BFloat16FromFloat32)
}

// r16 and rb16 round to half and to bfloat.
func r16(x float32) float32  { return half.Round16(x) }
func rb16(x float32) float32 { return half.RoundBF16(x) }

var (
	inf = float32(math.Inf(1))
	nan = float32(math.NaN())
)

// pick returns a if c is true, else b.
func pick[T any](c bool, a, b T) T {
	if c {
		return a
	}
	return b
}
