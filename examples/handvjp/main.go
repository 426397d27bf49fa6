// Handvjp: a Metal kernel with a derivative of its own, which is another
// kernel. Here it is a bilinear lookup in a table, by position.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// lookup returns the table at positions from 0 to its length minus 1, linearly
// between elements.
var lookup = zmlx.MustCompile(zmlx.Kernel{
	Name:        "lookup",
	InputNames:  []string{"table", "at"},
	OutputNames: []string{"out"},
	Source: `
		uint i = thread_position_in_grid.x;
		int last = table_shape[0] - 2;
		int k = clamp(int(at[i]), 0, last);
		float t = at[i] - float(k);
		out[i] = (1.0f - t) * table[k] + t * table[k + 1];
	`,
})

// lookupBack adds each cotangent to the two elements of the table that the
// value came from, and multiplies it by their difference for the position.
// Several positions may meet in an element: so the additions are atomic.
var lookupBack = zmlx.MustCompile(zmlx.Kernel{
	Name:          "lookup_back",
	InputNames:    []string{"table", "at", "ct"},
	OutputNames:   []string{"dtable", "dat"},
	AtomicOutputs: true,
	Source: `
		uint i = thread_position_in_grid.x;
		int last = table_shape[0] - 2;
		int k = clamp(int(at[i]), 0, last);
		float t = at[i] - float(k);
		atomic_fetch_add_explicit(&dtable[k], (1.0f - t) * ct[i], memory_order_relaxed);
		atomic_fetch_add_explicit(&dtable[k + 1], t * ct[i], memory_order_relaxed);
		atomic_store_explicit(&dat[i], (table[k + 1] - table[k]) * ct[i], memory_order_relaxed);
	`,
})

func like(arrays ...*zmlx.Array) zmlx.Launch {
	l := zmlx.Launch{}
	for _, a := range arrays {
		l.OutputShapes = append(l.OutputShapes, a.Shape())
		l.OutputDTypes = append(l.OutputDTypes, a.DType())
	}
	return l
}

// Lookup is the kernel with its derivative.
func Lookup(table, at *zmlx.Array) *zmlx.Array {
	zero := 0.0
	l := like(at)
	l.Grid = [3]int{at.Size(), 1, 1}
	withVJP := lookup.WithVJP(func(forward zmlx.Launch, in, _, ct []*zmlx.Array) []*zmlx.Array {
		l := like(in...)
		l.Grid, l.InitValue = forward.Grid, &zero
		return lookupBack.Call(l, in[0], in[1], ct[0])
	})
	return withVJP.Call(l, table, at)[0]
}

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	table := zmlx.FromSlice([]float32{0, 1, 4, 9, 16, 25, 36, 49, 64, 81})
	at := zmlx.FromSlice([]float32{0.5, 2.25, 2.75, 8.5})
	fmt.Fprintf(w, "values               %v\n", Lookup(table, at))

	_, grads := zmlx.ValueAndGrad(func(args ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{Lookup(args[0], args[1]).Sum()}
	}, 0, 1)(table, at)
	fmt.Fprintf(w, "gradient of table    %v\ngradient of position %v\n", grads[0], grads[1])

	// The kernels take float32, and have no forward derivative.
	check := zmlxtest.GradOptions{DType: zmlx.Float32, ReverseOnly: true}
	err := check.Check(func(args ...*zmlx.Array) []*zmlx.Array { return []*zmlx.Array{Lookup(args[0], args[1])} }, table, at)
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "the derivative agrees with differences")
	return nil
}
