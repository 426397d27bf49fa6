package signature

// This file implements the launch rules: grids are counted in threads, and
// threadgroups are cut to the grid.

import (
	"fmt"
	"math"
)

// MaxThreads is the most threads a threadgroup can have.
const MaxThreads = 1024

// ClampGroup returns the threadgroup that really runs: group cut to grid in
// each dimension, as MLX does. The product of group's sizes is checked before
// they are cut, as MLX does too; that sizes are positive and a grid's
// dimension below 2^32 is checked here only.
func ClampGroup(grid, group [3]int) ([3]int, error) {
	for i, axis := range "xyz" {
		switch {
		case grid[i] < 1:
			return group, fmt.Errorf("grid (%d, %d, %d): %c is %d, but a grid is counted in threads and needs at least 1 in each dimension",
				grid[0], grid[1], grid[2], axis, grid[i])
		case int64(grid[i]) > math.MaxUint32:
			return group, fmt.Errorf("grid (%d, %d, %d): %c is %d, but a dimension has at most %d threads",
				grid[0], grid[1], grid[2], axis, grid[i], int64(math.MaxUint32))
		case group[i] < 1:
			return group, fmt.Errorf("threadgroup (%d, %d, %d): %c is %d, but must be at least 1",
				group[0], group[1], group[2], axis, group[i])
		}
	}
	if n, ok := product(group); !ok || n > MaxThreads {
		size := "more threads than can be counted"
		if ok {
			size = fmt.Sprintf("%d threads", n)
		}
		return group, fmt.Errorf("threadgroup (%d, %d, %d) has %s, but the most is %d",
			group[0], group[1], group[2], size, MaxThreads)
	}
	for i := range group {
		group[i] = min(group[i], grid[i])
	}
	return group, nil
}

// product multiplies three positive sizes and reports whether that fits.
func product(size [3]int) (int, bool) {
	n := 1
	for _, d := range size {
		if d > math.MaxInt/n {
			return 0, false
		}
		n *= d
	}
	return n, true
}
