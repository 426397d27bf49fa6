package capsule

// This file implements the fields of a capsule: what each may hold, and an
// error for each that holds something else.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
	"github.com/zmlx-go/zmlx/internal/source"
)

// maxErrors bounds the faults that are reported at once.
const maxErrors = 20

// A decoder collects faults, each with its path such as inputs.x.shape[1].
type decoder struct {
	dir  string
	errs []error
}

func (d *decoder) errorf(path, format string, args ...any) {
	if len(d.errs) < maxErrors {
		d.errs = append(d.errs, fmt.Errorf("%s: %w", path, fmt.Errorf(format, args...)))
	}
}

// Decode reads a capsule from JSON. Paths in it are relative to dir.
func Decode(data []byte, dir string) (*Capsule, error) {
	n, err := parse(data)
	if err != nil {
		return nil, err
	}
	o, ok := n.(*object)
	if !ok {
		return nil, fmt.Errorf("a capsule is a JSON object, found %s", kind(n))
	}
	d := &decoder{dir: dir}
	c := d.capsule(o)
	if len(d.errs) > 0 {
		return nil, errors.Join(d.errs...)
	}
	return c, nil
}

// A field is one member of an object and what reads it.
type field struct {
	name string
	read func(path string, n node)
}

// object reads o's members by the given fields and refuses all others. A
// member that is null counts as left out.
func (d *decoder) object(path string, o *object, fields ...field) {
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.name
	}
	for _, name := range o.names {
		found := false
		for _, f := range fields {
			if f.name != name {
				continue
			}
			found = true
			if v := o.values[name]; v != nil {
				f.read(join(path, name), v)
			}
		}
		if !found {
			hint := "the fields here are " + strings.Join(known, ", ")
			if near := source.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %q?", near)
			}
			d.errorf(join(path, name), "unknown field; %s", hint)
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// capsule reads the whole.
func (d *decoder) capsule(o *object) *Capsule {
	c := &Capsule{Kernel: signature.Kernel{EnsureRowContiguous: true}}
	k := &c.Kernel
	var inputs, expect *object
	d.object("", o,
		field{"$schema", func(p string, n node) { d.str(p, n) }},
		field{"name", func(p string, n node) { k.Name = d.str(p, n) }},
		field{"input_names", func(p string, n node) { k.InputNames = d.strs(p, n) }},
		field{"output_names", func(p string, n node) { k.OutputNames = d.strs(p, n) }},
		field{"source", func(p string, n node) { k.Source, c.SourceFile = d.text(p, n) }},
		field{"header", func(p string, n node) { k.Header, c.HeaderFile = d.text(p, n) }},
		field{"ensure_row_contiguous", func(p string, n node) { k.EnsureRowContiguous = d.boolean(p, n) }},
		field{"atomic_outputs", func(p string, n node) { k.AtomicOutputs = d.boolean(p, n) }},
		field{"template", func(p string, n node) { c.Template = d.template(p, n) }},
		field{"grid", func(p string, n node) { c.Grid = d.triple(p, n) }},
		field{"threadgroup", func(p string, n node) { c.Threadgroup = d.triple(p, n) }},
		field{"output_shapes", func(p string, n node) {
			c.OutputShapes = [][]int{}
			for i, s := range d.list(p, n) {
				c.OutputShapes = append(c.OutputShapes, d.shape(fmt.Sprintf("%s[%d]", p, i), s))
			}
		}},
		field{"output_dtypes", func(p string, n node) {
			c.OutputDTypes = []dtype.DType{}
			for i, s := range d.list(p, n) {
				c.OutputDTypes = append(c.OutputDTypes, d.dtype(fmt.Sprintf("%s[%d]", p, i), s))
			}
		}},
		field{"init_value", func(p string, n node) { f := d.float(p, n); c.InitValue = &f }},
		field{"inputs", func(p string, n node) { inputs = d.obj(p, n) }},
		field{"expect", func(p string, n node) { expect = d.obj(p, n) }},
	)
	for _, name := range []string{"name", "output_names", "source"} {
		if o.values[name] == nil {
			d.errorf(name, "the field is missing")
		}
	}
	if len(d.errs) > 0 { // names may be wrong: nothing can be matched by name
		return c
	}
	d.calls(c, inputs, expect)
	return c
}

// calls reads what is matched by name, and checks counts.
func (d *decoder) calls(c *Capsule, inputs, expect *object) {
	k := c.Kernel
	if err := signature.Validate(k); err != nil {
		d.errs = append(d.errs, err)
		return
	}
	if c.OutputShapes != nil {
		if err := signature.Arity(k.Name, "output_shapes", k.OutputNames, len(c.OutputShapes)); err != nil {
			d.errs = append(d.errs, err)
		}
	}
	if c.OutputDTypes != nil {
		if err := signature.Arity(k.Name, "output_dtypes", k.OutputNames, len(c.OutputDTypes)); err != nil {
			d.errs = append(d.errs, err)
		}
	}
	if inputs == nil {
		inputs = &object{}
	}
	d.named("inputs", inputs, k.InputNames, "input_names")
	for _, name := range k.InputNames {
		n, ok := inputs.values[name]
		if !ok {
			d.errorf(join("inputs", name), "the input is missing, but input_names has it")
			continue
		}
		c.Inputs = append(c.Inputs, d.input(join("inputs", name), name, n))
	}
	if expect == nil {
		return
	}
	d.named("expect", expect, k.OutputNames, "output_names")
	for i, name := range k.OutputNames {
		if n, ok := expect.values[name]; ok {
			e := d.expect(join("expect", name), n)
			e.Name, e.Index = name, i
			c.Expect = append(c.Expect, e)
		}
	}
}

// named refuses members whose names are not in a list.
func (d *decoder) named(path string, o *object, names []string, list string) {
	for _, name := range o.names {
		known := false
		for _, n := range names {
			known = known || n == name
		}
		if known {
			continue
		}
		hint := ""
		if near := source.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		d.errorf(join(path, name), "%s has no such name%s", list, hint)
	}
}

// input reads one of inputs.
func (d *decoder) input(path, name string, n node) Input {
	in := Input{Name: name}
	o := d.obj(path, n)
	if o == nil {
		return in
	}
	before := len(d.errs)
	var data, value node
	var random string
	shaped := false
	r := &Random{}
	d.object(path, o,
		field{"npy", func(p string, n node) { in.File = d.path(p, n) }},
		field{"dtype", func(p string, n node) { in.DType = d.dtype(p, n) }},
		field{"shape", func(p string, n node) { in.Shape, shaped = d.shape(p, n), true }},
		field{"data", func(p string, n node) { data = n }},
		field{"value", func(p string, n node) { value = n }},
		field{"random", func(p string, n node) { random = d.str(p, n) }},
		field{"low", func(p string, n node) { r.Low = d.finite(p, n) }},
		field{"high", func(p string, n node) { r.High = d.finite(p, n) }},
		field{"seed", func(p string, n node) { r.Seed = d.seed(p, n) }},
		field{"transpose", func(p string, n node) { in.Transpose = d.ints(p, n) }},
	)
	has := func(name string) bool { return o.values[name] != nil }
	kinds := []string{}
	for _, name := range []string{"npy", "data", "value", "random"} {
		if has(name) {
			kinds = append(kinds, name)
		}
	}
	if len(kinds) != 1 {
		d.errorf(path, "an input has exactly one of npy, data, value and random, found %s", orNone(kinds))
	}
	if len(d.errs) > before {
		return in
	}
	for _, rule := range [...]struct{ field, with string }{
		{"shape", "data random"}, {"low", "random"}, {"high", "random"}, {"seed", "random"}, {"transpose", "npy data random"},
	} {
		if has(rule.field) && !strings.Contains(" "+rule.with+" ", " "+kinds[0]+" ") {
			d.errorf(join(path, rule.field), "the field does not go with %s", kinds[0])
		}
	}
	if kinds[0] != "npy" && !has("dtype") {
		d.errorf(join(path, "dtype"), "the field is missing; an input with %s needs one, such as \"float32\"", kinds[0])
	}
	if len(d.errs) > before {
		return in
	}
	switch kinds[0] {
	case "data":
		d.data(path, &in, data, shaped)
	case "value":
		in.Shape = []int{}
		v, err := newValues(join(path, "value"), []node{value}, in.DType == dtype.Complex64)
		if err == nil && len(v.shape) != 1 {
			err = fmt.Errorf("%s: want one number, found %s", v.path, kind(value))
		}
		if err == nil {
			in.Data, err = v.Encode(in.DType)
		}
		d.add(err)
	case "random":
		if !shaped {
			d.errorf(join(path, "shape"), "the field is missing")
		}
		in.Random = r
		d.random(path, &in, random, has("low"), has("high"))
	}
	if len(d.errs) == before && in.File == "" {
		d.transpose(path, &in)
	}
	return in
}

// data fills an input from numbers.
func (d *decoder) data(path string, in *Input, data node, shaped bool) {
	if _, ok := data.([]node); !ok {
		d.errorf(join(path, "data"), "want a list of numbers, found %s; a single number goes into value", kind(data))
		return
	}
	v, err := newValues(join(path, "data"), data, in.DType == dtype.Complex64)
	if err != nil {
		d.add(err)
		return
	}
	if !shaped {
		in.Shape = v.Shape()
	}
	if err := FitShape(v, in.Shape); err != nil {
		d.add(err)
		return
	}
	in.Data, err = v.Encode(in.DType)
	d.add(err)
}

// FitShape checks that v, flat or nested, has the elements of an array of the
// given shape.
func FitShape(v *Values, shape []int) error {
	n := 1
	for _, dim := range shape {
		n *= dim
	}
	if v.Len() != n {
		return fmt.Errorf("%s: shape %v has %d elements, found %d", v.path, shape, n, v.Len())
	}
	if len(v.shape) > 1 && fmt.Sprint(v.shape) != fmt.Sprint(shape) {
		return fmt.Errorf("%s: the lists are nested as %v, but the shape is %v", v.path, v.shape, shape)
	}
	return nil
}

// random checks a description of random elements.
func (d *decoder) random(path string, in *Input, name string, hasLow, hasHigh bool) {
	r := in.Random
	switch name {
	case "normal":
		r.Dist = Normal
		if hasLow || hasHigh {
			d.errorf(path, "low and high do not go with a normal distribution; it has mean 0 and deviation 1")
		}
		if !in.DType.IsFloat() {
			d.errorf(join(path, "dtype"), "a normal distribution needs a float dtype, found %s", in.DType)
		}
	case "uniform":
		r.Dist = Uniform
		if !hasHigh {
			r.High = 1
		}
		if !in.DType.IsFloat() {
			d.errorf(join(path, "dtype"), "a uniform distribution needs a float dtype, found %s; for whole numbers write \"randint\"", in.DType)
		}
		if r.High < r.Low {
			d.errorf(path, "low is %v, above high, which is %v", r.Low, r.High)
		}
	case "randint":
		r.Dist = RandInt
		if in.DType == dtype.Bool && !hasHigh {
			r.High, hasHigh = 2, true
		}
		lowest, highest := intRange(in.DType)
		switch {
		case in.DType == dtype.Complex64:
			d.errorf(join(path, "dtype"), "random whole numbers cannot be complex64")
		case !hasHigh:
			d.errorf(join(path, "high"), "the field is missing; randint draws from low, which is 0 if left out, and below high")
		case r.Low != math.Trunc(r.Low) || r.High != math.Trunc(r.High):
			d.errorf(path, "low and high of randint must be whole numbers, found %v and %v", r.Low, r.High)
		case r.High <= r.Low:
			d.errorf(path, "no whole number is at least %v and below %v", r.Low, r.High)
		case r.Low < lowest || r.High-1 > highest:
			d.errorf(path, "the range from %v to %v does not fit %s", r.Low, r.High-1, in.DType)
		case r.High-r.Low > 1<<53 || math.Abs(r.Low) > 1<<53 || math.Abs(r.High) > 1<<53:
			d.errorf(path, "low and high of randint must be at most 2^53 in size")
		}
	default:
		names := []string{"normal", "uniform", "randint"}
		hint := ""
		if near := source.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		d.errorf(join(path, "random"), "want \"normal\", \"uniform\" or \"randint\", found %q%s", name, hint)
	}
}

// intRange returns the whole numbers that d can hold without a gap, as far as
// float64 can say.
func intRange(d dtype.DType) (lowest, highest float64) {
	bits := float64(8 * d.Size())
	switch d.Kind() {
	case dtype.KindBool:
		return 0, 1
	case dtype.KindUint:
		return 0, math.Exp2(bits) - 1
	case dtype.KindInt:
		return -math.Exp2(bits - 1), math.Exp2(bits-1) - 1
	}
	exact := map[dtype.DType]float64{dtype.Float16: 1 << 11, dtype.BFloat16: 1 << 8, dtype.Float32: 1 << 24, dtype.Float64: 1 << 53}[d]
	return -exact, exact
}

// transpose checks that the axes are a permutation, and makes them positive.
func (d *decoder) transpose(path string, in *Input) {
	if in.Transpose == nil {
		return
	}
	axes, err := Permutation(in.Transpose, len(in.Shape))
	if err != nil {
		d.errorf(join(path, "transpose"), "%w", err)
	}
	in.Transpose = axes
}

// Permutation checks that axes are those of an array of ndim dimensions, each
// once, and returns them counted from 0.
func Permutation(axes []int, ndim int) ([]int, error) {
	if len(axes) != ndim {
		return nil, fmt.Errorf("%d axes for an array of %d dimensions", len(axes), ndim)
	}
	seen := make([]bool, ndim)
	out := make([]int, ndim)
	for i, a := range axes {
		if a < -ndim || a >= ndim {
			return nil, fmt.Errorf("axis %d is out of range for %d dimensions", a, ndim)
		}
		a = (a + ndim) % ndim
		if seen[a] {
			return nil, fmt.Errorf("axis %d is named twice", axes[i])
		}
		seen[a], out[i] = true, a
	}
	return out, nil
}

// expect reads one of expect.
func (d *decoder) expect(path string, n node) Expect {
	e := Expect{}
	o := d.obj(path, n)
	if o == nil {
		return e
	}
	tolerance := func(to **float64) func(string, node) {
		return func(p string, n node) {
			f := d.finite(p, n)
			if f < 0 {
				d.errorf(p, "a tolerance cannot be negative, found %v", f)
			}
			*to = &f
		}
	}
	d.object(path, o,
		field{"npy", func(p string, n node) { e.File = d.path(p, n) }},
		field{"data", func(p string, n node) {
			v, err := newValues(p, n, false)
			d.add(err)
			e.Data = v
		}},
		field{"rtol", tolerance(&e.RTol)},
		field{"atol", tolerance(&e.ATol)},
	)
	if (o.values["npy"] == nil) == (o.values["data"] == nil) {
		d.errorf(path, "an expected output has exactly one of npy and data")
	}
	return e
}

// template reads [[name, value], ...].
func (d *decoder) template(path string, n node) []signature.TemplateArg {
	var args []signature.TemplateArg
	for i, pair := range d.list(path, n) {
		at := fmt.Sprintf("%s[%d]", path, i)
		list, ok := pair.([]node)
		if !ok || len(list) != 2 {
			d.errorf(at, "want a pair [name, value], found %s", kind(pair))
			continue
		}
		arg := signature.TemplateArg{Name: d.str(at+"[0]", list[0])}
		switch v := list[1].(type) {
		case string:
			arg.Kind, arg.DType = signature.TypeArg, d.dtype(at+"[1]", v)
		case bool:
			arg.Kind, arg.Bool = signature.BoolArg, v
		case json.Number:
			arg.Kind = signature.IntArg
			bits, err := integer(v, dtype.Int32)
			if err != nil {
				d.errorf(at+"[1]", "%w", err)
			}
			arg.Int = int32(bits)
		default:
			d.errorf(at+"[1]", "want a dtype's name, a whole number or a bool, found %s", kind(v))
		}
		args = append(args, arg)
	}
	return args
}
