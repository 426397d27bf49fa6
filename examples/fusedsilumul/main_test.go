package main

import (
	"strings"
	"testing"
)

func TestFusedSiluMul(t *testing.T) {
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for _, want := range []string{
		"float32  operations  1 kernel  agrees: true",
		"bfloat16 kernel      1 kernel  agrees: true",
		"float16  operations  1 kernel  agrees: true",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "false") {
		t.Errorf("something is false:\n%s", out)
	}
}
