package nvrtc

// This file implements the search for the library: where it may lie, in which
// order, and which of several is taken.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/zmlx-go/zmlx/internal/dl"
)

// ErrNotFound is in the error of Open if there is no NVRTC.
var ErrNotFound = errors.New("no NVRTC")

// A Place is somewhere the library was looked for.
type Place struct {
	Where string // such as "CUDA_HOME"
	Path  string // what was looked for, a pattern or a file
	Found bool   // it loads and is of use
	What  string // its version, or why it is not used
}

// names are the names of the library, best first.
var names = []string{"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"}

// places returns where to look, in order. Path is a folder, a pattern of
// folders, or "" for the loader.
func places() []Place {
	var p []Place
	add := func(where string, folders ...string) {
		for _, f := range folders {
			p = append(p, Place{Where: where, Path: f})
		}
	}
	add("loader", "")
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if v := os.Getenv(name); v != "" {
			add(name, filepath.Join(v, "lib64"), filepath.Join(v, "targets", target(), "lib"), filepath.Join(v, "lib"))
		}
	}
	for _, site := range dl.SitePackages() {
		add("pip", filepath.Join(site, "nvidia", "cu*", "lib")) // cu13, cuda_nvrtc
	}
	add("usual folders", "/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64", "/opt/cuda/lib64", "/usr/lib/"+multiarch(), "/usr/lib64", "/usr/lib/cuda/lib64")
	if v := os.Getenv("CONDA_PREFIX"); v != "" {
		add("CONDA_PREFIX", filepath.Join(v, "lib"), filepath.Join(v, "targets", target(), "lib"))
	}
	return p
}

// loaded remembers the libraries that were opened, which are large and stay
// loaded, and those that could not be: once any is loaded, the loader finds it
// by its bare name too.
var loaded struct {
	sync.Mutex
	byPath map[string]attempt
}

type attempt struct {
	found *Library
	err   error
}

// loadOnce is load, remembering.
func loadOnce(path string) (*Library, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if a, ok := loaded.byPath[path]; ok {
		return a.found, a.err
	}
	if filepath.IsAbs(path) {
		preload(filepath.Dir(path))
	}
	l, err := load(path)
	if loaded.byPath == nil {
		loaded.byPath = map[string]attempt{}
	}
	loaded.byPath[path] = attempt{l, err}
	return l, err
}

// preload loads the part of NVRTC that it looks for by name only, from beside
// it.
func preload(folder string) {
	matches, _ := filepath.Glob(filepath.Join(folder, "libnvrtc-builtins.so*"))
	for _, path := range matches {
		if _, err := dl.Open(path); err == nil {
			return
		}
	}
}

// Open loads the first NVRTC, in this order: what the environment variable
// ZMLX_NVRTC names, a file or a folder, and then nothing else; where the
// loader looks; CUDA_HOME and CUDA_PATH; pip's nvidia packages; the usual
// folders. driver is the newest CUDA version that the GPU's driver runs code
// of, such as 13000: a library of a newer major version is taken only if there
// is no other. 0: any. The places say where was looked, also if there is an
// error. It is ErrNotFound if there is no library, any other if those found are
// of no use.
func Open(driver int) (*Library, []Place, error) {
	if !dl.Supported {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotFound, dl.ErrUnsupported)
	}
	if runtime.GOOS != "linux" {
		return nil, nil, fmt.Errorf("%w: it is for Linux, this is %s", ErrNotFound, runtime.GOOS)
	}
	return open(driver, places())
}

func open(driver int, where []Place) (*Library, []Place, error) {
	var looked []Place
	if v := os.Getenv("ZMLX_NVRTC"); v != "" {
		files := []string{v}
		if info, err := os.Stat(v); err == nil && info.IsDir() {
			files = inFolder(v)
		}
		var errs []error
		for _, file := range files {
			l, err := loadOnce(file)
			if err == nil {
				return l, []Place{{"ZMLX_NVRTC", file, true, "NVRTC " + l.Version()}}, nil
			}
			errs = append(errs, err)
			looked = append(looked, Place{"ZMLX_NVRTC", file, false, err.Error()})
		}
		if len(files) == 0 {
			errs = append(errs, errors.New("no libnvrtc in that folder"))
			looked = append(looked, Place{"ZMLX_NVRTC", v, false, "no libnvrtc in that folder"})
		}
		return nil, looked, fmt.Errorf("the NVRTC that ZMLX_NVRTC names, %s, is of no use: %w", v, errors.Join(errs...))
	}
	var newer *Library // than the driver
	newerAt := 0
	var errs []error
	for _, place := range where {
		files := names
		if place.Path != "" {
			if files = inFolder(place.Path); len(files) == 0 {
				looked = append(looked, Place{place.Where, place.Path, false, "no libnvrtc"})
				continue
			}
		}
		for _, file := range files {
			l, err := loadOnce(file)
			if err != nil {
				if place.Path != "" {
					errs = append(errs, err)
				}
				looked = append(looked, Place{place.Where, file, false, err.Error()})
				continue
			}
			if driver > 0 && l.Major > driver/1000 {
				looked = append(looked, Place{place.Where, file, false, fmt.Sprintf("NVRTC %s is newer than the driver, which runs code of CUDA %d.%d", l.Version(), driver/1000, driver%1000/10)})
				if newer == nil {
					newer, newerAt = l, len(looked)-1
				}
				continue
			}
			return l, append(looked, Place{place.Where, file, true, "NVRTC " + l.Version()}), nil
		}
	}
	if newer != nil {
		looked[newerAt].Found = true
		looked[newerAt].What += "; there is no other"
		return newer, looked, nil
	}
	if len(errs) > 0 {
		return nil, looked, fmt.Errorf("no NVRTC that works: %w", errors.Join(errs...))
	}
	return nil, looked, fmt.Errorf("%w: libnvrtc.so.13 or libnvrtc.so.12 is neither where the loader looks nor in CUDA_HOME, pip's nvidia packages or the usual folders (zmlx doctor lists them); install the CUDA toolkit, or nvidia-cuda-nvrtc with pip, or name the file with ZMLX_NVRTC", ErrNotFound)
}

// inFolder returns the libraries in folders that match a pattern, best first.
func inFolder(pattern string) []string {
	folders, _ := filepath.Glob(pattern)
	slices.Sort(folders)
	slices.Reverse(folders) // newer versions first
	var files []string
	seen := map[string]bool{}
	for _, name := range names {
		for _, folder := range folders {
			file := filepath.Join(folder, name)
			if _, err := os.Stat(file); err == nil && !seen[folder] {
				seen[folder] = true // other names are links to the same
				files = append(files, file)
			}
		}
	}
	return files
}

// multiarch returns Debian's name of this machine's kind.
func multiarch() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64-linux-gnu"
	}
	return "x86_64-linux-gnu"
}

// target returns the CUDA toolkit's name of this machine's kind.
func target() string {
	if runtime.GOARCH == "arm64" {
		return "sbsa-linux"
	}
	return "x86_64-linux"
}
