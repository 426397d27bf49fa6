package main

// This file implements zmlx doctor's look for the libraries of CUDA and MLX.

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/zmlx-go/zmlx/internal/dl"
)

// diagnoseCUDA looks for the driver and the run-time compiler of CUDA.
func diagnoseCUDA() diagnosis {
	d := diagnosis{Subject: "CUDA", Purpose: "the cuda device, which needs libcuda and libnvrtc"}
	if runtime.GOOS != "linux" {
		d.look("system", false, "the cuda device is for Linux, this is "+runtime.GOOS)
		return d
	}
	driver := loadFirst(&d, "loader", []string{"libcuda.so.1", "libcuda.so"})
	compiler := loadFirst(&d, "loader", []string{"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"})
	folders := []string{}
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if v := os.Getenv(name); v != "" {
			folders = append(folders, filepath.Join(v, "lib64"), filepath.Join(v, "targets", "*", "lib"))
		} else {
			d.look(name, false, "not set")
		}
	}
	folders = append(folders, "/usr/local/cuda*/lib64", "/usr/lib/"+multiarch(), "/opt/cuda/lib64")
	for _, site := range sitePackages() {
		folders = append(folders, filepath.Join(site, "nvidia", "*", "lib"))
	}
	for _, folder := range folders {
		found := loadGlob(&d, filepath.Join(folder, "libnvrtc.so*"))
		compiler = compiler || found
	}
	d.Found = driver && compiler
	return d
}

// diagnoseMLX looks for MLX's own library.
func diagnoseMLX() diagnosis {
	d := diagnosis{Subject: "MLX", Purpose: "the mlx device, which needs libmlx and its headers"}
	name := "libmlx.so"
	if runtime.GOOS == "darwin" {
		name = "libmlx.dylib"
	}
	sites := sitePackages()
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

// loadFirst tries names in the loader's own order.
func loadFirst(d *diagnosis, where string, names []string) bool {
	for _, name := range names {
		if load1(d, where, name) {
			return true
		}
	}
	return false
}

// loadGlob tries every file that matches a pattern.
func loadGlob(d *diagnosis, pattern string) bool {
	matches, err := filepath.Glob(pattern)
	if err != nil || len(matches) == 0 {
		d.look(filepath.Dir(pattern), false, "no "+filepath.Base(pattern))
		return false
	}
	found := false
	for _, path := range matches {
		found = load1(d, filepath.Dir(path), path) || found
	}
	return found
}

func load1(d *diagnosis, where, name string) bool {
	lib, err := dl.Open(name)
	if err != nil {
		d.look(where, false, err.Error())
		return false
	}
	d.look(where, true, filepath.Base(name)+" loads")
	if err := lib.Close(); err != nil {
		d.look(where, false, fmt.Sprintf("%s does not unload: %v", name, err))
	}
	return true
}

// sitePackages returns the folders where pip may have installed packages: of
// active environments, of ZMLX_PYTHON, of the user and of the system.
func sitePackages() []string {
	roots := []string{os.Getenv("VIRTUAL_ENV"), os.Getenv("CONDA_PREFIX")}
	if python := os.Getenv("ZMLX_PYTHON"); python != "" {
		roots = append(roots, filepath.Dir(filepath.Dir(python)))
	}
	home, err := os.UserHomeDir()
	if err == nil {
		roots = append(roots, filepath.Join(home, ".local"), filepath.Join(home, ".pyenv", "versions", "*"))
	}
	roots = append(roots, ".venv", "/usr/local", "/usr", "/opt/homebrew", "/Library/Frameworks/Python.framework/Versions/*")
	found := []string{}
	for _, root := range roots {
		if root == "" {
			continue
		}
		for _, folder := range []string{"site-packages", "dist-packages"} {
			matches, err := filepath.Glob(filepath.Join(root, "lib", "python3*", folder))
			if err != nil {
				continue
			}
			for _, m := range matches {
				if !slices.Contains(found, m) {
					found = append(found, m)
				}
			}
		}
	}
	return found
}

// multiarch returns Debian's name of this machine's kind.
func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}
