package main

import (
	"strings"
	"testing"
)

func TestLoss(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"loss of each row: [  0.3365   2.5687 100.0000]",
		"[[-0.0298  0.0270  0.0029]",
		"smoothed_vjp(logits, label[1], dout[1]; smoothing=0.1)",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
}
