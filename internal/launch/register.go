// This file implements kinds of devices that are not built in: those of tests.

package launch

import "sync"

var added struct {
	sync.Mutex
	kinds map[string]func(n int) (Device, error)
}

// Register adds a kind of device that can be opened by name, but that is not
// listed and never the default.
func Register(kind string, open func(n int) (Device, error)) {
	added.Lock()
	defer added.Unlock()
	if added.kinds == nil {
		added.kinds = map[string]func(n int) (Device, error){}
	}
	added.kinds[kind] = open
}

// Registered returns what Register was given for a kind, nil if nothing.
func Registered(kind string) func(n int) (Device, error) {
	added.Lock()
	defer added.Unlock()
	return added.kinds[kind]
}
