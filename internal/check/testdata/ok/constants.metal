-- header --
constexpr int sq(int a) { return a * a; }
constexpr int fib(int n) { int a = 0, b = 1; for (int i = 0; i < n; i++) { int t = a + b; a = b; b = t; } return a; }
constexpr int steps(int n) { int r = 0; for (; n > 1; --n) { if (n == 3) { r += 10; } else if (n & 1) r -= 1; r++; } return r; }
constexpr float half_of(float v) { return v / 2; }
constexpr bool is_pow2(uint n) { return n && !(n & (n - 1)); }
template <int M> constexpr int sum_to() { return M * (M + 1) / 2; }
struct Shape { static constexpr int rows = 4; static constexpr int cols = rows * 2; static constexpr constant float eps = 1e-5f; };
enum Flags { None, A = 1 << 3, B, C = A | 1 };
-- body --
static_assert(sq(7) == 49 && fib(10) == 55 && steps(5) == 13 && half_of(3) == 1.5f, "calls"); static_assert(is_pow2(64) && !is_pow2(12), "pow2"); static_assert(sum_to<4>() == 10, "template");
static_assert(Shape::rows * Shape::cols == 32 && B == 9 && C == 9 && None == 0, "members"); static_assert(-7 / 2 == -3 && -7 % 2 == -1 && 7u / 2u == 3 && (-1 > 0u), "division");
static_assert((uchar)300 == 44 && (char)200 == -56 && (short)40000 == -25536 && (ushort)-1 == 65535 && uint(-1) == 0xFFFFFFFF, "wrap"); static_assert(int(2.9f) == 2 && int(-2.9f) == -2 && int(1e20f) == INT_MAX && uint(-5.0f) == 0u, "float to int");
static_assert(half(2049.0f) == 2048 && float(16777217) == 16777216.0f && bfloat(257) == 256, "rounding"); static_assert((-8 >> 1) == -4 && (0x80000000 >> 31) == 1 && (1 << 4 | 3) == 19 && (6 ^ 3) == 5 && (~0 == -1), "bits");
static_assert(min(3, 2) == 2 && max(1.5f, 2.0f) == 2.0f && abs(-3) == 3 && abs(-1.5f) == 1.5f && clamp(9, 0, 5) == 5 && clamp(-1, 0, 5) == 0 && clz(1) == 31 && ctz(8) == 3 && popcount(0xFF) == 8, "functions");
static_assert(as_type<uint>(1.0f) == 0x3F800000 && as_type<float>(0x40000000) == 2.0f && as_type<ushort>(1.0h) == 0x3C00 && as_type<half>(ushort(0x4000)) == 2, "bits of floats"); static_assert(sizeof(float3) == 16 && sizeof(packed_float3) == 12 && alignof(float2) == 8 && sizeof(Shape) == 1 && sizeof(T) == 2 && sizeof(bool) == 1, "sizes");
static_assert(numeric_limits<int>::max() == INT_MAX && numeric_limits<uchar>::max() == 255 && numeric_limits<char>::min() == -128 && numeric_limits<half>::max() == 65504 && numeric_limits<float>::lowest() == -MAXFLOAT && numeric_limits<uint>::digits == 32 && numeric_limits<float>::is_signed && !numeric_limits<uint>::is_signed && numeric_limits<long>::min() == LONG_MIN, "limits");
static_assert((true ? 1 : 2) == 1 && (false || true) && !(true && false) && (1, 2) == 2 && 'a' == 97 && 0b101 == 5 && 017 == 15 && 1e3f == 1000 && !(NAN == NAN) && INFINITY > MAXFLOAT, "operators");
static_assert(1.5f < 2 && 2 <= 2 && 3 >= 3 && 1u < 2u && -1 < 0 && 1.0f != 2.0f && 5 % 3 == 2 && +3 == 3 && -(-3) == 3 && !0, "comparisons"); const int n = sq(3); constexpr float f = half_of(1); const bool flag = n > 5; float a[n]; a[0] = f; switch (n) { case sq(3) + 1: break; case Shape::rows: break; }
const auto lam = [&](int k) { float t[n]; t[0] = k; return t[0] + n; }; constexpr float tab[3] = {1, half_of(4), 3}; const float2 pts[2] = {float2(1), {2, 3}}; const int mat[2][2] = {{1, 2}, {3}}; out[0] = a[0] + lam(2) + tab[1] + pts[1].y + mat[1][1] + flag;
