package zmlxtest

// This file implements the cases of bit patterns and of integer functions.

import (
	"math"
	"math/bits"

	"github.com/zmlx-go/zmlx/half"
)

// limit returns x, at least lo and at most hi.
func limit(x, lo, hi int64) int64 { return min(max(x, lo), hi) }

func bitCases() []Case {
	u := append(patterns[uint32](140, 28), 0, 1, 1<<31, math.MaxUint32)
	v := patterns[uint32](141, 32)
	s := mapped(u, func(u uint32) int32 { return int32(u) })
	t := mapped(v, func(v uint32) int32 { return int32(v) })
	x := floats(142, 32, -100, 100)
	l, m := patterns[uint64](143, 32), patterns[uint64](144, 32)
	u8, v8 := pairs(edgesUchar, edgesUchar)
	s8, t8 := pairs(edgesChar, edgesChar)
	h := mapped(patterns[uint16](145, 32), func(h uint16) uint16 { return h &^ 0x80 }) // no NaN among bfloats
	k := mapped(s, func(s int32) int32 { return s >> 1 })                              // whose negations are ints
	q := patterns[int32](146, 32)
	negated := mapped(k, func(k int32) int32 { return -k })
	most := zipped(zipped(negated, t, func(x, y int32) int32 { return max(x, y) }), q, func(x, y int32) int32 { return max(x, y) })
	least := zipped(zipped(negated, t, func(x, y int32) int32 { return min(x, y) }), q, func(x, y int32) int32 { return min(x, y) })
	return []Case{
		each("as_type", "out0[i] = as_type<uint>(a[i]); out1[i] = as_type<float>(as_type<int>(a[i]) ^ 0x80000000); out2[i] = as_type<int>(a[i]);", in(x),
			mapped(x, math.Float32bits), mapped(x, func(x float32) float32 { return -x }), mapped(x, func(x float32) int32 { return int32(math.Float32bits(x)) })),
		each("as_type_of_vectors", "half2 p = as_type<half2>(a[i]); out0[i] = p.x + p.y; uchar4 q = as_type<uchar4>(a[i]); out1[i] = q.x + 2 * q.y + 3 * q.z + 4 * q.w; out2[i] = as_type<uint>(q.wzyx); out3[i] = as_type<ulong>(uint2(a[i], 7));", in(mapped(u, func(u uint32) uint32 { return u & 0x3fff3fff })),
			mapped(u, func(u uint32) f16 {
				return half.Float16FromFloat32(half.Float16(u&0x3fff).Float32() + half.Float16(u>>16&0x3fff).Float32())
			}),
			mapped(u, func(u uint32) int32 {
				return int32(u&0xff + 2*(u>>8&0x3f) + 3*(u>>16&0xff) + 4*(u>>24&0x3f))
			}),
			mapped(u, func(u uint32) uint32 { return bits.ReverseBytes32(u & 0x3fff3fff) }),
			mapped(u, func(u uint32) uint64 { return uint64(u&0x3fff3fff) + 7<<32 })),
		each("as_type_of_16_bits", "out0[i] = as_type<ushort>(as_type<bfloat>(a[i])); out1[i] = as_type<half>(ushort(a[i] & 0x7bff)); out2[i] = as_type<short>(a[i]);", in(h),
			h, mapped(h, func(h uint16) f16 { return f16(h & 0x7bff) }), mapped(h, func(h uint16) int16 { return int16(h) })),
		each("bools_as_bits_of_halves", "half v = as_type<half>(ushort(a[i] > 7)); out0[i] = float(v) * 16777216.0f; out1[i] = as_type<ushort>(isnan(v) ? half(3) : v);", in(u),
			mapped(u, func(u uint32) float32 { return pick[float32](u > 7, 1, 0) }), mapped(u, func(u uint32) uint16 { return pick[uint16](u > 7, 1, 0) })),
		each("bools_as_bits_of_floats", "float v = as_type<float>(uint(a[i] > 7)), w = as_type<float>(int(a[i] < 9)); out0[i] = rint(v) + floor(w); out1[i] = ceil(w) - trunc(v); out2[i] = int(v) + as_type<ushort>(half(w)); out3[i] = fabs(v) > 0.0f;", in(u),
			table(len(u), func(int) float32 { return 0 }), mapped(u, func(u uint32) float32 { return pick[float32](u < 9, 1, 0) }), table(len(u), func(int) int32 { return 0 }), mapped(u, func(u uint32) bool { return u > 7 })),
		each("popcount_clz_ctz", "out0[i] = popcount(a[i]); out1[i] = clz(a[i]); out2[i] = ctz(a[i]); out3[i] = reverse_bits(a[i]); out4[i] = clz(b[i]); out5[i] = popcount(b[i]);", in(u, s),
			mapped(u, func(u uint32) uint32 { return uint32(bits.OnesCount32(u)) }), mapped(u, func(u uint32) uint32 { return uint32(bits.LeadingZeros32(u)) }),
			mapped(u, func(u uint32) uint32 { return uint32(bits.TrailingZeros32(u)) }), mapped(u, bits.Reverse32),
			mapped(u, func(u uint32) int32 { return int32(bits.LeadingZeros32(u)) }), mapped(u, func(u uint32) int32 { return int32(bits.OnesCount32(u)) })),
		each("bit_counts_of_small_integers", "out0[i] = popcount(a[i]); out1[i] = clz(a[i]); out2[i] = ctz(a[i]); out3[i] = reverse_bits(a[i]);", in(edgesUchar),
			mapped(edgesUchar, func(u uint8) uint8 { return uint8(bits.OnesCount8(u)) }), mapped(edgesUchar, func(u uint8) uint8 { return uint8(bits.LeadingZeros8(u)) }),
			mapped(edgesUchar, func(u uint8) uint8 { return uint8(bits.TrailingZeros8(u)) }), mapped(edgesUchar, bits.Reverse8)),
		each("bit_counts_of_64_bits", "out0[i] = popcount(a[i]); out1[i] = clz(a[i]); out2[i] = ctz(a[i] << 7); out3[i] = reverse_bits(a[i]);", in(l),
			mapped(l, func(u uint64) uint64 { return uint64(bits.OnesCount64(u)) }), mapped(l, func(u uint64) uint64 { return uint64(bits.LeadingZeros64(u)) }),
			mapped(l, func(u uint64) uint64 { return uint64(bits.TrailingZeros64(u << 7)) }), mapped(l, bits.Reverse64)),
		each("extract_bits", "out0[i] = extract_bits(a[i], 5, 9); out1[i] = extract_bits(b[i], 5, 9); out2[i] = extract_bits(a[i], 24, 8); out3[i] = extract_bits(b[i], 0, 1);", in(u, s),
			mapped(u, func(u uint32) uint32 { return u / 32 % 512 }), mapped(s, func(s int32) int32 { return s << 18 >> 23 }),
			mapped(u, func(u uint32) uint32 { return u >> 24 }), mapped(s, func(s int32) int32 { return -(s & 1) })),
		each("insert_bits", "out0[i] = insert_bits(a[i], b[i], 5, 9); out1[i] = insert_bits(a[i], b[i], 0, 16);", in(u, v),
			zipped(u, v, func(u, v uint32) uint32 { return u&^(511<<5) | v%512<<5 }), zipped(u, v, func(u, v uint32) uint32 { return u>>16<<16 | v&0xffff })),
		each("mulhi", "out0[i] = mulhi(a[i], b[i]); out1[i] = mulhi(c[i], d[i]); out2[i] = mulhi(e[i], e[i] + 1);", in(u, v, s, t, l),
			zipped(u, v, func(u, v uint32) uint32 { return uint32(uint64(u) * uint64(v) >> 32) }),
			zipped(s, t, func(s, t int32) int32 { return int32(int64(s) * int64(t) >> 32) }),
			mapped(l, func(l uint64) uint64 { hi, _ := bits.Mul64(l, l+1); return hi })),
		each("mulhi_of_small_integers", "out0[i] = mulhi(a[i], b[i]); out1[i] = mulhi(c[i], d[i]);", in(u8, v8, s8, t8),
			zipped(u8, v8, func(u, v uint8) uint8 { return uint8(int(u) * int(v) >> 8) }), zipped(s8, t8, func(u, v int8) int8 { return int8(int(u) * int(v) >> 8) })),
		each("rotate", "out0[i] = rotate(a[i], 7u); out1[i] = rotate(a[i], a[i] & 31); out2[i] = rotate(b[i], 40ul);", in(u, l),
			mapped(u, func(u uint32) uint32 { return u<<7 | u>>25 }), mapped(u, func(u uint32) uint32 { return bits.RotateLeft32(u, int(u&31)) }),
			mapped(l, func(l uint64) uint64 { return l<<40 | l>>24 })),
		each("rotate_small_integers", "out0[i] = rotate(a[i], uchar(3)); out1[i] = rotate(b[i], ushort(5));", in(u8[:32], h),
			mapped(u8[:32], func(u uint8) uint8 { return u<<3 | u>>5 }), mapped(h, func(u uint16) uint16 { return u<<5 | u>>11 })),
		each("abs_and_absdiff", "out0[i] = abs(a[i]); out1[i] = absdiff(a[i], b[i]); out2[i] = absdiff(c[i], d[i]);", in(mapped(s, func(s int32) int32 { return s | 1 }), t, u, v),
			mapped(s, func(s int32) int32 { return int32(max(int64(s|1), -int64(s|1))) }),
			zipped(s, t, func(s, t int32) uint32 { return uint32(max(int64(s|1)-int64(t), int64(t)-int64(s|1))) }),
			zipped(u, v, func(u, v uint32) uint32 { return max(u, v) - min(u, v) })),
		each("addsat_subsat", "out0[i] = addsat(a[i], b[i]); out1[i] = subsat(a[i], b[i]); out2[i] = addsat(c[i], d[i]); out3[i] = subsat(c[i], d[i]);", in(u, v, s, t),
			zipped(u, v, func(u, v uint32) uint32 { return uint32(limit(int64(u)+int64(v), 0, math.MaxUint32)) }),
			zipped(u, v, func(u, v uint32) uint32 { return uint32(limit(int64(u)-int64(v), 0, math.MaxUint32)) }),
			zipped(s, t, func(s, t int32) int32 { return int32(limit(int64(s)+int64(t), math.MinInt32, math.MaxInt32)) }),
			zipped(s, t, func(s, t int32) int32 { return int32(limit(int64(s)-int64(t), math.MinInt32, math.MaxInt32)) })),
		each("saturation_of_small_integers", "out0[i] = addsat(a[i], b[i]); out1[i] = subsat(a[i], b[i]); out2[i] = addsat(c[i], d[i]); out3[i] = subsat(c[i], d[i]);", in(u8, v8, s8, t8),
			zipped(u8, v8, func(u, v uint8) uint8 { return uint8(limit(int64(u)+int64(v), 0, 255)) }),
			zipped(u8, v8, func(u, v uint8) uint8 { return uint8(limit(int64(u)-int64(v), 0, 255)) }),
			zipped(s8, t8, func(s, t int8) int8 { return int8(limit(int64(s)+int64(t), -128, 127)) }),
			zipped(s8, t8, func(s, t int8) int8 { return int8(limit(int64(s)-int64(t), -128, 127)) })),
		each("saturation_of_64_bits", "out0[i] = addsat(a[i], b[i]); out1[i] = subsat(a[i], b[i]); out2[i] = addsat(long(a[i]), long(b[i]));", in(l, m),
			zipped(l, m, func(l, m uint64) uint64 { s, c := bits.Add64(l, m, 0); return s | -c }),
			zipped(l, m, func(l, m uint64) uint64 { return max(l, m) - m }),
			zipped(l, m, func(l, m uint64) int64 {
				p, q := int64(l), int64(m)
				switch {
				case p > 0 && q > math.MaxInt64-p:
					return math.MaxInt64
				case p < 0 && q < math.MinInt64-p:
					return math.MinInt64
				}
				return p + q
			})),
		each("half_sums", "out0[i] = hadd(a[i], b[i]); out1[i] = rhadd(a[i], b[i]); out2[i] = hadd(c[i], d[i]); out3[i] = rhadd(c[i], d[i]);", in(u, v, s, t),
			zipped(u, v, func(u, v uint32) uint32 { return uint32((uint64(u) + uint64(v)) / 2) }),
			zipped(u, v, func(u, v uint32) uint32 { return uint32((uint64(u) + uint64(v) + 1) / 2) }),
			zipped(s, t, func(s, t int32) int32 { return int32((int64(s) + int64(t)) >> 1) }),
			zipped(s, t, func(s, t int32) int32 { return int32((int64(s) + int64(t) + 1) >> 1) })),
		each("mad", "out0[i] = madhi(a[i], b[i], 5u); out1[i] = madsat(c[i], d[i], c[i]); out2[i] = mul24(int(a[i] & 0xfff), int(b[i] & 0xfff)); out3[i] = mad24(int(a[i] & 0xff), 300, 7);", in(u, v, s, t),
			zipped(u, v, func(u, v uint32) uint32 { return uint32(uint64(u)*uint64(v)>>32) + 5 }),
			zipped(s, t, func(s, t int32) int32 { return int32(limit(int64(s)*int64(t)+int64(s), math.MinInt32, math.MaxInt32)) }),
			zipped(u, v, func(u, v uint32) int32 { return int32(u % 4096 * (v % 4096)) }),
			mapped(u, func(u uint32) int32 { return int32(u%256*300 + 7) })),
		each("integer_min_max_clamp", "out0[i] = min(a[i], b[i]) ^ max(a[i], b[i]); out1[i] = clamp(c[i], -1000, 1000); out2[i] = max3(c[i], d[i], 5); out3[i] = median3(c[i], d[i], 5); out4[i] = min(c[i], 3);", in(u, v, s, t),
			zipped(u, v, func(u, v uint32) uint32 { return u ^ v }),
			mapped(s, func(s int32) int32 { return min(max(s, -1000), 1000) }),
			zipped(s, t, func(s, t int32) int32 { return max(s, t, 5) }),
			zipped(s, t, func(s, t int32) int32 { return max(min(s, t), min(max(s, t), 5)) }),
			mapped(s, func(s int32) int32 { return min(s, 3) })),
		each("extremes_of_negations", "int x = a[i], y = b[i], z = c[i], w = (y - y) - x; out0[i] = max3(x * -1, y, z); out1[i] = min(min(~x + 1, y), z); out2[i] = max(max(x / -1, y), z); out3[i] = min3(int(-uint(x)), y, z);\n"+
			"int p = x * -1; if (p < y) p = y; out4[i] = p < z ? z : p; if (w > y) w = y; out5[i] = min(w, z); out6[i] = max3((z - z) - x, y, z);", in(k, t, q),
			most, least, most, least, most, least, most),
		each("integer_vector_functions", "uint4 p = uint4(a[i], b[i], 1, 2); out0[i] = popcount(p).y; int2 q = abs(int2(c[i] >> 1, -7)); out1[i] = q.x + q.y; out2[i] = rotate(p, uint4(3)).x;", in(u, v, s),
			mapped(v, func(v uint32) uint32 { return uint32(bits.OnesCount32(v)) }),
			mapped(s, func(s int32) int32 { return max(s>>1, -(s>>1)) + 7 }), mapped(u, func(u uint32) uint32 { return bits.RotateLeft32(u, 3) })),
		each("nibbles_and_packing", "uint w = 0; for (uint j = 0; j < 8; ++j) w |= (a[i * 8 + j] & 0xf) << (4 * j); out0[i] = w; out1[i] = int((w >> 12) & 0xf) - 8; out2[i] = (char)(w >> 8);", in(ints[uint32](146, 64, 0, 255)),
			packed(func(w uint32) uint32 { return w }), packed(func(w uint32) int32 { return int32(w/4096%16) - 8 }), packed(func(w uint32) int32 { return int32(int8(w / 256 % 256)) })),
	}
}

// packed returns f of eight words of eight nibbles.
func packed[R any](f func(w uint32) R) []R {
	v := ints[uint32](146, 64, 0, 255)
	return table(8, func(i int) R {
		w := uint32(0)
		for j := 7; j >= 0; j-- {
			w = w*16 + v[i*8+j]%16
		}
		return f(w)
	})
}
