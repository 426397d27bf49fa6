package check

// This file implements the names that exist in every kernel: constants,
// numeric limits, thread attributes, and the prelude.

import (
	_ "embed"
	"math"
	"sync"

	"github.com/zmlx-go/zmlx/internal/parse"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

//go:embed prelude.metal
var preludeText string

// preludeDecls returns the declarations of MLX's preamble, in the kernel
// language: parsed once, meant anew in each kernel.
var preludeDecls = sync.OnceValue(func() []parse.Decl {
	set := &source.Set{}
	errs := &source.List{Set: set}
	decls := parse.Decls(set, set.Add("prelude", preludeText), parse.Config{}, errs)
	if err := errs.Err(); err != nil {
		panic("internal error: the prelude does not parse: " + err.Error())
	}
	return decls
})

// Prelude returns the declarations that every kernel can use, for parsers to
// know their names.
func Prelude() []parse.Decl { return preludeDecls() }

var namedConstants = map[string]*Const{
	"INFINITY": floatConst(TFloat, math.Inf(1)), "HUGE_VALF": floatConst(TFloat, math.Inf(1)), "HUGE_VALH": floatConst(THalf, math.Inf(1)),
	"NAN": floatConst(TFloat, math.NaN()), "NANF": floatConst(TFloat, math.NaN()), "NANH": floatConst(THalf, math.NaN()),
	"MAXFLOAT": floatConst(TFloat, math.MaxFloat32), "FLT_MAX": floatConst(TFloat, math.MaxFloat32),
	"FLT_MIN": floatConst(TFloat, 0x1p-126), "FLT_EPSILON": floatConst(TFloat, 0x1p-23),
	"FLT_DIG": intConst(TInt, 6), "FLT_MANT_DIG": intConst(TInt, 24),
	"MAXHALF": floatConst(THalf, 65504), "HALF_MAX": floatConst(THalf, 65504), "HALF_MIN": floatConst(THalf, 0x1p-14), "HALF_EPSILON": floatConst(THalf, 0x1p-10),
	"M_E_F": floatConst(TFloat, math.E), "M_LOG2E_F": floatConst(TFloat, math.Log2E), "M_LOG10E_F": floatConst(TFloat, math.Log10E),
	"M_LN2_F": floatConst(TFloat, math.Ln2), "M_LN10_F": floatConst(TFloat, math.Ln10), "M_PI_F": floatConst(TFloat, math.Pi),
	"M_PI_2_F": floatConst(TFloat, math.Pi/2), "M_PI_4_F": floatConst(TFloat, math.Pi/4), "M_1_PI_F": floatConst(TFloat, 1/math.Pi),
	"M_2_PI_F": floatConst(TFloat, 2/math.Pi), "M_2_SQRTPI_F": floatConst(TFloat, 2/math.SqrtPi), "M_SQRT2_F": floatConst(TFloat, math.Sqrt2),
	"M_SQRT1_2_F": floatConst(TFloat, 1/math.Sqrt2),
	"M_E_H":       floatConst(THalf, math.E), "M_PI_H": floatConst(THalf, math.Pi), "M_PI_2_H": floatConst(THalf, math.Pi/2), "M_LN2_H": floatConst(THalf, math.Ln2), "M_SQRT2_H": floatConst(THalf, math.Sqrt2),
	"CHAR_BIT": intConst(TInt, 8), "CHAR_MAX": intConst(TInt, math.MaxInt8), "CHAR_MIN": intConst(TInt, math.MinInt8), "SCHAR_MAX": intConst(TInt, math.MaxInt8), "SCHAR_MIN": intConst(TInt, math.MinInt8),
	"UCHAR_MAX": intConst(TInt, math.MaxUint8), "SHRT_MAX": intConst(TInt, math.MaxInt16), "SHRT_MIN": intConst(TInt, math.MinInt16), "USHRT_MAX": intConst(TInt, math.MaxUint16),
	"INT_MAX": intConst(TInt, math.MaxInt32), "INT_MIN": intConst(TInt, math.MinInt32), "UINT_MAX": intConst(TUInt, math.MaxUint32),
	"LONG_MAX": intConst(TLong, math.MaxInt64), "LONG_MIN": intConst(TLong, math.MinInt64), "ULONG_MAX": intConst(TULong, -1),
}

func namedConstant(name string) *Const { return namedConstants[name] }

// attributeNames are the thread attributes, for suggestions.
var attributeNames = func() []string {
	var names []string
	for _, a := range signature.AllAttributes() {
		names = append(names, a.Name)
	}
	return names
}()

func isAttribute(name string) bool {
	for _, a := range attributeNames {
		if a == name {
			return true
		}
	}
	return false
}

// numericLimit resolves numeric_limits<T>::member, called or not.
func (c *checker) numericLimit(te parse.TypeExpr, member string, s *scope, span source.Span) Expr {
	nt, ok := te.(*parse.NamedType)
	if !ok || nt.Name != "numeric_limits" || len(nt.Args) != 1 {
		return nil
	}
	a := c.templateArg(nt.Args[0], s, nil)
	if a.typ == nil || a.typ.Kind == Invalid {
		return bad(span)
	}
	k := limitOf(a.typ, member)
	if k == nil {
		c.errs.Errorf(span, NoMember, "numeric_limits<%s> has no member %s", a.typ, member)
		return bad(span)
	}
	k.Span = span
	return k
}

type floatLimits struct{ max, min, eps, denorm, digits float64 }

func limitOf(t *Type, member string) *Const {
	switch member {
	case "is_integer":
		return boolConst(t.IsInt() || t.Kind == Bool)
	case "is_signed":
		return boolConst(t.IsSigned() || t.IsFloat())
	case "has_infinity":
		return boolConst(t.IsFloat())
	}
	if t.IsFloat() {
		f := map[Kind]floatLimits{
			Half:   {65504, 0x1p-14, 0x1p-10, 0x1p-24, 11},
			BFloat: {0x1.fep127, 0x1p-126, 0x1p-7, 0x1p-133, 8},
			Float:  {math.MaxFloat32, 0x1p-126, 0x1p-23, 0x1p-149, 24},
			Double: {math.MaxFloat64, 0x1p-1022, 0x1p-52, 0x1p-1074, 53},
		}[t.Kind]
		switch member {
		case "max":
			return floatConst(t, f.max)
		case "min":
			return floatConst(t, f.min)
		case "lowest":
			return floatConst(t, -f.max)
		case "epsilon":
			return floatConst(t, f.eps)
		case "denorm_min":
			return floatConst(t, f.denorm)
		case "infinity":
			return floatConst(t, math.Inf(1))
		case "quiet_NaN", "signaling_NaN":
			return floatConst(t, math.NaN())
		case "digits":
			return intConst(TInt, int64(f.digits))
		}
		return nil
	}
	if !t.IsInt() && t.Kind != Bool {
		return nil
	}
	width := uint(8 * t.Size())
	if t.Kind == Bool {
		width = 1
	}
	switch member {
	case "max":
		if t.IsSigned() {
			return intConst(t, int64(uint64(1)<<(width-1)-1))
		}
		return intConst(t, int64(uint64(math.MaxUint64)>>(64-width)))
	case "min", "lowest":
		if t.IsSigned() {
			return intConst(t, int64(uint64(math.MaxUint64)<<(width-1)))
		}
		return intConst(t, 0)
	case "digits":
		if t.IsSigned() {
			width--
		}
		return intConst(TInt, int64(width))
	case "epsilon", "infinity", "quiet_NaN", "denorm_min":
		return intConst(t, 0)
	}
	return nil
}
