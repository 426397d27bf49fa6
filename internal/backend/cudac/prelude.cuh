// What emitted kernels are made of. A kernel gets the paragraphs it uses:
// each defines names, and those that it mentions come along.

#define ZM_FN __device__ __forceinline__
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
typedef int8_t __attribute__((__may_alias__)) zm_i8;
typedef uint8_t __attribute__((__may_alias__)) zm_u8;
typedef int16_t __attribute__((__may_alias__)) zm_i16;
typedef uint16_t __attribute__((__may_alias__)) zm_u16;
typedef int32_t __attribute__((__may_alias__)) zm_i32;
typedef uint32_t __attribute__((__may_alias__)) zm_u32;
typedef int64_t __attribute__((__may_alias__)) zm_i64;
typedef uint64_t __attribute__((__may_alias__)) zm_u64;
typedef float __attribute__((__may_alias__)) zm_f32;
typedef double __attribute__((__may_alias__)) zm_f64;
typedef char *__attribute__((__may_alias__)) zm_ptr;
typedef struct {
  uint32_t grid[3], group[3], groups[3];
  uint32_t pad;
  uint64_t first;
} zmlx_launch;
#ifndef ZMLX_THREADS
#define ZMLX_THREADS 1024
#endif
#ifndef ZMLX_WHOLE
#define ZMLX_WHOLE 0
#endif

#ifndef ZMLX_ALIGNED
#define ZMLX_ALIGNED 0
#endif

// With ZMLX_EARLY a launch may begin before the work before it has ended: until
// then nothing is read or written. The next launch may begin when each block has
// said so or has ended. Only the last ones say it, about as many as run at once:
// of many small blocks it would take longer than it saves.
#ifndef ZMLX_EARLY
#define ZMLX_EARLY 0
#endif
ZM_FN void zm_await() {
#if ZMLX_EARLY
  asm volatile("griddepcontrol.wait;" ::: "memory");
  if (gridDim.x - blockIdx.x <= 2048u) asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#define ZM_INFF __uint_as_float(0x7f800000u)
#define ZM_NANF __uint_as_float(0x7fc00000u)
#define ZM_INF __longlong_as_double(0x7ff0000000000000ll)
#define ZM_NAN __longlong_as_double(0x7ff8000000000000ll)

ZM_FN uint32_t zm_f32_bits(float x) { return __float_as_uint(x); }

ZM_FN float zm_bits_f32(uint32_t u) { return __uint_as_float(u); }

// Off by at most 2 units of the last place, and 0 for y beyond 2^126, as fast::
// allows; there is no branch in it.
ZM_FN float zm_fast_divide(float x, float y) { return __fdividef(x, y); }

ZM_FN uint64_t zm_f64_bits(double x) { return (uint64_t)__double_as_longlong(x); }

ZM_FN double zm_bits_f64(uint64_t u) { return __longlong_as_double((int64_t)u); }

// Halves and bfloats, by the instructions that convert them.

ZM_FN uint16_t zm_float_to_half(float x) {
#ifdef ZMLX_SIM
  return zm_sim_half(x);
#else
  uint16_t h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return h;
#endif
}

ZM_FN float zm_half_to_float(uint16_t h) {
#ifdef ZMLX_SIM
  return zm_sim_of_half(h);
#else
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
  return x;
#endif
}

ZM_FN uint16_t zm_float_to_bfloat(float x) {
#ifdef ZMLX_SIM
  return zm_sim_bfloat(x);
#else
  uint16_t h;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return h;
#endif
}

ZM_FN float zm_bfloat_to_float(uint16_t h) { return __uint_as_float((uint32_t)h << 16); }

ZM_FN float zm_round_half(float x) { return zm_half_to_float(zm_float_to_half(x)); }

ZM_FN float zm_round_bfloat(float x) { return zm_bfloat_to_float(zm_float_to_bfloat(x)); }

// Wider values are rounded to odd first: then rounding once more to a half or
// bfloat gives what one rounding would.

ZM_FN float zm_odd_d(double x) {
  const float f = __double2float_rz(x);
  return f == x || x != x || f - f != 0.0f ? f : __uint_as_float(__float_as_uint(f) | 1u);
}

ZM_FN float zm_odd_i64(int64_t x) {
  const float f = __ll2float_rz(x);
  return (int64_t)f == x ? f : __uint_as_float(__float_as_uint(f) | 1u);
}

ZM_FN float zm_odd_u64(uint64_t x) {
  const float f = __ull2float_rz(x);
  return (uint64_t)f == x ? f : __uint_as_float(__float_as_uint(f) | 1u);
}

ZM_FN float zm_f64_to_f16(double x) { return zm_round_half(zm_odd_d(x)); }

ZM_FN float zm_f64_to_bf16(double x) { return zm_round_bfloat(zm_odd_d(x)); }

ZM_FN float zm_i64_to_f16(int64_t x) { return zm_round_half(zm_odd_i64(x)); }

ZM_FN float zm_u64_to_f16(uint64_t x) { return zm_round_half(zm_odd_u64(x)); }

ZM_FN float zm_i64_to_bf16(int64_t x) { return zm_round_bfloat(zm_odd_i64(x)); }

ZM_FN float zm_u64_to_bf16(uint64_t x) { return zm_round_bfloat(zm_odd_u64(x)); }

ZM_FN float zm_i32_to_bf16(int32_t x) { return zm_round_bfloat(zm_odd_i64(x)); }

ZM_FN float zm_u32_to_bf16(uint32_t x) { return zm_round_bfloat(zm_odd_i64((int64_t)x)); }

// From floats to integers: out of range saturates, NaN gives 0.

ZM_FN int32_t zm_f32_to_i32(float x) { return x != x ? 0 : __float2int_rz(x); }

ZM_FN uint32_t zm_f32_to_u32(float x) { return x != x ? 0u : __float2uint_rz(x); }

ZM_FN int64_t zm_f32_to_i64(float x) { return x != x ? 0 : __float2ll_rz(x); }

ZM_FN uint64_t zm_f32_to_u64(float x) { return x != x ? 0u : __float2ull_rz(x); }

ZM_FN int32_t zm_f64_to_i32(double x) { return x != x ? 0 : __double2int_rz(x); }

ZM_FN uint32_t zm_f64_to_u32(double x) { return x != x ? 0u : __double2uint_rz(x); }

ZM_FN int64_t zm_f64_to_i64(double x) { return x != x ? 0 : __double2ll_rz(x); }

ZM_FN uint64_t zm_f64_to_u64(double x) { return x != x ? 0u : __double2ull_rz(x); }

ZM_FN int32_t zm_f32_to_i8(float x) { return min(max(zm_f32_to_i32(x), -128), 127); }

ZM_FN int32_t zm_f32_to_i16(float x) { return min(max(zm_f32_to_i32(x), -32768), 32767); }

ZM_FN uint32_t zm_f32_to_u8(float x) { return min(zm_f32_to_u32(x), 255u); }

ZM_FN uint32_t zm_f32_to_u16(float x) { return min(zm_f32_to_u32(x), 65535u); }

ZM_FN int32_t zm_f64_to_i8(double x) { return min(max(zm_f64_to_i32(x), -128), 127); }

ZM_FN int32_t zm_f64_to_i16(double x) { return min(max(zm_f64_to_i32(x), -32768), 32767); }

ZM_FN uint32_t zm_f64_to_u8(double x) { return min(zm_f64_to_u32(x), 255u); }

ZM_FN uint32_t zm_f64_to_u16(double x) { return min(zm_f64_to_u32(x), 65535u); }

// Functions of floats that are more than a call of CUDA's own.

ZM_FN bool zm_isinf(float x) { return fabsf(x) == ZM_INFF; }

ZM_FN bool zm_isinf_d(double x) { return fabs(x) == ZM_INF; }

ZM_FN bool zm_isfinite(float x) { return fabsf(x) < ZM_INFF; }

ZM_FN bool zm_isfinite_d(double x) { return fabs(x) < ZM_INF; }

ZM_FN bool zm_isnormal(float x) { return fabsf(x) >= 0x1p-126f && fabsf(x) < ZM_INFF; }

ZM_FN bool zm_isnormal_d(double x) { return fabs(x) >= 0x1p-1022 && fabs(x) < ZM_INF; }

ZM_FN bool zm_isnormal_f16(float x) { return fabsf(x) >= 0x1p-14f && fabsf(x) < ZM_INFF; }

ZM_FN bool zm_isnormal_bf16(float x) { return zm_isnormal(x); }

ZM_FN bool zm_signbit(float x) { return (__float_as_uint(x) >> 31) != 0; }

ZM_FN bool zm_signbit_d(double x) { return __double_as_longlong(x) < 0; }

ZM_FN int32_t zm_ilogb(float x) { return fabsf(x) < ZM_INFF ? ilogbf(x) : 0x7fffffff; }

ZM_FN int32_t zm_ilogb_d(double x) { return fabs(x) < ZM_INF ? ilogb(x) : 0x7fffffff; }

ZM_FN float zm_tanpi(float x) { return sinpif(x) / cospif(x); }

ZM_FN double zm_tanpi_d(double x) { return sinpi(x) / cospi(x); }

ZM_FN float zm_ldexp(float x, int32_t e) { return ldexpf(x, e); }

ZM_FN double zm_ldexp_d(double x, int32_t e) { return ldexp(x, e); }

ZM_FN float zm_nextafter(float x, float y) { return x == y ? x : nextafterf(x, y); }

ZM_FN double zm_nextafter_d(double x, double y) { return x == y ? x : nextafter(x, y); }

ZM_FN float zm_nextafter_f16(float x, float y) {
  if (x != x || y != y) return x + y;
  if (x == y) return y;
  const uint16_t h = zm_float_to_half(x);
  if (x == 0.0f) return copysignf(0x1p-24f, y);
  return zm_half_to_float((uint16_t)((y > x) == (x > 0.0f) ? h + 1 : h - 1));
}

ZM_FN float zm_nextafter_bf16(float x, float y) {
  if (x != x || y != y) return x + y;
  if (x == y) return y;
  const uint16_t h = zm_float_to_bfloat(x);
  if (x == 0.0f) return copysignf(__uint_as_float(0x10000u), y);
  return zm_bfloat_to_float((uint16_t)((y > x) == (x > 0.0f) ? h + 1 : h - 1));
}

ZM_FN float zm_fma_f16(float a, float b, float c) {
#ifdef ZMLX_SIM
  return zm_sim_fma_half(a, b, c);
#else
  uint16_t h;
  asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(h) : "h"(zm_float_to_half(a)), "h"(zm_float_to_half(b)), "h"(zm_float_to_half(c)));
  return zm_half_to_float(h);
#endif
}

ZM_FN float zm_fma_bf16(float a, float b, float c) {
#ifdef ZMLX_SIM
  return zm_sim_fma_bfloat(a, b, c);
#else
  uint16_t h;
  asm("fma.rn.bf16 %0, %1, %2, %3;" : "=h"(h) : "h"(zm_float_to_bfloat(a)), "h"(zm_float_to_bfloat(b)), "h"(zm_float_to_bfloat(c)));
  return zm_bfloat_to_float(h);
#endif
}

// Integers: division by zero gives 0, and the least by -1 wraps.

ZM_FN int32_t zm_div_i32(int32_t a, int32_t b) { return b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b; }

ZM_FN int64_t zm_div_i64(int64_t a, int64_t b) { return b == 0 ? 0 : b == -1 ? (int64_t)(0ull - (uint64_t)a) : a / b; }

ZM_FN uint32_t zm_div_u32(uint32_t a, uint32_t b) { return b == 0 ? 0 : a / b; }

ZM_FN uint64_t zm_div_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }

ZM_FN int32_t zm_rem_i32(int32_t a, int32_t b) { return b == 0 || b == -1 ? 0 : a % b; }

ZM_FN int64_t zm_rem_i64(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }

ZM_FN uint32_t zm_rem_u32(uint32_t a, uint32_t b) { return b == 0 ? 0 : a % b; }

ZM_FN uint64_t zm_rem_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }

ZM_FN int32_t zm_abs_i32(int32_t a) { return a < 0 ? (int32_t)(0u - (uint32_t)a) : a; }

ZM_FN int64_t zm_abs_i64(int64_t a) { return a < 0 ? (int64_t)(0ull - (uint64_t)a) : a; }

ZM_FN uint32_t zm_abs_u32(uint32_t a) { return a; }

ZM_FN uint64_t zm_abs_u64(uint64_t a) { return a; }

ZM_FN int32_t zm_mulhi_i32(int32_t a, int32_t b) { return __mulhi(a, b); }

ZM_FN int64_t zm_mulhi_i64(int64_t a, int64_t b) { return __mul64hi(a, b); }

ZM_FN uint32_t zm_mulhi_u32(uint32_t a, uint32_t b) { return __umulhi(a, b); }

ZM_FN uint64_t zm_mulhi_u64(uint64_t a, uint64_t b) { return __umul64hi(a, b); }

ZM_FN uint32_t zm_rotl_u32(uint32_t a, uint32_t b) { return a << (b & 31) | a >> (-b & 31); }

ZM_FN uint64_t zm_rotl_u64(uint64_t a, uint64_t b) { return a << (b & 63) | a >> (-b & 63); }

ZM_FN int32_t zm_rotl_i32(int32_t a, int32_t b) { return (int32_t)zm_rotl_u32((uint32_t)a, (uint32_t)b); }

ZM_FN int64_t zm_rotl_i64(int64_t a, int64_t b) { return (int64_t)zm_rotl_u64((uint64_t)a, (uint64_t)b); }

ZM_FN uint32_t zm_clz_u32(uint32_t a) { return (uint32_t)__clz((int32_t)a); }

ZM_FN uint64_t zm_clz_u64(uint64_t a) { return (uint64_t)__clzll((int64_t)a); }

ZM_FN int32_t zm_clz_i32(int32_t a) { return __clz(a); }

ZM_FN int64_t zm_clz_i64(int64_t a) { return __clzll(a); }

ZM_FN uint32_t zm_ctz_u32(uint32_t a) { return a == 0 ? 32u : (uint32_t)__ffs((int32_t)a) - 1u; }

ZM_FN uint64_t zm_ctz_u64(uint64_t a) { return a == 0 ? 64u : (uint64_t)__ffsll((int64_t)a) - 1u; }

ZM_FN int32_t zm_ctz_i32(int32_t a) { return (int32_t)zm_ctz_u32((uint32_t)a); }

ZM_FN int64_t zm_ctz_i64(int64_t a) { return (int64_t)zm_ctz_u64((uint64_t)a); }

ZM_FN uint32_t zm_popcount_u32(uint32_t a) { return (uint32_t)__popc(a); }

ZM_FN uint64_t zm_popcount_u64(uint64_t a) { return (uint64_t)__popcll(a); }

ZM_FN int32_t zm_popcount_i32(int32_t a) { return __popc((uint32_t)a); }

ZM_FN int64_t zm_popcount_i64(int64_t a) { return __popcll((uint64_t)a); }

ZM_FN uint32_t zm_reverse_bits_u32(uint32_t a) { return __brev(a); }

ZM_FN uint64_t zm_reverse_bits_u64(uint64_t a) { return __brevll(a); }

ZM_FN int32_t zm_reverse_bits_i32(int32_t a) { return (int32_t)__brev((uint32_t)a); }

ZM_FN int64_t zm_reverse_bits_i64(int64_t a) { return (int64_t)__brevll((uint64_t)a); }

// Memory in words, for accesses of several elements of S bytes: whole where
// the address allows, else element by element. READ is for what no one writes
// while the kernel runs.

template <int N> struct zm_words {
  uint32_t w[N];
};

template <bool READ, class T> ZM_FN T zm_get(const T *p) {
  if constexpr (READ)
    return __ldg(p);
  else
    return *p;
}

template <int N, int S, bool READ, bool ALIGNED> ZM_FN zm_words<N> zm_load(const char *q) {
  zm_words<N> r;
  if constexpr (N % 4 == 0) {
    if (ALIGNED || ((uint64_t)q & 15u) == 0) {
#pragma unroll
      for (int i = 0; i < N / 4; ++i) {
        const uint4 v = zm_get<READ>((const uint4 *)q + i);
        r.w[4 * i] = v.x, r.w[4 * i + 1] = v.y, r.w[4 * i + 2] = v.z, r.w[4 * i + 3] = v.w;
      }
      return r;
    }
  } else if constexpr (N % 2 == 0) {
    if (ALIGNED || ((uint64_t)q & 7u) == 0) {
#pragma unroll
      for (int i = 0; i < N / 2; ++i) {
        const uint2 v = zm_get<READ>((const uint2 *)q + i);
        r.w[2 * i] = v.x, r.w[2 * i + 1] = v.y;
      }
      return r;
    }
  } else if constexpr (S < 4) {
    if (ALIGNED || ((uint64_t)q & 3u) == 0) {
#pragma unroll
      for (int i = 0; i < N; ++i) r.w[i] = zm_get<READ>((const unsigned int *)q + i);
      return r;
    }
  }
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if constexpr (S >= 4) {
      r.w[i] = zm_get<READ>((const unsigned int *)q + i);
    } else if constexpr (S == 2) {
      r.w[i] = (uint32_t)zm_get<READ>((const unsigned short *)q + 2 * i) | (uint32_t)zm_get<READ>((const unsigned short *)q + 2 * i + 1) << 16;
    } else {
      r.w[i] = (uint32_t)zm_get<READ>((const unsigned char *)q + 4 * i) | (uint32_t)zm_get<READ>((const unsigned char *)q + 4 * i + 1) << 8 |
               (uint32_t)zm_get<READ>((const unsigned char *)q + 4 * i + 2) << 16 | (uint32_t)zm_get<READ>((const unsigned char *)q + 4 * i + 3) << 24;
    }
  }
  return r;
}

template <int N, int S, bool ALIGNED> ZM_FN void zm_store(char *q, const zm_words<N> r) {
  if constexpr (N % 4 == 0) {
    if (ALIGNED || ((uint64_t)q & 15u) == 0) {
#pragma unroll
      for (int i = 0; i < N / 4; ++i) ((uint4 *)q)[i] = make_uint4(r.w[4 * i], r.w[4 * i + 1], r.w[4 * i + 2], r.w[4 * i + 3]);
      return;
    }
  } else if constexpr (N % 2 == 0) {
    if (ALIGNED || ((uint64_t)q & 7u) == 0) {
#pragma unroll
      for (int i = 0; i < N / 2; ++i) ((uint2 *)q)[i] = make_uint2(r.w[2 * i], r.w[2 * i + 1]);
      return;
    }
  } else if constexpr (S < 4) {
    if (ALIGNED || ((uint64_t)q & 3u) == 0) {
#pragma unroll
      for (int i = 0; i < N; ++i) ((zm_u32 *)q)[i] = r.w[i];
      return;
    }
  }
#pragma unroll
  for (int i = 0; i < N; ++i) {
    if constexpr (S >= 4) {
      ((zm_u32 *)q)[i] = r.w[i];
    } else if constexpr (S == 2) {
      ((zm_u16 *)q)[2 * i] = (uint16_t)r.w[i], ((zm_u16 *)q)[2 * i + 1] = (uint16_t)(r.w[i] >> 16);
    } else {
      ((zm_u8 *)q)[4 * i] = (uint8_t)r.w[i], ((zm_u8 *)q)[4 * i + 1] = (uint8_t)(r.w[i] >> 8);
      ((zm_u8 *)q)[4 * i + 2] = (uint8_t)(r.w[i] >> 16), ((zm_u8 *)q)[4 * i + 3] = (uint8_t)(r.w[i] >> 24);
    }
  }
}

// Atomics that CUDA has not for floats. Values are compared as bits.

ZM_FN float zm_atomic_min_f32(char *p, float v) {
  uint32_t old = *(volatile uint32_t *)p;
  for (;;) {
    const uint32_t seen = atomicCAS((uint32_t *)p, old, __float_as_uint(zm_min(__uint_as_float(old), v)));
    if (seen == old) return __uint_as_float(old);
    old = seen;
  }
}

ZM_FN float zm_atomic_max_f32(char *p, float v) {
  uint32_t old = *(volatile uint32_t *)p;
  for (;;) {
    const uint32_t seen = atomicCAS((uint32_t *)p, old, __float_as_uint(zm_max(__uint_as_float(old), v)));
    if (seen == old) return __uint_as_float(old);
    old = seen;
  }
}

// Functions of simdgroups over the lanes of m, which all get here together. A
// team is the W lanes, 32 or 4, that a function is about.

template <class T> ZM_FN T zm_lane(uint32_t m, T v, uint32_t from) { return __shfl_sync(m, v, (int)from); }
ZM_FN char *zm_lane(uint32_t m, char *v, uint32_t from) { return (char *)__shfl_sync(m, (unsigned long long)v, (int)from); }

// The value of a lane, or the own one if that lane is not in m or ok is false.
template <class T> ZM_FN T zm_take(uint32_t m, T v, uint32_t from, bool ok) {
  return zm_lane(m, v, ok && (m >> (from & 31u) & 1u) != 0 ? from : threadIdx.x & 31u);
}

template <int W> ZM_FN uint32_t zm_team(uint32_t m) {
  return W == 32 ? m : m & 0xfu << (threadIdx.x & 28u);
}

// Joins each lane with the one half a team away, then a quarter, and so on.
// What a lane that is not there would have, another of the same half has too;
// if there is none, its part of the tree is empty and changes nothing.
template <int W, class F, class T> ZM_FN T zm_tree(uint32_t m, T v, F join) {
  if (m == 0xffffffffu) {
#pragma unroll
    for (int h = W / 2; h > 0; h /= 2) v = join(v, __shfl_xor_sync(0xffffffffu, v, h));
    return v;
  }
  const uint32_t lane = threadIdx.x & 31u, team = zm_team<W>(m);
#pragma unroll
  for (int h = W / 2; h > 0; h /= 2) {
    const uint32_t every = 0xffffffffu / (uint32_t)((1ull << 2 * h) - 1);
    const uint32_t same = team & every << ((lane ^ h) & (2 * h - 1));
    const T other = zm_lane(m, v, same != 0 ? __ffs(same) - 1 : lane);
    if (same != 0) v = join(v, other);
  }
  return v;
}

template <class T> constexpr bool zm_word = T(1) / T(2) == T(0) && sizeof(T) == 4;

struct zm_join_sum {
  template <class T> ZM_FN T operator()(T a, T b) const { return a + b; }
};

struct zm_join_product {
  template <class T> ZM_FN T operator()(T a, T b) const { return a * b; }
};

struct zm_join_min {
  template <class T> ZM_FN T operator()(T a, T b) const { return a < b ? a : b; }
  ZM_FN float operator()(float a, float b) const { return zm_min(a, b); }
  ZM_FN double operator()(double a, double b) const { return zm_min_d(a, b); }
};

struct zm_join_max {
  template <class T> ZM_FN T operator()(T a, T b) const { return a > b ? a : b; }
  ZM_FN float operator()(float a, float b) const { return zm_max(a, b); }
  ZM_FN double operator()(double a, double b) const { return zm_max_d(a, b); }
};

struct zm_join_and {
  template <class T> ZM_FN T operator()(T a, T b) const { return a & b; }
};

struct zm_join_or {
  template <class T> ZM_FN T operator()(T a, T b) const { return a | b; }
};

struct zm_join_xor {
  template <class T> ZM_FN T operator()(T a, T b) const { return a ^ b; }
};

template <int W, class T> ZM_FN T zm_simd_sum(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_add_sync(m, v);
  else
    return zm_tree<W>(m, v, zm_join_sum());
}

template <int W, class T> ZM_FN T zm_simd_product(uint32_t m, T v) { return zm_tree<W>(m, v, zm_join_product()); }

template <int W, class T> ZM_FN T zm_simd_min(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_min_sync(m, v);
  else
    return zm_tree<W>(m, v, zm_join_min());
}

template <int W, class T> ZM_FN T zm_simd_max(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_max_sync(m, v);
  else
    return zm_tree<W>(m, v, zm_join_max());
}

template <int W, class T> ZM_FN T zm_simd_and(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_and_sync(m, (uint32_t)v);
  else
    return zm_tree<W>(m, v, zm_join_and());
}

template <int W, class T> ZM_FN T zm_simd_or(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_or_sync(m, (uint32_t)v);
  else
    return zm_tree<W>(m, v, zm_join_or());
}

template <int W, class T> ZM_FN T zm_simd_xor(uint32_t m, T v) {
  if constexpr (W == 32 && zm_word<T>)
    return (T)__reduce_xor_sync(m, (uint32_t)v);
  else
    return zm_tree<W>(m, v, zm_join_xor());
}

// Prefixes go through the lanes in ascending order, so that floats are joined
// in that order; integers, where all lanes are there, in log W steps.
template <int W, bool EXCLUSIVE, class F, class T> ZM_FN T zm_scan(uint32_t m, T v, T start, F join) {
  const uint32_t lane = threadIdx.x & 31u, own = lane & (W - 1);
  if constexpr (T(1) / T(2) == T(0)) {
    if (m == 0xffffffffu) {
#pragma unroll
      for (int d = 1; d < W; d *= 2) {
        const T below = __shfl_up_sync(0xffffffffu, v, d, W);
        if (own >= d) v = join(below, v);
      }
      if constexpr (EXCLUSIVE) {
        v = __shfl_up_sync(0xffffffffu, v, 1, W);
        if (own == 0) v = start;
      }
      return v;
    }
  }
  T sum = start, result = start;
  bool any = false;
#pragma unroll
  for (int i = 0; i < W; ++i) {
    const uint32_t from = (lane - own) + i;
    if (W == 32 && (m >> i & 1u) == 0) continue;
    const T x = zm_take(m, v, from, true);
    if ((m >> from & 1u) != 0) {
      if (EXCLUSIVE && from == lane) result = sum;
      sum = any ? join(sum, x) : x;
      any = true;
      if (!EXCLUSIVE && from == lane) result = sum;
    }
  }
  return result;
}

template <int W, class T> ZM_FN T zm_simd_prefix_sum(uint32_t m, T v) { return zm_scan<W, false>(m, v, T(0), zm_join_sum()); }

template <int W, class T> ZM_FN T zm_simd_prefix_exsum(uint32_t m, T v) { return zm_scan<W, true>(m, v, T(0), zm_join_sum()); }

template <int W, class T> ZM_FN T zm_simd_prefix_product(uint32_t m, T v) { return zm_scan<W, false>(m, v, T(1), zm_join_product()); }

template <int W, class T> ZM_FN T zm_simd_prefix_exproduct(uint32_t m, T v) { return zm_scan<W, true>(m, v, T(1), zm_join_product()); }

template <int W, class T> ZM_FN T zm_simd_shuffle(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & (32u - W)) + k, k < W);
}

template <int W, class T> ZM_FN T zm_simd_broadcast(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & (32u - W)) + k, k < W);
}

template <int W, class T> ZM_FN T zm_simd_shuffle_up(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & 31u) - k, k <= (threadIdx.x & (W - 1)));
}

template <int W, class T> ZM_FN T zm_simd_shuffle_down(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & 31u) + k, k < W - (threadIdx.x & (W - 1)));
}

template <int W, class T> ZM_FN T zm_simd_shuffle_xor(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & 31u) ^ k, k < W);
}

template <int W, class T> ZM_FN T zm_simd_rotate_up(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & (32u - W)) | (threadIdx.x - k & (W - 1)), true);
}

template <int W, class T> ZM_FN T zm_simd_rotate_down(uint32_t m, T v, uint32_t k) {
  return zm_take(m, v, (threadIdx.x & (32u - W)) | (threadIdx.x + k & (W - 1)), true);
}

template <int W, class T> ZM_FN T zm_simd_broadcast_first(uint32_t m, T v) { return zm_lane(m, v, __ffs(zm_team<W>(m)) - 1); }

// A shift within parts of modulo lanes, the open end from the filling.
template <int W, bool UP, class T> ZM_FN T zm_fill(uint32_t m, T data, T filling, uint32_t delta, uint32_t modulo) {
  const uint32_t lane = threadIdx.x & 31u, own = lane & (W - 1);
  const int64_t size = modulo < 1u || modulo > W ? W : modulo, part = own % (uint32_t)size;
  int64_t from = UP ? part - delta : part + delta;
  const bool open = UP ? from < 0 : from >= size;
  if (open) from += UP ? size : -size;
  const uint32_t at = lane - (uint32_t)part + (uint32_t)from;
  const bool ok = from >= 0 && from < size && own - part + from < W && (m >> (at & 31u) & 1u) != 0;
  const T moved = zm_take(m, data, at, ok), filled = zm_take(m, filling, at, ok);
  return ok && open ? filled : moved;
}

template <int W, class T> ZM_FN T zm_simd_fill_up(uint32_t m, T data, T filling, uint32_t delta, uint32_t modulo) { return zm_fill<W, true>(m, data, filling, delta, modulo); }

template <int W, class T> ZM_FN T zm_simd_fill_down(uint32_t m, T data, T filling, uint32_t delta, uint32_t modulo) { return zm_fill<W, false>(m, data, filling, delta, modulo); }

template <int W> ZM_FN uint64_t zm_simd_active(uint32_t m) { return W == 32 ? m : m >> (threadIdx.x & 28u) & 15u; }

template <int W> ZM_FN uint64_t zm_simd_ballot(uint32_t m, bool v) { return zm_simd_active<W>(__ballot_sync(m, v)); }

template <int W> ZM_FN bool zm_simd_all(uint32_t m, bool v) { return zm_team<W>(__ballot_sync(m, !v)) == 0; }

template <int W> ZM_FN bool zm_simd_any(uint32_t m, bool v) { return zm_team<W>(__ballot_sync(m, v)) != 0; }

template <int W> ZM_FN bool zm_simd_is_first(uint32_t m) { return __ffs(zm_team<W>(m)) - 1 == (threadIdx.x & 31u); }

// 8x8 matrices: each lane has two neighbours of a row; those of lanes that are
// not there are zero.
ZM_FN void zm_matmul(uint32_t m, float a0, float a1, float b0, float b1, float c0, float c1, float &d0, float &d1) {
  const uint32_t lane = threadIdx.x & 31u;
#pragma unroll
  for (uint32_t k = 0; k < 8; ++k) {
    const uint32_t at_a = (lane & 22u) | (k & 4u) << 1 | (k >> 1 & 1u);
    const uint32_t at_b = (k & 4u) << 2 | (lane & 8u) | (k & 3u) << 1 | (lane & 1u);
    float a = zm_take(m, (k & 1u) != 0 ? a1 : a0, at_a, true);
    float x = zm_take(m, b0, at_b, true), y = zm_take(m, b1, at_b, true);
    if (m != 0xffffffffu) {
      if ((m >> at_a & 1u) == 0) a = 0.0f;
      if ((m >> at_b & 1u) == 0) x = y = 0.0f;
    }
    c0 = __fadd_rn(c0, __fmul_rn(a, x));
    c1 = __fadd_rn(c1, __fmul_rn(a, y));
  }
  d0 = c0, d1 = c1;
}
