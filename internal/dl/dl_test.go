package dl

import (
	"errors"
	"runtime"
	"strings"
	"testing"
)

// libc returns the names of the C library here.
func libc() []string {
	if runtime.GOOS == "darwin" {
		return []string{"/usr/lib/libSystem.B.dylib"}
	}
	return []string{"libc.so.6", "libc.so.7", "libc.so"}
}

func TestBindAndCall(t *testing.T) {
	if !Supported {
		t.Skip("this build cannot load libraries")
	}
	lib, err := OpenFirst(append([]string{"libno-such-library.so"}, libc()...)...)
	if err != nil {
		t.Fatal(err)
	}
	var strlen func(string) uintptr
	if err := lib.Bind(&strlen, "strlen"); err != nil {
		t.Fatal(err)
	}
	if n := strlen("kernel"); n != 6 {
		t.Errorf("strlen gave %d, want 6", n)
	}
	toupper, err := lib.Sym("toupper")
	if err != nil {
		t.Fatal(err)
	}
	if c := byte(Call(toupper, 'q')); c != 'Q' {
		t.Errorf("toupper gave %q, want 'Q'", c)
	}
	if _, err := lib.Sym("no_such_symbol"); err == nil || !strings.Contains(err.Error(), "has no symbol no_such_symbol") {
		t.Errorf("missing symbol: %v", err)
	}
	if err := lib.Bind(&strlen, "no_such_symbol"); err == nil {
		t.Error("a missing symbol was bound")
	}
	if err := lib.Close(); err != nil {
		t.Error(err)
	}
}

func TestMissing(t *testing.T) {
	_, err := OpenFirst("libno-such-library.so", "/no/such/library.so")
	if err == nil {
		t.Fatal("opened what is not there")
	}
	if Supported && !strings.Contains(err.Error(), "none of libno-such-library.so, /no/such/library.so could be loaded") {
		t.Errorf("error does not say what was looked for: %v", err)
	}
	if !Supported && !errors.Is(err, ErrUnsupported) {
		t.Errorf("error is %v, want ErrUnsupported", err)
	}
	if _, err := Open(""); err == nil {
		t.Error("opened a library without a name")
	}
	var none Lib
	if _, err := none.Sym("strlen"); err == nil {
		t.Error("a library that is not open has symbols")
	}
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}
