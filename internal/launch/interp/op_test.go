package interp

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
)

var valueTypes = []ir.Type{ir.Bool, ir.I8, ir.U8, ir.I16, ir.U16, ir.I32, ir.U32, ir.I64, ir.U64, ir.F16, ir.BF16, ir.F32, ir.F64}

// samples returns bits of values of a type, with the difficult ones first.
func samples(t ir.Type, n int) []uint64 {
	rng := rand.New(rand.NewPCG(uint64(t), 7))
	var s []uint64
	if t.IsFloat() {
		for _, v := range []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 3, 1e-3, 65504, 65519, 65520, 1e30,
			math.Inf(1), math.Inf(-1), math.NaN(), 0x1p-14, 0x1p-24, 0x1p-126, 0x1p-149, 2147483648, -2147483649, 4294967296, 9.3e18, 127.5, -128.9, 255.9} {
			s = append(s, ir.FloatBits(t, v))
		}
	} else {
		for _, v := range []int64{0, 1, -1, 2, -2, 7, 31, 32, 33, 63, 64, math.MinInt8, math.MaxInt8, math.MinInt16, math.MaxInt16, math.MinInt32, math.MaxInt32, math.MinInt64, math.MaxInt64, 1 << 24, 1<<24 + 1, 1<<53 + 1, 1<<62 | 1<<54 | 1} {
			s = append(s, ir.Canonical(t, uint64(v)))
		}
	}
	for len(s) < n {
		v := rng.Uint64()
		switch {
		case t.IsFloat() && rng.IntN(2) == 0:
			v = ir.FloatBits(t, rng.NormFloat64()*math.Ldexp(1, rng.IntN(12)-6))
		case rng.IntN(2) == 0:
			v >>= rng.IntN(64)
		}
		s = append(s, ir.Canonical(t, v))
	}
	return s[:n]
}

// pack writes values of a type to memory, unpack reads them.
func pack(t ir.Type, vals []uint64) []byte {
	size := t.Size()
	mem := make([]byte, len(vals)*size)
	for i, v := range vals {
		for b := range size {
			mem[i*size+b] = byte(v >> (8 * b))
		}
	}
	return mem
}

func unpack(t ir.Type, mem []byte) []uint64 {
	size := t.Size()
	vals := make([]uint64, len(mem)/size)
	for i := range vals {
		var v uint64
		for b := range size {
			v |= uint64(mem[i*size+b]) << (8 * b)
		}
		vals[i] = ir.Canonical(t, v)
	}
	return vals
}

// evaluate computes one instruction for every combination of operands, in
// half of the lanes only if divergent is set, and returns the operands and
// the results.
func evaluate(t *testing.T, in ir.Instr, types []ir.Type, result ir.Type, divergent, variable bool) (args [][]uint64, got []uint64) {
	t.Helper()
	const n = 41
	total := 1
	for range types {
		total *= n
	}
	if len(types) == 3 {
		total = 4096
	}
	k := newKernel("op")
	var params []ir.Reg
	for i, ty := range types {
		vals := make([]uint64, total)
		s := samples(ty, n)
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		stride := 1
		for range i {
			stride *= n
		}
		for j := range vals {
			if vals[j] = s[j/stride%n]; len(types) == 3 {
				vals[j] = s[rng.IntN(n)]
			}
		}
		args = append(args, vals)
		params = append(params, k.in("a", ty))
	}
	y := k.out("y", result)
	var regs []ir.Reg
	for i, p := range params {
		regs = append(regs, k.get(p, types[i]))
	}
	body := func() {
		d := k.Temp(result)
		if variable {
			d = k.Var(result, "d")
		}
		in.Dst, in.Args = []ir.Reg{d}, regs
		k.Emit(in)
		k.put(y, result, d)
	}
	if divergent {
		k.If(k.Compare(ir.Ne, k.Binary(ir.And, k.Binary(ir.Mul, k.gid, k.ConstU32(2654435761)), k.ConstU32(1<<30)), k.ConstU32(0)), body, body)
	} else {
		body()
	}
	fn := k.Finish()
	var mem [3][]byte
	for i := range types {
		mem[i] = pack(types[i], args[i])
	}
	out := make([]byte, total*result.Size())
	switch len(types) {
	case 1:
		run(t, fn, total, min(37, total), on(mem[0]), on(out))
	case 2:
		run(t, fn, total, 64, on(mem[0]), on(mem[1]), on(out))
	default:
		run(t, fn, total, 256, on(mem[0]), on(mem[1]), on(mem[2]), on(out))
	}
	return args, unpack(result, out)
}

func isNaN(t ir.Type, bits uint64) bool {
	return t.IsFloat() && math.IsNaN(ir.FloatValue(t, bits))
}

// checkOp compares an instruction with scalarOp, in all ways to run it.
func checkOp(t *testing.T, in ir.Instr, types []ir.Type, result ir.Type) {
	t.Helper()
	for way := range 4 {
		args, got := evaluate(t, in, types, result, way&1 != 0, way&2 != 0)
		for i := range got {
			var v [3]uint64
			for a := range args {
				v[a] = args[a][i]
			}
			want := scalarOp(in.Op, in.Type, in.From, v[0], v[1], v[2])
			if got[i] != want && !(isNaN(result, got[i]) && isNaN(result, want)) {
				t.Fatalf("%s %s (from %s) of %#x: got %#x, want %#x (way %d)", in.Op, in.Type, in.From, v[:len(args)], got[i], want, way)
			}
		}
	}
}

func TestIntegers(t *testing.T) {
	for _, ty := range []ir.Type{ir.I32, ir.U32, ir.I64, ir.U64} {
		for op := ir.Add; op <= ir.ReverseBits; op++ {
			switch op {
			case ir.FMA:
			case ir.Neg, ir.Abs, ir.Not, ir.Clz, ir.Ctz, ir.Popcount, ir.ReverseBits:
				checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty}, ty)
			default:
				checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty, ty}, ty)
			}
		}
	}
	for _, op := range []ir.Op{ir.And, ir.Or, ir.Xor} {
		checkOp(t, ir.Instr{Op: op, Type: ir.Bool}, []ir.Type{ir.Bool, ir.Bool}, ir.Bool)
	}
	checkOp(t, ir.Instr{Op: ir.Not, Type: ir.Bool}, []ir.Type{ir.Bool}, ir.Bool)
}

func TestFloats(t *testing.T) {
	for _, ty := range []ir.Type{ir.F16, ir.BF16, ir.F32, ir.F64} {
		for _, op := range []ir.Op{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Rem, ir.Min, ir.Max, ir.CopySign} {
			checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty, ty}, ty)
		}
		for _, op := range []ir.Op{ir.Neg, ir.Abs, ir.Sqrt, ir.Floor, ir.Ceil, ir.Rint, ir.Round, ir.Trunc} {
			checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty}, ty)
		}
		for _, op := range []ir.Op{ir.IsNan, ir.IsInf, ir.IsFinite, ir.IsNormal, ir.SignBit} {
			checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty}, ir.Bool)
		}
		checkOp(t, ir.Instr{Op: ir.FMA, Type: ty}, []ir.Type{ty, ty, ty}, ty)
	}
}

func TestCompare(t *testing.T) {
	for _, ty := range valueTypes {
		for op := ir.Eq; op <= ir.Ge; op++ {
			checkOp(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty, ty}, ir.Bool)
		}
	}
}

func TestConvert(t *testing.T) {
	for _, from := range valueTypes {
		for _, to := range valueTypes {
			checkOp(t, ir.Instr{Op: ir.Convert, Type: to, From: from}, []ir.Type{from}, to)
			if from != ir.Bool && to != ir.Bool && from.Size() == to.Size() {
				checkOp(t, ir.Instr{Op: ir.Bitcast, Type: to, From: from}, []ir.Type{from}, to)
			}
		}
		checkOp(t, ir.Instr{Op: ir.Convert, Type: from, From: from}, []ir.Type{from}, from)
	}
}

func TestMovSelect(t *testing.T) {
	for _, ty := range valueTypes {
		for way := range 4 {
			args, got := evaluate(t, ir.Instr{Op: ir.Select, Type: ty}, []ir.Type{ir.Bool, ty, ty}, ty, way&1 != 0, way&2 != 0)
			for i := range got {
				want := args[2][i]
				if args[0][i] != 0 {
					want = args[1][i]
				}
				if got[i] != want && !isNaN(ty, want) {
					t.Fatalf("select %s: got %#x, want %#x", ty, got[i], want)
				}
			}
			args, got = evaluate(t, ir.Instr{Op: ir.Mov, Type: ty}, []ir.Type{ty}, ty, way&1 != 0, way&2 != 0)
			for i := range got {
				if got[i] != args[0][i] && !isNaN(ty, got[i]) {
					t.Fatalf("mov %s: got %#x, want %#x", ty, got[i], args[0][i])
				}
			}
		}
	}
}
