// This file implements devices: which there are, and which one new arrays live
// on.

package zmlx

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A Device holds arrays and runs kernels. Devices are compared with ==: there
// is one *Device for each name.
type Device struct {
	graph    *graph.Device
	number   uint64 // no other device has had it
	launches atomic.Int64
	tf32     atomic.Bool // matrix products may round their factors

	deviceTime atomic.Int64 // nanoseconds, while timing was on
}

// Launches returns how many kernels ran on the device so far: of definitions,
// of operations on arrays that are definitions, and of Metal bodies.
func (d *Device) Launches() int64 {
	if !d.made() {
		return 0
	}
	return d.launches.Load()
}

// made reports whether d is a device that was opened: not the nil that Default
// may return, nor the zero Device.
func (d *Device) made() bool { return d != nil && d.graph != nil }

// A DeviceInfo says whether a device is there.
type DeviceInfo struct {
	Name      string // such as "interp"
	Available bool
	Broken    bool   // it was found, but does not work
	About     string // one line, if it is available
	Reason    string // why not, if it is not; of broken ones there may be several lines
}

// A deviceKind is a way to run kernels.
type deviceKind struct {
	name string
	// open returns device number n of the kind; an error that is ErrNoDevice
	// if it is not there, any other if it was found but does not work. nil: this
	// version has no such kind.
	open func(n int) (launch.Device, error)
	// mover makes what moves data on the device; nil: the usual one.
	mover func(launch.Device) graph.Mover
}

// kinds are the kinds of device, best first.
var kinds = []deviceKind{
	{name: "mlx"},
	{name: "cuda", open: openCUDA},
	{name: "cc", open: openCC},
	{name: "interp", open: openInterp},
}

// opened holds the devices that are open, by name, and the default one.
var opened struct {
	sync.Mutex
	byName  map[string]*Device
	current *Device
}

// Open returns the device called name: a kind, "mlx", "cuda", "cc" or "interp",
// with a number where there may be several, as in "cuda:1". The same name gives
// the same *Device until that is closed. The error is ErrNoDevice if there is no
// such device here.
func Open(name string) (*Device, error) {
	opened.Lock()
	defer opened.Unlock()
	return open(name)
}

// open is Open with the lock held.
func open(name string) (*Device, error) {
	kindName, number, numbered := strings.Cut(name, ":")
	n := 0
	if numbered {
		var err error
		if n, err = strconv.Atoi(number); err != nil || n < 0 {
			return nil, fmt.Errorf("device %q: %q is not a device number", name, number)
		}
	}
	known := kinds
	if added := launch.Registered(kindName); added != nil {
		known = append(slices.Clone(kinds), deviceKind{name: kindName, open: added})
	}
	for _, k := range known {
		if k.name != kindName {
			continue
		}
		if k.open == nil {
			return nil, fmt.Errorf("device %q: %w: this version of zmlx does not have it", name, ErrNoDevice)
		}
		raw, err := k.open(n)
		if err != nil {
			return nil, fmt.Errorf("device %q: %w", name, err)
		}
		if d := opened.byName[raw.Name()]; d != nil {
			raw.Close()
			return d, nil
		}
		var mover graph.Mover
		if k.mover != nil {
			mover = k.mover(raw)
		}
		d, err := newDevice(raw, mover)
		if err != nil {
			return nil, fmt.Errorf("device %q: %w", name, err)
		}
		if opened.byName == nil {
			opened.byName = map[string]*Device{}
		}
		opened.byName[raw.Name()] = d
		return d, nil
	}
	return nil, fmt.Errorf("device %q: %w: the kinds are %s", name, ErrNoDevice, kindNames())
}

func kindNames() string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

var deviceCount atomic.Uint64

// newDevice returns raw as a Device. mover may be nil.
func newDevice(raw launch.Device, mover graph.Mover) (*Device, error) {
	g, err := graph.NewDevice(raw, mover)
	if err != nil {
		return nil, err
	}
	return &Device{graph: g, number: deviceCount.Add(1)}, nil
}

// Default returns the device that new arrays live on: the one given to
// [SetDefault]; else the one that the environment variable ZMLX_DEVICE names;
// else the first that works of mlx, cuda, cc and interp. It is opened on first
// use. Passing over a device that was found but does not work is logged as a
// warning. It returns nil only if ZMLX_DEVICE names a device that cannot be
// opened; arrays made then carry the error.
func Default() *Device {
	d, _ := defaultDevice()
	return d
}

func defaultDevice() (*Device, error) {
	opened.Lock()
	defer opened.Unlock()
	if opened.current != nil {
		return opened.current, nil
	}
	if name := os.Getenv("ZMLX_DEVICE"); name != "" {
		d, err := open(name)
		if err != nil {
			return nil, fmt.Errorf("ZMLX_DEVICE: %w", err)
		}
		opened.current = d
		return d, nil
	}
	for _, k := range kinds {
		d, err := open(k.name)
		if err == nil {
			opened.current = d
			slog.Debug("zmlx: default device", "device", d.Name())
			return d, nil
		}
		if !errors.Is(err, ErrNoDevice) {
			slog.Warn("zmlx: passing over a device that was found but does not work", "device", k.name, "reason", err)
		}
	}
	return nil, ErrNoDevice
}

// SetDefault makes d the device that new arrays live on. nil means to choose
// again, as [Default] says.
func SetDefault(d *Device) {
	opened.Lock()
	defer opened.Unlock()
	opened.current = d
}

// Devices says of every kind of device, best first, whether it is there.
func Devices() []DeviceInfo {
	infos := make([]DeviceInfo, 0, len(kinds))
	for _, k := range kinds {
		info := DeviceInfo{Name: k.name}
		switch d, err := Open(k.name); {
		case err != nil:
			info.Broken = !errors.Is(err, ErrNoDevice)
			info.Reason = strings.TrimPrefix(err.Error(), fmt.Sprintf("device %q: ", k.name))
		default:
			info.Name, info.Available, info.About = d.Name(), true, d.graph.Describe()
		}
		infos = append(infos, info)
	}
	return infos
}

// Name returns the device's name, such as "interp" or "cuda:0".
func (d *Device) Name() string {
	if !d.made() {
		return "no device"
	}
	return d.graph.Name()
}

// String returns the name and what the device is, such as
// "interp (pure Go interpreter, 8 goroutines)".
func (d *Device) String() string {
	if !d.made() {
		return "no device"
	}
	return fmt.Sprintf("%s (%s)", d.graph.Name(), d.graph.Describe())
}

// Close gives the device's memory back. Arrays on it must not be used any more.
// A closed device that was the default is so no longer.
func (d *Device) Close() error {
	if !d.made() {
		return &DeviceError{Device: d.Name(), Op: "close", Err: errNilDevice, Caller: caller()}
	}
	opened.Lock()
	defer opened.Unlock()
	if opened.byName[d.Name()] == d {
		delete(opened.byName, d.Name())
	}
	if opened.current == d {
		opened.current = nil
	}
	return d.graph.Close()
}

// holds returns an error if the device has no arrays of dtype dt.
func (d *Device) holds(op string, dt DType) error {
	if !dt.Valid() {
		return &DTypeError{Op: op, DTypes: []DType{dt}, Reason: "not a dtype: " + strconv.Itoa(int(dt)), Caller: caller()}
	}
	if dt == Float64 && !d.graph.Limits().Float64 {
		return &DTypeError{Op: op, DTypes: []DType{dt}, Reason: "device " + cmp.Or(d.Name(), "?") + " has no float64", Caller: caller()}
	}
	return nil
}
