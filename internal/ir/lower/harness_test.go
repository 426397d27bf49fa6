package lower_test

// This file implements what the tests share: from a kernel's text to ir, and
// a run on the interpreter.

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/lower"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A kernel is a body with its arguments. Inputs are named a, b, …; slices of
// a Go type, or a single value for a 0-dim input.
type kernel struct {
	header   string
	body     string
	inputs   []any
	outputs  []any // slices: dtype, length, and where the results go
	template []signature.TemplateArg
	atomic   bool
	grid     int // 1 if zero
	group    int // grid if zero
}

func dtypeOf(tb testing.TB, v any) dtype.DType {
	switch v.(type) {
	case bool, []bool:
		return dtype.Bool
	case int8, []int8:
		return dtype.Int8
	case uint8, []uint8:
		return dtype.Uint8
	case int16, []int16:
		return dtype.Int16
	case uint16, []uint16:
		return dtype.Uint16
	case int32, []int32:
		return dtype.Int32
	case uint32, []uint32:
		return dtype.Uint32
	case int64, []int64:
		return dtype.Int64
	case uint64, []uint64:
		return dtype.Uint64
	case float32, []float32:
		return dtype.Float32
	case float64, []float64:
		return dtype.Float64
	case complex64, []complex64:
		return dtype.Complex64
	}
	tb.Fatalf("no dtype for %T", v)
	return dtype.Invalid
}

func (k *kernel) signature(tb testing.TB) *signature.Signature {
	s := signature.Kernel{Name: "test", Source: k.body, Header: k.header, AtomicOutputs: k.atomic}
	var inputs []signature.Input
	for i, v := range k.inputs {
		s.InputNames = append(s.InputNames, string(rune('a'+i)))
		in := signature.Input{DType: dtypeOf(tb, v)}
		if n := binary.Size(v); fmt.Sprintf("%T", v)[0] == '[' {
			in.Shape = []int{n / in.DType.Size()}
		}
		inputs = append(inputs, in)
	}
	var outputs []dtype.DType
	for i, v := range k.outputs {
		name := "out"
		if i > 0 {
			name = fmt.Sprintf("out%d", i)
		}
		s.OutputNames = append(s.OutputNames, name)
		outputs = append(outputs, dtypeOf(tb, v))
	}
	sig, err := signature.Build(s, inputs, outputs, k.template)
	if err != nil {
		tb.Fatal(err)
	}
	return sig
}

// check returns the checked program.
func (k *kernel) check(tb testing.TB) *check.Program {
	tb.Helper()
	sig := k.signature(tb)
	set := &source.Set{}
	errs := &source.List{Set: set}
	prog := checkSource(set, k.header, k.body, sig, errs)
	if errs.Errors() > 0 {
		tb.Fatalf("%v", errs)
	}
	return prog
}

// checkSource parses and checks a kernel; the program is nil if errs holds an
// error.
func checkSource(set *source.Set, headerText, bodyText string, sig *signature.Signature, errs *source.List) *check.Program {
	var header *source.File
	if headerText != "" {
		header = set.Add("test (header)", headerText)
	}
	body := set.Add("test", bodyText)
	cfg := parse.Config{Prelude: check.Prelude()}
	for _, p := range sig.Params {
		cfg.Values = append(cfg.Values, p.Name)
	}
	for _, a := range sig.Attributes {
		cfg.Values = append(cfg.Values, a.Name)
	}
	for _, a := range sig.Template {
		if a.Kind == signature.TypeArg {
			cfg.Types = append(cfg.Types, a.Name)
		} else {
			cfg.Values = append(cfg.Values, a.Name)
		}
	}
	tree := parse.Kernel(set, header, body, cfg, errs)
	if errs.Errors() > 0 {
		return nil
	}
	return check.Kernel(set, tree, "test", sig, errs)
}

// lower returns the verified ir.
func (k *kernel) lower(tb testing.TB) *ir.Func {
	tb.Helper()
	fn, err := lower.Lower(k.check(tb))
	if err != nil {
		tb.Fatal(err)
	}
	if err := ir.Verify(fn); err != nil {
		tb.Fatalf("%v\n%s", err, ir.Print(fn))
	}
	return fn
}

func encode(tb testing.TB, v any) []byte {
	switch w := v.(type) {
	case complex64:
		v = []float32{real(w), imag(w)}
	case []complex64:
		var parts []float32
		for _, c := range w {
			parts = append(parts, real(c), imag(c))
		}
		v = parts
	}
	p, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// run runs the kernel on the interpreter, and again in checked mode: the
// outputs hold the results, and the findings must be none.
func (k *kernel) run(tb testing.TB) {
	tb.Helper()
	fn := k.lower(tb)
	dev := interp.New()
	ctx := context.Background()
	sig := k.signature(tb)
	grid := max(k.grid, 1)
	group := k.group
	if group == 0 {
		group = grid
	}
	for _, checked := range []bool{true, false} {
		prog, err := dev.Compile(ctx, fn, launch.Options{Check: checked})
		if err != nil {
			tb.Fatalf("%v\n%s", err, ir.Print(fn))
		}
		l := launch.Launch{Grid: [3]int{grid, 1, 1}, Group: [3]int{group, 1, 1}}
		if checked {
			l.Report = &launch.Report{}
		}
		var results []launch.Buffer
		for _, p := range sig.Params {
			var data []byte
			switch p.Kind {
			case signature.InputBuffer, signature.InputScalar:
				data = encode(tb, k.inputs[p.Of])
			case signature.InputShape:
				data = encode(tb, []int32{int32(binary.Size(k.inputs[p.Of]) / dtypeOf(tb, k.inputs[p.Of]).Size())})
			case signature.InputStrides:
				data = encode(tb, []int64{1})
			case signature.InputNDim:
				data = encode(tb, int32(1))
			case signature.OutputBuffer:
				data = encode(tb, k.outputs[p.Of])
			}
			buf, err := dev.Alloc(len(data))
			if err != nil {
				tb.Fatal(err)
			}
			if err := buf.Upload(0, data); err != nil {
				tb.Fatal(err)
			}
			l.Args = append(l.Args, launch.Arg{Buffer: buf, Hi: len(data)})
			if p.Kind == signature.OutputBuffer {
				results = append(results, buf)
			}
		}
		if err := prog.Run(ctx, l); err != nil {
			tb.Fatalf("%v\n%s", err, ir.Print(fn))
		}
		if checked {
			for _, f := range l.Report.Findings {
				tb.Errorf("checked mode: %s", fn.Set.Format(f.Diag))
			}
			continue
		}
		for i, buf := range results {
			p := make([]byte, buf.Size())
			if err := buf.Download(0, p); err != nil {
				tb.Fatal(err)
			}
			if _, err := binary.Decode(p, binary.LittleEndian, k.outputs[i]); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// floats runs body for one thread, or grid threads, on the inputs and returns
// n floats of out.
func floats(tb testing.TB, n, grid int, header, body string, inputs ...any) []float32 {
	tb.Helper()
	out := make([]float32, n)
	k := kernel{header: header, body: body, inputs: inputs, outputs: []any{out}, grid: grid}
	k.run(tb)
	return out
}

func same(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}
