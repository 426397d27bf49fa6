package opt

// This file implements scalars, which makes variables of thread arrays.

import "github.com/zmlx-go/zmlx/internal/ir"

const maxScalars = 64 // elements of an array that become variables

// scalars makes variables of the elements of thread arrays that are only loaded
// and stored, whole elements of one type at places that are known. It reports
// whether there were any.
func scalars(f *ir.Func) bool {
	elem := map[int]ir.Type{} // by allocation
	bad := map[int]bool{}
	thread := func(r ir.Reg) (int, bool) {
		info := f.Regs[r]
		return info.Index, info.Kind == ir.AllocReg && f.Allocs[info.Index].Space == ir.Thread
	}
	f.Body.Instrs(func(in *ir.Instr) bool {
		for _, r := range in.Args {
			if i, ok := thread(r); ok {
				bad[i] = true
			}
		}
		if !in.Op.UsesAddr() {
			return true
		}
		i, ok := thread(in.Addr.Base)
		if !ok {
			return true
		}
		size := int64(in.Type.Size())
		n := int64(len(in.Dst))
		if in.Op == ir.Store {
			n = int64(len(in.Args))
		}
		t, seen := elem[i]
		if in.Op != ir.Load && in.Op != ir.Store || in.Type == ir.Ptr || in.Addr.Index != ir.NoReg || seen && t != in.Type ||
			in.Addr.Off < 0 || in.Addr.Off%size != 0 || in.Addr.Off/size+n > maxScalars || in.Addr.Off+n*size > int64(f.Allocs[i].Size) {
			bad[i] = true
			return true
		}
		elem[i] = in.Type
		return true
	})
	vars := map[[2]int]ir.Reg{}
	found := false
	variable := func(a ir.Addr, t ir.Type, j int) ir.Reg {
		i, _ := thread(a.Base)
		k := [2]int{i, int(a.Off)/t.Size() + j}
		r, ok := vars[k]
		if !ok {
			r = ir.Reg(len(f.Regs))
			f.Regs = append(f.Regs, ir.RegInfo{Type: t, Kind: ir.VarReg, Name: f.Allocs[i].Name})
			vars[k] = r
		}
		return r
	}
	eachBlock(&f.Body, func(b *ir.Block) {
		var out []ir.Stmt
		for _, s := range b.Stmts {
			in, ok := s.(*ir.Instr)
			if ok = ok && (in.Op == ir.Load || in.Op == ir.Store); ok {
				var i int
				i, ok = thread(in.Addr.Base)
				ok = ok && !bad[i]
			}
			if !ok {
				out = append(out, s)
				continue
			}
			found = true
			for j, d := range in.Dst {
				out = append(out, &ir.Instr{Op: ir.Mov, Type: in.Type, Dst: []ir.Reg{d}, Args: []ir.Reg{variable(in.Addr, in.Type, j)}, Span: in.Span})
			}
			if in.Op != ir.Store {
				continue
			}
			for j, r := range in.Args {
				out = append(out, &ir.Instr{Op: ir.Mov, Type: in.Type, Dst: []ir.Reg{variable(in.Addr, in.Type, j)}, Args: []ir.Reg{r}, Span: in.Span})
			}
		}
		b.Stmts = out
	})
	return found
}
