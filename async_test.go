package zmlx

// This file implements tests on a device as GPUs are: the host cannot address
// its memory, and what it is given is done later. With ZMLX_DEVICE=remote all
// tests of this package run on it.

import (
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	remotes "github.com/zmlx-go/zmlx/internal/launch/remote"
)

func init() {
	launch.Register("remote", remotes.Open(func() (launch.Device, error) { return interp.New(), nil }))
}
