package kernelfuzz

// This file implements the cc device's place among those that are compared.

import (
	"context"

	"github.com/zmlx-go/zmlx/internal/backend/c99"
	"github.com/zmlx-go/zmlx/internal/ir"
	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/cc"
)

func init() {
	devices = append(devices, kindOfDevice{"cc", func() (launch.Device, error) {
		return cc.Open(context.Background(), cc.Config{Emit: func(f *ir.Func) (cc.Unit, error) {
			u, err := c99.Emit(f)
			return cc.Unit{Text: u.Text, Entry: u.Entry, Scratch: u.Scratch}, err
		}})
	}, 20, c99.ErrUnsupported})
}
