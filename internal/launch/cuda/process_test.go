package cuda

// This file implements tests of the GPU in processes of their own: such as can
// be lost, and such as meet each other.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/diskcache"
)

// child returns a process that runs one of these tests, with more in its
// environment.
func child(t *testing.T, test string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$", "-test.v", "-test.timeout=1m")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// faultVariable names, in the environment of a test's child, the fault to make.
const faultVariable = "ZMLX_TEST_FAULT"

// TestGPULost brings the GPU's context down in different ways, each in a
// process of its own, which cannot use the GPU after it. This one can.
func TestGPULost(t *testing.T) {
	d := gpu(t, 0)
	for name := range faults {
		t.Run(name, func(t *testing.T) {
			out, err := child(t, "TestGPUFault", faultVariable+"="+name).CombinedOutput()
			t.Logf("%s", out)
			if err != nil || !bytes.Contains(out, []byte("--- PASS: TestGPUFault")) {
				t.Errorf("the process with the fault ended with error %v", err)
			}
			useGPU(t, d)
		})
	}
}

// TestGPUFault makes the fault that its parent asks for.
func TestGPUFault(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("runs in processes of TestGPULost alone")
	}
	d := gpu(t, 0)
	fine, bad := cudaKernel(t, d, "fine", incrementText, 1), cudaKernel(t, d, "bad", faults[name], 1)
	b := mustAlloc(t, d, 400)
	mustRun(t, fine, over(100, 10, b))
	values(t, b, 1)
	mustRun(t, bad, over(100, 10, b))
	err := b.Download(0, make([]byte, 4))
	e, ok := errors.AsType[*LostError](err)
	if !ok || !slices.Equal(e.Kernels, []string{"bad"}) {
		t.Fatalf("error %v, want a *LostError that names the kernel", err)
	}
	t.Log(err)
	for i, err := range []error{fine.Run(t.Context(), over(100, 10, b)), b.Upload(0, []byte{1}), d.Sync()} {
		if got, ok := errors.AsType[*LostError](err); !ok || got != e {
			t.Errorf("call %d after the loss: %v", i, err)
		}
	}
	if _, err := Open(t.Context(), 0, Config{}); !errors.Is(err, e) {
		t.Errorf("opened a lost device: %v", err)
	}
	b.Free()
	if err := errors.Join(fine.Close(), bad.Close(), d.Close()); err != nil {
		t.Errorf("closing the lost device: %v", err)
	}
	if _, err := Open(t.Context(), 0, Config{}); !errors.Is(err, e) {
		t.Errorf("opened a lost device that was closed: %v", err)
	}
	if count, err := d.driver.count(); err == nil && count > 1 {
		useGPU(t, gpu(t, 1))
	}
}

// useGPU makes sure that a GPU works.
func useGPU(t *testing.T, d *Device) {
	t.Helper()
	b := mustAlloc(t, d, 400)
	defer b.Free()
	if err := b.Upload(0, bytesOf(counting(100))); err != nil {
		t.Fatal(err)
	}
	mustRun(t, cudaKernel(t, d, "increment", incrementText, 1), over(100, 10, b))
	for i, v := range values(t, b, 100) {
		if want := counting(100)[i] + 1; v != want {
			t.Fatalf("%s gives %d for element %d, want %d", d.Name(), v, i, want)
		}
	}
}

// cacheVariable names, in the environment of a test's child, the cache that it
// is to use.
const cacheVariable = "ZMLX_TEST_CACHE"

// sharedKernels is how many kernels each child compiles.
const sharedKernels = 24

// TestGPUCacheShared lets processes compile the same kernels into one cache at
// once, and kills some of them meanwhile.
func TestGPUCacheShared(t *testing.T) {
	gpu(t, 0)
	dir := t.TempDir()
	env := cacheVariable + "=" + dir
	for round := range 6 {
		kept, doomed := child(t, "TestGPUCacheUser", env), child(t, "TestGPUCacheUser", env)
		var out bytes.Buffer
		kept.Stdout, kept.Stderr = &out, &out
		if err := errors.Join(kept.Start(), doomed.Start()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(300+70*round) * time.Millisecond) // into the compilations, roughly
		if err := doomed.Process.Kill(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		doomed.Wait()
		if err := kept.Wait(); err != nil || !bytes.Contains(out.Bytes(), []byte("--- PASS: TestGPUCacheUser")) {
			t.Fatalf("round %d: error %v\n%s", round, err, out.Bytes())
		}
		// Half the rounds begin with the kernels in the cache.
		if round%2 == 1 {
			if err := diskcache.Open(dir, diskcache.Limits{}).Clear(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestGPUCacheUser compiles kernels into the cache that its parent names.
func TestGPUCacheUser(t *testing.T) {
	dir := os.Getenv(cacheVariable)
	if dir == "" {
		t.Skip("runs in processes of TestGPUCacheShared alone")
	}
	d, err := Open(t.Context(), 0, Config{Cache: diskcache.Open(dir, diskcache.Limits{})})
	if err != nil {
		t.Fatal(err)
	}
	b := mustAlloc(t, d, 4)
	mustUpload(t, b, 0)
	sum := uint32(0)
	for i := range uint32(sharedKernels) {
		name := fmt.Sprintf("add%d", i)
		mustRun(t, cudaKernel(t, d, name, fmt.Sprintf("if (X == 0) ((unsigned *)p0)[0] += %d;", i), 1), over(1, 1, b))
		sum += i
	}
	if got := values(t, b, 1); got[0] != sum {
		t.Errorf("the kernels made %d, want %d", got[0], sum)
	}
}
