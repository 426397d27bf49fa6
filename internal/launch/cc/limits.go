package cc

// This file implements the limits that kernels and launches must keep.

import (
	"errors"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// checkArgs refuses arguments that are not memory the host can address.
func checkArgs(names []string, args []launch.Arg) error {
	if len(args) != len(names) {
		return fmt.Errorf("launched with %d arguments, takes %d", len(args), len(names))
	}
	for i := range args {
		a := &args[i]
		if a.Buffer == nil {
			return fmt.Errorf("argument %s has no buffer", names[i])
		}
		size := a.Buffer.Size()
		if size > 0 && a.Buffer.Host() == nil {
			return fmt.Errorf("argument %s lies where the host cannot address it", names[i])
		}
		if b, ok := a.Buffer.(*buffer); ok && b.data == nil {
			return fmt.Errorf("argument %s: %w", names[i], errFreed)
		}
		if a.Lo < 0 || a.Lo > a.Hi || a.Hi > size {
			return fmt.Errorf("argument %s is bytes %d to %d of a buffer of %d", names[i], a.Lo, a.Hi, size)
		}
		if a.Offset < 0 || a.Offset > size {
			return fmt.Errorf("argument %s starts at byte %d of a buffer of %d", names[i], a.Offset, size)
		}
	}
	return nil
}

// countGroups returns the threadgroups of a launch along each axis and in all.
func countGroups(l *launch.Launch) (groups [3]int, total int, err error) {
	total = 1
	threads := 1
	for d := range 3 {
		grid, group := l.Grid[d], l.Group[d]
		if grid < 1 || int64(grid) > math.MaxUint32 {
			return groups, 0, fmt.Errorf("a grid of %v threads; each must be 1 to %d", l.Grid, uint32(math.MaxUint32))
		}
		if group < 1 || group > grid {
			return groups, 0, fmt.Errorf("a threadgroup of %v threads; each must be at least 1 and at most the grid's %v", l.Group, l.Grid)
		}
		if threads *= min(group, maxThreads+1); threads > maxThreads {
			return groups, 0, fmt.Errorf("a threadgroup of %d x %d x %d threads; at most %d fit in one", l.Group[0], l.Group[1], l.Group[2], maxThreads)
		}
		groups[d] = (grid-1)/group + 1
		if total > math.MaxInt/groups[d] {
			return groups, 0, errors.New("more threadgroups than can be counted")
		}
		total *= groups[d]
	}
	return groups, total, nil
}
