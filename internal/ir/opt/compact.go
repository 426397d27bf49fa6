package opt

// This file implements Compact.

import "github.com/zmlx-go/zmlx/internal/ir"

// Compact removes the registers and allocations that nothing names and numbers
// the others anew, in the same order. Parameters stay.
func Compact(f *ir.Func) {
	used := make([]bool, len(f.Regs))
	f.Body.Instrs(func(in *ir.Instr) bool {
		for _, r := range in.Dst {
			used[r] = true
		}
		return true
	})
	eachUse(&f.Body, func(r *ir.Reg) { used[*r] = true })

	allocUsed := make([]bool, len(f.Allocs))
	number := make([]ir.Reg, len(f.Regs))
	var regs []ir.RegInfo
	for i, r := range f.Regs {
		if !used[i] {
			continue
		}
		number[i] = ir.Reg(len(regs))
		regs = append(regs, r)
		if r.Kind == ir.AllocReg {
			allocUsed[r.Index] = true
		}
	}
	if len(regs) < len(f.Regs) {
		f.Regs = regs
		f.Body.Instrs(func(in *ir.Instr) bool {
			for i := range in.Dst {
				in.Dst[i] = number[in.Dst[i]]
			}
			return true
		})
		eachUse(&f.Body, func(r *ir.Reg) { *r = number[*r] })
	}

	index := make([]int, len(f.Allocs))
	var allocs []ir.Alloc
	for i, a := range f.Allocs {
		if allocUsed[i] {
			index[i] = len(allocs)
			allocs = append(allocs, a)
		}
	}
	if len(allocs) < len(f.Allocs) {
		f.Allocs = allocs
		for i := range f.Regs {
			if r := &f.Regs[i]; r.Kind == ir.AllocReg {
				r.Index = index[r.Index]
			}
		}
	}
}
