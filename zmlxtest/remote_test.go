package zmlxtest_test

// This file implements the tests that run the suite on a device as GPUs are:
// the host cannot address its memory, and what it is given is done later. With
// ZMLX_DEVICE=remote all tests of this package run on it.

import (
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/launch/remote"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

func init() {
	launch.Register("remote", remote.Open(func() (launch.Device, error) { return interp.New(), nil }))
}

func TestConformanceOfRemoteMemory(t *testing.T) {
	d, err := zmlx.Open("remote")
	if err != nil {
		t.Fatal(err)
	}
	zmlxtest.Conformance(t, d)
}
