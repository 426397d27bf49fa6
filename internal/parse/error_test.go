package parse

import (
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
	"github.com/zmlx-go/zmlx/internal/source/errortest"
)

// Bodies with their errors. A line "=== header" starts the header's text.
var errorTests = map[string]string{
	"semicolons": `
int a = 1 /* ERROR "expected ';' after the declaration, found 'int' .MissingSemicolon" */
int b = 2;
a = b /* ERROR "MissingSemicolon" */
b = a;
return /* ERROR "found end of text, expected an expression" */
`,
	"brackets": `
int a = (1 + 2; /* ERRORLINE "found ';', expected '\\)'" */
int b[3;        /* ERRORLINE "found ';', expected '\\]'" */
int c = 1) /* ERROR "this '\\)' closes nothing" */ ;
float d = f(1, 2; /* ERRORLINE "expected '\\)'" */
int e = 3;
`,
	"braces": `
if (a) { b = 1;
} } /* ERROR "closes nothing" */
c = 2;
`,
	"open brace": `
for (int i = 0; i < 3; ++i) { /* ERROR "this '{' has no '}' .MissingBracket" */ a = 1;
`,
	"types": `
flaot /* ERROR "unknown type 'flaot' .UnknownType. did you mean float" */ x = 1;
int32 /* ERROR "did you mean int" */ y = 1;
let /* ERROR "did you mean auto" */ z = 2;
Foo /* ERROR "unknown type 'Foo'" */ <T, 4> g;
metal::flaot4 /* ERROR "unknown type 'flaot4'.*did you mean float4" */ h;
__shared__ /* ERROR "did you mean threadgroup" */ float s[32];
uint uint /* ERROR "two types, 'uint' and 'uint'" */ lane = 1;
uint row = 2;
auto [ /* ERROR "structured bindings are not" */ u, w] = h;
out b /* ERRORLINE "expected ';'" */;
vec3 /* ERROR "unknown type 'vec3'" */ v;
`,
	"operand": `
int a = ; /* ERRORLINE "found ';', expected an expression" */
int b = 1 + ; /* ERRORLINE "found ';', expected an expression" */
int c = float /* ERROR "'float' is a type" */ + 1;
int d = a ? 1; /* ERRORLINE "expected ':' of the conditional" */
f(1, ); /* ERRORLINE "an argument" */
x[] /* ERROR "expected an index" */ = 1;
`,
	"features": `
goto /* ERROR "goto is not in the kernel language" */ end;
try /* ERROR "exceptions are not" */ { a = 1; }
throw /* ERROR "exceptions" */ 1;
int *p = new /* ERROR "new is not.*cannot allocate" */ int[3];
delete /* ERROR "delete is not" */ p;
asm /* ERROR "asm" */ ("nop");
label /* ERROR "labels are not" */ : a = 1;
b = dynamic_cast /* ERROR "dynamic_cast" */ <int>(a);
for (int i /* ERRORLINE "range-based for is not" */ : a) b = i;
float (*f /* ERRORLINE "function pointers" */)(float) = g;
S s = { .a = 1 }; /* ERRORLINE "unknown type 'S'" */
float2 s = { . /* ERROR "designated" */ x = 1 };
thread_local /* ERROR "thread_local" */ int q;
case /* ERROR "outside of switch" */ 1: a = 2;
else /* ERROR "else without if" */ a = 3;
co_await /* ERROR "coroutines" */ x;
`,
	"keyword as a name": `
int kernel = /* ERROR "expected a name.*'kernel' is a word of the language" */ 3;
float device /* ERRORLINE "'device' is a word of the language" */ ;
`,
	"nested function": `
float square /* ERROR "function 'square' is declared inside a function.*move it to the header" */ (float x) { return x * x; }
kernel void whole /* ERROR "declared inside a function.*give the kernel's body alone" */ (device float *x [[buffer(0)]]) { x[0] = 1; }
int x = 1;
template /* ERROR "template cannot stand" */ <typename T> struct Q { T x; };
namespace /* ERROR "namespace can stand only" */ a { int b; }
int y = 2 /* ERROR "MissingSemicolon" */
`,
	"characters": `
a = 1 − /* ERRORLINE "BadCharacter.*minus" */ 2;
s = “x /* ERRORLINE "straight quotes" */;
// − comments may hold anything: ü “x” 中
b = @ /* ERROR "BadCharacter" */ c;
`,
	"literals": `
a = 1f /* ERROR "floating suffix but no point .BadLiteral. write 1.0f" */ ;
b = 09 /* ERROR "octal" */ ;
c = 99999999999999999999 /* ERROR "64 bits" */ ;
d = 1.5x /* ERROR "malformed" */ ;
e = 0x /* ERROR "no digits" */ ;
f = 12abc /* ERROR "unknown suffix" */ ;
g = 'ab' /* ERROR "malformed character" */ ;
h = 1.0L /* ERROR "long double" */ ;
i = 0b12 /* ERROR "suffix" */ ;
`,
	"switch": `
switch (a) {
  b = 1 /* ERRORLINE "before the first case" */ ;
case 1 ... /* ERROR "ranges of cases" */ 3: a = 1;
default: a = 2;
}
switch (a) c = 1; /* ERRORLINE "expected '{'" */
`,
	"conditions": `
if a /* ERROR "found 'a', expected '\\(' after if" */ { b = 1; }
while (int /* ERROR "a declaration in the condition" */ x = 1) { b = 2; }
do { b = 1; } until /* ERROR "'while' after the body of do" */ (x);
for (int i = 0; i < 3, ++i) /* ERROR "found '\\)', expected ';' between" */ { a = ; /* ERRORLINE "found ';', expected an expression" */ }
if (1 b) /* ERRORLINE "found 'b', expected '\\)'" */ { c = 1 + ; /* ERRORLINE "found ';', expected an expression" */ } else d = 2;
`,
	"directives": `
#if 1
#esle /* ERROR "unknown directive #esle .BadDirective. did you mean #else" */
#endif
#endif /* ERROR "endif without" */
#else /* ERROR "else without" */
#include "mlx/backend/metal/kernels/steel/gemm/gemm.h" /* ERROR "cannot include .*paste the text of gemm.h" */
#include "mlx/backend/metal/kernels/utils.h"
#include <metal_stdlib>
#include <simd/simd.h>
#error /* ERROR "#error: .*no such size" */ no such size
#warning /* WARNING "#warning: .*slow" */ slow
#define /* ERROR "needs a name" */
#define F(x /* ERRORLINE "expected '.'" */
#if 1 + /* ERRORLINE "expected a number or a name" */
#endif
#if 4 / 0 /* ERRORLINE "division by zero" */
#endif
#if 0 && 4 / 0
#endif
#if HEAD_DIM /* WARNING "'HEAD_DIM' is 0 here.*TemplateInPreprocessor. use a plain if" */ == 128
#endif
#ifdef T /* WARNING "'T' is not defined" */
#endif
#if UNKNOWN
a b c d e
#endif
#if 1 /* ERRORLINE "no #endif" */
`,
	"macros": `
#define ADD(a, b) ((a) + (b))
#define TWICE(x) ADD(x, x
x = ADD(1 /* ERROR "takes 2 arguments, found 1" */ );
x = ADD(1, 2, 3) /* ERROR "takes 2 arguments, found 3" */ ;
#define BAD(a) a ## /* ERRORLINE "## cannot stand" */
#define CAT(a, b) a ## b
z = CAT(+, /) /* ERROR "joins '.' and '/', which is no token" */ ;
x = ADD /* ERROR "no closing parenthesis" */ (1, (2
`,
	"comment": `
a = 1;
/* ERRORLINE "this comment has no end" */ /* b = 2;
`,
	"quotes": `
s = 'a; /* ERRORLINE "no partner" */
t = 1;
`,
	"storage": `
device constant /* ERROR "two address spaces" */ float *p;
unsigned float /* ERROR "no type together" */ x;
int float /* ERROR "two types" */ y;
long short /* ERROR "no type together" */ z;
static_cast( /* ERROR "found '\\(', expected '<'" */ x);
`,
	"header": `
a = 1;
=== header
int f(int x) { return x }  /* ERRORLINE "expected ';' after return, found '}'" */
struct S { int a; virtual /* ERROR "virtual is not" */ void f(); int b : /* ERROR "bit-fields are not" */ 3; ~ /* ERROR "destructors" */ S(); friend /* ERROR "friend" */ int g(); };
template <typename... /* ERROR "parameter packs are not" */ Ts> void g(Ts... ts);
template <template /* ERROR "template template" */ <class> class C> void h();
for /* ERROR "outside any function" */ (int i = 0; i < 3; ++i) {}
foo /* ERROR "'foo' has no type" */ (1, 2);
void S::f /* ERRORLINE "definitions of members outside" */ () {}
int printf(const constant char *s, ... /* ERROR "variadic functions" */ );
extern /* ERROR "extern" */ "C" { }
return 1; /* ERRORLINE "found 'return' outside any function" */
fn /* ERROR "unknown type 'fn'" */ foo(int x) { return x; }
int last = 3;
} /* ERROR "closes nothing" */
`,
}

func TestErrors(t *testing.T) {
	for name, text := range errorTests {
		t.Run(name, func(t *testing.T) {
			body, header, _ := strings.Cut(text, "=== header")
			set := &source.Set{}
			errs := &source.List{Set: set}
			var h *source.File
			if header != "" {
				h = set.Add("header", header)
			}
			cfg := Config{Types: []string{"T"}, Values: []string{"HEAD_DIM", "out"}}
			Kernel(set, h, set.Add("body", body), cfg, errs)
			errortest.Check(t, set, errs.Diags)
		})
	}
}

// An error in a macro's replacement says that it lies there.
func TestErrorInMacro(t *testing.T) {
	_, errs := parseText("", "#define OPEN(x) f(x\ny = OPEN(1);", Config{})
	if s := errs.Error(); len(errs.Diags) != 1 || !strings.Contains(s, "found ';', expected ')'") {
		t.Errorf("findings are\n%s", s)
	}
	_, errs = parseText("", "#define TWICE(x) x x\ny = (TWICE(1));", Config{})
	if s := errs.Error(); len(errs.Diags) != 1 || strings.Contains(s, "comes out of") {
		t.Errorf("findings are\n%s", s)
	}
	_, errs = parseText("", "#define SEMI ;\ny = (1 SEMI", Config{})
	if s := errs.Error(); len(errs.Diags) != 1 || !strings.Contains(s, "';' comes out of the macro used here") {
		t.Errorf("findings are\n%s", s)
	}
}

// A text that is cut because it is too large has no other fault.
func TestTooLargeAlone(t *testing.T) {
	for name, body := range map[string]string{
		"text":  strings.Repeat("x[0] = (1 + 2);", maxTokens/8),
		"macro": "#define F(a) (a)+(a)\nx = " + strings.Repeat("F(", 100) + "1" + strings.Repeat(")", 100) + ";",
	} {
		_, errs := parseText("", body, fuzzConfig)
		if len(errs.Diags) != 1 || errs.Diags[0].Code != TooLarge {
			t.Errorf("%s: %d findings, the first: %s", name, len(errs.Diags), errs.Set.Format(errs.Diags[0]))
		}
	}
}
