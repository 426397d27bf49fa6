package opt_test

// This file implements tests of Unroll on single kernels.

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
)

// Loops whose turns depend on what their heads and bodies do.
func TestUnrollCases(t *testing.T) {
	for _, tc := range []struct{ name, body string }{
		{"head of one turn", `var %i.0 u32
var %y.1 u32
%i.0 = mov u32 0u32
loop L0 head {
%2 = load u32 [@x + 4]
%3 = mul u32 %2, %2
%y.1 = mov u32 %3
%4 = lt u32 %i.0, 1u32
} while %4 body {
store u32 [@x + 4], 7u32
} step {
%i.0 = add u32 %i.0, 1u32
}
store u32 [@x + 8], %y.1`},
		{"stale", `var %i.0 u32
var %y.1 u32
var %x.6 u32
%x.6 = mov u32 1u32
%i.0 = mov u32 0u32
loop L0 head {
%2 = add u32 %x.6, 1u32
%3 = mul u32 %2, %2
%y.1 = mov u32 %3
%4 = lt u32 %i.0, 1u32
} while %4 body {
%x.6 = load u32 [@x]
} step {
%i.0 = add u32 %i.0, 1u32
}
store u32 [@x + 8], %y.1`},
		{"step by the head's variable", `var %i.0 u32
var %y.1 u32
var %n.5 u32
%n.5 = mov u32 0u32
%i.0 = mov u32 0u32
loop L0 head {
%y.1 = mov u32 1u32
%4 = lt u32 %i.0, 4u32
} while %4 body {
%y.1 = load u32 [@x]
%n.5 = add u32 %n.5, 1u32
} step {
%i.0 = add u32 %i.0, %y.1
}
store u32 [@x + 8], %n.5`},
		{"bool", `var %i.0 u32
var %b.1 bool
%i.0 = mov u32 0u32
%b.1 = mov bool false
loop L0 head {
%2 = lt u32 %i.0, 3u32
} while %2 body {
%3 = load u32 [@x]
%4 = lt u32 %3, 2u32
if %4 {
%b.1 = lt u32 %i.0, 2u32
}
} step {
%i.0 = add u32 %i.0, 1u32
}
if %b.1 {
store u32 [@x + 4], 9u32
}`},
	} {
		const head = "kernel k {\n  param @x device u32 output\n"
		f, err := ir.Parse("t", head+tc.body+"\n}")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if err := ir.Verify(f); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		want := walk(f)
		g := opt.Unroll(f)
		if err := ir.Verify(g); err != nil {
			t.Errorf("%s: %v\n%s", tc.name, err, ir.Print(g))
			continue
		}
		if d := cmp.Diff(want, walk(g)); d != "" {
			t.Errorf("%s: %s\n%s", tc.name, d, ir.Print(g))
		}
	}
}
