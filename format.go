// This file implements printing: fmt and slog.

package zmlx

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/graph"
	"github.com/zmlx-go/zmlx/internal/shape"
)

const (
	elideAbove = 1000 // elements
	edgeItems  = 3    // shown at each end of an elided axis
	lineWidth  = 75
)

// Format implements fmt.Formatter. It computes the array.
//
//	%v    the elements as NumPy prints them, shortened above 1,000
//	%+v   the same, then dtype, shape and device
//	%#v   Go syntax that makes the array, or just its type above 1,000 elements
//	%.3f and any other verb for numbers: the elements in that format
//
// An array that carries an error prints as !(error text).
func (a *Array) Format(f fmt.State, verb rune) {
	if a == nil {
		io.WriteString(f, "<nil>")
		return
	}
	v, release, err := a.hold(context.Background())
	if err != nil {
		fmt.Fprintf(f, "!(%v)", err)
		return
	}
	defer release()
	p, err := newPrinter(v)
	if err != nil {
		fmt.Fprintf(f, "!(%v)", public(err))
		return
	}
	var text string
	switch {
	case verb == 'v' && f.Flag('#'):
		text = a.goSyntax(p)
	case (verb == 'v' || verb == 's') && !hasPrecision(f):
		text = p.print(p.natural())
		if verb == 'v' && f.Flag('+') {
			text += fmt.Sprintf(" %s%s on %s", a.DType(), shape.Format(a.view.Dims), a.dev.Name())
		}
	default:
		format := fmt.FormatString(f, verb)
		text = p.print(func(at int) string { return fmt.Sprintf(format, p.element(at)) })
	}
	runtime.KeepAlive(v)
	io.WriteString(f, text)
}

func hasPrecision(f fmt.State) bool {
	_, ok := f.Precision()
	return ok
}

// LogValue implements slog.LogValuer: dtype, shape and bytes, or the error; never
// the elements. It computes nothing.
func (a *Array) LogValue() slog.Value {
	if a == nil {
		return slog.StringValue("<nil>")
	}
	if err := a.Err(); err != nil {
		return slog.GroupValue(slog.String("error", err.Error()))
	}
	return slog.GroupValue(
		slog.String("dtype", a.DType().String()),
		slog.String("shape", shape.Format(a.view.Dims)),
		slog.Int("bytes", a.nbytes()),
	)
}

// A printer prints elements that lie in the host's memory.
type printer struct {
	view  shape.View
	dtype DType
	data  []byte // of dtype's size each, at the view's offsets
	elide bool
}

func newPrinter(v graph.View) (*printer, error) {
	p := &printer{view: v.View, dtype: v.DType, data: v.Buffer.Host(), elide: v.Size() > elideAbove}
	if p.data == nil {
		var err error
		if p.data, p.view, err = graph.Fetch(v); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// element returns the element at an offset, as a Go value that fmt knows.
func (p *printer) element(at int) any {
	size := p.dtype.Size()
	b := p.data[at*size : (at+1)*size]
	switch p.dtype {
	case Bool:
		return b[0] != 0
	case Float32:
		return graph.Slice[float32](b)[0]
	case Complex64:
		return graph.Slice[complex64](b)[0]
	}
	scalar := shape.New(nil)
	switch {
	case p.dtype.IsFloat():
		var x [1]float64
		graph.Convert(bytesOf(x[:]), Float64, scalar, b, p.dtype, scalar)
		return x[0]
	case p.dtype >= Int8:
		var x [1]int64
		graph.Convert(bytesOf(x[:]), Int64, scalar, b, p.dtype, scalar)
		return x[0]
	}
	var x [1]uint64
	graph.Convert(bytesOf(x[:]), Uint64, scalar, b, p.dtype, scalar)
	return x[0]
}

// shown calls visit with the offset of each element to be printed.
func (p *printer) shown(axis, at int, visit func(at int)) {
	if p.view.Size() == 0 {
		return // the other axes may be of any size
	}
	if axis == len(p.view.Dims) {
		visit(at)
		return
	}
	for _, i := range p.positions(axis) {
		if i >= 0 {
			p.shown(axis+1, at+i*p.view.Strides[axis], visit)
		}
	}
}

// positions returns the positions of an axis that are printed; -1 is a gap.
func (p *printer) positions(axis int) []int {
	n := p.view.Dims[axis]
	var out []int
	for i := 0; i < n; i++ {
		if p.elide && n > 2*edgeItems && i == edgeItems {
			out = append(out, -1)
			i = n - edgeItems
		}
		out = append(out, i)
	}
	return out
}

// print returns the array with each element as text gives it, in columns.
func (p *printer) print(text func(at int) string) string {
	if len(p.view.Dims) == 0 {
		return strings.TrimSpace(text(p.view.Offset))
	}
	if p.view.Size() == 0 {
		return "[]"
	}
	width := 0
	p.shown(0, p.view.Offset, func(at int) { width = max(width, len(text(at))) })
	var b strings.Builder
	p.printAxis(&b, 0, p.view.Offset, func(at int) string {
		return fmt.Sprintf("%*s", width, text(at))
	})
	return b.String()
}

func (p *printer) printAxis(b *strings.Builder, axis, at int, text func(at int) string) {
	indent := strings.Repeat(" ", axis+1)
	last := len(p.view.Dims) - 1
	b.WriteByte('[')
	column := axis + 1
	for k, i := range p.positions(axis) {
		if axis < last {
			if k > 0 {
				b.WriteString(strings.Repeat("\n", last-axis) + indent)
			}
			if i < 0 {
				b.WriteString("...")
			} else {
				p.printAxis(b, axis+1, at+i*p.view.Strides[axis], text)
			}
			continue
		}
		item := "..."
		if i >= 0 {
			item = text(at + i*p.view.Strides[axis])
		}
		switch {
		case k == 0:
		case column+1+len(item) > lineWidth:
			b.WriteString("\n" + indent)
			column = axis + 1
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(item)
		column += len(item)
	}
	b.WriteByte(']')
}

// natural returns how elements print by %v. Floats get the shortest digits that
// tell them from their neighbours, 8 after the point at most, with the points
// below each other; or exponents if some are large or small beside others.
func (p *printer) natural() func(at int) string {
	if !p.dtype.IsFloat() {
		return func(at int) string { return fmt.Sprint(p.element(at)) }
	}
	bitSize := 64
	if p.dtype == Float32 {
		bitSize = 32
	}
	least, most := math.Inf(1), 0.0
	p.shown(0, p.view.Offset, func(at int) {
		if v := math.Abs(p.float(at)); v > 0 && !math.IsInf(v, 0) {
			least, most = min(least, v), max(most, v)
		}
	})
	verb := byte('f')
	if most >= 1e8 || most > 0 && (least < 1e-4 || most/least > 1000) {
		verb = 'e'
	}
	digits := func(v float64) string {
		s := strconv.FormatFloat(v, verb, -1, bitSize)
		if rounded := strconv.FormatFloat(v, verb, 8, bitSize); len(rounded) < len(s) {
			s = rounded
		}
		return s
	}
	places := 0 // after the point, the most that an element needs
	p.shown(0, p.view.Offset, func(at int) {
		_, fraction, _ := strings.Cut(digits(p.float(at)), ".")
		fraction, _, _ = strings.Cut(fraction, "e")
		places = max(places, len(strings.TrimRight(fraction, "0")))
	})
	return func(at int) string {
		v := p.float(at)
		switch {
		case math.IsNaN(v):
			return "nan"
		case math.IsInf(v, 0):
			return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
		case verb == 'e':
			s := strconv.FormatFloat(v, 'e', places, bitSize)
			if places == 0 && len(p.view.Dims) > 0 {
				s = strings.Replace(s, "e", ".e", 1)
			}
			return s
		}
		s := digits(v)
		whole, fraction, _ := strings.Cut(s, ".")
		fraction = strings.TrimRight(fraction, "0")
		if len(p.view.Dims) == 0 && fraction == "" {
			fraction = "0"
		}
		return whole + "." + fraction + strings.Repeat(" ", max(places-len(fraction), 0))
	}
}

// float returns an element as a float64; of the 16-bit types it is the one with
// the fewest digits that rounds to the element.
func (p *printer) float(at int) float64 {
	switch p.dtype {
	case Float16:
		return parsed(graph.Slice[half.Float16](p.data)[at].String())
	case BFloat16:
		return parsed(graph.Slice[half.BFloat16](p.data)[at].String())
	case Float32:
		return float64(graph.Slice[float32](p.data)[at])
	}
	return graph.Slice[float64](p.data)[at]
}

func parsed(s string) float64 {
	v, _ := strconv.ParseFloat(s, 64) // numbers, NaN and infinities all parse
	return v
}

// goTypes are the Go types of elements, where they are not called as the dtype.
var goTypes = map[DType]string{Float16: "half.Float16", BFloat16: "half.BFloat16"}

// goSyntax returns an expression that makes the array.
func (a *Array) goSyntax(p *printer) string {
	if p.elide {
		return fmt.Sprintf("zmlx.Array{%s%s}", a.DType(), shape.Format(a.view.Dims))
	}
	name := goTypes[a.DType()]
	bits := name != ""
	if !bits {
		name = a.DType().String()
	}
	text := func(at int) string {
		if bits { // these types are numbers only in their bits
			return fmt.Sprintf("%#04x", graph.Slice[uint16](p.data)[at])
		}
		switch v := p.element(at).(type) {
		case float32:
			return goFloat(float64(v), 32)
		case float64:
			return goFloat(v, 64)
		case complex64:
			return "complex(" + goFloat(float64(real(v)), 32) + ", " + goFloat(float64(imag(v)), 32) + ")"
		default:
			return fmt.Sprint(v)
		}
	}
	if len(a.view.Dims) == 0 {
		return fmt.Sprintf("zmlx.Scalar[%s](%s)", name, text(p.view.Offset))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "zmlx.FromSlice([]%s{", name)
	sep := ""
	p.shown(0, p.view.Offset, func(at int) {
		b.WriteString(sep + text(at))
		sep = ", "
	})
	b.WriteByte('}')
	for _, d := range a.view.Dims {
		fmt.Fprintf(&b, ", %d", d)
	}
	b.WriteByte(')')
	return b.String()
}

// goFloat returns v in Go syntax.
func goFloat(v float64, bitSize int) string {
	call := ""
	switch {
	case math.IsNaN(v):
		call = "math.NaN()"
	case math.IsInf(v, 1):
		call = "math.Inf(1)"
	case math.IsInf(v, -1):
		call = "math.Inf(-1)"
	case v == 0 && math.Signbit(v):
		call = "math.Copysign(0, -1)"
	default:
		return strconv.FormatFloat(v, 'g', -1, bitSize)
	}
	if bitSize == 32 {
		return "float32(" + call + ")"
	}
	return call
}
