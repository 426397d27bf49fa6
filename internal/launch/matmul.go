package launch

// This file implements the contract for matrix products that a device does
// itself, better than a kernel could.

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A Multiplier is a [Device] with matrix products of its own.
type Multiplier interface {
	// Multiplies reports whether MatMul takes m: its dtype, its lengths and
	// its strides. Buffers are not given yet.
	Multiplies(m MatMul) bool

	// MatMul sets m.Out to the product of m.A and m.B. It keeps to the order
	// of launches, as a Program's Run does. Sums are taken in float32, or in
	// float64 of float64, and rounded once. The same product of arrays that lie
	// alike has the same bits every time.
	MatMul(ctx context.Context, m MatMul) error
}

// A MatMul is a matrix product, or a batch of them: Out, M by N, is A, M by K,
// times B, K by N. If M, N or a length of Batch is 0 there is nothing to do; if
// K is 0, Out becomes 0.
type MatMul struct {
	DType     dtype.DType // of all three
	Batch     []int       // lengths of the leading axes, outermost first
	M, N, K   int
	A, B, Out Matrix
	AllowTF32 bool    // factors of float32 may lose all but 10 bits of their fractions
	Watch     Watcher // as of a Launch
}

// A Matrix is where an operand lies. Strides count elements; they may be
// negative, and 0 in A and B.
type Matrix struct {
	Arg
	Row, Col int   // from a row to the next, from a column to the next
	Batch    []int // along each axis of MatMul.Batch
}

// Products returns the length of the batch.
func (m *MatMul) Products() int {
	n := 1
	for _, d := range m.Batch {
		n *= d
	}
	return n
}

// Check returns an error if an operand does not lie in its buffer.
func (m *MatMul) Check() error {
	for _, d := range append([]int{m.M, m.N, m.K}, m.Batch...) {
		if d < 0 {
			return fmt.Errorf("matrix product of negative length %d", d)
		}
	}
	for _, o := range []struct {
		name      string
		x         *Matrix
		rows, col int
	}{{"a", &m.A, m.M, m.K}, {"b", &m.B, m.K, m.N}, {"out", &m.Out, m.M, m.N}} {
		if o.x.Buffer == nil {
			return fmt.Errorf("operand %s of a matrix product has no buffer", o.name)
		}
		if len(o.x.Batch) != len(m.Batch) {
			return fmt.Errorf("operand %s of a matrix product has %d batch strides, not %d", o.name, len(o.x.Batch), len(m.Batch))
		}
		if err := o.x.check(m, o.rows, o.col); err != nil {
			return fmt.Errorf("operand %s of a matrix product %w", o.name, err)
		}
	}
	return nil
}

func (x *Matrix) check(m *MatMul, rows, cols int) error {
	lo, hi, ok := int64(0), int64(0), true
	span := func(n, stride int) {
		if n == 0 {
			lo, hi = 0, -1
			ok = false
			return
		}
		over, low := bits.Mul64(uint64(n-1), uint64(max(stride, -stride)))
		if over != 0 || low > 1<<58 {
			low = 1 << 58
		}
		if stride < 0 {
			lo = max(lo-int64(low), -1<<59)
		} else {
			hi = min(hi+int64(low), 1<<59)
		}
	}
	for i, d := range m.Batch {
		if span(d, x.Batch[i]); !ok {
			return nil
		}
	}
	if span(rows, x.Row); !ok {
		return nil
	}
	if span(cols, x.Col); !ok {
		return nil
	}
	size, offset := int64(m.DType.Size()), int64(x.Offset)
	if first, end := offset+lo*size, offset+(hi+1)*size; first < int64(max(x.Lo, 0)) || end > int64(min(x.Hi, x.Buffer.Size())) {
		return fmt.Errorf("is bytes %d to %d, beyond its bounds %d to %d in a buffer of %d", first, end, x.Lo, x.Hi, x.Buffer.Size())
	}
	return nil
}

// Swap makes m the same product transposed: the transpose of Out is that of B
// times that of A.
func (m *MatMul) Swap() {
	m.A, m.B = m.B, m.A
	m.M, m.N = m.N, m.M
	for _, x := range []*Matrix{&m.A, &m.B, &m.Out} {
		x.Row, x.Col = x.Col, x.Row
	}
}

// Simplify returns the same product with as few batch axes as it can have:
// without those of length 1, with neighbours joined where they lie evenly, and
// with the last one as rows where all products have the same B, or as columns
// where they have the same A.
func (m MatMul) Simplify() MatMul {
	operands := [3]*Matrix{&m.A, &m.B, &m.Out}
	old := [3][]int{m.A.Batch, m.B.Batch, m.Out.Batch}
	dims := m.Batch
	m.Batch = nil
	for _, x := range operands {
		x.Batch = nil
	}
	for i, d := range dims {
		last := len(m.Batch) - 1
		joins := last >= 0
		for k, x := range operands {
			joins = joins && x.Batch[last] == d*old[k][i]
		}
		switch {
		case d == 1:
		case joins:
			m.Batch[last] *= d
			for k, x := range operands {
				x.Batch[last] = old[k][i]
			}
		default:
			m.Batch = append(m.Batch, d)
			for k, x := range operands {
				x.Batch = append(x.Batch, old[k][i])
			}
		}
	}
	// A vector's stride along its single row or column is of no account.
	step := func(n, stride, batch int) bool { return n == 1 || batch == n*stride }
	for len(m.Batch) > 0 {
		last := len(m.Batch) - 1
		d := m.Batch[last]
		a, b, out := m.A.Batch[last], m.B.Batch[last], m.Out.Batch[last]
		switch {
		case b == 0 && step(m.M, m.A.Row, a) && step(m.M, m.Out.Row, out):
			if m.M == 1 {
				m.A.Row, m.Out.Row = a, out
			}
			m.M *= d
		case a == 0 && step(m.N, m.B.Col, b) && step(m.N, m.Out.Col, out):
			if m.N == 1 {
				m.B.Col, m.Out.Col = b, out
			}
			m.N *= d
		default:
			return m
		}
		m.Batch = m.Batch[:last]
		for _, x := range operands {
			x.Batch = x.Batch[:last]
		}
	}
	return m
}
