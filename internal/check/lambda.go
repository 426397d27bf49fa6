package check

// This file implements lambdas: a closure names the variables around it, and
// is instantiated for the types of its arguments.

import (
	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/source"
)

// A closure is one lambda expression with the scope it was written in.
type closure struct {
	f   *function
	ctx *funcCtx // the function around it
}

// lambda types a lambda expression.
func (c *checker) lambda(x *parse.Lambda, s *scope) Expr {
	if x.ByCopy {
		c.errs.Errorf(x.Span, UnsupportedFeature, "lambdas that capture by copy are not in the kernel language").Hint = "capture by reference: [&]"
		return bad(x.Span)
	}
	for _, n := range x.Names {
		if n == "this" {
			continue
		}
		if n == "" || n[0] != '&' {
			c.errs.Errorf(x.Span, UnsupportedFeature, "the capture of %s by copy is not in the kernel language", n).Hint = "capture by reference: [&]"
			return bad(x.Span)
		}
	}
	marker := &Func{Name: "lambda", Span: x.Span}
	c.closure[marker] = &closure{f: &function{lambda: x, scope: s}, ctx: c.fnCtx()}
	return &LambdaExpr{Typed{&Type{Kind: Closure, Func: marker}, x.Span}}
}

// callLambda instantiates a lambda for its arguments and calls it.
func (c *checker) callLambda(cl *closure, args []argument, span source.Span) Expr {
	l := cl.f.lambda
	least, most := arity(l.Params)
	if len(args) < least || len(args) > most {
		c.errs.Errorf(span, WrongArgCount, "this lambda takes %d arguments, not %d", most, len(args))
		return bad(span)
	}
	var autos []targ
	for i, p := range l.Params {
		if i < len(args) && isAuto(p.Type) && args[i].list == nil {
			t := args[i].typ()
			if t.Kind == Array && !isRef(p.Type) {
				t = c.decay(args[i].e).Type()
			}
			autos = append(autos, targ{typ: t})
		}
	}
	in := c.instantiate(cl.f, autos, span)
	if in == nil {
		return bad(span)
	}
	for i, v := range in.fn.Params {
		if i >= len(args) || args[i].list != nil {
			continue
		}
		q := qualType{Type: v.Type, ref: v.Kind == RefVar, readOnly: v.ReadOnly, space: v.Space}
		if c.argRank(args[i], q) >= rankNone {
			if q.ref {
				c.errs.Errorf(args[i].e.Range(), NoMatch, "argument %d is %s, and a reference to %s is needed", i+1, args[i].typ(), v.Type)
			} else {
				c.refuse(c.decayed(args[i].e), v.Type, "pass this argument")
			}
			return bad(span)
		}
	}
	return c.finishCall(in, l.Params, cl.f.scope, nil, args, span)
}

func isAuto(te parse.TypeExpr) bool {
	switch te := te.(type) {
	case *parse.RefType:
		return isAuto(te.Elem)
	case *parse.NamedType:
		return te.Name == "auto"
	}
	return false
}

func isRef(te parse.TypeExpr) bool {
	_, ok := te.(*parse.RefType)
	return ok
}

// lambdaBody checks one instance of a lambda.
func (c *checker) lambdaBody(f *function, autos []targ, s *scope, in *funcInst) {
	l := f.lambda
	var around *funcCtx
	for _, cl := range c.closure {
		if cl.f == f {
			around = cl.ctx
		}
	}
	fn := &Func{Name: "lambda", Span: l.Span}
	ctx := &funcCtx{fn: fn, this: around.this, owner: around.owner}
	c.fn = ctx
	c.params(fn, l.Params, s, autos)
	if l.Ret != nil {
		if q := c.typ(l.Ret, s); !q.auto {
			ctx.ret, fn.RetRef = q.Type, q.ref
		}
	}
	in.fn, in.ctx = fn, ctx
	fn.Body = c.block(l.Body, s)
	c.finishFunc(fn, ctx, l.Span)
}
