package check_test

// This file implements the tests of the bounds: texts that grow without end
// when templates are instantiated or constants evaluated.

import (
	"fmt"
	"strings"
	"testing"
)

func TestLimits(t *testing.T) {
	var alias, structs, calls, conv, consts, loops strings.Builder
	alias.WriteString("template <typename A, typename B> struct Two {}; using A0 = Two<int, int>;\n")
	structs.WriteString("struct S0 { float a[4]; };\n")
	calls.WriteString("template <int N> int f0(int a) { return a; }\n")
	consts.WriteString("constexpr int c0(int a) { return a + 1; }\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&alias, "using A%d = Two<A%d, A%d>;\n", i, i-1, i-1)
		fmt.Fprintf(&structs, "struct S%d { S%d a, b; };\n", i, i-1)
		fmt.Fprintf(&calls, "template <int N> int f%d(int a) { return f%d<N * 2>(a) + f%d<N * 2 + 1>(a); }\n", i, i-1, i-1)
		fmt.Fprintf(&conv, "struct C%d; ", i)
		fmt.Fprintf(&consts, "constexpr int c%d(int a) { return c%d(a) + c%d(a); }\n", i, i-1, i-1)
	}
	for i := 1; i < 20; i++ {
		fmt.Fprintf(&conv, "struct C%d {", i)
		for j := 1; j < 20; j++ {
			if j != i {
				fmt.Fprintf(&conv, " C%d(C%d c) {}", i, j)
			}
		}
		conv.WriteString(" };\n")
	}
	loops.WriteString("constexpr int loop() { int n = 0; for (int i = 0; i < 2000000000; ++i) { n += i; } return n; }\n")
	nest := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	big := strings.Repeat("constant float t@[1000000] = {1};\n", 40)
	for i := range 40 {
		big = strings.Replace(big, "@", fmt.Sprint(i), 1)
	}
	use := ""
	for i := range 40 {
		use += fmt.Sprintf("out[0] += t%d[1];", i)
	}
	for _, c := range []struct{ name, header, body, want string }{
		{"aliases", alias.String(), "A59 a; out[0] = 1;", ""},
		{"aliases in an error", alias.String(), "A59 a = 1.0f;", "MismatchedTypes"},
		{"structs", structs.String(), "S59 s; out[0] = 1;", "InvalidSize"},
		{"instances", calls.String(), "outi[0] = f59<1>(2);", "TooComplex"},
		{"conversions", conv.String(), "C1 a = 1.0f;", "MismatchedTypes"},
		{"constant calls", consts.String(), "constexpr int n = c59(1);", "NotConstant"},
		{"constant loop", loops.String(), "constexpr int n = loop();", "NotConstant"},
		{"braces", "struct S { int v; };", "S s = " + nest("S{", "}", 60) + ";", ""},
		{"assignments", "struct S { int v; thread S& operator=(int o) { v = o; return *this; } };", "S s; " + nest("s = (", ")", 100) + ";", ""},
		{"calls", "struct S { float max(float a) { return a; } float f() { return " + nest("max(", ")", 100) + "; } };", "S s; out[0] = s.f();", ""},
		{"tables", big, use, "TooComplex"},
		{"names", "", strings.Repeat("nope(1);\n", 10000), "UndeclaredFunction"},
		{"text", "", strings.Repeat("out[0] = x[0] + 1;\n", 50000), ""},
		{"array of arrays", "", "float a" + strings.Repeat("[1000]", 30) + ";", "InvalidSize"},
		{"template text", "template <int M> struct D { static constexpr int v = D<M - 1>::v + D<M - 2>::v; }; template <> struct D<0> { static constexpr int v = 1; }; template <> struct D<1> { static constexpr int v = 1; };", "outi[0] = D<40>::v;", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			prog, errs := checkText(t, "", c.header, c.body)
			errs.Sort()
			switch {
			case c.want == "" && (prog == nil || len(errs.Diags) > 0):
				t.Errorf("findings: %.2000v", errs)
			case c.want != "" && (len(errs.Diags) == 0 || string(errs.Diags[0].Code) != c.want):
				t.Errorf("want %s, got: %.2000v", c.want, errs)
			}
			if n := len(errs.Error()); n > 100000 {
				t.Errorf("%d bytes of findings", n)
			}
		})
	}
}
