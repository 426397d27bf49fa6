package codegen_test

// This file implements the tests of text: what typical definitions become.

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zmlx-go/zmlx/internal/codegen"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	h, f := dtype.Float16, dtype.Float32
	swiglu := define("swiglu")
	x, g := swiglu.in("x"), swiglu.in("gate")
	swiglu.out("", swiglu.Mul(swiglu.Of(formula.Silu, g), x))

	mish := define("mish")
	m := mish.in("x")
	mish.out("", mish.Mul(m, mish.Of(formula.Tanh, mish.Of(formula.Softplus, m))))

	dropout := define("dropout")
	d, p, seed := dropout.in("x"), dropout.param("p", 0.5), dropout.param("seed", 7)
	keep := dropout.Of(formula.Ge, dropout.Of(formula.Uniform, seed), p)
	dropout.out("", dropout.Select(keep, dropout.Div(d, dropout.Sub(dropout.Const(1), p)), dropout.Const(0)))

	bias := define("bias_gelu")
	bias.out("", bias.Of(formula.Gelu, bias.Add(bias.in("x"), bias.in("bias"))))

	loss := define("cross_entropy")
	logits, target := loss.in("logits"), loss.rowIn("target")
	picked := loss.Of(formula.Sum, loss.Select(loss.Of(formula.Eq, loss.Of(formula.Index), target), logits, loss.Const(0)))
	loss.out("", loss.Sub(loss.Of(formula.LogSumExp, logits), picked))

	argmax := define("best")
	a := argmax.in("x")
	argmax.out("value", argmax.Of(formula.MaxOf, a)).out("place", argmax.Of(formula.ArgMax, a))

	poly := define("hash")
	i := poly.in("i")
	poly.out("", poly.Of(formula.BitXor, poly.Of(formula.Shr, poly.Mul(i, poly.Const(251)), poly.Const(3)), i))

	wave := define("wave")
	w := wave.in("x")
	wave.out("", wave.Mul(wave.Float(0.1), wave.Of(formula.Sin, w)))

	mean := define("mean_of_counts")
	mean.out("", mean.Of(formula.Mean, mean.in("counts"))).out("total", mean.Sum(mean.Input(0, false)))

	in := func(d dtype.DType, shape ...int) array { return random(d, 1, shape...) }
	registers := codegen.Schedule{Group: 128, Vector: 4, PerThread: 8, InRegisters: true}
	for _, c := range []struct {
		name   string
		f      *formula.Formula
		inputs []array
		s      codegen.Schedule
		target codegen.Target
	}{
		{"swiglu", &swiglu.f, []array{in(h, 8, 128), in(h, 8, 128)}, codegen.Schedule{Group: 256, Vector: 8}, codegen.Portable},
		{"mish", &mish.f, []array{in(f, 1000)}, codegen.Schedule{Group: 256, PerThread: 4}, codegen.Native},
		{"mish_strided", &mish.f, []array{in(f, 4, 5).flipped()}, codegen.Schedule{Group: 256}, codegen.Portable},
		{"dropout", &dropout.f, []array{in(h, 100)}, codegen.Schedule{Group: 256}, codegen.Portable},
		{"bias_gelu", &bias.f, []array{in(f, 4, 32), in(f, 32)}, codegen.Schedule{Group: 256, Vector: 4}, codegen.Portable},
		{"softmax_registers", softmax(), []array{in(f, 4, 1000)}, registers, codegen.Portable},
		{"softmax_simdgroup", softmax(), []array{in(h, 4, 100)}, codegen.Schedule{Group: 32, RowsPerGroup: 8}, codegen.Portable},
		{"softmax_online", softmax(), []array{in(h, 4, 4096)}, codegen.Schedule{Group: 64, Vector: 8, Online: true}, codegen.Portable},
		{"rmsnorm", rmsnorm(), []array{in(h, 4, 1024), in(h, 4, 1024), in(h, 1024)}, registers, codegen.Portable},
		{"rmsnorm_packed", rmsnorm(), []array{in(h, 4, 1024), in(h, 4, 1024), in(h, 1024)}, codegen.Schedule{Group: 64, Vector: 8, PerThread: 16, InRegisters: true, Packed: true, Exact: true}, codegen.Portable},
		{"layernorm", layernorm(), []array{in(f, 4, 100), in(f, 100), in(f, 100)}, codegen.Schedule{Group: 64}, codegen.Portable},
		{"layernorm_double", layernorm(), []array{in(dtype.Float64, 4, 100), in(f, 100), in(f, 100)}, codegen.Schedule{Group: 32}, codegen.Portable},
		{"cross_entropy", &loss.f, []array{in(f, 4, 100), in(dtype.Int32, 4, 1)}, codegen.Schedule{Group: 1, RowsPerGroup: 64}, codegen.Portable},
		{"argmax", &argmax.f, []array{in(f, 4, 100)}, codegen.Schedule{Group: 96}, codegen.Portable},
		{"argmax_odd_group", &argmax.f, []array{in(f, 4, 100)}, codegen.Schedule{Group: 70, Wide: true}, codegen.Portable},
		{"hash", &poly.f, []array{in(dtype.Uint8, 100)}, codegen.Schedule{Group: 256}, codegen.Portable},
		{"wave_double", &wave.f, []array{in(dtype.Float64, 100)}, codegen.Schedule{Group: 256}, codegen.Portable},
		{"mean_of_counts", &mean.f, []array{in(dtype.Int64, 4, 100)}, codegen.Schedule{Group: 64}, codegen.Portable},
	} {
		t.Run(c.name, func(t *testing.T) {
			call := callOf(c.inputs)
			call.Target = c.target
			k, err := codegen.Generate(c.f, call, c.s)
			if err != nil {
				t.Fatal(err)
			}
			compiled(t, k)
			var about bytes.Buffer
			for i, a := range k.Args {
				fmt.Fprintf(&about, "%s %s%v", k.InputNames[i], a.DType, a.Shape)
				switch a.From {
				case codegen.FromInput:
					fmt.Fprintf(&about, " input %d, %s\n", a.Index, a.Layout)
				case codegen.FromSize:
					fmt.Fprintf(&about, " = %d\n", a.Value)
				default:
					fmt.Fprintf(&about, " parameter %d\n", a.Index)
				}
			}
			for i, name := range k.OutputNames {
				fmt.Fprintf(&about, "-> %s %s%v\n", name, k.OutputDTypes[i], k.OutputShapes[i])
			}
			fmt.Fprintf(&about, "grid %v, threadgroup %v\n", k.Grid, k.Threadgroup)
			got := txtar.Format(&txtar.Archive{Files: []txtar.File{{Name: "arguments", Data: about.Bytes()}, {Name: "header", Data: []byte(k.Header)}, {Name: "body", Data: []byte(k.Source)}}})
			file := filepath.Join("testdata", c.name+".txtar")
			if *update {
				if err := os.WriteFile(file, got, 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what is generated now; look at the difference and run with -update:\n%s", file, got)
			}
		})
	}
}
