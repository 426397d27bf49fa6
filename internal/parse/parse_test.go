package parse

import (
	"fmt"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

// parseText parses a kernel; header may be empty.
func parseText(header, body string, cfg Config) (*Tree, *source.List) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	var h *source.File
	if header != "" {
		h = set.Add("test (header)", header)
	}
	return Kernel(set, h, set.Add("test", body), cfg, errs), errs
}

var attributes = []string{
	"dispatch_threads_per_threadgroup", "grid_origin", "grid_size", "thread_position_in_grid",
	"thread_position_in_threadgroup", "threadgroup_position_in_grid", "threadgroups_per_grid", "threads_per_grid",
	"threads_per_threadgroup", "dispatch_quadgroups_per_threadgroup", "dispatch_simdgroups_per_threadgroup",
	"quadgroup_index_in_threadgroup", "quadgroups_per_threadgroup", "simdgroup_index_in_threadgroup",
	"simdgroups_per_threadgroup", "thread_execution_width", "thread_index_in_quadgroup",
	"thread_index_in_simdgroup", "thread_index_in_threadgroup", "threads_per_simdgroup",
}

// shape writes an expression with all its structure visible.
func shape(n Node) string {
	list := func(args []Expr) string {
		var out []string
		for _, a := range args {
			out = append(out, shape(a))
		}
		return strings.Join(out, ", ")
	}
	targs := func(has bool, args []Node) string {
		if !has {
			return ""
		}
		var out []string
		for _, a := range args {
			out = append(out, shape(a))
		}
		return "<" + strings.Join(out, ", ") + ">"
	}
	switch n := n.(type) {
	case nil:
		return "nil"
	case TypeExpr:
		return "T:" + PrintType(n)
	case *Ident:
		return strings.Join(append(n.Path, n.Name), "::") + targs(n.HasArgs, n.Args)
	case *TypeMember:
		return "member(" + shape(n.Type) + ", " + n.Name + ")"
	case *Paren:
		return "(" + shape(n.X) + ")"
	case *Unary:
		return "[" + n.Op + shape(n.X) + "]"
	case *Postfix:
		return "[" + shape(n.X) + n.Op + "]"
	case *Binary:
		return "[" + shape(n.X) + n.Op + shape(n.Y) + "]"
	case *Assign:
		return "[" + shape(n.X) + n.Op + shape(n.Y) + "]"
	case *Cond:
		return "[" + shape(n.C) + "?" + shape(n.X) + ":" + shape(n.Y) + "]"
	case *Call:
		return "call(" + shape(n.Fn) + "; " + list(n.Args) + ")"
	case *Construct:
		return fmt.Sprintf("make%t(%s; %s)", n.Brace, shape(n.Type), list(n.Args))
	case *Member:
		return fmt.Sprintf("%s.%s%s", shape(n.X), n.Name, targs(n.HasArgs, n.Args))
	case *Index:
		return shape(n.X) + "@" + shape(n.I)
	case *Cast:
		return "cast" + n.Kind + "(" + shape(n.Type) + ", " + shape(n.X) + ")"
	case *InitList:
		return "{" + list(n.Elems) + "}"
	case *Sizeof:
		if n.Type != nil {
			return "sizeof(" + shape(n.Type) + ")"
		}
		return "sizeof(" + shape(n.X) + ")"
	case Expr:
		return PrintExpr(n)
	}
	return fmt.Sprintf("%T", n)
}

func TestExpressions(t *testing.T) {
	const header = `
template <typename T, int N> T f(T x) { return x; }
template <typename T> struct S { template <int N> T get() { return 0; } using type = T; enum { K = 1 }; static constexpr constant int size = 3; };
struct P { float x; };
namespace deep { template <int N> int g() { return N; } struct Q { int v; }; }
enum class Mode { fast, slow };
`
	for _, tt := range []struct{ text, want string }{
		{"a + b * c - d", "[[a+[b*c]]-d]"},
		{"a = b += c", "[a=[b+=c]]"},
		{"a ? b : c ? d : e", "[a?b:[c?d:e]]"},
		{"a || b && c | d ^ e & f1 == g1 < h << i + j * k", "[a||[b&&[c|[d^[e&[f1==[g1<[h<<[i+[j*k]]]]]]]]]]"},
		{"a, b = c, d", "[[a,[b=c]],d]"},
		{"- -a", "[-[-a]]"}, {"!a++", "[![a++]]"}, {"*p++ = ~b", "[[*[p++]]=[~b]]"}, {"&a[i].x", "[&a@i.x]"},
		{"a >> b > c >= d", "[[[a>>b]>c]>=d]"}, {"a >>= b >> 2", "[a>>=[b>>2]]"}, {"a > > b", ""},
		// templates against comparisons
		{"f<T, 4>(x)", "call(f<T:T, 4>; x)"},
		{"f<float, (a > 4)>(x)", "call(f<T:float, ([a>4])>; x)"},
		{"f<vec<vec<T, 2>, 2>, (8 >> 1)>(x)", "call(f<T:vec<vec<T, 2>, 2>, ([8>>1])>; x)"},
		{"a < b", "[a<b]"}, {"a < b > (c)", "[[a<b]>(c)]"}, {"i < N && j > (M)", "[[i<N]&&[j>(M)]]"},
		{"max<float>(a, b)", "call(max<T:float>; a, b)"}, {"unknown<int, 3>(a)", "call(unknown<T:int, 3>; a)"},
		{"i < int(4)", "[i<make" + "false(T:int; 4)]"}, {"i < uint(n) / 2 && k > (uint)3", "[[i<[makefalse(T:uint; n)/2]]&&[k>cast(T:uint, 3)]]"},
		{"deep::g<3>()", "call(deep::g<3>; )"}, {"metal::max<T>(a, b)", "call(metal::max<T:T>; a, b)"},
		{"s.get<3>()", "call(s.get<3>; )"}, {"s.template get<3>()", "call(s.get<3>; )"}, {"s.get < 3", "[s.get<3]"},
		{"s.other < 3", "[s.other<3]"},
		// types against values
		{"float(x)", "makefalse(T:float; x)"}, {"float4(x, y.xyz)", "makefalse(T:float4; x, y.xyz)"},
		{"metal::float2{x, y}", "maketrue(T:metal::float2; x, y)"}, {"vec<T, 4>(0)", "makefalse(T:vec<T, 4>; 0)"},
		{"T()", "makefalse(T:T; )"}, {"unsigned(x)", "makefalse(T:uint; x)"}, {"S<int>{}", "maketrue(T:S<int>; )"},
		{"(T)x * y", "[cast(T:T, x)*y]"}, {"(float)(x) + 1", "[cast(T:float, (x))+1]"}, {"(x) + 1", "[(x)+1]"},
		{"(unsigned long long)x", "cast(T:ulong, x)"}, {"(signed char)x", "cast(T:char, x)"}, {"(unsigned char)x", "cast(T:uchar, x)"},
		{"(const device float4*)(p + i)", "cast(T:device const float4 *, ([p+i]))"},
		{"(device const T* const)p", "cast(T:device const T * const, p)"},
		{"(threadgroup atomic_uint*)&a[i]", "cast(T:threadgroup atomic_uint *, [&a@i])"},
		{"*(device uint*)p", "[*cast(T:device uint *, p)]"}, {"-(int)x", "[-cast(T:int, x)]"},
		{"(T(x) + 1)", "([makefalse(T:T; x)+1])"}, {"(float4){1, 2}", "maketrue(T:float4; 1, 2)"},
		{"(S<int>::size)", "(member(T:S<int>, size))"}, {"(T*)p[0]", "cast(T:T *, p@0)"}, {"(thread float (&)[4])x", "cast(T:thread float (&)[4], x)"},
		{"static_cast<device T*>(p)", "caststatic_cast(T:device T *, p)"}, {"as_type<uint2>(x)", "castas_type(T:uint2, x)"},
		{"metal::as_type<half2>(x)", "castas_type(T:half2, x)"}, {"reinterpret_cast<const constant uint*>(p)[1]", "castreinterpret_cast(T:constant const uint *, p)@1"},
		{"numeric_limits<T>::max()", "call(member(T:numeric_limits<T>, max); )"},
		{"metal::numeric_limits<float>::infinity()", "call(member(T:metal::numeric_limits<float>, infinity); )"},
		{"is_same<T, float>::value", "member(T:is_same<T, float>, value)"}, {"is_same_v<T, float>", "is_same_v<T:T, T:float>"},
		{"mem_flags::mem_none | metal::mem_flags::mem_device", "[mem_flags::mem_none|metal::mem_flags::mem_device]"},
		{"Mode::fast", "member(T:Mode, fast)"}, {"S<int>::type(3)", "makefalse(T:typename S<int>::type; 3)"},
		{"deep::Q{3}.v", "maketrue(T:deep::Q; 3).v"}, {"::metal::exp(x)", "call(metal::exp; x)"},
		{"metal::fast::exp(x)", "call(metal::fast::exp; x)"}, {"precise::log(x)", "call(precise::log; x)"},
		{"sizeof(T)", "sizeof(T:T)"}, {"sizeof(x) / sizeof x[0]", "[sizeof((x))/sizeof(x@0)]"}, {"sizeof(float4) * 2", "[sizeof(T:float4)*2]"},
		{"a.b->c[d](e)", "call(a.b.c@d; e)"}, {"f2({1, 2}, {})", "call(f2; {1, 2}, {})"}, {"x = {1, 2}", "[x={1, 2}]"},
		{"P{1}.x", "maketrue(T:P; 1).x"}, {"this->x", "this.x"}, {"true && !false", "[true&&[!false]]"}, {"p == nullptr", "[p==nullptr]"},
		{"[&](int k) { return k > 2; }(3)", "call([&](int k) {\n  return k > 2;\n}; 3)"},
		{"not a and b", "[[!a]&&b]"}, {"'a' + '\\n' + '\\0'", "[['a'+'\\012']+'\\000']"},
		{"value(1)", "call(value; 1)"}, {"(value)(1)", "call((value); 1)"}, {"(value) - 1", "[(value)-1]"}, {"half4 (x)", "makefalse(T:half4; x)"},
		{"float16_t(x) + bfloat16_t(y)", "[makefalse(T:float16_t; x)+makefalse(T:bfloat16_t; y)]"},
		{"simdgroup_matrix<T, 8, 8>(0)", "makefalse(T:simdgroup_matrix<T, 8, 8>; 0)"},
		{"simdgroup_float8x8(0)", "makefalse(T:simdgroup_float8x8; 0)"}, {"array<float, 4>{}", "maketrue(T:array<float, 4>; )"},
	} {
		tr, errs := parseText(header, "x = "+tt.text+";", Config{Types: []string{"T"}, Values: []string{"value"}})
		if strings.Contains(tt.text, "=") || strings.Contains(tt.text, ", ") {
			tr, errs = parseText(header, "("+tt.text+");", Config{Types: []string{"T"}, Values: []string{"value"}})
		}
		if tt.want == "" {
			if errs.Errors() == 0 {
				t.Errorf("%s parses, as %s", tt.text, PrintStmts(tr.Body.Stmts))
			}
			continue
		}
		if err := errs.Err(); err != nil || len(tr.Body.Stmts) != 1 {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		x := tr.Body.Stmts[0].(*ExprStmt).X
		switch y := x.(type) {
		case *Assign:
			x = y.Y
		case *Paren:
			x = y.X
		}
		if got := shape(x); got != tt.want {
			t.Errorf("%s\nis   %s\nwant %s", tt.text, got, tt.want)
		}
	}
}

// Statements that print as they were written, but for layout.
func TestStatements(t *testing.T) {
	const header = "template <typename T> struct S { using type = T; }; struct P { float x; };"
	for _, tt := range []struct{ text, want string }{
		{"float x = 1, *p = &x, a[2][3];", "float x = 1;\nfloat *p = &x;\nfloat a[2][3];\n"},
		{"const device auto* p = x + 1;", "device const auto *p = x + 1;\n"},
		{"threadgroup float s[32], t;", "threadgroup float s[32];\nthreadgroup float t;\n"},
		{"float (*q)[4] = a; thread float (&r)[4] = b;", "float (*q)[4] = a;\nthread float (&r)[4] = b;\n"},
		{"unsigned a; unsigned int b; long long c; unsigned short int d; short e; signed f;", "uint a;\nuint b;\nlong c;\nushort d;\nshort e;\nint f;\n"},
		{"long unsigned int const a = 1;", "const ulong a = 1;\n"},
		{"S<float>::type x = 1; typename S<T>::type y;", "typename S<float>::type x = 1;\ntypename S<T>::type y;\n"},
		{"P p{1}; P q(2); P r = {3}; P s = P{4};", "P p{1};\nP q(2);\nP r = {3};\nP s = P{4};\n"},
		{"static constexpr int K = 3; constexpr auto L = K;", "static constexpr int K = 3;\nconstexpr auto L = K;\n"},
		{"using U = float; U x; using namespace metal; typedef device T* ptr; ptr p;", "using U = float;\nU x;\n;\nusing ptr = device T *;\nptr p;\n"},
		{"typedef decltype(out[0] + out[0]) OutT; OutT y = OutT(0);", "using OutT = decltype(out[0] + out[0]);\nOutT y = OutT(0);\n"},
		{"struct L { int a; int b[2]; }; L l; l.a = 1;", "struct L {\n  int a;\n  int b[2];\n};\nL l;\nl.a = 1;\n"},
		{"enum { A, B = 4 }; enum class C : uchar { D };", "enum  { A, B = 4 };\nenum class C : uchar { D };\n"},
		// a local hides a type, up to the end of its block
		{"{ int float2 = 3; float2 * 4; } float2 * p;", "{\n  int float2 = 3;\n  float2 * 4;\n}\nfloat2 *p;\n"},
		{"float T = 1; x = (T) + 1;", "float T = 1;\nx = (T) + 1;\n"},
		{"x = in_T * (in_T) - 1; in_T[0] = 2;", "x = in_T * (in_T) - 1;\nin_T[0] = 2;\n"},
		{"for (int float4 = 0; float4 < 3; ++float4) x = float4; float4 y;", "for (int float4 = 0; float4 < 3; ++float4)\n  x = float4;\nfloat4 y;\n"},
		{"for (;;) { break; }", "for (; ; ) {\n  break;\n}\n"},
		{"for (uint i = 0, j = 1; i < j; i++, j--) ;", "for (uint i = 0, j = 1; i < j; i++, j--)\n  ;\n"},
		// comparisons that look like a template's arguments before a name
		{"if (a < b && c > d) x = 1;", "if (a < b && c > d)\n  x = 1;\n"},
		{"if (a < 2 || c > d[i]) x = 1; else if (a < b & c > f(d)) x = 2;", "if (a < 2 || c > d[i])\n  x = 1;\nelse if (a < b & c > f(d))\n  x = 2;\n"},
		{"while (a < b && c > d) x++;", "while (a < b && c > d)\n  x++;\n"},
		{"a < b == c > d; a < b ? c : e > d;", "a < b == c > d;\na < b ? c : e > d;\n"},
		{"if (a) if (b) x = 1; else x = 2;", "if (a)\n  if (b)\n    x = 1;\n  else\n    x = 2;\n"},
		{"if (int n = 3) x = n; else if constexpr (b) x = 2; if (int m = 1; m < x) { }", "if (int n = 3)\n  x = n;\nelse if constexpr (b)\n  x = 2;\nif (int m = 1; m < x) {\n}\n"},
		{"switch (a) { case 1: case K + 1: { x = 1; break; } default: x = 2; }", "switch (a) {\ncase 1:\ncase K + 1:\n  {\n    x = 1;\n    break;\n  }\ndefault:\n  x = 2;\n}\n"},
		{"while (a) { continue; } do x++; while (x < 3);", "while (a) {\n  continue;\n}\ndo\n  x++;\nwhile (x < 3);\n"},
		{"[[unroll]] for (int i = 0; i < 4; ++i) x += i;", "for (int i = 0; i < 4; ++i)\n  x += i;\n"},
		{"static_assert(sizeof(T) == 4, \"four\" \" bytes\");", "static_assert(sizeof(T) == 4, \"four bytes\");\n"},
		{"auto f = [=, &x](float a, thread float* b) -> float { return a; };", "auto f = [=, &x](float a, thread float *b) -> float {\n  return a;\n};\n"},
		{"alignas(16) float x; __attribute__((aligned(4))) int y;", "float x;\nint y;\n"},
		{"return; return x + 1; return {1, 2};", "return;\nreturn x + 1;\nreturn {1, 2};\n"},
		{"device atomic_uint* a = (device atomic_uint*)out; volatile int v; float* restrict p;", "device atomic_uint *a = (device atomic_uint *)out;\nvolatile int v;\nfloat *p;\n"},
		{"simdgroup_matrix<float, 8, 8> m; vec<half, 4> h[2] = {};", "simdgroup_matrix<float, 8, 8> m;\nvec<half, 4> h[2] = {};\n"},
		{"float2 v; v.xy = v.yx; v.x *= 2;", "float2 v;\nv.xy = v.yx;\nv.x *= 2;\n"},
	} {
		tr, errs := parseText(header, tt.text, Config{Types: []string{"T", "in_T"}, Values: []string{"in_T", "x", "out"}})
		if tt.want == "" {
			if errs.Errors() == 0 {
				t.Errorf("%s parses, as %s", tt.text, PrintStmts(tr.Body.Stmts))
			}
			continue
		}
		if err := errs.Err(); err != nil {
			t.Errorf("%s:\n%v", tt.text, err)
		}
		if got := PrintStmts(tr.Body.Stmts); got != tt.want {
			t.Errorf("%s\nis:\n%swant:\n%s", tt.text, got, tt.want)
		}
	}
}

func TestDeclarations(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"inline float f(float x) { return x; }", "float f(float x) {\n  return x;\n}\n"},
		{"METAL_FUNC float f(const device float* p [[buffer(0)]], constant int& n);", "float f(device const float *p, constant int &n);\n"},
		{"static float f(void); float g(float, int = 3);", "static float f();\nfloat g(float, int = 3);\n"},
		{"[[kernel]] void k(device float* o, uint i [[thread_position_in_grid]]) { o[i] = 0; }", "kernel void k(device float *o, uint i) {\n  o[i] = 0;\n}\n"},
		{"kernel void k() { }", "kernel void k() {\n}\n"},
		{"constant float table[] = {1, 2}; constant constexpr int N = 3; constant float c(1.5f);", "constant float table[] = {1, 2};\nconstexpr constant int N = 3;\nconstant float c(1.5f);\n"},
		{"template <typename T, int N = 4, class U = T> T f(U x);", "template <typename T, int N = 4, typename U = T>\nT f(U x);\n"},
		{"template <> float f<float>(float x) { return x; }", "template <>\nfloat f<float>(float x) {\n  return x;\n}\n"},
		{"template <typename T> struct S; template <> struct S<half> { half x; };", "template <typename T>\nstruct S;\ntemplate <>\nstruct S<half> {\n  half x;\n};\n"},
		{"template <typename T> struct S { T x; }; template <typename T> struct S<T*> { };", "template <typename T>\nstruct S {\n  T x;\n};\ntemplate <typename T>\nstruct S<T *> {\n};\n"},
		{"template <typename T> using V = vec<T, 4>; V<float> v;", "template <typename T>\nusing V = vec<T, 4>;\nV<float> v;\n"},
		{"template <typename T> constexpr constant int size_v = sizeof(T); constant int a = size_v<float>;", "template <typename T>\nconstexpr constant int size_v = sizeof(T);\nconstant int a = size_v<float>;\n"},
		{`struct S {
			public: float x = 1, y{2};
			S() = default; S(float a) : x(a), y{a} { } explicit S(int) { } S(const S&) = delete;
			float get() const thread { return x; }
			S operator+(S o) const { return S(x + o.x); }
			float operator[](int i) const; float operator()(int i); bool operator>>(int i);
			operator float() const { return x; } template <typename T> operator T() const { return T(x); }
			static constexpr constant int N = 3; static int f(int);
			struct In { int k; }; In in; using type = float; enum { A };
			template <int K> float at() { return K; }
		} s, *t;`,
			`struct S {
  float x = 1;
  float y{2};
  S() = default;
  S(float a) : x(a), y(a) {
  }
  S(int) {
  }
  S(const S &) = delete;
  float get() const thread {
    return x;
  }
  S operator+(S o) const {
    return S(x + o.x);
  }
  float operator[](int i) const;
  float operator()(int i);
  bool operator>>(int i);
  operator float() const {
    return x;
  }
  template <typename T>
  operator T() const {
    return T(x);
  }
  static constexpr constant int N = 3;
  static int f(int);
  struct In {
    int k;
  };
  In in;
  using type = float;
  enum  { A };
  template <int K>
  float at() {
    return K;
  }
} s, *t;
`},
		{"float operator*(float a, P b); struct P : Q, R { };", ""},
		{"struct Q { }; struct P : public Q { int a; };", "struct Q {\n};\nstruct P : Q {\n  int a;\n};\n"},
		{"namespace a { namespace b { struct S { }; } } a::b::S s; namespace c::d { int x; }", "namespace a {\nnamespace b {\nstruct S {\n};\n}\n}\na::b::S s;\nnamespace c {\nnamespace d {\nint x;\n}\n}\n"},
		{"typedef struct { float x; } P; P p;", "struct P {\n  float x;\n};\nP p;\n"},
		{"template [[host_name(\"k\")]] [[kernel]] void k<float>(device float*); int x;", "int x;\n"},
		{"template <typename T> auto f(T x) -> decltype(x + 1) { return x + 1; }", "template <typename T>\ndecltype(x + 1) f(T x) {\n  return x + 1;\n}\n"},
		{"void f(thread float (&a)[4], threadgroup float (*b)[8], float c[3]);", "void f(thread float (&a)[4], threadgroup float (*b)[8], float c[3]);\n"},
		{"template <typename T, typename = enable_if_t<is_integral_v<T>>> T f(T x);", "template <typename T, typename = enable_if_t<is_integral_v<T>>>\nT f(T x);\n"},
		{"template <typename T> struct S { }; struct U { S<S<int>> a; };", "template <typename T>\nstruct S {\n};\nstruct U {\n  S<S<int>> a;\n};\n"},
		{"using namespace metal; using metal::max; using metal::float2; ;", ""},
		{"union U { int a; float b; };", "union U {\n  int a;\n  float b;\n};\n"},
		{"instantiate_kernel(\"a\", b, float, 3) int x;", "int x;\n"},
	} {
		tr, errs := parseText(tt.text+" ", "", Config{})
		if tt.want == "" {
			if tt.text[:5] == "using" {
				if err := errs.Err(); err != nil || len(tr.Decls) > 0 {
					t.Errorf("%s leaves %d declarations, error %v", tt.text, len(tr.Decls), err)
				}
			} else if errs.Errors() == 0 {
				t.Errorf("%s parses, as %s", tt.text, PrintDecls(tr.Decls))
			}
			continue
		}
		if err := errs.Err(); err != nil {
			t.Errorf("%s:\n%v", tt.text, err)
		}
		if got := PrintDecls(tr.Decls); got != tt.want {
			t.Errorf("%s\nis:\n%swant:\n%s", tt.text, got, tt.want)
		}
	}
}

func TestLiterals(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Expr
	}{
		{"0", &IntLit{Decimal: true}}, {"42", &IntLit{Value: 42, Decimal: true}}, {"42u", &IntLit{Value: 42, Unsigned: true, Decimal: true}},
		{"0x7F", &IntLit{Value: 127}}, {"0b101", &IntLit{Value: 5}}, {"017", &IntLit{Value: 15}}, {"1'000'000", &IntLit{Value: 1e6, Decimal: true}},
		{"2147483648", &IntLit{Value: 1 << 31, Long: true, Decimal: true}}, {"4294967295u", &IntLit{Value: 1<<32 - 1, Unsigned: true, Decimal: true}},
		{"0xFFFFFFFF", &IntLit{Value: 1<<32 - 1}}, {"0x100000000", &IntLit{Value: 1 << 32, Long: true}}, {"7ULL", &IntLit{Value: 7, Unsigned: true, Long: true, Decimal: true}},
		{"18446744073709551615ul", &IntLit{Value: 1<<64 - 1, Unsigned: true, Long: true, Decimal: true}}, {"3L", &IntLit{Value: 3, Long: true, Decimal: true}},
		{"'a'", &IntLit{Value: 97, Char: true}}, {`'\x41'`, &IntLit{Value: 65, Char: true}}, {`'\''`, &IntLit{Value: 39, Char: true}},
		{"1.0", &FloatLit{Text: "1.0", Value: 1}}, {"1.f", &FloatLit{Text: "1.", Value: 1, Suffix: 'f'}}, {".5F", &FloatLit{Text: ".5", Value: .5, Suffix: 'f'}},
		{"1e-5f", &FloatLit{Text: "1e-5", Value: 1e-5, Suffix: 'f'}}, {"2.5h", &FloatLit{Text: "2.5", Value: 2.5, Suffix: 'h'}},
		{"2.5H", &FloatLit{Text: "2.5", Value: 2.5, Suffix: 'h'}}, {"1.5bf", &FloatLit{Text: "1.5", Value: 1.5, Suffix: 'b'}},
		{"0x1.8p3f", &FloatLit{Text: "0x1.8p3", Value: 12, Suffix: 'f'}}, {"1E+3", &FloatLit{Text: "1E+3", Value: 1000}}, {"1'0.5", &FloatLit{Text: "10.5", Value: 10.5}},
	} {
		tr, errs := parseText("", tt.text+";", Config{})
		if err := errs.Err(); err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		switch x := tr.Body.Stmts[0].(*ExprStmt).X.(type) {
		case *IntLit:
			x.At = At{}
			if w, ok := tt.want.(*IntLit); !ok || *x != *w {
				t.Errorf("%s is %+v, want %+v", tt.text, x, tt.want)
			}
		case *FloatLit:
			x.At = At{}
			if w, ok := tt.want.(*FloatLit); !ok || *x != *w {
				t.Errorf("%s is %+v, want %+v", tt.text, x, tt.want)
			}
		default:
			t.Errorf("%s is a %T", tt.text, x)
		}
	}
}

// Each node's span covers its own text.
func TestPositions(t *testing.T) {
	const text = "\n#define SQ(x) ((x) * (x))\n#define TWO 2\nfloat y = a.b[i + TWO] * SQ(c + 1);\n"
	set := &source.Set{}
	errs := &source.List{Set: set}
	set.Add("other", "some text")
	f := set.Add("t", text)
	tr := Kernel(set, nil, f, Config{}, errs)
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	slice := func(n Node) string {
		s := n.Range()
		return f.Text[s.Pos-f.Base() : s.End-f.Base()]
	}
	v := tr.Body.Stmts[0].(*DeclStmt).Decls[0].(*VarDecl)
	x := v.Init.(*Binary)
	sq := x.Y.(*Paren)
	in := sq.X.(*Binary)
	for _, tt := range []struct {
		n    Node
		want string
	}{
		{v, "float y = a.b[i + TWO] * SQ(c + 1)"}, {v.Type, "float"}, {x, "a.b[i + TWO] * SQ(c + 1)"},
		{x.X, "a.b[i + TWO]"}, {x.X.(*Index).I, "i + TWO"}, {x.X.(*Index).I.(*Binary).Y, "TWO"}, {x.X.(*Index).X, "a.b"},
		{sq, "SQ(c + 1)"}, {in, "SQ(c + 1)"}, {in.X.(*Paren).X, "c + 1"}, {in.X.(*Paren).X.(*Binary).X, "c"},
	} {
		if got := slice(tt.n); got != tt.want {
			t.Errorf("%T spans %q, want %q", tt.n, got, tt.want)
		}
	}
}

func TestPrelude(t *testing.T) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	pre := Decls(set, set.Add("prelude", `
template <typename U> struct Limits { static constexpr constant U max = U(1); };
struct complex64_t { float real, imag; };
template <typename T, int N> T sum(T x) { return x; }
int plain(int x) { return x; }
using wide = long;
`), Config{}, errs)
	if len(pre) != 5 || errs.Err() != nil {
		t.Fatalf("%d declarations, error %v", len(pre), errs.Err())
	}
	tr, errs := parseText("inline complex64_t id(complex64_t z) { return z; }\n",
		"T a = Limits<T>::max; complex64_t z{1, 2}; b = sum<float, 3>(a) + plain(1); wide w = (wide)a;",
		Config{Types: []string{"T"}, Prelude: pre})
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	if want := "T a = Limits<T>::max;\ncomplex64_t z{1, 2};\nb = sum<float, 3>(a) + plain(1);\nwide w = (wide)a;\n"; PrintStmts(tr.Body.Stmts) != want {
		t.Errorf("body is\n%s", PrintStmts(tr.Body.Stmts))
	}
	// a template argument or input of the same name wins
	_, errs = parseText("", "wide = 3; wide * 2;", Config{Values: []string{"wide"}, Prelude: pre})
	if err := errs.Err(); err != nil {
		t.Error(err)
	}
}

// Kernels are parsed side by side, with one prelude.
func TestConcurrentUse(t *testing.T) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	pre := Decls(set, set.Add("prelude", "template <typename T> struct S { using type = T; struct In { }; }; using A = S<int>;"), Config{}, errs)
	done := make(chan string)
	for range 8 {
		go func() {
			tr, errs := parseText("METAL_FUNC int f() { return __METAL_VERSION__; }\ntemplate <> struct S<half> { struct Other { }; };\n",
				"S<half>::type x = f(); A::In y;", Config{Prelude: pre})
			done <- PrintStmts(tr.Body.Stmts) + errs.Error()
		}()
	}
	for range 8 {
		if got := <-done; got != "typename S<half>::type x = f();\ntypename A::In y;\n" {
			t.Errorf("body is\n%s", got)
		}
	}
}
