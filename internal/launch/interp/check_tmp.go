package interp

import (
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/source"
)

type checker struct{}
type checkPlan struct{}

func newCheckPlan(fn *ir.Func) *checkPlan                           { return nil }
func (c *compiler) checkInstr(in *ir.Instr, s step) step            { return s }
func (c *compiler) checkCond(r ir.Reg, sp source.Span, s step) step { return s }
func checkReturn(f *frame)                                          {}
func (p *program) runChecked(r *launched, threads int) error        { return nil }
