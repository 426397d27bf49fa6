package check_test

// This file implements the tests whose kernels are files: testdata/*.metal
// hold faults with the errors that they must give, testdata/ok/*.metal hold
// kernels that must give none. A file is a body, or a txtar archive of the
// files "header" and "body".

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
	"github.com/zmlx-go/zmlx/internal/source/errortest"
)

// fileInputs are the inputs that the kernels in files have.
var fileInputs = []struct {
	name string
	signature.Input
}{
	{"x", f32(4, 16)}, {"s", f32()}, {"small", f32(4)},
	{"y", signature.Input{DType: dtype.Int32, Shape: []int{64}}},
	{"u", signature.Input{DType: dtype.Uint32, Shape: []int{64}}},
	{"bytes", signature.Input{DType: dtype.Uint8, Shape: []int{64}}},
	{"h", signature.Input{DType: dtype.Float16, Shape: []int{64}}},
	{"b", signature.Input{DType: dtype.BFloat16, Shape: []int{64}}},
	{"c", signature.Input{DType: dtype.Complex64, Shape: []int{64}}},
}

// fileOutputs are their outputs; with "atomic" in the file's name they are
// atomic.
var (
	fileOutputs = []string{"out", "outi", "outh", "outb"}
	fileTypes   = []dtype.DType{dtype.Float32, dtype.Int32, dtype.Float16, dtype.BFloat16}
)

var fileTemplate = []signature.TemplateArg{
	{Name: "T", Kind: signature.TypeArg, DType: dtype.Float16},
	{Name: "N", Kind: signature.IntArg, Int: 4},
	{Name: "FLAG", Kind: signature.BoolArg, Bool: true},
}

// split returns the header and the body of a file.
func split(text string) (header, body string) {
	ar := txtar.Parse([]byte(text))
	if len(ar.Files) == 0 {
		return "", text
	}
	for _, f := range ar.Files {
		if f.Name == "header" {
			header = string(f.Data)
		} else {
			body = string(f.Data)
		}
	}
	return header, body
}

// checkText checks a kernel with the inputs, outputs and template arguments
// of all files.
func checkText(tb testing.TB, name, header, body string) (*check.Program, *source.List) {
	tb.Helper()
	k := signature.Kernel{Name: "test", Header: header, Source: body, OutputNames: fileOutputs, EnsureRowContiguous: true}
	k.AtomicOutputs = strings.Contains(name, "atomic")
	types := fileTypes
	if k.AtomicOutputs {
		k.OutputNames, types = fileOutputs[:2], fileTypes[:2]
	}
	var inputs []signature.Input
	for _, in := range fileInputs {
		k.InputNames = append(k.InputNames, in.name)
		inputs = append(inputs, in.Input)
	}
	return run(tb, k, inputs, types, fileTemplate...)
}

// each runs f for the header and body of each file.
func each(t *testing.T, pattern string, f func(t *testing.T, name, header, body string)) {
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			header, body := split(string(text))
			f(t, name, header, body)
		})
	}
}

func TestErrors(t *testing.T) {
	each(t, "testdata/*.metal", func(t *testing.T, name, header, body string) {
		_, errs := checkText(t, name, header, body)
		// No Sort here: it hides what follows from a mistake in the same line.
		errortest.Check(t, errs.Set, errs.Diags)
	})
}

func TestOK(t *testing.T) {
	each(t, "testdata/ok/*.metal", func(t *testing.T, name, header, body string) {
		prog, errs := checkText(t, name, header, body)
		if len(errs.Diags) > 0 {
			t.Errorf("findings:\n%v", errs)
		}
		if prog == nil || len(prog.Body.Stmts) == 0 {
			t.Error("no program")
		}
	})
}
