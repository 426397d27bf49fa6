package cc

// This file implements finding a C compiler and what it compiles for.

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zmlx-go/zmlx/internal/diskcache"
)

// ErrAbsent is in the error of Open if there is nothing here to compile or to
// load with. Any other error is about something that was found, or that the
// user named, but does not work.
var ErrAbsent = errors.New("no C compiler")

// errNotInPath is in the error of examine if there is no such program.
var errNotInPath = errors.New("not in PATH")

// A Compiler is a C compiler that runs.
type Compiler struct {
	Command []string // its path, and arguments that ZMLX_CC gives
	Version string   // first line of what --version prints
	Target  string   // such as x86_64-linux-gnu
	Flags   []string // that kernels are compiled with
	id      string   // hash of what decides its code besides source and flags
}

// An Attempt is one place where a compiler was looked for.
type Attempt struct {
	Where string
	Found bool
	What  string // what was found, or why nothing was
}

// baseFlags are what every kernel is compiled with, besides the flag that says
// for which processor. Floating-point arithmetic keeps infinities, NaN, signed
// zeros and its order; what is given up is errno, traps, and aliasing by type.
var baseFlags = []string{
	"-std=gnu11", "-O3", "-fPIC", "-shared",
	"-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fno-strict-aliasing",
	"-w",
}

// nativeFlags are the ways to say "for this processor"; some compilers know
// only one.
var nativeFlags = []string{"-march=native", "-mcpu=native", ""}

// Find returns the compiler that the environment variable ZMLX_CC names, with
// arguments if need be; if it is not set, the first of cc, gcc and clang that
// runs. ZMLX_CFLAGS is added to the flags. What was learnt about a compiler is
// kept in the cache. The attempts say what was looked for, also if there is an
// error: ErrAbsent if there is no compiler, any other if those that are there,
// or the one that ZMLX_CC names, do not run.
func Find(ctx context.Context, cache *diskcache.Cache) (*Compiler, []Attempt, error) {
	type candidate struct {
		where   string
		command []string
	}
	var candidates []candidate
	var attempts []Attempt
	v := strings.TrimSpace(os.Getenv("ZMLX_CC"))
	named := v != ""
	if named {
		command := []string{v} // a path may have spaces
		if _, err := exec.LookPath(v); err != nil {
			command = strings.Fields(v)
		}
		candidates = append(candidates, candidate{"ZMLX_CC", command})
	} else {
		attempts = append(attempts, Attempt{"ZMLX_CC", false, "not set"})
		for _, name := range []string{"cc", "gcc", "clang"} {
			candidates = append(candidates, candidate{name, []string{name}})
		}
	}
	var why []string
	absent := true
	for _, c := range candidates {
		compiler, err := examine(ctx, cache, c.command)
		if err == nil {
			what := fmt.Sprintf("%s: %s, for %s", strings.Join(compiler.Command, " "), compiler.Version, compiler.Target)
			return compiler, append(attempts, Attempt{c.where, true, what}), nil
		}
		if ctx.Err() != nil {
			return nil, attempts, ctx.Err()
		}
		attempts = append(attempts, Attempt{c.where, false, err.Error()})
		if !slices.Contains(why, err.Error()) {
			why = append(why, err.Error())
		}
		absent = absent && errors.Is(err, errNotInPath)
	}
	reasons := strings.Join(why, "; ")
	switch {
	case named:
		return nil, attempts, fmt.Errorf("the C compiler that ZMLX_CC names does not work: %s; correct ZMLX_CC, or unset it for cc, gcc or clang", reasons)
	case absent:
		return nil, attempts, fmt.Errorf("%w: %s; install gcc or clang, or name a compiler with ZMLX_CC", ErrAbsent, reasons)
	}
	return nil, attempts, fmt.Errorf("no C compiler that works: %s", reasons)
}

// A probe is what a compiler says of itself.
type probe struct {
	Version, Target, Native string
	Macros                  string // hash of the predefined macros, which tell the processor's features
}

// examine finds out about one compiler.
func examine(ctx context.Context, cache *diskcache.Cache, command []string) (*Compiler, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		if filepath.Base(command[0]) != command[0] {
			return nil, fmt.Errorf("%s is no program: %w", command[0], errors.Unwrap(err))
		}
		return nil, fmt.Errorf("%s is %w", command[0], errNotInPath)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	c := &Compiler{Command: append([]string{path}, command[1:]...)}
	p, err := c.cachedProbe(ctx, cache)
	if err != nil {
		return nil, err
	}
	c.Version, c.Target = p.Version, p.Target
	c.Flags = slices.Clone(baseFlags)
	if p.Native != "" {
		c.Flags = append(c.Flags, p.Native)
	}
	c.Flags = append(c.Flags, strings.Fields(os.Getenv("ZMLX_CFLAGS"))...)
	c.id = diskcache.NewKey(append([]string{p.Version, p.Target, p.Macros}, c.Command...)...).String()
	return c, nil
}

// cachedProbe asks the compiler, unless it is known what it answers: its file,
// its arguments and the processor are as they were.
func (c *Compiler) cachedProbe(ctx context.Context, cache *diskcache.Cache) (p probe, err error) {
	info, err := os.Stat(c.Command[0])
	if err != nil {
		return p, err
	}
	cpu := processor()
	if cpu == "" {
		return c.probe(ctx)
	}
	parts := append([]string{"cc probe 1", cpu, fmt.Sprint(info.Size(), info.ModTime().UnixNano())}, c.Command...)
	file, err := cache.Make(ctx, diskcache.NewKey(parts...), "compiler "+c.Command[0], func(path string) error {
		p, err := c.probe(ctx)
		if err != nil {
			return err
		}
		data, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return os.WriteFile(path, data, 0o600)
	})
	if err != nil {
		return p, err
	}
	defer file.Release()
	data, err := os.ReadFile(file.Path)
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil {
		return c.probe(ctx)
	}
	return p, nil
}

// probe asks the compiler.
func (c *Compiler) probe(ctx context.Context) (p probe, err error) {
	version, err := c.ask(ctx, "--version")
	if err != nil {
		return p, err
	}
	first, _, _ := strings.Cut(version, "\n")
	p.Version = printable(first)
	target, err := c.ask(ctx, "-dumpmachine")
	if err != nil {
		return p, err
	}
	p.Target = printable(strings.TrimSpace(target))
	for _, native := range nativeFlags {
		args := []string{"-dM", "-E", "-x", "c", os.DevNull}
		if native != "" {
			args = append([]string{native}, args...)
		}
		var macros string
		if macros, err = c.ask(ctx, args...); err == nil {
			p.Native = native
			p.Macros = fmt.Sprintf("%x", sha256.Sum256([]byte(version+macros)))
			return p, nil
		}
	}
	return p, err
}

// printable returns what can be shown of a compiler's line.
func printable(line string) string {
	const longest = 200
	line = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, line[:min(len(line), longest)])
	return line
}

// askTimeout bounds how long a compiler may take to answer.
const askTimeout = 20 * time.Second

// ask returns what the compiler prints.
func (c *Compiler) ask(ctx context.Context, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, askTimeout, fmt.Errorf("no answer within %v", askTimeout))
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Command[0], append(slices.Clone(c.Command[1:]), args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, errs printout
	err := runCompiler(cmd, &out, &errs)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		text := fmt.Sprintf("%s %s: %v", strings.Join(c.Command, " "), strings.Join(args, " "), err)
		if first, _, _ := strings.Cut(strings.TrimSpace(string(errs.text)), "\n"); first != "" {
			text += ": " + first
		}
		return "", errors.New(text)
	}
	return string(out.text), nil
}

// processor returns a text that is the same for processors with the same
// features, "" where the system does not tell.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	// The first processor's lines are enough, and the file is slow to read.
	block := make([]byte, 0, 16<<10)
	for !strings.Contains(string(block), "\n\n") && len(block) < cap(block) {
		n, err := f.Read(block[len(block):cap(block)])
		block = block[:len(block)+n]
		if err != nil {
			break
		}
	}
	first, _, _ := strings.Cut(string(block), "\n\n")
	var known []string
	for line := range strings.Lines(first) {
		name, _, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(name) {
		case "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
			"Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part":
			known = append(known, strings.TrimSpace(line))
		}
	}
	return strings.Join(known, "\n")
}
