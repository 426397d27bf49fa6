package main

import (
	"strings"
	"testing"
)

func TestHandVJP(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"[ 0.5   5.25  7.75 72.5 ]",
		"[0.5 0.5 1.  1.  0.  0.  0.  0.  0.5 0.5]",
		"[ 1.  5.  5. 17.]",
		"the derivative agrees",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
