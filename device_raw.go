// This file implements what packages of this module that measure devices are
// given past the public API.

package zmlx

import "github.com/zmlx-go/zmlx/internal/launch"

func init() {
	launch.Raw = func(device any) launch.Device {
		if d, ok := device.(*Device); ok && d != nil {
			return d.graph.Device
		}
		return nil
	}
}
