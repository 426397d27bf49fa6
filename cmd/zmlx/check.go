package main

// This file implements zmlx check.

import (
	"fmt"
	"time"

	"github.com/zmlx-go/zmlx"
)

type checkCommand struct {
	Capsule  string        `arg:"" help:"Capsule with the kernel to check, a JSON file."`
	JSON     bool          `name:"json" help:"Print the report as JSON."`
	Warnings bool          `default:"true" negatable:"" help:"Also report what MLX passes in silence (on unless --no-warnings)."`
	Timeout  time.Duration `help:"Stop after this long, such as 10s." default:"0s"`
}

// A place is what check --json says of where something is.
type place struct {
	Code    string `json:"code"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// A finding is a bug that showed when the kernel ran.
type finding struct {
	place
	Buffer      string `json:"buffer,omitempty"`
	Threadgroup [3]int `json:"threadgroup"`
	Threads     []int  `json:"threads"` // of that group, at most 8
	Count       int    `json:"count"`
}

// A checkReport is what check --json prints.
type checkReport struct {
	Kernel   string                 `json:"kernel"`
	OK       bool                   `json:"ok"`
	Findings []finding              `json:"findings"`
	Warnings []place                `json:"warnings"`
	Expect   map[string]*comparison `json:"expect,omitempty"`
}

func (c *checkCommand) Validate() error { return notNegative(c.Timeout) }

func (c *checkCommand) Run(env environment) error {
	ctx, cancel := within(env.ctx, c.Timeout)
	defer cancel()
	dev, err := device("interp")
	if err != nil {
		return err
	}
	call, err := load(c.Capsule, dev)
	if err != nil {
		return err
	}
	found, err := call.kernel.Check(ctx, call.launch, call.inputs...)
	if err != nil {
		return stopped(err, ctx, c.Timeout)
	}
	if !c.Warnings {
		found.Warnings = nil
	}
	report := checkReport{
		Kernel: found.Kernel, OK: found.OK(),
		Findings: []finding{}, Warnings: []place{}, Expect: map[string]*comparison{},
	}
	for _, f := range found.Findings {
		report.Findings = append(report.Findings, finding{placeOf(f.Diagnostic), f.Buffer, f.Threadgroup, f.Lanes, f.Count})
	}
	for _, w := range found.Warnings {
		report.Warnings = append(report.Warnings, placeOf(w))
	}
	// What a faulty kernel computed is no use to compare.
	if len(found.Findings) == 0 {
		for _, e := range call.capsule.Expect {
			out, err := (&runCommand{}).output(call.capsule, e.Index, found.Outputs[e.Index])
			if err != nil {
				return err
			}
			report.Expect[e.Name] = out.Expect
			report.OK = report.OK && out.Expect.OK
		}
	}
	if c.JSON {
		err = env.printJSON(report)
	} else {
		printCheck(env, found, call, report)
	}
	if err == nil && !report.OK {
		return errFinding
	}
	return err
}

func placeOf(d zmlx.Diagnostic) place {
	return place{d.Code, d.File, d.Line, d.Column, d.Message, d.Hint}
}

// printCheck prints a report for people; the comparisons are in the order of
// the capsule's outputs.
func printCheck(env environment, found *zmlx.CheckReport, call *call, r checkReport) {
	fmt.Fprintln(env.stdout, found)
	for _, e := range call.capsule.Expect {
		if c := r.Expect[e.Name]; c != nil {
			fmt.Fprintf(env.stdout, "%s: %s\n", e.Name, c)
		}
	}
}
