package kernelfuzz

// This file implements the cuda device's place among those that are compared.

import (
	"context"

	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cuda"
)

func init() {
	devices = append(devices, kindOfDevice{"cuda", func() (launch.Device, error) {
		d, err := cuda.Open(context.Background(), 0, cuda.Config{Emit: func(f *ir.Func) (cuda.Unit, error) {
			u, err := cudac.Emit(f)
			return cuda.Unit{Text: u.Text, Entry: u.Entry, Contract: u.Contract}, err
		}})
		if err != nil {
			return nil, err
		}
		return d, nil
	}, 4, cudac.ErrUnsupported})
}
