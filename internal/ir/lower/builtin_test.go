package lower_test

// This file implements tests of the language's functions, against Go's own
// arithmetic where there is some.

import (
	"math"
	"math/bits"
	"testing"
)

func TestFunctions(t *testing.T) {
	for _, c := range []struct {
		name string
		body string
		want []float32
	}{
		{"floats", `
			out[0] = fract(2.75f); out[1] = fract(-0.25f); out[2] = fract(-1e-9f) < 1; out[3] = fract(NAN); out[4] = saturate(1.5f); out[5] = saturate(-NAN);
			out[6] = sign(-3.f); out[7] = sign(0.f); out[8] = sign(NAN); out[9] = step(2.f, 1.f); out[10] = step(2.f, 2.f); out[11] = mix(1.f, 3.f, 0.25f);
			out[12] = clamp(5.f, 0.f, 2.f); out[13] = fdim(3.f, 1.f); out[14] = fdim(1.f, 3.f); out[15] = fdim(NAN, 1.f);`,
			[]float32{0.75, 0.75, 1, nan, 1, 0, -1, 0, 0, 0, 1, 1.5, 2, 2, 0, nan}},
		{"floats of two and three", `
			out[0] = fmod(7.5f, -2.f); out[1] = pow(2.f, 10.f); out[2] = powr(9.f, 0.5f); out[3] = copysign(3.f, -0.f); out[4] = nextafter(1.f, 2.f); out[5] = atan2(0.f, -1.f);
			out[6] = fma(2.f, 3.f, 4.f); out[7] = min3(3.f, 1.f, 2.f); out[8] = max3(3.f, 1.f, 2.f); out[9] = median3(3.f, 1.f, 2.f); out[10] = smoothstep(0.f, 4.f, 1.f); out[11] = smoothstep(0.f, 1.f, 5.f);
			out[12] = min(1.f, NAN); out[13] = fmax(NAN, 2.f); out[14] = abs(-2.5f); out[15] = fabs(-1.f);`,
			[]float32{1.5, 1024, 3, -3, math.Float32frombits(0x3f800001), math.Pi, 10, 1, 3, 2, 0.15625, 1, 1, 2, 2.5, 1}},
		{"parts of floats", `
			int e; out[0] = frexp(10.f, e); out[1] = e; out[2] = frexp(0.f, e); out[3] = e; out[4] = frexp(-INFINITY, e); out[5] = e; out[6] = frexp(1e-40f, e) >= 0.5f; out[7] = e;
			float w; out[8] = modf(-2.75f, w); out[9] = w; out[10] = modf(INFINITY, w); out[11] = w; float c; out[12] = sincos(0.f, c) + c; out[13] = ldexp(3.f, 4); out[14] = ilogb(40.f);
			float2 m; float2 f = modf(float2(1.5f, 2.25f), m); out[15] = f.y + m.x;`,
			[]float32{0.625, 4, 0, 0, -inf, 0, 1, -132, -0.75, -2, 0, inf, 1, 48, 5, 1.25}},
		{"tests", `
			out[0] = isnan(NAN); out[1] = isinf(-INFINITY); out[2] = isfinite(INFINITY); out[3] = isnormal(1e-40f); out[4] = signbit(-0.f); out[5] = isordered(1.f, NAN); out[6] = isunordered(1.f, NAN);
			out[7] = all(float2(1, 0) > 0); out[8] = any(float2(1, 0) > 0); out[9] = select(1.f, 2.f, true); float2 v = select(float2(1, 2), float2(3, 4), bool2(false, true)); out[10] = v.x + v.y;`,
			[]float32{1, 1, 0, 0, 1, 0, 1, 0, 1, 2, 5}},
		{"vectors", `
			float3 x = float3(1, 2, 3), y = float3(4, 5, 6); out[0] = dot(x, y); out[1] = length(float2(3, 4)); out[2] = length_squared(x); out[3] = distance(x, y) * distance(x, y); out[4] = distance_squared(x, y);
			float3 c = cross(x, y); out[5] = c.x; out[6] = c.y; out[7] = c.z; float2 n = normalize(float2(3, 4)); out[8] = n.x; float2 r = reflect(float2(1, -1), float2(0, 1)); out[9] = r.x + 10 * r.y;
			float2 q = refract(float2(0, -1), float2(0, 1), 0.5f); out[10] = q.y; q = refract(float2(1, 0), float2(0, 1), 2.f); out[11] = q.x; float2 f = faceforward(float2(0, 1), float2(0, 1), float2(0, 1)); out[12] = f.y;
			float4 m = max(float4(1, 5, 2, 6), 3.f); out[13] = m.x * 1000 + m.y * 100 + m.z * 10 + m.w; out[14] = exp2(float2(3, 4)).y; out[15] = float2(mix(float2(0, 1), float2(2, 3), 0.5f)).y;`,
			[]float32{32, 5, 14, 27, 27, -3, 6, -3, 0.6, 11, -1, 0, -1, 3536, 16, 2}},
		{"integers", `
			out[0] = clz(1u); out[1] = clz(ushort(1)); out[2] = clz(char(-1)); out[3] = ctz(8); out[4] = ctz(uchar(0)); out[5] = popcount(char(-1)); out[6] = reverse_bits(uchar(1)); out[7] = reverse_bits(1u) == 0x80000000u;
			out[8] = addsat(char(100), char(100)); out[9] = addsat(uchar(200), uchar(100)); out[10] = subsat(uchar(1), uchar(2)); out[11] = subsat(char(-100), char(100)); out[12] = addsat(0x7fffffff, 1) == 0x7fffffff; out[13] = subsat(1u, 2u); out[14] = addsat(~0u, 1u) == ~0u; out[15] = subsat(int(0x80000000), 1) == int(0x80000000);`,
			[]float32{31, 15, 0, 3, 8, 8, 128, 1, 127, 255, 0, -128, 1, 0, 1, 1}},
		{"integers again", `
			out[0] = hadd(char(127), char(127)); out[1] = hadd(-3, -4); out[2] = rhadd(-3, -4); out[3] = hadd(~0u, ~0u) == ~0u; out[4] = mulhi(short(-300), short(300)); out[5] = mulhi(1u << 31, 6u); out[6] = mad24(3, 4, 5); out[7] = mul24(-3, 4);
			out[8] = madhi(1 << 30, 8, 1); out[9] = rotate(uchar(0x81), uchar(1)); out[10] = rotate(1u, 33u); out[11] = absdiff(-100, 100); out[12] = absdiff(char(-128), char(127)); out[13] = extract_bits(0xabcdu, 4, 8) == 0xbcu; out[14] = extract_bits(0xf0, 4, 4); out[15] = extract_bits(int(0xf0), 4u, 0u);`,
			[]float32{127, -4, -3, 1, -2, 3, 17, -12, 3, 3, 2, 200, 255, 1, -1, 0}},
		{"bit fields and saturation", `
			out[0] = insert_bits(0xffffu, 0u, 4, 8) == 0xf00fu; out[1] = insert_bits(uchar(0), uchar(0xff), 2, 3); out[2] = insert_bits(0u, 0xffffffffu, 0, 32) == ~0u; out[3] = madsat(1 << 20, 1 << 20, 5) == 0x7fffffff; out[4] = madsat(-(1 << 20), 1 << 20, 5) == int(0x80000000);
			out[5] = madsat(3, -4, 5); out[6] = madsat(char(10), char(20), char(1)); out[7] = madsat(~0u, ~0u, 1u) == ~0u; out[8] = madsat(3u, 4u, 5u); out[9] = madsat(1l << 40, 1l << 40, 0l) == 0x7fffffffffffffffl; out[10] = madsat(-1, 1, 0); out[11] = madsat(uchar(100), uchar(2), uchar(100)); out[12] = abs(char(-5)); out[13] = max(char(-5), char(3)); out[14] = clamp(uchar(200), uchar(1), uchar(9)); out[15] = abs(-7);`,
			[]float32{1, 28, 1, 1, 1, -7, 127, 1, 17, 1, -1, 255, 5, 3, 9, 7}},
		{"log1p by its global name is of real numbers", `
			out[0] = ::log1p(-3.f); out[1] = log1p(-3.f); out[2] = metal::log1p(-3.f); out[3] = float(::log1p(bfloat(-3.f))); out[4] = ::log1p(half(-3.f)); out[5] = ::log1p(0.f);
			out[6] = as_type<uint>(::log1p(0.f)) == 0; out[7] = ::log1p(complex64_t(-3.f)).real == log(2.f);`,
			[]float32{nan, nan, nan, nan, nan, 0, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := floats(t, len(c.want), 1, "", c.body)
			for i, w := range c.want {
				if d := math.Abs(float64(got[i] - w)); !same(got[i], w) && !(d <= 1e-6*math.Abs(float64(w))) {
					t.Errorf("out[%d] = %v, want %v", i, got[i], w)
				}
			}
		})
	}
}

// TestVariedIntegers compares integer functions with Go's arithmetic on values
// that only the running kernel knows.
func TestVariedIntegers(t *testing.T) {
	var xs, ys []int32
	edge := []int32{0, 1, -1, 2, 7, 31, 32, 255, 256, -256, 65535, 1 << 20, math.MaxInt32, math.MinInt32, math.MinInt32 + 1, 0x12345678}
	for _, x := range edge {
		for _, y := range edge {
			xs, ys = append(xs, x), append(ys, y)
		}
	}
	n := len(xs)
	clamp := func(v, lo, hi int64) int32 { return int32(max(lo, min(hi, v))) }
	for _, c := range []struct {
		expr string
		want func(x, y int32) int32
	}{
		{"addsat(x, y)", func(x, y int32) int32 { return clamp(int64(x)+int64(y), math.MinInt32, math.MaxInt32) }},
		{"subsat(x, y)", func(x, y int32) int32 { return clamp(int64(x)-int64(y), math.MinInt32, math.MaxInt32) }},
		{"madsat(x, y, x)", func(x, y int32) int32 { return clamp(int64(x)*int64(y)+int64(x), math.MinInt32, math.MaxInt32) }},
		{"hadd(x, y)", func(x, y int32) int32 { return int32((int64(x) + int64(y)) >> 1) }},
		{"rhadd(x, y)", func(x, y int32) int32 { return int32((int64(x) + int64(y) + 1) >> 1) }},
		{"mulhi(x, y)", func(x, y int32) int32 { return int32(int64(x) * int64(y) >> 32) }},
		{"int(mulhi(uint(x), uint(y)))", func(x, y int32) int32 { return int32(uint64(uint32(x)) * uint64(uint32(y)) >> 32) }},
		{"int(absdiff(x, y))", func(x, y int32) int32 { return int32(max(int64(x), int64(y)) - min(int64(x), int64(y))) }},
		{"rotate(x, y)", func(x, y int32) int32 { return int32(bits.RotateLeft32(uint32(x), int(y&31))) }},
		{"short(x) * short(y)", func(x, y int32) int32 { return int32(int16(x)) * int32(int16(y)) }},
		{"addsat(short(x), short(y))", func(x, y int32) int32 {
			return clamp(int64(int16(x))+int64(int16(y)), math.MinInt16, math.MaxInt16)
		}},
		{"madsat(char(x), char(y), char(x))", func(x, y int32) int32 {
			return clamp(int64(int8(x))*int64(int8(y))+int64(int8(x)), math.MinInt8, math.MaxInt8)
		}},
		{"rotate(uchar(x), uchar(y))", func(x, y int32) int32 { return int32(bits.RotateLeft8(uint8(x), int(uint8(y)&7))) }},
		{"rotate(short(x), short(y))", func(x, y int32) int32 { return int32(int16(bits.RotateLeft16(uint16(x), int(y&15)))) }},
		{"clz(short(x))", func(x, y int32) int32 { return int32(bits.LeadingZeros16(uint16(x))) }},
		{"ctz(short(x))", func(x, y int32) int32 { return int32(bits.TrailingZeros16(uint16(x))) }},
		{"ctz(x) + 100 * clz(x)", func(x, y int32) int32 {
			return int32(bits.TrailingZeros32(uint32(x)) + 100*bits.LeadingZeros32(uint32(x)))
		}},
		{"reverse_bits(short(x))", func(x, y int32) int32 { return int32(int16(bits.Reverse16(uint16(x)))) }},
		{"popcount(char(x))", func(x, y int32) int32 { return int32(bits.OnesCount8(uint8(x))) }},
		{"extract_bits(x, 3, uint(y) & 15)", func(x, y int32) int32 {
			n := uint(y) & 15
			if n == 0 {
				return 0
			}
			return x << (32 - n - 3) >> (32 - n)
		}},
		{"insert_bits(x, y, 3, uint(y) & 15)", func(x, y int32) int32 {
			mask := int32(1<<(uint(y)&15)-1) << 3
			return x&^mask | y<<3&mask
		}},
		{"int(ulong(x) >> (y & 63))", func(x, y int32) int32 { return int32(uint64(int64(x)) >> (y & 63)) }},
		{"int(madsat(long(x) << 32, long(y), long(x)) >> 32)", func(x, y int32) int32 {
			// A product of up to 94 bits, saturated to 64.
			hi, lo := bits.Mul64(uint64(int64(x)<<32), uint64(int64(y)))
			if x < 0 {
				hi -= uint64(int64(y))
			}
			if y < 0 {
				hi -= uint64(int64(x) << 32)
			}
			lo, carry := bits.Add64(lo, uint64(int64(x)), 0)
			hi, _ = bits.Add64(hi, uint64(int64(x)>>63), carry)
			switch {
			case int64(hi) == int64(lo)>>63:
				return int32(int64(lo) >> 32)
			case int64(hi) < 0:
				return math.MinInt32
			}
			return math.MaxInt32
		}},
	} {
		got := make([]int32, n)
		k := kernel{body: "uint i = thread_position_in_grid.x; int x = a[i], y = b[i]; out[i] = " + c.expr + ";", inputs: []any{xs, ys}, outputs: []any{got}, grid: n}
		k.run(t)
		for i := range got {
			if want := c.want(xs[i], ys[i]); got[i] != want {
				t.Errorf("%s with x = %d, y = %d is %d, want %d", c.expr, xs[i], ys[i], got[i], want)
				break
			}
		}
	}
}
