package main

import (
	"strings"
	"testing"
)

func TestQuickstart(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"rmsnorm =\n[[0.000 0.775 1.549]",
		"gradient =\n",
		"2x + 1 = [1 3 5 7 9 11]",
		"did you mean x?",
		"[Race]",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
