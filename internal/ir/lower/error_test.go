package lower_test

// This file implements tests of what Lower refuses.

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir/lower"
	"github.com/zmlx-go/zmlx/internal/source"
)

func wantError(t *testing.T, p *check.Program, code source.Code, text string) {
	t.Helper()
	fn, err := lower.Lower(p)
	var list *source.List
	if fn != nil || !errors.As(err, &list) {
		t.Fatalf("Lower returned %v, %v; want an error", fn, err)
	}
	if len(list.Diags) != 1 || list.Diags[0].Code != code || !strings.Contains(err.Error(), text) {
		t.Errorf("error is\n%v\nwant %s and %q", err, code, text)
	}
}

func TestTooDeep(t *testing.T) {
	chain := func(n int) string {
		return "if (a[0] > 0) out[0] = 1;" + strings.Repeat(" else if (a[0] > 1) out[0] = 2;", n)
	}
	k := kernel{body: chain(2000), inputs: []any{make([]float32, 8)}, outputs: []any{make([]float32, 8)}}
	wantError(t, k.check(t), lower.TooLarge, "nest more than")
	k.body = chain(400)
	k.lower(t)
}

func TestTooLarge(t *testing.T) {
	var h strings.Builder
	h.WriteString("float f0(float x) { return x * 3 + 1; }\n")
	for i := 1; i <= 24; i++ {
		fmt.Fprintf(&h, "float f%d(float x) { return f%d(x) + f%d(x + 1); }\n", i, i-1, i-1)
	}
	k := kernel{header: h.String(), body: "out[0] = f24(a[0]);", inputs: []any{eight}, outputs: []any{make([]float32, 1)}}
	wantError(t, k.check(t), lower.TooLarge, "grows too large")
}

func TestUnsupportedAtomic(t *testing.T) {
	k := kernel{body: "atomic_store_explicit(&out[0], bool(a[0] > 0), memory_order_relaxed);", inputs: []any{eight}, outputs: []any{make([]bool, 1)}, atomic: true}
	wantError(t, k.check(t), lower.UnsupportedAtomic, "there are no atomic operations on")
}

// TestContradictions gives Lower trees that no checker makes.
func TestContradictions(t *testing.T) {
	typed := func(t *check.Type) check.Typed { return check.Typed{T: t} }
	one := &check.Const{Typed: typed(check.TInt), I: 1}
	ref := &check.Var{Name: "r", Kind: check.RefVar, Type: check.TInt}
	fixed := &check.Var{Name: "c", Kind: check.LocalVar, Type: check.TInt}
	vec := check.VectorOf(check.TFloat, 2)
	for name, body := range map[string][]check.Stmt{
		"unbound reference":       {&check.ExprStmt{X: &check.Assign{Typed: typed(check.TInt), X: &check.VarRef{Typed: typed(check.TInt), V: ref}, Y: one}}},
		"reference to nothing":    {&check.DeclStmt{V: ref}},
		"parameter out of range":  {&check.ExprStmt{X: &check.Index{Typed: typed(check.TInt), X: &check.VarRef{Typed: typed(check.PointerTo(check.TInt, check.Device, false)), V: &check.Var{Kind: check.BufferVar, Index: 3}}, I: one}}},
		"unknown function":        {&check.ExprStmt{X: &check.Builtin{Typed: typed(check.TInt), Name: "frobnicate"}}},
		"unknown attribute":       {&check.DeclStmt{V: fixed, Init: &check.VarRef{Typed: typed(check.TUInt), V: &check.Var{Kind: check.AttrVar, Attr: "moon_phase", Type: check.TUInt}}}},
		"jump outside loops":      {&check.Jump{}},
		"element out of range":    {&check.DeclStmt{V: fixed, Init: &check.Swizzle{Typed: typed(check.TFloat), X: &check.VarRef{Typed: typed(vec), V: &check.Var{Kind: check.LocalVar, Type: vec}}, Comps: []int{5}}}},
		"constant assigned to":    {&check.DeclStmt{V: fixed, Init: one}, &check.ExprStmt{X: &check.Assign{Typed: typed(check.TInt), X: &check.VarRef{Typed: typed(check.TInt), V: fixed}, Y: one}}},
		"function without a body": {&check.ExprStmt{X: &check.Call{Typed: typed(check.TVoid), Fn: &check.Func{Name: "f", Ret: check.TVoid}}}},
		"missing expression":      {&check.DeclStmt{V: fixed, Init: &check.Unary{Typed: typed(check.TInt), Op: '-'}}},
		"missing argument":        {&check.ExprStmt{X: &check.Builtin{Typed: typed(check.TFloat), Name: "atomic_store"}}},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, &check.Program{Name: "test", Body: &check.Block{Stmts: body}}, lower.InternalError, "internal error")
		})
	}
	wantError(t, &check.Program{Name: "test"}, lower.InternalError, "internal error")
}
