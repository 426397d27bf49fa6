package formula

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
	"github.com/zmlx-go/zmlx/internal/source/errortest"
)

func TestDefine(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"f(x)=x", "f(x) = x"},
		{"f(x,r[1],w;eps=1e-6,n=3,p)=x*r*w*eps*n*p", "f(x, r[1], w; eps=1e-6, n=3, p) = x * r * w * eps * n * p"},
		{"f(x; a=-0.0, b=1/2, c=-INFINITY, d=true, e=1e20, g=1000000) = a*b*c*d*e*g*x",
			"f(x; a=-0.0, b=0.5, c=-INFINITY, d=1, e=1e20, g=1e6) = a * b * c * d * e * g * x"},
		{"f(x; p=max(1, 3.5, 2) - -pi/pi) = p*x", "f(x; p=4.5) = p * x"},
		{"f(x) -> y = x", "f(x) -> y = x"},
		{"f(x) -> y, z = x, 2*x", "f(x) -> y, z {\n    return x, 2 * x\n}"},
		{"f(x, y) { _ = y; return x }", "f(x, y) {\n    _ = y\n    return x\n}"},
		{"f(x; p) { _ = p\n return x }", "f(x; p) {\n    _ = p\n    return x\n}"},
		{"f(x, y) = y > 0 ? x : x", "f(x, y) {\n    _ = y\n    return x\n}"},
		{"f(x) -> y, e { e = exp(x)\n return e / sum(e + x), e }",
			"f(x) -> y, e {\n    e = exp(x)\n    return e / sum(e + x), e\n}"},
		{"f(x, t1) { a = exp(x); b = exp(t1); return a*b + a/b }",
			"f(x, t1) {\n    t2 = exp(x)\n    t3 = exp(t1)\n    return t2 * t3 + t2 / t3\n}"},

		// Precedence.
		{"f(a, b, c) = a - (b - c) - (a + b)", "f(a, b, c) = a - (b - c) - (a + b)"},
		{"f(a, b, c) = a * (b / c) / (a % b)", "f(a, b, c) = a * (b / c) / (a % b)"},
		{"f(a, b) = -(a + b) * 3", "f(a, b) = -(3 * (a + b))"},
		{"f(a, b) = - -a + (- - -b)", "f(a, b) = a - b"},
		{"f(a, b) = pow(-a, b) - -2", "f(a, b) = pow(-a, b) - -2"},
		{"f(a, b, c) = (a & b | c ^ a << 2 >> (b >> 1)) & ~c", "f(a, b, c) = (a & b | c ^ a << 2 >> (b >> 1)) & ~c"},
		{"f(a, b, c) = a < b && (b < c || !(a == c)) ? a : b ? c : -c", "f(a, b, c) = a < b && (b < c || a != c) ? a : b != 0 ? c : -c"},
		{"f(a, b) = ((a ? b : a) ? b : a) + (a ? b : a > 1 ? 2 : 3)", "f(a, b) {\n    t1 = a != 0\n    return ((t1 ? b : a) != 0 ? b : a) + (t1 ? b : a > 1 ? 2 : 3)\n}"},
		{"f(a) = !isnan(a) && !(a > 1)", "f(a) = !isnan(a) && !(a > 1)"},

		// Numbers are mathematics.
		{"f(x) = 1/2*x", "f(x) = 0.5 * x"},
		{"f(x) = x*1 + 1*x", "f(x) = 2 * x"},
		{"f(x) = x*1.0", "f(x) = float(x)"},
		{"f(x) = exp(x)*1.0", "f(x) = exp(x)"},
		{"f(x) = 1.5f*x + 0x10 + 1e-3 + 1e300", "f(x) = 1.5 * x + 16 + 0.001 + 1e300"},
		{"f(x) = x + 0/0 + NAN + sqrt(-1)", "f(x) = x + NAN + NAN + NAN"},
		{"f(x) = x + (7 % 3) + (-7 % 3) + pow(2, 3) + pow(2, -1) + (true ? 1 : 0)", "f(x) = x + 1 + -1 + 8 + 0.5 + (true ? 1 : 0)"},
		{"f(x) = 2*(3*x) + 2*(x*0.5)", "f(x) = 6 * x + float(x)"},
		{"f(x) = 1e30*(1e30*x)", "f(x) = 1e30 * (1e30 * x)"},
		{"f(x) = 9007199254740991*2*x", "f(x) = 9007199254740991 * 2 * x"},
		{"f(x) = -0*x + -0.0*x", "f(x) = 0 * x + -0.0 * x"},

		// Bools.
		{"f(x) = (x > 0) * x + sum(x > 1) - mean(x > 2)", "f(x) = (x > 0 ? 1 : 0) * x + sum(x > 1 ? 1 : 0) - mean(x > 2 ? 1 : 0)"},
		{"f(x) = any(x) || all(x > 1)", "f(x) = any(x != 0) || all(x > 1)"},
		{"f(x) = (x > 0) & (x < 1) | !x", "f(x) = x > 0 && x < 1 || x == 0"},
		{"f(x) = (x > 0) ^ (x > 1)", "f(x) = (x > 0 ? 1 : 0) != (x > 1 ? 1 : 0)"},
		{"f(x) = x > 0 ? x > 1 : x < -1", "f(x) {\n    t1 = x > 0\n    return t1 && x > 1 || !t1 && x < -1\n}"},
		{"f(x) = true && x || false", "f(x) = true && x != 0 || false"},
		{"f(x) = bool(x) + float(x > 2)", "f(x) = (x != 0 ? 1 : 0) + float(x > 2 ? 1 : 0)"},
		{"f(x) = +(x > 0)", "f(x) = x > 0 ? 1 : 0"},

		// Functions.
		{"f(x) = metal::exp(x) + metal::precise::sin(x) + fast::cos(x) + fabs(x) + rint(x) + (float)x + static_cast<float>(x)",
			"f(x) {\n    t1 = float(x)\n    return exp(x) + sin(x) + cos(x) + abs(x) + round(x) + t1 + t1\n}"},
		{"f(a, b, c) = max(a, b, c) + min(a, b) + fmax(a, b) + max(a)", "f(a, b, c) {\n    t1 = max(a, b)\n    return max(t1, c) + min(a, b) + t1 + max(a)\n}"},
		{"f(x, a, b) = clamp(x, a, b) + saturate(x)", "f(x, a, b) = min(max(x, a), b) + min(max(x, 0.0), 1.0)"},
		{"f(a, b, c) = select(a, b, c > 0) + where(c > 0, a, b)", "f(a, b, c) {\n    t1 = c > 0\n    return (t1 ? b : a) + (t1 ? a : b)\n}"},
		{"f(a, b, t) = mix(a, b, t) + fma(a, b, t) + step(a, b) + fract(t)", "f(a, b, t) = a + (b - a) * t + (a * b + t) + (b < a ? 0.0 : 1.0) + (t - floor(t))"},
		{"f(x) = relu(x)", "f(x) = x > 0 ? x : 0"},
		{"f(x; key) = x * (uniform(key) > 0.5) + uniform(3)", "f(x; key) = x * (uniform(key) > 0.5 ? 1 : 0) + uniform(3)"},
		{"f(x) = index() * size() + argmax(x) + stop(x)", "f(x) = index() * size() + argmax(x) + stop(x)"},
		{"f(pi) = pi * M_PI_F", "f(pi) = 3.141592653589793 * pi"},
		{"f(x, exp) = exp(exp) + x", "f(x, exp) = exp(exp) + x"},

		// Rewrites.
		{"mish(x) = x * tanh(log(1 + exp(x)))", "mish(x) = x * tanh_softplus(x)"},
		{"softmax(x) = exp(x - max(x)) / sum(exp(x - max(x)))", "softmax(x) = softmax(x)"},
		{"f(x) = x - max(x) - log(sum(exp(x - max(x))))", "f(x) = x - logsumexp(x)"},
		{"f(x) = x - (max(x) + log(sum(exp(x - max(x)))))", "f(x) = x - logsumexp(x)"},
		{"f(x, a[1], b[1]) = log(sum(exp(x - a - b)))", "f(x, a[1], b[1]) = logsumexp(x - a - b)"},
		{"f(x) = exp(log(x)) + expm1(log1p(x))", "f(x) = exp(log(x)) + expm1(log1p(x))"},
		{"f(x) = exp(log(x*x)) + log(exp(x)) + log1p(expm1(x))", "f(x) {\n    t1 = float(x)\n    return float(square(x)) + t1 + t1\n}"},
		{"f(x) = abs(-x) + abs(-sin(x)) + abs(abs(x)) + abs(exp(x))", "f(x) = abs(-x) + abs(sin(x)) + abs(x) + exp(x)"},
		{"f(x, y) = -x / y + -sin(x) / y", "f(x, y) = -x / y - sin(x) / y"},
		{"f(x) = pow(x, 2) + pow(x, 2.0) + pow(x, 1) + pow(x, 1.0)", "f(x) {\n    t1 = float(x)\n    return square(x) + square(t1) + x + t1\n}"},
		{"f(x) = recip(x) + recip(exp(x)) + 1 / sqrt(x)", "f(x) = 1.0 / x + 1 / exp(x) + rsqrt(x)"},
		{"f(x, c[1]) = sum(c * x) + sum(2 * x) + sum(x * c / 2) + sum(c * exp(x)) + sum(-x)",
			"f(x, c[1]) {\n    t1 = sum(x)\n    return sum(c * x) + 2 * t1 + sum(x * c / 2) + c * sum(exp(x)) - t1\n}"},
		{"f(x, c[1]) = x * 0 + sum(c) + mean(c) + max(c) + prod(c) + var(c) + logsumexp(c)",
			"f(x, c[1]) {\n    t1 = float(c)\n    return 0 * x + c * size() + t1 + c + pow(c, size()) + (t1 - t1) + (c + log(size()))\n}"},
		{"f(x, c[1]) = x * 0 + softmax(c)", "f(x, c[1]) = 0 * x + (c == -INFINITY ? 0.0 : exp(c - c) / size())"},
	} {
		f, err := Define(tt.text)
		if err != nil {
			t.Errorf("%s:\n%v", tt.text, err)
			continue
		}
		if got := f.String(); got != tt.want {
			t.Errorf("%s\nis   %s\nwant %s", tt.text, got, tt.want)
		}
		checkRoundTrip(t, f)
	}
}

// checkRoundTrip reads what f prints.
func checkRoundTrip(t testing.TB, f *Formula) {
	t.Helper()
	text := f.String()
	g, err := Define(text)
	if err != nil {
		t.Errorf("%s\ncannot be read:\n%v", text, err)
		return
	}
	if again := g.String(); again != text {
		t.Errorf("%s\nis read as\n%s", text, again)
	}
	if a, b := len(Reachable(f.Nodes()...)), len(Reachable(g.Nodes()...)); a != b {
		t.Errorf("%s\nhas %d nodes, and %d when read again", text, a, b)
	}
}

// Long and deep formulas are cut into steps that parse.
func TestPrintLarge(t *testing.T) {
	for _, step := range []string{"t = sin(%s)", "t = exp(%s - 1)", "t = 1 - %s", "t = %s + x", "t = x - %s", "t = %s < x ? x : 2"} {
		g := NewGraph()
		f := &Formula{Name: "f", Inputs: []In{{Name: "x"}}, Graph: g}
		var b strings.Builder
		b.WriteString("f(x) {\n t0 = x\n")
		for i := range 2000 {
			fmt.Fprintf(&b, "%s\n", strings.Replace(fmt.Sprintf(step, fmt.Sprintf("t%d", i)), "t =", fmt.Sprintf("t%d =", i+1), 1))
		}
		b.WriteString(" return t2000\n}")
		f, err := Define(b.String())
		if err != nil {
			t.Fatal(err)
		}
		checkRoundTrip(t, f)
		for line := range strings.Lines(f.String()) {
			if len(line) > 2000 {
				t.Errorf("a line of %d characters", len(line))
			}
		}
	}
}

func TestSpans(t *testing.T) {
	text := "f(x, w) {\n  h = x * w\n  return sum(h) + exp(x)\n}"
	f, err := Define(text)
	if err != nil {
		t.Fatal(err)
	}
	want := map[Op]string{Input: "", Mul: "x * w", Sum: "sum(h)", Exp: "exp(x)", Add: "sum(h) + exp(x)"}
	for _, n := range Reachable(f.Nodes()...) {
		if got := text[n.Span.Pos-1 : n.Span.End-1]; want[n.Op] != "" && got != want[n.Op] {
			t.Errorf("%v comes from %q, want %q", n.Op, got, want[n.Op])
		}
	}
}

func TestDefineErrors(t *testing.T) {
	for _, text := range []string{
		"f(x) = y /* ERROR \"undeclared name 'y' .UndeclaredName. make it an input\" */ + x",
		"f(hidden) = hiden /* ERROR \"undeclared name 'hiden'.*did you mean hidden\" */ + hidden",
		"f(x) = x + INFINTY /* ERROR \"did you mean INFINITY\" */",
		"f(x) = x + exp /* ERROR \"undeclared name 'exp'.*is a function; call it as exp.x.\" */",
		"f(x) = x + a::b /* ERROR \"undeclared name 'a::b'\" */",
		"f(x) = expp /* ERROR \"definitions have no function 'expp' .UndeclaredFunction. did you mean exp\" */ (x)",
		"f(x) = maximum /* ERROR \"write max\" */ (x, 0)",
		"f(x) = std::exp /* ERROR \"no function 'std::exp'.*write exp or metal::exp\" */ (x)",
		"f(x) = x /* ERROR \"no function 'x'.*'x' is a value; multiplication\" */ (2)",
		"f(x) = (x + 1)(2) /* ERROR \"calls something that is not a name\" */",
		"f(x, x /* ERROR \"input 'x' has the name of an earlier input .Redeclared\" */) = x",
		"f(x; x /* ERROR \"parameter 'x' has the name of an earlier input\" */) = x",
		"f(x) -> x /* ERROR \"output 'x' has the name of an earlier input\" */ = x",
		"f(x) -> a, a /* ERROR \"output 'a' has the name of an earlier output\" */ = x, x",
		"f(x) { h = x\n h /* ERROR \"step 'h' has the name of an earlier step.*name of its own\" */ = h + 1\n return h }",
		"f(_ /* ERROR \"no name that could be used\" */) = 1",
		"f(x, y /* ERROR \"input 'y' is never used .UnusedInput.*_ = y\" */) = x",
		"f(x; p /* ERROR \"parameter 'p' is never used .UnusedParam\" */) = x",
		"f(x) { h /* ERROR \"step 'h' is never used .UnusedStep\" */ = x; return x }",
		"f /* ERROR \"has no inputs .NoInputs\" */ (; p) = p",
		"f(x; p=x /* ERROR \"default of 'p' is not a constant .NotConstant\" */) = p*x",
		"f(x; p=y /* ERROR \"undeclared name 'y'\" */) = p*x",
		"f(x) = x, x /* ERROR \"2 results and no names for them .WrongArgCount\" */",
		"f(x) -> a = x, x /* ERROR \"2 results for 1 outputs\" */",
		"f(x) -> a, b = x /* ERROR \"1 results for 2 outputs\" */",
		"f(x) = clamp(x, 0) /* ERROR \"clamp has 2 arguments, and is called as clamp.x, lo, hi. .WrongArgCount\" */",
		"f(x) = sum(x, 1) /* ERROR \"sum has 2 arguments.*along the last axis\" */",
		"f(x) = exp() /* ERROR \"exp has 0 arguments\" */ + x",
		"f(x) = size(x) /* ERROR \"size has 1 argument, and\" */",
		"f(x) = max() /* ERROR \"max has 0 arguments, and is called as max.x. or max.a, b.\" */ + x",
		"f(x) = max(x > 0) /* ERROR \"max of a bool .InvalidOperand. write any\" */",
		"f(x) = var(x > 0) /* ERROR \"var of a bool\" */",
		"f(x) = softmax(x > 0) /* ERROR \"softmax of a bool\" */",
		"f(x) = exp(x) ^ /* ERROR \". is for integers, found a float .InvalidOperand. a power is written pow\" */ 2",
		"f(x) = ~exp(x) /* ERROR \"~ is for integers, found a float\" */",
		"f(x) = ~(x > 0) /* ERROR \"found a bool.*write !\" */",
		"f(x) = x ** /* ERROR \"no operator ..*pow.x, 2\" */ 2",
		"f(x) = 0 < x < /* ERROR \"< compares a number with the bool of <.*a < b && b < c\" */ 1",
		"f(x) = x = /* ERROR \"an assignment cannot stand\" */ 2",
		"f(x) = x[0] /* ERROR \"no indexing\" */",
		"f(x) = x.y /* ERROR \"definitions have no members\" */",
		"f(x) = x++ /* ERROR \"no operator ..\" */",
		"f(x) = --x /* ERROR \"no prefix operator --\" */",
		"f(x) = (x, 1) /* ERRORLINE \"no comma operator\" */",
		"f(x) = 'a' /* ERROR \"no character literals\" */ + x",
		"f(x) = x + \"a\" /* ERROR \"no strings\" */",
		"f(x) = sizeof(x) /* ERROR \"no sizeof\" */",
		"f(x) = nullptr /* ERROR \"no expressions of this kind\" */",
		"f(x) = exp<float>(x) /* ERRORLINE \"no templates\" */",
		"f(x) = float2(x, x) /* ERROR \"no vectors and lists\" */",
		"f(x) = [&](int i) { return i; } /* ERROR \"no lambdas\" */",
		"f(x) = int(x) /* ERROR \"no casts to int .InvalidCast. trunc\" */",
		"f(x) = (half)x /* ERROR \"no casts to half.*one float type\" */",
		"f(x) = x % 9007199254740992 /* ERROR \"not below 2.53 .BadConstant\" */",
		"f(x) = x * uniform(x) /* ERROR \"key of uniform is neither a parameter nor a constant .NotConstant\" */",
		"f(x) { a = p /* ERROR \"undeclared name 'p'\" */\n b = q /* ERROR \"undeclared name 'q'\" */\n return a + b + x }",
	} {
		_, err := Define(text)
		var list *source.List
		if !errors.As(err, &list) {
			t.Errorf("%s: the error is %v", text, err)
			continue
		}
		errortest.Check(t, list.Set, list.Diags)
	}
}

// Texts that are wrong in a random way, or right, never panic, and what is
// accepted prints as what is accepted.
func TestDefineMutated(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	pieces := strings.Fields("( ) { } [1] ; , = -> + - * / % < > == && || ! ~ ? : x w h eps 1 2.5 1e-6 0 exp sum max min " +
		"log select where relu sqrt pow softmax logsumexp index() size() return true NAN INFINITY float (float) metal:: \n")
	accepted := 0
	for range 20000 {
		words := strings.Fields(mutationSeeds[r.Intn(len(mutationSeeds))])
		for range 1 + r.Intn(3) {
			i := r.Intn(len(words))
			switch r.Intn(3) {
			case 0:
				words[i] = pieces[r.Intn(len(pieces))]
			case 1:
				words[i] += " " + pieces[r.Intn(len(pieces))]
			case 2:
				words[i] = ""
			}
		}
		f, err := Define(strings.Join(words, " "))
		if err == nil {
			accepted++
			checkRoundTrip(t, f)
		}
		if t.Failed() {
			t.Fatal(strings.Join(words, " "))
		}
	}
	if accepted < 500 {
		t.Errorf("only %d texts were accepted", accepted)
	}
}

var mutationSeeds = []string{
	"f ( x , w ; eps = 1e-6 ) = x * rsqrt ( mean ( x * x ) + eps ) * w",
	"f ( x , w ) = exp ( x - max ( x ) ) / sum ( exp ( x - max ( x ) ) ) + w",
	"f ( x ) { h = log ( 1 + exp ( x ) ) ; return h * h - sqrt ( x * x ) }",
	"f ( x , w [1] ) -> h , g { h = x > 0 ? x - w : - x ; return h , sum ( h * w ) }",
	"f ( x ) = x - max ( x ) - log ( sum ( exp ( x - max ( x ) ) ) )",
	"f ( x , w ) = ! ( x < w ) && x != 0 || w == 1",
	"f ( x , w ) = x % 3 + ( w & 7 ) - ~ x * 2 / 4 + 1 / ( 1 + exp ( - x ) )",
}

func FuzzDefine(f *testing.F) {
	for _, s := range mutationSeeds {
		f.Add(s)
	}
	f.Add("f(x) -> a, b {\n  _ = x // c\n  return 1/2, -0.0 /* d */ }")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		def, err := Define(text)
		if err != nil {
			if err.Error() == "" {
				t.Error("an empty error")
			}
			return
		}
		checkRoundTrip(t, def)
	})
}

// Large texts take time and space in proportion.
func TestDefineLarge(t *testing.T) {
	chain := func(step string, n int) string {
		var b strings.Builder
		b.WriteString("f(x, c[1]) {\n t0 = x + c\n")
		for i := range n {
			fmt.Fprintf(&b, "t%d = %s\n", i+1, strings.ReplaceAll(step, "$", fmt.Sprintf("t%d", i)))
		}
		fmt.Fprintf(&b, "return t%d }", n)
		return b.String()
	}
	const n = 20000
	for _, text := range []string{
		"f(x) = max(" + strings.Repeat("x + 1, ", n) + "x)",
		"f(x) = " + strings.Repeat("x - ", 4000) + "x",
		"f(x) = " + strings.Repeat("- ", 200) + "x",
		"f(x) = " + strings.Repeat("relu(", 100) + "x" + strings.Repeat(")", 100),
		chain("$ * sigmoid($) + $ * $", n/2), // shared: as a tree it has 2^n nodes
		chain("-$ * 2", n),
		chain("$ - c", n),
		chain("exp($ - max($)) / sum(exp($ - max($))) - c", n/4),
		chain("x - (max(x) + log(sum(exp($ - max($)))))", n/4),
		chain("2 * (c * sum($ * c))", n/2),
		chain("$ > 0 ? $ : $ + 1", n),
		chain("!($ > 0) && $", n/2),
	} {
		f, err := Define(text)
		if err != nil {
			t.Errorf("%.60s…: %.500v", text, err)
			continue
		}
		if f.Graph.Len() > 10*n {
			t.Errorf("%.60s…: %d nodes", text, f.Graph.Len())
		}
		if s := f.String(); len(s) > 100*n {
			t.Errorf("%.60s…: prints %d bytes", text, len(s))
		}
		checkRoundTrip(t, f)
	}
	for _, text := range []string{
		"f(x) = " + strings.Repeat("(", n) + "x", "f(x) = " + strings.Repeat("-", n) + "x", "f(x) = " + strings.Repeat("x ? ", n), "f(" + strings.Repeat("x,", n) + ") = x",
		"f(x) = " + strings.Repeat("x + ", n) + "x", "f(x) = " + strings.Repeat("(float)", n) + "x", "f(x) = x" + strings.Repeat("[", n), "f(x) = x" + strings.Repeat("(x)", n),
		strings.Repeat("@", n), "f(x) = " + strings.Repeat("y + ", 4000) + "z", chain("y + z", n),
	} {
		if _, err := Define(text); err == nil {
			t.Errorf("%.60s… is accepted", text)
		}
	}
}

// Of a text with many mistakes, the first ones are reported.
func TestManyErrors(t *testing.T) {
	var unused, same strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&unused, "t%d = x\n", i)
		same.WriteString("h = x\n")
	}
	for _, text := range []string{
		"f(x) {\n" + unused.String() + "return x }", "f(x) {\n" + same.String() + "return h }", "f(x) {\n" + strings.ReplaceAll(unused.String(), "x", "u") + "return x }",
		"f(x, " + strings.Repeat("x, ", 3000) + "y) = x + y",
	} {
		_, err := Define(text)
		var list *source.List
		if !errors.As(err, &list) {
			t.Fatalf("%.40s is accepted", text)
		}
		if n := list.Errors(); n == 0 || n > maxErrors {
			t.Errorf("%.40s… has %d errors", text, n)
		}
	}
}
