package interp

import (
	"math"
	"math/bits"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
)

// simdCase runs an operation over 100 threads in groups of 50, so that there
// are partial simdgroups and quads, in the lanes whose bit of pattern is set.
// It returns the operands and results; results of other lanes are stay.
func simdCase(t *testing.T, op ir.Op, width int64, ty, result ir.Type, pattern uint64, extra func(k *kernel, lane ir.Reg) []ir.Reg) (x, y []uint64) {
	t.Helper()
	const n = 100
	k := newKernel("simd")
	in, out := k.in("x", ty), k.out("y", result)
	lane := k.Special(ir.ThreadIndexInSimdgroup)
	v := k.get(in, ty)
	bit := k.Binary(ir.And, k.Binary(ir.Shr, k.ConstInt(ir.U64, int64(pattern)), k.Convert(ir.U64, lane)), k.ConstInt(ir.U64, 1))
	k.If(k.Compare(ir.Ne, bit, k.ConstInt(ir.U64, 0)), func() {
		args := []ir.Reg{v}
		if op == ir.SimdActive || op == ir.SimdIsFirst {
			args = nil
		}
		if extra != nil {
			args = append(args, extra(k, lane)...)
		}
		k.put(out, result, k.Simd(op, width, args...))
	}, nil)
	x = make([]uint64, n)
	copy(x, samples(ty, n))
	if ty.IsFloat() {
		for i := range x { // small whole numbers, so that orders do not matter but for rounding
			x[i] = ir.FloatBits(ty, float64(i%9)-3.5)
		}
	}
	mem, res := pack(ty, x), make([]byte, n*result.Size())
	for i := range res {
		res[i] = 0xa5
	}
	run(t, k.Finish(), n, 50, on(mem), on(res))
	return x, unpack(result, res)
}

const stay = 0xa5a5a5a5a5a5a5a5

// team100 returns the active members of a thread's team in simdCase.
func team100(thread int, width int64, pattern uint64) (members []int) {
	group := thread / 50 * 50
	local := thread - group
	first := local - local%int(width)
	for i := first; i < min(first+int(width), 50); i++ {
		if pattern>>(i%32)&1 != 0 {
			members = append(members, group+i)
		}
	}
	return members
}

var patterns = []uint64{0xffffffff, 0x0f0f3311, 0xdeadbeef, 1 << 31, 0xffff}

func TestSimdReduce(t *testing.T) {
	plain := map[ir.Op]ir.Op{
		ir.SimdSum: ir.Add, ir.SimdProduct: ir.Mul, ir.SimdMin: ir.Min, ir.SimdMax: ir.Max, ir.SimdAnd: ir.And, ir.SimdOr: ir.Or, ir.SimdXor: ir.Xor,
		ir.SimdPrefixSum: ir.Add, ir.SimdPrefixExSum: ir.Add, ir.SimdPrefixProduct: ir.Mul, ir.SimdPrefixExProduct: ir.Mul,
	}
	for _, ty := range []ir.Type{ir.I32, ir.U32, ir.I64, ir.U64, ir.F16, ir.BF16, ir.F32} {
		for op := ir.SimdSum; op <= ir.SimdPrefixExProduct; op++ {
			if ty.IsFloat() && op >= ir.SimdAnd && op <= ir.SimdXor {
				continue
			}
			for _, width := range []int64{32, 4} {
				for _, pattern := range patterns {
					x, y := simdCase(t, op, width, ty, ty, pattern, nil)
					for i := range y {
						if pattern>>(i%50%32)&1 == 0 {
							if y[i] != ir.Canonical(ty, stay) {
								t.Fatalf("%s %s: inactive lane %d was written", op, ty, i)
							}
							continue
						}
						members := team100(i, width, pattern)
						switch op {
						case ir.SimdPrefixSum, ir.SimdPrefixProduct, ir.SimdPrefixExSum, ir.SimdPrefixExProduct:
							var before []int
							for _, m := range members {
								if m < i || m == i && (op == ir.SimdPrefixSum || op == ir.SimdPrefixProduct) {
									before = append(before, m)
								}
							}
							members = before
						}
						at := ty // 16-bit floats accumulate in float32
						if ty.IsFloat() {
							at = ir.F32
						}
						lift := func(v uint64) uint64 {
							if ty.IsFloat() {
								return ir.FloatBits(ir.F32, ir.FloatValue(ty, v))
							}
							return v
						}
						var want uint64
						if op == ir.SimdPrefixExProduct {
							if want = 1; ty.IsFloat() {
								want = ir.FloatBits(at, 1)
							}
						}
						if ty.IsFloat() && (op == ir.SimdSum || op == ir.SimdProduct) {
							want = treeOf(plain[op], members, i/50*50, int(width), func(m int) uint64 { return lift(x[m]) })
							members = nil
						}
						for j, m := range members {
							if j == 0 {
								want = lift(x[m])
							} else {
								want = scalarOp(plain[op], at, ir.Void, want, lift(x[m]), 0)
							}
						}
						if ty.IsFloat() {
							want = ir.FloatBits(ty, ir.FloatValue(ir.F32, want))
						}
						if y[i] != want {
							t.Fatalf("%s %s width %d pattern %#x: thread %d got %#x, want %#x", op, ty, width, pattern, i, y[i], want)
						}
					}
				}
			}
		}
	}
}

// treeOf is the sum or product over the members of a team of a group that
// starts at thread first, by the recursive form of the tree: what lanes with
// the remainder r modulo w have together is what those with r and r+w modulo
// 2w have.
func treeOf(join ir.Op, members []int, first, width int, value func(thread int) uint64) uint64 {
	none := ir.FloatBits(ir.F32, math.Copysign(0, -1))
	if join == ir.Mul {
		none = ir.FloatBits(ir.F32, 1)
	}
	var of func(r, w int) uint64
	of = func(r, w int) uint64 {
		if w == width {
			for _, m := range members {
				if (m-first)%width == r {
					return value(m)
				}
			}
			return none
		}
		return scalarOp(join, ir.F32, ir.Void, of(r, 2*w), of(r+w, 2*w), 0)
	}
	return of(0, 1)
}

// What the order of a float sum shows in, and what lanes that take no part
// must not change.
func TestSimdSumTree(t *testing.T) {
	negZero := float32(math.Copysign(0, -1))
	sum := func(width int64, group int, x []float32, pattern uint64) float32 {
		k := newKernel("sum")
		in, out := k.in("x", ir.F32), k.out("y", ir.F32)
		lane := k.Special(ir.ThreadIndexInSimdgroup)
		bit := k.Binary(ir.And, k.Binary(ir.Shr, k.ConstInt(ir.U64, int64(pattern)), k.Convert(ir.U64, lane)), k.ConstInt(ir.U64, 1))
		k.If(k.Compare(ir.Ne, bit, k.ConstInt(ir.U64, 0)), func() { k.put(out, ir.F32, k.Simd(ir.SimdSum, width, k.get(in, ir.F32))) }, nil)
		y := make([]float32, len(x))
		run(t, k.Finish(), len(x), group, on(x), on(y))
		return y[bits.TrailingZeros64(pattern)]
	}
	lanes := func(n int, set map[int]float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = set[i]
		}
		return x
	}
	zeros := make([]float32, 32)
	for i := range zeros {
		zeros[i] = negZero
	}
	const big = 1 << 24
	for _, c := range []struct {
		name    string
		width   int64
		x       []float32
		pattern uint64
		want    float32
	}{
		{"big and -big meet first", 32, lanes(32, map[int]float32{0: big, 16: -big, 1: 1}), 0xffffffff, 1},
		{"big swallows 1 first", 32, lanes(32, map[int]float32{0: big, 1: -big, 16: 1}), 0xffffffff, 0},
		{"neighbours are last", 32, lanes(32, map[int]float32{0: big, 1: -big, 2: 1, 3: 1}), 0xffffffff, 1},
		{"a partial simdgroup", 32, lanes(20, map[int]float32{0: big, 16: -big, 1: 1, 4: 1}), 0xffffffff, 2},
		{"inactive lanes", 32, lanes(32, map[int]float32{0: big, 1: 5, 8: -big, 9: 1}), 0xfffffffd, 1},
		{"a quad", 4, lanes(4, map[int]float32{0: big, 2: -big, 1: 1}), 0xf, 1},
		{"a quad, neighbours last", 4, lanes(4, map[int]float32{0: big, 1: -big, 2: 1}), 0xf, 0},
		{"-0 alone", 32, zeros, 0xffffffff, negZero},
		{"-0 in some lanes", 32, zeros, 0x00010f00, negZero},
		{"-0 in a partial simdgroup", 32, zeros[:11], 0xffffffff, negZero},
		{"-0 in a partial quad", 4, zeros[:3], 0xf, negZero},
	} {
		if got := sum(c.width, len(c.x), c.x, c.pattern); math.Float32bits(got) != math.Float32bits(c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSimdShuffle(t *testing.T) {
	source := map[ir.Op]func(lane, k, w int) int{
		ir.SimdShuffle:     func(_, k, _ int) int { return k },
		ir.SimdBroadcast:   func(_, k, _ int) int { return k },
		ir.SimdShuffleUp:   func(l, k, _ int) int { return l - k },
		ir.SimdShuffleDown: func(l, k, _ int) int { return l + k },
		ir.SimdShuffleXor:  func(l, k, _ int) int { return l ^ k },
		ir.SimdRotateUp:    func(l, k, w int) int { return ((l-k)%w + w) % w },
		ir.SimdRotateDown:  func(l, k, w int) int { return (l + k) % w },
	}
	for op, from := range source {
		for _, ty := range valueTypes {
			for _, width := range []int{32, 4} {
				for _, pattern := range patterns {
					for _, by := range []int{0, 1, 2, 3, 17, 40} {
						x, y := simdCase(t, op, int64(width), ty, ty, pattern, func(k *kernel, _ ir.Reg) []ir.Reg { return []ir.Reg{k.ConstU32(uint32(by))} })
						for i := range y {
							if pattern>>(i%50%32)&1 == 0 {
								continue
							}
							local := i % 50
							lane := local % width
							want := x[i]
							if src := from(lane, by, width); src >= 0 && src < width {
								place := i - lane + src
								for _, m := range team100(i, int64(width), pattern) {
									if m == place {
										want = x[m]
									}
								}
							}
							if y[i] != want && !isNaN(ty, want) {
								t.Fatalf("%s %s width %d by %d pattern %#x: thread %d got %#x, want %#x", op, ty, width, by, pattern, i, y[i], want)
							}
						}
					}
				}
			}
		}
	}
}

func TestSimdVotes(t *testing.T) {
	for _, width := range []int64{32, 4} {
		for _, pattern := range patterns {
			x, ballot := simdCase(t, ir.SimdBallot, width, ir.Bool, ir.U64, pattern, nil)
			_, active := simdCase(t, ir.SimdActive, width, ir.Bool, ir.U64, pattern, nil)
			_, all := simdCase(t, ir.SimdAll, width, ir.Bool, ir.Bool, pattern, nil)
			_, anyOf := simdCase(t, ir.SimdAny, width, ir.Bool, ir.Bool, pattern, nil)
			_, first := simdCase(t, ir.SimdIsFirst, width, ir.Bool, ir.Bool, pattern, nil)
			v, bcast := simdCase(t, ir.SimdBroadcastFirst, width, ir.I64, ir.I64, pattern, nil)
			for i := range x {
				if pattern>>(i%50%32)&1 == 0 {
					continue
				}
				var wantBallot, wantActive uint64
				members := team100(i, width, pattern)
				wantAll, wantAny := uint64(1), uint64(0)
				for _, m := range members {
					bit := uint64(1) << (m % 50 % int(width))
					wantActive |= bit
					wantBallot |= bit * x[m]
					wantAll &= x[m]
					wantAny |= x[m]
				}
				wantFirst := uint64(0)
				if members[0] == i {
					wantFirst = 1
				}
				if ballot[i] != wantBallot || active[i] != wantActive || all[i] != wantAll || anyOf[i] != wantAny || first[i] != wantFirst || bcast[i] != v[members[0]] {
					t.Fatalf("width %d pattern %#x thread %d: ballot %#x active %#x all %d any %d first %d broadcast %#x; want %#x %#x %d %d %d %#x", width, pattern, i,
						ballot[i], active[i], all[i], anyOf[i], first[i], bcast[i], wantBallot, wantActive, wantAll, wantAny, wantFirst, v[members[0]])
				}
			}
		}
	}
}

func TestSimdFill(t *testing.T) {
	for _, op := range []ir.Op{ir.SimdFillUp, ir.SimdFillDown} {
		for _, mod := range []int{2, 8, 32} {
			for _, by := range []int{0, 1, 5} {
				if by > mod {
					continue
				}
				x, y := simdCase(t, op, 32, ir.I32, ir.I32, 0xffffffff, func(k *kernel, lane ir.Reg) []ir.Reg {
					return []ir.Reg{k.Binary(ir.Add, k.Convert(ir.I32, lane), k.ConstI32(1000)), k.ConstU32(uint32(by)), k.ConstU32(uint32(mod))}
				})
				for i := range 32 { // of the first, whole simdgroup
					part, from := i%mod, i-by
					filled := part < by
					if op == ir.SimdFillDown {
						from = i + by
						filled = part+by >= mod
					}
					want := uint64(0)
					switch {
					case !filled:
						want = x[from]
					case op == ir.SimdFillUp:
						want = uint64(1000 + from + mod)
					default:
						want = uint64(1000 + from - mod)
					}
					if y[i] != want {
						t.Fatalf("%s by %d in %d: lane %d got %d, want %d", op, by, mod, i, int32(y[i]), int32(want))
					}
				}
			}
		}
	}
}

func TestMatMul(t *testing.T) {
	for _, ty := range []ir.Type{ir.F32, ir.F16, ir.BF16} {
		k := newKernel("matmul")
		var in [3]ir.Reg
		for i := range in {
			in[i] = k.in("m", ty)
		}
		out := k.out("out", ty)
		lane := k.Special(ir.ThreadIndexInSimdgroup)
		two := k.ConstU32(2)
		q := k.Binary(ir.Div, lane, k.ConstU32(4))
		row := k.Binary(ir.Add, k.Binary(ir.And, q, k.ConstU32(4)), k.Binary(ir.Rem, k.Binary(ir.Div, lane, two), k.ConstU32(4)))
		col := k.Binary(ir.Add, k.Binary(ir.Mul, k.Binary(ir.And, q, two), two), k.Binary(ir.Mul, k.Binary(ir.Rem, lane, two), two))
		place := k.Binary(ir.Add, k.Binary(ir.Mul, row, k.ConstU32(8)), col)
		var v []ir.Reg
		for i := range in {
			v = append(v, k.LoadN(ty, 2, k.at(in[i], ty, place))...)
		}
		d0, d1 := k.MatMul(ty, v[0], v[1], v[2], v[3], v[4], v[5])
		k.Store(ty, k.at(out, ty, place), d0, d1)
		var vals [3][]uint64
		for i := range vals {
			for j := range 64 {
				vals[i] = append(vals[i], ir.FloatBits(ty, math.Sin(float64(i*64+j))*3))
			}
		}
		mem := make([]byte, 64*ty.Size())
		run(t, k.Finish(), 32, 32, on(pack(ty, vals[0])), on(pack(ty, vals[1])), on(pack(ty, vals[2])), on(mem))
		for i, got := range unpack(ty, mem) {
			want := ir.FloatValue(ty, vals[2][i])
			for k := range 8 {
				want += ir.FloatValue(ty, vals[0][i/8*8+k]) * ir.FloatValue(ty, vals[1][k*8+i%8])
			}
			tol := map[ir.Type]float64{ir.F32: 1e-5, ir.F16: 2e-2, ir.BF16: 2e-1}[ty]
			if v := ir.FloatValue(ty, got); math.Abs(v-want) > tol {
				t.Errorf("%s element %d: got %g, want %g", ty, i, v, want)
			}
		}
	}
}
