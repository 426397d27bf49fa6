package classic_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx"
	"github.com/zmlx-go/zmlx/classic"
	"github.com/zmlx-go/zmlx/zmlxtest"
)

// trimmed drops the indentation of lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimSpace(l)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// The examples of the page are those that are run, and the error that it shows
// is what comes out.
func TestDocs(t *testing.T) {
	data, err := os.ReadFile("../docs/classic.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	examples, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	run := trimmed(string(examples))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(page, -1)
	if want := strings.Count(string(examples), "func Example"); len(blocks) != want {
		t.Errorf("the page has %d examples of %d", len(blocks), want)
	}
	for _, b := range blocks {
		if !strings.Contains(run, trimmed(b[1])) {
			t.Errorf("no example is\n%s", b[1])
		}
	}
	_, err = classic.UnaryFromExpr("f", "x * x", "2 * x * gg", classic.Options{})
	if _, text, _ := strings.Cut(err.Error(), "\n"); !strings.Contains(page, text) {
		t.Errorf("the page does not show\n%v", err)
	}
	// Every name of the package that the page has, exists; the examples show
	// most, and these are the rest.
	for _, name := range regexp.MustCompile(`classic\.([A-Z]\w+)`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(run, "classic."+name[1]) && name[1] != "ElementwiseBinarySource" && name[1] != "ElementwiseMapSource" &&
			name[1] != "RowwiseParallelReductionSource" && name[1] != "RowwiseMapReduceSource" {
			t.Errorf("the page speaks of %s", name[0])
		}
	}
}

// Vmap maps ops of all kinds.
func TestVmap(t *testing.T) {
	x := zmlx.FromSlice([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	for _, o := range []*classic.Op{
		classic.Must(classic.Unary("square", "x * x", classic.Options{})),
		classic.Must(classic.UnaryFromExpr("square", "x * x", "2 * x * g", classic.Options{})),
		classic.Must(classic.UnaryFromExpr("square", "x * x", "", classic.Options{})),
	} {
		mapped := zmlx.Vmap(func(args ...*zmlx.Array) []*zmlx.Array { return o.Results(args...) })
		zmlxtest.Same(t, mapped(x)[0], []float32{1, 4, 9, 16, 25, 36})
	}
	sum := classic.Must(classic.Reduce("sum", sumOf, classic.Options{}))
	mapped := zmlx.Vmap(func(args ...*zmlx.Array) []*zmlx.Array { return sum.Results(args...) })
	zmlxtest.Same(t, mapped(x)[0], []float32{6, 15})
}
