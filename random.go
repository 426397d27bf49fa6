// This file implements random arrays by Philox4x32-10, the counter-based
// generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy
// as 1, 2, 3" (2011). Element i of an array depends on the key and i alone.

package zmlx

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/zmlx-go/zmlx/half"
)

// A Key decides the values of random arrays. The same key always gives the same
// values; use each key once, and Split one to get more.
type Key struct{ a, b uint32 }

// NewKey returns the key of a seed.
func NewKey(seed uint64) Key { return Key{uint32(seed), uint32(seed >> 32)} }

// Split returns n new keys. They are independent of each other and of the values
// that k itself gives.
func (k Key) Split(n int) []Key {
	keys := make([]Key, max(n, 0))
	for i := range keys {
		// Elements leave the last word 0, so that no value is drawn twice.
		w := philox([4]uint32{uint32(i), uint32(uint64(i) >> 32), 0, 1}, k)
		keys[i] = Key{w[0], w[1]}
	}
	return keys
}

func (k Key) String() string { return fmt.Sprintf("key %08x%08x", k.b, k.a) }

// philox returns the four words of Philox4x32-10 at a counter.
func philox(c [4]uint32, k Key) [4]uint32 {
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, c[0])
		hi1, lo1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k.a, lo1, hi0 ^ c[3] ^ k.b, lo0}
		k.a += 0x9E3779B9
		k.b += 0xBB67AE85
	}
	return c
}

// words returns the random words of element i.
func (k Key) words(i int) [4]uint32 {
	return philox([4]uint32{uint32(i), uint32(uint64(i) >> 32)}, k)
}

// RandomUniform returns numbers uniform in [lo, hi) on the default device: of
// 24 random bits, of 53 for float64, rounded to d. d is a floating-point dtype,
// and lo <= hi are finite; if they are equal so are all elements.
func RandomUniform(key Key, lo, hi float64, d DType, shp ...int) *Array {
	const op = "random_uniform"
	if !d.IsFloat() {
		return badDType(op, fmt.Sprintf("%s is not a floating-point dtype", d), d)
	}
	if !(lo <= hi) || math.IsInf(hi-lo, 0) || math.IsNaN(hi-lo) {
		return badShape(op, fmt.Errorf("no numbers between %g and %g", lo, hi))
	}
	below := previous(hi, d)
	return generate(op, d, shp, func(block []float64, first int) {
		var four [4]uint32 // elements share a counter
		for i := range block {
			var u float64
			if d == Float64 {
				w := key.words(first + i)
				u = unit53(w[0], w[1])
			} else {
				at := first + i
				if i == 0 || at%4 == 0 {
					four = key.words(at / 4)
				}
				u = float64(four[at%4]>>8) * 0x1p-24
			}
			v := lo + float64(u*(hi-lo))
			if rounded(v, d) >= hi && lo < hi {
				v = below
			}
			block[i] = v
		}
	})
}

// unit53 returns 53 of 64 random bits as a number in [0, 1).
func unit53(a, b uint32) float64 {
	return float64((uint64(a)<<32|uint64(b))>>11) * 0x1p-53
}

// rounded returns v rounded to dtype d.
func rounded(v float64, d DType) float64 {
	switch d {
	case Float16:
		return half.Float16FromFloat64(v).Float64()
	case BFloat16:
		return half.BFloat16FromFloat64(v).Float64()
	case Float32:
		return float64(float32(v))
	}
	return v
}

// previous returns the largest number of dtype d below v.
func previous(v float64, d DType) float64 {
	// Steps down in float64 that grow until they are large enough for d.
	r := rounded(v, d)
	for below := math.Nextafter(v, math.Inf(-1)); r >= v; {
		r = rounded(below, d)
		below = v - max(2*(v-below), math.SmallestNonzeroFloat64)
	}
	return r
}

// RandomNormal returns numbers of the normal distribution with mean 0 and
// standard deviation 1 on the default device, by Box and Muller's method in
// float64, rounded to d, a floating-point dtype.
func RandomNormal(key Key, d DType, shp ...int) *Array {
	const op = "random_normal"
	if !d.IsFloat() {
		return badDType(op, fmt.Sprintf("%s is not a floating-point dtype", d), d)
	}
	return generate(op, d, shp, func(block []float64, first int) {
		for i := range block {
			w := key.words(first + i)
			// 1-u is in (0, 1], so that its logarithm is finite.
			u, angle := unit53(w[0], w[1]), unit53(w[2], w[3])
			block[i] = math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*angle)
		}
	})
}

// RandomInt returns integers uniform in lo <= n < hi on the default device. d is
// an integer dtype that holds both lo and hi-1.
func RandomInt(key Key, lo, hi int64, d DType, shp ...int) *Array {
	const op = "random_int"
	if !d.IsInteger() {
		return badDType(op, fmt.Sprintf("%s is not an integer dtype", d), d)
	}
	if lo >= hi {
		return badShape(op, fmt.Errorf("no integers from %d to below %d", lo, hi))
	}
	least, most := integerRange(d)
	if lo < least || hi-1 > most {
		return badDType(op, fmt.Sprintf("%d to %d do not fit %s", lo, hi-1, d), d)
	}
	count := uint64(hi) - uint64(lo)
	return generate(op, d, shp, func(block []int64, first int) {
		for i := range block {
			w := key.words(first + i)
			scaled, _ := bits.Mul64(uint64(w[0])<<32|uint64(w[1]), count)
			block[i] = int64(uint64(lo) + scaled)
		}
	})
}

// integerRange returns the range of dtype d, cut to that of int64.
func integerRange(d DType) (least, most int64) {
	width := 8 * d.Size()
	switch {
	case d == Uint64:
		return 0, math.MaxInt64
	case d >= Int8 && d <= Int64:
		return -1 << (width - 1), 1<<(width-1) - 1
	}
	return 0, 1<<width - 1
}
