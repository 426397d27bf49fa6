package kernelfuzz

// This file implements running a case on a device.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// guard is how many bytes lie before and after each output's elements. The
// kernel must leave them alone, and they are compared too.
const guard = 64

// Run runs all launches of the case. It returns, launch by launch, what each
// output's buffer holds afterwards: guard, elements, guard.
func Run(ctx context.Context, dev launch.Device, c Case) ([][]byte, error) {
	r, err := c.Compile()
	if err != nil {
		return nil, err
	}
	outputs, _, err := c.run(ctx, dev, r, false)
	return outputs, err
}

// Check runs the case in the checked mode of dev, which has to have one, and
// returns what outputs hold as Run does. Findings that show that the kernel is
// not valid are an error.
func Check(ctx context.Context, dev launch.Device, c Case) ([][]byte, error) {
	r, err := c.Compile()
	if err != nil {
		return nil, err
	}
	outputs, findings, err := c.run(ctx, dev, r, true)
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, f := range findings {
		// Division by zero has a result that is the same on all devices.
		if f.Code != launch.DivisionByZero && f.Code != launch.IndexOverflow {
			bad = append(bad, r.Set.Format(f.Diag))
		}
	}
	if len(bad) > 0 {
		return nil, errors.New("the kernel is not valid: " + strings.Join(bad, "\n"))
	}
	return outputs, nil
}

// run compiles once and launches each of the launches.
func (c *Case) run(ctx context.Context, dev launch.Device, r *compile.Result, check bool) (outputs [][]byte, findings []launch.Finding, err error) {
	prog, err := dev.Compile(ctx, r.Func, launch.Options{Check: check})
	if err != nil {
		return nil, nil, fmt.Errorf("device %s: %w", dev.Name(), err)
	}
	defer prog.Close()
	for _, l := range c.Launches {
		got, report, err := c.launch(ctx, dev, prog, r.Sig, l, check)
		if err != nil {
			return nil, nil, fmt.Errorf("device %s: grid %v, threadgroup %v: %w", dev.Name(), l.Grid, l.Group, err)
		}
		outputs = append(outputs, got...)
		findings = append(findings, report.Findings...)
	}
	return outputs, findings, nil
}

func (c *Case) launch(ctx context.Context, dev launch.Device, prog launch.Program, sig *signature.Signature, l Launch, check bool) (outputs [][]byte, report launch.Report, err error) {
	run := launch.Launch{Grid: l.Grid, Group: l.Group}
	report.Max = 10000
	if check {
		run.Report = &report
	}
	var results []launch.Buffer
	for _, p := range sig.Params {
		data, lo, hi := c.argument(p, l)
		buf, err := dev.Alloc(len(data))
		if err != nil {
			return nil, report, err
		}
		defer buf.Free()
		if err := buf.Upload(0, data); err != nil {
			return nil, report, err
		}
		run.Args = append(run.Args, launch.Arg{Buffer: buf, Offset: lo, Lo: lo, Hi: hi})
		if p.Kind == signature.OutputBuffer {
			results = append(results, buf)
		}
	}
	if err := prog.Run(ctx, run); err != nil {
		return nil, report, err
	}
	for _, b := range results {
		p := make([]byte, b.Size())
		if err := b.Download(0, p); err != nil {
			return nil, report, err
		}
		outputs = append(outputs, p)
	}
	return outputs, report, nil
}

// argument returns what a parameter's buffer holds before a launch, and where
// in it the parameter's elements lie.
func (c *Case) argument(p signature.Param, l Launch) (data []byte, lo, hi int) {
	switch p.Kind {
	case signature.OutputBuffer:
		o := c.Outputs[p.Of]
		n := o.elements(l)
		elements := make([]byte, n*o.DType.Size())
		if !o.Zero {
			elements = values(o.DType, n, o.Seed)
		}
		data = append(guardBytes(), elements...)
		return append(data, guardBytes()...), guard, guard + len(elements)
	case signature.InputShape:
		for _, d := range c.Inputs[p.Of].Shape {
			data = binary.LittleEndian.AppendUint32(data, uint32(d))
		}
	case signature.InputStrides:
		shape := c.Inputs[p.Of].Shape
		for i := range shape {
			stride := 1
			for _, d := range shape[i+1:] {
				stride *= d
			}
			data = binary.LittleEndian.AppendUint64(data, uint64(stride))
		}
	case signature.InputNDim:
		data = binary.LittleEndian.AppendUint32(nil, uint32(len(c.Inputs[p.Of].Shape)))
	default:
		in := c.Inputs[p.Of]
		n := 1
		for _, d := range in.Shape {
			n *= d
		}
		skip := in.Skip * in.DType.Size()
		data = append(make([]byte, skip), values(in.DType, n, in.Seed)...)
		return data, skip, len(data)
	}
	return data, 0, len(data)
}

func guardBytes() []byte {
	p := make([]byte, guard)
	for i := range p {
		p[i] = 0xa5
	}
	return p
}

// IsRefused reports whether an error of Run says that the text itself is
// faulty, rather than the device.
func IsRefused(err error) bool {
	var list *source.List
	return errors.As(err, &list)
}

// Fits reports whether a device can run the case at all.
func (c *Case) Fits(dev launch.Device) bool {
	return dev.Limits().Float64 || !c.NeedsFloat64() && !strings.Contains(c.Body, "double") && !strings.Contains(c.Header, "double") && !c.hasDType(dtype.Float64)
}

func (c *Case) hasDType(d dtype.DType) bool {
	for _, t := range c.Template {
		if t.DType == d {
			return true
		}
	}
	return false
}
