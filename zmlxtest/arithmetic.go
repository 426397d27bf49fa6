package zmlxtest

// This file implements the cases of arithmetic on numbers: operators, C's
// promotions, wrapping, and rounding after each operation.

import (
	"math"
	"math/big"

	"github.com/zmlx-go/zmlx/half"
)

var (
	edgesInt    = []int32{math.MinInt32, -65536, -7, -1, 0, 1, 2, 9, 40000, math.MaxInt32}
	edgesUint   = []uint32{0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff}
	edgesUchar  = []uint8{0, 1, 2, 100, 127, 128, 200, 255}
	edgesChar   = []int8{-128, -100, -1, 0, 1, 5, 100, 127}
	smallSigned = []int32{-9, -7, -2, -1, 1, 2, 3, 8}
)

func arithmeticCases() []Case {
	ua, ub := pairs(edgesUint, edgesUint)
	sa, sb := pairs(smallSigned, smallSigned)
	ca, cb := pairs(edgesUchar, edgesUchar)
	ia, iu := pairs(edgesInt, edgesUint)
	positive := []uint32{1, 2, 3, 10, 0x80000000, 0xffffffff}
	da, db := pairs(edgesUint, positive)
	counts := []uint32{0, 1, 4, 15, 16, 31}
	sha, shb := pairs(edgesUint, counts)
	ssa, ssb := pairs(edgesInt, counts)
	ja, jb := pairs([]int64{-math.MaxInt64, -1 << 40, -1, 0, 1, 7, 1 << 33, math.MaxInt64}, []int64{math.MinInt64, -5, -1, 0, 1, 1 << 33, math.MaxInt64})
	la, lb := patterns[uint64](1, 40), patterns[uint64](2, 40)
	x, y, z := floats(3, 64, -10, 10), floats(4, 64, 0.1, 10), floats(5, 64, -10, 10)
	hx, hy, hz := f16s(x), f16s(y), f16s(z)
	bx, by, bz := bf16s(x), bf16s(y), bf16s(z)
	return append([]Case{
		each("uint_wraps", "out0[i] = a[i] + b[i]; out1[i] = a[i] - b[i]; out2[i] = a[i] * b[i]; out3[i] = -a[i];", in(ua, ub),
			zipped(ua, ub, func(x, y uint32) uint32 { return x + y }),
			zipped(ua, ub, func(x, y uint32) uint32 { return x - y }),
			zipped(ua, ub, func(x, y uint32) uint32 { return x * y }),
			mapped(ua, func(x uint32) uint32 { return -x })),
		each("int_division_truncates", "out0[i] = a[i] / b[i]; out1[i] = a[i] % b[i];", in(sa, sb),
			zipped(sa, sb, func(x, y int32) int32 { return int32(math.Trunc(float64(x) / float64(y))) }),
			zipped(sa, sb, func(x, y int32) int32 { return int32(math.Mod(float64(x), float64(y))) })),
		each("uint_division", "out0[i] = a[i] / b[i]; out1[i] = a[i] % b[i];", in(da, db),
			zipped(da, db, func(x, y uint32) uint32 { return uint32(uint64(x) / uint64(y)) }),
			zipped(da, db, func(x, y uint32) uint32 { return uint32(uint64(x) % uint64(y)) })),
		each("ulong_wraps", "out0[i] = a[i] * b[i]; out1[i] = a[i] - b[i]; out2[i] = (a[i] >> 33) ^ (b[i] << 7);", in(la, lb),
			zipped(la, lb, func(x, y uint64) uint64 { return x * y }),
			zipped(la, lb, func(x, y uint64) uint64 { return x - y }),
			zipped(la, lb, func(x, y uint64) uint64 { return x/(1<<33) ^ y*128 })),
		each("long_product_of_ints", "out[i] = long(a[i]) * b[i];", in(ssa, mapped(ssb, func(u uint32) int32 { return int32(u) - 16 })),
			zipped(ssa, ssb, func(x int32, y uint32) int64 { return int64(x) * (int64(y) - 16) })),
		each("long_division", "out0[i] = a[i] / 1000003; out1[i] = a[i] % 1000003;", in(mapped(la, func(x uint64) int64 { return int64(x) })),
			mapped(la, func(x uint64) int64 { return int64(x) / 1000003 }),
			mapped(la, func(x uint64) int64 { return int64(x) % 1000003 })),
		each("ulong_division", "out0[i] = a[i] / b[i]; out1[i] = a[i] % b[i]; out2[i] = a[i] / 1000003;", in(la, mapped(lb, func(y uint64) uint64 { return y>>20 | 1 })),
			zipped(la, lb, func(x, y uint64) uint64 { return x / (y>>20 | 1) }),
			zipped(la, lb, func(x, y uint64) uint64 { return x % (y>>20 | 1) }),
			mapped(la, func(x uint64) uint64 { return x / 1000003 })),
		each("long_comparisons", "out[i] = (a[i] < b[i]) + 2 * (a[i] <= b[i]) + 4 * (a[i] > b[i]) + 8 * (a[i] >= b[i]) + 16 * (a[i] == b[i]);", in(ja, jb),
			zipped(ja, jb, func(x, y int64) int32 {
				return pick[int32](x < y, 3, 0) + pick[int32](x > y, 12, 0) + pick[int32](x == y, 2+8+16, 0)
			})),
		each("ulong_comparisons", "ulong x = a[i], y = b[i]; out[i] = (x < y) + 2 * (x <= y) + 4 * (x > y) + 8 * (x >= y) + 16 * (x == y);", in(ja, jb),
			zipped(ja, jb, func(x, y int64) int32 {
				u, v := uint64(x), uint64(y)
				return pick[int32](u < v, 3, 0) + pick[int32](u > v, 12, 0) + pick[int32](u == v, 2+8+16, 0)
			})),
		each("long_min_max", "out0[i] = min(a[i], b[i]); out1[i] = max(a[i], b[i]); out2[i] = min(ulong(a[i]), ulong(b[i])); out3[i] = max(ulong(a[i]), ulong(b[i])); out4[i] = abs(a[i] / 2); out5[i] = mulhi(a[i], b[i]);", in(ja, jb),
			zipped(ja, jb, func(x, y int64) int64 { return min(x, y) }), zipped(ja, jb, func(x, y int64) int64 { return max(x, y) }),
			zipped(ja, jb, func(x, y int64) uint64 { return min(uint64(x), uint64(y)) }), zipped(ja, jb, func(x, y int64) uint64 { return max(uint64(x), uint64(y)) }),
			mapped(ja, func(x int64) int64 { return pick(x < 0, -(x / 2), x/2) }),
			zipped(ja, jb, func(x, y int64) int64 {
				p := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
				return p.Rsh(p, 64).Int64()
			})),
		each("shift_left", "out[i] = a[i] << b[i];", in(sha, shb),
			zipped(sha, shb, func(x, n uint32) uint32 { return uint32(uint64(x) * (1 << n)) })),
		each("shift_right_logical", "out[i] = a[i] >> b[i];", in(sha, shb),
			zipped(sha, shb, func(x, n uint32) uint32 { return uint32(uint64(x) / (1 << n)) })),
		each("shift_right_arithmetic", "out[i] = a[i] >> b[i];", in(ssa, ssb),
			zipped(ssa, ssb, func(x int32, n uint32) int32 { return int32(math.Floor(float64(x) / float64(int64(1)<<n))) })),
		each("bitwise", "out0[i] = a[i] & b[i]; out1[i] = a[i] | b[i]; out2[i] = a[i] ^ b[i]; out3[i] = ~a[i];", in(ua, ub),
			zipped(ua, ub, func(x, y uint32) uint32 { return x &^ ^y }),
			zipped(ua, ub, func(x, y uint32) uint32 { return ^(^x & ^y) }),
			zipped(ua, ub, func(x, y uint32) uint32 { return (x | y) - (x & y) }),
			mapped(ua, func(x uint32) uint32 { return math.MaxUint32 - x })),
		each("min_max_of_negated_ints", "out0[i] = max(max(-a[i], b[i]), -3); out1[i] = min(min(a[i], -b[i]), b[i]); out2[i] = min3(0, a[i], -a[i]); int d = 0 - b[i]; out3[i] = d < a[i] ? (d < 5 ? d : 5) : (a[i] < 5 ? a[i] : 5);", in(sa, sb),
			zipped(sa, sb, func(x, y int32) int32 { return max(-x, y, -3) }),
			zipped(sa, sb, func(x, y int32) int32 { return min(x, -y, y) }),
			mapped(sa, func(x int32) int32 { return pick(x < 0, x, -x) }),
			zipped(sa, sb, func(x, y int32) int32 { return min(x, -y, 5) })),
		each("small_integers_promote", "out0[i] = a[i] + b[i]; out1[i] = a[i] - b[i]; out2[i] = ~a[i]; out3[i] = a[i] << 4;", in(ca, cb),
			zipped(ca, cb, func(x, y uint8) int32 { return int32(x) + int32(y) }),
			zipped(ca, cb, func(x, y uint8) int32 { return int32(x) - int32(y) }),
			mapped(ca, func(x uint8) int32 { return -1 - int32(x) }),
			mapped(ca, func(x uint8) int32 { return 16 * int32(x) })),
		each("small_results_wrap_when_stored", "out0[i] = a[i] + b[i]; out1[i] = a[i] * b[i]; uchar s = a[i] + b[i]; out2[i] = s < a[i];", in(ca, cb),
			zipped(ca, cb, func(x, y uint8) uint8 { return uint8((int(x) + int(y)) % 256) }),
			zipped(ca, cb, func(x, y uint8) int8 { return int8(int(x) * int(y) % 256) }),
			zipped(ca, cb, func(x, y uint8) bool { return int(x)+int(y) > 255 })),
		each("mixed_sign_compares_unsigned", "out0[i] = a[i] < b[i]; out1[i] = a[i] == b[i]; out2[i] = a[i] >= b[i];", in(ia, iu),
			zipped(ia, iu, func(x int32, y uint32) bool { return (int64(x)+1<<32)%(1<<32) < int64(y) }),
			zipped(ia, iu, func(x int32, y uint32) bool { return (int64(x)+1<<32)%(1<<32) == int64(y) }),
			zipped(ia, iu, func(x int32, y uint32) bool { return (int64(x)+1<<32)%(1<<32) >= int64(y) })),
		each("mixed_sign_divides_unsigned", "out0[i] = a[i] / b[i]; out1[i] = a[i] * b[i];", in(sa, mapped(sb, func(x int32) uint32 { return uint32(x) })),
			zipped(sa, sb, func(x, y int32) uint32 { return uint32((int64(x)+1<<32)%(1<<32)) / uint32(y) }),
			zipped(sa, sb, func(x, y int32) uint32 { return uint32(int64(x) * int64(y)) })),
		each("int_with_long_widens", "out0[i] = a[i] + b[i]; out1[i] = a[i] < b[i];", in(sa, mapped(la, func(x uint64) int64 { return int64(x) >> 8 })),
			table(40, func(i int) int64 { return int64(sa[i]) + int64(la[i])>>8 }),
			table(40, func(i int) bool { return int64(sa[i]) < int64(la[i])>>8 })),
		each("precedence", "out[i] = a[i] + b[i] * 2 - (a[i] & 3 | b[i] >> 1 ^ 5) % 7 + (a[i] < b[i] == true ? 1 : 2);", in(da, db),
			zipped(da, db, func(x, y uint32) uint32 {
				r := x + (y * 2)
				r -= ((x & 3) | ((y >> 1) ^ 5)) % 7
				return r + pick[uint32](x < y, 1, 2)
			})),
	}, floatCases(x, y, z, hx, hy, hz, bx, by, bz, sa, sb)...)
}

func floatCases(x, y, z []float32, hx, hy, hz []f16, bx, by, bz []bf16, sa, sb []int32) []Case {
	n := len(x)
	return []Case{
		each("float_operators", "out0[i] = a[i] + b[i]; out1[i] = a[i] - b[i]; out2[i] = a[i] * b[i]; out3[i] = a[i] / b[i]; out4[i] = -a[i];", in(x, y),
			zipped(x, y, func(x, y float32) float32 { return float32(float64(x) + float64(y)) }),
			zipped(x, y, func(x, y float32) float32 { return float32(float64(x) - float64(y)) }),
			zipped(x, y, func(x, y float32) float32 { return float32(float64(x) * float64(y)) }),
			zipped(x, y, func(x, y float32) float32 { return float32(float64(x) / float64(y)) }),
			mapped(x, func(x float32) float32 { return math.Float32frombits(math.Float32bits(x) ^ 1<<31) })),
		each("float_products_are_not_contracted", "out0[i] = a[i] * a[i] - b[i]; out1[i] = fma(a[i], a[i], -b[i]);",
			in(x, mapped(x, func(x float32) float32 { return float32(x * x) })),
			mapped(x, func(x float32) float32 { return 0 }),
			mapped(x, func(x float32) float32 { return float32(float64(x)*float64(x) - float64(float32(x*x))) })),
		each("float_infinities_and_zeros", "out0[i] = a[i] / b[i]; out1[i] = a[i] - a[i]; out2[i] = a[i] == b[i]; out3[i] = a[i] < b[i]; out4[i] = a[i] != a[i];",
			in(pairsOf([]float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan}, 0), pairsOf([]float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan}, 1)),
			specials(func(x, y float64) float32 { return float32(x / y) }),
			specials(func(x, y float64) float32 { return float32(x - x) }),
			specials(func(x, y float64) bool { return x == y }),
			specials(func(x, y float64) bool { return x < y }),
			specials(func(x, y float64) bool { return math.IsNaN(x) })),
		each("half_rounds_each_operation", "out0[i] = a[i] * b[i] + c[i]; out1[i] = a[i] / b[i] - c[i]; half t = a[i] + b[i]; out2[i] = t * t;", in(hx, hy, hz),
			table(n, func(i int) f16 {
				return half.Float16FromFloat32(r16(hx[i].Float32()*hy[i].Float32()) + hz[i].Float32())
			}),
			table(n, func(i int) f16 {
				return half.Float16FromFloat32(r16(hx[i].Float32()/hy[i].Float32()) - hz[i].Float32())
			}),
			table(n, func(i int) f16 {
				t := r16(hx[i].Float32() + hy[i].Float32())
				return half.Float16FromFloat32(t * t)
			})),
		each("bfloat_rounds_each_operation", "out0[i] = a[i] * b[i] + c[i]; out1[i] = a[i] / b[i] - c[i];", in(bx, by, bz),
			table(n, func(i int) bf16 {
				return half.BFloat16FromFloat32(rb16(bx[i].Float32()*by[i].Float32()) + bz[i].Float32())
			}),
			table(n, func(i int) bf16 {
				return half.BFloat16FromFloat32(rb16(bx[i].Float32()/by[i].Float32()) - bz[i].Float32())
			})),
		each("half_with_float_is_float", "out0[i] = a[i] * b[i]; out1[i] = a[i] * 3.0f; out2[i] = a[i] * 3.0h;", in(hx, y),
			zipped(hx, y, func(x f16, y float32) float32 { return x.Float32() * y }),
			mapped(hx, func(x f16) float32 { return x.Float32() * 3 }),
			mapped(hx, func(x f16) float32 { return r16(x.Float32() * 3) })),
		each("half_overflows_to_infinity", "out0[i] = a[i] * a[i]; out1[i] = a[i] + a[i];", in(f16s([]float32{200, 255, 256, -300, 40000, -40000, 65504, 1})),
			mapped([]float32{200, 255, 256, -300, 40000, -40000, 65504, 1}, func(x float32) f16 { return half.Float16FromFloat32(r16(x) * r16(x)) }),
			mapped([]float32{200, 255, 256, -300, 40000, -40000, 65504, 1}, func(x float32) f16 { return half.Float16FromFloat32(2 * r16(x)) })),
		each("half_with_int_is_half", "out0[i] = a[i] * 3; out1[i] = a[i] / 2 + 1;", in(hx),
			mapped(hx, func(x f16) f16 { return half.Float16FromFloat32(x.Float32() * 3) }),
			mapped(hx, func(x f16) f16 { return half.Float16FromFloat32(r16(x.Float32()/2) + 1) })),
		each("int_with_float_is_float", "out0[i] = a[i] / 2; out1[i] = a[i] / 2.0f; out2[i] = 1 / 2 * a[i]; out3[i] = b[i] * 0.5f + a[i];", in(sa, sb),
			mapped(sa, func(x int32) float32 { return float32(int32(math.Trunc(float64(x) / 2))) }),
			mapped(sa, func(x int32) float32 { return float32(x) * 0.5 }),
			mapped(sa, func(x int32) float32 { return 0 }),
			zipped(sa, sb, func(x, y int32) float32 { return float32(y)/2 + float32(x) })),
		each("compound_assignments", `
uint v = a[i];
v += b[i]; v -= 3; v *= 5; v /= 2; v %= 100003; v <<= 3; v >>= 1; v &= 0xfffff; v |= 0x10; v ^= b[i];
out[i] = v;`, in(patterns[uint32](6, 40), patterns[uint32](7, 40)),
			zipped(patterns[uint32](6, 40), patterns[uint32](7, 40), func(x, y uint32) uint32 {
				v := ((x+y-3)*5/2%100003*8/2)%(1<<20) | 16
				return v ^ y
			})),
		each("compound_narrow_assignments", "uchar v = a[i]; v += 200; v *= 3; char s = v; s -= 100; s >>= 1; out0[i] = v; out1[i] = s;", in(edgesUchar),
			mapped(edgesUchar, func(x uint8) uint8 { return uint8((int(x) + 200) % 256 * 3 % 256) }),
			mapped(edgesUchar, func(x uint8) int8 {
				v := uint8((int(x) + 200) % 256 * 3 % 256)
				s := int8((int(int8(v)) - 100 + 512) % 256)
				return int8(math.Floor(float64(s) / 2))
			})),
		each("increments", "int v = a[i]; int p = v++ * 10; int q = ++v * 100; int r = v-- + --v; out[i] = p + q + r; out[i] += v;", in(sa),
			mapped(sa, func(x int32) int32 { return x*10 + (x+2)*100 + (x + 2 + x) + x })),
		each("float_increments", "float v = a[i]; v++; ++v; float w = v--; out[i] = v * 2 + w;", in(x),
			mapped(x, func(x float32) float32 {
				v := float32(x + 1)
				v = float32(v + 1)
				return float32(float32(v-1)*2) + v
			})),
		each("comma", "int t = a[i]; int v = (t += 5, t + 1); int w; w = 1, w += v; out[i] = w;", in(sa),
			mapped(sa, func(x int32) int32 { return x + 7 })),
		each("bool_arithmetic", "bool p = a[i], q = b[i]; out0[i] = p + q + true; out1[i] = p && !q; out2[i] = p || q; out3[i] = p ^ q; p = 5; out4[i] = p;",
			in([]bool{false, false, true, true}, []bool{false, true, false, true}),
			[]int32{1, 2, 2, 3}, []bool{false, false, true, false}, []bool{false, true, true, true}, []bool{false, true, true, false}, []int32{1, 1, 1, 1}),
		each("comparisons_are_ints", "out[i] = (a[i] > b[i]) + 2 * (a[i] <= b[i]) + 4 * (a[i] != b[i]);", in(sa, sb),
			zipped(sa, sb, func(x, y int32) int32 {
				return pick[int32](x > y, 1, 0) + pick[int32](x <= y, 2, 0) + pick[int32](x != y, 4, 0)
			})),
		each("literals", "out0[i] = 0x1F + 017 + 0b101 + 'A' + 1'000; out1[i] = 1e2f + .5f + 2.f + 0x1p3f + 1.5; out2[i] = 4294967295u + 2u; out3[i] = 3000000000 + 3000000000; out4[i] = 1u - 2;", nil,
			[]int32{31 + 15 + 5 + 65 + 1000}, []float32{100 + 0.5 + 2 + 8 + 1.5}, []uint32{1}, []int64{6000000000}, []uint64{4294967295}),
		each("unsigned_counts_down", "uint v = a[i]; v -= b[i]; out[i] = v > 0x7fffffffu ? -int(~v + 1) : int(v);", in([]uint32{3, 5, 9}, []uint32{4, 5, 1}), []int32{-1, 0, 8}),
	}
}

// pairsOf returns the first or the second values of all pairs of v.
func pairsOf(v []float32, second int) []float32 {
	x, y := pairs(v, v)
	return pick(second == 1, y, x)
}

// specials returns f of all pairs of special values.
func specials[R any](f func(x, y float64) R) []R {
	v := []float32{0, float32(math.Copysign(0, -1)), 1, -1, inf, -inf, nan}
	return zipped(pairsOf(v, 0), pairsOf(v, 1), func(x, y float32) R { return f(float64(x), float64(y)) })
}
