package codegen_test

// This file implements what the tests share: definitions built by hand, and a
// run of their kernels on the interpreter, fast and checked.

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A builder makes a definition.
type builder struct {
	*formula.Graph
	f formula.Formula
}

func define(name string) *builder {
	b := &builder{Graph: formula.NewGraph()}
	b.f = formula.Formula{Name: name, Graph: b.Graph}
	return b
}

func (b *builder) in(name string) *formula.Node {
	b.f.Inputs = append(b.f.Inputs, formula.In{Name: name})
	return b.Input(len(b.f.Inputs)-1, false)
}

func (b *builder) rowIn(name string) *formula.Node {
	b.f.Inputs = append(b.f.Inputs, formula.In{Name: name, Row: true})
	return b.Input(len(b.f.Inputs)-1, true)
}

func (b *builder) param(name string, v float64) *formula.Node {
	b.f.Params = append(b.f.Params, formula.Param{Name: name, Default: v, Has: true})
	return b.Param(len(b.f.Params) - 1)
}

func (b *builder) out(name string, n *formula.Node) *builder {
	b.f.Outputs = append(b.f.Outputs, formula.Output{Name: name, Node: n})
	return b
}

// An array is an input of a test: values in float64, as dtype holds them, in
// row-major order of the shape; strides say how they lie in memory.
type array struct {
	dtype   dtype.DType
	shape   []int
	strides []int
	values  []float64
}

// dense makes an array; values are rounded to d.
func dense(d dtype.DType, values []float64, shape ...int) array {
	a := array{dtype: d, shape: shape, values: make([]float64, len(values))}
	for i, v := range values {
		a.values[i] = decode(d, encode(nil, d, v))
	}
	if n := count(shape); n != len(values) {
		panic(fmt.Sprintf("%d values for shape %v", len(values), shape))
	}
	return a
}

// flipped is a with its axes in the opposite order in memory.
func (a array) flipped() array {
	a.strides = make([]int, len(a.shape))
	step := 1
	for i := range a.shape {
		a.strides[i] = step
		step *= a.shape[i]
	}
	return a
}

// reversed is a with both ends of every axis changed in memory.
func (a array) reversed() array {
	a.strides = make([]int, len(a.shape))
	for i, step := len(a.shape)-1, -1; i >= 0; i-- {
		a.strides[i] = step
		step *= a.shape[i]
	}
	return a
}

// apart lays rows, of an array of two axes, step elements from each other.
func (a array) apart(step int) array {
	a.strides = []int{step, 1}
	return a
}

// first is the place in memory of a's first element.
func (a array) first() int {
	at := 0
	for i, s := range a.strides {
		if s < 0 {
			at -= s * (a.shape[i] - 1)
		}
	}
	return at
}

func count(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func encode(b []byte, d dtype.DType, v float64) []byte {
	switch d {
	case dtype.Bool:
		if v != 0 {
			return append(b, 1)
		}
		return append(b, 0)
	case dtype.Float16:
		return binary.LittleEndian.AppendUint16(b, uint16(half.Float16FromFloat64(v)))
	case dtype.BFloat16:
		return binary.LittleEndian.AppendUint16(b, uint16(half.BFloat16FromFloat64(v)))
	case dtype.Float32:
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
	case dtype.Float64:
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	u := uint64(int64(v))
	if v >= math.MaxInt64 {
		u = uint64(v)
	}
	var all [8]byte
	binary.LittleEndian.PutUint64(all[:], u)
	return append(b, all[:d.Size()]...)
}

func decode(d dtype.DType, b []byte) float64 {
	switch d {
	case dtype.Float16:
		return half.Float16(binary.LittleEndian.Uint16(b)).Float64()
	case dtype.BFloat16:
		return half.BFloat16(binary.LittleEndian.Uint16(b)).Float64()
	case dtype.Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case dtype.Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
	var all [8]byte
	copy(all[:], b[:d.Size()])
	u := binary.LittleEndian.Uint64(all[:])
	if d.Kind() == dtype.KindInt {
		shift := 64 - 8*d.Size()
		return float64(int64(u<<shift) >> shift)
	}
	return float64(u)
}

// bytes lays a's values out in memory.
func (a array) bytes() []byte {
	room := len(a.values)
	if len(a.strides) == 2 {
		room = max(room, a.shape[0]*a.strides[0])
	}
	b := make([]byte, room*a.dtype.Size())
	for i, v := range a.values {
		at := i
		if a.strides != nil {
			at = a.first()
			rest := i
			for k := len(a.shape) - 1; k >= 0; k-- {
				at += rest % a.shape[k] * a.strides[k]
				rest /= a.shape[k]
			}
		}
		copy(b[at*a.dtype.Size():], encode(nil, a.dtype, v))
	}
	return b
}

func callOf(inputs []array) codegen.Call {
	var c codegen.Call
	for _, a := range inputs {
		c.Inputs = append(c.Inputs, codegen.Input{DType: a.dtype, Shape: a.shape, Strides: a.strides})
	}
	return c
}

func params(f *formula.Formula) []float64 {
	out := make([]float64, len(f.Params))
	for i, p := range f.Params {
		out[i] = p.Default
	}
	return out
}

func compiled(t fataler, k *codegen.Kernel) *compile.Result {
	t.Helper()
	r, err := compile.Kernel(k.Kernel, k.Inputs(), k.OutputDTypes, nil)
	if err != nil {
		t.Fatalf("%v\n%s%s", err, k.Header, k.Source)
	}
	for _, w := range r.Warnings {
		t.Errorf("warning: %s\n%s", r.Set.Format(w), k.Source)
	}
	return r
}

// run runs a kernel of codegen on the interpreter.
func run(t fataler, k *codegen.Kernel, inputs []array, params []float64, check bool) [][]float64 {
	t.Helper()
	r := compiled(t, k)
	for _, d := range signature.Lint(signature.LintCall{Kernel: k.Kernel, Signature: r.Sig, Outputs: k.OutputDTypes, Grid: k.Grid, Group: k.Threadgroup}) {
		if !strings.Contains(d.Msg, "is float64, which Metal does not have") {
			t.Fatalf("lint: %s\n%s", d.Msg, k.Source)
		}
	}
	dev := interp.New()
	program, err := dev.Compile(context.Background(), r.Func, launch.Options{Check: check})
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	buffer := func(b []byte) launch.Arg {
		buf, err := dev.Alloc(len(b))
		if err != nil {
			t.Fatal(err)
		}
		copy(buf.Host(), b)
		return launch.Arg{Buffer: buf, Hi: len(b)}
	}
	l := launch.Launch{Grid: k.Grid, Group: k.Threadgroup, Report: &launch.Report{}}
	for i := range l.Group {
		l.Group[i] = min(l.Group[i], l.Grid[i])
	}
	var outs []launch.Arg
	for _, p := range r.Sig.Params {
		var arg launch.Arg
		switch p.Kind {
		case signature.OutputBuffer:
			arg = buffer(make([]byte, count(k.OutputShapes[p.Of])*p.DType.Size()))
			arg.Undefined = true
			outs = append(outs, arg)
		case signature.InputBuffer, signature.InputScalar:
			arg = buffer(argument(k.Args[p.Of], inputs, params))
			if a := k.Args[p.Of]; a.From == codegen.FromInput {
				arg.Offset = inputs[a.Index].first() * a.DType.Size()
			}
		default:
			arg = buffer(meta(k.Args[p.Of], inputs, p.Kind))
		}
		l.Args = append(l.Args, arg)
	}
	if !k.Empty {
		if err := program.Run(context.Background(), l); err != nil {
			t.Fatalf("%v\n%s", err, k.Source)
		}
	}
	for _, f := range l.Report.Findings {
		t.Fatalf("finding: %s\n%s", r.Set.Format(f.Diag), k.Source)
	}
	var results [][]float64
	for i, o := range outs {
		d := k.OutputDTypes[i]
		values := make([]float64, count(k.OutputShapes[i]))
		for j := range values {
			values[j] = decode(d, o.Buffer.Host()[j*d.Size():])
		}
		results = append(results, values)
	}
	return results
}

func argument(a codegen.Arg, inputs []array, params []float64) []byte {
	switch a.From {
	case codegen.FromInput:
		return inputs[a.Index].bytes()
	case codegen.FromParam:
		return encode(nil, a.DType, params[a.Index])
	case codegen.FromKeyLow:
		return binary.LittleEndian.AppendUint32(nil, uint32(codegen.KeyBits(params[a.Index])))
	case codegen.FromKeyHigh:
		return binary.LittleEndian.AppendUint32(nil, uint32(codegen.KeyBits(params[a.Index])>>32))
	}
	return encode(nil, a.DType, float64(a.Value))
}

// meta returns the shape, strides or number of axes of an input's broadcast
// view.
func meta(a codegen.Arg, inputs []array, kind signature.ParamKind) []byte {
	var b []byte
	switch kind {
	case signature.InputShape:
		for _, d := range a.Shape {
			b = binary.LittleEndian.AppendUint32(b, uint32(d))
		}
	case signature.InputNDim:
		b = binary.LittleEndian.AppendUint32(b, uint32(len(a.Shape)))
	case signature.InputStrides:
		in := inputs[a.Index]
		own := in.strides
		if own == nil {
			own = make([]int, len(in.shape))
			for i, step := len(in.shape)-1, 1; i >= 0; i-- {
				own[i] = step
				step *= in.shape[i]
			}
		}
		if len(a.Reshape) > len(in.shape) {
			own = append(append([]int{}, own...), 1)
		}
		for i := range a.Shape {
			j := i - (len(a.Shape) - len(a.Reshape))
			stride := 0
			if j >= 0 && a.Reshape[j] != 1 {
				stride = own[j]
			}
			b = binary.LittleEndian.AppendUint64(b, uint64(stride))
		}
	}
	return b
}

// value returns the element of a that meets index i of a result of shape full.
func (a array) value(full []int, i int) float64 {
	at, step := 0, 1
	for k := len(full) - 1; k >= 0; k-- {
		pos := i % full[k]
		i /= full[k]
		if j := k - (len(full) - len(a.shape)); j >= 0 {
			if a.shape[j] != 1 {
				at += pos * step
			}
			step *= a.shape[j]
		}
	}
	return a.values[at]
}

// oracle evaluates f row by row in float64. full is the shape of all inputs
// broadcast. Row inputs have a last axis of length 1.
func oracle(f *formula.Formula, inputs []array, full []int) [][]float64 {
	d := 1
	if len(full) > 0 {
		d = full[len(full)-1]
	}
	rows := 0
	if n := count(full); d > 0 {
		rows = n / d
	} else {
		rows = count(full[:len(full)-1])
	}
	isRow := f.IsRow()
	out := make([][]float64, len(f.Outputs))
	for r := range rows {
		row := make([][]float64, len(inputs))
		for i, a := range inputs {
			if f.Inputs[i].Row {
				row[i] = []float64{a.value(append(append([]int{}, full[:len(full)-1]...), 1), r)}
				continue
			}
			row[i] = make([]float64, d)
			for j := range d {
				row[i][j] = a.value(full, r*d+j)
			}
		}
		for o, v := range f.EvalRow(row, params(f), d) {
			if !isRow && len(v) == 1 || f.Outputs[o].Node.Varies && len(v) == 1 {
				for range d {
					out[o] = append(out[o], v[0])
				}
				continue
			}
			out[o] = append(out[o], v...)
		}
	}
	return out
}

// tolerance is the error allowed in units of a row's greatest value.
func tolerance(d dtype.DType, length int) float64 {
	grow := math.Sqrt(float64(max(length, 1)))
	switch d {
	case dtype.Float16:
		return 1e-3
	case dtype.BFloat16:
		return 8e-3
	case dtype.Float32:
		return 2e-6 * max(1, grow/4)
	case dtype.Float64:
		return 1e-14 * grow
	}
	return 0
}

// near reports the first difference of rows beyond tolerance.
func near(got, want []float64, length int, tol float64) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d values, want %d", len(got), len(want))
	}
	length = max(length, 1)
	for first := 0; first < len(want); first += length {
		scale := 0.0
		for _, v := range want[first:min(first+length, len(want))] {
			if a := math.Abs(v); !math.IsInf(v, 0) && a > scale {
				scale = a
			}
		}
		for i := first; i < min(first+length, len(want)); i++ {
			g, w := got[i], want[i]
			switch {
			case math.IsNaN(w) && math.IsNaN(g), g == w:
			case math.Abs(g-w) <= tol*scale:
			default:
				return fmt.Sprintf("element %d is %v, want %v (scale %v, tolerance %v)", i, g, w, scale, tol)
			}
		}
	}
	return ""
}

// agree runs f under schedule s and compares with the oracle.
func agree(t testing.TB, f *formula.Formula, inputs []array, full []int, s codegen.Schedule, target codegen.Target) {
	t.Helper()
	c := callOf(inputs)
	c.Target = target
	k, err := codegen.Generate(f, c, s)
	if err != nil {
		t.Fatal(err)
	}
	want := oracle(f, inputs, full)
	for _, check := range []bool{false, true} {
		got := run(t, k, inputs, params(f), check)
		for o := range got {
			d := 1
			if len(full) > 0 && len(k.OutputShapes[o]) == len(full) {
				d = full[len(full)-1]
			}
			length := 1
			if len(full) > 0 {
				length = full[len(full)-1]
			}
			real := k.OutputDTypes[o]
			if len(k.OutputShapes[o]) < len(full) { // sums of a row may cancel
				d = len(want[o])
			}
			if diff := near(got[o], want[o], d, tolerance(real, length)); diff != "" {
				var in []string
				for _, a := range inputs {
					in = append(in, fmt.Sprint(a.dtype, a.shape))
				}
				t.Fatalf("%s, output %d, inputs %s, schedule %+v, checked %v: %s\n%s%s", f.Name, o, strings.Join(in, " "), s, check, diff, k.Header, k.Source)
			}
		}
	}
}

// A fataler is a testing.TB or a rapid.T.
type fataler interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}
