// This file implements the tables of cases.

package bench

import (
	"fmt"

	"github.com/zmlx-go/zmlx"
)

// A Set is a table of cases.
type Set string

const (
	CPU Set = "cpu" // what processors are judged by
	GPU Set = "gpu" // what GPUs are judged by
)

// A Size says how large the cases are.
type Size string

const (
	Full  Size = "full"  // as published
	Small Size = "small" // a sixteenth of the elements
	Tiny  Size = "tiny"  // for tests: right or wrong, not fast or slow
)

// Cases returns the cases of a set.
func Cases(set Set, size Size) []Case {
	var t table
	if set == GPU {
		t.gpu()
	} else {
		t.cpu()
	}
	for i := range t.cases {
		shrink(&t.cases[i], size)
	}
	return t.unique()
}

// shrink cuts the number of rows, or of elements where there is one axis.
func shrink(c *Case, size Size) {
	if size == Full || size == "" {
		return
	}
	shape := append([]int(nil), c.Shape...)
	n, _ := c.size()
	target := n / 16
	if size == Tiny {
		target = 1 << 12
		if len(shape) > 1 {
			last := &shape[len(shape)-1]
			*last = min(*last, 256)
		}
	}
	total := func() int {
		n := 1
		for _, d := range shape {
			n *= d
		}
		return n
	}
	for i := range shape[:max(len(shape)-1, 1)] {
		for total() > target && shape[i] >= 16 {
			shape[i] /= 2
		}
	}
	c.Shape = shape
}

type table struct{ cases []Case }

func (t *table) add(op string, d zmlx.DType, shapes ...[]int) {
	make, ok := makers[op]
	if !ok {
		panic(fmt.Sprintf("bench: no op %q", op))
	}
	for _, s := range shapes {
		t.cases = append(t.cases, Case{Op: op, Shape: s, DType: d, maker: make})
	}
}

// unique drops cases that shrinking made equal to earlier ones.
func (t *table) unique() []Case {
	seen := map[string]bool{}
	var out []Case
	for _, c := range t.cases {
		if !seen[c.Name()] {
			seen[c.Name()] = true
			out = append(out, c)
		}
	}
	return out
}

func (t *table) cpu() {
	const n = 1 << 24
	flat := []int{n}
	var rows, pairs [][]int
	for _, d := range []int{64, 1024, 4096, 32768} {
		rows = append(rows, []int{n / d, d})
		pairs = append(pairs, []int{n / d, 2 * d})
	}
	for _, d := range []zmlx.DType{zmlx.Float32, zmlx.Float16} {
		for _, op := range []string{"copy", "mish", "gelu", "gelu_tanh"} {
			t.add(op, d, flat)
		}
		for _, op := range []string{"softmax", "rmsnorm", "layernorm"} {
			t.add(op, d, rows...)
		}
		t.add("swiglu", d, pairs...)
		t.add("rmsnorm_tree", d, rows[2])
		t.add("rope", d, []int{1, 32, 4096, 128})
		for _, op := range []string{"cumsum", "argmax", "top5", "dropout", "sum"} {
			t.add(op, d, rows[1])
		}
		t.add("cross_entropy", d, []int{512, 32000})
		t.add("gather_add", d, rows[1])
	}
}

func (t *table) gpu() {
	t.add("copy", zmlx.Float32, []int{1 << 26})
	t.add("mish", zmlx.Float32, []int{1 << 26})
	f := zmlx.Float16
	t.add("mish", f, []int{1 << 26})
	rows := [][]int{{16384, 1024}, {8192, 4096}, {4096, 16384}}
	t.add("softmax", f, append(rows, []int{2048, 65536})...)
	for _, op := range []string{"rmsnorm", "layernorm", "rmsnorm_residual", "rmsnorm_backward"} {
		t.add(op, f, rows...)
	}
	t.add("swiglu", f, []int{16384, 2048})
	for _, op := range []string{"sum", "argmax", "cumsum", "dropout", "top5", "gather_add"} {
		t.add(op, f, rows[0])
	}
	t.add("rope", f, []int{4, 32, 2048, 128})
	t.add("cross_entropy", zmlx.BFloat16, []int{8192, 32000})
	t.add("top2_gating", zmlx.Float32, []int{65536, 64})
	t.add("adamw", zmlx.Float32, []int{1 << 26})
}

// LinearCases returns mish in float32 over sizes from 2^10 on, which doubles.
func LinearCases(size Size) []Case {
	most := 28
	switch size {
	case Small:
		most = 24
	case Tiny:
		most = 12
	}
	var t table
	for k := 10; k <= most; k++ {
		t.add("mish", zmlx.Float32, []int{1 << k})
	}
	return t.cases
}
