package zmlx_test

// This file tests definitions and their derivatives against MLX: values and
// gradients that tools/mlx_oracle.py made and testdata/oracle holds, and, where
// there is a Python with MLX, the same made anew.

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/encoding/safetensors"
	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/deriv"
	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/formula"
)

const oracleDir = "testdata/oracle"

// An oracleDoc is the file of cases.
type oracleDoc struct {
	Tolerance map[string]struct {
		Relative, Native float64
		Why              string
	}
	Cases []*oracleCase
}

type oracleCase struct {
	Group, Name, Definition string
	Inputs                  []struct{ Name, Values, Shape, Dtype string }
	Params                  map[string]float64

	// Tolerance multiplies those of the file; Why says what makes it necessary.
	Tolerance float64
	Why       string

	// Differs lists places where ours is not MLX's value, on purpose.
	Differs []oracleDifference

	calls []*oracleCall
}

type oracleDifference struct {
	Of   string // the role of the tensor
	At   []int  // elements, row-major
	Ours []json.RawMessage
	Why  string
}

// An oracleCall is one case with inputs of one dtype and shape.
type oracleCall struct {
	name    string // CASE/DTYPE/SHAPE
	dtype   dtype.DType
	shape   []int
	tensors map[string]*safetensors.Tensor // by role
}

// loadOracle reads the cases, and their tensors from dir.
func loadOracle(t *testing.T, dir string) *oracleDoc {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(oracleDir, "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc := &oracleDoc{}
	if err := json.Unmarshal(text, doc); err != nil {
		t.Fatal(err)
	}
	byName := map[string]*oracleCase{}
	groups := map[string]bool{}
	for _, c := range doc.Cases {
		byName[c.Name] = c
		groups[c.Group] = true
	}
	calls := map[string]*oracleCall{}
	for group := range groups {
		f, err := safetensors.ReadFile(filepath.Join(dir, group+".safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range f.Tensors {
			parts := strings.Split(f.Tensors[i].Name, "/")
			if len(parts) != 4 || byName[parts[0]] == nil {
				t.Fatalf("%s: tensor %s is of no case", group, f.Tensors[i].Name)
			}
			name := strings.Join(parts[:3], "/")
			call := calls[name]
			if call == nil {
				call = &oracleCall{name: name, tensors: map[string]*safetensors.Tensor{}}
				if call.dtype, err = dtype.Parse(parts[1]); err != nil {
					t.Fatal(err)
				}
				for _, s := range strings.Split(parts[2], "x") {
					n, err := strconv.Atoi(s)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					call.shape = append(call.shape, n)
				}
				calls[name] = call
				byName[parts[0]].calls = append(byName[parts[0]].calls, call)
			}
			call.tensors[parts[3]] = &f.Tensors[i]
		}
	}
	for _, c := range doc.Cases {
		if len(c.calls) == 0 {
			t.Fatalf("case %s has no data", c.Name)
		}
		slices.SortFunc(c.calls, func(a, b *oracleCall) int { return strings.Compare(a.name, b.name) })
	}
	return doc
}

// numbers returns the elements of a tensor.
func numbers(t *testing.T, x *safetensors.Tensor) []float64 {
	t.Helper()
	var v []float64
	for d := x.Data; len(d) > 0; d = d[x.DType.Size():] {
		switch x.DType {
		case dtype.Bool:
			v = append(v, float64(d[0]))
		case dtype.Int32:
			v = append(v, float64(int32(binary.LittleEndian.Uint32(d))))
		case dtype.Uint32:
			v = append(v, float64(binary.LittleEndian.Uint32(d)))
		case dtype.Float32:
			v = append(v, float64(math.Float32frombits(binary.LittleEndian.Uint32(d))))
		case dtype.Float16:
			v = append(v, float64(half.Float16(binary.LittleEndian.Uint16(d)).Float32()))
		case dtype.BFloat16:
			v = append(v, float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(d))<<16)))
		default:
			t.Fatalf("%s: no numbers of %s", x.Name, x.DType)
		}
	}
	return v
}

// place returns which element of a broadcast array stands at a row and column
// of the full shape.
func place(full, shape []int, row, column int) int {
	index := make([]int, len(full))
	if len(full) > 0 {
		index[len(full)-1] = column
	}
	for k := len(full) - 2; k >= 0; k-- {
		index[k], row = row%full[k], row/full[k]
	}
	at := 0
	for k, n := range shape {
		if i := index[len(full)-len(shape)+k]; n != 1 {
			at = at*n + i
		}
	}
	return at
}

func rowsOf(shape []int) (rows, size int) {
	rows, size = 1, 1
	for k, n := range shape {
		if k == len(shape)-1 {
			size = n
		} else {
			rows *= n
		}
	}
	return rows, size
}

// An agreement compares the tensors of a case, and knows the worst.
type agreement struct {
	c     *oracleCase
	worst float64 // error in units of what is allowed
	at    string
}

// compare checks that got agrees with a tensor of MLX's, within tolerance
// relative to the element and to the greatest of its row, and of unit, what
// rounding to a result's dtype may take from an element of 1.
func (a *agreement) compare(t *testing.T, call *oracleCall, role string, got []float64, relative, unit float64) {
	t.Helper()
	x := call.tensors[role]
	if x == nil {
		t.Errorf("%s has no %s", call.name, role)
		return
	}
	want := numbers(t, x)
	if len(got) != len(want) {
		t.Errorf("%s: %d elements of %s, MLX has %d", call.name, len(got), role, len(want))
		return
	}
	_, size := rowsOf(call.shape)
	if a.c.Tolerance > 0 {
		relative *= a.c.Tolerance
	}
	relative *= math.Sqrt(max(1, float64(size)/64))
	row := len(want)
	if len(x.Shape) == len(call.shape) && size > 0 && x.Shape[len(x.Shape)-1] == size {
		row = size
	}
	floor := 0.0
	if a.c.Group != "hard" { // there, a great input says nothing about the result
		floor = call.greatest(t, role[0] == 'd')
	}
	differ := map[int]float64{}
	for i := range a.c.Differs {
		if d := &a.c.Differs[i]; d.Of == role {
			for k, at := range d.At {
				v, err := strconv.ParseFloat(strings.Trim(string(d.Ours[k]), `"`), 64)
				if err != nil || at >= len(want) {
					t.Fatalf("%s: bad difference at %d", call.name, at)
				}
				if same(v, want[at]) {
					t.Errorf("%s: %s[%d] is listed as a difference, but MLX has %v too", call.name, role, at, v)
				}
				differ[at] = v
			}
		}
	}
	bad := 0
	for i, w := range want {
		if v, ok := differ[i]; ok {
			w = v
		}
		if same(got[i], w) {
			continue
		}
		scale := floor
		for _, o := range want[i/row*row : (i/row+1)*row] {
			if !math.IsInf(o, 0) && !math.IsNaN(o) {
				scale = max(scale, math.Abs(o))
			}
		}
		allowed := relative*(math.Abs(w)+0.1*scale) + unit*max(math.Abs(w), 0x1p-14)
		err := math.Abs(got[i] - w)
		if r := err / allowed; !(r <= a.worst) {
			a.worst, a.at = r, fmt.Sprintf("%s/%s[%d]: %v, MLX %v", call.name, role, i, got[i], w)
		}
		if !(err <= allowed) {
			if bad++; bad <= 4 {
				t.Errorf("%s: %s[%d] is %v, MLX has %v", call.name, role, i, got[i], w)
			}
		}
	}
}

// greatest returns the greatest finite number among the inputs, or among the
// cotangents: what may cancel in a result.
func (call *oracleCall) greatest(t *testing.T, cotangents bool) float64 {
	t.Helper()
	most := 0.0
	for role, x := range call.tensors {
		_, err := strconv.Atoi(role[1:])
		result := len(role) > 1 && (role[0] == 'y' || role[0] == 'd')
		if isCotangent := role[0] == 'c' && err == nil; result || isCotangent != cotangents {
			continue
		}
		for _, v := range numbers(t, x) {
			if !math.IsInf(v, 0) && !math.IsNaN(v) {
				most = max(most, math.Abs(v))
			}
		}
	}
	return most
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// evalRows evaluates f in float64, row by row. Results have one element for
// each element or each row.
func evalRows(f *formula.Formula, full []int, inputs [][]float64, shapes [][]int) [][]float64 {
	rows, size := rowsOf(full)
	params := make([]float64, len(f.Params))
	for i, p := range f.Params {
		params[i] = p.Default
	}
	results := make([][]float64, len(f.Outputs))
	for r := range rows {
		in := make([][]float64, len(inputs))
		for i, v := range inputs {
			n := size
			if f.Inputs[i].Row {
				n = 1
			}
			for j := range n {
				in[i] = append(in[i], v[place(full, shapes[i], r, j)])
			}
			if n == 0 {
				in[i] = []float64{math.NaN()} // never read
			}
		}
		for i, v := range f.EvalRow(in, params, size) {
			for _, x := range v {
				results[i] = append(results[i], float64(float32(x))) // overflows as float32 does
			}
		}
	}
	return results
}

// checkRows compares f and its derivative, evaluated in float64, with MLX.
func checkRows(t *testing.T, doc *oracleDoc, a *agreement, call *oracleCall, f *formula.Formula) {
	t.Helper()
	compare := func(role string, got []float64) {
		a.compare(t, call, role, got, doc.Tolerance["float32"].Relative, 0)
		if call.tensors[role+"!"] != nil {
			a.compare(t, call, role+"!", got, doc.Tolerance[call.dtype.String()].Native, 0)
		}
	}
	inputs := make([][]float64, len(f.Inputs))
	shapes := make([][]int, len(f.Inputs))
	want := make([]bool, len(f.Inputs))
	derive := false
	for i, in := range f.Inputs {
		x := call.tensors[in.Name]
		inputs[i], shapes[i] = numbers(t, x), x.Shape
		want[i] = call.tensors["d"+in.Name] != nil
		derive = derive || want[i]
	}
	for k, y := range evalRows(f, call.shape, inputs, shapes) {
		compare(fmt.Sprintf("y%d", k), y)
	}
	if !derive {
		return
	}
	for k := range f.Outputs {
		c := call.tensors[fmt.Sprintf("c%d", k)]
		shape := c.Shape
		if len(shape) < len(call.shape) {
			shape = append(slices.Clone(shape), 1)
		}
		inputs, shapes = append(inputs, numbers(t, c)), append(shapes, shape)
	}
	d := deriv.VJP(f, want)
	parts := evalRows(d, call.shape, inputs, shapes)
	rows, size := rowsOf(call.shape)
	for i, in := range f.Inputs {
		if !want[i] {
			continue
		}
		grad := make([]float64, len(inputs[i]))
		part := parts[0]
		parts = parts[1:]
		columns := size
		if in.Row {
			columns = 1
		}
		for r := range rows {
			for j := range columns {
				p := r
				if len(part) == rows*size {
					p = r*size + j
				}
				grad[place(call.shape, shapes[i], r, j)] += part[p]
			}
		}
		compare("d"+in.Name, grad)
	}
}

// arrayOf returns a tensor as an array. A strided one is a transposed view of
// its transposed elements.
func arrayOf(x *safetensors.Tensor, strided bool) *zmlx.Array {
	if !strided || len(x.Shape) < 2 {
		return zmlx.FromBytes(x.DType, x.Data, x.Shape...)
	}
	rows, columns, width := x.Shape[0], 1, x.DType.Size()
	for _, n := range x.Shape[1:] {
		columns *= n
	}
	data := make([]byte, 0, len(x.Data))
	for j := range columns {
		for i := range rows {
			at := (i*columns + j) * width
			data = append(data, x.Data[at:at+width]...)
		}
	}
	dims := append(slices.Clone(x.Shape[1:]), rows)
	axes := []int{len(dims) - 1}
	for k := range dims[1:] {
		axes = append(axes, k)
	}
	return zmlx.FromBytes(x.DType, data, dims...).Transpose(axes...)
}

// checkArrays compares what an op and its derivative give for arrays with MLX.
func checkArrays(t *testing.T, doc *oracleDoc, a *agreement, call *oracleCall, op *zmlx.Op, strided bool) {
	t.Helper()
	compare := func(role string, got *zmlx.Array) {
		t.Helper()
		x := call.tensors[role]
		native := call.tensors[role+"!"]
		kind := x.DType
		if kind == dtype.Float32 && call.dtype.IsFloat() {
			kind = call.dtype // as the inputs; MLX computed it in float32
		}
		data, err := got.Bytes()
		if err != nil {
			t.Errorf("%s: %s: %v", call.name, role, err)
			return
		}
		if got.DType() != kind || !slices.Equal(got.Shape(), x.Shape) {
			t.Errorf("%s: %s is %s %v, MLX has %s %v", call.name, role, got.DType(), got.Shape(), kind, x.Shape)
			return
		}
		v := numbers(t, &safetensors.Tensor{Name: role, DType: got.DType(), Data: data})
		unit := 0.0
		if kind == dtype.Float16 || kind == dtype.BFloat16 {
			unit = doc.Tolerance[kind.String()].Relative
		}
		a.compare(t, call, role, v, 2*doc.Tolerance["float32"].Relative, unit)
		if native != nil {
			a.compare(t, call, role+"!", v, doc.Tolerance[kind.String()].Native, 0)
		}
	}
	inputs := make([]*zmlx.Array, len(a.c.Inputs))
	var by []int
	var primals []*zmlx.Array
	for i, in := range a.c.Inputs {
		inputs[i] = arrayOf(call.tensors[in.Name], strided)
		if call.tensors["d"+in.Name] != nil {
			by = append(by, i)
			primals = append(primals, inputs[i])
		}
	}
	results := op.Results(inputs...)
	for k, y := range results {
		compare(fmt.Sprintf("y%d", k), y)
	}
	if len(by) == 0 {
		return
	}
	var cotangents []*zmlx.Array
	for k := range results {
		cotangents = append(cotangents, arrayOf(call.tensors[fmt.Sprintf("c%d", k)], strided))
	}
	_, grads := zmlx.VJP(func(args ...*zmlx.Array) []*zmlx.Array {
		all := slices.Clone(inputs)
		for k, i := range by {
			all[i] = args[k]
		}
		return op.Results(all...)
	}, primals, cotangents)
	for k, i := range by {
		compare("d"+a.c.Inputs[i].Name, grads[k])
	}
}

// testOps compares ops on arrays with data in dir.
func testOps(t *testing.T, dir string) {
	doc := loadOracle(t, dir)
	for _, c := range doc.Cases {
		t.Run(c.Group+"/"+c.Name, func(t *testing.T) {
			t.Parallel() // compilers take their time
			op, err := zmlx.Define(c.Definition)
			if err != nil {
				t.Fatal(err)
			}
			a := &agreement{c: c}
			for _, call := range c.calls {
				checkArrays(t, doc, a, call, op, false)
				if c.Group != "hard" && len(call.shape) > 1 && call.dtype.Size() == 4 {
					checkArrays(t, doc, a, call, op, true)
				}
			}
			t.Logf("%.3f of what is allowed at %s", a.worst, a.at)
		})
	}
}

func TestOpsAgainstMLX(t *testing.T) {
	t.Run("default", func(t *testing.T) { testOps(t, oracleDir) })
	t.Run("cuda", func(t *testing.T) {
		useGPU(t)
		testOps(t, oracleDir)
	})
}

// useGPU makes a GPU the default device until the test ends, which is skipped if
// there is none or that is the default device anyway.
func useGPU(t *testing.T) {
	t.Helper()
	d, err := zmlx.Open("cuda")
	if err != nil {
		t.Skip(err)
	}
	before := zmlx.Default()
	if before == d {
		t.Skip("the default device is a GPU")
	}
	zmlx.SetDefault(d)
	t.Cleanup(func() { zmlx.SetDefault(before) })
}

// testFormulas compares definitions, evaluated in float64, with data in dir:
// that what they mean and how they are derived is right, whatever computes.
func testFormulas(t *testing.T, dir string) {
	doc := loadOracle(t, dir)
	for _, c := range doc.Cases {
		if c.Group == "integer" {
			continue // float64 has no bits to shift
		}
		t.Run(c.Group+"/"+c.Name, func(t *testing.T) {
			f, err := formula.Define(c.Definition)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range f.Params {
				if v, ok := c.Params[p.Name]; !ok || v != p.Default {
					t.Fatalf("parameter %s is %v, for MLX %v", p.Name, p.Default, v)
				}
			}
			a := &agreement{c: c}
			for _, call := range c.calls {
				checkRows(t, doc, a, call, f)
			}
			t.Logf("%.3f of what is allowed at %s", a.worst, a.at)
		})
	}
}

func TestFormulasAgainstMLX(t *testing.T) { testFormulas(t, oracleDir) }

// TestLiveMLX makes the data anew with the Python that ZMLX_PYTHON names, and
// compares with that.
func TestLiveMLX(t *testing.T) {
	python := os.Getenv("ZMLX_PYTHON")
	if python == "" {
		t.Skip("ZMLX_PYTHON names no Python with MLX to compare with")
	}
	if out, err := exec.Command(python, "-c", "import mlx.core, mlx.nn, numpy").CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("%s has no MLX and NumPy to compare with: %v: %s", python, err, lines[len(lines)-1])
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	script := filepath.Join("tools", "mlx_oracle.py")
	if out, err := exec.CommandContext(ctx, python, script, "--check").CombinedOutput(); err != nil {
		t.Errorf("what is stored is not what MLX computes: %v\n%s", err, out)
	}
	dir := t.TempDir()
	if out, err := exec.CommandContext(ctx, python, script, "--out", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("formulas", func(t *testing.T) { testFormulas(t, dir) })
	t.Run("ops", func(t *testing.T) { testOps(t, dir) })
}
