// Activation: a function of one's own, in one line, with its derivative.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// Parameters come after the semicolon. They are arguments of the kernel, so
// that other values of them compile nothing.
var mish = zmlx.MustDefine("mish(x; beta=1.0) = x * tanh(log(1 + exp(beta * x)) / beta)")

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	x := zmlx.FromSlice([]float32{-1e4, -2, 0, 2, 1e4})
	fmt.Fprintf(w, "x           %v\nmish        %.4f\nbeta = 2    %.4f\n", x, mish.Call(x), mish.With(map[string]float64{"beta": 2}).Call(x))

	// log(1+exp(x)) overflows as it stands; the definition is made of a softplus,
	// which does not, and so is its derivative.
	grad := zmlx.Grad(func(x *zmlx.Array) *zmlx.Array { return mish.Call(x).Sum() })
	fmt.Fprintf(w, "derivative  %.4f\n\n%v\n\n", grad(x), mish.VJP())

	// Does the derivative agree with differences?
	points := zmlx.RandomNormal(zmlx.NewKey(1), zmlx.Float32, 100)
	if err := (zmlxtest.GradOptions{}).Check(mish.Results, points); err != nil {
		return err
	}
	fmt.Fprintln(w, "the derivative agrees with differences")
	return nil
}
