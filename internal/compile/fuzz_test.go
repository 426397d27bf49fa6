package compile

// This file implements the fuzz targets of the whole way of a kernel: any
// text, and random texts that compile, run fast and checked.

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/lower"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A binding is a kernel's parameters: float inputs x and s, int n, half h; float
// output out, int output res.
var bindingKernel = signature.Kernel{
	Name:        "fuzz",
	InputNames:  []string{"x", "n", "h", "s"},
	OutputNames: []string{"out", "res"},
}

var (
	bindingInputs = []signature.Input{
		{DType: dtype.Float32, Shape: []int{genIn}},
		{DType: dtype.Int32, Shape: []int{genIn}},
		{DType: dtype.Float16, Shape: []int{genIn}},
		{DType: dtype.Float32},
	}
	bindingOutputs  = []dtype.DType{dtype.Float32, dtype.Int32}
	bindingTemplate = []signature.TemplateArg{{Name: "T", DType: dtype.Float32}, {Name: "N", Kind: signature.IntArg, Int: 3}}
)

func compileText(header, body string) (*Result, error) {
	k := bindingKernel
	k.Header, k.Source = header, body
	return Kernel(k, bindingInputs, bindingOutputs, bindingTemplate)
}

// inputBytes holds values that are not all the same: inputs as floats, ints
// and halves.
func inputBytes(d dtype.DType, size int) []byte {
	rng := rand.New(rand.NewPCG(1, uint64(size)))
	var p []byte
	for i := range size {
		switch d {
		case dtype.Float32:
			p, _ = binary.Append(p, binary.LittleEndian, float32(rng.NormFloat64()*4))
		case dtype.Int32:
			p = binary.LittleEndian.AppendUint32(p, uint32(rng.IntN(41)-20+i*i%7))
		case dtype.Float16:
			p = binary.LittleEndian.AppendUint16(p, uint16(0x3000+rng.IntN(0x1800))|uint16(rng.IntN(2)<<15))
		}
	}
	return p
}

// run launches fn and returns the outputs. limit is when it must be over; a
// launch that was stopped has no outputs.
func run(t testing.TB, r *Result, grid, group int, checked bool, limit time.Duration) (outputs [][]byte, findings []launch.Finding) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	dev := interp.New()
	prog, err := dev.Compile(ctx, r.Func, launch.Options{Check: checked})
	if err != nil {
		t.Fatalf("the interpreter refuses what compiled: %v", err)
	}
	defer prog.Close()
	l := launch.Launch{Grid: [3]int{grid, 1, 1}, Group: [3]int{group, 1, 1}}
	if checked {
		l.Report = &launch.Report{}
	}
	var results []launch.Buffer
	for _, p := range r.Sig.Params {
		var data []byte
		switch p.Kind {
		case signature.InputBuffer, signature.InputScalar:
			in := bindingInputs[p.Of]
			data = inputBytes(in.DType, in.Size())
		case signature.InputShape:
			for _, d := range bindingInputs[p.Of].Shape {
				data = binary.LittleEndian.AppendUint32(data, uint32(d))
			}
		case signature.InputStrides:
			for range bindingInputs[p.Of].Shape {
				data = binary.LittleEndian.AppendUint64(data, 1)
			}
		case signature.InputNDim:
			data = binary.LittleEndian.AppendUint32(data, uint32(len(bindingInputs[p.Of].Shape)))
		case signature.OutputBuffer:
			data = make([]byte, 4*genWide*128)
		}
		buf, err := dev.Alloc(len(data))
		if err != nil {
			t.Fatal(err)
		}
		defer buf.Free()
		if err := buf.Upload(0, data); err != nil {
			t.Fatal(err)
		}
		l.Args = append(l.Args, launch.Arg{Buffer: buf, Hi: len(data)})
		if p.Kind == signature.OutputBuffer {
			results = append(results, buf)
		}
	}
	start := time.Now()
	if err := prog.Run(ctx, l); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			if late := time.Since(start) - limit; late > 5*time.Second {
				t.Fatalf("a cancelled launch went on for %v", late)
			}
			return nil, nil
		}
		t.Logf("launch: %v", err)
		return nil, nil
	}
	for _, b := range results {
		p := make([]byte, b.Size())
		if err := b.Download(0, p); err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, p)
	}
	if checked {
		findings = l.Report.Findings
	}
	return outputs, findings
}

// agree runs a compiled kernel fast and checked. Without findings both give
// the same bits.
func agree(t testing.TB, r *Result, grid, group int, limit time.Duration) []launch.Finding {
	t.Helper()
	fast, _ := run(t, r, grid, group, false, limit)
	checked, findings := run(t, r, grid, group, true, limit)
	for _, f := range findings {
		r.Set.Format(f.Diag)
	}
	if fast == nil || checked == nil || len(findings) > 0 {
		return findings
	}
	same(t, "fast", fast, "checked", checked)
	return findings
}

func same(t testing.TB, nameA string, a [][]byte, nameB string, b [][]byte) {
	t.Helper()
	for i := range a {
		for at := 0; at < len(a[i]); at += 4 {
			x, y := binary.LittleEndian.Uint32(a[i][at:]), binary.LittleEndian.Uint32(b[i][at:])
			if x != y {
				t.Errorf("output %d, element %d: %s %#x, %s %#x", i, at/4, nameA, x, nameB, y)
				break
			}
		}
	}
}

// generated compiles and runs the kernel that data stands for, with and
// without the passes over its ir.
func generated(t testing.TB, data []byte) {
	header, body, grid, group := generate(data)
	r, err := compileText(header, body)
	if err != nil {
		t.Fatalf("a text of our own does not compile: %v\n%s\n----\n%s", err, header, body)
	}
	agree(t, r, grid, group, 20*time.Second)
	k := bindingKernel
	k.Header, k.Source = header, body
	prog, plain, err := Check(k, bindingInputs, bindingOutputs, bindingTemplate)
	if err != nil {
		t.Fatal(err)
	}
	if plain.Func, err = lower.Lower(prog); err != nil {
		t.Fatal(err)
	}
	if err := ir.Verify(plain.Func); err != nil {
		t.Fatal(err)
	}
	ir.Analyze(plain.Func)
	slow, _ := run(t, plain, grid, group, false, 20*time.Second)
	fast, _ := run(t, r, grid, group, false, 20*time.Second)
	if slow != nil && fast != nil {
		same(t, "without passes", slow, "with passes", fast)
	}
	if t.Failed() {
		t.Logf("grid %d, threadgroup %d\n%s\n----\n%s\n----\n%s", grid, group, header, body, ir.Print(r.Func))
	}
}

func randomBytes(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 7))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// Random kernels compile, and run alike fast and checked.
func FuzzRun(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomBytes(seed, 300))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		generated(t, data)
	})
}

func TestRandomKernels(t *testing.T) {
	turns := uint64(300)
	if testing.Short() {
		turns = 40
	}
	for seed := range turns {
		generated(t, randomBytes(1000+seed, 600))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// No text makes the compiler panic or hang, and what compiles can be run and
// stopped.
func FuzzKernel(f *testing.F) {
	f.Add("", "out[thread_position_in_grid.x] = x[0];")
	f.Add("#define F(a) a + x[0]\ntemplate <typename U> U g(U v) { return v; }", "for (;;) { if (g(n[0]) > F(1)) break; }")
	for seed := range uint64(4) {
		header, body, _, _ := generate(randomBytes(seed, 200))
		f.Add(header, body)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		start := time.Now()
		r, err := compileText(header, body)
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("compiling took %v", took)
		}
		if err != nil {
			var list *source.List
			if !errors.As(err, &list) {
				t.Fatalf("not a list of findings: %v", err)
			}
			_ = err.Error()
			return
		}
		agree(t, r, 5, 4, 50*time.Millisecond)
	})
}
