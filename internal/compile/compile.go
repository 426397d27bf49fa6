// Package compile takes a kernel's text all the way to ir: signature, parse,
// check, lower and optimise, in one call.
//
// This file implements that call.
package compile

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/ir/lower"
	"github.com/zmlx-go/zmlx/internal/ir/opt"
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A Result is a compiled kernel.
type Result struct {
	Sig      *signature.Signature
	Set      *source.Set
	Func     *ir.Func
	Warnings []source.Diag // in the texts of Set
}

// Kernel compiles k for a call with inputs, output dtypes and template
// arguments like these. A faulty text gives a *source.List.
func Kernel(k signature.Kernel, inputs []signature.Input, outputs []dtype.DType, template []signature.TemplateArg) (*Result, error) {
	prog, r, err := Check(k, inputs, outputs, template)
	if err != nil {
		return nil, err
	}
	if r.Func, err = lower.Lower(prog); err != nil {
		return nil, err
	}
	opt.Run(r.Func)
	if err := ir.Verify(r.Func); err != nil {
		list := &source.List{Set: r.Set}
		list.Errorf(source.Span{}, lower.InternalError, "internal error: %v", err)
		return nil, list
	}
	ir.Analyze(r.Func)
	return r, nil
}

// Check goes as far as the typed program.
func Check(k signature.Kernel, inputs []signature.Input, outputs []dtype.DType, template []signature.TemplateArg) (*check.Program, *Result, error) {
	sig, err := signature.Build(k, inputs, outputs, template)
	if err != nil {
		return nil, nil, err
	}
	tree, set, errs := Parse(k, sig)
	if err := errs.Err(); err != nil {
		errs.Sort()
		return nil, nil, err
	}
	prog := check.Kernel(set, tree, k.Name, sig, errs)
	errs.Sort()
	if err := errs.Err(); err != nil {
		return nil, nil, err
	}
	return prog, &Result{Sig: sig, Set: set, Warnings: errs.Diags}, nil
}

// Parse makes the syntax tree of a kernel whose generated signature is sig.
func Parse(k signature.Kernel, sig *signature.Signature) (*parse.Tree, *source.Set, *source.List) {
	set := &source.Set{}
	errs := &source.List{Set: set}
	var header *source.File
	if k.Header != "" {
		header = set.Add(k.Name+" (header)", k.Header)
	}
	body := set.Add(k.Name, k.Source)
	cfg := parse.Config{Prelude: check.Prelude()}
	for _, p := range sig.Params {
		cfg.Values = append(cfg.Values, p.Name)
	}
	for _, a := range sig.Attributes {
		cfg.Values = append(cfg.Values, a.Name)
	}
	for _, t := range sig.Template {
		if t.Kind == signature.TypeArg {
			cfg.Types = append(cfg.Types, t.Name)
		} else {
			cfg.Values = append(cfg.Values, t.Name)
		}
	}
	return parse.Kernel(set, header, body, cfg, errs), set, errs
}
