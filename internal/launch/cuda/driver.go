package cuda

// This file implements the driver's library: its functions and its errors.

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch/cuda/nvrtc"
)

// An entry is a function of the driver.
type entry struct {
	name string
	addr uintptr // 0: this driver does not have it
}

// A driver is a loaded libcuda.
type driver struct {
	path    string
	version int // CUDA version that it supports, such as 13000

	initOnce sync.Mutex
	ready    bool // cuInit succeeded

	init, driverVersion, deviceCount, deviceGet, deviceName, deviceAttribute, deviceMemory  entry
	primaryRetain, primaryRelease, setCurrent                                               entry
	streamCreate, streamDestroy, streamSync, streamWait                                     entry
	alloc, free, allocHost, freeHost, memInfo                                               entry
	toDevice, toHost, within, betweenDevices, set8, set32                                   entry
	moduleLoad, moduleUnload, moduleFunction, functionAttribute, launch                     entry
	eventCreate, eventDestroy, eventRecord, eventSync, eventElapsed                         entry
	errorName, errorText                                                                    entry
	captureBegin, captureEnd, graphInstantiate, graphExecDestroy, graphDestroy, graphLaunch entry

	// not every driver has these
	allocAsync, freeAsync, devicePool, poolSet, poolGet, poolTrim, launchEx entry
}

// newDriver binds a library's functions.
func newDriver(lib dl.Lib) (*driver, error) {
	d := &driver{path: lib.Name()}
	var missing []string
	bind := func(name string, e *entry, needed bool) {
		addr, err := lib.Sym(name)
		if err != nil && needed {
			missing = append(missing, name)
		}
		*e = entry{name, addr}
	}
	for name, e := range map[string]*entry{
		"cuInit":                       &d.init,
		"cuDriverGetVersion":           &d.driverVersion,
		"cuDeviceGetCount":             &d.deviceCount,
		"cuDeviceGet":                  &d.deviceGet,
		"cuDeviceGetName":              &d.deviceName,
		"cuDeviceGetAttribute":         &d.deviceAttribute,
		"cuDeviceTotalMem_v2":          &d.deviceMemory,
		"cuDevicePrimaryCtxRetain":     &d.primaryRetain,
		"cuDevicePrimaryCtxRelease_v2": &d.primaryRelease,
		"cuCtxSetCurrent":              &d.setCurrent,
		"cuStreamCreate":               &d.streamCreate,
		"cuStreamDestroy_v2":           &d.streamDestroy,
		"cuStreamSynchronize":          &d.streamSync,
		"cuStreamWaitEvent":            &d.streamWait,
		"cuMemAlloc_v2":                &d.alloc,
		"cuMemFree_v2":                 &d.free,
		"cuMemAllocHost_v2":            &d.allocHost,
		"cuMemFreeHost":                &d.freeHost,
		"cuMemGetInfo_v2":              &d.memInfo,
		"cuMemcpyHtoDAsync_v2":         &d.toDevice,
		"cuMemcpyDtoHAsync_v2":         &d.toHost,
		"cuMemcpyDtoDAsync_v2":         &d.within,
		"cuMemcpyPeerAsync":            &d.betweenDevices,
		"cuMemsetD8Async":              &d.set8,
		"cuMemsetD32Async":             &d.set32,
		"cuModuleLoadData":             &d.moduleLoad,
		"cuModuleUnload":               &d.moduleUnload,
		"cuModuleGetFunction":          &d.moduleFunction,
		"cuFuncGetAttribute":           &d.functionAttribute,
		"cuLaunchKernel":               &d.launch,
		"cuEventCreate":                &d.eventCreate,
		"cuEventDestroy_v2":            &d.eventDestroy,
		"cuEventRecord":                &d.eventRecord,
		"cuEventSynchronize":           &d.eventSync,
		"cuEventElapsedTime":           &d.eventElapsed,
		"cuGetErrorName":               &d.errorName,
		"cuGetErrorString":             &d.errorText,
		"cuStreamBeginCapture_v2":      &d.captureBegin,
		"cuStreamEndCapture":           &d.captureEnd,
		"cuGraphInstantiateWithFlags":  &d.graphInstantiate,
		"cuGraphExecDestroy":           &d.graphExecDestroy,
		"cuGraphDestroy":               &d.graphDestroy,
		"cuGraphLaunch":                &d.graphLaunch,
	} {
		bind(name, e, true)
	}
	for name, e := range map[string]*entry{
		"cuMemAllocAsync":           &d.allocAsync,
		"cuMemFreeAsync":            &d.freeAsync,
		"cuDeviceGetDefaultMemPool": &d.devicePool,
		"cuMemPoolSetAttribute":     &d.poolSet,
		"cuMemPoolGetAttribute":     &d.poolGet,
		"cuMemPoolTrimTo":           &d.poolTrim,
		"cuLaunchKernelEx":          &d.launchEx,
	} {
		bind(name, e, false)
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("%s has no %s; a driver for CUDA 12 or later is needed", d.path, strings.Join(slices.Sorted(slices.Values(missing)), ", "))
	}
	var version int32
	if err := d.do(&d.driverVersion, uintptr(unsafe.Pointer(&version))); err != nil {
		return nil, err
	}
	d.version = int(version)
	return d, nil
}

// do calls a function of the driver.
//
//go:uintptrescapes
func (d *driver) do(e *entry, args ...uintptr) error {
	return d.failure(e, int32(dl.Call(e.addr, args...)))
}

// failure returns a call's status as an error, nil for success.
func (d *driver) failure(e *entry, status int32) error {
	if status == 0 {
		return nil
	}
	return &DriverError{Call: e.name, Code: int(status), Name: d.describe(&d.errorName, status), Text: d.describe(&d.errorText, status)}
}

// describe asks the driver for the name or the text of an error.
func (d *driver) describe(e *entry, status int32) string {
	var text uintptr
	if int32(dl.Call(e.addr, uintptr(status), uintptr(unsafe.Pointer(&text)))) != 0 || text == 0 {
		return ""
	}
	return goString(text)
}

// goString returns the text at an address, at most 256 bytes of it.
func goString(addr uintptr) string {
	p := *(**byte)(unsafe.Pointer(&addr)) // C's memory, not Go's
	text := unsafe.Slice(p, 256)
	if n := bytes.IndexByte(text, 0); n >= 0 {
		text = text[:n]
	}
	return string(text)
}

// A DriverError is what a call of the driver failed with.
type DriverError struct {
	Call string // such as "cuMemAlloc_v2"
	Code int
	Name string // such as "CUDA_ERROR_OUT_OF_MEMORY"
	Text string // such as "out of memory"
}

func (e *DriverError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s: error %d", e.Call, e.Code)
	}
	return fmt.Sprintf("%s: %s (%s)", e.Call, e.Text, e.Name)
}

// Codes of the driver's errors.
const (
	codeOutOfMemory      = 2
	codeStub             = 34
	codeNoDevice         = 100
	codeInvalidImage     = 200
	codeNoBinary         = 209
	codeInvalidPTX       = 218
	codeUnsupportedPTX   = 222
	codeInvalidSource    = 300
	codeNotFound         = 500
	codeOutOfResources   = 701
	codeContextDestroyed = 709
	codeLaunchFailed     = 719
)

// sticky reports whether an error is the end of its context: every call after
// it fails.
func sticky(code int) bool {
	switch code {
	case 4, // deinitialised
		46,            // device unavailable
		214, 220, 226, // memory or link damaged, or contained so
		700, 702, // illegal address, timeout
		codeContextDestroyed,
		710,                     // assert
		714, 715, 716, 717, 718, // stack, instruction, alignment, address space, program counter
		codeLaunchFailed, 721,
		999:
		return true
	}
	return false
}

// libraries are the names of the driver, and the folders besides the loader's
// where systems and containers have it.
var libraries = []string{"libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/run/opengl-driver/lib/libcuda.so.1"}

// loadedDriver is the driver once it is loaded; it stays so.
var loadedDriver struct {
	sync.Mutex
	*driver
}

// findDriver loads the driver. The places say where was looked.
func findDriver() (*driver, []nvrtc.Place, error) {
	if !dl.Supported {
		return nil, nil, fmt.Errorf("%w: %w", ErrAbsent, dl.ErrUnsupported)
	}
	if runtime.GOOS != "linux" {
		return nil, nil, fmt.Errorf("%w: NVIDIA GPUs are used on Linux, this is %s", ErrAbsent, runtime.GOOS)
	}
	loadedDriver.Lock()
	defer loadedDriver.Unlock()
	if d := loadedDriver.driver; d != nil {
		return d, []nvrtc.Place{{Where: "loader", Path: d.path, Found: true, What: d.about()}}, nil
	}
	d, looked, err := searchDriver(libraries)
	if err == nil {
		loadedDriver.driver = d
	}
	return d, looked, err
}

func searchDriver(names []string) (*driver, []nvrtc.Place, error) {
	var looked []nvrtc.Place
	var broken error
	for _, name := range names {
		where := "usual folders"
		if filepath.IsAbs(name) {
			if _, err := os.Stat(name); err != nil {
				looked = append(looked, nvrtc.Place{Where: where, Path: name, What: "no such file"})
				continue
			}
		} else {
			where = "loader"
		}
		lib, err := dl.Open(name)
		if err != nil {
			if filepath.IsAbs(name) {
				broken = err
			}
			looked = append(looked, nvrtc.Place{Where: where, Path: name, What: err.Error()})
			continue
		}
		d, err := newDriver(lib)
		if err != nil {
			broken = err
			looked = append(looked, nvrtc.Place{Where: where, Path: name, What: err.Error()})
			continue
		}
		return d, append(looked, nvrtc.Place{Where: where, Path: name, Found: true, What: d.about()}), nil
	}
	if broken != nil {
		return nil, looked, fmt.Errorf("the NVIDIA driver's library is of no use: %w", broken)
	}
	return nil, looked, fmt.Errorf("%w: %s could not be loaded; is the NVIDIA driver installed?", ErrAbsent, names[0])
}

// about describes the driver.
func (d *driver) about() string {
	text := fmt.Sprintf("CUDA %d.%d", d.version/1000, d.version%1000/10)
	if v := release(); v != "" {
		text = "driver " + v + ", " + text
	}
	return text
}

// release returns the driver's own version, such as "580.159.04", "" where the
// system does not tell.
func release() string {
	text, err := os.ReadFile("/sys/module/nvidia/version")
	if err == nil {
		return strings.TrimSpace(string(text))
	}
	if text, err = os.ReadFile("/proc/driver/nvidia/version"); err != nil {
		return ""
	}
	for _, word := range strings.Fields(string(text)) {
		if word[0] >= '0' && word[0] <= '9' && strings.Count(word, ".") >= 1 {
			return word
		}
	}
	return ""
}

// start makes the driver ready. The error is ErrAbsent if there is no GPU.
func (d *driver) start() error {
	d.initOnce.Lock()
	defer d.initOnce.Unlock()
	if d.ready {
		return nil
	}
	err := d.do(&d.init, 0)
	if e, ok := err.(*DriverError); ok && (e.Code == codeNoDevice || e.Code == codeStub) {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	if err != nil {
		return fmt.Errorf("the NVIDIA driver does not start: %w", err)
	}
	d.ready = true
	return nil
}

// count returns how many GPUs there are.
func (d *driver) count() (int, error) {
	var n int32
	err := d.do(&d.deviceCount, uintptr(unsafe.Pointer(&n)))
	return int(n), err
}

// attribute returns a number that the driver knows about a GPU.
func (d *driver) attribute(device int32, which int) (int, error) {
	var n int32
	err := d.do(&d.deviceAttribute, uintptr(unsafe.Pointer(&n)), uintptr(which), uintptr(device))
	return int(n), err
}
