package capsule

// This file implements the plain kinds of values that fields hold.

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/source"
)

func (d *decoder) add(err error) {
	if err != nil && len(d.errs) < maxErrors {
		d.errs = append(d.errs, err)
	}
}

func (d *decoder) str(path string, n node) string {
	s, ok := n.(string)
	if !ok {
		d.errorf(path, "want a string, found %s", kind(n))
	}
	return s
}

func (d *decoder) boolean(path string, n node) bool {
	b, ok := n.(bool)
	if !ok {
		d.errorf(path, "want true or false, found %s", kind(n))
	}
	return b
}

func (d *decoder) obj(path string, n node) *object {
	o, ok := n.(*object)
	if !ok {
		d.errorf(path, "want an object, found %s", kind(n))
		return nil
	}
	return o
}

func (d *decoder) list(path string, n node) []node {
	l, ok := n.([]node)
	if !ok {
		d.errorf(path, "want a list, found %s", kind(n))
	}
	return l
}

func (d *decoder) strs(path string, n node) []string {
	out := []string{}
	for i, s := range d.list(path, n) {
		out = append(out, d.str(fmt.Sprintf("%s[%d]", path, i), s))
	}
	return out
}

func (d *decoder) integer(path string, n node) int {
	bits, err := integer(n, dtype.Int64)
	if _, isBool := n.(bool); isBool {
		err = fmt.Errorf("want a whole number, found %s", kind(n))
	}
	if v := int64(bits); err == nil && int64(int(v)) != v {
		err = fmt.Errorf("%s is out of range", kind(n))
	}
	if err != nil {
		d.errorf(path, "%w", err)
		return 0
	}
	return int(int64(bits))
}

func (d *decoder) ints(path string, n node) []int {
	out := []int{}
	for i, s := range d.list(path, n) {
		out = append(out, d.integer(fmt.Sprintf("%s[%d]", path, i), s))
	}
	return out
}

// triple reads a grid or threadgroup.
func (d *decoder) triple(path string, n node) (t [3]int) {
	faults := len(d.errs)
	sizes := d.ints(path, n)
	if len(d.errs) > faults {
		return t
	}
	if _, ok := n.([]node); ok && len(sizes) != 3 {
		d.errorf(path, "want three sizes [x, y, z], found %d; write 1 for those that are not used", len(sizes))
	}
	for i, size := range sizes {
		if size < 1 {
			d.errorf(fmt.Sprintf("%s[%d]", path, i), "want at least 1, found %d", size)
		}
	}
	copy(t[:], sizes)
	return t
}

// shape reads a shape of at most MaxElements.
func (d *decoder) shape(path string, n node) []int {
	dims := d.ints(path, n)
	size, empty := int64(1), false
	for i, dim := range dims {
		if dim < 0 {
			d.errorf(fmt.Sprintf("%s[%d]", path, i), "a size cannot be negative, found %d", dim)
			return nil
		}
		if dim > MaxElements {
			size, empty = int64(dim), false
			break
		}
		if dim == 0 {
			empty = true
			continue
		}
		size = min(size*int64(dim), MaxElements+1)
	}
	if size > MaxElements && !empty || len(dims) > maxDims {
		d.errorf(path, "shape %s is too large: an array has at most %d elements and %d dimensions", clip(fmt.Sprint(dims)), MaxElements, maxDims)
		return nil
	}
	return dims
}

func (d *decoder) dtype(path string, n node) dtype.DType {
	s, ok := n.(string)
	if !ok {
		d.errorf(path, "want the name of a dtype, found %s", kind(n))
		return dtype.Invalid
	}
	t, err := dtype.Parse(s)
	if err != nil {
		names := []string{}
		for _, t := range dtype.All() {
			names = append(names, t.String())
		}
		hint := "there are " + strings.Join(names, ", ")
		if near := source.Nearest(s, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.errorf(path, "%w; %s", err, hint)
	}
	return t
}

func (d *decoder) float(path string, n node) float64 {
	f, err := float(n)
	if _, isBool := n.(bool); isBool {
		err = fmt.Errorf("want a number, found %s", kind(n))
	}
	if err != nil {
		d.errorf(path, "%w", err)
	}
	return f
}

func (d *decoder) finite(path string, n node) float64 {
	f := d.float(path, n)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		d.errorf(path, "want a finite number, found %s", kind(n))
		return 0
	}
	return f
}

func (d *decoder) seed(path string, n node) uint64 {
	number, _ := n.(json.Number)
	seed, err := strconv.ParseUint(number.String(), 10, 64)
	if err != nil {
		d.errorf(path, "want a whole number from 0 to 2^64-1, found %s", kind(n))
	}
	return seed
}

// path reads the name of a file.
func (d *decoder) path(path string, n node) string {
	s := d.str(path, n)
	switch {
	case s == "":
		if _, ok := n.(string); ok {
			d.errorf(path, "the file's name is empty")
		}
	case !filepath.IsAbs(s):
		return filepath.Join(d.dir, s)
	}
	return s
}

// text reads a string or the file it is in.
func (d *decoder) text(path string, n node) (text, file string) {
	o, ok := n.(*object)
	if !ok {
		if s, ok := n.(string); ok {
			return s, ""
		}
		d.errorf(path, `want a string or {"file": path}, found %s`, kind(n))
		return "", ""
	}
	d.object(path, o, field{"file", func(p string, n node) {
		if file = d.path(p, n); file == "" {
			return
		}
		data, err := readFile(file)
		if err != nil {
			d.errorf(p, "%w", err)
		}
		text = string(data)
	}})
	if o.values["file"] == nil {
		d.errorf(path, "the field file is missing")
	}
	return text, file
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " and ")
}
