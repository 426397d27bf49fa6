-- header --
template <typename F> float twice(F f, float v) { return f(f(v)); }
template <typename F> void each(int n, thread const F& f) { for (int i = 0; i < n; ++i) f(i); }
-- body --
float k = 2; const int n = 4; constexpr int m = 3; float acc[m] = {}; auto f = [&](float v) { return v * k + n; }; auto g = [](auto a, auto b) -> float { return a + b; };
out[0] = twice(f, x[0]) + g(1, 2.0f) + g(1.0f, 2) + g(y[0], u[0]); each(m, [&](int i) { acc[i] += i; float t[m]; t[0] = n; out[1] += t[0]; });
auto nested = [&](int a) { auto inner = [&](int c2) { return a * c2 + m; }; return inner(a) + inner(2); }; outi[0] = nested(3); auto none = [&] { out[2] = k; }; none(); auto rec = [&](float v) { if (v > 1) { return 1.0f; } return v; }; out[3] = rec(0.5f) + acc[0];
auto load = [&](const device float* p, uint i) -> float4 { return float4(p[i], p[i + 1], 0, 0); }; out[4] = load(x, 0).y; [&]() { out[5] = 1; }();
