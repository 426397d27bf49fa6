// This file implements ops over rows, the last axis: their text, and their
// calls.

package classic

import (
	"math"
	"slices"
	"strconv"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A Reduction is one way through a row.
type Reduction struct {
	// Init is what the accumulator starts from. With a Combine it must be
	// neutral, as 0 is for sums: every thread starts from it.
	Init string

	// Update is the accumulator's next value, from acc and the element x, or v.
	// It also sees j, the element's place in the row, row, D, the row's length,
	// and, in a second pass of [MapReduce], s1; there and in the first pass the
	// accumulator is also called acc2 and acc1.
	Update string

	// Combine is the value of two parts of a row, a and b. It must not matter in
	// which order parts are combined.
	Combine string

	// Final is the result, from the reduced value s, or acc, and D. If it is
	// empty it is s. [MapReduce] has none.
	Final string
}

// RowwiseReductionSource returns the body of a kernel that reduces rows with
// one thread for each: elements in their order, with no need of a Combine. T
// and O, the types of the arithmetic and of out, are template arguments. The
// text is right for rows of any length and any grid and threadgroup.
func RowwiseReductionSource(r Reduction, inp, out string) string {
	return serial(r.parts(""), inp, out).String()
}

// RowwiseParallelReductionSource is like [RowwiseReductionSource] with one
// threadgroup for each row.
func RowwiseParallelReductionSource(r Reduction, inp, out string) string {
	return parallel(r.parts(""), inp, out).String()
}

// RowwiseMapReduceSource returns the body of a kernel that goes through each
// row once or twice for s1 and s2, and then writes an element of out for each
// of the row's, from x, s1 and s2. A second pass whose strings are all empty is
// left out. One threadgroup does a row, of whatever length; T and O are as in
// [RowwiseReductionSource].
func RowwiseMapReduceSource(pass1, pass2 Reduction, write, inp, out string) string {
	return mapReduce(pass1.parts(""), pass2.parts(""), pass2.empty(), part{"write", 0, write}, inp, out).String()
}

func (r Reduction) empty() bool { return r == Reduction{} }

// passParts are the strings of a reduction as parts of a text.
type passParts struct{ init, update, combine, final part }

func (r Reduction) parts(prefix string) passParts {
	if r.Final == "" {
		r.Final = "s"
	}
	return passParts{
		part{prefix + "init", 0, r.Init}, part{prefix + "update", 0, r.Update},
		part{prefix + "combine", 0, r.Combine}, part{prefix + "final", 0, r.Final},
	}
}

// size writes the sizes that all row kernels need.
func size(t *text, inp string) {
	t.line("int D = " + inp + "_shape[" + inp + "_ndim - 1];")
	t.line("size_t rows = 1;")
	t.open("for (int k = 0; k < " + inp + "_ndim - 1; ++k)")
	t.line("rows *= " + inp + "_shape[k];")
	t.close()
}

func serial(p passParts, inp, out string) *text {
	t := &text{}
	size(t, inp)
	t.open("for (size_t row = thread_position_in_grid.x; row < rows; row += threads_per_grid.x)")
	t.line("size_t base = row * D;")
	t.line("T acc = T(§);", p.init)
	t.open("for (int j = 0; j < D; ++j)")
	t.line("T x = T(" + inp + "[base + j]), v = x;")
	t.line("acc = T(§);", p.update)
	t.close()
	t.line("T s = acc;")
	t.line(out+"[row] = O(§);", p.final)
	t.close()
	return t
}

// group opens the loop over rows, one for each threadgroup. The scratch has
// room for any threadgroup.
func group(t *text, inp string) {
	size(t, inp)
	t.line("threadgroup T scratch[" + strconv.Itoa(signature.MaxThreads) + "];")
	t.line("int TG = threads_per_threadgroup.x, tid = thread_position_in_threadgroup.x;")
	t.open("for (size_t row = threadgroup_position_in_grid.x; row < rows; row += threadgroups_per_grid.x)")
	t.line("size_t base = row * D;")
}

// pass writes one reduction, after which s holds the value. The accumulator is
// called acc and also by another name, if there is one.
func pass(t *text, p passParts, inp, s, acc string) {
	t.line("T " + s + ";")
	t.open("")
	t.line("T acc = T(§);", p.init)
	t.open("for (int j = tid; j < D; j += TG)")
	t.line("T x = T(" + inp + "[base + j]), v = x;")
	if acc != "" {
		t.line("T " + acc + " = acc;")
	}
	t.line("acc = T(§);", p.update)
	t.close()
	t.line("scratch[tid] = acc;")
	t.line("threadgroup_barrier(mem_flags::mem_threadgroup);")
	t.open("for (int lanes = TG; lanes > 1;)")
	t.line("int half_group = (lanes + 1) / 2;")
	t.open("if (tid < lanes - half_group)")
	t.line("T a = scratch[tid], b = scratch[tid + half_group];")
	t.line("scratch[tid] = T(§);", p.combine)
	t.close()
	t.line("threadgroup_barrier(mem_flags::mem_threadgroup);")
	t.line("lanes = half_group;")
	t.close()
	t.line(s + " = scratch[0];")
	t.line("threadgroup_barrier(mem_flags::mem_threadgroup);")
	t.close()
}

func parallel(p passParts, inp, out string) *text {
	t := &text{}
	group(t, inp)
	pass(t, p, inp, "s", "")
	t.open("if (tid == 0)")
	t.line("T acc = s;")
	t.line(out+"[row] = O(§);", p.final)
	t.close()
	t.close()
	return t
}

func mapReduce(p1, p2 passParts, single bool, write part, inp, out string) *text {
	t := &text{}
	group(t, inp)
	pass(t, p1, inp, "s1", "acc1")
	if !single {
		pass(t, p2, inp, "s2", "acc2")
	}
	t.open("for (int j = tid; j < D; j += TG)")
	t.line("T x = T(" + inp + "[base + j]), v = x;")
	t.line(out+"[base + j] = O(§);", write)
	t.close()
	t.close()
	return t
}

// Reduce returns the op that reduces the last axis, which its result lacks. A
// row is reduced by one threadgroup or, without a Combine, by one thread. Sums
// of float16 and of small integers can exceed what these hold: set Output.
func Reduce(name string, r Reduction, opts Options) (*Op, error) {
	o := &Op{name: name, inputs: []string{"inp"}, outputs: 1, opts: opts, run: runReduce}
	p := r.parts("")
	parts := []part{p.init, p.update, p.final}
	t := serial
	if r.Combine != "" {
		parts, t = append(parts, p.combine), parallel
		o.run = runReduceParallel
	}
	if err := o.checkRowwise(parts); err != nil {
		return nil, err
	}
	var err error
	o.forward, err = o.newKernel("", t(p, "inp", "out"), o.inputs, []string{"out"}, false)
	if err != nil {
		return nil, err
	}
	return o, nil
}

// A Rowwise is what [MapReduce] needs: up to two reductions of each row, and
// what is then written for each element.
type Rowwise struct {
	// Inputs are the names of the inputs; nil is one, inp. The first is the one
	// that x is an element of. Strings index the others by name: w[j] if there is
	// one value for each place of a row, m[row] if there is one for each row,
	// r[base + j] if there is one for each element, c[0] if there is one in all.
	Inputs []string

	Pass1, Pass2 Reduction // of the first input; all of Pass2 may be left out

	// Write is an element of the result, from x, s1, s2, j, row, base and D.
	Write string
}

// MapReduce returns the op of one or two reductions over the last axis and a
// value for each element: norms, softmax and the like. Its result has the
// first input's shape. The other inputs have the first one's shape, or one
// value for each row, or each place of a row, or a single one; other shapes,
// which strings could not index safely, are refused.
func MapReduce(name string, r Rowwise, opts Options) (*Op, error) {
	inputs := slices.Clone(r.Inputs)
	if len(inputs) == 0 {
		inputs = []string{"inp"}
	}
	o := &Op{name: name, inputs: inputs, outputs: 1, opts: opts, run: runMapReduce}
	p1, p2, write := r.Pass1.parts("pass1 "), r.Pass2.parts("pass2 "), part{"write", 0, r.Write}
	parts := []part{p1.init, p1.update, p1.combine, write}
	if !r.Pass2.empty() {
		parts = append(parts, p2.init, p2.update, p2.combine)
	}
	if r.Pass1.Final != "" || r.Pass2.Final != "" {
		return nil, o.misuse("its passes have no Final: Write sees s1 and s2")
	}
	if err := o.checkRowwise(parts); err != nil {
		return nil, err
	}
	t := mapReduce(p1, p2, r.Pass2.empty(), write, inputs[0], "out")
	var err error
	if o.forward, err = o.newKernel("", t, inputs, []string{"out"}, false); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Op) checkRowwise(parts []part) error {
	if err := o.checkOptions(); err != nil {
		return err
	}
	if o.opts.Prelude != "" || o.opts.VJPPrelude != "" {
		return o.misuse("a prelude is of elementwise ops; put functions into Header")
	}
	return checkParts(o.name, false, parts...)
}

func runReduce(o *Op, in []*zmlx.Array) []*zmlx.Array { return o.rows(in, false) }

func runReduceParallel(o *Op, in []*zmlx.Array) []*zmlx.Array { return o.rows(in, true) }

func (o *Op) rows(in []*zmlx.Array, parallel bool) []*zmlx.Array {
	rows, d, err := o.rowSizes(in[0])
	if err != nil {
		return fail(err, 1)
	}
	l := o.rowLaunch(in, in[0].Shape()[:in[0].NDim()-1])
	switch {
	case rows == 0:
	case parallel:
		o.groups(&l, rows, d)
	default:
		l.Grid = [3]int{min(rows, math.MaxInt32), 1, 1}
		l.Threadgroup = [3]int{max(o.opts.Threadgroup, 1), 1, 1}
		if o.opts.Threadgroup == 0 {
			l.Threadgroup = [3]int{}
		}
	}
	return o.call(o.forward, l, l.Template[0].Value.(zmlx.DType), in)
}

func runMapReduce(o *Op, in []*zmlx.Array) []*zmlx.Array {
	rows, d, err := o.rowSizes(in[0])
	if err != nil {
		return fail(err, 1)
	}
	dims := in[0].Shape()
	in = slices.Clone(in)
	for i, a := range in[1:] {
		s := a.Shape()
		if len(s) == 0 { // a 0-dim input is a number and no pointer
			in[i+1] = a.Reshape(1)
		}
		last := len(s) > 0 && s[len(s)-1] == d && a.Size() == d
		each := slices.Equal(s, dims[:len(dims)-1]) || slices.Equal(s, append(slices.Clone(dims[:len(dims)-1]), 1))
		if !slices.Equal(s, dims) && !last && !each && a.Size() != 1 {
			err := &zmlx.ShapeError{Op: o.name, Shapes: [][]int{dims, s}, Caller: caller(),
				Reason: "input " + o.inputs[i+1] + " has neither the first input's shape nor one value for each row, for each place of a row, or for all; broadcast it"}
			return fail(err, 1)
		}
	}
	l := o.rowLaunch(in, dims)
	if rows > 0 && d > 0 {
		o.groups(&l, rows, d)
	}
	return o.call(o.forward, l, l.Template[0].Value.(zmlx.DType), in)
}

// rowSizes returns the number and the length of rows.
func (o *Op) rowSizes(a *zmlx.Array) (rows, d int, err error) {
	dims := a.Shape()
	if len(dims) == 0 {
		return 0, 0, &zmlx.ShapeError{Op: o.name, Shapes: [][]int{dims}, Reason: "a 0-dim array has no rows", Caller: caller()}
	}
	rows = 1
	for _, n := range dims[:len(dims)-1] {
		rows *= n
	}
	return rows, dims[len(dims)-1], nil
}

// rowLaunch returns a launch with its types: reductions are computed in at
// least 32 bits.
func (o *Op) rowLaunch(in []*zmlx.Array, dims []int) zmlx.Launch {
	compute := o.compute(promoted(in[:1]))
	if !o.opts.Compute.Valid() {
		switch compute {
		case zmlx.Int8, zmlx.Int16, zmlx.Uint8, zmlx.Uint16, zmlx.Bool:
			compute = zmlx.Int32
		}
	}
	out := o.output(in[:1])
	return zmlx.Launch{
		Template: types(compute, out), Device: in[0].Device(),
		OutputShapes: [][]int{slices.Clone(dims)}, OutputDTypes: []zmlx.DType{out},
	}
}

// groups sets a launch of one threadgroup for each row, or of as many as a grid
// can have.
func (o *Op) groups(l *zmlx.Launch, rows, d int) {
	n := o.opts.Threadgroup
	if n == 0 {
		for n = 32; n < d && n < 256; {
			n *= 2
		}
	}
	l.Grid = [3]int{min(rows, math.MaxInt32/n) * n, 1, 1}
	l.Threadgroup = [3]int{n, 1, 1}
}
