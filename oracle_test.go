package zmlx_test

// This file tests definitions and their derivatives against MLX: values and
// gradients that tools/mlx_oracle.py made and testdata/oracle holds, and, where
// there is a Python with MLX, the same made anew.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	Of    string // the role of the tensor
	At    []int  // elements, row-major
	Ours  []json.RawMessage
	Why   string
	found bool
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

// A place says which element of a broadcast array stands at a row and column
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

// An agreement compares the tensors of a case.
type agreement struct {
	c     *oracleCase
	worst float64 // error in units of what is allowed
	at    string
}

// compare checks that got agrees with a tensor of MLX's, within tolerance
// relative to the element and to the greatest of its row; row is the number of
// elements that were added up or share a scale.
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
		allowed := relative*(math.Abs(w)+0.1*scale) + unit*math.Abs(w)
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
