// This file implements the registry of kernels under its old names.

package classic

import "github.com/zmlx-go/zmlx"

// Kernels returns the names of the kernels that were made since the registry
// was last cleared, in order, with their repetitions: kernels of one name and
// different texts are different kernels.
func Kernels() []string {
	infos := zmlx.Kernels()
	names := make([]string, len(infos))
	for i, k := range infos {
		names[i] = k.Name
	}
	return names
}

// Find returns a kernel of the registry by its name, or nil.
func Find(name string) *zmlx.MetalKernel { return zmlx.FindKernel(name) }

// CacheSize returns the number of compiled programs that are kept.
func CacheSize() int {
	n := 0
	for _, k := range zmlx.Kernels() {
		n += k.Stats.Variants
	}
	return n
}

// Clear empties the registry and the cache. Ops go on working: they are
// compiled, and listed, again when they are next called.
func Clear() { zmlx.ClearKernels() }
