// Package safetensors reads and writes files of named tensors in the safetensors
// format: an 8-byte length, a JSON header, and the tensors' bytes.
//
// Tensors have the dtypes BOOL, U8 to U64, I8 to I64, F16, BF16, F32, F64 and
// C64. Other dtypes, among them those of 8 bits and fewer for floats, are
// refused by name.
//
// What a file claims is not believed. The header is at most 100 MB; its offsets
// must cover the bytes that follow it exactly, without overlap, hole or rest;
// keys must not repeat; and memory is taken as data arrives, so that a short
// file cannot ask for a large tensor.
//
// This file implements the contents of a file, their checks, and reading.
package safetensors

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/zmlx-go/zmlx/encoding/internal/payload"
	"github.com/zmlx-go/zmlx/internal/dtype"
)

// A File is the contents of one safetensors file.
type File struct {
	Metadata map[string]string // free text by key; nil if there is none
	Tensors  []Tensor          // in the order of their names, when read
}

// A Tensor is one named array.
type Tensor struct {
	Name  string
	DType dtype.DType
	Shape []int  // empty for a 0-dimensional tensor, which has one element
	Data  []byte // the elements, row-major, little-endian; a bool is 0 or 1
}

// Tensor returns the tensor called name, or nil.
func (f *File) Tensor(name string) *Tensor {
	for i := range f.Tensors {
		if f.Tensors[i].Name == name {
			return &f.Tensors[i]
		}
	}
	return nil
}

const (
	// maxHeader is the limit that the reference implementation has, in bytes.
	maxHeader = 100_000_000

	metadataKey = "__metadata__"
)

// codes are the types' names in a header.
var codes = map[string]dtype.DType{
	"BOOL": dtype.Bool,
	"U8":   dtype.Uint8, "U16": dtype.Uint16, "U32": dtype.Uint32, "U64": dtype.Uint64,
	"I8": dtype.Int8, "I16": dtype.Int16, "I32": dtype.Int32, "I64": dtype.Int64,
	"F16": dtype.Float16, "BF16": dtype.BFloat16, "F32": dtype.Float32, "F64": dtype.Float64,
	"C64": dtype.Complex64,
}

// Read reads a file from r, to its end. An error about a file that is cut short
// wraps io.ErrUnexpectedEOF.
func Read(r io.Reader) (*File, error) {
	f, err := read(r, -1)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	return f, nil
}

// ReadFile reads the file at path. See Read.
func ReadFile(path string) (*File, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %w", err)
	}
	defer r.Close()
	available := int64(-1)
	if info, err := r.Stat(); err == nil && info.Mode().IsRegular() {
		available = info.Size()
	}
	f, err := read(r, available)
	if err != nil {
		return nil, fmt.Errorf("safetensors: %s: %w", path, err)
	}
	return f, nil
}

// read reads a file. If available is not negative, r is known to hold that many
// bytes, and a header or tensors that need more or, for tensors, fewer are
// refused before memory is taken.
func read(r io.Reader, available int64) (*File, error) {
	text, err := readHeader(r, available)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(text)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	spans, err := h.layout()
	if err != nil {
		return nil, err
	}
	total := 0
	if len(spans) > 0 {
		total = spans[len(spans)-1].end
	}
	if available >= 0 {
		rest := max(available-8-int64(len(text)), 0)
		if int64(total) > rest {
			return nil, fmt.Errorf("the tensors need %d bytes, only %d are there: %w", total, rest, io.ErrUnexpectedEOF)
		}
		if int64(total) < rest {
			return nil, fmt.Errorf("%d bytes follow the last tensor, which no tensor covers", rest-int64(total))
		}
	}
	for _, s := range spans {
		t := &h.file.Tensors[s.tensor]
		t.Data, err = payload.Read(r, s.end-s.begin, available >= 0)
		if err == io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("tensor %q needs %d bytes, only %d are there: %w", t.Name, s.end-s.begin, len(t.Data), err)
		}
		if err != nil {
			return nil, err
		}
		if t.DType == dtype.Bool {
			for i, b := range t.Data {
				if b > 1 {
					t.Data[i] = 1
				}
			}
		}
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n > 0 {
		return nil, errors.New("bytes follow the last tensor, which no tensor covers")
	} else if err != io.EOF {
		return nil, err
	}
	return &h.file, nil
}

// readHeader returns the text of the header.
func readHeader(r io.Reader, available int64) ([]byte, error) {
	var field [8]byte
	if n, err := io.ReadFull(r, field[:]); err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("%d bytes are too few for a header: %w", n, io.ErrUnexpectedEOF)
	} else if err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint64(field[:])
	switch {
	case length > maxHeader:
		return nil, fmt.Errorf("not a safetensors file: header of %d bytes, at most %d are possible", length, maxHeader)
	case available >= 0 && int64(length) > available-8:
		return nil, fmt.Errorf("header of %d bytes, only %d are there: %w", length, max(available-8, 0), io.ErrUnexpectedEOF)
	}
	text, err := payload.Read(r, int(length), available >= 0)
	if err == io.ErrUnexpectedEOF {
		return nil, fmt.Errorf("header of %d bytes, only %d are there: %w", length, len(text), err)
	}
	return text, err
}
