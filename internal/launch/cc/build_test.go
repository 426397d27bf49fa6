package cc

// This file implements tests of compilers that are missing, fail or hang, and
// of the cache.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
)

// script writes a compiler that answers questions as the real one does and is
// given shell text for when it compiles.
func script(t *testing.T, d *device, compiling string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the compilers of this test are shell scripts")
	}
	path := filepath.Join(t.TempDir(), "my cc")
	text := "#!/bin/sh\nreal='" + strings.Join(d.compiler.Command, " ") + "'\ncase \"$*\" in *-shared*) ;; *) exec $real \"$@\";; esac\n" + compiling + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func newCache(t *testing.T) *diskcache.Cache {
	return diskcache.Open(t.TempDir(), diskcache.Limits{})
}

func TestNoCompiler(t *testing.T) {
	if !dl.Supported {
		t.Skip("this build cannot load libraries")
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("ZMLX_CC", "")
	_, err := open(t.Context(), Config{Cache: newCache(t)})
	if !errors.Is(err, ErrAbsent) {
		t.Fatalf("error %v, want ErrAbsent", err)
	}
	for _, want := range []string{"cc is not in PATH", "gcc is not in PATH", "clang is not in PATH", "ZMLX_CC"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
	t.Setenv("ZMLX_CC", "no-such-compiler -v")
	_, attempts, err := Find(t.Context(), newCache(t))
	if err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "ZMLX_CC names does not work: no-such-compiler is not in PATH") {
		t.Errorf("error %v, want one with the name that is not ErrAbsent", err)
	}
	if len(attempts) != 1 || attempts[0].Where != "ZMLX_CC" || attempts[0].Found {
		t.Errorf("attempts %+v, want ZMLX_CC's alone", attempts)
	}
}

func TestCompilerChosen(t *testing.T) {
	d := newDevice(t)
	t.Setenv("ZMLX_CC", script(t, d, `exec $real "$@"`)) // a path with a space
	t.Setenv("ZMLX_CFLAGS", "-DANSWER=42 -O1")
	chosen, err := open(t.Context(), Config{Cache: d.cache})
	if err != nil {
		t.Fatal(err)
	}
	p := mustProgram(t, chosen, unit("*(int32_t *)params[0] = ANSWER;"), "out")
	out := mustAlloc(t, chosen, 4)
	if err := p.Run(t.Context(), line(1, 1, arg(out))); err != nil {
		t.Fatal(err)
	}
	if got := values[int32](out)[0]; got != 42 {
		t.Errorf("out is %d, want the 42 of ZMLX_CFLAGS", got)
	}
	t.Setenv("ZMLX_CC", strings.Join(d.compiler.Command, " ")+" -DMINE=43")
	if chosen, err = open(t.Context(), Config{Cache: d.cache}); err != nil {
		t.Fatal(err)
	}
	p = mustProgram(t, chosen, unit("*(int32_t *)params[0] = MINE;"), "out")
	if err := p.Run(t.Context(), line(1, 1, arg(out))); err != nil {
		t.Fatal(err)
	}
	if got := values[int32](out)[0]; got != 43 {
		t.Errorf("out is %d, want the 43 of ZMLX_CC", got)
	}
}

func TestBuildError(t *testing.T) {
	d := newDevice(t)
	for _, cache := range []*diskcache.Cache{d.cache, {}} {
		d.cache = cache
		u := unit("this is not C;")
		_, err := d.program(t.Context(), "bad/name", u, nil)
		e, ok := errors.AsType[*BuildError](err)
		if !ok {
			t.Fatalf("error %v, want a BuildError", err)
		}
		if !strings.Contains(e.Output, "error:") || !strings.Contains(err.Error(), e.Source) || !strings.Contains(err.Error(), "error:") {
			t.Errorf("error %q with output %q, want both to have the compiler's error", err, e.Output)
		}
		kept, err := os.ReadFile(e.Source)
		if err != nil || string(kept) != u.Text {
			t.Errorf("the file %s does not have the source, error %v", e.Source, err)
		}
		if cache.Dir() == "" {
			os.Remove(e.Source)
		}
	}
}

func TestMissingEntry(t *testing.T) {
	d := newDevice(t)
	u := unit("")
	u.Entry = "elsewhere"
	if _, err := d.program(t.Context(), "k", u, nil); err == nil || !strings.Contains(err.Error(), "no symbol elsewhere") {
		t.Errorf("error %v, want one about the symbol", err)
	}
}

func TestCompilerFails(t *testing.T) {
	d := newDevice(t)
	for compiling, want := range map[string]string{
		"echo out of luck >&2; exit 3": "out of luck",
		"kill -SEGV $$":                "segmentation fault",
		"exit 0":                       "it made no library, though it reported no error",
		`for f; do [ "$last" = -o ] && echo text > "$f"; last=$f; done`: "does not load",
	} {
		t.Setenv("ZMLX_CC", script(t, d, compiling))
		_, err := open(t.Context(), Config{Cache: newCache(t)})
		if err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), want) {
			t.Errorf("compiler %q: error %v, want one with %q that is not ErrAbsent", compiling, err, want)
		}
	}
}

// TestCompilerCrashes has a compiler with a fault in its optimiser.
func TestCompilerCrashes(t *testing.T) {
	d := newDevice(t)
	const crash = "echo 'kernel.c:1:1: internal compiler error: in expand, at expand.cc:1' >&2; exit 1"
	t.Setenv("ZMLX_CC", script(t, d, `case "$*" in *" -O1 -o "*) exec $real "$@";; esac; `+crash))
	dev, err := open(t.Context(), Config{Cache: newCache(t)})
	if err != nil {
		t.Fatalf("error %v, though the compiler works with -O1", err)
	}
	p, err := dev.program(t.Context(), "k", unit("*(int32_t *)params[0] = 9;"), []string{"out"})
	if err != nil {
		t.Fatal(err)
	}
	out := mustAlloc(t, dev, 4)
	if err := errors.Join(p.Run(t.Context(), line(1, 1, arg(out))), p.Close()); err != nil || values[int32](out)[0] != 9 {
		t.Errorf("out is %d, want 9, error %v", values[int32](out)[0], err)
	}
	t.Setenv("ZMLX_CC", script(t, d, crash))
	if _, err := open(t.Context(), Config{Cache: newCache(t)}); err == nil || !strings.Contains(err.Error(), "internal compiler error") {
		t.Errorf("error %v, want the compiler's", err)
	}
}

// TestCompilerHangs demands that a compiler that hangs is stopped with its
// children.
func TestCompilerHangs(t *testing.T) {
	d := newDevice(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("ZMLX_CC", script(t, d, "sleep 1000 & echo $! > '"+pidFile+"'; wait"))
	_, err := open(t.Context(), Config{Cache: newCache(t), Timeout: 300 * time.Millisecond})
	e, ok := errors.AsType[*BuildError](err)
	if !ok || !errors.Is(err, errTooSlow) {
		t.Fatalf("error %v, want a BuildError about the time", err)
	}
	if kept, err := os.ReadFile(e.Source); err != nil || string(kept) != trial {
		t.Errorf("the file %s does not have the source, error %v", e.Source, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := open(ctx, Config{Cache: newCache(t)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want context.DeadlineExceeded", err)
	}
	ends(t, pidFile)
}

// TestCompilerPrintsWithoutEnd demands that what a compiler prints is bounded.
func TestCompilerPrintsWithoutEnd(t *testing.T) {
	d := newDevice(t)
	t.Setenv("ZMLX_CC", script(t, d, "head -c 3000000 /dev/zero | tr '\\0' x; exit 1"))
	_, err := open(t.Context(), Config{Cache: newCache(t)})
	e, ok := errors.AsType[*BuildError](err)
	if !ok || len(e.Output) != maxOutput || len(err.Error()) > 10_000 {
		t.Fatalf("error of %d bytes, want a BuildError that is short", len(fmt.Sprint(err)))
	}
	var p printout
	for range 3 {
		if n, err := p.Write(make([]byte, maxPrinted/2+1)); n != maxPrinted/2+1 || err != nil {
			t.Errorf("Write returns %d, %v", n, err)
		}
	}
	if got := printable("gcc\x1b[31m 12\x00\xff (x)" + strings.Repeat("é", 1000)); len(got) > 200 || !strings.HasPrefix(got, "gcc[31m 12 (x)é") {
		t.Errorf("a line that is garbage is shown as %q", got)
	}
	if len(p.text) != maxPrinted {
		t.Errorf("%d bytes are kept, want %d", len(p.text), maxPrinted)
	}
}

// TestStopCompilers stops a compiler that hangs, as a program does that ends.
func TestStopCompilers(t *testing.T) {
	d := newDevice(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	t.Setenv("ZMLX_CC", script(t, d, "sleep 1000 & echo $! > '"+pidFile+".new'; mv '"+pidFile+".new' '"+pidFile+"'; wait"))
	done := make(chan error, 1)
	go func() {
		_, err := open(context.Background(), Config{Cache: newCache(t)})
		done <- err
	}()
	for _, err := os.Stat(pidFile); err != nil; _, err = os.Stat(pidFile) {
		time.Sleep(10 * time.Millisecond)
	}
	StopCompilers()
	if err := <-done; err == nil {
		t.Error("the device opened without a compiler")
	}
	ends(t, pidFile)
}

// ends demands that the process whose number is in a file ends soon.
func ends(t *testing.T, pidFile string) {
	t.Helper()
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		if !running(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d, which the compiler started, still runs", pid)
}

// TestBrokenCompiler has a compiler in PATH that does not run.
func TestBrokenCompiler(t *testing.T) {
	if !dl.Supported || runtime.GOOS == "windows" {
		t.Skip("there is no way to load libraries, or to write compilers as shell scripts")
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	t.Setenv("ZMLX_CC", "")
	if err := os.WriteFile(filepath.Join(dir, "gcc"), []byte("#!/bin/sh\necho no licence >&2; exit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := open(t.Context(), Config{Cache: newCache(t)})
	if err == nil || errors.Is(err, ErrAbsent) || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("error %v, want one with what gcc says that is not ErrAbsent", err)
	}
}

// running reports whether a process has not ended, as far as the system tells.
func running(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z")
}

// TestCacheOfLibraries counts compilations by a compiler that keeps a tally.
func TestCacheOfLibraries(t *testing.T) {
	d := newDevice(t)
	tally := filepath.Join(t.TempDir(), "tally")
	t.Setenv("ZMLX_CC", script(t, d, "echo x >> '"+tally+"'; exec $real \"$@\""))
	cache := newCache(t)
	compiled := func() int {
		text, _ := os.ReadFile(tally)
		return strings.Count(string(text), "x")
	}
	use := func(what string, want int) {
		t.Helper()
		dev, err := open(t.Context(), Config{Cache: cache})
		if err != nil {
			t.Fatal(err)
		}
		p, err := dev.program(t.Context(), "k", unit("*(int32_t *)params[0] = 9;"), []string{"out"})
		if err != nil {
			t.Fatal(err)
		}
		out := mustAlloc(t, dev, 4)
		if err := errors.Join(p.Run(t.Context(), line(1, 1, arg(out))), p.Close()); err != nil {
			t.Fatal(err)
		}
		if got := values[int32](out)[0]; got != 9 {
			t.Errorf("%s: out is %d, want 9", what, got)
		}
		if got := compiled(); got != want {
			t.Errorf("%s: %d compilations so far, want %d", what, got, want)
		}
	}
	use("cold", 2) // the trial kernel and this one
	use("warm", 2)

	var kernel diskcache.Entry
	entries, err := cache.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name == "kernel k" {
			kernel = e
		}
	}
	if err := os.Truncate(kernel.Path, kernel.Size/2); err != nil {
		t.Fatal(err)
	}
	use("truncated", 3)
	use("warm again", 3)
	if _, err := cache.Put(t.Context(), kernel.Key, "foreign", func(path string) error {
		return os.WriteFile(path, []byte("not a library"), 0o600)
	}); err != nil {
		t.Fatal(err)
	}
	use("a whole entry that is no library", 4)
	use("warm once more", 4)
	if _, err := cache.Put(t.Context(), kernel.Key, "foreign", func(path string) error {
		return exec.Command(d.compiler.Command[0], "-shared", "-o", path, "-x", "c", os.DevNull).Run()
	}); err != nil {
		t.Fatal(err)
	}
	use("a library of something else", 5)
	t.Setenv("ZMLX_CFLAGS", "-O2")
	use("other flags", 7)
	cache = &diskcache.Cache{}
	use("no cache", 9)
	use("no cache again", 11)
}
