package main

// This file implements zmlx emit and zmlx devices.

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/signature"
)

type emitCommand struct {
	Capsule string `arg:"" help:"Capsule with the kernel, a JSON file."`
	Target  string `help:"What to print: ir (the typed program) or msl (the Metal text that MLX generates)." enum:"ir,msl" required:"" placeholder:"ir|msl"`
}

func (c *emitCommand) Run(env environment) error {
	dev, err := device("interp")
	if err != nil {
		return err
	}
	call, err := load(c.Capsule, dev)
	if err != nil {
		return err
	}
	text := ""
	if c.Target == "msl" {
		text, err = call.metal()
	} else {
		text, err = call.kernel.Emit(c.Target, call.launch, call.inputs...)
	}
	if err != nil {
		return err
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	_, err = fmt.Fprint(env.stdout, text)
	return err
}

// metal returns the text that MLX generates. It needs no compiling, so that
// bodies beyond our kernel language have one too.
func (c *call) metal() (string, error) {
	inputs := make([]signature.Input, len(c.inputs))
	for i, a := range c.inputs {
		inputs[i] = signature.Input{DType: a.DType(), Shape: a.Shape()}
	}
	k, dtypes := c.capsule.Kernel, c.capsule.OutputDTypes
	if dtypes == nil && len(inputs) > 0 {
		for range k.OutputNames {
			dtypes = append(dtypes, inputs[0].DType)
		}
	}
	s, err := signature.Build(k, inputs, dtypes, c.capsule.Template)
	if err != nil {
		return "", err
	}
	return s.MSL(k), nil
}

type devicesCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// A deviceReport is what devices --json says of a device.
type deviceReport struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Default   bool   `json:"default"`
	About     string `json:"about,omitempty"`
	Reason    string `json:"reason,omitempty"` // why it is not available
}

func (c *devicesCommand) Run(env environment) error {
	list := deviceList()
	if c.JSON {
		return env.printJSON(list)
	}
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, d := range list {
		switch {
		case d.Default:
			fmt.Fprintf(w, "%s\tdefault\t%s\n", d.Name, d.About)
		case d.Available:
			fmt.Fprintf(w, "%s\tavailable\t%s\n", d.Name, d.About)
		default:
			fmt.Fprintf(w, "%s\tabsent\t%s\n", d.Name, d.Reason)
		}
	}
	return w.Flush()
}

func deviceList() []deviceReport {
	current := zmlx.Default()
	list := []deviceReport{}
	for _, d := range zmlx.Devices() {
		list = append(list, deviceReport{
			Name: d.Name, Available: d.Available, About: d.About, Reason: d.Reason,
			Default: d.Available && current != nil && current.Name() == d.Name,
		})
	}
	return list
}
