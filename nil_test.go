// This file implements the test that nil, zero and absurd arguments give errors
// or panics that explain themselves.

package zmlx

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// hostile are arguments that no function can use, and some that it can, by type.
func hostile(t *testing.T, a *Array) map[reflect.Type][]any {
	identity := func(x ...*Array) []*Array { return x }
	return map[reflect.Type][]any{
		reflect.TypeFor[*Array]():              {a, &Array{}, Zeros(Float32, 0, 3), Scalar[int32](1)},
		reflect.TypeFor[[]*Array]():            {[]*Array{}, []*Array{nil}, []*Array{a, nil}, []*Array{a}, []*Array{{}}},
		reflect.TypeFor[*Device]():             {&Device{}, a.Device()},
		reflect.TypeFor[*Op]():                 {&Op{}, MustDefine("g(x, y, c) = x + y*c")},
		reflect.TypeFor[context.Context]():     {t.Context()},
		reflect.TypeFor[Func]():                {Func(identity), Func(func(...*Array) []*Array { return nil }), Func(func(...*Array) []*Array { return []*Array{nil} })},
		reflect.TypeFor[func(*Array) *Array](): {func(*Array) *Array { return nil }, func(*Array) *Array { return &Array{} }},
		reflect.TypeFor[map[string]*Array]():   {map[string]*Array{"a": nil}, map[string]*Array{"a": a}},
		reflect.TypeFor[Launch]():              {Launch{Device: &Device{}}, Launch{Grid: [3]int{-1, math.MaxInt, 1}}},
		reflect.TypeFor[int]():                 {-1, math.MaxInt, math.MinInt},
		reflect.TypeFor[int64]():               {int64(math.MaxInt64), int64(math.MinInt64)},
		reflect.TypeFor[float64]():             {1.5, 1e300, math.NaN()},
		reflect.TypeFor[[]int]():               {[]int{0}, []int{-1}, []int{1 << 62, 4}, []int{math.MinInt}, slices.Repeat([]int{1}, 100)},
		reflect.TypeFor[DType]():               {Float32, Complex64, Bool, DType(200)},
		reflect.TypeFor[string]():              {"c", filepath.Join(t.TempDir(), "file")},
	}
}

func TestHostileArguments(t *testing.T) {
	a := FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	t.Chdir(t.TempDir()) // some save files
	k := MustCompile(Kernel{Name: "same", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "out[thread_position_in_grid.x] = x[thread_position_in_grid.x];"})
	r, err := Default().Record(t.Context(), func(x ...*Array) []*Array { return []*Array{x[0].Exp()} }, a)
	if err != nil {
		t.Fatal(err)
	}
	functions := map[string]any{
		"AllClose": AllClose, "Arange": Arange, "Compile": Compile, "Concatenate": Concatenate, "Define": Define, "Equal": Equal,
		"Eval": Eval, "FindKernel": FindKernel, "FromBytes": FromBytes, "FromSlice": FromSlice[float32], "Full": Full[float32],
		"Grad": Grad, "Item": Item[float32], "JVP": JVP, "Jacobian": Jacobian, "Linspace": Linspace, "LoadNPY": LoadNPY,
		"LoadNPZ": LoadNPZ, "LoadSafetensors": LoadSafetensors, "Ones": Ones, "OnesLike": OnesLike, "Open": Open,
		"RandomInt": RandomInt, "RandomNormal": RandomNormal, "RandomUniform": RandomUniform, "SaveNPY": SaveNPY,
		"SaveNPZ": SaveNPZ, "SaveSafetensors": SaveSafetensors, "Stack": Stack, "VJP": VJP, "ValueAndGrad": ValueAndGrad,
		"Values": Values[float32], "Vmap": Vmap, "Where": Where, "Zeros": Zeros, "ZerosLike": ZerosLike,
		"Custom.Call": Custom{}.Call, "Custom.Call with a VJP": Custom{VJP: func(_, _, _ []*Array) []*Array { return nil }}.Call,
	}
	receivers := []any{a, (*Array)(nil), &Array{}, MustDefine("f(x, y; a=1) = a*x + y"), (*Op)(nil), &Op{}, k, (*MetalKernel)(nil),
		Default(), (*Device)(nil), &Device{}, r, (*Recording)(nil), &Recording{}}
	for i, r := range receivers {
		v := reflect.ValueOf(r)
		for m := range v.NumMethod() {
			switch name := v.Type().Method(m).Name; {
			case name == "Format" || name == "LogValue": // fmt and slog call these
			case (name == "Close" || name == "Free") && slices.Contains([]any{a, receivers[11], Default()}, r): // needed below
			default:
				functions[fmt.Sprintf("%d %T.%s", i, r, name)] = v.Method(m).Interface()
			}
		}
	}
	values := hostile(t, a)
	calls := 0
	for name, f := range functions {
		each(reflect.ValueOf(f), values, func(args []reflect.Value) {
			calls++
			defer func() {
				if p := recover(); p != nil && !strings.HasPrefix(fmt.Sprint(p), "zmlx: nil ") {
					t.Errorf("%s%v panics: %v", name, args, p)
				}
			}()
			use(reflect.ValueOf(f), args, a)
		})
	}
	if calls < 1000 {
		t.Errorf("only %d calls were made", calls)
	}
}

// each calls do with all combinations of arguments for f, zero values included.
func each(f reflect.Value, values map[reflect.Type][]any, do func([]reflect.Value), args ...reflect.Value) {
	if len(args) == f.Type().NumIn() {
		do(args)
		return
	}
	in := f.Type().In(len(args))
	each(f, values, do, append(slices.Clip(args), reflect.Zero(in))...)
	for _, v := range values[in] {
		each(f, values, do, append(slices.Clip(args), reflect.ValueOf(v))...)
	}
}

// use calls f, computes the arrays it returns, and calls the functions.
func use(f reflect.Value, args []reflect.Value, a *Array) {
	call := f.Call
	if f.Type().IsVariadic() {
		call = f.CallSlice
	}
	for _, out := range call(args) {
		switch out := out.Interface().(type) {
		case *Array:
			if out != nil && out.Size() < 1<<20 {
				_ = fmt.Sprint(out)
			}
		case func(*Array) *Array:
			_ = out(a).Err()
		case func(...*Array) []*Array:
			_ = fmt.Sprint(out(a, a))
		case func(...*Array) ([]*Array, []*Array):
			out(a, a)
		}
	}
}
