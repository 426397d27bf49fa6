//go:build !linux

// This file implements nothing for systems where the memory that a process may
// address is not asked for.

package graph

func addressSpace() uint64 { return ^uint64(0) }
