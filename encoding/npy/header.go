// This file implements the header of a .npy file: a magic string, a version, a
// length, and a Python dict literal with the keys descr, fortran_order and
// shape. Of Python's syntax the parser knows what such a dict can hold.

package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/zmlx-go/zmlx/encoding/internal/payload"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

const (
	magic = "\x93NUMPY"

	// maxHeader is what version 1.0 can state. The headers of arrays without
	// fields are far shorter; versions 2.0 and 3.0 exist for those with.
	maxHeader = 1<<16 - 1

	// NumPy aligns the data, and leaves room for the first dimension to grow to
	// 21 digits, so that a file can be extended in place.
	headerAlign  = 64
	growthDigits = 21
)

// descrs are the types' names in a header, without byte order.
var descrs = map[string]dtype.DType{
	"b1": dtype.Bool,
	"u1": dtype.Uint8, "u2": dtype.Uint16, "u4": dtype.Uint32, "u8": dtype.Uint64,
	"i1": dtype.Int8, "i2": dtype.Int16, "i4": dtype.Int32, "i8": dtype.Int64,
	"f2": dtype.Float16, "f4": dtype.Float32, "f8": dtype.Float64,
	"c8": dtype.Complex64,
}

type header struct {
	dtype   dtype.DType
	fortran bool
	shape   []int
}

// readHeader reads everything before the data and returns its length in bytes
// too. The error is io.EOF only if nothing could be read.
func readHeader(r io.Reader) (header, int, error) {
	var start [len(magic) + 2]byte
	switch n, err := io.ReadFull(r, start[:]); {
	case err == io.EOF:
		return header{}, 0, io.EOF
	case err != nil && err != io.ErrUnexpectedEOF:
		return header{}, 0, err
	case string(start[:min(n, len(magic))]) != magic[:min(n, len(magic))]:
		return header{}, 0, errors.New("not a .npy file: it does not start with \\x93NUMPY")
	case err != nil:
		return header{}, 0, fmt.Errorf("header cut short: %w", err)
	}
	lengthSize := 4
	switch major, minor := start[len(magic)], start[len(magic)+1]; {
	case minor != 0 || major < 1 || major > 3:
		return header{}, 0, fmt.Errorf("unknown format version %d.%d", major, minor)
	case major == 1:
		lengthSize = 2
	}
	var field [4]byte
	if _, err := io.ReadFull(r, field[:lengthSize]); err != nil {
		return header{}, 0, cutShort(err)
	}
	length := binary.LittleEndian.Uint32(field[:])
	if length > maxHeader {
		return header{}, 0, fmt.Errorf("header of %d bytes, at most %d are accepted", length, maxHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return header{}, 0, cutShort(err)
	}
	h, err := parseHeader(string(text))
	return h, len(start) + lengthSize + int(length), err
}

func cutShort(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("header cut short: %w", err)
}

// A parser walks the header's text.
type parser struct {
	text string
	pos  int
}

// parseHeader parses the dict literal and the padding after it.
func parseHeader(text string) (header, error) {
	p := &parser{text: text}
	h, err := p.dict()
	if err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	return h, nil
}

func (p *parser) dict() (h header, err error) {
	if !p.take('{') {
		return h, p.expected("'{'")
	}
	seen := map[string]bool{}
	for !p.take('}') {
		key, err := p.str()
		if err != nil {
			return h, err
		}
		if seen[key] {
			return h, fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		if !p.take(':') {
			return h, p.expected("':'")
		}
		switch key {
		case "descr":
			h.dtype, err = p.descr()
		case "fortran_order":
			h.fortran, err = p.bool()
		case "shape":
			h.shape, err = p.shape()
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return h, err
		}
		if !p.take(',') && p.peek() != '}' {
			return h, p.expected("',' or '}'")
		}
	}
	for _, key := range []string{"descr", "fortran_order", "shape"} {
		if !seen[key] {
			return h, fmt.Errorf("key %q is missing", key)
		}
	}
	if p.peek(); p.pos < len(p.text) {
		return h, p.expected("nothing more")
	}
	return h, nil
}

// peek skips white space and returns the next byte, or 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\f", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

// take skips white space and, if it is next, c.
func (p *parser) take(c byte) bool {
	if p.peek() != c || p.pos == len(p.text) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) expected(what string) error {
	p.peek()
	found := "the end"
	if p.pos < len(p.text) {
		found = strconv.Quote(p.text[p.pos:min(p.pos+16, len(p.text))])
	}
	return fmt.Errorf("at byte %d: expected %s, found %s", p.pos, what, found)
}

// str parses a string literal of printable ASCII without escapes, which all
// that this package knows the meaning of are.
func (p *parser) str() (string, error) {
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", p.expected("a string")
	}
	start := p.pos + 1
	for end := start; end < len(p.text); end++ {
		switch c := p.text[end]; {
		case c == quote:
			p.pos = end + 1
			return p.text[start:end], nil
		case c == '\\' || c < ' ' || c > '~':
			p.pos = end
			return "", p.expected("a plain character of a string")
		}
	}
	return "", errors.New("a string does not end")
}

// word returns the letters and digits that are next.
func (p *parser) word() string {
	p.peek()
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c == '_') {
			break
		}
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *parser) bool() (bool, error) {
	p.peek()
	at := p.pos
	switch p.word() {
	case "True":
		return true, nil
	case "False":
		return false, nil
	}
	p.pos = at
	return false, p.expected("True or False")
}

// shape parses a tuple of integers.
func (p *parser) shape() ([]int, error) {
	if !p.take('(') {
		return nil, p.expected("a tuple for the shape")
	}
	shape, comma := []int{}, true
	for !p.take(')') {
		if !comma {
			return nil, p.expected("',' or ')'")
		}
		if len(shape) == payload.MaxDims {
			return nil, fmt.Errorf("more than %d dimensions", payload.MaxDims)
		}
		dim, err := p.dimension()
		if err != nil {
			return nil, err
		}
		shape = append(shape, dim)
		comma = p.take(',')
		if !comma && len(shape) == 1 {
			return nil, p.expected("',': a tuple of one has a comma")
		}
	}
	return shape, nil
}

// dimension parses a nonnegative integer; Python 2 wrote an L after long ones.
func (p *parser) dimension() (int, error) {
	if p.peek() == '-' {
		return 0, p.expected("a dimension that is not negative")
	}
	at := p.pos
	digits := strings.TrimSuffix(p.word(), "L")
	wrong := digits == "" || len(digits) > 1 && digits[0] == '0'
	for _, c := range []byte(digits) {
		wrong = wrong || c < '0' || c > '9'
	}
	if wrong {
		p.pos = at
		return 0, p.expected("a decimal integer")
	}
	dim, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("dimension %s is too large", digits)
	}
	return dim, nil
}

// descr parses the name of an element type.
func (p *parser) descr() (dtype.DType, error) {
	if c := p.peek(); c == '[' || c == '(' {
		return 0, errors.New("structured arrays are not supported")
	}
	name, err := p.str()
	if err != nil {
		return 0, err
	}
	base, order := name, byte(0)
	if name != "" && strings.IndexByte("<>|=", name[0]) >= 0 {
		base, order = name[1:], name[0]
	}
	d, known := descrs[base]
	switch {
	case base == "O" || base == "O4" || base == "O8":
		return 0, fmt.Errorf("object arrays (dtype %q) are not supported: they hold pickled Python objects", name)
	case strings.HasPrefix(base, "V"):
		return 0, fmt.Errorf("structured and void arrays (dtype %q) are not supported", name)
	case !known:
		return 0, fmt.Errorf("element type %q is not supported", name)
	case d.Size() == 1 || order == '<':
		return d, nil
	case order == '>':
		return 0, fmt.Errorf("wrong endianness: dtype %q is big-endian; save it again as %q", name, "<"+base)
	default:
		return 0, fmt.Errorf("byte order of dtype %q is not stated; save it again as %q", name, "<"+base)
	}
}

// formatHeader returns everything before the data of a valid array.
func formatHeader(a *Array) string {
	d := a.DType
	if d == dtype.BFloat16 {
		d = dtype.Uint16
	}
	order, name := "<", ""
	if d.Size() == 1 {
		order = "|"
	}
	for candidate, of := range descrs {
		if of == d {
			name = candidate
		}
	}
	var b strings.Builder
	b.WriteString("{'descr': '" + order + name + "', 'fortran_order': False, 'shape': (")
	for i, dim := range a.Shape {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(dim))
	}
	if len(a.Shape) == 1 {
		b.WriteByte(',')
	}
	b.WriteString("), }")
	if len(a.Shape) > 0 {
		b.WriteString(strings.Repeat(" ", growthDigits-len(strconv.Itoa(a.Shape[0]))))
	}
	prefix := len(magic) + 4
	padding := headerAlign - (prefix+b.Len()+1)%headerAlign
	b.WriteString(strings.Repeat(" ", padding) + "\n")

	length := b.Len() // at most 64 dimensions of 20 digits, so it fits 16 bits
	return magic + "\x01\x00" + string([]byte{byte(length), byte(length >> 8)}) + b.String()
}
