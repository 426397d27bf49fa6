// This file implements the parser of the JSON header and the check of the layout
// that it states. The parser knows the header's own structure only, so nothing
// nests deeper than that, and it sees keys that repeat.

package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zmlx-go/zmlx/encoding/internal/payload"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A span is the place of a tensor in the bytes after the header.
type span struct {
	tensor     int // index in File.Tensors
	begin, end int
}

// A header is a file without its data.
type header struct {
	file  File
	spans []span
}

type parser struct {
	json *json.Decoder
}

// parseHeader parses the header's text. Its tensors are in the order of names.
func parseHeader(text []byte) (*header, error) {
	switch {
	case len(text) == 0 || text[0] != '{':
		return nil, errors.New("it does not start with '{'")
	case !utf8.Valid(text):
		return nil, errors.New("it is not UTF-8")
	case unpaired(text):
		return nil, errors.New("a \\u escape is half of a surrogate pair")
	}
	p := &parser{json.NewDecoder(bytes.NewReader(text))}
	p.json.UseNumber()
	h := &header{}
	err := p.object(func(name string) error {
		if name == metadataKey {
			return p.metadata(&h.file)
		}
		if err := p.tensor(h, name); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := p.json.Token(); err != io.EOF {
		return nil, errors.New("more follows the closing '}'")
	}
	slices.SortFunc(h.spans, func(a, b span) int {
		return strings.Compare(h.file.Tensors[a.tensor].Name, h.file.Tensors[b.tensor].Name)
	})
	sorted := make([]Tensor, len(h.spans))
	for i := range h.spans {
		sorted[i] = h.file.Tensors[h.spans[i].tensor]
		h.spans[i].tensor = i
	}
	h.file.Tensors = sorted
	return h, nil
}

// unpaired reports whether JSON text has an escaped surrogate without its other
// half. The JSON decoder would put U+FFFD in its place, and so change a name.
func unpaired(text []byte) bool {
	escape := func(at int) rune {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return -1
		}
		n, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(n)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if r := escape(i); utf16.IsSurrogate(r) {
			if utf16.DecodeRune(r, escape(i+6)) == utf8.RuneError {
				return true
			}
			i += 10
		}
		i++ // the escaped character, which may be a backslash
	}
	return false
}

// layout returns the spans in the order of the bytes, having checked that each
// starts where the one before ends.
func (h *header) layout() ([]span, error) {
	slices.SortStableFunc(h.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	end := 0
	for i, s := range h.spans {
		name := h.file.Tensors[s.tensor].Name
		switch {
		case s.begin < end:
			return nil, fmt.Errorf("tensors %q and %q overlap", h.file.Tensors[h.spans[i-1].tensor].Name, name)
		case s.begin > end:
			return nil, fmt.Errorf("no tensor covers the bytes from %d to %d, before tensor %q", end, s.begin, name)
		}
		end = s.end
	}
	return h.spans, nil
}

// token returns the next token, where the text must not end.
func (p *parser) token() (json.Token, error) {
	token, err := p.json.Token()
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return nil, errors.New("the JSON text is cut short")
	case err != nil:
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	return token, nil
}

// delim takes the delimiter that what begins with.
func (p *parser) delim(want json.Delim, what string) error {
	token, err := p.token()
	if err == nil && token != want {
		err = fmt.Errorf("expected %s, found %s", what, describe(token))
	}
	return err
}

func describe(token json.Token) string {
	switch token := token.(type) {
	case json.Delim:
		return strconv.Quote(token.String())
	case string:
		return fmt.Sprintf("the string %.40q", token)
	case nil:
		return "null"
	default:
		return fmt.Sprintf("%.40v", token)
	}
}

// object parses an object, with value parsing what follows each key.
func (p *parser) object(value func(key string) error) error {
	if err := p.delim('{', "an object"); err != nil {
		return err
	}
	seen := map[string]bool{}
	for p.json.More() {
		key, err := p.str("a key")
		if err != nil {
			return err
		}
		if seen[key] {
			return fmt.Errorf("key %q is there twice", key)
		}
		seen[key] = true
		if err := value(key); err != nil {
			return err
		}
	}
	return p.delim('}', "'}'")
}

func (p *parser) str(what string) (string, error) {
	token, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", fmt.Errorf("expected %s, found %s", what, describe(token))
	}
	return s, nil
}

// integers parses an array of at most limit nonnegative integers.
func (p *parser) integers(what string, limit int) ([]int, error) {
	if err := p.delim('[', what); err != nil {
		return nil, err
	}
	list := []int{}
	for p.json.More() {
		token, err := p.token()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, fmt.Errorf("expected an integer, found %s", describe(token))
		}
		n, err := strconv.ParseUint(number.String(), 10, strconv.IntSize-1)
		if errors.Is(err, strconv.ErrRange) {
			return nil, fmt.Errorf("%.40s is too large", number)
		}
		if err != nil {
			return nil, fmt.Errorf("expected a nonnegative integer, found %.40s", number)
		}
		if len(list) == limit {
			return nil, fmt.Errorf("more than %d integers", limit)
		}
		list = append(list, int(n))
	}
	return list, p.delim(']', "']'")
}

func (p *parser) metadata(f *File) error {
	f.Metadata = map[string]string{}
	err := p.object(func(key string) (err error) {
		f.Metadata[key], err = p.str("a string")
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", metadataKey, err)
	}
	return nil
}

// tensor parses the description of one tensor and checks it against itself.
func (p *parser) tensor(h *header, name string) error {
	t, code := Tensor{Name: name}, ""
	var offsets []int
	err := p.object(func(key string) (err error) {
		switch key {
		case "dtype":
			code, err = p.str("a string")
			t.DType = codes[code]
			if err == nil && t.DType == dtype.Invalid {
				err = fmt.Errorf("dtype %.40q is not supported", code)
			}
		case "shape":
			t.Shape, err = p.integers("an array", payload.MaxDims)
		case "data_offsets":
			offsets, err = p.integers("an array", 2)
		default:
			return fmt.Errorf("unknown key %.40q", key)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case code == "":
		return errors.New("dtype is missing")
	case t.Shape == nil:
		return errors.New("shape is missing")
	case len(offsets) != 2:
		return errors.New("data_offsets, two integers, are missing")
	case offsets[1] < offsets[0]:
		return fmt.Errorf("data_offsets end at %d before they begin at %d", offsets[1], offsets[0])
	}
	n, err := payload.Size(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if n != offsets[1]-offsets[0] {
		return fmt.Errorf("%s of shape %v takes %d bytes, data_offsets %v have %d", code, t.Shape, n, offsets, offsets[1]-offsets[0])
	}
	h.spans = append(h.spans, span{len(h.file.Tensors), offsets[0], offsets[1]})
	h.file.Tensors = append(h.file.Tensors, t)
	return nil
}
