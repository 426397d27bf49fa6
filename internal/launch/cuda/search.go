package cuda

// This file implements telling people what was looked for, and what was found.

import (
	"fmt"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/cublaslt"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// A Found is what there is of CUDA, and where it was looked for.
type Found struct {
	Driver    []nvrtc.Place
	DriverErr error // why no GPU can be used; ErrAbsent if there is none
	GPUs      []FoundGPU
	NVRTC     []nvrtc.Place
	NVRTCErr  error
	Products  []cublaslt.Place // of which matrix products can do without
}

// A FoundGPU is a GPU that the driver knows.
type FoundGPU struct {
	Name string // such as "cuda:0"
	Text string // what it is, or Err
	Err  error
}

// Search looks for the driver, GPUs and NVRTC as Open does, without using them.
func Search() Found {
	var f Found
	drv, looked, err := findDriver()
	f.Driver, f.DriverErr = looked, err
	version := 0
	if err == nil {
		version = drv.version
		f.DriverErr = f.gpus(drv)
	}
	_, f.NVRTC, f.NVRTCErr = nvrtc.Open(version)
	_, f.Products, _ = cublaslt.Open(version, dl.SitePackages())
	return f
}

// gpus adds the GPUs that there are.
func (f *Found) gpus(drv *driver) error {
	if err := drv.start(); err != nil {
		return err
	}
	n, err := drv.count()
	if err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("%w: the driver is there, but finds none", ErrAbsent)
	}
	for i := range n {
		g := FoundGPU{Name: fmt.Sprintf("cuda:%d", i)}
		var device int32
		d := &Device{driver: drv}
		if g.Err = drv.do(&drv.deviceGet, uintptr(unsafe.Pointer(&device)), uintptr(i)); g.Err == nil {
			g.Err = d.ask(device)
		}
		if g.Err != nil {
			g.Text = g.Err.Error()
		} else {
			x := &d.facts
			g.Text = fmt.Sprintf("%s, compute capability %d.%d, %d multiprocessors, %s, at PCI %s",
				x.Name, x.Capability/10, x.Capability%10, x.SMs, bytesText(x.Memory), x.PCI)
		}
		f.GPUs = append(f.GPUs, g)
	}
	return nil
}
