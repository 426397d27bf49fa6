// Command zmlx runs, checks and translates compute kernels that are written as
// capsules: see docs/capsule.md.
//
// It exits with 0 if all is good, 1 if an output is not as expected or a check
// found something, 2 if it was given something bad, and 130 if it was
// interrupted.
//
// This file implements the command line.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
)

// The exit codes.
const (
	exitGood        = 0
	exitFinding     = 1
	exitBad         = 2
	exitInterrupted = 130
)

// errFinding is what a command fails with after it has told what it found.
var errFinding = errors.New("found something")

type commandLine struct {
	Run     runCommand     `cmd:"" help:"Run a capsule and compare its outputs with those it expects."`
	Check   checkCommand   `cmd:"" help:"Look for bugs in a capsule's kernel: run it in checked mode and lint it."`
	Eval    evalCommand    `cmd:"" help:"Compute a definition, its gradients and its tangents."`
	Grad    gradCommand    `cmd:"" help:"Print the derivative of a definition, as a definition."`
	Emit    emitCommand    `cmd:"" help:"Print what a capsule's kernel or a definition is translated to."`
	Bench   benchCommand   `cmd:"" help:"Measure how fast ops run on a device."`
	Devices devicesCommand `cmd:"" help:"List the devices."`
	Doctor  doctorCommand  `cmd:"" help:"Say what was looked for on this machine, where, and what was found."`
	Cache   cacheCommand   `cmd:"" help:"List, clear or find the cache of compiled kernels."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// An environment is what commands are given besides their flags.
type environment struct {
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ended := context.AfterFunc(ctx, func() {
		stop() // a second interrupt ends the process at once
		time.Sleep(2 * patience)
		fmt.Fprintln(os.Stderr, "zmlx: interrupted; what was under way did not stop")
		quit(exitInterrupted)
	})
	code := execute(environment{ctx, os.Stdout, os.Stderr}, os.Args[1:])
	ended()
	quit(code)
}

// quit ends the process, and with it what it has started.
func quit(code int) {
	cc.StopCompilers()
	os.Exit(code)
}

// execute runs one command line and returns the exit code.
func execute(env environment, args []string) int {
	exited := -1
	parser, err := kong.New(&commandLine{},
		kong.Name("zmlx"),
		kong.Description("Run, check and translate compute kernels. Exit status: 0 good, 1 a mismatch or finding, 2 bad input."),
		kong.Writers(env.stdout, env.stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(env.stderr, "zmlx:", err)
		return exitBad
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	case args[0] == "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	command, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(env.stderr, "zmlx: %v; see zmlx --help\n", err)
		return exitBad
	}
	out := &output{w: env.stdout}
	env.stdout = out
	err = command.Run(env)
	if out.err != nil {
		err = out.err
	}
	switch {
	case err == nil:
		return exitGood
	case errors.Is(err, errFinding):
		return exitFinding
	case errors.Is(err, errInterrupted):
		fmt.Fprintln(env.stderr, "zmlx:", err)
		return exitInterrupted
	default:
		dropCaller(err)
		fmt.Fprintln(env.stderr, "zmlx:", err)
		if _, found := errors.AsType[*zmlx.CheckError](err); found { // by ZMLX_CHECK=1
			return exitFinding
		}
		return exitBad
	}
}

// An output remembers that it could not be written, so that results which
// went nowhere are not taken for a success.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil && o.err == nil {
		o.err = err
	}
	return n, err
}

// dropCaller takes the line of Go that made a faulty call out of an error:
// here it is a line of this command, which tells its user nothing.
func dropCaller(err error) {
	if e, ok := errors.AsType[*zmlx.KernelError](err); ok {
		e.Caller = ""
	}
	if e, ok := errors.AsType[*zmlx.CompileError](err); ok {
		e.Caller = ""
	}
	if e, ok := errors.AsType[*zmlx.DeviceError](err); ok {
		e.Caller = ""
	}
	if e, ok := errors.AsType[*zmlx.ShapeError](err); ok {
		e.Caller = ""
	}
	if e, ok := errors.AsType[*zmlx.DTypeError](err); ok {
		e.Caller = ""
	}
	if e, ok := errors.AsType[*zmlx.TransformError](err); ok {
		e.Caller = ""
	}
}

// printJSON prints v, indented.
func (env environment) printJSON(v any) error {
	enc := json.NewEncoder(env.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
