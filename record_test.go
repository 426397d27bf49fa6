package zmlx

// This file implements tests of recordings.

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

// onBoth runs a test on a device that repeats launches itself and on one for
// which that is done.
func onBoth(t *testing.T, f func(t *testing.T, d *Device)) {
	t.Run("one by one", func(t *testing.T) {
		d, err := newDevice(interp.New(), nil)
		if err != nil {
			t.Fatal(err)
		}
		f(t, d)
	})
	t.Run("by the device", func(t *testing.T) {
		d, raw := farDevice(t, "far")
		f(t, d)
		if n := raw.Counts(); n.Recordings == 0 || n.Replays == 0 {
			t.Errorf("counts are %+v", n)
		}
	})
}

func TestRecord(t *testing.T) {
	onBoth(t, func(t *testing.T, d *Device) {
		ctx := t.Context()
		w := FromSlice([]float32{1, 10, 100}).To(d).MulScalar(2) // computed once
		calls := 0
		step := func(in ...*Array) []*Array {
			calls++
			x, y := in[0], in[1]
			h := bump(x).Mul(w).Softmax().Sum(-1) // rows that add up to 1
			return []*Array{x.Add(y).Mul(w), Concatenate(0, x.Transpose(), y.Transpose()).Slice(RangeReverse()), h, x.As(Int32), w}
		}
		x, y := FromSlice([]float32{1, 2, 3}).To(d).Reshape(1, 3), FromSlice([]float32{4, 5, 6}).To(d).Reshape(1, 3)
		r, err := d.Record(ctx, step, x, y)
		if err != nil {
			t.Fatal(err)
		}
		check := func(xs, ys [3]float32) {
			t.Helper()
			o := r.Outputs()
			wantValues(t, o[0], []int{1, 3}, (xs[0]+ys[0])*2, (xs[1]+ys[1])*20, (xs[2]+ys[2])*200)
			wantValues(t, o[1], []int{6, 1}, ys[2], ys[1], ys[0], xs[2], xs[1], xs[0])
			wantValues(t, o[2], []int{1}, float32(1))
			wantValues(t, o[3], []int{1, 3}, int32(xs[0]), int32(xs[1]), int32(xs[2]))
			wantValues(t, o[4], []int{3}, float32(2), 20, 200)
		}
		check([3]float32{1, 2, 3}, [3]float32{4, 5, 6})
		if err := r.Run(ctx, FromSlice([]float32{7, 8, 9}).To(d).Reshape(1, 3), nil); err != nil {
			t.Fatal(err)
		}
		check([3]float32{7, 8, 9}, [3]float32{4, 5, 6})
		before := d.Stats()
		for i := range 50 {
			x := Full(float32(i), 1, 3).To(d)
			if err := r.Run(ctx, x, x.AddScalar(1)); err != nil {
				t.Fatal(err)
			}
			Ones(Float32, 1, 3).To(d).MulScalar(-1).Eval(ctx) // others do not get the recording's memory
			check([3]float32{float32(i), float32(i), float32(i)}, [3]float32{float32(i + 1), float32(i + 1), float32(i + 1)})
		}
		if after := d.Stats(); after.Launches-before.Launches < int64(50*r.Launches()) || calls != 1 {
			t.Errorf("%d calls, launches %+v and then %+v", calls, before, after)
		}
		wantValues(t, x, []int{1, 3}, float32(1), 2, 3) // the caller's own array stays
		last := r.Outputs()[0]
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Run(ctx); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("after Close: %v", err)
		}
		wantValues(t, last, []int{1, 3}, float32(198), 1980, 19800)
	})
}

// A loop that feeds its result back.
func TestRecordedLoop(t *testing.T) {
	onBoth(t, func(t *testing.T, d *Device) {
		r, err := d.Record(t.Context(), func(in ...*Array) []*Array { return []*Array{bump(in[0])} }, Zeros(Float32, 4).To(d))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for range 100 {
			if err := r.Run(t.Context(), r.Outputs()...); err != nil {
				t.Fatal(err)
			}
		}
		wantValues(t, r.Outputs()[0], []int{4}, float32(101), 101, 101, 101)
	})
}

func TestRecordErrors(t *testing.T) {
	d, raw := farDevice(t, "far")
	ctx := t.Context()
	x := FromSlice([]float32{1, 2}).To(d)
	same := func(in ...*Array) []*Array { return in }
	if _, err := d.Record(ctx, func(in ...*Array) []*Array {
		v, err := Values[float32](bump(in[0]))
		if err == nil {
			return []*Array{FromSlice(v).To(d)}
		}
		return []*Array{Failed(err)}
	}, x); err == nil || !strings.Contains(err.Error(), "recording that is being made") {
		t.Errorf("reading within the function: %v", err)
	}
	if _, err := d.Record(ctx, same, FromSlice([]float32{1})); err == nil || !strings.Contains(err.Error(), "not on far") {
		t.Errorf("an input elsewhere: %v", err)
	}
	other, _ := farDevice(t, "other")
	if _, err := d.Record(ctx, func(in ...*Array) []*Array { return []*Array{in[0].To(other).Square().To(d)} }, x); err == nil || !strings.Contains(err.Error(), "a recording on far cannot use other") {
		t.Errorf("over another device: %v", err)
	}
	r, err := d.Record(ctx, func(in ...*Array) []*Array { return []*Array{bump(in[0])} }, x)
	if err != nil {
		t.Fatal(err)
	}
	var se *ShapeError
	if err := r.Run(ctx, Ones(Float32, 3).To(d)); !errors.As(err, &se) {
		t.Errorf("another shape: %v", err)
	}
	var te *DTypeError
	if err := r.Run(ctx, Ones(Int32, 2).To(d)); !errors.As(err, &te) {
		t.Errorf("another dtype: %v", err)
	}
	if err := r.Run(ctx, x, x); err == nil {
		t.Error("two inputs for one: no error")
	}
	raw.Break("bump", errors.New("illegal address"))
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := Values[float32](r.Outputs()[0]); err == nil || !strings.Contains(err.Error(), "illegal address") {
		t.Errorf("a launch that fails: %v", err)
	}
	wantValues(t, x, []int{2}, float32(1), 2)
}

// Runs of the outputs' memory in a loop cost no allocation on the device.
func TestRecordKeepsItsMemory(t *testing.T) {
	d, _ := farDevice(t, "far")
	var r *Recording
	err := d.Scope(func(keep func(*Array)) {
		var err error
		if r, err = d.Record(t.Context(), func(in ...*Array) []*Array { return []*Array{bump(bump(bump(in[0])))} }, Zeros(Float32, 64).To(d)); err != nil {
			t.Fatal(err)
		}
		keep(r.Outputs()[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	before := d.MemoryStats()
	for range 20 {
		if err := r.Run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if after := d.MemoryStats(); after.Allocs != before.Allocs || after.Live != before.Live {
		t.Errorf("memory %+v, and then %+v", before, after)
	}
	if v, err := Values[float32](r.Outputs()[0]); err != nil || v[63] != 3 {
		t.Errorf("%v, %v", v, err)
	}
}

func BenchmarkReplayPerKernel(b *testing.B) {
	d, _ := nullDevice(b)
	x := on(b, d, 4, 64)
	op := MustDefine("soft(x) = softmax(x)")
	r, err := d.Record(b.Context(), func(in ...*Array) []*Array {
		outs := make([]*Array, 100)
		y := in[0]
		for i := range outs {
			y = op.Call(y)
			outs[i] = y
		}
		return outs
	}, x)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N/100 + 1 {
		if err := r.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
