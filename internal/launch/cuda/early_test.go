package cuda

// This file implements tests of launches that begin early.

import (
	"errors"
	"slices"
	"testing"

	"github.com/zmlx-go/zmlx/internal/launch"
)

func TestEarly(t *testing.T) {
	f := newFake(t)
	d := f.open(t, 0)
	a, b, c := mustAlloc(t, d, 40), mustAlloc(t, d, 40), mustAlloc(t, d, 40)
	want := counting(10)
	mustUpload(t, a, want...)
	waits, does := kernel(t, d, "copy ZMLX_EARLY", "a", "b"), kernel(t, d, "copy", "a", "b")
	mustRun(t, waits, over(10, 10, a, b))
	mustRun(t, does, over(10, 10, b, c))
	if got := values(t, c, 10); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := f.get(t, "early", 0); n != 1 {
		t.Errorf("%d launches could begin early, want that of the kernel that waits", n)
	}
	if want := []string{"ZMLX_EARLY=1"}; !slices.Equal(f.compiler.macros, want) {
		t.Errorf("compiled with %v, want %v", f.compiler.macros, want)
	}
	g, err := d.record(func() error { return waits.Run(t.Context(), over(10, 10, b, a)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Launch(), g.Close()); err != nil {
		t.Error(err)
	}
	if n := f.get(t, "early", 0); n != 2 {
		t.Errorf("%d launches could begin early, want the recorded one too", n)
	}
	if err := kernel(t, d, "refuse ZMLX_EARLY", "a").Run(t.Context(), over(4, 4, a)); err == nil {
		t.Error("the driver refused a launch, but there is no error")
	}
}

// TestNotEarly opens GPUs of which no launch may begin early.
func TestNotEarly(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, f *fake){
		"driver": func(_ *testing.T, f *fake) { f.driver.version = earlyVersion - 1 },
		"entry":  func(_ *testing.T, f *fake) { f.driver.launchEx.addr = 0 },
		"sync":   func(t *testing.T, _ *fake) { t.Setenv("ZMLX_CUDA_SYNC", "1") },
		"off":    func(t *testing.T, _ *fake) { t.Setenv("ZMLX_CUDA_LATE", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			change(t, f)
			d := f.open(t, 0)
			a, b := mustAlloc(t, d, 40), mustAlloc(t, d, 40)
			want := counting(10)
			mustUpload(t, a, want...)
			mustRun(t, kernel(t, d, "copy ZMLX_EARLY", "a", "b"), over(10, 10, a, b))
			if got := values(t, b, 10); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			if n := f.get(t, "early", 0); n > 0 || len(f.compiler.macros) > 0 {
				t.Errorf("%d launches begin early, compiled with %v", n, f.compiler.macros)
			}
		})
	}
}

// earlyText writes p1 out of elements of p0 that other blocks, on other
// multiprocessors, wrote in the launch before.
const earlyText = `
#if ZMLX_EARLY
	asm volatile("griddepcontrol.wait;" ::: "memory");
	asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
	unsigned n = L.grid[0], i = X;
	if (threadIdx.x < L.group[0] && i < n) ((unsigned *)p1)[i] = __ldg((const unsigned *)p0 + (unsigned)((i * 7ull + 12345) % n)) + i;`

// TestGPUEarly makes chains of launches, each of which needs what the one before
// wrote, and overwrites what that read.
func TestGPUEarly(t *testing.T) {
	d := gpu(t, 0)
	if !d.early {
		t.Skipf("%s starts no launch early", d.Describe())
	}
	p := cudaKernel(t, d, "early", earlyText, 2)
	for _, n := range []int{100, 5000, 1 << 17, 3 << 20} {
		const launches = 300 // an even number
		want := counting(n)
		a, b := mustAlloc(t, d, 4*n), mustAlloc(t, d, 4*n)
		defer a.Free()
		defer b.Free()
		mustUpload(t, a, want...)
		chain := func() error {
			from, to := a, b
			for range launches {
				if err := p.Run(t.Context(), over(n, min(n, 256), from, to)); err != nil {
					return err
				}
				from, to = to, from
			}
			return nil
		}
		next := make([]uint32, n)
		expect := func(what string, a launch.Buffer) {
			t.Helper()
			for range launches {
				for i := range want {
					next[i] = want[(i*7+12345)%n] + uint32(i)
				}
				want, next = next, want
			}
			if !slices.Equal(values(t, a, n), want) {
				t.Errorf("%d elements, %s: wrong values", n, what)
			}
		}
		if err := chain(); err != nil {
			t.Fatal(err)
		}
		expect("one after the other", a)
		g, err := d.record(chain)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(g.Launch(), g.Launch()); err != nil {
			t.Fatal(err)
		}
		for range launches {
			for i := range want {
				next[i] = want[(i*7+12345)%n] + uint32(i)
			}
			want, next = next, want
		}
		expect("recorded", a)
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}
