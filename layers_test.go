package zmlx_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layers is the order of packages. Each may import only those on lines above
// its own; "..." stands for folders below. A kernel's way is downwards. Tests
// may import what they like, such as a device to run on.
const layers = `
half encoding/internal/wholefile internal/dtype internal/source internal/shape internal/dl internal/diskcache
encoding/internal/payload
internal/signature internal/parse internal/source/errortest encoding/npy encoding/safetensors
internal/check internal/capsule
internal/ir internal/formula
internal/ir/lower internal/ir/opt internal/deriv
internal/compile
internal/codegen
internal/backend
internal/backend/...
internal/launch internal/launch/cuda/nvrtc internal/launch/cuda/cublaslt
internal/launch/...
internal/graph internal/kernelfuzz
.
zmlxtest classic
bench
cmd/... examples/...
`

// outside names the modules that packages may import, besides the standard
// library. Tests may import those for tests anywhere.
var outside = map[string][]string{
	"github.com/ebitengine/purego":    {"internal/dl"},
	"github.com/alecthomas/kong":      {"cmd/zmlx"},
	"github.com/rogpeppe/go-internal": {"internal/diskcache"},
}

var forTests = []string{"github.com/google/go-cmp", "pgregory.net/rapid", "github.com/rogpeppe/go-internal"}

const module = "github.com/zmlx-go/zmlx"

// matches reports whether a package lies under a pattern.
func matches(pattern, pkg string) bool {
	if folder, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == folder || strings.HasPrefix(pkg, folder+"/")
	}
	return pattern == pkg
}

// layer returns the line that names a package: the one without "..." if there
// are two.
func layer(pkg string) int {
	at := -1
	for i, line := range strings.Split(strings.TrimSpace(layers), "\n") {
		for _, pattern := range strings.Fields(line) {
			if pattern == pkg {
				return i
			}
			if matches(pattern, pkg) {
				at = i
			}
		}
	}
	return at
}

func TestLayers(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || path != "." && strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if layer(pkg) < 0 {
			t.Errorf("%s: package %s is in no layer; add it to the list in layers_test.go", path, pkg)
			return nil
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, path, pkg, imported)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Errorf("only %d files were looked at", files)
	}
}

func checkImport(t *testing.T, path, pkg, imported string) {
	test := strings.HasSuffix(path, "_test.go")
	if imported == "C" {
		t.Errorf("%s uses cgo, which this project does without", path)
	}
	if imported == module || strings.HasPrefix(imported, module+"/") {
		to := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		if to == "" {
			to = "."
		}
		if to == pkg { // a package's own external tests
			return
		}
		if layer(to) >= layer(pkg) && !test {
			t.Errorf("%s: package %s must not import %s, which is not above it in the list in layers_test.go", path, pkg, to)
		}
		return
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return // the standard library
	}
	under := func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") }
	if test && slices.ContainsFunc(forTests, under) {
		return
	}
	for m, packages := range outside {
		if under(m) && slices.ContainsFunc(packages, func(p string) bool { return matches(p, pkg) }) {
			return
		}
	}
	t.Errorf("%s: package %s must not import %s", path, pkg, imported)
}
