package classic_test

import (
	"os"
	"testing"
)

// TestMain runs the tests on the interpreter, which compiles in no time, unless
// ZMLX_DEVICE names another device. Tests of all devices open them by name.
func TestMain(m *testing.M) {
	if os.Getenv("ZMLX_DEVICE") == "" {
		os.Setenv("ZMLX_DEVICE", "interp")
	}
	os.Exit(m.Run())
}
