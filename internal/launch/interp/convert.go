package interp

// This file implements conversions between types.

import (
	"math"
	"math/bits"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func (c *compiler) convert(in *ir.Instr) step {
	if in.Type == ir.Ptr || in.From == ir.Ptr {
		return c.fail("cannot convert %s to %s", in.From, in.Type)
	}
	switch in.From {
	case ir.Bool:
		return convertInt[uint8](c, in)
	case ir.I8, ir.I16, ir.I32:
		return convertInt[int32](c, in)
	case ir.U8, ir.U16, ir.U32:
		return convertInt[uint32](c, in)
	case ir.I64:
		return convertInt[int64](c, in)
	case ir.U64:
		return convertInt[uint64](c, in)
	case ir.F16, ir.BF16, ir.F32:
		return convertFloat[float32](c, in)
	case ir.F64:
		return convertFloat[float64](c, in)
	}
	return c.fail("cannot convert %s to %s", in.From, in.Type)
}

func cast[R, A number](d []R, a []A) {
	a = a[:len(d)]
	for i := range d {
		d[i] = R(a[i])
	}
}

// castBy converts by way of M, which drops bits.
func castBy[R, M, A number](d []R, a []A) {
	a = a[:len(d)]
	for i := range d {
		d[i] = R(M(a[i]))
	}
}

func nonzero[A number](d []uint8, a []A) {
	a = a[:len(d)]
	for i := range d {
		d[i] = truth(a[i] != 0)
	}
}

func convertInt[A uint8 | int32 | uint32 | int64 | uint64](c *compiler, in *ir.Instr) step {
	switch in.Type {
	case ir.Bool:
		return stepUnary(c, in, nonzero[A])
	case ir.I8:
		return stepUnary(c, in, castBy[int32, int8, A])
	case ir.U8:
		return stepUnary(c, in, castBy[uint32, uint8, A])
	case ir.I16:
		return stepUnary(c, in, castBy[int32, int16, A])
	case ir.U16:
		return stepUnary(c, in, castBy[uint32, uint16, A])
	case ir.I32, ir.U32:
		return stepUnary(c, in, cast[uint32, A])
	case ir.I64, ir.U64:
		return stepUnary(c, in, cast[uint64, A])
	case ir.F32:
		return stepUnary(c, in, cast[float32, A])
	case ir.F64:
		return stepUnary(c, in, cast[float64, A])
	case ir.F16:
		return stepUnary(c, in, each(func(v A) float32 { return half.Float16FromFloat64(sticky(v)).Float32() }))
	case ir.BF16:
		return stepUnary(c, in, each(func(v A) float32 { return half.BFloat16FromFloat64(sticky(v)).Float32() }))
	}
	return c.fail("cannot convert %s to %s", in.From, in.Type)
}

// sticky returns v as a float64 that rounds to narrower types as v does: bits
// that do not fit are gathered in the last one that does.
func sticky[A number](v A) float64 {
	neg := v < 0
	u := uint64(v)
	if neg {
		u = -u
	}
	if n := bits.Len64(u); n > 53 {
		low := uint64(1)<<(n-53) - 1
		if u&low != 0 {
			u = u&^low | (low + 1)
		}
	}
	if neg {
		return -float64(u)
	}
	return float64(u)
}

func convertFloat[A float](c *compiler, in *ir.Instr) step {
	switch in.Type {
	case ir.Bool:
		return stepUnary(c, in, nonzero[A])
	case ir.I8:
		return stepUnary(c, in, saturate[int32, A](math.MinInt8, math.MaxInt8))
	case ir.I16:
		return stepUnary(c, in, saturate[int32, A](math.MinInt16, math.MaxInt16))
	case ir.I32:
		return stepUnary(c, in, saturate[int32, A](math.MinInt32, math.MaxInt32))
	case ir.U8:
		return stepUnary(c, in, saturate[uint32, A](0, math.MaxUint8))
	case ir.U16:
		return stepUnary(c, in, saturate[uint32, A](0, math.MaxUint16))
	case ir.U32:
		return stepUnary(c, in, saturate[uint32, A](0, math.MaxUint32))
	case ir.I64:
		return stepUnary(c, in, saturate[int64, A](math.MinInt64, math.MaxInt64))
	case ir.U64:
		return stepUnary(c, in, saturate[uint64, A](0, math.MaxUint64))
	case ir.F32:
		return stepUnary(c, in, cast[float32, A])
	case ir.F64:
		return stepUnary(c, in, cast[float64, A])
	case ir.F16:
		return stepUnary(c, in, each(func(v A) float32 { return half.Float16FromFloat64(float64(v)).Float32() }))
	case ir.BF16:
		return stepUnary(c, in, each(func(v A) float32 { return half.BFloat16FromFloat64(float64(v)).Float32() }))
	}
	return c.fail("cannot convert %s to %s", in.From, in.Type)
}

// saturate makes a loop that truncates to [lo, hi], NaN to 0.
func saturate[R integer, A float](lo, hi R) func(d []R, a []A) {
	below, above := float64(lo), float64(hi) // above may be hi+1: then it is out of range itself
	return func(d []R, a []A) {
		a = a[:len(d)]
		for i := range d {
			switch v := float64(a[i]); {
			case v >= above:
				d[i] = hi
			case v > below:
				d[i] = R(v)
			case v == v:
				d[i] = lo
			default:
				d[i] = 0
			}
		}
	}
}

func encodeF16(v float32) uint16  { return uint16(half.Float16FromFloat32(v)) }
func encodeBF16(v float32) uint16 { return uint16(half.BFloat16FromFloat32(v)) }
func decodeF16(u uint16) float32  { return half.Float16(u).Float32() }
func decodeBF16(u uint16) float32 { return half.BFloat16(u).Float32() }

func (c *compiler) bitcast(in *ir.Instr) step {
	if in.Type.Size() != in.From.Size() {
		return c.fail("cannot bitcast %s to %s: sizes differ", in.From, in.Type)
	}
	switch in.Type.Size() {
	case 8:
		return stepUnary(c, in, copyLanes[uint64])
	case 4:
		return stepUnary(c, in, copyLanes[uint32])
	case 2:
		enc, dec := bits16(in.From), lanes16(in.Type)
		return stepUnary(c, in, each(func(v uint32) uint32 { return dec(enc(v)) }))
	case 1:
		switch {
		case in.Type == ir.Bool && in.From == ir.Bool:
			return stepUnary(c, in, copyLanes[uint8])
		case in.Type == ir.Bool:
			return stepUnary(c, in, func(d []uint8, a []uint32) {
				for i := range d {
					d[i] = truth(uint8(a[i]) != 0)
				}
			})
		case in.From == ir.Bool:
			return stepUnary(c, in, cast[uint32, uint8])
		case in.Type == ir.I8:
			return stepUnary(c, in, castBy[int32, int8, uint32])
		}
		return stepUnary(c, in, castBy[uint32, uint8, uint32])
	}
	return c.fail("cannot bitcast %s to %s", in.From, in.Type)
}

// bits16 returns the function from a lane, as raw bits, to the two bytes that
// it has in memory.
func bits16(t ir.Type) func(uint32) uint16 {
	switch t {
	case ir.F16:
		return func(v uint32) uint16 { return encodeF16(math.Float32frombits(v)) }
	case ir.BF16:
		return func(v uint32) uint16 { return uint16(v >> 16) }
	}
	return func(v uint32) uint16 { return uint16(v) }
}

func lanes16(t ir.Type) func(uint16) uint32 {
	switch t {
	case ir.F16:
		return func(u uint16) uint32 { return math.Float32bits(decodeF16(u)) }
	case ir.BF16:
		return func(u uint16) uint32 { return uint32(u) << 16 }
	case ir.I16:
		return func(u uint16) uint32 { return uint32(int32(int16(u))) }
	}
	return func(u uint16) uint32 { return uint32(u) }
}
