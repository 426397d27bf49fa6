// Package kernelfuzz compares devices on random kernels: it writes valid Metal
// kernels that end, stay in bounds, do not race and read only what was
// written, runs them, compares what they leave in memory bit for bit, and makes
// those that differ smaller.
//
// This file implements the description of a random kernel and its launches.
package kernelfuzz

import (
	"fmt"
	"strings"

	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A Mode says which functions kernels use.
type Mode uint8

const (
	Exact Mode = iota // those whose result is the same on all devices
	Math              // transcendental ones too, into outputs that are compared with a tolerance
)

func (m Mode) String() string {
	if m == Math {
		return "math"
	}
	return "exact"
}

// A Case is a kernel with its launches.
type Case struct {
	Name     string
	Mode     Mode
	Header   string
	Body     string
	Inputs   []Input
	Outputs  []Output
	Template []signature.TemplateArg
	Launches []Launch

	tree *tree // of the text, where it is known: what Shrink works on
}

// An Input is an array that the kernel reads. Its values follow from the seed.
type Input struct {
	Name  string
	DType dtype.DType
	Shape []int
	Seed  uint64
	Skip  int // elements of the buffer before the first
}

// An Output is an array that the kernel writes. It holds something before.
type Output struct {
	Name   string
	DType  dtype.DType
	Fixed  int // elements, whatever the launch
	Each   int // and for each thread of the grid
	Seed   uint64
	Zero   bool    // zeros instead of random values
	Within float64 // how far two devices may differ, in ulp; 0: bit for bit, but for the bits of NaN
}

// A Launch is the size of a grid and of its threadgroups, in threads.
type Launch struct{ Grid, Group [3]int }

// Threads returns the number of threads of the grid.
func (l Launch) Threads() int { return l.Grid[0] * l.Grid[1] * l.Grid[2] }

// elements returns how many elements an output has in a launch.
func (o Output) elements(l Launch) int { return o.Fixed + o.Each*l.Threads() }

// Compile takes the kernel's text to ir.
func (c *Case) Compile() (*compile.Result, error) {
	k := signature.Kernel{Name: "fuzz", Header: c.Header, Source: c.Body, EnsureRowContiguous: true}
	var inputs []signature.Input
	var outputs []dtype.DType
	for _, in := range c.Inputs {
		k.InputNames = append(k.InputNames, in.Name)
		inputs = append(inputs, signature.Input{DType: in.DType, Shape: in.Shape})
	}
	for _, out := range c.Outputs {
		k.OutputNames = append(k.OutputNames, out.Name)
		outputs = append(outputs, out.DType)
	}
	return compile.Kernel(k, inputs, outputs, c.Template)
}

// NeedsFloat64 reports whether the kernel has float64 arrays.
func (c *Case) NeedsFloat64() bool {
	for _, in := range c.Inputs {
		if in.DType == dtype.Float64 {
			return true
		}
	}
	for _, out := range c.Outputs {
		if out.DType == dtype.Float64 {
			return true
		}
	}
	return false
}

// String describes the case so that it can be run again: see Parse.
func (c Case) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name %s\nmode %s\n", c.Name, c.Mode)
	for _, l := range c.Launches {
		fmt.Fprintf(&b, "launch grid %s group %s\n", dims(l.Grid[:]), dims(l.Group[:]))
	}
	for _, in := range c.Inputs {
		fmt.Fprintf(&b, "input %s %s shape %s seed %d skip %d\n", in.Name, in.DType, dims(in.Shape), in.Seed, in.Skip)
	}
	for _, o := range c.Outputs {
		fmt.Fprintf(&b, "output %s %s fixed %d each %d seed %d zero %t within %g\n", o.Name, o.DType, o.Fixed, o.Each, o.Seed, o.Zero, o.Within)
	}
	for _, t := range c.Template {
		kind := [...]string{signature.TypeArg: "type", signature.IntArg: "int", signature.BoolArg: "bool"}[t.Kind]
		value := t.Value()
		if t.Kind == signature.TypeArg {
			value = t.DType.String()
		}
		fmt.Fprintf(&b, "template %s %s %s\n", kind, t.Name, value)
	}
	return b.String() + headerMark + c.Header + bodyMark + c.Body
}

const (
	headerMark = "-- header --\n"
	bodyMark   = "-- body --\n"
)

func dims(list []int) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(list), "[]"), " ", "x")
}
