package check_test

// This file implements the fuzz target: no text makes the checker panic, hang
// or take memory without bound.

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func FuzzCheck(f *testing.F) {
	for _, pattern := range []string{"testdata/*.metal", "testdata/ok/*.metal"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("no files %s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			header, body := split(string(text))
			f.Add(header, body)
			for _, line := range lines(body) {
				f.Add(header, line)
			}
		}
	}
	for _, text := range accepted {
		f.Add("", text)
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		if len(header)+len(body) > 1<<14 {
			return
		}
		prog, errs := checkText(t, "fuzz", header, body)
		if (prog == nil) != (errs.Errors() > 0) {
			t.Errorf("program %v, and %d errors", prog != nil, errs.Errors())
		}
		for _, d := range errs.Diags {
			if d.Msg == "" || d.Code == "" {
				t.Errorf("incomplete finding %+v", d)
			}
			if !d.Span.Valid() || errs.Set.File(d.Span.Pos) == nil {
				t.Errorf("finding %q has no place", d.Msg)
			}
			errs.Set.Format(d)
		}
		errs.Sort()
	})
}

// lines returns the lines of a text that are longer than a few characters.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(l string) bool { return len(l) < 4 })
}
