// This file implements the ops as a person would write them by hand for the
// processor at hand: each row stays in the near caches, elements become floats
// in registers, and results pass the caches by where they are large.

#include <cmath>

#include "pool.h"
#include "vector.h"

namespace {

// large is the size in bytes from which results are better kept out of the
// caches.
const int64_t large = 4 << 20;

inline void fence() {
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

// A Target stores vectors through the caches or past them.
template <typename E, bool past> inline void put(typename E::T *p, vf v) {
    if (past)
        E::stream(p, v);
    else
        E::store(p, v);
}

// can_stream reports whether rows of d elements all begin where stream may.
template <typename E> bool can_stream(const void *y, int64_t rows, int64_t d) {
    const int64_t size = sizeof(typename E::T);
    return rows * d * size >= large && (uintptr_t)y % (W * size) == 0 && (rows == 1 || d % W == 0);
}

template <typename E, bool past, typename F>
void map_part(const typename E::T *x, typename E::T *y, int64_t from, int64_t to, F f) {
    int64_t i = from;
    for (; i + 2 * W <= to; i += 2 * W) { // two at a time hide each other's latency
        vf a = f(E::load(x + i)), b = f(E::load(x + i + W));
        put<E, past>(y + i, a);
        put<E, past>(y + i + W, b);
    }
    for (; i + W <= to; i += W) put<E, past>(y + i, f(E::load(x + i)));
    if (i < to) store_part<E>(y + i, f(load_part<E>(x + i, to - i, 0)), to - i);
    if (past) fence();
}

template <typename E, typename F> void map(const typename E::T *x, typename E::T *y, int64_t n, F f) {
    const bool past = can_stream<E>(y, 1, n);
    each(n, 1 << 16, [=](int64_t from, int64_t to) {
        if (past)
            map_part<E, true>(x, y, from, to, f);
        else
            map_part<E, false>(x, y, from, to, f);
    });
}

// rows_of runs f(first, last) over rows, so many at a time that taking the next
// ones costs nothing.
template <typename F> void rows_of(int64_t rows, int64_t d, F f) {
    each(rows, (1 << 16) / d + 1, [=](int64_t from, int64_t to) {
        for (int64_t r = from; r < to; r++) f(r);
        fence();
    });
}

// With e = exp(x), tanh(log(1 + e)) is n / (n + 2) where n = e * (e + 2).
inline vf mish(vf x) {
    vf e = vexp(vmin(splat(30.0f), x));
    vf n = e * (e + 2.0f);
    return x * (n / (n + 2.0f));
}

inline vf gelu(vf x) { return x * (0.5f + 0.5f * verf(x * 0.707106781f)); }

// (1 + tanh(u)) / 2 is 1 / (1 + exp(-2u)).
inline vf gelu_tanh(vf x) {
    vf u = x * (1.0f + 0.044715f * x * x) * -1.59576912f;
    return x / (1.0f + vexp(u));
}

inline vf silu(vf x) { return x / (1.0f + vexp(-x)); }

// fold returns g over the vectors f(i) of a row, with four running at a time;
// what is left over is joined to neutral elements.
template <typename L, typename G> inline vf fold(int64_t d, vf neutral, L element, G join) {
    vf a = neutral, b = neutral, c = neutral, e = neutral;
    int64_t j = 0;
    for (; j + 4 * W <= d; j += 4 * W) {
        a = join(a, element(j));
        b = join(b, element(j + W));
        c = join(c, element(j + 2 * W));
        e = join(e, element(j + 3 * W));
    }
    for (; j + W <= d; j += W) a = join(a, element(j));
    return join(join(a, b), join(c, e));
}

// Rows are taken in whole vectors; a part at the end is copied to a vector of
// its own, filled with other.
template <typename E> inline vf at(const typename E::T *p, int64_t j, int64_t d, float other) {
    if (j + W <= d) return E::load(p + j);
    vf v = load_part<E>(p + j, d - j, 0);
    for (int i = d - j; i < W; i++) v[i] = other;
    return v;
}

template <typename E, bool past> inline void put_at(typename E::T *p, int64_t j, int64_t d, vf v) {
    if (j + W <= d)
        put<E, past>(p + j, v);
    else
        store_part<E>(p + j, v, d - j);
}

template <typename E, bool past>
void softmax_row(const typename E::T *x, typename E::T *y, int64_t d, float *room) {
    const int64_t whole = d / W * W;
    auto larger = [](vf a, vf b) { return vmax(a, b); };
    vf m = fold(whole, splat(-INFINITY), [=](int64_t j) { return E::load(x + j); }, larger);
    if (whole < d) m = vmax(m, at<E>(x, whole, d, -INFINITY));
    const float most = max_of(m);
    const vf base = splat(most == -INFINITY ? 0.0f : most);
    vf s = fold(whole, splat(0.0f), [=](int64_t j) {
        vf e = vexp(E::load(x + j) - base);
        Float::store(room + j, e);
        return e;
    }, [](vf a, vf b) { return a + b; });
    if (whole < d) {
        vf e = vexp(at<E>(x, whole, d, -INFINITY) - base);
        Float::store(room + whole, e);
        s += e;
    }
    const float total = sum_of(s);
    const vf scale = splat(total == 0.0f ? 0.0f : 1.0f / total);
    for (int64_t j = 0; j < d; j += W) put_at<E, past>(y, j, d, Float::load(room + j) * scale);
}

template <typename E> void softmax(const typename E::T *x, typename E::T *y, int64_t rows, int64_t d) {
    const bool past = can_stream<E>(y, rows, d);
    rows_of(rows, d, [=](int64_t r) {
        static thread_local float *room = nullptr;
        static thread_local int64_t held = 0;
        if (held < d + W) {
            delete[] room;
            held = d + W;
            room = new float[held];
        }
        if (past)
            softmax_row<E, true>(x + r * d, y + r * d, d, room);
        else
            softmax_row<E, false>(x + r * d, y + r * d, d, room);
    });
}

template <typename E, bool past>
void rmsnorm_row(const typename E::T *x, const typename E::T *w, typename E::T *y, int64_t d) {
    const int64_t whole = d / W * W;
    vf s = fold(whole, splat(0.0f), [=](int64_t j) { vf v = E::load(x + j); return v * v; }, [](vf a, vf b) { return a + b; });
    if (whole < d) {
        vf v = at<E>(x, whole, d, 0.0f);
        s += v * v;
    }
    const vf scale = splat(1.0f / sqrtf(sum_of(s) / d + 1e-6f));
    for (int64_t j = 0; j < d; j += W) put_at<E, past>(y, j, d, at<E>(x, j, d, 0.0f) * scale * at<E>(w, j, d, 0.0f));
}

template <typename E>
void rmsnorm(const typename E::T *x, const typename E::T *w, typename E::T *y, int64_t rows, int64_t d) {
    const bool past = can_stream<E>(y, rows, d);
    rows_of(rows, d, [=](int64_t r) {
        if (past)
            rmsnorm_row<E, true>(x + r * d, w, y + r * d, d);
        else
            rmsnorm_row<E, false>(x + r * d, w, y + r * d, d);
    });
}

template <typename E, bool past>
void layernorm_row(const typename E::T *x, const typename E::T *w, const typename E::T *b, typename E::T *y, int64_t d) {
    const int64_t whole = d / W * W;
    auto add = [](vf p, vf q) { return p + q; };
    vf s = fold(whole, splat(0.0f), [=](int64_t j) { return E::load(x + j); }, add);
    if (whole < d) s += at<E>(x, whole, d, 0.0f);
    const float mean = sum_of(s) / d;
    vf q = fold(whole, splat(0.0f), [=](int64_t j) { vf v = E::load(x + j) - mean; return v * v; }, add);
    if (whole < d) {
        vf v = at<E>(x, whole, d, mean) - mean;
        q += v * v;
    }
    const vf scale = splat(1.0f / sqrtf(sum_of(q) / d + 1e-5f));
    for (int64_t j = 0; j < d; j += W)
        put_at<E, past>(y, j, d, (at<E>(x, j, d, 0.0f) - mean) * scale * at<E>(w, j, d, 0.0f) + at<E>(b, j, d, 0.0f));
}

template <typename E>
void layernorm(const typename E::T *x, const typename E::T *w, const typename E::T *b, typename E::T *y, int64_t rows, int64_t d) {
    const bool past = can_stream<E>(y, rows, d);
    rows_of(rows, d, [=](int64_t r) {
        if (past)
            layernorm_row<E, true>(x + r * d, w, b, y + r * d, d);
        else
            layernorm_row<E, false>(x + r * d, w, b, y + r * d, d);
    });
}

// A row of x has 2d elements: the gate, then what it lets through.
template <typename E, bool past> void swiglu_row(const typename E::T *x, typename E::T *y, int64_t d) {
    for (int64_t j = 0; j < d; j += W) {
        // Streams of one row are too short for the processor to foresee the next.
        if (d * sizeof(typename E::T) > 512) {
            __builtin_prefetch(x + 2 * d + j);
            __builtin_prefetch(x + 3 * d + j);
        }
        put_at<E, past>(y, j, d, silu(at<E>(x, j, d, 0.0f)) * at<E>(x + d, j, d, 0.0f));
    }
}

template <typename E> void swiglu(const typename E::T *x, typename E::T *y, int64_t rows, int64_t d) {
    const bool past = can_stream<E>(y, rows, d);
    rows_of(rows, d, [=](int64_t r) {
        if (past)
            swiglu_row<E, true>(x + r * 2 * d, y + r * d, d);
        else
            swiglu_row<E, false>(x + r * 2 * d, y + r * d, d);
    });
}

} // namespace

// Every op is called alike: up to three inputs, the result, the number of rows
// and how long they are in the first input.
#define OPS(SUFFIX, E)                                                                                              \
    void zb_mish_##SUFFIX(const E::T *x, const E::T *, const E::T *, E::T *y, int64_t rows, int64_t d) {             \
        map<E>(x, y, rows * d, [](vf v) { return mish(v); });                                                        \
    }                                                                                                                \
    void zb_gelu_##SUFFIX(const E::T *x, const E::T *, const E::T *, E::T *y, int64_t rows, int64_t d) {             \
        map<E>(x, y, rows * d, [](vf v) { return gelu(v); });                                                        \
    }                                                                                                                \
    void zb_gelu_tanh_##SUFFIX(const E::T *x, const E::T *, const E::T *, E::T *y, int64_t rows, int64_t d) {        \
        map<E>(x, y, rows * d, [](vf v) { return gelu_tanh(v); });                                                   \
    }                                                                                                                \
    void zb_softmax_##SUFFIX(const E::T *x, const E::T *, const E::T *, E::T *y, int64_t rows, int64_t d) {          \
        softmax<E>(x, y, rows, d);                                                                                   \
    }                                                                                                                \
    void zb_rmsnorm_##SUFFIX(const E::T *x, const E::T *w, const E::T *, E::T *y, int64_t rows, int64_t d) {         \
        rmsnorm<E>(x, w, y, rows, d);                                                                                \
    }                                                                                                                \
    void zb_layernorm_##SUFFIX(const E::T *x, const E::T *w, const E::T *b, E::T *y, int64_t rows, int64_t d) {      \
        layernorm<E>(x, w, b, y, rows, d);                                                                           \
    }                                                                                                                \
    void zb_swiglu_##SUFFIX(const E::T *x, const E::T *, const E::T *, E::T *y, int64_t rows, int64_t d) {           \
        swiglu<E>(x, y, rows, d / 2);                                                                                \
    }

extern "C" {
OPS(f32, Float)
OPS(f16, Half)
}
