package kernelfuzz

// This file implements the values of inputs: ordinary ones and those at which
// devices like to differ.

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// values returns n elements.
func values(d dtype.DType, n int, seed uint64) []byte {
	rng := newRand(seed, 2)
	var p []byte
	for range n {
		switch d {
		case dtype.Bool:
			p = append(p, byte(rng.IntN(2)))
		case dtype.Float16:
			p = binary.LittleEndian.AppendUint16(p, uint16(half.Float16FromFloat64(floatValue(rng, 5, -24))))
		case dtype.BFloat16:
			p = binary.LittleEndian.AppendUint16(p, uint16(half.BFloat16FromFloat64(floatValue(rng, 8, -133))))
		case dtype.Float32:
			p = binary.LittleEndian.AppendUint32(p, math.Float32bits(float32(floatValue(rng, 8, -149))))
		case dtype.Float64:
			p = binary.LittleEndian.AppendUint64(p, math.Float64bits(floatValue(rng, 11, -1074)))
		default:
			v := intValue(rng, d.Size()*8)
			for i := range d.Size() {
				p = append(p, byte(v>>(8*i)))
			}
		}
	}
	return p
}

// floatValue is a value of a type that has exponents of so many bits and whose
// smallest positive value is 2 to the power least.
func floatValue(rng *rand.Rand, exponentBits, least int) float64 {
	sign := float64(1 - 2*rng.IntN(2))
	top := 1 << (exponentBits - 1)
	switch rng.IntN(16) {
	case 0:
		return []float64{0, 1, math.Inf(1), math.NaN()}[rng.IntN(4)] * sign
	case 1:
		return sign * math.Ldexp(float64(1+rng.IntN(200)), least) // denormal
	case 2:
		return sign * math.Ldexp(1+rng.Float64(), rng.IntN(2*top-4)-top+3) // of any size
	case 3:
		return sign * math.Ldexp(2-math.Ldexp(1, -7), top-1) // large
	case 4, 5, 6:
		return sign * float64(rng.IntN(20))
	case 7:
		return sign * (float64(rng.IntN(8)) + 0.5) // ties
	}
	return rng.NormFloat64() * 4
}

func intValue(rng *rand.Rand, bits int) uint64 {
	switch rng.IntN(6) {
	case 0:
		return []uint64{0, 1, ^uint64(0), 1 << (bits - 1), 1<<(bits-1) - 1, uint64(bits), uint64(bits - 1)}[rng.IntN(7)]
	case 1, 2:
		return rng.Uint64()
	case 3:
		return uint64(-rng.IntN(20))
	}
	return uint64(rng.IntN(40))
}
