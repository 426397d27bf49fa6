package main

// This file implements zmlx eval and zmlx grad: definitions on the command
// line.

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zmlx-go/zmlx"
)

type evalCommand struct {
	Definition string             `arg:"" help:"Definition, such as 'f(x; a=1) = tanh(a*x)'."`
	In         map[string]string  `name:"in" help:"An input's values: NAME=FILE.npy; FILE.npy:bfloat16 for bfloat16 as uint16 bits." placeholder:"NAME=FILE" mapsep:"none"`
	Set        map[string]float64 `name:"set" help:"A parameter's value." placeholder:"NAME=VALUE" mapsep:"none"`
	VJP        []string           `name:"vjp" help:"Cotangent of the result, FILE.npy, or of one of several, NAME=FILE.npy; the gradient of every input is computed." placeholder:"FILE" sep:"none"`
	JVP        map[string]string  `name:"jvp" help:"Tangent of an input; the tangents of the results are computed." placeholder:"NAME=FILE" mapsep:"none"`
	Device     string             `help:"Device to run on, such as interp; see zmlx devices." placeholder:"D"`
	Out        string             `help:"Folder to write results to, as NAME.npy, gradients as dNAME.npy and tangents as NAME.jvp.npy." placeholder:"DIR"`
	Timeout    time.Duration      `help:"Stop after this long, such as 10s." default:"0s"`
}

// A named array is a result with the name of its file.
type named struct {
	name string
	a    *zmlx.Array
}

func (c *evalCommand) Validate() error { return notNegative(c.Timeout) }

func (c *evalCommand) Run(env environment) error {
	ctx, cancel := within(env.ctx, c.Timeout)
	defer cancel()
	if _, err := device(c.Device); err != nil {
		return err
	}
	op, err := zmlx.Define(c.Definition)
	if err != nil {
		return err
	}
	params := op.Params()
	for _, name := range slices.Sorted(maps.Keys(c.Set)) {
		if _, ok := params[name]; !ok {
			return fmt.Errorf("--set %s: %s has no such parameter; it has: %s", name, op.Name(), list(slices.Sorted(maps.Keys(params))))
		}
	}
	op = op.With(c.Set)
	inputs, err := c.arrays("--in", op.Inputs(), c.In, true)
	if err != nil {
		return err
	}
	outs := op.Results(inputs...)
	var results []named
	for i, name := range op.Outputs() {
		results = append(results, named{name, outs[i]})
	}
	if len(c.VJP) > 0 {
		cts, err := c.cotangents(op)
		if err != nil {
			return err
		}
		_, grads := zmlx.VJP(op.Results, inputs, cts)
		for i, name := range op.Inputs() {
			results = append(results, named{"d" + name, grads[i]})
		}
	}
	if len(c.JVP) > 0 {
		tangents, err := c.arrays("--jvp", op.Inputs(), c.JVP, false)
		if err != nil {
			return err
		}
		_, outTangents := zmlx.JVP(op.Results, inputs, tangents)
		for i, name := range op.Outputs() {
			results = append(results, named{name + ".jvp", outTangents[i]})
		}
	}
	for _, r := range results {
		if err := compute(ctx, r.a); err != nil {
			return stopped(err, ctx, c.Timeout)
		}
	}
	return c.deliver(env, results)
}

// deliver writes results to files, or prints them.
func (c *evalCommand) deliver(env environment, results []named) error {
	if c.Out == "" {
		for _, r := range results {
			if _, err := fmt.Fprintf(env.stdout, "%s =\n%+v\n", r.name, r.a); err != nil {
				return err
			}
		}
		return nil
	}
	if err := os.MkdirAll(c.Out, 0o777); err != nil {
		return err
	}
	for _, r := range results {
		if err := zmlx.SaveNPY(filepath.Join(c.Out, r.name+".npy"), r.a); err != nil {
			return err
		}
	}
	return nil
}

// arrays reads the files given for names. all says that none may be missing;
// else the missing ones are nil.
func (c *evalCommand) arrays(flag string, names []string, files map[string]string, all bool) ([]*zmlx.Array, error) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s %s: no input of this name; the inputs are: %s", flag, name, list(names))
		}
	}
	arrays := make([]*zmlx.Array, len(names))
	for i, name := range names {
		file, ok := files[name]
		switch {
		case ok:
			a, err := loadArray(file)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", flag, name, err)
			}
			arrays[i] = a
		case all:
			return nil, fmt.Errorf("input %s is missing: give %s %s=FILE.npy", name, flag, name)
		}
	}
	return arrays, nil
}

// cotangents reads the files of --vjp.
func (c *evalCommand) cotangents(op *zmlx.Op) ([]*zmlx.Array, error) {
	names := op.Outputs()
	cts := make([]*zmlx.Array, len(names))
	for _, v := range c.VJP {
		name, file, ok := strings.Cut(v, "=")
		if !ok {
			if len(names) > 1 {
				return nil, fmt.Errorf("--vjp %s: there are several results; give NAME=FILE.npy with one of: %s", v, list(names))
			}
			name, file = names[0], v
		}
		i := slices.Index(names, name)
		if i < 0 {
			return nil, fmt.Errorf("--vjp %s: no result of this name; the results are: %s", name, list(names))
		}
		a, err := loadArray(file)
		if err != nil {
			return nil, fmt.Errorf("--vjp %s: %w", name, err)
		}
		cts[i] = a
	}
	return cts, nil
}

// loadArray reads FILE.npy, or FILE.npy:bfloat16.
func loadArray(file string) (*zmlx.Array, error) {
	path, bf := strings.CutSuffix(file, ":bfloat16")
	if !bf {
		return zmlx.LoadNPY(path)
	}
	raw, err := readNPY(path, zmlx.BFloat16)
	if err != nil {
		return nil, err
	}
	a := zmlx.FromBytes(raw.DType, raw.Data, append([]int{}, raw.Shape...)...)
	return a, a.Err()
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

type gradCommand struct {
	Definition string `arg:"" help:"Definition, such as 'f(x; a=1) = tanh(a*x)'."`
	JVP        bool   `name:"jvp" help:"Print the forward derivative too."`
}

func (c *gradCommand) Run(env environment) error {
	op, err := zmlx.Define(c.Definition)
	if err != nil {
		return err
	}
	fmt.Fprintln(env.stdout, op.VJP())
	if c.JVP {
		fmt.Fprintln(env.stdout, op.JVP())
	}
	return nil
}
