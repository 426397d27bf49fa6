package diskcache

// This file implements tests of a cache within one process.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// contentOf returns what the tests keep for a key.
func contentOf(key Key) []byte { return bytes.Repeat(key[:], 100+int(key[0])) }

func writer(key Key, calls *atomic.Int32) func(string) error {
	return func(path string) error {
		calls.Add(1)
		return os.WriteFile(path, contentOf(key), 0o700)
	}
}

// mustMake makes a key and compares the content; it returns how often write
// was called.
func mustMake(t *testing.T, c *Cache, key Key) int {
	t.Helper()
	var calls atomic.Int32
	f, err := c.Make(t.Context(), key, "entry "+key.String()[:4], writer(key, &calls))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Release()
	got, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, contentOf(key)) {
		t.Fatalf("key %s has %d bytes that are not its content", key, len(got))
	}
	return int(calls.Load())
}

func TestKeys(t *testing.T) {
	if NewKey("ab", "c") == NewKey("a", "bc") || NewKey("a") == NewKey("a", "") {
		t.Error("different lists have the same key")
	}
	// SHA-256 of "1:a1:b". Other keys would make everybody compile again.
	const want = "facdde7abf1eac5b301273ab2e282f79bab0100f058833a7b8bdf9f80741e149"
	if got := NewKey("a", "b").String(); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
}

func TestMakeOnce(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	if err := c.Reason(); err != nil {
		t.Fatal(err)
	}
	key := NewKey("one")
	if _, ok := c.Get(key); ok {
		t.Error("an empty cache has an entry")
	}
	if n := mustMake(t, c, key); n != 1 {
		t.Errorf("written %d times at first, want once", n)
	}
	if n := mustMake(t, c, key); n != 0 {
		t.Errorf("written %d times again, want never", n)
	}
	again := Open(c.Dir(), Limits{})
	if n := mustMake(t, again, key); n != 0 {
		t.Errorf("written %d times by another cache in the folder, want never", n)
	}
	entries, err := c.List()
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d entries, error %v; want one", len(entries), err)
	}
	if e := entries[0]; e.Key != key || e.Name != "entry "+key.String()[:4] || e.Size != int64(len(contentOf(key))) {
		t.Errorf("the entry is %+v", e)
	}
	if left, _ := os.ReadDir(filepath.Join(c.Dir(), "tmp")); len(left) != 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}

func TestPutReplaces(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	key := NewKey("put")
	mustMake(t, c, key)
	f, err := c.Put(t.Context(), key, "new", func(path string) error { return os.WriteFile(path, []byte("new"), 0o600) })
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := c.Get(key); !ok || got != f.Path {
		t.Errorf("after Put, Get gives %q, %v; want %q", got, ok, f.Path)
	}
}

func TestWriteFails(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	key, want := NewKey("fails"), errors.New("no compiler today")
	_, err := c.Make(t.Context(), key, "", func(string) error { return want })
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
	if n := mustMake(t, c, key); n != 1 {
		t.Errorf("written %d times after a failure, want once", n)
	}
}

func TestDamage(t *testing.T) {
	damages := map[string]func(c *Cache, key Key, object string) error{
		"object truncated": func(_ *Cache, _ Key, object string) error { return os.Truncate(object, 10) },
		"object empty":     func(_ *Cache, _ Key, object string) error { return os.Truncate(object, 0) },
		"object longer": func(_ *Cache, key Key, object string) error {
			return os.WriteFile(object, append(contentOf(key), 'x'), 0o600)
		},
		"object changed": func(_ *Cache, key Key, object string) error {
			data := contentOf(key)
			data[len(data)/2] ^= 1
			return os.WriteFile(object, data, 0o600)
		},
		"object gone": func(_ *Cache, _ Key, object string) error { return os.Remove(object) },
		"object a folder": func(_ *Cache, _ Key, object string) error {
			return errors.Join(os.Remove(object), os.MkdirAll(filepath.Join(object, "deep"), 0o700))
		},
		"object a link": func(c *Cache, key Key, object string) error {
			other := filepath.Join(c.Dir(), "other")
			return errors.Join(os.Rename(object, other), os.Symlink(other, object))
		},
		"key empty":   func(c *Cache, key Key, _ string) error { return os.Truncate(c.keyPath(key), 0) },
		"key gone":    func(c *Cache, key Key, _ string) error { return os.Remove(c.keyPath(key)) },
		"key foreign": func(c *Cache, key Key, _ string) error { return os.WriteFile(c.keyPath(key), []byte("hello\n"), 0o600) },
		"key huge": func(c *Cache, key Key, _ string) error {
			return os.WriteFile(c.keyPath(key), make([]byte, 1<<20), 0o600)
		},
		"key of another": func(c *Cache, key Key, _ string) error {
			other := NewKey("another")
			text := index{other, strings.Repeat("0", 64), 5, ""}.text()
			return os.WriteFile(c.keyPath(key), []byte(text), 0o600)
		},
		"key that leads outside": func(c *Cache, key Key, _ string) error {
			text := fmt.Sprintf(indexFormat, key, "../../../../../../etc/passwd", 5, "")
			return os.WriteFile(c.keyPath(key), []byte(text), 0o600)
		},
		"key a folder": func(c *Cache, key Key, _ string) error {
			return errors.Join(os.Remove(c.keyPath(key)), os.MkdirAll(filepath.Join(c.keyPath(key), "deep"), 0o700))
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			c := Open(t.TempDir(), Limits{})
			key := NewKey(name)
			mustMake(t, c, key)
			path, ok := c.Get(key)
			if !ok {
				t.Fatal("not there before the damage")
			}
			if err := damage(c, key, path); err != nil {
				t.Fatal(err)
			}
			if path, ok := c.Get(key); ok {
				t.Errorf("damaged, and yet there as %s", path)
			}
			if _, err := c.List(); err != nil {
				t.Error(err)
			}
			if n := mustMake(t, c, key); n != 1 {
				t.Errorf("written %d times after the damage, want once", n)
			}
			if n := mustMake(t, c, key); n != 0 {
				t.Errorf("written %d times when whole again, want never", n)
			}
			if err := c.Reason(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestGoroutines(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	const keys, each = 5, 8
	var calls [keys]atomic.Int32
	var wg sync.WaitGroup
	for i := range keys * each {
		wg.Go(func() {
			key := NewKey("goroutine", fmt.Sprint(i%keys))
			f, err := c.Make(t.Context(), key, "", func(path string) error {
				time.Sleep(5 * time.Millisecond)
				return writer(key, &calls[i%keys])(path)
			})
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, contentOf(key)) {
				t.Errorf("wrong content, error %v", err)
			}
		})
	}
	wg.Wait()
	for i := range calls {
		if n := calls[i].Load(); n != 1 {
			t.Errorf("key %d was written %d times, want once", i, n)
		}
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	key := NewKey("slow")
	started, finish := make(chan bool), make(chan bool)
	done := make(chan error, 1)
	go func() {
		_, err := c.Make(context.Background(), key, "", func(path string) error {
			close(started)
			<-finish
			return os.WriteFile(path, contentOf(key), 0o600)
		})
		done <- err
	}()
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() {
		_, err := c.Make(ctx, key, "", func(string) error { return errors.New("not mine to write") })
		waiting <- err
	}()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
	close(finish)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := mustMake(t, c, key); n != 0 {
		t.Errorf("written %d times, want never", n)
	}
}

func TestTrim(t *testing.T) {
	c := Open(t.TempDir(), Limits{Age: 24 * time.Hour, Bytes: 1 << 20})
	old, young := NewKey("old"), NewKey("young")
	mustMake(t, c, old)
	mustMake(t, c, young)
	path, _ := c.Get(old)
	past := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(old); ok {
		t.Error("an entry older than the limit is still there")
	}
	if _, ok := c.Get(young); !ok {
		t.Error("an entry younger than the limit is gone")
	}
	if _, err := os.Stat(c.keyPath(old)); !os.IsNotExist(err) {
		t.Errorf("the key of a trimmed entry: %v, want it gone", err)
	}
}

// After the clock was set back, entries seem to be used in the future.
func TestClockSetBack(t *testing.T) {
	c := Open(t.TempDir(), Limits{Age: 24 * time.Hour, Bytes: 1 << 20})
	used, unused := NewKey("used"), NewKey("unused")
	mustMake(t, c, used)
	mustMake(t, c, unused)
	future := time.Now().Add(1000 * time.Hour)
	for _, key := range []Key{used, unused} {
		path, _ := c.Get(key)
		if err := os.Chtimes(path, future, future); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := c.Get(used); !ok {
		t.Error("an entry of the future is not found")
	}
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Get(used); !ok {
		t.Error("an entry in use is gone")
	}
	if _, ok := c.Get(unused); ok {
		t.Error("an entry that nobody uses would be kept for the time by which the clock was set back")
	}
}

func TestTrimSize(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	var keys []Key
	var total int64
	for i := range 6 {
		key := NewKey("size", fmt.Sprint(i))
		keys = append(keys, key)
		mustMake(t, c, key)
		path, _ := c.Get(key)
		when := time.Now().Add(time.Duration(i-60) * time.Minute / 2)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		total += int64(len(contentOf(key)))
	}
	c.limits.Bytes = total - 1
	if err := c.Trim(); err != nil {
		t.Fatal(err)
	}
	for i, key := range keys {
		if _, ok := c.Get(key); ok != (i > 0) {
			t.Errorf("entry %d is there: %v; only the one used longest ago was to go", i, ok)
		}
	}
}

func TestUseKeepsEntries(t *testing.T) {
	c := Open(t.TempDir(), Limits{Age: 24 * time.Hour})
	key := NewKey("used")
	mustMake(t, c, key)
	path, _ := c.Get(key)
	past := time.Now().Add(-23 * time.Hour)
	if err := os.Chtimes(path, past, past); err != nil {
		t.Fatal(err)
	}
	c.Get(key)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if time.Since(info.ModTime()) > time.Hour {
		t.Errorf("the object's time is still %v after it was used", info.ModTime())
	}
}

func TestClear(t *testing.T) {
	c := Open(t.TempDir(), Limits{})
	mustMake(t, c, NewKey("a"))
	kept, err := c.Keep("kernel.c", []byte("int x;"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := []string{filepath.Join(c.Dir(), "letter.txt"), filepath.Join(c.Dir(), "object", "letter.txt")}
	for _, path := range foreign {
		if err := os.WriteFile(path, []byte("dear"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Clear(); err != nil {
		t.Fatal(err)
	}
	if entries, err := c.List(); len(entries) != 0 || err != nil {
		t.Errorf("%d entries after Clear, error %v", len(entries), err)
	}
	if _, err := os.Stat(kept); !os.IsNotExist(err) {
		t.Errorf("the failed source: %v, want it gone", err)
	}
	for _, path := range foreign {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("Clear touched what the cache did not make: %v", err)
		}
	}
	if n := mustMake(t, c, NewKey("a")); n != 1 {
		t.Errorf("written %d times after Clear, want once", n)
	}
}

func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Cache{
		"under a file":        Open(filepath.Join(file, "cache"), Limits{}),
		"everybody may write": Open(open, Limits{}),
		"zero":                {},
	} {
		if c.Reason() == nil || c.Probe() == nil {
			t.Errorf("%s: reason %v, probe %v; want both", name, c.Reason(), c.Probe())
		}
		for range 2 {
			if n := mustMake(t, c, NewKey("none")); n != 1 {
				t.Errorf("%s: written %d times, want once each time", name, n)
			}
		}
		if err := errors.Join(c.Clear(), c.Trim()); name == "zero" && err != nil {
			t.Error(err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("the superuser may write to read-only folders")
	}
	c := Open(t.TempDir(), Limits{})
	there := NewKey("there")
	mustMake(t, c, there)
	for _, f := range folders {
		dir := filepath.Join(c.Dir(), f)
		if err := os.Chmod(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(dir, 0o700)
	}
	ro := Open(c.Dir(), Limits{})
	if n := mustMake(t, ro, there); n != 0 {
		t.Errorf("written %d times though it is there", n)
	}
	if n := mustMake(t, ro, NewKey("new")); n != 1 {
		t.Errorf("written %d times, want once", n)
	}
	if ro.Reason() == nil {
		t.Error("no reason why nothing is kept")
	}
}

func TestDefault(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	t.Setenv("ZMLX_CACHE", dir)
	if c := Default(); c.Dir() != dir || c.Reason() != nil {
		t.Errorf("folder %s, reason %v; want %s", c.Dir(), c.Reason(), dir)
	}
	t.Setenv("ZMLX_CACHE", "off")
	if c := Default(); c.Dir() != "" || !errors.Is(c.Reason(), ErrOff) {
		t.Errorf("folder %q, reason %v; want none and ErrOff", c.Dir(), c.Reason())
	}
	t.Setenv("ZMLX_CACHE", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", "")
	if c := Default(); filepath.Base(c.Dir()) != "zmlx" || c.Reason() != nil {
		t.Errorf("folder %q, reason %v; want one called zmlx", c.Dir(), c.Reason())
	}
}

func FuzzParseIndex(f *testing.F) {
	key := NewKey("fuzz")
	f.Add(index{key, strings.Repeat("0a", 32), 5, "name \"quoted\"\n"}.text())
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := parseIndex(key, text)
		if err == nil && x.text() != text {
			t.Errorf("%q was taken for %+v", text, x)
		}
	})
}

func TestNoTemporaryFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	t.Setenv("TMPDIR", missing)
	t.Setenv("TMP", missing) // Windows
	c := Cache{}
	_, err := c.Make(t.Context(), NewKey("none"), "", func(string) error { return nil })
	if err == nil || !strings.Contains(err.Error(), missing+", where temporary files go (set TMPDIR") {
		t.Errorf("error %v, want one that names the folder and TMPDIR", err)
	}
}
