// Mlp trains a small network to tell two spirals apart: layers with an
// activation of its own, a loss, and the optimiser, all of them definitions.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math"
	"os"

	"github.com/zmlx-go/zmlx"
)

// goal is the mean loss at which training ends; that of guessing is log(2).
const goal = 0.01

const (
	points = 128
	hidden = 32
	steps  = 1500
)

var (
	layer = zmlx.MustDefine("layer(h, b) { z = h + b; return z * tanh(softplus(z)) }") // mish, after the bias
	loss  = zmlx.MustDefine("binary(z, y) = softplus(z) - z * y")                      // cross-entropy of sigmoid(z)

	// One kernel for each array of weights. The step's number is a parameter, so
	// that it compiles nothing.
	adam = zmlx.MustDefine(`
		adam(w, g, m, v; step, rate=0.02, b1=0.9, b2=0.99, eps=1e-8) -> w2, m2, v2 {
			m2 = mix(g, m, b1)
			v2 = mix(g * g, v, b2)
			u = m2 / (1 - pow(b1, step)) / (sqrt(v2 / (1 - pow(b2, step))) + eps)
			return w - rate * u, m2, v2
		}`)
)

// spirals returns points of the plane, (points, 2), and which of two spirals
// each is on, (points).
func spirals() (x, y *zmlx.Array) {
	at := make([]float32, 0, 2*points)
	class := make([]float32, points)
	for i := range points {
		class[i] = float32(i % 2)
		r := 0.1 + 0.9*float64(i/2)/(points/2)
		angle := 4*r + math.Pi*float64(i%2)
		at = append(at, float32(r*math.Cos(angle)), float32(r*math.Sin(angle)))
	}
	return zmlx.FromSlice(at, points, 2), zmlx.FromSlice(class)
}

// network is a multilayer perceptron: w holds a matrix and a bias for each layer.
func network(w []*zmlx.Array, x *zmlx.Array) *zmlx.Array {
	h := layer.Call(x.MatMul(w[0]), w[1])
	h = layer.Call(h.MatMul(w[2]), w[3])
	return h.MatMul(w[4]).Add(w[5]).Squeeze(-1)
}

func weights() []*zmlx.Array {
	var w []*zmlx.Array
	for i, s := range [][2]int{{2, hidden}, {hidden, hidden}, {hidden, 1}} {
		random := zmlx.RandomNormal(zmlx.NewKey(uint64(i)), zmlx.Float32, s[0], s[1])
		w = append(w, random.MulScalar(1.5/math.Sqrt(float64(s[0]))), zmlx.Zeros(zmlx.Float32, s[1]))
	}
	return w
}

// train returns the loss that it reached, and how many points the network then
// puts on the right spiral.
func train(w io.Writer) (last float32, right int32, err error) {
	x, y := spirals()
	params := weights()
	var m, v, numbers = make([]*zmlx.Array, len(params)), make([]*zmlx.Array, len(params)), make([]int, len(params))
	for i, p := range params {
		m[i], v[i], numbers[i] = zmlx.ZerosLike(p), zmlx.ZerosLike(p), i
	}
	step := zmlx.ValueAndGrad(func(params ...*zmlx.Array) []*zmlx.Array {
		return []*zmlx.Array{loss.Call(network(params, x), y).Mean()}
	}, numbers...)
	for n := 1; n <= steps; n++ {
		values, grads := step(params...)
		update := adam.With(map[string]float64{"step": float64(n)})
		all := values
		for i, p := range params {
			next := update.Results(p, grads[i], m[i], v[i])
			params[i], m[i], v[i] = next[0], next[1], next[2]
			all = append(all, next...)
		}
		if err := zmlx.Eval(context.Background(), all...); err != nil {
			return 0, 0, err
		}
		if last, err = zmlx.Item[float32](values[0]); err != nil {
			return 0, 0, err
		}
		if n%20 == 1 || last < goal {
			fmt.Fprintf(w, "step %4d  loss %.4f\n", n, last)
		}
		if last < goal {
			break
		}
	}
	guess := network(params, x).Gt(zmlx.Scalar[float32](0))
	right, err = zmlx.Item[int32](guess.Eq(y.Gt(zmlx.Scalar[float32](0.5))).As(zmlx.Int32).Sum())
	return last, right, err
}

func main() {
	last, right, err := train(os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d points are on the right spiral\n", right, points)
	if last >= goal {
		log.Fatalf("the loss stayed at %.4f; the goal is %.4f", last, goal)
	}
}
