// Package capsule reads capsules: JSON files that hold a kernel, the call it
// is to be run with, its inputs and the outputs it should give.
//
// A capsule is described, never run, here: what comes out is checked and
// complete, but files of input data are not read and random data is not drawn.
//
// This file implements the description and the reading of files.
package capsule

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/zmlx-go/zmlx/internal/dtype"
	"github.com/zmlx-go/zmlx/internal/signature"
)

// A Capsule is a kernel and one call of it.
type Capsule struct {
	Kernel     signature.Kernel
	SourceFile string // where Kernel.Source was read from, if the capsule named a file
	HeaderFile string // where Kernel.Header was read from, if the capsule named a file

	Template     []signature.TemplateArg
	Grid         [3]int // threads; all zero if left out
	Threadgroup  [3]int // threads; all zero if left out
	OutputShapes [][]int
	OutputDTypes []dtype.DType
	InitValue    *float64

	Inputs []Input  // one for each of Kernel.InputNames
	Expect []Expect // in the order of Kernel.OutputNames, those that are given
}

// An Input says where an input's elements come from. Exactly one of File,
// Data and Random is set.
type Input struct {
	Name      string
	DType     dtype.DType // Invalid if File decides
	Shape     []int       // of the elements as stored; unknown if File is set
	File      string      // path of a .npy file
	Data      []byte      // row-major elements, little-endian
	Random    *Random
	Transpose []int // axes of a view to hand over, nil: as stored
}

// A Distribution says how random elements are drawn.
type Distribution uint8

const (
	Normal  Distribution = iota // mean 0, deviation 1
	Uniform                     // from Low, below High
	RandInt                     // whole numbers from Low, below High
)

// A Random is a description of random elements. The same description gives
// the same elements everywhere.
type Random struct {
	Dist      Distribution
	Low, High float64
	Seed      uint64
}

// An Expect says what an output should be.
type Expect struct {
	Name       string
	Index      int     // into Kernel.OutputNames
	File       string  // path of a .npy file, or
	Data       *Values // numbers
	RTol, ATol *float64
}

// MaxElements is the most that an array in a capsule may have.
const MaxElements = 1<<31 - 1

// maxDims is NumPy's limit on the number of dimensions.
const maxDims = 64

// maxFile is the size above which a file is not taken for a capsule or for a
// kernel's text.
const maxFile = 1 << 28

// Load reads a capsule. Paths in it are relative to its folder. The error
// names every fault that was found, each with its place in the capsule.
func Load(path string) (*Capsule, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	c, err := Decode(data, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// readFile reads a regular file that is not too large.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes, more than the %d that are read", path, info.Size(), maxFile)
	}
	return os.ReadFile(path)
}
