// Registry: which kernels a program has compiled, and how often each ran.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"text/tabwriter"

	"github.com/zmlx-go/zmlx"
)

var (
	rms   = zmlx.MustDefine("rms(x; eps=1e-6) = x * rsqrt(mean(x * x) + eps)")
	twice = zmlx.MustCompile(zmlx.Kernel{
		Name: "twice", InputNames: []string{"x"}, OutputNames: []string{"out"},
		Source: "uint i = thread_position_in_grid.x; out[i] = 2 * x[i];",
	})
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	zmlx.SetTiming(true)
	defer zmlx.SetTiming(false)
	for i := range 5 {
		x := zmlx.RandomNormal(zmlx.NewKey(uint64(i)), zmlx.Float32, 4, 100+4*i) // other sizes of a class compile nothing
		y := twice.Call(zmlx.Launch{}, rms.With(map[string]float64{"eps": float64(i)}).Call(x))
		if err := zmlx.Eval(context.Background(), y[0]); err != nil {
			return err
		}
	}
	half := rms.Call(zmlx.Ones(zmlx.Float16, 4, 100)) // another dtype does
	if err := half.Eval(context.Background()); err != nil {
		return err
	}

	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "kernel\thash\tcompiled\truns\tmeasured")
	for _, k := range zmlx.Kernels() {
		if k.Stats.Runs > 0 {
			fmt.Fprintf(table, "%s\t%.8s\t%d\t%d\t%t\n", k.Name, k.Hash, k.Stats.Compiles, k.Stats.Runs, k.Stats.DeviceTime > 0)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%v\n", zmlx.FindKernel("twice"))
	return nil
}
