package check_test

// This file implements the tests of the documentation: docs/errors.md has
// every code, its examples give the codes they stand under, and those of
// docs/kernel-language.md are kernels without a fault.

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

// An example is a fenced block of a page.
type example struct {
	heading string // the nearest before it, without marks
	info    string // what follows the fence
	text    string
	line    int
}

// readPage returns a page's headings and examples.
func readPage(t *testing.T, name string) (headings map[string]bool, examples []example) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", name))
	if err != nil {
		t.Fatal(err)
	}
	headings = make(map[string]bool)
	heading := ""
	var open *example
	for i, line := range strings.Split(string(text), "\n") {
		switch {
		case open != nil && line == "```":
			examples = append(examples, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "```"):
			open = &example{heading: heading, info: strings.TrimPrefix(line, "```"), line: i + 1}
		case strings.HasPrefix(line, "#"):
			heading = strings.Trim(line, "# `")
			headings[heading] = true
		}
	}
	if open != nil {
		t.Errorf("%s:%d: this example never ends", name, open.line)
	}
	return headings, examples
}

// codes returns the codes that a package's sources declare.
func codes(t *testing.T, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
	var list []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			name := ""
			switch typ := spec.Type.(type) {
			case *ast.SelectorExpr:
				name = typ.Sel.Name
			case *ast.Ident:
				name = typ.Name
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && (name == "Code" || name == "FindingKind") {
				code, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, code)
			}
			return true
		})
	}
	if len(list) == 0 {
		t.Fatalf("no codes in %s", dir)
	}
	return list
}

func TestCodesAreDocumented(t *testing.T) {
	headings, _ := readPage(t, "errors.md")
	known := map[string]bool{}
	for _, dir := range []string{"../parse", ".", "../ir/lower", "../launch"} {
		for _, code := range codes(t, dir) {
			known[code] = true
			if !headings[code] {
				t.Errorf("docs/errors.md does not explain %s", code)
			}
		}
	}
	lint, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range codes(t, "../signature") {
		if !strings.Contains(string(lint), "`"+code+"`") {
			t.Errorf("docs/lint.md does not explain %s", code)
		}
	}
	for h := range headings {
		if regexp.MustCompile(`^[A-Z][a-z]+[A-Z]\w+$`).MatchString(h) && !known[h] {
			t.Errorf("docs/errors.md explains %s, which is no code", h)
		}
	}
}

// A code may come without an example where one would be too large, would be a
// bug of ours, or is about the launch and not the text.
var withoutExample = map[string]bool{"TooLarge": true, "InternalError": true, "ThreadLimit": true}

func TestErrorExamples(t *testing.T) {
	headings, examples := readPage(t, "errors.md")
	shown := map[string]bool{}
	for _, ex := range examples {
		shown[ex.heading] = true
		header, body := split(ex.text)
		prog, errs := checkText(t, "", header, body)
		if ex.info == "metal run" { // a fault that shows when it runs
			if prog == nil || len(errs.Diags) > 0 {
				t.Errorf("errors.md:%d:\n%v", ex.line, errs)
			}
			continue
		}
		found := false
		for _, d := range errs.Diags {
			found = found || string(d.Code) == ex.heading
		}
		if !found {
			t.Errorf("errors.md:%d: the example gives no %s:\n%v", ex.line, ex.heading, errs)
		}
		if n := len(sorted(errs)); n != 1 {
			t.Errorf("errors.md:%d: the example gives %d findings:\n%v", ex.line, n, errs)
		}
	}
	for _, dir := range []string{"../parse", ".", "../launch"} {
		for _, code := range codes(t, dir) {
			if headings[code] && !shown[code] && !withoutExample[code] {
				t.Errorf("docs/errors.md has no example of %s", code)
			}
		}
	}
}

func sorted(errs *source.List) []source.Diag {
	errs.Sort()
	return errs.Diags
}

func TestLanguageExamples(t *testing.T) {
	_, examples := readPage(t, "kernel-language.md")
	if len(examples) == 0 {
		t.Fatal("no examples")
	}
	for _, ex := range examples {
		if ex.info != "metal" {
			continue
		}
		header, body := split(ex.text)
		if prog, errs := checkText(t, "", header, body); prog == nil || len(errs.Diags) > 0 {
			t.Errorf("kernel-language.md:%d:\n%v", ex.line, errs)
		}
	}
}
