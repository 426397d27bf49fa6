package cuda

// This file implements the limits that kernels and launches must keep.

import (
	"errors"
	"fmt"
	"math"

	"github.com/zmlx-go/zmlx/internal/launch"
)

var limits = launch.Limits{ThreadsPerThreadgroup: 1024, ThreadgroupMemory: 32 << 10, SimdWidth: simdWidth, Float64: true}

const (
	simdWidth = 32
	maxBlocks = math.MaxInt32 // of one launch of the driver
	maxParams = 500           // that fit in the 4 KiB that all drivers take
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

// countGroups is Limits.CountGroups in the types of the driver.
func countGroups(l *launch.Launch) (groups [3]uint32, total uint64, threads int, err error) {
	n, all, threads, err := limits.CountGroups(l)
	for d := range n {
		groups[d] = uint32(n[d])
	}
	return groups, uint64(all), threads, err
}
