package main

// This file implements zmlx doctor's look for the libraries of CUDA and MLX.

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch/cuda"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// diagnoseCUDA looks for the driver and the run-time compiler of CUDA, as the
// cuda device does.
func diagnoseCUDA() diagnosis {
	d := diagnosis{Subject: "CUDA", Purpose: "the cuda device, which needs libcuda and libnvrtc"}
	found := cuda.Search()
	for _, p := range found.Driver {
		d.look("driver, "+p.Where, p.Found, placeText(p))
	}
	for _, g := range found.GPUs {
		d.look(g.Name, g.Err == nil, g.Text)
	}
	for _, p := range found.NVRTC {
		d.look("NVRTC, "+p.Where, p.Found, placeText(p))
	}
	products := false
	for _, p := range found.Products {
		if p.Found {
			products = true
			d.look("cuBLASLt, "+p.Where, true, placeText(nvrtc.Place(p)))
		}
	}
	if !products {
		d.look("cuBLASLt", false, "in none of the places where NVRTC was looked for; matrix products do without")
	}
	if found.DriverErr != nil {
		d.look("driver", false, found.DriverErr.Error())
	}
	if found.NVRTCErr != nil {
		d.look("NVRTC", false, found.NVRTCErr.Error())
	}
	d.Found = found.DriverErr == nil && found.NVRTCErr == nil
	return d
}

// placeText says what was found where, or why nothing was.
func placeText(p nvrtc.Place) string {
	if p.Path == "" || strings.Contains(p.What, p.Path) {
		return p.What
	}
	return p.Path + ": " + p.What
}

// diagnoseMLX looks for MLX's own library.
func diagnoseMLX() diagnosis {
	d := diagnosis{Subject: "MLX", Purpose: "the mlx device, which needs libmlx and its headers"}
	name := "libmlx.so"
	if runtime.GOOS == "darwin" {
		name = "libmlx.dylib"
	}
	sites := dl.SitePackages()
	if len(sites) == 0 {
		d.look("pip", false, "no site-packages folders")
	}
	for _, site := range sites {
		root := filepath.Join(site, "mlx")
		exists(&d, "pip", filepath.Join(root, "lib", name), filepath.Join(root, "include", "mlx", "mlx.h"))
	}
	for _, prefix := range []string{"/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew"} {
		exists(&d, "Homebrew", filepath.Join(prefix, "lib", name), filepath.Join(prefix, "include", "mlx", "mlx.h"))
	}
	return d
}

// exists adds an attempt for a library and the header that goes with it.
func exists(d *diagnosis, where, library, header string) {
	if _, err := os.Stat(library); err != nil {
		d.look(where, false, "no "+library)
		return
	}
	if _, err := os.Stat(header); err != nil {
		d.look(where, false, library+" without "+header)
		return
	}
	d.look(where, true, library)
}
