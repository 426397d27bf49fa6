package main

// This file implements zmlx emit and zmlx devices.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

type emitCommand struct {
	Capsule string   `arg:"" name:"capsule-or-definition" help:"Capsule with the kernel, a JSON file, or a definition such as 'f(x) = tanh(x)'."`
	VJP     bool     `name:"vjp" help:"Of a definition: its reverse derivative."`
	JVP     bool     `name:"jvp" help:"Of a definition: its forward derivative."`
	DType   []string `name:"dtype" help:"Of a definition: the inputs' dtype (float32), or NAME=DTYPE for one." placeholder:"D" sep:"none"`
	Shape   []string `name:"shape" help:"Of a definition: the inputs' shape (8,1024), or NAME=SHAPE for one." placeholder:"S" sep:"none"`
	Target  string   `help:"What to print: msl (the Metal text that MLX generates), ir (the typed program), c or cuda (what these devices compile)." enum:"msl,ir,c,cuda" required:"" placeholder:"msl|ir|c|cuda"`
}

func (c *emitCommand) Run(env environment) error {
	if _, err := os.Stat(c.Capsule); err != nil && strings.Contains(c.Capsule, "(") {
		return c.definition(env)
	}
	if c.VJP || c.JVP || len(c.DType) > 0 || len(c.Shape) > 0 {
		return fmt.Errorf("%s: --vjp, --jvp, --dtype and --shape are for definitions; a capsule says all itself", c.Capsule)
	}
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

// definition prints what a definition becomes.
func (c *emitCommand) definition(env environment) error {
	op, err := zmlx.Define(c.Capsule)
	switch {
	case err != nil:
		return err
	case c.VJP && c.JVP:
		return errors.New("--vjp and --jvp: one at a time")
	case c.VJP:
		op = op.VJP()
	case c.JVP:
		op = op.JVP()
	}
	if err := c.known(op.Inputs()); err != nil {
		return err
	}
	specs := make([]zmlx.InputSpec, len(op.Inputs()))
	for i, name := range op.Inputs() {
		d, err := dtype.Parse(choice(c.DType, name, "float32"))
		if err != nil {
			return fmt.Errorf("--dtype: %w", err)
		}
		specs[i].DType = d
		for _, part := range strings.FieldsFunc(choice(c.Shape, name, "8,1024"), func(r rune) bool { return r == ',' || r == 'x' }) {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 0 {
				return fmt.Errorf("--shape: %q is no length of an axis", part)
			}
			specs[i].Shape = append(specs[i].Shape, n)
		}
	}
	text, err := op.Source(c.Target, specs...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.stdout, strings.TrimRight(text, "\n"))
	return err
}

// known refuses values for inputs that the definition does not have.
func (c *emitCommand) known(inputs []string) error {
	for flag, values := range map[string][]string{"--dtype": c.DType, "--shape": c.Shape} {
		for _, v := range values {
			if name, _, ok := strings.Cut(v, "="); ok && !slices.Contains(inputs, name) {
				return fmt.Errorf("%s %s: no input of this name; the inputs are: %s", flag, v, list(inputs))
			}
		}
	}
	return nil
}

// choice returns the value that NAME=VALUE gives a name, or else all, or the
// last one that is given for all.
func choice(values []string, name, all string) string {
	for _, v := range values {
		n, value, ok := strings.Cut(v, "=")
		switch {
		case !ok:
			all = v
		case n == name:
			return value
		}
	}
	return all
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
	return s.Metal(k)
}

type devicesCommand struct {
	JSON bool `name:"json" help:"Print as JSON."`
}

// A deviceReport is what devices --json says of a device.
type deviceReport struct {
	Name      string `json:"name"`
	Available bool   `json:"available"`
	Default   bool   `json:"default"`
	Broken    bool   `json:"broken,omitempty"` // it was found, but does not work
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
			state := "absent"
			if d.Broken {
				state = "broken"
			}
			first, more, _ := strings.Cut(d.Reason, "\n")
			fmt.Fprintf(w, "%s\t%s\t%s\n", d.Name, state, first)
			for line := range strings.Lines(more) { // such as a compiler's output
				fmt.Fprintf(w, "\t\t  %s\n", strings.TrimSuffix(line, "\n"))
			}
		}
	}
	return w.Flush()
}

// deviceList opens each device once: one that is broken may take its time.
func deviceList() []deviceReport {
	list := []deviceReport{}
	for _, d := range zmlx.Devices() {
		list = append(list, deviceReport{Name: d.Name, Available: d.Available, Broken: d.Broken, About: d.About, Reason: d.Reason})
	}
	first := slices.IndexFunc(list, func(d deviceReport) bool { return d.Available })
	if os.Getenv("ZMLX_DEVICE") != "" {
		current := zmlx.Default()
		first = slices.IndexFunc(list, func(d deviceReport) bool { return d.Available && current != nil && current.Name() == d.Name })
	}
	if first >= 0 {
		list[first].Default = true
	}
	return list
}
