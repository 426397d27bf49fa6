package formula

// This file implements the list of operations.

// An Op is the operation of a Node.
type Op uint8

const (
	BadOp Op = iota

	Input
	ParamOp
	Const
	Index // position along the row, from 0; an integer
	Size  // length of the row; an integer

	// Arithmetic of two.
	Add
	Sub
	Mul
	Div // integers: truncated
	Rem // integers and floats: sign of the dividend, as C's % and fmod
	Min // NaN if either is NaN
	Max // NaN if either is NaN
	Pow
	Atan2
	CopySign
	LogAddExp // log(exp a + exp b), stable
	BitAnd
	BitOr
	BitXor
	Shl
	Shr

	// Comparison of two, giving bool.
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	And // of bools
	Or

	// Of one.
	Neg
	Not    // of bool
	BitNot // of integers
	Abs
	Sign // -1, 0, 1; of NaN: NaN
	Square
	Sqrt
	Rsqrt
	Recip
	Exp
	Exp2
	Expm1
	Log
	Log2
	Log10
	Log1p
	Sin
	Cos
	Tan
	Asin
	Acos
	Atan
	Sinh
	Cosh
	Tanh
	Asinh
	Acosh
	Atanh
	Erf
	Erfinv
	Sigmoid
	Softplus // log(1 + exp x), stable
	Silu
	TanhSoftplus // tanh(log(1 + exp x)), stable; mish is x times it
	Gelu         // with erf
	GeluTanh     // with tanh
	Floor
	Ceil
	Round // to nearest even, as NumPy
	Trunc
	Float // to the float type of the formula
	IsNan
	IsInf
	Stop // the value, with derivative zero
	Cast // to the dtype that Index is, rounded to it; definitions have no form for it

	Select // Args[0] (bool) ? Args[1] : Args[2]

	// Uniform(key) in [0, 1): Philox of the key (a parameter or constant) and
	// the element's linear index. The derivative is zero.
	Uniform

	// Softmax of the row: varies along it; of a row of -inf: zeros.
	Softmax

	// Reductions over the row.
	Sum
	Mean
	Prod
	MaxOf // NaN if one is NaN
	MinOf
	Var       // population
	LogSumExp // of a row of -inf: -inf
	Any
	All
	ArgMax // lowest index of the greatest; of NaN if there is one; uint32
	ArgMin

	NumOps
)

type opInfo struct {
	name string // in definitions; the operator for infix ones
	args int
}

var opInfos = [NumOps]opInfo{
	Input: {"input", 0}, ParamOp: {"param", 0}, Const: {"const", 0}, Index: {"index", 0}, Size: {"size", 0},
	Add: {"+", 2}, Sub: {"-", 2}, Mul: {"*", 2}, Div: {"/", 2}, Rem: {"%", 2}, Min: {"min", 2}, Max: {"max", 2},
	Pow: {"pow", 2}, Atan2: {"atan2", 2}, CopySign: {"copysign", 2}, LogAddExp: {"logaddexp", 2},
	BitAnd: {"&", 2}, BitOr: {"|", 2}, BitXor: {"^", 2}, Shl: {"<<", 2}, Shr: {">>", 2},
	Eq: {"==", 2}, Ne: {"!=", 2}, Lt: {"<", 2}, Le: {"<=", 2}, Gt: {">", 2}, Ge: {">=", 2}, And: {"&&", 2}, Or: {"||", 2},
	Neg: {"-", 1}, Not: {"!", 1}, BitNot: {"~", 1}, Abs: {"abs", 1}, Sign: {"sign", 1}, Square: {"square", 1},
	Sqrt: {"sqrt", 1}, Rsqrt: {"rsqrt", 1}, Recip: {"recip", 1},
	Exp: {"exp", 1}, Exp2: {"exp2", 1}, Expm1: {"expm1", 1}, Log: {"log", 1}, Log2: {"log2", 1}, Log10: {"log10", 1}, Log1p: {"log1p", 1},
	Sin: {"sin", 1}, Cos: {"cos", 1}, Tan: {"tan", 1}, Asin: {"asin", 1}, Acos: {"acos", 1}, Atan: {"atan", 1},
	Sinh: {"sinh", 1}, Cosh: {"cosh", 1}, Tanh: {"tanh", 1}, Asinh: {"asinh", 1}, Acosh: {"acosh", 1}, Atanh: {"atanh", 1},
	Erf: {"erf", 1}, Erfinv: {"erfinv", 1},
	Sigmoid: {"sigmoid", 1}, Softplus: {"softplus", 1}, Silu: {"silu", 1}, TanhSoftplus: {"tanh_softplus", 1}, Gelu: {"gelu", 1}, GeluTanh: {"gelu_tanh", 1},
	Floor: {"floor", 1}, Ceil: {"ceil", 1}, Round: {"round", 1}, Trunc: {"trunc", 1}, Float: {"float", 1},
	IsNan: {"isnan", 1}, IsInf: {"isinf", 1}, Stop: {"stop", 1}, Cast: {"cast", 1},
	Select: {"select", 3}, Uniform: {"uniform", 1}, Softmax: {"softmax", 1},
	Sum: {"sum", 1}, Mean: {"mean", 1}, Prod: {"prod", 1}, MaxOf: {"max", 1}, MinOf: {"min", 1}, Var: {"var", 1},
	LogSumExp: {"logsumexp", 1}, Any: {"any", 1}, All: {"all", 1}, ArgMax: {"argmax", 1}, ArgMin: {"argmin", 1},
}

// String returns the operation's name in definitions.
func (op Op) String() string {
	if op < NumOps && opInfos[op].name != "" {
		return opInfos[op].name
	}
	return "op?"
}

// Args returns the number of arguments.
func (op Op) Args() int { return opInfos[op].args }

// IsReduction reports whether op reduces a row to one value.
func (op Op) IsReduction() bool { return op >= Sum && op <= ArgMin }

// IsTest reports whether op gives a bool.
func (op Op) IsTest() bool {
	return op >= Eq && op <= Or || op == Not || op == IsNan || op == IsInf || op == Any || op == All
}
