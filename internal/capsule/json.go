package capsule

// This file implements reading JSON into a tree that keeps the order of
// fields and exact numbers, and finds what encoding/json lets pass: fields
// given twice, and anything after the end.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A node is null (nil), a bool, a string, a json.Number, a []node or an
// *object.
type node any

type object struct {
	names  []string
	values map[string]node
}

// maxDepth is far deeper than any capsule is nested.
const maxDepth = 64

// parse reads exactly one JSON value.
func parse(data []byte) (node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := parseValue(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return n, nil
		} else if err == nil {
			err = errors.New("there is more after the end of the JSON value")
		}
	}
	return nil, locate(data, d.InputOffset(), err)
}

func parseValue(d *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d levels", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('['):
		list := []node{}
		for d.More() {
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := d.Token()
		return list, err
	case json.Delim('{'):
		o := &object{values: map[string]node{}}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the decoder refuses other keys
			if _, ok := o.values[name]; ok {
				return nil, fmt.Errorf("field %q is given twice", name)
			}
			v, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			o.names = append(o.names, name)
			o.values[name] = v
		}
		_, err := d.Token()
		return o, err
	}
	return t, nil
}

// locate adds line and column to an error that the decoder met after the
// token that ends at offset.
func locate(data []byte, offset int64, err error) error {
	at := int(offset)
	for at < len(data) && bytes.IndexByte([]byte(" \t\r\n,:"), data[at]) >= 0 {
		at++
	}
	hint := ""
	if at < len(data) && (data[at] == 'N' || data[at] == 'I' || bytes.HasPrefix(data[at:], []byte("-I"))) {
		hint = `; JSON has no NaN and Infinity: write "nan", "inf" or "-inf" in quotes`
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the file ends in the middle of the JSON value")
	}
	before := data[:at]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return fmt.Errorf("line %d, column %d: %w%s", line, column, err, hint)
}

// kind names a node in errors.
func kind(n node) string {
	switch n := n.(type) {
	case nil:
		return "null"
	case bool:
		return fmt.Sprint(n)
	case string:
		return fmt.Sprintf("the string %.40q", n)
	case json.Number:
		return "the number " + clip(n.String())
	case []node:
		return fmt.Sprintf("a list of %d", len(n))
	}
	return "an object"
}

// clip shortens a number that was spelled with very many digits.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
