//go:build !nodl && (darwin || linux) && (amd64 || arm64)

package dl

// This file implements loading by purego.

import "github.com/ebitengine/purego"

// Supported reports whether this build can load libraries.
const Supported = true

func open(path string) (uintptr, error) {
	return purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
}

func sym(handle uintptr, name string) (uintptr, error) { return purego.Dlsym(handle, name) }

func bind(fptr any, addr uintptr) { purego.RegisterFunc(fptr, addr) }

func call(addr uintptr, args []uintptr) uintptr {
	r, _, _ := purego.SyscallN(addr, args...)
	return r
}

func closeLib(handle uintptr) error { return purego.Dlclose(handle) }
