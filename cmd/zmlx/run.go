package main

// This file implements zmlx run.

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/encoding/npy"
	"github.com/zmlx-go/zmlx/internal/capsule"
)

type runCommand struct {
	Capsule string        `arg:"" help:"Capsule to run, a JSON file."`
	Device  string        `help:"Device to run on, such as interp; see zmlx devices." placeholder:"D"`
	Out     string        `help:"Folder to write each output to, as NAME.npy; bfloat16 as uint16 bits." placeholder:"DIR"`
	JSON    bool          `name:"json" help:"Print the result as JSON."`
	Verbose bool          `short:"v" help:"Print the generated source and the launch."`
	Timeout time.Duration `help:"Stop after this long, such as 10s." default:"0s"`
}

// Validate refuses a timeout that is none, for package kong, as those of the
// other commands do.
func (c *runCommand) Validate() error { return notNegative(c.Timeout) }

func notNegative(timeout time.Duration) error {
	if timeout < 0 {
		return fmt.Errorf("--timeout: %v is negative; 0s is none", timeout)
	}
	return nil
}

// An outputReport is what run --json says of an output.
type outputReport struct {
	Name   string      `json:"name"`
	DType  string      `json:"dtype"`
	Shape  []int       `json:"shape"`
	File   string      `json:"file,omitempty"`
	Data   []any       `json:"data,omitempty"` // of small outputs
	Expect *comparison `json:"expect,omitempty"`
}

// A runReport is what run --json prints.
type runReport struct {
	Kernel  string         `json:"kernel"`
	Device  string         `json:"device"`
	OK      bool           `json:"ok"`
	Outputs []outputReport `json:"outputs"`
}

// shown is the number of elements up to which outputs are part of a report.
const shown = 256

func (c *runCommand) Run(env environment) error {
	ctx, cancel := within(env.ctx, c.Timeout)
	defer cancel()
	dev, err := device(c.Device)
	if err != nil {
		return err
	}
	call, err := load(c.Capsule, dev)
	if err != nil {
		return err
	}
	call.launch.Verbose = c.Verbose
	outputs := call.kernel.Call(call.launch, call.inputs...)
	if err := compute(ctx, outputs...); err != nil {
		return stopped(err, ctx, c.Timeout)
	}
	report := runReport{Kernel: call.capsule.Kernel.Name, Device: dev.Name(), OK: true}
	for i, a := range outputs {
		out, err := c.output(call.capsule, i, a)
		if err != nil {
			return err
		}
		report.OK = report.OK && (out.Expect == nil || out.Expect.OK)
		report.Outputs = append(report.Outputs, *out)
	}
	if c.JSON {
		err = env.printJSON(report)
	} else {
		printOutputs(env, report, outputs)
	}
	if err == nil && !report.OK {
		return errFinding
	}
	return err
}

// within returns a context that ends after d, if d is not 0. What does not heed
// it, such as a compiler, is stopped with the process a little later.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if d <= 0 {
		return context.WithCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	late := time.AfterFunc(min(d, math.MaxInt64-2*patience)+2*patience, func() {
		fmt.Fprintf(os.Stderr, "zmlx: stopped after %v (--timeout); what was under way did not stop\n", d)
		quit(exitBad)
	})
	return ctx, func() {
		late.Stop()
		cancel()
	}
}

// patience is how long a device may take to come back when it should stop.
const patience = time.Second

// compute evaluates arrays. If ctx ends it returns soon after, even if the
// device cannot stop a kernel; nothing but the end of the process will then.
func compute(ctx context.Context, arrays ...*zmlx.Array) error {
	done := make(chan error, 1)
	go func() { done <- zmlx.Eval(ctx, arrays...) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return ctx.Err()
	}
}

// errInterrupted is what a command fails with that the user stopped.
var errInterrupted = errors.New("interrupted")

// stopped explains an error that a timeout or an interrupt caused.
func stopped(err error, ctx context.Context, timeout time.Duration) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return errInterrupted
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("stopped after %v (--timeout)", timeout)
	}
	return err
}

// output reads, writes and compares output i.
func (c *runCommand) output(cap *capsule.Capsule, i int, a *zmlx.Array) (*outputReport, error) {
	name := cap.Kernel.OutputNames[i]
	data, err := a.Bytes()
	if err != nil {
		return nil, err
	}
	out := &outputReport{Name: name, DType: a.DType().String(), Shape: shapeOf(a.Shape())}
	if a.Size() <= shown {
		out.Data = numbers(data, a.DType())
	}
	if c.Out != "" {
		if err := os.MkdirAll(c.Out, 0o777); err != nil {
			return nil, err
		}
		out.File = filepath.Join(c.Out, name+".npy")
		file := &npy.Array{DType: a.DType(), Shape: shapeOf(a.Shape()), Data: data}
		if err := (npy.Options{BFloat16AsUint16: true}).WriteFile(out.File, file); err != nil {
			return nil, err
		}
	}
	for _, e := range cap.Expect {
		if e.Index != i {
			continue
		}
		out.Expect, err = compare(e, a.DType(), a.Shape(), data)
		switch {
		case err != nil && strings.HasPrefix(err.Error(), "expect."): // it says where
			return nil, err
		case err != nil:
			return nil, fmt.Errorf("expect.%s: %w", name, err)
		}
	}
	return out, nil
}

// numbers returns elements as JSON can hold them.
func numbers(data []byte, d zmlx.DType) []any {
	size := d.Size()
	out := make([]any, 0, len(data)/size)
	if d.IsInteger() || d == zmlx.Bool {
		for i := 0; i < len(data); i += size {
			out = append(out, rawJSON(whole(data[i:i+size], d)))
		}
		return out
	}
	values := floats(data, d)
	for i, v := range values {
		if d != zmlx.Complex64 {
			out = append(out, jsonNumber(v, d))
		} else if i%2 == 1 {
			out = append(out, []any{jsonNumber(values[i-1], d), jsonNumber(v, d)})
		}
	}
	return out
}

// printOutputs prints a report for people.
func printOutputs(env environment, r runReport, outputs []*zmlx.Array) {
	for i, out := range r.Outputs {
		fmt.Fprintf(env.stdout, "%s: %s %v on %s", out.Name, out.DType, out.Shape, r.Device)
		if out.File != "" {
			fmt.Fprintf(env.stdout, ", written to %s", out.File)
		}
		fmt.Fprintf(env.stdout, "\n%v\n", outputs[i])
		if out.Expect != nil {
			fmt.Fprintln(env.stdout, out.Expect)
		}
	}
}
