// This file implements the errors that arrays carry, and finding the user's
// line that they are about.

package zmlx

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// ErrNoDevice is what opening a device fails with where there is none.
var ErrNoDevice = errors.New("no such device here")

// errNilContext is what functions return that are given no context.
var errNilContext = errors.New("the context is nil: give context.Background()")

// errNilFunc is why a function of functions fails that is given none.
const errNilFunc = "the function is nil"

// errNilDevice is why something fails on a device that was never opened.
var errNilDevice = errors.New("the *Device is nil or zero: get one from Open; Default returns nil where ZMLX_DEVICE names none that works")

// notNil panics with an explanation if a pointer that has no error to carry is
// nil, or what it points to was never made.
func notNil(made bool, what string) {
	if !made {
		panic("zmlx: nil " + what)
	}
}

// A ShapeError says that an operation does not go with the shapes it was given.
type ShapeError struct {
	Op     string  // such as "reshape"
	Shapes [][]int // of the arrays the operation was called on
	Reason string
	Caller string // file:line of the call
}

func (e *ShapeError) Error() string {
	text := e.Op + ": "
	switch len(e.Shapes) {
	case 0:
	case 1:
		text += "shape " + shape.Format(e.Shapes[0]) + ": "
	default:
		text += "shapes "
		for i, s := range e.Shapes {
			if i > 0 {
				text += ", "
			}
			text += shape.Format(s)
		}
		text += ": "
	}
	return text + e.Reason + at(e.Caller)
}

// A DTypeError says that an operation does not go with the dtypes it was given.
type DTypeError struct {
	Op     string
	DTypes []DType // of the arrays, or the dtypes asked for
	Reason string
	Caller string // file:line of the call
}

func (e *DTypeError) Error() string { return e.Op + ": " + e.Reason + at(e.Caller) }

// A DeviceError says that a device could not do what was asked of it: no
// memory, a failed call, arrays of another device.
type DeviceError struct {
	Device string // such as "interp"
	Op     string
	Err    error
	Caller string // file:line of the call, or "" if it failed while running
}

func (e *DeviceError) Error() string { return fmt.Sprintf("%s: %v%s", e.Op, e.Err, at(e.Caller)) }

func (e *DeviceError) Unwrap() error { return e.Err }

// A FreedError says that an array was used after Free, or after the end of the
// Device.Scope it was made in.
type FreedError struct {
	Where string // file:line of the Free or Scope
}

func (e *FreedError) Error() string { return "array was freed at " + filepath.Base(e.Where) }

// at writes a file:line as " (name.go:12)", without its folder.
func at(caller string) string {
	if caller == "" {
		return ""
	}
	return " (" + filepath.Base(caller) + ")"
}

const thisPackage = "github.com/zmlx-go/zmlx"

var thisFolder = func() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}()

// caller returns the file:line of the call into this package that is being
// served: the first frame that is not of this package's own files, or of
// package classic's, which calls it for others.
func caller() string {
	var few [2]uintptr
	n := runtime.Callers(2, few[:])
	if where, found := firstOutside(few[:n]); found || n < len(few) {
		return where
	}
	var more [64]uintptr
	where, _ := firstOutside(more[:runtime.Callers(2+n, more[:])])
	return where
}

// firstOutside returns the place of the first program counter that is not of
// this package.
func firstOutside(pcs []uintptr) (where string, found bool) {
	var known map[uintptr]string
	if p := places.Load(); p != nil {
		known = *p
	}
	for _, pc := range pcs {
		where, ok := known[pc]
		if !ok {
			where = placeOf(pc)
		}
		if where != "" {
			return where, true
		}
	}
	return "", false
}

// places holds the file:line of program counters, "" if they are of this
// package: a program has few, and one is looked up for every array it frees.
var places atomic.Pointer[map[uintptr]string]

const mostPlaces = 1 << 12

// placeOf finds out what places is to hold of a program counter.
func placeOf(pc uintptr) string {
	where := ""
	frames := runtime.CallersFrames([]uintptr{pc})
	for more := true; more && where == ""; {
		var f runtime.Frame
		f, more = frames.Next()
		name, own := strings.CutPrefix(f.Function, thisPackage)
		own = own && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "/internal/") || strings.HasPrefix(name, "/classic."))
		own = own || filepath.Dir(f.File) == thisFolder // a closure that was inlined elsewhere
		if f.File != "" && (!own || strings.HasSuffix(f.File, "_test.go")) {
			where = fmt.Sprintf("%s:%d", f.File, f.Line)
		}
	}
	for {
		old := places.Load()
		kept := map[uintptr]string{pc: where}
		if old != nil {
			if len(*old) >= mostPlaces {
				return where
			}
			maps.Copy(kept, *old)
		}
		if places.CompareAndSwap(old, &kept) {
			return where
		}
	}
}

// failed returns an Array that carries err.
func failed(err error) *Array { return &Array{err: err} }

// badShape returns an Array that carries a *ShapeError about arrays.
func badShape(op string, reason error, arrays ...*Array) *Array {
	return failed(shapeError(op, reason, arrays...))
}

func shapeError(op string, reason error, arrays ...*Array) error {
	e := &ShapeError{Op: op, Reason: reason.Error(), Caller: caller()}
	for _, a := range arrays {
		e.Shapes = append(e.Shapes, a.Shape())
	}
	return e
}

// badDType returns an Array that carries a *DTypeError.
func badDType(op, reason string, dtypes ...DType) *Array {
	return failed(&DTypeError{Op: op, DTypes: dtypes, Reason: reason, Caller: caller()})
}

// public returns err with the errors of package graph turned into this
// package's.
func public(err error) error {
	if e, ok := errors.AsType[*graph.FreedError](err); ok {
		return &FreedError{Where: e.Where}
	}
	if e, ok := errors.AsType[*graph.MemoryError](err); ok {
		return &DeviceError{Device: e.Device, Op: "allocate", Err: err}
	}
	return err
}
