package main

// This file implements making a capsule's arrays and its call.

import (
	"fmt"
	"os"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/encoding/npy"
	"github.com/zmlx-go/zmlx/internal/capsule"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A call is a capsule ready to run.
type call struct {
	capsule *capsule.Capsule
	kernel  *zmlx.MetalKernel
	launch  zmlx.Launch
	inputs  []*zmlx.Array
}

// load reads a capsule and makes its inputs on dev.
func load(path string, dev *zmlx.Device) (*call, error) {
	c, err := capsule.Load(path)
	if err != nil {
		return nil, err
	}
	k := c.Kernel
	kernel, err := zmlx.Compile(zmlx.Kernel{
		Name:                k.Name,
		InputNames:          k.InputNames,
		OutputNames:         k.OutputNames,
		Source:              k.Source,
		Header:              k.Header,
		EnsureRowContiguous: &k.EnsureRowContiguous,
		AtomicOutputs:       k.AtomicOutputs,
	})
	if err != nil {
		return nil, err
	}
	l := zmlx.Launch{
		Grid:         c.Grid,
		Threadgroup:  c.Threadgroup,
		OutputShapes: c.OutputShapes,
		OutputDTypes: c.OutputDTypes,
		InitValue:    c.InitValue,
		Device:       dev,
	}
	for _, t := range c.Template {
		arg := zmlx.TemplateArg{Name: t.Name}
		switch t.Kind {
		case signature.TypeArg:
			arg.Value = t.DType
		case signature.BoolArg:
			arg.Value = t.Bool
		default:
			arg.Value = int(t.Int)
		}
		l.Template = append(l.Template, arg)
	}
	out := &call{capsule: c, kernel: kernel, launch: l}
	for _, in := range c.Inputs {
		a, err := array(in)
		if err != nil {
			return nil, fmt.Errorf("%s: inputs.%s: %w", path, in.Name, err)
		}
		out.inputs = append(out.inputs, a)
	}
	return out, nil
}

// array makes an input on the default device.
func array(in capsule.Input) (*zmlx.Array, error) {
	var a *zmlx.Array
	switch {
	case in.File != "":
		// A pipe or a device might never end.
		if info, err := os.Stat(in.File); err == nil && !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file", in.File)
		}
		file, err := readNPY(in.File, in.DType)
		if err != nil {
			return nil, err
		}
		if in.Transpose != nil {
			if in.Transpose, err = capsule.Permutation(in.Transpose, len(file.Shape)); err != nil {
				return nil, fmt.Errorf("transpose: %w", err)
			}
		}
		a = zmlx.FromBytes(file.DType, file.Data, shapeOf(file.Shape)...)
	case in.Random != nil:
		a = random(in)
	default:
		a = zmlx.FromBytes(in.DType, in.Data, shapeOf(in.Shape)...)
	}
	if in.Transpose != nil {
		a = a.Transpose(in.Transpose...)
	}
	return a, a.Err()
}

// shapeOf returns a shape that is not nil, which means no shape.
func shapeOf(shape []int) []int { return append([]int{}, shape...) }

// random draws an input's elements.
func random(in capsule.Input) *zmlx.Array {
	r, key := in.Random, zmlx.NewKey(in.Random.Seed)
	switch r.Dist {
	case capsule.Normal:
		return zmlx.RandomNormal(key, in.DType, shapeOf(in.Shape)...)
	case capsule.Uniform:
		return zmlx.RandomUniform(key, r.Low, r.High, in.DType, shapeOf(in.Shape)...)
	}
	if in.DType.IsInteger() {
		return zmlx.RandomInt(key, int64(r.Low), int64(r.High), in.DType, shapeOf(in.Shape)...)
	}
	return zmlx.RandomInt(key, int64(r.Low), int64(r.High), zmlx.Int64, shapeOf(in.Shape)...).As(in.DType)
}

// readNPY reads a .npy file as elements of dtype d: bfloat16 is stored as
// uint16 bits. An invalid d takes the file's.
func readNPY(path string, d zmlx.DType) (*npy.Array, error) {
	a, err := npy.ReadFile(path)
	if err != nil {
		return nil, err
	}
	switch {
	case d == zmlx.BFloat16 && a.DType == zmlx.Uint16:
		a.DType = d
	case d.Valid() && d != a.DType:
		return nil, fmt.Errorf("%s holds %s, not %s", path, a.DType, d)
	}
	return a, nil
}

// device opens the device of a --device flag and makes it the default, on
// which inputs are made. An empty name is the default device.
func device(name string) (*zmlx.Device, error) {
	if name == "" {
		if d := zmlx.Default(); d != nil {
			return d, nil
		}
		// Only a device that ZMLX_DEVICE names can be missing; say why.
		d, err := zmlx.Open(os.Getenv("ZMLX_DEVICE"))
		if err != nil {
			return nil, fmt.Errorf("ZMLX_DEVICE: %w", err)
		}
		return d, nil
	}
	d, err := zmlx.Open(name)
	if err != nil {
		return nil, err
	}
	zmlx.SetDefault(d)
	return d, nil
}
