package lower

// This file implements the table of the language's functions. Each family has
// a file of its own.

import (
	"github.com/zmlx-go/zmlx/internal/check"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// A builtin says how one function is lowered: by element, or as a whole.
type builtin struct {
	elem    func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg // t: type of a[0]
	whole   func(l *lowerer, e *check.Builtin) []ir.Reg
	effects bool // writes to memory, to an argument, or waits
	cheap   bool // may be evaluated where the source would not
}

var builtins = map[string]builtin{}

func init() {
	registerMath()
	registerIntegers()
	registerRelations()
	registerGeometry()
	registerSimd()
	registerAtomics()
	registerMatrices()
}

// builtin lowers a call of one of the language's functions.
func (l *lowerer) builtin(e *check.Builtin) []ir.Reg {
	f, ok := builtins[e.Name]
	switch {
	case !ok:
		l.bug("no way to lower the function %s", e.Name)
	case f.whole != nil:
		return f.whole(l, e)
	}
	args := l.args(e)
	old := l.b.SetFast(e.Fast)
	defer l.b.SetFast(old)
	n := 0
	for _, a := range args {
		n = max(n, len(a))
	}
	v := l.regs(n)
	var a [4]ir.Reg
	for i := range v {
		for k, x := range args {
			a[k] = pick(x, i)
		}
		v[i] = f.elem(l, l.b.TypeOf(a[0]), a[:len(args)])
	}
	return v
}

// args evaluates the arguments, each to a value that the later ones do not
// change.
func (l *lowerer) args(e *check.Builtin) [][]ir.Reg {
	args := make([][]ir.Reg, len(e.Args))
	for i, a := range e.Args {
		args[i] = l.expr(a)
		if anyEffects(e.Args[i+1:]) {
			args[i] = l.copies(args[i])
		}
	}
	if len(args) > 4 {
		l.bug("%s has %d arguments", e.Name, len(args))
	}
	return args
}

// fast marks what f emits as written with fast::, if e is.
func (l *lowerer) fast(e *check.Builtin, f func()) {
	old := l.b.SetFast(e.Fast)
	f()
	l.b.SetFast(old)
}

// op1 and op2 lower a function that is one operation.
func op1(op ir.Op) func(*lowerer, ir.Type, []ir.Reg) ir.Reg {
	return func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg { return l.b.Unary(op, a[0]) }
}

func op2(op ir.Op) func(*lowerer, ir.Type, []ir.Reg) ir.Reg {
	return func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg { return l.b.Binary(op, a[0], a[1]) }
}

// widened lowers a function of numbers whose value does not depend on the
// width that it is computed in, for integers of any width.
func widened(f func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg) func(*lowerer, ir.Type, []ir.Reg) ir.Reg {
	return func(l *lowerer, t ir.Type, a []ir.Reg) ir.Reg {
		if wideType(t) == t {
			return f(l, t, a)
		}
		var w [4]ir.Reg
		for i, r := range a {
			w[i] = l.wide(r)
		}
		return l.to(t, f(l, wideType(t), w[:len(a)]))
	}
}
