package kernelfuzz

// This file implements the place of the simulated GPU, which runs CUDA C on the
// CPU, among the devices that are compared.

import (
	"github.com/zmlx-go/zmlx/internal/backend/cudac"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cudasim"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func init() {
	devices = append(devices, kindOfDevice{"cudasim", func() (launch.Device, error) { return cudasim.Open(interp.New()) }, 40, cudac.ErrUnsupported})
}
