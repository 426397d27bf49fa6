// This file implements timing: rounds in which everything is run in turn, so
// that a machine that slows down slows all alike.

package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zmlx-go/zmlx"
)

// A lap is how long one run took: in all, as far as the device is waited for,
// and of that for the host alone.
type lap struct{ total, host time.Duration }

// A timed is something that is run in every round.
type timed struct {
	c     Case
	impl  string
	moved int64                        // bytes
	once  func(times int) (lap, error) // the time of one of so many runs
	times int
	laps  []lap
}

const (
	warmUps = 2
	least   = 500 * time.Microsecond // what is measured at a time takes at least as long, where the host waits
	most    = 5000                   // runs of that, at most
)

// rounds warms everything up and then times it cfg.Rounds times.
func (m *machine) rounds(ctx context.Context, all []*timed) error {
	for _, t := range all {
		t.times = 1
		for range warmUps {
			l, err := t.once(t.times)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", t.c.Name(), t.impl, err)
			}
			if !m.async && m.cfg.Size != Tiny {
				t.times = int(min(most, 1+least/max(l.total, 1)))
			}
		}
	}
	for range m.cfg.Rounds {
		for _, t := range all {
			if err := ctx.Err(); err != nil {
				return err
			}
			l, err := t.once(t.times)
			if err != nil {
				return fmt.Errorf("%s of %s: %w", t.c.Name(), t.impl, err)
			}
			t.laps = append(t.laps, l)
		}
	}
	return nil
}

// ours times a work of ours, from the call to the computed result. Freeing the
// result is left out, but where many runs are timed together.
func (m *machine) ours(w *work) func(int) (lap, error) {
	ctx := context.Background()
	return func(times int) (lap, error) {
		var host time.Duration
		var out []*zmlx.Array
		defer func() { freeAll(out) }()
		before := kernelTime()
		l, err := m.lap(times, func() error {
			start := time.Now()
			freeAll(out)
			out = w.call(w.inputs)
			err := zmlx.Eval(ctx, out...)
			host += time.Since(start)
			return err
		})
		if !m.async { // kernels ran while the host waited
			host -= kernelTime() - before
		}
		l.host = max(0, host) / time.Duration(times)
		return l, err
	}
}

// lap times f, by the device's clock if it has one. Such a device is given the
// same work once more before, so that it is busy while the host hands over what
// is timed.
func (m *machine) lap(times int, f func() error) (lap, error) {
	run := func() error {
		for range times {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
	if m.async {
		if err := m.wait(); err != nil {
			return lap{}, err
		}
	}
	var total time.Duration
	var err error
	if m.timer != nil {
		if err = run(); err == nil {
			total, err = m.timer.Time(run)
		}
	} else {
		start := time.Now()
		err = errors.Join(run(), m.wait())
		total = time.Since(start)
	}
	return lap{total: total / time.Duration(times)}, err
}

// foreign times a function that runs on the host.
func (m *machine) foreign(f func()) func(int) (lap, error) {
	return func(times int) (lap, error) {
		start := time.Now()
		for range times {
			f()
		}
		return lap{total: time.Since(start) / time.Duration(times)}, nil
	}
}

// kernelTime returns the time that all kernels ran so far.
func kernelTime() time.Duration {
	var sum time.Duration
	for _, k := range zmlx.Kernels() {
		sum += k.Stats.DeviceTime
	}
	return sum
}

// quartiles returns the quartiles of values, linear between neighbours.
func quartiles(values []float64) (q1, median, q3 float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	v := slices.Sorted(slices.Values(values))
	at := func(p float64) float64 {
		x := p * float64(len(v)-1)
		i := int(x)
		if i+1 >= len(v) {
			return v[len(v)-1]
		}
		return v[i] + (x-float64(i))*(v[i+1]-v[i])
	}
	return at(0.25), at(0.5), at(0.75)
}

// result sums the laps up. copyGBps is what the copy of the same rounds moved.
func (t *timed) result(copyGBps float64) Result {
	r := t.c.result(t.impl, nil)
	var total, host []float64
	for _, l := range t.laps {
		total = append(total, l.total.Seconds())
		host = append(host, l.host.Seconds())
	}
	r.Bytes, r.Rounds, r.Samples = t.moved, len(t.laps), total
	r.Q1, r.Seconds, r.Q3 = quartiles(total)
	if len(total) > 0 {
		r.Least = slices.Min(total)
	}
	if t.impl == "zmlx" {
		_, r.HostSeconds, _ = quartiles(host)
	}
	if r.Seconds > 0 {
		r.GBps = float64(r.Bytes) / r.Seconds / 1e9
	}
	if copyGBps > 0 {
		r.CopyPercent = 100 * r.GBps / copyGBps
	}
	return r
}

// bestCopy returns the greatest bandwidth of the ways to copy.
func bestCopy(copies []*timed) float64 {
	best := 0.0
	for _, t := range copies {
		best = max(best, t.result(0).GBps)
	}
	return best
}
