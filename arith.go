// This file implements arithmetic on arrays: each operation is a definition.

package zmlx

import (
	"errors"
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/shape"
)

// basic returns the op of one operation of the definition language.
func basic(name string, op formula.Op) *Op {
	g := formula.NewGraph()
	f := &formula.Formula{Name: name, Graph: g}
	args := make([]*formula.Node, op.Args())
	for i := range args {
		f.Inputs = append(f.Inputs, formula.In{Name: string(rune('a' + i))})
		args[i] = g.Input(i, false)
	}
	f.Outputs = []formula.Output{{Node: g.Of(op, args...)}}
	return opOf(f)
}

// withScalar returns the op of an operation on an array and a parameter s.
func withScalar(name string, op formula.Op, first bool) *Op {
	g := formula.NewGraph()
	a, s := g.Input(0, false), g.Param(0)
	n := g.Of(op, a, s)
	if first {
		n = g.Of(op, s, a)
	}
	return opOf(&formula.Formula{
		Name: name, Graph: g, Inputs: []formula.In{{Name: "a"}}, Params: []formula.Param{{Name: "s"}},
		Outputs: []formula.Output{{Node: n}},
	})
}

var (
	opAdd, opSub, opMul, opDiv   = basic("add", formula.Add), basic("sub", formula.Sub), basic("mul", formula.Mul), basic("div", formula.Div)
	opRem, opPow                 = basic("rem", formula.Rem), basic("pow", formula.Pow)
	opMinimum, opMaximum         = basic("minimum", formula.Min), basic("maximum", formula.Max)
	opEq, opNe                   = basic("eq", formula.Eq), basic("ne", formula.Ne)
	opLt, opLe, opGt, opGe       = basic("lt", formula.Lt), basic("le", formula.Le), basic("gt", formula.Gt), basic("ge", formula.Ge)
	opAnd, opOr, opNot           = basic("logical_and", formula.And), basic("logical_or", formula.Or), basic("logical_not", formula.Not)
	opNeg, opAbs, opSign         = basic("neg", formula.Neg), basic("abs", formula.Abs), basic("sign", formula.Sign)
	opSquare, opSqrt, opRsqrt    = basic("square", formula.Square), basic("sqrt", formula.Sqrt), basic("rsqrt", formula.Rsqrt)
	opExp, opExpm1               = basic("exp", formula.Exp), basic("expm1", formula.Expm1)
	opLog, opLog1p               = basic("log", formula.Log), basic("log1p", formula.Log1p)
	opSin, opCos, opTanh         = basic("sin", formula.Sin), basic("cos", formula.Cos), basic("tanh", formula.Tanh)
	opErf, opSigmoid             = basic("erf", formula.Erf), basic("sigmoid", formula.Sigmoid)
	opFloor, opCeil, opRound     = basic("floor", formula.Floor), basic("ceil", formula.Ceil), basic("round", formula.Round)
	opWhere                      = basic("where", formula.Select)
	opSoftmax                    = basic("softmax", formula.Softmax)
	opAddScalar, opMulScalar     = withScalar("add_scalar", formula.Add, false), withScalar("mul_scalar", formula.Mul, false)
	opPowScalar, opScalarDiv     = withScalar("pow_scalar", formula.Pow, false), withScalar("scalar_div", formula.Div, true)
	opSum, opMean, opVar, opProd = basic("sum", formula.Sum), basic("mean", formula.Mean), basic("variance", formula.Var), basic("prod", formula.Prod)
	opMax, opMin, opLogSumExp    = basic("row_max", formula.MaxOf), basic("row_min", formula.MinOf), basic("logsumexp", formula.LogSumExp)
	opAny, opAll                 = basic("any", formula.Any), basic("all", formula.All)
	opArgMax, opArgMin           = basic("argmax", formula.ArgMax), basic("argmin", formula.ArgMin)
)

// Add returns a + b, element by element. Here as in all operations on two
// arrays shapes broadcast and dtypes are promoted by NumPy's rules;
// docs/definitions.md has the table.
func (a *Array) Add(b *Array) *Array { return opAdd.Call(a, b) }

// Sub returns a - b.
func (a *Array) Sub(b *Array) *Array { return opSub.Call(a, b) }

// Mul returns a * b, element by element.
func (a *Array) Mul(b *Array) *Array { return opMul.Call(a, b) }

// Div returns a / b. Integers are divided as in C, towards zero.
func (a *Array) Div(b *Array) *Array { return opDiv.Call(a, b) }

// Rem returns the remainder of a / b, with the sign of a.
func (a *Array) Rem(b *Array) *Array { return opRem.Call(a, b) }

// Pow returns a to the power of b.
func (a *Array) Pow(b *Array) *Array { return opPow.Call(a, b) }

// Minimum returns the smaller of a and b, NaN if either is.
func (a *Array) Minimum(b *Array) *Array { return opMinimum.Call(a, b) }

// Maximum returns the greater of a and b, NaN if either is.
func (a *Array) Maximum(b *Array) *Array { return opMaximum.Call(a, b) }

// Eq returns where a equals b, as bool.
func (a *Array) Eq(b *Array) *Array { return opEq.Call(a, b) }

// Ne returns where a differs from b, as bool.
func (a *Array) Ne(b *Array) *Array { return opNe.Call(a, b) }

// Lt returns where a < b, as bool.
func (a *Array) Lt(b *Array) *Array { return opLt.Call(a, b) }

// Le returns where a <= b, as bool.
func (a *Array) Le(b *Array) *Array { return opLe.Call(a, b) }

// Gt returns where a > b, as bool.
func (a *Array) Gt(b *Array) *Array { return opGt.Call(a, b) }

// Ge returns where a >= b, as bool.
func (a *Array) Ge(b *Array) *Array { return opGe.Call(a, b) }

// And returns where both are not zero, as bool.
func (a *Array) And(b *Array) *Array { return opAnd.Call(a, b) }

// Or returns where either is not zero, as bool.
func (a *Array) Or(b *Array) *Array { return opOr.Call(a, b) }

// Not returns where a is zero, as bool.
func (a *Array) Not() *Array { return opNot.Call(a) }

// AddScalar returns a + s. A scalar does not change the dtype of floats.
func (a *Array) AddScalar(s float64) *Array { return opAddScalar.with(s).Call(a) }

// MulScalar returns a * s. A scalar does not change the dtype of floats.
func (a *Array) MulScalar(s float64) *Array { return opMulScalar.with(s).Call(a) }

// PowScalar returns a to the power of s.
func (a *Array) PowScalar(s float64) *Array { return opPowScalar.with(s).Call(a) }

// ScalarDiv returns s / a.
func (a *Array) ScalarDiv(s float64) *Array { return opScalarDiv.with(s).Call(a) }

// with gives the op's only parameter a value.
func (o *Op) with(s float64) *Op {
	c := *o
	c.params = []float64{s}
	return &c
}

// Neg returns -a.
func (a *Array) Neg() *Array { return opNeg.Call(a) }

// Abs returns |a|. Its derivative at 0 is 0.
func (a *Array) Abs() *Array { return opAbs.Call(a) }

// Sign returns -1, 0 or 1.
func (a *Array) Sign() *Array { return opSign.Call(a) }

// Square returns a * a.
func (a *Array) Square() *Array { return opSquare.Call(a) }

// Sqrt returns the square root.
func (a *Array) Sqrt() *Array { return opSqrt.Call(a) }

// Rsqrt returns 1 / sqrt(a).
func (a *Array) Rsqrt() *Array { return opRsqrt.Call(a) }

// Exp returns e to the power of a.
func (a *Array) Exp() *Array { return opExp.Call(a) }

// Expm1 returns exp(a) - 1, exactly near 0.
func (a *Array) Expm1() *Array { return opExpm1.Call(a) }

// Log returns the natural logarithm.
func (a *Array) Log() *Array { return opLog.Call(a) }

// Log1p returns log(1 + a), exactly near 0.
func (a *Array) Log1p() *Array { return opLog1p.Call(a) }

// Sin returns the sine.
func (a *Array) Sin() *Array { return opSin.Call(a) }

// Cos returns the cosine.
func (a *Array) Cos() *Array { return opCos.Call(a) }

// Tanh returns the hyperbolic tangent.
func (a *Array) Tanh() *Array { return opTanh.Call(a) }

// Erf returns the error function.
func (a *Array) Erf() *Array { return opErf.Call(a) }

// Sigmoid returns 1 / (1 + exp(-a)).
func (a *Array) Sigmoid() *Array { return opSigmoid.Call(a) }

// Floor returns the greatest integer not above a.
func (a *Array) Floor() *Array { return opFloor.Call(a) }

// Ceil returns the smallest integer not below a.
func (a *Array) Ceil() *Array { return opCeil.Call(a) }

// Round returns the nearest integer, the even one of two.
func (a *Array) Round() *Array { return opRound.Call(a) }

// Softmax returns exp(a) / sum(exp(a)) along the last axis; of a row of -inf,
// zeros.
func (a *Array) Softmax() *Array { return opSoftmax.Call(a) }

// Where returns x where cond is not zero, y elsewhere.
func Where(cond, x, y *Array) *Array { return opWhere.Call(cond, x, y) }

// Sum returns the sum over axes, all if none are given, in float32 or better.
// The axes are dropped.
func (a *Array) Sum(axes ...int) *Array { return a.reduce("sum", opSum, axes) }

// Mean returns the mean over axes.
func (a *Array) Mean(axes ...int) *Array { return a.reduce("mean", opMean, axes) }

// Var returns the population variance over axes.
func (a *Array) Var(axes ...int) *Array { return a.reduce("var", opVar, axes) }

// Prod returns the product over axes.
func (a *Array) Prod(axes ...int) *Array { return a.reduce("prod", opProd, axes) }

// Max returns the greatest element over axes, NaN if one is. The gradient is
// shared evenly among ties.
func (a *Array) Max(axes ...int) *Array { return a.reduce("max", opMax, axes) }

// Min returns the smallest element over axes, NaN if one is.
func (a *Array) Min(axes ...int) *Array { return a.reduce("min", opMin, axes) }

// LogSumExp returns log(sum(exp(a))) over axes.
func (a *Array) LogSumExp(axes ...int) *Array { return a.reduce("logsumexp", opLogSumExp, axes) }

// Any returns whether an element over axes is not zero, as bool.
func (a *Array) Any(axes ...int) *Array { return a.reduce("any", opAny, axes) }

// All returns whether no element over axes is zero, as bool.
func (a *Array) All(axes ...int) *Array { return a.reduce("all", opAll, axes) }

// ArgMax returns the position of the greatest element along an axis, the
// lowest of several, as uint32; a NaN counts as greatest.
func (a *Array) ArgMax(axis int) *Array { return a.reduce("argmax", opArgMax, []int{axis}) }

// ArgMin returns the position of the smallest element along an axis.
func (a *Array) ArgMin(axis int) *Array { return a.reduce("argmin", opArgMin, []int{axis}) }

// reduce moves axes to the end, makes them one, and reduces that.
func (a *Array) reduce(name string, op *Op, axes []int) *Array {
	if err := a.Err(); err != nil {
		return failed(err)
	}
	n := a.NDim()
	if n == 0 && len(axes) == 0 {
		return op.Call(a.Reshape(1))
	}
	drop := make([]bool, n)
	for _, x := range axes {
		k, err := shape.Axis(x, n)
		if err == nil && drop[k] {
			err = fmt.Errorf("axis %d is given twice", x)
		}
		if err != nil {
			return badShape(name, err, a)
		}
		drop[k] = true
	}
	if len(axes) == 0 {
		return op.Call(a.Reshape(-1).orEmptyRow(a))
	}
	var order, kept []int
	last := 1
	for i, d := range a.view.Dims {
		if !drop[i] {
			order = append(order, i)
			kept = append(kept, d)
		}
	}
	for i, d := range a.view.Dims {
		if drop[i] {
			order = append(order, i)
			last *= d
		}
	}
	if first, count := dropped(drop); op == opSum && count > 0 && first+count < n && a.Size() > 0 {
		return a.columnSum(first, count)
	}
	if !slices.IsSorted(order) {
		a = a.Transpose(order...)
	}
	if a.NDim() != len(kept)+1 {
		a = a.Reshape(append(slices.Clone(kept), last)...)
	}
	return op.Call(a)
}

// dropped returns where the dropped axes begin and how many they are, if they
// are neighbours; else 0 of them.
func dropped(drop []bool) (first, count int) {
	first = slices.Index(drop, true)
	for count = 0; first+count < len(drop) && drop[first+count]; count++ {
	}
	if slices.Contains(drop[first+count:], true) {
		return 0, 0
	}
	return first, count
}

// orEmptyRow returns a, which was made flat, or an error that it cannot be.
func (a *Array) orEmptyRow(of *Array) *Array {
	if a.err != nil && of.Size() == 0 {
		return of.Reshape(0)
	}
	return a
}

// zerosOn returns zeros on a device.
func zerosOn(dev *Device, d DType, shp []int) *Array {
	z := Zeros(d, shp...)
	if z.err == nil && z.dev != dev {
		return z.To(dev)
	}
	return z
}

// scalarOn returns a 0-dim array on a device.
func scalarOn[T Element](dev *Device, v T) *Array {
	if err := dev.holds("scalar", DTypeOf[T]()); err != nil {
		return failed(err)
	}
	return bytesOn(dev, "scalar", DTypeOf[T](), bytesOf([]T{v}), []int{})
}

func fromSliceOn[T Element](dev *Device, v []T) *Array {
	a := FromSlice(v)
	if a.err == nil && a.dev != dev {
		return a.To(dev)
	}
	return a
}

// joinShapes returns the shape that leading axes broadcast to.
func joinShapes(a, b []int) ([]int, error) {
	out, err := shape.Join(a, b)
	if err != nil {
		return nil, errors.Join(errors.New("leading axes"), err)
	}
	return out, nil
}
