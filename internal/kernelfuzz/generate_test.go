package kernelfuzz

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

// Kernels hold what they are to hold: over some seeds, everything that devices
// do differently.
func TestCoverage(t *testing.T) {
	var all strings.Builder
	ops := map[ir.Op]bool{}
	loops, barriersInLoops := 0, 0
	for seed := range uint64(400) {
		c := Generate(seed, Mode(seed%2))
		r, err := c.Compile()
		if err != nil {
			t.Fatalf("%v\n%s", err, c)
		}
		each(&r.Func.Body, 0, func(in *ir.Instr, inside int) {
			ops[in.Op] = true
			if inside > 0 {
				loops++
				if in.Op == ir.Barrier {
					barriersInLoops++
				}
			}
		})
		all.WriteString(c.Header + c.Body)
	}
	for op := ir.Mov; op < ir.NumOps; op++ {
		switch op {
		case ir.Lgamma, ir.SinPi, ir.CosPi, ir.TanPi, ir.PtrBits, ir.PtrSub, ir.Ilogb:
			continue // exact on few devices, or not in what is generated
		}
		if !ops[op] {
			t.Errorf("no kernel has %s", op)
		}
	}
	if loops < 1000 || barriersInLoops < 50 {
		t.Errorf("%d instructions in loops, %d barriers in loops", loops, barriersInLoops)
	}
	for _, text := range []string{"while (", "do {", "switch (", "continue;", "break;", "return;", "default:", "S0 ", "thread float*", "table0[", "[&]", "else if", "_shape[", "device float4*", "double", "mid[gid]", "simdgroup_multiply_accumulate", "atomic_compare_exchange_weak"} {
		if !strings.Contains(all.String(), text) {
			t.Errorf("no kernel has %q", text)
		}
	}
}

// each calls f for every instruction with the number of loops around it.
func each(b *ir.Block, inside int, f func(in *ir.Instr, inside int)) {
	for _, s := range b.Stmts {
		switch s := s.(type) {
		case *ir.Instr:
			f(s, inside)
		case *ir.If:
			each(&s.Then, inside, f)
			each(&s.Else, inside, f)
		case *ir.Loop:
			each(&s.Head, inside+1, f)
			each(&s.Body, inside+1, f)
			each(&s.Step, inside+1, f)
		case *ir.Scope:
			each(&s.Body, inside, f)
		}
	}
}

func TestFile(t *testing.T) {
	for seed := range uint64(20) {
		c := Generate(seed, Mode(seed%2))
		again, err := Parse(c.String())
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c, again, cmpopts.IgnoreUnexported(Case{}), cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	}
	for _, bad := range []string{"", "-- header --\n", "-- header --\n-- body --\n", "input x\n-- header --\n-- body --\n", "launch grid 1x1 group 1x1x1\n-- header --\n-- body --\n"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is read as a case", bad)
		}
	}
}

// faulty is the interpreter with one instruction taken for another.
type faulty struct {
	launch.Device
	from, to ir.Op
}

func (d faulty) Name() string { return "faulty " + d.from.String() }

func (d faulty) Compile(ctx context.Context, fn *ir.Func, opt launch.Options) (launch.Program, error) {
	each(&fn.Body, 0, func(in *ir.Instr, _ int) {
		if in.Op == d.from {
			in.Op = d.to
		}
	})
	return d.Device.Compile(ctx, fn, opt)
}

// Devices with a fault are found out soon, and the kernel that shows it
// becomes small.
func TestFaultsAreFound(t *testing.T) {
	faults := []struct{ from, to ir.Op }{
		{ir.Floor, ir.Trunc}, {ir.SimdPrefixExSum, ir.SimdPrefixSum}, {ir.SimdShuffleDown, ir.SimdRotateDown}, {ir.AtomicOr, ir.AtomicXor},
		{ir.Shr, ir.Shl}, {ir.Le, ir.Lt}, {ir.SimdAny, ir.SimdAll}, {ir.Exp, ir.Exp2},
	}
	if testing.Short() {
		faults = faults[:2]
	}
	for _, f := range faults {
		t.Run(f.from.String(), func(t *testing.T) {
			dev := opened{Device: faulty{interp.New(), f.from, f.to}}
			for seed := range uint64(400) {
				c := Generate(seed, Mode(seed%2))
				if v, _ := judgeAlone(dev, c); v != different {
					continue
				}
				small := smaller(dev, c, 30*time.Second)
				v, err := judgeAlone(dev, small)
				if v != different {
					t.Fatalf("the fault is not there any more: %v\n%s", err, small)
				}
				if n := len(small.Body) + len(small.Header); n > 900 { // a whole one has some 5000
					t.Errorf("the smallest kernel has %d bytes\n%s", n, small)
				}
				t.Logf("seed %d: %v", seed, err)
				return
			}
			t.Error("400 kernels do not show the fault")
		})
	}
}
