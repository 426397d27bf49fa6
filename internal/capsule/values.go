package capsule

// This file implements numbers written in JSON and their conversion to the
// elements of a dtype.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/half"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// Values are numbers as a capsule spells them, before a dtype is chosen: JSON
// numbers, bools, the strings "nan", "inf" and "-inf", and for complex types
// pairs [re, im].
type Values struct {
	path  string
	items []node
	shape []int // of the nested lists; just the length for a flat list; empty for a lone number
}

// Len returns the number of elements; pairs count once.
func (v *Values) Len() int { return len(v.items) }

// Shape returns the lengths of the lists, outermost first.
func (v *Values) Shape() []int { return v.shape }

// newValues flattens nested lists. If pairs is set, innermost lists of two
// that are not the outermost are elements.
func newValues(path string, n node, pairs bool) (*Values, error) {
	v := &Values{path: path, shape: []int{}}
	for first := n; ; {
		list, ok := first.([]node)
		if !ok || pairs && len(v.shape) > 0 && isPair(list) {
			break
		}
		v.shape = append(v.shape, len(list))
		if len(list) == 0 {
			break
		}
		first = list[0]
	}
	return v, v.flatten(path, n, 0, pairs)
}

func isPair(list []node) bool {
	if len(list) != 2 {
		return false
	}
	_, nested := list[0].([]node)
	return !nested
}

func (v *Values) flatten(path string, n node, depth int, pairs bool) error {
	list, ok := n.([]node)
	if depth == len(v.shape) {
		if ok && !(pairs && isPair(list)) {
			return fmt.Errorf("%s: found %s where earlier ones are numbers", path, kind(n))
		}
		v.items = append(v.items, n)
		return nil
	}
	if !ok {
		return fmt.Errorf("%s: found %s where earlier ones are lists", path, kind(n))
	}
	if len(list) != v.shape[depth] {
		return fmt.Errorf("%s: a list of %d where earlier ones have %d", path, len(list), v.shape[depth])
	}
	if depth == len(v.shape)-1 && !pairs { // the common case, without a path for each number
		for i, item := range list {
			if _, nested := item.([]node); nested {
				return fmt.Errorf("%s[%d]: found %s where earlier ones are numbers", path, i, kind(item))
			}
		}
		v.items = append(v.items, list...)
		return nil
	}
	for i, item := range list {
		if err := v.flatten(fmt.Sprintf("%s[%d]", path, i), item, depth+1, pairs); err != nil {
			return err
		}
	}
	return nil
}

// Encode returns the elements as d's, little-endian. Numbers must lie in d's
// range; floats are rounded to nearest even.
func (v *Values) Encode(d dtype.DType) ([]byte, error) {
	out := make([]byte, 0, len(v.items)*d.Size())
	for i, item := range v.items {
		var err error
		if out, err = appendElement(out, item, d); err != nil {
			path := v.path
			if len(v.shape) > 0 {
				path = fmt.Sprintf("%s[%d]", path, i)
			}
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	return out, nil
}

// Float64s returns the elements as float64; bools are 0 and 1.
func (v *Values) Float64s() ([]float64, error) {
	out := make([]float64, len(v.items))
	for i, item := range v.items {
		f, err := float(item)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", v.path, i, err)
		}
		out[i] = f
	}
	return out, nil
}

func appendElement(out []byte, item node, d dtype.DType) ([]byte, error) {
	le := binary.LittleEndian
	switch d.Kind() {
	case dtype.KindBool:
		b, err := boolean(item)
		if b {
			return append(out, 1), err
		}
		return append(out, 0), err
	case dtype.KindInt, dtype.KindUint:
		bits, err := integer(item, d)
		switch d.Size() {
		case 1:
			return append(out, byte(bits)), err
		case 2:
			return le.AppendUint16(out, uint16(bits)), err
		case 4:
			return le.AppendUint32(out, uint32(bits)), err
		default:
			return le.AppendUint64(out, bits), err
		}
	case dtype.KindComplex:
		re, im := item, node(json.Number("0"))
		if pair, ok := item.([]node); ok && len(pair) == 2 {
			re, im = pair[0], pair[1]
		}
		out, err := appendElement(out, re, dtype.Float32)
		if err != nil {
			return nil, err
		}
		return appendElement(out, im, dtype.Float32)
	}
	f, err := float(item)
	if err != nil {
		return nil, err
	}
	if n, ok := item.(json.Number); ok && d == dtype.Float32 {
		if g, err := strconv.ParseFloat(n.String(), 32); err == nil { // rounded once
			return le.AppendUint32(out, math.Float32bits(float32(g))), nil
		}
	}
	switch d {
	case dtype.Float16:
		return le.AppendUint16(out, uint16(half.Float16FromFloat64(f))), nil
	case dtype.BFloat16:
		return le.AppendUint16(out, uint16(half.BFloat16FromFloat64(f))), nil
	case dtype.Float32:
		return le.AppendUint32(out, math.Float32bits(float32(f))), nil
	case dtype.Float64:
		return le.AppendUint64(out, math.Float64bits(f)), nil
	}
	return nil, fmt.Errorf("no elements can be of dtype %s", d)
}

func boolean(item node) (bool, error) {
	switch v := item.(type) {
	case bool:
		return v, nil
	case json.Number:
		if v == "0" || v == "1" {
			return v == "1", nil
		}
	}
	return false, fmt.Errorf("want true or false, found %s", kind(item))
}

// float reads a number that JSON can or cannot spell.
func float(item node) (float64, error) {
	switch v := item.(type) {
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return 0, fmt.Errorf("%s is too large for float64", kind(item))
		}
		return f, nil
	case string:
		switch strings.ToLower(v) {
		case "nan":
			return math.NaN(), nil
		case "inf", "+inf", "infinity":
			return math.Inf(1), nil
		case "-inf", "-infinity":
			return math.Inf(-1), nil
		}
	}
	return 0, fmt.Errorf(`want a number, "nan", "inf" or "-inf", found %s`, kind(item))
}

// integer returns the bits of a whole number in d's range.
func integer(item node, d dtype.DType) (uint64, error) {
	if b, ok := item.(bool); ok {
		if b {
			return 1, nil
		}
		return 0, nil
	}
	n, ok := item.(json.Number)
	if !ok {
		return 0, fmt.Errorf("want a whole number, found %s", kind(item))
	}
	text := n.String()
	if strings.ContainsAny(text, ".eE") { // 3.0 and 1e3 are whole numbers too
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return 0, fmt.Errorf("want a whole number for %s, found %s", d, kind(item))
		}
		text = strconv.FormatFloat(f, 'f', 0, 64)
	}
	bits := 8 * d.Size()
	if d.Kind() == dtype.KindUint {
		u, err := strconv.ParseUint(strings.TrimPrefix(text, "-"), 10, bits)
		if err != nil || u != 0 && text[0] == '-' {
			return 0, fmt.Errorf("%s is out of range for %s", kind(item), d)
		}
		return u, nil
	}
	i, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%s is out of range for %s", kind(item), d)
	}
	return uint64(i), nil
}
