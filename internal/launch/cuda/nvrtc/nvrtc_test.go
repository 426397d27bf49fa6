package nvrtc

// This file implements tests that compile with the NVRTC found here, if there
// is one, and of the search.

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func library(t *testing.T) *Library {
	t.Helper()
	l, _, err := Open(0)
	if err != nil {
		t.Skip(err)
	}
	return l
}

const scale = `extern "C" __global__ void scale(float *x, float f) { x[blockIdx.x * blockDim.x + threadIdx.x] *= f; }`

func TestCompile(t *testing.T) {
	l := library(t)
	if l.Major < 12 || len(l.Archs()) == 0 || !slices.IsSorted(l.Archs()) {
		t.Errorf("NVRTC %s compiles for %v", l.Version(), l.Archs())
	}
	for _, arch := range []string{"sm_80", "sm_90"} {
		code, log, err := l.Compile(scale, arch, Options(false)...)
		if err != nil {
			t.Fatal(err)
		}
		if log != "" {
			t.Errorf("%s: a clean text printed %q", arch, log)
		}
		if !bytes.HasPrefix(code, []byte("\x7fELF")) || !bytes.Contains(code, []byte("scale")) {
			t.Errorf("%s: %d bytes that are not a cubin with the kernel", arch, len(code))
		}
	}
	ptx, _, err := l.Compile(scale, "compute_80", Options(false)...)
	if err != nil || !bytes.Contains(ptx, []byte(".entry scale")) {
		t.Errorf("PTX of %d bytes, error %v", len(ptx), err)
	}
}

func TestContract(t *testing.T) {
	l := library(t)
	const text = `extern "C" __global__ void k(float *x, float a, float b) { *x = *x * a + b; }`
	for _, contract := range []bool{false, true} {
		ptx, _, err := l.Compile(text, "compute_80", Options(contract)...)
		if err != nil {
			t.Fatal(err)
		}
		if fused := bytes.Contains(ptx, []byte("fma.rn.f32")); fused != contract {
			t.Errorf("contract %v: one rounding is %v", contract, fused)
		}
	}
}

func TestCompileError(t *testing.T) {
	l := library(t)
	_, log, err := l.Compile("extern \"C\" __global__ void k() { missing = 1; }", "sm_80", Options(false)...)
	e, ok := errors.AsType[*CompileError](err)
	if !ok {
		t.Fatalf("error %v, want a *CompileError", err)
	}
	if !strings.Contains(log, "missing") || e.Log != log || !strings.Contains(err.Error(), `identifier "missing" is undefined`) {
		t.Errorf("log %q, error %q", log, err)
	}
	if _, _, err := l.Compile(scale, "sm_1"); err == nil || !strings.Contains(err.Error(), "sm_1") {
		t.Errorf("an architecture that never was: %v", err)
	}
	if _, _, err := l.Compile("a\x00b", "sm_80"); err == nil {
		t.Error("a text with a zero byte was compiled")
	}
}

func TestCompileConcurrently(t *testing.T) {
	l := library(t)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			name := "scale" + string(rune('a'+i))
			code, _, err := l.Compile(strings.Replace(scale, "scale", name, 1), "sm_80")
			if err != nil || !bytes.Contains(code, []byte(name)) {
				t.Errorf("%s: %d bytes, error %v", name, len(code), err)
			}
		})
	}
	wg.Wait()
}

func TestArch(t *testing.T) {
	l := &Library{Major: 13, archs: []int{75, 80, 90, 100}}
	for capability, want := range map[int]string{75: "sm_75", 90: "sm_90", 89: "compute_80", 120: "compute_100"} {
		if got, err := l.Arch(capability); err != nil || got != want {
			t.Errorf("capability %d: %s, %v; want %s", capability, got, err, want)
		}
	}
	if _, err := l.Arch(70); err == nil || !strings.Contains(err.Error(), "7.5") {
		t.Errorf("a GPU that is too old: %v", err)
	}
}

func TestNamedLibrary(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "libnvrtc.so.13")
	t.Setenv("ZMLX_NVRTC", missing)
	_, looked, err := Open(0)
	if errors.Is(err, ErrNotFound) {
		t.Skip(err) // this build or system has no NVRTC at all
	}
	if err == nil || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v does not name the file", err)
	}
	if len(looked) != 1 || looked[0].Found {
		t.Errorf("looked at %v, want at one place", looked)
	}
}

func TestSearchOrder(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("ZMLX_NVRTC", "")
	one, two, none := filepath.Join(dir, "cuda-12.1"), filepath.Join(dir, "cuda-13.0"), filepath.Join(dir, "none")
	for _, folder := range []string{one, two} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{filepath.Join(one, "libnvrtc.so.12"), filepath.Join(two, "libnvrtc.so.13"), filepath.Join(two, "libnvrtc.so")} {
		if err := os.WriteFile(file, []byte("not a library"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, looked, err := open(0, []Place{{Where: "a", Path: none}, {Where: "b", Path: filepath.Join(dir, "cuda-*")}})
	if err == nil || errors.Is(err, ErrNotFound) {
		t.Errorf("error %v, want one that says that what was found does not work", err)
	}
	var paths []string
	for _, p := range looked {
		if p.Found || p.What == "" {
			t.Errorf("%+v", p)
		}
		paths = append(paths, p.Path)
	}
	want := []string{none, filepath.Join(two, "libnvrtc.so.13"), filepath.Join(one, "libnvrtc.so.12")}
	if !slices.Equal(paths, want) {
		t.Errorf("looked at %q, want %q", paths, want)
	}
	if _, _, err := open(0, []Place{{Where: "a", Path: none}}); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
}

// TestDriver makes sure that a library newer than the driver is passed over,
// but taken if there is no other.
func TestDriver(t *testing.T) {
	l := library(t)
	t.Setenv("ZMLX_NVRTC", "")
	if !filepath.IsAbs(l.Path) {
		t.Skipf("%s was found by the loader", l.Path)
	}
	where := []Place{{Where: "here", Path: filepath.Dir(l.Path)}}
	for _, driver := range []int{0, l.Major*1000 + 10, (l.Major - 1) * 1000} {
		got, looked, err := open(driver, where)
		if err != nil || got != l || len(looked) != 1 || !looked[0].Found {
			t.Errorf("driver %d: %v, looked at %v, error %v", driver, got, looked, err)
		}
		if newer := strings.Contains(looked[0].What, "newer than the driver"); newer != (driver > 0 && driver/1000 < l.Major) {
			t.Errorf("driver %d: %s", driver, looked[0].What)
		}
	}
}
