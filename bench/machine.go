// This file implements the machine that is measured: its device, what can be
// asked of that, and the copy that everything is compared with.

package bench

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/launch"
)

// A timer is a device that works while its caller goes on. Time runs f, waits
// for what f launched, and returns how long the device was busy with that.
type timer interface {
	Time(f func() error) (time.Duration, error)
}

// A copier is a device that can copy its memory without a kernel of ours. The
// buffers have one size.
type copier interface {
	Copy(dst, src launch.Buffer) error
}

// A flusher is a device that can empty its caches. Flush need not wait.
type flusher interface {
	Flush() error
}

type machine struct {
	cfg     Config
	raw     launch.Device
	async   bool
	timer   timer   // nil: launches are over when they return
	copier  copier  // nil: none
	flusher flusher // nil: arrays are larger than caches
	cpp     *cppLibrary
	buffers []launch.Buffer
}

func newMachine(cfg Config) (*machine, error) {
	raw := launch.Raw(cfg.Device)
	if raw == nil {
		return nil, fmt.Errorf("device %s has nothing to measure", cfg.Device.Name())
	}
	m := &machine{cfg: cfg, raw: raw}
	m.timer, m.async = raw.(timer)
	m.copier, _ = raw.(copier)
	m.flusher, _ = raw.(flusher)
	return m, nil
}

func (m *machine) close() {
	for _, b := range m.buffers {
		b.Free()
	}
	if m.cpp != nil {
		m.cpp.close()
	}
}

// copySize returns how many bytes are copied at a time.
func (m *machine) copySize() int {
	switch {
	case m.cfg.Size == Tiny:
		return 64 << 10
	case m.async:
		return 1 << 30
	}
	return 64 << 20
}

// copies returns the ways of copying memory on the device: the best of them is
// what a percentage refers to.
func (m *machine) copies() ([]*timed, error) {
	n := m.copySize()
	for len(m.buffers) < 2 {
		b, err := m.raw.Alloc(n)
		if err != nil {
			return nil, err
		}
		m.buffers = append(m.buffers, b)
	}
	dst, src := m.buffers[0], m.buffers[1]
	c := Case{Op: "memcpy", Shape: []int{n / 4}, DType: zmlx.Float32}
	var list []*timed
	add := func(impl string, once func(int) (lap, error)) {
		list = append(list, &timed{c: c, impl: impl, once: once, moved: 2 * int64(n)})
	}
	if m.copier != nil {
		add("device", func(times int) (lap, error) {
			return m.lap(times, func() error { return m.copier.Copy(dst, src) })
		})
	}
	if dst.Host() != nil {
		add("go", m.foreign(func() { copyParallel(dst.Host(), src.Host()) }))
		if m.cpp != nil {
			add("cpp", m.foreign(func() { m.cpp.copy(dst.Host(), src.Host()) }))
		}
	}
	if len(list) == 0 {
		c.maker = makers["copy"]
		w := c.maker(c)
		w.c = c
		add("zmlx", m.ours(w))
	}
	return list, nil
}

// copyParallel copies with every processor.
func copyParallel(dst, src []byte) {
	var wg sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	step := (len(src)/parts + 63) &^ 63
	for from := 0; from < len(src); from += step {
		to := min(from+step, len(src))
		wg.Go(func() { copy(dst[from:to], src[from:to]) })
	}
	wg.Wait()
}

// Machine describes the processors: their kind and number.
func Machine() string {
	kind := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			name, value, _ := strings.Cut(s.Text(), ":")
			if strings.TrimSpace(name) == "model name" {
				kind = strings.TrimSpace(value)
				break
			}
		}
	}
	noun := "cores"
	if runtime.GOMAXPROCS(0) == 1 {
		noun = "core"
	}
	return fmt.Sprintf("%s, %d %s", kind, runtime.GOMAXPROCS(0), noun)
}
