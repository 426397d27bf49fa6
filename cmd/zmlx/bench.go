package main

// This file implements zmlx bench.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/zmlx-go/zmlx/bench"
)

type benchCommand struct {
	Device  string   `help:"Device to measure, such as cc; see zmlx devices." placeholder:"D"`
	Set     string   `help:"Cases: cpu or gpu." enum:"cpu,gpu" default:"cpu"`
	Size    string   `help:"How large they are: full, small (a sixteenth) or tiny (for tests)." enum:"full,small,tiny" default:"full"`
	Ops     string   `help:"Only cases whose name, such as softmax/16384x1024/float16, matches." placeholder:"REGEXP"`
	Rounds  int      `help:"How often each case is timed." default:"15"`
	CPP     bool     `name:"cpp" help:"Time C++ versions written by hand beside ours."`
	Host    bool     `help:"Also measure what one call of a tiny op costs the host." default:"true" negatable:""`
	Linear  bool     `help:"Time mish over sizes from 2^10 on instead."`
	Fastest bool     `help:"Show and compare the fastest rounds, not medians: for machines that have other work."`
	Against []string `help:"Compare with what others measured: a report as JSON." placeholder:"FILE" sep:"none"`
	Format  string   `help:"What to print: table, json, or bench, the format of Go's benchmarks." enum:"table,json,bench" default:"table"`
	JSON    string   `name:"json" help:"Also write the report as JSON." placeholder:"FILE"`
	HTML    string   `name:"html" help:"Also write the report as one HTML file with charts." placeholder:"FILE"`
	From    string   `help:"Measure nothing: take a report that --json wrote." placeholder:"FILE"`
	Quiet   bool     `short:"q" help:"Do not tell what is being done."`
}

func (c *benchCommand) Run(env environment) error {
	others := make([]*bench.Report, len(c.Against))
	for i, path := range c.Against {
		var err error
		if others[i], err = bench.Read(path); err != nil {
			return err
		}
	}
	r, err := c.report(env)
	if err != nil {
		return err
	}
	if err := writeReport(c.JSON, r.WriteJSON); err != nil {
		return err
	}
	if c.Fastest {
		r = r.Fastest()
		for i, o := range others {
			others[i] = o.Fastest()
		}
	}
	if err := writeReport(c.HTML, func(w io.Writer) error { return r.WriteHTML(w, others...) }); err != nil {
		return err
	}
	switch c.Format {
	case "json":
		err = r.WriteJSON(env.stdout)
	case "bench":
		err = r.WriteGo(env.stdout)
	default:
		err = r.WriteTable(env.stdout)
		if err == nil && c.Linear {
			err = r.WriteLinear(env.stdout)
		}
	}
	if err != nil {
		return err
	}
	if len(others) > 0 && c.Format == "table" {
		fmt.Fprintln(env.stdout)
		if err := r.Compare(others...).WriteTable(env.stdout); err != nil {
			return err
		}
	}
	for _, x := range r.Results {
		if x.Error != "" {
			return errFinding
		}
	}
	return nil
}

func (c *benchCommand) report(env environment) (*bench.Report, error) {
	if c.From != "" {
		return bench.Read(c.From)
	}
	if c.Rounds < 1 {
		return nil, errors.New("--rounds: has to be at least 1")
	}
	cfg := bench.Config{
		Set: bench.Set(c.Set), Size: bench.Size(c.Size), Rounds: c.Rounds,
		CPP: c.CPP, Host: c.Host && !c.Linear, Linear: c.Linear,
	}
	if !c.Quiet && isTerminal(env.stderr) {
		cfg.Log = env.stderr
	}
	if c.Ops != "" {
		var err error
		if cfg.Ops, err = regexp.Compile(c.Ops); err != nil {
			return nil, fmt.Errorf("--ops: %w", err)
		}
	}
	var err error
	if cfg.Device, err = device(c.Device); err != nil {
		return nil, err
	}
	return bench.Run(env.ctx, cfg)
}

// writeReport writes a file, none if it has no name.
func writeReport(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// isTerminal reports whether somebody may be watching.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
