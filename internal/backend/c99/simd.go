package c99

// This file implements the functions of simdgroups and quads.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/backend"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// held is the type in whose form a simdgroup function works on registers of t.
func held(t ir.Type) ir.Type {
	switch t {
	case ir.F16, ir.BF16:
		return ir.F32
	case ir.Bool, ir.I8, ir.I16:
		return ir.I32
	case ir.U8, ir.U16:
		return ir.U32
	case ir.Ptr:
		return ir.U64
	}
	return t
}

func (e *emitter) simd(in *ir.Instr) {
	e.joined = true
	mask := orAll(e.mask)
	switch op := in.Op; {
	case op == ir.MatMul:
		e.matMul(in, mask)
	case op >= ir.SimdPrefixSum && op <= ir.SimdPrefixExProduct:
		e.results(in, "zm_"+op.String()+"_"+held(in.Type).String(), true, e.array(in.Args[0]), mask, fmt.Sprint(in.Imm))
	case op >= ir.SimdSum && op <= ir.SimdXor:
		e.reduce(in, mask)
	case op == ir.SimdFillUp, op == ir.SimdFillDown:
		var args []string
		for _, r := range in.Args {
			args = append(args, e.array(r))
		}
		e.results(in, fmt.Sprintf("zm_%s_%d", op, backend.RegisterSize(in.Type)), false, append(args, mask, fmt.Sprint(in.Imm))...)
	case !e.Varying[in.Dst[0]] && op == ir.SimdBroadcastFirst:
		e.same(in.Dst[0], fmt.Sprintf("%s[__builtin_ctz(%s)]", e.array(in.Args[0]), mask))
	case !e.Varying[in.Dst[0]] && (op == ir.SimdShuffle || op == ir.SimdBroadcast):
		e.same(in.Dst[0], fmt.Sprintf("%s[%s]", e.array(in.Args[0]), e.scalar(in.Args[1])))
	case op == ir.SimdBroadcastFirst, op >= ir.SimdShuffle && op <= ir.SimdBroadcast:
		args, size := []string{"(const void *)" + e.array(in.Args[0])}, fmt.Sprint(backend.RegisterSize(in.Type))
		switch {
		case op == ir.SimdBroadcastFirst:
		case size == "4" && !e.Varying[in.Args[1]]:
			args, size = append(args, e.scalar(in.Args[1])), "all_4"
		default:
			args = append(args, e.array(in.Args[1]))
		}
		e.flush()
		e.results(in, fmt.Sprintf("zm_%s_%s", op, size), false, append(args, mask, fmt.Sprint(in.Imm))...)
	default:
		e.vote(in, mask)
	}
}

// results calls a function whose first argument is an array for its results.
func (e *emitter) results(in *ir.Instr, function string, round bool, args ...string) {
	e.flush()
	w := e.name("w")
	e.line("ALIGNED %s %s[32];", e.registerType(in.Dst[0]), w)
	e.line("%s;", e.names.Call(function, append([]string{"(void *)" + w}, args...)...))
	if round && (in.Type == ir.F16 || in.Type == ir.BF16) {
		e.add("%s[l] = %s;", w, e.names.Rounded(in.Type, w+"[l]"))
		e.flush()
	}
	e.fill(in.Dst[0], w)
}

// same makes a scalar the value of all lanes.
func (e *emitter) same(r ir.Reg, text string) {
	e.flush()
	if !e.Varying[r] {
		e.setUniform(r, text)
		return
	}
	name := e.name("r")
	e.line("const %s %s = %s;", e.registerType(r), name, text)
	if e.pinned(r) {
		e.set(r, name)
		return
	}
	e.forms[r] = form{kind: expression, text: name}
}

func (e *emitter) reduce(in *ir.Instr, mask string) {
	function := "zm_" + in.Op.String() + "_" + held(in.Type).String()
	v := e.array(in.Args[0])
	if in.Imm == 4 {
		e.results(in, function+"_quad", true, v, mask)
		return
	}
	e.same(in.Dst[0], e.names.Rounded(in.Type, e.names.Call(function, v, mask)))
}

// vote writes the functions whose operands and results are bits.
func (e *emitter) vote(in *ir.Instr, mask string) {
	d := in.Dst[0]
	bits := mask
	if len(in.Args) > 0 {
		bits = e.name("m")
		if m := e.ballot(e.lane(in.Args[0])); mask == "~0u" {
			bits = m
		} else {
			e.line("const uint32_t %s = %s & %s;", bits, m, mask)
		}
	}
	if in.Imm == 4 {
		// In each quad by itself; part is the quad's bits, all the active ones.
		part, all := "(%s >> (l & ~3) & 15)", fmt.Sprintf("(%s >> (l & ~3) & 15)", mask)
		part = fmt.Sprintf(part, bits)
		value := map[ir.Op]string{
			ir.SimdBallot:  "(uint64_t)" + part,
			ir.SimdActive:  "(uint64_t)" + all,
			ir.SimdAll:     fmt.Sprintf("(%s == %s)", part, all),
			ir.SimdAny:     fmt.Sprintf("(%s != 0)", part),
			ir.SimdIsFirst: fmt.Sprintf("((%s & -%s) == 1u << (l & 3))", all, all),
		}[in.Op]
		e.set(d, value)
		return
	}
	switch in.Op {
	case ir.SimdBallot, ir.SimdActive:
		e.same(d, "(uint64_t)("+bits+")")
	case ir.SimdAll:
		e.same(d, fmt.Sprintf("((%s) == (%s))", bits, mask))
	case ir.SimdAny:
		e.same(d, fmt.Sprintf("((%s) != 0)", bits))
	case ir.SimdIsFirst:
		first := e.name("f")
		e.flush()
		e.line("const int %s = __builtin_ctz(%s);", first, mask)
		e.set(d, fmt.Sprintf("(l == %s)", first))
	}
}

func (e *emitter) matMul(in *ir.Instr, mask string) {
	args := make([]string, len(in.Args))
	for i, r := range in.Args {
		args[i] = e.array(r)
	}
	e.flush()
	w := []string{e.name("w"), e.name("w")}
	e.line("ALIGNED float %s[32], %s[32];", w[0], w[1])
	e.line("%s;", e.names.Call("zm_simd_matmul", append(append(w[:2:2], args...), mask)...))
	for i, d := range in.Dst {
		if in.Type != ir.F32 {
			e.add("%s[l] = %s;", w[i], e.names.Rounded(in.Type, w[i]+"[l]"))
			e.flush()
		}
		e.fill(d, w[i])
	}
}
