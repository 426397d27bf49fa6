package interp

import (
	"math"
	"testing"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/ir"
)

// TestMathFunctions compares functions with identities, to within rounding.
func TestMathFunctions(t *testing.T) {
	formulas := map[ir.Op]func(x float64) float64{
		ir.Exp: func(x float64) float64 { return math.Pow(math.E, x) }, ir.Exp2: func(x float64) float64 { return math.Exp(x * math.Ln2) },
		ir.Exp10: func(x float64) float64 { return math.Exp(x * math.Ln10) }, ir.Log: func(x float64) float64 { return math.Log2(x) * math.Ln2 },
		ir.Log2: func(x float64) float64 { return math.Log(x) / math.Ln2 }, ir.Log10: func(x float64) float64 { return math.Log(x) / math.Ln10 },
		ir.Sin: func(x float64) float64 { return math.Cos(x - math.Pi/2) }, ir.Cos: func(x float64) float64 { return math.Sin(x + math.Pi/2) },
		ir.Tan: func(x float64) float64 { return math.Sin(x) / math.Cos(x) }, ir.Asin: func(x float64) float64 { return math.Atan2(x, math.Sqrt(1-x*x)) },
		ir.Acos: func(x float64) float64 { return math.Atan2(math.Sqrt(1-x*x), x) }, ir.Atan: func(x float64) float64 { return math.Atan2(x, 1) },
		ir.Sinh: func(x float64) float64 { return (math.Exp(x) - math.Exp(-x)) / 2 }, ir.Cosh: func(x float64) float64 { return (math.Exp(x) + math.Exp(-x)) / 2 },
		ir.Tanh: func(x float64) float64 { return 1 - 2/(math.Exp(2*x)+1) }, ir.Asinh: func(x float64) float64 { return math.Log(x + math.Sqrt(x*x+1)) },
		ir.Acosh: func(x float64) float64 { return math.Log(x + math.Sqrt(x*x-1)) }, ir.Atanh: func(x float64) float64 { return math.Log((1+x)/(1-x)) / 2 },
		ir.SinPi: func(x float64) float64 { return math.Sin(math.Pi * x) }, ir.CosPi: func(x float64) float64 { return math.Cos(math.Pi * x) },
		ir.TanPi: func(x float64) float64 { return math.Tan(math.Pi * x) }, ir.Erf: func(x float64) float64 { return 1 - math.Erfc(x) },
		ir.Erfinv: func(x float64) float64 { return -math.Erfcinv(x + 1) }, ir.Log1p: func(x float64) float64 { return math.Log(1 + x) },
		ir.Expm1:  func(x float64) float64 { return math.Exp(x) - 1 },
		ir.Lgamma: func(x float64) float64 { return math.Log(math.Abs(math.Gamma(x))) }, ir.Rsqrt: func(x float64) float64 { return math.Pow(x, -0.5) },
	}
	for op := ir.Sqrt; op <= ir.Lgamma; op++ {
		f, ok := formulas[op]
		if !ok {
			continue // exact ones: TestFloats
		}
		for _, ty := range []ir.Type{ir.F16, ir.BF16, ir.F32, ir.F64} {
			args, got := evaluate(t, ir.Instr{Op: op, Type: ty}, []ir.Type{ty}, ty, true, true)
			eps := map[ir.Type]float64{ir.F16: 0x1p-10, ir.BF16: 0x1p-7, ir.F32: 1e-6, ir.F64: 1e-9}[ty]
			for i, x := range args[0] {
				v := ir.FloatValue(ty, x)
				if a := math.Abs(v); a > 8 || a < 1e-2 {
					continue // the formulas cancel or overflow
				}
				if op == ir.Lgamma && v < 0 && v == math.Trunc(v) {
					continue // a pole
				}
				want := f(v)
				g := ir.FloatValue(ty, got[i])
				if math.IsNaN(want) != math.IsNaN(g) || math.Abs(g-want) > eps*(1+math.Abs(want)) && math.Abs(want) < 6e4 {
					t.Errorf("%s %s of %g: got %g, want %g", op, ty, v, g, want)
				}
			}
		}
	}
	// Where sinpi and cospi are exact.
	_, s := evaluate(t, ir.Instr{Op: ir.SinPi, Type: ir.F32}, []ir.Type{ir.F32}, ir.F32, false, false)
	x, c := evaluate(t, ir.Instr{Op: ir.CosPi, Type: ir.F32}, []ir.Type{ir.F32}, ir.F32, false, false)
	for i := range s {
		v := ir.FloatValue(ir.F32, x[0][i])
		if math.Abs(v) > 100 || v*2 != math.Trunc(v*2) {
			continue
		}
		quarter := ((int(v*2) % 4) + 4) % 4
		wantS, wantC := []float64{0, 1, 0, -1}[quarter], []float64{1, 0, -1, 0}[quarter]
		if gs, gc := ir.FloatValue(ir.F32, s[i]), ir.FloatValue(ir.F32, c[i]); gs != wantS || gc != wantC {
			t.Errorf("sinpi, cospi of %g: got %g, %g, want %g, %g", v, gs, gc, wantS, wantC)
		}
	}
}

func TestMathOfTwo(t *testing.T) {
	for _, ty := range []ir.Type{ir.F16, ir.BF16, ir.F32, ir.F64} {
		args, pow := evaluate(t, ir.Instr{Op: ir.Pow, Type: ty}, []ir.Type{ty, ty}, ty, true, false)
		_, atan := evaluate(t, ir.Instr{Op: ir.Atan2, Type: ty}, []ir.Type{ty, ty}, ty, true, false)
		_, next := evaluate(t, ir.Instr{Op: ir.NextAfter, Type: ty}, []ir.Type{ty, ty}, ty, true, false)
		eps := map[ir.Type]float64{ir.F16: 0x1p-10, ir.BF16: 0x1p-7, ir.F32: 1e-6, ir.F64: 1e-9}[ty]
		for i := range pow {
			x, y := ir.FloatValue(ty, args[0][i]), ir.FloatValue(ty, args[1][i])
			if x > 0.01 && x < 100 && math.Abs(y) < 3 {
				if want, got := math.Exp(y*math.Log(x)), ir.FloatValue(ty, pow[i]); math.Abs(got-want) > eps*(1+want) && want < 6e4 {
					t.Errorf("pow %s of %g, %g: got %g, want %g", ty, x, y, got, want)
				}
				if want, got := math.Pi/2-math.Atan(y/x), ir.FloatValue(ty, atan[i]); math.Abs(got-want) > 4*eps {
					t.Errorf("atan2 %s of %g, %g: got %g", ty, x, y, got)
				}
			}
			if x != x || y != y {
				continue
			}
			// The next value lies towards y, and nothing lies between.
			got := ir.FloatValue(ty, next[i])
			if x == y {
				if got != y {
					t.Errorf("nextafter %s of %g, %g: got %g", ty, x, y, got)
				}
				continue
			}
			mid := ir.FloatValue(ty, ir.FloatBits(ty, x/2+got/2))
			if (got > x) != (y > x) || !math.IsInf(x, 0) && !math.IsInf(got, 0) && mid != x && mid != got {
				t.Errorf("nextafter %s of %g, %g: got %g", ty, x, y, got)
			}
		}
		args, scaled := evaluate(t, ir.Instr{Op: ir.Ldexp, Type: ty}, []ir.Type{ty, ir.I32}, ty, false, true)
		for i, got := range scaled {
			x, e := ir.FloatValue(ty, args[0][i]), int32(args[1][i])
			if want := ir.FloatBits(ty, x*math.Pow(2, float64(e))); e > -900 && e < 900 && got != want && !isNaN(ty, want) {
				t.Errorf("ldexp %s of %g, %d: got %#x, want %#x", ty, x, e, got, want)
			}
		}
		args, exp := evaluate(t, ir.Instr{Op: ir.Ilogb, Type: ty}, []ir.Type{ty}, ir.I32, true, true)
		for i, got := range exp {
			x := ir.FloatValue(ty, args[0][i])
			if x == 0 || x-x != 0 {
				continue
			}
			if _, e := math.Frexp(x); int32(got) != int32(e-1) {
				t.Errorf("ilogb %s of %g: got %d, want %d", ty, x, int32(got), e-1)
			}
		}
	}
	if half.Round16(65520) != float32(math.Inf(1)) {
		t.Error("the largest F16 is not 65504")
	}
}

// Where package math loses digits the functions of float64 do not. The values
// were computed with 50 digits.
func TestDoubleFunctions(t *testing.T) {
	for _, c := range []struct {
		op      ir.Op
		x, want float64
	}{
		{ir.Log, 1e-310, -713.8013788281541651},
		{ir.Log, 0x1p-1074, -744.44007192138126231},
		{ir.Log2, 1.000001, 1.442694319423238309e-6},
		{ir.Log2, 0.9999999, -1.4426951122643492135e-7},
		{ir.Log2, 1.9, 0.92599941855622307848},
		{ir.Log2, 8, 3.0},
		{ir.Log2, 1e-310, -1029.7977094150823322},
		{ir.Log10, 1.000001, 4.3429426472042772957e-7},
		{ir.Log10, 0.9999999, -4.3429450338938390739e-8},
		{ir.Log10, 1e-310, -310.00000000000000133},
		{ir.Log10, 1e15, 15.0},
		{ir.Exp, 709.5, 1.3549863193146328309e+308},
		{ir.Exp, 709.78, 1.7928227943945156209e+308},
		{ir.Sinh, 710, 1.1169973830808555156e+308},
		{ir.Sinh, -710.4, -1.6663642832806495842e+308},
		{ir.Cosh, 710, 1.1169973830808555156e+308},
		{ir.Cosh, -709.5, 6.7749315965731641544e+307},
		{ir.Asin, 0.999999, 1.5693821131146520341},
		{ir.Asin, -0.9999999999, -1.5707821846586877077},
		{ir.Asin, 1e-9, 1.0000000000000000624e-9},
		{ir.Asin, 0.3, 0.30469265401539749633},
		{ir.Acos, 0.999999, 0.0014142136802445850935},
		{ir.Acos, -0.999999, 3.1401784399095486534},
		{ir.Acos, 1e-9, 1.5707963257948966192},
		{ir.Acos, 0.9999999999, 0.000014142136208911563644},
	} {
		got := unaryMath[c.op](c.x)
		if math.Abs(got-c.want) > 1e-15*math.Abs(c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.op, c.x, got, c.want)
		}
	}
	for _, c := range []struct{ x, y, want float64 }{
		{1e-310, -1e-06, 1.0007140561956582909},
		{1e-310, 0.5, 9.9999999999999847247e-156},
		{-5e-324, 1.0, -4.9406564584124654418e-324},
		{1e-310, -0.99, 7.9432823472427886862e+306},
		{-1e-310, 1.0, -9.9999999999999694493e-311},
	} {
		if got := pow(c.x, c.y); math.Abs(got-c.want) > 1e-13*math.Abs(c.want) {
			t.Errorf("pow(%v, %v) = %v, want %v", c.x, c.y, got, c.want)
		}
	}
	for _, op := range []ir.Op{ir.Exp, ir.Sinh, ir.Cosh} {
		if got := unaryMath[op](712); !math.IsInf(got, 1) {
			t.Errorf("%s(712) = %v", op, got)
		}
	}
	for _, op := range []ir.Op{ir.Asin, ir.Acos} {
		if got := unaryMath[op](1.0000000000000002); !math.IsNaN(got) {
			t.Errorf("%s(1 and a bit) = %v", op, got)
		}
	}
	if got := asin(math.Copysign(0, -1)); got != 0 || !math.Signbit(got) {
		t.Errorf("asin(-0) = %v", got)
	}
}
