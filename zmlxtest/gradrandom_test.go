package zmlxtest_test

// This file implements checks of the derivatives of random definitions.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// expression writes a random expression of x and y; one that is the same along
// the row if row is true. It has no kinks: where several meet, the derivative
// need not lie between those of the two sides.
func expression(r *rand.Rand, depth int, row bool) string {
	sub := func() string { return expression(r, depth-1, row) }
	if row {
		f := []string{"sum", "mean", "var", "logsumexp"}[r.IntN(4)]
		if depth <= 0 || r.IntN(3) > 0 {
			return f + "(" + expression(r, depth-1, false) + ")"
		}
	} else if depth <= 0 {
		return []string{"x", "y", "0.5", "(index() + 1.5)", "x", "y", "k"}[r.IntN(7)]
	}
	switch r.IntN(14) {
	case 0:
		return "(" + sub() + " + " + sub() + ")"
	case 1:
		return "(" + sub() + " - " + sub() + ")"
	case 2, 3:
		return "(" + sub() + " * " + sub() + ")"
	case 4:
		return fmt.Sprintf("(%s / (1 + square(%s)))", sub(), sub())
	case 5:
		return fmt.Sprintf("logaddexp(%s, %s)", sub(), sub())
	case 6:
		return fmt.Sprintf("mix(%s, %s, sigmoid(%s))", sub(), sub(), sub())
	case 7:
		if row {
			return "tanh(" + sub() + ")"
		}
		return "softmax(" + sub() + ")"
	case 8:
		if !row {
			return "(" + sub() + " - " + expression(r, depth-1, true) + ")"
		}
		return "sigmoid(" + sub() + ")"
	case 9:
		if !row {
			return "(" + sub() + " * " + expression(r, depth-1, true) + ")"
		}
		return "exp(-square(" + sub() + "))"
	case 10:
		return "log(1 + exp(" + sub() + "))"
	case 11:
		return "sqrt(square(" + sub() + ") + 0.3)"
	}
	f := []string{"tanh", "sin", "gelu", "silu", "erf", "atan", "-", "square", "log1p(square"}[r.IntN(9)]
	if strings.Contains(f, "(") {
		return f + "(" + sub() + "))"
	}
	return f + "(" + sub() + ")"
}

func TestCheckOpRandom(t *testing.T) {
	n := uint64(200)
	if testing.Short() {
		n = 30
	}
	for seed := range n {
		r := rand.New(rand.NewPCG(seed, 7))
		text := fmt.Sprintf("r(x, y; k=0.7) { _ = x * y * k; return %s }", expression(r, 3, seed%4 == 0))
		op, err := zmlx.Define(text)
		if err != nil {
			if strings.Contains(err.Error(), "WrongArgCount") {
				continue
			}
			t.Fatalf("%v", err)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel() // compilers take their time
			if !zmlxtest.CheckOp(t, op) {
				t.Errorf("%s\n%v\n%v", text, op.VJP(), op.JVP())
			}
		})
	}
}
