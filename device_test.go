package zmlx

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch"
)

// withKinds runs a test with other kinds of device and none open, and puts all
// back after it. Such tests cannot run beside others.
func withKinds(t *testing.T, ks ...deviceKind) {
	t.Helper()
	opened.Lock()
	oldKinds, oldNames, oldCurrent := kinds, opened.byName, opened.current
	kinds, opened.byName, opened.current = ks, nil, nil
	opened.Unlock()
	t.Setenv("ZMLX_DEVICE", "")
	t.Cleanup(func() {
		opened.Lock()
		defer opened.Unlock()
		kinds, opened.byName, opened.current = oldKinds, oldNames, oldCurrent
	})
}

// A named device is a remote one with a name and a count of its Closes.
type named struct {
	remote
	name   string
	closed *int
}

func (d named) Name() string { return d.name }
func (d named) Close() error { *d.closed++; return nil }

func TestDefaultDevice(t *testing.T) {
	closed := 0
	opener := func(name string, err error) deviceKind {
		return deviceKind{name: name, open: func(n int) (launch.Device, error) {
			if err != nil {
				return nil, err
			}
			if n > 1 {
				return nil, ErrNoDevice
			}
			return named{name: name + ":" + string(rune('0'+n)), closed: &closed}, nil
		}}
	}
	withKinds(t, deviceKind{name: "mlx"}, opener("cuda", errors.New("driver too old")), opener("cc", nil), opener("interp", nil))
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)

	d := Default()
	if d.Name() != "cc:0" || Default() != d {
		t.Errorf("default is %v", d)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "driver too old") {
		t.Errorf("log: %s", log.String())
	}
	var infos []string
	for _, i := range Devices() {
		infos = append(infos, i.Name+"|"+i.About+"|"+i.Reason)
	}
	if want := []string{
		"mlx||no such device here: this version of zmlx does not have it", "cuda||driver too old",
		"cc:0|memory out of reach|", "interp:0|memory out of reach|",
	}; !slices.Equal(infos, want) {
		t.Errorf("devices %q, want %q", infos, want)
	}
	two, err := Open("cc:1")
	if err != nil || two == d || two.Name() != "cc:1" {
		t.Errorf("cc:1 is %v, %v", two, err)
	}
	if again, err := Open("cc"); again != d || err != nil {
		t.Errorf("cc is %v, %v", again, err)
	}
	SetDefault(two)
	if a := Zeros(Int8, 2); a.Device() != two {
		t.Errorf("array is on %v", a.Device())
	}
	closed = 0
	if err := two.Close(); err != nil || closed != 1 {
		t.Errorf("%d closes, %v", closed, err)
	}
	if err := two.Close(); err != nil || closed != 1 {
		t.Errorf("closing twice: %d closes, %v", closed, err)
	}
	if Default() != d {
		t.Errorf("default after it was closed is %v", Default())
	}
	if err := OnesLike(Scalar(int8(1)).To(two)).Eval(context.Background()); err == nil || !strings.Contains(err.Error(), "device is closed") {
		t.Errorf("closed device: %v", err)
	}
	for _, c := range []struct{ name, want string }{
		{"cc:2", `device "cc:2": no such device here`},
		{"cc:x", `device "cc:x": "x" is not a device number`},
		{"cc:-1", `device "cc:-1": "-1" is not a device number`},
		{"tpu", `device "tpu": no such device here: the kinds are mlx, cuda, cc, interp`},
		{"", `device "": no such device here: the kinds are mlx, cuda, cc, interp`},
		{"cuda", `device "cuda": driver too old`},
	} {
		if _, err := Open(c.name); err == nil || err.Error() != c.want {
			t.Errorf("Open(%q): %v, want %s", c.name, err, c.want)
		}
	}
}

func TestDeviceFromEnvironment(t *testing.T) {
	closed := 0
	withKinds(t, deviceKind{name: "cc", open: func(int) (launch.Device, error) { return named{name: "cc", closed: &closed}, nil }},
		deviceKind{name: "interp", open: openInterp})
	os.Setenv("ZMLX_DEVICE", "interp") // withKinds puts it back
	if d := Default(); d.Name() != "interp" {
		t.Errorf("default is %v", d)
	}
	SetDefault(nil)
	os.Setenv("ZMLX_DEVICE", "cuda")
	if d := Default(); d != nil || d.Name() != "no device" || d.String() != "no device" {
		t.Errorf("default is %v", d)
	}
	err := Zeros(Int8, 2).Err()
	var de *DeviceError
	if !errors.As(err, &de) || !errors.Is(err, ErrNoDevice) || !strings.HasPrefix(err.Error(), `zeros: ZMLX_DEVICE: device "cuda": no such device here: the kinds are cc, interp (device_test.go:`) {
		t.Errorf("error %v", err)
	}
}

func TestInterpIsAlwaysThere(t *testing.T) {
	d, err := Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Open("interp:0"); again != d || err != nil {
		t.Errorf("interp:0 is %v, %v", again, err)
	}
	if _, err := Open("interp:1"); !errors.Is(err, ErrNoDevice) {
		t.Errorf("interp:1: %v", err)
	}
	infos := Devices()
	if last := infos[len(infos)-1]; last.Name != "interp" || !last.Available || last.About == "" {
		t.Errorf("devices %+v", infos)
	}
	wantValues(t, Arange(0, 3, 1, Float64).To(d), []int{3}, 0.0, 1, 2)
}
