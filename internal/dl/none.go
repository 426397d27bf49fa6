//go:build nodl || !(darwin || linux) || !(amd64 || arm64)

package dl

// This file implements the absence of loading.

// Supported reports whether this build can load libraries.
const Supported = false

func open(string) (uintptr, error) { return 0, ErrUnsupported }

func sym(uintptr, string) (uintptr, error) { return 0, ErrUnsupported }

func bind(any, uintptr) { panic("zmlx: internal error: a symbol of no library") }

func call(uintptr, []uintptr) uintptr { panic("zmlx: internal error: a call into no library") }

func closeLib(uintptr) error { return nil }
