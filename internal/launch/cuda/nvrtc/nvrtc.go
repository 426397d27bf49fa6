// Package nvrtc compiles CUDA C++ at run time with NVIDIA's compiler library,
// which is loaded without cgo. It needs neither a driver nor a GPU.
//
// This file implements the loaded library and its compilations.
package nvrtc

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
)

// A Library is a loaded NVRTC. Its methods may be called by many goroutines at
// once.
type Library struct {
	Path         string // what the loader was asked for
	Major, Minor int    // its version, that of its CUDA toolkit
	archs        []int  // compute capabilities, 90 for 9.0, ascending
	f            functions
}

// functions are the addresses of NVRTC's functions.
type functions struct {
	version, errorString                            uintptr
	create, destroy, compile                        uintptr
	cubinSize, cubin, ptxSize, ptx, logSize, logGet uintptr
	archCount, archs                                uintptr
}

// load opens the library at a path and asks it what it is.
func load(path string) (*Library, error) {
	lib, err := dl.Open(path)
	if err != nil {
		return nil, err
	}
	l := &Library{Path: path}
	if err := l.bind(lib); err != nil {
		return nil, errors.Join(err, lib.Close())
	}
	return l, nil
}

func (l *Library) bind(lib dl.Lib) error {
	f := &l.f
	var missing []string
	for _, s := range []struct {
		name string
		addr *uintptr
	}{
		{"nvrtcVersion", &f.version},
		{"nvrtcGetErrorString", &f.errorString},
		{"nvrtcCreateProgram", &f.create},
		{"nvrtcDestroyProgram", &f.destroy},
		{"nvrtcCompileProgram", &f.compile},
		{"nvrtcGetCUBINSize", &f.cubinSize},
		{"nvrtcGetCUBIN", &f.cubin},
		{"nvrtcGetPTXSize", &f.ptxSize},
		{"nvrtcGetPTX", &f.ptx},
		{"nvrtcGetProgramLogSize", &f.logSize},
		{"nvrtcGetProgramLog", &f.logGet},
		{"nvrtcGetNumSupportedArchs", &f.archCount},
		{"nvrtcGetSupportedArchs", &f.archs},
	} {
		addr, err := lib.Sym(s.name)
		if err != nil {
			missing = append(missing, s.name)
			continue
		}
		*s.addr = addr
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s has no %s; NVRTC of CUDA 12 or later is needed", lib.Name(), strings.Join(missing, ", "))
	}
	var version [2]int32
	if err := l.check("nvrtcVersion", dl.Call(f.version, uintptr(unsafe.Pointer(&version)), uintptr(unsafe.Pointer(&version[1])))); err != nil {
		return err
	}
	l.Major, l.Minor = int(version[0]), int(version[1])
	var n int32
	if err := l.check("nvrtcGetNumSupportedArchs", dl.Call(f.archCount, uintptr(unsafe.Pointer(&n)))); err != nil {
		return err
	}
	archs := make([]int32, max(n, 1))
	if err := l.check("nvrtcGetSupportedArchs", dl.Call(f.archs, uintptr(unsafe.Pointer(&archs[0])))); err != nil {
		return err
	}
	for _, a := range archs[:n] {
		l.archs = append(l.archs, int(a))
	}
	slices.Sort(l.archs)
	return nil
}

// Version returns the version, such as "13.0".
func (l *Library) Version() string { return fmt.Sprintf("%d.%d", l.Major, l.Minor) }

// Archs returns the compute capabilities that the library compiles for, 90 for
// 9.0, ascending.
func (l *Library) Archs() []int { return slices.Clone(l.archs) }

// Arch returns the best architecture to compile for on a GPU of a compute
// capability such as 90: sm_90 if the library knows it; else the newest older
// one that it knows as compute_NN, whose PTX the driver makes code of.
func (l *Library) Arch(capability int) (string, error) {
	best := 0
	for _, a := range l.archs {
		if a == capability {
			return fmt.Sprintf("sm_%d", a), nil
		}
		if a < capability {
			best = a
		}
	}
	if best == 0 {
		return "", fmt.Errorf("NVRTC %s compiles for compute capability %s and up to %s, not for %s", l.Version(), dotted(l.archs[0]), dotted(l.archs[len(l.archs)-1]), dotted(capability))
	}
	return fmt.Sprintf("compute_%d", best), nil
}

func dotted(capability int) string { return fmt.Sprintf("%d.%d", capability/10, capability%10) }

// Options returns the options for kernels besides the architecture. contract
// allows a*b+c to be rounded once. Nothing else of IEEE arithmetic is given up:
// no flushed denormals, no approximate divisions or roots.
func Options(contract bool) []string {
	fmad := "--fmad=false"
	if contract {
		fmad = "--fmad=true"
	}
	return []string{
		"--std=c++17", "--device-as-default-execution-space", fmad,
		"--ftz=false", "--prec-div=true", "--prec-sqrt=true",
		"--disable-warnings",
	}
}

// A CompileError says why a text was not compiled.
type CompileError struct {
	Library string   // such as "NVRTC 13.0"
	Arch    string   // compiled for
	Options []string // besides
	Reason  string   // NVRTC's name for what went wrong
	Log     string   // what the compiler printed
}

func (e *CompileError) Error() string {
	text := fmt.Sprintf("%s for %s: %s", e.Library, e.Arch, e.Reason)
	lines := strings.Split(strings.TrimSpace(e.Log), "\n")
	const most = 20
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d lines more", len(lines)-most))
	}
	if lines[0] != "" {
		text += "\n" + strings.Join(lines, "\n")
	}
	return text
}

// Compile compiles CUDA C++ for an architecture: sm_90 and the like give a
// cubin, compute_90 and the like PTX, which ends with a zero byte. log is what
// the compiler printed, also if it succeeded. The error is a *CompileError if
// the compiler refused the text.
func (l *Library) Compile(text, arch string, options ...string) (code []byte, log string, err error) {
	if strings.ContainsRune(text, 0) {
		return nil, "", errors.New("a CUDA text with a zero byte in it")
	}
	f := &l.f
	source, name := cString(text), cString("kernel.cu")
	var prog uintptr
	if err := l.check("nvrtcCreateProgram", dl.Call(f.create, uintptr(unsafe.Pointer(&prog)), uintptr(unsafe.Pointer(&source[0])), uintptr(unsafe.Pointer(&name[0])), 0, 0, 0)); err != nil {
		return nil, "", err
	}
	defer func() { dl.Call(f.destroy, uintptr(unsafe.Pointer(&prog))) }()

	all := append([]string{"--gpu-architecture=" + arch}, options...)
	texts := make([][]byte, len(all))
	pointers := make([]uintptr, len(all))
	for i, o := range all {
		texts[i] = cString(o)
		pointers[i] = uintptr(unsafe.Pointer(&texts[i][0]))
	}
	status := dl.Call(f.compile, prog, uintptr(len(all)), uintptr(unsafe.Pointer(&pointers[0])))
	runtime.KeepAlive(texts) // the library has their addresses from pointers
	printed, err := l.get(prog, "nvrtcGetProgramLog", f.logSize, f.logGet)
	if err != nil {
		return nil, "", err
	}
	log = strings.TrimRight(string(printed), "\x00")
	if int32(status) != 0 {
		return nil, log, &CompileError{Library: "NVRTC " + l.Version(), Arch: arch, Options: options, Reason: l.errorString(status), Log: log}
	}
	if strings.HasPrefix(arch, "compute_") {
		code, err = l.get(prog, "nvrtcGetPTX", f.ptxSize, f.ptx)
	} else {
		code, err = l.get(prog, "nvrtcGetCUBIN", f.cubinSize, f.cubin)
	}
	if err == nil && len(code) == 0 {
		err = fmt.Errorf("NVRTC %s made no code for %s, though it reported no error", l.Version(), arch)
	}
	return code, log, err
}

// get returns what a program has of one kind.
func (l *Library) get(prog uintptr, what string, size, get uintptr) ([]byte, error) {
	var n uintptr
	if err := l.check(what+"Size", dl.Call(size, prog, uintptr(unsafe.Pointer(&n)))); err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, nil
	}
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("%s: %d bytes", what, n)
	}
	p := make([]byte, n)
	if err := l.check(what, dl.Call(get, prog, uintptr(unsafe.Pointer(&p[0])))); err != nil {
		return nil, err
	}
	return p, nil
}

// cString returns a text as C wants it, on the heap, where it does not move.
//
//go:noinline
func cString(text string) []byte { return append([]byte(text), 0) }

func (l *Library) check(call string, status uintptr) error {
	if int32(status) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", call, l.errorString(status))
}

func (l *Library) errorString(status uintptr) string {
	if l.f.errorString == 0 {
		return fmt.Sprintf("error %d", int32(status))
	}
	p := dl.Call(l.f.errorString, status)
	if p == 0 {
		return fmt.Sprintf("error %d", int32(status))
	}
	// The text is constant and the library's.
	c := *(**byte)(unsafe.Pointer(&p))
	text := unsafe.Slice(c, 256)
	if n := bytes.IndexByte(text, 0); n >= 0 {
		text = text[:n]
	}
	return string(text)
}
