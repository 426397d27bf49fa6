// The declarations that MLX puts before every kernel, in the kernel language.
// What Metal itself has is built in; this file is the rest.

// ---- Numeric limits, as members

template <typename U>
struct Limits {
  static const constant U max = metal::numeric_limits<U>::max();
  static const constant U min = metal::numeric_limits<U>::min();
  static const constant U finite_max = metal::numeric_limits<U>::max();
  static const constant U finite_min = metal::numeric_limits<U>::min();
};

template <>
struct Limits<half> {
  static constexpr constant half max = metal::numeric_limits<half>::infinity();
  static constexpr constant half min = -metal::numeric_limits<half>::infinity();
  static constexpr constant half finite_max = metal::numeric_limits<half>::max();
  static constexpr constant half finite_min = -metal::numeric_limits<half>::max();
};

template <>
struct Limits<float> {
  static constexpr constant float max = metal::numeric_limits<float>::infinity();
  static constexpr constant float min = -metal::numeric_limits<float>::infinity();
  static constexpr constant float finite_max = metal::numeric_limits<float>::max();
  static constexpr constant float finite_min = -metal::numeric_limits<float>::max();
};

template <>
struct Limits<bfloat> {
  static constexpr constant bfloat max = metal::numeric_limits<bfloat>::infinity();
  static constexpr constant bfloat min = -metal::numeric_limits<bfloat>::infinity();
  static constexpr constant bfloat finite_max = metal::numeric_limits<bfloat>::max();
  static constexpr constant bfloat finite_min = -metal::numeric_limits<bfloat>::max();
};

template <>
struct Limits<bool> {
  static constexpr constant bool max = true;
  static constexpr constant bool min = false;
};

// ---- Types chosen at compile time

template <bool condition, typename T, typename U>
struct ConditionalType {
  using type = U;
};

template <typename T, typename U>
struct ConditionalType<true, T, U> {
  using type = T;
};

template <bool condition, typename T = void>
struct enable_if {};

template <typename T>
struct enable_if<true, T> {
  using type = T;
};

template <bool condition, typename T = void>
using enable_if_t = typename enable_if<condition, T>::type;

template <typename T, typename U>
struct is_same {
  static constexpr constant bool value = false;
};

template <typename T>
struct is_same<T, T> {
  static constexpr constant bool value = true;
};

template <typename T, typename U>
constexpr constant bool is_same_v = is_same<T, U>::value;

template <bool condition, typename T, typename U>
using conditional_t = typename ConditionalType<condition, T, U>::type;

// ---- Small arithmetic

template <typename T, typename U>
inline T ceildiv(T n, U m) {
  return (n + m - 1) / m;
}

inline ushort bfloat16_to_uint16(const bfloat x) {
  return as_type<ushort>(x);
}

inline bfloat uint16_to_bfloat16(const ushort x) {
  return as_type<bfloat>(x);
}

// ---- Complex numbers

template <typename T>
struct complex_t {
  T real;
  T imag;

  constexpr complex_t() : real(0), imag(0) {}
  constexpr complex_t(T re, T im) : real(re), imag(im) {}
  constexpr complex_t(T re) : real(re), imag(0) {}
  constexpr complex_t(metal::vec<T, 2> v) : real(v.x), imag(v.y) {}

  constexpr operator T() const {
    return real;
  }
  constexpr operator metal::vec<T, 2>() const {
    return metal::vec<T, 2>(real, imag);
  }
};

using complex64_t = complex_t<float>;
using complex32_t = complex_t<half>;

template <typename T>
constexpr complex_t<T> operator-(complex_t<T> x) {
  return {-x.real, -x.imag};
}

template <typename T>
constexpr complex_t<T> operator+(complex_t<T> a, complex_t<T> b) {
  return {a.real + b.real, a.imag + b.imag};
}

constexpr complex64_t operator+(complex64_t a, float b) {
  return {a.real + b, a.imag};
}

constexpr complex64_t operator+(float a, complex64_t b) {
  return {a + b.real, b.imag};
}

template <typename T>
constexpr complex_t<T> operator-(complex_t<T> a, complex_t<T> b) {
  return {a.real - b.real, a.imag - b.imag};
}

constexpr complex64_t operator-(complex64_t a, float b) {
  return {a.real - b, a.imag};
}

constexpr complex64_t operator-(float a, complex64_t b) {
  return {a - b.real, -b.imag};
}

template <typename T>
constexpr complex_t<T> operator*(complex_t<T> a, complex_t<T> b) {
  return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}

constexpr complex64_t operator*(complex64_t a, float b) {
  return {a.real * b, a.imag * b};
}

constexpr complex64_t operator*(float a, complex64_t b) {
  return {a * b.real, a * b.imag};
}

template <typename T>
constexpr complex_t<T> operator/(complex_t<T> a, complex_t<T> b) {
  T denom = b.real * b.real + b.imag * b.imag;
  T re = a.real * b.real + a.imag * b.imag;
  T im = a.imag * b.real - a.real * b.imag;
  return {re / denom, im / denom};
}

constexpr complex64_t operator/(complex64_t a, float b) {
  return {a.real / b, a.imag / b};
}

constexpr complex64_t operator/(float a, complex64_t b) {
  float denom = b.real * b.real + b.imag * b.imag;
  return {a * b.real / denom, -a * b.imag / denom};
}

// The remainder has the sign of the divisor, part by part.
template <typename T>
constexpr complex_t<T> operator%(complex_t<T> a, complex_t<T> b) {
  T re = a.real - b.real * metal::floor(a.real / b.real);
  T im = a.imag - b.imag * metal::floor(a.imag / b.imag);
  return {re, im};
}

template <typename T>
constexpr bool operator==(complex_t<T> a, complex_t<T> b) {
  return a.real == b.real && a.imag == b.imag;
}

template <typename T>
constexpr bool operator!=(complex_t<T> a, complex_t<T> b) {
  return a.real != b.real || a.imag != b.imag;
}

template <typename T>
constexpr bool operator>(complex_t<T> a, complex_t<T> b) {
  return a.real > b.real || (a.real == b.real && a.imag > b.imag);
}

template <typename T>
constexpr bool operator<(complex_t<T> a, complex_t<T> b) {
  return b > a;
}

template <typename T>
constexpr bool operator>=(complex_t<T> a, complex_t<T> b) {
  return a.real > b.real || (a.real == b.real && a.imag >= b.imag);
}

template <typename T>
constexpr bool operator<=(complex_t<T> a, complex_t<T> b) {
  return b >= a;
}

template <>
struct Limits<complex64_t> {
  static constexpr constant complex64_t max = complex64_t(metal::numeric_limits<float>::infinity(), metal::numeric_limits<float>::infinity());
  static constexpr constant complex64_t min = complex64_t(-metal::numeric_limits<float>::infinity(), -metal::numeric_limits<float>::infinity());
};

inline float log1p(float x) {
  return metal::log1p(x);
}

inline bfloat log1p(bfloat x) {
  return metal::log1p(x);
}

inline complex64_t log1p(complex64_t in) {
  float x = in.real;
  float y = in.imag;
  float zabs = metal::precise::sqrt(x * x + y * y);
  float theta = metal::atan2(y, x + 1);
  if (zabs < 0.5f) {
    float r = x * (2 + x) + y * y;
    if (r == 0) {
      return {x, theta};
    }
    return {0.5f * metal::log1p(r), theta};
  }
  float z0 = metal::sqrt((x + 1) * (x + 1) + y * y);
  return {metal::log(z0), theta};
}

// ---- Conversions by name

template <typename U>
struct cast_to {
  template <typename T>
  U operator()(T x) const {
    return static_cast<U>(x);
  }
};

// ---- From linear indexes to strided locations

template <typename IdxT = int64_t>
inline IdxT elem_to_loc(IdxT elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  IdxT loc = 0;
  for (int i = ndim - 1; i >= 0 && elem > 0; --i) {
    loc += (elem % shape[i]) * IdxT(strides[i]);
    elem /= shape[i];
  }
  return loc;
}

inline int64_t elem_to_loc(uint elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  return elem_to_loc<int64_t>(int64_t(elem), shape, strides, ndim);
}

inline int64_t elem_to_loc(int elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  return elem_to_loc<int64_t>(int64_t(elem), shape, strides, ndim);
}

inline int64_t elem_to_loc(ulong elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  return elem_to_loc<int64_t>(int64_t(elem), shape, strides, ndim);
}

// The last two axes are elem.x and elem.y; elem.z counts through the others.
template <typename IdxT = int64_t>
inline IdxT elem_to_loc(uint3 elem, constant const int* shape, constant const int64_t* strides, int ndim) {
  IdxT loc = elem.x * IdxT(strides[ndim - 1]) + elem.y * IdxT(strides[ndim - 2]);
  for (int d = ndim - 3; d >= 0; --d) {
    loc += (elem.z % shape[d]) * IdxT(strides[d]);
    elem.z /= shape[d];
  }
  return loc;
}

template <typename IdxT = int64_t>
inline IdxT elem_to_loc_1(uint elem, constant const int64_t& stride) {
  return elem * IdxT(stride);
}

template <typename IdxT = int64_t>
inline IdxT elem_to_loc_2(uint2 elem, constant const int64_t strides[2]) {
  return elem.x * IdxT(strides[1]) + elem.y * IdxT(strides[0]);
}

template <typename IdxT = int64_t>
inline IdxT elem_to_loc_3(uint3 elem, constant const int64_t strides[3]) {
  return elem.x * IdxT(strides[2]) + elem.y * IdxT(strides[1]) + elem.z * IdxT(strides[0]);
}

template <typename IdxT = int64_t>
inline metal::vec<IdxT, 2> elem_to_loc_2_nd(uint3 elem, constant const int* shape, constant const int64_t* a_strides, constant const int64_t* b_strides, int ndim) {
  metal::vec<IdxT, 2> loc = {
      IdxT(elem.x * IdxT(a_strides[ndim - 1]) + IdxT(elem.y) * IdxT(a_strides[ndim - 2])),
      IdxT(elem.x * IdxT(b_strides[ndim - 1]) + elem.y * IdxT(b_strides[ndim - 2]))};
  for (int d = ndim - 3; d >= 0; --d) {
    uint l = elem.z % shape[d];
    loc.x += l * IdxT(a_strides[d]);
    loc.y += l * IdxT(b_strides[d]);
    elem.z /= shape[d];
  }
  return loc;
}

template <typename IdxT = int64_t>
inline metal::vec<IdxT, 3> elem_to_loc_3_nd(uint3 elem, constant const int* shape, constant const int64_t* a_strides, constant const int64_t* b_strides, constant const int64_t* c_strides, int ndim) {
  metal::vec<IdxT, 3> loc = {
      IdxT(elem.x * IdxT(a_strides[ndim - 1]) + elem.y * IdxT(a_strides[ndim - 2])),
      IdxT(elem.x * IdxT(b_strides[ndim - 1]) + elem.y * IdxT(b_strides[ndim - 2])),
      IdxT(elem.x * IdxT(c_strides[ndim - 1]) + elem.y * IdxT(c_strides[ndim - 2]))};
  for (int d = ndim - 3; d >= 0; --d) {
    uint l = elem.z % shape[d];
    loc.x += l * IdxT(a_strides[d]);
    loc.y += l * IdxT(b_strides[d]);
    loc.z += l * IdxT(c_strides[d]);
    elem.z /= shape[d];
  }
  return loc;
}

// LoopedElemToLoc walks the locations of consecutive elements. dim is the
// number of axes it looks at; with General the rest is walked too.
template <int DIM, typename OffsetT = size_t, bool General = true>
struct LoopedElemToLoc {
  int dim;
  OffsetT index;
  OffsetT offset;

  LoopedElemToLoc(int dim_) : dim(dim_), index(0), offset(0) {}

  void next(const constant int* shape, const constant int64_t* strides) {
    index++;
    offset = at(shape, strides);
  }

  void next(int n, const constant int* shape, const constant int64_t* strides) {
    index += n;
    offset = at(shape, strides);
  }

  OffsetT at(const constant int* shape, const constant int64_t* strides) {
    int axes = General ? dim : DIM;
    OffsetT rest = index;
    OffsetT loc = 0;
    for (int i = axes - 1; i > 0; --i) {
      loc += (rest % OffsetT(shape[i])) * OffsetT(strides[i]);
      rest /= OffsetT(shape[i]);
    }
    if (axes > 0) {
      loc += rest * OffsetT(strides[0]);
    }
    return loc;
  }

  OffsetT location() {
    return offset;
  }
};

template <typename U>
struct WorkPerThread {
  static constexpr int constant n = 8 / sizeof(U);
};

template <>
struct WorkPerThread<bool> {
  static constexpr int constant n = 8;
};

// ---- Packed pixels, which Metal has and this file spells out

#define ZMLX_UNPACK(T, suffix) \
  inline T##4 unpack_unorm4x8_to_##suffix(uint p) { \
    return T##4(float4(p & 255u, (p >> 8) & 255u, (p >> 16) & 255u, p >> 24) / 255.0f); \
  } \
  inline T##4 unpack_snorm4x8_to_##suffix(uint p) { \
    return T##4(max(float4(char(p), char(p >> 8), char(p >> 16), char(p >> 24)) / 127.0f, -1.0f)); \
  } \
  inline T##2 unpack_unorm2x16_to_##suffix(uint p) { \
    return T##2(float2(p & 65535u, p >> 16) / 65535.0f); \
  } \
  inline T##2 unpack_snorm2x16_to_##suffix(uint p) { \
    return T##2(max(float2(short(p), short(p >> 16)) / 32767.0f, -1.0f)); \
  } \
  inline uint pack_##suffix##_to_unorm4x8(T##4 v) { \
    uint4 u = uint4(rint(clamp(float4(v), 0.0f, 1.0f) * 255.0f)); \
    return u.x | (u.y << 8) | (u.z << 16) | (u.w << 24); \
  } \
  inline uint pack_##suffix##_to_snorm4x8(T##4 v) { \
    uint4 u = uint4(int4(rint(clamp(float4(v), -1.0f, 1.0f) * 127.0f))) & 255u; \
    return u.x | (u.y << 8) | (u.z << 16) | (u.w << 24); \
  } \
  inline uint pack_##suffix##_to_unorm2x16(T##2 v) { \
    uint2 u = uint2(rint(clamp(float2(v), 0.0f, 1.0f) * 65535.0f)); \
    return u.x | (u.y << 16); \
  } \
  inline uint pack_##suffix##_to_snorm2x16(T##2 v) { \
    uint2 u = uint2(int2(rint(clamp(float2(v), -1.0f, 1.0f) * 32767.0f))) & 65535u; \
    return u.x | (u.y << 16); \
  }

ZMLX_UNPACK(float, float)
ZMLX_UNPACK(half, half)
