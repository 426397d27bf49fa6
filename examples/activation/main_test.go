package main

import (
	"strings"
	"testing"
)

func TestActivation(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"-0.0000    -0.2525     0.0000     1.9440 10000.0000",
		"0.0000 -0.1084  0.6000  1.0693  1.0000",
		"mish_vjp(x, dout; beta=1) -> dx {",
		"the derivative agrees",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
