package lower

// This file implements functions over the lanes of a simdgroup or quad, and
// barriers.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

func registerSimd() {
	for _, g := range []struct {
		prefix string
		lanes  int64
	}{{"simd_", 32}, {"quad_", 4}} {
		for name, op := range map[string]ir.Op{
			"sum": ir.SimdSum, "product": ir.SimdProduct, "min": ir.SimdMin, "max": ir.SimdMax,
			"and": ir.SimdAnd, "or": ir.SimdOr, "xor": ir.SimdXor,
			"prefix_inclusive_sum": ir.SimdPrefixSum, "prefix_exclusive_sum": ir.SimdPrefixExSum,
			"prefix_inclusive_product": ir.SimdPrefixProduct, "prefix_exclusive_product": ir.SimdPrefixExProduct,
		} {
			builtins[g.prefix+name] = builtin{effects: true, elem: func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
				return l.to(t, l.b.Simd(op, g.lanes, l.wide(a[0])))
			}}
		}
		for name, op := range map[string]ir.Op{
			"broadcast_first": ir.SimdBroadcastFirst, "shuffle": ir.SimdShuffle, "shuffle_up": ir.SimdShuffleUp,
			"shuffle_down": ir.SimdShuffleDown, "shuffle_xor": ir.SimdShuffleXor, "shuffle_rotate_up": ir.SimdRotateUp,
			"shuffle_rotate_down": ir.SimdRotateDown, "broadcast": ir.SimdBroadcast,
			"shuffle_and_fill_up": ir.SimdFillUp, "shuffle_and_fill_down": ir.SimdFillDown,
		} {
			data := 1
			if op == ir.SimdFillUp || op == ir.SimdFillDown {
				data = 2
			}
			builtins[g.prefix+name] = builtin{effects: true, elem: func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
				var args [4]ir.Reg
				for i, r := range a {
					if i >= data {
						r = l.to(ir.U32, r)
					}
					args[i] = r
				}
				return l.b.Simd(op, g.lanes, args[:len(a)]...)
			}}
		}
		for name, op := range map[string]ir.Op{
			"ballot": ir.SimdBallot, "all": ir.SimdAll, "any": ir.SimdAny, "is_first": ir.SimdIsFirst, "active_threads_mask": ir.SimdActive,
		} {
			builtins[g.prefix+name] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
				var args []ir.Reg
				for _, a := range l.args(e) {
					args = append(args, l.to(ir.Bool, a[0]))
				}
				return l.one(l.b.Simd(op, g.lanes, args...))
			}}
		}
	}
	barrier := func(simdgroup bool) builtin {
		return builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg {
			l.b.Barrier(simdgroup)
			return nil
		}}
	}
	builtins["threadgroup_barrier"] = barrier(false)
	builtins["simdgroup_barrier"] = barrier(true)
	// Every barrier orders all memory, and atomics are relaxed on every
	// device: a fence alone has nothing to wait for.
	builtins["atomic_thread_fence"] = builtin{effects: true, whole: func(l *lowerer, e *check.Builtin) []ir.Reg { return nil }}
}
