// Package bench measures how fast ops run on a device, and says how that
// compares with the speed at which the machine copies memory, with C++ written
// by hand, and with other programs that did the same work.
//
// A [Case] is an op at one shape and dtype; [Cases] lists them. [Run] checks the
// result of every case against a formula in float64 before it times it, so that
// a wrong kernel is not measured at all.
//
// This file implements what is asked for and the order of the work.
package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"time"

	"github.com/zmlx-go/zmlx"
)

// A Config says what to measure. Device may not be nil.
type Config struct {
	Device *zmlx.Device
	Set    Set            // which table of cases
	Size   Size           // how large they are
	Ops    *regexp.Regexp // of names as [Case.Name] gives them; nil: all
	Rounds int            // how often each is timed; 0: 15
	CPP    bool           // time the C++ versions beside ours, where the device is the host
	Host   bool           // measure what one call of a tiny op costs the host
	Linear bool           // time mish over growing sizes instead of the cases
	Log    io.Writer      // progress; nil: none
}

// Run measures. Results of cases whose check fails carry the error and no
// times; Run itself fails only if nothing can be measured or ctx ends. The
// default device is Config.Device while it runs.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Device == nil {
		return nil, errors.New("no device to measure")
	}
	cfg.Rounds = cmp.Or(max(cfg.Rounds, 0), 15)
	defer zmlx.SetDefault(zmlx.Default())
	zmlx.SetDefault(cfg.Device)
	m, err := newMachine(cfg)
	if err != nil {
		return nil, err
	}
	defer m.close()
	if !m.async { // else every launch would be waited for
		zmlx.SetTiming(true)
		defer zmlx.SetTiming(false)
	}
	r := &Report{
		Version: reportVersion,
		Machine: Machine(),
		Device:  cfg.Device.String(),
		Time:    time.Now().UTC().Truncate(time.Second),
	}
	if cfg.CPP {
		if err := m.loadCPP(ctx); err != nil {
			return nil, fmt.Errorf("the C++ versions: %w", err)
		}
		r.CPP = m.cpp.compiler
	}
	cases := Cases(cfg.Set, cfg.Size)
	if cfg.Linear {
		cases = LinearCases(cfg.Size)
	}
	if cfg.Ops != nil {
		kept := cases[:0]
		for _, c := range cases {
			if cfg.Ops.MatchString(c.Name()) {
				kept = append(kept, c)
			}
		}
		cases = kept
	}
	if len(cases) == 0 {
		return nil, fmt.Errorf("no op of the set %s matches %s", cfg.Set, cfg.Ops)
	}
	for len(cases) > 0 {
		n := m.fitting(cases)
		results, err := m.measure(ctx, cases[:n])
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, results...)
		cases = cases[n:]
	}
	r.CopyGBps = copyBandwidth(r.Results)
	if cfg.Host {
		if r.Host, err = m.hostCosts(ctx); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fitting returns how many of the first cases may be held in memory at once:
// those are timed in turns. It is at least 1.
func (m *machine) fitting(cases []Case) int {
	budget := int64(3 << 30)
	if m.async {
		budget = 32 << 30
	}
	n, sum := 0, int64(0)
	for n < len(cases) {
		bytes := 2 * cases[n].bytes()
		if m.timer != nil { // what a case moves is about half of that
			bytes *= int64(1 + m.seriesLength(bytes/4))
		}
		if sum += bytes; sum > budget && n > 0 {
			break
		}
		n++
	}
	return n
}

// measure prepares cases, checks them, and times them in turns.
func (m *machine) measure(ctx context.Context, cases []Case) ([]Result, error) {
	var results []Result
	var runs []*timed
	defer runtime.GC()
	for i, c := range cases {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, err := m.prepare(ctx, c)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			fmt.Fprintf(m.cfg.Log, "%s: %v\n", c.Name(), err)
			results = append(results, c.result("zmlx", err))
			continue
		}
		defer w.free()
		fmt.Fprintf(m.cfg.Log, "%s: checked (%d of %d)\n", c.Name(), i+1, len(cases))
		once := m.ours(w)
		if m.timer != nil {
			var done func()
			if once, done, err = m.series(ctx, w); err != nil {
				results = append(results, c.result("zmlx", err))
				continue
			}
			defer done()
		}
		runs = append(runs, &timed{c: c, impl: "zmlx", moved: w.moved, once: once})
		f, err := m.cppRun(w)
		if err == nil && f != nil {
			defer f.free()
			err = m.checkCPP(w, f)
		}
		switch {
		case err != nil:
			results = append(results, c.result("cpp", err))
		case f != nil:
			runs = append(runs, &timed{c: c, impl: "cpp", moved: w.moved, once: m.foreign(f.run)})
		}
	}
	copies := m.copies()
	if err := m.rounds(ctx, append(runs, copies...)); err != nil {
		return nil, err
	}
	best := bestCopy(copies)
	for _, t := range runs {
		results = append(results, t.result(best))
	}
	for _, t := range copies {
		results = append(results, t.result(best))
	}
	return results, nil
}
