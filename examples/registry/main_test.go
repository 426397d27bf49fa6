package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
)

func TestRegistry(t *testing.T) {
	zmlx.ClearKernels()
	var b strings.Builder
	if err := run(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`rms +[0-9a-f]{8} +1 +5 +true`, `rms +[0-9a-f]{8} +1 +1 +true`, `twice +[0-9a-f]{8} +1 +5 +true`, `twice\(x\) -> out`} {
		if !regexp.MustCompile(want).MatchString(b.String()) {
			t.Errorf("output lacks %s:\n%s", want, b.String())
		}
	}
}
