package launch

// This file implements the test of switches in the environment.

import (
	"strings"
	"testing"
)

func TestSwitch(t *testing.T) {
	const name = "ZMLX_TEST_SWITCH"
	for v, want := range map[string]bool{"": false, "1": true, "yes": true, "TRUE": true, " on ": true, "0": false, "No": false, "off": false, "false": false} {
		t.Setenv(name, v)
		if got, err := Switch(name); got != want || err != nil {
			t.Errorf("%q: %v, error %v; want %v", v, got, err, want)
		}
	}
	for _, v := range []string{"2", "y e s", "check"} {
		t.Setenv(name, v)
		if got, err := Switch(name); got || err == nil || !strings.Contains(err.Error(), name+" is ") {
			t.Errorf("%q: %v, error %v; want an error that names the variable", v, got, err)
		}
	}
}
