package cublaslt

// This file implements the search for the library: where it may lie, and which
// of several is taken.

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

// ErrNotFound is in the error of Open if there is no cuBLASLt.
var ErrNotFound = errors.New("no cuBLASLt")

// A Place is somewhere the library was looked for.
type Place struct {
	Where string // such as "CUDA_HOME"
	Path  string // a file or a folder
	Found bool   // it loads and is of use
	What  string // its version, or why it is not used
}

// names are the names of the library, best first.
var names = []string{"libcublasLt.so.13", "libcublasLt.so.12"}

// places returns where to look, in order. Path is a pattern of folders, or ""
// for the loader.
func places(sites []string) []Place {
	var p []Place
	add := func(where string, folders ...string) {
		for _, f := range folders {
			p = append(p, Place{Where: where, Path: f})
		}
	}
	multiarch, target := "x86_64-linux-gnu", "x86_64-linux"
	if runtime.GOARCH == "arm64" {
		multiarch, target = "aarch64-linux-gnu", "sbsa-linux"
	}
	add("loader", "")
	for _, name := range []string{"CUDA_HOME", "CUDA_PATH"} {
		if v := os.Getenv(name); v != "" {
			add(name, filepath.Join(v, "lib64"), filepath.Join(v, "targets", target, "lib"), filepath.Join(v, "lib"))
		}
	}
	for _, site := range sites {
		add("pip", filepath.Join(site, "nvidia", "cu13", "lib"), filepath.Join(site, "nvidia", "cublas", "lib"))
	}
	add("usual folders", "/usr/local/cuda/lib64", "/usr/local/cuda-*/lib64", "/opt/cuda/lib64", "/usr/lib/"+multiarch, "/usr/lib64", "/usr/lib/cuda/lib64")
	if v := os.Getenv("CONDA_PREFIX"); v != "" {
		add("CONDA_PREFIX", filepath.Join(v, "lib"), filepath.Join(v, "targets", target, "lib"))
	}
	return p
}

// files returns the libraries in the folders that match a pattern, best first;
// "" stands for the loader's.
func files(pattern string) []string {
	if pattern == "" {
		return names
	}
	folders, _ := filepath.Glob(pattern)
	slices.Sort(folders)
	slices.Reverse(folders) // newer versions first
	var found []string
	for _, folder := range folders {
		for _, name := range names {
			file := filepath.Join(folder, name)
			if _, err := os.Stat(file); err == nil {
				found = append(found, file)
			}
		}
	}
	return found
}

// loaded remembers the libraries that were opened, which are large and stay
// loaded, and those that could not be.
var loaded struct {
	sync.Mutex
	byPath map[string]attempt
}

type attempt struct {
	lib *Lib
	err error
}

func loadOnce(path string) (*Lib, error) {
	loaded.Lock()
	defer loaded.Unlock()
	if a, ok := loaded.byPath[path]; ok {
		return a.lib, a.err
	}
	l, err := load(path)
	if loaded.byPath == nil {
		loaded.byPath = map[string]attempt{}
	}
	loaded.byPath[path] = attempt{l, err}
	return l, err
}

// Open loads the first cuBLASLt, in this order: what the environment variable
// ZMLX_CUBLASLT names, a file or a folder, and then nothing else ("off": none);
// where the loader looks; CUDA_HOME and CUDA_PATH; pip's nvidia packages in
// sites, Python's folders for packages; the usual folders. driver is the newest
// CUDA version that the GPU's driver runs code of, such as 13000: a library of
// a newer major version is passed over. 0: any. The places say where was
// looked, also if there is an error. It is ErrNotFound if there is no library,
// any other if those found are of no use.
func Open(driver int, sites []string) (*Lib, []Place, error) {
	if !dl.Supported {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotFound, dl.ErrUnsupported)
	}
	where := places(sites)
	if v := os.Getenv("ZMLX_CUBLASLT"); v == "off" {
		return nil, []Place{{Where: "ZMLX_CUBLASLT", Path: v, What: "not to be used"}}, fmt.Errorf("%w: ZMLX_CUBLASLT=off", ErrNotFound)
	} else if v != "" {
		where = []Place{{Where: "ZMLX_CUBLASLT", Path: v}}
	}
	return open(driver, where)
}

func open(driver int, where []Place) (*Lib, []Place, error) {
	var looked []Place
	var errs []error
	for _, place := range where {
		candidates := files(place.Path)
		if info, err := os.Stat(place.Path); err == nil && !info.IsDir() {
			candidates = []string{place.Path}
		}
		if len(candidates) == 0 {
			looked = append(looked, Place{place.Where, place.Path, false, "no libcublasLt"})
		}
		for _, file := range candidates {
			l, err := loadOnce(file)
			if err == nil && driver > 0 && l.Major() > driver/1000 {
				err = fmt.Errorf("cuBLASLt %s is newer than the driver, which runs code of CUDA %d.%d", l.Version(), driver/1000, driver%1000/10)
			}
			if err == nil {
				return l, append(looked, Place{place.Where, file, true, "cuBLASLt " + l.Version()}), nil
			}
			if place.Path != "" {
				errs = append(errs, err)
			}
			looked = append(looked, Place{place.Where, file, false, err.Error()})
		}
	}
	if len(errs) > 0 {
		return nil, looked, fmt.Errorf("no cuBLASLt that works: %w", errors.Join(errs...))
	}
	return nil, looked, fmt.Errorf("%w: libcublasLt.so.13 or libcublasLt.so.12 is neither where the loader looks nor in the usual folders; install the CUDA toolkit, or nvidia-cublas with pip, or name the file with ZMLX_CUBLASLT", ErrNotFound)
}
