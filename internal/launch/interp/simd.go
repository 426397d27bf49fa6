package interp

// This file implements the functions of simdgroups, quads and 8x8 matrices.

import (
	"math"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A team is the part of a simdgroup or quad that is active.
type team struct {
	lanes []int32 // active ones, ascending
	first int     // lane that has index 0 in the simdgroup or quad
	end   int     // one past the last that exists
}

// teams calls do for each simdgroup (width 32) or quad (width 4) that has
// active lanes.
func (f *frame) teams(width int, do func(t team)) {
	list := f.lanes(f.cur)
	for len(list) > 0 {
		lane := int(list[0])
		g := &f.groups[f.groupOf[lane]]
		first := g.lane + (lane-g.lane)&^(width-1)
		end := min(first+width, g.lane+g.threads)
		n := 1
		for n < len(list) && int(list[n]) < end {
			n++
		}
		do(team{list[:n], first, end})
		list = list[n:]
	}
}

// mask returns the active lanes as bits, the team's lane 0 lowest.
func (t *team) mask() uint64 {
	var m uint64
	for _, l := range t.lanes {
		m |= 1 << (int(l) - t.first)
	}
	return m
}

func (c *compiler) simd(in *ir.Instr) step {
	width := int(in.Imm)
	if in.Op == ir.MatMul || width == 0 {
		width = simdWidth
	}
	if width != simdWidth && width != 4 {
		return c.fail("%s over %d lanes is not defined, only over 32 and 4", in.Op, width)
	}
	switch op := in.Op; {
	case op >= ir.SimdSum && op <= ir.SimdPrefixExProduct:
		return c.reduce(in, width)
	case op >= ir.SimdShuffle && op <= ir.SimdBroadcastFirst:
		switch laneSize(in.Type) {
		case 1:
			return stepShuffle[uint8](c, in, width)
		case 4:
			return stepShuffle[uint32](c, in, width)
		}
		return stepShuffle[uint64](c, in, width)
	case op == ir.MatMul:
		return c.matMul(in)
	}
	return c.vote(in, width)
}

func (c *compiler) vote(in *ir.Instr, width int) step {
	d := c.dst(in)
	arg := noSlot
	if len(in.Args) > 0 {
		arg = c.slot(in.Args[0])
	}
	var one func(f *frame, t *team)
	switch in.Op {
	case ir.SimdBallot:
		one = func(f *frame, t *team) {
			var m uint64
			for _, l := range t.lanes {
				m |= uint64(view[uint8](f, arg)[l]) << (int(l) - t.first)
			}
			give(f, d, t, m)
		}
	case ir.SimdActive:
		one = func(f *frame, t *team) { give(f, d, t, t.mask()) }
	case ir.SimdAll, ir.SimdAny:
		all := in.Op == ir.SimdAll
		one = func(f *frame, t *team) {
			v := truth(all)
			for _, l := range t.lanes {
				if b := view[uint8](f, arg)[l]; b != truth(all) {
					v = b
				}
			}
			give(f, d, t, v)
		}
	case ir.SimdIsFirst:
		one = func(f *frame, t *team) {
			give(f, d, t, uint8(0))
			view[uint8](f, d)[t.lanes[0]] = 1
		}
	default:
		return c.fail("unknown operation %s", in.Op)
	}
	return func(f *frame) { f.teams(width, func(t team) { one(f, &t) }) }
}

// give sets the active lanes of a team to v.
func give[T any](f *frame, d slot, t *team, v T) {
	dst := view[T](f, d)
	for _, l := range t.lanes {
		dst[l] = v
	}
}

func (c *compiler) reduce(in *ir.Instr, width int) step {
	switch in.Type {
	case ir.I32:
		return stepReduce(c, in, width, reducerInt[int32](in.Op), nil)
	case ir.U32:
		return stepReduce(c, in, width, reducerInt[uint32](in.Op), nil)
	case ir.I64:
		return stepReduce(c, in, width, reducerInt[int64](in.Op), nil)
	case ir.U64:
		return stepReduce(c, in, width, reducerInt[uint64](in.Op), nil)
	case ir.F32:
		return stepReduce(c, in, width, reducerFloat[float32](in.Op), nil)
	case ir.F16:
		return stepReduce(c, in, width, reducerFloat[float32](in.Op), half.Round16)
	case ir.BF16:
		return stepReduce(c, in, width, reducerFloat[float32](in.Op), half.RoundBF16)
	case ir.F64:
		return stepReduce(c, in, width, reducerFloat[float64](in.Op), nil)
	}
	return c.fail("%s of %s is not defined", in.Op, in.Type)
}

// reducerFloat returns the operation that a reduction or prefix repeats.
func reducerFloat[T float](op ir.Op) func(a, b T) T {
	switch op {
	case ir.SimdMin:
		return fmin[T]
	case ir.SimdMax:
		return fmax[T]
	case ir.SimdSum, ir.SimdPrefixSum, ir.SimdPrefixExSum:
		return func(a, b T) T { return a + b }
	case ir.SimdProduct, ir.SimdPrefixProduct, ir.SimdPrefixExProduct:
		return func(a, b T) T { return a * b }
	}
	return nil
}

func reducerInt[T integer](op ir.Op) func(a, b T) T {
	switch op {
	case ir.SimdMin:
		return func(a, b T) T { return min(a, b) }
	case ir.SimdMax:
		return func(a, b T) T { return max(a, b) }
	case ir.SimdAnd:
		return func(a, b T) T { return a & b }
	case ir.SimdOr:
		return func(a, b T) T { return a | b }
	case ir.SimdXor:
		return func(a, b T) T { return a ^ b }
	case ir.SimdSum, ir.SimdPrefixSum, ir.SimdPrefixExSum:
		return func(a, b T) T { return a + b }
	case ir.SimdProduct, ir.SimdPrefixProduct, ir.SimdPrefixExProduct:
		return func(a, b T) T { return a * b }
	}
	return nil
}

func stepReduce[T number](c *compiler, in *ir.Instr, width int, join func(a, b T) T, round func(T) T) step {
	if join == nil {
		return c.fail("%s of %s is not defined", in.Op, in.Type)
	}
	if round == nil {
		round = func(v T) T { return v }
	}
	d, a := c.dst(in), c.slot(in.Args[0])
	switch in.Op {
	case ir.SimdPrefixSum, ir.SimdPrefixProduct, ir.SimdPrefixExSum, ir.SimdPrefixExProduct:
		exclusive := in.Op == ir.SimdPrefixExSum || in.Op == ir.SimdPrefixExProduct
		var start T
		if in.Op == ir.SimdPrefixExProduct {
			start = 1
		}
		return func(f *frame) {
			src, dst := view[T](f, a), view[T](f, d)
			f.teams(width, func(t team) {
				acc := start
				for i, l := range t.lanes {
					v := src[l]
					if exclusive {
						dst[l] = round(acc)
					}
					if i == 0 {
						acc = v
					} else {
						acc = join(acc, v)
					}
					if !exclusive {
						dst[l] = round(acc)
					}
				}
			})
		}
	}
	if identity, ok := treeIdentity[T](in); ok {
		return func(f *frame) {
			src := view[T](f, a)
			f.teams(width, func(t team) { give(f, d, &t, round(tree(src, &t, width, identity, join))) })
		}
	}
	return func(f *frame) { // any order gives the same bits
		src := view[T](f, a)
		f.teams(width, func(t team) {
			acc := src[t.lanes[0]]
			for _, l := range t.lanes[1:] {
				acc = join(acc, src[l])
			}
			give(f, d, &t, round(acc))
		})
	}
}

// treeIdentity returns what lanes without a value bring into a float sum or
// product, the reductions whose order matters.
func treeIdentity[T number](in *ir.Instr) (identity T, ok bool) {
	if !in.Type.IsFloat() {
		return 0, false
	}
	switch in.Op {
	case ir.SimdSum:
		return T(math.Copysign(0, -1)), true // x + -0 is x for every x, -0 too
	case ir.SimdProduct:
		return 1, true
	}
	return 0, false
}

// tree joins each lane's value with that of the lane half a width above, then
// a quarter, and so on down to neighbours.
func tree[T number](src []T, t *team, width int, identity T, join func(a, b T) T) T {
	if len(t.lanes) == 1 {
		return src[t.lanes[0]]
	}
	var v [simdWidth]T
	if len(t.lanes) == width {
		copy(v[:width], src[t.first:t.end])
	} else {
		fill(v[:], identity)
		for _, l := range t.lanes {
			v[int(l)-t.first] = src[l]
		}
	}
	for half := width / 2; half > 0; half /= 2 {
		low, high := v[:half], v[half:2*half]
		for i := range low {
			low[i] = join(low[i], high[i])
		}
	}
	return v[0]
}

// stepShuffle moves values between lanes. source says from which lane, as an
// index in the team; other lanes than 0 to width-1 do not exist.
func stepShuffle[T any](c *compiler, in *ir.Instr, width int) step {
	d, a := c.dst(in), c.slot(in.Args[0])
	if in.Op == ir.SimdFillUp || in.Op == ir.SimdFillDown {
		return stepFill[T](c, in, width)
	}
	if in.Op == ir.SimdBroadcastFirst {
		return func(f *frame) {
			f.teams(width, func(t team) { give(f, d, &t, view[T](f, a)[t.lanes[0]]) })
		}
	}
	var source func(lane, k int64) int64
	w := int64(width)
	switch in.Op {
	case ir.SimdShuffle, ir.SimdBroadcast:
		source = func(_, k int64) int64 { return k }
	case ir.SimdShuffleUp:
		source = func(lane, k int64) int64 { return lane - k }
	case ir.SimdShuffleDown:
		source = func(lane, k int64) int64 { return lane + k }
	case ir.SimdShuffleXor:
		source = func(lane, k int64) int64 { return lane ^ k }
	case ir.SimdRotateUp:
		source = func(lane, k int64) int64 { return (lane - k) & (w - 1) }
	case ir.SimdRotateDown:
		source = func(lane, k int64) int64 { return (lane + k) & (w - 1) }
	default:
		return c.fail("unknown operation %s", in.Op)
	}
	count := c.slot(in.Args[1])
	return func(f *frame) {
		src, dst, k := view[T](f, a), view[T](f, d), view[uint32](f, count)
		cur := f.cur
		var before [simdWidth]T // dst and src may be one register
		f.teams(width, func(t team) {
			copy(before[:], src[t.first:t.end])
			for _, l := range t.lanes {
				own := int64(l) - int64(t.first)
				from := source(own, int64(k[l]))
				if from < 0 || from >= int64(t.end-t.first) || !cur.has(t.first+int(from)) {
					from = own
				}
				dst[l] = before[from]
			}
		})
	}
}

// stepFill shifts within parts of modulo lanes; what the shift leaves open
// comes from the other end of the filling.
func stepFill[T any](c *compiler, in *ir.Instr, width int) step {
	d, s := c.dst(in), c.args(in)
	up := in.Op == ir.SimdFillUp
	return func(f *frame) {
		data, filling, dst := view[T](f, s[0]), view[T](f, s[1]), view[T](f, d)
		delta, modulo := view[uint32](f, s[2]), view[uint32](f, s[3])
		cur := f.cur
		var before, fill [simdWidth]T
		f.teams(width, func(t team) {
			copy(before[:], data[t.first:t.end])
			copy(fill[:], filling[t.first:t.end])
			for _, l := range t.lanes {
				own := int64(l) - int64(t.first)
				mod := int64(modulo[l])
				if mod < 1 || mod > int64(width) {
					mod = int64(width)
				}
				by := int64(delta[l])
				part := own % mod
				from, v := own-by, &before
				switch {
				case up && part < by:
					from, v = from+mod, &fill
				case !up:
					from = own + by
					if part+by >= mod {
						from, v = from-mod, &fill
					}
				}
				if start := own - part; from < start || from >= start+mod || from >= int64(t.end-t.first) || !cur.has(t.first+int(from)) {
					from, v = own, &before
				}
				dst[l] = v[from]
			}
		})
	}
}

// matMul multiplies two 8x8 matrices and adds a third. Elements that absent
// or inactive lanes would hold are zero.
func (c *compiler) matMul(in *ir.Instr) step {
	if len(in.Args) != 6 || len(in.Dst) != 2 {
		return c.fail("matmul takes 6 values and gives 2")
	}
	round := func(v float32) float32 { return v }
	switch in.Type {
	case ir.F16:
		round = half.Round16
	case ir.BF16:
		round = half.RoundBF16
	}
	src, dst := c.args(in), c.dsts(in)
	return func(f *frame) {
		f.teams(simdWidth, func(t team) {
			var a, b, acc [8][8]float32
			for i, mat := range []*[8][8]float32{&a, &b, &acc} {
				for _, l := range t.lanes {
					row, col := matrixPlace(int(l) - t.first)
					mat[row][col] = view[float32](f, src[2*i])[l]
					mat[row][col+1] = view[float32](f, src[2*i+1])[l]
				}
			}
			for i := range 8 {
				for j := range 8 {
					v := acc[i][j]
					for k := range 8 {
						v += float32(a[i][k] * b[k][j])
					}
					acc[i][j] = round(v)
				}
			}
			for _, l := range t.lanes {
				row, col := matrixPlace(int(l) - t.first)
				view[float32](f, dst[0])[l] = acc[row][col]
				view[float32](f, dst[1])[l] = acc[row][col+1]
			}
		})
	}
}

// matrixPlace returns where in an 8x8 matrix the first of a lane's two
// elements lies; the second is in the next column.
func matrixPlace(lane int) (row, col int) {
	q := lane / 4
	return q&4 + lane/2%4, (q&2)*2 + lane%2*2
}
