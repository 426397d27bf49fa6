package lower_test

// This file implements golden tests: testdata/*.txtar hold kernels and the ir
// they lower to. Run with -update to write what they lower to now.

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/zmlx-go/zmlx/internal/ir"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestGolden lowers the kernels of each file: NAME.metal is a body of the
// input a of eight floats and the output out of floats, header.metal a header
// for all of them, and NAME.ir the text of the ir.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		header := ""
		golden := map[string]string{}
		for _, f := range ar.Files {
			if f.Name == "header.metal" {
				header = string(f.Data)
			}
			golden[f.Name] = string(f.Data)
		}
		var out []txtar.File
		for _, f := range ar.Files {
			name, isBody := strings.CutSuffix(f.Name, ".metal")
			if !isBody {
				continue
			}
			out = append(out, f)
			if name == "header" {
				continue
			}
			k := kernel{header: header, body: string(f.Data), inputs: []any{eight}, outputs: []any{make([]float32, 8)}}
			text := ir.Print(k.lower(t))
			out = append(out, txtar.File{Name: name + ".ir", Data: []byte(text)})
			if want := golden[name+".ir"]; !*update && text != want {
				t.Errorf("%s: %s (-want +got):\n%s", path, name, cmp.Diff(want, text))
			}
		}
		if *update {
			ar.Files = out
			if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
