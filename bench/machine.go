// This file implements the machine that is measured: its device, what can be
// asked of that, and the copy that everything is compared with.

package bench

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/launch"
)

type machine struct {
	cfg     Config
	raw     launch.Device
	async   bool          // launches may return before they are done
	syncer  launch.Syncer // nil: there is nothing to wait for
	timer   launch.Timer  // nil: by the host's clock
	copier  launch.Copier // nil: none
	cpp     *cppLibrary
	buffers []launch.Buffer // what is copied from and to
}

func newMachine(cfg Config) (*machine, error) {
	raw := launch.Raw(cfg.Device)
	if raw == nil {
		return nil, fmt.Errorf("device %s has nothing to measure", cfg.Device.Name())
	}
	if cfg.Log == nil {
		cfg.Log = io.Discard
	}
	m := &machine{cfg: cfg, raw: raw}
	m.syncer, m.async = raw.(launch.Syncer)
	m.timer, _ = raw.(launch.Timer)
	m.copier, _ = raw.(launch.Copier)
	for range 2 {
		b, err := raw.Alloc(m.copySize())
		if err != nil {
			m.close()
			return nil, err
		}
		m.buffers = append(m.buffers, b)
		if err := fill(b); err != nil {
			m.close()
			return nil, err
		}
	}
	return m, nil
}

// fill writes all of a buffer: memory that nothing has written yet may be one
// page of zeros many times over, which copies faster than any memory is.
func fill(b launch.Buffer) error {
	block := make([]byte, min(b.Size(), 1<<24))
	for i := range block {
		block[i] = byte(i%251 + 1)
	}
	for at := 0; at < b.Size(); at += len(block) {
		if err := b.Upload(at, block[:min(len(block), b.Size()-at)]); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) close() {
	for _, b := range m.buffers {
		b.Free()
	}
}

// wait waits for the device.
func (m *machine) wait() error {
	if m.syncer == nil {
		return nil
	}
	return m.syncer.Sync()
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
func (m *machine) copies() []*timed {
	n := m.copySize()
	dst, src := m.buffers[0], m.buffers[1]
	c := Case{Op: "memcpy", Shape: []int{n / 4}, DType: zmlx.Float32}
	var list []*timed
	add := func(impl string, once func(int) (lap, error)) {
		list = append(list, &timed{c: c, impl: impl, once: once, moved: 2 * int64(n)})
	}
	if m.copier != nil {
		add("device", func(times int) (lap, error) {
			return m.lap(times, func() error { return m.copier.Copy(dst, 0, src, 0, n) })
		})
	}
	if dst.Host() != nil {
		add("go", m.foreign(func() { copyParallel(dst.Host(), src.Host()) }))
		if m.cpp != nil {
			add("cpp", m.foreign(func() { m.cpp.copy(dst.Host(), src.Host()) }))
		}
	}
	return list
}

// copyParallel copies with every processor.
func copyParallel(dst, src []byte) {
	var wg sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	step := (len(src)/parts + 64) &^ 63
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
