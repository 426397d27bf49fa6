package cuda

// This file implements the limits that kernels and launches must keep.

import (
	"errors"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/launch"
)

const (
	maxThreads     = 1024     // of one threadgroup
	maxThreadgroup = 32 << 10 // bytes of threadgroup memory of one threadgroup
	simdWidth      = 32
	maxBlocks      = math.MaxInt32 // of one launch of the driver
	maxParams      = 500           // that fit in the 4 KiB that all drivers take
)

// checkArg returns an argument's buffer, or an error if that is not memory of
// the device.
func (d *Device) checkArg(a *launch.Arg) (*buffer, error) {
	b, ok := a.Buffer.(*buffer)
	switch {
	case a.Buffer == nil:
		return nil, errors.New("it has no buffer")
	case !ok:
		return nil, fmt.Errorf("it is not memory of %s", d.name)
	case b.dev != d:
		if b.dev.name == d.name {
			return nil, fmt.Errorf("it is memory of %s as it was opened another time", d.name)
		}
		return nil, fmt.Errorf("it is memory of %s, not of %s", b.dev.name, d.name)
	case b.freed.Load():
		return nil, errFreed
	case a.Lo < 0 || a.Lo > a.Hi || a.Hi > b.size:
		return nil, fmt.Errorf("it is bytes %d to %d of a buffer of %d", a.Lo, a.Hi, b.size)
	case a.Offset < 0 || a.Offset > b.size:
		return nil, fmt.Errorf("it starts at byte %d of a buffer of %d", a.Offset, b.size)
	}
	return b, nil
}

// countGroups returns the threadgroups of a launch along each axis and in all,
// and the threads of one.
func countGroups(l *launch.Launch) (groups [3]uint32, total uint64, threads int, err error) {
	total, threads = 1, 1
	for i := range 3 {
		grid, group := l.Grid[i], l.Group[i]
		if grid < 1 || int64(grid) > math.MaxUint32 {
			return groups, 0, 0, fmt.Errorf("a grid of %v threads; each must be 1 to %d", l.Grid, uint32(math.MaxUint32))
		}
		if group < 1 || group > grid {
			return groups, 0, 0, fmt.Errorf("a threadgroup of %v threads; each must be at least 1 and at most the grid's %v", l.Group, l.Grid)
		}
		if threads *= min(group, maxThreads+1); threads > maxThreads {
			return groups, 0, 0, fmt.Errorf("a threadgroup of %d x %d x %d threads; at most %d fit in one", l.Group[0], l.Group[1], l.Group[2], maxThreads)
		}
		n := uint64(grid-1)/uint64(group) + 1
		if total > math.MaxInt64/n {
			return groups, 0, 0, errors.New("more threadgroups than can be counted")
		}
		groups[i] = uint32(n)
		total *= n
	}
	return groups, total, threads, nil
}
