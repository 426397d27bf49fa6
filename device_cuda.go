// This file implements opening NVIDIA GPUs.

package zmlx

import (
	"context"
	"errors"
	"fmt"

	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda"
)

func openCUDA(n int) (launch.Device, error) {
	d, err := cuda.Open(context.Background(), n, cuda.Config{Emit: emitCUDA})
	if errors.Is(err, cuda.ErrAbsent) {
		return nil, fmt.Errorf("%w: %w", ErrNoDevice, err)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

func emitCUDA(f *ir.Func) (cuda.Unit, error) {
	u, err := cudac.Emit(f)
	return cuda.Unit{Text: u.Text, Entry: u.Entry, Contract: u.Contract}, err
}
