// This file implements checked runs: finding a kernel's bugs instead of
// running it fast.

package zmlx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Finding is a bug that a checked run found, at one place of the text,
// however often it happened there.
type Finding struct {
	Diagnostic
	Buffer      string // input, output or array at fault; may be empty
	Threadgroup [3]int // where it was first seen
	Lanes       []int  // threads of that threadgroup, at most 8
	Count       int    // threads at fault, over all threadgroups and repetitions
}

// A CheckReport is the outcome of a checked run.
type CheckReport struct {
	Kernel   string
	Warnings []Diagnostic // about the text and the launch: what MLX passes in silence
	Findings []Finding    // bugs that showed in the run
	Outputs  []*Array     // on the interpreter; nil if the launch is beyond the limits of a device
}

// OK reports whether there are neither findings nor warnings.
func (r *CheckReport) OK() bool { return len(r.Findings) == 0 && len(r.Warnings) == 0 }

// String returns all findings and warnings with their lines, or a line that
// says there are none.
func (r *CheckReport) String() string {
	if r.OK() {
		return r.Kernel + ": nothing found"
	}
	var b strings.Builder
	for _, f := range r.Findings {
		b.WriteString(f.Text)
		b.WriteByte('\n')
	}
	for _, w := range r.Warnings {
		b.WriteString(w.Text)
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s: %s, %s", r.Kernel, counted(len(r.Findings), "finding"), counted(len(r.Warnings), "warning"))
	return b.String()
}

// A CheckError carries the findings of a run that ZMLX_CHECK=1 made a checked
// one.
type CheckError struct {
	Kernel   string
	Findings []Finding
}

func (e *CheckError) Error() string {
	s := fmt.Sprintf("kernel %s: %s found", e.Kernel, counted(len(e.Findings), "bug"))
	for _, f := range e.Findings {
		s += "\n" + f.Text
	}
	return s
}

// counted returns a number of things, such as "1 bug" or "2 bugs".
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// checkEnv makes every run on the CPU a checked one, by the interpreter. With an
// error no kernel runs.
var checkEnv, errCheckEnv = launch.Switch("ZMLX_CHECK")

func forceCheck(d *Device) bool {
	return checkEnv && (d.Name() == "interp" || d.Name() == "cc")
}

// Check runs the kernel on the interpreter with every check on: accesses out
// of bounds, reads of memory that nothing wrote, data races, barriers that not
// all threads reach, index arithmetic that wraps. It also reports what MLX
// would pass in silence. The error is of the call or of the text; findings are
// in the report. It runs at once, and stops when ctx ends.
func (m *MetalKernel) Check(ctx context.Context, l Launch, inputs ...*Array) (*CheckReport, error) {
	notNil(m != nil, "*MetalKernel")
	if ctx == nil {
		return nil, errNilContext
	}
	dev, err := Open("interp")
	if err != nil {
		return nil, err
	}
	l.Device = dev
	moved := make([]*Array, len(inputs))
	for i, a := range inputs {
		if moved[i] = a; a.Err() == nil && a.dev != dev {
			moved[i] = a.To(dev)
		}
	}
	r := &CheckReport{Kernel: m.spec.Name}
	c, err := m.prepare(l, moved)
	if e, ok := errors.AsType[*KernelError](err); ok && threads(l.Threadgroup) > signature.MaxThreads {
		d := Diagnostic{Code: string(launch.ThreadLimit), Message: e.Reason, Text: fmt.Sprintf("%s: %s [%s]", m.spec.Name, e.Reason, launch.ThreadLimit)}
		r.Findings = []Finding{{Diagnostic: d, Count: 1}}
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := programs.compile(ctx, m, c, true)
	if e, ok := errors.AsType[*CompileError](err); ok && len(e.Diagnostics) == 1 && e.Diagnostics[0].Code == string(launch.MemoryLimit) {
		r.Findings = []Finding{{Diagnostic: e.Diagnostics[0], Count: 1}}
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	set := v.result.Set
	r.Warnings = diagnostics(set, slices.Concat(v.result.Warnings, m.lint(c, v, set)))
	var report launch.Report
	r.Outputs = newOp(m.spec.Name, dev, c.inputs, c.outputs, c.runner(m, v, &report))
	if err := Eval(ctx, r.Outputs...); err != nil {
		return nil, err
	}
	r.Findings = findings(set, &report)
	return r, nil
}

// threads returns the number of threads of a threadgroup.
func threads(group [3]int) float64 {
	return float64(group[0]) * float64(group[1]) * float64(group[2])
}

// lint returns the warnings about a call.
func (m *MetalKernel) lint(c *call, v *variant, set *source.Set) []source.Diag {
	lc := signature.LintCall{Kernel: m.sig, Signature: v.result.Sig, Grid: c.grid, Group: c.asked, InitValue: c.init}
	for _, o := range c.outputs {
		lc.Outputs = append(lc.Outputs, o.DType)
	}
	for _, f := range set.Files() {
		if f.Name == m.spec.Name {
			lc.Body = f
		} else {
			lc.Header = f
		}
	}
	return signature.Lint(lc)
}

func findings(set *source.Set, r *launch.Report) []Finding {
	out := make([]Finding, 0, len(r.Findings))
	for _, f := range r.Findings {
		out = append(out, Finding{
			Diagnostic:  diagnostics(set, []source.Diag{f.Diag})[0],
			Buffer:      f.Buffer,
			Threadgroup: f.Group,
			Lanes:       f.Lanes,
			Count:       f.Count,
		})
	}
	return out
}

// Emit returns the text that the kernel becomes in a call like this: "msl" is
// what MLX would compile, which has no float64; "ir" the program that our devices run, "c" and "cuda"
// the text that the cc and cuda devices compile.
func (m *MetalKernel) Emit(target string, l Launch, inputs ...*Array) (string, error) {
	c, err := m.prepare(l, inputs)
	if err != nil {
		return "", err
	}
	v, err := programs.compile(context.Background(), m, c, false)
	if err != nil {
		return "", err
	}
	if target == "msl" {
		return v.result.Sig.Metal(m.sig)
	}
	return emit(target, v.result.Func)
}
