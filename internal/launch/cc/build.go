package cc

// This file implements compiling C texts to libraries and loading these.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
)

// A Unit is a kernel as C text. The text defines
//
//	typedef struct { uint32_t grid[3], group[3], groups[3], stream; } zmlx_launch;
//	void ENTRY(void *const *params, const zmlx_launch *launch,
//	           uint64_t first, uint64_t last, void *scratch);
//
// which runs threadgroups first to last-1, counted with x fastest. params[i]
// is the address of parameter i's first element; scratch is Scratch bytes at a
// multiple of 64 that nobody else uses meanwhile, with anything in them.
type Unit struct {
	Text    string
	Entry   string
	Scratch int
	Flags   []string // for the compiler, after the others
}

// A BuildError says why a kernel's C text did not become a library.
type BuildError struct {
	Kernel  string
	Command []string // of the compiler
	Reason  error    // its exit status, or that it took too long
	Output  string   // what it printed
	Source  string   // file with the C text
}

// maxOutput bounds how much of a compiler's output is kept.
const maxOutput = 64 << 10

func (e *BuildError) Error() string {
	text := fmt.Sprintf("cannot compile kernel %s: %s: %v; its C text is in %s", e.Kernel, e.Command[0], e.Reason, e.Source)
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(e.Output, "?")), "\n")
	const most, longest = 20, 400
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d lines more", len(lines)-most))
	}
	for i, line := range lines {
		if len(line) > longest {
			lines[i] = strings.ToValidUTF8(line[:longest], "") + " …"
		}
	}
	if lines[0] != "" {
		text += "\n" + strings.Join(lines, "\n")
	}
	return text
}

func (e *BuildError) Unwrap() error { return e.Reason }

// errTooSlow is a BuildError's reason when the compiler was killed.
var errTooSlow = errors.New("it took too long and was stopped")

// buildSlots bounds how many compilers run at once.
var buildSlots = sync.OnceValue(func() chan struct{} { return make(chan struct{}, runtime.NumCPU()) })

// build compiles text to the library out. Other files are left beside it.
func (d *device) build(ctx context.Context, kernel string, u Unit, out string) error {
	select {
	case buildSlots() <- struct{}{}:
		defer func() { <-buildSlots() }()
	case <-ctx.Done():
		return ctx.Err()
	}
	dir := filepath.Dir(out)
	if err := os.WriteFile(filepath.Join(dir, "kernel.c"), []byte(u.Text), 0o600); err != nil {
		return err
	}
	c := d.compiler
	command := slices.Concat(c.Command, c.Flags, u.Flags, []string{"-o", out, "kernel.c", "-lm"})
	limited, cancel := context.WithTimeoutCause(ctx, d.timeout, errTooSlow)
	defer cancel()
	cmd := exec.CommandContext(limited, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TMPDIR="+dir)
	var output printout
	reason := runCompiler(cmd, &output, &output)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if cause := context.Cause(limited); cause != nil {
		reason = fmt.Errorf("%w after %v", cause, d.timeout)
	}
	if reason == nil {
		if info, err := os.Stat(out); err != nil || info.Size() == 0 {
			reason = errors.New("it made no library, though it reported no error")
		}
	}
	if reason == nil {
		return nil
	}
	return &BuildError{
		Kernel:  kernel,
		Command: command,
		Reason:  reason,
		Output:  string(output.text[:min(len(output.text), maxOutput)]),
	}
}

// crashed reports whether gcc or clang found itself at fault.
func crashed(err error) bool {
	e, ok := errors.AsType[*BuildError](err)
	return ok && (strings.Contains(e.Output, "internal compiler error") || strings.Contains(e.Output, "PLEASE submit a bug report"))
}

// A library is a loaded kernel.
type library struct {
	dl.Lib
	entry uintptr
}

// load returns a unit's library, compiled unless the cache has it.
func (d *device) load(ctx context.Context, kernel string, u Unit) (library, error) {
	c := d.compiler
	key := diskcache.NewKey("cc object 1", runtime.GOARCH, c.id, strings.Join(slices.Concat(c.Flags, u.Flags), "\x00"), u.Text)
	write := func(path string) error {
		err := d.build(ctx, kernel, u, path)
		if !crashed(err) {
			return err
		}
		less := u
		less.Flags = append(slices.Clip(u.Flags), "-O1") // most faults of compilers are in what they do for -O3
		if d.build(ctx, kernel, less, path) == nil {
			return nil
		}
		return err
	}
	file, err := d.cache.Make(ctx, key, "kernel "+kernel, write)
	if err != nil {
		return library{}, d.keepSource(err, kernel, key, u.Text)
	}
	lib, err := openEntry(file, u)
	if err != nil && !file.Temporary { // trimmed this instant, or not what was put there
		if file, err = d.cache.Put(ctx, key, "kernel "+kernel, write); err != nil {
			return library{}, d.keepSource(err, kernel, key, u.Text)
		}
		lib, err = openEntry(file, u)
	}
	if err != nil {
		return library{}, fmt.Errorf("kernel %s was compiled by %s for %s but does not load: %w; its C text is in %s",
			kernel, c.Command[0], c.Target, err, d.keep(kernel, key, u.Text))
	}
	return lib, nil
}

// openEntry loads a library and finds its entry.
func openEntry(file diskcache.File, u Unit) (library, error) {
	defer file.Release()
	lib, err := dl.Open(file.Path)
	if err != nil {
		return library{}, err
	}
	entry, err := lib.Sym(u.Entry)
	if err != nil {
		return library{}, errors.Join(err, lib.Close())
	}
	return library{lib, entry}, nil
}

// keepSource keeps the text that a BuildError is about.
func (d *device) keepSource(err error, kernel string, key diskcache.Key, text string) error {
	if e, ok := errors.AsType[*BuildError](err); ok {
		e.Source = d.keep(kernel, key, text)
	}
	return err
}

// keep returns the file where a kernel's text is kept, or why there is none.
func (d *device) keep(kernel string, key diskcache.Key, text string) string {
	source, err := d.cache.Keep(fileName(kernel)+"-"+key.String()[:12]+".c", []byte(text))
	if err != nil {
		return fmt.Sprintf("no file (%v)", err)
	}
	return source
}

// fileName returns a kernel's name as far as files can be called so.
func fileName(kernel string) string {
	name := strings.Map(func(r rune) rune {
		if r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, kernel)
	return name[:min(len(name), 60)]
}

// defaultTimeout bounds how long one kernel may take to compile.
const defaultTimeout = 2 * time.Minute
