// This file implements opening the interpreter.

package zmlx

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/launch"
	"github.com/zmlx-go/zmlx/internal/launch/interp"
)

func openInterp(n int) (launch.Device, error) {
	if n != 0 {
		return nil, fmt.Errorf("%w: there is one interpreter, number 0", ErrNoDevice)
	}
	return interp.New(), nil
}
