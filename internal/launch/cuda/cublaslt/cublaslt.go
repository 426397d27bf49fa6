// Package cublaslt calls NVIDIA's library for matrix products, loaded without
// cgo where it is installed.
//
// This file implements the library and handles of it.
package cublaslt

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
)

// A Lib is a loaded cuBLASLt.
type Lib struct {
	Path string // what the loader was asked for

	version uintptr // as the library tells it
	f       functions
}

// functions are the addresses of what is called.
type functions struct {
	version, statusName              uintptr
	create, destroy                  uintptr
	descCreate, descDestroy, descSet uintptr
	layoutCreate, layoutDestroy      uintptr
	layoutSet                        uintptr
	prefCreate, prefDestroy, prefSet uintptr
	heuristic, matmul                uintptr
}

// load loads the library.
func load(path string) (*Lib, error) {
	lib, err := dl.Open(path)
	if err != nil {
		return nil, err
	}
	l := &Lib{Path: path}
	f := &l.f
	var missing []string
	for _, s := range []struct {
		name string
		addr *uintptr
	}{
		{"cublasLtGetVersion", &f.version},
		{"cublasLtGetStatusName", &f.statusName},
		{"cublasLtCreate", &f.create},
		{"cublasLtDestroy", &f.destroy},
		{"cublasLtMatmulDescCreate", &f.descCreate},
		{"cublasLtMatmulDescDestroy", &f.descDestroy},
		{"cublasLtMatmulDescSetAttribute", &f.descSet},
		{"cublasLtMatrixLayoutCreate", &f.layoutCreate},
		{"cublasLtMatrixLayoutDestroy", &f.layoutDestroy},
		{"cublasLtMatrixLayoutSetAttribute", &f.layoutSet},
		{"cublasLtMatmulPreferenceCreate", &f.prefCreate},
		{"cublasLtMatmulPreferenceDestroy", &f.prefDestroy},
		{"cublasLtMatmulPreferenceSetAttribute", &f.prefSet},
		{"cublasLtMatmulAlgoGetHeuristic", &f.heuristic},
		{"cublasLtMatmul", &f.matmul},
	} {
		addr, err := lib.Sym(s.name)
		if err != nil {
			missing = append(missing, s.name)
			continue
		}
		*s.addr = addr
	}
	if len(missing) > 0 {
		err := fmt.Errorf("%s has no %s; cuBLASLt of CUDA 12 or later is needed", path, strings.Join(missing, ", "))
		return nil, errors.Join(err, lib.Close())
	}
	l.version = dl.Call(f.version)
	if l.Major() < 12 {
		return nil, errors.Join(fmt.Errorf("%s is cuBLASLt %s; that of CUDA 12 or later is needed", path, l.Version()), lib.Close())
	}
	return l, nil
}

// Major returns the major version, that of the CUDA toolkit.
func (l *Lib) Major() int { return int(l.version / 10000) }

// Version returns the version, such as "13.1.0".
func (l *Lib) Version() string {
	v := l.version
	return fmt.Sprintf("%d.%d.%d", v/10000, v/100%100, v%100)
}

// An Error is a call that failed.
type Error struct {
	Call   string // the C function
	Status int    // its cublasStatus_t
	Name   string // such as "CUBLAS_STATUS_NOT_SUPPORTED"
}

func (e *Error) Error() string { return e.Call + ": " + e.Name }

const (
	notSupported = 15 // CUBLAS_STATUS_NOT_SUPPORTED
	archMismatch = 8  // CUBLAS_STATUS_ARCH_MISMATCH
)

// Is makes errors.Is(err, errors.ErrUnsupported) true of products that the
// library has no code for.
func (e *Error) Is(target error) bool {
	return target == errors.ErrUnsupported && (e.Status == notSupported || e.Status == archMismatch)
}

// check returns the error that a status stands for.
func (l *Lib) check(call string, status uintptr) error {
	s := int32(status)
	if s == 0 {
		return nil
	}
	name := fmt.Sprintf("status %d", s)
	if p := dl.Call(l.f.statusName, uintptr(s)); p != 0 {
		// The text is constant and the library's.
		text := unsafe.Slice(*(**byte)(unsafe.Pointer(&p)), 128)
		if n := bytes.IndexByte(text, 0); n >= 0 {
			name = string(text[:n])
		}
	}
	return &Error{Call: call, Status: int(s), Name: name}
}

// A Handle is the library's state for one GPU. Its methods may be called by
// many goroutines, each on a thread that has the GPU's context.
type Handle struct {
	lib *Lib

	mu     sync.Mutex
	handle uintptr
	plans  map[plan]*prepared
	// What the library reads while it is called, at addresses that stay.
	alpha, beta scale
}

// A scale is 1 or 0 as float32 or float64.
type scale struct {
	single [2]float32
	double float64
}

func (s *scale) address(double bool) uintptr {
	if double {
		return uintptr(unsafe.Pointer(&s.double))
	}
	return uintptr(unsafe.Pointer(&s.single))
}

// NewHandle returns a Handle for the GPU whose context the thread has.
func (l *Lib) NewHandle() (*Handle, error) {
	h := &Handle{lib: l, plans: map[plan]*prepared{}}
	h.alpha = scale{single: [2]float32{1}, double: 1}
	if err := l.check("cublasLtCreate", dl.Call(l.f.create, uintptr(unsafe.Pointer(&h.handle)))); err != nil {
		return nil, err
	}
	return h, nil
}

var errClosed = errors.New("cublaslt: the handle was closed")

// Close frees the library's state. The GPU may still be at work.
func (h *Handle) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.handle == 0 {
		return nil
	}
	h.forget()
	err := h.lib.check("cublasLtDestroy", dl.Call(h.lib.f.destroy, h.handle))
	h.handle = 0
	return err
}
