// Package dl loads shared libraries without cgo. It is the only importer of
// purego.
//
// Built with the tag nodl, or for a system that purego cannot load libraries
// on, every Open fails with ErrUnsupported; a binary built so on Linux with
// CGO_ENABLED=0 is static.
//
// This file implements opening the first library of several names.
package dl

import (
	"errors"
	"fmt"
	"strings"
)

// ErrUnsupported is why Open fails in a build that cannot load libraries.
var ErrUnsupported = errors.New("this build cannot load libraries")

// A Lib is a loaded library.
type Lib struct {
	name   string
	handle uintptr
}

// Name returns the name or path that the library was opened by.
func (l Lib) Name() string { return l.name }

// Open loads a library by its path, or by its name from where the system's
// loader looks.
func Open(path string) (Lib, error) {
	if path == "" { // would be the program itself
		return Lib{}, errors.New("cannot load a library without a name")
	}
	handle, err := open(path)
	if err != nil {
		return Lib{}, fmt.Errorf("cannot load %s: %w", path, err)
	}
	return Lib{path, handle}, nil
}

// OpenFirst loads the first of several libraries that can be loaded. The error
// says why each could not.
func OpenFirst(paths ...string) (Lib, error) {
	if !Supported {
		return Lib{}, ErrUnsupported
	}
	var errs []error
	for _, path := range paths {
		lib, err := Open(path)
		if err == nil {
			return lib, nil
		}
		errs = append(errs, err)
	}
	return Lib{}, fmt.Errorf("none of %s could be loaded: %w", strings.Join(paths, ", "), errors.Join(errs...))
}

// Sym returns the address of a symbol.
func (l Lib) Sym(name string) (uintptr, error) {
	if l.handle == 0 {
		return 0, errors.New("the library is not open")
	}
	addr, err := sym(l.handle, name)
	if err != nil || addr == 0 {
		return 0, fmt.Errorf("library %s has no symbol %s", l.name, name)
	}
	return addr, nil
}

// Bind makes fptr, a pointer to a variable of a Go function type, call the
// symbol. Arguments and results are converted as purego.RegisterFunc says.
func (l Lib) Bind(fptr any, name string) error {
	addr, err := l.Sym(name)
	if err != nil {
		return err
	}
	bind(fptr, addr)
	return nil
}

// Call calls the function at an address with integer or pointer arguments,
// which is quicker than a bound function. Floats cannot be passed so. Memory
// whose address is converted to uintptr in the call itself stays where it is
// while the function runs.
//
//go:uintptrescapes
func Call(addr uintptr, args ...uintptr) uintptr { return call(addr, args) }

// Close unloads the library. Nothing of it may be in use.
func (l Lib) Close() error {
	if l.handle == 0 {
		return nil
	}
	return closeLib(l.handle)
}
