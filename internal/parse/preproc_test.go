package parse

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

// preprocess returns the tokens of a text, one space between them.
func preprocess(text string, cfg Config) (string, *source.List) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	toks := newPre(&cfg, errs).tokens(set.Add("t", text), nil)
	var words []string
	for _, tok := range toks[:len(toks)-1] {
		words = append(words, tok.text)
	}
	return strings.Join(words, " "), errs
}

func TestPreprocessor(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"object", "#define N 4\nN N2 N", "4 N2 4"},
		{"function", "#define F(a, b) a + b * a\nF(1, (2, 3)) F F (x,)", "1 + ( 2 , 3 ) * 1 F x + * x"},
		{"no space", "#define F (a)\nF(b)", "( a ) ( b )"},
		{"nested", "#define A(x) B(x, x)\n#define B(x, y) [x|y]\nA(A(1))", "[ [ 1 | 1 ] | [ 1 | 1 ] ]"},
		{"recursion", "#define f(x) x + f(x)\n#define a b\n#define b a c\nf(1) a", "1 + f ( 1 ) a c"},
		{"argument names the macro", "#define f(x) (x)\nf(f)(2) f(f(3))", "( f ) ( 2 ) ( ( 3 ) )"},
		{"call made of two", "#define f(x) [x]\n#define g f\ng(1) g\n(2)", "[ 1 ] [ 2 ]"},
		{"paste", "#define CAT(a, b) a ## b\n#define XCAT(a, b) CAT(a, b)\n#define N 4\nCAT(float, N) XCAT(float, N) CAT(,x) CAT(x,) CAT(1, .5f)", "floatN float4 x x 1.5f"},
		{"paste operators", "#define C(a,b) a##b\nx C(<,<) y C(+,=) z C(&,&) w", "x << y += z && w"},
		{"paste twice", "#define C(a,b,c) a##b##c\nC(x,,y) C(,,z) C(u,v,w)", "xy z uvw"},
		{"stringize", "#define S(x) #x\n#define N 4\nS(a  +  b) S(\"q\\n\") S(N)", `"a + b" "\"q\\n\"" "N"`},
		{"variadic", "#define V(a, ...) g(a, __VA_ARGS__)\n#define W(...) h(__VA_ARGS__)\n#define X(f, ...) f(0, ##__VA_ARGS__)\nV(1, 2, 3) W() W(1) X(k) X(k, 1, 2)",
			"g ( 1 , 2 , 3 ) h ( ) h ( 1 ) k ( 0 ) k ( 0 , 1 , 2 )"},
		{"named variadic", "#define V(a...) g(a)\nV(1, 2)", "g ( 1 , 2 )"},
		{"undef", "#define A 1\n#undef A\n#undef B\nA", "A"},
		{"continuation", "#define LONG(x) \\\n  do { x; } \\\n  while (0)\nLONG(a \\\n+ b); c\\\nd", "do { a + b ; } while ( 0 ) ; cd"},
		{"arguments over lines", "#define F(a, b) a-b\nF(1, // one\n  /* two */ 2)", "1 - 2"},
		{"comments", "#define A /* x */ 1 // y\nA /* multi\nline */ B // end \\\n still\nC", "1 B C"},
		{"conditionals", "#if 0\na\n#elif 1\nb\n#elif 1\nc\n#else\nd\n#endif\ne", "b e"},
		{"nested conditionals", "#if 1\n#if 0\na\n#if 1\nb\n#endif\n#else\nc\n#endif\nd\n#else\n#if 1\ne\n#else\nf\n#endif\n#endif\ng", "c d g"},
		{"ifdef", "#define A\n#ifdef A\n1\n#endif\n#ifndef A\n2\n#else\n3\n#endif\n#ifdef INFINITY\n4\n#endif\n#ifdef M_FOO\n5\n#endif", "1 3 4"},
		{"skipped text", "#if 0\nit's \"odd @ $ #\n # not // a \\\n#endif\n/* #endif\n*/\n\"/*\"\n#endif\nx", "x"},
		{"directive with space", "  #  define A 2\n # /* c */ if A == 2 // yes\nA\n#\n  # endif", "2"},
		{"not a directive", "#define H(x) #x\nH(#if) a", `"#if" a`},
		{"predefined", "__METAL__ METAL_FUNC\n#if __METAL_VERSION__ >= 310 && defined(__HAVE_BFLOAT__) && !defined __FAST_MATH__\nok\n#endif", "1 inline ok"},
		{"given", "#ifdef __FAST_MATH__\nfast FOO\n#endif", "fast a + 1"},
		{"pragma", "#pragma unroll\n_Pragma(\"unroll\") for\n#define U _Pragma(\"clang loop unroll(full)\")\nU while\n#pragma METAL fp math_mode(fast)\nx", "for while x"},
		{"line", "__LINE__\n#line 70\n\n__LINE__ __FILE__", `1 4 "t"`},
		{"include", "#include <metal_stdlib>\n#include \"mlx/backend/metal/kernels/utils.h\"\n#import <simd/simd.h>\nx", "x"},
		{"keyword as macro", "#define inline\n#define half float\ninline half x", "float x"},
		{"shift stays", "#define R(a) a >> 2\nR(x) >>= 1", "x > > 2 > >= 1"},
		{"has include", "#if __has_include(<metal_tensor>)\na\n#else\nb\n#endif", "b"},
	} {
		got, errs := preprocess(tt.text, Config{Defines: map[string]string{"__FAST_MATH__": "1", "FOO": "a + 1"}})
		if tt.name == "predefined" {
			got, errs = preprocess(tt.text, Config{})
		}
		if err := errs.Err(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got != tt.want {
			t.Errorf("%s: %q becomes\n%s\nwant\n%s", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		x    string
		want bool
	}{
		{"1 + 2 * 3 == 7", true}, {"(1 + 2) * 3 == 7", false}, {"10 - 3 - 2 == 5", true}, {"-1 < 0", true}, {"~0 == -1", true},
		{"1 << 3 == 8 && 9 >> 3 == 1", true}, {"0x10 == 16 && 0b11 == 3 && 010 == 8", true}, {"'a' == 97", true},
		{"UNDEFINED", false}, {"!UNDEFINED", true}, {"UNDEFINED == 0", true}, {"true && !false", true},
		{"0 && 1 / 0 || 1", true}, {"1 || 1 % 0", true}, {"1 ? 2 : 3 / 0", true}, {"0 ? 1 : 0 ? 1 : 0", false},
		{"defined(N) && defined N && !defined(M)", true}, {"N >= 3 && N <= 5 && N != 3", true}, {"F(2) == 5", true},
		{"7 % 4 == 3 && (6 & 3) == 2 && (6 | 1) == 7 && (6 ^ 3) == 5", true}, {"1 > 2 > -1", true}, {"201402L <= __cplusplus", true},
		{"-9223372036854775807 - 1 < 0 && (-9223372036854775807 - 1) / -1 < 0", true},
	} {
		got, errs := preprocess("#define N 4\n#define F(x) (x + 3)\n#if "+tt.x+"\nyes\n#endif\n", Config{})
		if err := errs.Err(); err != nil || (got == "yes") != tt.want {
			t.Errorf("#if %s is %v, want %v (%v)", tt.x, got == "yes", tt.want, err)
		}
	}
}

// The header's macros hold in the body.
func TestMacrosOfHeader(t *testing.T) {
	tr, errs := parseText("#define N 4\n#define SQ(x) ((x)*(x))\n#undef METAL_FUNC\n#define METAL_FUNC static\nMETAL_FUNC int f();\n",
		"x = SQ(N);\n#undef N\ny = N;", Config{})
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	if got := PrintDecls(tr.Decls) + PrintStmts(tr.Body.Stmts); got != "static int f();\nx = ((4) * (4));\ny = N;\n" {
		t.Errorf("kernel is\n%s", got)
	}
}

// Parses share the predefined macros, and must not mark them for each other.
func TestPredefinedAreShared(t *testing.T) {
	for range 2 {
		got, _ := preprocess("#define METAL_FUNC METAL_FUNC x\nMETAL_FUNC\n#undef __METAL__\n__METAL__ instantiate_kernel(", Config{})
		if got != "METAL_FUNC x __METAL__ instantiate_kernel" {
			t.Errorf("text becomes %q", got)
		}
	}
}

// Texts made to take for ever, or all memory, are refused in time.
func TestHostile(t *testing.T) {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(end, n) }
	var laugh strings.Builder
	laugh.WriteString("#define A0(x) x x x x x x x x x x\n")
	for i := 1; i < 10; i++ {
		laugh.WriteString("#define A" + string(rune('0'+i)) + "(x) " + strings.Repeat("A"+string(rune('0'+i-1))+"(x) ", 10) + "\n")
	}
	laugh.WriteString("A9(y)")
	paste := "#define D(x) x##x\n#define E(x) D(x)\n" + "y = " + deep("E(", ")", 60) + ";"
	for name, tt := range map[string]struct{ text, code string }{
		"ten to the tenth":   {laugh.String(), "TooLarge"},
		"doubling words":     {strings.Replace(paste, "1", "a", 1), "TooLarge"},
		"doubling arguments": {"#define D(x) x x\ny = " + deep("D(", ")", 100), "TooLarge"},
		"macro nesting":      {"#define D(x) x\ny = " + deep("D(", ")", 100000) + ";", "TooDeep|TooLarge"},
		"parentheses":        {"x = " + deep("(", ")", 200000) + ";", "TooDeep"},
		"braces":             {deep("{", "}", 200000), "TooDeep"},
		"lists":              {"int x = " + deep("{", "}", 200000) + ";", "TooDeep"},
		"unary":              {"x = " + strings.Repeat("-", 200001) + "1;", "TooDeep|BadSyntax"},
		"not":                {"x = " + strings.Repeat("!", 200000) + "1;", "TooDeep"},
		"casts":              {"x = " + strings.Repeat("(int)", 200000) + "1;", "TooDeep"},
		"sums":               {"x = 1" + strings.Repeat("+1", 200000) + ";", "TooDeep"},
		"members":            {"x = a" + strings.Repeat(".b", 200000) + ";", "TooDeep"},
		"assignments":        {strings.Repeat("x = ", 200000) + "1;", "TooDeep"},
		"conditionals":       {strings.Repeat("x ? ", 100000) + "1;", "TooDeep"},
		"else if":            {strings.Repeat("if (x) y; else ", 100000) + "y;", "TooDeep"},
		"if if":              {strings.Repeat("if (x) ", 100000) + "y;", "TooDeep"},
		"template arguments": {"x = " + deep("vec<", ">", 100000) + "();", "TooDeep"},
		"failing casts":      {"x = " + strings.Repeat("(vec<(", 2000) + "1", "TooDeep|TooLarge"},
		"failing arguments":  {"x = " + strings.Repeat("f<int,", 5000) + "1;", "TooDeep|TooLarge|BadSyntax"},
		"pointers":           {"int " + strings.Repeat("*", 100000) + "p;", "TooDeep"},
		"declarators":        {"int " + deep("(*", ")", 100000) + ";", "TooDeep"},
		"dimensions":         {"int a" + strings.Repeat("[2]", 100000) + ";", "TooDeep"},
		"lambdas":            {"auto f = " + strings.Repeat("[]{ return ", 100000), "TooDeep"},
		"structs":            {strings.Repeat("struct S {", 100000), "TooDeep"},
		"condition":          {"#if " + deep("(", ")", 100000) + "\n#endif", "BadDirective"},
		"condition not":      {"#if " + strings.Repeat("!", 100000) + "1\n#endif", "BadDirective"},
		"endless #if":        {strings.Repeat("#if 1\n", 100000), "BadDirective"},
		"errors":             {strings.Repeat("x = ;\n", 100000), "BadSyntax"},
		"bad characters":     {strings.Repeat("@ ", 100000), "BadCharacter"},
		"size":               {strings.Repeat("x;\n", 2<<20), "TooLarge"},
		"tokens":             {strings.Repeat(";", maxTokens+2), "TooLarge"},
		"long string":        {"f(" + strings.Repeat("\"aaaaaaaaaaaaaaaa\"", 100000) + ");", "TooLarge"},
	} {
		_, errs := parseText("", tt.text, Config{Types: []string{"T"}})
		if len(errs.Diags) > 100 {
			t.Errorf("%s: %d errors", name, len(errs.Diags))
		}
		found := false
		for _, d := range errs.Diags {
			found = found || strings.Contains(tt.code, string(d.Code))
		}
		if !found {
			t.Errorf("%s: no %s among %d errors: %.300s", name, tt.code, len(errs.Diags), errs.Error())
		}
	}
}
