package lower_test

// This file implements tests that run kernels: each writes values that follow
// from C++'s rules into out.

import (
	"math"
	"testing"
)

var inf = float32(math.Inf(1))
var nan = float32(math.NaN())

// eight is long enough to be passed in device memory.
var eight = []float32{1, 2, 3, 4, 5, 6, 7, 8}

var runs = []struct {
	name   string
	header string
	body   string
	inputs []any
	want   []float32
}{
	{name: "arithmetic", body: `
		int i = -7; uint u = 7u;
		out[0] = i / 2; out[1] = i % 2; out[2] = u - 8u > 0u; out[3] = (i >> 1); out[4] = ~i; out[5] = -i;
		out[6] = 1 << 5; out[7] = uchar(300); out[8] = char(200); out[9] = (float)(uint)-1.5f; out[10] = int(2.9f);
		out[11] = 7 & 12; out[12] = 7 | 12; out[13] = 7 ^ 12; out[14] = !i; out[15] = 5.5f / 2;`,
		want: []float32{-3, -1, 1, -4, 6, 7, 32, 44, -56, 0, 2, 4, 15, 11, 0, 2.75}},
	{name: "assignment operators", body: `
		float v = a[0]; v += 2; v *= 3; v -= 1; v /= 4; out[0] = v;
		int n = int(a[1]); n <<= 4; n |= 3; n ^= 1; n &= ~2; n %= 20; n >>= 1; out[1] = n;
		uchar c = 250; c += 10; out[2] = c;
		short s = 7; s /= 2.5f; out[3] = s;
		int k = 5; out[4] = k++; out[5] = k; out[6] = ++k; out[7] = k--; out[8] = --k;
		int x, y; x = y = 4; out[9] = x + y; (x += 3) *= 2; out[10] = x;`,
		inputs: []any{eight}, want: []float32{2, 6, 4, 2, 5, 6, 7, 7, 5, 8, 14}},
	{name: "swap through vectors", body: `
		float4 v = float4(a[0], a[1], a[2], a[3]);
		v = v.wzyx; out[0] = v.x; out[1] = v.y; out[2] = v.z; out[3] = v.w;
		v.xy = v.yx; out[4] = v.x; out[5] = v.y;
		v.zw += v.xy; out[6] = v.z; out[7] = v.w;
		float2 w = {v.x, 10}; w = float2(w.y, w.x); out[8] = w.x; out[9] = w.y;`,
		inputs: []any{eight}, want: []float32{4, 3, 2, 1, 3, 4, 5, 5, 10, 3}},
	{name: "swap through structs", header: `struct P { float x; float y; };`, body: `
		P p = {a[0], a[1]}; p = P{p.y, p.x}; out[0] = p.x; out[1] = p.y;
		P q = p; q.x += 10; out[2] = p.x; out[3] = q.x; out[4] = (p = q).x;`,
		inputs: []any{eight}, want: []float32{2, 1, 2, 12, 12}},
	{name: "element of a vector at a variable index", body: `
		float4 v = float4(a[0], a[1], a[2], a[3]);
		for (int i = 0; i < 4; ++i) { v[i] *= i + 1; }
		for (uint i = 0; i < 4; ++i) { out[i] = v[i]; }
		int3 w = int3(1, 2, 3); int j = int(a[1]); w[j] = 9; w[j - 1]++; out[4] = w.x; out[5] = w.y; out[6] = w[j];`,
		inputs: []any{eight}, want: []float32{1, 4, 9, 16, 1, 3, 9}},
	{name: "vectors in memory", body: `
		const device float4* p = (const device float4*)a;
		device float4* q = (device float4*)out;
		q[0] = p[0] + p[1]; q[1].xy = p[1].wz; q[1].z = p[0][2]; q[1].w = 1;
		int k = 2; q[2][k] = p[0][k - 1]; q[2].x = 7; q[2].wy = float2(5, 6);`,
		inputs: []any{eight}, want: []float32{6, 8, 10, 12, 8, 7, 3, 1, 7, 6, 2, 5}},
	{name: "vectors of three", body: `
		float3 v[2]; v[0] = float3(1, 2, 3); v[1] = v[0] * 2; thread float* p = (thread float*)v;
		out[0] = p[0]; out[1] = p[4]; out[2] = p[6]; out[3] = sizeof(v);
		packed_float3 w[2]; w[0] = packed_float3(4, 5, 6); w[1] = packed_float3(v[1]); p = (thread float*)w;
		out[4] = p[2]; out[5] = p[3]; out[6] = sizeof(w);`,
		want: []float32{1, 2, 6, 32, 6, 2, 24}},
	{name: "narrow vectors", body: `
		char4 c = char4(100, -100, 1, 2); c = c + c; out[0] = c.x; out[1] = c.y;
		uchar2 u = uchar2(200, 3); u *= uchar2(2, 3); out[2] = u.x; out[3] = u.y; u = ~u; out[4] = u.y;
		ushort2 s = ushort2(1, 2) << 15; out[5] = s.x; out[6] = s.y; short2 n = -short2(-32768, 5); out[7] = n.x; out[8] = n.y;
		bool2 b = c.xy < c.yx; out[9] = b.x; out[10] = b.y; out[11] = all(b || !b); out[12] = any(b && !b);
		c++; out[13] = c.z; char d = 127; d++; out[14] = d;`,
		want: []float32{-56, 56, 144, 9, 246, 32768, 0, -32768, -5, 1, 0, 1, 0, 3, -128}},
	{name: "arrays", body: `
		float v[6] = {1, 2}; int n = int(a[1]); v[n + 1] = 5; v[5] += v[0]; for (int i = 0; i < 6; ++i) { out[i] = v[i]; }
		int t[3][4] = {{1, 2}, {3}}; t[n][n + 1] = 9; t[1][n]++;
		int s = 0; for (int i = 0; i < 3; i++) { for (int j = 0; j < 4; j++) { s = s * 3 + t[i][j]; } } out[6] = s;
		thread int* p = t[1]; out[7] = p[0]; out[8] = p[4 + n + 1]; out[9] = *(p - 3); out[10] = &t[2][0] - p;`,
		inputs: []any{eight}, want: []float32{1, 2, 0, 5, 0, 1, 302058, 3, 9, 2, 4}},
	{name: "large arrays", body: `
		float v[300] = {1, 2, 3}; out[0] = v[2]; float s = 0; for (int i = 0; i < 300; ++i) { s += v[i]; } out[1] = s; v[299] = 4; out[2] = v[299] + v[298];`,
		want: []float32{3, 6, 4}},
	{name: "structs with arrays", header: `
		struct Tile { float v[40]; int n; float sum() const { float s = 0; for (int i = 0; i < 40; ++i) { s += v[i]; } return s + n; } void add(float x) { v[n++] += x; } };
		Tile make(float x) { Tile t = {}; t.v[0] = x; return t; }
		float first(Tile t) { t.v[0] += 1; return t.v[0]; }`, body: `
		Tile t = make(5); t.add(1); t.add(2); out[0] = t.sum(); Tile u = t; u.add(10); out[1] = t.v[2]; out[2] = u.v[2]; out[3] = first(u); out[4] = u.v[0];
		Tile w[2]; w[1] = u; int i = int(a[0]); w[i].v[i + 1] += 4; out[5] = w[1].v[2]; t = w[i]; out[6] = t.sum(); out[7] = make(3).v[0];`,
		inputs: []any{eight}, want: []float32{10, 0, 10, 7, 6, 14, 25, 3}},
	{name: "pointers", body: `
		const device float* p = a; p += 2; out[0] = *p++; out[1] = *p; p--; out[2] = p[-1]; out[3] = p - a;
		device float* q = out + 4; *q++ = 9; *(q + 1) = 8; q[0] = 7; float x = 1; thread float* r = &x; *r += 4; out[7] = x;
		out[8] = p > a; out[9] = p == a + 2; out[10] = (ulong)(p + 1) - (ulong)p; const device float* z = nullptr; out[11] = z == nullptr; out[12] = p ? 1 : 2;
		thread float* m[2] = {&x, nullptr}; *m[0] = 3; out[13] = x; out[14] = m[1] == nullptr; uint k = 3; out[15] = *(a + k - 1u);`,
		inputs: []any{eight}, want: []float32{3, 4, 2, 2, 9, 7, 8, 5, 1, 1, 4, 1, 1, 3, 1, 3}},
	{name: "early returns", header: `
		float pick(float x) { if (x < 2) { return 10; } if (x < 4) { float y = x * 2; return y; } return x; }
		float nested(int n) { for (int i = 0; i < 10; ++i) { for (int j = 0; ; ++j) { if (i * j == n) { return i * 100 + j; } if (j > 9) { break; } } } return -1; }
		int sgn(float x) { if (x > 0) return 1; else if (x < 0) return -1; else return 0; }
		void put(device float* p, float x) { if (x > 100) { return; } *p = x; }`, body: `
		for (int i = 0; i < 5; ++i) { out[i] = pick(a[i]); }
		out[5] = nested(6); out[6] = nested(97); out[7] = sgn(-a[0]); out[8] = sgn(a[0] - 1); put(out + 9, 5); put(out + 9, 500);`,
		inputs: []any{eight}, want: []float32{10, 4, 6, 4, 5, 106, -1, -1, 0, 5}},
	{name: "references", header: `
		void bump(thread float& x, float by) { x += by; }
		void both(thread float& x, thread float& y) { float t = x; x = y; y = t; }
		thread float& larger(thread float& x, thread float& y) { if (x > y) { return x; } return y; }
		device float& at(device float* p, int i) { return p[i]; }
		device float& either(device float* p, bool c) { if (c) { return p[10]; } return p[11]; }
		float next(thread uint& s) { s = s * 5u + 1u; return s; }
		uint state(thread uint& s) { s += 1; return s; }
		thread uint& same(thread uint& s) { s++; return s; }`, body: `
		float x = a[0], y = a[1]; bump(x, 4); out[0] = x; both(x, y); out[1] = x; out[2] = y; larger(x, y) = 50; out[3] = x; out[4] = y;
		at(out, 5) = 3; at(out, 5) += 4; float v[4] = {}; bump(v[2], 2); bump(v[1], 1); out[6] = v[2] + 10 * v[1];
		uint s = 1; out[7] = next(s) * 100 + next(s); s = 1; out[8] = int(state(s) - 10 * state(s)); thread uint& r = s; r = 9; out[9] = s;
		either(out, true) = 1; either(out, false) = 2; (a[0] > 3 ? out[12] : out[13]) = 6; same(s) += 2; out[14] = s; (x > y ? x : y) = 7; out[15] = max(x, y);`,
		inputs: []any{eight}, want: []float32{5, 2, 5, 2, 50, 7, 12, 631, -28, 9, 1, 2, 0, 6, 12, 7}},
	{name: "methods", header: `
		struct Acc { float sum; int n; Acc() : sum(0), n(0) {} Acc(float x) : sum(x), n(1) {}
		  void add(float x) { sum += x; n++; } float mean() const { return sum / n; } thread Acc& operator+=(Acc o) { sum += o.sum; n += o.n; return *this; }
		  Acc operator+(Acc o) const { Acc r = *this; r += o; return r; } };
		template <typename T, int N> struct Vec { T v[N]; thread T& operator[](int i) { return v[i]; } T total() { T s = 0; for (int i = 0; i < N; ++i) { s += v[i]; } return s; } };
		struct Op { float k; float operator()(float x) const { return k * x; } };`, body: `
		Acc p; p.add(a[0]); p.add(a[2]); out[0] = p.mean(); Acc q(5.f); q += p; out[1] = q.sum; out[2] = q.n; out[3] = (p + q).sum; out[4] = (p + Acc(1)).mean();
		Vec<float, 4> v; for (int i = 0; i < 4; ++i) { v[i] = a[i]; } v[2] *= 10; out[5] = v.total(); Op f = {3}; out[6] = f(2); out[7] = Op{4}(2);
		Acc arr[2]; arr[0] = p; arr[1] = q; arr[int(a[0])].add(1); out[8] = arr[1].n;`,
		inputs: []any{eight}, want: []float32{2, 9, 3, 13, 5. / 3, 37, 6, 8, 4}},
	{name: "lambdas", header: `template <typename F> float twice(F f, float x) { return f(f(x)); }`, body: `
		float k = 2; auto f = [&](float v) { return v * k; }; out[0] = f(3); k = 5; out[1] = f(3); out[2] = twice(f, 1);
		auto g = [&](float v) { k += v; }; g(1); out[3] = k; out[4] = twice([&](float v) { return twice(f, v) + 1; }, 0);
		auto h = [](float v) { if (v > 2) { return 1; } return 0; }; out[5] = h(1) + 10 * h(3);`,
		want: []float32{6, 15, 25, 6, 37, 10}},
	{name: "loops", body: `
		int s = 0; for (int i = 0; i < 10; ++i) { if (i == 3) { continue; } if (i == 7) { break; } s += i; } out[0] = s;
		int n = 0; while (true) { if (++n > 5) { break; } } out[1] = n; do { n -= 2; } while (n > 0); out[2] = n;
		int c = 0; do { if (c == 0) { break; } c = 9; } while (false); out[3] = c; do { c++; if (c < 4) { continue; } c += 10; } while (c < 6); out[4] = c;
		for (int i = 0, j = 10; i < j; i++, j--) { c = i * 100 + j; } out[5] = c; int k = 3; while (k-- > 0) { s += 1; } out[6] = s; out[7] = k;
		for (;;) { break; } float acc = 0; for (uint i = 8; i-- > 0;) { acc = acc * 2 + a[i]; } out[8] = acc;`,
		inputs: []any{eight}, want: []float32{0 + 1 + 2 + 4 + 5 + 6, 6, 0, 0, 14, 406, 21, -1, 1793}},
	{name: "switch", header: `
		int plain(int x) { switch (x) { case 1: return 10; case 2: case 3: return 20; default: return 30; case 7: return 70; } }
		int falls(int x) { int r = 0; switch (x) { case 1: r += 1; case 2: r += 2; break; default: r += 100; case 5: r += 5; } return r; }
		int inner(int x) { int r = 0; switch (x) { case 0: if (r == 0) { r = 4; break; } r = 5; break; case 1: { int y = 2; r = y; break; } } return r; }`, body: `
		for (int i = 0; i < 4; ++i) { out[i] = plain(i); } out[4] = plain(7);
		for (int i = 0; i < 4; ++i) { out[5 + i] = falls(i); } out[9] = falls(5); out[10] = inner(0); out[11] = inner(1); out[12] = inner(2);
		int s = 0; for (int i = 0; i < 6; ++i) { switch (i) { case 1: continue; case 4: break; default: s += 1; } s += 10; } out[13] = s;
		switch (int(a[0])) { default: out[14] = 3; } switch (uint(a[1])) { case 2u: out[15] = 8; }`,
		inputs: []any{eight}, want: []float32{30, 10, 20, 20, 70, 105, 3, 2, 105, 5, 4, 2, 0, 54, 3, 8}},
	{name: "short circuits", header: `bool hit(thread int& n) { n++; return true; }`, body: `
		int n = 0; bool r = a[0] > 5 && hit(n); out[0] = n; r = a[0] > 0 && hit(n); out[1] = n + 10 * r; r = a[0] > 0 || hit(n); out[2] = n; r = a[0] > 5 || hit(n); out[3] = n;
		int i = 100; out[4] = i < 8 && a[i] > 0; out[5] = i >= 8 || a[i] > 0; out[6] = i < 8 ? a[i] : -1; int z = 0; out[7] = z != 0 ? 5 / z : 3; out[8] = a[0] > 0 ? a[1] : a[100];
		a[0] > 5 ? (void)n++ : (void)(n += 10); out[9] = n; out[10] = (n = 3, n + 1);`,
		inputs: []any{eight}, want: []float32{0, 11, 1, 2, 0, 1, -1, 3, 2, 12, 4}},
	{name: "tables", header: `
		constant float lut[4] = {1, 10, 100, 1000}; constant int grid[2][3] = {{1, 2, 3}, {4, 5, 6}}; struct Pair { short k; float v; }; constant Pair pairs[2] = {{1, 2.5f}, {3, 4.5f}};
		float at(constant const float* p, int i) { return p[i]; }`, body: `
		int i = int(a[1]); out[0] = lut[i]; out[1] = grid[i - 1][i]; out[2] = pairs[i - 1].v; out[3] = pairs[0].k; out[4] = at(lut, i + 1); const float local[3] = {7, 8, 9}; out[5] = local[i];
		constexpr half h[2] = {0.5h, 1.5h}; out[6] = h[i - 1]; constant const float* p = lut + 1; out[7] = p[i];`,
		inputs: []any{eight}, want: []float32{100, 6, 4.5, 1, 1000, 9, 1.5, 1000}},
	{name: "casts", body: `
		out[0] = as_type<int>(1.0f) == 0x3f800000; out[1] = as_type<float>(0x40000000u); half2 h = as_type<half2>(0x40003c00u); out[2] = h.x; out[3] = h.y;
		uchar4 c = as_type<uchar4>(0x04030201); out[4] = c.x * 1000 + c.y * 100 + c.z * 10 + c.w; out[5] = as_type<uint>(uchar4(1, 2, 3, 4)) == 0x04030201u;
		ulong l = as_type<ulong>(float2(1, 2)); out[6] = (l >> 32) == 0x40000000ul; float2 f = as_type<float2>(l); out[7] = f.x; out[8] = f.y; out[9] = as_type<ushort>(1.0h) == 0x3c00;
		out[10] = bool(0.5f); out[11] = int(true) + 1; out[12] = float(int4(1, 2, 3, 4).z); out[13] = float2(int2(3, 4)).y; out[14] = uint(-1) == 0xffffffffu; out[15] = char(uchar(200));`,
		want: []float32{1, 2, 1, 2, 1234, 1, 1, 1, 2, 1, 1, 2, 3, 4, 1, -56}},
	{name: "half and bfloat", body: `
		half h = 2048.h; h = h + 1.h; out[0] = h; h += 3; out[1] = h; bfloat b = bfloat(256.f); b = b + bfloat(1.f); out[2] = float(b); out[3] = half(1) / half(3);
		half2 v = half2(1, 2) * half2(3, 4); out[4] = v.x + v.y; out[5] = h > 5.h; b++; out[6] = float(b); out[7] = float(bfloat(1.f / 3));`,
		want: []float32{2048, 2052, 256, 0.33325195, 11, 1, 256, 0.33398438}},
	{name: "64 bits", body: `
		long big = 1l << 40; out[0] = big >> 38; ulong u = ~0ul; out[1] = u / (1ul << 60); int64_t i = -5; out[2] = a[i + 6]; size_t k = 3; out[3] = a[k]; out[4] = (long)int(a[0] - 3); out[5] = ulong(uint(-1)) >> 31;`,
		inputs: []any{eight}, want: []float32{4, 15, 2, 4, -2, 1}},
	{name: "templates", header: `
		template <typename T, int N> T sum(const device T* p) { T s = 0; for (int i = 0; i < N; ++i) { s += p[i]; } return s; }
		template <int N> float power(float x) { if constexpr (N == 0) { return 1; } else { return x * power<N - 1>(x); } }`, body: `
		out[0] = sum<float, 5>(a); out[1] = power<5>(2); out[2] = power<0>(7);`,
		inputs: []any{eight}, want: []float32{15, 32, 1}},
	{name: "complex numbers", body: `
		complex64_t c = complex64_t(1, 2); c = c * c + 1.0f; out[0] = c.real; out[1] = c.imag; complex64_t d = c / complex64_t(0, 1); out[2] = d.real; out[3] = d.imag; out[4] = c == d; c.real = 9; out[5] = (-c).real;`,
		want: []float32{-2, 4, 4, 2, 0, -9}},
	{name: "shadowing and names", body: `
		int i = 1; { int i = 2; { float i = 3.5f; out[0] = i; } out[1] = i; } out[2] = i; for (int i = 0; i < 3; ++i) { int j; if (i == 0) { j = 5; } else { j = i; } out[3 + i] = j; }`,
		want: []float32{3.5, 2, 1, 5, 1, 2}},
	{name: "constant memory read through other pointers", header: `
		float sum(const device float* p) { float s = 0; for (int i = 0; i < 3; ++i) { s += p[i]; } return s; }`, body: `
		out[0] = sum(a) + sum(b); const float v[2] = {1, 2}; const thread float* q = v; out[1] = q[1]; float u[2] = {3, 4}; q = u; out[2] = q[0]; q = v; out[3] = *q;
		const device float* g = a; g = b; out[4] = g[0] + (a[0] < 0 ? g : a)[1]; out[5] = g == b; out[6] = (a[0] > 0 ? g : a + 4)[2]; struct S { const device float* p; }; S s = {b}; out[7] = s.p[1]; s.p = a; out[8] = s.p[7];`,
		inputs: []any{eight, []float32{10, 20, 30}}, want: []float32{66, 2, 3, 1, 12, 1, 30, 20, 8}},
	{name: "values before effects", body: `
		int n = 1; int m = n; n = 5; out[0] = m; int k[3] = {1, 2, 3}; int j = 0; k[j++] = 10; k[j] += 5; out[1] = k[0]; out[2] = k[1]; out[3] = j; const int c = n; n = 9; out[4] = c;
		float2 v = {1, 2}; float2 w = v; v.x = 7; out[5] = w.x; int q = n++ * 2; out[6] = q; uint s = 3; uint t = s--; out[7] = t * 10 + s;`,
		want: []float32{1, 10, 7, 1, 5, 1, 18, 32}},
}

func TestRun(t *testing.T) {
	for _, c := range runs {
		t.Run(c.name, func(t *testing.T) {
			got := floats(t, len(c.want), 1, c.header, c.body, c.inputs...)
			for i, w := range c.want {
				if !same(got[i], w) {
					t.Errorf("out[%d] = %v, want %v", i, got[i], w)
				}
			}
		})
	}
}
