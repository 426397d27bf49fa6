package zmlx

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"pgregory.net/rapid"
)

func values[T Element](t testing.TB, a *Array) []T {
	t.Helper()
	v, err := Values[T](a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func wantValues[T Element](t testing.TB, a *Array, shp []int, want ...T) {
	t.Helper()
	if !slices.Equal(a.Shape(), shp) {
		t.Errorf("shape %v, want %v", a.Shape(), shp)
	}
	if got := values[T](t, a); !slices.Equal(got, want) {
		t.Errorf("values %v, want %v", got, want)
	}
}

func TestFromSlice(t *testing.T) {
	data := []float32{1, 2, 3, 4, 5, 6}
	a := FromSlice(data, 2, 3)
	data[0] = 99 // the array has a copy
	wantValues(t, a, []int{2, 3}, float32(1), 2, 3, 4, 5, 6)
	wantValues(t, FromSlice(data), []int{6}, data...)
	wantValues(t, FromSlice(data, -1, 2), []int{3, 2}, data...)
	wantValues(t, FromSlice([]bool{true, false}), []int{2}, true, false)
	wantValues(t, FromSlice([]int8{}), []int{0}, []int8{}...)
	wantValues(t, FromSlice([]int8{}, 0, 3), []int{0, 3}, []int8{}...)
	wantValues(t, Scalar(complex64(1+2i)), []int{}, complex64(1+2i))
	wantValues(t, FromSlice([]half.Float16{half.Float16FromFloat32(1.5)}), []int{1}, half.Float16(0x3e00))
	if d := FromSlice([]half.BFloat16{1}).DType(); d != BFloat16 {
		t.Errorf("dtype of half.BFloat16 is %s", d)
	}
	type celsius float64
	wantValues(t, FromSlice([]celsius{36.6}), []int{1}, celsius(36.6))
	if v, err := Item[int32](Scalar(int32(7)).Reshape(1, 1)); v != 7 || err != nil {
		t.Errorf("Item: %v, %v", v, err)
	}
	// Shape() is a copy.
	a.Shape()[0] = 77
	if a.Dim(0) != 2 || a.Dim(-1) != 3 || a.Dim(2) != -1 || a.NDim() != 2 || a.Size() != 6 {
		t.Errorf("shape %v", a.Shape())
	}
}

func TestCreation(t *testing.T) {
	for _, d := range []DType{Bool, Uint8, Uint16, Uint32, Uint64, Int8, Int16, Int32, Int64, Float16, BFloat16, Float32, Float64, Complex64} {
		wantValues(t, Zeros(d, 2).As(Float32), []int{2}, float32(0), 0)
		wantValues(t, Ones(d, 2, 1).As(Float32), []int{2, 1}, float32(1), 1)
		if a := OnesLike(Zeros(d, 3)); a.DType() != d {
			t.Errorf("OnesLike of %s is %s", d, a.DType())
		}
	}
	wantValues(t, ZerosLike(FromSlice([]int16{1, 2}, 2, 1)), []int{2, 1}, int16(0), 0)
	wantValues(t, Full(int8(-3), 2, 2), []int{2, 2}, int8(-3), -3, -3, -3)
	wantValues(t, Full(int64(5)), []int{}, int64(5))
	wantValues(t, Zeros(Float32, 3, 0), []int{3, 0}, []float32{}...)
	wantValues(t, Arange(0, 5, 1, Int32), []int{5}, int32(0), 1, 2, 3, 4)
	wantValues(t, Arange(5, 0, -2, Float32), []int{3}, float32(5), 3, 1)
	wantValues(t, Arange(0, 1, 0.25, Float64), []int{4}, 0, 0.25, 0.5, 0.75)
	wantValues(t, Arange(3, 3, 1, Int8), []int{0}, []int8{}...)
	wantValues(t, Arange(3, 1, 1, Int8), []int{0}, []int8{}...)
	wantValues(t, Linspace(-2, 2, 6, Float32), []int{6}, float32(-2), -1.2, -0.4, 0.4, 1.2, 2)
	wantValues(t, Linspace(3, 9, 1, Int32), []int{1}, int32(3))
	wantValues(t, Linspace(3, 9, 0, Int32), []int{0}, []int32{}...)
	long := values[int32](t, Arange(0, 5000, 1, Int32)) // several blocks
	for i, v := range long {
		if v != int32(i) {
			t.Fatalf("element %d of a long range is %d", i, v)
		}
	}
}

func TestBytes(t *testing.T) {
	p, err := FromSlice([]uint16{0x0102, 0x0304, 0x0506, 0x0708}, 2, 2).Transpose().Bytes()
	if want := []byte{2, 1, 6, 5, 4, 3, 8, 7}; err != nil || !slices.Equal(p, want) {
		t.Errorf("bytes % x, %v", p, err)
	}
	wantValues(t, FromBytes(Uint16, p, 4), []int{4}, uint16(0x0102), 0x0506, 0x0304, 0x0708)
	wantValues(t, FromBytes(Bool, []byte{0, 2, 1}, 3), []int{3}, false, true, true)
	wantValues(t, FromBytes(Float64, nil, 0, 4), []int{0, 4}, []float64{}...)
}

func TestViews(t *testing.T) {
	a := Arange(0, 24, 1, Int32).Reshape(2, 3, 4)
	wantValues(t, a.Transpose(2, 0, 1).Slice(RangeTo(2)), []int{2, 2, 3}, int32(0), 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21)
	wantValues(t, a.Slice(RangeReverse(), Range{0, End, 2}, RangeFrom(-1)), []int{2, 2, 1}, int32(15), 23, 3, 11)
	wantValues(t, a.At(-1, 0), []int{4}, int32(12), 13, 14, 15)
	wantValues(t, a.At(1, 2, 3), []int{}, int32(23))
	wantValues(t, a.At(0, 0).Slice(RangeTo(2)).Broadcast(2, 2), []int{2, 2}, int32(0), 1, 0, 1)
	wantValues(t, a.At(0, 0).ExpandDims(-1).Squeeze(), []int{4}, int32(0), 1, 2, 3)
	wantValues(t, a.Transpose().Reshape(-1).Slice(RangeTo(4)), []int{4}, int32(0), 12, 4, 16)
	wantValues(t, a.Slice(Range{}), []int{0, 3, 4}, []int32{}...)
	wantValues(t, a.Slice(Range{}).Flatten(), []int{0}, []int32{}...)
	wantValues(t, Scalar(int8(3)).Reshape(1, 1, 1).Squeeze(0, -1), []int{1}, int8(3))
	wantValues(t, Scalar(int8(3)).Reshape(), []int{}, int8(3))
	if v := a.Transpose(); v.RowContiguous() || v.value != a.value || !v.Contiguous().RowContiguous() {
		t.Error("a transposed array is no view")
	}
	if a.Contiguous() != a || a.As(Int32) != a || a.To(a.Device()) != a {
		t.Error("conversions that change nothing make new arrays")
	}
	n := 0
	for i, row := range a.Rows() {
		wantValues(t, row.At(0), []int{4}, int32(i*12), int32(i*12+1), int32(i*12+2), int32(i*12+3))
		n++
	}
	if n != 2 {
		t.Errorf("%d rows", n)
	}
	for range Scalar(int8(0)).Rows() {
		t.Error("a scalar has a row")
	}
}

func TestJoining(t *testing.T) {
	a := Arange(0, 6, 1, Int32).Reshape(2, 3)
	b := a.Slice(RangeReverse(), RangeTo(1))
	wantValues(t, Concatenate(1, a, b), []int{2, 4}, int32(0), 1, 2, 3, 3, 4, 5, 0)
	wantValues(t, Concatenate(-2, a, a.Slice(Range{}), a.Slice(RangeTo(1))), []int{3, 3}, int32(0), 1, 2, 3, 4, 5, 0, 1, 2)
	wantValues(t, Stack(0, a.At(0), a.At(1)), []int{2, 3}, int32(0), 1, 2, 3, 4, 5)
	wantValues(t, Stack(-1, a.At(0), a.At(1)), []int{3, 2}, int32(0), 3, 1, 4, 2, 5)
	wantValues(t, Stack(0, Scalar(int8(1)), Scalar(int8(2))), []int{2}, int8(1), 2)
}

// A model is an array by the definition: a function of the index.
type model struct {
	dims []int
	at   func(index []int) int32
}

func (m model) values() []int32 {
	out := []int32{}
	index := make([]int, len(m.dims))
	var walk func(axis int)
	walk = func(axis int) {
		if axis == len(index) {
			out = append(out, m.at(index))
			return
		}
		for i := range m.dims[axis] {
			index[axis] = i
			walk(axis + 1)
		}
	}
	walk(0)
	return out
}

// Chains of views of every kind against the model.
func TestViewChains(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(t, "dims")
		n := 1
		for _, d := range dims {
			n *= d
		}
		a := Arange(0, float64(n), 1, Int32).Reshape(dims...)
		m := model{dims, func(index []int) int32 {
			at := 0
			for i, d := range dims {
				at = at*d + index[i]
			}
			return int32(at)
		}}
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			a, m = viewStep(t, a, m)
		}
		got, err := Values[int32](a)
		if err != nil {
			t.Fatal(err)
		}
		if want := m.values(); !slices.Equal(a.Shape(), m.dims) || !slices.Equal(got, want) {
			t.Fatalf("%v %v, want %v %v", a.Shape(), got, m.dims, want)
		}
		wide, err := Values[float64](a.As(Float64))
		if err != nil || len(wide) != len(got) {
			t.Fatal(err)
		}
		for i := range got {
			if wide[i] != float64(got[i]) {
				t.Fatalf("element %d of a view is %d, as float64 %v", i, got[i], wide[i])
			}
		}
	})
}

func viewStep(t *rapid.T, a *Array, m model) (*Array, model) {
	nd := len(m.dims)
	switch rapid.SampledFrom([]string{"slice", "transpose", "expand", "squeeze", "broadcast", "reshape", "at", "join"}).Draw(t, "op") {
	case "slice":
		ranges := make([]Range, rapid.IntRange(0, nd).Draw(t, "ranges"))
		dims := slices.Clone(m.dims)
		picks := make([][]int, nd)
		for i, d := range m.dims {
			for p := range d {
				picks[i] = append(picks[i], p)
			}
			if i < len(ranges) {
				draw := func(name string) int {
					return rapid.OneOf(rapid.IntRange(-6, 6), rapid.SampledFrom([]int{Begin, End})).Draw(t, name)
				}
				ranges[i] = Range{draw("start"), draw("stop"), rapid.SampledFrom([]int{-3, -2, -1, 0, 1, 2, 3}).Draw(t, "step")}
				picks[i] = pick(d, ranges[i])
			}
			dims[i] = len(picks[i])
		}
		return a.Slice(ranges...), model{dims, func(index []int) int32 {
			old := make([]int, nd)
			for i := range old {
				old[i] = picks[i][index[i]]
			}
			return m.at(old)
		}}
	case "transpose":
		axes := make([]int, nd)
		for i := range axes {
			axes[i] = i
		}
		axes = rapid.Permutation(axes).Draw(t, "axes")
		if nd == 0 {
			return a.Transpose(), m
		}
		dims := make([]int, nd)
		for i, x := range axes {
			dims[i] = m.dims[x]
		}
		return a.Transpose(axes...), model{dims, func(index []int) int32 {
			old := make([]int, nd)
			for i, x := range axes {
				old[x] = index[i]
			}
			return m.at(old)
		}}
	case "expand":
		axis := rapid.IntRange(0, nd).Draw(t, "axis")
		return a.ExpandDims(axis), model{slices.Insert(slices.Clone(m.dims), axis, 1), func(index []int) int32 {
			return m.at(slices.Delete(slices.Clone(index), axis, axis+1))
		}}
	case "squeeze":
		var dims []int
		for _, d := range m.dims {
			if d != 1 {
				dims = append(dims, d)
			}
		}
		return a.Squeeze(), model{dims, func(index []int) int32 {
			old := make([]int, nd)
			k := 0
			for i, d := range m.dims {
				if d != 1 {
					old[i] = index[k]
					k++
				}
			}
			return m.at(old)
		}}
	case "broadcast":
		dims := slices.Clone(m.dims)
		for i, d := range dims {
			if d == 1 {
				dims[i] = rapid.IntRange(0, 3).Draw(t, "repeat")
			}
		}
		lead := 0
		if nd < 4 && rapid.Bool().Draw(t, "lead") {
			dims, lead = slices.Insert(dims, 0, 2), 1
		}
		return a.Broadcast(dims...), model{dims, func(index []int) int32 {
			old := slices.Clone(index[lead:])
			for i, d := range m.dims {
				if d == 1 {
					old[i] = 0
				}
			}
			return m.at(old)
		}}
	case "reshape":
		flat := m.values()
		dims := []int{len(flat)}
		if len(flat)%2 == 0 && len(flat) > 0 {
			dims = rapid.SampledFrom([][]int{{2, len(flat) / 2}, {len(flat) / 2, 1, 2}, {len(flat)}}).Draw(t, "shape")
		}
		return a.Reshape(dims...), model{dims, func(index []int) int32 {
			at := 0
			for i, d := range dims {
				at = at*d + index[i]
			}
			return flat[at]
		}}
	case "at":
		if nd == 0 || m.dims[0] == 0 {
			return a, m
		}
		i := rapid.IntRange(0, m.dims[0]-1).Draw(t, "index")
		return a.At(i - m.dims[0]), model{m.dims[1:], func(index []int) int32 { return m.at(append([]int{i}, index...)) }}
	}
	if nd == 0 {
		return Stack(0, a, a), model{[]int{2}, func([]int) int32 { return m.at(nil) }}
	}
	axis := rapid.IntRange(0, nd-1).Draw(t, "axis")
	dims := slices.Clone(m.dims)
	dims[axis] *= 2
	return Concatenate(axis, a, a), model{dims, func(index []int) int32 {
		old := slices.Clone(index)
		old[axis] %= m.dims[axis]
		return m.at(old)
	}}
}

// pick lists the positions of a Range by walking from its start, as the Python
// language reference describes it.
func pick(n int, r Range) []int {
	step := r.Step
	if step == 0 {
		step = 1
	}
	bound := func(p, lo, hi int) int {
		if p < 0 {
			p += n
		}
		return min(max(p, lo), hi)
	}
	var out []int
	if step > 0 {
		for i, stop := bound(r.Start, 0, n), bound(r.Stop, 0, n); i < stop; i += step {
			out = append(out, i)
		}
	} else {
		for i, stop := bound(r.Start, -1, n-1), bound(r.Stop, -1, n-1); i > stop; i += step {
			out = append(out, i)
		}
	}
	return out
}

func TestComparing(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	f := func(v ...float64) *Array { return FromSlice(v) }
	for _, c := range []struct {
		a, b         *Array
		equal, close bool
	}{
		{f(1, 2), f(1, 2), true, true},
		{f(1, 2), f(1, 2, 3), false, false},
		{f(1, 2), f(1, 2.001), false, true},
		{f(1, 2), f(1, 2.1), false, false},
		{f(nan), f(nan), false, false},
		{f(inf, -inf), f(inf, -inf), true, true},
		{f(1), f(inf), false, false},
		{f(inf), f(1), false, false},
		{f(inf), f(-inf), false, false},
		{f(0), f(math.Copysign(0, -1)), true, true},
		{f(1), Ones(Float32, 1), false, true},
		{f(1), Ones(Complex64, 1), false, true},
		{Full(complex64(1+1i), 1), f(1), false, false},
		{FromSlice([]int64{1 << 60}), FromSlice([]int64{1<<60 + 1}), false, true},
		{Zeros(Bool, 2), Zeros(Bool, 2), true, true},
		{Zeros(Int8, 0), Zeros(Int8, 0, 1), false, false},
		{Arange(0, 6, 1, Float16).Reshape(2, 3).Transpose(), FromSlice([]float64{0, 3, 1, 4, 2, 5}, 3, 2).As(Float16), true, true},
	} {
		equal, err := Equal(c.a, c.b)
		if err != nil || equal != c.equal {
			t.Errorf("Equal(%v, %v) = %v, %v", c.a, c.b, equal, err)
		}
		closeTo, err := AllClose(c.a, c.b, 1e-3, 1e-6)
		if err != nil || closeTo != c.close {
			t.Errorf("AllClose(%v, %v) = %v, %v", c.a, c.b, closeTo, err)
		}
	}
}

// A remote device is one whose memory the host cannot address.
type remote struct{ float64 bool }

func (remote) Name() string            { return "remote" }
func (remote) Describe() string        { return "memory out of reach" }
func (r remote) Limits() launch.Limits { return launch.Limits{Float64: r.float64} }
func (remote) Close() error            { return nil }
func (remote) Compile(context.Context, *ir.Func, launch.Options) (launch.Program, error) {
	return nil, errors.New("no kernels")
}
func (remote) Alloc(n int) (launch.Buffer, error) {
	if n > 1<<30 {
		return nil, errors.New("too much")
	}
	return &remoteBuffer{p: make([]byte, n)}, nil
}

type remoteBuffer struct{ p []byte }

func (b *remoteBuffer) Size() int    { return len(b.p) }
func (b *remoteBuffer) Free()        {}
func (b *remoteBuffer) Host() []byte { return nil }
func (b *remoteBuffer) Upload(at int, p []byte) error {
	copy(b.p[at:], p)
	return nil
}
func (b *remoteBuffer) Download(at int, p []byte) error {
	copy(p, b.p[at:])
	return nil
}

func newRemote(t testing.TB, float64 bool) *Device {
	t.Helper()
	d, err := newDevice(remote{float64}, graph.StagedMover{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestOtherDevices(t *testing.T) {
	d := newRemote(t, false)
	a := Arange(0, 6, 1, Int32).Reshape(2, 3)
	b := a.Transpose().To(d)
	if b.Device() != d || b.Device().Name() != "remote" || d.String() != "remote (memory out of reach)" {
		t.Errorf("array is on %s", b.Device())
	}
	wantValues(t, b, []int{3, 2}, int32(0), 3, 1, 4, 2, 5)
	wantValues(t, b.Slice(RangeReverse()).As(Float16).As(Float32), []int{3, 2}, float32(2), 5, 1, 4, 0, 3)
	wantValues(t, Concatenate(1, b, OnesLike(b)), []int{3, 4}, int32(0), 3, 1, 1, 1, 4, 1, 1, 2, 5, 1, 1)
	wantValues(t, b.Slice(Range{1, End, 1}, RangeReverse()).To(a.Device()), []int{2, 2}, int32(4), 1, 5, 2)
	if got := fmt.Sprint(b.Transpose()); got != "[[0 1 2]\n [3 4 5]]" {
		t.Errorf("prints %s", got)
	}
	if _, err := Equal(a, b.Transpose()); err != nil {
		t.Error(err)
	}
	var de *DeviceError
	if err := Concatenate(0, a, b).Err(); !errors.As(err, &de) || !strings.Contains(err.Error(), "concatenate: array is on remote, not on") || !strings.Contains(de.Caller, "array_test.go:") {
		t.Errorf("arrays of two devices: %v", err)
	}
	var te *DTypeError
	for _, c := range []*Array{b.As(Float64), Zeros(Float64, 2).To(d)} {
		if !errors.As(c.Err(), &te) || !strings.Contains(te.Error(), "device remote has no float64") {
			t.Errorf("float64 on a device without: %v", c.Err())
		}
	}
	if err := Zeros(Uint8, 1).Broadcast(1 << 31).To(d).Eval(context.Background()); !errors.As(err, &de) || de.Device != "remote" ||
		!strings.Contains(err.Error(), "no memory for 2147483648 bytes on remote: too much") {
		t.Errorf("no memory: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	a := RandomNormal(NewKey(1), Float32, 64, 64)
	b := a.Transpose().As(Float64).Reshape(-1)
	sums := make([]float64, 8)
	var wg sync.WaitGroup
	for g := range sums {
		wg.Go(func() {
			c := Concatenate(0, b, b.Slice(RangeReverse()))
			v, err := Values[float64](c)
			if err != nil {
				t.Error(err)
			}
			for _, x := range v {
				sums[g] += x
			}
			_ = fmt.Sprint(a, c)
			slog.Debug("array", "a", a)
		})
	}
	wg.Wait()
	for _, s := range sums {
		if s != sums[0] {
			t.Errorf("sums %v", sums)
		}
	}
}

// A node that kernels can be made of: see newOp.
func TestNewOp(t *testing.T) {
	a := Arange(0, 4, 1, Float32)
	dev := a.Device()
	if !dev.graph.OnHost() {
		t.Skipf("the host cannot address the memory of %s", dev.Name())
	}
	specs := []spec{{DType: Float32, Dims: []int{4}}, {DType: Uint32, Dims: nil}}
	double := func(x *Array) []*Array {
		return newOp("double", dev, []*Array{x}, specs, func(_ context.Context, in []graph.View) ([]graph.View, error) {
			out, err := dev.graph.NewView(specs[0])
			if err != nil {
				return nil, err
			}
			n, err := dev.graph.NewView(specs[1])
			if err != nil {
				return nil, err
			}
			src := graph.Slice[float32](in[0].Buffer.Host())
			for i, dst := 0, graph.Slice[float32](out.Buffer.Host()); i < 4; i++ {
				dst[i] = 2 * src[in[0].Offset+i*in[0].Strides[0]]
			}
			graph.Slice[uint32](n.Buffer.Host())[0] = 4
			return []graph.View{out, n}, nil
		})
	}
	outs := double(a.Slice(RangeReverse()))
	wantValues(t, outs[0], []int{4}, float32(6), 4, 2, 0)
	wantValues(t, outs[1], []int{}, uint32(4))
	for _, out := range double(a.Reshape(5)) {
		var se *ShapeError
		if !errors.As(out.Err(), &se) || se.Op != "reshape" {
			t.Errorf("error %v", out.Err())
		}
	}
}
