package diskcache

// This file implements tests of a cache that several processes share, some of
// which are killed.

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestMain lets the test binary be the other processes.
func TestMain(m *testing.M) {
	switch os.Getenv("DISKCACHE_TEST") {
	case "once":
		childOnce(os.Args[1])
	case "endless":
		childEndless(os.Args[1])
	case "full":
		childFull(os.Args[1])
	default:
		os.Exit(m.Run())
	}
}

func child(t *testing.T, ctx context.Context, what string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Env = append(os.Environ(), "DISKCACHE_TEST="+what)
	return cmd
}

// childOnce makes a key slowly and prints whether it wrote.
func childOnce(dir string) {
	key := NewKey("once")
	var calls atomic.Int32
	f, err := Open(dir, Limits{}).Make(context.Background(), key, "", func(path string) error {
		time.Sleep(50 * time.Millisecond)
		return writer(key, &calls)(path)
	})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, contentOf(key)) {
		fmt.Println("wrong content:", err)
		os.Exit(1)
	}
	if calls.Load() > 0 {
		fmt.Println("wrote")
	}
}

func TestProcessesWriteOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	var wrote atomic.Int32
	for range 6 {
		wg.Go(func() {
			out, err := child(t, t.Context(), "once", dir).CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if strings.TrimSpace(string(out)) == "wrote" {
				wrote.Add(1)
			}
		})
	}
	wg.Wait()
	if n := wrote.Load(); n != 1 {
		t.Errorf("%d processes wrote, want one", n)
	}
}

func killKey(i int) Key { return NewKey("kill", fmt.Sprint(i)) }

const killKeys = 40

// childEndless makes, damages and trims entries until it is killed.
func childEndless(dir string) {
	fmt.Println("started")
	c := Open(dir, Limits{Bytes: 64 << 10})
	for {
		key := killKey(rand.IntN(killKeys))
		var calls atomic.Int32
		if _, err := c.Put(context.Background(), key, "k", writer(key, &calls)); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
}

// TestKilled kills processes while they write and demands that every entry
// that is there is whole, and that no lock stays held.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	rounds := 30
	if testing.Short() {
		rounds = 5
	}
	seen := 0
	for round := range rounds {
		var kids []*exec.Cmd
		for range 2 {
			kid := child(t, t.Context(), "endless", dir)
			out, err := kid.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := kid.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			kids = append(kids, kid)
		}
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		for _, kid := range kids {
			if err := kid.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			kid.Wait() // killed, so the error says nothing
		}
		c := Open(dir, Limits{})
		for i := range killKeys {
			path, err := c.find(killKey(i))
			if os.IsNotExist(err) {
				continue
			}
			if err != nil {
				t.Fatalf("round %d: entry %d: %v", round, i, err)
			}
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, contentOf(killKey(i))) {
				t.Fatalf("round %d: entry %d is not whole, error %v", round, i, err)
			}
			seen++
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		key := killKey(round % killKeys)
		var calls atomic.Int32
		if _, err := c.Put(ctx, key, "", writer(key, &calls)); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		cancel()
	}
	if seen == 0 {
		t.Error("no entry was ever seen: the processes were killed too soon")
	}
}

// childFull makes entries in a folder with room for few, and prints how many
// were kept.
func childFull(dir string) {
	c := Open(dir, Limits{})
	kept := 0
	for i := range 20 {
		key := NewKey("full", fmt.Sprint(i))
		f, err := c.Make(context.Background(), key, "", func(path string) error {
			return os.WriteFile(path, append(bytes.Repeat([]byte("x"), 60<<10), key[:]...), 0o600)
		})
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		if data, err := os.ReadFile(f.Path); err != nil || len(data) != 60<<10+len(key) {
			fmt.Println("wrong content:", len(data), err)
			os.Exit(1)
		}
		if !f.Temporary {
			kept++
		}
		f.Release()
	}
	fmt.Printf("kept %d, reason %v\n", kept, c.Reason())
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	mount := []string{"-rm", "sh", "-c", `mount -t tmpfs -o size=600k none "$1" && shift && exec "$@"`, "sh", dir}
	if out, err := exec.Command("unshare", append(mount, "true")...).CombinedOutput(); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v: %s", err, out)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", append(mount, exe, filepath.Join(dir, "cache"))...)
	cmd.Env = append(os.Environ(), "DISKCACHE_TEST=full")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var kept int
	if _, err := fmt.Sscanf(string(out), "kept %d", &kept); err != nil || kept < 1 || kept > 9 || !strings.Contains(string(out), "no space left") {
		t.Errorf("the process on a full disk says %q; want a few kept and the reason", out)
	}
}
