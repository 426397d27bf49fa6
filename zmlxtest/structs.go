package zmlxtest

// This file implements the cases of structs and of lambdas.

func structCases() []Case {
	x, y := floats(90, 32, -5, 5), floats(91, 32, -5, 5)
	k := ints[int32](92, 32, 0, 9)
	const point = `
struct Point {
  float x;
  float y;
  int tag;
};
`
	return []Case{
		each("struct_fields", "Point p; p.x = a[i]; p.y = b[i]; p.tag = 3; Point q = p; q.x += p.y; out[i] = q.x * q.tag + p.x;", in(x, y),
			zipped(x, y, func(x, y float32) float32 { return float32((x+y)*3) + x })).header(point),
		each("struct_brace_init", "Point p = {a[i], 2, 1}; Point q{p}; Point r = {}; out[i] = p.x + q.y + r.x + sizeof(Point);", in(x),
			mapped(x, func(x float32) float32 { return x + 2 + 0 + 12 })).header(point),
		each("struct_by_value_and_reference", "Point p = made(a[i], b[i]); grow(p); out[i] = area(p) + p.tag;", in(x, y),
			zipped(x, y, func(x, y float32) float32 { return float32(float32(x+1)*y) + 9 })).header(point + `
Point made(float x, float y) { return {x, y, 8}; }
void grow(thread Point& p) { p.x += 1; p.tag++; }
float area(Point p) { p.tag = 100; return p.x * p.y; }
`),
		each("struct_methods", "Counter c; c.n = a[i]; c.add(2); c.add(3); out[i] = c.value() + c.twice();", in(k),
			mapped(k, func(k int32) int32 { return 3 * (k + 5) })).header(`
struct Counter {
  int n;
  void add(int v) { n += v; }
  int value() const { return n; }
  int twice() { return 2 * this->value(); }
};
`),
		each("struct_constructors", "Range r(2, a[i]); Range s = Range(a[i]); Range e; out[i] = r.length() * 100 + s.length() * 10 + e.length();", in(k),
			mapped(k, func(k int32) int32 { return (k-2)*100 + k*10 + 5 })).header(`
struct Range {
  int from;
  int to;
  Range() : from(1), to(6) {}
  Range(int n) : from(0), to(n) {}
  Range(int f, int t) : from(f), to(t) {}
  int length() const { return to - from; }
};
`),
		each("struct_operators", "Fixed p{a[i]}, q{b[i]}; Fixed r = p + q * Fixed{3}; r += p; out0[i] = r.v; out1[i] = p < q; out2[i] = (-p).v; out3[i] = p[2];", in(k, mapped(y, func(y float32) int32 { return int32(y) })),
			zipped(k, y, func(k int32, y float32) int32 { return 2*k + 3*int32(y) }),
			zipped(k, y, func(k int32, y float32) bool { return k < int32(y) }),
			mapped(k, func(k int32) int32 { return -k }),
			mapped(k, func(k int32) int32 { return k * 2 })).header(`
struct Fixed {
  int v;
  Fixed operator+(Fixed o) const { return {v + o.v}; }
  thread Fixed& operator+=(Fixed o) { v += o.v; return *this; }
  bool operator<(Fixed o) const { return v < o.v; }
  int operator[](int n) const { return v * n; }
};
Fixed operator*(Fixed p, Fixed q) { return {p.v * q.v}; }
Fixed operator-(Fixed p) { return {-p.v}; }
`),
		each("struct_call_operator", "out[i] = applied(Plus{}, a[i], b[i]) + applied(Times{2}, a[i], b[i]);", in(x, y),
			zipped(x, y, func(x, y float32) float32 { return (x + y) + float32(float32(x*y)*2) })).header(`
struct Plus { float operator()(float p, float q) { return p + q; } };
struct Times { float by; float operator()(float p, float q) { return p * q * by; } };
template <typename Op> float applied(Op op, float p, float q) { return op(p, q); }
`),
		each("struct_templates", "Pair<float> p(a[i], 1); Pair<int> q(b[i], 2); Stack<int, 4> s; s.push(b[i]); s.push(7); out0[i] = p.sum(); out1[i] = q.sum() + s.top() + Stack<int, 4>::room;", in(x, k),
			mapped(x, func(x float32) float32 { return x + 1 }), mapped(k, func(k int32) int32 { return k + 2 + 7 + 4 })).header(`
template <typename T> struct Pair {
  T p, q;
  Pair(T a, T b) : p(a), q(b) {}
  T sum() const { return p + q; }
};
template <typename T, int N> struct Stack {
  static constexpr constant int room = N;
  T items[N];
  int n = 0;
  void push(T v) { items[n++] = v; }
  T top() const { return items[n - 1]; }
};
`),
		each("struct_template_specialisation", "out[i] = Width<float>::bits + Width<half>::bits * 100 + Width<thread float*>::bits * 10000;", in(k),
			mapped(k, func(int32) int32 { return 32 + 1600 + 640000 })).header(`
template <typename T> struct Width { static constexpr constant int bits = 32; };
template <> struct Width<half> { static constexpr constant int bits = 16; };
template <typename T> struct Width<thread T*> { static constexpr constant int bits = 64; };
`),
		each("array_of_structs", "Point p[4]; for (int j = 0; j < 4; ++j) { p[j].x = a[i] * j; p[j].tag = j; } p[a[i] % 4].tag = 50; int s = 0; for (int j = 0; j < 4; ++j) s += p[j].tag * int(p[j].x); out[i] = s;", in(k),
			mapped(k, func(k int32) int32 {
				s := int32(0)
				for j := range int32(4) {
					s += pick(j == k%4, 50, j) * k * j
				}
				return s
			})).header(point),
		each("structs_nested", "Box b0 = {{1, 2, 3}, {{a[i], 4, 5}, {6, 7, 8}}, float2(9, 10)}; Box c = b0; c.corners[1].y += c.middle.x; out[i] = c.corners[1].y + c.corners[0].x + c.size.y + b0.corners[1].y;", in(x),
			mapped(x, func(x float32) float32 { return 8 + x + 10 + 7 })).header(point + "struct Box { Point middle; Point corners[2]; float2 size; };\n"),
		each("struct_static_members", "out[i] = Shape::rows * Shape::area() + a[i];", in(k), mapped(k, func(k int32) int32 { return 3*12 + k })).header(`
struct Shape {
  static constexpr constant int rows = 3;
  static int area() { return rows * 4; }
};
`),
		each("struct_in_threadgroup_memory", `
threadgroup Point s[16];
uint t = thread_position_in_threadgroup.x;
s[t].x = a[i]; s[t].y = b[i]; s[t].tag = t;
threadgroup_barrier(mem_flags::mem_threadgroup);
Point p = s[15 - t];
threadgroup Point* q = &s[t ^ 1];
out[i] = p.x + q->y + p.tag;`, in(x, y),
			table(32, func(i int) float32 { return x[i/16*16+15-i%16] + y[i^1] + float32(15-i%16) })).group(16, 1, 1).header(point),
		each("struct_through_buffer_cast", "device Point* p = (device Point*)out; p[i].x = a[i]; p[i].y = b[i]; p[i].tag = 0; p[i].y *= 2;", in(x, y),
			table(96, func(i int) float32 { return []float32{x[i/3], 2 * y[i/3], 0}[i%3] })).grid(32, 1, 1).header(point),
		each("struct_returned_and_chained", "out[i] = Acc{0}.with(a[i]).with(2).v;", in(x), mapped(x, func(x float32) float32 { return x + 2 })).
			header("struct Acc { float v; Acc with(float w) const { Acc r = {v + w}; return r; } };\n"),
		each("struct_default_members", "Options o; o.scale = 3; out[i] = a[i] * o.scale + o.bias;", in(x), mapped(x, func(x float32) float32 { return float32(x*3) + 0.5 })).
			header("struct Options { float scale = 1; float bias = 0.5f; };\n"),
		each("struct_conversion", "Metre m = a[i]; float f = m; out[i] = f + Metre(2);", in(x), mapped(x, func(x float32) float32 { return x + 2 })).
			header("struct Metre { float v; Metre(float x) : v(x) {} operator float() const { return v; } };\n"),
		each("struct_method_templates", "Value s = {a[i]}; out[i] = s.plus<int>(3) * 10 + s.plus(0.5f) + s.times<100>();", in(x),
			mapped(x, func(x float32) float32 { return float32((int32(x)+3)*10) + (x + 0.5) + float32(int32(x)*100) })).within(1e-6, 1e-4).header(`
struct Value {
  float v;
  template <typename U> U plus(U w) const { return U(v) + w; }
  template <int K> int times() const { return int(v) * K; }
};
`),
		each("struct_of_a_matrix", "Square<float, 2> p; p.at(0, 0) = 1; p.at(0, 1) = 2; p.at(1, 0) = 3; p.at(1, 1) = a[i]; Square<float, 2> q = p * p; out[i] = q.at(0, 0) * 100 + q.at(1, 1);", in(k),
			mapped(k, func(k int32) float32 { return float32(700 + 6 + k*k) })).header(`
template <typename U, int K> struct Square {
  U d[K][K];
  thread U& at(int r, int c) { return d[r][c]; }
};
template <typename U, int K> Square<U, K> operator*(Square<U, K> p, Square<U, K> q) {
  Square<U, K> r;
  for (int i = 0; i < K; ++i) {
    for (int j = 0; j < K; ++j) {
      r.at(i, j) = 0;
      for (int k = 0; k < K; ++k) r.at(i, j) += p.at(i, k) * q.at(k, j);
    }
  }
  return r;
}
`),
		each("struct_holding_array_is_copied", "Four p = made(a[i]); Four q = p; q.v[1] = 100; out[i] = p.v[1] + q.v[1] + made(2).v[3];", in(k), mapped(k, func(k int32) int32 { return k + 106 })).
			header("struct Four { int v[4]; };\nFour made(int k) { Four r; for (int j = 0; j < 4; ++j) r.v[j] = k * j; return r; }\n"),
		each("struct_in_body", "struct Local { int p; int q; int sum() { return p + q; } }; Local l = {a[i], 4}; out[i] = l.sum();", in(k), mapped(k, func(k int32) int32 { return k + 4 })),
	}
}

func lambdaCases() []Case {
	x := floats(95, 32, -5, 5)
	return []Case{
		each("lambda_without_capture", "auto square = [](float v) { return v * v; }; out[i] = square(a[i]) + square(2);", in(x),
			mapped(x, func(x float32) float32 { return float32(x*x) + 4 })),
		each("lambda_by_reference", "float s = 0; int n = 0; auto add = [&](float v) { s += v; n++; }; add(a[i]); add(2); for (int j = 0; j < 3; ++j) add(j); out[i] = s + n;", in(x),
			mapped(x, func(x float32) float32 { return x + 2 + 0 + 1 + 2 + 5 })),
		each("lambda_sees_later_changes", "float k = 2; auto f = [&](float v) { return v * k; }; k = 4; out[i] = f(a[i]);", in(x),
			mapped(x, func(x float32) float32 { return 4 * x })),
		each("lambda_passed_to_a_function", "out[i] = mapped(a[i], [](float v) { return v + 1; }) + mapped(2, [&](float v) { return v * a[i]; });", in(x),
			mapped(x, func(x float32) float32 { return (x + 1) + 2*x })).header("template <typename F> float mapped(float v, F f) { return f(v); }\n"),
		each("lambda_with_branches", "auto clip = [&](float v) -> float { if (v < -1) return -1; if (v > 1) { return 1; } return v; }; out[i] = clip(a[i]);", in(x),
			mapped(x, func(x float32) float32 { return min(max(x, -1), 1) })),
		each("lambda_stores", "auto put = [&](uint at, float v) { out[at] = v; }; put(31 - i, a[i]);", in(x),
			table(32, func(i int) float32 { return x[31-i] })),
	}
}
