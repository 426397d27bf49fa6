-- header --
#include <metal_stdlib>
#include <metal_simdgroup>
using namespace metal;
#define SCALE 2.0f
#define SQUARE(v) ((v) * (v))
#if defined(SCALE) && __METAL_VERSION__ >= 200
constant float table[4] = {1, 2, 3 * SCALE, -4};
#else
#error "no"
#endif
constant constexpr int WIDTH = 8; constant float2 pairs[2] = {{1, 2}, float2(3, 4)}; static constant uint MASK = (1u << WIDTH) - 1; constant int grid[2][2] = {{1, 2}, {3, 4}};
inline float twice(float v) { return v * 2; } inline half twice(half v) { return v + v; } inline int twice(int v) { return v << 1; }
template <typename U> METAL_FUNC U thrice(U v) { return v * U(3); } template <> METAL_FUNC float thrice<float>(float v) { return v * 3.0f; }
template <int M, typename U = float> U sum_of(const device U* p) { U t = 0; for (int i = 0; i < M; ++i) t += p[i]; return t; }
template <typename U, int M> U fold(const thread U (&a)[M]) { U t = 0; for (int i = 0; i < M; ++i) t += a[i]; return t; }
template <typename U, int M> vec<U, M> unit(vec<U, M> v) { return v / length(v); }
template <typename P> float read(P p, uint i) { return p[i]; }
void update(thread float& m, thread uint& at, float v, uint i) { if (v > m) { m = v; at = i; } }
void clear(threadgroup float* p, uint n, float v = 0) { for (uint i = 0; i < n; ++i) p[i] = v; }
float lookup(constant float* t, int i) { return t[i & 3]; } float by_ref(constant float& v, const thread int& k) { return v * k; }
float later(float v); float later(float v) { return v + 1; }
constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; } constexpr int log2i(int n) { int r = 0; while (n > 1) { n >>= 1; r++; } return r; }
namespace ops { struct Add { template <typename U> U operator()(U a, U b) const { return a + b; } }; constant float half_pi = 1.5707963f; namespace deep { float f(float v) { return v; } } }
template <typename Op, typename U> U apply(Op op, U a, U b) { return op(a, b); }
template <bool Fast> float pick(float v) { if constexpr (Fast) { return fast::exp(v); } else { return precise::exp(v); } }
thread float& larger(thread float& a, thread float& b) { return a > b ? a : b; }
-- body --
uint i = thread_position_in_grid.x; float m = -INFINITY; uint at = 0; update(m, at, x[i], i); threadgroup float shared[16]; clear(shared, 16); clear(shared, 16, 1.0f);
float loc[3] = {1, 2, 3}; float p = 1, q = 2; larger(p, q) = 5; int k = 3; float e[ceil_div(N * 3, WIDTH) + log2i(16)]; e[0] = 0;
out[i] = twice(x[i]) + twice(h[0]) + twice(y[0]) + thrice(2.0f) + thrice(h[0]) + thrice<int>(y[0]) + sum_of<4>(x) + sum_of<2, half>(h) + fold(loc) + unit(float3(1)).x + read(x, 1) + read(shared, 2) + read(loc, 0) + read(small, 0);
out[0] = lookup(table, 2) + by_ref(table[1], k) + later(1) + ops::Add()(1.0f, 2.0f) + ops::half_pi + ops::deep::f(2) + apply(ops::Add(), 1, 2) + pick<true>(1) + pick<FLAG && false>(2) + SQUARE(p + q) + pairs[1].y + MASK + grid[1][0] + e[0] + at;
int ce = ceildiv(i, 4); auto loc2 = elem_to_loc(i, x_shape, x_strides, x_ndim); outi[0] = ce + loc2;
