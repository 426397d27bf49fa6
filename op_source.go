// This file implements showing the text that an op becomes.

package zmlx

import (
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/backend/c99"
	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/compile"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// An InputSpec describes an input of a call without its values.
type InputSpec struct {
	DType DType
	Shape []int
}

// Source returns the text that the op becomes for inputs like these: "msl" is
// a whole Metal kernel, as MLX would compile it, without float64; "ir" is the program that
// our devices run, "c" and "cuda" the text that the cc and cuda devices compile.
// Equal ops give equal text, and other sizes give the same unless an input is
// laid out in another way, rows become much longer or shorter, or they are of a
// length that is so common that it has a kernel of its own. Of an input with one value for each row the last
// axis counts as 1, unless it is missing.
func (o *Op) Source(target string, inputs ...InputSpec) (string, error) {
	notNil(o != nil && o.f != nil, "*Op")
	if o.err != nil {
		return "", o.err
	}
	if len(inputs) != len(o.f.Inputs) {
		return "", fmt.Errorf("%s takes %d inputs, not %d", o.f.Name, len(o.f.Inputs), len(inputs))
	}
	c := codegen.Call{Inputs: make([]codegen.Input, len(inputs)), Target: codegen.Portable, GPU: target != "c"}
	if target != "msl" {
		c.Target = codegen.Native
	}
	shapes := make([][]int, len(inputs))
	for i, in := range inputs {
		shapes[i] = in.Shape
	}
	lacks := codegen.LackLastAxis(o.f, shapes)
	for i, in := range inputs {
		c.Inputs[i] = codegen.Input{DType: in.DType, Shape: in.Shape}
		if n := len(in.Shape); o.f.Inputs[i].Row && n > 0 && !lacks[i] {
			c.Inputs[i].Shape = append(slices.Clone(in.Shape[:n-1]), 1)
		}
	}
	k, err := codegen.Generate(o.f, c, codegen.DefaultSchedule(o.f, c, codegen.Limits{CPU: target == "c"}))
	if err != nil {
		return "", err
	}
	if k.Empty {
		return "", fmt.Errorf("%s: the result is empty, so there is no kernel", o.f.Name)
	}
	r, err := compile.Kernel(k.Kernel, k.Inputs(), append([]dtype.DType(nil), k.OutputDTypes...), nil)
	if err != nil {
		return "", fmt.Errorf("internal error: the kernel of %s: %w\n%s", o.f.Name, err, k.Source)
	}
	if target == "msl" {
		return r.Sig.Metal(k.Kernel)
	}
	return emit(target, r.Func)
}

// emit returns a kernel's program as the text that a device takes.
func emit(target string, f *ir.Func) (string, error) {
	switch target {
	case "ir":
		return ir.Print(f), nil
	case "c":
		u, err := c99.Emit(f)
		return u.Text, err
	case "cuda":
		u, err := cudac.Emit(f)
		return u.Text, err
	}
	return "", fmt.Errorf("no target %s: the targets are msl, ir, c and cuda", target)
}
