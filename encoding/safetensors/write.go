// This file implements the writer, to streams and, all or nothing, to files.

package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zmlx-go/zmlx/encoding/internal/payload"
	"github.com/zmlx-go/zmlx/encoding/internal/wholefile"
)

// Write writes f. The bytes depend on the contents only, not on the order of
// f.Tensors: the header lists the metadata and then the tensors by name, and the
// data start at a multiple of 8 bytes with the tensors of the widest elements
// first, so that every tensor is aligned for its type in a mapped file.
func Write(w io.Writer, f *File) error {
	if err := write(w, f); err != nil {
		return fmt.Errorf("safetensors: %w", err)
	}
	return nil
}

// WriteFile writes f to the file at path. It writes beside path and renames, so
// that path never holds part of a file. See Write.
func WriteFile(path string, f *File) error {
	return replaceFile(path, func(w io.Writer) error { return write(w, f) })
}

func write(w io.Writer, f *File) error {
	if f == nil {
		return errors.New("no file to write")
	}
	if err := check(f); err != nil {
		return err
	}
	byName := make([]*Tensor, len(f.Tensors))
	for i := range f.Tensors {
		byName[i] = &f.Tensors[i]
	}
	slices.SortFunc(byName, func(a, b *Tensor) int { return strings.Compare(a.Name, b.Name) })
	byPlace := slices.Clone(byName)
	slices.SortStableFunc(byPlace, func(a, b *Tensor) int { return cmp.Compare(b.DType.Size(), a.DType.Size()) })

	header, err := formatHeader(f.Metadata, byName, byPlace)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, t := range byPlace {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// check reports why f cannot be written.
func check(f *File) error {
	seen := make(map[string]bool, len(f.Tensors))
	for _, t := range f.Tensors {
		if seen[t.Name] {
			return fmt.Errorf("tensor %q is there twice", t.Name)
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	text := 0
	for key, value := range f.Metadata {
		text += len(key) + len(value)
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("metadata %q: %q are not UTF-8", key, value)
		}
	}
	if text > maxHeader {
		return fmt.Errorf("metadata of %d bytes, a header has at most %d", text, maxHeader)
	}
	return nil
}

func (t *Tensor) check() error {
	switch {
	case t.Name == metadataKey:
		return errors.New("the name is reserved for metadata")
	case !utf8.ValidString(t.Name):
		return errors.New("the name is not UTF-8")
	case !t.DType.Valid():
		return fmt.Errorf("%s is not an element type", t.DType)
	}
	n, err := payload.Size(t.DType, t.Shape)
	if err != nil {
		return err
	}
	if len(t.Data) != n {
		return fmt.Errorf("%s of shape %v needs %d bytes of data, got %d", t.DType, t.Shape, n, len(t.Data))
	}
	return nil
}

// formatHeader returns everything before the data: the length and the JSON text,
// padded with spaces to a multiple of 8.
func formatHeader(metadata map[string]string, byName, byPlace []*Tensor) ([]byte, error) {
	begin, at := make(map[string]int, len(byPlace)), 0
	for _, t := range byPlace {
		begin[t.Name] = at
		at += len(t.Data)
	}
	b := bytes.NewBuffer(make([]byte, 8))
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false)
	member := func(key string, value any) error {
		separator := byte(',')
		if b.Len() == 8 {
			separator = '{'
		}
		b.WriteByte(separator)
		for i, part := range []any{key, value} {
			if i > 0 {
				b.WriteByte(':')
			}
			if err := encoder.Encode(part); err != nil {
				return err
			}
			b.Truncate(b.Len() - 1) // the encoder's line feed
		}
		return nil
	}
	if len(metadata) > 0 {
		if err := member(metadataKey, metadata); err != nil {
			return nil, err
		}
	}
	for _, t := range byName {
		info := struct {
			DType   string `json:"dtype"`
			Shape   []int  `json:"shape"`
			Offsets [2]int `json:"data_offsets"`
		}{Shape: t.Shape, Offsets: [2]int{begin[t.Name], begin[t.Name] + len(t.Data)}}
		for code, d := range codes {
			if d == t.DType {
				info.DType = code
			}
		}
		if info.Shape == nil {
			info.Shape = []int{}
		}
		if err := member(t.Name, info); err != nil {
			return nil, err
		}
	}
	if b.Len() == 8 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	length := b.Len() - 8
	if length > maxHeader {
		return nil, fmt.Errorf("names, shapes and metadata take %d bytes, a header has at most %d", length, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(length))
	return b.Bytes(), nil
}

func replaceFile(path string, write func(io.Writer) error) error {
	if err := wholefile.Replace(path, write); err != nil {
		return fmt.Errorf("safetensors: %s: %w", path, err)
	}
	return nil
}
