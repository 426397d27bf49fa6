// This file implements opening the interpreter.

package zmlx

import (
	"fmt"

	"github.com/zmlx-go/zmlx/internal/launch"
)

func openInterp(int) (launch.Device, error) {
	return nil, fmt.Errorf("%w: the interpreter is being built", ErrNoDevice)
}
