package zmlxtest_test

// This file makes the device twin for ZMLX_DEVICE=twin: all tests of this
// package compare the cc device with the interpreter then, kernel by kernel.

import (
	"context"

	"github.com/zmlx-go/zmlx/internal/backend/c99"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
	"github.com/zmlx-go/zmlx/internal/launch/twin"
)

func init() {
	launch.Register("twin", func(int) (launch.Device, error) {
		judged, err := cc.Open(context.Background(), cc.Config{Emit: func(f *ir.Func) (cc.Unit, error) {
			u, err := c99.Emit(f)
			return cc.Unit{Text: u.Text, Entry: u.Entry, Scratch: u.Scratch}, err
		}})
		if err != nil {
			return nil, err
		}
		return twin.New(twin.Config{Reference: interp.New(), Judged: judged, Beyond: c99.ErrUnsupported}), nil
	})
}
