package launch

// This file implements switches that are environment variables.

import (
	"fmt"
	"os"
	"strings"
)

// Switch returns whether the environment variable is on: 1, true, yes or on,
// in any case; not 0, false, no, off, or nothing. Anything else is an error,
// lest a slip leave something off in silence.
func Switch(name string) (bool, error) {
	v := os.Getenv(name)
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "1", "true", "yes", "on":
		return true, nil
	case "", "0", "false", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q: use 1 for on, 0 for off", name, v)
}
