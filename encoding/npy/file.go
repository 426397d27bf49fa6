// This file implements the writing of files: all of the contents or none.

package npy

import (
	"fmt"
	"io"

	"github.com/zmlx-go/zmlx/encoding/internal/wholefile"
)

func replaceFile(path string, write func(io.Writer) error) error {
	if err := wholefile.Replace(path, write); err != nil {
		return fmt.Errorf("npy: %s: %w", path, err)
	}
	return nil
}
