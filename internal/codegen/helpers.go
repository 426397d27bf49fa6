package codegen

// This file implements the functions of the header: those that definitions
// have and Metal lacks, and reductions over the lanes of a simdgroup.

import (
	"regexp"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

// helpers collects the functions that a kernel needs.
type helpers struct {
	real   dtype.DType
	native bool   // erf, expm1, erfinv and log1p are there
	index  string // the type of indexes
	used   map[string]bool
}

// A function is a function of the header. In its text T stands for the type.
type function struct {
	needs []string
	text  string
}

// order lists the functions as they stand in a header: each after what it
// needs.
var order = []string{
	"locate", "precise_log1p", "precise_expm1", "precise_erf", "precise_erfinv",
	"sigmoid", "softplus", "silu", "tanh_softplus", "gelu", "gelu_tanh", "logaddexp", "sign_of", "nan_max", "nan_min", "philox_words", "philox_word", "philox_uniform",
	"simd_max_nan", "simd_min_nan",
}

// names of the functions of operations.
var operations = map[formula.Op]string{
	formula.Sigmoid: "sigmoid", formula.Softplus: "softplus", formula.Silu: "silu", formula.TanhSoftplus: "tanh_softplus", formula.Gelu: "gelu", formula.GeluTanh: "gelu_tanh",
	formula.LogAddExp: "logaddexp", formula.Sign: "sign_of", formula.Max: "nan_max", formula.Min: "nan_min", formula.Uniform: "philox_uniform",
	formula.Log1p: "precise_log1p", formula.Expm1: "precise_expm1", formula.Erf: "precise_erf", formula.Erfinv: "precise_erfinv",
}

// natives are what our devices have instead.
var natives = map[string]string{
	"precise_log1p": "metal::log1p", "precise_expm1": "zmlx::expm1", "precise_erf": "zmlx::erf", "precise_erfinv": "zmlx::erfinv",
}

// function returns the name of an operation's function.
func (h *helpers) function(op formula.Op) string { return h.use(operations[op]) }

func (h *helpers) use(name string) string {
	if h.native && natives[name] != "" {
		return natives[name]
	}
	h.used[name] = true
	for _, n := range functions[name].needs {
		h.use(n)
	}
	return name
}

// integerPower returns the name of the power of integers of type d.
func (h *helpers) integerPower(d dtype.DType) string {
	return h.use("power_" + typeName(d))
}

// lanes returns the name of a 64-bit integer's reduction, which Metal's own
// ones do not take.
func (h *helpers) lanes(op formula.Op, d dtype.DType) string {
	return h.use(map[formula.Op]string{formula.Sum: "simd_sum_", formula.Prod: "simd_product_", formula.MaxOf: "simd_max_", formula.MinOf: "simd_min_"}[op] + typeName(d))
}

var (
	typeLetter  = regexp.MustCompile(`\bT\b`)
	indexLetter = regexp.MustCompile(`\bI\b`)
)

// text returns the header.
func (h *helpers) text() string {
	var b strings.Builder
	for _, name := range order {
		if !h.used[name] {
			continue
		}
		text := functions[name].text
		if h.native {
			for own, theirs := range natives {
				text = strings.ReplaceAll(text, own+"(", theirs+"(")
			}
		}
		if name == "locate" {
			text = indexLetter.ReplaceAllString(text, h.index)
		}
		if h.real == dtype.Float64 {
			text = doubles.Replace(text)
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(typeLetter.ReplaceAllString(strings.TrimLeft(text, "\n"), typeName(h.real)))
	}
	return b.String()
}

// doubles puts constants that a float does not hold.
var doubles = strings.NewReplacer(
	"0.70710677f", "as_type<double>(0x3fe6a09e667f3bcdul /* sqrt(1/2) */)",
	"0.7978846f", "as_type<double>(0x3fe9884533d43651ul /* sqrt(2/pi) */)",
	"0.044715f", "as_type<double>(0x3fa6e4e26d4801f7ul /* 0.044715 */)",
	"philox_words(i >> 2, low, high)", "philox_words(i, low, high)",
	"T(c[uint(i) & 3u] >> 8) * 5.9604645e-08f", "double(((ulong(c.x) << 32) | c.y) >> 11) * as_type<double>(0x3ca0000000000000ul /* 2^-53 */)",
)

// functions holds the header's functions by name.
var functions = map[string]function{
	// Where element i of a strided array is. MLX's elem_to_loc would compute it
	// in the type of i, which holds no negative strides, or slowly in 64 bits.
	"locate": {nil, `
inline int64_t locate(I i, constant const int* shape, constant const int64_t* strides, int ndim) {
  int64_t at = 0;
  for (int axis = ndim - 1; axis >= 0 && i > 0; --axis) {
    I length = I(shape[axis]);
    at += int64_t(i % length) * strides[axis];
    i /= length;
  }
  return at;
}
`},
	"precise_log1p": {nil, `
inline float precise_log1p(float x) {
  float u = 1.0f + x;
  // log(u) is off by what u lost of x, and so is u - 1.
  return u == 1.0f || u == INFINITY ? x : log(u) * (x / (u - 1.0f));
}
`},
	"precise_expm1": {nil, `
inline float precise_expm1(float x) {
  if (x < -0.5f || x > 1.0f || isnan(x)) {
    return exp(x) - 1.0f;
  }
  float p = 3.3776644e-06f;
  p = p * x + 2.4611369e-05f;
  p = p * x + 0.0001981476f;
  p = p * x + 0.0013890035f;
  p = p * x + 0.008333369f;
  p = p * x + 0.041666653f;
  p = p * x + 0.16666667f;
  p = p * x + 0.5f;
  return x + x * x * p;
}
`},
	"precise_erf": {nil, `
inline float precise_erf(float x) {
  float a = abs(x);
  if (a <= 1.0f) {
    float s = x * x;
    float p = 7.853858e-05f;
    p = p * s - 0.00080101925f;
    p = p * s + 0.0051883277f;
    p = p * s - 0.026853811f;
    p = p * s + 0.112835854f;
    p = p * s - 0.37612626f;
    // The last coefficient in two parts, for x itself must not lose a bit.
    return x + x * (p * s + 0.1283792f);
  }
  if (isnan(x)) {
    return x;
  }
  a = min(a, 4.0f);
  float p = 1.4681888e-05f;
  p = p * a - 0.00034113464f;
  p = p * a + 0.003604838f;
  p = p * a - 0.02326474f;
  p = p * a + 0.10474108f;
  p = p * a + 0.63727826f;
  p = p * a + 1.1271614f;
  p = p * a + 0.00041126067f;
  return copysign(1.0f - exp(-p), x);
}
`},
	"precise_erfinv": {nil, `
inline float precise_erfinv(float x) {
  if (abs(x) == 1.0f) {
    return x * INFINITY;
  }
  float w = -log((1.0f - x) * (1.0f + x));
  float p;
  if (w < 5.0f) {
    w -= 2.5f;
    p = 2.8541256e-08f;
    p = p * w + 3.437391e-07f;
    p = p * w - 3.5289245e-06f;
    p = p * w - 4.396893e-06f;
    p = p * w + 0.00021860239f;
    p = p * w - 0.0012537072f;
    p = p * w - 0.0041777077f;
    p = p * w + 0.24664073f;
    p = p * w + 1.5014094f;
  } else {
    w = sqrt(w) - 3.0f;
    p = -0.0001771285f;
    p = p * w + 9.2715156e-05f;
    p = p * w + 0.0013167828f;
    p = p * w - 0.0036665741f;
    p = p * w + 0.0057541076f;
    p = p * w - 0.007623695f;
    p = p * w + 0.009436797f;
    p = p * w + 1.001674f;
    p = p * w + 2.832977f;
  }
  return p * x;
}
`},
	// n / (1 + e), as n - e * that: errors of the sum and the quotient count e
	// times, and e is at most 1.
	"sigmoid": {nil, `
inline T sigmoid(T x) {
  T e = exp(-abs(x));
  T n = x < 0.0f ? e : 1.0f;
  return n - e * fast::divide(n, 1.0f + e);
}
`},
	"softplus": {[]string{"precise_log1p"}, `
inline T softplus(T x) {
  return (x > 0.0f ? x : (x < 0.0f ? 0.0f : x)) + precise_log1p(exp(-abs(x)));
}
`},
	"silu": {[]string{"sigmoid"}, `
inline T silu(T x) {
  return x * sigmoid(x);
}
`},
	// With e = exp(-|x|), tanh(log(1 + exp x)) is (1 + 2e) / (1 + 2e + 2ee) for
	// x >= 0, else (ee + 2e) / (ee + 2e + 2): no difference of near values.
	"tanh_softplus": {nil, `
inline T tanh_softplus(T x) {
  T e = exp(x > 20.0f ? 20.0f : x); // above, the result is 1
  T n = e * (e + 2.0f);
  return fast::divide(n, n + 2.0f);
}
`},
	"gelu": {[]string{"precise_erf"}, `
inline T gelu(T x) {
  return 0.5f * x * (1.0f + precise_erf(x * 0.70710677f));
}
`},
	// (1 + tanh u) / 2 is 1 / (1 + exp(-2u)).
	"gelu_tanh": {nil, `
inline T gelu_tanh(T x) {
  return fast::divide(x, 1.0f + exp(-2.0f * 0.7978846f * (x + 0.044715f * x * x * x)));
}
`},
	"logaddexp": {[]string{"precise_log1p"}, `
inline T logaddexp(T a, T b) {
  T m = a > b || isnan(a) ? a : b;
  return isinf(m) ? m : m + precise_log1p(exp(-abs(a - b)));
}
`},
	"sign_of": {nil, `
inline T sign_of(T x) {
  return x > 0.0f ? 1.0f : (x < 0.0f ? -1.0f : x);
}
`},
	"nan_max": {nil, `
inline T nan_max(T a, T b) {
  return a > b || isnan(a) ? a : b;
}
`},
	"nan_min": {nil, `
inline T nan_min(T a, T b) {
  return a < b || isnan(a) ? a : b;
}
`},
	// Philox4x32-10 as random arrays have it: four neighbours share its words.
	"philox_words": {nil, `
inline uint4 philox_words(ulong i, uint low, uint high) {
  uint4 c = uint4(uint(i), uint(i >> 32), 0u, 0u);
  for (uint round = 0; round < 10; ++round) {
    c = uint4(mulhi(0xCD9E8D57u, c.z) ^ c.y ^ low, 0xCD9E8D57u * c.z, mulhi(0xD2511F53u, c.x) ^ c.w ^ high, 0xD2511F53u * c.x);
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
  return c;
}
`},
	"philox_word": {[]string{"philox_words"}, `
inline uint philox_word(ulong i, uint low, uint high) {
  uint4 c = philox_words(i >> 2, low, high);
  return c[uint(i) & 3u];
}
`},
	"philox_uniform": {[]string{"philox_words"}, `
inline T philox_uniform(ulong i, uint low, uint high) {
  uint4 c = philox_words(i >> 2, low, high);
  return T(c[uint(i) & 3u] >> 8) * 5.9604645e-08f;
}
`},
	"simd_max_nan": {nil, `
inline T simd_max_nan(T x) {
  T m = simd_max(x);
  return simd_any(isnan(x)) ? T(NAN) : m;
}
`},
	"simd_min_nan": {nil, `
inline T simd_min_nan(T x) {
  T m = simd_min(x);
  return simd_any(isnan(x)) ? T(NAN) : m;
}
`},
}

// The functions of integers.
func init() {
	for _, d := range []dtype.DType{dtype.Uint8, dtype.Uint16, dtype.Uint32, dtype.Uint64, dtype.Int8, dtype.Int16, dtype.Int32, dtype.Int64} {
		t := typeName(d)
		name := "power_" + t
		negative := ""
		if d.Kind() == dtype.KindInt {
			negative = "  if (n < 0) {\n    return N(x == 1 ? 1 : (x == -1 ? ((n & 1) != 0 ? -1 : 1) : 0));\n  }\n"
		}
		functions[name] = function{nil, strings.ReplaceAll("inline N NAME(N x, N n) {\n"+negative+`  N r = 1;
  for (; n > 0; n = N(n >> 1)) {
    if ((n & 1) != 0) {
      r = N(r * x);
    }
    x = N(x * x);
  }
  return r;
}
`, "NAME", name)}
		functions[name] = function{nil, strings.ReplaceAll(functions[name].text, "N", t)}
		order = append(order, name)
		if d.Size() < 8 {
			continue
		}
		for op, step := range map[string]string{"simd_sum_": "x + y", "simd_product_": "x * y", "simd_max_": "max(x, y)", "simd_min_": "min(x, y)"} {
			functions[op+t] = function{nil, strings.NewReplacer("NAME", op+t, "N", t, "STEP", step).Replace(`inline N NAME(N x) {
  for (ushort lane = 16; lane > 0; lane >>= 1) {
    N y = as_type<N>(simd_shuffle_xor(as_type<uint2>(x), lane));
    x = STEP;
  }
  return x;
}
`)}
		}
		order = append(order, "simd_sum_"+t, "simd_product_"+t, "simd_max_"+t, "simd_min_"+t)
	}
}
