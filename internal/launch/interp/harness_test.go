package interp

// This file implements what the tests share: compiling and launching a Func
// over slices.

import (
	"context"
	"testing"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// asBytes returns the memory of s.
func asBytes[T any](s []T) []byte {
	if len(s) == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

// on makes an argument of a slice, which kernels then read and write in place.
func on[T any](s []T) launch.Arg {
	b := asBytes(s)
	return launch.Arg{Buffer: launch.HostBuffer("interp", b), Hi: len(b)}
}

// unwritten is on for memory that nothing has written.
func unwritten[T any](s []T) launch.Arg {
	a := on(s)
	a.Undefined = true
	return a
}

func mustCompile(t testing.TB, fn *ir.Func, opt launch.Options) launch.Program {
	t.Helper()
	p, err := New().Compile(context.Background(), fn, opt)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run launches fn in fast mode over a one-dimensional grid.
func run(t testing.TB, fn *ir.Func, grid, group int, args ...launch.Arg) {
	t.Helper()
	run3(t, fn, [3]int{grid, 1, 1}, [3]int{group, 1, 1}, args...)
}

func run3(t testing.TB, fn *ir.Func, grid, group [3]int, args ...launch.Arg) {
	t.Helper()
	p := mustCompile(t, fn, launch.Options{})
	if err := p.Run(context.Background(), launch.Launch{Args: args, Grid: grid, Group: group}); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// A kernel is a Builder with the things that most test kernels want.
type kernel struct {
	*ir.Builder
	gid ir.Reg // thread position in grid, x
}

func newKernel(name string) *kernel {
	k := &kernel{Builder: ir.NewBuilder(name)}
	k.gid = k.Special(ir.ThreadPositionInGrid)
	return k
}

func (k *kernel) in(name string, t ir.Type) ir.Reg {
	return k.Param(ir.Param{Name: name, Elem: t, Lanes: 1, Space: ir.Device})
}

func (k *kernel) out(name string, t ir.Type) ir.Reg {
	return k.Param(ir.Param{Name: name, Elem: t, Lanes: 1, Space: ir.Device, Output: true})
}

// at is the address of element i of p.
func (k *kernel) at(p ir.Reg, t ir.Type, i ir.Reg) ir.Addr {
	return ir.AtIndex(p, i, int64(t.Size()), 0)
}

// get loads element gid of p, put stores to it.
func (k *kernel) get(p ir.Reg, t ir.Type) ir.Reg    { return k.Load(t, k.at(p, t, k.gid)) }
func (k *kernel) put(p ir.Reg, t ir.Type, v ir.Reg) { k.Store(t, k.at(p, t, k.gid), v) }

// variable returns a new variable that holds v.
func (k *kernel) variable(name string, v ir.Reg) ir.Reg {
	r := k.Var(k.TypeOf(v), name)
	k.Set(r, v)
	return r
}
