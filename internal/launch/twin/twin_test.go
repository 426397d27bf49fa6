package twin

// This file tests that the comparison finds what differs, and lets pass what
// may.

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

// A bent device adds a few floats to element 3 of what kernels write.
type bent struct {
	launch.Device
	by uint32
}

type bentProgram struct {
	launch.Program
	by uint32
}

func (d bent) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	p, err := d.Device.Compile(ctx, fn, opt)
	return bentProgram{p, d.by}, err
}

func (p bentProgram) Run(ctx context.Context, l launch.Launch) error {
	err := p.Program.Run(ctx, l)
	out := l.Args[1].Buffer.Host()[12:]
	binary.LittleEndian.PutUint32(out, binary.LittleEndian.Uint32(out)+p.by)
	return err
}

const kernelOf = `kernel k {
  param @x device f32
  param @out device f32 output
  %1 = special thread_position_in_grid.x
  %2 = load f32 [@x + %1*4]
BODY
  store f32 [@out + %1*4], %3
}`

func run(t *testing.T, body string, by uint32) (Counts, error) {
	t.Helper()
	fn, err := ir.Parse("k", strings.Replace(kernelOf, "BODY", body, 1))
	if err != nil {
		t.Fatal(err)
	}
	d := New(Config{Reference: interp.New(), Judged: bent{interp.New(), by}})
	p, err := d.Compile(t.Context(), fn, launch.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	in, err := d.Alloc(32)
	if err != nil {
		t.Fatal(err)
	}
	out, err := d.Alloc(32)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		binary.LittleEndian.PutUint32(in.Host()[4*i:], math.Float32bits(0.1+float32(i)))
	}
	err = p.Run(t.Context(), launch.Launch{Args: []launch.Arg{{Buffer: in, Hi: 32}, {Buffer: out, Hi: 32}}, Grid: [3]int{8, 1, 1}, Group: [3]int{8, 1, 1}})
	return d.Counts(), err
}

func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name, body string
		by         uint32
		differs    bool
		counts     Counts
	}{
		{"equal", "%3 = mul f32 %2, %2", 0, false, Counts{Exact: 1}},
		{"one bit", "%3 = mul f32 %2, %2", 1, true, Counts{Exact: 1}},
		{"equal function", "%3 = exp f32 %2", 0, false, Counts{Within: 1}},
		{"documented distance", "%3 = exp f32 %2", 1, false, Counts{Within: 1, Apart: 1, Unequal: 1}},
		{"too far", "%3 = exp f32 %2", 2, true, Counts{Within: 1, Apart: 1, Unequal: 1}},
		{"other function", "%3 = atan f32 %2", 2, false, Counts{Within: 1, Apart: 1, Unequal: 1}},
		{"exact function", "%3 = sqrt f32 %2", 1, true, Counts{Exact: 1}},
		{"in a formula", "%4 = exp f32 %2\n%3 = mul f32 %4, %2", 3, false, Counts{Within: 1, Apart: 1, Unequal: 1}},
		{"too far in a formula", "%4 = exp f32 %2\n%3 = mul f32 %4, %2", 100, true, Counts{Within: 1, Apart: 1, Unequal: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			counts, err := run(t, c.body, c.by)
			if (err != nil) != c.differs || counts != c.counts {
				t.Errorf("counts are %+v, error is %v", counts, err)
			}
			if err != nil && !strings.Contains(err.Error(), "out[3] is ") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// What depends on the order of threads is not compared.
func TestOrder(t *testing.T) {
	for text, matters := range map[string]bool{
		"atomic_add u32 [@a], 1u32":                false,
		"%1 = atomic_add u32 [@a], 1u32":           true,
		"atomic_add f32 [@a], 1.0f32":              true,
		"atomic_max f32 [@a], 1.0f32":              false,
		"%1 = atomic_xchg u32 [@a], 1u32":          true,
		"store u32 [@a], 1u32":                     false,
		"%1, %2 = atomic_cas u32 [@a], 1u32, 2u32": true,
	} {
		fn, err := ir.Parse("k", "kernel k {\n  param @a device u32 output atomic\n  "+text+"\n}")
		if err != nil {
			t.Error(err)
			continue
		}
		if orderMatters(fn) != matters {
			t.Errorf("%s: order matters: %v", text, !matters)
		}
	}
}
