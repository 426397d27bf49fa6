package main

import (
	"strings"
	"testing"
)

func TestReduction(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"skewness   [0.000 1.500]",
		"kernels run: 1\n",
		"[1.0 1.5 2.0 2.5 8.0]",
		"0.424 -0.212",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
