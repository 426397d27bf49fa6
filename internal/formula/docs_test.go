package formula

import (
	"fmt"
	"html"
	"math"
	"math/rand"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zmlx-go/zmlx/internal/source"
)

func page(t *testing.T) string {
	data, err := os.ReadFile("../../docs/definitions.md")
	if err != nil {
		t.Fatal(err)
	}
	return html.UnescapeString(string(data))
}

// numbers reads "1, 2, 3".
func numbers(t *testing.T, s string) (list []float64) {
	t.Helper()
	for _, f := range strings.Split(s, ",") {
		v, err := strconv.ParseFloat(strings.TrimSpace(f), 64)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, v)
	}
	return list
}

// Definitions on the page are read, and give the values they say:
// "// x = 1, 2 and eps = 0 gives 3, 4".
func TestDocumentedDefinitions(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```definition\n(.*?)```").FindAllStringSubmatch(page(t), -1)
	values := 0
	for _, b := range blocks {
		f, err := Define(b[1])
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
			continue
		}
		checkRoundTrip(t, f)
		for _, m := range regexp.MustCompile("// (.*) gives (.*)").FindAllStringSubmatch(b[1], -1) {
			given := map[string][]float64{}
			for _, set := range strings.Split(m[1], " and ") {
				name, list, _ := strings.Cut(set, " = ")
				given[name] = numbers(t, list)
			}
			inputs, size := make([][]float64, len(f.Inputs)), 1
			for i, in := range f.Inputs {
				inputs[i] = given[in.Name]
				size = max(size, len(inputs[i]))
				delete(given, in.Name)
			}
			params := make([]float64, len(f.Params))
			for i, q := range f.Params {
				if params[i] = q.Default; given[q.Name] != nil {
					params[i] = given[q.Name][0]
				}
				delete(given, q.Name)
			}
			if len(given) > 0 {
				t.Errorf("%s\nhas no %v", b[1], given)
			}
			want, got := numbers(t, m[2]), f.EvalRow(inputs, params, size)[0]
			if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) <= 6e-6 }) {
				t.Errorf("%s\ngives %v", b[1], got)
			}
			values++
		}
	}
	if len(blocks) < 8 || values < 8 {
		t.Errorf("%d definitions and %d lists of values were found", len(blocks), values)
	}
}

// rows returns the cells of the page's tables whose first cell matches.
func rows(t *testing.T, first string) (list [][]string) {
	re := regexp.MustCompile(first)
	for line := range strings.Lines(page(t)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 {
			continue
		}
		cells = cells[1 : len(cells)-1]
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if re.MatchString(cells[0]) {
			list = append(list, cells)
		}
	}
	return list
}

var code = regexp.MustCompile("`([^`]+)`")

// Every function is on the page, and its formula and derivative there hold.
func TestDocumentedFunctions(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	documented := map[string]bool{}
	formulas, derivatives := 0, 0
	for _, cells := range rows(t, "^(`[a-z0-9_]+\\([a-z, ]*\\)` ?)+$") {
		for _, call := range code.FindAllStringSubmatch(cells[0], -1) {
			name, args, _ := strings.Cut(strings.TrimSuffix(call[1], ")"), "(")
			documented[name] = true
			if args == "" || args == "key" {
				continue
			}
			holds := func(formula string, derivative bool) {
				used := ""
				for _, a := range strings.Split(args, ", ") {
					used += "_ = " + a + "; "
				}
				text := fmt.Sprintf("f(%s) -> l, r { %s return %s, %s }", args, used, call[1], formula)
				plain, simple := pair(t, text)
				agreed := 0
				for range 200 {
					inputs := make([][]float64, len(plain.Inputs))
					for i := range inputs {
						inputs[i] = []float64{2 * r.Float64()}
						if r.Intn(2) == 0 {
							inputs[i][0] *= -0.45
						}
					}
					out := plain.EvalRow(inputs, nil, 1)
					l, right := out[0][0], out[1][0]
					if derivative {
						const h = 1e-5
						x := inputs[0][0]
						at := func(x float64) float64 { return simple.EvalRow([][]float64{{x}}, nil, 1)[0][0] }
						if math.Floor(2*(x-h)) != math.Floor(2*(x+h)) {
							continue // over a step
						}
						l = (at(x+h) - at(x-h)) / (2 * h)
					}
					if math.IsNaN(l) || math.IsInf(l, 0) || derivative && math.Abs(l) > 10 {
						continue
					}
					if math.Abs(l-right) > 1e-12*(1+math.Abs(right)) && (!derivative || math.Abs(l-right) > 1e-5*(1+math.Abs(right))) {
						t.Errorf("%s of %v is %g, and %s is %g", call[1], inputs, l, formula, right)
						return
					}
					agreed++
				}
				if agreed < 20 {
					t.Errorf("%s: %d points", call[1], agreed)
				}
			}
			if m := code.FindStringSubmatch(cells[1]); m != nil && cells[1] == m[0] {
				holds(m[1], false)
				formulas++
			}
			if len(cells) < 3 {
				continue
			}
			if m := code.FindStringSubmatch(cells[2]); m != nil && cells[2] == m[0] {
				holds(m[1], true)
				derivatives++
			}
		}
	}
	for name := range functions {
		if !documented[name] {
			t.Errorf("%s is not on the page", name)
		}
	}
	for name := range documented {
		if functions[name] == nil && name != "float" {
			t.Errorf("%s is on the page, and is no function", name)
		}
	}
	for name := range constants {
		if !strings.Contains(page(t), "`"+name+"`") {
			t.Errorf("%s is not on the page", name)
		}
	}
	if formulas < 40 || derivatives < 35 {
		t.Errorf("%d formulas and %d derivatives were found", formulas, derivatives)
	}
}

// The table of rewrites says what is computed.
func TestDocumentedRewrites(t *testing.T) {
	_, section, _ := strings.Cut(page(t), "| written | computed |")
	section, _, _ = strings.Cut(section, "\n\n")
	count := 0
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 2 || !strings.Contains(cells[0], "`") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
			f, err := Define("f(x) = " + m[1])
			if err != nil {
				t.Error(err)
			} else if got := f.String(); got != "f(x) = "+strings.Trim(cells[1], "`") {
				t.Errorf("%s is %s, and the page says %s", m[1], got, cells[1])
			}
			count++
		}
	}
	if count < 12 {
		t.Errorf("only %d rewrites were found", count)
	}
}

// The errors on the page are those that the examples give.
func TestDocumentedErrors(t *testing.T) {
	examples := rows(t, "^`[A-Z][A-Za-z]+`$")
	for _, cells := range examples {
		text := code.FindStringSubmatch(cells[1])[1]
		_, err := Define(text)
		list, ok := err.(*source.List)
		if !ok {
			t.Errorf("%s is no error", text)
			continue
		}
		if got := "`" + string(list.Diags[0].Code) + "`"; got != cells[0] {
			t.Errorf("%s is %s, and the page says %s", text, got, cells[0])
		}
	}
	if len(examples) < 12 {
		t.Errorf("only %d errors were found", len(examples))
	}
	shown := regexp.MustCompile("(?s)\n\n    (definition:1:.*?)\n\n").FindStringSubmatch(page(t))
	_, err := Define("f(x) = exp(-x) * softplux(x)")
	if shown == nil || err == nil || err.Error() != strings.ReplaceAll(shown[1], "\n    ", "\n") {
		t.Errorf("the error is\n%v", err)
	}
}
