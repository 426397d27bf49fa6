package launch

// This file implements the limits that every device checks alike.

import (
	"errors"
	"fmt"
	"math"

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

// CountGroups returns the threadgroups of launch along each axis and in all,
// and the threads of one.
func (l Limits) CountGroups(launch *Launch) (groups [3]int, total, threads int, err error) {
	total, threads = 1, 1
	most := l.ThreadsPerThreadgroup
	for d := range 3 {
		grid, group := launch.Grid[d], launch.Group[d]
		if grid < 1 || int64(grid) > math.MaxUint32 {
			return groups, 0, 0, fmt.Errorf("a grid of %v threads; each must be 1 to %d", launch.Grid, uint32(math.MaxUint32))
		}
		if group < 1 || group > grid {
			return groups, 0, 0, fmt.Errorf("a threadgroup of %v threads; each must be at least 1 and at most the grid's %v", launch.Group, launch.Grid)
		}
		if threads *= min(group, most+1); threads > most {
			return groups, 0, 0, fmt.Errorf("a threadgroup of %d x %d x %d threads; at most %d fit in one", launch.Group[0], launch.Group[1], launch.Group[2], most)
		}
		groups[d] = (grid-1)/group + 1
		if total > math.MaxInt/groups[d] {
			return groups, 0, 0, errors.New("more threadgroups than can be counted")
		}
		total *= groups[d]
	}
	return groups, total, threads, nil
}
