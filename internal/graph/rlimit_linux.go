// This file implements how much memory Linux lets the process address, which
// ulimit -v bounds: beyond it Go's runtime would end the process.

package graph

import (
	"fmt"
	"os"
	"syscall"
)

// addressSpace returns how many bytes the process may still map, less an eighth
// for what is not arrays; all of an uint64 if there is no limit.
func addressSpace() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &limit) != nil || limit.Cur == ^uint64(0) {
		return ^uint64(0)
	}
	var pages uint64
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		fmt.Sscan(string(statm), &pages) // 0 if it is none
	}
	left := limit.Cur - min(pages*uint64(os.Getpagesize()), limit.Cur)
	return left - left/8
}
