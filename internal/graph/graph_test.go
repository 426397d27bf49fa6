package graph

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// A testDevice has memory but runs no kernels. Its memory can be out of the
// host's reach, and bounded.
type testDevice struct {
	remote bool
	most   int64 // bytes; 0: no bound
	used   atomic.Int64
}

func (d *testDevice) Name() string          { return "test" }
func (d *testDevice) Describe() string      { return "memory for tests" }
func (d *testDevice) Limits() launch.Limits { return launch.Limits{Float64: true} }
func (d *testDevice) Close() error          { return nil }
func (d *testDevice) Compile(context.Context, *ir.Func, launch.Options) (launch.Program, error) {
	return nil, errors.New("no kernels")
}

func (d *testDevice) Alloc(n int) (launch.Buffer, error) {
	if used := d.used.Add(int64(n)); d.most > 0 && used > d.most {
		d.used.Add(int64(-n))
		return nil, errors.New("memory is full")
	}
	return &testBuffer{d: d, p: make([]byte, n)}, nil
}

type testBuffer struct {
	d *testDevice
	p []byte
}

func (b *testBuffer) Size() int { return len(b.p) }
func (b *testBuffer) Free()     { b.d.used.Add(int64(-len(b.p))); b.p = nil }
func (b *testBuffer) Host() []byte {
	if b.d.remote {
		return nil
	}
	return b.p
}
func (b *testBuffer) Upload(offset int, p []byte) error   { copy(b.p[offset:], p); return nil }
func (b *testBuffer) Download(offset int, p []byte) error { copy(p, b.p[offset:]); return nil }

func open(t *testing.T, d *testDevice) *Device {
	t.Helper()
	var mover Mover // that runs no kernels
	if d.remote {
		mover = StagedMover{}
	}
	dev, err := NewDevice(d, mover)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

var scalarSpec = Spec{DType: dtype.Int64}

// constant returns a Value that is n, and counts in runs when it is computed.
func constant(t *testing.T, dev *Device, n int64, runs *atomic.Int64) *Value {
	t.Helper()
	return sum(t, dev, n, runs)
}

// sum returns a Value that is n plus the sum of its inputs.
func sum(t *testing.T, dev *Device, n int64, runs *atomic.Int64, inputs ...*Value) *Value {
	t.Helper()
	ins := make([]Input, len(inputs))
	for i, v := range inputs {
		ins[i] = Input{v, shape.New(nil)}
	}
	v, err := one(New("sum", dev, ins, []Spec{scalarSpec}, func(_ context.Context, in []View) ([]View, error) {
		runs.Add(1)
		out, err := dev.NewView(scalarSpec)
		if err != nil {
			return nil, err
		}
		total := n
		for _, v := range in {
			total += Slice[int64](v.Buffer.Host())[v.Offset]
		}
		Slice[int64](out.Buffer.Host())[0] = total
		return []View{out}, nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func value(t *testing.T, v *Value) int64 {
	t.Helper()
	view, release, err := v.Hold()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	return Slice[int64](view.Buffer.Host())[0]
}

func TestDeepChain(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	const deep = 100_000
	v := constant(t, dev, 0, &runs)
	for range deep {
		v = sum(t, dev, 1, &runs, v)
	}
	if v.Done() {
		t.Fatal("computed before it is needed")
	}
	if err := Evaluate(context.Background(), v); err != nil {
		t.Fatal(err)
	}
	if got := value(t, v); got != deep {
		t.Errorf("value %d, want %d", got, deep)
	}
	if runs.Load() != deep+1 {
		t.Errorf("%d runs", runs.Load())
	}
	runtime.KeepAlive(v)
}

// A lattice of doublings has 2⁶⁰ paths but 60 nodes.
func TestSharedNodesRunOnce(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	v := constant(t, dev, 1, &runs)
	for range 60 {
		v = sum(t, dev, 0, &runs, v, v)
	}
	if err := Evaluate(context.Background(), v, v); err != nil {
		t.Fatal(err)
	}
	if got := value(t, v); got != 1<<60 || runs.Load() != 61 {
		t.Errorf("value %d after %d runs", got, runs.Load())
	}
}

func TestManyGoroutines(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	layer := []*Value{constant(t, dev, 1, &runs), constant(t, dev, 2, &runs)}
	const deep = 200
	for range deep {
		layer = []*Value{sum(t, dev, 1, &runs, layer...), sum(t, dev, 2, &runs, layer[1], layer[0])}
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			if err := Evaluate(context.Background(), layer[g%2], layer[1-g%2]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := runs.Load(); got != 2*deep+2 {
		t.Errorf("%d runs, want %d", got, 2*deep+2)
	}
	if a, b := value(t, layer[0]), value(t, layer[1]); b-a != 1 {
		t.Errorf("values %d and %d", a, b)
	}
}

func TestErrorsReachDependents(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	broken := errors.New("broken")
	bad, err := one(New("bad", dev, nil, []Spec{scalarSpec}, func(context.Context, []View) ([]View, error) {
		return nil, broken
	}))
	if err != nil {
		t.Fatal(err)
	}
	good := constant(t, dev, 5, &runs)
	after := sum(t, dev, 1, &runs, sum(t, dev, 1, &runs, good, bad))
	if err := Evaluate(context.Background(), good, after); err != broken {
		t.Errorf("error %v", err)
	}
	if after.Err() != broken || good.Err() != nil || runs.Load() != 1 {
		t.Errorf("after %v, good %v, %d runs", after.Err(), good.Err(), runs.Load())
	}
	if _, _, err := after.Hold(); err != broken {
		t.Errorf("Hold: %v", err)
	}
}

func TestCancelledNodesRunAgain(t *testing.T) {
	dev := open(t, &testDevice{})
	tries := 0
	ctx, cancel := context.WithCancel(context.Background())
	v, err := one(New("slow", dev, nil, []Spec{scalarSpec}, func(ctx context.Context, _ []View) ([]View, error) {
		tries++
		cancel()
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("slow: %w", err)
		}
		out, err := dev.NewView(scalarSpec)
		return []View{out}, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second does not start it
		if err := Evaluate(ctx, v); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	}
	if v.Done() {
		t.Error("done though cancelled")
	}
	if err := Evaluate(context.Background(), v); err != nil || tries != 2 {
		t.Errorf("error %v after %d tries", err, tries)
	}
}

// A goroutine that waits for another's node stops waiting when its own context
// ends, and takes over when the other's does.
func TestWaiting(t *testing.T) {
	dev := open(t, &testDevice{})
	started, tries := make(chan struct{}, 2), 0
	v, _ := one(New("slow", dev, nil, []Spec{scalarSpec}, func(ctx context.Context, _ []View) ([]View, error) {
		tries++
		started <- struct{}{}
		if tries == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		out, err := dev.NewView(scalarSpec)
		return []View{out}, err
	}))
	ctx1, cancel1 := context.WithCancel(context.Background())
	ctx2, cancel2 := context.WithCancel(context.Background())
	cancel2()
	errs := make(chan error)
	go func() { errs <- Evaluate(ctx1, v) }()
	<-started
	if err := Evaluate(ctx2, v); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting with a cancelled context: %v", err)
	}
	go func() { errs <- Evaluate(context.Background(), v) }()
	cancel1()
	e1, e2 := <-errs, <-errs
	if e1 == nil {
		e1, e2 = e2, e1
	}
	if !errors.Is(e1, context.Canceled) || e2 != nil || tries != 2 {
		t.Errorf("errors %v and %v after %d tries", e1, e2, tries)
	}
}

func TestPanicsWakeWaiters(t *testing.T) {
	dev := open(t, &testDevice{})
	v, _ := one(New("mad", dev, nil, []Spec{scalarSpec}, func(context.Context, []View) ([]View, error) {
		panic("mad")
	}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was lost")
			}
		}()
		Evaluate(context.Background(), v)
	}()
	if err := Evaluate(context.Background(), v); err == nil || !strings.Contains(err.Error(), "mad did not finish") {
		t.Errorf("error %v", err)
	}
}

func TestOutputsAreChecked(t *testing.T) {
	dev := open(t, &testDevice{})
	for name, out := range map[string]func() []View{
		"returned 0 arrays": func() []View { return nil },
		"not a dense int64": func() []View { v, _ := dev.NewView(Spec{dtype.Int32, nil}); return []View{v} },
		"not a dense":       func() []View { v, _ := dev.NewView(Spec{dtype.Int64, []int{1}}); return []View{v} },
		"output 0 of":       func() []View { return []View{{DType: dtype.Int64}} },
	} {
		v, _ := one(New("odd", dev, nil, []Spec{scalarSpec}, func(context.Context, []View) ([]View, error) {
			return out(), nil
		}))
		if err := Evaluate(context.Background(), v); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q", err, name)
		}
	}
}

func TestSeveralOutputs(t *testing.T) {
	dev := open(t, &testDevice{})
	runs := 0
	specs := []Spec{{dtype.Int64, nil}, {dtype.Uint8, []int{3}}}
	outs, err := New("two", dev, nil, specs, func(context.Context, []View) ([]View, error) {
		runs++
		a, err := dev.NewView(specs[0])
		if err != nil {
			return nil, err
		}
		b, err := dev.NewView(specs[1])
		if err != nil {
			return nil, err
		}
		Slice[int64](a.Buffer.Host())[0] = 7
		copy(b.Buffer.Host(), "abc")
		return []View{a, b}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Evaluate(context.Background(), outs[1]); err != nil {
		t.Fatal(err)
	}
	if err := Evaluate(context.Background(), outs[0], outs[1]); err != nil || runs != 1 {
		t.Fatalf("error %v after %d runs", err, runs)
	}
	v, release, err := outs[1].Hold()
	if err != nil || string(v.Buffer.Host()) != "abc" || value(t, outs[0]) != 7 {
		t.Errorf("%q, %v", v.Buffer.Host(), err)
	}
	release()
}

func TestFree(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	a := constant(t, dev, 1, &runs)
	b := sum(t, dev, 1, &runs, a)
	a.Free("here.go:1")
	a.Free("there.go:2")
	if _, err := New("late", dev, []Input{{a, shape.New(nil)}}, nil, nil); err == nil || err.Error() != "array was freed at here.go:1" {
		t.Errorf("new use of a freed value: %v", err)
	}
	if err := Evaluate(context.Background(), b); err != nil || value(t, b) != 2 {
		t.Errorf("value made before its input was freed: %v", err)
	}
	if got := dev.Memory().Live; got != class(8) {
		t.Errorf("%d bytes are live, want those of one value", got)
	}
	v, release, err := b.Hold()
	if err != nil {
		t.Fatal(err)
	}
	b.Free("here.go:3")
	if got := Slice[int64](v.Buffer.Host())[0]; got != 2 || dev.Memory().Live == 0 {
		t.Errorf("memory that is held was given back")
	}
	release()
	if got := dev.Memory(); got.Live != 0 || got.Cached != 2*class(8) {
		t.Errorf("after everything was freed: %+v", got)
	}
	if _, _, err := b.Hold(); err == nil {
		t.Error("a freed value can be held")
	}
}

// A failing New must not leave its first inputs marked as needed.
func TestFailedNewHoldsNothing(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	a, b := constant(t, dev, 1, &runs), constant(t, dev, 2, &runs)
	if err := Evaluate(context.Background(), a, b); err != nil {
		t.Fatal(err)
	}
	b.Free("x.go:1")
	if _, err := New("late", dev, []Input{{a, shape.New(nil)}, {b, shape.New(nil)}}, nil, nil); err == nil {
		t.Fatal("no error")
	}
	a.Free("x.go:2")
	if live := dev.Memory().Live; live != 0 {
		t.Errorf("%d bytes are live", live)
	}
}

func TestScope(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	before := constant(t, dev, 1, &runs)
	outer := dev.OpenScope()
	a := constant(t, dev, 1, &runs)
	inner := dev.OpenScope()
	b, c := constant(t, dev, 2, &runs), constant(t, dev, 3, &runs)
	other := make(chan *Value)
	go func() { other <- constant(t, dev, 4, &runs) }()
	d := <-other
	inner.Keep(c)
	inner.Close("inner.go:1")
	freed := func(v *Value) string {
		if e := (*FreedError)(nil); errors.As(v.Err(), &e) {
			return e.Where
		}
		return ""
	}
	if got := []string{freed(a), freed(b), freed(c), freed(d)}; !slices.Equal(got, []string{"", "inner.go:1", "", ""}) {
		t.Errorf("after the inner scope: %q", got)
	}
	outer.Close("outer.go:1")
	if got := []string{freed(before), freed(a), freed(c), freed(d)}; !slices.Equal(got, []string{"", "outer.go:1", "outer.go:1", ""}) {
		t.Errorf("after the outer scope: %q", got)
	}
	e := constant(t, dev, 5, &runs)
	if dev.scopes.open.Load() != 0 || len(dev.scopes.top) != 0 || freed(e) != "" {
		t.Errorf("scopes left over: %v", dev.scopes.top)
	}
}

// Values that are freed while others evaluate, read and derive from them are
// either right or freed, and no memory is given back twice.
func TestFreeWhileInUse(t *testing.T) {
	dev := open(t, &testDevice{})
	var runs atomic.Int64
	for range 200 {
		a := constant(t, dev, 3, &runs)
		b := sum(t, dev, 4, &runs, a)
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := Evaluate(context.Background(), b); err != nil {
					t.Error(err)
				} else if got := value(t, b); got != 7 {
					t.Errorf("value %d", got)
				}
			})
			wg.Go(func() {
				Evaluate(context.Background(), a)
				if v, release, err := a.Hold(); err == nil {
					if got := Slice[int64](v.Buffer.Host())[0]; got != 3 {
						t.Errorf("held value %d", got)
					}
					release()
				}
			})
			wg.Go(func() { a.Free("x.go:1") })
		}
		wg.Wait()
		b.Free("x.go:2")
	}
	if got := dev.Memory(); got.Live != 0 || got.Cached > 64*class(8) {
		t.Errorf("%+v", got)
	}
}
