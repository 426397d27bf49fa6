package zmlx

import (
	"context"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	distant "github.com/zmlx-go/zmlx/internal/launch/remote"
)

// elsewhere is a device that leaves all kernels to the host.
type elsewhere struct {
	*distant.Device
	host launch.Device
}

func (d elsewhere) Compile(ctx context.Context, f *ir.Func, opt launch.Options) (launch.Program, error) {
	return compileOnHost(ctx, d.host, f, opt)
}

// TestHostProgram runs kernels on the host for a device whose memory it cannot
// address: one with two slices of an array as inputs, and one that adds to its
// output.
func TestHostProgram(t *testing.T) {
	d, err := newDevice(elsewhere{distant.New("remote", interp.New()), interp.New()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	before := Default()
	SetDefault(d)
	defer SetDefault(before)
	run := func(source string, atomic bool, inputs ...*Array) *Array {
		t.Helper()
		names := []string{"x", "y"}[:len(inputs)]
		k, err := Compile(Kernel{
			Name: "k", InputNames: names, OutputNames: []string{"out"}, Source: source,
			EnsureRowContiguous: new(false), AtomicOutputs: atomic,
		})
		if err != nil {
			t.Fatal(err)
		}
		l := Launch{Grid: [3]int{4, 1, 1}, Threadgroup: [3]int{4, 1, 1}, OutputShapes: [][]int{{4}}, OutputDTypes: []DType{Float32}}
		if atomic {
			l.InitValue = new(0.5)
		}
		return k.Call(l, inputs...)[0]
	}
	all := FromSlice([]float32{1, 2, 3, 4, 5, 6, 7, 8})
	lower, upper := all.Slice(Range{Start: 0, Stop: 4}), all.Slice(Range{Start: 4, Stop: 8})
	for _, c := range []struct {
		out  *Array
		want []float32
	}{
		{run("uint i = thread_position_in_grid.x; out[i] = 10 * x[i] + y[i];", false, upper, lower), []float32{51, 62, 73, 84}},
		{run("uint i = thread_position_in_grid.x; atomic_fetch_add_explicit(&out[i / 2], x[i], memory_order_relaxed);", true, lower), []float32{3.5, 7.5, 0.5, 0.5}},
	} {
		got, err := Values[float32](c.out)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("got %v, error %v; want %v", got, err, c.want)
		}
	}
}
