package zmlx

// This file implements the test that all operations and all their derivatives
// are the same on the cc device as on the interpreter: bit for bit, but for
// functions such as exp, which may lie as far apart as docs/numerics.md says.
// It runs them on device twin, which compares each launch. With
// ZMLX_DEVICE=twin all other tests of this package are compared like that too.

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/formula"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/launch/twin"
)

var allTwins = flag.Bool("twins", false, "compare all operations in all dtypes and layouts, which takes an hour")

// theTwin is the interpreter beside the cc device, opened once.
var theTwin = sync.OnceValues(func() (*twin.Device, error) {
	judged, err := openCC(0)
	if err != nil {
		return nil, err
	}
	return twin.New(twin.Config{Reference: interp.New(), Judged: judged}), nil
})

func init() {
	launch.Register("twin", func(int) (launch.Device, error) { return theTwin() })
}

// A twinCase is an operation.
type twinCase struct {
	name   string
	inputs int
	call   func(args []*Array) []*Array
}

func opCase(name string, o *Op) twinCase {
	return twinCase{name, len(o.f.Inputs), func(args []*Array) []*Array { return o.Results(args...) }}
}

// operationCases are the operations that definitions are made of, each alone.
func operationCases() (list []twinCase) {
	for op := formula.Add; op < formula.NumOps; op++ {
		if op == formula.Cast || op == formula.Uniform {
			continue // Array.As and a definition below stand for them
		}
		list = append(list, opCase("operation/"+op.String(), basic("op", op)))
	}
	for _, text := range []string{
		"f(x) = index() + x", "f(x) = x / size()", "f(x; key=7) = x * uniform(key)", "f(x, s[1]) = x * s + max(x) * s",
		"mish(x) = x * tanh(softplus(x))", "swiglu(x, y) = silu(x) * y",
		"rmsnorm(x, w; eps=1e-5) = x * rsqrt(mean(x * x) + eps) * w",
		"layernorm(x, w, b; eps=1e-5) = (x - mean(x)) * rsqrt(var(x) + eps) * w + b",
		"stable(x) { e = exp(x - max(x)); return e / sum(e) }",
		"residual(x, r, w; eps=1e-4) -> normed, h { h = x + r; return h * rsqrt(mean(h * h) + eps) * w, h }",
		"huber(x, y; d=1.0) { e = abs(x - y); return e < d ? 0.5 * e * e : d * (e - 0.5 * d) }",
		"dropout(x; key=1, p=0.3) = uniform(key) < p ? 0 : x / (1 - p)",
	} {
		list = append(list, opCase("definition/"+text, MustDefine(text)))
	}
	return list
}

var callForm = regexp.MustCompile(`^(\w+)\((.*)\)$`)

// functionCases are the functions of definitions that are no operations of
// their own.
func functionCases(t *testing.T) (list []twinCase) {
	alone := map[string]bool{"index": true, "size": true, "uniform": true}
	for op := formula.Add; op < formula.NumOps; op++ {
		alone[op.String()+strconv.Itoa(op.Args())] = true
	}
	for _, call := range formula.Functions() {
		m := callForm.FindStringSubmatch(call)
		if m == nil {
			t.Fatalf("the function %q is not a call", call)
		}
		n := strings.Count(m[2], ",") + 1
		if !alone[m[1]] && !alone[m[1]+strconv.Itoa(n)] {
			list = append(list, opCase("function/"+call, MustDefine("f("+m[2]+") = "+call)))
		}
	}
	return list
}

// methodCases are the methods of Array that give arrays, and Where.
func methodCases() (list []twinCase) {
	var one *Array
	array := reflect.TypeOf(one)
	for m := range reflect.TypeFor[*Array]().Methods() {
		f := m.Type
		if f.NumOut() != 1 || f.Out(0) != array || m.Name == "Broadcast" || m.Name == "Reshape" {
			continue // these two make views
		}
		var extra [][]any // arguments after the arrays
		arrays := 1
		for ; arrays < f.NumIn() && f.In(arrays) == array; arrays++ {
		}
		switch rest := f.NumIn() - arrays; {
		case rest == 0:
			extra = [][]any{nil}
		case rest == 1 && f.In(arrays) == reflect.TypeFor[float64]():
			extra = [][]any{{1.5}, {-2.0}, {0.0}, {math.Inf(1)}}
		case rest == 1 && f.In(arrays) == reflect.TypeFor[int]():
			extra = [][]any{{0}, {-1}}
		case rest == 1 && f.In(arrays) == reflect.TypeFor[[]int]():
			extra = [][]any{nil, {0}, {-1}, {0, 1}}
		case rest == 1 && f.In(arrays) == reflect.TypeFor[DType]():
			for d := Bool; d.Valid(); d++ {
				extra = append(extra, []any{d})
			}
		default:
			continue // To and Slice
		}
		for _, more := range extra {
			list = append(list, twinCase{fmt.Sprintf("method/%s%v", m.Name, more), arrays, func(args []*Array) []*Array {
				var in []reflect.Value
				for _, a := range args {
					in = append(in, reflect.ValueOf(a))
				}
				for _, v := range more {
					in = append(in, reflect.ValueOf(v))
				}
				return []*Array{m.Func.Call(in)[0].Interface().(*Array)}
			}})
		}
	}
	return append(list, twinCase{"Where", 3, func(a []*Array) []*Array { return []*Array{Where(a[0], a[1], a[2])} }})
}

// A layoutOf says how the inputs of a call lie.
type layoutOf struct {
	name   string
	shapes [][][]int // some sizes; of these the shapes of three inputs
	view   func(a *Array) *Array
}

func alike(shapes ...[]int) (list [][][]int) {
	for _, s := range shapes {
		list = append(list, [][]int{s, s, s})
	}
	return list
}

var layoutsOf = []layoutOf{
	{"dense", alike([]int{5, 33}, []int{7, 1}, []int{3, 31}, []int{4, 32}, []int{3, 1000}, []int{2, 0}, []int{0, 3}, []int{33}, []int{1, 1, 31}), func(a *Array) *Array { return a }},
	{"scalar", alike([]int{}), func(a *Array) *Array { return a }},
	{"broadcast", [][][]int{{{3, 4, 33}, {33}, {4, 1}}, {{31}, {3, 1, 31}, {1, 2, 1}}, {{2, 1, 1000}, {1000}, {}}}, func(a *Array) *Array { return a }},
	{"strided", alike([]int{33, 6}, []int{31, 2}, []int{1000, 3}), func(a *Array) *Array { return a.Transpose() }},
	{"reversed", alike([]int{4, 66}, []int{3, 64}), func(a *Array) *Array {
		return a.Slice(RangeAll(), Range{Start: -1, Stop: math.MinInt, Step: -2})
	}},
}

// twinNumbers are where formulas break.
var twinNumbers = []float64{0, math.Copysign(0, -1), math.NaN(), math.Inf(1), math.Inf(-1), 1e-45, -1e-40, 3e-39, 6e-8, -6e-5, 1, -1, 0.5, 2, 65504, 1e5, 3.4e38,
	-3.4e38, 88.5, -88.5, 90, -104, 710, 1e-20, -1e15, 16777217, 2147483648, -3}

// twinArray returns an array on dev. Every second row is of usual numbers
// alone, so that sums are not all NaN.
func twinArray(r *rand.Rand, dev *Device, d DType, shp []int) *Array {
	n, row := 1, 1
	for _, s := range shp {
		n *= s
	}
	if len(shp) > 0 {
		row = max(shp[len(shp)-1], 1)
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = r.NormFloat64() * 2
		if i/row%2 == 0 && r.IntN(min(row, 8)) == 0 {
			v[i] = twinNumbers[r.IntN(len(twinNumbers))]
		}
	}
	a := FromSlice(v, shp...)
	switch {
	case d == BFloat16 || d == Float16: // without the rounding of As, which is judged too
		h := make([]uint16, n)
		for i, x := range v {
			h[i] = uint16(half.Float16FromFloat64(x))
			if d == BFloat16 {
				h[i] = uint16(half.BFloat16FromFloat64(x))
			}
		}
		a = FromBytes(d, bytesOf(h), shp...)
	case d == Float32:
		f := make([]float32, n)
		for i, x := range v {
			f[i] = float32(x)
		}
		a = FromSlice(f, shp...)
	case !d.IsFloat() && d != Complex64:
		b := make([]byte, n*d.Size())
		for i := range n {
			u := uint64(r.IntN(9)) - 4
			switch r.IntN(4) {
			case 0:
				u = r.Uint64()
			case 1:
				u = []uint64{0, 1, 1 << 63, 1<<63 - 1, 1 << 31, 1<<31 - 1, 1 << 7, math.MaxUint64}[r.IntN(8)]
			}
			if d == Bool {
				u &= 1
			}
			for k := range d.Size() {
				b[i*d.Size()+k] = byte(u >> (8 * k))
			}
		}
		a = FromBytes(d, b, shp...)
	}
	return a.To(dev)
}

// twinRuns counts what was computed, and what calls refused.
type twinRuns struct {
	t             *testing.T
	done, refused int
}

// eval computes arrays. Shapes and dtypes may not fit an operation.
func (c *twinRuns) eval(what string, arrays []*Array) {
	arrays = slices.DeleteFunc(slices.Clone(arrays), func(a *Array) bool { return a == nil })
	err := Eval(c.t.Context(), arrays...)
	_, shape := errors.AsType[*ShapeError](err)
	_, dtype := errors.AsType[*DTypeError](err)
	_, transform := errors.AsType[*TransformError](err)
	switch {
	case err == nil:
		c.done++
	case shape || dtype || transform:
		c.refused++
	default:
		c.t.Errorf("%s: %v", what, err)
	}
}

// run computes an operation and its derivatives, by reverse and forward mode.
func (c *twinRuns) run(dev *Device, x twinCase, seed uint64, d DType, l layoutOf, derivatives bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	for _, shapes := range l.shapes {
		args := make([]*Array, x.inputs)
		for i := range args {
			args[i] = l.view(twinArray(r, dev, d, shapes[i]))
		}
		what := fmt.Sprintf("%s of %s, %s, %v", x.name, d, l.name, shapes[:x.inputs])
		outs := x.call(args)
		c.eval(what, outs)
		if !derivatives || Eval(c.t.Context(), outs...) != nil {
			continue
		}
		f := func(args ...*Array) []*Array { return x.call(args) }
		cotangents := make([]*Array, len(outs))
		for i, o := range outs {
			if o.DType().IsFloat() {
				cotangents[i] = twinArray(r, dev, o.DType(), o.Shape())
			} else {
				cotangents[i] = ZerosLike(o)
			}
		}
		_, grads := VJP(f, args, cotangents)
		c.eval("reverse derivative of "+what, grads)
		tangents := make([]*Array, len(args))
		for i, a := range args {
			tangents[i] = twinArray(r, dev, d, a.Shape())
		}
		_, outs = JVP(f, args, tangents)
		c.eval("forward derivative of "+what, outs)
	}
}

func openTwin(t *testing.T) (*Device, *twin.Device) {
	t.Helper()
	raw, err := theTwin()
	if err != nil {
		t.Skipf("there is nothing to compare the interpreter with: %v", err)
	}
	dev, err := Open("twin")
	if err != nil {
		t.Fatal(err)
	}
	return dev, raw
}

func TestTwins(t *testing.T) {
	if os.Getenv("ZMLX_DEVICE") != "cc" && os.Getenv("ZMLX_DEVICE") != "twin" && !*allTwins {
		t.Skip("more than a thousand kernels go through the C compiler: make cc runs this")
	}
	dev, raw := openTwin(t)
	cases := slices.Concat(operationCases(), functionCases(t), methodCases())
	if len(cases) < 200 {
		t.Errorf("there are %d operations", len(cases))
	}
	floats := []DType{Float32, Float16, BFloat16}
	integers := []DType{Int32, Uint8, Int64, Bool, Uint32, Int8, Uint16, Int16, Uint64}
	var ran atomic.Int64
	t.Run("all", func(t *testing.T) {
		for i, x := range cases {
			t.Run(x.name, func(t *testing.T) {
				t.Parallel()
				ran.Add(1)
				c := &twinRuns{t: t}
				for k, l := range layoutsOf {
					for j, d := range floats {
						mine := (i+k)%len(floats) == j
						if *allTwins || k == 0 || mine {
							c.run(dev, x, uint64(i), d, l, *allTwins || k == 0 && (j == 0 || mine) || k == 2 && mine)
						}
					}
					if *allTwins || k == 0 || k == 3 {
						c.run(dev, x, uint64(i), integers[(i+k)%len(integers)], l, false)
					}
				}
				c.run(dev, x, uint64(i), Float64, layoutsOf[0], *allTwins)
				if *allTwins {
					for _, d := range integers {
						c.run(dev, x, uint64(i), d, layoutsOf[0], false)
					}
				}
				if c.done == 0 {
					t.Errorf("%s was never computed", x.name)
				}
			})
		}
	})
	n := raw.Counts()
	t.Logf("%d of %d operations; launches: %d without functions, %d with, %d of these not bit for bit in %d elements, %d not compared",
		ran.Load(), len(cases), n.Exact, n.Within, n.Apart, n.Unequal, n.Left)
	if n.Exact+n.Within < 15*ran.Load() || n.Left > n.Exact/10 {
		t.Errorf("too little was compared: %+v", n)
	}
}

// Arrays too large for the caches are stored in another way.
func TestTwinsLarge(t *testing.T) {
	if os.Getenv("ZMLX_DEVICE") != "cc" && os.Getenv("ZMLX_DEVICE") != "twin" && !*allTwins {
		t.Skip("make cc runs this, with other kernels that go through the C compiler")
	}
	dev, _ := openTwin(t)
	c := &twinRuns{t: t}
	for _, text := range []string{"f(x) = max(x, 0) * 2", "f(x, y) = x * 0.5 + y", "f(x) = x - mean(x)", "f(x) = x - max(x)"} {
		x := opCase(text, MustDefine(text))
		for _, d := range []DType{Float32, Float16} {
			n := 4<<20*4/d.Size() + 32*64
			c.run(dev, x, 1, d, layoutOf{"large", alike([]int{n / 4096, 4096}, []int{n/1000 + 1, 1000}), func(a *Array) *Array { return a }}, false)
		}
	}
}

// What the comparison allows is what the documentation says.
func TestTwinsAllowWhatIsDocumented(t *testing.T) {
	text, err := os.ReadFile("docs/numerics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| [^|]* \\| [^|]* \\| (\\d+) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = m[2]
	}
	for _, op := range slices.Sorted(maps.Keys(twin.Steps)) {
		if got := strconv.Itoa(twin.Steps[op]); documented[op.String()] != got {
			t.Errorf("%s may be %s floats from the interpreter, docs/numerics.md says %q", op, got, documented[op.String()])
		}
	}
	for op := ir.BadOp; op < ir.NumOps; op++ {
		if steps, ok := documented[op.String()]; ok && steps != "0" && twin.Steps[op] == 0 {
			t.Errorf("%s is compared bit for bit, and docs/numerics.md says %s", op, steps)
		}
	}
}
