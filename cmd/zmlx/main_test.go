package main

// This file implements tests of the command line as a whole.

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func capsuleFile(t *testing.T, source string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "k.json")
	text := `{"name": "k", "input_names": [], "output_names": ["out"], "source": "` + source + `",
		"grid": [8, 1, 1], "threadgroup": [8, 1, 1], "output_shapes": [[8]], "output_dtypes": ["float32"], "inputs": {}}`
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// Output that could not be written is a failure.
func TestFullDisk(t *testing.T) {
	path := capsuleFile(t, "out[thread_position_in_grid.x] = 1;")
	for _, args := range [][]string{{"run", path}, {"run", "--json", path}, {"check", path}, {"emit", "--target", "ir", path}, {"devices"}, {"version"}} {
		var stderr bytes.Buffer
		if code := execute(environment{context.Background(), fullDisk{}, &stderr}, args); code != exitBad {
			t.Errorf("%v: exit code %d", args, code)
		}
		if !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: stderr %q", args, &stderr)
		}
	}
}

func TestInterrupt(t *testing.T) {
	path := capsuleFile(t, "while (true) { } out[0] = 1;")
	for _, command := range []string{"run", "check"} {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var stdout, stderr bytes.Buffer
		if code := execute(environment{ctx, &stdout, &stderr}, []string{command, path}); code != exitInterrupted || stderr.String() != "zmlx: interrupted\n" {
			t.Errorf("%s: exit code %d, stderr %q", command, code, &stderr)
		}
	}
}
