package launch

// This file implements the limits that every device checks alike.

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/source"
)

// CheckMemory refuses a kernel with more threadgroup memory than l has, at the
// largest of its arrays.
func (l Limits) CheckMemory(fn *ir.Func) error {
	total := 0
	var largest *ir.Alloc
	for i := range fn.Allocs {
		a := &fn.Allocs[i]
		if a.Space != ir.Threadgroup {
			continue
		}
		if total += min(a.Size, l.ThreadgroupMemory+1); largest == nil || a.Size > largest.Size {
			largest = a
		}
	}
	if total <= l.ThreadgroupMemory {
		return nil
	}
	list := &source.List{Set: fn.Set}
	if list.Set == nil {
		list.Set = &source.Set{}
	}
	diag := list.Errorf(largest.Span, MemoryLimit, "the kernel needs more than the %d bytes of threadgroup memory that are there", l.ThreadgroupMemory)
	diag.Hint = "make its threadgroup arrays smaller"
	if largest.Name != "" {
		diag.Hint += fmt.Sprintf("; %s is the largest, with %d bytes", largest.Name, largest.Size)
	}
	return list
}
