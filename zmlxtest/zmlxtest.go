// Package zmlxtest judges devices and kernels. [Conformance] runs a suite of
// small kernels on a device, one for each thing that the kernel language and
// the launch of kernels promise; each result is compared with that of a formula
// in plain Go that knows nothing of kernels. [AllClose] and [Same] compare an
// array with what it should be, for tests of any kernel. [CheckGrad] and
// [CheckOp] compare derivatives with differences.
//
// This file implements the suite's cases and running them.
package zmlxtest

import (
	"errors"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx"
)

// A Case is a kernel, one call of it, and what must come out.
type Case struct {
	Name    string // unique in the suite
	Feature string // the chapter of the suite: what kind of thing it is about

	Kernel zmlx.Kernel
	Launch zmlx.Launch // Device is not set

	// Inputs makes the inputs, on the default device.
	Inputs func() []*zmlx.Array

	// View, if not nil, makes what the kernel is called with of the inputs, after
	// these were moved to the device: strided views, which moving would lose.
	View func(inputs []*zmlx.Array) []*zmlx.Array

	// Want computes the outputs by formula: for each a slice of its elements in
	// row-major order, of the Go type that goes with its dtype.
	Want func() []any

	// NeedsFloat64 says that the case is for devices that have float64 arrays.
	NeedsFloat64 bool

	// Tolerance says how far results may be off. Its zero value means bit for bit.
	Tolerance Tolerance

	// Remark, if not empty, says why the checked mode reports something about
	// this case although it is right.
	Remark string
}

// Arguments returns the arrays to call the case's kernel with on d.
func (c Case) Arguments(d *zmlx.Device) []*zmlx.Array {
	var inputs []*zmlx.Array
	if c.Inputs != nil {
		inputs = c.Inputs()
	}
	for i, a := range inputs {
		inputs[i] = a.To(d)
	}
	if c.View != nil {
		inputs = c.View(inputs)
	}
	return inputs
}

// Run calls the case's kernel on d and compares the outputs with what they
// should be.
func (c Case) Run(t testing.TB, d *zmlx.Device) {
	t.Helper()
	inputs := c.Arguments(d)
	if c.NeedsFloat64 && len(inputs) > 0 {
		if _, lacks := errors.AsType[*zmlx.DTypeError](inputs[0].Err()); lacks {
			t.Skipf("device %s has no float64", d.Name())
		}
	}
	m, err := zmlx.Compile(c.Kernel)
	if err != nil {
		t.Fatal(err)
	}
	l := c.Launch
	l.Device = d
	got := m.Call(l, inputs...)
	want := c.Want()
	if len(got) != len(want) {
		t.Fatalf("the kernel has %d outputs, and %d are expected", len(got), len(want))
	}
	for i, a := range got {
		if err := Compare(a, want[i], c.Tolerance); err != nil {
			t.Errorf("%s: output %s: %v\n%s", c.Feature, c.Kernel.OutputNames[i], err, c.Kernel.Source)
			return
		}
	}
}

// Conformance runs the whole suite on d, each case as a subtest.
func Conformance(t *testing.T, d *zmlx.Device) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, d) })
	}
}

// OnEveryDevice runs f as a subtest for every kind of device, on those that are
// there. The subtests of the others are skipped and say why they are absent.
func OnEveryDevice(t *testing.T, f func(t *testing.T, d *zmlx.Device)) {
	for _, info := range zmlx.Devices() {
		t.Run(info.Name, func(t *testing.T) {
			if !info.Available {
				t.Skipf("device %s is absent: %s", info.Name, info.Reason)
			}
			d, err := zmlx.Open(info.Name)
			if err != nil {
				t.Fatal(err)
			}
			f(t, d)
		})
	}
}

// chapters are the parts of the suite, in order.
var chapters = []struct {
	feature string
	cases   func() []Case
}{
	{"arithmetic", arithmeticCases},
	{"conversions", conversionCases},
	{"dtypes", dtypeCases},
	{"float64", doubleCases},
	{"complex", complexCases},
	{"declarations", declarationCases},
	{"control flow", controlCases},
	{"pointers", pointerCases},
	{"vectors", vectorCases},
	{"vector functions", vectorFunctionCases},
	{"templates", templateCases},
	{"structs", structCases},
	{"lambdas", lambdaCases},
	{"preprocessor", preprocessorCases},
	{"attributes", attributeCases},
	{"threadgroup memory", threadgroupCases},
	{"simdgroups", simdCases},
	{"quads", quadCases},
	{"atomics", atomicCases},
	{"matrices", matrixCases},
	{"bits", bitCases},
	{"math", mathCases},
	{"prelude", preludeCases},
	{"binding", bindingCases},
	{"launch", launchCases},
	{"documented kernels", documentedCases},
}

// Cases returns the suite.
func Cases() []Case {
	var all []Case
	for _, ch := range chapters {
		cases := ch.cases()
		for i := range cases {
			cases[i].Feature = ch.feature
		}
		all = append(all, cases...)
	}
	return all
}

// Features returns the chapters of the suite, in order.
func Features() []string {
	var names []string
	for _, c := range Cases() {
		if !slices.Contains(names, c.Feature) {
			names = append(names, c.Feature)
		}
	}
	return names
}
