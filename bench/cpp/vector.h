// This file implements vectors of floats for the versions written by hand: as
// wide as the target has them, with loads and stores of float and of float16,
// and the functions that the ops need.

#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define ZB_WIDTH 16
#elif defined(__AVX2__)
#define ZB_WIDTH 8
#else
#define ZB_WIDTH 4
#endif

constexpr int W = ZB_WIDTH;

typedef float vf __attribute__((vector_size(W * 4)));
typedef int32_t vi __attribute__((vector_size(W * 4)));
typedef uint32_t vu __attribute__((vector_size(W * 4)));
typedef float vf_unaligned __attribute__((vector_size(W * 4), aligned(4)));

static inline vf splat(float x) { return vf{} + x; }
static inline vi bits(vf x) { return (vi)x; }

#if defined(__AVX512F__)
static inline vf vmax(vf a, vf b) { return (vf)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vf vmin(vf a, vf b) { return (vf)_mm512_min_ps((__m512)a, (__m512)b); }
static inline float sum_of(vf a) { return _mm512_reduce_add_ps((__m512)a); }
static inline float max_of(vf a) { return _mm512_reduce_max_ps((__m512)a); }
#else
#if defined(__AVX2__)
static inline vf vmax(vf a, vf b) { return (vf)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vf vmin(vf a, vf b) { return (vf)_mm256_min_ps((__m256)a, (__m256)b); }
#else
static inline vf vmax(vf a, vf b) { return a > b ? a : b; }
static inline vf vmin(vf a, vf b) { return a < b ? a : b; }
#endif
static inline float sum_of(vf a) {
    float s[W];
    memcpy(s, &a, sizeof s);
    for (int half = W / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) s[i] += s[i + half];
    return s[0];
}
static inline float max_of(vf a) {
    float s[W];
    memcpy(s, &a, sizeof s);
    for (int half = W / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) s[i] = s[i] > s[i + half] ? s[i] : s[i + half];
    return s[0];
}
#endif

// An element type, how W of it become floats and back. stream passes the caches
// by; its address is a multiple of what it writes.
struct Float {
    typedef float T;
    static inline vf load(const T *p) { return *(const vf_unaligned *)p; }
    static inline void store(T *p, vf v) { *(vf_unaligned *)p = v; }
    static inline void stream(T *p, vf v) {
#if defined(__AVX512F__)
        _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
        _mm256_stream_ps(p, (__m256)v);
#elif defined(__SSE2__)
        _mm_stream_ps(p, (__m128)v);
#else
        store(p, v);
#endif
    }
};

struct Half {
    typedef uint16_t T;
#if defined(__AVX512F__)
    static inline vf load(const T *p) { return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
    static inline __m256i pack(vf v) { return _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT); }
    static inline void store(T *p, vf v) { _mm256_storeu_si256((__m256i *)p, pack(v)); }
    static inline void stream(T *p, vf v) { _mm256_stream_si256((__m256i *)p, pack(v)); }
#elif defined(__AVX2__) && defined(__F16C__)
    static inline vf load(const T *p) { return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
    static inline __m128i pack(vf v) { return _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT); }
    static inline void store(T *p, vf v) { _mm_storeu_si128((__m128i *)p, pack(v)); }
    static inline void stream(T *p, vf v) { _mm_stream_si128((__m128i *)p, pack(v)); }
#else
#if defined(__aarch64__)
    typedef __fp16 F16;
#else
    typedef _Float16 F16;
#endif
    static inline vf load(const T *p) {
        F16 h[W];
        memcpy(h, p, sizeof h);
        vf v;
        for (int i = 0; i < W; i++) v[i] = (float)h[i];
        return v;
    }
    static inline void store(T *p, vf v) {
        F16 h[W];
        for (int i = 0; i < W; i++) h[i] = (F16)v[i];
        memcpy(p, h, sizeof h);
    }
    static inline void stream(T *p, vf v) { store(p, v); }
#endif
};

// The n < W elements of a row's end.
template <typename E> static inline vf load_part(const typename E::T *p, int n, typename E::T other) {
    typename E::T t[W];
    for (int i = 0; i < W; i++) t[i] = i < n ? p[i] : other;
    return E::load(t);
}
template <typename E> static inline void store_part(typename E::T *p, vf v, int n) {
    typename E::T t[W];
    E::store(t, v);
    memcpy(p, t, n * sizeof t[0]);
}

// Whole powers of 2 are taken out; the rest is a polynomial that is exact to 0.06
// units in the last place before rounding. At most 1.2 units off.
static inline vf vexp(vf x) {
    x = vmin(splat(89.0f), x); // NaN is the second operand, which these return
    x = vmax(splat(-105.0f), x);
    const vf magic = splat(0x1.8p23f);
    vf t = x * 1.44269504f + magic;
    vf n = t - magic;
    vf r = x - n * 0x1.62e4p-1f;
    r = r - n * 0x1.7f7d1cp-20f;
    vf p = splat(0.00138146f);
    p = p * r + 0.00836871564f;
    p = p * r + 0.041668389f;
    p = p * r + 0.166665211f;
    p = p * r + 0.49999994f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
#if defined(__AVX512F__)
    return (vf)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
    vi k = bits(t) - bits(magic);
    vi a = k >> 1, b = k - a;
    return p * (vf)((a + 127) << 23) * (vf)((b + 127) << 23);
#endif
}

// An odd quotient of polynomials; beyond 3.92 it rounds to 1. At most 8 units
// in the last place off, which is 3 of a GELU: less would cost more.
static inline vf verf(vf x) {
    x = vmin(splat(3.92f), x);
    x = vmax(splat(-3.92f), x);
    vf t = x * x;
    vf p = splat(-1.27970852e-08f);
    p = p * t + 4.60865203e-06f;
    p = p * t + 0.000376740587f;
    p = p * t + 0.00383872003f;
    p = p * t + 0.0542440154f;
    p = p * t + 0.185139239f;
    p = p * t + 1.12837923f;
    vf q = splat(6.23936648e-05f);
    q = q * t + 0.00130152004f;
    q = q * t + 0.0154301794f;
    q = q * t + 0.113874957f;
    q = q * t + 0.497408777f;
    q = q * t + 1.0f;
    return x * p / q;
}
