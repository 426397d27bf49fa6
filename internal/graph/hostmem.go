// This file implements how much memory the host has.

package graph

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// hostMemory returns how much of the host's memory the process may have, in
// bytes; where that cannot be found out, 1 TiB or what an int holds.
var hostMemory = sync.OnceValue(func() int {
	limit := min(uint64(1)<<40, uint64(^uint(0)>>1), addressSpace())
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib uint64
		if _, err := fmt.Sscanf(string(info), "MemTotal: %d kB", &kib); err == nil && kib > 0 {
			limit = min(limit, kib<<10)
		}
	}
	if max, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if n, err := strconv.ParseUint(string(bytes.TrimSpace(max)), 10, 64); err == nil && n > 0 {
			limit = min(limit, n)
		}
	}
	return int(limit)
})
