package cudac

// This file implements the choice of the CUDA functions that a kernel uses out
// of the text that every kernel could use.

import (
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/zmlx-go/zmlx/internal/backend"
)

//go:embed prelude.cuh
var preludeText string

// own are the functions that CUDA has itself, by the name that expressions call:
// those of one float and those of two. CUDA's names for floats end in f.
var own = map[string]string{
	"zm_sqrt": "sqrt", "zm_rsqrt": "rsqrt", "zm_exp": "exp", "zm_exp2": "exp2", "zm_exp10": "exp10",
	"zm_log": "log", "zm_log2": "log2", "zm_log10": "log10", "zm_sin": "sin", "zm_cos": "cos", "zm_tan": "tan",
	"zm_asin": "asin", "zm_acos": "acos", "zm_atan": "atan", "zm_sinh": "sinh", "zm_cosh": "cosh", "zm_tanh": "tanh",
	"zm_asinh": "asinh", "zm_acosh": "acosh", "zm_atanh": "atanh", "zm_sinpi": "sinpi", "zm_cospi": "cospi",
	"zm_floor": "floor", "zm_ceil": "ceil", "zm_rint": "rint", "zm_round": "round", "zm_trunc": "trunc",
	"zm_erf": "erf", "zm_erfinv": "erfinv", "zm_log1p": "log1p", "zm_expm1": "expm1", "zm_lgamma": "lgamma", "zm_abs": "fabs",
}

var own2 = map[string]string{
	"zm_pow": "pow", "zm_atan2": "atan2", "zm_copysign": "copysign",
	"zm_fmod": "fmod", "zm_min": "fmin", "zm_max": "fmax",
}

// A part is one paragraph of the prelude: the names it defines and those it
// mentions.
type part struct {
	text     string
	mentions []string
}

var (
	preludeHead, preludeParts, preludeIndex = splitPrelude()

	definition = regexp.MustCompile(`(?m)^(?:(?:#define |struct |template <[^>]*> struct |template <[^>]*> constexpr bool )((?:ZMLX|ZM|zm)_\w+)|(?:template <[^>]*> )?ZM_FN [^(]*?\b(zm_\w+)\()`)
	mention    = regexp.MustCompile(`\b(?:zm|ZM|ZMLX)_\w+`)
)

// splitPrelude cuts the text into what every kernel has, its first two
// paragraphs, and the parts, each with the names that it defines.
func splitPrelude() (head string, parts []part, index map[string]int) {
	index = map[string]int{}
	add := func(text string) {
		for _, m := range definition.FindAllStringSubmatch(text, -1) {
			index[m[1]+m[2]] = len(parts)
		}
		parts = append(parts, part{text, mention.FindAllString(text, -1)})
	}
	paragraphs := strings.SplitAfter(preludeText, "\n\n")
	head = paragraphs[1]
	for name, cuda := range inOrder(own) {
		add(fmt.Sprintf("ZM_FN float %s(float x) { return %sf(x); }\n\n", name, cuda))
		add(fmt.Sprintf("ZM_FN double %s_d(double x) { return %s(x); }\n\n", name, cuda))
	}
	for name, cuda := range inOrder(own2) {
		add(fmt.Sprintf("ZM_FN float %s(float x, float y) { return %sf(x, y); }\n\n", name, cuda))
		add(fmt.Sprintf("ZM_FN double %s_d(double x, double y) { return %s(x, y); }\n\n", name, cuda))
	}
	add("ZM_FN float zm_fma(float x, float y, float z) { return fmaf(x, y, z); }\n\n")
	add("ZM_FN double zm_fma_d(double x, double y, double z) { return fma(x, y, z); }\n\n")
	for _, p := range paragraphs[2:] {
		add(p)
	}
	return head, parts, index
}

// inOrder goes through a map by its keys in order.
func inOrder(m map[string]string) func(yield func(k, v string) bool) {
	return func(yield func(k, v string) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// prelude returns the text that goes above a kernel, or the name of a function
// that there is no text for.
func prelude(names backend.Names, kernel string) (text, missing string) {
	want := map[int]bool{}
	var need func(name string)
	need = func(name string) {
		i, ok := preludeIndex[name]
		if !ok || want[i] {
			return
		}
		want[i] = true
		for _, m := range preludeParts[i].mentions {
			need(m)
		}
	}
	for name := range names {
		if _, ok := preludeIndex[name]; !ok {
			return "", name
		}
	}
	for _, name := range mention.FindAllString(kernel, -1) {
		need(name)
	}
	var b strings.Builder
	b.WriteString(preludeHead)
	for i, p := range preludeParts {
		if want[i] {
			b.WriteString(p.text)
		}
	}
	return b.String(), ""
}
