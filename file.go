// This file implements arrays from and to files: NumPy's .npy and .npz, and
// safetensors.

package zmlx

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zmlx-go/zmlx/encoding/npy"
	"github.com/zmlx-go/zmlx/encoding/safetensors"
)

// LoadNPY reads a NumPy .npy file into an array on the default device.
// NumPy has no bfloat16; see [SaveNPY].
func LoadNPY(path string) (*Array, error) {
	a, err := npy.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out := FromBytes(a.DType, a.Data, dims(a.Shape)...)
	return out, out.Err()
}

// SaveNPY computes a and writes it to a NumPy .npy file. The file appears
// under its name only when it is whole. NumPy has no bfloat16: such an array
// is written as uint16, the same bits.
func SaveNPY(path string, a *Array) error {
	raw, err := a.npy()
	if err != nil {
		return err
	}
	return npy.Options{BFloat16AsUint16: true}.WriteFile(path, raw)
}

func (a *Array) npy() (*npy.Array, error) {
	data, err := a.Bytes()
	if err != nil {
		return nil, err
	}
	return &npy.Array{DType: a.DType(), Shape: a.Shape(), Data: data}, nil
}

// LoadNPZ reads the arrays of a NumPy .npz archive, by name.
func LoadNPZ(path string) (map[string]*Array, error) {
	entries, err := npy.ReadZipFile(path)
	if err != nil {
		return nil, err
	}
	arrays := make(map[string]*Array, len(entries))
	for _, e := range entries {
		a := FromBytes(e.Array.DType, e.Array.Data, dims(e.Array.Shape)...)
		if err := a.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", e.Name, err)
		}
		arrays[e.Name] = a
	}
	return arrays, nil
}

// SaveNPZ computes arrays and writes them to a NumPy .npz archive, in order of
// their names.
func SaveNPZ(path string, arrays map[string]*Array) error {
	entries := make([]npy.Entry, 0, len(arrays))
	for name, a := range arrays {
		raw, err := a.npy()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		entries = append(entries, npy.Entry{Name: name, Array: raw})
	}
	slices.SortFunc(entries, func(a, b npy.Entry) int { return cmp.Compare(a.Name, b.Name) })
	return npy.Options{BFloat16AsUint16: true}.WriteZipFile(path, entries)
}

// LoadSafetensors reads the tensors and the metadata of a safetensors file.
func LoadSafetensors(path string) (map[string]*Array, map[string]string, error) {
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	arrays := make(map[string]*Array, len(f.Tensors))
	for _, t := range f.Tensors {
		a := FromBytes(t.DType, t.Data, dims(t.Shape)...)
		if err := a.Err(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		arrays[t.Name] = a
	}
	return arrays, f.Metadata, nil
}

// SaveSafetensors computes arrays and writes them to a safetensors file with
// the given metadata, which may be nil.
func SaveSafetensors(path string, arrays map[string]*Array, metadata map[string]string) error {
	f := &safetensors.File{Metadata: metadata}
	for name, a := range arrays {
		data, err := a.Bytes()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.Tensors = append(f.Tensors, safetensors.Tensor{Name: name, DType: a.DType(), Shape: a.Shape(), Data: data})
	}
	return safetensors.WriteFile(path, f)
}

// dims returns a shape that is never nil: nil would mean one axis.
func dims(shape []int) []int {
	if shape == nil {
		return []int{}
	}
	return shape
}
