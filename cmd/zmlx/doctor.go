package main

// This file implements zmlx doctor: its report, and what concerns the program
// itself and the C compiler.

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/zmlx-go/zmlx/internal/diskcache"
	"github.com/zmlx-go/zmlx/internal/dl"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
)

type doctorCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// An attempt is one place where something was looked for.
type attempt struct {
	Where string `json:"where"`
	Found bool   `json:"found"`
	What  string `json:"what"` // what was found, or why nothing was
}

// A diagnosis is everything about one thing that was looked for.
type diagnosis struct {
	Subject  string    `json:"subject"`
	Purpose  string    `json:"purpose"`
	Found    bool      `json:"found"`
	Attempts []attempt `json:"attempts"`
}

// look adds an attempt and remembers whether any was a success.
func (d *diagnosis) look(where string, found bool, what string) {
	d.Found = d.Found || found
	d.Attempts = append(d.Attempts, attempt{where, found, what})
}

func (c *doctorCommand) Run(env environment) error {
	all := []diagnosis{
		diagnoseProgram(),
		diagnoseDevices(),
		diagnoseCompiler(env.ctx),
		diagnoseCUDA(),
		diagnoseMLX(),
		diagnoseCache(),
	}
	var err error
	if c.JSON {
		err = env.printJSON(all)
	} else {
		for _, d := range all {
			printDiagnosis(env, d)
		}
	}
	if err == nil && !all[1].Found {
		return errFinding
	}
	return err
}

func printDiagnosis(env environment, d diagnosis) {
	verdict := "found"
	if !d.Found {
		verdict = "not found"
	}
	fmt.Fprintf(env.stdout, "%s: %s (%s)\n", d.Subject, verdict, d.Purpose)
	for _, a := range d.Attempts {
		mark := "-"
		if a.Found {
			mark = "+"
		}
		fmt.Fprintf(env.stdout, "  %s %s: %s\n", mark, a.Where, strings.ReplaceAll(a.What, "\n", "\n      "))
	}
}

// diagnoseProgram describes this binary and the machine.
func diagnoseProgram() diagnosis {
	d := diagnosis{Subject: "program", Purpose: "this command and the machine it runs on"}
	d.look("version", true, version().String())
	d.look("processor", true, fmt.Sprintf("%s, %d threads, GOMAXPROCS %d", processor(), runtime.NumCPU(), runtime.GOMAXPROCS(0)))
	if dl.Supported {
		d.look("libraries", true, "can be loaded")
	} else {
		d.look("libraries", false, dl.ErrUnsupported.Error())
	}
	for _, name := range []string{"ZMLX_DEVICE", "ZMLX_CC", "ZMLX_CFLAGS", "ZMLX_CACHE", "ZMLX_CHECK", "ZMLX_PYTHON", "ZMLX_NVRTC", "ZMLX_CUBLASLT", "ZMLX_CUDA_SYNC", "ZMLX_CUDA_LATE", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES"} {
		if v := os.Getenv(name); v != "" {
			d.look("environment", true, name+"="+v)
		}
	}
	return d
}

// processor returns the name of the processor, as far as the system tells it.
func processor() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			key, value, _ := strings.Cut(line, ":")
			if strings.TrimSpace(key) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

// diagnoseDevices lists the devices, without which nothing runs.
func diagnoseDevices() diagnosis {
	d := diagnosis{Subject: "devices", Purpose: "run kernels"}
	for _, r := range deviceList() {
		switch {
		case r.Default:
			d.look(r.Name, true, r.About+", the default")
		case r.Available:
			d.look(r.Name, true, r.About)
		default:
			d.look(r.Name, false, r.Reason)
		}
	}
	return d
}

// diagnoseCompiler looks for a C compiler as the cc device does, but relies on
// nothing that was learnt before.
func diagnoseCompiler(ctx context.Context) diagnosis {
	d := diagnosis{Subject: "C compiler", Purpose: "the cc device"}
	compiler, attempts, err := cc.Find(ctx, &diskcache.Cache{})
	for _, a := range attempts {
		d.look(a.Where, a.Found, a.What)
	}
	switch {
	case err == nil:
		d.look("flags", true, strings.Join(compiler.Flags, " "))
	case ctx.Err() != nil:
		d.look("interrupted", false, err.Error())
	}
	return d
}
