// This file implements series: an op recorded for many copies of its arrays.
// Together they are far larger than the caches of a GPU, so that each run finds
// nothing of its data there, and all share the cost of starting and timing,
// which is as long as a small op.

package bench

import (
	"context"
	"slices"
	"time"

	"github.com/zmlx-go/zmlx"
)

const (
	seriesBytes = 768 << 20 // that the runs of a series move, at least
	seriesMost  = 32        // runs
)

// seriesLength returns how many runs of so many bytes make a series.
func (m *machine) seriesLength(moved int64) int {
	if m.cfg.Size == Tiny {
		return 2
	}
	return int(min(seriesMost, 1+(seriesBytes-1)/max(moved, 1)))
}

// series records a work as a series, and returns the function that times it
// and the one that lets go of it. The host's part is that of a call of the
// work by itself, until its launches were handed over.
func (m *machine) series(ctx context.Context, w *work) (once func(int) (lap, error), done func(), err error) {
	n := m.seriesLength(w.moved)
	each := len(w.inputs)
	rec, err := m.cfg.Device.Record(ctx, func(args ...*zmlx.Array) []*zmlx.Array {
		var out []*zmlx.Array
		for in := range slices.Chunk(args, each) {
			out = append(out, w.call(in)...)
		}
		return out
	}, slices.Repeat(w.inputs, n)...)
	if err != nil {
		return nil, nil, err
	}
	once = func(int) (lap, error) {
		l, err := m.lap(1, func() error { return rec.Run(ctx) })
		if err != nil {
			return l, err
		}
		l.total /= time.Duration(n)
		start := time.Now()
		out := w.call(w.inputs)
		err = zmlx.Eval(ctx, out...)
		l.host = time.Since(start)
		freeAll(out)
		return l, err
	}
	done = func() {
		freeAll(rec.Outputs())
		rec.Close()
	}
	return once, done, nil
}
