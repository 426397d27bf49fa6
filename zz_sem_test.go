package zmlx_test

import (
	"github.com/zmlx-go/zmlx"
	"testing"
)

func TestZSem(t *testing.T) {
	k := zmlx.MustCompile(zmlx.Kernel{Name: "sem", InputNames: []string{"x"}, OutputNames: []string{"out"}, Header: `
struct P { float a; float b[2]; void set(float v) { a = v; helper(v + 1); } void helper(float v) { b[0] = v; } thread float& ref(int i) { return b[i]; } thread P& me() { return *this; } };
void inc(thread float& v) { v += 1; }
void inc2(thread float& v) { thread float* p = &v; *p += 2; }
void chain(thread float& v) { inc2(v); thread float& w = v; inc(w); }
thread float& pick(bool c, thread float& a, thread float& b) { return c ? a : b; }
float late(int n) { float r = 0; for (int i = 0; i < n; ++i) { if (i == 3) return r; r += i; } return r + 100; }
template <typename F> void twice(F f) { f(1); f(2); }
struct C { int v; C(int a) : v(a) {} C operator+(C o) const { return C(v + o.v); } operator int() const { return v; } };
enum class M : uint { A = 2, B };
constexpr int sq(int a) { return a * a; }
constexpr int fib(int n) { int a = 0, b = 1; for (int i = 0; i < n; i++) { int t = a + b; a = b; b = t; } return a; }
`, Source: `
int n = 0; float a = 1; thread float& r = a; thread float* p = &r; *p = 2; out[n++] = a; // 2
inc(r); out[n++] = a; chain(a); out[n++] = a; // 3, 6
float b = 10; pick(a > 0, a, b) = 7; out[n++] = a; out[n++] = b; (a > 100 ? a : b) = 8; out[n++] = b; // 7 10 8
P q = {1, {2, 3}}; q.set(5); out[n++] = q.a + q.b[0]; q.ref(1) = 9; out[n++] = q.b[1]; q.me().a = 4; out[n++] = q.a; // 11 9 4
P w = q; w.a = 1; out[n++] = q.a; thread P& qr = q; qr.b[0] += 1; out[n++] = q.b[0]; // 4 7
out[n++] = late(2); out[n++] = late(10); // 101 3
float acc = 0; twice([&](float v) { acc += v; }); out[n++] = acc; // 3
auto add = [&](float v) { acc += v; return acc; }; out[n++] = add(1) * 10 + acc; // 44
C c1 = 3, c2 = c1 + C(4); out[n++] = c2; // 7
uchar u8 = 250; u8 += 10; out[n++] = u8; half hh = 2049.0h; out[n++] = hh; int sh = -8 >> 1; out[n++] = sh; out[n++] = (uint(-1) > 0); // 4 2048 -4 1
M m = M::B; switch (m) { case M::A: out[n++] = 1; break; case M::B: out[n++] = 2; } // 2
constexpr int K = sq(3) + fib(10); float arr[K - 60]; arr[3] = K; out[n++] = arr[3]; // 64
float g[2][2] = {1, 2, 3, 4}; out[n++] = g[1][0]; P el[2] = {1, 2, 3, 4, 5, 6}; out[n++] = el[1].b[1]; // 3 6
float4 v = {1, 2, 3, 4}; v.xy = v.yx; out[n++] = v.x * 10 + v.y; v.zw += v.x; out[n++] = v.w; // 21 6
if (int z = 3) { out[n++] = z; } const int ci = 4; auto lam = [&]() { float t[ci]; t[ci - 1] = ci; return t[3]; }; out[n++] = lam(); // 3 4
float s1 = 1; { float s1 = 2; s1 += 1; out[n++] = s1; } out[n++] = s1; // 3 1
int i2 = 5; i2 = i2++ + ++i2 * 0; int k3 = 0; while (k3 < 10) { k3++; if (k3 == 4) continue; if (k3 > 6) break; } out[n++] = k3; // 7
float before = acc; float snap = before; acc = 100; out[n++] = snap; // 4
`})
	o := k.Call(zmlx.Launch{Grid: [3]int{1, 1, 1}, Threadgroup: [3]int{1, 1, 1}, OutputShapes: [][]int{{40}}, OutputDTypes: []zmlx.DType{zmlx.Float32}, InitValue: new(float64)}, zmlx.Zeros(zmlx.Float32, 16))
	got, err := zmlx.Values[float32](o[0])
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{2, 3, 6, 7, 10, 8, 11, 9, 4, 4, 7, 101, 3, 3, 44, 7, 4, 2048, -4, 1, 2, 64, 3, 6, 21, 6, 3, 4, 3, 1, 7, 4}
	for i, w := range want {
		if got[i] != w {
			t.Errorf("%d: %v, want %v", i, got[i], w)
		}
	}
}
