-- header --
struct Pair { float a; int b; float sum() const { return a + b; } void add(float v) thread { a += v; } thread Pair& self() { return *this; } };
struct Acc { float v[4]; int n = 0; float scale = 1.0f; float total() const { float t = 0; for (int i = 0; i < 4; ++i) t += v[i]; return t * scale; } };
struct Num { float v; Num() : v(0) {} Num(float f) : v(f) {} Num(float a, float b) : v(a * b) {} operator float() const { return v; } };
template <typename U, int M> struct Tile { U data[M]; static constexpr int size = M; using elem = U; thread U& operator[](int i) { return data[i]; } U get(int i) const { return data[i]; } static U zero() { return U(0); } };
template <typename U> struct Cplx { U re, im; }; template <typename U> Cplx<U> operator*(Cplx<U> a, Cplx<U> b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
template <typename U> bool operator<(Cplx<U> a, Cplx<U> b) { return a.re < b.re; }
template <typename U> struct Kind { static constant constexpr int id = 0; }; template <> struct Kind<half> { static constant constexpr int id = 1; }; template <typename U> struct Kind<U*> { static constant constexpr int id = 2; };
enum Color { Red, Green = 4, Blue }; enum class Mode : uint { Fast = 1, Slow }; typedef float real; typedef struct { int a; } Anon; using Row = Tile<float, 4>; struct Node { float w; Pair p[2]; packed_float3 dir; };
constant Pair presets[2] = {{1, 2}, {3, 4}};
-- body --
Pair p = {1, 2}, q{3}, z{}; p.add(1); q = p; thread Pair* pp = &p; pp->a += pp->sum(); p.self().a = 2; Acc acc; acc.v[1] = 1; acc.n++; Acc acc2 = {{1, 2, 3, 4}, 2}; Num n = 2.0f, n2(1, 2), n3; float f = n + n2 * 2;
Tile<float, 8> t; t[0] = 1; Row r; for (int i = 0; i < Row::size; ++i) r[i] = i; Row::elem el = r.get(1) + Row::zero(); Cplx<float> c1 = {1, 2}, c2 = c1 * c1; bool less = c1 < c2; Node nodes[2]; nodes[1].p[0].a = 1; nodes[0].dir = float3(1); nodes[0] = nodes[1];
int kinds = Kind<T>::id + Kind<float>::id + Kind<thread int*>::id + (is_same_v<T, half> ? 1 : 0); Color col = Blue; Mode mode = Mode::Slow; switch (mode) { case Mode::Fast: outi[0] = 1; break; case Mode::Slow: outi[0] = 2; break; } real rl = col + Color::Green; Anon an; an.a = 3;
complex64_t cc = c[0] * c[1] + complex64_t(1, 2); cc = cc / 2.0f - 1.0f; out[1] = cc.real + cc.imag + Limits<float>::max; const Pair kp = presets[1]; thread float& fr = nodes[1].p[1].a; fr = kp.sum(); struct Inner { int v; int twice() const { return v * 2; } }; Inner in = {4}; conditional_t<FLAG, float, int> cd = 1.5f;
out[0] = p.sum() + q.b + z.a + acc.total() + acc2.scale + f + n3 + t[0] + el + c2.im + less + nodes[0].dir.x + kinds + rl + an.a + in.twice() + cd + presets[0].a; decltype(f) same = f; decltype(p.sum()) same2 = same; out[2] = same2;
