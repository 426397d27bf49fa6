// This file implements the test of bounds of the address space.

package graph

import (
	"syscall"
	"testing"
)

func TestAddressSpace(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		t.Fatal(err)
	}
	const bound = 1 << 40
	if old.Max < bound {
		t.Skipf("the address space is bounded by %d bytes already", old.Max)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &old); err != nil {
			t.Fatal(err)
		}
	}()
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: bound, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	// A Go process maps some GiB of address space at most when it starts.
	if got := addressSpace(); got > bound-bound/8 || got < bound/2 {
		t.Errorf("%d bytes are left of %d", got, bound)
	}
}
